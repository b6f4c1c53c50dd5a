/* When to try to reach a server behind a socket: as soon as the socket appears, in a folder that may have to appear
 * itself; a few times more after that, as a socket appears before its server listens; and with a back-off where it is
 * there and does not work. A server that is not there costs nothing. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"

struct reach;

/* `path` of the socket, copied; NULL: not known, nothing ever appears. `sign`: another file in the same folder that a
 * server makes when it starts, as its socket may have been there before; borrowed, NULL: none. appeared(): time to
 * try. */
int reach_new(struct reach **ret, sd_event *event, const char *path, const char *sign,
              void (*appeared)(void *userdata), void *userdata);
struct reach *reach_free(struct reach *r);
CLEANUP(struct reach, reach_free);

/* Before each try: watching starts before it, so that a socket that comes in between is not missed. */
void reach_begin(struct reach *r);
/* What came of it. After a failure reach_run() wants to run before this turn of the loop ends. */
void reach_connected(struct reach *r);
void reach_failed(struct reach *r, bool is_absent); /* `is_absent`: nobody listens there */
/* It answers as it should: the back-off begins anew. */
void reach_works(struct reach *r);
/* A connection broke: reach_run() as above. */
void reach_lost(struct reach *r);
/* A server that is not wanted was left: no other is there before the socket appears anew. */
void reach_wait(struct reach *r);

/* Whether a try is due: true once. `*ret_at`: when to ask next; USEC_NEVER: not before a failure or a loss. */
bool reach_run(struct reach *r, usec_t now, usec_t *ret_at);
