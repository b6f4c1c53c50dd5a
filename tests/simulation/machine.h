/* One machine of the user with one busyd on it: the product's objects, from the manager inward, and the edges around
 * them as a person, programs and the system would move them. */
#pragma once

#include "core/availability.h"
#include "core/calls.h"
#include "door.h"
#include "wire.h"

#define MACHINE_ACCOUNT   "test"
#define MACHINE_LOCAL_MAX 8
#define MACHINE_HOLDS_MAX 4
#define MACHINE_OUTPUTS   4

enum machine_state {
        MACHINE_OFF, /* no busyd runs */
        MACHINE_UP,
        MACHINE_ENDING, /* SIGTERM, or the bus is lost */
        MACHINE_ASLEEP,
};

/* What it publishes. */
struct machine_view {
        bool settled, busy;
        enum mode mode;
        bool has_account;
        char account_state[32], encrypted[32], problem[256];
        bool over; /* the server has ended the session, and nothing has come by it since, whatever is asked meanwhile
                    */
        struct machine_output {
                char name[32], claim[32], shows[256], restore[256], note[512];
        } outputs[MACHINE_OUTPUTS];
        size_t n_outputs;
};

struct machine_counters {
        uint64_t turns, starts, failed_starts, kills, power_cuts, mid_turn;
};

struct machine;

/* `dir` is made, for its state and configuration. */
struct machine *machine_new(unsigned index, struct model *model, const char *dir, struct chance *chance,
                            const struct wire_handler *handler);
struct machine *machine_free(struct machine *m);

bool machine_start(struct machine *m);
/* Gone at once. `power_cut`: with what was not flushed. */
void machine_kill(struct machine *m, bool power_cut);
/* Killed at the n-th file or request from now on, in the middle of whatever it does. */
void machine_kill_after(struct machine *m, unsigned n_steps, bool power_cut);
void machine_stop(struct machine *m);
enum machine_state machine_state(const struct machine *m);

usec_t machine_deadline(struct machine *m);
void machine_run(struct machine *m);

/* ---- what happens on it ---- */

/* A program's stream or device: `i` below MACHINE_LOCAL_MAX. */
void machine_local(struct machine *m, size_t i, const char *app, enum call_evidence evidence, bool on);
void machine_hold(struct machine *m, size_t i, usec_t duration); /* 0: until released */
void machine_release(struct machine *m, size_t i);
void machine_set_mode(struct machine *m, enum mode mode, usec_t duration, const char *message);
void machine_free_until_calls_end(struct machine *m);
/* Takes effect at the next start, or at the next reload, unless it has a mistake. `tag` names it. */
void machine_configure(struct machine *m, unsigned tag, const char *text);
/* What stands before each of them (not copied), and the empty one. */
void machine_set_preamble(struct machine *m, const char *text);
unsigned machine_configuration(const struct machine *m); /* the tag of the one in force */
void machine_reload(struct machine *m);
void machine_change_network(struct machine *m);
void machine_sleep(struct machine *m, bool about_to);
void machine_set_in_front(struct machine *m, bool in_front);
/* The user's bus is gone. */
void machine_lose_bus(struct machine *m);

void machine_login(struct machine *m); /* not while it sleeps */
/* As `busyctl logout`: lets go first, as long as that takes, then ends the session. */
void machine_logout(struct machine *m);
bool machine_is_logged_in(const struct machine *m);
/* Its sessions are verified devices from the next login on. NULL: they have none. */
struct devices;
void machine_set_devices(struct machine *m, struct devices *devices);
/* As `busyctl verify`, where the user's identity does not sign the session: busyd lets go of the account first.
 * Returns whether it does. */
bool machine_verify(struct machine *m);
/* That goes on, by emoji. */
bool machine_is_comparing(const struct machine *m);
/* Once: its session was logged out since that came to nothing. */
bool machine_was_left_unsigned(struct machine *m);
/* The logout is through, or given up. */
bool machine_logout_is_over(const struct machine *m);

/* ---- what is seen of it ---- */

const char *machine_name(const struct machine *m);
const char *machine_device(const struct machine *m);
struct wire *machine_wire(struct machine *m);
const struct machine_view *machine_view(const struct machine *m);
const struct machine_counters *machine_counters(const struct machine *m);
/* Something is going on here that makes busy by the policy: since when at the latest; 0: nothing. */
bool machine_has_evidence(const struct machine *m);
/* A call that is certain has been going on since then. */
bool machine_has_proof_since(const struct machine *m, usec_t at);
/* When that was last the case. */
usec_t machine_evidence_at(const struct machine *m);
/* It was killed then, in a call, and does not run yet; 0: it was not, or runs. */
usec_t machine_died_busy_at(const struct machine *m);
/* The user has said, and nothing has ended it: not busy. */
bool machine_is_forbidden(const struct machine *m);
/* Turns without the clock going on. */
bool machine_spins(const struct machine *m);
