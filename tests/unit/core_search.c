/* Exhaustive search of the claim machine: every order of calls, a person's changes, other clients, pushes, failures
 * of each step, crashes with, without and with late effect, restarts from the journal, lost sessions, and claims that
 * grow, shrink or change within a call, to a depth, on a model of a server that keeps a value per device, of one that
 * keeps a single value, and of a field that is empty or somebody's, which another client of the user writes during its
 * own calls. The search looks at requests, phase and debt alone. In every state reached:
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
#include "core_search_world.h"

/* With one value per user, who says busy in the very words that were just given back cannot be told from a server that
 * copies busy. */
static bool repeats_what_was_given_back(const struct world *w) {
        return !w->kind.per_device && w->back && claim_owed(&w->claim) && w->base_text == 2;
}

/* Also in a call: one that begins with a message alone may go on with the claim of the last. */
static bool is_withdrawing(const struct world *w) {
        return w->kind.per_device && (w->back || (w->own == BUSY && streq(w->value.state, states[OFFLINE])));
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
                w->rings = false;
                if (w->call)
                        w->grown = w->renamed = false;
                /* Else the claim of the last call goes on, and what it has found still counts. */
                if (w->call && !claim_owed(&w->claim) && (!w->journal || claim_is_armed(&w->claim)))
                        w->persons_word = w->clients_word = w->was_refused = w->refused = w->ignored = false;
                want(w);
                return true;
        case CALL_RINGS:
                if (w->call || w->ringing == 0)
                        return false;
                w->ringing--;
                w->rings = !w->rings;
                if (w->rings)
                        w->grown = w->renamed = false;
                expect(w);
                return true;
        case WANT_GROWS:
        case MESSAGE_CHANGES:
                if (!w->kind.grows || !w->call || w->wants == 0 || (a == WANT_GROWS && w->grown && !w->kind.shrinks))
                        return false;
                w->wants--;
                w->grown = w->grown != (a == WANT_GROWS);
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
                w->clients_word = true;
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
                w->was_refused = true;
                fail_step(w, CLAIM_FAILED_REFUSED, USEC_NEVER);
                return true;
        case STEP_IGNORED:
                /* Who still holds a busy that was withdrawn cannot be told from outside. */
                if (!writing || w->faults == 0 || is_withdrawing(w) || w->echoed || w->late)
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
        if (w->rings) {
                w->ringing = 1;
                (void) act(w, CALL_RINGS);
        }
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
        /* The busy of a person, also from before this claim, is not to be cured. */
        if (phase == CLAIM_STUCK && w.kind.curable && !w.refused && !w.persons_word && w.base_state != BUSY)
                fail(&w, "5 stuck, and the cure was not taken");
        if (phase != CLAIM_FREE && phase != CLAIM_STUCK)
                fail(&w, "5 rests in another phase");
}

/* Another client that comes would catch a busy that is not wanted any more. */
static bool is_busy_given_up(const struct world *w) {
        return !w->kind.per_device || w->own != BUSY;
}

static bool is_busy_there(const struct world *w) {
        if (w->kind.field)
                return shown_state(w) == BUSY;
        if (w->kind.gains_words && !w->grown)
                return shown_state(w) == BUSY;
        if (w->kind.grows && !w->grown)
                return w->text == (w->renamed ? 4 : 1) && is_busy_given_up(w);
        return w->text == (w->renamed ? 4 : 1) && shown_state(w) == BUSY;
}

static void check_held(struct world w) {
        /* Where nothing is pushed, what others write during the call is found only at its end. */
        if (!w.call || (!w.kind.pushed && (w.persons_word || (w.clients_word && !w.kind.field))))
                return;
        run_well(&w, /* call= */ true);
        switch (claim_phase(&w.claim)) {
        case CLAIM_HELD:
                break;
        case CLAIM_FOREIGN:
                if (!w.kind.field && w.base_state != BUSY && !w.caught)
                        fail(&w, "6 said to be somebody else's, and is not");
                break;
        case CLAIM_YIELDED:
                if (!w.persons_word)
                        fail(&w, "6 yielded to nobody");
                break;
        case CLAIM_REFUSED:
                if (!w.was_refused)
                        fail(&w, "6 said to be refused, and was not");
                break;
        case CLAIM_NO_EFFECT:
                /* A person who has chosen again what was there before looks the same. */
                if (!w.ignored && !w.persons_word)
                        fail(&w, "6 said to be without effect, and was not");
                break;
        case CLAIM_FREE:
        case CLAIM_ENTERING:
        case CLAIM_LEAVING:
        case CLAIM_SHARED:
        case CLAIM_STUCK:
                fail(&w, "6 rests on its way");
        }
        if (w.kind.field && !w.ignored && claim_phase(&w.claim) != CLAIM_REFUSED &&
            (claim_phase(&w.claim) == CLAIM_FOREIGN) != (w.base_state != OFFLINE))
                fail(&w, "6 another client's claim is mistaken");
        if (w.kind.field && !w.ignored && claim_phase(&w.claim) == CLAIM_NO_EFFECT)
                fail(&w, "6 what another client did is taken for the server's doing");
        if (claim_phase(&w.claim) == CLAIM_HELD && !is_busy_there(&w))
                fail(&w, "6 busy does not stand there");
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
                           (uint64_t) w->fresh << 11 | (uint64_t) w->was_fresh << 12 |
                           (uint64_t) w->clients_word << 13 | (uint64_t) w->was_refused << 14 |
                           (uint64_t) w->rings << 15 | (uint64_t) w->ringing << 16);
        h = mix_time(h, w->late_by, w->now);
        h = mix(h, w->refused);
        h = mix_time(h, w->tell ? w->tell_until : 0, w->now);
        if (w->journal)
                h = mix_owed(h, &w->entry);
        if (w->step == CLAIM_JOURNAL)
                h = mix_owed(h, &w->asked);
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
                .persons = kind.grows || kind.rings ? 1 : 2,
                .clients = kind.grows || kind.rings ? 1 : 2,
                .faults = kind.grows || kind.rings ? 2 : 3,
                .crashes = kind.grows ? 1 : 2,
                .calls = kind.grows || kind.rings ? 3 : 4,
                .ringing = kind.rings ? 2 : 0,
                .wants = kind.shrinks ? 3
                         : kind.grows ? 2
                                      : 0,
        };

        n_steps = 0;
        restart(&w);
        push(&w);
        decide(&w);
        search(&w, max);
        printf("%s: %llu states, %llu decisions, depth %u, no violation\n", name, (unsigned long long) searched.n,
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

Test(core_search, per_device_shrinks) {
        search_from("per-device server, pushed, growing and shrinking",
                    (struct kind){ .per_device = true, .pushed = true, .grows = true, .shrinks = true });
}

Test(core_search, per_device_read_shrinks) {
        search_from("per-device server, read, growing and shrinking",
                    (struct kind){ .per_device = true, .grows = true, .shrinks = true });
}

Test(core_search, single_value_shrinks) {
        search_from("single-value server, pushed, growing and shrinking",
                    (struct kind){ .pushed = true, .grows = true, .shrinks = true });
}

Test(core_search, per_device_gains_words) {
        search_from("per-device server, pushed, gaining words",
                    (struct kind){ .per_device = true, .pushed = true, .grows = true, .gains_words = true });
}

Test(core_search, single_value_gains_words) {
        search_from("single-value server, pushed, gaining words",
                    (struct kind){ .pushed = true, .grows = true, .gains_words = true });
}

Test(core_search, single_value_read_gains_words) {
        search_from("single-value server, read, gaining words", (struct kind){ .grows = true, .gains_words = true });
}

Test(core_search, per_device_rings) {
        search_from("per-device server, pushed, ringing",
                    (struct kind){ .per_device = true, .pushed = true, .rings = true });
}

Test(core_search, single_value_rings) {
        search_from("single-value server, pushed, ringing", (struct kind){ .pushed = true, .rings = true });
}

Test(core_search, single_value_read_rings) {
        search_from("single-value server, read, ringing", (struct kind){ .rings = true });
}

Test(core_search, field_rings) {
        search_from("field, read, ringing", (struct kind){ .field = true, .rings = true });
}

Test(core_search, single_value_rings_and_grows) {
        search_from("single-value server, pushed, ringing and growing",
                    (struct kind){ .pushed = true, .rings = true, .grows = true });
}
