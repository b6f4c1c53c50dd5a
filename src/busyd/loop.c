/* The event loop, see loop.h. Each callback notes one fact in the manager, which touches the loop; the turn comes last
 * of all that is ready, with one instant for everybody. What the bus asks for is answered after a turn of its own, so
 * that who asks next is told what follows. */
#include "busyd/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "busyd/buses.h"
#include "busyd/logind.h"
#include "busyd/manager.h"
#include "config/config.h"
#include "control/control.h"
#include "state/state.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/memory.h"
#include "util/network.h"
#include "util/text.h"
#include "state/folder.h"

/* Who starts busyd by asking it something is answered when there is something true to say, or after this. */
#define NAME_WAIT_MAX (2 * USEC_PER_SEC)

/* What it has asked at first is answered, and put away, by then. */
#define START_ENDS_AFTER (2 * USEC_PER_SEC)

/* Between two tries of what has failed. */
#define FAILED_NAP_NSEC 10000000L

struct loop {
        const struct loop_options *options;
        sd_event *event;
        sd_event_source *turn, *deadline;
        struct buses *buses;
        struct network *network; /* NULL: its changes are not told */
        struct state *state;
        struct control *control;
        struct logind *logind;
        struct manager *manager;
        usec_t name_by;    /* when to take the bus name at the latest; USEC_NEVER: it is taken */
        usec_t started_by; /* when what a start takes is over; USEC_NEVER: it is, or has not come to that */
        bool ends;         /* it is to end */
        char status[64];
        struct memory memory;
};

static struct instant instant(void) {
        return (struct instant){ .now = clock_now(), .wall = clock_wall_now() };
}

/* ---- the turn ---- */

static void on_touched(void *userdata) {
        const struct loop *l = userdata;

        (void) sd_event_source_set_enabled(l->turn, SD_EVENT_ONESHOT);
}

static void tell_service_manager(struct loop *l) {
        char status[sizeof(l->status)];
        size_t n = manager_n_accounts(l->manager);

        (void) snprintf(status, sizeof(status), "%s, %zu account%s",
                        manager_verdict(l->manager)->busy ? "Busy" : "Free", n, n == 1 ? "" : "s");
        if (streq(status, l->status))
                return;
        (void) snprintf(l->status, sizeof(l->status), "%s", status);
        (void) sd_notifyf(false, "STATUS=%s", status);
}

/* For a reason of its own, which was told. */
static void fail(struct loop *l, int code, const struct instant *at) {
        l->ends = true;
        manager_stop(l->manager, code, at);
}

static void on_named(void *userdata, int error) {
        struct loop *l = userdata;
        const struct instant at = instant();

        if (l->ends)
                return;
        if (error < 0) {
                if (error == -EEXIST)
                        log_error("Another busyd runs already; 'busyctl status' shows it");
                else
                        log_error("The bus name cannot be had: %s", strerror(-error));
                fail(l, error == -EEXIST ? EX_UNAVAILABLE : EXIT_FAILURE, &at);
                return;
        }
        (void) sd_notify(false, "READY=1");
        log_info("busyd " BUSYD_VERSION " runs with %zu account%s", manager_n_accounts(l->manager),
                 manager_n_accounts(l->manager) == 1 ? "" : "s");
        l->started_by = usec_add(at.now, START_ENDS_AFTER);
}

/* Not before there is something true to say. */
static void take_name(struct loop *l, usec_t now) {
        int r;

        if (l->ends)
                l->name_by = USEC_NEVER;
        if (l->name_by == USEC_NEVER || (!manager_verdict(l->manager)->settled && now < l->name_by))
                return;
        l->name_by = USEC_NEVER;
        r = control_publish(l->control);
        if (r < 0)
                on_named(l, r);
}

/* No turn is made for this: a poll that waits has one soon. */
static void end_start(struct loop *l, usec_t now) {
        if (now < l->started_by)
                return;
        l->started_by = USEC_NEVER;
        memory_give_back_all(&l->memory);
}

static void turn(struct loop *l) {
        const struct instant at = instant();
        usec_t wake_at;
        int code;

        /* Every fact so far is looked at; those to come touch the loop again. */
        (void) sd_event_source_set_enabled(l->turn, SD_EVENT_OFF);
        wake_at = buses_run(l->buses, at.now);
        wake_at = usec_min(wake_at, logind_run(l->logind, at.now));
        wake_at = usec_min(wake_at, manager_turn(l->manager, &at));
        take_name(l, at.now);
        end_start(l, at.now);
        wake_at = usec_min(wake_at, l->name_by);
        tell_service_manager(l);
        (void) sd_event_source_set_time(l->deadline, wake_at);
        (void) sd_event_source_set_enabled(l->deadline, wake_at == USEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (manager_is_over(l->manager, &code))
                (void) sd_event_exit(l->event, code);
}

static int on_turn(sd_event_source *s, void *userdata) {
        struct loop *l = userdata;

        turn(l);
        (void) memory_give_back(&l->memory);
        return 0;
}

static int on_deadline(sd_event_source *s, uint64_t at, void *userdata) {
        on_touched(userdata);
        return 0;
}

/* ---- what the bus asks for ---- */

static int op_set_mode(void *userdata, enum mode mode, usec_t duration, bool until_calls_end, const char *message,
                       char **ret_problem) {
        struct loop *l = userdata;
        const struct instant at = instant();
        int r = 0;

        if (until_calls_end)
                r = manager_free_until_calls_end(l->manager, &at);
        else
                manager_set_mode(l->manager, mode, duration, message, &at);
        turn(l);
        return r;
}

static int op_hold(void *userdata, uint32_t cookie, const char *app, const char *reason, usec_t duration) {
        struct loop *l = userdata;
        int r = manager_hold(l->manager, cookie, app, reason, duration);

        turn(l);
        return r;
}

static void op_release(void *userdata, uint32_t cookie) {
        struct loop *l = userdata;

        manager_release(l->manager, cookie);
        turn(l);
}

static int op_history(void *userdata, size_t i, usec_t *ret_at_wall, bool *ret_busy, const char **ret_reason) {
        const struct loop *l = userdata;
        const struct state_change *c = state_change(l->state, i);

        if (!c)
                return 0;
        *ret_at_wall = c->at_wall;
        *ret_busy = c->busy;
        *ret_reason = c->reason;
        return 1;
}

static int op_effects(void *userdata, size_t i, struct control_effect_view *ret) {
        const struct loop *l = userdata;
        struct state_effect e;

        if (state_effect_at(l->state, i, &e) < 0)
                return 0;
        *ret = (struct control_effect_view){
                .at_wall = e.at_wall,
                .name = e.name,
                .ok = e.ok,
                .outcome = e.outcome,
        };
        return 1;
}

static int op_ignore(void *userdata, const char *app, const char *source, bool once, char **ret_problem) {
        struct loop *l = userdata;
        int r = manager_ignore(l->manager, app, source, once, ret_problem);

        turn(l);
        return r;
}

static int op_allow(void *userdata, const char *app, const char *source, char **ret_problem) {
        struct loop *l = userdata;
        int r = manager_allow(l->manager, app, source, ret_problem);

        turn(l);
        return r;
}

static int op_ignored(void *userdata, size_t i, const char **ret_app, const char **ret_source) {
        const struct loop *l = userdata;
        struct state_ignored ignored;

        if (state_ignored_at(l->state, i, &ignored) < 0)
                return 0;
        *ret_app = ignored.app;
        *ret_source = ignored.source;
        return 1;
}

static void on_config_problem(const char *sentence, void *userdata) {
        char **first = userdata;

        log_full(LOG_WARNING, LOG_ID_CONFIG_WRONG, NULL, "%s", sentence);
        if (first && !*first)
                *first = strdup(sentence);
}

/* All of the configuration or none; the accounts in any case. */
static int op_reload(void *userdata, char **ret_problem) {
        struct loop *l = userdata;
        struct config *config = NULL;
        const struct instant at = instant();
        int r;

        (void) sd_notify(false, "RELOADING=1");
        r = config_load(&config, l->options->config_path, on_config_problem, ret_problem);
        if (r != 0) {
                config = config_free(config);
                if (!*ret_problem)
                        *ret_problem = strdup(strerror(r < 0 ? -r : EINVAL));
        } else if (!l->options->keep_log_level)
                log_set_max_level(config->log_level);
        buses_retry_now(l->buses);
        manager_reload(l->manager, config, &at);
        log_info(r == 0 ? "Configuration and accounts are read again"
                        : "The accounts are read again; the configuration stays as it was");
        (void) sd_notify(false, "READY=1");
        turn(l);
        return r == 0 ? 0 : -EINVAL;
}

static int op_reload_accounts(void *userdata) {
        struct loop *l = userdata;
        const struct instant at = instant();
        int r = manager_reload_accounts(l->manager, &at);

        turn(l);
        return r;
}

static int op_let_go(void *userdata, const char *account) {
        struct loop *l = userdata;
        const struct instant at = instant();
        int r = manager_let_go(l->manager, account, &at);

        turn(l);
        return r;
}

static void op_streams(void *userdata, control_take_stream_t take, void *taker) {
        const struct loop *l = userdata;

        manager_streams(l->manager, take, taker);
}

static int make_control(struct loop *l) {
        const struct control_ops ops = {
                .set_mode = op_set_mode,
                .hold = op_hold,
                .release = op_release,
                .reload = op_reload,
                .reload_accounts = op_reload_accounts,
                .let_go = op_let_go,
                .history = op_history,
                .effects = op_effects,
                .ignore = op_ignore,
                .allow = op_allow,
                .ignored = op_ignored,
                .streams = op_streams,
                .named = on_named,
                .userdata = l,
        };
        int r = control_new(&l->control, buses_user(l->buses), random_u32(), &ops);

        if (r < 0)
                log_error("The bus object cannot be made: %s", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- what buses, logind, the network and signals tell ---- */

/* Who held, and what was counted, cannot be known any more. A new bus may come at the same address: the unit starts
 * busyd anew, on that one. */
static void on_user_bus_lost(void *userdata) {
        struct loop *l = userdata;
        const struct instant at = instant();

        if (l->ends)
                return;
        log_error("The user bus is gone: ending");
        fail(l, EXIT_FAILURE, &at);
}

static void on_system_bus_changed(void *userdata) {
        struct loop *l = userdata;
        sd_bus *bus = buses_system(l->buses);

        if (logind_set_bus(l->logind, bus) < 0)
                log_error("Out of memory: logind is not watched any more");
        manager_set_system_bus(l->manager, bus, buses_system_problem(l->buses));
}

static void on_sleep(void *userdata, bool about_to) {
        const struct loop *l = userdata;
        const struct instant at = instant();

        manager_sleep(l->manager, about_to, &at);
}

static void on_in_front(void *userdata, bool is) {
        const struct loop *l = userdata;

        manager_set_in_front(l->manager, is);
}

static void on_network_changed(void *userdata) {
        const struct loop *l = userdata;
        const struct instant at = instant();

        log_debug("The network has changed");
        manager_network_changed(l->manager, &at);
}

/* Without it, waits end by themselves. */
static void watch_network(struct loop *l) {
        int r = network_new(&l->network, l->event, on_network_changed, l);

        if (r < 0)
                log_info("Changes of the network are not told (%s): what waits for it waits longer", strerror(-r));
}

static int on_stop_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        struct loop *l = userdata;
        const struct instant at = instant();

        (void) sd_notify(false, "STOPPING=1");
        l->ends = true;
        manager_stop(l->manager, EXIT_SUCCESS, &at);
        turn(l);
        return 0;
}

static int on_reload_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        SCOPED(free) char *problem = NULL;

        if (op_reload(userdata, &problem) < 0)
                log_error("The configuration is not taken: %s", problem ? problem : "see above");
        return 0;
}

static int watch_signals(struct loop *l) {
        int r = sd_event_add_signal(l->event, NULL, SIGTERM, on_stop_signal, l);

        if (r >= 0)
                r = sd_event_add_signal(l->event, NULL, SIGINT, on_stop_signal, l);
        if (r >= 0)
                r = sd_event_add_signal(l->event, NULL, SIGHUP, on_reload_signal, l);
        if (r < 0)
                log_error("Signals cannot be watched: %s", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- making and ending ---- */

static int make_event(struct loop *l) {
        int r = sd_event_default(&l->event);

        if (r >= 0)
                r = sd_event_add_defer(l->event, &l->turn, on_turn, l);
        if (r >= 0)
                /* After everything else that is ready. */
                r = sd_event_source_set_priority(l->turn, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r >= 0)
                r = sd_event_add_time(l->event, &l->deadline, CLOCK_BOOTTIME, USEC_NEVER, USEC_PER_MSEC, on_deadline,
                                      l);
        if (r < 0) {
                log_error("The event loop cannot be made: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        (void) sd_event_source_set_description(l->turn, "turn");
        (void) sd_event_source_set_description(l->deadline, "deadline");
        return EXIT_SUCCESS;
}

static int open_buses(struct loop *l) {
        const struct buses_handler handler = {
                .user_lost = on_user_bus_lost,
                .system_changed = on_system_bus_changed,
                .touched = on_touched,
                .userdata = l,
        };

        if (buses_new(&l->buses, l->event, &handler) < 0)
                return EXIT_FAILURE;
        if (control_name_is_taken(buses_user(l->buses))) {
                log_error("Another busyd runs already; 'busyctl status' shows it");
                return EX_UNAVAILABLE;
        }
        return EXIT_SUCCESS;
}

static void on_state_problem(const char *sentence, void *userdata) {
        log_warning("%s", sentence);
}

static int open_state(struct loop *l) {
        SCOPED(free) char *usual = NULL;
        const char *dir = l->options->state_dir;
        int r = dir ? 0 : state_folder(&usual);

        if (r < 0) {
                log_error("There is no place for state: neither STATE_DIRECTORY nor HOME is set");
                return EXIT_FAILURE;
        }
        dir = dir ? dir : usual;
        r = state_open(&l->state, dir, on_state_problem, NULL);
        if (r == -EBUSY)
                log_error("Another busyd uses %s; end it first, or see 'busyctl status'", dir);
        else if (r == -EPERM)
                log_error("%s is not used: it must belong to you, and nobody else may write there", dir);
        else if (r < 0)
                log_error("The state in %s cannot be used: %s", dir, strerror(-r));
        else
                return EXIT_SUCCESS;
        return r == -EBUSY ? EX_UNAVAILABLE : r == -EPERM || r == -ENOTDIR ? EX_CONFIG : EXIT_FAILURE;
}

static int load_config(const struct loop *l, struct config **ret) {
        int r = config_load(ret, l->options->config_path, on_config_problem, NULL);

        if (r < 0) {
                /* The file and the reason were told. */
                log_error("busyd does not start without its configuration%s", r == -ENOMEM ? ": out of memory" : "");
                return r == -ENOMEM ? EXIT_FAILURE : EX_CONFIG;
        }
        if (!l->options->keep_log_level)
                log_set_max_level((*ret)->log_level);
        return EXIT_SUCCESS;
}

static int make_manager(struct loop *l, struct config *config) {
        const struct instant at = instant();
        const struct logind_handler logind = {
                .sleep = on_sleep, .in_front = on_in_front, .changed = on_touched, .userdata = l
        };
        int r = logind_new(&l->logind, buses_system(l->buses), &logind);

        if (r < 0)
                config_free(config);
        else
                r = manager_new(&l->manager, config,
                                &(struct manager_edges){
                                        .event = l->event,
                                        .user_bus = buses_user(l->buses),
                                        .system_bus = buses_system(l->buses),
                                        .state = l->state,
                                        .control = l->control,
                                        .logind = l->logind,
                                        .touched = on_touched,
                                        .userdata = l,
                                },
                                &at);
        if (r >= 0)
                r = manager_start(l->manager, &at);
        if (r < 0)
                log_error("Cannot start: %s", strerror(-r));
        l->name_by = usec_add(at.now, NAME_WAIT_MAX);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void end_at_once(int signal) {
        _exit(EXIT_SUCCESS);
}

/* What is read and asked before there is anything to give back may take the user bus a while, and is not waited for by
 * whoever ends busyd. */
static void end_at_once_by_signal(bool may) {
        const struct sigaction action = { .sa_handler = may ? end_at_once : SIG_DFL };
        sigset_t signals;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        if (!may)
                (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        (void) sigaction(SIGTERM, &action, NULL);
        (void) sigaction(SIGINT, &action, NULL);
        if (may)
                (void) sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

static int prepare(struct loop *l, struct config **ret) {
        int code;

        end_at_once_by_signal(true);
        code = load_config(l, ret);
        if (code == EXIT_SUCCESS)
                code = open_state(l);
        if (code == EXIT_SUCCESS)
                code = make_event(l);
        if (code == EXIT_SUCCESS)
                code = open_buses(l);
        end_at_once_by_signal(false);
        return code;
}

static int start(struct loop *l) {
        struct config *config = NULL;
        int code = prepare(l, &config);

        if (code == EXIT_SUCCESS)
                code = make_control(l);
        if (code != EXIT_SUCCESS) {
                config_free(config);
                return code;
        }
        code = make_manager(l, config);
        if (code != EXIT_SUCCESS)
                return code;
        watch_network(l);
        return watch_signals(l);
}

static void end(struct loop *l) {
        network_free(l->network);
        logind_free(l->logind);
        manager_free(l->manager);
        control_free(l->control);
        state_free(l->state);
        sd_event_source_disable_unref(l->turn);
        sd_event_source_disable_unref(l->deadline);
        buses_free(l->buses);
        sd_event_unref(l->event);
}

/* What has failed may work the next time: what is owed is given back by the loop, as long as that may take. Where it
 * fails for good, the turns see that it has taken too long. */
static void end_though_it_fails(struct loop *l) {
        const struct timespec nap = { .tv_nsec = FAILED_NAP_NSEC };
        const struct instant at = instant();

        if (!l->ends)
                fail(l, EXIT_FAILURE, &at);
        do {
                turn(l);
                (void) nanosleep(&nap, NULL);
        } while (sd_event_loop(l->event) < 0);
}

int loop_run(const struct loop_options *options) {
        struct loop l = { .options = options, .started_by = USEC_NEVER };
        sigset_t signals;
        int code;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        (void) sigaddset(&signals, SIGHUP);
        (void) sigaddset(&signals, SIGCHLD); /* sd-event wants it so, to watch children */
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        (void) signal(SIGPIPE, SIG_IGN);

        memory_map_tables(true);
        code = start(&l);
        memory_map_tables(false);
        if (code == EXIT_SUCCESS) {
                (void) sd_event_set_watchdog(l.event, true);
                code = sd_event_loop(l.event);
                if (code < 0) {
                        log_error("The event loop failed: %s", strerror(-code));
                        end_though_it_fails(&l);
                }
        }
        end(&l);
        return code < 0 ? EXIT_FAILURE : code;
}
