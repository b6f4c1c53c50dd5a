/* What encrypted rooms cost: an account with 10,000 encrypted messages a day, sent by matrix-js-sdk through a real
 * Synapse, all in a room of two people, so that each is decrypted. Once with encrypted-calls = dm, once with it off,
 * and once without busyd, which tells what the other client costs itself, side by side. The day is played in an hour,
 * or in so many as are asked for: the pause between polls is as much shorter, so that each message ends a poll as it
 * would. The user's other client, the one who looks at them, and what Synapse counts go by their own clocks, so what
 * that client looks like is told by a day of 24 hours alone. */
#include "figures.h"
#include "interop/scene.h"
#include "interop/web.h"
#include "relay.h"
#include "usage.h"
#include "util/clock.h"

#define MINUTES 10
#define HOURS   1 /* of a day */
#define PER_DAY 10000

#define POLL_PAUSE_MSEC 5000 /* as shipped */

#define REQUEST_MSEC 60000L

/* Whoever begins to sync takes a turn, also from the client: by then it has had some of its own again. */
#define SETTLE (60 * USEC_PER_SEC)

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

/* Returns how many messages were sent meanwhile. */
static unsigned play(struct scene *s, const char *part) {
        struct desk *d = s->desk;
        unsigned minutes = option("MINUTES", MINUTES), samples, offline;
        unsigned n = PER_DAY * minutes / 60 / option("HOURS", HOURS);

        free(driver_do(s->js, "peer", "chat",
                       json_pack("{ss si si}", "room", s->room, "n", (int) n, "seconds", (int) minutes * 60)));
        samples = look(d, clock_now() + minutes * USEC_PER_MIN, &offline);
        free(driver_do(s->js, "peer", "awaitChat", NULL));
        report(part, "encrypted messages", n, "", "text, a new key each hundred");
        report(part, "the user's other client seen offline", 100.0 * offline / samples, "%", "once a second");
        return n;
}

static void play_with_busyd(struct scene *s, struct relay *relay, const char *part) {
        pid_t busyd = s->desk->world->busyd;
        struct relayed bytes_before = relay_count(relay), bytes_after;
        struct usage before = usage_of(busyd), after;
        unsigned n = play(s, part);

        after = usage_of(busyd);
        bytes_after = relay_count(relay);
        usage_report(part, &before, &after);
        relay_report(part, &bytes_before, &bytes_after);
        report(part, "wake-ups per message", (double) (after.wakeups - before.wakeups) / n, "", NULL);
        report(part, "CPU time per message", (double) (after.cpu - before.cpu) / USEC_PER_MSEC / n, "ms", NULL);
        report(part, "bytes per message, both ways",
               (double) (bytes_after.up + bytes_after.down - bytes_before.up - bytes_before.down) / n, "B", NULL);
}

/* The client syncs as online, the user's phone with the keys as offline, as busyd does. */
static struct online_client *settle(struct scene *s) {
        struct online_client *client = online_client_start(s->desk->phone);

        free(driver_do(s->js, "phone", "rest", NULL));
        let_pass(SETTLE);
        return client;
}

static void configure(struct world *w, const char *encrypted_calls) {
        unsigned pause = POLL_PAUSE_MSEC * option("HOURS", HOURS) / 24;
        SCOPED(free) char *config = NULL;

        cr_assert_geq(asprintf(&config, "[account " ACCOUNT "]\npoll-pause = %ums\nencrypted-calls = %s\n", pause,
                               encrypted_calls),
                      0);
        world_config(w, config);
}

/* NULL: without busyd. */
static void measure(const char *part, const char *word) {
        struct online_client *client;
        struct desk *d = desk_new(&(struct desk_options){ 0 });
        struct relay *relay = relay_new(synapse_url(d->synapse), NULL);
        struct scene s;

        configure(d->world, "dm");
        desk_log_in_at(d, relay_url(relay));
        world_start_online(d->world);
        lift_limits(d);
        s = scene_begin(d);
        verify(&s);
        scene_expect_state(&s, "verified");
        world_kill(d->world);
        if (word) {
                configure(d->world, word);
                world_start_online(d->world);
                scene_expect_state(&s, streq(word, "off") ? "off" : "verified");
        }
        client = settle(&s);
        if (word)
                play_with_busyd(&s, relay, part);
        else
                (void) play(&s, part);
        online_client_free(client);
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

Test(encrypted, without_busyd) {
        measure("Encrypted messages, without busyd", NULL);
}
