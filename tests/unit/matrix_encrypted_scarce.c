/* Calls in encrypted rooms without memory: each that could be read is told in the end, and once. */
#include "matrix_encrypted_stage.h"
#include "scarce/scarce.h"

static void set_up_scarcely(void) {
        fill_errors();
        set_up();
}

TestSuite(matrix_encrypted_scarce, .init = set_up_scarcely, .fini = tear_down);

static void commit(void) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };

        (void) kinds_commit(kinds, &t);
}

static void forget_calls(void) {
        kinds = kinds_free(kinds);
        make_kinds();
        n_reports = 0;
}

Test(matrix_encrypted_scarce, a_call_that_cannot_be_read_is_asked_for_again) {
        SCOPED(json_decref) json_t *content = NULL;

        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        content = rings(&bob, ROOM);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct matrix_event event = event_of(&bob, ROOM, "$1", content);
                const struct room_events events = { .events = &event, .n_events = 1 };
                int result;

                scarce_begin(&s);
                result = encrypted_apply(e, kinds, &events, &at);
                scarce_end(&s);
                cr_assert(result == 0 || (result == -ENOMEM && s.refused > 0), "%d, %s", result, scarce_where(&s));
                if (result < 0 || kinds_take_lack(kinds))
                        cr_assert_eq(encrypted_apply(e, kinds, &events, &at), 0);
                commit();
                cr_assert_eq(n_reports, 1, "%u, %s", n_reports, scarce_where(&s));
                forget_calls();
        }
}

static void tear(void) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };

        kinds_apply(kinds, &(struct room_events){ .torn_room = ROOM }, &t);
        encrypted_torn(e, ROOM);
}

/* A call waits for its key, which comes. */
static void read_late_scarcely(bool is_torn) {
        SCOPED(json_decref) json_t *before = NULL;

        go(ENCRYPTED_CALLS_DM);
        e = encrypted_free(e);
        before = json_incref(disk);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                json_t *key_message = key_for(&bob, ROOM);
                usec_t wake_at;
                int result;

                open_with(ENCRYPTED_CALLS_DM);
                (void) serve();
                cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
                cr_assert_eq(come(key_message), 0);
                (void) serve();
                scarce_begin(&s);
                result = encrypted_apply_late(e, kinds, &at);
                scarce_end(&s);
                cr_assert(result == 1 || (result == -ENOMEM && s.refused > 0), "%d, %s", result, scarce_where(&s));
                wake_at = encrypted_run(e, "offline", &at);
                if (result < 0) {
                        cr_assert_leq(wake_at, at.now + USEC_PER_SEC, "nobody looks again, %s", scarce_where(&s));
                        if (is_torn)
                                tear();
                        cr_assert_geq(encrypted_apply_late(e, kinds, &at), is_torn ? 0 : 1, "%s", scarce_where(&s));
                }
                commit();
                cr_assert_eq(n_reports, is_torn && result < 0 ? 0 : 1, "%u, %s", n_reports, scarce_where(&s));
                forget_calls();
                e = encrypted_free(e);
                json_decref(disk);
                disk = json_incref(before);
        }
}

Test(matrix_encrypted_scarce, what_waited_for_its_key_is_told_as_a_whole) {
        read_late_scarcely(false);
}

/* ... and it is not known what has followed. */
Test(matrix_encrypted_scarce, what_is_given_up_is_not_told_later) {
        read_late_scarcely(true);
}
