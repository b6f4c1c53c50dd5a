/* Tokens in the keyring: a real GNOME Keyring on the bus of the test, with its password known, locked, gone, stopped.
 * And one that refuses everything, which the real one does not. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "system/mock.h"
#include "system/terminal.h"

#include "state/session.h"

#define SERVICE       "org.freedesktop.secrets"
#define SERVICE_PATH  "/org/freedesktop/secrets"
#define SERVICE_IFACE "org.freedesktop.Secret.Service"
#define COLLECTION    "/org/freedesktop/secrets/collection/login"
#define ENTRY         "0123456789abcdef"
#define PASSWORD      "test"
#define PROMPTER      "/usr/libexec/gcr-prompter"
#define PROMPTER_NAME "org.gnome.keyring.SystemPrompter"

/* Renewable tokens, and whoever uses an old one again loses the session. */
#define RENEWABLE .homeserver = { .renewal = HS_RENEWAL_COMPAT, .token_msec = 300000 }, .no_session = true

static void wait_name(struct world *w, bool there) {
        int64_t left = patience() / 100;

        while (peer_sees_name(w->peer, SERVICE) != there && left-- > 0)
                peer_wait(w->peer, 100);
        check(w, peer_sees_name(w->peer, SERVICE) == there, "%s", there ? "no keyring" : "the keyring does not end");
}

static pid_t run_keyring(struct world *w, const char *line) {
        pid_t pid = world_program(w, (const char *const[]){ "sh", "-c", line, NULL }, -1, "keyring.log");

        check(w, pid > 0, "no shell");
        wait_name(w, true);
        return pid;
}

/* Locked; it has no display to ask on. */
static pid_t keyring_starts(struct world *w) {
        return run_keyring(w, "exec gnome-keyring-daemon --foreground --components=secrets");
}

/* As a login to the desktop starts it; the first time that makes it, too. */
static pid_t keyring_open(struct world *w) {
        file_put(world_path(w, "password"), PASSWORD);
        return run_keyring(
                w, "exec gnome-keyring-daemon --unlock --foreground --components=secrets <\"$HOME/../password\"");
}

static DBusMessage *ask(struct world *w, DBusConnection *c, DBusMessage *m) {
        DBusMessage *answer = dbus_connection_send_with_reply_and_block(c, m, (int) patience(), NULL);

        dbus_message_unref(m);
        check(w, answer, "the keyring refuses");
        return answer;
}

static void append_bytes(DBusMessageIter *in, const char *bytes) {
        DBusMessageIter array;

        dbus_message_iter_open_container(in, DBUS_TYPE_ARRAY, "y", &array);
        dbus_message_iter_append_fixed_array(&array, DBUS_TYPE_BYTE, &bytes, (int) strlen(bytes));
        dbus_message_iter_close_container(in, &array);
}

/* What its own dialogue does. */
static void keyring_unlocks(struct world *w) {
        DBusConnection *c = dbus_connection_open_private(private_bus_address(w->bus), NULL);
        const char *plain = "plain", *empty = "", *type = "text/plain", *session, *login = COLLECTION;
        DBusMessage *m = dbus_message_new_method_call(SERVICE, SERVICE_PATH, SERVICE_IFACE, "OpenSession"), *answer;
        DBusMessageIter i, v;

        cr_assert(c && dbus_bus_register(c, NULL));
        dbus_message_iter_init_append(m, &i);
        dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &plain);
        dbus_message_iter_open_container(&i, DBUS_TYPE_VARIANT, "s", &v);
        dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &empty);
        dbus_message_iter_close_container(&i, &v);
        answer = ask(w, c, m);
        cr_assert(dbus_message_iter_init(answer, &i) && dbus_message_iter_next(&i));
        dbus_message_iter_get_basic(&i, &session);
        m = dbus_message_new_method_call(SERVICE, SERVICE_PATH,
                                         "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
                                         "UnlockWithMasterPassword");
        dbus_message_iter_init_append(m, &i);
        dbus_message_iter_append_basic(&i, DBUS_TYPE_OBJECT_PATH, &login);
        dbus_message_iter_open_container(&i, DBUS_TYPE_STRUCT, NULL, &v);
        dbus_message_iter_append_basic(&v, DBUS_TYPE_OBJECT_PATH, &session);
        append_bytes(&v, "");
        append_bytes(&v, PASSWORD);
        dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &type);
        dbus_message_iter_close_container(&i, &v);
        dbus_message_unref(ask(w, c, m));
        dbus_message_unref(answer);
        dbus_connection_close(c);
        dbus_connection_unref(c);
}

static void keyring_ends(struct world *w, pid_t pid) {
        process_kill(pid);
        wait_name(w, false);
}

static struct session stored(struct world *w, const char *name) {
        struct session s;
        int r = session_load(world_state_path(w, ""), name, &s);

        check(w, r == 0, "%s", strerror(-r));
        return s;
}

/* Until the file of the session has no tokens, or has them. */
static void expect_in_file(struct world *w, bool tokens) {
        bool there = !tokens;

        for (int64_t left = patience() / 50; left > 0 && there != tokens; left--) {
                struct session s = stored(w, ACCOUNT);

                there = *s.access_token;
                check(w, s.keyring_id, "the entry in the keyring is not named any more");
                session_done(&s);
                if (there != tokens)
                        world_look_again(w);
        }
        check(w, there == tokens, "%s", tokens ? "the tokens are not in the file" : "the tokens are in the file");
}

/* As a keyring that could not be had leaves it: the file has the tokens, to be moved. */
static void log_in(struct world *w) {
        SCOPED(free) char *refresh = NULL, *token = NULL;
        int64_t ends = 0;
        struct session session = { .homeserver = (char *) hs_url(w->hs),
                                   .user_id = (char *) HS_USER,
                                   .device_id = (char *) DEVICE,
                                   .keyring_id = (char *) ENTRY };

        token = hs_login_renewable(w->hs, DEVICE, &refresh, &ends);
        session.access_token = token;
        session.refresh_token = refresh;
        session.expires_at = (usec_t) ends * USEC_PER_MSEC;
        cr_assert_eq(session_save(world_state_path(w, ""), ACCOUNT, &session), 0);
}

static void renew(struct world *w, const char *call) {
        unsigned before = hs_n_renewals(w->hs);

        hs_expire(w->hs, DEVICE);
        call_starts(w, ROOM, call);
        expect_claim(w, "held");
        check(w, hs_n_renewals(w->hs) == before + 1, "%u renewals", hs_n_renewals(w->hs) - before);
}

WORLD_TEST(keyring, login_keeps_the_tokens_there_and_logout_removes_them, .no_session = true) {
        SCOPED_RUN in = { 0 }, doctor = { 0 }, out = { 0 };
        struct session s;

        (void) keyring_open(w);
        in = world_busyctl(w, HS_PASSWORD "\n", "login", HS_USER, "--homeserver", hs_url(w->hs), "--password-stdin",
                           NULL);
        check(w, in.code == 0 && strstr(in.out, "in your keyring"), "%d %s%s", in.code, in.out, in.err);
        s = stored(w, "default");
        check(w, s.keyring_id && !*s.access_token, "the token is in the file");
        world_start(w);
        check(w, peer_wait_is(w->peer, BUSYD_PATH "/account/default", BUSYD_ACCOUNT, "State", "online"), "not online");
        doctor = world_busyctl(w, NULL, "doctor", NULL);
        check(w, strstr(doctor.out, "the tokens are in the keyring"), "%s", doctor.out);
        out = world_busyctl(w, NULL, "logout", "default", NULL);
        check(w, out.code == 0, "%d %s", out.code, out.err);
        check(w, access(world_state_path(w, "session-default.json"), F_OK) != 0, "the session is kept");
        /* The same session again finds nothing. */
        s.access_token[0] = '\0';
        cr_assert_eq(session_save_bare(world_state_path(w, ""), "default", &s), 0);
        session_done(&s);
        by_hand(w, "reload");
        check(w, world_wait_log(w, "no such entry"), "the keyring still has the token");
}

/* ---- a keyring that asks on a display ---- */

/* Returns when there is one. */
static void run_screen(struct world *w) {
        SCOPED(free) char *screen = strdup("");
        char display[32];

        cr_assert_gt(world_program(w,
                                   (const char *const[]){
                                           "sh", "-c",
                                           "exec Xvfb -displayfd 3 -nolisten tcp 3>$XDG_RUNTIME_DIR/screen", NULL },
                                   -1, "xvfb.log"),
                     0);
        for (int64_t left = patience() / 100; !strchr(screen, '\n'); left--) {
                check(w, left > 0, "Xvfb does not start");
                world_look_again(w);
                free(screen);
                screen = file_text(world_path(w, "runtime/screen"));
        }
        (void) snprintf(display, sizeof(display), ":%d", atoi(screen));
        cr_assert_eq(setenv("DISPLAY", display, 1), 0);
}

/* GNOME's dialogue is a program that the bus starts elsewhere. */
static void run_prompter(struct world *w) {
        char command[128];

        if (access(PROMPTER, X_OK) < 0 || system("command -v xdotool >/dev/null") != 0)
                cr_skip_test("there is no " PROMPTER ", or no xdotool");
        (void) snprintf(command, sizeof(command), "DISPLAY=%s exec " PROMPTER, getenv("DISPLAY"));
        cr_assert_gt(world_program(w, (const char *const[]){ "sh", "-c", command, NULL }, -1, "prompter.log"), 0);
        for (int64_t left = patience() / 100; !peer_sees_name(w->peer, PROMPTER_NAME); left--) {
                check(w, left > 0, "no prompter");
                peer_wait(w->peer, 100);
        }
}

/* A person, who sees the window and does this there. */
static void at_the_window(struct world *w, const char *keys) {
        char command[256];

        /* By the keyboard, not as events for that window: it may close before the key is up. */
        (void) snprintf(command, sizeof(command),
                        "export DISPLAY=%s; timeout %lld xdotool search --sync --onlyvisible --name Unlock "
                        "windowfocus --sync && xdotool %s",
                        getenv("DISPLAY"), (long long) (3 * patience() / 1000), keys);
        world_do(w, command);
}

/* It has opened a window. */
static struct terminal *asks_at_the_desk(struct world *w) {
        struct terminal *t;

        run_screen(w);
        keyring_ends(w, keyring_open(w));
        (void) keyring_starts(w);
        run_prompter(w);
        t = terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "login", HS_USER, "--homeserver", hs_url(w->hs),
                                                     "--keep-in", "keyring", NULL });
        terminal_expect(t, "Waiting for your keyring");
        return t;
}

WORLD_TEST(keyring, is_unlocked_in_its_own_window, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = asks_at_the_desk(w);
        struct session s;

        at_the_window(w, "type " PASSWORD);
        at_the_window(w, "key Return");
        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "Its tokens are in your keyring.");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
        s = stored(w, "default");
        check(w, s.keyring_id && !*s.access_token, "a token is in the file");
        session_done(&s);
}

WORLD_TEST(keyring, one_that_nobody_unlocks_is_named_with_the_way_around_it, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = asks_at_the_desk(w);

        at_the_window(w, "key Escape");
        terminal_expect(t, "the keyring is locked, and was not unlocked");
        terminal_expect(t, "busyctl login --keep-in file");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
}

/* Somebody locks it while the server is asked. */
static struct terminal *is_locked_meanwhile(struct world *w) {
        struct terminal *t;

        run_screen(w);
        (void) keyring_open(w);
        run_prompter(w);
        t = terminal_login(w, HS_USER);
        terminal_expect(t, "Password: ");
        world_do(w, "busctl --user call " SERVICE " " SERVICE_PATH " " SERVICE_IFACE " Lock ao 1 " COLLECTION);
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "Waiting for your keyring");
        return t;
}

WORLD_TEST(keyring, one_that_was_locked_meanwhile_is_unlocked_in_its_window, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = is_locked_meanwhile(w);
        struct session s;

        at_the_window(w, "type " PASSWORD);
        at_the_window(w, "key Return");
        terminal_expect(t, "Its tokens are in your keyring.");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
        s = stored(w, "default");
        check(w, s.keyring_id && !*s.access_token, "a token is in the file");
        session_done(&s);
}

WORLD_TEST(keyring, one_that_was_locked_meanwhile_and_stays_so_gets_nothing, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = is_locked_meanwhile(w);

        at_the_window(w, "key Escape");
        terminal_expect(t, "the keyring is locked, and was not unlocked");
        terminal_expect(t, "busyctl login --keep-in file");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        check(w, access(world_state_path(w, "session-default.json"), F_OK) != 0, "the session is kept");
}

/* Its window does not stay behind. */
WORLD_TEST(keyring, one_that_was_locked_meanwhile_can_be_interrupted, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = is_locked_meanwhile(w);
        char windows[128];

        at_the_window(w, "version >/dev/null");
        terminal_type(t, "\003");
        terminal_expect(t, "interrupted; nothing has been kept");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        check(w, access(world_state_path(w, "session-default.json"), F_OK) != 0, "the session is kept");
        (void) snprintf(windows, sizeof(windows),
                        "DISPLAY=%s xdotool search --onlyvisible --name Unlock 2>/dev/null | wc -l",
                        getenv("DISPLAY"));
        expect_printed(w, windows, "0\n");
}

WORLD_TEST(keyring, without_one_a_file_is_used_and_that_is_said, .no_session = true) {
        SCOPED_RUN refused = { 0 }, in = { 0 };
        struct session s;

        refused = world_busyctl(w, HS_PASSWORD "\n", "login", HS_USER, "--homeserver", hs_url(w->hs),
                                "--password-stdin", "--keep-in", "keyring", NULL);
        check(w, refused.code == 1 && strstr(refused.err, "there is no keyring"), "%d %s", refused.code, refused.err);
        in = world_busyctl(w, HS_PASSWORD "\n", "login", HS_USER, "--homeserver", hs_url(w->hs), "--password-stdin",
                           NULL);
        check(w, in.code == 0 && strstr(in.err, "kept in a file that only you can read"), "%d %s", in.code, in.err);
        s = stored(w, "default");
        check(w, !s.keyring_id && *s.access_token, "not in the file");
        session_done(&s);
}

WORLD_TEST(keyring, who_wants_a_file_gets_one, .no_session = true) {
        SCOPED_RUN in = { 0 };
        struct session s;

        (void) keyring_open(w);
        in = world_busyctl(w, HS_PASSWORD "\n", "login", HS_USER, "--homeserver", hs_url(w->hs), "--password-stdin",
                           "--keep-in", "file", NULL);
        check(w, in.code == 0, "%d %s", in.code, in.err);
        s = stored(w, "default");
        check(w, !s.keyring_id && *s.access_token, "not in the file");
        session_done(&s);
}

WORLD_TEST(keyring, renewed_tokens_are_kept_there_before_they_are_used, RENEWABLE) {
        SCOPED(free) char *log = NULL;

        (void) keyring_open(w);
        log_in(w);
        world_start_online(w);
        expect_in_file(w, false);
        renew(w, "c1");
        expect_in_file(w, false);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_nothing_owed(w);
        renew(w, "c2");
        log = world_log(w);
        check(w, !strstr(log, "ref_") && !strstr(log, "tok_"), "a token in the log");
}

WORLD_TEST(keyring, locked_at_start_and_unlocked_later, RENEWABLE) {
        SCOPED_RUN doctor = { 0 };
        pid_t keyring = keyring_open(w);

        log_in(w);
        world_start_online(w);
        expect_in_file(w, false);
        cr_assert_eq(world_stop(w), 0);
        keyring_ends(w, keyring);

        world_start(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Problem", "there is no keyring"), "not said");
        (void) keyring_starts(w);
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Problem", "locked"), "not said");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "not waiting");
        doctor = world_busyctl(w, NULL, "doctor", NULL);
        check(w, doctor.code == 1 && strstr(doctor.out, "unlock the keyring"), "%d %s", doctor.code, doctor.out);
        keyring_unlocks(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online");
        renew(w, "c1");
        expect_in_file(w, false);
}

/* What cannot be put there is in the file, so that a crash loses nothing, and goes there once it can. */
WORLD_TEST(keyring, gone_while_tokens_are_renewed, RENEWABLE) {
        pid_t keyring = keyring_open(w);

        log_in(w);
        world_start_online(w);
        expect_in_file(w, false);
        keyring_ends(w, keyring);
        renew(w, "c1");
        expect_in_file(w, true);
        check(w, world_wait_log(w, "cannot be kept in the keyring"), "not said");
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_nothing_owed(w);
        renew(w, "c2");
        expect_in_file(w, true);
        (void) keyring_starts(w);
        keyring_unlocks(w);
        expect_in_file(w, false);
        check(w, world_wait_log(w, "in the keyring again"), "not said");
}

WORLD_TEST(keyring, one_that_does_not_answer_is_not_waited_for, RENEWABLE) {
        pid_t keyring = keyring_open(w);

        log_in(w);
        world_start_online(w);
        expect_in_file(w, false);
        cr_assert_eq(kill(keyring, SIGSTOP), 0);
        renew(w, "c1");
        expect_in_file(w, true);
        cr_assert_eq(kill(keyring, SIGCONT), 0);
        expect_in_file(w, false);
}

WORLD_TEST(keyring, one_that_refuses, RENEWABLE) {
        struct mock *mock =
                mock_new(w, w->bus,
                         &(struct mock_options){ .name = SERVICE,
                                                 .path = SERVICE_PATH,
                                                 .interface = SERVICE_IFACE,
                                                 .setup = "mock.AddMethod('', 'OpenSession', 'sv', 'vo', \"raise "
                                                          "dbus.exceptions.DBusException('no', "
                                                          "name='org.freedesktop.DBus.Error.AccessDenied')\")\n" });

        log_in(w);
        world_start_online(w);
        renew(w, "c1");
        expect_in_file(w, true);
        mock_free(mock);
}

/* ---- one that is open, and asks before it takes anything, as KeePassXC does ---- */

/* What its window does is ordered: it does not answer by itself. */
static struct mock *asks_each_time(struct world *w) {
        static const char setup[] =
                "mock.AddMethod('', 'OpenSession', 'sv', 'vo', \"ret = ('', dbus.ObjectPath('/s'))\")\n    "
                "mock.AddMethod('', 'ReadAlias', 's', 'o', \"ret = dbus.ObjectPath('/c')\")\n    "
                "mock.AddMethod('', 'SearchItems', 'a{ss}', 'aoao', \"ret = (dbus.Array([], 'o'), "
                "dbus.Array([], 'o'))\")\n    "
                "mock.AddObject('/p', 'org.freedesktop.Secret.Prompt', {}, [('Prompt', 's', '', ''), "
                "('Dismiss', '', '', '')])\n    "
                "mock.AddObject('/c', 'org.freedesktop.Secret.Collection', {'Locked': False}, [('CreateItem', "
                "'a{sv}(oayays)b', 'oo', \"ret = (dbus.ObjectPath('/'), dbus.ObjectPath('/p'))\")])\n";

        return mock_new(w, w->bus,
                        &(struct mock_options){
                                .name = SERVICE, .path = SERVICE_PATH, .interface = SERVICE_IFACE, .setup = setup });
}

/* So often the window was asked to do that. */
static void expect_window(struct world *w, const char *what, const char *times) {
        char command[160];

        (void) snprintf(command, sizeof(command),
                        "busctl --user --json=short call " SERVICE
                        " /p org.freedesktop.DBus.Mock GetMethodCalls s %s | jq '.data[0] | length'",
                        what);
        expect_printed(w, command, times);
}

/* Logged in at the server, and a window of the keyring stands open. */
static struct terminal *asks_before_it_takes(struct world *w) {
        struct terminal *t = terminal_login(w, HS_USER);

        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        expect_window(w, "Prompt", "1\n");
        terminal_expect(t, "Waiting for your keyring");
        return t;
}

static void window_closes(struct mock *m, bool dismissed) {
        mock_call(m, "/p", "EmitSignal", "sssav", "org.freedesktop.Secret.Prompt", "Completed", "bv", 2, "b",
                  (int) dismissed, "v", "o", "/c/i");
}

/* The session that the server has made is ended there, and nothing of it is here. */
static void expect_nothing_kept_of_it(struct world *w) {
        const struct hs_match logout = { .method = "POST", .path = "*/logout" };

        check(w, hs_wait_answered(w->hs, logout, 0, patience(), NULL), "the session stays on the server");
        check(w, access(world_state_path(w, "session-default.json"), F_OK) != 0, "the session is kept");
}

WORLD_TEST(keyring, one_that_asks_before_it_takes_is_waited_for, .no_session = true) {
        struct mock *mock = asks_each_time(w);
        SCOPED(terminal_free) struct terminal *t = asks_before_it_takes(w);
        struct session s;

        window_closes(mock, /* dismissed= */ false);
        terminal_expect(t, "Its tokens are in your keyring.");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
        s = stored(w, "default");
        check(w, s.keyring_id && !*s.access_token, "a token is in the file");
        session_done(&s);
        expect_window(w, "Dismiss", "0\n");
        mock_free(mock);
}

WORLD_TEST(keyring, one_that_is_told_no_gets_nothing_and_neither_does_a_file, .no_session = true) {
        struct mock *mock = asks_each_time(w);
        SCOPED(terminal_free) struct terminal *t = asks_before_it_takes(w);

        window_closes(mock, /* dismissed= */ true);
        terminal_expect(t, "the keyring has asked, and was told no");
        terminal_expect(t, "busyctl login --keep-in file");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        expect_nothing_kept_of_it(w);
        mock_free(mock);
}

WORLD_TEST(keyring, one_that_asks_can_be_interrupted, .no_session = true) {
        struct mock *mock = asks_each_time(w);
        SCOPED(terminal_free) struct terminal *t = asks_before_it_takes(w);

        terminal_type(t, "\003");
        terminal_expect(t, "interrupted; nothing has been kept");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        expect_window(w, "Dismiss", "1\n");
        expect_nothing_kept_of_it(w);
        mock_free(mock);
}

/* Nobody is there to be asked. */
WORLD_TEST(keyring, one_that_always_asks_is_told_as_that, RENEWABLE) {
        struct mock *mock = asks_each_time(w);
        SCOPED_RUN doctor = { 0 }, refused = { 0 }, in = { 0 };

        log_in(w);
        world_start_online(w);
        renew(w, "c1");
        expect_in_file(w, true);
        doctor = world_busyctl(w, NULL, "doctor", NULL);
        check(w,
              strstr(doctor.out, "the tokens are in a file that only you can read") &&
                      !strstr(doctor.out, "the tokens are in the keyring"),
              "%s", doctor.out);
        check(w, strstr(doctor.out, "--keep-in file"), "no remedy: %s", doctor.out);
        refused = world_busyctl(w, HS_PASSWORD "\n", "login", "other", "--user", HS_USER, "--homeserver",
                                hs_url(w->hs), "--password-stdin", "--keep-in", "keyring", NULL);
        check(w, refused.code == 1 && strstr(refused.err, "asks each time"), "%d %s", refused.code, refused.err);
        check(w, access(world_state_path(w, "session-other.json"), F_OK) != 0, "they are in a file");
        in = world_busyctl(w, HS_PASSWORD "\n", "login", HS_USER, "--homeserver", hs_url(w->hs), "--password-stdin",
                           NULL);
        check(w, in.code == 0 && strstr(in.err, "asks each time") && strstr(in.out, "in a file"), "%d %s%s", in.code,
              in.out, in.err);
        mock_free(mock);
}
