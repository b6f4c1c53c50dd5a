/* Events that wait for their keys: in which order they come out, which go, and which stay. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/late.h"

static int put(struct late *l, const char *room_id, const char *event_id, const char *session_id, usec_t now) {
        SCOPED(json_decref) json_t *content = json_pack("{ss}", "ciphertext", event_id);
        char id[64], room[64];
        struct matrix_event e = {
                .place = EVENT_TIMELINE,
                .room_id = room,
                .type = "m.room.encrypted",
                .sender = "@bob:example.org",
                .event_id = id,
                .origin_server_ts = 7,
                .age = 100,
                .sticky_duration = 5000,
                .sticky_ttl = 3000,
                .content = content,
        };

        /* Nothing of it outlives this function. */
        (void) snprintf(id, sizeof(id), "%s", event_id);
        (void) snprintf(room, sizeof(room), "%s", room_id);
        return late_put(l, &e, session_id, now);
}

static int take_late(struct late *l, const char *room_id, const char *session_id, usec_t now, struct late_event *ret) {
        int r = late_find(l, room_id, session_id, now, ret);

        if (r > 0)
                late_remove(l, ret);
        return r;
}

Test(crypto_late, an_event_comes_out_when_its_key_is_there_and_has_aged) {
        SCOPED(late_free) struct late *l = NULL;
        SCOPED(late_event_done) struct late_event e = { 0 };

        cr_assert_eq(late_new(&l), 0);
        cr_assert_eq(put(l, "!a:x", "$1", "S", USEC_PER_SEC), 1);
        cr_assert_eq(put(l, "!a:x", "$1", "S", USEC_PER_SEC), 0, "the same one");
        cr_assert_eq(take_late(l, "!b:x", "S", 0, &e), 0);
        cr_assert_eq(take_late(l, "!a:x", "T", 0, &e), 0);
        cr_assert_eq(take_late(l, "!a:x", "S", 3 * USEC_PER_SEC, &e), 1);
        cr_assert_str_eq(e.event.event_id, "$1");
        cr_assert_str_eq(json_member_string(e.event.content, "ciphertext"), "$1");
        cr_assert_eq(e.event.age, 2100);
        cr_assert_eq(e.event.sticky_ttl, 1000);
        cr_assert_eq(e.event.origin_server_ts, 7);
        cr_assert_eq(take_late(l, "!a:x", "S", 3 * USEC_PER_SEC, &(struct late_event){ 0 }), 0);
        cr_assert_eq(late_count(l), 0);
}

Test(crypto_late, an_event_whose_stickiness_ends_meanwhile_has_none_left) {
        SCOPED(late_free) struct late *l = NULL;
        SCOPED(late_event_done) struct late_event e = { 0 };

        cr_assert_eq(late_new(&l), 0);
        cr_assert_eq(put(l, "!a:x", "$1", "S", 0), 1);
        cr_assert_eq(take_late(l, "!a:x", "S", 10 * USEC_PER_SEC, &e), 1);
        cr_assert_eq(e.event.sticky_ttl, 0);
}

Test(crypto_late, events_come_out_in_their_order) {
        SCOPED(late_free) struct late *l = NULL;

        cr_assert_eq(late_new(&l), 0);
        cr_assert_eq(put(l, "!a:x", "$1", "S", 0), 1);
        cr_assert_eq(put(l, "!a:x", "$2", "T", 0), 1);
        cr_assert_eq(put(l, "!a:x", "$3", "S", 0), 1);
        for (int i = 0; i < 2; i++) {
                SCOPED(late_event_done) struct late_event e = { 0 };

                cr_assert_eq(take_late(l, "!a:x", "S", 0, &e), 1);
                cr_assert_str_eq(e.event.event_id, i == 0 ? "$1" : "$3");
        }
}

Test(crypto_late, a_room_has_room_for_so_many_and_the_table_for_more) {
        SCOPED(late_free) struct late *l = NULL;
        char room[32], id[32];

        cr_assert_eq(late_new(&l), 0);
        cr_assert_eq(put(l, "!quiet:x", "$quiet", "S", 0), 1);
        for (int i = 0; i < LATE_PER_ROOM_MAX + 5; i++) {
                (void) snprintf(id, sizeof(id), "$loud%d", i);
                cr_assert_eq(put(l, "!loud:x", id, "S", 0), 1);
        }
        cr_assert_eq(late_count(l), LATE_PER_ROOM_MAX + 1);
        for (int i = 0; i < LATE_MAX; i++) {
                (void) snprintf(room, sizeof(room), "!%d:x", i);
                (void) snprintf(id, sizeof(id), "$%d", i);
                cr_assert_eq(put(l, room, id, "S", 0), 1);
        }
        cr_assert_eq(late_count(l), LATE_MAX);
        cr_assert_eq(take_late(l, "!quiet:x", "S", 0, &(struct late_event){ 0 }), 0);
}

Test(crypto_late, an_event_waits_for_an_hour) {
        SCOPED(late_free) struct late *l = NULL;

        cr_assert_eq(late_new(&l), 0);
        cr_assert_eq(late_run(l, 0, NULL, NULL), USEC_NEVER);
        cr_assert_eq(put(l, "!a:x", "$1", "S", 5), 1);
        cr_assert_eq(put(l, "!a:x", "$2", "S", 6), 1);
        cr_assert_eq(late_run(l, 4 + LATE_KEPT_USEC, NULL, NULL), 5 + LATE_KEPT_USEC);
        cr_assert_eq(late_run(l, 5 + LATE_KEPT_USEC, NULL, NULL), 6 + LATE_KEPT_USEC);
        cr_assert_eq(late_count(l), 1);
}

static bool is_live_room(void *userdata, const char *room_id) {
        return streq(room_id, "!live:x");
}

Test(crypto_late, an_event_waits_for_longer_where_a_call_goes_on) {
        SCOPED(late_free) struct late *l = NULL;

        cr_assert_eq(late_new(&l), 0);
        cr_assert_eq(put(l, "!live:x", "$1", "S", 5), 1);
        cr_assert_eq(put(l, "!a:x", "$2", "S", 6), 1);
        cr_assert_eq(put(l, "!live:x", "$3", "S", 6), 1);
        cr_assert_eq(late_run(l, 5 + LATE_KEPT_USEC, is_live_room, NULL), 6 + LATE_KEPT_USEC);
        cr_assert_eq(late_count(l), 3);
        cr_assert_eq(late_run(l, 6 + LATE_KEPT_USEC, is_live_room, NULL), USEC_NEVER);
        cr_assert_eq(late_count(l), 2);
        cr_assert_eq(late_run(l, 7 + LATE_KEPT_USEC, NULL, NULL), USEC_NEVER, "it is over");
        cr_assert_eq(late_count(l), 0);
}

Test(crypto_late, what_goes_in_a_full_table_is_told_once_and_the_newest_of_a_sender) {
        SCOPED(late_free) struct late *l = NULL;
        SCOPED(late_event_done) struct late_event e = { 0 };
        char id[32];

        cr_assert_eq(late_new(&l), 0);
        for (int i = 0; i < LATE_PER_ROOM_MAX; i++) {
                (void) snprintf(id, sizeof(id), "$%d", i);
                cr_assert_eq(put(l, "!a:x", id, "S", 0), 1);
        }
        cr_assert_eq(late_take_lost(l, 0, &e), 0);
        cr_assert_eq(put(l, "!a:x", "$a", "S", 0), 1);
        cr_assert_eq(put(l, "!a:x", "$b", "S", 0), 1);
        cr_assert_eq(late_take_lost(l, USEC_PER_SEC, &e), 1);
        cr_assert_str_eq(e.event.event_id, "$1");
        cr_assert_eq(e.event.age, 1100);
        cr_assert_eq(late_take_lost(l, 0, &(struct late_event){ 0 }), 0);
}
