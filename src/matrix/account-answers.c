/* What an answer of the poll brings to the parts of an account, in an order that matters: calls before what other
 * machines have told, and the position last. See account.c for what follows of it. */
#include <errno.h>

#include "matrix/account-parts.h"
#include "json/json.h"
#include "util/log.h"

uint32_t account_draw(void *userdata) {
        const struct account *a = userdata;

        return a->random(a->handler.userdata);
}

void account_touch(void *userdata) {
        const struct account *a = userdata;

        a->handler.touched(a->handler.userdata);
}

void account_tell_outputs_of_machines(struct account *a, usec_t now) {
        for (size_t i = 0; i < a->outputs.n; i++) {
                const char *output = a->outputs.of[i].output->kind->name;
                struct claim_other others[HEARD_MAX];
                size_t n = heard_claims(a->heard, output, a->facts.device_id, others);

                output_set_machines(&a->outputs, i, heard_holds(a->heard, output), others, n, now);
        }
}

void account_take_gone(void *userdata, bool changed, usec_t now) {
        struct account *a = userdata;

        if (changed)
                account_tell_outputs_of_machines(a, now);
        account_touch(a);
}

void account_poll_failed(void *userdata, const struct matrix_reply *reply) {
        struct account *a = userdata;

        a->catching_up = false;
        connection_lost(a->connection, reply);
        account_touch(a);
}

/* ---- what the poll calls ---- */

static struct output_told told_by(const struct sync_answer *answer) {
        const struct sync_batch *b = answer->batch;

        return (struct output_told){ .all = answer->initial,
                                     .own_presence = b->own_presence,
                                     .presence = b->presence,
                                     .status_msg = b->status_msg };
}

static int on_take(void *userdata, const json_t *body, const struct instant *at) {
        const struct account *a = userdata;

        return encrypted_take(a->encrypted, body, at);
}

bool account_holds_events(struct account *a, usec_t now) {
        if (now >= a->held_until || !encrypted_awaits(a->encrypted, now))
                a->held_until = 0;
        return a->held_until > 0;
}

/* Only of what has happened while nothing was seen, which is all there now: what happens now is told at once. */
static bool hold_events(struct account *a, usec_t now) {
        if (connection_state(a->connection) != CONNECTION_ONLINE) {
                encrypted_answers_again(a->encrypted);
                a->held_until = usec_add(now, HOLD_MAX);
        }
        return account_holds_events(a, now);
}

static void tear_room(struct account *a, const char *room_id, const struct kind_time *t) {
        kinds_apply(a->kinds, &(struct room_events){ .torn_room = room_id }, t);
        encrypted_torn(a->encrypted, room_id);
}

/* What could not be read may have ended what is known, or waits to be read. Where the events since a whole state come
 * after it, nothing is missing. */
static void tear(struct account *a, const struct sync_answer *answer, const struct kind_time *t) {
        if (answer->initial && answer->moves)
                encrypted_torn(a->encrypted, NULL);
        for (size_t i = 0; i < answer->n_torn; i++)
                tear_room(a, answer->torn[i], t);
        for (size_t i = 0; i < answer->n_gaps; i++)
                if (answer->gaps[i]->torn_room)
                        encrypted_torn(a->encrypted, answer->gaps[i]->torn_room);
}

static int apply(struct account *a, const struct sync_answer *answer) {
        const struct kind_time t = { .now = answer->now, .wall = answer->wall };
        const struct instant at = { .now = answer->now, .wall = answer->wall };
        struct room_events events;
        const char *full;
        bool concerned = false, lacks;

        if (answer->initial)
                kinds_resync(a->kinds, true);
        tear(a, answer, &t);
        lacks = encrypted_apply_late(a->encrypted, a->kinds, &at) < 0;
        for (size_t i = answer->n_gaps; i > 0; i--) {
                events = sync_batch_events(answer->gaps[i - 1]);
                lacks = encrypted_apply(a->encrypted, a->kinds, &events, &at) < 0 || lacks;
        }
        events = sync_batch_events(answer->batch);
        lacks = encrypted_apply(a->encrypted, a->kinds, &events, &at) < 0 || lacks;
        for (size_t i = 0; i < answer->batch->n_cut_rooms; i++)
                tear_room(a, answer->batch->cut_rooms[i], &t);
        if (answer->initial)
                kinds_resync(a->kinds, false);
        lacks = kinds_take_lack(a->kinds) || lacks;
        /* Old events may come in several answers. */
        if (!answer->more && !lacks && !hold_events(a, answer->now))
                concerned = kinds_commit(a->kinds, &t);
        full = kinds_take_full(a->kinds);
        if (full)
                log_warning("Account %s: too many %s, leaving out those that matter least", a->name, full);
        sync_set_in_call(a->sync, kinds_in_call(a->kinds));
        if (lacks || kinds_take_lack(a->kinds))
                return -ENOMEM;
        return encrypted_expects(a->encrypted) || concerned;
}

/* What comes with the first answer may have been written long ago. */
static usec_t age_of(const json_t *content, const struct sync_answer *answer) {
        usec_t told = entry_told(content);

        return answer->initial && told < answer->wall ? answer->wall - told : 0;
}

static void take_account_data(struct account *a, const struct sync_answer *answer) {
        const struct sync_batch *b = answer->batch;
        bool changed = false;

        if (answer->initial) {
                heard_resync_begin(a->heard);
                tell_resync_begin(a->tell);
        }
        for (size_t i = 0; i < b->n_account_data; i++) {
                const char *type = b->account_data[i].type;
                const json_t *content = b->account_data[i].content;

                if (!tell_take(a->tell, type, content, answer->now) &&
                    heard_take(a->heard, type, content, age_of(content, answer), answer->now))
                        changed = true;
        }
        if (answer->initial && heard_resync_end(a->heard))
                changed = true;
        tell_set_heard(a->tell, heard_any(a->heard));
        if (answer->initial)
                tell_resync_end(a->tell);
        tell_polled(a->tell, answer->now);
        tell_refresh(a->tell);
        if (changed)
                account_tell_outputs_of_machines(a, answer->now);
        if (tell_take_over(a->tell))
                output_set_told_over(&a->outputs);
}

static int on_answer(void *userdata, const struct sync_answer *answer) {
        struct account *a = userdata;
        const struct sync_batch *b = answer->batch;
        const struct output_told told = told_by(answer);
        int concerned;

        if (b->overflow)
                log_warning("Account %s: more than %d events in one answer, ignoring the rest", a->name,
                            SYNC_EVENTS_MAX);
        concerned = apply(a, answer);
        if (concerned < 0)
                return concerned;
        take_account_data(a, answer);
        if (answer->initial)
                encrypted_resync(a->encrypted);
        a->answered = true;
        a->catching_up = false;
        renewal_worked(a->renewal);
        output_set_answered(&a->outputs, &told, answer->now);
        /* Whether there is a call by what has come is known with the last of several answers: the place from which a
         * restart looks must not be behind its beginning. */
        if (answer->moves && !answer->more && a->held_until == 0)
                a->handler.position(a->handler.userdata, b->next_batch, answer->now, answer->wall);
        if (connection_answered(a->connection, answer->more, answer->now))
                output_set_answers_again(&a->outputs);
        account_touch(a);
        return concerned;
}

static size_t on_rooms(void *userdata, const char **ret, size_t max) {
        const struct account *a = userdata;

        return kinds_rooms(a->kinds, ret, max);
}

static void on_position_lost(void *userdata) {
        struct account *a = userdata;

        log_info("Account %s: the server does not know our position any more, starting over", a->name);
        a->handler.position(a->handler.userdata, NULL, a->now, a->wall);
}

static bool reads_encrypted(const struct account *a) {
        return a->encrypted && a->settings.encrypted_calls != ENCRYPTED_CALLS_OFF;
}

int account_start_sync(struct account *a, const char *since) {
        SCOPED(json_decref) json_t *messages = kinds_message_types_new(), *state = kinds_state_types_new();
        SCOPED(json_decref) json_t *in_call = kinds_in_call_types_new();

        if (!messages || !state || !in_call ||
            (reads_encrypted(a) && (json_array_append_new(messages, json_string("m.room.encrypted")) < 0 ||
                                    json_array_append_new(state, json_string("m.room.encryption")) < 0)))
                return -ENOMEM;
        a->sync_handler = (struct sync_handler){ .touched = account_touch,
                                                 .answer = on_answer,
                                                 .position_lost = on_position_lost,
                                                 .failed = account_poll_failed,
                                                 .take = a->encrypted ? on_take : NULL,
                                                 .rooms = on_rooms,
                                                 .random = account_draw,
                                                 .userdata = a };
        return sync_new(&a->sync, a->client, a->user_id, since,
                        &(struct sync_wants){ .messages = messages, .state = state, .in_call = in_call },
                        &a->sync_handler);
}
