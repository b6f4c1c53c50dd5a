/* Which name is whose, see sessions.h. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "busyctl/sessions.h"

#include "busyctl/print.h"
#include "matrix/client/client.h"

/* Whoever renews the session has it for one request. */
#define LOCK_MAX (20 * USEC_PER_SEC)

bool session_may_be_of(const struct session *s, const char *user) {
        size_t n;

        if (!user || streq(s->user_id, user))
                return true;
        n = strlen(user);
        return user[0] != '@' && s->user_id[0] == '@' && strncmp(s->user_id + 1, user, n) == 0 &&
               s->user_id[n + 1] == ':';
}

static bool is_taken(char *const *names, const char *name) {
        for (; *names; names++)
                if (streq(*names, name))
                        return true;
        return false;
}

/* The local part with what a name cannot hold replaced, and a number if that is taken too. */
static int name_from_user(char *const *names, const char *user_id, char **ret) {
        char base[ACCOUNT_NAME_NEW_MAX + 1 - 4], name[ACCOUNT_NAME_MAX];
        const char *local = user_id + (user_id[0] == '@');

        (void) snprintf(base, sizeof(base), "%.*s", (int) strcspn(local, ":"), local);
        for (char *p = base; *p != '\0'; p++) {
                char one[] = { *p, '\0' };

                if (!account_name_is_valid(one))
                        *p = '-';
        }
        if (base[0] == '\0')
                (void) snprintf(base, sizeof(base), "account");
        (void) snprintf(name, sizeof(name), "%s", base);
        for (unsigned i = 2; is_taken(names, name); i++) {
                if (i > ACCOUNTS_MAX + 1)
                        return -E2BIG;
                (void) snprintf(name, sizeof(name), "%s-%u", base, i);
        }
        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}

/* The name of the session that this user has; NULL: none. */
static const char *name_of_user(const char *folder, char *const *names, const char *user_id) {
        for (; *names; names++) {
                struct session s = { .user_id = NULL };
                bool same = session_load(folder, *names, &s) >= 0 && streq(s.user_id, user_id);

                session_done(&s);
                if (same)
                        return *names;
        }
        return NULL;
}

static bool is_at(const struct session *s, const char *homeserver) {
        if (!strstr(homeserver, "://"))
                return strcasecmp(strchr(s->user_id, ':') ? strchr(s->user_id, ':') + 1 : "", homeserver) == 0;
        return matrix_base_url_same(s->homeserver, homeserver);
}

int sessions_user_of(const char *folder, const char *local, const char *homeserver, char **ret) {
        char **names = NULL, *found = NULL;
        int n = session_names(folder, &names);

        for (int i = 0; i < n && !found; i++) {
                struct session s = { .user_id = NULL };

                if (session_load(folder, names[i], &s) >= 0 && session_may_be_of(&s, local) && is_at(&s, homeserver))
                        found = strdup(s.user_id);
                session_done(&s);
        }
        session_names_free(names);
        if (!found)
                return 0;
        *ret = found;
        return 1;
}

int sessions_name_of(const char *folder, const char *given, char **ret) {
        char **names = NULL, *copy;
        const char *name = NULL;

        if (given[0] == '@' && session_names(folder, &names) >= 0)
                name = name_of_user(folder, names, given);
        copy = strdup(name ? name : given);
        session_names_free(names);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int sessions_name_for(const char *folder, const char *user_id, char **ret) {
        char **names, *copy;
        const char *name;
        int n = session_names(folder, &names), r = 0;

        if (n < 0)
                return n;
        name = name_of_user(folder, names, user_id);
        if (!name && n >= ACCOUNTS_MAX)
                r = -E2BIG;
        else if (!name && is_taken(names, "default"))
                r = name_from_user(names, user_id, ret);
        else {
                copy = strdup(name ? name : "default");
                r = copy ? 0 : -ENOMEM;
                if (copy)
                        *ret = copy;
        }
        session_names_free(names);
        return r;
}

bool session_is_useless(int error) {
        return error < 0 && error != -ENOENT && error != -EINVAL && error != -ENOMEM && error != -EMFILE &&
               error != -ENFILE;
}

void sessions_complain(const char *folder, const char *name, int error) {
        SCOPED(free) char *remedy = session_remedy(folder, name, error);

        complain("Cannot use the session of \"%s\": %s%s%s", name, session_fault(error), remedy ? "; " : "",
                 remedy ? remedy : "");
}

int sessions_lock(const char *folder, const char *name) {
        return session_lock_wait(folder, name, LOCK_MAX);
}
