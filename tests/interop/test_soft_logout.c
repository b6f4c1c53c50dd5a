/* Tokens of a Synapse that has its own logins: they end after minutes and are renewed, and with the session it is over
 * where nobody has renewed it for too long (401 with soft_logout). In the middle of a call, and others are told of one
 * busy all the same. */
#include <criterion/criterion.h>
#include <signal.h>

#include "interop/desk.h"
#include "state/session.h"

#define BUSY   PRESENCE_BUSY_WIRE " " DESK_MESSAGE
#define BEFORE "offline before"

#define LIFE_SEC      8
#define RENEWABLE_SEC 30

#define REFUSED     "Processed| 401 \"|\"busyd/"
#define RENEWED     "Processed| 200 \"POST |/refresh HTTP|\"busyd/"
#define NOT_RENEWED "Processed| 403 \"POST |/refresh HTTP|\"busyd/"

#define SOFT_LOGOUT_TEST(name)                                                                                        \
        DESK_TEST(soft_logout, name, .config = "presence = busy\n",                                                   \
                  .synapse = { .no_presence_limit = true, .token_sec = LIFE_SEC, .renewable_sec = RENEWABLE_SEC })

/* From the begin of the call on others were told of one value until that of before. */
static void told_once(struct desk *d, struct witness *w) {
        SCOPED(free) char *story = witness_until(w, BEFORE);

        desk_check(d, streq(story, ""), "others were told:\n%s", story);
}

static void call_begins(struct desk *d, struct witness *w) {
        desk_call_in(d, "call");
        free(witness_until(w, BUSY));
        desk_expect_claim(d, "held");
}

static void somebody_else_calls(struct desk *d, const char *call) {
        send_invite(d->peer, d->room, call, 60000);
        send_hangup(d->peer, d->room, call, "user_hangup");
}

static void expect_state(struct desk *d, const char *state) {
        desk_check(d, peer_wait_is(d->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", state), "not %s", state);
}

/* As after a clock that was set, or a session that another program has stored. */
static void forget_when_it_ends(struct desk *d) {
        struct session s;

        cr_assert_eq(session_load(world_state_path(d->world, ""), ACCOUNT, &s), 0);
        s.expires_at = 0;
        cr_assert_eq(session_save(world_state_path(d->world, ""), ACCOUNT, &s), 0);
        session_done(&s);
}

/* Nobody knows of the end but the server, and the first that busyd hears of it is 401. */
SOFT_LOGOUT_TEST(is_no_end_while_the_token_can_be_renewed) {
        struct witness *w;
        long from;

        cr_assert_eq(world_stop(d->world), 0);
        forget_when_it_ends(d);
        w = witness_start(d->peer, d->me);
        from = synapse_log_end(d->synapse);
        world_start_online(d->world);
        call_begins(d, w);
        synapse_log_wait(d->synapse, synapse_log_wait(d->synapse, from, REFUSED), RENEWED);
        expect_state(d, "online");
        send_hangup(d->peer, d->room, "call", "user_hangup");
        told_once(d, w);
        expect_nothing_owed(d->world);
        witness_free(w);
}

/* Nobody has renewed it in time, as on a machine that was asleep: the next login is of the same device, and the call
 * goes on. */
SOFT_LOGOUT_TEST(for_good_waits_for_the_next_login) {
        struct witness *w = witness_start(d->peer, d->me);
        struct session before, after;
        long from;

        cr_assert_eq(session_load(world_state_path(d->world, ""), ACCOUNT, &before), 0);
        call_begins(d, w);
        from = synapse_log_end(d->synapse);
        cr_assert_eq(kill(d->world->busyd, SIGSTOP), 0);
        desk_let_pass((RENEWABLE_SEC + 2) * USEC_PER_SEC);
        cr_assert_eq(kill(d->world->busyd, SIGCONT), 0);
        somebody_else_calls(d, "other");
        synapse_log_wait(d->synapse, from, NOT_RENEWED);
        expect_state(d, "signed-out");
        desk_check(d, world_owes(d->world, /* kept_too= */ false), "what is owed is forgotten");
        desk_log_in(d);
        expect_state(d, "online");
        cr_assert_eq(session_load(world_state_path(d->world, ""), ACCOUNT, &after), 0);
        desk_check(d, streq(before.device_id, after.device_id), "another device: %s", after.device_id);
        send_hangup(d->peer, d->room, "call", "user_hangup");
        told_once(d, w);
        expect_nothing_owed(d->world);
        session_done(&before);
        session_done(&after);
        witness_free(w);
}
