/* Who has a camera open, in a folder of files that stand for device nodes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/video.h"
#include "unit/util_temp.h"
#include "util/clock.h"

#define PATIENCE (30 * USEC_PER_SEC)

static struct fixture {
        struct temp_dir dir;
        char nodes[128], udev[128];
        struct video_places places;
        struct source_kind kind;
        sd_event *event;
        struct call_sink sink;
        struct source *source;
        usec_t now;
        char app[64]; /* of the only call; "": none */
        enum call_evidence evidence;
        unsigned n_reports;
} f;

static void on_report(void *userdata, const struct call_report *r) {
        f.n_reports++;
        f.evidence = r->evidence;
        cr_assert(r->device);
        (void) snprintf(f.app, sizeof(f.app), "%s", r->app);
}

static void on_end(void *userdata, const char *source, const char *id) {
        f.app[0] = '\0';
}

static void on_touched(void *userdata) {
}

static void put(const char *folder, const char *name, const char *text) {
        char path[256];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void setup(void) {
        f = (struct fixture){ .dir = temp_dir(),
                              .sink = { .report = on_report, .end = on_end },
                              .now = USEC_PER_HOUR };
        (void) snprintf(f.nodes, sizeof(f.nodes), "%s/dev", f.dir.path);
        (void) snprintf(f.udev, sizeof(f.udev), "%s/udev", f.dir.path);
        cr_assert(mkdir(f.nodes, 0700) == 0 && mkdir(f.udev, 0700) == 0);
        put(f.nodes, "video0", "");
        f.places = (struct video_places){ f.nodes, f.udev };
        f.kind = source_video;
        f.kind.row = &f.places;
        cr_assert_geq(sd_event_new(&f.event), 0);
}

static void begin_with(const char *const *ignore) {
        cr_assert_eq(
                f.kind.start(&f.source, &f.kind,
                             &(struct source_context){
                                     .event = f.event, .sink = &f.sink, .ignore = ignore, .touched = on_touched }),
                0);
        (void) f.kind.run(f.source, f.now);
        cr_assert_eq(source_state(f.source), SOURCE_WATCHING);
}

static void begin(void) {
        begin_with(NULL);
}

static void teardown(void) {
        if (f.source)
                f.kind.stop(f.source);
        sd_event_unref(f.event);
        temp_dir_scoped(&f.dir);
}

TestSuite(video, .init = setup, .fini = teardown);

/* What the kernel has told by now, and what follows in time. Returns whether anything was told. */
static bool let_it_run(void) {
        bool told = false;
        usec_t at;

        while (sd_event_run(f.event, 0) > 0)
                told = true;
        at = f.kind.run(f.source, f.now);
        if (at != USEC_NEVER) {
                cr_assert_leq(at, f.now + 2 * USEC_PER_SEC);
                f.now = at;
                (void) f.kind.run(f.source, f.now);
        }
        return told;
}

/* A program of that name with the node open. */
static pid_t opener(const char *program, const char *node) {
        char command[512], copy[128], line[16] = "";
        int pipes[2];
        pid_t pid;

        (void) snprintf(copy, sizeof(copy), "%s/%s", f.dir.path, program);
        (void) snprintf(command, sizeof(command), "cp /bin/sleep '%s'", copy);
        cr_assert(system(command) == 0 && pipe(pipes) == 0);
        (void) snprintf(command, sizeof(command), "exec 3<'%s/%s'; echo open; exec '%s' 1000 >/dev/null", f.nodes,
                        node, copy);
        pid = fork();
        if (pid == 0) {
                (void) dup2(pipes[1], STDOUT_FILENO);
                (void) close(pipes[0]);
                (void) close(pipes[1]);
                (void) execl("/bin/sh", "sh", "-c", command, NULL);
                _exit(1);
        }
        (void) close(pipes[1]);
        cr_assert_gt(read(pipes[0], line, sizeof(line)), 0);
        /* The end of it: the shell has become the program. */
        cr_assert_eq(read(pipes[0], line, sizeof(line)), 0);
        (void) close(pipes[0]);
        return pid;
}

static void end(pid_t pid) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

Test(video, a_program_with_a_camera_open_is_a_weak_hint) {
        pid_t pid;

        begin();
        cr_assert_str_eq(f.app, "");
        pid = opener("meeting", "video0");
        cr_assert(let_it_run());
        cr_assert_str_eq(f.app, "meeting");
        cr_assert_eq(f.evidence, EVIDENCE_WEAK);
        end(pid);
        cr_assert(let_it_run());
        cr_assert_str_eq(f.app, "");
}

Test(video, is_found_at_the_start) {
        pid_t pid = opener("meeting", "video0");

        begin();
        cr_assert_str_eq(f.app, "meeting");
        end(pid);
}

/* Not only a file that stands for one: what opens and closes a node of the kernel is told all the same. */
Test(video, a_node_of_a_device_is_watched_as_well) {
        char path[256];
        pid_t pid;

        (void) snprintf(path, sizeof(path), "%s/video3", f.nodes);
        if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) < 0)
                cr_skip_test("no node can be made here");
        begin();
        (void) close(open(path, O_RDONLY | O_CLOEXEC));
        cr_assert(let_it_run());
        cr_assert_eq(f.n_reports, 0);
        pid = opener("meeting", "video3");
        cr_assert(let_it_run());
        cr_assert_str_eq(f.app, "meeting");
        end(pid);
        cr_assert(let_it_run());
        cr_assert_str_eq(f.app, "");
}

/* As those do who list devices. */
Test(video, open_for_a_moment_is_nothing) {
        char path[256];

        begin();
        (void) snprintf(path, sizeof(path), "%s/video0", f.nodes);
        for (int i = 0; i < 20; i++)
                (void) close(open(path, O_RDONLY | O_CLOEXEC));
        cr_assert(let_it_run());
        cr_assert_eq(f.n_reports, 0);
        /* And nothing more is to be done. */
        cr_assert_not(let_it_run());
        cr_assert_eq(f.kind.run(f.source, f.now), USEC_NEVER);
}

Test(video, a_camera_that_is_plugged_in_is_watched) {
        pid_t pid;

        begin();
        put(f.nodes, "video7", "");
        cr_assert(let_it_run());
        pid = opener("meeting", "video7");
        cr_assert(let_it_run());
        cr_assert_str_eq(f.app, "meeting");
        end(pid);
}

Test(video, programs_that_make_no_calls_are_left_out_and_listed) {
        pid_t pid;
        struct source_stream stream;

        begin();
        pid = opener("obs", "video0");
        cr_assert(let_it_run());
        cr_assert_eq(f.n_reports, 0);
        cr_assert(f.kind.stream(f.source, 0, &stream));
        cr_assert_str_eq(stream.app, "obs");
        cr_assert(!stream.counts);
        cr_assert_str_eq(stream.why, "known to make no calls");
        cr_assert_not(f.kind.stream(f.source, 1, &stream));
        end(pid);
}

Test(video, what_the_user_ignores_is_left_out) {
        static const char *const ignore[] = { "meet*", NULL };
        pid_t pid = opener("meeting", "video0");

        begin_with(ignore);
        cr_assert_eq(f.n_reports, 0);
        end(pid);
}

/* Its users are known by its own streams. */
Test(video, what_pipewire_has_open_is_not_told_twice) {
        pid_t pid = opener("pipewire", "video0");

        begin();
        cr_assert_eq(f.n_reports, 0);
        end(pid);
}

/* A decoder, which a browser has open for each film. */
Test(video, what_is_no_camera_is_not_watched) {
        pid_t pid;

        put(f.udev, "c0:0", "E:ID_V4L_VERSION=2\nE:ID_V4L_CAPABILITIES=:video_output:\nE:ID_X=:capture:\n");
        begin();
        pid = opener("meeting", "video0");
        cr_assert_not(let_it_run());
        cr_assert_eq(f.n_reports, 0);
        end(pid);
}

Test(video, a_camera_is_known_by_what_udev_says) {
        pid_t pid;

        put(f.udev, "c0:0", "E:ID_V4L_CAPABILITIES=:capture:\n");
        begin();
        pid = opener("meeting", "video0");
        cr_assert(let_it_run());
        cr_assert_str_eq(f.app, "meeting");
        end(pid);
}
