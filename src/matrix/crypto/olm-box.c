/* See olm-box.h. The entries lie in the order of their use, the last used one at the end. */
#include "matrix/crypto/olm-box.h"

#include <errno.h>

struct olm_box {
        struct crypto_account *account;
        struct olm_box_entry *entries;
        size_t n, room;
};

int olm_box_new(struct olm_box **ret, struct crypto_account *account) {
        struct olm_box *b = calloc(1, sizeof(*b));

        if (!b)
                return -ENOMEM;
        b->account = account;
        *ret = b;
        return 0;
}

static void entry_done(struct olm_box_entry *e) {
        free(e->user_id);
        free(e->pickle);
        crypto_session_free(e->session);
}

struct olm_box *olm_box_free(struct olm_box *b) {
        if (!b)
                return NULL;
        for (size_t i = 0; i < b->n; i++)
                entry_done(&b->entries[i]);
        free(b->entries);
        free(b);
        return NULL;
}

struct olm_box_entry *olm_box_at(struct olm_box *b, size_t i) {
        return i < b->n ? &b->entries[i] : NULL;
}

static void drop(struct olm_box *b, size_t i) {
        entry_done(&b->entries[i]);
        memmove(&b->entries[i], &b->entries[i + 1], (b->n - i - 1) * sizeof(b->entries[0]));
        b->n--;
}

static void move_to_end(struct olm_box *b, size_t i) {
        struct olm_box_entry used = b->entries[i];

        free(used.pickle);
        used.pickle = NULL;
        memmove(&b->entries[i], &b->entries[i + 1], (b->n - i - 1) * sizeof(b->entries[0]));
        b->entries[b->n - 1] = used;
}

/* Whether this is the last used session of its device: each device counts once. */
static bool stands_for_its_key(const struct olm_box *b, size_t i) {
        for (size_t j = i + 1; j < b->n; j++)
                if (streq(b->entries[j].sender_key, b->entries[i].sender_key))
                        return false;
        return true;
}

static void drop_key(struct olm_box *b, const char *sender_key) {
        for (size_t i = b->n; i-- > 0;)
                if (streq(b->entries[i].sender_key, sender_key))
                        drop(b, i);
}

/* Of the sessions of one device, of the devices of one user and of all devices those that were used longest ago go.
 * The new session is the last entry. */
static void keep_bounds(struct olm_box *b) {
        const struct olm_box_entry new = b->entries[b->n - 1];
        char oldest[CRYPTO_KEY_TEXT], oldest_of_user[CRYPTO_KEY_TEXT];
        size_t n_sessions = 0, n_keys = 0, n_keys_of_user = 0;

        for (size_t i = b->n; i-- > 0;) {
                if (streq(b->entries[i].sender_key, new.sender_key) && ++n_sessions > OLM_SESSIONS_PER_KEY_MAX)
                        drop(b, i);
        }
        for (size_t i = b->n; i-- > 0;) {
                if (!stands_for_its_key(b, i))
                        continue;
                n_keys++;
                memcpy(oldest, b->entries[i].sender_key, sizeof(oldest));
                if (!streq(b->entries[i].user_id, new.user_id))
                        continue;
                n_keys_of_user++;
                memcpy(oldest_of_user, b->entries[i].sender_key, sizeof(oldest_of_user));
        }
        if (n_keys_of_user > OLM_KEYS_PER_USER_MAX)
                drop_key(b, oldest_of_user);
        else if (n_keys > OLM_KEYS_MAX)
                drop_key(b, oldest);
}

/* Room for one more, and its name: what comes after cannot fail. */
static int make_room(struct olm_box *b, const char *user_id, char **ret) {
        char *copy;

        if (b->n == b->room) {
                size_t room = b->room ? 2 * b->room : 16;
                struct olm_box_entry *entries = reallocarray(b->entries, room, sizeof(*entries));

                if (!entries)
                        return -ENOMEM;
                b->entries = entries;
                b->room = room;
        }
        copy = strdup(user_id);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static void put(struct olm_box *b, char *user_id, const char *sender_key, struct crypto_session *s) {
        struct olm_box_entry *e = &b->entries[b->n++];

        *e = (struct olm_box_entry){ .user_id = user_id, .session = s };
        memcpy(e->sender_key, sender_key, strlen(sender_key) + 1);
        keep_bounds(b);
}

int olm_box_put(struct olm_box *b, const char *user_id, const char *sender_key, struct crypto_session *s) {
        char *copy;
        int r = strlen(sender_key) < CRYPTO_KEY_TEXT ? make_room(b, user_id, &copy) : -EBADMSG;

        if (r < 0) {
                crypto_session_free(s);
                return r;
        }
        put(b, copy, sender_key, s);
        return 0;
}

static int begin_session(struct olm_box *b, const char *user_id, const char *sender_key, const char *body,
                         struct crypto_text *ret) {
        SCOPED(free) char *copy = NULL;
        struct crypto_session *s;
        int r = make_room(b, user_id, &copy);

        if (r < 0)
                return r;
        r = crypto_account_inbound(b->account, sender_key, body, &s, ret);
        if (r < 0)
                return r == -ENOMEM ? r : OLM_UNREADABLE;
        put(b, TAKE(copy), sender_key, s);
        return OLM_READ;
}

int olm_box_read(struct olm_box *b, const char *user_id, const char *sender_key, int type, const char *body,
                 struct crypto_text *ret) {
        bool matched = false;

        if (strlen(sender_key) != CRYPTO_KEY_TEXT - 1 || strlen(body) > CRYPTO_MESSAGE_BYTES_MAX)
                return OLM_UNREADABLE;
        for (size_t i = b->n; i-- > 0;) {
                int r;

                if (!streq(b->entries[i].sender_key, sender_key))
                        continue;
                if (type == CRYPTO_OLM_PREKEY) {
                        r = crypto_session_matches(b->entries[i].session, body);
                        if (r == -ENOMEM)
                                return r;
                        if (r <= 0)
                                continue;
                        matched = true;
                }
                r = crypto_session_decrypt(b->entries[i].session, type, body, ret);
                if (r == -ENOMEM)
                        return r;
                if (r == 0) {
                        move_to_end(b, i);
                        return OLM_READ;
                }
        }
        if (type != CRYPTO_OLM_PREKEY)
                return OLM_UNREADABLE;
        return matched ? OLM_REPEATED : begin_session(b, user_id, sender_key, body, ret);
}
