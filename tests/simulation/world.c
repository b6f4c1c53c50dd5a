/* See world.h. Beside the world runs its twin: the same homeserver with the same person and the same other clients, on
 * which there is no busyd. Once all is quiet others must see the same in both. */
#include "world-parts.h"

#include <stdarg.h>

/* As most servers have it. */
#define TOKEN_MSEC (INT64_C(5) * 60 * 1000)

#define START_OF_WALL (UINT64_C(1790000000) * USEC_PER_SEC)

#define STEPS_MAX 3000000

void world_violation(struct world *w, const char *format, ...) {
        va_list ap;

        if (w->outcome->violated)
                return;
        w->outcome->violated = true;
        w->outcome->kind = format;
        w->outcome->at = door_now();
        w->outcome->happening = w->next;
        va_start(ap, format);
        (void) vsnprintf(w->outcome->what, sizeof(w->outcome->what), format, ap);
        va_end(ap);
        trace("VIOLATION: %s", w->outcome->what);
}

/* ---- configurations ---- */

static const struct configuration configurations[] = {
        { .text = "" },
        { .text = "[busyd]\nend-grace = 20s\n" },
        { .text = "[account " MACHINE_ACCOUNT "]\npresence = busy\n", .forced = true },
        { .text = "[account " MACHINE_ACCOUNT "]\npresence = status\n", .status = true },
        { .text = "[account " MACHINE_ACCOUNT "]\npresence = off\n", .hides = true },
        { .text = "[account " MACHINE_ACCOUNT "]\nprofile-call = no\n" },
        { .text = "[account " MACHINE_ACCOUNT "]\nmessage =\n", .hides = true, .wordless = true },
        { .text = "[busyd]\nno-such-key = 1\n", .mistaken = true },
};

static void configure(struct site *s, unsigned which) {
        s->configured = which % ARRAY_SIZE(configurations);
        trace("%s: configuration %u", machine_name(s->machine), s->configured);
        machine_configure(s->machine, s->configured, configurations[s->configured].text);
}

const struct configuration *site_in_force(const struct site *s) {
        return &configurations[machine_configuration(s->machine)];
}

/* One that was not taken up yet. */
bool site_is_pending(const struct site *s) {
        return s->configured != machine_configuration(s->machine) && !configurations[s->configured].mistaken;
}

/* ---- what happens ---- */

static void disturb(struct world *w) {
        for (size_t i = 0; i < w->history->n_machines; i++)
                w->sites[i].disturbed_at = door_now();
}

static bool is_silent(const struct wire_fault *f) {
        return (f->kind == WIRE_STALL || f->kind == WIRE_STALL_DONE) && (f->kinds & 1U << REQUEST_SYNC);
}

static void clear_fault(struct world *w, unsigned i, size_t slot) {
        struct site *s = &w->sites[i];

        wire_set_fault(machine_wire(s->machine), slot, NULL);
        if (s->silent[slot])
                s->silent_at = door_now();
        s->silent[slot] = false;
}

static void start(struct site *s) {
        if (machine_state(s->machine) != MACHINE_OFF)
                return;
        if (machine_start(s->machine))
                s->up_since = door_now();
}

static void say_auto(struct site *s) {
        s->to_say_auto = machine_state(s->machine) != MACHINE_UP;
        machine_set_mode(s->machine, MODE_AUTO, 0, "");
}

static void look_later(struct site *s) {
        if (s->look_at == USEC_NEVER)
                s->look_at = door_now() + SHOWN_WITHIN;
}

static void happens(struct world *w, const struct happening *n);

/* Also while it asks once more whether that is so, and tries to renew the token. */
bool machine_is_final(const struct machine *m) {
        const struct machine_view *v = machine_view(m);

        return v->has_account && v->over;
}

static bool is_tortured(const struct world *w) {
        return w->history->torture.memory > 0 || w->history->torture.disk > 0;
}

/* New tokens that could not be stored go with the process, and the session with them: nobody can give back then, until
 * the user logs in again, which status says. */
static bool has_lost_session(const struct world *w) {
        bool any = false;

        for (unsigned i = 0; i < w->history->n_machines; i++)
                any = any || machine_is_final(w->sites[i].machine);
        return any && is_tortured(w);
}

/* Everything as it should be, and then it is waited. */
static void quiet_begins(struct world *w, bool for_long) {
        trace("---- quiet%s", for_long ? ", for long" : "");
        torture_rest(true);
        for (size_t r = 0; r < ROOMS; r++)
                people_room_call(w, r, 0, false);
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];

                for (size_t k = 0; k < WIRE_FAULTS_MAX; k++)
                        clear_fault(w, i, k);
                s->in_front = true;
                machine_kill_after(s->machine, 0, false);
                machine_sleep(s->machine, false);
                start(s);
                machine_set_in_front(s->machine, true);
                for (size_t k = 0; k < MACHINE_LOCAL_MAX; k++)
                        machine_local(s->machine, k, "", EVIDENCE_WEAK, false);
                for (size_t k = 0; k < MACHINE_HOLDS_MAX; k++)
                        machine_release(s->machine, k);
                say_auto(s);
                machine_login(s->machine);
                if (site_is_pending(s))
                        machine_reload(s->machine);
                s->look_at = USEC_NEVER;
                /* What was taken for final is asked again by hand, or within the hour. */
                if (machine_is_final(s->machine)) {
                        if (chance_percent(&w->chance, 50))
                                machine_reload(s->machine);
                        else
                                for_long = true;
                }
        }
        if (w->faults)
                w->faults_at = door_now();
        w->faults = false;
        w->quiet = true;
        encryption_quiet_begins(w);
        w->quiet_long = for_long;
        w->quiet_until = door_now() + (for_long ? QUIET_LONG : QUIET_SHORT);
        w->given_back_by = USEC_NEVER;
        if ((w->faults_at == 0 || door_now() > w->faults_at + CALM) &&
            (w->restarted_at == 0 || door_now() > w->restarted_at + CALM))
                w->given_back_by = door_now() + GIVEN_BACK_WITHIN;
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (machine_state(w->sites[i].machine) != MACHINE_UP || door_now() < w->sites[i].up_since + CALM ||
                    machine_is_final(w->sites[i].machine) || !machine_is_logged_in(w->sites[i].machine))
                        w->given_back_by = USEC_NEVER;
        disturb(w);
}

/* What differs and may, where there is one value for all, must not count against what comes next: the person says it
 * again. */
static void make_equal(struct world *w) {
        const char *state, *message, *twin_state, *twin_message;

        model_shown(w->model, &state, &message);
        model_shown(w->twin, &twin_state, &twin_message);
        if (streq(message, twin_message) && (w->history->options.kind == HS_SYNAPSE || streq(state, twin_state)))
                return;
        (void) snprintf(w->person_was[0], sizeof(w->person_was[0]), "%s", twin_state);
        (void) snprintf(w->person_was[1], sizeof(w->person_was[1]), "%s", twin_message);
        person_sets(w);
}

static void quiet_ends(struct world *w) {
        w->quiet = false;
        w->quiet_until = USEC_NEVER;
        if (!has_lost_session(w))
                judge_quiet(w);
        w->restarted = w->unseen_state = w->unseen_words = false;
        make_equal(w);
        model_trim(w->model, 50);
        torture_rest(false);
        w->faults = is_tortured(w);
}

static void happens(struct world *w, const struct happening *n) {
        struct site *s = &w->sites[n->machine];
        struct machine *m = s->machine;

        w->counters->happenings[n->kind]++;
        switch (n->kind) {
        case LOCAL_BEGINS:
                machine_local(m, n->a, n->a % 2 ? "zoom" : "firefox", (enum call_evidence) n->b, true);
                if (n->b == EVIDENCE_PROOF)
                        look_later(s);
                break;
        case LOCAL_ENDS:
                machine_local(m, n->a, "", EVIDENCE_WEAK, false);
                break;
        case ROOM_CALL_BEGINS:
                people_room_call(w, n->a, n->b, true);
                break;
        case ROOM_CALL_ENDS:
                people_room_call(w, n->a, 0, false);
                break;
        case HOLD:
                machine_hold(m, n->a, n->span);
                break;
        case RELEASE:
                machine_release(m, n->a);
                break;
        case HAND: {
                static const enum mode modes[] = { MODE_AUTO, MODE_BUSY, MODE_FREE, MODE_PAUSED };

                disturb(w);
                s->free_said_at = door_now();
                machine_set_mode(m, modes[n->a], n->a == 0 ? 0 : n->span, n->a == 1 && n->b == 1 ? DENTIST : "");
                break;
        }
        case FREE_UNTIL_END:
                disturb(w);
                machine_free_until_calls_end(m);
                break;
        case PERSON_SETS:
                person_chooses(w, n->a, n->b);
                break;
        case CLIENT_DOES:
                disturb(w);
                client_does(w, n->a, n->b);
                break;
        case PROFILE_SET:
                w->field_was = n->a;
                people_set_field(w);
                break;
        case FAULT_BEGINS:
                w->faults = true;
                trace("%s: fault %u: %s of %x, %u%%", machine_name(m), n->a, wire_fault_kind_to_string(n->fault.kind),
                      n->fault.kinds, n->fault.percent);
                clear_fault(w, n->machine, n->a);
                wire_set_fault(machine_wire(m), n->a, &n->fault);
                s->silent[n->a] = is_silent(&n->fault);
                break;
        case FAULT_ENDS:
                w->faults_at = door_now();
                trace("%s: fault %u ends", machine_name(m), n->a);
                clear_fault(w, n->machine, n->a);
                break;
        case KILLED:
                machine_kill(m, n->a);
                break;
        case KILLED_LATER:
                if (machine_state(m) != MACHINE_OFF)
                        machine_kill_after(m, n->b, n->a);
                break;
        case STARTED:
                start(s);
                break;
        case STOPPED:
                machine_stop(m);
                break;
        case BUS_LOST:
                machine_lose_bus(m);
                break;
        case RELOADED:
                disturb(w);
                machine_reload(m);
                break;
        case CONFIGURED:
                disturb(w);
                configure(s, n->a);
                machine_reload(m);
                break;
        case SLEEPS:
                disturb(w);
                machine_sleep(m, true);
                break;
        case WAKES:
                disturb(w);
                machine_sleep(m, false);
                break;
        case IN_FRONT:
                disturb(w);
                s->in_front = n->a;
                machine_set_in_front(m, n->a);
                break;
        case LOGGED_OUT:
                machine_logout(m);
                break;
        case LOGGED_IN:
                disturb(w);
                machine_login(m);
                break;
        case SERVER_RESTARTS:
                trace("the server restarts");
                w->restarted_at = door_now();
                w->restarted = true;
                model_restart(w->model, world_msec());
                model_restart(w->twin, world_msec());
                break;
        case WALL_JUMPS:
                disturb(w);
                trace("the time of day jumps %s by %.0f s", n->a ? "back" : "on", (double) n->span / USEC_PER_SEC);
                door_jump(n->a, n->span);
                break;
        case NETWORK_CHANGES:
                machine_change_network(m);
                break;
        case QUIET:
                quiet_begins(w, n->a);
                break;
        case HAPPENING_KINDS:
                break;
        }
}

/* ---- the loop of the world ---- */

static usec_t next_time(struct world *w) {
        usec_t at = w->quiet ? w->quiet_until : w->next < w->history->n ? w->next_at : USEC_NEVER;

        at = usec_min(at, w->person_due);
        at = usec_min(at, w->field_due);
        at = usec_min(at, w->given_back_by);
        at = usec_min(at, encryption_deadline(w));
        for (size_t i = 0; i < CLIENTS; i++)
                at = usec_min(at, w->clients[i].polls_at);
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                at = usec_min(at, machine_deadline(w->sites[i].machine));
                at = usec_min(at, w->sites[i].look_at);
        }
        return at;
}

static void step(struct world *w) {
        usec_t now = door_now();

        for (size_t i = 0; i < CLIENTS; i++)
                if (w->clients[i].polls_at <= now)
                        client_polls(w, &w->clients[i]);
        if (w->person_due <= now)
                person_sets(w);
        if (w->field_due <= now)
                people_set_field(w);
        if (w->given_back_by <= now)
                judge_leftovers(w);
        encryption_run(w);
        if (w->quiet && w->quiet_until <= now)
                quiet_ends(w);
        else if (!w->quiet && w->next < w->history->n && w->next_at <= now) {
                happens(w, &w->history->list[w->next++]);
                if (w->next < w->history->n)
                        w->next_at = now + w->history->list[w->next].at;
                if (w->quiet && w->next < w->history->n)
                        w->next_at = w->quiet_until + w->history->list[w->next].at;
        }
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];

                if (s->look_at <= now)
                        judge_call(w, s);
                if (machine_deadline(s->machine) <= now)
                        machine_run(s->machine);
                if (w->quiet)
                        start(s);
                if (s->to_say_auto && machine_state(s->machine) == MACHINE_UP)
                        say_auto(s);
                if (machine_spins(s->machine))
                        world_violation(w, "%s goes round without an end", machine_name(s->machine));
                tally_follow(w, s);
        }
        people_look_before(w);
        model_run(w->model, world_msec());
        model_run(w->twin, world_msec());
        judge_follow_stuck(w);
}

/* Of every three worlds, tokens live for ever in one. By the seed alone: no other chance is drawn for it. */
static enum hs_renewal renewal_of(uint64_t seed) {
        static const enum hs_renewal renewals[] = { HS_RENEWAL_NONE, HS_RENEWAL_SYNAPSE, HS_RENEWAL_OAUTH };

        return renewals[seed % ARRAY_SIZE(renewals)];
}

static void world_begins(struct world *w, const struct history *h, const char *dir) {
        struct hs_options options = h->options;

        options.renewal = renewal_of(h->seed);
        options.token_msec = TOKEN_MSEC;
        door_set_now(START_OF_TIME);
        door_set_wall(START_OF_WALL);
        door_seed(h->seed ^ UINT64_C(0x5851f42d4c957f2d));
        door_live();
        disk_forget();
        torture_begin(&h->torture, (struct chance){ h->seed ^ UINT64_C(0x2545f4914f6cdd1d) });
        w->history = h;
        w->chance = (struct chance){ h->seed ^ UINT64_C(0x14057b7ef767814f) };
        (void) model_new(&w->model, &options, world_msec(), (int64_t) (door_wall() / USEC_PER_MSEC));
        (void) model_new(&w->twin, &options, world_msec(), (int64_t) (door_wall() / USEC_PER_MSEC));
        model_on_shown(w->model, people_on_shown, w);
        model_on_shown(w->twin, people_on_twin_shown, w);
        w->person_due = w->field_due = w->quiet_until = w->given_back_by = USEC_NEVER;
        for (size_t i = 0; i < CLIENTS; i++) {
                (void) snprintf(w->clients[i].device, sizeof(w->clients[i].device), "CLIENT%zu", i);
                w->clients[i].polls_at = w->clients[i].polls_since = USEC_NEVER;
        }
        encryption_begins(w);
        people_open_rooms(w);
        for (unsigned i = 0; i < h->n_machines; i++) {
                struct site *s = &w->sites[i];

                s->world = w;
                s->look_at = USEC_NEVER;
                s->in_front = true;
                s->machine = machine_new(i, w->model, dir, &w->chance,
                                         &(struct wire_handler){ .asked = judge_on_asked, .userdata = s });
                machine_set_devices(s->machine, w->devices);
                if (w->devices && h->own_alone)
                        machine_set_preamble(s->machine, "[account " MACHINE_ACCOUNT "]\nencrypted-calls = own\n");
                machine_login(s->machine);
                start(s);
        }
        w->faults = is_tortured(w);
        w->next_at = h->n > 0 ? door_now() + h->list[0].at : USEC_NEVER;
}

void world_run(const struct history *h, const char *dir, struct outcome *ret, struct counters *counters) {
        struct world w = { .outcome = ret, .counters = counters };
        uint64_t steps = 0;
        usec_t at, until = 0;

        *ret = (struct outcome){ 0 };
        world_begins(&w, h, dir);
        while (!ret->violated && (at = next_time(&w)) != USEC_NEVER) {
                /* What the last happening leads to is seen as well. */
                if (w.quiet || w.next < h->n)
                        until = usec_add(at, QUIET_SHORT);
                else if (at > until)
                        break;
                if (at > door_now())
                        door_set_now(at);
                step(&w);
                if (++steps > STEPS_MAX)
                        world_violation(&w, "no end of steps");
        }
        tally_world(&w);
        for (unsigned i = 0; i < h->n_machines; i++)
                machine_free(w.sites[i].machine);
        disk_forget();
        devices_free(w.devices);
        model_free(w.model);
        model_free(w.twin);
}
