/* How long a call at the microphone takes to be seen: from the stream running, as another client of the real PipeWire
 * is told, to the property on the bus. hint-delay is 0: what a user sees comes that much later. */
#include <pipewire/pipewire.h>

#include "bus_watch.h"
#include "figures.h"
#include "system/sound.h"
#include "util/clock.h"

#define STREAMS 200
#define PART    "PipeWire: stream running -> Availability changed"
#define SOUND   BUSYD_PATH "/source/pipewire"

#define NO_DELAYS "[busyd]\nstart-delay = 0s\nhint-delay = 0s\nend-grace = 0s\nhint-end-grace = 0s\n"

/* Follows the newest capture stream. */
struct listener {
        struct pw_loop *loop;
        struct pw_context *context;
        struct pw_core *core;
        struct pw_registry *registry;
        struct spa_hook registry_hook, node_hook;
        struct pw_proxy *node;
        uint32_t id;
        usec_t running_at; /* 0: not running */
};

static void on_info(void *userdata, const struct pw_node_info *info) {
        struct listener *l = userdata;

        if (info->state == PW_NODE_STATE_RUNNING && l->running_at == 0)
                l->running_at = clock_now();
}

static const struct pw_node_events node_events = { PW_VERSION_NODE_EVENTS, .info = on_info };

static void drop_node(struct listener *l) {
        if (!l->node)
                return;
        spa_hook_remove(&l->node_hook);
        pw_proxy_destroy(l->node);
        l->node = NULL;
}

static void on_global(void *userdata, uint32_t id, uint32_t permissions, const char *type, uint32_t version,
                      const struct spa_dict *properties) {
        struct listener *l = userdata;
        const char *class = properties ? spa_dict_lookup(properties, PW_KEY_MEDIA_CLASS) : NULL;

        if (!streq(type, PW_TYPE_INTERFACE_Node) || !class || !streq(class, "Stream/Input/Audio"))
                return;
        drop_node(l);
        l->id = id;
        l->running_at = 0;
        l->node = pw_registry_bind(l->registry, id, type, PW_VERSION_NODE, 0);
        pw_node_add_listener((struct pw_node *) l->node, &l->node_hook, &node_events, l);
}

static void on_global_remove(void *userdata, uint32_t id) {
        struct listener *l = userdata;

        if (l->node && l->id == id)
                drop_node(l);
}

static const struct pw_registry_events registry_events = { PW_VERSION_REGISTRY_EVENTS, .global = on_global,
                                                           .global_remove = on_global_remove };

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct listener *l = userdata;

        pw_loop_enter(l->loop);
        (void) pw_loop_iterate(l->loop, 0);
        pw_loop_leave(l->loop);
        return 0;
}

static void listener_start(struct listener *l, sd_event *event, struct world *w) {
        struct pw_properties *properties = pw_properties_new(PW_KEY_REMOTE_NAME, world_path(w, "runtime/pipewire-0"),
                                                             PW_KEY_APP_NAME, "busyd-bench", NULL);

        pw_init(NULL, NULL);
        l->loop = pw_loop_new(NULL);
        l->context = pw_context_new(l->loop, NULL, 0);
        l->core = l->context ? pw_context_connect(l->context, properties, 0) : NULL;
        check(w, l->core, "cannot listen at PipeWire: %m");
        l->registry = pw_core_get_registry(l->core, PW_VERSION_REGISTRY, 0);
        pw_registry_add_listener(l->registry, &l->registry_hook, &registry_events, l);
        check(w, sd_event_add_io(event, NULL, pw_loop_get_fd(l->loop), EPOLLIN, on_io, l) >= 0, "no loop");
        check(w, on_io(NULL, -1, 0, l) == 0, "no loop");
}

static void listener_stop(struct listener *l) {
        drop_node(l);
        spa_hook_remove(&l->registry_hook);
        pw_proxy_destroy((struct pw_proxy *) l->registry);
        pw_core_disconnect(l->core);
        pw_context_destroy(l->context);
        pw_loop_destroy(l->loop);
        pw_deinit();
}

static bool is_running(void *userdata) {
        return ((struct listener *) userdata)->running_at != 0;
}

static bool is_gone(void *userdata) {
        return !((struct listener *) userdata)->node;
}

static usec_t one_stream(struct world *w, sd_event *event, struct listener *l, struct bus_watch *shown) {
        pid_t call =
                sound_record(w, MIC, "application.name=ZOOM VoiceEngine", "application.process.binary=zoom", NULL);
        usec_t changed = bus_watch_wait(shown, w, "busy"), running;

        loop_until(event, w, is_running, l, "the stream is running");
        running = l->running_at;
        process_kill(call);
        bus_watch_wait(shown, w, "free");
        loop_until(event, w, is_gone, l, "the stream is gone");
        l->running_at = 0;
        /* Both are told at once: the listener may be second. */
        return changed > running ? changed - running : 0;
}

WORLD_TEST(latency, stream, .no_homeserver = true) {
        unsigned streams = option("CALLS", STREAMS);
        struct sound sound = sound_start(w);
        struct listener listener = { 0 };
        struct bus_watch *shown;
        struct samples samples;
        sd_event *event;

        samples_init(&samples, streams);
        world_config(w, NO_DELAYS);
        world_start(w);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "State", "watching"), "microphones are not watched");
        check(w, sd_event_new(&event) >= 0, "no loop");
        listener_start(&listener, event, w);
        shown = bus_watch_new(event, w->bus, BUSYD_PATH, BUSYD_MANAGER, "Availability");
        for (unsigned i = 0; i < streams; i++)
                samples_add(&samples, one_stream(w, event, &listener, shown));
        samples_report(&samples, PART, "both seen by one program; hint-delay 0");
        samples_done(&samples);
        bus_watch_free(shown);
        listener_stop(&listener);
        sd_event_unref(event);
        sound_kill(w, &sound);
}
