/* The one table of homeservers. A row says how a server treats presence, so that nobody else needs its name. */
#include "matrix/server/traits.h"

#include <stdio.h>
#include <strings.h>

#include "json/json.h"
#include "matrix/client/client.h"

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
        .filters_by_prefix = true,
        .polls_take_turns = true,
        .says.while_idle = SET_PRESENCE_OFFLINE,
        .says.while_held = SET_PRESENCE_UNAVAILABLE,
        .refresh_interval = USEC_NEVER,
        .stuck_until = "the other session sets its presence by itself, or an hour after it went offline",
};

static const struct server_traits synapse_old = {
        .name = "Synapse",
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .filters_by_prefix = true,
        .says.while_idle = SET_PRESENCE_OFFLINE,
        .says.while_held = SET_PRESENCE_UNAVAILABLE,
        .refresh_interval = USEC_NEVER,
};

static const struct server_traits dendrite = {
        .name = "Dendrite",
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .online_stays = true,
        /* Unless another client has started a poll within 10 s, what a poll says becomes the user's state: `offline`
         * and `unavailable` make an online user flap, `online` never lets them go. Other words do nothing. */
        .says.while_idle = SET_PRESENCE_NONE,
        .says.while_held = SET_PRESENCE_NONE,
        .says.idle_if_refused = SET_PRESENCE_UNAVAILABLE,
        .says.held_if_refused = SET_PRESENCE_UNAVAILABLE,
        .refresh_interval = USEC_NEVER,
};

static const struct server_traits tuwunel = {
        .name = "Tuwunel",
        .presence_per_device = true,
        .message_per_device = true,
        .busy_wire = BUSY_PLAIN,
        .sync_erases_busy = true,
        /* Pushed presence would end each poll, and each new poll would erase the busy: asked by GET instead. */
        .pushes_own_presence = false,
        .says.while_idle = SET_PRESENCE_OFFLINE,
        .says.while_held = SET_PRESENCE_OFFLINE,
        .refresh_interval = 4 * USEC_PER_MIN, /* an entry counts as idle after 5 min */
};

static const struct server_traits continuwuity = {
        .name = "Continuwuity",
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .says.while_idle = SET_PRESENCE_OFFLINE,
        .says.while_held = SET_PRESENCE_OFFLINE,
        .refresh_interval = 15 * USEC_PER_MIN, /* `unavailable` ends after 30 min */
};

/* What a word would do there nobody knows, and on some each of them lowers the user. A server that refuses what is no
 * word of the spec does as the spec says with those that are. */
static const struct server_traits unknown = {
        .name = "unknown",
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .polls_take_turns = true,
        .says.while_idle = SET_PRESENCE_NONE,
        .says.while_held = SET_PRESENCE_NONE,
        .says.idle_if_refused = SET_PRESENCE_OFFLINE,
        .says.held_if_refused = SET_PRESENCE_OFFLINE,
        .refresh_interval = 15 * USEC_PER_MIN,
};

/* Advertises busy, and cannot be told: as the worst that does. */
static const struct server_traits unknown_with_busy = {
        .name = "unknown",
        .presence_per_device = true,
        .copies_busy = true,
        .busy_wire = BUSY_UNSTABLE,
        .pushes_own_presence = true,
        .polls_take_turns = true,
        .says.while_idle = SET_PRESENCE_NONE,
        .says.while_held = SET_PRESENCE_NONE,
        .says.idle_if_refused = SET_PRESENCE_OFFLINE,
        .says.held_if_refused = SET_PRESENCE_UNAVAILABLE,
        .refresh_interval = 4 * USEC_PER_MIN,
        .stuck_until = "the other session sets its presence by itself, or an hour after it went offline",
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

bool server_is_known(const struct server_traits *t) {
        return t != &unknown && t != &unknown_with_busy;
}

/* It says with each of these whether new rooms are encrypted; no other server has anything of the kind beside MSC3026.
 */
static bool has_synapse_features(const json_t *features) {
        static const char *const all[] = {
                "org.matrix.msc3026.busy_presence",
                "io.element.e2ee_forced.public",
                "io.element.e2ee_forced.private",
                "io.element.e2ee_forced.trusted_private",
        };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (!json_is_boolean(json_object_get(features, all[i])))
                        return false;
        return true;
}

const struct server_traits *server_traits_of(const struct server_signs *signs) {
        const struct server_traits *by_name = server_traits_find(signs->name, signs->version);
        const struct server_traits *by_header = server_traits_find(signs->header, NULL);

        if (server_is_known(by_name))
                return by_name;
        if (server_is_known(by_header))
                return by_header;
        if (has_synapse_features(signs->features))
                return &synapse;
        return signs->busy_flag ? &unknown_with_busy : &unknown;
}

const struct server_own_path *server_own_path(size_t i) {
        static const struct server_own_path paths[] = {
                { .path = "/_dendrite/monitor/up", .shows = "Dendrite" },
                { .path = "/_dendrite/monitor/none", .confirms = true }, /* which no server has */
                { .path = "/_tuwunel/server_version" },
                { .path = "/_continuwuity/server_version" },
                { .path = "/_conduwuit/server_version" },
                { .path = "/_dendrite/monitor/up", .shows = "Dendrite", .confirms = true },
        };

        return i < ARRAY_SIZE(paths) ? &paths[i] : NULL;
}

enum set_presence set_presence_word(const struct set_presence_words *words, bool held, bool insists) {
        enum set_presence p = held ? words->while_held : words->while_idle;

        if (p != SET_PRESENCE_NONE || !insists)
                return p;
        return held ? words->held_if_refused : words->idle_if_refused;
}

bool set_presence_is_refused(enum set_presence said, const struct matrix_reply *reply) {
        return said == SET_PRESENCE_NONE && reply->status == 400 && reply->outcome != MATRIX_BAD_TOKEN_POS &&
               reply->outcome != MATRIX_BAD_FILTER;
}

bool set_presence_counts(enum set_presence p) {
        return p == SET_PRESENCE_UNAVAILABLE || p == SET_PRESENCE_ONLINE;
}

const char *server_kept_as(const struct server_traits *t) {
        enum set_presence p = set_presence_counts(t->says.while_held) ? t->says.while_held : t->says.held_if_refused;

        return set_presence_counts(p) ? set_presence_to_string(p) : NULL;
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
