/* Canonical presence values, and how much of a busy is shown: see presence.h. */
#include "matrix/outputs/presence.h"

#include <stdio.h>

static const char would_stick[] =
        "only the message: another of your clients is online, would catch the busy from this server and keep it after "
        "the call (see \"busyctl doctor\" for a cure; presence = busy does it all the same)";

static const char cure_fails[] =
        "only the message: another of your clients is online and would keep the busy after the call, and the server "
        "does not take the cure that is set up (see \"busyctl doctor\")";

static const char not_known_yet[] =
        "only the message so far: it is not known yet whether another of your clients is online, which would keep the "
        "busy after the call";

int presence_value(struct claim_value *ret, const char *presence, const char *status_msg) {
        /* The word of our own polls is nobody's, where a server takes it for one of a person. */
        if (!presence || !*presence || streq(presence, set_presence_to_string(SET_PRESENCE_NONE)))
                presence = PRESENCE_STATE_OFFLINE;
        else if (streq(presence, "org.matrix.msc3026.busy"))
                presence = PRESENCE_STATE_BUSY;
        return claim_value_set(ret, presence, status_msg);
}

const char *presence_word(const char *state, const struct server_traits *t) {
        if (streq(state, PRESENCE_STATE_BUSY))
                return t->busy_wire;
        return *state ? state : PRESENCE_STATE_OFFLINE;
}

/* Design, section 6: busy where it is known that it will not stick. */
static bool may_stick(const struct presence_facts *f) {
        return f->mode == PRESENCE_AUTO && f->takes_busy && (f->copies_busy || f->sticks) && !f->chosen &&
               f->others != OTHER_CLIENTS_NONE && f->cure != CURE_WORKS;
}

void presence_want(const struct presence_facts *f, struct claim_want *ret, const char **ret_why) {
        const char *state = f->takes_busy ? PRESENCE_STATE_BUSY : PRESENCE_STATE_UNAVAILABLE;
        const char *why = f->takes_busy ? NULL : "the server does not offer busy (MSC3026): idle instead";

        *ret = (struct claim_want){ .state_claimed = true, .text_claimed = f->message && *f->message };
        if (f->mode == PRESENCE_STATUS || f->mode == PRESENCE_OFF) {
                ret->state_claimed = false;
                why = "only the message, as configured (presence = status)";
        } else if (may_stick(f)) {
                ret->state_claimed = false;
                why = f->others == OTHER_CLIENTS_UNKNOWN ? not_known_yet
                      : f->cure == CURE_FAILS            ? cure_fails
                                                         : would_stick;
        }
        if (claim_value_set(&ret->value, ret->state_claimed ? state : "", ret->text_claimed ? f->message : "") < 0) {
                ret->text_claimed = false;
                (void) claim_value_set(&ret->value, ret->state_claimed ? state : "", "");
                why = "the message is too long to be set";
        }
        *ret_why = why;
}

bool presence_fall_back(struct claim_want *w) {
        if (!w->state_claimed)
                return false;
        if (streq(w->value.state, PRESENCE_STATE_BUSY)) {
                (void) snprintf(w->value.state, sizeof(w->value.state), "%s", PRESENCE_STATE_UNAVAILABLE);
                return true;
        }
        w->state_claimed = false;
        w->value.state[0] = '\0';
        return w->text_claimed;
}
