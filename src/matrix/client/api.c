/* The endpoints busyd uses: one function for each request, one for each answer that needs taking apart. */
#include <errno.h>
#include <stdio.h>

#include "matrix/client/api.h"
#include "json/json.h"

/* Takes path and body over; a path of NULL is matrix_path() out of memory. */
static int request(struct matrix_client *c, const char *method, char *taken_path, json_t *taken_body,
                   matrix_done_t done, void *userdata, struct http_request **ret) {
        SCOPED(free) char *path = taken_path;
        SCOPED(json_decref) json_t *body = taken_body;

        if (!path)
                return -ENOMEM;
        return matrix_request(c, &(struct matrix_call){ .method = method, .path = path, .body = body }, done, userdata,
                              ret);
}

static int get_without_token(struct matrix_client *c, const char *path, matrix_done_t done, void *userdata,
                             struct http_request **ret) {
        return matrix_request(c, &(struct matrix_call){ .method = "GET", .path = path, .without_token = true }, done,
                              userdata, ret);
}

/* ---- discovery and login ---- */

int matrix_versions_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        /* With the token, if there is one: unstable features can be switched on for single users. */
        return request(c, "GET", matrix_path("/_matrix/client/versions"), NULL, done, userdata, ret);
}

static bool has_version(const json_t *versions, const char *version) {
        const json_t *v;
        size_t i;

        json_array_foreach(versions, i, v) {
                if (json_is_string(v) && streq(json_string_value(v), version))
                        return true;
        }
        return false;
}

int matrix_versions_parse(const json_t *body, struct matrix_versions *ret) {
        const json_t *versions = json_member_array(body, "versions");
        const json_t *features = json_member_object(body, "unstable_features");

        if (!versions)
                return -EBADMSG;
        *ret = (struct matrix_versions){
                .busy_presence = json_member_bool(features, "org.matrix.msc3026.busy_presence", false),
                .profile_fields_unstable = json_member_bool(features, "uk.tcpip.msc4133", false),
                .profile_fields_stable =
                        json_member_bool(features, "uk.tcpip.msc4133.stable", false) || has_version(versions, "v1.16"),
                .state_after = json_member_bool(features, "org.matrix.msc4222", false),
                .call_field_stable = json_member_bool(features, "org.matrix.msc4426.stable", false),
        };
        return 0;
}

int matrix_server_version_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        return get_without_token(c, "/_matrix/federation/v1/version", done, userdata, ret);
}

int matrix_server_version_parse(const json_t *body, const char **ret_name, const char **ret_version) {
        const json_t *server = json_member_object(body, "server");
        const char *name = json_member_string(server, "name");

        if (!name)
                return -EBADMSG;
        *ret_name = name;
        *ret_version = json_member_string(server, "version");
        return 0;
}

int matrix_own_path_get(struct matrix_client *c, const char *path, matrix_done_t done, void *userdata,
                        struct http_request **ret) {
        return get_without_token(c, path, done, userdata, ret);
}

int matrix_whoami_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        return request(c, "GET", matrix_path("/_matrix/client/v3/account/whoami"), NULL, done, userdata, ret);
}

int matrix_whoami_parse(const json_t *body, const char **ret_user_id, const char **ret_device_id) {
        const char *user_id = json_member_string(body, "user_id");
        const char *device_id = json_member_string(body, "device_id");

        if (!user_id || !user_id[0])
                return -EBADMSG;
        *ret_user_id = user_id;
        *ret_device_id = device_id ? device_id : "";
        return 0;
}

int matrix_login_flows_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        return get_without_token(c, "/_matrix/client/v3/login", done, userdata, ret);
}

bool matrix_login_flows_have(const json_t *body, const char *type) {
        const json_t *flow;
        size_t i;

        json_array_foreach(json_member_array(body, "flows"), i, flow) {
                const char *offered = json_member_string(flow, "type");

                if (offered && streq(offered, type))
                        return true;
        }
        return false;
}

int matrix_login_post(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                      struct http_request **ret) {
        return matrix_request(
                c,
                &(struct matrix_call){
                        .method = "POST", .path = "/_matrix/client/v3/login", .body = body, .without_token = true },
                done, userdata, ret);
}

int matrix_logout_post(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        json_t *body = json_object();

        if (!body)
                return -ENOMEM;
        return request(c, "POST", matrix_path("/_matrix/client/v3/logout"), body, done, userdata, ret);
}

/* ---- presence ---- */

int matrix_presence_get(struct matrix_client *c, const char *user_id, matrix_done_t done, void *userdata,
                        struct http_request **ret) {
        return request(c, "GET", matrix_path("/_matrix/client/v3/presence/%s/status", user_id), NULL, done, userdata,
                       ret);
}

int matrix_presence_parse(const json_t *body, const char **ret_presence, const char **ret_status_msg) {
        const char *presence = json_member_string(body, "presence");
        const json_t *said = json_object_get(body, "status_msg");
        const char *status_msg = json_member_string(body, "status_msg");

        if (!presence || (said && !json_is_null(said) && !status_msg))
                return -EBADMSG;
        *ret_presence = presence;
        *ret_status_msg = status_msg ? status_msg : "";
        return 0;
}

usec_t matrix_presence_active_ago(const json_t *body) {
        int64_t msec = json_member_int(body, "last_active_ago", -1);

        return msec < 0 || (uint64_t) msec > USEC_NEVER / USEC_PER_MSEC ? USEC_NEVER : (usec_t) msec * USEC_PER_MSEC;
}

int matrix_presence_put(struct matrix_client *c, const char *user_id, const char *presence, const char *status_msg,
                        matrix_done_t done, void *userdata, struct http_request **ret) {
        json_t *body = json_pack("{s:s, s:s}", "presence", presence, "status_msg", status_msg);

        if (!body)
                return -EINVAL;
        return request(c, "PUT", matrix_path("/_matrix/client/v3/presence/%s/status", user_id), body, done, userdata,
                       ret);
}

int matrix_devices_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        return request(c, "GET", matrix_path("/_matrix/client/v3/devices"), NULL, done, userdata, ret);
}

int matrix_devices_get_as(struct matrix_client *c, const char *user_id, matrix_done_t done, void *userdata,
                          struct http_request **ret) {
        return request(c, "GET", matrix_path("/_matrix/client/v3/devices?user_id=%s", user_id), NULL, done, userdata,
                       ret);
}

/* Both names of the parameter: servers know the one or the other. */
static char *presence_path_as(const char *user_id, const char *device_id) {
        if (!*device_id)
                return matrix_path("/_matrix/client/v3/presence/%s/status?user_id=%s", user_id, user_id);
        return matrix_path("/_matrix/client/v3/presence/%s/status?user_id=%s&device_id=%s"
                           "&org.matrix.msc3202.device_id=%s",
                           user_id, user_id, device_id, device_id);
}

int matrix_presence_put_as(struct matrix_client *c, const char *user_id, const char *device_id, const char *presence,
                           const char *status_msg, matrix_done_t done, void *userdata, struct http_request **ret) {
        json_t *body = json_pack("{s:s, s:s}", "presence", presence, "status_msg", status_msg);

        if (!body)
                return -EINVAL;
        return request(c, "PUT", presence_path_as(user_id, device_id), body, done, userdata, ret);
}

/* ---- profile ---- */

int matrix_capabilities_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        return request(c, "GET", matrix_path("/_matrix/client/v3/capabilities"), NULL, done, userdata, ret);
}

static char *field_path(bool unstable, const char *user_id, const char *field) {
        return unstable ? matrix_path("/_matrix/client/unstable/uk.tcpip.msc4133/profile/%s/%s", user_id, field)
                        : matrix_path("/_matrix/client/v3/profile/%s/%s", user_id, field);
}

int matrix_profile_field_get(struct matrix_client *c, bool unstable, const char *user_id, const char *field,
                             matrix_done_t done, void *userdata, struct http_request **ret) {
        return request(c, "GET", field_path(unstable, user_id, field), NULL, done, userdata, ret);
}

int matrix_profile_field_parse(const json_t *body, const char *field, const json_t **ret) {
        const json_t *value = json_object_get(body, field);

        if (!value)
                return -EBADMSG;
        if (json_is_null(value))
                return 0;
        *ret = value;
        return 1;
}

int matrix_profile_field_put(struct matrix_client *c, bool unstable, const char *user_id, const char *field,
                             const json_t *value, matrix_done_t done, void *userdata, struct http_request **ret) {
        json_t *body;

        if (!value)
                return request(c, "DELETE", field_path(unstable, user_id, field), NULL, done, userdata, ret);
        body = json_pack("{s:O}", field, value);
        if (!body)
                return -ENOMEM;
        return request(c, "PUT", field_path(unstable, user_id, field), body, done, userdata, ret);
}

/* ---- account data ---- */

int matrix_account_data_put(struct matrix_client *c, const char *user_id, const char *type, const json_t *content,
                            matrix_done_t done, void *userdata, struct http_request **ret) {
        return request(c, "PUT", matrix_path("/_matrix/client/v3/user/%s/account_data/%s", user_id, type),
                       json_incref((json_t *) content), done, userdata, ret);
}

int matrix_account_data_get(struct matrix_client *c, const char *user_id, const char *type, matrix_done_t done,
                            void *userdata, struct http_request **ret) {
        return request(c, "GET", matrix_path("/_matrix/client/v3/user/%s/account_data/%s", user_id, type), NULL, done,
                       userdata, ret);
}

/* ---- rooms ---- */

int matrix_messages_get(struct matrix_client *c, const char *room_id, const char *from, unsigned limit,
                        const json_t *types, matrix_done_t done, void *userdata, struct http_request **ret) {
        SCOPED(json_decref) json_t *filter = json_pack("{s:O}", "types", types);
        SCOPED(free) char *text = NULL;
        char number[16];

        if (!filter)
                return -ENOMEM;
        text = json_dumps_whole(filter, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        (void) snprintf(number, sizeof(number), "%u", limit);
        return request(c, "GET",
                       matrix_path("/_matrix/client/v3/rooms/%s/messages?dir=b&from=%s&limit=%s&filter=%s", room_id,
                                   from, number, text),
                       NULL, done, userdata, ret);
}

int matrix_joined_members_get(struct matrix_client *c, const char *room_id, matrix_done_t done, void *userdata,
                              struct http_request **ret) {
        return request(c, "GET", matrix_path("/_matrix/client/v3/rooms/%s/joined_members", room_id), NULL, done,
                       userdata, ret);
}

int matrix_state_get(struct matrix_client *c, const json_t *filter, const char *set_presence, matrix_done_t done,
                     void *userdata, struct http_request **ret) {
        SCOPED(free) char *text = json_dumps_whole(filter, JSON_COMPACT);

        if (!text)
                return -ENOMEM;
        return request(c, "GET",
                       matrix_path("/_matrix/client/v3/sync?filter=%s&timeout=0&set_presence=%s", text, set_presence),
                       NULL, done, userdata, ret);
}

int matrix_filter_post(struct matrix_client *c, const char *user_id, const json_t *filter, matrix_done_t done,
                       void *userdata, struct http_request **ret) {
        SCOPED(free) char *path = matrix_path("/_matrix/client/v3/user/%s/filter", user_id);

        if (!path)
                return -ENOMEM;
        return matrix_request(c, &(struct matrix_call){ .method = "POST", .path = path, .body = filter }, done,
                              userdata, ret);
}
