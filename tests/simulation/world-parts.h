/* What the files of the world share: see world.c. Nobody else includes this. */
#pragma once

#include "world.h"

#include <stdio.h>

#include "control/control.h"
#include "core/claim-limits.h"

#define MACHINES_MAX 2
#define ROOMS        2
#define FIELD        "org.matrix.msc4426.call"
#define DENTIST      "At the dentist"
#define IN_CALL      "In a call"

#define START_OF_TIME (1000 * USEC_PER_SEC)

/* How long a world is left alone before it is judged. */
#define QUIET_SHORT (12 * USEC_PER_MIN)
#define QUIET_LONG  (80 * USEC_PER_MIN)
/* Busy may follow evidence by so long: the grace, and what is under way. */
#define EVIDENCE_SLACK (30 * USEC_PER_SEC)
/* Another client that has been polling for so long is known to be there. */
#define LIVE_IS_KNOWN_AFTER (100 * USEC_PER_SEC)
/* Between the read of a field that is not pushed and the write over it the other machines are told. */
#define READ_TO_WRITE (2500 * USEC_PER_MSEC)
/* Between a look that gets no answer and the next one: no poll waits for that. */
#define LOOK_TO_POLL (5 * USEC_PER_SEC)
/* What is written, and what is seen, within such a time may cross. */
#define CROSSES (400 * USEC_PER_MSEC)
/* A poll waits so long for an answer that does not come. */
#define LONGEST_POLL (11 * USEC_PER_MIN)
/* What a machine has told stands for so long. */
#define TOLD_IS_BELIEVED (2 * USEC_PER_HOUR)
/* A call has to be shown after so long, where nothing is in its way. */
#define SHOWN_WITHIN (60 * USEC_PER_SEC)
/* Once all calls are over, what is owed is back within so long, likewise: the longest grace, and a server that lets
 * one write through in ten seconds. */
#define GIVEN_BACK_WITHIN (75 * USEC_PER_SEC)
#define CALM              (10 * USEC_PER_MIN)

/* Requests of one machine: more than so many in so long is a hot loop. */
#define RATE_MAX  120
#define RATE_SPAN USEC_PER_MIN

struct client {
        char device[16];
        unsigned manner;
        usec_t polls_since; /* of presence, without a break; USEC_NEVER: it does not */
        usec_t polls_at;
        usec_t back_at; /* its first poll since a person has set something last */
};

struct site {
        struct world *world;
        struct machine *machine;
        usec_t asked[RATE_MAX];
        size_t n_asked;
        usec_t wrote[CLAIM_WRITES_PER_MINUTE_MAX]; /* presence, the last times */
        usec_t up_since, disturbed_at, in_front_since;
        enum mode mode;         /* what it said last of that */
        usec_t mode_at;         /* since then */
        usec_t polled_at;       /* its last poll began */
        usec_t polled_blind_at; /* the last time, after a look of which nothing came */
        usec_t free_said_at;
        usec_t busy_at;             /* it says so since then; 0: it does not */
        bool busy_hidden;           /* ... and had no words then: they are not added within a call */
        usec_t look_at;             /* a call must be shown then */
        usec_t room_look_at[ROOMS]; /* ... an encrypted one of that room */
        unsigned configured;        /* which is on disk */
        bool to_say_auto;           /* by hand, once it runs */
        /* Polls are stalled, which nobody can tell from silence, and when they were last. */
        bool silent[WIRE_FAULTS_MAX];
        usec_t silent_at;
        usec_t unsigned_seen; /* its device, since then; USEC_NEVER: not */
        usec_t harms_since;   /* ... and nothing keeps its session from being ended */
        bool said_farewell;   /* its session was ended */
        bool in_front;
        bool missed_word; /* it has not heard what a person set last, or what was there before */
        bool missed_idle; /* what it has read is from before a client's poll has made the user idle */
        bool wrote_busy;  /* last of all */
        char phase[CLAIM_PHASES_MAX];
        char last_phase[MACHINE_OUTPUTS][32];
};

struct world {
        const struct history *history;
        struct chance chance;
        struct model *model, *twin;
        struct site sites[MACHINES_MAX];
        struct client clients[CLIENTS];
        struct {
                bool on;
                unsigned kind, serial;
        } rooms[ROOMS];
        unsigned serial;
        usec_t rooms_at; /* a call in a room was going on last */
        usec_t rooms_begun_at;
        usec_t faults_at, restarted_at;
        bool faults;
        bool restarted;   /* since the last quiet: a single value was set by whoever came first then */
        bool stuck_named; /* the busy of now was said to be held by another session */
        usec_t person_at;
        usec_t person_due, person_set_at;
        usec_t client_does_at;
        usec_t client_idle_at; /* a poll has made the user idle */
        /* Since the last quiet somebody has chosen the very state, or the very words, that stood there for a call. */
        bool unseen_state, unseen_words;
        char twin_was[2][64],
                before[64]; /* what the twin showed; the state of the model before a word, or time, may change it */
        usec_t field_due, field_set_at;
        bool field_was;
        char person_was[2][64];
        bool quiet, quiet_long;
        usec_t quiet_until;
        usec_t given_back_by; /* where nothing was in the way */
        size_t next;
        usec_t next_at;
        struct devices *devices; /* NULL: nothing is encrypted */
        usec_t verify_at;
        struct outcome *outcome;
        struct counters *counters;
};

struct configuration {
        const char *text;
        bool mistaken; /* a reload leaves the one in force; a start takes the defaults */
        bool forced;   /* busy, whoever else is there */
        bool status;   /* no more than a message */
        bool hides;    /* a call may show nothing */
        bool wordless; /* a call takes words away */
};

static inline int64_t world_msec(void) {
        return (int64_t) (door_now() / USEC_PER_MSEC);
}

/* Of its server. */
static inline struct presence_traits world_traits(const struct world *w) {
        return presence_traits_of(w->history->options.kind);
}

/* ---- world.c ---- */

/* Only the first one of a world counts. `format` tells one sort from another. */
void world_violation(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
const struct configuration *site_in_force(const struct site *s);
/* There is one on disk that was not taken up yet. */
bool site_is_pending(const struct site *s);
/* Only the user, or an hour, helps there. */
bool machine_is_final(const struct machine *m);

/* ---- people.c: the user, their other clients and their calls in rooms ---- */

bool client_polls_presence(const struct client *c);
void client_polls(struct world *w, struct client *c);
/* From now on. */
void client_does(struct world *w, unsigned which, unsigned manner);
/* What they are at, `state` and `message` by number; later, if it would cross with a write of busyd. */
void person_chooses(struct world *w, unsigned state, unsigned message);
void person_sets(struct world *w);
/* Another client writes the profile field as `field_was` says, likewise. */
void people_set_field(struct world *w);
bool people_field_is_set(const struct model *m);
void people_room_call(struct world *w, size_t i, unsigned kind, bool on);
/* Somebody talks there, so that it is a room in the first answer. */
void people_open_rooms(struct world *w);
const char *people_room_id(size_t i);
/* Before a word, or time, may change what others see. */
void people_look_before(struct world *w);
void people_on_shown(void *userdata, const char *state, const char *message);
void people_on_twin_shown(void *userdata, const char *state, const char *words);
bool state_is_busy(const char *state);

/* ---- encryption.c: where calls of two are encrypted ---- */

void encryption_begins(struct world *w);
void encryption_before_call(struct world *w, size_t room);
void encryption_call_begins(struct world *w, size_t room);
const char *encryption_who_hangs_up(struct world *w, size_t room);
/* Whoever is not verified, is now. */
void encryption_quiet_begins(struct world *w);
usec_t encryption_deadline(const struct world *w);
void encryption_run(struct world *w);
/* Of what busyd asks. */
void encryption_judge_request(struct world *w, struct site *s, const char *uri);

/* ---- judge.c: what must be true ---- */

void judge_on_asked(void *userdata, enum request_kind kind, const char *method, const char *uri, const char *body);
/* It has missed a word that hides the client, and has yet to hear of it. */
bool judge_cannot_see(const struct site *s, const struct client *c);
/* `status` has said of the busy of now that somebody else holds it. */
void judge_follow_stuck(struct world *w);
/* All is quiet for long enough. */
void judge_quiet(struct world *w);
/* A call is over for a while, and others still see it. */
void judge_leftovers(struct world *w);
/* A call goes on for a while, and others should see it. */
void judge_call(struct world *w, struct site *s);
/* Whether nothing is in the way of that, but for the call itself. */
bool judge_may_look(const struct world *w, const struct site *s);
/* Until then it cannot stand there again. */
usec_t judge_erased_until(const struct site *s);
void judge_is_shown(struct world *w, struct site *s, const char *what);
const struct machine_output *machine_output_of(const struct machine *m, const char *name);

/* ---- tally.c: what was visited ---- */

void tally_follow(struct world *w, struct site *s);
void tally_world(struct world *w);
