/* See encrypted.h. The request that is out is one of the receiver's steps, or one of two questions about rooms; what
 * the receiver has ordered is in `order`: it is asked what it wants where the server can be asked at once.
 *
 * The receiver says what is to be written before anything else is done: it is written where that is found, within
 * encrypted_take() and at the top of encrypted_run(). */
#include "matrix/encrypted.h"

#include <assert.h>
#include <errno.h>

#include "core/backoff.h"
#include "json/json.h"
#include "matrix/calls/kinds.h"
#include "matrix/client/api.h"
#include "matrix/client/keys.h"
#include "matrix/crypto/late.h"
#include "matrix/crypto/receiver.h"
#include "matrix/encrypted-rooms.h"
#include "util/log.h"

#define RETRY_FIRST (5 * USEC_PER_SEC)
#define RETRY_MAX   (5 * USEC_PER_MIN)
#define LATE_AGAIN  USEC_PER_SEC

static_assert(ENCRYPTED_KEY_BYTES == CRYPTO_SECRET_BYTES, "the key of the keeper is that of the receiver");

enum question { ASKS_NOTHING, ASKS_RECEIVER, ASKS_ROOMS, ASKS_MEMBERS };

struct encrypted {
        struct matrix_client *client;
        char *account, *user_id;
        struct encrypted_keeper keeper;
        uint32_t (*random)(void *userdata);
        void (*touched)(void *userdata);
        bool (*is_live)(void *userdata, const char *room_id);
        void *userdata;

        struct receiver *receiver;
        struct encrypted_rooms rooms;
        enum encrypted_calls scope;
        struct receiver_order order; /* RECEIVER_IDLE: none waits */
        bool look;                   /* at all rooms, next */

        enum question question;
        struct http_request *request;
        char *room; /* with ASKS_MEMBERS */
        struct backoff backoff;
        usec_t ask_at;      /* not before, after a failure */
        usec_t asked_until; /* ... of which so long was asked for by the server */
        struct backoff save_backoff;
        usec_t save_at;
        struct reading *late; /* of what had waited for its key, and not applied as a whole; NULL: nothing */
        usec_t late_at;       /* again then, after there was no memory for that */
        bool late_begun;      /* some of it was applied */

        bool failing; /* told: it cannot be stored */
        enum encrypted_state told;
        usec_t told_at;
        bool harms;
        size_t n_unreadable;
};

/* ---- whose messages are read ---- */

static bool has_room(void *userdata, const char *room_id) {
        const struct encrypted *e = userdata;

        return e->scope == ENCRYPTED_CALLS_DM && encrypted_rooms_may_have_calls(&e->rooms, room_id);
}

static bool is_live(void *userdata, const char *room_id) {
        const struct encrypted *e = userdata;

        return e->is_live(e->userdata, room_id);
}

static int want(struct encrypted *e) {
        const char *others[RECEIVER_WANTED_MAX];
        size_t n = 0;

        if (e->scope != ENCRYPTED_CALLS_OWN && !encrypted_rooms_others(&e->rooms, others, ARRAY_SIZE(others), &n))
                return receiver_want(e->receiver, NULL, 0);
        return receiver_want(e->receiver, others, n);
}

void encrypted_set_scope(struct encrypted *e, enum encrypted_calls scope) {
        if (!e)
                return;
        e->scope = scope;
        receiver_set_deaf(e->receiver, scope == ENCRYPTED_CALLS_OFF);
        e->look = scope == ENCRYPTED_CALLS_DM && !e->rooms.seen;
        if (want(e) < 0)
                log_debug("Account %s: no memory for the people of encrypted rooms", e->account);
}

void encrypted_resync(struct encrypted *e) {
        if (e)
                e->look = e->scope == ENCRYPTED_CALLS_DM;
}

/* ---- what it wants written and asked ---- */

static int save(struct encrypted *e) {
        SCOPED(json_decref) json_t *stored = NULL;
        int r = receiver_store(e->receiver, e->keeper.key, &stored);

        if (r >= 0)
                r = e->keeper.put(e->keeper.userdata, stored);
        if (r < 0) {
                if (!e->failing)
                        log_error(
                                "Account %s: the keys of encrypted rooms cannot be stored: %s; nothing new is looked "
                                "at until they can",
                                e->account, strerror(-r));
                e->failing = true;
                return r;
        }
        if (e->failing)
                log_info("Account %s: the keys of encrypted rooms are stored again", e->account);
        e->failing = false;
        backoff_reset(&e->save_backoff);
        e->save_at = 0;
        receiver_saved(e->receiver);
        return 0;
}

static int decide(struct encrypted *e, const struct instant *at, bool may_ask, usec_t *ret_wake_at) {
        struct receiver_order o;
        int r;

        for (;;) {
                r = may_ask ? receiver_decide(e->receiver, at, &o) : receiver_decide_unasked(e->receiver, at, &o);
                if (r < 0)
                        return r;
                if (o.step != RECEIVER_SAVE)
                        break;
                r = save(e);
                if (r < 0)
                        return r;
        }
        *ret_wake_at = o.wake_at;
        if (o.step != RECEIVER_IDLE)
                e->order = o;
        return 0;
}

static void drop_order(struct encrypted *e) {
        json_decref(e->order.body);
        e->order = (struct receiver_order){ .step = RECEIVER_IDLE };
}

/* ---- answers ---- */

static int take_receivers(struct encrypted *e, const struct matrix_reply *reply, const struct instant *at) {
        switch (e->order.step) {
        case RECEIVER_UPLOAD:
                return receiver_uploaded(e->receiver, reply->body, at);
        case RECEIVER_QUERY:
                return receiver_queried(e->receiver, reply->body, at);
        case RECEIVER_CLAIM:
                return receiver_claimed(e->receiver, reply->body, at);
        case RECEIVER_SEND:
                receiver_sent(e->receiver);
                return 0;
        case RECEIVER_IDLE:
        case RECEIVER_SAVE:
                return 0;
        }
        return 0;
}

static bool is_refused(const struct matrix_reply *reply) {
        return reply->outcome == MATRIX_REFUSED || reply->outcome == MATRIX_NOT_FOUND ||
               reply->outcome == MATRIX_UNRECOGNIZED;
}

static usec_t wait_after(struct encrypted *e, const struct matrix_reply *reply) {
        usec_t at = usec_add(reply->now, backoff_next(&e->backoff, e->random(e->userdata)));

        e->asked_until = reply->retry_after != USEC_NEVER ? usec_add(reply->now, reply->retry_after) : 0;
        return at > e->asked_until ? at : e->asked_until;
}

/* What the server says of a refusal may quote keys: it is not told. */
static void end_receivers(struct encrypted *e, const struct matrix_reply *reply) {
        const struct instant at = { .now = reply->now, .wall = reply->wall };

        if (reply->outcome == MATRIX_OK && take_receivers(e, reply, &at) >= 0)
                backoff_reset(&e->backoff);
        else if (is_refused(reply)) {
                log_debug("Account %s: the server refuses a request for encrypted rooms (%ld)", e->account,
                          reply->status);
                if (receiver_refused(e->receiver, &at) < 0)
                        receiver_failed(e->receiver, wait_after(e, reply));
        } else if (reply->outcome == MATRIX_UNSURE)
                receiver_lost(e->receiver, wait_after(e, reply));
        else
                receiver_failed(e->receiver, wait_after(e, reply));
        drop_order(e);
}

/* Whoever cannot be asked about is left as it is: read, as long as it is not known who is there. */
static void end_rooms(struct encrypted *e, const struct matrix_reply *reply) {
        if (reply->outcome == MATRIX_OK && encrypted_rooms_take(&e->rooms, reply->body, /* all= */ true) >= 0) {
                e->look = false;
                backoff_reset(&e->backoff);
        } else if (is_refused(reply))
                e->look = false;
        else
                e->ask_at = wait_after(e, reply);
}

static void end_members(struct encrypted *e, const struct matrix_reply *reply) {
        const json_t *answer = reply->outcome == MATRIX_OK ? reply->body : NULL;

        if ((answer || is_refused(reply)) && encrypted_rooms_clear_up(&e->rooms, e->room, answer, e->user_id) >= 0)
                backoff_reset(&e->backoff);
        else
                e->ask_at = wait_after(e, reply);
}

static void on_reply(const struct matrix_reply *reply, void *userdata) {
        struct encrypted *e = userdata;
        enum question question = e->question;

        e->request = NULL;
        e->question = ASKS_NOTHING;
        if (question == ASKS_RECEIVER)
                end_receivers(e, reply);
        else if (question == ASKS_ROOMS)
                end_rooms(e, reply);
        else
                end_members(e, reply);
        if (question != ASKS_RECEIVER && want(e) < 0)
                log_debug("Account %s: no memory for the people of encrypted rooms", e->account);
        e->touched(e->userdata);
}

/* ---- questions ---- */

static int ask_receivers(struct encrypted *e) {
        switch (e->order.step) {
        case RECEIVER_UPLOAD:
                return matrix_keys_upload(e->client, e->order.body, on_reply, e, &e->request);
        case RECEIVER_QUERY:
                return matrix_keys_query(e->client, e->order.body, on_reply, e, &e->request);
        case RECEIVER_CLAIM:
                return matrix_keys_claim(e->client, e->order.body, on_reply, e, &e->request);
        case RECEIVER_SEND:
                return matrix_send_to_device(e->client, "m.room.encrypted", e->order.txn, e->order.body, on_reply, e,
                                             &e->request);
        case RECEIVER_IDLE:
        case RECEIVER_SAVE:
                return 0;
        }
        return 0;
}

static int ask_rooms(struct encrypted *e, const char *says) {
        SCOPED(json_decref) json_t *filter = encrypted_rooms_filter_new();

        return filter ? matrix_state_get(e->client, filter, says, on_reply, e, &e->request) : -ENOMEM;
}

static int ask_members(struct encrypted *e, const char *room_id) {
        char *room = strdup(room_id);

        if (!room)
                return -ENOMEM;
        free(e->room);
        e->room = room;
        return matrix_joined_members_get(e->client, room, on_reply, e, &e->request);
}

static void ask(struct encrypted *e, const char *says, usec_t now) {
        const char *unclear = e->scope == ENCRYPTED_CALLS_DM ? encrypted_rooms_unclear(&e->rooms) : NULL;
        int r = 0;

        if (e->order.step != RECEIVER_IDLE) {
                e->question = ASKS_RECEIVER;
                r = ask_receivers(e);
        } else if (e->look && now >= e->ask_at) {
                e->question = ASKS_ROOMS;
                r = ask_rooms(e, says);
        } else if (unclear && now >= e->ask_at) {
                e->question = ASKS_MEMBERS;
                r = ask_members(e, unclear);
        }
        if (r >= 0)
                return;
        e->ask_at = usec_add(now, backoff_next(&e->backoff, e->random(e->userdata)));
        if (e->question == ASKS_RECEIVER) {
                receiver_failed(e->receiver, e->ask_at);
                drop_order(e);
        }
        e->question = ASKS_NOTHING;
}

void encrypted_retry_now(struct encrypted *e) {
        if (!e)
                return;
        backoff_reset(&e->backoff);
        backoff_reset(&e->save_backoff);
        e->ask_at = e->save_at = 0;
        receiver_retry(e->receiver);
}

void encrypted_answers_again(struct encrypted *e) {
        if (!e)
                return;
        backoff_reset(&e->backoff);
        e->ask_at = usec_min(e->ask_at, e->asked_until);
        receiver_answers_again(e->receiver, e->asked_until);
}

void encrypted_stop(struct encrypted *e) {
        if (!e)
                return;
        if (e->request && e->question == ASKS_RECEIVER) {
                if (e->order.step == RECEIVER_UPLOAD)
                        receiver_lost(e->receiver, 0);
                else
                        receiver_failed(e->receiver, 0);
                drop_order(e);
        }
        e->request = http_request_free(e->request);
        e->question = ASKS_NOTHING;
}

/* ---- facts ---- */

static enum encrypted_state state_of(const struct encrypted *e) {
        switch (receiver_facts(e->receiver).own) {
        case OWN_SIGNED:
                return ENCRYPTED_VERIFIED;
        case OWN_UNPROVEN:
                return ENCRYPTED_UNPROVEN;
        case OWN_UNSIGNED:
        case OWN_GONE:
                return ENCRYPTED_UNVERIFIED;
        case OWN_OTHER:
                return ENCRYPTED_LOST;
        case OWN_UNKNOWN:
        case OWN_STATES:
                break;
        }
        return ENCRYPTED_CHECKING;
}

/* Where nothing is read, what keeps from reading is of no interest, but for what harms others. */
static enum encrypted_state shown_state(const struct encrypted *e) {
        enum encrypted_state state = state_of(e);

        if (e->scope != ENCRYPTED_CALLS_OFF || receiver_facts(e->receiver).own == OWN_UNSIGNED)
                return state;
        return ENCRYPTED_OFF;
}

bool encrypted_facts(const struct encrypted *e, struct encrypted_facts *ret) {
        struct receiver_facts f;

        if (!e)
                return false;
        f = receiver_facts(e->receiver);
        *ret = (struct encrypted_facts){
                .state = shown_state(e),
                .harms = e->harms,
                .n_withholding = f.n_withholding,
                .n_unreadable = f.n_unreadable + e->n_unreadable,
        };
        return true;
}

/* The device stays without a signature. Returns when to look again. */
static usec_t judge_harm(struct encrypted *e, const struct instant *at) {
        const struct receiver_facts f = receiver_facts(e->receiver);
        const usec_t ends_wall = usec_add(f.unsigned_since_wall, f.never_signed ? 0 : ENCRYPTED_UNSIGNED_MAX),
                     told_until = usec_add(e->told_at, ENCRYPTED_TOLD_MIN);

        e->harms = false;
        if (f.own != OWN_UNSIGNED)
                return USEC_NEVER;
        if (at->wall < ends_wall)
                return usec_add(at->now, ends_wall - at->wall);
        e->harms = at->now >= told_until && at->now < f.own_again_at;
        return at->now < told_until ? told_until : USEC_NEVER;
}

static void say(const struct encrypted *e, enum encrypted_state state) {
        const struct receiver_facts f = receiver_facts(e->receiver);

        if (state == ENCRYPTED_UNVERIFIED && f.own == OWN_UNSIGNED && f.never_signed)
                log_warning("Account %s: verifying this session was broken off before another session has signed it: "
                            "run 'busyctl verify %s'; without that it is logged out in an hour, since it keeps others "
                            "who have verified you from writing to you",
                            e->account, e->account);
        else if (state == ENCRYPTED_UNVERIFIED && f.own == OWN_UNSIGNED)
                log_warning("Account %s: this session is not verified any more, so others may not give it their keys, "
                            "nor write to you where they have verified you: run 'busyctl verify %s'; after a week "
                            "without that it is logged out",
                            e->account, e->account);
        else if (state == ENCRYPTED_UNVERIFIED)
                log_warning("Account %s: the server has no keys of this session any more, so others cannot give it "
                            "theirs: run 'busyctl verify %s'",
                            e->account, e->account);
        else if (state == ENCRYPTED_UNPROVEN)
                log_warning(
                        "Account %s: this session is signed by an identity that was not proved here to be yours, as "
                        "where another session has signed it and comparing emoji was broken off: run 'busyctl "
                        "verify %s' to see calls in encrypted rooms",
                        e->account, e->account);
        else if (state == ENCRYPTED_LOST)
                log_warning("Account %s: the server has other keys of this session than the ones here: run 'busyctl "
                            "logout %s', 'busyctl login' and 'busyctl verify'",
                            e->account, e->account);
        else if (state == ENCRYPTED_VERIFIED)
                log_info("Account %s: a verified session, calls in encrypted rooms are seen", e->account);
}

/* Once for each change that there is something to be done about. */
static void tell(struct encrypted *e, usec_t now) {
        enum encrypted_state state = shown_state(e);

        if (state == e->told || receiver_facts(e->receiver).own == OWN_UNKNOWN)
                return;
        say(e, state);
        e->told = state;
        e->told_at = now;
}

/* ---- what comes ---- */

int encrypted_take(struct encrypted *e, const json_t *answer, const struct instant *at) {
        const json_t *lists = json_member_object(answer, "device_lists");
        const struct receiver_sync sync = {
                .to_device = json_member_array(json_member_object(answer, "to_device"), "events"),
                .one_time_key_counts = json_member_object(answer, "device_one_time_keys_count"),
                .unused_fallback_keys = json_member_array(answer, "device_unused_fallback_key_types"),
                .changed = json_member_array(lists, "changed"),
        };
        usec_t wake_at;
        int r = e->scope == ENCRYPTED_CALLS_OFF ? 0 : encrypted_rooms_take(&e->rooms, answer, /* all= */ false);

        if (r > 0)
                r = want(e);
        if (r >= 0)
                r = receiver_take_sync(e->receiver, &sync, at);
        return r < 0 ? r : decide(e, at, /* may_ask= */ false, &wake_at);
}

bool encrypted_awaits(const struct encrypted *e, usec_t now) {
        return e && receiver_awaits(e->receiver, now);
}

bool encrypted_expects(struct encrypted *e) {
        return e && receiver_took_key(e->receiver);
}

/* The look at all rooms comes first, but for what may end a call. */
static bool may_ask(const struct encrypted *e, const char *says, usec_t now) {
        return says && !e->request && (encrypted_awaits(e, now) || !(e->look && now >= e->ask_at));
}

usec_t encrypted_run(struct encrypted *e, const char *says, const struct instant *at) {
        usec_t wake_at = USEC_NEVER;

        if (!e)
                return USEC_NEVER;
        if (at->now >= e->save_at && decide(e, at, may_ask(e, says, at->now), &wake_at) < 0)
                e->save_at = usec_add(at->now, backoff_next(&e->save_backoff, e->random(e->userdata)));
        if (e->save_at > at->now)
                wake_at = usec_min(wake_at, e->save_at);
        if (e->late_at > at->now)
                wake_at = usec_min(wake_at, e->late_at);
        if (says && !e->request)
                ask(e, says, at->now);
        if (e->ask_at > at->now && (e->look || encrypted_rooms_unclear(&e->rooms)))
                wake_at = usec_min(wake_at, e->ask_at);
        tell(e, at->now);
        return usec_min(wake_at, judge_harm(e, at));
}

/* ---- events ---- */

struct reading {
        struct matrix_event *events;
        struct room_plaintext *plain;
        size_t n_plain;
        struct late_event late[LATE_MAX]; /* those that `plain` was read out of; nothing where it was in the answer */
};

static struct reading *reading_free(struct reading *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_plain; i++)
                room_plaintext_done(&r->plain[i]);
        for (size_t i = 0; i < LATE_MAX; i++)
                late_event_done(&r->late[i]);
        free(r->events);
        free(r->plain);
        free(r);
        return NULL;
}

CLEANUP(struct reading, reading_free);

static bool is_encrypted(const struct matrix_event *e) {
        return streq(e->type, "m.room.encrypted") && !e->state_key;
}

/* What cannot be of a call is not read. */
static bool is_candidate(struct encrypted *e, const struct matrix_event *event) {
        if (e->scope == ENCRYPTED_CALLS_OFF)
                return false;
        if (streq(event->sender, e->user_id))
                return true;
        return e->scope == ENCRYPTED_CALLS_DM && (has_room(e, event->room_id) || is_live(e, event->room_id));
}

/* 1: *ret is what was read, and is of a call. What is of something else is freed at once. */
static int read_one(struct encrypted *e, const struct matrix_event *event, const struct instant *at,
                    struct room_plaintext *ret) {
        int r;

        if (!is_candidate(e, event))
                return 0;
        if (encrypted_rooms_note(&e->rooms, event->room_id) < 0)
                return -ENOMEM;
        r = receiver_read(e->receiver, event, at, ret);
        if (r < 0)
                return r;
        if (r != ROOM_READ) {
                e->n_unreadable += r != ROOM_NO_KEY && r != ROOM_KEY_UNPROVEN && r != ROOM_NOT_ENCRYPTED;
                return 0;
        }
        if (kinds_want_message(ret->event.type))
                return 1;
        room_plaintext_done(ret);
        return 0;
}

static struct reading *reading_new(size_t n_events, size_t n_plain) {
        SCOPED(reading_free) struct reading *r = calloc(1, sizeof(*r));

        if (!r)
                return NULL;
        r->events = calloc(n_events, sizeof(*r->events));
        r->plain = calloc(n_plain, sizeof(*r->plain));
        return r->events && r->plain ? TAKE(r) : NULL;
}

static int read_events(struct encrypted *e, const struct room_events *events, const struct instant *at,
                       struct room_events *ret, struct reading **ret_reading) {
        SCOPED(reading_free) struct reading *reading = NULL;
        size_t n_encrypted = 0;

        *ret = *events;
        *ret_reading = NULL;
        for (size_t i = 0; i < events->n_events; i++)
                n_encrypted += is_encrypted(&events->events[i]);
        if (n_encrypted == 0)
                return 0;
        reading = reading_new(events->n_events, n_encrypted);
        if (!reading)
                return -ENOMEM;
        memcpy(reading->events, events->events, events->n_events * sizeof(*reading->events));
        for (size_t i = 0; i < events->n_events; i++) {
                int r = is_encrypted(&events->events[i])
                                ? read_one(e, &events->events[i], at, &reading->plain[reading->n_plain])
                                : 0;

                if (r < 0)
                        return r;
                if (r > 0)
                        reading->events[i] = reading->plain[reading->n_plain++].event;
        }
        ret->events = reading->events;
        *ret_reading = TAKE(reading);
        return 0;
}

/* NULL: nothing, also beside an error. */
static int read_late(struct encrypted *e, const struct instant *at, struct reading **ret) {
        SCOPED(reading_free) struct reading *reading = NULL;
        int r = 1;

        *ret = NULL;
        if (!receiver_may_read_late(e->receiver))
                return 0;
        reading = reading_new(LATE_MAX, LATE_MAX);
        if (!reading)
                return -ENOMEM;
        while (r > 0 && reading->n_plain < LATE_MAX) {
                SCOPED(room_plaintext_done) struct room_plaintext plain = { 0 };
                SCOPED(late_event_done) struct late_event late = { 0 };

                r = receiver_read_late(e->receiver, at, &late, &plain);
                if (r <= 0 || !(late.torn ? kinds_only_end(&plain.event) : kinds_want_message(plain.event.type)))
                        continue;
                reading->events[reading->n_plain] = plain.event;
                reading->late[reading->n_plain] = late;
                reading->plain[reading->n_plain++] = plain;
                plain = (struct room_plaintext){ 0 };
                late = (struct late_event){ 0 };
        }
        if (reading->n_plain > 0)
                *ret = TAKE(reading);
        return r < 0 ? r : 0;
}

static void tell_lost(struct encrypted *e, struct kinds *kinds, const struct kind_time *t) {
        for (;;) {
                SCOPED(late_event_done) struct late_event lost = { 0 };

                if (receiver_take_lost(e->receiver, t->now, &lost) == 0)
                        return;
                kinds_lost(kinds, &lost.event, t);
        }
}

/* What had to go may have ended what comes with it. */
int encrypted_apply(struct encrypted *e, struct kinds *kinds, const struct room_events *events,
                    const struct instant *at) {
        const struct kind_time t = { .now = at->now, .wall = at->wall };
        SCOPED(reading_free) struct reading *reading = NULL;
        struct room_events readable = *events;
        int r = e ? read_events(e, events, at, &readable, &reading) : 0;

        kinds_apply(kinds, r < 0 ? events : &readable, &t);
        if (e)
                tell_lost(e, kinds, &t);
        return r;
}

static void tear_late(struct reading *r, const char *room_id) {
        struct late_event late;
        size_t n = 0;

        for (size_t i = 0; i < r->n_plain; i++)
                if ((!room_id || streq(r->events[i].room_id, room_id)) && !kinds_only_end(&r->events[i])) {
                        room_plaintext_done(&r->plain[i]);
                        late_event_done(&r->late[i]);
                } else {
                        r->events[n] = r->events[i];
                        r->plain[n] = r->plain[i];
                        late = r->late[i];
                        r->late[i] = (struct late_event){ 0 };
                        r->late[n++] = late;
                }
        r->n_plain = n;
}

void encrypted_torn(struct encrypted *e, const char *room_id) {
        if (!e)
                return;
        if (!room_id)
                receiver_doubt_devices(e->receiver);
        receiver_tear_late(e->receiver, room_id);
        if (e->late)
                tear_late(e->late, room_id);
}

/* 1, if there was anything; 0; -ENOMEM. */
static int apply_late(struct encrypted *e, struct kinds *kinds, const struct instant *at) {
        const struct kind_time t = { .now = at->now, .wall = at->wall };
        int r = e->late ? 0 : read_late(e, at, &e->late);

        if (!e->late)
                return r;
        kinds_apply(kinds, &(struct room_events){ .events = e->late->events, .n_events = e->late->n_plain }, &t);
        if (kinds_take_lack(kinds))
                return -ENOMEM;
        e->late = reading_free(e->late);
        e->late_begun = true;
        return r < 0 ? r : 1;
}

int encrypted_apply_late(struct encrypted *e, struct kinds *kinds, const struct instant *at) {
        bool any;
        int r;

        if (!e)
                return 0;
        do
                r = apply_late(e, kinds, at);
        while (r > 0);
        e->late_at = r < 0 ? usec_add(at->now, LATE_AGAIN) : USEC_NEVER;
        if (r < 0)
                return r;
        any = e->late_begun;
        e->late_begun = false;
        return any;
}

/* ---- the object ---- */

int encrypted_new(struct encrypted **ret, const struct encrypted_keeper *keeper, const struct encrypted_options *o,
                  const struct instant *at) {
        SCOPED(encrypted_free) struct encrypted *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        e->client = o->client;
        e->keeper = *keeper;
        e->keeper.stored = NULL;
        e->random = o->random;
        e->touched = o->touched;
        e->is_live = o->is_live;
        e->userdata = o->userdata;
        e->backoff = e->save_backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_MAX };
        e->account = strdup(o->account);
        e->user_id = strdup(o->user_id);
        if (!e->account || !e->user_id)
                return -ENOMEM;
        r = encrypted_rooms_init(&e->rooms);
        if (r >= 0)
                r = receiver_load(&e->receiver, keeper->stored, keeper->key, at);
        if (r < 0)
                return r;
        receiver_set_scope(e->receiver,
                           &(struct receiver_scope){ .has_room = has_room, .is_live = is_live, .userdata = e });
        encrypted_set_scope(e, o->scope);
        *ret = TAKE(e);
        return 0;
}

struct encrypted *encrypted_free(struct encrypted *e) {
        if (!e)
                return NULL;
        http_request_free(e->request);
        drop_order(e);
        reading_free(e->late);
        receiver_free(e->receiver);
        encrypted_rooms_done(&e->rooms);
        free(e->room);
        free(e->account);
        free(e->user_id);
        free(e);
        return NULL;
}
