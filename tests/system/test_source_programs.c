/* Jami's daemon, and phones that ring through KDE Connect. */
#include "system/mock.h"

#define NUMBER "+15550199"

/* ---- Jami ---- */

#define JAMI   "jami"
#define NAME   "cx.ring.Ring"
#define CONFIG "/cx/ring/Ring/ConfigurationManager"
#define CALLS  "/cx/ring/Ring/CallManager"
#define CALLER "cx.ring.Ring.CallManager"

/* Answers with these calls of account a1, all in this state. */
static struct mock *jami_new(struct world *w, const char *calls, const char *state) {
        struct mock *j =
                mock_new(w, w->bus,
                         &(struct mock_options){
                                 .name = NAME, .path = CONFIG, .interface = "cx.ring.Ring.ConfigurationManager" });
        char list[128], details[128];

        snprintf(list, sizeof(list), "ret = dbus.Array([%s], signature='s')", calls);
        snprintf(details, sizeof(details), "ret = {'CALL_STATE': '%s', 'PEER_NUMBER': '" NUMBER "'}", state);
        mock_call(j, CONFIG, "AddObject", "ssa{sv}a(ssss)", CALLS, CALLER, 0, 2, "getCallList", "s", "as", list,
                  "getCallDetails", "ss", "a{ss}", details);
        mock_call(j, CONFIG, "AddMethod", "sssss", "cx.ring.Ring.ConfigurationManager", "getAccountList", "", "as",
                  "ret = ['a1']");
        return j;
}

static void set_state(struct mock *j, const char *call, const char *state) {
        mock_call(j, CALLS, "EmitSignal", "sssav", CALLER, "callStateChanged", "sssi", 4, "s", "a1", "s", call, "s",
                  state, "i", 0);
}

WORLD_TEST(jami, absent, .no_homeserver = true) {
        world_start(w);
        expect_source_detail(w, JAMI, "is not running");
}

WORLD_TEST(jami, incoming_answered_held_ended, .no_homeserver = true) {
        struct mock *j = jami_new(w, "", "");

        world_start(w);
        expect_source(w, JAMI, "watching");
        set_state(j, "c1", "INCOMING");
        expect_shown(w, "ringing-in");
        expect_availability(w, "free");
        set_state(j, "c1", "CURRENT");
        expect_availability(w, "busy");
        set_state(j, "c1", "HOLD");
        expect_shown(w, "\"held\"");
        set_state(j, "c2", "RINGING");
        expect_source_calls(w, JAMI, "2");
        set_state(j, "c2", "PEER_BUSY");
        expect_source_calls(w, JAMI, "1");
        set_state(j, "c1", "OVER");
        expect_availability(w, "free");
        mock_free(j);
}

WORLD_TEST(jami, in_call_at_start_and_dies, .no_homeserver = true) {
        struct mock *j = jami_new(w, "'c1', 'c2'", "CURRENT");

        world_start(w);
        expect_availability(w, "busy");
        expect_source_calls(w, JAMI, "2");
        expect_untold(w, NUMBER);
        mock_free(j);
        expect_availability(w, "free");
        j = jami_new(w, "", "");
        expect_source(w, JAMI, "watching");
        mock_free(j);
}

WORLD_TEST(jami, garbage_is_passed_over, .no_homeserver = true) {
        struct mock *j = jami_new(w, "'c7'", "ON FIRE");

        world_start(w);
        expect_source(w, JAMI, "watching");
        mock_call(j, CALLS, "EmitSignal", "sssav", CALLER, "callStateChanged", "ss", 2, "s", "a1", "s", "c1");
        set_state(j, "c1", "ODD");
        set_state(j, "c1", "CURRENT");
        expect_availability(w, "busy");
        expect_source_calls(w, JAMI, "1");
        check(w, world_wait_log(w, "ignoring it"), "nothing was told");
        mock_free(j);
}

/* ---- KDE Connect ---- */

#define CONNECT "kdeconnect"
#define PHONES  "org.kde.kdeconnect"
#define PHONE1  "/modules/kdeconnect/devices/p1/telephony"
#define PHONE2  "/modules/kdeconnect/devices/p2/telephony"

static struct mock *phones_new(struct world *w) {
        struct mock *k = mock_new(
                w, w->bus,
                &(struct mock_options){ .name = PHONES, .path = "/modules/kdeconnect", .interface = "org.kde.x" });

        mock_call(k, "/modules/kdeconnect", "AddObject", "ssa{sv}a(ssss)", PHONE1, PHONES ".device.telephony", 0, 0);
        mock_call(k, "/modules/kdeconnect", "AddObject", "ssa{sv}a(ssss)", PHONE2, PHONES ".device.telephony", 0, 0);
        return k;
}

static void tell(struct mock *k, const char *phone, const char *event) {
        mock_call(k, phone, "EmitSignal", "sssav", PHONES ".device.telephony", "callReceived", "sss", 3, "s", event,
                  "s", NUMBER, "s", "Zaphod");
}

WORLD_TEST(kdeconnect, absent, .no_homeserver = true) {
        world_start(w);
        expect_source_detail(w, CONNECT, "is not running");
}

WORLD_TEST(kdeconnect, rings_and_is_missed, .no_homeserver = true) {
        struct mock *k;

        world_config(w, "[busyd]\nend-grace = 0s\nhint-end-grace = 0s\nringing = all\nlog-level = debug\n");
        k = phones_new(w);
        world_start(w);
        expect_source(w, CONNECT, "watching");
        tell(k, PHONE1, "callReceived");
        expect_availability(w, "busy");
        expect_shown(w, "ringing-in");
        tell(k, PHONE2, "callReceived");
        expect_source_calls(w, CONNECT, "2");
        tell(k, PHONE1, "missedCall");
        expect_source_calls(w, CONNECT, "1");
        mock_call(k, PHONE1, "EmitSignal", "sssav", PHONES ".device.telephony", "callReceived", "u", 1, "u", 7);
        tell(k, PHONE2, "missedCall");
        expect_availability(w, "free");
        expect_untold(w, NUMBER);
        expect_untold(w, "Zaphod");
        tell(k, PHONE1, "callReceived");
        expect_availability(w, "busy");
        mock_free(k);
        expect_availability(w, "free");
}
