/* One Matrix account: connects, learns what the server is, follows /sync and feeds the call kinds. Decides
 * nothing about presence: it is asked by outputs and by the manager. */
#pragma once

#include <systemd/sd-event.h>

#include "core/account-settings.h"
#include "core/base.h"
#include "core/calls.h"
#include "core/claim.h"
#include "matrix/client/api.h"
#include "matrix/client/client.h"
#include "matrix/outputs/cure.h"
#include "matrix/machines/heard.h"
#include "matrix/server/profile-support.h"
#include "matrix/server/traits.h"
#include "state/session.h"

enum account_state {
        ACCOUNT_CONNECTING, /* asking the server what it is, and whose the token is */
        ACCOUNT_SYNCING,    /* first sync, or a resync after a gap */
        ACCOUNT_ONLINE,     /* polling */
        ACCOUNT_WAITING,    /* an attempt failed; the next one is at account_retry_at() */
        ACCOUNT_LOCKED,     /* by the server's administrator; tried again every few minutes */
        ACCOUNT_SIGNED_OUT, /* the token is gone: `busyctl login` */
        ACCOUNT_BROKEN,     /* will not work without a change: wrong user, not a homeserver */
};
const char *account_state_to_string(enum account_state s); /* "connecting", ... "signed-out", "broken" */

struct account;

struct account_handler {
        /* State, traits, problem, anything that account_*() getters tell. */
        void (*changed)(void *userdata, struct account *a);
        /* The first sync is through: the calls of now are reported. Once per account_new(). */
        void (*settled)(void *userdata, struct account *a);
        /* Own presence as the server told it, canonical as presence_value() makes it (presence.h). */
        void (*presence_seen)(void *userdata, struct account *a, const struct claim_value *v);
        /* Nothing pushes any more: what was seen may be outdated until the next presence_seen or read. */
        void (*presence_unsure)(void *userdata, struct account *a);
        /* A poll of ours has overwritten what we had written, as some servers do (traits: sync_erases_busy). May be
         * NULL. */
        void (*presence_erased)(void *userdata, struct account *a);
        /* The user's other machines have told something, or are not believed any more: account_others(). */
        void (*others_changed)(void *userdata, struct account *a);
        /* Everything up to here is applied: store it. NULL: forget the stored one. */
        void (*position)(void *userdata, struct account *a, const char *since);
        void *userdata;
};

/* Copies what it keeps, but not sink and handler. `since` may be NULL; if it is older than
 * SYNC_GAP_MAX (see sync.h) the caller passes NULL. Nothing happens before account_start(). */
int account_new(struct account **ret, sd_event *event, struct http *http, const char *name,
                const struct session *session, const struct account_settings *settings, const char *since,
                const struct call_sink *sink, const struct account_handler *handler);
struct account *account_free(struct account *a); /* cancels everything; no callbacks, no requests.
                                                  * Not from within one of its own callbacks. */
CLEANUP(struct account, account_free);
int account_start(struct account *a);

/* While held, polls use the traits' `while_held`, which keeps a claim alive. False ends a counted poll at once,
 * before anything else is written (reference 2.4, step 6). */
void account_set_held(struct account *a, bool held);

/* Takes effect at once where it can. */
int account_set_settings(struct account *a, const struct account_settings *settings);

/* Besides the session's token; NULL: none. Copied. */
struct account_tokens {
        const char *appservice; /* of an application service that may act for the user */
};
int account_set_tokens(struct account *a, const struct account_tokens *tokens);

/* After a suspend, or when the network is back: try now; `gap` true: resync, a stored position may hide things. */
void account_wake(struct account *a, bool gap);

const char *account_name(const struct account *a);
const char *account_user_id(const struct account *a);
const char *account_device_id(const struct account *a); /* of the session, as the server says; "": not known yet */
const char *account_homeserver(const struct account *a);
enum account_state account_state(const struct account *a);
const char *account_problem(const struct account *a); /* "" or a sentence for people that says what to do */
usec_t account_retry_at(const struct account *a);     /* USEC_NEVER: no attempt is planned */
/* The server was reached once: its traits and versions are known. */
bool account_is_known(const struct account *a);
const struct server_traits *account_traits(const struct account *a); /* "unknown" until known */
const char *account_server(const struct account *a);                 /* "Synapse 1.160.0" or "" */
const struct matrix_versions *account_versions(const struct account *a);
const struct profile_support *account_profile(const struct account *a);
const struct account_settings *account_settings(const struct account *a);
struct matrix_client *account_client(struct account *a);
struct cure *account_cure(const struct account *a); /* NULL: none is set up */
/* Synapse's rule for "another client keeps presence alive" (reference 2.8): when the own presence was seen to be
 * other than offline, without a break, first and last; 0: not. While a claim is held: as it was when that began, so
 * that a choice made by it stands. */
void account_presence_live(const struct account *a, usec_t *ret_first, usec_t *ret_last);

/* ---- the user's other machines (heard.h) ---- */

const struct heard *account_heard(const struct account *a);
/* What they owe on that output. Returns how many. */
size_t account_others(const struct account *a, const char *output, struct claim_other ret[HEARD_MAX]);
/* When to call account_expire_others(), which tells of it if something is not believed any more. */
usec_t account_others_deadline(const struct account *a);
void account_expire_others(struct account *a, usec_t now);
/* Tells them what is owed on that output; NULL: nothing any more. Called often. */
void account_tell_others(struct account *a, const char *output, const struct claim_other *claim);
/* Something is to be done as soon as they tell: polls make no pause. */
void account_expect_others(struct account *a, bool expecting);
/* There are some, and they do not know it yet; `changed` is called when that has an end. */
bool account_is_telling(const struct account *a);
/* What they have told during a pause between polls is asked for now; `changed` as above. */
void account_catch_up(struct account *a);
bool account_is_catching_up(const struct account *a);

/* For the outputs: own presence was read; is going to be written with this state (canonical words). */
void account_presence_read(struct account *a, const struct claim_value *v);
void account_presence_written(struct account *a, const char *state);
