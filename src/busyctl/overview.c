#include "busyctl/overview.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/machines/entry.h"
#include "matrix/sync/events.h"

#define ENCRYPTION "m.room.encryption"
#define DIRECT     "m.direct"

json_t *overview_filter(bool by_prefix) {
        json_t *account_data = by_prefix ? json_pack("{s:[s, s]}", "types", ENTRY_TYPE "*", DIRECT) : json_object();

        return json_pack("{s:{s:[]}, s:o, s:{s:{s:[]}, s:{s:[]}, s:{s:b, s:[s]}, s:{s:i, s:[s]}}}", "presence",
                         "types", "account_data", account_data, "room", "account_data", "types", "ephemeral", "types",
                         "state", "lazy_load_members", 1, "types", ENCRYPTION, "timeline", "limit", 1, "types",
                         ENCRYPTION);
}

static bool has_encryption(const json_t *room, const char *section) {
        const json_t *event;
        size_t i;

        json_array_foreach(json_member_array(json_member_object(room, section), "events"), i, event) {
                const char *type = json_member_string(event, "type");

                if (type && streq(type, ENCRYPTION))
                        return true;
        }
        return false;
}

/* By whoever is at the other end: lists of rooms. */
static bool is_direct(const json_t *direct, const char *room_id) {
        const char *user;
        const json_t *rooms, *room;
        size_t i;

        json_object_foreach((json_t *) direct, user, rooms) {
                json_array_foreach(rooms, i, room) {
                        if (json_is_string(room) && streq(json_string_value(room), room_id))
                                return true;
                }
        }
        return false;
}

/* Calls of rooms of two are read once verified, however the user's clients mark them. A server that does not say how
 * many there are leaves those marks. */
static bool is_of_two(const json_t *room, const json_t *direct, const char *room_id) {
        const json_t *summary = json_member_object(room, "summary");
        int64_t joined = json_member_int(summary, "m.joined_member_count", -1),
                invited = json_member_int(summary, "m.invited_member_count", 0);

        return joined < 0 ? is_direct(direct, room_id) : joined <= 2 && invited <= 2 - joined;
}

static const json_t *find_direct(const json_t *account_data) {
        const json_t *event;
        size_t i;

        json_array_foreach(account_data, i, event) {
                const char *type = json_member_string(event, "type");

                if (type && streq(type, DIRECT))
                        return json_member_object(event, "content");
        }
        return NULL;
}

static void read_machines(struct overview *o, const json_t *account_data, const char *own) {
        const size_t prefix = strlen(ENTRY_TYPE);
        const json_t *event;
        size_t i;

        json_array_foreach(account_data, i, event) {
                const char *type = json_member_string(event, "type");

                if (type && strncmp(type, ENTRY_TYPE, prefix) == 0 && !streq(type + prefix, own) &&
                    entry_is_one(json_member_object(event, "content")) && o->n_machines < OVERVIEW_MACHINES_MAX)
                        o->machines[o->n_machines++] = type + prefix;
        }
}

int overview_read(struct overview *ret, const json_t *body, const char *own) {
        const json_t *account_data = json_member_array(json_member_object(body, "account_data"), "events");
        const json_t *direct = find_direct(account_data), *room;
        const char *room_id;

        *ret = (struct overview){ .n_machines = 0 };
        if (!sync_next_batch(body))
                return -EBADMSG;
        read_machines(ret, account_data, own);
        json_object_foreach((json_t *) json_member_object(json_member_object(body, "rooms"), "join"), room_id, room) {
                if (!has_encryption(room, "state") && !has_encryption(room, "timeline"))
                        continue;
                ret->n_encrypted++;
                ret->n_encrypted_direct += is_of_two(room, direct, room_id);
        }
        return 0;
}
