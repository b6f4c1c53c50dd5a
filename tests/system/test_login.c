/* busyctl login as a person sees it, at a terminal. */
#include "system/terminal.h"

static struct terminal *log_in(struct world *w, const char *user) {
        return terminal_start(
                w, (const char *const[]){ BUSYCTL_PROGRAM, "login", user, "--homeserver", hs_url(w->hs), NULL });
}

static bool is_logged_in(struct world *w) {
        SCOPED(free) char *session = file_text(world_state_path(w, "session-default.json"));

        return strstr(session, HS_USER);
}

/* It asks how the server lets people in before it asks for anything. */
WORLD_TEST(login, a_password_is_asked_for_and_not_shown, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = log_in(w, HS_USER);

        terminal_expect(t, "Asking how to log in");
        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "Logged in as " HS_USER);
        check(w, terminal_end(t) == 0 && is_logged_in(w), "%s", terminal_text(t));
        check(w,
              strstr(terminal_text(t), "what is written during a call comes back") ||
                      strstr(terminal_text(t), "busy would stick"),
              "not what works: %s", terminal_text(t));
        check(w, !strstr(terminal_text(t), HS_PASSWORD), "%s", terminal_text(t));
}

WORLD_TEST(login, an_interrupted_one_changes_nothing_and_may_be_repeated, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = log_in(w, HS_USER);
        SCOPED(terminal_free) struct terminal *again = NULL;

        terminal_expect(t, "Password: ");
        terminal_type(t, "\003");
        check(w, terminal_end(t) != 0 && !is_logged_in(w), "%s", terminal_text(t));
        again = log_in(w, HS_USER);
        terminal_expect(again, "Password: ");
        terminal_type(again, HS_PASSWORD "\n");
        check(w, terminal_end(again) == 0 && is_logged_in(w), "%s", terminal_text(again));
}

/* The name of an account stands for its user. */
WORLD_TEST(login, again_by_the_name_of_the_account) {
        SCOPED(terminal_free)
        struct terminal *t = terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "login", ACCOUNT, NULL });

        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "Logged in as " HS_USER ", device " DEVICE);
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
}
