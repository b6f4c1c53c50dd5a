/* /sync and /messages taken apart: whole recorded answers, and all the ways in which parts of them can be odd. */
#include "matrix_stage.h"

#include "util/file.h"
#include "util/path.h"

static struct sync_batch *parse(const char *body) {
        SCOPED(json_decref) json_t *root = stage_json(body);
        struct sync_batch *b = NULL;

        cr_assert_eq(sync_batch_new(&b, root, STAGE_ME), 0, "%s", body);
        return b;
}

static struct sync_batch *parse_file(const char *name, bool messages) {
        SCOPED(free) char *path = path_join(TEST_DATA, name), *body = NULL;
        SCOPED(json_decref) json_t *root = NULL;
        struct sync_batch *b = NULL;

        cr_assert_eq(file_read(path, 1 << 20, &body, NULL), 0, "%s", path);
        root = stage_json(body);
        if (messages)
                cr_assert_eq(sync_batch_new_from_messages(&b, root, STAGE_ME, STAGE_ROOM), 0);
        else
                cr_assert_eq(sync_batch_new(&b, root, STAGE_ME), 0);
        return b;
}

Test(events, a_recorded_sync) {
        SCOPED(sync_batch_free) struct sync_batch *b = parse_file("sync.json", false);
        const struct matrix_event *e;

        cr_assert_str_eq(b->next_batch, "s72595_4483_1934_19_21_1_3_421_0_1_9_1");
        cr_assert_eq(b->n_events, 6);
        cr_expect_not(b->overflow);

        e = &b->events[0];
        cr_expect_eq(e->place, EVENT_STATE);
        cr_expect_str_eq(e->room_id, STAGE_ROOM);
        cr_expect_str_eq(e->type, "org.matrix.msc3401.call.member");
        cr_expect_str_eq(e->state_key, "_@me:hs_ABCDEFGHIJ_m.call");
        cr_expect_eq(e->origin_server_ts, 1699999700000);
        cr_expect_eq(e->age, 300000);
        cr_expect_eq(e->sticky_duration, -1);

        e = &b->events[1];
        cr_expect_eq(e->place, EVENT_TIMELINE);
        cr_expect_str_eq(e->type, "m.call.invite");
        cr_expect_str_eq(e->sender, "@x:hs");
        cr_expect_str_eq(e->event_id, "$vBX6dKpcvVTSR0Hn6dAIfhVRaW2FxnXQSAOEuJJ1F0k");
        cr_expect_null(e->state_key);
        cr_expect_str_eq(json_member_string(e->content, "call_id"), "1414213562373095");

        e = &b->events[2];
        cr_expect_str_eq(e->redacts, "$above");
        e = &b->events[3];
        cr_expect_str_eq(e->redacts, "$inside");

        e = &b->events[4];
        cr_expect_eq(e->sticky_duration, 3600000);
        cr_expect_eq(e->sticky_ttl, 3500000);
        e = &b->events[5];
        cr_expect_eq(e->place, EVENT_STICKY);
        cr_expect_eq(e->sticky_duration, 60000);
        cr_expect_eq(e->sticky_ttl, -1);
        cr_expect_eq(e->age, -1);

        cr_assert_eq(b->n_gaps, 1);
        cr_expect_str_eq(b->gaps[0].room_id, STAGE_ROOM);
        cr_expect_str_eq(b->gaps[0].prev_batch, "t34-23535_0_0");
        cr_assert_eq(b->n_left_rooms, 2);
        cr_expect_str_eq(b->left_rooms[0], "!left:hs");
        cr_expect_str_eq(b->left_rooms[1], "!invited:hs");
        cr_expect(b->own_presence);
        cr_expect_str_eq(b->presence, "unavailable");
        cr_expect_str_eq(b->status_msg, "Lunch");
        cr_assert_eq(b->n_account_data, 1);
        cr_expect_str_eq(b->account_data[0].type, "org.busyd.claim.ABCDEFGHIJ");
}

Test(events, recorded_messages_come_oldest_first_and_without_state) {
        SCOPED(sync_batch_free) struct sync_batch *b = parse_file("messages.json", true);

        cr_assert_eq(b->n_events, 2);
        cr_expect_str_eq(b->next_batch, "");
        cr_expect_str_eq(b->events[0].type, "m.call.invite");
        cr_expect_str_eq(b->events[1].type, "m.call.answer");
        cr_expect_str_eq(b->events[0].room_id, STAGE_ROOM);
        cr_expect_eq(b->events[0].place, EVENT_TIMELINE);
        cr_expect_eq(b->events[1].age, 3598000);
}

static const struct {
        const char *what, *body;
} refused[] = {
        { "no next_batch", "{\"rooms\":{}}" },
        { "next_batch is a number", "{\"next_batch\":7}" },
        { "a list", "[]" },
        { "a string", "\"next_batch\"" },
        { "null", "null" },
};

Test(events, refuses_what_is_no_answer) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                SCOPED(json_decref) json_t *root = stage_json(refused[i].body);
                struct sync_batch *b = NULL;

                cr_expect_eq(sync_batch_new(&b, root, STAGE_ME), -EBADMSG, "%s", refused[i].what);
                cr_expect_eq(sync_batch_new_from_messages(&b, root, STAGE_ME, STAGE_ROOM), -EBADMSG, "%s",
                             refused[i].what);
                cr_expect_null(b);
        }
}

#define SYNC(rest)        "{\"next_batch\":\"s\"," rest "}"
#define JOINED(room_body) SYNC("\"rooms\":{\"join\":{\"" STAGE_ROOM "\":" room_body "}}")
#define TIMELINE(events)  JOINED("{\"timeline\":{\"events\":[" events "]}}")
#define STATE(section, event_id)                                                                                      \
        "\"" section                                                                                                  \
        "\":{\"events\":[{\"type\":\"t\",\"sender\":\"@x:hs\",\"state_key\":\"\",\"event_id\":\"" event_id "\"}]}"
#define LONG     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TOO_LONG LONG LONG LONG LONG

static const struct {
        const char *what, *body;
        size_t n_events;
} odd[] = {
        { "nothing", "{\"next_batch\":\"s\"}", 0 },
        { "rooms is a list", SYNC("\"rooms\":[]"), 0 },
        { "join is a string", SYNC("\"rooms\":{\"join\":\"x\",\"leave\":3}"), 0 },
        { "a room is null", JOINED("null"), 0 },
        { "a room is a list", JOINED("[{}]"), 0 },
        { "the timeline is a list", JOINED("{\"timeline\":[]}"), 0 },
        { "events is an object", JOINED("{\"timeline\":{\"events\":{}}}"), 0 },
        { "an event is a string", TIMELINE("\"x\""), 0 },
        { "an event without a type", TIMELINE("{\"sender\":\"@x:hs\"}"), 0 },
        { "an event without a sender", TIMELINE("{\"type\":\"t\"}"), 0 },
        { "an empty type", TIMELINE("{\"type\":\"\",\"sender\":\"@x:hs\"}"), 0 },
        { "a type longer than any", TIMELINE("{\"type\":\"" TOO_LONG "\",\"sender\":\"@x:hs\"}"), 0 },
        { "a sender longer than any", TIMELINE("{\"type\":\"t\",\"sender\":\"" TOO_LONG "\"}"), 0 },
        { "a state key longer than any",
          TIMELINE("{\"type\":\"t\",\"sender\":\"@x:hs\",\"state_key\":\"" TOO_LONG "\"}"), 0 },
        { "a NUL in the type", TIMELINE("{\"type\":\"t\\u0000\",\"sender\":\"@x:hs\"}"), 0 },
        { "a broken one among good ones",
          TIMELINE("{\"type\":\"t\",\"sender\":\"@x:hs\"},7,{\"type\":\"u\",\"sender\":\"@x:hs\"}"), 2 },
        { "an event with nothing else", TIMELINE("{\"type\":\"t\",\"sender\":\"@x:hs\"}"), 1 },
        { "content is a string", TIMELINE("{\"type\":\"t\",\"sender\":\"@x:hs\",\"content\":\"x\"}"), 1 },
        { "state without a state key", JOINED("{\"state\":{\"events\":[{\"type\":\"t\",\"sender\":\"@x:hs\"}]}}"), 0 },
        { "state and timeline", JOINED("{" STATE("state", "$1") "," STATE("timeline", "$2") "}"), 2 },
        { "state_after alone counts", JOINED("{" STATE("state_after", "$1") "," STATE("timeline", "$2") "}"), 1 },
        { "so does its first name",
          JOINED("{" STATE("org.matrix.msc4222.state_after", "$1") "," STATE("timeline", "$2") "}"), 1 },
        { "an empty state_after", JOINED("{\"state_after\":{}," STATE("timeline", "$2") "}"), 0 },
        { "the sticky section's later name",
          JOINED("{\"sticky\":{\"events\":[{\"type\":\"t\",\"sender\":\"@x:hs\"}]}}"), 1 },
        { "invites say nothing",
          SYNC("\"rooms\":{\"invite\":{\"!r:hs\":{\"invite_state\":{\"events\":[{\"type\":\"t\",\"sender\":\"@x:hs\"}]"
               "}}}}"),
          0 },
        { "the events of a room one has left say nothing",
          SYNC("\"rooms\":{\"leave\":{\"!r:hs\":{" STATE("state", "$1") "}}}"), 0 },
};

Test(events, odd_parts_are_left_out) {
        for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
                SCOPED(sync_batch_free) struct sync_batch *b = parse(odd[i].body);

                cr_expect_eq(b->n_events, odd[i].n_events, "%s: %zu", odd[i].what, b->n_events);
                for (size_t k = 0; k < b->n_events; k++)
                        cr_expect(json_is_object(b->events[k].content), "%s", odd[i].what);
                cr_expect_not(b->own_presence);
        }
}

Test(events, membership_is_taken_from_the_timeline_beside_state_after) {
        SCOPED(sync_batch_free)
        struct sync_batch *b = parse(
                JOINED("{\"state_after\":{\"events\":[]},\"timeline\":{\"events\":[{\"type\":\"m.room.member\","
                       "\"sender\":\"@x:hs\",\"state_key\":\"@me:hs\",\"content\":{\"membership\":\"leave\"}}]}}"));

        cr_expect_eq(b->n_events, 1);
}

/* One who was taken out and invited again between two answers is in no room that was left, on some servers. */
Test(events, a_room_to_which_one_is_invited_is_one_that_was_left) {
        SCOPED(sync_batch_free)
        struct sync_batch *b = parse(SYNC("\"rooms\":{\"knock\":{\"!k:hs\":{}},\"invite\":{\"!i:hs\":{},\"\":{}},"
                                          "\"leave\":{\"!l:hs\":{}}}"));

        cr_assert_eq(b->n_left_rooms, 3);
        cr_expect_str_eq(b->left_rooms[0], "!l:hs");
        cr_expect_str_eq(b->left_rooms[1], "!i:hs");
        cr_expect_str_eq(b->left_rooms[2], "!k:hs");
}

/* The state of a room comes on its own, but for who has gone meanwhile: with them, calls end. */
Test(events, membership_is_taken_from_messages) {
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;
        SCOPED(json_decref)
        json_t *root =
                stage_json("{\"chunk\":[{\"type\":\"m.room.member\",\"sender\":\"@x:hs\",\"state_key\":\"@x:hs\","
                           "\"content\":{\"membership\":\"leave\"}},{\"type\":\"m.call.member\","
                           "\"sender\":\"@x:hs\",\"state_key\":\"@x:hs\"}]}");

        cr_assert_eq(sync_batch_new_from_messages(&b, root, STAGE_ME, STAGE_ROOM), 0);
        cr_assert_eq(b->n_events, 1);
        cr_expect_str_eq(b->events[0].type, "m.room.member");
}

static const struct {
        const char *what, *event;
        int64_t origin_server_ts, age, duration, ttl;
} times[] = {
        { "none", "", 0, -1, -1, -1 },
        { "all",
          ",\"origin_server_ts\":5,\"unsigned\":{\"age\":6,\"msc4354_sticky_duration_ttl_ms\":8},"
          "\"msc4354_sticky\":{\"duration_ms\":7}",
          5, 6, 7, 8 },
        { "stable names",
          ",\"origin_server_ts\":5,\"unsigned\":{\"sticky_duration_remaining_ms\":8},\"sticky\":{\"duration_ms\":7}",
          5, -1, 7, 8 },
        { "remaining, by the draft's prefix",
          ",\"unsigned\":{\"msc4354_sticky_duration_remaining_ms\":8},\"msc4354_sticky\":{\"duration_ms\":7}", 0, -1,
          7, 8 },
        { "both names, one of them odd",
          ",\"unsigned\":{\"sticky_duration_remaining_ms\":\"8\",\"msc4354_sticky_duration_ttl_ms\":9},\"sticky\":1,"
          "\"msc4354_sticky\":{\"duration_ms\":7}",
          0, -1, 7, 9 },
        { "remaining without a duration", ",\"unsigned\":{\"sticky_duration_remaining_ms\":8}", 0, -1, -1, 8 },
        { "names of an earlier text", ",\"unsigned\":{\"sticky_duration_ttl_ms\":8},\"sticky\":{\"duration_ms\":7}", 0,
          -1, 7, 8 },
        { "negative",
          ",\"origin_server_ts\":-5,\"unsigned\":{\"age\":-6,\"msc4354_sticky_duration_ttl_ms\":-8},"
          "\"msc4354_sticky\":{\"duration_ms\":-7}",
          0, 0, -1, -1 },
        { "of wrong types",
          ",\"origin_server_ts\":\"5\",\"unsigned\":{\"age\":6.5,\"msc4354_sticky_duration_ttl_ms\":[]},"
          "\"msc4354_sticky\":{\"duration_ms\":{}}",
          0, -1, -1, -1 },
        { "unsigned is a list", ",\"unsigned\":[1],\"msc4354_sticky\":7", 0, -1, -1, -1 },
        { "huge", ",\"origin_server_ts\":9223372036854775807,\"unsigned\":{\"age\":9223372036854775807}", INT64_MAX,
          INT64_MAX, -1, -1 },
};

Test(events, times) {
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                SCOPED(free) char *body = NULL;
                SCOPED(sync_batch_free) struct sync_batch *b = NULL;

                cr_assert_geq(
                        asprintf(&body, "%s%s%s",
                                 "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"events\":[{"
                                 "\"type\":\"t\",\"sender\":\"@x:hs\"",
                                 times[i].event, "}]}}}}}"),
                        0);
                b = parse(body);
                cr_assert_eq(b->n_events, 1, "%s", times[i].what);
                cr_expect_eq(b->events[0].origin_server_ts, times[i].origin_server_ts, "%s", times[i].what);
                cr_expect_eq(b->events[0].age, times[i].age, "%s", times[i].what);
                cr_expect_eq(b->events[0].sticky_duration, times[i].duration, "%s", times[i].what);
                cr_expect_eq(b->events[0].sticky_ttl, times[i].ttl, "%s", times[i].what);
        }
}

#define PRESENCE(events)      SYNC("\"presence\":{\"events\":[" events "]}")
#define SAYS(sender, content) "{\"type\":\"m.presence\",\"sender\":\"" sender "\",\"content\":" content "}"
#define BUSY                  "{\"presence\":\"org.matrix.msc3026.busy\",\"status_msg\":\"In a call\"}"

static const struct {
        const char *what, *body;
        const char *presence, *status_msg; /* NULL: none */
} presences[] = {
        { "mine", PRESENCE(SAYS("@me:hs", BUSY)), "org.matrix.msc3026.busy", "In a call" },
        { "of others", PRESENCE(SAYS("@x:hs", BUSY) "," SAYS("@me:hs.org", BUSY)), NULL, NULL },
        { "the last counts",
          PRESENCE(SAYS("@me:hs", BUSY) "," SAYS("@me:hs", "{\"presence\":\"online\"}") "," SAYS("@x:hs", BUSY)),
          "online", "" },
        { "no presence in it", PRESENCE(SAYS("@me:hs", "{\"status_msg\":\"x\"}")), NULL, NULL },
        { "a message that is null",
          PRESENCE(SAYS("@me:hs", "{\"presence\":\"online\",\"status_msg\":null,\"last_active_ago\":\"x\"}")),
          "online", "" },
        { "a message of the wrong type", PRESENCE(SAYS("@me:hs", "{\"presence\":\"online\",\"status_msg\":7}")), NULL,
          NULL },
        { "not an event", PRESENCE("5,null,{}"), NULL, NULL },
        { "another type", PRESENCE("{\"type\":\"m.x\",\"sender\":\"@me:hs\",\"content\":" BUSY "}"), NULL, NULL },
};

Test(events, presence) {
        for (size_t i = 0; i < ARRAY_SIZE(presences); i++) {
                SCOPED(sync_batch_free) struct sync_batch *b = parse(presences[i].body);

                cr_expect_eq(b->own_presence, presences[i].presence != NULL, "%s", presences[i].what);
                if (!presences[i].presence)
                        continue;
                cr_expect_str_eq(b->presence, presences[i].presence, "%s", presences[i].what);
                cr_expect_str_eq(b->status_msg, presences[i].status_msg, "%s", presences[i].what);
        }
}

static const struct {
        const char *what, *timeline;
        size_t n_gaps;
} gaps[] = {
        { "limited", "{\"limited\":true,\"prev_batch\":\"p\"}", 1 },
        { "not limited", "{\"limited\":false,\"prev_batch\":\"p\"}", 0 },
        { "no word", "{\"prev_batch\":\"p\"}", 0 },
        { "nowhere to go on", "{\"limited\":true}", 1 },
        { "of wrong types", "{\"limited\":1,\"prev_batch\":7}", 0 },
};

Test(events, gaps) {
        for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
                SCOPED(free) char *body = NULL;
                SCOPED(sync_batch_free) struct sync_batch *b = NULL;

                cr_assert_geq(asprintf(&body, "%s%s%s",
                                       "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":",
                                       gaps[i].timeline, "}}}}"),
                              0);
                b = parse(body);
                cr_expect_eq(b->n_gaps, gaps[i].n_gaps, "%s", gaps[i].what);
        }
}

Test(events, more_than_one_takes_in) {
        json_t *events = json_array();
        SCOPED(json_decref)
        json_t *root = json_pack("{s:s, s:{s:{s:{s:{s:o}}}}}", "next_batch", "s", "rooms", "join", STAGE_ROOM,
                                 "timeline", "events", events);
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;

        for (size_t i = 0; i < SYNC_EVENTS_MAX + 5; i++)
                json_array_append_new(events, json_pack("{s:s, s:s}", "type", "t", "sender", "@x:hs"));
        cr_assert_eq(sync_batch_new(&b, root, STAGE_ME), 0);
        cr_expect_eq(b->n_events, SYNC_EVENTS_MAX);
        cr_expect(b->overflow);
        cr_assert_eq(b->n_cut_rooms, 1);
        cr_expect_str_eq(b->cut_rooms[0], STAGE_ROOM);
}

/* ---- a whole state ---- */

#define OTHERS (SYNC_EVENTS_MAX + 1)

static json_t *member_new(const char *sender, unsigned n) {
        char key[32];

        (void) snprintf(key, sizeof(key), "_%u", n);
        return json_pack("{ss ss ss s{}}", "type", "m.call.member", "sender", sender, "state_key", key, "content");
}

Test(matrix_events, others_state_does_not_keep_the_own_one_out) {
        SCOPED(json_decref) json_t *root = NULL;
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;
        json_t *events = json_array();

        for (unsigned i = 0; i < OTHERS; i++)
                cr_assert_eq(json_array_append_new(events, member_new("@you:hs", i)), 0);
        cr_assert_eq(json_array_append_new(events, member_new("@me:hs", 0)), 0);
        root = json_pack("{ss s{s{s{s{so}}}}}", "next_batch", "s", "rooms", "join", "!r:hs", "state", "events",
                         events);
        cr_assert_not_null(root);
        cr_assert_eq(sync_batch_new_of_state(&b, root, "@me:hs"), 0);
        cr_assert_eq(b->n_events, 1);
        cr_assert_str_eq(b->events[0].sender, "@me:hs");
        cr_assert_not(b->overflow);
}

/* No filter leaves these out by their sender: what others say may end a call of the user. */
Test(matrix_events, what_others_say_does_not_keep_out_what_the_user_says) {
        static const char *const places[] = { "timeline", "sticky", "msc4354_sticky" };

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                SCOPED(json_decref) json_t *root = NULL;
                SCOPED(sync_batch_free) struct sync_batch *b = NULL;
                json_t *events = json_array();

                for (unsigned n = 0; n < OTHERS; n++)
                        cr_assert_eq(json_array_append_new(events, member_new("@you:hs", n)), 0);
                cr_assert_eq(json_array_append_new(events, member_new("@me:hs", 0)), 0);
                root = json_pack("{ss s{s{s{s{so}}}}}", "next_batch", "s", "rooms", "join", "!r:hs", places[i],
                                 "events", events);
                cr_assert_not_null(root);
                cr_assert_eq(sync_batch_new_of_state(&b, root, "@me:hs"), 0);
                cr_expect_eq(b->n_events, SYNC_EVENTS_MAX + 1, "%s: %zu", places[i], b->n_events);
                cr_expect_str_eq(b->events[b->n_events - 1].sender, "@me:hs", "%s", places[i]);
                cr_expect(b->overflow, "%s", places[i]);
        }
}
