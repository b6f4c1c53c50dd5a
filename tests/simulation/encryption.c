/* A world whose calls of two are encrypted, and whose machines are verified devices. */
#include "world-parts.h"

/* Whoever has reset their identity is told that sessions are not verified, and does that after a while. */
#define VERIFIED_SOON    (10 * USEC_PER_MIN)
#define VERIFIED_BY_THEN (3 * 24 * USEC_PER_HOUR)
#define TRIED_AGAIN      (5 * USEC_PER_MIN)

void encryption_begins(struct world *w) {
        w->verify_at = USEC_NEVER;
        for (unsigned i = 0; i < w->history->n_machines; i++)
                for (size_t k = 0; k < ROOMS; k++)
                        w->sites[i].room_look_at[k] = USEC_NEVER;
        if (w->history->encrypted)
                w->devices = devices_new(w->model, w->history->seed);
}

/* Those of the caller are of no use where the user's own alone are read. */
static usec_t readable_at(const struct world *w, size_t room, const struct site *s) {
        const char *id = people_room_id(room), *device = machine_device(s->machine);

        return w->history->own_alone ? devices_read_since(w->devices, id, HS_USER, device)
                                     : devices_readable_at(w->devices, id, device);
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
                        w->verify_at = door_now() + chance_between(&w->chance, USEC_PER_SEC,
                                                                   chance_percent(&w->chance, 70) ? VERIFIED_SOON
                                                                                                  : VERIFIED_BY_THEN);
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
        if (w->devices)
                w->verify_at = door_now();
}

usec_t encryption_deadline(const struct world *w) {
        usec_t at = usec_min(w->verify_at, devices_deadline(w->devices));

        for (unsigned i = 0; i < w->history->n_machines; i++)
                for (size_t k = 0; k < ROOMS; k++)
                        at = usec_min(at, w->sites[i].room_look_at[k]);
        return at;
}

static void verify(struct world *w) {
        w->verify_at = USEC_NEVER;
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];

                /* What is shown is given back for that, and written again: as soon as the server lets it. */
                if (machine_verify(s->machine))
                        s->disturbed_at = door_now();
                if (machine_is_logged_in(s->machine) && !is_verified(w, s, door_now()))
                        w->verify_at = door_now() + TRIED_AGAIN;
        }
}

/* As a plain one would be. */
static void judge_room_call(struct world *w, struct site *s, size_t room) {
        s->room_look_at[room] = USEC_NEVER;
        if (!w->rooms[room].on || w->rooms[room].kind != 0 || door_now() < CALM ||
            !is_verified(w, s, door_now() - CALM) || !judge_may_look(w, s))
                return;
        trace("%s: the encrypted call in room %zu is looked at", machine_name(s->machine), room);
        devices_count_shown(w->devices);
        judge_is_shown(w, s, "an encrypted call");
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
        wrong = devices_judge(w->devices);
        if (wrong)
                world_violation(w, "%s", wrong);
}
