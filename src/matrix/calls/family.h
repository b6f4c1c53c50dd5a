/* A family of call events: how one generation of Matrix calls tells who is in a call. One file per family, one
 * line in the table of family.c. An observer is pure: events and time in, call reports out through a sink. */
#pragma once

#include "core/base.h"
#include "core/calls.h"
#include "matrix/sync/events.h"

struct observer; /* one per account and family; each family has its own struct behind it */

/* What an observer may know. Borrowed for its lifetime. */
struct observer_context {
        const char *me;     /* user id */
        const char *source; /* "matrix/NAME", for the reports */
        const struct call_sink *sink;
        usec_t call_cap; /* a call whose end never came counts this long after its last sign of life */
};

struct observer_time {
        usec_t now;  /* CLOCK_BOOTTIME: for deadlines */
        usec_t wall; /* since 1970: to compare with origin_server_ts where `age` is absent */
};

struct call_family {
        const char *name;
        const char *const *message_types; /* for the filter's timeline, NULL-terminated */
        const char *const *state_types;   /* for the filter's state and timeline */
        /* Families share `ids` of reports: prefix them with the family's name. */
        int (*new)(struct observer **ret, const struct observer_context *context);
        struct observer *(*free)(struct observer *o);
        /* One event of any family's types, m.room.member or m.room.redaction, which no family needs to list: each
         * picks its own. Nothing is reported before commit(), since an invite and its hangup may come together. */
        void (*event)(struct observer *o, const struct matrix_event *e, const struct observer_time *t);
        /* A whole answer is through: report. */
        void (*commit)(struct observer *o, const struct observer_time *t);
        /* `me` is no longer in that room. */
        void (*room_left)(struct observer *o, const char *room_id);
        /* A resync begins (true): state that is not seen again until it ends (false, then commit) is gone. */
        void (*resync)(struct observer *o, bool begins);
        /* When tick() has something to do; USEC_NEVER: not before an event. tick() does the reporting itself. */
        usec_t (*deadline)(const struct observer *o);
        void (*tick)(struct observer *o, const struct observer_time *t);
        /* A call rests on this family now: the account then also asks for membership and redactions. */
        bool (*in_call)(const struct observer *o);
        /* The page of a gap with a torn_room, before its events: what is known of calls in that room cannot be trusted
         * unless the page reaches back to it. NULL: rests on state. */
        void (*torn)(struct observer *o, const struct sync_batch *page);
        /* The rooms whose calls rest on messages, which no state brings back: at most `max`, borrowed until the next
         * event. NULL: none. */
        size_t (*rooms)(const struct observer *o, const char **ret, size_t max);
};

/* NULL-terminated. */
extern const struct call_family *const call_families[];
extern const struct call_family call_family_voip;       /* m.call.* */
extern const struct call_family call_family_rtc_member; /* call.member state, MatrixRTC and before */
extern const struct call_family call_family_rtc_sticky; /* rtc.member sticky events */
extern const struct call_family call_family_jitsi;      /* video rooms */
extern const struct call_family call_family_rtc_notify; /* rings of group calls */
