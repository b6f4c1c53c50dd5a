/* See people.h. */
#include "interop/people.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interop/web.h"
#include "util/clock.h"

#define REQUEST_TIMEOUT_MSEC 30000

struct device {
        struct synapse *synapse;
        char *user_id, *device_id, *token;
        unsigned transaction;
};

static char *escape(const char *s) {
        char *encoded = curl_easy_escape(NULL, s, 0), *copy = strdup(encoded);

        curl_free(encoded);
        cr_assert_not_null(copy);
        return copy;
}

/* A URL from a format in which every %s is escaped; the caller frees. */
static char *url_of(const struct synapse *s, const char *path, const char *a, const char *b, const char *c) {
        SCOPED(free) char *one = escape(a), *two = escape(b), *three = escape(c);
        char *url = NULL, *tail = NULL;

        cr_assert_geq(asprintf(&tail, path, one, two, three), 0);
        cr_assert_geq(asprintf(&url, "%s%s", synapse_url(s), tail), 0);
        free(tail);
        return url;
}

static struct web_reply ask(const struct synapse *s, const char *token, const char *method, const char *path,
                            const char *a, const char *b, const char *c, json_t *body) {
        SCOPED(free) char *url = url_of(s, path, a, b, c);

        return web_request(method, url, token, body, REQUEST_TIMEOUT_MSEC);
}

/* The answer, which must be 200. The caller drops it. */
static json_t *must(struct web_reply reply, const char *what) {
        char *text = reply.body ? json_dumps(reply.body, JSON_COMPACT) : strdup("no JSON");

        cr_assert_eq(reply.status, 200, "%s: %ld %s", what, reply.status, text);
        free(text);
        cr_assert_not_null(reply.body);
        return reply.body;
}

static char *copy_member(const json_t *object, const char *key) {
        const char *value = json_string_value(json_object_get(object, key));

        cr_assert_not_null(value, "no %s in the answer", key);
        return strdup(value);
}

/* ---- users and devices ---- */

static struct device *login(struct synapse *s, const char *name) {
        struct device *d = calloc(1, sizeof(*d));
        json_t *body = must(ask(s, NULL, "POST", "/_matrix/client/v3/login", "", "", "",
                                json_pack("{s:s, s:{s:s, s:s}, s:s, s:s}", "type", "m.login.password", "identifier",
                                          "type", "m.id.user", "user", name, "password", SYNAPSE_PASSWORD,
                                          "initial_device_display_name", "a client of the test")),
                            "login");

        cr_assert_not_null(d);
        d->synapse = s;
        d->user_id = copy_member(body, "user_id");
        d->device_id = copy_member(body, "device_id");
        d->token = copy_member(body, "access_token");
        json_decref(body);
        return d;
}

/* 200 if the user is there already: setting the same password again changes nothing, and logs nobody out. */
static void make_user(struct synapse *s, const char *name) {
        struct device *admin = login(s, SYNAPSE_ADMIN);
        char *user_id = NULL;
        struct web_reply reply;

        cr_assert_geq(asprintf(&user_id, "@%s:busyd.test", name), 0);
        reply = ask(s, admin->token, "GET", "/_synapse/admin/v2/users/%s", user_id, "", "", NULL);
        json_decref(reply.body);
        if (reply.status == 404) {
                reply = ask(s, admin->token, "PUT", "/_synapse/admin/v2/users/%s", user_id, "", "",
                            json_pack("{s:s}", "password", SYNAPSE_PASSWORD));
                cr_assert_eq(reply.status, 201, "making %s: %ld", user_id, reply.status);
                json_decref(reply.body);
        }
        free(user_id);
        device_free(admin);
}

struct device *device_login(struct synapse *s, const char *name) {
        make_user(s, name);
        return login(s, name);
}

struct device *device_of(struct synapse *s, const char *user_id, const char *device_id, const char *token) {
        struct device *d = calloc(1, sizeof(*d));

        cr_assert_not_null(d);
        d->synapse = s;
        d->user_id = strdup(user_id);
        d->device_id = strdup(device_id);
        d->token = strdup(token);
        return d;
}

struct device *device_free(struct device *d) {
        if (!d)
                return NULL;
        free(d->user_id);
        free(d->device_id);
        free(d->token);
        free(d);
        return NULL;
}

void device_logout(struct device *d) {
        json_decref(must(ask(d->synapse, d->token, "POST", "/_matrix/client/v3/logout", "", "", "", json_object()),
                         "logout"));
}

const char *device_user_id(const struct device *d) {
        return d->user_id;
}

const char *device_id(const struct device *d) {
        return d->device_id;
}

const char *device_token(const struct device *d) {
        return d->token;
}

const char *device_base_url(const struct device *d) {
        return synapse_url(d->synapse);
}

void device_sign_out_other(struct device *d, const char *other_device_id) {
        json_t *auth = json_pack("{s:s, s:{s:s, s:s}, s:s}", "type", "m.login.password", "identifier", "type",
                                 "m.id.user", "user", d->user_id, "password", SYNAPSE_PASSWORD);

        json_decref(must(ask(d->synapse, d->token, "DELETE", "/_matrix/client/v3/devices/%s", other_device_id, "", "",
                             json_pack("{s:o}", "auth", auth)),
                         "signing out a device"));
}

char *device_find(struct device *d, const char *display_name_prefix) {
        json_t *body = must(ask(d->synapse, d->token, "GET", "/_matrix/client/v3/devices", "", "", "", NULL),
                            "devices"),
               *entry;
        char *found = NULL;
        size_t i;

        json_array_foreach(json_object_get(body, "devices"), i, entry) {
                const char *name = json_string_value(json_object_get(entry, "display_name"));

                if (!found && name && strncmp(name, display_name_prefix, strlen(display_name_prefix)) == 0)
                        found = copy_member(entry, "device_id");
        }
        json_decref(body);
        cr_assert_not_null(found, "no device is called %s...", display_name_prefix);
        return found;
}

/* ---- presence ---- */

/* Lifts Synapse's presence limit of the user, or puts it back. */
static void override_limit(struct synapse *s, const char *user_id, bool lift) {
        struct device *admin = login(s, SYNAPSE_ADMIN);

        json_decref(must(ask(s, admin->token, lift ? "POST" : "DELETE",
                             "/_synapse/admin/v1/users/%s/override_ratelimit", user_id, "", "",
                             lift ? json_pack("{s:i, s:i}", "messages_per_second", 0, "burst_count", 0) : NULL),
                         "override_ratelimit"));
        device_free(admin);
}

void device_lift_limits(struct device *d) {
        override_limit(d->synapse, d->user_id, true);
}

void device_presence_put_in_turn(struct device *d, const char *state, const char *message) {
        json_decref(must(ask(d->synapse, d->token, "PUT", "/_matrix/client/v3/presence/%s/status", d->user_id, "", "",
                             json_pack("{s:s, s:s}", "presence", state, "status_msg", message)),
                         "PUT presence"));
}

void device_presence_put(struct device *d, const char *state, const char *message) {
        override_limit(d->synapse, d->user_id, true);
        device_presence_put_in_turn(d, state, message);
        override_limit(d->synapse, d->user_id, false);
}

void device_account_data_put(struct device *d, const char *type) {
        json_decref(must(ask(d->synapse, d->token, "PUT", "/_matrix/client/v3/user/%s/account_data/%s", d->user_id,
                             type, "", json_object()),
                         "PUT account_data"));
}

struct shown_presence device_presence_get(struct device *watcher, const char *user_id) {
        json_t *body = must(ask(watcher->synapse, watcher->token, "GET", "/_matrix/client/v3/presence/%s/status",
                                user_id, "", "", NULL),
                            "GET presence");
        const char *state = json_string_value(json_object_get(body, "presence")),
                   *message = json_string_value(json_object_get(body, "status_msg"));
        struct shown_presence shown;

        cr_assert_not_null(state);
        (void) snprintf(shown.state, sizeof(shown.state), "%s", state);
        (void) snprintf(shown.message, sizeof(shown.message), "%s", message ? message : "");
        shown.active_ago = (usec_t) json_integer_value(json_object_get(body, "last_active_ago")) * USEC_PER_MSEC;
        json_decref(body);
        return shown;
}

char *presence_filter(const char *user_id) {
        char *filter = NULL;

        cr_assert_geq(asprintf(&filter,
                               "{\"presence\":{\"types\":[\"m.presence\"],\"senders\":[\"%s\"]},"
                               "\"account_data\":{\"types\":[]},\"room\":{\"rooms\":[]}}",
                               user_id),
                      0);
        return filter;
}

/* A long poll that only the presence of that user ends. Returns the next position; frees `since`, which may be
 * NULL. */
static char *watch_once(struct device *watcher, const char *user_id, char *since, int timeout_msec) {
        char *filter = presence_filter(user_id), *timeout = NULL, *next;
        json_t *body;

        cr_assert_geq(asprintf(&timeout, "%d", timeout_msec), 0);
        if (since)
                body = must(ask(watcher->synapse, watcher->token, "GET",
                                "/_matrix/client/v3/sync?set_presence=offline&filter=%s&timeout=%s&since=%s", filter,
                                timeout, since, NULL),
                            "sync");
        else
                body = must(ask(watcher->synapse, watcher->token, "GET",
                                "/_matrix/client/v3/sync?set_presence=offline&filter=%s", filter, "", "", NULL),
                            "first sync");
        next = copy_member(body, "next_batch");
        json_decref(body);
        free(filter);
        free(timeout);
        free(since);
        return next;
}

/* The position is taken before the look, so that a change between the two ends the poll at once. */
static struct shown_presence wait_for(struct device *watcher, const char *user_id, const char *state,
                                      const char *message, bool not ) {
        usec_t deadline = interop_deadline();
        char *since = watch_once(watcher, user_id, NULL, 0);
        struct shown_presence shown;

        cr_assert_str_neq(watcher->user_id, user_id, "the watcher must be somebody else");
        for (;;) {
                usec_t now = clock_now();

                shown = device_presence_get(watcher, user_id);
                if ((strcmp(shown.state, state) == 0) != not &&(!message || strcmp(shown.message, message) == 0))
                        break;
                if (now >= deadline)
                        break;
                since = watch_once(watcher, user_id, since,
                                   (int) usec_min((deadline - now) / USEC_PER_MSEC, REQUEST_TIMEOUT_MSEC - 5000));
        }
        free(since);
        return shown;
}

struct shown_presence device_presence_wait(struct device *watcher, const char *user_id, const char *state,
                                           const char *message) {
        return wait_for(watcher, user_id, state, message, false);
}

struct shown_presence device_presence_wait_not(struct device *watcher, const char *user_id, const char *state) {
        return wait_for(watcher, user_id, state, NULL, true);
}

/* ---- what is odd ---- */

static long put_text(struct device *d, const char *path, const char *a, const char *b, const char *c,
                     const char *text) {
        SCOPED(free) char *url = url_of(d->synapse, path, a, b, c);
        struct web_reply reply = web_request_text("PUT", url, d->token, text, REQUEST_TIMEOUT_MSEC);

        json_decref(reply.body);
        return reply.status;
}

static const char *next_transaction(struct device *d) {
        static char transaction[32];

        (void) snprintf(transaction, sizeof(transaction), "t%u", d->transaction++);
        return transaction;
}

long device_send_to_device_text(struct device *d, const char *user_id, const char *type, const char *content) {
        SCOPED(free) char *text = NULL;

        cr_assert_geq(asprintf(&text, "{\"messages\":{\"%s\":{\"*\":%s}}}", user_id, content), 0);
        return put_text(d, "/_matrix/client/v3/sendToDevice/%s/%s", type, next_transaction(d), "", text);
}

long room_send_text(struct device *d, const char *room, const char *type, const char *content) {
        return put_text(d, "/_matrix/client/v3/rooms/%s/send/%s/%s", room, type, next_transaction(d), content);
}

long room_put_state_text(struct device *d, const char *room, const char *type, const char *content) {
        return put_text(d, "/_matrix/client/v3/rooms/%s/state/%s", room, type, "", content);
}

/* ---- calls ---- */

/* `version` NULL: the server's own. */
static char *make_room(struct device *host, struct device *guest, const char *version) {
        json_t *body = must(ask(host->synapse, host->token, "POST", "/_matrix/client/v3/createRoom", "", "", "",
                                json_pack("{s:s, s:[s], s:s*}", "preset", "private_chat", "invite", guest->user_id,
                                          "room_version", version)),
                            "createRoom");
        char *room = copy_member(body, "room_id");

        json_decref(body);
        json_decref(must(
                ask(guest->synapse, guest->token, "POST", "/_matrix/client/v3/join/%s", room, "", "", json_object()),
                "join"));
        return room;
}

char *room_new(struct device *host, struct device *guest) {
        return make_room(host, guest, NULL);
}

char *room_new_old(struct device *host, struct device *guest) {
        return make_room(host, guest, "5");
}

void room_join(struct device *host, const char *room, struct device *guest) {
        json_decref(must(ask(host->synapse, host->token, "POST", "/_matrix/client/v3/rooms/%s/invite", room, "", "",
                             json_pack("{s:s}", "user_id", guest->user_id)),
                         "invite"));
        json_decref(must(
                ask(guest->synapse, guest->token, "POST", "/_matrix/client/v3/join/%s", room, "", "", json_object()),
                "join"));
}

/* Adds what every event of a call has; takes `content`. */
static void send_call_event(struct device *d, const char *room, const char *type, const char *call, json_t *content) {
        cr_assert_not_null(content);
        json_object_set_new(content, "call_id", json_string(call));
        json_object_set_new(content, "party_id", json_string(d->device_id));
        json_object_set_new(content, "version", json_string("1"));
        json_decref(must(ask(d->synapse, d->token, "PUT", "/_matrix/client/v3/rooms/%s/send/%s/%s", room, type,
                             next_transaction(d), content),
                         type));
}

static json_t *description(const char *type) {
        return json_pack("{s:s, s:s}", "type", type, "sdp", "v=0\r\n");
}

void send_invite(struct device *caller, const char *room, const char *call, unsigned lifetime_msec) {
        send_call_event(caller, room, "m.call.invite", call,
                        json_pack("{s:i, s:o}", "lifetime", (int) lifetime_msec, "offer", description("offer")));
}

void send_answer(struct device *d, const char *room, const char *call) {
        send_call_event(d, room, "m.call.answer", call, json_pack("{s:o}", "answer", description("answer")));
}

void send_select(struct device *caller, const char *room, const char *call, const struct device *chosen) {
        send_call_event(caller, room, "m.call.select_answer", call,
                        json_pack("{s:s}", "selected_party_id", chosen->device_id));
}

void send_reject(struct device *d, const char *room, const char *call) {
        send_call_event(d, room, "m.call.reject", call, json_object());
}

void send_hangup(struct device *d, const char *room, const char *call, const char *reason) {
        send_call_event(d, room, "m.call.hangup", call, json_pack("{s:s}", "reason", reason));
}
