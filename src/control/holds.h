/* Who holds the user busy by Hold() and HoldFor(): cookies, owners and limits. A hold without a duration lives as
 * long as its owner stays on the bus. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

struct holds;

/* `ended` is told of each hold whose owner left the bus. Cookies follow `last_cookie`, which is to be another one in
 * each run: what was given out in an earlier one must not release somebody else's hold of this one. */
int holds_new(struct holds **ret, sd_bus *bus, uint32_t last_cookie, void (*ended)(void *userdata, uint32_t cookie),
              void *userdata);
struct holds *holds_free(struct holds *h);
CLEANUP(struct holds, holds_free);

/* A hold of `sender`, a unique name. The cookie is not 0 and not that of another hold of now. `timed`: it stays when
 * the sender leaves. -EDQUOT: CONTROL_HOLDS_PER_PEER_MAX, -E2BIG: CONTROL_HOLDS_MAX, or another negative errno. */
int holds_add(struct holds *h, const char *sender, bool timed, uint32_t *ret_cookie);

/* Whether `sender` may release it: it is its own, or a timed one. */
bool holds_may_release(const struct holds *h, const char *sender, uint32_t cookie);

/* Forgets it, if it is there. */
void holds_remove(struct holds *h, uint32_t cookie);
