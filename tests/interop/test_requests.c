/* What a call costs the server: writes to begin and to end, and the polls that tell of it. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/desk.h"

/* Of busyd, that reached Synapse by its log from there on. */
static unsigned asked(struct desk *d, long from, const char *method, const char *path) {
        char parts[128];

        (void) snprintf(parts, sizeof(parts), "Processed|\"%s |%s|\"busyd/", method, path);
        return synapse_log_count(d->synapse, from, parts);
}

/* The profile is not pushed: so it is read before it is written and after. */
DESK_TEST(requests, a_call_costs_two_writes_an_output_and_reads_only_of_what_is_not_pushed, 0) {
        long log;

        desk_let_pass(5 * USEC_PER_SEC);
        log = synapse_log_end(d->synapse);
        send_invite(d->peer, d->room, "call1", 60000);
        desk_let_pass(5 * USEC_PER_SEC);
        send_answer(d->phone, d->room, "call1");
        send_select(d->peer, d->room, "call1", d->phone);
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        desk_expect_profile_claim(d, "held");
        desk_let_pass(10 * USEC_PER_SEC);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        desk_expect_profile_claim(d, "free");
        desk_let_pass(10 * USEC_PER_SEC);

        desk_check(d, asked(d, log, "PUT", "/presence/") == 2, "the presence is written %u times",
                   asked(d, log, "PUT", "/presence/"));
        desk_check(d, asked(d, log, "GET", "/presence/") == 0, "the presence is read though it is pushed");
        desk_check(d, asked(d, log, "PUT", "/profile/") == 1 && asked(d, log, "DELETE", "/profile/") == 1,
                   "the profile is written %u times, and cleared %u times", asked(d, log, "PUT", "/profile/"),
                   asked(d, log, "DELETE", "/profile/"));
        desk_check(d, asked(d, log, "GET", "/profile/") <= 4, "the profile is read %u times",
                   asked(d, log, "GET", "/profile/"));
        /* Ringing, answered, our own word come back; the end, and our own word. One more because the first counted
         * poll had no turn: without it nothing would end busy if busyd were gone. */
        desk_check(d, asked(d, log, "GET", "/sync?") <= 7, "%u polls", asked(d, log, "GET", "/sync?"));
        desk_check(d, asked(d, log, "", "") <= 16, "%u requests", asked(d, log, "", ""));
}
