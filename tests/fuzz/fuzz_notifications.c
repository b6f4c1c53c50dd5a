/* Notifications as programs, portals and servers send them: messages are built from the input, read, and put into the
 * table of what rings. However odd, calls stay few and sane, and end by themselves. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/calls.h"
#include "must.h"
#include "sources/notifications-read.h"
#include "sources/notifications-table.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH_MAX 24 /* more than the reader follows */

struct input {
        const uint8_t *at, *end;
};

static unsigned byte(struct input *in) {
        return in->at < in->end ? *in->at++ : 0;
}

/* What the reader looks for, and now and then what the input says. */
static const char *string(struct input *in, char buf[256]) {
        static const char *const usual[] = { "category", "sound-name",     "desktop-entry", "x-kde-appname",
                                             "action",   "purpose",        "buttons",       "x-kde-eventId",
                                             "id",       "app-name",       "call.incoming", "call.ongoing",
                                             "accept",   "decline",        "call.ended",    "phone-incoming-call",
                                             "ringing",  "plasma-dialer",  "call.hang-up",  "org.kde.plasma.dialer",
                                             "call",     "call.unanswered" };
        unsigned which = byte(in);
        size_t n = 0;

        if (which < 192)
                return usual[which % ARRAY_SIZE(usual)];
        for (size_t length = which - 192U + (which == 255 ? 128U : 0U); n < length && in->at < in->end;) {
                unsigned c = byte(in);

                buf[n++] = (char) (c % 95 + 32);
        }
        buf[n] = '\0';
        return buf;
}

static int add_variant(sd_bus_message *m, struct input *in, unsigned depth);

static int add_dict(sd_bus_message *m, struct input *in, unsigned depth) {
        char buf[256];
        int k = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");

        for (unsigned n = byte(in) % 6; k >= 0 && n > 0; n--) {
                k = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
                if (k >= 0)
                        k = sd_bus_message_append(m, "s", string(in, buf));
                if (k >= 0)
                        k = add_variant(m, in, depth + 1);
                if (k >= 0)
                        k = sd_bus_message_close_container(m);
        }
        return k < 0 ? k : sd_bus_message_close_container(m);
}

static int add_buttons(sd_bus_message *m, struct input *in, unsigned depth) {
        int k = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "aa{sv}");

        if (k >= 0)
                k = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "a{sv}");
        for (unsigned n = byte(in) % 4; k >= 0 && n > 0; n--)
                k = add_dict(m, in, depth + 1);
        if (k >= 0)
                k = sd_bus_message_close_container(m);
        return k < 0 ? k : sd_bus_message_close_container(m);
}

static int add_nested(sd_bus_message *m, struct input *in, unsigned depth, const char *type) {
        int k = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, type);

        if (k >= 0)
                k = type[0] == 'v' ? add_variant(m, in, depth + 1) : add_dict(m, in, depth + 1);
        return k < 0 ? k : sd_bus_message_close_container(m);
}

static int add_variant(sd_bus_message *m, struct input *in, unsigned depth) {
        char buf[256];
        unsigned type = depth < DEPTH_MAX ? byte(in) % 9 : 0;

        switch (type) {
        case 1:
                return sd_bus_message_append(m, "v", "u", (uint32_t) byte(in));
        case 2:
                return sd_bus_message_append(m, "v", "b", (int) (byte(in) & 1));
        case 3:
                return add_nested(m, in, depth, "v");
        case 4:
                return add_nested(m, in, depth, "a{sv}");
        case 5:
                return add_buttons(m, in, depth);
        case 6:
                return sd_bus_message_append(m, "v", "(iiibiiay)", 1, 1, 1, 1, 8, 1, 2, (int) byte(in), 7);
        case 7:
                return sd_bus_message_append(m, "v", "d", (double) byte(in));
        case 8:
                return sd_bus_message_append(m, "v", "as", 2, string(in, buf), "x");
        default:
                return sd_bus_message_append(m, "v", "s", string(in, buf));
        }
}

static int add_actions(sd_bus_message *m, struct input *in) {
        char buf[256];
        int k = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");

        for (unsigned n = byte(in) % 8; k >= 0 && n > 0; n--)
                k = sd_bus_message_append(m, "s", string(in, buf));
        return k < 0 ? k : sd_bus_message_close_container(m);
}

static int add_notify(sd_bus_message *m, struct input *in, bool numbered) {
        char buf[256];
        int k = numbered ? sd_bus_message_append(m, "u", (uint32_t) byte(in)) : 0;

        if (k >= 0)
                k = sd_bus_message_append(m, "su", string(in, buf), (uint32_t) byte(in) % 8);
        if (k >= 0)
                k = sd_bus_message_append(m, "sss", "icon", "summary", "body");
        if (k >= 0)
                k = add_actions(m, in);
        if (k >= 0)
                k = add_dict(m, in, 0);
        return k < 0 ? k : sd_bus_message_append(m, "i", -1);
}

static int read_it(sd_bus_message *m, unsigned kind, struct notification_message *ret) {
        int k;

        if (kind == 2)
                return notification_read_portal(m, ret);
        if (kind < 2)
                return notification_read(m, kind == 1, ret);
        k = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "a{sv}");
        return k < 0 ? k : notification_read_listed(m, ret);
}

static int build(sd_bus_message *m, unsigned kind, struct input *in) {
        char buf[256];
        int k;

        if (kind < 2)
                return add_notify(m, in, kind == 1);
        if (kind == 2) {
                k = sd_bus_message_append(m, "s", string(in, buf));
                return k < 0 ? k : add_dict(m, in, 0);
        }
        k = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "a{sv}");
        if (k >= 0)
                k = add_dict(m, in, 0);
        return k < 0 ? k : sd_bus_message_close_container(m);
}

static void notify(sd_bus *bus, struct notification_table *t, struct input *in) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
        struct notification_message message;
        unsigned kind = byte(in) % 4;
        const char senders[][5] = { ":1.1", ":1.2", ":1.3", "" };

        if (sd_bus_message_new_method_call(bus, &m, NULL, "/a", "a.b", "C") < 0 || build(m, kind, in) < 0 ||
            sd_bus_message_seal(m, 1, 0) < 0 || sd_bus_message_rewind(m, true) < 0)
                return;
        if (read_it(m, kind, &message) < 0)
                return;
        must(message.app_name && message.desktop_entry, "a notification has names, if empty ones");
        message.notification.known = byte(in) & 1;
        (void) notification_table_notify(t,
                                         &(struct notification_key){ .sender = senders[byte(in) % 4],
                                                                     .portal_id = message.portal_id,
                                                                     .number = message.number,
                                                                     .cookie = byte(in) % 4 },
                                         &message.notification, byte(in) % 8 == 0);
}

static void answer(struct notification_table *t, unsigned what, struct input *in) {
        const char senders[][5] = { ":1.1", ":1.2", ":1.3", "" };
        const char *sender = senders[byte(in) % 4];
        const struct notification_key k = { .sender = sender, .number = byte(in) % 8 };
        char buf[256];

        switch (what) {
        case 1:
                notification_table_replied(t, sender, byte(in) % 4, byte(in) % 8);
                break;
        case 2:
                notification_table_closed(t, &k);
                break;
        case 3:
                notification_table_action(t, &k, string(in, buf));
                break;
        case 4:
                notification_table_sender_gone(t, sender);
                break;
        default:
                notification_table_server_gone(t, byte(in) & 1);
        }
}

static void on_report(void *userdata, const struct call_report *r) {
        struct call_report named = *r;

        named.source = "notifications";
        must(r->phase != CALL_GONE && r->id[0], "what is told is a call");
        must(call_table_report(userdata, &named) >= 0, "the table of calls has room");
}

static void on_end(void *userdata, const char *source, const char *id) {
        (void) source;
        if (id)
                (void) call_table_end(userdata, "notifications", id);
        else
                (void) call_table_end_source(userdata, "notifications");
}

static sd_bus *bus_for_messages(void) {
        sd_bus *bus = NULL;
        int fds[2];

        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "there are sockets");
        must(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0 && sd_bus_start(bus) >= 0, "a bus");
        return bus;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static sd_bus *bus;
        SCOPED(call_table_free) struct call_table *calls = NULL;
        SCOPED(notification_table_free) struct notification_table *t = NULL;
        struct input in = { data, data + size };
        struct call_sink sink = { .report = on_report, .end = on_end };
        usec_t now = USEC_PER_HOUR, next = USEC_NEVER;

        log_set_max_level(LOG_EMERG);
        if (!bus)
                bus = bus_for_messages();
        must(call_table_new(&calls) == 0, "there is memory");
        sink.userdata = calls;
        must(notification_table_new(&t, &sink) == 0, "there is memory");
        while (in.at < in.end) {
                unsigned what = byte(&in) % 8;

                if (what == 0)
                        now += (usec_t) byte(&in) * USEC_PER_SEC;
                else if (what < 6)
                        answer(t, what, &in);
                else
                        notify(bus, t, &in);
                next = notification_table_run(t, now);
                must(next > now, "what was due is done");
                must(call_table_count(calls, "notifications") <= NOTIFICATIONS_MAX, "calls have a limit");
        }
        notification_table_server_gone(t, false);
        notification_table_server_gone(t, true);
        next = notification_table_run(t, now);
        for (unsigned n = 0; next != USEC_NEVER; n++) {
                must(n < 4 * NOTIFICATIONS_MAX, "it comes to an end");
                now = next;
                next = notification_table_run(t, now);
        }
        call_table_date(calls, now);
        (void) call_table_expire(calls, now + USEC_PER_HOUR);
        must(call_table_count(calls, "notifications") == 0, "no call is for ever");
        return 0;
}
