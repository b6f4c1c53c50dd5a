/* How long a call takes to be seen: from the answer of a Matrix call to the request that sets busy, and from a modem's
 * call to the property on the bus. */
#include "bus_watch.h"
#include "figures.h"
#include "system/mock.h"
#include "util/clock.h"

#define CALLS 200

#define FIRST_PART  "Matrix: answer pushed -> PUT of busy arrives, first call after a start (reads what was there)"
#define NEXT_PART   "Matrix: answer pushed -> PUT of busy arrives, later calls"
#define SIGNAL_PART "ModemManager: its signal on the bus -> Availability changed"
#define ASKED_PART  "ModemManager: its mock is told -> Availability changed"

#define NO_DELAYS                                                                                                     \
        "[busyd]\nstart-delay = 0s\nhint-delay = 0s\nend-grace = 0s\nhint-end-grace = 0s\n"                           \
        "[account " ACCOUNT "]\npoll-pause = 0s\n"

/* ---- Matrix ---- */

static void one_matrix_call(struct world *w, unsigned i, struct samples *samples) {
        const struct hs_match put = { .method = "PUT", .path = "*/presence/*", .body = HS_BUSY };
        char call[32];
        size_t mark;
        usec_t pushed;

        (void) snprintf(call, sizeof(call), "call%u", i);
        call_invite(w, ROOM, call);
        check(w, hs_wait_seen(w->hs, patience()), "the invitation is not taken in");
        mark = hs_n_requests(w->hs);
        pushed = clock_now();
        call_answer(w, ROOM, call);
        check(w, hs_wait_request(w->hs, put, mark, patience(), NULL), "no PUT after call %u", i);
        samples_add(samples, clock_now() - pushed);
        expect_claim(w, "held");
        call_hangup(w, ROOM, call);
        expect_claim(w, "free");
        check(w, hs_wait_seen(w->hs, patience()), "the end is not taken in");
}

/* busyd writes at most four times a minute for one account: two calls. So every third call meets a new busyd. */
WORLD_TEST(latency, matrix, 0) {
        unsigned calls = option("CALLS", CALLS);
        struct samples first, next;

        samples_init(&first, calls);
        samples_init(&next, calls);
        world_config(w, NO_DELAYS);
        for (unsigned i = 0; i < calls; i += 2) {
                world_start_online(w);
                one_matrix_call(w, i, &first);
                one_matrix_call(w, i + 1, &next);
                check(w, world_stop(w) == 0, "busyd does not end well");
        }
        samples_report(&first, FIRST_PART, "scripted server on loopback; delays and poll-pause 0");
        samples_report(&next, NEXT_PART, "busyd is started anew after two calls: it writes four times a minute");
        samples_done(&first);
        samples_done(&next);
}

/* ---- ModemManager ---- */

#define MM    "/org/freedesktop/ModemManager1"
#define MODEM MM "/Modem/0"
#define CALL1 MM "/Call/1"
#define VOICE "org.freedesktop.ModemManager1.Modem.Voice"
#define CALL  "org.freedesktop.ModemManager1.Call"

enum { STATE_RINGING_IN = 3, STATE_ACTIVE };

static struct mock *modem_new(struct world *w, struct private_bus *bus) {
        struct mock *mm = mock_new(w, bus,
                                   &(struct mock_options){ "org.freedesktop.ModemManager1", MM,
                                                           "org.freedesktop.ModemManager1", .has_objects = true });

        mock_call(mm, MM, "AddObject", "ssa{sv}a(ssss)", MODEM, VOICE, 1, "Calls", "ao", 1, CALL1, 0);
        mock_call(mm, MM, "AddObject", "ssa{sv}a(ssss)", CALL1, CALL, 2, "State", "i", STATE_RINGING_IN, "Multiparty",
                  "b", 0, 0);
        return mm;
}

/* Without waiting for the answer: the loop is to see the signals as they come. */
static void set_state(struct bus_watch *watch, int state) {
        if (sd_bus_call_method_async(bus_watch_bus(watch), NULL, "org.freedesktop.ModemManager1", CALL1,
                                     "org.freedesktop.DBus.Mock", "UpdateProperties", NULL, NULL, "sa{sv}", CALL, 1,
                                     "State", "i", state) < 0)
                abort();
}

WORLD_TEST(latency, modem, .no_homeserver = true) {
        unsigned calls = option("CALLS", CALLS);
        struct private_bus *bus = world_system_bus(w);
        struct mock *mm = modem_new(w, bus);
        struct samples signal, asked;
        struct bus_watch *shown, *state;
        sd_event *event;

        samples_init(&signal, calls);
        samples_init(&asked, calls);
        world_config(w, NO_DELAYS);
        world_start(w);
        expect_source(w, "modemmanager", "watching");
        check(w, sd_event_new(&event) >= 0, "no loop");
        shown = bus_watch_new(event, w->bus, BUSYD_PATH, BUSYD_MANAGER, "Availability");
        state = bus_watch_new(event, bus, CALL1, CALL, "State");
        for (unsigned i = 0; i < calls; i++) {
                usec_t told = clock_now(), signalled, changed;

                set_state(state, STATE_ACTIVE);
                changed = bus_watch_wait(shown, w, "busy");
                signalled = bus_watch_wait(state, w, "4");
                samples_add(&signal, changed > signalled ? changed - signalled : 0);
                samples_add(&asked, changed - told);
                set_state(state, STATE_RINGING_IN);
                bus_watch_wait(shown, w, "free");
                bus_watch_wait(state, w, "3");
        }
        samples_report(&signal, SIGNAL_PART, "both seen by one client; PropertiesChanged of State");
        samples_report(&asked, ASKED_PART, "with the time of python-dbusmock");
        samples_done(&signal);
        samples_done(&asked);
        bus_watch_free(shown);
        bus_watch_free(state);
        sd_event_unref(event);
        mock_free(mm);
        private_bus_free(bus);
}
