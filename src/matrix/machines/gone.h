/* Whether a machine of the user that is waited for still has its session. One that has logged out while the server
 * took no account data leaves an entry behind which says for hours that its call goes on: the server is asked which
 * devices there are, when a wait begins, and as long as it goes on now and then, along with other traffic. */
#pragma once

#include "matrix/client/client.h"
#include "matrix/machines/heard.h"

/* So seldom at most, and so often as long as something waits. */
#define GONE_ASK_AGAIN USEC_PER_MIN
#define GONE_ASK_EVERY (10 * USEC_PER_MIN)

struct gone;

struct gone_handler {
        /* An answer has come, as the last thing in it; `changed`: what was heard says something else by it. */
        void (*answered)(void *userdata, bool changed, usec_t now);
        uint32_t (*random)(void *userdata); /* a question: for waits */
        void *userdata;
};

/* Borrows the client and what was heard, copies the rest. */
int gone_new(struct gone **ret, struct matrix_client *client, struct heard *heard, const struct gone_handler *handler);
struct gone *gone_free(struct gone *g);
CLEANUP(struct gone, gone_free);

/* Asks what is to be asked, and returns when it wants to be called next. To be called in each turn. `waits`: something
 * of this machine is left to another one. An answer that does not name `own_device` says nothing; "": it is not known,
 * and nothing is asked. */
usec_t gone_run(struct gone *g, bool waits, const char *own_device, usec_t now);
