/* See logind.h. logind is watched as a source watches its service, although it tells of no calls. A user service
 * belongs to no session: "auto" stands for the user's display session, and answers questions, but signals come from
 * the session's own path. */
#include "busyd/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sources/watch.h"
#include "util/log.h"

#define NAME    "org.freedesktop.login1"
#define PATH    "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define SESSION "org.freedesktop.login1.Session"

struct logind {
        struct source source; /* comes first */
        struct call_sink sink;
        struct watch *watch;
        struct logind_handler handler;
        sd_event_source *timer;
        char *session; /* path; NULL: none */
        int inhibitor; /* sleep waits until it is closed; -1: it does not */
        bool sleeping, away;
};

static struct logind *logind_of(void *s) {
        return s;
}

/* ---- sleep ---- */

void logind_let_sleep(struct logind *l) {
        l->timer = sd_event_source_disable_unref(l->timer);
        if (l->inhibitor >= 0)
                (void) close(l->inhibitor);
        l->inhibitor = -1;
}

static void on_inhibited(struct source *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct logind *l = logind_of(s);
        int fd = -1;

        if (!reply)
                log_info(
                        "logind does not let busyd hold up sleep (%s): what is owed then may only be given back later",
                        error->name);
        else if (sd_bus_message_read(reply, "h", &fd) < 0)
                source_tell_bad(s, reply, "the inhibitor cannot be read");
        else if (l->inhibitor < 0)
                l->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int inhibit(struct logind *l) {
        return watch_call(l->watch, PATH, MANAGER, "Inhibit", NULL, on_inhibited, "ssss", "sleep", "busyd",
                          "Give back the presence before sleep", "delay");
}

static int on_sleep_timer(sd_event_source *source, uint64_t at, void *userdata) {
        log_warning("Not everything could be given back before sleep; the rest is owed and follows afterwards");
        logind_let_sleep(userdata);
        return 0;
}

static void begin_sleep(struct logind *l) {
        l->sleeping = true;
        l->timer = sd_event_source_disable_unref(l->timer);
        if (sd_event_add_time_relative(l->source.context.event, &l->timer, CLOCK_BOOTTIME, LOGIND_SLEEP_DELAY_MAX, 0,
                                       on_sleep_timer, l) < 0)
                log_warning("There is no timer for the sleep to come; it is not held up");
        l->handler.sleep(l->handler.userdata, true);
        if (!l->timer)
                logind_let_sleep(l);
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
                source_tell_bad(&l->source, m, "a sleep cannot be read");
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

static void on_session_properties(struct source *s, const char *subject, sd_bus_message *reply,
                                  const sd_bus_error *error) {
        if (reply && read_active(logind_of(s), reply) < 0)
                source_tell_bad(s, reply, "the session cannot be read");
}

static int on_session_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct logind *l = userdata;

        if (!l->session || !streq(sd_bus_message_get_path(m), l->session))
                return 0;
        if (sd_bus_message_skip(m, "s") < 0 || read_active(l, m) < 0)
                source_tell_bad(&l->source, m, "a change of the session cannot be read");
        return 0;
}

static void on_session(struct source *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct logind *l = logind_of(s);
        const char *path;

        free(TAKE(l->session));
        if (reply && sd_bus_message_read(reply, "o", &path) < 0)
                source_tell_bad(s, reply, "the session cannot be read");
        else if (reply)
                l->session = strdup(path);
        /* Without a session nobody can have taken its place. */
        if (!l->session || watch_get_all(l->watch, l->session, SESSION, NULL, on_session_properties) < 0)
                set_away(l, false);
}

static int ask_session(struct logind *l) {
        return watch_call(l->watch, PATH, MANAGER, "GetSession", NULL, on_session, "s", "auto");
}

static int on_sessions_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        if (ask_session(userdata) < 0)
                source_tell_bad(userdata, m, "the new session cannot be asked for");
        return 0;
}

/* ---- watching ---- */

static int begin(struct source *s) {
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
        struct logind *l = logind_of(s);
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                r = watch_match(l->watch, signals[i].rule, signals[i].callback);
                if (r < 0)
                        return r;
        }
        r = inhibit(l);
        return r < 0 ? r : ask_session(l);
}

/* It restarts, or is gone for good: nobody tells of waking up, or of coming back to the front. */
static void reset(struct source *s) {
        struct logind *l = logind_of(s);

        free(TAKE(l->session));
        if (l->sleeping)
                end_sleep(l);
        logind_let_sleep(l);
        set_away(l, false);
}

static const struct watch_ops ops = { begin, reset };

static void on_changed(void *userdata, struct source *s) {
        struct logind *l = userdata;

        l->handler.changed(l->handler.userdata);
}

static void no_report(void *userdata, const struct call_report *r) {
}

static void no_end(void *userdata, const char *source, const char *id) {
}

static const struct source_kind kind = { .name = "logind", .description = "sleep and the session in front" };

static void ignore_sleep(void *userdata, bool about_to) {
}

static void ignore_change(void *userdata) {
}

int logind_new(struct logind **ret, sd_event *event, sd_bus *system_bus, const struct logind_handler *handler) {
        SCOPED(logind_free) struct logind *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->inhibitor = -1;
        l->handler = *handler;
        l->sink = (struct call_sink){ .report = no_report, .end = no_end };
        source_init(&l->source, &kind,
                    &(struct source_context){
                            .event = event,
                            .system_bus = system_bus,
                            .sink = &l->sink,
                            .changed = on_changed,
                            .userdata = l,
                    });
        r = watch_new(&l->watch, &l->source, system_bus, NAME, "logind", &ops);
        if (r < 0)
                return r;
        *ret = TAKE(l);
        return 0;
}

struct logind *logind_free(struct logind *l) {
        if (!l)
                return NULL;
        l->handler = (struct logind_handler){ ignore_sleep, ignore_sleep, ignore_change, NULL };
        watch_free(l->watch);
        logind_let_sleep(l);
        free(l->session);
        free(l);
        return NULL;
}

bool logind_is_settled(const struct logind *l) {
        return source_state(&l->source) != SOURCE_STARTING;
}
