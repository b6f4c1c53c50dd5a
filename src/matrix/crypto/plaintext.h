/* What one device has said to this one by Olm: is it from whom it seems, and meant for us? Pure. */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "matrix/crypto/device-keys.h"

/* What is known of a message before it is read. */
struct olm_envelope {
        const char *sender;     /* user id, as the server says */
        const char *sender_key; /* Curve25519: whoever it belongs to has encrypted this */
        const char *me;         /* own user id */
        const char *my_ed25519;
};

enum olm_verdict {
        OLM_ACCEPTED,        /* of a device that the message itself proves */
        OLM_DEVICE_UNPROVEN, /* the rest holds; whether that device is its sender's is to be asked: olm_device_fits()
                              */
        /* Refused: */
        OLM_NO_PLAINTEXT,        /* no JSON, or without a type or content */
        OLM_OTHER_SENDER,        /* says that somebody else sends it */
        OLM_OTHER_RECIPIENT,     /* meant for somebody else, and sent on */
        OLM_OTHER_RECIPIENT_KEY, /* ... or for another device of ours */
        OLM_NO_SENDER_KEY,       /* does not say which device sends it */
        OLM_OTHER_DEVICE,        /* brings keys of a device that are not signed, or not those that it was sent with */
        OLM_VERDICTS,
};

/* Owns what it holds. */
struct olm_plaintext {
        json_t *root;
        const char *type;
        const json_t *content;
        const char *ed25519;       /* of the sending device, as it says */
        struct device_keys device; /* with OLM_ACCEPTED */
};
void olm_plaintext_done(struct olm_plaintext *p);
static inline void olm_plaintext_done_scoped(struct olm_plaintext *p) {
        olm_plaintext_done(p);
}

/* Makes all checks of the specification (m.olm.v1.curve25519-aes-sha2). Of what is refused *ret is left alone. -ENOMEM
 * or a verdict. */
int olm_plaintext_read(const char *data, size_t size, const struct olm_envelope *e, struct olm_plaintext *ret);

/* Whether these are the keys of the device that sent by `sender_key` and calls itself `ed25519`, and of that user. */
bool olm_device_fits(const struct device_keys *k, const char *user_id, const char *sender_key, const char *ed25519);
