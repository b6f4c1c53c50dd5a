/* The command line: a table of verbs, and options by getopt_long. */
#pragma once

#include <getopt.h>

#include "busyctl/busyctl.h"

struct verb_option {
        struct option option;
        const char *arg, *help; /* what its argument is called, NULL: it takes none; what it does */
};

enum {
        VERB_PRINTS = 1, /* has something for --json */
        VERB_STARTS = 2, /* needs the daemon, and has it started; others only ask */
};

struct verb {
        const char *name, *args, *help;
        verb_run_t run;
        const char *shorts;                /* for getopt_long, with "+" where the rest is a command */
        const struct verb_option *options; /* without the global ones, ended by one without help; NULL: none */
        int min_rest, max_rest;            /* how many arguments; max -1: any */
        unsigned flags;                    /* VERB_* */
};

/* The options before the verb. Returns the index of the verb in argv (argc if there is none), or -1: over, with
 * *ret_code. */
int args_parse_global(struct ctl *c, int argc, char **argv, enum exit_code *ret_code);

/* The verb's own options and arguments; argv[0] is the verb. Returns 1, or 0: over, with *ret_code. */
int args_parse(struct ctl *c, const struct verb *v, int argc, char **argv, struct args *ret, enum exit_code *ret_code);

/* NULL: there is none of that name, which the user has been told. */
const struct verb *verb_find(const char *name);

/* The verbs, ended by one without a name; the first is the default. */
extern const struct verb verbs[];
