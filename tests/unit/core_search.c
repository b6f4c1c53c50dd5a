/* Exhaustive search of the claim machine: every order of calls, a person's changes, other clients, pushes, failures
 * of each step, crashes with, without and with late effect, restarts from the journal, lost sessions, and claims that
 * grow or change within a call, to a depth, on a model of a server that keeps a value per device, of one that keeps a
 * single value, and of a field that is empty or somebody's, which another client of the user writes during its own
 * calls. The search looks at requests, phase and debt alone. In every state reached:
 *
 *   1  nothing enters without a call, and nothing is written that is not in the journal on disk first
 *   2  no two steps are under way at once
 *   3  never more writes with effect in a minute than the limit, not counting the first after each change of what is
 *      wanted
 *   4  the same facts give the same step
 *   5  once the calls are gone and the server answers, the value is what it would be without busyd, nothing is owed
 *      and the machine rests; only a busy that another session holds may remain, and is then called stuck
 *   6  while a call goes on and the server answers, busy stands there, unless the machine says why not
 *
 * A person's write cannot fall between our comparison and our write here: Matrix has no compare-and-swap. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/claim.h"
#include "core_search.h"

#define START (1000 * USEC_PER_SEC)

enum { OFFLINE, UNAVAILABLE, ONLINE, BUSY };
static const char *const states[] = { "offline", "unavailable", "online", "busy" };
/* A field: empty, another client's, (unused), ours. */
static const char *const field_states[] = { "", "{theirs}", "{3}", "{ours}" };
/* Index 0 is the prior message, 1 and 4 are ours, 2 and 3 are a person's. */
static const char *const texts[] = { "Working", "In a call", "Lunch", "", "On the phone" };

struct kind {
        bool per_device, pushed, field, curable;
        bool grows; /* a call begins with a message alone, which may change, and is busy later */
};

struct world {
        struct claim claim;
        struct kind kind;

        /* What the machine has asked for. */
        enum claim_step step;
        struct claim_value value;
        bool back;   /* the last write gives back */
        bool echoed; /* ... and was pushed before it was answered */
        bool live;   /* a push has come since the poll broke */

        /* The server. With one value per user only `own` and `text` count. */
        unsigned char own, other, text;
        bool late; /* a write of unknown fate is still on its way */
        unsigned char late_own, late_text;
        bool late_back; /* ... which gives back */
        usec_t late_by;
        bool old; /* an answer from before our last write is still on its way */
        unsigned char old_state, old_text;

        /* As if busyd did not exist. */
        unsigned char base_state, base_text;
        bool ignored; /* the server once acknowledged a write without effect */
        bool caught;  /* another session has caught our busy */
        bool refused; /* the cure was */

        bool call, connected, persons_word, signed_out;
        bool persons_wrote, client_wrote; /* ever */
        bool grown, renamed;              /* what is wanted in this call */
        bool tell; /* busyd has yet to hear that the other client's call began or ended, soon after */
        usec_t tell_until;
        bool journal;
        struct claim_owed entry;
        usec_t now, wake_at;
        usec_t writes[CLAIM_WRITES_PER_MINUTE_MAX + 1];
        bool fresh, was_fresh; /* the next write is the first since something else is wanted; the last one was */
        unsigned char persons, clients, faults, crashes, calls, wants; /* how many of each are left */
};

enum action {
        CALL_CHANGES,
        WANT_GROWS,
        MESSAGE_CHANGES,
        PERSON_WRITES,
        PERSON_CLEARS,
        PERSON_SAYS_BUSY,
        CLIENT_SYNCS,
        CLIENT_IS_HEARD,
        SESSION_CATCHES,
        TIME_PASSES,
        POLL_BREAKS,
        POLL_RETURNS,
        PUSH_COMES,
        OLD_PUSH_COMES,
        LATE_LANDS,
        STEP_WORKS,
        STEP_NOT_APPLIED,
        STEP_LOST_APPLIED,
        STEP_LOST,
        STEP_LATE,
        STEP_REFUSED,
        STEP_IGNORED,
        SESSION_ENDS,
        SESSION_RETURNS,
        CRASH,
        CRASH_APPLIED,
        CRASH_LATE,
        N_ACTIONS,
};
static const char *const action_names[N_ACTIONS] = {
        [CALL_CHANGES] = "call changes",
        [WANT_GROWS] = "want grows",
        [MESSAGE_CHANGES] = "message changes",
        [PERSON_WRITES] = "person writes",
        [PERSON_CLEARS] = "person clears",
        [PERSON_SAYS_BUSY] = "person says busy",
        [CLIENT_SYNCS] = "client syncs",
        [CLIENT_IS_HEARD] = "client is heard",
        [SESSION_CATCHES] = "session catches",
        [TIME_PASSES] = "time passes",
        [POLL_BREAKS] = "poll breaks",
        [POLL_RETURNS] = "poll returns",
        [PUSH_COMES] = "push comes",
        [OLD_PUSH_COMES] = "old push comes",
        [LATE_LANDS] = "late write lands",
        [STEP_WORKS] = "step works",
        [STEP_NOT_APPLIED] = "step not applied",
        [STEP_LOST_APPLIED] = "step lost but applied",
        [STEP_LOST] = "step lost",
        [STEP_LATE] = "step late",
        [STEP_REFUSED] = "step refused",
        [STEP_IGNORED] = "step acknowledged without effect",
        [SESSION_ENDS] = "session ends",
        [SESSION_RETURNS] = "session returns",
        [CRASH] = "crash",
        [CRASH_APPLIED] = "crash, step applied",
        [CRASH_LATE] = "crash, step late",
};

static uint64_t n_steps;

static const char *const *names_of(const struct world *w) {
        return w->kind.field ? field_states : states;
}

static void fail(const struct world *w, const char *what) {
        const char *const *names = names_of(w);
        const struct claim_owed *owed;

        for (unsigned i = 0; i < path_length; i++)
                fprintf(stderr, "  %2u %s\n", i + 1, action_names[path[i]]);
        owed = claim_owed(&w->claim);
        fprintf(stderr,
                "  own %s other %s text '%s' | without us %s '%s' | %s%s%s | phase %s, in flight %d, prior %s '%s'\n",
                names[w->own], names[w->other], texts[w->text], names[w->base_state], texts[w->base_text],
                w->call ? "call" : "no call", w->caught ? ", caught" : "", w->journal ? ", owed on disk" : "",
                claim_phase_to_string(claim_phase(&w->claim)), w->step, owed ? owed->prior.state : "-",
                owed ? owed->prior.text : "-");
        cr_assert(false, "%s", what);
}

static unsigned char shown_state(const struct world *w) {
        return w->kind.per_device && w->other > w->own ? w->other : w->own;
}

static struct claim_value shown(const struct world *w) {
        struct claim_value v;

        (void) claim_value_set(&v, names_of(w)[shown_state(w)], texts[w->text]);
        return v;
}

static struct claim_traits traits_of(const struct world *w) {
        struct claim_traits t = w->kind.field ? field_traits() : server_traits(w->kind.per_device);

        t.pushed = w->kind.pushed;
        t.curable = w->kind.curable;
        return t;
}

static void want(struct world *w) {
        struct claim_want busy = { .state_claimed = !w->kind.grows || w->grown, .text_claimed = !w->kind.field };

        (void) claim_value_set(&busy.value,
                               w->kind.field        ? "{ours}"
                               : busy.state_claimed ? "busy"
                                                    : "",
                               w->kind.field ? "" : texts[w->renamed ? 4 : 1]);
        claim_set_want(&w->claim, w->call ? &busy : NULL);
        w->fresh = true;
}

static bool parts_equal(const struct claim_owed *o, const struct claim_value *a, const struct claim_value *b) {
        return (!o->state_claimed || streq(a->state, b->state)) && (!o->text_claimed || streq(a->text, b->text));
}

static bool journal_has(const struct world *w, const struct claim_value *v) {
        if (!w->journal)
                return false;
        for (unsigned i = 0; i < w->entry.n_ours; i++)
                if (parts_equal(&w->entry, &w->entry.ours[i], v))
                        return true;
        return false;
}

static void check_write(struct world *w) {
        size_t last = ARRAY_SIZE(w->writes) - 1;

        if (!w->journal)
                fail(w, "1 a write without a journal entry");
        if (!w->back && !w->call)
                fail(w, "1 entering without a call");
        if (!w->back && !journal_has(w, &w->value))
                fail(w, "1 the journal does not know what is written");
        if (!w->back && !w->entry.unsure)
                fail(w, "1 the journal does not know that a write is under way");
        if (w->step == CLAIM_CURE)
                return;
        w->was_fresh = w->fresh;
        w->fresh = false;
        if (w->was_fresh)
                return;
        memmove(w->writes, w->writes + 1, last * sizeof(w->writes[0]));
        w->writes[last] = w->now;
        if (w->writes[0] > 0 && w->now - w->writes[0] < USEC_PER_MIN)
                fail(w, "3 too many writes in a minute");
}

/* That nothing is under way any more waits for nobody, and is never flushed in a hurry. */
static bool is_only_settled(const struct world *w) {
        struct claim_owed now = *claim_owed(&w->claim);

        now.unsure = w->entry.unsure;
        return w->journal && !claim_owed(&w->claim)->unsure && w->entry.unsure &&
               claim_value_equal(&now.prior, &w->entry.prior) && now.n_ours == w->entry.n_ours &&
               claim_value_equal(&now.ours[0], &w->entry.ours[0]);
}

static void decide(struct world *w) {
        struct claim again;
        struct claim_request r, r2;

        if (w->signed_out) {
                w->wake_at = USEC_NEVER;
                return;
        }
        again = w->claim;
        r = claim_decide(&w->claim, w->now);
        r2 = claim_decide(&again, w->now);
        n_steps++;
        if (w->step != CLAIM_NOTHING && r.step != CLAIM_NOTHING)
                fail(w, "2 two steps at once");
        if (r.step != r2.step || r.wake_at != r2.wake_at ||
            (r.step == CLAIM_WRITE && !claim_value_equal(&r.value, &r2.value)))
                fail(w, "4 the same facts give another step");
        w->wake_at = r.wake_at;
        if (r.step == CLAIM_NOTHING)
                return;
        w->step = r.step;
        if (r.step == CLAIM_JOURNAL && is_only_settled(w)) {
                w->entry = *claim_owed(&w->claim);
                w->step = CLAIM_NOTHING;
                claim_on_journalled(&w->claim);
                decide(w);
        }
        if (r.step == CLAIM_WRITE || r.step == CLAIM_CURE) {
                w->value = r.value;
                w->back = r.step == CLAIM_CURE || claim_phase(&w->claim) == CLAIM_LEAVING;
                w->echoed = false;
                check_write(w);
        }
}

static bool is_writing(const struct world *w) {
        return w->step == CLAIM_WRITE || w->step == CLAIM_CURE;
}

static void push(struct world *w) {
        struct claim_value v = shown(w);

        if (!w->connected || !w->kind.pushed)
                return;
        w->old = false;
        w->live = true;
        w->echoed = w->echoed || (is_writing(w) && streq(v.text, w->value.text));
        claim_on_seen(&w->claim, &v, w->now);
}

static void apply_write(struct world *w) {
        w->old = true;
        w->old_state = shown_state(w);
        w->old_text = w->text;
        w->own = index_of(names_of(w), ARRAY_SIZE(states), w->value.state);
        w->text = index_of(texts, ARRAY_SIZE(texts), w->value.text);
}

/* As every device of the user, which then says by itself what it is. */
static void apply_cure(struct world *w) {
        /* The message tells the one from the other. */
        if (w->kind.pushed && w->base_state == BUSY && !streq(texts[w->base_text], claim_owed(&w->claim)->prior.text))
                fail(w, "5 a busy that a person has said is taken for one that was caught");
        apply_write(w);
        w->caught = false;
        w->other = w->base_state;
}

static void apply_step(struct world *w) {
        enum claim_step step = w->step;

        switch (step) {
        case CLAIM_WRITE:
                apply_write(w);
                return;
        case CLAIM_JOURNAL:
                w->journal = true;
                w->entry = *claim_owed(&w->claim);
                return;
        case CLAIM_FORGET:
                w->journal = false;
                return;
        case CLAIM_CURE:
                apply_cure(w);
                return;
        case CLAIM_NOTHING:
        case CLAIM_READ:
                return;
        }
}

static void answer_step(struct world *w) {
        struct claim_value v = shown(w);
        enum claim_step step = w->step;

        w->step = CLAIM_NOTHING;
        switch (step) {
        case CLAIM_READ:
                claim_on_read(&w->claim, &v, w->now, 500);
                return;
        case CLAIM_JOURNAL:
                claim_on_journalled(&w->claim);
                return;
        case CLAIM_WRITE:
        case CLAIM_CURE:
                claim_on_written(&w->claim, w->now);
                return;
        case CLAIM_FORGET:
                claim_on_forgotten(&w->claim);
                return;
        case CLAIM_NOTHING:
                return;
        }
}

static void fail_step(struct world *w, enum claim_failure f, usec_t retry_at) {
        if (w->step == CLAIM_WRITE && f == CLAIM_FAILED_NOT_APPLIED) {
                w->fresh = w->fresh || w->was_fresh;
                if (!w->was_fresh) {
                        memmove(w->writes + 1, w->writes, sizeof(w->writes) - sizeof(w->writes[0]));
                        w->writes[0] = 0;
                }
        }
        w->step = CLAIM_NOTHING;
        claim_on_failure(&w->claim, f, retry_at, w->now, 500);
}

/* What is still on its way arrives before what others write later. */
static void land_late(struct world *w) {
        if (!w->late)
                return;
        w->late = false;
        w->own = w->late_own;
        w->text = w->late_text;
        push(w);
}

static void be_late(struct world *w) {
        land_late(w);
        w->late = true;
        w->late_back = w->back;
        w->late_by = w->now + CLAIM_LANDS_WITHIN - 1;
        w->late_own = index_of(names_of(w), ARRAY_SIZE(states), w->value.state);
        w->late_text = index_of(texts, ARRAY_SIZE(texts), w->value.text);
}

static void restart(struct world *w) {
        struct claim_traits traits = traits_of(w);

        w->step = CLAIM_NOTHING;
        w->live = w->echoed = false;
        claim_init(&w->claim, &traits);
        if (w->journal)
                claim_resume(&w->claim, &w->entry);
        w->old = w->tell = false;
        w->connected = true;
        w->signed_out = false;
        memset(w->writes, 0, sizeof(w->writes));
        want(w);
        w->fresh = w->call;
}

/* Another client of the user is on a call of its own, or no more: it overwrites whatever is there. */
static void client_calls(struct world *w) {
        land_late(w);
        w->base_state = w->base_state == OFFLINE ? UNAVAILABLE : OFFLINE;
        w->own = w->base_state;
        w->tell = true;
        w->tell_until = w->now + CLAIM_ASK_AFTER - 1;
}

static void person_writes(struct world *w, unsigned char state, unsigned char text) {
        land_late(w);
        w->text = w->base_text = text;
        if (w->kind.per_device)
                w->other = w->base_state = state;
        else
                w->own = w->base_state = state;
        w->caught = false;
        w->persons_word = w->persons_wrote = true;
        push(w);
}

static void client_syncs(struct world *w) {
        unsigned char to = w->base_state == ONLINE ? UNAVAILABLE : ONLINE;

        land_late(w);
        w->base_state = to;
        if (w->kind.per_device)
                w->other = to;
        else
                w->own = to;
        push(w);
}

/* With one value per user, who says busy in the very words that were just given back cannot be told from a server that
 * copies busy. */
static bool repeats_what_was_given_back(const struct world *w) {
        return !w->kind.per_device && w->back && claim_owed(&w->claim) && w->base_text == 2;
}

/* Carries the action out. False if it cannot happen here. */
static bool act(struct world *w, enum action a) {
        enum claim_step step = w->step;
        bool writing = is_writing(w);
        struct claim_value v;

        switch (a) {
        case CALL_CHANGES:
                if (w->calls == 0)
                        return false;
                w->calls--;
                w->call = !w->call;
                if (w->call)
                        w->persons_word = w->grown = w->renamed = false;
                want(w);
                return true;
        case WANT_GROWS:
        case MESSAGE_CHANGES:
                if (!w->kind.grows || !w->call || w->wants == 0 || (a == WANT_GROWS && w->grown))
                        return false;
                w->wants--;
                w->grown = w->grown || a == WANT_GROWS;
                w->renamed = w->renamed != (a == MESSAGE_CHANGES);
                want(w);
                return true;
        case PERSON_WRITES:
        case PERSON_CLEARS:
        case PERSON_SAYS_BUSY:
                if (a == PERSON_SAYS_BUSY && repeats_what_was_given_back(w))
                        return false;
                if (w->persons == 0 || writing || (!w->live && step != CLAIM_NOTHING))
                        return false;
                if (w->kind.field && (a != PERSON_CLEARS || w->tell))
                        return false;
                w->persons--;
                person_writes(w,
                              w->kind.field           ? OFFLINE
                              : a == PERSON_SAYS_BUSY ? BUSY
                                                      : ONLINE,
                              a == PERSON_CLEARS ? 3 : 2);
                return true;
        case CLIENT_SYNCS:
                if (w->clients == 0 || w->caught || writing || (!w->live && step != CLAIM_NOTHING))
                        return false;
                if (w->kind.field && w->tell)
                        return false;
                w->clients--;
                w->client_wrote = true;
                if (w->kind.field)
                        client_calls(w);
                else
                        client_syncs(w);
                return true;
        case CLIENT_IS_HEARD:
                if (!w->tell)
                        return false;
                w->tell = false;
                claim_on_doubt(&w->claim, w->base_state == OFFLINE, w->now);
                return true;
        case SESSION_CATCHES:
                if (!w->kind.per_device || w->caught || shown_state(w) != BUSY || w->other == OFFLINE)
                        return false;
                w->caught = true;
                w->other = BUSY;
                push(w);
                return true;
        case TIME_PASSES:
                if (w->wake_at == USEC_NEVER || step != CLAIM_NOTHING || (w->tell && w->wake_at > w->tell_until) ||
                    (w->late && w->wake_at > w->late_by))
                        return false;
                w->now = w->wake_at > w->now ? w->wake_at : w->now + 1;
                w->old = false;
                return true;
        case POLL_BREAKS:
                if (!w->connected || !w->kind.pushed || w->faults == 0)
                        return false;
                w->faults--;
                w->connected = w->live = false;
                claim_on_unsure(&w->claim);
                return true;
        case POLL_RETURNS:
                if (w->connected || w->signed_out)
                        return false;
                w->connected = true;
                push(w);
                return true;
        case PUSH_COMES:
                if (!w->kind.pushed || !w->connected)
                        return false;
                push(w);
                return true;
        case OLD_PUSH_COMES:
                if (!w->old || !w->kind.pushed || !w->connected)
                        return false;
                w->old = false;
                (void) claim_value_set(&v, states[w->old_state], texts[w->old_text]);
                w->live = true;
                w->echoed = w->echoed || (writing && streq(v.text, w->value.text));
                claim_on_seen(&w->claim, &v, w->now);
                return true;
        case LATE_LANDS:
                if (!w->late)
                        return false;
                land_late(w);
                return true;
        case STEP_WORKS:
                if (step == CLAIM_NOTHING)
                        return false;
                apply_step(w);
                answer_step(w);
                return true;
        case STEP_NOT_APPLIED:
                if (step == CLAIM_NOTHING || w->faults == 0)
                        return false;
                w->faults--;
                fail_step(w, CLAIM_FAILED_NOT_APPLIED, writing ? w->now + 10 * USEC_PER_SEC : USEC_NEVER);
                return true;
        case STEP_LOST_APPLIED:
        case STEP_LOST:
        case STEP_LATE:
                if (!writing || w->faults == 0 || (a == STEP_LATE && step == CLAIM_CURE))
                        return false;
                w->faults--;
                if (a == STEP_LOST_APPLIED)
                        apply_step(w);
                else if (a == STEP_LATE)
                        be_late(w);
                fail_step(w, CLAIM_FAILED_UNSURE, USEC_NEVER);
                return true;
        case STEP_REFUSED:
                if ((!writing && step != CLAIM_READ) || w->faults == 0)
                        return false;
                w->faults--;
                w->refused = w->refused || step == CLAIM_CURE;
                fail_step(w, CLAIM_FAILED_REFUSED, USEC_NEVER);
                return true;
        case STEP_IGNORED:
                /* Who still holds a busy that was withdrawn cannot be told from outside. */
                if (!writing || w->faults == 0 || (w->kind.per_device && w->back) || w->echoed || w->late)
                        return false;
                w->faults--;
                w->ignored = true;
                w->old = false;
                answer_step(w);
                return true;
        case SESSION_ENDS:
                if ((!writing && step != CLAIM_READ) || w->faults == 0)
                        return false;
                w->faults--;
                w->signed_out = true;
                w->connected = w->live = false;
                claim_on_unsure(&w->claim);
                fail_step(w, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER);
                return true;
        case SESSION_RETURNS:
                if (!w->signed_out)
                        return false;
                w->signed_out = false;
                claim_try_again(&w->claim);
                return true;
        case CRASH:
        case CRASH_APPLIED:
        case CRASH_LATE:
                if (w->crashes == 0 || (a == CRASH_APPLIED && step == CLAIM_NOTHING) ||
                    (a == CRASH_LATE && step != CLAIM_WRITE))
                        return false;
                w->crashes--;
                if (a == CRASH_APPLIED)
                        apply_step(w);
                else if (a == CRASH_LATE)
                        be_late(w);
                restart(w);
                return true;
        case N_ACTIONS:
                break;
        }
        return false;
}

/* From here on everything works. Returns once the machine rests. */
static void run_well(struct world *w, bool call) {
        land_late(w);
        w->old = false;
        if (w->signed_out)
                (void) act(w, SESSION_RETURNS);
        if (!w->connected)
                (void) act(w, POLL_RETURNS);
        (void) act(w, CLIENT_IS_HEARD);
        if (w->call != call) {
                w->calls = 1;
                (void) act(w, CALL_CHANGES);
        }
        for (unsigned i = 0; i < 200; i++) {
                decide(w);
                if (w->step == CLAIM_NOTHING && w->wake_at == USEC_NEVER)
                        return;
                (void) act(w, w->step == CLAIM_NOTHING ? TIME_PASSES : STEP_WORKS);
        }
        fail(w, "5 the machine does not come to rest");
}

static void check_given_back(struct world w) {
        enum claim_phase phase;

        run_well(&w, /* call= */ false);
        phase = claim_phase(&w.claim);
        if (w.journal || claim_owed(&w.claim))
                fail(&w, "5 still owed though everything works");
        if (w.text != w.base_text)
                fail(&w, "5 the message is not what it would be without us");
        if (w.kind.per_device ? w.own != OFFLINE : w.own != w.base_state)
                fail(&w, "5 the state is not what it would be without us");
        if (phase == CLAIM_STUCK && w.kind.pushed && !w.caught && w.base_state != BUSY)
                fail(&w, "5 called stuck, and nobody holds it");
        if (phase == CLAIM_STUCK && w.kind.curable && !w.refused && !w.persons_wrote)
                fail(&w, "5 stuck, and the cure was not taken");
        if (phase != CLAIM_FREE && phase != CLAIM_STUCK)
                fail(&w, "5 rests in another phase");
}

static bool is_busy_there(const struct world *w) {
        if (w->kind.field)
                return shown_state(w) == BUSY;
        return w->text == (w->renamed ? 4 : 1) && ((w->kind.grows && !w->grown) || shown_state(w) == BUSY);
}

static void check_held(struct world w) {
        /* Where nothing is pushed, what others write during the call is found only at its end. */
        if (!w.call || (!w.kind.pushed && (w.persons_wrote || (w.client_wrote && !w.kind.field))))
                return;
        run_well(&w, /* call= */ true);
        if (w.kind.field && !w.ignored && claim_phase(&w.claim) != CLAIM_REFUSED &&
            (claim_phase(&w.claim) == CLAIM_FOREIGN) != (w.base_state != OFFLINE))
                fail(&w, "6 another client's claim is mistaken");
        if (w.kind.field && !w.ignored && claim_phase(&w.claim) == CLAIM_NO_EFFECT)
                fail(&w, "6 what another client did is taken for the server's doing");
        if (claim_phase(&w.claim) == CLAIM_HELD ? !is_busy_there(&w) : claim_phase(&w.claim) == CLAIM_ENTERING)
                fail(&w, "6 busy does not stand there");
        if (claim_phase(&w.claim) == CLAIM_YIELDED && !w.persons_wrote)
                fail(&w, "6 yielded to nobody");
}

/* ---- the search ---- */

static uint64_t print_of(const struct world *w) {
        uint64_t h = 7;

        h = mix_claim(h, &w->claim, w->now);
        h = mix(h, (uint64_t) w->own << 0 | (uint64_t) w->other << 2 | (uint64_t) w->text << 4 |
                           (uint64_t) w->late << 7 | (uint64_t) w->late_own << 8 | (uint64_t) w->late_text << 10 |
                           (uint64_t) w->old << 13 | (uint64_t) w->old_state << 14 | (uint64_t) w->old_text << 16 |
                           (uint64_t) w->base_state << 19 | (uint64_t) w->base_text << 21 |
                           (uint64_t) w->persons << 24 | (uint64_t) w->clients << 28 | (uint64_t) w->faults << 32 |
                           (uint64_t) w->crashes << 36 | (uint64_t) w->calls << 40 | (uint64_t) w->wants << 44);
        h = mix(h, (uint64_t) w->caught << 0 | (uint64_t) w->call << 1 | (uint64_t) w->connected << 2 |
                           (uint64_t) w->persons_word << 3 | (uint64_t) w->signed_out << 4 |
                           (uint64_t) w->journal << 5 | (uint64_t) w->tell << 6 | (uint64_t) w->ignored << 7 |
                           (uint64_t) w->grown << 8 | (uint64_t) w->renamed << 9 | (uint64_t) w->echoed << 10 |
                           (uint64_t) w->fresh << 11 | (uint64_t) w->was_fresh << 12);
        h = mix_time(h, w->late_by, w->now);
        h = mix(h, w->refused);
        h = mix_time(h, w->tell ? w->tell_until : 0, w->now);
        if (w->journal)
                h = mix_owed(h, &w->entry);
        return h ? h : 1;
}

static void search(const struct world *w, unsigned depth_left) {
        if (!is_new(print_of(w), depth_left + 1))
                return;
        check_given_back(*w);
        check_held(*w);
        if (depth_left == 0)
                return;
        for (enum action a = 0; a < N_ACTIONS; a++) {
                struct world next = *w;

                if (!act(&next, a))
                        continue;
                path[path_length++] = a;
                decide(&next);
                search(&next, depth_left - 1);
                path_length--;
        }
}

static void search_from(const char *name, struct kind kind) {
        unsigned max = search_begin(9);
        struct world w = {
                .kind = kind,
                .own = kind.per_device || kind.field ? OFFLINE : ONLINE,
                .other = kind.per_device ? ONLINE : OFFLINE,
                .base_state = kind.field ? OFFLINE : ONLINE,
                .text = kind.field ? 3 : 0,
                .base_text = kind.field ? 3 : 0,
                .now = START,
                .wake_at = USEC_NEVER,
                .persons = kind.grows ? 1 : 2,
                .clients = kind.grows ? 1 : 2,
                .faults = kind.grows ? 2 : 3,
                .crashes = kind.grows ? 1 : 2,
                .calls = kind.grows ? 3 : 4,
                .wants = kind.grows ? 2 : 0,
        };

        n_steps = 0;
        restart(&w);
        push(&w);
        decide(&w);
        search(&w, max);
        printf("%s: %llu states, %llu decisions, depth %u, no violation\n", name, (unsigned long long) n_states,
               (unsigned long long) n_steps, max);
        search_end();
}

Test(core_search, per_device_pushed) {
        search_from("per-device server, pushed", (struct kind){ .per_device = true, .pushed = true });
}

Test(core_search, per_device_curable) {
        search_from("per-device server, pushed, curable",
                    (struct kind){ .per_device = true, .pushed = true, .curable = true });
}

Test(core_search, single_value_pushed) {
        search_from("single-value server, pushed", (struct kind){ .pushed = true });
}

Test(core_search, per_device_read) {
        search_from("per-device server, read", (struct kind){ .per_device = true });
}

Test(core_search, single_value_read) {
        search_from("single-value server, read", (struct kind){});
}

Test(core_search, field_read) {
        search_from("field, read", (struct kind){ .field = true });
}

Test(core_search, per_device_grows) {
        search_from("per-device server, pushed, growing",
                    (struct kind){ .per_device = true, .pushed = true, .grows = true });
}

Test(core_search, single_value_grows) {
        search_from("single-value server, pushed, growing", (struct kind){ .pushed = true, .grows = true });
}

Test(core_search, single_value_read_grows) {
        search_from("single-value server, read, growing", (struct kind){ .grows = true });
}
