/* A 1:1 call with real sound in an encrypted room, placed, answered and hung up by matrix-js-sdk with its Rust crypto
 * in Chromium: what of it a verified busyd sees. */
#include "interop/browser.h"
#include "interop/scene.h"

static void call(struct scene *s, struct browser *b, const char *caller, const char *callee,
                 const char *who_hangs_up) {
        struct desk *d = s->desk;

        browser_place_call(b, caller, s->room);
        browser_expect(b, callee, "call", "ringing");
        browser_answer(b, callee);
        browser_expect(b, caller, "call", "connected");
        browser_expect(b, callee, "call", "connected");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        browser_hang_up(b, who_hangs_up);
        browser_expect(b, caller, "call", "ended");
        browser_expect(b, callee, "call", "ended");
        desk_expect(d, "offline", "before");
        expect_nothing_owed(d->world);
}

DESK_TEST(browser_encrypted, a_call_in_an_encrypted_room_is_seen_both_ways, .synapse = { .no_presence_limit = true }) {
        struct scene s = scene_begin(d);
        struct browser *b = browser_start(d);

        scene_verify(&s);
        browser_log_in_encrypting(b, "mine", "me");
        browser_log_in_encrypting(b, "theirs", "peer");
        browser_verify(b, "mine", s.key);
        call(&s, b, "theirs", "mine", "mine");
        call(&s, b, "mine", "theirs", "theirs");
        cr_assert_eq(desk_times_busy(d), 2);
        browser_close(b);
        scene_end(&s);
}
