/* busyctl: the command line of busyd. Finds the verb and runs it; what it does is in the verb's own file. */
#include <locale.h>
#include <stdio.h>

#include "busyctl/args.h"
#include "busyctl/bus.h"
#include "busyctl/print.h"
#include "util/inherited.h"

static enum exit_code run(struct ctl *c, int argc, char **argv) {
        const struct verb *v = verbs;
        char *nothing[] = { argv[0], NULL };
        struct args args;
        enum exit_code code;
        int i = args_parse_global(c, argc, argv, &code);

        if (i < 0)
                return code;
        if (i < argc) {
                v = verb_find(argv[i]);
                if (!v)
                        return CTL_USAGE;
                if (!args_parse(c, v, argc - i, argv + i, &args, &code))
                        return code;
        } else if (!args_parse(c, v, 1, nothing, &args, &code))
                return code;
        c->when_absent = (v->flags & VERB_STARTS) ? ABSENT_START : ABSENT_WAIT;
        return v->run(c, &args);
}

int main(int argc, char **argv) {
        struct ctl c = { .bus = NULL };
        enum exit_code code;

        inherited_mend();
        /* For the way times are written and wide characters are let through. */
        (void) setlocale(LC_ALL, "");
        code = run(&c, argc, argv);
        bus_close(&c);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                complain("Cannot write the output: %m");
                return CTL_FAILED;
        }
        return (int) code;
}
