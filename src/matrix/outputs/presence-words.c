/* The presence output where each device has a message of its own: those of our device come back with each of its
 * polls.
 *
 *   own words   what our device has: what was written there last and acknowledged. As long as words are on their way
 *               to where none are, and until it is known that these have gone, they may be there. Later runs know them
 *   the copy    a claim of the state alone has the words that stood there on our device, which follow those that a
 *               person chooses
 *   the way     while nothing is claimed, own words give way to newer ones of somebody else: they are taken away, and
 *               the poll waits for that. Likewise to those of another machine that is in a call, which puts back what
 *               it has found: each of our polls would bring ours up before what a person writes meanwhile */
#include "matrix/outputs/presence-parts.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"

#define LOOK_EVERY (10 * USEC_PER_SEC)

/* A look before a poll that fails is tried again. Where that is in vain for so long, polls go on without, until one
 * has not failed. */
#define LOOK_RETRY_FIRST (2 * USEC_PER_SEC)
#define LOOK_RETRY_CAP   (30 * USEC_PER_SEC)
#define LOOK_PATIENCE    (5 * USEC_PER_MIN)

void presence_words_init(struct presence *p) {
        p->retry = (struct backoff){ .first = LOOK_RETRY_FIRST, .cap = LOOK_RETRY_CAP };
}

/* ---- what our device has ---- */

void presence_words_sent(struct presence *p, const char *words) {
        if (!presence_server(&p->output)->message_per_device)
                return;
        (void) snprintf(p->sent_words, sizeof(p->sent_words), "%s", words);
        p->words_sent = true;
        p->words_by_this = !p->own_words[0];
        if (p->words_by_this)
                memcpy(p->own_words, p->sent_words, sizeof(p->own_words));
}

void presence_words_answered(struct presence *p, const struct matrix_reply *reply) {
        if (p->words_sent && reply->outcome == MATRIX_OK) {
                /* Once ours are away it is not known yet whether those show. */
                if (p->sent_words[0] && (p->way || !streq(p->sent_words, p->own_words)))
                        p->newer[0] = '\0';
                memcpy(p->own_words, p->sent_words, sizeof(p->own_words));
        } else if (p->words_sent && p->words_by_this && presence_is_not_taken(reply->outcome))
                p->own_words[0] = '\0';
        p->words_sent = false;
}

/* ---- given back, or given up ---- */

/* Another device's message shows by itself once ours is gone; a copy of it on our device would outlive what the person
 * does to it. Only one that shows no more is put back. */
struct withdrawal {
        struct claim_value value;
        struct claim_owed owed;
        bool looked, put_back;
};

/* Words of ours beside busy, once those of our device are away, are another machine's that is in a call and was not
 * heard of: a copy of older ones would hide them. A machine that is gone is not busy for long. */
static bool is_somebodys(const struct claim_owed *owed, const json_t *shown) {
        struct claim_value v;

        if (presence_value(&v, json_member_string(shown, "presence"), json_member_string(shown, "status_msg")) < 0)
                return true; /* too long to be ours */
        return v.text[0] && (!claim_owed_has_text(owed, v.text) || streq(v.state, PRESENCE_STATE_BUSY));
}

/* What shows, or that nothing does. */
static bool has_told(const struct matrix_reply *reply) {
        return reply->outcome == MATRIX_OK || reply->outcome == MATRIX_NOT_FOUND || reply->outcome == MATRIX_REFUSED;
}

static int withdraw_more(struct output_request *request, struct output *o, const struct matrix_reply *reply,
                         void *data) {
        struct withdrawal *w = data;
        int r;

        presence_words_answered(presence_of(o), reply);
        if (w->put_back || (!w->looked && reply->outcome != MATRIX_OK))
                return 0;
        if (!w->looked) {
                w->looked = true;
                output_request_has_effect(request);
                r = matrix_presence_get(o->at->client, o->at->user_id, output_request_answered, request,
                                        output_request_http(request));
                return r < 0 ? r : 1;
        }
        if (reply->outcome == MATRIX_SIGNED_OUT)
                o->at->doubt(o->at->userdata);
        if (!has_told(reply))
                return 0;
        if (reply->outcome == MATRIX_OK && is_somebodys(&w->owed, reply->body)) {
                presence_of(o)->newer[0] = '\0';
                return 0;
        }
        w->put_back = true;
        r = presence_put_value(o, w->value.state, w->value.text, request);
        return r < 0 ? r : 1;
}

int presence_words_withdraw(struct output *o, const struct claim_value *v, const struct claim_owed *owed, usec_t now,
                            output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        struct withdrawal *w;
        int r = output_request_new(&request, o, presence_translate_write, done, userdata);

        if (r < 0)
                return r;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        output_request_chain(request, withdraw_more, w);
        w->value = *v;
        w->owed = *owed;
        presence_sent(presence_of(o), v->state, now);
        r = presence_put_value(o, v->state, "", request);
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

/* A server that was started again shows what a person said and has it on no device: it would go with ours. */
static bool are_persons_shown(const struct presence *p, const struct claim_value *v, const struct claim_owed *owed) {
        return p->claim.phase == CLAIM_YIELDED && !v->text[0] && p->shown.text[0] &&
               !claim_owed_has_given_up(owed, p->shown.text);
}

int presence_words_give_back(struct output *o, const struct claim_value *v, const struct claim_owed *owed, usec_t now,
                             output_done_t done, void *userdata, struct output_request **ret) {
        const struct presence *p = presence_of(o);
        struct claim_value back = *v;

        if (are_persons_shown(p, v, owed))
                claim_value_put_text(&back, p->shown.text);
        if (!presence_server(o)->message_per_device || !back.text[0])
                return presence_write(o, v, now, done, userdata, ret);
        return presence_words_withdraw(o, &back, owed, now, done, userdata, ret);
}

static void translate_way(struct output *o, const struct matrix_reply *reply, struct output_result *result) {
        presence_words_answered(presence_of(o), reply);
}

static void on_way_given(const struct output_result *result, void *userdata) {
        struct presence *p = userdata;

        p->way = NULL;
        p->output.at->touched(p->output.at->userdata);
}

/* A lost write has landed, of ours or of a machine that is not heard: whose claim it is takes them away again, and
 * what our device has would be gone for them. */
static bool are_claims_shown(const struct presence *p) {
        const struct output_listener *l = &p->output.listener;

        return p->shown.text[0] && l->is_said && l->is_said(l->userdata, &p->shown);
}

static bool are_others_shown(const struct presence *p) {
        return p->shown.text[0] && !streq(p->shown.text, p->own_words) && !are_claims_shown(p);
}

/* ... or has taken away, and with them newer ones that nobody shows now. */
static bool has_words(const struct presence *p) {
        return p->own_words[0] || p->newer[0];
}

static bool is_in_the_way(const struct presence *p) {
        if (!has_words(p) || p->way || p->claim.owed || p->claim.phase != CLAIM_FREE)
                return false;
        if (p->held_elsewhere && !p->said_elsewhere)
                return false;
        if (!p->said_elsewhere && are_claims_shown(p))
                return false;
        return p->newer[0] || !streq(p->shown.text, p->own_words);
}

/* Our device still has words that were put back after a call, and somebody has chosen others since, which the last
 * poll may have hidden: those come back if nobody's show then. */
static void give_way(struct presence *p) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        struct withdrawal *w;

        if (!is_in_the_way(p) || output_request_new(&request, &p->output, translate_way, on_way_given, p) < 0)
                return;
        w = calloc(1, sizeof(*w));
        if (!w)
                return;
        output_request_chain(request, p->said_elsewhere ? NULL : withdraw_more, w);
        claim_value_put_state(&w->value, PRESENCE_STATE_OFFLINE);
        /* Where none show any more, those that were to come up have gone with ours. */
        if (p->said_elsewhere)
                p->newer[0] = '\0';
        else if (are_others_shown(p))
                memcpy(p->newer, p->shown.text, sizeof(p->newer));
        claim_value_put_text(&w->value, p->newer);
        if (presence_put_value(&p->output, PRESENCE_STATE_OFFLINE, "", request) < 0)
                return;
        p->shown_known = false;
        p->way = TAKE(request);
}

/* Ours repeats words that somebody has replaced meanwhile, and would show them again with the next poll: in a call, or
 * since an earlier run has written them. */
static bool is_copy_old(const struct presence *p) {
        return p->claim.owed && !p->claim.text_claimed && !p->said_elsewhere && !p->way && !p->words_sent &&
               p->own_words[0] && (p->newer[0] || are_others_shown(p));
}

static void renew_copy(struct presence *p) {
        SCOPED(output_request_free) struct output_request *request = NULL;

        if (!is_copy_old(p) || output_request_new(&request, &p->output, translate_way, on_way_given, p) < 0)
                return;
        if (are_others_shown(p))
                memcpy(p->newer, p->shown.text, sizeof(p->newer));
        if (presence_put_value(&p->output, p->claim.phase == CLAIM_HELD ? p->written : PRESENCE_STATE_OFFLINE,
                               p->newer, request) < 0)
                return;
        p->shown_known = false;
        p->way = TAKE(request);
}

bool presence_words_occupied(const struct output *o) {
        return presence_of_const(o)->way != NULL;
}

void presence_words_seen(struct presence *p) {
        p->looked = true;
        if (!p->own_words[0] && p->shown.text[0])
                p->newer[0] = '\0';
        give_way(p);
        renew_copy(p);
}

/* Nothing is on its way there or back, but for a last write of a claim that has given way. */
static bool is_in_call(const struct presence *p) {
        return p->claim.phase == CLAIM_HELD || p->claim.phase == CLAIM_YIELDED;
}

void presence_words_looked(struct presence *p, const struct matrix_reply *reply) {
        if (has_told(reply)) {
                p->unlooked_since = 0;
                backoff_reset(&p->retry);
                return;
        }
        p->retry_after = backoff_next(&p->retry, BACKOFF_WHOLE);
        p->retry_look_at = usec_add(reply->now, p->retry_after);
        if (p->unlooked_since == 0)
                p->unlooked_since = reply->now;
}

usec_t presence_words_awaited_until(const struct output *o) {
        const struct presence *p = presence_of_const(o);

        return p->awaited && p->unlooked_since > 0 && !p->look ? p->retry_look_at : USEC_NEVER;
}

/* What somebody has written since would be gone with the next poll: it is read before, also where an earlier run has
 * left a claim. One that is on its way there or back looks by itself, and must not wait for the end of what its poll
 * takes away; in a call many polls in a row are looked before once. A look that fails is tried again, but not in a
 * call, whose end polls tell. */
bool presence_words_awaited(struct output *o, usec_t now) {
        struct presence *p = presence_of(o);
        bool held = is_in_call(p) && (p->awaited || now >= p->look_again_at);
        bool left = has_words(p) && (!p->claim.owed || held);
        bool wanted = presence_server(o)->message_per_device && (left || (p->claim.owed && !p->looked));
        bool again =
                wanted && !p->claim.owed && p->unlooked_since > 0 && now < usec_add(p->unlooked_since, LOOK_PATIENCE);

        if (wanted && !p->way && (again ? now >= p->retry_look_at : !p->awaited)) {
                presence_look(p);
                p->look_again_at = usec_add(now, LOOK_EVERY);
                p->retry_look_at = usec_add(now, p->retry_after);
        }
        p->awaited = (wanted && (p->look || again)) || p->way;
        return p->awaited;
}
