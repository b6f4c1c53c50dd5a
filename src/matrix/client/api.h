/* The endpoints busyd uses: request bodies built, answers taken apart (bytes in, structs out). */
#pragma once

#include "matrix/client/client.h"

/* ---- discovery and login: used by `busyctl login` and at start ---- */

/* What the parser found in /_matrix/client/versions. */
struct matrix_versions {
        bool busy_presence;                                  /* org.matrix.msc3026.busy_presence */
        bool profile_fields_unstable, profile_fields_stable; /* uk.tcpip.msc4133, .stable or spec v1.16 */
        bool state_after;                                    /* org.matrix.msc4222 */
        bool call_field_stable;                              /* org.matrix.msc4426.stable */
};
/* -EBADMSG if it is not an answer of /versions. */
int matrix_versions_parse(const json_t *body, struct matrix_versions *ret);
int matrix_versions_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret);

/* GET /_matrix/federation/v1/version: server.name and server.version (may be NULL); borrowed from body. */
int matrix_server_version_parse(const json_t *body, const char **ret_name, const char **ret_version);
int matrix_server_version_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret);

/* A path of one kind of server's own, without the token. */
int matrix_own_path_get(struct matrix_client *c, const char *path, matrix_done_t done, void *userdata,
                        struct http_request **ret);

int matrix_whoami_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret);
/* Strings borrowed from body; the device id is "" for a session without a device. -EBADMSG without a user id. */
int matrix_whoami_parse(const json_t *body, const char **ret_user_id, const char **ret_device_id);

/* GET and POST of /login; the body of the latter as reference 8.2 says. */
int matrix_login_flows_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret);
bool matrix_login_flows_have(const json_t *body, const char *type);
int matrix_login_post(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                      struct http_request **ret);
int matrix_logout_post(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret);

/* ---- presence ---- */

int matrix_presence_get(struct matrix_client *c, const char *user_id, matrix_done_t done, void *userdata,
                        struct http_request **ret);
/* The answer of the GET, or the content of a push: borrowed from body, `ret_status_msg` "" if there is none. -EBADMSG
 * if it does not say the presence, or anything of the wrong type: then it is no answer, and nothing is known. */
int matrix_presence_parse(const json_t *body, const char **ret_presence, const char **ret_status_msg);
/* When a client of the user was active last, as of the answer; USEC_NEVER: it does not say. */
usec_t matrix_presence_active_ago(const json_t *body);
/* Exactly `presence` and `status_msg` are sent; an empty message clears it. */
int matrix_presence_put(struct matrix_client *c, const char *user_id, const char *presence, const char *status_msg,
                        matrix_done_t done, void *userdata, struct http_request **ret);

/* The devices of the user, and when each was seen where the server notes it. */
int matrix_devices_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret);

/* As an application service for that user: the token is its own. `device_id` "": acting as none of them. */
int matrix_devices_get_as(struct matrix_client *c, const char *user_id, matrix_done_t done, void *userdata,
                          struct http_request **ret);
int matrix_presence_put_as(struct matrix_client *c, const char *user_id, const char *device_id, const char *presence,
                           const char *status_msg, matrix_done_t done, void *userdata, struct http_request **ret);

/* ---- profile: one field of one's own; `unstable`: below the prefix from before the spec had it ---- */

int matrix_capabilities_get(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret);
int matrix_profile_field_get(struct matrix_client *c, bool unstable, const char *user_id, const char *field,
                             matrix_done_t done, void *userdata, struct http_request **ret);
/* The answer of the GET. 1: *ret is the value, borrowed from body; 0: the field is empty; -EBADMSG: it is not in the
 * answer, and nothing is known. */
int matrix_profile_field_parse(const json_t *body, const char *field, const json_t **ret);
/* `value` NULL removes the field. */
int matrix_profile_field_put(struct matrix_client *c, bool unstable, const char *user_id, const char *field,
                             const json_t *value, matrix_done_t done, void *userdata, struct http_request **ret);

/* ---- account data: an object of one's own that every session of the user gets with /sync ---- */

int matrix_account_data_put(struct matrix_client *c, const char *user_id, const char *type, const json_t *content,
                            matrix_done_t done, void *userdata, struct http_request **ret);

/* The content as it was put; MATRIX_NOT_FOUND: never, though some servers say {} then. */
int matrix_account_data_get(struct matrix_client *c, const char *user_id, const char *type, matrix_done_t done,
                            void *userdata, struct http_request **ret);

/* ---- rooms ---- */

/* Events before `from`, newest first, of these types only. */
int matrix_messages_get(struct matrix_client *c, const char *room_id, const char *from, unsigned limit,
                        const json_t *types, matrix_done_t done, void *userdata, struct http_request **ret);
/* Who is in a room: {joined: {USER: ...}}. */
int matrix_joined_members_get(struct matrix_client *c, const char *room_id, matrix_done_t done, void *userdata,
                              struct http_request **ret);
/* One look at the account, which waits for nothing: a whole state through this filter. `set_presence` as in /sync. */
int matrix_state_get(struct matrix_client *c, const json_t *filter, const char *set_presence, matrix_done_t done,
                     void *userdata, struct http_request **ret);
int matrix_filter_post(struct matrix_client *c, const char *user_id, const json_t *filter, matrix_done_t done,
                       void *userdata, struct http_request **ret);
