/* A big account on a real Synapse: what the first sync takes, and what the account costs while nothing happens. The
 * rooms are made here, by the user, which takes minutes. */
#include "figures.h"
#include "interop/desk.h"
#include "interop/web.h"
#include "relay.h"
#include "usage.h"
#include "util/clock.h"

#define ROOMS   2000
#define MINUTES 10
#define PART    "Big account on Synapse"

#define REQUEST_MSEC 600000L

#define SETTLE (20 * USEC_PER_SEC)

/* The administrator lifts Synapse's limits for the user, or puts them back. */
static void lift_limits(struct desk *d, bool lift) {
        struct device *admin = device_login(d->synapse, SYNAPSE_ADMIN);
        SCOPED(free) char *url = NULL;
        struct web_reply reply;

        cr_assert_geq(
                asprintf(&url, "%s/_synapse/admin/v1/users/%s/override_ratelimit", device_base_url(admin), d->me), 0);
        reply = web_request(lift ? "POST" : "DELETE", url, device_token(admin),
                            lift ? json_pack("{s:i, s:i}", "messages_per_second", 0, "burst_count", 0) : NULL,
                            REQUEST_MSEC);
        desk_check(d, reply.status == 200, "override_ratelimit: %ld", reply.status);
        json_decref(reply.body);
        device_free(admin);
}

static void make_rooms(struct desk *d, unsigned n) {
        SCOPED(free) char *url = NULL;

        cr_assert_geq(asprintf(&url, "%s/_matrix/client/v3/createRoom", device_base_url(d->phone)), 0);
        for (unsigned i = 0; i < n; i++) {
                json_t *wish = json_pack("{s:s, s:s}", "preset", "private_chat", "name", "One of many");
                struct web_reply reply = web_request("POST", url, device_token(d->phone), wish, REQUEST_MSEC);

                desk_check(d, reply.status == 200, "createRoom %u: %ld", i, reply.status);
                json_decref(reply.body);
                if ((i + 1) % 100 == 0)
                        progress("%u rooms of %u", i + 1, n);
        }
}

/* What the same first sync is without any filter, for comparison. */
static void sync_unfiltered(struct desk *d, struct relay *relay) {
        struct relayed before = relay_count(relay), after;
        SCOPED(free) char *url = NULL;
        struct web_reply reply;
        usec_t start = clock_now();

        cr_assert_geq(asprintf(&url, "%s/_matrix/client/v3/sync?set_presence=offline", relay_url(relay)), 0);
        reply = web_request("GET", url, device_token(d->phone), NULL, REQUEST_MSEC);
        desk_check(d, reply.status == 200, "sync: %ld", reply.status);
        json_decref(reply.body);
        after = relay_count(relay);
        report(PART, "for comparison, a first sync without filter: received", (double) (after.down - before.down), "B",
               "as for busyd, the listener does not compress");
        report(PART, "for comparison, a first sync without filter: time",
               (double) (clock_now() - start) / USEC_PER_SEC, "s", NULL);
}

static void log_in(struct desk *d, struct relay *relay) {
        SCOPED_RUN run = world_busyctl(d->world, SYNAPSE_PASSWORD "\n", "login", ACCOUNT, "--user", d->me,
                                       "--homeserver", relay_url(relay), "--password-stdin", NULL);

        desk_check(d, run.code == 0, "busyctl login: %d %s%s", run.code, run.out, run.err);
}

static void first_sync(struct desk *d, struct relay *relay) {
        struct relayed before = relay_count(relay), after;
        usec_t start = clock_now();
        struct usage usage;

        world_start_online(d->world);
        report(PART, "start to online", (double) (clock_now() - start) / USEC_PER_SEC, "s", NULL);
        after = relay_count(relay);
        usage = usage_of(d->world->busyd);
        report(PART, "first sync: bytes sent", (double) (after.up - before.up), "B", "with all that goes before it");
        report(PART, "first sync: bytes received", (double) (after.down - before.down), "B", NULL);
        report(PART, "first sync: peak resident memory", (double) usage.rss_peak / (1 << 20), "MiB", "VmHWM");
        report(PART, "first sync: CPU time", (double) usage.cpu / USEC_PER_MSEC, "ms", "from the start of busyd");
}

static void per_hour(const char *what, double count, usec_t length, const char *unit) {
        report(PART, what, count * USEC_PER_HOUR / (double) length, unit,
               "extrapolated; a poll lasts 10 min: a shorter sample sees none");
}

static void idle(struct desk *d, struct relay *relay) {
        struct relayed bytes_before, bytes_after;
        struct usage before, after;

        let_pass(SETTLE);
        bytes_before = relay_count(relay);
        before = usage_of(d->world->busyd);
        let_pass(option("MINUTES", MINUTES) * USEC_PER_MIN);
        after = usage_of(d->world->busyd);
        bytes_after = relay_count(relay);
        usage_report(PART ", idle", &before, &after);
        relay_report(PART ", idle", &bytes_before, &bytes_after);
        per_hour("bytes per idle hour, both ways",
                 (double) (bytes_after.up + bytes_after.down - bytes_before.up - bytes_before.down),
                 after.at - before.at, "B");
        per_hour("wake-ups per idle hour", (double) (after.wakeups - before.wakeups), after.at - before.at, "");
}

Test(big, account) {
        struct desk *d = desk_new(&(struct desk_options){ 0 });
        struct relay *relay = relay_new(synapse_url(d->synapse), NULL);
        unsigned rooms = option("ROOMS", ROOMS);
        usec_t start = clock_now();

        lift_limits(d, true);
        make_rooms(d, rooms);
        lift_limits(d, false);
        report(PART, "joined rooms", rooms + 1, "", NULL);
        progress("made in %.0f s", (double) (clock_now() - start) / USEC_PER_SEC);
        world_config(d->world, ""); /* as shipped */
        log_in(d, relay);
        first_sync(d, relay);
        idle(d, relay);
        cr_assert_eq(world_stop(d->world), 0);
        sync_unfiltered(d, relay);
        relay_free(relay);
        desk_end(d);
}
