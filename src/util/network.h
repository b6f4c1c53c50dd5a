/* Whether this machine's way to others has changed: told by the kernel over a netlink socket, which needs no
 * privilege. Nothing is polled. Only what decides how servers are reached counts: addresses that others could know,
 * default routes, and cables (or a WLAN) at whose other end something is, since addresses may outlive one that is
 * pulled; and of these only that one came or went, not that one was confirmed once more. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"

/* ---- what is there; pure ---- */

/* Addresses and routes that are remembered. Of more, each word of the kernel counts as a change. */
#define NETWORK_FACTS_MAX 128

struct network_fact {
        uint8_t kind, family;
        uint32_t interface;
        uint32_t table, metric; /* of a route: its place */
        uint8_t address[16];    /* or the gateway; of a link: none */
};

struct network_facts {
        struct network_fact known[NETWORK_FACTS_MAX];
        size_t n;
};

/* Messages as a NETLINK_ROUTE socket gives them; broken ones are passed over. True: something has changed. */
bool network_facts_take(struct network_facts *f, const void *messages, size_t size);

/* ---- the socket ---- */

struct network;

/* `changed` comes from the event loop, once for all that the kernel tells at a time. Fails where there are no such
 * sockets. */
int network_new(struct network **ret, sd_event *event, void (*changed)(void *userdata), void *userdata);
struct network *network_free(struct network *n);
CLEANUP(struct network, network_free);
