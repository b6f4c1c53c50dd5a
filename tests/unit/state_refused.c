/* What survives busyd where the disk refuses: each call of the kernel in turn, alone and with all that come later, and
 * each by another error. What is owed is never lost: an entry is the one from before or the one after, and whole. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "state/state.h"
#include "util_temp.h"

/* ---- in place of the C library's ---- */

static struct {
        bool on, for_good;
        int error;
        unsigned n, asked, refused;
        const char *refused_name; /* no file of that name comes into being; NULL: all may */
} disk;

static bool refuses(void) {
        if (!disk.on)
                return false;
        disk.asked++;
        if (disk.asked != disk.n && !(disk.for_good && disk.asked > disk.n))
                return false;
        disk.refused++;
        errno = disk.error;
        return true;
}

int open(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list args;

        va_start(args, flags);
        if (flags & (O_CREAT | O_TMPFILE))
                mode = va_arg(args, mode_t);
        va_end(args);
        return refuses() ? -1 : (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int mkostemp(char *template, int flags) {
        int (*real)(char *, int) = (int (*)(char *, int)) dlsym(RTLD_NEXT, "mkostemp");

        return refuses() ? -1 : real(template, flags);
}

ssize_t read(int fd, void *buf, size_t size) {
        return refuses() ? -1 : (ssize_t) syscall(SYS_read, fd, buf, size);
}

ssize_t write(int fd, const void *buf, size_t size) {
        return refuses() ? -1 : (ssize_t) syscall(SYS_write, fd, buf, size);
}

/* Nothing here has to outlive the machine. */
int fsync(int fd) {
        return refuses() ? -1 : 0;
}

int rename(const char *from, const char *to) {
        if (disk.refused_name && strstr(to, disk.refused_name)) {
                errno = EIO;
                return -1;
        }
        return refuses() ? -1 : (int) syscall(SYS_rename, from, to);
}

int unlink(const char *path) {
        return refuses() ? -1 : (int) syscall(SYS_unlink, path);
}

static const int errors[] = { EIO, ENOSPC, EACCES, EMFILE, EROFS };

/* As of scarce.h, with calls in place of allocations. `of` counts the errors, and those for good after them. */
struct turn {
        size_t of;
        unsigned n;
};

static bool again(struct turn *t) {
        if (t->n > 0 && disk.refused == 0) {
                cr_assert_gt(t->n, 1, "it asks nothing of the disk");
                t->of++;
                t->n = 0;
        }
        t->n++;
        return t->of < 2 * ARRAY_SIZE(errors);
}

static void begin(const struct turn *t) {
        disk.for_good = t->of >= ARRAY_SIZE(errors);
        disk.error = errors[t->of % ARRAY_SIZE(errors)];
        disk.n = t->n;
        disk.asked = disk.refused = 0;
        disk.on = true;
}

static void end(void) {
        disk.on = false;
}

static const char *where(const struct turn *t) {
        static char text[64];

        (void) snprintf(text, sizeof(text), "call %u%s: %s", t->n, disk.for_good ? " and those after it" : "",
                        strerror(disk.error));
        return text;
}

/* ---- what is owed ---- */

static struct state *open_state(const struct temp_dir *t) {
        struct state *s = NULL;

        cr_assert_eq(state_open(&s, t->path, NULL, NULL), 0);
        return s;
}

static struct state_claim claim(const char *account, const char *prior) {
        struct state_claim c = { .account = account, .output = "presence", .since_wall = 5 };

        (void) claim_value_set(&c.owed.prior, "online", prior);
        (void) claim_value_set(&c.owed.ours[0], "busy", "In a call");
        c.owed.n_ours = 1;
        c.owed.state_claimed = c.owed.text_claimed = true;
        return c;
}

static bool has(const struct state *s, const struct state_claim *c) {
        struct state_claim back;

        return state_get_claim(s, c->account, c->output, &back) == 0 &&
               claim_value_equal(&back.owed.prior, &c->owed.prior) && back.owed.n_ours == 1 &&
               claim_value_equal(&back.owed.ours[0], &c->owed.ours[0]);
}

Test(state_refused, a_claim_is_the_one_from_before_or_the_one_after) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        const struct state_claim one = claim("home", "At my desk"), two = claim("home", "Reading");

        for (struct turn turn = { 0 }; again(&turn);) {
                struct state *s = open_state(&t);
                int r;

                cr_assert_eq(state_put_claim(s, &one), 0);
                begin(&turn);
                r = state_put_claim(s, &two);
                end();
                cr_assert(has(s, r == 0 ? &two : &one), "%s", where(&turn));
                state_free(s);
                s = open_state(&t);
                cr_assert(has(s, &two) || (r < 0 && has(s, &one)), "%s", where(&turn));
                state_free(s);
        }
}

Test(state_refused, one_that_cannot_be_crossed_out_stays) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        const struct state_claim one = claim("home", "At my desk"), other = claim("work", "Away");

        for (struct turn turn = { 0 }; again(&turn);) {
                struct state *s = open_state(&t);
                int r;

                cr_assert_eq(state_put_claim(s, &one), 0);
                cr_assert_eq(state_put_claim(s, &other), 0);
                begin(&turn);
                r = state_remove_claim(s, "home", "presence");
                end();
                cr_assert_eq(has(s, &one), r < 0, "%s", where(&turn));
                cr_assert(has(s, &other), "%s", where(&turn));
                state_free(s);
                s = open_state(&t);
                cr_assert(has(s, &other) && !(r == 0 && has(s, &one)), "%s", where(&turn));
                state_free(s);
        }
}

/* A start that cannot read it may fail, or go on without it: it is there for the next one. */
Test(state_refused, a_start_loses_none) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        const struct state_claim one = claim("home", "At my desk");

        for (struct turn turn = { 0 }; again(&turn);) {
                struct state *s = open_state(&t);
                int r;

                cr_assert_eq(state_put_claim(s, &one), 0);
                state_free(s);
                s = NULL;
                begin(&turn);
                r = state_open(&s, t.path, NULL, NULL);
                end();
                cr_assert_eq(r == 0, s != NULL);
                state_free(s);
                s = open_state(&t);
                cr_assert(has(s, &one), "%s, which %s", where(&turn), r == 0 ? "it has outlived" : "has ended it");
                state_free(s);
        }
}

/* What was owed by an earlier run would be looked for, and might be another client's. */
Test(state_refused, a_journal_that_never_was_is_not_missing) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s;

        disk.refused_name = "claims.json";
        s = open_state(&t);
        cr_assert_eq(state_add_change(s, &(struct state_change){ 1, true, "a call" }), 0);
        (void) state_put_desktop(s, "theme", "dark");
        (void) state_run(s, USEC_PER_HOUR);
        state_free(s);
        disk.refused_name = NULL;
        s = open_state(&t);
        cr_assert_str_eq(state_problem(s), "");
        state_free(s);
}
