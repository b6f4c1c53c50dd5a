/* The steps of a claim on the way back, and after it. See claim.c for the phases. */
#include "core/claim-parts.h"

/* ---- decisions: the way back ---- */

/* Once or twice for each leave, and so as seldom as those: the user has waited long enough. */
static struct claim_request cure_step(struct claim *c) {
        struct claim_request r = claim_take_step(c, CLAIM_CURE);

        c->flight.echoed = false;
        c->flight.value = r.value = c->in.leaving.back;
        return r;
}

usec_t claim_settles_at(const struct claim *c) {
        return c->traits.text_per_device && c->debt.restored_by > c->debt.lands_by ? c->debt.restored_by
                                                                                   : c->debt.lands_by;
}

/* What came later than the words beside it: a lost write from before that puts those back with a state of ours, and is
 * told by them from a person's. */
static bool do_prior_words_tell(const struct claim *c, const struct claim_value *now) {
        struct claim_value found;

        (void) claim_find_prior(c, &found);
        return c->traits.person_writes_whole && (c->debt.is.added & CLAIM_TEXT) && !streq(now->text, found.text);
}

/* Where words of a person do not end the claim of a state alone, those that are there now are newer than its own. */
static bool is_found_anew(const struct claim *c, const struct claim_value *now) {
        return c->traits.per_device && !claim_text_is_ours(c, now);
}

/* What a lost write puts there later goes back to what is there now, also by the next run: to what was given back, or
 * what somebody has written since. */
static struct claim_request keep_step(struct claim *c) {
        struct claim_owed *d = &c->debt.is;
        struct claim_value now =
                c->view.known ? claim_compose_given_back(c, &c->view.is, CLAIM_NO_PART) : c->in.leaving.back;

        if (do_prior_words_tell(c, &now))
                now = d->prior;
        if (c->traits.text_per_device && c->view.known)
                claim_value_put_text(&d->prior, c->view.is.text);
        else if (d->text_claimed || is_found_anew(c, &now))
                claim_value_put_text(&d->prior, now.text);
        if (d->state_claimed && !c->traits.per_device)
                claim_value_put_state(&d->prior, now.state);
        d->unsure = d->given_back = true;
        d->ahead = false;
        c->debt.on_disk = false;
        c->in.leaving.keeps = true;
        return claim_take_step(c, CLAIM_JOURNAL);
}

/* All is given back. A disk that fails to cross it out changes nothing about that: what shows from now on, and be it
 * our very words, was put there by somebody else. */
static struct claim_request forget_step(struct claim *c, usec_t now) {
        c->in.leaving.over = true;
        if (now < claim_settles_at(c))
                return keep_step(c);
        /* It has landed by now or never will: what is there was just looked at. */
        c->debt.lands_by = 0;
        if (c->traits.text_per_device)
                c->debt.restored_by = 0;
        return claim_take_step(c, CLAIM_FORGET);
}

/* What another machine has left to us, believing that the call goes on here, is owed as if it had been ours. Where
 * each device has its own words, those went with it. Returns false if there is nothing to be done about that. */
static bool take_over_left(struct claim *c, usec_t now, struct claim_request *ret) {
        const struct claim_owed *d;

        if (!c->left || c->deaf || c->debt.kept || c->debt.armed)
                return false;
        c->left = !c->traits.text_per_device && claim_is_alone(c);
        if (c->left && !claim_is_view_fresh(c, now)) {
                *ret = claim_take_step(c, CLAIM_READ);
                return true;
        }
        d = c->left ? claim_others_left_standing(&c->others, &c->view.is, claim_is_taken(c, c->view.is.state)) : NULL;
        c->left = false;
        if (!d)
                return false;
        c->debt = (struct claim_debt){ .is = *d, .owed = true, .written = true };
        claim_enter_phase(c, CLAIM_LEAVING);
        c->in.leaving.must_finish = true;
        *ret = claim_leave_step(c, now);
        return true;
}

struct claim_request claim_free_step(struct claim *c, usec_t now) {
        struct claim_free *f = &c->in.free;
        usec_t settles_at = claim_settles_at(c);
        struct claim_request r;

        if ((settles_at == 0 || f->looked) && take_over_left(c, now, &r))
                return r;
        if (settles_at == 0 || f->looked)
                return c->debt.kept ? claim_take_step(c, CLAIM_FORGET) : claim_arm_step(c, now);
        if (f->look_at == 0)
                f->look_at = usec_min(settles_at, usec_add(now, CLAIM_ASK_AFTER));
        if (now < f->look_at && c->view.live)
                return claim_wait_until(settles_at);
        return now < f->look_at ? claim_wait_until(f->look_at) : claim_take_step(c, CLAIM_READ);
}

/* Where each device has its own words, those of another one hide what a lost write has put on this one since it gave
 * back, until the next poll of ours. */
static void expect_behind(struct claim *c, usec_t now) {
        struct claim_leaving *l = &c->in.leaving;

        if (!c->traits.text_per_device || c->debt.kept || l->left_at >= c->debt.lands_by || now < c->debt.lands_by)
                return;
        l->left_at = 0;
        l->confirmed = false;
        l->behind = true;
}

/* Another machine is done: see that all of it was given back. */
static void look_again(struct claim *c) {
        struct claim_leaving *l = &c->in.leaving;

        claim_enter_phase(c, CLAIM_LEAVING);
        l->left_at = 0;
        l->confirmed = false;
        l->tries = 0;
        c->view.known = false;
}

/* Where each device has a state of its own, one that still shows is perhaps that of another machine which is about to
 * take it away. */
static bool state_may_be_anothers(const struct claim *c) {
        return c->traits.per_device && c->debt.is.state_claimed && !(claim_going_on(c) & CLAIM_STATE) &&
               claim_others_now(&c->others).state_is_about && claim_is_taken(c, c->view.is.state) &&
               claim_state_is_ours(c, &c->view.is);
}

/* What another machine goes on to claim, or did so far, is still there in what was given back. */
static bool is_kept_back(const struct claim *c) {
        const struct claim_value *back = &c->in.leaving.back;
        struct claim_value all = claim_compose_given_back(c, back, CLAIM_NO_PART);

        if (!streq(all.text, back->text) || state_may_be_anothers(c))
                return true;
        return !c->traits.per_device && !streq(all.state, back->state);
}

/* Left to another machine, as long as it goes on, or is about to give back. */
static struct claim_request share_step(struct claim *c, usec_t now) {
        claim_enter_phase(c, CLAIM_SHARED);
        c->in.leaving.look_at = usec_add(now, CLAIM_ASK_AFTER);
        return claim_wait_until(claim_going_on(c) ? USEC_NEVER : c->in.leaving.look_at);
}

/* With one text per user, none is there in place of ours. That a person has taken away, or another machine that is not
 * heard now, has found ours there, and knew of nothing before them. Nothing of ours stands while we wait to hear. */
static bool is_left_empty_unheard(const struct claim *c) {
        const struct claim_value *v = &c->view.is;

        return c->deaf && !c->traits.text_per_device && c->debt.is.text_claimed && !c->in.leaving.yielded &&
               !v->text[0] && !claim_text_is_ours(c, v) && !claim_is_taken(c, v->state) && claim_prior(c).text[0];
}

/* Where a state alone tells: another machine that is not heard now has perhaps found ours, and has left its own to us.
 */
static bool is_left_another_unheard(const struct claim *c) {
        const struct claim_value *v = &c->view.is;

        return c->deaf && !c->traits.per_device && !c->traits.text_tells_person && claim_is_taken(c, v->state) &&
               !claim_state_is_ours(c, v);
}

/* Nothing of ours stands there, and perhaps something that is ours to give back once the others are heard. */
static bool waits_to_hear(const struct claim *c) {
        return is_left_empty_unheard(c) || is_left_another_unheard(c);
}

/* What was put back repeats the state of another machine that gives back meanwhile, and may have taken that away
 * already: it is seen once that one is done. */
static bool may_have_repeated(const struct claim *c) {
        struct claim_others_now all = claim_others_now(&c->others);

        return !c->traits.per_device && c->traits.person_writes_whole && !c->debt.is.state_claimed &&
               c->in.leaving.restored && all.state_is_about && all.will_give_back && !(all.going_on & CLAIM_STATE) &&
               (claim_others_wrote(&c->others, &c->in.leaving.back) & CLAIM_STATE);
}

static struct claim_request finish_step(struct claim *c, usec_t now) {
        struct claim_leaving *l = &c->in.leaving;

        if (!l->waited && may_have_repeated(c)) {
                l->waited = true;
                return share_step(c, now);
        }
        if (!is_kept_back(c) || (l->stuck && !c->traits.per_device))
                return waits_to_hear(c) ? claim_wait_until(USEC_NEVER) : forget_step(c, now);
        /* Whose state it may be waits for us in turn, or sleeps: to look at once would show the same. */
        if (!claim_going_on(c) && !claim_others_now(&c->others).will_give_back && !state_may_be_anothers(c)) {
                look_again(c);
                return claim_take_step(c, CLAIM_READ);
        }
        return share_step(c, now);
}

/* Without a write. Of an aggregate the own part is not seen. */
static bool stands_given_back(const struct claim *c, const struct claim_value *v) {
        if (!c->traits.per_device)
                return claim_value_equal(v, &c->view.is);
        if (c->in.leaving.behind && c->view.is.text[0])
                return false;
        return c->in.leaving.withdrawn && streq(v->text, c->view.is.text) && !claim_state_remains(c, &c->view.is);
}

/* It was given back, and acknowledged: is it there. */
static struct claim_request confirm_step(struct claim *c, usec_t now) {
        const struct claim_leaving *l = &c->in.leaving;
        usec_t verify_at = usec_add(l->left_at, CLAIM_VERIFY_AFTER);

        if (l->confirmed)
                return finish_step(c, now);
        if (now < verify_at)
                return claim_wait_until(verify_at);
        /* Only as it was read, and as long as there is a cure: a state that is pushed is perhaps another machine's. */
        if (c->view.known && !c->view.told && claim_can_be_cured(c, &c->view.is))
                return cure_step(c);
        return claim_take_step(c, CLAIM_READ);
}

/* Words that nobody of us has claimed, and that went with a write of ours: the server showed them and had them on no
 * device that still counts. What goes with another machine's that show there is its own to put back. */
static void keep_words(const struct claim *c, const struct claim_value *before, struct claim_value *back) {
        const struct claim_leaving *l = &c->in.leaving;
        const struct claim_value *words = l->yielded && l->persons.text[0] ? &l->persons : before;

        if (!c->debt.is.text_claimed && claim_are_words_missing(c, back, words->text) &&
            !claim_is_text_given_up(c, words) && !claim_is_on_another_device(c, words) &&
            !claim_is_on_another_device(c, &c->view.is))
                claim_value_put_text(back, words->text);
}

/* Another machine was told that the user is on a call here, and has gone. */
static bool is_left_to_us(const struct claim *c) {
        return claim_others_may_have_left(&c->others, &c->debt.is);
}

/* ... or may have, and is not heard now. */
static bool is_perhaps_left_to_us(const struct claim *c) {
        return c->deaf && !claim_is_alone(c);
}

/* Before this one has written: by another machine, or an earlier claim, of which a lost write has landed. */
static bool is_there_unwritten(const struct claim *c, usec_t now) {
        return (now < c->debt.lands_by || is_left_to_us(c)) && c->view.known && !claim_is_given_back(c, &c->view.is);
}

/* Also by an earlier run, which did not say, or before something was wanted again. */
static struct claim_value last_given_back(const struct claim *c) {
        bool tried = c->in.leaving.back.state[0], said = tried || (c->debt.begun_at > 0 && !c->debt.words_away);

        return c->debt.is.given_back || !said ? c->debt.is.prior : c->in.leaving.back;
}

/* Whose they are nobody knows while the others are not heard. With one value for all of the user's devices, a state
 * that is taken beside them may be the claim of another machine, which has perhaps told nothing yet. */
void claim_note_hidden(struct claim *c, const struct claim_value *v, const struct claim_value *before) {
        struct claim_leaving *l = &c->in.leaving;
        bool under_way = c->flight.back && (claim_is_writing(c) || (l->left_at > 0 && !l->confirmed));

        if (!under_way || !c->traits.text_tells_person || c->traits.text_per_device || c->deaf || !v->text[0])
                return;
        if (!c->traits.per_device && claim_is_taken(c, v->state))
                return;
        if (streq(v->text, before->text) || streq(v->text, c->flight.value.text) ||
            !claim_is_persons(c, v, /* prior_too= */ true))
                return;
        if (!l->hidden)
                l->hider = c->flight.value;
        l->hidden = l->yielded = l->must_finish = true;
        l->persons = *v;
}

/* ... what gave back came later. */
static bool is_persons_word_hidden(const struct claim *c) {
        const struct claim_leaving *l = &c->in.leaving;
        const char *text = c->view.is.text;

        if (!l->hidden || !c->view.known || streq(text, l->persons.text) || claim_text_is_ours(c, &l->persons))
                return false;
        return streq(text, l->hider.text) || (c->flight.back && streq(text, c->flight.value.text));
}

static struct claim_value compose_unhidden(const struct claim *c) {
        struct claim_value v = c->in.leaving.persons;

        if (c->traits.per_device)
                claim_value_put_state(&v, c->traits.withdrawn);
        return v;
}

/* It is not known whether a claim of before has written at all. Where another machine has put the same words there, it
 * has found what stood there without that one, and so has found it later. */
static void judge_suspicion(struct claim *c) {
        bool alike = c->debt.is.text_claimed && !(claim_going_on(c) & CLAIM_TEXT) && !c->traits.text_per_device;
        const char *words = alike ? claim_others_words_before(&c->others, &c->debt.is, c->view.is.text) : NULL;

        if (words)
                claim_value_put_text(&c->debt.is.prior, words);
        if (words || claim_text_remains(c, &c->view.is))
                claim_stop_suspecting(c);
}

struct claim_request claim_leave_step(struct claim *c, usec_t now) {
        struct claim_leaving *l = &c->in.leaving;
        usec_t may_write_at = claim_limits_write_at(&c->limits, /* back= */ true);
        usec_t told_at = usec_add(c->debt.begun_at, CLAIM_ASK_AFTER);
        struct claim_value v, before = last_given_back(c);
        bool hidden = is_persons_word_hidden(c);

        if (l->keeps)
                return keep_step(c);
        if (l->over)
                return claim_take_step(c, CLAIM_FORGET);
        if (!c->debt.written && !claim_is_view_fresh(c, now) && is_left_to_us(c))
                return claim_take_step(c, CLAIM_READ);
        if (!c->debt.written) {
                l->back = claim_prior(c);
                c->debt.written = is_there_unwritten(c, now);
        }
        if (!c->debt.written && is_perhaps_left_to_us(c))
                return claim_wait_until(USEC_NEVER);
        /* What another machine has heard last may be that the call goes on here, and when it is done it may be gone.
         */
        if (!c->debt.written && !l->waited && claim_others_may_leave(&c->others, &c->debt.is)) {
                l->waited = true;
                return share_step(c, now);
        }
        if (!c->debt.written)
                return forget_step(c, now);
        /* What was taken for theirs is another machine's that has not heard of us, as is known now. */
        l->yielded = l->yielded && !claim_was_put_back(c, &l->persons);
        if (l->left_at > 0)
                expect_behind(c, now);
        if (l->left_at > 0 && !hidden)
                return confirm_step(c, now);
        l->left_at = 0;
        l->confirmed = false;
        if (now < may_write_at)
                return claim_wait_until(may_write_at);
        /* They are another machine's that has just begun, or an earlier run's: who knows has told by then. */
        if (now < told_at && !claim_find_prior(c, &v))
                return claim_wait_until(told_at);
        if (!c->traits.per_device && !l->waited && claim_others_now(&c->others).gives_back) {
                l->waited = true;
                return share_step(c, now);
        }
        if (!claim_is_view_fresh(c, now))
                return claim_take_step(c, CLAIM_READ);
        if (c->debt.is.ahead)
                judge_suspicion(c);
        /* Should our words show again, theirs are what goes back there. */
        if (!hidden && c->traits.per_device && claim_is_persons(c, &c->view.is, /* prior_too= */ true) &&
            !claim_is_text_given_up(c, &c->view.is) && !is_left_empty_unheard(c)) {
                l->yielded = true;
                l->persons = c->view.is;
        }
        l->back = hidden ? compose_unhidden(c) : claim_compose_given_back(c, &c->view.is, claim_going_on(c));
        keep_words(c, &before, &l->back);
        if ((!c->debt.open || claim_going_on(c)) && stands_given_back(c, &l->back))
                return finish_step(c, now);
        if (!c->debt.on_disk)
                return claim_take_step(c, CLAIM_JOURNAL);
        l->restores = c->debt.is.text_claimed && claim_text_is_ours(c, &c->view.is);
        return claim_write_step(c, &l->back, /* back= */ true, now);
}

/* A person has taken ours away, and who is not heard now may have begun anew over newer words. */
static bool is_anothers_by_now(const struct claim *c) {
        return c->in.leaving.yielded && c->deaf && !claim_is_alone(c);
}

struct claim_request claim_shared_step(struct claim *c, usec_t now) {
        if (claim_going_on(c) || is_anothers_by_now(c))
                return claim_wait_until(USEC_NEVER);
        if (now < c->in.leaving.look_at)
                return claim_wait_until(c->in.leaving.look_at);
        expect_behind(c, now);
        look_again(c);
        return claim_leave_step(c, now);
}
