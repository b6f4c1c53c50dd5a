/* Servers that are slow, wrong or rude. */
#include "system/harness.h"

#define LIMITED "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"slowly\",\"retry_after_ms\":50}"

static const struct row {
        const char *what;
        bool leaving;
        struct hs_fault fault;
} put_rows[] = {
        { "1 429 on entering", false, { .times = 1, .status = 429, .body = LIMITED } },
        { "2 429 on leaving", true, { .times = 1, .status = 429, .body = LIMITED } },
        { "3 429 with a header only", true, { .times = 1, .status = 429, .body = "{}", .retry_after = "1" } },
        { "4 502 with HTML on entering",
          false,
          { .times = 1, .status = 502, .body = "<html>", .content_type = "text/html" } },
        { "5 502 with HTML on leaving",
          true,
          { .times = 1, .status = 502, .body = "<html>", .content_type = "text/html" } },
        { "6 cut before it was done", true, { .times = 1, .kind = HS_DROP_BEFORE } },
        { "7 cut after it was done", true, { .times = 1, .kind = HS_DROP_AFTER } },
        { "8 cut after it was done, on entering", false, { .times = 1, .kind = HS_DROP_AFTER } },
        { "9 200 that is no JSON",
          true,
          { .times = 1, .status = 200, .body = "<html>", .content_type = "text/html" } },
        { "10 an endless answer", true, { .times = 1, .kind = HS_ENDLESS } },
};

static void put_fails(const struct row *row) {
        struct world *w = world_new(NULL);
        struct hs_fault fault = row->fault;
        size_t mark;

        fault.match = HS_PRESENCE_PUT;
        fprintf(stderr, "%s\n", row->what);
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        if (!row->leaving)
                hs_fault(w->hs, &fault);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
        mark = hs_n_requests(w->hs);
        if (row->leaving)
                hs_fault(w->hs, &fault);
        call_hangup(w, ROOM, "c1");
        check(w, hs_wait_request(w->hs, HS_PRESENCE_PUT, mark, patience(), NULL), "%s", row->what);
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
        world_end(w);
}

Test(faults, put_1_to_5) {
        for (size_t i = 0; i < 5; i++)
                put_fails(&put_rows[i]);
}

Test(faults, put_6_to_10) {
        for (size_t i = 5; i < ARRAY_SIZE(put_rows); i++)
                put_fails(&put_rows[i]);
}

static const struct sync_row {
        const char *what;
        struct hs_fault fault;
} sync_rows[] = {
        { "1 HTML", { .times = 1, .status = 200, .body = "<html>", .content_type = "text/html" } },
        { "2 wrong types",
          { .times = 1, .status = 200, .body = "{\"next_batch\":7,\"rooms\":[],\"presence\":\"x\"}" } },
        { "3 an array", { .times = 1, .status = 200, .body = "[]" } },
        { "4 an endless body", { .times = 1, .kind = HS_ENDLESS } },
        { "5 504", { .times = 1, .status = 504, .body = "" } },
        { "6 cut", { .times = 1, .kind = HS_DROP_BEFORE } },
        { "7 429", { .times = 1, .status = 429, .body = LIMITED } },
        { "8 a wrong position",
          { .times = 1, .status = 400, .body = "{\"errcode\":\"M_UNKNOWN\",\"error\":\"Invalid stream token\"}" } },
        { "9 a lost filter",
          { .times = 1, .status = 400, .body = "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"No such filter\"}" } },
};

static void sync_fails(const struct sync_row *row) {
        struct world *w = world_new(NULL);
        struct hs_fault fault = row->fault;

        fault.match = HS_SYNC;
        fprintf(stderr, "%s\n", row->what);
        hs_fault(w->hs, &fault);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
        world_end(w);
}

Test(faults, sync_1_to_5) {
        for (size_t i = 0; i < 5; i++)
                sync_fails(&sync_rows[i]);
}

Test(faults, sync_6_to_9) {
        for (size_t i = 5; i < ARRAY_SIZE(sync_rows); i++)
                sync_fails(&sync_rows[i]);
}

WORLD_TEST(faults, not_a_homeserver) {
        hs_fault(w->hs,
                 &(struct hs_fault){ .status = 200, .body = "<html>hello</html>", .content_type = "text/html" });
        world_start(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Problem", "homeserver"), "not said");
        expect_availability(w, "free");
}

WORLD_TEST(faults, server_is_gone_at_the_start) {
        hs_stop(w->hs);
        world_start(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "not said");
        cr_assert_eq(hs_start(w->hs, HS_KEEPS), 0);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not tried again");
}

/* Acknowledged and without effect: said once, and not tried over and over. */
WORLD_TEST(faults, presence_is_switched_off, .homeserver.presence_off = true) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "no-effect");
        check(w, peer_wait_has(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", "busy"), "the call still counts");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) <= 3, "it loops");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        expect_nothing_owed(w);
}

WORLD_TEST(faults, account_is_locked) {
        hs_fault(w->hs, &(struct hs_fault){
                                .match = { .path = "*/whoami" },
                                .status = 401,
                                .body = "{\"errcode\":\"M_USER_LOCKED\",\"error\":\"locked\",\"soft_logout\":true}" });
        world_start(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "locked"), "not said");
        check(w, world_wait_log(w, "warning: Account " ACCOUNT ": the server's administrator has locked"),
              "not logged");
}

/* However often it is tried again; and that it is over. */
WORLD_TEST(faults, a_failure_is_logged_once) {
        SCOPED(free) char *log = NULL;
        const char *first;

        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/whoami" },
                                            .status = 401,
                                            .body = "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"over\"}" });
        world_start(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not said");
        for (unsigned i = 0; i < 3; i++) {
                size_t n = hs_n_requests(w->hs);
                SCOPED_RUN r = world_busyctl(w, NULL, "reload", NULL);

                (void) r;
                check(w, hs_wait_answered(w->hs, (struct hs_match){ .path = "*/whoami" }, n, patience(), NULL),
                      "not asked again");
                check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not said again");
        }
        hs_clear_faults(w->hs);
        {
                SCOPED_RUN r = world_busyctl(w, NULL, "reload", NULL);

                check(w, world_wait_log(w, "Account " ACCOUNT " is online again"), "%s", r.err);
        }
        log = world_log(w);
        first = strstr(log, "warning: Account " ACCOUNT ": the server has ended the session");
        check(w, first && !strstr(strchr(first, '\n'), "has ended the session"), "not once:\n%s", log);
}

/* ---- one odd value, in an event of somebody else ---- */

#define DIGITS_41 "12345678901234567890123456789012345678901"

static const struct odd_row {
        const char *what, *raw;
} odd_rows[] = {
        { "1 uint64", "18446744073709551615" },   { "2 41 digits", DIGITS_41 },
        { "3 out of range", "-1e999" },           { "4 no number", "NaN" },
        { "5 half a pair", "\"\\ud83d\"" },       { "6 the other half", "\"\\udc00x\"" },
        { "7 NUL as a name", "{\"\\u0000\":1}" }, { "8 no UTF-8", "\"\xff\xc0\xaf\xed\xa0\x80\"" },
};

static void send_odd(struct world *w, const char *raw) {
        hs_set_raw(w->hs, raw);
        hs_send(w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:{s:s}}", "type", "m.room.power_levels", "sender", OTHER_USER, "state_key",
                          "", "content", "users_default", HS_RAW));
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "type", "m.call.hangup", "sender", OTHER_USER, "content",
                          "version", "1", "call_id", "c0", "reason", HS_RAW));
        check(w, hs_wait_seen(w->hs, patience()), "the answer is not taken in: %.80s", raw);
}

static void expect_call_is_over(struct world *w) {
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}

static void start_with_call(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
}

WORLD_TEST(faults, odd_value_in_a_call_costs_its_event, .homeserver.filter_events_absent = true) {
        start_with_call(w);
        for (size_t i = 0; i < ARRAY_SIZE(odd_rows); i++) {
                fprintf(stderr, "%s\n", odd_rows[i].what);
                send_odd(w, odd_rows[i].raw);
        }
        expect_call_is_over(w);
}

WORLD_TEST(faults, deep_value_in_a_call_costs_its_event) {
        enum {
                DEEP = 3000,
        };
        SCOPED(free) char *raw = calloc(2, DEEP + 1);

        memset(raw, '[', DEEP);
        memset(raw + DEEP, ']', DEEP);
        start_with_call(w);
        send_odd(w, raw);
        expect_call_is_over(w);
}
