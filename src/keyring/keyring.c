/* One job, see keyring.h. Its steps:
 *
 *   all      OpenSession, then
 *   get      SearchItems, GetSecret
 *   remove   SearchItems, Delete
 *   probe    ReadAlias, is it locked
 *   put      ... CreateItem, which replaces
 *
 * What turns out to be locked is unlocked where somebody may be asked, once: Unlock, Prompt, and from the step after
 * OpenSession on again. SearchItems asks nobody by itself; what is locked it lists apart. What is open may ask before
 * it stores, too (KeePassXC always does so): CreateItem, Prompt, and it is done. */
#include "keyring/keyring.h"

#include <errno.h>

#include "util/bus-service.h"

#define SERVICE       "org.freedesktop.secrets"
#define SERVICE_PATH  "/org/freedesktop/secrets"
#define SERVICE_IFACE "org.freedesktop.Secret.Service"
#define ITEM_IFACE    "org.freedesktop.Secret.Item"
#define COLLECTION    "org.freedesktop.Secret.Collection"
#define PROMPT_IFACE  "org.freedesktop.Secret.Prompt"
#define SESSION_IFACE "org.freedesktop.Secret.Session"
#define PROPERTIES    "org.freedesktop.DBus.Properties"
#define SCHEMA        "org.busyd.Session"
/* Searched for alone: with its schema, GNOME Keyring does not always find what it has locked. */
#define ID "busyd-session"

enum kind { GET, PUT, PROBE, REMOVE };

struct keyring_job {
        enum kind kind;
        enum keyring_may_ask ask;
        bool unlocked; /* once: what is locked all the same stays so */
        sd_bus *bus;
        sd_bus_slot *call, *completed;
        char *id, *label, *secret;
        char *session; /* object path; NULL: none is open */
        char *object;  /* the item, or the collection to store in */
        char *prompt;  /* object path of what asks somebody; NULL: nothing does */
        keyring_done_t done;
        void *userdata;
};

static const char *word(const char *s) {
        return s ? s : "";
}

/* ---- the end ---- */

/* Of the object of this path, which is freed: NULL if there is none. Nobody waits for the answer. */
static char *leave(struct keyring_job *j, char *path, const char *interface, const char *member) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;

        if (path && sd_bus_message_new_method_call(j->bus, &m, SERVICE, path, interface, member) >= 0 &&
            sd_bus_message_set_expect_reply(m, false) >= 0 && sd_bus_message_set_auto_start(m, false) >= 0)
                (void) sd_bus_send(j->bus, m, NULL);
        free(path);
        return NULL;
}

static void leave_all(struct keyring_job *j) {
        j->prompt = leave(j, j->prompt, PROMPT_IFACE, "Dismiss");
        j->session = leave(j, j->session, SESSION_IFACE, "Close");
}

/* The last thing a step does. */
static int finish(struct keyring_job *j, enum keyring_outcome outcome, const char *secret, const char *problem) {
        const struct keyring_answer answer = { .outcome = outcome, .secret = secret, .problem = problem };

        j->call = sd_bus_slot_unref(j->call);
        j->completed = sd_bus_slot_unref(j->completed);
        leave_all(j);
        j->done(&answer, j->userdata);
        return 0;
}

static bool begins_with(const char *s, const char *start) {
        return strncmp(s, start, strlen(start)) == 0;
}

static int be_locked(struct keyring_job *j, const char *object);

/* Of what the service answered with an error. */
static int fail(struct keyring_job *j, const sd_bus_error *error) {
        const char *name = error ? word(error->name) : "";

        if (streq(name, SD_BUS_ERROR_SERVICE_UNKNOWN) || streq(name, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
            begins_with(name, "org.freedesktop.DBus.Error.Spawn."))
                return finish(j, KEYRING_ABSENT, NULL, "there is no keyring");
        if (streq(name, "org.freedesktop.Secret.Error.IsLocked"))
                return be_locked(j, j->object);
        if (streq(name, SD_BUS_ERROR_NO_REPLY) || streq(name, SD_BUS_ERROR_TIMEOUT))
                return finish(j, KEYRING_FAILED, NULL, "the keyring does not answer");
        return finish(j, KEYRING_FAILED, NULL, "the keyring refuses");
}

static int fail_reading(struct keyring_job *j, int r) {
        return finish(j, KEYRING_FAILED, NULL, r == -ENOMEM ? "out of memory" : "the keyring's answer makes no sense");
}

/* ---- calls ---- */

static int new_call(const struct keyring_job *j, sd_bus_message **ret, const char *path, const char *interface,
                    const char *member) {
        int r = sd_bus_message_new_method_call(j->bus, ret, SERVICE, path, interface, member);

        /* What it says, and the answer to it, is wiped after use. */
        return r < 0 ? r : sd_bus_message_sensitive(*ret);
}

static int send(struct keyring_job *j, sd_bus_message *m, sd_bus_message_handler_t answer) {
        j->call = sd_bus_slot_unref(j->call);
        return sd_bus_call_async(j->bus, &j->call, m, answer, j, KEYRING_STEP_MAX);
}

static int call(struct keyring_job *j, const char *path, const char *interface, const char *member,
                sd_bus_message_handler_t answer, const char *types, ...) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        va_list ap;
        int r = new_call(j, &m, path, interface, member);

        va_start(ap, types);
        if (r >= 0)
                r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        return r < 0 ? r : send(j, m, answer);
}

static int go_on(struct keyring_job *j, int r) {
        return r < 0 ? fail_reading(j, r) : 0;
}

static int take_object(struct keyring_job *j, const char *path) {
        char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        free(j->object);
        j->object = copy;
        return 0;
}

static bool is_path(const char *path) {
        return !streq(path, "/");
}

/* ---- asking somebody ---- */

static int on_prompted(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;

        return sd_bus_message_is_method_error(m, NULL) ? fail(j, sd_bus_message_get_error(m)) : 0;
}

/* Until it is over there is no limit to how long that takes. */
static int prompt(struct keyring_job *j, const char *path, sd_bus_message_handler_t completed) {
        int r;

        j->prompt = strdup(path);
        if (!j->prompt)
                return -ENOMEM;
        r = sd_bus_match_signal_async(j->bus, &j->completed, SERVICE, path, PROMPT_IFACE, "Completed", completed, NULL,
                                      j);
        return r < 0 ? r : call(j, path, PROMPT_IFACE, "Prompt", on_prompted, "s", "");
}

/* Whether somebody has said yes. */
static bool is_granted(struct keyring_job *j, sd_bus_message *m) {
        int dismissed;

        free(j->prompt);
        j->prompt = NULL;
        return sd_bus_message_read(m, "b", &dismissed) >= 0 && !dismissed;
}

/* ---- unlocking ---- */

static int begin(struct keyring_job *j);

static int on_unlocked(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;

        if (!is_granted(j, m))
                return finish(j, KEYRING_DISMISSED, NULL, "the keyring is locked, and was not unlocked");
        j->completed = sd_bus_slot_unref(j->completed);
        return go_on(j, begin(j));
}

static int on_unlock(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = sd_bus_message_skip(m, "ao");
        if (r >= 0)
                r = sd_bus_message_read(m, "o", &path);
        if (r < 0)
                return fail_reading(j, r);
        return go_on(j, is_path(path) ? prompt(j, path, on_unlocked) : begin(j));
}

static int be_locked(struct keyring_job *j, const char *object) {
        if (j->ask == KEYRING_ASKS_NOBODY || j->unlocked || !object)
                return finish(j, KEYRING_LOCKED, NULL, "the keyring is locked");
        j->unlocked = true;
        return go_on(j, call(j, SERVICE_PATH, SERVICE_IFACE, "Unlock", on_unlock, "ao", 1, object));
}

/* ---- reading and removing ---- */

/* Into `ret`, to be wiped; without a zero in it. */
static int read_secret(sd_bus_message *m, char **ret) {
        const void *value;
        char *copy;
        size_t n;
        int r = sd_bus_message_enter_container(m, 'r', "oayays");

        if (r >= 0)
                r = sd_bus_message_skip(m, "oay");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &value, &n);
        if (r < 0)
                return r;
        if (n == 0 || n > KEYRING_SECRET_MAX || memchr(value, '\0', n))
                return -EBADMSG;
        copy = calloc(1, n + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, value, n);
        *ret = copy;
        return 0;
}

static int on_secret(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        char *secret = NULL;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = read_secret(m, &secret);
        if (r < 0)
                return fail_reading(j, r);
        /* The job's, as `done` may end the job. */
        erase_and_free(j->secret);
        j->secret = secret;
        return finish(j, KEYRING_DONE, secret, "");
}

/* With a prompt it has not happened. */
static int on_deleted(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = sd_bus_message_read(m, "o", &path);
        if (r < 0)
                return fail_reading(j, r);
        return is_path(path) ? be_locked(j, j->object) : finish(j, KEYRING_DONE, NULL, "");
}

/* The first one, NULL: none. */
static int read_first(sd_bus_message *m, const char **ret) {
        const char *path, *first = NULL;
        int r = sd_bus_message_enter_container(m, 'a', "o");

        while (r >= 0 && (r = sd_bus_message_read(m, "o", &path)) > 0)
                first = first ? first : path;
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = first;
        return r;
}

static int on_found(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        const char *open, *locked;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = read_first(m, &open);
        if (r >= 0)
                r = read_first(m, &locked);
        if (r < 0)
                return fail_reading(j, r);
        if (!open)
                return locked ? be_locked(j, locked)
                              : finish(j, KEYRING_MISSING, NULL, "the keyring has no such entry");
        r = take_object(j, open);
        if (r >= 0)
                r = j->kind == GET ? call(j, j->object, ITEM_IFACE, "GetSecret", on_secret, "o", j->session)
                                   : call(j, j->object, ITEM_IFACE, "Delete", on_deleted, "");
        return go_on(j, r);
}

/* ---- storing ---- */

static int on_granted(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;

        return is_granted(j, m) ? finish(j, KEYRING_DONE, NULL, "")
                                : finish(j, KEYRING_DISMISSED, NULL, "the keyring has asked, and was told no");
}

static int on_stored(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        const char *item, *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = sd_bus_message_read(m, "oo", &item, &path);
        if (r < 0)
                return fail_reading(j, r);
        if (!is_path(path))
                return finish(j, KEYRING_DONE, NULL, "");
        return j->ask == KEYRING_ASKS_NOBODY ? finish(j, KEYRING_LOCKED, NULL, "the keyring asks each time")
                                             : go_on(j, prompt(j, path, on_granted));
}

static int append_secret(const struct keyring_job *j, sd_bus_message *m) {
        int r = sd_bus_message_open_container(m, 'r', "oayays");

        if (r >= 0)
                r = sd_bus_message_append(m, "oay", j->session, 0);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', j->secret, strlen(j->secret));
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "text/plain");
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int store(struct keyring_job *j) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        int r = new_call(j, &m, j->object, COLLECTION, "CreateItem");

        if (r >= 0)
                r = sd_bus_message_append(m, "a{sv}", 2, ITEM_IFACE ".Label", "s", j->label, ITEM_IFACE ".Attributes",
                                          "a{ss}", 2, "xdg:schema", SCHEMA, ID, j->id);
        if (r >= 0)
                r = append_secret(j, m);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", true);
        return r < 0 ? r : send(j, m, on_stored);
}

static int on_is_locked(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        int r, locked;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = sd_bus_message_read(m, "v", "b", &locked);
        if (r < 0)
                return fail_reading(j, r);
        if (locked)
                return be_locked(j, j->object);
        return j->kind == PROBE ? finish(j, KEYRING_DONE, NULL, "") : go_on(j, store(j));
}

static int on_collection(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = sd_bus_message_read(m, "o", &path);
        if (r < 0)
                return fail_reading(j, r);
        if (!is_path(path))
                return finish(j, KEYRING_ABSENT, NULL, "there is nothing in the keyring to store in yet");
        r = take_object(j, path);
        if (r >= 0)
                r = call(j, j->object, PROPERTIES, "Get", on_is_locked, "ss", COLLECTION, "Locked");
        return go_on(j, r);
}

/* ---- the beginning ---- */

static int begin(struct keyring_job *j) {
        if (j->kind == PUT || j->kind == PROBE)
                return call(j, SERVICE_PATH, SERVICE_IFACE, "ReadAlias", on_collection, "s", "default");
        return call(j, SERVICE_PATH, SERVICE_IFACE, "SearchItems", on_found, "a{ss}", 1, ID, j->id);
}

static int on_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_job *j = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return fail(j, sd_bus_message_get_error(m));
        r = sd_bus_message_skip(m, "v");
        if (r >= 0)
                r = sd_bus_message_read(m, "o", &path);
        if (r >= 0 && !(j->session = strdup(path)))
                r = -ENOMEM;
        return go_on(j, r < 0 ? r : begin(j));
}

static int start(struct keyring_job **ret, sd_bus *bus, enum kind kind, const struct keyring_item *item,
                 enum keyring_may_ask ask, keyring_done_t done, void *userdata) {
        SCOPED(keyring_job_free) struct keyring_job *j = NULL;
        int r;

        if (!bus)
                return -ENOTCONN;
        j = calloc(1, sizeof(*j));
        if (!j)
                return -ENOMEM;
        j->kind = kind;
        j->ask = ask;
        j->bus = sd_bus_ref(bus);
        j->done = done;
        j->userdata = userdata;
        j->id = strdup(word(item->id));
        j->label = strdup(word(item->label));
        j->secret = strdup(word(item->secret));
        if (!j->id || !j->label || !j->secret)
                return -ENOMEM;
        r = call(j, SERVICE_PATH, SERVICE_IFACE, "OpenSession", on_session, "sv", "plain", "s", "");
        if (r < 0)
                return r;
        *ret = TAKE(j);
        return 0;
}

int keyring_get(struct keyring_job **ret, sd_bus *bus, const char *id, enum keyring_may_ask ask, keyring_done_t done,
                void *userdata) {
        return start(ret, bus, GET, &(struct keyring_item){ .id = id }, ask, done, userdata);
}

int keyring_put(struct keyring_job **ret, sd_bus *bus, const struct keyring_item *item, enum keyring_may_ask ask,
                keyring_done_t done, void *userdata) {
        return start(ret, bus, PUT, item, ask, done, userdata);
}

int keyring_probe(struct keyring_job **ret, sd_bus *bus, enum keyring_may_ask ask, keyring_done_t done,
                  void *userdata) {
        return start(ret, bus, PROBE, &(struct keyring_item){ .id = NULL }, ask, done, userdata);
}

int keyring_remove(struct keyring_job **ret, sd_bus *bus, const char *id, enum keyring_may_ask ask,
                   keyring_done_t done, void *userdata) {
        return start(ret, bus, REMOVE, &(struct keyring_item){ .id = id }, ask, done, userdata);
}

struct keyring_job *keyring_job_free(struct keyring_job *j) {
        if (!j)
                return NULL;
        sd_bus_slot_unref(j->call);
        sd_bus_slot_unref(j->completed);
        leave_all(j);
        sd_bus_unref(j->bus);
        erase_and_free(j->secret);
        free(j->id);
        free(j->label);
        free(j->session);
        free(j->object);
        free(j);
        return NULL;
}
