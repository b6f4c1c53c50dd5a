/* Presence as each kind of server keeps it. Pure: time comes in as an argument, in milliseconds. */
#pragma once

#include "options.h"

#define PRESENCE_DEVICES_MAX 32
#define PRESENCE_STATE_MAX   256
#define PRESENCE_TEXT_MAX    4096

struct presence_device {
        char id[64];
        char state[PRESENCE_STATE_MAX];
        char message[PRESENCE_TEXT_MAX]; /* of the device, where the kind keeps one for each */
        int64_t seen;                    /* last PUT or counted poll */
        unsigned polls;                  /* counted polls that are open */
};

struct presence_model {
        enum hs_kind kind;
        bool busy_off, off;
        /* How long things last, see hs_options; 0: as the kind does. */
        int64_t drop_after, idle_after, away_after, fresh_for, quiet_for;
        struct presence_device devices[PRESENCE_DEVICES_MAX];
        size_t n_devices;
        /* What is stored for the user; on Synapse only the message. "": never set. */
        char state[PRESENCE_STATE_MAX];
        char message[PRESENCE_TEXT_MAX];
        int64_t active;      /* when that was last confirmed */
        bool was_active;     /* ever */
        int64_t last_active; /* a person or a client that is there was heard of */
        /* Dendrite: what the polls said last, when, and until when each word counts. */
        char synced[PRESENCE_STATE_MAX];
        int64_t synced_at, fresh_until[3];
};

/* What sets the kinds apart for whoever judges what is shown. */
struct presence_traits {
        bool device_states;   /* each device has a state of its own */
        bool device_messages; /* ... and a message: that of the one that was heard of last shows */
        bool polls_erase;     /* every poll sets a state, whatever it says: what was PUT is gone with the next one */
};
struct presence_traits presence_traits_of(enum hs_kind kind);

/* Returns the HTTP status: 200, 400 (no such state), 403 (switched off). */
unsigned presence_put(struct presence_model *m, const char *device, const char *state, const char *message,
                      int64_t now);
/* Whether its being open counts: then presence_poll_ends() must follow. */
bool presence_poll_begins(struct presence_model *m, const char *device, const char *state, int64_t now);
void presence_poll_ends(struct presence_model *m, const char *device, int64_t now);
/* Borrowed until the next change. */
void presence_shown(struct presence_model *m, int64_t now, const char **ret_state, const char **ret_message);
/* How long ago the user was active; -1: never. */
int64_t presence_active_ago(const struct presence_model *m, int64_t now);
/* When what is shown may change by itself; -1: never. */
int64_t presence_deadline(const struct presence_model *m, int64_t now);
void presence_restart(struct presence_model *m, int64_t now);
