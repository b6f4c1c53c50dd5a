/* The claim machine. Facts are recorded in struct claim; claim_decide() reads them and names the next step, so that a
 * lost reply, a restart or a person's change needs no path of its own. Phases change in claim_enter_phase() alone.
 *
 *   phase       knows                              is left to
 *   free        when to look for a lost write      entering: wanted
 *               that may still land                leaving: such a write has landed
 *   entering    whether our value was acknow-      held: acknowledged and seen
 *               ledged, and seen before            foreign: taken before us; yielded: a person's words are there
 *                                                  refused; no-effect: acknowledged, and what was there still is
 *                                                  free, leaving: not wanted any more, or a lost write of an
 *                                                  earlier claim may still put there what this one does not claim
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
 * A debt is begun, and journalled, before the first write of entering, and is owed until leaving is over: in free and
 * stuck there is none. Its entry is crossed out then, or in free, once a lost write cannot land any more. */
#include "core/claim-parts.h"

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

void claim_resume(struct claim *c, const struct claim_owed *owed) {
        c->debt = (struct claim_debt){ .is = *owed,
                                       .owed = true,
                                       .on_disk = true,
                                       .written = true,
                                       .added_sent = owed->added != CLAIM_NO_PART,
                                       .open = owed->unsure && !owed->ahead,
                                       .unsure_on_disk = owed->unsure,
                                       .suspected = owed->ahead,
                                       .resumed = true };
        claim_enter_phase(c, CLAIM_LEAVING);
}

void claim_suspect(struct claim *c) {
        c->debt.suspected = true;
}

/* ---- phases ---- */

bool claim_is_way_back(enum claim_phase p) {
        return p == CLAIM_LEAVING || p == CLAIM_SHARED;
}

bool claim_is_stopped(enum claim_phase p) {
        return p == CLAIM_YIELDED || p == CLAIM_FOREIGN || p == CLAIM_REFUSED || p == CLAIM_NO_EFFECT;
}

static bool have_same_data(enum claim_phase a, enum claim_phase b) {
        return a == b || (claim_is_way_back(a) && claim_is_way_back(b)) ||
               (claim_is_stopped(a) && claim_is_stopped(b));
}

/* Others may know. Where each device has its own words, those of others show again by themselves. */
static bool leaves_none_unknowing(const struct claim *c) {
        struct claim_value found;

        return !c->traits.text_per_device && c->debt.written && c->debt.is.text_claimed && !c->view.is.text[0] &&
               !claim_find_prior(c, &found);
}

void claim_enter_phase(struct claim *c, enum claim_phase phase) {
        if (!have_same_data(c->phase, phase))
                memset(&c->in, 0, sizeof(c->in));
        if ((phase == CLAIM_FREE || phase == CLAIM_STUCK) && c->debt.owed) {
                c->last_order = c->debt.is.order;
                c->none_since = leaves_none_unknowing(c) ? c->view.since : 0;
        }
        if (phase == CLAIM_FREE || phase == CLAIM_STUCK)
                c->debt = (struct claim_debt){ .is = c->debt.is,
                                               .kept = c->debt.kept,
                                               .armed = c->debt.armed,
                                               .fits = c->debt.fits,
                                               .lands_by = c->debt.lands_by,
                                               .restored_by = c->debt.restored_by };
        /* A lost write of before may still take away what was added. */
        if (phase == CLAIM_HELD && !c->debt.is.unsure) {
                c->debt.is.added = CLAIM_NO_PART;
                c->debt.added_sent = false;
        }
        c->phase = phase;
}

bool claim_is_acked(const struct claim *c) {
        return c->in.entering.written_at > 0 && !c->in.entering.outdated;
}

void claim_start_entering(struct claim *c, usec_t written_at, bool landed) {
        claim_enter_phase(c, CLAIM_ENTERING);
        if (c->debt.is.given_back && !c->debt.suspected)
                c->debt.is.given_back = c->debt.is.ahead = c->debt.on_disk = false;
        c->in.entering = (struct claim_entering){ .written_at = written_at, .seen = landed, .landed = landed };
}

struct claim_request claim_decide(struct claim *c, usec_t now) {
        if (c->flight.step != CLAIM_NOTHING)
                return claim_wait_until(USEC_NEVER);
        if (c->debt.resumed) {
                c->debt.resumed = false;
                c->debt.lands_by = c->debt.is.unsure ? usec_add(now, CLAIM_LANDS_WITHIN) : 0;
                c->debt.restored_by = usec_add(now, CLAIM_LANDS_WITHIN);
        }
        /* Until it was looked for, however long the machine has slept. */
        if (c->debt.kept && c->debt.lands_by > 0 && now > c->debt.lands_by)
                c->debt.lands_by = now;
        if (!c->view.live && now >= usec_add(c->view.at, CLAIM_VIEW_LASTS))
                c->view.known = false;
        if (now < c->limits.retry_at)
                return claim_wait_until(c->limits.retry_at);
        switch (c->phase) {
        case CLAIM_ENTERING:
                return claim_enter_step(c, now);
        case CLAIM_HELD:
                return claim_hold_step(c, now);
        case CLAIM_LEAVING:
                return claim_leave_step(c, now);
        case CLAIM_SHARED:
                return claim_shared_step(c, now);
        case CLAIM_YIELDED:
        case CLAIM_FOREIGN:
        case CLAIM_REFUSED:
        case CLAIM_NO_EFFECT:
                return claim_stopped_step(c, now);
        case CLAIM_FREE:
                return claim_free_step(c, now);
        case CLAIM_STUCK:
                break;
        }
        return claim_wait_until(USEC_NEVER);
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

const struct claim_owed *claim_entry(const struct claim *c) {
        return &c->debt.is;
}

bool claim_is_armed(const struct claim *c) {
        return c->debt.armed && !c->debt.owed;
}

bool claim_is_at_rest(const struct claim *c) {
        return !c->debt.owed || (c->phase == CLAIM_SHARED && claim_going_on(c) != CLAIM_NO_PART);
}

bool claim_is_prior_firsthand(const struct claim *c) {
        const struct claim_owed *d = &c->debt.is;

        return d->text_claimed ? !claim_text_is_ours(c, &d->prior) : !claim_state_is_ours(c, &d->prior);
}

/* With one value per user a person has written over all of it, and what was given back since has come over nothing. */
static bool is_written_over(const struct claim *c) {
        bool yielded = c->phase == CLAIM_YIELDED || (claim_is_way_back(c->phase) && c->in.leaving.yielded);

        return c->traits.person_writes_whole && yielded && !c->flight.back;
}

bool claim_tell_others(const struct claim *c, struct claim_other *ret) {
        bool there = c->phase == CLAIM_ENTERING || c->phase == CLAIM_HELD;
        bool changed = c->phase == CLAIM_YIELDED || c->phase == CLAIM_NO_EFFECT;

        /* What is kept for a lost write alone goes back to what was there last, which others may have put there. */
        if (!c->debt.owed || !c->debt.on_disk || c->debt.is.given_back)
                return false;
        *ret = (struct claim_other){ .owed = c->debt.is };
        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, &ret->owed.prior);
        /* A state of a device of its own is withdrawn, whatever was before it: two machines that have each found the
         * other's would tell each other's prior to and fro for ever. */
        if (c->traits.per_device)
                claim_value_put_state(&ret->owed.prior, c->debt.is.prior.state);
        /* What a person has written since was found here, whoever has put the state there that was before. */
        if ((c->debt.is.secondhand || !claim_is_prior_firsthand(c)) &&
            !(c->phase == CLAIM_YIELDED && claim_owed_has_given_way(&c->debt.is)))
                ret->owed.order = 0;
        ret->owed.secondhand = ret->owed.unsure = ret->owed.given_back = ret->owed.ahead = false;
        ret->owed.alone = false;
        ret->owed.added = CLAIM_NO_PART;
        /* On a device of its own the state stands, whatever became of the message. */
        ret->text_lost = changed && c->traits.per_device;
        ret->live = there || ret->text_lost;
        ret->waits = c->phase == CLAIM_SHARED;
        ret->overwritten = is_written_over(c);
        ret->late = c->debt.resumed || c->debt.restored_by > c->debt.begun_at;
        ret->withdrawn = claim_is_way_back(c->phase) && c->in.leaving.withdrawn;
        ret->put_back = claim_is_way_back(c->phase) && c->in.leaving.put_back;
        return true;
}

/* What an earlier run has journalled it need not have written. */
static bool is_doubted(const struct claim *c) {
        bool seen = c->view.known && claim_stands(c, &c->view.is);

        if (c->phase == CLAIM_HELD)
                return c->in.held.doubt || (c->view.known && !seen);
        return c->in.entering.written_at == 0 && !claim_is_writing(c) && !seen;
}

bool claim_is_standing(const struct claim *c) {
        if (c->phase != CLAIM_ENTERING && c->phase != CLAIM_HELD)
                return false;
        if (c->traits.per_device && claim_is_writing(c) && c->flight.echoed)
                return true;
        return c->debt.written && (c->traits.per_device || !is_doubted(c));
}

bool claim_waits_to_hear(const struct claim *c) {
        return c->phase == CLAIM_FOREIGN && c->in.stopped.look_at > 0;
}

bool claim_is_known_to_stick(const struct claim *c) {
        return c->phase == CLAIM_STUCK && !c->caught_unheard;
}

bool claim_is_to_be_read(const struct claim *c, usec_t now) {
        return c->phase == CLAIM_HELD && c->in.held.doubt && c->flight.step == CLAIM_NOTHING &&
               now >= c->limits.retry_at;
}

const struct claim_value *claim_written(const struct claim *c) {
        bool acked = (c->phase == CLAIM_ENTERING && c->in.entering.written_at > 0) || c->phase == CLAIM_HELD ||
                     (claim_is_way_back(c->phase) && (c->in.leaving.left_at > 0 || c->in.leaving.ours_at > 0));

        if (claim_is_writing(c) || acked)
                return &c->flight.value;
        return c->debt.owed && c->debt.written ? claim_goal_of(c) : NULL;
}

const struct claim_value *claim_shown(const struct claim *c) {
        return c->view.ever ? &c->view.is : NULL;
}
