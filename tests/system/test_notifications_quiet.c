/* Looking for calls among notifications wakes busyd for nothing but notifications. */
#include "system/notice.h"
#include "system/rest.h"

#define N 20

/* Without a system bus busyd would look for one now and then. */
static DBusConnection *quiet_desk(struct world *w, struct private_bus **ret_system) {
        *ret_system = world_system_bus(w);
        return desk_start(w, "");
}

static void mail_comes(struct world *w, DBusConnection *program, DBusConnection *server, uint32_t id) {
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "email.arrived" } }, id);
        notice_action(server, id, "default");
        notice_closed(server, id);
}

WORLD_TEST(notifications_quiet, programs_that_come_and_go_wake_nobody, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system);
        unsigned long long before = wakeups_at_rest(w), after;

        programs_come_and_go(w, N);
        after = wakeups_at_rest(w);
        check(w, after == before, "%llu times for %d programs", after - before, N);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

WORLD_TEST(notifications_quiet, mails_wake_at_most_once_each, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);
        unsigned long long before, after;

        /* With the first ones busyd learns how this bus passes them on. */
        for (uint32_t i = 0; i < N / 2; i++)
                mail_comes(w, program, server, i + 1);
        before = wakeups_at_rest(w);
        for (uint32_t i = 0; i < N; i++)
                mail_comes(w, program, server, i + 1);
        after = wakeups_at_rest(w);
        check(w, after <= before + N, "%llu times for %d mails", after - before, N);
        desk_disconnect(program);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

/* What was put off meanwhile is none of its business. */
WORLD_TEST(notifications_quiet, a_call_after_them_is_seen_and_ends, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);

        for (uint32_t i = 0; i < N; i++)
                mail_comes(w, program, server, 7);
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 7);
        expect_phases(w, "ringing-in");
        notice_closed(server, 7);
        expect_phases(w, "");
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 8);
        expect_phases(w, "ringing-in");
        desk_disconnect(program);
        expect_phases(w, "");
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

/* After a call nothing but notifications wakes it again. */
WORLD_TEST(notifications_quiet, it_is_quiet_again_after_a_call, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);
        unsigned long long before, after;

        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 7);
        expect_phases(w, "ringing-in");
        notice_closed(server, 7);
        expect_phases(w, "");
        before = wakeups_at_rest(w);
        for (uint32_t i = 0; i < N; i++)
                notice_closed(server, 100 + i);
        programs_come_and_go(w, N);
        after = wakeups_at_rest(w);
        check(w, after == before, "%llu times", after - before);
        desk_disconnect(program);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}
