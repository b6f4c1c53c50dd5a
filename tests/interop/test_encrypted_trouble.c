/* A verified session in trouble, among clients that nobody here wrote: a busyd that ends in the middle of a call, keys
 * that come late, run out or are lost, and a call of which one half is encrypted. One Synapse and one session for all
 * of it, since each thing leaves them whole.
 */
#include <stdio.h>
#include <stdlib.h>

#include "interop/scene.h"

#define UPLOADED "Processed|POST |/keys/upload|\"busyd/"

static void tell(struct scene *s, const char *client, const char *command, json_t *arguments) {
        free(driver_do(s->js, client, command, arguments));
}

static void new_key(struct scene *s, const char *client) {
        tell(s, client, "newKey", json_pack("{ss}", "room", s->room));
}

static void expect_busy(struct scene *s) {
        desk_expect(s->desk, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
}

static void expect_restored(struct scene *s) {
        desk_expect(s->desk, "offline", "before");
        desk_expect_calls(s->desk, 0);
        expect_nothing_owed(s->desk->world);
}

static void expect_still_busy(struct scene *s) {
        scene_expect_state(s, "verified");
        desk_expect_calls(s->desk, 1);
        desk_expect_claim(s->desk, "held");
        expect_busy(s);
}

/* Killed, the call stands there as it was; stopped, busyd takes its busy along and shows it again. The end is read by
 * keys that came before. */
static void a_call_outlives_busyd(struct scene *s) {
        static const char *const ended_by[] = { "peer", "phone" };
        struct desk *d = s->desk;

        for (size_t i = 0; i < ARRAY_SIZE(ended_by); i++) {
                const bool is_killed = i == 0;

                scene_call_begins(s, ended_by[i]);
                expect_busy(s);
                desk_expect_claim(d, "held");
                if (is_killed)
                        world_kill(d->world);
                else {
                        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
                        desk_expect(d, "offline", "before");
                }
                world_start_online(d->world);
                expect_still_busy(s);
                scene_call_ends(s, ended_by[i], ended_by[i]);
                expect_restored(s);
        }
}

/* The event is there, and busyd polls again, before the key leaves the sender. */
static void the_key_comes_late(struct scene *s) {
        struct desk *d = s->desk;
        SCOPED(free) char *n_held = NULL;
        long from;

        scene_call_begins(s, "late");
        expect_busy(s);
        desk_expect_claim(d, "held");
        new_key(s, "peer");
        tell(s, "peer", "holdKeys", NULL);
        from = synapse_log_end(d->synapse);
        scene_call_ends(s, "peer", "late");
        from = synapse_log_wait(d->synapse, from, "Processed|PUT |/send/m.room.encrypted/");
        from = synapse_log_wait(d->synapse, from, LOG_COUNTED_POLL_DONE);
        (void) synapse_log_wait(d->synapse, from, LOG_COUNTED_POLL_CAME);
        desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        n_held = driver_do(s->js, "peer", "releaseKeys", NULL);
        desk_check(d, streq(n_held, "1"), "%s messages were held back", n_held);
        expect_restored(s);
}

static void expect_claimed(struct scene *s, int n, const char *kind) {
        SCOPED(free)
        char *last = driver_do(s->js, "peer", "claim",
                               json_pack("{ss ss si}", "user", s->desk->me, "device", s->device, "n", n));

        desk_check(s->desk, streq(last, kind), "the last key is a %s key", last);
}

/* More begin to write to busyd than it has keys for; whoever comes then is read by the one that stays, and there are
 * new ones at once. */
static void one_time_keys_run_out(struct scene *s) {
        long from;

        scene_log_in(s, "tablet", "peer", NULL);
        tell(s, "tablet", "joinRoom", json_pack("{ss}", "room", s->room));
        from = synapse_log_end(s->desk->synapse);
        expect_claimed(s, 60, "fallback");
        desk_check(s->desk, synapse_log_count(s->desk->synapse, from, UPLOADED) == 0,
                   "busyd has made new ones by now");
        scene_say(s, "tablet", "m.call.invite", "many",
                  json_pack("{si s{ss ss}}", "lifetime", 60000, "offer", "type", "offer", "sdp", "v=0"));
        scene_say(s, "phone", "m.call.answer", "many",
                  json_pack("{s{ss ss}}", "answer", "type", "answer", "sdp", "v=0"));
        expect_busy(s);
        scene_call_ends(s, "tablet", "many");
        expect_restored(s);
        (void) synapse_log_wait(s->desk->synapse, from, UPLOADED);
        expect_claimed(s, 1, "one-time");
        tell(s, "tablet", "logout", NULL);
}

/* A disk that gave back less than was written: what others send by the sessions of before cannot be read, until busyd
 * has begun new ones with them. */
static void sessions_are_lost(struct scene *s) {
        struct desk *d = s->desk;

        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        desk_lose_sessions(d);
        world_start_online(d->world);
        scene_expect_state(s, "verified");
        for (size_t i = 0; i < 2; i++) {
                const char *client = i > 0 ? "phone" : "peer";

                tell(s, client, "listenForDummy", NULL);
                new_key(s, client);
                scene_say(s, client, "m.room.message", "x",
                          json_pack("{ss ss}", "msgtype", "m.text", "body", "hello"));
                tell(s, client, "awaitDummy", NULL);
                new_key(s, client);
        }
        scene_call_begins(s, "healed");
        expect_busy(s);
        scene_call_ends(s, "peer", "healed");
        expect_restored(s);
}

/* The join of a group call is encrypted, its leave is not. */
static void a_group_call_is_half_plain(struct scene *s) {
        SCOPED(free) char *types = NULL;

        tell(s, "phone", "joinRTC", json_pack("{ss}", "room", s->room));
        expect_busy(s);
        desk_expect_calls(s->desk, 1);
        tell(s, "phone", "leaveRTC", json_pack("{ss}", "room", s->room));
        expect_restored(s);
        types = driver_do(s->js, "phone", "lastTypes", json_pack("{ss si}", "room", s->room, "n", 4));
        desk_check(s->desk,
                   strstr(types, "m.room.encrypted/org.matrix.msc4143.rtc.member") &&
                           strstr(types, "org.matrix.msc4143.rtc.member/org.matrix.msc4143.rtc.member"),
                   "%s", types);
}

/* After a start it would take a minute and a half to know that no other client keeps the user online. */
DESK_TEST(encrypted_trouble, restarts_late_keys_lost_keys_no_keys_and_half_a_call, .config = "presence = busy\n",
          .synapse = { .no_presence_limit = true, .delayed_events = true, .sticky_events = true }) {
        struct scene s = scene_begin(d);

        scene_verify(&s);
        a_call_outlives_busyd(&s);
        the_key_comes_late(&s);
        a_group_call_is_half_plain(&s);
        one_time_keys_run_out(&s);
        sessions_are_lost(&s);
        scene_end(&s);
}
