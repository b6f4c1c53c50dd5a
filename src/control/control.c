/* The bus object as a whole (control.h): what is exported, under which name. */
#include "control/control.h"

#include <errno.h>

#include "control/internal.h"

#define BUS_NAME "org.busyd.Busyd1"

/* Answers to a request of a name, as the D-Bus specification has them; others mean that somebody else has it. */
#define NAME_IS_OURS       1
#define NAME_IS_OURS_AGAIN 4

static void on_owner_left(void *userdata, uint32_t cookie) {
        struct control *c = userdata;

        c->ops.release(c->ops.userdata, cookie);
}

int control_new(struct control **ret, sd_bus *bus, uint32_t last_cookie, const struct control_ops *ops) {
        SCOPED(control_free) struct control *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->bus = sd_bus_ref(bus);
        c->ops = *ops;
        r = object_set_new(&c->objects, bus);
        if (r < 0)
                return r;
        r = holds_new(&c->holds, bus, last_cookie, on_owner_left, c);
        if (r < 0)
                return r;
        r = manager_object_add(c);
        if (r < 0)
                return r;

        *ret = TAKE(c);
        return 0;
}

struct control *control_free(struct control *c) {
        if (!c)
                return NULL;
        sd_bus_slot_unref(c->naming);
        holds_free(c->holds);
        object_set_free(c->objects);
        sd_bus_unref(c->bus);
        free(c);
        return NULL;
}

static int name_answer(sd_bus_message *m) {
        uint32_t answer;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return -sd_bus_message_get_errno(m);
        r = sd_bus_message_read(m, "u", &answer);
        if (r < 0)
                return r;
        return answer == NAME_IS_OURS || answer == NAME_IS_OURS_AGAIN ? 0 : -EEXIST;
}

static int on_named(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = userdata;

        c->naming = sd_bus_slot_unref(c->naming);
        c->ops.named(c->ops.userdata, name_answer(m));
        return 0;
}

int control_publish(struct control *c) {
        /* Neither queued nor replaceable: one busyd for one bus. */
        int r = sd_bus_request_name_async(c->bus, &c->naming, BUS_NAME, 0, on_named, c);

        return r < 0 ? r : 0;
}

bool control_name_is_taken(sd_bus *bus) {
        sd_bus_message *reply = NULL;
        int taken = 0;

        if (sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "NameHasOwner", NULL, &reply, "s", BUS_NAME) >= 0)
                (void) sd_bus_message_read(reply, "b", &taken);
        sd_bus_message_unref(reply);
        return taken;
}

void control_hold_ended(struct control *c, uint32_t cookie) {
        holds_remove(c->holds, cookie);
}
