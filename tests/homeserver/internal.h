/* What the files of the model share. */
#pragma once

#include "model.h"

#define MODEL_SESSIONS_MAX 32
#define MODEL_ROOMS_MAX    64

struct model_session {
        char token[64], device[64];
        bool revoked, soft;
        int64_t seen; /* ms since 1970; 0: never */
        /* what renews it; "": nothing does */
        char refresh[64], before[64]; /* the one before is forgiven while the new access token is unused */
        char token_before[64];
        bool used;
        int64_t ends, ends_before; /* ms since 1970; 0: never */
};

struct model_room {
        char id[128];
        bool left; /* by the user */
        int64_t left_at;
};

struct model_event {
        size_t room;
        json_t *event;
        int64_t position, arrived;
        const char *type, *key; /* borrowed from the event; key NULL: no state */
};

struct model {
        struct hs_options options;
        char url[64];
        int64_t wall_offset;
        uint64_t version;

        struct presence_model presence;
        char *shown_state, *shown_message; /* as last told */
        void (*on_shown)(void *userdata, const char *state, const char *message);
        void *on_shown_userdata;
        json_t *other_presence; /* the last change of somebody else's, as an event */
        int64_t other_position;
        int64_t presence_position, presence_turn;

        int64_t position;
        bool polled;          /* a poll went on from a position, since the last restart */
        int64_t polled_from;  /* the furthest one */
        bool polled_presence; /* ... where it is told what others see of the user */
        int64_t told_at;      /* the position of the last event, or entry of account data */
        unsigned epoch;
        struct model_room rooms[MODEL_ROOMS_MAX];
        size_t n_rooms;
        struct model_event *events; /* by position */
        size_t n_events, n_events_allocated;
        json_t *account_data;           /* type: content */
        json_t *account_data_positions; /* type: position */
        json_t *filters;                /* array */
        size_t first_filter;            /* the id of the first one: no id is given twice */
        json_t *profile;
        json_t *keys;      /* of encryption, see model_keys() */
        json_t *to_device; /* array of {device, position, event} */
        json_t *sent;      /* array of {USER: {DEVICE: content}} */
        json_t *lists;     /* of devices: {USER: position of the last change} */
        struct model_session sessions[MODEL_SESSIONS_MAX];
        size_t n_sessions;
        char appservice[64]; /* its token; "": none */
        unsigned n_renewals;
        unsigned serial;
};

struct exchange {
        struct model *m;
        int64_t now; /* of the call that is carried out */
        char *method, *path, *query, *raw_query;
        bool has_token;
        struct model_session *session; /* NULL: no valid token */
        int64_t token_ends;            /* of the one that came; 0: never */
        bool appservice;               /* its token */
        struct model_session no_device;
        char device[64];    /* whose request it is, as it was when it came */
        char *segments[16]; /* of the path, decoded */
        size_t n_segments;
        char *text;   /* of the body; NULL: none */
        json_t *body; /* NULL: none, or no JSON */
        /* a poll that waits */
        bool waiting, counts;
        int64_t since, until; /* since -1: initial */
        uint64_t looked;      /* the version it was last compared with */
        bool full_state;
        json_t *filter; /* NULL: none */
        /* the answer */
        unsigned status;
        json_t *answer;
};

/* Something changed that a request may wait for. */
void model_changed(struct model *m);
/* Compares what is shown with what was told last. */
void model_check_presence(struct model *m, int64_t now);
/* Whether the user may know their own presence. */
bool model_presence_is_told(const struct model *m);
struct model_session *model_session_new(struct model *m, const char *device);

/* The value of a key of the query, decoded; NULL: not there. The caller frees. */
char *exchange_value(const struct exchange *e, const char *key);
void exchange_error(struct exchange *e, unsigned status, const char *errcode, const char *error);
void exchange_route(struct exchange *e);                                                     /* routes.c */
struct model_session *tokens_session(struct model *m, const char *token, int64_t *ret_ends); /* tokens.c */
void tokens_post_refresh(struct exchange *e);
void tokens_post_oauth_token(struct exchange *e);
void tokens_post_oauth_revoke(struct exchange *e);
int model_keys_new(struct model *m); /* keys.c */
void model_keys_done(struct model *m);
void keys_drop_taken(struct exchange *e); /* what the poll has behind it */
void keys_put_news(const struct exchange *e, json_t *body);
void keys_put_counts(const struct exchange *e, json_t *body);
void keys_post_claim(struct exchange *e);
void keys_post_upload(struct exchange *e);
void keys_post_query(struct exchange *e);
void keys_post_signatures(struct exchange *e);
void keys_put_to_device(struct exchange *e);
/* `active_ago` -1: it does not say. */
json_t *sync_presence_event(const char *sender, const char *state, const char *message, int64_t active_ago);
void sync_begin(struct exchange *e); /* sync.c */
void sync_look(struct exchange *e);
void sync_messages(struct exchange *e);
