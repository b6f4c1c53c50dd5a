/* Calls in an encrypted room, by the real busyd: what it reads of them, and that it lasts. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json/json.h"
#include "system/dm.h"
#include "system/identity.h"
#include "util/clock.h"

#define STORE "crypto-" ACCOUNT ".json"

TestSuite(encrypted, .init = load_recorded, .fini = drop_recorded);

static const char *const config = "[busyd]\n"
                                  "end-grace = 0s\n"
                                  "log-level = debug\n"
                                  "[account " ACCOUNT "]\n"
                                  "presence = busy\n"
                                  "poll-pause = 0s\n";

static void expect_state(struct world *w, const char *state) {
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", state), "not \"%s\"", state);
}

static void go_on(struct world *w) {
        world_start_online(w);
        expect_state(w, "verified");
}

static void begin(struct dm *d, struct world *w) {
        world_config(w, config);
        dm_begin(d, w);
        dm_verify(d);
        go_on(w);
}

static void settle(struct world *w) {
        check(w, hs_wait_seen(w->hs, patience()), "busyd does not poll on");
}

static unsigned n_calls(struct world *w) {
        SCOPED(free) char *objects = peer_objects(w->peer);
        unsigned n = 0;

        for (const char *at = objects; (at = strstr(at, "/call/")); at++)
                n++;
        return n;
}

static void expect_seen_to_its_end(struct dm *d, const char *call_id) {
        expect_claim(d->w, "held");
        dm_hangup(d, call_id);
        expect_nothing_owed(d->w);
}

/* ---- the library ---- */

/* A busyd that finds one first that cannot be loaded. */
static char *without_library(struct world *w) {
        SCOPED(free) char *script = NULL, *program = strdup(world_path(w, "without-library"));

        file_put(world_path(w, "libolm.so.3"), "");
        cr_assert_geq(asprintf(&script, "#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s \"$@\"\n", world_path(w, "%s", ""),
                               BUSYD_PROGRAM),
                      0);
        file_put(program, script);
        cr_assert_eq(chmod(program, 0700), 0);
        return TAKE(program);
}

WORLD_TEST(encrypted, without_its_library_it_says_so_and_keeps_the_keys) {
        SCOPED(free) char *program = without_library(w), *log = NULL;
        struct dm d;

        begin(&d, w);
        if (world_has_loaded(w, "libolm.")) {
                cr_assert_eq(world_stop(w), 0);
                w->program = program;
                world_start_online(w);
                expect_state(w, "unsupported");
                log = world_log(w);
                check(w, strstr(log, "is not installed"), "it does not say so");
                cr_assert_eq(world_stop(w), 0);
                w->program = NULL;
                go_on(w);
        }
        dm_end(&d);
}

/* ---- what it reads ---- */

WORLD_TEST(encrypted, a_call_is_seen_from_its_answer_to_its_end) {
        struct dm d;

        begin(&d, w);
        cr_assert(dm_give_keys(&d));
        dm_invite(&d, "c1");
        settle(w);
        expect_presence(w, "offline", NULL);
        dm_answer(&d, "c1");
        expect_claim(w, "held");
        expect_presence(w, HS_BUSY, NULL);
        check(w, n_calls(w) == 1, "%u calls", n_calls(w));
        dm_hangup(&d, "c1");
        expect_nothing_owed(w);
        expect_presence(w, "offline", NULL);
        dm_end(&d);
}

WORLD_TEST(encrypted, a_call_is_seen_when_its_keys_come_late) {
        json_t *keys[2];
        struct dm d;

        begin(&d, w);
        keys[0] = dm_key_message(&d, &d.caller);
        keys[1] = dm_key_message(&d, &d.phone);
        dm_invite(&d, "c1");
        dm_answer(&d, "c1");
        settle(w);
        expect_presence(w, "offline", NULL);
        hs_to_device(w->hs, DEVICE, keys[0]);
        hs_to_device(w->hs, DEVICE, keys[1]);
        expect_seen_to_its_end(&d, "c1");
        dm_end(&d);
}

WORLD_TEST(encrypted, a_call_of_which_half_is_plain_is_one_call) {
        struct dm d;

        begin(&d, w);
        cr_assert(dm_give_keys(&d));
        dm_invite(&d, "c1");
        call_answer(w, DM_ROOM, "c1");
        expect_claim(w, "held");
        check(w, n_calls(w) == 1, "%u calls", n_calls(w));
        call_hangup(w, DM_ROOM, "c1");
        expect_nothing_owed(w);
        check(w, n_calls(w) == 0, "%u calls", n_calls(w));
        dm_end(&d);
}

WORLD_TEST(encrypted, what_is_said_again_under_another_id_is_no_call) {
        struct dm d;
        json_t *answer;

        begin(&d, w);
        dm_call(&d, "c1");
        answer = json_deep_copy(d.last);
        expect_seen_to_its_end(&d, "c1");
        hs_send(w->hs, DM_ROOM,
                json_pack("{ss ss so}", "type", "m.room.encrypted", "sender", HS_USER, "content", answer));
        settle(w);
        check(w, n_calls(w) == 0, "%u calls", n_calls(w));
        /* ... nor by somebody else. */
        hs_send(w->hs, DM_ROOM,
                json_pack("{ss ss sO}", "type", "m.room.encrypted", "sender", "@eve:test", "content", d.last));
        settle(w);
        check(w, n_calls(w) == 0, "%u calls", n_calls(w));
        dm_end(&d);
}

WORLD_TEST(encrypted, what_is_no_call_leaves_no_trace) {
        SCOPED(free) char *log = NULL, *stored = NULL;
        struct dm d;

        begin(&d, w);
        cr_assert(dm_give_keys(&d));
        dm_say(&d, &d.caller, "m.room.message", json_pack("{ss ss}", "msgtype", "m.text", "body", "xyzzy-secret"));
        settle(w);
        dm_invite(&d, "c1");
        dm_answer(&d, "c1");
        expect_claim(w, "held");
        log = world_log(w);
        stored = file_text(world_state_path(w, STORE));
        check(w, !strstr(log, "xyzzy-secret") && !strstr(log, d.caller.room_session), "it is in the log");
        check(w, !strstr(stored, "xyzzy-secret"), "it is on disk");
        dm_end(&d);
}

/* ---- it lasts ---- */

static void restart_in_a_call(struct world *w, bool killed) {
        struct dm d;

        begin(&d, w);
        dm_call(&d, "c1");
        expect_claim(w, "held");
        if (killed)
                world_kill(w);
        else
                check(w, world_stop(w) == 0, "busyd failed");
        go_on(w);
        expect_seen_to_its_end(&d, "c1");
        dm_call(&d, "c2");
        expect_seen_to_its_end(&d, "c2");
        dm_end(&d);
}

WORLD_TEST(encrypted, a_call_goes_on_over_a_restart) {
        restart_in_a_call(w, false);
}

WORLD_TEST(encrypted, a_call_goes_on_over_a_death) {
        restart_in_a_call(w, true);
}

WORLD_TEST(encrypted, a_call_that_began_while_busyd_did_not_run_is_seen) {
        struct dm d;

        begin(&d, w);
        cr_assert(dm_give_keys(&d));
        settle(w);
        check(w, world_stop(w) == 0, "busyd failed");
        dm_call(&d, "c1");
        go_on(w);
        expect_seen_to_its_end(&d, "c1");
        dm_end(&d);
}

/* Each session takes one, and the server is never without. */
WORLD_TEST(encrypted, keys_that_were_taken_are_made_anew) {
        SCOPED(json_decref) json_t *keys = NULL;
        size_t from;
        struct dm d;

        begin(&d, w);
        from = hs_n_requests(w->hs);
        for (int i = 0; i < 30; i++)
                json_decref(hs_claim(w->hs, DEVICE));
        cr_assert(dm_give_keys(&d)); /* an answer with the count of now */
        check(w,
              hs_wait_answered(w->hs, (struct hs_match){ .method = "POST", .path = "*/keys/upload" }, from, patience(),
                               NULL),
              "no new keys");
        keys = hs_keys(w->hs);
        check(w, json_object_size(json_object_get(json_object_get(keys, "one_time"), DEVICE)) >= 49, "not filled up");
        check(w, json_member_int(keys, "again", -1) == 0, "given away twice");
        dm_end(&d);
}

/* ---- it ends ---- */

WORLD_TEST(encrypted, a_spoilt_file_costs_encrypted_calls_alone) {
        struct dm d;

        begin(&d, w);
        check(w, world_stop(w) == 0, "busyd failed");
        file_put(world_state_path(w, STORE), "{");
        cr_assert_eq(chmod(world_state_path(w, STORE), 0600), 0);
        world_start_online(w);
        expect_state(w, "lost");
        dm_call(&d, "c1");
        call_starts(w, ROOM, "c2");
        expect_claim(w, "held");
        check(w, n_calls(w) == 1, "%u calls", n_calls(w));
        call_hangup(w, ROOM, "c2");
        expect_nothing_owed(w);
        check(w, access(world_state_path(w, STORE), F_OK) < 0, "it is still there");
        dm_end(&d);
}

WORLD_TEST(encrypted, a_logout_leaves_neither_device_nor_keys) {
        SCOPED(json_decref) json_t *keys = NULL;
        SCOPED_RUN r = { 0 };
        struct dm d;

        begin(&d, w);
        dm_call(&d, "c1");
        expect_claim(w, "held");
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        check(w, r.code == 0, "%d %s", r.code, r.err);
        check(w, access(world_state_path(w, STORE), F_OK) < 0, "the keys are still here");
        keys = hs_keys(w->hs);
        check(w, !json_object_get(json_object_get(keys, "devices"), DEVICE), "the device is still there");
        expect_presence(w, "offline", NULL);
        dm_end(&d);
}

/* It is the same device for the server, and for others. */
WORLD_TEST(encrypted, after_a_login_anew_the_device_is_the_same_and_verified) {
        SCOPED_RUN r = { 0 };
        struct dm d;

        begin(&d, w);
        r = world_busyctl(w, HS_PASSWORD "\n", "login", ACCOUNT, "--user", HS_USER, "--homeserver", hs_url(w->hs),
                          "--password-stdin", NULL);
        check(w, r.code == 0, "%d %s%s", r.code, r.out, r.err);
        expect_state(w, "verified");
        dm_call(&d, "c1");
        expect_seen_to_its_end(&d, "c1");
        dm_end(&d);
}

WORLD_TEST(encrypted, what_another_device_has_left_is_removed) {
        SCOPED(json_decref) json_t *stored = NULL;
        struct dm d;

        begin(&d, w);
        check(w, world_stop(w) == 0, "busyd failed");
        stored = json_load_file(world_state_path(w, STORE), 0, NULL);
        json_object_set_new(stored, "device_id", json_string("EARLIER"));
        cr_assert_eq(json_dump_file(stored, world_state_path(w, STORE), 0), 0);
        world_start_online(w);
        expect_state(w, "unverified");
        check(w, access(world_state_path(w, STORE), F_OK) < 0, "it is still there");
        check(w, world_wait_log(w, "are removed"), "it is not said");
        dm_end(&d);
}

/* ---- a device that stays unsigned ---- */

#define LOGOUT                                                                                                        \
        (struct hs_match) {                                                                                           \
                .method = "POST", .path = "*/logout"                                                                  \
        }

static void reset_identity(struct world *w) {
        struct seeds other = seeds_of_recording();

        other.master[0] ^= 1;
        other.self_signing[0] ^= 1;
        set_identity(w, &other);
}

static void something_happens(struct world *w) {
        hs_send(w->hs, OTHER_ROOM, json_pack("{ss ss s{}}", "type", "m.call.hangup", "sender", OTHER_USER, "content"));
        settle(w);
}

WORLD_TEST(encrypted, a_session_that_is_not_verified_again_is_logged_out_after_a_week) {
        int64_t *shift = world_shift_clocks(w, SHIFT_LIBRARY, "SHIFT_ALL_FILE");
        struct dm d;

        begin(&d, w);
        reset_identity(w);
        expect_state(w, "needs-verification");
        *shift += 6 * 24 * 60 * 60;
        something_happens(w);
        something_happens(w);
        check(w, hs_count(w->hs, LOGOUT, 0) == 0, "logged out too early");
        *shift += 2 * 24 * 60 * 60;
        something_happens(w);
        check(w, hs_wait_answered(w->hs, LOGOUT, 0, patience(), NULL), "not logged out");
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "it does not find out");
        check(w, world_wait_log(w, "was not verified in time"), "it is not said");
        check(w, hs_count(w->hs, LOGOUT, 0) == 1, "more than once");
        dm_end(&d);
        cr_assert_eq(munmap(shift, sizeof(*shift)), 0);
}
