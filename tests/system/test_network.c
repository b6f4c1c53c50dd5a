/* A network that changes: the kernel's own, in a namespace in which this program is started (see CMakeLists.txt), so
 * that nobody else's changes and no privilege is needed. */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/harness.h"

static void ask_kernel(unsigned long what, struct ifreq *request) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        cr_assert_geq(ioctl(fd, what, request), 0, "not in a network of its own");
        close(fd);
}

static void bring_up(void) {
        struct ifreq request = { .ifr_name = "lo" };

        ask_kernel(SIOCGIFFLAGS, &request);
        request.ifr_flags |= IFF_UP;
        ask_kernel(SIOCSIFFLAGS, &request);
}

/* One that others could know, as a WLAN gives it. */
static void give_address(uint32_t address) {
        struct ifreq request = { .ifr_name = "lo:1" };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(address) } };

        memcpy(&request.ifr_addr, &in, sizeof(in));
        ask_kernel(SIOCSIFADDR, &request);
}

TestSuite(network, .init = bring_up);

WORLD_TEST(network, a_change_ends_the_wait_for_a_server) {
        size_t mark;

        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = HS_SYNC, .status = 429, .body = "{}", .retry_after = "3000" });
        /* the poll that goes on ends with an event */
        call_invite(w, ROOM, "c1");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "it does not wait");
        hs_clear_faults(w->hs);
        mark = hs_n_requests(w->hs);
        give_address(0xc0000201);
        check(w, hs_wait_request(w->hs, HS_SYNC, mark, patience(), NULL), "it waits on");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "it is not online");
}

/* Nothing would ever come over the old connection, and nobody would say so. */
WORLD_TEST(network, a_change_makes_the_poll_anew) {
        size_t mark;

        world_start_online(w);
        check(w, hs_wait_request(w->hs, (struct hs_match){ .path = "*/sync", .query = "since=" }, 0, patience(), NULL),
              "no poll");
        mark = hs_n_requests(w->hs);
        give_address(0xc0000202);
        check(w, hs_wait_request(w->hs, HS_SYNC, mark, patience(), NULL), "the old one goes on");
}
