/* What a value on the server tells of a claim, and the values that a claim writes. See claim.c for the phases. */
#include "core/claim-parts.h"

/* ---- what a value tells ---- */

bool claim_is_view_fresh(const struct claim *c, usec_t now) {
        usec_t lasts = c->view.unechoed ? CLAIM_VIEW_LASTS : CLAIM_PUSH_LASTS;

        return c->view.known && now < usec_add(c->view.at, lasts);
}

/* The state that came with the words that show, or as they went. "": that was there before they went. */
static const char *came_beside(const struct claim *c, const struct claim_value *v) {
        const struct claim_view *was = &c->view;

        if (was->ever && streq(v->text, was->is.text))
                return was->beside;
        return !v->text[0] && streq(v->state, was->is.state) && claim_text_is_ours(c, &was->is) ? "" : v->state;
}

static bool are_words_over_ours(const struct claim *c, const struct claim_value *v) {
        const struct claim_view *was = &c->view;

        if (!was->ever || streq(v->text, was->is.text))
                return was->over_ours;
        return claim_text_is_ours(c, &was->is) || streq(was->is.text, c->debt.is.prior.text);
}

/* What is pushed has just come, as long as pushes come at all. */
struct claim_view claim_look(const struct claim *c, const struct claim_value *v, bool told, usec_t now) {
        const struct claim_view *was = &c->view;
        usec_t since = told && was->live ? now : was->at;
        bool words = was->ever && streq(v->text, was->is.text), state = was->ever && streq(v->state, was->is.state);
        const char *beside = came_beside(c, v);
        struct claim_view view = { .is = *v,
                                   .ever = true,
                                   .known = true,
                                   .told = told,
                                   .live = told || c->view.live,
                                   .unechoed = !told && c->view.unechoed,
                                   .over_ours = are_words_over_ours(c, v),
                                   .at = now,
                                   .since = words ? was->since : since,
                                   .state_since = state ? was->state_since : since };

        memcpy(view.beside, beside, strlen(beside) + 1);
        return view;
}

bool claim_is_taken(const struct claim *c, const char *state) {
        return c->traits.taken ? streq(state, c->traits.taken) : state[0] != '\0';
}

const struct claim_value *claim_goal_of(const struct claim *c) {
        return &c->debt.is.ours[c->debt.is.n_ours - 1];
}

bool claim_is_state_given_up(const struct claim *c, const struct claim_want *w) {
        return c->traits.per_device && c->debt.is.state_claimed && !w->state_claimed;
}

bool claim_is_goal(const struct claim *c, const struct claim_want *w) {
        const struct claim_owed *d = &c->debt.is;

        if (claim_is_state_given_up(c, w) && !streq(claim_goal_of(c)->state, c->traits.withdrawn))
                return false;
        if (w->state_claimed && (!d->state_claimed || !streq(w->value.state, claim_goal_of(c)->state)))
                return false;
        return !w->text_claimed || (d->text_claimed && streq(w->value.text, claim_goal_of(c)->text));
}

static bool has_sent_text(const struct claim *c, const char *text) {
        unsigned n = c->debt.is.n_ours;

        if (!c->debt.goal_unsent)
                return claim_owed_has_text(&c->debt.is, text);
        for (unsigned i = 0; c->debt.is.text_claimed && i + 1 < n; i++)
                if (streq(text, c->debt.is.ours[i].text))
                        return true;
        return false;
}

bool claim_text_is_ours(const struct claim *c, const struct claim_value *v) {
        return has_sent_text(c, v->text) || (claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

bool claim_state_is_ours(const struct claim *c, const struct claim_value *v) {
        return claim_owed_has_state(&c->debt.is, v->state) || (claim_others_wrote(&c->others, v) & CLAIM_STATE);
}

unsigned claim_going_on(const struct claim *c) {
        unsigned parts = claim_others_now(&c->others).going_on;

        if (!c->debt.is.state_claimed)
                parts &= ~(unsigned) CLAIM_STATE;
        if (!c->debt.is.text_claimed)
                parts &= ~(unsigned) CLAIM_TEXT;
        return parts;
}

bool claim_is_others(const struct claim *c, const struct claim_value *v) {
        return claim_others_hold(&c->others, &c->debt.is, c->traits.per_device, v);
}

/* An aggregate shows the highest state of all devices: only `taken` is sure to be seen, and anything lower is there
 * as long as the user is not withdrawn altogether. One value is the last writer's, who may be another machine. */
static bool state_stands(const struct claim *c, const struct claim_value *v) {
        const char *ours = claim_goal_of(c)->state;

        if (!c->debt.is.state_claimed || streq(v->state, ours))
                return true;
        if (!c->traits.per_device)
                return claim_others_wrote(&c->others, v) & CLAIM_STATE;
        return !claim_is_taken(c, ours) && !streq(v->state, c->traits.withdrawn);
}

/* The words that were there go with a write that claims the state alone. Where a write replaces both, others have come
 * with a state of their own, though it be the same. */
static bool are_words_kept(const struct claim *c, const struct claim_value *v) {
        struct claim_value prior = claim_prior(c);

        return !c->traits.person_writes_whole || streq(v->text, prior.text);
}

static bool text_stands(const struct claim *c, const struct claim_value *v) {
        bool ours = c->debt.is.text_claimed ? streq(v->text, claim_goal_of(c)->text) : are_words_kept(c, v);

        return ours || (claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

bool claim_stands(const struct claim *c, const struct claim_value *v) {
        return text_stands(c, v) && state_stands(c, v);
}

bool claim_text_remains(const struct claim *c, const struct claim_value *v) {
        if (!c->debt.is.text_claimed || (claim_going_on(c) & CLAIM_TEXT))
                return false;
        return claim_text_is_ours(c, v) && !streq(v->text, c->in.leaving.back.text);
}

/* Another machine that claims the words alone has put them back, and has repeated the state that it found: ours. */
static bool words_came_back_alone(const struct claim *c) {
        for (size_t i = 0; i < c->others.n; i++) {
                const struct claim_other *o = &c->others.of[i];

                if (o->owed.text_claimed && !o->owed.state_claimed && !o->live)
                        return true;
        }
        return false;
}

bool claim_state_remains(const struct claim *c, const struct claim_value *v) {
        const struct claim_value *back = &c->in.leaving.back;
        struct claim_others_now others = claim_others_now(&c->others);
        bool repeated = !c->traits.per_device && words_came_back_alone(c);

        if (!c->debt.is.state_claimed || (claim_going_on(c) & CLAIM_STATE) ||
            (c->traits.per_device && others.state_is_about))
                return false;
        if ((!claim_is_taken(c, v->state) && !repeated) || !claim_state_is_ours(c, v) || streq(v->state, back->state))
                return false;
        /* With one value per user, a person who has written since has chosen this state. */
        return c->traits.per_device || !c->traits.person_writes_whole || claim_text_is_ours(c, v) ||
               streq(v->text, back->text);
}

/* Where each device has its own words, nothing shows in their place: the server has not taken them, or a late write of
 * ours has taken away what it only showed. Before a call that may be anybody's doing. */
bool claim_are_words_missing(const struct claim *c, const struct claim_value *v, const char *words) {
        return c->traits.text_per_device && !c->debt.is.ahead && words[0] && !v->text[0];
}

bool claim_is_given_back(const struct claim *c, const struct claim_value *v) {
        return !claim_text_remains(c, v) && !claim_state_remains(c, v) &&
               !claim_are_words_missing(c, v, c->in.leaving.back.text);
}

/* A person who has written meanwhile may have chosen busy on another device: that is not ours to cure. */
static bool may_cure(const struct claim *c, const struct claim_value *v) {
        const struct claim_leaving *l = &c->in.leaving;

        if (!c->traits.curable || l->yielded || l->cures >= CLAIM_CURES_MAX)
                return false;
        return streq(v->text, l->back.text) && (!c->debt.is.text_claimed || streq(l->back.text, claim_prior(c).text));
}

bool claim_can_be_cured(const struct claim *c, const struct claim_value *v) {
        return c->traits.sticky && claim_state_remains(c, v) && !claim_text_remains(c, v) && may_cure(c, v);
}

bool claim_is_alone(const struct claim *c) {
        return !claim_others_now(&c->others).about;
}

bool claim_seen_is_lost_claim(const struct claim *c) {
        return c->want.text_claimed && c->want.value.text[0] && streq(c->view.is.text, c->want.value.text);
}

bool claim_may_be_restored(const struct claim *c, usec_t now) {
        return c->debt.restored_by > 0 && now < usec_add(c->debt.restored_by, CLAIM_ASK_AFTER);
}

bool claim_may_be_crossed(const struct claim *c) {
        return c->view.since < c->debt.crossed_by;
}

/* A write of the state alone repeats the words that it has found. */
static bool are_words_repeated(const struct claim *c, const struct claim_value *v) {
        const struct claim_owed *d = &c->debt.is;

        for (unsigned i = 0; i < d->n_ours; i++)
                if (streq(v->text, d->ours[i].text))
                        return true;
        return streq(v->text, d->prior.text) || (claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

bool claim_is_landed(const struct claim *c, const struct claim_value *v, usec_t now) {
        const struct claim_owed *d = &c->debt.is;

        if (c->debt.lands_by == 0 || now >= usec_add(c->debt.lands_by, LANDED_KNOWN_FOR))
                return false;
        if (claim_owed_has_text(d, v->text))
                return true;
        if ((d->text_claimed && !(d->added & CLAIM_TEXT)) || claim_value_equal(v, &d->prior))
                return false;
        return claim_owed_has_state(d, v->state) && (c->traits.per_device || are_words_repeated(c, v));
}

bool claim_may_be_landed(const struct claim *c, const struct claim_value *v, usec_t now) {
        if (claim_is_landed(c, v, now))
                return true;
        return c->traits.per_device && claim_is_taken(c, v->state) && claim_owed_has_state(&c->debt.is, v->state) &&
               c->debt.lands_by > 0 && now < usec_add(c->debt.lands_by, CLAIM_ASK_AFTER);
}

bool claim_may_be_unheard(const struct claim *c, const struct claim_value *v, usec_t now) {
        if (!c->deaf || claim_is_landed(c, v, now))
                return false;
        if (claim_is_taken(c, v->state))
                return true;
        return v->text[0] && ((c->want.text_claimed && streq(v->text, c->want.value.text)) ||
                              (claim_others_wrote(&c->others, v) & CLAIM_TEXT));
}

bool claim_covers(const struct claim_want *w, const struct claim_owed *d) {
        return w->state_claimed >= d->state_claimed && w->text_claimed >= d->text_claimed;
}

bool claim_waits_for_lost_write(const struct claim *c, usec_t now) {
        return (c->debt.kept || (c->debt.owed && now < c->debt.lands_by)) && !claim_covers(&c->want, &c->debt.is);
}

bool claim_find_prior(const struct claim *c, struct claim_value *ret) {
        *ret = c->debt.is.prior;
        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, ret);
        return !ret->text[0] || !claim_text_is_ours(c, ret);
}

/* What a person wrote within the call is what would be there without us by now, if ours should ever show again. It may
 * turn out to be another machine's. */
static void take_persons_word(const struct claim *c, struct claim_value *v) {
        const struct claim_value *persons = &c->in.leaving.persons;

        if (!claim_is_way_back(c->phase) || !c->in.leaving.yielded || !c->traits.text_tells_person ||
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

        if (!claim_find_prior(c, &v))
                v.text[0] = '\0';
        take_persons_word(c, &v);
        if (claim_is_taken(c, v.state))
                claim_value_put_state(&v, c->traits.withdrawn);
        return v;
}

/* The state of an aggregate says nothing about who has put the text beside it, nor does one that our own polls bring
 * about, or that was there before words went: one of another client is left as it is by who takes those away. Nor does
 * one that comes later beside the same words, or none: who brings it puts none there, and takes none away. NULL: it
 * does not tell. */
static const char *telling_state(const struct claim *c, const struct claim_value *v) {
        bool shows = streq(v->text, c->view.is.text);
        const char *state = shows ? c->view.beside : v->state;
        bool polled = c->traits.kept_as && streq(state, c->traits.kept_as);

        return c->traits.per_device || polled || (shows && !state[0]) ? NULL : state;
}

/* With one text per user, and beside no state that is somebody's claim. */
static bool can_be_left(const struct claim *c, const struct claim_value *v) {
        return !c->traits.text_per_device && (c->traits.per_device || !claim_is_taken(c, v->state));
}

/* Another machine that knows of nothing that was before leaves none. Within our own call that shows soon after its
 * end, and later the same is a person's word. */
static bool is_left_empty(const struct claim *c, const struct claim_value *v, usec_t since, usec_t until) {
        return !v->text[0] && claim_others_may_have_left_none(&c->others, &c->debt.is, telling_state(c, v),
                                                              c->traits.withdrawn, since, until);
}

bool claim_was_left_empty(const struct claim *c) {
        const struct claim_value *v = &c->in.stopped.judged;

        return c->phase == CLAIM_YIELDED && can_be_left(c, v) &&
               is_left_empty(c, v, c->view.since, usec_add(c->in.stopped.lost_at, CLAIM_ASK_AFTER));
}

bool claim_has_person_written(const struct claim *c) {
        return c->flight.other.text[0] && !claim_text_is_ours(c, &c->flight.other);
}

/* Whoever has brought another state since has taken no words away. */
bool claim_are_none_left(const struct claim *c) {
        return c->none_since > 0 && c->view.since == c->none_since && !c->view.is.text[0];
}

/* It has written that over our words: a person's would have kept it from that. */
bool claim_was_put_back(const struct claim *c, const struct claim_value *v) {
        return c->debt.owed && c->view.over_ours && c->view.since < c->debt.put_back_by && can_be_left(c, v) &&
               claim_others_put_back(&c->others, &c->debt.is, v->text, telling_state(c, v), c->traits.withdrawn);
}

bool claim_is_left_by_another(const struct claim *c, const struct claim_value *v) {
        bool in_call = c->phase == CLAIM_ENTERING || c->phase == CLAIM_HELD;

        if (!in_call && (!claim_is_way_back(c->phase) || c->in.leaving.yielded))
                return false;
        if (!can_be_left(c, v))
                return false;
        return claim_was_put_back(c, v) || is_left_empty(c, v, in_call ? c->view.since : USEC_NEVER, USEC_NEVER) ||
               (claim_may_be_crossed(c) && !claim_has_person_written(c) &&
                claim_others_may_have_put_back(&c->others, &c->debt.is, v->text, telling_state(c, v),
                                               c->traits.withdrawn));
}

/* Half of what gave back has taken ours away, and nobody else's show any more. No person's word: on another device an
 * empty text hides behind ours. Before a call there were none of ours. */
static bool are_words_away(const struct claim *c, const struct claim_value *v) {
        return (c->traits.text_per_device && !c->debt.is.ahead && !v->text[0]) || claim_is_left_by_another(c, v);
}

/* The prior word stands until ours is written. */
static bool is_not_yet_ours(const struct claim *c, const struct claim_value *v) {
        const struct claim_value *prior = &c->debt.is.prior;

        if (c->traits.text_tells_person)
                return (c->debt.is.added & CLAIM_TEXT) && streq(v->text, prior->text);
        return (c->debt.is.added & CLAIM_STATE) && streq(v->state, prior->state);
}

bool claim_is_persons(const struct claim *c, const struct claim_value *v, bool prior_too) {
        struct claim_value prior = claim_prior(c);

        if (is_not_yet_ours(c, v))
                return false;
        if (c->traits.text_tells_person)
                return !claim_text_is_ours(c, v) && !are_words_away(c, v) &&
                       !((prior_too || !c->debt.is.text_claimed) && streq(v->text, prior.text));
        return !claim_state_is_ours(c, v) &&
               !((prior_too || !c->debt.is.state_claimed) && streq(v->state, prior.state));
}

bool claim_is_back_at_prior(const struct claim *c, const struct claim_value *v) {
        struct claim_value prior = claim_prior(c);

        return (streq(v->text, prior.text) || text_stands(c, v)) &&
               (streq(v->state, prior.state) || state_stands(c, v));
}

bool claim_is_overwritten(const struct claim *c) {
        return c->traits.person_writes_whole && c->debt.is.text_claimed && !(c->debt.is.added & CLAIM_TEXT) &&
               !claim_text_is_ours(c, &c->view.is);
}

/* ---- composing values ---- */

struct claim_value claim_compose_ours(const struct claim *c) {
        struct claim_value v = c->want.value;

        if (!c->want.state_claimed)
                claim_value_put_state(&v, c->traits.per_device ? c->traits.withdrawn : c->view.is.state);
        if (!c->want.text_claimed)
                claim_value_put_text(&v, c->view.is.text);
        return v;
}

/* A write repeats the words that are there: not those of another machine that gives them back meanwhile, or has. Where
 * that one cannot tell what was before them, it is what this claim has found. */
static void drop_given_up_words(const struct claim *c, struct claim_value *v) {
        struct claim_value found = *v, prior = claim_prior(c);

        if (claim_others_now(&c->others).going_on & CLAIM_TEXT)
                return;
        claim_others_look_through(&c->others, NULL, c->traits.per_device, /* done_only= */ false, &found);
        if (found.text[0] && !c->traits.text_per_device && (claim_others_wrote(&c->others, &found) & CLAIM_TEXT))
                claim_value_put_text(&found, prior.text);
        claim_value_put_text(v, found.text);
}

bool claim_is_on_another_device(const struct claim *c, const struct claim_value *v) {
        return c->traits.text_per_device && (claim_others_wrote(&c->others, v) & CLAIM_TEXT);
}

bool claim_is_text_given_up(const struct claim *c, const struct claim_value *v) {
        return c->traits.text_per_device && claim_owed_has_given_up(&c->debt.is, v->text);
}

/* A machine that has taken our words for a person's, not having heard of us, has left its state beside them. It may
 * say so when we have repeated that state already, beside what we have put back. */
static void drop_left_state(const struct claim *c, struct claim_value *v) {
        const struct claim_leaving *l = &c->in.leaving;
        bool ours = claim_text_is_ours(c, v) || (l->restored && streq(v->text, l->back.text));
        const char *found;

        if (c->traits.per_device || !c->traits.person_writes_whole || c->debt.is.state_claimed || !ours ||
            claim_others_now(&c->others).state_is_about)
                return;
        found = claim_others_left_state(&c->others, &c->debt.is, v->state, c->view.state_since);
        if (found)
                claim_value_put_state(v, found);
}

struct claim_value claim_compose_given_back(const struct claim *c, const struct claim_value *seen, unsigned others) {
        const struct claim_owed *d = &c->debt.is;
        struct claim_value v = *seen, prior = claim_prior(c);

        if (c->traits.per_device)
                claim_value_put_state(&v, c->traits.withdrawn);
        else if (c->traits.person_writes_whole &&
                 claim_is_persons(c, &v, /* prior_too= */ c->in.leaving.restored || words_came_back_alone(c)))
                return v;
        else if (d->state_claimed && !(others & CLAIM_STATE) &&
                 (claim_state_is_ours(c, &v) || claim_is_left_by_another(c, seen)))
                claim_value_put_state(&v, prior.state);
        drop_left_state(c, &v);
        if (d->text_claimed && !(others & CLAIM_TEXT) && (claim_text_is_ours(c, &v) || are_words_away(c, seen)))
                claim_value_put_text(&v, prior.text);
        if (!d->text_claimed)
                drop_given_up_words(c, &v);
        if (claim_is_on_another_device(c, &v) || claim_is_text_given_up(c, &v))
                v.text[0] = '\0';
        return v;
}
