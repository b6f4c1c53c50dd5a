/* See own.h. */
#include "matrix/crypto/own.h"

#include "json/json.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/plaintext.h"

enum own_state own_judge(const struct own_device *own, const json_t *answer) {
        SCOPED(identities_free) struct identities *ids = NULL;
        const json_t *devices = json_member_object(json_member_object(answer, "device_keys"), own->user_id);
        const json_t *shown = json_object_get(devices, own->device_id);
        struct device_keys k;

        if (!devices)
                return OWN_UNKNOWN;
        if (!shown)
                return OWN_GONE;
        if (device_keys_read(shown, &k) < 0 || !streq(k.device_id, own->device_id) ||
            !olm_device_fits(&k, own->user_id, own->curve25519, own->ed25519))
                return OWN_OTHER;
        if (identities_new(&ids, own->user_id) < 0 || identities_pin(ids, own->user_id, own->master) < 0 ||
            identities_take(ids, answer, own->user_id) < 0)
                return OWN_UNKNOWN;
        return identities_sign(ids, &k) ? OWN_SIGNED : OWN_UNSIGNED;
}
