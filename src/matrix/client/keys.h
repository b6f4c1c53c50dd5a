/* The endpoints of encryption: keys of devices, signatures, and messages to devices. Bodies are the caller's and are
 * sent as they are; answers are taken apart by matrix/crypto. Text that a server puts into a refusal of these may
 * quote keys, and is neither shown nor logged, as with any other (client/reply.c). */
#pragma once

#include "matrix/client/api.h"

/* POST /keys/upload: {device_keys, one_time_keys, fallback_keys}, any of them. */
int matrix_keys_upload(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                       struct http_request **ret);
/* POST /keys/query: {device_keys: {USER: [DEVICE...]}}, [] for all of that user's. */
int matrix_keys_query(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                      struct http_request **ret);
/* POST /keys/claim: {one_time_keys: {USER: {DEVICE: ALGORITHM}}}. */
int matrix_keys_claim(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                      struct http_request **ret);
/* POST /keys/signatures/upload: {USER: {DEVICE or KEY: the object with its new signature}}. */
int matrix_signatures_upload(struct matrix_client *c, const json_t *body, matrix_done_t done, void *userdata,
                             struct http_request **ret);
/* Whether all of them were taken: what was not is in an answer of status 200. -EKEYREJECTED: some were not. */
int matrix_signatures_parse(const json_t *body);

/* PUT /sendToDevice/TYPE/TXN: {messages: {USER: {DEVICE: CONTENT}}}. The same `txn` again is the same request. */
int matrix_send_to_device(struct matrix_client *c, const char *type, const char *txn, const json_t *body,
                          matrix_done_t done, void *userdata, struct http_request **ret);
/* GET /sync for nothing but what is sent to this device, and what changes about devices. `since` NULL: from what waits
 * there now; what came with an earlier answer is forgotten by the server. `set_presence` as in /sync. */
int matrix_to_device_poll(struct matrix_client *c, const char *since, usec_t timeout, const char *set_presence,
                          matrix_done_t done, void *userdata, struct http_request **ret);
