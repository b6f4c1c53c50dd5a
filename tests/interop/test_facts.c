/* What busyd takes for granted about Synapse, on a Synapse: if one of these changes with a new release, the claim
 * machine or the table of server traits has to change with it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "interop/people.h"

static char dir[] = "/tmp/busyd-facts.XXXXXX";
static struct synapse *synapse;
static struct device *desk, *phone, *other;

static void set_up(const struct synapse_options *options) {
        cr_assert_not_null(mkdtemp(dir));
        synapse = synapse_start(dir, options);
        desk = device_login(synapse, "me");
        phone = device_login(synapse, "me");
        other = device_login(synapse, "other");
        free(room_new(desk, other));
}

static void assert_shown(const char *state, const char *message) {
        struct shown_presence p = presence_get(other, device_user_id(desk));

        cr_assert_str_eq(p.state, state);
        cr_assert_str_eq(p.message, message);
}

Test(facts, withdrawing_the_own_device_shows_the_prior_state_at_once) {
        set_up(&(struct synapse_options){ .no_presence_limit = true });

        presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        assert_shown(PRESENCE_BUSY_WIRE, "In a call");
        presence_put(desk, "offline", "before");
        assert_shown("offline", "before");

        presence_put(phone, "online", "before");
        presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        assert_shown(PRESENCE_BUSY_WIRE, "In a call");
        presence_put(desk, "offline", "before");
        assert_shown("online", "before");
}

Test(facts, a_client_that_syncs_catches_busy_and_keeps_it) {
        struct online_client *client;

        set_up(&(struct synapse_options){ .no_presence_limit = true });
        client = online_client_start(phone);
        presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        /* The push of busy wakes its poll; the one after that is what catches it. */
        online_client_wait_polls(client, online_client_polls(client) + 1);
        presence_put(desk, "offline", "before");
        assert_shown(PRESENCE_BUSY_WIRE, "before");
        presence_put(phone, "online", "before");
        assert_shown("online", "before");
        online_client_free(client);
}

Test(facts, a_restart_leaves_a_busy_that_no_device_holds) {
        set_up(&(struct synapse_options){ .busy_timeout_msec = 20000, .no_presence_limit = true });
        presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        synapse_stop(synapse, SIGTERM);
        synapse_continue(synapse);
        presence_put(desk, "offline", "before");
        assert_shown(PRESENCE_BUSY_WIRE, "before");
        /* Synapse looks for the first time 30 s after its start. */
        presence_wait(other, device_user_id(desk), "offline", "before");
}

Test(facts, without_presence_a_write_is_taken_and_ignored) {
        set_up(&(struct synapse_options){ .no_presence = true });
        presence_put(desk, PRESENCE_BUSY_WIRE, "In a call");
        assert_shown("offline", "");
}
