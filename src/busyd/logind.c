/* See logind.h. Two things, each with its own states:
 *
 *   sleep      awake (the inhibitor is held) -> about to sleep (`sleeping`; it is still held, until all is given back
 * or `awake_end` is due) -> asleep (`sleeping`, let go) -> awake sessions   in front, or `away`: judged anew whenever
 * anything is told of a session, and not before each session of the list is known
 *
 * A user service belongs to no session, and its user may have several: all of them are looked at. */
#include "busyd/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "util/bus-service.h"
#include "util/later.h"
#include "util/log.h"

#define NAME    "org.freedesktop.login1"
#define PATH    "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define SESSION "org.freedesktop.login1.Session"

/* More are not looked at. */
#define LOGIND_SESSIONS_MAX 64
#define PATH_SIZE           128
#define SEAT_SIZE           64

/* Of whoever is logged in. */
struct session {
        char path[PATH_SIZE], seat[SEAT_SIZE]; /* seat "": none */
        bool is_own, known, listed;            /* its properties have come; it is in the list that is being read */
        bool active, graphical, is_persons;    /* not a login screen's, nor a service's */
};

struct logind {
        struct bus_service *service;
        struct logind_handler handler;
        struct later awake_end; /* of holding up sleep */
        struct session sessions[LOGIND_SESSIONS_MAX];
        size_t n_sessions;
        int inhibitor; /* sleep waits until it is closed; -1: it does not */
        bool sleeping, away, bad_told;
};

/* Told once, without what was in it. */
static void tell_bad(struct logind *l, const char *problem) {
        log_full(l->bad_told ? LOG_DEBUG : LOG_WARNING, NULL, NULL, "logind: %s; ignoring it", problem);
        l->bad_told = true;
}

/* ---- sleep ---- */

void logind_let_sleep(struct logind *l) {
        later_clear(&l->awake_end);
        if (l->inhibitor >= 0)
                (void) close(l->inhibitor);
        l->inhibitor = -1;
}

static void on_inhibited(void *userdata, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct logind *l = userdata;
        int fd = -1;

        if (!reply)
                log_info(
                        "logind does not let busyd hold up sleep (%s): what is owed then may only be given back later",
                        error->name);
        else if (sd_bus_message_read(reply, "h", &fd) < 0)
                tell_bad(l, "the inhibitor cannot be read");
        else if (l->inhibitor < 0)
                l->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int inhibit(struct logind *l) {
        return bus_service_call(l->service, PATH, MANAGER, "Inhibit", NULL, on_inhibited, "ssss", "sleep", "busyd",
                                "Give back the presence before sleep", "delay");
}

static void begin_sleep(struct logind *l) {
        l->sleeping = true;
        later_set(&l->awake_end, LOGIND_SLEEP_DELAY_MAX);
        l->handler.sleep(l->handler.userdata, true);
}

static void end_sleep(struct logind *l) {
        l->sleeping = false;
        logind_let_sleep(l);
        l->handler.sleep(l->handler.userdata, false);
}

static int on_prepare_for_sleep(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct logind *l = userdata;
        int about_to;

        if (sd_bus_message_read(m, "b", &about_to) < 0) {
                tell_bad(l, "a sleep cannot be read");
                return 0;
        }
        if (about_to && !l->sleeping)
                begin_sleep(l);
        else if (!about_to && l->sleeping)
                end_sleep(l);
        /* Whoever asks while the machine is about to sleep is refused: also where busyd has started only then. */
        if (!about_to && l->inhibitor < 0 && inhibit(l) < 0)
                log_warning("The next sleep cannot be held up");
        return 0;
}

/* ---- the sessions ---- */

static void set_away(struct logind *l, bool away) {
        if (l->away == away)
                return;
        l->away = away;
        l->handler.in_front(l->handler.userdata, !away);
}

/* A session without a seat is active by definition: it says something where it is a desktop, seen from elsewhere. */
static bool is_in_front(const struct session *s) {
        return s->active && (s->seat[0] || s->graphical);
}

static bool has_own_session_at(const struct logind *l, const char *seat) {
        for (size_t i = 0; i < l->n_sessions; i++)
                if (l->sessions[i].is_own && streq(l->sessions[i].seat, seat))
                        return true;
        return false;
}

/* Away is who has a session on a seat where somebody else is in front, and none that is in front anywhere. A login
 * screen and a console at which nobody has logged in are nobody. */
static void judge(struct logind *l) {
        bool away = false;

        for (size_t i = 0; i < l->n_sessions; i++) {
                const struct session *s = &l->sessions[i];

                if (!s->known)
                        return;
                if (s->is_own && is_in_front(s)) {
                        set_away(l, false);
                        return;
                }
                if (!s->is_own && s->is_persons && s->active && s->seat[0] && has_own_session_at(l, s->seat))
                        away = true;
        }
        set_away(l, away);
}

static struct session *find_session(struct logind *l, const char *path) {
        for (size_t i = 0; i < l->n_sessions; i++)
                if (streq(l->sessions[i].path, path))
                        return &l->sessions[i];
        return NULL;
}

static void forget_session(struct logind *l, struct session *s) {
        *s = l->sessions[--l->n_sessions];
}

static bool is_one_of(const char *word, const char *const *words) {
        for (; *words; words++)
                if (streq(word, *words))
                        return true;
        return false;
}

/* "sv" comes next. */
static int read_property(struct session *s, sd_bus_message *m) {
        static const char *const desktops[] = { "x11", "wayland", "mir", NULL };
        const char *name, *value;
        int active, r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        if (streq(name, "Active")) {
                r = sd_bus_message_read(m, "v", "b", &active);
                s->active = r >= 0 ? active : s->active;
        } else if (streq(name, "Type")) {
                r = sd_bus_message_read(m, "v", "s", &value);
                s->graphical = r >= 0 ? is_one_of(value, desktops) : s->graphical;
        } else if (streq(name, "Class")) {
                r = sd_bus_message_read(m, "v", "s", &value);
                /* "user", "user-early" and so on */
                s->is_persons = r >= 0 ? strncmp(value, "user", 4) == 0 : s->is_persons;
        } else
                r = sd_bus_message_skip(m, "v");
        return r;
}

static int read_properties(struct session *s, sd_bus_message *m) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(s, m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static void on_session_properties(void *userdata, const char *path, sd_bus_message *reply, const sd_bus_error *error) {
        struct logind *l = userdata;
        struct session *s = find_session(l, path);

        if (!s)
                return;
        if (reply && read_properties(s, reply) < 0)
                tell_bad(l, "a session cannot be read");
        s->known = true;
        if (!reply)
                forget_session(l, s); /* it went while we asked */
        judge(l);
}

static int on_session_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct logind *l = userdata;
        struct session *s = find_session(l, sd_bus_message_get_path(m));

        if (!s)
                return 0;
        if (sd_bus_message_skip(m, "s") < 0 || read_properties(s, m) < 0)
                tell_bad(l, "a change of a session cannot be read");
        judge(l);
        return 0;
}

static void take_session(struct logind *l, uint32_t uid, const char *seat, const char *path) {
        struct session *s = find_session(l, path);

        if (s) {
                s->listed = true;
                return;
        }
        if (l->n_sessions == LOGIND_SESSIONS_MAX || strlen(path) >= PATH_SIZE || strlen(seat) >= SEAT_SIZE ||
            bus_service_get_all(l->service, path, SESSION, path, on_session_properties) < 0) {
                tell_bad(l, "there are more sessions than are looked at");
                return;
        }
        s = &l->sessions[l->n_sessions++];
        *s = (struct session){ .is_own = uid == getuid(), .listed = true, .is_persons = true };
        (void) snprintf(s->path, sizeof(s->path), "%s", path);
        (void) snprintf(s->seat, sizeof(s->seat), "%s", seat);
}

static void on_sessions(void *userdata, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct logind *l = userdata;
        const char *id, *user, *seat, *path;
        uint32_t uid;
        int r;

        for (size_t i = 0; i < l->n_sessions; i++)
                l->sessions[i].listed = false;
        r = reply ? sd_bus_message_enter_container(reply, 'a', "(susso)") : 0;
        while (r > 0 && (r = sd_bus_message_read(reply, "(susso)", &id, &uid, &user, &seat, &path)) > 0)
                take_session(l, uid, seat, path);
        if (r < 0)
                tell_bad(l, "the list of sessions cannot be read");
        for (size_t i = l->n_sessions; i > 0; i--)
                if (!l->sessions[i - 1].listed)
                        forget_session(l, &l->sessions[i - 1]);
        judge(l);
}

static int ask_sessions(struct logind *l) {
        return bus_service_call(l->service, PATH, MANAGER, "ListSessions", NULL, on_sessions, "");
}

static int on_sessions_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct logind *l = userdata;

        if (ask_sessions(l) < 0)
                tell_bad(l, "there are more changes of sessions than are asked about");
        return 0;
}

/* ---- watching ---- */

static int begin(void *userdata) {
        static const struct {
                const char *rule;
                sd_bus_message_handler_t callback;
        } signals[] = {
                { "path='" PATH "',interface='" MANAGER "',member='PrepareForSleep'", on_prepare_for_sleep },
                { "path='" PATH "',interface='" MANAGER "',member='SessionNew'", on_sessions_changed },
                { "path='" PATH "',interface='" MANAGER "',member='SessionRemoved'", on_sessions_changed },
                { "path_namespace='" PATH "/session',interface='org.freedesktop.DBus.Properties',"
                  "member='PropertiesChanged',arg0='" SESSION "'",
                  on_session_changed },
        };
        struct logind *l = userdata;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                r = bus_service_match(l->service, signals[i].rule, signals[i].callback);
                if (r < 0)
                        return r;
        }
        r = inhibit(l);
        return r < 0 ? r : ask_sessions(l);
}

/* It restarts, or is gone for good: nobody tells of waking up, or of coming back to the front. */
static void reset(void *userdata) {
        struct logind *l = userdata;

        l->n_sessions = 0;
        if (l->sleeping)
                end_sleep(l);
        logind_let_sleep(l);
        set_away(l, false);
}

static void on_changed(void *userdata) {
        struct logind *l = userdata;

        l->handler.changed(l->handler.userdata);
}

static const struct bus_service_ops ops = { begin, reset, on_changed };

usec_t logind_run(struct logind *l, usec_t now) {
        usec_t next = bus_service_run(l->service, now);

        if (later_run(&l->awake_end, now)) {
                log_warning("Not everything could be given back before sleep; the rest is owed and follows "
                            "afterwards");
                logind_let_sleep(l);
        }
        return usec_min(next, later_at(&l->awake_end, now));
}

int logind_set_bus(struct logind *l, sd_bus *system_bus) {
        struct bus_service *fresh;
        int r = bus_service_new(&fresh, system_bus, NAME, "logind", &ops, l);

        if (r < 0)
                return r;
        bus_service_free(l->service);
        l->service = fresh;
        return 0;
}

int logind_new(struct logind **ret, sd_bus *system_bus, const struct logind_handler *handler) {
        SCOPED(logind_free) struct logind *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->inhibitor = -1;
        l->handler = *handler;
        r = logind_set_bus(l, system_bus);
        if (r < 0)
                return r;
        *ret = TAKE(l);
        return 0;
}

static void ignore_word(void *userdata, bool about_to) {
}

static void ignore_change(void *userdata) {
}

struct logind *logind_free(struct logind *l) {
        if (!l)
                return NULL;
        l->handler = (struct logind_handler){ ignore_word, ignore_word, ignore_change, NULL };
        bus_service_free(l->service);
        logind_let_sleep(l);
        free(l);
        return NULL;
}

bool logind_is_settled(const struct logind *l) {
        return bus_service_state(l->service) != BUS_SERVICE_STARTING;
}
