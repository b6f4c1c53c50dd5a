/* See trust.h. */
#include "matrix/crypto/trust.h"

#include "json/json.h"

static enum trust_step step_of(enum own_state state) {
        switch (state) {
        case OWN_SIGNED:
                return TRUST_DONE;
        case OWN_UNPROVEN:
        case OWN_UNSIGNED:
                return TRUST_SIGN;
        case OWN_GONE:
                return TRUST_INTRODUCE;
        case OWN_OTHER:
                return TRUST_LOG_IN_ANEW;
        case OWN_UNKNOWN:
        case OWN_STATES:
                break;
        }
        return TRUST_UNKNOWN;
}

enum trust_step trust_decide(const struct own_device *kept, const char *user_id, const char *device_id,
                             const json_t *answer) {
        const json_t *devices = json_member_object(json_member_object(answer, "device_keys"), user_id);

        if (kept && streq(kept->user_id, user_id) && streq(kept->device_id, device_id))
                return step_of(own_judge(kept, answer));
        if (!devices)
                return TRUST_UNKNOWN;
        return json_object_get(devices, device_id) ? TRUST_LOG_IN_ANEW : TRUST_INTRODUCE;
}

bool trust_has_identity(const char *user_id, const json_t *answer) {
        return json_member_object(json_member_object(answer, "master_keys"), user_id) &&
               json_member_object(json_member_object(answer, "self_signing_keys"), user_id);
}

const char *trust_default_key(const json_t *account_data) {
        const char *id = json_member_string(account_data, "key");

        return id && *id ? id : NULL;
}
