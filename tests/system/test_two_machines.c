/* Two machines of one user run busyd: each with its own calls, or with those that both see. What was there before
 * comes back once, when the last of them is done. */
#include "state/state.h"
#include "system/harness.h"
#include "util/clock.h"
#include "json/json.h"

#define PRIOR        "Reading"
#define GHOST        "GHOST"
#define GHOSTS_ENTRY "org.busyd.claim." GHOST

struct two {
        struct world *w[2];
};

static void expect_told(struct world *w, const char *path) {
        check(w, hs_wait_answered(w->hs, (struct hs_match){ .method = "PUT", .path = path }, 0, patience(), NULL),
              "nothing is told");
}

static void start_two(struct two *t) {
        struct hs *hs = t->w[0]->hs;

        hs_client_polls(hs, PHONE, "online");
        hs_person_sets(hs, PHONE, "online", PRIOR);
        world_start_online(t->w[0]);
        world_start_online(t->w[1]);
        /* Each has said that it exists. */
        expect_told(t->w[0], "*/account_data/*" DEVICE);
        expect_told(t->w[0], "*/account_data/*" OTHER_DEVICE);
        check(t->w[0], hs_wait_seen(hs, patience()), "the machines do not hear of each other");
}

static struct two two_machines(struct world *w, const char *config) {
        struct two t = { .w = { w, world_new_beside(w) } };

        for (size_t i = 0; config && i < 2; i++)
                world_config(t.w[i], config);
        start_two(&t);
        return t;
}

/* A call that only this machine knows of. */
static void busy(struct world *w, bool is) {
        SCOPED_RUN run = is ? world_busyctl(w, NULL, "busy", NULL) : world_busyctl(w, NULL, "auto", NULL);

        check(w, run.code == 0, "%s", run.err);
}

static size_t n_restored(struct world *w) {
        return hs_count(w->hs, (struct hs_match){ .method = "PUT", .path = "*/presence/*", .body = PRIOR }, 0);
}

static void expect_restored(struct two *t) {
        expect_presence(t->w[0], "online", PRIOR);
        expect_nothing_owed(t->w[0]);
        expect_nothing_owed(t->w[1]);
        check(t->w[0], hs_wait_presence(t->w[0]->hs, "online", PRIOR, 0), "it did not stay");
}

static void expect_restored_once(struct two *t) {
        expect_restored(t);
        check(t->w[0], n_restored(t->w[0]) == 1, "put back %zu times", n_restored(t->w[0]));
}

/* What is left to the other machine is not put back by this one. */
static void says_only_what_will_happen(struct world *w) {
        SCOPED_RUN r = world_busyctl(w, NULL, "status", NULL);

        check(w, strstr(r.out, "it will put back what was there"), "%s", r.out);
        check(w, !strstr(r.out, ", will put back"), "both: %s", r.out);
}

/* `first` begins first, `leaver` ends first. */
static void overlap_with(struct world *w, const char *config, const char *shown, size_t first, size_t leaver) {
        struct two t = two_machines(w, config);

        busy(t.w[first], true);
        expect_presence(w, shown, "In a call");
        expect_claim(t.w[first], "held");
        busy(t.w[1 - first], true);
        expect_claim(t.w[1 - first], "held");
        busy(t.w[leaver], false);
        expect_claim(t.w[leaver], "shared");
        check(w, hs_wait_presence(w->hs, shown, "In a call", 0), "the call on the other machine is not shown");
        cr_assert_eq(n_restored(w), 0, "put back while a call goes on");
        says_only_what_will_happen(t.w[leaver]);
        busy(t.w[1 - leaver], false);
        expect_restored_once(&t);
        world_end(t.w[1]);
}

static void overlap(struct world *w, const char *shown, size_t first, size_t leaver) {
        overlap_with(w, NULL, shown, first, leaver);
}

WORLD_TEST(two_machines, per_device_first_ends_first) {
        overlap(w, HS_BUSY, 0, 0);
}

WORLD_TEST(two_machines, per_device_last_ends_first) {
        overlap(w, HS_BUSY, 0, 1);
}

WORLD_TEST(two_machines, per_device_other_begins_and_ends_first) {
        overlap(w, HS_BUSY, 1, 1);
}

WORLD_TEST(two_machines, per_device_other_begins_first) {
        overlap(w, HS_BUSY, 1, 0);
}

#define SINGLE_VALUE .homeserver = { .kind = HS_CONTINUWUITY }

WORLD_TEST(two_machines, single_value_first_ends_first, SINGLE_VALUE) {
        overlap(w, "unavailable", 0, 0);
}

WORLD_TEST(two_machines, single_value_last_ends_first, SINGLE_VALUE) {
        overlap(w, "unavailable", 0, 1);
}

WORLD_TEST(two_machines, single_value_other_begins_and_ends_first, SINGLE_VALUE) {
        overlap(w, "unavailable", 1, 1);
}

WORLD_TEST(two_machines, single_value_other_begins_first, SINGLE_VALUE) {
        overlap(w, "unavailable", 1, 0);
}

#define SINGLE_BUSY .homeserver = { .kind = HS_SYNAPSE_OLD }

WORLD_TEST(two_machines, single_busy_first_ends_first, SINGLE_BUSY) {
        overlap(w, HS_BUSY, 0, 0);
}

WORLD_TEST(two_machines, single_busy_last_ends_first, SINGLE_BUSY) {
        overlap(w, HS_BUSY, 0, 1);
}

WORLD_TEST(two_machines, single_busy_other_begins_and_ends_first, SINGLE_BUSY) {
        overlap(w, HS_BUSY, 1, 1);
}

WORLD_TEST(two_machines, single_busy_other_begins_first, SINGLE_BUSY) {
        overlap(w, HS_BUSY, 1, 0);
}

/* What one tells comes while the other one makes a pause between its polls, as by default. */
WORLD_TEST(two_machines, told_in_a_pause) {
        overlap_with(w, "[busyd]\nend-grace = 0s\nlog-level = debug\n[account " ACCOUNT "]\npresence = busy\n",
                     HS_BUSY, 0, 0);
}

/* A call of Matrix is seen by both, in the same moment. */
static void same_call(struct world *w, const char *shown, bool each_its_own) {
        struct two t = two_machines(w, NULL);

        call_starts(w, ROOM, "c1");
        expect_presence(w, shown, "In a call");
        expect_claim(t.w[0], "held");
        expect_claim(t.w[1], "held");
        call_hangup(w, ROOM, "c1");
        /* Where each device has its state, each takes its own away. */
        if (each_its_own) {
                expect_restored(&t);
                check(w, n_restored(w) <= 2, "put back %zu times", n_restored(w));
        } else
                expect_restored_once(&t);
        world_end(t.w[1]);
}

WORLD_TEST(two_machines, per_device_same_call) {
        same_call(w, HS_BUSY, true);
}

WORLD_TEST(two_machines, single_busy_same_call, SINGLE_BUSY) {
        same_call(w, HS_BUSY, false);
}

WORLD_TEST(two_machines, single_value_same_call, SINGLE_VALUE) {
        same_call(w, "unavailable", false);
}

WORLD_TEST(two_machines, another_message_there) {
        struct two t = { .w = { w, world_new_beside(w) } };

        world_config(t.w[1], "[busyd]\nend-grace = 0s\n[account " ACCOUNT
                             "]\npoll-pause = 0s\npresence = busy\nmessage = On the phone\n");
        start_two(&t);
        busy(w, true);
        expect_presence(w, HS_BUSY, "In a call");
        busy(t.w[1], true);
        expect_presence(w, HS_BUSY, "On the phone");
        expect_claim(t.w[1], "held");
        expect_claim(w, "held");
        busy(w, false);
        expect_claim(w, "shared");
        check(w, hs_wait_presence(w->hs, HS_BUSY, "On the phone", 0), "the other machine's message is gone");
        busy(t.w[1], false);
        expect_restored_once(&t);
        world_end(t.w[1]);
}

/* The person's word is final on both. */
WORLD_TEST(two_machines, a_person_changes_the_message) {
        struct two t = two_machines(w, NULL);

        busy(w, true);
        expect_claim(w, "held");
        busy(t.w[1], true);
        expect_claim(t.w[1], "held");
        hs_person_sets(w->hs, PHONE, "online", "Do not disturb me");
        expect_claim(w, "yielded");
        expect_claim(t.w[1], "yielded");
        busy(w, false);
        expect_claim(w, "free");
        busy(t.w[1], false);
        expect_presence(w, "online", "Do not disturb me");
        expect_nothing_owed(w);
        expect_nothing_owed(t.w[1]);
        cr_assert_eq(n_restored(w), 0);
        world_end(t.w[1]);
}

/* Its machine crashes in the call and comes back after it. */
WORLD_TEST(two_machines, one_is_killed, SINGLE_VALUE) {
        struct two t = two_machines(w, NULL);

        busy(w, true);
        expect_claim(w, "held");
        busy(t.w[1], true);
        expect_claim(t.w[1], "held");
        world_kill(t.w[1]);
        busy(w, false);
        expect_claim(w, "shared");
        file_put(world_state_path(t.w[1], "mode.json"), "");
        world_start(t.w[1]);
        expect_restored_once(&t);
        world_end(t.w[1]);
}

/* One ends in order while the other one's call goes on, and finds all in order at its next start. */
WORLD_TEST(two_machines, one_is_stopped, SINGLE_VALUE) {
        struct two t = two_machines(w, NULL);

        busy(w, true);
        expect_claim(w, "held");
        busy(t.w[1], true);
        expect_claim(t.w[1], "held");
        check(w, world_stop(w) == 0, "it does not end");
        check(t.w[1], hs_wait_presence(w->hs, "unavailable", "In a call", 0), "the other call is not shown any more");
        busy(t.w[1], false);
        expect_presence(w, "online", PRIOR);
        expect_nothing_owed(t.w[1]);
        file_put(world_state_path(w, "mode.json"), "");
        world_start_online(w);
        expect_restored_once(&t);
        world_end(t.w[1]);
}

static json_t *ghost(json_int_t life_msec) {
        json_int_t now = (json_int_t) (clock_wall_now() / USEC_PER_MSEC);

        return json_pack("{s:i, s:I, s:I, s:{s:{s:b, s:b, s:i, s:b, s:b, s:{s:s, s:s}, s:[{s:s, s:s}]}}}", "version",
                         1, "told", now, "expires", now + life_msec, "claims", "presence", "live", 1, "done", 0,
                         "order", 1, "state_claimed", 1, "text_claimed", 1, "prior", "state", "online", "text", PRIOR,
                         "ours", "state", "busy", "text", "In a call");
}

/* A machine that died in a call, for good: it is believed no longer than it said, and the value is given back. */
WORLD_TEST(two_machines, one_never_comes_back) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", PRIOR);
        world_start_online(w);
        free(hs_login(w->hs, GHOST));
        hs_set_account_data(w->hs, GHOSTS_ENTRY, ghost(10000));
        check(w, hs_wait_seen(w->hs, patience()), "it is not heard");
        busy(w, true);
        expect_claim(w, "held");
        busy(w, false);
        expect_claim(w, "shared");
        expect_presence(w, "online", PRIOR);
        expect_nothing_owed(w);
}

/* One that has logged out while the server took nothing of it: it is not believed at all. */
WORLD_TEST(two_machines, one_has_logged_out) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", PRIOR);
        world_start_online(w);
        hs_set_account_data(w->hs, GHOSTS_ENTRY, ghost(7200000));
        check(w, hs_wait_seen(w->hs, patience()), "it is not heard");
        busy(w, true);
        expect_claim(w, "held");
        busy(w, false);
        expect_presence(w, "online", PRIOR);
        expect_nothing_owed(w);
}

WORLD_TEST(two_machines, nonsense_is_nobody) {
        static const char *const contents[] = {
                "{}",
                "{\"version\": 2, \"claims\": {}}",
                "{\"version\": 1, \"claims\": [], \"told\": \"now\"}",
                "{\"version\": 1, \"told\": 1, \"expires\": 9223372036854775807, \"claims\": {\"presence\": 7}}",
        };

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", PRIOR);
        for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
                char type[64];

                snprintf(type, sizeof(type), "org.busyd.claim.ODD%zu", i);
                hs_set_account_data(w->hs, type, json_loads(contents[i], 0, NULL));
        }
        world_start_online(w);
        busy(w, true);
        expect_claim(w, "held");
        busy(w, false);
        expect_presence(w, "online", PRIOR);
        expect_nothing_owed(w);
}

/* Whoever has one machine does not write on the server for another: it says once that it exists. */
WORLD_TEST(two_machines, a_single_one_says_little) {
        const struct hs_match told = { .method = "PUT", .path = "*/account_data/*" };
        SCOPED(json_decref) json_t *entry = NULL;

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", PRIOR);
        world_start_online(w);
        check(w, hs_wait_answered(w->hs, told, 0, patience(), NULL), "nothing is told");
        busy(w, true);
        expect_claim(w, "held");
        busy(w, false);
        expect_presence(w, "online", PRIOR);
        expect_nothing_owed(w);
        entry = hs_account_data(w->hs, "org.busyd.claim." DEVICE);
        cr_assert_eq(json_object_size(json_object_get(entry, "claims")), 0, "it tells of claims");
        world_stop(w);
        world_start_online(w);
        check(w, hs_wait_seen(w->hs, patience()), "it does not poll");
        cr_assert_eq(hs_count(w->hs, told, 0), 1);
}

/* The wait it asks for is kept, whatever happens meanwhile. */
WORLD_TEST(two_machines, a_server_that_limits) {
        const struct hs_match told = { .method = "PUT", .path = "*/account_data/*" };

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", PRIOR);
        hs_fault(w->hs, &(struct hs_fault){ .match = told,
                                            .status = 429,
                                            .body = "{\"errcode\": \"M_LIMIT_EXCEEDED\"}",
                                            .retry_after = "600" });
        world_start_online(w);
        check(w, hs_wait_answered(w->hs, told, 0, patience(), NULL), "nothing is told");
        busy(w, true);
        expect_claim(w, "held");
        busy(w, false);
        expect_presence(w, "online", PRIOR);
        expect_nothing_owed(w);
        cr_assert_eq(hs_count(w->hs, told, 0), 1, "told %zu times", hs_count(w->hs, told, 0));
}

/* What a machine that has logged out told is not there any more. */
WORLD_TEST(two_machines, one_logs_out) {
        struct two t = two_machines(w, NULL);
        SCOPED(json_decref) json_t *entry = NULL;
        SCOPED_RUN run = world_busyctl(t.w[1], NULL, "logout", ACCOUNT, NULL);

        check(w, run.code == 0, "%s", run.err);
        entry = hs_account_data(w->hs, "org.busyd.claim." OTHER_DEVICE);
        cr_assert_eq(json_object_size(entry), 0);
        world_end(t.w[1]);
}

/* The other one puts back what both have found. */
static void one_logs_out_in_a_call(struct world *w, const char *shown) {
        struct two t = two_machines(w, NULL);
        SCOPED_RUN run = { 0 };

        busy(w, true);
        expect_claim(w, "held");
        busy(t.w[1], true);
        expect_claim(t.w[1], "held");
        run = world_busyctl(t.w[1], NULL, "logout", ACCOUNT, NULL);
        check(w, run.code == 0, "%s", run.err);
        check(w, state_owes(world_state_path(t.w[1], ""), ACCOUNT) == 0, "a debt without a session");
        check(w, hs_wait_presence(w->hs, shown, "In a call", 0), "the call on the other machine is not shown");
        busy(w, false);
        expect_presence(w, "online", PRIOR);
        expect_nothing_owed(w);
        world_end(t.w[1]);
}

WORLD_TEST(two_machines, per_device_one_logs_out_in_a_call) {
        one_logs_out_in_a_call(w, HS_BUSY);
}

WORLD_TEST(two_machines, single_busy_one_logs_out_in_a_call, SINGLE_BUSY) {
        one_logs_out_in_a_call(w, HS_BUSY);
}
