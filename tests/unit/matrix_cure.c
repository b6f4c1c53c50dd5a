/* Whom the cure takes busy back from, in which order, and with which state. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/outputs/cure.h"
#include "json/json.h"

#define WALL (INT64_C(1700000000000) * (int64_t) USEC_PER_MSEC)

static const struct plan_row {
        const char *what, *prior, *own, *devices;
        const char *plan; /* "DEVICE state," for each */
} plan_rows[] = {
        { "no device at all", "online", "", "[]", " offline," },
        { "only our own", "online", "A", "[{\"device_id\":\"A\",\"last_seen_ts\":1700000000000}]",
          "A offline, offline," },
        { "our own first, also if it is not listed", "online", "A", "[]", "A offline, offline," },
        { "those seen just now are online, the last used first", "online", "A",
          "[{\"device_id\":\"OLD\",\"last_seen_ts\":1699999000000},{\"device_id\":\"NEVER\"},"
          "{\"device_id\":\"A\",\"last_seen_ts\":1700000000000},{\"device_id\":\"B\",\"last_seen_ts\":1699999990000}]",
          "A offline,B online,OLD offline,NEVER offline, offline," },
        { "just below four minutes", "online", "A", "[{\"device_id\":\"B\",\"last_seen_ts\":1699999760001}]",
          "A offline,B online, offline," },
        { "four minutes", "online", "A", "[{\"device_id\":\"B\",\"last_seen_ts\":1699999760000}]",
          "A offline,B offline, offline," },
        { "the server's clock is ahead", "online", "A", "[{\"device_id\":\"B\",\"last_seen_ts\":1700000060000}]",
          "A offline,B online, offline," },
        { "idle before the call", "unavailable", "A", "[{\"device_id\":\"B\",\"last_seen_ts\":1699999990000}]",
          "A offline,B online, offline," },
        { "offline before the call", "offline", "A", "[{\"device_id\":\"B\",\"last_seen_ts\":1699999990000}]",
          "A offline,B offline, offline," },
        { "another machine of ours is nobody's presence", "online", "A",
          "[{\"device_id\":\"LAPTOP\",\"last_seen_ts\":1700000000000}]", "A offline,LAPTOP offline, offline," },
        { "not what devices look like", "online", "A",
          "[7,null,{\"device_id\":7},{\"device_id\":\"\"},{\"device_id\":\"B\",\"last_seen_ts\":\"now\"}]",
          "A offline,B offline, offline," },
        { "no list", "online", "A", "{}", "A offline, offline," },
};

/* One other machine. */
static bool is_laptop(void *userdata, const char *device_id) {
        return streq(device_id, "LAPTOP");
}

static void plan_for(struct cure_plan *ret, const json_t *devices, const char *own, const struct claim_value *prior) {
        cure_plan(
                ret, devices,
                &(struct cure_situation){ .own_device = own, .is_machine = is_laptop, .prior = prior, .wall = WALL });
}

Test(cure, plan) {
        for (size_t i = 0; i < ARRAY_SIZE(plan_rows); i++) {
                const struct plan_row *row = &plan_rows[i];
                SCOPED(json_decref) json_t *devices = json_loads(row->devices, 0, NULL);
                struct claim_value prior;
                struct cure_plan plan;
                char text[512] = "";
                size_t n = 0;

                cr_assert_eq(claim_value_set(&prior, row->prior, ""), 0);
                plan_for(&plan, devices, row->own, &prior);
                for (size_t k = 0; k < plan.n; k++)
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s %s,", plan.targets[k].device,
                                               plan.targets[k].state);
                cr_expect_str_eq(text, row->plan, "%s: %s", row->what, text);
        }
}

Test(cure, more_devices_than_it_asks) {
        json_t *devices = json_array();
        struct claim_value prior;
        struct cure_plan plan;
        char id[32];

        for (int i = 0; i < 3 * CURE_DEVICES_MAX; i++) {
                snprintf(id, sizeof(id), "D%d", i);
                json_array_append_new(
                        devices, json_pack("{s:s,s:I}", "device_id", id, "last_seen_ts", INT64_C(1600000000000) + i));
        }
        cr_assert_eq(claim_value_set(&prior, "online", ""), 0);
        plan_for(&plan, devices, "A", &prior);
        cr_expect_eq(plan.n, (size_t) CURE_DEVICES_MAX + 2);
        cr_expect_str_eq(plan.targets[0].device, "A");
        snprintf(id, sizeof(id), "D%d", 3 * CURE_DEVICES_MAX - 1);
        cr_expect_str_eq(plan.targets[1].device, id);
        cr_expect_str_eq(plan.targets[plan.n - 1].device, "");
        json_decref(devices);
}
