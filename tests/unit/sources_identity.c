/* Which application a control group or a name belongs to. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/identity.h"
#include "util_temp.h"

static const struct row {
        const char *what, *from, *identity;
} cgroup_rows[] = {
        { "1 scope of a launcher", "0::/user.slice/app.slice/app-gnome-org.gnome.Calls-1234.scope\n",
          "org.gnome.Calls" },
        { "2 escaped dash", "0::/user.slice/app.slice/app-gnome-google\\x2dchrome-77.scope\n", "google-chrome" },
        { "3 scope without a launcher", "0::/app.slice/app-im.dino.Dino-5.scope\n", "im.dino.Dino" },
        { "4 scope without a random part", "0::/app.slice/app-foo.scope\n", "" },
        { "5 service with an instance", "0::/app.slice/app-org.kde.konsole@abc.service\n", "org.kde.konsole" },
        { "6 service without one", "0::/app.slice/app-foo.service\n", "foo" },
        { "7 Flatpak", "0::/app.slice/app-flatpak-us.zoom.Zoom-99.scope\n", "zoom" },
        { "8 activated by the bus", "0::/app.slice/dbus-:1.2-org.gnome.Calls@0.service\n", "org.gnome.Calls" },
        { "9 Snap", "0::/app.slice/snap.slack.slack-123-4.scope\n", "slack" },
        { "10 a group of its own below", "0::/app.slice/app-foo-1.scope/inner\n", "foo" },
        { "11 old hierarchy", "12:pids:/user.slice\n1:name=systemd:/u/app-foo-1.scope\n", "foo" },
        { "12 a session", "0::/user.slice/user-1000.slice/session-2.scope\n", "" },
        { "13 nothing", "", "" },
        { "14 no path", "nonsense\n\n", "" },
        { "15 broken escapes", "0::/app.slice/app-a\\xzz\\x-1.scope\n", "a\\xzz\\x" },
        { "16 nothing but dashes", "0::/app.slice/app---.scope\n", "" },
        { "17 empty names", "0::/app.slice/app-.service/snap./app-.scope\n", "" },
};

Test(identity, of_control_groups) {
        for (size_t i = 0; i < ARRAY_SIZE(cgroup_rows); i++) {
                const struct row *row = &cgroup_rows[i];
                char buf[64];

                cr_assert_str_eq(identity_of_cgroup(buf, sizeof(buf), row->from), row->identity, "%s: %s", row->what,
                                 buf);
        }
}

static const struct row name_rows[] = {
        { "1 path of a program", "/opt/google/chrome/chrome", "google-chrome" },
        { "2 Debian's", "/usr/lib/chromium/chromium", "chromium" },
        { "3 desktop entry", "im.dino.Dino.desktop", "im.dino.Dino" },
        { "10 ends like a desktop entry", "org.telegram.desktop", "org.telegram.desktop" },
        { "11 and its desktop entry", "org.telegram.desktop.desktop", "org.telegram.desktop" },
        { "4 in another case", "Chrome", "google-chrome" },
        { "5 unknown", "/opt/some/thing", "thing" },
        { "6 ends with a slash", "thing/", "thing/" },
        { "7 empty", "", "" },
        { "8 only a suffix", ".desktop", ".desktop" },
        { "9 control characters", "a\nb", "a b" },
};

Test(identity, of_names) {
        for (size_t i = 0; i < ARRAY_SIZE(name_rows); i++) {
                const struct row *row = &name_rows[i];
                char buf[64];

                cr_assert_str_eq(identity_of_name(buf, sizeof(buf), row->from), row->identity, "%s: %s", row->what,
                                 buf);
        }
}

Test(identity, is_cut_to_the_buffer) {
        char buf[4];

        cr_assert_str_eq(identity_of_name(buf, sizeof(buf), "abcdefgh"), "abc");
        cr_assert_str_eq(identity_of_cgroup(buf, sizeof(buf), "0::/app-abcdefgh-1.scope\n"), "abc");
}

Test(identity, of_this_process) {
        char buf[64];

        cr_assert_neq(identity_of_pid(buf, sizeof(buf), getpid())[0], '\0');
        cr_assert_str_eq(identity_of_pid(buf, sizeof(buf), 0), "");
        cr_assert_str_eq(identity_of_pid(buf, sizeof(buf), -1), "");
}

/* Under a name of its own, started by this process. */
static pid_t start(const char *program) {
        int started[2];
        char nothing;
        pid_t pid;

        cr_assert_eq(pipe2(started, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                (void) execl(program, program, "60", (char *) NULL);
                _exit(1);
        }
        close(started[1]);
        cr_assert_eq(read(started[0], &nothing, 1), 0);
        close(started[0]);
        return pid;
}

static bool has_line(const char *lines, const char *line) {
        char wanted[128];

        (void) snprintf(wanted, sizeof(wanted), "%s\n", line);
        return strncmp(lines, wanted, strlen(wanted)) == 0 || strstr(lines, wanted);
}

Test(identity, are_all_that_a_process_goes_by_and_who_has_started_it) {
        __attribute__((cleanup(temp_dir_scoped))) struct temp_dir dir = temp_dir();
        const char *helper = temp_path(&dir, "browser-helper"), *runtime = temp_path(&dir, "python3");
        char buf[512], own[64];
        pid_t pid;

        cr_assert_eq(symlink("/bin/sleep", helper), 0);
        pid = start(helper);
        (void) identities_of_pid(buf, sizeof(buf), pid);
        cr_assert(has_line(buf, "browser-helper"), "%s", buf);
        cr_assert(has_line(buf, identity_of_pid(own, sizeof(own), getpid())), "%s", buf);
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        cr_assert_str_eq(identities_of_pid(buf, sizeof(buf), pid), "");

        cr_assert_eq(symlink("/bin/sleep", runtime), 0);
        pid = start(runtime);
        (void) identities_of_pid(buf, sizeof(buf), pid);
        cr_assert_not(has_line(buf, "python3"), "%s", buf);
        cr_assert(has_line(buf, own), "%s", buf);
        cr_assert_str_eq(identities_of_pid(buf, 4, pid), "");
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        cr_assert_str_eq(identities_of_pid(buf, sizeof(buf), 0), "");
}
