/* Holds and the peers that own them (holds.h). */
#include "control/holds.h"

#include <errno.h>
#include <stdio.h>

#include "control/control.h"

struct hold {
        uint32_t cookie;
        bool timed;
        char *sender; /* unique names are never given out twice */
        struct hold *next;
};

/* A peer with holds that end when it leaves. One match for each, so that nothing wakes us when others leave. */
struct peer {
        struct holds *holds;
        char *name;
        sd_bus_slot *match, *question;
        struct peer *next;
};

struct holds {
        sd_bus *bus;
        void (*ended)(void *userdata, uint32_t cookie);
        void *userdata;
        struct hold *first;
        struct peer *peers;
        uint32_t last_cookie;
};

/* ---- peers ---- */

static struct peer *peer_free(struct peer *p) {
        if (!p)
                return NULL;
        sd_bus_slot_unref(p->match);
        sd_bus_slot_unref(p->question);
        free(p->name);
        free(p);
        return NULL;
}
CLEANUP(struct peer, peer_free);

static bool peer_owns(const struct peer *p, const struct hold *hold) {
        return !hold->timed && streq(hold->sender, p->name);
}

static struct hold *peer_first_hold(const struct peer *p) {
        struct hold *hold = p->holds->first;

        while (hold && !peer_owns(p, hold))
                hold = hold->next;
        return hold;
}

static struct peer *peer_unlink(struct peer *gone) {
        struct peer **p = &gone->holds->peers;

        while (*p != gone)
                p = &(*p)->next;
        *p = gone->next;
        return gone;
}

static void peer_left(struct peer *gone) {
        SCOPED(peer_free) struct peer *p = peer_unlink(gone);
        struct holds *h = p->holds;
        const struct hold *hold;

        while ((hold = peer_first_hold(p))) {
                uint32_t cookie = hold->cookie;

                holds_remove(h, cookie);
                h->ended(h->userdata, cookie);
        }
}

static int on_name_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct peer *p = userdata;
        const char *name, *old_owner, *new_owner;

        if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) >= 0 && new_owner[0] == '\0')
                peer_left(p);
        return 0;
}

/* Without the match nothing would end its holds. */
static int on_match_installed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(m, NULL))
                peer_left(userdata);
        return 0;
}

/* It may have left before the match was there. */
static int on_name_has_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct peer *p = userdata;
        int here = 0;

        /* A holder whom the bus does not vouch for could hold for ever. */
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "b", &here) < 0 || !here)
                peer_left(p);
        return 0;
}

/* The bus handles both in this order, so that no moment is left out. */
static int peer_watch(struct peer *p) {
        sd_bus *bus = p->holds->bus;
        char match[512];
        int r;

        (void) snprintf(match, sizeof(match),
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                        p->name);
        r = sd_bus_add_match_async(bus, &p->match, match, on_name_owner_changed, on_match_installed, p);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(bus, &p->question, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "NameHasOwner", on_name_has_owner, p, "s", p->name);
}

static struct peer *peer_new(struct holds *h, const char *name) {
        struct peer *p = calloc(1, sizeof(*p));

        if (!p)
                return NULL;
        p->holds = h;
        p->name = strdup(name);
        return p->name ? p : peer_free(p);
}

static int peer_ensure(struct holds *h, const char *name) {
        SCOPED(peer_free) struct peer *p = NULL;
        int r;

        for (const struct peer *known = h->peers; known; known = known->next)
                if (streq(known->name, name))
                        return 0;
        p = peer_new(h, name);
        if (!p)
                return -ENOMEM;
        r = peer_watch(p);
        if (r < 0)
                return r;
        p->next = h->peers;
        h->peers = TAKE(p);
        return 0;
}

static void drop_idle_peers(struct holds *h) {
        struct peer **p = &h->peers;

        while (*p) {
                struct peer *peer = *p;

                if (peer_first_hold(peer)) {
                        p = &peer->next;
                        continue;
                }
                *p = peer->next;
                peer_free(peer);
        }
}

/* ---- holds ---- */

static struct hold *hold_free(struct hold *hold) {
        if (!hold)
                return NULL;
        free(hold->sender);
        free(hold);
        return NULL;
}

static struct hold *hold_new(const char *sender, bool timed) {
        struct hold *hold = calloc(1, sizeof(*hold));

        if (!hold)
                return NULL;
        hold->timed = timed;
        hold->sender = strdup(sender);
        return hold->sender ? hold : hold_free(hold);
}

static struct hold *find(const struct holds *h, uint32_t cookie) {
        struct hold *hold = h->first;

        while (hold && hold->cookie != cookie)
                hold = hold->next;
        return hold;
}

static uint32_t next_cookie(struct holds *h) {
        do
                h->last_cookie++;
        while (h->last_cookie == 0 || find(h, h->last_cookie));
        return h->last_cookie;
}

/* Timed holds count for their sender, too. */
static int check_limits(const struct holds *h, const char *sender) {
        size_t n = 0, n_sender = 0;

        for (const struct hold *hold = h->first; hold; hold = hold->next) {
                n++;
                if (streq(hold->sender, sender))
                        n_sender++;
        }
        if (n_sender >= CONTROL_HOLDS_PER_PEER_MAX)
                return -EDQUOT;
        return n >= CONTROL_HOLDS_MAX ? -E2BIG : 0;
}

int holds_add(struct holds *h, const char *sender, bool timed, uint32_t *ret_cookie) {
        struct hold *hold;
        int r;

        r = check_limits(h, sender);
        if (r < 0)
                return r;
        r = timed ? 0 : peer_ensure(h, sender);
        if (r < 0)
                return r;
        hold = hold_new(sender, timed);
        if (!hold) {
                drop_idle_peers(h);
                return -ENOMEM;
        }
        hold->cookie = next_cookie(h);
        hold->next = h->first;
        h->first = hold;
        *ret_cookie = hold->cookie;
        return 0;
}

bool holds_may_release(const struct holds *h, const char *sender, uint32_t cookie) {
        const struct hold *hold = find(h, cookie);

        return hold && (hold->timed || streq(hold->sender, sender));
}

void holds_remove(struct holds *h, uint32_t cookie) {
        for (struct hold **p = &h->first; *p; p = &(*p)->next) {
                struct hold *hold = *p;

                if (hold->cookie != cookie)
                        continue;
                *p = hold->next;
                hold_free(hold);
                drop_idle_peers(h);
                return;
        }
}

int holds_new(struct holds **ret, sd_bus *bus, uint32_t last_cookie, void (*ended)(void *userdata, uint32_t cookie),
              void *userdata) {
        struct holds *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;
        h->bus = sd_bus_ref(bus);
        h->last_cookie = last_cookie;
        h->ended = ended;
        h->userdata = userdata;
        *ret = h;
        return 0;
}

struct holds *holds_free(struct holds *h) {
        if (!h)
                return NULL;
        while (h->first) {
                struct hold *hold = h->first;

                h->first = hold->next;
                hold_free(hold);
        }
        drop_idle_peers(h);
        sd_bus_unref(h->bus);
        free(h);
        return NULL;
}
