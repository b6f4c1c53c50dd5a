/* A folder of its own for a test, gone with it; and sentences that were told. */
#pragma once

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base.h"
#include "util/file.h"

struct temp_dir {
        char path[64];
};

static inline int temp_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static inline void temp_dir_scoped(struct temp_dir *t) {
        (void) nftw(t->path, temp_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct temp_dir temp_dir(void) {
        struct temp_dir t = { "/tmp/busyd-unit-XXXXXX" };

        cr_assert_not_null(mkdtemp(t.path));
        return t;
}

/* The path of `name` in it; one buffer for each of the last few calls. */
static inline const char *temp_path(const struct temp_dir *t, const char *name) {
        static char paths[8][512];
        static unsigned next;
        char *path = paths[next++ % 8];

        (void) snprintf(path, sizeof(paths[0]), "%s/%s", t->path, name);
        return path;
}

static inline void temp_write(const struct temp_dir *t, const char *name, const char *text) {
        cr_assert_eq(file_write(temp_path(t, name), text, strlen(text), 0600), 0, "%s", name);
}

static inline bool temp_exists(const struct temp_dir *t, const char *name) {
        struct stat st;

        return lstat(temp_path(t, name), &st) == 0;
}

/* Whoever cannot do that skips the test, which counts as failed where nothing may be skipped. */
static inline void temp_give_away(const char *path) {
        if (geteuid() != 0)
                cr_skip_test("only root can give a file away");
        cr_assert_eq(chown(path, 65534, 65534), 0);
}

struct told {
        size_t n;
        char sentences[64][1024];
};

static inline void told_add(const char *sentence, void *userdata) {
        struct told *t = userdata;

        cr_assert_lt(t->n, ARRAY_SIZE(t->sentences));
        (void) snprintf(t->sentences[t->n++], sizeof(t->sentences[0]), "%s", sentence);
}
