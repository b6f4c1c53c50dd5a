/* What a message looks like on stderr, and which are printed. */
#include <errno.h>
#include <unistd.h>

#include "util/log.h"
#include "util_temp.h"

/* Runs `say` with stderr in a file; returns what came. */
static char *logged(const struct temp_dir *t, void (*say)(void)) {
        int old = dup(STDERR_FILENO), r;
        char *text = NULL;

        cr_assert_not_null(freopen(temp_path(t, "log"), "w", stderr));
        say();
        cr_assert_geq(dup2(old, STDERR_FILENO), 0);
        (void) close(old);
        r = file_read(temp_path(t, "log"), 65536, &text, NULL);
        cr_assert_eq(r, 0);
        return text;
}

static void say_each(void) {
        errno = ENOTTY;
        log_error("broken: %d", 5);
        cr_expect_eq(errno, ENOTTY, "logging leaves errno alone");
        log_warning("odd\nand \033[2Jmore");
        log_info("fine");
        log_debug("hidden");
}

Test(log, lines) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *text = NULL;

        cr_assert_eq(unsetenv("JOURNAL_STREAM"), 0);
        text = logged(&t, say_each);
        cr_assert_str_eq(text, "error: broken: 5\nwarning: odd and ?[2Jmore\ninfo: fine\n");
}

static void say_much(void) {
        char much[5000];

        memset(much, 'x', sizeof(much) - 1);
        much[sizeof(much) - 1] = '\0';
        log_info("%s", much);
}

Test(log, cut_and_ended) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *text = NULL;

        cr_assert_eq(setenv("JOURNAL_STREAM", "1:2", 1), 0);
        text = logged(&t, say_much);
        cr_assert_lt(strlen(text), 2100);
        cr_assert_eq(text[strlen(text) - 1], '\n');
}

Test(log, levels) {
        cr_expect_eq(log_max_level(), LOG_INFO);
        cr_expect_eq(log_set_max_level_from_string("debug"), 0);
        cr_expect_eq(log_max_level(), LOG_DEBUG);
        cr_expect_eq(log_set_max_level_from_string("3"), 0);
        cr_expect_eq(log_max_level(), LOG_ERR);
        cr_expect_eq(log_set_max_level_from_string("loud"), -EINVAL);
        cr_expect_eq(log_set_max_level_from_string("8"), -EINVAL);
        cr_expect_eq(log_max_level(), LOG_ERR);
        cr_expect_str_eq(log_level_to_string(LOG_WARNING), "warning");
}
