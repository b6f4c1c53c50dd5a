/* Which application a control group or a name belongs to. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "sources/identity.h"

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
