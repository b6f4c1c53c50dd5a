#include "core/claim-others.h"

#include <errno.h>

#include "core/fnv1a.h"

/* The order of one that began later is higher. */
static bool is_newer(const struct claim_other *c, const struct claim_other *than) {
        return !than || c->owed.order > than->owed.order;
}

static bool has_order(const struct claim_other *list, size_t n, unsigned order) {
        for (size_t i = 0; i < n; i++)
                if (list[i].owed.order == order)
                        return true;
        return false;
}

/* One that was not done yet is not told of any more: another one was begun since, or it is gone. */
static bool has_ended(const struct claim_others *o, const struct claim_other *list, size_t n) {
        for (size_t i = 0; i < o->n; i++)
                if (!o->of[i].done && !has_order(list, n, o->of[i].owed.order))
                        return true;
        return false;
}

bool claim_others_know_all(const struct claim_others *o, const struct claim_other *list, size_t n) {
        for (size_t i = 0; i < n; i++) {
                bool known = !list[i].live;

                for (size_t k = 0; k < o->n; k++)
                        known = known || (!o->of[k].done && o->of[k].owed.order == list[i].owed.order);
                if (!known)
                        return false;
        }
        return true;
}

bool claim_others_tell_put_back(const struct claim_others *o, const struct claim_other *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; list[i].put_back && k < o->n; k++)
                        if (o->of[k].owed.order == list[i].owed.order && !o->of[k].put_back)
                                return true;
        return false;
}

/* With its end, so that two in a row are none that is as long as both. */
static uint64_t mix_text(uint64_t h, const char *text) {
        return fnv1a_add(h, text, strlen(text) + 1);
}

static uint64_t contents_of(const struct claim_owed *d) {
        uint64_t h = FNV1A_BEGIN ^ d->order << 2 ^ d->state_claimed << 1 ^ d->text_claimed;

        h = mix_text(mix_text(h, d->prior.state), d->prior.text);
        for (unsigned i = 0; i < d->n_ours; i++)
                h = mix_text(mix_text(h, d->ours[i].state), d->ours[i].text);
        return h ? h : 1;
}

static size_t find_done(const struct claim_others *o, const struct claim_owed *d) {
        uint64_t contents = contents_of(d);
        size_t i = 0;

        while (i < CLAIM_OTHERS_DONE_MAX && o->done[i].contents != contents)
                i++;
        return i;
}

static bool is_told_of(const struct claim_others *o, uint64_t contents) {
        for (size_t i = 0; i < o->n; i++)
                if (contents_of(&o->of[i].owed) == contents)
                        return true;
        return false;
}

/* The place of the oldest that is told of no more: one that is would be noted again, as if it had ended only now. */
static struct claim_done *find_place(struct claim_others *o) {
        for (size_t i = 0; i < CLAIM_OTHERS_DONE_MAX; i++) {
                struct claim_done *d = &o->done[o->n_done++ % CLAIM_OTHERS_DONE_MAX];

                if (d->contents == 0 || !is_told_of(o, d->contents))
                        return d;
        }
        return &o->done[o->n_done++ % CLAIM_OTHERS_DONE_MAX];
}

/* A machine that begins anew may do so with the order of before. */
static void note_done(struct claim_others *o, usec_t now) {
        for (size_t i = 0; i < o->n; i++) {
                const struct claim_owed *d = &o->of[i].owed;
                size_t at = find_done(o, d);

                if (!o->of[i].done && at < CLAIM_OTHERS_DONE_MAX)
                        o->done[at] = (struct claim_done){};
                else if (o->of[i].done && at == CLAIM_OTHERS_DONE_MAX)
                        *find_place(o) = (struct claim_done){
                                .contents = contents_of(d),
                                .at = o->of[i].done_for < now ? now - o->of[i].done_for : 0,
                        };
        }
}

int claim_others_set(struct claim_others *o, const struct claim_other *list, size_t n, usec_t now) {
        bool ended = has_ended(o, list, n);

        if (n > o->room) {
                struct claim_other *of = calloc(n, sizeof(*of));

                if (!of)
                        return -ENOMEM;
                free(o->of);
                o->of = of;
                o->room = n;
        }
        if (n > 0)
                memmove(o->of, list, n * sizeof(*list));
        o->n = n;
        note_done(o, now);
        return ended;
}

void claim_others_done(struct claim_others *o) {
        free(o->of);
        *o = (struct claim_others){};
}

static bool was_done_before(const struct claim_others *o, const struct claim_other *c) {
        size_t at = find_done(o, &c->owed);

        return c->done && at < CLAIM_OTHERS_DONE_MAX && o->done[at].before;
}

struct claim_others_now claim_others_now(const struct claim_others *o) {
        struct claim_others_now now = {};

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if (c->live && c->owed.state_claimed)
                        now.going_on |= CLAIM_STATE;
                if (c->live && c->owed.text_claimed && !c->text_lost)
                        now.going_on |= CLAIM_TEXT;
                now.state_is_about = now.state_is_about || (c->owed.state_claimed && !c->done && !c->withdrawn);
                now.will_give_back = now.will_give_back || (!c->done && (!c->waits || c->first));
                now.gives_back = now.gives_back || (!c->live && !c->done && !c->waits && c->first);
                now.about = now.about || !c->done;
                now.any_over = now.any_over || !c->live;
                now.any_ending = now.any_ending || (!c->live && !c->done);
                now.repeats_words = now.repeats_words || (!c->owed.text_claimed && !c->done);
                now.any_late = now.any_late || ((c->late || c->silent) && !was_done_before(o, c));
        }
        return now;
}

void claim_others_found(struct claim_others *o, usec_t seen_at) {
        for (size_t i = 0; i < CLAIM_OTHERS_DONE_MAX; i++) {
                o->done[i].known = true;
                o->done[i].before = usec_add(o->done[i].at, CLAIM_OTHERS_SETTLE) <= seen_at;
        }
}

bool claim_others_are_long_done(const struct claim_others *o, usec_t seen_at) {
        for (size_t i = 0; i < o->n; i++) {
                size_t at = find_done(o, &o->of[i].owed);

                if (!o->of[i].done || at == CLAIM_OTHERS_DONE_MAX ||
                    usec_add(o->done[at].at, CLAIM_OTHERS_SETTLE) > seen_at)
                        return false;
        }
        return true;
}

/* Whoever has begun since has a higher order, or none that it tells. */
void claim_others_found_before(struct claim_others *o, const struct claim_owed *own) {
        for (size_t i = 0; own->alone && i < o->n; i++) {
                const struct claim_owed *d = &o->of[i].owed;
                size_t at = find_done(o, d);

                if (o->of[i].done && at < CLAIM_OTHERS_DONE_MAX && d->order > 0 && d->order < own->order)
                        o->done[at].known = o->done[at].before = true;
        }
}

static bool was_known_done(const struct claim_others *o, const struct claim_other *c) {
        size_t at = find_done(o, &c->owed);

        return c->done && at < CLAIM_OTHERS_DONE_MAX && o->done[at].known;
}

/* Words tell who has put them there. None do not: they are no claim's that was over before ours began, or that a
 * person has written over. */
static bool has_put_text(const struct claim_others *o, const struct claim_other *c, const char *text) {
        return claim_owed_has_text(&c->owed, text) && (text[0] || (!c->overwritten && !was_done_before(o, c)));
}

/* After a person has written over it, the same state is the person's, unless words tell. */
static bool has_put_state(const struct claim_other *c, const struct claim_value *v) {
        return claim_owed_has_state(&c->owed, v->state) &&
               (!c->overwritten || (v->text[0] && claim_owed_has_text(&c->owed, v->text)));
}

unsigned claim_others_wrote(const struct claim_others *o, const struct claim_value *v) {
        unsigned parts = CLAIM_NO_PART;

        for (size_t i = 0; i < o->n; i++) {
                if (has_put_state(&o->of[i], v))
                        parts |= CLAIM_STATE;
                if (has_put_text(o, &o->of[i], v->text))
                        parts |= CLAIM_TEXT;
        }
        return parts;
}

static bool has_part_in(const struct claim_other *c, const struct claim_owed *own) {
        return (c->owed.state_claimed && own->state_claimed) || (c->owed.text_claimed && own->text_claimed);
}

bool claim_others_may_have_left(const struct claim_others *o, const struct claim_owed *own) {
        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if (c->done && has_part_in(c, own) && !was_done_before(o, c))
                        return true;
        }
        return false;
}

bool claim_others_may_leave(const struct claim_others *o, const struct claim_owed *own) {
        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if (!c->live && !c->done && has_part_in(c, own))
                        return true;
        }
        return false;
}

/* What it gives back has shown by then, and no longer is a surprise. */
static bool has_just_ended(const struct claim_others *o, const struct claim_other *c, usec_t since, usec_t until) {
        size_t at = find_done(o, &c->owed);

        if (!c->done)
                return !c->live && until == USEC_NEVER;
        return at < CLAIM_OTHERS_DONE_MAX && since < usec_add(o->done[at].at, CLAIM_OTHERS_SETTLE) &&
               o->done[at].at <= until;
}

/* What one of them puts back has this state; NULL: that is not known. */
static bool may_be_beside(const struct claim_other *c, const char *state, const char *withdrawn) {
        return !state || streq(state, withdrawn) || streq(state, c->owed.prior.state);
}

bool claim_others_may_have_left_none(const struct claim_others *o, const struct claim_owed *own, const char *state,
                                     const char *withdrawn, usec_t since, usec_t until) {
        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];
                const struct claim_value *found = &c->owed.prior;

                if (!c->owed.text_claimed || !found->text[0] || !claim_owed_has_text(own, found->text))
                        continue;
                if (!may_be_beside(c, state, withdrawn))
                        continue;
                if (since == USEC_NEVER ? !was_done_before(o, c) : has_just_ended(o, c, since, until))
                        return true;
        }
        return false;
}

/* Else it has found its own words there, and does not know what was before them. */
static bool is_prior_known(const struct claim_owed *o) {
        return !o->prior.text[0] || !claim_owed_has_text(o, o->prior.text);
}

static bool says_the_same(const struct claim_other *c, const struct claim_owed *own) {
        for (unsigned i = 0; own->text_claimed && i < own->n_ours; i++)
                if (claim_owed_has_text(&c->owed, own->ours[i].text))
                        return true;
        return false;
}

bool claim_others_may_have_put_back(const struct claim_others *o, const struct claim_owed *own, const char *text,
                                    const char *state, const char *withdrawn) {
        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if (c->live || c->overwritten || was_known_done(o, c) || !says_the_same(c, own))
                        continue;
                if (streq(text, c->owed.prior.text) && may_be_beside(c, state, withdrawn))
                        return true;
        }
        return false;
}

/* What it has found, where that is older than what ours has; none, where that was ours, and it was never told what was
 * there before. */
static bool has_put_back(const struct claim_owed *o, const struct claim_owed *own, const char *text) {
        if (!is_prior_known(o) && claim_owed_has_text(own, o->prior.text))
                return !text[0];
        return o->order > 0 && o->order < own->order && streq(text, o->prior.text);
}

bool claim_others_put_back(const struct claim_others *o, const struct claim_owed *own, const char *text,
                           const char *state, const char *withdrawn) {
        for (size_t i = 0; i < o->n && !streq(text, own->prior.text); i++) {
                const struct claim_other *c = &o->of[i];

                if (!c->put_back || !has_put_back(&c->owed, own, text) || !says_the_same(c, own))
                        continue;
                if (may_be_beside(c, state, withdrawn))
                        return true;
        }
        return false;
}

static bool are_words_ours(const struct claim_others *o, const struct claim_owed *own, const struct claim_value *v) {
        return claim_owed_has_text(own, v->text) || (claim_others_wrote(o, v) & CLAIM_TEXT);
}

static bool holds(const struct claim_others *o, const struct claim_other *c, const struct claim_owed *own,
                  bool per_device, const struct claim_value *v) {
        return has_put_state(c, v) && (!c->owed.text_claimed || are_words_ours(o, own, v) || (c->live && per_device));
}

bool claim_others_hold(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                       const struct claim_value *v) {
        for (size_t i = 0; i < o->n; i++)
                if (holds(o, &o->of[i], own, per_device, v))
                        return true;
        return false;
}

bool claim_others_explain(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                          const struct claim_value *v) {
        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if ((c->owed.text_claimed || !was_done_before(o, c)) && holds(o, c, own, per_device, v))
                        return true;
        }
        return false;
}

/* A state with words of theirs is theirs; a state of a device of its own in any case. */
static unsigned parts_put_by(const struct claim_other *c, bool per_device, const struct claim_value *v) {
        bool words = claim_owed_has_text(&c->owed, v->text) && (v->text[0] || !c->overwritten);
        bool whole = words || !c->owed.text_claimed || (per_device && !c->done);
        unsigned parts = words ? CLAIM_TEXT : CLAIM_NO_PART;

        if (!is_prior_known(&c->owed))
                return CLAIM_NO_PART;
        return whole && has_put_state(c, v) ? parts | CLAIM_STATE : parts;
}

static bool stands_of(const struct claim_owed *d, const struct claim_value *v, bool taken) {
        return d->text_claimed ? v->text[0] && claim_owed_has_text(d, v->text)
                               : taken && claim_owed_has_state(d, v->state);
}

const struct claim_owed *claim_others_left_standing(const struct claim_others *o, const struct claim_value *v,
                                                    bool taken) {
        const struct claim_other *last = NULL;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if (c->done && is_prior_known(&c->owed) && stands_of(&c->owed, v, taken && !c->overwritten) &&
                    is_newer(c, last))
                        last = c;
        }
        return last ? &last->owed : NULL;
}

/* One that has only fallen silent may have left its words there: they tell. */
static bool may_still_stand(const struct claim_other *c, const struct claim_value *v) {
        return c->silent && v->text[0] && claim_owed_has_text(&c->owed, v->text);
}

/* How late it has had a part in what stands there: one that is done has taken its own away since, most likely if it
 * was done when our claim began. */
static unsigned lateness_of(const struct claim_others *o, const struct claim_other *c) {
        if (!c->done)
                return 2;
        return was_known_done(o, c) ? 0 : 1;
}

/* Of those that put it there, the one that is most likely to have done so last: of several that are as late, the one
 * that began last has found what the earlier ones put there. NULL: nobody did. */
static const struct claim_other *last_that_put(const struct claim_others *o, unsigned part, bool per_device,
                                               const struct claim_value *v) {
        const struct claim_other *last = NULL;
        unsigned late = 0;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];
                unsigned own = lateness_of(o, c);

                if (!(parts_put_by(c, per_device, v) & part) || (was_done_before(o, c) && !may_still_stand(c, v)))
                        continue;
                if (last && (own < late || (own == late && c->owed.order <= last->owed.order)))
                        continue;
                last = c;
                late = own;
        }
        return last;
}

/* Those who say these words were all done long before. */
static bool are_words_left(const struct claim_others *o, const struct claim_value *v) {
        bool left = false;

        for (size_t i = 0; i < o->n && v->text[0]; i++) {
                const struct claim_other *c = &o->of[i];

                if (!claim_owed_has_text(&c->owed, v->text))
                        continue;
                if (!was_done_before(o, c) || may_still_stand(c, v))
                        return false;
                left = true;
        }
        return left;
}

/* With one value per user, they were left to who goes on, though that says others. */
static const struct claim_other *last_to_be_left(const struct claim_others *o, unsigned part,
                                                 const struct claim_value *v) {
        const struct claim_other *last = NULL;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if (c->done || !c->owed.text_claimed || !is_prior_known(&c->owed))
                        continue;
                if (part == CLAIM_STATE && !claim_owed_has_state(&c->owed, v->state))
                        continue;
                if (is_newer(c, last))
                        last = c;
        }
        return last;
}

static const struct claim_other *last_to_put(const struct claim_others *o, unsigned part, bool per_device,
                                             const struct claim_value *v) {
        const struct claim_other *last = last_that_put(o, part, per_device, v);

        return last || per_device || !are_words_left(o, v) ? last : last_to_be_left(o, part, v);
}

const char *claim_others_words_before(const struct claim_others *o, const struct claim_owed *own, const char *text) {
        const struct claim_other *last = NULL;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if ((c->done && !c->silent) || c->text_lost || c->owed.order == 0 ||
                    !claim_owed_has_text(&c->owed, text) || claim_owed_has_text(own, c->owed.prior.text))
                        continue;
                if (is_newer(c, last))
                        last = c;
        }
        return last && is_prior_known(&last->owed) ? last->owed.prior.text : NULL;
}

const char *claim_others_words_away(const struct claim_others *o) {
        const struct claim_other *last = NULL;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];

                if (c->live || c->done || !is_prior_known(&c->owed))
                        continue;
                if (is_newer(c, last))
                        last = c;
        }
        return last ? last->owed.prior.text : "";
}

static bool was_done_after(const struct claim_others *o, const struct claim_other *c, usec_t since) {
        size_t at = find_done(o, &c->owed);

        return c->done && at < CLAIM_OTHERS_DONE_MAX && !o->done[at].known && o->done[at].at > since;
}

const char *claim_others_left_state(const struct claim_others *o, const struct claim_owed *own, const char *state,
                                    usec_t since) {
        const struct claim_other *last = NULL;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_other *c = &o->of[i];
                const struct claim_owed *d = &c->owed;

                if (!was_done_after(o, c, since) || !claim_owed_has_state(d, state) || !is_prior_known(d) ||
                    !streq(d->prior.text, own->prior.text))
                        continue;
                if (is_newer(c, last))
                        last = c;
        }
        return last ? last->owed.prior.state : NULL;
}

/* It may have begun after ours, and found itself what ours has not: that one was told no order of ours to be above.
 * One that has put there what ours has found explains that, as long as it goes on. */
static unsigned oldest_to_take(const struct claim_owed *own, const struct claim_other *c) {
        bool explains = c->live && (own->text_claimed ? claim_owed_has_text(&c->owed, own->prior.text)
                                                      : claim_owed_has_state(&c->owed, own->prior.state));

        return own->secondhand && !c->done && !explains ? 1 : own->order + 1;
}

static bool has_given_way(const struct claim_other *c) {
        return c->text_lost && claim_owed_has_given_way(&c->owed);
}

const char *claim_others_persons_word(const struct claim_others *o, const struct claim_owed *own) {
        const char *words = NULL;
        unsigned order = own->order;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_owed *c = &o->of[i].owed;

                if (!has_given_way(&o->of[i]) || c->order <= order || are_words_ours(o, own, &c->prior))
                        continue;
                order = c->order;
                words = c->prior.text;
        }
        return words;
}

bool claim_others_may_show(const struct claim_others *o, const char *text) {
        for (size_t i = 0; i < o->n; i++) {
                const struct claim_owed *c = &o->of[i].owed;

                if (streq(text, c->prior.text) || claim_owed_names_text(c, text))
                        return true;
        }
        return false;
}

static void take_over_newer(const struct claim_others *o, const struct claim_owed *own, struct claim_value *v) {
        unsigned order = 0;

        for (size_t i = 0; i < o->n; i++) {
                const struct claim_owed *c = &o->of[i].owed;
                unsigned theirs = claim_others_wrote(o, &c->prior);

                if (c->order <= order || c->order < oldest_to_take(own, &o->of[i]))
                        continue;
                order = c->order;
                if ((c->text_claimed || has_given_way(&o->of[i])) && !(theirs & CLAIM_TEXT) &&
                    !claim_owed_has_text(own, c->prior.text))
                        claim_value_put_text(v, c->prior.text);
                if (c->state_claimed && !(theirs & CLAIM_STATE) && !claim_owed_has_state(own, c->prior.state))
                        claim_value_put_state(v, c->prior.state);
        }
}

void claim_others_look_through(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                               bool done_only, struct claim_value *v) {
        const struct claim_other *state = last_to_put(o, CLAIM_STATE, per_device, v);
        const struct claim_other *text = last_to_put(o, CLAIM_TEXT, per_device, v);

        if (state && (state->done || !done_only))
                claim_value_put_state(v, state->owed.prior.state);
        if (text && (text->done || !done_only))
                claim_value_put_text(v, text->owed.prior.text);
        if (own)
                take_over_newer(o, own, v);
}

void claim_others_keep_told(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                            const struct claim_value *told, struct claim_value *v) {
        const struct claim_value *found = &own->prior;
        struct claim_value now = *found;

        claim_others_look_through(o, NULL, per_device, /* done_only= */ false, &now);
        if ((streq(now.text, found->text) || claim_owed_has_text(own, now.text)) && streq(v->text, found->text))
                claim_value_put_text(v, told->text);
        if ((streq(now.state, found->state) || claim_owed_has_state(own, now.state)) && streq(v->state, found->state))
                claim_value_put_state(v, told->state);
}
