/* The notifications of now that speak of a call, and what each of them becomes. Pure: events and the time in, call
 * reports out (their `source` is empty). All other notifications are forgotten at once. */
#pragma once

#include "core/calls.h"
#include "sources/notifications-meaning.h"

/* Of all programs; the oldest ringing makes room. */
#define NOTIFICATIONS_MAX 32
/* Of one program; it has gone wild then, and more are not looked at until one of them is gone or too old. */
#define NOTIFICATIONS_PER_PROGRAM_MAX 8
/* Nothing rings longer: closing may go unseen, and of a notification without a reply the number is never known. */
#define NOTIFICATION_RINGING_MAX (90 * USEC_PER_SEC)
/* An accepted call stays active so long by itself, until a microphone, an inhibitor or another notification speaks for
 * it: the notification that was accepted is gone, and nothing would tell of the end. */
#define NOTIFICATION_ANSWERED_MAX (20 * USEC_PER_SEC)

/* Which notification. Strings are borrowed. */
struct notification_key {
        const char *sender;    /* unique name of the program; "" unknown */
        const char *portal_id; /* portal: its id, unique for a sender; NULL: not the portal */
        uint32_t number;       /* the server's id, which a Notify may replace; 0: a new one */
        uint64_t cookie;       /* of the call whose reply will tell the number; 0: no reply is coming */
};

struct notification_table;

int notification_table_new(struct notification_table **ret, const struct call_sink *sink); /* borrowed */
struct notification_table *notification_table_free(struct notification_table *t);          /* without reports */
CLEANUP(struct notification_table, notification_table_free);

/* A notification was sent, or replaced. With `unnamed` nothing is reported until notification_table_name() tells its
 * application. Returns the id of a call that is new, NULL if there is none; valid while it lasts. */
const char *notification_table_notify(struct notification_table *t, const struct notification_key *k,
                                      const struct notification *n, bool unnamed);
void notification_table_name(struct notification_table *t, const char *id, const char *app, bool known);

/* The server's answer to a call of `sender`: its number, or 0 for an error. */
void notification_table_replied(struct notification_table *t, const char *sender, uint64_t cookie, uint32_t number);
/* `k->sender`: who asked for it, which is believed of the one that sent it; "": the server says so. An accepted call
 * outlives its notification. */
void notification_table_closed(struct notification_table *t, const struct notification_key *k);
void notification_table_action(struct notification_table *t, const struct notification_key *k, const char *action);

void notification_table_sender_gone(struct notification_table *t, const char *sender);
/* The server (or the portal) went, and its numbers with it. */
void notification_table_server_gone(struct notification_table *t, bool portal);
void notification_table_clear(struct notification_table *t);

/* What happened since the last run is reported in the next one, so that what comes in one turn of the loop is one
 * report; ends are told at once. */
bool notification_table_has_news(const struct notification_table *t);
usec_t notification_table_run(struct notification_table *t, usec_t now);

/* Who sent the `i`th one, "" if that is not known; NULL: there are only `i`. */
const char *notification_table_sender(const struct notification_table *t, size_t i);

/* Is there one with this number? For lists that are read while events come in. */
bool notification_table_has(const struct notification_table *t, uint32_t number);
