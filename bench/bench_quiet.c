/* How often busyd is woken by what is none of its business: every source on, no account, and a desktop on which
 * nothing happens, then programs come and go, then notifications pass. */
#include "figures.h"
#include "system/notice.h"
#include "system/rest.h"
#include "system/sound.h"
#include "usage.h"

#define MINUTES 10
#define N       100

static void per_hour(const char *what, unsigned long long n, usec_t span, const char *note) {
        report("Quiet, all sources on, no account", what, (double) n * (double) USEC_PER_HOUR / (double) span, "",
               note);
}

static void mails_come(struct world *w, DBusConnection *server) {
        DBusConnection *program = desk_connect(w);

        for (uint32_t i = 1; i <= N; i++) {
                notice_send(w, program, server, &(struct notice){ .hints = { "category", "email.arrived" } }, i);
                notice_action(server, i, "default");
                notice_closed(server, i);
        }
        desk_disconnect(program);
}

WORLD_TEST(quiet, wakeups, .no_homeserver = true) {
        usec_t hour = USEC_PER_HOUR, minutes = option("MINUTES", MINUTES) * USEC_PER_MIN;
        struct private_bus *system = world_system_bus(w);
        struct sound sound = sound_start(w);
        DBusConnection *server = desk_start(w, "");
        unsigned long long before, after;

        world_config(w, "");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Reload", NULL, DBUS_TYPE_INVALID));
        expect_source(w, "pipewire", "watching");
        before = wakeups_at_rest(w);
        let_pass(minutes);
        after = wakeups_at_rest(w);
        per_hour("wake-ups per hour, idle", after - before, minutes, "extrapolated");
        programs_come_and_go(w, N);
        before = after;
        after = wakeups_at_rest(w);
        per_hour("more for 100 programs that come and go", after - before, hour, NULL);
        mails_come(w, server);
        before = after;
        after = wakeups_at_rest(w);
        per_hour("more for 100 notifications", after - before, hour, "each sent, answered, clicked and closed");
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        sound_kill(w, &sound);
        private_bus_free(system);
}
