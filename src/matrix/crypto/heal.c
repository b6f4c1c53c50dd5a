/* See heal.h. The entries lie in the order in which they were last wanted or tried. */
#include "matrix/crypto/heal.h"

#include <errno.h>

struct entry {
        char *user_id;
        char sender_key[CRYPTO_KEY_TEXT];
        bool waits;
        usec_t not_before;
};

struct heal {
        struct entry entries[HEAL_MAX];
        size_t n;
};

int heal_new(struct heal **ret) {
        struct heal *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;
        *ret = h;
        return 0;
}

struct heal *heal_free(struct heal *h) {
        if (!h)
                return NULL;
        for (size_t i = 0; i < h->n; i++)
                free(h->entries[i].user_id);
        free(h);
        return NULL;
}

static struct entry *find(struct heal *h, const char *user_id, const char *sender_key) {
        for (size_t i = 0; i < h->n; i++)
                if (streq(h->entries[i].sender_key, sender_key) && streq(h->entries[i].user_id, user_id))
                        return &h->entries[i];
        return NULL;
}

int heal_want(struct heal *h, const char *user_id, const char *sender_key, usec_t now) {
        struct entry *e = find(h, user_id, sender_key);
        char *copy;

        if (strlen(sender_key) != CRYPTO_KEY_TEXT - 1)
                return 0;
        if (e) {
                e->waits |= now >= e->not_before;
                return 0;
        }
        copy = strdup(user_id);
        if (!copy)
                return -ENOMEM;
        if (h->n == HEAL_MAX) {
                free(h->entries[0].user_id);
                memmove(&h->entries[0], &h->entries[1], (HEAL_MAX - 1) * sizeof(h->entries[0]));
                h->n--;
        }
        e = &h->entries[h->n++];
        *e = (struct entry){ .user_id = copy, .waits = true };
        memcpy(e->sender_key, sender_key, CRYPTO_KEY_TEXT);
        return 0;
}

int heal_next(const struct heal *h, struct heal_device *ret) {
        for (size_t i = 0; i < h->n; i++) {
                if (!h->entries[i].waits)
                        continue;
                *ret = (struct heal_device){ h->entries[i].user_id, h->entries[i].sender_key };
                return 1;
        }
        return 0;
}

void heal_done(struct heal *h, const struct heal_device *d, usec_t now) {
        struct entry *e = find(h, d->user_id, d->sender_key), tried;

        if (!e)
                return;
        tried = *e;
        tried.waits = false;
        tried.not_before = usec_add(now, HEAL_PAUSE_USEC);
        memmove(e, e + 1, (size_t) (&h->entries[h->n] - (e + 1)) * sizeof(*e));
        h->entries[h->n - 1] = tried;
}
