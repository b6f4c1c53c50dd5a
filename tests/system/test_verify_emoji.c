/* busyctl verify --emoji where nothing comes of it: a session with keys that nobody signs would harm, so nothing is
 * uploaded, or the session ends. How it goes with one that answers: tests/interop/test_encrypted_sas.c. */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "json/json.h"
#include "matrix/crypto/crypto.h"
#include "matrix/crypto/signed.h"
#include "state/crypto-store.h"
#include "state/session.h"
#include "system/identity.h"
#include "system/terminal.h"

#define NOTHING_READ "[account " ACCOUNT "]\nencrypted-calls = off\n"

static const struct seeds seeds = { .master = { 1 }, .self_signing = { 2 } };
static const struct hs_match asks = { .method = "PUT", .path = "*/sendToDevice/m.key.verification.request/*" };

static void user_has_identity(struct world *w) {
        set_identity(w, &seeds);
}

static void expect_nothing_uploaded(struct world *w) {
        check(w, hs_count(w->hs, (struct hs_match){ .method = "POST", .path = "*/keys/upload" }, 0) == 0,
              "something was uploaded");
}

static struct terminal *verify_begins(struct world *w) {
        return terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "verify", "--emoji", NULL });
}

static void expect_refused_at_terminal(struct world *w, const char *why) {
        SCOPED(terminal_free) struct terminal *t = verify_begins(w);

        terminal_expect(t, why);
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        expect_nothing_uploaded(w);
}

WORLD_TEST(verify_emoji, without_an_identity_there_is_nobody_to_be_verified_by) {
        expect_refused_at_terminal(w, "no recovery set up");
}

WORLD_TEST(verify_emoji, without_another_verified_session_there_is_nobody_to_compare_with) {
        user_has_identity(w);
        expect_refused_at_terminal(w, "no other session that is verified");
        check(w, !hs_is_over(w->hs, DEVICE), "the session was logged out");
}

WORLD_TEST(verify_emoji, without_a_terminal_there_is_nothing_to_compare_on) {
        SCOPED_RUN r = { 0 };

        user_has_identity(w);
        r = world_run(w, NULL,
                      (const char *const[]){ "setsid", "--wait", BUSYCTL_PROGRAM, "verify", "--emoji", NULL });
        check(w, r.code == 2 && strstr(r.err, "no terminal"), "%d %s", r.code, r.err);
        expect_nothing_uploaded(w);
}

WORLD_TEST(verify_emoji, one_way_at_a_time) {
        SCOPED_RUN r = world_busyctl(w, NULL, "verify", "--emoji", "--recovery-key-file", "x", NULL);

        check(w, r.code == 2 && strstr(r.err, "one of --emoji and --recovery-key-file"), "%d %s", r.code, r.err);
        expect_nothing_uploaded(w);
}

/* ---- the keys are up, or may be ---- */

static size_t on_data(char *data, size_t one, size_t n, void *userdata) {
        return n;
}

/* Another session of the user, which their identity signs. */
static void user_has_phone(struct world *w) {
        SCOPED(free) char *token = hs_login(w->hs, "PHONE"), *body = NULL;
        SCOPED(free) char *bytes = NULL;
        char url[256], authorization[256], device_key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT];
        static const uint8_t phone_seed[CRYPTO_SECRET_BYTES] = { 3 };
        struct curl_slist *headers;
        CURL *curl = curl_easy_init();
        json_t *keys;

        user_has_identity(w);
        cr_assert_eq(crypto_seed_public(phone_seed, device_key), 0);
        keys = json_pack("{ss ss s[] s{ss ss}}", "user_id", HS_USER, "device_id", "PHONE", "algorithms", "keys",
                         "curve25519:PHONE", device_key, "ed25519:PHONE", device_key);
        cr_assert_eq(signed_json_bytes(keys, &bytes), 0);
        cr_assert_eq(crypto_seed_sign(phone_seed, bytes, strlen(bytes), signature), 0);
        cr_assert_eq(signed_json_add(keys, HS_USER, "PHONE", signature), 0);
        sign_as_user(keys, seeds.self_signing);
        keys = json_pack("{so}", "device_keys", keys);
        body = json_dumps(keys, JSON_COMPACT);
        json_decref(keys);
        (void) snprintf(url, sizeof(url), "%s/_matrix/client/v3/keys/upload", hs_url(w->hs));
        (void) snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", token);
        headers = curl_slist_append(NULL, authorization);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
        cr_assert_eq(curl_easy_perform(curl), CURLE_OK);
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
}

/* Whoever keeps watch, and has the lock, has ended: nothing of an unsigned session is left for others to be warned of.
 * Returns whether it was logged out. */
static bool is_harmless(struct world *w, size_t n) {
        SCOPED(json_decref) json_t *keys = NULL;
        SCOPED(free) char *folder = strdup(world_state_path(w, "."));
        int lock = crypto_store_lock_wait(folder, ACCOUNT, (usec_t) patience() * USEC_PER_MSEC);

        check(w, lock >= 0, "request %zu: the session is still in use", n);
        crypto_store_unlock(lock);
        keys = hs_keys(w->hs);
        check(w, !json_object_get(json_object_get(keys, "devices"), DEVICE),
              "request %zu: others see a session that nobody signed", n);
        return hs_is_over(w->hs, DEVICE);
}

static void expect_ended(struct world *w) {
        check(w, is_harmless(w, 0), "the session lives on");
        check(w, !crypto_store_exists(world_state_path(w, "."), ACCOUNT), "its keys are still here");
}

static struct terminal *verify_to_end_begins(struct world *w) {
        SCOPED(free) char *command = NULL;

        cr_assert_geq(asprintf(&command, "echo $$ >%s; exec " BUSYCTL_PROGRAM " verify --emoji", world_path(w, "pid")),
                      0);
        return terminal_start(w, (const char *const[]){ "sh", "-c", command, NULL });
}

static void end_verify(struct world *w, int by) {
        SCOPED(free) char *pid = file_text(world_path(w, "pid"));

        cr_assert_eq(kill((pid_t) atol(pid), by), 0);
}

static void killed_while_uploading(struct world *w, enum hs_fault_kind kind) {
        const struct hs_match upload = { .method = "POST", .path = "*/keys/upload" };
        SCOPED(terminal_free) struct terminal *t = NULL;
        size_t from;

        user_has_phone(w);
        from = hs_n_requests(w->hs);
        hs_fault(w->hs, &(struct hs_fault){ .match = upload, .kind = kind });
        t = verify_to_end_begins(w);
        check(w, hs_wait_request(w->hs, upload, from, patience(), NULL), "no upload");
        end_verify(w, SIGKILL);
        expect_ended(w);
}

WORLD_TEST(verify_emoji, killed_before_its_keys_arrive_the_session_ends) {
        killed_while_uploading(w, HS_HANG);
}

WORLD_TEST(verify_emoji, killed_after_its_keys_have_arrived_the_session_ends) {
        killed_while_uploading(w, HS_HOLD_AFTER);
}

/* At some moment after it: what it had begun by then is in whatever state it was. Returns whether it had asked the
 * other session by then; *ret: what is written. */
static bool ended_after_request(struct world *w, size_t n, int by, struct terminal **ret) {
        const struct hs_match sends = { .method = "PUT", .path = "*/sendToDevice/*" };
        size_t from = hs_n_requests(w->hs);
        SCOPED(terminal_free) struct terminal *t = NULL;

        t = verify_to_end_begins(w);
        check(w, hs_wait_request(w->hs, (struct hs_match){ 0 }, from + n, patience(), NULL), "no request %zu: %s", n,
              terminal_text(t));
        end_verify(w, by);
        *ret = TAKE(t);
        return hs_count(w->hs, sends, from) > 0;
}

WORLD_TEST(verify_emoji, killed_after_any_of_its_requests_no_unsigned_session_stays,
           .homeserver = { .renewal = HS_RENEWAL_SYNAPSE, .token_msec = 300000 }, .no_session = true) {
        bool has_asked = false;
        size_t n_ended = 0;

        world_session_renewable(w, false);
        user_has_phone(w);
        for (size_t n = 0; !has_asked; n++) {
                SCOPED(terminal_free) struct terminal *t = NULL;

                has_asked = ended_after_request(w, n, SIGKILL, &t);
                if (!is_harmless(w, n))
                        continue;
                n_ended++;
                world_session_renewable(w, false);
        }
        check(w, n_ended > 0, "it never came so far as to upload its keys");
}

WORLD_TEST(verify_emoji, interrupted_after_any_of_its_requests_it_says_what_becomes_of_the_session,
           .homeserver = { .renewal = HS_RENEWAL_SYNAPSE, .token_msec = 300000 }, .no_session = true) {
        bool has_asked = false;

        world_session_renewable(w, false);
        user_has_phone(w);
        for (size_t n = 0; !has_asked; n++) {
                SCOPED(terminal_free) struct terminal *t = NULL;

                has_asked = ended_after_request(w, n, SIGINT, &t);
                if (!is_harmless(w, n))
                        continue;
                check(w, terminal_end(t) == 1 && strstr(terminal_text(t), "This session was logged out"),
                      "request %zu: %s", n, terminal_text(t));
                world_session_renewable(w, false);
        }
}

/* The server takes no messages to devices. */
static void nobody_can_be_asked(struct world *w) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .method = "PUT", .path = "*/sendToDevice/*" },
                                            .kind = HS_ANSWER,
                                            .status = 404,
                                            .body = "{\"errcode\":\"M_UNRECOGNIZED\",\"error\":\"what\"}" });
}

WORLD_TEST(verify_emoji, where_nobody_can_be_asked_the_session_ends) {
        SCOPED(terminal_free) struct terminal *t = NULL;

        user_has_phone(w);
        nobody_can_be_asked(w);
        t = verify_begins(w);
        terminal_expect(t, "from one of your sessions to another");
        terminal_expect(t, "was logged out");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        expect_ended(w);
}

/* It asks the other session from then on, for minutes. */
static void expect_asked(struct world *w, struct terminal *t) {
        terminal_expect(t, "accept the verification");
        check(w, hs_wait_answered(w->hs, asks, 0, patience(), NULL), "nobody is asked: %s", terminal_text(t));
}

WORLD_TEST(verify_emoji, busyd_leaves_the_session_alone_meanwhile_though_it_reads_nothing) {
        SCOPED(terminal_free) struct terminal *t = NULL;
        SCOPED_RUN r = { 0 };

        world_config(w, NOTHING_READ);
        user_has_phone(w);
        world_start_online(w);
        t = verify_begins(w);
        expect_asked(w, t);
        r = world_busyctl(w, NULL, "reload", NULL);
        check(w, r.code == 0, "%s", r.err);
        check(w, world_wait_log(w, "in use elsewhere"), "busyd uses the session beside busyctl");
        terminal_type(t, "\x03");
        terminal_expect(t, "was logged out");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        expect_ended(w);
}

/* With whoever keeps watch, who is its only child. */
static void machine_goes_down(struct world *w) {
        SCOPED(free) char *pid = file_text(world_path(w, "pid")), *children = NULL;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", atol(pid), atol(pid));
        children = file_text(path);
        cr_assert_gt(atol(children), 0);
        cr_assert_eq(kill((pid_t) atol(children), SIGKILL), 0);
        end_verify(w, SIGKILL);
}

static void phone_signs(struct world *w) {
        SCOPED(json_decref) json_t *keys = hs_keys(w->hs);
        json_t *device = json_deep_copy(json_object_get(json_object_get(keys, "devices"), DEVICE));

        cr_assert(device, "its keys are not there");
        sign_as_user(device, seeds.self_signing);
        hs_set_person(w->hs, HS_USER, json_pack("{s{so} s{}}", "devices", DEVICE, device, "one_time"));
}

/* Others see it as signed, so it harms nobody; here nobody has proved whose identity that is. */
WORLD_TEST(verify_emoji, a_session_that_the_phone_signs_after_the_machine_went_down_stays) {
        SCOPED(terminal_free) struct terminal *t = NULL, *again = NULL;
        SCOPED_RUN r = { 0 };

        user_has_phone(w);
        t = verify_to_end_begins(w);
        expect_asked(w, t);
        machine_goes_down(w);
        phone_signs(w);
        world_start_online(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", "unproven"),
              "it is not seen to be signed");
        check(w, world_wait_log(w, "not proved here to be yours"), "it is not said");
        r = world_busyctl(w, NULL, "status", NULL);
        check(w, strstr(r.out, "busyctl verify " ACCOUNT " --emoji"), "no way out is named: %s", r.out);
        again = verify_begins(w);
        terminal_expect(again, "accept the verification");
        terminal_type(again, "\x03");
        check(w, terminal_end(again) == 1, "%s", terminal_text(again));
        check(w, !hs_is_over(w->hs, DEVICE), "a session that is signed was logged out");
}

/* ... and one that stays unsigned is looked at also where nothing is read: `config`, as it is from then on. */
static void unsigned_session_is_noticed(struct world *w, const char *config, const char *then) {
        SCOPED(terminal_free) struct terminal *t = NULL;
        SCOPED(free) char *log = NULL;

        world_config(w, config);
        user_has_phone(w);
        world_start_online(w);
        t = verify_to_end_begins(w);
        expect_asked(w, t);
        check(w, world_stop(w) == 0, "busyd does not end well");
        machine_goes_down(w);
        world_config(w, then);
        world_start_online(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", "needs-verification"),
              "it is not seen to be unsigned");
        check(w, world_wait_log(w, "without that it is logged out in an hour"), "it is not said");
        {
                SCOPED_RUN r = world_busyctl(w, NULL, "status", NULL);

                check(w, strstr(r.out, "busyctl verify " ACCOUNT), "no way out is named: %s", r.out);
        }
        phone_signs(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", "off"),
              "it is not seen to be signed");
        log = world_log(w);
        check(w, !strstr(log, "not proved here to be yours"), "what harms nobody is told");
}

WORLD_TEST(verify_emoji, a_session_left_unsigned_is_noticed_where_nothing_is_read) {
        unsigned_session_is_noticed(w, NOTHING_READ, NOTHING_READ);
}

WORLD_TEST(verify_emoji, and_where_nothing_is_to_be_read_any_more) {
        unsigned_session_is_noticed(w, "", NOTHING_READ);
}

/* Something between answers in place of the server. */
static void messages_answered_by_something_else(struct world *w, unsigned times) {
        hs_fault(w->hs,
                 &(struct hs_fault){ .match = { .path = "*/sync" }, .times = times, .status = 200, .body = "{}" });
}

WORLD_TEST(verify_emoji, one_odd_answer_is_asked_again) {
        SCOPED(terminal_free) struct terminal *t = NULL;

        user_has_phone(w);
        messages_answered_by_something_else(w, 1);
        t = terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "verify", "--emoji", NULL });
        terminal_expect(t, "accept the verification");
        terminal_type(t, "\x03");
        terminal_expect(t, "was logged out");
        (void) terminal_end(t);
}

WORLD_TEST(verify_emoji, odd_answers_are_told) {
        SCOPED(terminal_free) struct terminal *t = NULL;

        user_has_phone(w);
        messages_answered_by_something_else(w, 0);
        t = terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "verify", "--emoji", NULL });
        terminal_expect(t, "between your sessions: the answer to /sync is not one");
        terminal_expect(t, "was logged out");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        expect_ended(w);
}

static size_t polls_saying(struct world *w, const char *set_presence) {
        char query[64];

        (void) snprintf(query, sizeof(query), "set_presence=%s", set_presence);
        return hs_count(w->hs, (struct hs_match){ .path = "*/sync", .query = query }, 0);
}

/* What its polls say of the user's presence is what busyd would say there: a word that lowers nobody. */
static void expect_words(enum hs_kind kind, const char *first, const char *then) {
        struct world *w = world_new(&(struct world_options){ .homeserver.kind = kind });
        const struct hs_match polls = { .path = "*/sync" };
        SCOPED(terminal_free) struct terminal *t = NULL;
        size_t n_first;

        user_has_phone(w);
        nobody_can_be_asked(w);
        t = verify_begins(w);
        terminal_expect(t, "was logged out");
        n_first = polls_saying(w, first);
        check(w, n_first > 0 && polls_saying(w, then) > 0, "not %s and %s", first, then);
        check(w, streq(first, then) || n_first == 1, "%s is not taken, and said again", first);
        check(w, n_first + (streq(first, then) ? 0 : polls_saying(w, then)) == hs_count(w->hs, polls, 0),
              "something else is said");
        (void) terminal_end(t);
        world_end(w);
}

Test(verify_emoji, its_polls_lower_nobody) {
        expect_words(HS_SYNAPSE, "offline", "offline");
        expect_words(HS_DENDRITE, "none", "none");
        expect_words(HS_UNKNOWN, "none", "offline");
}

/* ---- at the end of a login ---- */

/* Up to where it asks, in these words. */
static struct terminal *login_offers(struct world *w, const char *words) {
        struct terminal *t;

        user_has_phone(w);
        (void) hs_send(w->hs, ROOM,
                       json_pack("{ss ss ss s{ss}}", "type", "m.room.encryption", "state_key", "", "sender", HS_USER,
                                 "content", "algorithm", "m.megolm.v1.aes-sha2"));
        nobody_can_be_asked(w);
        t = terminal_login(w, HS_USER);
        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "See calls in your encrypted rooms, too?");
        terminal_expect(t, words);
        return t;
}

/* As it goes where nobody can be asked: the login is over with its session. */
static void expect_it_was_tried(struct world *w, struct terminal *t) {
        terminal_expect(t, "from one of your sessions to another");
        terminal_expect(t, "was logged out");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
}

WORLD_TEST(verify_emoji, who_has_no_recovery_key_is_offered_it_by_login, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = login_offers(w, "by comparing emoji with another session");

        check(w, !strstr(terminal_text(t), "the recovery key of your account"), "%s", terminal_text(t));
        terminal_type(t, "y\n");
        expect_it_was_tried(w, t);
}

WORLD_TEST(verify_emoji, who_has_one_may_compare_emoji_all_the_same, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = NULL;

        hs_set_account_data(w->hs, "m.secret_storage.default_key", json_pack("{ss}", "key", "k"));
        t = login_offers(w, "[y/e/N] ");
        terminal_type(t, "e\n");
        expect_it_was_tried(w, t);
}

WORLD_TEST(verify_emoji, who_does_not_want_it_now_is_told_how_later, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = login_offers(w, "[y/N] ");

        terminal_type(t, "\n");
        terminal_expect(t, "Later: busyctl verify default --emoji");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
        check(w, hs_count(w->hs, (struct hs_match){ .method = "POST", .path = "*/keys/upload" }, 0) == 1,
              "more than the phone's keys were uploaded");
}

/* ---- its token ends ---- */

/* Minutes may pass before the user has found their phone. */
static void token_ends_while_the_phone_is_fetched(struct world *w, bool oauth) {
        SCOPED(terminal_free) struct terminal *t = NULL;
        struct session session;

        world_session_renewable(w, oauth);
        user_has_phone(w);
        t = verify_begins(w);
        expect_asked(w, t);
        hs_expire(w->hs, DEVICE);
        /* One poll ends by it: the next one that begins, which may be the one behind the one that waits already. And
         * there are others. */
        for (int i = 0; i < 2; i++) {
                hs_send(w->hs, ROOM, json_pack("{ss ss s{}}", "type", "m.room.message", "sender", HS_USER, "content"));
                check(w, hs_wait_seen(w->hs, patience()), "it does not poll on: %s", terminal_text(t));
        }
        check(w, hs_n_renewals(w->hs) == 1, "%u renewals", hs_n_renewals(w->hs));
        check(w, !hs_is_over(w->hs, DEVICE), "the session was ended");
        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        check(w, session.refresh_token && session.expires_at > 0, "the new tokens are not on disk");
        session_done(&session);
        terminal_type(t, "\x03");
        terminal_expect(t, "was logged out");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        expect_ended(w);
}

WORLD_TEST(verify_emoji, a_token_that_ends_meanwhile_is_renewed,
           .homeserver = { .renewal = HS_RENEWAL_COMPAT, .token_msec = 300000 }, .no_session = true) {
        token_ends_while_the_phone_is_fetched(w, false);
}
