/* One Matrix account: what state it is in, when it tries again, and who hears of what. Connecting, polling and
 * observing are done by connect.c, sync.c and kinds.c.
 *
 *   connecting -> syncing -> online
 *   any failure -> waiting (or locked, broken) -> connecting or syncing
 *   the session ended -> signed out, until there is a new account object with a new session */
#include "matrix/account.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/backoff.h"
#include "matrix/machines/tell.h"
#include "matrix/server/probe.h"
#include "matrix/calls/kinds.h"
#include "matrix/outputs/presence.h"
#include "matrix/sync/sync.h"
#include "state/secret.h"
#include "util/clock.h"
#include "json/json.h"
#include "util/log.h"

#define RETRY_FIRST  USEC_PER_SEC
#define RETRY_MAX    (5 * USEC_PER_MIN)
#define LOCKED_RETRY (5 * USEC_PER_MIN)

/* A server that was away for so long after we asked what it is may have been upgraded. */
#define FACTS_FRESH USEC_PER_HOUR

struct account {
        char *name, *user_id, *message;
        struct account_settings settings;
        const struct account_handler *handler;

        struct http *http;
        struct matrix_client *client;
        struct cure *cure;
        struct kinds *kinds;
        struct heard *heard;
        struct tell *tell;
        struct sync *sync;
        struct sync_handler sync_handler;
        struct connect *connect;
        struct http_request *presence_request;
        sd_event_source *timer, *turn;
        enum sync_sight sight; /* as the last turn left it */
        bool answered;         /* since then */
        usec_t wall_ahead;     /* of CLOCK_BOOTTIME, by the last answer */

        enum account_state state;
        char *problem;
        usec_t retry_at;
        struct backoff backoff;

        struct connect_facts facts;
        usec_t facts_at;    /* 0: never */
        usec_t answered_at; /* by /sync; 0: never */
        bool started, settled, held, watching, expecting, catching_up;
        struct presence_watch presence;
        usec_t held_at, live_first, live_last; /* how that was when the claim began to be held */
        char written[CLAIM_STATE_MAX];         /* the state written last; "": none yet */
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

/* There is something for account_run() to do. */
static void touch(struct account *a) {
        (void) sd_event_source_set_enabled(a->turn, SD_EVENT_ONESHOT);
}

/* Takes the problem. */
static void set_state(struct account *a, enum account_state state, char *problem, usec_t retry_at) {
        const char *before = a->problem ? a->problem : "", *after = problem ? problem : "";
        bool same = a->state == state && a->retry_at == retry_at && streq(before, after);

        if (a->state != state)
                log_debug("Account %s: %s -> %s", a->name, account_state_to_string(a->state),
                          account_state_to_string(state));
        a->state = state;
        free(a->problem);
        a->problem = problem;
        a->retry_at = retry_at;
        touch(a);
        if (!same)
                a->handler->changed(a->handler->userdata, a);
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

static usec_t retry_time(struct account *a, usec_t at_least) {
        usec_t wait = backoff_next(&a->backoff, random_u32());

        if (at_least != USEC_NEVER && at_least > wait)
                wait = at_least;
        return usec_add(clock_now(), wait);
}

static void signed_out(struct account *a) {
        sync_stop(a->sync);
        sync_forget_position(a->sync);
        a->handler->position(a->handler->userdata, a, NULL);
        set_state(a, ACCOUNT_SIGNED_OUT,
                  sentence("the server has ended the session of %s: log in again with \"busyctl login %s\"",
                           a->user_id, a->name),
                  USEC_NEVER);
}

/* Before it ever worked the address is wrong; afterwards a captive portal or a proxy in trouble answers. */
static void not_matrix(struct account *a, const struct matrix_reply *reply) {
        char *problem = sentence("%s: %s", matrix_client_base_url(a->client), reply->problem);

        if (a->facts_at > 0)
                set_state(a, ACCOUNT_WAITING, problem, retry_time(a, reply->retry_after));
        else
                set_state(a, ACCOUNT_BROKEN, problem, usec_add(clock_now(), RETRY_MAX));
}

static void failed(struct account *a, const struct matrix_reply *reply) {
        a->catching_up = false;
        switch (reply->outcome) {
        case MATRIX_SIGNED_OUT:
                signed_out(a);
                break;
        case MATRIX_LOCKED:
                set_state(a, ACCOUNT_LOCKED,
                          sentence("the server's administrator has locked %s: ask them", a->user_id),
                          usec_add(clock_now(), LOCKED_RETRY));
                break;
        case MATRIX_NOT_MATRIX:
                not_matrix(a, reply);
                break;
        case MATRIX_OK:
        case MATRIX_RETRY:
        case MATRIX_UNSURE:
        case MATRIX_REFUSED:
        case MATRIX_NOT_FOUND:
        case MATRIX_UNRECOGNIZED:
        case MATRIX_BAD_TOKEN_POS:
        case MATRIX_BAD_FILTER:
                set_state(a, ACCOUNT_WAITING, sentence("%s", reply->problem), retry_time(a, reply->retry_after));
                break;
        }
}

static void failed_errno(struct account *a, int error) {
        failed(a, &(struct matrix_reply){
                          .outcome = MATRIX_RETRY, .problem = strerror(-error), .retry_after = USEC_NEVER });
}

/* ---- own presence ---- */

static bool presence_wanted(const struct account *a) {
        return a->settings.presence != PRESENCE_OFF;
}

static bool presence_pushed(const struct account *a) {
        return presence_wanted(a) && a->facts.traits->pushes_own_presence;
}

static void tell_presence(struct account *a) {
        if (a->presence.shown_known)
                a->handler->presence_seen(a->handler->userdata, a, &a->presence.shown);
}

static void unsure(struct account *a) {
        a->handler->presence_unsure(a->handler->userdata, a);
}

/* By us, or by another machine of ours. */
static bool is_held(const struct account *a) {
        return a->held || heard_holds(a->heard, PRESENCE_OUTPUT);
}

/* A value that no claim can hold is left unknown: a read says what is wrong with it. */
static void presence_arrived(struct account *a, const char *presence, const char *status_msg) {
        struct claim_value v;

        if (presence_value(&v, presence, status_msg) < 0) {
                a->presence.shown_known = false;
                unsure(a);
                return;
        }
        presence_watch_seen(&a->presence, &v, is_held(a), clock_now());
        tell_presence(a);
}

static void on_presence(const struct matrix_reply *reply, void *userdata) {
        struct account *a = userdata;

        a->presence_request = NULL;
        if (reply->outcome == MATRIX_OK)
                presence_arrived(a, json_member_string(reply->body, "presence"),
                                 json_member_string(reply->body, "status_msg"));
        else
                return; /* whoever needs it asks again */
        if (!a->watching)
                unsure(a);
}

/* The first answer of /sync leaves out who is offline: the value to start with comes from a request of its own. */
static void ask_presence(struct account *a) {
        int r;

        if (!presence_wanted(a) || a->presence_request)
                return;
        r = matrix_presence_get(a->client, a->user_id, on_presence, a, &a->presence_request);
        if (r < 0)
                log_debug("Cannot ask for the presence of account %s: %s", a->name, strerror(-r));
}

static void forget_presence(struct account *a) {
        a->presence_request = http_request_free(a->presence_request);
        a->presence.shown_known = false;
}

void account_presence_read(struct account *a, const struct claim_value *v) {
        presence_watch_seen(&a->presence, v, is_held(a), clock_now());
}

/* ---- the poll ---- */

/* A poll that counts would show a user as present of whom only the message is claimed. */
static bool state_is_claimed(const struct account *a) {
        if (*a->written)
                return streq(a->written, PRESENCE_STATE_BUSY) || streq(a->written, PRESENCE_STATE_UNAVAILABLE);
        return a->settings.presence != PRESENCE_STATUS;
}

/* Without a counted poll `unavailable` ends within 30 s; a busy lasts until the next poll. */
static void update_held(struct account *a) {
        bool fallback = !a->facts.versions.busy_presence || streq(a->written, PRESENCE_STATE_UNAVAILABLE);

        touch(a);
        sync_set_held(a->sync, a->held && state_is_claimed(a), fallback);
}

static void update_options(struct account *a) {
        touch(a);
        sync_set_options(a->sync, &(struct sync_options){
                                          .poll_timeout = a->settings.poll_timeout,
                                          .poll_pause = a->expecting ? 0 : a->settings.poll_pause,
                                          .own_presence = presence_pushed(a),
                                          .account_data = a->facts.traits->filters_by_prefix ? ENTRY_TYPE : NULL,
                                          .while_idle = a->facts.traits->while_idle,
                                          .while_held = a->facts.traits->while_held,
                                  });
}

void account_presence_written(struct account *a, const char *state) {
        a->presence_request = http_request_free(a->presence_request);
        presence_watch_written(&a->presence);
        (void) snprintf(a->written, sizeof(a->written), "%s", state);
        update_held(a);
}

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

/* ---- the user's other machines ---- */

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
                a->handler->others_changed(a->handler->userdata, a);
}

static void on_told(void *userdata) {
        struct account *a = userdata;

        touch(a);
        a->handler->changed(a->handler->userdata, a);
}

const struct heard *account_heard(const struct account *a) {
        return a->heard;
}

size_t account_others(const struct account *a, const char *output, struct claim_other ret[HEARD_MAX]) {
        return heard_claims(a->heard, output, a->facts.device_id, ret);
}

usec_t account_others_deadline(const struct account *a) {
        return heard_deadline(a->heard);
}

void account_expire_others(struct account *a, usec_t now) {
        if (heard_expire(a->heard, now))
                a->handler->others_changed(a->handler->userdata, a);
}

void account_tell_others(struct account *a, const char *output, const struct claim_other *claim) {
        touch(a);
        tell_set(a->tell, output, claim);
}

void account_expect_others(struct account *a, bool expecting) {
        if (a->expecting == expecting)
                return;
        a->expecting = expecting;
        update_options(a);
}

bool account_is_telling(const struct account *a) {
        return tell_is_pending(a->tell);
}

void account_catch_up(struct account *a) {
        if (!heard_any(a->heard) || !sync_catch_up(a->sync))
                return;
        a->catching_up = true;
        touch(a);
}

bool account_is_catching_up(const struct account *a) {
        return a->catching_up;
}

static void caught_up(struct account *a) {
        if (!a->catching_up)
                return;
        a->catching_up = false;
        a->handler->changed(a->handler->userdata, a);
}

/* ---- answers ---- */

static bool on_answer(void *userdata, const struct sync_answer *answer) {
        struct account *a = userdata;
        const struct sync_batch *b = answer->batch;
        bool concerned;

        if (b->overflow)
                log_warning("Account %s: more than %d events in one answer, ignoring the rest", a->name,
                            SYNC_EVENTS_MAX);
        a->answered = true;
        a->wall_ahead = answer->wall - answer->now;
        touch(a);
        concerned = apply(a, answer);
        take_account_data(a, answer);
        caught_up(a);
        if (answer->initial) {
                forget_presence(a);
                ask_presence(a);
        }
        if (b->own_presence && presence_pushed(a)) {
                a->presence_request = http_request_free(a->presence_request);
                presence_arrived(a, b->presence, b->status_msg);
        }
        if (answer->moves)
                a->handler->position(a->handler->userdata, a, b->next_batch);
        a->answered_at = answer->now;
        backoff_reset(&a->backoff);
        if (answer->more)
                return concerned; /* what came since the position is still on its way */
        set_state(a, ACCOUNT_ONLINE, NULL, USEC_NEVER);
        if (!a->settled) {
                a->settled = true;
                a->handler->settled(a->handler->userdata, a);
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
        a->handler->position(a->handler->userdata, a, NULL);
}

static void on_touched(void *userdata) {
        touch(userdata);
}

static void on_sync_failed(void *userdata, const struct matrix_reply *reply) {
        failed(userdata, reply);
}

/* After sync has done what was due. An answer may have brought news while nothing was watched yet: blindness is told
 * in any case. */
static void look(struct account *a) {
        enum sync_sight before = a->sight;
        bool answered = a->answered;

        a->sight = sync_sight(a->sync);
        a->answered = false;
        if (a->sight == SYNC_ASKING || (a->sight == before && !(a->sight == SYNC_BLIND && answered)))
                return;
        a->watching = a->sight == SYNC_WATCHING && presence_pushed(a);
        if (a->sight == SYNC_BLIND)
                unsure(a);
        else if (a->watching)
                tell_presence(a);
        else if (a->held && state_is_claimed(a) && a->facts.traits->sync_erases_busy && a->handler->presence_erased)
                a->handler->presence_erased(a->handler->userdata, a);
}

/* ---- attempts ---- */

static void go(struct account *a, bool gap) {
        usec_t silent = clock_now() - a->answered_at;

        if (a->answered_at > 0 && silent > SYNC_GAP_MAX)
                sync_forget_position(a->sync);
        else if (gap || (a->answered_at > 0 && silent > SYNC_STALE))
                sync_resync(a->sync);
        set_state_keeping_problem(a, ACCOUNT_SYNCING);
        if (a->cure)
                cure_check(a->cure);
        if (!sync_is_resyncing(a->sync))
                ask_presence(a);
        sync_go(a->sync);
        touch(a);
}

static bool facts_fit(struct account *a) {
        if (streq(a->facts.user_id, a->user_id))
                return true;
        set_state(
                a, ACCOUNT_BROKEN,
                sentence("the session of account %s belongs to %s, not to %s: log in again with \"busyctl login %s\"",
                         a->name, a->facts.user_id, a->user_id, a->name),
                USEC_NEVER);
        return false;
}

static void on_connected(const struct matrix_reply *failure, const struct connect_facts *facts, void *userdata) {
        struct account *a = userdata;

        if (facts) {
                a->facts = *facts;
                a->facts_at = clock_now();
        }
        if (failure)
                failed(a, failure);
        a->connect = connect_free(a->connect);
        if (failure || !facts_fit(a))
                return;
        tell_set_device(a->tell, a->facts.device_id);
        update_options(a);
        update_held(a);
        a->handler->changed(a->handler->userdata, a);
        go(a, /* gap= */ false);
}

static void try_connect(struct account *a) {
        int r;

        set_state_keeping_problem(a, ACCOUNT_CONNECTING);
        r = connect_start(&a->connect, a->client, on_connected, a);
        if (r < 0)
                failed_errno(a, r);
}

static bool facts_are_fresh(const struct account *a) {
        return a->facts_at > 0 && streq(a->facts.user_id, a->user_id) && clock_now() - a->facts_at < FACTS_FRESH;
}

static void try_now(struct account *a, bool gap) {
        a->connect = connect_free(a->connect);
        sync_stop(a->sync);
        if (gap)
                sync_resync(a->sync);
        if (facts_are_fresh(a))
                go(a, gap);
        else
                try_connect(a);
}

static usec_t account_run(struct account *a, usec_t now) {
        usec_t next;

        if (a->retry_at <= now)
                try_now(a, /* gap= */ false);
        next = sync_run(a->sync, now);
        if (sync_error(a->sync) < 0 && a->state == ACCOUNT_SYNCING)
                failed_errno(a, sync_error(a->sync));
        look(a);
        next = usec_min(next, kinds_run(a->kinds, now));
        next = usec_min(next, tell_run(a->tell, now, now + a->wall_ahead));
        return usec_min(next, a->retry_at);
}

static void run(struct account *a) {
        usec_t at = account_run(a, clock_now());
        int r = sd_event_source_set_time(a->timer, at);

        if (r >= 0)
                r = sd_event_source_set_enabled(a->timer, at == USEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Cannot set the timer of account %s: %s", a->name, strerror(-r));
}

static int on_turn(sd_event_source *source, void *userdata) {
        run(userdata);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        run(userdata);
        return 0;
}

int account_start(struct account *a) {
        a->started = true;
        try_connect(a);
        return 0;
}

void account_wake(struct account *a, bool gap) {
        if (!a->started || a->state == ACCOUNT_SIGNED_OUT)
                return;
        backoff_reset(&a->backoff);
        a->presence_request = http_request_free(a->presence_request);
        try_now(a, gap);
}

void account_set_held(struct account *a, bool held) {
        if (a->held == held)
                return;
        if (held) {
                a->held_at = clock_now();
                presence_watch_live(&a->presence, a->watching, a->held_at, &a->live_first, &a->live_last);
                a->presence.broken = true;
        }
        a->held = held;
        update_held(a);
}

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

int account_set_settings(struct account *a, const struct account_settings *settings) {
        bool wanted = presence_wanted(a);
        int r = copy_settings(a, settings);

        if (r < 0)
                return r;
        kinds_set_call_cap(a->kinds, a->settings.call_cap);
        update_options(a);
        update_held(a);
        if (!wanted && a->answered_at > 0)
                ask_presence(a);
        a->handler->changed(a->handler->userdata, a);
        return 0;
}

/* ---- tokens besides the session's ---- */

static void on_cure_checked(void *userdata) {
        struct account *a = userdata;

        a->handler->changed(a->handler->userdata, a);
}

static int set_appservice(struct account *a, const char *token) {
        int r;

        if (token && a->cure && cure_has_token(a->cure, token)) {
                cure_check(a->cure);
                return 0;
        }
        a->cure = cure_free(a->cure);
        if (!token)
                return 0;
        r = cure_new(&a->cure, a->http, matrix_client_base_url(a->client), a->user_id, token, on_cure_checked, a);
        if (r >= 0 && account_is_known(a))
                cure_check(a->cure);
        return r;
}

int account_set_tokens(struct account *a, const struct account_tokens *tokens) {
        int r = set_appservice(a, tokens->appservice);

        update_held(a);
        a->handler->changed(a->handler->userdata, a);
        return r;
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
        return sync_new(&a->sync, a->client, a->user_id, since,
                        &(struct sync_wants){ .messages = messages, .state = state, .in_call = in_call },
                        &a->sync_handler);
}

static int start_parts(struct account *a, sd_event *event, struct http *http, const struct session *session,
                       const char *since, const struct call_sink *sink) {
        int r = matrix_client_new(&a->client, http, session->homeserver, session->access_token);

        if (r < 0)
                return r;
        r = start_kinds(a, sink);
        if (r >= 0)
                r = heard_new(&a->heard);
        if (r >= 0)
                r = tell_new(&a->tell, a->client, a->user_id, on_told, a);
        if (r < 0)
                return r;
        r = sd_event_add_time(event, &a->timer, CLOCK_BOOTTIME, 0, 0, on_timer, a);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(a->timer, "matrix-account");
        (void) sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
        r = sd_event_add_defer(event, &a->turn, on_turn, a);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(a->turn, "matrix-account-turn");
        a->retry_at = USEC_NEVER;
        a->sync_handler = (struct sync_handler){ .touched = on_touched,
                                                 .answer = on_answer,
                                                 .position_lost = on_position_lost,
                                                 .rooms = on_rooms,
                                                 .failed = on_sync_failed,
                                                 .userdata = a };
        return start_sync(a, since);
}

int account_new(struct account **ret, sd_event *event, struct http *http, const char *name,
                const struct session *session, const struct account_settings *settings, const char *since,
                const struct call_sink *sink, const struct account_handler *handler) {
        SCOPED(account_free) struct account *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->handler = handler;
        a->http = http;
        a->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_MAX };
        a->facts.traits = server_traits_find(NULL, NULL);
        a->name = strdup(name);
        a->user_id = strdup(session->user_id);
        if (!a->name || !a->user_id)
                return -ENOMEM;
        if (session->device_id)
                (void) snprintf(a->facts.device_id, sizeof(a->facts.device_id), "%s", session->device_id);
        r = copy_settings(a, settings);
        if (r < 0)
                return r;
        r = start_parts(a, event, http, session, since, sink);
        if (r < 0)
                return r;
        update_options(a);
        *ret = TAKE(a);
        return 0;
}

struct account *account_free(struct account *a) {
        if (!a)
                return NULL;
        http_request_free(a->presence_request);
        connect_free(a->connect);
        sync_free(a->sync);
        kinds_free(a->kinds);
        tell_free(a->tell);
        heard_free(a->heard);
        sd_event_source_disable_unref(a->timer);
        sd_event_source_disable_unref(a->turn);
        matrix_client_free(a->client);
        cure_free(a->cure);
        free(a->name);
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

enum account_state account_state(const struct account *a) {
        return a->state;
}

const char *account_problem(const struct account *a) {
        return a->problem ? a->problem : "";
}

usec_t account_retry_at(const struct account *a) {
        return a->retry_at;
}

bool account_is_known(const struct account *a) {
        return a->facts.user_id[0] != '\0';
}

const struct server_traits *account_traits(const struct account *a) {
        return a->facts.traits;
}

const char *account_server(const struct account *a) {
        return a->facts.server;
}

const struct matrix_versions *account_versions(const struct account *a) {
        return &a->facts.versions;
}

const struct profile_support *account_profile(const struct account *a) {
        return &a->facts.profile;
}

struct cure *account_cure(const struct account *a) {
        return a->cure;
}

const struct account_settings *account_settings(const struct account *a) {
        return &a->settings;
}

struct matrix_client *account_client(struct account *a) {
        return a->client;
}

void account_presence_live(const struct account *a, usec_t *ret_first, usec_t *ret_last) {
        usec_t now = clock_now();

        if (!a->held) {
                presence_watch_live(&a->presence, a->watching, now, ret_first, ret_last);
                return;
        }
        *ret_first = a->live_first > 0 ? a->live_first + (now - a->held_at) : 0;
        *ret_last = a->live_last > 0 ? a->live_last + (now - a->held_at) : 0;
}
