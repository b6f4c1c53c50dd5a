/* See keys.h. */
#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/client/keys.h"

/* Of fifty users with two hundred devices each. */
#define QUERY_BODY_MAX (16U << 20)

#define NO_ROOMS "{\"room\":{\"rooms\":[]},\"presence\":{\"types\":[]},\"account_data\":{\"types\":[]}}"
/* A server that is asked to answer by then does so a little later. */
#define POLL_MARGIN (20 * USEC_PER_SEC)

static int post(struct matrix_client *c, const char *path, const json_t *body, size_t body_max, matrix_done_t done,
                void *userdata, struct http_request **ret) {
        return matrix_request(
                c, &(struct matrix_call){ .method = "POST", .path = path, .body = body, .body_max = body_max }, done,
                userdata, ret);
}

int matrix_keys_upload(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                       struct http_request **ret) {
        return post(c, "/_matrix/client/v3/keys/upload", body, 0, done, userdata, ret);
}

int matrix_keys_query(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                      struct http_request **ret) {
        return post(c, "/_matrix/client/v3/keys/query", body, QUERY_BODY_MAX, done, userdata, ret);
}

int matrix_keys_claim(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                      struct http_request **ret) {
        return post(c, "/_matrix/client/v3/keys/claim", body, 0, done, userdata, ret);
}

int matrix_signatures_upload(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                             struct http_request **ret) {
        return post(c, "/_matrix/client/v3/keys/signatures/upload", body, 0, done, userdata, ret);
}

int matrix_signatures_parse(const json_t *body) {
        const json_t *failures = json_object_get(body, "failures"), *of_user;
        const char *user_id;

        if (failures && !json_is_object(failures))
                return -EKEYREJECTED;
        json_object_foreach((json_t *) failures, user_id,
                            of_user) if (!json_is_object(of_user) ||
                                         json_object_size(of_user) > 0) return -EKEYREJECTED;
        return 0;
}

int matrix_send_to_device(struct matrix_client *c, const char *type, const char *txn, const json_t *body,
                          matrix_done_t done, void *userdata, struct http_request **ret) {
        SCOPED(free) char *path = matrix_path("/_matrix/client/v3/sendToDevice/%s/%s", type, txn);

        if (!path)
                return -ENOMEM;
        return matrix_request(c, &(struct matrix_call){ .method = "PUT", .path = path, .body = body }, done, userdata,
                              ret);
}

int matrix_to_device_poll(struct matrix_client *c, const char *since, usec_t timeout, const char *set_presence,
                          matrix_done_t done, void *userdata, struct http_request **ret) {
        SCOPED(free) char *path = NULL;
        char msec[32];

        (void) snprintf(msec, sizeof(msec), "%llu", (unsigned long long) (timeout / USEC_PER_MSEC));
        path = since ? matrix_path("/_matrix/client/v3/sync?filter=%s&timeout=%s&set_presence=%s&since=%s", NO_ROOMS,
                                   msec, set_presence, since)
                     : matrix_path("/_matrix/client/v3/sync?filter=%s&timeout=%s&set_presence=%s", NO_ROOMS, msec,
                                   set_presence);
        if (!path)
                return -ENOMEM;
        return matrix_request(
                c, &(struct matrix_call){ .method = "GET", .path = path, .timeout = usec_add(timeout, POLL_MARGIN) },
                done, userdata, ret);
}
