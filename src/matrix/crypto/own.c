/* See own.h. */
#include "matrix/crypto/own.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/plaintext.h"

/* Whether the identity with that master key has signed the device; NULL: the one that is shown, whoever made it. */
static int is_signed(const struct own_device *own, const char *master, const json_t *answer,
                     const struct device_keys *k) {
        SCOPED(identities_free) struct identities *ids = NULL;
        int r = identities_new(&ids, own->user_id);

        if (r >= 0 && master)
                r = identities_pin(ids, own->user_id, master);
        if (r >= 0)
                r = identities_take(ids, answer, own->user_id);
        return r < 0 ? r : identities_sign(ids, k);
}

enum own_state own_judge(const struct own_device *own, const json_t *answer) {
        const json_t *devices = json_member_object(json_member_object(answer, "device_keys"), own->user_id);
        const json_t *shown = json_object_get(devices, own->device_id);
        struct device_keys k;
        int proven, r;

        if (!devices)
                return OWN_UNKNOWN;
        if (!shown)
                return OWN_GONE;
        r = device_keys_read(shown, &k);
        if (r == -ENOMEM)
                return OWN_UNKNOWN;
        if (r < 0 || !streq(k.device_id, own->device_id) ||
            !olm_device_fits(&k, own->user_id, own->curve25519, own->ed25519))
                return OWN_OTHER;
        proven = is_signed(own, own->master, answer, &k);
        if (proven > 0)
                return OWN_SIGNED;
        r = proven < 0 ? proven : is_signed(own, NULL, answer, &k);
        return r < 0 ? OWN_UNKNOWN : r > 0 ? OWN_UNPROVEN : OWN_UNSIGNED;
}
