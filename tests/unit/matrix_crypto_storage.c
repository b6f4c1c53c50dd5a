/* Secret storage as matrix-js-sdk made it (data/crypto/record-storage.mjs): the recovery key and the passphrase open
 * it, nothing else does, and what comes out signs this device. */
#include <criterion/criterion.h>
#include <errno.h>

#include "crypto/sender.h"
#include "json/json.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/receiver.h"
#include "matrix/crypto/secret-storage.h"
#include "matrix/crypto/signed.h"
#include "matrix/crypto/stock.h"
#include "matrix/crypto/trust.h"

#define MASTER       "m.cross_signing.master"
#define SELF_SIGNING "m.cross_signing.self_signing"

static json_t *recorded;
static uint8_t key[CRYPTO_SECRET_BYTES], master[CRYPTO_SECRET_BYTES], self_signing[CRYPTO_SECRET_BYTES];

static void begin(void) {
        recorded = json_load_file(TEST_DATA "/crypto/secret-storage.json", 0, NULL);
        cr_assert(recorded);
}

static void end(void) {
        json_decref(recorded);
}

TestSuite(crypto_storage, .init = begin, .fini = end);

static json_t *description(const char *id) {
        return json_object_get(json_object_get(recorded, "keys"), id);
}

static const char *recovery_key(void) {
        return json_member_string(recorded, "recovery_key");
}

static int seed_of(const char *name, const char *id, uint8_t ret[CRYPTO_SECRET_BYTES]) {
        return secret_storage_seed(json_object_get(recorded, name), name, id, key, ret);
}

static void opens(const char *id, const char *input) {
        cr_assert_eq(secret_storage_unlock(description(id), input, key), 0);
        cr_assert_eq(seed_of(MASTER, id, master), 0);
        cr_assert_eq(seed_of(SELF_SIGNING, id, self_signing), 0);
        cr_assert_eq(secret_storage_prove(json_object_get(recorded, "keys_query"), ME, master, self_signing), 0);
}

Test(crypto_storage, the_recovery_key_opens_it) {
        opens("RECOVERY", recovery_key());
}

Test(crypto_storage, the_passphrase_opens_it) {
        opens("PASSPHRASE", json_member_string(recorded, "passphrase"));
}

Test(crypto_storage, spaces_in_a_recovery_key_are_anybody_s) {
        char bare[128] = " \n", *to = bare + 2;

        for (const char *c = recovery_key(); *c; c++)
                if (*c != ' ')
                        *to++ = *c;
        *to++ = '\t';
        opens("RECOVERY", bare);
}

Test(crypto_storage, a_recovery_key_that_was_mistyped_is_none) {
        char typed[128];

        for (size_t i = 0; recovery_key()[i]; i++) {
                (void) snprintf(typed, sizeof(typed), "%s", recovery_key());
                if (typed[i] == ' ')
                        continue;
                typed[i] = typed[i] == 'x' ? 'y' : 'x';
                cr_assert_eq(recovery_key_read(typed, key), -EBADMSG, "%zu", i);
                memmove(typed + i, typed + i + 1, strlen(typed + i));
                cr_assert_eq(recovery_key_read(typed, key), -EBADMSG, "without %zu", i);
        }
        cr_assert_eq(recovery_key_read("", key), -EBADMSG);
        cr_assert_eq(recovery_key_read("0OIl", key), -EBADMSG);
        (void) snprintf(typed, sizeof(typed), "%s1", recovery_key());
        cr_assert_eq(recovery_key_read(typed, key), -EBADMSG);
}

Test(crypto_storage, the_key_or_passphrase_of_another_storage_is_said_to_be_that) {
        cr_assert_eq(secret_storage_unlock(description("PASSPHRASE"), recovery_key(), key), -EKEYREJECTED);
        cr_assert_eq(secret_storage_unlock(description("PASSPHRASE"), "wrong", key), -EKEYREJECTED);
        cr_assert_eq(secret_storage_unlock(description("RECOVERY"), "wrong", key), -EBADMSG, "it has no passphrase");
}

Test(crypto_storage, a_storage_of_an_unknown_kind_is_not_opened) {
        json_t *d = description("PASSPHRASE"), *how = json_object_get(d, "passphrase");
        static const struct row {
                const char *member;
                json_int_t value;
        } rows[] = { { "iterations", 0 },
                     { "iterations", PASSPHRASE_ITERATIONS_MAX + 1 },
                     { "iterations", -1 },
                     { "bits", 512 } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                json_t *changed = json_deep_copy(d);

                json_object_set_new(json_object_get(changed, "passphrase"), rows[i].member,
                                    json_integer(rows[i].value));
                cr_assert_eq(secret_storage_unlock(changed, "x", key), -EOPNOTSUPP, "%s", rows[i].member);
                json_decref(changed);
        }
        json_object_set_new(how, "algorithm", json_string("m.other"));
        cr_assert_eq(secret_storage_unlock(d, "x", key), -EOPNOTSUPP);
        json_object_set_new(d, "algorithm", json_string("m.other"));
        cr_assert_eq(secret_storage_unlock(d, recovery_key(), key), -EOPNOTSUPP);
        cr_assert_eq(secret_storage_unlock(NULL, recovery_key(), key), -EOPNOTSUPP);
}

Test(crypto_storage, what_was_changed_or_belongs_elsewhere_is_refused) {
        static const char *const members[] = { "iv", "mac", "ciphertext" };
        json_t *data = json_object_get(recorded, SELF_SIGNING);
        int r;

        opens("RECOVERY", recovery_key());
        cr_assert_eq(secret_storage_seed(data, MASTER, "RECOVERY", key, master), -EBADMSG, "another secret");
        cr_assert_eq(secret_storage_seed(data, SELF_SIGNING, "PASSPHRASE", key, master), -EBADMSG, "another key");
        cr_assert_eq(secret_storage_seed(data, SELF_SIGNING, "NONE", key, master), -ENOENT);
        cr_assert_eq(secret_storage_seed(NULL, SELF_SIGNING, "RECOVERY", key, master), -ENOENT);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                json_t *changed = json_deep_copy(data);
                json_t *secret = json_object_get(json_object_get(changed, "encrypted"), "RECOVERY");
                char *text = strdup(json_member_string(secret, members[i]));

                /* The IV is not in the MAC: what comes out is no key then, or not the right one. */
                text[0] = text[0] == 'A' ? 'B' : 'A';
                json_object_set_new(secret, members[i], json_string(text));
                r = secret_storage_seed(changed, SELF_SIGNING, "RECOVERY", key, master);
                cr_assert(r == -EBADMSG || (i == 0 && memcmp(master, self_signing, sizeof(master)) != 0), "%s",
                          members[i]);
                json_object_set_new(secret, members[i], json_string("A"));
                cr_assert_eq(secret_storage_seed(changed, SELF_SIGNING, "RECOVERY", key, master), -EBADMSG, "%s",
                             members[i]);
                json_object_set_new(secret, members[i], json_integer(1));
                cr_assert_eq(secret_storage_seed(changed, SELF_SIGNING, "RECOVERY", key, master), -EBADMSG, "%s",
                             members[i]);
                free(text);
                json_decref(changed);
        }
}

Test(crypto_storage, another_identity_than_the_user_s_is_seen) {
        const uint8_t other[CRYPTO_SECRET_BYTES] = { 7 };
        json_t *answer = json_object_get(recorded, "keys_query");

        opens("RECOVERY", recovery_key());
        cr_assert_eq(secret_storage_prove(answer, ME, other, self_signing), -EKEYREJECTED);
        cr_assert_eq(secret_storage_prove(answer, ME, master, other), -EKEYREJECTED);
        json_object_del(
                json_object_get(json_object_get(json_object_get(answer, "self_signing_keys"), ME), "signatures"), ME);
        cr_assert_eq(secret_storage_prove(answer, ME, master, self_signing), -EKEYREJECTED);
        cr_assert_eq(secret_storage_prove(NULL, ME, master, self_signing), -EKEYREJECTED);
}

static const struct instant at = { .now = USEC_PER_HOUR, .wall = 20000 * 24 * USEC_PER_HOUR };

static struct receiver *new_device(void) {
        char public_key[CRYPTO_KEY_TEXT];
        struct receiver *r;

        opens("RECOVERY", recovery_key());
        cr_assert_eq(crypto_seed_public(master, public_key), 0);
        cr_assert_eq(receiver_new(&r, ME, MY_DEVICE, public_key, &at), 0);
        return r;
}

/* What others see of a server that has taken the upload. */
static enum own_state seen_after(struct receiver *r, const json_t *body) {
        SCOPED(json_decref) json_t *answer = json_deep_copy(json_object_get(recorded, "keys_query"));
        struct own_device own;

        json_object_set(json_object_get(json_object_get(answer, "device_keys"), ME), MY_DEVICE,
                        json_object_get(body, "device_keys"));
        receiver_own_keys(r, &own);
        return own_judge(&own, answer);
}

Test(crypto_storage, the_device_is_introduced_signed_in_one_request) {
        SCOPED(receiver_free) struct receiver *r = new_device();
        SCOPED(json_decref)
        json_t *body = NULL, *answer = json_pack("{s{si}}", "one_time_key_counts", "signed_curve25519", 50);
        struct receiver_order o;

        cr_assert_eq(receiver_introduce(r, self_signing, &at, &body), 0);
        cr_assert_eq(json_object_size(json_object_get(body, "one_time_keys")), STOCK_FULL);
        cr_assert_eq(json_object_size(json_object_get(body, "fallback_keys")), 1);
        cr_assert_eq(seen_after(r, body), OWN_SIGNED);
        cr_assert_eq(receiver_uploaded(r, answer, &at), 0);
        receiver_saved(r);
        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_QUERY, "nothing is left to be uploaded");
        json_decref(o.body);
}

/* Stored, sent, and dead before the answer: the same again. */
Test(crypto_storage, an_introduction_that_nobody_knows_the_end_of_can_be_repeated) {
        SCOPED(receiver_free) struct receiver *r = new_device(), *again = NULL;
        SCOPED(json_decref) json_t *body = NULL, *repeated = NULL, *disk = NULL;

        cr_assert_eq(receiver_introduce(r, self_signing, &at, &body), 0);
        cr_assert_eq(receiver_store(r, key, &disk), 0);
        cr_assert_eq(receiver_load(&again, disk, key, &at), 0);
        cr_assert_eq(receiver_introduce(again, self_signing, &at, &repeated), 0);
        cr_assert(json_equal(body, repeated));
}

Test(crypto_storage, a_device_that_another_key_has_signed_is_seen_to_be_unsigned) {
        const uint8_t other[CRYPTO_SECRET_BYTES] = { 7 };
        SCOPED(receiver_free) struct receiver *r = new_device();
        SCOPED(json_decref) json_t *body = NULL;

        cr_assert_eq(receiver_introduce(r, other, &at, &body), 0);
        cr_assert_eq(seen_after(r, body), OWN_UNSIGNED);
}

/* ---- what there is to do for the user ---- */

/* The answer of a server that shows these keys of the device, NULL: none. */
static json_t *shows(const json_t *device) {
        json_t *answer = json_deep_copy(json_object_get(recorded, "keys_query"));

        if (device)
                json_object_set(json_object_get(json_object_get(answer, "device_keys"), ME), MY_DEVICE,
                                (json_t *) device);
        return answer;
}

static enum trust_step step(const struct receiver *r, const json_t *device) {
        SCOPED(json_decref) json_t *answer = shows(device);
        struct own_device own;

        if (r)
                receiver_own_keys(r, &own);
        return trust_decide(r ? &own : NULL, ME, MY_DEVICE, answer);
}

Test(crypto_storage, a_device_is_introduced_only_where_the_server_has_no_keys_of_it) {
        const uint8_t other[CRYPTO_SECRET_BYTES] = { 7 };
        SCOPED(receiver_free) struct receiver *r = new_device(), *stranger = new_device();
        SCOPED(json_decref) json_t *body = NULL, *foreign = NULL, *unsigned_body = NULL, *no_users = json_object();
        struct own_device own;
        const json_t *device;

        cr_assert_eq(receiver_introduce(r, self_signing, &at, &body), 0);
        cr_assert_eq(receiver_introduce(r, other, &at, &unsigned_body), 0);
        cr_assert_eq(receiver_introduce(stranger, self_signing, &at, &foreign), 0);
        device = json_object_get(body, "device_keys");
        cr_assert_eq(step(NULL, NULL), TRUST_INTRODUCE, "nothing is there yet");
        cr_assert_eq(step(r, NULL), TRUST_INTRODUCE, "stored, and dead before it was sent");
        cr_assert_eq(step(r, device), TRUST_DONE);
        cr_assert_eq(step(r, json_object_get(unsigned_body, "device_keys")), TRUST_SIGN);
        cr_assert_eq(step(r, json_object_get(foreign, "device_keys")), TRUST_LOG_IN_ANEW, "keys of a copy");
        cr_assert_eq(step(NULL, device), TRUST_LOG_IN_ANEW, "the keys are lost");
        receiver_own_keys(r, &own);
        cr_assert_eq(trust_decide(&own, ME, MY_DEVICE, no_users), TRUST_UNKNOWN);
        cr_assert_eq(trust_decide(NULL, ME, MY_DEVICE, no_users), TRUST_UNKNOWN);
        cr_assert_eq(trust_decide(NULL, ME, MY_DEVICE, NULL), TRUST_UNKNOWN);
}

Test(crypto_storage, what_is_kept_of_an_earlier_login_counts_for_nothing) {
        SCOPED(receiver_free) struct receiver *r = new_device();
        SCOPED(json_decref) json_t *answer = shows(NULL), *body = NULL, *beside = NULL;
        struct own_device own;

        receiver_own_keys(r, &own);
        own.device_id = "EARLIER";
        cr_assert_eq(trust_decide(&own, ME, MY_DEVICE, answer), TRUST_INTRODUCE);
        cr_assert_eq(receiver_introduce(r, self_signing, &at, &body), 0);
        beside = shows(json_object_get(body, "device_keys"));
        receiver_own_keys(r, &own);
        cr_assert_eq(trust_decide(&own, ME, "LATER", beside), TRUST_INTRODUCE, "though that one is there, and signed");
        own.device_id = MY_DEVICE;
        own.user_id = "@other:example.org";
        cr_assert_eq(trust_decide(&own, ME, MY_DEVICE, answer), TRUST_INTRODUCE);
}

/* The user has reset their identity: the same keys are signed again, by the new one. */
Test(crypto_storage, a_device_is_signed_again_by_a_new_identity) {
        const uint8_t before[CRYPTO_SECRET_BYTES] = { 7 };
        SCOPED(receiver_free) struct receiver *r = NULL, *again = NULL;
        SCOPED(json_decref) json_t *body = NULL, *signatures = NULL, *device = NULL, *disk = NULL;
        char old[CRYPTO_KEY_TEXT], master_key[CRYPTO_KEY_TEXT], signing_key[CRYPTO_KEY_TEXT];
        const json_t *added;
        struct own_device own;

        opens("RECOVERY", recovery_key());
        cr_assert_eq(crypto_seed_public(before, old), 0);
        cr_assert_eq(crypto_seed_public(master, master_key), 0);
        cr_assert_eq(crypto_seed_public(self_signing, signing_key), 0);
        cr_assert_eq(receiver_new(&r, ME, MY_DEVICE, old, &at), 0);
        cr_assert_eq(receiver_introduce(r, before, &at, &body), 0);
        device = json_deep_copy(json_object_get(body, "device_keys"));
        cr_assert_eq(step(r, device), TRUST_SIGN);

        cr_assert_eq(receiver_pin(r, "short"), -EBADMSG);
        cr_assert_eq(receiver_pin(r, master_key), 0);
        cr_assert_eq(step(r, device), TRUST_SIGN);
        cr_assert_eq(receiver_sign_again(r, self_signing, &signatures), 0);
        added = json_object_get(json_object_get(signatures, ME), MY_DEVICE);
        cr_assert_eq(signed_json_check(added, ME, signing_key, signing_key), 0);
        json_object_update(json_object_get(json_object_get(device, "signatures"), ME),
                           json_object_get(json_object_get(added, "signatures"), ME));
        cr_assert_eq(step(r, device), TRUST_DONE);

        cr_assert_eq(receiver_store(r, key, &disk), 0);
        cr_assert_eq(receiver_load(&again, disk, key, &at), 0);
        receiver_own_keys(again, &own);
        cr_assert_str_eq(own.master, master_key);
        cr_assert_eq(receiver_facts(r).own, OWN_UNKNOWN, "it is asked for anew");
}

static const struct recovery_row {
        const char *default_key, *key;
} recovery_rows[] = {
        { "{\"key\":\"ID\"}", "ID" }, { "{}", NULL }, { "{\"key\":\"\"}", NULL }, { "{\"key\":7}", NULL },
        { "{\"key\":null}", NULL },
};

Test(crypto_storage, whether_a_recovery_was_set_up_is_seen_in_the_account_data) {
        SCOPED(json_decref) json_t *nothing = json_object();

        for (size_t i = 0; i < ARRAY_SIZE(recovery_rows); i++) {
                SCOPED(json_decref) json_t *v = json_loads(recovery_rows[i].default_key, 0, NULL);
                const char *id = trust_default_key(v);

                cr_assert(recovery_rows[i].key ? id && streq(id, recovery_rows[i].key) : !id, "%s",
                          recovery_rows[i].default_key);
        }
        cr_assert_null(trust_default_key(NULL));
        cr_assert(trust_has_identity(ME, json_object_get(recorded, "keys_query")));
        cr_assert_not(trust_has_identity("@other:example.org", json_object_get(recorded, "keys_query")));
        cr_assert_not(trust_has_identity(ME, nothing));
}
