/* Files whole or not at all, and private where they must be. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "util_full.h"
#include "util_temp.h"

Test(file, written_and_read_back) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *data = NULL;
        struct stat st;
        size_t size;

        cr_assert_eq(file_write(temp_path(&t, "f"), "a\0b", 3, 0640), 0);
        cr_assert_eq(file_read(temp_path(&t, "f"), 3, &data, &size), 0);
        cr_assert_eq(size, 3);
        cr_assert_arr_eq(data, "a\0b", 4);
        cr_assert_eq(stat(temp_path(&t, "f"), &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0640);
}

Test(file, too_large) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        char *data = NULL;

        temp_write(&t, "f", "1234");
        cr_assert_eq(file_read(temp_path(&t, "f"), 3, &data, NULL), -EFBIG);
        cr_assert_null(data);
        cr_assert_eq(file_read(t.path, 3, &data, NULL), -EISDIR);
        cr_assert_eq(file_read(temp_path(&t, "none"), 3, &data, NULL), -ENOENT);
}

Test(file, private_or_refused) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        char *data = NULL;

        temp_write(&t, "f", "secret");
        cr_assert_eq(symlink("f", temp_path(&t, "link")), 0);
        cr_assert_eq(mkfifo(temp_path(&t, "fifo"), 0600), 0);
        cr_expect_eq(file_read_private(temp_path(&t, "link"), 100, &data, NULL), -EPERM, "a link");
        cr_expect_eq(file_read_private(temp_path(&t, "fifo"), 100, &data, NULL), -EPERM, "a pipe");
        cr_expect_eq(file_read_private(t.path, 100, &data, NULL), -EPERM, "a folder");
        cr_assert_eq(chmod(temp_path(&t, "f"), 0640), 0);
        cr_expect_eq(file_read_private(temp_path(&t, "f"), 100, &data, NULL), -EPERM, "open to others");
        cr_assert_eq(chmod(temp_path(&t, "f"), 0600), 0);
        if (geteuid() == 0) {
                cr_assert_eq(chown(temp_path(&t, "f"), 65534, 65534), 0);
                cr_expect_eq(file_read_private(temp_path(&t, "f"), 100, &data, NULL), -EPERM, "somebody else's");
                cr_assert_eq(chown(temp_path(&t, "f"), 0, 0), 0);
        }
        cr_assert_eq(file_read_private(temp_path(&t, "f"), 100, &data, NULL), 0);
        free(data);
}

static int write_new(void *userdata) {
        return file_write(temp_path(userdata, "f"), "new", 3, 0600);
}

/* The old one stands, and nothing is left beside it. */
Test(file, failed_write_keeps_the_old) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *data = NULL;

        temp_write(&t, "f", "old");
        cr_assert_eq(without_room(write_new, &t), -EFBIG);
        cr_assert_eq(file_read(temp_path(&t, "f"), 100, &data, NULL), 0);
        cr_assert_str_eq(data, "old");
        cr_assert_eq(unlink(temp_path(&t, "f")), 0);
        cr_assert_eq(rmdir(t.path), 0, "a temporary file was left");
}

Test(file, sweep_takes_only_what_is_dead) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        int fd;

        temp_write(&t, "f", "x");
        temp_write(&t, "f.tmp-abcdef", "x");
        temp_write(&t, "f.tmp-living", "x");
        temp_write(&t, "f.tmp-longer-name", "x");
        fd = open(temp_path(&t, "f.tmp-living"), O_RDONLY | O_CLOEXEC);
        cr_assert_eq(flock(fd, LOCK_EX), 0);
        file_sweep(t.path);
        cr_expect_not(temp_exists(&t, "f.tmp-abcdef"));
        cr_expect(temp_exists(&t, "f"));
        cr_expect(temp_exists(&t, "f.tmp-living"));
        cr_expect(temp_exists(&t, "f.tmp-longer-name"));
        (void) close(fd);
        file_sweep(temp_path(&t, "no-such-folder"));
}

Test(file, folders) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct stat st;

        cr_assert_eq(dir_make(temp_path(&t, "a/b/c/")), 0);
        cr_assert_eq(dir_make(temp_path(&t, "a/b/c")), 0);
        cr_assert_eq(stat(temp_path(&t, "a/b"), &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0700);
        temp_write(&t, "file", "x");
        cr_assert_eq(dir_make(temp_path(&t, "file/b")), -ENOTDIR);
        cr_assert_eq(dir_make(temp_path(&t, "file")), -ENOTDIR);
        cr_assert_eq(file_remove(temp_path(&t, "file")), 0);
        cr_assert_eq(file_remove(temp_path(&t, "file")), 0, "it is gone already");
}

static const struct {
        const char *what, *state_directory, *xdg, *home, *path;
        int result;
} state_paths[] = {
        { "from systemd", "/s/busyd", "/x", "/h", "/s/busyd", 0 },
        { "the first of several", "/s/busyd:/s/other", "/x", "/h", "/s/busyd", 0 },
        { "from XDG", NULL, "/x", "/h", "/x/busyd", 0 },
        { "a relative XDG path is ignored", NULL, "x", "/h", "/h/.local/state/busyd", 0 },
        { "from HOME", NULL, NULL, "/h", "/h/.local/state/busyd", 0 },
        { "from nowhere", NULL, NULL, NULL, NULL, -ENXIO },
};

static void set_env(const char *name, const char *value) {
        if (value)
                cr_assert_eq(setenv(name, value, 1), 0);
        else
                cr_assert_eq(unsetenv(name), 0);
}

Test(file, state_paths) {
        for (size_t i = 0; i < ARRAY_SIZE(state_paths); i++) {
                SCOPED(free) char *path = NULL;

                set_env("STATE_DIRECTORY", state_paths[i].state_directory);
                set_env("XDG_STATE_HOME", state_paths[i].xdg);
                set_env("HOME", state_paths[i].home);
                cr_expect_eq(path_state(&path), state_paths[i].result, "%s", state_paths[i].what);
                if (state_paths[i].path)
                        cr_expect_str_eq(path, state_paths[i].path, "%s", state_paths[i].what);
        }
}
