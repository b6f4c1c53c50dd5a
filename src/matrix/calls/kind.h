/* A kind of calls: how one generation of Matrix calls tells who is in a call. One file per kind, one line in the table
 * of kind.c. Pure: events and time in, call reports out through a sink. */
#pragma once

#include "core/base.h"
#include "core/calls.h"
#include "matrix/calls/event.h"

struct kind_calls; /* one per account and kind; each kind has its own struct behind it */

/* What a kind may know. Borrowed for its lifetime. */
struct kind_context {
        const char *me;     /* user id */
        const char *source; /* "matrix/NAME", for the reports */
        const struct call_sink *sink;
        usec_t call_cap;   /* a call whose end never came counts this long after its last sign of life */
        const char **full; /* gets what there was more of than is looked at; static; told once */
        bool *lacks;       /* set where something could not be remembered: see kind_lacks_memory() */
};

/* The instant of an answer. */
struct kind_time {
        usec_t now;  /* CLOCK_BOOTTIME: for deadlines */
        usec_t wall; /* since 1970: to compare with origin_server_ts where `age` is absent */
};

struct call_kind {
        const char *name;
        const char *const *message_types; /* for the filter's timeline, NULL-terminated */
        const char *const *state_types;   /* for the filter's state and timeline */
        /* Kinds share `ids` of reports: prefix them with the kind's name. */
        int (*new)(struct kind_calls **ret, const struct kind_context *context);
        struct kind_calls *(*free)(struct kind_calls *c);
        /* One event of any kind's types, m.room.member or m.room.redaction, which no kind needs to list: each
         * picks its own. Nothing is reported before commit(), since an invite and its hangup may come together. */
        void (*event)(struct kind_calls *c, const struct matrix_event *e, const struct kind_time *t);
        /* A whole answer is through: report. */
        void (*commit)(struct kind_calls *c, const struct kind_time *t);
        /* `me` is no longer in that room. */
        void (*room_left)(struct kind_calls *c, const char *room_id);
        /* A resync begins (true): state that is not seen again until it ends (false, then commit) is gone. */
        void (*resync)(struct kind_calls *c, bool begins);
        /* When the next call runs out: commit() again then; USEC_NEVER: not before an event. */
        usec_t (*deadline)(const struct kind_calls *c);
        /* A call rests on this kind now: the account then also asks for membership and redactions. */
        bool (*in_call)(const struct kind_calls *c);
        /* A call of the user, in whatever phase, is in that room. */
        bool (*has_room)(const struct kind_calls *c, const char *room_id);
        /* Whether a message begins no call, whatever came before it. NULL: any may. */
        bool (*only_ends)(const struct matrix_event *e);
        /* The page of a gap with a torn_room, before its events: what is known of calls in that room cannot be trusted
         * unless the page reaches back to it. NULL: rests on state. */
        void (*torn)(struct kind_calls *c, const struct room_events *page);
        /* A message of which nothing but its room, sender and time is known may have ended a call, and will never be
         * read. NULL: rests on state. */
        void (*lost)(struct kind_calls *c, const struct matrix_event *e, const struct kind_time *t);
        /* The rooms whose calls rest on messages, which no state brings back: at most `max`, borrowed until the next
         * event. NULL: none. */
        size_t (*rooms)(const struct kind_calls *c, const char **ret, size_t max);
        /* The rooms in which state of anybody decides on a call of the user that is older than what was seen, and
         * which a resync does not bring, since it asks for the user's own: at most `max`, borrowed until the next
         * event. Such a call is not reported for the first time before looked(). NULL, both: none. */
        size_t (*unseen)(const struct kind_calls *c, const char **ret, size_t max);
        /* That state; NULL: it cannot be had. Before commit(). */
        void (*looked)(struct kind_calls *c, const struct room_events *state);
};

/* Something of an answer could not be remembered for want of memory: all of it is applied once more, later. What stood
 * before stands until then. */
void kind_lacks_memory(const struct kind_context *context);
/* Says it once: `told` is the caller's memory of it. */
void kind_is_full(const struct kind_context *context, bool *told, const char *what);

/* NULL-terminated. */
extern const struct call_kind *const call_kinds[];
extern const struct call_kind call_kind_voip;       /* m.call.* */
extern const struct call_kind call_kind_rtc_member; /* call.member state, MatrixRTC and before */
extern const struct call_kind call_kind_rtc_sticky; /* rtc.member sticky events */
extern const struct call_kind call_kind_jitsi;      /* video rooms */
extern const struct call_kind call_kind_rtc_notify; /* rings of group calls */
