/* A world: what happens to a user, their clients, their machines and their homeserver. Made of a seed, carried out on
 * the virtual clock, and judged from outside. */
#pragma once

#include "devices.h"
#include "door.h"
#include "machine.h"
#include "model.h"
#include "torture.h"
#include "wire.h"

/* ---- what happens ---- */

enum happening_kind {
        LOCAL_BEGINS,     /* machine, a: which, b: evidence */
        LOCAL_ENDS,       /* machine, a */
        ROOM_CALL_BEGINS, /* a: which room, b: its kind */
        ROOM_CALL_ENDS,   /* a */
        HOLD,             /* machine, a, span: 0 until released */
        RELEASE,          /* machine, a */
        HAND,             /* machine, a: the mode, b: which message, span */
        FREE_UNTIL_END,   /* machine */
        PERSON_SETS,      /* a: the state, b: which message, on client 0 */
        CLIENT_DOES,      /* a: which client, b: what it is from now on */
        PROFILE_SET,      /* a: another client writes the field, or takes it away */
        FAULT_BEGINS,     /* machine, a: slot, fault */
        FAULT_ENDS,       /* machine, a */
        KILLED,           /* machine, a: power cut */
        KILLED_LATER,     /* machine, a: power cut, b: after so many steps */
        STARTED,          /* machine */
        STOPPED,          /* machine */
        BUS_LOST,         /* machine */
        RELOADED,         /* machine */
        CONFIGURED,       /* machine, a: which configuration, then reloaded */
        SLEEPS,           /* machine */
        WAKES,            /* machine */
        IN_FRONT,         /* machine, a */
        LOGGED_OUT,       /* machine */
        LOGGED_IN,        /* machine */
        SERVER_RESTARTS,
        WALL_JUMPS,      /* span, a: back */
        NETWORK_CHANGES, /* machine */
        QUIET,           /* everything ends and is as it should be; a: for long */
        HAPPENING_KINDS
};
const char *happening_kind_to_string(enum happening_kind k);

struct happening {
        enum happening_kind kind;
        usec_t at; /* since the one before */
        unsigned machine, a, b;
        usec_t span;
        struct wire_fault fault;
};

enum server_kind {
        SERVER_SYNAPSE,
        SERVER_SYNAPSE_PLAIN, /* without MSC3026 */
        SERVER_SYNAPSE_OLD,
        SERVER_TUWUNEL,
        SERVER_CONTINUWUITY,
        SERVER_DENDRITE,
        SERVER_UNKNOWN,
        SERVER_HIDDEN, /* does not say what it is, and advertises MSC3026: Synapse behind a proxy */
        SERVER_KINDS
};
const char *server_kind_to_string(enum server_kind k);

struct history {
        uint64_t seed;
        enum server_kind server;
        struct hs_options options;
        unsigned n_machines;
        bool days;      /* of a person, not episodes */
        bool encrypted; /* calls of two, and the sessions are verified */
        bool own_alone; /* ... and of these what the user says alone is read */
        bool neglected; /* ... and who has reset their identity verifies them late, if at all */
        struct torture torture;
        struct happening *list;
        size_t n;
};

/* `server` SERVER_KINDS: whichever the seed says. So many episodes, or days. */
struct history *history_new(uint64_t seed, enum server_kind server, unsigned n_episodes);
struct history *history_free(struct history *h);
CLEANUP(struct history, history_free);
void history_print(const struct history *h);

/* ---- what became of it ---- */

#define CLIENTS            3
#define CLIENT_MANNERS     4
#define CLAIM_PHASES_MAX   24
#define VIOLATION_TEXT_MAX 512

/* All numbers, and names once they were seen: may be added up. */
struct counters {
        usec_t simulated;
        uint64_t allocations, refused, disk_failures;
        uint64_t worlds, days, quiets, strong, stuck, shown_in_call, happenings[HAPPENING_KINDS],
                client_manners[CLIENT_MANNERS];
        uint64_t requests[REQUEST_KINDS], faults[WIRE_FAULT_KINDS], late, orphans;
        uint64_t turns, starts, kills, power_cuts, mid_turn;
        struct devices_counters devices;
        struct {
                char name[24];
                uint64_t n;
        } phases[CLAIM_PHASES_MAX];
};
void counters_add(struct counters *to, const struct counters *from);
const char *client_manner_to_string(unsigned manner);

struct outcome {
        bool violated;
        const char *kind; /* tells one sort of violation from another */
        char what[VIOLATION_TEXT_MAX];
        usec_t at;
        size_t happening; /* the one that was last */
};

void world_run(const struct history *h, const char *dir, struct outcome *ret, struct counters *counters);
