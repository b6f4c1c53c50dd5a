/* The table of encrypted rooms: which of them are of two, and who else is in those. */
#include "unit/matrix_encrypted_stage.h"

static int take_rooms(struct encrypted_rooms *t, const char *text, bool all) {
        SCOPED(json_decref) json_t *v = json_loads(text, 0, NULL);

        cr_assert_not_null(v);
        return encrypted_rooms_take(t, v, all);
}

Test(matrix_encrypted_rooms, each_may_have_calls_until_all_were_seen) {
        const char *others[4];
        struct encrypted_rooms t;
        size_t n;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(take_rooms(&t, LOOK(DM_IS_LARGE), true), 1);
        cr_assert_not(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 0);
        /* What did not change is left out. */
        cr_assert_eq(take_rooms(&t, LOOK("\"" ROOM "\":{\"summary\":{\"m.joined_member_count\":2}}"), false), 1);
        cr_assert(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 1);
        cr_assert_str_eq(others[0], BOB);
        /* Whoever is taken out and invited again is not in it, either. */
        cr_assert_eq(take_rooms(&t, "{\"rooms\":{\"invite\":{\"" ROOM "\":{}}}}", false), 1);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 0);
        cr_assert_eq(take_rooms(&t, "{\"rooms\":{\"leave\":{\"" ROOM "\":{}}}}", false), 0);
        encrypted_rooms_done(&t);
}

Test(matrix_encrypted_rooms, rooms_without_encryption_and_odd_ones_cost_nothing) {
        static const char *const odd[] = {
                "{}",
                "{\"rooms\":[]}",
                "{\"rooms\":{\"join\":{\"" NAMED "\":1}}}",
                LOOK("\"" NAMED "\":{\"summary\":{\"m.joined_member_count\":2}}"),
                LOOK("\"" NAMED "\":{\"state\":{\"events\":[{\"type\":\"m.room.encryption\"}]}}"),
        };
        struct encrypted_rooms t;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
                cr_expect_eq(take_rooms(&t, odd[i], false), 0, "%s", odd[i]);
        cr_assert_eq(take_rooms(&t,
                                LOOK("\"" NAMED "\":{" ENCRYPTION ",\"summary\":{\"m.joined_member_count\":\"2\","
                                     "\"m.heroes\":[1]}}"),
                                true),
                     1);
        cr_assert_str_eq(encrypted_rooms_unclear(&t), NAMED);
        cr_assert_eq(encrypted_rooms_clear_up(&t, NAMED, NULL, ME), 0);
        cr_assert_null(encrypted_rooms_unclear(&t), "asked once");
        encrypted_rooms_done(&t);
}

Test(matrix_encrypted_rooms, a_room_that_nobody_told_of_is_asked_about) {
        SCOPED(json_decref)
        json_t *three = json_pack("{s{s{} s{} s{}}}", "joined", ME, BOB, CAROL);
        struct encrypted_rooms t;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert_eq(encrypted_rooms_note(&t, ROOM), 0);
        cr_assert_null(encrypted_rooms_unclear(&t), "not before all were looked at");
        cr_assert_eq(take_rooms(&t, LOOK(""), true), 1);
        cr_assert_eq(encrypted_rooms_note(&t, ROOM), 0);
        cr_assert_str_eq(encrypted_rooms_unclear(&t), ROOM);
        cr_assert(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, three, ME), 0);
        cr_assert_not(encrypted_rooms_may_have_calls(&t, ROOM));
        encrypted_rooms_done(&t);
}

/* Whoever is invited is about to be there. */
Test(matrix_encrypted_rooms, who_is_invited_counts) {
        struct encrypted_rooms t;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert_eq(take_rooms(&t,
                                LOOK("\"" ROOM "\":{" ENCRYPTION ",\"summary\":{\"m.joined_member_count\":1,"
                                     "\"m.invited_member_count\":2}}"),
                                true),
                     1);
        cr_assert_not(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert_eq(take_rooms(&t, LOOK("\"" ROOM "\":{\"summary\":{\"m.invited_member_count\":1}}"), false), 1);
        cr_assert(encrypted_rooms_may_have_calls(&t, ROOM));
        encrypted_rooms_done(&t);
}

static json_t *room_of_two(const char *other) {
        return json_pack("{s{s[{ss ss s{}}]} s{si s[s]}}", "state", "events", "type", "m.room.encryption", "state_key",
                         "", "content", "summary", "m.joined_member_count", 2, "m.heroes", other);
}

Test(matrix_encrypted_rooms, the_table_has_an_end_and_so_have_names) {
        json_t *joined = json_object(), *answer = json_pack("{ss s{so}}", "next_batch", "s1", "rooms", "join", joined);
        char room_id[32], name[MATRIX_ID_BYTES_MAX + 2] = "@";
        struct encrypted_rooms t;

        memset(name + 1, 'a', MATRIX_ID_BYTES_MAX);
        for (size_t i = 0; i < ENCRYPTED_ROOMS_MAX + 1; i++) {
                (void) snprintf(room_id, sizeof(room_id), "!%zu:example.org", i);
                json_object_set_new(joined, room_id, room_of_two(i == 0 ? name : BOB));
        }
        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert_eq(encrypted_rooms_take(&t, answer, true), 1);
        cr_assert_str_eq(encrypted_rooms_unclear(&t), "!0:example.org");
        cr_assert(encrypted_rooms_may_have_calls(&t, "!1:example.org"));
        cr_assert_not(encrypted_rooms_may_have_calls(&t, room_id), "the one too many");
        encrypted_rooms_done(&t);
        json_decref(answer);
}

/* As of something between that answers for the server: it does not say that nobody is anywhere. */
Test(matrix_encrypted_rooms, an_answer_to_something_else_says_nothing) {
        SCOPED(json_decref) json_t *other = json_pack("{si}", "next_batch", 1);
        const char *others[2];
        struct encrypted_rooms t;
        size_t n;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_expect_eq(encrypted_rooms_take(&t, other, true), -EBADMSG);
        cr_assert_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n), "not all were seen");
        cr_assert_eq(take_rooms(&t, LOOK(DM_IS_SMALL), true), 1);
        cr_expect_eq(encrypted_rooms_take(&t, other, true), -EBADMSG);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 1);
        cr_assert_eq(take_rooms(&t, LOOK(DM_HAS_A_NAME), true), 1);
        cr_expect_eq(encrypted_rooms_clear_up(&t, ROOM, other, ME), -EBADMSG);
        cr_assert_str_eq(encrypted_rooms_unclear(&t), ROOM);
        encrypted_rooms_done(&t);
}

/* Their keys are passed by no second time. */
Test(matrix_encrypted_rooms, who_is_in_a_room_that_cannot_be_asked_about_may_be_anybody) {
        SCOPED(json_decref) json_t *two = json_pack("{s{s{} s{}}}", "joined", ME, BOB);
        SCOPED(json_decref) json_t *alone = json_pack("{s{s{}}}", "joined", ME);
        const char *others[2];
        struct encrypted_rooms t;
        size_t n;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert_eq(take_rooms(&t, LOOK(DM_HAS_A_NAME), true), 1);
        cr_assert_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n), "it is to be asked");
        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, NULL, ME), 0);
        cr_assert_null(encrypted_rooms_unclear(&t), "once");
        cr_expect_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));

        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, two, ME), 0);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 1);
        cr_assert_str_eq(others[0], BOB);

        cr_assert_eq(take_rooms(&t, LOOK(DM_HAS_A_NAME), true), 1);
        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, alone, ME), 0);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n), "nobody else is there");
        cr_assert_eq(n, 0);
        encrypted_rooms_done(&t);
}
