/* The functions of ../crypto.h over libolm. libolm decodes base64 in the place where it stands, so each of its calls
 * gets a copy of a text of its own; it reads bytes that are no base64 as if they were, so those are refused here; and
 * it takes its random numbers from the caller. */
#include "matrix/crypto/crypto.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#include "json/json.h"
#include "matrix/crypto/libolm/library.h"

/* Wiped before it is freed: nearly all that goes through here is secret. */
struct buffer {
        void *data;
        size_t size;
};

static void buffer_done(struct buffer *b) {
        if (b->data) {
                explicit_bzero(b->data, b->size);
                free(b->data);
        }
        *b = (struct buffer){ 0 };
}

static void buffer_done_scoped(struct buffer *b) {
        buffer_done(b);
}

static int buffer_new(struct buffer *ret, size_t size) {
        *ret = (struct buffer){ .data = calloc(1, size + 1), .size = size };
        return ret->data ? 0 : -ENOMEM;
}

static int buffer_random(struct buffer *ret, size_t size) {
        int r = buffer_new(ret, size);

        if (r < 0)
                return r;
        for (size_t done = 0; done < size;) {
                ssize_t n = getrandom((char *) ret->data + done, size - done, 0);

                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t) n : 0;
        }
        return 0;
}

/* A copy for libolm to destroy, without padding. */
static int buffer_base64(struct buffer *ret, const char *s) {
        size_t size = strlen(s);
        int r;

        while (size > 0 && s[size - 1] == '=')
                size--;
        if (size == 0 || size % 4 == 1 ||
            strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") < size)
                return -EBADMSG;
        r = buffer_new(ret, size);
        if (r == 0)
                memcpy(ret->data, s, size);
        return r;
}

static void buffer_give(struct buffer *b, size_t size, struct crypto_text *ret) {
        char *data = TAKE(b->data);

        assert(data);
        data[size] = '\0';
        *ret = (struct crypto_text){ .data = data, .size = size };
}

static bool failed(size_t result) {
        return result == olm.error();
}

const char *crypto_library(void) {
        return "libolm";
}

/* libolm's objects lie in memory that we give. */
#define OBJECT(name, o, type, clear, make, size)                                                                      \
        struct crypto_##name *crypto_##name##_free(struct crypto_##name *o) {                                         \
                if (o) {                                                                                              \
                        (void) clear((type *) o);                                                                     \
                        free(o);                                                                                      \
                }                                                                                                     \
                return NULL;                                                                                          \
        }                                                                                                             \
        static type *name##_of(struct crypto_##name *o) {                                                             \
                return (type *) o;                                                                                    \
        }                                                                                                             \
        static int name##_make(struct crypto_##name **ret) {                                                          \
                int r = olm_load();                                                                                   \
                void *memory = r == 0 ? calloc(1, size()) : NULL;                                                     \
                if (!memory)                                                                                          \
                        return r < 0 ? r : -ENOMEM;                                                                   \
                *ret = (struct crypto_##name *) make(memory);                                                         \
                return 0;                                                                                             \
        }                                                                                                             \
        struct name##_needs_a_semicolon

OBJECT(account, a, OlmAccount, olm.clear_account, olm.account, olm.account_size);
OBJECT(session, s, OlmSession, olm.clear_session, olm.session, olm.session_size);
OBJECT(megolm, m, OlmInboundGroupSession, olm.clear_inbound_group_session, olm.inbound_group_session,
       olm.inbound_group_session_size);
OBJECT(sas, s, OlmSAS, olm.clear_sas, olm.sas, olm.sas_size);

#define PICKLING(name, o, make_pickle, length, read_pickle)                                                           \
        int crypto_##name##_pickle(struct crypto_##name *o, const uint8_t key[CRYPTO_SECRET_BYTES],                   \
                                   struct crypto_text *ret) {                                                         \
                SCOPED(buffer_done) struct buffer out = { 0 };                                                        \
                size_t size = length(name##_of(o));                                                                   \
                int r = buffer_new(&out, size);                                                                       \
                                                                                                                      \
                if (r < 0)                                                                                            \
                        return r;                                                                                     \
                if (failed(make_pickle(name##_of(o), key, CRYPTO_SECRET_BYTES, out.data, size)))                      \
                        return -EBADMSG;                                                                              \
                buffer_give(&out, size, ret);                                                                         \
                return 0;                                                                                             \
        }                                                                                                             \
        int crypto_##name##_unpickle(struct crypto_##name **ret, const uint8_t key[CRYPTO_SECRET_BYTES],              \
                                     const char *pickle) {                                                            \
                SCOPED(crypto_##name##_free) struct crypto_##name *o = NULL;                                          \
                SCOPED(buffer_done) struct buffer in = { 0 };                                                         \
                int r = buffer_base64(&in, pickle);                                                                   \
                                                                                                                      \
                if (r == 0)                                                                                           \
                        r = name##_make(&o);                                                                          \
                if (r < 0)                                                                                            \
                        return r;                                                                                     \
                if (failed(read_pickle(name##_of(o), key, CRYPTO_SECRET_BYTES, in.data, in.size)))                    \
                        return -EBADMSG;                                                                              \
                *ret = TAKE(o);                                                                                       \
                return 0;                                                                                             \
        }                                                                                                             \
        struct name##_pickling_needs_a_semicolon

PICKLING(account, a, olm.pickle_account, olm.pickle_account_length, olm.unpickle_account);
PICKLING(session, s, olm.pickle_session, olm.pickle_session_length, olm.unpickle_session);
PICKLING(megolm, m, olm.pickle_inbound_group_session, olm.pickle_inbound_group_session_length,
         olm.unpickle_inbound_group_session);

/* ---- the account ---- */

int crypto_account_new(struct crypto_account **ret) {
        SCOPED(crypto_account_free) struct crypto_account *a = NULL;
        SCOPED(buffer_done) struct buffer random = { 0 };
        int r = account_make(&a);

        if (r == 0)
                r = buffer_random(&random, olm.create_account_random_length(account_of(a)));
        if (r < 0)
                return r;
        if (failed(olm.create_account(account_of(a), random.data, random.size)))
                return -EBADMSG;
        *ret = TAKE(a);
        return 0;
}

static int copy_text(const json_t *from, const char *member, char *ret, size_t size) {
        const char *s = json_member_string(from, member);

        if (!s || strlen(s) >= size)
                return -EBADMSG;
        memcpy(ret, s, strlen(s) + 1);
        return 0;
}

int crypto_account_keys(struct crypto_account *a, char ret_curve25519[CRYPTO_KEY_TEXT],
                        char ret_ed25519[CRYPTO_KEY_TEXT]) {
        SCOPED(buffer_done) struct buffer out = { 0 };
        SCOPED(json_decref) json_t *keys = NULL;
        int r = buffer_new(&out, olm.account_identity_keys_length(account_of(a)));

        if (r < 0)
                return r;
        if (failed(olm.account_identity_keys(account_of(a), out.data, out.size)))
                return -EBADMSG;
        r = json_parse(out.data, out.size, &keys);
        if (r == 0)
                r = copy_text(keys, "curve25519", ret_curve25519, CRYPTO_KEY_TEXT);
        if (r == 0)
                r = copy_text(keys, "ed25519", ret_ed25519, CRYPTO_KEY_TEXT);
        return r;
}

int crypto_account_sign(struct crypto_account *a, const void *data, size_t size, char ret[CRYPTO_SIGNATURE_TEXT]) {
        if (failed(olm.account_sign(account_of(a), data, size, ret, CRYPTO_SIGNATURE_TEXT - 1)))
                return -EBADMSG;
        ret[CRYPTO_SIGNATURE_TEXT - 1] = '\0';
        return 0;
}

int crypto_account_generate(struct crypto_account *a, size_t n) {
        SCOPED(buffer_done) struct buffer random = { 0 };
        int r = buffer_random(&random, olm.account_generate_one_time_keys_random_length(account_of(a), n));

        if (r < 0)
                return r;
        return failed(olm.account_generate_one_time_keys(account_of(a), n, random.data, random.size)) ? -EBADMSG : 0;
}

int crypto_account_generate_fallback(struct crypto_account *a) {
        SCOPED(buffer_done) struct buffer random = { 0 };
        int r = buffer_random(&random, olm.account_generate_fallback_key_random_length(account_of(a)));

        if (r < 0)
                return r;
        return failed(olm.account_generate_fallback_key(account_of(a), random.data, random.size)) ? -EBADMSG : 0;
}

void crypto_account_forget_fallback(struct crypto_account *a) {
        olm.account_forget_old_fallback_key(account_of(a));
}

/* {"curve25519": {id: key}} */
static int read_keys(const struct buffer *from, struct crypto_public_key *ret, size_t max) {
        SCOPED(json_decref) json_t *keys = NULL;
        const char *id;
        json_t *key;
        size_t n = 0;
        int r = json_parse(from->data, from->size, &keys);

        if (r < 0)
                return r;
        json_object_foreach(json_object_get(keys, "curve25519"), id, key) {
                const char *s = json_string_value(key);

                if (n == max)
                        break;
                if (!s || strlen(id) >= CRYPTO_KEY_ID_TEXT || strlen(s) >= CRYPTO_KEY_TEXT)
                        return -EBADMSG;
                memcpy(ret[n].id, id, strlen(id) + 1);
                memcpy(ret[n].key, s, strlen(s) + 1);
                n++;
        }
        return (int) n;
}

int crypto_account_one_time_keys(struct crypto_account *a, struct crypto_public_key *ret, size_t max) {
        SCOPED(buffer_done) struct buffer out = { 0 };
        int r = buffer_new(&out, olm.account_one_time_keys_length(account_of(a)));

        if (r < 0)
                return r;
        if (failed(olm.account_one_time_keys(account_of(a), out.data, out.size)))
                return -EBADMSG;
        return read_keys(&out, ret, max);
}

int crypto_account_fallback_key(struct crypto_account *a, struct crypto_public_key *ret) {
        SCOPED(buffer_done) struct buffer out = { 0 };
        int r = buffer_new(&out, olm.account_unpublished_fallback_key_length(account_of(a)));

        if (r < 0)
                return r;
        if (failed(olm.account_unpublished_fallback_key(account_of(a), out.data, out.size)))
                return -EBADMSG;
        return read_keys(&out, ret, 1);
}

void crypto_account_published(struct crypto_account *a) {
        (void) olm.account_mark_keys_as_published(account_of(a));
}

/* ---- Olm ---- */

int crypto_session_matches(struct crypto_session *s, const char *body) {
        SCOPED(buffer_done) struct buffer message = { 0 };
        size_t result;
        int r = buffer_base64(&message, body);

        if (r < 0)
                return r;
        result = olm.matches_inbound_session(session_of(s), message.data, message.size);
        return failed(result) ? -EBADMSG : result == 1;
}

int crypto_session_decrypt(struct crypto_session *s, int type, const char *body, struct crypto_text *ret) {
        SCOPED(buffer_done) struct buffer first = { 0 }, second = { 0 }, out = { 0 };
        size_t size;
        int r;

        if (type != CRYPTO_OLM_PREKEY && type != CRYPTO_OLM_NORMAL)
                return -EBADMSG;
        if (type == CRYPTO_OLM_PREKEY) {
                r = crypto_session_matches(s, body);
                if (r <= 0)
                        return r < 0 ? r : -EBADMSG;
        }
        r = buffer_base64(&first, body);
        if (r == 0)
                r = buffer_base64(&second, body);
        if (r < 0)
                return r;
        size = olm.decrypt_max_plaintext_length(session_of(s), (size_t) type, first.data, first.size);
        if (failed(size))
                return -EBADMSG;
        r = buffer_new(&out, size);
        if (r < 0)
                return r;
        size = olm.decrypt(session_of(s), (size_t) type, second.data, second.size, out.data, out.size);
        if (failed(size))
                return -EBADMSG;
        buffer_give(&out, size, ret);
        return 0;
}

int crypto_account_inbound(struct crypto_account *a, const char *sender_key, const char *body,
                           struct crypto_session **ret, struct crypto_text *ret_plaintext) {
        SCOPED(crypto_session_free) struct crypto_session *s = NULL;
        SCOPED(crypto_text_done) struct crypto_text plaintext = { 0 };
        SCOPED(buffer_done) struct buffer key = { 0 }, message = { 0 };
        int r = buffer_base64(&key, sender_key);

        if (r == 0)
                r = buffer_base64(&message, body);
        if (r == 0)
                r = session_make(&s);
        if (r < 0)
                return r;
        /* olm_create_inbound_session_from() reads the sender's key from where it is not, if the message has none. */
        if (failed(olm.create_inbound_session(session_of(s), account_of(a), message.data, message.size)))
                return -EBADMSG;
        buffer_done(&message);
        r = buffer_base64(&message, body);
        if (r < 0)
                return r;
        if (olm.matches_inbound_session_from(session_of(s), key.data, key.size, message.data, message.size) != 1)
                return -EBADMSG;
        r = crypto_session_decrypt(s, CRYPTO_OLM_PREKEY, body, &plaintext);
        if (r < 0)
                return r;
        /* Of a fallback key, which stays, it says that it is not there. */
        (void) olm.remove_one_time_keys(account_of(a), session_of(s));
        *ret_plaintext = plaintext;
        plaintext = (struct crypto_text){ 0 };
        *ret = TAKE(s);
        return 0;
}

int crypto_account_outbound(struct crypto_account *a, const char *their_key, const char *their_one_time_key,
                            struct crypto_session **ret) {
        SCOPED(crypto_session_free) struct crypto_session *s = NULL;
        SCOPED(buffer_done) struct buffer key = { 0 }, one_time_key = { 0 }, random = { 0 };
        int r = buffer_base64(&key, their_key);

        if (r == 0)
                r = buffer_base64(&one_time_key, their_one_time_key);
        if (r == 0)
                r = session_make(&s);
        if (r == 0)
                r = buffer_random(&random, olm.create_outbound_session_random_length(session_of(s)));
        if (r < 0)
                return r;
        if (failed(olm.create_outbound_session(session_of(s), account_of(a), key.data, key.size, one_time_key.data,
                                               one_time_key.size, random.data, random.size)))
                return -EBADMSG;
        *ret = TAKE(s);
        return 0;
}

int crypto_session_encrypt(struct crypto_session *s, const void *data, size_t size, int *ret_type,
                           struct crypto_text *ret) {
        SCOPED(buffer_done) struct buffer random = { 0 }, out = { 0 };
        size_t type = olm.encrypt_message_type(session_of(s));
        int r = buffer_random(&random, olm.encrypt_random_length(session_of(s)));

        if (r == 0)
                r = buffer_new(&out, olm.encrypt_message_length(session_of(s), size));
        if (r < 0)
                return r;
        size = olm.encrypt(session_of(s), data, size, random.data, random.size, out.data, out.size);
        if (failed(type) || failed(size))
                return -EBADMSG;
        *ret_type = (int) type;
        buffer_give(&out, size, ret);
        return 0;
}

/* ---- Megolm ---- */

int crypto_megolm_new(struct crypto_megolm **ret, const char *session_key) {
        SCOPED(crypto_megolm_free) struct crypto_megolm *m = NULL;
        SCOPED(buffer_done) struct buffer key = { 0 };
        int r = buffer_base64(&key, session_key);

        if (r == 0)
                r = megolm_make(&m);
        if (r < 0)
                return r;
        if (failed(olm.init_inbound_group_session(megolm_of(m), key.data, key.size)))
                return -EBADMSG;
        *ret = TAKE(m);
        return 0;
}

int crypto_megolm_id(struct crypto_megolm *m, char ret[CRYPTO_KEY_TEXT]) {
        size_t size = olm.inbound_group_session_id(megolm_of(m), (uint8_t *) ret, CRYPTO_KEY_TEXT - 1);

        if (failed(size))
                return -EBADMSG;
        ret[size] = '\0';
        return 0;
}

uint32_t crypto_megolm_first_index(struct crypto_megolm *m) {
        return olm.inbound_group_session_first_known_index(megolm_of(m));
}

int crypto_megolm_decrypt(struct crypto_megolm *m, const char *body, struct crypto_text *ret, uint32_t *ret_index) {
        SCOPED(buffer_done) struct buffer first = { 0 }, second = { 0 }, out = { 0 };
        uint32_t index;
        size_t size;
        int r = buffer_base64(&first, body);

        if (r == 0)
                r = buffer_base64(&second, body);
        if (r < 0)
                return r;
        size = olm.group_decrypt_max_plaintext_length(megolm_of(m), first.data, first.size);
        if (failed(size))
                return -EBADMSG;
        r = buffer_new(&out, size);
        if (r < 0)
                return r;
        size = olm.group_decrypt(megolm_of(m), second.data, second.size, out.data, out.size, &index);
        if (failed(size))
                return -EBADMSG;
        buffer_give(&out, size, ret);
        *ret_index = index;
        return 0;
}

/* ---- comparing emoji ---- */

int crypto_sas_new(struct crypto_sas **ret) {
        SCOPED(crypto_sas_free) struct crypto_sas *s = NULL;
        SCOPED(buffer_done) struct buffer random = { 0 };
        int r = sas_make(&s);

        if (r == 0)
                r = buffer_random(&random, olm.create_sas_random_length(sas_of(s)));
        if (r < 0)
                return r;
        if (failed(olm.create_sas(sas_of(s), random.data, random.size)))
                return -EBADMSG;
        *ret = TAKE(s);
        return 0;
}

int crypto_sas_key(struct crypto_sas *s, char ret[CRYPTO_KEY_TEXT]) {
        if (olm.sas_is_their_key_set(sas_of(s)) || failed(olm.sas_get_pubkey(sas_of(s), ret, CRYPTO_KEY_TEXT - 1)))
                return -EBADMSG;
        ret[CRYPTO_KEY_TEXT - 1] = '\0';
        return 0;
}

static int set_their_key(struct crypto_sas *s, const char *their_key) {
        SCOPED(buffer_done) struct buffer key = { 0 };
        int r = buffer_base64(&key, their_key);

        if (r < 0)
                return r;
        if (key.size != CRYPTO_KEY_TEXT - 1 || olm.sas_is_their_key_set(sas_of(s)) ||
            failed(olm.sas_set_their_key(sas_of(s), key.data, key.size)))
                return -EBADMSG;
        return 0;
}

/* libolm takes keys with which everybody gets the same secret: then so does somebody else of ours. */
int crypto_sas_agree(struct crypto_sas *s, const char *their_key) {
        SCOPED(crypto_sas_free) struct crypto_sas *other = NULL;
        uint8_t bytes[CRYPTO_KEY_TEXT], others[CRYPTO_KEY_TEXT];
        int r = crypto_sas_new(&other);

        if (r == 0)
                r = set_their_key(other, their_key);
        if (r == 0)
                r = set_their_key(s, their_key);
        if (r < 0)
                return r;
        if (failed(olm.sas_generate_bytes(sas_of(s), "", 0, bytes, sizeof(bytes))) ||
            failed(olm.sas_generate_bytes(sas_of(other), "", 0, others, sizeof(others))))
                return -EBADMSG;
        r = memcmp(bytes, others, sizeof(bytes)) == 0 ? -EBADMSG : 0;
        explicit_bzero(bytes, sizeof(bytes));
        explicit_bzero(others, sizeof(others));
        return r;
}

int crypto_sas_bytes(struct crypto_sas *s, const char *info, uint8_t ret[CRYPTO_SAS_BYTES]) {
        return failed(olm.sas_generate_bytes(sas_of(s), info, strlen(info), ret, CRYPTO_SAS_BYTES)) ? -EBADMSG : 0;
}

int crypto_sas_mac(struct crypto_sas *s, const char *input, const char *info, char ret[CRYPTO_KEY_TEXT]) {
        if (failed(olm.sas_calculate_mac_fixed_base64(sas_of(s), input, strlen(input), info, strlen(info), ret,
                                                      CRYPTO_KEY_TEXT - 1)))
                return -EBADMSG;
        ret[CRYPTO_KEY_TEXT - 1] = '\0';
        return 0;
}

/* ---- Ed25519 ---- */

int crypto_verify(const char *key, const void *data, size_t size, const char *signature) {
        SCOPED(buffer_done) struct buffer utility = { 0 }, ed25519 = { 0 }, copy = { 0 };
        int r = olm_load();

        if (r == 0)
                r = buffer_base64(&ed25519, key);
        if (r == 0)
                r = buffer_base64(&copy, signature);
        if (r == 0)
                r = buffer_new(&utility, olm.utility_size());
        if (r < 0)
                return r;
        if (ed25519.size != CRYPTO_KEY_TEXT - 1 || copy.size != CRYPTO_SIGNATURE_TEXT - 1)
                return -EBADMSG;
        return failed(olm.ed25519_verify(olm.utility(utility.data), ed25519.data, ed25519.size, data, size, copy.data,
                                         copy.size))
                       ? -EBADMSG
                       : 0;
}

static int signing_make(const uint8_t seed[CRYPTO_SECRET_BYTES], struct buffer *ret_memory, OlmPkSigning **ret,
                        char ret_public[CRYPTO_KEY_TEXT]) {
        int r = olm_load();

        if (r == 0)
                r = buffer_new(ret_memory, olm.pk_signing_size());
        if (r < 0)
                return r;
        *ret = olm.pk_signing(ret_memory->data);
        if (failed(olm.pk_signing_key_from_seed(*ret, ret_public, CRYPTO_KEY_TEXT - 1, seed, CRYPTO_SECRET_BYTES)))
                return -EBADMSG;
        ret_public[CRYPTO_KEY_TEXT - 1] = '\0';
        return 0;
}

int crypto_seed_public(const uint8_t seed[CRYPTO_SECRET_BYTES], char ret[CRYPTO_KEY_TEXT]) {
        SCOPED(buffer_done) struct buffer memory = { 0 };
        OlmPkSigning *signing;

        return signing_make(seed, &memory, &signing, ret);
}

int crypto_seed_sign(const uint8_t seed[CRYPTO_SECRET_BYTES], const void *data, size_t size,
                     char ret[CRYPTO_SIGNATURE_TEXT]) {
        SCOPED(buffer_done) struct buffer memory = { 0 };
        char public_key[CRYPTO_KEY_TEXT];
        OlmPkSigning *signing;
        int r = signing_make(seed, &memory, &signing, public_key);

        if (r < 0)
                return r;
        if (failed(olm.pk_sign(signing, data, size, (uint8_t *) ret, CRYPTO_SIGNATURE_TEXT - 1)))
                return -EBADMSG;
        ret[CRYPTO_SIGNATURE_TEXT - 1] = '\0';
        return 0;
}
