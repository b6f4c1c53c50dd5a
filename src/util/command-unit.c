/* See command-unit.h. ASKED: StartTransientUnit is not answered yet. RUNNING: changes of the unit are watched.
 * LOOKING: it has stopped, and how is being asked. OVER: told. The unit is kept by systemd until we let go of it
 * (AddRef), so that how it ended can be asked. */
#include "util/command-unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "util/text.h"

#define SYSTEMD      "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define PROPERTIES   "org.freedesktop.DBus.Properties"
/* Past its time the unit is ended by systemd, if this process has not done so: it may have died. */
#define TIME_SPARE (5 * USEC_PER_SEC)
/* At the end of this process, for systemd to hear that the unit is to stop. */
#define STOP_ASK_MAX USEC_PER_SEC
/* EXIT_EXEC of systemd.exec(5): the program could not be started. */
#define EXIT_NO_PROGRAM 203
/* From SIGTERM to SIGKILL. */
#define STOP_MAX (2 * USEC_PER_SEC)

struct command_unit {
        sd_bus *bus;
        struct command_unit_handler handler;
        char name[64];
        char *path;
        sd_bus_slot *match, *call;
        sd_event_source *exit;
        bool asked, looking, over;
        bool gone; /* systemd knows that we have no interest in it any more; or it never had one */
};

bool command_unit_is_due(void) {
        const char *pid = getenv("SYSTEMD_EXEC_PID");

        return pid && strtol(pid, NULL, 10) == (long) getpid();
}

/* ---- how it ended ---- */

/* Members of an array of properties: `code` and `status` as waitid() has them. */
static int read_end(sd_bus_message *m, int32_t *code, int32_t *status) {
        const char *name;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        break;
                if (streq(name, "ExecMainCode"))
                        r = sd_bus_message_read(m, "v", "i", code);
                else if (streq(name, "ExecMainStatus"))
                        r = sd_bus_message_read(m, "v", "i", status);
                else
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_looked(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct command_unit *u = userdata;
        int32_t code = 0, status = 0;

        u->call = sd_bus_slot_unref(u->call);
        u->looking = false;
        if (sd_bus_message_is_method_error(m, NULL) || read_end(m, &code, &status) < 0) {
                u->over = true;
                u->handler.ended(EXIT_FAILURE, u->handler.userdata);
        } else if (code != 0) { /* 0: it has not run yet */
                u->over = true;
                if (code != CLD_EXITED)
                        status += 128;
                else if (status == EXIT_NO_PROGRAM)
                        status = 127; /* as of a shell */
                u->handler.ended(status, u->handler.userdata);
        }
        return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct command_unit *u = userdata;

        /* Whatever changed: the answer says whether it is over. */
        if (u->looking || u->over || u->asked)
                return 0;
        u->looking = sd_bus_call_method_async(u->bus, &u->call, SYSTEMD, u->path, PROPERTIES, "GetAll", on_looked, u,
                                              "s", SYSTEMD ".Service") >= 0;
        return 0;
}

/* ---- letting go ---- */

/* With no time to wait, the answer is not waited for. */
static void tell(const struct command_unit *u, usec_t wait, const char *member, const char *types, const char *mode) {
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(u->bus, &m, SYSTEMD, SYSTEMD_PATH, SYSTEMD ".Manager", member);

        if (r >= 0)
                r = sd_bus_message_append(m, types, u->name, mode);
        if (r >= 0 && wait > 0)
                (void) sd_bus_call(u->bus, m, wait, NULL, NULL);
        else if (r >= 0)
                (void) sd_bus_send(u->bus, m, NULL);
        sd_bus_message_unref(m);
}

static void let_go(struct command_unit *u, usec_t wait) {
        if (u->gone)
                return;
        u->gone = true;
        if (!u->over)
                tell(u, wait, "StopUnit", "ss", "replace");
        tell(u, 0, "UnrefUnit", "s", NULL);
}

/* systemd does not listen to somebody who has left the bus since. */
static int on_exit_of_loop(sd_event_source *s, void *userdata) {
        let_go(userdata, STOP_ASK_MAX);
        return 0;
}

/* With the loop the bus closes, before anybody is freed. */
static int watch_exit(struct command_unit *u) {
        int r = sd_event_add_exit(sd_bus_get_event(u->bus), &u->exit, on_exit_of_loop, u);

        return r < 0 ? r : sd_event_source_set_priority(u->exit, SD_EVENT_PRIORITY_IMPORTANT);
}

/* ---- starting ---- */

/* What systemd says to one service only. */
static bool is_own_variable(const char *entry) {
        static const char *const names[] = {
                "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=",    "INVOCATION_ID=",
                "LISTEN_",        "MAINPID=",      "SYSTEMD_EXEC_PID=", "JOURNAL_STREAM=",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strncmp(entry, names[i], strlen(names[i])) == 0)
                        return true;
        return false;
}

static int append_environment(sd_bus_message *m, const char *const *environment) {
        int r = sd_bus_message_open_container(m, 'r', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", "Environment");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (const char *const *e = environment; r >= 0 && *e; e++) {
                if (!is_own_variable(*e))
                        r = sd_bus_message_append(m, "s", *e);
                if (r == -EINVAL)
                        r = 0; /* no UTF-8: stays behind */
        }
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

/* Each word as it is: systemd reads neither specifiers nor variables there. */
static int append_program(sd_bus_message *m, const char *const *argv) {
        int r = sd_bus_message_open_container(m, 'r', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", "ExecStartEx");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sasas)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasas)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasas");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", argv[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) argv);
        if (r >= 0)
                r = sd_bus_message_append(m, "as", 1, "no-env-expand");
        for (int i = 0; r >= 0 && i < 4; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_properties(sd_bus_message *m, const struct command_unit_options *o) {
        int r = sd_bus_message_open_container(m, 'a', "(sv)");

        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s", "A command of busyd", "Type", "s",
                                          "exec", "CollectMode", "s", "inactive-or-failed", "AddRef", "b", 1);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)", "StandardOutputFileDescriptor", "h", o->output,
                                          "StandardErrorFileDescriptor", "h", STDERR_FILENO);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)", "RuntimeMaxUSec", "t", usec_add(o->time_max, TIME_SPARE),
                                          "TimeoutStopUSec", "t", STOP_MAX, "UMask", "u", 0077);
        if (r >= 0)
                r = append_environment(m, o->environment);
        if (r >= 0)
                r = append_program(m, o->argv);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r;
}

static int on_started(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct command_unit *u = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(m);

        u->call = sd_bus_slot_unref(u->call);
        u->asked = false;
        if (e) {
                u->over = u->gone = true;
                u->handler.started(-sd_bus_error_get_errno(e), u->handler.userdata);
                return 0;
        }
        u->handler.started(0, u->handler.userdata);
        /* It may be over already. */
        return on_changed(m, u, error);
}

static int ask(struct command_unit *u, const struct command_unit_options *options) {
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(u->bus, &m, SYSTEMD, SYSTEMD_PATH, SYSTEMD ".Manager",
                                               "StartTransientUnit");

        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", u->name, "fail");
        if (r >= 0)
                r = append_properties(m, options);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r >= 0)
                r = sd_bus_call_async(u->bus, &u->call, m, on_started, u, 0);
        sd_bus_message_unref(m);
        return r;
}

int command_unit_start(struct command_unit **ret, sd_bus *bus, const struct command_unit_options *options,
                       const struct command_unit_handler *handler) {
        SCOPED(command_unit_free) struct command_unit *u = calloc(1, sizeof(*u));
        sd_id128_t id;
        int r;

        if (!u)
                return -ENOMEM;
        u->bus = sd_bus_ref(bus);
        u->handler = *handler;
        u->gone = true;
        r = sd_id128_randomize(&id);
        if (r < 0)
                return r;
        (void) snprintf(u->name, sizeof(u->name), "busyd-command-" SD_ID128_FORMAT_STR ".service",
                        SD_ID128_FORMAT_VAL(id));
        r = sd_bus_path_encode(SYSTEMD_PATH "/unit", u->name, &u->path);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &u->match, SYSTEMD, u->path, PROPERTIES, "PropertiesChanged",
                                              on_changed, NULL, u);
        if (r >= 0)
                r = watch_exit(u);
        if (r >= 0)
                r = ask(u, options);
        if (r < 0)
                return r;
        u->asked = true;
        u->gone = false;
        *ret = TAKE(u);
        return 0;
}

struct command_unit *command_unit_free(struct command_unit *u) {
        if (!u)
                return NULL;
        sd_bus_slot_unref(u->call);
        sd_bus_slot_unref(u->match);
        let_go(u, 0);
        sd_event_source_disable_unref(u->exit);
        sd_bus_unref(u->bus);
        free(u->path);
        free(u);
        return NULL;
}
