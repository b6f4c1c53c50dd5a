/* All kinds of calls together: what concerns the user, what is said when, and what is asked for. */
#include "matrix/calls/kinds.h"

#include "unit/matrix_stage.h"

struct set {
        struct kinds *kinds;
        struct call_sink sink;
        struct kind_time time;
        unsigned n_reports, n_ends;
        bool doubted;
};

static void on_set_report(void *userdata, const struct call_report *r) {
        ((struct set *) userdata)->n_reports++;
}

static void on_set_end(void *userdata, const char *source, const char *id) {
        ((struct set *) userdata)->n_ends++;
}

static void set_open(struct set *s) {
        *s = (struct set){ .sink = { .report = on_set_report, .end = on_set_end, .userdata = s },
                           .time = { .now = STAGE_BOOT, .wall = (usec_t) STAGE_WALL_MSEC * USEC_PER_MSEC } };
        cr_assert_eq(kinds_new(&s->kinds, &(struct kind_context){ .me = STAGE_ME,
                                                                  .source = "matrix/test",
                                                                  .sink = &s->sink,
                                                                  .call_cap = 4 * USEC_PER_HOUR }),
                     0);
}

static void set_apply(struct set *s, const char *room, const char *event) {
        SCOPED(free) char *body = NULL;
        SCOPED(json_decref) json_t *root = NULL;
        SCOPED(sync_batch_free) struct sync_batch *batch = NULL;
        struct room_events events;

        cr_assert_geq(asprintf(&body,
                               "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"%s\":{\"timeline\":{\"events\":[%s]}}}}}",
                               room, event),
                      0);
        root = stage_json(body);
        cr_assert_eq(sync_batch_new(&batch, root, STAGE_ME), 0);
        events = sync_batch_events(batch);
        kinds_apply(s->kinds, &events, &s->time);
}

static bool set_feed(struct set *s, const char *room, const char *event) {
        set_apply(s, room, event);
        return kinds_commit(s->kinds, &s->time);
}

#define MEMBER(sender, content)                                                                                       \
        "{\"type\":\"org.matrix.msc3401.call.member\",\"sender\":\"" sender "\",\"state_key\":\"_" sender             \
        "_D\",\"event_id\":\"$" sender "\",\"origin_server_ts\":1700000000000,\"unsigned\":{\"age\":10},"             \
        "\"content\":" content "}"
#define JOINED "{\"application\":\"m.call\",\"call_id\":\"\",\"device_id\":\"D\",\"expires\":14400000}"
#define ENTERS(who)                                                                                                   \
        "{\"type\":\"m.room.member\",\"sender\":\"" who "\",\"state_key\":\"" who "\",\"event_id\":\"$m" who          \
        "\",\"content\":{\"membership\":\"join\"}}"
#define INVITE                                                                                                        \
        "{\"type\":\"m.call.invite\",\"sender\":\"@you:hs\",\"event_id\":\"$i\",\"unsigned\":{\"age\":10},"           \
        "\"content\":{\"call_id\":\"c\",\"version\":\"1\",\"party_id\":\"P\",\"lifetime\":60000}}"

Test(matrix_kinds, only_a_call_of_the_user_concerns_the_user) {
        struct set s;

        set_open(&s);
        cr_expect_not(set_feed(&s, "!far:hs", MEMBER("@you:hs", JOINED)), "strangers call each other");
        cr_expect_not(set_feed(&s, "!r:hs", ENTERS("@you:hs")), "somebody joins a room");
        cr_expect(set_feed(&s, "!r:hs", MEMBER("@me:hs", JOINED)), "the user joins a call");
        cr_expect_eq(s.n_reports, 1);
        cr_expect_not(set_feed(&s, "!far:hs", ENTERS("@she:hs")), "strangers elsewhere, meanwhile");
        cr_expect_not(set_feed(&s, "!far:hs", MEMBER("@you:hs", "{}")), "strangers hang up");
        cr_expect(set_feed(&s, "!r:hs", ENTERS("@she:hs")), "somebody joins the room of the call");
        cr_expect(set_feed(&s, "!dm:hs", INVITE), "somebody calls the user");
        cr_expect_eq(s.n_reports, 2);
        cr_expect(set_feed(&s, "!r:hs", MEMBER("@me:hs", "{}")), "the user hangs up");
        cr_expect_eq(s.n_ends, 1);
        kinds_free(s.kinds);
}

Test(matrix_kinds, nothing_is_said_before_all_is_there) {
        struct set s;

        set_open(&s);
        set_apply(&s, "!r:hs", MEMBER("@me:hs", JOINED));
        cr_expect_eq(s.n_reports, 0);
        cr_expect_eq(kinds_run(s.kinds, s.time.now), USEC_NEVER);
        set_apply(&s, "!r:hs",
                  "{\"type\":\"org.matrix.msc3401.call.member\",\"sender\":\"@me:hs\",\"state_key\":\"_@me:hs_D\","
                  "\"event_id\":\"$2\",\"content\":{}}");
        cr_expect(kinds_commit(s.kinds, &s.time), "it was the user's");
        cr_expect_eq(s.n_reports, 0, "a call that is over is none");
        kinds_free(s.kinds);
}

Test(matrix_kinds, what_runs_out_ends_when_it_is_run) {
        struct set s;
        usec_t at;

        set_open(&s);
        (void) set_feed(&s, "!r:hs", MEMBER("@me:hs", JOINED));
        at = kinds_run(s.kinds, s.time.now);
        cr_assert(at > s.time.now && at != USEC_NEVER);
        cr_expect(kinds_in_call(s.kinds));
        cr_expect_eq(kinds_run(s.kinds, at - 1), at);
        cr_expect_eq(s.n_ends, 0);
        cr_expect_eq(kinds_run(s.kinds, at), USEC_NEVER);
        cr_expect_eq(s.n_ends, 1);
        cr_expect_not(kinds_in_call(s.kinds));
        kinds_free(s.kinds);
}

/* Strangers can fill a table: it is said once. */
Test(matrix_kinds, a_full_table_is_told_once) {
        struct set s;
        unsigned n_told = 0;

        set_open(&s);
        for (unsigned i = 0; i < 200; i++) {
                SCOPED(free) char *event = NULL;

                cr_assert_geq(asprintf(&event,
                                       "{\"type\":\"m.call.invite\",\"sender\":\"@you:hs\",\"event_id\":\"$%u\","
                                       "\"content\":{\"call_id\":\"c%u\",\"version\":\"1\",\"party_id\":\"P\","
                                       "\"lifetime\":60000}}",
                                       i, i),
                              0);
                (void) set_feed(&s, "!r:hs", event);
                if (kinds_take_full(s.kinds))
                        n_told++;
        }
        cr_expect_eq(n_told, 1);
        kinds_free(s.kinds);
}

static bool asks_for(const json_t *types, const char *type) {
        for (size_t i = 0; i < json_array_size(types); i++)
                if (streq(json_string_value(json_array_get(types, i)), type))
                        return true;
        return false;
}

/* What is not asked for never comes. */
Test(matrix_kinds, every_name_is_asked_for) {
        static const char *const state[] = {
                "m.call.member", "org.matrix.msc3401.call.member", "io.element.video.member",
                "m.rtc.slot",    "org.matrix.msc4143.rtc.slot",
        };
        static const char *const messages[] = {
                "m.call.invite",
                "m.call.answer",
                "m.call.select_answer",
                "m.call.reject",
                "m.call.hangup",
                "m.call.negotiate",
                "m.call.sdp_stream_metadata_changed",
                "org.matrix.call.sdp_stream_metadata_changed",
                "m.call.asserted_identity",
                "org.matrix.call.asserted_identity",
                "m.call.replaces",
                "m.rtc.member",
                "org.matrix.msc4143.rtc.member",
                "m.rtc.notification",
                "org.matrix.msc4075.rtc.notification",
                "m.call.notify",
                "org.matrix.msc4075.call.notify",
                "m.rtc.decline",
                "org.matrix.msc4310.rtc.decline",
        };
        SCOPED(json_decref) json_t *of_state = kinds_state_types_new(), *of_messages = kinds_message_types_new();

        for (size_t i = 0; i < ARRAY_SIZE(state); i++)
                cr_expect(asks_for(of_state, state[i]), "%s", state[i]);
        for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
                cr_expect(asks_for(of_messages, messages[i]), "%s", messages[i]);
}

/* An administrator's word about a slot ends a call of the user at once. */
Test(matrix_kinds, a_closed_slot_concerns_who_is_in_it) {
        struct set s;

        set_open(&s);
        (void) set_feed(&s, "!r:hs",
                        "{\"type\":\"m.rtc.member\",\"sender\":\"@me:hs\",\"event_id\":\"$a\",\"origin_server_ts\":"
                        "1700000000000,\"sticky\":{\"duration_ms\":3600000},\"content\":{\"slot_id\":\"m.call#room\","
                        "\"application\":{\"type\":\"m.call\"},\"sticky_key\":\"k\"}}");
        cr_expect_eq(s.n_reports, 1);
        cr_expect(set_feed(&s, "!r:hs",
                           "{\"type\":\"m.rtc.slot\",\"sender\":\"@admin:hs\",\"state_key\":\"m.call#room\","
                           "\"event_id\":\"$b\",\"content\":{\"status\":\"closed\"}}"));
        cr_expect_eq(s.n_ends, 1);
        kinds_free(s.kinds);
}

static void set_leave(struct set *s, const char *room) {
        const char *const rooms[] = { room };

        kinds_apply(s->kinds, &(struct room_events){ .left_rooms = rooms, .n_left_rooms = 1 }, &s->time);
}

Test(matrix_kinds, who_leaves_the_room_leaves_its_calls) {
        struct set s;

        set_open(&s);
        (void) set_feed(&s, "!r:hs", MEMBER("@me:hs", JOINED));
        set_leave(&s, "!far:hs");
        (void) kinds_commit(s.kinds, &s.time);
        cr_expect_eq(s.n_ends, 0);
        cr_expect(kinds_has_room(s.kinds, "!r:hs"));
        set_leave(&s, "!r:hs");
        (void) kinds_commit(s.kinds, &s.time);
        cr_expect_eq(s.n_ends, 1);
        cr_expect_not(kinds_has_room(s.kinds, "!r:hs"));
        kinds_free(s.kinds);
}

static void on_set_doubt(void *userdata, const char *source, bool doubted) {
        ((struct set *) userdata)->doubted = doubted;
}

Test(matrix_kinds, what_is_in_doubt_is_not_any_more_after_an_answer) {
        struct set s;

        set_open(&s);
        s.sink.doubt = on_set_doubt;
        kinds_doubt(s.kinds);
        cr_expect(s.doubted);
        (void) kinds_commit(s.kinds, &s.time);
        cr_expect_not(s.doubted);
        s.sink.doubt = NULL;
        kinds_doubt(s.kinds);
        (void) kinds_commit(s.kinds, &s.time);
        kinds_free(s.kinds);
}

#define STICKY(type, id, more, content)                                                                               \
        "{\"type\":\"" type "\",\"sender\":\"@me:hs\",\"event_id\":\"" id                                             \
        "\",\"origin_server_ts\":1700000000000," more "\"content\":" content "}"
#define IN_SLOT(key)                                                                                                  \
        STICKY("m.rtc.member", "$" key, "\"sticky\":{\"duration_ms\":3600000},",                                      \
               "{\"slot_id\":\"m.call#room\",\"application\":{\"type\":\"m.call\"},\"sticky_key\":\"" key "\"}")
#define CLOSED STICKY("m.rtc.slot", "$closed", "\"state_key\":\"m.call#room\",", "{\"status\":\"closed\"}")

/* Of a whole state, joins whose slot somebody may have closed are looked at first. */
static void resync_with_a_join(struct set *s) {
        const char *rooms[4];

        set_open(s);
        kinds_resync(s->kinds, true);
        set_apply(s, "!r:hs", IN_SLOT("k"));
        set_apply(s, "!r:hs", IN_SLOT("l"));
        set_apply(s, "!other:hs", IN_SLOT("k"));
        kinds_resync(s->kinds, false);
        (void) kinds_commit(s->kinds, &s->time);
        cr_expect_eq(s->n_reports, 0, "it may be over");
        cr_assert_eq(kinds_unseen(s->kinds, rooms, ARRAY_SIZE(rooms)), 2, "each room once");
        cr_assert_eq(kinds_unseen(s->kinds, rooms, 1), 1);
}

Test(matrix_kinds, what_is_unsure_counts_once_it_was_looked_at) {
        SCOPED(json_decref) json_t *types = kinds_unseen_types_new();
        const char *rooms[4];
        struct set s;

        cr_expect(asks_for(types, "m.rtc.slot"));
        cr_expect_not(asks_for(types, "m.call.member"));
        resync_with_a_join(&s);
        kinds_looked(s.kinds, &(struct room_events){ .events = NULL }, &s.time);
        cr_expect_eq(s.n_reports, 3);
        cr_expect_eq(kinds_unseen(s.kinds, rooms, ARRAY_SIZE(rooms)), 0);
        kinds_free(s.kinds);
        resync_with_a_join(&s);
        kinds_looked(s.kinds, NULL, &s.time);
        cr_expect_eq(s.n_reports, 3, "it cannot be had: the join is what is known");
        kinds_free(s.kinds);
}

Test(matrix_kinds, what_was_closed_by_somebody_counts_no_more_once_it_was_looked_at) {
        SCOPED(json_decref)
        json_t *root = stage_json("{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"!r:hs\":{"
                                  "\"timeline\":{\"events\":[" CLOSED "," MEMBER("@you:hs", JOINED) "]}}}}}");
        SCOPED(sync_batch_free) struct sync_batch *batch = NULL;
        struct room_events events;
        struct set s;

        resync_with_a_join(&s);
        cr_assert_eq(sync_batch_new(&batch, root, STAGE_ME), 0);
        events = sync_batch_events(batch);
        kinds_looked(s.kinds, &events, &s.time);
        cr_expect_eq(s.n_reports, 1, "that of the other room");
        kinds_free(s.kinds);
}

Test(matrix_kinds, what_is_wanted_of_messages) {
        cr_expect(kinds_want_message("m.call.invite"));
        cr_expect(kinds_want_message("org.matrix.msc4310.rtc.decline"));
        cr_expect_not(kinds_want_message("m.room.message"));
        cr_expect_not(kinds_want_message("m.call.member"), "that is state");
}
