/* Applications that the user does not want to count: for good, of one source, or once. */
#include "system/session_manager.h"

#define GNOME "gnome-inhibitors"
#define DINO  "im.dino.Dino"

/* Ends with `owner`. */
static void hold(struct world *w, struct peer *owner, const char *app) {
        const char *reason = "trying";
        bool ok;
        SCOPED(free)
        char *cookie = peer_call(owner, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app,
                                 DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID);

        check(w, ok, "%s", cookie);
}

/* Whether the call was taken; `ret_answer` what was said, the caller's to free. */
static bool ignore(struct world *w, const char *app, const char *source, bool once, char **ret_answer) {
        dbus_bool_t just_once = once;
        bool ok;

        *ret_answer = peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Ignore", &ok, DBUS_TYPE_STRING, &app,
                                DBUS_TYPE_STRING, &source, DBUS_TYPE_BOOLEAN, &just_once, DBUS_TYPE_INVALID);
        return ok;
}

static bool allow(struct world *w, const char *app, const char *source, char **ret_answer) {
        bool ok;

        *ret_answer = peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Allow", &ok, DBUS_TYPE_STRING, &app,
                                DBUS_TYPE_STRING, &source, DBUS_TYPE_INVALID);
        return ok;
}

static void must_ignore(struct world *w, const char *app, const char *source, bool once) {
        SCOPED(free) char *answer = NULL;
        bool ok = ignore(w, app, source, once, &answer);

        check(w, ok, "%s", answer);
}

static void must_allow(struct world *w, const char *app, const char *source) {
        SCOPED(free) char *answer = NULL;
        bool ok = allow(w, app, source, &answer);

        check(w, ok, "%s", answer);
}

/* What was reported before now does not make busy: a hold of another application comes and is the only one. */
static void expect_uncounted(struct world *w) {
        struct peer *owner = peer_new(w->bus);
        SCOPED(free) char *objects = NULL;

        hold(w, owner, "the-only-one");
        expect_availability(w, "busy");
        peer_free(owner);
        expect_availability(w, "free");
        objects = peer_objects(w->peer);
        check(w, !strstr(objects, BUSYD_PATH "/call/"), "there are calls: %s", objects);
}

WORLD_TEST(ignore, ends_the_call_of_now_and_allow_brings_it_back, .no_homeserver = true) {
        world_start(w);
        hold(w, w->peer, "Studio");
        expect_availability(w, "busy");
        must_ignore(w, "stud*", "", false);
        expect_availability(w, "free");
        must_allow(w, "stud*", "");
        expect_availability(w, "busy");
}

WORLD_TEST(ignore, is_kept_over_a_restart, .no_homeserver = true) {
        world_start(w);
        must_ignore(w, "Studio", "", false);
        cr_assert_eq(world_stop(w), 0);
        world_start(w);
        hold(w, w->peer, "Studio");
        expect_uncounted(w);
        must_allow(w, "Studio", "");
        expect_availability(w, "busy");
}

WORLD_TEST(ignore, once_ends_with_the_call, .no_homeserver = true) {
        struct peer *owner;

        world_start(w);
        owner = peer_new(w->bus);
        hold(w, owner, "Studio");
        expect_availability(w, "busy");
        must_ignore(w, "studio", "", true);
        expect_availability(w, "free");
        peer_free(owner);
        hold(w, w->peer, "Studio");
        expect_availability(w, "busy");
}

WORLD_TEST(ignore, once_can_be_undone, .no_homeserver = true) {
        world_start(w);
        hold(w, w->peer, "Studio");
        expect_availability(w, "busy");
        must_ignore(w, "Studio", "", true);
        expect_availability(w, "free");
        must_allow(w, "Studio", "");
        expect_availability(w, "busy");
}

WORLD_TEST(ignore, one_that_is_over_does_not_come_back, .no_homeserver = true) {
        struct peer *owner;

        world_start(w);
        owner = peer_new(w->bus);
        hold(w, owner, "Studio");
        must_ignore(w, "Studio", "", false);
        peer_free(owner);
        expect_uncounted(w);
        must_allow(w, "Studio", "");
        expect_uncounted(w);
}

/* A program at the session manager, and a hold of the same name. */
WORLD_TEST(ignore, of_one_source, .no_homeserver = true) {
        struct mock *g = session_manager_new(w);
        struct peer *owner;

        world_start(w);
        expect_source(w, GNOME, "watching");
        mock_use(g, SESSION_MANAGER_PATH, SESSION_MANAGER, "Inhibit", "susu", DINO, 0, "Ongoing call", 12);
        expect_availability(w, "busy");
        must_ignore(w, DINO, GNOME, false);
        expect_availability(w, "free");
        expect_source_calls(w, GNOME, "0");
        owner = peer_new(w->bus);
        hold(w, owner, DINO);
        expect_availability(w, "busy");
        peer_free(owner);
        expect_availability(w, "free");
        must_allow(w, DINO, "");
        expect_availability(w, "busy");
        mock_use(g, SESSION_MANAGER_PATH, SESSION_MANAGER, "Uninhibit", "u", 1);
        expect_availability(w, "free");
        mock_free(g);
}

WORLD_TEST(ignore, is_not_lost_when_sources_start_anew, .no_homeserver = true) {
        struct mock *g = session_manager_new(w);

        world_start(w);
        expect_source(w, GNOME, "watching");
        mock_use(g, SESSION_MANAGER_PATH, SESSION_MANAGER, "Inhibit", "susu", DINO, 0, "Ongoing call", 12);
        expect_availability(w, "busy");
        must_ignore(w, DINO, "", false);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Reload", NULL, DBUS_TYPE_INVALID));
        expect_source(w, GNOME, "watching");
        expect_uncounted(w);
        must_allow(w, DINO, "");
        expect_availability(w, "busy");
        mock_free(g);
}

WORLD_TEST(ignore, calls_of_an_account) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        must_ignore(w, "*", "matrix/" ACCOUNT, false);
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
        must_allow(w, "*", "");
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
}

static const struct wrong_row {
        const char *what;
        bool allow;
        const char *app, *source;
        bool once;
        const char *name, *words;
} wrong_rows[] = {
        { "1 no such call", false, "skype", "", true, "NoCall", "no such call" },
        { "2 no such source", false, "skype", "nowhere", false, "InvalidArgument", "\"nowhere\"" },
        { "3 no application", false, "", "", false, "InvalidArgument", "app is empty" },
        { "4 not ignored", true, "skype", "", false, "NotIgnored", "not ignored" },
        { "5 ignored in the configuration", true, "obs", "", false, "NotIgnored", "busyd.conf" },
        { "6 not in that source", true, "obs", "camera", false, "NotIgnored", "not ignored" },
        { "7 no such source to allow", true, "obs", "nowhere", false, "InvalidArgument", "\"nowhere\"" },
};

WORLD_TEST(ignore, says_what_cannot_be, .no_homeserver = true) {
        world_config(w, "[source pipewire]\nignore = obs\n");
        world_start(w);
        for (size_t i = 0; i < ARRAY_SIZE(wrong_rows); i++) {
                const struct wrong_row *row = &wrong_rows[i];
                SCOPED(free) char *answer = NULL;
                bool ok = row->allow ? allow(w, row->app, row->source, &answer)
                                     : ignore(w, row->app, row->source, row->once, &answer);

                check(w, !ok && strstr(answer, row->name) && strstr(answer, row->words), "%s: %s", row->what, answer);
        }
}

/* What is ignored only as a part of something else is not said to be counted. */
WORLD_TEST(ignore, says_by_which_entry_it_stays_ignored, .no_homeserver = true) {
        static const struct {
                const char *what, *app, *source, *words;
        } rows[] = {
                { "1 a pattern", "zoom", "", "by \"ZO*\"" },
                { "2 a pattern, in one source", "zoom", "hold", "by \"ZO*\"" },
                { "3 everywhere, in one source", "Skype", "pipewire", "by \"Skype\", everywhere" },
                { "4 a pattern of one source", "obs-studio", "", "by \"obs*\" of hold" },
                { "5 a pattern of another source", "obs-studio", "pipewire", "That is not ignored" },
                { "6 another application", "jitsi", "", "That is not ignored" },
        };

        world_start(w);
        must_ignore(w, "ZO*", "", false);
        must_ignore(w, "Skype", "", false);
        must_ignore(w, "obs*", "hold", false);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(free) char *answer = NULL;
                bool ok = allow(w, rows[i].app, rows[i].source, &answer);

                check(w, !ok && strstr(answer, "NotIgnored") && strstr(answer, rows[i].words), "%s: %s", rows[i].what,
                      answer);
        }
}

WORLD_TEST(ignore, on_the_command_line, .no_homeserver = true) {
        SCOPED_RUN r = { 0 };

        world_start(w);
        hold(w, w->peer, "Studio");
        expect_availability(w, "busy");
        r = world_busyctl(w, NULL, "ignore", "Studio", "--source", "hold", NULL);
        check(w, r.code == 0 && r.out[0] == '\0', "%s%s", r.out, r.err);
        expect_availability(w, "free");
        run_done(&r);
        r = world_busyctl(w, NULL, "ignore", NULL);
        check(w, r.code == 0 && strstr(r.out, "Studio") && strstr(r.out, "hold"), "%s%s", r.out, r.err);
        run_done(&r);
        r = world_busyctl(w, NULL, "-j", "ignore", NULL);
        check(w, r.code == 0 && strstr(r.out, "\"app\": \"Studio\"") && strstr(r.out, "\"source\": \"hold\""), "%s%s",
              r.out, r.err);
        run_done(&r);
        r = world_busyctl(w, NULL, "allow", "studio", NULL);
        check(w, r.code == 0, "%s", r.err);
        expect_availability(w, "busy");
        run_done(&r);
        r = world_busyctl(w, NULL, "allow", "studio", NULL);
        check(w, r.code == 1 && strstr(r.err, "not ignored"), "%d %s", r.code, r.err);
        run_done(&r);
        r = world_busyctl(w, NULL, "ignore", "--once", NULL);
        check(w, r.code == 2, "%d %s%s", r.code, r.out, r.err);
        run_done(&r);
        r = world_busyctl(w, NULL, "-j", "ignore", "x", NULL);
        check(w, r.code == 2, "%d %s%s", r.code, r.out, r.err);
}
