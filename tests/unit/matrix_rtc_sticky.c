/* Group calls by sticky events: which of several stands, and until when. */
#include "matrix_stage.h"

#define TYPE   "org.matrix.msc4143.rtc.member"
#define HOUR   INT64_C(3600000)
#define MINUTE INT64_C(60000)

#define JOIN(key)                                                                                                     \
        "{\"slot_id\":\"m.call#ROOM\",\"member\":{\"id\":\"" key "\",\"user_id\":\"@me:hs\",\"device_id\":\"D\"},"    \
        "\"application\":{\"type\":\"m.call\",\"m.call.intent\":\"video\"},\"rtc_transports\":[],\"versions\":[],"    \
        "\"msc4354_sticky_key\":\"" key "\"}"
#define LEAVE(key) "{\"msc4354_sticky_key\":\"" key "\"}"
#define K          "sticky/" STAGE_ROOM "/" TYPE "/k"

struct sent {
        const char *type, *sender, *event_id;
        int64_t age, duration, ttl; /* duration -1: not sticky; ttl -1: not said */
        const char *content;
};

static void put(struct stage *s, const char *section, const struct sent *e) {
        SCOPED(json_decref)
        json_t *event = json_pack("{s:s, s:s, s:I, s:{s:I}}", "type", e->type ? e->type : TYPE, "sender",
                                  e->sender ? e->sender : STAGE_ME, "origin_server_ts",
                                  (json_int_t) (stage_wall_msec(s) - e->age), "unsigned", "age", (json_int_t) e->age);
        SCOPED(free) char *text = NULL;

        if (e->event_id)
                json_object_set_new(event, "event_id", json_string(e->event_id));
        json_object_set_new(event, "content", stage_json(e->content));
        if (e->duration >= 0)
                json_object_set_new(event, "msc4354_sticky",
                                    json_pack("{s:I}", "duration_ms", (json_int_t) e->duration));
        if (e->ttl >= 0)
                json_object_set_new(json_object_get(event, "unsigned"), "msc4354_sticky_duration_ttl_ms",
                                    json_integer(e->ttl));
        text = json_dumps(event, 0);
        stage_sync(s, section, text);
}

static const struct {
        const char *what;
        struct sent event;
        int64_t lasts; /* ms; 0: not in call */
} events[] = {
        { "a join", { .event_id = "$1", .duration = HOUR, .ttl = -1, .content = JOIN("k") }, HOUR },
        { "the stable name",
          { .type = "m.rtc.member", .event_id = "$1", .duration = HOUR, .ttl = -1, .content = JOIN("k") },
          HOUR },
        { "seen late",
          { .event_id = "$1", .age = MINUTE, .duration = HOUR, .ttl = -1, .content = JOIN("k") },
          HOUR - MINUTE },
        { "the server says how long",
          { .event_id = "$1", .age = MINUTE, .duration = HOUR, .ttl = 5000, .content = JOIN("k") },
          5000 },
        { "over", { .event_id = "$1", .age = HOUR, .duration = HOUR, .ttl = -1, .content = JOIN("k") }, 0 },
        { "over, says the server", { .event_id = "$1", .duration = HOUR, .ttl = 0, .content = JOIN("k") }, 0 },
        { "longer than sticky events last",
          { .event_id = "$1", .duration = 50 * HOUR, .ttl = -1, .content = JOIN("k") },
          HOUR },
        { "the same from the server",
          { .event_id = "$1", .duration = HOUR, .ttl = 50 * HOUR, .content = JOIN("k") },
          HOUR },
        { "for ever", { .event_id = "$1", .duration = INT64_MAX, .ttl = INT64_MAX, .content = JOIN("k") }, HOUR },
        { "not sticky", { .event_id = "$1", .duration = -1, .ttl = -1, .content = JOIN("k") }, 0 },
        { "without an id", { .duration = HOUR, .ttl = -1, .content = JOIN("k") }, 0 },
        { "of somebody else",
          { .sender = "@x:hs", .event_id = "$1", .duration = HOUR, .ttl = -1, .content = JOIN("k") },
          0 },
        { "a leave", { .event_id = "$1", .duration = HOUR, .ttl = -1, .content = LEAVE("k") }, 0 },
        { "a leave with its slot",
          { .event_id = "$1",
            .duration = HOUR,
            .ttl = -1,
            .content = "{\"slot_id\":\"m.call#ROOM\",\"msc4354_sticky_key\":\"k\"}" },
          0 },
        { "a join by the text of the proposal",
          { .event_id = "$1",
            .duration = HOUR,
            .ttl = -1,
            .content =
                    "{\"slot_id\":\"m.call#ROOM\",\"member\":{\"id\":\"k\",\"membership\":\"join\"},\"application\":"
                    "{\"type\":\"m.call\"},\"transports\":{\"published\":[]},\"sticky_key\":\"k\"}" },
          HOUR },
        { "a leave by the text of the proposal",
          { .event_id = "$1",
            .duration = HOUR,
            .ttl = -1,
            .content = "{\"member\":{\"id\":\"k\",\"membership\":\"leave\"},\"application\":{\"type\":\"m.call\"},"
                       "\"sticky_key\":\"k\"}" },
          0 },
        { "membership of a wrong type",
          { .event_id = "$1",
            .duration = HOUR,
            .ttl = -1,
            .content = "{\"member\":{\"membership\":1},\"application\":{\"type\":\"m.call\"},\"sticky_key\":\"k\"}" },
          0 },
        { "a whiteboard",
          { .event_id = "$1",
            .duration = HOUR,
            .ttl = -1,
            .content = "{\"application\":{\"type\":\"net.nordeck.whiteboard\"},\"sticky_key\":\"k\"}" },
          0 },
        { "application of a wrong type",
          { .event_id = "$1",
            .duration = HOUR,
            .ttl = -1,
            .content = "{\"application\":\"m.call\",\"sticky_key\":\"k\"}" },
          0 },
        { "no key",
          { .event_id = "$1", .duration = HOUR, .ttl = -1, .content = "{\"application\":{\"type\":\"m.call\"}}" },
          0 },
        { "a key of a wrong type",
          { .event_id = "$1",
            .duration = HOUR,
            .ttl = -1,
            .content = "{\"application\":{\"type\":\"m.call\"},\"sticky_key\":7}" },
          0 },
        { "nothing", { .event_id = "$1", .duration = HOUR, .ttl = -1, .content = "{}" }, 0 },
};

Test(rtc_sticky, events) {
        static const char *const sections[] = { "timeline", "msc4354_sticky" };

        for (size_t i = 0; i < 2 * ARRAY_SIZE(events); i++) {
                usec_t lasts = (usec_t) events[i / 2].lasts * USEC_PER_MSEC;
                const char *what = events[i / 2].what;
                struct stage s;

                stage_open(&s, &call_kind_rtc_sticky);
                put(&s, sections[i % 2], &events[i / 2].event);
                cr_expect_eq(s.n_calls, lasts ? 1 : 0, "%s, in %s", what, sections[i % 2]);
                if (s.n_calls > 0) {
                        cr_expect_eq(s.calls[0].phase, CALL_ACTIVE, "%s", what);
                        cr_expect_eq(s.calls[0].evidence, EVIDENCE_PROOF, "%s", what);
                        cr_expect(s.calls[0].announced, "%s", what);
                        cr_expect_eq(s.calls[0].until, STAGE_BOOT + lasts, "%s", what);
                        cr_expect(s.kind->in_call(s.of), "%s", what);
                        stage_wait(&s, lasts);
                        cr_expect_eq(s.n_calls, 0, "%s", what);
                }
                stage_close(&s);
        }
}

#define EVENT(id, ago, lasts, text)                                                                                   \
        { .event_id = id, .age = ago, .duration = lasts, .ttl = -1, .content = text }

static const struct {
        const char *what;
        struct sent first, second;
        bool in_call;
} pairs[] = {
        { "join, then leave", EVENT("$a", 5, HOUR, JOIN("k")), EVENT("$b", 0, HOUR, LEAVE("k")), false },
        { "the leave comes first", EVENT("$b", 0, HOUR, LEAVE("k")), EVENT("$a", 5, HOUR, JOIN("k")), false },
        { "left, then joined again", EVENT("$a", 5, HOUR, LEAVE("k")), EVENT("$b", 0, HOUR, JOIN("k")), true },
        { "another key is left", EVENT("$a", 5, HOUR, JOIN("k")), EVENT("$b", 0, HOUR, LEAVE("l")), true },
        { "the longer one stands", EVENT("$a", 5, HOUR, JOIN("k")), EVENT("$b", 0, MINUTE, LEAVE("k")), true },
        { "equally long: the greater id", EVENT("$a", 0, HOUR, JOIN("k")), EVENT("$b", 0, HOUR, LEAVE("k")), false },
        { "equally long, the other way", EVENT("$b", 0, HOUR, JOIN("k")), EVENT("$a", 0, HOUR, LEAVE("k")), true },
        { "renewed", EVENT("$a", HOUR - 5, HOUR, JOIN("k")), EVENT("$b", 0, HOUR, JOIN("k")), true },
        { "seen twice", EVENT("$a", 0, HOUR, JOIN("k")), EVENT("$a", 0, HOUR, JOIN("k")), true },
};

Test(rtc_sticky, which_one_stands) {
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                struct stage s;

                stage_open(&s, &call_kind_rtc_sticky);
                put(&s, "timeline", &pairs[i].first);
                put(&s, "msc4354_sticky", &pairs[i].second);
                cr_expect_eq(stage_phase(&s, K), pairs[i].in_call ? CALL_ACTIVE : CALL_GONE, "%s", pairs[i].what);
                stage_close(&s);
        }
}

Test(rtc_sticky, a_renewed_call_began_when_it_began) {
        struct stage s;
        usec_t since;

        stage_open(&s, &call_kind_rtc_sticky);
        put(&s, "timeline", &(struct sent) EVENT("$a", 0, HOUR, JOIN("k")));
        since = s.calls[0].since;
        stage_wait(&s, 59 * USEC_PER_MIN);
        put(&s, "timeline", &(struct sent) EVENT("$b", 0, HOUR, JOIN("k")));
        cr_expect_eq(s.n_calls, 1);
        cr_expect_eq(s.calls[0].since, since);
        stage_wait(&s, 59 * USEC_PER_MIN);
        cr_expect_eq(s.n_calls, 1);
        stage_close(&s);
}

static const struct {
        const char *what, *section, *events;
        bool in_call;
} endings[] = {
        { "taken back", "timeline",
          "{\"type\":\"m.room.redaction\",\"sender\":\"@me:hs\",\"redacts\":\"$a\",\"content\":{}}", false },
        { "another one taken back", "timeline",
          "{\"type\":\"m.room.redaction\",\"sender\":\"@me:hs\",\"redacts\":\"$b\",\"content\":{}}", true },
        { "I left the room", "timeline",
          "{\"type\":\"m.room.member\",\"sender\":\"@x:hs\",\"state_key\":\"@me:hs\",\"content\":{\"membership\":"
          "\"leave\"}}",
          false },
        { "another left the room", "timeline",
          "{\"type\":\"m.room.member\",\"sender\":\"@x:hs\",\"state_key\":\"@x:hs\",\"content\":{\"membership\":"
          "\"leave\"}}",
          true },
};

Test(rtc_sticky, endings) {
        for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
                struct stage s;

                stage_open(&s, &call_kind_rtc_sticky);
                put(&s, "timeline", &(struct sent) EVENT("$a", 0, HOUR, JOIN("k")));
                stage_sync(&s, endings[i].section, endings[i].events);
                cr_expect_eq(stage_phase(&s, K), endings[i].in_call ? CALL_ACTIVE : CALL_GONE, "%s", endings[i].what);
                stage_close(&s);
        }
}

Test(rtc_sticky, a_resync_brings_them_in_parts) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_sticky);
        put(&s, "timeline", &(struct sent) EVENT("$a", 0, HOUR, JOIN("k")));
        s.kind->resync(s.of, true);
        s.kind->resync(s.of, false);
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 1);
        s.kind->room_left(s.of, STAGE_ROOM);
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

/* ---- names ---- */

static const struct {
        const char *what, *section, *event;
        usec_t lasts;
} named[] = {
        { "as the text of MSC4354 has it, two hours late, without an age", "sticky",
          "{\"type\":\"m.rtc.member\",\"sender\":\"@me:hs\",\"event_id\":\"$a\",\"origin_server_ts\":1699992800000,"
          "\"sticky\":{\"duration_ms\":3600000},\"unsigned\":{\"sticky_duration_remaining_ms\":3000000},"
          "\"content\":{\"slot_id\":\"m.call#room\",\"member\":{\"id\":\"k\",\"membership\":\"join\"},"
          "\"application\":{\"type\":\"m.call\"},\"sticky_key\":\"k\"}}",
          50 * USEC_PER_MIN },
        { "said to be sticky by nothing but what remains", "timeline",
          "{\"type\":\"m.rtc.member\",\"sender\":\"@me:hs\",\"event_id\":\"$a\",\"origin_server_ts\":1699992800000,"
          "\"unsigned\":{\"sticky_duration_remaining_ms\":3000000},"
          "\"content\":{\"application\":{\"type\":\"m.call\"},\"sticky_key\":\"k\"}}",
          50 * USEC_PER_MIN },
        { "drafts and the stable text in one event", "msc4354_sticky",
          "{\"type\":\"org.matrix.msc4143.rtc.member\",\"sender\":\"@me:hs\",\"event_id\":\"$a\","
          "\"origin_server_ts\":1699992800000,\"sticky\":{\"duration_ms\":3600000},"
          "\"unsigned\":{\"msc4354_sticky_duration_ttl_ms\":3000000},"
          "\"content\":{\"application\":{\"type\":\"m.call\"},\"msc4354_sticky_key\":\"k\"}}",
          50 * USEC_PER_MIN },
        { "whole numbers, written as a client writes that knows no others", "sticky",
          "{\"type\":\"m.rtc.member\",\"sender\":\"@me:hs\",\"event_id\":\"$a\",\"origin_server_ts\":1700000000000,"
          "\"sticky\":{\"duration_ms\":3.0e6},"
          "\"content\":{\"application\":{\"type\":\"m.call\"},\"sticky_key\":\"k\"}}",
          50 * USEC_PER_MIN },
        { "the same of what remains", "sticky",
          "{\"type\":\"m.rtc.member\",\"sender\":\"@me:hs\",\"event_id\":\"$a\",\"origin_server_ts\":1699992800000,"
          "\"sticky\":{\"duration_ms\":3600000.0},\"unsigned\":{\"sticky_duration_remaining_ms\":3000000.0},"
          "\"content\":{\"application\":{\"type\":\"m.call\"},\"sticky_key\":\"k\"}}",
          50 * USEC_PER_MIN },
};

Test(rtc_sticky, every_name_is_read) {
        for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
                struct stage s;

                stage_open(&s, &call_kind_rtc_sticky);
                stage_sync(&s, named[i].section, named[i].event);
                cr_expect_eq(s.n_calls, 1, "%s", named[i].what);
                if (s.n_calls > 0)
                        cr_expect_eq(s.calls[0].until, STAGE_BOOT + named[i].lasts, "%s", named[i].what);
                stage_close(&s);
        }
}

/* ---- slots ---- */

#define SLOT(type, key, event_id, content)                                                                            \
        "{\"type\":\"" type "\",\"sender\":\"@admin:hs\",\"state_key\":\"" key "\",\"event_id\":\"" event_id          \
        "\",\"origin_server_ts\":1700000000000,\"content\":" content "}"
#define STABLE "m.rtc.slot"
#define DRAFT  "org.matrix.msc4143.rtc.slot"
#define OPEN   "{\"status\":\"open\",\"application\":{\"type\":\"m.call\"}}"
#define CLOSED "{\"status\":\"closed\"}"
#define MEMBER EVENT("$a", 5, HOUR, JOIN("k"))

static const struct {
        const char *what, *before, *after; /* events around the member's; NULL: none */
        bool in_call;
} slots[] = {
        { "no slot at all", NULL, NULL, true },
        { "open", SLOT(STABLE, "m.call#ROOM", "$s", OPEN), NULL, true },
        { "open, by the shortest words", SLOT(STABLE, "m.call#ROOM", "$s", "{\"status\":\"open\"}"), NULL, true },
        { "open, by an earlier text", SLOT(DRAFT, "m.call#ROOM", "$s", "{\"application\":{\"type\":\"m.call\"}}"),
          NULL, true },
        { "closed", NULL, SLOT(STABLE, "m.call#ROOM", "$s", CLOSED), false },
        { "closed, by the draft's name", NULL, SLOT(DRAFT, "m.call#ROOM", "$s", CLOSED), false },
        { "closed, the application kept", NULL,
          SLOT(STABLE, "m.call#ROOM", "$s", "{\"status\":\"closed\",\"application\":{\"type\":\"m.call\"}}"), false },
        { "closed by taking all out, as an earlier text has it", NULL, SLOT(STABLE, "m.call#ROOM", "$s", "{}"),
          false },
        { "closed before", SLOT(STABLE, "m.call#ROOM", "$s", CLOSED), NULL, false },
        { "closed and opened again", SLOT(STABLE, "m.call#ROOM", "$s", CLOSED),
          SLOT(STABLE, "m.call#ROOM", "$t", OPEN), true },
        { "another slot closed", NULL, SLOT(STABLE, "m.call#other", "$s", CLOSED), true },
        { "a message of that type", NULL,
          "{\"type\":\"" STABLE "\",\"sender\":\"@x:hs\",\"event_id\":\"$s\",\"content\":" CLOSED "}", true },
};

Test(rtc_sticky, a_closed_slot_ends_its_members) {
        for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
                struct stage s;

                stage_open(&s, &call_kind_rtc_sticky);
                if (slots[i].before)
                        stage_sync(&s, "timeline", slots[i].before);
                put(&s, "timeline", &(struct sent) MEMBER);
                if (slots[i].after)
                        stage_sync(&s, "timeline", slots[i].after);
                cr_expect_eq(stage_phase(&s, K), slots[i].in_call ? CALL_ACTIVE : CALL_GONE, "%s", slots[i].what);
                stage_close(&s);
        }
}

/* The first answer, a whole state, has the user's join and not what others have said of its slot. */
static void open_with_state(struct stage *s) {
        stage_open(s, &call_kind_rtc_sticky);
        s->kind->resync(s->of, true);
        put(s, "msc4354_sticky", &(struct sent) MEMBER);
        s->kind->resync(s->of, false);
        stage_commit(s);
}

static void look(struct stage *s, const char *list) {
        SCOPED(json_decref) json_t *root = NULL;
        SCOPED(sync_batch_free) struct sync_batch *batch = NULL;
        SCOPED(free) char *body = NULL;
        struct room_events state;

        if (!list) {
                s->kind->looked(s->of, NULL);
                stage_commit(s);
                return;
        }
        cr_assert_geq(asprintf(&body,
                               "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"" STAGE_ROOM
                               "\":{\"state\":{\"events\":[%s]}}}}}",
                               list),
                      0);
        root = stage_json(body);
        cr_assert_eq(sync_batch_new(&batch, root, STAGE_ME), 0);
        state = sync_batch_events(batch);
        s->kind->looked(s->of, &state);
        stage_commit(s);
}

static const struct {
        const char *what, *state; /* NULL: cannot be had */
        bool in_call;
} looks[] = {
        { "closed", SLOT(STABLE, "m.call#ROOM", "$s", CLOSED), false },
        { "closed, by the draft's name", SLOT(DRAFT, "m.call#ROOM", "$s", CLOSED), false },
        { "open", SLOT(STABLE, "m.call#ROOM", "$s", OPEN), true },
        { "no slot at all", "", true },
        { "another slot closed", SLOT(STABLE, "m.call#other", "$s", CLOSED), true },
        { "of both names the last counts, as elsewhere",
          SLOT(STABLE, "m.call#ROOM", "$s", OPEN) "," SLOT(DRAFT, "m.call#ROOM", "$t", CLOSED), false },
        { "cannot be had", NULL, true },
};

Test(rtc_sticky, a_slot_closed_before_the_start_is_looked_for) {
        for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
                const char *room = NULL;
                struct stage s;

                open_with_state(&s);
                cr_expect_eq(s.n_calls, 0, "%s: not said before the slot was looked at", looks[i].what);
                cr_assert_eq(s.kind->unseen(s.of, &room, 1), 1, "%s", looks[i].what);
                cr_expect_str_eq(room, STAGE_ROOM);
                look(&s, looks[i].state);
                cr_expect_eq(stage_phase(&s, K), looks[i].in_call ? CALL_ACTIVE : CALL_GONE, "%s", looks[i].what);
                cr_expect_eq(s.kind->unseen(s.of, &room, 1), 0, "%s", looks[i].what);
                stage_close(&s);
        }
}

Test(rtc_sticky, what_is_heard_meanwhile_is_newer_than_a_look) {
        struct stage s;

        open_with_state(&s);
        stage_sync(&s, "timeline", SLOT(STABLE, "m.call#ROOM", "$t", OPEN));
        cr_expect_eq(s.n_calls, 1);
        look(&s, SLOT(STABLE, "m.call#ROOM", "$s", CLOSED));
        cr_expect_eq(s.n_calls, 1);
        stage_close(&s);
}

Test(rtc_sticky, a_call_goes_on_while_its_slot_is_looked_at_again) {
        const char *room;
        struct stage s;

        stage_open(&s, &call_kind_rtc_sticky);
        put(&s, "timeline", &(struct sent) MEMBER);
        cr_expect_eq(s.kind->unseen(s.of, &room, 1), 0, "who joins has found the slot open");
        s.kind->resync(s.of, true);
        put(&s, "msc4354_sticky", &(struct sent) EVENT("$b", 0, HOUR, JOIN("k")));
        s.kind->resync(s.of, false);
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 1);
        cr_expect_eq(s.kind->unseen(s.of, &room, 1), 1);
        look(&s, SLOT(STABLE, "m.call#ROOM", "$s", CLOSED));
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

Test(rtc_sticky, a_slot_of_another_room_is_another_slot) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_sticky);
        put(&s, "timeline", &(struct sent) MEMBER);
        stage_feed(&s, "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"!far:hs\":{\"timeline\":{\"events\":[" SLOT(
                               STABLE, "m.call#ROOM", "$s", CLOSED) "]}}}}}");
        stage_commit(&s);
        cr_expect_eq(stage_phase(&s, K), CALL_ACTIVE);
        stage_close(&s);
}

Test(rtc_sticky, who_comes_after_a_gap_has_found_the_slot_open) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_sticky);
        put(&s, "timeline", &(struct sent) MEMBER);
        stage_sync(&s, "timeline", SLOT(STABLE, "m.call#ROOM", "$s", CLOSED));
        cr_expect_eq(s.n_calls, 0);
        s.kind->resync(s.of, true);
        s.kind->resync(s.of, false);
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 0, "whom it has ended stays ended");
        stage_wait(&s, USEC_PER_MIN);
        put(&s, "timeline", &(struct sent) EVENT("$b", 0, HOUR, JOIN("l")));
        cr_expect_eq(s.n_calls, 1);
        stage_close(&s);
}

/* Strangers may open and close what they like. */
Test(rtc_sticky, strangers_slots_do_not_open_the_own_one) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_sticky);
        put(&s, "timeline", &(struct sent) MEMBER);
        stage_sync(&s, "timeline", SLOT(STABLE, "m.call#ROOM", "$s", CLOSED));
        for (int i = 0; i < 500; i++) {
                char event[512];

                (void) snprintf(
                        event, sizeof(event),
                        "{\"type\":\"m.rtc.slot\",\"sender\":\"@x:hs\",\"state_key\":\"x#%d\",\"event_id\":\"$%d\","
                        "\"content\":{\"status\":\"closed\"}}",
                        i, i);
                stage_sync(&s, "timeline", event);
        }
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

Test(rtc_sticky, more_than_are_looked_at) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_sticky);
        for (int i = 0; i < 60; i++) {
                char id[16], content[128];

                (void) snprintf(id, sizeof(id), "$%d", i);
                (void) snprintf(content, sizeof(content), "{\"sticky_key\":\"%d\",\"application\":{\"type\":\"%s\"}}",
                                i, i % 2 ? "m.call" : "x");
                put(&s, "timeline", &(struct sent) EVENT(id, 0, HOUR, content));
        }
        cr_expect_gt(s.n_calls, 0);
        cr_expect(stage_find(&s, "sticky/" STAGE_ROOM "/" TYPE "/59"));
        stage_close(&s);
}

Test(rtc_sticky, a_leave_only_ends) {
        static const struct {
                const char *type, *content;
                bool only_ends;
        } rows[] = { { TYPE, JOIN("k"), false }, { TYPE, LEAVE("k"), true }, { "m.room.message", "{}", false } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(json_decref) json_t *content = stage_json(rows[i].content);

                cr_expect_eq(call_kind_rtc_sticky.only_ends(
                                     &(struct matrix_event){ .type = rows[i].type, .content = content }),
                             rows[i].only_ends, "%s", rows[i].content);
        }
}
