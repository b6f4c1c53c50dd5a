/* How each kind of homeserver behaves: one table. The rest of the code asks for a trait, never for a name
 * (reference 2.3 to 2.6). */
#pragma once

#include <jansson.h>

#include "core/base.h"

struct matrix_reply;

enum set_presence {
        SET_PRESENCE_OFFLINE,
        SET_PRESENCE_UNAVAILABLE,
        SET_PRESENCE_ONLINE,
        SET_PRESENCE_NONE, /* no word of the spec: where each of those changes what is shown */
};

/* What a /sync says as set_presence. */
struct set_presence_words {
        enum set_presence while_idle, while_held; /* no claim is held; one is */
        /* Instead of SET_PRESENCE_NONE, if the server insists on a word of the spec. */
        enum set_presence idle_if_refused, held_if_refused;
};

struct server_traits {
        const char *name;         /* "Synapse", ..., "unknown": for people */
        bool presence_per_device; /* the shown state is an aggregate of devices; else one value per user */
        bool message_per_device;  /* the message of the device that was heard of last is shown */
        bool copies_busy;         /* a syncing device of the user catches busy and keeps it (2.3) */
        const char *busy_wire;    /* the word for busy in a PUT */
        bool pushes_own_presence; /* /sync brings the own m.presence */
        bool filters_by_prefix;   /* types of account data may end in a wildcard; else all must be asked for */
        bool online_stays;        /* an `online` that was PUT is never taken down, whoever has gone */
        bool sync_erases_busy;    /* any own poll overwrites the own busy: write again after each */
        bool polls_take_turns;    /* the beginning of a poll keeps another client's from counting for 10 s (2.1) */
        struct set_presence_words says;
        usec_t refresh_interval; /* write again this often while held; USEC_NEVER: not needed */
        const char *stuck_until; /* what ends a busy another session holds, for people; NULL: does not happen */
};

/* By the name it gives itself, or a Server header; NULLs and other names give "unknown". Never NULL. */
const struct server_traits *server_traits_find(const char *name, const char *version);
bool server_is_known(const struct server_traits *t);

/* What a server shows of itself; NULL where it does not. */
struct server_signs {
        const char *name, *version; /* as it calls itself */
        const char *header;         /* Server header: a proxy's, often */
        const json_t *features;     /* unstable_features of /versions */
        bool busy_flag;             /* it advertises MSC3026 */
};
/* The first sign that says something counts. One that advertises busy and cannot be told is treated as the worst that
 * advertises it: presence per device, copied to other devices. */
const struct server_traits *server_traits_of(const struct server_signs *signs);

/* A path to be asked where nothing else says what a server is. Whoever knows it answers with `name` and `version`. */
struct server_own_path {
        const char *path;
        const char *shows; /* whose it is, where an empty 200 is all that comes; else NULL */
        bool confirms;     /* asked only where one has come: is it a sign, or is anything answered so */
};
/* NULL after the last. */
const struct server_own_path *server_own_path(size_t i);

/* No word of the spec may leave the user alone there; a server that insists on one, or shows what is none, gets the
 * least harmful. */
enum set_presence set_presence_word(const struct set_presence_words *words, bool held, bool insists);
/* What came of a request that said it: the server insists. To be asked again, with the word for that. */
bool set_presence_is_refused(enum set_presence said, const struct matrix_reply *reply);
/* Whether a poll with it makes the user present. */
bool set_presence_counts(enum set_presence p);
/* The state that polls may bring about while something of ours is held; NULL: none. */
const char *server_kept_as(const struct server_traits *t);
/* "offline", "unavailable", "online", "none". */
const char *set_presence_to_string(enum set_presence p);
