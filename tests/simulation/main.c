/* simulation: runs worlds from seeds, repeats one, cuts a failing one down.
 *
 *   simulation [--seed N] [--server KIND] [--episodes N] [--trace] [--keep LIST]     one world; cut down if it fails
 *   simulation --hours N | --seconds N | --worlds N [--jobs N] [--first SEED] [--except SEED,SEED] [--server KIND]
 *                                                                                    as many as that takes
 *
 * Exit code 1: a world was found that fails. */
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

#define FAILURES_MAX 64
#define JOBS_MAX     16
#define EPISODES     12

struct options {
        uint64_t seed, first;
        bool has_seed, trace, shrink;
        enum server_kind server;
        unsigned episodes, jobs, failures;
        uint64_t worlds;    /* how many; 0: as long as the others say */
        const char *except; /* seeds, with commas */
        double hours, seconds;
};

/* What the processes share. */
struct tally {
        struct counters counters[SERVER_KINDS];
        unsigned n_failures;
        struct {
                uint64_t seed;
                struct outcome outcome;
        } failures[FAILURES_MAX];
};

static double real_seconds(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* ---- a folder for the machines' files: in memory, where there is such a place ---- */

static void folder_make(char *dir, size_t size) {
        const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";

        (void) snprintf(dir, size, "%s/busyd-simulation-XXXXXX", base);
        if (!mkdtemp(dir)) {
                perror(dir);
                exit(2);
        }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
        if (at->level > 0)
                (void) remove(path);
        return 0;
}

static void folder_clear(const char *dir, bool itself) {
        (void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        if (itself)
                (void) rmdir(dir);
}

/* ---- cutting down ---- */

static bool fails(const struct history *h, const char *dir, struct outcome *ret) {
        struct counters ignored = { 0 };

        folder_clear(dir, false);
        world_run(h, dir, ret, &ignored);
        return ret->violated;
}

/* Without `n` happenings from `from` on; what came between them still takes its time. */
static void cut(struct history *h, size_t from, size_t n, bool keep_time) {
        usec_t gap = 0;

        for (size_t i = from; i < from + n; i++)
                gap += h->list[i].at;
        memmove(&h->list[from], &h->list[from + n], (h->n - from - n) * sizeof(h->list[0]));
        h->n -= n;
        if (from < h->n && keep_time)
                h->list[from].at += gap;
}

static struct history *copy(const struct history *h) {
        struct history *c = malloc(sizeof(*c));

        *c = *h;
        c->list = malloc((h->n + 1) * sizeof(h->list[0]));
        memcpy(c->list, h->list, h->n * sizeof(h->list[0]));
        return c;
}

static bool try_without(struct history **h, size_t from, size_t n, bool keep_time, const char *dir,
                        struct outcome *outcome) {
        struct history *c = copy(*h);
        struct outcome o;

        cut(c, from, n, keep_time);
        if (!fails(c, dir, &o) || o.kind != outcome->kind) {
                history_free(c);
                return false;
        }
        *outcome = o;
        history_free(*h);
        *h = c;
        if (o.happening < c->n)
                c->n = o.happening;
        return true;
}

static void shrink(struct history **h, const char *dir, struct outcome *outcome) {
        bool again = true;

        if (outcome->happening < (*h)->n)
                (*h)->n = outcome->happening;
        for (size_t n = (*h)->n / 2; n >= 1; n = n > 1 ? n / 2 : 0)
                for (size_t from = 0; from + n <= (*h)->n;)
                        if (!try_without(h, from, n, true, dir, outcome) &&
                            !try_without(h, from, n, false, dir, outcome))
                                from += n;
        while (again) {
                again = false;
                for (size_t from = 0; from < (*h)->n;)
                        if (try_without(h, from, 1, true, dir, outcome))
                                again = true;
                        else
                                from++;
        }
        if ((*h)->n_machines == 2) {
                struct history *c = copy(*h);
                struct outcome o;

                c->n_machines = 1;
                for (size_t i = 0; i < c->n; i++)
                        c->list[i].machine = 0;
                if (fails(c, dir, &o) && o.kind == outcome->kind) {
                        *outcome = o;
                        history_free(*h);
                        *h = c;
                } else
                        history_free(c);
        }
}

/* ---- one, and many ---- */

static int run_one(const struct options *o, const char *dir) {
        struct history *h = history_new(o->seed, o->server, o->episodes);
        struct counters counters = { 0 };
        struct outcome outcome;
        int code = 0;

        door_trace(o->trace && !o->shrink);
        world_run(h, dir, &outcome, &counters);
        door_trace(false);
        printf("seed %llu, server %s: %.1f simulated hours, %s\n", (unsigned long long) o->seed,
               server_kind_to_string(h->server), (double) counters.simulated / USEC_PER_HOUR,
               outcome.violated ? outcome.what : "no violation");
        if (outcome.violated) {
                code = 1;
                if (o->shrink) {
                        shrink(&h, dir, &outcome);
                        printf("cut down to %zu happenings: %s\n", h->n, outcome.what);
                        history_print(h);
                        folder_clear(dir, false);
                        if (o->trace) {
                                door_trace(true);
                                world_run(h, dir, &outcome, &counters);
                        }
                }
        }
        history_free(h);
        return code;
}

static bool is_left_out(const struct options *o, uint64_t seed) {
        for (const char *p = o->except; p && *p; p += strcspn(p, ","), p += *p == ',')
                if (strtoull(p, NULL, 10) == seed)
                        return true;
        return false;
}

static void work(const struct options *o, struct tally *t, unsigned job, double started) {
        char dir[256];
        double hours = 0;

        folder_make(dir, sizeof(dir));
        for (uint64_t seed = o->first + job; o->worlds == 0 || seed < o->first + o->worlds; seed += o->jobs) {
                if (is_left_out(o, seed))
                        continue;

                struct history *h = history_new(seed, o->server, o->episodes);
                struct counters c = { 0 };
                struct outcome outcome;

                folder_clear(dir, false);
                world_run(h, dir, &outcome, &c);
                counters_add(&t->counters[h->server], &c);
                hours += (double) c.simulated / USEC_PER_HOUR;
                if (outcome.violated && t->n_failures < FAILURES_MAX) {
                        t->failures[t->n_failures].seed = seed;
                        t->failures[t->n_failures++].outcome = outcome;
                        fprintf(stderr, "seed %llu (%s): %s\n", (unsigned long long) seed,
                                server_kind_to_string(h->server), outcome.what);
                }
                history_free(h);
                if (t->n_failures >= o->failures)
                        break;
                if (o->worlds > 0)
                        continue;
                if (o->hours > 0 ? hours >= o->hours / o->jobs : real_seconds() - started >= o->seconds)
                        break;
        }
        folder_clear(dir, true);
}

static void print_row(const struct tally *t, const char *name, uint64_t (*get)(const struct counters *c, size_t i),
                      size_t i) {
        printf("%-34.34s", name);
        for (size_t k = 0; k < SERVER_KINDS; k++)
                printf(" %13llu", (unsigned long long) get(&t->counters[k], i));
        putchar('\n');
}

#define GETTER(name, expression)                                                                                      \
        static uint64_t name(const struct counters *c, size_t i) {                                                    \
                return (uint64_t) (expression);                                                                       \
        }
GETTER(get_hours, c->simulated / USEC_PER_HOUR)
GETTER(get_worlds, c->worlds)
GETTER(get_quiets, c->quiets)
GETTER(get_strong, c->strong)
GETTER(get_stuck, c->stuck)
GETTER(get_shown, c->shown_in_call)
GETTER(get_happening, c->happenings[i])
GETTER(get_manner, c->client_manners[i])
GETTER(get_request, c->requests[i])
GETTER(get_fault, c->faults[i])
GETTER(get_late, c->late + 0 * i)
GETTER(get_orphans, c->orphans)
GETTER(get_turns, c->turns)
GETTER(get_starts, c->starts)
GETTER(get_kills, c->kills)
GETTER(get_cuts, c->power_cuts)
GETTER(get_mid, c->mid_turn)

static struct counters all_phases;
static uint64_t get_phase(const struct counters *c, size_t i) {
        for (size_t k = 0; k < CLAIM_PHASES_MAX; k++)
                if (streq(c->phases[k].name, all_phases.phases[i].name))
                        return c->phases[k].n;
        return 0;
}

static void print_tally(const struct tally *t) {
        printf("%-34s", "");
        for (size_t k = 0; k < SERVER_KINDS; k++)
                printf(" %13s", server_kind_to_string(k));
        putchar('\n');
        print_row(t, "simulated hours", get_hours, 0);
        print_row(t, "worlds (seeds)", get_worlds, 0);
        print_row(t, "judged after a quiet period", get_quiets, 0);
        print_row(t, "  of these after a long one", get_strong, 0);
        print_row(t, "  busy held by another session", get_stuck, 0);
        print_row(t, "calls looked at while they go on", get_shown, 0);
        print_row(t, "turns", get_turns, 0);
        print_row(t, "starts", get_starts, 0);
        print_row(t, "kills", get_kills, 0);
        print_row(t, "power cuts", get_cuts, 0);
        print_row(t, "  of both in the middle of a turn", get_mid, 0);
        print_row(t, "requests that landed late", get_late, 0);
        print_row(t, "requests let go on their way", get_orphans, 0);
        puts("happenings");
        for (size_t i = 0; i < HAPPENING_KINDS; i++) {
                char name[64];

                (void) snprintf(name, sizeof(name), "  %s", happening_kind_to_string(i));
                print_row(t, name, get_happening, i);
        }
        puts("other clients");
        for (size_t i = 0; i < CLIENT_MANNERS; i++)
                print_row(t, client_manner_to_string(i), get_manner, i);
        puts("requests");
        for (size_t i = 0; i < REQUEST_KINDS; i++)
                print_row(t, request_kind_to_string(i), get_request, i);
        puts("faults met");
        for (size_t i = 0; i < WIRE_FAULT_KINDS; i++)
                print_row(t, wire_fault_kind_to_string(i), get_fault, i);
        puts("phases of claims");
        for (size_t k = 0; k < SERVER_KINDS; k++)
                counters_add(&all_phases, &t->counters[k]);
        for (size_t i = 0; i < CLAIM_PHASES_MAX && all_phases.phases[i].name[0]; i++)
                print_row(t, all_phases.phases[i].name, get_phase, i);
}

static int run_many(const struct options *o) {
        struct tally *tallies =
                mmap(NULL, o->jobs * sizeof(*tallies), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct tally *total = calloc(1, sizeof(*total));
        double started = real_seconds(), took;
        pid_t pids[JOBS_MAX];
        int code = 0;
        double hours = 0;

        for (unsigned i = 0; i < o->jobs; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        work(o, &tallies[i], i, started);
                        exit(0);
                }
        }
        for (unsigned i = 0; i < o->jobs; i++) {
                int status;

                if (waitpid(pids[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                        printf("job %u has died\n", i);
                        code = 1;
                }
                for (size_t k = 0; k < SERVER_KINDS; k++)
                        counters_add(&total->counters[k], &tallies[i].counters[k]);
        }
        took = real_seconds() - started;
        print_tally(total);
        for (size_t k = 0; k < SERVER_KINDS; k++)
                hours += (double) total->counters[k].simulated / USEC_PER_HOUR;
        printf("%.0f simulated hours (%.2f years) in %.1f s: %.0f an hour of each minute\n", hours, hours / 8766, took,
               hours / took * 60);
        for (unsigned i = 0; i < o->jobs; i++)
                for (unsigned n = 0; n < tallies[i].n_failures; n++) {
                        printf("VIOLATION seed %llu: %s\n", (unsigned long long) tallies[i].failures[n].seed,
                               tallies[i].failures[n].outcome.what);
                        code = 1;
                }
        if (code == 0)
                puts("no violation");
        free(total);
        return code;
}

static enum server_kind server_from_string(const char *s) {
        for (size_t k = 0; k < SERVER_KINDS; k++)
                if (streq(s, server_kind_to_string(k)))
                        return k;
        fprintf(stderr, "no such server: %s\n", s);
        exit(2);
}

int main(int argc, char *argv[]) {
        static const struct option table[] = {
                { "seed", required_argument, NULL, 's' },
                { "server", required_argument, NULL, 'k' },
                { "episodes", required_argument, NULL, 'e' },
                { "trace", no_argument, NULL, 't' },
                { "hours", required_argument, NULL, 'h' },
                { "seconds", required_argument, NULL, 'S' },
                { "jobs", required_argument, NULL, 'j' },
                { "first", required_argument, NULL, 'f' },
                { "worlds", required_argument, NULL, 'W' },
                { "except", required_argument, NULL, 'x' },
                { "whole", no_argument, NULL, 'w' },
                { "failures", required_argument, NULL, 'F' },
                {},
        };
        struct options o = { .server = SERVER_KINDS,
                             .episodes = EPISODES,
                             .jobs = 2,
                             .first = 1,
                             .seconds = 60,
                             .shrink = true,
                             .failures = 4 };
        char dir[256];
        int c, code;

        while ((c = getopt_long(argc, argv, "", table, NULL)) >= 0)
                switch (c) {
                case 's':
                        o.seed = strtoull(optarg, NULL, 10);
                        o.has_seed = true;
                        break;
                case 'k':
                        o.server = server_from_string(optarg);
                        break;
                case 'e':
                        o.episodes = (unsigned) atoi(optarg);
                        break;
                case 't':
                        o.trace = true;
                        break;
                case 'h':
                        o.hours = atof(optarg);
                        break;
                case 'S':
                        o.seconds = atof(optarg);
                        break;
                case 'j':
                        o.jobs = (unsigned) atoi(optarg);
                        break;
                case 'f':
                        o.first = strtoull(optarg, NULL, 10);
                        break;
                case 'W':
                        o.worlds = strtoull(optarg, NULL, 10);
                        break;
                case 'x':
                        o.except = optarg;
                        break;
                case 'w':
                        o.shrink = false;
                        break;
                case 'F':
                        o.failures = (unsigned) atoi(optarg);
                        break;
                default:
                        return 2;
                }
        if (o.jobs < 1 || o.jobs > JOBS_MAX)
                o.jobs = 2;
        if (!o.has_seed)
                return run_many(&o);
        folder_make(dir, sizeof(dir));
        code = run_one(&o, dir);
        folder_clear(dir, true);
        return code;
}
