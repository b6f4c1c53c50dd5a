/* See profile.h. */
#include "matrix/outputs/profile.h"

#include <errno.h>
#include <stdio.h>

#include "util/json.h"

static bool lists(const json_t *array, const char *name) {
        for (size_t i = 0; i < json_array_size(array); i++) {
                const char *s = json_string_value(json_array_get(array, i));

                if (s && streq(s, name))
                        return true;
        }
        return false;
}

static bool allows(const json_t *fields, const char *name) {
        const json_t *allowed = json_member_array(fields, "allowed");

        return allowed ? lists(allowed, name) : !lists(json_member_array(fields, "disallowed"), name);
}

/* Other clients read the unstable name as long as the field is no part of the spec. */
static const char *choose_field(const struct matrix_versions *versions, const json_t *fields) {
        if (versions->call_field_stable && allows(fields, PROFILE_FIELD_STABLE))
                return PROFILE_FIELD_STABLE;
        if (allows(fields, PROFILE_FIELD_UNSTABLE))
                return PROFILE_FIELD_UNSTABLE;
        return allows(fields, PROFILE_FIELD_STABLE) ? PROFILE_FIELD_STABLE : NULL;
}

struct profile_support profile_support(const struct matrix_versions *versions, const json_t *capabilities) {
        const json_t *all = json_member_object(capabilities, "capabilities");
        const json_t *fields = json_member_object(all, "m.profile_fields");
        bool unstable = !fields && !versions->profile_fields_stable;

        if (!fields)
                fields = json_member_object(all, "uk.tcpip.msc4133.profile_fields");
        if (!json_member_bool(fields, "enabled", false) || (unstable && !versions->profile_fields_unstable))
                return (struct profile_support){ .field = NULL };
        return (struct profile_support){ .field = choose_field(versions, fields), .unstable = unstable };
}

/* Writers differ in spaces and the order of members; the same value is the same text here. */
int profile_value(struct claim_value *ret, const json_t *body, const char *field) {
        const json_t *value = json_object_get(body, field);
        char *text;
        int r;

        if (!value || json_is_null(value))
                return claim_value_set(ret, "", "");
        text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        if (!text)
                return -ENOMEM;
        r = claim_value_set(ret, text, "");
        free(text);
        return r;
}

int profile_joined(struct claim_value *ret, int64_t seconds) {
        char text[64];

        (void) snprintf(text, sizeof(text), "{\"call_joined_ts\":%lld}", (long long) seconds);
        return claim_value_set(ret, text, "");
}
