/* A world whose calls of two are encrypted, and whose machines are verified devices. */
#include "world-parts.h"

/* Whoever has reset their identity is told that sessions are not verified, and does that after a while. */
#define VERIFIED_SOON    (10 * USEC_PER_MIN)
#define VERIFIED_BY_THEN (3 * 24 * USEC_PER_HOUR)
#define TRIED_AGAIN      (5 * USEC_PER_MIN)
/* ... or does not, for so long. */
#define NEGLECTED_FROM (5 * 24 * USEC_PER_HOUR)
#define NEGLECTED_TO   (14 * 24 * USEC_PER_HOUR)
/* A session that nobody verifies is ended then, where nothing is in the way for the last of these. */
#define UNSIGNED_MAX (7 * 24 * USEC_PER_HOUR)
#define ENDED_WITHIN (4 * USEC_PER_HOUR)

void encryption_begins(struct world *w) {
        w->verify_at = USEC_NEVER;
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                w->sites[i].unsigned_seen = w->sites[i].harms_since = USEC_NEVER;
                for (size_t k = 0; k < ROOMS; k++)
                        w->sites[i].room_look_at[k] = USEC_NEVER;
        }
        if (w->history->encrypted)
                w->devices = devices_new(w->model, w->history->seed, w->history->neglected ? 25 : 8);
}

/* Those of the caller are of no use where the user's own alone are read. */
static usec_t readable_at(const struct world *w, size_t room, const struct site *s) {
        const char *id = people_room_id(room), *device = machine_device(s->machine);

        return w->history->own_alone ? devices_read_since(w->devices, id, HS_USER, device)
                                     : devices_readable_at(w->devices, id, device);
}

static usec_t verified_in(struct world *w) {
        if (w->history->neglected)
                return chance_between(&w->chance, NEGLECTED_FROM, NEGLECTED_TO);
        return chance_between(&w->chance, USEC_PER_SEC,
                              chance_percent(&w->chance, 70) ? VERIFIED_SOON : VERIFIED_BY_THEN);
}

static bool is_verified(const struct world *w, const struct site *s, usec_t before) {
        return devices_signed_since(w->devices, machine_device(s->machine)) <= before;
}

void encryption_before_call(struct world *w, size_t room) {
        bool alone = true;

        if (!w->devices)
                return;
        for (size_t i = 0; i < ROOMS; i++)
                alone = alone && (i == room || !w->rooms[i].on);
        devices_before_call(w->devices, people_room_id(room), alone);
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (w->verify_at == USEC_NEVER && !is_verified(w, &w->sites[i], door_now()))
                        w->verify_at = door_now() + verified_in(w);
}

void encryption_call_begins(struct world *w, size_t room) {
        for (unsigned i = 0; w->devices && i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];
                usec_t at = readable_at(w, room, s);

                s->room_look_at[room] = usec_add(at < door_now() ? door_now() : at, SHOWN_WITHIN);
        }
}

/* Of whom nothing can be read, it cannot be read that they have hung up: as with a client that has died, such a call
 * ends once nothing was heard of it for long. Here the user does it then. */
const char *encryption_who_hangs_up(struct world *w, size_t room) {
        for (unsigned i = 0; w->devices && i < w->history->n_machines; i++)
                if (w->history->own_alone || devices_read_since(w->devices, people_room_id(room), DEVICES_CALLER,
                                                                machine_device(w->sites[i].machine)) > door_now())
                        return HS_USER;
        return DEVICES_CALLER;
}

void encryption_quiet_begins(struct world *w) {
        if (w->devices && !w->history->neglected)
                w->verify_at = door_now();
}

usec_t encryption_deadline(const struct world *w) {
        usec_t at = usec_min(w->verify_at, devices_deadline(w->devices));

        for (unsigned i = 0; i < w->history->n_machines; i++)
                for (size_t k = 0; k < ROOMS; k++)
                        at = usec_min(at, w->sites[i].room_look_at[k]);
        return at;
}

/* Its session has ended. */
static void log_in_again(struct site *s) {
        if (machine_is_logged_in(s->machine))
                machine_logout(s->machine);
        if (!machine_is_logged_in(s->machine) && machine_logout_is_over(s->machine))
                machine_login(s->machine);
        s->disturbed_at = door_now();
        s->said_farewell = !machine_is_logged_in(s->machine);
}

static void verify(struct world *w) {
        w->verify_at = USEC_NEVER;
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];

                if (s->said_farewell)
                        log_in_again(s);
                /* Whose machine went down in the middle of it mostly leaves it at that. */
                else if (devices_never_signed(w->devices, machine_device(s->machine)) &&
                         chance_percent(&w->chance, 95))
                        continue;
                /* What is shown is given back for that, and written again: as soon as the server lets it. */
                else if (machine_verify(s->machine))
                        s->disturbed_at = door_now();
                if (machine_is_logged_in(s->machine) && !is_verified(w, s, door_now()))
                        w->verify_at = door_now() + TRIED_AGAIN;
        }
}

/* As a plain one would be. */
static void judge_room_call(struct world *w, struct site *s, size_t room) {
        s->room_look_at[room] = judge_erased_until(s);
        if (s->room_look_at[room] > door_now())
                return;
        s->room_look_at[room] = USEC_NEVER;
        if (!w->rooms[room].on || w->rooms[room].kind != 0 || door_now() < CALM ||
            !is_verified(w, s, door_now() - CALM) || !judge_may_look(w, s))
                return;
        trace("%s: the encrypted call in room %zu is looked at", machine_name(s->machine), room);
        devices_count_shown(w->devices);
        judge_is_shown(w, s, "an encrypted call");
}

/* ---- sessions that nobody verifies ---- */

/* One that was introduced to be compared, and that the machine has gone down with, is given no time. */
static usec_t unsigned_max(const struct world *w, const struct site *s) {
        return devices_never_signed(w->devices, machine_device(s->machine)) ? 0 : UNSIGNED_MAX;
}

void encryption_judge_request(struct world *w, struct site *s, const char *uri) {
        usec_t since;

        if (!w->devices || (!strstr(uri, "/v3/logout") && !strstr(uri, "/oauth2/revoke")))
                return;
        since = devices_unsigned_since(w->devices, machine_device(s->machine));
        trace("%s: its session is ended", machine_name(s->machine));
        s->said_farewell = true;
        devices_count_farewell(w->devices);
        if (since != USEC_NEVER && door_now() < usec_add(since, unsigned_max(w, s)))
                world_violation(w, "a session is ended that could still be verified");
        else if (devices_signed_since(w->devices, machine_device(s->machine)) != USEC_NEVER)
                world_violation(w, "a verified session is ended");
}

/* What another machine goes on with is owed as well, though it will put it back itself. */
static bool owes_nothing(const struct machine_view *v) {
        for (size_t i = 0; i < v->n_outputs; i++)
                if (v->outputs[i].restore[0] || streq(v->outputs[i].claim, "shared"))
                        return false;
        return !v->busy;
}

/* It counts from when busyd has seen it. */
static void judge_farewell(struct world *w, struct site *s) {
        const struct machine_view *v = machine_view(s->machine);
        bool online = machine_state(s->machine) == MACHINE_UP && streq(v->account_state, "online");

        if (machine_is_comparing(s->machine) ||
            devices_unsigned_since(w->devices, machine_device(s->machine)) == USEC_NEVER)
                s->unsigned_seen = USEC_NEVER;
        else if (online && s->unsigned_seen == USEC_NEVER)
                s->unsigned_seen = door_now();
        if (!online || w->faults || door_now() < usec_add(s->unsigned_seen, unsigned_max(w, s)) || !owes_nothing(v))
                s->harms_since = USEC_NEVER;
        else if (s->harms_since == USEC_NEVER)
                s->harms_since = door_now();
        else if (door_now() > usec_add(s->harms_since, ENDED_WITHIN))
                world_violation(w, "a session that nobody has verified in time goes on");
}

void encryption_run(struct world *w) {
        const char *wrong;

        if (!w->devices)
                return;
        devices_run(w->devices);
        if (w->verify_at <= door_now())
                verify(w);
        for (unsigned i = 0; i < w->history->n_machines; i++)
                for (size_t k = 0; k < ROOMS; k++)
                        if (w->sites[i].room_look_at[k] <= door_now())
                                judge_room_call(w, &w->sites[i], k);
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];

                if (w->history->neglected || devices_never_signed(w->devices, machine_device(s->machine)))
                        judge_farewell(w, s);
                if (machine_is_comparing(s->machine))
                        s->disturbed_at = door_now();
                if (!machine_was_left_unsigned(s->machine))
                        continue;
                s->said_farewell = true;
                w->verify_at = usec_min(w->verify_at, door_now() + verified_in(w));
        }
        wrong = devices_judge(w->devices);
        if (wrong)
                world_violation(w, "%s", wrong);
}
