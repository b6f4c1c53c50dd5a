/* The call observers of one account, one per family: fed event by event, with one timer for all their deadlines. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"
#include "matrix/sync/events.h"
#include "matrix/calls/family.h"

struct observers;

/* Copies the context's strings, borrows its sink. */
int observers_new(struct observers **ret, sd_event *event, const struct observer_context *context);
struct observers *observers_free(struct observers *o); /* reports nothing; NULL is fine; returns NULL */
CLEANUP(struct observers, observers_free);

void observers_apply(struct observers *o, const struct sync_batch *batch);
/* What was applied is a whole: report. */
void observers_commit(struct observers *o);
void observers_resync(struct observers *o, bool begins);
bool observers_in_call(const struct observers *o);
/* See call_family.rooms. */
size_t observers_rooms(const struct observers *o, const char **ret, size_t max);
void observers_set_call_cap(struct observers *o, usec_t call_cap);
