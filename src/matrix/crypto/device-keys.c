/* See device-keys.h. */
#include "matrix/crypto/device-keys.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/crypto.h"
#include "matrix/crypto/signed.h"

#define ID_BYTES_MAX 255

static int read_key(const json_t *keys, const char *algorithm, const char *device_id, const char **ret) {
        char name[sizeof("curve25519:") + ID_BYTES_MAX];
        const char *key;

        (void) snprintf(name, sizeof(name), "%s:%s", algorithm, device_id);
        key = json_member_string(keys, name);
        if (!key || strlen(key) != CRYPTO_KEY_TEXT - 1)
                return -EBADMSG;
        *ret = key;
        return 0;
}

int device_keys_parse(const json_t *object, struct device_keys *ret) {
        const json_t *keys = json_member_object(object, "keys");
        struct device_keys k = {
                .user_id = json_member_string(object, "user_id"),
                .device_id = json_member_string(object, "device_id"),
                .object = object,
        };
        int r;

        if (!k.user_id || !k.device_id || strlen(k.user_id) > ID_BYTES_MAX || strlen(k.device_id) > ID_BYTES_MAX)
                return -EBADMSG;
        r = read_key(keys, "curve25519", k.device_id, &k.curve25519);
        if (r == 0)
                r = read_key(keys, "ed25519", k.device_id, &k.ed25519);
        if (r < 0)
                return r;
        *ret = k;
        return 0;
}

int device_keys_read(const json_t *object, struct device_keys *ret) {
        struct device_keys k;
        int r = device_keys_parse(object, &k);

        if (r == 0)
                r = signed_json_check(object, k.user_id, k.device_id, k.ed25519);
        if (r < 0)
                return r;
        *ret = k;
        return 0;
}

int device_keys_are_cross_signed(const struct device_keys *k, const char *self_signing_key) {
        int r = signed_json_check(k->object, k->user_id, self_signing_key, self_signing_key);

        return r == -ENOMEM ? r : r == 0;
}
