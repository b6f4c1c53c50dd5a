/* Canonical presence values, and the rule by which another client is known to keep presence alive. */
#include "matrix/outputs/presence.h"

/* A device's presence ends 35 s after its last sync, 65 s after a PUT: what was seen at a distance longer than that
 * was kept alive by somebody. */
#define LIVE_DISTANCE (65 * USEC_PER_SEC)
#define LIVE_WITHIN   (90 * USEC_PER_SEC)

int presence_value(struct claim_value *ret, const char *presence, const char *status_msg) {
        if (!presence || !*presence)
                presence = PRESENCE_STATE_OFFLINE;
        else if (streq(presence, "org.matrix.msc3026.busy"))
                presence = PRESENCE_STATE_BUSY;
        return claim_value_set(ret, presence, status_msg);
}

void presence_watch_seen(struct presence_watch *w, const struct claim_value *v, bool own, usec_t now) {
        w->shown = *v;
        w->shown_known = true;
        if (own || streq(v->state, PRESENCE_STATE_OFFLINE)) {
                w->broken = true;
                return;
        }
        if (w->first == 0 || (w->broken && now - w->last > LIVE_WITHIN))
                w->first = now;
        w->last = now;
        w->broken = false;
}

void presence_watch_written(struct presence_watch *w) {
        w->shown_known = false;
}

void presence_watch_live(const struct presence_watch *w, bool watching, usec_t now, usec_t *ret_first,
                         usec_t *ret_last) {
        *ret_first = w->first;
        *ret_last = w->first > 0 && watching && !w->broken ? now : w->last;
}

bool presence_is_live(usec_t first, usec_t last, usec_t now) {
        /* `last` may be a moment after the caller's `now`. */
        return first > 0 && usec_add(last, LIVE_WITHIN) >= now && last - first >= LIVE_DISTANCE;
}
