/* What is remembered of others, and how much of it: repeats, withheld keys, identities. And
 * what is signed. */
#include <criterion/criterion.h>
#include <errno.h>

#include "crypto/sender.h"
#include "json/json.h"
#include "matrix/crypto/heal.h"
#include "matrix/crypto/healer.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/repeats.h"
#include "matrix/crypto/signed.h"
#include "matrix/crypto/withheld.h"

/* ---- canonical JSON; the first ones are the specification's examples ---- */

Test(crypto_signed, bytes_are_those_of_canonical_json) {
        static const struct row {
                const char *json, *bytes;
        } rows[] = {
                { "{}", "{}" },
                { "{\"one\": 1, \"two\": \"Two\"}", "{\"one\":1,\"two\":\"Two\"}" },
                { "{\"b\": \"2\", \"a\": \"1\"}", "{\"a\":\"1\",\"b\":\"2\"}" },
                { "{\"auth\":{\"success\":true,\"mxid\":\"@john.doe:example.com\",\"profile\":{\"display_name\":"
                  "\"John "
                  "Doe\",\"three_pids\":[{\"medium\":\"email\",\"address\":\"john.doe@example.org\"},{\"medium\":"
                  "\"msisdn\",\"address\":\"123456789\"}]}}}",
                  "{\"auth\":{\"mxid\":\"@john.doe:example.com\",\"profile\":{\"display_name\":\"John "
                  "Doe\",\"three_pids\":[{\"address\":\"john.doe@example.org\",\"medium\":\"email\"},{\"address\":"
                  "\"123456789\",\"medium\":\"msisdn\"}]},\"success\":true}}" },
                { "{\"a\": \"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\"}",
                  "{\"a\":\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\"}" },
                { "{\"\xe6\x9c\xac\": 2, \"\xe6\x97\xa5\": 1}", "{\"\xe6\x97\xa5\":1,\"\xe6\x9c\xac\":2}" },
                { "{\"a\": \"\\u65E5\"}", "{\"a\":\"\xe6\x97\xa5\"}" },
                { "{\"a\": null}", "{\"a\":null}" },
                { "{\"a\": \"\\u0001\\n/\\\"\\\\\"}", "{\"a\":\"\\u0001\\n/\\\"\\\\\"}" },
                { "{\"z\": 1, \"unsigned\": {\"a\": 1}, \"signatures\": {}}", "{\"z\":1}" },
                { "{\"in\": {\"unsigned\": 1}}", "{\"in\":{\"unsigned\":1}}" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(json_decref) json_t *v = json_loads(rows[i].json, 0, NULL);
                SCOPED(free) char *bytes = NULL;

                cr_assert_eq(signed_json_bytes(v, &bytes), 0);
                cr_assert_str_eq(bytes, rows[i].bytes);
        }
}

Test(crypto_signed, what_canonical_json_cannot_hold_is_refused) {
        static const char *const rows[] = { "[]", "{\"a\": 1.5}", "{\"a\": [{\"b\": 1e3}]}",
                                            "{\"a\": 9007199254740992}", "{\"a\": -9007199254740992}" };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(json_decref) json_t *v = json_loads(rows[i], 0, NULL);
                char *bytes;

                cr_assert_eq(signed_json_bytes(v, &bytes), -EBADMSG, "%s", rows[i]);
        }
}

Test(crypto_signed, what_is_deeper_than_anything_that_comes_is_refused) {
        SCOPED(json_decref) json_t *v = json_object();
        char *bytes;

        for (int i = 0; i <= JSON_DEPTH_MAX; i++)
                v = json_pack("{so}", "a", v);
        cr_assert_eq(signed_json_bytes(v, &bytes), -EBADMSG);
}

Test(crypto_signed, signatures_lie_beside_each_other) {
        SCOPED(json_decref) json_t *v = json_pack("{si}", "a", 1);

        cr_assert_eq(signed_json_add(v, "@a:b", "ONE", "x"), 0);
        cr_assert_eq(signed_json_add(v, "@a:b", "TWO", "y"), 0);
        cr_assert_eq(signed_json_add(v, "@c:d", "ONE", "z"), 0);
        cr_assert_str_eq(
                json_member_string(json_member_object(json_member_object(v, "signatures"), "@a:b"), "ed25519:TWO"),
                "y");
        cr_assert_eq(json_object_size(json_member_object(v, "signatures")), 2);
}

Test(crypto_signed, a_signature_is_as_long_as_signatures_are) {
        const uint8_t seed[CRYPTO_SECRET_BYTES] = { 5 };
        char key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT], longer[CRYPTO_SIGNATURE_TEXT + 4];

        cr_assert_eq(crypto_seed_public(seed, key), 0);
        cr_assert_eq(crypto_seed_sign(seed, "{}", 2, signature), 0);
        cr_assert_eq(crypto_verify(key, "{}", 2, signature), 0);
        cr_assert_eq(crypto_verify(key, "[]", 2, signature), -EBADMSG);
        (void) snprintf(longer, sizeof(longer), "%sAAAA", signature);
        cr_assert_eq(crypto_verify(key, "{}", 2, longer), -EBADMSG);
        signature[CRYPTO_SIGNATURE_TEXT - 5] = '\0';
        cr_assert_eq(crypto_verify(key, "{}", 2, signature), -EBADMSG);
        cr_assert_eq(crypto_verify("AAAA", "{}", 2, signature), -EBADMSG);
}

/* ---- repeats ---- */

static const struct digest *digest(const char *text) {
        static struct digest d;

        cr_assert_eq(digest_of(text, &d), 0);
        return &d;
}

Test(crypto_repeats, the_last_messages_are_known_and_older_ones_forgotten) {
        static struct repeats r;
        char text[32];

        cr_assert_null(repeats_at(&r, 0));
        cr_assert_not(repeats_has(&r, digest("0")));
        for (int i = 0; i < REPEATS_MAX + 10; i++) {
                (void) snprintf(text, sizeof(text), "%d", i);
                repeats_put(&r, digest(text));
                cr_assert(repeats_has(&r, digest(text)));
        }
        cr_assert_not(repeats_has(&r, digest("9")));
        cr_assert(repeats_has(&r, digest("10")));
        cr_assert(repeats_at(&r, REPEATS_MAX - 1));
        cr_assert_null(repeats_at(&r, REPEATS_MAX));
}

Test(crypto_repeats, they_come_back_from_storage_in_their_order) {
        static struct repeats r, again;
        char text[32];

        for (int i = 0; i < REPEATS_MAX + 3; i++) {
                (void) snprintf(text, sizeof(text), "%d", i);
                repeats_put(&r, digest(text));
        }
        for (size_t i = 0; repeats_at(&r, i); i++)
                repeats_put(&again, repeats_at(&r, i));
        repeats_put(&again, digest("new"));
        cr_assert_not(repeats_has(&again, digest("3")), "the oldest one went");
        cr_assert(repeats_has(&again, digest("4")));
}

/* ---- withheld ---- */

static int withhold(struct withheld *w, const char *user_id, const char *code, const char *room_id,
                    const char *session_id, enum withheld_code *ret) {
        SCOPED(json_decref)
        json_t *v = json_pack("{ss* ss* ss*}", "code", code, "room_id", room_id, "session_id", session_id);

        cr_assert(v);
        return withheld_take(w, user_id, v, ret);
}

Test(crypto_withheld, a_code_is_kept_until_the_key_comes) {
        SCOPED(withheld_free) struct withheld *w = NULL;
        enum withheld_code code;

        cr_assert_eq(withheld_new(&w), 0);
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", "!a:x", "S", &code), 1);
        cr_assert_eq(code, WITHHELD_UNVERIFIED);
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", "!a:x", "S", &code), 0);
        cr_assert_eq(withhold(w, "@b:x", "m.blacklisted", "!a:x", "S", &code), 1);
        cr_assert_eq(code, WITHHELD_BLACKLISTED);
        cr_assert_eq(withheld_users(w), 1);
        cr_assert_eq(withhold(w, "@c:x", "what.ever", "!a:x", "T", &code), 1);
        cr_assert_eq(code, WITHHELD_OTHER);
        cr_assert_eq(withheld_users(w), 2);
        withheld_came(w, "!b:x", "S");
        cr_assert_eq(withheld_users(w), 2, "of another room");
        withheld_came(w, "!a:x", "S");
        cr_assert_eq(withheld_users(w), 1);
        cr_assert_eq(withhold(w, "@c:x", "what.ever", "!a:x", "T", &code), 0);
}

Test(crypto_withheld, no_olm_is_of_no_room) {
        SCOPED(withheld_free) struct withheld *w = NULL;
        enum withheld_code code;

        cr_assert_eq(withheld_new(&w), 0);
        cr_assert_eq(withhold(w, "@b:x", "m.no_olm", NULL, NULL, &code), 1);
        cr_assert_eq(code, WITHHELD_NO_OLM);
        cr_assert_eq(withheld_users(w), 1);
}

Test(crypto_withheld, what_says_nothing_is_refused_and_the_table_has_an_end) {
        SCOPED(withheld_free) struct withheld *w = NULL;
        enum withheld_code code;
        char session[32], name[257] = { 0 };

        cr_assert_eq(withheld_new(&w), 0);
        cr_assert_eq(withhold(w, "@b:x", NULL, "!a:x", "S", &code), -EBADMSG);
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", NULL, "S", &code), -EBADMSG);
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", "!a:x", NULL, &code), -EBADMSG);
        memset(name, 'a', sizeof(name) - 1);
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", name, "S", &code), -EBADMSG);
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", "!a:x", name, &code), -EBADMSG);
        for (int i = 0; i < WITHHELD_MAX + 1; i++) {
                (void) snprintf(session, sizeof(session), "%d", i);
                cr_assert_eq(withhold(w, "@b:x", "m.unverified", "!a:x", session, &code), 1);
        }
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", "!a:x", "1", &code), 0);
        cr_assert_eq(withhold(w, "@b:x", "m.unverified", "!a:x", "0", &code), 1);
}

/* ---- healing ---- */

static size_t n_broken(struct heal *h) {
        struct heal_device d;
        size_t n = 0;

        for (; heal_next(h, &d); n++)
                heal_done(h, &d, 0);
        return n;
}

Test(crypto_heal, so_many_wait_and_the_one_that_has_waited_longest_makes_room) {
        SCOPED(heal_free) struct heal *h = NULL;
        struct heal_device d;
        char key[CRYPTO_KEY_TEXT];

        cr_assert_eq(heal_new(&h), 0);
        for (int i = 0; i < HEAL_MAX + 1; i++) {
                (void) snprintf(key, sizeof(key), "%043d", i);
                cr_assert_eq(heal_want(h, "@b:x", key, 0), 0);
        }
        (void) snprintf(key, sizeof(key), "%043d", 1);
        cr_assert_eq(heal_next(h, &d), 1);
        cr_assert_str_eq(d.sender_key, key);
        cr_assert_eq(n_broken(h), HEAL_MAX);
}

/* A key that bob's device has signed, as a server gives it away under that name. */
static int claims(const char *name) {
        json_t *v = json_pack("{ss}", "key", "anything"), *answer;
        struct device_keys k;
        struct sender s;
        const char *key;
        int r;

        sender_make(&s, "@bob:example.org", "PHONE");
        sender_sign(&s, v);
        answer = json_pack("{s{s{s{so}}}}", "one_time_keys", s.user_id, s.device_id, name, v);
        cr_assert_eq(device_keys_read(s.device_keys, &k), 0);
        r = healer_claimed(answer, &k, &key);
        json_decref(answer);
        sender_done(&s);
        return r;
}

Test(crypto_heal, a_key_of_another_kind_begins_nothing) {
        cr_assert_eq(claims("signed_curve25519:AAAAAQ"), 0);
        cr_assert_eq(claims("curve25519:AAAAAQ"), -EBADMSG);
}

Test(crypto_heal, what_is_no_key_has_no_device) {
        SCOPED(heal_free) struct heal *h = NULL;

        cr_assert_eq(heal_new(&h), 0);
        cr_assert_eq(heal_want(h, "@b:x", "short", 0), 0);
        cr_assert_eq(n_broken(h), 0);
}

/* ---- identities ---- */

static const uint8_t master_seed[CRYPTO_SECRET_BYTES] = { 1 }, signing_seed[CRYPTO_SECRET_BYTES] = { 2 },
                     other_seed[CRYPTO_SECRET_BYTES] = { 3 };
static char master[CRYPTO_KEY_TEXT], self_signing[CRYPTO_KEY_TEXT], other_master[CRYPTO_KEY_TEXT];
static struct sender bob;
static struct identities *ids;

static void begin(void) {
        cr_assert_eq(crypto_seed_public(master_seed, master), 0);
        cr_assert_eq(crypto_seed_public(signing_seed, self_signing), 0);
        cr_assert_eq(crypto_seed_public(other_seed, other_master), 0);
        sender_make(&bob, "@bob:example.org", "PHONE");
        cr_assert_eq(identities_new(&ids, ME), 0);
}

static void end(void) {
        identities_free(ids);
        sender_done(&bob);
}

TestSuite(crypto_identities, .init = begin, .fini = end);

static void sign_by(json_t *object, const char *user_id, const uint8_t seed[CRYPTO_SECRET_BYTES]) {
        SCOPED(free) char *bytes = NULL;
        char key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT];

        cr_assert_eq(signed_json_bytes(object, &bytes), 0);
        cr_assert_eq(crypto_seed_public(seed, key), 0);
        cr_assert_eq(crypto_seed_sign(seed, bytes, strlen(bytes), signature), 0);
        cr_assert_eq(signed_json_add(object, user_id, key, signature), 0);
}

static json_t *identity_key(const char *user_id, const char *key) {
        char name[64];

        (void) snprintf(name, sizeof(name), "ed25519:%s", key);
        return json_pack("{ss s[] s{ss}}", "user_id", user_id, "usage", "keys", name, key);
}

/* The identity of a user as the server shows it, in the members of an answer. */
static json_t *identity_answer(const char *user_id, const uint8_t of_master[CRYPTO_SECRET_BYTES],
                               const uint8_t signs_self_signing[CRYPTO_SECRET_BYTES]) {
        json_t *signing = identity_key(user_id, self_signing);
        char key[CRYPTO_KEY_TEXT];

        sign_by(signing, user_id, signs_self_signing);
        cr_assert_eq(crypto_seed_public(of_master, key), 0);
        return json_pack("{s{s{}} s{so} s{so}}", "device_keys", user_id, "master_keys", user_id,
                         identity_key(user_id, key), "self_signing_keys", user_id, signing);
}

/* It is believed. */
static bool shows_self_signing(const char *user_id, const uint8_t seed[CRYPTO_SECRET_BYTES]) {
        SCOPED(json_decref) json_t *answer = identity_answer(user_id, seed, seed);

        cr_assert_eq(identities_take(ids, answer, user_id), 0);
        return identities_self_signing(ids, user_id);
}

/* What the server says of bob, his device signed by his identity. */
static json_t *answer_of(const uint8_t of_master[CRYPTO_SECRET_BYTES],
                         const uint8_t signs_self_signing[CRYPTO_SECRET_BYTES]) {
        json_t *device = json_deep_copy(bob.device_keys),
               *answer = identity_answer(bob.user_id, of_master, signs_self_signing);

        sign_by(device, bob.user_id, signing_seed);
        json_object_set_new(json_object_get(json_object_get(answer, "device_keys"), bob.user_id), bob.device_id,
                            device);
        return answer;
}

static bool is_signed_after(json_t *answer) {
        struct device_keys k;

        cr_assert_eq(identities_take(ids, answer, bob.user_id), 0);
        json_decref(answer);
        cr_assert_eq(identities_find(ids, bob.user_id, bob.curve25519, bob.ed25519, &k), 1);
        cr_assert_str_eq(k.device_id, bob.device_id);
        return identities_sign(ids, &k);
}

Test(crypto_identities, a_device_that_its_identity_signs_is_signed) {
        struct device_keys k;

        cr_assert_eq(identities_find(ids, bob.user_id, bob.curve25519, bob.ed25519, &k), -ENOENT);
        cr_assert(is_signed_after(answer_of(master_seed, master_seed)));
        cr_assert_eq(identities_find(ids, bob.user_id, bob.ed25519, bob.ed25519, &k), 0);
        cr_assert_str_eq(identities_self_signing(ids, bob.user_id), self_signing);
}

Test(crypto_identities, a_signature_by_keys_that_the_master_key_does_not_sign_is_none) {
        cr_assert_not(is_signed_after(answer_of(master_seed, other_seed)));
}

Test(crypto_identities, another_master_key_than_the_pinned_one_signs_nothing) {
        cr_assert(is_signed_after(answer_of(master_seed, master_seed)));
        cr_assert_not(is_signed_after(answer_of(other_seed, other_seed)));
        cr_assert_null(identities_self_signing(ids, bob.user_id));
        cr_assert_not(is_signed_after(answer_of(other_seed, master_seed)), "beside what the pinned one has signed");
        cr_assert(is_signed_after(answer_of(master_seed, master_seed)));
        cr_assert_eq(identities_pin(ids, bob.user_id, other_master), 0);
        cr_assert_not(identities_know(ids, bob.user_id), "what was known is the former identity's");
        cr_assert(is_signed_after(answer_of(other_seed, other_seed)));
        cr_assert_not(is_signed_after(answer_of(master_seed, master_seed)));
}

Test(crypto_identities, an_identity_that_is_gone_signs_nothing) {
        json_t *answer = answer_of(master_seed, master_seed);

        cr_assert(is_signed_after(json_incref(answer)));
        cr_assert_eq(json_object_del(answer, "master_keys"), 0);
        cr_assert_not(is_signed_after(answer));
}

Test(crypto_identities, a_key_of_an_identity_under_another_name_is_none) {
        json_t *answer = answer_of(master_seed, master_seed);

        cr_assert_eq(json_object_set_new(json_object_get(answer, "master_keys"), bob.user_id,
                                         identity_key("@carol:example.org", master)),
                     0);
        cr_assert_not(is_signed_after(answer));
}

Test(crypto_identities, a_device_under_another_name_or_user_is_none) {
        json_t *answer = answer_of(master_seed, master_seed);
        json_t *devices = json_object_get(answer, "device_keys");
        struct device_keys k;
        struct sender carol;

        sender_make(&carol, "@carol:example.org", "PHONE");
        cr_assert_eq(json_object_set_new(devices, bob.user_id,
                                         json_pack("{sO sO}", "OTHER", bob.device_keys, "PHONE", carol.device_keys)),
                     0);
        cr_assert_eq(identities_take(ids, answer, bob.user_id), 0);
        cr_assert_eq(identities_find(ids, bob.user_id, bob.curve25519, bob.ed25519, &k), 0);
        cr_assert_eq(identities_find(ids, bob.user_id, carol.curve25519, carol.ed25519, &k), 0);
        json_decref(answer);
        sender_done(&carol);
}

/* Whoever writes what the server says has it not signed by that device. */
Test(crypto_identities, a_device_that_has_not_signed_its_keys_is_none) {
        json_t *answer = answer_of(master_seed, master_seed);
        json_t *devices = json_object_get(json_object_get(answer, "device_keys"), bob.user_id);
        struct device_keys k;

        json_object_set_new(json_object_get(devices, bob.device_id), "algorithms", json_array());
        cr_assert_eq(identities_take(ids, answer, bob.user_id), 0);
        cr_assert_eq(identities_find(ids, bob.user_id, bob.curve25519, bob.ed25519, &k), 0);
        json_decref(answer);
}

Test(crypto_identities, a_device_has_both_of_the_keys_or_is_another_one) {
        SCOPED(json_decref) json_t *answer = answer_of(master_seed, master_seed);
        struct device_keys k;

        cr_assert_eq(identities_take(ids, answer, bob.user_id), 0);
        cr_assert_eq(identities_find(ids, bob.user_id, bob.curve25519, NULL, &k), 1);
        cr_assert_eq(identities_find(ids, bob.user_id, bob.curve25519, master, &k), 0);
        cr_assert_eq(identities_find(ids, bob.user_id, master, bob.ed25519, &k), 0);
}

Test(crypto_identities, a_device_of_another_shape_is_none) {
        char id[257] = { 0 }, padded[CRYPTO_KEY_TEXT + 1];
        struct device_keys k;
        struct sender other;

        memset(id, 'D', sizeof(id) - 1);
        sender_make(&other, bob.user_id, id);
        cr_assert_eq(device_keys_read(other.device_keys, &k), -EBADMSG, "a longer name than devices have");
        sender_done(&other);
        (void) snprintf(padded, sizeof(padded), "%s=", bob.curve25519);
        json_object_set_new(json_object_get(bob.device_keys, "keys"), "curve25519:PHONE", json_string(padded));
        sender_sign(&bob, bob.device_keys);
        cr_assert_eq(device_keys_read(bob.device_keys, &k), -EBADMSG, "a longer key");
}

Test(crypto_identities, a_user_has_so_many_devices_and_no_more) {
        json_t *devices = json_object(), *answer;
        char ids_of[IDENTITY_DEVICES_MAX + 1][16];
        struct device_keys k;
        struct sender s = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(ids_of); i++) {
                sender_done(&s);
                (void) snprintf(ids_of[i], sizeof(ids_of[i]), "D%zu", i);
                sender_make(&s, bob.user_id, ids_of[i]);
                json_object_set(devices, ids_of[i], s.device_keys);
        }
        answer = json_pack("{s{so}}", "device_keys", bob.user_id, devices);
        cr_assert_eq(identities_take(ids, answer, bob.user_id), 0);
        cr_assert_eq(identities_find(ids, bob.user_id, s.curve25519, s.ed25519, &k), 0);
        json_decref(answer);
        sender_done(&s);
}

/* `keys` takes the place of those of the master key. */
static bool is_signed_with_master_keys(json_t *keys) {
        json_t *answer = answer_of(master_seed, master_seed);

        cr_assert_eq(json_object_set_new(json_object_get(json_object_get(answer, "master_keys"), bob.user_id), "keys",
                                         keys),
                     0);
        return is_signed_after(answer);
}

Test(crypto_identities, a_key_of_an_identity_is_one_under_its_own_name) {
        char name[64], padded[CRYPTO_KEY_TEXT + 1];

        (void) snprintf(name, sizeof(name), "ed25519:%s", master);
        cr_assert_not(is_signed_with_master_keys(json_pack("{ss ss}", name, master, "ed25519:other", other_master)));
        cr_assert_not(is_signed_with_master_keys(json_pack("{ss}", "ed25519:other", master)));
        cr_assert_not(is_signed_with_master_keys(json_pack("{ss}", name, other_master)));
        name[0] = 'E';
        cr_assert_not(is_signed_with_master_keys(json_pack("{ss}", name, master)));
        (void) snprintf(padded, sizeof(padded), "%s=", master);
        (void) snprintf(name, sizeof(name), "ed25519:%s", padded);
        cr_assert_not(is_signed_with_master_keys(json_pack("{ss}", name, padded)));
        cr_assert(is_signed_after(answer_of(master_seed, master_seed)), "none of them was pinned");
}

Test(crypto_identities, what_may_have_changed_is_asked_again_and_the_pin_stays) {
        struct device_keys k;

        cr_assert(is_signed_after(answer_of(master_seed, master_seed)));
        cr_assert(identities_forget(ids, bob.user_id));
        cr_assert_not(identities_forget(ids, bob.user_id));
        cr_assert_eq(identities_find(ids, bob.user_id, bob.curve25519, bob.ed25519, &k), -ENOENT);
        cr_assert_not(is_signed_after(answer_of(other_seed, other_seed)));
}

Test(crypto_identities, an_answer_that_does_not_speak_of_the_user_is_none) {
        SCOPED(json_decref) json_t *v = json_pack("{s{}}", "device_keys");

        cr_assert_eq(identities_take(ids, v, bob.user_id), -EBADMSG);
        cr_assert_eq(identities_take(ids, NULL, bob.user_id), -EBADMSG);
}

Test(crypto_identities, many_users_push_out_each_other_and_never_ourselves) {
        SCOPED(json_decref) json_t *answer = NULL;
        char user_id[32];

        cr_assert_eq(identities_pin(ids, ME, master), 0);
        cr_assert_not(shows_self_signing(ME, other_seed));
        cr_assert(shows_self_signing(bob.user_id, master_seed));
        for (int i = 0; i < IDENTITIES_MAX; i++) {
                (void) snprintf(user_id, sizeof(user_id), "@%d:x", i);
                json_decref(answer);
                answer = json_pack("{s{s{}}}", "device_keys", user_id);
                cr_assert_eq(identities_take(ids, answer, user_id), 0);
        }
        cr_assert_not(shows_self_signing(ME, other_seed), "the own pin stays");
        cr_assert(shows_self_signing(bob.user_id, other_seed), "that of another user went");
}
