/* Looks at one account for busyctl doctor: asks its server, reads what is stored. Writes nothing anywhere. */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "config/config.h"

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
 * out is null. `running`: busyd is; `account`: what status says of it; NULL: not known. */
json_t *examine_account(sd_event *event, const char *folder, const char *name, const struct account_config *config,
                        bool running, const json_t *account);
