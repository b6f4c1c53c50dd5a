/* The profile says that the user is in a call, for as long as they are. Other clients of the user write there too, and
 * nobody tells of it. */
#include "system/harness.h"

#define FIELD       "org.matrix.msc4426.call"
#define PROFILE_PUT ((struct hs_match){ .method = "PUT", .path = "*/profile/*" })
#define PROFILE_GET ((struct hs_match){ .method = "GET", .path = "*/profile/*" })

static void expect_field(struct world *w, bool there) {
        check(w, hs_wait_profile(w->hs, FIELD, there, patience()), "the field is %s", there ? "not set" : "still set");
}

static void expect_profile_claim(struct world *w, const char *phase) {
        SCOPED(free) char *part = NULL;

        cr_assert_geq(asprintf(&part, "(\"profile\", \"%s\"", phase), 0);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Outputs", part), "the claim is not %s", phase);
}

static int64_t joined(struct world *w) {
        json_t *value = hs_profile(w->hs, FIELD);
        int64_t at = json_integer_value(json_object_get(value, "call_joined_ts"));

        json_decref(value);
        return at;
}

/* As Element does at the beginning of a call of its own: a membership in the room, and the field. */
static void client_joins(struct world *w) {
        hs_set_profile(w->hs, FIELD, json_pack("{s:i}", "call_joined_ts", 7));
        hs_send(w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:I}}", "type", "org.matrix.msc3401.call.member", "sender",
                          HS_USER, "state_key", "_" HS_USER "_" PHONE "_m.call", "content", "application", "m.call",
                          "call_id", "", "device_id", PHONE, "expires", INT64_C(14400000)));
}

static void client_leaves(struct world *w) {
        hs_set_profile(w->hs, FIELD, json_null());
        hs_send(w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:{}}", "type", "org.matrix.msc3401.call.member", "sender", HS_USER,
                          "state_key", "_" HS_USER "_" PHONE "_m.call", "content"));
}

/* Each after something has happened on the bus. */
#define LOOKS_MAX 100

static void expect_calls(struct world *w, unsigned n) {
        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                SCOPED(free) char *objects = peer_objects(w->peer);
                unsigned there = 0;

                for (const char *at = objects; (at = strstr(at, BUSYD_PATH "/call/")); at++)
                        there++;
                if (there == n)
                        return;
                peer_wait(w->peer, patience());
        }
        check(w, false, "there are never %u calls", n);
}

static void in_call(struct world *w) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_field(w, true);
        expect_profile_claim(w, "held");
}

WORLD_TEST(profile, set_and_removed) {
        in_call(w);
        check(w, joined(w) > 1600000000, "no time of joining");
        call_hangup(w, ROOM, "c1");
        expect_field(w, false);
        expect_nothing_owed(w);
        cr_assert_eq(hs_count(w->hs, PROFILE_PUT, 0), 1);
}

/* A member of each device, say: more than busyd keeps of any value. */
static json_t *long_value(void) {
        json_t *value = json_pack("{s:i}", "call_joined_ts", 7);

        for (char name[] = "a"; *name <= 'z'; ++*name)
                json_object_set_new(value, name, json_string("a device of another client"));
        return value;
}

WORLD_TEST(profile, a_longer_value_of_another_client_is_theirs) {
        json_t *theirs = long_value(), *shown;

        in_call(w);
        hs_set_profile(w->hs, FIELD, json_incref(theirs));
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_profile_claim(w, "free");
        call_starts(w, ROOM, "c2");
        expect_profile_claim(w, "foreign");
        call_hangup(w, ROOM, "c2");
        expect_profile_claim(w, "free");
        shown = hs_profile(w->hs, FIELD);
        check(w, json_equal(shown, theirs), "it was written over");
        json_decref(shown);
        json_decref(theirs);
        cr_assert_eq(hs_count(w->hs, PROFILE_PUT, 0), 1);
}

WORLD_TEST(profile, old_server, .homeserver.profile_old = true) {
        struct hs_match old = { .method = "PUT", .path = "*/unstable/uk.tcpip.msc4133/profile/*" };

        in_call(w);
        cr_assert_eq(hs_count(w->hs, old, 0), 1);
        call_hangup(w, ROOM, "c1");
        expect_field(w, false);
        expect_nothing_owed(w);
}

WORLD_TEST(profile, server_without_fields, .homeserver.profile_off = true) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        expect_profile_claim(w, "off");
        cr_assert_eq(hs_count(w->hs, PROFILE_GET, 0), 0);
}

WORLD_TEST(profile, switched_off) {
        world_config(w, "[account " ACCOUNT "]\nprofile-call = no\n");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        expect_profile_claim(w, "off");
        cr_assert_eq(hs_count(w->hs, PROFILE_GET, 0), 0);
}

WORLD_TEST(profile, without_presence, .homeserver.presence_off = true) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_field(w, true);
        call_hangup(w, ROOM, "c1");
        expect_field(w, false);
}

WORLD_TEST(profile, anothers_is_left_alone) {
        world_start_online(w);
        hs_set_profile(w->hs, FIELD, json_pack("{s:i}", "call_joined_ts", 7));
        call_starts(w, ROOM, "c1");
        expect_profile_claim(w, "foreign");
        call_hangup(w, ROOM, "c1");
        expect_profile_claim(w, "free");
        cr_assert_eq(joined(w), 7);
        cr_assert_eq(hs_count(w->hs, PROFILE_PUT, 0), 0);
}

WORLD_TEST(profile, cleared_by_hand_is_found_at_the_end) {
        in_call(w);
        hs_set_profile(w->hs, FIELD, NULL);
        call_hangup(w, ROOM, "c1");
        expect_profile_claim(w, "free");
        expect_nothing_owed(w);
        cr_assert_eq(hs_count(w->hs, PROFILE_PUT, 0), 1);
}

WORLD_TEST(profile, cleared_at_the_end_of_the_clients_call) {
        in_call(w);
        client_joins(w);
        expect_calls(w, 2);
        client_leaves(w);
        expect_field(w, true);
        expect_profile_claim(w, "held");
        check(w, joined(w) > 1600000000, "not ours");
        call_hangup(w, ROOM, "c1");
        expect_field(w, false);
        expect_nothing_owed(w);
}

WORLD_TEST(profile, clients_call_was_first) {
        world_start_online(w);
        client_joins(w);
        expect_profile_claim(w, "foreign");
        call_starts(w, ROOM, "c1");
        expect_calls(w, 2);
        client_leaves(w);
        expect_profile_claim(w, "held");
        check(w, joined(w) > 1600000000, "not ours");
        call_hangup(w, ROOM, "c1");
        expect_profile_claim(w, "free");
        expect_nothing_owed(w);
}

/* Cleared while a second call of another kind ends: the user's word. */
WORLD_TEST(profile, cleared_at_another_moment) {
        in_call(w);
        call_starts(w, OTHER_ROOM, "c2");
        expect_calls(w, 2);
        hs_set_profile(w->hs, FIELD, NULL);
        call_hangup(w, OTHER_ROOM, "c2");
        expect_profile_claim(w, "yielded");
        call_hangup(w, ROOM, "c1");
        expect_profile_claim(w, "free");
        cr_assert_eq(hs_count(w->hs, PROFILE_PUT, 0), 1);
}

WORLD_TEST(profile, killed_and_healed) {
        in_call(w);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        world_start(w);
        expect_field(w, false);
        expect_nothing_owed(w);
}

WORLD_TEST(profile, killed_and_the_call_goes_on) {
        int64_t before;

        in_call(w);
        before = joined(w);
        world_kill(w);
        world_start_online(w);
        expect_profile_claim(w, "held");
        cr_assert_eq(joined(w), before, "the call has not begun anew");
        call_hangup(w, ROOM, "c1");
        expect_field(w, false);
        expect_nothing_owed(w);
}

static const struct fault_row {
        const char *what;
        struct hs_fault fault;
} fault_rows[] = {
        { "limited",
          { .match = { .path = "*/profile/*" },
            .times = 1,
            .kind = HS_ANSWER,
            .status = 429,
            .body = "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"no\",\"retry_after_ms\":100}" } },
        { "cut before", { .match = { .method = "PUT", .path = "*/profile/*" }, .times = 1, .kind = HS_DROP_BEFORE } },
        { "cut after", { .match = { .method = "PUT", .path = "*/profile/*" }, .times = 1, .kind = HS_DROP_AFTER } },
        { "removal cut after",
          { .match = { .method = "DELETE", .path = "*/profile/*" }, .times = 1, .kind = HS_DROP_AFTER } },
        { "removal: server error",
          { .match = { .method = "DELETE", .path = "*/profile/*" },
            .times = 1,
            .kind = HS_ANSWER,
            .status = 502,
            .body = "<html>",
            .content_type = "text/html" } },
};

Test(profile, faults) {
        for (size_t i = 0; i < ARRAY_SIZE(fault_rows); i++) {
                struct world *w = world_new(NULL);

                hs_fault(w->hs, &fault_rows[i].fault);
                in_call(w);
                call_hangup(w, ROOM, "c1");
                check(w, hs_wait_profile(w->hs, FIELD, false, patience()), "%s: still set", fault_rows[i].what);
                expect_nothing_owed(w);
                world_end(w);
        }
}

WORLD_TEST(profile, refused) {
        hs_fault(w->hs, &(struct hs_fault){ .match = PROFILE_PUT,
                                            .kind = HS_ANSWER,
                                            .status = 403,
                                            .body = "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}" });
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_profile_claim(w, "refused");
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_profile_claim(w, "free");
        cr_assert_eq(hs_count(w->hs, PROFILE_PUT, 0), 1);
}
