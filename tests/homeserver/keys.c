/* Keys of the user's devices, as Synapse keeps them: it signs and checks nothing of its own. */
#include "internal.h"

#include <stdio.h>

#define ONE_TIME "signed_curve25519"

int model_keys_new(struct model *m) {
        m->keys = json_pack("{s{} s{} s{} s{} s{} s{} s{} si}", "devices", "one_time", "fallback", "identity",
                            "others", "given", "fallback_used", "again", 0);
        m->to_device = json_array();
        m->sent = json_array();
        m->lists = json_object();
        return m->keys && m->to_device && m->sent && m->lists ? 0 : -1;
}

void model_keys_done(struct model *m) {
        json_decref(m->keys);
        json_decref(m->to_device);
        json_decref(m->sent);
        json_decref(m->lists);
}

/* Their devices or their identity. */
static void changes(struct model *m, const char *user) {
        json_object_set_new(m->lists, user, json_integer(++m->position));
        model_changed(m);
}

const json_t *model_keys(const struct model *m) {
        return m->keys;
}

void model_set_identity(struct model *m, json_t *identity) {
        json_object_set_new(m->keys, "identity", identity);
        changes(m, HS_USER);
}

void model_set_person(struct model *m, const char *user, json_t *keys) {
        if (streq(user, HS_USER)) {
                json_object_update(json_object_get(m->keys, "devices"), json_object_get(keys, "devices"));
                json_object_update(json_object_get(m->keys, "one_time"), json_object_get(keys, "one_time"));
                json_decref(keys);
        } else
                json_object_set_new(json_object_get(m->keys, "others"), user, keys);
        changes(m, user);
}

void model_forget_keys(struct model *m, const char *device) {
        bool had = json_object_del(json_object_get(m->keys, "devices"), device) == 0;

        json_object_del(json_object_get(m->keys, "one_time"), device);
        json_object_del(json_object_get(m->keys, "fallback"), device);
        json_object_del(json_object_get(m->keys, "given"), device);
        if (had)
                changes(m, HS_USER);
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
        changes(e->m, HS_USER);
        return true;
}

/* Whoever claims one after that may have one that somebody else has: never to happen. */
static void count_again(struct exchange *e, const json_t *keys) {
        const json_t *given = part_of(e->m, "given", e->session->device);
        json_t *again = json_object_get(e->m->keys, "again");
        const char *id;
        json_t *key;

        json_object_foreach((json_t *) keys, id, key) if (json_object_get(given, id))
                json_integer_set(again, json_integer_value(again) + 1);
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
        count_again(e, json_object_get(e->body, "one_time_keys"));
        if (json_object_size(json_object_get(e->body, "fallback_keys")) > 0) {
                json_object_set(json_object_get(e->m->keys, "fallback"), e->session->device,
                                json_object_get(e->body, "fallback_keys"));
                json_object_del(json_object_get(e->m->keys, "fallback_used"), e->session->device);
        }
        n = json_object_size(part_of(e->m, "one_time", e->session->device));
        model_changed(e->m);
        e->status = 200;
        e->answer = json_pack("{s{sI}}", "one_time_key_counts", ONE_TIME, (json_int_t) n);
}

static void put_key(json_t *answer, const char *section, const char *user, json_t *key) {
        if (key)
                json_object_set(json_object_get(answer, section), user, key);
}

static void query_others(struct exchange *e) {
        json_t *others = json_object_get(e->m->keys, "others"), *person;
        const char *user;

        json_object_foreach(others, user, person) {
                if (!json_object_get(json_object_get(e->body, "device_keys"), user))
                        continue;
                json_object_set(json_object_get(e->answer, "device_keys"), user, json_object_get(person, "devices"));
                put_key(e->answer, "master_keys", user, json_object_get(person, "master_key"));
                put_key(e->answer, "self_signing_keys", user, json_object_get(person, "self_signing_key"));
        }
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
        query_others(e);
}

void keys_post_claim(struct exchange *e) {
        json_t *others = json_object_get(e->m->keys, "others"), *found = json_object(), *devices, *unused;
        const char *user, *device;

        json_object_foreach(json_object_get(e->body, "one_time_keys"), user, devices) {
                json_object_foreach(devices, device, unused) {
                        const json_t *of = streq(user, HS_USER) ? e->m->keys : json_object_get(others, user);
                        json_t *keys = json_object_get(json_object_get(of, "one_time"), device);
                        const char *id = json_object_iter_key(json_object_iter(keys));

                        if (!id)
                                continue;
                        if (!json_object_get(found, user))
                                json_object_set_new(found, user, json_object());
                        json_object_set_new(json_object_get(found, user), device,
                                            json_pack("{sO}", id, json_object_get(keys, id)));
                        json_object_del(keys, id);
                }
        }
        e->status = 200;
        e->answer = json_pack("{so s{}}", "one_time_keys", found, "failures");
}

const json_t *model_claim(struct model *m, const char *device) {
        json_t *keys = part_of(m, "one_time", device), *given = part_of(m, "given", device), *key;
        const char *id = json_object_iter_key(json_object_iter(keys));

        model_changed(m);
        if (!id) {
                json_object_set_new(json_object_get(m->keys, "fallback_used"), device, json_true());
                keys = json_object_get(json_object_get(m->keys, "fallback"), device);
                return json_object_iter_value(json_object_iter(keys));
        }
        key = json_object_get(keys, id);
        json_object_set(given, id, key);
        json_object_del(keys, id);
        return key;
}

/* ---- what comes with /sync ---- */

void model_to_device(struct model *m, const char *device, json_t *event) {
        json_array_append_new(m->to_device, json_pack("{ss sI so}", "device", device, "position",
                                                      (json_int_t) ++m->position, "event", event));
        model_changed(m);
}

json_t *model_take_sent(struct model *m) {
        json_t *sent = m->sent;

        m->sent = json_array();
        return sent;
}

void keys_put_to_device(struct exchange *e) {
        json_t *messages = json_object_get(e->body, "messages");

        if (!json_is_object(messages)) {
                exchange_error(e, 400, "M_BAD_JSON", "No messages");
                return;
        }
        if (json_array_size(e->m->sent) == MODEL_SENT_MAX)
                json_array_remove(e->m->sent, 0);
        json_array_append(e->m->sent, messages);
        model_changed(e->m);
        e->status = 200;
        e->answer = json_object();
}

static bool is_for(const struct exchange *e, const json_t *message) {
        return streq(json_string_value(json_object_get(message, "device")), e->session->device);
}

void keys_drop_taken(struct exchange *e) {
        for (size_t i = json_array_size(e->m->to_device); i-- > 0;) {
                const json_t *message = json_array_get(e->m->to_device, i);

                if (is_for(e, message) && json_integer_value(json_object_get(message, "position")) <= e->since)
                        json_array_remove(e->m->to_device, i);
        }
}

void keys_put_news(const struct exchange *e, json_t *body) {
        json_t *events = json_array(), *changed = json_array(), *v;
        const char *user;
        size_t i;

        json_array_foreach(e->m->to_device, i, v) if (is_for(e, v))
                json_array_append(events, json_object_get(v, "event"));
        json_object_foreach(e->m->lists, user, v) if (e->since >= 0 && json_integer_value(v) > e->since)
                json_array_append_new(changed, json_string(user));
        if (json_array_size(events) > 0)
                json_object_set_new(body, "to_device", json_pack("{sO}", "events", events));
        if (json_array_size(changed) > 0)
                json_object_set_new(body, "device_lists", json_pack("{sO}", "changed", changed));
        json_decref(events);
        json_decref(changed);
}

/* Of a device without keys it says nothing here, as the one of most tests. */
void keys_put_counts(const struct exchange *e, json_t *body) {
        const char *device = e->session->device;
        bool used = json_object_get(json_object_get(e->m->keys, "fallback_used"), device);

        if (!json_object_get(json_object_get(e->m->keys, "devices"), device))
                return;
        json_object_set_new(
                body, "device_one_time_keys_count",
                json_pack("{sI}", ONE_TIME, (json_int_t) json_object_size(part_of(e->m, "one_time", device))));
        json_object_set_new(body, "device_unused_fallback_key_types",
                            used ? json_array() : json_pack("[s]", ONE_TIME));
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
        changes(e->m, HS_USER);
        e->status = 200;
        e->answer = json_object_size(failures) > 0 ? json_pack("{s{sO}}", "failures", HS_USER, failures)
                                                   : json_pack("{s{}}", "failures");
        json_decref(failures);
}
