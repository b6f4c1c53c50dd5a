/* Whether another client of the user keeps presence alive, on a clock by hand. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/outputs/other-clients.h"

#define AT(seconds) (1000 * USEC_PER_SEC + (seconds) *USEC_PER_SEC)

enum step {
        END,
        SEEN,   /* `state`, pushed or read */
        WATCH,  /* each change is told from now on */
        BLIND,  /* ... is not */
        OURS,   /* `state` goes out */
        OVER,   /* ... was taken back */
        ACTIVE, /* somebody was then, as is told now */
};

struct act {
        enum step step;
        int64_t at;
        const char *state;
};

static const struct row {
        const char *what;
        struct act acts[10];
        int64_t asked_at;
        enum other_clients_verdict verdict;
        int64_t until; /* -1: not before a new fact */
} rows[] = {
        { "nothing was ever seen", { { END, 0, NULL } }, 0, OTHER_CLIENTS_UNKNOWN, -1 },
        { "the first look: nobody", { { WATCH, 0, NULL }, { SEEN, 0, "offline" } }, 0, OTHER_CLIENTS_NONE, -1 },
        { "the first look: somebody, or what an earlier run has left",
          { { WATCH, 0, NULL }, { SEEN, 0, "online" } },
          1,
          OTHER_CLIENTS_UNKNOWN,
          65 },
        { "... and is there still", { { WATCH, 0, NULL }, { SEEN, 0, "online" } }, 65, OTHER_CLIENTS_LIVE, -1 },
        { "... and goes: that was ours, or it was somebody",
          { { WATCH, 0, NULL }, { SEEN, 0, "online" }, { SEEN, 30, "offline" } },
          31,
          OTHER_CLIENTS_UNKNOWN,
          120 },
        { "... and stays away",
          { { WATCH, 0, NULL }, { SEEN, 0, "online" }, { SEEN, 30, "offline" } },
          120,
          OTHER_CLIENTS_NONE,
          -1 },
        { "somebody comes",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { SEEN, 100, "online" } },
          100,
          OTHER_CLIENTS_LIVE,
          -1 },
        { "idle counts as being there",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { SEEN, 100, "unavailable" } },
          1000,
          OTHER_CLIENTS_LIVE,
          -1 },
        { "gone for a moment, as the server's limiter makes it look",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { SEEN, 100, "online" }, { SEEN, 200, "offline" } },
          220,
          OTHER_CLIENTS_LIVE,
          290 },
        { "gone for good",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { SEEN, 100, "online" }, { SEEN, 200, "offline" } },
          291,
          OTHER_CLIENTS_NONE,
          -1 },
        { "not watched for a pause between polls",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { BLIND, 100, NULL } },
          110,
          OTHER_CLIENTS_NONE,
          -1 },
        { "not watched for longer",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { BLIND, 100, NULL } },
          200,
          OTHER_CLIENTS_UNKNOWN,
          -1 },
        { "watched again, and what was there meanwhile is not known",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { BLIND, 100, NULL }, { WATCH, 200, NULL } },
          200,
          OTHER_CLIENTS_UNKNOWN,
          -1 },
        { "... but the server says it",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { BLIND, 100, NULL },
            { WATCH, 200, NULL },
            { SEEN, 201, "offline" } },
          201,
          OTHER_CLIENTS_NONE,
          -1 },
        { "a claim of ours hides them: as it was when it began",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { OURS, 100, "busy" }, { SEEN, 100, "busy" } },
          2000,
          OTHER_CLIENTS_NONE,
          -1 },
        { "a claim that has not shown for long hides nobody",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { SEEN, 100, "busy" },
            { SEEN, 3700, "offline" },
            { SEEN, 5000, "online" } },
          5001,
          OTHER_CLIENTS_LIVE,
          -1 },
        { "... whoever came right after it",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { SEEN, 100, "busy" },
            { SEEN, 3700, "online" } },
          3765,
          OTHER_CLIENTS_LIVE,
          -1 },
        { "... which may be an old word for a moment",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { SEEN, 100, "online" },
            { SEEN, 101, "busy" } },
          3000,
          OTHER_CLIENTS_NONE,
          -1 },
        { "somebody was there before our long claim, and is not forgotten for it",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { SEEN, 10, "online" },
            { OURS, 100, "busy" },
            { SEEN, 100, "busy" },
            { SEEN, 3000, "offline" },
            { OVER, 3001, NULL } },
          3002,
          OTHER_CLIENTS_LIVE,
          3091 },
        { "ours from the moment it is sent, and the echo comes before the acknowledgement: back to back calls",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { SEEN, 100, "busy" },
            { SEEN, 123, "offline" },
            { OVER, 124, NULL } },
          125,
          OTHER_CLIENTS_NONE,
          -1 },
        { "somebody was there before our claim, and is not forgotten for it",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { SEEN, 10, "online" },
            { OURS, 100, "busy" },
            { SEEN, 100, "busy" },
            { SEEN, 123, "offline" },
            { OVER, 124, NULL } },
          130,
          OTHER_CLIENTS_LIVE,
          214 },
        { "a late echo of ours is nobody",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { OVER, 120, NULL },
            { SEEN, 121, "busy" },
            { SEEN, 122, "offline" } },
          123,
          OTHER_CLIENTS_NONE,
          -1 },
        { "busy after ours was taken back may be a late echo",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { OVER, 120, NULL },
            { SEEN, 121, "busy" } },
          130,
          OTHER_CLIENTS_UNKNOWN,
          185 },
        { "... and is another client's if it stays",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { OVER, 120, NULL },
            { SEEN, 121, "busy" } },
          185,
          OTHER_CLIENTS_LIVE,
          -1 },
        { "another client came during our claim",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { OVER, 120, NULL },
            { SEEN, 121, "online" } },
          121,
          OTHER_CLIENTS_LIVE,
          -1 },
        { "the first look: offline, as a person says who was there a moment ago",
          { { ACTIVE, -14, NULL }, { SEEN, 0, "offline" }, { WATCH, 0, NULL } },
          1,
          OTHER_CLIENTS_UNKNOWN,
          76 },
        { "... and whose client has not come back",
          { { ACTIVE, -14, NULL }, { SEEN, 0, "offline" }, { WATCH, 0, NULL } },
          76,
          OTHER_CLIENTS_NONE,
          -1 },
        { "... told after the changes are",
          { { WATCH, 0, NULL }, { ACTIVE, -14, NULL }, { SEEN, 0, "offline" } },
          1,
          OTHER_CLIENTS_UNKNOWN,
          76 },
        { "active while each change was told, without being there",
          { { WATCH, 0, NULL }, { SEEN, 0, "offline" }, { ACTIVE, 95, NULL }, { SEEN, 100, "offline" } },
          101,
          OTHER_CLIENTS_NONE,
          -1 },
        { "active unseen, as our claim was",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { SEEN, 100, "busy" },
            { SEEN, 119, "offline" },
            { OVER, 120, NULL },
            { BLIND, 121, NULL },
            { ACTIVE, 115, NULL },
            { SEEN, 170, "offline" } },
          171,
          OTHER_CLIENTS_NONE,
          -1 },
        { "active unseen, after our claim",
          { { WATCH, 0, NULL },
            { SEEN, 0, "offline" },
            { OURS, 100, "busy" },
            { SEEN, 100, "busy" },
            { SEEN, 119, "offline" },
            { OVER, 120, NULL },
            { BLIND, 121, NULL },
            { ACTIVE, 140, NULL },
            { SEEN, 170, "offline" } },
          171,
          OTHER_CLIENTS_UNKNOWN,
          230 },
        { "not known when our claim began, and offline was seen before the acknowledgement",
          { { WATCH, 0, NULL },
            { SEEN, 0, "online" },
            { OURS, 10, "busy" },
            { SEEN, 10, "busy" },
            { SEEN, 20, "offline" },
            { OVER, 21, NULL } },
          22,
          OTHER_CLIENTS_UNKNOWN,
          111 },
};

static void act(struct other_clients *o, const struct act *a) {
        usec_t at = AT((usec_t) a->at);

        switch (a->step) {
        case END:
                break;
        case SEEN:
                other_clients_seen(o, a->state, at);
                break;
        case WATCH:
                other_clients_watch(o, true, at);
                break;
        case BLIND:
                other_clients_watch(o, false, at);
                break;
        case OURS:
                other_clients_own(o, a->state, at);
                break;
        case OVER:
                other_clients_own_over(o, at);
                break;
        case ACTIVE:
                other_clients_active(o, at);
                break;
        }
}

Test(matrix_other_clients, verdicts) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct other_clients o = { .begun = false };
                enum other_clients_verdict verdict;
                usec_t until, expected = row->until < 0 ? USEC_NEVER : AT((usec_t) row->until);

                for (size_t j = 0; j < ARRAY_SIZE(row->acts); j++)
                        act(&o, &row->acts[j]);
                verdict = other_clients_judge(&o, AT((usec_t) row->asked_at), &until);
                cr_expect_eq(verdict, row->verdict, "%s: %d", row->what, (int) verdict);
                cr_expect_eq(until, expected, "%s: until %lld", row->what, (long long) (until / USEC_PER_SEC) - 1000);
        }
}
