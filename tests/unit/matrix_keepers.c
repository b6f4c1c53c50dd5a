/* Whether a client is there that keeps the user's presence up. */
#include <criterion/criterion.h>

#include "json/json.h"
#include "matrix/outputs/keepers.h"

#define WALL     (INT64_C(1700000000000) * (int64_t) USEC_PER_MSEC)
#define OURS     "{\"device_id\":\"A\",\"last_seen_ts\":1699999400000}"
#define JUST     "\"last_seen_ts\":1699999990000"
#define LONG_AGO "\"last_seen_ts\":1699999000000"

static const struct row {
        const char *what, *devices;
        enum keepers keepers;
} rows[] = {
        { "nobody else", "[" OURS "]", KEEPERS_NONE },
        { "a phone, just now", "[" OURS ",{\"device_id\":\"P\"," JUST "}]", KEEPERS_SOME },
        { "a phone, long ago", "[" OURS ",{\"device_id\":\"P\"," LONG_AGO "}]", KEEPERS_NONE },
        { "a phone, never", "[" OURS ",{\"device_id\":\"P\"}]", KEEPERS_NONE },
        { "a phone, just not five minutes ago", "[" OURS ",{\"device_id\":\"P\",\"last_seen_ts\":1699999700001}]",
          KEEPERS_SOME },
        { "a phone, five minutes ago", "[" OURS ",{\"device_id\":\"P\",\"last_seen_ts\":1699999700000}]",
          KEEPERS_NONE },
        { "a phone of a server whose clock is ahead",
          "[" OURS ",{\"device_id\":\"P\",\"last_seen_ts\":1700000600000}]", KEEPERS_SOME },
        { "another machine of ours", "[" OURS ",{\"device_id\":\"LAPTOP\"," JUST "}]", KEEPERS_NONE },
        { "the server notes nothing", "[{\"device_id\":\"A\"},{\"device_id\":\"P\"}]", KEEPERS_UNKNOWN },
        { "it has not noted us for a day", "[{\"device_id\":\"A\",\"last_seen_ts\":1699913600000}]", KEEPERS_UNKNOWN },
        { "we are not listed", "[{\"device_id\":\"P\"," LONG_AGO "}]", KEEPERS_UNKNOWN },
        { "nothing", "[]", KEEPERS_UNKNOWN },
        { "no list", "{}", KEEPERS_UNKNOWN },
        { "odd ones", "[" OURS ",7,null,{\"device_id\":7},{\"device_id\":\"P\",\"last_seen_ts\":\"now\"}]",
          KEEPERS_NONE },
};

static bool is_laptop(void *userdata, const char *device_id) {
        return streq(device_id, "LAPTOP");
}

static enum keepers judge_at(usec_t wall, usec_t date, const char *devices, enum matrix_outcome outcome,
                             bool (*is_machine)(void *, const char *)) {
        struct matrix_reply reply = { .outcome = outcome, .wall = wall, .date = date };
        SCOPED(json_decref) json_t *list = NULL;
        enum keepers k;

        cr_assert_eq(json_parse(devices, strlen(devices), &list), 0, "%s", devices);
        reply.body = json_pack("{s:O}", "devices", list);
        k = keepers_judge(&reply, "A", is_machine, NULL);
        json_decref(reply.body);
        return k;
}

static enum keepers judge(const char *devices, enum matrix_outcome outcome, bool (*is_machine)(void *, const char *)) {
        return judge_at((usec_t) WALL, 0, devices, outcome, is_machine);
}

Test(matrix_keepers, judged_by_when_devices_were_seen) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_expect_eq(judge(rows[i].devices, MATRIX_OK, is_laptop), rows[i].keepers, "%s", rows[i].what);
        cr_expect_eq(judge("[" OURS "]", MATRIX_REFUSED, is_laptop), KEEPERS_UNKNOWN, "no answer");
        cr_expect_eq(judge("[" OURS ",{\"device_id\":\"LAPTOP\"," JUST "}]", MATRIX_OK, NULL), KEEPERS_SOME,
                     "no machines");
}

/* Ours may be off by anything, and jumps where a machine has no battery for it. */
Test(matrix_keepers, judged_by_the_clock_of_the_server) {
        static const char just[] = "[" OURS ",{\"device_id\":\"P\"," JUST "}]",
                          long_ago[] = "[" OURS ",{\"device_id\":\"P\"," LONG_AGO "}]";
        usec_t there = (usec_t) WALL, ahead = there + 18 * USEC_PER_MIN, behind = there - 18 * USEC_PER_MIN;

        cr_expect_eq(judge_at(ahead, there, just, MATRIX_OK, NULL), KEEPERS_SOME);
        cr_expect_eq(judge_at(behind, there, long_ago, MATRIX_OK, NULL), KEEPERS_NONE);
}
