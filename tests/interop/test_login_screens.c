/* From nothing to a busy that others see, as somebody who has just installed busyd: without a configuration, at a
 * terminal, by each way to log in, at a real Synapse and a real OAuth 2.0 server. With BUSYD_LOGIN_SCREENS=FOLDER,
 * what is typed and shown, and when, is written there, a file for each way: scripts/login-screens does that. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

#include "interop/login_rig.h"
#include "state/session.h"
#include "util/clock.h"

#define ALICE    "@alice:busyd.test"
#define BOB      "@bob:busyd.test"
#define PASSWORD "correct horse" /* of login/rig.py */
#define MESSAGE  "In a call"     /* busyd's own */
#define MINE     BUSYD_PATH "/account/default"

struct way {
        const char *name, *kind, *option; /* of the rig; option NULL: none */
        const char *shows;                /* what the user has to see before they can go on */
        bool by_code, by_password;        /* else: by the address alone */
};

static const struct way password = { "password", "password", NULL, "Password: ", .by_password = true };
static const struct way device = { "device", "mas", "COMPLETE=0", "and give it this code:", .by_code = true };
static const struct way browser = { "browser", "mas", "NO_DEVICE_GRANT=1", "in a browser on this machine",
                                    .by_code = false };
static const struct way sso = { "sso", "sso", NULL, "in a browser on this machine", .by_code = false };

/* ---- the record ---- */

static FILE *record;
static usec_t begun;
static size_t n_shown; /* of the command's screen */

static void open_record(const struct way *way) {
        const char *folder = getenv("BUSYD_LOGIN_SCREENS");
        SCOPED(free) char *path = NULL;

        if (!folder)
                return;
        cr_assert_gt(asprintf(&path, "%s/%s.txt", folder, way->name), 0);
        record = fopen(path, "we");
        cr_assert(record, "%s", path);
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
        usec_t t = clock_now() - begun;
        va_list ap;

        if (!record)
                return;
        (void) fprintf(record, "\n[%3llu.%llu s] ", (unsigned long long) (t / USEC_PER_SEC),
                       (unsigned long long) (t % USEC_PER_SEC / (USEC_PER_SEC / 10)));
        va_start(ap, format);
        (void) vfprintf(record, format, ap);
        va_end(ap);
        (void) fputc('\n', record);
}

/* What has come since the last time, without colours. */
static void screen(const char *text) {
        while (record && text[n_shown]) {
                if (text[n_shown] == '\033')
                        n_shown += strcspn(text + n_shown, "m");
                else if (text[n_shown] != '\r')
                        (void) fputc(text[n_shown], record);
                n_shown += text[n_shown] != '\0';
        }
}

static void close_record(void) {
        if (record)
                (void) fclose(record);
        record = NULL;
}

/* ---- logging in ---- */

/* What the user does who sees that screen. */
static void go_on(struct world *w, struct terminal *t, const struct way *way, const char *user) {
        SCOPED(free) char *code = NULL, *address = NULL;

        terminal_expect(t, way->shows);
        if (way->by_password) {
                screen(terminal_text(t));
                note("the password is typed, and Enter");
                terminal_type(t, PASSWORD "\n");
                return;
        }
        code = way->by_code ? login_shown_code(w, t) : NULL;
        if (!code)
                terminal_expect(t, "Ctrl-C ends this");
        address = login_shown_address(w, t);
        screen(terminal_text(t));
        note("the user opens %s%s%s, logs in there and says yes", address, code ? ", gives it the code " : "",
             code ? code : "");
        free(login_browse(w, address, code, user, NULL));
        note("the browser is done");
}

static struct terminal *type_command(struct world *w, const char *const *argv) {
        n_shown = 0;
        if (record) {
                SCOPED(free) char *line = strdup("busyctl");

                for (size_t i = 1; argv[i]; i++) {
                        char *longer;

                        cr_assert_gt(asprintf(&longer, "%s %s", line, argv[i]), 0);
                        free(line);
                        line = longer;
                }
                note("$ %s", line);
        }
        return terminal_start(w, argv);
}

static void ends_well(struct world *w, struct terminal *t) {
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
        screen(terminal_text(t));
}

static void log_in(struct login_rig *r, struct world *w, const struct way *way, const char *user_id) {
        SCOPED(terminal_free)
        struct terminal *t = type_command(
                w, (const char *const[]){ BUSYCTL_PROGRAM, "login", user_id, "--homeserver", r->homeserver, NULL });
        SCOPED(free) char *user = strndup(user_id + 1, strcspn(user_id + 1, ":"));

        go_on(w, t, way, user);
        terminal_expect(t, "Logged in as ");
        ends_well(w, t);
        note("logged in; the command has ended");
}

/* Another client of theirs. */
static struct device *client_of(struct login_rig *r, const struct way *way, const char *user_id) {
        struct world *w = world_new(&(struct world_options){ .no_homeserver = true });
        struct device *d;
        struct session s;

        log_in(r, w, way, user_id);
        cr_assert_eq(session_load(world_state_path(w, ""), "default", &s), 0);
        d = device_of(r->synapse, s.user_id, s.device_id, s.access_token);
        session_done(&s);
        world_end(w);
        return d;
}

/* ---- and what it is good for ---- */

static void expect_seen(struct world *w, struct device *by, const char *state, const char *message) {
        struct shown_presence p = device_presence_wait(by, ALICE, state, message);

        check(w, streq(p.state, state) && (!message || streq(p.message, message)), "others see %s \"%s\"", p.state,
              p.message);
        note("bob sees: %s \"%s\"", p.state, p.message);
}

static void say_status(struct world *w) {
        SCOPED(terminal_free)
        struct terminal *t = type_command(w, (const char *const[]){ BUSYCTL_PROGRAM, "status", NULL });

        ends_well(w, t);
}

static void a_call(struct world *w, const char *room, struct device *phone, struct device *bob) {
        send_invite(bob, room, "c1", 60000);
        send_answer(phone, room, "c1");
        send_select(bob, room, "c1", phone);
        note("bob calls, and alice answers on her phone");
        expect_seen(w, bob, PRESENCE_BUSY_WIRE, MESSAGE);
        say_status(w);
        send_hangup(bob, room, "c1", "user_hangup");
        note("bob hangs up");
        check(w, streq(device_presence_wait_not(bob, ALICE, PRESENCE_BUSY_WIRE).message, ""), "the message stays");
        note("bob sees no busy any more");
}

static void from_nothing_to_busy(const struct way *way) {
        struct login_rig *r =
                login_rig_start(way->kind, way->option ? (const char *const[]){ "--set", way->option, NULL }
                                                       : (const char *const[]){ NULL });
        struct world *w = r->world;
        struct device *phone = client_of(r, way, ALICE), *bob = client_of(r, way, BOB);

        SCOPED(free) char *room = room_new(bob, phone);

        open_record(way);
        begun = clock_now();
        log_in(r, w, way, ALICE);
        note("$ systemctl --user start busyd (here: busyd itself)");
        world_start(w);
        check(w, peer_wait_is(w->peer, MINE, BUSYD_ACCOUNT, "State", "online"), "not online");
        note("busyd follows the account");
        say_status(w);
        a_call(w, room, phone, bob);
        close_record();
        device_free(phone);
        device_free(bob);
        login_rig_free(r);
}

Test(login_screens, by_password) {
        from_nothing_to_busy(&password);
}

Test(login_screens, by_the_device_grant) {
        from_nothing_to_busy(&device);
}

Test(login_screens, by_a_code_in_a_browser_of_this_machine) {
        from_nothing_to_busy(&browser);
}

Test(login_screens, by_single_sign_on) {
        from_nothing_to_busy(&sso);
}
