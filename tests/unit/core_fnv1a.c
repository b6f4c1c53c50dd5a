/* Sums are on disk: they are what others compute as well. */
#include <criterion/criterion.h>

#include "core/fnv1a.h"

static const struct {
        const char *text;
        uint64_t hash;
} published[] = {
        { "", UINT64_C(0xcbf29ce484222325) },
        { "a", UINT64_C(0xaf63dc4c8601ec8c) },
        { "foobar", UINT64_C(0x85944171f73967e8) },
};

Test(core_fnv1a, is_the_one_that_was_published) {
        for (size_t i = 0; i < ARRAY_SIZE(published); i++)
                cr_expect_eq(fnv1a_add(FNV1A_BEGIN, published[i].text, strlen(published[i].text)), published[i].hash,
                             "%s", published[i].text);
}

Test(core_fnv1a, pieces_are_as_the_whole) {
        cr_expect_eq(fnv1a_add(fnv1a_add(FNV1A_BEGIN, "foo", 3), "bar", 3), fnv1a_add(FNV1A_BEGIN, "foobar", 6));
}
