/* Every exit code that the manual pages name, and no other. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "system/harness.h"

#define CODES_MAX 16

/* What "# EXIT STATUS" of the page lists. Returns how many. */
static size_t documented(const char *page, int *ret) {
        char path[512];
        SCOPED(free) char *text = NULL;
        const char *at;
        size_t n = 0;

        (void) snprintf(path, sizeof(path), SOURCE_FOLDER "/man/%s", page);
        text = file_text(path);
        at = strstr(text, "# EXIT STATUS");
        cr_assert_not_null(at, "%s has no section of exit codes", page);
        while ((at = strstr(at, "\n*")) && n < CODES_MAX) {
                const char *heading = strstr(text, "\n# ENVIRONMENT");
                char *end;
                long code = strtol(at + 2, &end, 10);

                if (heading && at > heading)
                        break;
                if (end > at + 2 && end[0] == '*')
                        ret[n++] = (int) code;
                at++;
        }
        return n;
}

static void expect_documented(const char *page, const int *tried, size_t n_tried) {
        int codes[CODES_MAX];
        size_t n = documented(page, codes);

        cr_assert_gt(n, 2, "%s: %zu", page, n);
        for (size_t i = 0; i < n; i++) {
                bool found = false;

                for (size_t k = 0; k < n_tried; k++)
                        found = found || tried[k] == codes[i];
                cr_expect(found, "%s documents %d, which is not tried here", page, codes[i]);
        }
        for (size_t k = 0; k < n_tried; k++) {
                bool found = false;

                for (size_t i = 0; i < n; i++)
                        found = found || tried[k] == codes[i];
                cr_expect(found, "%s does not document %d", page, tried[k]);
        }
}

static int ended(pid_t pid) {
        int status = process_wait(pid, patience());

        if (status == -1)
                process_kill(pid);
        return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- busyd ---- */

static const struct {
        const char *argv[4], *config; /* config: of the file that "FILE" stands for; NULL: there is none */
        int code;
        const char *said;
} busyd_runs[] = {
        { { "--version" }, NULL, 0, BUSYD_VERSION },
        { { "--help" }, NULL, 0, "--check" },
        { { "--nonsense" }, NULL, 64, "nonsense" },
        { { "more" }, NULL, 64, "more" },
        { { "--log-level=loud" }, NULL, 64, "loud" },
        { { "--config" }, NULL, 64, "config" },
        { { "--check" }, NULL, 0, "no mistakes" },
        { { "--check", "FILE" }, "", 0, "no mistakes" },
        { { "--check", "FILE" }, "[busyd]\nringing = all\n[source jami]\nenabled = no\n", 0, "no mistakes" },
        { { "--check", "FILE" }, "[busyd]\nringin = all\n", 65, ":2: [busyd] has no key \"ringin\"" },
        { { "--check", "FILE" }, "[source pipewir]\nenabled = no\n", 65, "did you mean [source pipewire]?" },
        { { "--check", "--config", "FILE" }, "x\n", 65, ":1:" },
        { { "--check", "FILE", "more" }, "", 64, "more" },
        { { "--check", "FILE" }, NULL, 78, "cannot be read" },
        { { "--config", "FILE" }, NULL, 78, "cannot be read" },
};

WORLD_TEST(exit_codes, of_busyd, .no_homeserver = true) {
        static const char *const unprinted[] = { BUSYD_PROGRAM " --help >/dev/full",
                                                 BUSYD_PROGRAM " --check >/dev/full" };
        const int tried[] = { 0, 1, 64, 65, 69, 78 };
        SCOPED(free) char *file = strdup(world_path(w, "tried.conf"));
        pid_t pid;

        for (size_t i = 0; i < ARRAY_SIZE(busyd_runs); i++) {
                const char *argv[6] = { BUSYD_PROGRAM };
                SCOPED_RUN r = { 0 };

                for (size_t k = 0; k < ARRAY_SIZE(busyd_runs[i].argv) && busyd_runs[i].argv[k]; k++)
                        argv[1 + k] = streq(busyd_runs[i].argv[k], "FILE") ? file : busyd_runs[i].argv[k];
                if (busyd_runs[i].config)
                        file_put(file, busyd_runs[i].config);
                else
                        (void) remove(file);
                r = world_run(w, NULL, argv);
                check(w, r.code == busyd_runs[i].code, "%s %s, row %zu: %d\n%s%s", argv[1], argv[2] ?: "", i, r.code,
                      r.out, r.err);
                check(w, strstr(r.out, busyd_runs[i].said) || strstr(r.err, busyd_runs[i].said), "row %zu: %s%s", i,
                      r.out, r.err);
        }

        /* What is printed is not there. */
        for (size_t i = 0; i < ARRAY_SIZE(unprinted); i++) {
                SCOPED_RUN r = world_run(w, NULL, (const char *const[]){ "sh", "-c", unprinted[i], NULL });

                check(w, r.code == 1 && strstr(r.err, "Cannot write the output"), "%s: %d %s", unprinted[i], r.code,
                      r.err);
        }

        /* A state folder that is no folder. */
        file_put(file, "");
        pid = world_program(w, (const char *const[]){ BUSYD_PROGRAM, "--state-dir", file, NULL }, -1, "busyd.log");
        check(w, ended(pid) == 78, "a state folder that cannot be used");

        world_start(w);
        check(w, ended(world_spawn(w)) == 69, "a second one");
        check(w, world_stop(w) == 0, "ended as asked");

        world_start(w);
        private_bus_stop(w->bus);
        check(w, world_wait_end(w) == 1, "the bus is gone");
        expect_documented("busyd.1.scd", tried, ARRAY_SIZE(tried));
}

/* ---- busyctl ---- */

static const struct {
        const char *argv[6];
        int code;
        bool running; /* busyd is there */
} busyctl_runs[] = {
        { { "--version" }, 0, false },
        { { "help" }, 0, false },
        { { "status" }, 0, true },
        { { "is-busy" }, 1, true },
        { { "busy", "-m", "Test" }, 0, true },
        { { "is-busy" }, 0, true },
        { { "auto" }, 0, true },
        { { "is-busy" }, 3, false },
        { { "status" }, 3, false },
        { { "auto" }, 3, false },
        { { "free", "--until-call-ends" }, 1, true }, /* there is no call */
        { { "logout", "nobody" }, 1, true },
        { { "logout", "nobody" }, 1, false },
        { { "reload" }, 0, true },
        { { "doctor" }, 1, false },
        { { "nonsense" }, 2, false },
        { { "--nonsense" }, 2, false },
        { { "status", "more" }, 2, true },
        { { "status", "--nonsense" }, 2, true },
        { { "busy", "--for", "soon" }, 2, true },
        { { "busy", "--for", "30d 1s" }, 2, true },
        { { "busy", "--for", "1h", "--until", "23:59" }, 2, true },
        { { "free", "--until-call-ends", "--for", "1h" }, 2, true },
        { { "history", "-n", "0" }, 2, true },
        { { "-j", "busy" }, 2, true },
        { { "allow" }, 2, true },
        { { "run" }, 2, true },
        { { "run", "--", "sh", "-c", "exit 7" }, 7, true },
        { { "run", "--", "sh", "-c", "kill -9 $$" }, 137, true },
        { { "run", "--", "/nowhere/at/all" }, 127, true },
        { { "run", "--", "/etc" }, 126, true },
        { { "run", "--", "sh", "-c", "exit 7" }, 7, false },
};

WORLD_TEST(exit_codes, of_busyctl, .no_homeserver = true) {
        const int tried[] = { 0, 1, 2, 3 };

        for (size_t i = 0; i < ARRAY_SIZE(busyctl_runs); i++) {
                const char *argv[8] = { BUSYCTL_PROGRAM };
                SCOPED_RUN r = { 0 };

                if (busyctl_runs[i].running && w->busyd == 0)
                        world_start(w);
                else if (!busyctl_runs[i].running && w->busyd != 0)
                        check(w, world_stop(w) == 0, "row %zu: it does not end", i);
                memcpy(argv + 1, busyctl_runs[i].argv, sizeof(busyctl_runs[i].argv));
                r = world_run(w, NULL, argv);
                check(w, r.code == busyctl_runs[i].code, "row %zu, %s: %d %s%s", i, argv[1], r.code, r.out, r.err);
        }
        expect_documented("busyctl.1.scd", tried, ARRAY_SIZE(tried));
}
