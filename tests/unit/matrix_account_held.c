/* An account that has missed something and cannot read all of it yet: what it tells, and when. What reads encrypted
 * events, and the server, are the test's own. */
#include <errno.h>

#include "unit/http_door.h"

#include "core/journal.h"
#include "json/json.h"
#include "matrix/account.h"
#include "matrix/calls/kinds.h"
#include "matrix/sync/events.h"

#define ME   "@me:test"
#define WALL (1000000 * USEC_PER_HOUR / 2)

struct encrypted {
        bool awaits;
        unsigned n_again, n_torn;
};

static struct encrypted reader;
static struct account *account;
static usec_t now;
static const char *missed; /* what the first poll from the stored position brings; NULL: nothing */
static unsigned n_reports, n_positions;
static bool wants_encrypted; /* it asked for what is encrypted in rooms */

/* ---- what reads encrypted events: none (encrypted-none.c), but for this ---- */

int __wrap_encrypted_new(struct encrypted **ret);
int __wrap_encrypted_new(struct encrypted **ret) {
        *ret = &reader;
        return 0;
}

bool __wrap_encrypted_awaits(const struct encrypted *e);
bool __wrap_encrypted_awaits(const struct encrypted *e) {
        return e->awaits;
}

void __wrap_encrypted_answers_again(struct encrypted *e);
void __wrap_encrypted_answers_again(struct encrypted *e) {
        e->n_again++;
}

void __wrap_encrypted_torn(struct encrypted *e, const char *room_id);
void __wrap_encrypted_torn(struct encrypted *e, const char *room_id) {
        e->n_torn++;
}

/* ---- around the account ---- */

int http_new(struct http **ret, struct sd_event *event, const char *ca_file) {
        return -ENOSYS;
}

struct http *http_free(struct http *h) {
        return NULL;
}

void http_cut(struct http *h) {
}

static int journal_get(void *userdata, const char *of, const char *output, struct claim_owed *ret) {
        return -ENOENT;
}

static int journal_put(void *userdata, const char *of, const char *output, const struct claim_owed *owed) {
        return 0;
}

static int journal_remove(void *userdata, const char *of, const char *output) {
        return 0;
}

static void on_report(void *userdata, const struct call_report *r) {
        n_reports++;
}

static void on_end(void *userdata, const char *source, const char *id) {
}

static uint32_t no_random(void *userdata) {
        return 0;
}

static void on_touched(void *userdata) {
}

static void on_position(void *userdata, const char *since, usec_t at, usec_t wall) {
        n_positions += since != NULL;
}

static void on_learned(void *userdata, const struct account_lessons *l) {
}

static void make(enum encrypted_calls wanted) {
        static const struct claim_journal journal = { .get = journal_get,
                                                      .put = journal_put,
                                                      .remove = journal_remove };
        static const struct call_sink sink = { .report = on_report, .end = on_end };
        const struct account_settings settings = { .presence = PRESENCE_OFF,
                                                   .message = "",
                                                   .poll_timeout = 10 * USEC_PER_MIN,
                                                   .poll_pause = 5 * USEC_PER_SEC,
                                                   .call_cap = 4 * USEC_PER_HOUR,
                                                   .encrypted_calls = wanted };

        now = USEC_PER_HOUR;
        reader = (struct encrypted){ .awaits = true };
        wants_encrypted = false;
        missed = NULL;
        n_reports = n_positions = 0;
        cr_assert_eq(account_new(&account, NULL,
                                 &(struct account_options){ .name = "home",
                                                            .homeserver = "http://localhost:1",
                                                            .user_id = ME,
                                                            .device_id = "BUSYD",
                                                            .tokens = { .access_token = "s3cret" },
                                                            .since = "s0",
                                                            .settings = &settings,
                                                            .sink = &sink,
                                                            .journal = &journal,
                                                            .random = no_random,
                                                            .encrypted = &(struct encrypted_keeper){ 0 } },
                                 &(struct account_handler){
                                         .touched = on_touched, .position = on_position, .learned = on_learned }),
                     0);
}

static void set_up(void) {
        make(ENCRYPTED_CALLS_DM);
}

static void tear_down(void) {
        account = account_free(account);
        cr_assert_eq(door_n, 0);
}
TestSuite(matrix_account_held, .init = set_up, .fini = tear_down);

/* ---- the server ---- */

static const char *a_call(void) {
        static char text[1024];
        unsigned long long at = (now + WALL) / USEC_PER_MSEC;

        (void) snprintf(text, sizeof(text),
                        "{\"next_batch\":\"s1\",\"rooms\":{\"join\":{\"!r:test\":{\"timeline\":{\"events\":["
                        "{\"type\":\"m.call.invite\",\"sender\":\"@you:test\",\"event_id\":\"$1\","
                        "\"origin_server_ts\":%llu,\"content\":{\"call_id\":\"c\",\"party_id\":\"THEIRS\","
                        "\"version\":\"1\",\"lifetime\":60000,\"offer\":{\"type\":\"offer\",\"sdp\":\"v=0\"}}},"
                        "{\"type\":\"m.call.answer\",\"sender\":\"" ME "\",\"event_id\":\"$2\","
                        "\"origin_server_ts\":%llu,\"content\":{\"call_id\":\"c\",\"party_id\":\"PHONE\","
                        "\"version\":\"1\",\"answer\":{\"type\":\"answer\",\"sdp\":\"v=0\"}}}]}}}}}",
                        at, at);
        return text;
}

static bool is_position_lost;

static const char *answer_to(const char *url) {
        if (strstr(url, "/whoami"))
                return "{\"user_id\":\"" ME "\",\"device_id\":\"BUSYD\"}";
        if (strstr(url, "/client/versions"))
                return "{\"versions\":[\"v1.11\"]}";
        if (strstr(url, "/filter"))
                return "{\"filter_id\":\"0\"}";
        if (strstr(url, "/messages"))
                return "{\"chunk\":[{\"type\":\"m.call.hangup\",\"sender\":\"@you:test\",\"event_id\":\"$0\","
                       "\"content\":{\"call_id\":\"b\"}}],\"end\":\"before\"}";
        if (strstr(url, "/sync?"))
                return missed && strstr(url, "since=") ? TAKE(missed) : "{\"next_batch\":\"s1\"}";
        return "{}";
}

static bool is_long_poll(const char *url) {
        const char *timeout = strstr(url, "timeout=");

        return strstr(url, "/sync?") && timeout && atoi(timeout + strlen("timeout=")) > 10000;
}

static usec_t turn(void) {
        return account_run(account, &(struct account_situation){ .acts = true, .wall = now + WALL }, now);
}

/* Until it waits for what happens. */
static usec_t serve(void) {
        for (int i = 0; i < 100; i++) {
                usec_t wake_at = turn();

                for (size_t j = 0; j < door_n; j++)
                        wants_encrypted |= strstr(door_requests[j]->url, "m.room.encrypt") ||
                                           strstr(door_requests[j]->body, "m.room.encrypt");
                if (door_n == 1 && is_long_poll(door_requests[0]->url) && !missed && !is_position_lost)
                        return wake_at;
                if (door_n > 0 && is_position_lost && strstr(door_requests[0]->url, "since=")) {
                        is_position_lost = false;
                        door_answer_first(400, "{\"errcode\":\"M_UNKNOWN_POS\"}", now);
                } else if (door_n > 0)
                        door_answer_first(200, answer_to(door_requests[0]->url), now);
                else
                        now = wake_at;
        }
        cr_assert_fail("it never comes to rest");
        return 0;
}

static void expect_nothing_told(void) {
        cr_assert_eq(account_state(account), CONNECTION_ONLINE);
        cr_assert_eq(reader.n_again, 1);
        cr_assert_eq(n_reports, 0);
        cr_assert_not(account_is_settled(account));
        cr_assert_eq(n_positions, 0, "a run that ends now looks at it once more");
}

Test(matrix_account_held, what_was_missed_is_told_once_all_of_it_is_read) {
        missed = a_call();
        (void) serve();
        expect_nothing_told();
        reader.awaits = false;
        (void) serve();
        cr_assert_gt(n_reports, 0);
        cr_assert(account_is_settled(account));
}

Test(matrix_account_held, a_server_that_does_not_say_what_is_needed_for_that_is_not_waited_for_long) {
        usec_t wake_at;

        missed = a_call();
        wake_at = serve();
        expect_nothing_told();
        cr_assert_leq(wake_at, now + 10 * USEC_PER_SEC);
        now += 10 * USEC_PER_SEC;
        (void) serve();
        cr_assert_gt(n_reports, 0);
        cr_assert(account_is_settled(account));
}

Test(matrix_account_held, what_happens_now_is_told_at_once) {
        reader.awaits = false;
        (void) serve();
        cr_assert(account_is_settled(account));
        reader.awaits = true;
        missed = a_call();
        (void) serve();
        cr_assert_gt(n_reports, 0);
        cr_assert_eq(reader.n_again, 1);
}

/* A hangup that waits for its key would not come again with the events since. */
Test(matrix_account_held, nothing_is_given_up_where_the_events_since_come_after_a_whole_state) {
        reader.awaits = false;
        (void) serve();
        cr_assert_eq(account_state(account), CONNECTION_ONLINE);
        cr_assert_eq(reader.n_torn, 0);
        is_position_lost = true;
        (void) serve();
        cr_assert_eq(reader.n_torn, 1);
}

Test(matrix_account_held, what_cannot_all_be_read_back_is_torn) {
        reader.awaits = false;
        missed = "{\"next_batch\":\"s1\",\"rooms\":{\"join\":{\"!r:test\":{\"timeline\":{\"events\":[],"
                 "\"limited\":true,\"prev_batch\":\"p\"}}}}}";
        (void) serve();
        cr_assert_eq(account_state(account), CONNECTION_ONLINE);
        cr_assert_eq(reader.n_torn, 1);
}

/* What the user says is taken in nonetheless, and begins a call. */
Test(matrix_account_held, a_call_that_may_have_ended_in_what_is_too_much_to_take_in_is_none) {
        SCOPED(json_decref) json_t *v = json_loads(a_call(), 0, NULL);
        SCOPED(free) char *body = NULL;
        json_t *events = json_object_get(
                json_object_get(json_object_get(json_object_get(json_object_get(v, "rooms"), "join"), "!r:test"),
                                "timeline"),
                "events");

        reader.awaits = false;
        for (size_t i = 0; i < SYNC_EVENTS_MAX; i++)
                cr_assert_eq(json_array_append_new(events, json_pack("{ss ss s{}}", "type", "m.call.hangup", "sender",
                                                                     "@you:test", "content")),
                             0);
        body = json_dumps(v, JSON_COMPACT);
        missed = body;
        (void) serve();
        cr_assert_eq(account_state(account), CONNECTION_ONLINE);
        cr_assert_eq(n_reports, 0);
        cr_assert_eq(reader.n_torn, 1);
}

/* The device is there all the same. */
Test(matrix_account_held, what_is_encrypted_comes_where_it_is_to_be_read) {
        reader.awaits = false;
        (void) serve();
        cr_assert(wants_encrypted);
        account = account_free(account);
        make(ENCRYPTED_CALLS_OFF);
        reader.awaits = false;
        (void) serve();
        cr_assert_eq(account_state(account), CONNECTION_ONLINE);
        cr_assert_not(wants_encrypted);
}
