/* Two machines of one user run busyd: each with its own calls, or with those that both see. What others are told of
 * the user, from the first call to the last; what was there before comes back once, at the end. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/desk.h"
#include "interop/web.h"

#define PRIOR         "Reading"
#define OTHER_MESSAGE "In a meeting"
#define PERSONS_WORD  "Do not disturb me"

/* A value as the witnesses write it down. */
#define OFFLINE(message) "offline " message "\n"
#define BUSY(message)    PRESENCE_BUSY_WIRE " " message "\n"

/* No write has to wait for its turn. */
#define UNLIMITED .synapse = { .no_presence_limit = true }

/* An entry of account data is taken. */
#define LOG_TOLD "Processed| 200 \"PUT |/account_data/org.busyd.claim."
/* A poll of the first machine is answered; the other one asks for another time. A few
 * milliseconds less than the ten minutes that are configured, so that no poll repeats one of an earlier run. */
#define LOG_POLL_DONE "Processed| 200 \"GET |/sync?|timeout=599|\"busyd/"
#define OTHER_POLLS   "poll-timeout = 540s\n"

struct two {
        struct desk *d[2];
        struct witness *peer, *phone; /* another user; a client of the user's that only looks */
};

/* `d` runs, and the other machine is there, but not in use. */
static struct two two_new(struct desk *d, const char *config) {
        return (struct two){
                .d = { d, desk_new_beside(d, config) },
                .peer = witness_start(d->peer, d->me),
                .phone = witness_start(d->phone, d->me),
        };
}

static void two_end(struct two *t) {
        witness_free(t->peer);
        witness_free(t->phone);
        desk_end(t->d[1]);
}

/* The other one is put to use; both know of each other then: a poll of the first one ends after the other has told. By
 * `poll_done` that is known from the other's own, which are short and not counted yet. Synapse may answer the poll
 * before the request that ended it: what the phone tells, which is no entry, ends the next one in any case. */
static void start_other(struct two *t, const char *poll_done) {
        long log = synapse_log_wait(t->d[0]->synapse, 0, LOG_TOLD);

        desk_log_in(t->d[1]);
        world_start_online(t->d[1]->world);
        log = synapse_log_wait(t->d[0]->synapse, log, LOG_TOLD);
        device_account_data_put(t->d[0]->phone, "org.busyd.claim.phone");
        (void) synapse_log_wait(t->d[0]->synapse, log, poll_done);
}

static struct two two_machines(struct desk *d, const char *config) {
        struct two t = two_new(d, config);

        start_other(&t, LOG_POLL_DONE);
        return t;
}

/* `test` gets two machines of which the second has that configuration. */
#define TWO_TEST(name, other_config, ...)                                                                             \
        static void name##_with(struct two *t);                                                                       \
        DESK_TEST(two_machines, name, __VA_ARGS__) {                                                                  \
                struct two t = two_machines(d, OTHER_POLLS other_config);                                             \
                                                                                                                      \
                name##_with(&t);                                                                                      \
                two_end(&t);                                                                                          \
        }                                                                                                             \
        static void name##_with(struct two *t)

/* ---- what they do ---- */

static void user_reads(struct two *t) {
        device_presence_put(t->d[0]->phone, "offline", PRIOR);
}

/* A call that only this machine knows of. */
static void set_busy(struct desk *d, bool is) {
        SCOPED_RUN run =
                is ? world_busyctl(d->world, NULL, "busy", NULL) : world_busyctl(d->world, NULL, "auto", NULL);

        desk_check(d, run.code == 0, "%s", run.err);
}

/* What is claimed is shown as long as this machine's call goes on, also in the profile. */
static void expect_held(struct desk *d) {
        desk_expect_claim(d, "held");
        desk_expect_profile_claim(d, "held");
        desk_check(d, desk_joined(d) > 0, "the profile tells of no call");
}

static void begins(struct desk *d) {
        set_busy(d, true);
        expect_held(d);
}

static void both_begin(struct two *t) {
        user_reads(t);
        begins(t->d[0]);
        begins(t->d[1]);
}

/* While the call of the other one goes on. */
static void ends_first(struct desk *d) {
        set_busy(d, false);
        desk_expect_claim(d, "shared");
        expect_held(d->beside);
}

static void dies(struct desk *d) {
        world_kill(d->world);
}

/* The call is over meanwhile. */
static void comes_back(struct desk *d) {
        file_put(world_state_path(d->world, "mode.json"), "");
        world_start_online(d->world);
}

/* ---- what others are told ---- */

static void expect_nothing_left(struct desk *d) {
        desk_expect_claim(d, "free");
        desk_expect_profile_claim(d, "free");
        expect_nothing_owed(d->world);
}

/* Two machines may write at the end of a call: which part of the prior is told first is chance then. */
enum end { AT_ONCE, IN_PARTS };

enum part { STATE, MESSAGE };

/* The changes of that part of what was told, a line each. */
static char *changes_of(const char *told, enum part part) {
        SCOPED(free) char *copy = strdup(told);
        char *rest = copy, *line, *changes = strdup("");
        const char *last = "";

        while ((line = strsep(&rest, "\n")) && *line) {
                char *message = strchr(line, ' '), *longer = NULL;

                *message++ = '\0';
                if (part == MESSAGE)
                        line = message;
                if (streq(line, last))
                        continue;
                last = line;
                cr_assert_geq(asprintf(&longer, "%s%s\n", changes, line), 0);
                free(changes);
                changes = longer;
        }
        return changes;
}

static bool same_changes(const char *a, const char *b, enum part part) {
        SCOPED(free) char *of_a = changes_of(a, part), *of_b = changes_of(b, part);

        return streq(of_a, of_b);
}

static void expect_told_to(struct two *t, struct witness *w, const char *story, enum end end) {
        SCOPED(free) char *told = witness_until(w, "offline over");
        bool same = end == AT_ONCE ? streq(told, story)
                                   : same_changes(told, story, STATE) && same_changes(told, story, MESSAGE);

        desk_check(t->d[0], same, "told was:\n%sand not:\n%s", told, story);
}

/* The phone's last word comes after everything else. */
static void expect_told(struct two *t, const char *story, enum end end) {
        desk_check(t->d[0], desk_joined(t->d[0]) == 0, "still in a call, says the profile");
        device_presence_put(t->d[0]->phone, "offline", "over");
        expect_told_to(t, t->peer, story, end);
        expect_told_to(t, t->phone, story, end);
}

static void expect_story(struct two *t, const char *story, enum end end) {
        expect_nothing_left(t->d[0]);
        expect_nothing_left(t->d[1]);
        expect_told(t, story, end);
}

/* Busy from the first call to the end of the last one. */
#define ONE_BUSY OFFLINE(PRIOR) BUSY(DESK_MESSAGE) OFFLINE(PRIOR)

static void expect_one_busy(struct two *t, enum end end) {
        desk_expect(t->d[0], "offline", PRIOR);
        expect_story(t, ONE_BUSY, end);
}

/* ---- the four orders ---- */

static void overlap(struct two *t, size_t first, size_t leaver) {
        user_reads(t);
        begins(t->d[first]);
        begins(t->d[1 - first]);
        ends_first(t->d[leaver]);
        set_busy(t->d[1 - leaver], false);
        expect_one_busy(t, AT_ONCE);
}

TWO_TEST(first_ends_first, "", UNLIMITED) {
        overlap(t, 0, 0);
}

TWO_TEST(last_ends_first, "", UNLIMITED) {
        overlap(t, 0, 1);
}

TWO_TEST(other_begins_and_ends_first, "", UNLIMITED) {
        overlap(t, 1, 1);
}

TWO_TEST(other_begins_first, "", UNLIMITED) {
        overlap(t, 1, 0);
}

/* Nobody has told the first one of the other, which by itself would show the message alone: it has not been there for
 * long enough to know that no other client is. */
DESK_TEST(two_machines, other_is_new, UNLIMITED) {
        struct two t = two_new(d, OTHER_POLLS "presence = busy\n");

        user_reads(&t);
        begins(t.d[0]);
        start_other(&t, LOG_COUNTED_POLL_DONE);
        begins(t.d[1]);
        ends_first(t.d[0]);
        set_busy(t.d[1], false);
        expect_one_busy(&t, AT_ONCE);
        two_end(&t);
}

/* ---- a call that both see ---- */

static void same_call(struct two *t) {
        struct desk *d = t->d[0];

        user_reads(t);
        desk_call_in(d, "call1");
        expect_held(t->d[0]);
        expect_held(t->d[1]);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        expect_one_busy(t, IN_PARTS);
}

TWO_TEST(same_call, "", UNLIMITED) {
        same_call(t);
}

/* ---- one is gone ---- */

static void killed_until_the_end(struct two *t, size_t victim) {
        both_begin(t);
        dies(t->d[victim]);
        set_busy(t->d[1 - victim], false);
        desk_expect_claim(t->d[1 - victim], "shared");
        comes_back(t->d[victim]);
        expect_one_busy(t, AT_ONCE);
}

TWO_TEST(first_is_killed, "", UNLIMITED) {
        killed_until_the_end(t, 0);
}

TWO_TEST(last_is_killed, "", UNLIMITED) {
        killed_until_the_end(t, 1);
}

static void killed_and_back(struct two *t, size_t victim) {
        both_begin(t);
        dies(t->d[victim]);
        comes_back(t->d[victim]);
        desk_expect_claim(t->d[victim], "shared");
        expect_held(t->d[1 - victim]);
        set_busy(t->d[1 - victim], false);
        expect_one_busy(t, AT_ONCE);
}

TWO_TEST(first_is_killed_and_comes_back, "", UNLIMITED) {
        killed_and_back(t, 0);
}

TWO_TEST(last_is_killed_and_comes_back, "", UNLIMITED) {
        killed_and_back(t, 1);
}

/* It ends in order, and finds all in order at its next start. */
TWO_TEST(first_is_stopped, "", UNLIMITED) {
        both_begin(t);
        desk_check(t->d[0], world_stop(t->d[0]->world) == 0, "it does not end");
        expect_held(t->d[1]);
        set_busy(t->d[1], false);
        desk_expect(t->d[0], "offline", PRIOR);
        expect_nothing_left(t->d[1]);
        comes_back(t->d[0]);
        expect_one_busy(t, AT_ONCE);
}

/* ---- different words ---- */

#define OTHER_WORDS "message = " OTHER_MESSAGE "\n"

static void different_messages(struct two *t, size_t leaver) {
        both_begin(t);
        ends_first(t->d[leaver]);
        set_busy(t->d[1 - leaver], false);
        desk_expect(t->d[0], "offline", PRIOR);
        expect_story(t, OFFLINE(PRIOR) BUSY(DESK_MESSAGE) BUSY(OTHER_MESSAGE) OFFLINE(PRIOR), AT_ONCE);
}

TWO_TEST(different_messages_first_ends_first, OTHER_WORDS, UNLIMITED) {
        different_messages(t, 0);
}

TWO_TEST(different_messages_last_ends_first, OTHER_WORDS, UNLIMITED) {
        different_messages(t, 1);
}

/* The person's word is final on both. */
TWO_TEST(a_person_changes_the_message, "", UNLIMITED) {
        struct desk *d = t->d[0];

        both_begin(t);
        device_presence_put(d->phone, "offline", PERSONS_WORD);
        desk_expect_claim(t->d[0], "yielded");
        desk_expect_claim(t->d[1], "yielded");
        set_busy(t->d[0], false);
        desk_expect_claim(t->d[0], "free");
        set_busy(t->d[1], false);
        desk_expect(d, "offline", PERSONS_WORD);
        expect_story(t, OFFLINE(PRIOR) BUSY(DESK_MESSAGE) BUSY(PERSONS_WORD) OFFLINE(PERSONS_WORD), AT_ONCE);
}

/* ---- the entry ---- */

/* What the user's clients read of it. */
static json_t *entry_of(struct desk *d, const char *device) {
        SCOPED(free) char *url = NULL;
        struct web_reply reply;

        cr_assert_geq(asprintf(&url, "%s/_matrix/client/v3/user/%s/account_data/org.busyd.claim.%s",
                               device_base_url(d->phone), d->me, device),
                      0);
        reply = web_request("GET", url, device_token(d->phone), NULL, 30000);
        desk_check(d, reply.status == 200, "GET %s: %ld", url, reply.status);
        return reply.body;
}

static void logs_out(struct desk *d) {
        json_t *session = json_load_file(world_state_path(d->world, "session-" ACCOUNT ".json"), 0, NULL), *entry;
        SCOPED_RUN run = world_busyctl(d->world, NULL, "logout", ACCOUNT, NULL);

        desk_check(d, run.code == 0, "%s", run.err);
        entry = entry_of(d, json_string_value(json_object_get(session, "device_id")));
        desk_check(d, json_object_size(entry) == 0, "its entry is still there");
        json_decref(entry);
        json_decref(session);
}

/* What a machine that has logged out told is not there any more, but what it found is not forgotten. */
TWO_TEST(first_logs_out, "", UNLIMITED) {
        both_begin(t);
        logs_out(t->d[0]);
        expect_held(t->d[1]);
        set_busy(t->d[1], false);
        desk_expect(t->d[0], "offline", PRIOR);
        expect_nothing_left(t->d[1]);
        expect_told(t, ONE_BUSY, AT_ONCE);
}
