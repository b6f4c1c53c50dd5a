/* See bus-service.h.
 *
 *   STARTING     nobody has told yet whether the name has an owner, or its answers are awaited
 *   WATCHING     all questions of ops->start() are answered
 *   UNAVAILABLE  the name has no owner; or it has one that failed, and `retry` is set until RETRIES_MAX is reached
 *
 * Whatever belongs to an owner (matches, questions, the retry) goes with it, in leave(). */
#include "util/bus-service.h"

#include <errno.h>
#include <stdio.h>

#include "core/backoff.h"
#include "util/clock.h"
#include "util/later.h"
#include "util/log.h"

#define BUS_NAME        "org.freedesktop.DBus"
#define BUS_PATH        "/org/freedesktop/DBus"
#define CALL_TIMEOUT    (8 * USEC_PER_SEC) /* less than the manager waits for the first snapshots */
#define RETRY_FIRST     (2 * USEC_PER_SEC)
#define RETRY_CAP       (5 * USEC_PER_MIN)
#define RETRIES_MAX     6 /* then only a restart of the service helps */
#define MATCH_RULE_SIZE 512

struct question {
        struct bus_service *service;
        struct question *next;
        sd_bus_slot *slot;
        bus_service_answer_t answer;
        char *subject; /* NULL: none */
};

struct bus_service {
        const struct bus_service_ops *ops;
        void *userdata;
        sd_bus *bus;
        const char *name, *title;
        char *owner; /* unique name; NULL: nobody */
        sd_bus_slot *owner_changed, *owner_asked, *disconnected;
        sd_bus_slot *matches[BUS_SERVICE_MATCHES_MAX];
        size_t n_matches;
        struct question *questions;
        size_t n_questions;
        struct later retry;
        struct backoff backoff;
        enum bus_service_state state;
        char detail[BUS_SERVICE_DETAIL_MAX];
};

enum bus_service_state bus_service_state(const struct bus_service *s) {
        return s->state;
}

const char *bus_service_detail(const struct bus_service *s) {
        return s->detail;
}

const char *bus_service_owner(const struct bus_service *s) {
        return s->owner ? s->owner : "";
}

static void set_state(struct bus_service *s, enum bus_service_state state, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static void set_state(struct bus_service *s, enum bus_service_state state, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(s->detail, sizeof(s->detail), format, ap);
        va_end(ap);
        s->state = state;
        s->ops->changed(s->userdata);
}

/* ---- questions ---- */

static void question_free(struct question *q) {
        sd_bus_slot_unref(q->slot);
        free(q->subject);
        free(q);
}

static void unlink_question(struct bus_service *s, const struct question *q) {
        struct question **at = &s->questions;

        while (*at != q)
                at = &(*at)->next;
        *at = q->next;
        s->n_questions--;
}

/* The last open question of a snapshot is answered. */
static void settle(struct bus_service *s) {
        if (s->n_questions > 0 || !s->owner || s->state != BUS_SERVICE_STARTING)
                return;
        backoff_reset(&s->backoff);
        set_state(s, BUS_SERVICE_WATCHING, "%s", "");
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct question *q = userdata;
        struct bus_service *s = q->service;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        unlink_question(s, q);
        q->answer(s->userdata, q->subject, error ? NULL : m, error);
        question_free(q);
        settle(s);
        return 0;
}

static int make_question(struct bus_service *s, const char *subject, bus_service_answer_t answer,
                         struct question **ret) {
        struct question *q;

        if (s->n_questions >= BUS_SERVICE_CALLS_MAX)
                return -E2BIG;
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->service = s;
        q->answer = answer;
        if (subject && !(q->subject = strdup(subject))) {
                free(q);
                return -ENOMEM;
        }
        *ret = q;
        return 0;
}

static int make_call(struct bus_service *s, const char *path, const char *interface, const char *member,
                     const char *types, va_list values, sd_bus_message **ret) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        int r;

        if (!s->owner)
                return -ENOTCONN;
        r = sd_bus_message_new_method_call(s->bus, &m, s->owner, path, interface, member);
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0 && types && types[0])
                r = sd_bus_message_appendv(m, types, values);
        if (r < 0)
                return r;
        *ret = TAKE(m);
        return 0;
}

int bus_service_call(struct bus_service *s, const char *path, const char *interface, const char *member,
                     const char *subject, bus_service_answer_t answer, const char *types, ...) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        struct question *q = NULL;
        va_list values;
        int r;

        va_start(values, types);
        r = make_call(s, path, interface, member, types, values, &m);
        va_end(values);
        if (r >= 0)
                r = make_question(s, subject, answer, &q);
        if (r < 0)
                return r;
        r = sd_bus_call_async(s->bus, &q->slot, m, on_answer, q, CALL_TIMEOUT);
        if (r < 0) {
                question_free(q);
                return r;
        }
        q->next = s->questions;
        s->questions = q;
        s->n_questions++;
        return 0;
}

int bus_service_get_all(struct bus_service *s, const char *path, const char *interface, const char *subject,
                        bus_service_answer_t answer) {
        return bus_service_call(s, path, "org.freedesktop.DBus.Properties", "GetAll", subject, answer, "s", interface);
}

void bus_service_drop(struct bus_service *s, bool (*is_about)(const char *subject, const char *what),
                      const char *what) {
        struct question **at = &s->questions;

        while (*at) {
                struct question *q = *at;

                if (!q->subject || !is_about(q->subject, what)) {
                        at = &q->next;
                        continue;
                }
                *at = q->next;
                s->n_questions--;
                question_free(q);
        }
        settle(s);
}

/* ---- matches ---- */

static int on_match_installed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (error)
                log_warning("The bus refuses a match (%s), so changes of a service may be missed", error->name);
        return 0;
}

int bus_service_match(struct bus_service *s, const char *rule, sd_bus_message_handler_t callback) {
        char whole[MATCH_RULE_SIZE];
        int r;

        if (s->n_matches >= BUS_SERVICE_MATCHES_MAX)
                return -E2BIG;
        r = snprintf(whole, sizeof(whole), "type='signal',sender='%s',%s", s->owner, rule);
        if (r < 0 || (size_t) r >= sizeof(whole))
                return -E2BIG;
        r = sd_bus_add_match_async(s->bus, &s->matches[s->n_matches], whole, callback, on_match_installed,
                                   s->userdata);
        if (r < 0)
                return r;
        s->n_matches++;
        return 0;
}

/* ---- coming and going ---- */

/* Ends all that belongs to this owner. */
static void leave(struct bus_service *s) {
        while (s->n_matches > 0) {
                s->n_matches--;
                s->matches[s->n_matches] = sd_bus_slot_unref(s->matches[s->n_matches]);
        }
        while (s->questions) {
                struct question *q = s->questions;

                unlink_question(s, q);
                question_free(q);
        }
        later_clear(&s->retry);
        s->ops->reset(s->userdata);
}

static void enter(struct bus_service *s) {
        int r;

        set_state(s, BUS_SERVICE_STARTING, "%s", "");
        r = s->ops->start(s->userdata);
        if (r < 0)
                bus_service_fail(s, strerror(-r), NULL);
        else
                settle(s);
}

usec_t bus_service_run(struct bus_service *s, usec_t now) {
        if (later_run(&s->retry, now))
                enter(s);
        return later_at(&s->retry, now);
}

static bool is_final(const sd_bus_error *error) {
        return sd_bus_error_has_names(error, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_AUTH_FAILED,
                                      SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

void bus_service_fail(struct bus_service *s, const char *what, const sd_bus_error *error) {
        bool refused = error && is_final(error);

        leave(s);
        if (!refused && s->owner && s->backoff.failures < RETRIES_MAX)
                later_set(&s->retry, backoff_next(&s->backoff, random_u32()));
        if (refused)
                set_state(s, BUS_SERVICE_UNAVAILABLE, "%s does not let us ask it", s->title);
        else
                set_state(s, BUS_SERVICE_UNAVAILABLE, "%s: %s%s%s", s->title, what, error ? ": " : "",
                          error ? error->name : "");
}

static void set_owner(struct bus_service *s, const char *owner) {
        if (s->owner && owner && streq(s->owner, owner))
                return;
        if (s->owner)
                leave(s);
        free(s->owner);
        s->owner = owner ? strdup(owner) : NULL;
        backoff_reset(&s->backoff);
        if (s->owner)
                enter(s);
        else
                set_state(s, BUS_SERVICE_UNAVAILABLE, "%s is not running", s->title);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct bus_service *s = userdata;
        const char *name, *before, *after;
        int r = sd_bus_message_read(m, "sss", &name, &before, &after);

        if (r < 0)
                log_warning("The bus tells of an owner in a way that cannot be read");
        else
                set_owner(s, after[0] ? after : NULL);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct bus_service *s = userdata;
        const char *owner = NULL;

        s->owner_asked = sd_bus_slot_unref(s->owner_asked);
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "s", &owner) < 0)
                log_warning("The bus names an owner in a way that cannot be read");
        set_owner(s, owner);
        return 0;
}

/* Made up by sd-bus when the connection breaks. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct bus_service *s = userdata;

        if (s->owner)
                leave(s);
        free(TAKE(s->owner));
        set_state(s, BUS_SERVICE_UNAVAILABLE, "the bus is gone");
        return 0;
}

static int on_watching(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct bus_service *s = userdata;

        if (sd_bus_message_is_method_error(m, NULL))
                set_state(s, BUS_SERVICE_UNAVAILABLE, "the bus refuses to tell who comes and goes");
        return 0;
}

static int ask_owner(struct bus_service *s) {
        char rule[MATCH_RULE_SIZE];
        int r = snprintf(rule, sizeof(rule),
                         "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                         "',member='NameOwnerChanged',arg0='%s'",
                         s->name);

        if (r < 0 || (size_t) r >= sizeof(rule))
                return -E2BIG;
        r = sd_bus_match_signal_async(s->bus, &s->disconnected, "org.freedesktop.DBus.Local",
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                                      on_disconnected, NULL, s);
        if (r < 0)
                return r;
        r = sd_bus_add_match_async(s->bus, &s->owner_changed, rule, on_owner_changed, on_watching, s);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(s->bus, &s->owner_asked, BUS_NAME, BUS_PATH, BUS_NAME, "GetNameOwner",
                                        on_owner, s, "s", s->name);
}

int bus_service_new(struct bus_service **ret, sd_bus *bus, const char *name, const char *title,
                    const struct bus_service_ops *ops, void *userdata) {
        SCOPED(bus_service_free) struct bus_service *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (struct bus_service){
                .ops = ops,
                .userdata = userdata,
                .bus = bus ? sd_bus_ref(bus) : NULL,
                .name = name,
                .title = title,
                .backoff = { .first = RETRY_FIRST, .cap = RETRY_CAP },
                .state = bus ? BUS_SERVICE_STARTING : BUS_SERVICE_UNAVAILABLE,
        };
        (void) snprintf(s->detail, sizeof(s->detail), "%s", bus ? "" : "the bus is not there");
        r = bus ? ask_owner(s) : 0;
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

struct bus_service *bus_service_free(struct bus_service *s) {
        if (!s)
                return NULL;
        s->owner_changed = sd_bus_slot_unref(s->owner_changed);
        s->owner_asked = sd_bus_slot_unref(s->owner_asked);
        s->disconnected = sd_bus_slot_unref(s->disconnected);
        if (s->owner)
                leave(s);
        free(s->owner);
        sd_bus_unref(s->bus);
        free(s);
        return NULL;
}
