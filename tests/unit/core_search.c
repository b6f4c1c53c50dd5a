/* Exhaustive search of the claim machine: every order of calls, a person's changes, other clients, pushes, failures
 * of each step, crashes with and without effect, restarts from the journal and lost sessions, to a depth, on a model
 * of a server that keeps a value per device, of one that keeps a single value, and of a field that is empty or
 * somebody's, which another client of the user writes during its own calls. In every state reached:
 *
 *   1  nothing enters without a call, and nothing is written that is not in the journal on disk first
 *   2  no two steps are under way at once
 *   3  never more writes with effect in a minute than the limit
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
/* Index 0 is the prior message, 1 is ours, 2 and 3 are a person's. */
static const char *const texts[] = { "Working", "In a call", "Lunch", "" };

struct world {
        struct claim claim;
        bool per_device, pushed, field, curable;

        /* The server. With one value per user only `own` and `text` count. */
        unsigned char own, other, text;
        bool late; /* a write of unknown fate is still on its way */
        unsigned char late_own, late_text;
        bool old; /* an answer from before our last write is still on its way */
        unsigned char old_state, old_text;

        /* As if busyd did not exist. */
        unsigned char base_state, base_text;
        bool ignored; /* the server once acknowledged a write without effect */
        bool caught;  /* another session has caught our busy */
        bool refused; /* the cure was */

        bool call, connected, persons_word, signed_out;
        bool tell; /* busyd has yet to hear that the other client's call began or ended, soon after */
        usec_t tell_until;
        bool journal;
        struct claim_owed entry;
        usec_t now, wake_at;
        usec_t writes[CLAIM_WRITES_PER_MINUTE_MAX + 1];
        unsigned char persons, clients, faults, crashes, calls; /* how many of each are left */
};

enum action {
        CALL_CHANGES,
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
        N_ACTIONS,
};
static const char *const action_names[N_ACTIONS] = {
        [CALL_CHANGES] = "call changes",
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
};

static uint64_t n_steps;

static const char *const *names_of(const struct world *w) {
        return w->field ? field_states : states;
}

static void fail(const struct world *w, const char *what) {
        const char *const *names = names_of(w);

        for (unsigned i = 0; i < path_length; i++)
                fprintf(stderr, "  %2u %s\n", i + 1, action_names[path[i]]);
        fprintf(stderr,
                "  own %s other %s text '%s' | without us %s '%s' | %s%s%s | phase %s, in flight %d, prior %s '%s'\n",
                names[w->own], names[w->other], texts[w->text], names[w->base_state], texts[w->base_text],
                w->call ? "call" : "no call", w->caught ? ", caught" : "", w->journal ? ", owed on disk" : "",
                claim_phase_to_string(claim_phase(&w->claim)), w->claim.in_flight, w->claim.debt.prior.state,
                w->claim.debt.prior.text);
        cr_assert(false, "%s", what);
}

static unsigned char shown_state(const struct world *w) {
        return w->per_device && w->other > w->own ? w->other : w->own;
}

static struct claim_value shown(const struct world *w) {
        struct claim_value v;

        (void) claim_value_set(&v, names_of(w)[shown_state(w)], texts[w->text]);
        return v;
}

static struct claim_traits traits_of(const struct world *w) {
        struct claim_traits t = w->field ? field_traits() : server_traits(w->per_device);

        t.pushed = w->pushed;
        t.curable = w->curable;
        return t;
}

static void want(struct world *w) {
        static const struct claim_want busy = {
                .value = { .state = "busy", .text = "In a call" },
                .state_claimed = true,
                .text_claimed = true,
        };

        static const struct claim_want joined = { .value = { .state = "{ours}" }, .state_claimed = true };

        claim_set_want(&w->claim, !w->call ? NULL : w->field ? &joined : &busy);
}

static bool journal_has(const struct world *w, const struct claim_value *v) {
        if (!w->journal)
                return false;
        for (unsigned i = 0; i < w->entry.n_ours; i++)
                if (claim_value_equal(&w->entry.ours[i], v))
                        return true;
        return false;
}

static void check_write(struct world *w, const struct claim_request *r) {
        bool entering = !w->claim.sent_back;
        size_t last = ARRAY_SIZE(w->writes) - 1;

        if (!w->journal)
                fail(w, "1 a write without a journal entry");
        if (entering && !w->call)
                fail(w, "1 entering without a call");
        if (entering && !journal_has(w, &r->value))
                fail(w, "1 the journal does not know what is written");
        if (r->step == CLAIM_CURE)
                return;
        memmove(w->writes, w->writes + 1, last * sizeof(w->writes[0]));
        w->writes[last] = w->now;
        if (w->writes[0] > 0 && w->now - w->writes[0] < USEC_PER_MIN)
                fail(w, "3 too many writes in a minute");
}

static void decide(struct world *w) {
        struct claim again = w->claim;
        enum claim_step before = w->claim.in_flight;
        struct claim_request r = claim_decide(&w->claim, w->now), r2 = claim_decide(&again, w->now);

        n_steps++;
        if (before != CLAIM_NOTHING && r.step != CLAIM_NOTHING)
                fail(w, "2 two steps at once");
        if (r.step != r2.step || r.wake_at != r2.wake_at ||
            (r.step == CLAIM_WRITE && !claim_value_equal(&r.value, &r2.value)))
                fail(w, "4 the same facts give another step");
        w->wake_at = r.wake_at;
        if (r.step == CLAIM_WRITE || r.step == CLAIM_CURE)
                check_write(w, &r);
}

static void push(struct world *w) {
        struct claim_value v = shown(w);

        if (!w->connected || !w->pushed)
                return;
        w->old = false;
        claim_on_seen(&w->claim, &v, w->now);
}

static void apply_write(struct world *w) {
        w->old = true;
        w->old_state = shown_state(w);
        w->old_text = w->text;
        w->own = index_of(names_of(w), ARRAY_SIZE(states), w->claim.sent.state);
        w->text = index_of(texts, ARRAY_SIZE(texts), w->claim.sent.text);
        w->late = false;
}

/* As every device of the user, which then says by itself what it is. */
static void apply_cure(struct world *w) {
        /* The message tells the one from the other. */
        if (w->pushed && w->base_state == BUSY && !streq(texts[w->base_text], w->claim.debt.prior.text))
                fail(w, "5 a busy that a person has said is taken for one that was caught");
        apply_write(w);
        w->caught = false;
        w->other = w->base_state;
}

static void apply_step(struct world *w) {
        switch (w->claim.in_flight) {
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

        switch (w->claim.in_flight) {
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

static void restart(struct world *w) {
        struct claim_traits traits = traits_of(w);

        claim_init(&w->claim, &traits);
        if (w->journal)
                claim_resume(&w->claim, &w->entry);
        w->late = w->old = w->tell = false;
        w->connected = true;
        w->signed_out = false;
        memset(w->writes, 0, sizeof(w->writes));
        want(w);
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
        if (w->per_device)
                w->other = w->base_state = state;
        else
                w->own = w->base_state = state;
        w->caught = false;
        w->persons_word = true;
        push(w);
}

static void client_syncs(struct world *w) {
        unsigned char to = w->base_state == ONLINE ? UNAVAILABLE : ONLINE;

        land_late(w);
        w->base_state = to;
        if (w->per_device)
                w->other = to;
        else
                w->own = to;
        push(w);
}

/* Carries the action out. False if it cannot happen here. */
static bool act(struct world *w, enum action a) {
        enum claim_step step = w->claim.in_flight;
        bool writing = step == CLAIM_WRITE || step == CLAIM_CURE;
        struct claim_value v;

        switch (a) {
        case CALL_CHANGES:
                if (w->calls == 0)
                        return false;
                w->calls--;
                w->call = !w->call;
                if (w->call)
                        w->persons_word = false;
                want(w);
                return true;
        case PERSON_WRITES:
        case PERSON_CLEARS:
        case PERSON_SAYS_BUSY:
                if (w->persons == 0 || writing || (!w->claim.live && step != CLAIM_NOTHING))
                        return false;
                if (w->field && (a != PERSON_CLEARS || w->tell))
                        return false;
                w->persons--;
                person_writes(w,
                              w->field                ? OFFLINE
                              : a == PERSON_SAYS_BUSY ? BUSY
                                                      : ONLINE,
                              a == PERSON_CLEARS ? 3 : 2);
                return true;
        case CLIENT_SYNCS:
                if (w->clients == 0 || w->caught || writing || (!w->claim.live && step != CLAIM_NOTHING))
                        return false;
                if (w->field && w->tell)
                        return false;
                w->clients--;
                if (w->field)
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
                if (!w->per_device || w->caught || shown_state(w) != BUSY || w->other == OFFLINE)
                        return false;
                w->caught = true;
                w->other = BUSY;
                push(w);
                return true;
        case TIME_PASSES:
                if (w->wake_at == USEC_NEVER || step != CLAIM_NOTHING || (w->tell && w->wake_at > w->tell_until))
                        return false;
                w->now = w->wake_at > w->now ? w->wake_at : w->now + 1;
                w->old = false;
                return true;
        case POLL_BREAKS:
                if (!w->connected || !w->pushed || w->faults == 0)
                        return false;
                w->faults--;
                w->connected = false;
                claim_on_unsure(&w->claim);
                return true;
        case POLL_RETURNS:
                if (w->connected || w->signed_out)
                        return false;
                w->connected = true;
                push(w);
                return true;
        case PUSH_COMES:
                if (!w->pushed || !w->connected)
                        return false;
                push(w);
                return true;
        case OLD_PUSH_COMES:
                if (!w->old || !w->pushed || !w->connected)
                        return false;
                w->old = false;
                (void) claim_value_set(&v, states[w->old_state], texts[w->old_text]);
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
                if (writing) {
                        memmove(w->writes + 1, w->writes, sizeof(w->writes) - sizeof(w->writes[0]));
                        w->writes[0] = 0;
                }
                claim_on_failure(&w->claim, CLAIM_FAILED_NOT_APPLIED,
                                 writing ? w->now + 10 * USEC_PER_SEC : USEC_NEVER, w->now, 500);
                return true;
        case STEP_LOST_APPLIED:
        case STEP_LOST:
        case STEP_LATE:
                if (!writing || w->faults == 0 || (a == STEP_LATE && step == CLAIM_CURE))
                        return false;
                w->faults--;
                if (a == STEP_LOST_APPLIED)
                        apply_step(w);
                else if (a == STEP_LATE) {
                        w->late = true;
                        w->late_own = index_of(names_of(w), ARRAY_SIZE(states), w->claim.sent.state);
                        w->late_text = index_of(texts, ARRAY_SIZE(texts), w->claim.sent.text);
                }
                claim_on_failure(&w->claim, CLAIM_FAILED_UNSURE, USEC_NEVER, w->now, 500);
                return true;
        case STEP_REFUSED:
                if ((!writing && step != CLAIM_READ) || w->faults == 0)
                        return false;
                w->faults--;
                w->refused = w->refused || step == CLAIM_CURE;
                claim_on_failure(&w->claim, CLAIM_FAILED_REFUSED, USEC_NEVER, w->now, 500);
                return true;
        case STEP_IGNORED:
                /* Who still holds a busy that was withdrawn cannot be told from outside. */
                if (!writing || w->faults == 0 || (w->per_device && w->claim.sent_back) || w->claim.echoed || w->late)
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
                w->connected = false;
                claim_on_unsure(&w->claim);
                claim_on_failure(&w->claim, CLAIM_FAILED_SIGNED_OUT, USEC_NEVER, w->now, 500);
                return true;
        case SESSION_RETURNS:
                if (!w->signed_out)
                        return false;
                w->signed_out = false;
                claim_on_signed_in(&w->claim);
                return true;
        case CRASH:
        case CRASH_APPLIED:
                if (w->crashes == 0 || (a == CRASH_APPLIED && step == CLAIM_NOTHING))
                        return false;
                w->crashes--;
                if (a == CRASH_APPLIED)
                        apply_step(w);
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
                if (w->claim.in_flight == CLAIM_NOTHING && w->wake_at == USEC_NEVER)
                        return;
                (void) act(w, w->claim.in_flight == CLAIM_NOTHING ? TIME_PASSES : STEP_WORKS);
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
        if (w.per_device ? w.own != OFFLINE : w.own != w.base_state)
                fail(&w, "5 the state is not what it would be without us");
        if (phase == CLAIM_STUCK && w.pushed && !w.caught && w.base_state != BUSY)
                fail(&w, "5 called stuck, and nobody holds it");
        if (phase == CLAIM_STUCK && w.curable && !w.refused && w.persons == 2)
                fail(&w, "5 stuck, and the cure was not taken");
        if (phase != CLAIM_FREE && phase != CLAIM_STUCK)
                fail(&w, "5 rests in another phase");
}

static void check_held(struct world w) {
        /* Where nothing is pushed, what others write during the call is found only at its end. */
        if (!w.call || (!w.pushed && (w.persons < 2 || (w.clients < 2 && !w.field))))
                return;
        run_well(&w, /* call= */ true);
        if (w.field && !w.ignored && claim_phase(&w.claim) != CLAIM_REFUSED &&
            (claim_phase(&w.claim) == CLAIM_FOREIGN) != (w.base_state != OFFLINE))
                fail(&w, "6 another client's claim is mistaken");
        if (w.field && !w.ignored && claim_phase(&w.claim) == CLAIM_NO_EFFECT)
                fail(&w, "6 what another client did is taken for the server's doing");
        if (claim_phase(&w.claim) == CLAIM_HELD ? (shown_state(&w) != BUSY || (!w.field && w.text != 1))
                                                : claim_phase(&w.claim) == CLAIM_ENTERING)
                fail(&w, "6 busy does not stand there");
        if (claim_phase(&w.claim) == CLAIM_YIELDED && !w.persons_word && w.persons == 2)
                fail(&w, "6 yielded to nobody");
}

/* ---- the search ---- */

static uint64_t print_of(const struct world *w) {
        uint64_t h = 7;

        h = mix_claim(h, &w->claim, w->now);
        h = mix(h, (uint64_t) w->own << 0 | (uint64_t) w->other << 2 | (uint64_t) w->text << 4 |
                           (uint64_t) w->late << 6 | (uint64_t) w->late_own << 8 | (uint64_t) w->late_text << 10 |
                           (uint64_t) w->old << 12 | (uint64_t) w->old_state << 13 | (uint64_t) w->old_text << 15 |
                           (uint64_t) w->base_state << 17 | (uint64_t) w->base_text << 19 |
                           (uint64_t) w->caught << 21 | (uint64_t) w->call << 22 | (uint64_t) w->connected << 23 |
                           (uint64_t) w->persons_word << 24 | (uint64_t) w->signed_out << 25 |
                           (uint64_t) w->journal << 26 | (uint64_t) w->persons << 28 | (uint64_t) w->clients << 32 |
                           (uint64_t) w->tell << 27 | (uint64_t) w->faults << 36 | (uint64_t) w->crashes << 40 |
                           (uint64_t) w->calls << 44 | (uint64_t) w->ignored << 48);
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

static void search_from(bool per_device, bool pushed, bool field, bool curable) {
        unsigned max = search_begin(11);
        struct world w = {
                .per_device = per_device,
                .pushed = pushed,
                .field = field,
                .curable = curable,
                .own = per_device || field ? OFFLINE : ONLINE,
                .other = per_device ? ONLINE : OFFLINE,
                .base_state = field ? OFFLINE : ONLINE,
                .text = field ? 3 : 0,
                .base_text = field ? 3 : 0,
                .now = START,
                .wake_at = USEC_NEVER,
                .persons = 2,
                .clients = 2,
                .faults = 3,
                .crashes = 2,
                .calls = 4,
        };

        n_steps = 0;
        restart(&w);
        push(&w);
        decide(&w);
        search(&w, max);
        printf("%s, %s%s: %llu states, %llu decisions, depth %u, no violation\n",
               per_device ? "per-device server"
               : field    ? "field"
                          : "single-value server",
               pushed ? "pushed" : "read", curable ? ", curable" : "", (unsigned long long) n_states,
               (unsigned long long) n_steps, max);
        search_end();
}

Test(core_search, per_device_pushed) {
        search_from(true, true, false, false);
}

Test(core_search, per_device_curable) {
        search_from(true, true, false, true);
}

Test(core_search, single_value_pushed) {
        search_from(false, true, false, false);
}

Test(core_search, per_device_read) {
        search_from(true, false, false, false);
}

Test(core_search, single_value_read) {
        search_from(false, false, false, false);
}

Test(core_search, field_read) {
        search_from(false, false, true, false);
}
