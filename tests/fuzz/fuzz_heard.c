/* What other machines tell, one entry a line: a letter for the machine, a digit for what happens before and how old
 * the entry is, and its content. Whatever it is, claims stay sane and few, and none is believed for long. */
#include "must.h"

#include "matrix/machines/heard.h"
#include "json/json.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const usual_outputs[] = { "presence", "profile" };

struct stage {
        struct heard *heard;
        usec_t now;
        bool resyncs;
};

static bool ends_within(const char *s, size_t size) {
        return memchr(s, '\0', size);
}

static void look_at_value(const struct claim_value *v) {
        must(ends_within(v->state, sizeof(v->state)) && ends_within(v->text, sizeof(v->text)), "a value ends");
}

static void look_at_claim(const struct claim_other *c) {
        must(c->owed.n_ours == 1 || c->owed.n_ours == 2, "one or two values are ours");
        must(c->owed.order <= CLAIM_ORDER_MAX, "an order has a limit");
        must(!c->done || !c->live, "what is done does not go on");
        look_at_value(&c->owed.prior);
        for (unsigned i = 0; i < c->owed.n_ours; i++)
                look_at_value(&c->owed.ours[i]);
}

static void look_at_output(const struct stage *s, const char *output) {
        struct claim_other claims[HEARD_MAX];
        size_t n = heard_claims(s->heard, output, "M", claims);
        bool waiting = false;

        must(n <= HEARD_MAX, "machines have a limit");
        for (size_t i = 0; i < n; i++) {
                look_at_claim(&claims[i]);
                waiting = waiting || !claims[i].done;
        }
        must(!waiting || heard_deadline(s->heard) != USEC_NEVER, "no claim is believed for ever");
        must(waiting || !heard_holds(s->heard, output), "what is held is not done");
}

static void look(const struct stage *s) {
        usec_t deadline = heard_deadline(s->heard);

        must(deadline == USEC_NEVER || deadline > s->now, "what was due is done");
        must(deadline == USEC_NEVER || deadline <= s->now + ENTRY_LIFE_MAX, "no claim is believed for long");
        for (size_t i = 0; i < ARRAY_SIZE(usual_outputs); i++)
                look_at_output(s, usual_outputs[i]);
}

/* ---- one entry alone ---- */

static bool same_claim(const struct claim_other *a, const struct claim_other *b) {
        for (unsigned i = 0; i < a->owed.n_ours; i++)
                if (!claim_value_equal(&a->owed.ours[i], &b->owed.ours[i]))
                        return false;
        return claim_value_equal(&a->owed.prior, &b->owed.prior) && a->owed.n_ours == b->owed.n_ours &&
               a->owed.order == b->owed.order && a->owed.state_claimed == b->owed.state_claimed &&
               a->owed.text_claimed == b->owed.text_claimed && a->live == b->live && a->waits == b->waits &&
               a->done == b->done && a->text_lost == b->text_lost && a->withdrawn == b->withdrawn &&
               a->late == b->late;
}

static size_t claims_of(const struct heard *p, const json_t *content, struct entry_claim ret[ENTRY_CLAIMS_MAX]) {
        struct claim_other claims[HEARD_MAX];
        const char *output;
        json_t *ignored;
        size_t n = 0;

        json_object_foreach((json_t *) json_member_object(content, "claims"), output, ignored) {
                size_t of_output = heard_claims(p, output, "M", claims);

                must(of_output <= 1, "a machine has one claim on an output");
                if (of_output == 0)
                        continue;
                must(n < ENTRY_CLAIMS_MAX, "claims of a machine have a limit");
                look_at_claim(&claims[0]);
                ret[n++] = (struct entry_claim){ output, claims[0] };
        }
        return n;
}

/* What was understood is understood the same when this machine tells it. */
static void tell_on(const json_t *content) {
        SCOPED(heard_free) struct heard *heard = NULL, *told = NULL;
        SCOPED(json_decref) json_t *entry = NULL, *later = NULL;
        struct entry_claim before[ENTRY_CLAIMS_MAX], after[ENTRY_CLAIMS_MAX];
        size_t n;

        must(heard_new(&heard) == 0 && heard_new(&told) == 0, "there is memory");
        (void) heard_take(heard, ENTRY_TYPE "A", content, 0, USEC_PER_HOUR);
        n = claims_of(heard, content, before);
        entry = entry_new(before, n, 2 * USEC_PER_HOUR);
        later = entry_new(before, n, 3 * USEC_PER_HOUR);
        must(entry && later && entry_same(entry, later), "it says the same at another time");
        must(entry_told(entry) == 2 * USEC_PER_HOUR, "it says when");
        must(heard_take(told, ENTRY_TYPE "A", entry, 0, USEC_PER_HOUR), "it is an entry");
        must(claims_of(told, entry, after) == n, "all claims are in it");
        for (size_t i = 0; i < n; i++)
                must(streq(before[i].output, after[i].output) && same_claim(&before[i].claim, &after[i].claim),
                     "each claim is what it was");
}

/* ---- many ---- */

/* 0 and 1: nothing; 2 and 3: an hour passes; 4 to 7: a resync begins, or ends. Odd ones: it was told half an hour ago.
 */
static usec_t prepare(struct stage *s, char what) {
        if ((what & 6) == 2) {
                s->now += USEC_PER_HOUR;
                (void) heard_expire(s->heard, s->now);
                must(!heard_expire(s->heard, s->now), "what is due is done at once");
        }
        if (what & 4) {
                s->resyncs = !s->resyncs;
                if (s->resyncs)
                        heard_resync_begin(s->heard);
                else
                        (void) heard_resync_end(s->heard);
        }
        return what & 1 ? USEC_PER_HOUR / 2 : 0;
}

static void take(struct stage *s, const char *line, size_t size) {
        char type[] = ENTRY_TYPE "A";
        SCOPED(json_decref) json_t *content = NULL;
        usec_t age;

        if (size < 2 || json_parse(line + 2, size - 2, &content) < 0)
                return;
        type[sizeof(type) - 2] = (char) ('A' + (line[0] & 15));
        age = prepare(s, line[1]);
        (void) entry_told(content);
        (void) heard_take(s->heard, type, content, age, s->now);
        must(!heard_take(s->heard, type, content, age, s->now + 1), "the same again changes nothing");
        look(s);
        tell_on(content);
}

/* Without a word for two hours nothing is believed; without one in a resync nobody is left. */
static void finish(struct stage *s) {
        bool any;

        s->now += ENTRY_LIFE_MAX;
        (void) heard_expire(s->heard, s->now);
        look(s);
        must(heard_deadline(s->heard) == USEC_NEVER, "every claim ends");
        any = heard_any(s->heard);
        heard_resync_begin(s->heard);
        must(heard_resync_end(s->heard) == any, "whoever was there is gone");
        must(!heard_any(s->heard), "nobody is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *line = (const char *) data, *end = line + size;
        SCOPED(heard_free) struct heard *heard = NULL;
        struct stage s = { .now = USEC_PER_HOUR };

        log_set_max_level(LOG_EMERG);
        must(heard_new(&heard) == 0, "there is memory");
        s.heard = heard;
        while (line < end) {
                const char *stop = memchr(line, '\n', (size_t) (end - line));

                if (!stop)
                        stop = end;
                take(&s, line, (size_t) (stop - line));
                line = stop + 1;
        }
        finish(&s);
        return 0;
}
