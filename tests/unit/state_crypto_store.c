/* The device for encrypted rooms on disk: whole or not at all, the key with it or in the keyring, one user at a time.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "state/crypto-store.h"
#include "util/file.h"
#include "util/path.h"
#include "util_temp.h"

static struct crypto_store example(const char *keyring_id) {
        struct crypto_store s = { .user_id = strdup("@me:hs"),
                                  .device_id = strdup("BUSYD"),
                                  .keyring_id = keyring_id ? strdup(keyring_id) : NULL,
                                  .receiver = json_pack("{ss}", "account", "pickled") };

        cr_assert_eq(crypto_store_new_key(&s), 0);
        return s;
}

Test(crypto_store, is_back_as_it_was_stored_and_closed_to_others) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(crypto_store_done) struct crypto_store s = example(NULL), back;
        SCOPED(free) char *path = path_join(t.path, "crypto-home.json");
        struct stat st;

        cr_assert_eq(crypto_store_save(t.path, "home", &s), 0);
        cr_assert_eq(stat(path, &st), 0);
        cr_expect_eq(st.st_mode & 0777U, 0600U);
        cr_assert_eq(crypto_store_load(t.path, "home", &back), 0);
        cr_expect_str_eq(back.user_id, "@me:hs");
        cr_expect_str_eq(back.device_id, "BUSYD");
        cr_expect(back.has_key && memcmp(back.key, s.key, sizeof(s.key)) == 0);
        cr_expect(json_equal(back.receiver, s.receiver));
        cr_expect_eq(crypto_store_remove(t.path, "home"), 0);
        cr_expect_not(crypto_store_exists(t.path, "home"));
}

Test(crypto_store, has_no_key_in_the_file_that_is_in_the_keyring) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(crypto_store_done) struct crypto_store s = example("item"), back;
        SCOPED(free) char *path = path_join(t.path, "crypto-home.json"), *data = NULL, *longer = NULL;
        SCOPED(erase_and_free) char *text = NULL;

        cr_assert_eq(crypto_store_save(t.path, "home", &s), 0);
        cr_assert_eq(crypto_store_key_text(&s, &text), 0);
        cr_assert_eq(file_read(path, 1 << 16, &data, NULL), 0);
        cr_expect_null(strstr(data, text));
        cr_assert_eq(crypto_store_load(t.path, "home", &back), 0);
        cr_expect_not(back.has_key);
        cr_expect_eq(crypto_store_save(t.path, "home", &back), -EINVAL, "nothing is stored without its key");
        cr_expect_eq(crypto_store_take_key(&back, "abc"), -EBADMSG);
        cr_assert_geq(asprintf(&longer, "%s0", text), 0);
        cr_expect_eq(crypto_store_take_key(&back, longer), -EBADMSG);
        text[0] = 'g';
        cr_expect_eq(crypto_store_take_key(&back, text), -EBADMSG);
        cr_expect_not(back.has_key);
        erase_and_free(text);
        cr_assert_eq(crypto_store_key_text(&s, &text), 0);
        cr_assert_eq(crypto_store_take_key(&back, text), 0);
        cr_expect(memcmp(back.key, s.key, sizeof(s.key)) == 0);
}

static const struct broken_row {
        const char *what, *text;
        unsigned mode;
        int result;
} broken_rows[] = {
        { "no JSON", "{", 0600, -EBADMSG },
        { "a newer one",
          "{\"version\":2,\"user_id\":\"@me:hs\",\"device_id\":\"D\",\"receiver\":{},\"keyring_id\":\"i\"}", 0600,
          -EBADMSG },
        { "no device", "{\"version\":1,\"user_id\":\"@me:hs\",\"receiver\":{},\"keyring_id\":\"i\"}", 0600, -EBADMSG },
        { "no key", "{\"version\":1,\"user_id\":\"@me:hs\",\"device_id\":\"D\",\"receiver\":{}}", 0600, -EBADMSG },
        { "a short key", "{\"version\":1,\"user_id\":\"@me:hs\",\"device_id\":\"D\",\"receiver\":{},\"key\":\"00\"}",
          0600, -EBADMSG },
        { "others may read it",
          "{\"version\":1,\"user_id\":\"@me:hs\",\"device_id\":\"D\",\"receiver\":{},\"keyring_id\":\"i\"}", 0644,
          -EPERM },
        { "whole", "{\"version\":1,\"user_id\":\"@me:hs\",\"device_id\":\"D\",\"receiver\":{},\"keyring_id\":\"i\"}",
          0600, 0 },
};

Test(crypto_store, refuses_what_it_did_not_write_and_puts_it_aside) {
        for (size_t i = 0; i < ARRAY_SIZE(broken_rows); i++) {
                const struct broken_row *row = &broken_rows[i];
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                SCOPED(free) char *path = path_join(t.path, "crypto-home.json"), *aside = NULL;
                SCOPED(crypto_store_done) struct crypto_store back;

                cr_assert_eq(file_write(path, row->text, strlen(row->text), row->mode), 0);
                cr_expect_eq(crypto_store_load(t.path, "home", &back), row->result, "%s", row->what);
                cr_expect_eq(crypto_store_set_aside(t.path, "home", &aside), 0);
                cr_expect(aside && file_exists(aside));
                cr_expect_not(crypto_store_exists(t.path, "home"));
        }
}

Test(crypto_store, is_one_users_at_a_time) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(crypto_store_done) struct crypto_store none;
        int lock = crypto_store_lock(t.path, "home"), other = crypto_store_lock(t.path, "work");

        cr_assert_geq(lock, 0);
        cr_assert_geq(other, 0, "that of another account");
        cr_expect_eq(crypto_store_lock(t.path, "home"), -EBUSY);
        crypto_store_unlock(lock);
        lock = crypto_store_lock(t.path, "home");
        cr_expect_geq(lock, 0);
        crypto_store_unlock(lock);
        crypto_store_unlock(other);
        cr_expect_eq(crypto_store_load(t.path, "home", &none), -ENOENT, "a lock makes no store");
        cr_expect_eq(crypto_store_load(t.path, "../home", &none), -EINVAL);
}
