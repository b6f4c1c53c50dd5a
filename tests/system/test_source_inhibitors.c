/* Programs that keep the session awake for a call: GNOME's session manager, and Plasma's power management in all the
 * forms in which it lists inhibitions. */
#include <stdio.h>

#include "system/mock.h"

/* ---- GNOME ---- */

#define GNOME     "gnome-inhibitors"
#define MANAGER   "org.gnome.SessionManager"
#define PATH      "/org/gnome/SessionManager"
#define INHIBITOR "org.gnome.SessionManager.Inhibitor"
#define WEBRTC    "WebRTC has active PeerConnections"

#define CHROME PATH "/Inhibitor1"
#define DINO   PATH "/Inhibitor2"
#define OTHER  PATH "/Inhibitor3"

/* It lists what has been added to it as an object. */
static struct mock *gnome_new(struct world *w) {
        return mock_new(w, w->bus,
                        &(struct mock_options){
                                .name = MANAGER,
                                .path = PATH,
                                .interface = MANAGER,
                                .setup =
                                        "mock.AddMethod('" MANAGER "', 'GetInhibitors', '', 'ao', 'ret = "
                                        "dbus.Array([p for p in objects if \"Inhibitor\" in p], signature=\"o\")')" });
}

static void add_inhibitor(struct mock *g, const char *path, const char *app, const char *reason) {
        char get_app[128], get_reason[128];

        snprintf(get_app, sizeof(get_app), "ret = '%s'", app);
        snprintf(get_reason, sizeof(get_reason), "ret = '%s'", reason);
        mock_call(g, PATH, "AddObject", "ssa{sv}a(ssss)", path, INHIBITOR, 0, 4, "GetAppId", "", "s", get_app,
                  "GetReason", "", "s", get_reason, "GetFlags", "", "u", "ret = 4", "GetClientId", "", "o",
                  "ret = '/'");
}

static void tell_added(struct mock *g, const char *path) {
        mock_call(g, PATH, "EmitSignal", "sssav", MANAGER, "InhibitorAdded", "o", 1, "o", path);
}

static void start_inhibitor(struct mock *g, const char *path, const char *app, const char *reason) {
        add_inhibitor(g, path, app, reason);
        tell_added(g, path);
}

static void end_inhibitor(struct mock *g, const char *path) {
        mock_call(g, PATH, "RemoveObject", "s", path);
        mock_call(g, PATH, "EmitSignal", "sssav", MANAGER, "InhibitorRemoved", "o", 1, "o", path);
}

static struct mock *gnome_watched(struct world *w) {
        struct mock *g = gnome_new(w);

        world_start(w);
        expect_source(w, GNOME, "watching");
        return g;
}

WORLD_TEST(gnome, absent, .no_homeserver = true) {
        world_start(w);
        expect_source(w, GNOME, "unavailable");
        expect_source_detail(w, GNOME, "is not running");
}

static const struct reason_row {
        const char *what, *app, *reason, *shown, *evidence;
} reason_rows[] = {
        { "1 Dino", "im.dino.Dino", "Ongoing call", "im.dino.Dino", "proof" },
        { "2 GNOME Calls", "org.gnome.Calls", "call active", "org.gnome.Calls", "proof" },
        { "3 Jami", "jami", "In a call", "jami", "proof" },
        { "4 Telegram", "org.telegram.desktop", "Video call is active", "org.telegram.desktop", "proof" },
        { "5 Linphone", "linphone", "Inhibit asked for video stream", "linphone", "strong" },
        { "6 Chrome", "/opt/google/chrome/chrome", WEBRTC, "google-chrome", "weak" },
        { "7 Chromium", "/usr/lib/chromium/chromium", WEBRTC, "chromium", "weak" },
        { "8 teams-for-linux", "/opt/teams-for-linux/teams-for-linux", "teams-for-linux", "teams-for-linux",
          "strong" },
};

WORLD_TEST(gnome, reasons_of_calls, .no_homeserver = true) {
        struct mock *g = gnome_watched(w);

        for (size_t i = 0; i < ARRAY_SIZE(reason_rows); i++) {
                const struct reason_row *row = &reason_rows[i];
                char shown[128];

                start_inhibitor(g, CHROME, row->app, row->reason);
                expect_source_calls(w, GNOME, "1");
                snprintf(shown, sizeof(shown), "\"%s\"", row->shown);
                expect_shown(w, shown);
                snprintf(shown, sizeof(shown), "\"%s\"", row->evidence);
                expect_shown(w, shown);
                end_inhibitor(g, CHROME);
                expect_source_calls(w, GNOME, "0");
        }
        mock_free(g);
}

static const struct reason_row other_rows[] = {
        { "1 a film", "/opt/google/chrome/chrome", "Playing video", NULL, NULL },
        { "2 music", "/opt/google/chrome/chrome", "Playing audio", NULL, NULL },
        { "3 a shared screen", "/opt/google/chrome/chrome", "Native desktop capture", NULL, NULL },
        { "4 Firefox", "firefox", "Playing video", NULL, NULL },
        { "5 a call's reason of somebody else", "some.player", "Ongoing call", NULL, NULL },
        { "6 Electron", "/opt/thing/thing", "Electron", NULL, NULL },
        { "7 nothing", "", "", NULL, NULL },
};

WORLD_TEST(gnome, other_reasons, .no_homeserver = true) {
        struct mock *g = gnome_watched(w);

        for (size_t i = 0; i < ARRAY_SIZE(other_rows); i++) {
                char path[64];

                snprintf(path, sizeof(path), PATH "/Inhibitor1%zu", i);
                start_inhibitor(g, path, other_rows[i].app, other_rows[i].reason);
        }
        /* what came after them has been looked at, and so have they */
        start_inhibitor(g, DINO, "im.dino.Dino", "Ongoing call");
        expect_availability(w, "busy");
        expect_source_calls(w, GNOME, "1");
        end_inhibitor(g, DINO);
        expect_availability(w, "free");
        mock_free(g);
}

WORLD_TEST(gnome, in_call_at_start_and_two_at_once, .no_homeserver = true) {
        struct mock *g = gnome_new(w);

        add_inhibitor(g, OTHER, "player", "Playing");
        add_inhibitor(g, DINO, "im.dino.Dino", "Ongoing call");
        world_start(w);
        expect_availability(w, "busy");
        start_inhibitor(g, CHROME, "jami", "In a call");
        expect_source_calls(w, GNOME, "2");
        end_inhibitor(g, DINO);
        expect_source_calls(w, GNOME, "1");
        expect_availability(w, "busy");
        end_inhibitor(g, CHROME);
        expect_availability(w, "free");
        mock_free(g);
}

WORLD_TEST(gnome, dies_in_a_call_and_comes_back, .no_homeserver = true) {
        struct mock *g = gnome_watched(w);

        start_inhibitor(g, DINO, "im.dino.Dino", "Ongoing call");
        expect_availability(w, "busy");
        mock_free(g);
        expect_source(w, GNOME, "unavailable");
        expect_availability(w, "free");
        g = gnome_new(w);
        start_inhibitor(g, DINO, "im.dino.Dino", "Ongoing call");
        expect_availability(w, "busy");
        mock_free(g);
        expect_availability(w, "free");
}

WORLD_TEST(gnome, garbage_is_passed_over, .no_homeserver = true) {
        struct mock *g = gnome_watched(w);

        mock_call(g, PATH, "EmitSignal", "sssav", MANAGER, "InhibitorAdded", "u", 1, "u", 7);
        mock_call(g, PATH, "EmitSignal", "sssav", MANAGER, "InhibitorRemoved", "s", 1, "s", "nonsense");
        tell_added(g, PATH "/Inhibitor99"); /* gone before it is looked at */
        mock_call(g, PATH, "AddObject", "ssa{sv}a(ssss)", OTHER, INHIBITOR, 0, 2, "GetAppId", "", "u", "ret = 1",
                  "GetReason", "", "u", "ret = 2");
        tell_added(g, OTHER);
        mock_call(g, PATH, "AddObject", "ssa{sv}a(ssss)", CHROME, INHIBITOR, 0, 2, "GetAppId", "", "u", "ret = 1",
                  "GetReason", "", "s", "ret = 'Ongoing call'");
        tell_added(g, CHROME);
        tell_added(g, CHROME);
        start_inhibitor(g, DINO, "im.dino.Dino", "Ongoing call");
        expect_availability(w, "busy");
        expect_source_calls(w, GNOME, "1");
        expect_source(w, GNOME, "watching");
        check(w, world_wait_log(w, "ignoring it"), "nothing was told");
        mock_free(g);
}

WORLD_TEST(gnome, a_list_that_cannot_be_read, .no_homeserver = true) {
        struct mock *g =
                mock_new(w, w->bus, &(struct mock_options){ .name = MANAGER, .path = PATH, .interface = MANAGER });

        mock_call(g, PATH, "AddMethod", "sssss", MANAGER, "GetInhibitors", "", "s", "ret = 'none'");
        world_start(w);
        expect_source(w, GNOME, "unavailable");
        mock_free(g);
        g = gnome_new(w);
        mock_free(g);
}

WORLD_TEST(gnome, reasons_of_the_configuration, .no_homeserver = true) {
        struct mock *g;

        world_config(w, "[busyd]\nhint-delay = 0s\nend-grace = 0s\nhint-end-grace = 0s\nlog-level = debug\n"
                        "[source " GNOME "]\n"
                        "reasons = strong zo* *in a meeting*\n"
                        "reasons = proof chess Your move\n"
                        "reasons = perhaps chess Nonsense\n"
                        "ignore = im.dino.*\n");
        g = gnome_watched(w);
        check(w, world_wait_log(w, "weak|strong|proof PROGRAM REASON"), "a wrong line is not told");
        start_inhibitor(g, DINO, "im.dino.Dino", "Ongoing call");
        start_inhibitor(g, CHROME, "us.zoom.Zoom", "You are in a meeting now");
        expect_availability(w, "busy");
        expect_source_calls(w, GNOME, "1");
        end_inhibitor(g, CHROME);
        expect_availability(w, "free");
        start_inhibitor(g, OTHER, "chess", "Your move");
        expect_availability(w, "busy");
        expect_untold(w, "Your move");
        mock_free(g);
}

/* ---- Plasma ---- */

#define PLASMA "plasma-inhibitors"
#define AGENT  "org.kde.Solid.PowerManagement.PolicyAgent"
#define SOLID  "/org/kde/Solid/PowerManagement/PolicyAgent"

/* What a version of Plasma answers: nothing, a film, and a film with a call by Dino. */
static const struct shape {
        const char *what, *types, *none, *film, *call;
} shapes[] = {
        { "1 up to 6.4", "a(ss)", "dbus.Array([], signature='(ss)')", "[('player', 'film')]",
          "[('player', 'film'), ('im.dino.Dino', 'Ongoing call')]" },
        { "2 as declared", "a{ss}", "dbus.Dictionary({}, signature='ss')", "{'player': 'film'}",
          "{'player': 'film', 'im.dino.Dino': 'Ongoing call'}" },
        { "3 since 6.5", "aas", "dbus.Array([], signature='as')", "[['player', 'film']]",
          "[['player', 'film'], ['im.dino.Dino', 'Ongoing call', 'more'], ['odd'], dbus.Array([], signature='s')]" },
};

static void answer(struct mock *m, const char *types, const char *value) {
        char code[256];

        snprintf(code, sizeof(code), "ret = %s", value);
        mock_call(m, SOLID, "AddMethod", "sssss", AGENT, "ListInhibitions", "", types, code);
        mock_call(m, SOLID, "EmitSignal", "sssav", AGENT, "InhibitionsChanged", "a(ss)as", 2, "a(ss)", 0, "as", 0);
}

static struct mock *plasma_new(struct world *w) {
        return mock_new(w, w->bus, &(struct mock_options){ .name = AGENT, .path = SOLID, .interface = AGENT });
}

WORLD_TEST(plasma, absent, .no_homeserver = true) {
        world_start(w);
        expect_source(w, PLASMA, "unavailable");
}

WORLD_TEST(plasma, lists_of_methods, .no_homeserver = true) {
        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
                const struct shape *s = &shapes[i];
                struct mock *m = plasma_new(w);

                answer(m, s->types, s->none);
                if (i == 0)
                        world_start(w);
                answer(m, s->types, s->film);
                answer(m, s->types, s->call);
                check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", "busy"), "%s", s->what);
                answer(m, s->types, s->film);
                check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", "free"), "%s", s->what);
                answer(m, s->types, s->call);
                check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", "busy"), "%s", s->what);
                mock_free(m);
                check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", "free"), "%s", s->what);
                expect_source(w, PLASMA, "unavailable");
        }
}

/* what, who, why, mode, flags; only the name of the property is told */
static void set_active(struct mock *m, const char *who, const char *why, uint32_t flags) {
        mock_call(m, SOLID, "UpdateProperties", "sa{sv}", AGENT, 1, "ActiveInhibitions", "a(ssssu)", 2, "sleep",
                  "player", "film", "block", 3, "sleep", who, why, "block", flags);
        mock_call(m, SOLID, "EmitSignal", "sssav", "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                  3, "s", AGENT, "a{sv}", 0, "as", 1, "ActiveInhibitions");
}

static struct mock *new_plasma(struct world *w, const char *who, const char *why) {
        struct mock *m = plasma_new(w);

        mock_call(m, SOLID, "AddProperty", "ssv", AGENT, "ActiveInhibitions", "a(ssssu)", 1, "sleep", who, why,
                  "block", 3);
        return m;
}

WORLD_TEST(plasma, list_as_property, .no_homeserver = true) {
        struct mock *m = new_plasma(w, "im.dino.Dino", "Ongoing call");

        world_start(w);
        expect_availability(w, "busy"); /* already in a call */
        set_active(m, "player", "music", 3);
        expect_availability(w, "free");
        set_active(m, "/usr/lib/chromium/chromium", WEBRTC, 3);
        expect_source_calls(w, PLASMA, "1");
        set_active(m, "im.dino.Dino", "Ongoing call", 2); /* asked for, not in force */
        expect_source_calls(w, PLASMA, "0");
        set_active(m, "im.dino.Dino", "Ongoing call", 1);
        expect_availability(w, "busy");
        mock_free(m);
        expect_availability(w, "free");
}

WORLD_TEST(plasma, two_at_once, .no_homeserver = true) {
        struct mock *m = plasma_new(w);

        answer(m, "a(ss)", "[('im.dino.Dino', 'Ongoing call'), ('jami', 'In a call'), ('jami', 'In a call')]");
        world_start(w);
        expect_availability(w, "busy");
        expect_source_calls(w, PLASMA, "2");
        answer(m, "a(ss)", "[('jami', 'In a call')]");
        expect_source_calls(w, PLASMA, "1");
        expect_availability(w, "busy");
        answer(m, "a(ss)", "dbus.Array([], signature='(ss)')");
        expect_availability(w, "free");
        mock_free(m);
}

WORLD_TEST(plasma, garbage_makes_it_unavailable, .no_homeserver = true) {
        struct mock *m = plasma_new(w);

        answer(m, "a(ss)", "[('im.dino.Dino', 'Ongoing call')]");
        world_start(w);
        expect_availability(w, "busy");
        answer(m, "a(uu)", "[(1, 2)]");
        expect_source(w, PLASMA, "unavailable");
        expect_availability(w, "free");
        mock_free(m);
        m = plasma_new(w);
        answer(m, "a(ss)", "[('im.dino.Dino', 'Ongoing call')]");
        mock_free(m);
}
