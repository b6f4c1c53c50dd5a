/* What busyd takes for granted about Synapse, on a Synapse: if one of these changes with a new release, the claim
 * machine or the table of server traits has to change with it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "interop/people.h"
#include "system/harness.h"

static struct world *world;
static struct synapse *synapse;
static struct device *desk, *phone, *other;

static void set_up(const struct synapse_options *options) {
        world = world_new(&(struct world_options){ .no_homeserver = true });
        synapse = synapse_start(world->dir, options);
        desk = device_login(synapse, "me");
        phone = device_login(synapse, "me");
        other = device_login(synapse, "other");
        free(room_new(desk, other));
}

static void tear_down(void) {
        device_free(desk);
        device_free(phone);
        device_free(other);
        synapse_free(synapse);
        world_end(world);
}

#define FACT(name) Test(facts, name, .fini = tear_down)

static void assert_shown(const char *state, const char *message) {
        struct shown_presence p = device_presence_get(other, device_user_id(desk));

        cr_assert_str_eq(p.state, state);
        cr_assert_str_eq(p.message, message);
}

FACT(withdrawing_the_own_device_shows_the_prior_state_at_once) {
        set_up(&(struct synapse_options){ .no_presence_limit = true });

        device_presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        assert_shown(PRESENCE_BUSY_WIRE, "In a call");
        device_presence_put(desk, "offline", "before");
        assert_shown("offline", "before");

        device_presence_put(phone, "online", "before");
        device_presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        assert_shown(PRESENCE_BUSY_WIRE, "In a call");
        device_presence_put(desk, "offline", "before");
        assert_shown("online", "before");
}

FACT(a_client_that_syncs_catches_busy_and_keeps_it) {
        struct online_client *client;
        long log;

        set_up(&(struct synapse_options){ .no_presence_limit = true });
        client = online_client_start(phone);
        log = synapse_log_end(synapse);
        device_presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        /* The push of busy wakes its poll; the next one catches it. */
        (void) synapse_log_wait(synapse, log, LOG_ONLINE_POLL_CAME);
        device_presence_put(desk, "offline", "before");
        assert_shown(PRESENCE_BUSY_WIRE, "before");
        device_presence_put(phone, "online", "before");
        assert_shown("online", "before");
        online_client_free(client);
}

FACT(a_restart_leaves_a_busy_that_no_device_holds) {
        set_up(&(struct synapse_options){ .busy_timeout_msec = 20000, .no_presence_limit = true });
        device_presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        synapse_stop(synapse, SIGTERM);
        synapse_continue(synapse);
        device_presence_put(desk, "offline", "before");
        assert_shown(PRESENCE_BUSY_WIRE, "before");
        /* Synapse looks for the first time 30 s after its start. */
        (void) device_presence_wait(other, device_user_id(desk), "offline", "before");
        assert_shown("offline", "before");
}

FACT(without_presence_a_write_is_taken_and_ignored) {
        set_up(&(struct synapse_options){ .no_presence = true });
        device_presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        assert_shown("offline", "");
}
