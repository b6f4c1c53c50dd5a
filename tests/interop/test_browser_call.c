/* A 1:1 call with real sound between two users, placed, answered and hung up by matrix-js-sdk; each of them has a
 * busyd. */
#include <stdio.h>

#include "interop/browser.h"

/* These are about calls, not about waiting for turns. */
#define QUICK .synapse = { .no_presence_limit = true }

/* The peer's desk: busyd in a world of its own, on the same server. */
static struct world *peers_world(struct desk *d) {
        struct world *w = world_new(&(struct world_options){ .no_homeserver = true });

        device_presence_put(d->peer, "offline", "elsewhere");
        world_config(w, "[busyd]\n"
                        "end-grace = 0s\n"
                        "[account " ACCOUNT "]\n"
                        "message = " DESK_MESSAGE "\n");
        {
                SCOPED_RUN run =
                        world_busyctl(w, SYNAPSE_PASSWORD "\n", "login", ACCOUNT, "--user", device_user_id(d->peer),
                                      "--homeserver", synapse_url(d->synapse), "--password-stdin", NULL);

                check(w, run.code == 0, "busyctl login: %d %s%s", run.code, run.out, run.err);
        }
        world_start_online(w);
        return w;
}

static void expect_peer(struct desk *d, struct world *w, const char *state, const char *message) {
        struct shown_presence p = device_presence_wait(d->phone, device_user_id(d->peer), state, message);

        check(w, streq(p.state, state) && streq(p.message, message), "the user sees %s \"%s\" of the peer", p.state,
              p.message);
}

/* Who hangs up makes no difference. */
static void call_from_browser(struct desk *d, const char *who_hangs_up) {
        struct world *theirs = peers_world(d);
        struct browser *b = browser_start(d);

        browser_log_in(b, "mine", "me");
        browser_log_in(b, "theirs", "peer");
        browser_place_call(b, "theirs", d->room);
        browser_expect(b, "mine", "call", "ringing");
        desk_shows(d, "offline", "before");
        browser_answer(b, "mine");
        browser_expect(b, "mine", "call", "connected");
        browser_expect(b, "theirs", "call", "connected");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        expect_peer(d, theirs, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        expect_claim(theirs, "held");

        browser_hang_up(b, who_hangs_up);
        browser_expect(b, "mine", "call", "ended");
        browser_expect(b, "theirs", "call", "ended");
        desk_expect(d, "offline", "before");
        expect_peer(d, theirs, "offline", "elsewhere");
        expect_nothing_owed(d->world);
        expect_nothing_owed(theirs);
        cr_assert_eq(desk_times_busy(d), 1);
        browser_close(b);
        world_end(theirs);
}

DESK_TEST(browser_call, both_are_busy_until_i_hang_up, QUICK) {
        call_from_browser(d, "mine");
}

DESK_TEST(browser_call, both_are_busy_until_they_hang_up, QUICK) {
        call_from_browser(d, "theirs");
}

/* Nobody takes it: neither becomes busy. The call after it shows that all of it had been seen by then. */
DESK_TEST(browser_call, a_call_i_refuse_is_none, QUICK) {
        struct browser *b = browser_start(d);

        browser_log_in(b, "mine", "me");
        browser_log_in(b, "theirs", "peer");
        browser_place_call(b, "theirs", d->room);
        browser_expect(b, "mine", "call", "ringing");
        browser_reject(b, "mine");
        browser_expect(b, "theirs", "call", "ended");

        desk_call_in(d, "real");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        send_hangup(d->peer, d->room, "real", "user_hangup");
        desk_expect(d, "offline", "before");
        expect_nothing_owed(d->world);
        cr_assert_eq(desk_times_busy(d), 1);
        browser_close(b);
}
