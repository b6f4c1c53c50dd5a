/* The loop of /sync against a server that is played by hand, on a clock that is set by hand. */
#pragma once

#include <criterion/criterion.h>
#include <inttypes.h>
#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/sync/sync.h"
#include "unit/http_door.h"

#define START         (2 * USEC_PER_HOUR)
#define POLL          (600 * USEC_PER_SEC)
#define PAUSE         (5 * USEC_PER_SEC)
#define UNKNOWN_POS   "{\"errcode\":\"M_UNKNOWN_POS\",\"error\":\"Unknown position\"}"
#define ERRCODE(code) "{\"errcode\":\"" code "\"}"
#define EMPTY(pos)    "{\"next_batch\":\"" pos "\"}"
/* Somebody's call in a room. */
#define RINGS(pos)                                                                                                    \
        "{\"next_batch\":\"" pos "\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"events\":["                      \
        "{\"type\":\"m.call.invite\",\"sender\":\"@you:hs\",\"event_id\":\"$1\",\"content\":{}}]}}}}}"

/* What is of no concern, from a server that takes no heed of filters. */
#define TALK(pos)                                                                                                     \
        "{\"next_batch\":\"" pos "\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"events\":["                      \
        "{\"type\":\"m.room.message\",\"sender\":\"@you:hs\",\"event_id\":\"$1\",\"content\":{}}]}}}}}"

struct owner {
        struct matrix_client *client;
        struct sync *sync;
        struct sync_handler handler;
        usec_t now, next;
        bool touched, concerned;
        unsigned n_answers, n_failed, n_lost, n_pages; /* pages: of gaps, in all answers */
        unsigned n_torn;                               /* rooms of the last answer, read in part or not at all */
        bool initial, more;                            /* of the last answer */
        usec_t retry_after;                            /* of the last failure */
        int take_error, answer_error;
        unsigned n_taken;
        enum matrix_outcome outcome;
};

static inline void on_touched(void *userdata) {
        ((struct owner *) userdata)->touched = true;
}

static inline int on_answer(void *userdata, const struct sync_answer *answer) {
        struct owner *o = userdata;

        cr_assert_eq(answer->now, o->now, "the answer carries the instant");
        o->n_answers++;
        o->initial = answer->initial;
        o->more = answer->more;
        o->n_pages += (unsigned) answer->n_gaps;
        o->n_torn = (unsigned) answer->n_torn;
        for (size_t i = 0; i < answer->n_gaps; i++)
                if (answer->gaps[i]->torn_room)
                        o->n_torn++;
        return o->answer_error < 0 ? o->answer_error : o->concerned;
}

static inline int on_take(void *userdata, const json_t *body, const struct instant *at) {
        struct owner *o = userdata;

        cr_assert_eq(at->now, o->now);
        cr_assert_not_null(json_member_string(body, "next_batch"));
        o->n_taken++;
        return o->take_error;
}

static inline void on_position_lost(void *userdata) {
        ((struct owner *) userdata)->n_lost++;
}

static inline void on_failed(void *userdata, const struct matrix_reply *reply) {
        struct owner *o = userdata;

        o->n_failed++;
        o->retry_after = reply->retry_after;
        o->outcome = reply->outcome;
}

static inline size_t on_rooms(void *userdata, const char **ret, size_t max) {
        return 0;
}

static inline uint32_t draw(void *userdata) {
        return 7;
}

static inline void run(struct owner *o) {
        o->next = sync_run(o->sync, o->now);
        cr_assert_gt(o->next, o->now, "what is due is done");
}

static inline void set_options_with(struct owner *o, bool turns_at_stake, usec_t pause) {
        sync_set_options(o->sync, &(struct sync_options){ .poll_timeout = POLL,
                                                          .poll_pause = pause,
                                                          .turns_at_stake = turns_at_stake,
                                                          .account_data = "org.example.",
                                                          .says.while_idle = SET_PRESENCE_OFFLINE,
                                                          .says.while_held = SET_PRESENCE_UNAVAILABLE });
}

static inline void set_options(struct owner *o, bool turns_at_stake) {
        set_options_with(o, turns_at_stake, PAUSE);
}

static inline void open_at(struct owner *o, const char *since, usec_t now) {
        SCOPED(json_decref) json_t *messages = json_pack("[s]", "m.call.invite");
        SCOPED(json_decref) json_t *state = json_pack("[s]", "m.call.member");
        SCOPED(json_decref) json_t *in_call = json_pack("[s]", "m.room.member");
        const struct sync_wants wants = { messages, state, in_call };

        *o = (struct owner){ .now = now };
        o->handler = (struct sync_handler){ .touched = on_touched,
                                            .answer = on_answer,
                                            .position_lost = on_position_lost,
                                            .failed = on_failed,
                                            .rooms = on_rooms,
                                            .random = draw,
                                            .userdata = o };
        cr_assert_eq(matrix_client_new(&o->client, NULL, "http://localhost:1", "s3cret"), 0);
        cr_assert_eq(sync_new(&o->sync, o->client, "@me:hs", since, &wants, &o->handler), 0);
        set_options(o, /* turns_at_stake= */ true);
        sync_go(o->sync);
        run(o);
}

static inline void close_it(struct owner *o) {
        sync_free(o->sync);
        matrix_client_free(o->client);
        cr_assert_null(door_waiting(), "what is dropped is cancelled");
}

static inline const char *asked(void) {
        cr_assert_not_null(door_waiting(), "nothing is asked");
        return door_waiting()->url;
}

/* Answers filters until a poll waits. */
static inline const char *poll_of(struct owner *o) {
        for (int i = 0; i < 4; i++) {
                if (!door_waiting()) {
                        cr_assert_neq(o->next, USEC_NEVER, "the loop stands still");
                        o->now = o->next;
                        run(o);
                }
                if (!strstr(asked(), "/filter"))
                        break;
                door_answer(200, "{\"filter_id\":\"1\"}", o->now);
                run(o);
        }
        cr_assert(strstr(asked(), "/sync?"), "%s", asked());
        return asked();
}

/* The owner decides and then lets it go on. */
static inline void answer(struct owner *o, long status, const char *body) {
        door_answer(status, body, o->now);
        cr_assert(o->touched);
        run(o);
}

static inline uint64_t timeout_of(const char *url) {
        const char *s = strstr(url, "timeout=");

        cr_assert_not_null(s, "%s", url);
        return strtoull(s + strlen("timeout="), NULL, 10);
}

/* A whole state, and the events since. */
static inline void begin(struct owner *o) {
        open_at(o, NULL, START);
        cr_assert_null(strstr(poll_of(o), "since="));
        answer(o, 200, EMPTY("s1"));
        cr_assert(strstr(poll_of(o), "since=s1"), "%s", asked());
        answer(o, 200, EMPTY("s1"));
        cr_assert_gt(timeout_of(poll_of(o)), 500000, "a long poll");
}
