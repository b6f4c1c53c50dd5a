/* The manager, see manager.h. What it remembers between two turns:
 *
 *   settling   until every source, account and logind has told what goes on, or SETTLE_MAX is over; claims wait
 *   running    availability follows calls and mode, the accounts follow availability
 *   asleep     (about to be, or is) the accounts show nothing; logind waits until nothing is owed
 *   stopping   the same, until nothing is owed or `stop_by` has come; then it is over */
#include "busyd/manager.h"

#include <errno.h>
#include <stdio.h>

#include "busyd/accounts.h"
#include "busyd/call-book.h"
#include "busyd/account-names.h"
#include "busyd/desk.h"
#include "busyd/logind.h"
#include "config/config.h"
#include "control/control.h"
#include "core/claim.h"
#include "sources/set.h"
#include "state/state.h"
#include "util/log.h"
#include "util/text.h"

/* A source that does not answer must not keep calls of the others from counting. */
#define SETTLE_MAX (10 * USEC_PER_SEC)

/* How long a `free` waits for a source to see its call again: while somebody else's session is in front, and while
 * what the source watches starts anew, and the programs with it. */
#define AWAY_MAX    (30 * USEC_PER_MIN)
#define RESTART_MAX (30 * USEC_PER_SEC)

struct manager {
        struct manager_edges edges;
        struct config *config;
        struct call_book *book;
        struct source_set *sources;
        struct accounts *accounts;
        struct desk *desk;
        struct availability availability;
        struct availability_verdict verdict; /* of the last turn */
        char reason[256];                    /* of its `busy`, in words; "" before it is known */
        bool by_hand;                        /* is that reason */
        char message[CLAIM_TEXT_MAX];        /* by hand; "" if none */
        usec_t settle_by;
        usec_t stop_by; /* USEC_NEVER: goes on; 0: over */
        int code;
        bool away;      /* somebody else's session is in front: local sources rest */
        bool suspended; /* the machine is about to sleep, or sleeps */
};

/* ---- the one decision ---- */

static void touch(const struct manager *m) {
        m->edges.touched(m->edges.userdata);
}

static void on_touched(void *userdata) {
        touch(userdata);
}

static void on_hold_ended(void *userdata, uint32_t cookie) {
        const struct manager *m = userdata;

        control_hold_ended(m->edges.control, cookie);
}

/* Whatever goes on: nothing is to be left behind on a server. */
static bool is_leaving(const struct manager *m) {
        return m->stop_by != USEC_NEVER || m->suspended;
}

static void settle(struct manager *m, usec_t now) {
        bool told = source_set_is_settled(m->sources) && accounts_are_settled(m->accounts) &&
                    logind_is_settled(m->edges.logind);

        if (m->availability.settled || (!told && now < m->settle_by))
                return;
        if (told)
                log_debug("All sources have told what goes on");
        else
                log_warning("Not every source has told what goes on yet; going on without waiting for them");
        availability_settle(&m->availability);
}

/* A call that such a source told of is not over because it does not tell of it now. */
static void tell_blind_sources(struct manager *m) {
        usec_t span = m->away ? AWAY_MAX : RESTART_MAX;
        struct source_view v;

        for (size_t i = 0; source_set_view(m->sources, i, &v); i++)
                availability_set_blind(&m->availability, v.name,
                                       v.state == SOURCE_STARTING || v.state == SOURCE_UNAVAILABLE ? span : 0);
}

static const struct call *first_that_counts(const struct manager *m, usec_t now) {
        const struct call_table *calls = call_book_calls(m->book);

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c))
                if (availability_counts(&m->availability, calls, c, now, NULL))
                        return c;
        return NULL;
}

/* Why it is so now: within one busy or free, calls and the user's word take turns. In the grace after a call that call
 * is why. */
static void note_reason(struct manager *m, const struct availability_verdict *v, usec_t now) {
        const struct call *c = first_that_counts(m, now);
        enum mode mode = m->availability.mode;
        bool was_by_hand = m->by_hand;

        if (!v->settled)
                return;
        m->by_hand = mode == MODE_BUSY || mode == MODE_FREE;
        if (m->by_hand)
                (void) snprintf(m->reason, sizeof(m->reason), "by hand");
        else if (!v->busy)
                (void) snprintf(m->reason, sizeof(m->reason), "no call");
        else if (c)
                (void) snprintf(m->reason, sizeof(m->reason), "%s%s%s", c->what, c->app[0] ? ", " : "", c->app);
        else if (was_by_hand || !m->verdict.busy)
                (void) snprintf(m->reason, sizeof(m->reason), "a call");
        text_end_whole(m->reason);
}

static void tell_change(struct manager *m, const struct availability_verdict *v, const struct instant *at) {
        const struct call *c = first_that_counts(m, at->now);
        char availability[32], source[128];
        const char *const fields[] = { availability, c && !m->by_hand ? source : NULL, NULL };
        int r;

        (void) snprintf(availability, sizeof(availability), "BUSYD_AVAILABILITY=%s", v->busy ? "busy" : "free");
        if (c)
                (void) snprintf(source, sizeof(source), "BUSYD_SOURCE=%s", c->source);
        log_full(LOG_INFO, LOG_ID_BUSY_CHANGED, fields, "%s -> %s (%s)", v->busy ? "free" : "busy",
                 v->busy ? "busy" : "free", m->reason);
        r = state_add_change(m->edges.state, &(struct state_change){
                                                     .at_wall = instant_to_wall(at, v->since),
                                                     .busy = v->busy,
                                                     .reason = m->reason,
                                             });
        if (r < 0)
                log_debug("The history cannot be stored: %s", strerror(-r));
}

/* A mode that has ended by itself takes its message along and is no longer stored. */
static void forget_mode(struct manager *m, enum mode before) {
        if (before == MODE_AUTO || m->availability.mode != MODE_AUTO)
                return;
        m->message[0] = '\0';
        if (state_put_mode(m->edges.state, &(struct state_mode){ .mode = MODE_AUTO, .until_wall = USEC_NEVER }) < 0)
                log_warning("The end of mode '%s' cannot be stored", mode_to_string(before));
        log_info("Mode %s is over", mode_to_string(before));
}

/* What was said on the desktop counts as if busyctl had said it. */
static void hear_desk(struct manager *m, const struct instant *at) {
        struct desktop_word word;

        if (!desk_take_word(m->desk, &word))
                return;
        if (!word.until_calls_end)
                manager_set_mode(m, word.mode, word.duration, NULL, at);
        else if (manager_free_until_calls_end(m, at) < 0)
                log_info("The call is over: it is free as it is");
}

/* Follows what others may be shown, until busyd itself ends; whoever sleeps is not asked to do anything. */
static usec_t run_desk(struct manager *m, const struct availability_verdict *v, const struct instant *at) {
        bool ends = m->stop_by != USEC_NEVER, busy = v->busy && v->write && !ends;

        return desk_run(m->desk,
                        &(struct desk_facts){
                                .known = v->settled || ends,
                                .busy = busy,
                                .since_wall = busy == v->busy ? instant_to_wall(at, v->since) : at->wall,
                                .reason = ends                                  ? "busyd ends"
                                          : m->availability.mode == MODE_PAUSED ? "paused"
                                                                                : m->reason,
                                .calls = call_book_calls(m->book),
                                .availability = &m->availability,
                        },
                        at);
}

static void publish(struct manager *m, const struct instant *at) {
        const struct availability *a = &m->availability;
        struct control *control = m->edges.control;
        struct source_view v;

        control_set_manager(control,
                            &(struct control_manager_view){
                                    .settled = m->verdict.settled,
                                    .busy = m->verdict.busy,
                                    .since_wall = m->verdict.settled ? instant_to_wall(at, m->verdict.since) : 0,
                                    .mode = a->mode,
                                    .mode_until_wall = instant_to_wall(at, a->mode_until),
                                    .mode_until_calls_end = a->until_calls_end,
                                    .message = m->message,
                                    .problem = state_problem(m->edges.state),
                            });
        call_book_publish(m->book, control, a, at);
        accounts_publish(m->accounts, control, at);
        for (size_t i = 0; source_set_view(m->sources, i, &v); i++)
                if (control_set_source(
                            control, &(struct control_source_view){
                                             .name = v.name,
                                             .state = source_state_to_string(v.state),
                                             .detail = v.detail,
                                             .n_calls = (unsigned) call_table_count(call_book_calls(m->book), v.name),
                                     }) < 0)
                        log_debug("Source %s cannot be published", v.name);
}

/* Everything is given back, or there is no more time for it. */
static void leave(struct manager *m, usec_t now) {
        bool at_rest = accounts_are_at_rest(m->accounts);

        if (m->stop_by == USEC_NEVER) {
                if (at_rest)
                        logind_let_sleep(m->edges.logind);
                return;
        }
        at_rest = at_rest && desk_is_at_rest(m->desk);
        if (!at_rest && now >= m->stop_by)
                log_warning(
                        "Not everything could be given back in time; the rest is owed and follows at the next start");
        if (at_rest || now >= m->stop_by)
                m->stop_by = 0;
}

static bool needs_no_session(void *userdata, const char *account) {
        const struct manager *m = userdata;

        return account_needs_no_session(m->config, account);
}

static void look_at_state(struct manager *m) {
        state_look_again(m->edges.state, needs_no_session, m);
}

usec_t manager_turn(struct manager *m, const struct instant *at) {
        usec_t now = at->now, wake_at = source_set_run(m->sources, now);
        enum mode mode_before;
        bool busy_before = m->verdict.busy;
        struct availability_verdict v;

        wake_at = usec_min(wake_at, call_book_run(m->book, now));
        hear_desk(m, at);
        mode_before = m->availability.mode;
        settle(m, now);
        tell_blind_sources(m);
        v = availability_decide(&m->availability, call_book_calls(m->book), now);
        note_reason(m, &v, now);
        if (v.busy != busy_before)
                tell_change(m, &v, at);
        forget_mode(m, mode_before);
        m->verdict = v;
        wake_at = usec_min(wake_at, v.wake_at);
        if (!v.settled)
                wake_at = usec_min(wake_at, m->settle_by);

        wake_at = usec_min(wake_at, accounts_run(m->accounts,
                                                 &(struct accounts_wanted){
                                                         .settled = v.settled || is_leaving(m),
                                                         .busy = v.busy && v.write && !is_leaving(m),
                                                         .likely = v.likely && v.write && !is_leaving(m),
                                                         .goes = is_leaving(m),
                                                         .message = m->message[0] ? m->message : NULL,
                                                 },
                                                 at));
        wake_at = usec_min(wake_at, run_desk(m, &v, at));
        /* What is not the journal comes after what others see. */
        wake_at = usec_min(wake_at, state_run(m->edges.state, now));
        if (state_is_out_of_date(m->edges.state))
                look_at_state(m);
        publish(m, at);
        if (is_leaving(m))
                leave(m, now);
        return usec_min(wake_at, m->stop_by);
}

/* ---- the user's word ---- */

static void store_mode(const struct manager *m, const struct instant *at) {
        const struct availability *a = &m->availability;
        struct state_mode stored = {
                .mode = a->mode,
                .until_wall = a->mode_until == USEC_NEVER ? USEC_NEVER : instant_to_wall(at, a->mode_until),
                .said_wall = at->wall,
                .until_calls_end = a->until_calls_end,
        };
        int r;

        (void) snprintf(stored.message, sizeof(stored.message), "%s", m->message);
        log_info("Mode %s, by hand", mode_to_string(a->mode));
        r = state_put_mode(m->edges.state, &stored);
        if (r < 0)
                log_warning("The mode cannot be stored: %s; it holds until busyd ends", strerror(-r));
}

void manager_set_mode(struct manager *m, enum mode mode, usec_t duration, const char *message,
                      const struct instant *at) {
        (void) call_book_run(m->book, at->now);
        availability_set_mode(&m->availability, mode, duration > 0 ? usec_add(at->now, duration) : USEC_NEVER,
                              call_book_calls(m->book), at->now);
        (void) snprintf(m->message, sizeof(m->message), "%s", mode == MODE_BUSY && message ? message : "");
        store_mode(m, at);
        touch(m);
}

int manager_free_until_calls_end(struct manager *m, const struct instant *at) {
        int r;

        (void) call_book_run(m->book, at->now);
        r = availability_free_until_calls_end(&m->availability, call_book_calls(m->book), at->now);
        if (r < 0)
                return r;
        m->message[0] = '\0';
        store_mode(m, at);
        touch(m);
        return 0;
}

int manager_hold(struct manager *m, uint32_t cookie, const char *app, const char *reason, usec_t duration) {
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
        return r < 0 ? r : 0;
}

void manager_release(struct manager *m, uint32_t cookie) {
        char id[16];

        (void) snprintf(id, sizeof(id), "%u", cookie);
        call_book_end(m->book, HOLD_SOURCE, id);
}

int manager_ignore(struct manager *m, const char *app, const char *source, bool once, char **ret_problem) {
        touch(m);
        return call_book_ignore(m->book, app, source, once, ret_problem);
}

int manager_allow(struct manager *m, const char *app, const char *source, char **ret_problem) {
        touch(m);
        return call_book_allow(m->book, m->config, app, source, ret_problem);
}

void manager_streams(const struct manager *m, int (*take)(void *taker, const struct control_stream_view *v),
                     void *taker) {
        struct source_stream stream;
        struct source_view v;

        for (size_t i = 0; source_set_view(m->sources, i, &v); i++)
                for (size_t k = 0; source_set_stream(m->sources, i, k, &stream); k++)
                        if (take(taker,
                                 &(struct control_stream_view){
                                         .source = v.name,
                                         .id = stream.id,
                                         .app = stream.app,
                                         .what = stream.what,
                                         .why = stream.why,
                                         .evidence = stream.counts ? call_evidence_to_string(stream.evidence) : "",
                                         .names = stream.names,
                                 }) < 0)
                                return;
}

/* ---- configuration ---- */

static int configure_sources(const struct manager *m) {
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

int manager_reload_accounts(struct manager *m, const struct instant *at) {
        int r = accounts_update(m->accounts, m->config, /* by_hand= */ true, at);

        if (r < 0)
                log_error("The accounts cannot be looked at again: %s", strerror(-r));
        accounts_retry_now(m->accounts);
        look_at_state(m);
        touch(m);
        return r;
}

void manager_reload(struct manager *m, struct config *config, const struct instant *at) {
        struct config *before = m->config;
        int r;

        if (config) {
                m->config = config;
                availability_set_policy(&m->availability, &config->policy);
                r = configure_sources(m);
                if (r >= 0)
                        r = desk_configure(m->desk, config);
                if (r < 0)
                        log_error("Not all of the configuration can be followed: %s", strerror(-r));
        }
        (void) manager_reload_accounts(m, at);
        /* The accounts have had theirs from it. */
        if (config)
                config_free(before);
}

int manager_let_go(struct manager *m, const char *account, const struct instant *at) {
        return accounts_let_go(m->accounts, account, usec_add(at->now, MANAGER_LET_GO_MAX));
}

/* ---- what the machine does ---- */

void manager_sleep(struct manager *m, bool about_to, const struct instant *at) {
        log_info(about_to ? "About to sleep: giving back what is owed" : "Awake again");
        m->suspended = about_to;
        /* The servers' word is old. */
        if (!about_to) {
                accounts_wake(m->accounts, /* gap= */ true);
                availability_wake(&m->availability);
        }
        touch(m);
}

void manager_set_in_front(struct manager *m, bool is) {
        log_info(is ? "Your session is in front again" : "Your session is not in front: local calls do not count");
        m->away = !is;
        source_set_set_away(m->sources, m->away);
        touch(m);
}

void manager_set_system_bus(struct manager *m, sd_bus *bus, const char *problem) {
        source_set_set_system_bus(m->sources, bus, problem);
        touch(m);
}

void manager_network_changed(struct manager *m, const struct instant *at) {
        accounts_wake(m->accounts, /* gap= */ false);
        touch(m);
}

void manager_stop(struct manager *m, int code, const struct instant *at) {
        if (m->stop_by != USEC_NEVER) {
                m->stop_by = 0;
                return;
        }
        log_info("Ending: giving back what is owed");
        m->code = code;
        m->stop_by = usec_add(at->now, MANAGER_STOP_MAX);
        touch(m);
}

bool manager_is_over(const struct manager *m, int *ret_code) {
        if (m->stop_by > 0)
                return false;
        *ret_code = m->code;
        return true;
}

/* ---- making and ending ---- */

/* When a mode of an earlier run is over. Where the clock is late, as before it is set on a machine that keeps no time
 * while it is off, no later than after all that was asked for. */
static usec_t until_of(const struct state_mode *stored, const struct instant *at) {
        usec_t asked = CONTROL_DURATION_MAX;

        if (stored->until_wall == USEC_NEVER)
                return USEC_NEVER;
        if (stored->until_wall > stored->said_wall)
                asked = usec_min(asked, stored->until_wall - stored->said_wall);
        return usec_min(instant_from_wall(at, stored->until_wall), usec_add(at->now, asked));
}

static void restore_mode(struct manager *m, const struct instant *at) {
        struct state_mode stored;
        usec_t until;

        if (state_get_mode(m->edges.state, &stored) < 0 || stored.mode == MODE_AUTO)
                return;
        until = until_of(&stored, at);
        if (until <= at->now)
                return;
        availability_set_mode(&m->availability, stored.mode, until, call_book_calls(m->book), at->now);
        /* Which calls those were is not known any more: the ones found now. */
        if (stored.until_calls_end)
                availability_await_calls_end(&m->availability);
        (void) snprintf(m->message, sizeof(m->message), "%s", stored.message);
        log_info("Mode %s, by hand in an earlier run", mode_to_string(stored.mode));
}

static int make_sets(struct manager *m) {
        const struct manager_edges *e = &m->edges;
        int r = call_book_new(
                &m->book, e->state,
                &(struct call_book_handler){ .touched = on_touched, .hold_ended = on_hold_ended, .userdata = m });

        if (r < 0)
                return r;
        r = source_set_new(
                &m->sources, e->event, e->user_bus,
                &(struct source_set_handler){ .sink = call_book_sink(m->book), .touched = on_touched, .userdata = m });
        if (r < 0)
                return r;
        source_set_set_system_bus(m->sources, e->system_bus, "there is no system bus");
        r = desk_new(&m->desk, &(struct desk_context){
                                       .event = e->event,
                                       .bus = e->user_bus,
                                       .state = e->state,
                                       .touched = on_touched,
                                       .userdata = m,
                               });
        if (r < 0)
                return r;
        return accounts_new(&m->accounts, &(struct accounts_context){
                                                  .event = e->event,
                                                  .user_bus = e->user_bus,
                                                  .state = e->state,
                                                  .sink = call_book_sink(m->book),
                                                  .calls = call_book_calls(m->book),
                                                  .touched = on_touched,
                                                  .userdata = m,
                                          });
}

int manager_new(struct manager **ret, struct config *config, const struct manager_edges *edges,
                const struct instant *at) {
        SCOPED(manager_free) struct manager *m = calloc(1, sizeof(*m));
        int r;

        if (!m) {
                config_free(config);
                return -ENOMEM;
        }
        m->edges = *edges;
        m->config = config;
        m->stop_by = USEC_NEVER;
        m->settle_by = usec_add(at->now, SETTLE_MAX);
        availability_init(&m->availability, &config->policy, at->now);
        m->verdict.since = at->now;
        r = make_sets(m);
        if (r < 0)
                return r;
        restore_mode(m, at);
        *ret = TAKE(m);
        return 0;
}

struct manager *manager_free(struct manager *m) {
        if (!m)
                return NULL;
        source_set_free(m->sources);
        accounts_free(m->accounts);
        desk_free(m->desk);
        call_book_free(m->book);
        config_free(m->config);
        free(m);
        return NULL;
}

int manager_start(struct manager *m, const struct instant *at) {
        int r = configure_sources(m);

        if (r >= 0)
                r = desk_configure(m->desk, m->config);
        if (r < 0)
                return r;
        r = accounts_update(m->accounts, m->config, /* by_hand= */ false, at);
        if (r < 0)
                log_error("The accounts cannot be looked at: %s", strerror(-r));
        look_at_state(m);
        if (*state_problem(m->edges.state))
                log_warning("%s", state_problem(m->edges.state));
        publish(m, at);
        touch(m);
        return 0;
}

const struct availability_verdict *manager_verdict(const struct manager *m) {
        return &m->verdict;
}

size_t manager_n_accounts(const struct manager *m) {
        return accounts_n(m->accounts);
}
