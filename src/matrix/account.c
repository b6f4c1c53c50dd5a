/* One Matrix account: what state its connection is in, when it tries again, and who hears of what.
 *
 *   connecting -> syncing -> online
 *   any failure     -> waiting, locked or (before it ever worked) broken; tried again at retry_at
 *   a 401 anywhere  -> connecting: the server is asked whose the token is
 *   a 401 to that, or to a poll -> signed out; asked again by hand, after a sleep, and while something is owed or a
 *                      call is going on there: soon at first, at last every ten minutes
 *
 * Answers only record what they tell and touch the owner; account_run() makes what follows of it, in this order: what
 * is due of the connection, the claims, what they need of the poll, the poll itself. So a poll never starts before the
 * decision on what the last one has brought. */
#include "matrix/account.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/backoff.h"
#include "matrix/calls/kinds.h"
#include "matrix/machines/heard.h"
#include "matrix/machines/tell.h"
#include "matrix/server/probe.h"
#include "matrix/sync/sync.h"
#include "json/json.h"
#include "util/log.h"

#define RETRY_FIRST USEC_PER_SEC
#define RETRY_MAX   (5 * USEC_PER_MIN)

/* A locked account is opened by people: minutes, not seconds. */
#define LOCKED_RETRY (5 * USEC_PER_MIN)

/* No state is final while something is at stake: a server may have lost its sessions for a moment. */
#define FINAL_FIRST USEC_PER_MIN
#define FINAL_MAX   (10 * USEC_PER_MIN)

/* A server that was away for so long after we asked what it is may have been upgraded. */
#define FACTS_FRESH USEC_PER_HOUR

/* What it is may change while it answers all the time: asked again so often, along with other traffic. */
#define FACTS_AGE (6 * USEC_PER_HOUR)

/* Steps of claims within one turn; more would be a circle. */
#define ROUNDS_MAX 32

struct account_output {
        struct output *output;
        struct claim_driver *driver;
};

struct account {
        char *name, *homeserver, *user_id, *message, *appservice;
        struct account_settings settings;
        struct account_handler handler;
        uint32_t (*random)(void *userdata);

        struct http *http;
        struct matrix_client *client;
        struct kinds *kinds;
        struct heard *heard;
        struct tell *tell;
        struct sync *sync;
        struct sync_handler sync_handler;
        struct probe *probe;
        struct output_endpoint endpoint;
        struct account_output outputs[OUTPUTS_MAX];
        size_t n_outputs;

        enum account_state state;
        char *problem;
        usec_t retry_at; /* USEC_NEVER: not by itself */
        struct backoff backoff, final_backoff;

        struct probe_facts facts;
        usec_t facts_at;    /* 0: never */
        usec_t answered_at; /* by /sync; 0: never */
        bool begun, settled;
        bool ask_aside;  /* what the server is is asked again without giving up the poll */
        bool suspect;    /* one request was told that the session has ended: to be asked about */
        bool doubted;    /* ... and is being: nothing is written meanwhile */
        usec_t doubt_at; /* not before then: a server may refuse some requests and say that the session goes on */
        struct backoff doubt_backoff;
        bool expecting;   /* other machines are about to tell something: no pause */
        bool catching_up; /* what they have told during a pause is being asked for */
        enum sync_sight sight;
        bool busy;
        unsigned n_calls, n_announced;
        usec_t now, wall; /* of the last account_run() */
};

const char *account_state_to_string(enum account_state s) {
        switch (s) {
        case ACCOUNT_CONNECTING:
                return "connecting";
        case ACCOUNT_SYNCING:
                return "syncing";
        case ACCOUNT_ONLINE:
                return "online";
        case ACCOUNT_WAITING:
                return "waiting";
        case ACCOUNT_LOCKED:
                return "locked";
        case ACCOUNT_SIGNED_OUT:
                return "signed-out";
        case ACCOUNT_BROKEN:
                return "broken";
        }
        return "broken";
}

static bool is_final(const struct account *a) {
        return a->state == ACCOUNT_SIGNED_OUT || a->state == ACCOUNT_BROKEN;
}

static uint32_t draw(void *userdata) {
        const struct account *a = userdata;

        return a->random(a->handler.userdata);
}

static void touch(struct account *a) {
        a->handler.touched(a->handler.userdata);
}

/* Takes the problem. */
static void set_state(struct account *a, enum account_state state, char *problem, usec_t retry_at) {
        if (a->state != state)
                log_debug("Account %s: %s -> %s", a->name, account_state_to_string(a->state),
                          account_state_to_string(state));
        /* Whatever it waits for: it has had its chance to tell of calls. */
        if (state != ACCOUNT_CONNECTING && state != ACCOUNT_SYNCING)
                a->settled = true;
        a->state = state;
        free(a->problem);
        a->problem = problem;
        a->retry_at = retry_at;
        touch(a);
}

/* While an attempt is under way people still want to know what was wrong with the last one. */
static void set_state_keeping_problem(struct account *a, enum account_state state) {
        set_state(a, state, TAKE(a->problem), USEC_NEVER);
}

/* ---- failures (reference 7.3) ---- */

static __attribute__((format(printf, 1, 2))) char *sentence(const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&s, format, ap);
        va_end(ap);
        return n < 0 ? NULL : s;
}

/* The larger of what the server asks for and our own back-off. */
static usec_t retry_time(struct account *a, usec_t asked, usec_t now) {
        usec_t wait = backoff_next(&a->backoff, draw(a));

        return usec_add(now, asked != USEC_NEVER && asked > wait ? asked : wait);
}

static usec_t final_time(struct account *a, usec_t now) {
        return usec_add(now, backoff_next(&a->final_backoff, draw(a)));
}

static void signed_out(struct account *a, usec_t now) {
        sync_stop(a->sync);
        sync_forget_position(a->sync);
        a->doubted = false;
        a->handler.position(a->handler.userdata, NULL, now, a->wall);
        set_state(a, ACCOUNT_SIGNED_OUT,
                  sentence("the server has ended the session of %s: log in again with \"busyctl login %s\"",
                           a->user_id, a->name),
                  final_time(a, now));
}

/* Before it ever worked the address is wrong; afterwards a captive portal or a proxy in trouble answers. */
static void not_matrix(struct account *a, const struct matrix_reply *reply, usec_t now) {
        set_state(a, a->facts_at > 0 ? ACCOUNT_WAITING : ACCOUNT_BROKEN,
                  sentence("%s: %s", a->homeserver, reply->problem), retry_time(a, reply->retry_after, now));
}

static void failed(struct account *a, const struct matrix_reply *reply, usec_t now) {
        a->catching_up = false;
        switch (reply->outcome) {
        case MATRIX_SIGNED_OUT:
                signed_out(a, now);
                break;
        case MATRIX_LOCKED:
                set_state(a, ACCOUNT_LOCKED,
                          sentence("the server's administrator has locked %s: ask them", a->user_id),
                          usec_add(now, LOCKED_RETRY));
                break;
        case MATRIX_NOT_MATRIX:
                not_matrix(a, reply, now);
                break;
        case MATRIX_OK:
        case MATRIX_RETRY:
        case MATRIX_UNSURE:
        case MATRIX_REFUSED:
        case MATRIX_NOT_FOUND:
        case MATRIX_UNRECOGNIZED:
        case MATRIX_BAD_TOKEN_POS:
        case MATRIX_BAD_FILTER:
                set_state(a, ACCOUNT_WAITING, sentence("%s", reply->problem), retry_time(a, reply->retry_after, now));
                break;
        }
}

static void failed_errno(struct account *a, int error, usec_t now) {
        failed(a,
               &(struct matrix_reply){
                       .outcome = MATRIX_RETRY, .problem = strerror(-error), .retry_after = USEC_NEVER },
               now);
}

/* ---- facts for the outputs ---- */

static void outputs_configured(struct account *a, usec_t now) {
        for (size_t i = 0; i < a->n_outputs; i++)
                if (a->outputs[i].output->kind->configured)
                        a->outputs[i].output->kind->configured(a->outputs[i].output, now);
}

static void outputs_reconnected(struct account *a, usec_t now) {
        for (size_t i = 0; i < a->n_outputs; i++)
                if (a->outputs[i].output->kind->reconnected)
                        a->outputs[i].output->kind->reconnected(a->outputs[i].output, now);
}

static void outputs_watching(struct account *a, bool watching, usec_t now) {
        for (size_t i = 0; i < a->n_outputs; i++)
                if (a->outputs[i].output->kind->watching)
                        a->outputs[i].output->kind->watching(a->outputs[i].output, watching, now);
}

static void outputs_answered(struct account *a, const struct sync_answer *answer) {
        const struct sync_batch *b = answer->batch;

        for (size_t i = 0; i < a->n_outputs; i++) {
                struct output *o = a->outputs[i].output;

                if (answer->initial && o->kind->resynced)
                        o->kind->resynced(o, answer->now);
                if (b->own_presence && o->kind->presence)
                        o->kind->presence(o, b->presence, b->status_msg, answer->now);
        }
}

static void tell_drivers_of_machines(struct account *a, usec_t now) {
        for (size_t i = 0; i < a->n_outputs; i++) {
                struct account_output *o = &a->outputs[i];
                struct claim_other others[HEARD_MAX];
                size_t n = heard_claims(a->heard, o->output->kind->name, a->facts.device_id, others);

                if (o->output->kind->machines)
                        o->output->kind->machines(o->output, heard_holds(a->heard, o->output->kind->name), now);
                driver_machines_changed(o->driver, others, n, now);
        }
}

/* ---- answers of the poll ---- */

static bool apply(struct account *a, const struct sync_answer *answer) {
        const struct kind_time t = { .now = answer->now, .wall = answer->wall };
        struct room_events events;
        const char *full;
        bool concerned = false;

        if (answer->initial)
                kinds_resync(a->kinds, true);
        for (size_t i = answer->n_gaps; i > 0; i--) {
                events = sync_batch_events(answer->gaps[i - 1]);
                kinds_apply(a->kinds, &events, &t);
        }
        events = sync_batch_events(answer->batch);
        kinds_apply(a->kinds, &events, &t);
        if (answer->initial)
                kinds_resync(a->kinds, false);
        if (!answer->more) /* old events may come in several answers */
                concerned = kinds_commit(a->kinds, &t);
        full = kinds_take_full(a->kinds);
        if (full)
                log_warning("Account %s: too many %s, leaving out those that matter least", a->name, full);
        sync_set_in_call(a->sync, kinds_in_call(a->kinds));
        return concerned;
}

/* What comes with the first answer may have been written long ago. */
static usec_t age_of(const json_t *content, const struct sync_answer *answer) {
        usec_t told = entry_told(content);

        return answer->initial && told < answer->wall ? answer->wall - told : 0;
}

static void take_account_data(struct account *a, const struct sync_answer *answer) {
        const struct sync_batch *b = answer->batch;
        bool changed = false;

        if (answer->initial) {
                heard_resync_begin(a->heard);
                tell_resync_begin(a->tell);
        }
        for (size_t i = 0; i < b->n_account_data; i++) {
                const char *type = b->account_data[i].type;
                const json_t *content = b->account_data[i].content;

                if (!tell_take(a->tell, type, content, answer->now) &&
                    heard_take(a->heard, type, content, age_of(content, answer), answer->now))
                        changed = true;
        }
        if (answer->initial && heard_resync_end(a->heard))
                changed = true;
        tell_set_heard(a->tell, heard_any(a->heard));
        if (answer->initial)
                tell_resync_end(a->tell);
        tell_refresh(a->tell);
        if (changed)
                tell_drivers_of_machines(a, answer->now);
}

static void on_sync_touched(void *userdata) {
        touch(userdata);
}

static bool on_answer(void *userdata, const struct sync_answer *answer) {
        struct account *a = userdata;
        const struct sync_batch *b = answer->batch;
        bool concerned;

        if (b->overflow)
                log_warning("Account %s: more than %d events in one answer, ignoring the rest", a->name,
                            SYNC_EVENTS_MAX);
        concerned = apply(a, answer);
        take_account_data(a, answer);
        a->catching_up = false;
        outputs_answered(a, answer);
        /* Whether there is a call by what has come is known with the last of several answers: the place from which a
         * restart looks must not be behind its beginning. */
        if (answer->moves && !answer->more)
                a->handler.position(a->handler.userdata, b->next_batch, answer->now, answer->wall);
        a->answered_at = answer->now;
        backoff_reset(&a->backoff);
        if (a->facts_at > 0 && answer->now > usec_add(a->facts_at, FACTS_AGE))
                a->ask_aside = true;
        touch(a);
        if (answer->more)
                return concerned; /* what came since the position is still on its way */
        if (a->state != ACCOUNT_ONLINE) {
                set_state(a, ACCOUNT_ONLINE, NULL, USEC_NEVER);
                for (size_t i = 0; i < a->n_outputs; i++)
                        driver_reconnected(a->outputs[i].driver);
        }
        return concerned;
}

static size_t on_rooms(void *userdata, const char **ret, size_t max) {
        const struct account *a = userdata;

        return kinds_rooms(a->kinds, ret, max);
}

static void on_position_lost(void *userdata) {
        struct account *a = userdata;

        log_info("Account %s: the server does not know our position any more, starting over", a->name);
        a->handler.position(a->handler.userdata, NULL, a->now, a->wall);
}

static void on_sync_failed(void *userdata, const struct matrix_reply *reply) {
        failed(userdata, reply, reply->now);
}

/* ---- attempts ---- */

static void go(struct account *a, bool gap, usec_t now) {
        usec_t silent = now - a->answered_at;

        if (a->answered_at > 0 && silent > SYNC_GAP_MAX)
                sync_forget_position(a->sync);
        else if (gap || (a->answered_at > 0 && silent > SYNC_STALE))
                sync_resync(a->sync);
        set_state_keeping_problem(a, ACCOUNT_SYNCING);
        outputs_reconnected(a, now);
        sync_go(a->sync);
}

static bool facts_fit(struct account *a, usec_t now) {
        a->doubted = false;
        if (streq(a->facts.user_id, a->user_id)) {
                backoff_reset(&a->final_backoff);
                return true;
        }
        sync_stop(a->sync);
        set_state(
                a, ACCOUNT_BROKEN,
                sentence("the session of account %s belongs to %s, not to %s: log in again with \"busyctl login %s\"",
                         a->name, a->facts.user_id, a->user_id, a->name),
                final_time(a, now));
        return false;
}

static void take_facts(struct account *a, const struct probe_facts *facts, usec_t now) {
        a->facts = *facts;
        a->facts_at = now;
        a->endpoint.known = true;
        tell_set_device(a->tell, a->facts.device_id);
        outputs_configured(a, now);
}

/* Asked along with other traffic: only what it tells counts, unless that is the end of the session. */
static void on_asked_aside(struct account *a, const struct matrix_reply *failure, const struct probe_facts *facts,
                           usec_t now) {
        if (facts) {
                take_facts(a, facts, now);
                (void) facts_fit(a, now);
        } else if (failure->outcome == MATRIX_SIGNED_OUT)
                failed(a, failure, now);
        touch(a);
}

static void on_probed(const struct matrix_reply *failure, const struct probe_facts *facts, void *userdata) {
        struct account *a = userdata;
        bool aside = a->state != ACCOUNT_CONNECTING;
        usec_t now = failure ? failure->now : facts->now;

        if (aside)
                on_asked_aside(a, failure, facts, now);
        else if (failure)
                failed(a, failure, now);
        else {
                take_facts(a, facts, now);
                if (facts_fit(a, now))
                        go(a, /* gap= */ false, now);
        }
        a->probe = probe_free(a->probe);
}

static void try_connect(struct account *a, usec_t now) {
        int r;

        set_state_keeping_problem(a, ACCOUNT_CONNECTING);
        r = probe_start(&a->probe, a->client, on_probed, a);
        if (r < 0)
                failed_errno(a, r, now);
}

static bool facts_are_fresh(const struct account *a, usec_t now) {
        return a->facts_at > 0 && streq(a->facts.user_id, a->user_id) && now - a->facts_at < FACTS_FRESH;
}

static void try_now(struct account *a, bool gap, bool ask, usec_t now) {
        a->probe = probe_free(a->probe);
        sync_stop(a->sync);
        a->doubted = a->suspect || is_final(a);
        if (gap)
                sync_resync(a->sync);
        if (!ask && facts_are_fresh(a, now))
                go(a, gap, now);
        else
                try_connect(a, now);
}

static void drivers_try_again(struct account *a) {
        for (size_t i = 0; i < a->n_outputs; i++)
                driver_try_again(a->outputs[i].driver);
}

void account_wake(struct account *a, bool gap, usec_t now) {
        if (!a->begun)
                return;
        backoff_reset(&a->backoff);
        backoff_reset(&a->final_backoff);
        drivers_try_again(a);
        if (gap)
                kinds_doubt(a->kinds);
        try_now(a, gap, /* ask= */ is_final(a), now);
}

void account_retry_now(struct account *a, usec_t now) {
        backoff_reset(&a->backoff);
        backoff_reset(&a->final_backoff);
        drivers_try_again(a);
        if (a->state == ACCOUNT_ONLINE || a->state == ACCOUNT_SYNCING)
                a->ask_aside = true;
        else if (a->state != ACCOUNT_CONNECTING)
                try_now(a, /* gap= */ false, /* ask= */ true, now);
        touch(a);
}

/* A session that has ended is asked about again only where something is at stake: what is owed there or should be
 * shown, or a call of which nobody tells any more. */
static usec_t due_at(const struct account *a) {
        bool at_stake = account_owes(a) || a->n_calls > 0 || a->busy;

        return a->state == ACCOUNT_SIGNED_OUT && !at_stake ? USEC_NEVER : a->retry_at;
}

/* What is due of the connection itself. */
static void run_connection(struct account *a, usec_t now) {
        if (!a->begun) {
                a->begun = true;
                try_connect(a, now);
        }
        if (a->suspect && !is_final(a) && !a->doubted && now >= a->doubt_at) {
                if (now >= usec_add(a->doubt_at, FINAL_MAX))
                        backoff_reset(&a->doubt_backoff);
                a->doubt_at = usec_add(now, backoff_next(&a->doubt_backoff, draw(a)));
                try_now(a, /* gap= */ false, /* ask= */ true, now);
        } else if (now >= due_at(a))
                try_now(a, /* gap= */ false, /* ask= */ is_final(a), now);
        else if (a->ask_aside && a->state == ACCOUNT_ONLINE && !a->probe) {
                a->ask_aside = false;
                if (probe_start(&a->probe, a->client, on_probed, a) < 0)
                        log_debug("Account %s: the server cannot be asked again what it is", a->name);
        }
        a->suspect = false;
}

/* ---- what the claims ask of the rest ---- */

static void door_touched(void *userdata) {
        touch(userdata);
}

/* One request was told that the session has ended, or is locked: whether that is so, the server says when asked. */
static void door_doubt(void *userdata) {
        struct account *a = userdata;

        a->suspect = true;
        touch(a);
}

static void door_refused(void *userdata, const struct output_result *result) {
        door_doubt(userdata);
}

static void door_tell(void *userdata, const char *output, const struct claim_other *claim) {
        struct account *a = userdata;

        tell_set(a->tell, output, claim);
}

static bool door_is_telling(void *userdata) {
        struct account *a = userdata;

        return tell_is_pending(a->tell);
}

static void door_hear(void *userdata) {
        struct account *a = userdata;

        if (heard_any(a->heard) && sync_catch_up(a->sync))
                a->catching_up = true;
}

static bool door_is_hearing(void *userdata) {
        const struct account *a = userdata;

        return a->catching_up;
}

static bool door_is_machine(void *userdata, const char *device_id) {
        const struct account *a = userdata;

        return heard_has(a->heard, device_id);
}

/* Before the server is known, how it behaves is not, and nothing can be done right. */
static bool can_act(const struct account *a) {
        return a->endpoint.known && !is_final(a) && !a->doubted && a->state != ACCOUNT_LOCKED;
}

static void apply_poll(struct account *a) {
        struct output_poll all = { .counted = false };

        for (size_t i = 0; i < a->n_outputs; i++) {
                const struct output *o = a->outputs[i].output;
                struct output_poll one = { .counted = false };

                if (o->kind->poll)
                        o->kind->poll(o, &one);
                all.own_presence = all.own_presence || one.own_presence;
                all.counted = all.counted || one.counted;
                all.soon = all.soon || one.soon;
        }
        sync_set_options(a->sync, &(struct sync_options){
                                          .poll_timeout = a->settings.poll_timeout,
                                          .poll_pause = a->expecting ? 0 : a->settings.poll_pause,
                                          .own_presence = all.own_presence,
                                          .account_data = a->facts.traits->filters_by_prefix ? ENTRY_TYPE : NULL,
                                          .while_idle = a->facts.traits->while_idle,
                                          .while_held = a->facts.traits->while_held,
                                          .idle_if_refused = a->facts.traits->idle_if_refused,
                                          .held_if_refused = a->facts.traits->held_if_refused,
                                  });
        sync_set_held(a->sync, all.counted, all.soon);
}

static void tell_calls(struct account *a, const struct account_situation *s, usec_t now) {
        if (s->n_calls != a->n_calls || s->n_announced != a->n_announced)
                for (size_t i = 0; i < a->n_outputs; i++)
                        driver_calls_changed(a->outputs[i].driver, s->n_announced < a->n_announced, now);
        a->n_calls = s->n_calls;
        a->n_announced = s->n_announced;
}

static void run_claims(struct account *a, bool may, usec_t now) {
        bool again = true, shared = false;

        for (unsigned round = 0; again && round < ROUNDS_MAX; round++) {
                again = false;
                apply_poll(a);
                for (size_t i = 0; i < a->n_outputs; i++)
                        again = driver_step(a->outputs[i].driver, may, now) || again;
        }
        for (size_t i = 0; i < a->n_outputs; i++)
                shared = shared || driver_is_shared(a->outputs[i].driver);
        a->expecting = shared;
        apply_poll(a);
}

/* Returns whether what is seen of the server has changed, so that the claims have something to look at. */
static bool run_poll(struct account *a, usec_t now, usec_t *ret_deadline) {
        enum sync_sight before = a->sight;

        *ret_deadline = sync_run(a->sync, now);
        if (sync_error(a->sync) < 0 && (a->state == ACCOUNT_ONLINE || a->state == ACCOUNT_SYNCING))
                failed_errno(a, sync_error(a->sync), now);
        a->sight = sync_sight(a->sync);
        if (a->sight == before || a->sight == SYNC_ASKING)
                return false;
        outputs_watching(a, a->sight == SYNC_WATCHING, now);
        return true;
}

static void learn(struct account *a) {
        for (size_t i = 0; i < a->n_outputs; i++) {
                const struct output *o = a->outputs[i].output;

                if (a->endpoint.sticks || !o->kind->sticks || !o->kind->sticks(o))
                        continue;
                a->endpoint.sticks = true;
                a->handler.learned(a->handler.userdata);
        }
}

usec_t account_run(struct account *a, const struct account_situation *s, usec_t now) {
        const struct driver_want want = { .busy = s->busy, .message = s->message, .now = now, .wall = s->wall };
        bool may;
        usec_t wake_at, poll_at;

        a->now = now;
        a->wall = s->wall;
        a->busy = s->busy;
        run_connection(a, now);
        wake_at = kinds_run(a->kinds, now);
        if (heard_expire(a->heard, now))
                tell_drivers_of_machines(a, now);
        for (size_t i = 0; i < a->n_outputs && s->acts; i++)
                driver_set_want(a->outputs[i].driver, &want);
        tell_calls(a, s, now);
        may = s->acts && can_act(a);
        run_claims(a, may, now);
        if (run_poll(a, now, &poll_at))
                run_claims(a, may, now);
        wake_at = usec_min(wake_at, poll_at);
        wake_at = usec_min(wake_at, tell_run(a->tell, now, s->wall));
        for (size_t i = 0; i < a->n_outputs; i++)
                wake_at = usec_min(wake_at, driver_deadline(a->outputs[i].driver));
        wake_at = usec_min(wake_at, heard_deadline(a->heard));
        learn(a);
        return usec_min(wake_at, due_at(a));
}

/* ---- settings ---- */

static int copy_settings(struct account *a, const struct account_settings *settings) {
        char *message = strdup(settings->message ? settings->message : "");

        if (!message)
                return -ENOMEM;
        free(a->message);
        a->message = message;
        a->settings = *settings;
        a->settings.message = message;
        return 0;
}

int account_set_settings(struct account *a, const struct account_settings *settings, usec_t now) {
        int r = copy_settings(a, settings);

        if (r < 0)
                return r;
        kinds_set_call_cap(a->kinds, a->settings.call_cap);
        outputs_configured(a, now);
        touch(a);
        return 0;
}

static void forget_appservice(struct account *a) {
        if (a->appservice)
                explicit_bzero(a->appservice, strlen(a->appservice));
        free(a->appservice);
        a->appservice = NULL;
}

int account_set_appservice(struct account *a, const char *token, usec_t now) {
        char *copy = token ? strdup(token) : NULL;

        if (token && !copy)
                return -ENOMEM;
        forget_appservice(a);
        a->appservice = copy;
        a->endpoint.appservice = copy;
        outputs_configured(a, now);
        touch(a);
        return 0;
}

/* ---- the object ---- */

static int start_kinds(struct account *a, const struct call_sink *sink) {
        SCOPED(free) char *source = sentence("matrix/%s", a->name);

        if (!source)
                return -ENOMEM;
        return kinds_new(&a->kinds,
                         &(struct kind_context){
                                 .me = a->user_id, .source = source, .sink = sink, .call_cap = a->settings.call_cap });
}

static int start_sync(struct account *a, const char *since) {
        SCOPED(json_decref) json_t *messages = kinds_message_types_new(), *state = kinds_state_types_new();
        SCOPED(json_decref) json_t *in_call = kinds_in_call_types_new();

        if (!messages || !state || !in_call)
                return -ENOMEM;
        a->sync_handler = (struct sync_handler){ .touched = on_sync_touched,
                                                 .answer = on_answer,
                                                 .position_lost = on_position_lost,
                                                 .failed = on_sync_failed,
                                                 .rooms = on_rooms,
                                                 .random = draw,
                                                 .userdata = a };
        return sync_new(&a->sync, a->client, a->user_id, since,
                        &(struct sync_wants){ .messages = messages, .state = state, .in_call = in_call },
                        &a->sync_handler);
}

static int start_outputs(struct account *a, const struct claim_journal *journal) {
        const struct driver_doors doors = {
                .account = a->name,
                .journal = journal,
                .random = draw,
                .touched = door_touched,
                .refused = door_refused,
                .tell = door_tell,
                .is_telling = door_is_telling,
                .hear = door_hear,
                .is_hearing = door_is_hearing,
                .userdata = a,
        };

        for (const struct output_kind *const *k = outputs; *k; k++) {
                struct account_output *o = &a->outputs[a->n_outputs];
                int r = (*k)->make(&o->output, &a->endpoint);

                if (r < 0)
                        return r;
                a->n_outputs++;
                r = driver_new(&o->driver, o->output, &doors);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int start_parts(struct account *a, struct http *http, const struct account_options *o) {
        int r = matrix_client_new(&a->client, http, o->homeserver, o->access_token);

        if (r >= 0)
                r = start_kinds(a, o->sink);
        if (r >= 0)
                r = heard_new(&a->heard);
        if (r >= 0)
                r = tell_new(&a->tell, a->client, a->user_id,
                             &(struct tell_handler){ .told = door_touched, .random = draw, .userdata = a });
        if (r >= 0)
                r = start_sync(a, o->since);
        if (r < 0)
                return r;
        a->endpoint = (struct output_endpoint){
                .http = http,
                .client = a->client,
                .user_id = a->user_id,
                .facts = &a->facts,
                .settings = &a->settings,
                .sticks = o->sticks,
                .is_machine = door_is_machine,
                .doubt = door_doubt,
                .touched = door_touched,
                .userdata = a,
        };
        return start_outputs(a, o->journal);
}

int account_new(struct account **ret, struct http *http, const struct account_options *options,
                const struct account_handler *handler) {
        SCOPED(account_free) struct account *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->handler = *handler;
        a->random = options->random;
        a->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_MAX };
        a->final_backoff = (struct backoff){ .first = FINAL_FIRST, .cap = FINAL_MAX };
        a->doubt_backoff = (struct backoff){ .first = FINAL_FIRST, .cap = FINAL_MAX };
        a->facts.traits = server_traits_find(NULL, NULL);
        a->retry_at = USEC_NEVER;
        a->name = strdup(options->name);
        a->user_id = strdup(options->user_id);
        a->homeserver = strdup(options->homeserver);
        if (!a->name || !a->user_id || !a->homeserver)
                return -ENOMEM;
        (void) snprintf(a->facts.device_id, sizeof(a->facts.device_id), "%s", options->device_id);
        r = copy_settings(a, options->settings);
        if (r < 0)
                return r;
        r = start_parts(a, http, options);
        if (r < 0)
                return r;
        *ret = TAKE(a);
        return 0;
}

struct account *account_free(struct account *a) {
        if (!a)
                return NULL;
        for (size_t i = 0; i < a->n_outputs; i++) {
                driver_free(a->outputs[i].driver);
                output_free(a->outputs[i].output);
        }
        probe_free(a->probe);
        sync_free(a->sync);
        kinds_free(a->kinds);
        tell_free(a->tell);
        heard_free(a->heard);
        matrix_client_free(a->client);
        forget_appservice(a);
        free(a->name);
        free(a->homeserver);
        free(a->user_id);
        free(a->message);
        free(a->problem);
        free(a);
        return NULL;
}

const char *account_name(const struct account *a) {
        return a->name;
}

const char *account_user_id(const struct account *a) {
        return a->user_id;
}

const char *account_device_id(const struct account *a) {
        return a->facts.device_id;
}

const char *account_homeserver(const struct account *a) {
        return matrix_client_base_url(a->client);
}

const char *account_server(const struct account *a) {
        return a->facts.server;
}

enum account_state account_state(const struct account *a) {
        return a->state;
}

const char *account_problem(const struct account *a) {
        return a->problem ? a->problem : "";
}

usec_t account_retry_at(const struct account *a) {
        return due_at(a);
}

bool account_is_settled(const struct account *a) {
        return a->settled;
}

bool account_owes(const struct account *a) {
        for (size_t i = 0; i < a->n_outputs; i++)
                if (driver_owes(a->outputs[i].driver))
                        return true;
        return false;
}

bool account_owes_itself(const struct account *a) {
        for (size_t i = 0; i < a->n_outputs; i++)
                if (driver_owes(a->outputs[i].driver) && !driver_is_shared(a->outputs[i].driver))
                        return true;
        return false;
}

bool account_is_at_rest(const struct account *a) {
        if (!a->endpoint.known || is_final(a))
                return true;
        for (size_t i = 0; i < a->n_outputs; i++)
                if (!driver_is_at_rest(a->outputs[i].driver))
                        return false;
        return true;
}

bool account_report(struct account *a, size_t i, struct driver_report *ret) {
        if (i >= a->n_outputs)
                return false;
        driver_report(a->outputs[i].driver, ret);
        return true;
}
