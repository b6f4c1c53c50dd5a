/* The claim machine. Facts are recorded in struct claim; claim_decide() reads them and names the next step, so that a
 * lost reply, a restart or a person's change needs no path of its own. Phases change in enter_phase() alone.
 *
 *   phase       knows                              is left to
 *   free        when to look for a lost write      entering: wanted
 *               that may still land                leaving: such a write has landed
 *   entering    whether our value was acknow-      held: acknowledged and seen
 *               ledged, and seen before            foreign: taken before us; yielded: a person's words are there
 *                                                  refused; no-effect: acknowledged, and what was there still is
 *                                                  free, leaving: not wanted any more
 *   held        since when, what is in doubt       entering: something else is wanted, or the server dropped it
 *                                                  foreign, yielded: a read shows somebody else's value
 *                                                  refused: a refresh was; leaving: not wanted any more
 *   yielded     what was found there instead       leaving, free: not wanted any more
 *   foreign                                        entering: the other one has released it
 *   refused                                        entering: something else is wanted
 *   no-effect
 *   leaving     how far giving back has come       free: given back and crossed out; stuck: so, and another session
 *                                                  holds it; entering: wanted again, and nothing was given back yet,
 *                                                  or all was; shared: another machine goes on
 *   shared      the same; another machine of the   leaving: that one is done; entering: wanted again
 *               user goes on with the rest
 *   stuck       nothing                            free: released; entering: wanted, and back to stuck if it was
 *                                                  foreign then
 *
 * A debt is begun, and journalled, before the first write of entering, and is owed until leaving has been crossed out:
 * in free and stuck there is none. */
#include "core/claim.h"

/* A lost write that is seen later than all that is explained: still ours for this long, as nobody else has our words.
 */
#define LANDED_KNOWN_FOR (10 * USEC_PER_MIN)

void claim_init(struct claim *c, const struct claim_traits *traits) {
        *c = (struct claim){ .traits = *traits };
        claim_limits_init(&c->limits);
}

void claim_done(struct claim *c) {
        claim_others_done(&c->others);
}

void claim_set_traits(struct claim *c, const struct claim_traits *traits) {
        c->traits = *traits;
}

/* ---- phases ---- */

static bool is_way_back(enum claim_phase p) {
        return p == CLAIM_LEAVING || p == CLAIM_SHARED;
}

static bool is_stopped(enum claim_phase p) {
        return p == CLAIM_YIELDED || p == CLAIM_FOREIGN || p == CLAIM_REFUSED || p == CLAIM_NO_EFFECT;
}

static bool have_same_data(enum claim_phase a, enum claim_phase b) {
        return a == b || (is_way_back(a) && is_way_back(b)) || (is_stopped(a) && is_stopped(b));
}

/* The one place where phases change. What the new phase does not own is cleared. */
static void enter_phase(struct claim *c, enum claim_phase phase) {
        if (!have_same_data(c->phase, phase))
                memset(&c->in, 0, sizeof(c->in));
        if (phase == CLAIM_FREE || phase == CLAIM_STUCK)
                c->debt = (struct claim_debt){ .is = c->debt.is,
                                               .lands_by = c->debt.lands_by,
                                               .restored_by = c->debt.restored_by };
        c->phase = phase;
}

/* What was acknowledged is what is wanted. */
static bool is_acked(const struct claim *c) {
        return c->in.entering.written_at > 0 && !c->in.entering.outdated;
}

static void start_entering(struct claim *c, usec_t written_at, bool landed) {
        enter_phase(c, CLAIM_ENTERING);
        c->in.entering = (struct claim_entering){ .written_at = written_at, .landed = landed };
}

/* ---- what a value tells ---- */

static bool is_taken(const struct claim *c, const char *state) {
        return c->traits.taken ? streq(state, c->traits.taken) : state[0] != '\0';
}

/* The newest of what is owed for. */
static const struct claim_value *goal_of(const struct claim *c) {
        return &c->debt.is.ours[c->debt.is.n_ours - 1];
}

/* What is owed for is what is wanted. */
static bool is_goal(const struct claim *c, const struct claim_want *w) {
        const struct claim_owed *d = &c->debt.is;

        if (w->state_claimed && (!d->state_claimed || !streq(w->value.state, goal_of(c)->state)))
                return false;
        return !w->text_claimed || (d->text_claimed && streq(w->value.text, goal_of(c)->text));
}

/* By this machine or another one of the user: no person's. */
static bool text_is_ours(const struct claim *c, const struct claim_value *v) {
        return claim_owed_has_text(&c->debt.is, v->text) || (claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

static bool state_is_ours(const struct claim *c, const struct claim_value *v) {
        return claim_owed_has_state(&c->debt.is, v->state) || (claim_others_wrote(&c->others, v) & CLAIM_STATE);
}

/* The parts of what is owed that another machine goes on to claim. */
static unsigned going_on(const struct claim *c) {
        unsigned parts = claim_others_now(&c->others).going_on;

        if (!c->debt.is.state_claimed)
                parts &= ~(unsigned) CLAIM_STATE;
        if (!c->debt.is.text_claimed)
                parts &= ~(unsigned) CLAIM_TEXT;
        return parts;
}

static bool is_others(const struct claim *c, const struct claim_value *v) {
        return claim_others_hold(&c->others, &c->debt.is, c->traits.per_device, v);
}

/* An aggregate shows the highest state of all devices: only `taken` is sure to be seen, and anything lower is there
 * as long as the user is not withdrawn altogether. One value is the last writer's, who may be another machine. */
static bool state_stands(const struct claim *c, const struct claim_value *v) {
        const char *ours = goal_of(c)->state;

        if (!c->debt.is.state_claimed || streq(v->state, ours))
                return true;
        if (!c->traits.per_device)
                return claim_others_wrote(&c->others, v) & CLAIM_STATE;
        return !is_taken(c, ours) && !streq(v->state, c->traits.withdrawn);
}

static bool text_stands(const struct claim *c, const struct claim_value *v) {
        return !c->debt.is.text_claimed || streq(v->text, goal_of(c)->text) ||
               (claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

static bool stands(const struct claim *c, const struct claim_value *v) {
        return text_stands(c, v) && state_stands(c, v);
}

static bool text_remains(const struct claim *c, const struct claim_value *v) {
        if (!c->debt.is.text_claimed || (going_on(c) & CLAIM_TEXT))
                return false;
        return text_is_ours(c, v) && !streq(v->text, c->in.leaving.back.text);
}

static bool state_remains(const struct claim *c, const struct claim_value *v) {
        const struct claim_value *back = &c->in.leaving.back;
        struct claim_others_now others = claim_others_now(&c->others);

        if (!c->debt.is.state_claimed || (going_on(c) & CLAIM_STATE) ||
            (c->traits.per_device && others.state_is_about))
                return false;
        if (!is_taken(c, v->state) || !state_is_ours(c, v) || streq(v->state, back->state))
                return false;
        /* With one value per user, a person who has written since has chosen this state. */
        return c->traits.per_device || !c->traits.person_writes_whole || text_is_ours(c, v) ||
               streq(v->text, back->text);
}

static bool is_given_back(const struct claim *c, const struct claim_value *v) {
        return !text_remains(c, v) && !state_remains(c, v);
}

/* Else a write of another machine, which repeats what it has read before ours, may come right after ours. */
static bool is_alone(const struct claim *c) {
        return !claim_others_now(&c->others).about;
}

/* Our own words there without a journal entry: an earlier run lost it, or another machine has yet to tell of them. */
static bool seen_is_lost_claim(const struct claim *c) {
        return c->want.text_claimed && c->want.value.text[0] && streq(c->view.is.text, c->want.value.text);
}

/* What stands there may have been put back by a write of ours that was lost. */
static bool may_be_restored(const struct claim *c, usec_t now) {
        return c->debt.restored_by > 0 && now < usec_add(c->debt.restored_by, CLAIM_ASK_AFTER);
}

/* What a lost write of an earlier claim puts there. */
static bool is_landed(const struct claim *c, const struct claim_value *v, usec_t now) {
        const struct claim_owed *d = &c->debt.is;

        if (c->debt.lands_by == 0 || now >= usec_add(c->debt.lands_by, LANDED_KNOWN_FOR))
                return false;
        return d->text_claimed ? claim_owed_has_text(d, v->text) : claim_owed_has_state(d, v->state);
}

/* The same, or a state of our device that stands behind words of somebody who has written since. */
static bool may_be_landed(const struct claim *c, const struct claim_value *v, usec_t now) {
        if (is_landed(c, v, now))
                return true;
        return c->traits.per_device && is_taken(c, v->state) && claim_owed_has_state(&c->debt.is, v->state) &&
               c->debt.lands_by > 0 && now < usec_add(c->debt.lands_by, CLAIM_ASK_AFTER);
}

/* What another machine found is what is owed back. False: words of ours were there, and nobody has told what was
 * before them. */
static bool find_prior(const struct claim *c, struct claim_value *ret) {
        *ret = c->debt.is.prior;
        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, ret);
        return !ret->text[0] || !text_is_ours(c, ret);
}

/* What a person wrote within the call is what would be there without us by now, if ours should ever show again. It may
 * turn out to be another machine's. */
static void take_persons_word(const struct claim *c, struct claim_value *v) {
        const struct claim_value *persons = &c->in.leaving.persons;

        if (!is_way_back(c->phase) || !c->in.leaving.yielded || !c->traits.text_tells_person ||
            (claim_others_wrote(&c->others, persons) & CLAIM_TEXT))
                return;
        if (c->debt.is.text_claimed)
                claim_value_put_text(v, persons->text);
        if (!c->traits.per_device && c->traits.person_writes_whole)
                claim_value_put_state(v, persons->state);
}

/* What was taken before us is not claimed, unless by ourselves: a state that is taken is never owed back. */
struct claim_value claim_prior(const struct claim *c) {
        struct claim_value v;

        if (!find_prior(c, &v))
                v.text[0] = '\0';
        take_persons_word(c, &v);
        if (is_taken(c, v.state))
                claim_value_put_state(&v, c->traits.withdrawn);
        return v;
}

/* Somebody put other words there than ours. `prior_too`: what was there before us is no sign of a person, since our
 * write may not have landed, or one that gave back may have. */
static bool is_persons(const struct claim *c, const struct claim_value *v, bool prior_too) {
        struct claim_value prior = claim_prior(c);

        if (c->traits.text_tells_person)
                return !text_is_ours(c, v) && !((prior_too || !c->debt.is.text_claimed) && streq(v->text, prior.text));
        return !state_is_ours(c, v) && !((prior_too || !c->debt.is.state_claimed) && streq(v->state, prior.state));
}

/* What was there before us, or, of what others could not take away, ours. */
static bool is_back_at_prior(const struct claim *c, const struct claim_value *v) {
        struct claim_value prior = claim_prior(c);

        return (streq(v->text, prior.text) || text_stands(c, v)) &&
               (streq(v->state, prior.state) || state_stands(c, v));
}

/* Where a write replaces state and text together, other words than ours leave nothing of ours. */
static bool is_overwritten(const struct claim *c) {
        return c->traits.person_writes_whole && c->debt.is.text_claimed && !text_is_ours(c, &c->view.is);
}

/* ---- composing values ---- */

/* A part that is not claimed is repeated as it is. */
static struct claim_value compose_ours(const struct claim *c) {
        struct claim_value v = c->want.value;

        if (!c->want.state_claimed)
                claim_value_put_state(&v, c->traits.per_device ? c->traits.withdrawn : c->view.is.state);
        if (!c->want.text_claimed)
                claim_value_put_text(&v, c->view.is.text);
        return v;
}

/* A write repeats the words that are there: not those of another machine that gives them back meanwhile, or has. */
static void drop_given_up_words(const struct claim *c, struct claim_value *v) {
        struct claim_value found = *v;

        if (claim_others_now(&c->others).going_on & CLAIM_TEXT)
                return;
        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, &found);
        claim_value_put_text(v, found.text);
}

/* What another machine says on its own device ours does not repeat. */
static bool is_on_another_device(const struct claim *c, const struct claim_value *v) {
        return c->traits.text_per_device && (claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

/* Half of what gave back has taken ours away, and nobody else's show any more. */
static bool are_words_away(const struct claim *c, const struct claim_value *v) {
        return c->traits.text_per_device && !v->text[0];
}

/* Only what is still ours in `seen` goes back to what it was, but for the parts that `others` go on to claim. Words
 * that we put back ourselves are no person's. */
static struct claim_value compose_given_back(const struct claim *c, const struct claim_value *seen, unsigned others) {
        const struct claim_owed *d = &c->debt.is;
        struct claim_value v = *seen, prior = claim_prior(c);

        if (c->traits.per_device)
                claim_value_put_state(&v, c->traits.withdrawn);
        else if (c->traits.person_writes_whole && is_persons(c, &v, /* prior_too= */ c->in.leaving.restored))
                return v;
        else if (d->state_claimed && !(others & CLAIM_STATE) && state_is_ours(c, &v))
                claim_value_put_state(&v, prior.state);
        if (d->text_claimed && !(others & CLAIM_TEXT) && (text_is_ours(c, &v) || are_words_away(c, &v)))
                claim_value_put_text(&v, prior.text);
        if (!d->text_claimed)
                drop_given_up_words(c, &v);
        if (is_on_another_device(c, &v))
                v.text[0] = '\0';
        return v;
}

/* ---- facts: what is wanted ---- */

void claim_resume(struct claim *c, const struct claim_owed *owed) {
        c->debt = (struct claim_debt){ .is = *owed,
                                       .owed = true,
                                       .on_disk = true,
                                       .written = true,
                                       .open = owed->unsure,
                                       .unsure_on_disk = owed->unsure,
                                       .resumed = true };
        enter_phase(c, CLAIM_LEAVING);
}

void claim_suspect(struct claim *c) {
        c->debt.suspected = true;
}

static bool same_want(const struct claim_want *a, const struct claim_want *b) {
        return a->state_claimed == b->state_claimed && a->text_claimed == b->text_claimed &&
               claim_value_equal(&a->value, &b->value);
}

static void stop_wanting(struct claim *c) {
        struct claim_leaving leaving = {
                .ours_at = c->phase == CLAIM_ENTERING                   ? c->in.entering.written_at
                           : c->phase == CLAIM_HELD && !c->in.held.lost ? c->in.held.written_at
                                                                        : 0,
                .outdated = c->phase == CLAIM_ENTERING && c->in.entering.outdated,
                .must_finish = is_stopped(c->phase),
                .yielded = c->phase == CLAIM_YIELDED,
        };

        if (leaving.yielded)
                leaving.persons = c->in.stopped.judged;
        c->wanted = false;
        c->inquiry = (struct claim_inquiry){};
        if (is_way_back(c->phase) || c->phase == CLAIM_STUCK)
                return;
        enter_phase(c, c->debt.owed ? CLAIM_LEAVING : c->caught ? CLAIM_STUCK : CLAIM_FREE);
        if (c->phase == CLAIM_LEAVING)
                c->in.leaving = leaving;
}

static bool is_writing(const struct claim *c) {
        return c->flight.step == CLAIM_WRITE || c->flight.step == CLAIM_CURE;
}

/* Wanted again on the way back: what was begun is finished first; before and after that there is a way there. */
static void turn_back(struct claim *c) {
        const struct claim_leaving *l = &c->in.leaving;
        bool giving_back = l->left_at > 0 || (is_writing(c) && c->flight.back), outdated;

        if (!c->wanted || !is_way_back(c->phase))
                return;
        if (l->must_finish || (c->phase == CLAIM_LEAVING && giving_back))
                return;
        /* Nobody has watched it meanwhile. */
        if (!c->view.live)
                c->inquiry = (struct claim_inquiry){ .due = true, .released = true };
        outdated = l->outdated;
        start_entering(c, c->phase == CLAIM_LEAVING ? l->ours_at : 0, /* landed= */ false);
        c->in.entering.outdated = outdated;
}

void claim_set_want(struct claim *c, const struct claim_want *want) {
        bool other = !want ? c->wanted : !c->wanted || !same_want(want, &c->want);

        if (!other)
                return;
        /* While nobody tells of changes, what was read for the last step says nothing about now. */
        if (!c->view.live)
                c->view.known = false;
        claim_limits_renew(&c->limits);
        if (!want) {
                stop_wanting(c);
                return;
        }
        c->wanted = true;
        c->want = *want;
        if (is_way_back(c->phase))
                turn_back(c);
        else if (c->phase == CLAIM_HELD && !is_goal(c, want))
                start_entering(c, c->in.held.written_at, /* landed= */ true);
        else if (c->phase == CLAIM_FREE || c->phase == CLAIM_STUCK)
                start_entering(c, 0, /* landed= */ false);
        else if (c->phase == CLAIM_REFUSED) {
                /* Something less than what was refused may still be taken. */
                start_entering(c, c->in.stopped.written_at, /* landed= */ false);
                c->in.entering.outdated = true;
        }
}

/* ---- facts: what the server shows ---- */

/* Our words, and nothing owed: older than our last leave, lost by an earlier run, or landed after all. */
static void see_unowed(struct claim *c, usec_t now) {
        c->view.known = !seen_is_lost_claim(c);
        if (c->phase == CLAIM_STUCK && !is_taken(c, c->view.is.state))
                enter_phase(c, CLAIM_FREE);
        if (c->phase == CLAIM_FREE && may_be_landed(c, &c->view.is, now))
                c->in.free = (struct claim_free){ .look_at = now };
}

/* Whoever had taken it has released it. */
static void see_released(struct claim *c, usec_t now) {
        if (c->phase == CLAIM_FOREIGN && !is_taken(c, c->view.is.state))
                c->inquiry = (struct claim_inquiry){ .due = true, .released = true, .at = now };
}

/* What does not fit may be older than our write: not known until it was read. */
static void see_owed(struct claim *c) {
        const struct claim_value *v = &c->view.is;

        switch (c->phase) {
        case CLAIM_ENTERING:
                if (c->in.entering.written_at == 0)
                        return;
                c->view.known = stands(c, v);
                if (c->view.known && is_acked(c)) {
                        usec_t written_at = c->in.entering.written_at;

                        enter_phase(c, CLAIM_HELD);
                        c->in.held.written_at = written_at;
                }
                return;
        case CLAIM_HELD:
                c->view.known = stands(c, v);
                c->in.held.doubt = !c->view.known;
                return;
        case CLAIM_LEAVING:
        case CLAIM_SHARED:
                if (c->in.leaving.left_at > 0) {
                        c->view.known = is_given_back(c, v);
                        c->in.leaving.confirmed = c->in.leaving.confirmed || (c->view.known && is_alone(c));
                } else if (c->in.leaving.ours_at > 0 || c->in.leaving.must_finish)
                        c->view.known = stands(c, v);
                return;
        case CLAIM_YIELDED:
                /* The last word counts. */
                if (c->traits.text_tells_person && !text_is_ours(c, v))
                        c->in.stopped.judged = *v;
                c->view.known = stands(c, v);
                return;
        case CLAIM_FOREIGN:
        case CLAIM_REFUSED:
        case CLAIM_NO_EFFECT:
                c->view.known = stands(c, v);
                return;
        case CLAIM_FREE:
        case CLAIM_STUCK:
                return;
        }
}

void claim_on_seen(struct claim *c, const struct claim_value *v, usec_t now) {
        c->view = (struct claim_view){ .is = *v, .ever = true, .known = true, .live = true, .at = now };
        c->caught = c->caught && is_taken(c, v->state);
        if (is_writing(c)) {
                c->flight.echoed = c->flight.back ? is_given_back(c, v) : stands(c, v);
                /* It may be from before our write or from after it. */
                c->view.known = false;
                if (c->phase == CLAIM_HELD)
                        c->in.held.doubt = !c->flight.echoed;
        } else if (!c->debt.owed || !c->debt.written)
                see_unowed(c, now);
        else
                see_owed(c);
        see_released(c, now);
}

void claim_on_unsure(struct claim *c) {
        c->view.live = false;
        c->view.known = false;
}

void claim_on_erased(struct claim *c) {
        if (c->phase == CLAIM_HELD)
                c->in.held.lost = true;
        else if (c->phase == CLAIM_ENTERING && c->in.entering.written_at > 0)
                c->in.entering.written_at = 0;
        else
                return;
        c->view.known = false;
}

void claim_on_doubt(struct claim *c, bool released, usec_t now) {
        const struct claim_stopped *s = &c->in.stopped;

        if (!c->wanted || (!c->debt.owed && c->phase != CLAIM_FOREIGN))
                return;
        /* Read between the release and the word of it. */
        if (released && is_stopped(c->phase) && s->lost_at > 0 && now < usec_add(s->lost_at, CLAIM_ASK_AFTER) &&
            is_back_at_prior(c, &s->judged))
                enter_phase(c, CLAIM_FOREIGN);
        c->inquiry.due = true;
        c->inquiry.released = c->inquiry.released || released;
        c->inquiry.at = usec_add(now, CLAIM_ASK_AFTER);
}

/* What was taken for somebody else's word or claim may be explained by now; what is not may have ended. */
static bool may_begin_again(const struct claim *c) {
        if (c->phase != CLAIM_FOREIGN && c->phase != CLAIM_YIELDED)
                return false;
        return !c->debt.owed || (is_others(c, &c->in.stopped.judged) &&
                                 (is_others(c, &c->view.is) || is_back_at_prior(c, &c->view.is)));
}

/* What the others have told and will not change any more is what is owed. */
static void learn_prior(struct claim *c) {
        struct claim_value v = c->debt.is.prior;

        claim_others_look_through(&c->others, &c->debt.is, c->traits.per_device, /* done_only= */ true, &v);
        if (claim_value_equal(&v, &c->debt.is.prior))
                return;
        c->debt.is.prior = v;
        c->debt.on_disk = false;
}

int claim_on_others(struct claim *c, const struct claim_other *others, size_t n, usec_t now) {
        struct claim_others_now all;
        int r = claim_others_set(&c->others, others, n);

        if (r < 0)
                return r;
        all = claim_others_now(&c->others);
        if (c->debt.owed)
                learn_prior(c);
        if (may_begin_again(c)) {
                enter_phase(c, CLAIM_FOREIGN);
                c->inquiry = (struct claim_inquiry){ .due = true, .released = true, .at = now };
        } else
                claim_on_doubt(c, all.any_over || r > 0, now);
        if (c->phase == CLAIM_SHARED && !going_on(c))
                c->in.leaving.look_at = all.will_give_back ? usec_add(now, CLAIM_ASK_AFTER) : now;
        return 0;
}

/* ---- facts: answers to a read ---- */

/* Where the state alone tells, one that is taken is the claim of somebody else, who may release it. */
static void stop_for(struct claim *c, const struct claim_value *v) {
        enter_phase(c, !c->traits.text_tells_person && is_taken(c, v->state) ? CLAIM_FOREIGN : CLAIM_YIELDED);
        c->in.stopped.judged = *v;
        if (!c->traits.text_per_device || !c->debt.is.text_claimed)
                return;
        c->in.stopped.text_due = true;
        c->debt.is.text_claimed = false;
        c->debt.on_disk = false;
}

static void stop_for_claim_of_another(struct claim *c) {
        enter_phase(c, CLAIM_FOREIGN);
        c->in.stopped.judged = c->view.is;
}

/* Our value is not there any more, and should be. */
static void write_again(struct claim *c) {
        if (c->phase == CLAIM_HELD)
                start_entering(c, c->in.held.written_at, /* landed= */ false);
        c->in.entering.outdated = true;
        c->in.entering.lost++;
}

/* For the nth time. By then what was read is old, unless changes are told. */
static void repeat(struct claim *c, unsigned n, usec_t now, uint32_t random) {
        c->view.known = c->view.known && c->view.live;
        claim_limits_repeat(&c->limits, n - 1, now, random);
}

/* What a read says about a value of ours that the server has acknowledged. */
static void judge_ours(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        struct claim_value prior = claim_prior(c);
        bool seen_before = c->phase == CLAIM_HELD, was_prior = claim_value_equal(v, &prior);
        bool ignored = !seen_before && !c->traits.person_writes_whole && was_prior;
        /* Another client may have overwritten it at once; hardly time after time. */
        bool hopeless = !seen_before && was_prior && c->in.entering.lost + 1 >= CLAIM_LEAVE_TRIES_MAX;
        /* A machine that claims the state alone repeats the words that it has read before ours came. */
        bool repeated = !seen_before && !hopeless && claim_others_now(&c->others).going_on != CLAIM_NO_PART;
        bool restored = (may_be_restored(c, now) || repeated) && !is_persons(c, v, /* prior_too= */ true);

        if (c->inquiry.released && is_back_at_prior(c, v)) {
                write_again(c);
                return;
        }
        if (!restored &&
            (ignored || hopeless || (!seen_before && c->debt.is.text_claimed && streq(v->text, prior.text)))) {
                enter_phase(c, CLAIM_NO_EFFECT);
                c->in.stopped.judged = *v;
        } else if (!restored && is_persons(c, v, /* prior_too= */ c->traits.text_per_device))
                stop_for(c, v);
        else {
                /* Our words, another state: the server's doing. */
                write_again(c);
                repeat(c, c->in.entering.lost, now, random);
                return;
        }
        c->in.stopped.lost_at = now;
}

static void read_ours(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        usec_t written_at = c->phase == CLAIM_HELD ? c->in.held.written_at : c->in.entering.written_at;
        bool lost = c->phase == CLAIM_HELD && c->in.held.lost;

        if (stands(c, v)) {
                enter_phase(c, CLAIM_HELD);
                c->in.held.written_at = written_at;
                c->in.held.doubt = c->in.held.lost = false;
        } else if (!lost)
                judge_ours(c, v, now, random);
        else if (is_persons(c, v, /* prior_too= */ true))
                stop_for(c, v);
        else
                c->in.held.doubt = false; /* it is gone, as was known */
}

/* A person who has written meanwhile may have chosen busy on another device: that is not ours to cure. */
static bool may_cure(const struct claim *c, const struct claim_value *v) {
        const struct claim_leaving *l = &c->in.leaving;

        if (!c->traits.curable || l->yielded || l->cures >= CLAIM_CURES_MAX)
                return false;
        return streq(v->text, l->back.text) && (!c->debt.is.text_claimed || streq(l->back.text, claim_prior(c).text));
}

/* What a read says about what was given back, and acknowledged. */
static void judge_left(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        struct claim_leaving *l = &c->in.leaving;
        bool state_alone = state_remains(c, v) && !text_remains(c, v);
        /* Else it may be a write of our own that was lost, and has landed. */
        bool caught = state_alone && c->traits.sticky && now >= c->debt.lands_by;

        if (is_given_back(c, v)) {
                l->confirmed = true;
                return;
        }
        if (state_alone && c->traits.sticky && may_cure(c, v))
                return;
        l->tries++;
        if (caught || (state_alone && l->tries >= CLAIM_LEAVE_TRIES_MAX && now >= c->debt.lands_by)) {
                l->confirmed = l->stuck = true;
                return;
        }
        l->left_at = 0;
        repeat(c, l->tries, now, random);
        turn_back(c);
}

/* A lost write has landed after all, or not yet. */
static void judge_free(struct claim *c, const struct claim_value *v, usec_t now) {
        if (!may_be_landed(c, v, now)) {
                c->in.free.looked = now >= c->debt.lands_by;
                c->in.free.look_at = usec_min(c->debt.lands_by, usec_add(now, CLAIM_LOOK_EVERY));
                return;
        }
        c->debt.owed = c->debt.written = true;
        enter_phase(c, CLAIM_LEAVING);
        c->in.leaving.must_finish = true;
}

void claim_on_read(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        c->flight.step = CLAIM_NOTHING;
        c->view.is = *v;
        c->view.ever = c->view.known = true;
        c->view.at = now;
        c->caught = c->caught && is_taken(c, v->state);
        claim_limits_worked(&c->limits);
        if (c->phase == CLAIM_LEAVING && c->in.leaving.left_at > 0)
                judge_left(c, v, now, random);
        else if (c->phase == CLAIM_FREE)
                judge_free(c, v, now);
        else if (c->phase == CLAIM_HELD || (c->phase == CLAIM_ENTERING && is_acked(c)))
                read_ours(c, v, now, random);
        if (c->inquiry.under_way && !c->inquiry.due)
                c->inquiry.released = false;
        c->inquiry.under_way = false;
}

/* ---- facts: answers to the other steps ---- */

void claim_on_journalled(struct claim *c) {
        c->flight.step = CLAIM_NOTHING;
        c->debt.on_disk = true;
        c->debt.unsure_on_disk = c->debt.is.unsure;
        claim_limits_worked(&c->limits);
}

static void written_ours(struct claim *c, usec_t now) {
        c->debt.written = true;
        if (now >= c->debt.lands_by)
                c->debt.is.unsure = false;
        if (c->phase == CLAIM_LEAVING) {
                c->in.leaving.ours_at = now;
                c->in.leaving.outdated = false;
        } else if (c->phase == CLAIM_YIELDED)
                c->in.stopped.text_due = false;
        else if (c->phase == CLAIM_ENTERING && !c->flight.echoed) {
                c->in.entering.written_at = now;
                c->in.entering.outdated = false;
                c->in.entering.added = CLAIM_NO_PART;
        } else if (c->phase == CLAIM_ENTERING || c->phase == CLAIM_HELD) {
                enter_phase(c, CLAIM_HELD);
                c->in.held.written_at = now;
                c->in.held.lost = false;
        }
}

void claim_on_written(struct claim *c, usec_t now) {
        bool cured = c->flight.step == CLAIM_CURE;

        c->flight.step = CLAIM_NOTHING;
        c->debt.open = false;
        c->view.known = c->flight.echoed;
        claim_limits_worked(&c->limits);
        if (!c->flight.back) {
                written_ours(c, now);
                return;
        }
        c->in.leaving.cures += cured;
        c->in.leaving.restored = c->in.leaving.restored || c->in.leaving.restores;
        c->in.leaving.ours_at = 0;
        c->in.leaving.left_at = now;
        c->in.leaving.withdrawn = c->traits.per_device;
        c->in.leaving.confirmed = c->flight.echoed && is_alone(c);
}

void claim_on_forgotten(struct claim *c) {
        bool stuck = is_way_back(c->phase) && c->in.leaving.stuck;

        c->flight.step = CLAIM_NOTHING;
        claim_limits_worked(&c->limits);
        if (c->view.known && !is_taken(c, c->view.is.state))
                stuck = false;
        c->caught = stuck;
        enter_phase(c, stuck ? CLAIM_STUCK : CLAIM_FREE);
        if (c->wanted)
                start_entering(c, 0, /* landed= */ false);
}

/* The last write may have landed, or may still land. */
static void lose_write(struct claim *c, usec_t now) {
        usec_t lands_by = usec_add(now, CLAIM_LANDS_WITHIN);

        c->view.known = false;
        c->debt.open = true;
        if (c->flight.back) {
                c->debt.restored_by = lands_by;
                c->in.leaving.restored = c->in.leaving.restored || c->in.leaving.restores;
        } else {
                c->debt.written = true;
                c->debt.lands_by = lands_by;
        }
        /* What is pushed may still be from before an earlier one. */
        if (c->phase == CLAIM_ENTERING) {
                c->in.entering.outdated = true;
                c->in.entering.added = CLAIM_NO_PART;
        } else if (c->phase == CLAIM_LEAVING) {
                c->in.leaving.outdated = true;
                c->in.leaving.left_at = 0;
        }
}

/* What was added to a claim that stands, and was refused, is not owed. */
static void drop_growth(struct claim *c) {
        unsigned added = c->in.entering.added;

        if (added == CLAIM_NO_PART)
                return;
        if (added & CLAIM_STATE)
                c->debt.is.state_claimed = false;
        if (added & CLAIM_TEXT)
                c->debt.is.text_claimed = false;
        c->debt.on_disk = false;
}

static void take_refusal(struct claim *c, enum claim_step step, usec_t now, uint32_t random) {
        bool there = c->phase == CLAIM_ENTERING || c->phase == CLAIM_HELD;

        if (step == CLAIM_CURE) {
                /* What cures is not allowed here: as if there were none. */
                c->in.leaving.cures = CLAIM_CURES_MAX;
                c->view.known = false;
        } else if (there && (step == CLAIM_WRITE || (step == CLAIM_READ && !c->debt.owed))) {
                usec_t written_at = c->phase == CLAIM_HELD ? c->in.held.written_at : c->in.entering.written_at;

                if (c->phase == CLAIM_ENTERING)
                        drop_growth(c);
                enter_phase(c, CLAIM_REFUSED);
                c->in.stopped.written_at = written_at;
        } else
                claim_limits_failed(&c->limits, USEC_NEVER, now, random);
}

void claim_on_failure(struct claim *c, enum claim_failure f, usec_t retry_at, usec_t now, uint32_t random) {
        enum claim_step step = c->flight.step;
        bool wrote = is_writing(c);

        c->flight.step = CLAIM_NOTHING;
        c->inquiry.due = c->inquiry.due || c->inquiry.under_way;
        c->inquiry.under_way = false;
        /* By the next try what was read is old. */
        if (!c->view.live)
                c->view.known = false;
        switch (f) {
        case CLAIM_FAILED_REFUSED:
                take_refusal(c, step, now, random);
                break;
        case CLAIM_FAILED_UNSURE:
                if (wrote)
                        lose_write(c, now);
                claim_limits_failed(&c->limits, retry_at, now, random);
                break;
        case CLAIM_FAILED_NOT_APPLIED:
                if (step == CLAIM_WRITE)
                        claim_limits_unspend(&c->limits);
                claim_limits_failed(&c->limits, retry_at, now, random);
                break;
        }
        turn_back(c);
}

void claim_on_reconnected(struct claim *c) {
        claim_limits_end_backoff(&c->limits);
}

void claim_try_again(struct claim *c) {
        claim_limits_end_waits(&c->limits);
}

/* ---- decisions ---- */

static struct claim_request wait_until(usec_t at) {
        return (struct claim_request){ .step = CLAIM_NOTHING, .wake_at = at };
}

static struct claim_request take_step(struct claim *c, enum claim_step step) {
        c->flight.step = step;
        return (struct claim_request){ .step = step, .wake_at = USEC_NEVER };
}

static struct claim_request write_step(struct claim *c, const struct claim_value *v, bool back, usec_t now) {
        usec_t may_write_at = claim_limits_write_at(&c->limits, back);
        struct claim_request r;

        if (now < may_write_at)
                return wait_until(may_write_at);

        claim_limits_spend(&c->limits, now);
        c->flight = (struct claim_flight){ .step = CLAIM_WRITE, .value = *v, .back = back };
        r = take_step(c, CLAIM_WRITE);
        r.value = *v;
        return r;
}

/* ---- decisions: the way there ---- */

static bool is_journal_current(const struct claim *c) {
        return c->debt.on_disk && c->debt.unsure_on_disk == c->debt.is.unsure;
}

static struct claim_owed compose_debt(const struct claim *c, usec_t now) {
        const struct claim_owed *before = &c->debt.is;
        unsigned order = 0;
        struct claim_owed d = {
                .prior = c->view.is,
                .ours = { compose_ours(c) },
                .n_ours = 1,
                .state_claimed = c->want.state_claimed,
                .text_claimed = c->want.text_claimed,
        };

        for (size_t i = 0; i < c->others.n; i++)
                order = c->others.of[i].owed.order > order ? c->others.of[i].owed.order : order;
        d.order = order < CLAIM_ORDER_MAX ? order + 1 : 1;
        if (c->debt.lands_by == 0 || now >= usec_add(c->debt.lands_by, LANDED_KNOWN_FOR))
                return d;
        /* What a lost write of the last claim has put there, or will, is owed back with this one. */
        if (claim_owed_has_text(before, d.prior.text))
                claim_value_put_text(&d.prior, before->prior.text);
        if (is_landed(c, &c->view.is, now) && claim_owed_has_state(before, d.prior.state))
                claim_value_put_state(&d.prior, before->prior.state);
        if (!claim_value_equal(&d.ours[0], goal_of(c)) && before->state_claimed == d.state_claimed &&
            before->text_claimed == d.text_claimed) {
                d.ours[1] = d.ours[0];
                d.ours[0] = *goal_of(c);
                d.n_ours = 2;
        }
        return d;
}

static bool same_debt(const struct claim_owed *a, const struct claim_owed *b) {
        return claim_value_equal(&a->prior, &b->prior) && a->n_ours == b->n_ours &&
               claim_value_equal(&a->ours[a->n_ours - 1], &b->ours[b->n_ours - 1]) &&
               a->state_claimed == b->state_claimed && a->text_claimed == b->text_claimed;
}

static bool is_free_for_us(const struct claim *c, usec_t now) {
        const struct claim_value *v = &c->view.is;

        return !is_taken(c, v->state) || seen_is_lost_claim(c) || is_others(c, v) || is_landed(c, v, now);
}

/* Before the first write: what stands there, is it free. Returns false if `ret` is the step. */
static bool begin_debt(struct claim *c, usec_t now, struct claim_request *ret) {
        struct claim_owed d;

        if (!c->view.known) {
                *ret = take_step(c, CLAIM_READ);
                return false;
        }
        if (!is_free_for_us(c, now)) {
                stop_for_claim_of_another(c);
                *ret = wait_until(USEC_NEVER);
                return false;
        }
        d = compose_debt(c, now);
        if (c->debt.owed && same_debt(&d, &c->debt.is))
                return true;
        c->debt.is = d;
        c->debt.owed = true;
        c->debt.on_disk = false;
        c->debt.begun_at = now;
        return true;
}

/* With one value per user, a state that is not ours is what would be there without us by now, and so what is owed
 * back. */
static void renew_prior(struct claim *c) {
        struct claim_value prior = claim_prior(c);
        bool words = is_overwritten(c), state = words || !state_is_ours(c, &c->view.is);

        if (c->traits.per_device)
                return;
        if (words)
                claim_value_put_text(&prior, c->view.is.text);
        if (state)
                claim_value_put_state(&prior, c->view.is.state);
        if ((!words && !state) || claim_value_equal(&prior, &c->debt.is.prior))
                return;
        c->debt.is.prior = prior;
        c->debt.on_disk = false;
}

/* Before a further write: has somebody else written meanwhile. Returns false if `ret` is the step. */
static bool look_before_writing(struct claim *c, usec_t now, struct claim_request *ret) {
        const struct claim_value *v = &c->view.is;

        if (!c->view.known) {
                *ret = take_step(c, CLAIM_READ);
                return false;
        }
        *ret = wait_until(USEC_NEVER);
        if (is_persons(c, v, /* prior_too= */ !c->in.entering.landed || may_be_restored(c, now))) {
                if (c->debt.suspected) {
                        c->debt.written = c->debt.suspected = false;
                        return begin_debt(c, now, ret);
                }
                stop_for(c, v);
                return false;
        }
        c->debt.suspected = false;
        if (is_overwritten(c) && is_taken(c, v->state)) {
                stop_for_claim_of_another(c);
                return false;
        }
        renew_prior(c);
        return true;
}

/* A part that was not claimed until now: what stands there is what is owed back. Returns false if `ret` is the step.
 */
static bool grow(struct claim *c, usec_t now, struct claim_request *ret) {
        struct claim_owed *d = &c->debt.is;
        bool state = c->want.state_claimed && !d->state_claimed, text = c->want.text_claimed && !d->text_claimed;

        if (!state && !text)
                return true;
        c->in.entering.outdated = true;
        if (!look_before_writing(c, now, ret))
                return false;
        if (state && is_taken(c, c->view.is.state) && !is_others(c, &c->view.is)) {
                stop_for_claim_of_another(c);
                return false;
        }
        if (state)
                claim_value_put_state(&d->prior, c->view.is.state);
        if (text)
                claim_value_put_text(&d->prior, c->view.is.text);
        for (unsigned i = 0; i < d->n_ours; i++) {
                if (state)
                        claim_value_put_state(&d->ours[i], c->want.value.state);
                if (text)
                        claim_value_put_text(&d->ours[i], c->want.value.text);
        }
        d->state_claimed = d->state_claimed || state;
        d->text_claimed = d->text_claimed || text;
        c->in.entering.added |= (state ? CLAIM_STATE : 0) | (text ? CLAIM_TEXT : 0);
        c->debt.on_disk = false;
        return true;
}

/* What is wanted now may differ from what is owed for. Both may stand on the server until the new one is
 * acknowledged; a third has to wait. */
static void renew_goal(struct claim *c) {
        struct claim_owed *d = &c->debt.is;
        struct claim_value goal = *goal_of(c);

        if (c->want.state_claimed)
                claim_value_put_state(&goal, c->want.value.state);
        if (c->want.text_claimed)
                claim_value_put_text(&goal, c->want.value.text);
        if (claim_value_equal(&goal, goal_of(c)) || (d->n_ours == 2 && !is_acked(c)))
                return;
        if (d->n_ours == 2)
                d->ours[0] = d->ours[1];
        d->ours[1] = goal;
        d->n_ours = 2;
        c->debt.on_disk = false;
        c->in.entering.outdated = true;
}

static struct claim_request ask_step(struct claim *c) {
        c->inquiry.due = false;
        c->inquiry.under_way = true;
        return take_step(c, CLAIM_READ);
}

/* Our value was acknowledged: it is seen by itself, or read. */
static struct claim_request verify_step(struct claim *c, usec_t now) {
        usec_t ask_at = c->inquiry.due ? c->inquiry.at : USEC_NEVER;
        usec_t verify_at = usec_add(c->in.entering.written_at, CLAIM_VERIFY_AFTER);

        if (now >= ask_at)
                return ask_step(c);
        if (now < verify_at && (!c->view.known || stands(c, &c->view.is)))
                return wait_until(usec_min(verify_at, ask_at));
        return take_step(c, CLAIM_READ);
}

/* The parts that are not claimed as they are now. */
static struct claim_request write_ours(struct claim *c, usec_t now) {
        struct claim_value v = *goal_of(c);

        if (!c->debt.is.state_claimed && !c->traits.per_device)
                claim_value_put_state(&v, c->view.is.state);
        if (!c->debt.is.text_claimed)
                claim_value_put_text(&v, c->view.is.text);
        if (is_stopped(c->phase) || (!c->debt.is.text_claimed && is_on_another_device(c, &v)))
                v.text[0] = '\0';
        return write_step(c, &v, /* back= */ false, now);
}

static struct claim_request enter_step(struct claim *c, usec_t now) {
        usec_t may_write_at = claim_limits_write_at(&c->limits, /* back= */ false);
        struct claim_request r;

        /* Before the read, so that what is read is what is written over. */
        if (!is_acked(c) && now < may_write_at)
                return wait_until(may_write_at);
        if (!c->debt.written) {
                if (!begin_debt(c, now, &r))
                        return r;
        } else {
                if (!grow(c, now, &r))
                        return r;
                renew_goal(c);
                if (!is_acked(c) && !look_before_writing(c, now, &r))
                        return r;
        }
        if (!is_acked(c))
                c->debt.is.unsure = true;
        if (!is_journal_current(c))
                return take_step(c, CLAIM_JOURNAL);
        return is_acked(c) ? verify_step(c, now) : write_ours(c, now);
}

/* What a lost write puts over our value is told, or looked for once. */
static usec_t look_for_lost_at(const struct claim *c) {
        usec_t at = c->debt.lands_by > c->debt.restored_by ? c->debt.lands_by : c->debt.restored_by;

        return c->view.live || c->in.held.looked || at < c->in.held.written_at ? USEC_NEVER : at;
}

static struct claim_request hold_step(struct claim *c, usec_t now) {
        const struct claim_held *h = &c->in.held;
        usec_t ask_at = c->inquiry.due ? c->inquiry.at : USEC_NEVER;
        usec_t refresh_at = h->lost ? now : usec_add(h->written_at, c->traits.refresh_interval);
        usec_t look_at = look_for_lost_at(c);

        /* Something else was wanted while this was on its way. */
        if (!is_goal(c, &c->want)) {
                start_entering(c, h->written_at, /* landed= */ true);
                return enter_step(c, now);
        }
        if (!is_journal_current(c))
                return take_step(c, CLAIM_JOURNAL);
        if (now >= ask_at)
                return ask_step(c);
        if (now >= look_at) {
                c->in.held.looked = true;
                return take_step(c, CLAIM_READ);
        }
        if (h->doubt || (c->view.known && !h->lost && !stands(c, &c->view.is)))
                return take_step(c, CLAIM_READ);
        if (now < refresh_at)
                return wait_until(usec_min(usec_min(refresh_at, ask_at), look_at));
        /* Where nobody tells, a person may have written meanwhile. */
        if (!c->view.known && (h->lost || !c->view.live))
                return take_step(c, CLAIM_READ);
        c->debt.is.unsure = true;
        return is_journal_current(c) ? write_ours(c, now) : take_step(c, CLAIM_JOURNAL);
}

/* Taken by somebody else who may have released it: begin again. */
static struct claim_request stopped_step(struct claim *c, usec_t now) {
        bool released = c->phase == CLAIM_FOREIGN && c->inquiry.due && c->inquiry.released;

        if (c->debt.owed && !is_journal_current(c))
                return take_step(c, CLAIM_JOURNAL);
        if (c->in.stopped.text_due)
                return write_ours(c, now);
        if (!released || now < c->inquiry.at)
                return wait_until(released ? c->inquiry.at : USEC_NEVER);
        c->inquiry.due = c->inquiry.released = false;
        c->view.known = false;
        start_entering(c, 0, /* landed= */ false);
        return enter_step(c, now);
}

/* ---- decisions: the way back ---- */

/* Once or twice for each leave, and so as seldom as those: the user has waited long enough. */
static struct claim_request cure_step(struct claim *c) {
        struct claim_request r = take_step(c, CLAIM_CURE);

        c->flight.echoed = false;
        c->flight.value = r.value = c->in.leaving.back;
        return r;
}

/* All is given back. What lands later is put back to what is there now. */
static struct claim_request forget_step(struct claim *c, usec_t now) {
        const struct claim_value *back = &c->in.leaving.back;
        struct claim_owed *d = &c->debt.is;

        if (now < c->debt.lands_by && d->text_claimed)
                claim_value_put_text(&d->prior, back->text);
        if (now < c->debt.lands_by && d->state_claimed && !c->traits.per_device)
                claim_value_put_state(&d->prior, back->state);
        /* It has landed by now or never will: what is there was just looked at. */
        if (now >= c->debt.lands_by)
                c->debt.lands_by = 0;
        return take_step(c, CLAIM_FORGET);
}

/* A lost write may still land: it is told, or looked for now and then. */
static struct claim_request free_step(struct claim *c, usec_t now) {
        struct claim_free *f = &c->in.free;

        if (c->debt.lands_by == 0 || f->looked)
                return wait_until(USEC_NEVER);
        if (f->look_at == 0)
                f->look_at = usec_min(c->debt.lands_by, usec_add(now, CLAIM_ASK_AFTER));
        if (now < f->look_at && c->view.live)
                return wait_until(c->debt.lands_by);
        return now < f->look_at ? wait_until(f->look_at) : take_step(c, CLAIM_READ);
}

/* Another machine is done: see that all of it was given back. */
static void look_again(struct claim *c) {
        struct claim_leaving *l = &c->in.leaving;

        enter_phase(c, CLAIM_LEAVING);
        l->left_at = 0;
        l->confirmed = false;
        l->tries = 0;
        c->view.known = false;
}

/* Where each device has a state of its own, one that still shows is perhaps that of another machine which is about to
 * take it away. */
static bool state_may_be_anothers(const struct claim *c) {
        return c->traits.per_device && c->debt.is.state_claimed && !(going_on(c) & CLAIM_STATE) &&
               claim_others_now(&c->others).state_is_about && is_taken(c, c->view.is.state) &&
               state_is_ours(c, &c->view.is);
}

/* What another machine goes on to claim, or did so far, is still there in what was given back. */
static bool is_kept_back(const struct claim *c) {
        const struct claim_value *back = &c->in.leaving.back;
        struct claim_value all = compose_given_back(c, back, CLAIM_NO_PART);

        if (!streq(all.text, back->text) || state_may_be_anothers(c))
                return true;
        return !c->traits.per_device && !streq(all.state, back->state);
}

/* Left to another machine, as long as it goes on, or is about to give back. */
static struct claim_request share_step(struct claim *c, usec_t now) {
        enter_phase(c, CLAIM_SHARED);
        c->in.leaving.look_at = usec_add(now, CLAIM_ASK_AFTER);
        return wait_until(going_on(c) ? USEC_NEVER : c->in.leaving.look_at);
}

static struct claim_request finish_step(struct claim *c, usec_t now) {
        struct claim_leaving *l = &c->in.leaving;

        if (!is_kept_back(c) || (l->stuck && !c->traits.per_device))
                return forget_step(c, now);
        if (!going_on(c) && !claim_others_now(&c->others).will_give_back) {
                look_again(c);
                return take_step(c, CLAIM_READ);
        }
        return share_step(c, now);
}

/* Without a write. Of an aggregate the own part is not seen. */
static bool stands_given_back(const struct claim *c, const struct claim_value *v) {
        if (!c->traits.per_device)
                return claim_value_equal(v, &c->view.is);
        return c->in.leaving.withdrawn && streq(v->text, c->view.is.text) && !state_remains(c, &c->view.is);
}

/* It was given back, and acknowledged: is it there. */
static struct claim_request confirm_step(struct claim *c, usec_t now) {
        const struct claim_leaving *l = &c->in.leaving;
        usec_t verify_at = usec_add(l->left_at, CLAIM_VERIFY_AFTER);

        if (l->confirmed)
                return finish_step(c, now);
        if (now < verify_at)
                return wait_until(verify_at);
        if (c->view.known && !is_given_back(c, &c->view.is))
                return cure_step(c);
        return take_step(c, CLAIM_READ);
}

static struct claim_request leave_step(struct claim *c, usec_t now) {
        struct claim_leaving *l = &c->in.leaving;
        usec_t may_write_at = claim_limits_write_at(&c->limits, /* back= */ true);
        usec_t told_at = usec_add(c->debt.begun_at, CLAIM_ASK_AFTER);
        struct claim_value v;

        if (!c->debt.written) {
                l->back = claim_prior(c);
                /* What an earlier claim has lost may have landed before this one has written. */
                c->debt.written = now < c->debt.lands_by && c->view.known && !is_given_back(c, &c->view.is);
        }
        if (!c->debt.written)
                return forget_step(c, now);
        if (l->left_at > 0)
                return confirm_step(c, now);
        if (now < may_write_at)
                return wait_until(may_write_at);
        /* They are another machine's that has just begun, or an earlier run's: who knows has told by then. */
        if (now < told_at && !find_prior(c, &v))
                return wait_until(told_at);
        if (!c->traits.per_device && !l->waited && claim_others_now(&c->others).gives_back) {
                l->waited = true;
                return share_step(c, now);
        }
        if (!c->view.known || now >= usec_add(c->view.at, CLAIM_PUSH_LASTS))
                return take_step(c, CLAIM_READ);
        l->back = compose_given_back(c, &c->view.is, going_on(c));
        if ((!c->debt.open || going_on(c)) && stands_given_back(c, &l->back))
                return finish_step(c, now);
        if (!c->debt.on_disk)
                return take_step(c, CLAIM_JOURNAL);
        l->restores = c->debt.is.text_claimed && text_is_ours(c, &c->view.is);
        return write_step(c, &l->back, /* back= */ true, now);
}

static struct claim_request shared_step(struct claim *c, usec_t now) {
        if (going_on(c))
                return wait_until(USEC_NEVER);
        if (now < c->in.leaving.look_at)
                return wait_until(c->in.leaving.look_at);
        look_again(c);
        return leave_step(c, now);
}

struct claim_request claim_decide(struct claim *c, usec_t now) {
        if (c->flight.step != CLAIM_NOTHING)
                return wait_until(USEC_NEVER);
        if (c->debt.resumed) {
                c->debt.resumed = false;
                c->debt.lands_by = c->debt.is.unsure ? usec_add(now, CLAIM_LANDS_WITHIN) : 0;
                c->debt.restored_by = usec_add(now, CLAIM_LANDS_WITHIN);
        }
        if (!c->view.live && now >= usec_add(c->view.at, CLAIM_VIEW_LASTS))
                c->view.known = false;
        if (now < c->limits.retry_at)
                return wait_until(c->limits.retry_at);
        switch (c->phase) {
        case CLAIM_ENTERING:
                return enter_step(c, now);
        case CLAIM_HELD:
                return hold_step(c, now);
        case CLAIM_LEAVING:
                return leave_step(c, now);
        case CLAIM_SHARED:
                return shared_step(c, now);
        case CLAIM_YIELDED:
        case CLAIM_FOREIGN:
        case CLAIM_REFUSED:
        case CLAIM_NO_EFFECT:
                return stopped_step(c, now);
        case CLAIM_FREE:
                return free_step(c, now);
        case CLAIM_STUCK:
                break;
        }
        return wait_until(USEC_NEVER);
}

/* ---- questions ---- */

const char *claim_phase_to_string(enum claim_phase p) {
        static const char *const names[] = {
                [CLAIM_FREE] = "free",           [CLAIM_ENTERING] = "entering", [CLAIM_HELD] = "held",
                [CLAIM_LEAVING] = "leaving",     [CLAIM_SHARED] = "shared",     [CLAIM_YIELDED] = "yielded",
                [CLAIM_FOREIGN] = "foreign",     [CLAIM_REFUSED] = "refused",   [CLAIM_STUCK] = "stuck",
                [CLAIM_NO_EFFECT] = "no-effect",
        };

        return names[p];
}

enum claim_phase claim_phase(const struct claim *c) {
        return c->phase;
}

bool claim_take_change(struct claim *c, enum claim_phase *ret_from) {
        if (c->phase == c->told)
                return false;
        *ret_from = c->told;
        c->told = c->phase;
        return true;
}

const struct claim_want *claim_wanted(const struct claim *c) {
        return c->wanted ? &c->want : NULL;
}

enum claim_step claim_in_flight(const struct claim *c) {
        return c->flight.step;
}

const struct claim_owed *claim_owed(const struct claim *c) {
        return c->debt.owed ? &c->debt.is : NULL;
}

bool claim_is_at_rest(const struct claim *c) {
        return !c->debt.owed || c->phase == CLAIM_SHARED;
}

/* Found there by ourselves. */
static bool is_prior_firsthand(const struct claim *c) {
        const struct claim_owed *d = &c->debt.is;

        return d->text_claimed ? !text_is_ours(c, &d->prior) : !state_is_ours(c, &d->prior);
}

bool claim_tell_others(const struct claim *c, struct claim_other *ret) {
        bool there = c->phase == CLAIM_ENTERING || c->phase == CLAIM_HELD;
        bool changed = c->phase == CLAIM_YIELDED || c->phase == CLAIM_NO_EFFECT;

        if (!c->debt.owed || !c->debt.on_disk)
                return false;
        *ret = (struct claim_other){ .owed = c->debt.is };
        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, &ret->owed.prior);
        if (!is_prior_firsthand(c))
                ret->owed.order = 0;
        ret->owed.unsure = false;
        /* On a device of its own the state stands, whatever became of the message. */
        ret->text_lost = changed && c->traits.per_device;
        ret->live = there || ret->text_lost;
        ret->waits = c->phase == CLAIM_SHARED;
        ret->withdrawn = is_way_back(c->phase) && c->in.leaving.withdrawn;
        return true;
}

bool claim_is_standing(const struct claim *c) {
        bool doubt = c->phase == CLAIM_HELD && (c->in.held.doubt || (c->view.known && !stands(c, &c->view.is)));

        if (c->phase != CLAIM_ENTERING && c->phase != CLAIM_HELD)
                return false;
        return c->debt.written && (c->traits.per_device || !doubt);
}

const struct claim_value *claim_written(const struct claim *c) {
        bool acked = (c->phase == CLAIM_ENTERING && c->in.entering.written_at > 0) || c->phase == CLAIM_HELD ||
                     (is_way_back(c->phase) && (c->in.leaving.left_at > 0 || c->in.leaving.ours_at > 0));

        if (is_writing(c) || acked)
                return &c->flight.value;
        return c->debt.owed && c->debt.written ? goal_of(c) : NULL;
}

const struct claim_value *claim_shown(const struct claim *c) {
        return c->view.ever ? &c->view.is : NULL;
}
