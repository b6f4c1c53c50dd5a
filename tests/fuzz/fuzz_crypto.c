/* What other users and servers write for a device that decrypts: messages to it, what is in them, events of rooms,
 * answers about keys, secret storage, recovery keys, a stored device, and what another device says to be compared
 * with. The first byte says which. */
#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/healer.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/late.h"
#include "matrix/crypto/plaintext.h"
#include "matrix/crypto/receiver.h"
#include "matrix/crypto/sas.h"
#include "matrix/crypto/secret-storage.h"
#include "matrix/crypto/signed.h"
#include "must.h"

#define ME     "@alice:example.org"
#define BOB    "@bob:example.org"
#define DEVICE "BUSYD"

static const uint8_t key[CRYPTO_SECRET_BYTES] = { 1 };
static const struct instant at = { .now = USEC_PER_HOUR, .wall = USEC_PER_HOUR };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct receiver *receiver(void) {
        static const char *const wanted[] = { BOB };
        struct receiver *r = NULL;
        char master[CRYPTO_KEY_TEXT];

        must(crypto_seed_public(key, master) == 0, "it goes on");
        must(receiver_new(&r, ME, DEVICE, master, &at) == 0, "it goes on");
        must(receiver_want(r, wanted, 1) == 0, "it goes on");
        return r;
}

/* All that is asked for is answered with the input. */
static void work(struct receiver *r, const json_t *answer) {
        for (int i = 0; i < 20; i++) {
                struct receiver_order o;

                must(receiver_decide(r, &at, &o) == 0, "it goes on");
                json_decref(o.body);
                switch (o.step) {
                case RECEIVER_IDLE:
                        return;
                case RECEIVER_SAVE:
                        receiver_saved(r);
                        break;
                case RECEIVER_UPLOAD:
                        if (receiver_uploaded(r, answer, &at) < 0)
                                receiver_failed(r, USEC_NEVER);
                        break;
                case RECEIVER_QUERY:
                        if (receiver_queried(r, answer, &at) < 0)
                                receiver_failed(r, USEC_NEVER);
                        break;
                case RECEIVER_CLAIM:
                        if (receiver_claimed(r, answer, &at) < 0)
                                receiver_failed(r, USEC_NEVER);
                        break;
                case RECEIVER_SEND:
                        receiver_sent(r);
                        break;
                }
        }
}

static void try_receiver(const json_t *v) {
        SCOPED(receiver_free) struct receiver *r = receiver();
        SCOPED(json_decref) json_t *stored = NULL;
        SCOPED(receiver_free) struct receiver *again = NULL;
        const struct receiver_sync sync = {
                .to_device = json_object_get(v, "to_device"),
                .one_time_key_counts = json_object_get(v, "device_one_time_keys_count"),
                .unused_fallback_keys = json_object_get(v, "device_unused_fallback_key_types"),
                .changed = json_object_get(v, "changed"),
        };
        const json_t *content = json_member_object(v, "content");
        struct matrix_event e = {
                .room_id = "!a:x",
                .type = "m.room.encrypted",
                .sender = BOB,
                .event_id = "$1",
                .content = content,
        };

        must(receiver_take_sync(r, &sync, &at) == 0, "it goes on");
        if (content) {
                SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };

                must(receiver_read(r, &e, &at, &p) >= 0, "it goes on");
        }
        work(r, v);
        must(receiver_store(r, key, &stored) == 0, "it goes on");
        must(receiver_load(&again, stored, key, &at) == 0, "it goes on");
}

static void try_plaintext(const char *data, size_t size) {
        SCOPED(olm_plaintext_done) struct olm_plaintext p = { 0 };
        const struct olm_envelope e = { .sender = BOB, .sender_key = "k", .me = ME, .my_ed25519 = "e" };

        must(olm_plaintext_read(data, size, &e, &p) >= 0, "it goes on");
}

static void try_storage(const json_t *v) {
        uint8_t out[CRYPTO_SECRET_BYTES];
        const json_t *how = json_member_object(v, "passphrase");

        /* Those that are allowed take their time. */
        if (json_member_int(how, "iterations", 0) <= 1000)
                (void) secret_storage_unlock(v, "a passphrase", out);
        (void) secret_storage_seed(v, "m.cross_signing.master", "ID", key, out);
        (void) secret_storage_prove(v, ME, key, key);
}

/* As a message, a key, a signature and a pickle. */
static void try_library(const char *text) {
        SCOPED(crypto_account_free) struct crypto_account *a = NULL;
        SCOPED(crypto_session_free) struct crypto_session *s = NULL, *outbound = NULL;
        SCOPED(crypto_megolm_free) struct crypto_megolm *m = NULL;
        SCOPED(crypto_text_done) struct crypto_text plaintext = { 0 };
        char curve25519[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT];
        uint32_t index;

        must(crypto_account_new(&a) == 0, "an account");
        must(crypto_account_keys(a, curve25519, ed25519) == 0, "its keys");
        must(crypto_account_outbound(a, curve25519, curve25519, &outbound) == 0, "a session");
        must(crypto_session_decrypt(outbound, CRYPTO_OLM_PREKEY, text, &plaintext) < 0, "nobody knows its keys");
        must(crypto_session_decrypt(outbound, CRYPTO_OLM_NORMAL, text, &plaintext) < 0, "nobody knows its keys");
        must(crypto_session_matches(outbound, text) <= 0, "nobody knows its keys");
        must(crypto_account_inbound(a, curve25519, text, &s, &plaintext) < 0, "there are no one-time keys");
        must(crypto_verify(ed25519, "x", 1, text) < 0, "nobody signs");
        (void) crypto_verify(text, "x", 1, text);
        must(crypto_session_unpickle(&s, key, text) < 0, "nobody knows the key");
        if (crypto_megolm_new(&m, text) == 0)
                (void) crypto_megolm_decrypt(m, text, &plaintext, &index);
}

static void try_stored(const json_t *v) {
        SCOPED(receiver_free) struct receiver *r = NULL;

        (void) receiver_load(&r, v, key, &at);
}

/* ---- comparing emoji ---- */

#define TXN   "0123456789abcdef0123456789abcdef"
#define PHONE "ANDROID" /* before ours: its start counts */

static void sign(json_t *object, const char *name, const uint8_t seed[CRYPTO_SECRET_BYTES]) {
        SCOPED(free) char *bytes = NULL;
        char signature[CRYPTO_SIGNATURE_TEXT];

        must(signed_json_bytes(object, &bytes) == 0, "it can be signed");
        must(crypto_seed_sign(seed, bytes, strlen(bytes), signature) == 0, "it can be signed");
        must(signed_json_add(object, ME, name, signature) == 0, "it can be signed");
}

static json_t *identity_key(const char *public_key) {
        char name[64];

        (void) snprintf(name, sizeof(name), "ed25519:%s", public_key);
        return json_pack("{ss s[] s{ss}}", "user_id", ME, "usage", "keys", name, public_key);
}

/* One identity, which signs itself and the phone. */
static json_t *keys_shown(const char *public_key) {
        json_t *phone = json_pack("{ss ss s[] s{ss ss}}", "user_id", ME, "device_id", PHONE, "algorithms", "keys",
                                  "curve25519:" PHONE, public_key, "ed25519:" PHONE, public_key);
        json_t *master = identity_key(public_key), *signing = identity_key(public_key);

        must(phone && master && signing, "memory");
        sign(phone, PHONE, key);
        sign(phone, public_key, key);
        sign(signing, public_key, key);
        return json_pack("{s{s{so}} s{so} s{so}}", "device_keys", ME, PHONE, phone, "master_keys", ME, master,
                         "self_signing_keys", ME, signing);
}

/* Messages of this comparison; nobody can prove who does not know the secret. */
static void try_sas(json_t *messages) {
        SCOPED(sas_free) struct sas *s = NULL;
        SCOPED(json_decref) json_t *keys = NULL;
        struct sas_message m;
        char public_key[CRYPTO_KEY_TEXT];
        json_t *v;
        size_t i;

        must(crypto_seed_public(key, public_key) == 0, "it goes on");
        keys = keys_shown(public_key);
        must(keys && sas_new(&s, &(struct own_device){ ME, DEVICE, public_key, public_key, public_key }, keys, TXN,
                             &at) == 0,
             "it goes on");
        json_array_foreach(messages, i, v) {
                (void) json_object_set_new(json_object_get(v, "content"), "transaction_id", json_string(TXN));
                (void) json_object_set_new(v, "sender", json_string(ME));
                must(sas_take(s, v) == 0, "it goes on");
                must(sas_answer(s, true) == 0, "it goes on");
                must(sas_phase(s) != SAS_DONE && !sas_master(s), "nobody is believed");
        }
        while (sas_next(s, &m))
                json_decref(m.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        SCOPED(json_decref) json_t *v = NULL;
        SCOPED(free) char *text = NULL;
        uint8_t out[CRYPTO_SECRET_BYTES];

        if (size == 0)
                return 0;
        text = strndup((const char *) data + 1, size - 1);
        must(text, "memory");
        switch (data[0] % 7) {
        case 0:
                try_plaintext((const char *) data + 1, size - 1);
                return 0;
        case 1:
                (void) recovery_key_read(text, out);
                return 0;
        case 2:
                if (json_parse((const char *) data + 1, size - 1, &v) == 0)
                        try_receiver(v);
                return 0;
        case 4:
                try_library(text);
                return 0;
        case 6:
                if (json_parse((const char *) data + 1, size - 1, &v) == 0)
                        try_sas(v);
                return 0;
        case 3:
                if (json_parse((const char *) data + 1, size - 1, &v) == 0)
                        try_storage(v);
                return 0;
        default:
                if (json_parse((const char *) data + 1, size - 1, &v) == 0)
                        try_stored(v);
                return 0;
        }
}
