/* Cables, addresses and routes that come and go, on the kernel's own stack: busyd is on a laptop, the homeserver on a
 * machine at the other end of a cable (a pair of veth), each in a network namespace of its own. Nobody else's network
 * changes. Through all of it: nothing owed is lost, nothing loops, and once the way is there again others are told at
 * once.
 *
 * The homeserver keeps its address 127.0.0.1, which is no address of the laptop here but one behind its default route:
 * so plain HTTP is good enough for busyd, and goes over the cable all the same.
 *
 *   BUSYD_TEST_OUTAGE_SECONDS=N    what cannot be reached cannot for so long */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/pace.h"
#include "system/rest.h"
#include "util/clock.h"

#define LAPTOP     "192.0.2.2"
#define LAPTOP_NEW "192.0.2.3"
#define GATEWAY    "192.0.2.1"
/* Long enough that TCP tries again only after as long: whoever leaves it to TCP is late. */
#define OUTAGE_SECONDS 18
/* "At once": what is asked over a new connection, a resend of the kernel's, and a write. */
#define AT_ONCE_MSEC 4000
/* Of a processor, for each second of an outage. */
#define WORK_MAX (USEC_PER_SEC / 20)

static int laptop = -1, server = -1;
static char at_laptop[64];

static int network_new_here(void) {
        return unshare(CLONE_NEWNET) < 0 ? -1 : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void go_to(int network) {
        cr_assert_eq(setns(network, CLONE_NEWNET), 0);
}

/* Commands of the shell in one of the two networks. */
__attribute__((format(printf, 2, 3))) static void at(int network, const char *format, ...) {
        char text[512];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        go_to(network);
        cr_assert_eq(system(text), 0, "%s", text); /* NOLINT(cert-env33-c): the words are this file's */
        go_to(laptop);
}

/* The homeserver is started where this leaves the thread. */
static void two_networks(void) {
        laptop = network_new_here();
        server = laptop < 0 ? -1 : network_new_here();
        (void) snprintf(at_laptop, sizeof(at_laptop), "/proc/%d/fd/%d", (int) getpid(), laptop);
}

TestSuite(cable, .init = two_networks);

static void route(void) {
        at(laptop, "ip route add default via " GATEWAY);
}

/* From here on this thread, and what it starts, is at the laptop. */
static void connect_both(struct world *w) {
        if (server < 0) {
                world_end(w);
                cr_skip_test("no network of its own can be had");
        }
        at(server,
           "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet && ip link set lo up &&"
           " ip link add plug type veth peer name cable netns %s &&"
           " ip address add " GATEWAY "/24 dev plug && ip link set plug up",
           at_laptop);
        at(laptop, "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet && ip address add " LAPTOP
                   "/24 dev cable && ip link set cable up");
        route();
        world_config(w, "[busyd]\nend-grace = 0s\nlog-level = debug\n[account " ACCOUNT
                        "]\npresence = busy\npoll-pause = 0s\n");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        hs_client_polls(w->hs, PHONE, "online");
        world_start_online(w);
}

/* ---- what must be true ---- */

struct outage {
        usec_t began, worked;
};

static struct outage outage_begins(const struct world *w) {
        return (struct outage){ .began = clock_now(), .worked = worked(w) };
}

/* It has lasted its time, and cost next to nothing. */
static void last(struct world *w, const struct outage *o) {
        const char *seconds = getenv("BUSYD_TEST_OUTAGE_SECONDS");
        usec_t until = o->began + (seconds ? strtoull(seconds, NULL, 10) : OUTAGE_SECONDS) * USEC_PER_SEC, work;

        while (clock_now() < until)
                peer_wait(w->peer, 200);
        work = worked(w) - o->worked;
        fprintf(stderr, "%.1f s: %.2f s of a processor\n", (double) (clock_now() - o->began) / USEC_PER_SEC,
                (double) work / USEC_PER_SEC);
        check(w, !memory_tells || work < (clock_now() - o->began) / USEC_PER_SEC * WORK_MAX, "%.2f s of a processor",
              (double) work / USEC_PER_SEC);
}

static void expect_at_once(struct world *w, const char *presence, const char *message) {
        usec_t began = clock_now();
        bool is = hs_wait_presence(w->hs, presence, message, paced(AT_ONCE_MSEC));

        fprintf(stderr, "%s %.1f s later\n", presence, (double) (clock_now() - began) / USEC_PER_SEC);
        check(w, is, "others are not told at once");
}

static void calls_work(struct world *w, const char *id) {
        call_starts(w, ROOM, id);
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, id);
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}

/* ---- what happens ---- */

static void pull(void) {
        at(server, "ip link set plug down");
}

static void plug_in(void) {
        at(server, "ip link set plug up");
}

/* Nothing tells but the cable: the address and the route stay, as those that were given by hand do. */
WORLD_TEST(cable, that_was_out_when_a_call_began_is_noticed_when_it_is_back) {
        struct outage o;

        connect_both(w);
        pull();
        o = outage_begins(w);
        by_hand(w, "busy");
        last(w, &o);
        plug_in();
        expect_at_once(w, HS_BUSY, NULL);
        by_hand(w, "auto");
        expect_presence(w, "online", "Reading");
        calls_work(w, "after");
}

WORLD_TEST(cable, that_was_out_when_a_call_ended_is_noticed_when_it_is_back) {
        struct outage o;

        connect_both(w);
        by_hand(w, "busy");
        expect_presence(w, HS_BUSY, NULL);
        pull();
        o = outage_begins(w);
        by_hand(w, "auto");
        last(w, &o);
        plug_in();
        expect_at_once(w, "online", "Reading");
        calls_work(w, "after");
}

/* What was sent just before may or may not have come through: nothing of it stays. */
WORLD_TEST(cable, that_is_out_for_all_of_a_call_leaves_nothing) {
        struct outage o;

        connect_both(w);
        by_hand(w, "busy");
        pull();
        o = outage_begins(w);
        by_hand(w, "auto");
        by_hand(w, "busy");
        by_hand(w, "auto");
        last(w, &o);
        plug_in();
        expect_at_once(w, "online", "Reading");
        calls_work(w, "after");
}

/* As from one WLAN to another: nothing comes over the old connections any more, and nobody says so. */
WORLD_TEST(cable, another_address_in_a_call_takes_nothing_with_it) {
        connect_both(w);
        by_hand(w, "busy");
        expect_presence(w, HS_BUSY, NULL);
        at(laptop, "ip address del " LAPTOP "/24 dev cable && ip address add " LAPTOP_NEW "/24 dev cable");
        route();
        by_hand(w, "auto");
        expect_at_once(w, "online", "Reading");
        calls_work(w, "after");
}

/* ... and between two calls, where only connections are left that are kept for the next. */
WORLD_TEST(cable, another_address_between_calls_delays_none) {
        connect_both(w);
        calls_work(w, "before");
        at(laptop, "ip address del " LAPTOP "/24 dev cable && ip address add " LAPTOP_NEW "/24 dev cable");
        route();
        by_hand(w, "busy");
        expect_at_once(w, HS_BUSY, NULL);
        by_hand(w, "auto");
        expect_at_once(w, "online", "Reading");
        calls_work(w, "after");
}

WORLD_TEST(cable, a_route_that_was_away_for_all_of_a_call_leaves_nothing) {
        struct outage o;

        connect_both(w);
        at(laptop, "ip route del default");
        o = outage_begins(w);
        by_hand(w, "busy");
        by_hand(w, "auto");
        last(w, &o);
        route();
        expect_presence(w, "online", "Reading");
        by_hand(w, "busy");
        expect_at_once(w, HS_BUSY, NULL);
        by_hand(w, "auto");
        expect_at_once(w, "online", "Reading");
        calls_work(w, "after");
}

/* Nothing at the laptop tells: what was sent is simply never answered. */
WORLD_TEST(cable, a_server_that_is_silent_while_a_call_begins_and_ends_sees_the_end_of_it) {
        struct outage o;

        connect_both(w);
        at(server, "ip route add blackhole " LAPTOP);
        o = outage_begins(w);
        by_hand(w, "busy");
        by_hand(w, "auto");
        last(w, &o);
        at(server, "ip route del blackhole " LAPTOP);
        calls_work(w, "after");
}
