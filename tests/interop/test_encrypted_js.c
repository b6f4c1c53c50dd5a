/* A verified session among clients that nobody here wrote, whose peer gives keys only to devices that their owner has
 * signed. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/scene.h"
#include "util/file.h"

static void calls_are_seen(struct scene *s) {
        static const char *const ended_by[] = { "peer", "phone" };

        for (size_t i = 0; i < ARRAY_SIZE(ended_by); i++) {
                char call[16];

                (void) snprintf(call, sizeof(call), "by-%s", ended_by[i]);
                scene_call_begins(s, call);
                desk_expect(s->desk, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
                scene_call_ends(s, ended_by[i], call);
                desk_expect(s->desk, "offline", "before");
        }
}

/* The user resets their encryption: said once, with what to do, and mended by that. */
static void after_a_reset_identity_it_is_told_and_verified_again(struct scene *s) {
        SCOPED_RUN status = { 0 };

        scene_set_up_recovery(s);
        scene_expect_state(s, "needs-verification");
        scene_expect_believed(s, "peer", "unsigned");
        status = world_busyctl(s->desk->world, NULL, "status", NULL);
        desk_check(s->desk, strstr(status.out, "busyctl verify"), "%s", status.out);
        scene_verify(s);
        scene_call_begins(s, "again");
        desk_expect(s->desk, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        scene_call_ends(s, "peer", "again");
        desk_expect(s->desk, "offline", "before");
}

/* The room was used before: its keys went to others, and the next message has to bring them here. */
DESK_TEST(encrypted, those_who_trust_only_signed_devices_reach_a_verified_session,
          .synapse = { .no_presence_limit = true }) {
        struct scene s = scene_begin(d);

        scene_expect_state(&s, "unverified");
        scene_expect_believed(&s, "peer", "absent");
        scene_say(&s, "peer", "m.room.message", "x", json_pack("{ss ss}", "msgtype", "m.text", "body", "hello"));
        scene_say(&s, "phone", "m.room.message", "x", json_pack("{ss ss}", "msgtype", "m.text", "body", "hello"));
        scene_verify(&s);
        calls_are_seen(&s);
        after_a_reset_identity_it_is_told_and_verified_again(&s);
        {
                SCOPED_RUN run = world_busyctl(d->world, NULL, "logout", ACCOUNT, NULL);

                desk_check(d, run.code == 0, "%d %s", run.code, run.err);
        }
        scene_expect_believed(&s, "peer", "absent");
        scene_end(&s);
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
DESK_TEST(encrypted, who_has_verified_the_user_can_write_at_every_step, .synapse = { .no_presence_limit = true }) {
        struct scene s = scene_begin(d);
        SCOPED(free) char *tablet = NULL;

        free(driver_do(s.js, "peer", "verifyUser",
                       json_pack("{ss ss ss}", "user", d->me, "room", s.room, "by", "phone")));
        free(driver_do(s.js, "peer", "trustOnlySigned", json_pack("{sb}", "only", 0)));
        expect_writes(&s, true, "busyd is logged in");
        tablet = driver_do(
                s.js, "tablet", "login",
                json_pack("{ss ss ss}", "url", synapse_url(d->synapse), "user", "me", "password", SYNAPSE_PASSWORD));
        scene_expect_believed_of(&s, "peer", tablet, "unsigned");
        expect_writes(&s, false, "a device that nobody has signed");
        free(driver_do(s.js, "tablet", "logout", NULL));
        scene_expect_believed_of(&s, "peer", tablet, "absent");
        expect_writes(&s, true, "that device is gone");
        die_while_uploading(&s);
        expect_writes(&s, true, "busyctl verify has died");
        scene_verify(&s);
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
        scene_end(&s);
}
