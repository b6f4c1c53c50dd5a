/* A whole receiving device, and around it a server, senders and the owner of the device that carries out what it asks
 * for: for tests of what comes of that. Included by them; each test begins with begin() and ends with end(). */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>

#include "crypto/sender.h"
#include "json/json.h"
#include "matrix/crypto/late.h"
#include "matrix/crypto/receiver.h"
#include "matrix/crypto/signed.h"
#include "matrix/crypto/stock.h"

#define ROOM  "!dm:example.org"
#define BOB   "@bob:example.org"
#define CAROL "@carol:example.org"

static const uint8_t key[CRYPTO_SECRET_BYTES] = { 42 };
static const uint8_t my_master_seed[CRYPTO_SECRET_BYTES] = { 1 }, my_signing_seed[CRYPTO_SECRET_BYTES] = { 2 },
                     reset_seed[CRYPTO_SECRET_BYTES] = { 3 };

static struct receiver *r;
static struct sender bob, carol, phone;
static struct receiver_keys own; /* its public keys; the account is the receiver's */
static struct instant at;

/* The server: what it has of us, and what it says of others. */
static json_t *one_time_keys, *users, *disk;
static const uint8_t *master_seed, *signing_seed;
static bool bob_s_server_is_away, claims_are_forged;
static enum receiver_step refuses; /* what the server will not have; RECEIVER_IDLE: nothing */
static size_t n_refusals;
static size_t n_saves, n_uploads, n_queries, n_claims, n_sent;
/* How many more steps this run of the program lives; -1: all. */
static int steps_left;

static inline void sign_by(json_t *object, const char *user_id, const uint8_t seed[CRYPTO_SECRET_BYTES]) {
        SCOPED(free) char *bytes = NULL;
        char public_key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT];

        cr_assert_eq(signed_json_bytes(object, &bytes), 0);
        cr_assert_eq(crypto_seed_public(seed, public_key), 0);
        cr_assert_eq(crypto_seed_sign(seed, bytes, strlen(bytes), signature), 0);
        cr_assert_eq(signed_json_add(object, user_id, public_key, signature), 0);
}

static inline json_t *identity_key(const char *user_id, const uint8_t seed[CRYPTO_SECRET_BYTES]) {
        char public_key[CRYPTO_KEY_TEXT], name[64];

        cr_assert_eq(crypto_seed_public(seed, public_key), 0);
        (void) snprintf(name, sizeof(name), "ed25519:%s", public_key);
        return json_pack("{ss s[] s{ss}}", "user_id", user_id, "usage", "keys", name, public_key);
}

static inline const char *signing_key(void) {
        static char public_key[CRYPTO_KEY_TEXT];

        cr_assert_eq(crypto_seed_public(signing_seed, public_key), 0);
        return public_key;
}

static inline json_t *our_device(void) {
        json_t *v = json_pack("{ss ss s[] s{ss ss}}", "user_id", ME, "device_id", MY_DEVICE, "algorithms", "keys",
                              "curve25519:" MY_DEVICE, own.curve25519, "ed25519:" MY_DEVICE, own.ed25519);
        SCOPED(free) char *bytes = NULL;
        char signature[CRYPTO_SIGNATURE_TEXT];

        cr_assert_eq(signed_json_bytes(v, &bytes), 0);
        cr_assert_eq(crypto_account_sign(own.account, bytes, strlen(bytes), signature), 0);
        cr_assert_eq(signed_json_add(v, ME, MY_DEVICE, signature), 0);
        return v;
}

/* One answer of /keys/query. */
static inline json_t *query_answer(const json_t *body) {
        json_t *answer = json_pack("{s{} s{} s{} s{}}", "failures", "device_keys", "master_keys", "self_signing_keys");
        const char *user_id;
        json_t *unused;

        json_object_foreach(json_object_get(body, "device_keys"), user_id, unused) {
                json_t *devices = json_object_get(users, user_id);

                if (streq(user_id, BOB) && bob_s_server_is_away)
                        continue;
                if (devices)
                        cr_assert_eq(json_object_set(json_object_get(answer, "device_keys"), user_id, devices), 0);
                if (!streq(user_id, ME))
                        continue;
                json_object_set_new(json_object_get(answer, "master_keys"), ME, identity_key(ME, master_seed));
                unused = identity_key(ME, signing_seed);
                sign_by(unused, ME, master_seed);
                json_object_set_new(json_object_get(answer, "self_signing_keys"), ME, unused);
        }
        return answer;
}

static inline void put_user(const char *user_id, const char *device_id, json_t *device) {
        json_t *devices = json_object_get(users, user_id);

        if (!devices) {
                devices = json_object();
                json_object_set_new(users, user_id, devices);
        }
        json_object_set_new(devices, device_id, device);
}

static inline void load(void) {
        static const char *const wanted[] = { BOB, CAROL };

        receiver_free(r);
        r = NULL;
        cr_assert_eq(receiver_load(&r, disk, key, &at), 0);
        cr_assert_eq(receiver_want(r, wanted, ARRAY_SIZE(wanted)), 0);
}

static inline void save(void) {
        json_decref(disk);
        disk = NULL;
        cr_assert_eq(receiver_store(r, key, &disk), 0);
        n_saves++;
}

/* As `busyctl verify` leaves it: keys up, signed, and stored. */
static inline void begin(void) {
        char master[CRYPTO_KEY_TEXT];
        struct own_device o;
        json_t *device;

        at = (struct instant){ .now = USEC_PER_HOUR, .wall = 20000 * 24 * USEC_PER_HOUR };
        master_seed = my_master_seed;
        signing_seed = my_signing_seed;
        steps_left = -1;
        users = json_object();
        one_time_keys = json_object();
        cr_assert_eq(crypto_seed_public(my_master_seed, master), 0);
        cr_assert_eq(receiver_new(&r, ME, MY_DEVICE, master, &at), 0);
        receiver_own_keys(r, &o);
        memcpy(own.curve25519, o.curve25519, sizeof(own.curve25519));
        memcpy(own.ed25519, o.ed25519, sizeof(own.ed25519));
        save();
        cr_assert_eq(crypto_account_unpickle(&own.account, key, json_member_string(disk, "account")), 0);
        device = our_device();
        sign_by(device, ME, my_signing_seed);
        put_user(ME, MY_DEVICE, device);
        sender_make(&bob, BOB, "PHONE");
        sender_make(&carol, CAROL, "NIO");
        sender_make(&phone, ME, "PHONE");
        put_user(BOB, bob.device_id, json_incref(bob.device_keys));
        put_user(CAROL, carol.device_id, json_incref(carol.device_keys));
        device = json_deep_copy(phone.device_keys);
        sign_by(device, ME, my_signing_seed);
        put_user(ME, phone.device_id, device);
        load();
}

/* What libcrypto keeps of its last errors it has from then on: it does not count as left over. */
static inline void fill_errors(void) {
        for (size_t i = 0; i < ERR_NUM_ERRORS; i++)
                ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
}

static inline void end(void) {
        receiver_free(r);
        crypto_account_free(own.account);
        sender_done(&bob);
        sender_done(&carol);
        sender_done(&phone);
        json_decref(users);
        json_decref(one_time_keys);
        json_decref(disk);
        disk = NULL;
        r = NULL;
}

/* ---- the owner of the receiver ---- */

static inline bool lives(void) {
        if (steps_left > 0)
                steps_left--;
        return steps_left != 0;
}

static inline void upload(const json_t *body) {
        const char *id;
        json_t *v;

        n_uploads++;
        cr_assert_null(json_object_get(body, "device_keys"), "never keys of a device");
        json_object_foreach(json_object_get(body, "one_time_keys"), id, v) {
                json_t *known = json_object_get(one_time_keys, id);

                cr_assert_eq(signed_json_check(v, ME, MY_DEVICE, own.ed25519), 0);
                cr_assert_null(json_object_get(v, "fallback"));
                /* As Synapse: other keys under an id that it has are refused. */
                cr_assert(!known || json_equal(known, v));
                json_object_set(one_time_keys, id, v);
        }
        /* Their ids are of another kind: vodozemac counts both from 0. */
        json_object_foreach(json_object_get(body, "fallback_keys"), id, v) {
                cr_assert_eq(signed_json_check(v, ME, MY_DEVICE, own.ed25519), 0);
                cr_assert(json_member_bool(v, "fallback", false));
                json_object_set(one_time_keys, "fallback", v);
        }
}

/* Gives away a new key of bob's phone. */
static inline json_t *claim_answer(const json_t *body) {
        struct crypto_public_key public_key;
        json_t *v;

        n_claims++;
        cr_assert_str_eq(
                json_member_string(json_member_object(json_member_object(body, "one_time_keys"), BOB), "PHONE"),
                "signed_curve25519");
        cr_assert_eq(peer_account_generate(bob.account, 1), 0);
        cr_assert_eq(peer_account_one_time_keys(bob.account, &public_key, 1), 1);
        v = json_pack("{ss}", "key", public_key.key);
        sender_sign(claims_are_forged ? &carol : &bob, v);
        return json_pack("{s{s{s{so}}}}", "one_time_keys", BOB, "PHONE", "signed_curve25519:AAAAAQ", v);
}

/* What bob's phone gets: it uses that session from then on. */
static inline void send_to_device(const json_t *body, const char *txn) {
        const json_t *content =
                json_member_object(json_member_object(json_member_object(body, "messages"), BOB), "PHONE");
        const json_t *m = json_member_object(json_member_object(content, "ciphertext"), bob.curve25519);
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        SCOPED(json_decref) json_t *v = NULL;
        struct device_keys k;

        n_sent++;
        cr_assert_eq(strlen(txn), 32);
        peer_session_free(bob.session);
        bob.session = NULL;
        cr_assert_eq(
                peer_account_inbound(bob.account, own.curve25519, json_member_string(m, "body"), &bob.session, &text),
                0);
        v = json_loads(text.data, 0, NULL);
        cr_assert_str_eq(json_member_string(v, "type"), "m.dummy");
        cr_assert_eq(json_object_size(json_member_object(v, "content")), 0);
        cr_assert_str_eq(json_member_string(v, "sender"), ME);
        cr_assert_str_eq(json_member_string(v, "recipient"), BOB);
        cr_assert_str_eq(json_member_string(json_member_object(v, "recipient_keys"), "ed25519"), bob.ed25519);
        cr_assert_str_eq(json_member_string(json_member_object(v, "keys"), "ed25519"), own.ed25519);
        cr_assert_eq(device_keys_read(json_member_object(v, "sender_device_keys"), &k), 0);
        cr_assert_str_eq(k.curve25519, own.curve25519);
        cr_assert(device_keys_are_cross_signed(&k, signing_key()));
}

/* Carries out all that is to be done. False: died meanwhile. */
static inline bool work(void) {
        for (int i = 0; i < 100; i++) {
                SCOPED(json_decref) json_t *answer = NULL;
                struct receiver_order o;

                cr_assert_eq(receiver_decide(r, &at, &o), 0);
                if (o.step == RECEIVER_IDLE)
                        return true;
                if (!lives()) {
                        json_decref(o.body);
                        return false;
                }
                if (o.step != RECEIVER_SAVE && o.step == refuses) {
                        json_decref(o.body);
                        n_refusals++;
                        cr_assert_eq(receiver_refused(r, &at), 0);
                        continue;
                }
                switch (o.step) {
                case RECEIVER_SAVE:
                        save();
                        if (!lives())
                                return false;
                        receiver_saved(r);
                        break;
                case RECEIVER_UPLOAD:
                        upload(o.body);
                        json_decref(o.body);
                        if (!lives())
                                return false;
                        answer = json_pack("{s{si}}", "one_time_key_counts", "signed_curve25519",
                                           (int) json_object_size(one_time_keys) - 1);
                        cr_assert_eq(receiver_uploaded(r, answer, &at), 0);
                        break;
                case RECEIVER_QUERY:
                        n_queries++;
                        answer = query_answer(o.body);
                        json_decref(o.body);
                        if (!lives())
                                return false;
                        cr_assert_eq(receiver_queried(r, answer, &at), 0);
                        break;
                case RECEIVER_CLAIM:
                        answer = claim_answer(o.body);
                        json_decref(o.body);
                        if (!lives())
                                return false;
                        cr_assert_eq(receiver_claimed(r, answer, &at), 0);
                        break;
                case RECEIVER_SEND:
                        send_to_device(o.body, o.txn);
                        json_decref(o.body);
                        if (!lives())
                                return false;
                        receiver_sent(r);
                        break;
                case RECEIVER_IDLE:
                        break;
                }
        }
        cr_assert(false, "it never comes to rest");
        return false;
}

/* ---- what comes from the server ---- */

struct answer {
        json_t *to_device;
        size_t n_keys;
        bool fallback_is_unused;
        json_t *changed;
};

static inline void take(const struct answer *a) {
        SCOPED(json_decref) json_t *counts = json_pack("{si}", "signed_curve25519", (int) a->n_keys);
        SCOPED(json_decref) json_t *unused = json_array();
        struct receiver_sync sync = {
                .to_device = a->to_device,
                .one_time_key_counts = counts,
                .unused_fallback_keys = unused,
                .changed = a->changed,
        };

        if (a->fallback_is_unused)
                json_array_append_new(unused, json_string("signed_curve25519"));
        cr_assert_eq(receiver_take_sync(r, &sync, &at), 0);
}

static inline void take_messages(json_t *messages) {
        struct answer a = { .to_device = messages, .n_keys = STOCK_FULL, .fallback_is_unused = true };

        take(&a);
        json_decref(messages);
}

/* The keys of the first day. */
static inline void get_going(void) {
        struct answer a = { 0 };

        take(&a);
        take(&a);
        cr_assert(work());
        cr_assert_eq(json_object_size(one_time_keys), STOCK_FULL + 1);
}

/* One of our keys, as /keys/claim gives it away. */
static inline void claim(struct sender *s) {
        const char *id;
        json_t *v;

        json_object_foreach(one_time_keys, id, v) {
                if (json_member_bool(v, "fallback", false))
                        continue;
                sender_begin(s, &own, json_member_string(v, "key"));
                json_object_del(one_time_keys, id);
                return;
        }
        json_object_foreach(one_time_keys, id, v) sender_begin(s, &own, json_member_string(v, "key"));
}

static inline json_t *message(struct sender *s, json_t *says) {
        struct crypto_text text;
        json_t *v;
        int type;

        text = sender_encrypt(s, says, &type);
        v = json_pack("{ss ss s{ss ss s{s{si ss}}}}", "type", "m.room.encrypted", "sender", s->user_id, "content",
                      "algorithm", "m.olm.v1.curve25519-aes-sha2", "sender_key", s->curve25519, "ciphertext",
                      own.curve25519, "type", type, "body", text.data);
        crypto_text_done(&text);
        return v;
}

static inline json_t *key_message(struct sender *s) {
        return message(s, sender_says(s, &own, "m.room_key", sender_room_key(s, ROOM)));
}

/* As matrix-nio sends it. */
static inline json_t *key_message_without_device(struct sender *s) {
        json_t *says = sender_says(s, &own, "m.room_key", sender_room_key(s, ROOM));

        json_object_del(says, "sender_device_keys");
        return message(s, says);
}

static inline json_t *invite(struct sender *s) {
        return sender_room_encrypt(
                s, json_pack("{ss ss s{ss}}", "type", "m.call.invite", "room_id", ROOM, "content", "call_id", "c1"));
}

static inline int verdict_as(const struct sender *s, const char *event_id, json_t *content) {
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };
        struct matrix_event e = {
                .place = EVENT_TIMELINE,
                .type = "m.room.encrypted",
                .room_id = ROOM,
                .sender = s->user_id,
                .event_id = event_id,
                .origin_server_ts = 1,
                .age = 0,
                .sticky_duration = -1,
                .sticky_ttl = -1,
                .content = content,
        };
        int verdict = receiver_read(r, &e, &at, &p);

        json_decref(content);
        return verdict;
}

static inline bool late_comes(const char *event_id) {
        SCOPED(late_event_done) struct late_event e = { 0 };
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };

        if (receiver_read_late(r, &at, &e, &p) != 1)
                return false;
        cr_assert_str_eq(p.event.type, "m.call.invite");
        cr_assert_str_eq(p.event.event_id, event_id);
        return true;
}

/* What is known of the own device after it may have changed. */
static inline enum own_state own_after_change(void) {
        SCOPED(json_decref) json_t *changed = json_pack("[s]", ME);
        struct answer a = { .n_keys = STOCK_FULL, .fallback_is_unused = true, .changed = changed };

        take(&a);
        cr_assert(work());
        return receiver_facts(r).own;
}

/* The keys of the first day, and a first message with a room key, which is returned. */
static inline json_t *get_going_with_a_message(void) {
        json_t *m;

        get_going();
        claim(&bob);
        m = json_pack("[o]", key_message(&bob));
        take_messages(json_incref(m));
        cr_assert(work());
        return m;
}
