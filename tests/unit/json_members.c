/* Members that are missing or of another type are ordinary. */
#include <criterion/criterion.h>
#include <errno.h>

#include "json/json.h"

Test(json, members) {
        static const char text[] =
                "{\"s\":\"x\",\"n\":\"a\\u0000b\",\"o\":{},\"a\":[],\"i\":7,\"t\":true,\"z\":null,\"s\":\"last\"}";
        SCOPED(json_decref) json_t *o = NULL;

        cr_assert_eq(json_parse(text, sizeof(text) - 1, &o), 0);
        cr_expect_str_eq(json_member_string(o, "s"), "last");
        cr_expect_null(json_member_string(o, "n"), "a NUL would cut it");
        cr_expect_null(json_member_string(o, "i"));
        cr_expect_null(json_member_string(NULL, "i"));
        cr_expect_not_null(json_member_object(o, "o"));
        cr_expect_null(json_member_object(o, "a"));
        cr_expect_not_null(json_member_array(o, "a"));
        cr_expect_null(json_member_array(o, "none"));
        cr_expect_eq(json_member_int(o, "i", 1), 7);
        cr_expect_eq(json_member_int(o, "t", 1), 1);
        cr_expect(json_member_bool(o, "t", false));
        cr_expect(json_member_bool(o, "z", true));
}
