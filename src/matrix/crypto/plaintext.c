/* See plaintext.h. */
#include "matrix/crypto/plaintext.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/crypto/crypto.h"

void olm_plaintext_done(struct olm_plaintext *p) {
        json_decref(p->root);
        *p = (struct olm_plaintext){ 0 };
}

bool olm_device_fits(const struct device_keys *k, const char *user_id, const char *sender_key, const char *ed25519) {
        return streq(k->user_id, user_id) && streq(k->curve25519, sender_key) && streq(k->ed25519, ed25519);
}

static bool member_is(const json_t *object, const char *key, const char *value) {
        const char *s = json_member_string(object, key);

        return s && streq(s, value);
}

static int judge(struct olm_plaintext *p, const struct olm_envelope *e) {
        const json_t *device;
        int r;

        p->type = json_member_string(p->root, "type");
        p->content = json_member_object(p->root, "content");
        if (!p->type || !p->content)
                return OLM_NO_PLAINTEXT;
        if (!member_is(p->root, "sender", e->sender))
                return OLM_OTHER_SENDER;
        if (!member_is(p->root, "recipient", e->me))
                return OLM_OTHER_RECIPIENT;
        if (!member_is(json_member_object(p->root, "recipient_keys"), "ed25519", e->my_ed25519))
                return OLM_OTHER_RECIPIENT_KEY;
        p->ed25519 = json_member_string(json_member_object(p->root, "keys"), "ed25519");
        if (!p->ed25519 || strlen(p->ed25519) != CRYPTO_KEY_TEXT - 1)
                return OLM_NO_SENDER_KEY;
        device = json_object_get(p->root, "sender_device_keys");
        if (!device)
                device = json_object_get(p->root, "org.matrix.msc4147.device_keys");
        if (!device)
                return OLM_DEVICE_UNPROVEN;
        r = device_keys_read(device, &p->device);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !olm_device_fits(&p->device, e->sender, e->sender_key, p->ed25519))
                return OLM_OTHER_DEVICE;
        return OLM_ACCEPTED;
}

int olm_plaintext_read(const char *data, size_t size, const struct olm_envelope *e, struct olm_plaintext *ret) {
        SCOPED(olm_plaintext_done) struct olm_plaintext p = { 0 };
        int r = json_parse(data, size, &p.root), verdict;

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return OLM_NO_PLAINTEXT;
        verdict = judge(&p, e);
        if (verdict == OLM_ACCEPTED || verdict == OLM_DEVICE_UNPROVEN) {
                *ret = p;
                p = (struct olm_plaintext){ 0 };
        }
        return verdict;
}
