/* busyctl run: busy while a command runs. The hold belongs to our connection, so it ends with us whatever
 * happens; the command gets our signals, and we end as it ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "busyctl/bus.h"
#include "busyctl/print.h"
#include "util/text.h"

/* As shells have it. */
#define STATUS_NOT_RUNNABLE 126
#define STATUS_NOT_FOUND    127
#define STATUS_SIGNAL       128

static const int passed_on[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH };

struct run {
        struct ctl *ctl;
        const char *app, *reason;
        pid_t child;
        int status;
        sigset_t old_mask;
};

static void child_run(const struct run *run, char **command) {
        int error;

        (void) sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
        (void) execvp(command[0], command);
        error = errno;
        complain("Cannot run %s: %s", command[0], strerror(error));
        _exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUNNABLE);
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        struct run *run = userdata;

        /* What comes from the terminal has gone to the command as well. */
        if (si->ssi_code != SI_KERNEL)
                (void) kill(run->child, (int) si->ssi_signo);
        return 0;
}

static int on_child(sd_event_source *s, const siginfo_t *si, void *userdata) {
        struct run *run = userdata;

        run->status = si->si_code == CLD_EXITED ? si->si_status : STATUS_SIGNAL + si->si_status;
        return sd_event_exit(sd_event_source_get_event(s), 0);
}

/* A daemon that came back knows nothing of the hold. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct run *run = userdata;
        const char *name, *old, *new;

        if (sd_bus_message_read(m, "sss", &name, &old, &new) >= 0 && new[0] != '\0')
                (void) sd_bus_call_method_async(run->ctl->bus, NULL, BUS_NAME, BUS_PATH, BUS_MANAGER, "Hold", NULL,
                                                NULL, "ss", run->app, run->reason);
        return 0;
}

static int watch_daemon(struct run *run, sd_event *event) {
        int r;

        if (!run->ctl->bus)
                return 0;
        r = sd_bus_add_match(run->ctl->bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" BUS_NAME "'",
                             on_owner_changed, run);
        if (r < 0)
                return r;
        return sd_bus_attach_event(run->ctl->bus, event, SD_EVENT_PRIORITY_NORMAL);
}

/* Everything that can fail before there is a command. Signals are blocked from here on, so that none is lost. */
static int prepare(struct run *run, sd_event *event) {
        sigset_t mask;
        int r;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
                (void) sigaddset(&mask, passed_on[i]);
        if (sigprocmask(SIG_BLOCK, &mask, &run->old_mask) < 0)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
                r = sd_event_add_signal(event, NULL, passed_on[i], on_signal, run);
                if (r < 0)
                        return r;
        }
        return watch_daemon(run, event);
}

static int run_command(struct run *run, sd_event *event, char **command) {
        int r = prepare(run, event);

        if (r < 0)
                return r;
        run->child = fork();
        if (run->child < 0)
                return -errno;
        if (run->child == 0)
                child_run(run, command);
        r = sd_event_add_child(event, NULL, run->child, WEXITED, on_child, run);
        return r < 0 ? r : sd_event_loop(event);
}

/* Without a daemon the command still runs: it is what the user wants first. */
static void hold(struct ctl *c, const struct run *run) {
        if (bus_call(c, BUS_MANAGER, "Hold", NULL, "ss", run->app, run->reason) != CTL_OK)
                complain("Running the command without being busy.");
}

enum exit_code verb_run(struct ctl *c, const struct args *a) {
        const char *slash = strrchr(a->rest[0], '/');
        char command[256];
        struct run run = {
                .ctl = c,
                .app = a->app ? a->app : text_printable(command, sizeof(command), slash ? slash + 1 : a->rest[0]),
                .reason = a->reason ? a->reason : "a command runs",
                .child = -1,
        };
        sd_event *event = NULL;
        int r = sd_event_new(&event);

        hold(c, &run);
        if (r >= 0)
                r = run_command(&run, event, a->rest);
        if (c->bus)
                (void) sd_bus_detach_event(c->bus);
        sd_event_unref(event);
        if (r < 0) {
                complain("Cannot run %s: %s", a->rest[0], strerror(-r));
                return CTL_FAILED;
        }
        return (enum exit_code) run.status;
}
