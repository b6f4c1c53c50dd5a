#include "state/owed.h"

#include "json/json.h"

static bool value_from_json(const json_t *o, struct claim_value *ret) {
        const char *state = json_member_string(o, "state"), *text = json_member_string(o, "text");

        return state && text && claim_value_set(ret, state, text) == 0;
}

static json_t *value_to_json(const struct claim_value *v) {
        return json_pack_whole("{ss ss}", "state", v->state, "text", v->text);
}

bool owed_from_json(const json_t *o, struct claim_owed *ret) {
        const json_t *ours = json_member_array(o, "ours");
        const json_t *state = json_object_get(o, "state_claimed"), *text = json_object_get(o, "text_claimed");
        size_t n = json_array_size(ours);
        /* Journals of before there were other machines have none. */
        int64_t order = json_member_int(o, "order", json_object_get(o, "order") ? -1 : 1);
        struct claim_owed owed = {};

        if (!json_is_boolean(state) || !json_is_boolean(text) || n == 0 || n > ARRAY_SIZE(owed.ours) || order < 0 ||
            order > CLAIM_ORDER_MAX || !value_from_json(json_member_object(o, "prior"), &owed.prior))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!value_from_json(json_array_get(ours, i), &owed.ours[i]))
                        return false;
        owed.n_ours = (unsigned) n;
        owed.order = (unsigned) order;
        owed.state_claimed = json_is_true(state);
        owed.text_claimed = json_is_true(text);
        owed.added = (json_member_bool(o, "state_added", false) ? CLAIM_STATE : 0) |
                     (json_member_bool(o, "text_added", false) ? CLAIM_TEXT : 0);
        owed.secondhand = json_member_bool(o, "secondhand", false);
        owed.alone = json_member_bool(o, "alone", false);
        owed.unsure = json_member_bool(o, "unsure", false);
        owed.given_back = json_member_bool(o, "given_back", false);
        owed.ahead = json_member_bool(o, "ahead", false);
        *ret = owed;
        return true;
}

static json_t *ours_to_json(const struct claim_owed *owed) {
        SCOPED(json_decref) json_t *ours = json_array();

        for (unsigned i = 0; ours && i < owed->n_ours && i < ARRAY_SIZE(owed->ours); i++)
                if (json_array_append_new(ours, value_to_json(&owed->ours[i])) < 0)
                        return NULL;
        return TAKE(ours);
}

/* Each by itself: what says why it failed is not to be lost by the next. */
json_t *owed_to_json(const struct claim_owed *owed) {
        json_t *ours = ours_to_json(owed), *prior = ours ? value_to_json(&owed->prior) : NULL;

        if (!prior) {
                json_decref(ours);
                return NULL;
        }
        return json_pack_whole(
                "{so so sb sb si so* so* so* so* so* so* so*}", "prior", prior, "ours", ours, "state_claimed",
                owed->state_claimed, "text_claimed", owed->text_claimed, "order", (int) owed->order, "secondhand",
                owed->secondhand ? json_true() : NULL, "alone", owed->alone ? json_true() : NULL, "unsure",
                owed->unsure ? json_true() : NULL, "given_back", owed->given_back ? json_true() : NULL, "ahead",
                owed->ahead ? json_true() : NULL, "state_added", owed->added & CLAIM_STATE ? json_true() : NULL,
                "text_added", owed->added & CLAIM_TEXT ? json_true() : NULL);
}
