/* The whole device, against a server and senders made here: what it believes, what it asks for, what it makes of it.
 */
#include "crypto/device-stage.h"

TestSuite(crypto_receiver, .init = begin, .fini = end);

Test(crypto_receiver, it_comes_to_rest_with_keys_on_the_server_and_its_own_state_known) {
        get_going();
        cr_assert_eq(n_uploads, 1);
        cr_assert_eq(receiver_facts(r).own, OWN_SIGNED);
        take_messages(NULL);
        cr_assert(work());
        cr_assert_eq(n_uploads, 1);
        cr_assert_eq(n_queries, 1);
}

Test(crypto_receiver, a_call_is_read_by_a_key_that_came_before) {
        get_going();
        claim(&bob);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ);
}

Test(crypto_receiver, a_call_is_read_when_its_key_comes_after) {
        json_t *m;

        get_going();
        claim(&bob);
        m = key_message(&bob);
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_NO_KEY);
        cr_assert_eq(receiver_facts(r).n_waiting, 1);
        cr_assert_not(late_comes("$1"));
        take_messages(json_pack("[o]", m));
        cr_assert(late_comes("$1"));
        cr_assert_not(late_comes("$1"));
        cr_assert_eq(receiver_facts(r).n_waiting, 0);
}

Test(crypto_receiver, a_sender_that_does_not_bring_its_device_is_asked_for) {
        get_going();
        claim(&carol);
        take_messages(json_pack("[o]", key_message_without_device(&carol)));
        cr_assert_eq(verdict_as(&carol, "$1", invite(&carol)), ROOM_KEY_UNPROVEN);
        cr_assert_not(late_comes("$1"));
        cr_assert(work());
        cr_assert(late_comes("$1"));
        cr_assert_eq(verdict_as(&carol, "$2", invite(&carol)), ROOM_READ);
}

Test(crypto_receiver, a_key_from_a_device_that_its_user_does_not_have_is_ended) {
        struct sender ghost;

        get_going();
        sender_make(&ghost, CAROL, "GHOST");
        claim(&ghost);
        take_messages(json_pack("[o]", key_message_without_device(&ghost)));
        cr_assert_eq(verdict_as(&ghost, "$1", invite(&ghost)), ROOM_KEY_UNPROVEN);
        cr_assert(work());
        cr_assert_not(late_comes("$1"));
        cr_assert_eq(receiver_facts(r).n_room_keys, 0);
        cr_assert_eq(receiver_facts(r).n_refused, 1);
        sender_done(&ghost);
}

Test(crypto_receiver, a_server_out_of_reach_is_asked_again_after_an_hour) {
        get_going();
        bob_s_server_is_away = true;
        n_queries = 0;
        claim(&bob);
        take_messages(json_pack("[o]", key_message_without_device(&bob)));
        cr_assert(work());
        cr_assert(work());
        cr_assert_eq(n_queries, 1);
        bob_s_server_is_away = false;
        at.now += USEC_PER_HOUR;
        at.wall += USEC_PER_HOUR;
        cr_assert(work());
        cr_assert_eq(n_queries, 2);
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ);
}

/* ... and is no deadline that is over where the network is away by then. */
Test(crypto_receiver, who_is_to_be_asked_again_wakes_nobody_while_nothing_can_be_asked) {
        struct receiver_order o;

        get_going();
        bob_s_server_is_away = true;
        claim(&bob);
        take_messages(json_pack("[o]", key_message_without_device(&bob)));
        cr_assert(work());
        cr_assert_eq(receiver_decide_unasked(r, &at, &o), 0);
        cr_assert_eq(o.wake_at, at.now + USEC_PER_HOUR);
        at.now += USEC_PER_HOUR;
        at.wall += USEC_PER_HOUR;
        cr_assert_eq(receiver_decide_unasked(r, &at, &o), 0);
        cr_assert_gt(o.wake_at, at.now);
}

Test(crypto_receiver, a_user_whose_devices_have_changed_is_asked_about_at_once) {
        SCOPED(json_decref) json_t *changed = json_pack("[s]", BOB);
        struct answer a = { .n_keys = STOCK_FULL, .fallback_is_unused = true, .changed = changed };

        get_going();
        bob_s_server_is_away = true;
        claim(&bob);
        take_messages(json_pack("[o]", key_message_without_device(&bob)));
        cr_assert(work());
        bob_s_server_is_away = false;
        take(&a);
        cr_assert(work());
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ);
}

Test(crypto_receiver, the_own_phone_counts_once_the_own_identity_is_known_to_sign_it) {
        claim(&phone);
        get_going();
        claim(&phone);
        take_messages(json_pack("[o]", key_message(&phone)));
        cr_assert_eq(verdict_as(&phone, "$1", invite(&phone)), ROOM_READ);
}

Test(crypto_receiver, a_call_of_the_own_phone_waits_until_the_own_identity_is_known) {
        SCOPED(json_decref) json_t *changed = json_pack("[s]", ME);
        struct answer a = { .n_keys = STOCK_FULL, .fallback_is_unused = true, .changed = changed };

        get_going();
        claim(&phone);
        take(&a);
        take_messages(json_pack("[o]", key_message(&phone)));
        cr_assert_eq(verdict_as(&phone, "$1", invite(&phone)), ROOM_KEY_UNPROVEN);
        cr_assert_not(late_comes("$1"));
        cr_assert(work());
        cr_assert(late_comes("$1"));
}

Test(crypto_receiver, an_own_device_without_a_signature_does_not_count) {
        struct sender stranger;

        get_going();
        sender_make(&stranger, ME, "STRANGER");
        put_user(ME, stranger.device_id, json_incref(stranger.device_keys));
        claim(&stranger);
        take_messages(json_pack("[o]", key_message(&stranger)));
        cr_assert_eq(verdict_as(&stranger, "$1", invite(&stranger)), ROOM_UNSIGNED_OWN);
        cr_assert(work());
        cr_assert_not(late_comes("$1"));
        cr_assert_eq(receiver_facts(r).n_waiting, 0);
        sender_done(&stranger);
}

/* What the server says later is not in it. */
static json_t *query_answer_of_now(json_t *body) {
        SCOPED(json_decref) json_t *answer = query_answer(body);

        json_decref(body);
        return json_deep_copy(answer);
}

/* The user verifies a new phone while the server is being asked for their devices: that answer is from before. */
Test(crypto_receiver, a_device_that_was_signed_while_it_was_asked_for_counts) {
        SCOPED(json_decref) json_t *changed = json_pack("[s]", ME), *answer = NULL, *device = NULL;
        struct answer a = { .n_keys = STOCK_FULL, .fallback_is_unused = true, .changed = changed };
        struct receiver_order o;
        struct sender tablet;

        get_going();
        sender_make(&tablet, ME, "TABLET");
        put_user(ME, tablet.device_id, json_incref(tablet.device_keys));
        take(&a);
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_QUERY);
        answer = query_answer_of_now(o.body);
        device = json_deep_copy(tablet.device_keys);
        sign_by(device, ME, my_signing_seed);
        put_user(ME, tablet.device_id, json_incref(device));
        take(&a);
        cr_assert_eq(receiver_queried(r, answer, &at), 0);
        claim(&tablet);
        take_messages(json_pack("[o]", key_message(&tablet)));
        cr_assert_eq(verdict_as(&tablet, "$1", invite(&tablet)), ROOM_KEY_UNPROVEN);
        cr_assert(work());
        cr_assert(late_comes("$1"));
        sender_done(&tablet);
}

/* The same of somebody else's, which would be taken for one that does not exist. */
Test(crypto_receiver, a_device_that_came_while_its_user_was_asked_for_counts) {
        SCOPED(json_decref) json_t *changed = json_pack("[s]", CAROL), *answer = NULL;
        struct answer a = { .n_keys = STOCK_FULL, .fallback_is_unused = true, .changed = changed };
        struct receiver_order o;
        struct sender tablet;

        get_going();
        claim(&carol);
        take_messages(json_pack("[o]", key_message_without_device(&carol)));
        do {
                cr_assert_eq(receiver_decide(r, &at, &o), 0);
                if (o.step == RECEIVER_SAVE)
                        receiver_saved(r);
        } while (o.step == RECEIVER_SAVE);
        cr_assert_eq(o.step, RECEIVER_QUERY);
        answer = query_answer_of_now(o.body);
        sender_make(&tablet, CAROL, "TABLET");
        put_user(CAROL, tablet.device_id, json_incref(tablet.device_keys));
        take(&a);
        claim(&tablet);
        take_messages(json_pack("[o]", key_message_without_device(&tablet)));
        cr_assert_eq(receiver_queried(r, answer, &at), 0);
        cr_assert(work());
        cr_assert_eq(verdict_as(&tablet, "$1", invite(&tablet)), ROOM_READ);
        sender_done(&tablet);
}

Test(crypto_receiver, who_is_not_wanted_is_not_read_and_can_be_later) {
        static const char *const nobody[] = { CAROL }, *const both[] = { CAROL, BOB };
        json_t *m;

        get_going();
        claim(&bob);
        cr_assert_eq(receiver_want(r, nobody, 1), 0);
        m = key_message(&bob);
        take_messages(json_pack("[O]", m));
        cr_assert_eq(receiver_facts(r).n_room_keys, 0);
        cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_NO_KEY);
        cr_assert_eq(receiver_want(r, both, 2), 0);
        take_messages(json_pack("[o]", m));
        cr_assert(late_comes("$1"));
}

Test(crypto_receiver, messages_that_are_no_keys_or_not_for_us_change_nothing) {
        static const char *const types[] = { "m.forwarded_room_key",
                                             "m.room_key_request",
                                             "m.secret.send",
                                             "m.room_key_bundle",
                                             "m.dummy",
                                             "what.ever" };
        json_t *m;

        get_going();
        claim(&bob);
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                take_messages(json_pack(
                        "[o]", message(&bob, sender_says(&bob, &own, types[i], sender_room_key(&bob, ROOM)))));
        cr_assert_eq(receiver_facts(r).n_room_keys, 0);
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
        /* Not encrypted at all. */
        take_messages(json_pack("[{ss ss so}]", "type", "m.room_key", "sender", BOB, "content",
                                sender_room_key(&bob, ROOM)));
        /* Not for this device. */
        m = key_message(&bob);
        json_object_set_new(json_object_get(m, "content"), "ciphertext",
                            json_pack("{s{si ss}}", bob.curve25519, "type", 0, "body", "AAAA"));
        take_messages(json_pack("[o]", m));
        cr_assert_eq(receiver_facts(r).n_room_keys, 0);
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
        /* Of no shape. */
        take_messages(json_pack("[n, [], s, {}, {s[]}, {ss ss s{ss}}, {ss ss s{ss ss s{s{si sn}}}}]", "x", "type",
                                "type", "m.room.encrypted", "sender", BOB, "content", "algorithm", "x", "type",
                                "m.room.encrypted", "sender", BOB, "content", "algorithm",
                                "m.olm.v1.curve25519-aes-sha2", "sender_key", bob.curve25519, "ciphertext",
                                own.curve25519, "type", 0, "body"));
        take_messages(json_string("x"));
        m = key_message(&bob);
        json_object_del(json_object_get(m, "content"), "sender_key");
        take_messages(json_pack("[o]", m));
        cr_assert_eq(receiver_facts(r).n_room_keys, 0);
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
}

/* Its session has gone on: the message cannot be read a second time. */
Test(crypto_receiver, a_message_that_says_nothing_is_stored_as_well) {
        struct receiver_order o;

        get_going();
        claim(&bob);
        take_messages(json_pack("[o]", message(&bob, sender_says(&bob, &own, "m.dummy", json_object()))));
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_SAVE);
}

Test(crypto_receiver, a_message_that_lies_is_refused_and_counted) {
        json_t *says;

        get_going();
        claim(&bob);
        says = sender_says(&bob, &own, "m.room_key", sender_room_key(&bob, ROOM));
        json_object_set_new(says, "recipient", json_string(CAROL));
        take_messages(json_pack("[o]", message(&bob, says)));
        cr_assert_eq(receiver_facts(r).n_room_keys, 0);
        cr_assert_eq(receiver_facts(r).n_refused, 1);
}

Test(crypto_receiver, repeats_are_no_sign_of_a_broken_session) {
        json_t *m = get_going_with_a_message();

        take_messages(json_incref(m));
        load();
        take_messages(m);
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
        cr_assert_eq(receiver_facts(r).n_room_keys, 1);
}

Test(crypto_receiver, a_session_that_is_lost_is_counted_once) {
        json_t *m;

        get_going();
        claim(&bob);
        claim(&bob);
        m = key_message(&bob);
        json_object_set_new(
                json_object_get(json_object_get(json_object_get(m, "content"), "ciphertext"), own.curve25519), "type",
                json_integer(1));
        take_messages(json_pack("[O]", m));
        take_messages(json_pack("[o]", m));
        cr_assert_eq(receiver_facts(r).n_unreadable, 1);
}

Test(crypto_receiver, what_says_that_another_algorithm_has_encrypted_it_is_not_looked_at) {
        json_t *m;

        get_going();
        claim(&bob);
        m = key_message(&bob);
        json_object_set_new(json_object_get(m, "content"), "algorithm", json_string("m.megolm.v1.aes-sha2"));
        take_messages(json_pack("[o]", m));
        cr_assert(receiver_facts(r).n_room_keys == 0 && receiver_facts(r).n_unreadable == 0);
}

Test(crypto_receiver, a_message_longer_than_messages_can_be_is_not_looked_at) {
        SCOPED(free) char *body = calloc(1, CRYPTO_MESSAGE_BYTES_MAX + 2);
        json_t *m;

        get_going();
        claim(&bob);
        m = key_message(&bob);
        memset(body, 'A', CRYPTO_MESSAGE_BYTES_MAX + 1);
        json_object_set_new(
                json_object_get(json_object_get(json_object_get(m, "content"), "ciphertext"), own.curve25519), "body",
                json_string(body));
        take_messages(json_pack("[o]", m));
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
}

static bool no_room(void *userdata, const char *room_id) {
        return false;
}

Test(crypto_receiver, keys_of_others_for_rooms_that_do_not_matter_are_not_kept_and_own_ones_are) {
        get_going();
        receiver_set_scope(r, &(struct receiver_scope){ .has_room = no_room });
        claim(&bob);
        claim(&phone);
        take_messages(json_pack("[oo]", key_message(&bob), key_message(&phone)));
        cr_assert_eq(receiver_facts(r).n_room_keys, 1);
        cr_assert_eq(verdict_as(&phone, "$1", invite(&phone)), ROOM_READ);
        cr_assert_eq(verdict_as(&bob, "$2", invite(&bob)), ROOM_NO_KEY);
}

/* What they send in place of a key; `sender` says so. */
static json_t *withheld_message(const char *type, const char *sender) {
        return json_pack("{ss ss s{ss ss ss}}", "type", type, "sender", sender, "content", "code", "m.unverified",
                         "room_id", ROOM, "session_id", bob.room_session);
}

Test(crypto_receiver, withheld_keys_are_told_until_they_come) {
        static const char *const types[] = { "m.room_key.withheld", "org.matrix.room_key.withheld" };

        get_going();
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                json_t *m;

                claim(&bob);
                m = key_message(&bob);
                take_messages(json_pack("[o]", withheld_message(types[i], BOB)));
                cr_assert_eq(receiver_facts(r).n_withholding, 1, "%s", types[i]);
                take_messages(json_pack("[o]", m));
                cr_assert_eq(receiver_facts(r).n_withholding, 0, "%s", types[i]);
        }
}

Test(crypto_receiver, who_has_a_longer_name_than_users_have_says_nothing) {
        char name[MATRIX_ID_BYTES_MAX + 2] = "@";

        get_going();
        claim(&bob);
        json_decref(key_message(&bob));
        memset(name + 1, 'a', MATRIX_ID_BYTES_MAX);
        cr_assert_eq(receiver_want(r, NULL, 0), 0);
        take_messages(json_pack("[o]", withheld_message("m.room_key.withheld", name)));
        cr_assert_eq(receiver_facts(r).n_withholding, 0);
        take_messages(json_pack("[o]", withheld_message("m.room_key.withheld", BOB)));
        cr_assert_eq(receiver_facts(r).n_withholding, 1);
}

/* ---- keys on the server ---- */

Test(crypto_receiver, an_answer_without_counts_says_nothing_of_them) {
        const struct receiver_sync nothing = { 0 };

        get_going();
        n_uploads = 0;
        at.now += 2 * USEC_PER_HOUR;
        at.wall += 2 * USEC_PER_HOUR;
        cr_assert_eq(receiver_take_sync(r, &nothing, &at), 0);
        cr_assert(work());
        cr_assert_eq(n_uploads, 0);
}

Test(crypto_receiver, sixty_claims_are_all_read) {
        struct answer a = { 0 };
        json_t *messages = json_array();

        get_going();
        for (int i = 0; i < 60; i++) {
                claim(&bob);
                json_array_append_new(messages, key_message(&bob));
        }
        a.to_device = messages;
        take(&a);
        json_decref(messages);
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
        cr_assert_eq(receiver_facts(r).n_room_keys, 60);
        at.now += USEC_PER_HOUR;
        at.wall += USEC_PER_HOUR;
        cr_assert(work());
        cr_assert_geq(json_object_size(one_time_keys), STOCK_FULL);
        claim(&bob);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
}

Test(crypto_receiver, an_upload_that_fails_is_tried_again_and_not_before) {
        struct answer a = { 0 };
        struct receiver_order o;

        take(&a);
        take(&a);
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_SAVE, "before the server may know a key it is on disk");
        save();
        receiver_saved(r);
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_UPLOAD);
        json_decref(o.body);
        cr_assert_eq(receiver_uploaded(r, NULL, &at), -EBADMSG);
        receiver_failed(r, at.now + USEC_PER_SEC);
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_IDLE);
        cr_assert_eq(o.wake_at, at.now + USEC_PER_SEC);
        at.now += USEC_PER_SEC;
        cr_assert(work());
        cr_assert_eq(n_uploads, 1);
}

Test(crypto_receiver, a_fallback_key_reads_for_an_hour_after_it_was_replaced) {
        struct answer a = { .n_keys = STOCK_FULL };
        char before[CRYPTO_KEY_TEXT];

        get_going();
        at.now += 2 * USEC_PER_HOUR;
        cr_assert(work());
        (void) snprintf(before, sizeof(before), "%s",
                        json_member_string(json_object_get(one_time_keys, "fallback"), "key"));
        take(&a);
        cr_assert(work());
        cr_assert_str_neq(json_member_string(json_object_get(one_time_keys, "fallback"), "key"), before);
        sender_begin(&bob, &own, before);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(receiver_facts(r).n_unreadable, 0);
        at.now += STOCK_FALLBACK_FORGET_USEC;
        cr_assert(work());
        sender_begin(&bob, &own, before);
        take_messages(json_pack("[o]", key_message(&bob)));
        cr_assert_eq(receiver_facts(r).n_unreadable, 1);
}

Test(crypto_receiver, an_answer_to_something_else_is_none) {
        SCOPED(json_decref) json_t *nothing = json_object(), *changed = json_pack("[s]", ME);
        struct answer a = { .n_keys = STOCK_FULL, .fallback_is_unused = true, .changed = changed };
        struct receiver_order o;

        get_going();
        cr_assert_eq(receiver_queried(r, users, &at), -EBADMSG, "nothing was asked");
        cr_assert_eq(receiver_claimed(r, users, &at), -EBADMSG);
        take(&a);
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_QUERY);
        json_decref(o.body);
        cr_assert_eq(receiver_queried(r, nothing, &at), -EBADMSG);
        cr_assert_eq(receiver_queried(r, NULL, &at), -EBADMSG);
        receiver_failed(r, 0);
        cr_assert(work());
        cr_assert_eq(receiver_facts(r).own, OWN_SIGNED);
}

/* ---- the own identity ---- */

Test(crypto_receiver, an_identity_that_was_reset_is_seen) {
        get_going();
        master_seed = signing_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
}

Test(crypto_receiver, another_master_key_over_the_same_signing_key_is_seen) {
        get_going();
        master_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNPROVEN);
}

Test(crypto_receiver, a_server_that_swaps_the_signing_key_is_seen) {
        get_going();
        signing_seed = reset_seed;
        cr_assert_eq(own_after_change(), OWN_UNSIGNED);
}

Test(crypto_receiver, a_device_without_keys_on_the_server_is_seen) {
        get_going();
        json_object_del(json_object_get(users, ME), MY_DEVICE);
        cr_assert_eq(own_after_change(), OWN_GONE);
}

Test(crypto_receiver, other_keys_under_our_device_are_seen) {
        struct sender thief;

        get_going();
        sender_make(&thief, ME, MY_DEVICE);
        put_user(ME, MY_DEVICE, json_incref(thief.device_keys));
        cr_assert_eq(own_after_change(), OWN_OTHER);
        sender_done(&thief);
}

/* Its signature is ours, and it is of another device. */
Test(crypto_receiver, our_keys_under_another_device_are_seen) {
        json_t *device = json_pack("{ss ss s[] s{ss ss}}", "user_id", ME, "device_id", "OTHER", "algorithms", "keys",
                                   "curve25519:OTHER", own.curve25519, "ed25519:OTHER", own.ed25519);
        SCOPED(free) char *bytes = NULL;
        char signature[CRYPTO_SIGNATURE_TEXT];

        get_going();
        cr_assert_eq(signed_json_bytes(device, &bytes), 0);
        cr_assert_eq(crypto_account_sign(own.account, bytes, strlen(bytes), signature), 0);
        cr_assert_eq(signed_json_add(device, ME, "OTHER", signature), 0);
        sign_by(device, ME, my_signing_seed);
        put_user(ME, MY_DEVICE, device);
        cr_assert_eq(own_after_change(), OWN_OTHER);
}

/* The same keys, in what the device has not signed so. */
Test(crypto_receiver, our_device_in_other_words_than_its_own_is_seen) {
        json_t *device;

        get_going();
        device = our_device();
        sign_by(device, ME, my_signing_seed);
        json_object_set_new(device, "algorithms", json_pack("[s]", "m.other"));
        put_user(ME, MY_DEVICE, device);
        cr_assert_eq(own_after_change(), OWN_OTHER);
}
