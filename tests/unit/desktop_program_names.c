#include <criterion/criterion.h>
#include <stdio.h>

#include "desktop/program-names.h"

/* By its name on the bus, or what it says of itself. */
static bool is_on_call(const char *player, const char *apps) {
        char name[64];

        return program_is_among(program_name_of(name, sizeof(name), player), apps);
}

Test(program_names, are_without_instance_and_domain) {
        static const struct {
                const char *name, *wanted;
        } rows[] = {
                { "mpv", "mpv" },
                { "firefox.instance_1_84", "firefox" },
                { "chromium.instance4711", "chromium" },
                { "io.bassi.Amberol", "Amberol" },
                { "com.github.neithern.g4music", "g4music" },
                { "io.github.player.Celluloid.instance-1", "Celluloid" },
                { "org.telegram.desktop", "telegram" },
                { "signal-desktop.desktop", "signal-desktop" },
                { ".instance", "instance" },
                { "odd.", "odd." },
                { "", "" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char name[64];

                cr_expect_str_eq(program_name_of(name, sizeof(name), rows[i].name), rows[i].wanted);
        }
}

Test(program_names, are_cut_to_what_there_is_room_for) {
        char name[8];

        cr_assert_str_eq(program_name_of(name, sizeof(name), "org.example.TheirPlayer"), "TheirPl");
}

Test(program_names, tell_the_program_of_the_call) {
        static const struct {
                const char *player, *apps;
                bool is;
        } rows[] = {
                { "mpv", "MPV Calls", true },
                { "firefox.instance_1_84", "zoom\nfirefox", true },
                { "chrome.instance7", "google-chrome", true },
                { "brave.instance7", "brave-browser", true },
                { "org.telegram.desktop", "org.telegram.desktop", true },
                { "io.element.Element", "element-desktop", true },
                /* Domains have words in common that say nothing, and so do parts of words. */
                { "io.bassi.Amberol", "io.element.Element", false },
                { "com.github.neithern.g4music", "com.discordapp.Discord", false },
                { "org.gnome.Music", "org.gnome.Calls", false },
                { "org.telegram.desktop", "signal-desktop", false },
                { "zoom", "zoomer", false },
                { "sky", "skypeforlinux", false },
                { "\xc3\xa9", "caf\xc3\xa9", false },
                { "spotify", "zoom\nfirefox", false },
                { "", "zoom", false },
                { "zoom", "", false },
                { "zoom\nfirefox", "zoom", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_expect_eq(is_on_call(rows[i].player, rows[i].apps), rows[i].is, "\"%s\" in \"%s\"", rows[i].player,
                             rows[i].apps);
}
