/* See network.h. What was there before the first word is not asked for: the first confirmation of an address counts as
 * a change, once. */
#include "util/network.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE (32 * 1024) /* the kernel's messages are smaller */

/* ---- what is there ---- */

static bool is_same(const struct network_fact *a, const struct network_fact *b) {
        return a->kind == b->kind && a->family == b->family && a->interface == b->interface && a->table == b->table &&
               a->metric == b->metric && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

static struct network_fact *find(struct network_facts *f, const struct network_fact *fact) {
        for (size_t i = 0; i < f->n; i++)
                if (is_same(&f->known[i], fact))
                        return &f->known[i];
        return NULL;
}

/* Whether it was not known. */
static bool add(struct network_facts *f, const struct network_fact *fact) {
        if (find(f, fact))
                return false;
        if (f->n < NETWORK_FACTS_MAX)
                f->known[f->n++] = *fact;
        return true;
}

static bool drop(struct network_facts *f, const struct network_fact *fact) {
        struct network_fact *known = find(f, fact);

        if (known)
                *known = f->known[--f->n];
        return true;
}

/* The attribute's bytes into `ret`, whose rest is zero; false if there is no such attribute or it is longer. */
static bool read_attribute(const struct rtattr *a, size_t size, unsigned short type, void *ret, size_t ret_size) {
        for (; RTA_OK(a, size); a = RTA_NEXT(a, size)) {
                if (a->rta_type != type)
                        continue;
                if (RTA_PAYLOAD(a) > ret_size)
                        return false;
                memcpy(ret, RTA_DATA(a), RTA_PAYLOAD(a));
                return true;
        }
        return false;
}

/* False: it is nothing that counts. */
static bool read_address(const struct nlmsghdr *h, struct network_fact *ret) {
        const struct ifaddrmsg *m = NLMSG_DATA(h);
        const struct rtattr *attributes = IFA_RTA(m);
        size_t size;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
                return false;
        size = IFA_PAYLOAD(h);
        /* Of this machine or this cable alone; or not usable yet: it comes again when it is. */
        if (m->ifa_scope >= RT_SCOPE_LINK || (m->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0)
                return false;
        *ret = (struct network_fact){ .kind = RTM_NEWADDR, .family = m->ifa_family, .interface = m->ifa_index };
        return read_attribute(attributes, size, IFA_LOCAL, ret->address, sizeof(ret->address)) ||
               read_attribute(attributes, size, IFA_ADDRESS, ret->address, sizeof(ret->address));
}

static bool read_route(const struct nlmsghdr *h, struct network_fact *ret) {
        const struct rtmsg *m = NLMSG_DATA(h);
        const struct rtattr *attributes = RTM_RTA(m);
        size_t size;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
                return false;
        size = RTM_PAYLOAD(h);
        if (m->rtm_dst_len != 0 || m->rtm_type != RTN_UNICAST)
                return false;
        *ret = (struct network_fact){ .kind = RTM_NEWROUTE, .family = m->rtm_family };
        ret->table = m->rtm_table;
        (void) read_attribute(attributes, size, RTA_TABLE, &ret->table, sizeof(ret->table));
        (void) read_attribute(attributes, size, RTA_PRIORITY, &ret->metric, sizeof(ret->metric));
        (void) read_attribute(attributes, size, RTA_OIF, &ret->interface, sizeof(ret->interface));
        (void) read_attribute(attributes, size, RTA_GATEWAY, ret->address, sizeof(ret->address));
        return true;
}

/* `ret_carries`: there is something at its other end. */
static bool read_link(const struct nlmsghdr *h, struct network_fact *ret, bool *ret_carries) {
        const struct ifinfomsg *m = NLMSG_DATA(h);
        uint32_t master;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || (m->ifi_flags & IFF_LOOPBACK) != 0)
                return false;
        /* A port of a bridge, as each container has one, is no way by itself. */
        if (read_attribute(IFLA_RTA(m), IFLA_PAYLOAD(h), IFLA_MASTER, &master, sizeof(master)))
                return false;
        *ret = (struct network_fact){ .kind = RTM_NEWLINK, .interface = (uint32_t) m->ifi_index };
        *ret_carries = h->nlmsg_type == RTM_NEWLINK && (m->ifi_flags & IFF_RUNNING) != 0;
        return true;
}

static bool take_link(struct network_facts *f, const struct nlmsghdr *h) {
        struct network_fact fact;
        bool carries;

        if (!read_link(h, &fact, &carries))
                return false;
        /* One that has not carried so far as is known may say so again and again, as a WLAN that looks for another. */
        return carries ? add(f, &fact) : find(f, &fact) && drop(f, &fact);
}

/* What stood in its place: of that the kernel tells no end. */
static bool drop_replaced(struct network_facts *f, const struct network_fact *by) {
        bool dropped = false;

        for (size_t i = f->n; i-- > 0;) {
                const struct network_fact *k = &f->known[i];

                if (k->kind == by->kind && k->family == by->family && k->table == by->table &&
                    k->metric == by->metric && !is_same(k, by))
                        dropped = drop(f, &f->known[i]);
        }
        return dropped;
}

static bool take_route(struct network_facts *f, const struct nlmsghdr *h) {
        struct network_fact fact;
        bool replaced;

        if (!read_route(h, &fact))
                return false;
        replaced = (h->nlmsg_flags & NLM_F_REPLACE) != 0 && drop_replaced(f, &fact);
        return add(f, &fact) || replaced;
}

static bool take(struct network_facts *f, const struct nlmsghdr *h) {
        struct network_fact fact;

        switch (h->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
                return take_link(f, h);
        case RTM_NEWADDR:
                return read_address(h, &fact) && add(f, &fact);
        case RTM_DELADDR:
                return read_address(h, &fact) && drop(f, &fact);
        case RTM_NEWROUTE:
                return take_route(f, h);
        case RTM_DELROUTE:
                return read_route(h, &fact) && drop(f, &fact);
        default:
                return false;
        }
}

bool network_facts_take(struct network_facts *f, const void *messages, size_t size) {
        bool changed = false;

        for (const struct nlmsghdr *h = messages; NLMSG_OK(h, size); h = NLMSG_NEXT(h, size))
                changed = take(f, h) || changed;
        return changed;
}

/* ---- the socket ---- */

struct network {
        sd_event_source *io;
        void (*changed)(void *userdata);
        void *userdata;
        struct network_facts facts;
};

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct network *n = userdata;
        _Alignas(struct nlmsghdr) char buffer[BUFFER_SIZE];
        bool changed = false;

        for (;;) {
                struct sockaddr_nl from = { 0 };
                socklen_t from_size = sizeof(from);
                ssize_t size =
                        recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *) &from, &from_size);

                if (size < 0 && errno == EINTR)
                        continue;
                /* So much has happened that the kernel has dropped some of it. */
                if (size < 0 && errno == ENOBUFS) {
                        n->facts.n = 0;
                        changed = true;
                        continue;
                }
                if (size <= 0)
                        break;
                if (from.nl_pid == 0) /* the kernel */
                        changed = network_facts_take(&n->facts, buffer, (size_t) size) || changed;
        }
        if (changed)
                n->changed(n->userdata);
        return 0;
}

static int listen_to_kernel(void) {
        const struct sockaddr_nl groups = {
                .nl_family = AF_NETLINK,
                .nl_groups =
                        RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
        };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), r;

        if (fd < 0)
                return -errno;
        if (bind(fd, (const struct sockaddr *) &groups, sizeof(groups)) >= 0)
                return fd;
        r = -errno;
        (void) close(fd);
        return r;
}

int network_new(struct network **ret, sd_event *event, void (*changed)(void *userdata), void *userdata) {
        SCOPED(network_free) struct network *n = calloc(1, sizeof(*n));
        int fd, r;

        if (!n)
                return -ENOMEM;
        n->changed = changed;
        n->userdata = userdata;
        fd = listen_to_kernel();
        if (fd < 0)
                return fd;
        r = sd_event_add_io(event, &n->io, fd, EPOLLIN, on_io, n);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        (void) sd_event_source_set_io_fd_own(n->io, true);
        (void) sd_event_source_set_description(n->io, "network");
        *ret = TAKE(n);
        return 0;
}

struct network *network_free(struct network *n) {
        if (!n)
                return NULL;
        sd_event_source_disable_unref(n->io);
        free(n);
        return NULL;
}
