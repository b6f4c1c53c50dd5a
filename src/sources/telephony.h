/* What the telephony services have in common: calls are objects with a state, which the service lists and tells of.
 * Only for the telephony-*.c files. Numbers and names of callers are skipped unread. */
#pragma once

#include "sources/watch.h"

#define PHONE_CALLS_MAX 32 /* of one service */

struct phone;

/* A state as the service writes it: a word, or a number where `word` is NULL. */
struct phone_state {
        const char *word;
        int64_t number;
        enum call_phase phase;
};

struct phone_signal {
        const char *rule;
        sd_bus_message_handler_t callback;
};

/* One service. */
struct phone_service {
        const char *name, *title; /* on the bus; for people */
        bool is_system;
        const char *app, *what; /* of its reports */

        const char *root, *list_interface, *list_member; /* the question what there is */
        watch_answer_t on_list;
        const struct phone_signal *signals; /* ends with an empty one */

        const char *call;                 /* interface of a call */
        const char *modem;                /* interface of what calls belong to: when it goes, so do they */
        const struct phone_state *states; /* ends with an empty one */
        size_t n_states;
};

struct phone_call {
        char *path, *modem; /* "" if unknown */
        bool goes_on;
};

struct phone {
        struct source source;
        const struct phone_service *service;
        struct watch *watch;
        struct phone_call calls[PHONE_CALLS_MAX]; /* also over ones, to know whose they are if they go on again */
        size_t n_calls;
};

static inline struct phone *phone_of(void *s) {
        return s; /* the source comes first */
}

/* A call is in this phase. */
void phone_seen(struct phone *p, const char *path, const char *modem, enum call_phase phase);
void phone_gone(struct phone *p, const char *path);
/* What belongs to the modem, or lies below it. */
void phone_modem_gone(struct phone *p, const char *modem);

/* Reading; a negative errno means that the message is not as it should be. `ret` is only set, and 1 only returned, if
 * there is a state and it is known. */
int phone_read_state(struct phone *p, sd_bus_message *m, enum call_phase *ret);      /* v */
int phone_read_properties(struct phone *p, sd_bus_message *m, enum call_phase *ret); /* a{sv} */

/* A callback's whole work on a call that the message describes: a{sv} comes next. */
int phone_read_call(struct phone *p, sd_bus_message *m, const char *path, const char *modem);

extern const struct phone_service phone_modemmanager, phone_pipewire_telephony, phone_bluez,
        phone_gnome_calls;                     /* -objects.c */
extern const struct phone_service phone_ofono; /* -ofono.c */
