/* Two devices of one user that get to know each other by emoji which the user compares (specification, "Short
 * Authentication String (SAS) verification"): ours asks, one of the others answers, and in the end each has the word
 * of the other one, under a secret that the server has no part in, for which keys are its own. Pure: messages come in
 * and lie ready to be sent.
 *
 * Only devices that the identity signs which the server shows are asked. That identity is believed from the end on:
 * the user has said that both show the same, and the other device has proved it. Whatever is not as it must be ends
 * all of it. */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "matrix/crypto/crypto.h"
#include "matrix/crypto/own.h"

#define SAS_ANSWER_MAX (2 * USEC_PER_MIN)  /* for somebody to reach for the other device */
#define SAS_MAX        (10 * USEC_PER_MIN) /* from the question to the end */
#define SAS_EMOJI      7
#define SAS_NUMBERS    3
#define SAS_TXN_TEXT   33
#define SAS_CODE_TEXT  64
#define SAS_ASKED_MAX  100 /* devices */

enum sas_phase {
        SAS_ASKED,     /* the user's other devices are asked */
        SAS_STARTED,   /* one has answered, and is told how */
        SAS_KEYS,      /* it agrees; its key is to come */
        SAS_COMPARE,   /* the user is to say whether both show the same */
        SAS_CONFIRMED, /* they do; the other device is to say so, too */
        SAS_DONE,      /* both have, and each has proved its keys */
        SAS_OVER,      /* it has come to nothing: sas_problem() */
};

struct sas;

/* Begins with the question. `own`: this device, whose keys the server has; its master key is not looked at. `keys`: an
 * answer of /keys/query of the user; `txn`: random. -ENOKEY: no identity is shown that signs another device. */
int sas_new(struct sas **ret, const struct own_device *own, const json_t *keys, const char *txn,
            const struct instant *at);
struct sas *sas_free(struct sas *s);
CLEANUP(struct sas, sas_free);

/* An event of to_device; those that are nothing to this are ignored. -ENOMEM. */
int sas_take(struct sas *s, const json_t *event);
/* In SAS_COMPARE: what the user says. -ENOMEM. */
int sas_answer(struct sas *s, bool same);
/* Ends it, whatever the phase: "m.user" where the user does not want to go on. -ENOMEM. */
int sas_cancel(struct sas *s, const char *code);
/* Ends it when it has taken too long; when to look again, USEC_NEVER if it has ended. */
usec_t sas_age(struct sas *s, usec_t now);

/* The next one of what is to be sent, each on its own and in this order: PUT /sendToDevice/TYPE/TXN. */
struct sas_message {
        const char *type;
        char txn[SAS_TXN_TEXT + 8];
        json_t *body; /* the caller's */
};
bool sas_next(struct sas *s, struct sas_message *ret);

enum sas_phase sas_phase(const struct sas *s);
/* With SAS_OVER: the code of the specification; *ret_theirs: the other device has said so. */
const char *sas_problem(const struct sas *s, bool *ret_theirs);
/* From SAS_COMPARE on: rows of sas-emoji.h. */
void sas_emoji(const struct sas *s, uint8_t ret[SAS_EMOJI]);
void sas_numbers(const struct sas *s, unsigned ret[SAS_NUMBERS]);
/* The user's identity, once that is proved: with SAS_DONE; else NULL. */
const char *sas_master(const struct sas *s);
