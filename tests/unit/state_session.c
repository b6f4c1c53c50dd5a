/* Sessions: saved, found, refused, and a token from outside. */
#include <errno.h>

#include "state/session.h"
#include "util/file.h"
#include "util_temp.h"

static const struct session example = {
        .homeserver = (char *) "https://matrix.example.org",
        .user_id = (char *) "@me:example.org",
        .device_id = (char *) "DEVICE",
        .access_token = (char *) "syt_secret",
};

Test(session, saved_and_loaded) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(session_done) struct session s = { 0 };
        struct stat st;

        cr_assert_eq(session_load(t.path, "work", &s), -ENOENT);
        cr_assert_eq(session_save(temp_path(&t, "new/folder"), "work", &example), 0);
        cr_assert_eq(session_load(temp_path(&t, "new/folder"), "work", &s), 0);
        cr_expect_str_eq(s.homeserver, example.homeserver);
        cr_expect_str_eq(s.user_id, example.user_id);
        cr_expect_str_eq(s.device_id, example.device_id);
        cr_expect_str_eq(s.access_token, example.access_token);
        cr_assert_eq(stat(temp_path(&t, "new/folder/session-work.json"), &st), 0);
        cr_expect_eq(st.st_mode & 0777, 0600);
        cr_assert_eq(session_remove(temp_path(&t, "new/folder"), "work"), 0);
        cr_assert_eq(session_remove(temp_path(&t, "new/folder"), "work"), 0);
}

Test(session, one_at_a_time_changes_it) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        char **list = NULL;
        int lock = session_lock(temp_path(&t, "new"), "work"), other;

        cr_assert_geq(lock, 0);
        cr_expect_eq(session_lock(temp_path(&t, "new"), "work"), -EBUSY);
        other = session_lock(temp_path(&t, "new"), "home");
        cr_expect_geq(other, 0, "another account");
        session_unlock(other);
        session_unlock(lock);
        lock = session_lock(temp_path(&t, "new"), "work");
        cr_expect_geq(lock, 0, "let go");
        session_unlock(lock);
        cr_expect_eq(session_lock(t.path, "../x"), -EINVAL);
        cr_expect_eq(session_names(temp_path(&t, "new"), &list), 0, "a lock is no account");
        session_names_free(list);
}

Test(session, without_device) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(session_done) struct session s = { 0 };
        struct session bare = example;

        bare.device_id = NULL;
        cr_assert_eq(session_save(t.path, "work", &bare), 0);
        cr_assert_eq(session_load(t.path, "work", &s), 0);
        cr_assert_str_eq(s.device_id, "");
        bare.access_token = NULL;
        cr_assert_eq(session_save(t.path, "work", &bare), -EINVAL);
}

/* By which tokens are renewed and ended; a session without them stays one without. */
Test(session, what_renews_it_is_kept) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(session_done) struct session s = { 0 }, bare = { 0 };
        struct session full = example;

        full.refresh_token = (char *) "mcr_secret";
        full.expires_at = 1790000000 * USEC_PER_SEC + 5;
        full.client_id = (char *) "CLIENT";
        full.token_endpoint = (char *) "https://account.example.org/oauth2/token";
        full.revocation_endpoint = (char *) "https://account.example.org/oauth2/revoke";
        cr_assert_eq(session_save(t.path, "work", &full), 0);
        cr_assert_eq(session_load(t.path, "work", &s), 0);
        cr_expect_str_eq(s.refresh_token, full.refresh_token);
        cr_expect_eq(s.expires_at, 1790000000 * USEC_PER_SEC, "%llu", (unsigned long long) s.expires_at);
        cr_expect_str_eq(s.client_id, full.client_id);
        cr_expect_str_eq(s.token_endpoint, full.token_endpoint);
        cr_expect_str_eq(s.revocation_endpoint, full.revocation_endpoint);
        cr_assert_eq(session_save(t.path, "bare", &example), 0);
        cr_assert_eq(session_load(t.path, "bare", &bare), 0);
        cr_expect_null(bare.refresh_token);
        cr_expect_null(bare.client_id);
        cr_expect_eq(bare.expires_at, 0);
}

#define FIELDS "\"homeserver\":\"https://h\",\"user_id\":\"@u:h\",\"device_id\":\"D\""

static const struct {
        const char *what, *text;
} broken[] = {
        { "empty", "" },
        { "cut", "{\"version\":1," FIELDS },
        { "another type", "[1]" },
        { "no token", "{\"version\":1," FIELDS "}" },
        { "empty token", "{\"version\":1," FIELDS ",\"access_token\":\"\"}" },
        { "token of another type", "{\"version\":1," FIELDS ",\"access_token\":5}" },
        { "token with a NUL", "{\"version\":1," FIELDS ",\"access_token\":\"a\\u0000b\"}" },
        { "newer", "{\"version\":2," FIELDS ",\"access_token\":\"t\"}" },
        { "a client without an address", "{\"version\":1," FIELDS ",\"access_token\":\"t\",\"client_id\":\"C\"}" },
        { "no version", "{" FIELDS ",\"access_token\":\"t\"}" },
        { "no homeserver", "{\"version\":1,\"user_id\":\"@u:h\",\"access_token\":\"t\"}" },
        { "no user", "{\"version\":1,\"homeserver\":\"https://h\",\"access_token\":\"t\"}" },
        { "an item of the keyring without a name", "{\"version\":1," FIELDS ",\"keyring_id\":\"\"}" },
        { "the same with a token", "{\"version\":1," FIELDS ",\"access_token\":\"t\",\"keyring_id\":\"\"}" },
        { "a client without a name",
          "{\"version\":1," FIELDS ",\"access_token\":\"t\",\"client_id\":\"\",\"token_endpoint\":\"https://t\"}" },
};

Test(session, broken_files) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *large = calloc(1, 70000);
        struct session s = { .user_id = (char *) "untouched" };

        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                temp_write(&t, "session-work.json", broken[i].text);
                cr_expect_eq(session_load(t.path, "work", &s), -EBADMSG, "%s", broken[i].what);
                cr_expect_str_eq(s.user_id, "untouched", "%s", broken[i].what);
        }
        memset(large, ' ', 69999);
        temp_write(&t, "session-work.json", large);
        cr_expect_eq(session_load(t.path, "work", &s), -EBADMSG, "too large");
}

Test(session, refused_files) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct session s;

        cr_assert_eq(session_save(t.path, "real", &example), 0);
        cr_assert_eq(symlink("session-real.json", temp_path(&t, "session-link.json")), 0);
        cr_expect_eq(session_load(t.path, "link", &s), -EPERM, "a link");
        cr_assert_eq(chmod(temp_path(&t, "session-real.json"), 0644), 0);
        cr_expect_eq(session_load(t.path, "real", &s), -EPERM, "readable by others");
        cr_assert_eq(chmod(temp_path(&t, "session-real.json"), 0600), 0);
}

Test(session, somebody_elses_is_refused) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct session s;

        cr_assert_eq(session_save(t.path, "real", &example), 0);
        temp_give_away(temp_path(&t, "session-real.json"));
        cr_expect_eq(session_load(t.path, "real", &s), -EPERM);
}

/* Nobody has to clear the way by hand. */
Test(session, a_folder_in_its_place_can_be_removed) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(session_done) struct session s = { 0 };

        cr_assert_eq(mkdir(temp_path(&t, "session-work.json"), 0700), 0);
        cr_expect_eq(session_load(t.path, "work", &s), -EPERM);
        cr_expect_eq(session_save(t.path, "work", &example), -EISDIR);
        cr_assert_eq(session_remove(t.path, "work"), 0);
        cr_expect(temp_exists(&t, "session-work.json.broken"), "what was there is gone");
        cr_expect_eq(session_save(t.path, "work", &example), 0);
        cr_assert_eq(session_load(t.path, "work", &s), 0);
}

static const struct {
        const char *name;
        bool valid;
} names[] = {
        { "work", true },
        { "A-b_9", true },
        { "", false },
        { "a b", false },
        { "../x", false },
        { "a.b", false },
        { "\303\244", false },
        { "a\n", false },
        { "123456789012345678901234567890123456789012345678901234567890123", true },
        { "1234567890123456789012345678901234567890123456789012345678901234", false },
};

Test(session, account_names) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                cr_expect_eq(account_name_is_valid(names[i].name), names[i].valid, "\"%s\"", names[i].name);
                cr_expect_eq(session_save(t.path, names[i].name, &example), names[i].valid ? 0 : -EINVAL, "\"%s\"",
                             names[i].name);
        }
}

Test(session, listed_in_order) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        char **list = NULL;

        cr_assert_eq(session_names(temp_path(&t, "missing"), &list), 0);
        cr_assert_null(list[0]);
        session_names_free(list);

        cr_assert_eq(session_save(t.path, "b", &example), 0);
        cr_assert_eq(session_save(t.path, "a-b", &example), 0);
        cr_assert_eq(session_save(t.path, "a", &example), 0);
        cr_assert_eq(session_save(t.path, "B", &example), 0);
        temp_write(&t, "session-.json", "");
        temp_write(&t, "session-c.json.tmp-abcdef", "");
        temp_write(&t, "session-c d.json", "");
        temp_write(&t, "claims.json", "");
        cr_assert_eq(session_names(t.path, &list), 4);
        cr_expect_str_eq(list[0], "B");
        cr_expect_str_eq(list[1], "a");
        cr_expect_str_eq(list[2], "a-b");
        cr_expect_str_eq(list[3], "b");
        cr_expect_null(list[4]);
        session_names_free(list);
}

Test(session, listed_up_to_the_limit) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        char **list = NULL, name[16];

        for (int i = 0; i < ACCOUNTS_MAX + 3; i++) {
                (void) snprintf(name, sizeof(name), "a%03d", i);
                cr_assert_eq(session_save(t.path, name, &example), 0);
        }
        cr_assert_eq(session_names(t.path, &list), ACCOUNTS_MAX);
        cr_assert_str_eq(list[ACCOUNTS_MAX - 1], "a127");
        session_names_free(list);
}

static const struct {
        const char *what, *text;
        int result;
        const char *token;
} credentials[] = {
        { "a token", "new", 1, "new" },
        { "with a line end", " new\r\n", 1, "new" },
        { "empty", "\n", -EBADMSG, "syt_secret" },
        { "two words", "a b", -EBADMSG, "syt_secret" },
        { "two lines", "a\nb\n", -EBADMSG, "syt_secret" },
        { "no ASCII", "a\303\244", -EBADMSG, "syt_secret" },
};

Test(session, token_from_outside) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (size_t i = 0; i < ARRAY_SIZE(credentials); i++) {
                SCOPED(session_done) struct session s = { .access_token = strdup("syt_secret") };

                cr_assert_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
                cr_expect_eq(session_token_from_credentials("work", &s), 0);
                cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", t.path, 1), 0);
                cr_expect_eq(session_token_from_credentials("other", &s), 0);
                temp_write(&t, "busyd-work.token", credentials[i].text);
                cr_expect_eq(session_token_from_credentials("work", &s), credentials[i].result, "%s",
                             credentials[i].what);
                cr_expect_str_eq(s.access_token, credentials[i].token, "%s", credentials[i].what);
        }
}

/* The file has what is no secret, and may have the tokens too: then those are the newer ones. */
Test(session, tokens_in_the_keyring) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(session_done) struct session s = { .user_id = NULL };
        SCOPED(erase_and_free) char *secret = NULL;
        SCOPED(free) char *text = NULL;
        struct session in_keyring = example;
        size_t size;

        cr_expect_eq(session_save_bare(t.path, "work", &example), -EINVAL, "the tokens would be nowhere");
        in_keyring.refresh_token = (char *) "syr_secret";
        in_keyring.expires_at = 1893456000 * USEC_PER_SEC;
        in_keyring.keyring_id = (char *) "0123";
        cr_assert_eq(session_secret_make(&in_keyring, &secret), 0);
        cr_assert_eq(session_save_bare(t.path, "work", &in_keyring), 0);
        cr_assert_eq(file_read(temp_path(&t, "session-work.json"), 65536, &text, &size), 0);
        cr_expect(!strstr(text, "secret"), "%s", text);
        cr_assert_eq(session_load(t.path, "work", &s), 0);
        cr_expect_str_eq(s.access_token, "");
        cr_expect_null(s.refresh_token);
        cr_expect_str_eq(s.keyring_id, "0123");
        cr_expect(session_is_same(&s, &in_keyring));
        cr_expect_eq(session_secret_take(&s, "{\"refresh_token\":\"x\"}"), -EBADMSG);
        cr_expect_str_eq(s.access_token, "", "what is broken changes nothing");
        cr_assert_eq(session_secret_take(&s, secret), 0);
        cr_expect_str_eq(s.access_token, in_keyring.access_token);
        cr_expect_str_eq(s.refresh_token, "syr_secret");
        cr_expect_eq(s.expires_at, in_keyring.expires_at);

        session_done(&s);
        cr_assert_eq(session_save(t.path, "work", &in_keyring), 0);
        cr_assert_eq(session_load(t.path, "work", &s), 0);
        cr_expect_str_eq(s.refresh_token, "syr_secret");
        cr_expect_str_eq(s.keyring_id, "0123");
}

Test(session, which_is_the_same) {
        struct session s[] = { example, example, example, example, example, example };

        s[0].homeserver = (char *) "https://elsewhere.example.org";
        s[1].user_id = (char *) "@you:example.org";
        s[2].device_id = (char *) "OTHER";
        s[3].access_token = (char *) "syt_other";
        s[4].keyring_id = (char *) "0123";
        s[5].device_id = NULL;
        cr_expect(session_is_same(&example, &example));
        for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
                cr_expect_not(session_is_same(&example, &s[i]), "%zu", i);
                cr_expect_not(session_is_same(&s[i], &example), "%zu", i);
        }
        s[3].keyring_id = s[4].keyring_id;
        cr_expect(session_is_same(&s[3], &s[4]), "renewed in the keyring");
}

Test(session, a_name_that_cannot_be_has_none) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(session_done) struct session s = { .access_token = strdup("syt_secret") };

        cr_expect_eq(session_lock_wait(t.path, "../x", 1), -EINVAL);
        cr_expect_eq(session_remove(t.path, "../x"), -EINVAL);
        cr_expect_eq(session_token_from_credentials("../x", &s), -EINVAL);
        cr_expect_str_eq(s.access_token, "syt_secret");
}

Test(session, which_accounts_have_a_token_from_outside) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", "", 1), 0);
        cr_expect_not(session_has_credential("work"));
        cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", t.path, 1), 0);
        cr_expect_not(session_has_credential("work"));
        temp_write(&t, "busyd-home.token", "t");
        cr_expect_not(session_has_credential("work"));
        temp_write(&t, "busyd-work.token", "t");
        cr_expect(session_has_credential("work"));
        cr_expect(session_has_credential("home"));
}
