/* What busyd costs the user's other client. On a real Synapse with its own limits a client of the user syncs as online
 * every 30 s, and another user looks once a second: how often is the user seen offline, with busyd and without? The
 * two run side by side, each with a Synapse of its own. */
#include "figures.h"
#include "interop/desk.h"
#include "util/clock.h"

#define MINUTES 10

struct seen {
        unsigned samples, offline;
        unsigned busyd_polls, client_polls;
};

static struct seen look(struct desk *d, struct online_client *client) {
        usec_t until = clock_now() + option("MINUTES", MINUTES) * USEC_PER_MIN;
        unsigned polls = online_client_polls(client);
        long log = synapse_log_end(d->synapse);
        struct seen seen = { 0 };

        while (clock_now() < until) {
                struct shown_presence p = device_presence_get(d->peer, d->me);

                seen.samples++;
                seen.offline += streq(p.state, "offline");
                let_pass(USEC_PER_SEC);
        }
        seen.client_polls = online_client_polls(client) - polls;
        seen.busyd_polls = synapse_log_count(d->synapse, log, "Received request: GET |/sync?|set_presence=offline");
        return seen;
}

static void measure(const char *part, bool with_busyd) {
        struct desk *d = desk_new(&(struct desk_options){ 0 });
        struct online_client *client;
        struct seen seen;

        if (with_busyd) {
                world_config(d->world, ""); /* as shipped */
                desk_log_in(d);
                world_start_online(d->world);
        }
        client = online_client_start(d->phone);
        desk_expect(d, "online", "before");
        seen = look(d, client);
        report(part, "samples", seen.samples, "", "one a second, by another user");
        report(part, "seen offline", 100.0 * seen.offline / seen.samples, "%", NULL);
        report(part, "polls of the client", seen.client_polls, "", "30 s each");
        report(part, "polls of busyd begun", seen.busyd_polls, "", NULL);
        online_client_free(client);
        desk_end(d);
}

Test(fairness, without_busyd) {
        measure("Fairness on Synapse: client that syncs as online, without busyd", false);
}

Test(fairness, with_busyd) {
        measure("Fairness on Synapse: client that syncs as online, with busyd", true);
}
