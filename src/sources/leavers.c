/* See leavers.h. One match for each name, and a question for whom the match came too late. */
#include "sources/leavers.h"

#include <errno.h>
#include <stdio.h>

#include "util/log.h"

#define BUS_NAME      "org.freedesktop.DBus"
#define BUS_PATH      "/org/freedesktop/DBus"
#define NAME_MAX_HERE 64

struct leaver {
        struct leavers *leavers;
        char name[NAME_MAX_HERE]; /* "": free */
        sd_bus_slot *changed, *asked;
        bool told, wanted;
};

struct leavers {
        sd_bus *bus;
        void (*left)(void *userdata, const char *name);
        void *userdata;
        struct leaver list[LEAVERS_MAX];
};

static void forget(struct leaver *w) {
        w->changed = sd_bus_slot_unref(w->changed);
        w->asked = sd_bus_slot_unref(w->asked);
        w->name[0] = '\0';
}

static void tell(struct leaver *w) {
        if (w->told)
                return;
        w->told = true;
        w->leavers->left(w->leavers->userdata, w->name);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *before, *after;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) > 0 && after[0] == '\0')
                tell(userdata);
        return 0;
}

static int on_matched(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0; /* whether it is still there is asked in any case */
}

static int on_asked(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct leaver *w = userdata;
        int there = true;

        w->asked = sd_bus_slot_unref(w->asked);
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "b", &there) > 0 && !there)
                tell(w);
        return 0;
}

static int ask(struct leaver *w) {
        return sd_bus_call_method_async(w->leavers->bus, &w->asked, BUS_NAME, BUS_PATH, BUS_NAME, "NameHasOwner",
                                        on_asked, w, "s", w->name);
}

static int watch(struct leaver *w) {
        char rule[256];
        int r;

        (void) snprintf(rule, sizeof(rule),
                        "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                        "',member='NameOwnerChanged',arg0='%s'",
                        w->name);
        r = sd_bus_add_match_async(w->leavers->bus, &w->changed, rule, on_changed, on_matched, w);
        return r < 0 ? r : ask(w);
}

void leavers_begin(struct leavers *l) {
        for (size_t i = 0; i < LEAVERS_MAX; i++)
                l->list[i].wanted = false;
}

void leavers_await(struct leavers *l, const char *name) {
        struct leaver *place = NULL;

        if (name[0] == '\0' || strlen(name) >= NAME_MAX_HERE)
                return;
        for (size_t i = 0; i < LEAVERS_MAX; i++) {
                struct leaver *w = &l->list[i];

                if (streq(w->name, name)) {
                        w->wanted = true;
                        /* What it sent before it left may be read after that was told. */
                        if (w->told && !w->asked)
                                w->told = ask(w) < 0;
                        return;
                }
                if (!w->name[0] && !place)
                        place = w;
        }
        if (!place)
                return;
        *place = (struct leaver){ .leavers = l, .wanted = true };
        (void) snprintf(place->name, sizeof(place->name), "%s", name);
        if (watch(place) < 0) {
                log_debug("It will not be seen when %s leaves the bus", name);
                forget(place);
        }
}

void leavers_end(struct leavers *l) {
        for (size_t i = 0; i < LEAVERS_MAX; i++)
                if (l->list[i].name[0] && !l->list[i].wanted)
                        forget(&l->list[i]);
}

int leavers_new(struct leavers **ret, sd_bus *bus, void (*left)(void *userdata, const char *name), void *userdata) {
        struct leavers *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        *l = (struct leavers){ .bus = sd_bus_ref(bus), .left = left, .userdata = userdata };
        *ret = l;
        return 0;
}

struct leavers *leavers_free(struct leavers *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < LEAVERS_MAX; i++)
                forget(&l->list[i]);
        sd_bus_unref(l->bus);
        free(l);
        return NULL;
}
