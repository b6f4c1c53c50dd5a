/* What survives: round trips, limits, writes that fail, and what is flushed when. */
#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "unit/state_stage.h"
#include "util/file.h"
#include "util_full.h"

/* In place of the C library's. */
static struct {
        ino_t files[32];
        size_t n;
} flushed;

int fsync(int fd) {
        struct stat st;

        if (fstat(fd, &st) == 0)
                flushed.files[flushed.n++ % ARRAY_SIZE(flushed.files)] = st.st_ino;
        return (int) syscall(SYS_fsync, fd);
}

static bool is_flushed(const char *path) {
        struct stat st;

        cr_assert_eq(stat(path, &st), 0, "%s", path);
        for (size_t i = 0; i < flushed.n && i < ARRAY_SIZE(flushed.files); i++)
                if (flushed.files[i] == st.st_ino)
                        return true;
        return false;
}

Test(state, claims_survive) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_claim c = example_claim("work", "presence"), back;

        cr_assert_eq(state_get_claim(s, "work", "presence", &back), -ENOENT);
        cr_assert_eq(state_put_claim(s, &c), 0);
        c.output = "profile";
        c.owed.secondhand = true;
        cr_assert_eq(state_put_claim(s, &c), 0);
        c.output = "presence";
        c.owed.secondhand = false;
        c.owed.n_ours = 1;
        c.owed.text_claimed = true;
        cr_assert_eq(state_put_claim(s, &c), 0, "replaced");
        state_free(s);

        s = open_state(&t, NULL);
        cr_assert_eq(state_get_claim(s, "work", "presence", &back), 0);
        cr_expect_str_eq(back.account, "work");
        cr_expect_str_eq(back.output, "presence");
        cr_expect(claim_value_equal(&back.owed.prior, &c.owed.prior));
        cr_expect(claim_value_equal(&back.owed.ours[0], &c.owed.ours[0]));
        cr_expect_eq(back.owed.n_ours, 1);
        cr_expect_eq(back.owed.order, 3);
        cr_expect(back.owed.state_claimed && back.owed.text_claimed);
        cr_expect_eq(back.since_wall, 5);
        cr_assert_eq(state_get_claim(s, "work", "profile", &back), 0);
        cr_expect_eq(back.owed.n_ours, 2);
        cr_expect_str_eq(back.owed.ours[1].text, "");
        cr_expect(back.owed.secondhand);
        cr_assert_eq(state_claim_at(s, 1, &back), 0);
        cr_assert_eq(state_claim_at(s, 2, &back), -ENOENT);
        cr_assert_eq(state_remove_claim(s, "work", "presence"), 0);
        cr_assert_eq(state_remove_claim(s, "work", "presence"), 0, "it is gone already");
        cr_assert_eq(state_get_claim(s, "work", "presence", &back), -ENOENT);
        state_free(s);
}

/* How many allocations of jansson still succeed; -1: all. */
static int memory_left = -1;

static void *take_memory(size_t size) {
        if (memory_left == 0) {
                errno = ENOMEM;
                return NULL;
        }
        memory_left -= memory_left > 0;
        return malloc(size);
}

Test(state, without_memory_a_claim_is_there_or_not_and_the_others_stay) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_claim one = example_claim("work", "presence"), other = example_claim("work", "profile"), back;
        struct told told = { 0 };
        int r = -1;

        cr_assert_eq(state_put_claim(s, &one), 0);
        json_set_alloc_funcs(take_memory, free);
        for (int n = 0; r < 0; n++) {
                cr_assert_lt(n, 1000, "it never succeeds");
                memory_left = n;
                r = state_put_claim(s, &other);
                memory_left = -1;
                cr_assert_eq(state_get_claim(s, "work", "presence", &back), 0, "lost with %d allocations", n);
                cr_assert_eq(state_get_claim(s, "work", "profile", &back), r < 0 ? -ENOENT : 0);
        }
        state_free(s);
        for (int n = 0;; n++) {
                cr_assert_lt(n, 10000, "it never succeeds");
                memory_left = n;
                r = state_open(&s, t.path, told_add, &told);
                memory_left = -1;
                if (r < 0)
                        continue;
                cr_assert_eq(state_claim_at(s, 1, &back), 0, "not read with %d allocations: %s", n,
                             told.n > 0 ? told.sentences[0] : "");
                cr_assert_eq(back.owed.n_ours, 2);
                state_free(s);
                break;
        }
}

Test(state, claims_have_a_limit) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        char output[16];
        struct state_claim c = example_claim("work", output), back;

        for (int i = 0; i < STATE_CLAIMS_MAX; i++) {
                (void) snprintf(output, sizeof(output), "o%d", i);
                cr_assert_eq(state_put_claim(s, &c), 0);
        }
        cr_assert_eq(state_put_claim(s, &c), 0, "the last one again");
        c.output = "further";
        cr_assert_eq(state_put_claim(s, &c), -E2BIG);
        cr_assert_eq(state_get_claim(s, "work", "o63", &back), 0);
        c.account = "no such/name";
        cr_assert_eq(state_put_claim(s, &c), -EINVAL);
        state_free(s);
}

Test(state, what_is_to_be_put_back_on_this_machine_survives) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);

        cr_assert_null(state_get_desktop(s, "hooks"));
        cr_assert_eq(state_put_desktop(s, "hooks", "free"), 0);
        cr_assert_eq(state_put_desktop(s, "quiet", "x \"y\" \303\244"), 0);
        cr_assert_eq(state_put_desktop(s, "hooks", "busy"), 0, "replaced");
        cr_assert(temp_exists(&t, "desktop.json"), "at once");
        cr_assert_eq(state_put_desktop(s, "bad", "\377"), -EINVAL);
        state_free(s);

        s = open_state(&t, NULL);
        cr_assert_str_eq(state_get_desktop(s, "hooks"), "busy");
        cr_assert_str_eq(state_get_desktop(s, "quiet"), "x \"y\" \303\244");
        cr_assert_null(state_get_desktop(s, "bad"));
        cr_assert_eq(state_remove_desktop(s, "hooks"), 0);
        cr_assert_eq(state_remove_desktop(s, "hooks"), 0, "it is gone already");
        cr_assert_str_eq(state_get_desktop(s, "quiet"), "x \"y\" \303\244");
        for (int i = 1; i < STATE_DESKTOP_MAX; i++)
                cr_assert_eq(state_put_desktop(s, (char[]){ (char) ('a' + i), '\0' }, ""), 0);
        cr_assert_eq(state_put_desktop(s, "more", ""), -E2BIG);
        state_free(s);

        s = open_state(&t, NULL);
        cr_assert_null(state_get_desktop(s, "hooks"));
        state_free(s);
}

Test(state, accounts_survive) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_account a = { .since = "s1_2",
                                   .user_id = "@me:hs",
                                   .device_id = "D",
                                   .since_at_wall = 9,
                                   .sticks = true,
                                   .words = "Lunch" };
        struct state_account back;

        cr_assert_eq(state_get_account(s, "work", &back), 0);
        cr_expect_null(back.since);
        cr_assert_eq(state_put_account(s, "work", &a), 0);
        cr_assert_eq(state_put_account(s, "home", &(struct state_account){ 0 }), 0);
        state_free(s);

        s = open_state(&t, NULL);
        cr_assert_eq(state_get_account(s, "work", &back), 0);
        cr_expect_str_eq(back.since, "s1_2");
        cr_expect_str_eq(back.user_id, "@me:hs");
        cr_expect_str_eq(back.device_id, "D");
        cr_expect_eq(back.since_at_wall, 9);
        cr_expect(back.sticks);
        cr_expect_str_eq(back.words, "Lunch");
        back.sticks = false;
        cr_assert_eq(state_put_account(s, "work", &back), 0, "with borrowed strings");
        cr_assert_eq(state_get_account(s, "work", &back), 0);
        cr_expect_str_eq(back.since, "s1_2");
        state_free(s);
}

Test(state, mode_survives) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_mode m = { .mode = MODE_BUSY, .until_wall = 77, .said_wall = 70, .message = "Lunch" }, back;

        cr_assert_eq(state_get_mode(s, &back), 0);
        cr_expect_eq(back.mode, MODE_AUTO);
        cr_expect_eq(back.until_wall, USEC_NEVER);
        cr_assert_eq(state_put_mode(s, &m), 0);
        m.until_wall = USEC_NEVER;
        m.until_calls_end = true;
        cr_assert_eq(state_put_mode(s, &m), 0);
        state_free(s);

        s = open_state(&t, NULL);
        cr_assert_eq(state_get_mode(s, &back), 0);
        cr_expect_eq(back.mode, MODE_BUSY);
        cr_expect_eq(back.until_wall, USEC_NEVER);
        cr_expect_eq(back.said_wall, 70);
        cr_expect(back.until_calls_end);
        cr_expect_str_eq(back.message, "Lunch");
        state_free(s);
}

Test(state, ignored_are_kept_by_application_and_source) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_ignored i;

        cr_expect_eq(state_ignored_at(s, 0, &i), -ENOENT);
        cr_expect_eq(state_add_ignored(s, &(struct state_ignored){ "", "" }), -EINVAL);
        cr_expect_eq(state_add_ignored(s, &(struct state_ignored){ "Zoom*", "" }), 1);
        cr_expect_eq(state_add_ignored(s, &(struct state_ignored){ "zoom*", "" }), 0, "the same in small letters");
        cr_expect_eq(state_add_ignored(s, &(struct state_ignored){ "zoom*", "pipewire" }), 1);
        cr_expect_eq(state_add_ignored(s, &(struct state_ignored){ "obs", "pipewire" }), 1);
        state_free(s);

        s = open_state(&t, NULL);
        cr_assert_eq(state_ignored_at(s, 1, &i), 0);
        cr_expect(streq(i.app, "zoom*") && streq(i.source, "pipewire"));
        cr_expect_eq(state_remove_ignored(s, &(struct state_ignored){ "obs", "camera" }), 0, "of another source");
        cr_expect_eq(state_remove_ignored(s, &(struct state_ignored){ "obs", "pipewire" }), 1);
        cr_expect_eq(state_remove_ignored(s, &(struct state_ignored){ "ZOOM*", "" }), 2, "of every source");
        cr_expect_eq(state_ignored_at(s, 0, &i), -ENOENT);
        state_free(s);
}

Test(state, ignored_are_limited) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        char app[16];

        for (int n = 0; n < STATE_IGNORED_MAX; n++) {
                snprintf(app, sizeof(app), "app%d", n);
                cr_assert_eq(state_add_ignored(s, &(struct state_ignored){ app, "" }), 1);
        }
        cr_expect_eq(state_add_ignored(s, &(struct state_ignored){ app, "" }), 0, "known");
        cr_expect_eq(state_add_ignored(s, &(struct state_ignored){ "one more", "" }), -E2BIG);
        state_free(s);
}

Test(state, history_keeps_the_newest) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);

        for (usec_t i = 1; i <= STATE_HISTORY_MAX + 5; i++) {
                const struct state_change c = { .at_wall = i, .busy = i % 2 == 1, .reason = "a\ncall" };

                cr_assert_eq(state_add_change(s, &c), 0);
        }
        for (int round = 0; round < 2; round++) {
                cr_assert(state_change(s, STATE_HISTORY_MAX - 1) && !state_change(s, STATE_HISTORY_MAX));
                cr_expect_eq(state_change(s, 0)->at_wall, STATE_HISTORY_MAX + 5);
                cr_expect(state_change(s, 0)->busy);
                cr_expect_str_eq(state_change(s, 0)->reason, "a call");
                cr_expect_eq(state_change(s, STATE_HISTORY_MAX - 1)->at_wall, 6);
                cr_expect_null(state_change(s, STATE_HISTORY_MAX));
                state_free(s);
                s = open_state(&t, NULL);
        }
        state_free(s);
}

Test(state, effects_keep_the_newest_and_no_change_gives_way_to_them) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        const struct state_change c = { .at_wall = 1, .busy = true, .reason = "a call" };
        struct state_effect e;

        cr_assert_eq(state_add_change(s, &c), 0);
        for (usec_t i = 1; i <= STATE_EFFECTS_MAX + 5; i++) {
                e = (struct state_effect){ .at_wall = i, .name = "on-busy", .ok = i % 2 == 1, .outcome = "it\nran" };
                cr_assert_eq(state_add_effect(s, &e), 0);
        }
        for (int round = 0; round < 2; round++) {
                cr_assert_eq(state_effect_at(s, 0, &e), 0);
                cr_expect_eq(e.at_wall, STATE_EFFECTS_MAX + 5);
                cr_expect(e.ok);
                cr_expect_str_eq(e.name, "on-busy");
                cr_expect_str_eq(e.outcome, "it ran");
                cr_assert_eq(state_effect_at(s, STATE_EFFECTS_MAX - 1, &e), 0);
                cr_expect_eq(e.at_wall, 6);
                cr_expect_not(e.ok);
                cr_expect_eq(state_effect_at(s, STATE_EFFECTS_MAX, &e), -ENOENT);
                cr_expect(state_change(s, 0));
                state_free(s);
                s = open_state(&t, NULL);
        }
        state_free(s);
}

/* Returns the number of the step that was wrong; 0: none. */
static int change_without_room(void *userdata) {
        struct state *s = userdata;
        struct state_claim c = example_claim("work", "presence"), back;
        const struct state_change change = { .at_wall = 1, .busy = true, .reason = "a call" };

        c.owed.n_ours = 1;
        if (state_put_claim(s, &c) != -EFBIG)
                return 1;
        if (state_get_claim(s, "work", "presence", &back) != 0 || back.owed.n_ours != 2)
                return 2;
        if (state_remove_claim(s, "work", "presence") != -EFBIG || state_get_claim(s, "work", "presence", &back) != 0)
                return 3;
        /* What is not the journal is kept by us until there is room. */
        if (state_add_change(s, &change) != 0 || !state_change(s, 0) || state_change(s, 1))
                return 4;
        if (state_run(s, 1) == USEC_NEVER || state_run(s, USEC_PER_MIN) == USEC_NEVER)
                return 5;
        if (!strstr(state_problem(s), "nothing can be kept"))
                return 6;
        return 0;
}

Test(state, failed_writes_change_nothing) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state_claim c = example_claim("work", "presence"), back;
        struct state *s = open_state(&t, NULL);
        int step;

        cr_assert_eq(state_put_claim(s, &c), 0);
        step = without_room(change_without_room, s);
        cr_assert_eq(step, 0, "step %d", step);
        state_free(s);
        s = open_state(&t, NULL);
        cr_assert_eq(state_get_claim(s, "work", "presence", &back), 0);
        cr_assert_eq(back.owed.n_ours, 2);
        state_free(s);
}

/* What is there from before is flushed by each run, which takes no room. Returns as above. */
static int flush_without_room(void *userdata) {
        struct state *s = userdata;
        struct state_claim c = example_claim("work", "presence");

        c.owed.n_ours = 1;
        if (state_put_claim(s, &c) != -EFBIG)
                return 1;
        (void) state_run(s, 0);
        if (state_run(s, USEC_PER_MIN) != USEC_NEVER)
                return 2;
        return strstr(state_problem(s), "nothing can be kept") ? 0 : 3;
}

Test(state, a_flush_does_not_show_that_something_can_be_kept) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        const struct state_change change = { .at_wall = 1, .busy = true, .reason = "a call" };
        struct state_claim c = example_claim("work", "presence");
        struct state *s = open_state(&t, NULL);
        int step;

        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_assert_eq(state_add_change(s, &change), 0);
        state_free(s);
        s = open_state(&t, NULL);
        step = without_room(flush_without_room, s);
        cr_assert_eq(step, 0, "step %d", step);
        c.owed.n_ours = 1;
        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_assert_str_eq(state_problem(s), "", "what was written shows it");
        state_free(s);
}

Test(state, folder_gone) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state_claim c = example_claim("work", "presence"), back;
        struct state *s = NULL;

        cr_assert_eq(state_open(&s, temp_path(&t, "s"), NULL, NULL), 0);
        cr_assert_eq(unlink(temp_path(&t, "s/lock")), 0);
        cr_assert_eq(unlink(temp_path(&t, "s/claims.json")), 0);
        cr_assert_eq(rmdir(temp_path(&t, "s")), 0);
        cr_assert_eq(state_put_claim(s, &c), -ENOENT);
        cr_assert_eq(state_get_claim(s, "work", "presence", &back), -ENOENT);
        state_free(s);
}

Test(state, one_at_a_time) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *first = open_state(&t, NULL), *second = NULL;

        cr_assert_eq(state_open(&second, t.path, NULL, NULL), -EBUSY);
        cr_assert_str_eq(state_dir(first), t.path);
        state_free(first);
        state_free(open_state(&t, NULL));
}

Test(state, only_our_own_folder) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = NULL;

        cr_assert_eq(chmod(t.path, 0777), 0);
        cr_expect_eq(state_open(&s, t.path, NULL, NULL), -EPERM, "open to others");
        cr_assert_eq(chmod(t.path, 0755), 0);
        state_free(open_state(&t, NULL));
        temp_write(&t, "file", "x");
        cr_expect_eq(state_open(&s, temp_path(&t, "file"), NULL, NULL), -ENOTDIR);
}

Test(state, nobody_elses_folder) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = NULL;

        temp_give_away(t.path);
        cr_expect_eq(state_open(&s, t.path, NULL, NULL), -EPERM);
}

/* It is read, and what it says is acted upon: it must not be another one after a power cut. */
Test(state, what_a_killed_run_has_left_unflushed_is_flushed_before_it_is_read) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *path = NULL;

        cr_assert_gt(asprintf(&path, "%s/session-work.json", t.path), 0);
        state_free(open_state(&t, NULL));
        cr_assert_eq(file_write_unflushed(path, "{}", 2, 0600), 0);
        flushed.n = 0;
        state_free(open_state(&t, NULL));
        cr_assert(is_flushed(path) && is_flushed(t.path));
}

/* Whoever waits for us to be ready does not wait for the disk on behalf of the history. */
Test(state, what_only_our_own_words_rest_on_is_flushed_when_we_have_begun) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        SCOPED(free) char *history = NULL, *claims = NULL;
        struct state_claim c = example_claim("work", "presence");
        usec_t now = 5, next;

        cr_assert(asprintf(&history, "%s/history.json", t.path) > 0 &&
                  asprintf(&claims, "%s/claims.json", t.path) > 0);
        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_assert_eq(state_add_change(s, &(struct state_change){ .at_wall = 7, .busy = true, .reason = "x" }), 0);
        state_free(s);
        flushed.n = 0;
        s = open_state(&t, NULL);
        cr_assert(is_flushed(claims));
        cr_assert_not(is_flushed(history));
        cr_assert_eq(flushed.n, 2, "the journal and the folder, each once");
        next = state_run(s, now);
        cr_assert_leq(next, now + USEC_PER_SEC);
        (void) state_run(s, next);
        cr_assert(is_flushed(history));
        state_free(s);
}
