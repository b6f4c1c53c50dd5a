/* Ways of breaking a set-up, and the one line of busyctl doctor that names each: what is wrong, and what to do. With
 * BUSYD_DOCTOR_LINES=FILE they are written there. */
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/session.h"
#include "system/mock.h"

#define SYSTEMD "org.freedesktop.systemd1"

static struct mock *systemd; /* of the row at hand; NULL: none */

/* A service manager that knows busyd.service as the properties say; one that has told of them is believed. */
static void manage(struct world *w, const char *load, const char *file, const char *active, const char *result,
                   uint32_t pid, bool reload) {
        char setup[1024];

        (void) snprintf(setup, sizeof(setup),
                        "import dbusmock; mock.AddObject('/org/freedesktop/systemd1/unit/busyd_2eservice', '" SYSTEMD
                        ".Unit',"
                        " {'LoadState': '%s', 'UnitFileState': '%s', 'ActiveState': '%s',"
                        " 'NeedDaemonReload': dbus.Boolean(%d)}, []);"
                        " u = dbusmock.get_object('/org/freedesktop/systemd1/unit/busyd_2eservice');"
                        " u.AddProperties('" SYSTEMD ".Service', {'Result': '%s', 'MainPID': dbus.UInt32(%u)})\n",
                        load, file, active, reload, result, pid);
        systemd = mock_new(w, w->bus,
                           &(struct mock_options){ .name = SYSTEMD,
                                                   .path = "/org/freedesktop/systemd1",
                                                   .interface = SYSTEMD ".Manager",
                                                   .setup = setup });
}

/* ---- the ways ---- */

static void key_misspelt(struct world *w) {
        world_config(w, "[busyd]\nend-grase = 0s\n");
}
static void value_wrong(struct world *w) {
        world_config(w, "[busyd]\nend-grace = soon\n");
}
static void source_misspelt(struct world *w) {
        world_config(w, "[source pipwire]\nenabled = no\n");
}
static void config_is_a_folder(struct world *w) {
        (void) unlink(world_path(w, "config/busyd/busyd.conf"));
        cr_assert_eq(mkdir(world_path(w, "config/busyd/busyd.conf"), 0700), 0);
}
static void account_off(struct world *w) {
        world_config(w, "[account " ACCOUNT "]\nenabled = no\n");
}
static void ca_file_missing(struct world *w) {
        world_config(w, "[account " ACCOUNT "]\nca-file = /nowhere/ca.pem\n");
}
static void appservice_token_missing(struct world *w) {
        world_config(w, "[account " ACCOUNT "]\nappservice-token-file = /nowhere/token\n");
}
static void source_off(struct world *w) {
        world_config(w, "[source jami]\nenabled = no\n");
}
static void nothing(struct world *w) {
}
static void bus_gone(struct world *w) {
        private_bus_stop(w->bus);
}
static void unit_missing(struct world *w) {
        manage(w, "not-found", "", "inactive", "success", 0, false);
}
static void unit_masked(struct world *w) {
        manage(w, "masked", "masked", "inactive", "success", 0, false);
}
static void unit_bad(struct world *w) {
        manage(w, "bad-setting", "enabled", "inactive", "success", 0, false);
}
static void unit_failed(struct world *w) {
        manage(w, "loaded", "enabled", "failed", "start-limit-hit", 0, false);
}
static void unit_disabled(struct world *w) {
        manage(w, "loaded", "disabled", "active", "success", (uint32_t) w->busyd, false);
}
static void unit_changed(struct world *w) {
        manage(w, "loaded", "enabled", "active", "success", (uint32_t) w->busyd, true);
}
static void another_than_the_unit(struct world *w) {
        manage(w, "loaded", "enabled", "inactive", "success", 0, false);
}
static void session_open(struct world *w) {
        cr_assert_eq(chmod(world_state_path(w, "session-" ACCOUNT ".json"), 0644), 0);
}
static void session_gone(struct world *w) {
        cr_assert_eq(unlink(world_state_path(w, "session-" ACCOUNT ".json")), 0);
}
static void only_a_command(struct world *w) {
        session_gone(w);
        world_config(w, "[account " ACCOUNT "]\ntoken-command = echo x\n");
}
static void account_misspelt(struct world *w) {
        world_config(w, "[account hoem]\npresence = off\n");
}
static void account_of_nobody(struct world *w) {
        world_config(w, "[account elsewhere]\npresence = off\n");
}
static void command_without_busyd(struct world *w) {
        session_gone(w);
        world_config(w, "[account " ACCOUNT "]\ntoken-command = echo x\nuser-id = @me:test\n");
}
/* In the session is one that has ended long ago. */
static void token_elsewhere(struct world *w, const char *command) {
        SCOPED(session_done) struct session session = { .user_id = NULL };
        SCOPED(free) char *config = NULL;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        file_put(world_path(w, "token"), session.access_token);
        cr_assert_eq(session_set_token(&session, "of-no-use"), 0);
        cr_assert_eq(session_save(world_state_path(w, ""), ACCOUNT, &session), 0);
        cr_assert_gt(asprintf(&config, "[account " ACCOUNT "]\ntoken-command = %s\n", command), 0);
        world_config(w, config);
}
static void command_works(struct world *w) {
        token_elsewhere(w, "cat \"$HOME/../token\"");
        world_start_online(w);
}
static void command_fails(struct world *w) {
        token_elsewhere(w, "exit 3");
        world_start(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "it does not wait");
}
static void session_broken(struct world *w) {
        file_put(world_state_path(w, "session-" ACCOUNT ".json"), "{");
        cr_assert_eq(chmod(world_state_path(w, "session-" ACCOUNT ".json"), 0600), 0);
}
static void folder_open(struct world *w) {
        cr_assert_eq(chmod(world_state_path(w, ""), 0777), 0);
}
static void folder_is_a_file(struct world *w) {
        SCOPED(free) char *folder = strdup(world_path(w, "state/busyd"));

        cr_assert_eq(rename(folder, world_path(w, "away")), 0);
        file_put(folder, "");
}
static void file_put_aside(struct world *w) {
        file_put(world_state_path(w, "mode.json.broken"), "{");
}
static void server_gone(struct world *w) {
        hs_stop(w->hs);
}
static void token_revoked(struct world *w) {
        hs_revoke(w->hs, DEVICE, false);
}

static void answers(struct world *w, const char *path, unsigned status, const char *body, const char *type) {
        hs_fault(w->hs, &(struct hs_fault){
                                .match = { .path = path }, .status = status, .body = body, .content_type = type });
}
static void account_locked(struct world *w) {
        answers(w, "*/whoami", 401, "{\"errcode\":\"M_USER_LOCKED\",\"error\":\"locked\",\"soft_logout\":true}", NULL);
}
static void server_broken(struct world *w) {
        answers(w, "*/versions", 502, "", "text/html");
}
static void sign_in_page(struct world *w) {
        answers(w, "*/versions", 200, "<html>Welcome to the hotel</html>", "text/html");
}
static void somebody_else(struct world *w) {
        answers(w, "*/whoami", 200, "{\"user_id\":\"@other:test\",\"device_id\":\"X\"}", NULL);
}
static void presence_not_told(struct world *w) {
        answers(w, "*/presence/*", 500, "{}", NULL);
}
static void presence_forbidden(struct world *w) {
        answers(w, "*/presence/*", 403, "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}", NULL);
}
static void clocks_apart(struct world *w) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .method = "GET", .path = "*/presence/*" },
                                            .status = 200,
                                            .body = "{\"presence\":\"offline\"}",
                                            .date = "Thu, 01 Jan 2026 10:00:00 GMT" });
}
static void room_encrypted(struct world *w) {
        (void) hs_send(w->hs, ROOM,
                       json_pack("{s:s, s:s, s:s, s:{s:s}}", "type", "m.room.encryption", "state_key", "", "sender",
                                 HS_USER, "content", "algorithm", "m.megolm.v1.aes-sha2"));
}
static void state_answered_by_something_else(struct world *w) {
        hs_fault(w->hs, &(struct hs_fault){
                                .match = { .path = "*/sync", .query = "timeout=0&" }, .status = 200, .body = "{}" });
}
static void state_refused(struct world *w) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/sync", .query = "timeout=0&" },
                                            .status = 403,
                                            .body = "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}" });
}
static void phone_online(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
}

enum when {
        RUNNING, /* broken while busyd runs */
        BEFORE,  /* broken, then busyd is started */
        STOPPED, /* busyd does not run at all */
};

static const struct row {
        const char *way;
        void (*breaks)(struct world *w);
        enum when when;
        const char *level, *what, *advice; /* parts of the line */
        struct world_options options;
} rows[] = {
        { "a key is misspelt",
          key_misspelt,
          RUNNING,
          "problem",
          "busyd.conf:2: [busyd] has no key \"end-grase\"",
          "busyctl reload",
          {} },
        { "a value is wrong", value_wrong, RUNNING, "problem", "end-grace = \"soon\"", "busyctl reload", {} },
        { "a source is misspelt",
          source_misspelt,
          RUNNING,
          "problem",
          "did you mean [source pipewire]?",
          "busyctl reload",
          {} },
        { "busyd.conf cannot be read",
          config_is_a_folder,
          RUNNING,
          "problem",
          "busyd.conf: cannot be read",
          "mend that",
          {} },
        { "an account is switched off", account_off, RUNNING, "note", "switched off", "enabled = yes", {} },
        { "ca-file is missing", ca_file_missing, RUNNING, "problem", "ca-file", "busyctl reload", {} },
        { "the token of the cure is missing",
          appservice_token_missing,
          RUNNING,
          "problem",
          "token of the application service",
          "cure print-registration",
          {} },
        { "a source is off", source_off, BEFORE, "note", "source jami is off", "enabled = yes", {} },
        { "no PipeWire",
          nothing,
          BEFORE,
          "note",
          "the microphone is not looked at: PipeWire is not running",
          "needs pipewire",
          {} },
        { "a source is blind", nothing, BEFORE, "note", "the source jami is blind: ", "nothing to do, unless", {} },
        { "busyd does not run",
          nothing,
          STOPPED,
          "problem",
          "busyd does not run",
          "systemctl --user enable --now",
          {} },
        { "no user bus",
          bus_gone,
          STOPPED,
          "problem",
          "the user bus cannot be reached: ",
          "DBUS_SESSION_BUS_ADDRESS",
          {} },
        { "no systemd", nothing, RUNNING, "note", "no systemd on the user bus", "autostart", {} },
        { "the unit is not installed",
          unit_missing,
          STOPPED,
          "problem",
          "systemd does not know busyd.service",
          "daemon-reload",
          {} },
        { "the unit is masked",
          unit_masked,
          STOPPED,
          "problem",
          "busyd.service is masked",
          "systemctl --user unmask busyd",
          {} },
        { "the unit cannot be used",
          unit_bad,
          STOPPED,
          "problem",
          "systemd cannot use busyd.service (bad-setting)",
          "systemctl --user status busyd",
          {} },
        { "the unit has failed",
          unit_failed,
          STOPPED,
          "problem",
          "busyd.service has failed (start-limit-hit)",
          "reset-failed",
          {} },
        { "the unit is not enabled",
          unit_disabled,
          RUNNING,
          "note",
          "does not start when you log in",
          "systemctl --user enable busyd",
          {} },
        { "the unit has changed on disk",
          unit_changed,
          RUNNING,
          "note",
          "has changed since systemd read it",
          "daemon-reload",
          {} },
        { "it was started by hand",
          another_than_the_unit,
          RUNNING,
          "note",
          "is not the service",
          "systemctl --user start busyd",
          {} },
        { "the session is open to others", session_open, RUNNING, "problem", "others may read it", "0600", {} },
        { "the session is broken",
          session_broken,
          RUNNING,
          "problem",
          "session-home.json cannot be used",
          "busyctl login",
          {} },
        { "nobody is logged in", session_gone, RUNNING, "note", "no Matrix account is set up", "busyctl login", {} },
        { "a token-command and nothing else",
          only_a_command,
          RUNNING,
          "note",
          "has a token-command, but no session and no homeserver",
          "user-id = @me:example.org",
          {} },
        { "the section of an account that is misspelt",
          account_misspelt,
          RUNNING,
          "note",
          "no account is called hoem: [account hoem] of busyd.conf is without effect",
          "did you mean [account home]?",
          {} },
        { "the section of an account that nobody has logged in to",
          account_of_nobody,
          RUNNING,
          "note",
          "no account is called elsewhere",
          "busyctl login elsewhere",
          {} },
        { "a token-command, and busyd does not run",
          command_without_busyd,
          STOPPED,
          "note",
          "whether it works only busyd can tell",
          "start busyd",
          {} },
        { "the token in the session has ended, and token-command has another",
          command_works,
          STOPPED,
          "note",
          "the token in the session is not the one that token-command prints",
          NULL,
          {} },
        { "token-command fails",
          command_fails,
          STOPPED,
          "problem",
          "token-command is of no use: it ended with code 3",
          "busyctl reload",
          {} },
        { "the state folder is open to others",
          folder_open,
          RUNNING,
          "problem",
          "others may write there",
          "chmod 700",
          {} },
        { "a file is in the place of the state folder",
          folder_is_a_file,
          STOPPED,
          "problem",
          "is no folder",
          "move it away",
          {} },
        { "a file of the state was damaged",
          file_put_aside,
          RUNNING,
          "note",
          "mode.json was damaged",
          "remove it",
          {} },
        { "the server is gone", server_gone, RUNNING, "problem", "cannot connect to 127.0.0.1", "busyctl reload", {} },
        { "the session has ended", token_revoked, RUNNING, "problem", "the session has ended", "busyctl login", {} },
        { "the account is locked", account_locked, RUNNING, "problem", "the account is locked", "unlocked", {} },
        { "the server is broken",
          server_broken,
          RUNNING,
          "problem",
          "a problem of its own (HTTP 502)",
          "busyctl reload",
          {} },
        { "a sign-in page is in between",
          sign_in_page,
          RUNNING,
          "problem",
          "a web page came instead",
          "busyctl login",
          {} },
        { "the token is somebody else's",
          somebody_else,
          RUNNING,
          "problem",
          "belongs to @other:test",
          "busyctl login",
          {} },
        { "presence cannot be read",
          presence_not_told,
          RUNNING,
          "problem",
          "your presence cannot be read",
          "busyctl reload",
          {} },
        { "presence is forbidden", presence_forbidden, RUNNING, "note", "may be switched off", NULL, {} },
        { "the clocks are apart", clocks_apart, RUNNING, "problem", "ahead of that of the server", "set-ntp", {} },
        { "busy would stick", phone_online, RUNNING, "note", "busy would stick", "cure print-registration", {} },
        { "the server does not take busy",
          nothing,
          RUNNING,
          "note",
          "does not take busy (MSC3026)",
          "msc3026_enabled",
          { .homeserver = { .busy_off = true } } },
        { "the server takes no field",
          nothing,
          RUNNING,
          "note",
          "no profile field",
          NULL,
          { .homeserver = { .profile_off = true } } },
        { "encrypted rooms", room_encrypted, RUNNING, "note", "1 of its rooms is encrypted", "microphone", {} },
        { "rooms cannot be looked at",
          state_refused,
          RUNNING,
          "note",
          "how many of its rooms are encrypted is not known",
          "microphone",
          {} },
        { "something else answers for the rooms",
          state_answered_by_something_else,
          RUNNING,
          "note",
          "is not known: the answer to /sync is not one",
          "microphone",
          {} },
};

/* ---- what is said ---- */

static const char *text_of(const json_t *finding, const char *key) {
        const char *s = json_string_value(json_object_get(finding, key));

        return s ? s : "";
}

/* No line is without words of its own, and none that says of a fault is without a remedy. */
static void check_line(struct world *w, const struct row *row, const json_t *finding) {
        const char *what = text_of(finding, "what");

        check(w, what[0] && !strcasestr(what, "unknown error") && !strstr(what, "Success") && !strstr(what, "(null)"),
              "%s: %s", row->way, what);
        check(w, strcmp(text_of(finding, "level"), "problem") != 0 || text_of(finding, "advice")[0],
              "%s: nothing to do about \"%s\"", row->way, what);
}

static void keep_line(const struct row *row, const json_t *finding) {
        const char *path = getenv("BUSYD_DOCTOR_LINES");
        FILE *f = path ? fopen(path, "ae") : NULL;

        if (!f)
                return;
        (void) fprintf(f, "%s:\n    %s: %s\n", row->way, row->level, text_of(finding, "what"));
        if (*text_of(finding, "advice"))
                (void) fprintf(f, "    -> %s\n", text_of(finding, "advice"));
        (void) fclose(f);
}

static bool find(struct world *w, const struct row *row, const json_t *object, bool *ret_problem) {
        json_t *finding;
        size_t i;
        bool found = false;

        json_array_foreach(json_object_get(object, "findings"), i, finding) {
                check_line(w, row, finding);
                if (streq(text_of(finding, "level"), "problem"))
                        *ret_problem = true;
                if (streq(text_of(finding, "level"), row->level) && strstr(text_of(finding, "what"), row->what) &&
                    strstr(text_of(finding, "advice"), row->advice ? row->advice : "")) {
                        keep_line(row, finding);
                        found = true;
                }
        }
        return found;
}

static void check_row(struct world *w, const struct row *row) {
        SCOPED_RUN run = world_busyctl(w, NULL, "--json", "doctor", NULL);
        json_t *doc = json_loads(run.out, 0, NULL), *account;
        bool problem = false, found;
        size_t i;

        check(w, doc, "%s: %d: %s%s", row->way, run.code, run.out, run.err);
        found = find(w, row, doc, &problem);
        json_array_foreach(json_object_get(doc, "accounts"), i, account) found =
                find(w, row, account, &problem) || found;
        check(w, found, "%s: no line \"%s: %s -> %s\": %s", row->way, row->level, row->what,
              row->advice ? row->advice : "", run.out);
        check(w, run.code == (problem ? 1 : 0), "%s: exit code %d", row->way, run.code);
        check(w, streq(text_of(doc, "worst"), problem ? "problem" : "note"), "%s: the worst is %s", row->way,
              text_of(doc, "worst"));
        json_decref(doc);
}

static void try_row(const struct row *row) {
        struct world *w = world_new(&row->options);

        if (row->when == BEFORE)
                row->breaks(w);
        if (row->when != STOPPED)
                world_start(w);
        if (row->when == RUNNING && !row->options.no_session)
                check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online");
        if (row->when != BEFORE)
                row->breaks(w);
        check_row(w, row);
        systemd = mock_free(systemd);
        world_end(w);
}

/* As many as there are ways that users have come upon. */
_Static_assert(ARRAY_SIZE(rows) >= 20, "ways are missing");

Test(doctor_broken, each_fault_has_its_line) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                try_row(&rows[i]);
}
