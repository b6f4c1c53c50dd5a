/* What the kernel tells of addresses and routes, and which of it is a change. */
#include <criterion/criterion.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/network.h"

struct message {
        struct nlmsghdr h;
        union {
                struct ifaddrmsg address;
                struct rtmsg route;
                struct ifinfomsg link;
        } of;
        char attributes[64];
};

static void add_attribute(struct message *m, unsigned short type, const void *data, unsigned short size) {
        struct rtattr *a = (struct rtattr *) ((char *) m + m->h.nlmsg_len);

        a->rta_type = type;
        a->rta_len = RTA_LENGTH(size);
        memcpy(RTA_DATA(a), data, size);
        m->h.nlmsg_len += RTA_ALIGN(a->rta_len);
}

static struct message address(unsigned short type, uint32_t local, unsigned char scope, unsigned char flags) {
        struct message m = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.of.address)), .nlmsg_type = type } };

        m.of.address =
                (struct ifaddrmsg){ .ifa_family = AF_INET, .ifa_index = 2, .ifa_scope = scope, .ifa_flags = flags };
        add_attribute(&m, IFA_LOCAL, &local, sizeof(local));
        return m;
}

static struct message route(unsigned short type, unsigned char dst_len, uint32_t gateway) {
        struct message m = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.of.route)), .nlmsg_type = type } };

        m.of.route = (struct rtmsg){ .rtm_family = AF_INET, .rtm_dst_len = dst_len, .rtm_type = RTN_UNICAST };
        add_attribute(&m, RTA_GATEWAY, &gateway, sizeof(gateway));
        return m;
}

static struct message cable(unsigned short type, int interface, unsigned flags) {
        struct message m = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.of.link)), .nlmsg_type = type } };

        m.of.link = (struct ifinfomsg){ .ifi_index = interface, .ifi_flags = flags };
        return m;
}

static bool take(struct network_facts *f, struct message m) {
        return network_facts_take(f, &m, m.h.nlmsg_len);
}

Test(network, only_what_comes_and_goes_is_a_change) {
        struct network_facts f = { 0 };

        cr_expect(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_UNIVERSE, 0)), "an address comes");
        cr_expect_not(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_UNIVERSE, 0)), "its lease goes on");
        cr_expect(take(&f, address(RTM_NEWADDR, 2, RT_SCOPE_UNIVERSE, 0)), "another one");
        cr_expect(take(&f, address(RTM_DELADDR, 1, RT_SCOPE_UNIVERSE, 0)), "the first goes");
        cr_expect(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_UNIVERSE, 0)), "and comes back");
        cr_expect(take(&f, route(RTM_NEWROUTE, 0, 9)), "a way to everywhere");
        cr_expect_not(take(&f, route(RTM_NEWROUTE, 0, 9)), "confirmed");
        cr_expect(take(&f, route(RTM_DELROUTE, 0, 9)), "lost");
}

/* As "ip route replace" does, of which the kernel tells no end of the one before: `place` is its metric. */
static struct message replaces(uint32_t gateway, uint32_t place) {
        struct message m = route(RTM_NEWROUTE, 0, gateway);

        m.h.nlmsg_flags = NLM_F_REPLACE;
        add_attribute(&m, RTA_PRIORITY, &place, sizeof(place));
        return m;
}

Test(network, a_way_that_takes_the_place_of_another_is_a_change) {
        struct network_facts f = { 0 };

        cr_expect(take(&f, replaces(9, 100)), "a first one");
        cr_expect(take(&f, replaces(8, 100)), "another in its place");
        cr_expect_not(take(&f, replaces(8, 100)), "confirmed");
        cr_expect(take(&f, replaces(9, 100)), "and back");
        cr_expect(take(&f, replaces(8, 600)), "a second one besides");
        cr_expect_not(take(&f, replaces(9, 100)), "the first stands still");
        cr_expect_eq(f.n, 2);
}

Test(network, what_no_server_is_reached_by_is_none) {
        struct network_facts f = { 0 };

        cr_expect_not(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_HOST, 0)), "of this machine alone");
        cr_expect_not(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_LINK, 0)), "of the cable alone");
        cr_expect_not(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE)), "not usable yet");
        cr_expect(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_UNIVERSE, 0)), "usable now");
        cr_expect_not(take(&f, route(RTM_NEWROUTE, 24, 9)), "to some neighbours");
        cr_expect_not(take(&f, route(RTM_DELROUTE, 24, 9)));
}

/* Its address may stay, as one that was given by hand does. */
Test(network, a_cable_that_is_pulled_and_plugged_in_is_a_change) {
        struct network_facts f = { 0 };

        cr_expect_not(take(&f, cable(RTM_NEWLINK, 2, IFF_UP)), "nothing is at its end, as before");
        cr_expect_not(take(&f, cable(RTM_NEWLINK, 2, IFF_UP)), "still nothing");
        cr_expect(take(&f, cable(RTM_NEWLINK, 2, IFF_UP | IFF_RUNNING)), "something is");
        cr_expect_not(take(&f, cable(RTM_NEWLINK, 2, IFF_UP | IFF_RUNNING)), "said once more");
        cr_expect(take(&f, cable(RTM_NEWLINK, 2, IFF_UP)), "pulled");
        cr_expect(take(&f, cable(RTM_NEWLINK, 2, IFF_UP | IFF_RUNNING)), "back");
        cr_expect(take(&f, cable(RTM_DELLINK, 2, IFF_UP | IFF_RUNNING)), "gone as a whole");
        cr_expect_eq(f.n, 0);
}

Test(network, links_within_this_machine_are_no_way) {
        struct network_facts f = { 0 };
        struct message port = cable(RTM_NEWLINK, 3, IFF_UP | IFF_RUNNING);
        uint32_t bridge = 2;

        add_attribute(&port, IFLA_MASTER, &bridge, sizeof(bridge));
        cr_expect_not(take(&f, port), "of a container, at a bridge");
        cr_expect_not(take(&f, cable(RTM_NEWLINK, 1, IFF_UP | IFF_RUNNING | IFF_LOOPBACK)));
        cr_expect_eq(f.n, 0);
}

Test(network, broken_messages_are_passed_over) {
        struct network_facts f = { 0 };
        struct message m = address(RTM_NEWADDR, 1, RT_SCOPE_UNIVERSE, 0);

        for (size_t size = 0; size < m.h.nlmsg_len; size++)
                cr_expect_not(network_facts_take(&f, &m, size), "cut at %zu", size);
        m.h.nlmsg_len = NLMSG_LENGTH(2);
        cr_expect_not(network_facts_take(&f, &m, sizeof(m)), "too short for its kind");
        m.h.nlmsg_len = 3;
        cr_expect_not(network_facts_take(&f, &m, sizeof(m)), "no length");
        cr_expect_not(network_facts_take(&f, &m, 0));
        cr_expect_eq(f.n, 0);
}

Test(network, is_bounded) {
        struct network_facts f = { 0 };

        for (uint32_t i = 1; i <= 2 * NETWORK_FACTS_MAX; i++)
                cr_assert(take(&f, address(RTM_NEWADDR, i, RT_SCOPE_UNIVERSE, 0)));
        cr_assert_eq(f.n, NETWORK_FACTS_MAX);
        cr_assert_not(take(&f, address(RTM_NEWADDR, 1, RT_SCOPE_UNIVERSE, 0)));
        cr_assert(take(&f, address(RTM_DELADDR, NETWORK_FACTS_MAX + 9, RT_SCOPE_UNIVERSE, 0)));
}

/* ---- a real kernel, in a network of the test's own ---- */

static void on_changed(void *userdata) {
        bool *changed = userdata;

        *changed = true;
}

static bool give_address(uint32_t local) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = { .ifr_name = "lo" };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(local) } };

        memcpy(&request.ifr_addr, &in, sizeof(in));
        return ioctl(fd, SIOCSIFADDR, &request) == 0;
}

/* Returns the line at which it failed, or 0. */
static int listen_in_a_network_of_its_own(void) {
        struct network *n = NULL;
        sd_event *event = NULL;
        bool changed = false;

        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
                return __LINE__;
        if (sd_event_new(&event) < 0 || network_new(&n, event, on_changed, &changed) < 0)
                return __LINE__;
        if (!give_address(0xc0000201)) /* 192.0.2.1 */
                return __LINE__;
        while (!changed)
                if (sd_event_run(event, UINT64_MAX) < 0)
                        return __LINE__;
        network_free(n);
        sd_event_unref(event);
        return 0;
}

/* In a process of one thread, which alone may do so. */
Test(network, the_kernel_tells, .timeout = 20) {
        pid_t pid = fork();
        int status;

        if (pid == 0)
                _exit(listen_in_a_network_of_its_own() & 0xff);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 0, "line %d", WEXITSTATUS(status));
}
