/* See healer.h. */
#include "matrix/crypto/healer.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/crypto/signed.h"

int healer_claimed(const json_t *answer, const struct device_keys *device, const char **ret_key) {
        const json_t *keys = json_member_object(
                json_member_object(json_member_object(answer, "one_time_keys"), device->user_id), device->device_id);
        const char *name, *key;
        json_t *v;
        int r;

        json_object_foreach((json_t *) keys, name, v) {
                if (strncmp(name, "signed_curve25519:", 18) != 0)
                        continue;
                key = json_member_string(v, "key");
                r = key ? signed_json_check(v, device->user_id, device->device_id, device->ed25519) : -EBADMSG;
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        continue;
                *ret_key = key;
                return 0;
        }
        return -EBADMSG;
}

int healer_begin(struct crypto_account *account, const struct device_keys *own, const struct device_keys *device,
                 const char *key, struct crypto_session **ret_session, json_t **ret_content) {
        SCOPED(crypto_session_free) struct crypto_session *s = NULL;
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        SCOPED(json_decref) json_t *says = NULL;
        SCOPED(free) char *bytes = NULL;
        json_t *content;
        int type = CRYPTO_OLM_PREKEY, r;

        says = json_pack("{ss s{} ss ss s{ss} s{ss} sO}", "type", "m.dummy", "content", "sender", own->user_id,
                         "recipient", device->user_id, "recipient_keys", "ed25519", device->ed25519, "keys", "ed25519",
                         own->ed25519, "sender_device_keys", own->object);
        bytes = says ? json_dumps_whole(says, JSON_COMPACT) : NULL;
        if (!bytes)
                return -ENOMEM;
        r = crypto_account_outbound(account, device->curve25519, key, &s);
        if (r == 0)
                r = crypto_session_encrypt(s, bytes, strlen(bytes), &type, &text);
        if (r < 0)
                return r;
        content = json_pack("{ss ss s{s{si ss}}}", "algorithm", "m.olm.v1.curve25519-aes-sha2", "sender_key",
                            own->curve25519, "ciphertext", device->curve25519, "type", type, "body", text.data);
        if (!content)
                return -ENOMEM;
        *ret_session = TAKE(s);
        *ret_content = content;
        return 0;
}
