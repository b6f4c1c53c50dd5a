/* Facts of a claim: what is heard of the user's other machines, and of whoever else may have released it. See claim.c
 * for the phases. */
#include "core/claim-parts.h"

/* Only words of another machine explain a message that a device of its own shows; no state does. */
static bool is_word_on_another_device(const struct claim *c) {
        return c->phase == CLAIM_YIELDED && c->traits.text_per_device &&
               !(claim_others_wrote(&c->others, &c->in.stopped.judged) & CLAIM_TEXT);
}

void claim_on_doubt(struct claim *c, bool released, usec_t now) {
        const struct claim_stopped *s = &c->in.stopped;

        if (!c->wanted || (!c->debt.owed && c->phase != CLAIM_FOREIGN))
                return;
        /* Read between the release and the word of it. */
        if (released && claim_is_stopped(c->phase) && s->lost_at > 0 && now < usec_add(s->lost_at, CLAIM_ASK_AFTER) &&
            claim_is_back_at_prior(c, &s->judged) && !is_word_on_another_device(c))
                claim_enter_phase(c, CLAIM_FOREIGN);
        c->inquiry.due = true;
        c->inquiry.released = c->inquiry.released || released;
        c->inquiry.at = usec_add(now, CLAIM_ASK_AFTER);
}

/* The state of another machine, which an aggregate shows for as long as that is in a call, says nothing of the words
 * beside it: two machines that have both given way to a person's would send each other back for ever. */
static bool is_explained(const struct claim *c) {
        bool by_state = c->traits.per_device && c->phase == CLAIM_FOREIGN;

        return claim_others_explain(&c->others, &c->debt.is, by_state, &c->in.stopped.judged);
}

void claim_take_last_word(struct claim *c, const struct claim_value *v) {
        struct claim_stopped *s = &c->in.stopped;

        if (!streq(v->text, s->judged.text))
                s->former = s->judged;
        s->judged = *v;
        s->outdone = false;
}

/* Words that came over a person's are another machine's, as is known now: the person's are what was given way to. */
static void judge_former(struct claim *c) {
        struct claim_stopped *s = &c->in.stopped;

        if (c->phase != CLAIM_YIELDED || !s->former.text[0] || claim_text_is_ours(c, &s->former) || !is_explained(c))
                return;
        s->judged = s->former;
        s->former = (struct claim_value){};
        s->outdone = s->outdone && !streq(s->judged.text, c->debt.is.prior.text);
}

/* Nobody of us has begun, ended or lost its value lately. */
static bool is_held_in_peace(const struct claim *c, usec_t now) {
        return c->phase == CLAIM_HELD && now >= usec_add(c->in.held.written_at, CLAIM_ASK_AFTER) &&
               now >= usec_add(c->heard_at, CLAIM_ASK_AFTER);
}

/* Beside another machine it may be that one's, but for one that comes before any of us would write again. */
static void follow_state_beside_another(struct claim *c, bool ours, usec_t now) {
        struct claim_flight *f = &c->flight;
        bool at_once = ours && f->other_at > 0 && now < usec_add(f->other_at, CLAIM_REPEATS_AFTER);

        if (!ours && f->other_at == 0 && !claim_is_writing(c) && is_held_in_peace(c, now)) {
                f->other_at = now;
                return;
        }
        if (ours)
                f->other_at = 0;
        if (!at_once || claim_is_writing(c) || !claim_stands(c, &c->view.is))
                return;
        claim_renew_prior(c, /* displaced= */ true);
}

void claim_follow_state(struct claim *c, usec_t now) {
        bool ours = claim_state_is_ours(c, &c->view.is);

        if (c->traits.per_device || !c->debt.written || !c->debt.is.state_claimed || now < c->debt.lands_by)
                return;
        if (claim_others_now(&c->others).state_is_about) {
                follow_state_beside_another(c, ours, now);
                return;
        }
        c->flight.displaced = c->flight.displaced || (c->flight.told && !ours);
        c->flight.told = c->flight.told || ours;
}

/* What was taken for somebody else's word or claim may be explained by now; what is not may have ended. Where ours did
 * not show, a machine that has just come repeats what it had read before. */
static bool may_begin_again(const struct claim *c) {
        if (c->phase != CLAIM_FOREIGN && c->phase != CLAIM_YIELDED)
                return false;
        if (is_word_on_another_device(c))
                return false;
        return !c->debt.owed || claim_was_left_empty(c) || claim_was_put_back(c, &c->in.stopped.judged) ||
               (is_explained(c) && (claim_is_others(c, &c->view.is) || claim_is_back_at_prior(c, &c->view.is)));
}

/* Another machine has found words that this one has not seen before the person's, to whom it has yielded: they were
 * written later. What only explains words of ours that this one has found is older. */
static void take_newer_word(struct claim *c, const struct claim_value *told, const struct claim_value *v) {
        if (streq(v->text, told->text) || claim_text_is_ours(c, told))
                return;
        if (c->phase == CLAIM_YIELDED)
                c->in.stopped.outdone = !streq(v->text, c->in.stopped.judged.text);
        else if (claim_is_way_back(c->phase) && c->in.leaving.yielded && !streq(v->text, c->in.leaving.persons.text))
                c->in.leaving.persons = *v;
}

/* What the others have told and will not change any more is what is owed. That they have found no words is no reason
 * to forget those that were found here, unless one of them has told before that it put them there (`theirs`). */
static void learn_prior(struct claim *c, const struct claim_value *told, bool theirs) {
        struct claim_value v = c->debt.is.prior;

        claim_others_look_through(&c->others, &c->debt.is, c->traits.per_device, /* done_only= */ true, &v);
        claim_others_keep_told(&c->others, &c->debt.is, c->traits.per_device, told, &v);
        if (claim_are_words_missing(c, &v, c->debt.is.prior.text) && !theirs &&
            !claim_text_is_ours(c, &c->debt.is.prior))
                claim_value_put_text(&v, c->debt.is.prior.text);
        if (claim_value_equal(&v, &c->debt.is.prior))
                return;
        take_newer_word(c, told, &v);
        c->debt.is.prior = v;
        c->debt.on_disk = false;
}

/* Ours is heard of within CLAIM_ASK_AFTER, and so is theirs; what was sent before that may be slow. */
void claim_expect_crossing(struct claim *c, bool one_has_come, usec_t now) {
        bool is_new = c->debt.begun_at > 0 && now < usec_add(c->debt.begun_at, 2 * CLAIM_ASK_AFTER);

        if (c->debt.owed && is_new && (one_has_come || claim_others_now(&c->others).any_ending))
                c->debt.crossed_by = usec_add(c->debt.begun_at, CLAIM_ASK_AFTER + CLAIM_LANDS_WITHIN);
}

/* Who gave back is done, and has lost no write of that: what it has put there shows by then. */
static void expect_no_crossing(struct claim *c, const struct claim_others_now *all, usec_t now) {
        if (all->any_over && !all->any_ending && !all->any_late)
                c->debt.crossed_by = usec_min(c->debt.crossed_by, usec_add(now, CLAIM_ASK_AFTER));
}

int claim_on_others(struct claim *c, const struct claim_other *others, size_t n, usec_t now) {
        bool one_has_come = !claim_others_know_all(&c->others, others, n);
        bool put_back = claim_others_tell_put_back(&c->others, others, n);
        bool theirs = claim_others_wrote(&c->others, &c->debt.is.prior) & CLAIM_TEXT;
        struct claim_value told = c->debt.is.prior;
        struct claim_others_now all;
        int r;

        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, &told);
        r = claim_others_set(&c->others, others, n, now);
        if (r < 0)
                return r;
        if (c->debt.owed && c->debt.begun_at == 0)
                claim_others_found_before(&c->others, &c->debt.is);
        all = claim_others_now(&c->others);
        if (c->debt.owed)
                learn_prior(c, &told, theirs);
        judge_former(c);
        if (c->debt.owed && put_back)
                c->debt.put_back_by = usec_add(now, CLAIM_ASK_AFTER);
        claim_expect_crossing(c, one_has_come, now);
        if (!one_has_come)
                expect_no_crossing(c, &all, now);
        if (all.state_is_about)
                c->flight.told = c->flight.displaced = false; /* it may be theirs from now on */
        c->flight.other_at = 0;
        c->heard_at = now;
        if (may_begin_again(c) || (c->phase == CLAIM_NO_EFFECT && one_has_come)) {
                claim_enter_phase(c, CLAIM_FOREIGN);
                c->inquiry = (struct claim_inquiry){ .due = true, .released = true, .at = now };
        } else
                claim_on_doubt(c, all.any_over || r > 0, now);
        /* One that has not written does not wait anew: what it waits for may wait for it in turn. */
        if (c->phase == CLAIM_SHARED && !claim_going_on(c) && (c->debt.written || !all.any_ending))
                c->in.leaving.look_at = all.will_give_back ? usec_add(now, CLAIM_ASK_AFTER) : now;
        return 0;
}

void claim_on_told_over(struct claim *c) {
        c->left = c->left || !c->debt.owed;
}

void claim_set_deaf(struct claim *c, bool deaf) {
        c->deaf = deaf;
}
