/* How soon others see a call, and its end, on a real Synapse with its own limits, by what another client of the user
 * does. The users have their calls side by side, each with a busyd of their own on one Synapse; each call is answered
 * and hung up at random moments. Beside them stands the floor (floor.c), which does the same two requests and nothing
 * else, and whom Synapse does not limit: what it takes is Synapse's own.
 *
 * Two moments are taken after the server has acknowledged an event: busyd says so on the bus (with end-grace 0; else
 * the grace starts then), and another user is told of the message. Synapse takes a write of presence once in 10 s:
 * what comes earlier waits for that, whoever writes, so such a wait is counted from its end and told apart. What is
 * told apart from those that waited is divided into its steps, by a relay before Synapse. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus_watch.h"
#include "figures.h"
#include "interop/people.h"
#include "interop/synapse.h"
#include "onlooker.h"
#include "relay.h"
#include "util/clock.h"

#define CALLS   100
#define MESSAGE "In a call"
#define SETTLE  (100 * USEC_PER_SEC) /* until who else is there is known */

#define WRITE_DISTANCE (10 * USEC_PER_SEC) /* rc_presence */
#define PER_KIND       3U

/* What a client in a browser takes for an answer before it polls again. */
#define CLIENT_WORK_MSEC 200

enum client {
        CLIENT_NONE,
        CLIENT_ONLINE,
        CLIENT_QUIET,
        CLIENT_CHATTY,
        CLIENT_OF_FLOOR,
        CLIENT_ONLINE_ALONE,
        CLIENTS,
};

enum writer {
        WRITER_NOBODY,
        WRITER_BUSYD,
        WRITER_FLOOR,
};

static const struct {
        const char *what;
        const char *set_presence; /* NULL: there is none */
        enum writer writer;
        bool chatter;
} clients[CLIENTS] = {
        [CLIENT_NONE] = { "none", NULL, WRITER_BUSYD, false },
        [CLIENT_ONLINE] = { "online", "online", WRITER_BUSYD, false },
        [CLIENT_QUIET] = { "quiet (syncs as offline)", "offline", WRITER_BUSYD, false },
        [CLIENT_CHATTY] = { "chatty (online, a message every 1 to 3 s)", "online", WRITER_BUSYD, true },
        [CLIENT_OF_FLOOR] = { "the floor in place of busyd, none", NULL, WRITER_FLOOR, false },
        [CLIENT_ONLINE_ALONE] = { "online, and no busyd", "online", WRITER_NOBODY, false },
};

/* What happened to a user, in the order of time. */
enum what {
        ANSWERED, /* acknowledged at `at`, sent at `from` */
        HUNG_UP,  /* the same */
        OVER,     /* no more calls */
        ON_BUS,   /* busyd says so */
        SEEN,     /* another user is told so */
        PASSED,   /* something of busyd's, or the floor's, passed the relay */
};

struct record {
        enum what what;
        usec_t from, at;
        bool busy; /* of the bus, or by the message */
        bool offline;
        enum passing passing;
};
#define RECORDS_MAX 16384

struct user {
        enum client client;
        struct world *world;
        struct device *phone;
        struct online_client *other;
        struct bus_watch *watch;
        struct relay *relay; /* before Synapse, for who writes */
        usec_t told_at;      /* what the watch was told last */
        char *room;
        pid_t caller, chatter, floor;
        int calls; /* the caller tells here what it has done */
        bool over;
        struct record *records;
        size_t n_records;
};

struct bench {
        struct synapse *synapse;
        struct device *peer, *talker; /* of one user: calls, and talks */
        struct user users[CLIENTS * PER_KIND];
        size_t n;
        unsigned calls_of_user;
        sd_event *event;
        struct onlooker *onlooker;
        usec_t began;
};

/* ---- who calls: processes of their own, so that nobody waits for a request of another ---- */

static void sleep_between(unsigned from_msec, unsigned to_msec) {
        let_pass((from_msec + random_u32() % (to_msec - from_msec)) * USEC_PER_MSEC);
}

static void send(struct device *d, const struct user *u, const char *type, unsigned call, const char *more) {
        SCOPED(free) char *content = NULL;

        if (asprintf(&content, "{\"call_id\":\"call%u\",\"party_id\":\"%s\",\"version\":\"1\",%s}", call, device_id(d),
                     more) < 0 ||
            room_send_text(d, u->room, type, content) != 200)
                _exit(1);
}

/* In one write, as the reader takes it. */
static void note(int fd, enum what what, usec_t from) {
        struct record r = { .what = what, .from = from, .at = clock_now() };

        if (write(fd, &r, sizeof(r)) != sizeof(r))
                _exit(1);
}

__attribute__((noreturn)) static void have_calls(struct bench *b, const struct user *u, int fd) {
        SCOPED(free) char *chosen = NULL;

        if (asprintf(&chosen, "\"selected_party_id\":\"%s\"", device_id(u->phone)) < 0)
                _exit(1);
        for (unsigned i = 0; i < b->calls_of_user; i++) {
                usec_t from;

                sleep_between(1000, 20000);
                send(b->peer, u, "m.call.invite", i,
                     "\"lifetime\":60000,\"offer\":{\"type\":\"offer\",\"sdp\":\"v=0\"}");
                sleep_between(500, 4000);
                from = clock_now();
                send(u->phone, u, "m.call.answer", i, "\"answer\":{\"type\":\"answer\",\"sdp\":\"v=0\"}");
                note(fd, ANSWERED, from);
                send(b->peer, u, "m.call.select_answer", i, chosen);
                sleep_between(1000, 20000);
                from = clock_now();
                send(b->peer, u, "m.call.hangup", i, "\"reason\":\"user_hangup\"");
                note(fd, HUNG_UP, from);
        }
        note(fd, OVER, 0);
        _exit(0);
}

__attribute__((noreturn)) static void chatter(struct bench *b, const struct user *u) {
        for (;;) {
                sleep_between(1000, 3000);
                if (room_send_text(b->talker, u->room, "m.room.message",
                                   "{\"msgtype\":\"m.text\",\"body\":\"And another thing\"}") != 200)
                        _exit(1);
        }
}

static pid_t start_child(void) {
        pid_t bench = getpid(), pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != bench))
                _exit(126);
        return pid;
}

static void start_caller(struct bench *b, struct user *u) {
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        u->calls = fds[0];
        u->caller = start_child();
        if (u->caller == 0)
                have_calls(b, u, fds[1]);
        close(fds[1]);
        if (!clients[u->client].chatter)
                return;
        u->chatter = start_child();
        if (u->chatter == 0)
                chatter(b, u);
}

/* ---- what is noted ---- */

static void add(struct user *u, struct record r) {
        cr_assert_lt(u->n_records, RECORDS_MAX);
        u->records[u->n_records++] = r;
}

static void look(struct bench *b) {
        struct record r;
        struct seen seen;
        struct passed passed;

        for (size_t i = 0; i < b->n; i++) {
                struct user *u = &b->users[i];
                usec_t at = u->told_at;
                const char *value = u->watch ? bus_watch_value(u->watch, &at) : "";

                if (at != u->told_at)
                        add(u, (struct record){ .what = ON_BUS, .at = u->told_at = at, .busy = streq(value, "busy") });
                while (u->relay && relay_take(u->relay, &passed))
                        add(u, (struct record){ .what = PASSED, .at = passed.at, .passing = passed.what });
                while (read(u->calls, &r, sizeof(r)) == sizeof(r)) {
                        add(u, r);
                        u->over = u->over || r.what == OVER;
                }
        }
        while (onlooker_take(b->onlooker, &seen))
                add(&b->users[seen.whom], (struct record){ .what = SEEN,
                                                           .at = seen.at,
                                                           .busy = streq(seen.message, MESSAGE),
                                                           .offline = streq(seen.state, "offline") });
}

static int on_told(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        look(userdata);
        return 0;
}

static void run_until(struct bench *b, usec_t until) {
        for (usec_t now; (now = clock_now()) < until;) {
                cr_assert_geq(sd_event_run(b->event, until - now), 0);
                look(b);
        }
}

static bool is_over(const struct bench *b) {
        for (size_t i = 0; i < b->n; i++)
                if (!b->users[i].over)
                        return false;
        return true;
}

/* ---- what follows from it ---- */

/* From an event on, and where another user was told without a wait. */
enum step {
        STEP_TAKEN,  /* sent -> acknowledged */
        STEP_HEARD,  /* acknowledged -> the answer to /sync has passed */
        STEP_WRITES, /* ... -> the first byte of the write passes */
        STEP_READS,  /* of that: reading the presence */
        STEP_WRITE,  /* ... -> the write is acknowledged */
        STEP_TOLD,   /* the first byte of the write -> another user is told */
        STEPS,
};

static const char *const step_names[STEPS] = {
        [STEP_TAKEN] = "Synapse: event sent -> acknowledged",
        [STEP_HEARD] = "Synapse: acknowledged -> /sync answered (0: before)",
        [STEP_WRITES] = "busyd or floor: /sync answered -> write sent",
        [STEP_READS] = "  Synapse's part of that: a read before the write",
        [STEP_WRITE] = "Synapse: write sent -> acknowledged",
        [STEP_TOLD] = "Synapse: write sent -> another user is told",
};

struct figures {
        struct samples bus, told, held, steps[STEPS];
        unsigned unseen; /* the next event of the user came first, or nothing was to change */
};

static usec_t since(usec_t from, usec_t at) {
        return at > from ? at - from : 0;
}

static int by_time(const void *a, const void *b) {
        const struct record *x = a, *y = b;
        usec_t at = x->from ? x->from : x->at, bt = y->from ? y->from : y->at;

        return (at > bt) - (at < bt);
}

static bool is_event(const struct record *r) {
        return r->what == ANSWERED || r->what == HUNG_UP;
}

/* The first of that kind after the event and before the next one which tells what the event is to bring about. */
static const struct record *effect_of(const struct user *u, size_t event, enum what what) {
        for (size_t i = event + 1; i < u->n_records && !is_event(&u->records[i]); i++)
                if (u->records[i].what == what && u->records[i].busy == (u->records[event].what == ANSWERED))
                        return &u->records[i];
        return NULL;
}

static const struct record *passed_since(const struct user *u, const struct record *from, enum passing passing) {
        for (const struct record *r = from; r < u->records + u->n_records; r++)
                if (r->what == PASSED && r->passing == passing)
                        return r;
        return NULL;
}

/* How long the reads between the two took. */
static usec_t reading(const struct record *from, const struct record *to) {
        usec_t sum = 0, since = 0;

        for (const struct record *r = from; r < to; r++) {
                if (r->what != PASSED)
                        continue;
                if (r->passing == PASSING_READ)
                        since = r->at;
                else if (r->passing == PASSING_READ_ANSWER && since > 0) {
                        sum += r->at - since;
                        since = 0;
                }
        }
        return sum;
}

static void take_steps(const struct user *u, const struct record *event, const struct record *told,
                       struct figures *f) {
        const struct record *write = passed_since(u, event, PASSING_WRITE), *heard = NULL, *taken;

        if (!write || write > told)
                return;
        for (const struct record *r = event; r < write; r++)
                if (r->what == PASSED && r->passing == PASSING_POLL_ANSWER)
                        heard = r;
        taken = passed_since(u, write, PASSING_WRITE_ANSWER);
        if (!heard || !taken)
                return;
        samples_add(&f->steps[STEP_TAKEN], since(event->from, event->at));
        samples_add(&f->steps[STEP_HEARD], since(event->at, heard->at));
        samples_add(&f->steps[STEP_WRITES], since(heard->at, write->at));
        samples_add(&f->steps[STEP_READS], reading(heard, write));
        samples_add(&f->steps[STEP_WRITE], since(write->at, taken->at));
        samples_add(&f->steps[STEP_TOLD], since(write->at, told->at));
}

static void take_events(struct user *u, enum what event, struct figures *f) {
        bool shown = false;
        usec_t changed_at = 0;

        qsort(u->records, u->n_records, sizeof(*u->records), by_time);
        for (size_t i = 0; i < u->n_records; i++) {
                const struct record *r = &u->records[i], *bus, *told;
                usec_t allowed = changed_at > 0 ? usec_add(changed_at, WRITE_DISTANCE) : 0;
                bool is_limited = clients[u->client].writer != WRITER_FLOOR && allowed > r->at;

                if (r->what == SEEN && r->busy != shown) {
                        shown = r->busy;
                        changed_at = r->at;
                }
                if (r->what != event)
                        continue;
                bus = effect_of(u, i, ON_BUS);
                told = shown == (event == ANSWERED) ? NULL : effect_of(u, i, SEEN);
                if (bus)
                        samples_add(&f->bus, since(r->at, bus->at));
                if (!told)
                        f->unseen++;
                else if (is_limited)
                        samples_add(&f->held, since(allowed, told->at));
                else {
                        samples_add(&f->told, since(r->at, told->at));
                        take_steps(u, r, told, f);
                }
        }
}

static usec_t offline_of(const struct user *u, usec_t from, usec_t to) {
        usec_t sum = 0, since = 0;

        for (size_t i = 0; i < u->n_records; i++) {
                const struct record *r = &u->records[i];

                if (r->what != SEEN || (since > 0) == r->offline)
                        continue;
                if (!r->offline && r->at > from)
                        sum += r->at - (since > from ? since : from);
                since = r->offline ? r->at : 0;
        }
        return since > 0 ? sum + to - since : sum;
}

static void figures_init(struct figures *f, size_t max) {
        *f = (struct figures){ 0 };
        samples_init(&f->bus, max);
        samples_init(&f->told, max);
        samples_init(&f->held, max);
        for (enum step step = 0; step < STEPS; step++)
                samples_init(&f->steps[step], max);
}

static void figures_done(struct figures *f) {
        samples_done(&f->bus);
        samples_done(&f->told);
        samples_done(&f->held);
        for (enum step step = 0; step < STEPS; step++)
                samples_done(&f->steps[step]);
}

__attribute__((format(printf, 1, 2))) static const char *part_of(const char *format, ...) {
        static char part[192];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(part, sizeof(part), format, arguments);
        va_end(arguments);
        return part;
}

static void tell_steps(struct figures *f, const char *what, const char *name) {
        for (enum step step = 0; step < STEPS; step++)
                samples_report_row(&f->steps[step], part_of("Steps of that, %s, other client: %s", name, what),
                                   step_names[step]);
}

static void tell_event(struct bench *b, enum what event) {
        const char *name = event == ANSWERED ? "Answer" : "Hang-up";
        struct figures figures[CLIENTS];

        for (enum client c = 0; c < CLIENTS; c++) {
                figures_init(&figures[c], b->calls_of_user * PER_KIND);
                for (size_t i = 0; i < b->n; i++)
                        if (b->users[i].client == c)
                                take_events(&b->users[i], event, &figures[c]);
        }
        for (enum client c = 0; c < CLIENTS; c++)
                samples_report_row(&figures[c].bus, part_of("%s acknowledged -> busyd says so on the bus", name),
                                   clients[c].what);
        for (enum client c = 0; c < CLIENTS; c++)
                samples_report_row(&figures[c].told, part_of("%s acknowledged -> another user is told", name),
                                   clients[c].what);
        tell_steps(&figures[CLIENT_NONE], "none", name);
        tell_steps(&figures[CLIENT_ONLINE], "online", name);
        tell_steps(&figures[CLIENT_OF_FLOOR], "none, by the floor", name);
        for (enum client c = 0; c < CLIENTS; c++)
                samples_report_row(&figures[c].held,
                                   part_of("%s within 10 s of the last write, end of Synapse's limit -> another user "
                                           "is told",
                                           name),
                                   clients[c].what);
        for (enum client c = 0; c < CLIENTS; c++) {
                if (clients[c].writer != WRITER_NOBODY)
                        report(part_of("%s: over before it could be shown", name), clients[c].what, figures[c].unseen,
                               "", "the call changed once more");
                figures_done(&figures[c]);
        }
}

static void tell_fairness(struct bench *b, enum client client) {
        usec_t end = clock_now(), offline = 0;

        if (!clients[client].set_presence || !streq(clients[client].set_presence, "online"))
                return;
        for (size_t i = 0; i < b->n; i++)
                if (b->users[i].client == client)
                        offline += offline_of(&b->users[i], b->began, end);
        report("Other client seen offline", clients[client].what,
               100.0 * (double) offline / (double) ((end - b->began) * PER_KIND), "%",
               "of the time in which these calls were made");
}

/* ---- before and after ---- */

static void start_busyd(struct bench *b, struct user *u) {
        world_config(u->world, "[busyd]\nend-grace = 0s\n");
        {
                SCOPED_RUN run = world_busyctl(u->world, SYNAPSE_PASSWORD "\n", "login", ACCOUNT, "--user",
                                               device_user_id(u->phone), "--homeserver", relay_url(u->relay),
                                               "--password-stdin", NULL);

                check(u->world, run.code == 0, "busyctl login: %d %s%s", run.code, run.out, run.err);
        }
        world_start_online(u->world);
        u->watch = bus_watch_new(b->event, u->world->bus, BUSYD_PATH, BUSYD_MANAGER, "Availability");
}

/* Ends with its world. */
static void start_floor(struct bench *b, struct user *u, const char *name) {
        struct device *session = device_login(b->synapse, name);
        SCOPED(free) char *path = strdup(world_path(u->world, "session")), *text = NULL;

        cr_assert_geq(
                asprintf(&text, "%s\n%s\n%s\n\n", relay_url(u->relay), device_user_id(session), device_token(session)),
                0);
        file_put(path, text);
        device_lift_limits(u->phone);
        u->floor = world_program(u->world, (const char *const[]){ BENCH_FLOOR, path, NULL }, -1, "log");
        device_free(session);
}

static void make_user(struct bench *b, enum client client) {
        struct user *u = &b->users[b->n];
        char name[32];

        (void) snprintf(name, sizeof(name), "user%zu", b->n++);
        *u = (struct user){ .client = client, .calls = -1, .records = calloc(RECORDS_MAX, sizeof(*u->records)) };
        cr_assert_not_null(u->records);
        u->phone = device_login(b->synapse, name);
        u->room = room_new(b->peer, u->phone);
        if (clients[client].writer != WRITER_NOBODY) {
                u->world = world_new(&(struct world_options){ .no_homeserver = true });
                u->relay = relay_new(synapse_url(b->synapse), NULL);
        }
        if (clients[client].writer == WRITER_BUSYD)
                start_busyd(b, u);
        else if (clients[client].writer == WRITER_FLOOR)
                start_floor(b, u, name);
        if (clients[client].set_presence)
                u->other = online_client_start_as(u->phone, clients[client].set_presence, CLIENT_WORK_MSEC);
}

static void start(struct bench *b) {
        const char *ids[ARRAY_SIZE(b->users)];

        b->peer = device_login(b->synapse, "peer");
        b->talker = device_login(b->synapse, "peer");
        device_lift_limits(b->peer);
        cr_assert_geq(sd_event_new(&b->event), 0);
        b->calls_of_user = (option("CALLS", CALLS) + PER_KIND - 1) / PER_KIND;
        for (size_t i = 0; i < ARRAY_SIZE(b->users); i++)
                make_user(b, (enum client)(i / PER_KIND));
        for (size_t i = 0; i < b->n; i++)
                ids[i] = device_user_id(b->users[i].phone);
        b->onlooker = onlooker_start(device_login(b->synapse, "peer"), ids, b->n);
        cr_assert_geq(sd_event_add_io(b->event, NULL, onlooker_fd(b->onlooker), EPOLLIN, on_told, b), 0);
}

static void end_child(pid_t pid) {
        if (pid > 0) {
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
}

static void end_user(struct user *u) {
        end_child(u->caller);
        end_child(u->chatter);
        online_client_free(u->other);
        bus_watch_free(u->watch);
        if (u->floor > 0)
                process_kill(u->floor);
        if (u->world)
                world_end(u->world);
        relay_free(u->relay);
        device_free(u->phone);
        free(u->room);
        free(u->records);
        close(u->calls);
}

Test(prompt, calls) {
        struct bench b = { 0 };
        struct world *place = world_new(&(struct world_options){ .no_homeserver = true });

        b.synapse = synapse_start(place->dir, &(struct synapse_options){ 0 });
        start(&b);
        progress("everybody is there");
        run_until(&b, usec_add(clock_now(), SETTLE));
        b.began = clock_now();
        for (size_t i = 0; i < b.n; i++) {
                start_caller(&b, &b.users[i]);
                cr_assert_geq(sd_event_add_io(b.event, NULL, b.users[i].calls, EPOLLIN, on_told, &b), 0);
        }
        while (!is_over(&b))
                run_until(&b, usec_add(clock_now(), USEC_PER_SEC));
        run_until(&b, usec_add(clock_now(), 2 * WRITE_DISTANCE));
        tell_event(&b, ANSWERED);
        tell_event(&b, HUNG_UP);
        for (enum client c = 0; c < CLIENTS; c++)
                tell_fairness(&b, c);
        for (size_t i = 0; i < b.n; i++)
                end_user(&b.users[i]);
        onlooker_free(b.onlooker);
        device_free(b.peer);
        device_free(b.talker);
        sd_event_unref(b.event);
        synapse_free(b.synapse);
        world_end(place);
}
