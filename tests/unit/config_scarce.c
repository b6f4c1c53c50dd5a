/* The configuration without memory: all of it, or none and an error. */
#include <errno.h>

#include "config/config.h"
#include "scarce/scarce.h"
#include "util_temp.h"

static const char text[] = "[busyd]\n"
                           "on-busy = notify-send 'on a call'\n"
                           "on-free = ~/bin/free\n"
                           "call-cap = 2h\n"
                           "[account home]\n"
                           "homeserver = https://home.example.org\n"
                           "user-id = @me:home.example.org\n"
                           "ca-file = /etc/ca.pem\n"
                           "message = In a meeting\n"
                           "[account work]\n"
                           "message = Busy\n"
                           "token-command = pass show matrix\n"
                           "[source pipewire]\n"
                           "ignore = obs recorder\n"
                           "ignore = third\n"
                           "call-apps = softphone\n"
                           "reasons = strong softphone in a call\n"
                           "[account third]\n"
                           "presence = off\n";

static void expect_all(const struct config *c, const char *where) {
        const struct account_config *home = config_account(c, "home"), *work = config_account(c, "work");
        const struct source_config *pipewire = config_source(c, "pipewire");

        cr_assert_eq(c->n_accounts, 3, "%s", where);
        cr_assert(c->on_busy && c->on_free, "a key is dropped, %s", where);
        cr_assert(home->homeserver && home->user_id && home->ca_file, "a key is dropped, %s", where);
        cr_assert_str_eq(home->settings.message, "In a meeting", "%s", where);
        cr_assert_str_eq(work->settings.message, "Busy", "%s", where);
        cr_assert_not_null(work->token_command, "%s", where);
        cr_assert_not_null(config_account(c, "third")->settings.message, "%s", where);
        cr_assert(pipewire->ignore && pipewire->ignore[0] && pipewire->ignore[1] && pipewire->ignore[2], "%s", where);
        cr_assert_str_eq(pipewire->ignore[2], "third", "%s", where);
        cr_assert(pipewire->call_apps && pipewire->call_apps[0], "%s", where);
        cr_assert(pipewire->reasons && pipewire->reasons[0], "%s", where);
}

static void load_all(const struct temp_dir *t, bool of_its_own) {
        static struct told told;

        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(config_free) struct config *c = NULL;
                int r;

                told.n = 0;
                scarce_begin(&s);
                r = config_load(&c, of_its_own ? temp_path(t, "busyd/busyd.conf") : NULL, told_add, &told);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s: %s", r, scarce_where(&s),
                          told.n > 0 ? told.sentences[0] : "");
                if (r == 0)
                        expect_all(c, scarce_where(&s));
        }
}

Test(config_scarce, each_key_is_read_or_the_whole_fails) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        cr_assert_eq(dir_make(temp_path(&t, "busyd")), 0);
        temp_write(&t, "busyd/busyd.conf", text);
        load_all(&t, true);
        cr_assert_eq(setenv("XDG_CONFIG_HOME", t.path, 1), 0);
        load_all(&t, false);
}
