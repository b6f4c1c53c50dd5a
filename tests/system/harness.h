/* The real programs from outside, in a world of their own: temporary HOME and XDG folders, private buses, the scripted
 * homeserver. Everything ends with the test. */
#pragma once

#include <criterion/criterion.h>
#include <dbus/dbus.h>

#include "homeserver.h"
#include "system/bus.h"
#include "system/process.h"

#define ACCOUNT      "home"
#define ACCOUNT_PATH BUSYD_PATH "/account/" ACCOUNT
#define DEVICE       "BUSYD"
#define OTHER_DEVICE "LAPTOP"
#define PHONE        "PHONE"
#define ROOM         "!room:test"
#define OTHER_ROOM   "!other:test"
#define OTHER_USER   "@you:test"

struct world {
        char dir[128];
        struct private_bus *bus;
        struct peer *peer;
        struct hs *hs; /* NULL: none */
        const char *device;
        bool is_guest;       /* the homeserver is another world's */
        pid_t busyd;         /* 0: not running */
        int status;          /* of the last busyd that ended */
        const char *program; /* another busyd; NULL: the one that was built */
};

struct world_options {
        struct hs_options homeserver;
        bool no_homeserver;
        bool no_session; /* there is a homeserver, and nobody has logged in */
};

struct world *world_new(const struct world_options *options); /* NULL: a homeserver and a session */
/* Another machine of the same user: a session of its own (OTHER_DEVICE) on the same homeserver. Ends before the first
 * one. */
struct world *world_new_beside(const struct world *w);
/* Ends busyd if it runs, which must succeed, and removes the folder. */
void world_end(struct world *w);

/* `test` gets a world, ends it, and leaves its folder for a look if it failed. */
#define WORLD_TEST(suite, name, ...)                                                                                  \
        static void suite##_##name##_in(struct world *w);                                                             \
        Test(suite, name) {                                                                                           \
                struct world *w = world_new(&(struct world_options){ __VA_ARGS__ });                                  \
                                                                                                                      \
                suite##_##name##_in(w);                                                                               \
                world_end(w);                                                                                         \
        }                                                                                                             \
        static void suite##_##name##_in(struct world *w)

/* Fails the test, with the end of busyd's log; on stderr, which a quiet run leaves out, with all of it and with what
 * the homeserver was asked. */
#define check(w, condition, ...)                                                                                      \
        do {                                                                                                          \
                if (!(condition))                                                                                     \
                        cr_assert_fail("%s", world_why(w, __VA_ARGS__));                                              \
        } while (0)
/* The first on stderr, the other for the caller to own. */
void world_show(const struct world *w);
char *world_why(const struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Paths in the world; borrowed until the next call. */
const char *world_path(const struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *world_state_path(const struct world *w, const char *name);

/* Replaces busyd.conf; tests shorten the delays with it. */
void world_config(struct world *w, const char *text);
/* The session of ACCOUNT on the homeserver, as if logged in before. */
void world_session(struct world *w);
/* A session of another account, on a homeserver that is the test's own. */
void world_session_at(struct world *w, const char *account, struct hs *hs);
/* A session whose tokens end, as the options of the homeserver say, and are renewed there or, `oauth`, at its
 * authorization server. */
void world_session_renewable(struct world *w, bool oauth);

/* From now on busyd is started with this library before all others, and one variable more. */
void world_preload(const char *library, const char *variable, const char *value);
/* From now on busyd has clocks of its own, off by so many seconds, which may change at any time: with `variable`
 * SHIFT_FILE the time of day alone, with SHIFT_ALL_FILE all of them (programs/shift.c, which is `library`). */
int64_t *world_shift_clocks(struct world *w, const char *library, const char *variable);
/* Starts busyd and waits until it is on the bus. */
void world_start(struct world *w);
/* Starts another one beside it, or one that is expected to end; its log goes to the same file. */
pid_t world_spawn(struct world *w);
/* Whether busyd has that shared library in memory; the beginning of its name will do. */
bool world_has_loaded(struct world *w, const char *library);
/* Waits until the account is online. */
void world_start_online(struct world *w);
/* SIGTERM, and waits for the end. Returns the exit code, -1 if a signal ended it or it did not end. */
int world_stop(struct world *w);
/* The same, of a busyd that ends by itself. */
int world_wait_end(struct world *w);
void world_kill(struct world *w);          /* SIGKILL */
void world_wait_nameless(struct world *w); /* until the bus has seen that it ended */
/* Another user bus comes at the address of the one of before. */
void world_restart_bus(struct world *w);
void world_signal(struct world *w, int signal);
char *world_log(const struct world *w); /* the caller frees */
/* Until busyd's log contains this. It is looked for whenever something happens on the bus or the homeserver is asked,
 * and in any case a few times a second. */
bool world_wait_log(struct world *w, const char *part);

/* Any program in the world's environment, found in PATH; `argv` is closed by NULL. Its standard output goes to `out`,
 * -1: to the file `log` in the world, where its errors go in any case. Returns the pid. */
pid_t world_program(struct world *w, const char *const *argv, int out, const char *log);
/* The same with all three of its descriptors at this one, a terminal. */
pid_t world_program_at(struct world *w, const char *const *argv, int terminal);
/* Waits a moment for something to happen on the bus: for loops that wait for what is not there. */
void world_look_again(struct world *w);

struct run {
        int code; /* exit code; -1: ended by a signal or by the deadline */
        char *out, *err;
};
void run_done(struct run *r);
#define SCOPED_RUN __attribute__((cleanup(run_done))) struct run
/* Any program, found in PATH; `argv` is closed by NULL, `in` its standard input, NULL: none. */
struct run world_run(struct world *w, const char *in, const char *const *argv);
/* busyctl with these arguments, closed by NULL; `in` is its standard input, NULL: none. */
struct run world_busyctl(struct world *w, const char *in, ...) __attribute__((sentinel));

/* ---- what tests say often ---- */

/* The user says a word by busyctl, such as "busy": it must succeed. */
void by_hand(struct world *w, const char *verb);
/* A command of the shell, which must succeed. */
void world_do(struct world *w, const char *command);
/* Soon a command of the shell prints this and nothing else. */
void expect_printed(struct world *w, const char *command, const char *wanted);

/* Manager.Availability becomes this. */
void expect_availability(struct world *w, const char *value);
/* Others see this; message NULL: any. */
void expect_presence(struct world *w, const char *presence, const char *message);
/* The claim on presence gets into this phase ("held", "free", ...). */
void expect_claim(struct world *w, const char *phase);
void expect_claim_of(struct world *w, const char *account, const char *phase);
/* What the journal says now. `kept_too`: also what was given back, and is kept for a while should a write whose answer
 * was lost land after all. */
bool world_owes(struct world *w, bool kept_too);
/* Soon nothing is owed any more: the claim on presence is free, and what is in the journal was given back. */
void expect_nothing_owed(struct world *w);
/* ... and, a minute later, the journal is empty: what is kept there for a write that may land late is crossed out. */
void expect_nothing_kept(struct world *w);

/* Events of a 1:1 call, version 1: OTHER_USER calls, the user's phone answers. */
void call_invite(struct world *w, const char *room, const char *call_id);
void call_answer(struct world *w, const char *room, const char *call_id);
void call_hangup(struct world *w, const char *room, const char *call_id);
/* Both: the call is going on. */
void call_starts(struct world *w, const char *room, const char *call_id);
