/* What encrypted rooms cost: an account with 10,000 encrypted messages a day, played in an hour by matrix-js-sdk on a
 * real Synapse, all in a room of two people, so that each is decrypted. Once with encrypted-calls = dm and once with
 * it off, side by side. The pause between polls is as much shorter as the day is, so that each message ends a poll as
 * it would; the user's other client and the one who looks at them go by their own clocks. */
#include "figures.h"
#include "interop/scene.h"
#include "interop/web.h"
#include "relay.h"
#include "usage.h"
#include "util/clock.h"

#define MINUTES  10
#define PER_HOUR 10000

/* 5 s of a day. */
#define CONFIG "[account " ACCOUNT "]\npoll-pause = 208ms\nencrypted-calls = "

#define REQUEST_MSEC 60000L

#define SETTLE (20 * USEC_PER_SEC)

static void lift_limits(struct desk *d) {
        struct device *admin = device_login(d->synapse, SYNAPSE_ADMIN);
        SCOPED(free) char *url = NULL;
        struct web_reply reply;

        cr_assert_geq(asprintf(&url, "%s/_synapse/admin/v1/users/%s/override_ratelimit", device_base_url(admin),
                               device_user_id(d->peer)),
                      0);
        reply = web_request("POST", url, device_token(admin),
                            json_pack("{s:i, s:i}", "messages_per_second", 0, "burst_count", 0), REQUEST_MSEC);
        desk_check(d, reply.status == 200, "override_ratelimit: %ld", reply.status);
        json_decref(reply.body);
        device_free(admin);
}

static void verify(struct scene *s) {
        SCOPED_RUN run = scene_run_verify(s);

        desk_check(s->desk, run.code == 0, "busyctl verify: %d %s%s", run.code, run.out, run.err);
        scene_expect_believed(s, "peer", "signed");
}

/* A second after the other: what another user sees of the user, whose client syncs as online. */
static unsigned look(struct desk *d, usec_t until, unsigned *ret_offline) {
        unsigned samples = 0, offline = 0;

        while (clock_now() < until) {
                struct shown_presence p = device_presence_get(d->peer, d->me);

                samples++;
                offline += streq(p.state, "offline");
                let_pass(USEC_PER_SEC);
        }
        *ret_offline = offline;
        return samples;
}

static void sample(struct scene *s, struct relay *relay, const char *part) {
        struct desk *d = s->desk;
        unsigned minutes = option("MINUTES", MINUTES), n = PER_HOUR * minutes / 60, samples, offline;
        struct online_client *client = online_client_start(d->phone);
        struct relayed bytes_before, bytes_after;
        struct usage before, after;

        /* It syncs as offline, as busyd does. */
        free(driver_do(s->js, "phone", "rest", NULL));
        let_pass(SETTLE);
        free(driver_do(s->js, "peer", "chat",
                       json_pack("{ss si si}", "room", s->room, "n", (int) n, "seconds", (int) minutes * 60)));
        bytes_before = relay_count(relay);
        before = usage_of(d->world->busyd);
        samples = look(d, clock_now() + minutes * USEC_PER_MIN, &offline);
        free(driver_do(s->js, "peer", "awaitChat", NULL));
        after = usage_of(d->world->busyd);
        bytes_after = relay_count(relay);
        online_client_free(client);
        report(part, "encrypted messages", n, "", "text, a new key each hundred");
        usage_report(part, &before, &after);
        relay_report(part, &bytes_before, &bytes_after);
        report(part, "wake-ups per message", (double) (after.wakeups - before.wakeups) / n, "", NULL);
        report(part, "CPU time per message", (double) (after.cpu - before.cpu) / USEC_PER_MSEC / n, "ms", NULL);
        report(part, "bytes per message, both ways",
               (double) (bytes_after.up + bytes_after.down - bytes_before.up - bytes_before.down) / n, "B", NULL);
        report(part, "the user's other client seen offline", 100.0 * offline / samples, "%", "once a second");
}

static void measure(const char *part, const char *word) {
        struct desk *d = desk_new(&(struct desk_options){ 0 });
        struct relay *relay = relay_new(synapse_url(d->synapse), NULL);
        struct scene s;

        world_config(d->world, CONFIG "dm\n");
        desk_log_in_at(d, relay_url(relay));
        world_start_online(d->world);
        lift_limits(d);
        s = scene_begin(d);
        verify(&s);
        scene_expect_state(&s, "verified");
        world_kill(d->world);
        world_config(d->world, streq(word, "off") ? CONFIG "off\n" : CONFIG "dm\n");
        world_start_online(d->world);
        scene_expect_state(&s, streq(word, "off") ? "off" : "verified");
        sample(&s, relay, part);
        scene_end(&s);
        relay_free(relay);
        desk_end(d);
}

Test(encrypted, read) {
        measure("Encrypted messages, encrypted-calls = dm", "dm");
}

Test(encrypted, off) {
        measure("Encrypted messages, encrypted-calls = off", "off");
}
