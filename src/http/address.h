/* What an address is made of. */
#pragma once

#include "core/base.h"

struct http_address {
        char *scheme, *host;
        bool has_user; /* or a password */
        bool has_query, has_fragment;
};

/* Of any scheme. -EINVAL: it is no address; -ENOMEM. */
int http_address_read(const char *url, struct http_address *ret);
void http_address_done(struct http_address *a);
static inline void http_address_done_scoped(struct http_address *a) {
        http_address_done(a);
}
