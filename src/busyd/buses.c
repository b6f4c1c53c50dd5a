/* See buses.h. The system bus is
 *
 *   there    `system` is set
 *   lost     still set, as this is told from within its callbacks; the next run lets go of it
 *   away     NULL; `retry` is set, unless it was never there and has been tried RETRIES_MAX times */
#include "busyd/buses.h"

#include <errno.h>

#include "core/backoff.h"
#include "util/clock.h"
#include "util/later.h"
#include "util/log.h"

#define RETRY_FIRST (500 * USEC_PER_MSEC)
#define RETRY_CAP   (5 * USEC_PER_MIN)
#define RETRIES_MAX 8 /* two minutes: a machine that has none gets none */

/* So long at most the end waits for the user bus to take what is to be said there. */
#define FLUSH_MAX USEC_PER_SEC

#define LOCAL      "org.freedesktop.DBus.Local"
#define LOCAL_PATH "/org/freedesktop/DBus/Local"

struct buses {
        sd_event *event;
        struct buses_handler handler;
        sd_bus *user, *system;
        sd_bus_slot *user_disconnected, *system_disconnected, *system_answer;
        struct later retry;
        struct backoff backoff;
        bool system_lost, system_was_there;
};

/* ---- the user's ---- */

static int on_user_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct buses *b = userdata;

        b->handler.user_lost(b->handler.userdata);
        return 0;
}

/* Made up by sd-bus when the connection breaks: the bus itself is not asked for it. */
static int watch_disconnect(sd_bus *bus, sd_bus_slot **slot, sd_bus_message_handler_t callback, void *userdata) {
        return sd_bus_match_signal(bus, slot, LOCAL, LOCAL_PATH, LOCAL, "Disconnected", callback, userdata);
}

/* What the end has to say, as that notifications may be shown again, is worth a moment. Nothing of ours listens any
 * more to what comes in meanwhile. */
static void flush_user(sd_bus *bus) {
        usec_t now = clock_now(), until = usec_add(now, FLUSH_MAX);
        uint64_t n;
        int r = 0;

        for (; r >= 0 && now < until; now = clock_now()) {
                if (sd_bus_is_ready(bus) <= 0 || sd_bus_get_n_queued_write(bus, &n) < 0 || n == 0)
                        break;
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, until - now);
        }
}

static void close_user(struct buses *b) {
        b->user_disconnected = sd_bus_slot_unref(b->user_disconnected);
        if (b->user)
                flush_user(b->user);
        b->user = sd_bus_close_unref(b->user);
}

static int open_user(struct buses *b) {
        int r = sd_bus_open_user(&b->user);

        if (r < 0) {
                log_error("No user bus: %s; busyd needs one (is DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR set?)",
                          strerror(-r));
                return r;
        }
        /* It would be flushed as the loop ends, however long that takes. */
        r = sd_bus_set_close_on_exit(b->user, false);
        if (r >= 0)
                r = watch_disconnect(b->user, &b->user_disconnected, on_user_disconnected, b);
        return r < 0 ? r : sd_bus_attach_event(b->user, b->event, SD_EVENT_PRIORITY_NORMAL);
}

/* ---- the system's ---- */

static int on_system_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct buses *b = userdata;

        b->system_lost = true;
        b->handler.touched(b->handler.userdata);
        return 0;
}

/* That it could be connected to says little: a socket may be there before who answers at it. */
static int on_system_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct buses *b = userdata;

        b->system_answer = sd_bus_slot_unref(b->system_answer);
        if (!sd_bus_message_is_method_error(m, NULL)) {
                backoff_reset(&b->backoff);
                b->system_was_there = true;
        }
        return 0;
}

/* Nothing that is still to be sent there is waited for: a bus that answers nothing would hold up the end. */
static void close_system(struct buses *b) {
        b->system_lost = false;
        b->system_answer = sd_bus_slot_unref(b->system_answer);
        b->system_disconnected = sd_bus_slot_unref(b->system_disconnected);
        b->system = sd_bus_close_unref(b->system);
}

static int open_system(struct buses *b) {
        int r = sd_bus_open_system(&b->system);

        if (r >= 0)
                /* As above. */
                r = sd_bus_set_close_on_exit(b->system, false);
        if (r >= 0)
                r = watch_disconnect(b->system, &b->system_disconnected, on_system_disconnected, b);
        if (r >= 0)
                r = sd_bus_call_method_async(b->system, &b->system_answer, "org.freedesktop.DBus",
                                             "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId",
                                             on_system_answer, b, "");
        if (r >= 0)
                r = sd_bus_attach_event(b->system, b->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                close_system(b);
        return r;
}

static void retry_later(struct buses *b) {
        if (b->system_was_there || b->backoff.failures < RETRIES_MAX)
                later_set(&b->retry, backoff_next(&b->backoff, random_u32()));
}

static void let_go(struct buses *b) {
        log_warning("The system bus is gone; trying again");
        close_system(b);
        retry_later(b);
        b->handler.system_changed(b->handler.userdata);
}

static void try_again(struct buses *b) {
        int r = open_system(b);

        if (r < 0) {
                log_debug("The system bus cannot be had: %s", strerror(-r));
                retry_later(b);
                return;
        }
        log_info("The system bus is there");
        b->handler.system_changed(b->handler.userdata);
}

usec_t buses_run(struct buses *b, usec_t now) {
        if (b->system_lost)
                let_go(b);
        if (later_run(&b->retry, now))
                try_again(b);
        return later_at(&b->retry, now);
}

void buses_retry_now(struct buses *b) {
        if (b->system)
                return;
        backoff_reset(&b->backoff);
        later_set(&b->retry, 0);
        b->handler.touched(b->handler.userdata);
}

/* ---- both ---- */

sd_bus *buses_user(struct buses *b) {
        return b->user;
}

sd_bus *buses_system(struct buses *b) {
        return b->system;
}

const char *buses_system_problem(const struct buses *b) {
        if (b->system)
                return "";
        return b->system_was_there ? "the system bus is gone" : "there is no system bus";
}

int buses_new(struct buses **ret, sd_event *event, const struct buses_handler *handler) {
        SCOPED(buses_free) struct buses *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->event = sd_event_ref(event);
        b->handler = *handler;
        b->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_CAP };
        r = open_user(b);
        if (r < 0)
                return r;
        /* Without it there is no telephony and no word of suspend; the rest works. */
        r = open_system(b);
        if (r < 0) {
                log_info("No system bus (%s), going on without it", strerror(-r));
                retry_later(b);
        }
        *ret = TAKE(b);
        return 0;
}

struct buses *buses_free(struct buses *b) {
        if (!b)
                return NULL;
        close_system(b);
        close_user(b);
        sd_event_unref(b->event);
        free(b);
        return NULL;
}
