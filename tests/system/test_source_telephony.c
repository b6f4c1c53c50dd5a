/* Calls of Bluetooth phones (PipeWire, BlueZ) and of GNOME Calls: services whose calls are objects among their
 * objects, and differ in names and in how they write a state. */
#include "system/mock.h"

#define NUMBER  "+15550199"
#define PERSON  "Zaphod"
#define OBJECTS "org.freedesktop.DBus.ObjectManager"

/* A state as text, or, where that is NULL, as a number. */
struct value {
        const char *word;
        uint32_t number;
};

static const struct service {
        const char *source, *name, *root, *parent, *call, *parent_interface, *interface, *app;
        bool is_system;
        struct value ringing, dialing, active, held, over;
} services[] = {
        { "pipewire-telephony",
          "org.pipewire.Telephony",
          "/org/pipewire/Telephony",
          "/org/pipewire/Telephony/ag1",
          "/org/pipewire/Telephony/ag1/call",
          "org.pipewire.Telephony.AudioGateway1",
          "org.pipewire.Telephony.Call1",
          "PipeWire",
          false,
          { "incoming", 0 },
          { "dialing", 0 },
          { "active", 0 },
          { "held", 0 },
          { "disconnected", 0 } },
        { "bluez",
          "org.bluez",
          "/",
          "/org/bluez/hci0/dev_1/telephony1",
          "/org/bluez/hci0/dev_1/telephony1/call",
          "org.bluez.Telephony1",
          "org.bluez.Call1",
          "BlueZ",
          true,
          { "incoming", 0 },
          { "alerting", 0 },
          { "active", 0 },
          { "response_and_hold", 0 },
          { "disconnected", 0 } },
        { "gnome-calls",
          "org.gnome.Calls",
          "/org/gnome/Calls",
          "/org/gnome/Calls",
          "/org/gnome/Calls/Call/",
          NULL,
          "org.gnome.Calls.Call",
          "org.gnome.Calls",
          false,
          { NULL, 5 },
          { NULL, 3 },
          { NULL, 1 },
          { NULL, 2 },
          { NULL, 7 } },
};

struct stage {
        struct world *w;
        struct private_bus *system_bus;
        const struct service *service;
        struct mock *mock;
};

static void open_service(struct stage *s) {
        s->mock = mock_new(s->w, s->service->is_system ? s->system_bus : s->w->bus,
                           &(struct mock_options){ .name = s->service->name,
                                                   .path = s->service->root,
                                                   .interface = "org.example.Root",
                                                   .has_objects = true });
}

static const char *call_path(const struct stage *s, int i) {
        static char path[128];

        snprintf(path, sizeof(path), "%s%d", s->service->call, i);
        return path;
}

/* As an object that is listed, without a word. */
static void add_call(struct stage *s, int i, struct value v) {
        if (v.word)
                mock_call(s->mock, s->service->root, "AddObject", "ssa{sv}a(ssss)", call_path(s, i),
                          s->service->interface, 3, "State", "s", v.word, "LineIdentification", "s", NUMBER, "Name",
                          "s", PERSON, 0);
        else
                mock_call(s->mock, s->service->root, "AddObject", "ssa{sv}a(ssss)", call_path(s, i),
                          s->service->interface, 3, "State", "u", v.number, "Id", "s", NUMBER, "DisplayName", "s",
                          PERSON, 0);
}

static void tell_call(struct stage *s, int i, struct value v) {
        if (v.word)
                mock_call(s->mock, s->service->root, "EmitSignal", "sssav", OBJECTS, "InterfacesAdded", "oa{sa{sv}}",
                          2, "o", call_path(s, i), "a{sa{sv}}", 1, s->service->interface, 2, "State", "s", v.word,
                          "Name", "s", PERSON);
        else
                mock_call(s->mock, s->service->root, "EmitSignal", "sssav", OBJECTS, "InterfacesAdded", "oa{sa{sv}}",
                          2, "o", call_path(s, i), "a{sa{sv}}", 1, s->service->interface, 2, "State", "u", v.number,
                          "DisplayName", "s", PERSON);
}

static void start_call(struct stage *s, int i, struct value v) {
        add_call(s, i, v);
        tell_call(s, i, v);
}

static void set_state(struct stage *s, int i, struct value v) {
        if (v.word)
                mock_call(s->mock, call_path(s, i), "UpdateProperties", "sa{sv}", s->service->interface, 1, "State",
                          "s", v.word);
        else
                mock_call(s->mock, call_path(s, i), "UpdateProperties", "sa{sv}", s->service->interface, 1, "State",
                          "u", v.number);
}

static void remove_object(struct stage *s, const char *path, const char *interface) {
        mock_call(s->mock, s->service->root, "EmitSignal", "sssav", OBJECTS, "InterfacesRemoved", "oas", 2, "o", path,
                  "as", 1, interface);
}

/* Each test once for each service, in a world of its own. */
#define SERVICE_TEST(test) SERVICE_TEST_IF(test, true)
/* Of services whose calls belong to a phone. */
#define SERVICE_TEST_PHONE(test) SERVICE_TEST_IF(test, services[i].parent_interface)
#define SERVICE_TEST_IF(test, condition)                                                                              \
        static void test##_on(struct stage *s);                                                                       \
        WORLD_TEST(telephony, test, .no_homeserver = true) {                                                          \
                struct private_bus *system_bus = world_system_bus(w);                                                 \
                unsigned n = 0;                                                                                       \
                                                                                                                      \
                for (size_t i = 0; i < ARRAY_SIZE(services); i++)                                                     \
                        if (condition) {                                                                              \
                                on_service(w, system_bus, &services[i], test##_on);                                   \
                                n++;                                                                                  \
                        }                                                                                             \
                private_bus_free(system_bus);                                                                         \
                cr_assert_gt(n, 0, "no such service");                                                                \
        }                                                                                                             \
        static void test##_on(struct stage *s)

static void on_service(struct world *w, struct private_bus *system_bus, const struct service *service,
                       void (*test)(struct stage *s)) {
        struct stage s = { .w = w, .system_bus = system_bus, .service = service };

        fprintf(stderr, "-- %s\n", service->source);
        test(&s);
        mock_free(s.mock);
        expect_source(w, service->source, "unavailable");
        expect_source_calls(w, service->source, "0");
        check(w, world_stop(w) == 0, "%s: busyd did not end well", service->source);
}

static void watch_service(struct stage *s) {
        open_service(s);
        world_start(s->w);
        expect_source(s->w, s->service->source, "watching");
}

SERVICE_TEST(absent) {
        world_start(s->w);
        expect_source_detail(s->w, s->service->source, "is not running");
}

SERVICE_TEST(incoming_answered_held_ended) {
        watch_service(s);
        start_call(s, 1, s->service->ringing);
        expect_shown(s->w, "ringing-in");
        expect_availability(s->w, "free");
        set_state(s, 1, s->service->active);
        expect_availability(s->w, "busy");
        expect_shown(s->w, s->service->app);
        set_state(s, 1, s->service->held);
        expect_shown(s->w, "\"held\"");
        expect_availability(s->w, "busy");
        set_state(s, 1, s->service->over);
        expect_availability(s->w, "free");
        expect_untold(s->w, NUMBER);
        expect_untold(s->w, PERSON);
}

SERVICE_TEST(outgoing_removed_without_a_last_state) {
        watch_service(s);
        start_call(s, 1, s->service->dialing);
        expect_shown(s->w, "ringing-out");
        set_state(s, 1, s->service->active);
        expect_availability(s->w, "busy");
        remove_object(s, call_path(s, 1), s->service->interface);
        expect_availability(s->w, "free");
}

SERVICE_TEST(in_call_at_start) {
        open_service(s);
        add_call(s, 1, s->service->active);
        world_start(s->w);
        expect_availability(s->w, "busy");
}

SERVICE_TEST(two_at_once) {
        watch_service(s);
        start_call(s, 1, s->service->active);
        start_call(s, 2, s->service->held);
        expect_source_calls(s->w, s->service->source, "2");
        set_state(s, 1, s->service->over);
        expect_source_calls(s->w, s->service->source, "1");
        expect_availability(s->w, "busy");
        set_state(s, 2, s->service->over);
        expect_availability(s->w, "free");
}

SERVICE_TEST(dies_in_a_call_and_comes_back) {
        watch_service(s);
        start_call(s, 1, s->service->active);
        expect_availability(s->w, "busy");
        mock_free(s->mock);
        expect_availability(s->w, "free");
        open_service(s);
        expect_source(s->w, s->service->source, "watching");
        start_call(s, 1, s->service->active);
        expect_availability(s->w, "busy");
}

SERVICE_TEST_PHONE(the_phone_goes_away_in_a_call) {
        watch_service(s);
        start_call(s, 1, s->service->active);
        expect_availability(s->w, "busy");
        remove_object(s, s->service->parent, "org.example.Other");
        remove_object(s, s->service->parent, s->service->parent_interface);
        expect_availability(s->w, "free");
}

SERVICE_TEST(garbage_is_passed_over) {
        watch_service(s);
        start_call(s, 1, (struct value){ "on fire", 0 });
        start_call(s, 2, (struct value){ NULL, 4711 });
        mock_call(s->mock, s->service->root, "EmitSignal", "sssav", OBJECTS, "InterfacesAdded", "s", 1, "s", "odd");
        mock_call(s->mock, s->service->root, "EmitSignal", "sssav", OBJECTS, "InterfacesRemoved", "ou", 2, "o", "/x",
                  "u", 1);
        mock_call(s->mock, call_path(s, 1), "EmitSignal", "sssav", "org.freedesktop.DBus.Properties",
                  "PropertiesChanged", "sa{sv}as", 3, "s", s->service->interface, "a{sv}", 1, "State", "as", 1, "x",
                  "as", 0);
        mock_call(s->mock, call_path(s, 1), "EmitSignal", "sssav", "org.freedesktop.DBus.Properties",
                  "PropertiesChanged", "ss", 2, "s", s->service->interface, "s", "odd");
        start_call(s, 3, s->service->active);
        expect_availability(s->w, "busy");
        expect_source_calls(s->w, s->service->source, "1");
        check(s->w, world_wait_log(s->w, "ignoring it"), "nothing was told");
}

/* Only the name of the property is told: it is asked for. */
SERVICE_TEST(state_is_invalidated) {
        watch_service(s);
        add_call(s, 1, s->service->active);
        mock_call(s->mock, call_path(s, 1), "EmitSignal", "sssav", "org.freedesktop.DBus.Properties",
                  "PropertiesChanged", "sa{sv}as", 3, "s", s->service->interface, "a{sv}", 0, "as", 1, "State");
        expect_availability(s->w, "busy");
}
