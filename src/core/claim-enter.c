/* The steps of a claim on the way there, while it is held, and where it is stopped. See claim.c for the phases. */
#include "core/claim-parts.h"

/* ---- decisions ---- */

struct claim_request claim_wait_until(usec_t at) {
        return (struct claim_request){ .step = CLAIM_NOTHING, .wake_at = at };
}

struct claim_request claim_take_step(struct claim *c, enum claim_step step) {
        c->flight.step = step;
        return (struct claim_request){ .step = step, .wake_at = USEC_NEVER };
}

struct claim_request claim_write_step(struct claim *c, const struct claim_value *v, bool back, usec_t now) {
        usec_t may_write_at = claim_limits_write_at(&c->limits, back);
        struct claim_request r;

        if (now < may_write_at)
                return claim_wait_until(may_write_at);

        /* What another machine has put back is gone with this write: if it shows after it, a person has chosen it. */
        if (!back)
                c->debt.put_back_by = usec_min(c->debt.put_back_by, now + 1);
        claim_limits_spend(&c->limits, now);
        c->flight = (struct claim_flight){ .step = CLAIM_WRITE, .value = *v, .back = back };
        r = claim_take_step(c, CLAIM_WRITE);
        r.value = *v;
        return r;
}

/* ---- decisions: the way there ---- */

/* An entry that was put there ahead suffices for the first write, and not after it. */
static bool is_journal_current(const struct claim *c) {
        if (c->debt.armed && c->debt.written)
                return false;
        return c->debt.on_disk && c->debt.unsure_on_disk == c->debt.is.unsure;
}

static struct claim_request journal_step(struct claim *c) {
        bool suffices = c->debt.armed && c->debt.fits && !c->debt.written;

        return claim_take_step(c, suffices ? CLAIM_USE : CLAIM_JOURNAL);
}

/* As far as both claim it. The newest of them are the likeliest to land, if there is no room for all. */
static void add_before(struct claim_owed *d, const struct claim_owed *before) {
        struct claim_value newest = d->ours[0];
        struct claim_owed all = *before;

        for (unsigned i = 0; i < all.n_ours; i++) {
                if (!before->state_claimed)
                        claim_value_put_state(&all.ours[i], newest.state);
                if (!before->text_claimed)
                        claim_value_put_text(&all.ours[i], newest.text);
        }
        while (!claim_owed_add(&all, &newest)) {
                memmove(all.ours, all.ours + 1, (all.n_ours - 1) * sizeof(all.ours[0]));
                all.n_ours--;
        }
        memcpy(d->ours, all.ours, sizeof(d->ours));
        d->n_ours = all.n_ours;
}

/* Above that of each other claim that is known, and of our last one, above which another may have begun unheard. */
static unsigned newest_order(const struct claim *c) {
        unsigned order = c->others.n > 0 ? c->last_order : 0;

        for (size_t i = 0; i < c->others.n; i++)
                order = c->others.of[i].owed.order > order ? c->others.of[i].owed.order : order;
        return order < CLAIM_ORDER_MAX ? order + 1 : 1;
}

void claim_renew_order(struct claim *c) {
        if (c->debt.is.order < newest_order(c))
                c->debt.is.order = newest_order(c);
        c->debt.is.alone = claim_others_are_long_done(&c->others, c->view.at);
}

static struct claim_owed compose_debt(const struct claim *c, usec_t now) {
        const struct claim_owed *before = &c->debt.is;
        struct claim_owed d = {
                .prior = c->view.is,
                .ours = { claim_compose_ours(c) },
                .n_ours = 1,
                .state_claimed = c->want.state_claimed,
                .text_claimed = c->want.text_claimed,
        };

        d.order = newest_order(c);
        d.alone = claim_others_are_long_done(&c->others, c->view.at);
        if (c->traits.text_per_device && !d.prior.text[0])
                claim_value_put_text(&d.prior, claim_others_words_away(&c->others));
        /* As if our words had stood there all the time. */
        if (c->others.n > 0 && d.text_claimed && claim_are_none_left(c))
                claim_value_put_text(&d.prior, d.ours[0].text);
        if (c->debt.lands_by == 0 || now >= usec_add(c->debt.lands_by, LANDED_KNOWN_FOR))
                return d;
        /* What a lost write of the last claim has put there, or will, is owed back with this one. */
        if (claim_owed_has_text(before, d.prior.text))
                claim_value_put_text(&d.prior, before->prior.text);
        if (claim_is_landed(c, &c->view.is, now) && claim_owed_has_state(before, d.prior.state))
                claim_value_put_state(&d.prior, before->prior.state);
        if (d.state_claimed >= before->state_claimed && d.text_claimed >= before->text_claimed)
                add_before(&d, before);
        if (d.text_claimed && (!before->text_claimed || (before->added & CLAIM_TEXT)))
                d.added |= CLAIM_TEXT;
        if (d.state_claimed && (!before->state_claimed || (before->added & CLAIM_STATE)))
                d.added |= CLAIM_STATE;
        return d;
}

static bool same_debt(const struct claim_owed *a, const struct claim_owed *b) {
        return claim_value_equal(&a->prior, &b->prior) && a->n_ours == b->n_ours &&
               claim_value_equal(&a->ours[a->n_ours - 1], &b->ours[b->n_ours - 1]) &&
               a->state_claimed == b->state_claimed && a->text_claimed == b->text_claimed;
}

static bool is_free_for_us(const struct claim *c, usec_t now) {
        const struct claim_value *v = &c->view.is;

        return !claim_is_taken(c, v->state) || claim_seen_is_lost_claim(c) || claim_is_others(c, v) ||
               claim_may_be_landed(c, v, now);
}

static bool is_armed_for(const struct claim *c, const struct claim_owed *d) {
        return c->debt.armed && c->debt.fits && same_debt(d, &c->debt.is) && d->order == c->debt.is.order;
}

static bool stands_in(const struct claim *c, const struct claim_value *v) {
        return c->traits.stands_in && c->traits.stands_in(v);
}

/* Our words stand there before the first of our writes, and nobody tells what was before them: another machine that is
 * not heard says the same, most likely over what this claim has found until now. Whoever tells better is believed. */
static bool keep_what_was_found(const struct claim *c, struct claim_owed *d) {
        const struct claim_value *found = &c->debt.is.prior;
        struct claim_value before = d->prior;

        if (!c->debt.owed)
                return false;
        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, &before);
        if (!claim_owed_has_text(d, before.text))
                return false;
        claim_value_put_text(&d->prior, found->text);
        if (claim_owed_has_state(d, d->prior.state))
                claim_value_put_state(&d->prior, found->state);
        return true;
}

/* Before the first write: what stands there, is it free. Returns false if `ret` is the step. */
static bool begin_debt(struct claim *c, usec_t now, struct claim_request *ret) {
        struct claim_owed d;
        bool kept;

        if (claim_waits_for_lost_write(c, now)) {
                claim_enter_phase(c, c->debt.owed ? CLAIM_LEAVING : CLAIM_FREE);
                *ret = c->debt.owed ? claim_leave_step(c, now) : claim_free_step(c, now);
                return false;
        }
        if (!claim_is_view_fresh(c, now)) {
                *ret = claim_take_step(c, CLAIM_READ);
                return false;
        }
        /* A state alone that is pushed may be ours, from before the last call was given back. */
        if (!is_free_for_us(c, now) && c->view.told) {
                *ret = claim_take_step(c, CLAIM_READ);
                return false;
        }
        if (claim_may_be_unheard(c, &c->view.is, now)) {
                claim_stop_for_claim_of_another(c);
                c->in.stopped.look_at = usec_add(now, CLAIM_LOOK_EVERY);
                *ret = claim_wait_until(c->in.stopped.look_at);
                return false;
        }
        if (!is_free_for_us(c, now)) {
                claim_stop_for_claim_of_another(c);
                *ret = claim_wait_until(USEC_NEVER);
                return false;
        }
        /* Who reads it is told why. */
        if (stands_in(c, &c->view.is) && c->view.told) {
                *ret = claim_take_step(c, CLAIM_READ);
                return false;
        }
        if (stands_in(c, &c->view.is)) {
                claim_enter_phase(c, CLAIM_REFUSED);
                *ret = claim_wait_until(USEC_NEVER);
                return false;
        }
        d = compose_debt(c, now);
        kept = keep_what_was_found(c, &d);
        if (c->debt.owed && same_debt(&d, &c->debt.is) && (c->debt.is.secondhand || !kept))
                return true;
        c->debt.fits = claim_is_armed(c) && is_armed_for(c, &d);
        claim_others_found(&c->others, c->view.at);
        c->debt.is = d;
        c->debt.is.secondhand = kept || !claim_is_prior_firsthand(c);
        c->debt.owed = true;
        c->debt.on_disk = false;
        c->debt.added_sent = false;
        c->debt.goal_at = 0;
        c->debt.begun_at = now;
        claim_expect_crossing(c, /* one_has_come= */ false, now);
        return true;
}

/* ---- decisions: ahead of it ---- */

/* Nothing of before may land, and no other machine has a part in it. */
static bool may_arm(const struct claim *c, usec_t now) {
        return c->ahead.likely && !c->ahead.failed && !c->ahead.refused && c->debt.lands_by == 0 &&
               !claim_may_be_restored(c, now) && c->others.n == 0;
}

struct claim_request claim_arm_step(struct claim *c, usec_t now) {
        struct claim_owed d;

        if (!may_arm(c, now))
                return c->debt.armed ? claim_take_step(c, CLAIM_FORGET) : claim_wait_until(USEC_NEVER);
        if (!claim_is_view_fresh(c, now)) {
                if (c->ahead.asked)
                        return claim_wait_until(USEC_NEVER);
                c->ahead.asked = true;
                return claim_take_step(c, CLAIM_READ);
        }
        if (!is_free_for_us(c, now) || stands_in(c, &c->view.is))
                return claim_wait_until(USEC_NEVER);
        d = compose_debt(c, now);
        d.unsure = d.given_back = d.ahead = true;
        if (is_armed_for(c, &d))
                return claim_wait_until(USEC_NEVER);
        c->debt.is = d;
        c->debt.fits = false;
        c->ahead.arming = true;
        return claim_take_step(c, CLAIM_JOURNAL);
}

/* Of words that are not known it stays known that they are not. */
void claim_renew_prior(struct claim *c, bool displaced) {
        struct claim_value prior = claim_prior(c), found;
        bool words = claim_is_overwritten(c);
        bool state = words || displaced || !claim_state_is_ours(c, &c->view.is);
        bool known = claim_find_prior(c, &found); /* ... from those who know it, also where it has not looked itself */

        if (c->traits.per_device || claim_is_left_by_another(c, &c->view.is))
                return;
        if (words)
                claim_value_put_text(&prior, c->view.is.text);
        else if (!known)
                claim_value_put_text(&prior, c->debt.is.prior.text);
        if (state)
                claim_value_put_state(&prior, c->view.is.state);
        if ((!words && !state) || claim_value_equal(&prior, &c->debt.is.prior))
                return;
        c->debt.is.prior = prior;
        c->debt.is.secondhand = c->debt.is.secondhand && c->debt.is.text_claimed && !words && !known;
        claim_renew_order(c);
        claim_others_found(&c->others, c->view.at);
        c->debt.on_disk = false;
}

/* Nothing of it is there. A write of it may land all the same. */
static void drop_suspected(struct claim *c) {
        c->debt.written = c->debt.suspected = c->debt.owed = false;
        c->debt.kept = c->debt.is.given_back = true;
}

void claim_stop_suspecting(struct claim *c) {
        c->debt.suspected = false;
        if (c->debt.is.given_back)
                c->debt.is.given_back = c->debt.is.ahead = c->debt.on_disk = false;
}

/* Before a further write: has somebody else written meanwhile. Returns false if `ret` is the step. */
static bool look_before_writing(struct claim *c, usec_t now, struct claim_request *ret) {
        bool may_be_prior = !c->in.entering.landed || claim_may_be_restored(c, now) || claim_may_be_crossed(c);
        bool prior_too = may_be_prior && !claim_has_person_written(c);
        const struct claim_value *v = &c->view.is;

        if (!claim_is_view_fresh(c, now)) {
                *ret = claim_take_step(c, CLAIM_READ);
                return false;
        }
        *ret = claim_wait_until(USEC_NEVER);
        if (claim_is_persons(c, v, prior_too)) {
                if (c->debt.suspected) {
                        drop_suspected(c);
                        return begin_debt(c, now, ret);
                }
                claim_stop_for(c, v);
                return false;
        }
        claim_stop_suspecting(c);
        if (claim_is_overwritten(c) && claim_is_taken(c, v->state)) {
                claim_stop_for_claim_of_another(c);
                return false;
        }
        claim_renew_prior(c, c->flight.displaced);
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
        if (state && claim_is_taken(c, c->view.is.state) && !claim_is_others(c, &c->view.is)) {
                claim_stop_for_claim_of_another(c);
                return false;
        }
        if (state)
                claim_value_put_state(&d->prior, c->view.is.state);
        /* What a lost write has hidden is in it already. */
        if (text && (c->view.is.text[0] || !c->debt.words_away))
                claim_value_put_text(&d->prior, c->view.is.text);
        for (unsigned i = 0; i < d->n_ours; i++) {
                if (state)
                        claim_value_put_state(&d->ours[i], c->want.value.state);
                if (text)
                        claim_value_put_text(&d->ours[i], c->want.value.text);
        }
        d->state_claimed = d->state_claimed || state;
        d->text_claimed = d->text_claimed || text;
        c->debt.is.added |= (state ? CLAIM_STATE : 0) | (text ? CLAIM_TEXT : 0);
        /* A lost write of before repeats what stands there now. */
        if (c->debt.restored_by < c->debt.lands_by)
                c->debt.restored_by = c->debt.lands_by;
        c->debt.on_disk = false;
        return true;
}

/* What was said before the goal cannot land any more from then on. Another machine that claims no words repeats those
 * that it has read: it hears of ours, and we of one that has just begun, within CLAIM_ASK_AFTER, and what it has sent
 * before that may be slow. */
static usec_t former_lands_by(const struct claim *c) {
        usec_t by = c->debt.lands_by, heard_at = usec_add(c->debt.goal_at, CLAIM_ASK_AFTER);

        if (c->others.n == 0 || !c->debt.is.text_claimed)
                return by;
        if (claim_others_now(&c->others).repeats_words)
                heard_at = usec_add(heard_at, CLAIM_LANDS_WITHIN);
        return by > heard_at ? by : heard_at;
}

static void drop_former(struct claim_owed *d) {
        d->ours[0] = d->ours[d->n_ours - 1];
        d->n_ours = 1;
}

/* What is wanted now may differ from what is owed for. Both may stand on the server until the new one is acknowledged
 * and seen, and nothing may land any more. */
static void renew_goal(struct claim *c, usec_t now) {
        struct claim_owed *d = &c->debt.is;
        struct claim_value goal = *claim_goal_of(c);
        bool unsent, full;

        if (c->want.state_claimed)
                claim_value_put_state(&goal, c->want.value.state);
        else if (claim_is_state_given_up(c, &c->want))
                claim_value_put_state(&goal, c->traits.withdrawn);
        if (c->want.text_claimed)
                claim_value_put_text(&goal, c->want.value.text);
        if (claim_value_equal(&goal, claim_goal_of(c)))
                return;
        full = d->n_ours == CLAIM_OURS_MAX;
        if (claim_is_acked(c) && c->in.entering.seen && now >= (full ? c->debt.lands_by : former_lands_by(c)))
                drop_former(d);
        unsent = !claim_owed_has_text(d, goal.text);
        if (!claim_owed_add(d, &goal))
                return;
        c->debt.goal_unsent = unsent;
        c->debt.goal_at = 0;
        c->debt.on_disk = false;
        c->in.entering.outdated = true;
}

static struct claim_request ask_step(struct claim *c) {
        c->inquiry.due = false;
        c->inquiry.under_way = true;
        return claim_take_step(c, CLAIM_READ);
}

/* Our value was acknowledged: it is seen by itself, or read. */
static struct claim_request verify_step(struct claim *c, usec_t now) {
        usec_t ask_at = c->inquiry.due ? c->inquiry.at : USEC_NEVER;
        usec_t verify_at = usec_add(c->in.entering.written_at, CLAIM_VERIFY_AFTER);

        if (now >= ask_at)
                return ask_step(c);
        if (now < verify_at && (!c->view.known || claim_stands(c, &c->view.is)))
                return claim_wait_until(usec_min(verify_at, ask_at));
        return claim_take_step(c, CLAIM_READ);
}

/* With one text for all of the user's devices, saying none does not take away what another machine goes on to say. */
static bool has_words_of_another(const struct claim *c, const struct claim_value *v) {
        return !v->text[0] && !c->traits.text_per_device && (claim_others_now(&c->others).going_on & CLAIM_TEXT) &&
               (claim_others_wrote(&c->others, &c->view.is) & CLAIM_TEXT);
}

/* The parts that are not claimed as they are now. */
static struct claim_request write_ours(struct claim *c, usec_t now) {
        struct claim_value v = *claim_goal_of(c);

        if (!c->debt.is.state_claimed && !c->traits.per_device)
                claim_value_put_state(&v, c->view.is.state);
        if (!c->debt.is.text_claimed || has_words_of_another(c, &v))
                claim_value_put_text(&v, c->view.is.text);
        if (claim_is_stopped(c->phase) || (!c->debt.is.text_claimed && claim_is_on_another_device(c, &v)))
                v.text[0] = '\0';
        return claim_write_step(c, &v, /* back= */ false, now);
}

/* Those of the device that was heard of last show. On no device of ours, they are what would show without us. What an
 * earlier run has put on this one is not known. */
static bool is_persons_device_in_front(const struct claim *c) {
        const struct claim_value *v = &c->view.is;

        return c->debt.begun_at > 0 && v->text[0] && !claim_text_is_ours(c, v) &&
               !streq(v->text, c->flight.value.text) && !claim_others_may_show(&c->others, v->text);
}

/* Where each device has its own words, a person's are hidden at once by the next poll of a machine. Who has seen them
 * has told, and whoever has not does as if it had, unless there are others by now. Returns false if there is no reason
 * to, else `ret` is the step. */
static bool give_way(struct claim *c, usec_t now, struct claim_request *ret) {
        const char *words = claim_others_persons_word(&c->others, &c->debt.is);
        struct claim_value v;

        if (!words || !c->traits.text_per_device || !c->debt.is.text_claimed || !c->debt.written || c->debt.suspected)
                return false;
        if (!claim_is_view_fresh(c, now)) {
                *ret = claim_take_step(c, CLAIM_READ);
                return true;
        }
        v = c->view.is;
        if (!is_persons_device_in_front(c))
                claim_value_put_text(&v, words);
        claim_stop_for(c, &v);
        claim_renew_order(c);
        *ret = claim_stopped_step(c, now);
        return true;
}

struct claim_request claim_enter_step(struct claim *c, usec_t now) {
        usec_t may_write_at = claim_limits_write_at(&c->limits, /* back= */ false);
        struct claim_request r;

        if (give_way(c, now, &r))
                return r;
        /* Before the read, so that what is read is what is written over. */
        if (!claim_is_acked(c) && now < may_write_at)
                return claim_wait_until(may_write_at);
        if (!c->debt.written) {
                if (!begin_debt(c, now, &r))
                        return r;
        } else {
                if (!grow(c, now, &r))
                        return r;
                renew_goal(c, now);
                if (!claim_is_acked(c) && !look_before_writing(c, now, &r))
                        return r;
        }
        if (!claim_is_acked(c))
                c->debt.is.unsure = true;
        if (!is_journal_current(c))
                return journal_step(c);
        return claim_is_acked(c) ? verify_step(c, now) : write_ours(c, now);
}

/* What a lost write puts over our value is told, or looked for once. A state that it brings back, when that was
 * withdrawn, may be anybody's. */
static usec_t look_for_lost_at(const struct claim *c) {
        usec_t at = c->debt.lands_by > c->debt.restored_by ? c->debt.lands_by : c->debt.restored_by;
        bool is_told = c->view.live && !claim_is_state_given_up(c, &c->want);

        return is_told || c->in.held.looked || at < c->in.held.written_at ? USEC_NEVER : at;
}

/* Nothing of ours lands any more. */
static struct claim_request look_for_lost(struct claim *c, usec_t now) {
        c->in.held.looked = true;
        if (!claim_is_state_given_up(c, &c->want))
                return claim_take_step(c, CLAIM_READ);
        claim_start_entering(c, c->in.held.written_at, /* landed= */ true);
        c->in.entering.outdated = true;
        return claim_enter_step(c, now);
}

/* Whatever says from now on what was said before the goal is somebody else's. Returns when it is, if that is later. */
static usec_t forget_former(struct claim *c, usec_t now) {
        struct claim_owed *d = &c->debt.is;

        if (d->n_ours < 2 || !c->view.known || !claim_stands(c, &c->view.is))
                return USEC_NEVER;
        if (now < former_lands_by(c))
                return former_lands_by(c);
        drop_former(d);
        c->debt.on_disk = false;
        return USEC_NEVER;
}

struct claim_request claim_hold_step(struct claim *c, usec_t now) {
        const struct claim_held *h = &c->in.held;
        usec_t ask_at = c->inquiry.due ? c->inquiry.at : USEC_NEVER;
        usec_t refresh_at = h->lost ? now : usec_add(h->written_at, c->traits.refresh_interval);
        usec_t look_at = look_for_lost_at(c), forget_at;
        struct claim_request r;

        if (give_way(c, now, &r))
                return r;
        /* Something else was wanted while this was on its way. */
        if (!claim_is_goal(c, &c->want)) {
                claim_start_entering(c, h->written_at, /* landed= */ true);
                return claim_enter_step(c, now);
        }
        forget_at = forget_former(c, now);
        if (c->flight.displaced && c->view.known && !h->doubt)
                claim_renew_prior(c, /* displaced= */ true);
        if (!is_journal_current(c))
                return journal_step(c);
        if (now >= ask_at)
                return ask_step(c);
        if (now >= look_at)
                return look_for_lost(c, now);
        if (h->doubt || (c->view.known && !h->lost && !claim_stands(c, &c->view.is)))
                return claim_take_step(c, CLAIM_READ);
        if (now < refresh_at)
                return claim_wait_until(usec_min(usec_min(refresh_at, ask_at), usec_min(look_at, forget_at)));
        if (!claim_is_view_fresh(c, now))
                return claim_take_step(c, CLAIM_READ);
        c->debt.is.unsure = true;
        return is_journal_current(c) ? write_ours(c, now) : journal_step(c);
}

static struct claim_request begin_again(struct claim *c, usec_t now) {
        claim_start_entering(c, 0, /* landed= */ false);
        return claim_enter_step(c, now);
}

/* Looked at now and then, until it is gone, or the other machines are heard again. */
static struct claim_request unheard_step(struct claim *c, usec_t now) {
        struct claim_stopped *s = &c->in.stopped;

        if (!c->deaf)
                c->view.known = false;
        if (!c->deaf || (c->view.known && !claim_may_be_unheard(c, &c->view.is, now)))
                return begin_again(c, now);
        if (now < s->look_at)
                return claim_wait_until(s->look_at);
        s->look_at = usec_add(now, CLAIM_LOOK_EVERY);
        return claim_take_step(c, CLAIM_READ);
}

struct claim_request claim_stopped_step(struct claim *c, usec_t now) {
        bool released = c->phase == CLAIM_FOREIGN && c->inquiry.due && c->inquiry.released;

        if (c->debt.owed && !is_journal_current(c))
                return journal_step(c);
        if (c->in.stopped.text_due)
                return write_ours(c, now);
        if (claim_waits_to_hear(c))
                return unheard_step(c, now);
        if (!released || now < c->inquiry.at)
                return claim_wait_until(released ? c->inquiry.at : USEC_NEVER);
        c->inquiry.due = c->inquiry.released = false;
        c->view.known = false;
        return begin_again(c, now);
}
