#include "progress.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct progress {
        _Atomic uint64_t n, n_violated;
        _Atomic usec_t simulated;
        uint64_t every, worlds;
        double hours;
        bool renewed; /* one line on a terminal */
};

struct progress *progress_new(uint64_t every, uint64_t worlds, double hours) {
        struct progress *p =
                mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, /* fd= */ -1, 0);

        if (p == MAP_FAILED) {
                perror("mmap");
                exit(2);
        }
        p->renewed = isatty(STDERR_FILENO);
        p->every = every > 0 || !p->renewed ? every : 1;
        p->worlds = worlds;
        p->hours = worlds > 0 ? 0 : hours;
        return p;
}

struct progress *progress_free(struct progress *p) {
        if (!p)
                return NULL;
        (void) fputs(progress_break(p), stderr);
        (void) munmap(p, sizeof(*p));
        return NULL;
}

void progress_step(struct progress *p, usec_t simulated, bool violated) {
        usec_t all = atomic_fetch_add(&p->simulated, simulated) + simulated;
        uint64_t n_violated = atomic_fetch_add(&p->n_violated, violated) + violated;
        uint64_t n = atomic_fetch_add(&p->n, 1) + 1;
        char of_worlds[32] = "", of_hours[32] = "";

        if (p->every == 0 || n % p->every != 0)
                return;
        if (p->worlds > 0)
                (void) snprintf(of_worlds, sizeof(of_worlds), " of %llu", (unsigned long long) p->worlds);
        if (p->hours > 0)
                (void) snprintf(of_hours, sizeof(of_hours), " of %.0f", p->hours);
        (void) fprintf(stderr, "%s%llu%s worlds, %llu%s simulated hours, %llu violations%s", p->renewed ? "\r" : "",
                       (unsigned long long) n, of_worlds, (unsigned long long) (all / USEC_PER_HOUR), of_hours,
                       (unsigned long long) n_violated, p->renewed ? " " : "\n");
}

const char *progress_break(const struct progress *p) {
        return p->renewed && p->n >= p->every ? "\n" : "";
}
