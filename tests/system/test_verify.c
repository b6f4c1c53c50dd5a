/* busyctl verify against a homeserver that has the user's identity and secret storage: an unsigned device with keys is
 * never seen there, whatever ends it at which request. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/json.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/secret-storage.h"
#include "matrix/crypto/signed.h"
#include "system/crash_page.h"
#include "system/harness.h"
#include "system/identity.h"
#include "system/terminal.h"
#include "util/clock.h"
#include "util/file.h"

#define STORE "crypto-" ACCOUNT ".json"

#define UPLOAD                                                                                                        \
        (struct hs_match) {                                                                                           \
                .method = "POST", .path = "*/keys/upload"                                                             \
        }
#define SIGNATURES                                                                                                    \
        (struct hs_match) {                                                                                           \
                .method = "POST", .path = "*/keys/signatures/upload"                                                  \
        }

TestSuite(verify, .init = load_recorded, .fini = drop_recorded);

/* What others see of this device: signed by the identity that the server shows, or not. */
enum seen { SEEN_NONE, SEEN_UNSIGNED, SEEN_SIGNED };

static enum seen seen_by_others(struct world *w) {
        SCOPED(json_decref) json_t *keys = hs_keys(w->hs), *answer = NULL;
        SCOPED(identities_free) struct identities *ids = NULL;
        const json_t *identity = json_object_get(keys, "identity");
        const json_t *device = json_object_get(json_object_get(keys, "devices"), DEVICE);
        struct device_keys k;

        if (!device)
                return SEEN_NONE;
        answer = json_pack("{s{sO} s{sO} s{sO}}", "device_keys", HS_USER, json_object_get(keys, "devices"),
                           "master_keys", HS_USER, json_object_get(identity, "master_key"), "self_signing_keys",
                           HS_USER, json_object_get(identity, "self_signing_key"));
        cr_assert_not_null(answer);
        check(w, device_keys_read(device, &k) == 0, "the device has not signed its own keys");
        cr_assert_eq(identities_new(&ids, "@other:test"), 0);
        cr_assert_eq(identities_take(ids, answer, HS_USER), 0);
        return identities_sign(ids, &k) > 0 ? SEEN_SIGNED : SEEN_UNSIGNED;
}

static pid_t begin_to_verify(struct world *w) {
        SCOPED(free) char *path = strdup(key_file(w, recovery_key()));

        return world_program(
                w, (const char *const[]){ BUSYCTL_PROGRAM, "verify", "--recovery-key-file", path, ACCOUNT, NULL }, -1,
                "verify.log");
}

static void expect_verified(struct world *w) {
        SCOPED_RUN r = verify_with(w, recovery_key());

        check(w, r.code == 0 && strstr(r.out, "is verified"), "%d %s%s", r.code, r.out, r.err);
        check(w, seen_by_others(w) == SEEN_SIGNED, "others see no signed device");
        check(w, access(world_state_path(w, STORE), F_OK) == 0, "nothing is kept");
}

WORLD_TEST(verify, what_the_configuration_does_not_want_is_not_promised) {
        world_config(w, "[account " ACCOUNT "]\nencrypted-calls = off\n");
        user_has_recovery(w);
        {
                SCOPED_RUN r = verify_with(w, recovery_key());

                check(w, r.code == 0 && strstr(r.out, "is verified"), "%d %s%s", r.code, r.out, r.err);
                check(w, strstr(r.out, "encrypted-calls = off") && !strstr(r.out, "from now on"), "%s", r.out);
        }
}

/* ---- in one request, signed, and kept before ---- */

WORLD_TEST(verify, the_keys_leave_signed_in_one_request_and_are_kept) {
        struct hs_request upload = { 0 };
        SCOPED(json_decref) json_t *body = NULL;
        SCOPED(free) char *stored = NULL;
        struct stat st;

        user_has_recovery(w);
        expect_verified(w);
        check(w, hs_count(w->hs, UPLOAD, 0) == 1, "more than one upload");
        check(w, hs_wait_request(w->hs, UPLOAD, 0, patience(), &upload), "no upload");
        body = json_loads(upload.body, 0, NULL);
        check(w,
              json_object_get(body, "device_keys") && json_object_size(json_object_get(body, "one_time_keys")) > 0 &&
                      json_object_size(json_object_get(body, "fallback_keys")) == 1,
              "%s", upload.body);
        hs_request_done(&upload);
        cr_assert_eq(stat(world_state_path(w, STORE), &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        stored = file_text(world_state_path(w, STORE));
        check(w, strstr(stored, DEVICE), "%s", stored);
}

WORLD_TEST(verify, it_is_on_disk_before_it_is_sent) {
        pid_t pid;

        user_has_recovery(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = UPLOAD, .kind = HS_HANG });
        pid = begin_to_verify(w);
        check(w, hs_wait_request(w->hs, UPLOAD, 0, patience(), NULL), "no upload");
        check(w, access(world_state_path(w, STORE), F_OK) == 0, "sent, and not stored");
        process_kill(pid);
        hs_clear_faults(w->hs);
        check(w, seen_by_others(w) == SEEN_NONE, "it had not arrived");
        expect_verified(w);
}

/* Killed at each request, when it has not arrived and when it has: never is there an unsigned device, and the next run
 * makes it whole, with the keys that are kept. */
static void killed_at_every_request(struct world *w, enum hs_fault_kind kind) {
        static const struct hs_match at[] = {
                { .method = "POST", .path = "*/keys/query" },
                { .method = "GET", .path = "*/account_data/m.secret_storage.default_key" },
                { .method = "GET", .path = "*/account_data/" SELF_SIGNING },
                { .method = "POST", .path = "*/keys/upload" },
        };

        user_has_recovery(w);
        for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
                size_t from = hs_n_requests(w->hs);
                pid_t pid;

                hs_fault(w->hs, &(struct hs_fault){ .match = at[i], .kind = kind });
                pid = begin_to_verify(w);
                check(w, hs_wait_request(w->hs, at[i], from, patience(), NULL), "no %s", at[i].path);
                process_kill(pid);
                hs_clear_faults(w->hs);
                check(w, seen_by_others(w) != SEEN_UNSIGNED, "an unsigned device after %s", at[i].path);
        }
        expect_verified(w);
        check(w, access(world_state_path(w, STORE ".broken"), F_OK) < 0, "the keys of before were given up");
}

WORLD_TEST(verify, killed_before_any_request_arrives_no_unsigned_device_is_seen) {
        killed_at_every_request(w, HS_HANG);
}

WORLD_TEST(verify, killed_after_any_request_has_arrived_no_unsigned_device_is_seen) {
        killed_at_every_request(w, HS_HOLD_AFTER);
}

#ifdef KILLER_PROGRAM
/* One run under the killer, see programs/killer.c; `at` 0: only the list of the calls is written. */
static bool run_and_kill(struct world *w, struct crash_page *page, unsigned at, bool after) {
        SCOPED(free) char *key = strdup(key_file(w, recovery_key()));
        SCOPED(free) char *list = NULL, *command = NULL;
        pid_t pid;
        int status;

        atomic_store(&page->step, 1);
        atomic_store(&page->at_step, 1);
        atomic_store(&page->at_call, at);
        atomic_store(&page->after, after);
        atomic_store(&page->killed, 0);
        list = at == 0 ? strdup(world_path(w, "calls")) : strdup("/dev/null");
        cr_assert_geq(asprintf(&command,
                               "exec env " KILLER_PAGE "=%s " KILLER_LOG "=%s " KILLER_PROGRAM " " BUSYCTL_PROGRAM
                               " verify --recovery-key-file %s " ACCOUNT,
                               world_path(w, "page"), list, key),
                      0);
        pid = world_program(w, (const char *const[]){ "sh", "-c", command, NULL }, -1, "verify.log");
        status = process_wait(pid, patience());
        check(w, status != -1, "it does not end, call %u", at);
        return atomic_load(&page->killed);
}

/* Killed before each of its calls that write, flush, rename, make or send something, and after each that sends. */
WORLD_TEST(verify, killed_at_any_of_its_system_calls_no_unsigned_device_is_seen) {
        SCOPED(free) char *calls = NULL;
        struct crash_page *page;
        unsigned n_calls = 0;
        int fd;

        file_put(world_path(w, "page"), "");
        fd = open(world_path(w, "page"), O_RDWR | O_CLOEXEC);
        cr_assert_eq(ftruncate(fd, sizeof(*page)), 0);
        page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        cr_assert_neq(page, MAP_FAILED);
        close(fd);
        user_has_recovery(w);
        cr_assert_not(run_and_kill(w, page, 0, false));
        check(w, seen_by_others(w) == SEEN_SIGNED, "it does not work under the killer");
        calls = file_text(world_path(w, "calls"));
        for (const char *c = calls; (c = strchr(c, '\n')); c++)
                n_calls++;
        check(w, n_calls > 10, "%s", calls);
        for (unsigned i = 1; i <= 2 * n_calls; i++) {
                SCOPED_RUN out = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);

                check(w, out.code == 0, "%d %s", out.code, out.err);
                world_session(w);
                (void) run_and_kill(w, page, (i + 1) / 2, i % 2 == 0);
                check(w, seen_by_others(w) != SEEN_UNSIGNED, "an unsigned device, killed at %u of\n%s", (i + 1) / 2,
                      calls);
                expect_verified(w);
        }
        cr_assert_eq(munmap(page, sizeof(*page)), 0);
}
#endif

WORLD_TEST(verify, an_upload_of_which_nobody_knows_the_end_is_sent_again) {
        user_has_recovery(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = UPLOAD, .times = 1, .kind = HS_DROP_AFTER });
        expect_verified(w);
        check(w, hs_count(w->hs, UPLOAD, 0) == 2, "not again");
}

WORLD_TEST(verify, once_verified_it_asks_for_nothing) {
        size_t from;
        SCOPED_RUN r = { 0 };

        user_has_recovery(w);
        expect_verified(w);
        from = hs_n_requests(w->hs);
        r = world_busyctl(w, NULL, "verify", "--json", NULL);
        check(w, r.code == 0 && strstr(r.out, "\"was_before\": true"), "%d %s%s", r.code, r.out, r.err);
        check(w, hs_count(w->hs, (struct hs_match){ .path = "*/account_data/*" }, from) == 0, "it opened the storage");
        check(w, hs_count(w->hs, UPLOAD, from) == 0, "it uploaded");
}

/* ---- what is wrong, and what to do about it ---- */

static void refused(struct world *w, const char *input, const char *why, const char *remedy) {
        SCOPED_RUN r = verify_with(w, input);

        check(w, r.code == 1, "%d %s", r.code, r.err);
        check(w, strstr(r.err, why) && strstr(r.err, remedy), "%s", r.err);
        check(w, !strstr(r.err, input), "it shows what was typed");
        check(w, hs_count(w->hs, UPLOAD, 0) == 0 && seen_by_others(w) == SEEN_NONE, "something was uploaded");
        check(w, access(world_state_path(w, STORE), F_OK) < 0, "something was kept");
}

WORLD_TEST(verify, who_has_no_recovery_is_told_how_to_get_one) {
        const struct seeds s = seeds_of_recording();

        refused(w, recovery_key(), "no recovery set up", "Recovery, set up");
        set_identity(w, &s);
        refused(w, recovery_key(), "no recovery set up", "Recovery, set up");
        set_recovery(w, "RECOVERY");
        hs_set_account_data(w->hs, "m.secret_storage.default_key", json_object());
        refused(w, recovery_key(), "no recovery set up", "Recovery, set up");
}

WORLD_TEST(verify, a_wrong_key_is_told_from_a_mistyped_one) {
        user_has_recovery(w);
        refused(w, "EsTb wrong", "no recovery key, or it was mistyped", "no passphrase");
        set_recovery(w, "PASSPHRASE");
        refused(w, recovery_key(), "not the recovery key of this account as it is set up now", "passphrase");
        refused(w, "wrong", "not the recovery key of this account as it is set up now", "passphrase");
}

WORLD_TEST(verify, the_passphrase_does_as_well) {
        const struct seeds s = seeds_of_recording();
        SCOPED_RUN r = { 0 };

        set_identity(w, &s);
        set_recovery(w, "PASSPHRASE");
        r = verify_with(w, json_member_string(recorded, "passphrase"));
        check(w, r.code == 0, "%d %s", r.code, r.err);
        check(w, seen_by_others(w) == SEEN_SIGNED, "others see no signed device");
}

WORLD_TEST(verify, a_server_that_shows_another_identity_gets_nothing) {
        struct seeds s = seeds_of_recording();

        user_has_recovery(w);
        s.master[0] ^= 1;
        set_identity(w, &s);
        refused(w, recovery_key(), "another identity", "do not trust this homeserver");
}

/* With the file lost the server has keys that nobody can use: they are never replaced under the same name. */
WORLD_TEST(verify, lost_keys_are_not_replaced_by_others) {
        SCOPED_RUN r = { 0 };

        user_has_recovery(w);
        expect_verified(w);
        cr_assert_eq(unlink(world_state_path(w, STORE)), 0);
        r = verify_with(w, recovery_key());
        check(w, r.code == 1 && strstr(r.err, "busyctl logout " ACCOUNT), "%d %s", r.code, r.err);
        check(w, hs_count(w->hs, UPLOAD, 0) == 1, "other keys were uploaded");
}

/* A keyring that cannot be had is not taken for keys that are lost. */
WORLD_TEST(verify, keys_that_only_cannot_be_had_are_not_given_up) {
        SCOPED(json_decref) json_t *stored = NULL;
        SCOPED_RUN r = { 0 };

        user_has_recovery(w);
        expect_verified(w);
        stored = json_load_file(world_state_path(w, STORE), 0, NULL);
        json_object_del(stored, "key");
        json_object_set_new(stored, "keyring_id", json_string("0123456789abcdef"));
        cr_assert_eq(json_dump_file(stored, world_state_path(w, STORE), 0), 0);
        r = verify_with(w, recovery_key());
        check(w, r.code == 1 && strstr(r.err, "is in the keyring") && !strstr(r.err, "busyctl logout"), "%d %s",
              r.code, r.err);
        check(w, access(world_state_path(w, STORE), F_OK) == 0, "they are given up");
}

static const struct row {
        const char *what;
        struct hs_fault fault;
        const char *why;
} servers[] = {
        { "it has no keys",
          { .match = { .path = "*/keys/*" },
            .kind = HS_ANSWER,
            .status = 404,
            .body = "{\"errcode\":\"M_UNRECOGNIZED\",\"error\":\"?\"}" },
          "no session on it can be verified" },
        { "it is a web page",
          { .match = { .path = "*/keys/*" }, .kind = HS_ANSWER, .status = 200, .body = "<html>" },
          "web page" },
        { "it has no account data",
          { .match = { .path = "*/account_data/*" },
            .kind = HS_ANSWER,
            .status = 404,
            .body = "{\"errcode\":\"M_UNRECOGNIZED\",\"error\":\"?\"}" },
          "no session on it can be verified" },
        { "it quotes keys",
          { .match = { .path = "*/keys/upload" },
            .kind = HS_ANSWER,
            .status = 400,
            .body = "{\"errcode\":\"M_UNKNOWN\",\"error\":\"the key c2VjcmV0\"}" },
          "M_UNKNOWN" },
};

WORLD_TEST(verify, a_server_that_cannot_is_told_in_words) {
        user_has_recovery(w);
        for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
                SCOPED_RUN r = { 0 };

                hs_fault(w->hs, &servers[i].fault);
                r = verify_with(w, recovery_key());
                hs_clear_faults(w->hs);
                check(w, r.code == 1 && strstr(r.err, servers[i].why), "%s: %d %s", servers[i].what, r.code, r.err);
                check(w, !strstr(r.err, "c2VjcmV0"), "%s: %s", servers[i].what, r.err);
        }
        expect_verified(w);
}

/* ---- another identity ---- */

WORLD_TEST(verify, after_a_reset_identity_the_same_keys_are_signed_again) {
        struct seeds other = seeds_of_recording();
        SCOPED(json_decref) json_t *before = NULL, *after = NULL;

        /* Made and verified by another identity first: the recorded one is the new one. */
        other.master[0] ^= 1;
        other.self_signing[0] ^= 1;
        user_has_recovery(w);
        expect_verified(w);
        before = hs_keys(w->hs);
        set_identity(w, &other);
        check(w, seen_by_others(w) == SEEN_UNSIGNED, "nothing was reset");
        {
                SCOPED_RUN r = verify_with(w, recovery_key());

                check(w, r.code == 1 && strstr(r.err, "another identity"), "%d %s", r.code, r.err);
        }
        user_has_recovery(w);
        expect_verified(w);
        after = hs_keys(w->hs);
        cr_assert_str_eq(json_string_value(json_object_get(
                                 json_object_get(json_object_get(json_object_get(before, "devices"), DEVICE), "keys"),
                                 "ed25519:" DEVICE)),
                         json_string_value(json_object_get(
                                 json_object_get(json_object_get(json_object_get(after, "devices"), DEVICE), "keys"),
                                 "ed25519:" DEVICE)));
}

/* ---- at a terminal ---- */

WORLD_TEST(verify, what_is_typed_is_not_shown_and_may_be_mistyped) {
        SCOPED(terminal_free) struct terminal *t = NULL;

        user_has_recovery(w);
        t = terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "verify", NULL });
        terminal_expect(t, "Recovery key or passphrase: ");
        terminal_type(t, "EsTb oops\n");
        terminal_expect(t, "Again, ");
        terminal_type(t, recovery_key());
        terminal_type(t, "\n");
        terminal_expect(t, "is verified");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
        check(w, !strstr(terminal_text(t), recovery_key()) && !strstr(terminal_text(t), "oops"), "%s",
              terminal_text(t));
}

WORLD_TEST(verify, without_a_terminal_it_says_how_to_give_the_key) {
        SCOPED_RUN r = { 0 };

        user_has_recovery(w);
        r = world_run(w, NULL, (const char *const[]){ "setsid", "--wait", BUSYCTL_PROGRAM, "verify", NULL });
        check(w, r.code == 2 && strstr(r.err, "--recovery-key-file"), "%d %s", r.code, r.err);
}

/* ---- beside busyd, and at the end ---- */

static bool has_account(struct world *w) {
        SCOPED_RUN r = world_busyctl(w, NULL, "accounts", NULL);

        return strstr(r.out, HS_USER);
}

WORLD_TEST(verify, busyd_does_not_use_the_session_meanwhile_and_goes_on_after_an_interrupt) {
        pid_t pid;
        size_t from;
        int status;

        user_has_recovery(w);
        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = UPLOAD, .kind = HS_HANG });
        pid = begin_to_verify(w);
        check(w, hs_wait_request(w->hs, UPLOAD, 0, patience(), NULL), "no upload");
        check(w, !has_account(w), "busyd has the account all the same");
        from = hs_n_requests(w->hs);
        cr_assert_eq(kill(pid, SIGINT), 0);
        status = process_wait(pid, patience());
        check(w, status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 1, "it does not end: %d", status);
        hs_clear_faults(w->hs);
        check(w, hs_wait_request(w->hs, HS_SYNC, from, patience(), NULL), "busyd does not go on");
        from = hs_n_requests(w->hs);
        expect_verified(w);
        check(w, hs_wait_request(w->hs, HS_SYNC, from, patience(), NULL), "busyd does not go on");
}

/* The server has what it was sent, so there is nothing left to do for the next run but to say so to busyd. */
WORLD_TEST(verify, what_has_died_after_its_upload_is_made_whole_by_the_next_run) {
        pid_t pid;

        user_has_recovery(w);
        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = UPLOAD, .kind = HS_HOLD_AFTER });
        pid = begin_to_verify(w);
        check(w, hs_wait_request(w->hs, UPLOAD, 0, patience(), NULL), "no upload");
        for (usec_t end = usec_add(clock_now(), (usec_t) patience() * USEC_PER_MSEC);
             seen_by_others(w) != SEEN_SIGNED && clock_now() < end;)
                world_look_again(w);
        process_kill(pid);
        hs_clear_faults(w->hs);
        check(w, !has_account(w), "busyd has the account all the same");
        expect_verified(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", "verified"),
              "busyd does not take it up");
}

WORLD_TEST(verify, logging_out_leaves_nothing_behind) {
        SCOPED_RUN r = { 0 };

        user_has_recovery(w);
        expect_verified(w);
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        check(w, r.code == 0, "%d %s", r.code, r.err);
        check(w, access(world_state_path(w, STORE), F_OK) < 0, "the keys are still here");
        check(w, seen_by_others(w) == SEEN_NONE, "the device is still there");
}

/* ---- what is said of it ---- */

static void room_is_encrypted(struct world *w) {
        (void) hs_send(w->hs, ROOM,
                       json_pack("{s:s, s:s, s:s, s:{s:s}}", "type", "m.room.encryption", "state_key", "", "sender",
                                 HS_USER, "content", "algorithm", "m.megolm.v1.aes-sha2"));
}

/* Soon `busyctl VERB` says it. */
static void expect_said(struct world *w, const char *verb, const char *wanted) {
        usec_t end = usec_add(clock_now(), (usec_t) patience() * USEC_PER_MSEC);

        for (;;) {
                SCOPED_RUN r = world_busyctl(w, NULL, verb, NULL);

                if (strstr(r.out, wanted))
                        return;
                check(w, clock_now() < end, "%s does not say \"%s\": %s%s", verb, wanted, r.out, r.err);
                world_look_again(w);
        }
}

static void expect_in_all(struct world *w, const char *wanted) {
        static const char *const verbs[] = { "status", "doctor", "why", "accounts" };

        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                expect_said(w, verbs[i], wanted);
}

WORLD_TEST(verify, each_state_is_said_with_what_to_do) {
        struct seeds other = seeds_of_recording();

        other.master[0] ^= 1;
        other.self_signing[0] ^= 1;
        room_is_encrypted(w);
        world_start_online(w);
        expect_said(w, "doctor", "your account has no recovery set up");
        expect_said(w, "doctor", "busyctl verify " ACCOUNT " --emoji");
        user_has_recovery(w);
        expect_in_all(w, "1:1 calls in encrypted rooms are not seen");
        expect_in_all(w, "busyctl verify " ACCOUNT);
        expect_said(w, "doctor", "busyctl verify " ACCOUNT " --emoji");
        expect_verified(w);
        expect_said(w, "status", "calls in encrypted rooms are seen");
        expect_said(w, "doctor", "calls in encrypted rooms are seen: 1 of its rooms is encrypted");
        check(w, world_stop(w) == 0, "busyd failed");
        set_identity(w, &other);
        world_start_online(w);
        expect_in_all(w, "needs verification");
        expect_in_all(w, "busyctl verify " ACCOUNT);
        check(w, world_stop(w) == 0, "busyd failed");
        file_put(world_state_path(w, STORE), "{");
        cr_assert_eq(chmod(world_state_path(w, STORE), 0600), 0);
        world_start_online(w);
        expect_in_all(w, "the keys of this session are gone");
        expect_in_all(w, "busyctl logout " ACCOUNT);
}

/* Up to where it asks. */
static struct terminal *login_offers(struct world *w) {
        struct terminal *t;

        user_has_recovery(w);
        room_is_encrypted(w);
        t = terminal_login(w, HS_USER);
        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "See calls in your encrypted rooms, too?");
        return t;
}

WORLD_TEST(verify, login_ends_by_offering_it_where_rooms_are_encrypted, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = login_offers(w);

        terminal_type(t, "y\n");
        terminal_expect(t, "Recovery key or passphrase: ");
        terminal_type(t, recovery_key());
        terminal_type(t, "\n");
        terminal_expect(t, "is verified");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
}

WORLD_TEST(verify, who_does_not_want_it_now_is_told_how_later, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = login_offers(w);

        terminal_type(t, "\n");
        terminal_expect(t, "Later: busyctl verify default, or with another session at hand: busyctl verify default "
                           "--emoji");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
}

/* ---- where the tokens are in the keyring ---- */

static pid_t keyring_starts(struct world *w) {
        pid_t pid;

        file_put(world_path(w, "password"), "test");
        pid = world_program(w,
                            (const char *const[]){ "sh", "-c",
                                                   "exec gnome-keyring-daemon --unlock --foreground "
                                                   "--components=secrets <\"$HOME/../password\"",
                                                   NULL },
                            -1, "keyring.log");
        for (int64_t left = patience() / 100; left > 0; left--) {
                if (peer_sees_name(w->peer, "org.freedesktop.secrets"))
                        return pid;
                peer_wait(w->peer, 100);
        }
        check(w, false, "no keyring");
        return pid;
}

WORLD_TEST(verify, the_key_to_what_is_kept_is_in_the_keyring_too, .no_session = true) {
        pid_t keyring = keyring_starts(w);
        SCOPED_RUN in = { 0 }, out = { 0 };

        in = world_busyctl(w, HS_PASSWORD "\n", "login", ACCOUNT, "--user", HS_USER, "--homeserver", hs_url(w->hs),
                           "--password-stdin", "--keep-in", "keyring", NULL);
        check(w, in.code == 0, "%d %s", in.code, in.err);
        user_has_recovery(w);
        {
                SCOPED_RUN r = verify_with(w, recovery_key());
                SCOPED(json_decref) json_t *stored = NULL;

                check(w, r.code == 0, "%d %s", r.code, r.err);
                stored = json_load_file(world_state_path(w, STORE), 0, NULL);
                check(w, json_member_string(stored, "keyring_id") && !json_object_get(stored, "key"),
                      "the key is in the file");
        }
        world_start_online(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", "verified"),
              "busyd does not find the key");
        {
                SCOPED_RUN r = verify_with(w, recovery_key());

                check(w, r.code == 0 && strstr(r.out, "already"), "%d %s%s", r.code, r.out, r.err);
        }
        out = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        check(w, out.code == 0 && !strstr(out.err, "still here"), "%d %s", out.code, out.err);
        check(w, access(world_state_path(w, STORE), F_OK) < 0, "the keys are still here");
        process_kill(keyring);
}
