/* Sessions of MatrixRTC, joined and left by matrix-js-sdk's own MatrixRTCSession. There is no media server: who takes
 * part is all that busyd looks at. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/browser.h"

/* These are about sessions, not about waiting for turns of the presence limit. */
#define DELAYED_EVENTS .synapse = { .no_presence_limit = true, .delayed_events = true }

static void expect_busy(struct desk *d) {
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
}

static void expect_restored(struct desk *d) {
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        cr_assert_eq(desk_times_busy(d), 1);
}

/* Two devices of the user take part; the last one to leave ends it. */
static void busy_until_the_last_one_left(struct desk *d, const struct rtc_options *options) {
        struct browser *b = browser_start(d);
        SCOPED(free) char *room = NULL;

        browser_log_in(b, "laptop", "me");
        browser_log_in(b, "tablet", "me");
        room = browser_new_room(b, "laptop", false);
        browser_join(b, "laptop", room, options);
        expect_busy(d);
        browser_join(b, "tablet", room, options);
        desk_expect_calls(d, 2);
        browser_leave(b, "laptop", room);
        desk_expect_calls(d, 1);
        desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        browser_leave(b, "tablet", room);
        expect_restored(d);
        browser_close(b);
}

DESK_TEST(browser_rtc, busy_until_the_last_device_left, DELAYED_EVENTS) {
        busy_until_the_last_one_left(d, &(struct rtc_options){ .delayed = true });
}

DESK_TEST(browser_rtc, busy_until_the_last_device_left_in_sticky_events,
          .synapse = { .no_presence_limit = true, .delayed_events = true, .sticky_events = true }) {
        busy_until_the_last_one_left(d, &(struct rtc_options){ .sticky = true });
}

/* The client dies without a word. */
static void killed_in_session(struct desk *d, const struct rtc_options *options) {
        struct browser *b = browser_start(d);
        SCOPED(free) char *room = NULL;

        browser_log_in(b, "laptop", "me");
        room = browser_new_room(b, "laptop", false);
        browser_join(b, "laptop", room, options);
        expect_busy(d);
        browser_kill(b);
        expect_restored(d);
}

DESK_TEST(browser_rtc, the_server_speaks_for_a_client_that_died, DELAYED_EVENTS) {
        killed_in_session(d, &(struct rtc_options){ .delayed = true });
}

DESK_TEST(browser_rtc, the_membership_of_a_client_that_died_expires, .synapse = { .no_presence_limit = true }) {
        killed_in_session(d, &(struct rtc_options){ .expires_msec = 15000 });
}

DESK_TEST(browser_rtc, a_session_that_began_before_busyd, DELAYED_EVENTS) {
        struct browser *b = browser_start(d);
        SCOPED(free) char *room = NULL;

        cr_assert_eq(world_stop(d->world), 0);
        browser_log_in(b, "laptop", "me");
        room = browser_new_room(b, "laptop", false);
        browser_join(b, "laptop", room, NULL);
        world_start_online(d->world);
        expect_busy(d);
        browser_leave(b, "laptop", room);
        expect_restored(d);
        browser_close(b);
}

/* Who takes part stays readable where everything else is encrypted. */
DESK_TEST(browser_rtc, a_session_in_an_encrypted_room, DELAYED_EVENTS) {
        struct browser *b = browser_start(d);
        SCOPED(free) char *room = NULL;

        browser_log_in_encrypting(b, "laptop", "me");
        browser_log_in_encrypting(b, "tablet", "me");
        room = browser_new_room(b, "laptop", true);
        browser_join(b, "laptop", room, &(struct rtc_options){ .keys = true, .delayed = true });
        expect_busy(d);
        browser_join(b, "tablet", room, &(struct rtc_options){ .keys = true, .delayed = true });
        desk_expect_calls(d, 2);
        browser_leave(b, "laptop", room);
        desk_expect_calls(d, 1);
        browser_leave(b, "tablet", room);
        expect_restored(d);
        browser_close(b);
}

/* ---- Element Call itself; its way to a media server leads nowhere ---- */

DESK_TEST(browser_rtc, element_call_is_joined_and_left, DELAYED_EVENTS) {
        struct browser *b = browser_start(d);
        SCOPED(free) char *room = NULL;

        browser_log_in(b, "laptop", "me");
        room = browser_new_room(b, "laptop", false);
        browser_join_element_call(b, "laptop", room);
        expect_busy(d);
        browser_leave_element_call(b, "laptop", room);
        expect_restored(d);
        browser_close(b);
}

DESK_TEST(browser_rtc, element_call_dies, DELAYED_EVENTS) {
        struct browser *b = browser_start(d);
        SCOPED(free) char *room = NULL;

        browser_log_in(b, "laptop", "me");
        room = browser_new_room(b, "laptop", false);
        browser_join_element_call(b, "laptop", room);
        expect_busy(d);
        browser_kill(b);
        expect_restored(d);
}
