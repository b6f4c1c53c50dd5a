/* The /sync loop. One request is in flight at any time: a filter being uploaded, a poll, or a gap being read back.
 *
 *   stopped  nothing is asked: not started yet, stopped, or a failure was handed over
 *   due      the next sync_run() asks: for the filter if its id is not known, else for what is new
 *   filter   a filter is being uploaded                    -> due
 *   poll     /sync is in flight; `watching` after a while  -> answer handed over, or gaps, or rest
 *   gaps     what the answer left out is being read back   -> answer handed over
 *   rest     how long is decided by what the owner wants
 *            when that has decided on the answer           -> due or pause
 *   pause    until its time                                -> due
 *
 * An answer that was handed over leaves the loop in due or rest, a failure in stopped. */
#include "matrix/sync/sync.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/client/api.h"
#include "matrix/sync/filters.h"
#include "matrix/sync/gaps.h"
#include "matrix/sync/position.h"
#include "matrix/sync/thin.h"
#include "matrix/sync/words.h"
#include "util/log.h"

/* The first answer of a big account, or one after a long time, takes the server minutes and is large. */
#define SLOW_TIMEOUT (5 * USEC_PER_MIN)
#define BODY_MAX     (64U << 20)
/* What the network may add to a poll. */
#define POLL_MARGIN (30 * USEC_PER_SEC)

/* A poll that had something to say would have said it by then. */
#define WATCHING_AFTER (3 * USEC_PER_SEC)

/* Synapse drops the presence of a poll that reaches it earlier after another than ten seconds (rc_presence). They need
 * not be equally long on their way. */
#define COUNTED_DISTANCE (11 * USEC_PER_SEC)

/* In a row; then the server really does not take what we send, or the gap cannot be read. */
#define FILTER_TRIES_MAX 2
#define GAP_TRIES_MAX    3

/* Synapse keeps answers for 2 min by what was asked, and gives them again to a poll that repeats one of an earlier run
 * of ours: old events, one by one. A bit of what is asked for makes each run ask for something else: for SALTS steps,
 * longer than answers are kept, no two are the same. It is a bit of the timeout, but where the answer is to come at
 * once: there it is a word in the filter, which nobody then has to upload either before the first answer. A whole
 * state is asked anew each time, for which the timeout means nothing. */
#define SALT_STEP     (USEC_PER_SEC / 2)
#define SALTS         250U
#define INITIAL_SALTS 4U

/* Answers at once of which each brought something: then it does not end, and the owner must not wait for it. */
#define CATCH_UP_MAX 8

enum stage {
        STAGE_STOPPED,
        STAGE_DUE,
        STAGE_FILTER,
        STAGE_POLL,
        STAGE_GAPS,
        STAGE_REST,
        STAGE_PAUSE,
};

struct sync {
        struct matrix_client *client;
        char *me;
        json_t *messages, *state, *in_call_types;
        const struct sync_handler *handler;
        struct sync_options options;
        struct sync_pace pace;

        char *since;
        bool initial;  /* ask for a whole state next */
        bool catch_up; /* answer at once, however little there is: whether it works must not take a whole poll */
        bool in_call, held;
        struct sync_words words;
        unsigned salt, n_initial;

        usec_t turn_at; /* when a poll of ours last had its turn at the server's presence limiter; 0: never */
        enum stage stage;
        struct http_request *request;
        usec_t pause_until; /* in that stage */
        struct sync_rest rest;
        struct {
                usec_t at, ran;
                bool concerned, timed_out, empty;
        } ended; /* the poll, in stage rest */
        bool watching;
        int error;
        struct sync_filters filters;
        unsigned filter_tries, gap_tries, catch_ups;
        struct sync_position position;

        struct {
                usec_t started, timeout, watching_at;
                bool initial, catch_up, presence, sent_along;
                enum set_presence says;
        } poll;

        struct sync_thin thin; /* of the poll */
        struct sync_batch *batch;
        struct gap_fill *gaps;
};

/* Whatever was in flight is forgotten. */
static void enter(struct sync *s, enum stage stage) {
        s->request = http_request_free(s->request);
        s->gaps = gap_fill_free(s->gaps);
        s->batch = sync_batch_free(s->batch);
        s->stage = stage;
}

static void pause_until(struct sync *s, usec_t at) {
        enter(s, STAGE_PAUSE);
        s->pause_until = at;
}

static void fail(struct sync *s, const struct matrix_reply *reply) {
        sync_stop(s);
        s->handler->failed(s->handler->userdata, reply);
}

/* Our own trouble, told like a server's. */
static void fail_errno(struct sync *s, int error, usec_t now) {
        fail(s, &(struct matrix_reply){
                        .outcome = MATRIX_RETRY, .problem = strerror(-error), .retry_after = USEC_NEVER, .now = now });
}

/* ---- filters ---- */

static enum sync_filter filter_kind(const struct sync *s) {
        if (s->initial)
                return SYNC_FILTER_STATE;
        return s->in_call ? SYNC_FILTER_IN_CALL : SYNC_FILTER_IDLE;
}

static bool filter_presence(const struct sync *s) {
        return s->options.own_presence && !s->initial;
}

static struct sync_wants wants_of(const struct sync *s) {
        return (struct sync_wants){ .messages = s->messages, .state = s->state, .in_call = s->in_call_types };
}

static json_t *filter_new(const struct sync *s) {
        struct sync_wants wants = wants_of(s);

        return sync_filter_new(&wants, filter_kind(s), s->me, filter_presence(s), s->options.account_data);
}

static void on_filter(const struct matrix_reply *reply, void *userdata) {
        struct sync *s = userdata;

        s->request = NULL;
        s->stage = STAGE_DUE;
        s->handler->touched(s->handler->userdata);
        if (!sync_filters_take(&s->filters, reply))
                fail(s, reply);
}

static int upload_filter(struct sync *s) {
        SCOPED(json_decref) json_t *filter = filter_new(s);

        if (!filter)
                return -ENOMEM;
        s->stage = STAGE_FILTER;
        sync_filters_upload(&s->filters, filter_kind(s), filter_presence(s));
        return matrix_filter_post(s->client, s->me, filter, on_filter, s, &s->request);
}

/* ---- the poll ---- */

/* *ret: where it was; for the caller to free, or to move back to. */
static int move_to(struct sync *s, const char *since, char **ret) {
        char *copy = strdup(since);

        if (!copy)
                return -ENOMEM;
        *ret = s->since;
        s->since = copy;
        return 0;
}

/* It is as if the answer had not come. */
static void move_back(struct sync *s, const struct sync_answer *answer, char **before) {
        s->initial = answer->initial;
        if (!answer->moves)
                return;
        free(s->since);
        s->since = TAKE(*before);
}

/* Also those that were of no concern. */
static bool has_events(const struct sync *s, const struct sync_batch *b) {
        return b->n_events > 0 || s->thin.n_dropped > 0;
}

static bool is_empty(const struct sync *s, const struct sync_batch *b) {
        return !has_events(s, b) && b->n_gaps == 0 && b->n_left_rooms == 0 && b->n_account_data == 0 &&
               !b->own_presence;
}

/* `b` NULL: there was no answer. */
static void rest(struct sync *s, const struct sync_batch *b, bool concerned, usec_t at) {
        usec_t ran = at - s->poll.started;

        enter(s, STAGE_REST);
        s->ended.at = at;
        s->ended.ran = ran;
        s->ended.concerned = concerned;
        s->ended.timed_out = ran >= s->poll.timeout;
        s->ended.empty = b && is_empty(s, b);
}

static void decide_rest(struct sync *s) {
        const struct sync_rest_facts facts = {
                .concerned = s->ended.concerned,
                .timed_out = s->ended.timed_out,
                .empty = s->ended.empty,
                .turns_at_stake = s->options.turns_at_stake,
                .costly = s->options.costly,
                .expecting = s->options.expecting,
                .max = s->options.poll_pause,
                .ran = s->ended.ran,
                .now = s->ended.at,
        };
        usec_t wait;

        if (s->stage != STAGE_REST)
                return;
        wait = sync_rest_next(&s->rest, &facts);
        if (wait > 0)
                pause_until(s, usec_add(s->ended.at, wait));
        else
                s->stage = STAGE_DUE;
}

/* Keys for what came may be in the next answer. */
static bool has_messages(const struct sync *s, const struct sync_batch *b) {
        return s->handler->take &&
               json_array_size(json_member_array(json_member_object(b->root, "to_device"), "events")) > 0;
}

/* What came since the last answer, of this run or an earlier one, may be split over several. */
static bool may_be_more(struct sync *s, const struct sync_batch *b) {
        if (s->poll.initial)
                return true;
        if (s->poll.catch_up && (has_events(s, b) || has_messages(s, b)) && ++s->catch_ups < CATCH_UP_MAX)
                return true;
        s->catch_ups = 0;
        return false;
}

/* After a whole state the events since the old position still count: messages are in no state. The next request is
 * made by sync_run(), when the owner has decided on what came: it may be that a poll must not count any more. */
static void hand_over(struct sync *s, const struct matrix_reply *reply) {
        SCOPED(sync_batch_free) struct sync_batch *batch = TAKE(s->batch);
        SCOPED(gap_fill_free) struct gap_fill *gaps = TAKE(s->gaps);
        struct sync_answer answer = {
                .batch = batch, .initial = s->poll.initial, .now = reply->now, .wall = reply->wall
        };
        bool is_long = !s->poll.catch_up && !s->poll.initial;
        SCOPED(free) char *before = NULL;
        int concerned;

        if (gaps) {
                answer.gaps = gap_fill_pages(gaps, &answer.n_gaps);
                answer.torn = gap_fill_torn(gaps, &answer.n_torn);
        }
        answer.moves = !answer.initial || !s->since;
        if (answer.moves && move_to(s, batch->next_batch, &before) < 0) {
                fail_errno(s, -ENOMEM, reply->now);
                return;
        }
        answer.more = s->catch_up = may_be_more(s, batch);
        s->initial = false;
        s->filter_tries = s->gap_tries = 0;
        sync_position_answered(&s->position, !answer.initial);
        sync_words_taken(&s->words, s->poll.says);
        if (batch->own_presence)
                sync_words_seen(&s->words, s->poll.says, batch->presence, reply->now);
        enter(s, STAGE_DUE);
        concerned = s->handler->answer(s->handler->userdata, &answer);
        if (concerned < 0) {
                move_back(s, &answer, &before);
                fail_errno(s, concerned, reply->now);
                return;
        }
        if (is_long && s->stage == STAGE_DUE)
                rest(s, batch, concerned, reply->now);
}

static void on_gaps(const struct matrix_reply *reply, bool filled, void *userdata) {
        struct sync *s = userdata;

        s->handler->touched(s->handler->userdata);
        if (!filled && ++s->gap_tries < GAP_TRIES_MAX)
                fail(s, reply);
        else
                hand_over(s, reply);
}

static int fill_gaps(struct sync *s) {
        struct sync_wants wants = wants_of(s);
        SCOPED(json_decref) json_t *types = sync_message_types_new(&wants, s->in_call);

        if (!types)
                return -ENOMEM;
        s->stage = STAGE_GAPS;
        return gap_fill_start(&s->gaps, s->client, s->me, s->batch, types, on_gaps, s);
}

/* The position is lost, and with it the messages since: a call that ended meanwhile would never end here. */
static int look_back(struct sync *s) {
        const char *rooms[GAP_ROOMS_MAX];
        size_t n = s->handler->rooms(s->handler->userdata, rooms, GAP_ROOMS_MAX);

        for (size_t i = 0; i < n; i++) {
                int r = sync_batch_add_gap(s->batch, rooms[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* No more than GAP_ROOMS_MAX are read back: those with a call that may have ended there come first. */
static void order_gaps(struct sync *s) {
        const char *rooms[GAP_ROOMS_MAX];
        size_t n = s->handler->rooms(s->handler->userdata, rooms, GAP_ROOMS_MAX), first = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t j = first; j < s->batch->n_gaps; j++)
                        if (streq(s->batch->gaps[j].room_id, rooms[i])) {
                                struct sync_gap gap = s->batch->gaps[first];

                                s->batch->gaps[first++] = s->batch->gaps[j];
                                s->batch->gaps[j] = gap;
                                break;
                        }
}

static void on_failure(struct sync *s, const struct matrix_reply *reply);

/* The server forgets the messages to this device as soon as the position moves on. */
static int let_take(struct sync *s, const struct matrix_reply *reply) {
        const struct instant at = { .now = reply->now, .wall = reply->wall };

        return s->handler->take ? s->handler->take(s->handler->userdata, reply->body, &at) : 0;
}

static void on_answer(struct sync *s, const struct matrix_reply *reply) {
        int r = s->poll.initial ? sync_batch_new_of_state(&s->batch, reply->body, s->me)
                                : sync_batch_new(&s->batch, reply->body, s->me);

        if (r == -ENOMEM) {
                fail_errno(s, r, reply->now);
                return;
        }
        if (r < 0) {
                on_failure(s, &(struct matrix_reply){ .outcome = MATRIX_NOT_MATRIX,
                                                      .problem = SYNC_NO_ANSWER,
                                                      .status = reply->status,
                                                      .retry_after = USEC_NEVER,
                                                      .now = reply->now,
                                                      .wall = reply->wall });
                return;
        }
        r = let_take(s, reply);
        if (r < 0) {
                fail_errno(s, r, reply->now);
                return;
        }
        if (s->poll.initial) {
                s->batch->n_gaps = 0; /* no timeline was asked for */
                if (!s->since)
                        r = look_back(s);
        }
        if (s->batch->n_gaps > GAP_ROOMS_MAX)
                order_gaps(s);
        if (r >= 0)
                r = s->batch->n_gaps > 0 ? fill_gaps(s) : 0;
        if (r < 0)
                fail_errno(s, r, reply->now);
        else if (r == 0)
                hand_over(s, reply);
}

/* The next one is uploaded anew, also after a wait: that it was refused before says nothing of now. */
static void on_bad_filter(struct sync *s, const struct matrix_reply *reply) {
        sync_filters_forget(&s->filters);
        if (s->filter_tries == FILTER_TRIES_MAX) {
                fail(s, reply);
                return;
        }
        s->filter_tries++;
        enter(s, STAGE_DUE);
}

/* The first state works each time, so that this alone shows that something is wrong. */
static void fail_position(struct sync *s, const struct matrix_reply *reply) {
        usec_t wait = sync_position_wait(&s->position, s->handler->random(s->handler->userdata));
        struct matrix_reply failure = *reply;

        failure.outcome = MATRIX_RETRY;
        if (failure.retry_after == USEC_NEVER || failure.retry_after < wait)
                failure.retry_after = wait;
        fail(s, &failure);
}

static void on_bad_position(struct sync *s, const struct matrix_reply *reply) {
        if (!s->since) {
                fail(s, reply);
                return;
        }
        enter(s, STAGE_DUE);
        sync_forget_position(s);
        s->handler->position_lost(s->handler->userdata);
        if (!sync_position_lost(&s->position, reply->now))
                fail_position(s, reply);
}

enum set_presence sync_idle_word(const struct sync *s) {
        return sync_words_pick(&s->words, &s->options.says, /* held= */ false);
}

static bool is_word_refused(const struct sync *s, const struct matrix_reply *reply) {
        return set_presence_is_refused(s->poll.says, reply) && sync_words_are_minded(&s->words);
}

/* First the position, which costs a whole state; without one, the filter. */
static void on_refusal(struct sync *s, const struct matrix_reply *reply) {
        if (s->poll.initial)
                on_bad_filter(s, reply);
        else
                on_bad_position(s, reply);
}

static void on_failure(struct sync *s, const struct matrix_reply *reply) {
        usec_t now = reply->now;

        if (s->poll.initial)
                fail(s, reply);
        else if (sync_pace_cut(&s->pace, reply, s->poll.timeout, now - s->poll.started, now)) {
                log_debug("The poll was cut, asking for %u s next", (unsigned) (s->pace.timeout / USEC_PER_SEC));
                rest(s, NULL, /* concerned= */ false, now);
        } else if (sync_position_fails(&s->position, reply))
                on_bad_position(s, reply);
        else
                fail(s, reply);
}

/* A filter that is sent along may be too long for an address, which whoever minds it says in its own way: so any
 * refusal is asked once with one that the server keeps. */
static bool is_filter_refused(const struct matrix_reply *reply) {
        return sync_is_refusal(reply) || sync_is_rejection(reply) || reply->outcome == MATRIX_BAD_FILTER ||
               reply->outcome == MATRIX_UNRECOGNIZED || reply->status == 403;
}

/* Where it failed in any other way, the filter is not tried again either: who minds it may just hang up. */
static bool goes_on_with_kept_filter(struct sync *s, const struct matrix_reply *reply) {
        if (!s->poll.sent_along)
                return false;
        sync_filters_keep(&s->filters);
        sync_words_filter_refused(&s->words);
        return s->position.rejected == 0 && is_filter_refused(reply);
}

static void on_poll(const struct matrix_reply *reply, void *userdata) {
        struct sync *s = userdata;
        bool word_refused = is_word_refused(s, reply);

        s->request = NULL;
        s->stage = STAGE_STOPPED;
        s->handler->touched(s->handler->userdata);
        if (set_presence_is_refused(s->poll.says, reply))
                sync_words_refused(&s->words, s->poll.sent_along, reply->now);
        if (reply->outcome == MATRIX_OK)
                on_answer(s, reply);
        else if (word_refused || goes_on_with_kept_filter(s, reply))
                enter(s, STAGE_DUE);
        else if (reply->outcome == MATRIX_BAD_FILTER)
                on_bad_filter(s, reply);
        else if (sync_is_refusal(reply))
                on_refusal(s, reply);
        else
                on_failure(s, reply);
}

static usec_t poll_timeout(struct sync *s, usec_t now) {
        usec_t salt = s->salt * USEC_PER_MSEC;

        if (s->poll.sent_along)
                return 0;
        if (s->initial)
                return salt + (usec_t) SALTS * (s->n_initial++ % INITIAL_SALTS) * USEC_PER_MSEC;
        return s->catch_up ? salt : sync_pace_timeout(&s->pace, now) - salt;
}

/* A counted poll that has no turn keeps nothing alive, and arms nothing for when we are gone: the next one comes as
 * soon as there is a turn. */
static void take_turn(struct sync *s, struct sync_query *query, usec_t now) {
        usec_t turn_at = s->turn_at > 0 ? usec_add(s->turn_at, COUNTED_DISTANCE) : 0;

        if (now >= turn_at)
                s->turn_at = now;
        else if (set_presence_counts(query->set_presence))
                query->timeout = usec_min(query->timeout, turn_at - now);
}

static size_t on_body(void *userdata, char *body, size_t had, size_t size) {
        struct sync *s = userdata;

        return sync_thin(&s->thin, body, had, size);
}

static int start_poll(struct sync *s, const char *filter, usec_t now) {
        struct sync_query query = {
                .filter = filter,
                .since = s->initial ? NULL : s->since,
                .timeout = poll_timeout(s, now),
                .set_presence = sync_words_pick(&s->words, &s->options.says, s->held),
        };
        SCOPED(free) char *path = NULL;
        struct matrix_call call = { .method = "GET", .body_max = BODY_MAX, .thin = on_body, .thin_userdata = s };

        take_turn(s, &query, now);
        path = sync_path_new(&query);
        call.path = path;
        call.timeout = s->initial || s->catch_up ? SLOW_TIMEOUT : query.timeout + POLL_MARGIN;
        if (!path)
                return -ENOMEM;
        s->poll.started = now;
        s->poll.timeout = query.timeout;
        s->poll.initial = s->initial;
        s->poll.catch_up = s->catch_up;
        s->poll.says = query.set_presence;
        s->poll.presence = filter_presence(s);
        s->thin = (struct sync_thin){ .types = { s->messages, s->state, s->in_call_types } };
        s->stage = STAGE_POLL;
        s->watching = false;
        s->poll.watching_at = !s->initial && !s->catch_up ? usec_add(now, WATCHING_AFTER) : USEC_NEVER;
        return matrix_request(s->client, &call, on_poll, s, &s->request);
}

static json_t *salted_filter_new(struct sync *s) {
        unsigned salt = s->salt + (s->initial ? SALTS * (s->n_initial++ % INITIAL_SALTS) : 0);

        return sync_filter_salted(filter_new(s), salt);
}

static int ask(struct sync *s, usec_t now) {
        enum sync_filter_way way = sync_filters_way(&s->filters, /* at_once= */ s->initial || s->catch_up);
        const char *id = sync_filters_id(&s->filters, filter_kind(s), filter_presence(s));
        SCOPED(json_decref) json_t *filter = NULL;
        SCOPED(free) char *text = NULL;

        s->poll.sent_along = way == SYNC_FILTER_SENT_ALONG;
        if (way == SYNC_FILTER_KEPT)
                return id ? start_poll(s, id, now) : upload_filter(s);
        filter = s->poll.sent_along ? salted_filter_new(s) : filter_new(s);
        text = filter ? json_dumps_whole(filter, JSON_COMPACT) : NULL;
        return text ? start_poll(s, text, now) : -ENOMEM;
}

bool sync_is_due(struct sync *s, usec_t now) {
        decide_rest(s);
        return s->stage == STAGE_DUE || (s->stage == STAGE_PAUSE && now >= s->pause_until);
}

bool sync_is_beginning(struct sync *s) {
        decide_rest(s);
        return s->stage == STAGE_DUE || s->stage == STAGE_FILTER;
}

usec_t sync_run(struct sync *s, usec_t now) {
        s->error = 0;
        sync_words_age(&s->words, now);
        decide_rest(s);
        if (s->stage == STAGE_PAUSE && now >= s->pause_until)
                s->stage = STAGE_DUE;
        if (s->salt == 0)
                s->salt = 1 + (unsigned) (now / SALT_STEP % SALTS);
        if (s->stage == STAGE_DUE) {
                if (!s->since)
                        s->initial = true;
                s->error = ask(s, now);
                if (s->error < 0)
                        sync_stop(s);
        }
        if (s->stage == STAGE_PAUSE) {
                s->watching = false;
                return s->pause_until;
        }
        if (s->stage != STAGE_POLL || s->watching)
                return USEC_NEVER;
        s->watching = now >= s->poll.watching_at;
        return s->watching ? USEC_NEVER : s->poll.watching_at;
}

enum sync_sight sync_sight(const struct sync *s) {
        if (s->stage == STAGE_STOPPED || s->stage == STAGE_REST || s->stage == STAGE_DUE || s->stage == STAGE_PAUSE)
                return SYNC_BLIND;
        return s->watching ? SYNC_WATCHING : SYNC_ASKING;
}

int sync_error(const struct sync *s) {
        return s->error;
}

/* ---- the owner's wishes ---- */

/* What is asked for has changed: the poll in flight is replaced by one that asks for it. At once, that loses nothing:
 * the new one begins where the old one did. */
static void replace_poll(struct sync *s, usec_t at) {
        if (s->stage == STAGE_POLL)
                pause_until(s, at);
}

void sync_set_options(struct sync *s, const struct sync_options *options) {
        if (options->poll_timeout != s->options.poll_timeout)
                sync_pace_init(&s->pace, options->poll_timeout);
        if (options->account_data != s->options.account_data)
                sync_filters_forget(&s->filters);
        s->options = *options;
        if (s->stage == STAGE_POLL && s->poll.presence != filter_presence(s))
                replace_poll(s, 0);
}

void sync_set_in_call(struct sync *s, bool in_call) {
        s->in_call = in_call;
}

void sync_set_held(struct sync *s, bool held, bool soon) {
        bool counted = set_presence_counts(s->poll.says);

        if (s->held == held)
                return;
        s->held = held;
        if (!held && counted && sync_idle_word(s) == SET_PRESENCE_OFFLINE)
                replace_poll(s, 0);
        else if (held && soon && !counted && !s->poll.initial &&
                 set_presence_counts(sync_words_pick(&s->words, &s->options.says, /* held= */ true)))
                replace_poll(s, usec_add(s->poll.started, COUNTED_DISTANCE));
}

void sync_resync(struct sync *s) {
        s->initial = true;
}

void sync_forget_position(struct sync *s) {
        free(s->since);
        s->since = NULL;
        s->initial = true;
}

void sync_go(struct sync *s) {
        if (s->stage != STAGE_STOPPED && s->stage != STAGE_REST && s->stage != STAGE_PAUSE)
                return;
        s->stage = STAGE_DUE;
}

bool sync_catch_up(struct sync *s) {
        decide_rest(s);
        if (s->stage != STAGE_PAUSE)
                return false;
        s->catch_up = true;
        sync_go(s);
        return true;
}

void sync_stop(struct sync *s) {
        enter(s, STAGE_STOPPED);
        s->catch_up = true;
        s->watching = false;
}

int sync_new(struct sync **ret, struct matrix_client *client, const char *me, const char *since,
             const struct sync_wants *wants, const struct sync_handler *handler) {
        SCOPED(sync_free) struct sync *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->client = client;
        s->handler = handler;
        s->catch_up = true;
        sync_position_init(&s->position);
        sync_words_init(&s->words);
        s->me = strdup(me);
        s->since = since ? strdup(since) : NULL;
        if (!s->me || (since && !s->since))
                return -ENOMEM;
        s->messages = json_incref((json_t *) wants->messages);
        s->state = json_incref((json_t *) wants->state);
        s->in_call_types = json_incref((json_t *) wants->in_call);
        /* Where state is wanted, a whole one at the start: the position tells only of changes. */
        s->initial = !since || json_array_size(s->state) > 0;
        *ret = TAKE(s);
        return 0;
}

struct sync *sync_free(struct sync *s) {
        if (!s)
                return NULL;
        enter(s, STAGE_STOPPED);
        sync_filters_forget(&s->filters);
        json_decref(s->messages);
        json_decref(s->state);
        json_decref(s->in_call_types);
        free(s->since);
        free(s->me);
        free(s);
        return NULL;
}
