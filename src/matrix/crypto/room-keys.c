/* See room-keys.h. The entries lie in the order in which they came. */
#include "matrix/crypto/room-keys.h"

#include <errno.h>

#include "json/json.h"

struct room_keys {
        struct room_key *entries[ROOM_KEYS_MAX + 1];
        size_t n;
};

struct room_key *room_key_free(struct room_key *e) {
        if (!e)
                return NULL;
        free(e->room_id);
        free(e->user_id);
        free(e->device_id);
        free(e->indices);
        free(e->pickle);
        crypto_megolm_free(e->megolm);
        free(e);
        return NULL;
}

int room_keys_new(struct room_keys **ret) {
        struct room_keys *k = calloc(1, sizeof(*k));

        if (!k)
                return -ENOMEM;
        *ret = k;
        return 0;
}

struct room_keys *room_keys_free(struct room_keys *k) {
        if (!k)
                return NULL;
        for (size_t i = 0; i < k->n; i++)
                room_key_free(k->entries[i]);
        free(k);
        return NULL;
}

struct room_key *room_keys_at(struct room_keys *k, size_t i) {
        return i < k->n ? k->entries[i] : NULL;
}

struct room_key *room_keys_find(struct room_keys *k, const char *room_id, const char *session_id) {
        for (size_t i = 0; i < k->n; i++)
                if (streq(k->entries[i]->session_id, session_id) && streq(k->entries[i]->room_id, room_id))
                        return k->entries[i];
        return NULL;
}

static void drop(struct room_keys *k, size_t i) {
        room_key_free(k->entries[i]);
        k->n--;
        for (; i < k->n; i++)
                k->entries[i] = k->entries[i + 1];
}

static size_t place_of(const struct room_keys *k, const struct room_key *e) {
        size_t i = 0;

        while (k->entries[i] != e)
                i++;
        return i;
}

/* The oldest one that is not held, of that user alone if there is one given. */
static void drop_oldest(struct room_keys *k, const char *user_id) {
        for (size_t i = 0; i < k->n; i++) {
                if (k->entries[i]->held || (user_id && !streq(k->entries[i]->user_id, user_id)))
                        continue;
                drop(k, i);
                return;
        }
        drop(k, 0);
}

static void keep_bounds(struct room_keys *k, const char *user_id) {
        size_t n = 0;

        for (size_t i = 0; i < k->n; i++)
                n += streq(k->entries[i]->user_id, user_id);
        if (n > ROOM_KEYS_PER_USER_MAX)
                drop_oldest(k, user_id);
        else if (k->n > ROOM_KEYS_MAX)
                drop_oldest(k, NULL);
}

void room_keys_put(struct room_keys *k, struct room_key *e) {
        k->entries[k->n++] = e;
        keep_bounds(k, e->user_id);
}

/* Whether so many keys of that sender came after this one into the same room. */
static bool is_old(const struct room_keys *k, size_t i) {
        size_t newer = 0;

        for (size_t j = i + 1; j < k->n && newer < ROOM_KEYS_NEWEST; j++)
                newer += streq(k->entries[j]->user_id, k->entries[i]->user_id) &&
                         streq(k->entries[j]->room_id, k->entries[i]->room_id);
        return newer >= ROOM_KEYS_NEWEST;
}

bool room_keys_run(struct room_keys *k, usec_t wall) {
        bool changed = false;

        for (size_t i = k->n; i-- > 0;) {
                const struct room_key *e = k->entries[i];

                if (e->held || usec_add(e->since_wall, ROOM_KEYS_KEPT_USEC) > wall || !is_old(k, i))
                        continue;
                drop(k, i);
                changed = true;
        }
        return changed;
}

static int read_key(const json_t *content, const struct room_key_sender *s, usec_t wall, struct room_key **ret) {
        SCOPED(room_key_free) struct room_key *e = calloc(1, sizeof(*e));
        const char *algorithm = json_member_string(content, "algorithm");
        const char *room_id = json_member_string(content, "room_id");
        const char *session_id = json_member_string(content, "session_id");
        const char *session_key = json_member_string(content, "session_key");
        int r;

        if (!e)
                return -ENOMEM;
        if (!algorithm || !streq(algorithm, "m.megolm.v1.aes-sha2") || !room_id || strlen(room_id) > 255 ||
            !session_id || !session_key)
                return -EBADMSG;
        r = crypto_megolm_new(&e->megolm, session_key);
        if (r == 0)
                r = crypto_megolm_id(e->megolm, e->session_id);
        if (r < 0)
                return r;
        if (!streq(e->session_id, session_id))
                return -EBADMSG;
        e->room_id = strdup(room_id);
        e->user_id = strdup(s->user_id);
        e->device_id = s->device_id ? strdup(s->device_id) : NULL;
        if (!e->room_id || !e->user_id || (s->device_id && !e->device_id))
                return -ENOMEM;
        memcpy(e->sender_key, s->sender_key, sizeof(e->sender_key));
        memcpy(e->ed25519, s->ed25519, sizeof(e->ed25519));
        e->cross_signed = s->cross_signed;
        e->since_wall = wall;
        *ret = TAKE(e);
        return 0;
}

static bool is_from(const struct room_key *e, const char *user_id, const char *sender_key, const char *ed25519) {
        return streq(e->user_id, user_id) && streq(e->sender_key, sender_key) && streq(e->ed25519, ed25519);
}

static bool same_device(const struct room_key *a, const struct room_key *b) {
        return is_from(a, b->user_id, b->sender_key, b->ed25519);
}

/* Of two keys of one device, what proves one proves the other. */
static int share_proof(struct room_key *a, struct room_key *b) {
        const struct room_key *from = a->device_id ? a : b;
        struct room_key *to = a->device_id ? b : a;

        if (!from->device_id || to->device_id)
                return 0;
        to->device_id = strdup(from->device_id);
        to->cross_signed = from->cross_signed;
        return to->device_id ? 0 : -ENOMEM;
}

/* What was read by the one that goes stays known. */
static void replace(struct room_keys *k, struct room_key *old, struct room_key *new) {
        if (same_device(old, new)) {
                new->indices = TAKE(old->indices);
                new->n_indices = old->n_indices;
                new->indices_floor = old->indices_floor;
        }
        new->held = old->held;
        drop(k, place_of(k, old));
        k->entries[k->n++] = new;
}

int room_keys_take(struct room_keys *k, const json_t *content, const struct room_key_sender *s, usec_t wall) {
        SCOPED(room_key_free) struct room_key *e = NULL;
        struct room_key *known;
        int r;

        if (strlen(s->sender_key) != CRYPTO_KEY_TEXT - 1 || strlen(s->ed25519) != CRYPTO_KEY_TEXT - 1)
                return ROOM_KEY_BROKEN;
        r = read_key(content, s, wall, &e);
        if (r < 0)
                return r == -ENOMEM ? r : ROOM_KEY_BROKEN;
        known = room_keys_find(k, e->room_id, e->session_id);
        if (!known) {
                room_keys_put(k, TAKE(e));
                return ROOM_KEY_TAKEN;
        }
        /* Whoever takes part in a room has its keys, and can send them on as his own: the first proven one stays. */
        if (!same_device(known, e)) {
                if (known->device_id || !e->device_id)
                        return ROOM_KEY_FOREIGN;
        } else {
                bool had_proof = known->device_id;

                r = share_proof(known, e);
                if (r < 0)
                        return r;
                if (crypto_megolm_first_index(e->megolm) >= crypto_megolm_first_index(known->megolm))
                        return !had_proof && known->device_id ? ROOM_KEY_TAKEN : ROOM_KEY_KNOWN;
        }
        replace(k, known, TAKE(e));
        return ROOM_KEY_TAKEN;
}

int room_keys_prove(struct room_keys *k, const struct device_keys *d, bool cross_signed) {
        bool changed = false;

        for (size_t i = 0; i < k->n; i++) {
                struct room_key *e = k->entries[i];

                if (!is_from(e, d->user_id, d->curve25519, d->ed25519))
                        continue;
                if (!e->device_id) {
                        e->device_id = strdup(d->device_id);
                        if (!e->device_id)
                                return -ENOMEM;
                        changed = true;
                }
                changed |= e->cross_signed != cross_signed;
                e->cross_signed = cross_signed;
        }
        return changed;
}

bool room_keys_disprove(struct room_keys *k, const char *user_id, const char *sender_key, const char *ed25519) {
        bool changed = false;

        for (size_t i = k->n; i-- > 0;) {
                if (k->entries[i]->device_id || !is_from(k->entries[i], user_id, sender_key, ed25519))
                        continue;
                drop(k, i);
                changed = true;
        }
        return changed;
}

static void forget_lowest_index(struct room_key *key) {
        size_t lowest = 0;

        for (size_t i = 1; i < key->n_indices; i++)
                if (key->indices[i].index < key->indices[lowest].index)
                        lowest = i;
        key->indices_floor = key->indices[lowest].index + 1;
        key->indices[lowest] = key->indices[--key->n_indices];
}

int room_key_is_replay(struct room_key *key, uint32_t index, const char *event_id, int64_t origin_server_ts) {
        struct digest digest;
        int r = digest_of(event_id, &digest);

        if (r < 0)
                return r;
        for (size_t i = 0; i < key->n_indices; i++)
                if (key->indices[i].index == index)
                        return !digest_equal(&key->indices[i].event_id, &digest) ||
                               key->indices[i].origin_server_ts != origin_server_ts;
        /* What was forgotten may have been read: such old messages do not come in a call. */
        if (index < key->indices_floor)
                return 1;
        if (!key->indices) {
                key->indices = calloc(ROOM_KEY_INDICES_MAX, sizeof(*key->indices));
                if (!key->indices)
                        return -ENOMEM;
        }
        if (key->n_indices == ROOM_KEY_INDICES_MAX)
                forget_lowest_index(key);
        key->indices[key->n_indices++] = (struct room_key_index){
                .index = index,
                .origin_server_ts = origin_server_ts,
                .event_id = digest,
        };
        return 0;
}
