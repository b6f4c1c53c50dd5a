/* Many calls in a row from every kind of source, on one busyd that is never started again: its memory does not grow
 * with their number, nor do its descriptors, and nothing is owed at the end. A sample; scripts/soak has a thousand, or
 * an hour.
 *
 *   BUSYD_TEST_SOAK_CALLS=N    so many calls
 *   BUSYD_TEST_SOAK_MINUTES=N  spread over so long; without it one after another */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "system/notice.h"
#include "system/rest.h"
#include "system/sound.h"
#include "util/clock.h"

#define CALLS       28
#define MODEMS      "/org/freedesktop/ModemManager1"
#define MODEM       MODEMS "/Modem/0"
#define MODEM_CALL  "org.freedesktop.ModemManager1.Call"
#define MODEM_VOICE "org.freedesktop.ModemManager1.Modem.Voice"
#define ACTIVE      4
#define TERMINATED  7
#define RTC         "org.matrix.msc3401.call.member"
/* What comes first fills caches and pools. */
#define WARM_UP       14
#define SAMPLES_MAX   4096
#define GROWTH_MAX_KB 2048
/* So many calls fill the tables that have a limit: two changes of the history each (STATE_HISTORY_MAX, and as much
 * of what is told to others), which are also written to disk as one text. What grows after them is a leak; that is
 * measured where as many follow, per hundred calls. Some kB are the allocator's, whose free pieces lie ever more
 * unluckily for a while. */
#define TABLES_FULL  300
#define SLOPE_MAX_KB 16
/* Connections to the homeserver that are kept for a while. */
#define DESCRIPTORS_MORE_MAX 4

struct soak {
        struct world *w;
        struct private_bus *system;
        struct mock *modems;
        struct sound sound;
        DBusConnection *server, *program; /* of notifications */
        pid_t microphone;
        unsigned n;
        double kb[SAMPLES_MAX];
        size_t n_samples;
};

/* ---- calls of each kind ---- */

static const char *numbered(const struct soak *s, const char *prefix) {
        static char text[64];

        (void) snprintf(text, sizeof(text), "%s%u", prefix, s->n);
        return text;
}

static void person_to_person(struct soak *s, bool begins) {
        if (begins)
                call_starts(s->w, ROOM, numbered(s, "c"));
        else
                call_hangup(s->w, ROOM, numbered(s, "c"));
}

static void membership(struct soak *s, bool begins) {
        json_t *content = begins ? json_pack("{s:s,s:s,s:s,s:I}", "application", "m.call", "call_id", "", "device_id",
                                             PHONE, "expires", INT64_C(14400000))
                                 : json_object();

        hs_send(s->w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:o}", "type", RTC, "sender", HS_USER, "state_key",
                          "_" HS_USER "_" PHONE "_m.call", "content", content));
}

static void hold(struct soak *s, bool begins) {
        static DBusConnection *holder;

        if (begins) {
                const char *app = "soak", *reason = "one of many";
                DBusMessage *m = dbus_message_new_method_call(BUSYD_NAME, BUSYD_PATH, BUSYD_MANAGER, "Hold");

                holder = desk_connect(s->w);
                cr_assert(dbus_message_append_args(m, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason,
                                                   DBUS_TYPE_INVALID));
                desk_send(holder, m);
        } else
                desk_disconnect(holder);
}

static void word_of_the_user(struct soak *s, bool begins) {
        by_hand(s->w, begins ? "busy" : "auto");
}

static void modem(struct soak *s, bool begins) {
        const char *path = numbered(s, MODEMS "/Call/");

        if (begins) {
                mock_call(s->modems, MODEMS, "AddObject", "ssa{sv}a(ssss)", path, MODEM_CALL, 3, "State", "i", ACTIVE,
                          "Number", "s", "+15550199", "Multiparty", "b", 0, 0);
                mock_call(s->modems, MODEM, "EmitSignal", "sssav", MODEM_VOICE, "CallAdded", "o", 1, "o", path);
        } else {
                mock_call(s->modems, path, "UpdateProperties", "sa{sv}", MODEM_CALL, 1, "State", "i", TERMINATED);
                mock_call(s->modems, MODEM, "EmitSignal", "sssav", MODEM_VOICE, "CallDeleted", "o", 1, "o", path);
                mock_call(s->modems, MODEMS, "RemoveObject", "s", path);
        }
}

static void microphone(struct soak *s, bool begins) {
        if (begins)
                s->microphone = sound_record(s->w, MIC, "application.name=ZOOM VoiceEngine",
                                             "application.process.binary=zoom", NULL);
        else
                process_kill(s->microphone);
}

static void notification(struct soak *s, bool begins) {
        if (begins)
                notice_send(
                        s->w, s->program, s->server,
                        &(struct notice){ .hints = { "category", "call.incoming", "desktop-entry", "im.dino.Dino" } },
                        s->n + 1);
        else
                notice_closed(s->server, s->n + 1);
}

static void (*const kinds[])(struct soak *s, bool begins) = { person_to_person, membership, hold,
                                                              word_of_the_user, modem,      microphone,
                                                              notification };

/* ---- between them ---- */

static void server_restarts(struct soak *s) {
        hs_stop(s->w->hs);
        cr_assert_eq(hs_start(s->w->hs, HS_KEEPS), 0);
        check(s->w, peer_wait_is(s->w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online again");
}

static void reload(struct soak *s) {
        world_signal(s->w, SIGHUP);
        check(s->w, peer_wait_is(s->w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online again");
}

static void another_user_of_the_bus(struct soak *s) {
        programs_come_and_go(s->w, 20);
}

static void (*const events[])(struct soak *s) = { server_restarts, reload, another_user_of_the_bus };
#define EVENT_EVERY 11

/* ---- the whole ---- */

static size_t descriptors(const struct world *w) {
        char path[64];
        size_t n = 0;
        DIR *dir;

        (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) w->busyd);
        dir = opendir(path);
        cr_assert_not_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void begin(struct soak *s) {
        struct world *w = s->w;

        world_config(w, "[busyd]\nringing = all\nhint-delay = 0s\nend-grace = 0s\nhint-end-grace = 0s\n"
                        "[account " ACCOUNT "]\npresence = busy\npoll-pause = 0s\n");
        s->system = world_system_bus(w);
        s->modems = mock_new(w, s->system,
                             &(struct mock_options){ "org.freedesktop.ModemManager1", MODEMS,
                                                     "org.freedesktop.ModemManager1", .has_objects = true });
        mock_call(s->modems, MODEMS, "AddObject", "ssa{sv}a(ssss)", MODEM, MODEM_VOICE, 1, "Calls", "ao", 0, 0);
        s->sound = sound_start(w);
        s->server = desk_connect(w);
        s->program = desk_connect(w);
        desk_own(w, s->server, NOTIFICATIONS);
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        expect_source(w, "modemmanager", "watching");
        expect_source(w, "pipewire", "watching");
        expect_source(w, "notifications", "watching");
}

static void end(struct soak *s) {
        desk_disconnect(s->program);
        desk_disconnect(s->server);
        sound_kill(s->w, &s->sound);
        mock_free(s->modems);
        cr_assert_eq(world_stop(s->w), 0);
        private_bus_free(s->system);
}

static void one_call(struct soak *s) {
        void (*kind)(struct soak *, bool) = kinds[s->n % ARRAY_SIZE(kinds)];

        kind(s, true);
        expect_claim(s->w, "held");
        expect_presence(s->w, HS_BUSY, NULL);
        kind(s, false);
        expect_claim(s->w, "free");
        expect_presence(s->w, "online", "Reading");
        if (s->n % EVENT_EVERY == EVENT_EVERY - 1)
                events[s->n / EVENT_EVERY % ARRAY_SIZE(events)](s);
        s->n++;
        if (s->n >= WARM_UP && s->n_samples < SAMPLES_MAX)
                s->kb[s->n_samples++] = (double) private_memory(s->w);
}

/* kB per hundred calls, by least squares. */
static double slope(const double *kb, size_t n_samples) {
        double n = (double) n_samples, x = 0, y = 0, xy = 0, xx = 0;

        for (size_t i = 0; i < n_samples; i++) {
                x += (double) i;
                y += kb[i];
                xy += (double) i * kb[i];
                xx += (double) i * (double) i;
        }
        return 100 * (n * xy - x * y) / (n * xx - x * x);
}

static unsigned long number(const char *name, unsigned long otherwise) {
        const char *text = getenv(name);

        return text ? strtoul(text, NULL, 10) : otherwise;
}

static void wait_until(struct world *w, usec_t at) {
        while (clock_now() < at)
                peer_wait(w->peer, 200);
}

static void judge(struct soak *s, size_t descriptors_before) {
        size_t now = descriptors(s->w), full = s->n_samples > 2 * TABLES_FULL ? TABLES_FULL : 0;
        double last = s->kb[s->n_samples - 1], per_hundred = slope(s->kb + full, s->n_samples - full);

        fprintf(stderr,
                "%u calls, %zu requests; private memory %.0f kB, %.0f kB after %zu of them, then %.0f kB: from there "
                "on %+.1f kB per hundred calls; %zu descriptors, then %zu\n",
                s->n, hs_n_requests(s->w->hs), s->kb[0], s->kb[full], full + WARM_UP, last, per_hundred,
                descriptors_before, now);
        check(s->w, now <= descriptors_before + DESCRIPTORS_MORE_MAX, "%zu descriptors, then %zu", descriptors_before,
              now);
        if (!memory_tells)
                return;
        check(s->w, last - s->kb[0] < GROWTH_MAX_KB, "%.0f kB more", last - s->kb[0]);
        check(s->w, full == 0 || per_hundred < SLOPE_MAX_KB, "%.1f kB more per hundred calls", per_hundred);
}

WORLD_TEST(soak, many_calls_of_all_kinds_leave_nothing_behind) {
        unsigned long calls = number("BUSYD_TEST_SOAK_CALLS", CALLS);
        usec_t each = number("BUSYD_TEST_SOAK_MINUTES", 0) * USEC_PER_MIN / calls, began;
        struct soak s = { .w = w };
        size_t before = 0;

        begin(&s);
        began = clock_now();
        while (s.n < calls) {
                wait_until(w, began + s.n * each);
                one_call(&s);
                if (s.n == WARM_UP)
                        before = descriptors(w);
        }
        expect_nothing_owed(w);
        judge(&s, before);
        end(&s);
}
