/* The presence output: busy with a message, or as much of it as the server and the user's settings allow. It owns what
 * is known of the own presence: the value seen last, whether other clients of the user keep it alive
 * (other-clients.h), and what keeps a value of ours alive.
 *
 *   shown     known: pushed or read, and nothing was written since; else not known
 *   ours      from the moment a state of ours is sent until it is taken away, acknowledged, or owed no more, until the
 *             server says that it has not taken it, or until something else is seen when an echo of it could have come
 *   the poll  counted while a state of ours stands; asks for the own presence where the server pushes it */
#include "matrix/outputs/presence-parts.h"

#include <errno.h>
#include <stdio.h>

#include "matrix/outputs/keepers.h"
#include "util/log.h"

static const char not_allowed[] =
        "this server does not allow it: presence may be switched off there, and nobody sees who is busy";

static const char nobody_looks[] = "you share no room with anybody there, so nobody sees it";

static const char too_long[] = "your status message is too long to be put back after a call: left alone";

static const char lacks_presence[] = "the answer of the server says nothing of your presence";

static bool is_wanted(const struct output *o) {
        return o->at->settings->presence != PRESENCE_OFF;
}

/* Busy that another session has caught may outlive the run that wrote it, and the user's wish to have any: as long as
 * it is there, people are told. */
static bool is_followed(const struct output *o) {
        const struct presence *p = presence_of_const(o);

        return is_wanted(o) || p->stuck || p->sticks;
}

static bool is_pushed(const struct output *o) {
        return is_followed(o) && presence_server(o)->pushes_own_presence;
}

/* ---- what is seen ---- */

static void tell_seen(struct presence *p, usec_t now) {
        const struct output_listener *l = &p->output.listener;

        if (p->shown_known && l->seen)
                l->seen(l->userdata, &p->shown, now);
}

static void tell_unsure(struct presence *p) {
        const struct output_listener *l = &p->output.listener;

        if (l->unsure)
                l->unsure(l->userdata);
}

static void tell_looked(struct presence *p, usec_t now) {
        const struct output_listener *l = &p->output.listener;

        if (p->shown_known && l->looked)
                l->looked(l->userdata, &p->shown, now);
        tell_unsure(p);
}

/* Words that a claim cannot hold are a person's. */
static int read_longer(struct presence *p, struct claim_value *ret, const char *presence, const char *status_msg) {
        int r = presence_value(ret, presence, "");

        if (r < 0 || !status_msg || strlen(status_msg) < sizeof(ret->text))
                return r;
        return stand_in_take(&p->longer, ret->text, sizeof(ret->text), status_msg);
}

/* Idle with the words of a run whose journal was lost is its state, where the server does not offer busy. */
static int read_value(struct presence *p, struct claim_value *ret, const char *presence, const char *status_msg) {
        int r = presence_value(ret, presence, status_msg);

        if (r == -E2BIG)
                r = read_longer(p, ret, presence, status_msg);
        if (r >= 0 && p->lost[0] && streq(ret->text, p->lost) && streq(ret->state, PRESENCE_STATE_UNAVAILABLE))
                claim_value_put_state(ret, PRESENCE_STATE_BUSY);
        return r;
}

static void update_ours(struct presence *p, const char *state, usec_t now) {
        if (p->ours || p->held_elsewhere)
                other_clients_own(&p->others, p->ours ? state : PRESENCE_STATE_BUSY, now);
        else
                other_clients_own_over(&p->others, now);
}

/* The server shows what is ours for as long as it is there: what hides it, and is no echo from before it, is another
 * client's, which would catch it if it were written again. */
static void see_state(struct presence *p, const char *state, usec_t now) {
        const char *ours = *p->written ? p->written : PRESENCE_STATE_BUSY;

        if ((p->ours || p->found) && !streq(state, ours) && now >= usec_add(p->sent_at, OTHER_CLIENTS_OWN)) {
                p->ours = p->found = false;
                update_ours(p, "", now);
        }
        other_clients_seen(&p->others, state, now);
}

/* Before the state of the same answer. What an earlier run has left was active as well. */
static void see_activity(struct presence *p, const struct matrix_reply *reply) {
        usec_t ago = matrix_presence_active_ago(reply->body);

        if (!p->found && ago < reply->now)
                other_clients_active(&p->others, reply->now - ago);
}

/* A state that no claim can hold is left unknown: a read says what is wrong with it. */
static void take(struct presence *p, const char *presence, const char *status_msg, usec_t now) {
        struct claim_value v;

        if (read_value(p, &v, presence, status_msg) < 0) {
                p->shown_known = false;
                tell_unsure(p);
                return;
        }
        p->shown = v;
        p->shown_known = true;
        see_state(p, v.state, now);
        tell_seen(p, now);
}

static void on_look(const struct matrix_reply *reply, void *userdata) {
        struct presence *p = userdata;
        const struct output_listener *l = &p->output.listener;
        const char *presence, *status_msg;

        p->look = NULL;
        presence_words_looked(p, reply);
        p->output.at->touched(p->output.at->userdata);
        if (reply->outcome == MATRIX_SIGNED_OUT)
                p->output.at->doubt(p->output.at->userdata);
        if (reply->outcome != MATRIX_OK || matrix_presence_parse(reply->body, &presence, &status_msg) < 0) {
                p->looked = true; /* there is nothing to see */
                p->refused = !p->resynced && reply->outcome == MATRIX_REFUSED;
                if (reply->outcome == MATRIX_REFUSED && l->refused)
                        l->refused(l->userdata);
                return; /* whoever needs it asks again */
        }
        see_activity(p, reply);
        take(p, presence, status_msg, reply->now);
        if (!p->watching)
                tell_looked(p, reply->now);
        if (p->shown_known && presence_server(&p->output)->message_per_device)
                presence_words_seen(p);
}

/* The first answer of /sync leaves out who is offline: the value to start with comes from a request of its own. */
void presence_look(struct presence *p) {
        const struct output_endpoint *at = p->output.at;
        int r;

        if ((!is_followed(&p->output) && !presence_server(&p->output)->message_per_device) || p->look)
                return;
        r = matrix_presence_get(at->client, at->user_id, on_look, p, &p->look);
        if (r < 0)
                log_debug("The presence of %s cannot be asked for: %s", at->user_id, strerror(-r));
}

static void on_resynced(struct output *o, usec_t now) {
        struct presence *p = presence_of(o);

        p->look = http_request_free(p->look);
        p->shown_known = false;
        p->resynced = true;
        if (!p->refused)
                presence_look(p);
        p->refused = false;
}

/* At the start the whole state comes soon, and the question then. */
static void on_reconnected(struct output *o, usec_t now) {
        struct presence *p = presence_of(o);

        if (p->cure)
                cure_check(p->cure);
        if (p->resynced)
                presence_look(p);
}

static void on_pushed(struct output *o, const char *presence, const char *status_msg, usec_t now) {
        struct presence *p = presence_of(o);

        if (!is_pushed(o))
                return;
        p->look = http_request_free(p->look);
        take(p, presence, status_msg, now);
}

/* A poll that counts would show a user as present of whom only the message is claimed. */
static bool state_is_claimed(const struct presence *p) {
        if (*p->written)
                return streq(p->written, PRESENCE_STATE_BUSY) || streq(p->written, PRESENCE_STATE_UNAVAILABLE);
        return p->claim.state_claimed;
}

static void on_watching(struct output *o, bool watching, usec_t now) {
        struct presence *p = presence_of(o);
        const struct output_listener *l = &o->listener;

        p->watching = watching && is_pushed(o);
        other_clients_watch(&p->others, p->watching, now);
        if (!watching)
                tell_unsure(p);
        else if (p->watching)
                tell_seen(p, now);
        else if (p->claim.standing && state_is_claimed(p) && presence_server(o)->sync_erases_busy && l->erased)
                l->erased(l->userdata);
}

/* ---- what is ours ---- */

static void on_machines(struct output *o, bool hold, bool words, usec_t now) {
        struct presence *p = presence_of(o);

        p->said_elsewhere = words;
        if (p->held_elsewhere == hold)
                return;
        p->held_elsewhere = hold;
        update_ours(p, PRESENCE_STATE_BUSY, now);
}

/* What an earlier run has written is ours too, in whatever state; what is owed no more is nobody's of us. */
static void on_claim(struct output *o, const struct output_claim *c, usec_t now) {
        struct presence *p = presence_of(o);
        bool found = p->found && c->owed && c->state_claimed, gone = !c->owed && p->claim.owed;

        p->claim = *c;
        p->found = p->found && !c->owed;
        if (!c->owed)
                p->lost[0] = '\0';
        if (found || gone) {
                p->ours = found;
                update_ours(p, "", now);
        }
        p->stuck = p->stuck || c->phase == CLAIM_STUCK;
        p->sticks = p->sticks || c->sticks;
}

/* From the moment it is sent: an echo may come before the acknowledgement. */
void presence_sent(struct presence *p, const char *state, usec_t now) {
        bool claimed = p->claim.state_claimed && !streq(state, PRESENCE_STATE_OFFLINE);

        p->look = http_request_free(p->look);
        p->shown_known = false;
        (void) snprintf(p->written, sizeof(p->written), "%s", state);
        if (!streq(state, PRESENCE_STATE_OFFLINE))
                p->lost[0] = '\0';
        p->ours_by_this = false;
        if (claimed && p->claim.phase != CLAIM_LEAVING) {
                p->ours_by_this = !p->ours;
                p->ours = true;
                p->sent_at = now;
                update_ours(p, state, now);
        }
}

static void withdrawn(struct presence *p, usec_t now) {
        if (!p->ours || !streq(p->written, PRESENCE_STATE_OFFLINE))
                return;
        p->ours = false;
        update_ours(p, PRESENCE_STATE_BUSY, now);
}

/* A state that the server has not taken is not there, and no choice: another client may be when it is tried again. */
static void not_taken(struct presence *p, enum matrix_outcome outcome, usec_t now) {
        if (!p->ours_by_this || !presence_is_not_taken(outcome))
                return;
        p->ours_by_this = p->ours = false;
        update_ours(p, PRESENCE_STATE_BUSY, now);
}

/* ---- answers ---- */

static bool usable(const struct output *o, const char **ret_why) {
        if (is_wanted(o))
                return true;
        *ret_why = "switched off (presence = off)";
        return false;
}

static bool stands_in(const struct claim_value *v) {
        return stand_in_is(v->text, sizeof(v->text));
}

static void traits(const struct output *o, struct claim_traits *ret) {
        const struct server_traits *t = presence_server(o);
        usec_t refresh = o->at->settings->refresh_interval;

        *ret = (struct claim_traits){
                .per_device = t->presence_per_device,
                .text_per_device = t->message_per_device,
                .withdrawn = PRESENCE_STATE_OFFLINE,
                .taken = PRESENCE_STATE_BUSY,
                .kept_as = server_kept_as(t),
                .sticky = t->copies_busy,
                .person_writes_whole = !t->presence_per_device,
                .text_tells_person = true,
                .pushed = is_pushed(o),
                .curable = presence_cure_state(presence_of_const(o)) == CURE_WORKS,
                .stands_in = stands_in,
                .refresh_interval = refresh > 0 ? refresh : t->refresh_interval,
        };
}

/* What stands there by an earlier choice stays, also after a restart; before it was sent it is no choice yet. The
 * words may change in the middle of a call, and go. */
static void want(struct output *o, const struct output_situation *s, struct claim_want *ret, const char **ret_why) {
        struct presence *p = presence_of(o);
        const struct account_settings *settings = o->at->settings;
        bool claimed = s->current ? s->current->state_claimed : s->owed && s->owed->state_claimed;
        bool chosen = claimed && (p->ours || p->found);
        bool words = s->current && s->current->text_claimed;
        usec_t until;

        presence_want(&(struct presence_facts){ .mode = settings->presence,
                                                .takes_busy = o->at->facts->versions.busy_presence,
                                                .copies_busy = presence_server(o)->copies_busy,
                                                .sticks = p->sticks,
                                                .others = other_clients_judge(&p->others, s->now, &until),
                                                .chosen = chosen,
                                                .cure = presence_cure_state(p),
                                                .message = s->message ? s->message : settings->message },
                      ret, ret_why);
        p->waits = settings->presence == PRESENCE_AUTO && !ret->state_claimed;
        /* Where none were claimed so far, other words there may be a person's of meanwhile: not in this call. */
        if (s->current ? s->current->state_claimed && !s->current->text_claimed : s->owed && !s->owed->text_claimed) {
                ret->text_claimed = false;
                ret->value.text[0] = '\0';
        }
        /* Still claimed, so that what was there before comes back with the end of the call. */
        ret->text_claimed = ret->text_claimed || words;
}

/* Known by the words: the state alone may be another client's. */
static bool lost(struct output *o, struct claim_owed *ret) {
        const char *message = o->at->settings->message;

        *ret = (struct claim_owed){ .n_ours = 1, .order = 1, .state_claimed = true, .text_claimed = true };
        return message[0] && claim_value_set(&ret->prior, PRESENCE_STATE_OFFLINE, "") >= 0 &&
               claim_value_set(&ret->ours[0], PRESENCE_STATE_BUSY, message) >= 0;
}

/* Also after another restart: what lost() gave is in the journal by then. */
static void resumed(struct output *o, const struct claim_owed *owed) {
        const char *newest = owed->ours[owed->n_ours - 1].state;

        presence_of(o)->found = owed->state_claimed && !streq(newest, PRESENCE_STATE_OFFLINE);
        if (owed->n_ours == 1 && streq(owed->ours[0].state, PRESENCE_STATE_BUSY) && !owed->prior.text[0] &&
            streq(owed->prior.state, PRESENCE_STATE_OFFLINE))
                memcpy(presence_of(o)->lost, owed->ours[0].text, sizeof(owed->ours[0].text));
}

static bool fall_back(const struct output *o, struct claim_want *w) {
        return presence_fall_back(w);
}

static usec_t run(struct output *o, usec_t now) {
        struct presence *p = presence_of(o);
        usec_t until = USEC_NEVER;

        if (p->waits && p->claim.phase != CLAIM_FREE)
                (void) other_clients_judge(&p->others, now, &until);
        return until;
}

/* Without a counted poll `unavailable` ends within 30 s; a busy lasts until the next poll. */
static void poll_wish(struct output *o, struct output_poll *ret, usec_t now) {
        struct presence *p = presence_of(o);
        usec_t until;

        *ret = (struct output_poll){
                .own_presence = is_pushed(o),
                .counted = p->claim.standing && state_is_claimed(p),
                .soon = !o->at->facts->versions.busy_presence || streq(p->written, PRESENCE_STATE_UNAVAILABLE),
                .alone = is_pushed(o) && other_clients_judge(&p->others, now, &until) == OTHER_CLIENTS_NONE,
        };
}

static void learned(const struct output *o, struct account_lessons *ret) {
        const struct presence *p = presence_of_const(o);

        ret->sticks = p->sticks;
        memcpy(ret->words, p->own_words, sizeof(ret->words));
}

static const char *stuck_until(const struct output *o) {
        return presence_server(o)->stuck_until;
}

/* ---- requests ---- */

/* A server without presence says no with these words; others are of the account, and what something in between says is
 * nobody's. */
static bool is_not_allowed(const struct matrix_reply *reply) {
        return reply->outcome == MATRIX_REFUSED && reply->status == 403 && reply->errcode &&
               streq(reply->errcode, "M_FORBIDDEN");
}

/* What a claim has read is as good. A poll that waits for the look then begins before what the claim writes next,
 * which it would take away. */
static void end_look(struct presence *p) {
        if (!p->look || !presence_server(&p->output)->message_per_device)
                return;
        p->look = http_request_free(p->look);
        presence_words_seen(p);
}

static void translate_read(struct output *o, const struct matrix_reply *reply, struct output_result *result) {
        struct presence *p = presence_of(o);
        const char *presence = NULL, *status_msg = NULL;
        int r;

        if (reply->outcome == MATRIX_OK) {
                if (matrix_presence_parse(reply->body, &presence, &status_msg) < 0) {
                        result->outcome = MATRIX_UNSURE;
                        result->problem = lacks_presence;
                        return;
                }
        } else if (reply->outcome == MATRIX_NOT_FOUND) {
                result->outcome = MATRIX_OK; /* or nothing was ever set */
                result->problem = nobody_looks;
                result->hidden = true;
        } else {
                if (is_not_allowed(reply))
                        output_refuse(result, not_allowed);
                return;
        }
        r = read_value(p, &result->value, presence, status_msg);
        if (r == -ENOMEM) {
                result->outcome = MATRIX_UNSURE;
                result->problem = "there is no memory for your status message";
        } else if (r < 0)
                output_refuse(result, "the server shows a state that nobody knows: left alone");
        else if (presence) {
                if (!p->claim.owed && stands_in(&result->value))
                        result->problem = too_long;
                p->shown = result->value;
                p->shown_known = true;
                see_activity(p, reply);
                see_state(p, result->value.state, reply->now);
                end_look(p);
        }
}

void presence_translate_write(struct output *o, const struct matrix_reply *reply, struct output_result *result) {
        struct presence *p = presence_of(o);
        bool dropped = p->dropped;

        p->dropped = false;
        presence_words_answered(p, reply);
        not_taken(p, reply->outcome, reply->now);
        if (is_not_allowed(reply))
                output_refuse(result, not_allowed);
        else if (dropped)
                result->outcome = MATRIX_RETRY;
        else if (reply->outcome == MATRIX_OK)
                withdrawn(p, reply->now);
}

static int presence_read(struct output *o, output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        int r = output_request_new(&request, o, translate_read, done, userdata);

        if (r < 0)
                return r;
        r = matrix_presence_get(o->at->client, o->at->user_id, output_request_answered, request,
                                output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

const char *presence_whole_message(const struct presence *p, const char *message, char buf[static CLAIM_TEXT_MAX]) {
        const char *whole = stand_in_whole(&p->longer, message, CLAIM_TEXT_MAX);

        return whole ? whole : stand_in_beginning(buf, CLAIM_TEXT_MAX, message);
}

int presence_put_value(struct output *o, const char *state, const char *message, struct output_request *request) {
        char buf[CLAIM_TEXT_MAX];
        int r = matrix_presence_put(o->at->client, o->at->user_id, presence_word(state, presence_server(o)),
                                    message ? presence_whole_message(presence_of(o), message, buf) : NULL,
                                    output_request_answered, request, output_request_http(request));

        if (r >= 0)
                presence_words_sent(presence_of(o), message ? message : "");
        return r;
}

struct kept {
        struct claim_value value; /* no state: it has been sent */
        bool back;                /* it gives back */
};

/* Busyd says online only to give it back, or beside words: where that would stay for good, to a user who has a client
 * there. */
static int write_kept(struct output_request *request, struct output *o, const struct matrix_reply *reply, void *data) {
        const struct output_endpoint *at = o->at;
        struct presence *p = presence_of(o);
        struct kept *k = data;
        struct claim_value *v = &k->value;
        int r;

        if (!v->state[0])
                return 0;
        p->dropped = !k->back && p->claim.phase == CLAIM_LEAVING;
        if (p->dropped)
                return 0;
        if (keepers_judge(reply, at->facts->device_id, at->is_machine, at->userdata) == KEEPERS_NONE)
                (void) snprintf(v->state, sizeof(v->state), "%s", PRESENCE_STATE_OFFLINE);
        presence_sent(p, v->state, reply->now);
        r = presence_put_value(o, v->state, v->text, request);
        v->state[0] = '\0';
        return r < 0 ? r : 1;
}

static int start_write(struct output *o, const struct claim_value *v, struct output_request *request) {
        struct kept *k;

        if (!presence_server(o)->online_stays || !streq(v->state, "online"))
                return presence_put_value(o, v->state, v->text, request);
        k = malloc(sizeof(*k));
        if (!k)
                return -ENOMEM;
        *k = (struct kept){ .value = *v, .back = presence_of(o)->claim.phase == CLAIM_LEAVING };
        output_request_chain(request, write_kept, k);
        return matrix_devices_get(o->at->client, output_request_answered, request, output_request_http(request));
}

int presence_write(struct output *o, const struct claim_value *v, usec_t now, output_done_t done, void *userdata,
                   struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        int r = output_request_new(&request, o, presence_translate_write, done, userdata);

        if (r < 0)
                return r;
        presence_sent(presence_of(o), v->state, now);
        r = start_write(o, v, request);
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

/* ---- the object ---- */

static void on_configured(struct output *o, usec_t now) {
        struct presence *p = presence_of(o);
        bool wanted = is_wanted(o);

        presence_set_cure(p);
        if (wanted && !p->was_wanted) {
                p->shown_known = false;
                tell_unsure(p);
                if (p->resynced)
                        presence_look(p);
        }
        p->was_wanted = wanted;
}

static int make(struct output **ret, const struct output_endpoint *at) {
        struct presence *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->output = (struct output){ .kind = &output_presence, .at = at };
        p->sticks = at->learned.sticks;
        memcpy(p->own_words, at->learned.words, sizeof(p->own_words));
        p->was_wanted = is_wanted(&p->output);
        presence_words_init(p);
        *ret = &p->output;
        return 0;
}

static void presence_free(struct output *o) {
        struct presence *p = presence_of(o);

        http_request_free(p->look);
        output_request_free(p->way);
        cure_free(p->cure);
        stand_in_done(&p->longer);
        free(p);
}

const struct output_kind output_presence = {
        .name = PRESENCE_OUTPUT,
        .no_effect = "presence is probably switched off there",
        .make = make,
        .free = presence_free,
        .configured = on_configured,
        .reconnected = on_reconnected,
        .resynced = on_resynced,
        .presence = on_pushed,
        .awaited = presence_words_awaited,
        .awaited_until = presence_words_awaited_until,
        .watching = on_watching,
        .machines = on_machines,
        .claim = on_claim,
        .run = run,
        .usable = usable,
        .traits = traits,
        .want = want,
        .fall_back = fall_back,
        .lost = lost,
        .resumed = resumed,
        .poll = poll_wish,
        .occupied = presence_words_occupied,
        .learned = learned,
        .stuck_until = stuck_until,
        .read = presence_read,
        .write = presence_write,
        .give_back = presence_words_give_back,
        .cure = presence_cure,
};
