/* Files whole or not at all, and private where they must be. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

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
        cr_assert_eq(file_read_private(temp_path(&t, "f"), 100, &data, NULL), 0);
        free(data);
}

Test(file, somebody_elses_is_refused) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        char *data = NULL;

        temp_write(&t, "f", "secret");
        temp_give_away(temp_path(&t, "f"));
        cr_expect_eq(file_read_private(temp_path(&t, "f"), 100, &data, NULL), -EPERM);
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

/* ---- what may stand in the place of a file ---- */

static int make_fifo(const char *path) {
        return mkfifo(path, 0600);
}

static int make_socket(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        r = bind(fd, (struct sockaddr *) &address, sizeof(address));
        (void) close(fd);
        return r;
}

static int make_folder(const char *path) {
        return mkdir(path, 0700);
}

static int make_loop(const char *path) {
        return symlink(path, path);
}

static int make_link(const char *path) {
        char target[300];

        (void) snprintf(target, sizeof(target), "%s-target", path);
        return file_write(target, "x", 1, 0600) < 0 ? -1 : symlink(target, path);
}

static int make_open(const char *path) {
        return file_write(path, "x", 1, 0622);
}

static int make_shown(const char *path) {
        return file_write(path, "x", 1, 0644);
}

/* What stands in the place of a file is never waited for, and never read. */
static const struct {
        const char *what;
        int (*make)(const char *path);
        int any, own; /* what reading gives */
} strange[] = {
        { "a FIFO", make_fifo, -ENXIO, -EPERM },
        { "a socket", make_socket, -ENXIO, -EPERM },
        { "a folder", make_folder, -EISDIR, -EPERM },
        { "a link to itself", make_loop, -ELOOP, -EPERM },
        { "a link to a file", make_link, 0, -EPERM },
        { "a file that others may write", make_open, 0, -EPERM },
        { "a file that others may read", make_shown, 0, 0 },
};

Test(file, what_is_no_file_is_not_read, .timeout = 10) {
        for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                const char *path = temp_path(&t, "f");
                char *any = NULL, *own = NULL, *private = NULL;

                cr_assert_eq(strange[i].make(path), 0, "%s", strange[i].what);
                cr_expect_eq(file_read(path, 100, &any, NULL), strange[i].any, "%s", strange[i].what);
                cr_expect_eq(file_read_own(path, 100, &own, NULL), strange[i].own, "%s", strange[i].what);
                cr_expect_eq(file_read_private(path, 100, &private, NULL), -EPERM, "%s", strange[i].what);
                free(any);
                free(own);
                free(private);
        }
}

Test(file, set_aside) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *first = NULL, *second = NULL, *none = NULL;

        temp_write(&t, "f", "one");
        cr_assert_eq(file_set_aside(temp_path(&t, "f"), /* keep= */ true, &first), 0);
        cr_expect_str_eq(first, temp_path(&t, "f.broken"));
        cr_expect(file_exists(temp_path(&t, "f")));
        cr_assert_eq(file_set_aside(temp_path(&t, "f"), /* keep= */ false, &second), 0);
        cr_expect_str_eq(second, temp_path(&t, "f.broken-2"));
        cr_expect_not(file_exists(temp_path(&t, "f")));
        cr_expect_eq(file_set_aside(temp_path(&t, "f"), /* keep= */ false, &none), -ENOENT);
}

Test(file, lock_is_for_one) {
        static int (*const make[])(const char *) = { NULL, make_fifo, make_loop, make_folder };

        for (size_t i = 0; i < ARRAY_SIZE(make); i++) {
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                int lock;

                if (make[i])
                        cr_assert_eq(make[i](temp_path(&t, "lock")), 0);
                lock = dir_lock(t.path);
                cr_expect_geq(lock, 0, "%zu", i);
                cr_expect_eq(dir_lock(t.path), -EBUSY, "%zu", i);
                dir_unlock(lock);
                lock = dir_lock(t.path);
                cr_expect_geq(lock, 0, "%zu", i);
                dir_unlock(lock);
                dir_unlock(-EBUSY);
        }
}

Test(file, names_in_a_folder) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(names_free) char **names = NULL, **none = NULL;

        temp_write(&t, "a-x-y.z", "");
        temp_write(&t, "a-x.z", "");
        temp_write(&t, "a-.z", "");
        temp_write(&t, "b-x.z", "");
        cr_assert_eq(dir_names(t.path, "a-", ".z", &names), 2);
        cr_expect_str_eq(names[0], "x");
        cr_expect_str_eq(names[1], "x-y");
        cr_assert_eq(dir_names(temp_path(&t, "none"), "a-", ".z", &none), 0);
}
