/* Calls one soon after the other, and soon after a start: what is known of the user's other clients must outlive our
 * own claims, and each call must be shown as soon as the server allows. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/desk.h"
#include "system/pace.h"
#include "util/clock.h"

/* Synapse takes a write of presence once in so long, by its own settings; a bit more, for the way there. */
#define SYNAPSE_DISTANCE (10 * USEC_PER_SEC + 700 * USEC_PER_MSEC)

/* Shown at once: much less than the five seconds for which polls may rest, also on a slow machine. */
#define AT_ONCE (2 * USEC_PER_SEC + (usec_t) paced(100) * USEC_PER_MSEC)

/* ---- another client is online ---- */

/* The message comes and goes with the call. */
static void have_call_beside_client(struct desk *d, const char *call) {
        desk_call_in(d, call);
        desk_expect(d, "online", DESK_MESSAGE);
        desk_expect_claim(d, "held");
        desk_let_pass(2 * USEC_PER_SEC);
        send_hangup(d->peer, d->room, call, "user_hangup");
        desk_expect(d, "online", "before");
        desk_expect_claim(d, "free");
}

static void expect_never_busy(struct desk *d, struct witness *w) {
        SCOPED(free) char *story = NULL;

        device_presence_put(d->phone, "online", "after all that");
        story = witness_until(w, "online after all that");
        desk_check(d, !strstr(story, "busy"), "busy was shown:\n%s", story);
}

/* With each of its polls counted, it would catch a busy at once. */
DESK_TEST(quick_calls, what_is_known_of_an_online_client_outlives_a_call, .synapse = { .no_presence_limit = true }) {
        static const unsigned distances[] = { 6, 25, 50 }; /* s */
        struct online_client *client = online_client_start(d->phone);
        struct witness *w;
        char call[16] = "call";

        desk_expect(d, "online", "before");
        online_client_wait_polls(client, online_client_polls(client) + 3);
        w = witness_start(d->other, d->me);
        have_call_beside_client(d, call);
        for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
                (void) snprintf(call, sizeof(call), "call after %u", distances[i]);
                desk_let_pass(distances[i] * USEC_PER_SEC);
                have_call_beside_client(d, call);
        }
        expect_never_busy(d, w);
        witness_free(w);
        online_client_free(client);
}

static void have_calls_after_start(const struct synapse_options *options) {
        struct desk *d = desk_new(&(struct desk_options){ .synapse = *options });
        struct online_client *client = online_client_start(d->phone);
        struct witness *w = witness_start(d->other, d->me);

        desk_log_in(d);
        world_start_online(d->world);
        have_call_beside_client(d, "at once");
        desk_let_pass(6 * USEC_PER_SEC);
        have_call_beside_client(d, "soon");
        expect_never_busy(d, w);
        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        witness_free(w);
        online_client_free(client);
        desk_end(d);
}

Test(quick_calls, an_online_client_is_heeded_right_after_a_start) {
        have_calls_after_start(&(struct synapse_options){ .no_presence_limit = true });
}

Test(quick_calls, an_online_client_is_heeded_right_after_a_start_by_the_servers_own_limits) {
        have_calls_after_start(&(struct synapse_options){ .no_presence_limit = false });
}

/* ---- nobody else is there ---- */

/* Ends `length` after it began, or as soon as it was seen. */
static void have_call_alone(struct desk *d, const char *call, usec_t length) {
        usec_t began, seen;

        desk_call_in(d, call);
        began = clock_now();
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        seen = clock_now();
        fprintf(stderr, "%s: busy %.0f ms after the answer\n", call, (double) (seen - began) / USEC_PER_MSEC);
        desk_check(d, seen - began < AT_ONCE, "%s is not shown at once", call);
        desk_expect_claim(d, "held");
        if (usec_add(began, length) > clock_now())
                desk_let_pass(usec_add(began, length) - clock_now());
        send_hangup(d->peer, d->room, call, "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
}

DESK_TEST(quick_calls, calls_are_shown_at_once_however_close_together, .synapse = { .no_presence_limit = true }) {
        static const unsigned distances[] = { 1, 5, 2, 7, 1, 12, 3, 5, 20, 5, 1 }; /* s */
        char call[32];

        for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
                (void) snprintf(call, sizeof(call), "call %zu", i);
                have_call_alone(d, call, 3 * USEC_PER_SEC);
                desk_let_pass(distances[i] * USEC_PER_SEC);
        }
}

/* More writes than four a minute. */
DESK_TEST(quick_calls, calls_are_shown_as_often_as_the_server_allows, 0) {
        char call[32];

        for (unsigned i = 0; i < 5; i++) {
                desk_let_pass(SYNAPSE_DISTANCE);
                (void) snprintf(call, sizeof(call), "call %u", i);
                have_call_alone(d, call, SYNAPSE_DISTANCE);
        }
}

/* The echo of our own busy may come before the acknowledgement: it is nobody else's. */
DESK_TEST(quick_calls, each_of_three_calls_within_three_minutes_is_busy, 0) {
        usec_t began = clock_now();

        have_call_alone(d, "A", 20 * USEC_PER_SEC);
        desk_let_pass(usec_add(began, 70 * USEC_PER_SEC) - clock_now());
        have_call_alone(d, "B", 20 * USEC_PER_SEC);
        desk_let_pass(40 * USEC_PER_SEC);
        have_call_alone(d, "C", 5 * USEC_PER_SEC);
}
