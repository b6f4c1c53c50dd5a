/* Which calls are going on, from every source (design, section 3). */
#pragma once

#include "core/base.h"

/* Entries one source may hold; a hostile room or a broken service cannot grow the table further. */
#define CALLS_PER_SOURCE_MAX 64
/* Entries of all sources together. */
#define CALLS_MAX 512

enum call_phase {
        CALL_GONE, /* never stored: a report with it ends the call */
        CALL_RINGING_IN,
        CALL_RINGING_OUT,
        CALL_ACTIVE,
        CALL_HELD,
};

enum call_evidence {
        EVIDENCE_WEAK,   /* something unknown holds the microphone, a camera runs */
        EVIDENCE_STRONG, /* a known call application holds the microphone */
        EVIDENCE_PROOF,  /* this is a call */
};

/* What a source says about one call. Strings are borrowed for the length of the call. */
struct call_report {
        const char *source; /* "matrix/NAME", "hold", "pipewire", ...; not empty */
        const char *id;     /* unique within the source, not empty; opaque, may name rooms: never published */
        const char *app;    /* application, "" if unknown */
        /* All that the application goes by, NULL-terminated, for what people say of it; NULL: as told before, or `app`
         * alone. */
        const char *const *names;
        const char *what; /* the evidence in a few words, for people; names no person */
        const char
                *sign; /* by what it was told, for whoever looks closely: an event and whose; NULL: as `what` says */
        enum call_phase phase;
        enum call_evidence evidence;
        /* Spans, seen from the moment of the report: who reports reads no clock. */
        usec_t age;   /* how long it has been going on, or been in a phase that is new; 0: just now, or nobody knows */
        usec_t lasts; /* stale after so long unless reported again; USEC_NEVER: until ended */
        /* The user's client tells others that the user is in it, and writes more than that when it begins and ends. */
        bool announced;
        /* A microphone or a camera that some program holds: two of them may as well be a recorder. */
        bool device;
};

/* A stored call. Read-only outside calls.c; valid until the next change of the table. */
struct call {
        char *source, *id, *app, *what;
        char *sign;   /* "": none */
        char **names; /* NULL: `app` alone */
        enum call_phase phase;
        enum call_evidence evidence;
        usec_t since;        /* of the call */
        usec_t steady_since; /* in this evidence, and in call (or ringing) without a break */
        usec_t until;
        bool announced, device;
        bool doubted;    /* see call_table_doubt() */
        uint64_t serial; /* grows with every new call; names the call on the bus */
};

struct call_table;

int call_table_new(struct call_table **ret);
struct call_table *call_table_free(struct call_table *t); /* NULL is fine; returns NULL */
CLEANUP(struct call_table, call_table_free);

/* Adds the call, or updates it. Copies all strings. Returns 1 if anything but `until` changed, 0 if not,
 * -EINVAL for an empty source or id, -E2BIG at either limit (the report is dropped), -ENOMEM (it is dropped, too):
 * only for a new call. There is always memory for one new call between two call_table_date(), and for what decides of
 * those that are known; words for people may then be missing, or those of before. CALL_GONE, or a report that lasts no
 * time, ends the call instead. What it says of times holds from the next call_table_date() on: whoever reports needs
 * no clock. */
int call_table_report(struct call_table *t, const struct call_report *r);

/* Puts the date on what was reported since the last time. Until then such a call has no times (USEC_NEVER). */
void call_table_date(struct call_table *t, usec_t now);

/* Ends one call. Returns 1 if there was one, else 0. */
int call_table_end(struct call_table *t, const char *source, const char *id);

/* Takes a call of one table over into another, where it gets a new serial and stays what it was otherwise. -E2BIG at
 * either limit of `to`: it stays. */
int call_table_move(struct call_table *to, struct call_table *from, const struct call *c);

/* Ends all calls of a source, as when its service left the bus. Returns how many there were. */
size_t call_table_end_source(struct call_table *t, const char *source);

/* What a source told before is in doubt: its calls do not count, nor are they over, until it has told what goes on now
 * (`doubted` false), or has told of the call in question again. */
void call_table_doubt(struct call_table *t, const char *source, bool doubted);

/* Ends calls that have become stale. Returns how many. */
size_t call_table_expire(struct call_table *t, usec_t now);

/* The earliest `until` of all, or USEC_NEVER. */
usec_t call_table_deadline(const struct call_table *t);

/* The calls in the order in which they came; start with NULL, ends with NULL. */
const struct call *call_table_next(const struct call_table *t, const struct call *previous);

/* How many calls a source has. */
size_t call_table_count(const struct call_table *t, const char *source);

/* "ringing-in", "active", ... and "weak", "strong", "proof": the words of the bus and of busyctl. */
const char *call_phase_to_string(enum call_phase p);
const char *call_evidence_to_string(enum call_evidence e);

/* In call: active or held. */
bool call_phase_is_in_call(enum call_phase p);

/* Where sources hand their reports. The manager implements it once and gives it to every source. */
struct call_sink {
        void (*report)(void *userdata, const struct call_report *r);
        /* `id` NULL: all calls of the source. */
        void (*end)(void *userdata, const char *source, const char *id);
        /* See call_table_doubt(). NULL: whoever listens only records. */
        void (*doubt)(void *userdata, const char *source, bool doubted);
        void *userdata;
};
