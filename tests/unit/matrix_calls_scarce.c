/* Matrix calls without memory: what could not be remembered of an answer is asked for again, and no call is lost by
 * it, there twice, or there for longer than it goes on. */
#include <errno.h>

#include "matrix/calls/kinds.h"
#include "scarce/scarce.h"
#include "unit/matrix_stage.h"

#define EVENT(type, sender, id, more, content)                                                                        \
        "{\"type\":\"" type "\",\"sender\":\"" sender "\",\"event_id\":\"" id                                         \
        "\",\"origin_server_ts\":1700000000000," more "\"unsigned\":{\"age\":10},\"content\":" content "}"
#define OTHER "@you:hs"
#define ME    STAGE_ME

#define VOIP(word, sender, id, content)                                                                               \
        EVENT("m.call." word, sender, id, "",                                                                         \
              "{\"call_id\":\"c\",\"version\":\"1\",\"party_id\":\"" sender "\"" content "}")
#define MEMBER(id, content) EVENT("org.matrix.msc3401.call.member", ME, id, "\"state_key\":\"_@me:hs_D\",", content)
#define JOINED              "{\"application\":\"m.call\",\"call_id\":\"\",\"device_id\":\"D\",\"expires\":14400000}"
#define STICKY(id, content)                                                                                           \
        EVENT("org.matrix.msc4143.rtc.member", ME, id, "\"msc4354_sticky\":{\"duration_ms\":3600000},", content)
#define IN_SLOT           "{\"slot_id\":\"m.call#ROOM\",\"application\":{\"type\":\"m.call\"},\"msc4354_sticky_key\":\"k\"}"
#define SLOT(id, content) EVENT("org.matrix.msc4143.rtc.slot", OTHER, id, "\"state_key\":\"m.call#ROOM\",", content)
#define RING                                                                                                          \
        EVENT("org.matrix.msc4075.rtc.notification", OTHER, "$ring", "",                                              \
              "{\"notification_type\":\"ring\",\"lifetime\":30000,\"m.mentions\":{\"user_ids\":[\"@me:hs\"]}}")
#define DECLINE                                                                                                       \
        EVENT("org.matrix.msc4310.rtc.decline", ME, "$decline", "",                                                   \
              "{\"m.relates_to\":{\"rel_type\":\"m.reference\",\"event_id\":\"$ring\"}}")
#define LEAVES(who) EVENT("m.room.member", who, "$leaves", "\"state_key\":\"" who "\",", "{\"membership\":\"leave\"}")
#define REDACTS(id) EVENT("m.room.redaction", ME, "$redacts", "\"redacts\":\"" id "\",", "{\"redacts\":\"" id "\"}")

/* An answer, and the phase of the only call after it; CALL_GONE: there is none. */
struct step {
        const char *events;
        enum call_phase after;
};

static struct {
        struct kinds *kinds;
        struct call_table *table;
        struct call_sink sink;
        struct kind_time time;
} t;

static void on_call(void *userdata, const struct call_report *r) {
        (void) call_table_report(t.table, r);
        call_table_date(t.table, t.time.now);
}

static void on_over(void *userdata, const char *source, const char *id) {
        cr_assert_eq(call_table_end(t.table, source, id), 1, "an end of what was never reported");
}

static void open_all(void) {
        t.sink = (struct call_sink){ .report = on_call, .end = on_over };
        t.time = (struct kind_time){ .now = STAGE_BOOT, .wall = (usec_t) STAGE_WALL_MSEC * USEC_PER_MSEC };
        cr_assert_eq(call_table_new(&t.table), 0);
        cr_assert_eq(kinds_new(&t.kinds, &(struct kind_context){ .me = ME,
                                                                 .source = "matrix/test",
                                                                 .sink = &t.sink,
                                                                 .call_cap = 4 * USEC_PER_HOUR }),
                     0);
}

static void close_all(void) {
        t.kinds = kinds_free(t.kinds);
        t.table = call_table_free(t.table);
}

/* As an account does; below 0: the answer has to come again. */
static int take(json_t *root) {
        SCOPED(sync_batch_free) struct sync_batch *batch = NULL;
        struct room_events events;
        int r = sync_batch_new(&batch, root, ME);

        if (r < 0)
                return r;
        events = sync_batch_events(batch);
        kinds_apply(t.kinds, &events, &t.time);
        if (kinds_take_lack(t.kinds))
                return -ENOMEM;
        (void) kinds_commit(t.kinds, &t.time);
        return kinds_take_lack(t.kinds) ? -ENOMEM : 0;
}

static enum call_phase phase(const struct scarce *s) {
        const struct call *c = call_table_next(t.table, NULL);

        cr_assert(!c || !call_table_next(t.table, c), "there twice, %s", scarce_where(s));
        return c ? c->phase : CALL_GONE;
}

static void play(const struct step *steps, size_t n) {
        for (struct scarce s = scarce(); scarce_again(&s);) {
                open_all();
                for (size_t i = 0; i < n; i++) {
                        char body[4096];
                        json_t *root;
                        int r;

                        (void) snprintf(body, sizeof(body),
                                        "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"" STAGE_ROOM
                                        "\":{\"timeline\":{\"events\":[%s]}}}}}",
                                        steps[i].events);
                        root = stage_json(body);
                        scarce_begin(&s);
                        r = take(root);
                        scarce_end(&s);
                        cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                        if (r < 0)
                                cr_assert_eq(take(root), 0);
                        json_decref(root);
                        cr_assert_eq(phase(&s), steps[i].after, "%s after answer %zu, %s",
                                     call_phase_to_string(phase(&s)), i, scarce_where(&s));
                }
                close_all();
        }
}

#define PLAY(...)                                                                                                     \
        do {                                                                                                          \
                const struct step steps[] = { __VA_ARGS__ };                                                          \
                play(steps, ARRAY_SIZE(steps));                                                                       \
        } while (false)

Test(matrix_calls_scarce, a_call_that_is_answered_and_hung_up) {
        PLAY({ VOIP("invite", OTHER, "$1", ",\"lifetime\":60000"), CALL_RINGING_IN },
             { VOIP("answer", ME, "$2", ""), CALL_ACTIVE },
             { VOIP("select_answer", OTHER, "$3", ",\"selected_party_id\":\"@me:hs\""), CALL_ACTIVE },
             { VOIP("hangup", OTHER, "$4", ""), CALL_GONE },
             /* a gap brings it again, and what another client has said */
             { VOIP("answer", ME, "$2", "") "," VOIP("answer", ME, "$5", ""), CALL_GONE });
}

Test(matrix_calls_scarce, a_call_of_mine_that_is_rejected) {
        PLAY({ VOIP("invite", ME, "$1", ",\"lifetime\":60000,\"invitee\":\"@you:hs\""), CALL_RINGING_OUT },
             { VOIP("reject", OTHER, "$2", ""), CALL_GONE });
}

Test(matrix_calls_scarce, a_call_whose_other_side_leaves) {
        PLAY({ VOIP("invite", ME, "$1", ",\"lifetime\":60000") "," VOIP("answer", OTHER, "$2", ""), CALL_ACTIVE },
             { LEAVES(OTHER), CALL_GONE });
        PLAY({ VOIP("answer", ME, "$2", ""), CALL_ACTIVE }, { LEAVES(ME), CALL_GONE });
}

Test(matrix_calls_scarce, a_group_call_that_is_renewed_and_left) {
        PLAY({ MEMBER("$1", JOINED), CALL_ACTIVE }, { MEMBER("$2", JOINED), CALL_ACTIVE },
             { MEMBER("$3", "{}"), CALL_GONE });
        PLAY({ MEMBER("$1", JOINED), CALL_ACTIVE }, { MEMBER("$2", JOINED), CALL_ACTIVE },
             { REDACTS("$2"), CALL_GONE });
}

Test(matrix_calls_scarce, a_sticky_membership_that_is_renewed_and_left) {
        PLAY({ STICKY("$1", IN_SLOT), CALL_ACTIVE }, { STICKY("$2", IN_SLOT), CALL_ACTIVE },
             { STICKY("$3", "{\"msc4354_sticky_key\":\"k\"}"), CALL_GONE });
}

Test(matrix_calls_scarce, a_slot_that_is_closed) {
        PLAY({ STICKY("$1", IN_SLOT), CALL_ACTIVE }, { SLOT("$2", "{\"status\":\"closed\"}"), CALL_GONE },
             { SLOT("$3", "{\"status\":\"closed\",\"by\":1}"), CALL_GONE },
             { SLOT("$4", "{\"status\":\"open\"}"), CALL_ACTIVE });
}

Test(matrix_calls_scarce, a_ring_that_is_declined) {
        PLAY({ RING, CALL_RINGING_IN }, { DECLINE, CALL_GONE }, { RING, CALL_GONE });
        PLAY({ DECLINE, CALL_GONE }, { RING, CALL_GONE });
}

Test(matrix_calls_scarce, all_kinds_are_there_or_none) {
        for (struct scarce s = scarce(); scarce_again(&s);) {
                const struct kind_context context = { .me = ME, .source = "matrix/test", .sink = &t.sink };
                struct kinds *kinds = NULL;
                int r;

                scarce_begin(&s);
                r = kinds_new(&kinds, &context);
                scarce_end(&s);
                cr_assert_eq(r, s.refused > 0 ? -ENOMEM : 0, "%s", scarce_where(&s));
                kinds_free(kinds);
        }
}

/* What is not asked for never comes. */
Test(matrix_calls_scarce, all_types_are_asked_for_or_none) {
        json_t *(*const lists[])(void) = { kinds_message_types_new, kinds_state_types_new, kinds_unseen_types_new,
                                           kinds_in_call_types_new };

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                SCOPED(json_decref) json_t *all = lists[i]();

                for (struct scarce s = scarce(); scarce_again(&s);) {
                        SCOPED(json_decref) json_t *types = NULL;

                        scarce_begin(&s);
                        types = lists[i]();
                        scarce_end(&s);
                        cr_assert(types ? json_equal(types, all) : s.refused > 0, "%s", scarce_where(&s));
                }
        }
}
