/* The claim machine. Facts are recorded in struct claim; claim_decide() reads all of them and names the next step,
 * so that a lost reply, a restart or a person's change needs no path of its own.
 *
 * The way there:   1 read (unless the value is known)   2 journal   3 write   4 see it   5 held
 * The way back:    6 read (unless known)   7 compare, write what gives back   8 see it   9 cure   10 forget
 * Ends on the way: 11 foreign: taken before us   12 yielded: a person changed it   13 refused   14 no effect
 *                  15 stuck: given back, and another session keeps it
 * Doubt:           16 another client may have written: read   17 it released its own claim: ours again
 * Another machine: 18 its value is no prior and nobody's word   19 it goes on: give back only what it does not claim
 *                  20 it is done: see that all of it was given back */
#include "core/claim-others.h"

#define RETRY_FIRST (5 * USEC_PER_SEC)
#define RETRY_CAP   (5 * USEC_PER_MIN)

void claim_init(struct claim *c, const struct claim_traits *traits) {
        *c = (struct claim){
                .traits = *traits,
                .backoff = { .first = RETRY_FIRST, .cap = RETRY_CAP },
        };
}

void claim_set_traits(struct claim *c, const struct claim_traits *traits) {
        c->traits = *traits;
}

/* ---- what a value tells ---- */

/* The newest of what is owed for. */
static const struct claim_value *goal_of(const struct claim *c) {
        return &c->debt.ours[c->debt.n_ours - 1];
}

/* An aggregate shows the highest state of all devices: only `taken` is sure to be seen, and anything lower is there
 * as long as the user is not withdrawn altogether. One value is the last writer's, who may be another machine. */
static bool state_stands(const struct claim *c, const char *state) {
        const char *ours = goal_of(c)->state;

        if (!c->debt.state_claimed || streq(state, ours))
                return true;
        if (!c->traits.per_device)
                return claim_other_has_state(c, state);
        return !is_taken(c, ours) && !streq(state, c->traits.withdrawn);
}

static bool text_stands(const struct claim *c, const char *text) {
        return !c->debt.text_claimed || streq(text, goal_of(c)->text) || claim_other_has_text(c, text);
}

static bool stands(const struct claim *c, const struct claim_value *v) {
        return text_stands(c, v->text) && state_stands(c, v->state);
}

static bool text_remains(const struct claim *c, const struct claim_value *v) {
        if (!c->debt.text_claimed || claim_text_goes_on(c))
                return false;
        return claim_text_is_ours(c, v->text) && !streq(v->text, c->sent.text);
}

static bool state_remains(const struct claim *c, const struct claim_value *v) {
        if (!c->debt.state_claimed || claim_state_goes_on(c) || claim_may_be_others(c))
                return false;
        if (!is_taken(c, v->state) || !claim_state_is_ours(c, v->state) || streq(v->state, c->sent.state))
                return false;
        /* With one value per user, a person who has written since has chosen this state. */
        return c->traits.per_device || !c->traits.person_writes_whole || claim_text_is_ours(c, v->text) ||
               streq(v->text, c->sent.text);
}

static bool is_given_back(const struct claim *c, const struct claim_value *v) {
        return !text_remains(c, v) && !state_remains(c, v);
}

static bool is_leaving(const struct claim *c) {
        return c->owed && (!c->wanted || c->left || c->must_leave);
}

/* ---- composing values ---- */

static struct claim_value compose_ours(const struct claim *c) {
        struct claim_value v = c->want.value;

        if (!c->want.state_claimed)
                set_state(&v, c->traits.per_device ? c->traits.withdrawn : c->seen.state);
        if (!c->want.text_claimed)
                set_text(&v, c->seen.text);
        return v;
}

/* Our own words there without a journal entry: an earlier run lost it, or another machine has yet to tell of them. */
static bool seen_is_lost_claim(const struct claim *c) {
        return c->want.text_claimed && c->want.value.text[0] && streq(c->seen.text, c->want.value.text);
}

/* Somebody put other words there than ours. `prior_too`: what was there before us is no sign of a person, since our
 * write may not have landed. */
static bool is_persons(const struct claim *c, const struct claim_value *v, bool prior_too) {
        struct claim_value prior = claim_prior(c);

        if (c->traits.text_tells_person)
                return !claim_text_is_ours(c, v->text) &&
                       !((prior_too || !c->debt.text_claimed) && streq(v->text, prior.text));
        return !claim_state_is_ours(c, v->state) &&
               !((prior_too || !c->debt.state_claimed) && streq(v->state, prior.state));
}

/* Only what is still ours goes back to what it was. */
static struct claim_value compose_given_back(const struct claim *c) {
        const struct claim_owed *d = &c->debt;
        struct claim_value v = c->seen, prior = claim_prior(c);

        if (c->traits.per_device)
                set_state(&v, c->traits.withdrawn);
        else if (c->traits.person_writes_whole && is_persons(c, &v, /* prior_too= */ false))
                return v;
        else if (d->state_claimed && !claim_state_goes_on(c) && claim_state_is_ours(c, v.state))
                set_state(&v, prior.state);
        if (d->text_claimed && !claim_text_goes_on(c) && claim_text_is_ours(c, v.text))
                set_text(&v, prior.text);
        return v;
}

/* ---- facts ---- */

static void back_off(struct claim *c, usec_t now, uint32_t random) {
        /* By the next try what was read is old. */
        if (!c->live)
                c->known = false;
        c->retry_asked = false;
        c->retry_at = usec_add(now, backoff_next(&c->backoff, random));
}

void claim_resume(struct claim *c, const struct claim_owed *owed) {
        c->debt = *owed;
        c->owed = c->on_disk = c->maybe_written = true;
}

void claim_set_want(struct claim *c, const struct claim_want *want) {
        /* While nobody tells of changes, what was read for the last step says nothing about now. */
        if (!c->live && c->wanted != (want != NULL))
                c->known = false;
        if (!want) {
                if (c->wanted && c->owed && c->verdict != CLAIM_FREE)
                        c->must_leave = true;
                if (!c->owed && c->verdict != CLAIM_STUCK)
                        c->verdict = CLAIM_FREE;
                c->wanted = c->asked = c->asking = c->released = false;
                return;
        }
        /* Something less than what was refused may still be taken. */
        bool other = c->verdict == CLAIM_REFUSED && !claim_value_equal(&want->value, &c->want.value);

        if (other || (!c->wanted && !c->must_leave))
                c->verdict = CLAIM_FREE;
        if (c->shared && !c->must_leave)
                c->shared = c->left = c->confirmed = c->acked = c->verified = c->withdrawn = false;
        /* Wanted again before it was given back: nobody has watched it meanwhile. */
        if (!c->wanted && c->owed && !c->live) {
                c->asked = c->released = true;
                c->ask_at = 0;
        }
        c->wanted = true;
        c->want = *want;
}

void claim_on_seen(struct claim *c, const struct claim_value *v, usec_t now) {
        c->seen = *v;
        c->ever_seen = true;
        c->known = c->live = true;
        if (c->verdict == CLAIM_STUCK && !c->owed && !is_taken(c, v->state))
                c->verdict = CLAIM_FREE;
        if (c->in_flight == CLAIM_WRITE || c->in_flight == CLAIM_CURE) {
                c->echoed = c->sent_back ? is_given_back(c, v) : stands(c, v);
                /* It may be from before our write or from after it. */
                c->known = false;
                c->doubt = !c->echoed;
                return;
        }
        if (!c->owed || !c->maybe_written) {
                /* Our words, and nothing owed: older than our last leave, or lost by an earlier run. */
                c->known = !seen_is_lost_claim(c);
                return;
        }

        /* What does not fit may be older than our write: not known until it was read. */
        if (c->left) {
                c->known = is_given_back(c, v);
                c->confirmed = c->confirmed || c->known;
        } else if (c->acked) {
                bool fits = stands(c, v);

                c->doubt = c->verified && !fits;
                c->verified = c->verified || fits;
                c->known = fits;
        }
}

void claim_on_unsure(struct claim *c) {
        c->live = false;
        c->known = false;
}

void claim_on_erased(struct claim *c) {
        if (!c->acked || is_leaving(c))
                return;
        c->acked = c->verified = false;
        c->known = false;
}

/* What was there before us, or, of what others could not take away, ours. */
static bool is_back_at_prior(const struct claim *c, const struct claim_value *v) {
        struct claim_value prior = claim_prior(c);

        return (streq(v->text, prior.text) || text_stands(c, v->text)) &&
               (streq(v->state, prior.state) || state_stands(c, v->state));
}

void claim_on_doubt(struct claim *c, bool released, usec_t now) {
        bool just_lost =
                c->lost_at > 0 && now < usec_add(c->lost_at, CLAIM_ASK_AFTER) && is_back_at_prior(c, &c->judged);

        if (!c->wanted || (!c->owed && c->verdict != CLAIM_FOREIGN))
                return;
        /* Read between the release and the word of it. */
        if (released && just_lost)
                c->verdict = CLAIM_FOREIGN;
        c->asked = true;
        c->released = c->released || released;
        c->ask_at = usec_add(now, CLAIM_ASK_AFTER);
}

/* What was taken for somebody else's word or claim may be explained by now; what is not may have ended. */
static bool may_begin_again(const struct claim *c) {
        if (!c->wanted || c->must_leave || (c->verdict != CLAIM_FOREIGN && c->verdict != CLAIM_YIELDED))
                return false;
        return !c->owed ||
               (claim_is_others(c, &c->judged) && (claim_is_others(c, &c->seen) || is_back_at_prior(c, &c->seen)));
}

void claim_on_others(struct claim *c, const struct claim_other *others, size_t n, usec_t now) {
        c->others = others;
        c->n_others = n;
        if (c->owed && claim_learn_prior(c))
                c->on_disk = false;
        if (may_begin_again(c)) {
                c->verdict = CLAIM_FOREIGN;
                c->asked = c->released = true;
                c->ask_at = now;
        } else
                claim_on_doubt(c, claim_is_any_over(c), now);
        if (c->shared && !claim_goes_on(c))
                c->ask_at = claim_is_other_to_give_back(c) ? usec_add(now, CLAIM_ASK_AFTER) : now;
}

/* Where a write replaces state and text together, other words than ours leave nothing of ours. */
static bool is_overwritten(const struct claim *c) {
        return c->traits.person_writes_whole && c->debt.text_claimed && !claim_text_is_ours(c, c->seen.text);
}

/* With one value per user, a state that is not ours is what would be there without us by now, and so what is owed
 * back. */
static void renew_prior(struct claim *c) {
        struct claim_value prior = claim_prior(c);
        bool words = is_overwritten(c), state = words || !claim_state_is_ours(c, c->seen.state);

        if (c->traits.per_device)
                return;
        if (words)
                set_text(&prior, c->seen.text);
        if (state)
                set_state(&prior, c->seen.state);
        if ((!words && !state) || claim_value_equal(&prior, &c->debt.prior))
                return;
        c->debt.prior = prior;
        c->on_disk = false;
}

/* Cases 11 and 12. Where the state alone tells, one that is taken is the claim of somebody else, who may release it.
 */
static void stop_for(struct claim *c, const struct claim_value *v) {
        c->verdict = !c->traits.text_tells_person && is_taken(c, v->state) ? CLAIM_FOREIGN : CLAIM_YIELDED;
        c->judged = *v;
}

static void stop_for_claim_of_another(struct claim *c) {
        c->verdict = CLAIM_FOREIGN;
        c->judged = c->seen;
}

/* Cases 4, 12, 14 and 17: what a read says about a value of ours that the server has acknowledged. */
static void judge_held(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        struct claim_value prior = claim_prior(c);
        bool was_prior = claim_value_equal(v, &prior);
        bool ignored = !c->verified && !c->traits.person_writes_whole && was_prior;
        /* Another client may have overwritten it at once; hardly time after time. */
        bool hopeless = !c->verified && was_prior && c->backoff.failures + 1 >= CLAIM_LEAVE_TRIES_MAX;

        if (stands(c, v)) {
                c->verified = true;
                backoff_reset(&c->backoff);
        } else if (c->released && is_back_at_prior(c, v))
                c->acked = c->verified = false;
        else if (ignored || hopeless || (!c->verified && c->debt.text_claimed && streq(v->text, prior.text)))
                c->verdict = CLAIM_NO_EFFECT;
        else if (is_persons(c, v, /* prior_too= */ false))
                stop_for(c, v);
        else {
                /* Our words, another state: the server's doing. */
                c->acked = c->verified = false;
                back_off(c, now, random);
        }
        c->lost_at = c->verdict != CLAIM_FREE ? now : 0;
        c->judged = *v;
}

/* A person who has written meanwhile may have chosen busy on another device: that is not ours to cure. */
static bool may_cure(const struct claim *c, const struct claim_value *v) {
        if (!c->traits.curable || c->verdict == CLAIM_YIELDED || c->cures >= CLAIM_CURES_MAX)
                return false;
        return streq(v->text, c->sent.text) && (!c->debt.text_claimed || streq(c->sent.text, claim_prior(c).text));
}

/* Cases 8, 9 and 15. */
static void judge_left(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        bool caught = state_remains(c, v) && !text_remains(c, v) && c->traits.sticky;

        if (is_given_back(c, v)) {
                c->confirmed = true;
                return;
        }
        if (caught && may_cure(c, v))
                return;
        c->leave_tries++;
        if (caught || (!text_remains(c, v) && c->leave_tries >= CLAIM_LEAVE_TRIES_MAX)) {
                c->confirmed = true;
                c->verdict = CLAIM_STUCK;
                return;
        }
        c->left = false;
        back_off(c, now, random);
}

void claim_on_read(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        c->in_flight = CLAIM_NOTHING;
        c->seen = *v;
        c->ever_seen = true;
        c->known = true;
        c->doubt = false;
        if (c->owed && c->left)
                judge_left(c, v, now, random);
        else if (c->owed && c->acked && c->verdict == CLAIM_FREE && !is_leaving(c))
                judge_held(c, v, now, random);
        if (c->asking && !c->asked)
                c->released = false;
        c->asking = false;
}

void claim_on_journalled(struct claim *c) {
        c->in_flight = CLAIM_NOTHING;
        c->on_disk = true;
        backoff_reset(&c->backoff);
}

void claim_on_written(struct claim *c, usec_t now) {
        if (c->in_flight == CLAIM_CURE)
                c->cures++;
        c->in_flight = CLAIM_NOTHING;
        c->unsure = false;
        c->known = c->echoed;
        c->written_at = now;
        c->verify_at = usec_add(now, CLAIM_VERIFY_AFTER);
        if (c->sent_back) {
                c->left = true;
                c->confirmed = c->echoed;
        } else {
                c->acked = c->maybe_written = true;
                c->verified = c->echoed;
        }
        c->doubt = false;
}

void claim_on_forgotten(struct claim *c) {
        c->in_flight = CLAIM_NOTHING;
        c->owed = c->on_disk = c->maybe_written = c->unsure = false;
        c->acked = c->verified = c->left = c->confirmed = c->must_leave = c->doubt = false;
        c->shared = c->withdrawn = false;
        c->leave_tries = c->cures = 0;
        backoff_reset(&c->backoff);
        if (c->wanted || c->verdict != CLAIM_STUCK || (c->known && !is_taken(c, c->seen.state)))
                c->verdict = CLAIM_FREE;
}

/* The last write certainly had no effect: it does not count. */
static void unspend_write(struct claim *c) {
        memmove(c->writes + 1, c->writes, sizeof(c->writes) - sizeof(c->writes[0]));
        c->writes[0] = 0;
}

/* The last write may have landed, or may still land. */
static void doubt_write(struct claim *c) {
        c->known = false;
        c->unsure = true;
        c->acked = c->verified = c->left = false;
        c->maybe_written = true;
}

static void take_refusal(struct claim *c, enum claim_step step, usec_t now, uint32_t random) {
        bool entering = c->wanted && !is_leaving(c);

        if (step == CLAIM_CURE) {
                /* What cures is not allowed here: as if there were none. */
                c->cures = CLAIM_CURES_MAX;
                c->verify_at = now;
                c->known = false;
        } else if (entering && (step == CLAIM_WRITE || (step == CLAIM_READ && !c->owed)))
                c->verdict = CLAIM_REFUSED;
        else
                back_off(c, now, random);
}

void claim_on_failure(struct claim *c, enum claim_failure f, usec_t retry_at, usec_t now, uint32_t random) {
        enum claim_step step = c->in_flight;

        c->in_flight = CLAIM_NOTHING;
        c->asked = c->asked || c->asking;
        c->asking = false;
        switch (f) {
        case CLAIM_FAILED_SIGNED_OUT:
                c->signed_out = true;
                return;
        case CLAIM_FAILED_REFUSED:
                take_refusal(c, step, now, random);
                return;
        case CLAIM_FAILED_UNSURE:
                if (step == CLAIM_WRITE || step == CLAIM_CURE)
                        doubt_write(c);
                break;
        case CLAIM_FAILED_NOT_APPLIED:
                if (step == CLAIM_WRITE || step == CLAIM_CURE)
                        unspend_write(c);
                break;
        }
        back_off(c, now, random);
        if (retry_at != USEC_NEVER) {
                c->retry_asked = true;
                c->retry_at = retry_at;
        }
}

void claim_on_reconnected(struct claim *c) {
        if (!c->retry_asked)
                c->retry_at = 0;
}

void claim_on_signed_in(struct claim *c) {
        c->signed_out = false;
        c->known = false;
        c->retry_at = 0;
        if (!is_leaving(c))
                c->acked = c->verified = false;
}

/* ---- decisions ---- */

static struct claim_request wait_until(usec_t at) {
        return (struct claim_request){ .step = CLAIM_NOTHING, .wake_at = at };
}

static struct claim_request take_step(struct claim *c, enum claim_step step) {
        c->in_flight = step;
        return (struct claim_request){ .step = step, .wake_at = USEC_NEVER };
}

/* When the limit allows a write. Giving back may use the last one of the minute, entering must leave it one. */
static usec_t may_write_at(const struct claim *c, bool back) {
        usec_t used = c->writes[back ? 0 : 1];

        return used > 0 ? usec_add(used, USEC_PER_MIN) : 0;
}

static struct claim_request write_step(struct claim *c, const struct claim_value *v, bool back, usec_t now) {
        struct claim_request r;

        if (now < may_write_at(c, back))
                return wait_until(may_write_at(c, back));

        memmove(c->writes, c->writes + 1, sizeof(c->writes) - sizeof(c->writes[0]));
        c->writes[CLAIM_WRITES_PER_MINUTE_MAX - 1] = now;
        c->sent = *v;
        c->sent_back = back;
        c->echoed = false;
        r = take_step(c, CLAIM_WRITE);
        r.value = *v;
        return r;
}

/* Once or twice for each leave, and so as seldom as those: the user has waited long enough. */
static struct claim_request cure_step(struct claim *c) {
        struct claim_request r = take_step(c, CLAIM_CURE);

        c->echoed = false;
        r.value = c->sent;
        return r;
}

static void begin_debt(struct claim *c, usec_t now) {
        unsigned order = 0;

        for (size_t i = 0; i < c->n_others; i++)
                order = c->others[i].owed.order > order ? c->others[i].owed.order : order;
        c->debt = (struct claim_owed){
                .prior = c->seen,
                .ours = { compose_ours(c) },
                .n_ours = 1,
                .order = order < CLAIM_ORDER_MAX ? order + 1 : 1,
                .state_claimed = c->want.state_claimed,
                .text_claimed = c->want.text_claimed,
        };
        c->begun_at = now;
        c->owed = true;
        c->on_disk = false;
}

/* What is wanted now may differ from what is owed for. Both may stand on the server until the new one is
 * acknowledged; a third has to wait. */
static void renew_goal(struct claim *c) {
        struct claim_owed *d = &c->debt;
        struct claim_value goal = *goal_of(c);

        if (c->want.state_claimed)
                set_state(&goal, c->want.value.state);
        if (c->want.text_claimed)
                set_text(&goal, c->want.value.text);
        if (claim_value_equal(&goal, goal_of(c)) || (d->n_ours == 2 && !c->acked))
                return;
        if (d->n_ours == 2)
                d->ours[0] = d->ours[1];
        d->ours[1] = goal;
        d->n_ours = 2;
        d->state_claimed = d->state_claimed || c->want.state_claimed;
        d->text_claimed = d->text_claimed || c->want.text_claimed;
        c->on_disk = c->acked = c->verified = false;
}

/* Before the first write: what stands there, is it free, is it on disk. Returns false if `ret` is the step. */
static bool prepare(struct claim *c, usec_t now, struct claim_request *ret) {
        if (!c->known) {
                *ret = take_step(c, CLAIM_READ);
                return false;
        }
        if (is_taken(c, c->seen.state) && !seen_is_lost_claim(c) && !claim_is_others(c, &c->seen)) {
                stop_for_claim_of_another(c);
                *ret = wait_until(USEC_NEVER);
                return false;
        }
        if (!c->owed || !claim_value_equal(&c->seen, &c->debt.prior))
                begin_debt(c, now);
        return true;
}

/* Case 16. */
static struct claim_request ask_step(struct claim *c) {
        c->asked = false;
        c->asking = true;
        return take_step(c, CLAIM_READ);
}

static struct claim_request hold_step(struct claim *c, usec_t now) {
        bool doubt = c->doubt || (c->known && !stands(c, &c->seen));
        usec_t ask_at = c->asked ? c->ask_at : USEC_NEVER, refresh_at;

        if (now >= ask_at)
                return ask_step(c);
        if (!c->verified && !doubt && now < c->verify_at)
                return wait_until(usec_min(c->verify_at, ask_at));
        if (!c->verified || doubt)
                return take_step(c, CLAIM_READ);
        refresh_at = usec_add(c->written_at, c->traits.refresh_interval);
        if (now >= refresh_at)
                return write_step(c, goal_of(c), /* back= */ false, now);
        return wait_until(usec_min(refresh_at, ask_at));
}

/* Case 17, for a claim that has not begun or was ended by somebody else's: begin again. False: `ret` is the step. */
static bool begin_again(struct claim *c, usec_t now, struct claim_request *ret) {
        bool released = c->verdict == CLAIM_FOREIGN && c->asked && c->released;

        *ret = wait_until(released ? c->ask_at : USEC_NEVER);
        if (!released || now < c->ask_at)
                return false;
        c->verdict = CLAIM_FREE;
        c->asked = c->released = false;
        c->known = c->acked = c->verified = false;
        return true;
}

static struct claim_request enter_step(struct claim *c, usec_t now) {
        struct claim_request r;

        if (c->verdict != CLAIM_FREE && !begin_again(c, now, &r))
                return r;
        /* Before the read, so that what is read is what is written over. */
        if (!c->acked && now < may_write_at(c, /* back= */ false))
                return wait_until(may_write_at(c, /* back= */ false));
        if (!c->maybe_written) {
                if (!prepare(c, now, &r))
                        return r;
        } else if (!c->acked) {
                if (!c->known)
                        return take_step(c, CLAIM_READ);
                if (is_persons(c, &c->seen, /* prior_too= */ true)) {
                        stop_for(c, &c->seen);
                        return wait_until(USEC_NEVER);
                }
                if (is_overwritten(c) && is_taken(c, c->seen.state)) {
                        stop_for_claim_of_another(c);
                        return wait_until(USEC_NEVER);
                }
                renew_prior(c);
        }
        renew_goal(c);
        if (!c->on_disk)
                return take_step(c, CLAIM_JOURNAL);
        if (c->acked)
                return hold_step(c, now);
        return write_step(c, goal_of(c), /* back= */ false, now);
}

/* Case 20. */
static void look_again(struct claim *c) {
        c->withdrawn = c->left && c->traits.per_device;
        c->shared = c->left = c->confirmed = c->known = false;
        c->leave_tries = 0;
}

/* Case 19: what another machine goes on to claim, or did so far, is still there in what was given back. */
static bool is_kept_back(const struct claim *c, const struct claim_value *v) {
        const struct claim_owed *d = &c->debt;
        struct claim_value prior = claim_prior(c);

        if (d->text_claimed && claim_text_is_ours(c, v->text))
                return !streq(v->text, prior.text);
        if (c->traits.per_device || (c->traits.person_writes_whole && d->text_claimed))
                return false;
        return d->state_claimed && claim_state_is_ours(c, v->state) && !streq(v->state, prior.state);
}

static struct claim_request finish_step(struct claim *c, const struct claim_value *v, usec_t now) {
        if (!is_kept_back(c, v) || (c->verdict == CLAIM_STUCK && !c->traits.per_device))
                return take_step(c, CLAIM_FORGET);
        if (!claim_goes_on(c) && !claim_is_other_to_give_back(c)) {
                look_again(c);
                return take_step(c, CLAIM_READ);
        }
        c->shared = true;
        c->ask_at = usec_add(now, CLAIM_ASK_AFTER);
        return wait_until(claim_goes_on(c) ? USEC_NEVER : c->ask_at);
}

/* Without a write. Of an aggregate the own part is not seen. */
static bool stands_given_back(const struct claim *c, const struct claim_value *v) {
        if (!c->traits.per_device)
                return claim_value_equal(v, &c->seen);
        return c->withdrawn && streq(v->text, c->seen.text) && !state_remains(c, &c->seen);
}

static struct claim_request leave_step(struct claim *c, usec_t now) {
        struct claim_value v;

        if (!c->maybe_written)
                return take_step(c, CLAIM_FORGET);
        if (c->shared && (claim_goes_on(c) || now < c->ask_at))
                return wait_until(claim_goes_on(c) ? USEC_NEVER : c->ask_at);
        if (c->shared)
                look_again(c);
        if (c->left && c->confirmed)
                return finish_step(c, &c->sent, now);
        if (c->left) {
                if (now < c->verify_at)
                        return wait_until(c->verify_at);
                if (c->known && !is_given_back(c, &c->seen))
                        return cure_step(c);
                return take_step(c, CLAIM_READ);
        }
        if (now < may_write_at(c, /* back= */ true))
                return wait_until(may_write_at(c, /* back= */ true));
        /* They are another machine's that has just begun, or an earlier run's: who knows has told by then. */
        if (now < usec_add(c->begun_at, CLAIM_ASK_AFTER) && !claim_find_prior(c, &v))
                return wait_until(usec_add(c->begun_at, CLAIM_ASK_AFTER));
        if (!c->known || c->doubt)
                return take_step(c, CLAIM_READ);
        v = compose_given_back(c);
        if ((!c->unsure || claim_goes_on(c)) && stands_given_back(c, &v))
                return finish_step(c, &v, now);
        return write_step(c, &v, /* back= */ true, now);
}

struct claim_request claim_decide(struct claim *c, usec_t now) {
        if (c->in_flight != CLAIM_NOTHING || c->signed_out)
                return wait_until(USEC_NEVER);
        if (now < c->retry_at)
                return wait_until(c->retry_at);
        if (is_leaving(c))
                return leave_step(c, now);
        return c->wanted ? enter_step(c, now) : wait_until(USEC_NEVER);
}

enum claim_phase claim_phase(const struct claim *c) {
        if (is_leaving(c))
                return c->shared ? CLAIM_SHARED : CLAIM_LEAVING;
        if (c->verdict != CLAIM_FREE)
                return c->verdict;
        if (!c->wanted)
                return CLAIM_FREE;
        return c->acked && c->verified ? CLAIM_HELD : CLAIM_ENTERING;
}

const struct claim_owed *claim_owed(const struct claim *c) {
        return c->owed ? &c->debt : NULL;
}

bool claim_tell_others(const struct claim *c, struct claim_other *ret) {
        bool changed = c->verdict == CLAIM_YIELDED || c->verdict == CLAIM_NO_EFFECT;

        if (!c->owed || !c->on_disk)
                return false;
        *ret = (struct claim_other){ .owed = c->debt };
        claim_tell_prior(c, &ret->owed);
        /* On a device of its own the state stands, whatever became of the message. */
        ret->text_lost = changed && c->traits.per_device;
        ret->waits = c->shared;
        ret->live = !is_leaving(c) && (c->verdict == CLAIM_FREE || ret->text_lost);
        return true;
}

bool claim_is_standing(const struct claim *c) {
        return c->owed && c->maybe_written && c->verdict == CLAIM_FREE && !is_leaving(c);
}

const struct claim_value *claim_written(const struct claim *c) {
        if (c->acked || c->left)
                return &c->sent;
        return c->maybe_written ? goal_of(c) : NULL;
}

const struct claim_value *claim_shown(const struct claim *c) {
        return c->ever_seen ? &c->seen : NULL;
}
