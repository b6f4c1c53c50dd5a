/* Another client of the user keeps them online: Synapse lets it catch busy and keep it, which busyd can neither
 * prevent nor cure with its own session. So by default it does not try, and if told to, it says what became of it. */
#include <stdlib.h>

#include "interop/desk.h"

/* Synapse's own presence limit may swallow the poll that follows the push of busy; the one after that counts. */
#define POLLS_TO_CATCH_BUSY 3

/* Of 30 s each; the first may be under way already. Less than 90 s could be a one-shot, and does not count. */
#define POLLS_IN_TWO_MINUTES 5

DESK_TEST(other_client, auto_shows_only_the_message, 0) {
        struct online_client *client = online_client_start(d->phone);
        SCOPED(free) char *note = NULL;
        unsigned polls;

        desk_expect(d, "online", "before");
        polls = online_client_polls(client);
        online_client_wait_polls(client, polls + POLLS_IN_TWO_MINUTES);
        desk_call_in(d, "call1");
        desk_expect(d, "online", DESK_MESSAGE);
        desk_expect_claim(d, "held");
        note = desk_output(d, "note");
        desk_check(d, strlen(note) > 0, "status does not say why it is less than busy");

        polls = online_client_polls(client);
        online_client_wait_polls(client, polls + POLLS_TO_CATCH_BUSY);
        desk_shows(d, "online", DESK_MESSAGE);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "online", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        online_client_free(client);
}

DESK_TEST(other_client, busy_that_sticks_is_said, .config = "presence = busy\n") {
        struct online_client *client = online_client_start(d->phone);
        SCOPED(free) char *note = NULL;
        unsigned polls;
        long log;

        desk_expect(d, "online", "before");
        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        polls = online_client_polls(client);
        online_client_wait_polls(client, polls + POLLS_TO_CATCH_BUSY);

        log = synapse_log_end(d->synapse);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, PRESENCE_BUSY_WIRE, "before");
        desk_expect_claim(d, "stuck");
        note = desk_output(d, "note");
        desk_check(d, strlen(note) > 0, "status does not say what holds it and what ends it");

        /* It does not fight: a poll of the client later there is no further write. */
        polls = online_client_polls(client);
        online_client_wait_polls(client, polls + 1);
        desk_check(d, desk_writes(d, log) <= 3, "busyd goes on writing");

        /* What ends it, does. */
        device_presence_put(d->phone, "online", "before");
        desk_expect(d, "online", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        online_client_free(client);
}
