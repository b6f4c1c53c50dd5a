/* See driver.h. */
#include "interop/driver.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/clock.h"

#define LOG "driver.log"

struct driver {
        struct desk *desk;
        pid_t pid;
        int in;    /* its standard input */
        FILE *out; /* its standard output */
};

__attribute__((format(printf, 2, 3), noreturn)) static void give_up(struct driver *v, const char *format, ...) {
        SCOPED(free) char *log = file_text(world_path(v->desk->world, LOG));
        char problem[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(problem, sizeof(problem), format, ap);
        va_end(ap);
        fprintf(stderr, "---- the log of the other clients\n%s\n", log);
        desk_check(v->desk, false, "%s", problem);
        abort();
}

struct driver *driver_start(struct desk *d, const char *const argv[]) {
        struct driver *v = calloc(1, sizeof(*v));
        char path[4096], home[256];
        const char *const env[] = { path, home, NULL };
        int in[2], out[2], log = open(world_path(d->world, LOG), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        cr_assert_not_null(v);
        cr_assert_geq(log, 0);
        cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        (void) snprintf(path, sizeof(path), "PATH=%s", getenv("PATH"));
        (void) snprintf(home, sizeof(home), "HOME=%s", d->world->dir);
        *v = (struct driver){ .desk = d, .in = in[1], .out = fdopen(out[0], "r") };
        cr_assert_not_null(v->out);
        setvbuf(v->out, NULL, _IONBF, 0);
        (void) signal(SIGPIPE, SIG_IGN);
        v->pid = process_start(&(struct process_options){
                .argv = argv, .env = env, .in = in[0], .out = out[1], .err = log, .pass = -1 });
        cr_assert_gt(v->pid, 0);
        close(in[0]);
        close(out[1]);
        close(log);
        return v;
}

struct driver *driver_close(struct driver *v) {
        close(v->in);
        if (process_wait(v->pid, interop_deadline_msec()) != 0)
                give_up(v, "the other clients do not end");
        (void) fclose(v->out);
        free(v);
        return NULL;
}

char *driver_do(struct driver *v, const char *client, const char *command, json_t *arguments) {
        usec_t deadline = interop_deadline(), now = clock_now();
        SCOPED(free) char *text = NULL, *line = NULL;
        struct pollfd p = { .fd = fileno(v->out), .events = POLLIN };
        json_t *order = arguments ? arguments : json_object(), *answer;
        size_t size = 0;
        char *value;

        cr_assert_not_null(order);
        json_object_set_new(order, "client", json_string(client));
        json_object_set_new(order, "do", json_string(command));
        text = json_dumps(order, JSON_COMPACT);
        json_decref(order);
        cr_assert_geq(dprintf(v->in, "%s\n", text), 0, "the other clients have ended");
        if (now >= deadline || poll(&p, 1, (int) ((deadline - now) / USEC_PER_MSEC) + 1) <= 0 ||
            getline(&line, &size, v->out) <= 0)
                give_up(v, "nothing came of: %s", text);
        answer = json_loads(line, 0, NULL);
        if (!answer || !json_object_get(answer, "done"))
                give_up(v, "%s: %s", text, line);
        value = strdup(json_string_value(json_object_get(answer, "value")) ?: "");
        json_decref(answer);
        return value;
}
