/* simulation: runs worlds from seeds, repeats one, cuts a failing one down. See --help. */
#include <ftw.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "allocator/allocator.h"
#include "progress.h"
#include "world.h"

#define FAILURES_MAX 64
#define JOBS_MAX     16
#define EPISODES     12

struct options {
        const char *seed; /* NULL: many worlds */
        bool trace, whole;
        enum server_kind server;
        uint64_t first, worlds; /* worlds 0: as long as the others say */
        uint64_t episodes, jobs, failures, progress;
        const char *except;    /* seeds, with commas */
        uint64_t memory, disk; /* see struct torture */
        double hours, seconds;
};

enum option_kind { OPTION_FLAG, OPTION_NUMBER, OPTION_REAL, OPTION_TEXT, OPTION_SERVER, OPTION_HELP };

static const struct option_row {
        const char *name, *argument, *help; /* argument NULL: a flag */
        enum option_kind kind;
        size_t place; /* in struct options */
} option_rows[] = {
#define PLACE(member) offsetof(struct options, member)
        { "seed", "N", "one world; if it fails, it is cut down to the shortest history that still fails", OPTION_TEXT,
          PLACE(seed) },
        { "whole", NULL, "without cutting it down", OPTION_FLAG, PLACE(whole) },
        { "trace", NULL, "with all that happens in it", OPTION_FLAG, PLACE(trace) },
        { "hours", "N", "many worlds: so many simulated hours in all", OPTION_REAL, PLACE(hours) },
        { "seconds", "N", "... or as many as fit into so many real seconds (60)", OPTION_REAL, PLACE(seconds) },
        { "worlds", "N", "... or so many worlds", OPTION_NUMBER, PLACE(worlds) },
        { "first", "SEED", "begins there (1)", OPTION_NUMBER, PLACE(first) },
        { "except", "SEED,SEED", "leaves these out", OPTION_TEXT, PLACE(except) },
        { "failures", "N", "a process goes on until so many of its worlds have failed (4)", OPTION_NUMBER,
          PLACE(failures) },
        { "jobs", "N", "processes (2)", OPTION_NUMBER, PLACE(jobs) },
        { "progress", "N", "says on stderr after each N worlds how far it is (on a terminal after each)",
          OPTION_NUMBER, PLACE(progress) },
        { "server", "KIND", "worlds of one kind of homeserver only", OPTION_SERVER, PLACE(server) },
        { "episodes", "N", "so many in a world, or as many days (12)", OPTION_NUMBER, PLACE(episodes) },
        { "memory", "N", "of what busyd allocates, one in N fails, but for quiet times", OPTION_NUMBER,
          PLACE(memory) },
        { "disk", "N", "of its writes, flushes and renames, one in N fails", OPTION_NUMBER, PLACE(disk) },
        { "help", NULL, "this", OPTION_HELP, 0 },
#undef PLACE
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

static struct history *history_of(const struct options *o, uint64_t seed) {
        struct history *h = history_new(seed, o->server, (unsigned) o->episodes);

        h->torture = (struct torture){ .memory = (uint32_t) o->memory, .disk = (uint32_t) o->disk };
        return h;
}

static int run_one(const struct options *o, const char *dir) {
        uint64_t seed = strtoull(o->seed, NULL, 10);
        struct history *h = history_of(o, seed);
        struct counters counters = { 0 };
        struct outcome outcome;
        int code = 0;

        door_trace(o->trace && o->whole);
        world_run(h, dir, &outcome, &counters);
        door_trace(false);
        printf("seed %llu, server %s: %.1f simulated hours, %s\n", (unsigned long long) seed,
               server_kind_to_string(h->server), (double) counters.simulated / USEC_PER_HOUR,
               outcome.violated ? outcome.what : "no violation");
        if (outcome.violated) {
                code = 1;
                if (!o->whole) {
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

static void work(const struct options *o, struct tally *t, struct progress *p, unsigned job, double started) {
        char dir[256];
        double hours = 0;

        folder_make(dir, sizeof(dir));
        for (uint64_t seed = o->first + job; o->worlds == 0 || seed < o->first + o->worlds; seed += o->jobs) {
                if (is_left_out(o, seed))
                        continue;

                struct history *h = history_of(o, seed);
                struct counters c = { 0 };
                struct outcome outcome;

                folder_clear(dir, false);
                world_run(h, dir, &outcome, &c);
                counters_add(&t->counters[h->server], &c);
                hours += (double) c.simulated / USEC_PER_HOUR;
                if (outcome.violated && t->n_failures < FAILURES_MAX) {
                        t->failures[t->n_failures].seed = seed;
                        t->failures[t->n_failures++].outcome = outcome;
                        fprintf(stderr, "%sseed %llu (%s): %s\n", progress_break(p), (unsigned long long) seed,
                                server_kind_to_string(h->server), outcome.what);
                }
                progress_step(p, c.simulated, outcome.violated);
                history_free(h);
                if (t->n_failures >= o->failures)
                        break;
                if (o->worlds > 0)
                        continue;
                if (o->hours > 0 ? hours >= o->hours / (double) o->jobs : real_seconds() - started >= o->seconds)
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
static const char *const comparing_words[COMPARING_ENDS] = {
        [COMPARING_GOES_ON] = "  comparisons of emoji begun",
        [COMPARING_SIGNED] = "    and the session signed",
        [COMPARING_UNANSWERED] = "    nobody answered in time",
        [COMPARING_CANCELLED_HERE] = "    cancelled here",
        [COMPARING_CANCELLED_THERE] = "    cancelled on the phone",
        [COMPARING_REFUSED] = "    refused",
        [COMPARING_UNSIGNED] = "    agreed, and not signed",
        [COMPARING_KILLED] = "    busyctl was killed",
        [COMPARING_CUT] = "    the machine went down",
};

GETTER(get_hours, c->simulated / USEC_PER_HOUR)
GETTER(get_days, c->days / USEC_PER_HOUR)
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
GETTER(get_allocations, c->allocations)
GETTER(get_refused, c->refused)
GETTER(get_disk_failures, c->disk_failures)
GETTER(get_mid, c->mid_turn)
GETTER(get_device_worlds, c->devices.worlds)
GETTER(get_verified, c->devices.verified)
GETTER(get_compared, c->devices.compared[i])
GETTER(get_resets, c->devices.resets)
GETTER(get_lost, c->devices.lost)
GETTER(get_healed, c->devices.healed)
GETTER(get_farewells, c->devices.farewells)
GETTER(get_room_keys, c->devices.room_keys)
GETTER(get_late_keys, c->devices.late)
GETTER(get_withheld, c->devices.withheld)
GETTER(get_said, c->devices.said)
GETTER(get_encrypted_shown, c->devices.shown)

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
        print_row(t, "  of these of usual days", get_days, 0);
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
        print_row(t, "allocations of busyd", get_allocations, 0);
        print_row(t, "  refused", get_refused, 0);
        print_row(t, "writes, flushes, renames that failed", get_disk_failures, 0);
        puts("encrypted");
        print_row(t, "  worlds", get_device_worlds, 0);
        print_row(t, "  sessions verified by a key", get_verified, 0);
        for (size_t i = 0; i < COMPARING_ENDS; i++)
                print_row(t, comparing_words[i], get_compared, i);
        print_row(t, "  identities reset", get_resets, 0);
        print_row(t, "  sessions of others lost", get_lost, 0);
        print_row(t, "  ... and healed", get_healed, 0);
        print_row(t, "  sessions ended unverified", get_farewells, 0);
        print_row(t, "  keys of rooms given", get_room_keys, 0);
        print_row(t, "  ... late", get_late_keys, 0);
        print_row(t, "  ... withheld", get_withheld, 0);
        print_row(t, "  events of calls", get_said, 0);
        print_row(t, "  calls looked at while they go on", get_encrypted_shown, 0);
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
        struct progress *progress = progress_new(o->progress, o->worlds, o->hours);
        double started = real_seconds(), took;
        pid_t pids[JOBS_MAX];
        int code = 0;
        double hours = 0;

        for (unsigned i = 0; i < o->jobs; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        work(o, &tallies[i], progress, i, started);
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
        (void) progress_free(progress);
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

static void print_help(void) {
        puts("simulation --seed N            one world\n"
             "simulation [OPTION...]         many of them\n\n"
             "Exit code 1: a world was found that fails.\n");
        for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
                const struct option_row *row = &option_rows[i];
                char name[64];

                (void) snprintf(name, sizeof(name), "--%s %s", row->name, row->argument ? row->argument : "");
                printf("  %-20s %s\n", name, row->help);
        }
        printf("\nKinds of homeservers:");
        for (size_t k = 0; k < SERVER_KINDS; k++)
                printf(" %s", server_kind_to_string(k));
        putchar('\n');
}

static bool server_from_string(const char *s, enum server_kind *ret) {
        for (size_t k = 0; k < SERVER_KINDS; k++)
                if (streq(s, server_kind_to_string(k))) {
                        *ret = (enum server_kind) k;
                        return true;
                }
        fprintf(stderr, "no such server: %s\n", s);
        return false;
}

/* Returns whether the value is one. */
static bool take_option(struct options *o, const struct option_row *row, const char *value) {
        char *place = (char *) o + row->place;

        switch (row->kind) {
        case OPTION_FLAG:
                *(bool *) place = true;
                return true;
        case OPTION_NUMBER:
                *(uint64_t *) place = strtoull(value, NULL, 10);
                return true;
        case OPTION_REAL:
                *(double *) place = strtod(value, NULL);
                return true;
        case OPTION_TEXT:
                *(const char **) place = value;
                return true;
        case OPTION_SERVER:
                return server_from_string(value, (enum server_kind *) place);
        case OPTION_HELP:
                print_help();
                exit(0);
        }
        return false;
}

int main(int argc, char *argv[]) {
        struct options o = {
                .server = SERVER_KINDS, .episodes = EPISODES, .jobs = 2, .first = 1, .seconds = 60, .failures = 4
        };
        struct option table[ARRAY_SIZE(option_rows) + 1] = {};
        char dir[256];
        int c, i, code;

        for (size_t k = 0; k < ARRAY_SIZE(option_rows); k++)
                table[k] = (struct option){ .name = option_rows[k].name,
                                            .has_arg = option_rows[k].argument ? required_argument : no_argument };
        while ((c = getopt_long(argc, argv, "", table, &i)) >= 0) {
                if (c != 0 || !take_option(&o, &option_rows[i], optarg))
                        return 2;
        }
        if (o.jobs < 1 || o.jobs > JOBS_MAX)
                o.jobs = 2;
        if (o.memory > 0 && !allocator_can_refuse()) {
                fputs("The allocator is the sanitizer's here: --memory needs another build.\n", stderr);
                return 2;
        }
        if (!o.seed)
                return run_many(&o);
        folder_make(dir, sizeof(dir));
        code = run_one(&o, dir);
        folder_clear(dir, true);
        return code;
}
