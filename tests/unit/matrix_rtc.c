/* Group calls that live in state: call.member in its generations and forms, and video rooms. */
#include "matrix_stage.h"

#define G3_KEY "_@me:hs_DEVICE_m.call"
#define G3_BASE                                                                                                       \
        "\"application\":\"m.call\",\"call_id\":\"\",\"scope\":\"m.room\",\"device_id\":\"DEVICE\","                  \
        "\"membershipID\":\"@me:hs:DEVICE\",\"m.call.intent\":\"video\","                                             \
        "\"focus_active\":{\"type\":\"livekit\",\"focus_selection\":\"oldest_membership\"},"                          \
        "\"foci_preferred\":[{\"type\":\"livekit\",\"livekit_service_url\":\"https://livekit.hs\"}]"
#define G3 "{" G3_BASE ",\"expires\":14400000}"
#define G2(times)                                                                                                     \
        "{\"memberships\":[{\"application\":\"m.call\",\"call_id\":\"\",\"scope\":\"m.room\",\"device_id\":\"D\","    \
        "\"membershipID\":\"x\"," times ",\"foci_active\":[]}]}"
#define G1(expires_ts)                                                                                                \
        "{\"m.calls\":[{\"m.call_id\":\"17\",\"m.devices\":[{\"device_id\":\"D\",\"session_id\":\"S\","               \
        "\"expires_ts\":" expires_ts ",\"feeds\":[{\"purpose\":\"m.usermedia\"}]}]}]}"

#define HOUR   INT64_C(3600000)
#define MINUTE INT64_C(60000)
#define MEMBER "org.matrix.msc3401.call.member"

/* An event of the room, sent `age` ms ago. */
static char *event_text(const struct stage *s, const char *type, const char *sender, const char *state_key,
                        const char *event_id, int64_t age, const char *content) {
        char *text = NULL;

        cr_assert_geq(asprintf(&text,
                               "{\"type\":\"%s\",\"sender\":\"%s\",\"state_key\":\"%s\",\"event_id\":\"%s\","
                               "\"origin_server_ts\":%lld,\"unsigned\":{\"age\":%lld},\"content\":%s}",
                               type, sender, state_key, event_id, (long long) (stage_wall_msec(s) - age),
                               (long long) age, content),
                      0);
        return text;
}

static void put(struct stage *s, const char *section, const char *type, const char *sender, const char *state_key,
                const char *event_id, int64_t age, const char *content) {
        SCOPED(free) char *text = event_text(s, type, sender, state_key, event_id, age, content);

        stage_sync(s, section, text);
}

/* STAGE_WALL_MSEC plus or minus hours, as it stands in contents. */
#define NOW_MSEC    "1700000000000"
#define IN_1_HOUR   "1700003600000"
#define AGO_1_HOUR  "1699996400000"
#define AGO_3_HOURS "1699989200000"
#define AGO_6_HOURS "1699978400000"
#define NEVER       0
#define FOR(msec)   (msec)

static const struct {
        const char *what, *type, *state_key, *content;
        int64_t age;
        int64_t lasts; /* ms from now; NEVER: not in call */
} contents[] = {
        { "G3 now", MEMBER, G3_KEY, G3, 0, FOR(4 * HOUR) },
        { "G3 stable name", "m.call.member", G3_KEY, G3, 0, FOR(4 * HOUR) },
        { "G3 first form of the key", MEMBER, "_@me:hs_DEVICE", G3, 0, FOR(4 * HOUR) },
        { "G3 key without underscore", MEMBER, "@me:hs_DEVICE_m.call", G3, 0, FOR(4 * HOUR) },
        { "G3 key of another slot", MEMBER, "_@me:hs_DEVICE_m.call17", G3, 0, FOR(4 * HOUR) },
        { "G3 key that names somebody else", MEMBER, "_@x:hs_DEVICE_m.call", G3, 0, FOR(4 * HOUR) },
        { "G3 without expires", MEMBER, G3_KEY, "{" G3_BASE "}", HOUR, FOR(3 * HOUR) },
        { "G3 an application alone", MEMBER, G3_KEY, "{\"application\":\"m.call\"}", 0, FOR(4 * HOUR) },
        { "G3 expires of a wrong type", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":\"1\"}", 0, FOR(4 * HOUR) },
        { "G3 expired", MEMBER, G3_KEY, G3, 4 * HOUR, NEVER },
        { "G3 about to expire", MEMBER, G3_KEY, G3, 4 * HOUR - MINUTE, FOR(MINUTE) },
        { "G3 expires at once", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":0}", 0, NEVER },
        { "G3 expired ever", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":-14400000}", 0, NEVER },
        { "G3 expires in a whole real", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":6e4}", 0, FOR(MINUTE) },
        { "G3 expires in no whole one", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":6000.5}", 0, FOR(4 * HOUR) },
        { "G3 expires in a real beyond all integers", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":1e300}", 0,
          FOR(4 * HOUR) },
        { "G3 short", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":60000}", 0, FOR(MINUTE) },
        { "G3 renewed", MEMBER, G3_KEY, "{" G3_BASE ",\"created_ts\":" AGO_1_HOUR ",\"expires\":28800000}", 0,
          FOR(4 * HOUR) }, /* 7 h, but not beyond the cap */
        { "G3 renewed, seen late", MEMBER, G3_KEY, "{" G3_BASE ",\"created_ts\":" AGO_6_HOURS ",\"expires\":28800000}",
          30 * MINUTE, FOR(2 * HOUR) },
        { "G3 changed intent in a long call", MEMBER, G3_KEY,
          "{" G3_BASE ",\"created_ts\":" AGO_6_HOURS ",\"expires\":14400000}", 0, FOR(65 * MINUTE) },
        { "G3 changed intent, not renewed", MEMBER, G3_KEY,
          "{" G3_BASE ",\"created_ts\":" AGO_6_HOURS ",\"expires\":14400000}", 66 * MINUTE, NEVER },
        { "G3 changed intent shortly before it ran out", MEMBER, G3_KEY,
          "{" G3_BASE ",\"created_ts\":" AGO_3_HOURS ",\"expires\":10860000}", 0, FOR(65 * MINUTE) },
        { "G3 created in the future", MEMBER, G3_KEY,
          "{" G3_BASE ",\"created_ts\":" IN_1_HOUR ",\"expires\":14400000}", 0, FOR(4 * HOUR) },
        { "G3 created never", MEMBER, G3_KEY, "{" G3_BASE ",\"created_ts\":-5,\"expires\":14400000}", 0,
          FOR(4 * HOUR) },
        { "G3 50 hours", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":180000000}", 0, FOR(4 * HOUR) },
        { "G3 50 hours, old", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":180000000}", 3 * HOUR, FOR(1 * HOUR) },
        { "G3 50 hours, older than the cap", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":180000000}", 5 * HOUR, NEVER },
        { "G3 for ever", MEMBER, G3_KEY, "{" G3_BASE ",\"expires\":9223372036854775807}", 0, FOR(4 * HOUR) },
        { "G3 left", MEMBER, G3_KEY, "{}", 0, NEVER },
        { "G3 left, with a reason", MEMBER, G3_KEY, "{\"leave_reason\":\"m.lost_connection\"}", 0, NEVER },
        { "G3 a whiteboard", MEMBER, G3_KEY, "{\"application\":\"net.nordeck.whiteboard\",\"expires\":14400000}", 0,
          NEVER },
        { "G3 application of a wrong type", MEMBER, G3_KEY, "{\"application\":{\"type\":\"m.call\"}}", 0, NEVER },

        { "G2 relative", MEMBER, "@me:hs", G2("\"expires\":3600000"), 0, FOR(HOUR) },
        { "G2 relative to its creation", MEMBER, "@me:hs", G2("\"created_ts\":" AGO_1_HOUR ",\"expires\":7200000"), 0,
          FOR(HOUR) },
        { "G2 absolute, in a whole real", MEMBER, "@me:hs", G2("\"expires_ts\":" IN_1_HOUR ".0"), 0, FOR(HOUR) },
        { "G2 absolute", MEMBER, "@me:hs", G2("\"expires_ts\":" IN_1_HOUR), 30 * MINUTE, FOR(HOUR) },
        { "G2 both, the later counts", MEMBER, "@me:hs", G2("\"expires\":60000,\"expires_ts\":" IN_1_HOUR), 0,
          FOR(HOUR) },
        { "G2 expired", MEMBER, "@me:hs", G2("\"expires\":3600000"), HOUR, NEVER },
        { "G2 expired absolutely", MEMBER, "@me:hs", G2("\"expires_ts\":" NOW_MSEC), 0, NEVER },
        { "G2 no time at all", MEMBER, "@me:hs", G2("\"x\":1"), 0, NEVER },
        { "G2 times of wrong types", MEMBER, "@me:hs", G2("\"expires\":\"1\",\"expires_ts\":[]"), 0, NEVER },
        { "G2 left", MEMBER, "@me:hs", "{\"memberships\":[]}", 0, NEVER },
        { "G2 broken ones", MEMBER, "@me:hs", "{\"memberships\":[5,null,[],{},\"m.call\"]}", 0, NEVER },
        { "G2 a whiteboard", MEMBER, "@me:hs",
          "{\"memberships\":[{\"application\":\"net.nordeck.whiteboard\",\"expires\":3600000}]}", 0, NEVER },
        { "G2 one of two is alive", MEMBER, "@me:hs",
          "{\"memberships\":[{\"application\":\"m.call\",\"expires\":1},{\"application\":\"m.call\",\"expires\":60000}"
          "]}",
          5, FOR(MINUTE - 5) },
        { "G2 memberships is no list: left", MEMBER, "@me:hs", "{\"memberships\":{}}", 0, NEVER },

        { "G1", MEMBER, "@me:hs", G1(IN_1_HOUR), 0, FOR(HOUR) },
        { "G1 seen late", MEMBER, "@me:hs", G1(IN_1_HOUR), 30 * MINUTE, FOR(HOUR) },
        { "G1 expired", MEMBER, "@me:hs", G1(AGO_1_HOUR), 0, NEVER },
        { "G1 a time in quotes", MEMBER, "@me:hs", G1("\"" IN_1_HOUR "\""), 0, NEVER },
        { "G1 no calls", MEMBER, "@me:hs", "{\"m.calls\":[]}", 0, NEVER },
        { "G1 no devices", MEMBER, "@me:hs", "{\"m.calls\":[{\"m.call_id\":\"17\"},{\"m.devices\":5},7]}", 0, NEVER },
        { "G1 a device without a session", MEMBER, "@me:hs",
          "{\"m.calls\":[{\"m.devices\":[{\"device_id\":\"D\",\"expires_ts\":" IN_1_HOUR ",\"feeds\":[]}]}]}", 0,
          NEVER },
        { "G1 a device without feeds", MEMBER, "@me:hs",
          "{\"m.calls\":[{\"m.devices\":[{\"device_id\":\"D\",\"session_id\":\"S\",\"expires_ts\":" IN_1_HOUR
          ",\"feeds\":5}]}]}",
          0, NEVER },

        { "another type", "org.matrix.msc3401.call", "17", "{\"m.intent\":\"m.room\"}", 0, NEVER },
};

Test(rtc_member, contents) {
        for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
                for (int in_state = 0; in_state < 2; in_state++) {
                        struct stage s;
                        usec_t lasts = (usec_t) contents[i].lasts * USEC_PER_MSEC;

                        stage_open(&s, &call_kind_rtc_member);
                        put(&s, in_state ? "state" : "timeline", contents[i].type, STAGE_ME, contents[i].state_key,
                            "$1", contents[i].age, contents[i].content);
                        cr_expect_eq(s.n_calls, lasts ? 1 : 0, "%s", contents[i].what);
                        cr_expect_eq(s.kind->in_call(s.of), lasts > 0, "%s", contents[i].what);
                        if (s.n_calls > 0) {
                                cr_expect_eq(s.calls[0].phase, CALL_ACTIVE, "%s", contents[i].what);
                                cr_expect_eq(s.calls[0].evidence, EVIDENCE_PROOF, "%s", contents[i].what);
                                cr_expect(s.calls[0].announced, "%s", contents[i].what);
                                cr_expect_eq(s.calls[0].until, STAGE_BOOT + lasts, "%s: %lld s, not %lld s",
                                             contents[i].what,
                                             (long long) ((int64_t) (s.calls[0].until - STAGE_BOOT) / 1000000),
                                             (long long) (contents[i].lasts / 1000));
                                stage_wait(&s, lasts - 1);
                                cr_expect_eq(s.n_calls, 1, "%s", contents[i].what);
                                stage_wait(&s, 1);
                                cr_expect_eq(s.n_calls, 0, "%s", contents[i].what);
                        }
                        stage_close(&s);
                }
        }
}

static const struct {
        const char *what, *section, *type, *sender, *state_key, *event_id, *content;
        bool in_call; /* afterwards, having been in a call by G3_KEY and event $1 */
} then[] = {
        { "I leave", "timeline", MEMBER, "@me:hs", G3_KEY, "$2", "{}", false },
        { "I renew", "timeline", MEMBER, "@me:hs", G3_KEY, "$2", G3, true },
        { "a moderator clears the key", "timeline", MEMBER, "@x:hs", G3_KEY, "$2", "{}", false },
        { "a moderator writes nonsense", "timeline", MEMBER, "@x:hs", G3_KEY, "$2", "{\"a\":1}", false },
        { "somebody writes himself in there", "timeline", MEMBER, "@x:hs", G3_KEY, "$2", G3, false },
        { "in the state before the timeline", "state", MEMBER, "@x:hs", G3_KEY, "$2", "{}", false },
        { "content is a string", "timeline", MEMBER, "@me:hs", G3_KEY, "$2", "\"x\"", false },
        { "another key of mine is cleared", "timeline", MEMBER, "@me:hs", "_@me:hs_OTHER_m.call", "$2", "{}", true },
        { "another type is cleared", "timeline", "m.call.member", "@me:hs", G3_KEY, "$2", "{}", true },
        { "another one leaves", "timeline", MEMBER, "@x:hs", "_@x:hs_D_m.call", "$2", "{}", true },
        { "I change my name", "timeline", "m.room.member", "@me:hs", "@me:hs", "$2", "{\"membership\":\"join\"}",
          true },
        { "I leave the room", "timeline", "m.room.member", "@me:hs", "@me:hs", "$2", "{\"membership\":\"leave\"}",
          false },
        { "I am banned", "timeline", "m.room.member", "@x:hs", "@me:hs", "$2", "{\"membership\":\"ban\"}", false },
        { "another one leaves the room", "timeline", "m.room.member", "@x:hs", "@x:hs", "$2",
          "{\"membership\":\"leave\"}", true },
        { "a membership of a wrong type", "timeline", "m.room.member", "@x:hs", "@me:hs", "$2", "{\"membership\":7}",
          true },
};

Test(rtc_member, what_comes_then) {
        for (size_t i = 0; i < ARRAY_SIZE(then); i++) {
                struct stage s;

                stage_open(&s, &call_kind_rtc_member);
                put(&s, "timeline", MEMBER, STAGE_ME, G3_KEY, "$1", 0, G3);
                cr_assert_eq(s.n_calls, 1);
                put(&s, then[i].section, then[i].type, then[i].sender, then[i].state_key, then[i].event_id, 0,
                    then[i].content);
                cr_expect_eq(s.n_calls, then[i].in_call ? 1 : 0, "%s", then[i].what);
                stage_close(&s);
        }
}

static const struct {
        const char *what, *event;
        bool in_call;
} redactions[] = {
        { "of the membership",
          "{\"type\":\"m.room.redaction\",\"sender\":\"@x:hs\",\"redacts\":\"$1\",\"content\":{}}", false },
        { "with the id in its content",
          "{\"type\":\"m.room.redaction\",\"sender\":\"@x:hs\",\"content\":{\"redacts\":\"$1\"}}", false },
        { "of something else", "{\"type\":\"m.room.redaction\",\"sender\":\"@x:hs\",\"content\":{\"redacts\":\"$2\"}}",
          true },
        { "of nothing", "{\"type\":\"m.room.redaction\",\"sender\":\"@x:hs\",\"content\":{\"redacts\":[]}}", true },
};

Test(rtc_member, redaction) {
        for (size_t i = 0; i < ARRAY_SIZE(redactions); i++) {
                struct stage s;

                stage_open(&s, &call_kind_rtc_member);
                put(&s, "timeline", MEMBER, STAGE_ME, G3_KEY, "$1", 0, G3);
                stage_sync(&s, "timeline", redactions[i].event);
                cr_expect_eq(s.n_calls, redactions[i].in_call ? 1 : 0, "%s", redactions[i].what);
                stage_close(&s);
        }
}

Test(rtc_member, somebody_elses_call_is_not_mine) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_member);
        put(&s, "state", MEMBER, "@x:hs", "_@x:hs_D_m.call", "$1", 0, G3);
        put(&s, "state", MEMBER, "@x:hs", G3_KEY, "$2", 0, G3);
        put(&s, "state", MEMBER, "@me:hs.org", "@me:hs", "$3", 0, G3);
        cr_expect_eq(s.n_calls, 0);
        cr_expect_eq(s.n_told, 0);
        stage_close(&s);
}

Test(rtc_member, generations_and_devices_stand_side_by_side) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_member);
        put(&s, "state", MEMBER, STAGE_ME, "@me:hs", "$1", 0, G2("\"expires\":3600000"));
        put(&s, "state", MEMBER, STAGE_ME, G3_KEY, "$2", 0, G3);
        put(&s, "state", "m.call.member", STAGE_ME, G3_KEY, "$3", 0, G3);
        cr_expect_eq(s.n_calls, 3);
        put(&s, "timeline", MEMBER, STAGE_ME, G3_KEY, "$4", 0, "{}");
        cr_expect_eq(s.n_calls, 2);
        stage_wait(&s, USEC_PER_HOUR);
        cr_expect_eq(s.n_calls, 1);
        cr_expect(s.kind->in_call(s.of));
        stage_close(&s);
}

Test(rtc_member, joined_and_left_in_one_answer) {
        struct stage s;
        SCOPED(free) char *join = NULL, *leave = NULL, *both = NULL;

        stage_open(&s, &call_kind_rtc_member);
        join = event_text(&s, MEMBER, STAGE_ME, G3_KEY, "$1", 9000, G3);
        leave = event_text(&s, MEMBER, STAGE_ME, G3_KEY, "$2", 1000, "{}");
        cr_assert_geq(asprintf(&both, "%s,%s", join, leave), 0);
        stage_sync(&s, "timeline", both);
        cr_expect_eq(s.n_told, 0);
        stage_close(&s);
}

Test(rtc_member, a_wrong_clock_here_does_no_harm) {
        struct stage s;
        SCOPED(free) char *text = NULL;

        stage_open(&s, &call_kind_rtc_member);
        text = event_text(&s, MEMBER, STAGE_ME, "@me:hs", "$1", 0, G1(IN_1_HOUR));
        s.time.wall += 24 * USEC_PER_HOUR;
        stage_sync(&s, "timeline", text);
        cr_assert_eq(s.n_calls, 1);
        cr_expect_eq(s.calls[0].until, STAGE_BOOT + USEC_PER_HOUR);
        stage_close(&s);
}

Test(rtc_member, without_an_age_by_the_wall_clock) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_member);
        stage_sync(&s, "state",
                   "{\"type\":\"" MEMBER
                   "\",\"sender\":\"@me:hs\",\"state_key\":\"k\",\"origin_server_ts\":" AGO_1_HOUR ",\"content\":" G3
                   "}");
        cr_assert_eq(s.n_calls, 1);
        cr_expect_eq(s.calls[0].since, STAGE_BOOT - USEC_PER_HOUR);
        cr_expect_eq(s.calls[0].until, STAGE_BOOT + 3 * USEC_PER_HOUR);
        stage_close(&s);
}

static void resync(struct stage *s, const char *type, const char *event_id, int64_t age, const char *content) {
        SCOPED(free) char *text = NULL, *body = NULL;

        s->kind->resync(s->of, true);
        if (content) {
                text = event_text(s, type, STAGE_ME, G3_KEY, event_id, age, content);
                cr_assert_geq(asprintf(&body,
                                       "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"" STAGE_ROOM
                                       "\":{\"state\":{\"events\":[%s]}}}}}",
                                       text),
                              0);
                stage_feed(s, body);
        }
        s->kind->resync(s->of, false);
        stage_commit(s);
}

Test(rtc_member, resync) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_member);
        put(&s, "timeline", MEMBER, STAGE_ME, G3_KEY, "$1", 0, G3);
        cr_assert_eq(s.n_calls, 1);

        stage_wait(&s, USEC_PER_MIN);
        resync(&s, MEMBER, "$1", MINUTE + 7, G3);
        cr_expect_eq(s.n_calls, 1, "seen again");
        cr_expect_eq(s.n_told, 1, "and not told again");
        s.kind->resync(s.of, true); /* one that comes to nothing */
        resync(&s, MEMBER, "$1", MINUTE, G3);
        cr_expect_eq(s.n_calls, 1, "begun twice");
        resync(&s, MEMBER, "$1", MINUTE, "{}");
        cr_expect_eq(s.n_calls, 0, "redacted meanwhile");

        put(&s, "timeline", MEMBER, STAGE_ME, G3_KEY, "$2", 0, G3);
        cr_expect_eq(s.n_calls, 1);
        resync(&s, MEMBER, NULL, 0, NULL);
        cr_expect_eq(s.n_calls, 0, "not seen again");
        stage_close(&s);
}

Test(rtc_member, leaving_the_room) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_member);
        put(&s, "timeline", MEMBER, STAGE_ME, G3_KEY, "$1", 0, G3);
        stage_feed(&s, "{\"next_batch\":\"s\",\"rooms\":{\"leave\":{\"" STAGE_ROOM "\":{\"state\":{\"events\":[{"
                       "\"type\":\"" MEMBER "\",\"sender\":\"@me:hs\",\"state_key\":\"k\",\"content\":" G3 "}]}}}}}");
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

Test(rtc_member, more_than_are_looked_at) {
        struct stage s;

        stage_open(&s, &call_kind_rtc_member);
        for (int i = 0; i < 100; i++) {
                char key[32], id[32], content[128];

                (void) snprintf(key, sizeof(key), "k%d", i);
                (void) snprintf(id, sizeof(id), "$%d", i);
                (void) snprintf(content, sizeof(content), "{\"application\":\"m.call\",\"expires\":%d}",
                                (int) MINUTE * (i + 1));
                put(&s, "timeline", MEMBER, STAGE_ME, key, id, 0, content);
        }
        cr_expect_gt(s.n_calls, 0);
        cr_expect_leq(s.n_calls, 16);
        cr_expect(stage_find(&s, "rtc/" STAGE_ROOM "/" MEMBER "/k99"));
        stage_close(&s);
}

/* ---- video rooms ---- */

#define VIDEO "io.element.video.member"

static const struct {
        const char *what, *sender, *content;
        bool in_call;
} videos[] = {
        { "inside", "@me:hs", "{\"devices\":[\"D\"],\"expires_ts\":" IN_1_HOUR "}", true },
        { "with two devices", "@me:hs", "{\"devices\":[\"D\",\"E\"],\"expires_ts\":" IN_1_HOUR "}", true },
        { "no device", "@me:hs", "{\"devices\":[],\"expires_ts\":" IN_1_HOUR "}", false },
        { "devices of a wrong type", "@me:hs", "{\"devices\":[5,null],\"expires_ts\":" IN_1_HOUR "}", false },
        { "devices is no list", "@me:hs", "{\"devices\":\"D\",\"expires_ts\":" IN_1_HOUR "}", false },
        { "expired", "@me:hs", "{\"devices\":[\"D\"],\"expires_ts\":" AGO_1_HOUR "}", false },
        { "a time in a whole real", "@me:hs", "{\"devices\":[\"D\"],\"expires_ts\":" IN_1_HOUR ".0}", true },
        { "no time", "@me:hs", "{\"devices\":[\"D\"]}", false },
        { "a time in quotes", "@me:hs", "{\"devices\":[\"D\"],\"expires_ts\":\"" IN_1_HOUR "\"}", false },
        { "somebody else", "@x:hs", "{\"devices\":[\"D\"],\"expires_ts\":" IN_1_HOUR "}", false },
        { "gone", "@me:hs", "{}", false },
};

Test(jitsi, video_rooms) {
        for (size_t i = 0; i < ARRAY_SIZE(videos); i++) {
                struct stage s;

                stage_open(&s, &call_kind_jitsi);
                put(&s, "state", VIDEO, videos[i].sender, videos[i].sender, "$1", 0, videos[i].content);
                cr_expect_eq(s.n_calls, videos[i].in_call ? 1 : 0, "%s", videos[i].what);
                put(&s, "timeline", VIDEO, videos[i].sender, videos[i].sender, "$2", 0, "{\"devices\":[]}");
                cr_expect_eq(s.n_calls, 0, "%s, then left", videos[i].what);
                stage_close(&s);
        }
}

Test(jitsi, runs_out_after_its_time) {
        struct stage s;

        stage_open(&s, &call_kind_jitsi);
        put(&s, "state", VIDEO, STAGE_ME, STAGE_ME, "$1", 0, "{\"devices\":[\"D\"],\"expires_ts\":" IN_1_HOUR "}");
        cr_assert_eq(s.n_calls, 1);
        cr_expect_eq(s.calls[0].evidence, EVIDENCE_PROOF);
        cr_expect_not(s.calls[0].announced);
        stage_wait(&s, USEC_PER_HOUR - 1);
        cr_expect_eq(s.n_calls, 1);
        stage_wait(&s, 1);
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

Test(jitsi, a_widget_says_nothing) {
        struct stage s;

        stage_open(&s, &call_kind_jitsi);
        put(&s, "state", "im.vector.modular.widgets", STAGE_ME, "w", "$1", 0,
            "{\"type\":\"jitsi\",\"url\":\"https://hs\",\"data\":{\"conferenceId\":\"c\",\"domain\":\"meet.hs\"}}");
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}
