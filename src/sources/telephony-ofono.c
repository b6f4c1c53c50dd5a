/* oFono: its own way of listing and of telling changes, from before D-Bus had common ones. Modems and calls come as
 * a(oa{sv}), changes as "sv" of one property. A modem without VoiceCallManager among its interfaces has no calls. */
#include <errno.h>

#include "sources/telephony.h"

#define MANAGER "org.ofono.Manager"
#define MODEM   "org.ofono.Modem"
#define VOICE   "org.ofono.VoiceCallManager"
#define CALL    "org.ofono.VoiceCall"

/* ---- calls of one modem ---- */

/* "oa{sv}" comes next. */
static int read_call(struct phone *p, sd_bus_message *m, const char *modem) {
        const char *path;
        int r = sd_bus_message_read(m, "o", &path);

        return r < 0 ? r : phone_read_call(p, m, path, modem);
}

static void on_calls(void *s, const char *modem, sd_bus_message *reply, const sd_bus_error *error) {
        struct phone *p = phone_of(s);

        if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                bus_service_fail(p->bus.service, "its calls are not told", error);
        else if (!reply)
                phone_calls_gone(p, modem); /* it went while we asked */
        else if (phone_read_list(p, reply, 'r', "oa{sv}", read_call, modem) < 0)
                source_tell_bad(s, reply, "the calls of a modem cannot be read to their end");
}

static void ask_calls(struct phone *p, const char *modem) {
        if (bus_service_call(p->bus.service, modem, VOICE, "GetCalls", modem, on_calls, "") < 0)
                source_tell_bad(&p->bus.source, NULL, "there are more modems than are asked about");
}

/* ---- modems ---- */

/* The variant with the interfaces of a modem. */
static int read_interfaces(struct phone *p, sd_bus_message *m, const char *modem) {
        const char *interface;
        bool has_voice = false;
        int r = sd_bus_message_enter_container(m, 'v', "as");

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &interface)) > 0)
                has_voice |= streq(interface, VOICE);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        if (has_voice)
                ask_calls(p, modem);
        else
                phone_modem_gone(p, modem);
        return 0;
}

/* "sv" comes next. */
static int read_modem_property(struct phone *p, sd_bus_message *m, const char *modem) {
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        return streq(name, "Interfaces") ? read_interfaces(p, m, modem) : sd_bus_message_skip(m, "v");
}

/* "oa{sv}" comes next. */
static int read_modem(struct phone *p, sd_bus_message *m, const char *unused) {
        const char *modem;
        int r = sd_bus_message_read(m, "o", &modem);

        return r < 0 ? r : phone_read_list(p, m, 'e', "sv", read_modem_property, modem);
}

static void on_modems(void *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct phone *p = phone_of(s);

        if (!reply)
                bus_service_fail(p->bus.service, "its modems are not told", error);
        else if (phone_read_list(p, reply, 'r', "oa{sv}", read_modem, NULL) < 0)
                source_tell_bad(s, reply, "the list of modems cannot be read to its end");
}

/* ---- signals ---- */

static int on_modem_added(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        if (read_modem(userdata, m, NULL) < 0)
                source_tell_bad(userdata, m, "a new modem cannot be read");
        return 0;
}

static int on_modem_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *modem = phone_read_path(userdata, m, "a gone modem cannot be read");

        if (modem)
                phone_modem_gone(userdata, modem);
        return 0;
}

static int on_modem_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        if (read_modem_property(userdata, m, sd_bus_message_get_path(m)) < 0)
                source_tell_bad(userdata, m, "a change of a modem cannot be read");
        return 0;
}

static int on_call_added(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        if (read_call(userdata, m, sd_bus_message_get_path(m)) < 0)
                source_tell_bad(userdata, m, "a new call cannot be read");
        return 0;
}

static int on_call_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct phone *p = userdata;
        enum call_phase phase;
        int r = sd_bus_message_skip(m, "s");

        if (r >= 0)
                r = phone_read_state(p, m, &phase);
        if (r < 0)
                source_tell_bad(&p->bus.source, m, "a change of a call cannot be read");
        else if (r > 0)
                phone_seen(p, sd_bus_message_get_path(m), "", phase);
        return 0;
}

static const struct phone_signal signals[] = {
        { "interface='" MANAGER "',member='ModemAdded'", on_modem_added },
        { "interface='" MANAGER "',member='ModemRemoved'", on_modem_removed },
        { "interface='" MODEM "',member='PropertyChanged',arg0='Interfaces'", on_modem_changed },
        { "interface='" VOICE "',member='CallAdded'", on_call_added },
        { "interface='" VOICE "',member='CallRemoved'", phone_on_call_gone },
        { "interface='" CALL "',member='PropertyChanged',arg0='State'", on_call_changed },
        { 0 },
};

const struct phone_service phone_ofono = {
        .name = "org.ofono",
        .title = "oFono",
        .app = "oFono",
        .what = "call on a modem (oFono)",
        .root = "/",
        .list_interface = MANAGER,
        .list_member = "GetModems",
        .on_list = on_modems,
        .signals = signals,
        .call = CALL,
        .modem = VOICE,
        .states = phone_words,
        .n_states = ARRAY_SIZE(phone_words),
};
