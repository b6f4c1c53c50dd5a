/* Comparing emoji with the user's phone, which is libolm with the protocol written out here: both show the same, and
 * each thing that is not as it must be ends it before anything is believed. */
#include "crypto/device-stage.h"
#include "matrix/crypto/sas.h"

#include <openssl/evp.h>

#define TXN "0123456789abcdef0123456789abcdef"

static struct sas *s;
static struct own_device self;
static struct crypto_sas *theirs;
static char their_key[CRYPTO_KEY_TEXT], our_key[CRYPTO_KEY_TEXT];
static json_t *start; /* ours */
static const char *partner = "PHONE";

static json_t *keys_shown(void) {
        SCOPED(json_decref) json_t *body = json_pack("{s{s[]}}", "device_keys", ME);

        return query_answer(body);
}

static int make(void) {
        SCOPED(json_decref) json_t *keys = keys_shown();

        return sas_new(&s, &self, keys, TXN, &at);
}

static void begin_sas(void) {
        begin();
        receiver_own_keys(r, &self);
        cr_assert_eq(peer_sas_new(&theirs), 0);
        cr_assert_eq(peer_sas_key(theirs, their_key), 0);
        cr_assert_eq(make(), 0);
}

static void end_sas(void) {
        s = sas_free(s);
        peer_sas_free(theirs);
        json_decref(start);
        end();
}

TestSuite(crypto_sas, .init = begin_sas, .fini = end_sas);

/* What that device gets next, as a new reference; NULL: nothing. */
static json_t *sent_to(const char *device, const char *type) {
        SCOPED(json_decref) json_t *body = NULL;
        struct sas_message m;
        const json_t *content;

        if (!sas_next(s, &m))
                return NULL;
        body = m.body;
        cr_assert_str_eq(m.type, type);
        cr_assert_eq(strncmp(m.txn, TXN, strlen(TXN)), 0);
        content = json_object_get(json_object_get(json_object_get(body, "messages"), ME), device);
        cr_assert(content, "%s not to %s", type, device);
        cr_assert_str_eq(json_member_string(content, "transaction_id"), TXN);
        return json_incref((json_t *) content);
}

static json_t *sent(const char *type) {
        char whole[64];

        (void) snprintf(whole, sizeof(whole), "m.key.verification.%s", type);
        return sent_to(partner, whole);
}

static void drop(const char *type) {
        json_t *v = sent(type);

        cr_assert(v, "no %s", type);
        json_decref(v);
}

static void expect_silence(void) {
        struct sas_message m;

        cr_assert(!sas_next(s, &m), "%s", m.type);
}

static void say_as(const char *sender, const char *txn, const char *type, json_t *content) {
        SCOPED(json_decref) json_t *event = NULL;
        char whole[64];

        (void) snprintf(whole, sizeof(whole), "m.key.verification.%s", type);
        json_object_set_new(content, "transaction_id", json_string(txn));
        event = json_pack("{ss ss so}", "sender", sender, "type", whole, "content", content);
        cr_assert_eq(sas_take(s, event), 0);
}

static void say(const char *type, json_t *content) {
        say_as(ME, TXN, type, content);
}

/* It has come to nothing, and the other side is told why. */
static void expect_refused(const char *code) {
        SCOPED(json_decref) json_t *v = sent("cancel");
        bool by_them;

        cr_assert_eq(sas_phase(s), SAS_OVER);
        cr_assert_str_eq(sas_problem(s, &by_them), code);
        cr_assert(!by_them);
        cr_assert_str_eq(json_member_string(v, "code"), code);
        cr_assert_null(sas_master(s));
        expect_silence();
}

static json_t *ready_of(const char *device) {
        return json_pack("{ss s[ss]}", "from_device", device, "methods", "m.qr_code.show.v1", "m.sas.v1");
}

static void get_ready(void) {
        drop("request");
        say("ready", ready_of(partner));
        json_decref(start);
        start = sent("start");
        cr_assert_eq(sas_phase(s), SAS_STARTED);
}

static void commit_to(const char *for_key, const json_t *what, char ret[64]) {
        SCOPED(free) char *bytes = NULL;
        uint8_t digest[EVP_MAX_MD_SIZE];
        char all[2048];

        cr_assert_eq(signed_json_bytes(what, &bytes), 0);
        cr_assert_lt(snprintf(all, sizeof(all), "%s%s", for_key, bytes), (int) sizeof(all));
        cr_assert_eq(EVP_Digest(all, strlen(all), digest, NULL, EVP_sha256(), NULL), 1);
        (void) EVP_EncodeBlock((uint8_t *) ret, digest, 32);
        ret[43] = '\0';
}

static json_t *acceptance(const char *for_key) {
        char commitment[64];

        commit_to(for_key, start, commitment);
        return json_pack("{ss ss ss ss s[s] ss}", "method", "m.sas.v1", "key_agreement_protocol",
                         "curve25519-hkdf-sha256", "hash", "sha256", "message_authentication_code",
                         "hkdf-hmac-sha256.v2", "short_authentication_string", "emoji", "commitment", commitment);
}

static void take_our_key(void) {
        SCOPED(json_decref) json_t *v = sent("key");

        (void) snprintf(our_key, sizeof(our_key), "%s", json_member_string(v, "key"));
        cr_assert_eq(peer_sas_agree(theirs, our_key), 0);
}

static void accept_it(void) {
        get_ready();
        say("accept", acceptance(their_key));
        take_our_key();
        cr_assert_eq(sas_phase(s), SAS_KEYS);
}

/* Both show something: whether it is the same. */
static bool shows_the_same(bool they_start) {
        char info[1024], ours[256], others[256];
        uint8_t bytes[CRYPTO_SAS_BYTES], shown[SAS_EMOJI];
        unsigned numbers[SAS_NUMBERS];
        bool is_same = true;

        (void) snprintf(ours, sizeof(ours), ME "|" MY_DEVICE "|%s", our_key);
        (void) snprintf(others, sizeof(others), ME "|%s|%s", partner, their_key);
        (void) snprintf(info, sizeof(info), "MATRIX_KEY_VERIFICATION_SAS|%s|%s|" TXN, they_start ? others : ours,
                        they_start ? ours : others);
        cr_assert_eq(peer_sas_bytes(theirs, info, bytes), 0);
        sas_emoji(s, shown);
        sas_numbers(s, numbers);
        for (size_t bit = 0; bit < 42; bit++)
                is_same &= (bytes[bit / 8] >> (7 - bit % 8) & 1) == (shown[bit / 6] >> (5 - bit % 6) & 1);
        for (size_t bit = 0; bit < 39; bit++)
                is_same &= (unsigned) (bytes[bit / 8] >> (7 - bit % 8) & 1) ==
                           ((numbers[bit / 13] - 1000) >> (12 - bit % 13) & 1);
        return is_same;
}

static void swap_keys(void) {
        accept_it();
        say("key", json_pack("{ss}", "key", their_key));
        cr_assert_eq(sas_phase(s), SAS_COMPARE);
        cr_assert(shows_the_same(false));
}

static void mac(const char *by, const char *to, const char *id, const char *text, char ret[CRYPTO_KEY_TEXT]) {
        char info[512];

        (void) snprintf(info, sizeof(info), "MATRIX_KEY_VERIFICATION_MAC" ME "%s" ME "%s" TXN "%s", by, to, id);
        cr_assert_eq(peer_sas_mac(theirs, text, info, ret), 0);
}

static const char *master_key(void) {
        return self.master;
}

/* What the phone vouches for: its key and the identity, each under a name; NULL: left out. */
static json_t *vouching(const char *device_id, const char *device_key, const char *master_id,
                        const char *master_text) {
        json_t *macs = json_object();
        const char *ids[] = { device_id, master_id }, *texts[] = { device_key, master_text };
        char m[CRYPTO_KEY_TEXT], id[128], list[256] = "";

        for (size_t i = 0; i < 2; i++) {
                if (!ids[i])
                        continue;
                (void) snprintf(id, sizeof(id), "ed25519:%s", ids[i]);
                mac(partner, MY_DEVICE, id, texts[i], m);
                json_object_set_new(macs, id, json_string(m));
        }
        if (ids[0] && ids[1])
                (void) snprintf(list, sizeof(list), "ed25519:%s,ed25519:%s",
                                strcmp(ids[0], ids[1]) < 0 ? ids[0] : ids[1],
                                strcmp(ids[0], ids[1]) < 0 ? ids[1] : ids[0]);
        else
                (void) snprintf(list, sizeof(list), "ed25519:%s", ids[0] ? ids[0] : ids[1]);
        mac(partner, MY_DEVICE, "KEY_IDS", list, m);
        return json_pack("{so ss}", "mac", macs, "keys", m);
}

static json_t *right_word(void) {
        return vouching(partner, phone.ed25519, master_key(), master_key());
}

static void expect_our_word(void) {
        SCOPED(json_decref) json_t *v = sent("mac");
        char wanted[CRYPTO_KEY_TEXT];

        mac(MY_DEVICE, partner, "ed25519:" MY_DEVICE, self.ed25519, wanted);
        cr_assert_str_eq(json_member_string(json_object_get(v, "mac"), "ed25519:" MY_DEVICE), wanted);
        cr_assert_eq(json_object_size(json_object_get(v, "mac")), 1);
        mac(MY_DEVICE, partner, "KEY_IDS", "ed25519:" MY_DEVICE, wanted);
        cr_assert_str_eq(json_member_string(v, "keys"), wanted);
}

static void expect_done(void) {
        drop("done");
        cr_assert_null(sas_master(s));
        say("done", json_object());
        cr_assert_eq(sas_phase(s), SAS_DONE);
        cr_assert_str_eq(sas_master(s), master_key());
        cr_assert_eq(sas_age(s, at.now + USEC_PER_HOUR), USEC_NEVER);
        expect_silence();
}

Test(crypto_sas, both_show_the_same_and_then_the_identity_is_known) {
        swap_keys();
        expect_silence();
        cr_assert_eq(sas_answer(s, true), 0);
        expect_our_word();
        expect_silence();
        cr_assert_null(sas_master(s));
        say("mac", right_word());
        expect_done();
}

Test(crypto_sas, the_phone_may_be_the_first_one_to_say_so) {
        swap_keys();
        say("mac", right_word());
        cr_assert_eq(sas_phase(s), SAS_COMPARE);
        cr_assert_null(sas_master(s));
        expect_silence();
        cr_assert_eq(sas_answer(s, true), 0);
        expect_our_word();
        expect_done();
}

static json_t *start_of(const char *device) {
        return json_pack("{ss ss s[ss] s[s] s[ss] s[ss] ss}", "from_device", device, "method", "m.sas.v1",
                         "key_agreement_protocols", "curve25519", "curve25519-hkdf-sha256", "hashes", "sha256",
                         "message_authentication_codes", "hkdf-hmac-sha256", "hkdf-hmac-sha256.v2",
                         "short_authentication_string", "decimal", "emoji", "transaction_id", TXN);
}

Test(crypto_sas, when_both_start_that_of_the_smaller_id_counts) {
        get_ready();
        say("start", start_of("PHONE"));
        cr_assert_eq(sas_phase(s), SAS_STARTED);
        expect_silence();
        say("accept", acceptance(their_key));
        take_our_key();
        say("key", json_pack("{ss}", "key", their_key));
        cr_assert(shows_the_same(false));
}

/* The phone under another id. */
static void rename_phone(const char *id) {
        json_t *device;

        sender_done(&phone);
        sender_make(&phone, ME, id);
        device = json_deep_copy(phone.device_keys);
        sign_by(device, ME, my_signing_seed);
        json_object_del(json_object_get(users, ME), "PHONE");
        put_user(ME, id, device);
        partner = id;
        s = sas_free(s);
        cr_assert_eq(make(), 0);
}

Test(crypto_sas, a_phone_of_a_smaller_id_may_start_itself) {
        SCOPED(json_decref) json_t *their_start = start_of("ANDROID"), *v = NULL;
        char commitment[64];

        rename_phone("ANDROID");
        get_ready();
        say("start", json_incref(their_start));
        cr_assert_eq(sas_phase(s), SAS_KEYS);
        v = sent("accept");
        cr_assert_str_eq(json_member_string(v, "message_authentication_code"), "hkdf-hmac-sha256.v2");
        expect_silence();
        say("key", json_pack("{ss}", "key", their_key));
        take_our_key();
        commit_to(our_key, their_start, commitment);
        cr_assert_str_eq(json_member_string(v, "commitment"), commitment);
        cr_assert_eq(sas_phase(s), SAS_COMPARE);
        cr_assert(shows_the_same(true));
        cr_assert_eq(sas_answer(s, true), 0);
        expect_our_word();
        say("mac", right_word());
        expect_done();
}

/* ---- whom is listened to ---- */

Test(crypto_sas, only_devices_that_the_identity_signs_are_asked_and_heard) {
        struct sender tablet;
        struct sas_message m;

        sender_make(&tablet, ME, "TABLET");
        put_user(ME, "TABLET", json_incref(tablet.device_keys));
        s = sas_free(s);
        cr_assert_eq(make(), 0);
        cr_assert(sas_next(s, &m));
        cr_assert_eq(json_object_size(json_object_get(json_object_get(m.body, "messages"), ME)), 1);
        json_decref(m.body);
        say("ready", ready_of("TABLET"));
        say("ready", ready_of("NOBODY"));
        say("ready", ready_of(MY_DEVICE));
        say("start", start_of("TABLET"));
        say_as(BOB, TXN, "ready", ready_of("PHONE"));
        say_as(ME, "another", "ready", ready_of("PHONE"));
        cr_assert_eq(sas_phase(s), SAS_ASKED);
        expect_silence();
        sender_done(&tablet);
}

Test(crypto_sas, nobody_to_ask_is_said_at_once) {
        s = sas_free(s);
        json_object_del(json_object_get(users, ME), "PHONE");
        cr_assert_eq(make(), -ENOKEY);
}

Test(crypto_sas, a_device_under_another_ones_name_is_not_asked) {
        json_t *devices = json_object_get(users, ME);

        s = sas_free(s);
        json_object_set(devices, "TABLET", json_object_get(devices, "PHONE"));
        json_object_del(devices, "PHONE");
        cr_assert_eq(make(), -ENOKEY);
}

Test(crypto_sas, who_did_not_sign_is_no_identity) {
        SCOPED(json_decref) json_t *keys = keys_shown();
        SCOPED(json_decref) json_t *other = identity_key(ME, reset_seed);

        s = sas_free(s);
        json_object_set(json_object_get(keys, "master_keys"), ME, other);
        cr_assert_eq(sas_new(&s, &self, keys, TXN, &at), -ENOKEY);
        json_object_clear(json_object_get(keys, "master_keys"));
        cr_assert_eq(sas_new(&s, &self, keys, TXN, &at), -ENOKEY);
}

static void add_laptop(struct sender *laptop) {
        json_t *device;

        sender_make(laptop, ME, "LAPTOP");
        device = json_deep_copy(laptop->device_keys);
        sign_by(device, ME, my_signing_seed);
        put_user(ME, "LAPTOP", device);
        s = sas_free(s);
        cr_assert_eq(make(), 0);
}

Test(crypto_sas, once_one_has_answered_the_others_need_not) {
        SCOPED(json_decref) json_t *v = NULL;
        struct sender laptop;

        add_laptop(&laptop);
        drop("request");
        say("ready", ready_of("PHONE"));
        v = sent_to("LAPTOP", "m.key.verification.cancel");
        cr_assert_str_eq(json_member_string(v, "code"), "m.accepted");
        say("ready", ready_of("LAPTOP"));
        say("start", start_of("LAPTOP"));
        cr_assert_eq(sas_phase(s), SAS_STARTED);
        drop("start");
        expect_silence();
        sender_done(&laptop);
}

/* ---- refusals ---- */

Test(crypto_sas, a_key_that_was_not_committed_to_is_refused) {
        struct crypto_sas *other;
        char key_text[CRYPTO_KEY_TEXT];

        accept_it();
        cr_assert_eq(peer_sas_new(&other), 0);
        cr_assert_eq(peer_sas_key(other, key_text), 0);
        peer_sas_free(other);
        say("key", json_pack("{ss}", "key", key_text));
        expect_refused("m.mismatched_commitment");
}

Test(crypto_sas, other_emoji_end_it) {
        swap_keys();
        cr_assert_eq(sas_answer(s, false), 0);
        expect_refused("m.mismatched_sas");
}

/* Whatever is not vouched for as it must be, before or after the user has answered. */
static void expect_no_proof(json_t *word, bool first) {
        if (!first) {
                cr_assert_eq(sas_answer(s, true), 0);
                drop("mac");
        }
        say("mac", word);
        expect_refused("m.key_mismatch");
}

Test(crypto_sas, another_key_of_the_phone_is_no_proof) {
        swap_keys();
        expect_no_proof(vouching("PHONE", bob.ed25519, master_key(), master_key()), false);
}

Test(crypto_sas, another_key_of_the_phone_is_no_proof_before_the_user_answers) {
        swap_keys();
        expect_no_proof(vouching("PHONE", bob.ed25519, master_key(), master_key()), true);
}

Test(crypto_sas, another_identity_is_no_proof) {
        swap_keys();
        expect_no_proof(vouching("PHONE", phone.ed25519, bob.ed25519, bob.ed25519), false);
}

Test(crypto_sas, another_identity_under_the_name_of_the_shown_one_is_no_proof) {
        swap_keys();
        expect_no_proof(vouching("PHONE", phone.ed25519, master_key(), bob.ed25519), false);
}

Test(crypto_sas, without_a_word_for_the_identity_there_is_no_proof) {
        swap_keys();
        expect_no_proof(vouching("PHONE", phone.ed25519, NULL, NULL), false);
}

Test(crypto_sas, without_a_word_for_the_phone_there_is_no_proof) {
        swap_keys();
        expect_no_proof(vouching(NULL, NULL, master_key(), master_key()), false);
}

Test(crypto_sas, a_list_that_is_not_theirs_is_no_proof) {
        json_t *word;

        swap_keys();
        word = right_word();
        json_object_set_new(json_object_get(word, "mac"), "ed25519:MORE", json_string(their_key));
        expect_no_proof(word, false);
}

Test(crypto_sas, a_word_without_its_list_is_no_proof) {
        json_t *word;

        swap_keys();
        word = right_word();
        json_object_del(word, "keys");
        expect_no_proof(word, false);
}

Test(crypto_sas, more_keys_than_anybody_has_are_no_proof) {
        json_t *word;
        char id[32];

        swap_keys();
        word = right_word();
        for (int i = 0; i < 100; i++) {
                (void) snprintf(id, sizeof(id), "ed25519:%d", i);
                json_object_set_new(json_object_get(word, "mac"), id, json_string(their_key));
        }
        expect_no_proof(word, false);
}

Test(crypto_sas, our_own_word_come_back_is_no_proof) {
        json_t *word;

        swap_keys();
        cr_assert_eq(sas_answer(s, true), 0);
        word = sent("mac");
        say("mac", word);
        expect_refused("m.key_mismatch");
}

Test(crypto_sas, a_word_without_macs_is_no_message) {
        swap_keys();
        say("mac", json_object());
        expect_refused("m.invalid_message");
}

/* ---- out of turn ---- */

Test(crypto_sas, an_acceptance_before_anybody_is_ready_ends_it) {
        drop("request");
        say("accept", json_object());
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, a_start_before_it_is_ready_ends_it) {
        drop("request");
        say("start", start_of("PHONE"));
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, ready_twice_ends_it) {
        get_ready();
        say("ready", ready_of("PHONE"));
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, a_key_before_the_acceptance_ends_it) {
        get_ready();
        say("key", json_pack("{ss}", "key", their_key));
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, an_acceptance_twice_ends_it) {
        accept_it();
        say("accept", acceptance(their_key));
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, a_start_after_the_acceptance_ends_it) {
        accept_it();
        say("start", start_of("PHONE"));
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, a_proof_before_the_key_ends_it) {
        accept_it();
        say("mac", right_word());
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, a_second_key_ends_it) {
        swap_keys();
        say("key", json_pack("{ss}", "key", their_key));
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, a_second_proof_ends_it) {
        swap_keys();
        say("mac", right_word());
        say("mac", right_word());
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, done_before_the_user_has_answered_ends_it) {
        swap_keys();
        say("mac", right_word());
        say("done", json_object());
        expect_refused("m.unexpected_message");
}

Test(crypto_sas, done_without_a_proof_ends_it) {
        swap_keys();
        cr_assert_eq(sas_answer(s, true), 0);
        drop("mac");
        say("done", json_object());
        expect_refused("m.unexpected_message");
}

/* ---- what is said in another way ---- */

Test(crypto_sas, who_does_not_know_emoji_cannot_do_it) {
        drop("request");
        say("ready", json_pack("{ss s[s]}", "from_device", "PHONE", "methods", "m.qr_code.scan.v1"));
        expect_refused("m.unknown_method");
}

Test(crypto_sas, another_way_of_each_kind_is_refused) {
        static const char *const members[] = { "key_agreement_protocol", "hash", "message_authentication_code" };

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                json_t *v;

                get_ready();
                v = acceptance(their_key);
                json_object_set_new(v, members[i], json_string("md5"));
                say("accept", v);
                expect_refused("m.unknown_method");
                s = sas_free(s);
                cr_assert_eq(make(), 0);
        }
        get_ready();
        say("accept",
            json_pack("{ss ss ss ss s[s] ss}", "method", "m.sas.v1", "key_agreement_protocol",
                      "curve25519-hkdf-sha256", "hash", "sha256", "message_authentication_code", "hkdf-hmac-sha256.v2",
                      "short_authentication_string", "smell", "commitment", their_key));
        expect_refused("m.unknown_method");
}

Test(crypto_sas, a_start_of_another_way_is_refused) {
        static const char *const members[] = { "key_agreement_protocols", "hashes", "message_authentication_codes",
                                               "short_authentication_string" };

        rename_phone("ANDROID");
        for (size_t i = 0; i <= ARRAY_SIZE(members); i++) {
                json_t *v = start_of("ANDROID");

                if (i < ARRAY_SIZE(members))
                        json_object_set_new(v, members[i], json_pack("[s]", "md5"));
                else
                        json_object_set_new(v, "method", json_string("m.reciprocate.v1"));
                get_ready();
                say("start", v);
                expect_refused("m.unknown_method");
                s = sas_free(s);
                cr_assert_eq(make(), 0);
        }
}

Test(crypto_sas, a_start_that_cannot_be_signed_is_no_message) {
        json_t *v = start_of("ANDROID");

        rename_phone("ANDROID");
        get_ready();
        json_object_set_new(v, "x", json_real(1.5));
        say("start", v);
        expect_refused("m.invalid_message");
}

Test(crypto_sas, without_a_commitment_it_is_no_message) {
        json_t *v;

        get_ready();
        v = acceptance(their_key);
        json_object_del(v, "commitment");
        say("accept", v);
        expect_refused("m.invalid_message");
}

/* Also those with which everybody would have the same secret. */
Test(crypto_sas, what_is_no_key_is_refused) {
        static const char *const wrong[] = { "", "abc", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
                                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                             "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                get_ready();
                say("accept", acceptance(wrong[i]));
                drop("key");
                say("key", json_pack("{ss}", "key", wrong[i]));
                expect_refused("m.invalid_message");
                s = sas_free(s);
                cr_assert_eq(make(), 0);
        }
}

/* ---- how it ends otherwise ---- */

Test(crypto_sas, when_the_phone_ends_it_nothing_more_is_said) {
        bool by_them;

        swap_keys();
        cr_assert_eq(sas_answer(s, true), 0);
        say("cancel", json_pack("{ss ss}", "code", "m.mismatched_sas", "reason", "x"));
        cr_assert_eq(sas_phase(s), SAS_OVER);
        cr_assert_str_eq(sas_problem(s, &by_them), "m.mismatched_sas");
        cr_assert(by_them);
        expect_silence();
        say("mac", right_word());
        say("done", json_object());
        cr_assert_eq(sas_answer(s, true), 0);
        cr_assert_eq(sas_cancel(s, "m.user"), 0);
        cr_assert_null(sas_master(s));
        cr_assert_eq(sas_phase(s), SAS_OVER);
        expect_silence();
}

Test(crypto_sas, the_user_can_end_it_at_any_time) {
        drop("request");
        cr_assert_eq(sas_cancel(s, "m.user"), 0);
        expect_refused("m.user");
}

Test(crypto_sas, nobody_answers) {
        drop("request");
        cr_assert_eq(sas_age(s, at.now), at.now + SAS_ANSWER_MAX);
        cr_assert_eq(sas_age(s, at.now + SAS_ANSWER_MAX - 1), at.now + SAS_ANSWER_MAX);
        cr_assert_eq(sas_age(s, at.now + SAS_ANSWER_MAX), USEC_NEVER);
        expect_refused("m.timeout");
}

Test(crypto_sas, it_takes_too_long) {
        swap_keys();
        cr_assert_eq(sas_age(s, at.now + SAS_ANSWER_MAX), at.now + SAS_MAX);
        cr_assert_eq(sas_phase(s), SAS_COMPARE);
        cr_assert_eq(sas_age(s, at.now + SAS_MAX), USEC_NEVER);
        expect_refused("m.timeout");
}

Test(crypto_sas, what_is_no_message_of_this_is_ignored) {
        static const char *const texts[] = { "null",
                                             "[]",
                                             "{}",
                                             "{\"type\":\"m.key.verification.ready\"}",
                                             "{\"type\":\"m.room.encrypted\",\"sender\":\"" ME
                                             "\",\"content\":{\"transaction_id\":\"" TXN "\"}}",
                                             "{\"type\":\"m.key.verification.\",\"sender\":\"" ME
                                             "\",\"content\":{\"transaction_id\":\"" TXN "\"}}",
                                             "{\"type\":\"m.key.verification.ready\",\"sender\":\"" ME
                                             "\",\"content\":[\"" TXN "\"]}" };

        drop("request");
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                SCOPED(json_decref) json_t *v = json_loads(texts[i], JSON_DECODE_ANY, NULL);

                cr_assert_eq(sas_take(s, v), 0);
        }
        cr_assert_eq(sas_phase(s), SAS_ASKED);
        expect_silence();
}
