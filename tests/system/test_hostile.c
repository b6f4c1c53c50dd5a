/* Neighbours that mean harm: a room full of strangers' calls, programs on the bus that hold, say, name and shout as
 * much as they can. Tables stay within their limits, memory and processor within bounds, and a real call still shows.
 * BUSYD_TEST_HOSTILE=SECONDS makes each of the floods that long (scripts/hostile); without it a few seconds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/control.h"
#include "system/notice.h"
#include "system/pace.h"
#include "system/rest.h"
#include "util/clock.h"

#define FLOODED       "!flood:test"
#define SECONDS       4
#define GROWTH_MAX_KB 8192
/* Of a processor, for one event of a room, or one message. */
#define EACH_MAX (2 * USEC_PER_MSEC)
/* 100,000 a minute of an idle machine. */
#define PER_SECOND 1667

static usec_t flood_length(void) {
        const char *seconds = getenv("BUSYD_TEST_HOSTILE");

        return (seconds ? strtoull(seconds, NULL, 10) : SECONDS) * USEC_PER_SEC;
}

struct cost {
        long memory;
        usec_t worked, began;
};

static struct cost cost_now(const struct world *w) {
        return (struct cost){ .memory = private_memory(w), .worked = worked(w), .began = clock_now() };
}

/* `n`: what came in since. */
static void expect_bounded(struct world *w, const struct cost *before, unsigned n) {
        struct cost now = cost_now(w);
        usec_t each = n > 0 ? (now.worked - before->worked) / n : 0;

        fprintf(stderr, "%u in %.1f s: %.1f s of a processor, %ld kB more\n", n,
                (double) (now.began - before->began) / USEC_PER_SEC,
                (double) (now.worked - before->worked) / USEC_PER_SEC, now.memory - before->memory);
        check(w, !memory_tells || now.memory - before->memory < GROWTH_MAX_KB, "%ld kB before, %ld kB after",
              before->memory, now.memory);
        check(w, !memory_tells || each < EACH_MAX, "%ju us of a processor each", (uintmax_t) each);
}

static void expect_alive(struct world *w) {
        SCOPED_RUN status = world_busyctl(w, NULL, "status", NULL);

        check(w, status.code == 0, "status: %d %s", status.code, status.err);
}

/* ---- rooms ---- */

static void person_is_there(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
}

static json_t *event_of_strangers(unsigned i) {
        char who[64], id[64], key[128];

        (void) snprintf(who, sizeof(who), "@s%u:elsewhere", i % 5000);
        (void) snprintf(id, sizeof(id), "f%u", i);
        (void) snprintf(key, sizeof(key), "_%s_D%u_m.call", who, i);
        switch (i % 5) {
        case 0:
                return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:i,s:{s:s,s:s}}}", "type", "m.call.invite", "sender", who,
                                 "content", "call_id", id, "version", "1", "party_id", "P", "lifetime", 60000, "offer",
                                 "type", "offer", "sdp", "v=0");
        case 1:
                return json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:i}}", "type", "org.matrix.msc3401.call.member",
                                 "sender", who, "state_key", key, "content", "application", "m.call", "call_id", "",
                                 "device_id", "D", "expires", 14400000);
        case 2:
                /* in the user's name, by somebody else */
                return json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:i}}", "type", "org.matrix.msc3401.call.member",
                                 "sender", who, "state_key", "_" HS_USER "_" PHONE "_m.call", "content", "application",
                                 "m.call", "call_id", "", "device_id", PHONE, "expires", 14400000);
        case 3:
                return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s}}", "type", "m.call.answer", "sender", who, "content",
                                 "call_id", id, "version", "1", "party_id", "P", "selected_party_id", "Q");
        default:
                return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s,s:i}}", "type", "org.matrix.msc4075.rtc.notification",
                                 "sender", who, "content", "notification_type", "ring", "application", "m.call",
                                 "call_id", id, "m.mentions", HS_USER, "lifetime", 30000);
        }
}

/* As fast as this machine is: on a slow one busyd reads slowly, too, and falls further behind than it looks back.
 * Returns how many. */
static unsigned flood_for(struct world *w, const char *room, usec_t length, unsigned from) {
        const usec_t second = (usec_t) paced(1000) * USEC_PER_MSEC;
        usec_t began = clock_now();
        unsigned i = 0;

        while (clock_now() - began < length) {
                usec_t due = i * second / PER_SECOND;

                if (clock_now() - began < due) {
                        peer_wait(w->peer, 1);
                        continue;
                }
                hs_send(w->hs, room, event_of_strangers(from + i++));
        }
        return i;
}

/* In the middle of it somebody really calls, in `room`. */
static void a_call_among_strangers(struct world *w, const char *room) {
        struct cost before;
        unsigned n;
        size_t mark;

        person_is_there(w);
        world_start_online(w);
        n = flood_for(w, FLOODED, USEC_PER_SEC / 2, 0); /* what one flood takes, later ones take again */
        before = cost_now(w);
        mark = hs_n_requests(w->hs);
        n += flood_for(w, FLOODED, flood_length() / 2, n);
        call_starts(w, room, "real");
        n += flood_for(w, FLOODED, flood_length() / 2, n);
        expect_claim(w, "held");
        expect_presence(w, HS_BUSY, NULL);
        expect_alive(w);
        call_hangup(w, room, "real");
        n += flood_for(w, FLOODED, flood_length() / 4, n);
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
        fprintf(stderr, "%zu requests\n", hs_n_requests(w->hs) - mark);
        expect_bounded(w, &before, n);
}

WORLD_TEST(hostile, a_call_beside_a_room_full_of_strangers_shows) {
        a_call_among_strangers(w, ROOM);
}

WORLD_TEST(hostile, a_call_within_a_room_full_of_strangers_shows) {
        a_call_among_strangers(w, FLOODED);
}

/* ---- the bus ---- */

static DBusMessage *to_busyd(const char *member) {
        return dbus_message_new_method_call(BUSYD_NAME, BUSYD_PATH, BUSYD_MANAGER, member);
}

/* The name of the error; "": none. The caller frees. */
static char *asked(DBusConnection *c, DBusMessage *m) {
        DBusError error = DBUS_ERROR_INIT;
        DBusMessage *answer = dbus_connection_send_with_reply_and_block(c, m, (int) patience(), &error);
        char *name = strdup(answer ? "" : error.name);

        if (answer)
                dbus_message_unref(answer);
        dbus_message_unref(m);
        dbus_error_free(&error);
        return name;
}

static DBusMessage *hold_message(const char *app, const char *reason) {
        DBusMessage *m = to_busyd("Hold");

        cr_assert(dbus_message_append_args(m, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID));
        return m;
}

static void expect_no_call_of(struct world *w, const char *app) {
        for (int64_t left = patience() / 50;; left--) {
                SCOPED(free) char *objects = peer_objects(w->peer);

                if (!strstr(objects, app))
                        return;
                check(w, left > 0, "still there: %s", objects);
                world_look_again(w);
        }
}

#define HOLDERS 40

static void busy_and_free_by_hand(struct world *w) {
        by_hand(w, "busy");
        expect_availability(w, "busy");
        by_hand(w, "auto");
}

WORLD_TEST(hostile, holds_by_the_thousand_are_refused_and_end_with_their_owners) {
        DBusConnection *programs[HOLDERS];
        unsigned got = 0, refused = 0;
        struct cost before;

        person_is_there(w);
        world_start_online(w);
        before = cost_now(w);
        for (size_t i = 0; i < HOLDERS; i++) {
                programs[i] = desk_connect(w);
                for (unsigned k = 0; k < 2 * CONTROL_HOLDS_PER_PEER_MAX; k++) {
                        SCOPED(free) char *error = asked(programs[i], hold_message("greedy", "more"));

                        if (error[0] == '\0')
                                got++;
                        else
                                refused++;
                }
        }
        fprintf(stderr, "%u holds, %u refused\n", got, refused);
        check(w, got == CONTROL_HOLDS_MAX, "%u holds", got);
        expect_presence(w, HS_BUSY, NULL);
        expect_alive(w);
        /* A call is in another table. */
        call_starts(w, ROOM, "c1");
        expect_shown(w, "\"matrix");
        for (size_t i = 0; i < HOLDERS; i++)
                desk_disconnect(programs[i]);
        expect_no_call_of(w, "greedy");
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
        expect_bounded(w, &before, got + refused);
}

#define LONG_TEXT ((size_t) 8 << 20)

/* Texts as long as a bus takes, in each place where one is taken. */
WORLD_TEST(hostile, texts_of_megabytes_are_refused) {
        SCOPED(free) char *text = malloc(LONG_TEXT + 1);
        static const char *const verbs[] = { "Hold", "Ignore", "Allow", "SetMode", "LetGo", "Nowhere" };
        DBusConnection *program;
        const char *sent = text, *auto_mode = "busy";
        dbus_uint64_t none = 0;
        struct cost before;

        memset(text, 'x', LONG_TEXT);
        text[LONG_TEXT] = '\0';
        person_is_there(w);
        world_start_online(w);
        program = desk_connect(w);
        before = cost_now(w);
        for (size_t round = 0; round < 3; round++)
                for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                        DBusMessage *m = to_busyd(verbs[i]);
                        SCOPED(free) char *error = NULL;

                        if (streq(verbs[i], "SetMode"))
                                cr_assert(dbus_message_append_args(m, DBUS_TYPE_STRING, &auto_mode, DBUS_TYPE_UINT64,
                                                                   &none, DBUS_TYPE_STRING, &sent, DBUS_TYPE_INVALID));
                        else if (streq(verbs[i], "LetGo"))
                                cr_assert(dbus_message_append_args(m, DBUS_TYPE_STRING, &sent, DBUS_TYPE_INVALID));
                        else
                                cr_assert(dbus_message_append_args(m, DBUS_TYPE_STRING, &sent, DBUS_TYPE_STRING, &sent,
                                                                   DBUS_TYPE_INVALID));
                        error = asked(program, m);
                        check(w, error[0] != '\0', "%s takes a text of %zu bytes", verbs[i], LONG_TEXT);
                }
        expect_availability(w, "free");
        busy_and_free_by_hand(w);
        desk_disconnect(program);
        expect_presence(w, "online", "Reading");
        expect_bounded(w, &before, 0);
}

static const char *const names[] = {
        "org.freedesktop.Notifications",
        "org.kde.StatusNotifierWatcher",
        "org.mpris.MediaPlayer2.evil",
        "org.freedesktop.secrets",
        "org.gnome.SessionManager",
        "org.freedesktop.ScreenSaver",
        "org.freedesktop.PowerManagement.Inhibit",
        "org.freedesktop.portal.Desktop",
        "org.kde.telephony",
};

/* They come and go, answer nothing, and the name of busyd itself is asked for, too. */
WORLD_TEST(hostile, names_that_are_taken_and_left_cost_little) {
        usec_t began = clock_now();
        DBusConnection *program;
        struct cost before;
        unsigned n = 0;

        person_is_there(w);
        world_start_online(w);
        program = desk_connect(w);
        before = cost_now(w);
        while (clock_now() - began < flood_length()) {
                const char *name = names[n++ % ARRAY_SIZE(names)];
                DBusMessage *m;

                desk_own(w, program, name);
                (void) dbus_bus_release_name(program, name, NULL);
                cr_assert_neq(dbus_bus_request_name(program, BUSYD_NAME,
                                                    DBUS_NAME_FLAG_REPLACE_EXISTING | DBUS_NAME_FLAG_DO_NOT_QUEUE,
                                                    NULL),
                              DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
                dbus_connection_read_write(program, 0);
                while ((m = dbus_connection_pop_message(program)))
                        dbus_message_unref(m);
        }
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_alive(w);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        desk_disconnect(program);
        expect_bounded(w, &before, n);
}

static DBusMessage *shout(unsigned i) {
        static const struct {
                const char *path, *interface, *member;
        } signals[] = {
                { "/org/mpris/MediaPlayer2", "org.freedesktop.DBus.Properties", "PropertiesChanged" },
                { "/org/freedesktop/Notifications", NOTIFICATIONS, "NotificationClosed" },
                { "/org/freedesktop/Notifications", NOTIFICATIONS, "ActionInvoked" },
                { "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged" },
                { BUSYD_PATH, BUSYD_MANAGER, "Nonsense" },
                { "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForSleep" },
        };
        size_t k = i % ARRAY_SIZE(signals);
        DBusMessage *m = dbus_message_new_signal(signals[k].path, signals[k].interface, signals[k].member);
        const char *text = "org.mpris.MediaPlayer2.Player";
        dbus_uint32_t id = i;

        cr_assert(dbus_message_append_args(m, DBUS_TYPE_UINT32, &id, DBUS_TYPE_STRING, &text, DBUS_TYPE_STRING, &text,
                                           DBUS_TYPE_INVALID));
        return m;
}

/* Signals of all kinds to everybody, and to busyd alone, which did not ask for them. */
WORLD_TEST(hostile, floods_of_signals_cost_little) {
        usec_t began;
        DBusConnection *program;
        struct cost before;
        unsigned n = 0;

        person_is_there(w);
        world_start_online(w);
        program = desk_connect(w);
        before = cost_now(w);
        began = clock_now();
        while (clock_now() - began < flood_length()) {
                DBusMessage *m = shout(n);

                if (n++ % 2 == 0)
                        dbus_message_set_destination(m, BUSYD_NAME);
                dbus_connection_send(program, m, NULL);
                dbus_message_unref(m);
                if (n % 100 == 0)
                        dbus_connection_flush(program);
        }
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_alive(w);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        desk_disconnect(program);
        expect_bounded(w, &before, n);
}

WORLD_TEST(hostile, crowds_of_programs_cost_little) {
        struct cost before;
        unsigned n = (unsigned) (flood_length() / USEC_PER_SEC) * 250;

        person_is_there(w);
        world_start_online(w);
        before = cost_now(w);
        programs_come_and_go(w, n);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_alive(w);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_bounded(w, &before, n);
}
