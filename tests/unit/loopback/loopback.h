/* An HTTP server on loopback for the tests of src/matrix, which answers by a table, well or badly, on a thread of its
 * own; and the loop that a test waits in. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"

enum loopback_kind {
        LOOPBACK_BODY,     /* `body` */
        LOOPBACK_ENDLESS,  /* a body that never ends */
        LOOPBACK_LARGE,    /* a body announced as larger than anything */
        LOOPBACK_HEADERS,  /* more headers than anybody needs */
        LOOPBACK_HANGS_UP, /* closes without an answer */
};

struct loopback_route {
        const char *method,
                *path; /* NULL as path ends the table; the first that fits answers, else 404 without JSON */
        unsigned status;
        const char *body;
        const char *header, *value; /* one more header, or NULL */
        enum loopback_kind kind;
        unsigned first; /* answers only the first so many requests of its path, counted over all routes; 0: all */
};

#define ROUTE(method_, path_, status_, body_)                                                                         \
        { .method = method_, .path = path_, .status = status_, .body = body_ }
#define ROUTE_WITH(method_, path_, status_, body_, header_, value_)                                                   \
        { .method = method_, .path = path_, .status = status_, .body = body_, .header = header_, .value = value_ }

struct loopback;

/* A certificate for localhost and 127.0.0.1 that nobody has signed but itself, in files below `dir`. */
void loopback_make_certificate(const char *dir);

/* `routes` are the test's. With `tls_dir`: HTTPS with the certificate made there. A test fails if it cannot start. */
struct loopback *loopback_new(const struct loopback_route *routes, const char *tls_dir);
struct loopback *loopback_free(struct loopback *l);
/* From the next request on. */
void loopback_set_routes(struct loopback *l, const struct loopback_route *routes);
CLEANUP(struct loopback, loopback_free);
unsigned loopback_port(const struct loopback *l);
/* "http://127.0.0.1:PORT" and `path`; lives as long as the server, up to 16 of them. */
const char *loopback_url(struct loopback *l, const char *path);

/* Of the last request that has this path: its headers and body, "" if absent. NULL: there was none. */
struct loopback_seen {
        char method[16], path[256], query[1024], authorization[256], user_agent[128], content_type[64], body[1024];
};
const struct loopback_seen *loopback_seen(struct loopback *l, const char *path);
/* How many requests had it. */
unsigned loopback_n_seen(struct loopback *l, const char *path);
unsigned loopback_n_connections(struct loopback *l);

/* A port that is taken but where nobody listens; or, with `listening`, where connections are never served. Returns
 * the socket. */
int loopback_dead_port(bool listening, unsigned *ret_port);

/* A folder for the test, removed by temp_dir_remove. */
char *temp_dir_new(void);
void temp_dir_remove(char *dir);
CLEANUP(char, temp_dir_remove);

/* Runs the loop until *done; the test fails if that takes half a minute. */
void loop_until(sd_event *event, const bool *done);
