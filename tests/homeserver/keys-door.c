/* Keys of encryption and messages to devices, from the test's side: see homeserver.h. */
#include "homeserver.h"
#include "model.h"

struct wish {
        const char *name;
        json_t *value, *answer;
};

static void get_keys(struct model *m, int64_t now, void *userdata) {
        struct wish *wish = userdata;

        wish->answer = json_deep_copy(model_keys(m));
}

json_t *hs_keys(struct hs *s) {
        struct wish wish = { .name = NULL };

        hs_with_model(s, get_keys, &wish);
        return wish.answer;
}

static void set_identity(struct model *m, int64_t now, void *userdata) {
        struct wish *wish = userdata;

        model_set_identity(m, wish->value);
}

void hs_set_identity(struct hs *s, json_t *identity) {
        hs_with_model(s, set_identity, &(struct wish){ .value = identity });
}

static void set_person(struct model *m, int64_t now, void *userdata) {
        struct wish *wish = userdata;

        model_set_person(m, wish->name, wish->value);
}

void hs_set_person(struct hs *s, const char *user, json_t *keys) {
        hs_with_model(s, set_person, &(struct wish){ .name = user, .value = keys });
}

static void claim(struct model *m, int64_t now, void *userdata) {
        struct wish *wish = userdata;

        wish->answer = json_deep_copy(model_claim(m, wish->name));
}

json_t *hs_claim(struct hs *s, const char *device) {
        struct wish wish = { .name = device };

        hs_with_model(s, claim, &wish);
        return wish.answer;
}

static void to_device(struct model *m, int64_t now, void *userdata) {
        struct wish *wish = userdata;

        model_to_device(m, wish->name, wish->value);
}

void hs_to_device(struct hs *s, const char *device, json_t *event) {
        hs_with_model(s, to_device, &(struct wish){ .name = device, .value = event });
}
