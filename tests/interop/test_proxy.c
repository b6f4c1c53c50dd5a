/* Synapse behind a proxy with a name of its own, at an address that is for clients only: what the server is must be
 * found out by other signs, and where there are none, it may be one that copies busy to other devices. */
#include <stdlib.h>

#include "interop/desk.h"
#include "interop/proxy.h"

/* busyd knows the server by that name, "" for none. */
static void expect_server(struct desk *d, const char *name) {
        json_t *accounts = desk_ask(d, "accounts");
        const char *server = json_string_value(json_object_get(json_array_get(accounts, 0), "server"));

        desk_check(d, server && strncmp(server, name, strlen(name)) == 0 && (*name || !*server),
                   "the server is taken for \"%s\"", server);
        json_decref(accounts);
}

/* Others see the message come and go, and never a busy that the other client would keep. */
static void expect_message_only(struct desk *d, struct witness *w, const char *call) {
        SCOPED(free) char *coming = NULL, *going = NULL;

        desk_call_in(d, call);
        coming = witness_until(w, "online " DESK_MESSAGE);
        desk_expect_claim(d, "held");
        send_hangup(d->peer, d->room, call, "user_hangup");
        going = witness_until(w, "online before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        desk_check(d, !strstr(coming, "busy") && !strstr(going, "busy"), "busy was shown:\n%s%s", coming, going);
}

static void have_calls_behind_a_proxy(bool hide_features, const char *server) {
        struct desk *d = desk_new(&(struct desk_options){ .config = NULL });
        struct online_client *client = online_client_start(d->phone);
        struct proxy *proxy = proxy_start(d->synapse, hide_features);
        struct witness *w = witness_start(d->other, d->me);

        desk_log_in_at(d, proxy_url(proxy));
        world_start_online(d->world);
        expect_server(d, server);
        expect_message_only(d, w, "call1");
        desk_let_pass(6 * USEC_PER_SEC);
        expect_message_only(d, w, "call2");
        /* A poll of the client later it is still so. */
        online_client_wait_polls(client, online_client_polls(client) + 1);
        desk_shows(d, "online", "before");

        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        witness_free(w);
        online_client_free(client);
        proxy_free(proxy);
        desk_end(d);
}

Test(proxy, a_synapse_with_another_name_is_known_by_what_it_can) {
        have_calls_behind_a_proxy(false, "Synapse");
}

Test(proxy, a_server_with_busy_that_is_not_known_is_taken_for_one_that_copies_it) {
        have_calls_behind_a_proxy(true, "");
}
