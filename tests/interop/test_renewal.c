/* Tokens that end in the middle of a call, at a real Synapse that has handed its logins to a real OAuth 2.0 server:
 * whatever happens to them there, those who see the user see one busy, from the call's begin to its end. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interop/desk.h"
#include "interop/login_rig.h"
#include "state/session.h"

#define BUSY   PRESENCE_BUSY_WIRE " " DESK_MESSAGE
#define BEFORE "offline before"

/* Of busyd's tokens; those of the others outlast each test. */
#define LIFE_SEC 12
#define LOGINS   3
#define SHORT    "{\"access_ttl\": 12}"

static struct login_rig *rig;
static struct device *phone, *peer;
static struct witness *witness;
static char *room;

/* ---- who is there ---- */

static void start_busyd(void) {
        world_config(rig->world, "[busyd]\nend-grace = 0s\nlog-level = debug\n[account " ACCOUNT
                                 "]\nmessage = " DESK_MESSAGE "\npresence = busy\n");
        login_rig_order(rig, "set", SHORT);
        login_rig_log_in(rig, rig->world, ACCOUNT, "alice");
        world_start_online(rig->world);
}

static void set_up(const char *const *options) {
        rig = login_rig_start("mas", options);
        login_rig_order(rig, "set", "{\"access_ttl\": 3600}");
        phone = login_rig_device(rig, "alice");
        peer = login_rig_device(rig, "bob");
        room = room_new(peer, phone);
        device_presence_put_in_turn(phone, "offline", "before");
        witness = witness_start(peer, device_user_id(phone));
        start_busyd();
}

static void tear_down(void) {
        witness = witness_free(witness);
        phone = device_free(phone);
        peer = device_free(peer);
        free(room);
        rig = login_rig_free(rig);
}

static void show(void) {
        SCOPED(free) char *log = file_text(world_path(rig->world, "rig/provider.out"));

        fprintf(stderr, "---- provider\n%s", log);
        synapse_show(rig->synapse);
}

#define rig_check(condition, ...)                                                                                     \
        do {                                                                                                          \
                if (!(condition)) {                                                                                   \
                        show();                                                                                       \
                        check(rig->world, false, __VA_ARGS__);                                                        \
                }                                                                                                     \
        } while (0)

/* ---- a call ---- */

static void call_begins(const char *call) {
        send_invite(peer, room, call, 60000);
        send_answer(phone, room, call);
        send_select(peer, room, call, phone);
        free(witness_until(witness, BUSY));
        expect_claim(rig->world, "held");
}

/* Others were told of nothing between its begin and this value. */
static void told_of_nothing_before(const char *what, const char *value) {
        SCOPED(free) char *story = witness_until(witness, value);

        for (char *rest = story, *line; (line = strsep(&rest, "\n")) && *line;)
                rig_check(streq(line, BUSY), "%s: others were told \"%s\"", what, line);
}

static void call_ends(const char *what, const char *call) {
        send_hangup(peer, room, call, "user_hangup");
        told_of_nothing_before(what, BEFORE);
        expect_nothing_owed(rig->world);
}

static void expect_state(const char *what, const char *state) {
        rig_check(peer_wait_is(rig->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", state), "%s: not %s", what,
                  state);
}

/* ---- what is survived ---- */

static void file_is_broken(void) {
        file_put(world_state_path(rig->world, "session-" ACCOUNT ".json"), "{");
        cr_assert_eq(chmod(world_state_path(rig->world, "session-" ACCOUNT ".json"), 0600), 0);
}

static void file_is_open_to_others(void) {
        cr_assert_eq(chmod(world_state_path(rig->world, "session-" ACCOUNT ".json"), 0644), 0);
}

static const struct row {
        const char *what;
        const char *fault; /* an order to the provider, or NULL */
        unsigned n_faults;
        void (*spoil)(void); /* before the renewal; or NULL */
} rows[] = {
        { .what = "nothing else happens" },
        { .what = "the answer is lost", .fault = "{\"path\": \"/oauth2/token\", \"lose\": true}", .n_faults = 1 },
        { .what = "the server starts anew",
          .fault = "{\"path\": \"/oauth2/token\", \"status\": 503, \"count\": 3}",
          .n_faults = 3 },
        { .what = "the server asks to wait",
          .fault = "{\"path\": \"/oauth2/token\", \"status\": 429, \"body\": {\"error\": \"slow_down\"}, "
                   "\"headers\": {\"retry-after\": \"3\"}}",
          .n_faults = 1 },
        { .what = "a proxy says no", .fault = "{\"path\": \"/oauth2/token\", \"status\": 403}", .n_faults = 1 },
        { .what = "the file of the session is broken", .spoil = file_is_broken },
        { .what = "the file of the session is open to others", .spoil = file_is_open_to_others },
};

/* The last token has ended, and nothing was sent since; what busyd wants to send next needs a new one, and that does
 * not come easily. Returns where the provider's log was before. */
static long token_ends(const struct row *row, unsigned life_sec) {
        long from;

        do {
                from = login_rig_log_end(rig);
                desk_let_pass((life_sec + 1) * USEC_PER_SEC);
        } while (login_rig_count(rig, from, RIG_RENEWED) > 0);
        from = login_rig_log_end(rig);
        if (row->fault)
                login_rig_order(rig, "fault", row->fault);
        if (row->spoil)
                row->spoil();
        return from;
}

static void token_was_renewed(const struct row *row, long from) {
        login_rig_wait(rig, from, RIG_FAULT, row->n_faults);
        login_rig_wait(rig, from, RIG_RENEWED, 1);
        rig_check(login_rig_count(rig, from, RIG_REFUSED) == 0, "%s: a refresh token was refused", row->what);
        expect_state(row->what, "online");
}

/* Whoever is called has busyd ask the server for what comes next. */
static void somebody_else_calls(const char *call) {
        send_invite(peer, room, call, 60000);
        send_hangup(peer, room, call, "user_hangup");
}

static void in_the_middle(const struct row *row, unsigned life_sec) {
        char other[64];
        long from;

        (void) snprintf(other, sizeof(other), "other: %s", row->what);
        call_begins(row->what);
        from = token_ends(row, life_sec);
        somebody_else_calls(other);
        token_was_renewed(row, from);
        call_ends(row->what, row->what);
}

static void at_its_end(const struct row *row, unsigned life_sec) {
        char call[64];
        long from;

        (void) snprintf(call, sizeof(call), "end: %s", row->what);
        call_begins(call);
        from = token_ends(row, life_sec);
        call_ends(row->what, call);
        token_was_renewed(row, from);
}

#define BUSYD_REFUSED " 401 |\"busyd/"

/* What is stored is good: a new busyd goes on with it. */
static void start_again(void) {
        cr_assert_eq(world_stop(rig->world), 0);
        world_start_online(rig->world);
}

Test(renewal, ahead_of_an_end_that_is_told, .fini = tear_down) {
        set_up((const char *const[]){ NULL });
        at_its_end(&rows[0], LIFE_SEC);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                in_the_middle(&rows[i], LIFE_SEC);
        start_again();
}

/* No expires_in: what tells of the end is 401, and that is not believed of a token that has just come. */
Test(renewal, after_an_end_that_nobody_has_told, .fini = tear_down) {
        const struct row lost = { .what = "401, and then the answer is lost",
                                  .fault = "{\"path\": \"/oauth2/token\", \"lose\": true}",
                                  .n_faults = 1 };
        long from;

        set_up((const char *const[]){ NULL });
        login_rig_order(rig, "set", "{\"access_ttl\": 65, \"tells_end\": false}");
        call_begins("first");
        login_rig_wait(rig, 0, RIG_RENEWED, LOGINS + 1);
        call_ends("first", "first");
        from = synapse_log_end(rig->synapse);
        at_its_end(&lost, 65);
        rig_check(synapse_log_count(rig->synapse, from, BUSYD_REFUSED) > 0, "there was no 401");
        start_again();
}

/* ---- what is not: whoever is logged in anew goes on with it ---- */

static void expect_signed_out(const char *what) {
        SCOPED_RUN status = { 0 };

        expect_state(what, "signed-out");
        status = world_busyctl(rig->world, NULL, "status", NULL);
        rig_check(strstr(status.out, "signed-out") && strstr(status.out, "busyctl login"), "%s: not said: %s", what,
                  status.out);
        rig_check(world_owes(rig->world, /* kept_too= */ false), "%s: what is owed is forgotten", what);
}

/* The server's word stands until somebody asks again: then nothing is lost, though the call has ended meanwhile. */
Test(renewal, a_refresh_token_that_is_refused_is_tried_again_by_hand, .fini = tear_down) {
        const struct row refused = { .what = "refused for good",
                                     .fault = "{\"path\": \"/oauth2/token\", \"status\": 400, "
                                              "\"body\": {\"error\": \"invalid_grant\"}}",
                                     .n_faults = 1 };
        long from;

        set_up((const char *const[]){ NULL });
        call_begins("refused");
        from = token_ends(&refused, LIFE_SEC);
        somebody_else_calls("other");
        login_rig_wait(rig, from, RIG_FAULT, 1);
        expect_signed_out(refused.what);
        send_hangup(peer, room, "refused", "user_hangup");
        {
                SCOPED_RUN reload = world_busyctl(rig->world, NULL, "reload", NULL);

                rig_check(reload.code == 0, "reload: %d %s", reload.code, reload.err);
        }
        login_rig_wait(rig, from, RIG_RENEWED, 1);
        told_of_nothing_before(refused.what, BEFORE);
        expect_nothing_owed(rig->world);
}

static char *renews_with(struct session *s) {
        char *form;

        cr_assert_eq(session_load(world_state_path(rig->world, ""), ACCOUNT, s), 0);
        cr_assert_gt(asprintf(&form, "grant_type=refresh_token&client_id=%s&refresh_token=%s", s->client_id,
                              s->refresh_token),
                     0);
        return form;
}

/* A thief has used the refresh token that busyd has used before: a server that goes by the rules takes both for one,
 * and ends the session. Its device has caught the busy for good, so the next login is of that device. */
Test(renewal, a_refresh_token_that_is_used_twice_ends_the_session, .fini = tear_down) {
        SCOPED(session_done) struct session before = { .user_id = NULL };
        SCOPED(free) char *form = NULL;
        long from;

        set_up((const char *const[]){ "--set", "PLAIN=1", NULL });
        form = renews_with(&before);
        call_begins("twice");
        from = token_ends(&rows[0], LIFE_SEC);
        somebody_else_calls("other");
        login_rig_wait(rig, from, RIG_RENEWED, 1);
        expect_state("renewed", "online");
        {
                SCOPED_RUN thief = world_run(
                        rig->world, NULL,
                        (const char *const[]){ "curl", "--silent", "--data", form, before.token_endpoint, NULL });

                rig_check(strstr(thief.out, "invalid_grant"), "the thief: %d %s%s", thief.code, thief.out, thief.err);
        }
        from = login_rig_log_end(rig);
        desk_let_pass((LIFE_SEC + 1) * USEC_PER_SEC);
        somebody_else_calls("another");
        login_rig_wait(rig, from, RIG_REFUSED, 1);
        expect_signed_out("the session is over");
        login_rig_order(rig, "set", "{\"access_ttl\": 3600}");
        login_rig_log_in(rig, rig->world, ACCOUNT, "alice");
        expect_state("logged in again", "online");
        call_ends("twice", "twice");
}
