/* A reverse proxy before the test's Synapse, as many stand before homeservers: it has a name of its own, and does not
 * serve at the clients' address what is for other servers. Fails the test by itself. */
#pragma once

#include "interop/synapse.h"

struct proxy;

/* `hide_features`: nothing tells any more that it is Synapse, but busy (MSC3026) is still advertised. */
struct proxy *proxy_start(const struct synapse *s, bool hide_features);
struct proxy *proxy_free(struct proxy *p); /* NULL is fine; returns NULL */

const char *proxy_url(const struct proxy *p); /* without a trailing slash */
