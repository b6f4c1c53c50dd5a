/* What is read of files that are broken or strange, and in a folder that is not as it was left: all that is whole, and
 * the rest is told. */
#include <errno.h>
#include <jansson.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "unit/state_stage.h"

static const struct {
        const char *what, *text, *told;
} broken[] = {
        { "empty", "", "is broken" },
        { "cut", "{\"version\":1,\"entries\":[", "is broken" },
        { "another type", "[]", "is broken" },
        { "no entries", "{\"version\":1}", "is broken" },
        { "entries of another type", "{\"version\":1,\"entries\":{}}", "is broken" },
        { "newer", "{\"version\":3,\"entries\":[]}", "newer busyd" },
        { "a checksum that is missing", "{\"version\":2,\"entries\":[]}", "is broken" },
        { "a checksum that is wrong", "{\"version\":2,\"sum\":\"0123456789abcdef\",\"entries\":[]}", "is broken" },
};

Test(state_damage, broken_files_are_kept) {
        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                struct told told = { 0 };
                struct state_claim c = example_claim("work", "presence");
                struct state *s;

                temp_write(&t, "claims.json", broken[i].text);
                temp_write(&t, "claims.json.broken", "earlier");
                s = open_state(&t, &told);
                cr_expect_eq(told.n, 1, "%s", broken[i].what);
                cr_expect_not_null(strstr(told.sentences[0], broken[i].told), "%s: %s", broken[i].what,
                                   told.sentences[0]);
                cr_expect_not_null(strstr(told.sentences[0], "claims.json.broken-2"), "%s", told.sentences[0]);
                cr_expect(temp_exists(&t, "claims.json.broken-2"), "%s", broken[i].what);
                cr_expect_eq(state_put_claim(s, &c), 0, "%s", broken[i].what);
                state_free(s);
                s = open_state(&t, &told);
                cr_expect_eq(told.n, 1, "told once: %s", broken[i].what);
                state_free(s);
        }
}

Test(state_damage, broken_files_are_bounded) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (int i = 0; i < 12; i++) {
                temp_write(&t, "mode.json", "x");
                state_free(open_state(&t, NULL));
        }
        cr_expect(temp_exists(&t, "mode.json.broken"));
        cr_expect(temp_exists(&t, "mode.json.broken-8"));
        cr_expect_not(temp_exists(&t, "mode.json.broken-9"));
}

#define GOOD                                                                                                          \
        "{\"account\":\"work\",\"output\":\"presence\",\"prior\":{\"state\":\"online\",\"text\":\"\"},"               \
        "\"ours\":[{\"state\":\"busy\",\"text\":\"\"}],\"state_claimed\":true,\"text_claimed\":false,\"since_wall\":" \
        "1}"

static const struct {
        const char *what, *entry;
} bad_entries[] = {
        { "no object", "5" },
        { "nothing in it", "{}" },
        { "a bad name", "{\"account\":\"../x\",\"output\":\"presence\"}" },
        { "no prior", "{\"account\":\"a\",\"output\":\"p\",\"ours\":[],\"state_claimed\":true,\"text_claimed\":true,"
                      "\"since_wall\":1}" },
        { "negative time", "{\"account\":\"a\",\"output\":\"p\",\"prior\":{\"state\":\"\",\"text\":\"\"},\"ours\":[],"
                           "\"state_claimed\":true,\"text_claimed\":true,\"since_wall\":-1}" },
        { "an order out of range",
          "{\"account\":\"a\",\"output\":\"p\",\"prior\":{\"state\":\"\",\"text\":\"\"},"
          "\"ours\":[{\"state\":\"\",\"text\":\"\"}],\"state_claimed\":true,\"text_claimed\":true,"
          "\"since_wall\":1,\"order\":-1}" },
        { "three of ours", "{\"account\":\"a\",\"output\":\"p\",\"prior\":{\"state\":\"\",\"text\":\"\"},"
                           "\"ours\":[{},{},{}],\"state_claimed\":true,\"text_claimed\":true,\"since_wall\":1}" },
};

Test(state_damage, bad_entries_are_dropped_alone) {
        for (size_t i = 0; i < ARRAY_SIZE(bad_entries); i++) {
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                struct told told = { 0 };
                struct state_claim back;
                struct state *s;
                char text[2048];

                (void) snprintf(text, sizeof(text), "{\"version\":1,\"entries\":[%s,%s]}", bad_entries[i].entry, GOOD);
                temp_write(&t, "claims.json", text);
                s = open_state(&t, &told);
                cr_expect_eq(told.n, 1, "%s", bad_entries[i].what);
                cr_expect_eq(state_get_claim(s, "work", "presence", &back), 0, "%s", bad_entries[i].what);
                cr_expect_eq(back.owed.order, 1, "of before there were other machines");
                cr_expect_eq(state_claim_at(s, 1, &back), -ENOENT, "%s", bad_entries[i].what);
                cr_expect(temp_exists(&t, "claims.json.broken"), "%s", bad_entries[i].what);
                state_free(s);
                s = open_state(&t, &told);
                cr_expect_eq(told.n, 1, "told once: %s", bad_entries[i].what);
                state_free(s);
        }
}

/* As after a crash between the temporary file and the rename. */
Test(state_damage, leftovers_do_no_harm) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state_claim c = example_claim("work", "presence"), back;
        struct state *s = open_state(&t, NULL);

        cr_assert_eq(state_put_claim(s, &c), 0);
        state_free(s);
        temp_write(&t, "claims.json.tmp-abcdef", "{\"version\":1,\"entr");
        s = open_state(&t, NULL);
        cr_expect_eq(state_get_claim(s, "work", "presence", &back), 0);
        cr_expect_not(temp_exists(&t, "claims.json.tmp-abcdef"));
        state_free(s);
}

/* ---- what may be wrong with the folder ---- */

static void make_session(const struct temp_dir *t, const char *account) {
        const struct session session = {
                .homeserver = (char *) "https://example.org",
                .user_id = (char *) "@me:example.org",
                .device_id = (char *) "DEVICE",
                .access_token = (char *) "token",
        };

        cr_assert_eq(session_save(t->path, account, &session), 0);
}

/* What busyd itself ends with does not keep anybody from logging out. */
Test(state_damage, what_was_given_back_is_not_owed_but_what_was_put_there_ahead_may_be) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_claim c = example_claim("work", "presence"), other = example_claim("home", "presence");

        make_session(&t, "work");
        make_session(&t, "home");
        c.owed.unsure = c.owed.given_back = true;
        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_expect_eq(state_owes(t.path, "work"), 0);
        cr_assert_eq(unlink(temp_path(&t, "session-work.json")), 0);
        state_look_again(s, NULL, NULL);
        cr_expect_str_eq(state_problem(s), "", "nothing is there that a login gives back");
        cr_assert_eq(state_put_claim(s, &other), 0);
        cr_expect_eq(state_owes(t.path, "work"), 0, "another account's");
        c.owed.ahead = true;
        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_expect_eq(state_owes(t.path, "work"), 1);
        c = example_claim("work", "profile");
        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_expect_eq(state_owes(t.path, "work"), 1);
        state_free(s);
}

Test(state_damage, damaged_journal_gives_what_is_whole) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(free) char *text = NULL;
        struct state *s = open_state(&t, NULL);
        struct state_claim c = example_claim("work", "presence"), back;
        struct told told = { 0 };

        make_session(&t, "work");
        cr_assert_eq(state_put_claim(s, &c), 0);
        c.output = "profile";
        cr_assert_eq(state_put_claim(s, &c), 0);
        state_free(s);
        cr_assert_eq(file_read(temp_path(&t, "claims.json"), 8192, &text, NULL), 0);
        *strstr(text, "profile") = 'x';
        temp_write(&t, "claims.json", text);
        cr_expect_eq(state_owes(t.path, "work"), 1);

        s = open_state(&t, &told);
        cr_expect_eq(told.n, 1);
        cr_expect_eq(state_get_claim(s, "work", "presence", &back), 0);
        cr_expect(claim_value_equal(&back.owed.prior, &c.owed.prior));
        cr_expect_eq(state_claim_at(s, 1, &back), -ENOENT, "a changed one is used");
        cr_expect(strstr(state_problem(s), "claims.json was damaged"), "%s", state_problem(s));
        state_free(s);
        s = open_state(&t, &told);
        cr_expect_eq(told.n, 1, "told once");
        cr_expect_str_eq(state_problem(s), "");
        cr_expect_eq(state_get_claim(s, "work", "presence", &back), 0);
        state_free(s);
}

Test(state_damage, missing_journal_is_told) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);

        cr_expect_str_eq(state_problem(s), "", "a fresh start");
        cr_assert_eq(state_add_change(s, &(struct state_change){ 1, true, "a call" }), 0);
        state_free(s);
        s = open_state(&t, NULL);
        cr_expect_str_eq(state_problem(s), "", "nothing was ever owed");
        state_free(s);
        cr_assert_eq(file_remove(temp_path(&t, "claims.json")), 0);
        s = open_state(&t, NULL);
        cr_expect(strstr(state_problem(s), "claims.json is missing"), "%s", state_problem(s));
        state_free(s);
        s = open_state(&t, NULL);
        cr_expect_str_eq(state_problem(s), "", "told once");
        state_free(s);
}

/* Files that are of no use any more still tell that there was an earlier start. */
Test(state_damage, missing_journal_is_told_whatever_became_of_the_rest) {
        static const char *const texts[] = { "", "{\"version\":2,\"entr", "{\"version\":1,\"entries\":[]}" };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                struct state_claim c;
                struct state *s;

                temp_write(&t, "history.json", texts[i]);
                s = open_state(&t, NULL);
                cr_expect(strstr(state_problem(s), "claims.json is missing"), "%s: %s", texts[i], state_problem(s));
                cr_expect_eq(state_get_claim(s, "work", "presence", &c), -ENODATA, "%s", texts[i]);
                state_free(s);
                s = open_state(&t, NULL);
                cr_expect_str_eq(state_problem(s), "", "told once");
                state_free(s);
        }
}

/* As a login leaves it before the first start. */
Test(state_damage, a_session_alone_tells_of_no_earlier_start) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state_claim c;
        struct state *s;

        make_session(&t, "work");
        s = open_state(&t, NULL);
        cr_expect_str_eq(state_problem(s), "");
        cr_expect_eq(state_get_claim(s, "work", "presence", &c), -ENOENT);
        state_free(s);
}

static bool is_work(void *userdata, const char *account) {
        return streq(account, userdata);
}

Test(state_damage, what_is_owed_without_a_session_is_told) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_claim c = example_claim("work", "presence");

        make_session(&t, "work");
        cr_assert_eq(state_put_claim(s, &c), 0);
        state_look_again(s, NULL, NULL);
        cr_expect_str_eq(state_problem(s), "");
        cr_assert_eq(session_remove(t.path, "work"), 0);
        state_free(s);
        s = open_state(&t, NULL);
        state_look_again(s, NULL, NULL);
        cr_expect(strstr(state_problem(s), "busyctl login work"), "%s", state_problem(s));
        state_look_again(s, is_work, (char *) "work");
        cr_expect_str_eq(state_problem(s), "", "its token is elsewhere");
        state_look_again(s, is_work, (char *) "home");
        cr_expect(strstr(state_problem(s), "busyctl login work"), "%s", state_problem(s));
        make_session(&t, "work");
        state_look_again(s, NULL, NULL);
        cr_expect_str_eq(state_problem(s), "");
        state_free(s);
}

/* It says so as long as it is so. */
Test(state_damage, what_was_given_back_without_a_session_is_to_be_looked_at_again) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_claim c = example_claim("work", "presence");

        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_expect_not(state_is_out_of_date(s), "nothing was said");
        state_look_again(s, NULL, NULL);
        cr_expect(strstr(state_problem(s), "its session is gone"), "%s", state_problem(s));
        cr_expect_not(state_is_out_of_date(s), "nothing has changed");
        c.owed.given_back = true;
        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_expect(state_is_out_of_date(s));
        state_look_again(s, NULL, NULL);
        cr_expect_str_eq(state_problem(s), "");
        cr_expect_not(state_is_out_of_date(s));
        c.owed.given_back = false;
        cr_assert_eq(state_put_claim(s, &c), 0);
        state_look_again(s, NULL, NULL);
        cr_assert_eq(state_remove_claim(s, "work", "presence"), 0);
        cr_expect(state_is_out_of_date(s));
        state_free(s);
}

/* What a login would not bring back, where the file only has to be put right. */
Test(state_damage, what_is_owed_with_a_session_that_is_refused_is_told_with_what_helps) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *s = open_state(&t, NULL);
        struct state_claim c = example_claim("work", "presence");
        const char *file = temp_path(&t, "session-work.json");

        make_session(&t, "work");
        cr_assert_eq(state_put_claim(s, &c), 0);
        cr_assert_eq(chmod(file, 0644), 0);
        state_look_again(s, NULL, NULL);
        cr_expect(strstr(state_problem(s), "cannot be used: see that ") && strstr(state_problem(s), file) &&
                          strstr(state_problem(s), "0600") && strstr(state_problem(s), "busyctl reload"),
                  "%s", state_problem(s));
        cr_expect_not(strstr(state_problem(s), "busyctl login"), "%s", state_problem(s));
        cr_assert_eq(chmod(file, 0600), 0);
        state_look_again(s, NULL, NULL);
        cr_expect_str_eq(state_problem(s), "");
        temp_write(&t, "session-work.json", "{");
        state_look_again(s, NULL, NULL);
        cr_expect(strstr(state_problem(s), "cannot be used: log in again: busyctl login work"), "%s",
                  state_problem(s));
        state_free(s);
}

static int make_fifo(const char *path) {
        return mkfifo(path, 0600);
}

static int make_folder(const char *path) {
        return mkdir(path, 0700);
}

static int make_loop(const char *path) {
        return symlink(path, path);
}

static int make_open(const char *path) {
        return file_write(path, "{\"version\":1,\"entries\":[" GOOD "]}", sizeof(GOOD) + 26, 0666);
}

/* Whatever stands in the place of a file is moved away, and the rest goes on. */
Test(state_damage, strange_files_are_put_aside, .timeout = 30) {
        static int (*const make[])(const char *) = { make_fifo, make_folder, make_loop, make_open };
        static const char *const files[] = { "claims.json",  "accounts.json", "mode.json",
                                             "history.json", "ignore.json",   "lock" };

        for (size_t i = 0; i < ARRAY_SIZE(make); i++) {
                SCOPED(temp_dir) struct temp_dir t = temp_dir();
                struct state_claim c = example_claim("work", "presence"), back;
                struct told told = { 0 };
                struct state *s, *second = NULL;

                for (size_t k = 0; k < ARRAY_SIZE(files); k++)
                        cr_assert_eq(make[i](temp_path(&t, files[k])), 0);
                s = open_state(&t, &told);
                cr_expect_eq(told.n, ARRAY_SIZE(files) - 1, "%zu", i);
                cr_expect_eq(state_claim_at(s, 0, &back), -ENOENT, "read from a file that others may write");
                cr_expect_eq(state_open(&second, t.path, NULL, NULL), -EBUSY, "%zu: not locked", i);
                cr_expect_eq(state_put_claim(s, &c), 0, "%zu", i);
                state_free(s);
                s = open_state(&t, &told);
                cr_expect_eq(state_get_claim(s, "work", "presence", &back), 0, "%zu", i);
                state_free(s);
        }
}

/* `error`: what the folder gives to whoever writes there. */
static void on_read_only(const struct temp_dir *t, int error) {
        struct state_claim c = example_claim("work", "presence"), back;
        struct state *s = NULL;

        cr_assert_eq(state_open(&s, t->path, NULL, NULL), 0, "does not start");
        cr_expect_eq(state_get_claim(s, "work", "presence", &back), 0, "what is owed is not read");
        cr_expect(strstr(state_problem(s), "nothing can be kept"), "%s", state_problem(s));
        c.output = "profile";
        cr_expect_eq(state_put_claim(s, &c), -error, "it is not on disk");
        cr_expect_eq(state_put_mode(s, &(struct state_mode){ .mode = MODE_FREE }), 0);
        cr_expect_neq(state_run(s, 1), USEC_NEVER, "tried again");
        state_free(s);
}

/* A file system of its own, in a name space of its own; where that cannot be had, a folder that cannot be written to.
 */
Test(state_damage, read_only_folder) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state_claim c = example_claim("work", "presence");
        struct state *s = open_state(&t, NULL);
        bool mounted;

        cr_assert_eq(state_put_claim(s, &c), 0);
        state_free(s);
        mounted = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                  mount(t.path, t.path, NULL, MS_BIND, NULL) == 0 &&
                  mount(NULL, t.path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
        if (mounted || geteuid() != 0) {
                cr_assert(mounted || chmod(t.path, 0500) == 0);
                on_read_only(&t, mounted ? EROFS : EACCES);
                if (mounted)
                        (void) umount2(t.path, MNT_DETACH);
                else
                        (void) chmod(t.path, 0700);
        } else
                cr_skip_test("neither a file system of its own nor a folder without rights can be had");
}
