/* See desk.h. */
#include "interop/desk.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "interop/people.h"
#include "interop/web.h"
#include "util/clock.h"
#include "util/file.h"

static void write_config(struct desk *d, const char *more) {
        char text[2048];

        cr_assert_lt(snprintf(text, sizeof(text),
                              "[busyd]\n"
                              "end-grace = 0s\n"
                              "log-level = debug\n"
                              "[account " ACCOUNT "]\n"
                              "message = " DESK_MESSAGE "\n"
                              "%s",
                              more ? more : ""),
                     (int) sizeof(text));
        world_config(d->world, text);
}

struct desk *desk_new(const struct desk_options *options) {
        struct desk *d = calloc(1, sizeof(*d));

        cr_assert_not_null(d);
        d->world = world_new(&(struct world_options){ .no_homeserver = true });
        write_config(d, options->config);
        d->synapse = synapse_start(d->world->dir, &options->synapse);
        d->phone = device_login(d->synapse, "me");
        d->peer = device_login(d->synapse, "peer");
        d->other = device_login(d->synapse, "other");
        d->room = room_new(d->peer, d->phone);
        d->other_room = room_new(d->other, d->phone);
        d->me = device_user_id(d->phone);
        device_presence_put(d->phone, "offline", "before");
        return d;
}

struct desk *desk_new_beside(struct desk *d, const char *config) {
        struct desk *beside = malloc(sizeof(*beside));

        cr_assert_not_null(beside);
        *beside = *d;
        beside->is_guest = true;
        beside->beside = d;
        d->beside = beside;
        beside->world = world_new(&(struct world_options){ .no_homeserver = true });
        write_config(beside, config);
        return beside;
}

void desk_end(struct desk *d) {
        world_end(d->world);
        if (d->is_guest) {
                d->beside->beside = NULL;
                free(d);
                return;
        }
        device_free(d->phone);
        device_free(d->peer);
        device_free(d->other);
        synapse_free(d->synapse);
        free(d->room);
        free(d->other_room);
        free(d);
}

void desk_log_in_at(struct desk *d, const char *homeserver) {
        SCOPED_RUN run = world_busyctl(d->world, SYNAPSE_PASSWORD "\n", "login", ACCOUNT, "--user", d->me,
                                       "--homeserver", homeserver, "--password-stdin", NULL);

        desk_check(d, run.code == 0, "busyctl login: %d %s%s", run.code, run.out, run.err);
}

void desk_log_in(struct desk *d) {
        desk_log_in_at(d, synapse_url(d->synapse));
}

void desk_show(const struct desk *d) {
        synapse_show(d->synapse);
        if (d->beside)
                world_show(d->beside->world);
}

static bool is_shown(const struct shown_presence *p, const char *state, const char *message) {
        return streq(p->state, state) && streq(p->message, message);
}

void desk_expect(struct desk *d, const char *state, const char *message) {
        struct shown_presence p = device_presence_wait(d->peer, d->me, state, message);

        desk_check(d, is_shown(&p, state, message), "the peer sees %s \"%s\", not %s \"%s\"", p.state, p.message,
                   state, message);
}

void desk_shows(struct desk *d, const char *state, const char *message) {
        struct shown_presence p = device_presence_get(d->peer, d->me);

        desk_check(d, is_shown(&p, state, message), "the peer sees %s \"%s\", not %s \"%s\"", p.state, p.message,
                   state, message);
}

static void expect_claim_on(struct desk *d, const char *output, const char *phase) {
        char part[64];

        (void) snprintf(part, sizeof(part), "(\"%s\", \"%s\"", output, phase);
        desk_check(d, peer_wait_has(d->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Outputs", part),
                   "the claim on the %s is not %s", output, phase);
}

void desk_expect_claim(struct desk *d, const char *phase) {
        expect_claim_on(d, "presence", phase);
}

void desk_expect_profile_claim(struct desk *d, const char *phase) {
        expect_claim_on(d, "profile", phase);
}

char *desk_field_url(struct desk *d, struct device *by) {
        char *url;

        cr_assert_geq(
                asprintf(&url, "%s/_matrix/client/v3/profile/%s/" PROFILE_CALL_FIELD, device_base_url(by), d->me), 0);
        return url;
}

int64_t desk_joined(struct desk *d) {
        SCOPED(free) char *url = desk_field_url(d, d->peer);
        struct web_reply reply = web_request("GET", url, device_token(d->peer), NULL, 30000);
        const json_t *field = json_object_get(reply.body, PROFILE_CALL_FIELD);
        int64_t at = json_integer_value(json_object_get(field, "call_joined_ts"));

        desk_check(d, reply.status == 200 || reply.status == 404, "GET %s: %ld", url, reply.status);
        json_decref(reply.body);
        return at;
}

void desk_call_in(struct desk *d, const char *call) {
        send_invite(d->peer, d->room, call, 60000);
        send_answer(d->phone, d->room, call);
        send_select(d->peer, d->room, call, d->phone);
}

void desk_let_pass(usec_t duration) {
        usec_t until = clock_now() + duration;

        for (usec_t now; (now = clock_now()) < until;)
                (void) poll(NULL, 0, (int) ((until - now) / USEC_PER_MSEC) + 1);
}

json_t *desk_ask(struct desk *d, const char *verb) {
        SCOPED_RUN run = world_busyctl(d->world, NULL, "--json", verb, NULL);
        json_t *answer = json_loads(run.out, 0, NULL);

        desk_check(d, run.code == 0 && answer, "busyctl --json %s: %d %s%s", verb, run.code, run.out, run.err);
        return answer;
}

char *desk_output(struct desk *d, const char *key) {
        json_t *status = desk_ask(d, "status"), *outputs, *output;
        char *found = NULL;
        size_t i;

        outputs = json_object_get(json_array_get(json_object_get(status, "accounts"), 0), "outputs");
        json_array_foreach(outputs, i, output) {
                const char *value = json_string_value(json_object_get(output, key));

                if (value && streq(json_string_value(json_object_get(output, "name")), "presence"))
                        found = strdup(value);
        }
        json_decref(status);
        desk_check(d, found, "status has no %s of the presence", key);
        return found;
}

static unsigned calls_on_bus(struct desk *d) {
        SCOPED(free) char *objects = peer_objects(d->world->peer);
        unsigned n = 0;

        for (const char *at = objects; (at = strstr(at, BUSYD_PATH "/call/")); at++)
                n++;
        return n;
}

void desk_expect_calls(struct desk *d, unsigned n) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        while (calls_on_bus(d) != n) {
                usec_t now = clock_now();

                desk_check(d, now < deadline, "not %u calls", n);
                peer_wait(d->world->peer, (int64_t) ((deadline - now) / USEC_PER_MSEC) + 1);
        }
}

unsigned desk_writes(struct desk *d, long from) {
        return synapse_log_count(d->synapse, from, LOG_PRESENCE_PUT_DONE);
}

unsigned desk_times_busy(struct desk *d) {
        json_t *history = desk_ask(d, "history"), *change;
        unsigned n = 0;
        size_t i;

        json_array_foreach(history, i, change) {
                const char *availability = json_string_value(json_object_get(change, "availability"));

                n += availability && streq(availability, "busy");
        }
        json_decref(history);
        return n;
}

void desk_lose_sessions(struct desk *d) {
        SCOPED(free) char *path = strdup(world_state_path(d->world, "crypto-" ACCOUNT ".json")), *text = NULL;
        json_t *store = json_load_file(path, 0, NULL), *olm;

        cr_assert(store, "%s", path);
        olm = json_object_get(json_object_get(store, "receiver"), "olm");
        cr_assert_gt(json_array_size(olm), 0);
        json_array_clear(olm);
        text = json_dumps(store, JSON_COMPACT);
        json_decref(store);
        cr_assert_eq(file_write(path, text, strlen(text), 0600), 0);
}
