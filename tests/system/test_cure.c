/* Another client of the user catches busy; an application service takes it back from it. And what comes of it when the
 * server does not play along. */
#include <sys/stat.h>
#include <unistd.h>

#include "system/harness.h"

#define TOKEN    "as_secret"
#define CURE_PUT ((struct hs_match){ .method = "PUT", .path = "*/presence/*", .query = "user_id=" HS_USER })
#define DEVICES  ((struct hs_match){ .method = "GET", .path = "*/devices" })

static void put_token(struct world *w, const char *name, const char *token, mode_t mode) {
        const char *path = world_state_path(w, name);
        FILE *f = fopen(path, "we");

        cr_assert_not_null(f, "%s", path);
        (void) fprintf(f, "%s\n", token);
        cr_assert_eq(fclose(f), 0);
        cr_assert_eq(chmod(path, mode), 0);
}

/* The phone is a session that can be listed, and polls; the presence was that before. */
static char *phone_is(struct world *w, const char *presence) {
        char *token = hs_login(w->hs, PHONE);

        if (streq(presence, "offline"))
                hs_person_sets(w->hs, PHONE, "offline", "Reading");
        else {
                hs_client_polls(w->hs, PHONE, presence);
                hs_person_sets(w->hs, PHONE, presence, "Reading");
        }
        return token;
}

/* The phone catches busy during the call. */
static void caught(struct world *w) {
        world_config(w, "[busyd]\nend-grace = 0s\nlog-level = debug\n[account " ACCOUNT "]\npresence = busy\n");
        world_start_online(w);
        check(w, hs_wait_answered(w->hs, DEVICES, 0, patience(), NULL), "not tried");
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
        hs_client_polls(w->hs, PHONE, "online");
}

static void expect_order(struct world *w, const char *const *devices, size_t n) {
        size_t from = 0;

        for (size_t i = 0; i < n; i++) {
                struct hs_request r;

                check(w, hs_wait_request(w->hs, CURE_PUT, from, patience(), &r), "no write for %s", devices[i]);
                check(w, strstr(r.query, devices[i]) && (*devices[i] || !strstr(r.query, "device_id")),
                      "%zu: %s, not as \"%s\"", i, r.query, devices[i]);
                check(w, strstr(r.body, "\"status_msg\":\"Reading\""), "the message is not kept: %s", r.body);
                check(w, !strstr(r.query, TOKEN), "the token is in the address");
                from = r.n + 1;
                hs_request_done(&r);
        }
}

WORLD_TEST(cure, takes_back_what_the_phone_caught) {
        const char *const order[] = { "device_id=" DEVICE, "device_id=" PHONE, "" };
        free(phone_is(w, "online"));
        hs_set_appservice(w->hs, TOKEN);
        put_token(w, "as-token-" ACCOUNT, TOKEN, 0600);
        caught(w);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_claim(w, "free");
        expect_nothing_owed(w);
        expect_order(w, order, ARRAY_SIZE(order));
        cr_assert_eq(hs_count(w->hs, CURE_PUT, 0), 3, "more than needed");
        cr_assert_not(hs_saw_token_in_url(w->hs));
}

WORLD_TEST(cure, offline_before) {
        free(phone_is(w, "offline"));
        hs_set_appservice(w->hs, TOKEN);
        put_token(w, "as-token-" ACCOUNT, TOKEN, 0600);
        caught(w);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "Reading");
        expect_nothing_owed(w);
}

WORLD_TEST(cure, nobody_needs_it) {
        free(phone_is(w, "online"));
        hs_set_appservice(w->hs, TOKEN);
        put_token(w, "as-token-" ACCOUNT, TOKEN, 0600);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
        cr_assert_eq(hs_count(w->hs, CURE_PUT, 0), 0, "without need");
}

static const struct fault_row {
        const char *what;
        struct hs_fault fault;
        bool cures; /* in the end */
} fault_rows[] = {
        { "limited once",
          { .match = { .method = "PUT", .query = "user_id=" },
            .times = 1,
            .kind = HS_ANSWER,
            .status = 429,
            .body = "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"no\",\"retry_after_ms\":100}" },
          true },
        { "cut in the middle",
          { .match = { .method = "PUT", .query = "device_id=" PHONE }, .times = 1, .kind = HS_DROP_AFTER },
          true },
        { "a device is gone meanwhile",
          { .match = { .method = "PUT", .query = "device_id=" DEVICE },
            .times = 1,
            .kind = HS_ANSWER,
            .status = 400,
            .body = "{\"errcode\":\"ORG.MATRIX.MSC4326.M_UNKNOWN_DEVICE\",\"error\":\"no\"}" },
          true },
        { "refused",
          { .match = { .method = "PUT", .query = "user_id=" },
            .kind = HS_ANSWER,
            .status = 403,
            .body = "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}" },
          false },
        { "the token is unknown by now",
          { .match = { .method = "PUT", .query = "user_id=" },
            .kind = HS_ANSWER,
            .status = 401,
            .body = "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"no\"}" },
          false },
};

Test(cure, faults) {
        for (size_t i = 0; i < ARRAY_SIZE(fault_rows); i++) {
                const struct fault_row *row = &fault_rows[i];
                struct world *w = world_new(NULL);

                free(phone_is(w, "online"));
                hs_set_appservice(w->hs, TOKEN);
                put_token(w, "as-token-" ACCOUNT, TOKEN, 0600);
                hs_fault(w->hs, &row->fault);
                caught(w);
                call_hangup(w, ROOM, "c1");
                expect_claim(w, row->cures ? "free" : "stuck");
                check(w, hs_wait_presence(w->hs, row->cures ? "online" : HS_BUSY, "Reading", patience()), "%s",
                      row->what);
                check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "%s: signed out",
                      row->what);
                if (row->cures)
                        expect_nothing_owed(w);
                world_end(w);
        }
}

/* A token that others can read is not used, and that is said; the account goes on. */
WORLD_TEST(cure, token_open_to_others) {
        hs_set_appservice(w->hs, TOKEN);
        put_token(w, "as-token-" ACCOUNT, TOKEN, 0644);
        world_start_online(w);
        check(w, world_wait_log(w, "mode 0600"), "not said");
        cr_assert_eq(hs_count(w->hs, DEVICES, 0), 0);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
}

WORLD_TEST(cure, server_does_not_know_the_token) {
        SCOPED(free) char *log = NULL;
        SCOPED_RUN doctor = { 0 };

        put_token(w, "as-token-" ACCOUNT, TOKEN, 0600);
        world_start_online(w);
        check(w, world_wait_log(w, "busyctl doctor"), "not said");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "signed out");
        log = world_log(w);
        check(w, strstr(log, "does not know the application service") && !strstr(log, "busyctl login"),
              "said of the session, which has nothing to do with it");
        doctor = world_busyctl(w, NULL, "doctor", NULL);
        check(w, strstr(doctor.out, "does not know the application service") && !strstr(doctor.out, "busyctl login"),
              "%s", doctor.out);
}

/* Without asking anybody, and as often as one likes. */
WORLD_TEST(cure, removed) {
        SCOPED_RUN run = { 0 }, again = { 0 };

        free(phone_is(w, "online"));
        hs_set_appservice(w->hs, TOKEN);
        put_token(w, "as-token-" ACCOUNT, TOKEN, 0600);
        world_start_online(w);
        check(w, hs_wait_answered(w->hs, DEVICES, 0, patience(), NULL), "not tried");
        run = world_busyctl(w, NULL, "cure", "remove", NULL);
        check(w, run.code == 0 && strstr(run.err, "app_service_config_files"), "%d %s", run.code, run.err);
        check(w, access(world_state_path(w, "as-token-" ACCOUNT), F_OK) != 0, "the token is still there");
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        check(w, hs_count(w->hs, CURE_PUT, 0) == 0, "used all the same");
        again = world_busyctl(w, NULL, "cure", "remove", ACCOUNT, NULL);
        check(w, again.code == 1 && strstr(again.err, "no cure"), "%d %s", again.code, again.err);
}
