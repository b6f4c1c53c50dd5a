/* Keys of rooms and what they read: whose keys are taken, and each check of an encrypted event. */
#include <criterion/criterion.h>

#include "crypto/sender.h"
#include "json/json.h"
#include "matrix/crypto/room-event.h"

#define ROOM  "!dm:example.org"
#define OTHER "!other:example.org"
#define DAY   (24 * USEC_PER_HOUR)

static struct sender bob;
static struct room_keys *keys;

static void begin(void) {
        sender_make(&bob, "@bob:example.org", "PHONE");
        cr_assert_eq(room_keys_new(&keys), 0);
}

static void end(void) {
        room_keys_free(keys);
        sender_done(&bob);
}

TestSuite(crypto_room, .init = begin, .fini = end);

static struct room_key_sender proven(const struct sender *s) {
        return (struct room_key_sender){
                .user_id = s->user_id,
                .sender_key = s->curve25519,
                .ed25519 = s->ed25519,
                .device_id = s->device_id,
                .cross_signed = true,
        };
}

/* Takes `content` with it. */
static int take_from(json_t *content, const struct room_key_sender *from, usec_t wall) {
        int r = room_keys_take(keys, content, from, wall);

        json_decref(content);
        return r;
}

static int take(json_t *content) {
        const struct room_key_sender from = proven(&bob);

        return take_from(content, &from, 0);
}

static json_t *said(const char *room_id, const char *type) {
        return json_pack("{ss ss s{ss}}", "type", type, "room_id", room_id, "content", "call_id", "c1");
}

static json_t *invite(const char *room_id) {
        return said(room_id, "m.call.invite");
}

/* What of the event is read at the receiver; takes `content` with it. */
static int read_event(json_t *content, struct matrix_event e, struct room_plaintext *ret) {
        int r;

        e.type = "m.room.encrypted";
        e.content = content;
        r = room_event_read(keys, ME, &e, ret);
        json_decref(content);
        return r;
}

static const struct matrix_event outside = {
        .place = EVENT_TIMELINE,
        .room_id = ROOM,
        .sender = "@bob:example.org",
        .event_id = "$one",
        .origin_server_ts = 1000,
        .age = 5,
        .sticky_duration = -1,
        .sticky_ttl = -1,
};

static int verdict_of(json_t *content, struct matrix_event e) {
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };

        return read_event(content, e, &p);
}

/* ---- keys ---- */

static json_t *key_with(const char *member, json_t *value) {
        json_t *v = sender_room_key(&bob, ROOM);

        cr_assert_eq(value ? json_object_set_new(v, member, value) : json_object_del(v, member), 0);
        return v;
}

Test(crypto_room, a_key_is_taken_once) {
        json_t *key = sender_room_key(&bob, ROOM);

        cr_assert_eq(take(json_incref(key)), ROOM_KEY_TAKEN);
        cr_assert_eq(take(key), ROOM_KEY_KNOWN);
        cr_assert_not(room_keys_at(keys, 1));
}

Test(crypto_room, extra_members_of_a_key_do_no_harm) {
        cr_assert_eq(take(key_with("m.shared_history", json_true())), ROOM_KEY_TAKEN);
}

Test(crypto_room, what_is_no_key_is_refused) {
        static const char *const needed[] = { "algorithm", "room_id", "session_id", "session_key" };

        for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
                cr_assert_eq(take(key_with(needed[i], NULL)), ROOM_KEY_BROKEN, "%s", needed[i]);
                cr_assert_eq(take(key_with(needed[i], json_integer(1))), ROOM_KEY_BROKEN, "%s", needed[i]);
        }
        cr_assert_eq(take(key_with("algorithm", json_string("m.megolm.v2"))), ROOM_KEY_BROKEN);
        cr_assert_eq(take(key_with("session_key", json_string("AgAAAA"))), ROOM_KEY_BROKEN);
        cr_assert_not(room_keys_at(keys, 0));
}

Test(crypto_room, a_key_under_the_id_of_another_session_is_refused) {
        cr_assert_eq(take(key_with("session_id", json_string(bob.ed25519))), ROOM_KEY_BROKEN);
}

Test(crypto_room, a_key_for_a_name_longer_than_rooms_have_or_of_no_device_is_refused) {
        struct room_key_sender from = proven(&bob);
        char name[257] = { '!' }, padded[CRYPTO_KEY_TEXT + 1];

        memset(name + 1, 'a', sizeof(name) - 2);
        cr_assert_eq(take(key_with("room_id", json_string(name))), ROOM_KEY_BROKEN);
        (void) snprintf(padded, sizeof(padded), "%s=", bob.curve25519);
        from.sender_key = padded;
        cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_BROKEN);
        from = proven(&bob);
        from.ed25519 = padded;
        cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_BROKEN);
        cr_assert_not(room_keys_at(keys, 0));
}

Test(crypto_room, a_key_whose_own_signature_is_wrong_is_refused) {
        json_t *v = sender_room_key(&bob, ROOM);
        SCOPED(free) char *key = strdup(json_member_string(v, "session_key"));

        key[60] = key[60] == 'A' ? 'B' : 'A';
        cr_assert_eq(json_object_set_new(v, "session_key", json_string(key)), 0);
        cr_assert_eq(take(v), ROOM_KEY_BROKEN);
}

Test(crypto_room, the_key_that_reads_more_stays) {
        json_t *from_the_start = sender_room_key(&bob, ROOM), *first;

        first = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(take(sender_room_key_from_here(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_eq(verdict_of(json_incref(first), outside), ROOM_UNREADABLE);
        cr_assert_eq(take(from_the_start), ROOM_KEY_TAKEN);
        cr_assert_eq(verdict_of(first, outside), ROOM_READ);
        cr_assert_eq(take(sender_room_key_from_here(&bob, ROOM)), ROOM_KEY_KNOWN);
        cr_assert_eq(crypto_megolm_first_index(room_keys_at(keys, 0)->megolm), 0);
        cr_assert_not(room_keys_at(keys, 1));
}

/* Carol is in the room, and has bob's key. */
Test(crypto_room, a_key_is_not_replaced_by_that_of_another_device) {
        struct room_key_sender from;
        struct sender carol;
        json_t *key = sender_room_key(&bob, ROOM);

        sender_make(&carol, "@carol:example.org", "C");
        json_decref(sender_room_encrypt(&bob, invite(ROOM)));
        cr_assert_eq(take(sender_room_key_from_here(&bob, ROOM)), ROOM_KEY_TAKEN);
        from = proven(&carol);
        cr_assert_eq(take_from(json_incref(key), &from, 0), ROOM_KEY_FOREIGN);
        from.user_id = bob.user_id; /* another one of bob's */
        cr_assert_eq(take_from(json_incref(key), &from, 0), ROOM_KEY_FOREIGN);
        from = proven(&bob);
        from.user_id = carol.user_id; /* by bob's keys in another name */
        cr_assert_eq(take_from(key, &from, 0), ROOM_KEY_FOREIGN);
        cr_assert_str_eq(room_keys_at(keys, 0)->user_id, bob.user_id);
        cr_assert_str_eq(room_keys_at(keys, 0)->device_id, bob.device_id);
        sender_done(&carol);
}

Test(crypto_room, a_proven_key_takes_the_place_of_an_unproven_one_and_not_the_other_way_round) {
        struct room_key_sender from, other;
        struct sender carol;
        json_t *key = sender_room_key(&bob, ROOM);

        sender_make(&carol, "@carol:example.org", "C");
        from = proven(&carol);
        from.device_id = NULL;
        other = proven(&bob);
        other.device_id = NULL;
        cr_assert_eq(take_from(json_incref(key), &from, 0), ROOM_KEY_TAKEN);
        cr_assert_eq(take_from(json_incref(key), &other, 0), ROOM_KEY_FOREIGN, "nor an unproven one of another");
        cr_assert_eq(take(json_incref(key)), ROOM_KEY_TAKEN);
        cr_assert_str_eq(room_keys_at(keys, 0)->user_id, bob.user_id);
        cr_assert_eq(take_from(key, &from, 0), ROOM_KEY_FOREIGN);
        cr_assert_not(room_keys_at(keys, 1));
        sender_done(&carol);
}

Test(crypto_room, an_unproven_key_reads_nothing_until_its_device_is_known) {
        struct room_key_sender from = proven(&bob);
        struct device_keys device;
        json_t *event;

        from.device_id = NULL;
        from.cross_signed = false;
        cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_TAKEN);
        event = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(verdict_of(json_incref(event), outside), ROOM_KEY_UNPROVEN);
        cr_assert_eq(device_keys_read(bob.device_keys, &device), 0);
        cr_assert_eq(room_keys_prove(keys, &device, false), 1);
        cr_assert_eq(room_keys_prove(keys, &device, false), 0);
        cr_assert_eq(verdict_of(event, outside), ROOM_READ);
}

/* The device has that Curve25519 key; whoever sent the message says another Ed25519 key, as who copies messages would.
 */
Test(crypto_room, another_device_does_not_prove_a_key) {
        struct room_key_sender from = proven(&bob);
        struct device_keys device;
        struct sender other;

        sender_make(&other, bob.user_id, "OTHER");
        from.device_id = NULL;
        from.ed25519 = other.ed25519;
        cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_TAKEN);
        cr_assert_eq(device_keys_read(bob.device_keys, &device), 0);
        cr_assert_eq(room_keys_prove(keys, &device, true), 0);
        cr_assert_null(room_keys_at(keys, 0)->device_id);
        cr_assert_not(room_keys_disprove(keys, bob.user_id, bob.curve25519, bob.ed25519));
        cr_assert(room_keys_disprove(keys, bob.user_id, bob.curve25519, other.ed25519));
        cr_assert_not(room_keys_at(keys, 0));
        sender_done(&other);
}

Test(crypto_room, a_device_that_is_signed_later_makes_its_keys_signed) {
        struct room_key_sender from = proven(&bob);
        struct device_keys device;

        from.cross_signed = false;
        cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_TAKEN);
        cr_assert_eq(device_keys_read(bob.device_keys, &device), 0);
        cr_assert_eq(room_keys_prove(keys, &device, true), 1);
        cr_assert(room_keys_at(keys, 0)->cross_signed);
}

Test(crypto_room, a_device_that_is_not_signed_any_more_makes_its_keys_unsigned) {
        struct device_keys device;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_eq(device_keys_read(bob.device_keys, &device), 0);
        cr_assert_eq(room_keys_prove(keys, &device, false), 1);
        cr_assert_not(room_keys_at(keys, 0)->cross_signed);
}

/* In whatever order they come. */
Test(crypto_room, what_proves_one_key_of_a_device_proves_the_one_that_stays) {
        struct room_key_sender unproven = proven(&bob);
        json_t *key = sender_room_key(&bob, ROOM);

        unproven.device_id = NULL;
        unproven.cross_signed = false;
        cr_assert_eq(take_from(json_incref(key), &unproven, 0), ROOM_KEY_TAKEN);
        cr_assert_eq(take(key), ROOM_KEY_TAKEN);
        cr_assert_str_eq(room_keys_at(keys, 0)->device_id, bob.device_id);
        cr_assert(room_keys_at(keys, 0)->cross_signed);
        cr_assert_not(room_keys_at(keys, 1));
}

Test(crypto_room, what_was_proven_is_not_ended_when_its_device_is_gone) {
        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_not(room_keys_disprove(keys, bob.user_id, bob.curve25519, bob.ed25519));
        cr_assert(room_keys_at(keys, 0));
}

Test(crypto_room, the_newest_four_of_a_sender_in_a_room_stay_and_others_for_eight_days) {
        const struct room_key_sender from = proven(&bob);

        for (usec_t i = 0; i < 6; i++)
                cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, i * USEC_PER_HOUR), ROOM_KEY_TAKEN);
        cr_assert_eq(take_from(sender_room_key(&bob, OTHER), &from, 0), ROOM_KEY_TAKEN);
        cr_assert_not(room_keys_run(keys, 8 * DAY - 1));
        cr_assert(room_keys_run(keys, 8 * DAY));
        cr_assert_eq(room_keys_at(keys, 0)->since_wall, USEC_PER_HOUR);
        cr_assert(room_keys_run(keys, 100 * DAY));
        cr_assert(room_keys_at(keys, 4));
        cr_assert_not(room_keys_at(keys, 5));
        cr_assert_str_eq(room_keys_at(keys, 4)->room_id, OTHER);
}

Test(crypto_room, the_key_of_a_call_that_goes_on_stays) {
        const struct room_key_sender from = proven(&bob);
        char held[CRYPTO_KEY_TEXT];

        cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_TAKEN);
        memcpy(held, bob.room_session, sizeof(held));
        room_keys_find(keys, ROOM, held)->held = true;
        for (int i = 0; i < ROOM_KEYS_PER_USER_MAX + 1; i++)
                cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_TAKEN);
        (void) room_keys_run(keys, 100 * DAY);
        cr_assert(room_keys_find(keys, ROOM, held));
        room_keys_find(keys, ROOM, held)->held = false;
        cr_assert(room_keys_run(keys, 100 * DAY));
        cr_assert_not(room_keys_find(keys, ROOM, held));
}

Test(crypto_room, who_sends_many_keys_pushes_out_only_their_own) {
        struct room_key_sender from;
        struct sender mallory;
        size_t n = 0;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        sender_make(&mallory, "@mallory:example.org", "M");
        from = proven(&mallory);
        for (int i = 0; i < ROOM_KEYS_PER_USER_MAX + 20; i++)
                cr_assert_eq(take_from(sender_room_key(&mallory, ROOM), &from, 0), ROOM_KEY_TAKEN);
        while (room_keys_at(keys, n))
                n++;
        cr_assert_eq(n, ROOM_KEYS_PER_USER_MAX + 1);
        cr_assert_str_eq(room_keys_at(keys, 0)->user_id, bob.user_id);
        sender_done(&mallory);
}

Test(crypto_room, of_all_keys_the_oldest_one_goes) {
        struct room_key_sender from = proven(&bob);
        size_t n = 0;
        char user_id[32];

        for (int i = 0; i < ROOM_KEYS_MAX + 1; i++) {
                (void) snprintf(user_id, sizeof(user_id), "@%d:example.org", i / ROOM_KEYS_PER_USER_MAX);
                from.user_id = user_id;
                cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, (usec_t) i), ROOM_KEY_TAKEN);
        }
        while (room_keys_at(keys, n))
                n++;
        cr_assert_eq(n, ROOM_KEYS_MAX);
        cr_assert_eq(room_keys_at(keys, 0)->since_wall, 1);
}

/* ---- events ---- */

Test(crypto_room, an_event_is_read_in_the_name_of_what_stands_outside) {
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };
        struct matrix_event e = outside;

        e.sticky_duration = 3600000;
        e.sticky_ttl = 1000;
        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_eq(read_event(sender_room_encrypt(&bob, invite(ROOM)), e, &p), ROOM_READ);
        cr_assert_str_eq(p.event.type, "m.call.invite");
        cr_assert_str_eq(json_member_string(p.event.content, "call_id"), "c1");
        cr_assert_str_eq(p.event.sender, bob.user_id);
        cr_assert_str_eq(p.event.room_id, ROOM);
        cr_assert_str_eq(p.event.event_id, "$one");
        cr_assert_eq(p.event.origin_server_ts, 1000);
        cr_assert_eq(p.event.age, 5);
        cr_assert_eq(p.event.sticky_duration, 3600000);
        cr_assert_eq(p.event.sticky_ttl, 1000);
        cr_assert_null(p.event.state_key);
        cr_assert_not(p.unsigned_device);
}

/* What says that it is somebody else's inside is still the sender's. */
Test(crypto_room, nothing_inside_says_who_sends_or_when) {
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };
        json_t *v = invite(ROOM);

        cr_assert_eq(json_object_set_new(v, "sender", json_string(ME)), 0);
        cr_assert_eq(json_object_set_new(v, "state_key", json_string(ME)), 0);
        cr_assert_eq(json_object_set_new(v, "origin_server_ts", json_integer(9)), 0);
        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_eq(read_event(sender_room_encrypt(&bob, v), outside, &p), ROOM_READ);
        cr_assert_str_eq(p.event.sender, bob.user_id);
        cr_assert_null(p.event.state_key);
        cr_assert_eq(p.event.origin_server_ts, 1000);
}

Test(crypto_room, an_event_without_a_key_waits_for_one) {
        json_t *key = sender_room_key(&bob, ROOM), *event = sender_room_encrypt(&bob, invite(ROOM));

        cr_assert_eq(verdict_of(json_incref(event), outside), ROOM_NO_KEY);
        cr_assert_eq(take(key), ROOM_KEY_TAKEN);
        cr_assert_eq(verdict_of(event, outside), ROOM_READ);
}

Test(crypto_room, a_key_reads_in_its_own_room_alone) {
        struct matrix_event e = outside;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        e.room_id = OTHER;
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(OTHER)), e), ROOM_NO_KEY);
}

Test(crypto_room, what_was_said_in_another_room_is_refused) {
        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(OTHER)), outside), ROOM_OTHER_ROOM);
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, json_pack("{ss s{}}", "type", "m.call.invite", "content")),
                                outside),
                     ROOM_OTHER_ROOM);
}

Test(crypto_room, an_event_of_another_user_than_the_key_s_is_refused) {
        struct matrix_event e = outside;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        e.sender = "@carol:example.org";
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(ROOM)), e), ROOM_OTHER_SENDER);
}

/* What stands outside about the device is anybody's to write. */
Test(crypto_room, who_encrypted_it_is_not_believed_of_the_event) {
        json_t *event;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        event = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(json_object_set_new(event, "sender_key", json_string("nobody's")), 0);
        cr_assert_eq(json_object_set_new(event, "device_id", json_string("NOBODY")), 0);
        cr_assert_eq(verdict_of(event, outside), ROOM_READ);
}

Test(crypto_room, an_event_that_comes_again_under_another_name_is_refused) {
        struct matrix_event e = outside;
        json_t *event;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        event = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(verdict_of(json_incref(event), outside), ROOM_READ);
        cr_assert_eq(verdict_of(json_incref(event), outside), ROOM_READ, "the same one, twice");
        e.event_id = "$two";
        cr_assert_eq(verdict_of(json_incref(event), e), ROOM_REPLAYED);
        e = outside;
        e.origin_server_ts++;
        cr_assert_eq(verdict_of(event, e), ROOM_REPLAYED);
}

Test(crypto_room, a_replay_is_known_after_a_better_key_came) {
        json_t *from_the_start = sender_room_key(&bob, ROOM), *event;
        struct matrix_event e = outside;

        json_decref(sender_room_encrypt(&bob, invite(ROOM)));
        cr_assert_eq(take(sender_room_key_from_here(&bob, ROOM)), ROOM_KEY_TAKEN);
        event = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(verdict_of(json_incref(event), outside), ROOM_READ);
        cr_assert_eq(take(from_the_start), ROOM_KEY_TAKEN);
        e.event_id = "$two";
        cr_assert_eq(verdict_of(event, e), ROOM_REPLAYED);
}

Test(crypto_room, a_replay_from_before_what_is_remembered_is_refused) {
        struct matrix_event e = outside;
        json_t *first;
        char id[32];

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        first = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(verdict_of(json_incref(first), outside), ROOM_READ);
        for (int i = 0; i < ROOM_KEY_INDICES_MAX; i++) {
                (void) snprintf(id, sizeof(id), "$later%d", i);
                e.event_id = id;
                cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(ROOM)), e), ROOM_READ);
        }
        e.event_id = "$two";
        cr_assert_eq(verdict_of(first, e), ROOM_REPLAYED);
}

Test(crypto_room, a_forged_event_is_unreadable) {
        json_t *event;
        SCOPED(free) char *text = NULL;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        event = sender_room_encrypt(&bob, invite(ROOM));
        text = strdup(json_member_string(event, "ciphertext"));
        text[30] = text[30] == 'A' ? 'B' : 'A';
        cr_assert_eq(json_object_set_new(event, "ciphertext", json_string(text)), 0);
        cr_assert_eq(verdict_of(event, outside), ROOM_UNREADABLE);
}

Test(crypto_room, what_holds_no_event_is_refused) {
        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, json_string("x")), outside), ROOM_NO_EVENT);
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, json_pack("{ss s{}}", "room_id", ROOM, "content")), outside),
                     ROOM_NO_EVENT);
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, json_pack("{ss ss ss}", "room_id", ROOM, "type", "m.x",
                                                                    "content", "text")),
                                outside),
                     ROOM_NO_EVENT);
}

Test(crypto_room, a_type_longer_than_types_can_be_is_none) {
        char type[MATRIX_ID_BYTES_MAX + 2] = { 0 };

        memset(type, 'm', MATRIX_ID_BYTES_MAX + 1);
        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, said(ROOM, type)), outside), ROOM_NO_EVENT);
}

Test(crypto_room, what_megolm_did_not_encrypt_is_not_looked_at) {
        static const char *const needed[] = { "algorithm", "session_id", "ciphertext" };
        struct matrix_event e = outside;
        json_t *event;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
                event = sender_room_encrypt(&bob, invite(ROOM));
                cr_assert_eq(json_object_set_new(event, needed[i], json_object()), 0);
                cr_assert_eq(verdict_of(event, outside), ROOM_NOT_ENCRYPTED, "%s", needed[i]);
        }
        event = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(json_object_set_new(event, "algorithm", json_string("m.olm.v1.curve25519-aes-sha2")), 0);
        cr_assert_eq(verdict_of(event, outside), ROOM_NOT_ENCRYPTED);
        e.state_key = "";
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(ROOM)), e), ROOM_NOT_ENCRYPTED);
        e = outside;
        e.event_id = NULL;
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(ROOM)), e), ROOM_NOT_ENCRYPTED);
        e = outside;
        e.sender = NULL;
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(ROOM)), e), ROOM_NOT_ENCRYPTED);
        e = outside;
        e.room_id = NULL;
        cr_assert_eq(verdict_of(sender_room_encrypt(&bob, invite(ROOM)), e), ROOM_NOT_ENCRYPTED);
        e = outside;
        e.type = "m.room.message";
        event = sender_room_encrypt(&bob, invite(ROOM));
        e.content = event;
        cr_assert_eq(room_event_read(keys, ME, &e, &(struct room_plaintext){ 0 }), ROOM_NOT_ENCRYPTED);
        json_decref(event);
}

Test(crypto_room, a_ciphertext_longer_than_events_can_be_is_not_looked_at) {
        SCOPED(free) char *text = malloc(CRYPTO_MESSAGE_BYTES_MAX + 2);
        json_t *event;

        cr_assert(text);
        memset(text, 'A', CRYPTO_MESSAGE_BYTES_MAX + 1);
        text[CRYPTO_MESSAGE_BYTES_MAX + 1] = '\0';
        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        event = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(json_object_set_new(event, "ciphertext", json_string(text)), 0);
        cr_assert_eq(verdict_of(event, outside), ROOM_NOT_ENCRYPTED);
}

Test(crypto_room, a_relation_outside_counts_where_there_is_none_inside) {
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 }, q = { 0 };
        json_t *event, *v = invite(ROOM);
        struct matrix_event e = outside;

        cr_assert_eq(take(sender_room_key(&bob, ROOM)), ROOM_KEY_TAKEN);
        event = sender_room_encrypt(&bob, invite(ROOM));
        cr_assert_eq(json_object_set_new(event, "m.relates_to", json_pack("{ss}", "event_id", "$outside")), 0);
        cr_assert_eq(read_event(event, outside, &p), ROOM_READ);
        cr_assert_str_eq(json_member_string(json_member_object(p.event.content, "m.relates_to"), "event_id"),
                         "$outside");
        cr_assert_eq(json_object_set_new(json_object_get(v, "content"), "m.relates_to",
                                         json_pack("{ss}", "event_id", "$inside")),
                     0);
        event = sender_room_encrypt(&bob, v);
        cr_assert_eq(json_object_set_new(event, "m.relates_to", json_pack("{ss}", "event_id", "$outside")), 0);
        e.event_id = "$two";
        cr_assert_eq(read_event(event, e, &q), ROOM_READ);
        cr_assert_str_eq(json_member_string(json_member_object(q.event.content, "m.relates_to"), "event_id"),
                         "$inside");
}

Test(crypto_room, in_the_user_s_own_name_only_a_signed_device_counts) {
        struct room_key_sender from;
        struct device_keys device;
        struct matrix_event e = outside;
        struct sender phone;

        sender_make(&phone, ME, "PHONE");
        from = proven(&phone);
        from.cross_signed = false;
        cr_assert_eq(take_from(sender_room_key(&phone, ROOM), &from, 0), ROOM_KEY_TAKEN);
        e.sender = ME;
        cr_assert_eq(verdict_of(sender_room_encrypt(&phone, invite(ROOM)), e), ROOM_UNSIGNED_OWN);
        cr_assert_eq(device_keys_read(phone.device_keys, &device), 0);
        cr_assert_eq(room_keys_prove(keys, &device, true), 1);
        cr_assert_eq(verdict_of(sender_room_encrypt(&phone, invite(ROOM)), e), ROOM_READ);
        sender_done(&phone);
}

/* Of a call that goes on the user may have reset their identity meanwhile, and then none of their devices is signed:
 * nobody else may be left who says that it is over. */
Test(crypto_room, a_device_of_the_user_that_is_not_signed_only_hangs_up) {
        static const char *const others[] = { "m.call.invite", "m.call.answer", "m.call.select_answer",
                                              "m.call.reject", "m.call.candidates" };
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };
        struct room_key_sender from;
        struct matrix_event e = outside;
        struct sender phone;

        sender_make(&phone, ME, "PHONE");
        from = proven(&phone);
        from.cross_signed = false;
        cr_assert_eq(take_from(sender_room_key(&phone, ROOM), &from, 0), ROOM_KEY_TAKEN);
        e.sender = ME;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                cr_assert_eq(verdict_of(sender_room_encrypt(&phone, said(ROOM, others[i])), e), ROOM_UNSIGNED_OWN);
        cr_assert_eq(read_event(sender_room_encrypt(&phone, said(ROOM, "m.call.hangup")), e, &p), ROOM_READ);
        cr_assert_str_eq(p.event.type, "m.call.hangup");
        cr_assert(p.unsigned_device);
        sender_done(&phone);
}

Test(crypto_room, a_device_of_others_that_is_not_signed_counts_and_is_said) {
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };
        struct room_key_sender from = proven(&bob);

        from.cross_signed = false;
        cr_assert_eq(take_from(sender_room_key(&bob, ROOM), &from, 0), ROOM_KEY_TAKEN);
        cr_assert_eq(read_event(sender_room_encrypt(&bob, invite(ROOM)), outside, &p), ROOM_READ);
        cr_assert(p.unsigned_device);
}
