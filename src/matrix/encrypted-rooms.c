/* See encrypted-rooms.h. */
#include "matrix/encrypted-rooms.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/calls/event.h"
#include "matrix/calls/names.h"
#include "matrix/sync/events.h"

#define ENCRYPTION "m.room.encryption"
#define UNKNOWN    (-1)

int encrypted_rooms_init(struct encrypted_rooms *r) {
        *r = (struct encrypted_rooms){ .of = json_object() };
        return r->of ? 0 : -ENOMEM;
}

void encrypted_rooms_done(struct encrypted_rooms *r) {
        json_decref(r->of);
        *r = (struct encrypted_rooms){ 0 };
}

json_t *encrypted_rooms_filter_new(void) {
        return json_pack("{s:{s:[]}, s:{s:[]}, s:{s:{s:[]}, s:{s:[]}, s:{s:[]}, s:{s:b, s:[s]}}}", "presence", "types",
                         "account_data", "types", "room", "account_data", "types", "ephemeral", "types", "timeline",
                         "types", "state", "lazy_load_members", 1, "types", ENCRYPTION);
}

/* ---- what /sync says ---- */

static bool has_encryption(const json_t *section) {
        const json_t *event;
        size_t i;

        json_array_foreach(json_member_array(section, "events"), i, event) {
                const char *type = json_member_string(event, "type");

                if (type && streq(type, ENCRYPTION) && json_member_string(event, "state_key"))
                        return true;
        }
        return false;
}

static bool is_encrypted(const json_t *room) {
        return has_encryption(json_member_object(room, "state")) ||
               has_encryption(named_object(room, names_state_after)) ||
               has_encryption(json_member_object(room, "timeline"));
}

/* One that the server leaves out has not changed. */
static int64_t count_of(const json_t *summary, const char *member, const json_t *before, const char *stored) {
        return json_member_int(summary, member, json_member_int(before, stored, UNKNOWN));
}

static const char *other_of(const json_t *summary, const json_t *before) {
        const json_t *heroes = json_member_array(summary, "m.heroes"), *first = json_array_get(heroes, 0);

        if (!json_is_string(first) || json_string_length(first) > MATRIX_ID_BYTES_MAX)
                return json_member_string(before, "other");
        return json_string_value(first);
}

static json_t *entry_new(const json_t *room, const json_t *before) {
        const json_t *summary = json_member_object(room, "summary");

        return json_pack_whole("{sI sI sb ss*}", "joined",
                               (json_int_t) count_of(summary, "m.joined_member_count", before, "joined"), "invited",
                               (json_int_t) count_of(summary, "m.invited_member_count", before, "invited"), "asked",
                               json_member_bool(before, "asked", false), "other", other_of(summary, before));
}

static int take_room(json_t *rooms, const char *room_id, const json_t *room) {
        const json_t *before = json_object_get(rooms, room_id);
        json_t *entry;

        if ((!before && (!is_encrypted(room) || json_object_size(rooms) >= ENCRYPTED_ROOMS_MAX)) ||
            strlen(room_id) > MATRIX_ID_BYTES_MAX)
                return 0;
        entry = entry_new(room, before);
        if (!entry)
                return -ENOMEM;
        if (before && json_equal(before, entry)) {
                json_decref(entry);
                return 0;
        }
        return json_object_set_new(rooms, room_id, entry) < 0 ? -ENOMEM : 1;
}

int encrypted_rooms_take(struct encrypted_rooms *r, const json_t *answer, bool all) {
        SCOPED(json_decref) json_t *rooms = all ? json_object() : json_incref(r->of);
        const json_t *of = json_member_object(answer, "rooms"), *room;
        const char *room_id;
        bool changed = all;

        if (!rooms)
                return -ENOMEM;
        if (all && !sync_next_batch(answer))
                return -EBADMSG;
        json_object_foreach((json_t *) json_member_object(of, "join"), room_id, room) {
                int e = take_room(rooms, room_id, room);

                if (e < 0)
                        return e;
                changed |= e > 0;
        }
        for (const char *const *away = sync_rooms_not_joined; *away; away++)
                json_object_foreach((json_t *) json_member_object(of, *away), room_id, room) changed |=
                        json_object_del(rooms, room_id) == 0;
        if (!all)
                return changed;
        json_decref(r->of);
        r->of = TAKE(rooms);
        r->seen = true;
        r->n_asked = 0;
        return 1;
}

/* ---- what it does not say ---- */

int encrypted_rooms_note(struct encrypted_rooms *r, const char *room_id) {
        json_t *entry;

        if (!r->seen || json_object_get(r->of, room_id) || json_object_size(r->of) >= ENCRYPTED_ROOMS_MAX)
                return 0;
        entry = json_pack("{si si sb}", "joined", UNKNOWN, "invited", UNKNOWN, "asked", 0);
        return !entry || json_object_set_new(r->of, room_id, entry) < 0 ? -ENOMEM : 0;
}

static bool is_small(const json_t *entry) {
        int64_t joined = json_member_int(entry, "joined", UNKNOWN), invited = json_member_int(entry, "invited", 0);

        return joined <= 2 && (invited <= 0 || joined + invited <= 2);
}

/* A room with a name has no heroes. */
static bool is_unclear(const json_t *entry) {
        return is_small(entry) && !json_member_string(entry, "other") && !json_member_bool(entry, "asked", false);
}

const char *encrypted_rooms_unclear(const struct encrypted_rooms *r) {
        const char *room_id;
        json_t *entry;

        if (r->n_asked >= ENCRYPTED_ROOMS_ASKED_MAX)
                return NULL;
        json_object_foreach(r->of, room_id, entry) {
                if (is_unclear(entry))
                        return room_id;
        }
        return NULL;
}

int encrypted_rooms_clear_up(struct encrypted_rooms *r, const char *room_id, const json_t *answer, const char *me) {
        const json_t *joined = json_member_object(answer, "joined");
        json_t *before = json_object_get(r->of, room_id), *entry, *unused;
        const char *user_id, *other = NULL;

        if (!before)
                return 0;
        if (answer && !joined)
                return -EBADMSG;
        r->n_asked++;
        json_object_foreach((json_t *) joined, user_id, unused) {
                if (!streq(user_id, me) && strlen(user_id) <= MATRIX_ID_BYTES_MAX)
                        other = user_id;
        }
        entry = json_pack_whole("{sI sI sb ss*}", "joined",
                                (json_int_t) (joined ? (int64_t) json_object_size(joined)
                                                     : json_member_int(before, "joined", UNKNOWN)),
                                "invited", (json_int_t) json_member_int(before, "invited", UNKNOWN), "asked", 1,
                                "other", other);
        return !entry || json_object_set_new(r->of, room_id, entry) < 0 ? -ENOMEM : 0;
}

/* ---- what is made of it ---- */

bool encrypted_rooms_may_have_calls(const struct encrypted_rooms *r, const char *room_id) {
        const json_t *entry = json_object_get(r->of, room_id);

        return entry ? is_small(entry) : !r->seen || json_object_size(r->of) < ENCRYPTED_ROOMS_MAX;
}

/* Somebody is in it, and who could not be asked: whose keys are passed over now cannot be read later. */
static bool is_anybodys(const json_t *entry) {
        return is_small(entry) && !json_member_string(entry, "other") &&
               json_member_int(entry, "joined", UNKNOWN) != 1;
}

bool encrypted_rooms_others(const struct encrypted_rooms *r, const char **ret, size_t max, size_t *ret_n) {
        const char *room_id;
        bool known = r->seen && !encrypted_rooms_unclear(r);
        json_t *entry;
        size_t n = 0;

        json_object_foreach(r->of, room_id, entry) {
                const char *other = json_member_string(entry, "other");

                if (other && is_small(entry) && n < max)
                        ret[n++] = other;
                known = known && !is_anybodys(entry);
        }
        *ret_n = n;
        return known;
}
