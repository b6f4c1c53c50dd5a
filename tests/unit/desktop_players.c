/* Players on a virtual clock: this file is the other end of a socket, where it plays the bus, all who are on it, and
 * the journal. With a real player on a real bus: system-players. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "desktop/players.h"

#define S          USEC_PER_SEC
#define BUS        "org.freedesktop.DBus"
#define NAMES      "org.mpris.MediaPlayer2."
#define PLAYER     "org.mpris.MediaPlayer2.Player"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define BUS_ID     "00112233445566778899aabbccddeeff"
#define FAKES_MAX  (PLAYERS_MAX + 2)

/* One that is on the bus. */
struct fake {
        char name[64], unique[16];
        const char *status; /* NULL: it says nothing of that */
        bool stays;         /* it cannot be paused, and says so */
        const char *track;  /* NULL: it says nothing of that */
        const char *identity, *entry, *process;
        bool odd;          /* what it says has other types than it should */
        const char *fails; /* the call that ... */
        const char *error; /* ... is answered by this; NULL: it is not, until it is told to */
        unsigned n_checks, n_paused, n_played;
        sd_bus_message *held; /* the call that was not answered */
};

static struct {
        usec_t now, wake_at;
        sd_bus *ours, *theirs;
        struct fake fakes[FAKES_MAX];
        size_t n;
        char journal[512];
        bool journal_fails;
        unsigned n_told;
        char outcome[256];
        struct desktop_facts facts;
        struct players *players;
} t;

/* ---- the bus, and who is on it ---- */

static struct fake *add(const char *name) {
        struct fake *f = &t.fakes[t.n++];

        *f = (struct fake){ .status = "Playing" };
        (void) snprintf(f->name, sizeof(f->name), NAMES "%s", name);
        (void) snprintf(f->unique, sizeof(f->unique), ":1.%zu", t.n);
        return f;
}

static struct fake *find(const char *name) {
        for (size_t i = 0; i < t.n; i++)
                if (streq(name, t.fakes[i].name) || streq(name, t.fakes[i].unique))
                        return &t.fakes[i];
        return NULL;
}

static void send_as(sd_bus_message *m, const char *sender) {
        cr_assert_geq(sd_bus_message_set_sender(m, sender), 0);
        cr_assert_geq(sd_bus_send(t.theirs, m, NULL), 0);
        sd_bus_message_unref(m);
}

static sd_bus_message *reply_to(sd_bus_message *call) {
        sd_bus_message *m;

        cr_assert_geq(sd_bus_message_new_method_return(call, &m), 0);
        return m;
}

static void fail(sd_bus_message *call, const char *error, const char *sender) {
        sd_bus_error e = SD_BUS_ERROR_MAKE_CONST(error, "as the test wants");
        sd_bus_message *m;

        cr_assert_geq(sd_bus_message_new_method_error(call, &m, &e), 0);
        send_as(m, sender);
}

static void put_text(sd_bus_message *m, const char *name, const char *type, const char *text) {
        if (text)
                cr_assert_geq(sd_bus_message_append(m, "{sv}", name, type, text), 0);
}

static void put_number(sd_bus_message *m, const char *name) {
        cr_assert_geq(sd_bus_message_append(m, "{sv}", name, "u", 7), 0);
}

/* With something else before it, as players have. */
static void put_track(sd_bus_message *m, const struct fake *f) {
        if (f->track)
                cr_assert_geq(sd_bus_message_append(m, "{sv}", "Metadata", "a{sv}", 2, "xesam:title", "s", "A tone",
                                                    "mpris:trackid", f->odd ? "s" : "o", f->track),
                              0);
}

static void put_status(sd_bus_message *m, const struct fake *f) {
        cr_assert_geq(sd_bus_message_open_container(m, 'a', "{sv}"), 0);
        put_number(m, "Rate");
        if (f->odd && !f->track)
                put_number(m, "Metadata");
        put_track(m, f);
        put_text(m, "PlaybackStatus", "s", f->status);
        if (f->stays)
                cr_assert_geq(sd_bus_message_append(m, "{sv}", "CanPause", "b", 0), 0);
        cr_assert_geq(sd_bus_message_close_container(m), 0);
}

static void put_names(sd_bus_message *m, const struct fake *f) {
        cr_assert_geq(sd_bus_message_open_container(m, 'a', "{sv}"), 0);
        if (f->odd)
                put_number(m, "Identity");
        put_text(m, "Identity", "s", f->identity);
        put_text(m, "DesktopEntry", "s", f->entry);
        cr_assert_geq(sd_bus_message_close_container(m), 0);
}

static void list_names(sd_bus_message *m) {
        cr_assert_geq(sd_bus_message_open_container(m, 'a', "s"), 0);
        cr_assert_geq(sd_bus_message_append(m, "s", "org.example.Calculator"), 0);
        for (size_t i = 0; i < t.n; i++)
                cr_assert_geq(sd_bus_message_append(m, "s", t.fakes[i].name), 0);
        cr_assert_geq(sd_bus_message_close_container(m), 0);
}

static void answer_bus(sd_bus_message *call) {
        sd_bus_message *m = reply_to(call);
        const char *unique;

        if (streq(sd_bus_message_get_member(call), "ListNames"))
                list_names(m);
        else {
                cr_assert_gt(sd_bus_message_read(call, "s", &unique), 0);
                cr_assert_geq(sd_bus_message_append(m, "u", (unsigned) (find(unique) - t.fakes)), 0);
        }
        send_as(m, BUS);
}

static void answer_player(struct fake *f, sd_bus_message *call) {
        const char *member = sd_bus_message_get_member(call), *interface;
        sd_bus_message *m = reply_to(call);

        if (streq(member, "GetAll")) {
                cr_assert_gt(sd_bus_message_read(call, "s", &interface), 0);
                if (streq(interface, PLAYER)) {
                        f->n_checks++;
                        put_status(m, f);
                } else
                        put_names(m, f);
        } else if (streq(member, "Pause")) {
                f->n_paused++;
                f->status = "Paused";
        } else {
                cr_assert_str_eq(member, "Play");
                f->n_played++;
                f->status = "Playing";
        }
        send_as(m, f->unique);
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        const char *to = sd_bus_message_get_destination(call);
        struct fake *f = find(to);

        if (streq(to, BUS))
                answer_bus(call);
        else if (!f)
                fail(call, SD_BUS_ERROR_SERVICE_UNKNOWN, BUS);
        else if (!f->fails || !streq(f->fails, sd_bus_message_get_member(call)))
                answer_player(f, call);
        else if (f->error) {
                f->n_checks++;
                fail(call, f->error, f->unique);
        } else {
                sd_bus_message_unref(f->held);
                f->held = sd_bus_message_ref(call);
        }
        return 1;
}

static void process(void) {
        int ours, theirs;

        do {
                ours = sd_bus_process(t.ours, NULL);
                theirs = sd_bus_process(t.theirs, NULL);
                cr_assert(ours >= 0 && theirs >= 0, "%d, %d", ours, theirs);
        } while (ours > 0 || theirs > 0);
}

static void connect_both(void) {
        sd_id128_t id;
        int fds[2];

        cr_assert_geq(sd_id128_from_string(BUS_ID, &id), 0);
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        cr_assert_geq(sd_bus_new(&t.theirs), 0);
        cr_assert_geq(sd_bus_set_fd(t.theirs, fds[0], fds[0]), 0);
        cr_assert_geq(sd_bus_set_server(t.theirs, true, id), 0);
        cr_assert_geq(sd_bus_add_filter(t.theirs, NULL, on_call, NULL), 0);
        cr_assert_geq(sd_bus_new(&t.ours), 0);
        cr_assert_geq(sd_bus_set_fd(t.ours, fds[1], fds[1]), 0);
        cr_assert_geq(sd_bus_start(t.theirs), 0);
        cr_assert_geq(sd_bus_start(t.ours), 0);
        for (unsigned i = 0; i < 100 && sd_bus_is_ready(t.ours) <= 0; i++)
                process();
        cr_assert_gt(sd_bus_is_ready(t.ours), 0);
}

/* ---- what stands around it ---- */

static const char *journal_get(void *userdata, const char *name) {
        cr_assert_str_eq(name, "players");
        return t.journal[0] ? t.journal : NULL;
}

static int journal_put(void *userdata, const char *name, const char *value) {
        cr_assert_str_eq(name, "players");
        if (t.journal_fails)
                return -EIO;
        (void) snprintf(t.journal, sizeof(t.journal), "%s", value ? value : "");
        return 0;
}

static const char *names_of_pid(char *buf, size_t size, pid_t pid) {
        const char *process = t.fakes[pid].process;

        (void) snprintf(buf, size, "%s", process ? process : "");
        return buf;
}

static void on_touched(void *userdata) {
}

static void on_done(void *userdata, const char *name, bool ok, const char *outcome) {
        cr_assert_str_eq(name, "pause-players");
        cr_assert(ok);
        t.n_told++;
        (void) snprintf(t.outcome, sizeof(t.outcome), "%s", outcome);
}

/* Until nobody has anything to say. */
static void turns(void) {
        for (unsigned i = 0; i < 50; i++) {
                process();
                t.wake_at = players_run(t.players, &t.facts, t.now);
        }
}

static void turns_as(bool busy) {
        t.facts.busy = busy;
        turns();
}

static void turns_after(usec_t time) {
        t.now += time;
        turns();
}

static void make(void) {
        const struct desktop_context context = { .bus = t.ours,
                                                 .journal = { .get = journal_get, .put = journal_put },
                                                 .names_of_pid = names_of_pid,
                                                 .touched = on_touched,
                                                 .done = on_done };

        cr_assert_eq(players_new(&t.players, &context), 0);
        players_configure(t.players, true);
}

static void make_anew(void) {
        t.players = players_free(t.players);
        make();
}

static void setup(void) {
        memset(&t, 0, sizeof(t));
        t.now = 100 * S;
        t.facts = (struct desktop_facts){ .known = true, .apps = "", .reason = "no call" };
        connect_both();
        make();
}

static void teardown(void) {
        players_free(t.players);
        for (size_t i = 0; i < t.n; i++)
                sd_bus_message_unref(t.fakes[i].held);
        sd_bus_unref(t.ours);
        sd_bus_unref(t.theirs);
}

TestSuite(players, .init = setup, .fini = teardown);

/* As a player does by itself, or as another interface of it. */
static void tell(const struct fake *f, const char *interface, const char *status) {
        sd_bus_message *m;

        cr_assert_geq(
                sd_bus_message_new_signal(t.theirs, &m, "/org/mpris/MediaPlayer2", PROPERTIES, "PropertiesChanged"),
                0);
        cr_assert_geq(sd_bus_message_append(m, "sa{sv}as", interface, 1, status ? "PlaybackStatus" : "Volume", "s",
                                            status ? status : "loud", 0),
                      0);
        send_as(m, f->unique);
        turns();
}

static void expect_paused(const struct fake *f, const char *journal) {
        cr_assert_str_eq(f->status, "Paused");
        cr_assert_str_eq(t.journal, journal);
}

static void expect_left(const struct fake *f) {
        cr_assert_eq(f->n_paused, 0, "%s was paused", f->name);
        cr_assert_str_eq(t.journal, "");
}

/* ---- tests ---- */

Test(players, play_on_afterwards) {
        struct fake *f = add("mpv.instance12"), *other = add("vlc");

        turns();
        cr_assert_eq(f->n_checks, 0, "asked while nothing is the matter");
        turns_as(true);
        expect_paused(f, BUS_ID " :1.1 :1.2");
        cr_assert_str_eq(t.outcome, "paused 2");
        cr_assert_not(players_are_at_rest(t.players));
        cr_assert_eq(t.wake_at, USEC_NEVER);
        turns_as(false);
        cr_assert(f->n_played == 1 && other->n_played == 1);
        cr_assert_str_eq(t.outcome, "2 play on");
        cr_assert_str_eq(t.journal, "");
        cr_assert(players_are_at_rest(t.players));
        cr_assert_eq(t.n_told, 2);
}

/* What an answer says of a player, and whether that is paused. */
Test(players, are_judged_by_what_they_say) {
        static const struct row {
                const char *what;
                struct fake is;
                bool paused;
        } rows[] = {
                { "it plays", { .status = "Playing" }, true },
                { "it is paused already", { .status = "Paused" }, false },
                { "it is stopped", { .status = "Stopped" }, false },
                { "it does not say", {}, false },
                { "it cannot be paused", { .status = "Playing", .stays = true }, false },
                { "what it plays has no name", { .status = "Playing", .odd = true }, true },
                { "what it plays is called by another type",
                  { .status = "Playing", .track = "/1", .odd = true },
                  true },
                { "it has left",
                  { .status = "Playing", .fails = "GetAll", .error = SD_BUS_ERROR_SERVICE_UNKNOWN },
                  false },
                { "it cannot do it",
                  { .status = "Playing", .fails = "Pause", .error = SD_BUS_ERROR_NOT_SUPPORTED },
                  false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct fake *f = add("mpv"), kept = *f;

                *f = rows[i].is;
                memcpy(f->name, kept.name, sizeof(f->name));
                memcpy(f->unique, kept.unique, sizeof(f->unique));
                turns_as(true);
                cr_expect_eq(f->n_paused, rows[i].paused, "%s", rows[i].what);
                cr_expect_str_eq(t.journal, rows[i].paused ? BUS_ID " :1.1" : "", "%s", rows[i].what);
                turns_as(false);
                cr_expect_eq(f->n_played, rows[i].paused, "%s", rows[i].what);
                cr_expect(players_are_at_rest(t.players), "%s", rows[i].what);
                t.n = 0;
        }
}

/* Nobody would make up for it after a crash. */
Test(players, are_not_paused_where_that_cannot_be_stored) {
        struct fake *f = add("mpv");

        t.journal_fails = true;
        turns_as(true);
        expect_left(f);
        cr_assert(players_are_at_rest(t.players));
        cr_assert_eq(t.n_told, 0);
}

Test(players, of_the_call_are_left_alone) {
        static const struct row {
                const char *what, *apps;
                struct fake is;
                bool on_call;
        } rows[] = {
                { "by its name", "mpv", {}, true },
                { "by its name, one of several", "Zoom\nmpv\nTeams", {}, true },
                { "by no name of it", "Zoom\nTeams", {}, false },
                { "by what it calls itself", "Google Chrome", { .identity = "Chrome" }, true },
                { "by its application", "Celluloid", { .entry = "io.github.celluloid" }, true },
                { "by its process", "google-chrome", { .process = "bash\nchrome" }, true },
                { "by nothing that it says", "Zoom", { .identity = "Zo", .entry = "a.b.c", .process = "x" }, false },
                { "by nothing with a type of its own", "7", { .odd = true }, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct fake *f = add("mpv");

                f->identity = rows[i].is.identity;
                f->entry = rows[i].is.entry;
                f->process = rows[i].is.process;
                f->odd = rows[i].is.odd;
                t.facts.apps = rows[i].apps;
                turns_as(true);
                cr_expect_eq(f->n_paused, !rows[i].on_call, "%s", rows[i].what);
                turns_as(false);
                t.n = 0;
        }
}

/* A go-between of the desktop plays the very thing that the program of the call plays. */
Test(players, that_stand_for_the_program_of_the_call_are_left_alone) {
        static const struct row {
                const char *theirs, *own;
                bool same;
        } rows[] = {
                { "/track/1", "/track/1", true },
                { "/track/1", "/track/2", false },
                { "/org/mpris/MediaPlayer2/TrackList/NoTrack", "/org/mpris/MediaPlayer2/TrackList/NoTrack", false },
                { NULL, NULL, false },
        };

        t.facts.apps = "chrome";
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                for (unsigned first = 0; first < 2; first++) {
                        struct fake *own = add(first ? "plasma-browser" : "chrome");
                        struct fake *theirs = add(first ? "chrome" : "plasma-browser");

                        own->track = rows[i].own;
                        theirs->track = rows[i].theirs;
                        turns_as(true);
                        cr_expect_eq(t.fakes[0].n_paused + t.fakes[1].n_paused, !rows[i].same, "row %zu", i);
                        turns_as(false);
                        t.n = 0;
                }
}

Test(players, that_go_their_own_way_are_left_alone) {
        static const char *const own_ways[] = { "Playing", "Stopped" };

        for (size_t i = 0; i < ARRAY_SIZE(own_ways); i++) {
                struct fake *f = add("mpv");

                turns_as(true);
                tell(f, "org.mpris.MediaPlayer2", "Playing");
                tell(f, PLAYER, NULL);
                tell(f, PLAYER, "Paused");
                expect_paused(f, BUS_ID " :1.1");
                tell(f, PLAYER, own_ways[i]);
                cr_assert_str_eq(t.journal, "");
                turns_as(false);
                cr_assert_eq(f->n_played, 0);
                t.n = 0;
        }
}

/* It has not told that. */
Test(players, that_are_found_to_play_afterwards_are_left_alone) {
        struct fake *f = add("mpv"), *other = add("vlc");

        turns_as(true);
        f->status = "Playing";
        turns_as(false);
        cr_assert(f->n_played == 0 && other->n_played == 1);
        cr_assert_str_eq(t.outcome, "1 plays on");
        cr_assert_str_eq(t.journal, "");
}

Test(players, are_made_up_for_after_a_crash) {
        static const struct row {
                const char *what, *journal, *status;
                bool busy, plays;
        } rows[] = {
                { "it still is paused", BUS_ID " :1.1", "Paused", false, true },
                { "... also after the rest of the call", BUS_ID " :1.1", "Paused", true, true },
                { "it was set going", BUS_ID " :1.1", "Playing", false, false },
                { "... and the call goes on", BUS_ID " :1.1", "Playing", true, false },
                { "another one has come", BUS_ID " :1.9", "Paused", false, false },
                { "it was on another bus", "ffffffffffffffffffffffffffffffff :1.1", "Paused", false, false },
                { "it has no name", BUS_ID " :1.1000000000000000000000000000000000000", "Paused", false, false },
                { "nobody was paused", BUS_ID, "Paused", false, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct fake *f = add("mpv");

                f->status = rows[i].status;
                (void) snprintf(t.journal, sizeof(t.journal), "%s", rows[i].journal);
                make_anew();
                turns_as(rows[i].busy);
                cr_expect(!rows[i].busy || f->n_played == 0, "%s: in the call", rows[i].what);
                turns_as(false);
                cr_expect_eq(f->n_played, rows[i].plays, "%s", rows[i].what);
                cr_expect(players_are_at_rest(t.players), "%s", rows[i].what);
                t.journal[0] = '\0';
                t.n = 0;
        }
}

/* While busyd was dead, or since. */
Test(players, that_were_set_going_and_paused_by_hand_after_a_crash_stay_so) {
        for (unsigned since = 0; since < 2; since++) {
                struct fake *f = add("mpv");

                f->status = since ? "Paused" : "Playing";
                (void) snprintf(t.journal, sizeof(t.journal), BUS_ID " :1.1");
                make_anew();
                turns_as(true);
                if (since)
                        tell(f, PLAYER, "Playing");
                cr_assert_str_eq(t.journal, "");
                f->status = "Paused";
                turns_as(false);
                cr_assert_eq(f->n_played, 0);
                t.n = 0;
        }
}

/* Nobody is done anything to until it is known whether there is a call. */
Test(players, wait_until_it_is_known) {
        struct fake *f = add("mpv");

        t.facts.known = false;
        turns_as(true);
        cr_assert(f->n_checks == 0 && t.wake_at == USEC_NEVER);
        t.facts.known = true;
        turns();
        expect_paused(f, BUS_ID " :1.1");
        make_anew();
        t.facts.known = false;
        turns_as(false);
        cr_assert_eq(f->n_played, 0);
        t.facts.known = true;
        turns();
        cr_assert_eq(f->n_played, 1);
}

Test(players, wait_a_moment_for_who_may_stand_for_them) {
        struct fake *f = add("mpv"), *slow = add("slow");

        slow->fails = "GetAll";
        turns_as(true);
        expect_left(f);
        cr_assert_eq(t.wake_at, t.now + S);
        turns_after(S - 1);
        expect_left(f);
        turns_after(1);
        expect_paused(f, BUS_ID " :1.1");
        slow->fails = NULL;
        answer_player(slow, slow->held);
        turns();
        expect_paused(slow, BUS_ID " :1.1 :1.2");
        cr_assert_eq(t.n_told, 1);
        cr_assert_str_eq(t.outcome, "paused 2");
}

/* They are asked before it is over, and answer after that. */
Test(players, are_left_alone_once_it_is_over) {
        struct fake *f = add("mpv");

        f->fails = "GetAll";
        turns_as(true);
        turns_as(false);
        f->fails = NULL;
        answer_player(f, f->held);
        turns();
        expect_left(f);
        cr_assert(players_are_at_rest(t.players));
}

/* Whoever sets it going or stops it in that moment does so by hand. */
Test(players, that_stop_while_they_are_asked_are_left_alone) {
        struct fake *f = add("mpv"), *slow = add("slow");

        slow->fails = "GetAll";
        turns_as(true);
        tell(f, PLAYER, "Paused");
        turns_after(S);
        expect_left(f);
}

/* It may have been, and is asked in the end. */
Test(players, that_have_not_said_that_they_are_paused_play_on) {
        struct fake *f = add("mpv");

        f->fails = "Pause";
        f->error = SD_BUS_ERROR_TIMEOUT;
        turns_as(true);
        cr_assert_str_eq(t.journal, BUS_ID " :1.1");
        cr_assert_eq(t.n_told, 0);
        f->status = "Paused";
        turns_as(false);
        cr_assert_eq(f->n_played, 1);
}

/* Each of the calls takes seconds there. */
Test(players, that_hang_are_asked_so_often_and_no_more) {
        struct fake *f = add("mpv");

        turns_as(true);
        f->fails = "GetAll";
        f->error = SD_BUS_ERROR_TIMEOUT;
        f->n_checks = 0;
        turns_as(false);
        cr_assert_eq(f->n_checks, 10);
        cr_assert_eq(f->n_played, 0);
        cr_assert_str_eq(t.journal, "");
}

/* ... and until then, whatever begins: it is paused, and plays on in the end. */
Test(players, that_hang_between_two_calls_stay_paused) {
        struct fake *f = add("mpv"), *other = add("vlc");

        turns_as(true);
        f->fails = "GetAll";
        turns_as(false);
        cr_assert_eq(other->n_played, 1);
        fail(f->held, SD_BUS_ERROR_TIMEOUT, f->unique);
        f->held = sd_bus_message_unref(f->held);
        turns_as(true);
        turns_after(S);
        expect_paused(f, BUS_ID " :1.1 :1.2");
        f->fails = NULL;
        answer_player(f, f->held);
        turns_as(false);
        cr_assert(f->n_played == 1 && other->n_played == 2);
}

Test(players, more_than_there_is_room_for_play_on) {
        for (size_t i = 0; i < FAKES_MAX; i++)
                (void) add("mpv");
        for (size_t i = 0; i < FAKES_MAX; i++)
                (void) snprintf(t.fakes[i].name, sizeof(t.fakes[i].name), NAMES "mpv.instance%zu", i);
        turns_as(true);
        cr_assert_str_eq(t.outcome, "paused 16");
        cr_assert_eq(t.fakes[PLAYERS_MAX].n_checks, 0);
        turns_as(false);
        cr_assert_str_eq(t.outcome, "16 play on");
}

Test(players, play_on_when_that_is_switched_off) {
        struct fake *f = add("mpv");

        turns_as(true);
        players_configure(t.players, false);
        turns();
        cr_assert_eq(f->n_played, 1);
        turns();
        cr_assert_eq(f->n_paused, 1);
}

Test(players, are_nobody_without_a_bus) {
        const struct desktop_context context = { .journal = { .get = journal_get, .put = journal_put } };

        players_free(t.players);
        cr_assert_eq(players_new(&t.players, &context), 0);
        players_configure(t.players, true);
        turns_as(true);
        turns_as(false);
        cr_assert(players_are_at_rest(t.players));
}
