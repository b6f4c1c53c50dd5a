/* What the telephony services have in common: calls are objects with a state, which the service lists and tells of.
 * Only for the telephony-*.c files. Numbers and names of callers are skipped unread. */
#pragma once

#include "sources/bus-source.h"

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
        const char *app, *what;   /* of its reports */

        const char *root, *list_interface, *list_member; /* the question what there is */
        bus_service_answer_t on_list;
        const struct phone_signal *signals; /* ends with an empty one */

        const char *call;  /* interface of a call */
        const char *modem; /* interface of what calls belong to: when it goes, so do they */
        const struct phone_state *states;
        size_t n_states;
};

struct phone_call {
        char *path, *modem; /* "" if unknown */
        bool goes_on;
};

struct phone {
        struct bus_source bus;
        const struct phone_service *service;
        struct phone_call calls[PHONE_CALLS_MAX]; /* also over ones, to know whose they are if they go on again */
        size_t n_calls;
};

static inline struct phone *phone_of(void *s) {
        return s; /* the source comes first */
}

/* A call is the modem's, whatever becomes known of it, and when. */
void phone_belongs(struct phone *p, const char *path, const char *modem);
/* A call is in this phase; `modem` "": whose it is, is not said here. */
void phone_seen(struct phone *p, const char *path, const char *modem, enum call_phase phase);
/* Neither call nor modem: what was asked about it, or what lies below it, is not answered any more. */
void phone_gone(struct phone *p, const char *path);
void phone_modem_gone(struct phone *p, const char *modem);
/* The modem has no call, and may get one. */
void phone_calls_gone(struct phone *p, const char *modem);

/* Reading; a negative errno means that the message is not as it should be. */

/* A variant. `ret` is only set, and 1 only returned, if the state is known. */
int phone_read_state(struct phone *p, sd_bus_message *m, enum call_phase *ret);

/* A list of dictionary entries ('e') or structs ('r') with these contents; `read` takes those of one, and `about`. */
typedef int (*phone_read_t)(struct phone *p, sd_bus_message *m, const char *about);
int phone_read_list(struct phone *p, sd_bus_message *m, char kind, const char *contents, phone_read_t read,
                    const char *about);

/* A callback's whole work on a call that the message describes: a{sv} comes next. */
int phone_read_call(struct phone *p, sd_bus_message *m, const char *path, const char *modem);

/* The path that a signal begins with; NULL if it cannot be read, which is told as `problem`. */
const char *phone_read_path(struct phone *p, sd_bus_message *m, const char *problem);
/* A signal that begins with the path of a call that is gone. */
int phone_on_call_gone(sd_bus_message *m, void *userdata, sd_bus_error *ret_error);

/* The words of oFono, which the Bluetooth services use as well. */
extern const struct phone_state phone_words[8];

extern const struct phone_service phone_modemmanager, phone_pipewire_telephony, phone_bluez,
        phone_gnome_calls;                     /* -objects.c */
extern const struct phone_service phone_ofono; /* -ofono.c */
