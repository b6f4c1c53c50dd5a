/* The profile field that says "this user is in a call" (MSC4426): whether a server takes it (MSC4133), and under which
 * name. Pure. */
#pragma once

#include <jansson.h>

#include "matrix/client/api.h"

/* The name in use as long as the field is no part of the spec. */
#define PROFILE_FIELD_UNSTABLE "org.matrix.msc4426.call"
#define PROFILE_FIELD_STABLE   "m.call"

struct profile_support {
        const char *field; /* its name on this server; NULL: not taken */
        bool unstable;     /* below the prefix from before the spec had it */
};

/* `capabilities`: the answer of GET /capabilities; NULL: the server has no such endpoint. */
struct profile_support profile_support(const struct matrix_versions *versions, const json_t *capabilities);
