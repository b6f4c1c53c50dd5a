/* busyd: its options. Everything else is in loop.c and below. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "busyd/check.h"
#include "busyd/loop.h"
#include "json/json.h"
#include "util/inherited.h"
#include "util/log.h"

static void print_help(void) {
        printf("busyd [OPTIONS]\n\n"
               "Notices that you are on a call and sets the Matrix presence 'busy' while it lasts.\n\n"
               "  -c, --config=FILE      read FILE instead of the usual configuration files\n"
               "  -s, --state-dir=DIR    keep state in DIR\n"
               "  -l, --log-level=LEVEL  error, warning, info or debug; wins over the configuration\n"
               "      --check [FILE]     say what is wrong with the configuration, or with FILE, and exit\n"
               "  -h, --help             show this help\n"
               "      --version          show the version\n\n"
               "See busyd(1), busyd.conf(5) and busyctl(1).\n");
}

/* Returns 1 to go on, 0 to exit with success, -EINVAL for wrong usage. */
static int parse_options(int argc, char *argv[], struct loop_options *ret, bool *ret_check) {
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },
                { "state-dir", required_argument, NULL, 's' },
                { "log-level", required_argument, NULL, 'l' },
                { "check", no_argument, NULL, 'k' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "c:s:l:h", options, NULL)) >= 0)
                switch (c) {
                case 'c':
                        ret->config_path = optarg;
                        break;
                case 's':
                        ret->state_dir = optarg;
                        break;
                case 'l':
                        if (log_set_max_level_from_string(optarg) < 0) {
                                log_error("'%s' is no log level: error, warning, info or debug", optarg);
                                return -EINVAL;
                        }
                        ret->keep_log_level = true;
                        break;
                case 'k':
                        *ret_check = true;
                        break;
                case 'h':
                        print_help();
                        return 0;
                case 'v':
                        printf("busyd %s\n", BUSYD_VERSION);
                        return 0;
                default:
                        return -EINVAL;
                }
        if (*ret_check && optind < argc && !ret->config_path)
                ret->config_path = argv[optind++];
        if (optind < argc) {
                log_error("'%s' is not an option; busyd takes no other arguments", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

/* Tokens are in memory, and must not be in a file that others may be sent. Not PR_SET_DUMPABLE, which would hide from
 * keyrings and portals which program it is that asks them. */
static void no_core(void) {
        struct rlimit limit = {};

        if (getrlimit(RLIMIT_CORE, &limit) < 0)
                return;
        limit.rlim_cur = 0;
        (void) setrlimit(RLIMIT_CORE, &limit);
}

/* Instead of `code`, where what was to be printed is not there. */
static int printed(int code) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        log_error("Cannot write the output: %m");
        return EXIT_FAILURE;
}

int main(int argc, char *argv[]) {
        struct loop_options options = {};
        bool check = false;
        int r;

        inherited_mend();
        r = parse_options(argc, argv, &options, &check);
        if (r <= 0)
                return r < 0 ? EX_USAGE : printed(EXIT_SUCCESS);
        no_core();
        json_wipe_what_is_freed();
        if (check)
                return printed(check_config(options.config_path));
        return loop_run(&options);
}
