/* What /sync is asked for: filters and the query. Pure. */
#include "matrix/sync/sync.h"

#include <inttypes.h>
#include <stdio.h>

#include "json/json.h"

/* Synapse's own maximum; larger ones are cut silently. */
#define TIMELINE_LIMIT 100

/* All of them or NULL: a filter that lacks some would hide calls. Not by json_copy(), which may leave some out. */
static json_t *types_new(const struct sync_wants *wants, bool in_call, bool state) {
        SCOPED(json_decref) json_t *types = json_array();

        if (json_array_extend(types, (json_t *) wants->messages) < 0 ||
            (in_call && json_array_extend(types, (json_t *) wants->in_call) < 0) ||
            (state && json_array_extend(types, (json_t *) wants->state) < 0))
                return NULL;
        return TAKE(types);
}

json_t *sync_message_types_new(const struct sync_wants *wants, bool in_call) {
        return types_new(wants, in_call, /* state= */ false);
}

/* State must be in the timeline's types too: it travels only there while nothing is missing. */
static json_t *timeline_new(const struct sync_wants *wants, enum sync_filter kind) {
        if (kind == SYNC_FILTER_STATE)
                return json_pack("{s:[]}", "types");
        return json_pack("{s:i, s:o}", "limit", TIMELINE_LIMIT, "types",
                         types_new(wants, kind == SYNC_FILTER_IN_CALL, /* state= */ true));
}

static json_t *presence_new(const char *me) {
        if (!me)
                return json_pack("{s:[]}", "types");
        return json_pack("{s:[s], s:[s]}", "types", "m.presence", "senders", me);
}

static json_t *account_data_new(const char *prefix) {
        return prefix ? json_pack("{s:[s+]}", "types", prefix, "*") : json_object();
}

/* Of a whole state only the own keys: a big room has thousands of others'. Later everybody's, since others may replace
 * one of the user's. */
static json_t *state_new(const struct sync_wants *wants, enum sync_filter kind, const char *me) {
        /* Without lazy loading the server reads every member of every room. */
        json_t *senders = kind == SYNC_FILTER_STATE ? json_pack("[s]", me) : NULL;

        if (kind == SYNC_FILTER_STATE && !senders)
                return NULL;
        return json_pack("{s:b, s:O, s:o*}", "lazy_load_members", 1, "types", wants->state, "senders", senders);
}

json_t *sync_filter_new(const struct sync_wants *wants, enum sync_filter kind, const char *me, bool own_presence,
                        const char *account_data) {
        return json_pack("{s:o, s:o, s:{s:{s:[]}, s:{s:[]}, s:o, s:o}}", "presence",
                         presence_new(own_presence ? me : NULL), "account_data", account_data_new(account_data),
                         "room", "account_data", "types", "ephemeral", "types", "state", state_new(wants, kind, me),
                         "timeline", timeline_new(wants, kind));
}

/* Of that kind nothing is wanted at all, so that it does not matter what is left out besides. */
json_t *sync_filter_salted(json_t *taken, unsigned salt) {
        SCOPED(json_decref) json_t *filter = taken;
        json_t *ephemeral = json_object_get(json_object_get(filter, "room"), "ephemeral");
        char word[32];

        (void) snprintf(word, sizeof(word), "org.busyd.%u", salt);
        return json_object_set_new(ephemeral, "not_types", json_pack("[s]", word)) < 0 ? NULL : TAKE(filter);
}

char *sync_path_new(const struct sync_query *q) {
        const char *presence = set_presence_to_string(q->set_presence);
        char timeout[24];

        (void) snprintf(timeout, sizeof(timeout), "%" PRIu64, q->timeout / USEC_PER_MSEC);
        if (!q->since)
                return matrix_path("/_matrix/client/v3/sync?filter=%s&timeout=%s&set_presence=%s", q->filter, timeout,
                                   presence);
        return matrix_path("/_matrix/client/v3/sync?filter=%s&timeout=%s&set_presence=%s&since=%s", q->filter, timeout,
                           presence, q->since);
}
