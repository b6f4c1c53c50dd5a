/* A user at their desk, for the length of a test: a Synapse, the user's phone, others who call, and busyd logged in
 * and running in a world of its own. */
#pragma once

#include "interop/people.h"
#include "interop/synapse.h"
#include "system/harness.h"

#define DESK_MESSAGE "On the phone"

struct desk {
        struct world *world;
        struct synapse *synapse;
        struct device *phone; /* of the user; takes and makes the calls */
        struct device *peer;  /* who calls and is called; shares `room` with the user */
        struct device *other; /* another one; shares `other_room` */
        char *room, *other_room;
        const char *me;
        struct desk *beside; /* another machine of the user; NULL: none */
        bool is_guest;       /* all but the world is the other one's */
};

struct desk_options {
        struct synapse_options synapse;
        const char *config; /* more lines for the account's section; NULL: none */
};

/* Everything but busyd runs; the user is offline with the message "before". */
struct desk *desk_new(const struct desk_options *options);
/* Another machine of the same user, with a world of its own. Ends before the first one. */
struct desk *desk_new_beside(struct desk *d, const char *config);
void desk_end(struct desk *d);

/* busyctl login, with the password, as a user does it. */
void desk_log_in(struct desk *d);
/* ... at another address of the server, as that of a proxy. */
void desk_log_in_at(struct desk *d, const char *homeserver);

/* `test` gets a desk with busyd logged in and online. */
#define DESK_TEST(suite, name, ...)                                                                                   \
        static void suite##_##name##_in(struct desk *d);                                                              \
        Test(suite, name) {                                                                                           \
                struct desk *d = desk_new(&(struct desk_options){ __VA_ARGS__ });                                     \
                                                                                                                      \
                desk_log_in(d);                                                                                       \
                world_start_online(d->world);                                                                         \
                suite##_##name##_in(d);                                                                               \
                desk_end(d);                                                                                          \
        }                                                                                                             \
        static void suite##_##name##_in(struct desk *d)

/* Fails the test, showing what each busyd logged and what reached Synapse. */
#define desk_check(d, condition, ...)                                                                                 \
        do {                                                                                                          \
                if (!(condition)) {                                                                                   \
                        desk_show(d);                                                                                 \
                        check((d)->world, false, __VA_ARGS__);                                                        \
                }                                                                                                     \
        } while (0)

void desk_show(const struct desk *d);

/* What the peer is told of the user becomes this. */
void desk_expect(struct desk *d, const char *state, const char *message);
/* ... is this now. */
void desk_shows(struct desk *d, const char *state, const char *message);
/* The claim gets into this phase. */
void desk_expect_claim(struct desk *d, const char *phase);
/* ... the one on the profile. */
void desk_expect_profile_claim(struct desk *d, const char *phase);

/* The profile field that says since when a user is in a call. */
#define PROFILE_CALL_FIELD "org.matrix.msc4426.call"

/* When the user joined, by what the peer reads there; 0: in no call. */
int64_t desk_joined(struct desk *d);
/* Its address, for a request of that device. The caller frees. */
char *desk_field_url(struct desk *d, struct device *by);

/* The peer calls, the phone answers, the peer confirms. */
void desk_call_in(struct desk *d, const char *call);

/* The distance between two things that a test does: nothing is waited for. */
void desk_let_pass(usec_t duration);

/* busyctl ARGUMENT --json, parsed; the caller drops it. */
json_t *desk_ask(struct desk *d, const char *verb);
/* What `busyctl status` says of the presence output, by key ("claim", "shows", "restore", "note"). The caller frees.
 */
char *desk_output(struct desk *d, const char *key);
/* So many calls are known on the bus. */
void desk_expect_calls(struct desk *d, unsigned n);
/* How many of busyd's writes of the presence Synapse has taken since that place in its log. */
unsigned desk_writes(struct desk *d, long from);
/* What busyd, which does not run, has kept of how others encrypt for it is gone; it must have been something. */
void desk_lose_sessions(struct desk *d);
/* How often busyd became busy since it was first started. */
unsigned desk_times_busy(struct desk *d);
