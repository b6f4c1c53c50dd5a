/* What is to be done so that the user's identity signs this device, by what the server shows (an answer of
 * /keys/query) and what is kept here. Pure. The rule behind it: a device with keys that nobody has signed harms those
 * who write to the user, so there is none, whatever ends this in between. */
#pragma once

#include "matrix/crypto/own.h"

enum trust_step {
        TRUST_UNKNOWN,   /* the server says nothing of the user's devices */
        TRUST_DONE,      /* it is signed by that identity */
        TRUST_INTRODUCE, /* the server has no keys of it: they go there signed, new ones or those that are kept here */
        TRUST_SIGN,      /* it has them, and they are ours: the signature goes there alone */
        TRUST_LOG_IN_ANEW, /* it has keys of this device that are not here: they cannot be replaced */
};

/* `kept`: the device as it is kept here, with the master key that was proved; NULL: nothing is kept, and only the
 * other two arguments say who we are. */
enum trust_step trust_decide(const struct own_device *kept, const char *user_id, const char *device_id,
                             const json_t *answer);

/* Whether the user has an identity at all, as the server shows it. */
bool trust_has_identity(const char *user_id, const json_t *answer);

/* The id of the key of secret storage, from the account data m.secret_storage.default_key; NULL: there is none.
 * Borrowed. */
const char *trust_default_key(const json_t *account_data);
