/* What a start finds: soon after an end, Synapse answers a poll that repeats an earlier one from a cache of two
 * minutes, old events one by one; and what others have said before it is in no answer that asks for the user's own. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/desk.h"
#include "interop/web.h"

DESK_TEST(restart, a_call_that_is_over_does_not_come_back, 0) {
        struct witness *w;
        char *story;

        desk_let_pass(25 * USEC_PER_SEC);
        /* Each in an answer of its own. */
        send_invite(d->peer, d->room, "call1", 60000);
        desk_let_pass(2 * USEC_PER_SEC);
        send_answer(d->phone, d->room, "call1");
        desk_let_pass(USEC_PER_SEC);
        send_select(d->peer, d->room, "call1", d->phone);
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_let_pass(23 * USEC_PER_SEC);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        desk_let_pass(17 * USEC_PER_SEC);
        w = witness_start(d->other, d->me);
        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        world_start_online(d->world);
        /* What is old would have come before what is new. */
        desk_let_pass(10 * USEC_PER_SEC);
        desk_call_in(d, "call2");
        story = witness_until(w, PRESENCE_BUSY_WIRE " " DESK_MESSAGE);
        send_hangup(d->peer, d->room, "call2", "user_hangup");
        free(witness_until(w, "offline before"));
        cr_assert_eq(desk_times_busy(d), 2, "busy %u times, after:\n%s", desk_times_busy(d), story);
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        free(story);
        witness_free(w);
}

/* ---- slots of group calls ---- */

static void put(struct desk *d, struct device *by, const char *path, const char *content) {
        SCOPED(free) char *url = NULL;
        struct web_reply reply;

        cr_assert_geq(asprintf(&url, "%s/_matrix/client/v3/rooms/%s/%s", device_base_url(by), d->room, path), 0);
        reply = web_request_text("PUT", url, device_token(by), content, 30000);
        desk_check(d, reply.status == 200, "PUT %s: %ld", path, reply.status);
        json_decref(reply.body);
}

static void put_slot(struct desk *d, const char *content) {
        put(d, d->peer, "state/org.matrix.msc4143.rtc.slot/m.call%23ROOM", content);
}

static void join_slot(struct desk *d, const char *key) {
        SCOPED(free) char *path = NULL, *content = NULL;

        cr_assert_geq(asprintf(&path,
                               "send/org.matrix.msc4143.rtc.member/%s?org.matrix.msc4354.sticky_duration_ms=3600000",
                               key),
                      0);
        cr_assert_geq(asprintf(&content,
                               "{\"slot_id\":\"m.call#ROOM\",\"member\":{\"id\":\"%s\",\"user_id\":\"%s\","
                               "\"device_id\":\"%s\"},\"application\":{\"type\":\"m.call\"},"
                               "\"rtc_transports\":[],\"versions\":[],\"msc4354_sticky_key\":\"%s\"}",
                               key, d->me, device_id(d->phone), key),
                      0);
        put(d, d->phone, path, content);
}

#define OPEN   "{\"status\":\"open\",\"application\":{\"type\":\"m.call\"}}"
#define CLOSED "{\"status\":\"closed\"}"

DESK_TEST(restart, a_slot_that_somebody_has_closed_is_closed_after_a_start,
          .synapse = { .no_presence_limit = true, .sticky_events = true }) {
        put_slot(d, OPEN);
        join_slot(d, "one");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        put_slot(d, CLOSED);
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        /* The first start reads on from before the join, the second from behind the end of it all. */
        for (int i = 0; i < 2; i++) {
                desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
                world_start_online(d->world);
        }
        /* What is old would have come before what is new. */
        desk_call_in(d, "call2");
        desk_expect_claim(d, "held");
        cr_assert_eq(desk_times_busy(d), 2);
        send_hangup(d->peer, d->room, "call2", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(restart, a_slot_that_is_open_is_open_after_a_start,
          .synapse = { .no_presence_limit = true, .sticky_events = true }) {
        put_slot(d, OPEN);
        join_slot(d, "one");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        world_kill(d->world);
        world_start_online(d->world);
        desk_expect_calls(d, 1);
        desk_expect_claim(d, "held");
        put_slot(d, CLOSED);
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}
