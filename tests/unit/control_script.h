/* The other side of the bus tests: control.c with a manager that does as it is told, by lines of text, and tells what
 * control asks for, in the same way. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "control/control.h"

/* The first cookie is the largest there is; the next one is not 0. */
#define LAST_COOKIE (UINT32_MAX - 1)

struct script {
        struct control *control;
        sd_event *event;
        int fd; /* lines in: what to do; lines out: what control asked for */
};

static void tell(struct script *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct script *s, const char *format, ...) {
        char line[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        if (write(s->fd, line, strlen(line) + 1) < 0)
                _exit(90);
}

static int do_set_mode(void *userdata, enum mode mode, usec_t duration, bool until_calls_end, const char *message,
                       char **ret_problem) {
        tell(userdata, "mode %s %llu %d %s", mode_to_string(mode), (unsigned long long) duration, until_calls_end,
             message);
        return until_calls_end ? -ENOENT : 0;
}

static int do_hold(void *userdata, uint32_t cookie, const char *app, const char *reason, usec_t duration) {
        tell(userdata, "hold %u %s %s %llu", cookie, app, reason, (unsigned long long) duration);
        return streq(app, "refused") ? -EIO : 0;
}

static void do_release(void *userdata, uint32_t cookie) {
        tell(userdata, "release %u", cookie);
}

static int do_reload(void *userdata, char **ret_problem) {
        *ret_problem = strdup("busyd.conf:3: nonsense");
        return -EINVAL;
}

static void do_named(void *userdata, int error) {
        struct script *s = userdata;

        tell(s, "publish %d", error);
        if (error < 0)
                (void) sd_event_exit(s->event, 0);
}

static int do_reload_accounts(void *userdata) {
        tell(userdata, "reload accounts");
        return 0;
}

static int do_let_go(void *userdata, const char *account) {
        tell(userdata, "let go %s", account);
        return streq(account, "home") ? 0 : -ENOENT;
}

/* Endless, so that the limit shows. */
static int do_history(void *userdata, size_t i, usec_t *ret_at_wall, bool *ret_busy, const char **ret_reason) {
        *ret_at_wall = 1000 - i;
        *ret_busy = i % 2 == 0;
        *ret_reason = "because";
        return 1;
}

static int do_effects(void *userdata, size_t i, struct control_effect_view *ret) {
        *ret = (struct control_effect_view){
                .at_wall = 1000 - i, .name = "on-busy", .ok = i == 0, .outcome = "it has run"
        };
        return 1;
}

static int do_ignore(void *userdata, const char *app, const char *source, bool once, char **ret_problem) {
        tell(userdata, "ignore %s %s %d", app, source, once);
        if (streq(source, "nowhere"))
                *ret_problem = strdup("no source nowhere");
        return streq(source, "nowhere") ? -EINVAL : once ? -ENOENT : 0;
}

static int do_allow(void *userdata, const char *app, const char *source, char **ret_problem) {
        tell(userdata, "allow %s %s", app, source);
        return streq(app, "zoom") ? 0 : -ENOENT;
}

static int do_ignored(void *userdata, size_t i, const char **ret_app, const char **ret_source) {
        *ret_app = "zoom";
        *ret_source = i == 0 ? "" : "pipewire";
        return i < 2;
}

/* One that counts, and more of another than are told. */
static void do_streams(void *userdata, control_take_stream_t take, void *taker) {
        static const char *const names[] = { "ZOOM VoiceEngine", "zo\x1bom", NULL };
        static const char *const none[] = { NULL };
        struct control_stream_view v = { "pipewire", "7", "zoom", "records", "known", "strong", names };

        while (take(taker, &v) >= 0)
                v = (struct control_stream_view){ "camera", "8", "", "sees", "", "", none };
}

static void set_manager(struct script *s, bool busy, const char *problem) {
        control_set_manager(s->control,
                            &(struct control_manager_view){ .settled = true,
                                                            .busy = busy,
                                                            /* Computed anew each time, it wobbles. */
                                                            .since_wall = (busy ? 7 : 5) * USEC_PER_SEC + *problem,
                                                            .mode = MODE_AUTO,
                                                            .message = "",
                                                            .problem = problem });
}

static void set_call(struct script *s, const char *app, bool counts) {
        cr_assert_eq(control_set_call(s->control, &(struct control_call_view){ .serial = 12,
                                                                               .source = "pipewire",
                                                                               .app = app,
                                                                               .what = "holds the microphone",
                                                                               .phase = "active",
                                                                               .evidence = "strong",
                                                                               .since_wall = 3,
                                                                               .counts = counts,
                                                                               .why_not = counts ? "" : "in 3s" }),
                     0);
}

static void set_account(struct script *s, const char *claim) {
        const struct control_output_view outputs[] = {
                { "presence", claim, "busy: In a call", "online: Here", "" },
                { "profile", "off", "", "", "not supported" },
        };

        cr_assert_eq(control_set_account(s->control, &(struct control_account_view){ .name = "my.home",
                                                                                     .user_id = "@a:b",
                                                                                     .homeserver = "https://b",
                                                                                     .server = "",
                                                                                     .state = "online",
                                                                                     .problem = "",
                                                                                     .encrypted_calls = "verified",
                                                                                     .n_unreadable = 1,
                                                                                     .outputs = outputs,
                                                                                     .n_outputs = 2 }),
                     0);
}

static void set_source(struct script *s, unsigned n_calls) {
        cr_assert_eq(control_set_source(s->control, &(struct control_source_view){ .name = "pipewire",
                                                                                   .state = "watching",
                                                                                   .detail = "",
                                                                                   .n_calls = n_calls }),
                     0);
}

static void act(struct script *s, const char *line) {
        if (streq(line, "burst")) {
                set_manager(s, true, "");
                set_manager(s, false, "a");
                set_manager(s, true, "b");
                set_manager(s, true, "b");
        } else if (streq(line, "undone")) {
                set_manager(s, true, "");
                set_manager(s, false, "");
        } else if (streq(line, "free")) {
                set_manager(s, false, "");
        } else if (streq(line, "problem")) {
                set_manager(s, false, "look \x1b[1m here\xff");
        } else if (streq(line, "call")) {
                set_call(s, "Firefox", false);
        } else if (streq(line, "call counts")) {
                set_call(s, "Firefox", true);
        } else if (streq(line, "call gone")) {
                control_remove_call(s->control, 12);
                control_remove_call(s->control, 13);
        } else if (streq(line, "fleeting call")) {
                set_call(s, "Firefox", false);
                control_remove_call(s->control, 12);
        } else if (streq(line, "account")) {
                set_account(s, "free");
                set_source(s, 0);
        } else if (streq(line, "account held")) {
                set_account(s, "held");
        } else if (streq(line, "account gone")) {
                control_remove_account(s->control, "my.home");
        } else {
                control_hold_ended(s->control, (uint32_t) strtoul(line, NULL, 10));
                tell(s, "ended");
        }
}

static int on_line(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char line[256];
        ssize_t n = read(fd, line, sizeof(line) - 1);

        if (n <= 0)
                return sd_event_exit(sd_event_source_get_event(source), 0);
        line[n] = '\0';
        act(userdata, line);
        return 0;
}

static int connect_sd_bus(const char *address, sd_event *event, sd_bus **ret) {
        int r;

        r = sd_bus_new(ret);
        if (r >= 0)
                r = sd_bus_set_address(*ret, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(*ret, 1);
        if (r >= 0)
                r = sd_bus_start(*ret);
        return r < 0 ? r : sd_bus_attach_event(*ret, event, 0);
}

/* Returns the exit status. */
static int serve(const char *address, int fd) {
        struct script s = { .fd = fd };
        const struct control_ops ops = {
                .set_mode = do_set_mode,
                .hold = do_hold,
                .release = do_release,
                .reload = do_reload,
                .reload_accounts = do_reload_accounts,
                .let_go = do_let_go,
                .history = do_history,
                .effects = do_effects,
                .ignore = do_ignore,
                .allow = do_allow,
                .ignored = do_ignored,
                .streams = do_streams,
                .named = do_named,
                .userdata = &s,
        };
        sd_event *event = NULL;
        sd_bus *bus = NULL;

        if (sd_event_new(&event) < 0 || connect_sd_bus(address, event, &bus) < 0)
                return 91;
        if (control_new(&s.control, bus, LAST_COOKIE, &ops) < 0)
                return 92;
        s.event = event;
        if (control_publish(s.control) < 0 || sd_event_add_io(event, NULL, fd, POLLIN, on_line, &s) < 0)
                return 93;
        (void) sd_event_loop(event);
        control_free(s.control);
        sd_bus_flush_close_unref(bus);
        sd_event_unref(event);
        return 0;
}
