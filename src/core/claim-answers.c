/* Answers to the steps of a claim but a read: what was written, stored or forgotten, and what failed. See claim.c for
 * the phases. */
#include "core/claim-parts.h"

/* All was given back, but for what another session holds. */
static void finish(struct claim *c, bool stuck) {
        if (c->view.known && !claim_is_taken(c, c->view.is.state))
                stuck = false;
        c->caught = stuck;
        c->caught_unheard = stuck && c->deaf;
        claim_enter_phase(c, stuck ? CLAIM_STUCK : CLAIM_FREE);
        if (c->wanted)
                claim_start_entering(c, 0, /* landed= */ false);
}

void claim_on_journalled(struct claim *c) {
        bool used = c->flight.step == CLAIM_USE;

        c->flight.step = CLAIM_NOTHING;
        if (c->ahead.arming) {
                c->ahead.arming = false;
                c->debt.armed = c->debt.fits = true;
                claim_limits_worked_but_for_writes(&c->limits);
                return;
        }
        c->debt.armed = used;
        c->debt.on_disk = true;
        c->debt.kept = claim_is_way_back(c->phase) && c->in.leaving.keeps;
        c->debt.unsure_on_disk = c->debt.is.unsure;
        claim_limits_worked_but_for_writes(&c->limits);
        if (c->debt.kept)
                finish(c, /* stuck= */ false);
}

static void written_ours(struct claim *c, usec_t now) {
        c->ahead.refused = false;
        c->debt.written = true;
        c->debt.goal_unsent = false;
        if (c->debt.goal_at == 0)
                c->debt.goal_at = now;
        c->debt.added_sent = c->debt.is.added != CLAIM_NO_PART;
        if (now >= c->debt.lands_by)
                c->debt.is.unsure = false;
        if (c->phase == CLAIM_LEAVING) {
                c->in.leaving.ours_at = now;
                c->in.leaving.outdated = false;
        } else if (claim_is_stopped(c->phase))
                c->in.stopped.text_due = false;
        else if (c->phase == CLAIM_ENTERING && !c->flight.echoed) {
                c->in.entering.written_at = now;
                c->in.entering.outdated = c->in.entering.seen = false;
        } else if (c->phase == CLAIM_ENTERING || c->phase == CLAIM_HELD) {
                claim_enter_phase(c, CLAIM_HELD);
                c->in.held.written_at = now;
                c->in.held.lost = false;
        }
}

void claim_on_written(struct claim *c, usec_t now) {
        bool cured = c->flight.step == CLAIM_CURE;

        c->flight.step = CLAIM_NOTHING;
        c->debt.open = false;
        c->view.known = c->flight.echoed;
        c->view.unechoed = !c->flight.echoed && !claim_value_equal(&c->flight.value, &c->view.is);
        claim_limits_worked(&c->limits);
        if (!c->flight.back) {
                written_ours(c, now);
                return;
        }
        c->in.leaving.cures += cured;
        c->in.leaving.restored = c->in.leaving.restored || c->in.leaving.restores;
        c->in.leaving.put_back = c->in.leaving.put_back || (c->in.leaving.restores && c->deaf);
        c->in.leaving.hidden = c->in.leaving.hidden && !streq(c->flight.value.text, c->in.leaving.persons.text);
        c->in.leaving.ours_at = 0;
        c->in.leaving.left_at = now;
        c->in.leaving.withdrawn = c->traits.per_device;
        c->in.leaving.behind = false;
        c->in.leaving.confirmed = c->flight.echoed && claim_is_alone(c);
}

void claim_on_forgotten(struct claim *c) {
        bool stuck = claim_is_way_back(c->phase) && c->in.leaving.stuck;

        c->flight.step = CLAIM_NOTHING;
        c->debt.kept = c->debt.armed = false;
        claim_limits_worked(&c->limits);
        finish(c, stuck);
}

/* The last write may have landed, or may still land. */
static void lose_write(struct claim *c, usec_t now) {
        usec_t lands_by = usec_add(now, CLAIM_LANDS_WITHIN);

        c->view.known = false;
        c->debt.open = true;
        if (c->flight.back) {
                c->debt.restored_by = lands_by;
                /* Where each device has its own words, it has perhaps taken away those that only showed. */
                c->debt.words_away = c->debt.words_away || (c->traits.text_per_device && !c->debt.is.text_claimed &&
                                                            c->flight.value.text[0]);
                /* It has left words to another machine that goes on, which may be gone when it lands. */
                if (c->debt.is.text_claimed && claim_owed_has_text(&c->debt.is, c->flight.value.text) &&
                    !streq(c->flight.value.text, c->debt.is.prior.text))
                        c->debt.lands_by = lands_by;
                c->in.leaving.restored = c->in.leaving.restored || c->in.leaving.restores;
        } else {
                c->debt.written = true;
                c->debt.lands_by = lands_by;
                c->debt.goal_unsent = false;
                c->debt.added_sent = c->debt.is.added != CLAIM_NO_PART;
        }
        /* What is pushed may still be from before an earlier one. */
        if (c->phase == CLAIM_ENTERING) {
                c->in.entering.outdated = true;
        } else if (c->phase == CLAIM_LEAVING) {
                c->in.leaving.outdated = true;
                c->in.leaving.left_at = 0;
        }
}

/* What was added to a claim that stands, and was refused, is not owed. */
static void drop_growth(struct claim *c) {
        unsigned added = c->debt.is.added;

        if (added == CLAIM_NO_PART || c->debt.added_sent)
                return;
        if (added & CLAIM_STATE)
                c->debt.is.state_claimed = false;
        for (unsigned i = 0; (added & CLAIM_STATE) && c->traits.per_device && i < c->debt.is.n_ours; i++)
                claim_value_put_state(&c->debt.is.ours[i], c->traits.withdrawn);
        if (added & CLAIM_TEXT)
                c->debt.is.text_claimed = false;
        c->debt.is.added = CLAIM_NO_PART;
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
                claim_enter_phase(c, CLAIM_REFUSED);
                c->in.stopped.written_at = written_at;
        } else
                claim_limits_failed(&c->limits, step == CLAIM_WRITE, USEC_NEVER, now, random);
}

/* What was tried ahead of a call is no reason to wait when that comes; a look for what may still land is. */
static bool fail_ahead(struct claim *c, usec_t retry_at) {
        bool asks = c->phase == CLAIM_FREE && c->flight.step == CLAIM_READ && !c->left;
        bool ahead = c->ahead.arming || (asks && (claim_settles_at(c) == 0 || c->in.free.looked));

        c->ahead.arming = false;
        c->ahead.failed = c->ahead.failed || ahead;
        return ahead && retry_at == USEC_NEVER;
}

void claim_on_failure(struct claim *c, enum claim_failure f, usec_t retry_at, usec_t now, uint32_t random) {
        enum claim_step step = c->flight.step;
        bool wrote = claim_is_writing(c), ahead = fail_ahead(c, retry_at);

        c->flight.step = CLAIM_NOTHING;
        c->ahead.refused = c->ahead.refused || (f == CLAIM_FAILED_REFUSED && step != CLAIM_CURE);
        c->inquiry.due = c->inquiry.due || c->inquiry.under_way;
        c->inquiry.under_way = false;
        claim_forget_read(c);
        if (ahead)
                return;
        switch (f) {
        case CLAIM_FAILED_REFUSED:
                take_refusal(c, step, now, random);
                break;
        case CLAIM_FAILED_UNSURE:
                if (wrote)
                        lose_write(c, now);
                claim_limits_failed(&c->limits, wrote, retry_at, now, random);
                break;
        case CLAIM_FAILED_NOT_APPLIED:
                if (step == CLAIM_WRITE)
                        claim_limits_unspend(&c->limits);
                claim_limits_failed(&c->limits, wrote, retry_at, now, random);
                break;
        }
        claim_turn_back(c);
}
