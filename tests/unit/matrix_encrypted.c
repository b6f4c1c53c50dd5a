/* What an account reads in encrypted rooms: the receiver's requests and its storage, and whose events become calls.
 * The server is played by hand. */
#include "unit/http_door.h"

#include "crypto/device-stage.h"
#include "matrix/calls/kinds.h"
#include "matrix/encrypted-rooms.h"
#include "matrix/encrypted.h"

#define GROUP "!group:example.org"
#define NAMED "!named:example.org"

static struct matrix_client *client;
static struct encrypted *e;
static struct kinds *kinds;
static struct call_sink sink;
static unsigned n_reports, n_puts;
static int put_error;
static bool was_touched;
static const char *rooms; /* what a look at all of them finds */
static const char *members;
static unsigned n_looks, n_members;

static int on_put(void *userdata, const json_t *receiver) {
        if (put_error < 0)
                return put_error;
        n_puts++;
        json_decref(disk);
        disk = json_incref((json_t *) receiver);
        return 0;
}

static uint32_t no_dice(void *userdata) {
        return 0;
}

static void on_touched(void *userdata) {
        was_touched = true;
}

static bool no_call(void *userdata, const char *room_id) {
        return false;
}

static void on_report(void *userdata, const struct call_report *report) {
        n_reports++;
}

static void on_end(void *userdata, const char *source, const char *id) {
}

#define ENCRYPTION                                                                                                    \
        "\"state\":{\"events\":[{\"type\":\"m.room.encryption\",\"state_key\":\"\",\"sender\":\"@bob:example.org\","  \
        "\"content\":{}}]}"
#define DM_IS_SMALL                                                                                                   \
        "\"!dm:example.org\":{" ENCRYPTION ",\"summary\":{\"m.joined_member_count\":2,"                               \
        "\"m.invited_member_count\":0,\"m.heroes\":[\"@bob:example.org\"]}}"
#define DM_IS_LARGE                                                                                                   \
        "\"!dm:example.org\":{" ENCRYPTION ",\"summary\":{\"m.joined_member_count\":3,"                               \
        "\"m.invited_member_count\":0,\"m.heroes\":[\"@bob:example.org\",\"@carol:example.org\"]}}"
#define DM_HAS_A_NAME "\"!dm:example.org\":{" ENCRYPTION ",\"summary\":{\"m.joined_member_count\":2}}"
#define LOOK(rooms)   "{\"next_batch\":\"x\",\"rooms\":{\"join\":{" rooms "}}}"

static void open_with(enum encrypted_calls scope) {
        const struct encrypted_keeper keeper = { .stored = disk, .key = key, .put = on_put };

        cr_assert_eq(encrypted_new(&e, &keeper,
                                   &(struct encrypted_options){ .client = client,
                                                                .account = "home",
                                                                .user_id = ME,
                                                                .scope = scope,
                                                                .random = no_dice,
                                                                .touched = on_touched,
                                                                .is_live = no_call },
                                   &at),
                     0);
}

static void set_up(void) {
        begin();
        n_reports = n_puts = n_looks = n_members = 0;
        put_error = 0;
        rooms = LOOK(DM_IS_SMALL);
        members = "{\"joined\":{\"" ME "\":{},\"" BOB "\":{}}}";
        sink = (struct call_sink){ .report = on_report, .end = on_end };
        cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
        cr_assert_eq(kinds_new(&kinds, &(struct kind_context){ .me = ME,
                                                               .source = "matrix/test",
                                                               .sink = &sink,
                                                               .call_cap = 4 * USEC_PER_HOUR }),
                     0);
}

static void tear_down(void) {
        encrypted_free(e);
        e = NULL;
        kinds_free(kinds);
        matrix_client_free(client);
        cr_assert_null(door_waiting(), "what is dropped is cancelled");
        end();
}
TestSuite(encrypted, .init = set_up, .fini = tear_down);

/* ---- the server ---- */

static bool asks_for(const char *part) {
        return door_waiting() && strstr(door_waiting()->url, part);
}

static void answer_json(json_t *v) {
        SCOPED(free) char *text = json_dumps(v, JSON_COMPACT);

        struct http_reply reply = door_reply(200, text, at.now);

        json_decref(v);
        reply.wall = at.wall;
        door_answer_with(&reply);
}

static void answer_one(void) {
        SCOPED(json_decref) json_t *body = json_loads(door_waiting()->body, 0, NULL);

        if (asks_for("/keys/upload")) {
                upload(body);
                answer_json(json_pack("{s{si}}", "one_time_key_counts", "signed_curve25519", STOCK_FULL));
        } else if (asks_for("/keys/query"))
                answer_json(query_answer(body));
        else if (asks_for("/joined_members")) {
                n_members++;
                door_answer(200, members, at.now);
        } else if (asks_for("/sync?")) {
                cr_assert_not(strstr(door_waiting()->url, "since"), "it takes nobody's messages");
                n_looks++;
                door_answer(200, rooms, at.now);
        } else
                cr_assert_fail("%s", door_waiting()->url);
}

static usec_t serve(void) {
        for (int i = 0; i < 100; i++) {
                usec_t wake_at = encrypted_run(e, "offline", &at);

                if (!door_waiting())
                        return wake_at;
                answer_one();
        }
        cr_assert_fail("it never comes to rest");
        return 0;
}

/* An answer of /sync: messages to the device, taken over. */
static int come(json_t *to_device) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{so} s{si} s[s] s{}}", "to_device", "events", to_device ? to_device : json_array(),
                                 "device_one_time_keys_count", "signed_curve25519", STOCK_FULL,
                                 "device_unused_fallback_key_types", "signed_curve25519", "rooms");

        return encrypted_take(e, body, &at);
}

static void go(enum encrypted_calls scope) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{} s[]}", "device_one_time_keys_count", "device_unused_fallback_key_types");

        open_with(scope);
        /* The counts of the first answer may be old. */
        for (int i = 0; i < 2; i++)
                cr_assert_eq(encrypted_take(e, body, &at), 0);
        (void) serve();
        cr_assert_eq(json_object_size(one_time_keys), STOCK_FULL + 1);
        claim(&bob);
}

/* One event of a room, as /sync brings it. Returns how many calls that is told of. */
static unsigned said(const struct sender *s, const char *room, const char *event_id, json_t *content) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };
        struct matrix_event event = {
                .place = EVENT_TIMELINE,
                .type = "m.room.encrypted",
                .room_id = room,
                .sender = s->user_id,
                .event_id = event_id,
                .origin_server_ts = (int64_t) (at.wall / USEC_PER_MSEC),
                .age = 0,
                .sticky_duration = -1,
                .sticky_ttl = -1,
                .content = content,
        };
        const struct room_events events = { .events = &event, .n_events = 1 };
        unsigned before = n_reports;

        encrypted_apply(e, kinds, &events, &at);
        (void) kinds_commit(kinds, &t);
        json_decref(content);
        return n_reports - before;
}

static json_t *rings(struct sender *s, const char *room) {
        return sender_room_encrypt(s, json_pack("{ss ss s{ss ss ss si s{ss ss}}}", "type", "m.call.invite", "room_id",
                                                room, "content", "call_id", "c1", "party_id", "p", "version", "1",
                                                "lifetime", 60000, "offer", "type", "offer", "sdp", "v=0"));
}

static json_t *key_for(struct sender *s, const char *room) {
        return json_pack("[o]", message(s, sender_says(s, &own, "m.room_key", sender_room_key(s, room))));
}

/* ---- tests ---- */

Test(encrypted, a_call_in_a_room_of_two_is_told) {
        struct encrypted_facts facts;

        go(ENCRYPTED_CALLS_DM);
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_VERIFIED);
        cr_assert_eq(n_looks, 1);
        cr_assert_eq(n_members, 0);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert(encrypted_expects(e), "what it reads is on its way");
        cr_assert_not(encrypted_expects(e));
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
}

Test(encrypted, what_comes_counts_once_it_is_stored) {
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        put_error = -ENOSPC;
        cr_assert_eq(come(json_incref(m)), -ENOSPC);
        /* Dead at that moment: what is on disk is of before, and the server gives it again. */
        encrypted_free(e);
        e = NULL;
        put_error = 0;
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_eq(come(json_incref(m)), 0);
        encrypted_free(e);
        e = NULL;
        /* And once more, by a server that answers what it has answered before. */
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_eq(come(m), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
}

Test(encrypted, nothing_is_asked_with_what_is_not_stored) {
        usec_t next;

        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        put_error = -EROFS;
        for (int i = 0; i < 2; i++) {
                SCOPED(json_decref)
                json_t *body =
                        json_pack("{s{} s[]}", "device_one_time_keys_count", "device_unused_fallback_key_types");

                cr_assert_eq(encrypted_take(e, body, &at), i == 0 ? 0 : -EROFS);
        }
        next = encrypted_run(e, "offline", &at);
        cr_assert_null(door_waiting(), "keys that a crash would lose are not given to others");
        cr_assert(next > at.now && next < at.now + 10 * USEC_PER_MIN);
        put_error = 0;
        at.now = next;
        (void) serve();
        cr_assert_eq(n_uploads, 1);
}

Test(encrypted, others_are_read_in_rooms_of_two_alone) {
        rooms = LOOK(DM_IS_LARGE);
        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_not(encrypted_expects(e));
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
}

Test(encrypted, a_room_becomes_one_of_two_and_is_not_any_more) {
        SCOPED(json_decref) json_t *small = json_loads(LOOK(DM_IS_SMALL), 0, NULL);
        SCOPED(json_decref) json_t *large = json_loads(LOOK(DM_IS_LARGE), 0, NULL);

        rooms = LOOK(DM_IS_LARGE);
        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(encrypted_take(e, small, &at), 0);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
        cr_assert_eq(encrypted_take(e, large, &at), 0);
        cr_assert_eq(said(&bob, ROOM, "$2",
                          sender_room_encrypt(&bob, json_pack("{ss ss s{ss ss ss si}}", "type", "m.call.invite",
                                                              "room_id", ROOM, "content", "call_id", "c2", "party_id",
                                                              "p", "version", "1", "lifetime", 60000))),
                     0);
}

Test(encrypted, who_is_in_a_room_with_a_name_is_asked) {
        rooms = LOOK(DM_HAS_A_NAME);
        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(n_members, 1);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
        (void) serve();
        cr_assert_eq(n_members, 1, "once");
}

Test(encrypted, what_was_answered_with_something_else_is_asked_again) {
        const char *named = members;

        rooms = members = "{\"next_batch\":1}";
        go(ENCRYPTED_CALLS_DM);
        rooms = LOOK(DM_HAS_A_NAME);
        at.now += USEC_PER_MIN;
        (void) serve();
        cr_assert_eq(n_looks, 2);
        cr_assert_eq(n_members, 1);
        members = named;
        at.now += USEC_PER_MIN;
        (void) serve();
        cr_assert_eq(n_members, 2);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 1);
}

Test(encrypted, only_the_own_devices_are_read_where_that_is_wanted) {
        go(ENCRYPTED_CALLS_OWN);
        cr_assert_eq(n_looks, 0);
        claim(&phone);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert_eq(come(key_for(&phone, GROUP)), 0);
        cr_assert_eq(said(&phone, GROUP, "$2", rings(&phone, GROUP)), 1, "in whatever room");
}

Test(encrypted, a_call_is_told_when_its_key_comes_after_it) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert_not(encrypted_apply_late(e, kinds, &at));
        cr_assert_eq(come(m), 0);
        cr_assert(encrypted_apply_late(e, kinds, &at));
        (void) kinds_commit(kinds, &t);
        cr_assert_eq(n_reports, 1);
        cr_assert_not(encrypted_apply_late(e, kinds, &at));
}

/* What they hung up by may be among what was not seen. */
Test(encrypted, what_waits_for_its_key_is_given_up_where_what_followed_is_not_known) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        encrypted_torn(e, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$2", rings(&bob, ROOM)), 0);
        encrypted_torn(e, GROUP);
        cr_assert_eq(come(m), 0);
        cr_assert(encrypted_apply_late(e, kinds, &at), "what came after that");
        (void) kinds_commit(kinds, &t);
        cr_assert_eq(n_reports, 1);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$3", rings(&bob, ROOM)), 0);
        encrypted_torn(e, NULL);
        cr_assert_eq(come(m), 0);
        cr_assert_not(encrypted_apply_late(e, kinds, &at), "of no room");
}

static bool is_asked_about(const char *user_id) {
        SCOPED(json_decref) json_t *body = json_loads(door_waiting()->body, 0, NULL);

        return json_object_get(json_object_get(body, "device_keys"), user_id);
}

/* Else an answer of the own phone could be read before the hangup of somebody else that came with it. */
Test(encrypted, who_came_while_the_server_could_not_be_asked_is_in_the_next_question) {
        SCOPED(json_decref) json_t *changed = json_pack("{s{s[s]}}", "device_lists", "changed", ME);

        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(encrypted_take(e, changed, &at), 0);
        (void) encrypted_run(e, NULL, &at);
        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&bob))), 0);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/query"));
        cr_assert(is_asked_about(ME));
        cr_assert(is_asked_about(BOB));
        (void) serve();
}

/* A hangup that cannot be read yet may end what can be read already. */
static void bob_rings_unproven(void) {
        go(ENCRYPTED_CALLS_DM);
        cr_assert_not(encrypted_awaits(e, at.now));
        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&bob))), 0);
        cr_assert_not(encrypted_awaits(e, at.now), "nothing waits for that key");
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert(encrypted_awaits(e, at.now));
}

static void expect_read_late(void) {
        (void) serve();
        cr_assert(encrypted_apply_late(e, kinds, &at));
        cr_assert_not(encrypted_awaits(e, at.now));
}

Test(encrypted, what_waits_for_a_proof_is_asked_about_before_all_rooms) {
        bob_rings_unproven();
        encrypted_resync(e);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/query"));
        expect_read_late();
        cr_assert_eq(n_looks, 2);
}

Test(encrypted, what_waits_for_its_key_is_not_about_to_be_read) {
        json_t *m;

        go(ENCRYPTED_CALLS_DM);
        m = key_for(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert_not(encrypted_awaits(e, at.now));
        json_decref(m);
}

Test(encrypted, nobody_waits_for_who_cannot_be_asked_about) {
        bob_rings_unproven();
        (void) encrypted_run(e, "offline", &at);
        door_answer(403, "{\"errcode\":\"M_FORBIDDEN\"}", at.now);
        cr_assert_not(encrypted_awaits(e, at.now));
        encrypted_answers_again(e);
        cr_assert_not(encrypted_awaits(e, at.now), "refused, and to be asked again in an hour");
        cr_assert_null(door_waiting());
}

Test(encrypted, what_has_failed_is_tried_again_as_soon_as_the_server_answers) {
        bob_rings_unproven();
        (void) encrypted_run(e, "offline", &at);
        door_answer(502, "", at.now);
        cr_assert_not(encrypted_awaits(e, at.now));
        (void) encrypted_run(e, "offline", &at);
        cr_assert_null(door_waiting());
        encrypted_answers_again(e);
        cr_assert(encrypted_awaits(e, at.now));
        expect_read_late();
}

Test(encrypted, but_not_before_the_time_that_the_server_has_asked_for) {
        bob_rings_unproven();
        (void) encrypted_run(e, "offline", &at);
        door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"retry_after_ms\":60000}", at.now);
        encrypted_answers_again(e);
        cr_assert_eq(encrypted_run(e, "offline", &at), at.now + USEC_PER_MIN);
        cr_assert_null(door_waiting());
        at.now += USEC_PER_MIN;
        expect_read_late();
}

Test(encrypted, what_a_person_asks_for_waits_for_nothing) {
        SCOPED(json_decref) json_t *changed = json_pack("{s{s[s]}}", "device_lists", "changed", ME);
        struct encrypted_facts facts;

        go(ENCRYPTED_CALLS_DM);
        cr_assert_eq(encrypted_take(e, changed, &at), 0);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/query"));
        door_answer(403, "{\"errcode\":\"M_FORBIDDEN\"}", at.now);
        (void) serve();
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_CHECKING, "refused, and to be asked again in an hour");
        encrypted_retry_now(e);
        (void) serve();
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_VERIFIED);
}

Test(encrypted, a_request_that_fails_waits_and_is_the_same_again) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{} s[]}", "device_one_time_keys_count", "device_unused_fallback_key_types");
        SCOPED(json_decref) json_t *first = NULL, *again = NULL;
        usec_t next;

        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        for (int i = 0; i < 2; i++)
                cr_assert_eq(encrypted_take(e, body, &at), 0);
        (void) encrypted_run(e, NULL, &at);
        cr_assert_null(door_waiting(), "not while the server cannot be asked");
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/upload"));
        first = json_loads(door_waiting()->body, 0, NULL);
        door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", at.now);
        cr_assert(was_touched);
        next = encrypted_run(e, "offline", &at);
        cr_assert_null(door_waiting());
        cr_assert(next > at.now && next != USEC_NEVER);
        at.now = next;
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/upload"));
        again = json_loads(door_waiting()->body, 0, NULL);
        cr_assert(first && json_equal(first, again));
        (void) serve();
        cr_assert_eq(n_uploads, 1);
}

static void keys_are_there(int n) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{si} s[]}", "device_one_time_keys_count", "signed_curve25519", n,
                                 "device_unused_fallback_key_types");

        cr_assert_eq(encrypted_take(e, body, &at), 0);
        at.now += USEC_PER_MIN;
        (void) serve();
}

/* What somebody has claimed since would be given to somebody else, too. */
static void lose_upload(bool dropped) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{} s[]}", "device_one_time_keys_count", "device_unused_fallback_key_types");

        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        for (int i = 0; i < 2; i++)
                cr_assert_eq(encrypted_take(e, body, &at), 0);
        (void) encrypted_run(e, "offline", &at);
        cr_assert(asks_for("/keys/upload"));
        if (dropped)
                encrypted_stop(e);
        else
                door_answer(502, "<html>", at.now);
        at.now += USEC_PER_HOUR / 2;
        (void) serve();
        cr_assert_eq(n_uploads, 0, "not again before the server has said what it has");
}

Test(encrypted, an_upload_whose_answer_was_lost_and_that_has_arrived_is_not_sent_again) {
        lose_upload(false);
        keys_are_there(STOCK_FULL - 3);
        cr_assert_eq(n_uploads, 0);
}

Test(encrypted, an_upload_that_was_dropped_and_has_not_arrived_is_sent_again) {
        lose_upload(true);
        keys_are_there(0);
        cr_assert_eq(n_uploads, 1);
}

Test(encrypted, after_a_death_it_finds_out_what_has_arrived) {
        lose_upload(true);
        encrypted_free(e);
        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        keys_are_there(STOCK_FULL); /* not believed: it may be the answer of before */
        cr_assert_eq(n_uploads, 0);
        keys_are_there(STOCK_FULL);
        cr_assert_eq(n_uploads, 0);
        encrypted_free(e);
        open_with(ENCRYPTED_CALLS_OWN);
        (void) serve();
        cr_assert_eq(n_uploads, 0, "that they are there is known for good");
}

Test(encrypted, a_reset_identity_is_seen_and_can_be_mended) {
        SCOPED(json_decref) json_t *changed = json_pack("{s{s[s]}}", "device_lists", "changed", ME);
        struct encrypted_facts facts;

        go(ENCRYPTED_CALLS_DM);
        master_seed = signing_seed = reset_seed;
        cr_assert_eq(encrypted_take(e, changed, &at), 0);
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_CHECKING);
        (void) serve();
        cr_assert(encrypted_facts(e, &facts));
        cr_assert_eq(facts.state, ENCRYPTED_UNVERIFIED);
}

Test(encrypted, what_is_stored_and_broken_is_refused) {
        const struct encrypted_keeper keeper = { .stored = disk, .key = (const uint8_t[32]){ 7 }, .put = on_put };
        struct encrypted *none = NULL;

        cr_assert_eq(encrypted_new(&none, &keeper,
                                   &(struct encrypted_options){ .client = client,
                                                                .account = "home",
                                                                .user_id = ME,
                                                                .random = no_dice,
                                                                .touched = on_touched,
                                                                .is_live = no_call },
                                   &at),
                     -EKEYREJECTED);
        cr_assert_null(none);
}

/* ---- the table of rooms ---- */

static int take_rooms(struct encrypted_rooms *t, const char *text, bool all) {
        SCOPED(json_decref) json_t *v = json_loads(text, 0, NULL);

        cr_assert_not_null(v);
        return encrypted_rooms_take(t, v, all);
}

Test(encrypted_rooms, each_may_have_calls_until_all_were_seen) {
        const char *others[4];
        struct encrypted_rooms t;
        size_t n;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(take_rooms(&t, LOOK(DM_IS_LARGE), true), 1);
        cr_assert_not(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 0);
        /* What did not change is left out. */
        cr_assert_eq(take_rooms(&t, LOOK("\"" ROOM "\":{\"summary\":{\"m.joined_member_count\":2}}"), false), 1);
        cr_assert(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 1);
        cr_assert_str_eq(others[0], BOB);
        cr_assert_eq(take_rooms(&t, "{\"rooms\":{\"leave\":{\"" ROOM "\":{}}}}", false), 1);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 0);
        encrypted_rooms_done(&t);
}

Test(encrypted_rooms, rooms_without_encryption_and_odd_ones_cost_nothing) {
        static const char *const odd[] = {
                "{}",
                "{\"rooms\":[]}",
                "{\"rooms\":{\"join\":{\"" NAMED "\":1}}}",
                LOOK("\"" NAMED "\":{\"summary\":{\"m.joined_member_count\":2}}"),
                LOOK("\"" NAMED "\":{\"state\":{\"events\":[{\"type\":\"m.room.encryption\"}]}}"),
        };
        struct encrypted_rooms t;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
                cr_expect_eq(take_rooms(&t, odd[i], false), 0, "%s", odd[i]);
        cr_assert_eq(take_rooms(&t,
                                LOOK("\"" NAMED "\":{" ENCRYPTION ",\"summary\":{\"m.joined_member_count\":\"2\","
                                     "\"m.heroes\":[1]}}"),
                                true),
                     1);
        cr_assert_str_eq(encrypted_rooms_unclear(&t), NAMED);
        cr_assert_eq(encrypted_rooms_clear_up(&t, NAMED, NULL, ME), 0);
        cr_assert_null(encrypted_rooms_unclear(&t), "asked once");
        encrypted_rooms_done(&t);
}

Test(encrypted_rooms, a_room_that_nobody_told_of_is_asked_about) {
        SCOPED(json_decref)
        json_t *three = json_pack("{s{s{} s{} s{}}}", "joined", ME, BOB, CAROL);
        struct encrypted_rooms t;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert_eq(encrypted_rooms_note(&t, ROOM), 0);
        cr_assert_null(encrypted_rooms_unclear(&t), "not before all were looked at");
        cr_assert_eq(take_rooms(&t, LOOK(""), true), 1);
        cr_assert_eq(encrypted_rooms_note(&t, ROOM), 0);
        cr_assert_str_eq(encrypted_rooms_unclear(&t), ROOM);
        cr_assert(encrypted_rooms_may_have_calls(&t, ROOM));
        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, three, ME), 0);
        cr_assert_not(encrypted_rooms_may_have_calls(&t, ROOM));
        encrypted_rooms_done(&t);
}

/* As of something between that answers for the server: it does not say that nobody is anywhere. */
Test(encrypted_rooms, an_answer_to_something_else_says_nothing) {
        SCOPED(json_decref) json_t *other = json_pack("{si}", "next_batch", 1);
        const char *others[2];
        struct encrypted_rooms t;
        size_t n;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_expect_eq(encrypted_rooms_take(&t, other, true), -EBADMSG);
        cr_assert_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n), "not all were seen");
        cr_assert_eq(take_rooms(&t, LOOK(DM_IS_SMALL), true), 1);
        cr_expect_eq(encrypted_rooms_take(&t, other, true), -EBADMSG);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 1);
        cr_assert_eq(take_rooms(&t, LOOK(DM_HAS_A_NAME), true), 1);
        cr_expect_eq(encrypted_rooms_clear_up(&t, ROOM, other, ME), -EBADMSG);
        cr_assert_str_eq(encrypted_rooms_unclear(&t), ROOM);
        encrypted_rooms_done(&t);
}

/* Their keys are passed by no second time. */
Test(encrypted_rooms, who_is_in_a_room_that_cannot_be_asked_about_may_be_anybody) {
        SCOPED(json_decref) json_t *two = json_pack("{s{s{} s{}}}", "joined", ME, BOB);
        SCOPED(json_decref) json_t *alone = json_pack("{s{s{}}}", "joined", ME);
        const char *others[2];
        struct encrypted_rooms t;
        size_t n;

        cr_assert_eq(encrypted_rooms_init(&t), 0);
        cr_assert_eq(take_rooms(&t, LOOK(DM_HAS_A_NAME), true), 1);
        cr_assert_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n), "it is to be asked");
        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, NULL, ME), 0);
        cr_assert_null(encrypted_rooms_unclear(&t), "once");
        cr_expect_not(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));

        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, two, ME), 0);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n));
        cr_assert_eq(n, 1);
        cr_assert_str_eq(others[0], BOB);

        cr_assert_eq(take_rooms(&t, LOOK(DM_HAS_A_NAME), true), 1);
        cr_assert_eq(encrypted_rooms_clear_up(&t, ROOM, alone, ME), 0);
        cr_assert(encrypted_rooms_others(&t, others, ARRAY_SIZE(others), &n), "nobody else is there");
        cr_assert_eq(n, 0);
        encrypted_rooms_done(&t);
}

/* ---- a device that harms others ---- */

static bool harms(void) {
        struct encrypted_facts facts;

        cr_assert(encrypted_facts(e, &facts));
        return facts.harms;
}

/* As if busyd ran all the time. */
static void pass(usec_t usec) {
        const usec_t until = at.now + usec;

        while (at.now < until) {
                usec_t wake_at = usec_min(serve(), until);

                cr_assert_gt(wake_at, at.now);
                at.wall += wake_at - at.now;
                at.now = wake_at;
        }
        (void) serve();
}

static void reset_identity(void) {
        SCOPED(json_decref) json_t *body = json_pack("{s{s[s]} s{}}", "device_lists", "changed", ME, "rooms");

        master_seed = signing_seed = reset_seed;
        cr_assert_eq(encrypted_take(e, body, &at), 0);
        (void) serve();
}

Test(encrypted, a_device_that_stays_unsigned_for_a_week_harms_others) {
        go(ENCRYPTED_CALLS_DM);
        pass(2 * ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
        reset_identity();
        pass(ENCRYPTED_UNSIGNED_MAX - USEC_PER_MIN);
        cr_assert_not(harms());
        pass(USEC_PER_MIN);
        cr_assert(harms());
}

Test(encrypted, a_device_that_is_signed_again_in_time_does_not) {
        go(ENCRYPTED_CALLS_DM);
        reset_identity();
        pass(ENCRYPTED_UNSIGNED_MAX - USEC_PER_HOUR);
        master_seed = my_master_seed;
        signing_seed = my_signing_seed;
        pass(2 * ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
}

Test(encrypted, nobody_is_logged_out_who_was_not_told_an_hour_before) {
        go(ENCRYPTED_CALLS_DM);
        reset_identity();
        pass(2 * USEC_PER_HOUR);
        encrypted_free(e);
        at.wall += 2 * ENCRYPTED_UNSIGNED_MAX;
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_not(harms());
        pass(ENCRYPTED_TOLD_MIN);
        cr_assert(harms());
}

/* What was true before a machine slept for a week is asked first. */
Test(encrypted, what_is_not_known_of_the_last_hour_counts_for_nothing) {
        go(ENCRYPTED_CALLS_DM);
        reset_identity();
        at.now += 2 * ENCRYPTED_UNSIGNED_MAX;
        at.wall += 2 * ENCRYPTED_UNSIGNED_MAX;
        (void) encrypted_run(e, "offline", &at);
        cr_assert_not(harms());
        (void) serve();
        cr_assert(harms());
}

/* Another session was to sign it: what is on disk when everything dies before that, with whoever kept watch. */
static void break_off_a_comparison(void) {
        SCOPED(receiver_free) struct receiver *left = NULL;
        SCOPED(json_decref) json_t *body = NULL;

        cr_assert_eq(receiver_load(&left, disk, key, &at), 0);
        cr_assert_eq(receiver_introduce(left, NULL, &at, &body), 0);
        json_decref(disk);
        cr_assert_eq(receiver_store(left, key, &disk), 0);
}

Test(encrypted, a_device_that_was_never_signed_is_given_no_week) {
        break_off_a_comparison();
        signing_seed = reset_seed;
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        pass(ENCRYPTED_TOLD_MIN - USEC_PER_MIN);
        cr_assert_not(harms(), "whoever tries again may have begun");
        pass(USEC_PER_MIN);
        cr_assert(harms());
}

Test(encrypted, a_device_that_was_signed_after_all_is_as_all_others) {
        break_off_a_comparison();
        go(ENCRYPTED_CALLS_DM);
        cr_assert_not(harms());
        encrypted_free(e);
        open_with(ENCRYPTED_CALLS_DM);
        reset_identity();
        pass(ENCRYPTED_UNSIGNED_MAX - USEC_PER_MIN);
        cr_assert_not(harms());
        pass(USEC_PER_MIN);
        cr_assert(harms());
}
