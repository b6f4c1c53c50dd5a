/* See sender.h. */
#include "crypto/sender.h"

#include <assert.h>

#include "json/json.h"
#include "matrix/crypto/signed.h"

void receiver_keys_make(struct receiver_keys *r) {
        assert(crypto_account_new(&r->account) == 0);
        assert(crypto_account_keys(r->account, r->curve25519, r->ed25519) == 0);
}

void receiver_keys_done(struct receiver_keys *r) {
        crypto_account_free(r->account);
}

void receiver_keys_one_time(struct receiver_keys *r, char ret[CRYPTO_KEY_TEXT]) {
        struct crypto_public_key key;

        assert(crypto_account_generate(r->account, 1) == 0);
        assert(crypto_account_one_time_keys(r->account, &key, 1) == 1);
        crypto_account_published(r->account);
        memcpy(ret, key.key, CRYPTO_KEY_TEXT);
}

void sender_sign(const struct sender *s, json_t *object) {
        SCOPED(free) char *bytes = NULL;
        char signature[CRYPTO_SIGNATURE_TEXT];

        assert(signed_json_bytes(object, &bytes) == 0);
        assert(peer_account_sign(s->account, bytes, strlen(bytes), signature) == 0);
        assert(signed_json_add(object, s->user_id, s->device_id, signature) == 0);
}

void sender_make(struct sender *s, const char *user_id, const char *device_id) {
        char curve25519[300], ed25519[300];

        *s = (struct sender){ .user_id = user_id, .device_id = device_id };
        assert(peer_account_new(&s->account) == 0);
        assert(peer_account_keys(s->account, s->curve25519, s->ed25519) == 0);
        (void) snprintf(curve25519, sizeof(curve25519), "curve25519:%s", device_id);
        (void) snprintf(ed25519, sizeof(ed25519), "ed25519:%s", device_id);
        s->device_keys = json_pack("{ssss s[ss] s{ssss}}", "user_id", user_id, "device_id", device_id, "algorithms",
                                   "m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2", "keys", curve25519,
                                   s->curve25519, ed25519, s->ed25519);
        assert(s->device_keys);
        sender_sign(s, s->device_keys);
}

void sender_done(struct sender *s) {
        peer_account_free(s->account);
        peer_session_free(s->session);
        peer_room_free(s->room);
        json_decref(s->device_keys);
}

void sender_begin(struct sender *s, const struct receiver_keys *to, const char *one_time_key) {
        peer_session_free(s->session);
        assert(peer_account_outbound(s->account, to->curve25519, one_time_key, &s->session) == 0);
}

json_t *sender_says(const struct sender *s, const struct receiver_keys *to, const char *type, json_t *content) {
        json_t *v = json_pack("{ss so ss s{ss} ss s{ss} sO}", "type", type, "content", content, "sender", s->user_id,
                              "keys", "ed25519", s->ed25519, "recipient", ME, "recipient_keys", "ed25519", to->ed25519,
                              "sender_device_keys", s->device_keys);

        assert(v);
        return v;
}

struct crypto_text sender_encrypt(struct sender *s, json_t *v, int *ret_type) {
        SCOPED(free) char *bytes = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        struct crypto_text text;
        int type;

        assert(bytes);
        assert(peer_session_encrypt(s->session, bytes, strlen(bytes), &type, &text) == 0);
        json_decref(v);
        if (ret_type)
                *ret_type = type;
        return text;
}

json_t *sender_room_key_from_here(struct sender *s, const char *room_id) {
        struct crypto_text key = peer_room_key(s->room);
        json_t *v = json_pack("{ss ss ss ss}", "algorithm", "m.megolm.v1.aes-sha2", "room_id", room_id, "session_id",
                              s->room_session, "session_key", key.data);

        assert(v);
        crypto_text_done(&key);
        return v;
}

json_t *sender_room_key(struct sender *s, const char *room_id) {
        peer_room_free(s->room);
        s->room = peer_room_new();
        peer_room_id(s->room, s->room_session);
        return sender_room_key_from_here(s, room_id);
}

json_t *sender_room_encrypt(struct sender *s, json_t *v) {
        SCOPED(free) char *bytes = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        struct crypto_text text;
        json_t *content;

        assert(bytes);
        text = peer_room_encrypt(s->room, bytes);
        content = json_pack("{ss ss ss ss ss}", "algorithm", "m.megolm.v1.aes-sha2", "session_id", s->room_session,
                            "ciphertext", text.data, "sender_key", s->curve25519, "device_id", s->device_id);
        assert(content);
        crypto_text_done(&text);
        json_decref(v);
        return content;
}
