/* What must be true of a world, seen from outside: of each request, of a call that goes on, and once all is quiet. */
#include "core/claim.h"
#include "world-parts.h"

/* ---- what is asked for ---- */

static bool has_evidence(const struct site *s) {
        const struct world *w = s->world;
        usec_t local = machine_evidence_at(s->machine), rooms = w->rooms_at;

        if (machine_has_evidence(s->machine))
                return true;
        for (size_t i = 0; i < ROOMS; i++)
                if (w->rooms[i].on)
                        return true;
        /* What happened in a room is known late where requests fail: at worst by the poll after one that waited for
         * its answer in vain. */
        if (w->faults || (w->faults_at > 0 && door_now() < w->faults_at + LONGEST_POLL) ||
            s->up_since + CALM > door_now())
                rooms = usec_add(rooms, LONGEST_POLL);
        return door_now() < usec_add(local, EVIDENCE_SLACK) || door_now() < usec_add(rooms, EVIDENCE_SLACK);
}

/* What it has told of the call in which it was killed is believed for its time: nobody can know better, and the busy
 * that it has left there is repeated with other words. */
static bool is_believed(const struct world *w, const struct machine *m) {
        const char *state, *message;
        usec_t at = machine_died_busy_at(m);

        model_shown(w->model, &state, &message);
        return at > 0 && door_now() < usec_add(at, TOLD_IS_BELIEVED) && state_is_busy(state);
}

/* Then a busy that this one leaves as it is, with or without words, is theirs. */
static bool others_have_evidence(const struct site *s) {
        const struct world *w = s->world;

        for (unsigned i = 0; i < w->history->n_machines; i++) {
                const struct site *o = &w->sites[i];

                if (o != s && machine_state(o->machine) == MACHINE_UP && has_evidence(o))
                        return true;
                if (o != s && is_believed(w, o->machine))
                        return true;
        }
        return false;
}

static bool names_busy(const char *body) {
        return strstr(body, "\"" HS_BUSY "\"") || strstr(body, "\"presence\":\"busy\"");
}

static bool is_ours(const char *body, unsigned n_machines) {
        if (!body)
                return false;
        if (names_busy(body))
                return true;
        /* Where another machine goes on, its words are given back. */
        return n_machines == 1 && strstr(body, IN_CALL);
}

static bool copies_busy(const struct world *w) {
        return w->history->options.kind == HS_SYNAPSE;
}

static bool hears_nothing(const struct site *s) {
        for (size_t i = 0; i < WIRE_FAULTS_MAX; i++)
                if (s->silent[i])
                        return true;
        return s->silent_at > 0 && door_now() < s->silent_at + LONGEST_POLL;
}

/* A person who says offline takes away the state of a client that is there, until that polls again: a machine that
 * connects meanwhile is told that nobody is there, and has seen nothing else before an answer tells of that poll. */
bool judge_cannot_see(const struct site *s, const struct client *c) {
        const struct wire *wire = machine_wire(s->machine);
        usec_t told_at = wire_answered_at(wire, REQUEST_SYNC), read_at = wire_answered_at(wire, REQUEST_PRESENCE_GET);

        if (!s->missed_word)
                return false;
        return c->back_at < s->world->person_set_at || door_now() < usec_add(c->back_at, CROSSES) ||
               (told_at < c->back_at && read_at < c->back_at);
}

/* Where each device has its state, a client that polls catches busy and keeps it. Who has been there for a while is
 * known, unless what should tell of them looks like silence, or the server has just lost all that it knew. */
static void look_for_live_clients(const struct site *s, const char *body) {
        struct world *w = s->world;
        const char *state, *message;

        model_shown(w->model, &state, &message);
        if (state_is_busy(state))
                return; /* it has caught it already */
        if (hears_nothing(s) || (w->restarted_at > 0 && door_now() < w->restarted_at + LIVE_IS_KNOWN_AFTER))
                return;
        for (size_t i = 0; i < CLIENTS; i++)
                if (w->clients[i].polls_since < door_now() - LIVE_IS_KNOWN_AFTER &&
                    !judge_cannot_see(s, &w->clients[i]))
                        world_violation(w, "busy is written beside a client that has been polling for %.0f s: %s",
                                        (double) (door_now() - w->clients[i].polls_since) / USEC_PER_SEC, body);
}

/* A poll that dies in silence looks like one that brings nothing. For CLAIM_PUSH_LASTS what its last answer has told
 * is taken for what stands there, since a call costs two writes and no read where the server tells of changes. Who has
 * written meanwhile, a person or by its polls a client, could only be known by that read. */
static bool writes_over_unheard(const struct site *s, usec_t said_at) {
        const struct wire *wire = machine_wire(s->machine);
        usec_t told_at = wire_answered_at(wire, REQUEST_SYNC);

        return hears_nothing(s) && said_at > told_at && said_at > wire_answered_at(wire, REQUEST_PRESENCE_GET) &&
               door_now() < usec_add(told_at, CLAIM_PUSH_LASTS);
}

/* Dendrite takes what is no word and leaves the user alone. Who is told by a proxy that it does not has to say one,
 * which the server takes for the user's, until it has asked again. */
static bool is_made_to_say_a_word(const struct site *s, enum request_kind kind, const char *uri) {
        usec_t failed_at = wire_failed_at(machine_wire(s->machine), REQUEST_SYNC);

        return s->world->history->options.kind == HS_DENDRITE && kind == REQUEST_SYNC &&
               !strstr(uri, "set_presence=none") && failed_at > 0 && door_now() < usec_add(failed_at, USEC_PER_HOUR);
}

/* A client comes to the state of ours between what a machine was told last and its write: it does not see that, and
 * another one that does takes it for what this one has written again. */
static bool crosses_a_client(const struct site *s, const char *body) {
        const struct world *w = s->world;

        return w->history->n_machines > 1 && s->missed_idle && door_now() < w->client_idle_at + CROSSES &&
               wire_answered_at(machine_wire(s->machine), REQUEST_SYNC) < w->client_idle_at && body &&
               strstr(body, "\"unavailable\"");
}

/* Right before; in a call, whose end they tell, polls go on without. */
static bool has_looked_in_vain(const struct site *s) {
        usec_t failed_at = wire_failed_at(machine_wire(s->machine), REQUEST_PRESENCE_GET);

        return door_now() < usec_add(failed_at, LOOK_TO_POLL) ||
               (machine_view(s->machine)->busy && failed_at > s->world->person_set_at);
}

void judge_on_asked(void *userdata, enum request_kind kind, const char *method, const char *uri, const char *body) {
        struct site *s = userdata;
        struct world *w = s->world;
        const char *wrong = devices_judge_request(w->devices, method, uri, body);

        if (wrong)
                world_violation(w, "%s: %s", wrong, uri);
        encryption_judge_request(w, s, uri);

        memmove(s->asked, s->asked + 1, sizeof(s->asked) - sizeof(s->asked[0]));
        s->asked[RATE_MAX - 1] = door_now();
        if (s->asked[0] > 0 && door_now() - s->asked[0] < RATE_SPAN)
                world_violation(w, "a hot loop: %d requests in %.1f s, the last one %s", RATE_MAX,
                                (double) (door_now() - s->asked[0]) / USEC_PER_SEC, request_kind_to_string(kind));
        if (kind == REQUEST_SYNC)
                s->polled_at = door_now();
        if (kind == REQUEST_SYNC && has_looked_in_vain(s))
                s->polled_blind_at = door_now();
        if (kind == REQUEST_PRESENCE_GET)
                s->missed_idle = false;
        if (is_made_to_say_a_word(s, kind, uri))
                w->unseen_state = true;
        if (kind != REQUEST_PRESENCE_PUT && kind != REQUEST_PROFILE_PUT)
                return;
        if (wire_n_writes_in_flight(machine_wire(s->machine), kind) > 1)
                world_violation(w, "two writes in flight for one claim: %s", request_kind_to_string(kind));
        if (kind == REQUEST_PRESENCE_PUT && writes_over_unheard(s, w->person_set_at))
                w->unseen_words = w->unseen_state = true;
        if (kind == REQUEST_PRESENCE_PUT && writes_over_unheard(s, w->client_does_at))
                w->unseen_state = true;
        if (kind == REQUEST_PRESENCE_PUT) {
                s->wrote_busy = body && names_busy(body);
                memmove(s->wrote, s->wrote + 1, sizeof(s->wrote) - sizeof(s->wrote[0]));
                s->wrote[CLAIM_WRITES_PER_MINUTE_MAX - 1] = door_now();
        }
        if (kind == REQUEST_PRESENCE_PUT && is_ours(body, w->history->n_machines)) {
                bool elsewhere = others_have_evidence(s);

                if (!has_evidence(s) && !elsewhere)
                        world_violation(w, "busy is written without evidence: %s", body);
                if (machine_is_forbidden(s->machine) && !elsewhere && w->rooms_begun_at < s->free_said_at)
                        world_violation(w, "busy is written against the user's word: %s", body);
                if (names_busy(body) && !site_in_force(s)->forced && copies_busy(w))
                        look_for_live_clients(s, body);
        }
        /* Whoever's word crossed with ours says it again. */
        if (kind == REQUEST_PRESENCE_PUT && door_now() < w->person_set_at + CROSSES && w->person_set_at > 0)
                w->person_due = door_now() + 5 * USEC_PER_SEC;
        if (kind == REQUEST_PRESENCE_PUT && door_now() < w->client_does_at + CROSSES && w->client_does_at > 0)
                w->unseen_state = true;
        if (kind == REQUEST_PRESENCE_PUT && crosses_a_client(s, body))
                w->unseen_state = true;
        if (kind == REQUEST_PROFILE_PUT && w->field_set_at > 0 && door_now() < w->field_set_at + READ_TO_WRITE)
                w->field_due = door_now() + 5 * USEC_PER_SEC;
}

/* ---- what is shown ---- */

const struct machine_output *machine_output_of(const struct machine *m, const char *name) {
        const struct machine_view *v = machine_view(m);

        for (size_t i = 0; i < v->n_outputs; i++)
                if (streq(v->outputs[i].name, name))
                        return &v->outputs[i];
        return NULL;
}

/* `status` says that another session holds it. */
static bool is_named_stuck(const struct world *w) {
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                const struct machine_output *o = machine_output_of(w->sites[i].machine, "presence");

                if (o && (streq(o->claim, "stuck") || strstr(o->note, "another")))
                        return true;
        }
        return false;
}

/* Each machine has logged out, and asked for its busy to be taken away before: status has no line of an account that
 * is not there. */
static bool nobody_is_left(const struct world *w) {
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (machine_is_logged_in(w->sites[i].machine) || w->sites[i].wrote_busy)
                        return false;
        return true;
}

static bool somebody_polls(const struct world *w) {
        for (size_t i = 0; i < CLIENTS; i++)
                if (client_polls_presence(&w->clients[i]))
                        return true;
        return false;
}

void judge_follow_stuck(struct world *w) {
        const char *state, *message;

        model_shown(w->model, &state, &message);
        w->stuck_named = state_is_busy(state) && (w->stuck_named || is_named_stuck(w));
}

void judge_quiet(struct world *w) {
        const char *state, *message, *twin_state, *twin_message;
        bool per_device = w->history->options.kind == HS_SYNAPSE;

        model_run(w->model, world_msec());
        model_run(w->twin, world_msec());
        model_shown(w->model, &state, &message);
        model_shown(w->twin, &twin_state, &twin_message);
        trace("---- judged: \"%s\" \"%s\", and \"%s\" \"%s\" without busyd", state, message, twin_state, twin_message);
        w->counters->quiets++;
        w->counters->strong += w->quiet_long;
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];
                const struct machine_view *v = machine_view(s->machine);

                if (v->busy)
                        world_violation(w, "%s still says busy", machine_name(s->machine));
                else if (machine_is_logged_in(s->machine) && !v->has_account)
                        world_violation(w, "%s has lost its account", machine_name(s->machine));
                for (size_t k = 0; k < v->n_outputs && !w->outcome->violated; k++)
                        if (v->outputs[k].restore[0] && !is_named_stuck(w))
                                world_violation(w, "%s still owes %s (%s; account %s): %s", machine_name(s->machine),
                                                v->outputs[k].name, v->outputs[k].claim, v->account_state,
                                                v->outputs[k].restore);
        }
        if (w->outcome->violated)
                return;
        if (state_is_busy(state) && !state_is_busy(twin_state)) {
                w->counters->stuck++;
                if (!w->stuck_named && !nobody_is_left(w))
                        world_violation(
                                w, "stuck busy, and status does not say so: \"%s\" \"%s\" instead of \"%s\" \"%s\"",
                                state, message, twin_state, twin_message);
        } else if ((per_device || (w->quiet_long && somebody_polls(w) && !w->restarted && !w->unseen_state)) &&
                   !streq(state, twin_state))
                world_violation(w, "the state is \"%s\" instead of \"%s\" (message \"%s\")", state, twin_state,
                                message);
        if (!streq(message, twin_message) && !w->unseen_words)
                world_violation(w, "the message is \"%s\" instead of \"%s\" (state %s)", message, twin_message, state);
        if (people_field_is_set(w->model) != people_field_is_set(w->twin))
                world_violation(w, "the profile %s the field",
                                people_field_is_set(w->model) ? "still has" : "has lost");
}

/* A call is over for a while, and others still see it. */
void judge_leftovers(struct world *w) {
        const char *state, *message, *twin_state, *twin_message;

        w->given_back_by = USEC_NEVER;
        model_shown(w->model, &state, &message);
        model_shown(w->twin, &twin_state, &twin_message);
        if ((state_is_busy(state) && !state_is_busy(twin_state) && !w->stuck_named && !nobody_is_left(w)) ||
            (streq(message, IN_CALL) && !streq(twin_message, message)))
                world_violation(w, "%.0f s after all calls others still see \"%s\" \"%s\"",
                                (double) GIVEN_BACK_WITHIN / USEC_PER_SEC, state, message);
}

/* For the rest of the call, and status says so. A person who repeats within a moment of our write what was there
 * before looks like a server that does not show it. */
static bool is_left_alone(const struct site *s, const struct machine_output *o) {
        return streq(o->claim, "yielded") || streq(o->claim, "foreign") ||
               (streq(o->claim, "no-effect") && s->world->person_at >= s->busy_at);
}

/* What a person has changed in a call is left alone until that call is over, also by a machine that had left its own
 * to it, and on which another one begins. */
static bool is_left_to_another(const struct site *s, const struct machine_output *o) {
        const struct world *w = s->world;

        for (unsigned i = 0; streq(o->claim, "shared") && i < w->history->n_machines; i++) {
                const struct site *other = &w->sites[i];
                const struct machine_output *theirs = machine_output_of(other->machine, "presence");

                if (other != s && theirs && is_left_alone(other, theirs))
                        return true;
        }
        return false;
}

/* A poll takes busy away there, and one that begins while the write is under way may arrive after it. Each time what
 * another machine tells ends a poll, that costs a write, and there are only so many a minute, of which the last is
 * kept for giving back. */
static bool has_spent_its_writes(const struct site *s) {
        return world_traits(s->world).polls_erase && s->wrote[1] > 0 &&
               door_now() < s->wrote[1] + USEC_PER_MIN + 5 * USEC_PER_SEC;
}

/* A poll takes busy away there, and is known to have arrived when it has not answered for three seconds. What is
 * written again then shows after a look and a write, and up to five seconds later where the look has come too early.
 * Mostly the message shows meanwhile, unless another device has been heard of since. */
usec_t judge_erased_until(const struct site *s) {
        if (!world_traits(s->world).polls_erase || s->polled_at == 0)
                return 0;
        return s->polled_at + 10 * USEC_PER_SEC;
}

bool judge_may_look(const struct world *w, const struct site *s) {
        const struct machine_view *v = machine_view(s->machine);
        const struct machine_output *o = machine_output_of(s->machine, "presence");

        if (site_is_pending(s) || machine_state(s->machine) != MACHINE_UP || w->faults ||
            (w->faults_at > 0 && door_now() < w->faults_at + CALM) || door_now() < s->up_since + CALM / 2 ||
            door_now() < s->disturbed_at + CALM / 2 || (w->person_at > 0 && door_now() < w->person_at + CALM) ||
            !s->in_front || site_in_force(s)->hides || s->busy_hidden || machine_is_final(s->machine) ||
            !machine_is_logged_in(s->machine) || v->mode != MODE_AUTO || door_now() < s->mode_at + SHOWN_WITHIN ||
            (o && (is_left_alone(s, o) || is_left_to_another(s, o))))
                return false;
        if (w->restarted_at > 0 && door_now() < w->restarted_at + CALM)
                return false;
        /* There the message of the device that was heard of last is shown. */
        return !(world_traits(w).device_messages && site_in_force(s)->status) && !has_spent_its_writes(s);
}

void judge_is_shown(struct world *w, struct site *s, const char *what) {
        const struct machine_view *v = machine_view(s->machine);
        const struct machine_output *o = machine_output_of(s->machine, "presence");
        const char *state, *message;

        model_run(w->model, world_msec());
        model_shown(w->model, &state, &message);
        if (!state_is_busy(state) && !streq(message, IN_CALL) && !streq(message, DENTIST))
                world_violation(w, "%s is not shown after a minute: \"%s\" \"%s\" (%s is %s, claim %s, account %s %s)",
                                what, state, message, machine_name(s->machine), v->busy ? "busy" : "free",
                                o ? o->claim : "-", v->account_state, v->problem);
}

void judge_call(struct world *w, struct site *s) {
        s->look_at = judge_erased_until(s);
        if (s->look_at > door_now())
                return;
        s->look_at = USEC_NEVER;
        if (!machine_has_proof_since(s->machine, door_now() - SHOWN_WITHIN) || !judge_may_look(w, s))
                return;
        w->counters->shown_in_call++;
        judge_is_shown(w, s, "a call");
}
