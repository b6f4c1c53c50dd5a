/* The user, their other clients, and their calls in rooms. Beside busyd's account all of them act on the twin. */
#include "world-parts.h"

const char *client_manner_to_string(unsigned manner) {
        static const char *const names[CLIENT_MANNERS] = { "none", "polls online", "polls idle", "without presence" };

        return names[manner];
}

bool client_polls_presence(const struct client *c) {
        return c->manner == 1 || c->manner == 2;
}

static const char *manner_word(unsigned manner) {
        static const char *const words[CLIENT_MANNERS] = { NULL, "online", "unavailable", "offline" };

        return words[manner];
}

/* ---- what others see ---- */

bool state_is_busy(const char *state) {
        return streq(state, HS_BUSY) || streq(state, "busy");
}

/* Where each device has a message, what a person has written is gone with the next poll of busyd, and nobody can tell
 * it who asked before that poll and got no answer. */
static void look_for_hidden_words(struct world *w, const char *message) {
        if (!world_traits(w).device_messages || streq(message, w->person_was[1]))
                return;
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                const struct site *s = &w->sites[i];

                if (s->polled_blind_at > w->person_set_at &&
                    wire_answered_at(machine_wire(s->machine), REQUEST_PRESENCE_GET) < w->person_set_at)
                        w->unseen_words = true;
        }
}

void people_on_shown(void *userdata, const char *state, const char *message) {
        struct world *w = userdata;

        look_for_hidden_words(w, message);
        trace("** others see %s \"%s\"", state, message);
        for (size_t i = 0; i < CLIENTS; i++)
                if (w->clients[i].manner > 0) {
                        usec_t soon =
                                door_now() + chance_between(&w->chance, 100 * USEC_PER_MSEC, 1500 * USEC_PER_MSEC);

                        w->clients[i].polls_at = usec_min(w->clients[i].polls_at, soon);
                }
}

static bool is_connected(const struct machine *m) {
        return machine_state(m) == MACHINE_UP && streq(machine_view(m)->account_state, "online");
}

/* In a call of its own that it shows itself: what others show there is the other machine's. */
static bool shows_a_call(const struct machine *m) {
        const struct machine_output *o = machine_output_of(m, "presence");

        return machine_has_evidence(m) && o && !streq(o->claim, "shared") && !streq(o->claim, "off");
}

/* A machine may owe a state, and none has seen by way of which others it came to this one. One that shows no call, and
 * owes nothing, keeps no account of what it sees for another one that has died. */
static bool is_unwatched(const struct world *w) {
        bool owed = false;

        for (unsigned i = 0; i < w->history->n_machines; i++) {
                const struct machine *m = w->sites[i].machine;

                if (!is_connected(m))
                        owed = owed || machine_state(m) == MACHINE_UP || machine_died_busy_at(m) > 0;
                else if (shows_a_call(m))
                        return false;
        }
        return owed;
}

/* With one value for all, the same word again changes nothing that anybody could see: what was there before the call
 * is put back over it. Words that come along do tell. */
void people_on_twin_shown(void *userdata, const char *state, const char *words) {
        struct world *w = userdata;

        if (streq(state, "unavailable") && !streq(state, w->twin_was[0]) &&
            (streq(state, w->before) || is_unwatched(w)) && streq(words, w->twin_was[1]))
                w->unseen_state = true;
        (void) snprintf(w->twin_was[0], sizeof(w->twin_was[0]), "%s", state);
        (void) snprintf(w->twin_was[1], sizeof(w->twin_was[1]), "%s", words);
}

void people_look_before(struct world *w) {
        const char *state, *words;

        model_shown(w->model, &state, &words);
        (void) snprintf(w->before, sizeof(w->before), "%s", state);
}

/* A machine that takes words away says what a person says who does: another machine cannot tell whose it is. */
static bool is_said_by_a_machine(const struct world *w) {
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (w->history->n_machines > 1 && !w->person_was[1][0] && site_in_force(&w->sites[i])->wordless)
                        return true;
        return false;
}

/* Of a person, before they are set. */
static void look_for_unseen_words(struct world *w) {
        const char *state, *message;

        if (is_said_by_a_machine(w))
                w->unseen_words = true;
        model_shown(w->model, &state, &message);
        if (!streq(message, w->twin_was[1]) && streq(message, w->person_was[1]))
                w->unseen_words = true;
}

bool people_field_is_set(const struct model *m) {
        const json_t *v = model_profile(m, FIELD);

        return v && !json_is_null(v);
}

/* ---- what they do ---- */

static const char *const messages[] = { "Lunch", "Reading a book", "", "In the garden" };
static const char *const states[] = { "online", "unavailable", "offline" };

/* Where every poll sets a state, one writes as well. */
static bool is_poll_arriving(const struct world *w) {
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (wire_travels(machine_wire(w->sites[i].machine), REQUEST_SYNC))
                        return world_traits(w).polls_erase;
        return false;
}

static bool is_under_way(const struct world *w, enum request_kind kind) {
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (wire_is_under_way(machine_wire(w->sites[i].machine), kind))
                        return true;
        return false;
}

/* Who has missed the last word, and was told of nothing since, has missed what this one builds on. */
static bool is_missing_words(const struct site *s) {
        const struct world *w = s->world;

        if (!is_connected(s->machine))
                return true;
        for (size_t i = 0; i < CLIENTS; i++)
                if (client_polls_presence(&w->clients[i]) && judge_cannot_see(s, &w->clients[i]))
                        return true;
        return false;
}

void person_sets(struct world *w) {
        /* Two that write within a moment of each other cannot both win. */
        if (is_under_way(w, REQUEST_PRESENCE_GET) || is_under_way(w, REQUEST_PRESENCE_PUT) || is_poll_arriving(w)) {
                w->person_due = door_now() + 700 * USEC_PER_MSEC;
                return;
        }
        w->person_due = USEC_NEVER;
        for (unsigned i = 0; i < w->history->n_machines; i++)
                w->sites[i].missed_word = is_missing_words(&w->sites[i]);
        w->person_set_at = w->person_at = door_now();
        trace("a person sets %s \"%s\"", w->person_was[0], w->person_was[1]);
        look_for_unseen_words(w);
        people_look_before(w);
        model_person_sets(w->model, w->clients[0].device, w->person_was[0], w->person_was[1], world_msec());
        model_person_sets(w->twin, w->clients[0].device, w->person_was[0], w->person_was[1], world_msec());
}

void person_chooses(struct world *w, unsigned state, unsigned message) {
        (void) snprintf(w->person_was[0], sizeof(w->person_was[0]), "%s", states[state]);
        /* Where each device has a message, an empty one hides behind another device's. */
        (void) snprintf(w->person_was[1], sizeof(w->person_was[1]), "%s",
                        world_traits(w).device_messages && !*messages[message] ? "Gone for a walk"
                                                                               : messages[message]);
        person_sets(w);
}

/* Where the last poll wins, two clients of different words overwrite each other for ever, with busyd or without: the
 * others take up the word of the newest. */
static void agree(struct world *w, const struct client *newest) {
        if (world_traits(w).device_states || !client_polls_presence(newest))
                return;
        for (size_t i = 0; i < CLIENTS; i++)
                if (client_polls_presence(&w->clients[i]))
                        w->clients[i].manner = newest->manner;
}

static void note_idle(struct world *w) {
        w->client_idle_at = door_now();
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];

                s->missed_idle = !wire_travels(machine_wire(s->machine), REQUEST_PRESENCE_GET);
        }
}

void client_polls(struct world *w, struct client *c) {
        const char *word = manner_word(c->manner);
        bool was_idle = streq(w->twin_was[0], "unavailable");

        people_look_before(w);
        if (c->back_at < w->person_set_at)
                c->back_at = door_now();
        model_client_polls(w->model, c->device, word, world_msec());
        model_client_polls(w->twin, c->device, word, world_msec());
        if (!was_idle && streq(w->twin_was[0], "unavailable"))
                note_idle(w);
        c->polls_at =
                word ? door_now() + chance_between(&w->chance, 28 * USEC_PER_SEC, 31 * USEC_PER_SEC) : USEC_NEVER;
}

void client_does(struct world *w, unsigned which, unsigned manner) {
        struct client *c = &w->clients[which];

        /* As with a person. Its word is not written again by its next polls. */
        w->client_does_at = door_now();
        if (is_under_way(w, REQUEST_PRESENCE_GET) || is_under_way(w, REQUEST_PRESENCE_PUT))
                w->unseen_state = true;
        trace("client %u %s", which, client_manner_to_string(manner));
        c->manner = manner;
        agree(w, c);
        if (!client_polls_presence(c))
                c->polls_since = USEC_NEVER;
        else if (c->polls_since == USEC_NEVER)
                c->polls_since = door_now();
        w->counters->client_manners[manner]++;
        client_polls(w, c);
}

static json_t *call_event(unsigned serial, const char *type, const char *sender, json_t *more) {
        char id[32];
        json_t *content;

        (void) snprintf(id, sizeof(id), "c%u", serial);
        content = json_pack("{s:s,s:s,s:s}", "version", "1", "call_id", id, "party_id",
                            streq(sender, HS_USER) ? "PHONE" : "THEIRS");
        json_object_update(content, more);
        json_decref(more);
        return json_pack("{s:s,s:s,s:o}", "type", type, "sender", sender, "content", content);
}

const char *people_room_id(size_t i) {
        return i == 0 ? "!one:test" : "!two:test";
}

static void say(struct world *w, size_t room, json_t *event) {
        if (w->devices)
                devices_say(w->devices, people_room_id(room), event);
        else
                model_send(w->model, people_room_id(room), event, world_msec());
}

static json_t *membership(bool joined) {
        json_t *content = joined ? json_pack("{s:s,s:s,s:s,s:I}", "application", "m.call", "call_id", "", "device_id",
                                             "PHONE", "expires", (json_int_t) 14400000)
                                 : json_object();

        return json_pack("{s:s,s:s,s:s,s:o}", "type", "org.matrix.msc3401.call.member", "sender", HS_USER, "state_key",
                         "_" HS_USER "_PHONE_m.call", "content", content);
}

void people_room_call(struct world *w, size_t i, unsigned kind, bool on) {
        if (w->rooms[i].on == on)
                return;
        if (on) {
                w->rooms[i].kind = kind;
                w->rooms_begun_at = door_now();
                w->rooms[i].serial = ++w->serial;
        } else
                w->rooms_at = door_now();
        w->rooms[i].on = on;
        trace("a %s call in room %zu %s", w->rooms[i].kind == 0 ? "1:1" : "group", i, on ? "begins" : "ends");
        if (w->rooms[i].kind == 1) {
                model_send(w->model, people_room_id(i), membership(on), world_msec());
                return;
        }
        if (!on) {
                say(w, i,
                    call_event(w->rooms[i].serial, "m.call.hangup", encryption_who_hangs_up(w, i),
                               json_pack("{s:s}", "reason", "user_hangup")));
                return;
        }
        encryption_before_call(w, i);
        say(w, i,
            call_event(w->rooms[i].serial, "m.call.invite", "@you:test",
                       json_pack("{s:i,s:{s:s,s:s}}", "lifetime", 90000, "offer", "type", "offer", "sdp", "v=0")));
        say(w, i,
            call_event(w->rooms[i].serial, "m.call.answer", HS_USER,
                       json_pack("{s:{s:s,s:s}}", "answer", "type", "answer", "sdp", "v=0")));
        encryption_call_begins(w, i);
}

/* As with presence: of two that write within a moment of each other, one loses. */
void people_set_field(struct world *w) {
        bool on = w->field_was;

        if (is_under_way(w, REQUEST_PROFILE_GET) || is_under_way(w, REQUEST_PROFILE_PUT)) {
                w->field_due = door_now() + 700 * USEC_PER_MSEC;
                return;
        }
        w->field_due = USEC_NEVER;
        w->field_set_at = door_now();
        trace("another client %s the field", on ? "writes" : "takes away");
        model_set_profile(w->model, FIELD, on ? json_pack("{s:i}", "call_joined_ts", 7) : NULL);
        model_set_profile(w->twin, FIELD, on ? json_pack("{s:i}", "call_joined_ts", 7) : NULL);
}

void people_open_rooms(struct world *w) {
        for (size_t i = 0; i < ROOMS; i++) {
                if (w->devices)
                        model_send(w->model, people_room_id(i),
                                   json_pack("{s:s, s:s, s:s, s:{s:s}}", "type", "m.room.encryption", "state_key", "",
                                             "sender", "@you:test", "content", "algorithm", "m.megolm.v1.aes-sha2"),
                                   world_msec());
                model_send(w->model, people_room_id(i),
                           json_pack("{s:s,s:s,s:{}}", "type", "m.room.message", "sender", "@you:test", "content"),
                           world_msec());
        }
}
