#include "system/rest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "system/notice.h"
#include "system/pace.h"

#define KEY "\nvoluntary_ctxt_switches:"
/* Longer than what busyd puts off by itself, and for a machine under load longer. */
#define REST_MSEC       1000
#define REST_PACED_MSEC 100

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static unsigned long long switches_of(pid_t pid, const char *thread) {
        SCOPED(free) char *text = NULL;
        const char *at;
        char path[320];

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, thread);
        text = file_text(path);
        at = text ? strstr(text, KEY) : NULL;
        return at ? strtoull(at + strlen(KEY), NULL, 10) : 0;
}

static unsigned long long switches(pid_t pid) {
        unsigned long long n = 0;
        struct dirent *d;
        char path[64];
        DIR *tasks;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", pid);
        tasks = opendir(path);
        cr_assert(tasks, "busyd does not run");
        while ((d = readdir(tasks)))
                if (d->d_name[0] != '.')
                        n += switches_of(pid, d->d_name);
        closedir(tasks);
        return n;
}

unsigned long long wakeups_at_rest(struct world *w) {
        int64_t until = now_msec() + patience(), since = now_msec(), rest = paced(REST_PACED_MSEC);
        unsigned long long n = switches(w->busyd), before;

        if (rest < REST_MSEC)
                rest = REST_MSEC;
        while (now_msec() < since + rest) {
                check(w, now_msec() < until, "busyd does not come to rest");
                peer_wait(w->peer, 20);
                before = n;
                n = switches(w->busyd);
                if (n != before)
                        since = now_msec();
        }
        return n;
}

void programs_come_and_go(struct world *w, unsigned n) {
        DBusConnection *witness = desk_connect(w);
        int64_t until = now_msec() + patience();
        SCOPED(free) char *last = NULL;

        for (; n > 0; n--) {
                DBusConnection *c = desk_connect(w);

                free(last);
                last = strdup(dbus_bus_get_unique_name(c));
                desk_disconnect(c);
        }
        while (last && dbus_bus_name_has_owner(witness, last, NULL))
                check(w, now_msec() < until, "the bus does not let go of %s", last);
        desk_disconnect(witness);
}

#ifdef __SANITIZE_ADDRESS__
const bool memory_tells = false; /* it keeps what is freed */
#else
const bool memory_tells = true;
#endif

long private_memory(const struct world *w) {
        char path[64], line[256];
        long sum = 0, kb;
        FILE *f;

        (void) snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int) w->busyd);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "Private_Dirty: %ld", &kb) == 1)
                        sum += kb;
        if (f)
                (void) fclose(f);
        return sum;
}

static bool region_has(int mem, unsigned long from, unsigned long to, const char *text) {
        size_t size = to - from;
        SCOPED(free) char *copy = malloc(size);
        ssize_t n = copy ? pread(mem, copy, size, (off_t) from) : -1;

        return n > 0 && memmem(copy, (size_t) n, text, strlen(text));
}

bool memory_has(const struct world *w, const char *text) {
        char path[64], line[512], mode[8];
        unsigned long from, to;
        bool has = false;
        FILE *maps;
        int mem;

        snprintf(path, sizeof(path), "/proc/%d/mem", (int) w->busyd);
        mem = open(path, O_RDONLY | O_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/%d/maps", (int) w->busyd);
        maps = fopen(path, "re");
        check(w, mem >= 0 && maps, "busyd's memory cannot be read");
        while (fgets(line, sizeof(line), maps))
                if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r' && !strstr(line, "[v"))
                        has = has || region_has(mem, from, to, text);
        fclose(maps);
        close(mem);
        return has;
}

usec_t worked(const struct world *w) {
        SCOPED(free) char *text = NULL;
        unsigned long user = 0, kernel = 0;
        const char *at;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) w->busyd);
        text = file_text(path);
        at = strrchr(text, ')');
        cr_assert(at && sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2);
        return (user + kernel) * USEC_PER_SEC / (usec_t) sysconf(_SC_CLK_TCK);
}
