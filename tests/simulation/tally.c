/* What was visited. */
#include "world-parts.h"

/* Also what an earlier run of it owes. */
static bool has_owed(const struct site *s, const struct machine_view *v) {
        for (size_t i = 0; i < v->n_outputs; i++)
                if (streq(v->outputs[i].name, "presence"))
                        return s->last_phase[i][0] && !streq(s->last_phase[i], "free") &&
                               !streq(s->last_phase[i], "off");
        return false;
}

void tally_follow(struct world *w, struct site *s) {
        const struct machine_view *v = machine_view(s->machine);

        if (s->mode != v->mode)
                s->mode_at = door_now();
        s->mode = v->mode;
        if (!v->busy)
                s->busy_at = 0;
        else if (s->busy_at == 0) {
                s->busy_at = door_now();
                s->busy_hidden = site_in_force(s)->hides || (s->busy_hidden && has_owed(s, v));
        }

        for (size_t i = 0; i < v->n_outputs; i++) {
                if (streq(s->last_phase[i], v->outputs[i].claim))
                        continue;
                (void) snprintf(s->last_phase[i], sizeof(s->last_phase[i]), "%s", v->outputs[i].claim);
                for (size_t k = 0; k < CLAIM_PHASES_MAX; k++)
                        if (w->counters->phases[k].name[0] == 0 ||
                            streq(w->counters->phases[k].name, v->outputs[i].claim)) {
                                (void) snprintf(w->counters->phases[k].name, sizeof(w->counters->phases[k].name), "%s",
                                                v->outputs[i].claim);
                                w->counters->phases[k].n++;
                                break;
                        }
        }
}

void tally_world(struct world *w) {
        struct counters *c = w->counters;
        struct devices_counters devices;

        c->worlds++;
        if (w->history->days)
                c->days += door_now() - START_OF_TIME;
        c->simulated += door_now() - START_OF_TIME;
        devices = devices_counters(w->devices);
        devices_counters_add(&c->devices, &devices);
        c->allocations += torture_counters.allocations;
        c->refused += torture_counters.refused;
        c->disk_failures += torture_counters.disk_failures;
        torture_counters = (struct torture_counters){ 0 };
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                const struct wire_counters *wire = wire_counters(machine_wire(w->sites[i].machine));
                const struct machine_counters *machine = machine_counters(w->sites[i].machine);

                for (size_t k = 0; k < REQUEST_KINDS; k++)
                        c->requests[k] += wire->requests[k];
                for (size_t k = 0; k < WIRE_FAULT_KINDS; k++)
                        c->faults[k] += wire->faults[k];
                c->late += wire->late;
                c->orphans += wire->orphans;
                c->turns += machine->turns;
                c->starts += machine->starts;
                c->kills += machine->kills;
                c->power_cuts += machine->power_cuts;
                c->mid_turn += machine->mid_turn;
        }
}

void counters_add(struct counters *to, const struct counters *from) {
        to->simulated += from->simulated;
        to->worlds += from->worlds;
        devices_counters_add(&to->devices, &from->devices);
        to->days += from->days;
        to->quiets += from->quiets;
        to->strong += from->strong;
        to->stuck += from->stuck;
        to->allocations += from->allocations;
        to->refused += from->refused;
        to->disk_failures += from->disk_failures;
        to->shown_in_call += from->shown_in_call;
        for (size_t i = 0; i < HAPPENING_KINDS; i++)
                to->happenings[i] += from->happenings[i];
        for (size_t i = 0; i < CLIENT_MANNERS; i++)
                to->client_manners[i] += from->client_manners[i];
        for (size_t i = 0; i < REQUEST_KINDS; i++)
                to->requests[i] += from->requests[i];
        for (size_t i = 0; i < WIRE_FAULT_KINDS; i++)
                to->faults[i] += from->faults[i];
        to->late += from->late;
        to->orphans += from->orphans;
        to->turns += from->turns;
        to->starts += from->starts;
        to->kills += from->kills;
        to->power_cuts += from->power_cuts;
        to->mid_turn += from->mid_turn;
        for (size_t i = 0; i < CLAIM_PHASES_MAX && from->phases[i].name[0]; i++)
                for (size_t k = 0; k < CLAIM_PHASES_MAX; k++)
                        if (to->phases[k].name[0] == 0 || streq(to->phases[k].name, from->phases[i].name)) {
                                memcpy(to->phases[k].name, from->phases[i].name, sizeof(to->phases[k].name));
                                to->phases[k].n += from->phases[i].n;
                                break;
                        }
}
