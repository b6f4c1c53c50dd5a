/* See profile-support.h. */
#include "matrix/server/profile-support.h"

#include "json/json.h"

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
