/* Where sessions are kept, and which name is whose, see sessions.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

#include "busyctl/sessions.h"
#include "util/file.h"

/* What the daemon and busyctl keep ends so; what a user puts into the configuration folder does not. */
#define STATE_SUFFIX ".json"

#define SYSTEMD "org.freedesktop.systemd1"
/* The object of busyd.service; systemd loads a unit when it is asked for. */
#define UNIT_PATH "/org/freedesktop/systemd1/unit/busyd_2eservice"
/* From this version on the state of user units is below $XDG_STATE_HOME. */
#define SYSTEMD_STATE_HOME 254

static bool has_state(const char *folder) {
        DIR *d = opendir(folder);
        struct dirent *e;
        bool found = false;

        while (d && !found && (e = readdir(d))) {
                size_t n = strlen(e->d_name), tail = sizeof(STATE_SUFFIX) - 1;

                found = n > tail && streq(e->d_name + n - tail, STATE_SUFFIX);
        }
        if (d)
                (void) closedir(d);
        return found;
}

static int name_has_owner(sd_bus *bus, const char *name, int *ret) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "NameHasOwner", NULL, &reply, "s", name);

        if (r >= 0)
                r = sd_bus_message_read(reply, "b", ret);
        sd_bus_message_unref(reply);
        return r;
}

/* Whether systemd runs busyd and puts the state of user units among the configuration. */
static bool unit_keeps_state_in_config(sd_bus *bus) {
        char **folders = NULL, *version = NULL;
        int owned = 0;
        bool is_old;

        /* First whether it is there at all: a call would have the bus try to start it. */
        if (name_has_owner(bus, SYSTEMD, &owned) < 0 || !owned)
                return false;
        if (sd_bus_get_property_string(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Version", NULL,
                                       &version) < 0)
                return false;
        is_old = strtoul(version, NULL, 10) < SYSTEMD_STATE_HOME;
        free(version);
        if (!is_old || sd_bus_get_property_strv(bus, SYSTEMD, UNIT_PATH, SYSTEMD ".Service", "StateDirectory", NULL,
                                                &folders) < 0)
                return false;
        is_old = folders && folders[0];
        for (char **f = folders; f && *f; f++)
                free(*f);
        free(folders);
        return is_old;
}

static bool state_in_config(void) {
        sd_bus *bus = NULL;
        bool yes = sd_bus_open_user(&bus) >= 0 && unit_keeps_state_in_config(bus);

        sd_bus_flush_close_unref(bus);
        return yes;
}

int sessions_folder(char **ret) {
        SCOPED(free) char *state = NULL, *config = NULL;
        const char *given = getenv("STATE_DIRECTORY");
        int r = path_state(&state);

        if (r < 0)
                return r;
        if ((given && given[0] == '/') || has_state(state)) {
                *ret = TAKE(state);
                return 0;
        }
        r = path_config("busyd", &config);
        if (r < 0)
                return r;
        *ret = has_state(config) || state_in_config() ? TAKE(config) : TAKE(state);
        return 0;
}

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
        char base[ACCOUNT_NAME_MAX - 4], name[ACCOUNT_NAME_MAX];
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
