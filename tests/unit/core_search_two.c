/* Exhaustive search of two claim machines of one user, on two machines that write to one place and tell each other
 * what they owe: every order of calls on both, of what each hears of the other and of the server, of a person's
 * changes, lost steps and crashes, and of times in which one of them hears nothing at all, to a depth. In every state
 * reached, once everything works and is heard, or all calls are over before that:
 *
 *   1  with no call left, the value is what it would be without busyd, and nothing is owed by either
 *   2  with a call on one of them, busy stands there, unless that one says why not
 *
 * What was not told is not lost in a crash as well, by either machine.
 * A person does not write between what a machine compares and what it writes, nor in the seconds until a machine has
 * heard what the other one has told; and nobody writes until a machine has read what a person has just written, which
 * one that hears nothing does late: Matrix has no compare-and-swap, and no order of what comes on two ways. */
#include "core_search_two_world.h"

static uint64_t print_of(const struct world *w) {
        uint64_t h = 7;

        for (unsigned i = 0; i < N; i++) {
                const struct machine *m = &w->machines[i];

                h = mix_claim(h, &m->claim, w->now);
                h = mix(h, (uint64_t) m->call << 0 | (uint64_t) m->journal << 1 | (uint64_t) m->has_told << 2 |
                                   (uint64_t) m->has_heard << 3 | (uint64_t) m->told.live << 4 |
                                   (uint64_t) m->heard.live << 5 | (uint64_t) m->persons_word << 6 |
                                   (uint64_t) m->told.text_lost << 7 | (uint64_t) m->told.withdrawn << 20 |
                                   (uint64_t) m->heard.withdrawn << 21 | (uint64_t) m->heard.text_lost << 8 |
                                   (uint64_t) m->told.done << 9 | (uint64_t) m->heard.done << 10 |
                                   (uint64_t) m->told.waits << 11 | (uint64_t) m->heard.waits << 12 |
                                   (uint64_t) m->must_read << 13 | (uint64_t) m->deaf << 14 |
                                   (uint64_t) m->told.late << 22 | (uint64_t) m->heard.late << 23 |
                                   (uint64_t) m->told.overwritten << 24 | (uint64_t) m->heard.overwritten << 25 |
                                   (uint64_t) m->told.put_back << 26 | (uint64_t) m->heard.put_back << 27);
                if (m->journal)
                        h = mix_owed(h, &m->entry);
                if (m->has_told)
                        h = mix_owed(h, &m->told.owed);
                if (m->has_heard)
                        h = mix_owed(h, &m->heard.owed);
        }
        h = mix_time(h, usec_add(unheard_since(w), CLAIM_ASK_AFTER), w->now);
        h = mix(h, (uint64_t) w->own[0] << 0 | (uint64_t) w->own[1] << 3 | (uint64_t) w->other << 6 |
                           (uint64_t) w->text << 9 | (uint64_t) w->base_state << 12 | (uint64_t) w->base_text << 15 |
                           (uint64_t) w->persons << 20 | (uint64_t) w->faults << 24 | (uint64_t) w->crashes << 28 |
                           (uint64_t) w->calls << 32);
        return h ? h : 1;
}

/* ---- the checks ---- */

/* What a check has run through, and what earlier ones have, which ended well: the same world with the same left to be
 * done ends in the same way, and most worlds soon come to one that is known. */
static struct states well;
static uint64_t run_through[1024];
static unsigned n_run_through;

static bool is_known_to_end_well(const struct world *w, unsigned left, usec_t since) {
        bool deaf = w->machines[0].deaf || w->machines[1].deaf;
        uint64_t print = mix(mix(print_of(w), left), deaf ? w->now - since : 0);

        if (find_seen(&well, print)->depth_left > 0)
                return true;
        cr_assert_lt(n_run_through, ARRAY_SIZE(run_through));
        run_through[n_run_through++] = print;
        return false;
}

static void begin_check(struct world *w) {
        n_run_through = 0;
        /* Nothing of this happens any more. */
        w->persons = w->faults = w->crashes = w->calls = 0;
}

static void end_check(void) {
        for (unsigned i = 0; i < n_run_through; i++)
                note_seen(&well, run_through[i], 1);
}

/* Who is deaf looks now and then whether what another machine has put there is gone. */
static bool is_only_looking(const struct world *w, usec_t since) {
        for (unsigned i = 0; i < N; i++)
                if (w->machines[i].wake_at != USEC_NEVER && !w->machines[i].deaf)
                        return false;
        return w->now > since + 5 * USEC_PER_MIN;
}

/* From here on everything works, and is heard by who is not deaf. Returns true once both rest, and false if what is
 * `left` of the check from there on is known to end well. */
static bool run_well(struct world *w, unsigned left) {
        usec_t since = w->now;

        for (unsigned rounds = 0; rounds < 300; rounds++) {
                bool busy = false;

                if (is_known_to_end_well(w, left, since))
                        return false;
                for (unsigned i = 0; i < N; i++)
                        busy = act(w, IT_TELLS + i) || busy;
                for (unsigned i = 0; i < N; i++) {
                        busy = act(w, IT_HEARS + i) || busy;
                        (void) act(w, PUSH_COMES + i);
                }
                decide(w);
                for (unsigned i = 0; i < N; i++) {
                        busy = act(w, STEP_WORKS + i) || busy;
                        decide(w);
                }
                if (is_only_looking(w, since))
                        return true;
                if (busy || act(w, TIME_PASSES))
                        continue;
                w->in_any_order = true;
                busy = act(w, STEP_WORKS) || act(w, STEP_WORKS + 1);
                w->in_any_order = false;
                if (!busy)
                        return true;
        }
        fail(w, "the machines do not come to rest");
        return false;
}

static void end_call(struct world *w, unsigned i) {
        w->calls = 1;
        if (w->machines[i].call)
                (void) act(w, CALL_CHANGES + i);
        w->calls = 0;
}

static bool all_hear_again(struct world *w) {
        bool again = act(w, POLL_RETURNS);

        return act(w, POLL_RETURNS + 1) || again;
}

/* What is left of a check: to end the call of the second machine or of the first, or none. */
enum { LEFT_SECOND, LEFT_FIRST, LEFT_NO_CALL, LEFT_TO_HOLD };

static bool end_calls(struct world *w, unsigned first) {
        end_call(w, first);
        if (!run_well(w, first == 0 ? LEFT_SECOND : LEFT_FIRST))
                return false;
        end_call(w, 1 - first);
        return run_well(w, LEFT_NO_CALL);
}

static void check_given_back(struct world w, unsigned first, bool deaf) {
        begin_check(&w);
        if (!deaf)
                (void) all_hear_again(&w);
        if (!end_calls(&w, first) || (all_hear_again(&w) && !run_well(&w, LEFT_NO_CALL))) {
                end_check();
                return;
        }
        for (unsigned i = 0; i < N; i++) {
                if (w.machines[i].journal || claim_owed(&w.machines[i].claim))
                        fail(&w, "1 still owed though everything works");
                if (claim_phase(&w.machines[i].claim) != CLAIM_FREE)
                        fail(&w, "1 rests in another phase");
                if (w.kind->per_device && w.own[i] != OFFLINE)
                        fail(&w, "1 a device is not withdrawn");
        }
        if (w.text != w.base_text)
                fail(&w, "1 the message is not what it would be without us");
        if (!w.kind->per_device && w.own[0] != w.base_state)
                fail(&w, "1 the state is not what it would be without us");
        end_check();
}

static void check_held(struct world w) {
        bool due = false;

        begin_check(&w);
        (void) all_hear_again(&w);
        if (!run_well(&w, LEFT_TO_HOLD)) {
                end_check();
                return;
        }
        for (unsigned i = 0; i < N; i++) {
                enum claim_phase phase = claim_phase(&w.machines[i].claim);

                due = due || (w.machines[i].call && !w.machines[i].persons_word);
                if (phase == CLAIM_YIELDED && !w.machines[i].persons_word)
                        fail(&w, "2 yielded to nobody");
                if (phase == CLAIM_FOREIGN)
                        fail(&w, "2 the other machine is taken for somebody else");
                if (phase == CLAIM_NO_EFFECT && !w.machines[i].persons_word)
                        fail(&w, "2 said to be without effect, and was not");
        }
        if (due && shown_state(&w) < BUSY)
                fail(&w, "2 busy does not stand there");
        end_check();
}

static void search(const struct world *w, unsigned depth_left) {
        if (!is_new(print_of(w), depth_left + 1))
                return;
        for (unsigned i = 0; i < N; i++) {
                check_given_back(*w, i, /* deaf= */ false);
                if (w->machines[0].deaf || w->machines[1].deaf)
                        check_given_back(*w, i, /* deaf= */ true);
        }
        check_held(*w);
        if (depth_left == 0)
                return;
        for (unsigned a = 0; a < N_ACTIONS; a++) {
                struct world next = *w;

                if (!act(&next, a))
                        continue;
                path[path_length++] = a;
                decide(&next);
                search(&next, depth_left - 1);
                path_length--;
        }
}

static void search_from(const struct kind *kind) {
        unsigned max = search_begin(9);
        struct world w = {
                .kind = kind,
                .own = { kind->per_device || kind->field ? OFFLINE : ONLINE, OFFLINE },
                .other = kind->per_device ? ONLINE : OFFLINE,
                .base_state = kind->field ? OFFLINE : ONLINE,
                .text = kind->field ? 3 : 0,
                .base_text = kind->field ? 3 : 0,
                .now = START,
                .persons = 2,
                .faults = 2,
                .crashes = 1,
                .calls = 4,
        };

        states_begin(&well);
        for (unsigned i = 0; i < N; i++)
                restart(&w, i);
        decide(&w);
        search(&w, max);
        printf("two machines, %s: %llu states, depth %u, no violation\n", kind->name, (unsigned long long) searched.n,
               max);
        search_end();
        states_end(&well);
}

Test(core_search_two, per_device) {
        search_from(&(struct kind){ .name = "per-device server", .per_device = true });
}

Test(core_search_two, per_device_other_message) {
        search_from(&(struct kind){
                .name = "per-device server, another message", .per_device = true, .texts_differ = true });
}

Test(core_search_two, single_value) {
        search_from(&(struct kind){ .name = "single-value server" });
}

Test(core_search_two, single_value_other_message) {
        search_from(&(struct kind){ .name = "single-value server, another message", .texts_differ = true });
}

Test(core_search_two, field) {
        search_from(&(struct kind){ .name = "field", .field = true });
}
