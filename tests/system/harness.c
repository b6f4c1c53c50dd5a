#include "system/harness.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/claim.h"
#include "state/session.h"
#include "util/file.h"

#define ARGUMENTS_MAX 32
#define ENV_MAX       48
#define LOG_END       4000

/* No waiting for what a test does not ask about. Busy also where a phone is online: how that is decided has tests of
 * its own. */
static const char *const default_config = "[busyd]\n"
                                          "hint-delay = 0s\n"
                                          "end-grace = 0s\n"
                                          "hint-end-grace = 0s\n"
                                          "log-level = debug\n"
                                          "[account " ACCOUNT "]\n"
                                          "presence = busy\n"
                                          "poll-pause = 0s\n";

/* ---- folders ---- */

const char *world_path(const struct world *w, const char *format, ...) {
        static char path[PATH_MAX];
        char tail[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(tail, sizeof(tail), format, arguments);
        va_end(arguments);
        snprintf(path, sizeof(path), "%s/%s", w->dir, tail);
        return path;
}

const char *world_state_path(const struct world *w, const char *name) {
        return world_path(w, "state/busyd/%s", name);
}

static void make_folders(struct world *w) {
        static const char *const folders[] = { "home",  "config", "config/busyd", "state", "state/busyd",
                                               "cache", "data",   "runtime",      "tmp" };

        snprintf(w->dir, sizeof(w->dir), "/tmp/busyd-test-XXXXXX");
        if (!mkdtemp(w->dir))
                abort();
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                mkdir(world_path(w, "%s", folders[i]), 0700);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

/* ---- programs ---- */

struct environment {
        char *entries[ENV_MAX];
        size_t n;
};

static void env_add(struct environment *e, const char *name, const char *value) {
        char *entry;

        if (!value || e->n + 1 == ENV_MAX || asprintf(&entry, "%s=%s", name, value) < 0)
                return;
        e->entries[e->n++] = entry;
}

/* Nothing of the caller's desktop gets in. */
static void env_make(const struct world *w, struct environment *e) {
        static const struct {
                const char *name, *folder;
        } folders[] = {
                { "HOME", "home" },
                { "XDG_CONFIG_HOME", "config" },
                { "XDG_STATE_HOME", "state" },
                { "XDG_CACHE_HOME", "cache" },
                { "XDG_DATA_HOME", "data" },
                { "XDG_RUNTIME_DIR", "runtime" },
                { "TMPDIR", "tmp" },
        };
        static const char *const inherited[] = { "PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
        char system_bus[PATH_MAX + 16];

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                env_add(e, folders[i].name, world_path(w, "%s", folders[i].folder));
        for (size_t i = 0; i < ARRAY_SIZE(inherited); i++)
                env_add(e, inherited[i], getenv(inherited[i]));
        snprintf(system_bus, sizeof(system_bus), "unix:path=%s", world_path(w, "system.socket"));
        env_add(e, "DBUS_SYSTEM_BUS_ADDRESS", system_bus);
        env_add(e, "DBUS_SESSION_BUS_ADDRESS", private_bus_address(w->bus));
        env_add(e, "LANG", "C.UTF-8");
        env_add(e, "no_proxy", "127.0.0.1");
}

static void env_done(struct environment *e) {
        for (size_t i = 0; i < e->n; i++)
                free(e->entries[i]);
}

/* BUSYD_WRAPPER, in words, comes first; then the program. Returns how many. */
static size_t wrapped(const char **argv, char *wrapper, const char *program) {
        char *rest = NULL;
        size_t n = 0;

        for (char *word = strtok_r(wrapper, " ", &rest); word && n + 2 < ARGUMENTS_MAX;
             word = strtok_r(NULL, " ", &rest))
                argv[n++] = word;
        argv[n++] = program;
        return n;
}

void world_preload(const char *library, const char *variable, const char *value) {
        SCOPED(free) char *wrapper = NULL;

        /* A sanitizer need not be loaded before this library: both look up what they replace. */
        cr_assert_geq(asprintf(&wrapper, "env LD_PRELOAD=%s %s=%s ASAN_OPTIONS=verify_asan_link_order=0:%s %s",
                               library, variable, value, getenv("ASAN_OPTIONS") ?: "", getenv("BUSYD_WRAPPER") ?: ""),
                      0);
        cr_assert_eq(setenv("BUSYD_WRAPPER", wrapper, 1), 0);
}

int64_t *world_shift_clocks(struct world *w, const char *library, const char *variable) {
        int fd = open(world_path(w, "shift"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int64_t *shift;

        cr_assert_eq(ftruncate(fd, sizeof(*shift)), 0);
        shift = mmap(NULL, sizeof(*shift), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        cr_assert_neq(shift, MAP_FAILED);
        close(fd);
        world_preload(library, variable, world_path(w, "shift"));
        return shift;
}

pid_t world_spawn(struct world *w) {
        SCOPED(free) char *wrapper = strdup(getenv("BUSYD_WRAPPER") ?: "");
        const char *argv[ARGUMENTS_MAX] = { 0 };
        struct environment e = { 0 };
        int log = open(world_path(w, "busyd.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        pid_t pid;

        (void) wrapped(argv, wrapper, w->program ? w->program : BUSYD_PROGRAM);
        env_make(w, &e);
        pid = process_start(&(struct process_options){
                .argv = argv, .env = (const char *const *) e.entries, .in = -1, .out = log, .err = log, .pass = -1 });
        env_done(&e);
        close(log);
        return pid;
}

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool has_ended(struct world *w) {
        return waitpid(w->busyd, &w->status, WNOHANG) > 0;
}

/* Is it there and still the one that was started? A dead busyd explains every wait that came to nothing. */
static const char *describe_busyd(const struct world *w, char *buf, size_t size) {
        siginfo_t info = { 0 };

        if (w->busyd <= 0 || waitid(P_PID, (id_t) w->busyd, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
            info.si_pid == 0)
                return "";
        (void) snprintf(buf, size, "---- busyd is dead: %s %d\n", info.si_code == CLD_EXITED ? "exit code" : "signal",
                        info.si_status);
        return buf;
}

void world_start(struct world *w) {
        int64_t until = now_msec() + patience();

        w->busyd = world_spawn(w);
        while (!peer_sees_name(w->peer, BUSYD_NAME)) {
                if (has_ended(w)) {
                        w->busyd = 0;
                        check(w, false, "busyd ended at its start");
                }
                check(w, now_msec() < until, "busyd does not come to the bus");
                peer_wait(w->peer, 200);
        }
}

bool world_has_loaded(struct world *w, const char *library) {
        SCOPED(free) char *maps = NULL;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/maps", w->busyd);
        maps = file_text(path);
        return strstr(maps, library) != NULL;
}

void world_start_online(struct world *w) {
        world_start(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "the account is not online");
}

void world_signal(struct world *w, int signal) {
        kill(w->busyd, signal);
}

int world_wait_end(struct world *w) {
        w->status = process_wait(w->busyd, patience());
        if (w->status == -1)
                process_kill(w->busyd);
        w->busyd = 0;
        return w->status != -1 && WIFEXITED(w->status) ? WEXITSTATUS(w->status) : -1;
}

int world_stop(struct world *w) {
        kill(w->busyd, SIGTERM);
        return world_wait_end(w);
}

void world_restart_bus(struct world *w) {
        peer_free(w->peer);
        cr_assert(private_bus_restart(w->bus), "no bus of our own");
        w->peer = peer_new(w->bus);
        cr_assert_not_null(w->peer, "this is not our bus");
}

void world_wait_nameless(struct world *w) {
        int64_t until = now_msec() + patience();

        while (peer_sees_name(w->peer, BUSYD_NAME) && now_msec() < until)
                peer_wait(w->peer, 200);
        check(w, !peer_sees_name(w->peer, BUSYD_NAME), "the bus still knows a busyd");
}

void world_kill(struct world *w) {
        process_kill(w->busyd);
        w->busyd = 0;
        world_wait_nameless(w);
}

char *world_log(const struct world *w) {
        return file_text(world_path(w, "busyd.log"));
}

bool world_wait_log(struct world *w, const char *part) {
        int64_t until = now_msec() + patience();

        for (;;) {
                SCOPED(free) char *log = world_log(w);

                if (strstr(log, part))
                        return true;
                if (now_msec() >= until) {
                        fprintf(stderr, "the log never said \"%s\"\n", part);
                        return false;
                }
                peer_wait(w->peer, 100);
        }
}

void world_look_again(struct world *w) {
        peer_wait(w->peer, 50);
}

pid_t world_program(struct world *w, const char *const *argv, int out, const char *log) {
        int err = open(world_path(w, "%s", log), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        struct environment e = { 0 };
        pid_t pid;

        env_make(w, &e);
        pid = process_start(&(struct process_options){ .argv = argv,
                                                       .env = (const char *const *) e.entries,
                                                       .in = -1,
                                                       .out = out >= 0 ? out : err,
                                                       .err = err,
                                                       .pass = -1 });
        env_done(&e);
        close(err);
        return pid;
}

void run_done(struct run *r) {
        free(r->out);
        free(r->err);
}

static int open_new(const char *path) {
        return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

pid_t world_program_at(struct world *w, const char *const *argv, int terminal) {
        struct environment e = { 0 };
        pid_t pid;

        env_make(w, &e);
        pid = process_start(&(struct process_options){ .argv = argv,
                                                       .env = (const char *const *) e.entries,
                                                       .in = terminal,
                                                       .out = terminal,
                                                       .err = terminal,
                                                       .pass = -1 });
        env_done(&e);
        return pid;
}

struct run world_run(struct world *w, const char *in, const char *const *argv) {
        struct environment e = { 0 };
        struct run run;
        pid_t pid;
        int input, out, err, status;

        file_put(world_path(w, "run.in"), in ?: "");
        input = open(world_path(w, "run.in"), O_RDONLY | O_CLOEXEC);
        out = open_new(world_path(w, "run.out"));
        err = open_new(world_path(w, "run.err"));
        env_make(w, &e);
        pid = process_start(&(struct process_options){ .argv = argv,
                                                       .env = (const char *const *) e.entries,
                                                       .in = input,
                                                       .out = out,
                                                       .err = err,
                                                       .pass = -1 });
        env_done(&e);
        close(input);
        close(out);
        close(err);
        status = process_wait(pid, patience());
        if (status == -1)
                process_kill(pid);
        run.code = status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        run.out = file_text(world_path(w, "run.out"));
        run.err = file_text(world_path(w, "run.err"));
        return run;
}

struct run world_busyctl(struct world *w, const char *in, ...) {
        const char *argv[ARGUMENTS_MAX] = { BUSYCTL_PROGRAM };
        va_list arguments;
        size_t n = 1;

        va_start(arguments, in);
        while (n + 1 < ARGUMENTS_MAX && (argv[n] = va_arg(arguments, const char *)))
                n++;
        va_end(arguments);
        return world_run(w, in, argv);
}

/* ---- the world ---- */

void world_config(struct world *w, const char *text) {
        file_put(world_path(w, "config/busyd/busyd.conf"), text);
}

void world_session_at(struct world *w, const char *account, struct hs *hs) {
        SCOPED(free) char *token = hs_login(hs, w->device);
        SCOPED(free) char *state_dir = strdup(world_path(w, "state/busyd"));
        const struct session session = { .homeserver = (char *) hs_url(hs),
                                         .user_id = (char *) HS_USER,
                                         .device_id = (char *) w->device,
                                         .access_token = token };

        cr_assert_eq(session_save(state_dir, account, &session), 0);
}

void world_session_renewable(struct world *w, bool oauth) {
        SCOPED(free) char *dir = strdup(world_state_path(w, "")), *refresh = NULL, *place = NULL, *revoke = NULL;
        SCOPED(free) char *token = NULL;
        int64_t ends = 0;
        struct session session = { .homeserver = (char *) hs_url(w->hs),
                                   .user_id = (char *) HS_USER,
                                   .device_id = (char *) DEVICE };

        token = hs_login_renewable(w->hs, DEVICE, &refresh, &ends);
        cr_assert(token && asprintf(&place, "%s" HS_TOKEN_PATH, hs_url(w->hs)) > 0 &&
                  asprintf(&revoke, "%s" HS_REVOKE_PATH, hs_url(w->hs)) > 0);
        session.access_token = token;
        session.refresh_token = refresh;
        session.expires_at = (usec_t) ends * USEC_PER_MSEC;
        if (oauth) {
                session.client_id = (char *) HS_CLIENT_ID;
                session.token_endpoint = place;
                session.revocation_endpoint = revoke;
        }
        cr_assert_eq(session_save(dir, ACCOUNT, &session), 0);
}

void world_session(struct world *w) {
        world_session_at(w, ACCOUNT, w->hs);
}

static struct world *machine_new(const char *device) {
        struct world *w = calloc(1, sizeof(*w));

        w->device = device;
        make_folders(w);
        w->bus = private_bus_new(w->dir, "bus");
        cr_assert_not_null(w->bus, "no bus of our own");
        w->peer = peer_new(w->bus);
        cr_assert_not_null(w->peer, "this is not our bus");
        world_config(w, default_config);
        return w;
}

struct world *world_new_beside(const struct world *w) {
        struct world *beside = machine_new(OTHER_DEVICE);

        beside->hs = w->hs;
        beside->is_guest = true;
        world_session(beside);
        return beside;
}

struct world *world_new(const struct world_options *options) {
        struct world *w = machine_new(DEVICE);

        if (options && options->no_homeserver)
                return w;
        cr_assert_eq(hs_new(&w->hs, options ? &options->homeserver : NULL), 0);
        if (!options || !options->no_session)
                world_session(w);
        return w;
}

void world_end(struct world *w) {
        if (w->busyd > 0) {
                int code = world_stop(w);

                check(w, code == 0, "busyd ended with %d", code);
        }
        if (w->hs)
                check(w, !hs_saw_token_in_url(w->hs), "a token in a URL");
        peer_free(w->peer);
        private_bus_free(w->bus);
        if (!w->is_guest)
                hs_free(w->hs);
        nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(w);
}

void world_show(const struct world *w) {
        char death[64];
        SCOPED(free) char *log = world_log(w);
        SCOPED(free) char *requests = w->hs ? hs_requests_text(w->hs) : strdup("(none)\n");

        fprintf(stderr, "---- %s/busyd.log\n%s%s---- requests\n%s----\n", w->dir, log,
                describe_busyd(w, death, sizeof(death)), requests);
}

char *world_why(const struct world *w, const char *format, ...) {
        char death[64];
        SCOPED(free) char *log = world_log(w), *why = NULL;
        char *ret = NULL;
        size_t n = strlen(log);
        va_list arguments;

        world_show(w);
        va_start(arguments, format);
        cr_assert_geq(vasprintf(&why, format, arguments), 0);
        va_end(arguments);
        cr_assert_geq(asprintf(&ret, "%s\nthe end of its log:\n%s%s", why, n > LOG_END ? log + n - LOG_END : log,
                               describe_busyd(w, death, sizeof(death))),
                      0);
        return ret;
}

/* ---- what tests say often ---- */

void by_hand(struct world *w, const char *verb) {
        SCOPED_RUN run = world_busyctl(w, NULL, verb, NULL);

        check(w, run.code == 0, "%s: %s", verb, run.err);
}

static struct run shell(struct world *w, const char *command) {
        return world_run(w, NULL, (const char *const[]){ "sh", "-c", command, NULL });
}

void world_do(struct world *w, const char *command) {
        SCOPED_RUN run = shell(w, command);

        check(w, run.code == 0, "%s: %s", command, run.err);
}

void expect_printed(struct world *w, const char *command, const char *wanted) {
        for (int64_t left = patience() / 100;; left--) {
                SCOPED_RUN run = shell(w, command);

                if (streq(run.out, wanted))
                        return;
                check(w, left > 0, "%s: \"%s\" instead of \"%s\" %s", command, run.out, wanted, run.err);
                world_look_again(w);
        }
}

void expect_availability(struct world *w, const char *value) {
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", value), "not %s", value);
}

void expect_presence(struct world *w, const char *presence, const char *message) {
        SCOPED(free) char *state = NULL, *text = NULL;

        if (hs_wait_presence(w->hs, presence, message, patience()))
                return;
        hs_presence(w->hs, &state, &text);
        check(w, false, "presence is %s \"%s\", not %s \"%s\"", state, text, presence, message ?: "*");
}

void expect_claim_of(struct world *w, const char *account, const char *phase) {
        char path[128], part[64];

        snprintf(path, sizeof(path), BUSYD_PATH "/account/%s", account);
        snprintf(part, sizeof(part), "(\"presence\", \"%s\"", phase);
        check(w, peer_wait_has(w->peer, path, BUSYD_ACCOUNT, "Outputs", part), "the claim of %s is not %s", account,
              phase);
}

void expect_claim(struct world *w, const char *phase) {
        expect_claim_of(w, ACCOUNT, phase);
}

/* Crossed out in the journal is the last step of each claim. */
bool world_owes(struct world *w, bool kept_too) {
        SCOPED(free) char *journal = file_text(world_state_path(w, "claims.json"));
        json_t *doc = json_loads(journal, 0, NULL), *entry;
        bool found = false;
        size_t i;

        json_array_foreach(json_object_get(doc, "entries"), i, entry) found =
                found || kept_too || !json_is_true(json_object_get(entry, "given_back"));
        json_decref(doc);
        return found;
}

static void expect_journal(struct world *w, bool kept_too, int64_t patience_msec) {
        int64_t until = now_msec() + patience_msec;

        expect_claim(w, "free");
        while (world_owes(w, kept_too)) {
                if (now_msec() >= until) {
                        SCOPED(free) char *journal = file_text(world_state_path(w, "claims.json"));

                        check(w, false, "still owed: %s", journal);
                }
                peer_wait(w->peer, 100);
        }
}

void expect_nothing_owed(struct world *w) {
        expect_journal(w, /* kept_too= */ false, patience());
}

void expect_nothing_kept(struct world *w) {
        expect_journal(w, /* kept_too= */ true, patience() + (int64_t) (CLAIM_LANDS_WITHIN / USEC_PER_MSEC));
}

static void call_event(struct world *w, const char *room, const char *type, const char *sender, const char *call_id,
                       json_t *more) {
        json_t *content = json_pack("{s:s,s:s,s:s}", "version", "1", "call_id", call_id, "party_id",
                                    streq(sender, HS_USER) ? PHONE : "THEIRS");

        json_object_update(content, more);
        json_decref(more);
        hs_send(w->hs, room, json_pack("{s:s,s:s,s:o}", "type", type, "sender", sender, "content", content));
}

void call_invite(struct world *w, const char *room, const char *call_id) {
        call_event(w, room, "m.call.invite", OTHER_USER, call_id,
                   json_pack("{s:i,s:{s:s,s:s}}", "lifetime", 90000, "offer", "type", "offer", "sdp", "v=0"));
}

void call_answer(struct world *w, const char *room, const char *call_id) {
        call_event(w, room, "m.call.answer", HS_USER, call_id,
                   json_pack("{s:{s:s,s:s}}", "answer", "type", "answer", "sdp", "v=0"));
        call_event(w, room, "m.call.select_answer", OTHER_USER, call_id,
                   json_pack("{s:s}", "selected_party_id", PHONE));
}

void call_hangup(struct world *w, const char *room, const char *call_id) {
        call_event(w, room, "m.call.hangup", OTHER_USER, call_id, json_pack("{s:s}", "reason", "user_hangup"));
}

void call_starts(struct world *w, const char *room, const char *call_id) {
        call_invite(w, room, call_id);
        call_answer(w, room, call_id);
}
