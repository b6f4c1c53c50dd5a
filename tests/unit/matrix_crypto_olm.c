/* What comes from other devices by Olm: sessions, and each check of the specification. */
#include <criterion/criterion.h>
#include <errno.h>

#include "crypto/sender.h"
#include "json/json.h"
#include "matrix/crypto/olm-box.h"
#include "matrix/crypto/plaintext.h"

static struct receiver_keys own;
static struct sender bob;
static struct olm_box *box;

static void begin(void) {
        char key[CRYPTO_KEY_TEXT];

        receiver_keys_make(&own);
        sender_make(&bob, "@bob:example.org", "PHONE");
        receiver_keys_one_time(&own, key);
        sender_begin(&bob, &own, key);
        cr_assert_eq(olm_box_new(&box, own.account), 0);
}

static void end(void) {
        olm_box_free(box);
        sender_done(&bob);
        receiver_keys_done(&own);
}

TestSuite(crypto_olm, .init = begin, .fini = end);

static json_t *says(void) {
        return sender_says(&bob, &own, "m.dummy", json_object());
}

static int receive(const struct crypto_text *message, int type) {
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };

        return olm_box_read(box, bob.user_id, bob.curve25519, type, message->data, &text);
}

static int send_one(void) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 };
        int type;

        message = sender_encrypt(&bob, says(), &type);
        return receive(&message, type);
}

/* ---- sessions ---- */

static struct crypto_session *any_session(void) {
        struct crypto_session *s;
        char key[CRYPTO_KEY_TEXT];

        receiver_keys_one_time(&own, key);
        cr_assert_eq(crypto_account_outbound(own.account, bob.curve25519, key, &s), 0);
        return s;
}

Test(crypto_olm, a_sender_that_gets_no_answer_is_read_by_one_session) {
        for (int i = 0; i < 5; i++)
                cr_assert_eq(send_one(), OLM_READ);
        cr_assert(olm_box_at(box, 0));
        cr_assert_not(olm_box_at(box, 1));
}

Test(crypto_olm, a_message_that_comes_again_is_known_as_such) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 };
        int type;

        message = sender_encrypt(&bob, says(), &type);
        cr_assert_eq(receive(&message, type), OLM_READ);
        cr_assert_eq(receive(&message, type), OLM_REPEATED);
        cr_assert_eq(send_one(), OLM_READ);
}

Test(crypto_olm, a_session_that_was_used_is_to_be_stored_anew) {
        cr_assert_eq(send_one(), OLM_READ);
        olm_box_at(box, 0)->pickle = strdup("as it was");
        cr_assert_eq(send_one(), OLM_READ);
        cr_assert_null(olm_box_at(box, 0)->pickle);
}

Test(crypto_olm, messages_that_come_late_are_read) {
        SCOPED(crypto_text_done) struct crypto_text first = { 0 }, second = { 0 };
        int type;

        first = sender_encrypt(&bob, says(), &type);
        second = sender_encrypt(&bob, says(), &type);
        cr_assert_eq(receive(&second, type), OLM_READ);
        cr_assert_eq(receive(&first, type), OLM_READ);
}

Test(crypto_olm, a_forged_message_uses_up_no_key) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 };
        int type;

        message = sender_encrypt(&bob, says(), &type);
        message.data[message.size - 8] = message.data[message.size - 8] == 'A' ? 'B' : 'A';
        cr_assert_eq(receive(&message, type), OLM_UNREADABLE);
        cr_assert_not(olm_box_at(box, 0));
        cr_assert_eq(send_one(), OLM_READ);
}

Test(crypto_olm, a_message_under_the_key_of_another_device_begins_nothing) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 }, text = { 0 };
        struct sender mallory;
        int type;

        sender_make(&mallory, "@mallory:example.org", "M");
        message = sender_encrypt(&bob, says(), &type);
        cr_assert_eq(olm_box_read(box, mallory.user_id, mallory.curve25519, type, message.data, &text),
                     OLM_UNREADABLE);
        cr_assert_not(olm_box_at(box, 0));
        sender_done(&mallory);
}

/* Bob's session reads it, and it is not bob who is said to have sent it. */
Test(crypto_olm, a_session_reads_nothing_under_the_key_of_another_device) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 }, text = { 0 };
        struct sender mallory;
        int type;

        sender_make(&mallory, "@mallory:example.org", "M");
        cr_assert_eq(send_one(), OLM_READ);
        message = sender_encrypt(&bob, says(), &type);
        cr_assert_eq(olm_box_read(box, mallory.user_id, mallory.curve25519, type, message.data, &text),
                     OLM_UNREADABLE);
        cr_assert_eq(receive(&message, type), OLM_READ);
        sender_done(&mallory);
}

Test(crypto_olm, a_key_that_was_used_begins_no_second_session) {
        char key[CRYPTO_KEY_TEXT];

        receiver_keys_one_time(&own, key);
        sender_begin(&bob, &own, key);
        cr_assert_eq(send_one(), OLM_READ);
        sender_begin(&bob, &own, key);
        cr_assert_eq(send_one(), OLM_UNREADABLE);
}

Test(crypto_olm, nonsense_is_unreadable) {
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        static const char *const bodies[] = { "", "A", "====", "AAAA", "not base64!", "Awo", "AwogAAAA", "\xc3\xbc" };

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
                for (int type = -1; type < 4; type++)
                        cr_assert_eq(olm_box_read(box, bob.user_id, bob.curve25519, type, bodies[i], &text),
                                     OLM_UNREADABLE, "%s, %d", bodies[i], type);
        cr_assert_eq(olm_box_read(box, bob.user_id, "", CRYPTO_OLM_PREKEY, "AAAA", &text), OLM_UNREADABLE);
}

/* libolm looks at seven bits of each letter: the same message would be another text. */
Test(crypto_olm, letters_that_are_no_base64_are_not_read_as_if_they_were) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 };
        int type;

        message = sender_encrypt(&bob, says(), &type);
        message.data[20] = (char) (message.data[20] | 0x80);
        cr_assert_eq(receive(&message, type), OLM_UNREADABLE);
        message.data[20] = (char) (message.data[20] & 0x7f);
        cr_assert_eq(receive(&message, type), OLM_READ);
}

/* Of one key there is one text: sessions are kept by it. */
Test(crypto_olm, a_key_of_another_length_begins_nothing) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 }, text = { 0 };
        char padded[CRYPTO_KEY_TEXT + 1];
        int type;

        (void) snprintf(padded, sizeof(padded), "%s=", bob.curve25519);
        message = sender_encrypt(&bob, says(), &type);
        cr_assert_eq(olm_box_read(box, bob.user_id, padded, type, message.data, &text), OLM_UNREADABLE);
        cr_assert_not(olm_box_at(box, 0));
        cr_assert_eq(olm_box_put(box, bob.user_id, padded, any_session()), -EBADMSG);
        cr_assert_not(olm_box_at(box, 0));
}

Test(crypto_olm, a_message_longer_than_messages_can_be_is_not_read) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 };
        SCOPED(free) char *long_text = malloc(CRYPTO_MESSAGE_BYTES_MAX + 1);
        json_t *v = says();
        int type;

        cr_assert(long_text);
        memset(long_text, 'A', CRYPTO_MESSAGE_BYTES_MAX);
        long_text[CRYPTO_MESSAGE_BYTES_MAX] = '\0';
        cr_assert_eq(json_object_set_new(v, "more", json_string(long_text)), 0);
        message = sender_encrypt(&bob, v, &type);
        cr_assert_eq(receive(&message, type), OLM_UNREADABLE);
        cr_assert_eq(send_one(), OLM_READ);
}

/* As after an m.dummy: bob answers by the session that was begun here. */
Test(crypto_olm, a_message_of_no_known_type_is_not_read) {
        SCOPED(crypto_text_done) struct crypto_text dummy = { 0 }, read = { 0 }, message = { 0 };
        struct crypto_public_key theirs;
        struct crypto_session *s;
        int type;

        cr_assert_eq(peer_account_generate(bob.account, 1), 0);
        cr_assert_eq(peer_account_one_time_keys(bob.account, &theirs, 1), 1);
        cr_assert_eq(crypto_account_outbound(own.account, bob.curve25519, theirs.key, &s), 0);
        cr_assert_eq(crypto_session_encrypt(s, "{}", 2, &type, &dummy), 0);
        cr_assert_eq(olm_box_put(box, bob.user_id, bob.curve25519, s), 0);
        peer_session_free(bob.session);
        bob.session = NULL;
        cr_assert_eq(peer_account_inbound(bob.account, own.curve25519, dummy.data, &bob.session, &read), 0);
        message = sender_encrypt(&bob, says(), &type);
        cr_assert_eq(type, CRYPTO_OLM_NORMAL);
        cr_assert_eq(receive(&message, 2), OLM_UNREADABLE);
        cr_assert_eq(receive(&message, -1), OLM_UNREADABLE);
        cr_assert_eq(receive(&message, CRYPTO_OLM_PREKEY), OLM_UNREADABLE);
        cr_assert_eq(receive(&message, type), OLM_READ);
}

/* libolm takes each type but one for that of a message that begins a session. */
Test(crypto_olm, nor_is_one_that_begins_a_session_under_another_type) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 };
        int type;

        cr_assert_eq(send_one(), OLM_READ);
        message = sender_encrypt(&bob, says(), &type);
        cr_assert_eq(type, CRYPTO_OLM_PREKEY);
        cr_assert_eq(receive(&message, 2), OLM_UNREADABLE);
        cr_assert_eq(receive(&message, CRYPTO_OLM_NORMAL), OLM_UNREADABLE);
        cr_assert_eq(receive(&message, type), OLM_READ);
}

Test(crypto_olm, four_sessions_of_a_device_are_kept_and_the_one_unused_longest_goes) {
        struct crypto_text last_of[OLM_SESSIONS_PER_KEY_MAX + 1];
        int type;

        for (size_t i = 0; i < ARRAY_SIZE(last_of); i++) {
                char key[CRYPTO_KEY_TEXT];

                receiver_keys_one_time(&own, key);
                sender_begin(&bob, &own, key);
                cr_assert_eq(send_one(), OLM_READ);
                last_of[i] = sender_encrypt(&bob, says(), &type);
                if (i == OLM_SESSIONS_PER_KEY_MAX - 1) {
                        cr_assert_eq(receive(&last_of[0], type), OLM_READ); /* used again: now the second one is due */
                }
        }
        cr_assert(olm_box_at(box, OLM_SESSIONS_PER_KEY_MAX - 1));
        cr_assert_not(olm_box_at(box, OLM_SESSIONS_PER_KEY_MAX));
        cr_assert_eq(receive(&last_of[0], type), OLM_REPEATED);
        cr_assert_eq(receive(&last_of[1], type), OLM_UNREADABLE);
        cr_assert_eq(receive(&last_of[4], type), OLM_READ);
        for (size_t i = 0; i < ARRAY_SIZE(last_of); i++)
                crypto_text_done(&last_of[i]);
}

Test(crypto_olm, a_user_with_many_devices_pushes_out_only_their_own) {
        char key[CRYPTO_KEY_TEXT] = { 0 };

        cr_assert_eq(send_one(), OLM_READ);
        for (int i = 0; i < OLM_KEYS_PER_USER_MAX + 20; i++) {
                (void) snprintf(key, sizeof(key), "%043d", i);
                cr_assert_eq(olm_box_put(box, "@mallory:example.org", key, any_session()), 0);
        }
        cr_assert_str_eq(olm_box_at(box, 0)->user_id, bob.user_id);
        cr_assert(olm_box_at(box, OLM_KEYS_PER_USER_MAX));
        cr_assert_not(olm_box_at(box, OLM_KEYS_PER_USER_MAX + 1));
        cr_assert_str_eq(olm_box_at(box, OLM_KEYS_PER_USER_MAX)->sender_key, key);
}

Test(crypto_olm, of_all_devices_the_one_unused_longest_goes) {
        char key[CRYPTO_KEY_TEXT] = { 0 }, user_id[32];

        cr_assert_eq(send_one(), OLM_READ);
        for (int i = 0; i < OLM_KEYS_MAX; i++) {
                (void) snprintf(key, sizeof(key), "%043d", i);
                (void) snprintf(user_id, sizeof(user_id), "@%d:example.org", i);
                cr_assert_eq(olm_box_put(box, user_id, key, any_session()), 0);
        }
        cr_assert_str_eq(olm_box_at(box, 0)->user_id, "@0:example.org");
        cr_assert(olm_box_at(box, OLM_KEYS_MAX - 1));
        cr_assert_not(olm_box_at(box, OLM_KEYS_MAX));
}

Test(crypto_olm, what_was_not_read_is_another_sender_s_to_begin_later) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 };
        int type;

        /* Ignored unread, as of a sender who was not wanted then. */
        for (int i = 0; i < 50; i++) {
                crypto_text_done(&message);
                message = sender_encrypt(&bob, says(), &type);
        }
        cr_assert_eq(receive(&message, type), OLM_READ);
}

/* ---- what is said ---- */

/* As it comes out at the receiver. Takes `v` with it. */
static int judge(json_t *v) {
        SCOPED(crypto_text_done) struct crypto_text message = { 0 }, text = { 0 };
        SCOPED(olm_plaintext_done) struct olm_plaintext p = { 0 };
        struct olm_envelope e = {
                .sender = bob.user_id,
                .sender_key = bob.curve25519,
                .me = ME,
                .my_ed25519 = own.ed25519,
        };
        int type;

        message = sender_encrypt(&bob, v, &type);
        cr_assert_eq(olm_box_read(box, bob.user_id, bob.curve25519, type, message.data, &text), OLM_READ);
        return olm_plaintext_read(text.data, text.size, &e, &p);
}

static json_t *with(const char *member, json_t *value) {
        json_t *v = says();

        cr_assert_eq(value ? json_object_set_new(v, member, value) : json_object_del(v, member), 0);
        return v;
}

Test(crypto_olm, a_message_that_proves_its_device_is_accepted) {
        cr_assert_eq(judge(says()), OLM_ACCEPTED);
}

Test(crypto_olm, a_message_without_keys_of_its_device_is_to_be_proven) {
        cr_assert_eq(judge(with("sender_device_keys", NULL)), OLM_DEVICE_UNPROVEN);
}

Test(crypto_olm, the_keys_of_the_device_are_found_under_their_older_name) {
        json_t *v = with("org.matrix.msc4147.device_keys", json_incref(bob.device_keys));

        cr_assert_eq(json_object_del(v, "sender_device_keys"), 0);
        cr_assert_eq(judge(v), OLM_ACCEPTED);
}

Test(crypto_olm, what_is_no_message_is_refused) {
        cr_assert_eq(judge(json_string("hello")), OLM_NO_PLAINTEXT);
        cr_assert_eq(judge(with("type", NULL)), OLM_NO_PLAINTEXT);
        cr_assert_eq(judge(with("type", json_integer(1))), OLM_NO_PLAINTEXT);
        cr_assert_eq(judge(with("content", NULL)), OLM_NO_PLAINTEXT);
        cr_assert_eq(judge(with("content", json_array())), OLM_NO_PLAINTEXT);
}

Test(crypto_olm, a_message_in_the_name_of_somebody_else_is_refused) {
        cr_assert_eq(judge(with("sender", json_string("@carol:example.org"))), OLM_OTHER_SENDER);
        cr_assert_eq(judge(with("sender", NULL)), OLM_OTHER_SENDER);
        cr_assert_eq(judge(with("sender", json_string(""))), OLM_OTHER_SENDER);
}

Test(crypto_olm, a_message_to_somebody_else_is_refused) {
        cr_assert_eq(judge(with("recipient", json_string("@carol:example.org"))), OLM_OTHER_RECIPIENT);
        cr_assert_eq(judge(with("recipient", NULL)), OLM_OTHER_RECIPIENT);
}

Test(crypto_olm, a_message_to_another_device_is_refused) {
        cr_assert_eq(judge(with("recipient_keys", json_pack("{ss}", "ed25519", bob.ed25519))),
                     OLM_OTHER_RECIPIENT_KEY);
        cr_assert_eq(judge(with("recipient_keys", json_object())), OLM_OTHER_RECIPIENT_KEY);
        cr_assert_eq(judge(with("recipient_keys", NULL)), OLM_OTHER_RECIPIENT_KEY);
        cr_assert_eq(judge(with("recipient_keys", json_string(own.ed25519))), OLM_OTHER_RECIPIENT_KEY);
}

Test(crypto_olm, a_message_that_does_not_name_the_key_of_its_device_is_refused) {
        cr_assert_eq(judge(with("keys", NULL)), OLM_NO_SENDER_KEY);
        cr_assert_eq(judge(with("keys", json_pack("{ss}", "ed25519", "short"))), OLM_NO_SENDER_KEY);
}

/* The keys of the sending device as the message brings them, changed and signed again by that device. */
static int judge_device(const char *member, json_t *value, bool sign_again) {
        json_t *keys = json_deep_copy(bob.device_keys);

        cr_assert(keys);
        cr_assert_eq(json_object_set_new(keys, member, value), 0);
        if (sign_again)
                sender_sign(&bob, keys);
        return judge(with("sender_device_keys", keys));
}

static json_t *both_keys(const char *curve25519, const char *ed25519) {
        return json_pack("{ssss}", "curve25519:PHONE", curve25519, "ed25519:PHONE", ed25519);
}

Test(crypto_olm, keys_of_a_device_that_it_has_not_signed_are_refused) {
        cr_assert_eq(judge_device("algorithms", json_array(), /* sign_again= */ true), OLM_ACCEPTED);
        cr_assert_eq(judge_device("algorithms", json_array(), /* sign_again= */ false), OLM_OTHER_DEVICE);
        cr_assert_eq(judge_device("signatures", json_object(), /* sign_again= */ false), OLM_OTHER_DEVICE);
}

Test(crypto_olm, keys_of_a_device_of_another_user_are_refused) {
        struct sender carol;

        sender_make(&carol, "@carol:example.org", "PHONE");
        cr_assert_eq(judge(with("sender_device_keys", json_incref(carol.device_keys))), OLM_OTHER_DEVICE);
        sender_done(&carol);
}

/* Who is entered in what bob's own device has signed is bob. */
Test(crypto_olm, keys_that_name_another_user_are_refused) {
        struct sender as_carol = bob;
        json_t *keys = json_deep_copy(bob.device_keys);

        as_carol.user_id = "@carol:example.org";
        cr_assert_eq(json_object_set_new(keys, "user_id", json_string(as_carol.user_id)), 0);
        sender_sign(&as_carol, keys);
        cr_assert_eq(judge(with("sender_device_keys", keys)), OLM_OTHER_DEVICE);
}

Test(crypto_olm, keys_of_a_device_that_did_not_encrypt_it_are_refused) {
        cr_assert_eq(judge_device("keys", both_keys(own.curve25519, bob.ed25519), /* sign_again= */ true),
                     OLM_OTHER_DEVICE);
}

Test(crypto_olm, keys_of_a_device_other_than_the_one_that_it_names_are_refused) {
        struct sender carol;
        json_t *v;

        sender_make(&carol, bob.user_id, "OTHER");
        v = with("keys", json_pack("{ss}", "ed25519", carol.ed25519));
        cr_assert_eq(judge(v), OLM_OTHER_DEVICE);
        sender_done(&carol);
}

Test(crypto_olm, keys_of_no_shape_are_refused) {
        cr_assert_eq(judge(with("sender_device_keys", json_null())), OLM_OTHER_DEVICE);
        cr_assert_eq(judge(with("sender_device_keys", json_object())), OLM_OTHER_DEVICE);
        cr_assert_eq(judge_device("user_id", json_integer(1), /* sign_again= */ true), OLM_OTHER_DEVICE);
        cr_assert_eq(judge_device("device_id", json_string("OTHER"), /* sign_again= */ true), OLM_OTHER_DEVICE);
        cr_assert_eq(judge_device("keys", json_string("x"), /* sign_again= */ true), OLM_OTHER_DEVICE);
        cr_assert_eq(judge_device("real", json_real(1.5), /* sign_again= */ false), OLM_OTHER_DEVICE);
}
