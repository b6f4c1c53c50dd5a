/* The profile field that says "this user is in a call" (MSC4426), and whether a server takes it (MSC4133). Pure. */
#pragma once

#include <jansson.h>

#include "core/claim.h"
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

/* The field's value as canonical text, "" where there is none. -E2BIG, changing nothing, if a claim cannot hold it. */
int profile_value(struct claim_value *ret, const json_t *body, const char *field);

/* What says that the user joined then. */
int profile_joined(struct claim_value *ret, int64_t seconds);
