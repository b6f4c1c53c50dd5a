/* Tells when programs leave the bus: those that are waited for, so that all others wake nobody. Only for files in this
 * room. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

/* Names at one time; of more it is not told that they leave. */
#define LEAVERS_MAX 64

struct leavers;

/* `left` is told each name that is waited for and has left, or never was there; again as long as it is waited for all
 * the same, and not from within the functions below. */
int leavers_new(struct leavers **ret, sd_bus *bus, void (*left)(void *userdata, const char *name), void *userdata);
struct leavers *leavers_free(struct leavers *l);
CLEANUP(struct leavers, leavers_free);

/* Between the two everything that is waited for is named, in any order and as often as one likes; what was waited for
 * before and is not named is forgotten. */
void leavers_begin(struct leavers *l);
void leavers_await(struct leavers *l, const char *name); /* a unique name; "": nobody */
void leavers_end(struct leavers *l);
