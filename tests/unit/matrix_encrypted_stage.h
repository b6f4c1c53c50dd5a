/* What an account reads in encrypted rooms: the receiver's requests and its storage, and whose events become calls.
 * The server is played by hand. */
#pragma once

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
static unsigned n_others_asked; /* how often the devices of others were asked for */
static bool (*is_live_there)(void *userdata, const char *room_id);

static inline int on_put(void *userdata, const json_t *receiver) {
        if (put_error < 0)
                return put_error;
        n_puts++;
        json_decref(disk);
        disk = json_incref((json_t *) receiver);
        return 0;
}

static inline uint32_t no_dice(void *userdata) {
        return 0;
}

static inline void on_touched(void *userdata) {
        was_touched = true;
}

static inline bool no_call(void *userdata, const char *room_id) {
        return false;
}

static inline void on_report(void *userdata, const struct call_report *report) {
        n_reports++;
}

static inline void on_end(void *userdata, const char *source, const char *id) {
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

static inline void open_with(enum encrypted_calls scope) {
        const struct encrypted_keeper keeper = { .stored = disk, .key = key, .put = on_put };

        cr_assert_eq(encrypted_new(&e, &keeper,
                                   &(struct encrypted_options){ .client = client,
                                                                .account = "home",
                                                                .user_id = ME,
                                                                .scope = scope,
                                                                .random = no_dice,
                                                                .touched = on_touched,
                                                                .is_live = is_live_there },
                                   &at),
                     0);
}

static inline void make_kinds(void) {
        cr_assert_eq(kinds_new(&kinds, &(struct kind_context){ .me = ME,
                                                               .source = "matrix/test",
                                                               .sink = &sink,
                                                               .call_cap = 4 * USEC_PER_HOUR }),
                     0);
}

static inline void set_up(void) {
        begin();
        n_reports = n_puts = n_looks = n_members = n_others_asked = 0;
        put_error = 0;
        is_live_there = no_call;
        rooms = LOOK(DM_IS_SMALL);
        members = "{\"joined\":{\"" ME "\":{},\"" BOB "\":{}}}";
        sink = (struct call_sink){ .report = on_report, .end = on_end };
        cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
        make_kinds();
}

static inline void tear_down(void) {
        encrypted_free(e);
        e = NULL;
        kinds_free(kinds);
        matrix_client_free(client);
        cr_assert_null(door_waiting(), "what is dropped is cancelled");
        end();
}
/* ---- the server ---- */

static inline bool asks_for(const char *part) {
        return door_waiting() && strstr(door_waiting()->url, part);
}

static inline void answer_json(json_t *v) {
        SCOPED(free) char *text = json_dumps(v, JSON_COMPACT);

        struct http_reply reply = door_reply(200, text, at.now);

        json_decref(v);
        reply.wall = at.wall;
        door_answer_with(&reply);
}

static inline void answer_one(void) {
        SCOPED(json_decref) json_t *body = json_loads(door_waiting()->body, 0, NULL);

        if (asks_for("/keys/upload")) {
                upload(body);
                answer_json(json_pack("{s{si}}", "one_time_key_counts", "signed_curve25519", STOCK_FULL));
        } else if (asks_for("/keys/query")) {
                n_others_asked += json_object_get(json_object_get(body, "device_keys"), BOB) != NULL;
                answer_json(query_answer(body));
        } else if (asks_for("/joined_members")) {
                n_members++;
                door_answer(200, members, at.now);
        } else if (asks_for("/sync?")) {
                cr_assert_not(strstr(door_waiting()->url, "since"), "it takes nobody's messages");
                n_looks++;
                door_answer(200, rooms, at.now);
        } else
                cr_assert_fail("%s", door_waiting()->url);
}

static inline usec_t serve(void) {
        for (int i = 0; i < 100; i++) {
                usec_t wake_at = encrypted_run(e, "offline", &at);

                if (!door_waiting())
                        return wake_at;
                answer_one();
        }
        cr_assert_fail("it never comes to rest");
        return 0;
}

/* An answer of /sync: messages to the device, taken over, and how many keys the server has for others to begin with.
 */
static inline int come_with(json_t *to_device, int n_keys) {
        SCOPED(json_decref)
        json_t *body = json_pack("{s{so} s{si} s[s] s{}}", "to_device", "events", to_device ? to_device : json_array(),
                                 "device_one_time_keys_count", "signed_curve25519", n_keys,
                                 "device_unused_fallback_key_types", "signed_curve25519", "rooms");

        return encrypted_take(e, body, &at);
}

static inline int come(json_t *to_device) {
        return come_with(to_device, STOCK_FULL);
}

static inline void go(enum encrypted_calls scope) {
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

/* One event of a room, as /sync brings it. */
static inline struct matrix_event event_of(const struct sender *s, const char *room, const char *event_id,
                                           const json_t *content) {
        return (struct matrix_event){
                .place = EVENT_TIMELINE,
                .type = "m.room.encrypted",
                .room_id = room,
                .sender = s->user_id,
                .event_id = event_id,
                .origin_server_ts = (int64_t) (at.wall / USEC_PER_MSEC),
                .age = 0,
                .sticky_duration = -1,
                .sticky_ttl = -1,
                .content = (json_t *) content,
        };
}

/* Returns how many calls that is told of. */
static inline unsigned said(const struct sender *s, const char *room, const char *event_id, json_t *content) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };
        struct matrix_event event = event_of(s, room, event_id, content);
        const struct room_events events = { .events = &event, .n_events = 1 };
        unsigned before = n_reports;

        cr_assert_eq(encrypted_apply(e, kinds, &events, &at), 0);
        (void) kinds_commit(kinds, &t);
        json_decref(content);
        return n_reports - before;
}

static inline json_t *rings(struct sender *s, const char *room) {
        return sender_room_encrypt(s, json_pack("{ss ss s{ss ss ss si s{ss ss}}}", "type", "m.call.invite", "room_id",
                                                room, "content", "call_id", "c1", "party_id", "p", "version", "1",
                                                "lifetime", 60000, "offer", "type", "offer", "sdp", "v=0"));
}

static inline json_t *key_for(struct sender *s, const char *room) {
        return json_pack("[o]", message(s, sender_says(s, &own, "m.room_key", sender_room_key(s, room))));
}
