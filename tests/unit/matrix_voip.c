/* Legacy calls: the kind's table, row by row. A step is what one answer of /sync brings, in short:
 *   "x/P answer; me hangup" is an m.call.answer of @x:hs from party P and a version 0 m.call.hangup of @me:hs;
 *   key=value after the verb goes into the event (see option()); "wait=MSEC" lets time pass. */
#include "matrix_stage.h"

#define STEPS_MAX 8

struct step {
        const char *says;
        enum call_phase then;
};

struct scenario {
        const char *what;
        struct step steps[STEPS_MAX];
};

static const char *const verbs[][2] = {
        { "invite", "m.call.invite" },
        { "answer", "m.call.answer" },
        { "select", "m.call.select_answer" },
        { "reject", "m.call.reject" },
        { "hangup", "m.call.hangup" },
        { "negotiate", "m.call.negotiate" },
        { "mute", "m.call.sdp_stream_metadata_changed" },
        { "member", "m.room.member" },
        { "candidates", "m.call.candidates" },
};

static const char *type_of(const char *verb) {
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (streq(verbs[i][0], verb))
                        return verbs[i][1];
        cr_assert(false, "no such verb: %s", verb);
        return NULL;
}

static void set_string(json_t *object, const char *key, const char *value) {
        json_object_set_new(object, key, json_string(value));
}

static void set_int(json_t *object, const char *key, const char *value) {
        json_object_set_new(object, key, json_integer(strtoll(value, NULL, 10)));
}

static void set_user(json_t *object, const char *key, const char *name) {
        char id[64];

        (void) snprintf(id, sizeof(id), "@%s:hs", name);
        set_string(object, key, id);
}

static void option(json_t *event, json_t *content, const char *key, const char *value) {
        if (streq(key, "call"))
                set_string(content, "call_id", value);
        else if (streq(key, "to"))
                set_string(content, "selected_party_id", value);
        else if (streq(key, "for"))
                set_user(content, "invitee", value);
        else if (streq(key, "lifetime"))
                set_int(content, "lifetime", value);
        else if (streq(key, "version"))
                set_int(content, "version", value);
        else if (streq(key, "reason"))
                set_string(content, "reason", value);
        else if (streq(key, "is"))
                set_string(content, "membership", value);
        else if (streq(key, "of"))
                set_user(event, "state_key", value);
        else if (streq(key, "id"))
                set_string(event, "event_id", value);
        else if (streq(key, "age"))
                set_int(json_object_get(event, "unsigned"), "age", value);
        else if (streq(key, "ts")) /* and no age */
                json_object_set_new(event, "origin_server_ts",
                                    json_integer(STAGE_WALL_MSEC + strtoll(value, NULL, 10))),
                        json_object_del(json_object_get(event, "unsigned"), "age");
        else
                cr_assert(false, "no such option: %s", key);
}

/* "me/P answer key=value ..." */
static json_t *event_new(char *words) {
        static unsigned n_events;
        char id[32], *save, *who = strtok_r(words, " ", &save), *verb = strtok_r(NULL, " ", &save);
        char *party = strchr(who, '/');
        json_t *content = json_pack("{s:s}", "call_id", "c1");
        json_t *event = json_pack("{s:o, s:{s:i}, s:I}", "content", content, "unsigned", "age", 0, "origin_server_ts",
                                  (json_int_t) STAGE_WALL_MSEC);

        if (party) {
                *party++ = '\0';
                set_string(content, "party_id", party);
                set_string(content, "version", "1");
        } else
                json_object_set_new(content, "version", json_integer(0));
        (void) snprintf(id, sizeof(id), "$%u", n_events++);
        set_string(event, "event_id", id);
        set_string(event, "type", type_of(verb));
        set_user(event, "sender", who);
        if (streq(verb, "invite"))
                json_object_set_new(content, "lifetime", json_integer(60000));
        for (char *w = strtok_r(NULL, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
                char *value = strchr(w, '=');

                cr_assert(value, "no value: %s", w);
                *value++ = '\0';
                option(event, content, w, value);
        }
        return event;
}

static void play(struct stage *s, const char *says) {
        SCOPED(free) char *copy = strdup(says);
        json_t *events = json_array();
        json_t *root = json_pack("{s:s, s:{s:{s:{s:{s:o}}}}}", "next_batch", "s", "rooms", "join", STAGE_ROOM,
                                 "timeline", "events", events);
        SCOPED(free) char *body = NULL;
        char *save;

        for (char *w = strtok_r(copy, ";", &save); w; w = strtok_r(NULL, ";", &save)) {
                w += strspn(w, " ");
                if (strncmp(w, "wait=", 5) == 0)
                        stage_wait(s, strtoull(w + 5, NULL, 10) * USEC_PER_MSEC);
                else
                        json_array_append_new(events, event_new(w));
        }
        body = json_dumps(root, 0);
        json_decref(root);
        stage_feed(s, body);
        stage_commit(s);
}

#define ID(call) "voip/" STAGE_ROOM "/" call

static void run(const struct scenario *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                struct stage s;

                stage_open(&s, &call_kind_voip);
                for (const struct step *step = rows[i].steps; step < rows[i].steps + STEPS_MAX && step->says; step++) {
                        play(&s, step->says);
                        cr_expect_eq(stage_phase(&s, ID("c1")), step->then, "%s: after \"%s\" it is %s", rows[i].what,
                                     step->says, call_phase_to_string(stage_phase(&s, ID("c1"))));
                        cr_expect_eq(s.kind->in_call(s.of), step->then == CALL_ACTIVE, "%s: \"%s\"", rows[i].what,
                                     step->says);
                }
                stage_close(&s);
        }
}

#define RING_OUT CALL_RINGING_OUT
#define RING_IN  CALL_RINGING_IN
#define ACTIVE   CALL_ACTIVE
#define GONE     CALL_GONE

static const struct scenario outgoing[] = {
        { "1 my invite rings until its lifetime is over",
          { { "me/M invite", RING_OUT }, { "wait=59999", RING_OUT }, { "wait=1", GONE } } },
        { "1 an invite of version 0", { { "me invite", RING_OUT }, { "wait=60001", GONE } } },
        { "1 a ring has an end whatever the invite says",
          { { "me/M invite lifetime=9007199254740991", RING_OUT }, { "wait=600000", GONE } } },
        { "1 no lifetime to speak of", { { "me/M invite lifetime=-5", GONE } } },
        { "1 seen late", { { "me/M invite age=59000", RING_OUT }, { "wait=1000", GONE } } },
        { "1 seen too late", { { "me/M invite age=61000", GONE } } },
        { "1 no age: by the wall clock", { { "me/M invite ts=-59000", RING_OUT }, { "wait=1000", GONE } } },
        { "1 no age, too late by the wall clock", { { "me/M invite ts=-61000", GONE } } },
        { "1 sent from a clock that is ahead", { { "me/M invite age=-90000", RING_OUT }, { "wait=60000", GONE } } },
        { "2 answered", { { "me/M invite", RING_OUT }, { "x/X answer", ACTIVE }, { "wait=61000", ACTIVE } } },
        { "2 answered, version 0", { { "me invite", RING_OUT }, { "x answer", ACTIVE } } },
        { "2 answered after the lifetime", { { "me/M invite", RING_OUT }, { "wait=60000; x/X answer", ACTIVE } } },
        { "2 all in one answer of the server", { { "me/M invite; x/X answer; me/M select to=X", ACTIVE } } },
        { "2 an answer of one who was not called", { { "me/M invite for=x", RING_OUT }, { "y/Y answer", RING_OUT } } },
        { "2 then of the one", { { "me/M invite for=x; y/Y answer", RING_OUT }, { "x/X answer", ACTIVE } } },
        { "3 selected", { { "me/M invite; x/X answer", ACTIVE }, { "me/M select to=X", ACTIVE } } },
        { "3 selected an answer that was not seen", { { "me/M invite; me/M select to=X", ACTIVE } } },
        { "3 selected a reject", { { "me/M invite; x/X reject; me/M select to=X", GONE } } },
        { "3 selected the second answer",
          { { "me/M invite; x/X answer; y/Y answer; me/M select to=Y", ACTIVE },
            { "x/X hangup", ACTIVE },
            { "y/Y hangup", GONE } } },
        { "3 a select_answer of somebody else",
          { { "me/M invite; x/X reject age=0; y/Y select to=X", GONE }, { "me/M invite", GONE } } },
        { "4 rejected", { { "me/M invite", RING_OUT }, { "x/X reject", GONE }, { "x/X answer", GONE } } },
        { "4 rejected after an answer", { { "me/M invite; x/X answer; x/Z reject", ACTIVE } } },
        { "4 an answer that comes after the reject", { { "me/M invite; x/X reject; y/Y answer", GONE } } },
        { "4 rejected by one who was not called", { { "me/M invite for=x; y/Y reject", RING_OUT } } },
        { "5 I hang up while it rings", { { "me/M invite", RING_OUT }, { "me/M hangup", GONE } } },
        { "5 with a reason", { { "me/M invite", RING_OUT }, { "me/M hangup reason=invite_timeout", GONE } } },
        { "5 a version 0 callee refuses by hanging up", { { "me/M invite", RING_OUT }, { "x hangup", GONE } } },
        { "5 the same in version 0", { { "me invite", RING_OUT }, { "x hangup", GONE } } },
        { "5 a stranger's client hangs up what it does not have",
          { { "me/M invite", RING_OUT }, { "y/Y hangup", RING_OUT } } },
        { "5 one who was not called hangs up", { { "me/M invite for=x; y hangup", RING_OUT } } },
        { "5 I hang up", { { "me/M invite; x/X answer; me/M select to=X", ACTIVE }, { "me/M hangup", GONE } } },
        { "5 the callee hangs up",
          { { "me/M invite; x/X answer; me/M select to=X", ACTIVE }, { "x/X hangup", GONE } } },
        { "5 the callee hangs up, version 0", { { "me invite; x answer", ACTIVE }, { "x hangup", GONE } } },
        { "5 another client of the callee hangs up",
          { { "me/M invite; x/X answer; me/M select to=X", ACTIVE }, { "x/Z hangup", ACTIVE } } },
        { "5 another member hangs up",
          { { "me/M invite; x/X answer; me/M select to=X", ACTIVE }, { "y/X hangup; y hangup", ACTIVE } } },
        { "5 the callee of an answer that was not seen", { { "me/M select to=X", ACTIVE }, { "x/X hangup", GONE } } },
};

Test(voip, outgoing) {
        run(outgoing, ARRAY_SIZE(outgoing));
}

static const struct scenario incoming[] = {
        { "11 rings until its lifetime is over",
          { { "x/X invite", RING_IN }, { "wait=59999", RING_IN }, { "wait=1", GONE } } },
        { "11 for me", { { "x/X invite for=me", RING_IN } } },
        { "11 for somebody else", { { "x/X invite for=y", GONE }, { "y/Y answer; x/X select to=Y", GONE } } },
        { "11 I cannot answer what is for somebody else", { { "x/X invite for=y; me/M answer", GONE } } },
        { "11 the invite twice, with another lifetime",
          { { "x/X invite; x/X invite lifetime=600000", RING_IN }, { "wait=60000", GONE } } },
        { "11 a version that is no version", { { "x/X invite version=7", RING_IN }, { "y/Y answer", RING_IN } } },
        { "12 I answer", { { "x/X invite", RING_IN }, { "me/M answer", ACTIVE }, { "wait=61000", ACTIVE } } },
        { "12 I answer, version 0", { { "x invite", RING_IN }, { "me answer", ACTIVE } } },
        { "12 I answer on two devices",
          { { "x/X invite; me/M answer; me/N answer", ACTIVE },
            { "x/X select to=N", ACTIVE },
            { "me/M hangup", ACTIVE },
            { "me/N hangup", GONE } } },
        { "13 my answer is selected",
          { { "x/X invite; me/M answer", ACTIVE }, { "x/X select to=M", ACTIVE }, { "wait=100000", ACTIVE } } },
        { "13 selected without saying whom", { { "x/X invite; me/M answer; x/X select", ACTIVE } } },
        { "14 another answer is selected",
          { { "x/X invite; me/M answer", ACTIVE }, { "x/X select to=Y", GONE }, { "x/X invite", GONE } } },
        { "14 answered elsewhere while it rings",
          { { "x/X invite", RING_IN }, { "y/Y answer", RING_IN }, { "x/X select to=Y", GONE } } },
        { "14 selected before my answer can be read",
          { { "x/X invite", RING_IN },
            { "x/X select to=M", GONE },
            { "me/M answer", ACTIVE },
            { "x/X hangup", GONE } } },
        { "14 selected, and over before my answer can be read",
          { { "x/X invite; x/X select to=M", GONE }, { "x/X hangup", GONE }, { "me/M answer", GONE } } },
        { "14 selected by one who did not call", { { "x/X invite; me/M answer; y/Y select to=Y", ACTIVE } } },
        { "14 version 0: another was first",
          { { "x invite", RING_IN }, { "y answer", GONE }, { "me answer", GONE } } },
        { "14 version 0: I was first", { { "x invite; me answer; y answer", ACTIVE } } },
        { "14 version 0: selected by an empty name",
          { { "x invite; me answer", ACTIVE }, { "x select to=", ACTIVE }, { "x/ hangup", GONE } } },
        { "15 I reject", { { "x/X invite", RING_IN }, { "me/M reject", GONE }, { "me/N answer", GONE } } },
        { "15 another client of mine rejects after my answer",
          { { "x/X invite; me/M answer; me/N reject", ACTIVE } } },
        { "15 another member rejects", { { "x/X invite; y/Y reject", RING_IN } } },
        { "15 I refuse as version 0 clients do", { { "x invite", RING_IN }, { "me hangup", GONE } } },
        { "15 I hang up while it rings", { { "x/X invite", RING_IN }, { "me/M hangup", GONE } } },
        { "16 the caller cancels", { { "x/X invite", RING_IN }, { "x/X hangup reason=invite_timeout", GONE } } },
        { "16 another member hangs up while it rings", { { "x/X invite; y/Y hangup; y hangup", RING_IN } } },
        { "16 the caller hangs up",
          { { "x/X invite; me/M answer; x/X select to=M", ACTIVE }, { "x/X hangup", GONE } } },
        { "16 another client of the caller hangs up", { { "x/X invite; me/M answer; x/Z hangup", ACTIVE } } },
        { "16 I hang up", { { "x/X invite; me/M answer", ACTIVE }, { "me/M hangup", GONE } } },
        { "16 another client of mine hangs up", { { "x/X invite; me/M answer; me/N hangup", ACTIVE } } },
        { "16 another member hangs up", { { "x/X invite; me/M answer; y/Y hangup; y hangup", ACTIVE } } },
        { "16 version 0: the caller hangs up", { { "x invite; me answer", ACTIVE }, { "x hangup", GONE } } },
        { "16 version 0: I hang up", { { "x invite; me answer", ACTIVE }, { "me hangup", GONE } } },
        { "16 invite and hangup in one answer of the server", { { "x/X invite; x/X hangup", GONE } } },
        { "16 the hangup comes before the invite", { { "x/X hangup", GONE }, { "x/X invite", GONE } } },
        { "16 a stranger's hangup comes before the invite", { { "y/Y hangup", GONE }, { "x/X invite", RING_IN } } },
        { "16 an ended call does not start again",
          { { "x/X invite; me/M answer; me/M hangup", GONE }, { "me/M answer", GONE }, { "x/X negotiate", GONE } } },
};

Test(voip, incoming) {
        run(incoming, ARRAY_SIZE(incoming));
}

static const struct scenario others[] = {
        { "21 I answered what was not seen to begin",
          { { "me/M answer age=3600000", ACTIVE }, { "x/X select to=M", ACTIVE }, { "x/X hangup", GONE } } },
        { "21 the invite comes last",
          { { "me/M answer", ACTIVE }, { "x/X invite", ACTIVE }, { "x/X hangup", GONE } } },
        { "21 and was for somebody else", { { "me/M answer; x/X invite for=y", GONE } } },
        { "21 my reject alone", { { "me/M reject", GONE }, { "x/X invite", GONE } } },
        { "21 another's answer alone", { { "x/X answer", GONE } } },
        { "21 it was my call, as the invite shows", { { "x/X answer", GONE }, { "me/M invite", ACTIVE } } },
        { "21 a choice of another, with the invite unseen", { { "x/X select to=Y", GONE } } },
        { "22 I negotiate", { { "me/M negotiate", ACTIVE }, { "me/M hangup", GONE } } },
        { "22 another negotiates", { { "x/X negotiate", GONE } } },
        { "22 I mute", { { "me/M mute", GONE } } },
        { "23 anybody ends a call whose other side is not known",
          { { "me/M answer", ACTIVE }, { "x/X hangup", GONE } } },
        { "23 another client of mine does not", { { "me/M answer; me/N hangup", ACTIVE } } },
        { "31 the end never comes",
          { { "x/X invite; me/M answer", ACTIVE }, { "wait=14399999", ACTIVE }, { "wait=1", GONE } } },
        { "31 it shows signs of life",
          { { "x/X invite; me/M answer", ACTIVE },
            { "wait=14000000; x/X mute", ACTIVE },
            { "wait=14000000; me/M negotiate", ACTIVE },
            { "wait=14399999", ACTIVE },
            { "wait=1", GONE } } },
        { "31 signs of others do not count",
          { { "x/X invite; me/M answer", ACTIVE }, { "wait=14000000; y/Y mute", ACTIVE }, { "wait=400000", GONE } } },
        { "31 back after the cap",
          { { "me/M answer", ACTIVE }, { "wait=14400000", GONE }, { "me/M negotiate", ACTIVE } } },
        { "31 answered too long ago", { { "me/M answer age=14400000", GONE } } },
        { "31 answered before this machine was started",
          { { "me/M answer age=10800000", ACTIVE }, { "wait=3600000", GONE } } },
        { "32 the caller leaves the room",
          { { "x/X invite; me/M answer", ACTIVE }, { "x member of=x is=leave", GONE } } },
        { "32 while it rings", { { "x/X invite", RING_IN }, { "y member of=x is=ban", GONE } } },
        { "32 the callee leaves", { { "me/M invite; x/X answer", ACTIVE }, { "x member of=x is=leave", GONE } } },
        { "32 one who takes no part leaves",
          { { "x/X invite; me/M answer", ACTIVE }, { "y member of=y is=leave", ACTIVE } } },
        { "32 nor ends it my ringing", { { "me/M invite", RING_OUT }, { "y member of=y is=leave", RING_OUT } } },
        { "32 the one called leaves", { { "me/M invite for=x", RING_OUT }, { "x member of=x is=leave", GONE } } },
        { "32 I am put out", { { "x/X invite; me/M answer", ACTIVE }, { "x member of=me is=leave", GONE } } },
        { "32 a new name is no departure", { { "x/X invite; me/M answer; x member of=x is=join", ACTIVE } } },
        { "33 I call myself",
          { { "me/M invite for=me", RING_OUT },
            { "me/N answer", ACTIVE },
            { "me/M select to=N", ACTIVE },
            { "me/N hangup", GONE } } },
        { "33 and hang up where I called",
          { { "me/M invite for=me; me/N answer", ACTIVE }, { "me/M hangup", GONE } } },
        { "33 and reject it", { { "me/M invite for=me", RING_OUT }, { "me/N reject", GONE } } },
        { "34 glare: mine goes, theirs stays",
          { { "me/M invite", RING_OUT },
            { "x/X invite call=c0", RING_OUT },
            { "me/M hangup reason=replaced; me/M answer call=c0", GONE } } },
        { "35 candidates say nothing", { { "me/M candidates", GONE } } },
        { "35 state of that name says nothing", { { "me/M answer of=me", GONE } } },
        { "36 seen again",
          { { "x/X invite id=$1; me/M answer id=$2", ACTIVE }, { "x/X invite id=$1; me/M answer id=$2", ACTIVE } } },
};

Test(voip, others) {
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                /* In 34 another call is the one that goes on. */
                bool glare = strncmp(others[i].what, "34", 2) == 0;

                if (!glare)
                        run(&others[i], 1);
        }
}

Test(voip, glare) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        play(&s, "me/M invite");
        play(&s, "x/X invite call=c0");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_RINGING_OUT);
        cr_expect_eq(stage_phase(&s, ID("c0")), CALL_RINGING_IN);
        play(&s, "me/M hangup reason=replaced; me/M answer call=c0");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_GONE);
        cr_expect_eq(stage_phase(&s, ID("c0")), CALL_ACTIVE);
        stage_close(&s);
}

Test(voip, evidence_and_times) {
        struct stage s;
        const struct stage_call *c;

        stage_open(&s, &call_kind_voip);
        play(&s, "x/X invite age=5000");
        c = stage_find(&s, ID("c1"));
        cr_assert(c);
        cr_expect_eq(c->evidence, EVIDENCE_PROOF);
        cr_expect_not(c->announced);
        cr_expect_eq(c->since, STAGE_BOOT - 5 * USEC_PER_SEC);
        cr_expect_eq(c->until, STAGE_BOOT + 55 * USEC_PER_SEC);
        cr_expect_str_eq(c->what, "you are being called");
        cr_expect_eq(s.kind->deadline(s.of), c->until);

        play(&s, "me/M answer age=2000");
        cr_expect_eq(c->since, STAGE_BOOT - 2 * USEC_PER_SEC);
        cr_expect_eq(c->until, STAGE_BOOT - 2 * USEC_PER_SEC + s.context.call_cap);
        cr_expect_str_eq(c->what, "you answered");

        play(&s, "me/M hangup");
        cr_expect_eq(s.kind->deadline(s.of), USEC_NEVER);
        stage_close(&s);
}

Test(voip, nothing_new_is_not_told_again) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        play(&s, "x/X invite; me/M answer id=$a");
        cr_expect_eq(s.n_told, 1);
        play(&s, "me/M answer id=$a");
        stage_commit(&s);
        cr_expect_eq(s.n_told, 1);
        play(&s, "x/X hangup");
        cr_expect_eq(s.n_told, 2);
        stage_close(&s);
}

Test(voip, leaving_the_room_ends_its_calls) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        play(&s, "x/X invite; me/M answer");
        stage_feed(&s, "{\"next_batch\":\"s\",\"rooms\":{\"leave\":{\"!other:hs\":{}}}}");
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 1);
        stage_feed(&s, "{\"next_batch\":\"s\",\"rooms\":{\"leave\":{\"" STAGE_ROOM "\":{}}}}");
        stage_commit(&s);
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

static void tear(struct stage *s, const char *room, const char *event_id) {
        const struct matrix_event e = {
                .room_id = room, .type = "m.call.candidates", .sender = STAGE_ME, .event_id = event_id
        };

        s->kind->torn(s->of, &(struct room_events){ .events = &e, .n_events = 1, .torn_room = room });
        stage_commit(s);
}

/* Unless what could be read reaches back to what is known. */
Test(voip, a_call_ends_where_its_end_may_be_among_what_cannot_be_read) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        play(&s, "x/X invite id=$invite; me/M answer");
        tear(&s, STAGE_ROOM, "$invite");
        cr_expect_eq(s.n_calls, 1);
        tear(&s, "!other:hs", "$unknown");
        cr_expect_eq(s.n_calls, 1);
        tear(&s, STAGE_ROOM, NULL);
        cr_expect_eq(s.n_calls, 0);
        stage_close(&s);
}

static void lose(struct stage *s, const char *room, const char *sender, int64_t age) {
        const struct matrix_event e = { .room_id = room, .type = "m.room.encrypted", .sender = sender, .age = age };

        s->kind->lost(s->of, &e, &s->time);
        stage_commit(s);
}

static void expect_over_where_lost(const char *says, const char *sender, bool is_over) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        play(&s, says);
        stage_wait(&s, 2 * USEC_PER_SEC);
        lose(&s, "!other:hs", sender, 1000);
        cr_expect_eq(s.n_calls, 1);
        lose(&s, STAGE_ROOM, sender, 3000);
        cr_expect_eq(s.n_calls, 1, "of before");
        lose(&s, STAGE_ROOM, sender, 1000);
        cr_expect_eq(s.n_calls, is_over ? 0 : 1, "%s, %s", says, sender);
        stage_close(&s);
}

Test(voip, a_call_ends_where_nobody_will_ever_read_what_may_have_ended_it) {
        struct stage s;

        expect_over_where_lost("x/X invite; me/M answer", "@x:hs", true);
        expect_over_where_lost("x/X invite; me/M answer", STAGE_ME, true);
        expect_over_where_lost("x/X invite; me/M answer", "@stranger:hs", false);
        expect_over_where_lost("me/M answer", "@x:hs", true);
        expect_over_where_lost("me/M answer; x/X mute", "@stranger:hs", false);
        stage_open(&s, &call_kind_voip);
        play(&s, "x/X invite; me/M answer");
        stage_wait(&s, 2 * USEC_PER_SEC);
        play(&s, "x/X mute");
        lose(&s, STAGE_ROOM, "@x:hs", 1000);
        cr_expect_eq(s.n_calls, 1, "who hangs up says no more");
        stage_close(&s);
}

/* A room full of callers. */
static void storm(struct stage *s, unsigned n, const char *format) {
        for (unsigned i = 0; i < n; i++) {
                char says[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                (void) snprintf(says, sizeof(says), format, i);
#pragma GCC diagnostic pop
                play(s, says);
        }
}

Test(voip, a_storm_does_not_displace_my_call) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        play(&s, "x/X invite; me/M answer; x/X select to=M");
        storm(&s, 200, "z/Z invite call=z%u");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_ACTIVE);
        cr_expect_leq(s.n_calls, 16);
        storm(&s, 200, "z/Z answer call=y%u");
        storm(&s, 200, "z/Z hangup call=z%u");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_ACTIVE);
        play(&s, "x/X hangup");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_GONE);
        stage_close(&s);
}

Test(voip, a_storm_does_not_keep_me_from_calling) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        storm(&s, 40, "z/Z invite call=z%u");
        play(&s, "me/M invite");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_RINGING_OUT);
        storm(&s, 40, "z/Z invite call=y%u");
        play(&s, "x/X answer");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_ACTIVE);
        stage_close(&s);
}

Test(voip, many_clients_do_not_hide_my_answer) {
        struct stage s;

        stage_open(&s, &call_kind_voip);
        play(&s, "x/X invite");
        storm(&s, 60, "z/%u answer");
        storm(&s, 60, "x/%u mute");
        play(&s, "me/M answer");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_ACTIVE);
        play(&s, "x/X hangup");
        cr_expect_eq(stage_phase(&s, ID("c1")), CALL_GONE);
        stage_close(&s);
}

static const struct {
        const char *what, *event;
} broken[] = {
        { "no content", "{\"type\":\"m.call.invite\",\"sender\":\"@x:hs\"}" },
        { "a list for content", "{\"type\":\"m.call.invite\",\"sender\":\"@x:hs\",\"content\":[1]}" },
        { "no call id", "{\"type\":\"m.call.invite\",\"sender\":\"@x:hs\",\"content\":{\"lifetime\":60000}}" },
        { "an empty call id",
          "{\"type\":\"m.call.invite\",\"sender\":\"@x:hs\",\"content\":{\"call_id\":\"\",\"lifetime\":60000}}" },
        { "a number for call id", "{\"type\":\"m.call.answer\",\"sender\":\"@me:hs\",\"content\":{\"call_id\":17}}" },
        { "a number for sender", "{\"type\":\"m.call.answer\",\"sender\":5,\"content\":{\"call_id\":\"c1\"}}" },
        { "no sender", "{\"type\":\"m.call.answer\",\"content\":{\"call_id\":\"c1\"}}" },
        { "a number for type", "{\"type\":1,\"sender\":\"@me:hs\",\"content\":{\"call_id\":\"c1\"}}" },
        { "not an event", "[\"m.call.answer\"]" },
        { "null", "null" },
        { "a member without membership",
          "{\"type\":\"m.room.member\",\"sender\":\"@me:hs\",\"state_key\":\"@me:hs\",\"content\":{}}" },
};

Test(voip, broken_events_are_skipped) {
        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                struct stage s;

                stage_open(&s, &call_kind_voip);
                stage_sync(&s, "timeline", broken[i].event);
                cr_expect_eq(s.n_calls, 0, "%s", broken[i].what);
                play(&s, "x/X invite; me/M answer");
                stage_sync(&s, "timeline", broken[i].event);
                cr_expect_eq(s.n_calls, 1, "%s", broken[i].what);
                stage_close(&s);
        }
}

static const struct {
        const char *what, *answer_content;
        bool in_call;
} odd[] = {
        { "party_id of a wrong type is none", "{\"call_id\":\"c1\",\"version\":\"1\",\"party_id\":[]}", true },
        { "version as a float", "{\"call_id\":\"c1\",\"version\":1.5,\"party_id\":\"M\"}", true },
        { "version missing", "{\"call_id\":\"c1\",\"party_id\":\"M\"}", true },
        { "a conference id says nothing", "{\"call_id\":\"c1\",\"conf_id\":\"x\",\"party_id\":\"M\"}", true },
        { "another call", "{\"call_id\":\"c1 \",\"party_id\":\"M\"}", false },
};

Test(voip, odd_members) {
        for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
                SCOPED(free) char *event = NULL;
                struct stage s;

                stage_open(&s, &call_kind_voip);
                play(&s, "x/X invite");
                cr_assert_geq(asprintf(&event, "{\"type\":\"m.call.answer\",\"sender\":\"@me:hs\",\"content\":%s}",
                                       odd[i].answer_content),
                              0);
                stage_sync(&s, "timeline", event);
                cr_expect_eq(stage_phase(&s, ID("c1")), odd[i].in_call ? CALL_ACTIVE : CALL_RINGING_IN, "%s",
                             odd[i].what);
                stage_close(&s);
        }
}
