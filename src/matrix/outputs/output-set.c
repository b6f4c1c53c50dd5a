#include "matrix/outputs/output-set.h"

int output_set_start(struct output_set *s, const struct output_endpoint *at, const struct driver_doors *doors) {
        s->waits_until = USEC_NEVER;
        for (const struct output_kind *const *k = outputs; *k; k++) {
                struct output_set_member *m = &s->of[s->n];
                int r = (*k)->make(&m->output, at);

                if (r < 0)
                        return r;
                s->n++;
                r = driver_new(&m->driver, m->output, doors);
                if (r < 0)
                        return r;
        }
        return 0;
}

void output_set_done(struct output_set *s) {
        for (size_t i = 0; i < s->n; i++) {
                driver_free(s->of[i].driver);
                output_free(s->of[i].output);
        }
        *s = (struct output_set){};
}

void output_set_configured(struct output_set *s, usec_t now) {
        for (size_t i = 0; i < s->n; i++)
                if (s->of[i].output->kind->configured)
                        s->of[i].output->kind->configured(s->of[i].output, now);
}

void output_set_reconnected(struct output_set *s, usec_t now) {
        for (size_t i = 0; i < s->n; i++)
                if (s->of[i].output->kind->reconnected)
                        s->of[i].output->kind->reconnected(s->of[i].output, now);
}

void output_set_watching(struct output_set *s, bool watching, usec_t now) {
        for (size_t i = 0; i < s->n; i++)
                if (s->of[i].output->kind->watching)
                        s->of[i].output->kind->watching(s->of[i].output, watching, now);
}

void output_set_answered(struct output_set *s, const struct output_told *told, usec_t now) {
        for (size_t i = 0; i < s->n; i++) {
                struct output *o = s->of[i].output;

                if (told->all && o->kind->resynced)
                        o->kind->resynced(o, now);
                if (told->own_presence && o->kind->presence)
                        o->kind->presence(o, told->presence, told->status_msg, now);
        }
}

void output_set_machines(struct output_set *s, size_t i, bool hold, const struct claim_other *others, size_t n,
                         usec_t now) {
        struct output_set_member *m = &s->of[i];
        bool words = false;

        for (size_t k = 0; k < n; k++)
                words = words || (others[k].live && others[k].owed.text_claimed && !others[k].text_lost);
        if (m->output->kind->machines)
                m->output->kind->machines(m->output, hold, words, now);
        driver_machines_changed(m->driver, others, n, now);
}

void output_set_told_over(struct output_set *s) {
        for (size_t i = 0; i < s->n; i++)
                driver_told_over(s->of[i].driver);
}

void output_set_answers_again(struct output_set *s) {
        for (size_t i = 0; i < s->n; i++)
                driver_reconnected(s->of[i].driver);
}

void output_set_try_again(struct output_set *s) {
        for (size_t i = 0; i < s->n; i++)
                driver_try_again(s->of[i].driver);
}

void output_set_calls_changed(struct output_set *s, bool released, usec_t now) {
        for (size_t i = 0; i < s->n; i++)
                driver_calls_changed(s->of[i].driver, released, now);
}

void output_set_want(struct output_set *s, const struct driver_want *want) {
        for (size_t i = 0; i < s->n; i++)
                driver_set_want(s->of[i].driver, want);
}

bool output_set_step(struct output_set *s, bool may, usec_t now) {
        s->waits_until = USEC_NEVER;
        for (size_t i = 0; i < s->n; i++) {
                usec_t since, until;

                if (driver_step(s->of[i].driver, may && s->waits_until == USEC_NEVER, now))
                        return true;
                since = driver_writes_since(s->of[i].driver);
                until = since == USEC_NEVER ? USEC_NEVER : usec_add(since, OUTPUT_SET_GOES_FIRST_MAX);
                if (now < until)
                        s->waits_until = usec_min(s->waits_until, until);
        }
        return false;
}

struct output_poll output_set_poll(const struct output_set *s, usec_t now) {
        struct output_poll all = { .counted = false };

        for (size_t i = 0; i < s->n; i++) {
                struct output *o = s->of[i].output;
                struct output_poll one = { .counted = false };

                if (o->kind->poll)
                        o->kind->poll(o, &one, now);
                all.own_presence = all.own_presence || one.own_presence;
                all.counted = all.counted || one.counted;
                all.soon = all.soon || one.soon;
                all.alone = all.alone || one.alone;
        }
        return all;
}

bool output_set_is_awaited(const struct output_set *s, usec_t now, usec_t *ret_until) {
        bool any = false;

        *ret_until = USEC_NEVER;
        for (size_t i = 0; i < s->n; i++) {
                struct output *o = s->of[i].output;

                if (o->kind->awaited && (o->kind->awaited(o, now) || driver_is_looking(s->of[i].driver, now)))
                        any = true;
                if (o->kind->awaited_until)
                        *ret_until = usec_min(*ret_until, o->kind->awaited_until(o));
        }
        return any;
}

usec_t output_set_deadline(const struct output_set *s) {
        usec_t at = s->waits_until;

        for (size_t i = 0; i < s->n; i++)
                at = usec_min(at, driver_deadline(s->of[i].driver));
        return at;
}

bool output_set_is_shared(const struct output_set *s) {
        for (size_t i = 0; i < s->n; i++)
                if (driver_is_shared(s->of[i].driver))
                        return true;
        return false;
}

bool output_set_owes(const struct output_set *s) {
        for (size_t i = 0; i < s->n; i++)
                if (driver_owes(s->of[i].driver))
                        return true;
        return false;
}

bool output_set_owes_itself(const struct output_set *s) {
        for (size_t i = 0; i < s->n; i++)
                if (driver_owes(s->of[i].driver) && !driver_is_shared(s->of[i].driver))
                        return true;
        return false;
}

bool output_set_is_at_rest(const struct output_set *s) {
        for (size_t i = 0; i < s->n; i++)
                if (!driver_is_at_rest(s->of[i].driver))
                        return false;
        return true;
}

void output_set_learned(const struct output_set *s, struct account_lessons *ret) {
        for (size_t i = 0; i < s->n; i++) {
                const struct output *o = s->of[i].output;

                if (o->kind->learned)
                        o->kind->learned(o, ret);
        }
}
