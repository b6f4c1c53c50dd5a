/* The manager and the book of calls on a virtual clock: accounts, sources, bus and logind are played by this file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "busyd/accounts.h"
#include "busyd/call-book.h"
#include "busyd/logind.h"
#include "busyd/manager.h"
#include "config/config.h"
#include "control/control.h"
#include "desktop/desktop.h"
#include "sources/identity.h"
#include "sources/set.h"
#include "state/state.h"
#include "util_temp.h"

#define S     USEC_PER_SEC
#define START (1000 * S)

/* What stands around the manager, and what it was asked for last. */
static struct {
        usec_t now;
        enum source_state source_state;
        bool sources_settled, accounts_settled, logind_settled, at_rest;
        const struct call_sink *sink;
        struct accounts_wanted wanted;
        char message[CLAIM_TEXT_MAX]; /* of `wanted` */
        struct desktop_facts desktop;
        char desktop_apps[256], desktop_reason[64];
        bool desktop_at_rest;
        const struct desktop_word *word; /* that was said on it; NULL: none */
        char hook[32];                   /* of the configuration */
        struct control_manager_view shown;
        char problem[512]; /* of `shown` */
        unsigned n_touched, n_updates, n_retries, n_wakes, n_let_sleep, n_configured, holds_ended;
        struct state *state;
        struct config *config;
        struct manager *m;
        struct temp_dir dir;
} t;

/* ---- accounts ---- */

int accounts_new(struct accounts **ret, const struct accounts_context *context) {
        t.sink = context->sink;
        return 0;
}
struct accounts *accounts_free(struct accounts *s) {
        return NULL;
}
int accounts_update(struct accounts *s, const struct config *config, bool by_hand, const struct instant *at) {
        t.n_updates++;
        return 0;
}
int accounts_let_go(struct accounts *s, const char *name, usec_t until) {
        return streq(name, "home") ? 0 : -ENOENT;
}
usec_t accounts_run(struct accounts *s, const struct accounts_wanted *wanted, const struct instant *at) {
        t.wanted = *wanted;
        (void) snprintf(t.message, sizeof(t.message), "%s", wanted->message ? wanted->message : "");
        return USEC_NEVER;
}
void accounts_retry_now(struct accounts *s) {
        t.n_retries++;
}
void accounts_wake(struct accounts *s, bool gap) {
        t.n_wakes++;
}
bool accounts_are_settled(const struct accounts *s) {
        return t.accounts_settled;
}
bool accounts_are_at_rest(const struct accounts *s) {
        return t.at_rest;
}
size_t accounts_n(const struct accounts *s) {
        return 1;
}
void accounts_publish(struct accounts *s, struct control *control, const struct instant *at) {
}

/* ---- sources: one ---- */

static const struct source_kind kind = { .name = "telephony" };
const struct source_kind *const source_kinds[] = { &kind, NULL };

int source_set_new(struct source_set **ret, sd_event *event, sd_bus *user_bus,
                   const struct source_set_handler *handler) {
        return 0;
}
struct source_set *source_set_free(struct source_set *s) {
        return NULL;
}
int source_set_configure(struct source_set *s, const char *name, const struct source_settings *settings) {
        t.n_configured++;
        return 0;
}
void source_set_set_system_bus(struct source_set *s, sd_bus *bus, const char *problem) {
}
void source_set_set_away(struct source_set *s, bool away) {
}
usec_t source_set_run(struct source_set *s, usec_t now) {
        return USEC_NEVER;
}
bool source_set_is_settled(const struct source_set *s) {
        return t.sources_settled;
}
bool source_set_view(const struct source_set *s, size_t i, struct source_view *ret) {
        *ret = (struct source_view){ .name = kind.name, .state = t.source_state, .detail = "" };
        return i == 0;
}
bool source_set_stream(const struct source_set *s, size_t source, size_t i, struct source_stream *ret) {
        return false;
}
const char *source_state_to_string(enum source_state s) {
        return "watching";
}

const char *identities_of_pid(char *buf, size_t size, pid_t pid) {
        buf[0] = '\0';
        return buf;
}

/* ---- this machine ---- */

int desktop_new(struct desktop **ret, const struct desktop_context *context) {
        return 0;
}
struct desktop *desktop_free(struct desktop *d) {
        return NULL;
}
int desktop_configure(struct desktop *d, const struct desktop_settings *settings) {
        (void) snprintf(t.hook, sizeof(t.hook), "%s", settings->hooks.on_busy ? settings->hooks.on_busy : "");
        return 0;
}
usec_t desktop_run(struct desktop *d, const struct desktop_facts *facts, usec_t now) {
        t.desktop = *facts;
        (void) snprintf(t.desktop_apps, sizeof(t.desktop_apps), "%s", facts->apps);
        (void) snprintf(t.desktop_reason, sizeof(t.desktop_reason), "%s", facts->reason);
        return USEC_NEVER;
}
bool desktop_take_word(struct desktop *d, struct desktop_word *ret) {
        if (!t.word)
                return false;
        *ret = *t.word;
        t.word = NULL;
        return true;
}
bool desktop_is_at_rest(const struct desktop *d) {
        return t.desktop_at_rest;
}

/* ---- bus and logind ---- */

void control_set_manager(struct control *c, const struct control_manager_view *v) {
        t.shown = *v;
        (void) snprintf(t.problem, sizeof(t.problem), "%s", v->problem);
}
int control_set_call(struct control *c, const struct control_call_view *v) {
        return 0;
}
void control_remove_call(struct control *c, uint64_t serial) {
}
int control_set_source(struct control *c, const struct control_source_view *v) {
        return 0;
}
void control_hold_ended(struct control *c, uint32_t cookie) {
        t.holds_ended++;
}
bool logind_is_settled(const struct logind *l) {
        return t.logind_settled;
}
void logind_let_sleep(struct logind *l) {
        t.n_let_sleep++;
}

/* ---- the stage ---- */

static void on_touched(void *userdata) {
        t.n_touched++;
}

static struct instant at(void) {
        return (struct instant){ .now = START + t.now, .wall = 1700000000 * S + t.now };
}

/* Also those that follow within the second, as what is written to disk does. Returns the next deadline, in seconds
 * since the start; 0: none. */
static usec_t turn(usec_t seconds) {
        struct instant now;
        usec_t wake_at;

        t.now = seconds * S;
        for (;;) {
                now = at();
                wake_at = manager_turn(t.m, &now);
                if (wake_at <= now.now || wake_at >= START + (seconds + 1) * S)
                        break;
                t.now = wake_at - START;
        }
        return wake_at == USEC_NEVER ? 0 : (wake_at - START) / S;
}

static void start(void) {
        const struct manager_edges edges = { .state = t.state, .touched = on_touched };
        const struct instant now = at();

        cr_assert_eq(manager_new(&t.m, t.config, &edges, &now), 0);
        cr_assert_eq(manager_start(t.m, &now), 0);
}

static void setup(void) {
        t.dir = temp_dir();
        setenv("XDG_CONFIG_HOME", t.dir.path, 1);
        cr_assert_eq(state_open(&t.state, t.dir.path, NULL, NULL), 0);
        cr_assert_eq(config_load(&t.config, NULL, NULL, NULL), 0);
        t.source_state = SOURCE_WATCHING;
        t.sources_settled = t.accounts_settled = t.logind_settled = t.at_rest = t.desktop_at_rest = true;
        start();
}

static void teardown(void) {
        manager_free(t.m);
        state_free(t.state);
        temp_dir_scoped(&t.dir);
}

TestSuite(manager, .init = setup, .fini = teardown);

static void call_begins_by(const char *id, const char *app) {
        t.sink->report(t.sink->userdata, &(struct call_report){ .source = "telephony",
                                                                .id = id,
                                                                .app = app,
                                                                .what = "call",
                                                                .phase = CALL_ACTIVE,
                                                                .evidence = EVIDENCE_PROOF,
                                                                .lasts = USEC_NEVER });
}

static void call_begins(const char *id) {
        call_begins_by(id, "phone");
}

static void call_ends(const char *id) {
        t.sink->end(t.sink->userdata, "telephony", id);
}

/* ---- settling ---- */

Test(manager, writes_nothing_before_it_knows_what_goes_on) {
        t.accounts_settled = false;
        call_begins("1");
        cr_assert_eq(turn(0), 10, "no deadline for those who do not tell");
        cr_assert(!t.wanted.settled && !t.wanted.busy && !t.shown.settled);
        t.accounts_settled = true;
        cr_assert_eq(turn(3), 0);
        cr_assert(t.wanted.settled && t.wanted.busy && t.shown.busy);
}

Test(manager, does_not_wait_for_ever_for_one_that_does_not_tell) {
        t.logind_settled = false;
        call_begins("1");
        (void) turn(9);
        cr_assert(!t.wanted.settled);
        (void) turn(10);
        cr_assert(t.wanted.settled && t.wanted.busy);
}

/* What an earlier run owes is owed whether or not somebody is on a call. */
Test(manager, gives_back_when_it_ends_before_it_knows) {
        const struct instant now = at();

        t.accounts_settled = false;
        (void) turn(0);
        cr_assert_not(t.wanted.settled);
        manager_stop(t.m, 0, &now);
        (void) turn(1);
        cr_assert(t.wanted.settled && !t.wanted.busy);
}

/* ---- facts and words ---- */

Test(manager, is_touched_by_what_is_reported_and_says_when_to_look_again) {
        unsigned before;

        (void) turn(0);
        before = t.n_touched;
        call_begins("1");
        cr_assert_gt(t.n_touched, before);
        cr_assert_eq(turn(1), 0);
        cr_assert(t.wanted.busy);
        call_ends("1");
        cr_assert_eq(turn(2), 7, "the grace");
        cr_assert(t.wanted.busy);
        (void) turn(7);
        cr_assert_not(t.wanted.busy);
}

Test(manager, a_message_by_hand_holds_until_the_next_word) {
        const struct instant now = at();

        call_begins("1");
        manager_set_mode(t.m, MODE_BUSY, 0, "At the dentist", &now);
        (void) turn(1);
        cr_assert_str_eq(t.message, "At the dentist");
        manager_set_mode(t.m, MODE_AUTO, 0, "", &now);
        (void) turn(2);
        cr_assert(t.wanted.busy, "the call goes on");
        cr_assert_str_eq(t.message, "", "the old words are still wanted");
}

#define YEAR (INT64_C(365) * 86400)

/* Another run; the clock may have been set meanwhile. */
static void start_anew(int64_t seconds_late) {
        const struct manager_edges edges = { .state = t.state, .touched = on_touched };
        struct instant now = at();

        now.wall -= (usec_t) seconds_late * S;
        manager_free(t.m);
        cr_assert_eq(config_load(&t.config, NULL, NULL, NULL), 0);
        cr_assert_eq(manager_new(&t.m, t.config, &edges, &now), 0);
        cr_assert_eq(manager_start(t.m, &now), 0);
}

Test(manager, a_mode_lasts_no_longer_than_was_asked_for) {
        static const struct {
                const char *what;
                int64_t late;
                usec_t ends_at;
        } cases[] = {
                { "right", 0, 60 },   { "an hour late", 3600, 10 + 60 }, { "a year late", YEAR, 10 + 60 },
                { "early", -20, 40 }, { "an hour early", -3600, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct instant now;

                t.now = 0;
                now = at();
                manager_set_mode(t.m, MODE_BUSY, 60 * S, "", &now);
                t.now = 10 * S;
                start_anew(cases[i].late);
                cr_expect_eq(turn(10), cases[i].ends_at, "%s", cases[i].what);
                cr_expect_eq(t.wanted.busy, cases[i].ends_at > 0, "%s", cases[i].what);
        }
}

/* An older busyd has not stored when it was said. */
Test(manager, a_mode_without_its_moment_lasts_no_longer_than_can_be_asked_for) {
        struct state_mode stored = { .mode = MODE_BUSY, .until_wall = at().wall + 60 * S, .message = "" };

        cr_assert_eq(state_put_mode(t.state, &stored), 0);
        start_anew(0);
        cr_expect_eq(turn(0), 60);
        start_anew(YEAR);
        cr_expect_eq(turn(0), CONTROL_DURATION_MAX / S);
}

Test(manager, free_is_over_with_the_calls_of_its_moment_and_forgotten) {
        struct state_mode stored;
        struct instant now;

        cr_assert_eq(manager_free_until_calls_end(t.m, &(struct instant){ START, 0 }), -ENOENT);
        call_begins("1");
        (void) turn(1);
        now = at();
        cr_assert_eq(manager_free_until_calls_end(t.m, &now), 0);
        cr_assert_eq(turn(1), 0);
        cr_assert(!t.wanted.busy && t.shown.mode == MODE_FREE && t.shown.mode_until_calls_end);
        call_ends("1");
        (void) turn(2);
        call_begins("2");
        cr_assert_eq(turn(3), 0);
        cr_assert(!t.wanted.busy, "another stream, the same call");
        call_ends("2");
        cr_assert_eq(turn(20), 30);
        (void) turn(30);
        cr_assert_eq(t.shown.mode, MODE_AUTO);
        cr_assert_eq(state_get_mode(t.state, &stored), 0);
        cr_assert_eq(stored.mode, MODE_AUTO);
}

Test(manager, a_word_is_about_the_calls_of_its_moment_seen_or_not) {
        const struct instant now = at();

        (void) turn(0);
        call_begins("1");
        cr_assert_eq(manager_free_until_calls_end(t.m, &now), 0, "reported in this very turn");
        (void) turn(0);
        cr_assert(!t.wanted.busy && t.shown.mode_until_calls_end);
}

Test(manager, free_outlives_a_source_that_starts_anew) {
        const struct instant now = at();

        call_begins("1");
        cr_assert_eq(manager_free_until_calls_end(t.m, &now), 0);
        t.source_state = SOURCE_UNAVAILABLE;
        call_ends("1");
        cr_assert_eq(turn(0), 30);
        (void) turn(20);
        cr_assert_eq(t.shown.mode, MODE_FREE);
        t.source_state = SOURCE_WATCHING;
        call_begins("1");
        cr_assert_eq(turn(25), 0);
        cr_assert(!t.wanted.busy && t.shown.mode == MODE_FREE);
}

Test(manager, paused_shows_on_the_bus_and_nowhere_else) {
        const struct instant now = at();

        call_begins("1");
        manager_set_mode(t.m, MODE_PAUSED, 60 * S, "", &now);
        cr_assert_eq(turn(0), 60);
        cr_assert(t.shown.busy && !t.wanted.busy);
        (void) turn(60);
        cr_assert(t.wanted.busy && t.shown.mode == MODE_AUTO);
}

Test(manager, an_ignored_hold_still_ends_in_time) {
        char *problem = NULL;

        cr_assert_eq(manager_hold(t.m, 7, "tests", "", 60 * S), 0);
        (void) turn(0);
        cr_assert_eq(manager_ignore(t.m, "tests", "", false, &problem), 0);
        cr_assert_eq(turn(1), 6, "the grace");
        cr_assert_eq(turn(6), 60);
        cr_assert_not(t.wanted.busy);
        (void) turn(60);
        cr_assert_eq(t.holds_ended, 1);
        free(problem);
}

Test(manager, a_hold_with_a_duration_ends_by_itself) {
        cr_assert_eq(manager_hold(t.m, 7, "tests", "", 60 * S), 0);
        cr_assert_eq(turn(0), 60);
        cr_assert(t.wanted.busy);
        (void) turn(60);
        cr_assert_eq(t.holds_ended, 1);
        cr_assert_eq(manager_hold(t.m, 8, "tests", "", 0), 0);
        (void) turn(61);
        manager_release(t.m, 8);
        cr_assert_eq(turn(62), 67);
        cr_assert_eq(t.holds_ended, 1, "its owner knows");
}

/* ---- reload, sleep, end ---- */

Test(manager, a_reload_with_a_mistake_still_takes_up_sessions_and_ends_waits) {
        const struct instant now = at();
        unsigned configured = t.n_configured, updates = t.n_updates;

        manager_reload(t.m, NULL, &now);
        cr_assert_eq(t.n_configured, configured, "the sources were touched");
        cr_assert_eq(t.n_updates, updates + 1);
        cr_assert_eq(t.n_retries, 1);
}

/* What is there no more is not said until the next reload. */
Test(manager, what_is_owed_without_a_session_is_said_until_it_is_given_back) {
        const struct state_claim claim = { .account = "home", .output = "presence", .owed.n_ours = 1 };
        const struct instant now = at();

        cr_assert_eq(state_put_claim(t.state, &claim), 0);
        (void) manager_reload_accounts(t.m, &now);
        turn(1);
        cr_expect(strstr(t.problem, "its session is gone"), "%s", t.problem);
        cr_assert_eq(state_remove_claim(t.state, "home", "presence"), 0);
        turn(2);
        cr_expect_str_eq(t.problem, "");
}

Test(manager, a_change_of_the_network_ends_waits) {
        const struct instant now = at();

        manager_network_changed(t.m, &now);
        cr_assert_eq(t.n_wakes, 1);
}

Test(manager, gives_everything_back_before_sleep) {
        const struct instant now = at();

        call_begins("1");
        (void) turn(0);
        cr_assert(t.wanted.busy);
        t.at_rest = false;
        manager_sleep(t.m, true, &now);
        (void) turn(1);
        cr_assert(!t.wanted.busy && t.n_let_sleep == 0);
        t.at_rest = true;
        (void) turn(2);
        cr_assert_eq(t.n_let_sleep, 1);
        manager_sleep(t.m, false, &now);
        (void) turn(3);
        cr_assert(t.wanted.busy && t.n_wakes == 1);
}

Test(manager, a_call_that_ended_in_the_sleep_leaves_no_grace_behind) {
        const struct instant now = at();

        call_begins("1");
        (void) turn(0);
        manager_sleep(t.m, true, &now);
        (void) turn(1);
        manager_sleep(t.m, false, &now);
        call_ends("1");
        (void) turn(3600);
        cr_assert(!t.wanted.busy && !t.shown.busy);
}

Test(manager, a_call_of_an_account_counts_after_a_sleep_once_its_server_says_so) {
        const struct call_report call = { .source = "matrix/home",
                                          .id = "1",
                                          .app = "",
                                          .what = "call",
                                          .phase = CALL_ACTIVE,
                                          .evidence = EVIDENCE_PROOF,
                                          .lasts = USEC_NEVER };
        const struct instant now = at();

        t.sink->report(t.sink->userdata, &call);
        (void) turn(0);
        cr_assert(t.wanted.busy);
        manager_sleep(t.m, true, &now);
        (void) turn(1);
        manager_sleep(t.m, false, &now);
        t.sink->doubt(t.sink->userdata, "matrix/home", true);
        cr_assert_eq(turn(3600), 0, "nothing but the server ends the doubt");
        cr_assert(!t.wanted.busy && !t.shown.busy);
        call_begins("2");
        (void) turn(3610);
        cr_assert(t.wanted.busy, "what goes on here is known");
        call_ends("2");
        (void) turn(3615);
        (void) turn(3625);
        cr_assert_not(t.wanted.busy);
        t.sink->doubt(t.sink->userdata, "matrix/home", false);
        (void) turn(3630);
        cr_assert(t.wanted.busy);
}

Test(manager, a_free_until_the_end_of_a_call_outlives_the_doubt_after_a_sleep) {
        const struct call_report call = { .source = "matrix/home",
                                          .id = "1",
                                          .app = "",
                                          .what = "call",
                                          .phase = CALL_ACTIVE,
                                          .evidence = EVIDENCE_PROOF,
                                          .lasts = USEC_NEVER };
        struct instant now = at();

        t.sink->report(t.sink->userdata, &call);
        (void) turn(0);
        cr_assert_eq(manager_free_until_calls_end(t.m, &now), 0);
        manager_sleep(t.m, true, &now);
        (void) turn(1);
        manager_sleep(t.m, false, &now);
        t.sink->doubt(t.sink->userdata, "matrix/home", true);
        (void) turn(3600);
        t.sink->doubt(t.sink->userdata, "matrix/home", false);
        (void) turn(3630);
        cr_assert(!t.wanted.busy && t.shown.mode == MODE_FREE);
}

Test(manager, ends_when_nothing_is_owed) {
        const struct instant now = at();
        int code = -1;

        call_begins("1");
        t.at_rest = false;
        (void) turn(0);
        manager_stop(t.m, 3, &now);
        cr_assert_eq(turn(1), 5, "no end in sight");
        cr_assert(!t.wanted.busy && !manager_is_over(t.m, &code));
        t.at_rest = true;
        (void) turn(2);
        cr_assert(manager_is_over(t.m, &code) && code == 3);
}

Test(manager, ends_in_time_whatever_is_owed) {
        const struct instant now = at();
        int code = -1;

        t.at_rest = false;
        manager_stop(t.m, 0, &now);
        (void) turn(4);
        cr_assert_not(manager_is_over(t.m, &code));
        (void) turn(5);
        cr_assert(manager_is_over(t.m, &code) && code == 0);
}

Test(manager, ends_at_once_when_told_twice) {
        const struct instant now = at();
        int code = -1;

        t.at_rest = false;
        manager_stop(t.m, 0, &now);
        manager_stop(t.m, 1, &now);
        cr_assert(manager_is_over(t.m, &code) && code == 0);
}

/* ---- this machine ---- */

static void expect_desktop(bool busy, const char *apps, const char *reason, usec_t since) {
        cr_assert(t.desktop.known);
        cr_assert_eq(t.desktop.busy, busy);
        cr_assert_str_eq(t.desktop_apps, apps);
        cr_assert_str_eq(t.desktop_reason, reason);
        cr_assert_eq(t.desktop.since_wall, (1700000000 + since) * S);
}

Test(manager, the_desktop_is_told_by_whom_and_why) {
        call_begins("1");
        (void) turn(3);
        expect_desktop(true, "phone", "call, phone", 3);
        call_begins_by("2", "other\nprogram");
        call_begins_by("3", "phone");
        call_begins_by("4", "");
        (void) turn(4);
        cr_assert_str_eq(t.desktop_apps, "phone\nother program");
        for (const char *id = "1234"; *id; id++)
                call_ends((char[]){ *id, '\0' });
        (void) turn(5);
        expect_desktop(true, "", "call, phone", 3);
        (void) turn(10);
        expect_desktop(false, "", "no call", 10);
}

Test(manager, the_desktop_is_told_nothing_before_it_is_known) {
        t.sources_settled = false;
        call_begins("1");
        (void) turn(1);
        cr_assert_not(t.desktop.known);
}

Test(manager, the_desktop_shows_nothing_while_paused) {
        const struct instant now = at();

        call_begins("1");
        (void) turn(1);
        manager_set_mode(t.m, MODE_PAUSED, 0, "", &now);
        (void) turn(2);
        cr_assert_not(t.desktop.busy);
        cr_assert_str_eq(t.desktop_reason, "paused");
}

Test(manager, a_word_that_was_said_on_the_desktop_holds) {
        const struct instant now = at();

        call_begins("1");
        manager_set_mode(t.m, MODE_BUSY, 0, "At the dentist", &now);
        (void) turn(1);
        t.word = &(struct desktop_word){ .mode = MODE_FREE, .duration = 60 * S };
        cr_assert_eq(turn(2), 62);
        cr_assert(!t.wanted.busy && t.desktop.mode == MODE_FREE);
        cr_assert_eq(t.desktop.mode_until_wall, (1700000000 + 62) * S);
        cr_assert_str_eq(t.message, "");
        t.word = &(struct desktop_word){ .mode = MODE_AUTO };
        (void) turn(3);
        cr_assert(t.wanted.busy && t.desktop.mode == MODE_AUTO);
        t.word = &(struct desktop_word){ .mode = MODE_FREE, .until_calls_end = true };
        (void) turn(4);
        cr_assert(!t.wanted.busy && t.desktop.mode_until_calls_end);
}

Test(manager, the_desktop_goes_on_while_the_machine_sleeps_and_is_not_waited_for) {
        const struct instant now = at();

        call_begins("1");
        (void) turn(1);
        t.desktop_at_rest = false;
        manager_sleep(t.m, true, &now);
        (void) turn(2);
        cr_assert(t.desktop.busy);
        cr_assert_eq(t.n_let_sleep, 1);
}

Test(manager, the_desktop_is_given_back_before_the_end) {
        struct instant now;
        int code = -1;

        call_begins("1");
        (void) turn(1);
        t.desktop_at_rest = false;
        now = at();
        manager_stop(t.m, 0, &now);
        (void) turn(2);
        cr_assert_not(t.desktop.busy);
        cr_assert_str_eq(t.desktop_reason, "busyd ends");
        cr_assert_not(manager_is_over(t.m, &code));
        t.desktop_at_rest = true;
        (void) turn(3);
        cr_assert(manager_is_over(t.m, &code));
}

Test(manager, the_desktop_follows_the_configuration) {
        const struct instant now = at();
        struct config *config = NULL;

        cr_assert_str_eq(t.hook, "");
        temp_write(&t.dir, "busyd.conf", "[busyd]\non-busy = notify busy\n");
        cr_assert_eq(config_load(&config, temp_path(&t.dir, "busyd.conf"), NULL, NULL), 0);
        manager_reload(t.m, config, &now);
        cr_assert_str_eq(t.hook, "notify busy");
}
