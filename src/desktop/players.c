/* See players.h. Each player that is known is in one of these states; who is done with is forgotten:
 *
 *   asked      whether it plays is being asked
 *   named      it does; what it calls itself is being asked
 *   traced     whose process it is is being asked
 *   playing    to be paused once all are through with that, or have had a moment for it
 *   pausing    it is being paused; it is in the journal
 *   paused     by us, as far as it has said; whether it is set going by somebody else is listened to
 *   checked    busy is over, or busyd has been started again: whether it still is paused is being asked
 *   resting    it still is; to be resumed in the next players_run(), or left so while busy
 *   resuming   it is told to play on
 *   gone       to be forgotten */
#include "desktop/players.h"

#include <errno.h>
#include <stdio.h>

#include "desktop/program-names.h"
#include "util/bus-service.h"
#include "util/log.h"

#define EFFECT       "pause-players"
#define JOURNAL_NAME "players"
#define ROOT         "org.mpris.MediaPlayer2"
#define NAMES        ROOT "."
#define NO_TRACK     "/org/mpris/MediaPlayer2/TrackList/NoTrack"
#define AT           "/org/mpris/MediaPlayer2"
#define PLAYER       "org.mpris.MediaPlayer2.Player"
#define PROPERTIES   "org.freedesktop.DBus.Properties"
#define BUS          "org.freedesktop.DBus"
#define ANSWER_MAX   (3 * USEC_PER_SEC) /* who does not answer is left alone */
#define OTHERS_MAX   USEC_PER_SEC       /* ... by then, others are paused that may be its go-between */
#define CHECKS_MAX   10                 /* who was paused by us is asked so often before it is left so */
#define TITLE_MAX    64
#define NAMES_MAX    512
#define TRACK_MAX    128
#define UNIQUE_MAX   32

enum player_state {
        PLAYER_ASKED,
        PLAYER_NAMED,
        PLAYER_TRACED,
        PLAYER_PLAYING,
        PLAYER_PAUSING,
        PLAYER_PAUSED,
        PLAYER_CHECKED,
        PLAYER_RESTING,
        PLAYER_RESUMING,
        PLAYER_GONE,
};

struct player {
        struct players *players;
        char title[TITLE_MAX];   /* of its name on the bus; "": from the journal */
        char names[NAMES_MAX];   /* all that it goes by, one a line */
        char track[TRACK_MAX];   /* what it plays, "" if it does not say */
        bool is_on_call;         /* it is the program of the call */
        char unique[UNIQUE_MAX]; /* who it is */
        enum player_state state;
        bool resumed; /* for the history */
        bool is_stored;
        unsigned n_checks; /* not answered */
        sd_bus_slot *call, *changed;
};

struct players {
        struct desktop_context context;
        bool on;
        bool begun; /* this time of busy is followed */
        char bus_id[SD_ID128_STRING_MAX];
        sd_bus_slot *listing;
        struct player list[PLAYERS_MAX];
        size_t n;
        usec_t pause_by; /* then who is known to play is paused, whoever else is being asked; 0: nobody is */
        unsigned n_paused, n_resumed; /* since it was last told */
};

/* ---- journal ---- */

static bool is_owed(const struct player *p) {
        return p->state >= PLAYER_PAUSING && p->state < PLAYER_GONE;
}

/* The bus and whom we have paused there: unique names mean nothing on another bus. */
static int store(struct players *ps) {
        const struct desktop_journal *j = &ps->context.journal;
        char value[SD_ID128_STRING_MAX + PLAYERS_MAX * (UNIQUE_MAX + 1)];
        int used = snprintf(value, sizeof(value), "%s", ps->bus_id);
        bool any = false;

        for (size_t i = 0; i < ps->n; i++)
                if (is_owed(&ps->list[i])) {
                        used += snprintf(value + used, sizeof(value) - (size_t) used, " %s", ps->list[i].unique);
                        any = true;
                }
        return j->put(j->userdata, JOURNAL_NAME, any ? value : NULL);
}

static struct player *add(struct players *ps, enum player_state state) {
        struct player *p;

        if (ps->n == PLAYERS_MAX)
                return NULL;
        p = &ps->list[ps->n++];
        *p = (struct player){ .players = ps, .state = state };
        return p;
}

/* ---- asking ---- */

static const char *title(const struct player *p) {
        return p->title[0] ? p->title : p->unique;
}

static void touch(const struct player *p) {
        p->players->context.touched(p->players->context.userdata);
}

static void call(struct player *p, const char *to, const char *path, const char *interface, const char *member,
                 sd_bus_message_handler_t callback, const char *argument, enum player_state next) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        sd_bus *bus = p->players->context.bus;
        int r = sd_bus_message_new_method_call(bus, &m, to, path, interface, member);

        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0 && argument)
                r = sd_bus_message_append(m, "s", argument);
        if (r >= 0)
                r = sd_bus_call_async(bus, &p->call, m, callback, p, ANSWER_MAX);
        p->state = r < 0 ? PLAYER_GONE : next;
}

struct status {
        bool told, playing, paused, can_pause;
        const char *track; /* of the message; "" */
};

/* From a variant. What has another type says nothing. */
static int read_text(sd_bus_message *m, const char **ret) {
        const char *type;
        int r = sd_bus_message_peek_type(m, NULL, &type);

        if (r >= 0 && (streq(type, "s") || streq(type, "o")))
                return sd_bus_message_read(m, "v", type, ret);
        return r < 0 ? r : sd_bus_message_skip(m, "v");
}

static int read_track(sd_bus_message *m, const char **ret) {
        const char *type;
        int r = sd_bus_message_peek_type(m, NULL, &type);

        if (r >= 0 && !streq(type, "a{sv}"))
                return sd_bus_message_skip(m, "v");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'v', "a{sv}");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = streq(name, "mpris:trackid") ? read_text(m, ret) : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* From a{sv}; what is not there is not known. */
static int read_status(sd_bus_message *m, struct status *ret) {
        struct status s = { .can_pause = true, .track = "" };
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name, *text;
                int can;

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0 && streq(name, "PlaybackStatus") && (r = sd_bus_message_read(m, "v", "s", &text)) >= 0) {
                        s.told = true;
                        s.playing = streq(text, "Playing");
                        s.paused = streq(text, "Paused");
                } else if (r >= 0 && streq(name, "CanPause") && (r = sd_bus_message_read(m, "v", "b", &can)) >= 0)
                        s.can_pause = can;
                else if (r >= 0 && streq(name, "Metadata"))
                        r = read_track(m, &s.track);
                else if (r >= 0)
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        *ret = s;
        return 0;
}

/* Somebody else has set it going, or has stopped it. */
static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct player *p = userdata;
        const char *interface;
        struct status s = { 0 };

        if (sd_bus_message_read(m, "s", &interface) < 0 || !streq(interface, PLAYER) || read_status(m, &s) < 0 ||
            !s.told)
                return 0;
        if ((p->state >= PLAYER_NAMED && p->state <= PLAYER_PLAYING && !s.playing) ||
            (p->state >= PLAYER_PAUSED && p->state <= PLAYER_RESTING && !s.paused)) {
                log_debug("pause-players: %s goes its own way", title(p));
                p->state = PLAYER_GONE;
                touch(p);
        }
        return 0;
}

static void listen(struct player *p) {
        (void) sd_bus_match_signal_async(p->players->context.bus, &p->changed, p->unique, AT, PROPERTIES,
                                         "PropertiesChanged", on_changed, NULL, p);
}

/* ---- whose it is ---- */

static void add_name(struct player *p, const char *name) {
        size_t used = strlen(p->names), n = strlen(name);

        if (n > 0 && used + n + 2 <= sizeof(p->names))
                (void) snprintf(p->names + used, sizeof(p->names) - used, "%s\n", name);
}

static void add_program(struct player *p, const char *id) {
        char name[TITLE_MAX];

        add_name(p, program_name_of(name, sizeof(name), id));
}

static int on_pid(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct player *p = userdata;
        const struct desktop_context *c = &p->players->context;
        char names[NAMES_MAX], *rest = names, *name;
        uint32_t pid;

        p->call = sd_bus_slot_unref(p->call);
        if (p->state == PLAYER_GONE)
                return 0;
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "u", &pid) >= 0 && c->names_of_pid) {
                (void) c->names_of_pid(names, sizeof(names), (pid_t) pid);
                while ((name = strsep(&rest, "\n")))
                        add_program(p, name);
        }
        p->state = PLAYER_PLAYING;
        touch(p);
        return 0;
}

/* From a{sv}. */
static void read_names(struct player *p, sd_bus_message *m) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                const char *name, *text = "";

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_text(m, &text);
                if (r >= 0 && streq(name, "Identity"))
                        add_name(p, text);
                else if (r >= 0 && streq(name, "DesktopEntry"))
                        add_program(p, text);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
}

static int on_names_told(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct player *p = userdata;

        p->call = sd_bus_slot_unref(p->call);
        if (p->state == PLAYER_GONE)
                return 0;
        if (!sd_bus_message_is_method_error(m, NULL))
                read_names(p, m);
        call(p, BUS, "/org/freedesktop/DBus", BUS, "GetConnectionUnixProcessID", on_pid, p->unique, PLAYER_TRACED);
        touch(p);
        return 0;
}

/* ---- what it does ---- */

static int on_status(sd_bus_message *m, void *userdata, sd_bus_error *ret_error);

/* Whether it still is as we left it. */
static void check(struct player *p) {
        call(p, p->unique, AT, PROPERTIES, "GetAll", on_status, PLAYER, PLAYER_CHECKED);
}

static void follow_asking(struct player *p, const struct status *s, const char *sender) {
        p->state = PLAYER_GONE;
        if (!s->playing || !s->can_pause || !sender || strlen(sender) >= sizeof(p->unique))
                return;
        (void) snprintf(p->unique, sizeof(p->unique), "%s", sender);
        (void) snprintf(p->track, sizeof(p->track), "%s", s->track);
        listen(p);
        call(p, p->unique, AT, PROPERTIES, "GetAll", on_names_told, ROOT, PLAYER_NAMED);
}

/* Who has left the bus is no longer asked. */
static void follow_check(struct player *p, const struct status *s, bool late) {
        if (late && ++p->n_checks < CHECKS_MAX) {
                check(p);
                return;
        }
        p->n_checks = 0;
        p->state = s->paused ? PLAYER_RESTING : PLAYER_GONE;
        if (p->state == PLAYER_GONE)
                log_debug("pause-players: %s has gone its own way", title(p));
}

static int on_status(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct player *p = userdata;
        const char *sender = sd_bus_message_get_sender(m);
        bool failed = sd_bus_message_is_method_error(m, NULL);
        bool late = failed && sd_bus_message_get_errno(m) == ETIMEDOUT;
        struct status s = { 0 };

        if (failed)
                log_debug("pause-players: %s does not say what it does", title(p));
        else
                (void) read_status(m, &s);
        p->call = sd_bus_slot_unref(p->call);
        if (p->state == PLAYER_ASKED)
                follow_asking(p, &s, sender);
        else if (p->state == PLAYER_CHECKED)
                follow_check(p, &s, late);
        touch(p);
        return 0;
}

/* Who has not said in time that it is paused may be all the same, and is looked at in the end. */
static int on_told(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct player *p = userdata;
        bool ok = !sd_bus_message_is_method_error(m, NULL);
        bool late = !ok && sd_bus_message_get_errno(m) == ETIMEDOUT;

        p->call = sd_bus_slot_unref(p->call);
        if (p->state == PLAYER_PAUSING && late)
                log_debug("pause-players: %s has not said that it is paused", title(p));
        p->resumed = p->state == PLAYER_RESUMING && ok;
        if (p->state == PLAYER_PAUSING && ok)
                p->players->n_paused++;
        p->state = p->state == PLAYER_PAUSING && (ok || late) ? PLAYER_PAUSED : PLAYER_GONE;
        touch(p);
        return 0;
}

/* ---- after a crash ---- */

/* What has gone on since it was paused only the player knows. */
static void take_over(struct players *ps, const char *unique) {
        struct player *p = strlen(unique) < UNIQUE_MAX ? add(ps, PLAYER_PAUSED) : NULL;

        if (!p)
                return;
        (void) snprintf(p->unique, sizeof(p->unique), "%s", unique);
        p->is_stored = true;
        ps->begun = true;
        listen(p);
        check(p);
}

static void read_journal(struct players *ps) {
        const struct desktop_journal *j = &ps->context.journal;
        const char *value = j->get(j->userdata, JOURNAL_NAME);
        SCOPED(free) char *copy = value ? strdup(value) : NULL;
        char *rest = NULL, *word = copy ? strtok_r(copy, " ", &rest) : NULL;

        if (!word || !streq(word, ps->bus_id))
                return;
        while ((word = strtok_r(NULL, " ", &rest)))
                take_over(ps, word);
}

/* ---- who there is ---- */

static int on_names(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct players *ps = userdata;
        const char *name;

        ps->listing = sd_bus_slot_unref(ps->listing);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_enter_container(m, 'a', "s") < 0)
                return 0;
        while (sd_bus_message_read(m, "s", &name) > 0) {
                struct player *p = strncmp(name, NAMES, strlen(NAMES)) == 0 ? add(ps, PLAYER_ASKED) : NULL;

                if (!p)
                        continue;
                (void) program_name_of(p->title, sizeof(p->title), name + strlen(NAMES));
                add_name(p, p->title);
                call(p, name, AT, PROPERTIES, "GetAll", on_status, PLAYER, PLAYER_ASKED);
        }
        ps->context.touched(ps->context.userdata);
        return 0;
}

/* ---- one turn ---- */

static bool is_one_asked(const struct players *ps) {
        bool is = false;

        for (size_t i = 0; i < ps->n; i++)
                is = is || ps->list[i].state < PLAYER_PLAYING;
        return is;
}

/* Whether those who play wait for those who are being asked. */
static bool is_waiting(struct players *ps, usec_t now) {
        if (!is_one_asked(ps))
                ps->pause_by = 0;
        else if (ps->pause_by == 0)
                ps->pause_by = usec_add(now, OTHERS_MAX);
        return now < ps->pause_by;
}

/* Some players are another's go-between: they say that they play the very thing that it plays. */
static bool is_for_another(const struct player *p, const struct player *other) {
        return p->track[0] && !streq(p->track, NO_TRACK) && streq(p->track, other->track);
}

/* A page that is on a call may show as a player. */
static bool is_on_call(const struct player *p) {
        const struct players *ps = p->players;

        for (size_t i = 0; i < ps->n; i++)
                if (ps->list[i].is_on_call && (&ps->list[i] == p || is_for_another(p, &ps->list[i])))
                        return true;
        return false;
}

static void pause_player(struct player *p) {
        if (is_on_call(p)) {
                log_debug("pause-players: %s is on the call", p->title);
                p->state = PLAYER_GONE;
                return;
        }
        log_debug("pause-players: pausing %s", p->title);
        p->state = PLAYER_PAUSING;
        p->is_stored = true;
        if (store(p->players) < 0) {
                log_warning("%s is not paused, as that cannot be stored", p->title);
                p->state = PLAYER_GONE;
                return;
        }
        call(p, p->unique, AT, PLAYER, "Pause", on_told, NULL, PLAYER_PAUSING);
}

/* Busy has begun anew, or goes on after a crash. */
static void rest(struct player *p) {
        log_debug("pause-players: %s stays paused", title(p));
        p->call = sd_bus_slot_unref(p->call);
        p->n_checks = 0;
        p->state = PLAYER_PAUSED;
}

static void run_player(struct player *p, bool want, bool waits) {
        switch (p->state) {
        case PLAYER_PLAYING:
                if (!want)
                        p->state = PLAYER_GONE;
                else if (!waits)
                        pause_player(p);
                break;
        case PLAYER_PAUSED:
                if (!want)
                        check(p);
                break;
        case PLAYER_RESTING:
                if (want)
                        rest(p);
                else
                        call(p, p->unique, AT, PLAYER, "Play", on_told, NULL, PLAYER_RESUMING);
                break;
        case PLAYER_CHECKED:
                /* Others do not wait for one that hangs. */
                if (want && p->n_checks > 0)
                        rest(p);
                break;
        case PLAYER_ASKED:
        case PLAYER_NAMED:
        case PLAYER_TRACED:
        case PLAYER_PAUSING:
        case PLAYER_RESUMING:
        case PLAYER_GONE:
                break;
        }
}

static void player_done(struct player *p) {
        p->call = sd_bus_slot_unref(p->call);
        p->changed = sd_bus_slot_unref(p->changed);
}

/* Slots point at the players, who therefore stay where they are until all are done with. */
static void forget_gone(struct players *ps) {
        bool all = ps->n > 0 && !ps->listing, is_less = false;

        for (size_t i = 0; i < ps->n; i++) {
                struct player *p = &ps->list[i];

                if (p->resumed) {
                        p->resumed = false;
                        ps->n_resumed++;
                }
                if (p->state == PLAYER_GONE && p->is_stored) {
                        p->is_stored = false;
                        is_less = true;
                }
                all = all && p->state == PLAYER_GONE;
        }
        if (is_less && store(ps) < 0)
                log_warning("It cannot be stored that players are paused no more");
        if (!all)
                return;
        for (size_t i = 0; i < ps->n; i++)
                player_done(&ps->list[i]);
        ps->n = 0;
}

static bool is_under_way(const struct players *ps) {
        bool is = ps->listing != NULL;

        for (size_t i = 0; i < ps->n; i++)
                is = is || (ps->list[i].state != PLAYER_PAUSED && ps->list[i].state != PLAYER_GONE);
        return is;
}

static void tell(struct players *ps) {
        char outcome[64];

        if (is_under_way(ps))
                return;
        if (ps->n_paused > 0) {
                (void) snprintf(outcome, sizeof(outcome), "paused %u", ps->n_paused);
                ps->context.done(ps->context.userdata, EFFECT, true, outcome);
        }
        if (ps->n_resumed > 0) {
                (void) snprintf(outcome, sizeof(outcome), "%u play%s on", ps->n_resumed,
                                ps->n_resumed == 1 ? "s" : "");
                ps->context.done(ps->context.userdata, EFFECT, true, outcome);
        }
        ps->n_paused = ps->n_resumed = 0;
}

static void begin(struct players *ps) {
        if (ps->context.bus)
                (void) sd_bus_call_method_async(ps->context.bus, &ps->listing, BUS, "/org/freedesktop/DBus", BUS,
                                                "ListNames", on_names, ps, NULL);
}

/* Lines of both. */
static bool are_among(const char *names, const char *apps) {
        for (const char *name = names; *name != '\0'; name += strcspn(name, "\n") + 1) {
                char one[NAMES_MAX];

                (void) snprintf(one, sizeof(one), "%.*s", (int) strcspn(name, "\n"), name);
                if (program_is_among(one, apps))
                        return true;
        }
        return false;
}

/* Who begins to play during a call does so by the user's hand. */
usec_t players_run(struct players *ps, const struct desktop_facts *facts, usec_t now) {
        bool want = ps->on && facts->known && facts->busy, waits;

        if (!facts->known)
                return USEC_NEVER;
        waits = is_waiting(ps, now);
        for (size_t i = 0; i < ps->n; i++)
                if (ps->list[i].state == PLAYER_PLAYING)
                        ps->list[i].is_on_call = are_among(ps->list[i].names, facts->apps);
        for (size_t i = 0; i < ps->n; i++)
                run_player(&ps->list[i], want, waits);
        forget_gone(ps);
        tell(ps);
        if (want && !ps->begun && !is_under_way(ps)) {
                ps->begun = true;
                begin(ps);
        }
        ps->begun = ps->begun && want;
        return waits ? ps->pause_by : USEC_NEVER;
}

bool players_are_at_rest(const struct players *ps) {
        return ps->n == 0 && !ps->listing;
}

void players_configure(struct players *ps, bool on) {
        ps->on = on;
}

int players_new(struct players **ret, const struct desktop_context *context) {
        struct players *ps = calloc(1, sizeof(*ps));
        sd_id128_t id;

        if (!ps)
                return -ENOMEM;
        ps->context = *context;
        if (context->bus && sd_bus_get_bus_id(context->bus, &id) >= 0)
                (void) sd_id128_to_string(id, ps->bus_id);
        if (ps->bus_id[0] != '\0')
                read_journal(ps);
        *ret = ps;
        return 0;
}

struct players *players_free(struct players *ps) {
        if (!ps)
                return NULL;
        sd_bus_slot_unref(ps->listing);
        for (size_t i = 0; i < ps->n; i++)
                player_done(&ps->list[i]);
        free(ps);
        return NULL;
}
