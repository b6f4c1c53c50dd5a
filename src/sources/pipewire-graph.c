/* Follows the registry, see pipewire-graph.h. Nodes of interest are bound, as state and most properties come only with
 * their info events; so are their clients, and before them, so that a node that runs has its names; links say enough
 * by themselves.
 *
 * The snapshot is complete after two answers: with the first all globals are known and those of interest bound, with
 * the second their state has come. */
#ifdef WITH_PIPEWIRE

#include "sources/pipewire-graph.h"

#include <errno.h>
#include <pipewire/pipewire.h>
#include <stdio.h>
#include <sys/queue.h>

#include "sources/owner.h"
#include "sources/pipewire-connection.h"
#include "sources/pipewire-library.h"
#include "util/log.h"

#define SYNCS_OF_SNAPSHOT 2

enum kind { KIND_NODE, KIND_CLIENT, KIND_LINK, KINDS };

struct object {
        struct node node; /* only facts are used for clients; first, so that a node is its object */
        enum kind kind;
        uint32_t global;
        uint32_t from, to;      /* of a link: globals of its nodes */
        struct pw_proxy *proxy; /* NULL: not bound */
        struct spa_hook hook;
        struct graph *graph;
        bool told; /* its state and properties have come */
        bool identified;
        char app[GRAPH_APP_MAX];
        TAILQ_ENTRY(object) entry;
};

struct graph {
        struct pipewire_connection *connection;
        struct pw_registry *registry;
        struct spa_hook registry_hook;
        TAILQ_HEAD(objects, object) objects;
        size_t n[KINDS];
        enum graph_state state;
        int syncs;
        bool changed;
        bool limit_told;
        bool playback_watched;
        char problem[128];
        struct graph_listener listeners[GRAPH_LISTENERS_MAX]; /* changed NULL: free */
};

/* libpipewire's context is one per process by its nature, and costs too much to have it once per source. */
static struct graph *shared_graph;

/* ---- objects ---- */

static struct object *find(const struct graph *g, enum kind kind, uint32_t global) {
        struct object *o;

        TAILQ_FOREACH(o, &g->objects, entry)
        if (o->kind == kind && o->global == global)
                return o;
        return NULL;
}

static void take_props(struct object *o, const struct spa_dict *props) {
        const struct spa_dict_item *item;

        if (!props)
                return;
        spa_dict_for_each(item, props) if (facts_set(&o->node.facts, item->key, item->value) < 0)
                log_warning("Out of memory: a property of a PipeWire object is lost");
}

static void unbind(struct object *o) {
        if (!o->proxy)
                return;
        spa_hook_remove(&o->hook);
        pipewire_library()->proxy_destroy(o->proxy);
        o->proxy = NULL;
        o->told = o->node.running = false;
}

static void object_free(struct object *o) {
        struct graph *g = o->graph;

        unbind(o);
        TAILQ_REMOVE(&g->objects, o, entry);
        g->n[o->kind]--;
        g->changed = true;
        for (size_t i = 0; i < GRAPH_LISTENERS_MAX && o->kind == KIND_NODE; i++)
                if (g->listeners[i].gone)
                        g->listeners[i].gone(g->listeners[i].userdata, o->node.id);
        facts_done(&o->node.facts);
        free(o);
}

static void name_node(struct node *n, uint32_t global) {
        const char *serial = fact(&n->facts, FACT_SERIAL);

        /* Servers without serials are older than this library, and reuse ids no less. */
        if (serial[0] && strlen(serial) < sizeof(n->id))
                (void) snprintf(n->id, sizeof(n->id), "%s", serial);
        else
                (void) snprintf(n->id, sizeof(n->id), "global %u", global);
}

static struct object *object_new(struct graph *g, enum kind kind, uint32_t global, const struct spa_dict *props) {
        struct object *o;

        if (g->n[kind] >= GRAPH_OBJECTS_MAX) {
                if (!g->limit_told)
                        log_warning("PipeWire has more than %d objects of a kind; the rest is not looked at",
                                    GRAPH_OBJECTS_MAX);
                g->limit_told = true;
                return NULL;
        }
        o = calloc(1, sizeof(*o));
        if (!o)
                return NULL;
        o->graph = g;
        o->kind = kind;
        o->global = global;
        take_props(o, props);
        name_node(&o->node, global);
        TAILQ_INSERT_TAIL(&g->objects, o, entry);
        g->n[kind]++;
        g->changed = true;
        return o;
}

/* ---- nodes and clients ---- */

static void on_node_info(void *userdata, const struct pw_node_info *info) {
        struct object *o = userdata;

        o->told = true;
        o->node.running = info->state == PW_NODE_STATE_RUNNING;
        if (info->change_mask & PW_NODE_CHANGE_MASK_PROPS)
                take_props(o, info->props);
        o->graph->changed = true;
}

static void on_client_info(void *userdata, const struct pw_client_info *info) {
        struct object *o = userdata;
        struct object *n;

        if (!(info->change_mask & PW_CLIENT_CHANGE_MASK_PROPS))
                return;
        take_props(o, info->props);
        TAILQ_FOREACH(n, &o->graph->objects, entry)
        n->identified = false;
        o->graph->changed = true;
}

static const struct pw_node_events node_events = { PW_VERSION_NODE_EVENTS, .info = on_node_info };
static const struct pw_client_events client_events = { PW_VERSION_CLIENT_EVENTS, .info = on_client_info };

static void bind_object(struct object *o, const char *type, uint32_t version, const void *events) {
        o->proxy = pw_registry_bind(o->graph->registry, o->global, type, version, 0);
        if (o->proxy)
                pipewire_library()->proxy_add_object_listener(o->proxy, &o->hook, events, o);
        else
                log_debug("PipeWire object %u cannot be bound: %s", o->global, strerror(errno));
}

static bool is_wanted(const struct facts *f) {
        return facts_are_capture(f) || facts_are_playback(f) || facts_are_video_consumer(f) || facts_are_camera(f);
}

static struct object *client_of(const struct graph *g, const struct facts *node) {
        const char *id = fact(node, FACT_CLIENT_ID);

        return id[0] ? find(g, KIND_CLIENT, (uint32_t) strtoul(id, NULL, 10)) : NULL;
}

static void bind_client(struct object *client) {
        if (client && !client->proxy)
                bind_object(client, PW_TYPE_INTERFACE_Client, PW_VERSION_CLIENT, &client_events);
}

/* What plays is nobody's business until something records: each song that begins would wake us. */
static void bind_node(struct object *o) {
        if (o->proxy || (facts_are_playback(&o->node.facts) && !o->graph->playback_watched))
                return;
        bind_client(client_of(o->graph, &o->node.facts));
        bind_object(o, PW_TYPE_INTERFACE_Node, PW_VERSION_NODE, &node_events);
}

static void add_node(struct graph *g, uint32_t global, const struct spa_dict *props) {
        struct object *o = object_new(g, KIND_NODE, global, props);

        if (!o)
                return;
        if (!is_wanted(&o->node.facts)) {
                object_free(o);
                return;
        }
        bind_node(o);
}

void graph_watch_playback(struct graph *g, bool watch) {
        struct object *o;

        if (g->playback_watched == watch)
                return;
        g->playback_watched = watch;
        TAILQ_FOREACH(o, &g->objects, entry)
        if (o->kind != KIND_NODE || !facts_are_playback(&o->node.facts))
                continue;
        else if (watch)
                bind_node(o);
        else
                unbind(o);
}

static void add_link(struct graph *g, uint32_t global, const struct spa_dict *props) {
        const char *from = props ? spa_dict_lookup(props, PW_KEY_LINK_OUTPUT_NODE) : NULL;
        const char *to = props ? spa_dict_lookup(props, PW_KEY_LINK_INPUT_NODE) : NULL;
        struct object *o = from && to ? object_new(g, KIND_LINK, global, NULL) : NULL;

        if (!o)
                return;
        o->from = (uint32_t) strtoul(from, NULL, 10);
        o->to = (uint32_t) strtoul(to, NULL, 10);
}

/* ---- the registry ---- */

static void on_global_remove(void *userdata, uint32_t global) {
        struct graph *g = userdata;

        for (size_t kind = 0; kind < KINDS; kind++) {
                struct object *o = find(g, (enum kind) kind, global);

                if (o)
                        object_free(o);
        }
}

static void on_global(void *userdata, uint32_t global, uint32_t permissions, const char *type, uint32_t version,
                      const struct spa_dict *props) {
        struct graph *g = userdata;

        /* An id comes again only after its removal; should that have been missed, the old one is gone all the same. */
        on_global_remove(g, global);
        if (streq(type, PW_TYPE_INTERFACE_Node))
                add_node(g, global, props);
        else if (streq(type, PW_TYPE_INTERFACE_Client))
                (void) object_new(g, KIND_CLIENT, global, props);
        else if (streq(type, PW_TYPE_INTERFACE_Link))
                add_link(g, global, props);
}

static const struct pw_registry_events registry_events = {
        PW_VERSION_REGISTRY_EVENTS,
        .global = on_global,
        .global_remove = on_global_remove,
};

/* ---- the connection ---- */

static void tell(struct graph *g) {
        g->changed = false;
        for (size_t i = 0; i < GRAPH_LISTENERS_MAX; i++)
                if (g->listeners[i].changed)
                        g->listeners[i].changed(g->listeners[i].userdata);
}

static void on_up(void *userdata, struct pw_registry *registry) {
        struct graph *g = userdata;

        g->registry = registry;
        g->syncs = 0;
        spa_zero(g->registry_hook);
        (void) pw_registry_add_listener(registry, &g->registry_hook, &registry_events, g);
        pipewire_connection_sync(g->connection);
}

/* The snapshot may tell a node before its client. */
static void bind_clients(struct graph *g) {
        struct object *o;

        TAILQ_FOREACH(o, &g->objects, entry)
        if (o->kind == KIND_NODE && o->proxy)
                bind_client(client_of(g, &o->node.facts));
}

static void on_synced(void *userdata) {
        struct graph *g = userdata;

        if (++g->syncs < SYNCS_OF_SNAPSHOT) {
                bind_clients(g);
                pipewire_connection_sync(g->connection);
                return;
        }
        g->state = GRAPH_COMPLETE;
        g->changed = true;
}

static void on_turn(void *userdata) {
        struct graph *g = userdata;

        if (g->changed && g->state == GRAPH_COMPLETE)
                tell(g);
}

static void clear(struct graph *g) {
        while (!TAILQ_EMPTY(&g->objects))
                object_free(TAILQ_FIRST(&g->objects));
        if (g->registry)
                spa_hook_remove(&g->registry_hook);
        g->registry = NULL;
}

static void on_down(void *userdata, const char *problem) {
        struct graph *g = userdata;

        clear(g);
        g->state = GRAPH_DOWN;
        (void) snprintf(g->problem, sizeof(g->problem), "%s", problem);
        tell(g);
}

static const struct pipewire_connection_ops connection_ops = {
        .up = on_up,
        .synced = on_synced,
        .turn = on_turn,
        .down = on_down,
};

/* ---- for sources ---- */

static int graph_new(struct graph **ret, sd_event *event) {
        struct graph *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        TAILQ_INIT(&g->objects);
        r = pipewire_connection_new(&g->connection, event, &connection_ops, g);
        if (r < 0) {
                free(g);
                return r;
        }
        *ret = g;
        return 0;
}

int graph_join(struct graph **ret, sd_event *event, const struct graph_listener *listener, size_t *ret_slot) {
        int r = shared_graph ? 0 : graph_new(&shared_graph, event);

        if (r < 0)
                return r;
        for (size_t i = 0; i < GRAPH_LISTENERS_MAX; i++)
                if (!shared_graph->listeners[i].changed) {
                        shared_graph->listeners[i] = *listener;
                        *ret_slot = i;
                        *ret = shared_graph;
                        return 0;
                }
        return -EBUSY;
}

void graph_leave(struct graph *g, size_t slot) {
        g->listeners[slot] = (struct graph_listener){ 0 };
        for (size_t i = 0; i < GRAPH_LISTENERS_MAX; i++)
                if (g->listeners[i].changed)
                        return;
        clear(g);
        (void) pipewire_connection_free(g->connection);
        free(g);
        shared_graph = NULL;
}

usec_t graph_run(struct graph *g, usec_t now) {
        return pipewire_connection_run(g->connection, now);
}

enum graph_state graph_state(const struct graph *g) {
        return g->state;
}

const char *graph_problem(const struct graph *g) {
        return g->problem;
}

struct node *graph_next(struct graph *g, struct node *previous) {
        struct object *o = previous ? TAILQ_NEXT((struct object *) previous, entry) : TAILQ_FIRST(&g->objects);

        while (o && (o->kind != KIND_NODE || !o->told))
                o = TAILQ_NEXT(o, entry);
        return o ? &o->node : NULL;
}

bool graph_is_linked(const struct graph *g, const struct node *from, const struct node *to) {
        const struct object *a = (const struct object *) from, *b = (const struct object *) to, *o;

        TAILQ_FOREACH(o, &g->objects, entry)
        if (o->kind == KIND_LINK && o->from == a->global && o->to == b->global)
                return true;
        return false;
}

/* ---- whose node it is ---- */

static bool is_sandboxed(const struct facts *client) {
        const char *access = fact(client, FACT_CLIENT_ACCESS);

        if (access[0] == '\0')
                access = fact(client, FACT_ACCESS);
        return streq(access, "portal") || streq(access, "flatpak") || streq(access, "restricted");
}

/* 0: not known for sure. */
static pid_t process_of(const struct facts *client) {
        if (!client || is_sandboxed(client))
                return 0;
        if (!streq(fact(client, FACT_CLIENT_API), "pipewire-pulse"))
                return (pid_t) strtol(fact(client, FACT_CLIENT_PID), NULL, 10);
        return owner_process(fact(client, FACT_APP_PID), fact(client, FACT_APP_BINARY));
}

const struct facts *graph_client(const struct graph *g, const struct node *n) {
        const struct object *client = client_of(g, &n->facts);

        return client ? &client->node.facts : NULL;
}

pid_t graph_process(const struct graph *g, const struct node *n) {
        return process_of(graph_client(g, n));
}

const char *graph_identify(struct graph *g, struct node *n, struct app_names *ret_names) {
        struct object *o = (struct object *) n;
        const struct facts *client = graph_client(g, n);

        *ret_names = (struct app_names){ 0 };
        app_names_add_facts(ret_names, &n->facts);
        if (client)
                app_names_add_facts(ret_names, client);
        if (!o->identified)
                (void) owner_identify(o->app, sizeof(o->app), process_of(client), &n->facts, client);
        o->identified = true;
        app_names_add(ret_names, o->app);
        return o->app;
}

#endif
