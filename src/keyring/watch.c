/* Noticing that the keyring comes or is unlocked, see keyring.h. */
#include <errno.h>

#include "keyring/keyring.h"

#define FROM_IT "type='signal',sender='org.freedesktop.secrets',"

static const char *const rules[] = {
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',"
        "arg0='org.freedesktop.secrets'",
        FROM_IT "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                "path_namespace='/org/freedesktop/secrets'",
        FROM_IT "interface='org.freedesktop.Secret.Service',member='CollectionChanged'",
        FROM_IT "interface='org.freedesktop.Secret.Service',member='CollectionCreated'",
};

struct keyring_watch {
        sd_bus_slot *slots[ARRAY_SIZE(rules)];
        void (*changed)(void *userdata);
        void *userdata;
};

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct keyring_watch *w = userdata;

        w->changed(w->userdata);
        return 0;
}

int keyring_watch_new(struct keyring_watch **ret, sd_bus *bus, void (*changed)(void *userdata), void *userdata) {
        struct keyring_watch *w;
        int r = 0;

        if (!bus)
                return -ENOTCONN;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->changed = changed;
        w->userdata = userdata;
        for (size_t i = 0; i < ARRAY_SIZE(rules) && r >= 0; i++)
                r = sd_bus_add_match_async(bus, &w->slots[i], rules[i], on_signal, NULL, w);
        if (r < 0) {
                keyring_watch_free(w);
                return r;
        }
        *ret = w;
        return 0;
}

struct keyring_watch *keyring_watch_free(struct keyring_watch *w) {
        if (!w)
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                sd_bus_slot_unref(w->slots[i]);
        free(w);
        return NULL;
}
