/* Keys of the user's devices, as Synapse keeps them: it signs and checks nothing of its own. */
#include "internal.h"

#include <stdio.h>

#define ONE_TIME "signed_curve25519"

int model_keys_new(struct model *m) {
        m->keys = json_pack("{s{} s{} s{} s{}}", "devices", "one_time", "fallback", "identity");
        return m->keys ? 0 : -1;
}

const json_t *model_keys(const struct model *m) {
        return m->keys;
}

void model_set_identity(struct model *m, json_t *identity) {
        json_object_set_new(m->keys, "identity", identity);
        model_changed(m);
}

void model_forget_keys(struct model *m, const char *device) {
        json_object_del(json_object_get(m->keys, "devices"), device);
        json_object_del(json_object_get(m->keys, "one_time"), device);
        json_object_del(json_object_get(m->keys, "fallback"), device);
}

/* The part of one device, made if it is not there. */
static json_t *part_of(struct model *m, const char *part, const char *device) {
        json_t *all = json_object_get(m->keys, part);

        if (!json_object_get(all, device))
                json_object_set_new(all, device, json_object());
        return json_object_get(all, device);
}

/* Whether it is of this session; like Synapse, it takes other keys than before without a word. */
static bool take_device(struct exchange *e, json_t *device) {
        const char *user = json_string_value(json_object_get(device, "user_id")) ?: "";
        const char *id = json_string_value(json_object_get(device, "device_id")) ?: "";

        if (!streq(user, HS_USER) || !streq(id, e->session->device)) {
                exchange_error(e, 400, "M_INVALID_PARAM", "Not the keys of this device");
                return false;
        }
        json_object_set(json_object_get(e->m->keys, "devices"), id, device);
        return true;
}

/* The same key again is fine; another one of that id is refused, in words that quote both. */
static bool take_one_time(struct exchange *e, const json_t *keys) {
        json_t *had = part_of(e->m, "one_time", e->session->device);
        const char *id;
        json_t *key;

        json_object_foreach((json_t *) keys, id, key) {
                const json_t *old = json_object_get(had, id);
                char said[512];

                if (old && !json_equal(old, key)) {
                        (void) snprintf(said, sizeof(said), "One time key %s already exists. Old key: %s; new key: %s",
                                        id, json_string_value(json_object_get(old, "key")) ?: "",
                                        json_string_value(json_object_get(key, "key")) ?: "");
                        exchange_error(e, 400, "M_UNKNOWN", said);
                        return false;
                }
        }
        json_object_update(had, (json_t *) keys);
        return true;
}

void keys_post_upload(struct exchange *e) {
        json_t *device = json_object_get(e->body, "device_keys");
        size_t n;

        if (!e->session->device[0] || !json_is_object(e->body)) {
                exchange_error(e, 400, "M_BAD_JSON", "No keys");
                return;
        }
        if (!take_one_time(e, json_object_get(e->body, "one_time_keys")) || (device && !take_device(e, device)))
                return;
        if (json_object_get(e->body, "fallback_keys"))
                json_object_set(json_object_get(e->m->keys, "fallback"), e->session->device,
                                json_object_get(e->body, "fallback_keys"));
        n = json_object_size(part_of(e->m, "one_time", e->session->device));
        model_changed(e->m);
        e->status = 200;
        e->answer = json_pack("{s{sI}}", "one_time_key_counts", ONE_TIME, (json_int_t) n);
}

void keys_post_query(struct exchange *e) {
        const json_t *identity = json_object_get(e->m->keys, "identity");
        bool asked = json_object_get(json_object_get(e->body, "device_keys"), HS_USER) != NULL;
        json_t *devices = asked ? json_pack("{sO}", HS_USER, json_object_get(e->m->keys, "devices")) : json_object();
        json_t *master = asked ? json_object_get(identity, "master_key") : NULL;
        json_t *self_signing = asked ? json_object_get(identity, "self_signing_key") : NULL;

        e->status = 200;
        e->answer = json_pack("{so s{sO*} s{sO*} s{}}", "device_keys", devices, "master_keys", HS_USER, master,
                              "self_signing_keys", HS_USER, self_signing, "failures");
}

/* Signatures of devices; what is signed has to be what is here. */
void keys_post_signatures(struct exchange *e) {
        json_t *failures = json_object(), *device;
        const char *id;

        json_object_foreach(json_object_get(e->body, HS_USER), id, device) {
                json_t *here = json_object_get(json_object_get(e->m->keys, "devices"), id);
                json_t *bare = json_copy(here), *said = json_copy(device);

                json_object_del(bare, "signatures");
                json_object_del(said, "signatures");
                if (here && json_equal(bare, said))
                        json_object_update(json_object_get(json_object_get(here, "signatures"), HS_USER),
                                           json_object_get(json_object_get(device, "signatures"), HS_USER));
                else
                        json_object_set_new(failures, id, json_pack("{ss}", "errcode", "M_INVALID_SIGNATURE"));
                json_decref(bare);
                json_decref(said);
        }
        model_changed(e->m);
        e->status = 200;
        e->answer = json_object_size(failures) > 0 ? json_pack("{s{sO}}", "failures", HS_USER, failures)
                                                   : json_pack("{s{}}", "failures");
        json_decref(failures);
}
