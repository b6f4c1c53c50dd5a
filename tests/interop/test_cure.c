/* Another client of the user is online throughout and catches each busy. With an application service that may act for
 * the user, busyd takes it back within seconds of the end of the call. */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "interop/desk.h"
#include "util/clock.h"

#define CALLS_IN_A_ROW 10

/* Without a limit of presence the client's next poll catches busy; with Synapse's own, that one may be swallowed, but
 * not the two after it. */
#define POLLS_TO_CATCH_BUSY         1
#define LIMITED_POLLS_TO_CATCH_BUSY 3

/* The first step of each cure. */
#define LOG_CURED "Processed| 200 \"GET |/devices?user_id="

/* As the user and the administrator do it, who here are one. */
static void set_up_cure(struct desk *d) {
        SCOPED_RUN run = world_busyctl(d->world, NULL, "cure", "print-registration", ACCOUNT, NULL);

        desk_check(d, run.code == 0, "busyctl cure: %d %s", run.code, run.err);
        synapse_add_appservice(d->synapse, run.out);
        synapse_stop(d->synapse, SIGTERM);
        synapse_continue(d->synapse);
}

static char *finding(struct desk *d, const char *key) {
        SCOPED_RUN run = world_busyctl(d->world, NULL, "--json", "doctor", NULL);
        json_t *doc = json_loads(run.out, 0, NULL), *value;
        char *text;

        value = json_object_get(json_array_get(json_object_get(doc, "accounts"), 0), key);
        text = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
        json_decref(doc);
        desk_check(d, text, "doctor does not say %s: %d %s%s", key, run.code, run.out, run.err);
        return text;
}

static void doctor_says(struct desk *d, const char *key, const char *value) {
        SCOPED(free) char *is = finding(d, key);

        desk_check(d, streq(is, value), "doctor says %s: %s, not %s", key, is, value);
}

/* Returns how long after the hang-up was sent the peer saw the user online again. */
static usec_t call_and_hang_up(struct desk *d, struct online_client *client, const char *call, unsigned n_polls) {
        long log = synapse_log_end(d->synapse);
        usec_t hung_up, online_after;
        unsigned polls;

        desk_call_in(d, call);
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        polls = online_client_polls(client);
        (void) synapse_log_wait(d->synapse, log, LOG_ONLINE_POLL_CAME);
        online_client_wait_polls(client, polls + n_polls);
        desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        hung_up = clock_now();
        send_hangup(d->peer, d->room, call, "user_hangup");
        desk_expect(d, "online", "before");
        online_after = clock_now() - hung_up;
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        return online_after;
}

static int shorter(const void *a, const void *b) {
        const usec_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static double seconds(usec_t duration) {
        return (double) duration / USEC_PER_SEC;
}

/* Told, not judged: the machine may be busy with other tests. Sorts them. */
static void tell_times(usec_t times[CALLS_IN_A_ROW]) {
        for (unsigned i = 0; i < CALLS_IN_A_ROW; i++)
                fprintf(stderr, "call %u: online %.2f s after the hang-up (end-grace 0 s)\n", i + 1,
                        seconds(times[i]));
        qsort(times, CALLS_IN_A_ROW, sizeof(*times), shorter);
        fprintf(stderr, "online after the hang-up, %d calls: min %.2f s, median %.2f s, max %.2f s\n", CALLS_IN_A_ROW,
                seconds(times[0]), seconds((times[(CALLS_IN_A_ROW - 1) / 2] + times[CALLS_IN_A_ROW / 2]) / 2),
                seconds(times[CALLS_IN_A_ROW - 1]));
}

Test(cure, busy_and_online_again_ten_times) {
        struct desk *d = desk_new(&(struct desk_options){ .synapse.no_presence_limit = true });
        struct online_client *client;
        usec_t times[CALLS_IN_A_ROW];
        char call[16];
        long log;

        desk_log_in(d);
        set_up_cure(d);
        client = online_client_start(d->phone);
        world_start_online(d->world);
        desk_expect(d, "online", "before");
        doctor_says(d, "cure", "\"works\"");
        doctor_says(d, "other_client", "true");
        doctor_says(d, "would_stick", "false");
        log = synapse_log_end(d->synapse);
        for (unsigned i = 0; i < CALLS_IN_A_ROW; i++) {
                (void) snprintf(call, sizeof(call), "call%u", i + 1);
                times[i] = call_and_hang_up(d, client, call, POLLS_TO_CATCH_BUSY);
        }
        tell_times(times);
        desk_check(d, synapse_log_count(d->synapse, log, LOG_CURED) >= CALLS_IN_A_ROW,
                   "%u cures: the client did not catch each busy", synapse_log_count(d->synapse, log, LOG_CURED));
        /* Also the client's next poll leaves it so. */
        online_client_wait_polls(client, online_client_polls(client) + 2);
        desk_shows(d, "online", "before");
        desk_check(d, desk_times_busy(d) == CALLS_IN_A_ROW, "busy %u times", desk_times_busy(d));
        online_client_free(client);
        desk_end(d);
}

/* Set up while busyd runs, known to the server only later: busyd finds out by itself when the server comes back. */
DESK_TEST(cure, set_up_while_running, 0) {
        struct online_client *client;

        doctor_says(d, "cure", "\"none\"");
        set_up_cure(d);
        check(d->world, peer_wait_is(d->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not back");
        client = online_client_start(d->phone);
        desk_expect(d, "online", "before");
        (void) call_and_hang_up(d, client, "call1", LIMITED_POLLS_TO_CATCH_BUSY);
        online_client_free(client);
}

/* A token that the server does not know: said, and as careful as without. */
DESK_TEST(cure, server_does_not_know_it, 0) {
        SCOPED_RUN run = world_busyctl(d->world, NULL, "cure", "print-registration", NULL);
        SCOPED_RUN again = world_busyctl(d->world, NULL, "cure", "print-registration", NULL);

        desk_check(d, run.code == 0, "busyctl cure: %d %s", run.code, run.err);
        desk_check(d, again.code == 1, "a second registration without --force");
        doctor_says(d, "cure", "\"refused\"");
}
