/* busyd.conf: good values, wrong ones and what is told of them, and file over file. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/keys.h"
#include "sources/source.h"
#include "util/log.h"
#include "util_temp.h"

/* Loads `text` as the file "c" of the folder. */
static struct config *load(const struct temp_dir *t, const char *text, struct told *told) {
        struct config *c = NULL;
        int r;

        temp_write(t, "c", text);
        r = config_load(&c, temp_path(t, "c"), told_add, told);
        cr_assert_eq(r, (int) told->n);
        return c;
}

Test(config, defaults) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct told told = { 0 };
        SCOPED(config_free) struct config *c = load(&t, "", &told);
        const struct account_config *a = config_account(c, "work");
        const struct source_config *s = config_source(c, "pipewire");

        cr_assert_eq(told.n, 0);
        cr_expect_eq(c->policy.start_delay, 0);
        cr_expect_eq(c->policy.hint_delay, 3 * USEC_PER_SEC);
        cr_expect_eq(c->policy.proof_grace, 5 * USEC_PER_SEC);
        cr_expect_eq(c->policy.hint_grace, 10 * USEC_PER_SEC);
        cr_expect_eq(c->policy.ringing, RINGING_NO);
        cr_expect_not(c->policy.count_weak);
        cr_expect_eq(c->log_level, LOG_INFO);
        cr_expect(a->enabled);
        cr_expect_eq(a->settings.presence, PRESENCE_AUTO);
        cr_expect_str_eq(a->settings.message, "In a call");
        cr_expect_eq(a->settings.poll_timeout, 10 * USEC_PER_MIN);
        cr_expect_eq(a->settings.poll_pause, 5 * USEC_PER_SEC);
        cr_expect_eq(a->settings.refresh_interval, 0);
        cr_expect_eq(a->settings.call_cap, 4 * USEC_PER_HOUR);
        cr_expect_null(a->ca_file);
        cr_expect_null(a->token_command);
        cr_expect_null(a->appservice_token_file);
        cr_expect(a->settings.profile_call);
        cr_expect(s->enabled);
        cr_expect_null(s->ignore);
        cr_expect_null(s->only);
}

Test(config, everything_set) {
        static const char text[] = "\357\273\277; a comment\r\n"
                                   "[busyd]\r\n"
                                   "start-delay = 1s\nhint-delay=2s\n\tend-grace: 3s\nhint-end-grace = 4 s\n"
                                   "ringing = all\nweak-evidence = count\nlog-level = debug\n"
                                   "call-cap = 1h ; a comment\n"
                                   "on-busy = ~/bin/light \"on \"\non-free = x\non-free =\nhook-time-limit = 1min\n"
                                   "[account work]\n"
                                   "enabled = no\npresence = status\nmessage =\nca-file = /ca.pem\n"
                                   "token-command = pass show \"a = b\"\npoll-timeout = 30s\npoll-pause = 0\n"
                                   "refresh-interval = 20s\nprofile-call = no\n"
                                   "appservice-token-file = /as\n"
                                   "[source pipewire]\nonly = a*  b\n"
                                   "[account  home]\nmessage = \303\244h\n"
                                   "[source pipewire]\nenabled = off\nonly = c\nignore = x\nignore =\nignore = y\n";
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct told told = { 0 };
        SCOPED(config_free) struct config *c = load(&t, text, &told);
        const struct account_config *a = config_account(c, "work");
        const struct source_config *s = config_source(c, "pipewire");

        cr_assert_eq(told.n, 0, "%s", told.sentences[0]);
        cr_expect_eq(c->policy.start_delay, USEC_PER_SEC);
        cr_expect_eq(c->policy.hint_delay, 2 * USEC_PER_SEC);
        cr_expect_eq(c->policy.proof_grace, 3 * USEC_PER_SEC);
        cr_expect_eq(c->policy.hint_grace, 4 * USEC_PER_SEC);
        cr_expect_eq(c->policy.ringing, RINGING_ALL);
        cr_expect(c->policy.count_weak);
        cr_expect_eq(c->log_level, LOG_DEBUG);
        cr_expect_str_eq(c->on_busy, "~/bin/light \"on \"");
        cr_expect_null(c->on_free);
        cr_expect_eq(c->hook_time_max, USEC_PER_MIN);
        cr_expect_eq(c->n_accounts, 2);
        cr_expect_not(a->settings.profile_call);
        cr_expect_str_eq(a->appservice_token_file, "/as");
        cr_expect_not(a->enabled);
        cr_expect_eq(a->settings.presence, PRESENCE_STATUS);
        cr_expect_str_eq(a->settings.message, "");
        cr_expect_str_eq(a->ca_file, "/ca.pem");
        cr_expect_str_eq(a->token_command, "pass show \"a = b\"");
        cr_expect_eq(a->settings.poll_timeout, 30 * USEC_PER_SEC);
        cr_expect_eq(a->settings.poll_pause, 0);
        cr_expect_eq(a->settings.refresh_interval, 20 * USEC_PER_SEC);
        cr_expect_eq(a->settings.call_cap, USEC_PER_HOUR);
        cr_expect_str_eq(config_account(c, "home")->settings.message, "\303\244h");
        cr_expect_eq(config_account(c, "none")->settings.call_cap, USEC_PER_HOUR);
        cr_expect_eq(c->n_sources, 1);
        cr_expect_not(s->enabled);
        cr_expect_str_eq(s->only[0], "a*");
        cr_expect_str_eq(s->only[1], "b");
        cr_expect_str_eq(s->only[2], "c");
        cr_expect_null(s->only[3]);
        cr_expect_str_eq(s->ignore[0], "y");
        cr_expect_null(s->ignore[1]);
}

#define LONG40  "0123456789012345678901234567890123456789"
#define LONG200 LONG40 LONG40 LONG40 LONG40 LONG40

static const struct {
        const char *text, *told; /* what comes after the path */
} wrong[] = {
        { "[busyd]\nstart-delay = 5 parsecs\n",
          ":2: [busyd] start-delay = \"5 parsecs\" is not a duration from 0s to 1h; 0s stays in force" },
        { "[busyd]\nhint-delay = 2h\n",
          ":2: [busyd] hint-delay = \"2h\" is not a duration from 0s to 1h; 3s stays in force" },
        { "[busyd]\nend-grace = 1s\nend-grace =\n",
          ":3: [busyd] end-grace = \"\" is not a duration from 0s to 1h; 1s stays in force" },
        { "[busyd]\nhint-end-grace = infinity\n",
          ":2: [busyd] hint-end-grace = \"infinity\" is not a duration from 0s to 1h; 10s stays in force" },
        { "[busyd]\nringing = incoming\n",
          ":2: [busyd] ringing = \"incoming\" is not no, outgoing or all; no stays in force" },
        { "[busyd]\nweak-evidence = yes\n",
          ":2: [busyd] weak-evidence = \"yes\" is not ignore or count; ignore stays in force" },
        { "[busyd]\nlog-level = loud\n",
          ":2: [busyd] log-level = \"loud\" is not error, warning, notice, info or debug; info stays in force" },
        { "[busyd]\ncall-cap = 1s\n",
          ":2: [busyd] call-cap = \"1s\" is not a duration from 1min to 7d; 4h stays in force" },
        { "[busyd]\non-busy = sh -c 'echo\n", ":2: [busyd] on-busy = ... is not a program (its name or "
                                              "absolute path) and at most 63 words, with "
                                              "quotes closed; none stays in force" },
        { "[busyd]\non-free = ok\non-free = ./x\n", ":3: [busyd] on-free = ... is not a program (its name or "
                                                    "absolute path) and at most 63 words, with quotes "
                                                    "closed; the earlier command stays in force" },
        { "[busyd]\nhook-time-limit = 0\n",
          ":2: [busyd] hook-time-limit = \"0\" is not a duration from 1s to 1h; 30s stays in force" },
        { "[account work]\nenabled = maybe\n",
          ":2: [account work] enabled = \"maybe\" is not yes or no; yes stays in force" },
        { "[account work]\npresence = away\n",
          ":2: [account work] presence = \"away\" is not auto, busy, status or off; auto stays in force" },
        { "[account work]\nmessage = a\377b\n",
          ":2: [account work] message = \"a?b\" is not text in UTF-8 without control "
          "characters; \"In a call\" stays in force" },
        { "[account work]\nca-file = ca.pem\n",
          ":2: [account work] ca-file = \"ca.pem\" is not an absolute path; \"\" stays in force" },
        { "[account work]\nhomeserver = https://me:hunter2@matrix.example.org\n",
          ":2: [account work] homeserver = \"...@matrix.example.org\" is not an address like "
          "https://matrix.example.org, or a server name like example.org; \"\" stays in force" },
        { "[account work]\nuser-id = https://me:hunter@2@example.org\n",
          ":2: [account work] user-id = \"...@example.org\" is not a user id like @me:example.org; \"\" stays in "
          "force" },
        { "[account work]\nca-file = https://me:hunter2@example.org/ca.pem\n",
          ":2: [account work] ca-file = \"...@example.org/ca.pem\" is not an absolute path; \"\" stays in force" },
        { "[account work]\nappservice-token-file = hunter2\n",
          ":2: [account work] appservice-token-file = ... is not an absolute path; \"\" stays in force" },
        { "[account work]\nhomeserver = @me:example.org\n", ":2: [account work] homeserver = \"@me:example.org\" is "
                                                            "not an address like https://matrix.example.org, or a "
                                                            "server name like example.org; \"\" stays in force" },
        { "[account work]\nuser-id = me\n",
          ":2: [account work] user-id = \"me\" is not a user id like @me:example.org; \"\" stays in force" },
        { "[account work]\nuser-id = @:example.org\n", ":2: [account work] user-id = \"@:example.org\" is not a user "
                                                       "id like @me:example.org; \"\" stays in force" },
        { "[account work]\nuser-id = @me:\n",
          ":2: [account work] user-id = \"@me:\" is not a user id like @me:example.org; \"\" stays in force" },
        { "[account work]\nuser-id = @me:example org\n", ":2: [account work] user-id = \"@me:example org\" is not a "
                                                         "user id like @me:example.org; \"\" stays in force" },
        { "[account work]\nprofile-call = maybe\n",
          ":2: [account work] profile-call = \"maybe\" is not yes or no; yes stays in force" },
        { "[busyd]\ntray = maybe\n", ":2: [busyd] tray = \"maybe\" is not yes or no; no stays in force" },
        { "[busyd]\nweak-evidence = maybe\n",
          ":2: [busyd] weak-evidence = \"maybe\" is not ignore or count; ignore stays in force" },
        { "[source pipewire]\nreasons = often softphone a call\n",
          ":2: [source pipewire] reasons = \"often softphone a call\" is not \"weak|strong|proof PROGRAM REASON\", at "
          "most "
          "64 times; an empty list stays in force" },
        { "[account work]\npoll-timeout = 9s\n",
          ":2: [account work] poll-timeout = \"9s\" is not a duration from 10s to 1h; 10min stays in force" },
        { "[account work]\npoll-pause = 61s\n",
          ":2: [account work] poll-pause = \"61s\" is not a duration from 0s to 1min; 5s stays in force" },
        { "[busyd]\nstrat-delay = 5s\n",
          ":2: [busyd] has no key \"strat-delay\", did you mean \"start-delay\"? It is ignored" },
        { "[busyd]\nmessage = x\n",
          ":2: [busyd] has no key \"message\", did you mean \"message\" in [account NAME]? It is ignored" },
        { "[busyd]\npassword = hunter2\n", ":2: [busyd] has no key \"password\", it is ignored" },
        { "[acount work]\nmessage = x\nenabled = no\n",
          ":2: there is no section [acount work], did you mean [account NAME]? It is ignored" },
        { "[BUSYD]\nringing = all\n", ":2: there is no section [BUSYD], did you mean [busyd]? It is ignored" },
        { "[sources pipewire]\nenabled = no\n",
          ":2: there is no section [sources pipewire], did you mean [source NAME]? It is ignored" },
        { "[pipewire]\nenabled = no\n",
          ":2: there is no section [pipewire], did you mean [source pipewire]? It is ignored" },
        { "[hooks]\nx = y\n",
          ":2: there is no section [hooks], only [busyd], [account NAME] and [source NAME]; it is ignored" },
        { "[source pipewir]\nenabled = no\n",
          ":2: there is no source \"pipewir\", did you mean [source pipewire]? [source pipewir] is ignored" },
        { "[source ModemManager]\nenabled = no\n",
          ":2: there is no source \"ModemManager\", did you mean [source modemmanager]? [source ModemManager] is "
          "ignored" },
        { "[source gnome_inhibitor]\nenabled = no\n", ":2: there is no source \"gnome_inhibitor\", did you mean "
                                                      "[source gnome-inhibitors]? [source gnome_inhibitor] "
                                                      "is ignored" },
        { "[source telepathy]\nenabled = no\n",
          ":2: there is no source \"telepathy\" (\"busyctl sources\" lists them), [source telepathy] is ignored" },
        { "[source pipewire]\nenable = no\n",
          ":2: [source pipewire] has no key \"enable\", did you mean \"enabled\"? It is ignored" },
        { "[source pipewire]\nmessage = x\n",
          ":2: [source pipewire] has no key \"message\", did you mean \"message\" in [account NAME]? It is ignored" },
        { "[account work]\nProfile_Call = no\n",
          ":2: [account work] has no key \"Profile_Call\", did you mean \"profile-call\"? It is ignored" },
        { "[account work]\nhome-page = https://example.org\n",
          ":2: [account work] has no key \"home-page\", it is ignored" },
        { "[busyd x]\nringing = all\n", ":2: section [busyd] has no name, [busyd x] is ignored" },
        { "[account]\nenabled = no\n",
          ":2: section [account] should be [account NAME], with a name of letters, digits, "
          "\"_\" and \"-\"; it is ignored" },
        { "[source a b]\nenabled = no\n", ":2: section [source a b] should be [source NAME], with a name of letters, "
                                          "digits, \"_\" and \"-\"; it is ignored" },
        { "ringing = all\n", ":1: keys before the first section are ignored, did you mean to begin with [busyd]?" },
        { "[busyd]\nnonsense\n",
          ":2: the line is no section, no \"key = value\" and no comment; it and any like it are ignored" },
        { "[busyd] hint-delay = 1s\n", ":1: what stands behind \"]\" is ignored: each key has a line of its own" },
        { "\357\273\277\t[busyd]junk\r\n", ":1: what stands behind \"]\" is ignored: each key has a line of its own" },
        { "[busyd] ; a comment\n[account a]# one\n[busyd]\t\r\n[source jami]; one\n[busyd]x",
          ":5: what stands behind \"]\" is ignored: each key has a line of its own" },
        { "[busyd]\n[busyd\n",
          ":2: the line is no section, no \"key = value\" and no comment; it and any like it are ignored" },
        { "[account work]\n\nmessage = " LONG200 "\nenabled = no\n",
          ":3: the line is longer than 198 bytes, it is ignored" },
        { "[account " LONG40 "abc]\nenabled = no\n",
          ":2: the name of section [account 0123456789012345678901234567890123456789a...] "
          "is longer than 48 bytes, it is ignored" },
};

Test(config, every_sentence) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                struct told told = { 0 };
                SCOPED(config_free) struct config *c = load(&t, wrong[i].text, &told);
                char expected[1024];

                cr_expect_not_null(c, "the rest stays in force");
                (void) snprintf(expected, sizeof(expected), "%s%s", temp_path(&t, "c"), wrong[i].told);
                cr_expect_eq(told.n, 1, "%s", wrong[i].text);
                cr_expect_str_eq(told.sentences[0], expected);
        }
}

Test(config, which_account_was_meant) {
        char *const names[] = { (char *) "work", (char *) "default", NULL };

        cr_expect_str_eq(account_guess(names, "defualt"), "default");
        cr_expect_str_eq(account_guess(names, "Work"), "work");
        cr_expect_null(account_guess(names, "elsewhere"));
        cr_expect_null(account_guess(names + 2, "work"));
}

Test(config, the_rest_of_a_file_counts) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct told told = { 0 };
        SCOPED(config_free)
        struct config *c = load(
                &t, "[account work]\nmessage = " LONG200 "\nenabled = no\n[busyd]\nbad = 1\nringing = all", &told);

        cr_assert_eq(told.n, 2);
        cr_expect_str_eq(config_account(c, "work")->settings.message, "In a call", "nothing is cut");
        cr_expect_not(config_account(c, "work")->enabled);
        cr_expect_eq(c->policy.ringing, RINGING_ALL);
}

Test(config, nul_bytes) {
        static const char text[] = "[busyd]\nringing = all\0x\n";
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        SCOPED(config_free) struct config *c = NULL;
        struct told told = { 0 };

        cr_assert_eq(file_write(temp_path(&t, "c"), text, sizeof(text) - 1, 0600), 0);
        cr_assert_eq(config_load(&c, temp_path(&t, "c"), told_add, &told), 1);
        cr_expect_eq(c->policy.ringing, RINGING_NO);
        cr_expect_not_null(strstr(told.sentences[0], ":2: the line has a NUL byte"));
}

Test(config, limits) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct told told = { 0 };
        SCOPED(config_free) struct config *c = NULL;
        char text[8192] = "";
        size_t n = 0;

        for (int i = 0; i < ACCOUNTS_MAX + 2; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "[account a%d]\nenabled = no\n", i);
        n += (size_t) snprintf(text + n, sizeof(text) - n, "[source jami]\n");
        for (int i = 0; i < CONFIG_GLOBS_MAX + 1; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "only = x\n");
        c = load(&t, text, &told);
        cr_expect_eq(told.n, 3);
        cr_expect_eq(c->n_accounts, ACCOUNTS_MAX);
        cr_expect_not_null(strstr(told.sentences[2], "at most 64 patterns; the list of 64 so far stays in force"));
}

/* [source NAME] of each source of the product, and of nothing else. */
Test(config, every_source_has_its_section) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct told told = { 0 };
        SCOPED(config_free) struct config *c = NULL;
        char text[4096] = "";
        size_t n = 0, n_kinds = 0, n_names = 0;

        for (; source_kinds[n_kinds]; n_kinds++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "[source %s]\nenabled = no\n",
                                       source_kinds[n_kinds]->name);
        while (source_names[n_names])
                n_names++;
        c = load(&t, text, &told);
        cr_expect_eq(told.n, 0, "a name is missing in source_names: %s", told.sentences[0]);
        cr_expect_eq(c->n_sources, n_kinds);
        cr_expect_eq(n_names, n_kinds, "source_names has one that is no source");
}

Test(config, which_files) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct told told = { 0 };
        struct config *c = NULL;

        cr_assert_eq(setenv("XDG_CONFIG_HOME", t.path, 1), 0);
        cr_assert_eq(config_load(&c, NULL, told_add, &told), 0, "a missing file is fine");
        c = config_free(c);

        cr_assert_eq(dir_make(temp_path(&t, "busyd")), 0);
        temp_write(&t, "busyd/busyd.conf", "[busyd]\nringing = all\n");
        cr_assert_eq(config_load(&c, NULL, told_add, &told), 0);
        cr_expect_eq(c->policy.ringing, RINGING_ALL);
        c = config_free(c);

        temp_write(&t, "other", "[busyd]\nend-grace = 1s\n");
        cr_assert_eq(config_load(&c, temp_path(&t, "other"), told_add, &told), 0);
        cr_expect_eq(c->policy.ringing, RINGING_NO, "a given file is read instead");
        c = config_free(c);

        cr_assert_eq(config_load(&c, "/dev/null", told_add, &told), 0, "nothing at all is as good as no file");
        cr_expect_eq(c->policy.ringing, RINGING_NO);
        c = config_free(c);
        cr_assert_eq(file_remove(temp_path(&t, "busyd/busyd.conf")), 0);
        cr_assert_eq(symlink("/dev/null", temp_path(&t, "busyd/busyd.conf")), 0);
        cr_assert_eq(config_load(&c, NULL, told_add, &told), 0, "a link to it, too");
        c = config_free(c);

        cr_assert_eq(file_remove(temp_path(&t, "busyd/busyd.conf")), 0);
        cr_assert_eq(symlink("../away", temp_path(&t, "busyd/busyd.conf")), 0);
        cr_expect_eq(config_load(&c, NULL, told_add, &told), -ENOENT, "somebody has put it there");
        cr_expect_eq(told.n, 1);
        cr_expect_not_null(strstr(told.sentences[0], "busyd.conf: cannot be read: it is a link to what is not there"));
        told.n = 0;

        cr_assert_eq(mkfifo(temp_path(&t, "pipe"), 0600), 0);
        cr_expect_eq(config_load(&c, temp_path(&t, "pipe"), told_add, &told), -ENXIO);
        cr_expect_not_null(strstr(told.sentences[0], "pipe: cannot be read: it is no regular file"));
        cr_expect_eq(config_load(&c, temp_path(&t, "none"), told_add, &told), -ENOENT, "a given file must exist");
        cr_assert_eq(file_remove(temp_path(&t, "busyd/busyd.conf")), 0);
        cr_assert_eq(dir_make(temp_path(&t, "busyd/busyd.conf")), 0);
        cr_expect_eq(config_load(&c, NULL, told_add, &told), -EISDIR);
        cr_expect_null(c, "all or none");
        cr_expect_eq(told.n, 3);
        cr_expect_not_null(strstr(told.sentences[2], "busyd/busyd.conf: cannot be read: Is a directory"));
}

/* What an earlier line, or file, has set. */
Test(config, an_empty_value_takes_back) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct told told = { 0 };
        SCOPED(config_free)
        struct config *c = load(&t,
                                "[account work]\nhomeserver = example.org\nhomeserver =\nuser-id = @me:example.org\n"
                                "user-id =\nca-file = /ca.pem\nca-file =\ntoken-command = pass\ntoken-command =\n"
                                "[source pipewire]\nreasons = weak softphone a call\nreasons =\n"
                                "call-apps = softphone\ncall-apps =\n",
                                &told);
        const struct account_config *a = config_account(c, "work");
        const struct source_config *s = config_source(c, "pipewire");

        cr_assert_eq(told.n, 0, "%s", told.sentences[0]);
        cr_expect_null(a->homeserver);
        cr_expect_null(a->user_id);
        cr_expect_null(a->ca_file);
        cr_expect_null(a->token_command);
        cr_expect(!s->reasons || !s->reasons[0]);
        cr_expect(!s->call_apps || !s->call_apps[0]);
}
