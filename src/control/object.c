/* Objects and their values (object.h). */
#include "control/object.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "util/log.h"
#include "util/text.h"

/* A process that loses the processor between the readings wobbles more than the clocks do. */
#define TIME_WOBBLE (100 * USEC_PER_MSEC)

struct object_set {
        sd_bus *bus;
        sd_bus_slot *manager; /* org.freedesktop.DBus.ObjectManager */
        sd_event_source *announce;
        struct object *first;
};

static void value_done(struct value *v) {
        free(v->bytes);
        *v = (struct value){ 0 };
}

static bool value_equal(const struct value *a, const struct value *b) {
        return a->number == b->number && a->size == b->size &&
               (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

/* ---- announcing ---- */

/* Puts the names of what differs from the last announcement into `names` and forgets that it was touched. */
static size_t collect_changed(struct object *o, char **names) {
        size_t n = 0;

        for (size_t i = 0; i < o->type->n_names; i++) {
                if (!o->touched[i])
                        continue;
                if (!value_equal(&o->values[i], &o->before[i]))
                        names[n++] = (char *) o->type->names[i];
                value_done(&o->before[i]);
                o->touched[i] = false;
        }
        names[n] = NULL;
        return n;
}

static int announce(struct object *o) {
        char *changed[OBJECT_PROPERTIES_MAX + 1];
        size_t n = collect_changed(o, changed);

        if (!o->announced) {
                o->announced = true;
                return sd_bus_emit_interfaces_added(o->set->bus, o->path, o->type->interface, NULL);
        }
        return n == 0 ? 0 : sd_bus_emit_properties_changed_strv(o->set->bus, o->path, o->type->interface, changed);
}

void object_set_announced(struct object *o) {
        char *changed[OBJECT_PROPERTIES_MAX + 1];

        (void) collect_changed(o, changed);
        o->announced = true;
}

static int on_announce(sd_event_source *source, void *userdata) {
        struct object_set *s = userdata;

        for (struct object *o = s->first; o; o = o->next) {
                int r = announce(o);

                if (r < 0)
                        log_debug("Cannot announce a change of %s: %s", o->path, strerror(-r));
        }
        return 0;
}

static void announce_later(struct object_set *s) {
        (void) sd_event_source_set_enabled(s->announce, SD_EVENT_ONESHOT);
}

/* ---- values ---- */

/* Takes `v` over. */
static void replace(struct object *o, size_t property, struct value v) {
        struct value *now = &o->values[property];

        if (value_equal(now, &v)) {
                value_done(&v);
                return;
        }
        if (o->touched[property]) {
                value_done(now);
        } else {
                o->before[property] = *now;
                o->touched[property] = true;
        }
        *now = v;
        announce_later(o->set);
}

void object_set_number(struct object *o, size_t property, uint64_t number) {
        replace(o, property, (struct value){ .number = number });
}

void object_set_time(struct object *o, size_t property, usec_t wall) {
        usec_t now = o->values[property].number;

        if (now > 0 && wall > 0 && (wall > now ? wall - now : now - wall) < TIME_WOBBLE)
                return;
        object_set_number(o, property, wall);
}

void object_set_rows(struct object *o, size_t property, const char *const *texts, size_t n) {
        struct value v = { 0 };
        size_t size = 0;

        for (size_t i = 0; i < n; i++)
                size += strlen(texts[i] ? texts[i] : "") + 1;
        v.bytes = size > 0 ? malloc(size) : NULL;
        if (size > 0 && !v.bytes) {
                o->problem = -ENOMEM;
                return;
        }
        for (size_t i = 0; i < n; i++) {
                const char *text = texts[i] ? texts[i] : "";

                /* The printable form is never longer. */
                v.size += strlen(text_printable(v.bytes + v.size, size - v.size, text)) + 1;
        }
        replace(o, property, v);
}

void object_set_text(struct object *o, size_t property, const char *text) {
        object_set_rows(o, property, &text, 1);
}

int object_commit(struct object *o) {
        int r = o->problem;

        o->problem = 0;
        return r;
}

const char *object_text(const struct object *o, size_t property) {
        return o->values[property].bytes ? o->values[property].bytes : "";
}

uint64_t object_number(const struct object *o, size_t property) {
        return o->values[property].number;
}

const char *value_next_text(const struct value *v, const char *previous) {
        const char *next = previous ? previous + strlen(previous) + 1 : v->bytes;

        return next && next < v->bytes + v->size ? next : NULL;
}

OBJECT_GETTER(object_get_text) {
        const struct value *v = userdata;

        return sd_bus_message_append(m, "s", v->bytes ? v->bytes : "");
}

OBJECT_GETTER(object_get_number) {
        const struct value *v = userdata;

        return sd_bus_message_append(m, "t", v->number);
}

OBJECT_GETTER(object_get_number_32) {
        const struct value *v = userdata;

        return sd_bus_message_append(m, "u", (uint32_t) v->number);
}

OBJECT_GETTER(object_get_bool) {
        const struct value *v = userdata;

        return sd_bus_message_append(m, "b", v->number != 0);
}

/* ---- objects ---- */

static struct object *object_free(struct object *o) {
        if (!o)
                return NULL;
        sd_bus_slot_unref(o->slot);
        for (size_t i = 0; i < OBJECT_PROPERTIES_MAX; i++) {
                value_done(&o->values[i]);
                value_done(&o->before[i]);
        }
        free(o->path);
        free(o->name);
        free(o);
        return NULL;
}
CLEANUP(struct object, object_free);

static int make_path(const struct object_type *type, const char *name, char **ret) {
        char prefix[64];

        if (!type->folder)
                return asprintf(ret, "%s", OBJECT_ROOT);
        if (type->plain_names)
                return asprintf(ret, OBJECT_ROOT "/%s/%s", type->folder, name);
        (void) snprintf(prefix, sizeof(prefix), OBJECT_ROOT "/%s", type->folder);
        return sd_bus_path_encode(prefix, name, ret);
}

static struct object *object_new(const struct object_type *type, const char *name) {
        struct object *o = calloc(1, sizeof(*o));

        if (!o)
                return NULL;
        o->type = type;
        o->name = strdup(name);
        if (!o->name)
                return object_free(o);
        if (make_path(type, name, &o->path) < 0) {
                o->path = NULL; /* asprintf leaves anything there */
                return object_free(o);
        }
        return o;
}

static void append(struct object_set *s, struct object *o) {
        struct object **p = &s->first;

        while (*p)
                p = &(*p)->next;
        *p = o;
}

int object_add(struct object **ret, struct object_set *s, const struct object_type *type, const char *name,
               void *userdata) {
        SCOPED(object_free) struct object *o = object_new(type, name);
        int r;

        if (!o)
                return -ENOMEM;
        o->set = s;
        o->userdata = userdata;
        r = sd_bus_add_object_vtable(s->bus, &o->slot, o->path, type->interface, type->vtable, o);
        if (r < 0)
                return r;

        append(s, o);
        announce_later(s);
        *ret = TAKE(o);
        return 0;
}

void object_remove(struct object *o) {
        struct object **p;

        if (!o)
                return;
        for (p = &o->set->first; *p != o;)
                p = &(*p)->next;
        *p = o->next;
        if (o->announced)
                (void) sd_bus_emit_interfaces_removed(o->set->bus, o->path, o->type->interface, NULL);
        object_free(o);
}

struct object *object_next(struct object_set *s, const struct object_type *type, struct object *previous) {
        struct object *o = previous ? previous->next : s->first;

        while (o && o->type != type)
                o = o->next;
        return o;
}

struct object *object_find(struct object_set *s, const struct object_type *type, const char *name) {
        struct object *o = object_next(s, type, NULL);

        while (o && !streq(o->name, name))
                o = object_next(s, type, o);
        return o;
}

/* ---- the set ---- */

int object_set_new(struct object_set **ret, sd_bus *bus) {
        SCOPED(object_set_free) struct object_set *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->bus = sd_bus_ref(bus);
        r = sd_bus_add_object_manager(bus, &s->manager, OBJECT_ROOT);
        if (r < 0)
                return r;
        r = sd_event_add_defer(sd_bus_get_event(bus), &s->announce, on_announce, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s->announce, SD_EVENT_OFF);
        if (r < 0)
                return r;
        /* After everything else of this turn: only then the state is final. */
        r = sd_event_source_set_priority(s->announce, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(s->announce, "control-announce");

        *ret = TAKE(s);
        return 0;
}

struct object_set *object_set_free(struct object_set *s) {
        if (!s)
                return NULL;
        while (s->first) {
                struct object *next = s->first->next;

                object_free(s->first);
                s->first = next;
        }
        sd_event_source_disable_unref(s->announce);
        sd_bus_slot_unref(s->manager);
        sd_bus_unref(s->bus);
        free(s);
        return NULL;
}
