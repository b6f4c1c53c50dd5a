/* Further members of kinds of faults, of which the first ones are in the tests of their rooms: other answers, other
 * events and other words that must come out the same way. */
#include <stdio.h>

#include "system/kinds.h"
#include "util/clock.h"

/* ---- what strangers do in the room of a call ---- */

static void renames(struct world *w, int i) {
        char user[32], name[32];

        (void) snprintf(user, sizeof(user), "@s%d:test", i);
        (void) snprintf(name, sizeof(name), "Stranger %d", i);
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:s,s:{s:s,s:s}}", "type", "m.room.member", "sender", user, "state_key", user,
                          "content", "membership", "join", "displayname", name));
}

static void joins_the_call(struct world *w, int i) {
        char user[32], key[64];

        (void) snprintf(user, sizeof(user), "@s%d:test", i);
        (void) snprintf(key, sizeof(key), "_%s_D_m.call", user);
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:I}}", "type", "org.matrix.msc3401.call.member", "sender",
                          user, "state_key", key, "content", "application", "m.call", "call_id", "", "device_id", "D",
                          "expires", (json_int_t) 14400000));
}

/* What comes a second or more after the last poll has begun is no flood: half of that, as the answer takes its time.
 */
#define STALL_MAX (500 * USEC_PER_MSEC)

/* Returns whether one came soon after the other: this process had its processor all the while. */
static bool flood(struct world *w, void (*does)(struct world *w, int i)) {
        usec_t last = clock_now(), now;
        bool soon = true;

        for (int i = 0; i < 15; i++) {
                does(w, i);
                now = clock_now();
                soon = soon && now - last < STALL_MAX;
                last = now;
                peer_wait(w->peer, 100);
        }
        return soon;
}

static void crowd(struct world *w, void (*does)(struct world *w, int i)) {
        const usec_t until = usec_add(clock_now(), (usec_t) patience() * USEC_PER_MSEC);
        size_t mark, polls;

        world_config(w, "[busyd]\nend-grace = 0s\nlog-level = debug\n");
        hs_person_sets(w->hs, PHONE, "online", READING);
        hs_client_polls(w->hs, PHONE, "online");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        do {
                check(w, clock_now() < until, "this machine is too slow for a flood");
                mark = hs_n_requests(w->hs);
        } while (!flood(w, does));
        polls = hs_count(w->hs, HS_SYNC, mark);
        check(w, polls <= 12, "%zu polls", polls);
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
}

WORLD_TEST(kindred, strangers_change_their_names_in_a_call) {
        crowd(w, renames);
}

WORLD_TEST(kindred, strangers_join_the_call) {
        crowd(w, joins_the_call);
}

/* ---- facts that change ---- */

WORLD_TEST(kindred, a_flag_that_is_switched_on_is_known_after_a_reload) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/versions" },
                                            .status = 200,
                                            .body = "{\"versions\":[\"v1.11\"]}" });
        world_start_online(w);
        hs_clear_faults(w->hs);
        call_starts(w, ROOM, "c1");
        expect_presence(w, "unavailable", NULL);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        by_hand(w, "reload");
        call_starts(w, ROOM, "c2");
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, "c2");
        expect_nothing_owed(w);
}

WORLD_TEST(kindred, a_profile_that_takes_fields_now_is_known_after_a_reload) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/capabilities" },
                                            .status = 200,
                                            .body = "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":false}}}" });
        world_start_online(w);
        hs_clear_faults(w->hs);
        by_hand(w, "reload");
        call_starts(w, ROOM, "c1");
        check(w, hs_wait_profile(w->hs, "org.matrix.msc4426.call", true, patience()), "no field");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
}

/* ---- how much a call costs ---- */

/* The start has asked all that it asks: it polls on for long from behind what others see, and has told other machines
 * that it is there. */
static size_t start_is_over(struct world *w) {
        const struct hs_match tells = { .method = "PUT", .path = "*/account_data/*" };

        world_start_online(w);
        check(w, hs_wait_answered(w->hs, tells, 0, patience(), NULL), "nobody is told");
        check(w, hs_wait_presence_seen(w->hs, patience()), "no poll");
        return hs_n_requests(w->hs);
}

/* Both outputs write and give back, once each. The presence is pushed: `looks` reads of it. The profile is not: a read
 * before and after each of its writes. Once a filter for polls in a call. Both are to be seen held: a call that ends
 * before costs less. */
static void expect_cost(struct world *w, size_t mark, size_t looks) {
        const struct hs_match profile_get = { .method = "GET", .path = "*/profile/*" };
        size_t puts, reads, profile, requests;

        expect_claim(w, "held");
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Outputs", "(\"profile\", \"held\""),
              "no profile");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Outputs", "(\"profile\", \"free\""),
              "a profile");
        puts = hs_count(w->hs, HS_PRESENCE_PUT, mark);
        check(w, puts == 2, "%zu writes of the presence", puts);
        reads = hs_count(w->hs, HS_PRESENCE_GET, mark);
        check(w, reads <= looks, "%zu reads of the presence, and at most %zu are needed", reads, looks);
        profile = hs_count(w->hs, profile_get, mark);
        check(w, profile <= 4, "%zu reads of the profile", profile);
        requests = hs_n_requests(w->hs) - mark - hs_count(w->hs, HS_SYNC, mark);
        check(w, requests <= looks + 9, "%zu requests, and at most %zu are needed", requests, looks + 9);
}

WORLD_TEST(kindred, a_call_costs_few_requests) {
        size_t mark;

        hs_person_sets(w->hs, PHONE, "offline", READING);
        mark = start_is_over(w);
        /* One event alone: how many come with one answer of /sync depends on how fast each of both is. */
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:{s:s,s:s}}}", "type", "m.call.answer", "sender", HS_USER,
                          "content", "version", "1", "call_id", "c1", "party_id", PHONE, "answer", "type", "answer",
                          "sdp", "v=0"));
        expect_cost(w, mark, 1);
}

/* What is there is read while it rings. Answered within seconds it is read again: whether the server would have told
 * of a change by then is not known. */
WORLD_TEST(kindred, a_call_that_rings_costs_one_look_more) {
        size_t mark;

        hs_person_sets(w->hs, PHONE, "offline", READING);
        mark = start_is_over(w);
        call_invite(w, ROOM, "c1");
        check(w, hs_wait_answered(w->hs, HS_PRESENCE_GET, mark, patience(), NULL), "nobody looks while it rings");
        call_answer(w, ROOM, "c1");
        expect_cost(w, mark, 2);
}

/* ---- refusals that say less than they seem to ---- */

static const struct {
        const char *what, *body, *type, *not ;
        unsigned status;
} refused[] = {
        { "a proxy's 404", "<html>nothing here</html>", "text/html", "switched off", 404 },
        { "guests", "{\"errcode\":\"M_GUEST_ACCESS_FORBIDDEN\",\"error\":\"Guests may not\"}", NULL,
          "has presence switched off", 403 },
        { "a proxy's 403 in JSON", "{\"message\":\"no\"}", "application/json", "switched off", 403 },
        { "431", "<html></html>", "text/html", "larger than", 431 },
};

Test(kindred, a_refusal_says_no_more_than_is_known) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                struct world *w = world_new(NULL);
                SCOPED_RUN r = { 0 };

                hs_person_sets(w->hs, PHONE, "offline", READING);
                world_start_online(w);
                hs_fault(w->hs, &(struct hs_fault){ .match = HS_PRESENCE_PUT,
                                                    .status = refused[i].status,
                                                    .body = refused[i].body,
                                                    .content_type = refused[i].type });
                call_starts(w, ROOM, "c1");
                check(w, hs_wait_answered(w->hs, HS_PRESENCE_PUT, 0, patience(), NULL), "not tried");
                peer_wait(w->peer, 300);
                r = world_busyctl(w, NULL, "status", NULL);
                check(w, !strstr(r.out, refused[i].not ), "%s: %s", refused[i].what, r.out);
                hs_clear_faults(w->hs);
                call_hangup(w, ROOM, "c1");
                world_end(w);
        }
}

/* ---- sessions ---- */

WORLD_TEST(kindred, a_write_that_is_told_so_ends_the_session_at_once) {
        hs_person_sets(w->hs, PHONE, "offline", READING);
        world_start_online(w);
        hs_revoke(w->hs, DEVICE, false);
        by_hand(w, "busy");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not told");
}

/* However they are called, and however their server is. */
WORLD_TEST(kindred, one_user_who_logs_in_again_is_one_device, .no_session = true) {
        SCOPED(free) char *slash = NULL;
        const char *const users[] = { "me", "me", "me", HS_USER };
        struct hs_match again = { .method = "POST", .path = "*/login", .body = "\"device_id\"" };

        cr_assert(asprintf(&slash, "%s/", hs_url(w->hs)) > 0);
        for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
                SCOPED_RUN r =
                        world_busyctl(w, HS_PASSWORD "\n", "login", "--homeserver", i >= 2 ? slash : hs_url(w->hs),
                                      "--password-stdin", "--user", users[i], NULL);

                check(w, r.code == 0, "%d %s%s", r.code, r.out, r.err);
        }
        check(w, hs_count(w->hs, again, 0) == ARRAY_SIZE(users) - 1, "more devices than one");
}
