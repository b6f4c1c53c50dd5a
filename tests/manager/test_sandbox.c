/* What busyd.service forbids is really forbidden, busyd works within it, and the commands that busyd starts for its
 * user are outside: they may be anything. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manager/service.h"
#include "state/session.h"
#include "system/mock.h"

#define PROBE "/usr/local/libexec/busyd-tests/probe"

/* ---- what the unit forbids ---- */

/* Tried by a program that starts as busyd does, and right before it. */
static char *tried(const char *more) {
        SCOPED(free) char *drop_in = NULL;

        cr_assert(asprintf(&drop_in, "[Service]\nExecStartPre=" PROBE " sandbox %%h/tried\n%s", more) > 0);
        service_drop_in(drop_in);
        service_do("systemctl --user start " UNIT);
        return file_text("/home/tester/tried");
}

static void expect_tried(const char *all, const char *line) {
        cr_assert(strstr(all, line), "not \"%s\":\n%s", line, all);
}

SERVICE_TEST(sandbox, what_busyd_does_not_need_is_forbidden) {
        static const char *const lines[] = {
                "writable-and-executable: EPERM\n",
                "executable-later: EPERM\n",
                "packet-socket: EAFNOSUPPORT\n",
                "bluetooth-socket: EAFNOSUPPORT\n",
                "inet-socket: allowed\n",
                "user-namespace: EPERM\n",
                "set-user-id: EPERM\n",
                "real-time: EPERM\n",
                "personality: EPERM\n",
                "mount: EPERM\n",
                "new-privileges: EPERM\n",
                "priority: EPERM\n",
                "change-owner: EPERM\n",
                "kernel-key: EPERM\n",
                "locked-memory: EPERM\n",
                "asynchronous-files: EPERM\n",
                "memory-of-processes: EPERM\n",
                "core-dump: EPERM\n",
                "readable-by-others: EPERM\n",
        };
        SCOPED(free) char *all = tried("");

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                expect_tried(all, lines[i]);
}

/* Without the unit the same program may do most of it: the table above is about the unit. */
SERVICE_TEST(sandbox, outside_of_the_unit_it_is_allowed) {
        SCOPED(free) char *all = NULL;

        service_do(PROBE " sandbox $HOME/tried");
        all = file_text("/home/tester/tried");
        expect_tried(all, "writable-and-executable: allowed\n");
        expect_tried(all, "executable-later: allowed\n");
        expect_tried(all, "user-namespace: allowed\n");
        expect_tried(all, "set-user-id: allowed\n");
        expect_tried(all, "new-privileges: allowed\n");
        expect_tried(all, "priority: allowed\n");
        expect_tried(all, "memory-of-processes: allowed\n");
}

static void one_call(struct world *w) {
        service_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

/* Those that ask most of a sandbox: shared memory with the sound server, monitors of the bus. */
static void sources_work(struct world *w) {
        static const char *const names[] = { "pipewire", "camera", "notifications" };
        int code;

        free(service_shell(&code, "command -v pipewire"));
        if (code != 0)
                cr_skip("there is no pipewire");
        service_do("systemctl --user reset-failed rig-pipewire.service 2>/dev/null; "
                   "systemd-run --user --quiet --unit=rig-pipewire pipewire");
        one_call(w);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                expect_source(w, names[i], "watching");
        service_do("systemctl --user stop rig-pipewire.service " UNIT);
}

SERVICE_TEST(sandbox, sources_work_within) {
        sources_work(w);
}

#define SOUND_UNITS                                                                                                   \
        "pipewire.socket pipewire-pulse.socket pulseaudio.socket pipewire.service pipewire-pulse.service "            \
        "wireplumber.service pulseaudio.service"

/* PulseAudio itself, on a system without PipeWire. What the distribution would start by a socket is out of the way. */
static void a_call_by_pulseaudio(struct world *w) {
        int code;

        free(service_shell(&code, "command -v pulseaudio && command -v parec"));
        if (code != 0)
                cr_skip("there is no pulseaudio");
        service_do("systemctl --user mask --now --runtime --quiet " SOUND_UNITS
                   "; rm -rf $XDG_RUNTIME_DIR/pulse $XDG_RUNTIME_DIR/pipewire-0*; "
                   "systemd-run --user --quiet --collect --unit=rig-pulseaudio pulseaudio -n --daemonize=no "
                   "--exit-idle-time=-1 -L module-native-protocol-unix -L 'module-null-source source_name=mic0' "
                   "-L 'module-null-sink sink_name=out0'; "
                   "i=0; until pactl list short sources 2>&1 | grep -q mic0; do i=$((i + 1)); "
                   "test $i -lt 400 && sleep 0.05 || exit 1; done");
        service_start_online(w);
        expect_source(w, "pulseaudio", "watching");
        service_do("systemd-run --user --quiet --collect --unit=rig-call parec -d mic0 --property=media.role=phone "
                   "--property=application.name=Telephone --property=application.process.binary=telephone /dev/null");
        expect_availability(w, "busy");
        expect_presence(w, HS_BUSY, NULL);
        service_do("busyctl why | grep -qi telephone");
        service_do("systemctl --user stop rig-call.service");
        expect_availability(w, "free");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
        service_do("systemctl --user stop rig-pulseaudio.service " UNIT
                   "; systemctl --user unmask --runtime --quiet " SOUND_UNITS);
}

SERVICE_TEST(sandbox, a_call_is_seen_by_pulseaudio) {
        a_call_by_pulseaudio(w);
}

static void make_stricter(void) {
        service_do("mkdir -p $HOME/.config/systemd/user/" UNIT ".d; "
                   "cp /usr/local/share/doc/busyd/hardening.conf $HOME/.config/systemd/user/" UNIT ".d/; "
                   "systemctl --user daemon-reload");
}

SERVICE_TEST(sandbox, busyd_works_in_the_stricter_one) {
        make_stricter();
        one_call(w);
}

SERVICE_TEST(sandbox, sources_work_in_the_stricter_one) {
        make_stricter();
        sources_work(w);
}

SERVICE_TEST(sandbox, a_call_is_seen_by_pulseaudio_in_the_stricter_one) {
        make_stricter();
        a_call_by_pulseaudio(w);
}

/* ---- commands of the user ---- */

/* The session on disk is of no use: the right token is what the command prints. */
static void token_by(struct world *w, const char *format) {
        SCOPED(free) char *config = NULL, *token = NULL, *command = NULL;
        struct session session;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        token = session.access_token;
        session.access_token = strdup("of-no-use");
        cr_assert_eq(session_save(world_state_path(w, ""), ACCOUNT, &session), 0);
        session_done(&session);
        cr_assert(asprintf(&command, format, token) > 0);
        cr_assert(asprintf(&config,
                           "[busyd]\nend-grace = 0s\nlog-level = debug\n[account " ACCOUNT "]\npresence = busy\n"
                           "poll-pause = 0s\ntoken-command = %s\n",
                           command) > 0);
        world_config(w, config);
}

/* systemd has forgotten the units of commands. */
static void expect_no_commands(struct world *w) {
        int64_t left = patience() / 100;

        for (;;) {
                int code;
                SCOPED(free)
                char *units = service_shell(&code,
                                            "systemctl --user list-units --all --plain --no-legend 'busyd-command-*'");

                if (units[0] == '\0')
                        return;
                check(w, left-- > 0, "still there: %s", units);
                peer_wait(w->peer, 100);
        }
}

SERVICE_TEST(sandbox, a_token_command_may_make_code_while_it_runs) {
        SCOPED(free) char *all = NULL;

        token_by(w, PROBE " jit %s");
        all = tried("");
        expect_tried(all, "writable-and-executable: EPERM\n");
        one_call(w);
        expect_no_commands(w);
}

/* The one that people have: a JavaScript engine. */
SERVICE_TEST(sandbox, a_token_command_may_be_node) {
        int code;

        free(service_shell(&code, "command -v node"));
        if (code != 0)
                cr_skip("there is no node");
        token_by(w, "node -e 'let s = 0; for (let i = 0; i < 1e6; i++) s += i; console.log(\"%s\")'");
        one_call(w);
}

/* What the shell gets is what stands in the file, with the environment of busyd. */
SERVICE_TEST(sandbox, a_token_command_reaches_the_shell_as_it_is) {
        service_drop_in("[Service]\nEnvironment=WHERE=%h/token \"ODD=a  b\"\n");
        token_by(w, "printf %%s '%s' >$HOME/token; test \"${ODD:-x}\" = 'a  b' && test '$$' = \"\\$\\$\" && "
                    "test 100%% = \"$(echo '100%%')\" && cat \"${WHERE}\" || echo wrong");
        service_start_online(w);
}

SERVICE_TEST(sandbox, a_token_command_that_fails_is_told_with_its_code) {
        token_by(w, "echo %s; echo it is locked >&2; exit 3");
        service_do("systemctl --user start " UNIT);
        service_expect_journal(w, "token-command is of no use: it ended with code 3");
        expect_no_commands(w);
        service_do("journalctl --quiet --user --identifier busyd --no-pager | grep -F 'it is locked'");
}

SERVICE_TEST(sandbox, a_token_command_that_is_killed_is_told) {
        token_by(w, "echo %s; kill -9 $$");
        service_do("systemctl --user start " UNIT);
        service_expect_journal(w, "token-command is of no use: it ended with code 137");
        expect_no_commands(w);
}

SERVICE_TEST(sandbox, a_token_command_that_says_too_much_is_told) {
        token_by(w, "echo %s; yes");
        service_do("systemctl --user start " UNIT);
        service_expect_journal(w, "it printed something else than one token");
        expect_no_commands(w);
}

/* It waits for a person, who stops busyd instead. */
SERVICE_TEST(sandbox, a_token_command_ends_with_busyd) {
        token_by(w, "echo %s; touch $HOME/waits; sleep 1000");
        service_do("rm -f $HOME/waits; systemctl --user start " UNIT);
        service_do("i=0; while ! test -e $HOME/waits; do i=$((i + 1)); test $i -lt 400 && sleep 0.05 || exit 1; done");
        service_do("systemctl --user stop " UNIT);
        expect_no_commands(w);
        service_do("! pgrep -u tester -x sleep");
}

/* There is no session: systemd hands over the token, and the server says whose it is. */
SERVICE_TEST(sandbox, a_credential_of_the_unit_is_an_account) {
        SCOPED(free) char *config = NULL;
        struct session session;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        file_put("/home/tester/token", session.access_token);
        cr_assert_eq(session_remove(world_state_path(w, ""), ACCOUNT), 0);
        cr_assert(asprintf(&config,
                           "[busyd]\nend-grace = 0s\n[account " ACCOUNT "]\npresence = busy\npoll-pause = 0s\n"
                           "homeserver = %s\n",
                           session.homeserver) > 0);
        session_done(&session);
        world_config(w, config);
        service_drop_in("[Service]\nLoadCredential=busyd-" ACCOUNT ".token:%h/token\n");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        one_call(w);
}

/* ---- hooks ---- */

static void hooks(struct world *w, const char *text) {
        SCOPED(free) char *config = NULL;

        cr_assert(asprintf(&config,
                           "[busyd]\nend-grace = 0s\nlog-level = debug\n%s[account " ACCOUNT "]\npresence = busy\n",
                           text) > 0);
        world_config(w, config);
}

static void busy_and_auto(struct world *w) {
        service_start_online(w);
        service_do("busyctl busy");
        service_expect_journal(w, "on-busy: ");
        service_do("busyctl auto");
        service_expect_journal(w, "on-free: ");
        expect_no_commands(w);
}

SERVICE_TEST(sandbox, hooks_may_make_code_while_they_run) {
        SCOPED(free) char *all = NULL;

        hooks(w, "on-busy = " PROBE " jit begins\non-free = " PROBE " jit ends\n");
        all = tried("");
        expect_tried(all, "writable-and-executable: EPERM\n");
        busy_and_auto(w);
        service_expect_journal(w, "on-busy: it has run");
        service_expect_journal(w, "on-free: it has run");
        service_do("journalctl --quiet --user --identifier busyd --no-pager | grep -F begins");
}

SERVICE_TEST(sandbox, hooks_may_be_node) {
        int code;

        free(service_shell(&code, "command -v node"));
        if (code != 0)
                cr_skip("there is no node");
        file_put("/home/tester/hook.js", "const e = process.env; let s = 0;\n"
                                         "for (let i = 0; i < 1e6; i++) s += i;\n"
                                         "require('fs').appendFileSync(e.HOME + '/told', `${e.BUSYD_AVAILABILITY} "
                                         "${process.argv.slice(2).join('|')} ${e.BUSYD_REASON}\\n`);\n");
        hooks(w, "on-busy = node ~/hook.js 'a  b' \"%h $HOME ${HOME} $$\"\non-free = node ~/hook.js\n");
        service_do("rm -f $HOME/told");
        busy_and_auto(w);
        {
                SCOPED(free) char *told = file_text("/home/tester/told");

                cr_assert_str_eq(told, "busy a  b|%h $HOME ${HOME} $$ by hand\nfree  no call\n");
        }
}

SERVICE_TEST(sandbox, hooks_that_are_of_no_use_are_told) {
        hooks(w, "on-busy = /nowhere/at/all\non-free = sh -c 'exit 5'\n");
        busy_and_auto(w);
        service_expect_journal(w, "on-busy: there is no such program");
        service_expect_journal(w, "on-free: it ended with code 5");
}

SERVICE_TEST(sandbox, hooks_that_hang_are_ended_with_all_they_started) {
        hooks(w, "on-busy = sh -c 'sleep 1000 & sleep 1000'\non-free = true\nhook-time-limit = 1s\n");
        busy_and_auto(w);
        service_expect_journal(w, "on-busy: it did not end within 1s, and was ended");
        service_expect_journal(w, "on-free: it has run");
        service_do("! pgrep -u tester -x sleep");
}

SERVICE_TEST(sandbox, the_end_runs_when_the_unit_is_stopped) {
        hooks(w, "on-busy = true\non-free = sh -c 'echo $BUSYD_REASON >$HOME/told'\n");
        service_do("rm -f $HOME/told");
        service_start_online(w);
        service_do("busyctl busy");
        service_expect_journal(w, "on-busy: it has run");
        service_do("systemctl --user stop " UNIT "; test \"$(cat $HOME/told)\" = 'busyd ends'");
        expect_no_commands(w);
}

/* The token is what nobody else may see. */
SERVICE_TEST(sandbox, tokens_that_commands_print_are_not_in_the_journal) {
        SCOPED(free) char *journal = NULL, *token = NULL;
        struct session session;
        int code;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        token = strdup(session.access_token);
        session_done(&session);
        file_put("/home/tester/token", token);
        token_by(w, "cat $HOME/token # %.0s");
        one_call(w);
        journal = service_shell(&code,
                                "journalctl --quiet --user --no-pager -o export --since=$(cat $HOME/world/began)");
        cr_assert(strstr(journal, UNIT), "the journal says nothing: %s", journal);
        cr_assert_null(strstr(journal, token));
}
