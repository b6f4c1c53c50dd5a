/* See figures.h. */
#include "figures.h"

#include <jansson.h>
#include <poll.h>
#include <stdarg.h>

#include "util/clock.h"

unsigned option(const char *name, unsigned by_default) {
        char variable[64];
        const char *text;
        unsigned long value;

        (void) snprintf(variable, sizeof(variable), "BUSYD_BENCH_%s", name);
        text = getenv(variable);
        value = text ? strtoul(text, NULL, 10) : 0;
        return value > 0 && value <= INT32_MAX ? (unsigned) value : by_default;
}

static void put_row(json_t *row) {
        const char *path = getenv("BUSYD_BENCH_OUT");
        FILE *f = path ? fopen(path, "ae") : stdout;

        if (!f || !row)
                abort();
        (void) json_dumpf(row, f, JSON_COMPACT | JSON_REAL_PRECISION(6));
        (void) fputc('\n', f);
        json_decref(row);
        if (path)
                (void) fclose(f);
}

void report(const char *part, const char *what, double value, const char *unit, const char *note) {
        put_row(json_pack("{s:s, s:s, s:f, s:s, s:s*}", "part", part, "what", what, "value", value, "unit", unit,
                          "note", note));
}

void samples_init(struct samples *s, size_t max) {
        *s = (struct samples){ .values = calloc(max, sizeof(*s->values)), .max = max };
        if (!s->values)
                abort();
}

void samples_done(struct samples *s) {
        free(s->values);
}

void samples_add(struct samples *s, usec_t value) {
        if (s->n < s->max)
                s->values[s->n++] = value;
}

static int compare(const void *a, const void *b) {
        usec_t x = *(const usec_t *) a, y = *(const usec_t *) b;

        return (x > y) - (x < y);
}

static double msec_at_rank(const struct samples *s, size_t permille) {
        size_t rank = (s->n * permille + 999) / 1000;

        return (double) s->values[rank > 0 ? rank - 1 : 0] / (double) USEC_PER_MSEC;
}

void samples_report(struct samples *s, const char *part, const char *note) {
        if (s->n == 0)
                return;
        qsort(s->values, s->n, sizeof(*s->values), compare);
        report(part, "calls", (double) s->n, "", note);
        report(part, "median", msec_at_rank(s, 500), "ms", NULL);
        report(part, "p90", msec_at_rank(s, 900), "ms", NULL);
        report(part, "p99", msec_at_rank(s, 990), "ms", NULL);
        if (s->n >= 1000)
                report(part, "p99.9", msec_at_rank(s, 999), "ms", NULL);
        report(part, "longest", msec_at_rank(s, 1000), "ms", NULL);
}

void samples_report_row(struct samples *s, const char *part, const char *what) {
        if (s->n == 0)
                return;
        qsort(s->values, s->n, sizeof(*s->values), compare);
        put_row(json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:s}", "part", part, "what", what, "n", (int) s->n,
                          "median", msec_at_rank(s, 500), "p90", msec_at_rank(s, 900), "p99", msec_at_rank(s, 990),
                          "longest", msec_at_rank(s, 1000), "unit", "ms"));
}

void progress(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void) vfprintf(stderr, format, arguments);
        va_end(arguments);
        (void) fputc('\n', stderr);
}

void let_pass(usec_t duration) {
        usec_t until = clock_now() + duration;

        for (usec_t now; (now = clock_now()) < until;)
                (void) poll(NULL, 0, (int) usec_min((until - now) / USEC_PER_MSEC + 1, INT32_MAX));
}
