/* See withheld.h. The entries lie in the order in which they came; the oldest one makes room. */
#include "matrix/crypto/withheld.h"

#include <errno.h>

#include "json/json.h"

struct entry {
        char *user_id, *room_id, *session_id; /* both "" with WITHHELD_NO_OLM */
        enum withheld_code code;
};

struct withheld {
        struct entry entries[WITHHELD_MAX];
        size_t n;
};

int withheld_new(struct withheld **ret) {
        struct withheld *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        *ret = w;
        return 0;
}

static void entry_done(struct entry *e) {
        free(e->user_id);
        free(e->room_id);
        free(e->session_id);
}

struct withheld *withheld_free(struct withheld *w) {
        if (!w)
                return NULL;
        for (size_t i = 0; i < w->n; i++)
                entry_done(&w->entries[i]);
        free(w);
        return NULL;
}

static void drop(struct withheld *w, size_t i) {
        entry_done(&w->entries[i]);
        memmove(&w->entries[i], &w->entries[i + 1], (w->n - i - 1) * sizeof(w->entries[0]));
        w->n--;
}

static enum withheld_code code_of(const char *s) {
        static const char *const names[] = {
                [WITHHELD_UNVERIFIED] = "m.unverified",
                [WITHHELD_BLACKLISTED] = "m.blacklisted",
                [WITHHELD_UNAUTHORISED] = "m.unauthorised",
                [WITHHELD_UNAVAILABLE] = "m.unavailable",
                [WITHHELD_NO_OLM] = "m.no_olm",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (streq(s, names[i]))
                        return (enum withheld_code) i;
        return WITHHELD_OTHER;
}

static struct entry *find(const struct withheld *w, const char *user_id, const char *room_id, const char *session_id) {
        for (size_t i = 0; i < w->n; i++) {
                const struct entry *e = &w->entries[i];

                if (streq(e->user_id, user_id) && streq(e->room_id, room_id) && streq(e->session_id, session_id))
                        return (struct entry *) e;
        }
        return NULL;
}

int withheld_take(struct withheld *w, const char *user_id, const json_t *content, enum withheld_code *ret_code) {
        const char *code = json_member_string(content, "code");
        const char *room_id = json_member_string(content, "room_id");
        const char *session_id = json_member_string(content, "session_id");
        struct entry new = { .code = code ? code_of(code) : WITHHELD_OTHER }, *known;

        if (new.code == WITHHELD_NO_OLM)
                room_id = session_id = "";
        if (!code || !room_id || !session_id || strlen(room_id) > 255 || strlen(session_id) > 255)
                return -EBADMSG;
        *ret_code = new.code;
        known = find(w, user_id, room_id, session_id);
        if (known) {
                bool changed = known->code != new.code;

                known->code = new.code;
                return changed;
        }
        new.user_id = strdup(user_id);
        new.room_id = strdup(room_id);
        new.session_id = strdup(session_id);
        if (!new.user_id || !new.room_id || !new.session_id) {
                entry_done(&new);
                return -ENOMEM;
        }
        if (w->n == WITHHELD_MAX)
                drop(w, 0);
        w->entries[w->n++] = new;
        return 1;
}

void withheld_came(struct withheld *w, const char *room_id, const char *session_id) {
        for (size_t i = w->n; i-- > 0;)
                if (streq(w->entries[i].room_id, room_id) && streq(w->entries[i].session_id, session_id))
                        drop(w, i);
}

size_t withheld_users(const struct withheld *w) {
        size_t n = 0;

        for (size_t i = 0; i < w->n; i++) {
                size_t j = 0;

                while (!streq(w->entries[j].user_id, w->entries[i].user_id))
                        j++;
                n += j == i;
        }
        return n;
}
