/* What the completions of bash, fish and zsh offer, each loaded into its shell and asked (shells/). */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/harness.h"
#include "util/file.h"

#define PROBE "busyd-test-probe"

static const char *const shells[] = { "bash", "fish", "zsh" };

/* Every command of the system, and one that only this world has. */
static void make_probe(struct world *w) {
        mkdir(world_path(w, "bin"), 0700);
        file_put(world_path(w, "bin/" PROBE), "#!/bin/sh\n");
        chmod(world_path(w, "bin/" PROBE), 0700);
}

/* What `shell` offers at the end of `line`; the caller frees. */
static char *offered(struct world *w, const char *shell, const char *line) {
        char script[1024];
        pid_t pid;
        int status;

        (void) snprintf(script, sizeof(script),
                        "PATH=${HOME%%/home}/bin:${0%%/*}:$PATH && cd " SOURCE_FOLDER
                        " && exec %s %s tests/system/shells/%s \"$1\"",
                        shell, streq(shell, "zsh") ? "-f" : "", shell);
        (void) unlink(world_path(w, "offered"));
        pid = world_program(w, (const char *const[]){ "sh", "-c", script, BUSYCTL_PROGRAM, line, NULL }, -1,
                            "offered");
        status = process_wait(pid, patience());
        if (status == -1)
                process_kill(pid);
        check(w, status != -1, "%s does not end: %s", shell, line);
        return file_text(world_path(w, "offered"));
}

static void expect_offered(struct world *w, const char *line, const char *word) {
        for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
                SCOPED(free) char *text = offered(w, shells[i], line);

                check(w, strstr(text, word), "%s offers no %s after \"%s\":\n%s", shells[i], word, line, text);
        }
}

static void expect_not_offered(struct world *w, const char *line, const char *word) {
        for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
                SCOPED(free) char *text = offered(w, shells[i], line);

                check(w, !strstr(text, word), "%s offers %s after \"%s\":\n%s", shells[i], word, line, text);
        }
}

/* ---- what busyctl says of itself ---- */

/* The next word of `*at` after `begin`, up to what cannot be in a name; false: there is none. */
static bool next_word(const char **at, const char *begin, char *ret, size_t size) {
        const char *found = strstr(*at, begin);
        size_t n;

        if (!found)
                return false;
        n = strspn(found + strlen(begin), "abcdefghijklmnopqrstuvwxyz-") + strlen(begin);
        (void) snprintf(ret, size, "%.*s", (int) n, found);
        *at = found + n;
        return true;
}

/* The commands of its help are offered, and after each of them the options of that command's help. */
WORLD_TEST(completions, commands_and_their_options, .no_homeserver = true) {
        SCOPED_RUN help = world_busyctl(w, NULL, "--help", NULL);
        SCOPED(free) char *end = strstr(help.out, "\nOptions") ? strdup(strstr(help.out, "\nOptions")) : NULL;
        const char *at = strstr(help.out, "\nCommands");
        char verb[32], option[32];
        unsigned n = 0;

        check(w, at && end, "its help: %s", help.out);
        help.out[strlen(help.out) - strlen(end)] = '\0';
        for (; next_word(&at, "\n  ", verb, sizeof(verb)); n++) {
                SCOPED_RUN own = world_busyctl(w, NULL, verb + 3, "--help", NULL);
                const char *own_at = own.out;
                char line[80];

                (void) snprintf(line, sizeof(line), "busyctl %s", verb + 3);
                expect_offered(w, line, verb + 3);
                while (next_word(&own_at, " --", option, sizeof(option))) {
                        (void) snprintf(line, sizeof(line), "busyctl %s %s", verb + 3, option + 1);
                        expect_offered(w, line, option + 1);
                }
        }
        check(w, n > 15, "only %u commands", n);
}

/* ---- line by line ---- */

static const struct line {
        const char *line, *offers, *without; /* NULL: nothing in particular */
} lines[] = {
        { "busyctl ", "status", "--waybar" },
        { "busyctl sta", "status", "watch" },
        { "busyctl --", "--json", "--until" },
        { "busyctl --ver", "--version", NULL },
        { "busyctl -j st", "status", NULL },
        { "busyctl busy --", "--until", "--until-call-ends" },
        { "busyctl busy --for ", "30min", NULL },
        { "busyctl busy --for 1h --me", "--message", NULL },
        { "busyctl free --until-", "--until-call-ends", NULL },
        { "busyctl pause --", "--for", "--message" },
        { "busyctl watch --", "--waybar", "--for" },
        { "busyctl history --", "--lines", "--verbose" },
        { "busyctl status --ver", "--verbose", "--version" },
        { "busyctl why --", "--verbose", "--waybar" },
        { "busyctl sources --v", "--verbose", NULL },
        { "busyctl ignore --", "--once", "--force" },
        { "busyctl ignore obs --so", "--source", NULL },
        { "busyctl ignore --source h", "hold", NULL },
        { "busyctl allow --", "--source", "--once" },
        { "busyctl login --pass", "--password-stdin", NULL },
        { "busyctl login --with ", "device", NULL },
        { "busyctl login --with=d", "device", "password" },
        { "busyctl login --keep-in=", "keyring", "device" },
        { "busyctl login @me:hs --wi", "--with", NULL },
        { "busyctl login --", "--access-token-stdin", "--force" },
        { "busyctl logout --", "--force", "--json" },
        { "busyctl cure ", "print-registration", NULL },
        { "busyctl cure remove ", "", "print-registration" },
        { "busyctl cure print-registration --", "--force", NULL },
        { "busyctl help is", "is-busy", NULL },
        { "busyctl reload --", "--help", "--json" },
        { "busyd --", "--check", "--json" },
        { "busyd --check completions/busyd.fi", "busyd.fish", NULL },
        { "busyd --log-level d", "debug", "error" },
        { "busyd --log-level=d", "debug", "error" },
        { "busyd --config=completions/busyd.fi", "busyd.fish", NULL },
};

WORLD_TEST(completions, line_by_line, .no_homeserver = true) {
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                expect_offered(w, lines[i].line, lines[i].offers);
                if (lines[i].without)
                        expect_not_offered(w, lines[i].line, lines[i].without);
        }
}

/* ---- the command of run, however run is written ---- */

static const char *const runs[] = {
        "busyctl run ",
        "busyctl run -- ",
        "busyctl run --app X ",
        "busyctl run --app=X ",
        "busyctl run --app X -- ",
        "busyctl run --app X --reason Y ",
        "busyctl run --reason Y --app X -- ",
        "busyctl run --reason=Y --app=X -- ",
};

WORLD_TEST(completions, the_command_of_run, .no_homeserver = true) {
        make_probe(w);
        for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
                char line[128];

                (void) snprintf(line, sizeof(line), "%sbusyd-test-pro", runs[i]);
                expect_offered(w, line, PROBE);
        }
}

WORLD_TEST(completions, arguments_of_the_command_of_run, .no_homeserver = true) {
        for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
                char line[128];

                (void) snprintf(line, sizeof(line), "%sbusyctl is-", runs[i]);
                expect_offered(w, line, "is-busy");
        }
}

WORLD_TEST(completions, options_of_run, .no_homeserver = true) {
        expect_offered(w, "busyctl run --re", "--reason");
        expect_offered(w, "busyctl run --app X --re", "--reason");
        expect_not_offered(w, "busyctl run -- busyctl --re", "--reason");
}

/* ---- names that busyd knows ---- */

WORLD_TEST(completions, names_of_a_running_busyd) {
        world_start_online(w);
        expect_offered(w, "busyctl logout ho", ACCOUNT);
        expect_offered(w, "busyctl ignore --source kdec", "kdeconnect");
}

/* The bus could start it: what the file's command leaves behind would show that it did. */
WORLD_TEST(completions, nothing_is_started, .no_homeserver = true) {
        static const char *const asking[] = { "busyctl logout ", "busyctl login ", "busyctl allow ",
                                              "busyctl ignore --source ", "busyctl cure print-registration " };
        char service[512];
        struct run started;
        struct stat st;

        (void) snprintf(service, sizeof(service),
                        "[D-BUS Service]\nName=" BUSYD_NAME "\nExec=/usr/bin/touch %s/started\n", w->dir);
        file_put(world_path(w, "services/" BUSYD_NAME ".service"), service);
        for (size_t i = 0; i < ARRAY_SIZE(asking); i++)
                for (size_t k = 0; k < ARRAY_SIZE(shells); k++) {
                        free(offered(w, shells[k], asking[i]));
                        check(w, stat(world_path(w, "started"), &st) < 0, "%s starts busyd: %s", shells[k], asking[i]);
                }
        started = world_busyctl(w, NULL, "auto", NULL);
        run_done(&started);
        check(w, stat(world_path(w, "started"), &st) == 0, "the bus cannot start it, so that nothing was tried");
}
