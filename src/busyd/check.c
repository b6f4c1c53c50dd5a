#include "busyd/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "config/config.h"

static void on_problem(const char *sentence, void *userdata) {
        (void) userdata;
        (void) fprintf(stderr, "%s\n", sentence);
}

int check_config(const char *path) {
        SCOPED(config_free) struct config *config = NULL;
        int r = config_load(&config, path, on_problem, NULL);

        if (r == 0)
                (void) puts("The configuration has no mistakes.");
        return r < 0 ? EX_CONFIG : r > 0 ? EX_DATAERR : EXIT_SUCCESS;
}
