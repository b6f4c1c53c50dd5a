/* How many keys lie on the server. On virtual clocks: `now` and `wall` run apart. */
#include <criterion/criterion.h>

#include "matrix/crypto/stock.h"

#define DAY  (24 * USEC_PER_HOUR)
#define WALL (20000 * DAY)

static struct stock s;
static usec_t now, wall;

static struct stock_order order(void) {
        return stock_decide(&s, now, wall);
}

static struct stock_order carry_out(void) {
        struct stock_order o = order();

        stock_done(&s, &o, now, wall);
        return o;
}

static void pass(usec_t t) {
        now += t;
        wall += t;
}

/* A device that is as it should be, its fallback key just made. */
static void begin(void) {
        now = 10 * DAY;
        wall = WALL;
        s = stock_begin(0, now);
        stock_server_says(&s, 0, false);
        (void) carry_out();
        stock_server_says(&s, STOCK_FULL, true);
        pass(2 * USEC_PER_HOUR);
        (void) carry_out();
}

TestSuite(crypto_stock, .init = begin);

Test(crypto_stock, a_new_device_makes_all_of_them) {
        struct stock_order o;

        s = stock_begin(0, now);
        stock_server_says(&s, 0, false);
        o = carry_out();
        cr_assert_eq(o.n_make, STOCK_FULL);
        cr_assert(o.make_fallback);
        o = order();
        cr_assert_eq(o.n_make, 0);
        cr_assert_not(o.make_fallback);
}

Test(crypto_stock, nothing_is_made_before_the_server_has_said_what_is_there) {
        struct stock_order o;

        s = stock_begin(wall - 1, now);
        o = order();
        cr_assert_eq(o.n_make, 0);
        cr_assert_not(o.make_fallback);
}

Test(crypto_stock, it_is_filled_up_once_half_is_gone) {
        stock_server_says(&s, STOCK_LOW, true);
        cr_assert_eq(order().n_make, 0);
        stock_server_says(&s, STOCK_LOW - 1, true);
        cr_assert_eq(carry_out().n_make, STOCK_FULL - STOCK_LOW + 1);
        cr_assert_eq(order().n_make, 0);
}

Test(crypto_stock, no_more_than_so_many_are_made_in_an_hour) {
        struct stock_order o;

        stock_server_says(&s, 0, true);
        cr_assert_eq(carry_out().n_make, STOCK_PER_HOUR_MAX);
        pass(USEC_PER_MIN);
        stock_server_says(&s, 0, true);
        o = carry_out();
        cr_assert_eq(o.n_make, 0);
        cr_assert_eq(o.wake_at, now + 59 * USEC_PER_MIN);
        pass(59 * USEC_PER_MIN);
        cr_assert_eq(carry_out().n_make, STOCK_PER_HOUR_MAX);
}

Test(crypto_stock, a_fallback_key_that_was_used_is_replaced_and_the_old_one_kept_for_an_hour) {
        struct stock_order o;

        stock_server_says(&s, STOCK_FULL, false);
        o = carry_out();
        cr_assert(o.make_fallback);
        cr_assert_not(o.forget_fallback);
        o = order();
        cr_assert_not(o.make_fallback);
        cr_assert_eq(o.wake_at, now + STOCK_FALLBACK_FORGET_USEC);
        pass(STOCK_FALLBACK_FORGET_USEC - 1);
        cr_assert_not(order().forget_fallback);
        pass(1);
        cr_assert(carry_out().forget_fallback);
        cr_assert_not(order().forget_fallback);
}

/* The library keeps two: a third one would end what may be on its way by the first. */
Test(crypto_stock, fallback_keys_used_one_after_the_other_are_replaced_once_an_hour) {
        struct stock_order o;

        stock_server_says(&s, STOCK_FULL, false);
        cr_assert(carry_out().make_fallback);
        stock_server_says(&s, STOCK_FULL, false);
        cr_assert_not(order().make_fallback);
        pass(STOCK_FALLBACK_FORGET_USEC);
        o = carry_out();
        cr_assert(o.forget_fallback);
        cr_assert(o.make_fallback);
}

Test(crypto_stock, a_fallback_key_lasts_a_week) {
        usec_t left = WALL + STOCK_FALLBACK_AGE_USEC - wall;

        cr_assert_eq(order().wake_at, now + left);
        pass(left - 1);
        cr_assert_not(order().make_fallback);
        pass(1);
        cr_assert(order().make_fallback);
}

Test(crypto_stock, a_clock_that_jumps_costs_one_key_and_no_more) {
        wall -= 365 * DAY;
        cr_assert(carry_out().make_fallback);
        cr_assert_not(order().make_fallback);
        wall += 2 * 365 * DAY;
        pass(STOCK_FALLBACK_FORGET_USEC);
        cr_assert(carry_out().make_fallback);
        cr_assert_not(order().make_fallback);
}

Test(crypto_stock, after_a_start_the_fallback_key_before_is_kept_for_an_hour) {
        s = stock_begin(wall - DAY, now);
        stock_server_says(&s, STOCK_FULL, true);
        cr_assert_eq(order().wake_at, now + STOCK_FALLBACK_FORGET_USEC);
        pass(STOCK_FALLBACK_FORGET_USEC);
        cr_assert(order().forget_fallback);
}
