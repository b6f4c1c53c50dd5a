/* Stands between busyd and a homeserver on loopback and counts what passes: the payload of TCP, as a wire would carry
 * it without TLS; and notes when polls and presence pass. Runs on a thread of its own. */
#pragma once

#include "core/base.h"

struct relay;

/* `url` is http://127.0.0.1:PORT. With `tls_dir`, where key.pem and certificate.pem are, its own address is https:,
 * and what is counted and noted is what comes out of that; NULL: without. */
struct relay *relay_new(const char *url, const char *tls_dir);
struct relay *relay_free(struct relay *r);

const char *relay_url(const struct relay *r);

struct relayed {
        unsigned long long up, down; /* bytes from busyd, and to it */
        unsigned connections;        /* ever made */
};

struct relayed relay_count(struct relay *r);
/* Rows about what passed between the two. */
void relay_report(const char *part, const struct relayed *from, const struct relayed *to);

/* What passed, and when. An answer that comes in several pieces passes as often: the last one ended it. */
enum passing {
        PASSING_POLL_ANSWER, /* of /sync */
        PASSING_READ,        /* GET of the presence: its first byte */
        PASSING_READ_ANSWER,
        PASSING_WRITE, /* PUT of the presence: its first byte */
        PASSING_WRITE_ANSWER,
};

struct passed {
        enum passing what;
        usec_t at;
};

/* Readable when there is something to take. */
int relay_fd(const struct relay *r);
/* The next one, without waiting; false: nothing more so far. */
bool relay_take(struct relay *r, struct passed *ret);
