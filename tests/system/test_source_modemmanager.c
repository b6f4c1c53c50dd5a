/* Calls of a modem, through ModemManager. */
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "system/mock.h"

#define SOURCE "modemmanager"
#define ROOT   "/org/freedesktop/ModemManager1"
#define MODEM  ROOT "/Modem/0"
#define CALL1  ROOT "/Call/1"
#define CALL2  ROOT "/Call/2"
#define VOICE  "org.freedesktop.ModemManager1.Modem.Voice"
#define CALL   "org.freedesktop.ModemManager1.Call"
#define NUMBER "+15550199"

enum { UNKNOWN, DIALING, RINGING_OUT, RINGING_IN, ACTIVE, HELD, WAITING, TERMINATED };

static struct mock *mm_new(struct world *w, struct private_bus *bus) {
        return mock_new(w, bus,
                        &(struct mock_options){ "org.freedesktop.ModemManager1", ROOT, "org.freedesktop.ModemManager1",
                                                .has_objects = true });
}

static void add_modem(struct mock *mm, const char *call) {
        if (call)
                mock_call(mm, ROOT, "AddObject", "ssa{sv}a(ssss)", MODEM, VOICE, 1, "Calls", "ao", 1, call, 0);
        else
                mock_call(mm, ROOT, "AddObject", "ssa{sv}a(ssss)", MODEM, VOICE, 1, "Calls", "ao", 0, 0);
}

static void add_call(struct mock *mm, const char *path, int state) {
        mock_call(mm, ROOT, "AddObject", "ssa{sv}a(ssss)", path, CALL, 3, "State", "i", state, "Number", "s", NUMBER,
                  "Multiparty", "b", 0, 0);
}

static void tell_call(struct mock *mm, const char *path) {
        mock_call(mm, MODEM, "EmitSignal", "sssav", VOICE, "CallAdded", "o", 1, "o", path);
}

static void set_state(struct mock *mm, const char *path, int state) {
        mock_call(mm, path, "UpdateProperties", "sa{sv}", CALL, 1, "State", "i", state);
}

static struct mock *watched(struct world *w, struct private_bus *bus) {
        struct mock *mm = mm_new(w, bus);

        add_modem(mm, NULL);
        world_start(w);
        expect_source(w, SOURCE, "watching");
        return mm;
}

#define MM_TEST(test, ...)                                                                                            \
        static void test##_on(struct world *w, struct private_bus *bus);                                              \
        WORLD_TEST(modemmanager, test, .no_homeserver = true) {                                                       \
                struct private_bus *bus = world_system_bus(w);                                                        \
                                                                                                                      \
                test##_on(w, bus);                                                                                    \
                private_bus_free(bus);                                                                                \
        }                                                                                                             \
        static void test##_on(struct world *w, struct private_bus *bus)

MM_TEST(absent) {
        world_start(w);
        expect_source(w, SOURCE, "unavailable");
        expect_source_detail(w, SOURCE, "ModemManager is not running");
}

WORLD_TEST(modemmanager, no_system_bus, .no_homeserver = true) {
        world_start(w);
        expect_source(w, SOURCE, "unavailable");
}

MM_TEST(incoming_answered_ended_and_still_listed) {
        struct mock *mm = watched(w, bus);

        add_call(mm, CALL1, RINGING_IN);
        tell_call(mm, CALL1);
        expect_shown(w, "ringing-in");
        expect_availability(w, "free");
        set_state(mm, CALL1, ACTIVE);
        expect_availability(w, "busy");
        expect_shown(w, "call on a modem (ModemManager)");
        set_state(mm, CALL1, HELD);
        expect_shown(w, "\"held\"");
        expect_availability(w, "busy");
        set_state(mm, CALL1, TERMINATED);
        expect_availability(w, "free");
        expect_source_calls(w, SOURCE, "0");
        expect_untold(w, NUMBER);
        mock_free(mm);
}

MM_TEST(outgoing_from_unknown) {
        struct mock *mm = watched(w, bus);

        add_call(mm, CALL1, UNKNOWN);
        tell_call(mm, CALL1);
        set_state(mm, CALL1, DIALING);
        expect_shown(w, "ringing-out");
        set_state(mm, CALL1, ACTIVE);
        expect_availability(w, "busy");
        mock_call(mm, MODEM, "EmitSignal", "sssav", VOICE, "CallDeleted", "o", 1, "o", CALL1);
        expect_availability(w, "free");
        mock_free(mm);
}

MM_TEST(in_call_at_start) {
        struct mock *mm = mm_new(w, bus);

        add_modem(mm, CALL1);
        add_call(mm, CALL1, ACTIVE);
        world_start(w);
        expect_availability(w, "busy");
        mock_free(mm);
}

MM_TEST(only_terminated_at_start) {
        struct mock *mm = mm_new(w, bus);

        add_modem(mm, CALL1);
        add_call(mm, CALL1, TERMINATED);
        world_start(w);
        expect_source(w, SOURCE, "watching");
        expect_source_calls(w, SOURCE, "0");
        expect_availability(w, "free");
        mock_free(mm);
}

MM_TEST(two_at_once_one_waiting) {
        struct mock *mm = watched(w, bus);

        add_call(mm, CALL1, ACTIVE);
        tell_call(mm, CALL1);
        expect_availability(w, "busy");
        add_call(mm, CALL2, WAITING);
        tell_call(mm, CALL2);
        expect_source_calls(w, SOURCE, "2");
        set_state(mm, CALL1, HELD);
        set_state(mm, CALL2, ACTIVE);
        set_state(mm, CALL1, TERMINATED);
        expect_source_calls(w, SOURCE, "1");
        expect_availability(w, "busy");
        set_state(mm, CALL2, TERMINATED);
        expect_availability(w, "free");
        mock_free(mm);
}

MM_TEST(dies_in_a_call_and_comes_back) {
        struct mock *mm = watched(w, bus);

        add_call(mm, CALL1, ACTIVE);
        tell_call(mm, CALL1);
        expect_availability(w, "busy");
        mock_free(mm);
        expect_source(w, SOURCE, "unavailable");
        expect_availability(w, "free");
        mm = mm_new(w, bus);
        expect_source(w, SOURCE, "watching");
        add_modem(mm, NULL);
        add_call(mm, CALL1, ACTIVE);
        tell_call(mm, CALL1);
        expect_availability(w, "busy");
        mock_free(mm);
        expect_availability(w, "free");
}

MM_TEST(modem_plugged_in_and_pulled_out_in_a_call) {
        struct mock *mm = mm_new(w, bus);

        world_start(w);
        expect_source(w, SOURCE, "watching");
        add_call(mm, CALL1, ACTIVE);
        mock_call(mm, ROOT, "EmitSignal", "sssav", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded",
                  "oa{sa{sv}}", 2, "o", MODEM, "a{sa{sv}}", 1, VOICE, 1, "Calls", "ao", 1, CALL1);
        expect_availability(w, "busy");
        mock_call(mm, ROOT, "EmitSignal", "sssav", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", "oas", 2,
                  "o", MODEM, "as", 1, VOICE);
        expect_availability(w, "free");
        mock_free(mm);
}

MM_TEST(garbage_is_passed_over) {
        struct mock *mm = watched(w, bus);

        mock_call(mm, MODEM, "EmitSignal", "sssav", VOICE, "CallAdded", "s", 1, "s", "nonsense");
        mock_call(mm, MODEM, "EmitSignal", "sssav", VOICE, "CallAdded", "o", 1, "o", ROOT "/Call/99");
        mock_call(mm, ROOT, "AddObject", "ssa{sv}a(ssss)", CALL2, CALL, 1, "State", "s", "odd", 0);
        tell_call(mm, CALL2);
        add_call(mm, CALL1, 4711);
        tell_call(mm, CALL1);
        mock_call(mm, CALL1, "EmitSignal", "sssav", "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                  3, "s", CALL, "a{sv}", 1, "State", "as", 1, "x", "as", 0);
        expect_availability(w, "free");
        check(w, world_wait_log(w, "ignoring it"), "nothing was told");
        set_state(mm, CALL1, ACTIVE);
        expect_availability(w, "busy");
        mock_free(mm);
}

MM_TEST(more_calls_than_are_kept) {
        struct mock *mm = watched(w, bus);
        char path[64];

        for (int i = 1; i <= 40; i++) {
                snprintf(path, sizeof(path), ROOT "/Call/%d", i);
                add_call(mm, path, ACTIVE);
                tell_call(mm, path);
        }
        expect_source_calls(w, SOURCE, "32");
        expect_availability(w, "busy");
        mock_free(mm);
        expect_availability(w, "free");
}

/* ---- answers that take their time: a service that answers when the test says so ---- */

static sd_bus *slow_new(const struct private_bus *bus) {
        sd_bus *b = NULL;

        if (sd_bus_new(&b) < 0 || sd_bus_set_address(b, private_bus_address(bus)) < 0 ||
            sd_bus_set_bus_client(b, true) < 0 || sd_bus_start(b) < 0 ||
            sd_bus_request_name(b, "org.freedesktop.ModemManager1", 0) < 0)
                abort();
        return b;
}

static sd_bus_message *slow_asked(struct world *w, sd_bus *b, const char *path, const char *member) {
        int64_t left = patience();
        sd_bus_message *m = NULL;

        for (; left > 0; left--) {
                int r = sd_bus_process(b, &m);

                if (r > 0 && m && sd_bus_message_is_method_call(m, NULL, member) &&
                    streq(sd_bus_message_get_path(m), path))
                        return m;
                m = sd_bus_message_unref(m);
                if (r == 0)
                        sd_bus_wait(b, USEC_PER_MSEC);
        }
        check(w, false, "nobody asks for %s of %s", member, path);
        return NULL;
}

static void slow_answer(sd_bus_message *question, int state) {
        if (sd_bus_reply_method_return(question, "a{sv}", 1, "State", "i", state) < 0)
                abort();
        sd_bus_message_unref(question);
}

static void slow_tell(sd_bus *b, const char *path, int state) {
        if (sd_bus_emit_signal(b, path, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", CALL, 1,
                               "State", "i", state, 0) < 0)
                abort();
}

static void slow_remove(sd_bus *b, const char *modem) {
        if (sd_bus_emit_signal(b, ROOT, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", "oas", modem, 1,
                               VOICE) < 0)
                abort();
}

/* A call is there; the question how it goes is open. */
static sd_bus_message *slow_call(struct world *w, sd_bus *b, const char *modem, const char *path) {
        if (sd_bus_emit_signal(b, modem, VOICE, "CallAdded", "o", path) < 0)
                abort();
        return slow_asked(w, b, path, "GetAll");
}

static sd_bus *slow_watched(struct world *w, const struct private_bus *bus) {
        sd_bus *b = slow_new(bus);
        sd_bus_message *list;

        world_start(w);
        list = slow_asked(w, b, ROOT, "GetManagedObjects");
        if (sd_bus_reply_method_return(list, "a{oa{sa{sv}}}", 0) < 0)
                abort();
        sd_bus_message_unref(list);
        expect_source(w, SOURCE, "watching");
        return b;
}

MM_TEST(changes_before_its_state_is_answered_and_ends_with_its_modem) {
        sd_bus *b = slow_watched(w, bus);
        sd_bus_message *question = slow_call(w, b, MODEM, CALL1);

        slow_tell(b, CALL1, ACTIVE);
        expect_availability(w, "busy");
        slow_answer(question, HELD);
        expect_shown(w, "\"held\"");
        slow_remove(b, MODEM);
        expect_availability(w, "free");
        sd_bus_flush_close_unref(b);
}

MM_TEST(modem_goes_before_the_state_of_its_call_is_answered) {
        sd_bus *b = slow_watched(w, bus);
        sd_bus_message *question = slow_call(w, b, MODEM, CALL1);

        slow_remove(b, MODEM);
        slow_answer(question, ACTIVE);
        slow_answer(slow_call(w, b, ROOT "/Modem/1", CALL2), HELD);
        expect_shown(w, "\"held\"");
        expect_source_calls(w, SOURCE, "1");
        sd_bus_flush_close_unref(b);
}

MM_TEST(ends_with_its_modem_although_its_state_was_refused) {
        sd_bus *b = slow_watched(w, bus);
        sd_bus_message *question = slow_call(w, b, MODEM, CALL1);

        if (sd_bus_reply_method_errorf(question, SD_BUS_ERROR_NO_REPLY, "not now") < 0)
                abort();
        sd_bus_message_unref(question);
        slow_tell(b, CALL1, ACTIVE);
        expect_availability(w, "busy");
        slow_remove(b, MODEM);
        expect_availability(w, "free");
        sd_bus_flush_close_unref(b);
}
