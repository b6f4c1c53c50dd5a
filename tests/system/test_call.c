/* The main job: a Matrix call makes busy, and what was there comes back. */
#include <stdio.h>

#include "system/harness.h"

#define IN_CALL "In a call"

WORLD_TEST(call, makes_busy_and_gives_back) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
        expect_availability(w, "busy");
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_availability(w, "free");
        expect_nothing_owed(w);
}

/* Whatever is under way by then. */
static void ends_at_once(struct world *w) {
        expect_availability(w, "busy");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}

WORLD_TEST(call, one_that_ends_as_soon_as_it_has_made_busy) {
        world_config(w, "[busyd]\nend-grace = 0\nlog-level = debug\n");
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start(w);
        check(w, hs_wait_seen(w->hs, patience()), "the server is not listened to");
        call_starts(w, ROOM, "c1");
        ends_at_once(w);
}

WORLD_TEST(call, one_found_at_the_start_that_ends_as_soon_as_it_has_made_busy) {
        world_config(w, "[busyd]\nend-grace = 0\nlog-level = debug\n");
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        check(w, world_stop(w) == 0, "busyd ended with %#x", (unsigned) w->status);
        call_starts(w, ROOM, "c1");
        world_start(w);
        ends_at_once(w);
}

WORLD_TEST(call, gives_back_what_an_offline_user_had) {
        hs_person_sets(w->hs, PHONE, "offline", "Back on Monday");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "Back on Monday");
        expect_nothing_owed(w);
}

WORLD_TEST(call, two_calls_one_after_another) {
        world_start_online(w);
        for (int i = 0; i < 2; i++) {
                char id[16];

                snprintf(id, sizeof(id), "c%d", i);
                call_starts(w, ROOM, id);
                expect_presence(w, HS_BUSY, IN_CALL);
                call_hangup(w, ROOM, id);
                expect_presence(w, "offline", "");
                expect_nothing_owed(w);
        }
}

/* Everything sent so far was seen, and what follows from it was done. */
static void settle(struct world *w) {
        check(w, hs_wait_seen(w->hs, patience()), "not seen");
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "true"), "not settled");
}

/* One busy, from the first start to the last end. */
WORLD_TEST(call, two_rooms_overlap) {
        size_t mark;

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
        expect_claim(w, "held");
        mark = hs_n_requests(w->hs);
        call_starts(w, OTHER_ROOM, "c2");
        call_hangup(w, ROOM, "c1");
        settle(w);
        expect_availability(w, "busy");
        cr_assert_eq(hs_count(w->hs, HS_PRESENCE_PUT, mark), 0, "written again for the second call");
        call_hangup(w, OTHER_ROOM, "c2");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

static void rejected(struct world *w, const char *call_id) {
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "type", "m.call.reject", "sender", HS_USER, "content",
                          "version", "1", "call_id", call_id, "party_id", PHONE));
}

static void cancelled(struct world *w, const char *call_id) {
        call_hangup(w, ROOM, call_id);
}

static void answered_elsewhere(struct world *w, const char *call_id) {
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s}}", "type", "m.call.select_answer", "sender", OTHER_USER,
                          "content", "version", "1", "call_id", call_id, "party_id", "THEIRS", "selected_party_id",
                          "SOMEBODY"));
}

static const struct never_row {
        const char *what; /* what follows the number is the call's id */
        void (*ends)(struct world *w, const char *call_id);
} never_rows[] = {
        { "1: rejected", rejected },
        { "2: cancelled", cancelled },
        { "3: answered-elsewhere", answered_elsewhere },
};

WORLD_TEST(call, never_busy) {
        world_start_online(w);
        for (size_t i = 0; i < ARRAY_SIZE(never_rows); i++) {
                call_invite(w, ROOM, never_rows[i].what + 3);
                never_rows[i].ends(w, never_rows[i].what + 3);
                settle(w);
                cr_assert_eq(hs_count(w->hs, HS_PRESENCE_PUT, 0), 0, "%s", never_rows[i].what);
        }
        expect_availability(w, "free");
}

WORLD_TEST(call, outgoing) {
        world_start_online(w);
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:i}}", "type", "m.call.invite", "sender", HS_USER, "content",
                          "version", "1", "call_id", "c1", "party_id", PHONE, "lifetime", 90000));
        settle(w);
        cr_assert_eq(hs_count(w->hs, HS_PRESENCE_PUT, 0), 0, "ringing does not count");
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "type", "m.call.answer", "sender", OTHER_USER, "content",
                          "version", "1", "call_id", "c1", "party_id", "THEIRS"));
        expect_presence(w, HS_BUSY, IN_CALL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
}

/* Somebody who is not in the call cannot end it. */
WORLD_TEST(call, strangers_do_not_end_it) {
        size_t mark;

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
        mark = hs_n_requests(w->hs);
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "type", "m.call.hangup", "sender", "@stranger:test", "content",
                          "version", "1", "call_id", "c1", "party_id", "X"));
        settle(w);
        cr_assert_eq(hs_count(w->hs, HS_PRESENCE_PUT, mark), 0);
        expect_availability(w, "busy");
}

static size_t count(const char *text, const char *part) {
        size_t n = 0;

        for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
                n++;
        return n;
}

/* A hostile room: the tables are capped, that is said once, and real calls still count. */
WORLD_TEST(call, storm_is_capped) {
        SCOPED(free) char *objects = NULL;

        world_start_online(w);
        for (int i = 0; i < 1000; i++) {
                char id[16];

                snprintf(id, sizeof(id), "storm%d", i);
                call_starts(w, ROOM, id);
        }
        expect_availability(w, "busy");
        settle(w);
        objects = peer_objects(w->peer);
        check(w, count(objects, BUSYD_PATH "/call/") <= 64, "%zu calls", count(objects, BUSYD_PATH "/call/"));
        for (int i = 0; i < 1000; i++) {
                char id[16];

                snprintf(id, sizeof(id), "storm%d", i);
                call_hangup(w, ROOM, id);
        }
        expect_availability(w, "free");
        expect_presence(w, "offline", "");
}

static const char *const odd_events[] = {
        "{\"type\":\"m.call.invite\",\"sender\":\"@you:test\",\"content\":{}}",
        "{\"type\":\"m.call.invite\",\"sender\":\"@you:test\",\"content\":{\"call_id\":7,\"version\":[]}}",
        "{\"type\":\"m.call.answer\",\"sender\":\"@me:test\",\"content\":{\"call_id\":null}}",
        "{\"type\":\"m.call.hangup\",\"sender\":\"@you:test\",\"content\":\"gone\"}",
        "{\"type\":\"m.call.invite\",\"sender\":7,\"content\":{\"call_id\":\"x\"}}",
        "{\"type\":\"m.call.invite\",\"content\":{\"call_id\":\"x\",\"lifetime\":-5}}",
};

WORLD_TEST(call, odd_events_are_ignored) {
        world_start_online(w);
        for (size_t i = 0; i < ARRAY_SIZE(odd_events); i++)
                hs_send(w->hs, ROOM, json_loads(odd_events[i], 0, NULL));
        settle(w);
        expect_availability(w, "free");
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
}

/* More than a timeline holds, of calls that are not ours. */
static void much_happens(struct world *w, const char *room) {
        for (int i = 0; i < 200; i++)
                hs_send(w->hs, room,
                        json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "type", "m.call.negotiate", "sender", OTHER_USER,
                                  "content", "version", "1", "call_id", "c0", "party_id", "X"));
}

/* Calls of a timeline with a gap are looked up. */
WORLD_TEST(call, is_found_behind_a_gap) {
        world_start_online(w);
        hs_stop(w->hs);
        call_starts(w, ROOM, "c1");
        much_happens(w, ROOM);
        cr_assert_eq(hs_start(w->hs, HS_KEEPS), 0);
        expect_presence(w, HS_BUSY, IN_CALL);
}

/* Not all rooms are read back, but in any case the one with the call. */
WORLD_TEST(call, ends_behind_one_of_many_gaps) {
        char rooms[20][32];

        for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
                snprintf(rooms[i], sizeof(rooms[i]), "!busy%zu:test", i);
                much_happens(w, rooms[i]);
        }
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
        hs_stop(w->hs);
        call_hangup(w, ROOM, "c1");
        much_happens(w, ROOM);
        for (size_t i = 0; i < ARRAY_SIZE(rooms); i++)
                much_happens(w, rooms[i]);
        cr_assert_eq(hs_start(w->hs, HS_KEEPS), 0);
        expect_availability(w, "free");
        expect_nothing_owed(w);
}
