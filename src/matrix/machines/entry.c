#include "matrix/machines/entry.h"

#include "state/owed.h"
#include "json/json.h"

#define ENTRY_VERSION 1

bool entry_is_one(const json_t *content) {
        return json_member_int(content, "version", -1) == ENTRY_VERSION && json_member_object(content, "claims");
}

usec_t entry_life(const json_t *content, usec_t age) {
        int64_t told = json_member_int(content, "told", -1), expires = json_member_int(content, "expires", -1);
        usec_t life;

        if (told < 0 || expires < told)
                return 0;
        life = (usec_t) (expires - told) > ENTRY_LIFE_MAX / USEC_PER_MSEC ? ENTRY_LIFE_MAX
                                                                          : (usec_t) (expires - told) * USEC_PER_MSEC;
        return age < life ? life - age : 0;
}

bool entry_is_live(const json_t *content) {
        json_t *claims = json_object_get(content, "claims"), *o;
        const char *output;

        json_object_foreach(claims, output, o) if (json_member_bool(o, "live", false)) return true;
        return false;
}

bool entry_claim_read(const json_t *o, struct claim_other *ret) {
        struct claim_other c = {
                .live = json_member_bool(o, "live", false),
                .waits = json_member_bool(o, "waits", false),
                .done = json_member_bool(o, "done", false),
                .withdrawn = json_member_bool(o, "withdrawn", false),
                .text_lost = json_member_bool(o, "text_lost", false),
                .overwritten = json_member_bool(o, "overwritten", false),
                .late = json_member_bool(o, "late", false),
                .put_back = json_member_bool(o, "put_back", false),
        };

        if (!owed_from_json(o, &c.owed) || (c.live && c.done))
                return false;
        *ret = c;
        return true;
}

json_t *entry_new(const struct entry_claim *claims, size_t n, usec_t wall) {
        SCOPED(json_decref) json_t *all = json_object();

        for (size_t i = 0; i < n; i++) {
                const struct claim_other *c = &claims[i].claim;
                json_t *o = owed_to_json(&c->owed);

                if (json_object_set_new(o, "live", json_boolean(c->live)) < 0 ||
                    json_object_set_new(o, "waits", json_boolean(c->waits)) < 0 ||
                    json_object_set_new(o, "done", json_boolean(c->done)) < 0 ||
                    json_object_set_new(o, "withdrawn", json_boolean(c->withdrawn)) < 0 ||
                    json_object_set_new(o, "text_lost", json_boolean(c->text_lost)) < 0 ||
                    (c->overwritten && json_object_set_new(o, "overwritten", json_true()) < 0) ||
                    (c->late && json_object_set_new(o, "late", json_true()) < 0) ||
                    (c->put_back && json_object_set_new(o, "put_back", json_true()) < 0) ||
                    json_object_set(all, claims[i].output, o) < 0) {
                        json_decref(o);
                        return NULL;
                }
                json_decref(o);
        }
        return json_pack("{si sO sI sI}", "version", ENTRY_VERSION, "claims", all, "told",
                         (json_int_t) (wall / USEC_PER_MSEC), "expires",
                         (json_int_t) ((wall + ENTRY_LIFE_MAX) / USEC_PER_MSEC));
}

bool entry_same(const json_t *a, const json_t *b) {
        return json_member_int(a, "version", -1) == json_member_int(b, "version", -1) &&
               json_equal(json_object_get(a, "claims"), json_object_get(b, "claims"));
}

usec_t entry_told(const json_t *entry) {
        int64_t told = json_member_int(entry, "told", -1);

        return told < 0 || (usec_t) told > USEC_NEVER / USEC_PER_MSEC ? USEC_NEVER : (usec_t) told * USEC_PER_MSEC;
}
