/* Facts of a claim: each is recorded in the phase that it concerns. See claim.c for the phases; what comes of a write
 * is in claim-answers.c. */
#include "core/claim-parts.h"

/* ---- facts: what is wanted ---- */

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
                .must_finish = claim_is_stopped(c->phase),
                .yielded = c->phase == CLAIM_YIELDED,
        };

        if (leaving.yielded)
                leaving.persons = c->in.stopped.outdone ? c->debt.is.prior : c->in.stopped.judged;
        c->wanted = false;
        c->inquiry = (struct claim_inquiry){};
        if (claim_is_way_back(c->phase) || c->phase == CLAIM_STUCK)
                return;
        claim_enter_phase(c, c->debt.owed ? CLAIM_LEAVING : c->caught ? CLAIM_STUCK : CLAIM_FREE);
        if (c->phase == CLAIM_LEAVING)
                c->in.leaving = leaving;
}

bool claim_is_writing(const struct claim *c) {
        return c->flight.step == CLAIM_WRITE || c->flight.step == CLAIM_CURE;
}

void claim_turn_back(struct claim *c) {
        const struct claim_leaving *l = &c->in.leaving;
        bool giving_back = l->left_at > 0 || (claim_is_writing(c) && c->flight.back), outdated;

        if (!c->wanted || !claim_is_way_back(c->phase))
                return;
        if (l->must_finish || l->over || (c->phase == CLAIM_LEAVING && giving_back))
                return;
        /* There is nothing to turn back to, and less is wanted than may still land, or than was left to another
         * machine: what is not wanted would be written again. */
        if ((c->debt.is.given_back || c->phase == CLAIM_SHARED) && !claim_covers(&c->want, &c->debt.is))
                return;
        /* Nobody has watched it meanwhile. */
        if (!c->view.live)
                c->inquiry = (struct claim_inquiry){ .due = true, .released = true };
        outdated = l->outdated;
        claim_start_entering(c, c->phase == CLAIM_LEAVING ? l->ours_at : 0, /* landed= */ false);
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
        if (claim_is_way_back(c->phase))
                claim_turn_back(c);
        else if (c->phase == CLAIM_HELD && !claim_is_goal(c, want))
                claim_start_entering(c, c->in.held.written_at, /* landed= */ true);
        else if (c->phase == CLAIM_FREE || c->phase == CLAIM_STUCK)
                claim_start_entering(c, 0, /* landed= */ false);
        else if (c->phase == CLAIM_REFUSED) {
                /* Something less than what was refused may still be taken. */
                claim_start_entering(c, c->in.stopped.written_at, /* landed= */ false);
                c->in.entering.outdated = true;
        }
}

void claim_expect(struct claim *c, const struct claim_want *want) {
        c->ahead.likely = want != NULL;
        if (!want)
                c->ahead.asked = c->ahead.failed = false;
        else if (!c->wanted)
                c->want = *want;
}

/* ---- facts: what the server shows ---- */

/* Of what was there in the end, while something that was lost may land. */
static bool are_kept_words_missing(const struct claim *c) {
        return c->debt.kept && claim_are_words_missing(c, &c->view.is, c->debt.is.prior.text);
}

/* Our words, and nothing owed: older than our last leave, lost by an earlier run, or landed after all. */
static void see_unowed(struct claim *c, usec_t now) {
        c->view.known = !claim_seen_is_lost_claim(c);
        if (c->phase == CLAIM_STUCK && !claim_is_taken(c, c->view.is.state))
                claim_enter_phase(c, CLAIM_FREE);
        if (c->phase == CLAIM_FREE && (claim_may_be_landed(c, &c->view.is, now) || are_kept_words_missing(c)))
                c->in.free = (struct claim_free){ .look_at = now };
}

/* Whoever had taken it has released it. */
static void see_released(struct claim *c, usec_t now) {
        if (c->phase == CLAIM_FOREIGN && !claim_is_taken(c, c->view.is.state))
                c->inquiry = (struct claim_inquiry){ .due = true, .released = true, .at = now };
}

/* Where each device has its own words, those that a person wrote while busyd did not run hide behind ours with its
 * first poll, before anything can be done about them: from now on they are what is owed back. */
static void keep_words_of_meanwhile(struct claim *c) {
        struct claim_owed *d = &c->debt.is;
        bool wrote = c->phase == CLAIM_LEAVING ? c->in.leaving.ours_at > 0 || c->in.leaving.left_at > 0
                                               : c->phase != CLAIM_ENTERING || c->in.entering.written_at > 0;

        if (wrote || c->debt.begun_at > 0 || !c->traits.text_per_device || !d->text_claimed ||
            !claim_is_persons(c, &c->view.is, /* prior_too= */ true))
                return;
        claim_value_put_text(&d->prior, c->view.is.text);
        c->debt.on_disk = false;
}

/* Ours was not there when a person's was read. With one value per user what is told last is what stands there, as what
 * was read is told after whatever is older. */
static bool is_told_after_persons(const struct claim *c) {
        usec_t read_at = c->in.stopped.lost_at;

        return !c->traits.per_device || (read_at > 0 && c->view.at >= usec_add(read_at, CLAIM_ASK_AFTER));
}

/* Nothing of ours can land, and no other machine says none: whoever has taken words away since is somebody else. */
static bool are_none_anothers(const struct claim *c, const struct claim_value *v) {
        return !v->text[0] && !c->debt.open && c->view.at >= c->debt.lands_by &&
               !(claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

/* Of a person who has written already. No words at all may have been ours as well, or another machine's: with them
 * comes a state that is not, or they come later, and none of our writes is under way. */
static bool is_last_word(const struct claim *c, const struct claim_value *v) {
        /* Perhaps what takes ours away has landed, though its answer was lost. */
        if (c->in.stopped.text_due && claim_are_words_missing(c, v, c->in.stopped.judged.text))
                return false;
        /* What is to take ours away has not landed yet, and a poll of ours has brought them up. */
        if (claim_is_text_given_up(c, v))
                return false;
        if (!claim_text_is_ours(c, v))
                return true;
        if (v->text[0] || c->debt.open)
                return false;
        if (c->traits.person_writes_whole && !claim_state_is_ours(c, v))
                return true;
        return !c->traits.text_per_device && is_told_after_persons(c) && are_none_anothers(c, v);
}

/* Where each device has its own words, those of before show as long as their device is the last that was active. */
static bool is_prior_in_front(const struct claim *c, const struct claim_value *v) {
        return c->traits.text_per_device && streq(v->text, c->debt.is.prior.text) && claim_state_is_ours(c, v);
}

/* Where each device has its own words, the next poll of ours may hide a person's at once, and nobody else knows them
 * then: they are what is owed back from now on, also by a later run. */
static void keep_persons_word(struct claim *c, const struct claim_value *v) {
        if (!v->text[0] || streq(v->text, c->debt.is.prior.text))
                return;
        claim_value_put_text(&c->debt.is.prior, v->text);
        c->debt.is.secondhand = false;
        claim_renew_order(c);
        c->debt.on_disk = false;
}

/* On the way back, as long as ours stands there: a poll that goes on at the same time may hide them again. */
static void see_words_over_ours(struct claim *c, const struct claim_value *v) {
        struct claim_leaving *l = &c->in.leaving;

        if (!claim_is_way_back(c->phase) || !c->traits.text_per_device || l->left_at > 0 || !v->text[0] ||
            claim_is_text_given_up(c, v) || !claim_is_persons(c, v, /* prior_too= */ true))
                return;
        l->yielded = true;
        l->persons = *v;
        keep_persons_word(c, v);
}

/* On the way back from a person's words, which with one value per user were taken away unheard, or just now. */
static void see_words_taken_away(struct claim *c, const struct claim_value *v) {
        struct claim_leaving *l = &c->in.leaving;

        if (claim_is_way_back(c->phase) && c->traits.person_writes_whole && l->yielded && l->left_at == 0 &&
            claim_is_alone(c) && are_none_anothers(c, v))
                l->persons = *v;
}

static void see_persons_on_the_way_back(struct claim *c, const struct claim_value *v) {
        see_words_over_ours(c, v);
        see_words_taken_away(c, v);
}

static bool is_persons_word_kept(const struct claim *c) {
        return c->traits.text_per_device && streq(c->debt.is.prior.text, c->in.stopped.judged.text);
}

/* Where each device has its own words, those of others may show again without having been written. */
static void see_persons(struct claim *c, const struct claim_value *v) {
        if (c->traits.text_tells_person && !c->traits.text_per_device && claim_is_persons(c, v, /* prior_too= */ true))
                c->flight.other = *v;
}

/* Beside words that it may hide, only a read tells. */
static bool is_back(const struct claim *c, const struct claim_value *v) {
        return claim_is_given_back(c, v) &&
               !(claim_is_way_back(c->phase) && c->in.leaving.hidden && !c->in.leaving.confirmed);
}

/* What does not fit may be older than our write: not known until it was read. */
static void see_owed(struct claim *c) {
        const struct claim_value *v = &c->view.is;

        keep_words_of_meanwhile(c);
        switch (c->phase) {
        case CLAIM_ENTERING:
                if (c->in.entering.written_at == 0)
                        return;
                see_persons(c, v);
                c->view.known = claim_stands(c, v);
                if (c->view.known && claim_is_acked(c)) {
                        usec_t written_at = c->in.entering.written_at;

                        claim_enter_phase(c, CLAIM_HELD);
                        c->in.held.written_at = written_at;
                }
                return;
        case CLAIM_HELD:
                see_persons(c, v);
                c->view.known = claim_stands(c, v);
                c->in.held.doubt = !c->view.known && !is_prior_in_front(c, v);
                return;
        case CLAIM_LEAVING:
        case CLAIM_SHARED:
                see_persons_on_the_way_back(c, v);
                if (c->in.leaving.left_at > 0) {
                        c->view.known = is_back(c, v);
                        c->in.leaving.confirmed = c->in.leaving.confirmed || (c->view.known && claim_is_alone(c));
                } else if (c->in.leaving.ours_at > 0 || c->in.leaving.must_finish)
                        c->view.known = claim_stands(c, v);
                return;
        case CLAIM_YIELDED:
                if (c->traits.text_tells_person && is_last_word(c, v)) {
                        if (is_persons_word_kept(c))
                                keep_persons_word(c, v);
                        claim_take_last_word(c, v);
                }
                c->view.known = claim_stands(c, v);
                return;
        case CLAIM_FOREIGN:
        case CLAIM_REFUSED:
        case CLAIM_NO_EFFECT:
                c->view.known = claim_stands(c, v);
                return;
        case CLAIM_FREE:
        case CLAIM_STUCK:
                return;
        }
}

static void see_words(struct claim *c, usec_t now) {
        if (c->view.is.text[0] && now >= c->debt.restored_by)
                c->debt.words_away = false;
}

void claim_on_seen(struct claim *c, const struct claim_value *v, usec_t now) {
        if (claim_is_way_back(c->phase))
                claim_note_hidden(c, v, &c->view.is);
        c->view = claim_look(c, v, /* told= */ true, now);
        c->caught = c->caught && claim_is_taken(c, v->state);
        see_words(c, now);
        if (claim_is_writing(c)) {
                c->flight.echoed = c->flight.back ? is_back(c, v) : claim_stands(c, v);
                /* It may be from before our write or from after it. */
                c->view.known = false;
                if (c->phase == CLAIM_HELD)
                        c->in.held.doubt = !c->flight.echoed;
        } else if (!c->debt.owed || !c->debt.written)
                see_unowed(c, now);
        else
                see_owed(c);
        if (c->phase == CLAIM_ENTERING || c->phase == CLAIM_HELD)
                claim_follow_state(c, now);
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

void claim_on_refused(struct claim *c) {
        c->ahead.refused = true;
}

/* ---- facts: answers to a read ---- */

void claim_stop_for(struct claim *c, const struct claim_value *v) {
        claim_enter_phase(c,
                          !c->traits.text_tells_person && claim_is_taken(c, v->state) ? CLAIM_FOREIGN : CLAIM_YIELDED);
        c->in.stopped.judged = *v;
        if (!c->traits.text_per_device || !c->debt.is.text_claimed)
                return;
        c->in.stopped.text_due = true;
        c->debt.is.text_claimed = false;
        c->debt.on_disk = false;
        keep_persons_word(c, v);
}

void claim_stop_for_claim_of_another(struct claim *c) {
        claim_enter_phase(c, CLAIM_FOREIGN);
        c->in.stopped.judged = c->view.is;
}

/* Our value is not there any more, and should be. */
static void write_again(struct claim *c) {
        if (c->phase == CLAIM_HELD)
                claim_start_entering(c, c->in.held.written_at, /* landed= */ false);
        c->in.entering.outdated = true;
        c->in.entering.lost++;
}

void claim_forget_read(struct claim *c) {
        c->view.known = c->view.known && c->view.live && c->view.told;
}

/* For the nth time. */
static void repeat(struct claim *c, unsigned n, usec_t now, uint32_t random) {
        claim_forget_read(c);
        claim_limits_repeat(&c->limits, n - 1, now, random);
}

/* Where each device has its own words, those of another one show beside our state whenever that one was heard of last:
 * the server has taken ours. */
static bool is_shown_through(const struct claim *c, const struct claim_value *v) {
        const struct claim_owed *d = &c->debt.is;

        return c->traits.text_per_device && d->state_claimed && claim_owed_has_state(d, v->state) &&
               !streq(v->state, d->prior.state);
}

/* What a read says about a value of ours that the server has acknowledged. */
static void judge_ours(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        struct claim_value prior = claim_prior(c);
        bool seen_before = c->phase == CLAIM_HELD, was_prior = claim_value_equal(v, &prior);
        bool without_ours = c->debt.is.text_claimed && streq(v->text, prior.text) && !is_shown_through(c, v);
        bool ignored = !seen_before && ((!c->traits.person_writes_whole && was_prior) || without_ours);
        /* Another client may have overwritten it at once; hardly time after time. */
        bool hopeless = !seen_before && was_prior && c->in.entering.lost + 1 >= CLAIM_LEAVE_TRIES_MAX;
        /* A machine that claims the state alone repeats the words that it has read before ours came. */
        bool repeated = !seen_before && !hopeless && claim_others_now(&c->others).going_on != CLAIM_NO_PART;
        bool crossed = !hopeless && claim_may_be_crossed(c);
        bool restored = (claim_may_be_restored(c, now) || repeated || crossed) &&
                        !claim_is_persons(c, v, /* prior_too= */ true);

        if (c->inquiry.released && claim_is_back_at_prior(c, v)) {
                write_again(c);
                return;
        }
        if (!restored && (ignored || hopeless)) {
                claim_enter_phase(c, CLAIM_NO_EFFECT);
                c->in.stopped.judged = *v;
        } else if (!restored && claim_is_persons(c, v, /* prior_too= */ c->traits.text_per_device))
                claim_stop_for(c, v);
        else {
                /* Our words, another state: the server's doing, or a client's, which a machine that begins now may
                 * write over first. Only where it is known that ours was there before will it also be known if the
                 * client comes to the state of ours next. */
                if (c->flight.displaced)
                        claim_renew_prior(c, /* displaced= */ true);
                write_again(c);
                repeat(c, c->in.entering.lost, now, random);
                return;
        }
        c->in.stopped.lost_at = now;
}

static void read_ours(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        usec_t written_at = c->phase == CLAIM_HELD ? c->in.held.written_at : c->in.entering.written_at;
        bool lost = c->phase == CLAIM_HELD && c->in.held.lost;

        /* What is lost and still shows is another device's. */
        if (claim_stands(c, v)) {
                claim_enter_phase(c, CLAIM_HELD);
                c->in.held.written_at = written_at;
                c->in.held.doubt = false;
        } else if (!lost)
                judge_ours(c, v, now, random);
        else if (claim_is_persons(c, v, /* prior_too= */ true))
                claim_stop_for(c, v);
        else
                c->in.held.doubt = false; /* it is gone, as was known */
}

/* What a read says about what was given back, and acknowledged. */
static void judge_left(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        struct claim_leaving *l = &c->in.leaving;
        bool state_alone = claim_state_remains(c, v) && !claim_text_remains(c, v);
        /* Else it may be a write of our own that was lost, and has landed. */
        bool caught = state_alone && c->traits.sticky && now >= c->debt.lands_by, hopeless;

        if (claim_is_given_back(c, v)) {
                l->confirmed = true;
                return;
        }
        if (claim_can_be_cured(c, v))
                return;
        l->tries++;
        /* A state without words is nobody else's: the server has only not taken it away yet. */
        hopeless = state_alone && c->traits.text_tells_person && l->tries >= CLAIM_LEAVE_TRIES_MAX &&
                   now >= c->debt.lands_by;
        if (caught || hopeless) {
                l->confirmed = l->stuck = true;
                return;
        }
        l->left_at = 0;
        repeat(c, l->tries, now, random);
        claim_turn_back(c);
}

/* A lost write has landed after all, or not yet. */
static void judge_free(struct claim *c, const struct claim_value *v, usec_t now) {
        usec_t settles_at = claim_settles_at(c);
        /* The words of another device hide what has landed on ours. */
        bool behind = c->traits.text_per_device && v->text[0] && c->debt.lands_by > 0 && now >= settles_at;

        if (!claim_may_be_landed(c, v, now) && !are_kept_words_missing(c) && !behind) {
                c->in.free.looked = now >= settles_at;
                c->in.free.look_at = usec_min(settles_at, usec_add(now, CLAIM_LOOK_EVERY));
                return;
        }
        c->debt.owed = c->debt.written = true;
        c->debt.on_disk = c->debt.unsure_on_disk = c->debt.kept;
        claim_enter_phase(c, CLAIM_LEAVING);
        c->in.leaving.must_finish = true;
}

void claim_on_read(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random) {
        c->flight.step = CLAIM_NOTHING;
        c->view = claim_look(c, v, /* told= */ false, now);
        c->caught = c->caught && claim_is_taken(c, v->state);
        see_words(c, now);
        if (c->debt.owed && c->debt.written)
                see_persons_on_the_way_back(c, v);
        claim_limits_worked_but_for_writes(&c->limits);
        if (c->phase == CLAIM_LEAVING && c->in.leaving.left_at > 0)
                judge_left(c, v, now, random);
        else if (c->phase == CLAIM_FREE)
                judge_free(c, v, now);
        else if (c->phase == CLAIM_HELD || (c->phase == CLAIM_ENTERING && claim_is_acked(c)))
                read_ours(c, v, now, random);
        if (c->inquiry.under_way && !c->inquiry.due)
                c->inquiry.released = false;
        c->inquiry.under_way = false;
}

/* ---- facts: a wait is over ---- */

void claim_on_reconnected(struct claim *c) {
        claim_limits_end_backoff(&c->limits);
}

void claim_try_again(struct claim *c) {
        c->ahead.refused = false;
        claim_limits_end_waits(&c->limits);
}
