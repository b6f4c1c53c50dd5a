/* When a device without the signature of its user harms others, and what the user is told of it. */
#include <stdarg.h>
#include <stdio.h>

#include "unit/matrix_encrypted_stage.h"

#include "util/log.h"

/* ---- what is told ---- */

#define TOLD_MAX 64

static char told[TOLD_MAX][1024];
static size_t n_told;

void __wrap_log_write(int level, const char *id, const char *const *fields, const char *file, int line,
                      const char *func, const char *format, ...);
void __wrap_log_write(int level, const char *id, const char *const *fields, const char *file, int line,
                      const char *func, const char *format, ...) {
        va_list args;

        cr_assert_lt(n_told, TOLD_MAX, "%s", told[0]);
        va_start(args, format);
        (void) vsnprintf(told[n_told++], sizeof(told[0]), format, args);
        va_end(args);
}

/* Since the last time: this, and nothing else. NULL: nothing at all. */
static void expect_told_once(const char *words, const char *when) {
        cr_assert_eq(n_told, words ? 1 : 0, "%s: %zu times, %s", when, n_told, told[0]);
        if (words)
                cr_assert(strstr(told[0], words), "%s: %s", when, told[0]);
        n_told = 0;
}

static void set_up_with_log(void) {
        n_told = 0;
        set_up();
}

TestSuite(matrix_encrypted_harm, .init = set_up_with_log, .fini = tear_down);

static bool harms(void) {
        struct encrypted_facts facts;

        cr_assert(encrypted_facts(e, &facts));
        return facts.harms;
}

/* As if busyd ran all the time. */
static void pass(usec_t usec) {
        const usec_t until = at.now + usec;

        while (at.now < until) {
                usec_t wake_at = usec_min(serve(), until);

                cr_assert_gt(wake_at, at.now);
                at.wall += wake_at - at.now;
                at.now = wake_at;
        }
        (void) serve();
}

static void expect_harm_after(usec_t usec) {
        pass(usec - USEC_PER_MIN);
        cr_assert_not(harms());
        pass(USEC_PER_MIN);
        cr_assert(harms());
}

static void something_changed(void) {
        SCOPED(json_decref) json_t *body = json_pack("{s{s[s]} s{}}", "device_lists", "changed", ME, "rooms");

        cr_assert_eq(encrypted_take(e, body, &at), 0);
        (void) serve();
}

static void reset_identity(void) {
        master_seed = signing_seed = reset_seed;
        something_changed();
}

Test(matrix_encrypted_harm, a_device_that_stays_unsigned_for_a_week_harms_others) {
        go(ENCRYPTED_CALLS_DM);
        pass(2 * ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
        reset_identity();
        expect_harm_after(ENCRYPTED_UNSIGNED_MAX);
}

Test(matrix_encrypted_harm, a_device_that_is_signed_again_in_time_does_not) {
        go(ENCRYPTED_CALLS_DM);
        reset_identity();
        pass(ENCRYPTED_UNSIGNED_MAX - USEC_PER_HOUR);
        master_seed = my_master_seed;
        signing_seed = my_signing_seed;
        pass(2 * ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
}

Test(matrix_encrypted_harm, nobody_is_logged_out_who_was_not_told_an_hour_before) {
        go(ENCRYPTED_CALLS_DM);
        reset_identity();
        pass(2 * USEC_PER_HOUR);
        encrypted_free(e);
        at.wall += 2 * ENCRYPTED_UNSIGNED_MAX;
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_not(harms());
        pass(ENCRYPTED_TOLD_MIN);
        cr_assert(harms());
}

/* What was true before a machine slept for a week is asked first. */
Test(matrix_encrypted_harm, what_is_not_known_of_the_last_hour_counts_for_nothing) {
        go(ENCRYPTED_CALLS_DM);
        reset_identity();
        at.now += 2 * ENCRYPTED_UNSIGNED_MAX;
        at.wall += 2 * ENCRYPTED_UNSIGNED_MAX;
        (void) encrypted_run(e, "offline", &at);
        cr_assert_not(harms());
        (void) serve();
        cr_assert(harms());
}

/* Another session was to sign it: what is on disk when everything dies before that, with whoever kept watch. */
static void break_off_a_comparison(void) {
        SCOPED(receiver_free) struct receiver *left = NULL;
        SCOPED(json_decref) json_t *body = NULL;

        cr_assert_eq(receiver_load(&left, disk, key, &at), 0);
        cr_assert_eq(receiver_introduce(left, NULL, &at, &body), 0);
        json_decref(disk);
        cr_assert_eq(receiver_store(left, key, &disk), 0);
}

static void open_unsigned(enum encrypted_calls scope) {
        break_off_a_comparison();
        signing_seed = reset_seed;
        open_with(scope);
        (void) serve();
}

/* Not before: whoever tries again may have begun. */
Test(matrix_encrypted_harm, a_device_that_was_never_signed_is_given_no_week) {
        open_unsigned(ENCRYPTED_CALLS_DM);
        expect_harm_after(ENCRYPTED_TOLD_MIN);
}

Test(matrix_encrypted_harm, a_device_that_was_signed_after_all_is_as_all_others) {
        break_off_a_comparison();
        go(ENCRYPTED_CALLS_DM);
        cr_assert_not(harms());
        encrypted_free(e);
        open_with(ENCRYPTED_CALLS_DM);
        reset_identity();
        expect_harm_after(ENCRYPTED_UNSIGNED_MAX);
}

/* ... by another session, and the identity that has is reset before busyd is up again. */
Test(matrix_encrypted_harm, nor_is_one_whose_signature_busyctl_has_seen) {
        SCOPED(receiver_free) struct receiver *left = NULL;

        break_off_a_comparison();
        cr_assert_eq(receiver_load(&left, disk, key, &at), 0);
        receiver_is_signed(left);
        json_decref(disk);
        cr_assert_eq(receiver_store(left, key, &disk), 0);
        signing_seed = reset_seed;
        open_with(ENCRYPTED_CALLS_DM);
        expect_harm_after(ENCRYPTED_UNSIGNED_MAX);
}

/* ---- another session signed it, and nobody has proved here whose identity that is ---- */

/* As the comparison leaves it: the key that it believes until the other session has proved another is nobody's. */
static void break_off_before_anybody_is_believed(void) {
        static const uint8_t nobody[CRYPTO_SECRET_BYTES] = { 9 };
        SCOPED(receiver_free) struct receiver *left = NULL;
        char master[CRYPTO_KEY_TEXT];

        break_off_a_comparison();
        cr_assert_eq(receiver_load(&left, disk, key, &at), 0);
        cr_assert_eq(crypto_seed_public(nobody, master), 0);
        cr_assert_eq(receiver_pin(left, master), 0);
        json_decref(disk);
        cr_assert_eq(receiver_store(left, key, &disk), 0);
}

static enum encrypted_state state(void) {
        struct encrypted_facts facts;

        cr_assert(encrypted_facts(e, &facts));
        return facts.state;
}

Test(matrix_encrypted_harm, a_device_that_another_session_has_signed_meanwhile_does_not) {
        break_off_before_anybody_is_believed();
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        pass(2 * ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
        cr_assert_eq(state(), ENCRYPTED_UNPROVEN, "an identity that nobody has proved is believed");
}

/* The other session has its keys by then. */
Test(matrix_encrypted_harm, nor_one_that_it_signs_within_the_hour) {
        break_off_before_anybody_is_believed();
        signing_seed = reset_seed;
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_eq(state(), ENCRYPTED_UNVERIFIED);
        pass(ENCRYPTED_TOLD_MIN - USEC_PER_MIN);
        signing_seed = my_signing_seed;
        something_changed();
        pass(ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
        cr_assert_eq(state(), ENCRYPTED_UNPROVEN);
}

/* ... of which the server may have told while nobody listened. */
Test(matrix_encrypted_harm, nor_one_of_whose_signature_nothing_is_heard) {
        break_off_before_anybody_is_believed();
        signing_seed = reset_seed;
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        pass(ENCRYPTED_TOLD_MIN / 2);
        signing_seed = my_signing_seed;
        pass(ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
}

Test(matrix_encrypted_harm, one_whose_other_session_takes_its_signature_back_is_as_all_others) {
        break_off_before_anybody_is_believed();
        open_with(ENCRYPTED_CALLS_DM);
        (void) serve();
        reset_identity();
        cr_assert_eq(state(), ENCRYPTED_UNVERIFIED);
        expect_harm_after(ENCRYPTED_UNSIGNED_MAX);
}

/* The comparison was over, and only the signature was waited for: what is on disk is all there is to know. */
Test(matrix_encrypted_harm, a_device_that_is_signed_after_the_comparison_is_verified) {
        open_unsigned(ENCRYPTED_CALLS_DM);
        cr_assert_eq(state(), ENCRYPTED_UNVERIFIED);
        signing_seed = my_signing_seed;
        something_changed();
        cr_assert_eq(state(), ENCRYPTED_VERIFIED);
        pass(ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
}

/* ---- where nothing is read: it harms others all the same ---- */

Test(matrix_encrypted_harm, a_device_that_was_never_signed_is_looked_at_where_nothing_is_read) {
        open_unsigned(ENCRYPTED_CALLS_OFF);
        cr_assert_eq(state(), ENCRYPTED_UNVERIFIED);
        expect_harm_after(ENCRYPTED_TOLD_MIN);
}

Test(matrix_encrypted_harm, so_is_one_that_lost_its_signature) {
        open_with(ENCRYPTED_CALLS_OFF);
        (void) serve();
        cr_assert_eq(state(), ENCRYPTED_OFF, "a device that is as it should be is of no interest there");
        reset_identity();
        cr_assert_eq(state(), ENCRYPTED_UNVERIFIED);
        expect_harm_after(ENCRYPTED_UNSIGNED_MAX);
}

Test(matrix_encrypted_harm, what_harms_nobody_is_of_no_interest_where_nothing_is_read) {
        json_t *mine;

        break_off_before_anybody_is_believed();
        open_with(ENCRYPTED_CALLS_OFF);
        cr_assert_eq(state(), ENCRYPTED_OFF, "being asked");
        (void) serve();
        cr_assert_eq(state(), ENCRYPTED_OFF, "signed by an identity that nobody has proved");
        mine = json_object_get(users, ME);
        cr_assert_eq(json_object_del(mine, MY_DEVICE), 0);
        something_changed();
        cr_assert_eq(state(), ENCRYPTED_OFF, "gone");
        pass(2 * ENCRYPTED_UNSIGNED_MAX);
        cr_assert_not(harms());
}

/* Neither messages nor keys are taken, and none are made for others to begin with. */
Test(matrix_encrypted_harm, looking_at_it_reads_nothing_and_gives_no_keys) {
        unsigned n_before;

        go(ENCRYPTED_CALLS_DM);
        claim(&phone);
        cr_assert_eq(come(key_for(&phone, ROOM)), 0);
        cr_assert_eq(come(key_for(&bob, ROOM)), 0);
        cr_assert_eq(said(&phone, ROOM, "$0", rings(&phone, ROOM)), 1);
        encrypted_free(e);
        json_object_clear(one_time_keys);
        open_with(ENCRYPTED_CALLS_OFF);
        n_before = n_puts;
        n_others_asked = 0;
        for (int i = 0; i < 3; i++)
                cr_assert_eq(come_with(key_for(&bob, ROOM), 0), 0);
        pass(2 * STOCK_FALLBACK_AGE_USEC);
        cr_assert_eq(n_puts, n_before, "something was kept");
        cr_assert_eq(json_object_size(one_time_keys), 0, "keys were uploaded");
        cr_assert_eq(said(&bob, ROOM, "$1", rings(&bob, ROOM)), 0);
        cr_assert_eq(said(&phone, ROOM, "$2", rings(&phone, ROOM)), 0, "what was read before");
        cr_assert_eq(n_looks, 1, "the rooms are looked at");
        cr_assert_not(encrypted_expects(e));
        cr_assert_eq(n_others_asked, 0, "others are asked for");
}

Test(matrix_encrypted_harm, nor_those_keys_that_it_has_made) {
        open_with(ENCRYPTED_CALLS_DM);
        for (int i = 0; i < 2; i++)
                cr_assert_eq(come_with(NULL, 0), 0);
        encrypted_set_scope(e, ENCRYPTED_CALLS_OFF);
        (void) serve();
        cr_assert_eq(json_object_size(one_time_keys), 0);
        encrypted_set_scope(e, ENCRYPTED_CALLS_DM);
        (void) serve();
        cr_assert_gt(json_object_size(one_time_keys), 0, "there were none");
}

/* ---- what the user is told: once, however often it is asked and found the same ---- */

static void time_goes_by(void) {
        pass(2 * USEC_PER_HOUR);
        for (int i = 0; i < 3; i++)
                something_changed();
        pass(USEC_PER_HOUR);
}

#define NOT_ANY_MORE "not verified any more"
#define VERIFIED     "a verified session"

Test(matrix_encrypted_harm, a_lost_signature_is_told_once_each_time) {
        go(ENCRYPTED_CALLS_DM);
        time_goes_by();
        expect_told_once(VERIFIED, "as it should be");
        for (int i = 0; i < 2; i++) {
                reset_identity();
                time_goes_by();
                expect_told_once(NOT_ANY_MORE, "reset");
                master_seed = my_master_seed;
                signing_seed = my_signing_seed;
                time_goes_by();
                expect_told_once(VERIFIED, "signed again");
        }
}

Test(matrix_encrypted_harm, so_is_whatever_else_is_to_be_done) {
        json_t *mine = json_object_get(users, ME), *device = json_incref(json_object_get(mine, MY_DEVICE));

        break_off_before_anybody_is_believed();
        signing_seed = reset_seed;
        open_with(ENCRYPTED_CALLS_DM);
        time_goes_by();
        expect_told_once("broken off before another session has signed it", "never signed");
        signing_seed = my_signing_seed;
        time_goes_by();
        expect_told_once("not proved here to be yours", "signed meanwhile");
        cr_assert_eq(json_object_del(mine, MY_DEVICE), 0);
        time_goes_by();
        expect_told_once("no keys of this session any more", "gone");
        json_object_set_new(json_object_get(device, "keys"), "curve25519:" MY_DEVICE, json_string(bob.curve25519));
        put_user(ME, MY_DEVICE, device);
        time_goes_by();
        expect_told_once("other keys of this session", "another one");
}

/* There only what harms others is to be mended. */
Test(matrix_encrypted_harm, where_nothing_is_read_the_rest_is_not_told) {
        open_with(ENCRYPTED_CALLS_OFF);
        time_goes_by();
        expect_told_once(NULL, "as it should be");
        reset_identity();
        time_goes_by();
        expect_told_once(NOT_ANY_MORE, "reset");
        cr_assert_eq(json_object_del(json_object_get(users, ME), MY_DEVICE), 0);
        time_goes_by();
        expect_told_once(NULL, "gone");
}
