/* Music pauses while busy: each player on the user's bus (MPRIS) that plays when busy begins is paused. When it is
 * over it plays on, if it still is as we left it: who was set going meanwhile, or is another process now, is left
 * alone, and so is the program that the call is in, by what the player and its process go by, and whoever plays the
 * same in its place. Who is paused is in the journal, so that a crash is made up for as long as the bus is the same.
 */
#pragma once

#include "core/base.h"
#include "desktop/context.h"
#include "desktop/facts.h"

#define PLAYERS_MAX 16

struct players;

int players_new(struct players **ret, const struct desktop_context *context);
struct players *players_free(struct players *p); /* NULL is fine; returns NULL */
CLEANUP(struct players, players_free);

/* Off: who is paused plays on. */
void players_configure(struct players *p, bool on);

/* Once a turn. Returns when to call again. */
usec_t players_run(struct players *p, const struct desktop_facts *facts, usec_t now);
/* Nobody is paused, or being asked. */
bool players_are_at_rest(const struct players *p);
