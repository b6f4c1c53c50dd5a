/* See other-clients.h. */
#include "matrix/outputs/other-clients.h"

#include <stdio.h>

#define STATE_OFFLINE "offline"

/* What stands there at the first look may be what an earlier run has left. */
static void begin(struct other_clients *o, usec_t now) {
        if (o->begun)
                return;
        o->begun = true;
        o->own_until = usec_add(now, OTHER_CLIENTS_OWN);
}

/* Something else may be from before ours or from after it, which is not known yet: not for so long. */
static bool is_hidden(const struct other_clients *o, usec_t now) {
        return o->own && (o->missing_since == 0 || now < usec_add(o->missing_since, OTHER_CLIENTS_OWN));
}

static void look_for_own(struct other_clients *o, const char *state, usec_t now) {
        if (!o->own || !o->own_state[0] || streq(state, o->own_state))
                o->missing_since = 0;
        else if (o->missing_since == 0)
                o->missing_since = now;
}

static bool is_current(const struct other_clients *o, usec_t now) {
        return o->watching || now <= usec_add(o->current_at, OTHER_CLIENTS_BLIND);
}

/* What may have happened unseen is not known any more. */
static void forget_if_blind(struct other_clients *o, usec_t now) {
        if (!is_current(o, now) && !is_hidden(o, now))
                o->quiet = false;
}

static bool may_be_own(const struct other_clients *o, const char *state, usec_t now) {
        return is_hidden(o, now) || (now < o->own_until && (!o->own_state[0] || streq(o->own_state, state)));
}

/* Whatever is seen until now, it is there up to now. */
static void renew_live(struct other_clients *o, usec_t now) {
        if (is_hidden(o, now) || !o->shown || !is_current(o, now) || (!o->theirs && now < o->own_until))
                return;
        o->theirs = true;
        o->live_at = now;
        o->quiet = false;
}

static void seen_offline(struct other_clients *o, usec_t now) {
        if (o->shown && !is_hidden(o, now))
                o->shown_at = now;
        o->shown = false;
        if (o->quiet)
                return;
        o->quiet = true;
        o->quiet_since = o->shown_at;
}

void other_clients_seen(struct other_clients *o, const char *state, usec_t now) {
        begin(o, now);
        forget_if_blind(o, now);
        renew_live(o, now);
        o->current_at = now;
        look_for_own(o, state, now);
        if (streq(state, STATE_OFFLINE)) {
                seen_offline(o, now);
                return;
        }
        o->shown = true;
        o->theirs = !may_be_own(o, state, now);
        renew_live(o, now);
}

void other_clients_active(struct other_clients *o, usec_t at) {
        if (o->own || at <= o->own_over_at || (o->watching && at >= o->watching_since))
                return;
        if (at > o->shown_at)
                o->shown_at = at;
        if (o->quiet && at > o->quiet_since)
                o->quiet_since = at;
}

void other_clients_watch(struct other_clients *o, bool watching, usec_t now) {
        begin(o, now);
        forget_if_blind(o, now);
        if (watching && !o->watching)
                o->watching_since = now;
        if (o->watching || watching)
                o->current_at = now;
        o->watching = watching;
}

void other_clients_own(struct other_clients *o, const char *state, usec_t now) {
        usec_t until;

        begin(o, now);
        if (!is_hidden(o, now))
                o->before = other_clients_judge(o, now, &until);
        o->own = true;
        o->missing_since = 0;
        (void) snprintf(o->own_state, sizeof(o->own_state), "%s", state);
}

void other_clients_own_over(struct other_clients *o, usec_t now) {
        bool hidden = is_hidden(o, now);

        if (!o->own)
                return;
        o->own = false;
        o->own_over_at = now;
        o->missing_since = 0;
        o->own_until = usec_add(now, OTHER_CLIENTS_OWN);
        if (!hidden)
                return;
        if (o->before == OTHER_CLIENTS_LIVE)
                o->live_at = now;
        if (o->before == OTHER_CLIENTS_NONE)
                return;
        o->quiet = !o->shown;
        o->quiet_since = now;
}

enum other_clients_verdict other_clients_judge(struct other_clients *o, usec_t now, usec_t *ret_until) {
        usec_t live_until, quiet_at;

        *ret_until = USEC_NEVER;
        if (is_hidden(o, now))
                return o->before;
        forget_if_blind(o, now);
        renew_live(o, now);
        if (o->live_at == now && o->shown && o->theirs)
                return OTHER_CLIENTS_LIVE;
        live_until = usec_add(o->live_at, OTHER_CLIENTS_QUIET);
        if (o->live_at > 0 && now < live_until) {
                *ret_until = live_until;
                return OTHER_CLIENTS_LIVE;
        }
        if (o->shown) {
                *ret_until = now < o->own_until ? o->own_until : USEC_NEVER;
                return OTHER_CLIENTS_UNKNOWN;
        }
        quiet_at = usec_add(o->quiet_since, OTHER_CLIENTS_QUIET);
        if (o->quiet && (o->quiet_since == 0 || now >= quiet_at))
                return OTHER_CLIENTS_NONE;
        if (o->quiet)
                *ret_until = quiet_at;
        return OTHER_CLIENTS_UNKNOWN;
}
