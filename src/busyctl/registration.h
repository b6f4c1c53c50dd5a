/* What a homeserver needs to let busyd act as one user's devices: the registration of an application service. Pure. */
#pragma once

#include <stdio.h>

#include "core/base.h"

#define REGISTRATION_TOKEN_MAX 80

struct registration {
        const char *user_id;
        char name[32]; /* of the service, and of the user it would be by itself */
        char as_token[REGISTRATION_TOKEN_MAX], hs_token[REGISTRATION_TOKEN_MAX];
};

/* Fresh random name and tokens. -EINVAL: a user id that a registration cannot name. */
int registration_make(struct registration *ret, const char *user_id);
void registration_done(struct registration *r); /* wipes */
static inline void registration_done_scoped(struct registration *r) {
        registration_done(r);
}

void registration_write(const struct registration *r, FILE *f);
