/* What busyctl calls sessions. The file under test belongs to a program, not to a library: it
 * is taken in whole. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busyctl/sessions.c"
#include "util/clock.h"

void complain(const char *format, ...) {
        cr_assert_fail("nothing to complain of");
}

static char root[] = "/tmp/busyctl-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void set_up(void) {
        cr_assert(mkdtemp(root));
        cr_assert_eq(chdir(root), 0);
        cr_assert_eq(mkdir("state", 0700), 0);
}

static void tear_down(void) {
        cr_assert_eq(chdir("/"), 0);
        (void) nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(busyctl_sessions, .init = set_up, .fini = tear_down);

static void save(const char *folder, const char *name, const char *user) {
        const struct session s = {
                .homeserver = (char *) "https://example.org",
                .user_id = (char *) user,
                .device_id = (char *) "DEVICE",
                .access_token = (char *) "token",
        };

        cr_assert_eq(session_save(folder, name, &s), 0);
}

static void expect_name(const char *user, const char *expected) {
        SCOPED(free) char *name = NULL;

        cr_assert_eq(sessions_name_for("state", user, &name), 0, "%s", user);
        cr_assert_str_eq(name, expected, "%s: %s", user, name);
        cr_assert(account_name_is_valid(name));
}

Test(busyctl_sessions, names) {
        expect_name("@me:example.org", "default");
        save("state", "home", "@me:example.org");
        expect_name("@me:example.org", "home");
        expect_name("@you:example.org", "default");
        save("state", "default", "@first:example.org");
        expect_name("@you:example.org", "you");
        expect_name("@a.b=c/d:example.org", "a-b-c-d");
        expect_name("@:example.org", "account");
        save("state", "you", "@you:example.com");
        expect_name("@you:example.org", "you-2");
        save("state", "you-2", "@you:example.net");
        expect_name("@you:example.org", "you-3");
        expect_name("@you:example.net", "you-2");
}

static void expect_user(const char *local, const char *homeserver, const char *expected) {
        SCOPED(free) char *user = NULL;

        cr_assert_eq(sessions_user_of("state", local, homeserver, &user), expected != NULL, "%s", homeserver);
        if (expected)
                cr_assert_str_eq(user, expected, "%s at %s", local, homeserver);
}

Test(busyctl_sessions, who_is_at_a_homeserver) {
        expect_user("me", "https://example.org", NULL);
        save("state", "home", "@me:example.com");
        expect_user("me", "https://example.org", "@me:example.com");
        expect_user("me", "HTTPS://example.org//", "@me:example.com");
        expect_user("me", "Example.com", "@me:example.com");
        expect_user("me", "example.org", NULL);
        expect_user("me", "https://example.com", NULL);
        expect_user("m", "https://example.org", NULL);
        expect_user("me", "https://Example.ORG:443", "@me:example.com");
        expect_user("me", "https://example.org:8448", NULL);
        expect_user("me", "http://example.org", NULL);
        expect_user("me", "https://example.org/matrix", NULL);
        expect_user("me", "https://", NULL);
}

Test(busyctl_sessions, a_long_user_still_gets_a_name) {
        char user[300] = "@";
        SCOPED(free) char *name = NULL, *second = NULL;

        memset(user + 1, 'x', 200);
        (void) snprintf(user + 201, sizeof(user) - 201, ":example.org");
        save("state", "default", "@first:example.org");
        cr_assert_eq(sessions_name_for("state", user, &name), 0);
        cr_assert(account_name_is_valid(name));
        save("state", name, "@other:example.org");
        cr_assert_eq(sessions_name_for("state", user, &second), 0);
        cr_assert(account_name_is_valid(second));
        cr_assert_str_neq(name, second);
        cr_assert(strlen(name) <= ACCOUNT_NAME_NEW_MAX && strlen(second) <= ACCOUNT_NAME_NEW_MAX, "%s", second);
}

Test(busyctl_sessions, no_more_than_there_may_be) {
        SCOPED(free) char *name = NULL;

        for (unsigned i = 0; i < ACCOUNTS_MAX; i++) {
                char text[32], user[48];

                (void) snprintf(text, sizeof(text), "n%u", i);
                (void) snprintf(user, sizeof(user), "@%s:example.org", text);
                save("state", text, user);
        }
        cr_assert_eq(sessions_name_for("state", "@new:example.org", &name), -E2BIG);
        cr_assert_null(name);
        expect_name("@n3:example.org", "n3");
}

static const struct {
        const char *what, *user;
        bool may_be;
} owners[] = {
        { "the same", "@me:example.org", true }, { "not known yet", NULL, true },
        { "only the local part", "me", true },   { "another server", "@me:example.com", false },
        { "another local part", "you", false },  { "a longer local part", "mee", false },
        { "a shorter local part", "m", false },
};

Test(busyctl_sessions, whose_a_session_is) {
        const struct session s = { .user_id = (char *) "@me:example.org" };

        for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
                cr_assert_eq(session_may_be_of(&s, owners[i].user), owners[i].may_be, "%s", owners[i].what);
}

/* Until the kernel has somebody, the parent, who waits for a lock of this process ("->" before the kind). */
static void wait_for_waiter(void) {
        usec_t deadline = usec_add(clock_now(), 10 * USEC_PER_SEC);
        char *line = NULL;
        size_t size = 0;
        bool waits = false;

        while (!waits && clock_now() < deadline) {
                FILE *f = fopen("/proc/locks", "re");
                char pid[24];

                (void) snprintf(pid, sizeof(pid), " %d ", getppid());
                while (f && getline(&line, &size, f) > 0)
                        waits = waits || (strstr(line, "->") && strstr(line, pid));
                if (f)
                        (void) fclose(f);
                (void) sched_yield();
        }
        free(line);
}

/* As soon as it is let go, and by whoever, also by an end. */
Test(busyctl_sessions, a_lock_is_waited_for) {
        int told[2], lock;
        pid_t pid;

        cr_assert_eq(pipe(told), 0);
        pid = fork();
        if (pid == 0) {
                char c = (char) (session_lock("state", "home") >= 0);

                (void) !write(told[1], &c, 1);
                wait_for_waiter();
                _exit(0);
        }
        cr_assert(read(told[0], &(char){ 0 }, 1) == 1);
        lock = session_lock_wait("state", "home", 20 * USEC_PER_SEC);
        cr_expect_geq(lock, 0, "%s", strerror(-lock));
        cr_expect_eq(session_lock("state", "home"), -EBUSY);
        cr_expect_eq(session_lock_wait("state", "home", 20 * USEC_PER_MSEC), -EBUSY, "waited for no longer than this");
        session_unlock(lock);
        lock = sessions_lock("state", "home");
        cr_expect_geq(lock, 0);
        session_unlock(lock);
        cr_expect_eq(waitpid(pid, NULL, 0), pid);
}
