/* See identities.h. The entries lie in the order in which they were last taken. */
#include "matrix/crypto/identities.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/crypto/crypto.h"
#include "matrix/crypto/signed.h"

struct identity {
        char *user_id;
        char *master;       /* pinned; NULL: none seen yet */
        char *self_signing; /* signed by the pinned one; NULL: none */
        json_t *devices;    /* by id; NULL: not known */
};

struct identities {
        char *me;
        struct identity entries[IDENTITIES_MAX];
        size_t n;
};

int identities_new(struct identities **ret, const char *me) {
        SCOPED(identities_free) struct identities *ids = calloc(1, sizeof(*ids));

        if (ids)
                ids->me = strdup(me);
        if (!ids || !ids->me)
                return -ENOMEM;
        *ret = TAKE(ids);
        return 0;
}

static void identity_done(struct identity *i) {
        free(i->user_id);
        free(i->master);
        free(i->self_signing);
        json_decref(i->devices);
}

struct identities *identities_free(struct identities *ids) {
        if (!ids)
                return NULL;
        for (size_t i = 0; i < ids->n; i++)
                identity_done(&ids->entries[i]);
        free(ids->me);
        free(ids);
        return NULL;
}

static struct identity *find(const struct identities *ids, const char *user_id) {
        for (size_t i = 0; i < ids->n; i++)
                if (streq(ids->entries[i].user_id, user_id))
                        return (struct identity *) &ids->entries[i];
        return NULL;
}

/* The entry of a user, at the end; the one that was taken longest ago makes room. */
static struct identity *come(struct identities *ids, const char *user_id) {
        struct identity *e = find(ids, user_id), taken;
        char *copy;

        if (e) {
                taken = *e;
        } else {
                copy = strdup(user_id);
                if (!copy)
                        return NULL;
                taken = (struct identity){ .user_id = copy };
                if (ids->n == IDENTITIES_MAX) {
                        e = &ids->entries[streq(ids->entries[0].user_id, ids->me) ? 1 : 0];
                        identity_done(e);
                }
        }
        if (e) {
                memmove(e, e + 1, (size_t) (&ids->entries[ids->n] - (e + 1)) * sizeof(*e));
                ids->n--;
        }
        ids->entries[ids->n] = taken;
        return &ids->entries[ids->n++];
}

/* The one key of a cross-signing object of the user; NULL: it has none, or more. */
static const char *identity_key(const json_t *answer, const char *section, const char *user_id) {
        const json_t *object = json_member_object(json_member_object(answer, section), user_id);
        const json_t *keys = json_member_object(object, "keys");
        void *member = json_object_iter((json_t *) keys);
        const char *key = member ? json_string_value(json_object_iter_value(member)) : NULL;
        const char *owner = json_member_string(object, "user_id");

        if (!key || json_object_size(keys) != 1 || !owner || !streq(owner, user_id))
                return NULL;
        if (strncmp(json_object_iter_key(member), "ed25519:", 8) != 0 || !streq(json_object_iter_key(member) + 8, key))
                return NULL;
        return strlen(key) == CRYPTO_KEY_TEXT - 1 ? key : NULL;
}

static int take_identity(struct identity *e, const json_t *answer, const char *user_id) {
        const char *master = identity_key(answer, "master_keys", user_id);
        const char *self_signing = identity_key(answer, "self_signing_keys", user_id);
        int r;

        free(e->self_signing);
        e->self_signing = NULL;
        if (!e->master && master) {
                e->master = strdup(master);
                if (!e->master)
                        return -ENOMEM;
        }
        if (!master || !streq(master, e->master) || !self_signing)
                return 0;
        r = signed_json_check(json_member_object(json_member_object(answer, "self_signing_keys"), user_id), user_id,
                              e->master, e->master);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        e->self_signing = strdup(self_signing);
        return e->self_signing ? 0 : -ENOMEM;
}

int identities_take(struct identities *ids, const json_t *answer, const char *user_id) {
        const json_t *devices = json_member_object(json_member_object(answer, "device_keys"), user_id);
        SCOPED(json_decref) json_t *taken = json_object();
        struct identity *e;
        const char *device_id;
        json_t *device;
        int r;

        if (!devices)
                return -EBADMSG;
        if (!taken)
                return -ENOMEM;
        json_object_foreach((json_t *) devices, device_id, device) {
                struct device_keys k;

                r = device_keys_read(device, &k);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 || !streq(k.device_id, device_id) || !streq(k.user_id, user_id))
                        continue;
                if (json_object_size(taken) == IDENTITY_DEVICES_MAX)
                        break;
                if (json_object_set(taken, device_id, device) < 0)
                        return -ENOMEM;
        }
        e = come(ids, user_id);
        if (!e)
                return -ENOMEM;
        json_decref(e->devices);
        e->devices = NULL;
        r = take_identity(e, answer, user_id);
        if (r < 0)
                return r;
        e->devices = TAKE(taken);
        return 0;
}

static void forget_devices(struct identity *e) {
        json_decref(e->devices);
        e->devices = NULL;
        free(e->self_signing);
        e->self_signing = NULL;
}

bool identities_forget(struct identities *ids, const char *user_id) {
        struct identity *e = find(ids, user_id);

        if (!e || !e->devices)
                return false;
        forget_devices(e);
        return true;
}

void identities_forget_all(struct identities *ids) {
        for (size_t i = 0; i < ids->n; i++)
                forget_devices(&ids->entries[i]);
}

bool identities_know(const struct identities *ids, const char *user_id) {
        const struct identity *e = find(ids, user_id);

        return e && e->devices;
}

int identities_find(const struct identities *ids, const char *user_id, const char *curve25519, const char *ed25519,
                    struct device_keys *ret) {
        const struct identity *e = find(ids, user_id);
        const char *device_id;
        json_t *device;

        if (!e || !e->devices)
                return -ENOENT;
        json_object_foreach(e->devices, device_id, device) {
                struct device_keys k;

                if (device_keys_parse(device, &k) == 0 && streq(k.curve25519, curve25519) &&
                    (!ed25519 || streq(k.ed25519, ed25519))) {
                        *ret = k;
                        return 1;
                }
        }
        return 0;
}

int identities_sign(const struct identities *ids, const struct device_keys *k) {
        const struct identity *e = find(ids, k->user_id);

        return e && e->self_signing ? device_keys_are_cross_signed(k, e->self_signing) : 0;
}

int identities_pin(struct identities *ids, const char *user_id, const char *master) {
        struct identity *e = come(ids, user_id);
        char *copy = strdup(master);

        if (!e || !copy) {
                free(copy);
                return -ENOMEM;
        }
        free(e->master);
        e->master = copy;
        (void) identities_forget(ids, user_id);
        return 0;
}

const char *identities_self_signing(const struct identities *ids, const char *user_id) {
        const struct identity *e = find(ids, user_id);

        return e ? e->self_signing : NULL;
}
