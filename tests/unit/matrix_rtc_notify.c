/* Rings of group calls: who is rung, for how long, and what ends it. */
#include "matrix_stage.h"

#define TYPE     "org.matrix.msc4075.rtc.notification"
#define MENTION  "\"m.mentions\":{\"user_ids\":[\"@x:hs\",\"@me:hs\"]}"
#define RELATION "\"m.relates_to\":{\"rel_type\":\"m.reference\",\"event_id\":\"$member\"}"
#define RING     "{\"notification_type\":\"ring\",\"lifetime\":30000," MENTION "," RELATION "}"
#define ID       "ring/" STAGE_ROOM "/$n"
#define NOW      "1700000000000"

static char *event_text(const struct stage *s, const char *type, const char *sender, int64_t age,
                        const char *content) {
        char *text = NULL;

        cr_assert_geq(asprintf(&text,
                               "{\"type\":\"%s\",\"sender\":\"%s\",\"event_id\":\"$n\",\"origin_server_ts\":%lld,"
                               "\"unsigned\":{\"age\":%lld},\"content\":%s}",
                               type, sender, (long long) (stage_wall_msec(s) - age), (long long) age, content),
                      0);
        return text;
}

static const struct {
        const char *what, *type, *sender, *content;
        int64_t age, lasts; /* ms; 0: does not ring */
} rings[] = {
        { "a ring", TYPE, "@x:hs", RING, 0, 30000 },
        { "the stable name", "m.rtc.notification", "@x:hs", RING, 0, 30000 },
        { "seen late", TYPE, "@x:hs", RING, 20000, 10000 },
        { "seen too late", TYPE, "@x:hs", RING, 30000, 0 },
        { "by me", TYPE, "@me:hs", RING, 0, 0 },
        { "no ring", TYPE, "@x:hs", "{\"notification_type\":\"notification\",\"lifetime\":30000," MENTION "}", 0, 0 },
        { "type missing", TYPE, "@x:hs", "{\"lifetime\":30000," MENTION "}", 0, 0 },
        { "of a wrong type", TYPE, "@x:hs", "{\"notification_type\":[\"ring\"],\"lifetime\":30000," MENTION "}", 0,
          0 },
        { "for the room", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":30000,\"m.mentions\":{\"room\":true}}", 0, 30000 },
        { "for others", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":30000,\"m.mentions\":{\"user_ids\":[\"@y:hs\"]}}", 0, 0 },
        { "for nobody", TYPE, "@x:hs", "{\"notification_type\":\"ring\",\"lifetime\":30000}", 0, 0 },
        { "mentions of wrong types", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"m.mentions\":{\"user_ids\":[5,{}],\"room\":1}}", 0, 0 },
        { "no lifetime", TYPE, "@x:hs", "{\"notification_type\":\"ring\"," MENTION "}", 0, 30000 },
        { "a lifetime in a whole real", TYPE, "@x:hs", "{\"notification_type\":\"ring\",\"lifetime\":2e4," MENTION "}",
          0, 20000 },
        { "a lifetime longer than any", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":9223372036854775807," MENTION "}", 0, 120000 },
        { "a negative lifetime", TYPE, "@x:hs", "{\"notification_type\":\"ring\",\"lifetime\":-1," MENTION "}", 0, 0 },
        { "begun before it was sent", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":30000,\"sender_ts\":1699999990000," MENTION "}", 0, 20000 },
        { "begun after it was sent", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":30000,\"sender_ts\":1700000010000," MENTION "}", 0, 40000 },
        { "the sender's clock is wrong", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":30000,\"sender_ts\":1600000000000," MENTION "}", 0, 30000 },
        { "the sender's clock is wrong the other way", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":30000,\"sender_ts\":9223372036854775807," MENTION "}", 0,
          30000 },
        { "all inside application", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"lifetime\":30000,\"m.text\":[],\"application\":{\"type\":\"m."
          "call\"," MENTION "," RELATION "}}",
          0, 30000 },
        { "a whiteboard", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"application\":{\"type\":\"net.nordeck.whiteboard\"}," MENTION "}", 0, 0 },
        { "application without a type", TYPE, "@x:hs",
          "{\"notification_type\":\"ring\",\"application\":{}," MENTION "}", 0, 0 },
        { "the old type", "org.matrix.msc4075.call.notify", "@x:hs",
          "{\"application\":\"m.call\",\"call_id\":\"\",\"notify_type\":\"ring\"," MENTION "}", 0, 30000 },
        { "the old type, stable", "m.call.notify", "@x:hs",
          "{\"application\":\"m.call\",\"call_id\":\"\",\"notify_type\":\"ring\"," MENTION "}", 10000, 20000 },
        { "the old type, no ring", "m.call.notify", "@x:hs",
          "{\"application\":\"m.call\",\"call_id\":\"\",\"notify_type\":\"notify\"," MENTION "}", 0, 0 },
        { "the old type, another application", "m.call.notify", "@x:hs",
          "{\"application\":\"x\",\"call_id\":\"\",\"notify_type\":\"ring\"," MENTION "}", 0, 0 },
        { "nothing", TYPE, "@x:hs", "{}", 0, 0 },
        { "content is a list", TYPE, "@x:hs", "[]", 0, 0 },
};

Test(rtc_notify, rings) {
        for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
                usec_t lasts = (usec_t) rings[i].lasts * USEC_PER_MSEC;
                SCOPED(free) char *text = NULL;
                struct stage s;

                stage_open(&s, &call_kind_rtc_notify);
                text = event_text(&s, rings[i].type, rings[i].sender, rings[i].age, rings[i].content);
                stage_sync(&s, "timeline", text);
                cr_expect_eq(stage_phase(&s, ID), lasts ? CALL_RINGING_IN : CALL_GONE, "%s", rings[i].what);
                cr_expect_not(s.kind->in_call(s.of), "%s", rings[i].what);
                if (s.n_calls > 0) {
                        cr_expect_eq(s.calls[0].until, STAGE_BOOT + lasts, "%s", rings[i].what);
                        stage_wait(&s, lasts - 1);
                        cr_expect_eq(s.n_calls, 1, "%s", rings[i].what);
                        stage_wait(&s, 1);
                        cr_expect_eq(s.n_calls, 0, "%s", rings[i].what);
                }
                stage_close(&s);
        }
}

#define DECLINE(sender, id)                                                                                           \
        "{\"type\":\"org.matrix.msc4310.rtc.decline\",\"sender\":\"" sender "\",\"content\":{\"m.relates_to\":"       \
        "{\"rel_type\":\"m.reference\",\"event_id\":\"" id "\"}}}"
#define JOIN(type, sender, content)                                                                                   \
        "{\"type\":\"" type "\",\"sender\":\"" sender "\",\"state_key\":\"k\",\"content\":" content "}"
#define MEMBER "org.matrix.msc3401.call.member"

static const struct {
        const char *what, *event;
        bool rings;
} endings[] = {
        { "I decline", DECLINE("@me:hs", "$n"), false },
        { "I decline by the stable name",
          "{\"type\":\"m.rtc.decline\",\"sender\":\"@me:hs\",\"content\":{\"m.relates_to\":{\"event_id\":\"$n\"}}}",
          false },
        { "I decline another", DECLINE("@me:hs", "$o"), true },
        { "another declines", DECLINE("@y:hs", "$n"), true },
        { "a decline of nothing",
          "{\"type\":\"m.rtc.decline\",\"sender\":\"@me:hs\",\"content\":{\"m.relates_to\":5}}", true },
        { "I join", JOIN(MEMBER, "@me:hs", "{\"application\":\"m.call\"}"), false },
        { "I join, second generation", JOIN(MEMBER, "@me:hs", "{\"memberships\":[{}]}"), false },
        { "I join by a sticky event",
          "{\"type\":\"m.rtc.member\",\"sender\":\"@me:hs\",\"content\":{\"application\":{\"type\":\"m.call\"}}}",
          false },
        { "I leave another call there", JOIN(MEMBER, "@me:hs", "{}"), true },
        { "another joins", JOIN(MEMBER, "@y:hs", "{\"application\":\"m.call\"}"), true },
        { "I had joined before",
          "{\"type\":\"" MEMBER
          "\",\"sender\":\"@me:hs\",\"state_key\":\"k\",\"unsigned\":{\"age\":60000},\"content\":"
          "{\"application\":\"m.call\"}}",
          true },
        { "it is taken back", "{\"type\":\"m.room.redaction\",\"sender\":\"@x:hs\",\"redacts\":\"$n\"}", false },
        { "another is taken back", "{\"type\":\"m.room.redaction\",\"sender\":\"@x:hs\",\"redacts\":\"$o\"}", true },
        { "who rings leaves the room", JOIN("m.room.member", "@x:hs", "{\"membership\":\"leave\"}"), true },
        { "who rings is put out",
          "{\"type\":\"m.room.member\",\"sender\":\"@y:hs\",\"state_key\":\"@x:hs\",\"content\":{\"membership\":"
          "\"ban\"}}",
          false },
        { "I leave the room",
          "{\"type\":\"m.room.member\",\"sender\":\"@me:hs\",\"state_key\":\"@me:hs\",\"content\":{\"membership\":"
          "\"leave\"}}",
          false },
};

Test(rtc_notify, endings) {
        for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
                SCOPED(free) char *ring = NULL;
                struct stage s;

                stage_open(&s, &call_kind_rtc_notify);
                ring = event_text(&s, TYPE, "@x:hs", 0, RING);
                stage_sync(&s, "timeline", ring);
                cr_assert_eq(stage_phase(&s, ID), CALL_RINGING_IN);
                stage_sync(&s, "timeline", endings[i].event);
                cr_expect_eq(stage_phase(&s, ID), endings[i].rings ? CALL_RINGING_IN : CALL_GONE, "%s",
                             endings[i].what);
                stage_close(&s);
        }
}

Test(rtc_notify, the_decline_comes_first) {
        SCOPED(free) char *ring = NULL;
        struct stage s;

        stage_open(&s, &call_kind_rtc_notify);
        stage_sync(&s, "timeline", DECLINE("@me:hs", "$n"));
        ring = event_text(&s, TYPE, "@x:hs", 0, RING);
        stage_sync(&s, "timeline", ring);
        cr_expect_eq(s.n_told, 0);
        stage_close(&s);
}

Test(rtc_notify, seen_again_it_is_one_ring) {
        SCOPED(free) char *ring = NULL;
        struct stage s;

        stage_open(&s, &call_kind_rtc_notify);
        ring = event_text(&s, TYPE, "@x:hs", 0, RING);
        stage_sync(&s, "timeline", ring);
        stage_sync(&s, "timeline", ring);
        cr_expect_eq(s.n_calls, 1);
        cr_expect_eq(s.n_told, 1);
        s.kind->room_left(s.of, STAGE_ROOM);
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

Test(rtc_notify, a_storm_stays_small) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_notify);
        for (int i = 0; i < 100; i++) {
                SCOPED(free) char *text = NULL;

                cr_assert_geq(asprintf(&text,
                                       "{\"type\":\"" TYPE "\",\"sender\":\"@x:hs\",\"event_id\":\"$%d\","
                                       "\"unsigned\":{\"age\":0},\"origin_server_ts\":" NOW ",\"content\":" RING "}",
                                       i),
                              0);
                stage_sync(&s, "timeline", text);
        }
        cr_expect_gt(s.n_calls, 0);
        cr_expect_leq(s.n_calls, 8);
        stage_close(&s);
}
