/* See scene.h. */
#include "interop/scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/file.h"

void scene_log_in(struct scene *s, const char *client, const char *user, const char *device) {
        free(driver_do(s->js, client, "login",
                       json_pack("{ss ss ss ss*}", "url", synapse_url(s->desk->synapse), "user", user, "password",
                                 SYNAPSE_PASSWORD, "device", device)));
}

void scene_set_up_recovery(struct scene *s) {
        free(s->key);
        s->key = driver_do(s->js, "phone", "setUpRecovery", NULL);
}

/* busyd is not verified yet. */
struct scene scene_begin(struct desk *d) {
        const char *modules = getenv("BUSYD_BROWSER_MODULES");
        const char *const argv[] = { "node", TEST_INTEROP_DIR "/node/driver.mjs", modules, NULL };
        struct scene s = { .desk = d };

        cr_assert(modules && *modules, "BUSYD_BROWSER_MODULES must name the folder into which tests/interop/browser/"
                                       "package-lock.json was installed (scripts/setup does it)");
        s.js = driver_start(d, argv);
        s.device = device_find(d->phone, "busyd");
        /* Of two that begin at once the one with the smaller id counts: the phone. */
        scene_log_in(&s, "phone", "me", "AAAAAAAAAA");
        scene_log_in(&s, "peer", "peer", NULL);
        scene_set_up_recovery(&s);
        free(driver_do(s.js, "peer", "setUpRecovery", NULL));
        free(driver_do(s.js, "peer", "trustOnlySigned", json_pack("{sb}", "only", 1)));
        free(driver_do(s.js, "phone", "trustOnlySigned", json_pack("{sb}", "only", 1)));
        s.room = driver_do(s.js, "peer", "createRoom", json_pack("{ss}", "invite", d->me));
        free(driver_do(s.js, "phone", "joinRoom", json_pack("{ss}", "room", s.room)));
        return s;
}

void scene_end(struct scene *s) {
        s->js = driver_close(s->js);
        free(s->room);
        free(s->device);
        free(s->key);
}

void scene_expect_state(struct scene *s, const char *state) {
        desk_check(s->desk, peer_wait_has(s->desk->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", state),
                   "encrypted calls are not \"%s\"", state);
}

/* What that client believes of a device of the user, busyd's for one, becomes this. */
void scene_expect_believed_of(struct scene *s, const char *client, const char *device, const char *wanted) {
        free(driver_do(s->js, client, "awaitDevice",
                       json_pack("{ss ss ss}", "user", s->desk->me, "device", device, "wanted", wanted)));
}

void scene_expect_believed(struct scene *s, const char *client, const char *wanted) {
        scene_expect_believed_of(s, client, s->device, wanted);
}

struct run scene_run_verify(struct scene *s) {
        struct world *w = s->desk->world;
        SCOPED(free) char *path = strdup(world_path(w, "recovery"));
        struct run run;

        cr_assert_eq(file_write(path, s->key, strlen(s->key), 0600), 0);
        run = world_busyctl(w, NULL, "verify", "--recovery-key-file", path, NULL);
        cr_assert_eq(file_remove(path), 0);
        return run;
}

void scene_verify(struct scene *s) {
        SCOPED_RUN run = scene_run_verify(s);

        desk_check(s->desk, run.code == 0, "busyctl verify: %d %s%s", run.code, run.out, run.err);
        scene_expect_state(s, "verified");
        scene_expect_believed(s, "peer", "signed");
        scene_expect_believed(s, "phone", "signed");
}

void scene_say(struct scene *s, const char *client, const char *type, const char *call, json_t *more) {
        json_t *content = json_pack("{ss ss ss}", "call_id", call, "version", "1", "party_id", client);

        json_object_update(content, more);
        json_decref(more);
        free(driver_do(s->js, client, "send",
                       json_pack("{ss ss so}", "room", s->room, "type", type, "content", content)));
}

void scene_call_begins(struct scene *s, const char *call) {
        scene_say(s, "peer", "m.call.invite", call,
                  json_pack("{si s{ss ss}}", "lifetime", 60000, "offer", "type", "offer", "sdp", "v=0"));
        scene_say(s, "phone", "m.call.answer", call,
                  json_pack("{s{ss ss}}", "answer", "type", "answer", "sdp", "v=0"));
}

void scene_call_ends(struct scene *s, const char *client, const char *call) {
        scene_say(s, client, "m.call.hangup", call, json_pack("{ss}", "reason", "user_hangup"));
}
