/* Calls of a modem, through oFono. */
#include "system/mock.h"

#define SOURCE "ofono"
#define MODEM  "/ril_0"
#define VOICE  "org.ofono.VoiceCallManager"
#define CALL   "org.ofono.VoiceCall"
#define CALL1  MODEM "/voicecall01"
#define CALL2  MODEM "/voicecall02"
#define NUMBER "+15550199"

#define OFONO_TEST(test)                                                                                              \
        static void test##_on(struct world *w, struct private_bus *bus);                                              \
        WORLD_TEST(ofono, test, .no_homeserver = true) {                                                              \
                struct private_bus *bus = world_system_bus(w);                                                        \
                                                                                                                      \
                test##_on(w, bus);                                                                                    \
                private_bus_free(bus);                                                                                \
        }                                                                                                             \
        static void test##_on(struct world *w, struct private_bus *bus)

static struct mock *ofono_new(struct world *w, struct private_bus *bus) {
        return mock_new(w, bus,
                        &(struct mock_options){ .name = "org.ofono",
                                                .template_name = "ofono",
                                                .parameters = "{\"ModemName\": \"ril_0\"}" });
}

static struct mock *watched(struct world *w, struct private_bus *bus) {
        struct mock *o = ofono_new(w, bus);

        world_start(w);
        expect_source(w, SOURCE, "watching");
        return o;
}

static void add_call(struct mock *o, const char *path, const char *state) {
        mock_call(o, MODEM, "EmitSignal", "sssav", VOICE, "CallAdded", "oa{sv}", 2, "o", path, "a{sv}", 3, "State",
                  "s", state, "LineIdentification", "s", NUMBER, "Multiparty", "b", 1);
}

/* The template makes no objects for these; signals need one to leave from. */
static void make_object(struct mock *o, const char *path) {
        mock_call(o, MODEM, "AddObject", "ssa{sv}a(ssss)", path, CALL, 0, 0);
}

static void set_state(struct mock *o, const char *path, const char *state) {
        mock_call(o, path, "EmitSignal", "sssav", CALL, "PropertyChanged", "sv", 2, "s", "State", "s", state);
}

static void remove_call(struct mock *o, const char *path) {
        mock_call(o, MODEM, "EmitSignal", "sssav", VOICE, "CallRemoved", "o", 1, "o", path);
}

OFONO_TEST(absent) {
        world_start(w);
        expect_source_detail(w, SOURCE, "oFono is not running");
}

OFONO_TEST(dialled) {
        struct mock *o = watched(w, bus);

        mock_use(o, MODEM, VOICE, "Dial", "ss", NUMBER, "default");
        expect_shown(w, "ringing-out");
        set_state(o, CALL1, "active");
        expect_availability(w, "busy");
        set_state(o, CALL1, "held");
        expect_shown(w, "\"held\"");
        expect_availability(w, "busy");
        remove_call(o, CALL1);
        expect_availability(w, "free");
        expect_untold(w, NUMBER);
        mock_free(o);
}

OFONO_TEST(incoming_and_a_second_waiting) {
        struct mock *o = watched(w, bus);

        make_object(o, CALL1);
        make_object(o, CALL2);
        add_call(o, CALL1, "incoming");
        expect_shown(w, "ringing-in");
        expect_availability(w, "free");
        set_state(o, CALL1, "active");
        expect_availability(w, "busy");
        add_call(o, CALL2, "waiting");
        expect_source_calls(w, SOURCE, "2");
        set_state(o, CALL2, "disconnected");
        expect_source_calls(w, SOURCE, "1");
        expect_availability(w, "busy");
        set_state(o, CALL1, "disconnected");
        expect_availability(w, "free");
        mock_free(o);
}

OFONO_TEST(in_call_at_start) {
        struct mock *o = ofono_new(w, bus);

        mock_use(o, MODEM, VOICE, "Dial", "ss", NUMBER, "default");
        world_start(w);
        expect_shown(w, "ringing-out");
        set_state(o, CALL1, "active");
        expect_availability(w, "busy");
        mock_free(o);
        expect_availability(w, "free");
}

OFONO_TEST(voice_or_modem_goes_away_in_a_call) {
        struct mock *o = watched(w, bus);

        add_call(o, CALL1, "active");
        expect_availability(w, "busy");
        mock_call(o, MODEM, "EmitSignal", "sssav", "org.ofono.Modem", "PropertyChanged", "sv", 2, "s", "Interfaces",
                  "as", 1, "org.ofono.SimManager");
        expect_availability(w, "free");
        add_call(o, CALL1, "active");
        expect_availability(w, "busy");
        mock_call(o, "/", "EmitSignal", "sssav", "org.ofono.Manager", "ModemRemoved", "o", 1, "o", MODEM);
        expect_availability(w, "free");
        mock_free(o);
}

OFONO_TEST(modem_plugged_in_with_a_call) {
        struct mock *o = mock_new(w, bus,
                                  &(struct mock_options){ .name = "org.ofono",
                                                          .template_name = "ofono",
                                                          .parameters = "{\"no_modem\": true}" });

        world_start(w);
        expect_source(w, SOURCE, "watching");
        mock_call(o, "/", "AddObject", "ssa{sv}a(ssss)", "/usb_1", VOICE, 0, 1, "GetCalls", "", "a(oa{sv})",
                  "ret = [(dbus.ObjectPath('/usb_1/voicecall01'), {'State': 'active'})]");
        mock_call(o, "/", "EmitSignal", "sssav", "org.ofono.Manager", "ModemAdded", "oa{sv}", 2, "o", "/usb_1",
                  "a{sv}", 2, "Online", "b", 1, "Interfaces", "as", 1, VOICE);
        expect_availability(w, "busy");
        mock_free(o);
        expect_availability(w, "free");
}

OFONO_TEST(dies_in_a_call_and_comes_back) {
        struct mock *o = watched(w, bus);

        add_call(o, CALL1, "active");
        expect_availability(w, "busy");
        mock_free(o);
        expect_source(w, SOURCE, "unavailable");
        expect_availability(w, "free");
        o = ofono_new(w, bus);
        expect_source(w, SOURCE, "watching");
        add_call(o, CALL1, "active");
        expect_availability(w, "busy");
        mock_free(o);
}

/* Its policy lets some users in and others not. */
OFONO_TEST(refuses_us) {
        struct mock *o = mock_new(
                w, bus, &(struct mock_options){ .name = "org.ofono", .path = "/", .interface = "org.ofono.Manager" });

        mock_call(o, "/", "AddMethod", "sssss", "org.ofono.Manager", "GetModems", "", "a(oa{sv})",
                  "raise dbus.exceptions.DBusException('no', name='org.freedesktop.DBus.Error.AccessDenied')");
        world_start(w);
        expect_source(w, SOURCE, "unavailable");
        expect_source_detail(w, SOURCE, "does not let us");
        mock_free(o);
        expect_source_detail(w, SOURCE, "is not running");
        o = ofono_new(w, bus);
        expect_source(w, SOURCE, "watching");
        mock_free(o);
}

OFONO_TEST(garbage_is_passed_over) {
        struct mock *o = watched(w, bus);

        make_object(o, CALL1);
        mock_call(o, MODEM, "EmitSignal", "sssav", VOICE, "CallAdded", "s", 1, "s", "odd");
        mock_call(o, MODEM, "EmitSignal", "sssav", VOICE, "CallAdded", "oa{sv}", 2, "o", CALL2, "a{sv}", 1, "State",
                  "u", 4);
        mock_call(o, MODEM, "EmitSignal", "sssav", VOICE, "CallRemoved", "u", 1, "u", 4);
        mock_call(o, MODEM, "EmitSignal", "sssav", "org.ofono.Modem", "PropertyChanged", "sv", 2, "s", "Interfaces",
                  "s", "odd");
        mock_call(o, "/", "EmitSignal", "sssav", "org.ofono.Manager", "ModemAdded", "s", 1, "s", "odd");
        add_call(o, CALL1, "on fire");
        set_state(o, CALL1, "odd");
        mock_call(o, CALL1, "EmitSignal", "sssav", CALL, "PropertyChanged", "sv", 2, "s", "State", "as", 1, "x");
        set_state(o, CALL1, "active");
        expect_availability(w, "busy");
        expect_source_calls(w, SOURCE, "1");
        check(w, world_wait_log(w, "ignoring it"), "nothing was told");
        mock_free(o);
}
