/* The daemon's answers as documents, see facts.h. Which member gets which key is in tables. */
#include <stdio.h>

#include "busyctl/because.h"
#include "busyctl/bus.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "json/json.h"

enum kind {
        KIND_TEXT,
        KIND_BOOL,
        KIND_NUMBER,
        KIND_TIME, /* microseconds on the bus */
        KIND_TEXTS,
};

/* `from` names a property; members of a struct come in the order of the table. */
struct field {
        const char *from, *to;
        enum kind kind;
};

static const struct field manager_fields[] = {
        { "Availability", "availability", KIND_TEXT },
        { "Since", "since", KIND_TIME },
        { "Mode", "mode", KIND_TEXT },
        { "ModeUntil", "mode_until", KIND_TIME },
        { "ModeUntilCallsEnd", "mode_until_calls_end", KIND_BOOL },
        { "Message", "message", KIND_TEXT },
        { "Settled", "settled", KIND_BOOL },
        { "Problem", "problem", KIND_TEXT },
        { "Version", "version", KIND_TEXT },
};

static const struct field account_fields[] = {
        { "UserId", "user_id", KIND_TEXT },
        { "Homeserver", "homeserver", KIND_TEXT },
        { "Server", "server", KIND_TEXT },
        { "State", "state", KIND_TEXT },
        { "RetryAt", "retry_at", KIND_TIME },
        { "Problem", "problem", KIND_TEXT },
        { "EncryptedCalls", "encrypted_calls", KIND_TEXT },
        { "KeysWithheld", "keys_withheld", KIND_NUMBER },
        { "Unreadable", "unreadable", KIND_NUMBER },
};

static const struct field output_fields[] = {
        { NULL, "name", KIND_TEXT },    { NULL, "claim", KIND_TEXT }, { NULL, "shows", KIND_TEXT },
        { NULL, "restore", KIND_TEXT }, { NULL, "note", KIND_TEXT },
};

static const struct field call_fields[] = {
        { "Source", "source", KIND_TEXT }, { "App", "app", KIND_TEXT },           { "What", "what", KIND_TEXT },
        { "Phase", "phase", KIND_TEXT },   { "Evidence", "evidence", KIND_TEXT }, { "Since", "since", KIND_TIME },
        { "Counts", "counts", KIND_BOOL }, { "WhyNot", "why_not", KIND_TEXT },    { "Sign", "sign", KIND_TEXT },
};

static const struct field source_fields[] = {
        { "State", "state", KIND_TEXT },
        { "Detail", "detail", KIND_TEXT },
        { "Calls", "calls", KIND_NUMBER },
};

static const struct field evidence_fields[] = {
        { NULL, "call", KIND_NUMBER }, { NULL, "source", KIND_TEXT }, { NULL, "app", KIND_TEXT },
        { NULL, "what", KIND_TEXT },   { NULL, "phase", KIND_TEXT },  { NULL, "evidence", KIND_TEXT },
        { NULL, "counts", KIND_BOOL }, { NULL, "since", KIND_TIME },  { NULL, "why_not", KIND_TEXT },
};

static const struct field restore_fields[] = {
        { NULL, "account", KIND_TEXT }, { NULL, "output", KIND_TEXT },  { NULL, "claim", KIND_TEXT },
        { NULL, "shows", KIND_TEXT },   { NULL, "restore", KIND_TEXT }, { NULL, "note", KIND_TEXT },
};

static const struct field stream_fields[] = {
        { NULL, "source", KIND_TEXT }, { NULL, "id", KIND_TEXT },  { NULL, "app", KIND_TEXT },
        { NULL, "what", KIND_TEXT },   { NULL, "why", KIND_TEXT }, { NULL, "evidence", KIND_TEXT },
        { NULL, "names", KIND_TEXTS },
};

static const struct field change_fields[] = {
        { NULL, "at", KIND_TIME },
        { NULL, "availability", KIND_TEXT },
        { NULL, "reason", KIND_TEXT },
};

static const struct field effect_fields[] = {
        { NULL, "at", KIND_TIME },
        { NULL, "name", KIND_TEXT },
        { NULL, "ok", KIND_BOOL },
        { NULL, "outcome", KIND_TEXT },
};

const char *fact_text(const json_t *object, const char *key) {
        const char *s = json_member_string(object, key);

        return s ? s : "";
}

bool fact_bool(const json_t *object, const char *key) {
        return json_is_true(json_object_get(object, key));
}

int64_t fact_time(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

/* The value as the document has it; also for a missing one, so that every key is always there. */
static json_t *convert(const json_t *value, enum kind kind) {
        switch (kind) {
        case KIND_TEXT:
                return json_string(json_is_string(value) ? json_string_value(value) : "");
        case KIND_BOOL:
                return json_boolean(json_is_true(value));
        case KIND_NUMBER:
                return json_integer(json_integer_value(value));
        case KIND_TEXTS:
                return json_is_array(value) ? json_incref((json_t *) value) : json_array();
        case KIND_TIME:
                return json_integer_value(value) > 0
                               ? json_integer(json_integer_value(value) / (json_int_t) USEC_PER_SEC)
                               : json_null();
        }
        return NULL;
}

/* From properties, if `from` is an object, or from a struct. */
static json_t *convert_fields(const json_t *from, const struct field *fields, size_t n) {
        json_t *object = json_object();

        for (size_t i = 0; object && i < n; i++) {
                const json_t *value =
                        json_is_object(from) ? json_object_get(from, fields[i].from) : json_array_get(from, i);

                (void) json_object_set_new(object, fields[i].to, convert(value, fields[i].kind));
        }
        return object;
}

static json_t *convert_structs(const json_t *from, const struct field *fields, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < json_array_size(from); i++)
                (void) json_array_append_new(array, convert_fields(json_array_get(from, i), fields, n));
        return array;
}

static json_t *out_of_memory(json_t *doc) {
        if (!doc)
                complain("Out of memory.");
        return doc;
}

enum exit_code facts_manager(struct ctl *c, json_t **ret) {
        SCOPED(json_decref) json_t *reply = NULL;
        enum exit_code code = bus_call(c, DBUS_PROPS, "GetAll", &reply, "s", BUS_MANAGER);

        if (code != CTL_OK)
                return code;
        *ret = out_of_memory(convert_fields(json_array_get(reply, 0), manager_fields, ARRAY_SIZE(manager_fields)));
        return *ret ? CTL_OK : CTL_FAILED;
}

static const struct field ignored_fields[] = {
        { NULL, "app", KIND_TEXT },
        { NULL, "source", KIND_TEXT },
};

/* A kind of child object: below `prefix`, with `interface`. */
struct child {
        const char *prefix, *interface, *id_key, *list_key;
        const struct field *fields;
        size_t n_fields;
};

static const struct child children[] = {
        { BUS_PATH "/account", BUS_ACCOUNT, "name", "accounts", account_fields, ARRAY_SIZE(account_fields) },
        { BUS_PATH "/call", BUS_CALL, "call", "calls", call_fields, ARRAY_SIZE(call_fields) },
        { BUS_PATH "/source", BUS_SOURCE, "name", "sources", source_fields, ARRAY_SIZE(source_fields) },
};

/* The name of a child is the last part of its path, with what a path cannot hold encoded; a call's is a number. */
static json_t *child_id(const struct child *kind, const char *path) {
        SCOPED(free) char *name = NULL;

        if (sd_bus_path_decode(path, kind->prefix, &name) <= 0)
                return NULL;
        return streq(kind->id_key, "call") ? json_integer(strtoll(name, NULL, 10)) : json_string(name);
}

static int compare_children(const void *a, const void *b) {
        const json_t *x = *(json_t *const *) a, *y = *(json_t *const *) b;
        json_int_t m = json_integer_value(json_object_get(x, "call")),
                   n = json_integer_value(json_object_get(y, "call"));

        return m != n ? (m < n ? -1 : 1) : strcmp(fact_text(x, "name"), fact_text(y, "name"));
}

/* By name or number: the bus keeps no order. Takes `array`; returns NULL only without memory. */
static json_t *sorted(json_t *array) {
        size_t n = json_array_size(array);
        json_t *copy = json_array(), **items = calloc(n + 1, sizeof(json_t *));

        for (size_t i = 0; items && i < n; i++)
                items[i] = json_array_get(array, i);
        if (items)
                qsort(items, n, sizeof(json_t *), compare_children);
        for (size_t i = 0; items && i < n; i++)
                (void) json_array_append(copy, items[i]);
        free(items);
        json_decref(array);
        return copy;
}

static json_t *convert_child(const struct child *kind, const char *path, const json_t *interfaces) {
        const json_t *properties = json_member_object(interfaces, kind->interface);
        json_t *object, *id = properties ? child_id(kind, path) : NULL;

        if (!id)
                return NULL;
        object = json_object();
        (void) json_object_set_new(object, kind->id_key, id);
        (void) json_object_update_new(object, convert_fields(properties, kind->fields, kind->n_fields));
        if (streq(kind->interface, BUS_ACCOUNT))
                (void) json_object_set_new(object, "outputs",
                                           convert_structs(json_object_get(properties, "Outputs"), output_fields,
                                                           ARRAY_SIZE(output_fields)));
        return object;
}

static json_t *convert_children(const struct child *kind, json_t *objects) {
        json_t *list = json_array(), *interfaces;
        const char *path;

        json_object_foreach(objects, path, interfaces) {
                json_t *object = convert_child(kind, path, interfaces);

                if (object)
                        (void) json_array_append_new(list, object);
        }
        return sorted(list);
}

enum exit_code facts_status(struct ctl *c, json_t **ret) {
        SCOPED(json_decref) json_t *objects = NULL, *doc = NULL;
        enum exit_code code = facts_manager(c, &doc);

        if (code == CTL_OK)
                code = bus_call(c, DBUS_OBJECTS, "GetManagedObjects", &objects, NULL);
        if (code != CTL_OK)
                return code;
        for (size_t i = 0; i < ARRAY_SIZE(children); i++)
                (void) json_object_set_new(doc, children[i].list_key,
                                           convert_children(&children[i], json_array_get(objects, 0)));
        *ret = TAKE(doc);
        return CTL_OK;
}

/* What Explain does not say, from the calls' objects. */
static void add_signs(const json_t *status, json_t *evidence) {
        const json_t *calls = json_object_get(status, "calls");

        for (size_t i = 0; i < json_array_size(evidence); i++) {
                json_t *e = json_array_get(evidence, i);
                json_int_t number = json_integer_value(json_object_get(e, "call"));

                for (size_t k = 0; k < json_array_size(calls); k++)
                        if (json_integer_value(json_object_get(json_array_get(calls, k), "call")) == number)
                                (void) json_object_set(e, "sign", json_object_get(json_array_get(calls, k), "sign"));
        }
}

const json_t *facts_account(const json_t *status, const char *name) {
        const json_t *accounts = json_member_array(status, "accounts"), *account;
        size_t i;

        json_array_foreach(accounts, i, account) {
                if (streq(fact_text(account, "name"), name))
                        return account;
        }
        return NULL;
}

bool facts_is_microphone(const char *source) {
        return streq(source, "pipewire") || streq(source, "pulseaudio");
}

static size_t add_blind(char *buf, size_t size, size_t used, const json_t *source) {
        const char *name = fact_text(source, "name"), *state = fact_text(source, "state"),
                   *detail = fact_text(source, "detail"), *gap = used > 0 ? "; " : "";
        int n;

        if (streq(state, "unavailable"))
                n = snprintf(buf + used, size - used, "%s%s", gap, detail);
        else
                n = snprintf(buf + used, size - used, "%sthe source %s is %s%s%s", gap, name, state,
                             detail[0] ? ", " : "", detail);
        return used + (n > 0 ? (size_t) n : 0);
}

const char *facts_blind_microphone(const json_t *status, char *buf, size_t size) {
        const json_t *source;
        size_t i, used = 0;

        buf[0] = '\0';
        json_array_foreach(json_member_array(status, "sources"), i, source) {
                if (!facts_is_microphone(fact_text(source, "name")) || used >= size)
                        continue;
                if (streq(fact_text(source, "state"), "watching")) {
                        buf[0] = '\0';
                        break;
                }
                used = add_blind(buf, size, used, source);
        }
        return buf;
}

enum exit_code facts_why(struct ctl *c, json_t **ret) {
        SCOPED(json_decref) json_t *reply = NULL, *doc = NULL, *status = NULL, *ignored = NULL;
        enum exit_code code = facts_manager(c, &doc);

        if (code == CTL_OK)
                code = bus_call(c, BUS_MANAGER, "Explain", &reply, NULL);
        if (code == CTL_OK)
                code = facts_status(c, &status);
        if (code == CTL_OK)
                code = facts_ignored(c, &ignored);
        if (code != CTL_OK)
                return code;
        (void) json_object_set_new(
                doc, "evidence",
                convert_structs(json_array_get(reply, 0), evidence_fields, ARRAY_SIZE(evidence_fields)));
        (void) json_object_set_new(
                doc, "restore", convert_structs(json_array_get(reply, 1), restore_fields, ARRAY_SIZE(restore_fields)));
        add_signs(status, json_object_get(doc, "evidence"));
        (void) json_object_set_new(doc, "because", because(status, ignored));
        *ret = TAKE(doc);
        return CTL_OK;
}

/* When something of a list of structs was, as the bus has it; -1: there is no such entry. */
static json_int_t moment_of(const json_t *list, size_t i) {
        const json_t *entry = json_array_get(list, i);

        return entry ? json_integer_value(json_array_get(entry, 0)) : -1;
}

/* The changes, each with what followed on this machine until the next one. Both lists begin with the newest; what is
 * older than all of the changes is left out. */
static json_t *history(const json_t *changes, const json_t *effects) {
        json_t *list = convert_structs(changes, change_fields, ARRAY_SIZE(change_fields));
        size_t k = 0;

        for (size_t i = 0; i < json_array_size(list); i++) {
                json_t *followed = json_array();

                for (; moment_of(effects, k) >= moment_of(changes, i); k++)
                        (void) json_array_append_new(
                                followed,
                                convert_fields(json_array_get(effects, k), effect_fields, ARRAY_SIZE(effect_fields)));
                (void) json_object_set_new(json_array_get(list, i), "effects", followed);
        }
        return list;
}

enum exit_code facts_history(struct ctl *c, unsigned n, json_t **ret) {
        SCOPED(json_decref) json_t *changes = NULL, *effects = NULL;
        enum exit_code code = bus_call(c, BUS_MANAGER, "History", &changes, "u", (uint32_t) n);

        if (code == CTL_OK)
                code = bus_call(c, BUS_MANAGER, "Effects", &effects, "u", (uint32_t) HISTORY_MAX);
        if (code != CTL_OK)
                return code;
        *ret = out_of_memory(history(json_array_get(changes, 0), json_array_get(effects, 0)));
        return *ret ? CTL_OK : CTL_FAILED;
}

/* A method without arguments that answers one list of structs. */
static enum exit_code list_of(struct ctl *c, const char *method, const struct field *fields, size_t n, json_t **ret) {
        SCOPED(json_decref) json_t *reply = NULL;
        enum exit_code code = bus_call(c, BUS_MANAGER, method, &reply, NULL);

        if (code != CTL_OK)
                return code;
        *ret = out_of_memory(convert_structs(json_array_get(reply, 0), fields, n));
        return *ret ? CTL_OK : CTL_FAILED;
}

enum exit_code facts_ignored(struct ctl *c, json_t **ret) {
        return list_of(c, "Ignored", ignored_fields, ARRAY_SIZE(ignored_fields), ret);
}

enum exit_code facts_streams(struct ctl *c, json_t **ret) {
        return list_of(c, "Streams", stream_fields, ARRAY_SIZE(stream_fields), ret);
}
