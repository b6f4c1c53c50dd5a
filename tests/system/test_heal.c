/* Whatever dies, what was there before comes back. */
#include <signal.h>

#include "state/state.h"
#include "system/harness.h"

static void in_call(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
}

static void healed(struct world *w) {
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}

WORLD_TEST(heal, killed_and_the_call_is_over_at_the_restart) {
        in_call(w);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        cr_assert(hs_wait_presence(w->hs, HS_BUSY, NULL, 0), "nobody gave it back meanwhile");
        world_start(w);
        healed(w);
}

WORLD_TEST(heal, killed_and_the_call_goes_on_at_the_restart) {
        in_call(w);
        world_kill(w);
        world_start_online(w);
        expect_claim(w, "held");
        expect_availability(w, "busy");
        call_hangup(w, ROOM, "c1");
        healed(w);
        expect_nothing_kept(w);
}

/* Each restart looks from before the call began, not only the first one. */
WORLD_TEST(heal, killed_again_and_again_while_the_call_goes_on) {
        in_call(w);
        for (unsigned deaths = 0; deaths < 3; deaths++) {
                world_kill(w);
                world_start_online(w);
                expect_claim(w, "held");
                expect_availability(w, "busy");
        }
        call_hangup(w, ROOM, "c1");
        healed(w);
}

/* What was stored is from a time that has yet to come: as if this much had been taken off the clock since. */
static void set_clock_back(struct world *w, usec_t by) {
        struct state_account account;
        struct state *state = NULL;

        cr_assert_eq(state_open(&state, world_state_path(w, ""), NULL, NULL), 0);
        cr_assert_eq(state_get_account(state, ACCOUNT, &account), 0);
        check(w, account.since, "no position is stored");
        account.since_at_wall += by;
        cr_assert_eq(state_put_account(state, ACCOUNT, &account), 0);
        (void) state_free(state);
}

/* How old the position is cannot be told then; the call that it leads back to goes on. */
WORLD_TEST(heal, a_clock_that_was_set_back_hides_no_call) {
        static const usec_t steps[] = { USEC_PER_HOUR, 365 * 24 * USEC_PER_HOUR };

        in_call(w);
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                world_kill(w);
                set_clock_back(w, steps[i]);
                world_start_online(w);
                expect_availability(w, "busy");
                expect_claim(w, "held");
        }
        call_hangup(w, ROOM, "c1");
        healed(w);
}

static const struct point_row {
        const char *what;
        bool leaving;
        struct hs_fault fault;
} point_rows[] = {
        { "1 the write hangs", false, { .match = { .method = "PUT", .path = "*/presence/*" }, .kind = HS_HANG } },
        { "2 written, no answer",
          false,
          { .match = { .method = "PUT", .path = "*/presence/*" }, .kind = HS_HOLD_AFTER } },
        { "3 the reading hangs", false, { .match = { .method = "GET", .path = "*/presence/*" }, .kind = HS_HANG } },
        { "4 giving back hangs", true, { .match = { .method = "PUT", .path = "*/presence/*" }, .kind = HS_HANG } },
        { "5 given back, no answer",
          true,
          { .match = { .method = "PUT", .path = "*/presence/*" }, .kind = HS_HOLD_AFTER } },
};

static void killed_at(const struct point_row *row) {
        struct world *w = world_new(NULL);
        size_t mark;

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        if (row->leaving) {
                call_starts(w, ROOM, "c1");
                expect_claim(w, "held");
        }
        mark = hs_n_requests(w->hs);
        hs_fault(w->hs, &row->fault);
        if (row->leaving)
                call_hangup(w, ROOM, "c1");
        else
                call_starts(w, ROOM, "c1");
        check(w, hs_wait_request(w->hs, row->fault.match, mark, patience(), NULL), "%s: never asked", row->what);
        world_kill(w);
        hs_clear_faults(w->hs);
        if (!row->leaving)
                call_hangup(w, ROOM, "c1");
        world_start(w);
        healed(w);
        world_end(w);
}

Test(heal, killed_at_each_point) {
        for (size_t i = 0; i < ARRAY_SIZE(point_rows); i++)
                killed_at(&point_rows[i]);
}

WORLD_TEST(heal, term_gives_back) {
        in_call(w);
        cr_assert_eq(world_stop(w), 0);
        cr_assert(hs_wait_presence(w->hs, "online", "Reading", 0), "not given back before the end");
}

/* A server that does not answer holds the end up for a bounded time only; what is owed stays owed. */
WORLD_TEST(heal, term_while_the_server_hangs) {
        in_call(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = HS_PRESENCE_PUT, .kind = HS_HANG });
        cr_assert_eq(world_stop(w), 0);
        hs_clear_faults(w->hs);
        call_hangup(w, ROOM, "c1");
        world_start(w);
        healed(w);
}

WORLD_TEST(heal, server_is_gone_when_the_call_ends) {
        in_call(w);
        hs_stop(w->hs);
        call_hangup(w, ROOM, "c1");
        cr_assert_eq(hs_start(w->hs, HS_KEEPS), 0);
        healed(w);
}

/* The same for a call that busyd can see the end of without the server. */
WORLD_TEST(heal, server_is_gone_when_busy_by_hand_ends) {
        const char *mode = "busy", *nothing = "";
        dbus_uint64_t duration = 0;

        world_start_online(w);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "SetMode", NULL, DBUS_TYPE_STRING, &mode, DBUS_TYPE_UINT64,
                       &duration, DBUS_TYPE_STRING, &nothing, DBUS_TYPE_INVALID));
        expect_presence(w, HS_BUSY, NULL);
        hs_stop(w->hs);
        mode = "auto";
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "SetMode", NULL, DBUS_TYPE_STRING, &mode, DBUS_TYPE_UINT64,
                       &duration, DBUS_TYPE_STRING, &nothing, DBUS_TYPE_INVALID));
        expect_availability(w, "free");
        cr_assert_eq(hs_start(w->hs, HS_KEEPS), 0);
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

WORLD_TEST(heal, server_restarts_and_forgets_mid_call) {
        in_call(w);
        hs_stop(w->hs);
        hs_client_polls(w->hs, PHONE, NULL);
        cr_assert_eq(hs_start(w->hs, HS_LOSES), 0);
        expect_availability(w, "busy");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
}

WORLD_TEST(heal, token_is_revoked_mid_call) {
        in_call(w);
        hs_revoke(w->hs, DEVICE, false);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not said");
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Problem", "busyctl login"), "not what to do");
        call_hangup(w, ROOM, "c1");
        cr_assert_eq(world_stop(w), 0);
        /* Logged in again, what was owed is paid. */
        world_session(w);
        world_start(w);
        healed(w);
}
