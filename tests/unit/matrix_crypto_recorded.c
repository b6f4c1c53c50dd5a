/* What matrix-js-sdk and matrix-nio really sent (data/crypto/record.py) is read, by the library of the build and by
 * libolm beside it, and both read the same. */
#include <criterion/criterion.h>

#include "crypto/peer.h"
#include "json/json.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/olm-box.h"
#include "matrix/crypto/plaintext.h"
#include "matrix/crypto/room-event.h"

static const uint8_t pickle_key[CRYPTO_SECRET_BYTES] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                         11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                         22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };

static json_t *recorded;
static const char *me, *my_ed25519, *my_curve25519;
static struct crypto_account *account;
static struct olm_box *box;
static struct room_keys *keys;
static struct identities *identities;

static void begin(void) {
        const json_t *own;

        recorded = json_load_file(TEST_DATA "/crypto/recorded.json", 0, NULL);
        cr_assert(recorded);
        me = json_member_string(recorded, "me");
        own = json_member_object(json_member_object(recorded, "device_keys"), "keys");
        my_ed25519 = json_member_string(own, "ed25519:BUSYD");
        my_curve25519 = json_member_string(own, "curve25519:BUSYD");
        cr_assert_eq(
                crypto_account_unpickle(&account, pickle_key,
                                        json_member_string(json_member_object(recorded, "pickles"), crypto_library())),
                0);
        cr_assert_eq(olm_box_new(&box, account), 0);
        cr_assert_eq(room_keys_new(&keys), 0);
        cr_assert_eq(identities_new(&identities, me), 0);
}

static void end(void) {
        identities_free(identities);
        room_keys_free(keys);
        olm_box_free(box);
        crypto_account_free(account);
        json_decref(recorded);
}

TestSuite(crypto_recorded, .init = begin, .fini = end);

static const json_t *message_to_me(const json_t *event, const char **ret_body, int *ret_type) {
        const json_t *content = json_member_object(event, "content");
        const json_t *m = json_member_object(json_member_object(content, "ciphertext"), my_curve25519);

        cr_assert(m);
        *ret_body = json_member_string(m, "body");
        *ret_type = (int) json_member_int(m, "type", -1);
        return content;
}

static void receive(const json_t *event) {
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        SCOPED(olm_plaintext_done) struct olm_plaintext p = { 0 };
        struct olm_envelope e = { .sender = json_member_string(event, "sender"), .me = me, .my_ed25519 = my_ed25519 };
        struct room_key_sender from;
        struct device_keys device;
        const char *body;
        int type, verdict;

        e.sender_key = json_member_string(message_to_me(event, &body, &type), "sender_key");
        cr_assert_eq(olm_box_read(box, e.sender, e.sender_key, type, body, &text), OLM_READ);
        verdict = olm_plaintext_read(text.data, text.size, &e, &p);
        from = (struct room_key_sender){ .user_id = e.sender, .sender_key = e.sender_key, .ed25519 = p.ed25519 };
        if (verdict == OLM_ACCEPTED) {
                from.device_id = p.device.device_id;
                from.cross_signed = identities_sign(identities, &p.device);
        }
        cr_assert_str_eq(p.type, "m.room_key");
        cr_assert_eq(room_keys_take(keys, p.content, &from, 0), ROOM_KEY_TAKEN);
        if (verdict == OLM_ACCEPTED)
                return;
        cr_assert_eq(verdict, OLM_DEVICE_UNPROVEN);
        cr_assert_eq(identities_find(identities, e.sender, e.sender_key, p.ed25519, &device), 1);
        cr_assert_eq(room_keys_prove(keys, &device, identities_sign(identities, &device)), 1);
}

static struct matrix_event event_of(const json_t *v) {
        return (struct matrix_event){
                .place = EVENT_TIMELINE,
                .type = json_member_string(v, "type"),
                .room_id = json_member_string(v, "room_id"),
                .sender = json_member_string(v, "sender"),
                .event_id = json_member_string(v, "event_id"),
                .origin_server_ts = json_member_int(v, "origin_server_ts", 0),
                .content = json_member_object(v, "content"),
        };
}

static void read_everything_of(const char *client, const char *user_id, bool is_signed) {
        const json_t *from = json_member_object(recorded, client), *v;
        size_t i, n = 0;

        cr_assert_eq(identities_take(identities, json_member_object(from, "keys_query"), user_id), 0);
        json_array_foreach(json_member_array(from, "to_device"), i, v) receive(v);
        json_array_foreach(json_member_array(from, "events"), i, v) {
                SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };
                struct matrix_event e = event_of(v);
                const json_t *plain = json_member_object(v, "plain");

                cr_assert_eq(room_event_read(keys, me, &e, &p), ROOM_READ, "%s", e.event_id);
                cr_assert_str_eq(p.event.type, json_member_string(plain, "type"));
                cr_assert(json_equal(p.event.content, json_member_object(plain, "content")), "%s", e.event_id);
                cr_assert_str_eq(p.event.sender, user_id);
                cr_assert_eq(p.unsigned_device, !is_signed);
                n++;
        }
        cr_assert_gt(n, 2);
}

Test(crypto_recorded, all_that_matrix_js_sdk_sends_is_read) {
        read_everything_of("js", "@bob:example.org", /* is_signed= */ true);
}

Test(crypto_recorded, all_that_matrix_nio_sends_is_read_once_its_device_is_known) {
        read_everything_of("nio", "@carol:example.org", /* is_signed= */ false);
}

static struct crypto_account *peer_account(void) {
        struct crypto_account *a;

        cr_assert_eq(peer_account_unpickle(&a, pickle_key,
                                           json_member_string(json_member_object(recorded, "pickles"), "libolm")),
                     0);
        return a;
}

static void both_read_the_same_of(const char *client) {
        const json_t *from = json_member_object(recorded, client), *v;
        struct crypto_account *peer = peer_account();
        struct crypto_session *session = NULL, *peer_session = NULL;
        size_t i;

        json_array_foreach(json_member_array(from, "to_device"), i, v) {
                SCOPED(crypto_text_done) struct crypto_text a = { 0 }, b = { 0 };
                const char *body, *sender_key;
                int type;

                sender_key = json_member_string(message_to_me(v, &body, &type), "sender_key");
                if (!session) {
                        cr_assert_eq(crypto_account_inbound(account, sender_key, body, &session, &a), 0);
                        cr_assert_eq(peer_account_inbound(peer, sender_key, body, &peer_session, &b), 0);
                } else {
                        cr_assert_eq(crypto_session_matches(session, body), 1);
                        cr_assert_eq(peer_session_matches(peer_session, body), 1);
                        cr_assert_eq(crypto_session_decrypt(session, type, body, &a), 0);
                        cr_assert_eq(peer_session_decrypt(peer_session, type, body, &b), 0);
                }
                cr_assert_eq(a.size, b.size);
                cr_assert_eq(memcmp(a.data, b.data, a.size), 0);
        }
        crypto_session_free(session);
        peer_session_free(peer_session);
        peer_account_free(peer);
}

Test(crypto_recorded, both_libraries_read_the_same) {
        both_read_the_same_of("js");
        both_read_the_same_of("nio");
}

/* A message with one of its characters changed, but for the number of its version, which libolm does not look at here.
 */
Test(crypto_recorded, both_libraries_refuse_the_same) {
        const json_t *event = json_array_get(json_member_array(json_member_object(recorded, "js"), "to_device"), 0);
        struct crypto_account *peer = peer_account();
        const char *body, *sender_key;
        size_t n_refused = 0;
        int type;

        sender_key = json_member_string(message_to_me(event, &body, &type), "sender_key");
        for (size_t i = 2; body[i]; i++) {
                SCOPED(free) char *changed = strdup(body);
                SCOPED(crypto_text_done) struct crypto_text a = { 0 }, b = { 0 };
                struct crypto_session *s = NULL, *t = NULL;
                int r, q;

                cr_assert(changed);
                changed[i] = changed[i] == 'A' ? 'B' : 'A';
                r = crypto_account_inbound(account, sender_key, changed, &s, &a);
                q = peer_account_inbound(peer, sender_key, changed, &t, &b);
                cr_assert_eq(r, q, "%zu: %d, %d", i, r, q);
                n_refused += r < 0;
                crypto_session_free(s);
                peer_session_free(t);
                cr_assert_lt(r, 0, "%zu", i);
        }
        cr_assert_gt(n_refused, 100);
        /* ... and the key was not used up by any of it. */
        both_read_the_same_of("js");
        peer_account_free(peer);
}
