/* See watch.h. The match on NameOwnerChanged is sent before the question who owns the name, so that no change falls
 * between them; all else is addressed to the unique name, which can start nothing and hears nobody else. */
#include "sources/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/backoff.h"
#include "util/clock.h"
#include "util/log.h"

#define BUS_NAME        "org.freedesktop.DBus"
#define BUS_PATH        "/org/freedesktop/DBus"
#define CALL_TIMEOUT    (8 * USEC_PER_SEC) /* less than the manager waits for the first snapshots */
#define RETRY_FIRST     (2 * USEC_PER_SEC)
#define RETRY_CAP       (5 * USEC_PER_MIN)
#define RETRIES_MAX     6 /* then only a restart of the service helps */
#define MATCH_RULE_SIZE 512

struct question {
        struct watch *watch;
        struct question *next;
        sd_bus_slot *slot;
        watch_answer_t answer;
        char *subject; /* NULL: none */
};

struct watch {
        struct source *source;
        const struct watch_ops *ops;
        sd_bus *bus;
        const char *name, *title;
        char *owner; /* unique name; NULL: nobody */
        sd_bus_slot *owner_changed, *owner_asked, *disconnected;
        sd_bus_slot *matches[WATCH_MATCHES_MAX];
        size_t n_matches;
        struct question *questions;
        size_t n_questions;
        sd_event_source *retry;
        struct backoff backoff;
};

/* ---- questions ---- */

static void question_free(struct question *q) {
        sd_bus_slot_unref(q->slot);
        free(q->subject);
        free(q);
}

static void unlink_question(struct watch *w, const struct question *q) {
        struct question **at = &w->questions;

        while (*at != q)
                at = &(*at)->next;
        *at = q->next;
        w->n_questions--;
}

/* The last open question of a snapshot is answered. */
static void settle(struct watch *w) {
        if (w->n_questions > 0 || !w->owner || w->source->state != SOURCE_STARTING)
                return;
        backoff_reset(&w->backoff);
        source_set_state(w->source, SOURCE_WATCHING, "");
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct question *q = userdata;
        struct watch *w = q->watch;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        unlink_question(w, q);
        q->answer(w->source, q->subject, error ? NULL : m, error);
        question_free(q);
        settle(w);
        return 0;
}

static int make_question(struct watch *w, const char *subject, watch_answer_t answer, struct question **ret) {
        struct question *q;

        if (w->n_questions >= WATCH_CALLS_MAX)
                return -E2BIG;
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->watch = w;
        q->answer = answer;
        if (subject && !(q->subject = strdup(subject))) {
                free(q);
                return -ENOMEM;
        }
        *ret = q;
        return 0;
}

static int make_call(struct watch *w, const char *path, const char *interface, const char *member, const char *types,
                     va_list values, sd_bus_message **ret) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        int r;

        if (!w->owner)
                return -ENOTCONN;
        r = sd_bus_message_new_method_call(w->bus, &m, w->owner, path, interface, member);
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

int watch_call(struct watch *w, const char *path, const char *interface, const char *member, const char *subject,
               watch_answer_t answer, const char *types, ...) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        struct question *q = NULL;
        va_list values;
        int r;

        va_start(values, types);
        r = make_call(w, path, interface, member, types, values, &m);
        va_end(values);
        if (r >= 0)
                r = make_question(w, subject, answer, &q);
        if (r < 0)
                return r;
        r = sd_bus_call_async(w->bus, &q->slot, m, on_answer, q, CALL_TIMEOUT);
        if (r < 0) {
                question_free(q);
                return r;
        }
        q->next = w->questions;
        w->questions = q;
        w->n_questions++;
        return 0;
}

int watch_get_all(struct watch *w, const char *path, const char *interface, const char *subject,
                  watch_answer_t answer) {
        return watch_call(w, path, "org.freedesktop.DBus.Properties", "GetAll", subject, answer, "s", interface);
}

/* ---- matches ---- */

static int on_match_installed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct source *s = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (error)
                log_warning("Source %s: the bus refuses a match (%s), so changes may be missed", s->kind->name,
                            error->name);
        return 0;
}

int watch_match(struct watch *w, const char *rule, sd_bus_message_handler_t callback) {
        char whole[MATCH_RULE_SIZE];
        int r;

        if (w->n_matches >= WATCH_MATCHES_MAX)
                return -E2BIG;
        r = snprintf(whole, sizeof(whole), "type='signal',sender='%s',%s", w->owner, rule);
        if (r < 0 || (size_t) r >= sizeof(whole))
                return -E2BIG;
        r = sd_bus_add_match_async(w->bus, &w->matches[w->n_matches], whole, callback, on_match_installed, w->source);
        if (r < 0)
                return r;
        w->n_matches++;
        return 0;
}

/* ---- coming and going ---- */

/* Ends all that belongs to this owner. */
static void leave(struct watch *w) {
        while (w->n_matches > 0) {
                w->n_matches--;
                w->matches[w->n_matches] = sd_bus_slot_unref(w->matches[w->n_matches]);
        }
        while (w->questions) {
                struct question *q = w->questions;

                unlink_question(w, q);
                question_free(q);
        }
        w->retry = sd_event_source_disable_unref(w->retry);
        w->ops->reset(w->source);
        source_end(w->source, NULL);
}

static void enter(struct watch *w) {
        int r;

        source_set_state(w->source, SOURCE_STARTING, "");
        r = w->ops->start(w->source);
        if (r < 0)
                watch_fail(w, strerror(-r), NULL);
        else
                settle(w);
}

static int on_retry(sd_event_source *s, uint64_t at, void *userdata) {
        struct watch *w = userdata;

        w->retry = sd_event_source_disable_unref(w->retry);
        enter(w);
        return 0;
}

static bool is_final(const sd_bus_error *error) {
        return sd_bus_error_has_names(error, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_AUTH_FAILED,
                                      SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

static void plan_retry(struct watch *w) {
        usec_t wait;

        if (w->backoff.failures >= RETRIES_MAX)
                return;
        wait = backoff_next(&w->backoff, random_u32());
        if (sd_event_add_time_relative(w->source->context.event, &w->retry, CLOCK_BOOTTIME, wait, 0, on_retry, w) < 0)
                w->retry = NULL;
        else
                (void) sd_event_source_set_description(w->retry, "source-retry");
}

void watch_fail(struct watch *w, const char *what, const sd_bus_error *error) {
        bool refused = error && is_final(error);
        char detail[SOURCE_DETAIL_MAX];

        leave(w);
        if (refused)
                (void) snprintf(detail, sizeof(detail), "%s does not let us ask it", w->title);
        else
                (void) snprintf(detail, sizeof(detail), "%s: %s%s%s", w->title, what, error ? ": " : "",
                                error ? error->name : "");
        source_set_state(w->source, SOURCE_UNAVAILABLE, detail);
        if (!refused && w->owner)
                plan_retry(w);
}

static void set_not_running(struct watch *w) {
        char detail[SOURCE_DETAIL_MAX];

        (void) snprintf(detail, sizeof(detail), "%s is not running", w->title);
        source_set_state(w->source, SOURCE_UNAVAILABLE, detail);
}

static void set_owner(struct watch *w, const char *owner) {
        if (w->owner && owner && streq(w->owner, owner))
                return;
        if (w->owner)
                leave(w);
        free(w->owner);
        w->owner = owner ? strdup(owner) : NULL;
        backoff_reset(&w->backoff);
        if (w->owner)
                enter(w);
        else
                set_not_running(w);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct watch *w = userdata;
        const char *name, *before, *after;
        int r = sd_bus_message_read(m, "sss", &name, &before, &after);

        if (r < 0)
                source_tell_bad(w->source, m, "the bus tells of an owner in a way that cannot be read");
        else
                set_owner(w, after[0] ? after : NULL);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct watch *w = userdata;
        const char *owner = NULL;

        w->owner_asked = sd_bus_slot_unref(w->owner_asked);
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "s", &owner) < 0)
                source_tell_bad(w->source, m, "the bus names an owner in a way that cannot be read");
        set_owner(w, owner);
        return 0;
}

/* Made up by sd-bus when the connection breaks. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct watch *w = userdata;

        if (w->owner)
                leave(w);
        free(TAKE(w->owner));
        source_set_state(w->source, SOURCE_UNAVAILABLE, "the bus is gone");
        return 0;
}

static int on_watching(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct watch *w = userdata;

        if (sd_bus_message_is_method_error(m, NULL))
                source_set_state(w->source, SOURCE_UNAVAILABLE, "the bus refuses to tell who comes and goes");
        return 0;
}

static int ask_owner(struct watch *w) {
        char rule[MATCH_RULE_SIZE];
        int r = snprintf(rule, sizeof(rule),
                         "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                         "',member='NameOwnerChanged',arg0='%s'",
                         w->name);

        if (r < 0 || (size_t) r >= sizeof(rule))
                return -E2BIG;
        r = sd_bus_match_signal_async(w->bus, &w->disconnected, "org.freedesktop.DBus.Local",
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                                      on_disconnected, NULL, w);
        if (r < 0)
                return r;
        r = sd_bus_add_match_async(w->bus, &w->owner_changed, rule, on_owner_changed, on_watching, w);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(w->bus, &w->owner_asked, BUS_NAME, BUS_PATH, BUS_NAME, "GetNameOwner",
                                        on_owner, w, "s", w->name);
}

int watch_new(struct watch **ret, struct source *s, sd_bus *bus, const char *name, const char *title,
              const struct watch_ops *ops) {
        SCOPED(watch_free) struct watch *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        *w = (struct watch){
                .source = s,
                .ops = ops,
                .bus = bus ? sd_bus_ref(bus) : NULL,
                .name = name,
                .title = title,
                .backoff = { .first = RETRY_FIRST, .cap = RETRY_CAP },
        };
        if (!bus)
                source_set_state(s, SOURCE_UNAVAILABLE, "the bus is not there");
        else {
                int r = ask_owner(w);

                if (r < 0)
                        return r;
        }
        *ret = TAKE(w);
        return 0;
}

struct watch *watch_free(struct watch *w) {
        if (!w)
                return NULL;
        w->owner_changed = sd_bus_slot_unref(w->owner_changed);
        w->owner_asked = sd_bus_slot_unref(w->owner_asked);
        w->disconnected = sd_bus_slot_unref(w->disconnected);
        if (w->owner)
                leave(w);
        free(w->owner);
        sd_bus_unref(w->bus);
        free(w);
        return NULL;
}
