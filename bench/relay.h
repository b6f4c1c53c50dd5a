/* Stands between busyd and a homeserver on loopback and counts what passes: the payload of TCP, as a wire would carry
 * it without TLS. Runs on a thread of its own. */
#pragma once

#include "core/base.h"

struct relay;

/* `url` is http://127.0.0.1:PORT. */
struct relay *relay_new(const char *url);
struct relay *relay_free(struct relay *r);

const char *relay_url(const struct relay *r);

struct relayed {
        unsigned long long up, down; /* bytes from busyd, and to it */
        unsigned connections;        /* ever made */
};

struct relayed relay_count(struct relay *r);
/* Rows about what passed between the two. */
void relay_report(const char *part, const struct relayed *from, const struct relayed *to);
