/* What is measured, as lines for scripts/bench: one JSON object each in the file BUSYD_BENCH_OUT, or on standard
 * output. Options come as environment variables, since the programs are run by Criterion. */
#pragma once

#include <stdio.h>

#include "core/base.h"

/* BUSYD_BENCH_<name>, a positive number, or the default. */
unsigned option(const char *name, unsigned by_default);

/* One row: `part` groups rows, `what` is the row's name; the note (NULL: none) says how it was measured. */
void report(const char *part, const char *what, double value, const char *unit, const char *note);

/* Durations in the order in which they were taken. */
struct samples {
        usec_t *values;
        size_t n, max;
};

void samples_init(struct samples *s, size_t max);
void samples_done(struct samples *s);
void samples_add(struct samples *s, usec_t value); /* beyond max: left out */
/* Median, 90th and 99th percentile (nearest rank) and maximum, in milliseconds; sorts the values. */
void samples_report(struct samples *s, const char *part, const char *note);
/* The same in one row, for a part that is a table of several. */
void samples_report_row(struct samples *s, const char *part, const char *what);

/* On stderr, for who waits. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lets time pass while nothing is asked of anybody: the period of a sample. */
void let_pass(usec_t duration);
