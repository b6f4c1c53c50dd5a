/* A thing that can be written on an account while its user is busy. One file per output, one line in the table of
 * output.c. Translates between claim values and requests; the claim machine decides. */
#pragma once

#include "core/claim.h"
#include "matrix/account.h"

struct output_request;

struct output_result {
        enum matrix_outcome outcome;
        usec_t retry_after;       /* USEC_NEVER: the server did not say */
        const char *problem;      /* for people; "" on success */
        struct claim_value value; /* of a read */
        bool hidden;              /* nobody may look: what was written last stands there, else `value` */
};
typedef void (*output_done_t)(const struct output_result *result, void *userdata);

/* What only the manager knows and an output may need for its choice. */
struct output_situation {
        usec_t now;
        bool sticks;                   /* learned: busy stuck on this account before */
        const char *message;           /* given by hand with `busyctl busy -m`; NULL: the configured one */
        const struct claim_owed *owed; /* what stands there by an earlier choice; NULL: nothing */
};

struct output {
        const char *name;      /* "presence" */
        const char *no_effect; /* why a server may take it without effect, for people; NULL: unknown */
        bool follows_calls;    /* other clients of the user write it at the beginning and end of their own calls */
        /* Whether it can and should be used; *ret_why then says why not. */
        bool (*usable)(const struct account *a, const char **ret_why);
        void (*traits)(const struct account *a, struct claim_traits *ret);
        /* What should stand there while busy; *ret_why (or NULL) tells people why it is less than busy. */
        void (*want)(const struct account *a, const struct output_situation *s, struct claim_want *ret,
                     const char **ret_why);
        /* After `want` was refused for good: something less. False: there is nothing less. */
        bool (*fall_back)(const struct account *a, struct claim_want *want);
        /* Requests are done and cancelled like http_start(). */
        int (*read)(struct account *a, output_done_t done, void *userdata, struct output_request **ret);
        int (*write)(struct account *a, const struct claim_value *v, output_done_t done, void *userdata,
                     struct output_request **ret);
        /* Writes what gives back `owed`, where that is more than writing `v`: once for each leave, and so it counts as
         * one write. NULL: it is not. */
        int (*give_back)(struct account *a, const struct claim_value *v, const struct claim_owed *owed,
                         output_done_t done, void *userdata, struct output_request **ret);
        /* Releases what other sessions of the user hold, to what was there before the claim; `v` is what gave back.
         * Only called while its traits say `curable`. */
        int (*cure)(struct account *a, const struct claim_value *v, const struct claim_value *prior,
                    output_done_t done, void *userdata, struct output_request **ret);
        /* Whether a value of ours stands there, for what keeps it alive; false comes before it is given back. May be
         * NULL. Called often. */
        void (*set_standing)(struct account *a, bool standing);
};

/* Cancels. After `done` returned the request is freed; the handler sets its own pointer to NULL first. */
struct output_request *output_request_free(struct output_request *r);
CLEANUP(struct output_request, output_request_free);

/* NULL-terminated. */
extern const struct output *const outputs[];
extern const struct output output_presence;
extern const struct output output_profile;

/* ---- for the outputs ---- */

/* Says what a reply means where that is more than its outcome. */
typedef void (*output_translate_t)(struct account *a, const struct matrix_reply *reply, struct output_result *result);
int output_request_new(struct output_request **ret, struct account *a, output_translate_t translate,
                       output_done_t done, void *userdata);
/* For what takes several requests: looks at each answer. Returns 1: it has started the next one; 0: that was the last
 * one; or a negative errno. `data` is freed with the request. */
typedef int (*output_more_t)(struct output_request *r, struct account *a, const struct matrix_reply *reply,
                             void *data);
void output_request_chain(struct output_request *r, output_more_t more, void *data);
/* To be filled by the function that starts the request, which gets output_request_answered and the request. */
struct http_request **output_request_http(struct output_request *r);
void output_request_answered(const struct matrix_reply *reply, void *userdata);
