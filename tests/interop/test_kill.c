/* kill -9 at every step of becoming busy and of giving it back; afterwards a fresh start, and what was there before is
 * back. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "interop/desk.h"
#include "util/clock.h"

/* A round of ten deaths must not wait ten seconds for each write. */
#define UNLIMITED .synapse = { .no_presence_limit = true }

/* Waits until the journal of claims is replaced, as it is before the first write and after the last. */
static void wait_journal(struct desk *d, bool owed) {
        usec_t deadline = interop_deadline();
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        cr_assert_geq(inotify_add_watch(fd, world_path(d->world, "state/busyd"), IN_MOVED_TO | IN_DELETE), 0);
        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                usec_t now = clock_now();
                char events[4096];

                if (world_owes(d->world, /* kept_too= */ false) == owed)
                        break;
                desk_check(d, now < deadline, "the journal %s", owed ? "is empty" : "says that something is owed");
                (void) poll(&p, 1, (int) ((deadline - now) / USEC_PER_MSEC) + 1);
                (void) !read(fd, events, sizeof(events));
        }
        close(fd);
}

enum moment {
        JOURNALLED,
        WRITE_CAME,
        WRITE_TAKEN,
        HELD,
        POLL_OPEN,
        LAST_SETTING = POLL_OPEN,
        HUNG_UP,
        FREE_AGAIN,
        WITHDRAWAL_CAME,
        WITHDRAWAL_TAKEN,
        FORGOTTEN,
};

static const struct row {
        const char *what;
        enum moment moment;
} rows[] = {
        { "1 the journal is on disk, nothing is written", JOURNALLED },
        { "2 the write has reached Synapse", WRITE_CAME },
        { "3 the write is acknowledged", WRITE_TAKEN },
        { "4 the claim is held", HELD },
        { "5 the poll that keeps it alive is open", POLL_OPEN },
        { "6 the call has just ended", HUNG_UP },
        { "7 free again", FREE_AGAIN },
        { "8 the withdrawal has reached Synapse", WITHDRAWAL_CAME },
        { "9 the withdrawal is acknowledged", WITHDRAWAL_TAKEN },
        { "10 the journal is empty again", FORGOTTEN },
};

/* `log` is a place before the first write that counts. */
static void wait_moment(struct desk *d, enum moment moment, long log) {
        switch (moment) {
        case JOURNALLED:
                wait_journal(d, true);
                break;
        case WRITE_CAME:
        case WITHDRAWAL_CAME:
                (void) synapse_log_wait(d->synapse, log, LOG_PRESENCE_PUT_CAME);
                break;
        case WRITE_TAKEN:
        case WITHDRAWAL_TAKEN:
                (void) synapse_log_wait(d->synapse, log, LOG_PRESENCE_PUT_DONE);
                break;
        case HELD:
                desk_expect_claim(d, "held");
                break;
        case POLL_OPEN:
                (void) synapse_log_wait(d->synapse, log, LOG_COUNTED_POLL_CAME);
                break;
        case HUNG_UP:
                break;
        case FREE_AGAIN:
                expect_availability(d->world, "free");
                break;
        case FORGOTTEN:
                wait_journal(d, false);
                break;
        }
}

static void die_and_come_back(struct desk *d, const struct row *row) {
        char call[32], message[32];
        long log;

        fprintf(stderr, "%s\n", row->what);
        (void) snprintf(call, sizeof(call), "call%d", row->moment);
        (void) snprintf(message, sizeof(message), "before %d", row->moment);
        device_presence_put(d->phone, "offline", message);

        log = synapse_log_end(d->synapse);
        send_invite(d->peer, d->room, call, 60000);
        send_answer(d->phone, d->room, call);
        if (row->moment <= LAST_SETTING) {
                wait_moment(d, row->moment, log);
                world_kill(d->world);
                send_hangup(d->peer, d->room, call, "user_hangup");
        } else {
                send_select(d->peer, d->room, call, d->phone);
                desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
                desk_expect_claim(d, "held");
                log = synapse_log_end(d->synapse);
                send_hangup(d->peer, d->room, call, "user_hangup");
                wait_moment(d, row->moment, log);
                world_kill(d->world);
        }

        world_start_online(d->world);
        desk_expect(d, "offline", message);
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(kill, ten_deaths, UNLIMITED) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                die_and_come_back(d, &rows[i]);
}

/* The journal is written and Synapse lets the write wait for its turn: busyd dies with nothing of it on the server. */
DESK_TEST(kill, before_the_write_had_its_turn, 0) {
        long log = synapse_log_end(d->synapse);

        device_presence_put_in_turn(d->phone, "offline", "just now");
        desk_call_in(d, "call1");
        (void) synapse_log_wait(d->synapse, log, LOG_PRESENCE_PUT_DELAYED);
        desk_shows(d, "offline", "just now");
        world_kill(d->world);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        world_start_online(d->world);
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        desk_shows(d, "offline", "just now");
        desk_check(d, desk_writes(d, log) <= 1, "more than the one write that makes sure");
}

/* The call goes on meanwhile: the claim is taken over, with what was there before the first write. */
DESK_TEST(kill, the_call_outlives_busyd, UNLIMITED) {
        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        for (unsigned deaths = 0; deaths < 2; deaths++) {
                desk_expect_claim(d, "held");
                world_kill(d->world);
                world_start_online(d->world);
        }
        expect_availability(d->world, "busy");
        desk_expect_claim(d, "held");
        desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

/* An orderly end in the middle of a call gives back what was there, too. */
DESK_TEST(kill, sigterm_gives_back, 0) {
        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        desk_check(d, world_stop(d->world) == 0, "busyd ended badly");
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        world_start_online(d->world);
        desk_expect(d, "offline", "before");
        expect_nothing_owed(d->world);
}
