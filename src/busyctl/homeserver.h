/* Questions to a homeserver, one after the other, each waited for. */
#pragma once

#include "busyctl/busyctl.h"
#include "core/token-keeper.h"
#include "matrix/client/keys.h"
#include "state/session.h"

struct homeserver;

/* What came of the last question. A signal that would end us ends the question: MATRIX_RETRY, and so is every later
 * one; between questions it does what it always does, unless it is held. */
struct homeserver_answer {
        enum matrix_outcome outcome;
        char problem[512]; /* for people; "" with MATRIX_OK */
        json_t *body;      /* borrowed until the next question; NULL unless MATRIX_OK */
};

/* `session` stays the caller's, and must last. Negative errno: nothing can be asked. */
int homeserver_new(struct homeserver **ret, const struct session *session, const char *ca_file);
struct homeserver *homeserver_free(struct homeserver *h);
CLEANUP(struct homeserver, homeserver_free);

/* From now on nobody else renews the tokens of the session: where one has ended, new ones are asked for, once for each
 * question, and are used when keep() returns 0, with them in the session. That is waited for whatever comes, since the
 * old ones may be worth nothing then. */
void homeserver_renew(struct homeserver *h, int (*keep)(void *userdata, const struct token_pair *pair),
                      void *userdata);

/* Whether a signal has ended a question. */
bool homeserver_interrupted(const struct homeserver *h);
/* From now on one that comes between questions waits for the next, which it ends: until release, which drops those
 * that have come since the last one. */
void homeserver_hold_signals(struct homeserver *h);
void homeserver_release_signals(struct homeserver *h);
/* What was begun has to be ended: from now on until the next signal questions are answered again. */
void homeserver_go_on(struct homeserver *h);

/* From now on what can be read from `fd` ends a question, too, like a signal: to be asked after each whether that has
 * come, until it is read. -1: no more. */
int homeserver_hear(struct homeserver *h, int fd);
bool homeserver_heard(struct homeserver *h);

/* Each of these may be asked again when it is not known what became of it, and is, a few times. The answer is borrowed
 * until the next one. */
const struct homeserver_answer *homeserver_account_data(struct homeserver *h, const char *type);
/* /keys/query of the user. */
const struct homeserver_answer *homeserver_keys(struct homeserver *h);
/* /keys/upload and /keys/signatures/upload of `body`. */
const struct homeserver_answer *homeserver_upload(struct homeserver *h, const json_t *body);
const struct homeserver_answer *homeserver_upload_signatures(struct homeserver *h, const json_t *body);
const struct homeserver_answer *homeserver_send_to_device(struct homeserver *h, const char *type, const char *txn,
                                                          const json_t *body);
/* Waits for at most that long. The answer has a position. */
const struct homeserver_answer *homeserver_hear_of_device(struct homeserver *h, const char *since, usec_t timeout);
