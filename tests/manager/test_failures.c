/* What the unit makes of a busyd that fails: hangs, crashes, a bus that goes, a configuration that cannot be used, and
 * a start that is tried too often. Times are shortened where nothing depends on them. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manager/service.h"

#define SOON "[Service]\nRestartSec=100ms\n"

static void call_in_service(struct world *w) {
        service_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
}

static void expect_text_restarts(struct world *w, const char *n) {
        service_expect(w, "NRestarts", n);
}

/* As the unit is shipped. */
SERVICE_TEST(failures, a_crash_in_a_call_that_goes_on) {
        pid_t before;

        call_in_service(w);
        before = service_pid();
        kill(before, SIGKILL);
        service_expect_another(w, before);
        expect_text_restarts(w, "1");
        expect_availability(w, "busy");
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

SERVICE_TEST(failures, what_is_owed_after_a_crash_is_given_back) {
        pid_t before;

        service_drop_in(SOON);
        call_in_service(w);
        before = service_pid();
        kill(before, SIGKILL);
        call_hangup(w, ROOM, "c1");
        service_expect_another(w, before);
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

SERVICE_TEST(failures, a_busyd_that_hangs_is_ended_and_what_is_owed_given_back) {
        pid_t before;

        service_start_online(w);
        service_expect(w, "WatchdogUSec", "1min"); /* as it is shipped */
        service_do("systemctl --user stop " UNIT);
        service_drop_in(SOON "WatchdogSec=2s\n");
        call_in_service(w);
        before = service_pid();
        kill(before, SIGSTOP);
        call_hangup(w, ROOM, "c1");
        service_expect_another(w, before);
        expect_text_restarts(w, "1");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
        service_expect_journal(w, "Watchdog timeout");
}

/* A loop that runs feeds it, whatever goes on. */
SERVICE_TEST(failures, the_watchdog_is_fed) {
        pid_t before;

        service_drop_in("[Service]\nWatchdogSec=1s\n");
        call_in_service(w);
        before = service_pid();
        service_do("sleep 3"); /* three times what it may miss */
        cr_assert_eq(service_pid(), before);
        expect_text_restarts(w, "0");
}

/* ---- the bus ---- */

SERVICE_TEST(failures, another_bus_comes_in_a_call) {
        pid_t before;

        service_drop_in(SOON);
        call_in_service(w);
        before = service_pid();
        service_do("systemctl --user restart dbus.service");
        service_reconnect(w);
        service_expect_another(w, before);
        expect_availability(w, "busy");
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

/* ---- what ends the same again ---- */

static void expect_final(struct world *w, const char *code) {
        int ended;
        SCOPED(free) char *said = service_shell(&ended, "systemctl --user start " UNIT);

        cr_assert_neq(ended, 0, "it starts: %s", said);
        service_expect(w, "ActiveState", "failed");
        service_expect(w, "ExecMainStatus", code);
        expect_text_restarts(w, "0");
}

SERVICE_TEST(failures, a_configuration_that_cannot_be_read_is_not_tried_again) {
        service_do("rm $HOME/.config/busyd/busyd.conf; mkdir $HOME/.config/busyd/busyd.conf");
        expect_final(w, "78");
        service_expect_journal(w, "busyd.conf");
}

SERVICE_TEST(failures, a_state_folder_that_others_may_write_to_is_not_used) {
        service_drop_in("[Service]\nStateDirectory=\nEnvironment=STATE_DIRECTORY=%h/open\n");
        service_do("mkdir -p $HOME/open; chmod 777 $HOME/open");
        expect_final(w, "78");
        service_do("rmdir $HOME/open");
}

SERVICE_TEST(failures, beside_one_in_the_foreground_it_gives_up) {
        SCOPED(free) char *pid = NULL;
        int code;

        pid = service_shell(&code, "busyd >$HOME/foreground 2>&1 & echo $!");
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "true"), "it does not start");
        expect_final(w, "69");
        service_do("kill %s; while kill -0 %s 2>/dev/null; do sleep 0.05; done", pid, pid);
}

/* ---- tried too often ---- */

/* Five failures within ten minutes, whatever their reason. */
static void fail_too_often(struct world *w) {
        int code;

        service_drop_in("[Service]\nRestartSec=0\nExecStart=\nExecStart=/bin/false\n");
        free(service_shell(&code, "systemctl --user start " UNIT));
        service_expect_journal(w, "Start request repeated too quickly");
        service_expect(w, "ActiveState", "failed");
}

/* To ask and to steer. */
SERVICE_TEST(failures, after_too_many_failures_busyctl_says_how_to_go_on) {
        static const char *const lines[] = { "status", "is-busy", "why", "auto", "busy", "reload", "run true" };

        fail_too_often(w);
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                int code;
                SCOPED(free) char *said = service_shell(&code, "busyctl %s", lines[i]);

                cr_assert(strstr(said, "systemctl --user reset-failed busyd"), "busyctl %s: %s", lines[i], said);
                cr_assert(strstr(said, "journalctl --user -u busyd"), "busyctl %s: %s", lines[i], said);
        }
}

/* What it says is true. */
SERVICE_TEST(failures, after_that_it_starts_again) {
        SCOPED(free) char *said = NULL;
        int code;

        fail_too_often(w);
        service_do("rm $HOME/.config/systemd/user/" UNIT ".d/test.conf; systemctl --user daemon-reload");
        service_do("systemctl --user reset-failed busyd && systemctl --user start busyd");
        said = service_shell(&code, "busyctl status");
        cr_assert_eq(code, 0, "%s", said);
}

/* The same words after one failure: they do no harm. */
SERVICE_TEST(failures, after_a_failure_busyctl_says_where_the_reason_stands) {
        SCOPED(free) char *said = NULL;
        int code;

        service_do("rm $HOME/.config/busyd/busyd.conf; mkdir $HOME/.config/busyd/busyd.conf");
        expect_final(w, "78");
        said = service_shell(&code, "busyctl status | tr '\\n' ' '");
        cr_assert(strstr(said, "journalctl --user -u busyd"), "%s", said);
        cr_assert(strstr(said, "systemctl --user start busyd"), "%s", said);
}
