/* Which servers take the profile field for calls, under which name, and how its value is read. */
#include <criterion/criterion.h>

#include "matrix/outputs/profile.h"
#include "matrix/server/profile-support.h"
#include "json/json.h"

static const struct support_row {
        const char *what;
        struct matrix_versions versions;
        const char *capabilities; /* NULL: no such endpoint */
        const char *field;        /* NULL: not taken */
        bool unstable;
} support_rows[] = {
        { "no endpoint", { 0 }, NULL, NULL, false },
        { "not an object", { 0 }, "[]", NULL, false },
        { "nothing about profiles", { .profile_fields_stable = true }, "{\"capabilities\":{}}", NULL, false },
        { "enabled",
          { 0 },
          "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true}}}",
          PROFILE_FIELD_UNSTABLE,
          false },
        { "not enabled", { 0 }, "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":false}}}", NULL, false },
        { "enabled is no bool", { 0 }, "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":1}}}", NULL, false },
        { "others disallowed",
          { 0 },
          "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true,\"disallowed\":[\"displayname\"]}}}",
          PROFILE_FIELD_UNSTABLE,
          false },
        { "the unstable name disallowed",
          { 0 },
          "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true,\"disallowed\":[\"org.matrix.msc4426.call\"]}}}",
          PROFILE_FIELD_STABLE,
          false },
        { "both disallowed",
          { 0 },
          "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true,"
          "\"disallowed\":[\"org.matrix.msc4426.call\",\"m.call\"]}}}",
          NULL,
          false },
        { "others allowed",
          { 0 },
          "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true,\"allowed\":[\"displayname\"]}}}",
          NULL,
          false },
        { "allowed goes before disallowed",
          { 0 },
          "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true,\"allowed\":[7,\"org.matrix.msc4426.call\"],"
          "\"disallowed\":[\"org.matrix.msc4426.call\"]}}}",
          PROFILE_FIELD_UNSTABLE,
          false },
        { "the stable name",
          { .call_field_stable = true },
          "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true}}}",
          PROFILE_FIELD_STABLE,
          false },
        { "before the spec had it",
          { .profile_fields_unstable = true },
          "{\"capabilities\":{\"uk.tcpip.msc4133.profile_fields\":{\"enabled\":true}}}",
          PROFILE_FIELD_UNSTABLE,
          true },
        { "the old capability and the endpoint of the spec",
          { .profile_fields_unstable = true, .profile_fields_stable = true },
          "{\"capabilities\":{\"uk.tcpip.msc4133.profile_fields\":{\"enabled\":true}}}",
          PROFILE_FIELD_UNSTABLE,
          false },
        { "the old capability and no endpoint",
          { 0 },
          "{\"capabilities\":{\"uk.tcpip.msc4133.profile_fields\":{\"enabled\":true}}}",
          NULL,
          false },
};

Test(profile, support) {
        for (size_t i = 0; i < ARRAY_SIZE(support_rows); i++) {
                const struct support_row *row = &support_rows[i];
                SCOPED(json_decref) json_t *body = row->capabilities ? json_loads(row->capabilities, 0, NULL) : NULL;
                struct profile_support s = profile_support(&row->versions, body);

                if (!row->field) {
                        cr_expect_null(s.field, "%s: %s", row->what, s.field);
                        continue;
                }
                cr_assert_not_null(s.field, "%s", row->what);
                cr_expect_str_eq(s.field, row->field, "%s: %s", row->what, s.field);
                cr_expect_eq(s.unstable, row->unstable, "%s", row->what);
        }
}

static const struct value_row {
        const char *what, *body, *state; /* NULL: cannot be held, and something stands in for it */
} value_rows[] = {
        { "no answer", NULL, "" },
        { "absent", "{}", "" },
        { "null", "{\"f\":null}", "" },
        { "ours", "{\"f\":{\"call_joined_ts\":1700000000}}", "{\"call_joined_ts\":1700000000}" },
        { "spaces and order", "{\"f\": { \"b\" : 1, \"a\" : [ 2 ] }}", "{\"a\":[2],\"b\":1}" },
        { "an empty object is a call", "{\"f\":{}}", "{}" },
        { "a bare word", "{\"f\":true}", "true" },
        { "an empty text", "{\"f\":\"\"}", "\"\"" },
        { "too long",
          "{\"f\":\"0123456789012345678901234567890123456789012345678901234567890123"
          "0123456789012345678901234567890123456789012345678901234567890123\"}",
          NULL },
};

Test(profile, value) {
        for (size_t i = 0; i < ARRAY_SIZE(value_rows); i++) {
                const struct value_row *row = &value_rows[i];
                SCOPED(json_decref) json_t *body = row->body ? json_loads(row->body, 0, NULL) : NULL;
                struct stand_in longer = { 0 };
                struct claim_value v;

                cr_assert_eq(profile_value(&v, &longer, body, "f"), 0, "%s", row->what);
                if (row->state)
                        cr_expect_str_eq(v.state, row->state, "%s: %s", row->what, v.state);
                cr_expect_eq(stand_in_is(v.state, sizeof(v.state)), !row->state, "%s: %s", row->what, v.state);
                stand_in_done(&longer);
        }
}

Test(profile, joined_is_read_back_as_it_was_written) {
        struct stand_in longer = { 0 };
        struct claim_value written, read;
        json_t *body = NULL;

        cr_assert_eq(profile_joined(&written, 1700000000), 0);
        cr_assert_eq(json_parse(written.state, strlen(written.state), &body), 0);
        body = json_pack("{s:o}", "f", body);
        cr_assert_eq(profile_value(&read, &longer, body, "f"), 0);
        cr_expect(claim_value_equal(&written, &read));
        json_decref(body);
}
