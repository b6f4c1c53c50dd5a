/* The endpoints, and the state behind them as a test sees and sets it. */
#include "internal.h"

#include <pthread.h>
#include <stdio.h>

const char *hs_query(const struct hs_context *c, const char *key) {
        return MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, key);
}

void hs_error(struct hs_context *c, unsigned status, const char *errcode, const char *error) {
        json_decref(c->answer);
        c->status = status;
        c->answer = json_pack("{s:s,s:s}", "errcode", errcode, "error", error);
}

static void answer_with(struct hs_context *c, json_t *body) {
        c->status = 200;
        c->answer = body;
}

static bool own_user(struct hs_context *c, size_t segment) {
        if (streq(c->segments[segment], HS_USER))
                return true;
        hs_error(c, 403, "M_FORBIDDEN", "Not your user.");
        return false;
}

static bool with_object(struct hs_context *c) {
        if (json_is_object(c->body))
                return true;
        hs_error(c, 400, "M_NOT_JSON", "Content not JSON.");
        return false;
}

/* ---- what the server is, and sessions ---- */

static void get_well_known(struct hs_context *c) {
        answer_with(c, json_pack("{s:{s:s}}", "m.homeserver", "base_url", c->s->url));
}

static bool is_synapse(enum hs_kind kind) {
        return kind == HS_SYNAPSE || kind == HS_SYNAPSE_OLD;
}

static void get_versions(struct hs_context *c) {
        bool flag = c->s->options.kind == HS_TUWUNEL || (is_synapse(c->s->options.kind) && !c->s->presence.busy_off);

        answer_with(c, json_pack("{s:[s,s,s],s:{s:b,s:b}}", "versions", "v1.1", "v1.11", "v1.12", "unstable_features",
                                 "org.matrix.msc3026.busy_presence", flag, "uk.tcpip.msc4133",
                                 c->s->options.profile_old));
}

static void get_federation_version(struct hs_context *c) {
        static const struct {
                const char *name, *version;
        } servers[] = {
                [HS_SYNAPSE] = { "Synapse", "1.160.0" },  [HS_SYNAPSE_OLD] = { "Synapse", "1.92.3" },
                [HS_TUWUNEL] = { "Tuwunel", "1.9.0" },    [HS_CONTINUWUITY] = { "Continuwuity", "0.5.0" },
                [HS_DENDRITE] = { "Dendrite", "0.15.0" }, [HS_UNKNOWN] = { NULL, NULL },
        };

        if (!servers[c->s->options.kind].name) {
                hs_error(c, 404, "M_UNRECOGNIZED", "Unrecognized request");
                return;
        }
        answer_with(c, json_pack("{s:{s:s,s:s}}", "server", "name", servers[c->s->options.kind].name, "version",
                                 servers[c->s->options.kind].version));
}

static void get_login(struct hs_context *c) {
        answer_with(c, json_pack("{s:[{s:s},{s:s}]}", "flows", "type", "m.login.password", "type", "m.login.token"));
}

struct hs_session *hs_session_new(struct hs *s, const char *device_id) {
        struct hs_session *n = s->n_sessions < HS_SESSIONS_MAX ? &s->sessions[s->n_sessions++] : &s->sessions[0];

        *n = (struct hs_session){ 0 };
        s->serial++;
        snprintf(n->token, sizeof(n->token), "tok_%u_%lld", s->serial, (long long) hs_now());
        if (device_id)
                snprintf(n->device, sizeof(n->device), "%s", device_id);
        else
                snprintf(n->device, sizeof(n->device), "DEVICE%u", s->serial);
        return n;
}

static bool credentials_fit(const struct hs_context *c) {
        const char *type = json_string_value(json_object_get(c->body, "type")) ?: "";
        const char *password = json_string_value(json_object_get(c->body, "password")) ?: "";
        const char *token = json_string_value(json_object_get(c->body, "token")) ?: "";
        const json_t *identifier = json_object_get(c->body, "identifier");
        const char *user = json_string_value(json_object_get(identifier, "user")) ?: "";

        if (streq(type, "m.login.token"))
                return streq(token, "login-token");
        return streq(type, "m.login.password") && streq(password, HS_PASSWORD) &&
               (streq(user, HS_USER) || streq(user, "me"));
}

static void post_login(struct hs_context *c) {
        const struct hs_session *n;

        if (!with_object(c))
                return;
        if (!credentials_fit(c)) {
                hs_error(c, 403, "M_FORBIDDEN", "Invalid username or password");
                return;
        }
        n = hs_session_new(c->s, json_string_value(json_object_get(c->body, "device_id")));
        answer_with(c,
                    json_pack("{s:s,s:s,s:s}", "user_id", HS_USER, "access_token", n->token, "device_id", n->device));
}

static void post_logout(struct hs_context *c) {
        c->session->revoked = true;
        answer_with(c, json_object());
}

static void get_whoami(struct hs_context *c) {
        answer_with(c, json_pack("{s:s,s:s,s:b}", "user_id", HS_USER, "device_id", c->session->device, "is_guest", 0));
}

static void get_devices(struct hs_context *c) {
        json_t *list = json_array();

        for (size_t i = 0; i < c->s->n_sessions; i++)
                if (!c->s->sessions[i].revoked) {
                        json_t *device = json_pack("{s:s}", "device_id", c->s->sessions[i].device);

                        if (c->s->sessions[i].seen > 0)
                                json_object_set_new(device, "last_seen_ts", json_integer(c->s->sessions[i].seen));
                        json_array_append_new(list, device);
                }
        answer_with(c, json_pack("{s:o}", "devices", list));
}

static void get_capabilities(struct hs_context *c) {
        const struct hs_options *o = &c->s->options;

        answer_with(c, json_pack("{s:{s:{s:b}}}", "capabilities",
                                 o->profile_old ? "uk.tcpip.msc4133.profile_fields" : "m.profile_fields", "enabled",
                                 !o->profile_off));
}

/* ---- presence ---- */

bool hs_presence_is_told(const struct hs *s) {
        return !s->options.alone || (s->options.kind != HS_TUWUNEL && s->options.kind != HS_CONTINUWUITY);
}

static void get_presence(struct hs_context *c) {
        bool off = c->s->presence.off, never = c->s->options.kind == HS_DENDRITE && !c->s->presence.state[0];

        if (off && (c->s->options.kind == HS_TUWUNEL || c->s->options.kind == HS_CONTINUWUITY)) {
                hs_error(c, 403, "M_FORBIDDEN", "Presence is disabled on this server");
                return;
        }
        if (!hs_presence_is_told(c->s)) {
                hs_error(c, 404, "M_NOT_FOUND", "Presence state for this user was not found");
                return;
        }
        if (off || never) {
                answer_with(c, json_pack("{s:s}", "presence", never ? "" : "offline"));
                return;
        }
        answer_with(c, json_pack("{s:s,s:i}", "presence", c->s->shown_state, "last_active_ago", 1000));
        if (c->s->shown_message[0])
                json_object_set_new(c->answer, "status_msg", json_string(c->s->shown_message));
}

/* One turn for each period, whatever comes of it. */
static bool take_turn(struct hs_context *c) {
        int64_t wait = c->s->presence_turn + c->s->options.rc_presence_msec - hs_now();

        if (c->s->options.rc_presence_msec > 0 && wait > 0) {
                hs_error(c, 429, "M_LIMIT_EXCEEDED", "Too Many Requests");
                json_object_set_new(c->answer, "retry_after_ms", json_integer(wait));
                return false;
        }
        c->s->presence_turn = hs_now();
        return true;
}

static void put_presence(struct hs_context *c) {
        const json_t *message = json_object_get(c->body, "status_msg");
        const char *state = json_string_value(json_object_get(c->body, "presence"));
        size_t known = 1 + (message ? 1 : 0);
        unsigned status;

        if (!own_user(c, 4) || (!c->appservice && !take_turn(c)) || !with_object(c))
                return;
        if (!state || (message && !json_is_string(message)) || json_object_size(c->body) != known) {
                hs_error(c, 400, "M_UNKNOWN", "Unable to parse state");
                return;
        }
        status = presence_put(&c->s->presence, c->session->device, state, json_string_value(message), hs_now());
        hs_presence_check(c->s);
        if (status == 400)
                hs_error(c, 400, "M_UNKNOWN", "Invalid presence state");
        else if (status == 403)
                hs_error(c, 403, "M_FORBIDDEN", "Presence is disabled on this server");
        else
                answer_with(c, json_object());
}

void hs_presence_check(struct hs *s) {
        const char *state, *message;

        presence_shown(&s->presence, hs_now(), &state, &message);
        if (streq(state, s->shown_state) && streq(message, s->shown_message))
                return;
        free(s->shown_state);
        free(s->shown_message);
        s->shown_state = strdup(state);
        s->shown_message = strdup(message);
        s->shown = reallocarray(s->shown, s->n_shown + 1, sizeof(*s->shown));
        s->shown[s->n_shown++] = strdup(state);
        s->presence_position = ++s->position;
        if (s->on_presence)
                s->on_presence(s->on_presence_userdata, state, message);
        hs_changed(s);
}

/* ---- account data, filters, profile ---- */

static void set_account_data(struct hs *s, const char *type, json_t *content) {
        json_object_set_new(s->account_data, type, content);
        json_object_set_new(s->account_data_positions, type, json_integer(++s->position));
        hs_changed(s);
}

static void get_account_data(struct hs_context *c) {
        json_t *content = json_object_get(c->s->account_data, c->segments[6]);

        if (!content)
                hs_error(c, 404, "M_NOT_FOUND", "Account data not found");
        else
                answer_with(c, json_incref(content));
}

static void put_account_data(struct hs_context *c) {
        if (!own_user(c, 4) || !with_object(c))
                return;
        set_account_data(c->s, c->segments[6], json_incref(c->body));
        answer_with(c, json_object());
}

static void post_filter(struct hs_context *c) {
        char id[16];

        if (!own_user(c, 4) || !with_object(c))
                return;
        snprintf(id, sizeof(id), "%zu", json_array_size(c->s->filters));
        json_array_append(c->s->filters, c->body);
        answer_with(c, json_pack("{s:s}", "filter_id", id));
}

/* The paths of the spec and from before it differ at the front. */
static bool own_profile(struct hs_context *c) {
        return own_user(c, c->n_segments - 2);
}

static const char *field_of(const struct hs_context *c) {
        return c->segments[c->n_segments - 1];
}

static void get_profile_field(struct hs_context *c) {
        json_t *value = json_object_get(c->s->profile, field_of(c));

        if (!value)
                hs_error(c, 404, "M_NOT_FOUND", "No such field");
        else
                answer_with(c, json_pack("{s:O}", field_of(c), value));
}

static void put_profile_field(struct hs_context *c) {
        json_t *value = json_object_get(c->body, field_of(c));

        if (!own_profile(c) || !with_object(c))
                return;
        if (!value) {
                hs_error(c, 400, "M_MISSING_PARAM", "Missing key");
                return;
        }
        json_object_set(c->s->profile, field_of(c), value);
        hs_changed(c->s);
        answer_with(c, json_object());
}

static void delete_profile_field(struct hs_context *c) {
        if (!own_profile(c))
                return;
        json_object_del(c->s->profile, field_of(c));
        hs_changed(c->s);
        answer_with(c, json_object());
}

/* ---- the table ---- */

static const struct route {
        const char *method, *path; /* "*" is any one segment */
        bool needs_token;
        void (*handle)(struct hs_context *c);
} routes[] = {
        { "GET", ".well-known/matrix/client", false, get_well_known },
        { "GET", "_matrix/client/versions", false, get_versions },
        { "GET", "_matrix/federation/v1/version", false, get_federation_version },
        { "GET", "_matrix/client/v3/login", false, get_login },
        { "POST", "_matrix/client/v3/login", false, post_login },
        { "POST", "_matrix/client/v3/logout", true, post_logout },
        { "GET", "_matrix/client/v3/account/whoami", true, get_whoami },
        { "GET", "_matrix/client/v3/devices", true, get_devices },
        { "GET", "_matrix/client/v3/capabilities", true, get_capabilities },
        { "GET", "_matrix/client/v3/presence/*/status", true, get_presence },
        { "PUT", "_matrix/client/v3/presence/*/status", true, put_presence },
        { "POST", "_matrix/client/v3/user/*/filter", true, post_filter },
        { "GET", "_matrix/client/v3/user/*/account_data/*", true, get_account_data },
        { "PUT", "_matrix/client/v3/user/*/account_data/*", true, put_account_data },
        { "GET", "_matrix/client/v3/profile/*/*", true, get_profile_field },
        { "PUT", "_matrix/client/v3/profile/*/*", true, put_profile_field },
        { "DELETE", "_matrix/client/v3/profile/*/*", true, delete_profile_field },
        { "GET", "_matrix/client/unstable/uk.tcpip.msc4133/profile/*/*", true, get_profile_field },
        { "PUT", "_matrix/client/unstable/uk.tcpip.msc4133/profile/*/*", true, put_profile_field },
        { "DELETE", "_matrix/client/unstable/uk.tcpip.msc4133/profile/*/*", true, delete_profile_field },
        { "GET", "_matrix/client/v3/sync", true, hs_sync },
        { "GET", "_matrix/client/v3/rooms/*/messages", true, hs_messages },
};

static bool fits(const struct hs_context *c, const struct route *route) {
        SCOPED(free) char *copy = strdup(route->path);
        char *rest = NULL;
        size_t i = 0;

        if (!streq(route->method, c->request->method) ||
            (strstr(route->path, "msc4133") && !c->s->options.profile_old))
                return false;
        for (char *p = strtok_r(copy, "/", &rest); p; p = strtok_r(NULL, "/", &rest), i++)
                if (i >= c->n_segments || (!streq(p, "*") && !streq(p, c->segments[i])))
                        return false;
        return i == c->n_segments;
}

/* MSC4326 */
static bool masquerades(struct hs_context *c) {
        const char *user = hs_query(c, "user_id"), *device = hs_query(c, "device_id");

        c->session = device ? NULL : &c->no_device;
        for (size_t i = 0; device && i < c->s->n_sessions; i++)
                if (!c->s->sessions[i].revoked && streq(c->s->sessions[i].device, device))
                        c->session = &c->s->sessions[i];
        if (!user || !streq(user, HS_USER))
                hs_error(c, 403, "M_FORBIDDEN", "Application service cannot masquerade as this user");
        else if (!c->session)
                hs_error(c, 400, "ORG.MATRIX.MSC4326.M_UNKNOWN_DEVICE", "No such device");
        else
                return true;
        return false;
}

static bool token_fits(struct hs_context *c) {
        if (c->appservice)
                return masquerades(c);
        if (!c->request->token_in_header)
                hs_error(c, 401, "M_MISSING_TOKEN", "Missing access token");
        else if (!c->session || c->session->revoked)
                hs_error(c, 401, "M_UNKNOWN_TOKEN", "Invalid access token passed.");
        else
                return true;
        if (c->session && c->session->soft)
                json_object_set_new(c->answer, "soft_logout", json_true());
        return false;
}

void hs_route(struct hs_context *c) {
        hs_presence_check(c->s);
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
                if (fits(c, &routes[i])) {
                        if (!routes[i].needs_token || token_fits(c))
                                routes[i].handle(c);
                        return;
                }
        hs_error(c, 404, "M_UNRECOGNIZED", "Unrecognized request");
}

/* ---- the test's side ---- */

const char *hs_url(const struct hs *s) {
        return s->url;
}

char *hs_login(struct hs *s, const char *device_id) {
        char *token;

        pthread_mutex_lock(&s->lock);
        token = strdup(hs_session_new(s, device_id)->token);
        pthread_mutex_unlock(&s->lock);
        return token;
}

void hs_set_appservice(struct hs *s, const char *token) {
        pthread_mutex_lock(&s->lock);
        snprintf(s->appservice, sizeof(s->appservice), "%s", token ?: "");
        pthread_mutex_unlock(&s->lock);
}

void hs_revoke(struct hs *s, const char *device_id, bool soft_logout) {
        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < s->n_sessions; i++)
                if (streq(s->sessions[i].device, device_id)) {
                        s->sessions[i].revoked = true;
                        s->sessions[i].soft = soft_logout;
                }
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

static struct hs_event *event_add(struct hs *s, const char *room, json_t *event) {
        struct hs_event *e;

        s->events = reallocarray(s->events, s->n_events + 1, sizeof(*s->events));
        e = &s->events[s->n_events++];
        *e = (struct hs_event){ .room = strdup(room), .event = event, .position = ++s->position, .arrived = hs_now() };
        return e;
}

const char *hs_send(struct hs *s, const char *room, json_t *event) {
        const char *id;
        char made[32];

        pthread_mutex_lock(&s->lock);
        event_add(s, room, event);
        snprintf(made, sizeof(made), "$event%u", ++s->serial);
        if (!json_object_get(event, "event_id"))
                json_object_set_new(event, "event_id", json_string(made));
        if (!json_object_get(event, "origin_server_ts"))
                json_object_set_new(event, "origin_server_ts", json_integer(hs_wall_now()));
        id = json_string_value(json_object_get(event, "event_id"));
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
        return id;
}

void hs_leave(struct hs *s, const char *room) {
        pthread_mutex_lock(&s->lock);
        event_add(s, room, NULL)->left = true;
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_person_sets(struct hs *s, const char *device, const char *presence, const char *message) {
        pthread_mutex_lock(&s->lock);
        presence_put(&s->presence, device, presence, message, hs_now());
        hs_presence_check(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_client_polls(struct hs *s, const char *device, const char *presence) {
        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < s->n_sessions; i++)
                if (streq(s->sessions[i].device, device))
                        s->sessions[i].seen = hs_wall_now();
        presence_poll_ends(&s->presence, device, hs_now());
        if (presence)
                presence_poll_begins(&s->presence, device, presence, hs_now());
        hs_presence_check(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_other_sets(struct hs *s, const char *user, const char *presence, const char *message) {
        pthread_mutex_lock(&s->lock);
        json_decref(s->other_presence);
        s->other_presence = hs_presence_event(user, presence, message);
        s->other_position = ++s->position;
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_presence(struct hs *s, char **ret_presence, char **ret_message) {
        pthread_mutex_lock(&s->lock);
        hs_presence_check(s);
        *ret_presence = strdup(s->shown_state);
        *ret_message = strdup(s->shown_message);
        pthread_mutex_unlock(&s->lock);
}

void hs_set_presence_off(struct hs *s, bool off) {
        pthread_mutex_lock(&s->lock);
        s->presence.off = off;
        pthread_mutex_unlock(&s->lock);
}

void hs_on_presence(struct hs *s, void (*changed)(void *userdata, const char *presence, const char *message),
                    void *userdata) {
        pthread_mutex_lock(&s->lock);
        s->on_presence = changed;
        s->on_presence_userdata = userdata;
        pthread_mutex_unlock(&s->lock);
}

json_t *hs_account_data(struct hs *s, const char *type) {
        json_t *content;

        pthread_mutex_lock(&s->lock);
        content = json_deep_copy(json_object_get(s->account_data, type));
        pthread_mutex_unlock(&s->lock);
        return content;
}

void hs_set_account_data(struct hs *s, const char *type, json_t *content) {
        pthread_mutex_lock(&s->lock);
        set_account_data(s, type, content);
        pthread_mutex_unlock(&s->lock);
}

json_t *hs_profile(struct hs *s, const char *field) {
        json_t *value;

        pthread_mutex_lock(&s->lock);
        value = json_deep_copy(json_object_get(s->profile, field));
        pthread_mutex_unlock(&s->lock);
        return value;
}

void hs_set_profile(struct hs *s, const char *field, json_t *value) {
        pthread_mutex_lock(&s->lock);
        if (value)
                json_object_set_new(s->profile, field, value);
        else
                json_object_del(s->profile, field);
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}
