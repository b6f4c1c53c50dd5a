/* The book of calls: which calls are going on, and which of them the user does not want to count. Sources and accounts
 * report into it; the decision and the bus read it.
 *
 * What comes in is written down and gets its date with the next call_book_run(): whoever reports needs no clock. The
 * list of ignored applications is kept in the state; what the configuration ignores does not get here. */
#pragma once

#include "core/availability.h"
#include "core/base.h"
#include "core/calls.h"

struct config;
struct control;
struct state;

/* The source of what is held by hand or by a program; the id is the cookie. */
#define HOLD_SOURCE "hold"

struct call_book;

struct call_book_handler {
        /* Something came in: call_book_run() soon, but not from within. */
        void (*touched)(void *userdata);
        /* A hold with a duration is over. Told from call_book_run(). */
        void (*hold_ended)(void *userdata, uint32_t cookie);
        void *userdata;
};

/* `state` is borrowed, `handler` copied. */
int call_book_new(struct call_book **ret, struct state *state, const struct call_book_handler *handler);
struct call_book *call_book_free(struct call_book *b); /* NULL is fine; returns NULL */
CLEANUP(struct call_book, call_book_free);

/* Where calls are reported; lives as long as the book. */
const struct call_sink *call_book_sink(struct call_book *b);
/* As reporting to the sink, with the answer: see call_table_report(). */
int call_book_report(struct call_book *b, const struct call_report *r);
/* `id` NULL: all calls of the source. */
void call_book_end(struct call_book *b, const char *source, const char *id);

/* Dates what came in and ends what has become stale. Returns when to call again. */
usec_t call_book_run(struct call_book *b, usec_t now);

/* What is going on and may count. */
const struct call_table *call_book_calls(const struct call_book *b);

/* ---- the user's list of applications that do not count. `app` is a glob, `source` "" for all. *ret_problem, if set,
 * is a sentence for people that the caller frees. ---- */

/* Calls of now are included. -EINVAL: no such source; -ENOENT: `once` and there is no call; -E2BIG: the list is full.
 */
int call_book_ignore(struct call_book *b, const char *app, const char *source, bool once, char **ret_problem);
/* -ENOENT: it was not ignored; `config` tells whether that is why. */
int call_book_allow(struct call_book *b, const struct config *config, const char *app, const char *source,
                    char **ret_problem);

/* Shows the calls on the bus, and takes those off that have gone. */
void call_book_publish(struct call_book *b, struct control *control, const struct availability *a,
                       const struct instant *at);
