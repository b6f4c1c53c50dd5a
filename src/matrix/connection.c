/* The connection of one account.
 *
 *   connecting -> syncing -> online
 *   any failure     -> waiting, locked or (before it ever worked) broken; tried again at retry_at
 *   a 401 anywhere  -> connecting: the server is asked whose the token is
 *   a 401 to that, or to a poll -> signed out; asked again by hand, after a sleep, and while something is at stake:
 * soon at first, at last every ten minutes
 *
 * Facts may change the state by what they say, and leave in `due` what is to be tried; connecting and syncing are
 * entered in connection_next() alone. */
#include "matrix/connection.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/account-settings.h"
#include "core/backoff.h"
#include "matrix/sync/sync.h"
#include "util/log.h"

#define RETRY_FIRST USEC_PER_SEC
#define RETRY_MAX   (5 * USEC_PER_MIN)

/* What answers one request and fails the next works no better than what fails all: each new beginning costs a dozen
 * requests. It is asked again at most 16 s later, and begins anew with short waits after such a time without a
 * failure. */
#define FAILURES_WHILE_REACHED_MAX 4
#define STEADY_AFTER               USEC_PER_MIN

/* A locked account is opened by people: minutes, not seconds. */
#define LOCKED_RETRY (5 * USEC_PER_MIN)

/* No state is final while something is at stake: a server may have lost its sessions for a moment. */
#define FINAL_FIRST USEC_PER_MIN
#define FINAL_MAX   (10 * USEC_PER_MIN)

/* A server that was away for so long after we asked what it is may have been upgraded. */
#define FACTS_FRESH USEC_PER_HOUR

/* What it is may change while it answers all the time: asked again so often, along with other traffic. */
#define FACTS_AGE (6 * USEC_PER_HOUR)

/* What was told of calls holds for so long, and for a moment in which the poll is made anew: a server that is away for
 * a minute changes nothing. */
#define TOLD_HOLDS  (5 * USEC_PER_MIN)
#define ANEW_WITHIN (20 * USEC_PER_SEC)

/* The later one outweighs the earlier ones. */
enum due {
        DUE_NOTHING,
        DUE_POLL, /* the server has told what it is */
        DUE_STOP,
        DUE_TRY, /* asks only if there is a reason to */
        DUE_ASK,
};

struct connection {
        char *account, *homeserver, *user_id;
        uint32_t (*random)(void *userdata);
        void *userdata;

        enum connection_state state;
        enum connection_state told_failure; /* the failure said last; CONNECTION_ONLINE: none is to be taken back */
        char *problem;
        usec_t retry_at; /* USEC_NEVER: not by itself */
        struct backoff backoff, final_backoff;
        usec_t failed_at; /* for the last time; 0: never */
        bool settled;

        enum due due;
        bool gap;         /* the next poll is of a whole state */
        bool probing;     /* the server is being asked */
        bool wants_aside; /* what it is, is to be asked without giving up the poll */

        usec_t asked_at;    /* what the server is */
        usec_t facts_at;    /* when it told; 0: never */
        bool ours;          /* the token was the user's then */
        usec_t answered_at; /* by /sync; 0: never */
        usec_t told_at;     /* ... with the last of what there was; 0: never */
        usec_t online_at;   /* for the last time */

        bool suspect;    /* one request was told that the session has ended: to be asked about */
        bool doubted;    /* ... and is being: nothing is written meanwhile */
        usec_t doubt_at; /* not before then: a server may refuse some requests and say that the session goes on */
        struct backoff doubt_backoff;
};

const char *connection_state_to_string(enum connection_state s) {
        switch (s) {
        case CONNECTION_CONNECTING:
                return "connecting";
        case CONNECTION_SYNCING:
                return "syncing";
        case CONNECTION_ONLINE:
                return "online";
        case CONNECTION_WAITING:
                return "waiting";
        case CONNECTION_LOCKED:
                return "locked";
        case CONNECTION_SIGNED_OUT:
                return "signed-out";
        case CONNECTION_BROKEN:
                return "broken";
        }
        return "broken";
}

static bool is_failure(enum connection_state state) {
        return state == CONNECTION_SIGNED_OUT || state == CONNECTION_LOCKED || state == CONNECTION_BROKEN;
}

/* A failure that goes on is said once, however often it is tried again; waiting for a server is none. */
static void tell_failure(struct connection *c, enum connection_state state, const char *problem) {
        char account[ACCOUNT_NAME_MAX + sizeof("BUSYD_ACCOUNT=")];
        const char *const fields[] = { account, NULL };

        if (state == CONNECTION_ONLINE) {
                if (c->told_failure != CONNECTION_ONLINE)
                        log_info("Account %s is online again", c->account);
                c->told_failure = CONNECTION_ONLINE;
        }
        if (!is_failure(state) || c->told_failure == state)
                return;
        c->told_failure = state;
        (void) snprintf(account, sizeof(account), "BUSYD_ACCOUNT=%s", c->account);
        log_full(LOG_WARNING, LOG_ID_ACCOUNT_FAILED, fields, "Account %s: %s", c->account, problem ? problem : "");
}

/* Takes the problem. */
static void set_state(struct connection *c, enum connection_state state, char *problem, usec_t retry_at) {
        tell_failure(c, state, problem);
        if (c->state != state)
                log_debug("Account %s: %s -> %s", c->account, connection_state_to_string(c->state),
                          connection_state_to_string(state));
        /* Whatever it waits for: it has had its chance to tell of calls. */
        if (state != CONNECTION_CONNECTING && state != CONNECTION_SYNCING)
                c->settled = true;
        c->state = state;
        free(c->problem);
        c->problem = problem;
        c->retry_at = retry_at;
}

/* While an attempt is under way people still want to know what was wrong with the last one. */
static void set_state_keeping_problem(struct connection *c, enum connection_state state) {
        set_state(c, state, TAKE(c->problem), USEC_NEVER);
}

static void make_due(struct connection *c, enum due due) {
        if (c->due < due)
                c->due = due;
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

static usec_t next_wait(struct connection *c, struct backoff *b) {
        return backoff_next(b, c->random(c->userdata));
}

/* The larger of what the server asks for and our own back-off. */
static usec_t retry_time(struct connection *c, const struct matrix_reply *reply) {
        usec_t wait, asked = reply->retry_after;

        if (c->answered_at > c->failed_at && reply->now >= usec_add(c->failed_at, STEADY_AFTER))
                backoff_reset(&c->backoff);
        c->failed_at = reply->now;
        wait = next_wait(c, &c->backoff);
        return usec_add(reply->now, asked != USEC_NEVER && asked > wait ? asked : wait);
}

static void signed_out(struct connection *c, usec_t now) {
        c->doubted = false;
        make_due(c, DUE_STOP);
        set_state(c, CONNECTION_SIGNED_OUT,
                  sentence("the server has ended the session of %s: log in again with \"busyctl login %s\"",
                           c->user_id, c->account),
                  usec_add(now, next_wait(c, &c->final_backoff)));
}

/* Before it ever worked the address is wrong; afterwards a captive portal or a proxy in trouble answers. */
static void not_matrix(struct connection *c, const struct matrix_reply *reply) {
        set_state(c, c->facts_at > 0 ? CONNECTION_WAITING : CONNECTION_BROKEN,
                  sentence("%s: %s", c->homeserver, reply->problem), retry_time(c, reply));
}

static void leave_online(struct connection *c, usec_t now) {
        if (c->state == CONNECTION_ONLINE)
                c->online_at = now;
}

static void failed(struct connection *c, const struct matrix_reply *reply) {
        leave_online(c, reply->now);
        switch (reply->outcome) {
        case MATRIX_SIGNED_OUT:
                signed_out(c, reply->now);
                break;
        case MATRIX_LOCKED:
                set_state(c, CONNECTION_LOCKED,
                          sentence("the server's administrator has locked %s: ask them", c->user_id),
                          usec_add(reply->now, LOCKED_RETRY));
                break;
        case MATRIX_NOT_MATRIX:
                not_matrix(c, reply);
                break;
        case MATRIX_OK:
        case MATRIX_RETRY:
        case MATRIX_UNSURE:
        case MATRIX_REFUSED:
        case MATRIX_NOT_FOUND:
        case MATRIX_UNRECOGNIZED:
        case MATRIX_BAD_TOKEN_POS:
        case MATRIX_BAD_FILTER:
                set_state(c, CONNECTION_WAITING, sentence("%s", reply->problem), retry_time(c, reply));
                break;
        }
}

/* ---- facts ---- */

static bool is_polling(const struct connection *c) {
        return c->state == CONNECTION_SYNCING || c->state == CONNECTION_ONLINE;
}

void connection_probed(struct connection *c, const struct probe_facts *facts) {
        c->probing = false;
        c->doubted = false;
        c->facts_at = facts->now;
        c->ours = streq(facts->user_id, c->user_id);
        if (c->ours) {
                backoff_reset(&c->final_backoff);
                if (c->state == CONNECTION_CONNECTING)
                        make_due(c, DUE_POLL);
                return;
        }
        make_due(c, DUE_STOP);
        leave_online(c, facts->now);
        set_state(
                c, CONNECTION_BROKEN,
                sentence("the session of account %s belongs to %s, not to %s: log in again with \"busyctl login %s\"",
                         c->account, facts->user_id, c->user_id, c->account),
                usec_add(facts->now, next_wait(c, &c->final_backoff)));
}

/* Asked along with the poll, nothing but the end of the session counts: the poll tells of all else. */
void connection_probe_failed(struct connection *c, const struct matrix_reply *reply) {
        c->probing = false;
        if (c->state == CONNECTION_CONNECTING || reply->outcome == MATRIX_SIGNED_OUT)
                failed(c, reply);
}

bool connection_answered(struct connection *c, bool more, usec_t now) {
        if (!is_polling(c))
                return false;
        c->answered_at = now;
        backoff_limit(&c->backoff, FAILURES_WHILE_REACHED_MAX);
        if (now > usec_add(c->asked_at, FACTS_AGE))
                c->wants_aside = true;
        if (more)
                return false;
        c->told_at = now;
        if (c->state == CONNECTION_ONLINE)
                return false;
        set_state(c, CONNECTION_ONLINE, NULL, USEC_NEVER);
        return true;
}

void connection_lost(struct connection *c, const struct matrix_reply *reply) {
        if (is_polling(c))
                failed(c, reply);
}

void connection_held(struct connection *c, const struct matrix_reply *why) {
        if (!connection_is_final(c))
                failed(c, why);
}

void connection_released(struct connection *c) {
        backoff_reset(&c->backoff);
        if (c->state == CONNECTION_WAITING)
                make_due(c, DUE_TRY);
        else if (connection_is_final(c))
                make_due(c, DUE_ASK);
}

void connection_doubt(struct connection *c) {
        c->suspect = true;
}

static void end_waits(struct connection *c) {
        backoff_reset(&c->backoff);
        backoff_reset(&c->final_backoff);
}

void connection_wake(struct connection *c, bool gap) {
        end_waits(c);
        c->gap = c->gap || gap;
        make_due(c, DUE_TRY);
}

void connection_retry(struct connection *c) {
        end_waits(c);
        if (is_polling(c))
                c->wants_aside = true;
        else if (c->state != CONNECTION_CONNECTING)
                make_due(c, DUE_ASK);
}

/* ---- what to do ---- */

usec_t connection_retry_at(const struct connection *c, bool at_stake) {
        return c->state == CONNECTION_SIGNED_OUT && !at_stake ? USEC_NEVER : c->retry_at;
}

static struct connection_order stop(struct connection *c) {
        c->probing = false;
        return (struct connection_order){ .step = CONNECTION_STOP };
}

static struct connection_order ask(struct connection *c, usec_t now) {
        c->probing = true;
        c->asked_at = now;
        leave_online(c, now);
        set_state_keeping_problem(c, CONNECTION_CONNECTING);
        return (struct connection_order){ .step = CONNECTION_ASK };
}

static struct connection_order begin_poll(struct connection *c, usec_t now) {
        struct connection_order order = { .step = CONNECTION_POLL };
        usec_t silent = c->answered_at > 0 ? now - c->answered_at : 0;

        if (silent > SYNC_GAP_MAX)
                order.position = CONNECTION_FORGETS_POSITION;
        else if (c->gap || silent > SYNC_STALE)
                order.position = CONNECTION_RESYNCS;
        c->gap = false;
        leave_online(c, now);
        set_state_keeping_problem(c, CONNECTION_SYNCING);
        return order;
}

static bool facts_are_fresh(const struct connection *c, usec_t now) {
        return c->facts_at > 0 && c->ours && now - c->facts_at < FACTS_FRESH;
}

static struct connection_order try(struct connection *c, bool must_ask, usec_t now) {
        bool is_final = connection_is_final(c), asks = must_ask || is_final || !facts_are_fresh(c, now);

        /* Where it is too early to ask again, the poll tells whether the session goes on. */
        c->doubted = asks && (c->suspect || is_final);
        c->probing = false;
        return asks ? ask(c, now) : begin_poll(c, now);
}

/* Not again and again where a server refuses one request and takes all others. */
static bool is_doubt_due(struct connection *c, usec_t now) {
        if (!c->suspect || connection_is_final(c) || c->doubted || now < c->doubt_at)
                return false;
        if (now >= usec_add(c->doubt_at, FINAL_MAX))
                backoff_reset(&c->doubt_backoff);
        c->doubt_at = usec_add(now, next_wait(c, &c->doubt_backoff));
        return true;
}

static struct connection_order next_step(struct connection *c, enum due due, usec_t now) {
        switch (due) {
        case DUE_POLL:
                return begin_poll(c, now);
        case DUE_STOP:
                return stop(c);
        case DUE_TRY:
                return try(c, /* must_ask= */ false, now);
        case DUE_ASK:
                return try(c, /* must_ask= */ true, now);
        case DUE_NOTHING:
                break;
        }
        if (!c->wants_aside || c->state != CONNECTION_ONLINE || c->probing)
                return (struct connection_order){ .step = CONNECTION_STAY };
        c->wants_aside = false;
        c->probing = true;
        c->asked_at = now;
        return (struct connection_order){ .step = CONNECTION_ASK_ASIDE };
}

struct connection_order connection_next(struct connection *c, bool at_stake, usec_t now) {
        struct connection_order order;

        if (is_doubt_due(c, now))
                make_due(c, DUE_ASK);
        else if (now >= connection_retry_at(c, at_stake))
                make_due(c, DUE_TRY);
        order = next_step(c, c->due, now);
        c->due = DUE_NOTHING;
        c->suspect = false;
        return order;
}

usec_t connection_blind_at(const struct connection *c) {
        usec_t told = usec_add(c->told_at, TOLD_HOLDS), anew = usec_add(c->online_at, ANEW_WITHIN);

        if (c->told_at == 0 || c->state == CONNECTION_ONLINE)
                return USEC_NEVER;
        return told > anew ? told : anew;
}

/* ---- the object ---- */

int connection_new(struct connection **ret, const struct connection_options *options) {
        SCOPED(connection_free) struct connection *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->random = options->random;
        c->userdata = options->userdata;
        c->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_MAX };
        c->final_backoff = (struct backoff){ .first = FINAL_FIRST, .cap = FINAL_MAX };
        c->doubt_backoff = (struct backoff){ .first = FINAL_FIRST, .cap = FINAL_MAX };
        c->retry_at = USEC_NEVER;
        c->due = DUE_ASK;
        c->told_failure = CONNECTION_ONLINE;
        c->account = strdup(options->account);
        c->homeserver = strdup(options->homeserver);
        c->user_id = strdup(options->user_id);
        if (!c->account || !c->homeserver || !c->user_id)
                return -ENOMEM;
        *ret = TAKE(c);
        return 0;
}

struct connection *connection_free(struct connection *c) {
        if (!c)
                return NULL;
        free(c->account);
        free(c->homeserver);
        free(c->user_id);
        free(c->problem);
        free(c);
        return NULL;
}

enum connection_state connection_state(const struct connection *c) {
        return c->state;
}

const char *connection_problem(const struct connection *c) {
        return c->problem ? c->problem : "";
}

bool connection_is_final(const struct connection *c) {
        return c->state == CONNECTION_SIGNED_OUT || c->state == CONNECTION_BROKEN;
}

bool connection_is_trusted(const struct connection *c) {
        return c->facts_at > 0 && !connection_is_final(c) && !c->doubted && c->state != CONNECTION_LOCKED;
}

bool connection_is_settled(const struct connection *c) {
        return c->settled;
}
