/* Account, Call and Source objects, and what Explain tells of them. The vtables follow the XML member by member. */
#include "control/children.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "control/internal.h"

/* ---- accounts ---- */

enum {
        ACCOUNT_USER_ID,
        ACCOUNT_HOMESERVER,
        ACCOUNT_SERVER,
        ACCOUNT_STATE,
        ACCOUNT_RETRY_AT,
        ACCOUNT_PROBLEM,
        ACCOUNT_OUTPUTS,
        ACCOUNT_ENCRYPTED_CALLS,
        ACCOUNT_KEYS_WITHHELD,
        ACCOUNT_UNREADABLE,
};

enum {
        OUTPUT_NAME,
        OUTPUT_CLAIM,
        OUTPUT_SHOWS,
        OUTPUT_RESTORE,
        OUTPUT_NOTE,
        OUTPUT_FIELDS,
};

static const char *const account_names[] = {
        [ACCOUNT_USER_ID] = "UserId",
        [ACCOUNT_HOMESERVER] = "Homeserver",
        [ACCOUNT_SERVER] = "Server",
        [ACCOUNT_STATE] = "State",
        [ACCOUNT_RETRY_AT] = "RetryAt",
        [ACCOUNT_PROBLEM] = "Problem",
        [ACCOUNT_OUTPUTS] = "Outputs",
        [ACCOUNT_ENCRYPTED_CALLS] = "EncryptedCalls",
        [ACCOUNT_KEYS_WITHHELD] = "KeysWithheld",
        [ACCOUNT_UNREADABLE] = "Unreadable",
};

/* Reads the next row. Returns whether there was one. */
static bool next_output(const struct value *v, const char **at, const char *ret_fields[OUTPUT_FIELDS]) {
        for (size_t i = 0; i < OUTPUT_FIELDS; i++) {
                *at = value_next_text(v, *at);
                if (!*at)
                        return false;
                ret_fields[i] = *at;
        }
        return true;
}

static OBJECT_GETTER(get_outputs) {
        const char *f[OUTPUT_FIELDS], *at = NULL;
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sssss)");
        while (r >= 0 && next_output(userdata, &at, f))
                r = sd_bus_message_append(m, "(sssss)", f[OUTPUT_NAME], f[OUTPUT_CLAIM], f[OUTPUT_SHOWS],
                                          f[OUTPUT_RESTORE], f[OUTPUT_NOTE]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable account_vtable[] = {
        SD_BUS_VTABLE_START(0),
        OBJECT_PROPERTY("UserId", "s", object_get_text, ACCOUNT_USER_ID, CHANGES),
        OBJECT_PROPERTY("Homeserver", "s", object_get_text, ACCOUNT_HOMESERVER, CHANGES),
        OBJECT_PROPERTY("Server", "s", object_get_text, ACCOUNT_SERVER, CHANGES),
        OBJECT_PROPERTY("State", "s", object_get_text, ACCOUNT_STATE, CHANGES),
        OBJECT_PROPERTY("RetryAt", "t", object_get_number, ACCOUNT_RETRY_AT, CHANGES),
        OBJECT_PROPERTY("Problem", "s", object_get_text, ACCOUNT_PROBLEM, CHANGES),
        OBJECT_PROPERTY("Outputs", "a(sssss)", get_outputs, ACCOUNT_OUTPUTS, CHANGES),
        OBJECT_PROPERTY("EncryptedCalls", "s", object_get_text, ACCOUNT_ENCRYPTED_CALLS, CHANGES),
        OBJECT_PROPERTY("KeysWithheld", "t", object_get_number, ACCOUNT_KEYS_WITHHELD, CHANGES),
        OBJECT_PROPERTY("Unreadable", "t", object_get_number, ACCOUNT_UNREADABLE, CHANGES),
        SD_BUS_VTABLE_END,
};

static const struct object_type account_type = {
        .folder = "account",
        .interface = "org.busyd.Busyd1.Account",
        .vtable = account_vtable,
        .names = account_names,
        .n_names = ARRAY_SIZE(account_names),
};

static int ensure(struct object **ret, struct control *c, const struct object_type *type, const char *name) {
        struct object *o = object_find(c->objects, type, name);

        if (o) {
                *ret = o;
                return 0;
        }
        return object_add(ret, c->objects, type, name, c);
}

static void free_texts(const char **texts) {
        free(texts);
}
CLEANUP(const char *, free_texts);

static int set_outputs(struct object *o, const struct control_output_view *outputs, size_t n) {
        SCOPED(free_texts) const char **texts = calloc(n * OUTPUT_FIELDS + 1, sizeof(*texts));

        if (!texts)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char **row = texts + i * OUTPUT_FIELDS;

                row[OUTPUT_NAME] = outputs[i].name;
                row[OUTPUT_CLAIM] = outputs[i].claim;
                row[OUTPUT_SHOWS] = outputs[i].shows;
                row[OUTPUT_RESTORE] = outputs[i].restore;
                row[OUTPUT_NOTE] = outputs[i].note;
        }
        object_set_rows(o, ACCOUNT_OUTPUTS, texts, n * OUTPUT_FIELDS);
        return 0;
}

int control_set_account(struct control *c, const struct control_account_view *v) {
        struct object *o;
        int r;

        r = ensure(&o, c, &account_type, v->name);
        if (r < 0)
                return r;
        object_set_text(o, ACCOUNT_USER_ID, v->user_id);
        object_set_text(o, ACCOUNT_HOMESERVER, v->homeserver);
        object_set_text(o, ACCOUNT_SERVER, v->server);
        object_set_text(o, ACCOUNT_STATE, v->state);
        object_set_time(o, ACCOUNT_RETRY_AT, v->retry_at_wall);
        object_set_text(o, ACCOUNT_PROBLEM, v->problem);
        object_set_text(o, ACCOUNT_ENCRYPTED_CALLS, v->encrypted_calls ? v->encrypted_calls : "");
        object_set_number(o, ACCOUNT_KEYS_WITHHELD, v->n_withholding);
        object_set_number(o, ACCOUNT_UNREADABLE, v->n_unreadable);
        r = set_outputs(o, v->outputs, v->n_outputs);
        return r < 0 ? r : object_commit(o);
}

void control_remove_account(struct control *c, const char *name) {
        object_remove(object_find(c->objects, &account_type, name));
}

static int append_account(const struct object *o, sd_bus_message *m) {
        const char *f[OUTPUT_FIELDS], *at = NULL;
        int r = 0;

        while (r >= 0 && next_output(&o->values[ACCOUNT_OUTPUTS], &at, f))
                r = sd_bus_message_append(m, "(ssssss)", o->name, f[OUTPUT_NAME], f[OUTPUT_CLAIM], f[OUTPUT_SHOWS],
                                          f[OUTPUT_RESTORE], f[OUTPUT_NOTE]);
        return r;
}

/* A list of what `append` makes of each object of that type. */
static int append_all(struct object_set *s, sd_bus_message *m, const struct object_type *type, const char *items,
                      int (*append)(const struct object *o, sd_bus_message *m)) {
        struct object *o = NULL;
        int r;

        r = sd_bus_message_open_container(m, 'a', items);
        while (r >= 0 && (o = object_next(s, type, o)))
                r = append(o, m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int children_append_restore(struct object_set *s, sd_bus_message *m) {
        return append_all(s, m, &account_type, "(ssssss)", append_account);
}

/* ---- calls ---- */

enum {
        CALL_PROPERTY_SOURCE,
        CALL_PROPERTY_APP,
        CALL_PROPERTY_WHAT,
        CALL_PROPERTY_PHASE,
        CALL_PROPERTY_EVIDENCE,
        CALL_PROPERTY_SINCE,
        CALL_PROPERTY_COUNTS,
        CALL_PROPERTY_WHY_NOT,
        CALL_PROPERTY_SIGN,
};

static const char *const call_names[] = {
        [CALL_PROPERTY_SOURCE] = "Source", [CALL_PROPERTY_APP] = "App",           [CALL_PROPERTY_WHAT] = "What",
        [CALL_PROPERTY_PHASE] = "Phase",   [CALL_PROPERTY_EVIDENCE] = "Evidence", [CALL_PROPERTY_SINCE] = "Since",
        [CALL_PROPERTY_COUNTS] = "Counts", [CALL_PROPERTY_WHY_NOT] = "WhyNot",    [CALL_PROPERTY_SIGN] = "Sign",
};

static const sd_bus_vtable call_vtable[] = {
        SD_BUS_VTABLE_START(0),
        OBJECT_PROPERTY("Source", "s", object_get_text, CALL_PROPERTY_SOURCE, CHANGES),
        OBJECT_PROPERTY("App", "s", object_get_text, CALL_PROPERTY_APP, CHANGES),
        OBJECT_PROPERTY("What", "s", object_get_text, CALL_PROPERTY_WHAT, CHANGES),
        OBJECT_PROPERTY("Phase", "s", object_get_text, CALL_PROPERTY_PHASE, CHANGES),
        OBJECT_PROPERTY("Evidence", "s", object_get_text, CALL_PROPERTY_EVIDENCE, CHANGES),
        OBJECT_PROPERTY("Since", "t", object_get_number, CALL_PROPERTY_SINCE, CHANGES),
        OBJECT_PROPERTY("Counts", "b", object_get_bool, CALL_PROPERTY_COUNTS, CHANGES),
        OBJECT_PROPERTY("WhyNot", "s", object_get_text, CALL_PROPERTY_WHY_NOT, CHANGES),
        OBJECT_PROPERTY("Sign", "s", object_get_text, CALL_PROPERTY_SIGN, CHANGES),
        SD_BUS_VTABLE_END,
};

static const struct object_type call_type = {
        .folder = "call",
        .plain_names = true,
        .interface = "org.busyd.Busyd1.Call",
        .vtable = call_vtable,
        .names = call_names,
        .n_names = ARRAY_SIZE(call_names),
};

/* Enough for any serial. */
struct call_name {
        char text[24];
};

static struct call_name call_name(uint64_t serial) {
        struct call_name name;

        (void) snprintf(name.text, sizeof(name.text), "%" PRIu64, serial);
        return name;
}

int control_set_call(struct control *c, const struct control_call_view *v) {
        struct call_name name = call_name(v->serial);
        struct object *o;
        int r;

        r = ensure(&o, c, &call_type, name.text);
        if (r < 0)
                return r;
        object_set_text(o, CALL_PROPERTY_SOURCE, v->source);
        object_set_text(o, CALL_PROPERTY_APP, v->app);
        object_set_text(o, CALL_PROPERTY_WHAT, v->what);
        object_set_text(o, CALL_PROPERTY_PHASE, v->phase);
        object_set_text(o, CALL_PROPERTY_EVIDENCE, v->evidence);
        object_set_time(o, CALL_PROPERTY_SINCE, v->since_wall);
        object_set_number(o, CALL_PROPERTY_COUNTS, v->counts);
        object_set_text(o, CALL_PROPERTY_WHY_NOT, v->why_not);
        object_set_text(o, CALL_PROPERTY_SIGN, v->sign ? v->sign : "");
        return object_commit(o);
}

void control_remove_call(struct control *c, uint64_t serial) {
        object_remove(object_find(c->objects, &call_type, call_name(serial).text));
}

static int append_call(const struct object *o, sd_bus_message *m) {
        uint64_t serial = strtoull(o->name, NULL, 10);

        return sd_bus_message_append(m, "(tsssssbts)", serial, object_text(o, CALL_PROPERTY_SOURCE),
                                     object_text(o, CALL_PROPERTY_APP), object_text(o, CALL_PROPERTY_WHAT),
                                     object_text(o, CALL_PROPERTY_PHASE), object_text(o, CALL_PROPERTY_EVIDENCE),
                                     (int) object_number(o, CALL_PROPERTY_COUNTS),
                                     object_number(o, CALL_PROPERTY_SINCE), object_text(o, CALL_PROPERTY_WHY_NOT));
}

int children_append_evidence(struct object_set *s, sd_bus_message *m) {
        return append_all(s, m, &call_type, "(tsssssbts)", append_call);
}

/* ---- sources ---- */

enum {
        SOURCE_STATE,
        SOURCE_DETAIL,
        SOURCE_CALLS,
};

static const char *const source_names[] = {
        [SOURCE_STATE] = "State",
        [SOURCE_DETAIL] = "Detail",
        [SOURCE_CALLS] = "Calls",
};

static const sd_bus_vtable source_vtable[] = {
        SD_BUS_VTABLE_START(0),
        OBJECT_PROPERTY("State", "s", object_get_text, SOURCE_STATE, CHANGES),
        OBJECT_PROPERTY("Detail", "s", object_get_text, SOURCE_DETAIL, CHANGES),
        OBJECT_PROPERTY("Calls", "u", object_get_number_32, SOURCE_CALLS, CHANGES),
        SD_BUS_VTABLE_END,
};

static const struct object_type source_type = {
        .folder = "source",
        .interface = "org.busyd.Busyd1.Source",
        .vtable = source_vtable,
        .names = source_names,
        .n_names = ARRAY_SIZE(source_names),
};

int control_set_source(struct control *c, const struct control_source_view *v) {
        struct object *o;
        int r;

        r = ensure(&o, c, &source_type, v->name);
        if (r < 0)
                return r;
        object_set_text(o, SOURCE_STATE, v->state);
        object_set_text(o, SOURCE_DETAIL, v->detail);
        object_set_number(o, SOURCE_CALLS, v->n_calls);
        return object_commit(o);
}
