/* A verified session among clients that nobody here wrote: matrix-js-sdk with its Rust crypto, in Node. Its user's
 * phone, and a peer who gives keys only to devices that their owner has signed. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/driver.h"
#include "util/file.h"

struct scene {
        struct desk *desk;
        struct driver *js; /* "phone" is the user's, "peer" somebody else's */
        char *room;        /* of the two, encrypted */
        char *device;      /* busyd's */
        char *key;         /* recovery */
};

static void log_in(struct scene *s, const char *client, const char *user) {
        free(driver_do(s->js, client, "login",
                       json_pack("{ss ss ss}", "url", synapse_url(s->desk->synapse), "user", user, "password",
                                 SYNAPSE_PASSWORD)));
}

static void set_up_recovery(struct scene *s) {
        free(s->key);
        s->key = driver_do(s->js, "phone", "setUpRecovery", NULL);
}

/* busyd is not verified yet. */
static struct scene begin(struct desk *d) {
        const char *modules = getenv("BUSYD_BROWSER_MODULES");
        const char *const argv[] = { "node", TEST_INTEROP_DIR "/node/driver.mjs", modules, NULL };
        struct scene s = { .desk = d };

        cr_assert(modules && *modules, "BUSYD_BROWSER_MODULES must name the folder into which tests/interop/browser/"
                                       "package-lock.json was installed (scripts/setup does it)");
        s.js = driver_start(d, argv);
        s.device = device_find(d->phone, "busyd");
        log_in(&s, "phone", "me");
        log_in(&s, "peer", "peer");
        set_up_recovery(&s);
        free(driver_do(s.js, "peer", "setUpRecovery", NULL));
        free(driver_do(s.js, "peer", "trustOnlySigned", json_pack("{sb}", "only", 1)));
        free(driver_do(s.js, "phone", "trustOnlySigned", json_pack("{sb}", "only", 1)));
        s.room = driver_do(s.js, "peer", "createRoom", json_pack("{ss}", "invite", d->me));
        free(driver_do(s.js, "phone", "joinRoom", json_pack("{ss}", "room", s.room)));
        return s;
}

static void end(struct scene *s) {
        s->js = driver_close(s->js);
        free(s->room);
        free(s->device);
        free(s->key);
}

static void expect_state(struct scene *s, const char *state) {
        desk_check(s->desk, peer_wait_has(s->desk->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", state),
                   "encrypted calls are not \"%s\"", state);
}

/* What that client believes of a device of the user, busyd's for one, becomes this. */
static void expect_believed_of(struct scene *s, const char *client, const char *device, const char *wanted) {
        free(driver_do(s->js, client, "awaitDevice",
                       json_pack("{ss ss ss}", "user", s->desk->me, "device", device, "wanted", wanted)));
}

static void expect_believed(struct scene *s, const char *client, const char *wanted) {
        expect_believed_of(s, client, s->device, wanted);
}

static struct run run_verify(struct scene *s) {
        struct world *w = s->desk->world;
        SCOPED(free) char *path = strdup(world_path(w, "recovery"));
        struct run run;

        cr_assert_eq(file_write(path, s->key, strlen(s->key), 0600), 0);
        run = world_busyctl(w, NULL, "verify", "--recovery-key-file", path, NULL);
        cr_assert_eq(file_remove(path), 0);
        return run;
}

static void verify(struct scene *s) {
        SCOPED_RUN run = run_verify(s);

        desk_check(s->desk, run.code == 0, "busyctl verify: %d %s%s", run.code, run.out, run.err);
        expect_state(s, "verified");
        expect_believed(s, "peer", "signed");
        expect_believed(s, "phone", "signed");
}

static void say(struct scene *s, const char *client, const char *type, const char *call, json_t *more) {
        json_t *content = json_pack("{ss ss ss}", "call_id", call, "version", "1", "party_id", client);

        json_object_update(content, more);
        json_decref(more);
        free(driver_do(s->js, client, "send",
                       json_pack("{ss ss so}", "room", s->room, "type", type, "content", content)));
}

static void call_begins(struct scene *s, const char *call) {
        say(s, "peer", "m.call.invite", call,
            json_pack("{si s{ss ss}}", "lifetime", 60000, "offer", "type", "offer", "sdp", "v=0"));
        say(s, "phone", "m.call.answer", call, json_pack("{s{ss ss}}", "answer", "type", "answer", "sdp", "v=0"));
}

static void call_ends(struct scene *s, const char *client, const char *call) {
        say(s, client, "m.call.hangup", call, json_pack("{ss}", "reason", "user_hangup"));
}

DESK_TEST(encrypted, those_who_trust_only_signed_devices_reach_a_verified_session) {
        struct scene s = begin(d);

        expect_state(&s, "unverified");
        expect_believed(&s, "peer", "absent");
        verify(&s);
        call_begins(&s, "c1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        call_ends(&s, "peer", "c1");
        desk_expect(d, "offline", "before");
        call_begins(&s, "c2");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        call_ends(&s, "phone", "c2");
        desk_expect(d, "offline", "before");
        end(&s);
}

/* The room was used before: its keys went to others, and the next message has to bring them here. */
DESK_TEST(encrypted, a_room_that_was_used_before_is_read_from_then_on) {
        struct scene s = begin(d);

        say(&s, "peer", "m.room.message", "x", json_pack("{ss ss}", "msgtype", "m.text", "body", "hello"));
        say(&s, "phone", "m.room.message", "x", json_pack("{ss ss}", "msgtype", "m.text", "body", "hello"));
        verify(&s);
        call_begins(&s, "c1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        call_ends(&s, "peer", "c1");
        desk_expect(d, "offline", "before");
        end(&s);
}

/* The user resets their encryption: said once, with what to do, and mended by that. */
DESK_TEST(encrypted, after_a_reset_identity_it_is_told_and_verified_again) {
        struct scene s = begin(d);
        SCOPED_RUN status = { 0 };

        verify(&s);
        set_up_recovery(&s);
        expect_state(&s, "needs-verification");
        expect_believed(&s, "peer", "unsigned");
        status = world_busyctl(d->world, NULL, "status", NULL);
        desk_check(d, strstr(status.out, "busyctl verify"), "%s", status.out);
        verify(&s);
        call_begins(&s, "c1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        call_ends(&s, "peer", "c1");
        desk_expect(d, "offline", "before");
        end(&s);
}

static void expect_writes(struct scene *s, bool wanted, const char *when) {
        SCOPED(free)
        char *outcome = driver_do(s->js, "peer", "trySend",
                                  json_pack("{ss ss ss s{ss ss}}", "user", s->desk->me, "room", s->room, "type",
                                            "m.room.message", "content", "msgtype", "m.text", "body", when));

        desk_check(s->desk, streq(outcome, "sent") == wanted, "%s: %s", when, outcome);
}

/* A run of busyctl verify that is killed as soon as its upload has come. */
static void die_while_uploading(struct scene *s) {
        struct world *w = s->desk->world;
        SCOPED(free) char *path = strdup(world_path(w, "recovery"));
        long from = synapse_log_end(s->desk->synapse);
        pid_t pid;

        cr_assert_eq(file_write(path, s->key, strlen(s->key), 0600), 0);
        pid = world_program(w, (const char *const[]){ BUSYCTL_PROGRAM, "verify", "--recovery-key-file", path, NULL },
                            -1, "verify.log");
        (void) synapse_log_wait(s->desk->synapse, from, "Received request: POST |/keys/upload");
        process_kill(pid);
        cr_assert_eq(file_remove(path), 0);
}

/* Clients refuse to send where somebody whom their user has verified has a device that nobody has signed: so there
 * must never be one, however far busyd has come. */
DESK_TEST(encrypted, who_has_verified_the_user_can_write_at_every_step) {
        struct scene s = begin(d);
        SCOPED(free) char *tablet = NULL;

        free(driver_do(s.js, "peer", "verifyUser",
                       json_pack("{ss ss ss}", "user", d->me, "room", s.room, "by", "phone")));
        free(driver_do(s.js, "peer", "trustOnlySigned", json_pack("{sb}", "only", 0)));
        expect_writes(&s, true, "busyd is logged in");
        tablet = driver_do(
                s.js, "tablet", "login",
                json_pack("{ss ss ss}", "url", synapse_url(d->synapse), "user", "me", "password", SYNAPSE_PASSWORD));
        expect_believed_of(&s, "peer", tablet, "unsigned");
        expect_writes(&s, false, "a device that nobody has signed");
        free(driver_do(s.js, "tablet", "logout", NULL));
        expect_believed_of(&s, "peer", tablet, "absent");
        expect_writes(&s, true, "that device is gone");
        die_while_uploading(&s);
        expect_writes(&s, true, "busyctl verify has died");
        verify(&s);
        expect_writes(&s, true, "busyd is verified");
        world_kill(d->world);
        expect_writes(&s, true, "busyd has died");
        world_start_online(d->world);
        expect_writes(&s, true, "busyd is back");
        {
                SCOPED_RUN run = world_busyctl(d->world, NULL, "logout", ACCOUNT, NULL);

                desk_check(d, run.code == 0, "%d %s", run.code, run.err);
        }
        expect_writes(&s, true, "busyd is logged out");
        end(&s);
}

DESK_TEST(encrypted, logging_out_takes_the_device_away) {
        struct scene s = begin(d);
        SCOPED_RUN run = { 0 };

        verify(&s);
        run = world_busyctl(d->world, NULL, "logout", ACCOUNT, NULL);
        desk_check(d, run.code == 0, "%d %s", run.code, run.err);
        expect_believed(&s, "peer", "absent");
        end(&s);
}
