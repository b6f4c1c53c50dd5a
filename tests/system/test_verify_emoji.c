/* busyctl verify --emoji where nothing can come of it: then nothing is uploaded, since a session with keys that nobody
 * signs would harm. How it goes with a session that answers: tests/interop/test_encrypted_sas.c. */
#include <stdio.h>
#include <unistd.h>

#include "json/json.h"
#include "matrix/crypto/crypto.h"
#include "matrix/crypto/signed.h"
#include "system/harness.h"
#include "system/terminal.h"

static const uint8_t master_seed[CRYPTO_SECRET_BYTES] = { 1 }, signing_seed[CRYPTO_SECRET_BYTES] = { 2 };

static json_t *identity_key(const uint8_t seed[CRYPTO_SECRET_BYTES], const char *usage) {
        char key[CRYPTO_KEY_TEXT], name[CRYPTO_KEY_TEXT + 8];

        cr_assert_eq(crypto_seed_public(seed, key), 0);
        (void) snprintf(name, sizeof(name), "ed25519:%s", key);
        return json_pack("{ss s[s] s{ss}}", "user_id", HS_USER, "usage", usage, "keys", name, key);
}

static void user_has_identity(struct world *w) {
        json_t *master = identity_key(master_seed, "master"), *signing = identity_key(signing_seed, "self_signing");
        char master_key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT];
        SCOPED(free) char *bytes = NULL;

        cr_assert_eq(crypto_seed_public(master_seed, master_key), 0);
        cr_assert_eq(signed_json_bytes(signing, &bytes), 0);
        cr_assert_eq(crypto_seed_sign(master_seed, bytes, strlen(bytes), signature), 0);
        cr_assert_eq(signed_json_add(signing, HS_USER, master_key, signature), 0);
        hs_set_identity(w->hs, json_pack("{so so}", "master_key", master, "self_signing_key", signing));
}

static void expect_nothing_uploaded(struct world *w) {
        check(w, hs_count(w->hs, (struct hs_match){ .method = "POST", .path = "*/keys/upload" }, 0) == 0,
              "something was uploaded");
}

static void expect_refused_at_terminal(struct world *w, const char *why) {
        SCOPED(terminal_free)
        struct terminal *t = terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "verify", "--emoji", NULL });

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
