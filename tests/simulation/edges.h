/* The edges of one busyd that are replaced: the bus object, the sources, logind. What the product calls goes to the
 * machine that is being run. */
#pragma once

#include "control/control.h"
#include "busyd/logind.h"
#include "core/calls.h"
#include "machine.h"
#include "sources/set.h"

#define EDGE_SOURCES 2

struct edges {
        struct source_set *sources;
        bool source_on[EDGE_SOURCES], away;
        struct machine_view view;
        bool let_sleep;
        /* A source begins: it tells what goes on now. */
        void (*source_begins)(void *userdata, size_t i);
        void (*hold_ended)(void *userdata, uint32_t cookie);
        void *userdata;
};

extern struct edges *edges;

/* What goes on, and what has ended, is told to the product, if that source runs. */
void edge_report(struct edges *e, size_t i, const struct call_report *r);
void edge_end(struct edges *e, size_t i, const char *id);
