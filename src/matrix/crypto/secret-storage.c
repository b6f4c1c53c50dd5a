/* See secret-storage.h. The cryptography is libcrypto's. */
#include "matrix/crypto/secret-storage.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "json/json.h"
#include "matrix/crypto/identities.h"

#define ALGORITHM "m.secret_storage.v1.aes-hmac-sha2"
#define IV_BYTES  16
#define MAC_BYTES 32

/* ---- recovery keys: base58 of 8B 01, the key, and a byte that makes the XOR of all of them 0 ---- */

#define RECOVERY_BYTES (2 + CRYPTO_SECRET_BYTES + 1)

int recovery_key_read(const char *text, uint8_t ret[CRYPTO_SECRET_BYTES]) {
        static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
        uint8_t bytes[RECOVERY_BYTES] = { 0 }, parity = 0;
        bool fits = true;

        for (const char *c = text; *c && fits; c++) {
                const char *digit = isspace((unsigned char) *c) ? NULL : strchr(alphabet, *c);
                unsigned carry;

                if (isspace((unsigned char) *c))
                        continue;
                fits = digit;
                carry = digit ? (unsigned) (digit - alphabet) : 0;
                for (size_t i = RECOVERY_BYTES; i-- > 0;) {
                        carry += 58U * bytes[i];
                        bytes[i] = (uint8_t) carry;
                        carry >>= 8;
                }
                fits = fits && carry == 0;
        }
        for (size_t i = 0; i < RECOVERY_BYTES; i++)
                parity ^= bytes[i];
        fits = fits && bytes[0] == 0x8b && bytes[1] == 0x01 && parity == 0;
        if (fits)
                memcpy(ret, bytes + 2, CRYPTO_SECRET_BYTES);
        explicit_bzero(bytes, sizeof(bytes));
        return fits ? 0 : -EBADMSG;
}

/* ---- what is encrypted ---- */

/* Base64, padded or not: how many bytes of at most `max`, or -EBADMSG. */
static int read_base64(const char *s, uint8_t *ret, size_t max) {
        size_t size = strlen(s), padded;
        uint8_t *bytes;
        char *text;
        int n = -EBADMSG;

        while (size > 0 && s[size - 1] == '=')
                size--;
        padded = (size + 3) / 4 * 4;
        if (size % 4 == 1 || size == 0 || size * 3 / 4 > max || padded > INT32_MAX)
                return -EBADMSG;
        text = malloc(padded + 1);
        bytes = malloc(padded);
        if (text && bytes) {
                memcpy(text, s, size);
                memset(text + size, '=', padded - size);
                text[padded] = '\0';
                if (EVP_DecodeBlock(bytes, (unsigned char *) text, (int) padded) >= 0) {
                        n = (int) (size * 3 / 4);
                        memcpy(ret, bytes, (size_t) n);
                }
        } else {
                n = -ENOMEM;
        }
        if (text)
                explicit_bzero(text, padded);
        if (bytes)
                explicit_bzero(bytes, padded);
        free(text);
        free(bytes);
        return n;
}

struct keys {
        uint8_t aes[32], mac[32];
};

static void keys_done(struct keys *k) {
        explicit_bzero(k, sizeof(*k));
}

static void keys_done_scoped(struct keys *k) {
        keys_done(k);
}

/* HKDF-SHA-256 with a salt of zeroes: the keys of one secret. */
static int derive(const uint8_t key[CRYPTO_SECRET_BYTES], const char *name, struct keys *ret) {
        uint8_t salt[32] = { 0 };
        char digest[] = "SHA256";
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *) key, CRYPTO_SECRET_BYTES),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof(salt)),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *) name, strlen(name)),
                OSSL_PARAM_construct_end(),
        };
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
        EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
        int r = ctx && EVP_KDF_derive(ctx, (unsigned char *) ret, sizeof(*ret), params) == 1 ? 0 : -ENOMEM;

        EVP_KDF_CTX_free(ctx);
        EVP_KDF_free(kdf);
        return r;
}

/* AES-256-CTR, the same in both directions. */
static int crypt(const struct keys *k, const uint8_t iv[IV_BYTES], const uint8_t *in, size_t size, uint8_t *ret) {
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int n, r = -ENOMEM;

        if (ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, k->aes, iv) == 1 &&
            EVP_EncryptUpdate(ctx, ret, &n, in, (int) size) == 1)
                r = 0;
        EVP_CIPHER_CTX_free(ctx);
        return r;
}

/* Whether `mac` is that of these bytes: 0, or -EKEYREJECTED. */
static int check_mac(const struct keys *k, const uint8_t *data, size_t size, const char *mac) {
        uint8_t said[MAC_BYTES], is[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (read_base64(mac, said, sizeof(said)) != MAC_BYTES)
                return -EKEYREJECTED;
        if (!HMAC(EVP_sha256(), k->mac, sizeof(k->mac), data, size, is, &n) || n != MAC_BYTES)
                return -ENOMEM;
        return CRYPTO_memcmp(said, is, MAC_BYTES) == 0 ? 0 : -EKEYREJECTED;
}

/* ---- the key of the storage ---- */

/* The storage says what 32 zero bytes come to with its key. */
static int check_key(const json_t *description, const uint8_t key[CRYPTO_SECRET_BYTES]) {
        SCOPED(keys_done) struct keys k = { 0 };
        const char *iv_text = json_member_string(description, "iv"), *mac = json_member_string(description, "mac");
        uint8_t iv[IV_BYTES], zeroes[32] = { 0 }, encrypted[32];
        int r;

        if (!iv_text || !mac)
                return 0;
        if (read_base64(iv_text, iv, sizeof(iv)) != IV_BYTES)
                return -EOPNOTSUPP;
        r = derive(key, "", &k);
        if (r == 0)
                r = crypt(&k, iv, zeroes, sizeof(zeroes), encrypted);
        return r < 0 ? r : check_mac(&k, encrypted, sizeof(encrypted), mac);
}

static int derive_from_passphrase(const json_t *how, const char *input, uint8_t ret[CRYPTO_SECRET_BYTES]) {
        const char *algorithm = json_member_string(how, "algorithm"), *salt = json_member_string(how, "salt");
        int64_t iterations = json_member_int(how, "iterations", 0), bits = json_member_int(how, "bits", 256);

        if (!how)
                return -EBADMSG;
        if (!algorithm || !streq(algorithm, "m.pbkdf2") || !salt || bits != INT64_C(8) * CRYPTO_SECRET_BYTES ||
            iterations < 1 || iterations > PASSPHRASE_ITERATIONS_MAX)
                return -EOPNOTSUPP;
        return PKCS5_PBKDF2_HMAC(input, (int) strlen(input), (const unsigned char *) salt, (int) strlen(salt),
                                 (int) iterations, EVP_sha512(), CRYPTO_SECRET_BYTES, ret) == 1
                       ? 0
                       : -ENOMEM;
}

int secret_storage_unlock(const json_t *description, const char *input, uint8_t ret[CRYPTO_SECRET_BYTES]) {
        const char *algorithm = json_member_string(description, "algorithm");
        uint8_t key[CRYPTO_SECRET_BYTES];
        int r;

        if (!algorithm || !streq(algorithm, ALGORITHM))
                return -EOPNOTSUPP;
        r = recovery_key_read(input, key);
        if (r < 0)
                r = derive_from_passphrase(json_member_object(description, "passphrase"), input, key);
        if (r == 0)
                r = check_key(description, key);
        if (r == 0)
                memcpy(ret, key, sizeof(key));
        explicit_bzero(key, sizeof(key));
        return r;
}

/* ---- what is in the storage ---- */

int secret_storage_seed(const json_t *account_data, const char *name, const char *key_id,
                        const uint8_t key[CRYPTO_SECRET_BYTES], uint8_t ret[CRYPTO_SECRET_BYTES]) {
        SCOPED(keys_done) struct keys k = { 0 };
        const json_t *v = json_member_object(json_member_object(account_data, "encrypted"), key_id);
        const char *iv_text = json_member_string(v, "iv"), *mac = json_member_string(v, "mac");
        const char *text = json_member_string(v, "ciphertext");
        uint8_t iv[IV_BYTES], encrypted[64];
        char plain[sizeof(encrypted) + 1] = { 0 };
        int n, r;

        if (!v)
                return -ENOENT;
        if (!iv_text || !mac || !text || read_base64(iv_text, iv, sizeof(iv)) != IV_BYTES)
                return -EBADMSG;
        n = read_base64(text, encrypted, sizeof(encrypted));
        if (n < 0)
                return n;
        r = derive(key, name, &k);
        if (r == 0)
                r = check_mac(&k, encrypted, (size_t) n, mac);
        if (r == 0)
                r = crypt(&k, iv, encrypted, (size_t) n, (uint8_t *) plain);
        if (r == 0)
                r = read_base64(plain, ret, CRYPTO_SECRET_BYTES) == CRYPTO_SECRET_BYTES ? 0 : -EBADMSG;
        explicit_bzero(plain, sizeof(plain));
        return r == -EKEYREJECTED ? -EBADMSG : r;
}

int secret_storage_prove(const json_t *answer, const char *user_id, const uint8_t master[CRYPTO_SECRET_BYTES],
                         const uint8_t self_signing[CRYPTO_SECRET_BYTES]) {
        SCOPED(identities_free) struct identities *ids = NULL;
        char master_key[CRYPTO_KEY_TEXT], signing_key[CRYPTO_KEY_TEXT];
        const char *shown;
        int r = crypto_seed_public(master, master_key);

        if (r == 0)
                r = crypto_seed_public(self_signing, signing_key);
        if (r == 0)
                r = identities_new(&ids, user_id);
        if (r == 0)
                r = identities_pin(ids, user_id, master_key);
        if (r == 0)
                r = identities_take(ids, answer, user_id);
        if (r < 0)
                return r == -ENOMEM ? r : -EKEYREJECTED;
        shown = identities_self_signing(ids, user_id);
        return shown && streq(shown, signing_key) ? 0 : -EKEYREJECTED;
}
