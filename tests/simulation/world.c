/* See world.h. Beside the world runs its twin: the same homeserver with the same person and the same other clients, on
 * which there is no busyd. Once all is quiet others must see the same in both. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>

#include "control/control.h"

/* As most servers have it. */
#define TOKEN_MSEC (INT64_C(5) * 60 * 1000)

#define MACHINES_MAX 2
#define ROOMS        2
#define FIELD        "org.matrix.msc4426.call"
#define DENTIST      "At the dentist"
#define IN_CALL      "In a call"

#define START_OF_TIME (1000 * USEC_PER_SEC)
#define START_OF_WALL (UINT64_C(1790000000) * USEC_PER_SEC)

/* How long a world is left alone before it is judged. */
#define QUIET_SHORT (12 * USEC_PER_MIN)
#define QUIET_LONG  (80 * USEC_PER_MIN)
/* Busy may follow evidence by so long: the grace, and what is under way. */
#define EVIDENCE_SLACK (30 * USEC_PER_SEC)
/* Another client that has been polling for so long is known to be there. */
#define LIVE_IS_KNOWN_AFTER (100 * USEC_PER_SEC)
/* Between the read of a field that is not pushed and the write over it the other machines are told. */
#define READ_TO_WRITE (2500 * USEC_PER_MSEC)
/* A poll waits so long for an answer that does not come. */
#define LONGEST_POLL (11 * USEC_PER_MIN)
/* A call has to be shown after so long, where nothing is in its way. */
#define SHOWN_WITHIN (60 * USEC_PER_SEC)
/* Once all calls are over, what is owed is back within so long, likewise: the longest grace, and a server that lets
 * one write through in ten seconds. */
#define GIVEN_BACK_WITHIN (75 * USEC_PER_SEC)
#define CALM              (10 * USEC_PER_MIN)

/* Requests of one machine: more than so many in so long is a hot loop. */
#define RATE_MAX  120
#define RATE_SPAN USEC_PER_MIN

#define STEPS_MAX 3000000

struct client {
        char device[16];
        unsigned manner;
        usec_t polls_since; /* of presence, without a break; USEC_NEVER: it does not */
        usec_t polls_at, polled_at;
};

struct site {
        struct world *world;
        struct machine *machine;
        usec_t asked[RATE_MAX];
        size_t n_asked;
        usec_t up_since, disturbed_at, in_front_since;
        usec_t free_said_at;
        usec_t busy_at;      /* it says so since then; 0: it does not */
        usec_t look_at;      /* a call must be shown then */
        unsigned configured; /* which is on disk */
        bool to_say_auto;    /* by hand, once it runs */
        /* Polls are stalled, which nobody can tell from silence, and when they were last. */
        bool silent[WIRE_FAULTS_MAX];
        usec_t silent_at;
        bool in_front;
        bool missed_word; /* it was not connected when a person set something last */
        char phase[CLAIM_PHASES_MAX];
        char last_phase[MACHINE_OUTPUTS][32];
};

struct world {
        const struct history *history;
        struct chance chance;
        struct model *model, *twin;
        struct site sites[MACHINES_MAX];
        struct client clients[CLIENTS];
        struct {
                bool on;
                unsigned kind, serial;
        } rooms[ROOMS];
        unsigned serial;
        usec_t rooms_at; /* a call in a room was going on last */
        usec_t rooms_begun_at;
        usec_t faults_at, restarted_at;
        bool faults;
        bool restarted;   /* since the last quiet: a single value was set by whoever came first then */
        bool stuck_named; /* the busy of now was said to be held by another session */
        usec_t person_at;
        usec_t person_due, person_set_at;
        /* Since the last quiet somebody has chosen the very state, or the very words, that stood there for a call. */
        bool unseen_state, unseen_words;
        char twin_was[2][64],
                before[64]; /* what the twin showed; the state of the model before a word, or time, may change it */
        usec_t field_due, field_set_at;
        bool field_was;
        char person_was[2][64];
        bool quiet, quiet_long;
        usec_t quiet_until;
        usec_t given_back_by; /* where nothing was in the way */
        size_t next;
        usec_t next_at;
        struct outcome *outcome;
        struct counters *counters;
};

static __attribute__((format(printf, 2, 3))) void violation(struct world *w, const char *format, ...) {
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

static const struct configuration {
        const char *text;
        bool mistaken; /* a reload leaves the one in force; a start takes the defaults */
        bool forced;   /* busy, whoever else is there */
        bool status;   /* no more than a message */
        bool hides;    /* a call may show nothing */
} configurations[] = {
        { .text = "" },
        { .text = "[busyd]\nend-grace = 20s\n" },
        { .text = "[account " MACHINE_ACCOUNT "]\npresence = busy\n", .forced = true },
        { .text = "[account " MACHINE_ACCOUNT "]\npresence = status\n", .status = true },
        { .text = "[account " MACHINE_ACCOUNT "]\npresence = off\n", .hides = true },
        { .text = "[account " MACHINE_ACCOUNT "]\nprofile-call = no\n" },
        { .text = "[account " MACHINE_ACCOUNT "]\nmessage =\n", .hides = true },
        { .text = "[busyd]\nno-such-key = 1\n", .mistaken = true },
};

static void configure(struct site *s, unsigned which) {
        s->configured = which % ARRAY_SIZE(configurations);
        trace("%s: configuration %u", machine_name(s->machine), s->configured);
        machine_configure(s->machine, s->configured, configurations[s->configured].text);
}

static const struct configuration *in_force(const struct site *s) {
        return &configurations[machine_configuration(s->machine)];
}

/* One that was not taken up yet. */
static bool is_pending(const struct site *s) {
        return s->configured != machine_configuration(s->machine) && !configurations[s->configured].mistaken;
}

static int64_t msec(void) {
        return (int64_t) (door_now() / USEC_PER_MSEC);
}

const char *client_manner_to_string(unsigned manner) {
        static const char *const names[CLIENT_MANNERS] = { "none", "polls online", "polls idle", "without presence" };

        return names[manner];
}

static bool polls_presence(const struct client *c) {
        return c->manner == 1 || c->manner == 2;
}

static const char *manner_word(unsigned manner) {
        static const char *const words[CLIENT_MANNERS] = { NULL, "online", "unavailable", "offline" };

        return words[manner];
}

/* ---- what others see ---- */

static bool is_busy(const char *state) {
        return streq(state, HS_BUSY) || streq(state, "busy");
}

static void on_shown(void *userdata, const char *state, const char *message) {
        struct world *w = userdata;

        trace("** others see %s \"%s\"", state, message);
        for (size_t i = 0; i < CLIENTS; i++)
                if (w->clients[i].manner > 0) {
                        usec_t soon =
                                door_now() + chance_between(&w->chance, 100 * USEC_PER_MSEC, 1500 * USEC_PER_MSEC);

                        w->clients[i].polls_at = usec_min(w->clients[i].polls_at, soon);
                }
}

/* With one value for all, the same word again changes nothing that anybody could see: what was there before the call
 * is put back over it. Words that come along do tell. */
static void on_twin_shown(void *userdata, const char *state, const char *words) {
        struct world *w = userdata;

        if (streq(state, "unavailable") && !streq(state, w->twin_was[0]) && streq(state, w->before) &&
            streq(words, w->twin_was[1]))
                w->unseen_state = true;
        (void) snprintf(w->twin_was[0], sizeof(w->twin_was[0]), "%s", state);
        (void) snprintf(w->twin_was[1], sizeof(w->twin_was[1]), "%s", words);
}

static void look_before(struct world *w) {
        const char *state, *words;

        model_shown(w->model, &state, &words);
        (void) snprintf(w->before, sizeof(w->before), "%s", state);
}

/* Of a person, before they are set. */
static void look_for_unseen_words(struct world *w) {
        const char *state, *message;

        model_shown(w->model, &state, &message);
        if (!streq(message, w->twin_was[1]) && streq(message, w->person_was[1]))
                w->unseen_words = true;
}

static bool field_is_set(const struct model *m) {
        const json_t *v = model_profile(m, FIELD);

        return v && !json_is_null(v);
}

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

/* Then a busy that this one leaves as it is, with or without words, is theirs. */
static bool others_have_evidence(const struct site *s) {
        const struct world *w = s->world;

        for (unsigned i = 0; i < w->history->n_machines; i++) {
                const struct site *o = &w->sites[i];

                if (o != s && machine_state(o->machine) == MACHINE_UP && has_evidence(o))
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
 * connects meanwhile is told that nobody is there, and has seen nothing else. */
static bool cannot_see(const struct site *s, const struct client *c) {
        return s->missed_word && c->polled_at < s->world->person_set_at;
}

/* Where each device has its state, a client that polls catches busy and keeps it. Who has been there for a while is
 * known, unless what should tell of them looks like silence, or the server has just lost all that it knew. */
static void look_for_live_clients(const struct site *s, const char *body) {
        struct world *w = s->world;
        const char *state, *message;

        model_shown(w->model, &state, &message);
        if (is_busy(state))
                return; /* it has caught it already */
        if (hears_nothing(s) || (w->restarted_at > 0 && door_now() < w->restarted_at + LIVE_IS_KNOWN_AFTER))
                return;
        for (size_t i = 0; i < CLIENTS; i++)
                if (w->clients[i].polls_since < door_now() - LIVE_IS_KNOWN_AFTER && !cannot_see(s, &w->clients[i]))
                        violation(w, "busy is written beside a client that has been polling for %.0f s: %s",
                                  (double) (door_now() - w->clients[i].polls_since) / USEC_PER_SEC, body);
}

static void on_asked(void *userdata, enum request_kind kind, const char *method, const char *uri, const char *body) {
        struct site *s = userdata;
        struct world *w = s->world;

        memmove(s->asked, s->asked + 1, sizeof(s->asked) - sizeof(s->asked[0]));
        s->asked[RATE_MAX - 1] = door_now();
        if (s->asked[0] > 0 && door_now() - s->asked[0] < RATE_SPAN)
                violation(w, "a hot loop: %d requests in %.1f s, the last one %s", RATE_MAX,
                          (double) (door_now() - s->asked[0]) / USEC_PER_SEC, request_kind_to_string(kind));
        if (kind != REQUEST_PRESENCE_PUT && kind != REQUEST_PROFILE_PUT)
                return;
        if (wire_n_writes_in_flight(machine_wire(s->machine), kind) > 1)
                violation(w, "two writes in flight for one claim: %s", request_kind_to_string(kind));
        if (kind == REQUEST_PRESENCE_PUT && is_ours(body, w->history->n_machines)) {
                bool elsewhere = others_have_evidence(s);

                if (!has_evidence(s) && !elsewhere)
                        violation(w, "busy is written without evidence: %s", body);
                if (machine_is_forbidden(s->machine) && !elsewhere && w->rooms_begun_at < s->free_said_at)
                        violation(w, "busy is written against the user's word: %s", body);
                if (names_busy(body) && !in_force(s)->forced && copies_busy(w))
                        look_for_live_clients(s, body);
        }
        /* Whoever's word crossed with ours says it again. */
        if (kind == REQUEST_PRESENCE_PUT && door_now() < w->person_set_at + 400 * USEC_PER_MSEC &&
            w->person_set_at > 0)
                w->person_due = door_now() + 5 * USEC_PER_SEC;
        if (kind == REQUEST_PROFILE_PUT && w->field_set_at > 0 && door_now() < w->field_set_at + READ_TO_WRITE)
                w->field_due = door_now() + 5 * USEC_PER_SEC;
}

/* ---- what happens ---- */

static const char *const messages[] = { "Lunch", "Reading a book", "", "In the garden" };
static const char *const states[] = { "online", "unavailable", "offline" };

static bool is_under_way(const struct world *w, enum request_kind kind) {
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (wire_is_under_way(machine_wire(w->sites[i].machine), kind))
                        return true;
        return false;
}

static bool is_connected(const struct machine *m) {
        return machine_state(m) == MACHINE_UP && streq(machine_view(m)->account_state, "online");
}

static void person_sets(struct world *w) {
        /* Two that write within a moment of each other cannot both win. */
        if (is_under_way(w, REQUEST_PRESENCE_GET) || is_under_way(w, REQUEST_PRESENCE_PUT)) {
                w->person_due = door_now() + 700 * USEC_PER_MSEC;
                return;
        }
        w->person_due = USEC_NEVER;
        w->person_set_at = w->person_at = door_now();
        trace("a person sets %s \"%s\"", w->person_was[0], w->person_was[1]);
        look_for_unseen_words(w);
        look_before(w);
        for (unsigned i = 0; i < w->history->n_machines; i++)
                w->sites[i].missed_word = !is_connected(w->sites[i].machine);
        model_person_sets(w->model, w->clients[0].device, w->person_was[0], w->person_was[1], msec());
        model_person_sets(w->twin, w->clients[0].device, w->person_was[0], w->person_was[1], msec());
}

/* Where the last poll wins, two clients of different words overwrite each other for ever, with busyd or without: the
 * others take up the word of the newest. */
static void agree(struct world *w, const struct client *newest) {
        if (w->history->options.kind == HS_SYNAPSE || w->history->options.kind == HS_TUWUNEL ||
            !polls_presence(newest))
                return;
        for (size_t i = 0; i < CLIENTS; i++)
                if (polls_presence(&w->clients[i]))
                        w->clients[i].manner = newest->manner;
}

static void client_polls(struct world *w, struct client *c) {
        const char *word = manner_word(c->manner);

        look_before(w);
        c->polled_at = door_now();
        model_client_polls(w->model, c->device, word, msec());
        model_client_polls(w->twin, c->device, word, msec());
        c->polls_at =
                word ? door_now() + chance_between(&w->chance, 28 * USEC_PER_SEC, 31 * USEC_PER_SEC) : USEC_NEVER;
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

static const char *room_id(size_t i) {
        return i == 0 ? "!one:test" : "!two:test";
}

static json_t *membership(bool joined) {
        json_t *content = joined ? json_pack("{s:s,s:s,s:s,s:I}", "application", "m.call", "call_id", "", "device_id",
                                             "PHONE", "expires", (json_int_t) 14400000)
                                 : json_object();

        return json_pack("{s:s,s:s,s:s,s:o}", "type", "org.matrix.msc3401.call.member", "sender", HS_USER, "state_key",
                         "_" HS_USER "_PHONE_m.call", "content", content);
}

static void room_call(struct world *w, size_t i, unsigned kind, bool on) {
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
                model_send(w->model, room_id(i), membership(on), msec());
                return;
        }
        if (!on) {
                model_send(w->model, room_id(i),
                           call_event(w->rooms[i].serial, "m.call.hangup", "@you:test",
                                      json_pack("{s:s}", "reason", "user_hangup")),
                           msec());
                return;
        }
        model_send(
                w->model, room_id(i),
                call_event(w->rooms[i].serial, "m.call.invite", "@you:test",
                           json_pack("{s:i,s:{s:s,s:s}}", "lifetime", 90000, "offer", "type", "offer", "sdp", "v=0")),
                msec());
        model_send(w->model, room_id(i),
                   call_event(w->rooms[i].serial, "m.call.answer", HS_USER,
                              json_pack("{s:{s:s,s:s}}", "answer", "type", "answer", "sdp", "v=0")),
                   msec());
}

/* As with presence: of two that write within a moment of each other, one loses. */
static void set_field(struct world *w) {
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

static bool is_final(const struct machine *m) {
        const struct machine_view *v = machine_view(m);

        return v->has_account && (streq(v->account_state, "signed-out") || streq(v->account_state, "broken"));
}

/* Everything as it should be, and then it is waited. */
static void quiet_begins(struct world *w, bool for_long) {
        trace("---- quiet%s", for_long ? ", for long" : "");
        for (size_t r = 0; r < ROOMS; r++)
                room_call(w, r, 0, false);
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
                if (is_pending(s))
                        machine_reload(s->machine);
                s->look_at = USEC_NEVER;
                /* What was taken for final is asked again by hand, or within the hour. */
                if (is_final(s->machine)) {
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
        w->quiet_long = for_long;
        w->quiet_until = door_now() + (for_long ? QUIET_LONG : QUIET_SHORT);
        w->given_back_by = USEC_NEVER;
        if ((w->faults_at == 0 || door_now() > w->faults_at + CALM) &&
            (w->restarted_at == 0 || door_now() > w->restarted_at + CALM))
                w->given_back_by = door_now() + GIVEN_BACK_WITHIN;
        for (unsigned i = 0; i < w->history->n_machines; i++)
                if (machine_state(w->sites[i].machine) != MACHINE_UP || door_now() < w->sites[i].up_since + CALM ||
                    is_final(w->sites[i].machine) || !machine_is_logged_in(w->sites[i].machine))
                        w->given_back_by = USEC_NEVER;
        disturb(w);
}

static const struct machine_output *output_of(const struct machine *m, const char *name) {
        const struct machine_view *v = machine_view(m);

        for (size_t i = 0; i < v->n_outputs; i++)
                if (streq(v->outputs[i].name, name))
                        return &v->outputs[i];
        return NULL;
}

/* `status` says that another session holds it. */
static bool is_named_stuck(const struct world *w) {
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                const struct machine_output *o = output_of(w->sites[i].machine, "presence");

                if (o && (streq(o->claim, "stuck") || strstr(o->note, "another")))
                        return true;
        }
        return false;
}

static bool somebody_polls(const struct world *w) {
        for (size_t i = 0; i < CLIENTS; i++)
                if (polls_presence(&w->clients[i]))
                        return true;
        return false;
}

static void follow_stuck(struct world *w) {
        const char *state, *message;

        model_shown(w->model, &state, &message);
        w->stuck_named = is_busy(state) && (w->stuck_named || is_named_stuck(w));
}

static void judge(struct world *w) {
        const char *state, *message, *twin_state, *twin_message;
        bool per_device = w->history->options.kind == HS_SYNAPSE;

        model_run(w->model, msec());
        model_run(w->twin, msec());
        model_shown(w->model, &state, &message);
        model_shown(w->twin, &twin_state, &twin_message);
        trace("---- judged: \"%s\" \"%s\", and \"%s\" \"%s\" without busyd", state, message, twin_state, twin_message);
        w->counters->quiets++;
        w->counters->strong += w->quiet_long;
        for (unsigned i = 0; i < w->history->n_machines; i++) {
                struct site *s = &w->sites[i];
                const struct machine_view *v = machine_view(s->machine);

                if (v->busy)
                        violation(w, "%s still says busy", machine_name(s->machine));
                else if (machine_is_logged_in(s->machine) && !v->has_account)
                        violation(w, "%s has lost its account", machine_name(s->machine));
                for (size_t k = 0; k < v->n_outputs && !w->outcome->violated; k++)
                        if (v->outputs[k].restore[0] && !is_named_stuck(w))
                                violation(w, "%s still owes %s (%s; account %s): %s", machine_name(s->machine),
                                          v->outputs[k].name, v->outputs[k].claim, v->account_state,
                                          v->outputs[k].restore);
        }
        if (w->outcome->violated)
                return;
        if (is_busy(state) && !is_busy(twin_state)) {
                w->counters->stuck++;
                if (!w->stuck_named)
                        violation(w, "stuck busy, and status does not say so: \"%s\" \"%s\" instead of \"%s\" \"%s\"",
                                  state, message, twin_state, twin_message);
        } else if ((per_device || (w->quiet_long && somebody_polls(w) && !w->restarted && !w->unseen_state)) &&
                   !streq(state, twin_state))
                violation(w, "the state is \"%s\" instead of \"%s\" (message \"%s\")", state, twin_state, message);
        if (!streq(message, twin_message) && !w->unseen_words)
                violation(w, "the message is \"%s\" instead of \"%s\" (state %s)", message, twin_message, state);
        if (field_is_set(w->model) != field_is_set(w->twin))
                violation(w, "the profile %s the field", field_is_set(w->model) ? "still has" : "has lost");
}

/* A call is over for a while, and others still see it. */
static void look_for_leftovers(struct world *w) {
        const char *state, *message, *twin_state, *twin_message;

        w->given_back_by = USEC_NEVER;
        model_shown(w->model, &state, &message);
        model_shown(w->twin, &twin_state, &twin_message);
        if ((is_busy(state) && !is_busy(twin_state) && !w->stuck_named) ||
            (streq(message, IN_CALL) && !streq(twin_message, message)))
                violation(w, "%.0f s after all calls others still see \"%s\" \"%s\"",
                          (double) GIVEN_BACK_WITHIN / USEC_PER_SEC, state, message);
}

/* What differs and may, where there is one value for all, must not count against what comes next: the person says it
 * again. */
static void make_equal(struct world *w) {
        const char *state, *message, *twin_state, *twin_message;

        model_shown(w->model, &state, &message);
        model_shown(w->twin, &twin_state, &twin_message);
        if (w->history->options.kind == HS_SYNAPSE || streq(state, twin_state))
                return;
        (void) snprintf(w->person_was[0], sizeof(w->person_was[0]), "%s", twin_state);
        (void) snprintf(w->person_was[1], sizeof(w->person_was[1]), "%s", twin_message);
        person_sets(w);
}

static void quiet_ends(struct world *w) {
        w->quiet = false;
        w->quiet_until = USEC_NEVER;
        judge(w);
        w->restarted = w->unseen_state = w->unseen_words = false;
        make_equal(w);
        model_trim(w->model, 50);
}

/* For the rest of the call, and status says so. A person who repeats within a moment of our write what was there
 * before looks like a server that does not show it. */
static bool is_left_alone(const struct site *s, const struct machine_output *o) {
        return streq(o->claim, "yielded") || streq(o->claim, "foreign") ||
               (streq(o->claim, "no-effect") && s->world->person_at >= s->busy_at);
}

static void look(struct world *w, struct site *s) {
        const struct machine_view *v = machine_view(s->machine);
        const struct machine_output *o = output_of(s->machine, "presence");
        const char *state, *message;

        s->look_at = USEC_NEVER;
        if (!machine_has_proof_since(s->machine, door_now() - SHOWN_WITHIN) || is_pending(s) ||
            machine_state(s->machine) != MACHINE_UP || w->faults ||
            (w->faults_at > 0 && door_now() < w->faults_at + CALM) || door_now() < s->up_since + CALM / 2 ||
            door_now() < s->disturbed_at + CALM / 2 || (w->person_at > 0 && door_now() < w->person_at + CALM) ||
            !s->in_front || in_force(s)->hides || is_final(s->machine) || !machine_is_logged_in(s->machine) ||
            v->mode != MODE_AUTO || (o && is_left_alone(s, o)))
                return;
        if (w->restarted_at > 0 && door_now() < w->restarted_at + CALM)
                return;
        /* There the message of the device that was heard of last is shown. */
        if (w->history->options.kind == HS_TUWUNEL && in_force(s)->status)
                return;
        model_run(w->model, msec());
        model_shown(w->model, &state, &message);
        w->counters->shown_in_call++;
        if (!is_busy(state) && !streq(message, IN_CALL) && !streq(message, DENTIST))
                violation(w, "a call is not shown after a minute: \"%s\" \"%s\" (%s is %s, claim %s, account %s %s)",
                          state, message, machine_name(s->machine), v->busy ? "busy" : "free", o ? o->claim : "-",
                          v->account_state, v->problem);
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
                room_call(w, n->a, n->b, true);
                break;
        case ROOM_CALL_ENDS:
                room_call(w, n->a, 0, false);
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
                (void) snprintf(w->person_was[0], sizeof(w->person_was[0]), "%s", states[n->a]);
                /* Where each device has a message, an empty one hides behind another device's. */
                (void) snprintf(w->person_was[1], sizeof(w->person_was[1]), "%s",
                                w->history->options.kind == HS_TUWUNEL && !*messages[n->b] ? "Gone for a walk"
                                                                                           : messages[n->b]);
                person_sets(w);
                break;
        case CLIENT_DOES: {
                struct client *c = &w->clients[n->a];

                trace("client %u %s", n->a, client_manner_to_string(n->b));
                disturb(w);
                c->manner = n->b;
                agree(w, c);
                if (!polls_presence(c))
                        c->polls_since = USEC_NEVER;
                else if (c->polls_since == USEC_NEVER)
                        c->polls_since = door_now();
                w->counters->client_manners[n->b]++;
                client_polls(w, c);
                break;
        }
        case PROFILE_SET:
                w->field_was = n->a;
                set_field(w);
                break;
        case FAULT_BEGINS:
                w->faults = true;
                trace("%s: fault %u: %s of %x, %u%%", machine_name(m), n->a, wire_fault_kind_to_string(n->fault.kind),
                      n->fault.kinds, n->fault.percent);
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
                model_restart(w->model, msec());
                model_restart(w->twin, msec());
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

static void follow(struct world *w, struct site *s) {
        const struct machine_view *v = machine_view(s->machine);

        if (!v->busy)
                s->busy_at = 0;
        else if (s->busy_at == 0)
                s->busy_at = door_now();

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

static usec_t next_time(struct world *w) {
        usec_t at = w->quiet ? w->quiet_until : w->next < w->history->n ? w->next_at : USEC_NEVER;

        at = usec_min(at, w->person_due);
        at = usec_min(at, w->field_due);
        at = usec_min(at, w->given_back_by);
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
                set_field(w);
        if (w->given_back_by <= now)
                look_for_leftovers(w);
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
                        look(w, s);
                if (machine_deadline(s->machine) <= now)
                        machine_run(s->machine);
                if (w->quiet)
                        start(s);
                if (s->to_say_auto && machine_state(s->machine) == MACHINE_UP)
                        say_auto(s);
                if (machine_spins(s->machine))
                        violation(w, "%s goes round without an end", machine_name(s->machine));
                follow(w, s);
        }
        look_before(w);
        model_run(w->model, msec());
        model_run(w->twin, msec());
        follow_stuck(w);
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
        w->history = h;
        w->chance = (struct chance){ h->seed ^ UINT64_C(0x14057b7ef767814f) };
        (void) model_new(&w->model, &options, msec(), (int64_t) (door_wall() / USEC_PER_MSEC));
        (void) model_new(&w->twin, &options, msec(), (int64_t) (door_wall() / USEC_PER_MSEC));
        model_on_shown(w->model, on_shown, w);
        model_on_shown(w->twin, on_twin_shown, w);
        w->person_due = w->field_due = w->quiet_until = w->given_back_by = USEC_NEVER;
        for (size_t i = 0; i < CLIENTS; i++) {
                (void) snprintf(w->clients[i].device, sizeof(w->clients[i].device), "CLIENT%zu", i);
                w->clients[i].polls_at = w->clients[i].polls_since = USEC_NEVER;
        }
        model_send(w->model, room_id(0),
                   json_pack("{s:s,s:s,s:{}}", "type", "m.room.message", "sender", "@you:test", "content"), msec());
        model_send(w->model, room_id(1),
                   json_pack("{s:s,s:s,s:{}}", "type", "m.room.message", "sender", "@you:test", "content"), msec());
        for (unsigned i = 0; i < h->n_machines; i++) {
                struct site *s = &w->sites[i];

                s->world = w;
                s->look_at = USEC_NEVER;
                s->in_front = true;
                s->machine = machine_new(i, w->model, dir, &w->chance,
                                         &(struct wire_handler){ .asked = on_asked, .userdata = s });
                machine_login(s->machine);
                start(s);
        }
        w->next_at = h->n > 0 ? door_now() + h->list[0].at : USEC_NEVER;
}

static void count(struct world *w) {
        struct counters *c = w->counters;

        c->worlds++;
        if (w->history->days)
                c->days += door_now() - START_OF_TIME;
        c->simulated += door_now() - START_OF_TIME;
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
                        violation(&w, "no end of steps");
        }
        count(&w);
        for (unsigned i = 0; i < h->n_machines; i++)
                machine_free(w.sites[i].machine);
        disk_forget();
        model_free(w.model);
        model_free(w.twin);
}

void counters_add(struct counters *to, const struct counters *from) {
        to->simulated += from->simulated;
        to->worlds += from->worlds;
        to->days += from->days;
        to->quiets += from->quiets;
        to->strong += from->strong;
        to->stuck += from->stuck;
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
