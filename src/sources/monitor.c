/* See monitor.h. The bus disconnects a monitor that sends, and sd-bus replies by itself to calls that nobody took:
 * hence the monitor mode of sd-bus, and filters that take every message.
 *
 *   connecting   the ear asks to become a monitor, then the bell
 *   listening    both are; the ear is on the event loop while somebody attends, and else only read when we are awake,
 * so that the bus has to keep little for it lost         `retry` is set; the connections stay until it replaces them,
 * since they end from within their callbacks refused      neither: it stays so */
#include "sources/monitor.h"

#include <errno.h>
#include <stdio.h>

#include "core/backoff.h"
#include "sources/base.h"
#include "util/clock.h"
#include "util/later.h"

#define BUS_NAME    "org.freedesktop.DBus"
#define BUS_PATH    "/org/freedesktop/DBus"
#define RETRY_FIRST (1 * USEC_PER_SEC)
#define RETRY_CAP   (5 * USEC_PER_MIN)
/* The bus must not keep for us without end what nobody reads. */
#define READ_AT_LEAST (1 * USEC_PER_HOUR)
/* Messages of a few dozen bytes. */
#define KEPT_MAX 64

struct monitor;

struct ear {
        struct monitor *monitor;
        sd_bus *bus;
        sd_bus_slot *become;
        bool attached;
};

struct monitor {
        sd_event *event;
        char *address;
        const struct monitor_rules *rules;
        const struct monitor_ops *ops;
        void *userdata;
        struct ear ear, bell;
        sd_bus_message *kept[KEPT_MAX]; /* what the ear heard last: a ring, NULL where there is none */
        size_t n_heard;                 /* in all; the next one takes the place of the oldest */
        bool listens, attends;
        struct later retry, read;
        struct backoff backoff;
};

/* ---- connections ---- */

static void disconnect(struct ear *e) {
        e->become = sd_bus_slot_unref(e->become);
        e->bus = sd_bus_close_unref(e->bus);
        e->attached = false;
}

static void disconnect_both(struct monitor *m) {
        m->listens = false;
        later_clear(&m->read);
        for (size_t i = 0; i < KEPT_MAX; i++)
                m->kept[i] = sd_bus_message_unref(m->kept[i]);
        disconnect(&m->ear);
        disconnect(&m->bell);
}

static void plan_retry(struct monitor *m) {
        m->listens = false;
        later_set(&m->retry, backoff_next(&m->backoff, random_u32()));
        m->ops->touched(m->userdata);
}

static void lose(struct monitor *m, const char *why) {
        if (later_is_set(&m->retry))
                return;
        plan_retry(m);
        m->ops->down(m->userdata, false, why);
}

static int attach(struct ear *e, bool attached) {
        int r = 0;

        if (!e->bus || e->attached == attached)
                return 0;
        if (attached)
                /* What rings comes before what follows from it. */
                r = sd_bus_attach_event(e->bus, e->monitor->event,
                                        SD_EVENT_PRIORITY_NORMAL - (e == &e->monitor->bell));
        else
                r = sd_bus_detach_event(e->bus);
        if (r >= 0)
                e->attached = attached;
        return r;
}

/* ---- listening ---- */

static bool is_lost(sd_bus_message *message) {
        return sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected") > 0;
}

static void settle_ear(struct monitor *m) {
        if (attach(&m->ear, m->attends) < 0)
                lose(m, "out of memory");
}

/* All that is there, without being woken for it. */
static void read_ear(struct monitor *m) {
        later_set(&m->read, READ_AT_LEAST);
        while (m->listens && sd_bus_process(m->ear.bus, NULL) > 0)
                ;
}

/* No lists of anything, and no file descriptors. */
static void keep(struct monitor *m, sd_bus_message *message) {
        const char *types = sd_bus_message_get_signature(message, true);
        sd_bus_message **place = &m->kept[m->n_heard % KEPT_MAX];

        if (!types || types[strspn(types, "uso")] != '\0')
                return;
        sd_bus_message_unref(*place);
        *place = sd_bus_message_ref(message);
        m->n_heard++;
}

/* Whether it follows a call: it is the answer, or the same program said it later. */
static bool follows(sd_bus_message *message, sd_bus_message *call) {
        const char *caller = sd_bus_message_get_sender(call), *sender = sd_bus_message_get_sender(message),
                   *to = sd_bus_message_get_destination(message);
        uint64_t number, cookie;

        if (!caller || sd_bus_message_get_cookie(call, &number) < 0)
                return false;
        if (to && streq(to, caller) && sd_bus_message_get_reply_cookie(message, &cookie) >= 0)
                return cookie == number;
        return sender && streq(sender, caller) && sd_bus_message_get_cookie(message, &cookie) >= 0 && cookie > number;
}

static void tell(struct monitor *m, sd_bus_message *message) {
        (void) sd_bus_message_rewind(message, true);
        m->ops->message(m->userdata, message);
}

static void tell_call(struct monitor *m, sd_bus_message *call) {
        tell(m, call);
        for (size_t i = 0; i < KEPT_MAX; i++) {
                sd_bus_message *kept = m->kept[(m->n_heard + i) % KEPT_MAX];

                if (kept && follows(kept, call))
                        tell(m, kept);
        }
        /* Until monitor_attend() says otherwise. */
        m->attends = true;
        settle_ear(m);
        m->ops->touched(m->userdata);
}

static int on_heard(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        struct monitor *m = userdata;

        (void) sd_bus_message_sensitive(message);
        if (is_lost(message))
                lose(m, "the bus has cut the connection");
        else if (m->listens) {
                keep(m, message);
                if (m->attends)
                        tell(m, message);
        }
        return 1;
}

static int on_ring(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        struct monitor *m = userdata;

        (void) sd_bus_message_sensitive(message);
        if (is_lost(message))
                lose(m, "the bus has cut the connection");
        if (!m->listens)
                return 1;
        backoff_reset(&m->backoff);
        read_ear(m);
        if (m->listens && (m->attends || m->ops->matters(m->userdata, message)))
                tell_call(m, message);
        return 1;
}

/* ---- becoming a monitor ---- */

/* AppArmor, a sandbox's proxy, a bus without monitors: asking again would not help. */
static bool is_refusal(const sd_bus_error *error) {
        return sd_bus_error_has_names(error, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_AUTH_FAILED,
                                      SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_INTERFACE,
                                      SD_BUS_ERROR_NOT_SUPPORTED, SD_BUS_ERROR_MATCH_RULE_INVALID);
}

static int connect_ear(struct ear *e);

static void take_became(struct ear *e) {
        struct monitor *m = e->monitor;

        if (e == &m->ear) {
                if (connect_ear(&m->bell) < 0)
                        lose(m, "the bus cannot be reached");
                return;
        }
        m->listens = true;
        settle_ear(m);
        m->ops->up(m->userdata);
}

static int on_become(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        struct ear *e = userdata;
        struct monitor *m = e->monitor;
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        e->become = sd_bus_slot_unref(e->become);
        if (!error)
                take_became(e);
        else if (is_refusal(error) && e == &m->ear)
                m->ops->down(m->userdata, true, error->name);
        else
                lose(m, error->name);
        return 1;
}

static int ask_to_become(struct ear *e) {
        const struct monitor *m = e->monitor;
        const char *const *rules = e == &m->bell ? m->rules->calls : m->rules->rest;
        SCOPED(sd_bus_message_unref) sd_bus_message *call = NULL;
        int r = sd_bus_message_new_method_call(e->bus, &call, BUS_NAME, BUS_PATH, BUS_NAME ".Monitoring",
                                               "BecomeMonitor");

        if (r >= 0)
                r = sd_bus_message_append_strv(call, (char **) (uintptr_t) rules);
        if (r >= 0)
                r = sd_bus_message_append(call, "u", 0);
        return r < 0 ? r : sd_bus_call_async(e->bus, &e->become, call, on_become, e, 0);
}

static int connect_ear(struct ear *e) {
        struct monitor *m = e->monitor;
        int r = sd_bus_new(&e->bus);

        if (r < 0)
                return r;
        (void) sd_bus_set_description(e->bus, e == &m->bell ? "bell" : "monitor");
        r = sd_bus_set_address(e->bus, m->address);
        if (r >= 0)
                r = sd_bus_set_bus_client(e->bus, true);
        if (r >= 0)
                r = sd_bus_set_monitor(e->bus, true);
        if (r >= 0)
                /* It would be flushed as the loop ends, however long that takes. */
                r = sd_bus_set_close_on_exit(e->bus, false);
        if (r >= 0)
                r = sd_bus_start(e->bus);
        if (r >= 0)
                r = sd_bus_add_filter(e->bus, NULL, e == &m->bell ? on_ring : on_heard, m);
        if (r >= 0)
                r = attach(e, true);
        return r < 0 ? r : ask_to_become(e);
}

static int connect_both(struct monitor *m) {
        int r;

        disconnect_both(m);
        r = connect_ear(&m->ear);
        if (r < 0) {
                disconnect_both(m);
                plan_retry(m);
        }
        return r;
}

/* ---- for sources ---- */

void monitor_attend(struct monitor *m, bool attend) {
        m->attends = attend;
        if (m->listens)
                settle_ear(m);
}

usec_t monitor_run(struct monitor *m, usec_t now) {
        int r = later_run(&m->retry, now) ? connect_both(m) : 0;

        if (r < 0)
                m->ops->down(m->userdata, false, strerror(-r));
        (void) later_run(&m->read, now);
        if (m->listens && !m->ear.attached)
                read_ear(m);
        return usec_min(later_at(&m->retry, now), later_at(&m->read, now));
}

int monitor_new(struct monitor **ret, sd_event *event, sd_bus *like, const struct monitor_rules *rules,
                const struct monitor_ops *ops, void *userdata) {
        SCOPED(monitor_free) struct monitor *m = calloc(1, sizeof(*m));
        const char *address;
        int r = sd_bus_get_address(like, &address);

        if (r < 0)
                return r;
        if (!m)
                return -ENOMEM;
        *m = (struct monitor){
                .event = sd_event_ref(event),
                .address = strdup(address),
                .rules = rules,
                .ops = ops,
                .userdata = userdata,
                .ear = { .monitor = m },
                .bell = { .monitor = m },
                .backoff = { .first = RETRY_FIRST, .cap = RETRY_CAP },
        };
        if (!m->address)
                return -ENOMEM;
        r = connect_both(m);
        if (r < 0)
                return r;
        *ret = TAKE(m);
        return 0;
}

struct monitor *monitor_free(struct monitor *m) {
        if (!m)
                return NULL;
        disconnect_both(m);
        sd_event_unref(m->event);
        free(m->address);
        free(m);
        return NULL;
}
