/* JSON without memory: the whole or nothing, and never taken for something broken. */
#include <errno.h>

#include "json/json.h"
#include "json/mend.h"
#include "scarce/scarce.h"

Test(json_scarce, what_is_packed_is_whole) {
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(json_decref) json_t *o = NULL;
                int error;

                scarce_begin(&s);
                o = json_pack_whole("{ss ss* ss* s{ss*} so*}", "a", "1", "b", "2", "none", NULL, "c", "d", "3", "e",
                                    json_true());
                error = errno;
                scarce_end(&s);
                if (!o) {
                        cr_assert_gt(s.refused, 0);
                        cr_assert_eq(error, ENOMEM, "%s", scarce_where(&s));
                        continue;
                }
                cr_assert_eq(json_object_size(o), 4, "a text is left out, %s", scarce_where(&s));
                cr_assert_str_eq(json_member_string(o, "b"), "2");
                cr_assert_str_eq(json_member_string(json_member_object(o, "c"), "d"), "3", "%s", scarce_where(&s));
        }
}

Test(json_scarce, what_cannot_be_packed_says_why) {
        const char *none = NULL;

        cr_assert_null(json_pack_whole("{ss}", "a", "\377"));
        cr_assert_eq(errno, EINVAL);
        cr_assert_null(json_pack_whole("{ss}", "a", none));
        cr_assert_eq(errno, EINVAL);
}

Test(json_scarce, a_copy_is_whole) {
        SCOPED(json_decref)
        json_t *object = json_pack("{s[ss] si si si si si}", "list", "1", "2", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5);

        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(json_decref) json_t *o = NULL, *list = NULL;

                scarce_begin(&s);
                o = json_copy_whole(object);
                list = json_copy_whole(json_object_get(object, "list"));
                scarce_end(&s);
                cr_assert(!o || json_equal(o, object), "%s", scarce_where(&s));
                cr_assert(!list || json_equal(list, json_object_get(object, "list")), "%s", scarce_where(&s));
                cr_assert((o && list) || s.refused > 0);
        }
}

/* Members enough that their names and values each are the first not to find room. */
Test(json_scarce, what_is_written_is_whole) {
        static const char text[] =
                "{\"a name that is longer than all before\":1,\"another long name of a member\":[{"
                "\"name\":\"and a value of its own that is long\"}],\"c\":{},\"the last long name\":2}";
        SCOPED(json_decref) json_t *object = NULL;

        cr_assert_eq(json_parse(text, sizeof(text) - 1, &object), 0);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(free) char *sorted = NULL, *as_made = NULL;

                scarce_begin(&s);
                sorted = json_dumps_whole(object, JSON_COMPACT | JSON_SORT_KEYS);
                as_made = json_dumps_whole(object, JSON_COMPACT);
                scarce_end(&s);
                cr_assert(!sorted || streq(sorted, text), "%s: %s", scarce_where(&s), sorted);
                cr_assert(!as_made || streq(as_made, text), "%s: %s", scarce_where(&s), as_made);
                cr_assert((sorted && as_made) || s.refused > 0);
        }
}

Test(json_scarce, what_is_odd_is_mended_or_asked_again) {
        static const char odd[] = "\357\273\277{\"a\":[1e999,\"\377\"],\"b\":\"\\ud800\"}";

        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(json_decref) json_t *o = NULL;
                int r;

                scarce_begin(&s);
                r = json_parse(odd, sizeof(odd) - 1, &o);
                scarce_end(&s);
                cr_assert_eq(r, s.refused > 0 ? -ENOMEM : 0, "%s", scarce_where(&s));
        }
}
