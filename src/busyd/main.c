/* busyd: options, signals, the loop. Everything else is in manager.c. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "busyd/manager.h"
#include "util/log.h"

static inline void sd_event_unref_scoped(sd_event **e) {
        sd_event_unref(*e);
}

static void print_help(void) {
        printf("busyd [OPTIONS]\n\n"
               "Notices that you are on a call and sets the Matrix presence 'busy' while it lasts.\n\n"
               "  -c, --config=FILE      read FILE instead of the usual configuration files\n"
               "  -s, --state-dir=DIR    keep state in DIR\n"
               "  -l, --log-level=LEVEL  error, warning, info or debug; wins over the configuration\n"
               "  -h, --help             show this help\n"
               "      --version          show the version\n\n"
               "See busyd(1), busyd.conf(5) and busyctl(1).\n");
}

/* Returns 1 to go on, 0 to exit with success, -EINVAL for wrong usage. */
static int parse_options(int argc, char *argv[], struct manager_options *ret) {
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },    { "state-dir", required_argument, NULL, 's' },
                { "log-level", required_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' },         {},
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
                case 'h':
                        print_help();
                        return 0;
                case 'v':
                        printf("busyd %s\n", BUSYD_VERSION);
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                log_error("'%s' is not an option; busyd takes no other arguments", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int on_stop_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        manager_stop(userdata);
        return 0;
}

static int on_reload_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        SCOPED(free) char *problem = NULL;

        if (manager_reload(userdata, &problem) < 0)
                log_error("Not reloaded: %s", problem ? problem : "see above");
        return 0;
}

static int watch_signals(sd_event *event, struct manager *m) {
        int r;

        r = sd_event_add_signal(event, NULL, SIGTERM, on_stop_signal, m);
        if (r < 0)
                return r;
        r = sd_event_add_signal(event, NULL, SIGINT, on_stop_signal, m);
        if (r < 0)
                return r;
        return sd_event_add_signal(event, NULL, SIGHUP, on_reload_signal, m);
}

/* The exit code of a failed start. What trying again does not mend has a code of its own, on which the unit does not
 * restart. */
static int exit_code(int error) {
        return error == -EEXIST || error == -EBUSY ? EX_UNAVAILABLE : error == -EPERM ? EX_CONFIG : EXIT_FAILURE;
}

static int run(const struct manager_options *options) {
        SCOPED(sd_event_unref) sd_event *event = NULL;
        SCOPED(manager_free) struct manager *m = NULL;
        sigset_t signals;
        int r;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        (void) sigaddset(&signals, SIGHUP);
        (void) sigaddset(&signals, SIGCHLD); /* sd-event wants it so, to watch children */
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        (void) signal(SIGPIPE, SIG_IGN);

        r = sd_event_default(&event);
        if (r < 0) {
                log_error("The event loop cannot be made: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        r = manager_new(&m, event, options);
        if (r < 0)
                return exit_code(r);
        r = watch_signals(event, m);
        if (r < 0) {
                log_error("Signals cannot be watched: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        (void) sd_event_set_watchdog(event, true);
        r = manager_start(m);
        if (r < 0)
                return exit_code(r);

        r = sd_event_loop(event);
        if (r < 0) {
                log_error("The event loop failed: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        return r;
}

int main(int argc, char *argv[]) {
        struct manager_options options = {};
        int r = parse_options(argc, argv, &options);

        if (r <= 0)
                return r < 0 ? EX_USAGE : EXIT_SUCCESS;
        return run(&options);
}
