/* How long to rest after a poll, beside another client of the user on a clock by hand. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "matrix/sync/sync.h"

#define PAUSE (5 * USEC_PER_SEC)

/* What wakes both us and another client: `together` at a time, `every` so often. */
struct news {
        usec_t every;
        unsigned together;
};

struct poller {
        usec_t at;     /* its poll is there */
        unsigned told; /* so many news */
};

static usec_t next_news(const struct news *n, const struct poller *p) {
        const usec_t begun = 10 * USEC_PER_SEC, apart = 460 * USEC_PER_MSEC;

        return begun + p->told / n->together * n->every + p->told % n->together * apart;
}

/* When its poll is answered. */
static usec_t wake(const struct news *n, struct poller *p) {
        usec_t news_at = next_news(n, p), at = news_at > p->at ? news_at : p->at;

        while (next_news(n, p) <= at)
                p->told++;
        return at;
}

/* Synapse gives a turn to whoever asks first once ten seconds are over since the last. The client's next poll is there
 * `its_own` after what woke it, ours 30 ms after it began. */
static void expect_turn_left(const struct news *news, usec_t its_own, bool concerned, usec_t pause) {
        const usec_t way = 30 * USEC_PER_MSEC;
        struct poller client = { 0 }, ours = { 0 };
        struct sync_rest rest = { 0 };
        usec_t free_at = 1;

        for (unsigned polls = 0; polls < 200;) {
                usec_t now;

                if (client.at <= ours.at) {
                        if (client.at >= free_at)
                                free_at = client.at + SYNC_TURN;
                        client.at = wake(news, &client) + its_own;
                        continue;
                }
                cr_assert_lt(ours.at, free_at,
                             "%u every %" PRIu64 ", its own %" PRIu64 ", %d, pause %" PRIu64 ", poll %u",
                             news->together, news->every, its_own, concerned, pause, polls);
                polls++;
                now = wake(news, &ours);
                ours.at = now + way +
                          sync_rest_next(&rest, &(struct sync_rest_facts){ .concerned = concerned,
                                                                           .turns_at_stake = true,
                                                                           .max = pause,
                                                                           .ran = now - (ours.at - way),
                                                                           .now = now });
        }
}

/* At any distance of what wakes both, in steps that fall between the two polls as well. */
Test(matrix_pace, a_turn_is_never_taken_from_a_client_woken_by_the_same_thing) {
        static const usec_t its_own[] = { 31 * USEC_PER_MSEC, 90 * USEC_PER_MSEC, 200 * USEC_PER_MSEC,
                                          450 * USEC_PER_MSEC };

        for (size_t i = 0; i < ARRAY_SIZE(its_own); i++)
                for (usec_t every = USEC_PER_SEC; every < 25 * USEC_PER_SEC; every += 70 * USEC_PER_MSEC) {
                        const struct news one = { every, 1 }, two = { every, 2 };

                        expect_turn_left(&one, its_own[i], /* concerned= */ true, PAUSE);
                        if (every < PAUSE)
                                continue;
                        expect_turn_left(&two, its_own[i], /* concerned= */ true, PAUSE);
                        expect_turn_left(&one, its_own[i], /* concerned= */ false, PAUSE);
                        expect_turn_left(&two, its_own[i], /* concerned= */ false, PAUSE);
                        expect_turn_left(&one, its_own[i], /* concerned= */ false, USEC_PER_MIN);
                }
}

/* One that ends with the turn is late: what is on its way then is overtaken by nobody, but may be there first. */
Test(matrix_pace, a_pause_ends_early_enough_to_be_there_within_the_turn) {
        struct sync_rest_facts facts = { .turns_at_stake = true, .costly = true, .max = PAUSE, .now = USEC_PER_HOUR };
        const usec_t turn_until = facts.now + SYNC_TURN;
        struct sync_rest rest = { 0 };

        cr_assert_eq(sync_rest_next(&rest, &facts), PAUSE);
        facts.now += 7 * USEC_PER_SEC;
        cr_assert_eq(facts.now + sync_rest_next(&rest, &facts), turn_until - SYNC_HEAD_START);
        facts.max = 0;
        cr_assert_eq(sync_rest_next(&rest, &facts), 0, "none is configured");
}

/* It has just come, and has taken the turn at what told us that it has. */
Test(matrix_pace, a_turn_is_known_of_before_there_is_somebody_to_have_it) {
        struct sync_rest_facts facts = { .costly = true, .max = PAUSE, .now = USEC_PER_HOUR };
        const usec_t turn_until = facts.now + SYNC_TURN;
        struct sync_rest rest = { 0 };

        cr_assert_eq(sync_rest_next(&rest, &facts), PAUSE);
        facts.now += PAUSE;
        facts.turns_at_stake = true;
        cr_assert_eq(facts.now + sync_rest_next(&rest, &facts), turn_until - SYNC_HEAD_START);
}
