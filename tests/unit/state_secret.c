/* Tokens besides the session's: where they are looked for, and which files are not trusted. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "state/secret.h"
#include "util/path.h"
#include "util/file.h"
#include "util_temp.h"

static const struct file_row {
        const char *what, *text;
        unsigned mode;
        int result;
} file_rows[] = {
        { "a token", "abc", 0600, 1 },
        { "with a line end", "abc\n", 0600, 1 },
        { "with space around it", "  abc \r\n", 0600, 1 },
        { "read-only", "abc", 0400, 1 },
        { "others may read it", "abc", 0644, -EPERM },
        { "the group may write it", "abc", 0620, -EPERM },
        { "empty", "", 0600, -EBADMSG },
        { "two words", "abc def", 0600, -EBADMSG },
        { "no ASCII", "\303\244", 0600, -EBADMSG },
};

Test(secret, files) {
        for (size_t i = 0; i < ARRAY_SIZE(file_rows); i++) {
                const struct file_row *row = &file_rows[i];
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                SCOPED(free) char *path = path_join(t.path, "file");
                SCOPED(erase_and_free) char *token = NULL;
                int r;

                cr_assert_eq(file_write(path, row->text, strlen(row->text), row->mode), 0);
                r = secret_load(t.path, "home", path, &token);
                cr_expect_eq(r, row->result, "%s: %d", row->what, r);
                if (r == 1)
                        cr_expect_str_eq(token, "abc", "%s: %s", row->what, token);
        }
}

Test(secret, saved_loaded_removed) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(erase_and_free) char *token = NULL, *other = NULL;
        SCOPED(free) char *path = path_join(t.path, "as-token-home");
        struct stat st;

        cr_assert_eq(secret_load(t.path, "home", NULL, &token), 0);
        cr_assert_eq(secret_save(t.path, "home", "abc"), 0);
        cr_assert_eq(stat(path, &st), 0);
        cr_expect_eq(st.st_mode & 0777U, 0600U);
        cr_assert_eq(secret_load(t.path, "home", NULL, &token), 1);
        cr_expect_str_eq(token, "abc");
        cr_expect_eq(secret_load(t.path, "work", NULL, &other), 0, "the other account");
        cr_assert_eq(secret_remove(t.path, "home"), 0);
        cr_expect_eq(secret_load(t.path, "home", NULL, &other), 0);
}

Test(secret, a_file_that_is_named_must_be_there) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *path = path_join(t.path, "file");
        char *token = NULL;

        cr_assert_eq(secret_save(t.path, "home", "stored"), 0);
        cr_expect_eq(secret_load(t.path, "home", path, &token), -ENOENT);
        cr_expect_eq(secret_load(t.path, "../home", NULL, &token), -EINVAL);
}

Test(secret, credentials_come_first) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *path = path_join(t.path, "busyd-home.as_token");
        SCOPED(erase_and_free) char *token = NULL;

        cr_assert_eq(secret_save(t.path, "home", "stored"), 0);
        cr_assert_eq(file_write(path, "given\n", 6, 0440), 0);
        cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", t.path, 1), 0);
        cr_assert_eq(secret_load(t.path, "home", NULL, &token), 1);
        cr_expect_str_eq(token, "given");
}
