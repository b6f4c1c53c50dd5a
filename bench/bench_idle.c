/* What busyd costs while nothing happens: every source on, an account that polls the scripted homeserver, default
 * configuration. Once with PipeWire and once without; the two run side by side. */
#include "contender.h"
#include "figures.h"
#include "relay.h"
#include "system/mock.h"
#include "system/sound.h"
#include "usage.h"

#define MINUTES 10

/* The start is no part of idling: what is put off by a few seconds has happened by then. */
#define SETTLE (20 * USEC_PER_SEC)

static struct mock *modem_new(struct world *w, const struct private_bus *bus) {
        return mock_new(w, bus,
                        &(struct mock_options){ "org.freedesktop.ModemManager1", "/org/freedesktop/ModemManager1",
                                                "org.freedesktop.ModemManager1", .has_objects = true });
}

/* "pipewire watching, ..." is what the figures are worth. The caller frees. */
static char *sources_of(struct world *w) {
        SCOPED_RUN run = world_busyctl(w, NULL, "sources", NULL);
        char *text = strdup(run.out);

        for (char *p = text; *p; p++)
                if (*p == '\n')
                        *p = p[1] ? ';' : 0;
        return text;
}

static void sample(struct world *w, struct relay *relay, const char *part) {
        unsigned minutes = option("MINUTES", MINUTES);
        SCOPED(free) char *sources = sources_of(w);
        struct relayed bytes_before, bytes_after;
        struct usage before, after;
        size_t polls;

        let_pass(SETTLE);
        polls = hs_n_requests(w->hs);
        bytes_before = relay_count(relay);
        before = usage_of(w->busyd);
        let_pass(minutes * USEC_PER_MIN);
        after = usage_of(w->busyd);
        bytes_after = relay_count(relay);
        progress("%s: sources: %s", part, sources);
        usage_report(part, &before, &after);
        relay_report(part, &bytes_before, &bytes_after);
        report(part, "requests", (double) hs_count(w->hs, (struct hs_match){ 0 }, polls), "", "of busyd");
}

static void idle(struct world *w, const char *part, const char *config) {
        struct private_bus *bus = world_system_bus(w);
        struct mock *mm = modem_new(w, bus);
        struct sound sound = sound_start(w);
        struct relay *relay = relay_new(hs_url(w->hs), NULL);

        contender_session(w, relay);
        world_config(w, config);
        world_start_online(w);
        expect_source(w, "modemmanager", "watching");
        sample(w, relay, part);
        cr_assert_eq(world_stop(w), 0);
        relay_free(relay);
        sound_kill(w, &sound);
        mock_free(mm);
        private_bus_free(bus);
}

WORLD_TEST(idle, all_sources, .no_session = true) {
        idle(w, "Idle, all sources on, one account", "");
}

WORLD_TEST(idle, without_pipewire, .no_session = true) {
        idle(w, "Idle, PipeWire off, one account", "[source pipewire]\nenabled = no\n[source camera]\nenabled = no\n");
}
