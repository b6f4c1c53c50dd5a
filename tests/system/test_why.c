/* busyctl why: why the user is busy, and why not. */
#include <jansson.h>

#include "system/harness.h"

/* Each waits until something happens on the bus, or a moment. */
#define LOOKS_MAX 100

/* Some sentence of `because` has this part. */
static bool because(struct world *w, const char *part) {
        SCOPED_RUN run = world_busyctl(w, NULL, "--json", "why", NULL);
        json_t *doc = json_loads(run.out, 0, NULL), *sentence;
        bool found = false;
        size_t i;

        check(w, doc && run.code == 0, "%d: %s%s", run.code, run.out, run.err);
        json_array_foreach(json_object_get(doc, "because"), i, sentence) found =
                found || strstr(json_string_value(sentence), part);
        json_decref(doc);
        return found;
}

static void expect_because(struct world *w, const char *part) {
        SCOPED_RUN people = { 0 };

        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "true"), "it is not settled");
        check(w, because(w, part), "not because \"%s\"", part);
        people = world_busyctl(w, NULL, "why", NULL);
        check(w, strstr(people.out, part), "people are not told \"%s\": %s", part, people.out);
}

WORLD_TEST(why, not_busy_without_a_call) {
        world_start_online(w);
        expect_because(w, "no source tells of a call");
        expect_because(w, "nobody looks at the microphone: PipeWire is not running");
        expect_because(w, "not watched, as busyctl sources explains: ");
        check(w, !because(w, "account"), "an account that is heard of is no reason");
}

WORLD_TEST(why, busy_by_a_call_then_free_by_hand) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        expect_because(w, "a call counts");
        by_hand(w, "free");
        expect_availability(w, "free");
        expect_because(w, "you have said so");
        check(w, !because(w, "no source"), "it is the user's word alone");
}

WORLD_TEST(why, not_busy_without_an_account, .no_homeserver = true) {
        world_start(w);
        expect_because(w, "no Matrix account is set up");
}

WORLD_TEST(why, not_busy_while_it_only_rings) {
        world_start_online(w);
        call_invite(w, ROOM, "c1");
        check(w, hs_wait_seen(w->hs, patience()), "it does not ring");
        for (int i = 0; i < LOOKS_MAX && !because(w, "does not count"); i++)
                world_look_again(w);
        expect_because(w, "what is known does not count");
}

WORLD_TEST(why, not_busy_while_an_application_is_ignored) {
        SCOPED_RUN ignored = { 0 };

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        ignored = world_busyctl(w, NULL, "ignore", "*", NULL);
        check(w, ignored.code == 0, "%s", ignored.err);
        expect_availability(w, "free");
        expect_because(w, "calls of * are ignored by your word: busyctl allow");
}

/* Whether the poll was cut or the next attempt refused, the account has its own words for. */
WORLD_TEST(why, not_busy_while_an_account_is_not_heard_of) {
        world_start_online(w);
        hs_stop(w->hs);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "not waiting");
        expect_because(w, "calls on account home are not heard of, it is waiting: ");
}

WORLD_TEST(why, busy_for_a_moment_after_a_call, .no_homeserver = true) {
        SCOPED_RUN run = { 0 };

        world_config(w, "[busyd]\nend-grace = 10min\n");
        world_start(w);
        run = world_busyctl(w, NULL, "run", "true", NULL);
        check(w, run.code == 0, "%s", run.err);
        expect_availability(w, "busy");
        expect_because(w,
                       "the last call has just ended: busy lasts for a moment longer (end-grace or hint-end-grace ");
}

WORLD_TEST(why, a_pause_is_said, .no_homeserver = true) {
        world_start(w);
        by_hand(w, "pause");
        expect_because(w, "it is told to nobody");
}

/* Nobody reads more than whole seconds of a wait. */
WORLD_TEST(why, what_does_not_count_yet_says_when_in_whole_seconds, .no_homeserver = true) {
        static const char begin[] = "counts in ";
        const char *app = "test", *reason = "";
        SCOPED_RUN why = { 0 };
        const char *at;

        world_config(w, "[busyd]\nstart-delay = 50min\n");
        world_start(w);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", NULL, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        why = world_busyctl(w, NULL, "why", NULL);
        at = strstr(why.out, begin);
        check(w, at, "it is not said when: %s%s", why.out, why.err);
        at += strlen(begin);
        check(w, at[strspn(at, "0123456789hmins ")] == '\n' && !strstr(at, "ms"), "not in whole seconds: %s", at);
}
