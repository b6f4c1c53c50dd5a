/* Telephony services that list their objects as the ObjectManager of D-Bus does. ModemManager does so with its modems,
 * and keeps the calls apart: a property of the modem names them, a signal of the modem adds them, and a call that has
 * ended stays listed as terminated. */
#include <errno.h>
#include <stdio.h>

#include "sources/telephony.h"

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define SUBJECT_SIZE   512 /* two paths; longer ones are nobody's */

/* ---- calls that must be asked about, by "CALL MODEM" ---- */

static void on_call(void *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        const char *modem = strchr(subject, ' ') + 1;
        char path[SUBJECT_SIZE];

        (void) snprintf(path, sizeof(path), "%.*s", (int) (modem - 1 - subject), subject);
        if (!reply)
                /* Over, for all that is known; whose it is stays known, in case that it goes on again. */
                phone_seen(phone_of(s), path, modem, CALL_GONE);
        else if (phone_read_call(phone_of(s), reply, path, modem) < 0)
                source_tell_bad(s, reply, "a call cannot be read");
}

static void ask_call(struct phone *p, const char *path, const char *modem) {
        char subject[SUBJECT_SIZE];
        int r = snprintf(subject, sizeof(subject), "%s %s", path, modem);

        /* Its changes may be told before the answer comes, and do not name the modem. */
        if (modem[0])
                phone_belongs(p, path, modem);
        if (r < 0 || (size_t) r >= sizeof(subject) ||
            bus_service_get_all(p->bus.service, path, p->service->call, subject, on_call) < 0)
                source_tell_bad(&p->bus.source, NULL, "there are more calls than are asked about");
}

/* ---- objects ---- */

/* A variant with the paths of calls. */
static int read_calls(struct phone *p, sd_bus_message *m, const char *modem) {
        const char *path;
        int r = sd_bus_message_enter_container(m, 'v', "ao");

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "o");
        while (r >= 0 && (r = sd_bus_message_read(m, "o", &path)) > 0)
                ask_call(p, path, modem);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* "sv" comes next. */
static int read_modem_property(struct phone *p, sd_bus_message *m, const char *modem) {
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        return streq(name, "Calls") ? read_calls(p, m, modem) : sd_bus_message_skip(m, "v");
}

/* "sa{sv}" comes next. */
static int read_interface(struct phone *p, sd_bus_message *m, const char *path) {
        const char *interface;
        int r = sd_bus_message_read(m, "s", &interface);

        if (r < 0)
                return r;
        if (streq(interface, p->service->call))
                return phone_read_call(p, m, path, "");
        if (p->service->modem && streq(interface, p->service->modem))
                return phone_read_list(p, m, 'e', "sv", read_modem_property, path);
        return sd_bus_message_skip(m, "a{sv}");
}

/* "oa{sa{sv}}" comes next. */
static int read_object(struct phone *p, sd_bus_message *m, const char *unused) {
        const char *path;
        int r = sd_bus_message_read(m, "o", &path);

        return r < 0 ? r : phone_read_list(p, m, 'e', "sa{sv}", read_interface, path);
}

static void on_objects(void *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct phone *p = phone_of(s);

        if (!reply)
                bus_service_fail(p->bus.service, "its calls are not told", error);
        else if (phone_read_list(p, reply, 'e', "oa{sa{sv}}", read_object, NULL) < 0)
                source_tell_bad(s, reply, "the list of calls cannot be read to its end");
}

static int on_added(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        if (read_object(userdata, m, NULL) < 0)
                source_tell_bad(userdata, m, "a new object cannot be read");
        return 0;
}

static int read_removed(struct phone *p, sd_bus_message *m) {
        const char *path, *interface;
        int r = sd_bus_message_read(m, "o", &path);

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &interface)) > 0)
                if (streq(interface, p->service->call))
                        phone_gone(p, path);
                else if (p->service->modem && streq(interface, p->service->modem))
                        phone_modem_gone(p, path);
        return r;
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        if (read_removed(userdata, m) < 0)
                source_tell_bad(userdata, m, "a gone object cannot be read");
        return 0;
}

/* ---- changes of a call ---- */

static int read_invalidated(struct phone *p, sd_bus_message *m, const char *path) {
        const char *name;
        int r = sd_bus_message_enter_container(m, 'a', "s");

        while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0)
                if (streq(name, "State"))
                        ask_call(p, path, "");
        return r;
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct phone *p = userdata;
        const char *path = sd_bus_message_get_path(m);
        int r = sd_bus_message_skip(m, "s");

        if (r >= 0)
                r = phone_read_call(p, m, path, "");
        if (r >= 0)
                r = read_invalidated(p, m, path);
        if (r < 0)
                source_tell_bad(&p->bus.source, m, "a change of a call cannot be read");
        return 0;
}

/* ---- ModemManager's own ---- */

static int on_call_added(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *path = phone_read_path(userdata, m, "a new call cannot be read");

        if (path)
                ask_call(userdata, path, sd_bus_message_get_path(m));
        return 0;
}

/* ---- the services ---- */

#define OBJECT_SIGNALS(root, call)                                                                                    \
        { "path='" root "',interface='" OBJECT_MANAGER "',member='InterfacesAdded'", on_added },                      \
                { "path='" root "',interface='" OBJECT_MANAGER "',member='InterfacesRemoved'", on_removed }, {        \
                "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',arg0='" call "'",             \
                        on_properties                                                                                 \
        }

#define LISTED_AT(path)                                                                                               \
        .root = (path), .list_interface = OBJECT_MANAGER, .list_member = "GetManagedObjects", .on_list = on_objects

#define STATES(table) .states = (table), .n_states = ARRAY_SIZE(table)

#define MM_ROOT  "/org/freedesktop/ModemManager1"
#define MM_CALL  "org.freedesktop.ModemManager1.Call"
#define MM_VOICE "org.freedesktop.ModemManager1.Modem.Voice"

static const struct phone_state mm_states[] = {
        { NULL, 0, CALL_GONE }, /* made, not dialled */
        { NULL, 1, CALL_RINGING_OUT }, { NULL, 2, CALL_RINGING_OUT },
        { NULL, 3, CALL_RINGING_IN },  { NULL, 4, CALL_ACTIVE },
        { NULL, 5, CALL_HELD },        { NULL, 6, CALL_RINGING_IN }, /* waiting, behind another one */
        { NULL, 7, CALL_GONE }, /* terminated, and listed until somebody deletes it */
};

static const struct phone_signal mm_signals[] = {
        OBJECT_SIGNALS(MM_ROOT, MM_CALL),
        { "interface='" MM_VOICE "',member='CallAdded'", on_call_added },
        { "interface='" MM_VOICE "',member='CallDeleted'", phone_on_call_gone },
        { 0 },
};

const struct phone_service phone_modemmanager = {
        .name = "org.freedesktop.ModemManager1",
        .title = "ModemManager",
        .app = "ModemManager",
        .what = "call on a modem (ModemManager)",
        LISTED_AT(MM_ROOT),
        .signals = mm_signals,
        .call = MM_CALL,
        .modem = MM_VOICE,
        STATES(mm_states),
};

#define PW_ROOT "/org/pipewire/Telephony"
#define PW_CALL "org.pipewire.Telephony.Call1"

static const struct phone_signal pw_signals[] = { OBJECT_SIGNALS(PW_ROOT, PW_CALL), { 0 } };

const struct phone_service phone_pipewire_telephony = {
        .name = "org.pipewire.Telephony",
        .title = "PipeWire's telephony",
        .app = "PipeWire",
        .what = "call on a Bluetooth phone (PipeWire)",
        LISTED_AT(PW_ROOT),
        .signals = pw_signals,
        .call = PW_CALL,
        .modem = "org.pipewire.Telephony.AudioGateway1",
        STATES(phone_words),
};

static const struct phone_signal bluez_signals[] = { OBJECT_SIGNALS("/", "org.bluez.Call1"), { 0 } };

const struct phone_service phone_bluez = {
        .name = "org.bluez",
        .title = "BlueZ",
        .app = "BlueZ",
        .what = "call on a Bluetooth phone (BlueZ)",
        LISTED_AT("/"),
        .signals = bluez_signals,
        .call = "org.bluez.Call1",
        .modem = "org.bluez.Telephony1",
        STATES(phone_words),
};

#define CALLS_ROOT "/org/gnome/Calls"
#define CALLS_CALL "org.gnome.Calls.Call"

static const struct phone_state gnome_states[] = {
        { NULL, 0, CALL_GONE },        { NULL, 1, CALL_ACTIVE },      { NULL, 2, CALL_HELD },
        { NULL, 3, CALL_RINGING_OUT }, { NULL, 4, CALL_RINGING_OUT }, { NULL, 5, CALL_RINGING_IN },
        { NULL, 6, CALL_RINGING_IN },  { NULL, 7, CALL_GONE },
};

static const struct phone_signal gnome_signals[] = { OBJECT_SIGNALS(CALLS_ROOT, CALLS_CALL), { 0 } };

const struct phone_service phone_gnome_calls = {
        .name = "org.gnome.Calls",
        .title = "GNOME Calls",
        .app = "org.gnome.Calls",
        .what = "call in GNOME Calls",
        LISTED_AT(CALLS_ROOT),
        .signals = gnome_signals,
        .call = CALLS_CALL,
        STATES(gnome_states),
};
