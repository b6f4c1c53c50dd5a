/* One Matrix account. Answers only record what they tell and touch the owner; account_run() makes what follows of it,
 * in this order: what the connection wants done, the claims, what they need of the poll, the poll itself. So a poll
 * never starts before the decision on what the last one has brought. One that takes busy away comes before the
 * claims. */
#include <errno.h>
#include <stdio.h>

#include "matrix/account-parts.h"
#include "json/json.h"
#include "util/log.h"

/* What other machines have told should be heard before a claim begins or ends, but a slow server must not keep busy
 * waiting, and one that does not answer the first poll must not keep it. */
#define HEAR_MAX       (2 * USEC_PER_SEC)
#define HEAR_FIRST_MAX (30 * USEC_PER_SEC)

/* Steps of claims within one turn; more would be a circle. */
#define ROUNDS_MAX 32

static bool has_call_in(void *userdata, const char *room_id) {
        const struct account *a = userdata;

        return kinds_has_room(a->kinds, room_id);
}

/* Of what is asked beside the poll: a word that the server has refused to the poll it refuses there too. */
static const char *idle_word(const struct account *a) {
        return set_presence_to_string(sync_idle_word(a->sync));
}

static usec_t run_encrypted(struct account *a, bool may_ask, usec_t now) {
        const struct instant at = { .now = now, .wall = a->wall };
        const struct kind_time t = { .now = now, .wall = a->wall };
        int late = encrypted_apply_late(a->encrypted, a->kinds, &at);
        bool held = a->held_until > 0;

        if (late >= 0 && (held || late > 0) && !account_holds_events(a, now)) {
                (void) kinds_commit(a->kinds, &t);
                sync_set_in_call(a->sync, kinds_in_call(a->kinds));
        }
        return usec_min(encrypted_run(a->encrypted, may_ask ? idle_word(a) : NULL, &at),
                        a->held_until > 0 ? a->held_until : USEC_NEVER);
}

static void on_looked(const struct room_events *state, const struct instant *at, void *userdata) {
        const struct kind_time t = { .now = at->now, .wall = at->wall };
        struct account *a = userdata;

        kinds_looked(a->kinds, state, &t);
        sync_set_in_call(a->sync, kinds_in_call(a->kinds));
        a->look = look_free(a->look);
        account_touch(a);
}

/* A whole state has brought calls of the user that what others have said may have ended. */
static void run_look(struct account *a) {
        const char *rooms[LOOK_ROOMS_MAX];
        size_t n = a->look ? 0 : kinds_unseen(a->kinds, rooms, LOOK_ROOMS_MAX);
        SCOPED(json_decref) json_t *types = n > 0 ? kinds_unseen_types_new() : NULL;

        if (types && look_start(&a->look, a->client, a->user_id, rooms, n, types, idle_word(a), on_looked, a) < 0)
                on_looked(NULL, &(struct instant){ .now = a->now, .wall = a->wall }, a);
}

static struct matrix_reply own_trouble(int error, usec_t now) {
        return (struct matrix_reply){
                .outcome = MATRIX_RETRY, .problem = strerror(-error), .retry_after = USEC_NEVER, .now = now
        };
}

/* ---- what the connection wants done ---- */

/* Which server it is was known before, and nothing has told of another one. */
static bool is_same_server(const struct probe_facts *before, const struct probe_facts *facts) {
        if (facts->server_told || !server_is_known(before->traits) ||
            facts->versions.busy_presence != before->versions.busy_presence)
                return false;
        return facts->traits == before->traits || !server_is_known(facts->traits);
}

/* What the server has told once stands until it tells something else. */
static void take_facts(struct account *a, const struct probe_facts *facts) {
        struct probe_facts before = a->facts;

        a->facts = *facts;
        if (is_same_server(&before, facts)) {
                a->facts.traits = before.traits;
                memcpy(a->facts.server, before.server, sizeof(before.server));
        }
        if (!facts->profile_told) {
                a->facts.profile = before.profile;
                a->facts.profile_told = before.profile_told;
        }
        a->endpoint.known = true;
        tell_set_device(a->tell, a->facts.device_id);
        output_set_configured(&a->outputs, facts->now);
}

static void on_probed(const struct matrix_reply *failure, const struct probe_facts *facts, void *userdata) {
        struct account *a = userdata;

        if (failure)
                connection_probe_failed(a->connection, failure);
        else {
                take_facts(a, facts);
                connection_probed(a->connection, facts);
        }
        a->probe = probe_free(a->probe);
        account_touch(a);
}

static void ask(struct account *a, usec_t now) {
        struct matrix_reply failure;
        int r = probe_start(&a->probe, a->client, on_probed, a);

        if (r >= 0)
                return;
        failure = own_trouble(r, now);
        connection_probe_failed(a->connection, &failure);
}

static void stop(struct account *a) {
        a->probe = probe_free(a->probe);
        a->look = look_free(a->look);
        encrypted_stop(a->encrypted);
        a->catching_up = false;
        sync_stop(a->sync);
}

static void forget_position(struct account *a, usec_t now) {
        sync_forget_position(a->sync);
        a->handler.position(a->handler.userdata, NULL, now, a->wall);
}

static void run_connection(struct account *a, usec_t now) {
        struct connection_order order = connection_next(a->connection, account_is_at_stake(a), now);

        if (order.step != CONNECTION_STAY && order.step != CONNECTION_ASK_ASIDE)
                stop(a);
        if (order.position == CONNECTION_FORGETS_POSITION)
                forget_position(a, now);
        else if (order.position == CONNECTION_RESYNCS)
                sync_resync(a->sync);
        switch (order.step) {
        case CONNECTION_ASK:
        case CONNECTION_ASK_ASIDE:
                ask(a, now);
                break;
        case CONNECTION_POLL:
                output_set_reconnected(&a->outputs, now);
                sync_go(a->sync);
                break;
        case CONNECTION_STAY:
        case CONNECTION_STOP:
                break;
        }
}

/* What is begun anew in the next turn is not told that its request failed. */
void account_wake(struct account *a, bool gap) {
        stop(a);
        http_cut(a->endpoint.http);
        output_set_try_again(&a->outputs);
        renewal_retry(a->renewal);
        if (gap) {
                kinds_doubt(a->kinds);
                /* Nothing was seen since the last turn before it, and nothing of that holds. */
                output_set_watching(&a->outputs, false, a->now);
        }
        connection_wake(a->connection, gap);
        account_touch(a);
}

void account_retry_now(struct account *a) {
        output_set_try_again(&a->outputs);
        renewal_retry(a->renewal);
        connection_retry(a->connection);
        encrypted_retry_now(a->encrypted);
        account_touch(a);
}

/* ---- what the claims ask of the rest ---- */

static void door_doubt(void *userdata) {
        struct account *a = userdata;

        connection_doubt(a->connection);
        account_touch(a);
}

static void door_refused(void *userdata, const struct output_result *result) {
        door_doubt(userdata);
}

static void door_tell(void *userdata, const char *output, const struct claim_other *claim) {
        struct account *a = userdata;

        tell_set(a->tell, output, claim);
}

static bool door_is_telling(void *userdata) {
        struct account *a = userdata;

        return tell_is_pending(a->tell);
}

/* Before the first answer it is not known whether there are any: what they have written would be taken for a person's.
 */
static usec_t door_hear(void *userdata, bool wanted) {
        struct account *a = userdata;

        if (!a->answered)
                return wanted ? USEC_NEVER : HEAR_FIRST_MAX;
        if (heard_any(a->heard) && sync_catch_up(a->sync))
                a->catching_up = true;
        return HEAR_MAX;
}

static bool door_is_hearing(void *userdata) {
        return account_is_hearing(userdata);
}

/* A poll that comes now would take away what a claim writes. */
static bool door_is_polling(void *userdata) {
        struct account *a = userdata;

        return a->facts.traits->sync_erases_busy && sync_is_beginning(a->sync);
}

static bool door_is_machine(void *userdata, const char *device_id) {
        const struct account *a = userdata;

        return heard_has(a->heard, device_id);
}

static void apply_poll(struct account *a) {
        const struct output_poll all = output_set_poll(&a->outputs, a->now);

        sync_set_options(a->sync, &(struct sync_options){
                                          .poll_timeout = a->settings.poll_timeout,
                                          .poll_pause = a->settings.poll_pause,
                                          .expecting = a->expecting,
                                          .turns_at_stake = a->facts.traits->polls_take_turns && !all.alone,
                                          .costly = a->facts.traits->sync_erases_busy,
                                          .own_presence = all.own_presence,
                                          .account_data = a->facts.traits->filters_by_prefix ? ENTRY_TYPE : NULL,
                                          .says = a->facts.traits->says,
                                  });
        sync_set_held(a->sync, all.counted, all.soon);
}

static void tell_calls(struct account *a, const struct account_situation *s, usec_t now) {
        if (s->n_calls != a->n_calls || s->n_announced != a->n_announced)
                output_set_calls_changed(&a->outputs, s->n_announced < a->n_announced, now);
        a->n_calls = s->n_calls;
        a->n_announced = s->n_announced;
}

static void run_claims(struct account *a, bool may, usec_t now) {
        bool again = true;

        for (unsigned round = 0; again && round < ROUNDS_MAX; round++) {
                apply_poll(a);
                again = output_set_step(&a->outputs, may, now);
        }
        a->expecting = output_set_is_shared(&a->outputs);
        apply_poll(a);
}

static usec_t run_poll(struct account *a, usec_t now) {
        usec_t deadline;

        if (sync_is_due(a->sync, now) && output_set_is_awaited(&a->outputs, now, &deadline))
                return deadline;
        deadline = sync_run(a->sync, now);
        if (sync_error(a->sync) < 0) {
                struct matrix_reply failure = own_trouble(sync_error(a->sync), now);

                account_poll_failed(a, &failure);
        }
        return deadline;
}

/* Returns whether what is seen of the server has changed, so that the claims have something to look at: also where
 * the poll is over and the next one may not begin. */
static bool look(struct account *a, usec_t now) {
        enum sync_sight before = a->sight;

        a->sight = sync_sight(a->sync);
        if (a->sight == before || a->sight == SYNC_ASKING)
                return false;
        output_set_watching(&a->outputs, a->sight == SYNC_WATCHING, now);
        return true;
}

static void learn(struct account *a) {
        struct account_lessons l = { .sticks = false };

        output_set_learned(&a->outputs, &l);
        if (account_lessons_equal(&l, &a->endpoint.learned))
                return;
        a->endpoint.learned = l;
        a->handler.learned(a->handler.userdata, &l);
}

/* Calls that nobody has told of for long may be over. Returns when that will be so. */
static usec_t doubt_calls(struct account *a, usec_t now) {
        usec_t at = a->n_calls > 0 ? connection_blind_at(a->connection) : USEC_NEVER;

        if (now < at)
                return at;
        kinds_doubt(a->kinds);
        return USEC_NEVER;
}

/* Whether what wants to be sent has to wait. */
static bool run_renewal(struct account *a, usec_t now, usec_t *ret_deadline) {
        const struct instant at = { .now = now, .wall = a->wall };
        bool held;

        switch (renewal_run(a->renewal, &at, &held, ret_deadline)) {
        case RENEWAL_DONE:
                output_set_try_again(&a->outputs);
                /* A poll that went on meanwhile would not tell that all is well again before its end. */
                if (connection_state(a->connection) == CONNECTION_WAITING)
                        stop(a);
                connection_released(a->connection);
                break;
        case RENEWAL_FAILED:
                connection_held(a->connection, renewal_failure(a->renewal));
                break;
        case RENEWAL_OVER:
                connection_doubt(a->connection);
                connection_released(a->connection);
                break;
        case RENEWAL_NOTHING:
                break;
        }
        return held;
}

usec_t account_run(struct account *a, const struct account_situation *s, usec_t now) {
        const struct driver_want want = { .busy = s->busy,
                                          .likely = s->likely,
                                          .goes = s->goes,
                                          .message = s->message,
                                          .now = now,
                                          .wall = s->wall };
        bool held, may;
        usec_t wake_at;

        a->now = now;
        a->wall = s->wall;
        a->busy = s->busy;
        held = run_renewal(a, now, &wake_at);
        if (!held)
                run_connection(a, now);
        wake_at = usec_min(wake_at, kinds_run(a->kinds, now));
        if (heard_expire(a->heard, now))
                account_tell_outputs_of_machines(a, now);
        if (s->acts)
                output_set_want(&a->outputs, &want);
        tell_calls(a, s, now);
        wake_at = usec_min(wake_at,
                           run_encrypted(a, !held && connection_state(a->connection) == CONNECTION_ONLINE, now));
        if (connection_state(a->connection) == CONNECTION_ONLINE && a->held_until == 0)
                run_look(a);
        wake_at = usec_min(wake_at, doubt_calls(a, now));
        may = s->acts && !held && connection_is_trusted(a->connection);
        if (!held && a->facts.traits->sync_erases_busy && sync_is_due(a->sync, now)) {
                apply_poll(a);
                (void) run_poll(a, now);
        }
        run_claims(a, may, now);
        if (!held)
                wake_at = usec_min(wake_at, run_poll(a, now));
        if (look(a, now))
                run_claims(a, may, now);
        if (!held)
                wake_at = usec_min(wake_at, tell_run(a->tell, now, s->wall));
        if (!held && connection_state(a->connection) == CONNECTION_ONLINE)
                wake_at = usec_min(wake_at, gone_run(a->gone, a->expecting, a->facts.device_id, now));
        wake_at = usec_min(wake_at, output_set_deadline(&a->outputs));
        wake_at = usec_min(wake_at, heard_deadline(a->heard));
        learn(a);
        return held ? wake_at : usec_min(wake_at, account_retry_at(a));
}

/* ---- settings ---- */

static int copy_settings(struct account *a, const struct account_settings *settings) {
        char *message = strdup(settings->message ? settings->message : "");

        if (!message)
                return -ENOMEM;
        free(a->message);
        a->message = message;
        a->settings = *settings;
        a->settings.message = message;
        return 0;
}

int account_set_settings(struct account *a, const struct account_settings *settings, usec_t now) {
        int r = copy_settings(a, settings);

        if (r < 0)
                return r;
        kinds_set_call_cap(a->kinds, a->settings.call_cap);
        encrypted_set_scope(a->encrypted, a->settings.encrypted_calls);
        output_set_configured(&a->outputs, now);
        account_touch(a);
        return 0;
}

static void forget_appservice(struct account *a) {
        erase_and_free(a->appservice);
        a->appservice = NULL;
}

int account_set_appservice(struct account *a, const char *token, usec_t now) {
        char *copy = token ? strdup(token) : NULL;

        if (token && !copy)
                return -ENOMEM;
        forget_appservice(a);
        a->appservice = copy;
        a->endpoint.appservice = copy;
        output_set_configured(&a->outputs, now);
        account_touch(a);
        return 0;
}

void account_tokens_kept(struct account *a, int error) {
        renewal_kept(a->renewal, error);
        account_touch(a);
}

void account_set_token(struct account *a, const char *token) {
        renewal_set_token(a->renewal, token);
        account_touch(a);
}

/* ---- the object ---- */

static int start_kinds(struct account *a, const struct call_sink *sink) {
        SCOPED(free) char *source = NULL;

        if (asprintf(&source, "matrix/%s", a->name) < 0) {
                source = NULL;
                return -ENOMEM;
        }
        return kinds_new(&a->kinds,
                         &(struct kind_context){
                                 .me = a->user_id, .source = source, .sink = sink, .call_cap = a->settings.call_cap });
}

static int start_outputs(struct account *a, const struct claim_journal *journal) {
        const struct driver_doors doors = {
                .account = a->name,
                .journal = journal,
                .random = account_draw,
                .touched = account_touch,
                .refused = door_refused,
                .tell = door_tell,
                .is_telling = door_is_telling,
                .hear = door_hear,
                .is_hearing = door_is_hearing,
                .is_polling = door_is_polling,
                .userdata = a,
        };

        return output_set_start(&a->outputs, &a->endpoint, &doors);
}

static int start_parts(struct account *a, struct http *http, const struct account_options *o) {
        int r = matrix_client_new(&a->client, http, o->homeserver, o->tokens.access_token);

        if (r >= 0)
                r = renewal_new(&a->renewal, http, a->client,
                                &(struct renewal_options){ .account = o->name,
                                                           .place = { .homeserver = o->homeserver,
                                                                      .token_endpoint = o->token_endpoint,
                                                                      .client_id = o->client_id },
                                                           .pair = o->tokens,
                                                           .keeper = o->keeper,
                                                           .random = account_draw,
                                                           .touched = account_touch,
                                                           .userdata = a });
        if (r >= 0)
                r = connection_new(&a->connection, &(struct connection_options){ .account = o->name,
                                                                                 .homeserver = o->homeserver,
                                                                                 .user_id = o->user_id,
                                                                                 .random = account_draw,
                                                                                 .userdata = a });
        if (r >= 0)
                r = start_kinds(a, o->sink);
        if (r >= 0)
                r = heard_new(&a->heard);
        if (r >= 0)
                r = tell_new(
                        &a->tell, a->client, a->user_id,
                        &(struct tell_handler){
                                .told = account_touch, .doubt = door_doubt, .random = account_draw, .userdata = a });
        if (r >= 0)
                r = gone_new(&a->gone, a->client, a->heard,
                             &(struct gone_handler){
                                     .answered = account_take_gone, .random = account_draw, .userdata = a });
        if (r >= 0 && o->encrypted)
                r = encrypted_new(&a->encrypted, o->encrypted,
                                  &(struct encrypted_options){ .client = a->client,
                                                               .account = o->name,
                                                               .user_id = o->user_id,
                                                               .scope = a->settings.encrypted_calls,
                                                               .random = account_draw,
                                                               .touched = account_touch,
                                                               .is_live = has_call_in,
                                                               .userdata = a },
                                  &o->at);
        if (r >= 0)
                r = account_start_sync(a, o->since);
        if (r < 0)
                return r;
        a->endpoint = (struct output_endpoint){
                .http = http,
                .client = a->client,
                .user_id = a->user_id,
                .facts = &a->facts,
                .settings = &a->settings,
                .learned = o->learned,
                .is_machine = door_is_machine,
                .doubt = door_doubt,
                .touched = account_touch,
                .userdata = a,
        };
        return start_outputs(a, o->journal);
}

int account_new(struct account **ret, struct http *http, const struct account_options *options,
                const struct account_handler *handler) {
        SCOPED(account_free) struct account *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->handler = *handler;
        a->random = options->random;
        a->facts.traits = server_traits_find(NULL, NULL);
        a->name = strdup(options->name);
        a->user_id = strdup(options->user_id);
        if (!a->name || !a->user_id)
                return -ENOMEM;
        (void) snprintf(a->facts.device_id, sizeof(a->facts.device_id), "%s", options->device_id);
        r = copy_settings(a, options->settings);
        if (r < 0)
                return r;
        r = start_parts(a, http, options);
        if (r < 0)
                return r;
        *ret = TAKE(a);
        return 0;
}

struct account *account_free(struct account *a) {
        if (!a)
                return NULL;
        output_set_done(&a->outputs);
        probe_free(a->probe);
        connection_free(a->connection);
        look_free(a->look);
        sync_free(a->sync);
        encrypted_free(a->encrypted);
        kinds_free(a->kinds);
        tell_free(a->tell);
        gone_free(a->gone);
        heard_free(a->heard);
        renewal_free(a->renewal);
        matrix_client_free(a->client);
        forget_appservice(a);
        free(a->name);
        free(a->user_id);
        free(a->message);
        free(a);
        return NULL;
}
