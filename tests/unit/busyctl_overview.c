/* The file under test belongs to a program, not to a library: it is taken in whole. */
#include <criterion/criterion.h>

#include "busyctl/overview.c"

#define ENCRYPTED           "\"state\":{\"events\":[{\"type\":\"m.room.encryption\",\"state_key\":\"\",\"content\":{}}]}"
#define OF(joined, invited) "\"summary\":{\"m.joined_member_count\":" joined ",\"m.invited_member_count\":" invited "}"
#define MARKED              "{\"type\":\"m.direct\",\"content\":{\"@other:hs\":[\"!r\"]}}"

Test(busyctl_overview, rooms_of_two_are_those_whose_calls_can_be_read) {
        static const struct {
                const char *what, *room, *account_data;
                size_t n, n_direct;
        } rows[] = {
                { "not encrypted", OF("2", "0"), MARKED, 0, 0 },
                { "of two, and nobody has marked it", ENCRYPTED "," OF("2", "0"), "", 1, 1 },
                { "one of them has not come yet", ENCRYPTED "," OF("1", "1"), "", 1, 1 },
                { "the other has left", ENCRYPTED "," OF("1", "0"), "", 1, 1 },
                { "of three, and marked as direct", ENCRYPTED "," OF("3", "0"), MARKED, 1, 0 },
                { "of two, and a third is invited", ENCRYPTED "," OF("2", "1"), MARKED, 1, 0 },
                { "more than there can be", ENCRYPTED "," OF("2", "9223372036854775807"), MARKED, 1, 0 },
                { "nobody says how many, marked", ENCRYPTED, MARKED, 1, 1 },
                { "nobody says how many, not marked", ENCRYPTED, "", 1, 0 },
                { "how many is odd", ENCRYPTED "," OF("\"two\"", "[]"), MARKED, 1, 1 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[1024];
                json_t *body;
                struct overview o;

                (void) snprintf(text, sizeof(text),
                                "{\"next_batch\":\"s1\",\"account_data\":{\"events\":[%s]},\"rooms\":{\"join\":{\"!"
                                "r\":{%s}}}}",
                                rows[i].account_data, rows[i].room);
                body = json_loads(text, 0, NULL);
                cr_assert_not_null(body, "%s", rows[i].what);
                cr_assert_eq(overview_read(&o, body, "ME"), 0, "%s", rows[i].what);
                cr_expect_eq(o.n_encrypted, rows[i].n, "%s", rows[i].what);
                cr_expect_eq(o.n_encrypted_direct, rows[i].n_direct, "%s", rows[i].what);
                json_decref(body);
        }
}

/* As busyd itself takes it. */
Test(busyctl_overview, an_answer_to_something_else_says_nothing_of_rooms) {
        json_t *body = json_pack("{s:{s:{s:{}}}}", "rooms", "join", "!r");
        struct overview o;

        cr_assert_eq(overview_read(&o, body, "ME"), -EBADMSG);
        json_decref(body);
}
