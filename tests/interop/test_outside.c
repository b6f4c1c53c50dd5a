/* An account that nobody has logged in to here: its token is printed by a command, and Synapse says whose it is. */
#include <stdio.h>
#include <unistd.h>

#include "interop/desk.h"
#include "state/session.h"

Test(outside, a_token_alone_is_an_account) {
        struct desk *d = desk_new(&(struct desk_options){ .config = NULL });
        SCOPED(session_done) struct session session = { .user_id = NULL };
        SCOPED(free) char *config = NULL;

        desk_log_in(d);
        cr_assert_eq(session_load(world_state_path(d->world, ""), ACCOUNT, &session), 0);
        cr_assert_eq(session_remove(world_state_path(d->world, ""), ACCOUNT), 0);
        file_put(world_path(d->world, "token"), session.access_token);
        cr_assert(asprintf(&config,
                           "[busyd]\nend-grace = 0s\n[account " ACCOUNT "]\nmessage = " DESK_MESSAGE "\n"
                           "homeserver = %s\nuser-id = %s\ntoken-command = cat \"$HOME/../token\"\n",
                           synapse_url(d->synapse), d->me) > 0);
        world_config(d->world, config);
        world_start_online(d->world);
        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        desk_check(d, access(world_state_path(d->world, "session-" ACCOUNT ".json"), F_OK) < 0, "stored");
        desk_end(d);
}
