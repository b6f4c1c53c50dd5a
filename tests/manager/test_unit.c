/* What systemd and busyd tell each other while all goes well: starting, being ready, status, reloading, stopping, the
 * state folder, activation over the bus. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manager/service.h"

static void be_in_a_call(struct world *w, const char *id) {
        call_starts(w, ROOM, id);
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
}

SERVICE_TEST(unit, started_means_that_it_is_on_the_bus) {
        SCOPED(free) char *owner = NULL, *type = service_property("Type"), *active = NULL;
        int code;

        cr_assert_str_eq(type, "notify");
        service_do("systemctl --user start " UNIT);
        cr_assert(peer_sees_name(w->peer, BUSYD_NAME), "systemd says that it has started, and it has no name");
        active = service_property("ActiveState");
        cr_assert_str_eq(active, "active");
        owner = service_shell(&code, "busctl --user status " BUSYD_NAME " | sed -n 's/^PID=//p'");
        cr_assert_eq(strtol(owner, NULL, 10), service_pid());
}

SERVICE_TEST(unit, status_says_what_goes_on) {
        service_start_online(w);
        service_expect(w, "StatusText", "Free, 1 account");
        be_in_a_call(w, "c1");
        service_expect(w, "StatusText", "Busy, 1 account");
        call_hangup(w, ROOM, "c1");
        service_expect(w, "StatusText", "Free, 1 account");
}

SERVICE_TEST(unit, stopping_gives_back) {
        SCOPED(free) char *result = NULL, *state = NULL;

        service_start_online(w);
        be_in_a_call(w, "c1");
        service_do("systemctl --user stop " UNIT);
        expect_presence(w, "online", "Reading");
        result = service_property("Result");
        state = service_property("ActiveState");
        cr_assert_str_eq(result, "success");
        cr_assert_str_eq(state, "inactive");
        cr_assert_not(peer_sees_name(w->peer, BUSYD_NAME));
}

SERVICE_TEST(unit, reloading_takes_what_has_changed) {
        pid_t before;

        service_start_online(w);
        be_in_a_call(w, "c1");
        before = service_pid();
        world_config(w, "[busyd]\nend-grace = 0s\n[account " ACCOUNT "]\npresence = busy\nmessage = At the phone\n");
        service_do("systemctl --user reload " UNIT);
        expect_presence(w, HS_BUSY, "At the phone");
        cr_assert_eq(service_pid(), before);
        service_expect(w, "ActiveState", "active");
}

/* Whoever reloads is told; what was there goes on. */
SERVICE_TEST(unit, reloading_a_mistake_is_a_failure_and_no_end) {
        SCOPED(free) char *said = NULL;
        pid_t before;
        int code;

        service_start_online(w);
        before = service_pid();
        world_config(w, "[busyd]\nstart-delay = soon\n");
        said = service_shell(&code, "systemctl --user reload " UNIT);
        cr_assert_eq(code, 1, "%d: %s", code, said);
        service_expect(w, "ActiveState", "active");
        cr_assert_eq(service_pid(), before);
        service_expect_journal(w, "start-delay");
        be_in_a_call(w, "c1");
}

/* ---- the state folder ---- */

SERVICE_TEST(unit, state_is_where_systemd_keeps_it) {
        SCOPED(free) char *folder = NULL, *journal = NULL;
        struct stat st;
        int code;

        service_start_online(w);
        be_in_a_call(w, "c1");
        folder = service_shell(&code, "tr '\\0' '\\n' </proc/%d/environ | sed -n 's/^STATE_DIRECTORY=//p'",
                               (int) service_pid());
        cr_assert_eq(stat(folder, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0700);
        cr_assert_str_eq(folder, realpath(world_state_path(w, ""), NULL));
        cr_assert_eq(stat(world_state_path(w, "claims.json"), &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        journal = file_text(world_state_path(w, "claims.json"));
        cr_assert(strstr(journal, "Reading"), "what is owed is not there: %s", journal);
}

/* One that somebody starts by hand gives back what the service owes. */
SERVICE_TEST(unit, in_the_foreground_the_state_is_the_same) {
        SCOPED(free) char *said = NULL;
        int code;

        service_start_online(w);
        be_in_a_call(w, "c1");
        service_do("systemctl --user kill --signal=KILL --kill-who=main " UNIT "; systemctl --user stop " UNIT);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        said = service_shell(&code, "busyd >$HOME/foreground 2>&1 & echo $!");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
        service_do("kill %s; while kill -0 %s 2>/dev/null; do sleep 0.05; done", said, said);
}

SERVICE_TEST(unit, a_second_one_ends_with_a_code_of_its_own) {
        SCOPED(free) char *said = NULL;
        int code;

        service_start_online(w);
        said = service_shell(&code, "busyd");
        cr_assert_eq(code, 69, "%d: %s", code, said);
        service_expect(w, "ActiveState", "active");
}

/* ---- activation ---- */

SERVICE_TEST(unit, who_asks_for_the_name_starts_the_unit) {
        SCOPED(free) char *said = NULL;
        int code;

        said = service_shell(&code, "busctl --user call " BUSYD_NAME " " BUSYD_PATH " " BUSYD_MANAGER " Explain");
        cr_assert_eq(code, 0, "%s", said);
        service_expect(w, "ActiveState", "active");
        cr_assert_gt(service_pid(), 0);
}

/* A bar that asks every few seconds must not bring back what the user has stopped. */
SERVICE_TEST(unit, what_only_asks_does_not_start_it) {
        static const char *const lines[] = { "",        "status", "why",    "history",   "sources", "accounts",
                                             "is-busy", "ignore", "doctor", "-j status", "reload" };

        service_start_online(w);
        service_do("systemctl --user stop " UNIT);
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                int code;
                SCOPED(free) char *said = service_shell(&code, "busyctl %s", lines[i]);
                SCOPED(free) char *state = service_property("ActiveState");

                cr_assert_str_eq(state, "inactive", "busyctl %s starts it", lines[i]);
                if (!streq(lines[i], "doctor")) {
                        cr_assert_eq(code, 3, "busyctl %s ended with %d", lines[i], code);
                        cr_assert(strstr(said, "is not running") && strstr(said, "systemctl --user start busyd"),
                                  "busyctl %s: %s", lines[i], said);
                }
        }
}

SERVICE_TEST(unit, what_steers_it_starts_it) {
        static const char *const lines[] = { "busy -m Gone", "free",          "auto",         "pause",
                                             "resume",       "ignore mumble", "allow mumble", "run true" };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                int code;
                SCOPED(free) char *said = service_shell(&code, "busyctl %s", lines[i]);

                cr_assert_eq(code, 0, "busyctl %s: %s", lines[i], said);
                service_expect(w, "ActiveState", "active");
                service_do("systemctl --user stop " UNIT);
        }
}

/* ---- the journal ---- */

/* Of `journalctl -o export`: a line a field. */
static void expect_field(const char *journal, const char *line) {
        SCOPED(free) char *whole = NULL;

        cr_assert(asprintf(&whole, "\n%s\n", line) > 0);
        cr_assert(strstr(journal, whole), "%s is not in the journal", line);
}

SERVICE_TEST(unit, the_journal_has_whole_fields) {
        SCOPED(free) char *journal = NULL, *copy = NULL;
        char *rest = NULL;
        size_t n = 0;

        service_start_online(w);
        be_in_a_call(w, "c1");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        service_do("busyctl busy -m Gone; busyctl auto");
        service_do("systemctl --user stop " UNIT);
        journal = service_journal("export");
        expect_field(journal, "_SYSTEMD_USER_UNIT=" UNIT);
        expect_field(journal, "SYSLOG_IDENTIFIER=busyd");
        expect_field(journal, "MESSAGE_ID=6f1d2c0a5b7e4e0f8c5a3b9d1e2f4a60");
        expect_field(journal, "BUSYD_AVAILABILITY=busy");
        expect_field(journal, "BUSYD_AVAILABILITY=free");
        cr_assert(strstr(journal, "src/busyd/manager.c\n"), "the place in the code is not there");
        copy = strdup(journal);
        for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                const char *value = strchr(line, '=');

                /* Fields of others begin with an underscore. */
                if (!value || line[0] == '_')
                        continue;
                n++;
                cr_assert(value[1] != '\0', "an empty field: %s", line);
                cr_assert(strncmp(line, "CODE_FILE=/", 11) != 0, "where it was built: %s", line);
        }
        cr_assert_gt(n, 20);
}
