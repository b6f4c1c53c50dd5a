#include "busyd/manager.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "busyd/internal.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

/* A source that does not answer must not keep calls of the others from counting. */
#define SETTLE_MAX (10 * USEC_PER_SEC)

/* ---- the one decision ---- */

void manager_touch(struct manager *m) {
        if (m->decide)
                (void) sd_event_source_set_enabled(m->decide, SD_EVENT_ONESHOT);
}

static void on_book_touched(void *userdata) {
        manager_touch(userdata);
}

static void on_hold_ended(void *userdata, uint32_t cookie) {
        struct manager *m = userdata;

        control_hold_ended(m->control, cookie);
}

static void settle(struct manager *m) {
        if (m->availability.settled || !source_set_is_settled(m->sources) || !tenants_are_settled(m) ||
            !logind_is_settled(m->logind))
                return;
        availability_settle(&m->availability);
        m->settle_timer = sd_event_source_disable_unref(m->settle_timer);
        log_debug("All sources have told what goes on");
}

static const struct call *first_that_counts(struct manager *m, usec_t now) {
        const struct call_table *calls = call_book_calls(m->book);

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c))
                if (availability_counts(&m->availability, calls, c, now, NULL))
                        return c;
        return NULL;
}

static void tell_change(struct manager *m, const struct availability_verdict *v, usec_t now) {
        const struct call *c = first_that_counts(m, now);
        char reason[256], availability[32], source[128];
        const char *const fields[] = { availability, c ? source : NULL, NULL };
        enum mode mode = m->availability.mode;
        int r;

        if (mode == MODE_BUSY || mode == MODE_FREE)
                (void) snprintf(reason, sizeof(reason), "by hand");
        else if (v->busy && c)
                (void) snprintf(reason, sizeof(reason), "%s%s%s", c->what, c->app[0] ? ", " : "", c->app);
        else
                (void) snprintf(reason, sizeof(reason), v->busy ? "a call" : "no call");
        (void) snprintf(availability, sizeof(availability), "BUSYD_AVAILABILITY=%s", v->busy ? "busy" : "free");
        if (c)
                (void) snprintf(source, sizeof(source), "BUSYD_SOURCE=%s", c->source);
        log_full(LOG_INFO, LOG_ID_BUSY_CHANGED, fields, "%s -> %s (%s)", v->busy ? "free" : "busy",
                 v->busy ? "busy" : "free", reason);
        r = state_add_change(m->state, &(struct state_change){
                                               .at_wall = clock_to_wall(v->since),
                                               .busy = v->busy,
                                               .reason = reason,
                                       });
        if (r < 0)
                log_debug("The history cannot be stored: %s", strerror(-r));
}

/* A mode that has ended by itself takes its message along and is no longer stored. */
static void forget_mode(struct manager *m, enum mode before) {
        if (before == MODE_AUTO || m->availability.mode != MODE_AUTO)
                return;
        m->message[0] = '\0';
        if (state_put_mode(m->state, &(struct state_mode){ .mode = MODE_AUTO, .until_wall = USEC_NEVER }) < 0)
                log_warning("The end of mode '%s' cannot be stored", mode_to_string(before));
        log_info("Mode %s is over", mode_to_string(before));
}

static void arm(struct manager *m, usec_t at) {
        (void) sd_event_source_set_time(m->timer, at);
        (void) sd_event_source_set_enabled(m->timer, at == USEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void tell_service_manager(const struct manager *m) {
        (void) sd_notifyf(false, "STATUS=%s, %zu account%s", m->verdict.busy ? "Busy" : "Free", m->n_tenants,
                          m->n_tenants == 1 ? "" : "s");
}

/* Whatever goes on: nothing is to be left behind on a server. */
static bool is_leaving(const struct manager *m) {
        return m->stopping || m->suspended;
}

/* Everything is given back. */
static void leave(struct manager *m) {
        if (m->stopping)
                (void) sd_event_exit(m->event, EXIT_SUCCESS);
        else
                logind_let_sleep(m->logind);
}

/* A call that such a source told of is not over because it does not tell of it now. */
static void tell_blind_sources(struct manager *m) {
        struct source_view v;

        for (size_t i = 0; source_set_view(m->sources, i, &v); i++)
                availability_set_blind(&m->availability, v.name,
                                       v.state == SOURCE_STARTING || v.state == SOURCE_UNAVAILABLE);
}

static void decide(struct manager *m) {
        usec_t now = clock_now(), wake_at, book_at;
        enum mode mode_before = m->availability.mode;
        struct availability_verdict v;
        bool changed;

        /* Every fact so far is looked at; those to come touch the manager again. */
        (void) sd_event_source_set_enabled(m->decide, SD_EVENT_OFF);
        tenants_take_tokens(m);
        wake_at = usec_min(source_set_run(m->sources, now), logind_run(m->logind, now));
        settle(m);
        book_at = call_book_run(m->book, now);
        tell_blind_sources(m);
        v = availability_decide(&m->availability, call_book_calls(m->book), now);
        changed = v.busy != m->verdict.busy;
        if (changed)
                tell_change(m, &v, now);
        forget_mode(m, mode_before);
        m->verdict = v;

        wake_at = usec_min(wake_at, usec_min(v.wake_at, book_at));
        /* What an earlier run owes may be a call's that still goes on: not before that is known. */
        if (v.settled || is_leaving(m))
                wake_at = usec_min(wake_at, tenants_run(m, v.busy && v.write && !is_leaving(m), now));
        publish(m, now);
        arm(m, wake_at);
        if (changed)
                tell_service_manager(m);
        if (is_leaving(m) && tenants_are_at_rest(m))
                leave(m);
}

static int on_decide(sd_event_source *s, void *userdata) {
        decide(userdata);
        return 0;
}

static int on_timer(sd_event_source *s, uint64_t at, void *userdata) {
        manager_touch(userdata);
        return 0;
}

static int on_settle_timer(sd_event_source *s, uint64_t at, void *userdata) {
        struct manager *m = userdata;

        log_warning("Not every source has told what goes on yet; going on without waiting for them");
        availability_settle(&m->availability);
        manager_touch(m);
        return 0;
}

/* ---- what the bus asks for: decided before it is answered, so that who asks next is told what follows ---- */

static int store_mode(struct manager *m) {
        const struct availability *a = &m->availability;
        struct state_mode stored = {
                .mode = a->mode,
                .until_wall = a->mode_until == USEC_NEVER ? USEC_NEVER : clock_to_wall(a->mode_until),
                .until_calls_end = a->until_calls_end,
        };

        (void) snprintf(stored.message, sizeof(stored.message), "%s", m->message);
        return state_put_mode(m->state, &stored);
}

static int op_set_mode(void *userdata, enum mode mode, usec_t duration, bool until_calls_end, const char *message,
                       char **ret_problem) {
        struct manager *m = userdata;
        usec_t now = clock_now();
        int r;

        (void) call_book_run(m->book, now);
        if (until_calls_end) {
                r = availability_free_until_calls_end(&m->availability, call_book_calls(m->book), now);
                if (r < 0)
                        return r;
        } else
                availability_set_mode(&m->availability, mode, duration > 0 ? usec_add(now, duration) : USEC_NEVER,
                                      call_book_calls(m->book), now);
        (void) snprintf(m->message, sizeof(m->message), "%s", mode == MODE_BUSY && message ? message : "");
        log_info("Mode %s, by hand", mode_to_string(m->availability.mode));
        r = store_mode(m);
        if (r < 0)
                log_warning("The mode cannot be stored: %s; it holds until busyd ends", strerror(-r));
        decide(m);
        return 0;
}

static int op_hold(void *userdata, uint32_t cookie, const char *app, const char *reason, usec_t duration) {
        struct manager *m = userdata;
        char id[16];
        int r;

        (void) snprintf(id, sizeof(id), "%u", cookie);
        r = call_book_report(m->book, &(struct call_report){
                                              .source = HOLD_SOURCE,
                                              .id = id,
                                              .app = app,
                                              .what = reason[0] ? reason : "hold",
                                              .phase = CALL_ACTIVE,
                                              .evidence = EVIDENCE_PROOF,
                                              .lasts = duration > 0 ? duration : USEC_NEVER,
                                      });
        decide(m);
        return r < 0 ? r : 0;
}

static void op_release(void *userdata, uint32_t cookie) {
        struct manager *m = userdata;
        char id[16];

        (void) snprintf(id, sizeof(id), "%u", cookie);
        call_book_end(m->book, HOLD_SOURCE, id);
        decide(m);
}

static int op_reload(void *userdata, char **ret_problem) {
        return manager_reload(userdata, ret_problem);
}

static int op_history(void *userdata, size_t i, usec_t *ret_at_wall, bool *ret_busy, const char **ret_reason) {
        struct manager *m = userdata;
        const struct state_change *c = state_change(m->state, i);

        if (!c)
                return 0;
        *ret_at_wall = c->at_wall;
        *ret_busy = c->busy;
        *ret_reason = c->reason;
        return 1;
}

static int op_ignore(void *userdata, const char *app, const char *source, bool once, char **ret_problem) {
        struct manager *m = userdata;
        int r = call_book_ignore(m->book, app, source, once, ret_problem);

        decide(m);
        return r;
}

static int op_allow(void *userdata, const char *app, const char *source, char **ret_problem) {
        struct manager *m = userdata;
        int r = call_book_allow(m->book, m->config, app, source, ret_problem);

        decide(m);
        return r;
}

static int op_ignored(void *userdata, size_t i, const char **ret_app, const char **ret_source) {
        const struct manager *m = userdata;
        struct state_ignored ignored;

        if (state_ignored_at(m->state, i, &ignored) < 0)
                return 0;
        *ret_app = ignored.app;
        *ret_source = ignored.source;
        return 1;
}

/* ---- what logind tells ---- */

/* Whoever is asleep is not on a call, and could not say when it ended. Afterwards the servers' word is old. */
static void on_sleep(void *userdata, bool about_to) {
        struct manager *m = userdata;

        log_info(about_to ? "About to sleep: giving back what is owed" : "Awake again");
        m->suspended = about_to;
        for (size_t i = 0; i < m->n_tenants && !about_to; i++)
                account_wake(m->tenants[i]->account, /* gap= */ true);
        manager_touch(m);
}

static void on_in_front(void *userdata, bool is) {
        struct manager *m = userdata;

        log_info(is ? "Your session is in front again" : "Your session is not in front: local calls do not count");
        source_set_set_away(m->sources, !is);
        manager_touch(m);
}

static void on_logind_changed(void *userdata) {
        manager_touch(userdata);
}

static int watch_logind(struct manager *m) {
        return logind_new(&m->logind, m->system_bus,
                          &(struct logind_handler){
                                  .sleep = on_sleep,
                                  .in_front = on_in_front,
                                  .changed = on_logind_changed,
                                  .userdata = m,
                          });
}

/* ---- configuration ---- */

static void on_config_problem(const char *sentence, void *userdata) {
        char **first = userdata;

        log_warning("%s", sentence);
        if (first && !*first)
                *first = strdup(sentence);
}

static void apply_config(struct manager *m, bool keep_log_level) {
        if (!keep_log_level)
                log_set_max_level(m->config->log_level);
        availability_set_policy(&m->availability, &m->config->policy);
}

static int configure_sources(struct manager *m) {
        int r = 0;

        for (size_t i = 0; source_kinds[i] && r >= 0; i++) {
                const struct source_config *c = config_source(m->config, source_kinds[i]->name);

                r = source_set_configure(m->sources, source_kinds[i]->name,
                                         &(struct source_settings){
                                                 .enabled = c->enabled,
                                                 .ignore = (const char *const *) c->ignore,
                                                 .only = (const char *const *) c->only,
                                                 .call_apps = (const char *const *) c->call_apps,
                                                 .reasons = (const char *const *) c->reasons,
                                         });
        }
        return r;
}

int manager_reload(struct manager *m, char **ret_problem) {
        SCOPED(config_free) struct config *fresh = NULL;
        SCOPED(free) char *problem = NULL;
        int r;

        (void) sd_notify(false, "RELOADING=1");
        r = config_load(&fresh, m->config_path, on_config_problem, &problem);
        if (r != 0) {
                *ret_problem = problem ? TAKE(problem) : strdup(strerror(r < 0 ? -r : EINVAL));
                (void) sd_notify(false, "READY=1");
                return -EINVAL;
        }
        config_free(m->config);
        m->config = TAKE(fresh);
        apply_config(m, m->keep_log_level);
        r = configure_sources(m);
        if (r >= 0)
                r = tenants_reload(m);
        if (r < 0)
                log_error("Reloading: %s", strerror(-r));
        log_info("Configuration and accounts are read again");
        (void) sd_notify(false, "READY=1");
        manager_touch(m);
        return 0;
}

/* ---- making and ending ---- */

static int open_buses(struct manager *m) {
        int r = sd_bus_open_user(&m->bus);

        if (r < 0) {
                log_error("No user bus: %s; busyd needs one (is DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR set?)",
                          strerror(-r));
                return r;
        }
        r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        /* Without it there is no telephony and no word of suspend; the rest works. */
        r = sd_bus_open_system(&m->system_bus);
        if (r >= 0)
                r = sd_bus_attach_event(m->system_bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                log_info("No system bus (%s), going on without it", strerror(-r));
                m->system_bus = sd_bus_flush_close_unref(m->system_bus);
        }
        return 0;
}

static void on_sources_touched(void *userdata) {
        manager_touch(userdata);
}

static int make_sources(struct manager *m) {
        int r;

        r = sd_event_add_defer(m->event, &m->decide, on_decide, m);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(m->decide, "decide");
        /* After everything else of this turn. */
        (void) sd_event_source_set_priority(m->decide, SD_EVENT_PRIORITY_NORMAL + 10);
        r = sd_event_add_time(m->event, &m->timer, CLOCK_BOOTTIME, USEC_NEVER, USEC_PER_MSEC, on_timer, m);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(m->timer, "deadline");
        (void) sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
        r = sd_event_add_time_relative(m->event, &m->settle_timer, CLOCK_BOOTTIME, SETTLE_MAX, 0, on_settle_timer, m);
        if (r >= 0)
                (void) sd_event_source_set_description(m->settle_timer, "settle");
        return r;
}

static void on_state_problem(const char *sentence, void *userdata) {
        log_warning("%s", sentence);
}

static int open_state(struct manager *m, const char *dir) {
        SCOPED(free) char *usual = NULL;
        int r;

        if (!dir) {
                r = path_state(&usual);
                if (r < 0) {
                        log_error("There is no place for state: neither STATE_DIRECTORY nor HOME is set");
                        return r;
                }
                dir = usual;
        }
        r = state_open(&m->state, dir, on_state_problem, NULL);
        if (r == -EBUSY)
                log_error("Another busyd uses %s; end it first, or see 'busyctl status'", dir);
        else if (r == -EPERM)
                log_error("%s is not used: it must belong to you, and nobody else may write there", dir);
        else if (r < 0)
                log_error("The state in %s cannot be used: %s", dir, strerror(-r));
        return r;
}

static void restore_mode(struct manager *m) {
        struct state_mode stored;
        usec_t until;

        if (state_get_mode(m->state, &stored) < 0 || stored.mode == MODE_AUTO)
                return;
        if (stored.until_wall != USEC_NEVER && stored.until_wall <= clock_wall_now())
                return;
        until = stored.until_wall == USEC_NEVER ? USEC_NEVER : clock_from_wall(stored.until_wall);
        availability_set_mode(&m->availability, stored.mode, until, call_book_calls(m->book), clock_now());
        /* Which calls those were is not known any more: the ones found now. */
        if (stored.until_calls_end)
                availability_await_calls_end(&m->availability);
        (void) snprintf(m->message, sizeof(m->message), "%s", stored.message);
        log_info("Mode %s, by hand in an earlier run", mode_to_string(stored.mode));
}

static int load_config(struct manager *m, const struct manager_options *options) {
        int r;

        if (options->config_path && !(m->config_path = strdup(options->config_path)))
                return -ENOMEM;
        m->keep_log_level = options->keep_log_level;
        r = config_load(&m->config, m->config_path, on_config_problem, NULL);
        if (r < 0) {
                log_error("The configuration cannot be read: %s", strerror(-r));
                return r;
        }
        availability_init(&m->availability, &m->config->policy, clock_now());
        apply_config(m, m->keep_log_level);
        return 0;
}

int manager_new(struct manager **ret, sd_event *event, const struct manager_options *options) {
        SCOPED(manager_free) struct manager *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->event = sd_event_ref(event);
        r = load_config(m, options);
        if (r < 0)
                return r;
        r = open_state(m, options->state_dir);
        if (r < 0)
                return r;
        r = call_book_new(
                &m->book, m->state,
                &(struct call_book_handler){ .touched = on_book_touched, .hold_ended = on_hold_ended, .userdata = m });
        if (r < 0)
                return r;
        r = open_buses(m);
        if (r < 0)
                return r;
        r = make_sources(m);
        if (r < 0)
                return r;
        r = source_set_new(&m->sources, event, m->bus,
                           &(struct source_set_handler){ call_book_sink(m->book), on_sources_touched, m });
        if (r < 0)
                return r;
        source_set_set_system_bus(m->sources, m->system_bus, "there is no system bus");
        r = watch_logind(m);
        if (r < 0)
                return r;
        restore_mode(m);
        r = control_new(&m->control, m->bus,
                        &(struct control_ops){
                                .set_mode = op_set_mode,
                                .hold = op_hold,
                                .release = op_release,
                                .reload = op_reload,
                                .history = op_history,
                                .ignore = op_ignore,
                                .allow = op_allow,
                                .ignored = op_ignored,
                                .userdata = m,
                        });
        if (r < 0) {
                log_error("The bus object cannot be made: %s", strerror(-r));
                return r;
        }
        *ret = TAKE(m);
        return 0;
}

struct manager *manager_free(struct manager *m) {
        if (!m)
                return NULL;
        logind_free(m->logind);
        source_set_free(m->sources);
        tenants_free(m);
        control_free(m->control);
        call_book_free(m->book);
        state_free(m->state);
        config_free(m->config);
        sd_event_source_disable_unref(m->decide);
        sd_event_source_disable_unref(m->timer);
        sd_event_source_disable_unref(m->settle_timer);
        sd_event_source_disable_unref(m->stop_timer);
        sd_bus_flush_close_unref(m->bus);
        sd_bus_flush_close_unref(m->system_bus);
        sd_event_unref(m->event);
        free(m->config_path);
        free(m);
        return NULL;
}

int manager_start(struct manager *m) {
        int r;

        publish(m, clock_now());
        r = control_publish(m->control);
        if (r == -EEXIST)
                log_error("Another busyd runs already; 'busyctl status' shows it");
        else if (r < 0)
                log_error("The bus name cannot be had: %s", strerror(-r));
        if (r < 0)
                return r;
        r = configure_sources(m);
        if (r >= 0)
                r = tenants_update(m);
        if (r < 0) {
                log_error("Cannot start: %s", strerror(-r));
                return r;
        }
        tell_service_manager(m);
        (void) sd_notify(false, "READY=1");
        log_info("busyd " BUSYD_VERSION " runs with %zu account%s", m->n_tenants, m->n_tenants == 1 ? "" : "s");
        return 0;
}

static int on_stop_timer(sd_event_source *s, uint64_t at, void *userdata) {
        struct manager *m = userdata;

        log_warning("Not everything could be given back in time; the rest is owed and follows at the next start");
        (void) sd_event_exit(m->event, EXIT_SUCCESS);
        return 0;
}

void manager_stop(struct manager *m) {
        if (m->stopping) {
                (void) sd_event_exit(m->event, EXIT_SUCCESS);
                return;
        }
        m->stopping = true;
        (void) sd_notify(false, "STOPPING=1");
        log_info("Ending: giving back what is owed");
        if (sd_event_add_time_relative(m->event, &m->stop_timer, CLOCK_BOOTTIME, MANAGER_STOP_MAX, 0, on_stop_timer,
                                       m) < 0)
                (void) sd_event_exit(m->event, EXIT_SUCCESS);
        manager_touch(m);
}
