/* The endpoints but /sync. */
#include "internal.h"

#include <stdio.h>

void exchange_error(struct exchange *e, unsigned status, const char *errcode, const char *error) {
        json_decref(e->answer);
        e->status = status;
        e->answer = json_pack("{s:s,s:s}", "errcode", errcode, "error", error);
}

static void answer_with(struct exchange *e, json_t *body) {
        e->status = 200;
        e->answer = body;
}

static bool own_user(struct exchange *e, size_t segment) {
        if (streq(e->segments[segment], HS_USER))
                return true;
        exchange_error(e, 403, "M_FORBIDDEN", "Not your user.");
        return false;
}

static bool with_object(struct exchange *e) {
        if (json_is_object(e->body))
                return true;
        exchange_error(e, 400, "M_NOT_JSON", "Content not JSON.");
        return false;
}

/* ---- what the server is, and sessions ---- */

static void get_well_known(struct exchange *e) {
        answer_with(e, json_pack("{s:{s:s}}", "m.homeserver", "base_url", e->m->url));
}

static bool is_synapse(enum hs_kind kind) {
        return kind == HS_SYNAPSE || kind == HS_SYNAPSE_OLD;
}

static void get_versions(struct exchange *e) {
        bool flag = e->m->options.kind == HS_TUWUNEL || (is_synapse(e->m->options.kind) && !e->m->presence.busy_off);

        answer_with(e, json_pack("{s:[s,s,s],s:{s:b,s:b}}", "versions", "v1.1", "v1.11", "v1.12", "unstable_features",
                                 "org.matrix.msc3026.busy_presence", flag, "uk.tcpip.msc4133",
                                 e->m->options.profile_old));
}

static void get_federation_version(struct exchange *e) {
        static const struct {
                const char *name, *version;
        } servers[] = {
                [HS_SYNAPSE] = { "Synapse", "1.160.0" },  [HS_SYNAPSE_OLD] = { "Synapse", "1.92.3" },
                [HS_TUWUNEL] = { "Tuwunel", "1.9.0" },    [HS_CONTINUWUITY] = { "Continuwuity", "0.5.0" },
                [HS_DENDRITE] = { "Dendrite", "0.15.0" }, [HS_UNKNOWN] = { NULL, NULL },
        };

        if (!servers[e->m->options.kind].name || e->m->options.hidden) {
                exchange_error(e, 404, "M_UNRECOGNIZED", "Unrecognized request");
                return;
        }
        answer_with(e, json_pack("{s:{s:s,s:s}}", "server", "name", servers[e->m->options.kind].name, "version",
                                 servers[e->m->options.kind].version));
}

static void get_login(struct exchange *e) {
        answer_with(e, json_pack("{s:[{s:s},{s:s}]}", "flows", "type", "m.login.password", "type", "m.login.token"));
}

static bool credentials_fit(const struct exchange *e) {
        const char *type = json_string_value(json_object_get(e->body, "type")) ?: "";
        const char *password = json_string_value(json_object_get(e->body, "password")) ?: "";
        const char *token = json_string_value(json_object_get(e->body, "token")) ?: "";
        const json_t *identifier = json_object_get(e->body, "identifier");
        const char *user = json_string_value(json_object_get(identifier, "user")) ?: "";

        if (streq(type, "m.login.token"))
                return streq(token, "login-token");
        return streq(type, "m.login.password") && streq(password, HS_PASSWORD) &&
               (streq(user, HS_USER) || streq(user, "me"));
}

static void post_login(struct exchange *e) {
        const struct model_session *n;

        if (!with_object(e))
                return;
        if (!credentials_fit(e)) {
                exchange_error(e, 403, "M_FORBIDDEN", "Invalid username or password");
                return;
        }
        n = model_session_new(e->m, json_string_value(json_object_get(e->body, "device_id")));
        if (json_is_true(json_object_get(e->body, "refresh_token")))
                model_make_renewable(e->m, n->device, e->now);
        answer_with(e,
                    json_pack("{s:s,s:s,s:s}", "user_id", HS_USER, "access_token", n->token, "device_id", n->device));
        if (n->refresh[0]) {
                json_object_set_new(e->answer, "refresh_token", json_string(n->refresh));
                json_object_set_new(e->answer, "expires_in_ms", json_integer(e->m->options.token_msec));
        }
}

static void post_logout(struct exchange *e) {
        if (e->m->options.renewal == HS_RENEWAL_OAUTH) {
                exchange_error(e, 404, "M_UNRECOGNIZED", "Unrecognized request");
                return;
        }
        e->session->revoked = true;
        model_forget_keys(e->m, e->session->device);
        answer_with(e, json_object());
}

static void get_whoami(struct exchange *e) {
        answer_with(e, json_pack("{s:s,s:s,s:b}", "user_id", HS_USER, "device_id", e->session->device, "is_guest", 0));
}

static void get_devices(struct exchange *e) {
        json_t *list = json_array();

        for (size_t i = 0; i < e->m->n_sessions; i++)
                if (!e->m->sessions[i].revoked) {
                        json_t *device = json_pack("{s:s}", "device_id", e->m->sessions[i].device);

                        if (e->m->sessions[i].seen > 0)
                                json_object_set_new(device, "last_seen_ts", json_integer(e->m->sessions[i].seen));
                        json_array_append_new(list, device);
                }
        answer_with(e, json_pack("{s:o}", "devices", list));
}

static void get_capabilities(struct exchange *e) {
        const struct hs_options *o = &e->m->options;

        answer_with(e, json_pack("{s:{s:{s:b}}}", "capabilities",
                                 o->profile_old ? "uk.tcpip.msc4133.profile_fields" : "m.profile_fields", "enabled",
                                 !o->profile_off));
}

/* ---- presence ---- */

/* -1: it does not say. */
static int64_t active_ago(const struct exchange *e) {
        if (!e->m->options.activity)
                return streq(e->m->shown_state, "offline") ? -1 : 1000;
        return presence_active_ago(&e->m->presence, e->now);
}

static void get_presence(struct exchange *e) {
        bool off = e->m->presence.off, never = e->m->options.kind == HS_DENDRITE && !e->m->presence.state[0];

        if (off && (e->m->options.kind == HS_TUWUNEL || e->m->options.kind == HS_CONTINUWUITY)) {
                exchange_error(e, 403, "M_FORBIDDEN", "Presence is disabled on this server");
                return;
        }
        if (!model_presence_is_told(e->m)) {
                exchange_error(e, 404, "M_NOT_FOUND", "Presence state for this user was not found");
                return;
        }
        if (off || never) {
                answer_with(e, json_pack("{s:s}", "presence", never ? "" : "offline"));
                return;
        }
        answer_with(e, json_pack("{s:s}", "presence", e->m->shown_state));
        if (active_ago(e) >= 0)
                json_object_set_new(e->answer, "last_active_ago", json_integer(active_ago(e)));
        if (e->m->shown_message[0])
                json_object_set_new(e->answer, "status_msg", json_string(e->m->shown_message));
}

/* One turn for each period, whatever comes of it. */
static bool take_turn(struct exchange *e) {
        int64_t wait = e->m->presence_turn + e->m->options.rc_presence_msec - e->now;

        if (e->m->options.rc_presence_msec > 0 && wait > 0) {
                exchange_error(e, 429, "M_LIMIT_EXCEEDED", "Too Many Requests");
                json_object_set_new(e->answer, "retry_after_ms", json_integer(wait));
                return false;
        }
        e->m->presence_turn = e->now;
        return true;
}

static void put_presence(struct exchange *e) {
        const json_t *message = json_object_get(e->body, "status_msg");
        const char *state = json_string_value(json_object_get(e->body, "presence"));
        size_t known = 1 + (message ? 1 : 0);
        unsigned status;

        if (!own_user(e, 4) || (!e->appservice && !take_turn(e)) || !with_object(e))
                return;
        if (!state || (message && !json_is_string(message)) || json_object_size(e->body) != known) {
                exchange_error(e, 400, "M_UNKNOWN", "Unable to parse state");
                return;
        }
        status = presence_put(&e->m->presence, e->session->device, state, json_string_value(message), e->now);
        model_check_presence(e->m, e->now);
        if (status == 400)
                exchange_error(e, 400, "M_UNKNOWN", "Invalid presence state");
        else if (status == 403)
                exchange_error(e, 403, "M_FORBIDDEN", "Presence is disabled on this server");
        else
                answer_with(e, json_object());
}

/* ---- account data, filters, profile ---- */

static void get_account_data(struct exchange *e) {
        json_t *content = json_object_get(e->m->account_data, e->segments[6]);

        if (!content)
                exchange_error(e, 404, "M_NOT_FOUND", "Account data not found");
        else
                answer_with(e, json_incref(content));
}

static void put_account_data(struct exchange *e) {
        if (!own_user(e, 4) || !with_object(e))
                return;
        model_set_account_data(e->m, e->segments[6], json_incref(e->body));
        answer_with(e, json_object());
}

static void post_filter(struct exchange *e) {
        char id[24];
        size_t n = 0;

        if (!own_user(e, 4) || !with_object(e))
                return;
        while (n < json_array_size(e->m->filters) && !json_equal(json_array_get(e->m->filters, n), e->body))
                n++;
        if (n == json_array_size(e->m->filters))
                json_array_append(e->m->filters, e->body);
        snprintf(id, sizeof(id), "%zu", e->m->first_filter + n);
        answer_with(e, json_pack("{s:s}", "filter_id", id));
}

/* The paths of the spec and from before it differ at the front. */
static bool own_profile(struct exchange *e) {
        return own_user(e, e->n_segments - 2);
}

static const char *field_of(const struct exchange *e) {
        return e->segments[e->n_segments - 1];
}

static void get_profile_field(struct exchange *e) {
        json_t *value = json_object_get(e->m->profile, field_of(e));

        if (!value)
                exchange_error(e, 404, "M_NOT_FOUND", "No such field");
        else
                answer_with(e, json_pack("{s:O}", field_of(e), value));
}

static void put_profile_field(struct exchange *e) {
        json_t *value = json_object_get(e->body, field_of(e));

        if (!own_profile(e) || !with_object(e))
                return;
        if (!value) {
                exchange_error(e, 400, "M_MISSING_PARAM", "Missing key");
                return;
        }
        json_object_set(e->m->profile, field_of(e), value);
        model_changed(e->m);
        answer_with(e, json_object());
}

static void delete_profile_field(struct exchange *e) {
        if (!own_profile(e))
                return;
        json_object_del(e->m->profile, field_of(e));
        model_changed(e->m);
        answer_with(e, json_object());
}

/* ---- encrypted rooms ---- */

/* Whoever has said something there. */
static void get_joined_members(struct exchange *e) {
        json_t *joined = json_pack("{s{}}", HS_USER);

        for (size_t i = 0; i < e->m->n_events; i++) {
                const json_t *sender = json_object_get(e->m->events[i].event, "sender");

                if (streq(e->m->rooms[e->m->events[i].room].id, e->segments[4]) && json_is_string(sender))
                        json_object_set_new(joined, json_string_value(sender), json_object());
        }
        answer_with(e, json_pack("{so}", "joined", joined));
}

/* ---- the table ---- */

static const struct route {
        const char *method, *path; /* "*" is any one segment */
        bool needs_token;
        void (*handle)(struct exchange *e);
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
        { "POST", "_matrix/client/v3/keys/upload", true, keys_post_upload },
        { "POST", "_matrix/client/v3/keys/query", true, keys_post_query },
        { "POST", "_matrix/client/v3/keys/signatures/upload", true, keys_post_signatures },
        { "POST", "_matrix/client/v3/keys/claim", true, keys_post_claim },
        { "PUT", "_matrix/client/v3/sendToDevice/*/*", true, keys_put_to_device },
        { "GET", "_matrix/client/v3/rooms/*/joined_members", true, get_joined_members },
        { "GET", "_matrix/client/v3/sync", true, sync_begin },
        { "POST", "_matrix/client/v3/refresh", false, tokens_post_refresh },
        { "POST", "_matrix/oauth2/token", false, tokens_post_oauth_token },
        { "POST", "_matrix/oauth2/revoke", false, tokens_post_oauth_revoke },
        { "GET", "_matrix/client/v3/rooms/*/messages", true, sync_messages },
};

static bool fits(const struct exchange *e, const struct route *route) {
        SCOPED(free) char *copy = strdup(route->path);
        char *rest = NULL;
        size_t i = 0;

        if (!streq(route->method, e->method) || (strstr(route->path, "msc4133") && !e->m->options.profile_old))
                return false;
        for (char *p = strtok_r(copy, "/", &rest); p; p = strtok_r(NULL, "/", &rest), i++)
                if (i >= e->n_segments || (!streq(p, "*") && !streq(p, e->segments[i])))
                        return false;
        return i == e->n_segments;
}

/* MSC4326 */
static bool masquerades(struct exchange *e) {
        SCOPED(free) char *user = exchange_value(e, "user_id"), *device = exchange_value(e, "device_id");

        e->session = device ? NULL : &e->no_device;
        for (size_t i = 0; device && i < e->m->n_sessions; i++)
                if (!e->m->sessions[i].revoked && streq(e->m->sessions[i].device, device))
                        e->session = &e->m->sessions[i];
        if (!user || !streq(user, HS_USER))
                exchange_error(e, 403, "M_FORBIDDEN", "Application service cannot masquerade as this user");
        else if (!e->session)
                exchange_error(e, 400, "ORG.MATRIX.MSC4326.M_UNKNOWN_DEVICE", "No such device");
        else
                return true;
        return false;
}

/* A logout is taken from it all the same. */
static bool has_ended(const struct exchange *e) {
        return e->token_ends > 0 && model_wall(e->m, e->now) >= e->token_ends && !strstr(e->path, "/logout");
}

static bool token_fits(struct exchange *e) {
        if (e->appservice)
                return masquerades(e);
        if (!e->has_token)
                exchange_error(e, 401, "M_MISSING_TOKEN", "Missing access token");
        else if (!e->session || e->session->revoked)
                exchange_error(e, 401, "M_UNKNOWN_TOKEN", "Invalid access token passed.");
        else if (has_ended(e)) {
                exchange_error(e, 401, "M_UNKNOWN_TOKEN", "Access token has expired");
                if (e->m->options.renewal == HS_RENEWAL_SYNAPSE)
                        json_object_set_new(e->answer, "soft_logout", json_true());
                return false;
        } else
                return true;
        if (e->session && e->session->soft)
                json_object_set_new(e->answer, "soft_logout", json_true());
        return false;
}

void exchange_route(struct exchange *e) {
        model_check_presence(e->m, e->now);
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
                if (fits(e, &routes[i])) {
                        if (!routes[i].needs_token || token_fits(e))
                                routes[i].handle(e);
                        return;
                }
        exchange_error(e, 404, "M_UNRECOGNIZED", "Unrecognized request");
}
