/* Calls in encrypted rooms, by clients of others that bring no keys of their device with what they send: matrix-nio.
 */
#include <stdio.h>
#include <stdlib.h>

#include "interop/driver.h"
#include "interop/web.h"
#include "util/file.h"

#define INVITE   "{\"lifetime\":60000,\"offer\":{\"type\":\"offer\",\"sdp\":\"v=0\"}}"
#define ANSWER   "{\"answer\":{\"type\":\"answer\",\"sdp\":\"v=0\"}}"
#define UPLOADED "Processed|POST |/keys/upload|\"busyd/"

struct scene {
        struct desk *desk;
        struct driver *nio; /* "phone" is the user's, "peer" somebody else's */
        char *room;         /* of the two, encrypted */
        char *device;       /* busyd's */
        char *key;          /* recovery */
};

static void expect_state(struct scene *s, const char *state) {
        desk_check(s->desk, peer_wait_has(s->desk->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", state),
                   "encrypted calls are not \"%s\"", state);
}

static void log_in(struct scene *s, const char *client, const char *user) {
        free(driver_do(s->nio, client, "login",
                       json_pack("{ss ss ss}", "url", synapse_url(s->desk->synapse), "user", user, "password",
                                 SYNAPSE_PASSWORD)));
}

static void verify(struct scene *s) {
        struct world *w = s->desk->world;
        SCOPED(free) char *path = strdup(world_path(w, "recovery"));

        cr_assert_eq(file_write(path, s->key, strlen(s->key), 0600), 0);
        {
                SCOPED_RUN run = world_busyctl(w, NULL, "verify", "--recovery-key-file", path, NULL);

                desk_check(s->desk, run.code == 0, "busyctl verify: %d %s%s", run.code, run.out, run.err);
        }
        cr_assert_eq(file_remove(path), 0);
        expect_state(s, "verified");
        for (size_t i = 0; i < 2; i++)
                free(driver_do(s->nio, i > 0 ? "phone" : "peer", "knows",
                               json_pack("{ss ss}", "user", s->desk->me, "device", s->device)));
}

/* The user, a phone of theirs and somebody else, in a room that is encrypted; busyd is not verified yet. */
static struct scene begin(struct desk *d) {
        const char *python = getenv("BUSYD_NIO_PYTHON");
        SCOPED(free) char *folder = strdup(world_path(d->world, "nio"));
        const char *const argv[] = { python, TEST_INTEROP_DIR "/nio/driver.py", folder, NULL };
        struct scene s = { .desk = d };

        cr_assert(python && *python, "BUSYD_NIO_PYTHON must be the Python of the environment that has "
                                     "tests/interop/nio/requirements.txt (scripts/setup makes it)");
        s.nio = driver_start(d, argv);
        log_in(&s, "phone", "me");
        log_in(&s, "peer", "peer");
        s.key = driver_do(s.nio, "phone", "setUpRecovery", NULL);
        s.room = driver_do(s.nio, "peer", "createRoom", json_pack("{ss}", "invite", d->me));
        free(driver_do(s.nio, "phone", "joinRoom", json_pack("{ss}", "room", s.room)));
        s.device = device_find(d->phone, "busyd");
        desk_check(d, s.device, "busyd has no device");
        return s;
}

static void end(struct scene *s) {
        driver_close(s->nio);
        free(s->room);
        free(s->device);
        free(s->key);
}

static void say(struct scene *s, const char *client, const char *type, const char *call, const char *more) {
        json_t *content = json_pack("{ss ss ss}", "call_id", call, "party_id", client, "version", "1"), *rest;

        rest = more ? json_loads(more, 0, NULL) : NULL;
        cr_assert(!more || rest);
        json_object_update(content, rest);
        json_decref(rest);
        free(driver_do(s->nio, client, "send",
                       json_pack("{ss ss so}", "room", s->room, "type", type, "content", content)));
}

static void call_in(struct scene *s, const char *call) {
        say(s, "peer", "m.call.invite", call, INVITE);
        say(s, "phone", "m.call.answer", call, ANSWER);
        say(s, "peer", "m.call.select_answer", call, "{\"selected_party_id\":\"phone\"}");
}

static void call_out(struct scene *s, const char *call) {
        say(s, "phone", "m.call.invite", call, INVITE);
        say(s, "peer", "m.call.answer", call, ANSWER);
        say(s, "phone", "m.call.select_answer", call, "{\"selected_party_id\":\"peer\"}");
}

static void hang_up(struct scene *s, const char *client, const char *call) {
        say(s, client, "m.call.hangup", call, "{\"reason\":\"user_hangup\"}");
}

/* The next event comes by a new one. */
static void new_key(struct scene *s, const char *client) {
        free(driver_do(s->nio, client, "newKey", json_pack("{ss}", "room", s->room)));
}

static void expect_restored(struct desk *d) {
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

static unsigned times_logged(struct scene *s, const char *words) {
        SCOPED(free) char *log = file_text(world_path(s->desk->world, "busyd.log"));
        unsigned n = 0;

        for (const char *at = log; (at = strstr(at, words)); at++)
                n++;
        return n;
}

static void calls_are_seen_both_ways_and_end(struct scene *s) {
        struct desk *d = s->desk;

        call_in(s, "c1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        hang_up(s, "peer", "c1");
        expect_restored(d);
        call_out(s, "c2");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        hang_up(s, "phone", "c2");
        expect_restored(d);
        cr_assert_eq(desk_times_busy(d), 2);
}

/* Once the user has reset their encryption nobody signs busyd: who is strict gives it no keys, it is told once, and
 * mended by verifying again. */
static void after_a_reset_identity_it_is_told_once_and_verified_again(struct scene *s) {
        struct desk *d = s->desk;
        long from;

        call_in(s, "c3");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        free(s->key);
        s->key = driver_do(s->nio, "phone", "setUpRecovery", NULL);
        expect_state(s, "needs-verification");
        from = synapse_log_end(d->synapse);
        new_key(s, "peer");
        hang_up(s, "peer", "c3");
        from = synapse_log_wait(d->synapse, from, "Processed|PUT |/send/m.room.encrypted/");
        from = synapse_log_wait(d->synapse, from, LOG_COUNTED_POLL_DONE);
        (void) synapse_log_wait(d->synapse, from, LOG_COUNTED_POLL_CAME);
        desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        cr_assert_eq(times_logged(s, "is not verified any more"), 1);
        verify(s);
        new_key(s, "peer");
        call_in(s, "c4");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        hang_up(s, "peer", "c3");
        hang_up(s, "peer", "c4");
        expect_restored(d);
}

static void a_logout_leaves_nothing_behind(struct scene *s) {
        SCOPED(free) char *devices = NULL;
        SCOPED(free) char *file = strdup(world_state_path(s->desk->world, "crypto-" ACCOUNT ".json"));
        SCOPED_RUN run = world_busyctl(s->desk->world, NULL, "logout", ACCOUNT, NULL);

        desk_check(s->desk, run.code == 0, "busyctl logout: %d %s%s", run.code, run.out, run.err);
        devices = driver_do(s->nio, "phone", "devices", NULL);
        desk_check(s->desk, !strstr(devices, s->device), "the device is still there: %s", devices);
        desk_check(s->desk, !file_exists(file), "%s is still there", file);
}

DESK_TEST(nio, a_verified_session_among_those_who_trust_only_signed_ones, .synapse = { .no_presence_limit = true }) {
        struct scene s = begin(d);

        expect_state(&s, "unverified");
        free(driver_do(s.nio, "peer", "trustOnlySigned", NULL));
        free(driver_do(s.nio, "phone", "trustOnlySigned", NULL));
        verify(&s);
        calls_are_seen_both_ways_and_end(&s);
        after_a_reset_identity_it_is_told_once_and_verified_again(&s);
        a_logout_leaves_nothing_behind(&s);
        end(&s);
}

static void a_call_outlives_busyd(struct scene *s) {
        struct desk *d = s->desk;

        call_in(s, "c1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        world_kill(d->world);
        world_start_online(d->world);
        desk_expect_calls(d, 1);
        desk_expect_claim(d, "held");
        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        hang_up(s, "peer", "c1");
        /* By keys that come while nobody is there. */
        new_key(s, "peer");
        call_in(s, "c2");
        world_start_online(d->world);
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_calls(d, 1);
        hang_up(s, "phone", "c2");
        expect_restored(d);
}

static void expect_claimed(struct scene *s, int n, const char *kind) {
        SCOPED(free)
        char *last = driver_do(s->nio, "peer", "claim",
                               json_pack("{ss ss si}", "user", s->desk->me, "device", s->device, "n", n));

        desk_check(s->desk, streq(last, kind), "the last key is a %s key", last);
}

/* More begin to write to busyd than it has keys for; who comes then is read by the one that stays, and there are new
 * ones at once. */
static void one_time_keys_run_out(struct scene *s) {
        struct desk *d = s->desk;
        long from;

        log_in(s, "tablet", "peer");
        free(driver_do(s->nio, "tablet", "knows", json_pack("{ss ss}", "user", d->me, "device", s->device)));
        from = synapse_log_end(d->synapse);
        expect_claimed(s, 60, "fallback");
        desk_check(d, synapse_log_count(d->synapse, from, UPLOADED) == 0, "busyd has made new ones by now");
        say(s, "tablet", "m.call.invite", "many", INVITE);
        say(s, "phone", "m.call.answer", "many", ANSWER);
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        hang_up(s, "tablet", "many");
        expect_restored(d);
        (void) synapse_log_wait(d->synapse, from, UPLOADED);
        expect_claimed(s, 1, "one-time");
        free(driver_do(s->nio, "tablet", "logout", NULL));
}

/* A disk that gave back less than was written: what others send by the sessions of before cannot be read, until busyd
 * has begun new ones with them. */
static void sessions_are_lost(struct scene *s) {
        struct desk *d = s->desk;

        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        desk_lose_sessions(d);
        world_start_online(d->world);
        expect_state(s, "verified");
        for (size_t i = 0; i < 2; i++) {
                const char *client = i > 0 ? "phone" : "peer";

                free(driver_do(s->nio, client, "listenForDummy", NULL));
                new_key(s, client);
                say(s, client, "m.room.message", "x", "{\"msgtype\":\"m.text\",\"body\":\"hello\"}");
                free(driver_do(s->nio, client, "awaitDummy", NULL));
                new_key(s, client);
        }
        call_in(s, "healed");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        hang_up(s, "peer", "healed");
        expect_restored(d);
}

/* After a start it would take a minute and a half to know that no other client keeps the user online. */
DESK_TEST(nio, restarts_no_keys_and_lost_sessions, .config = "presence = busy\n",
          .synapse = { .no_presence_limit = true }) {
        struct scene s = begin(d);

        verify(&s);
        a_call_outlives_busyd(&s);
        one_time_keys_run_out(&s);
        sessions_are_lost(&s);
        end(&s);
}
