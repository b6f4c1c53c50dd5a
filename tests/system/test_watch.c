/* What bars read: a line for every change. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "system/harness.h"

/* As long as the bus object takes it. */
#define NAME_MAX_BYTES 512

static const struct {
        const char *what, *start, *character;
} names[] = {
        { "two bytes a character", "", "\xc3\xa9" },
        { "cut within a character", "x", "\xc3\xa9" },
        { "three bytes a character", "", "\xe2\x98\x8e" },
        { "four bytes a character", "xx", "\xf0\x9f\x93\x9e" },
};

static void hold(struct world *w, const char *app) {
        const char *reason = "trying";
        bool ok;
        SCOPED(free)
        char *answer = peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app,
                                 DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID);

        check(w, ok, "%s", answer);
}

static char *read_line(struct world *w, int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        size_t n = 0, size = 16384;
        char *line = calloc(1, size);

        while (n + 1 < size) {
                check(w, poll(&p, 1, patience()) == 1, "no line came");
                if (read(fd, line + n, 1) != 1 || line[n] == '\n')
                        break;
                n++;
        }
        line[n] = '\0';
        return line;
}

WORLD_TEST(watch, lines_for_a_bar_take_names_of_any_length, .no_homeserver = true) {
        char name[NAME_MAX_BYTES + 1];
        int out[2];

        world_start(w);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t n = strlen(names[i].start), step = strlen(names[i].character);

                (void) snprintf(name, sizeof(name), "%s", names[i].start);
                for (; n + step < sizeof(name); n += step)
                        (void) snprintf(name + n, sizeof(name) - n, "%s", names[i].character);
                hold(w, name);
        }
        expect_availability(w, "busy");
        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        (void) world_program(w, (const char *const[]){ BUSYCTL_PROGRAM, "watch", "--waybar", NULL }, out[1],
                             "watch.log");
        close(out[1]);
        {
                SCOPED(free) char *line = read_line(w, out[0]);
                json_t *doc = json_loads(line, 0, NULL);

                check(w, doc, "not a line for a bar: \"%s\"", line);
                cr_assert_str_eq(json_string_value(json_object_get(doc, "class")), "busy");
                json_decref(doc);
        }
        close(out[0]);
}

static char *first_line_of(struct world *w, const char *option) {
        int out[2];
        char *line;

        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        (void) world_program(w, (const char *const[]){ BUSYCTL_PROGRAM, "watch", option, NULL }, out[1], "watch.log");
        close(out[1]);
        line = read_line(w, out[0]);
        close(out[0]);
        return line;
}

/* Started by whoever asks, on a server that has not told yet. */
WORLD_TEST(watch, says_nothing_of_what_is_not_known_yet) {
        SCOPED(free) char *bar = NULL, *people = NULL;
        SCOPED_RUN status = { 0 };

        hs_fault(w->hs, &(struct hs_fault){ .match = HS_SYNC, .kind = HS_HANG });
        world_start(w);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "false"), "settled already");
        status = world_busyctl(w, NULL, "status", NULL);
        bar = first_line_of(w, "--waybar");
        people = first_line_of(w, NULL);
        check(w, strstr(status.out, "Not known yet") && !strstr(status.out, "free since"), "%s", status.out);
        check(w, strstr(bar, "\"class\":\"off\"") && !strstr(bar, "free"), "%s", bar);
        check(w, strstr(people, "not known yet") && !strstr(people, "free"), "%s", people);
}
