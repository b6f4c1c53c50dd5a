/* Looks at one account for busyctl doctor: asks its server, reads what is stored. Writes nothing anywhere. */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "config/config.h"

/* The worse the later. */
enum finding {
        FINDING_OK,
        FINDING_NOTE,    /* less than there could be */
        FINDING_PROBLEM, /* does not work */
};

const char *finding_word(enum finding level); /* "ok", "note" or "problem" */
enum finding finding_level(const char *word);

/* Adds {"level": "ok"|"note"|"problem", "what", "advice" or null} to "findings" of the object. */
void examine_add(json_t *doc, enum finding level, const char *advice, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* The findings of the object for people: a line each, and what to do. */
void examine_print(const json_t *object);

/* What others see of the user on the account, state and message, by asking its server. The caller frees. Negative
 * errno, not told: it cannot be asked, or does not say. */
int examine_presence(sd_event *event, const char *folder, const char *name, const struct account_config *config,
                     char **ret);

/* What busyd says of an account whose token is not from a login, so that nobody else has it: `account` as status has
 * it, NULL: it is not known there. */
void examine_by_word(json_t *doc, const json_t *account);

/* A new object: {name, user_id, homeserver, server, per_device, busy, profile_field, presence, other_client, learned,
 * cure ("none", "works", "refused"), would_stick, signed_out, token_ends, probe, machines, encrypted_rooms,
 * encrypted_direct, encrypted_calls, findings}. What could not be found
 * out is null. `account`: what status says of it; NULL: not known. */
json_t *examine_account(sd_event *event, const char *folder, const char *name, const struct account_config *config,
                        const json_t *account);
