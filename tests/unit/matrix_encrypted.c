/* What an account reads in encrypted rooms: whose events become calls, and what is asked for that, and stored. */
#include "unit/matrix_encrypted_stage.h"

TestSuite(matrix_encrypted, .init = set_up, .fini = tear_down);

Test(matrix_encrypted, a_call_in_a_room_of_two_is_told) {
        struct encrypted_facts facts;

        go(ENCRYPTED_CALLS_DM);
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_VERIFIED);
        cr_assert_eq(n_looks, 1);
        cr_assert_eq(n_members, 0);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert(encrypted_expects(e), "what it reads is on its way");
        cr_assert_not(encrypted_expects(e));
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
}

Test(matrix_encrypted, what_comes_counts_once_it_is_stored) {
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        put_error = -ENOSPC;
        cr_assert_eq(come(json_incref(m)), -ENOSPC);
        /* Dead at that moment: what is on disk is of before, and the server gives it again. */
        encrypted_free(e);
        e = NULL;
        put_error = 0;
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_eq(come(json_incref(m)), 0);
        encrypted_free(e);
        e = NULL;
        /* And once more, by a server that answers what it has answered before. */
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_eq(come(m), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
}

Test(matrix_encrypted, nothing_is_asked_with_what_is_not_stored) {
        usec_t next;

        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        put_error = -EROFS;
        for (int i = 0; i < 2; i++) {
                SCOPED(json_decref)
                json_t *body =
                        json_pack("{s{} s[]}", "device_one_time_keys_count", "device_unused_fallback_key_types");

                cr_assert_eq(encrypted_take(e, body, &at), i == 0 ? 0 : -EROFS);
        }
        next = encrypted_run(e, "offline", &at);
        cr_assert_null(door_waiting(), "keys that a crash would lose are not given to others");
        cr_assert(next > at.now && next < at.now + 10 * USEC_PER_MIN);
        put_error = 0;
        at.now = next;
        (void) serve();
        cr_assert_eq(n_uploads, 1);
}

Test(matrix_encrypted, others_are_read_in_rooms_of_two_alone) {
        rooms = LOOK(DM_IS_LARGE);
        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_not(encrypted_expects(e));
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
}

Test(matrix_encrypted, a_room_becomes_one_of_two_and_is_not_any_more) {
        SCOPED(json_decref) json_t *small = json_loads(LOOK(DM_IS_SMALL), 0, NULL);
        SCOPED(json_decref) json_t *large = json_loads(LOOK(DM_IS_LARGE), 0, NULL);

        rooms = LOOK(DM_IS_LARGE);
        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(encrypted_take(e, small, &at), 0);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
        cr_assert_eq(encrypted_take(e, large, &at), 0);
        cr_assert_eq(said(&bob, ROOM, "$2",
                          sender_room_encrypt(&bob, json_pack("{ss ss s{ss ss ss si}}", "type", "m.call.invite",
                                                              "room_id", ROOM, "content", "call_id", "c2", "party_id",
                                                              "p", "version", "1", "lifetime", 60000))),
                     0);
}

Test(matrix_encrypted, who_is_in_a_room_with_a_name_is_asked) {
        rooms = LOOK(DM_HAS_A_NAME);
        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(n_members, 1);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
        (void) serve();
        cr_assert_eq(n_members, 1, "once");
}

Test(matrix_encrypted, what_was_answered_with_something_else_is_asked_again) {
        const char *named = members;

        rooms = members = "{\"next_batch\":1}";
        go(ENCRYPTED_CALLS_DM);
        rooms = LOOK(DM_HAS_A_NAME);
        at.now += USEC_PER_MIN;
        (void) serve();
        cr_assert_eq(n_looks, 2);
        cr_assert_eq(n_members, 1);
        members = named;
        at.now += USEC_PER_MIN;
        (void) serve();
        cr_assert_eq(n_members, 2);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
}

Test(matrix_encrypted, only_the_own_devices_are_read_where_that_is_wanted) {
        go(ENCRYPTED_CALLS_OWN);
        cr_assert_eq(n_looks, 0);
        claim(&phone);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert_eq(come(key_for(&phone, GROUP)), 0);
        cr_assert_eq(said(&phone, GROUP, "$2", rings(&phone, GROUP)), 1, "in whatever room");
}

Test(matrix_encrypted, a_call_is_told_when_its_key_comes_after_it) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert_not(encrypted_apply_late(e, kinds, &at));
        cr_assert_eq(come(m), 0);
        cr_assert(encrypted_apply_late(e, kinds, &at));
        (void) kinds_commit(kinds, &t);
        cr_assert_eq(n_reports, 1);
        cr_assert_not(encrypted_apply_late(e, kinds, &at));
}

/* What they hung up by may be among what was not seen. */
Test(matrix_encrypted, what_waits_for_its_key_is_given_up_where_what_followed_is_not_known) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        encrypted_torn(e, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$2", rings(&bob, ROOM)), 0);
        encrypted_torn(e, GROUP);
        cr_assert_eq(come(m), 0);
        cr_assert(encrypted_apply_late(e, kinds, &at), "what came after that");
        (void) kinds_commit(kinds, &t);
        cr_assert_eq(n_reports, 1);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$3", rings(&bob, ROOM)), 0);
        encrypted_torn(e, NULL);
        cr_assert_eq(come(m), 0);
        cr_assert_not(encrypted_apply_late(e, kinds, &at), "of no room");
}

static bool is_asked_about(const char *user_id) {
        SCOPED(json_decref) json_t *body = json_loads(door_waiting()->body, 0, NULL);

        return json_object_get(json_object_get(body, "device_keys"), user_id);
}

/* Else an answer of the own phone could be read before the hangup of somebody else that came with it. */
Test(matrix_encrypted, who_came_while_the_server_could_not_be_asked_is_in_the_next_question) {
        SCOPED(json_decref) json_t *changed = json_pack("{s{s[s]}}", "device_lists", "changed", ME);

        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(encrypted_take(e, changed, &at), 0);
        (void) encrypted_run(e, NULL, &at);
        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&bob))), 0);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/query"));
        cr_assert(is_asked_about(ME));
        cr_assert(is_asked_about(BOB));
        (void) serve();
}

/* A hangup that cannot be read yet may end what can be read already. */
static void bob_rings_unproven(void) {
        go(ENCRYPTED_CALLS_DM);
        cr_assert_not(encrypted_awaits(e, at.now));
        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&bob))), 0);
        cr_assert_not(encrypted_awaits(e, at.now), "nothing waits for that key");
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert(encrypted_awaits(e, at.now));
}

static void expect_read_late(void) {
        (void) serve();
        cr_assert(encrypted_apply_late(e, kinds, &at));
        cr_assert_not(encrypted_awaits(e, at.now));
}

Test(matrix_encrypted, what_waits_for_a_proof_is_asked_about_before_all_rooms) {
        bob_rings_unproven();
        encrypted_resync(e);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/query"));
        expect_read_late();
        cr_assert_eq(n_looks, 2);
}

Test(matrix_encrypted, what_waits_for_its_key_is_not_about_to_be_read) {
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert_not(encrypted_awaits(e, at.now));
        json_decref(m);
}

Test(matrix_encrypted, nobody_waits_for_who_cannot_be_asked_about) {
        bob_rings_unproven();
        (void) encrypted_run(e, "offline", &at);
        door_answer(403, "{\"errcode\":\"M_FORBIDDEN\"}", at.now);
        cr_assert_not(encrypted_awaits(e, at.now));
        encrypted_answers_again(e);
        cr_assert_not(encrypted_awaits(e, at.now), "refused, and to be asked again in an hour");
        cr_assert_null(door_waiting());
}

Test(matrix_encrypted, what_has_failed_is_tried_again_as_soon_as_the_server_answers) {
        bob_rings_unproven();
        (void) encrypted_run(e, "offline", &at);
        door_answer(502, "", at.now);
        cr_assert_not(encrypted_awaits(e, at.now));
        (void) encrypted_run(e, "offline", &at);
        cr_assert_null(door_waiting());
        encrypted_answers_again(e);
        cr_assert(encrypted_awaits(e, at.now));
        expect_read_late();
}

Test(matrix_encrypted, but_not_before_the_time_that_the_server_has_asked_for) {
        bob_rings_unproven();
        (void) encrypted_run(e, "offline", &at);
        door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"retry_after_ms\":60000}", at.now);
        encrypted_answers_again(e);
        cr_assert_eq(encrypted_run(e, "offline", &at), at.now + USEC_PER_MIN);
        cr_assert_null(door_waiting());
        at.now += USEC_PER_MIN;
        expect_read_late();
}

Test(matrix_encrypted, what_a_person_asks_for_waits_for_nothing) {
        SCOPED(json_decref) json_t *changed = json_pack("{s{s[s]}}", "device_lists", "changed", ME);
        struct encrypted_facts facts;

        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(encrypted_take(e, changed, &at), 0);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/query"));
        door_answer(403, "{\"errcode\":\"M_FORBIDDEN\"}", at.now);
        (void) serve();
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_CHECKING, "refused, and to be asked again in an hour");
        encrypted_retry_now(e);
        (void) serve();
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_VERIFIED);
}

Test(matrix_encrypted, a_request_that_fails_waits_and_is_the_same_again) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{} s[]}", "device_one_time_keys_count", "device_unused_fallback_key_types");
        SCOPED(json_decref) json_t *first = NULL, *again = NULL;
        usec_t next;

        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        for (int i = 0; i < 2; i++)
                cr_assert_eq(encrypted_take(e, body, &at), 0);
        (void) encrypted_run(e, NULL, &at);
        cr_assert_null(door_waiting(), "not while the server cannot be asked");
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/upload"));
        first = json_loads(door_waiting()->body, 0, NULL);
        door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", at.now);
        cr_assert(was_touched);
        next = encrypted_run(e, "offline", &at);
        cr_assert_null(door_waiting());
        cr_assert(next > at.now && next != USEC_NEVER);
        at.now = next;
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/upload"));
        again = json_loads(door_waiting()->body, 0, NULL);
        cr_assert(first && json_equal(first, again));
        (void) serve();
        cr_assert_eq(n_uploads, 1);
}

static void keys_are_there(int n) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{si} s[]}", "device_one_time_keys_count", "signed_curve25519", n,
                                 "device_unused_fallback_key_types");

        cr_assert_eq(encrypted_take(e, body, &at), 0);
        at.now += USEC_PER_MIN;
        (void) serve();
}

/* What somebody has claimed since would be given to somebody else, too. */
static void lose_upload(bool dropped) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{} s[]}", "device_one_time_keys_count", "device_unused_fallback_key_types");

        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        for (int i = 0; i < 2; i++)
                cr_assert_eq(encrypted_take(e, body, &at), 0);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/upload"));
        if (dropped)
                encrypted_stop(e);
        else
                door_answer(502, "<html>", at.now);
        at.now += USEC_PER_HOUR / 2;
        (void) serve();
        cr_assert_eq(n_uploads, 0, "not again before the server has said what it has");
}

Test(matrix_encrypted, an_upload_whose_answer_was_lost_and_that_has_arrived_is_not_sent_again) {
        lose_upload(false);
        keys_are_there(STOCK_FULL - 3);
        cr_assert_eq(n_uploads, 0);
}

Test(matrix_encrypted, an_upload_that_was_dropped_and_has_not_arrived_is_sent_again) {
        lose_upload(true);
        keys_are_there(0);
        cr_assert_eq(n_uploads, 1);
}

Test(matrix_encrypted, after_a_death_it_finds_out_what_has_arrived) {
        lose_upload(true);
        encrypted_free(e);
        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        keys_are_there(STOCK_FULL); /* not believed: it may be the answer of before */
        cr_assert_eq(n_uploads, 0);
        keys_are_there(STOCK_FULL);
        cr_assert_eq(n_uploads, 0);
        encrypted_free(e);
        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        cr_assert_eq(n_uploads, 0, "that they are there is known for good");
}

Test(matrix_encrypted, a_reset_identity_is_seen_and_can_be_mended) {
        SCOPED(json_decref) json_t *changed = json_pack("{s{s[s]}}", "device_lists", "changed", ME);
        struct encrypted_facts facts;

        go(ENCRYPTED_CALLS_DM);
        master_seed = signing_seed = reset_seed;
        cr_assert_eq(encrypted_take(e, changed, &at), 0);
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_CHECKING);
        (void) serve();
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_UNVERIFIED);
}

Test(matrix_encrypted, what_is_stored_and_broken_is_refused) {
        const struct encrypted_keeper keeper = { .stored = disk, .key = (const uint8_t[32]){ 7 }, .put = on_put };
        struct encrypted *none = NULL;

        cr_assert_eq(encrypted_new(&none, &keeper,
                                   &(struct encrypted_options){ .client = client,
                                                                .account = "home",
                                                                .user_id = ME,
                                                                .random = no_dice,
                                                                .touched = on_touched,
                                                                .is_live = no_call },
                                   &at),
                     -EKEYREJECTED);
        cr_assert_null(none);
}
