/* What a notification says about calls, judged by category, actions and identity alone. Pure. */
#pragma once

#include "core/calls.h"

#define NOTIFICATION_APP_MAX 128
#define NOTIFICATION_KEY_MAX 64

/* All that is ever kept of a notification. There is no room for a text: summary and body are not read. */
struct notification {
        char app[NOTIFICATION_APP_MAX]; /* see identity.h; "" unknown */
        bool known;                     /* to be a call program */
        char category[NOTIFICATION_KEY_MAX];
        char sound[NOTIFICATION_KEY_MAX];
        char kde_app[NOTIFICATION_KEY_MAX], kde_event[NOTIFICATION_KEY_MAX];
        char accept[NOTIFICATION_KEY_MAX], decline[NOTIFICATION_KEY_MAX]; /* keys of such actions; "" none */
};

enum notification_meaning {
        NOTIFICATION_OTHER, /* not about a call */
        NOTIFICATION_RINGING,
        NOTIFICATION_ONGOING,
        NOTIFICATION_UNANSWERED, /* ringing is over */
        NOTIFICATION_ENDED,      /* ringing or the call is over */
};

enum notification_meaning notification_meaning(const struct notification *n);

/* How good a reason to believe it: a category that says so outweighs a sound or a button. */
enum call_evidence notification_evidence(const struct notification *n);

/* Takes the key of an action for what accepts or declines a call, if it is one: "accept", "app.reject-call", and the
 * purposes of the portal's buttons. `purpose` "" if there is none. */
void notification_add_action(struct notification *n, const char *key, const char *purpose);

/* Copies what fits; what does not cannot be one of the words that are looked for, and is left out. */
void notification_set(char field[NOTIFICATION_KEY_MAX], const char *value);
