/* See folder.h. */
#include "state/folder.h"

#include <errno.h>
#include <systemd/sd-bus.h>

#include "util/file.h"
#include "util/path.h"

#define SYSTEMD "org.freedesktop.systemd1"
/* The object of busyd.service; systemd loads a unit when it is asked for. */
#define UNIT_PATH "/org/freedesktop/systemd1/unit/busyd_2eservice"
/* From this version on the state of user units is below $XDG_STATE_HOME. */
#define SYSTEMD_STATE_HOME 254

/* Getting in, and what is asked. */
#define CALL_MAX (FOLDER_ASK_MAX / 4)

enum keeper {
        KEEPER_NONE, /* no systemd, or none that keeps state for busyd */
        KEEPER_CONFIG_HOME,
        KEEPER_STATE_HOME,
};

static int name_has_owner(sd_bus *bus, const char *name, int *ret) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "NameHasOwner", NULL, &reply, "s", name);

        if (r >= 0)
                r = sd_bus_message_read(reply, "b", ret);
        sd_bus_message_unref(reply);
        return r;
}

/* Whether busyd.service is a unit with a StateDirectory=. */
static bool unit_has_state(sd_bus *bus) {
        char **folders = NULL;
        bool has;

        if (sd_bus_get_property_strv(bus, SYSTEMD, UNIT_PATH, SYSTEMD ".Service", "StateDirectory", NULL, &folders) <
            0)
                return false;
        has = folders && folders[0];
        names_free(folders);
        return has;
}

static enum keeper ask_systemd(sd_bus *bus) {
        SCOPED(free) char *version = NULL;
        int owned = 0;

        /* First whether it is there at all: a call would have the bus try to start it. */
        if (name_has_owner(bus, SYSTEMD, &owned) < 0 || !owned || !unit_has_state(bus) ||
            sd_bus_get_property_string(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Version", NULL,
                                       &version) < 0)
                return KEEPER_NONE;
        return strtoul(version, NULL, 10) < SYSTEMD_STATE_HOME ? KEEPER_CONFIG_HOME : KEEPER_STATE_HOME;
}

/* A call would wait for a bus that lets nobody in as long as libsystemd does. Each step of getting in may take as long
 * as a call. */
static bool gets_in(sd_bus *bus) {
        int r = 1;

        while (r > 0 && sd_bus_is_ready(bus) == 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, CALL_MAX);
        }
        return r > 0;
}

static enum keeper find_keeper(void) {
        enum keeper keeper = KEEPER_NONE;
        sd_bus *bus = NULL;

        if (sd_bus_open_user(&bus) >= 0 && gets_in(bus)) {
                (void) sd_bus_set_method_call_timeout(bus, CALL_MAX);
                keeper = ask_systemd(bus);
        }
        sd_bus_close_unref(bus);
        return keeper;
}

/* What busyd and busyctl keep ends so; what a user puts into the configuration folder does not. */
static bool has_state(const char *folder) {
        SCOPED(names_free) char **names = NULL;

        return dir_names(folder, "", ".json", &names) > 0;
}

static bool config_home_is_used(const char *state, const char *config) {
        switch (find_keeper()) {
        case KEEPER_CONFIG_HOME:
                return true;
        case KEEPER_STATE_HOME:
                return !file_exists(state) && has_state(config);
        case KEEPER_NONE:
                return !has_state(state) && has_state(config);
        }
        return false;
}

int state_folder(char **ret) {
        SCOPED(free) char *state = NULL, *config = NULL;
        const char *given = getenv("STATE_DIRECTORY");
        int r;

        if (given && given[0] == '/') {
                char *first = strndup(given, strcspn(given, ":"));

                if (!first)
                        return -ENOMEM;
                *ret = first;
                return 0;
        }
        r = path_state("busyd", &state);
        if (r >= 0)
                r = path_config("busyd", &config);
        if (r < 0)
                return r;
        *ret = config_home_is_used(state, config) ? TAKE(config) : TAKE(state);
        return 0;
}
