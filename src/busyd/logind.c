/* See logind.h. logind is watched as a source watches its service, although it tells of no calls. A user service
 * belongs to no session: "auto" stands for the user's display session, and answers questions, but signals come from
 * the session's own path. */
#include "busyd/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/bus-service.h"
#include "util/later.h"
#include "util/log.h"

#define NAME    "org.freedesktop.login1"
#define PATH    "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define SESSION "org.freedesktop.login1.Session"

struct logind {
        struct bus_service *service;
        struct logind_handler handler;
        struct later awake_end; /* of holding up sleep */
        char *session;          /* path; NULL: none */
        int inhibitor;          /* sleep waits until it is closed; -1: it does not */
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
        else if (!about_to && l->sleeping) {
                end_sleep(l);
                if (inhibit(l) < 0)
                        log_warning("The next sleep cannot be held up");
        }
        return 0;
}

/* ---- the session ---- */

static void set_away(struct logind *l, bool away) {
        if (l->away == away)
                return;
        l->away = away;
        l->handler.in_front(l->handler.userdata, !away);
}

static int read_active(struct logind *l, sd_bus_message *m) {
        const char *name;
        int active, r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0 && streq(name, "Active")) {
                        r = sd_bus_message_read(m, "v", "b", &active);
                        if (r >= 0)
                                set_away(l, !active);
                } else if (r >= 0)
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static void on_session_properties(void *userdata, const char *subject, sd_bus_message *reply,
                                  const sd_bus_error *error) {
        struct logind *l = userdata;

        if (reply && read_active(l, reply) < 0)
                tell_bad(l, "the session cannot be read");
}

static int on_session_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct logind *l = userdata;

        if (!l->session || !streq(sd_bus_message_get_path(m), l->session))
                return 0;
        if (sd_bus_message_skip(m, "s") < 0 || read_active(l, m) < 0)
                tell_bad(l, "a change of the session cannot be read");
        return 0;
}

static void on_session(void *userdata, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct logind *l = userdata;
        const char *path;

        free(TAKE(l->session));
        if (reply && sd_bus_message_read(reply, "o", &path) < 0)
                tell_bad(l, "the session cannot be read");
        else if (reply)
                l->session = strdup(path);
        /* Without a session nobody can have taken its place. */
        if (!l->session || bus_service_get_all(l->service, l->session, SESSION, NULL, on_session_properties) < 0)
                set_away(l, false);
}

static int ask_session(struct logind *l) {
        return bus_service_call(l->service, PATH, MANAGER, "GetSession", NULL, on_session, "s", "auto");
}

static int on_sessions_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct logind *l = userdata;

        if (ask_session(l) < 0)
                tell_bad(l, "the new session cannot be asked for");
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
        return r < 0 ? r : ask_session(l);
}

/* It restarts, or is gone for good: nobody tells of waking up, or of coming back to the front. */
static void reset(void *userdata) {
        struct logind *l = userdata;

        free(TAKE(l->session));
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
        free(l->session);
        free(l);
        return NULL;
}

bool logind_is_settled(const struct logind *l) {
        return bus_service_state(l->service) != BUS_SERVICE_STARTING;
}
