/* How a device lasts: what it stores before what, that it can die between any two steps, and how it heals what is
 * broken. */
#include "crypto/device-stage.h"
#include "matrix/crypto/query-limit.h"

static const uint8_t other_key[CRYPTO_SECRET_BYTES] = { 43 };

TestSuite(crypto_lasting, .init = begin, .fini = end);

/* ---- healing ---- */

/* Of a session that was begun with a key that is not ours any more. */
static json_t *unreadable_message(void) {
        sender_begin(&bob, &own, own.curve25519);
        return key_message(&bob);
}

Test(crypto_lasting, a_session_that_cannot_be_read_is_healed_and_the_next_key_comes_by_the_new_one) {
        get_going();
        take_messages(json_pack("[o]", unreadable_message()));
        cr_assert(work());
        cr_assert_eq(n_claims, 1);
        cr_assert_eq(n_sent, 1);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(receiver_facts(r).n_unreadable, 1);
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ);
        cr_assert(work());
        load();
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
}

Test(crypto_lasting, who_found_no_key_of_ours_is_healed) {
        get_going();
        take_messages(json_pack("[{ss ss s{ss ss}}]", "type", "m.room_key.withheld", "sender", BOB, "content", "code",
                                "m.no_olm", "sender_key", bob.curve25519));
        cr_assert(work());
        cr_assert_eq(n_sent, 1);
}

Test(crypto_lasting, who_withholds_a_key_for_another_reason_is_not) {
        get_going();
        take_messages(json_pack("[{ss ss s{ss ss ss ss}}]", "type", "m.room_key.withheld", "sender", BOB, "content",
                                "code", "m.unverified", "room_id", ROOM, "session_id", "S", "sender_key",
                                bob.curve25519));
        cr_assert(work());
        cr_assert_eq(n_claims, 0);
}

Test(crypto_lasting, a_device_is_healed_once_an_hour) {
        get_going();
        for (int i = 0; i < 3; i++) {
                take_messages(json_pack("[o]", unreadable_message()));
                cr_assert(work());
        }
        cr_assert_eq(n_sent, 1);
        at.now += USEC_PER_HOUR;
        at.wall += USEC_PER_HOUR;
        cr_assert(work());
        cr_assert_eq(n_sent, 1, "not without a new sign");
        take_messages(json_pack("[o]", unreadable_message()));
        cr_assert(work());
        cr_assert_eq(n_sent, 2);
}

Test(crypto_lasting, nothing_is_sent_to_a_key_that_its_device_has_not_signed) {
        get_going();
        claims_are_forged = true;
        take_messages(json_pack("[o]", unreadable_message()));
        cr_assert(work());
        cr_assert_eq(n_claims, 1);
        cr_assert_eq(n_sent, 0);
        claims_are_forged = false;
}

Test(crypto_lasting, nothing_is_sent_to_a_device_that_its_user_does_not_have) {
        json_t *m;

        get_going();
        m = unreadable_message();
        json_object_set_new(json_object_get(m, "content"), "sender_key", json_string(carol.curve25519));
        take_messages(json_pack("[o]", m));
        cr_assert(work());
        cr_assert_eq(n_claims, 0);
        cr_assert_eq(n_sent, 0);
        take_messages(json_pack("[o]", unreadable_message()));
        cr_assert(work());
        cr_assert_eq(n_sent, 1, "it holds up nobody");
}

Test(crypto_lasting, nothing_is_sent_while_the_own_device_is_not_signed) {
        get_going();
        master_seed = signing_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
        take_messages(json_pack("[o]", unreadable_message()));
        cr_assert(work());
        cr_assert_eq(n_claims, 0);
}

/* ---- a server that refuses ---- */

Test(crypto_lasting, keys_that_are_refused_are_told_and_tried_again_after_an_hour) {
        struct answer a = { 0 };

        refuses = RECEIVER_UPLOAD;
        take(&a);
        take(&a);
        cr_assert(work());
        cr_assert_eq(n_refusals, 1);
        cr_assert(receiver_facts(r).keys_refused);
        refuses = RECEIVER_IDLE;
        at.now += USEC_PER_HOUR;
        cr_assert(work());
        cr_assert_eq(n_uploads, 1);
        cr_assert_not(receiver_facts(r).keys_refused);
}

Test(crypto_lasting, keys_that_are_refused_hold_up_nothing_else) {
        struct answer a = { 0 };

        refuses = RECEIVER_UPLOAD;
        take(&a);
        take(&a);
        cr_assert(work());
        cr_assert_eq(n_refusals, 1);
        cr_assert_eq(receiver_facts(r).own, OWN_SIGNED);
        at.now += USEC_PER_MIN;
        cr_assert(work());
        cr_assert_eq(n_refusals, 1);
        receiver_retry(r);
        cr_assert(work());
        cr_assert_eq(n_refusals, 2);
}

Test(crypto_lasting, a_question_that_is_refused_is_asked_again_after_an_hour) {
        get_going();
        claim(&carol);
        refuses = RECEIVER_QUERY;
        take_messages(json_pack("[o]", key_message_without_device(&carol)));
        cr_assert(work());
        cr_assert_eq(n_refusals, 1);
        refuses = RECEIVER_IDLE;
        at.now += USEC_PER_HOUR;
        cr_assert(work());
        cr_assert_eq(verdict_as(&carol, "$1", invite(&carol)), ROOM_READ);
}

Test(crypto_lasting, a_claim_or_message_that_is_refused_is_given_up_and_holds_up_nothing) {
        static const enum receiver_step steps[] = { RECEIVER_CLAIM, RECEIVER_SEND };

        get_going();
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                refuses = steps[i];
                n_refusals = 0;
                take_messages(json_pack("[o]", unreadable_message()));
                cr_assert(work());
                cr_assert_eq(n_refusals, 1);
                cr_assert_eq(n_sent, 0);
                claim(&carol);
                take_messages(json_pack("[o]", key_message_without_device(&carol)));
                cr_assert(work());
                cr_assert_eq(verdict_as(&carol, "$1", invite(&carol)), ROOM_READ);
                at.now += USEC_PER_HOUR;
        }
}

/* ---- storage ---- */

Test(crypto_lasting, all_is_there_after_a_restart) {
        get_going();
        claim(&bob);
        claim(&carol);
        take_messages(json_pack("[o, o]", key_message(&bob), key_message_without_device(&carol)));
        cr_assert(work());
        load();
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ);
        cr_assert_eq(verdict_as(&carol, "$2", invite(&carol)), ROOM_READ);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
        cr_assert_eq(receiver_facts(r).n_room_keys, 3);
}

Test(crypto_lasting, what_is_stored_tells_no_secret) {
        SCOPED(free) char *text = NULL;
        json_t *m;
        SCOPED(json_decref) json_t *key_content = NULL;

        get_going();
        claim(&bob);
        key_content = sender_room_key(&bob, ROOM);
        m = message(&bob, sender_says(&bob, &own, "m.room_key", json_incref(key_content)));
        take_messages(json_pack("[o]", m));
        cr_assert(work());
        text = json_dumps(disk, 0);
        cr_assert_null(strstr(text, json_member_string(key_content, "session_key")));
        cr_assert_null(strstr(text, "session_key"));
}

Test(crypto_lasting, what_is_stored_is_of_no_use_with_another_key_or_library_or_version) {
        struct receiver *x = NULL;

        cr_assert_eq(receiver_load(&x, disk, other_key, &at), -EKEYREJECTED);
        json_object_set_new(disk, "library", json_string("other"));
        cr_assert_eq(receiver_load(&x, disk, key, &at), -EBADMSG);
        json_object_set_new(disk, "library", json_string(crypto_library()));
        json_object_set_new(disk, "version", json_integer(2));
        cr_assert_eq(receiver_load(&x, disk, key, &at), -EBADMSG);
        cr_assert_eq(receiver_load(&x, NULL, key, &at), -EBADMSG);
        cr_assert_null(x);
}

Test(crypto_lasting, a_broken_entry_costs_itself_alone) {
        static const char *const lists[] = { "olm", "rooms", "repeats" };

        get_going();
        claim(&bob);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert(work());
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                json_t *list = json_object_get(disk, lists[i]);

                json_array_insert_new(list, 0, json_null());
                json_array_insert_new(list, 0, json_object());
                json_array_insert_new(list, 0, json_string("0123456789abcdef0123456789abcdeg"));
                json_array_append_new(list, json_deep_copy(json_array_get(list, json_array_size(list) - 1)));
                if (i < 2)
                        json_object_set_new(json_array_get(list, json_array_size(list) - 1), "session",
                                            json_string("AAAA"));
        }
        load();
        cr_assert_eq(receiver_facts(r).n_room_keys, 1);
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
}

Test(crypto_lasting, what_is_not_proven_or_signed_is_neither_after_a_restart) {
        struct sender stranger;

        get_going();
        bob_s_server_is_away = true;
        claim(&bob);
        sender_make(&stranger, ME, "STRANGER");
        put_user(ME, stranger.device_id, json_incref(stranger.device_keys));
        claim(&stranger);
        take_messages(json_pack("[o, o]", key_message_without_device(&bob), key_message(&stranger)));
        cr_assert(work());
        load();
        cr_assert_eq(receiver_facts(r).n_room_keys, 2);
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_KEY_UNPROVEN);
        cr_assert_eq(verdict_as(&stranger, "$2", invite(&stranger)), ROOM_KEY_UNPROVEN);
        cr_assert(work());
        cr_assert_eq(verdict_as(&stranger, "$3", invite(&stranger)), ROOM_UNSIGNED_OWN);
        bob_s_server_is_away = false;
        sender_done(&stranger);
}

/* Else it would be healed, though all that it brought is there. */
Test(crypto_lasting, a_repeat_is_known_after_a_restart_that_has_lost_its_session) {
        json_t *m = get_going_with_a_message();

        json_array_clear(json_object_get(disk, "olm"));
        load();
        take_messages(m);
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
}

Test(crypto_lasting, what_stands_there_twice_or_has_no_shape_is_not_taken) {
        json_t *rooms, *repeats, *twice, *odd;
        size_t n_repeats;

        get_going();
        claim(&bob);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert(work());
        rooms = json_object_get(disk, "rooms");
        repeats = json_object_get(disk, "repeats");
        n_repeats = json_array_size(repeats);
        twice = json_deep_copy(json_array_get(rooms, 0));
        odd = json_deep_copy(twice);
        json_object_set_new(twice, "user_id", json_string(CAROL));
        json_object_set_new(odd, "room_id", json_string("!other:example.org"));
        json_object_set_new(odd, "ed25519", json_string("longer than any key that is there in a message"));
        json_array_append_new(rooms, twice);
        json_array_append_new(rooms, odd);
        json_array_append_new(repeats, json_string("0123456789abcdef0123456789abcdeg"));
        load();
        cr_assert_eq(receiver_facts(r).n_room_keys, 1);
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ);
        save();
        cr_assert_eq(json_array_size(json_object_get(disk, "repeats")), n_repeats);
}

/* ---- dying ---- */

/* One turn of the program, killed after so many steps. Started again it is given the same answer of the server once
 * more, since it had not come so far as to store where it was, and then one that counts anew. Returns whether it was
 * killed. */
static bool turn_killed_after(const struct answer *a, int steps) {
        struct answer next = { .fallback_is_unused = true };
        bool died;

        steps_left = steps;
        take(a);
        died = !work();
        steps_left = -1;
        if (died) {
                load();
                take(a);
                cr_assert(work());
        }
        next.n_keys = json_object_size(one_time_keys) > 0 ? json_object_size(one_time_keys) - 1 : 0;
        take(&next);
        cr_assert(work());
        return died;
}

Test(crypto_lasting, it_may_die_between_any_two_steps) {
        bool died = true;

        for (int steps = 1; died; steps++) {
                struct answer first = { 0 }, second = { .fallback_is_unused = true };
                json_t *event_of_bob, *event_of_carol;

                cr_assert_lt(steps, 100);
                take(&first);
                died = turn_killed_after(&first, steps);
                cr_assert_geq(json_object_size(one_time_keys), STOCK_FULL);
                for (int i = 0; i < 30; i++)
                        claim(&phone);
                claim(&bob);
                claim(&carol);
                second.n_keys = json_object_size(one_time_keys) - 1;
                second.to_device = json_pack("[o, o]", key_message(&bob), key_message_without_device(&carol));
                event_of_bob = invite(&bob);
                event_of_carol = invite(&carol);
                at.now += USEC_PER_HOUR;
                at.wall += USEC_PER_HOUR;
                died |= turn_killed_after(&second, steps);
                json_decref(second.to_device);
                cr_assert_eq(verdict_as(&bob, "$1", event_of_bob), ROOM_READ, "%d", steps);
                cr_assert_eq(verdict_as(&carol, "$2", event_of_carol), ROOM_READ, "%d", steps);
                cr_assert_eq(receiver_facts(r).n_unreadable, 0, "%d", steps);
                /* Every key that the server may give away is there. */
                while (json_object_size(one_time_keys) > 1) {
                        claim(&bob);
                        take_messages(json_pack("[o]", key_message(&bob)));
                        cr_assert_eq(receiver_facts(r).n_unreadable, 0, "%d, %zu", steps,
                                     json_object_size(one_time_keys));
                }
                end();
                begin();
        }
}

/* ---- what others may make it ask ---- */

static void changes(const char *user_id) {
        SCOPED(json_decref) json_t *changed = json_pack("[s]", user_id);
        struct answer a = { .n_keys = STOCK_FULL, .fallback_is_unused = true, .changed = changed };

        take(&a);
        cr_assert(work());
}

static void pass(usec_t usec) {
        at.now += usec;
        at.wall += usec;
}

/* The key of one whose identity does not sign it is asked about each time that something has changed. */
static void get_going_with_an_unsigned_contact(void) {
        get_going();
        claim(&bob);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert(work());
        n_queries = 0;
}

Test(crypto_lasting, who_changes_devices_without_end_does_not_make_it_ask_without_end) {
        get_going_with_an_unsigned_contact();
        for (int i = 0; i < 3600; i++) {
                changes(BOB);
                pass(USEC_PER_SEC);
        }
        cr_assert_leq(n_queries, QUERY_LIMIT_PER_HOUR_MAX);
        cr_assert_geq(n_queries, QUERY_LIMIT_AT_ONCE);
}

Test(crypto_lasting, what_was_not_asked_for_at_once_is_asked_for_later) {
        struct receiver_order o;

        get_going_with_an_unsigned_contact();
        for (int i = 0; i < 2 * QUERY_LIMIT_AT_ONCE; i++)
                changes(BOB);
        claim(&carol);
        take_messages(json_pack("[o]", key_message_without_device(&carol)));
        cr_assert(work());
        cr_assert_eq(verdict_as(&carol, "$1", invite(&carol)), ROOM_KEY_UNPROVEN);
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_IDLE);
        cr_assert_leq(o.wake_at, usec_add(at.now, QUERY_LIMIT_EVERY));
        pass(o.wake_at - at.now);
        cr_assert(work());
        cr_assert(late_comes("$1"));
}

Test(crypto_lasting, what_others_do_does_not_keep_the_own_identity_from_being_looked_at) {
        get_going_with_an_unsigned_contact();
        for (int i = 0; i < 2 * QUERY_LIMIT_AT_ONCE; i++)
                changes(BOB);
        master_seed = signing_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
}

Test(crypto_lasting, nor_does_the_own_list_of_devices_make_it_ask_without_end) {
        get_going_with_an_unsigned_contact();
        for (int i = 0; i < 3600; i++) {
                changes(ME);
                pass(USEC_PER_SEC);
        }
        cr_assert_leq(n_queries, 2 * QUERY_LIMIT_PER_HOUR_MAX);
}

Test(crypto_lasting, one_question_is_about_so_many_users) {
        static struct sender senders[RECEIVER_ASKED_MAX + 5];
        static char names[ARRAY_SIZE(senders)][32];
        size_t n_asked = 0;

        get_going();
        cr_assert_eq(receiver_want(r, NULL, 0), 0);
        for (size_t i = 0; i < ARRAY_SIZE(senders); i++) {
                (void) snprintf(names[i], sizeof(names[i]), "@%zu:example.org", i);
                sender_make(&senders[i], names[i], "PHONE");
                claim(&senders[i]);
                take_messages(json_pack("[o]", key_message_without_device(&senders[i])));
        }
        while (n_asked == 0) {
                struct receiver_order o;

                cr_assert_eq(receiver_decide(r, &at, &o), 0);
                cr_assert(o.step == RECEIVER_SAVE || o.step == RECEIVER_QUERY);
                receiver_saved(r);
                n_asked = json_object_size(json_object_get(o.body, "device_keys"));
                json_decref(o.body);
        }
        cr_assert_eq(n_asked, RECEIVER_ASKED_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(senders); i++)
                sender_done(&senders[i]);
}

/* ---- without its signature ---- */

static usec_t unsigned_since(void) {
        return receiver_facts(r).unsigned_since_wall;
}

Test(crypto_lasting, since_when_it_is_not_signed_is_known_also_after_a_restart) {
        usec_t since;

        get_going();
        cr_assert_eq(unsigned_since(), 0);
        master_seed = signing_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
        since = at.wall;
        cr_assert_eq(unsigned_since(), since);
        pass(24 * USEC_PER_HOUR);
        load();
        cr_assert_eq(unsigned_since(), since / USEC_PER_MSEC * USEC_PER_MSEC);
        cr_assert(work());
        cr_assert_eq(unsigned_since(), since / USEC_PER_MSEC * USEC_PER_MSEC);
        master_seed = my_master_seed;
        signing_seed = my_signing_seed;
        cr_assert_eq(own_after_change(), OWN_SIGNED);
        cr_assert_eq(unsigned_since(), 0);
        load();
        cr_assert_eq(unsigned_since(), 0);
}

Test(crypto_lasting, a_clock_that_is_set_back_does_not_shorten_the_time_to_sign_it) {
        get_going();
        master_seed = signing_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
        at.wall -= 1000 * USEC_PER_HOUR;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
        cr_assert_eq(unsigned_since(), at.wall);
}

/* A server may leave something out for a moment. */
Test(crypto_lasting, whether_it_still_is_not_signed_is_asked_each_hour) {
        get_going();
        signing_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
        signing_seed = my_signing_seed;
        pass(USEC_PER_HOUR);
        cr_assert(work());
        cr_assert_eq(receiver_facts(r).own, OWN_SIGNED);
        n_queries = 0;
        pass(24 * USEC_PER_HOUR);
        cr_assert(work());
        cr_assert_eq(n_queries, 0, "nothing to ask of one that is");
}
