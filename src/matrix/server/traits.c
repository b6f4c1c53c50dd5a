/* The one table of homeservers. A row says how a server treats presence, so that nobody else needs its name. */
#include "matrix/server/traits.h"

#include <stdio.h>
#include <strings.h>

#define BUSY_UNSTABLE "org.matrix.msc3026.busy"
#define BUSY_PLAIN    "busy"

/* Since then Synapse keeps presence per device, and a syncing device catches busy. */
#define SYNAPSE_PER_DEVICE_MAJOR 1
#define SYNAPSE_PER_DEVICE_MINOR 93

static const struct server_traits synapse = {
        .name = "Synapse",
        .presence_per_device = true,
        .copies_busy = true,
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .applies_filter = true,
        .filters_by_prefix = true,
        .masks_unavailable = true,
        .sync_keeps_busy = true,
        .while_idle = SET_PRESENCE_OFFLINE,
        .while_held = SET_PRESENCE_UNAVAILABLE,
        .refresh_interval = USEC_NEVER,
        .stuck_until = "the other session sets its presence by itself, or an hour after it went offline",
};

static const struct server_traits synapse_old = {
        .name = "Synapse",
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .applies_filter = true,
        .filters_by_prefix = true,
        .sync_keeps_busy = true,
        .while_idle = SET_PRESENCE_OFFLINE,
        .while_held = SET_PRESENCE_UNAVAILABLE,
        .refresh_interval = USEC_NEVER,
};

static const struct server_traits dendrite = {
        .name = "Dendrite",
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        /* Unless another client has started a poll within 10 s, what a poll says becomes the user's state: `offline`
         * and `unavailable` make an online user flap, `online` never lets them go. Other words do nothing. */
        .while_idle = SET_PRESENCE_NONE,
        .while_held = SET_PRESENCE_NONE,
        .refresh_interval = USEC_NEVER,
};

static const struct server_traits tuwunel = {
        .name = "Tuwunel",
        .presence_per_device = true,
        .message_per_device = true,
        .busy_wire = BUSY_PLAIN,
        .applies_filter = true,
        .masks_unavailable = true,
        .sync_erases_busy = true,
        /* Pushed presence would end each poll, and each new poll would erase the busy: asked by GET instead. */
        .pushes_own_presence = false,
        .while_idle = SET_PRESENCE_OFFLINE,
        .while_held = SET_PRESENCE_OFFLINE,
        .refresh_interval = 4 * USEC_PER_MIN, /* an entry counts as idle after 5 min */
};

static const struct server_traits continuwuity = {
        .name = "Continuwuity",
        .busy_without_flag = true,
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .while_idle = SET_PRESENCE_OFFLINE,
        .while_held = SET_PRESENCE_OFFLINE,
        .refresh_interval = 15 * USEC_PER_MIN, /* `unavailable` ends after 30 min */
};

static const struct server_traits unknown = {
        .name = "unknown",
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .while_idle = SET_PRESENCE_OFFLINE,
        .while_held = SET_PRESENCE_OFFLINE,
        .refresh_interval = 15 * USEC_PER_MIN,
};

static const struct {
        const char *name;
        const struct server_traits *traits;
} servers[] = {
        { "synapse", &synapse },           { "dendrite", &dendrite },      { "tuwunel", &tuwunel },
        { "continuwuity", &continuwuity }, { "conduwuit", &continuwuity }, { "conduit", &continuwuity },
};

static bool synapse_is_old(const char *version) {
        unsigned major, minor;

        if (!version || sscanf(version, "%u.%u", &major, &minor) != 2)
                return false;
        return major < SYNAPSE_PER_DEVICE_MAJOR ||
               (major == SYNAPSE_PER_DEVICE_MAJOR && minor < SYNAPSE_PER_DEVICE_MINOR);
}

const struct server_traits *server_traits_find(const char *name, const char *version) {
        size_t length;

        if (!name)
                return &unknown;
        /* "Synapse/1.160.0 more" is how a Server header says it. */
        length = strcspn(name, "/ ");
        if (!version && name[length] == '/')
                version = name + length + 1;
        for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
                if (strlen(servers[i].name) != length || strncasecmp(servers[i].name, name, length) != 0)
                        continue;
                if (servers[i].traits == &synapse && synapse_is_old(version))
                        return &synapse_old;
                return servers[i].traits;
        }
        return &unknown;
}

bool set_presence_counts(enum set_presence p) {
        return p == SET_PRESENCE_UNAVAILABLE || p == SET_PRESENCE_ONLINE;
}

const char *set_presence_to_string(enum set_presence p) {
        switch (p) {
        case SET_PRESENCE_OFFLINE:
                return "offline";
        case SET_PRESENCE_UNAVAILABLE:
                return "unavailable";
        case SET_PRESENCE_ONLINE:
                return "online";
        case SET_PRESENCE_NONE:
                return "none";
        }
        return "offline";
}
