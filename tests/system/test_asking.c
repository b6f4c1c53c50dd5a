/* What asking does to a busyd that does not run: nothing, but to wait for one that is just being started. */
#include <stdio.h>
#include <unistd.h>

#include "system/harness.h"
#include "system/mock.h"

#define SYSTEMD   "org.freedesktop.systemd1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/busyd_2eservice"

/* The bus would start it, as where it is installed; here that leaves a file behind and fails. */
static void make_startable(struct world *w) {
        SCOPED(free) char *service = NULL, *path = strdup(world_path(w, "services/" BUSYD_NAME ".service"));
        SCOPED_RUN reload = { 0 };

        cr_assert_geq(asprintf(&service,
                               "[D-BUS Service]\nName=" BUSYD_NAME "\nExec=/bin/sh -c \"echo > %s; exit 1\"\n",
                               world_path(w, "started")),
                      0);
        file_put(path, service);
        reload = world_run(w, NULL,
                           (const char *const[]){ "dbus-send", "--session", "--print-reply",
                                                  "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                  "org.freedesktop.DBus.ReloadConfig", NULL });
        check(w, reload.code == 0, "%s", reload.err);
}

static bool was_started(struct world *w) {
        return unlink(world_path(w, "started")) == 0;
}

static const struct {
        const char *argv[4];
        int code;
        bool starts;
} asked[] = {
        { { "status" }, 3, false },       { { "why" }, 3, false },         { { "is-busy" }, 3, false },
        { { "history" }, 3, false },      { { "accounts" }, 3, false },    { { "sources" }, 3, false },
        { { "ignore" }, 3, false },       { { "reload" }, 3, false },      { { "doctor" }, 1, false },
        { { "-j", "status" }, 3, false }, { { "busy" }, 3, true },         { { "free" }, 3, true },
        { { "auto" }, 3, true },          { { "pause" }, 3, true },        { { "resume" }, 3, true },
        { { "ignore", "obs" }, 3, true }, { { "allow", "obs" }, 3, true }, { { "run", "true" }, 0, true },
};

WORLD_TEST(asking, only_what_needs_it_starts_it, .no_session = true) {
        make_startable(w);
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
                const char *argv[6] = { BUSYCTL_PROGRAM };
                SCOPED_RUN r = { 0 };

                memcpy(argv + 1, asked[i].argv, sizeof(asked[i].argv));
                r = world_run(w, NULL, argv);
                check(w, r.code == asked[i].code, "%s: %d %s%s", argv[1], r.code, r.out, r.err);
                check(w, was_started(w) == asked[i].starts, "%s: %s", argv[1],
                      asked[i].starts ? "does not start it" : "starts it");
        }
}

/* A hook that ends after busyd was stopped. */
WORLD_TEST(asking, a_hook_that_releases_does_not_start_it, .no_session = true) {
        SCOPED_RUN r = { 0 };

        make_startable(w);
        file_put(world_path(w, "runtime/busyd-hook.Studio"), "u 1\n");
        r = world_run(w, NULL, (const char *const[]){ SOURCE_FOLDER "/contrib/busyd-hook", "stop", "Studio", NULL });
        check(w, r.code == 0, "%d %s", r.code, r.err);
        check(w, !was_started(w), "it starts it");
}

static struct mock *systemd_says(struct world *w, const char *state) {
        struct mock *m = mock_new(
                w, w->bus, &(struct mock_options){ .name = SYSTEMD, .path = "/org", .interface = SYSTEMD ".Manager" });

        mock_call(m, "/org", "AddObject", "ssa{sv}a(ssss)", UNIT_PATH, SYSTEMD ".Unit", 1, "ActiveState", "s", state,
                  0);
        return m;
}

WORLD_TEST(asking, one_that_is_being_started_is_waited_for, .no_session = true) {
        static const char *const asking[] = { BUSYCTL_PROGRAM, "is-busy", NULL };
        struct mock *systemd = systemd_says(w, "activating");
        pid_t pid = world_program(w, asking, -1, "asking.log");
        int status;

        /* It is asked for before it is there: it watches for the name first. */
        world_look_again(w);
        world_start(w);
        status = process_wait(pid, patience());
        check(w, status != -1 && WIFEXITED(status), "no answer");
        cr_expect_eq(WEXITSTATUS(status), 1, "free, as it says when it is there: %d", WEXITSTATUS(status));
        mock_free(systemd);
}

WORLD_TEST(asking, one_that_is_stopped_is_not_waited_for, .no_session = true) {
        struct mock *systemd = systemd_says(w, "inactive");
        SCOPED_RUN r = world_busyctl(w, NULL, "is-busy", NULL);

        check(w, r.code == 3 && strstr(r.err, "is not running"), "%d %s", r.code, r.err);
        mock_free(systemd);
}
