/* A thing that can be written on an account while its user is busy. One file per output, one line in the table of
 * output.c. An output is an object that owns what it knows: it is told facts, and answers what should stand there, how
 * the place behaves and what to tell people. Who drives its claim (driver.h) decides when what is written. */
#pragma once

#include "core/account-lessons.h"
#include "core/account-settings.h"
#include "core/claim.h"
#include "matrix/client/client.h"
#include "matrix/server/probe.h"

#define OUTPUTS_MAX 4

/* What an output may know of the account it is on; all of it outlives the output, and may change: `configured` then
 * says so. */
struct output_endpoint {
        struct http *http;
        struct matrix_client *client;
        const char *user_id;
        const struct probe_facts *facts; /* of the server; all empty until it is known */
        bool known;
        const struct account_settings *settings;
        const char *appservice; /* the token of an application service that may act for the user; NULL: none */
        struct account_lessons learned;
        /* Whether that device is another busyd of the user's. */
        bool (*is_machine)(void *userdata, const char *device_id);
        /* A request that the output made by itself was told that the session has ended. */
        void (*doubt)(void *userdata);
        /* A fact came in by itself: what is asked of the output may be answered otherwise now. */
        void (*touched)(void *userdata);
        void *userdata;
};

/* Whoever drives the claim on it hears what the server shows there. */
struct output_listener {
        void (*seen)(void *userdata, const struct claim_value *v, usec_t now);
        /* ... as it was read: after seen(), where nothing is pushed. */
        void (*looked)(void *userdata, const struct claim_value *v, usec_t now);
        void (*unsure)(void *userdata);  /* pushes may have been missed */
        void (*erased)(void *userdata);  /* the server has lost our value, as known from its traits */
        void (*refused)(void *userdata); /* it does not tell, when asked by the output itself */
        /* Whether these words are those of the last claim, or of one that another machine has told. */
        bool (*is_said)(void *userdata, const struct claim_value *v);
        void *userdata;
};

/* What an output's value needs of the long poll. */
struct output_poll {
        bool own_presence; /* the own presence is asked for */
        bool counted;      /* polls keep the value alive; false ends one that does at once */
        bool soon;         /* ... and may not wait for the next poll */
        bool alone; /* no other client of the user's keeps presence alive, so that polls take nothing from one */
};

/* How the claim on it stands. */
struct output_claim {
        enum claim_phase phase;
        bool owed;                        /* a value of ours may stand there ... */
        bool state_claimed, text_claimed; /* ... and these are parts of it */
        bool standing;                    /* as far as is known it does: whatever keeps it alive should run */
        bool sticks;                      /* what was given back is kept by another session, which is no machine */
};

/* What its choice depends on besides what it knows itself. */
struct output_situation {
        usec_t now, wall;
        const char *message;              /* given by hand with `busyctl busy -m`; NULL: the configured one */
        const struct claim_owed *owed;    /* what stands there by an earlier choice; NULL: nothing */
        const struct claim_want *current; /* what has been wanted in this call so far; NULL: it begins */
};

struct output_result {
        enum matrix_outcome outcome;
        usec_t retry_after;       /* USEC_NEVER: the server did not say */
        usec_t now;               /* of the answer */
        const char *problem;      /* for people; "" on success */
        struct claim_value value; /* of a read */
        bool hidden;              /* nobody may look: what was written last stands there, else `value` */
};
typedef void (*output_done_t)(const struct output_result *result, void *userdata);

struct output;
struct output_request;

struct output_kind {
        const char *name;      /* "presence" */
        const char *no_effect; /* why a server may take it without effect, for people; NULL: unknown */
        /* A state in words for people; NULL: it is one. */
        const char *(*words)(const char *state);
        bool follows_calls; /* other clients of the user write it at the beginning and end of their own calls */
        int (*make)(struct output **ret, const struct output_endpoint *at);
        void (*free)(struct output *o);

        /* ---- facts; NULL: they do not matter to it ---- */

        /* Settings, tokens or what is known of the server are other ones. */
        void (*configured)(struct output *o, usec_t now);
        /* The server answers again; and a whole state has come: what was seen before is old. */
        void (*reconnected)(struct output *o, usec_t now);
        void (*resynced)(struct output *o, usec_t now);
        /* This is owed by an earlier run; at the start. */
        void (*resumed)(struct output *o, const struct claim_owed *owed);
        /* The own presence has come with a poll. */
        void (*presence)(struct output *o, const char *presence, const char *status_msg, usec_t now);
        /* The next poll would begin now. True: not before something was read that it would change; then it is asked
         * again. */
        bool (*awaited)(struct output *o, usec_t now);
        /* ... at this time even if nothing happens until then; USEC_NEVER: only then. */
        usec_t (*awaited_until)(const struct output *o);
        /* Whether what comes is told at once, and everything before has arrived: once for each poll. */
        void (*watching)(struct output *o, bool watching, usec_t now);
        /* Another machine of the user's holds its state, or has words of its own there, or not any more. */
        void (*machines)(struct output *o, bool hold, bool words, usec_t now);
        void (*claim)(struct output *o, const struct output_claim *c, usec_t now);

        /* ---- answers ---- */

        /* When they may be others without a new fact. NULL: never. */
        usec_t (*run)(struct output *o, usec_t now);
        /* Whether it can and should be used; *ret_why then says why not. */
        bool (*usable)(const struct output *o, const char **ret_why);
        void (*traits)(const struct output *o, struct claim_traits *ret);
        /* What should stand there while busy; *ret_why (or NULL) tells people why it is less than busy. */
        void (*want)(struct output *o, const struct output_situation *s, struct claim_want *ret, const char **ret_why);
        /* After `want` was refused for good: something less. False: there is nothing less. */
        bool (*fall_back)(const struct output *o, struct claim_want *want);
        /* It writes by itself, and the claim has to wait. NULL: never. */
        bool (*occupied)(const struct output *o);
        /* NULL: it needs nothing of it. */
        void (*poll)(struct output *o, struct output_poll *ret, usec_t now);
        /* What later runs should know, into zeroes; see output_endpoint. NULL: nothing. */
        void (*learned)(const struct output *o, struct account_lessons *ret);
        /* What only busyd writes there, given back to what is there for somebody who does nothing: for when it is not
         * known any more what an earlier run has written. False: nothing would be known again. NULL: likewise. */
        bool (*lost)(struct output *o, struct claim_owed *ret);
        /* What ends a value that another session holds, for people; NULL: unknown. */
        const char *(*stuck_until)(const struct output *o);

        /* ---- requests: done and cancelled like http_start() ---- */

        int (*read)(struct output *o, output_done_t done, void *userdata, struct output_request **ret);
        int (*write)(struct output *o, const struct claim_value *v, usec_t now, output_done_t done, void *userdata,
                     struct output_request **ret);
        /* Writes what gives back `owed`, or takes our words away from beside a person's, where that is more than
         * writing `v`: once for each leave, and so it counts as one write. NULL: it is not. */
        int (*give_back)(struct output *o, const struct claim_value *v, const struct claim_owed *owed, usec_t now,
                         output_done_t done, void *userdata, struct output_request **ret);
        /* Releases what other sessions of the user hold, to what was there before the claim; `v` is what gave back.
         * Only called while its traits say `curable`. */
        int (*cure)(struct output *o, const struct claim_value *v, const struct claim_value *prior, usec_t now,
                    output_done_t done, void *userdata, struct output_request **ret);
};

/* NULL-terminated, at most OUTPUTS_MAX. */
extern const struct output_kind *const outputs[];
extern const struct output_kind output_presence;
extern const struct output_kind output_profile;

struct output *output_free(struct output *o); /* cancels what it has asked by itself; NULL is fine; returns NULL */
CLEANUP(struct output, output_free);

/* Cancels. After `done` returned the request is freed; the handler sets its own pointer to NULL first. */
struct output_request *output_request_free(struct output_request *r);
CLEANUP(struct output_request, output_request_free);

/* ---- for the outputs and their driver ---- */

/* The beginning of each output's own struct. */
struct output {
        const struct output_kind *kind;
        const struct output_endpoint *at;
        struct output_listener listener; /* zeroes: nobody listens yet */
};

/* Says what a reply means where that is more than its outcome. */
typedef void (*output_translate_t)(struct output *o, const struct matrix_reply *reply, struct output_result *result);
int output_request_new(struct output_request **ret, struct output *o, output_translate_t translate, output_done_t done,
                       void *userdata);
/* For what takes several requests: looks at each answer. Returns 1: it has started the next one; 0: that was the last
 * one; or a negative errno. `data` is freed with the request. */
typedef int (*output_more_t)(struct output_request *r, struct output *o, const struct matrix_reply *reply, void *data);
void output_request_chain(struct output_request *r, output_more_t more, void *data);
/* What was answered so far has changed something: whatever becomes of the rest, it may have taken effect. */
void output_request_has_effect(struct output_request *r);
/* To be filled by the function that starts the request, which gets output_request_answered and the request. */
struct http_request **output_request_http(struct output_request *r);
void output_request_answered(const struct matrix_reply *reply, void *userdata);
/* It will not work as asked, whatever the outcome was. */
void output_refuse(struct output_result *result, const char *problem);
