/* See profile.h. */
#include "matrix/outputs/profile.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"

/* Writers differ in spaces and the order of members; the same value is the same text here. */
int profile_value(struct claim_value *ret, struct stand_in *longer, const json_t *body, const char *field) {
        const json_t *value = json_object_get(body, field);
        char *text;
        int r;

        if (!value || json_is_null(value))
                return claim_value_set(ret, "", "");
        text = json_dumps_whole(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        if (!text)
                return -ENOMEM;
        r = claim_value_set(ret, text, "");
        if (r == -E2BIG) {
                (void) claim_value_set(ret, "", "");
                r = stand_in_take(longer, ret->state, sizeof(ret->state), text);
        }
        free(text);
        return r;
}

bool profile_is_joined(const struct claim_value *v) {
        long long seconds;
        int end = 0;

        return sscanf(v->state, "{\"call_joined_ts\":%lld}%n", &seconds, &end) == 1 && end > 0 &&
               v->state[end] == '\0';
}

int profile_joined(struct claim_value *ret, int64_t seconds) {
        char text[64];

        (void) snprintf(text, sizeof(text), "{\"call_joined_ts\":%lld}", (long long) seconds);
        return claim_value_set(ret, text, "");
}

const char *profile_words(const char *value) {
        SCOPED(json_decref) json_t *parsed = NULL;

        if (!*value)
                return "";
        if (stand_in_is(value, CLAIM_STATE_MAX))
                return "a long value of another client";
        if (json_parse(value, strlen(value), &parsed) == 0 && json_object_get(parsed, "call_joined_ts"))
                return "in a call";
        return "something that is no call";
}
