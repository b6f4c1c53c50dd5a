/* See surroundings.h. */
#include "busyctl/surroundings.h"

#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "busyctl/bus.h"
#include "busyctl/findings.h"
#include "util/file.h"

#define SYSTEMD   "org.freedesktop.systemd1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/busyd_2eservice"

/* The journal and the other files fit many times; with less the next one may not. */
#define FOLDER_SPACE_MIN (1U << 20)

/* ---- bus ---- */

bool look_at_bus(struct ctl *c, json_t *doc) {
        int r = c->bus ? 0 : sd_bus_open_user_with_description(&c->bus, "busyctl");

        c->quiet = true;
        if (r >= 0) {
                finding_add(doc, FINDING_OK, NULL, "the user bus answers");
                return true;
        }
        c->bus = NULL;
        finding_add(doc, FINDING_PROBLEM,
                    getenv("DBUS_SESSION_BUS_ADDRESS") || getenv("XDG_RUNTIME_DIR")
                            ? "is the bus there that DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR name? After su or "
                              "sudo they are not yours: log in as the user instead (machinectl shell, ssh)"
                            : "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set: run it in the session of "
                              "a logged-in user (after su or sudo: machinectl shell, or ssh)",
                    "the user bus cannot be reached: %s", strerror(-r));
        return false;
}

/* ---- unit ---- */

/* What is read of the unit; NULL: it was not told. */
struct unit {
        char *load, *file, *active, *result;
        uint32_t pid;
        bool reload;
};

static void unit_done(struct unit *u) {
        free(u->load);
        free(u->file);
        free(u->active);
        free(u->result);
}

static bool is(const char *text, const char *word) {
        return text && streq(text, word);
}

static char *unit_text(struct ctl *c, const char *interface, const char *property) {
        char *text = NULL;

        return sd_bus_get_property_string(c->bus, SYSTEMD, UNIT_PATH, interface, property, NULL, &text) < 0 ? NULL
                                                                                                            : text;
}

/* systemd loads a unit when it is asked for. */
static struct unit read_unit(struct ctl *c) {
        struct unit u = {
                .load = unit_text(c, SYSTEMD ".Unit", "LoadState"),
                .file = unit_text(c, SYSTEMD ".Unit", "UnitFileState"),
                .active = unit_text(c, SYSTEMD ".Unit", "ActiveState"),
                .result = unit_text(c, SYSTEMD ".Service", "Result"),
        };
        int reload = 0;

        (void) sd_bus_get_property_trivial(c->bus, SYSTEMD, UNIT_PATH, SYSTEMD ".Service", "MainPID", NULL, 'u',
                                           &u.pid);
        (void) sd_bus_get_property_trivial(c->bus, SYSTEMD, UNIT_PATH, SYSTEMD ".Unit", "NeedDaemonReload", NULL, 'b',
                                           &reload);
        u.reload = reload;
        return u;
}

/* Asked before anything else: a call would have the bus try to start it. */
static bool has_owner(struct ctl *c, const char *name) {
        return sd_bus_get_name_creds(c->bus, name, 0, NULL) >= 0;
}

/* Of whoever has busyd's name; 0: cannot be told. */
static pid_t pid_on_bus(struct ctl *c) {
        sd_bus_creds *creds = NULL;
        pid_t pid = 0;

        if (sd_bus_get_name_creds(c->bus, BUS_NAME, SD_BUS_CREDS_PID, &creds) >= 0)
                (void) sd_bus_creds_get_pid(creds, &pid);
        sd_bus_creds_unref(creds);
        return pid;
}

/* Whether the unit could be started at all. */
static bool can_start(json_t *doc, const struct unit *u) {
        if (is(u->load, "not-found"))
                finding_add(doc, FINDING_PROBLEM,
                            "install it where systemd looks (a package does; else cmake --install), then: systemctl "
                            "--user daemon-reload",
                            "systemd does not know busyd.service");
        else if (is(u->load, "masked"))
                finding_add(doc, FINDING_PROBLEM, "systemctl --user unmask busyd",
                            "busyd.service is masked: nothing can start it");
        else if (u->load && !streq(u->load, "loaded"))
                finding_add(doc, FINDING_PROBLEM, "what is wrong with it: systemctl --user status busyd",
                            "systemd cannot use busyd.service (%s)", u->load);
        else
                return true;
        return false;
}

static void judge_start(json_t *doc, const struct unit *u) {
        if (u->reload)
                finding_add(doc, FINDING_NOTE, "systemctl --user daemon-reload && systemctl --user restart busyd",
                            "busyd.service has changed since systemd read it");
        if (is(u->file, "disabled") || is(u->file, "linked"))
                finding_add(doc, FINDING_NOTE, "systemctl --user enable busyd",
                            "busyd.service does not start when you log in");
        else
                finding_add(doc, FINDING_OK, NULL, "busyd.service starts when you log in");
}

static void judge_run(struct ctl *c, json_t *doc, const struct unit *u, bool running) {
        pid_t pid = running ? pid_on_bus(c) : 0;

        if (is(u->active, "failed"))
                finding_add(doc, FINDING_PROBLEM,
                            "why is in: journalctl --user -u busyd; then: systemctl --user reset-failed busyd && "
                            "systemctl --user start busyd",
                            "busyd.service has failed (%s), and systemd does not start it any more",
                            u->result ? u->result : "it does not say how");
        if (pid > 0 && (uint32_t) pid != u->pid)
                finding_add(doc, FINDING_NOTE, "end it, then: systemctl --user start busyd",
                            "the busyd that runs (process %d) is not the service: nothing starts it again", (int) pid);
}

void look_at_unit(struct ctl *c, json_t *doc, bool running) {
        struct unit u;

        if (!has_owner(c, SYSTEMD)) {
                finding_add(doc, FINDING_NOTE, "have your session start it, for instance by an entry in autostart",
                            "no systemd on the user bus: nothing starts busyd by itself");
                return;
        }
        u = read_unit(c);
        if (can_start(doc, &u)) {
                judge_start(doc, &u);
                judge_run(c, doc, &u, running);
        }
        unit_done(&u);
}

/* ---- state folder ---- */

static void look_for_broken(json_t *doc, const char *folder) {
        SCOPED(names_free) char **names = NULL;
        int n = dir_names(folder, "", ".broken", &names);

        for (int i = 0; i < n; i++)
                finding_add(doc, FINDING_NOTE, "remove it once you have seen it: busyd does not read it again",
                            "%s/%s was damaged and put aside", folder, names[i]);
}

static bool has_room(json_t *doc, const char *folder) {
        struct statvfs fs;
        bool full;

        if (statvfs(folder, &fs) < 0)
                return true;
        full = (uint64_t) fs.f_bavail * fs.f_frsize < FOLDER_SPACE_MIN || (fs.f_files > 0 && fs.f_favail == 0);
        if (full)
                finding_add(doc, FINDING_PROBLEM, "make room there: busyd writes down what it has to give back",
                            "there is no room left in %s", folder);
        return !full;
}

void look_at_folder(json_t *doc, const char *folder) {
        int r = dir_check(folder);

        if (r == -ENOENT) {
                r = dir_check_makeable(folder);
                if (r < 0)
                        finding_add(doc, FINDING_PROBLEM,
                                    "have a home that can be written to, or name another place by XDG_STATE_HOME: "
                                    "without one busyd writes nothing on your accounts",
                                    "%s cannot be made: %s", folder, strerror(-r));
                else
                        finding_add(doc, FINDING_OK, NULL, "nothing was kept yet in %s", folder);
                return;
        }
        if (r == -EPERM)
                finding_add(doc, FINDING_PROBLEM, "it must belong to you: chown; and: chmod 700",
                            "%s belongs to somebody else, or others may write there: busyd does not start", folder);
        else if (r == -ENOTDIR)
                finding_add(doc, FINDING_PROBLEM, "move it away", "%s is no folder: busyd does not start", folder);
        else if (r < 0)
                finding_add(doc, FINDING_PROBLEM, "see that the folder above it may be entered",
                            "%s cannot be looked at: %s", folder, strerror(-r));
        if (r < 0)
                return;
        look_for_broken(doc, folder);
        r = dir_check_writable(folder);
        if (r < 0)
                finding_add(doc, FINDING_PROBLEM,
                            "see that it may be written to: after a crash what others see could not be given back",
                            "%s cannot be written to: %s", folder, strerror(-r));
        else if (has_room(doc, folder))
                finding_add(doc, FINDING_OK, NULL, "state is kept in %s", folder);
}
