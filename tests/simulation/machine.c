/* See machine.h. */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "busyd/manager.h"
#include "comparing.h"
#include "config/config.h"
#include "devices.h"
#include "edges.h"
#include "state/session.h"
#include "state/state.h"
#include "torture.h"

/* The unit's TimeoutStopSec, and what logind waits for at most. */
#define STOP_MAX  (8 * USEC_PER_SEC)
#define SLEEP_MAX (5 * USEC_PER_SEC)
/* `busyctl logout` gives up after so long. */
#define LOGOUT_MAX (2 * USEC_PER_MIN)
/* Turns at one and the same moment. */
#define SPIN_MAX 1000

struct local {
        bool on;
        char app[32];
        enum call_evidence evidence, evidence_told;
        unsigned serial, told; /* the latest, and the one that the product knows of; 0: none */
        usec_t since;
};

struct machine {
        unsigned index;
        char name[8], dir[128], state_dir[160], config[160];
        const char *preamble; /* of each configuration */
        struct model *model;
        struct chance *chance;
        struct wire *wire;
        struct edges edges;
        struct state *state;
        struct control *control;
        struct logind *logind;
        struct manager *manager;
        bool touched;
        usec_t turn_at;
        unsigned die_after; /* so many steps outside; 0: not */
        enum machine_state up;
        unsigned configured, in_force; /* tags of configurations */
        usec_t ends_at, sleeps_at;
        char device[64];
        bool logged_in, logging_out, cut_armed;
        bool verifying;    /* with logging_out: lets go of the account for that only */
        bool by_emoji;     /* ... so */
        bool lets_compare; /* it has */
        struct devices *devices;
        usec_t compares_at;          /* a new session is to be verified by emoji then; USEC_NEVER: not */
        struct comparing *comparing; /* NULL: nobody does */
        bool left_unsigned;
        usec_t logout_by;
        struct local locals[MACHINE_LOCAL_MAX];
        bool in_front;
        struct {
                bool on;
                uint32_t cookie;
                usec_t until;
        } holds[MACHINE_HOLDS_MAX];
        uint32_t cookie;
        enum mode mode;  /* by hand, as the person believes */
        bool mode_known; /* and since then nothing has happened to it */
        usec_t mode_at, begun_at, away_at;
        usec_t mode_until, evidence_at;
        usec_t died_busy_at; /* 0: never */
        usec_t spin_at;
        unsigned spins;
        struct machine_counters counters;
};

static bool is_compared(const struct machine *m) {
        return m->comparing || m->lets_compare;
}

/* ---- whose turn it is ---- */

static void enter(struct machine *m) {
        edges = &m->edges;
        wire_select(m->wire);
        door_set_name(m->name);
        if (m->die_after > 0)
                door_die_after(m->die_after);
        (void) torture_enter();
}

static struct instant instant(void) {
        return (struct instant){ .now = door_now(), .wall = door_wall() };
}

static void on_touched(void *userdata) {
        struct machine *m = userdata;

        m->touched = true;
}

/* It was evidence up to now, or up to its own end before. */
static void end_hold(struct machine *m, size_t i) {
        if (m->holds[i].on)
                m->holds[i].until = usec_min(m->holds[i].until, door_now());
        m->holds[i].on = false;
}

static void drop(struct machine *m) {
        m->manager = manager_free(m->manager);
        m->logind = logind_free(m->logind);
        m->control = control_free(m->control);
        m->state = state_free(m->state);
        m->edges.away = false;
        m->edges.let_sleep = false;
        m->sleeps_at = 0;
        m->die_after = 0;
        m->edges.view = (struct machine_view){ 0 };
        m->up = MACHINE_OFF;
        for (size_t i = 0; i < MACHINE_HOLDS_MAX; i++)
                end_hold(m, i);
        m->logging_out = false;
}

/* Gone as it stands: nothing that freeing it does reaches the outside. */
static void die(struct machine *m, bool power_cut) {
        if (!m->state)
                return;
        m->lets_compare &= !power_cut;
        if (power_cut && m->comparing) {
                m->comparing = comparing_free(m->comparing);
                devices_count_compared(m->devices, COMPARING_CUT);
        }
        m->die_after = 0;
        enter(m);
        (void) torture_spare();
        wire_orphan(m->wire);
        door_die_after(0);
        if (m->edges.view.busy)
                m->died_busy_at = door_now();
        drop(m);
        door_live();
        wire_set_asleep(m->wire, false);
        m->counters.kills += !power_cut;
        m->counters.power_cuts += power_cut;
        if (power_cut)
                disk_power_cut(m->dir, m->chance);
        trace("%s: %s", m->name, power_cut ? "power cut" : "killed");
}

/* After everything that may have been its last step. */
static void leave(struct machine *m) {
        (void) torture_spare();
        if (door_is_dead()) {
                m->counters.mid_turn++;
                die(m, m->cut_armed);
        } else
                m->die_after = door_steps_left();
        door_live();
        door_set_name("");
}

/* What goes on there now; another one that the product still knows of is over. */
static void report(struct machine *m, size_t i) {
        struct local *l = &m->locals[i];
        char id[32];

        if (l->told > 0 && l->told != l->serial) {
                (void) snprintf(id, sizeof(id), "stream-%zu-%u", i, l->told);
                edge_end(&m->edges, l->evidence_told == EVIDENCE_PROOF, id);
        }
        l->told = l->on ? l->serial : 0;
        l->evidence_told = l->evidence;
        (void) snprintf(id, sizeof(id), "stream-%zu-%u", i, l->serial);
        edge_report(&m->edges, l->evidence == EVIDENCE_PROOF,
                    &(struct call_report){
                            .id = id,
                            .app = l->app,
                            .what = "a stream",
                            .phase = l->on ? CALL_ACTIVE : CALL_GONE,
                            .evidence = l->evidence,
                            .lasts = USEC_NEVER,
                    });
}

static void on_source_begins(void *userdata, size_t source) {
        struct machine *m = userdata;

        for (size_t i = 0; i < MACHINE_LOCAL_MAX; i++)
                if (m->locals[i].on && (m->locals[i].evidence == EVIDENCE_PROOF) == (source == 1)) {
                        m->locals[i].serial++;
                        report(m, i);
                }
}

static void on_hold_ended(void *userdata, uint32_t cookie) {
        struct machine *m = userdata;

        for (size_t i = 0; i < MACHINE_HOLDS_MAX; i++)
                if (m->holds[i].cookie == cookie)
                        end_hold(m, i);
}

/* ---- up and down ---- */

static void on_problem(const char *sentence, void *userdata) {
        const struct machine *m = userdata;

        trace("%s: %s", m->name, sentence);
}

struct machine *machine_new(unsigned index, struct model *model, const char *dir, struct chance *chance,
                            const struct wire_handler *handler) {
        struct machine *m = calloc(1, sizeof(*m));

        m->index = index;
        m->model = model;
        m->chance = chance;
        (void) snprintf(m->name, sizeof(m->name), "%c", 'A' + (int) index);
        (void) snprintf(m->dir, sizeof(m->dir), "%s/%s", dir, m->name);
        (void) snprintf(m->state_dir, sizeof(m->state_dir), "%s/state", m->dir);
        (void) snprintf(m->config, sizeof(m->config), "%s/busyd.conf", m->dir);
        (void) mkdir(m->dir, 0700);
        (void) mkdir(m->state_dir, 0700);
        machine_set_preamble(m, "");
        m->wire = wire_new(model, (struct chance){ chance_next(chance) }, handler);
        m->edges.source_begins = on_source_begins;
        m->edges.hold_ended = on_hold_ended;
        m->edges.userdata = m;
        m->in_front = true;
        m->mode_until = m->compares_at = USEC_NEVER;
        return m;
}

struct machine *machine_free(struct machine *m) {
        if (!m)
                return NULL;
        die(m, false);
        comparing_free(m->comparing);
        wire_free(m->wire);
        free(m);
        return NULL;
}

/* As loop.c of busyd does it. */
static int begin(struct machine *m) {
        const struct instant at = instant();
        struct config *config = NULL;
        int r = config_load(&config, m->config, on_problem, m);

        if (r < 0)
                return r;
        m->in_force = m->configured;
        r = state_open(&m->state, m->state_dir, on_problem, m);
        if (r >= 0)
                r = control_new(&m->control, NULL, 0, &(struct control_ops){ 0 });
        if (r >= 0)
                r = logind_new(&m->logind, NULL, &(struct logind_handler){ 0 });
        if (r < 0) {
                config_free(config);
                return r;
        }
        r = manager_new(&m->manager, config,
                        &(struct manager_edges){ .state = m->state,
                                                 .control = m->control,
                                                 .logind = m->logind,
                                                 .touched = on_touched,
                                                 .userdata = m },
                        &at);
        if (r < 0)
                return r;
        m->up = MACHINE_UP;
        m->touched = true;
        r = manager_start(m->manager, &at);
        if (!m->in_front)
                manager_set_in_front(m->manager, false);
        return r;
}

bool machine_start(struct machine *m) {
        int r;

        if (m->manager)
                return true;
        trace("%s: starts", m->name);
        enter(m);
        m->counters.starts++;
        m->mode_known = false;
        r = begin(m);
        if (r < 0) {
                trace("%s: does not start: %s", m->name, strerror(-r));
                m->counters.failed_starts++;
                drop(m);
        }
        leave(m);
        return r >= 0;
}

void machine_kill(struct machine *m, bool power_cut) {
        die(m, power_cut);
}

void machine_kill_after(struct machine *m, unsigned n_steps, bool power_cut) {
        m->cut_armed = power_cut;
        m->die_after = n_steps;
}

static void end(struct machine *m, int code) {
        const struct instant at = instant();

        if (m->up != MACHINE_UP)
                return;
        enter(m);
        trace("%s: %s", m->name, code == 0 ? "SIGTERM" : "the bus is lost");
        m->up = MACHINE_ENDING;
        m->ends_at = door_now() + STOP_MAX;
        manager_stop(m->manager, code, &at);
        m->touched = true;
        leave(m);
}

void machine_stop(struct machine *m) {
        end(m, 0);
}

void machine_lose_bus(struct machine *m) {
        end(m, 1);
}

enum machine_state machine_state(const struct machine *m) {
        return m->up;
}

usec_t machine_deadline(struct machine *m) {
        usec_t at = wire_deadline(m->wire);

        if (m->up != MACHINE_ASLEEP)
                at = m->lets_compare ? 0 : usec_min(at, usec_min(m->compares_at, comparing_deadline(m->comparing)));

        if (!m->manager)
                return at;
        if (m->up == MACHINE_ASLEEP)
                return at;
        at = usec_min(at, m->touched ? 0 : m->turn_at);
        if (m->up == MACHINE_ENDING)
                at = usec_min(at, m->ends_at);
        if (m->edges.let_sleep)
                return 0;
        if (m->sleeps_at > 0)
                at = usec_min(at, m->sleeps_at);
        if (m->logging_out)
                at = usec_min(at, m->logout_by);
        return at;
}

static void look_at_logout(struct machine *m);
static void look_at_comparing(struct machine *m);

static void turn(struct machine *m) {
        const struct instant at = instant();
        int code;

        m->counters.turns++;
        if (m->spin_at != door_now())
                m->spins = 0;
        m->spin_at = door_now();
        m->spins++;
        m->touched = false;
        m->turn_at = manager_turn(m->manager, &at);
        if (door_is_dead() || !manager_is_over(m->manager, &code))
                return;
        trace("%s: has ended with %d", m->name, code);
        wire_orphan(m->wire);
        drop(m);
}

static void falls_asleep(struct machine *m) {
        m->sleeps_at = 0;
        m->edges.let_sleep = false;
        m->up = MACHINE_ASLEEP;
        wire_set_asleep(m->wire, true);
        trace("%s: sleeps", m->name);
}

void machine_run(struct machine *m) {
        bool ready;

        enter(m);
        ready = wire_run(m->wire);
        if (m->manager && m->up != MACHINE_ASLEEP) {
                if (ready)
                        (void) wire_deliver(m->wire);
                if (!door_is_dead() && (m->touched || m->turn_at <= door_now()))
                        turn(m);
                if (m->manager && m->up == MACHINE_ENDING && door_now() >= m->ends_at)
                        die(m, false);
                if (m->manager && !door_is_dead() &&
                    (m->edges.let_sleep || (m->sleeps_at > 0 && door_now() >= m->sleeps_at)))
                        falls_asleep(m);
                if (m->logging_out && !door_is_dead())
                        look_at_logout(m);
        }
        leave(m);
        if (m->up != MACHINE_ASLEEP)
                look_at_comparing(m);
        if (machine_has_evidence(m))
                m->evidence_at = door_now();
}

/* ---- what happens on it ---- */

void machine_local(struct machine *m, size_t i, const char *app, enum call_evidence evidence, bool on) {
        struct local *l = &m->locals[i];

        if (l->on == on)
                return;
        if (machine_has_evidence(m))
                m->evidence_at = door_now();
        l->on = on;
        if (on) {
                m->begun_at = door_now();
                l->evidence = evidence;
                l->since = door_now();
                l->serial++;
                (void) snprintf(l->app, sizeof(l->app), "%s", app);
        }
        trace("%s: %s of %s %s", m->name, call_evidence_to_string(l->evidence), l->app, on ? "begins" : "ends");
        enter(m);
        if (m->manager && m->up != MACHINE_ASLEEP)
                report(m, i);
        leave(m);
}

void machine_hold(struct machine *m, size_t i, usec_t duration) {
        if (m->up != MACHINE_UP || m->holds[i].on)
                return;
        trace("%s: hold %zu for %llu s", m->name, i, (unsigned long long) (duration / USEC_PER_SEC));
        enter(m);
        m->holds[i].on = true;
        m->begun_at = door_now();
        m->holds[i].cookie = ++m->cookie;
        m->holds[i].until = duration > 0 ? usec_add(door_now(), duration) : USEC_NEVER;
        (void) manager_hold(m->manager, m->cookie, "sim", "a hold", duration);
        turn(m);
        leave(m);
}

void machine_release(struct machine *m, size_t i) {
        if (!m->manager || m->up == MACHINE_ASLEEP || !m->holds[i].on)
                return;
        trace("%s: hold %zu is released", m->name, i);
        enter(m);
        end_hold(m, i);
        manager_release(m->manager, m->holds[i].cookie);
        turn(m);
        leave(m);
}

void machine_set_mode(struct machine *m, enum mode mode, usec_t duration, const char *message) {
        const struct instant at = instant();

        if (m->up != MACHINE_UP)
                return;
        trace("%s: mode %s for %llu s, \"%s\"", m->name, mode_to_string(mode),
              (unsigned long long) (duration / USEC_PER_SEC), message);
        enter(m);
        if (machine_has_evidence(m))
                m->evidence_at = door_now();
        m->mode = mode;
        m->mode_known = true;
        m->mode_at = door_now();
        m->mode_until = duration > 0 ? usec_add(door_now(), duration) : USEC_NEVER;
        manager_set_mode(m->manager, mode, duration, message, &at);
        turn(m);
        leave(m);
}

void machine_free_until_calls_end(struct machine *m) {
        const struct instant at = instant();

        if (m->up != MACHINE_UP)
                return;
        trace("%s: free until this call ends", m->name);
        enter(m);
        if (manager_free_until_calls_end(m->manager, &at) >= 0)
                m->mode_known = false;
        turn(m);
        leave(m);
}

void machine_configure(struct machine *m, unsigned tag, const char *text) {
        FILE *f = fopen(m->config, "we");

        m->configured = tag;
        if (f) {
                (void) fprintf(f, "%s%s", m->preamble, text);
                (void) fclose(f);
        }
}

void machine_set_preamble(struct machine *m, const char *text) {
        m->preamble = text;
        machine_configure(m, 0, "");
}

void machine_reload(struct machine *m) {
        const struct instant at = instant();
        struct config *config = NULL;

        if (m->up != MACHINE_UP)
                return;
        trace("%s: reload", m->name);
        enter(m);
        if (config_load(&config, m->config, on_problem, m) != 0)
                config = config_free(config);
        else
                m->in_force = m->configured;
        manager_reload(m->manager, config, &at);
        turn(m);
        leave(m);
}

unsigned machine_configuration(const struct machine *m) {
        return m->in_force;
}

void machine_change_network(struct machine *m) {
        const struct instant at = instant();

        if (m->up != MACHINE_UP)
                return;
        trace("%s: the network has changed", m->name);
        enter(m);
        manager_network_changed(m->manager, &at);
        turn(m);
        leave(m);
}

void machine_sleep(struct machine *m, bool about_to) {
        const struct instant at = instant();

        if (about_to ? m->up != MACHINE_UP || m->sleeps_at > 0 : m->up != MACHINE_ASLEEP && m->sleeps_at == 0)
                return;
        trace("%s: %s", m->name, about_to ? "about to sleep" : "awake");
        enter(m);
        m->edges.let_sleep = false;
        m->sleeps_at = about_to ? door_now() + SLEEP_MAX : 0;
        if (!about_to) {
                if (m->up == MACHINE_ASLEEP)
                        m->up = MACHINE_UP;
                wire_set_asleep(m->wire, false);
        }
        manager_sleep(m->manager, about_to, &at);
        m->touched = true;
        /* What has changed meanwhile is seen at once. */
        for (size_t i = 0; i < MACHINE_LOCAL_MAX && !about_to; i++)
                if (m->locals[i].serial > 0)
                        report(m, i);
        leave(m);
}

static bool has_local(const struct machine *m) {
        for (size_t i = 0; i < MACHINE_LOCAL_MAX; i++)
                if (m->locals[i].on)
                        return true;
        return false;
}

void machine_set_in_front(struct machine *m, bool in_front) {
        if (m->in_front == in_front)
                return;
        m->in_front = in_front;
        if (!in_front)
                m->away_at = door_now();
        else if (m->mode_at >= m->away_at && has_local(m))
                m->begun_at = door_now(); /* the word was of what counted, and those did not then */
        if (!m->manager)
                return;
        trace("%s: %s", m->name, in_front ? "in front" : "not in front");
        enter(m);
        if (machine_has_evidence(m))
                m->evidence_at = door_now();
        manager_set_in_front(m->manager, in_front);
        m->touched = true;
        leave(m);
}

/* ---- sessions ---- */

void machine_login(struct machine *m) {
        struct session s;
        struct model_tokens tokens;

        if (m->logged_in || m->logging_out || m->up == MACHINE_ASLEEP)
                return;
        (void) snprintf(m->device, sizeof(m->device), "BUSYD%s%u", m->name,
                        (unsigned) chance_below(m->chance, 1000000));
        s = (struct session){ .homeserver = strdup("https://test"),
                              .user_id = strdup(HS_USER),
                              .device_id = strdup(m->device) };
        (void) model_login(m->model, m->device);
        model_make_renewable(m->model, m->device, (int64_t) (door_now() / USEC_PER_MSEC));
        if (model_tokens(m->model, m->device, &tokens)) {
                s.access_token = strdup(tokens.access);
                s.refresh_token = *tokens.refresh ? strdup(tokens.refresh) : NULL;
                s.expires_at = (usec_t) tokens.ends * USEC_PER_MSEC;
        }
        if (model_options(m->model)->renewal == HS_RENEWAL_OAUTH) {
                s.client_id = strdup(HS_CLIENT_ID);
                s.token_endpoint = strdup("https://test" HS_TOKEN_PATH);
                s.revocation_endpoint = strdup("https://test/_matrix/oauth2/revoke");
        }
        trace("%s: logs in as %s", m->name, m->device);
        (void) session_save(m->state_dir, MACHINE_ACCOUNT, &s);
        m->compares_at = USEC_NEVER;
        if (comparing_is_wanted(m->devices))
                m->compares_at = door_now() + chance_between(m->chance, USEC_PER_SEC, USEC_PER_MIN);
        else
                devices_verify(m->devices, m->state_dir, MACHINE_ACCOUNT, m->device);
        session_done(&s);
        m->logged_in = true;
        machine_reload(m);
}

static void session_is_over(struct machine *m) {
        trace("%s: logged out", m->name);
        m->logging_out = m->logged_in = false;
        m->compares_at = USEC_NEVER;
        (void) session_remove(m->state_dir, MACHINE_ACCOUNT);
        devices_log_out(m->devices, m->state_dir, MACHINE_ACCOUNT, m->device);
        model_revoke(m->model, m->device, false);
        machine_reload(m);
}

/* Nobody else uses the account now. */
static void verify(struct machine *m) {
        m->logging_out = m->verifying = false;
        m->lets_compare = m->by_emoji;
        if (m->by_emoji)
                return;
        devices_verify(m->devices, m->state_dir, MACHINE_ACCOUNT, m->device);
        machine_reload(m);
}

/* busyctl is a program of its own: it does not die with busyd. */
static void begin_to_compare(struct machine *m) {
        m->lets_compare = false;
        m->comparing = comparing_new(m->devices, m->state_dir, MACHINE_ACCOUNT, m->device);
        if (!m->comparing)
                machine_reload(m);
}

/* As `busyctl verify --emoji` ends: where it has come to nothing, somebody logs out a session that it has introduced;
 * but, as any logout, none on which something is owed that a busyd which has died would give back with it. */
static void compare(struct machine *m) {
        enum comparing_end end = comparing_run(m->comparing);
        bool introduces = comparing_introduces(m->comparing);

        if (end == COMPARING_GOES_ON)
                return;
        if (end == COMPARING_CUT && m->state) {
                die(m, true);
                return;
        }
        m->comparing = comparing_free(m->comparing);
        devices_count_compared(m->devices, end);
        m->left_unsigned = end != COMPARING_SIGNED && end != COMPARING_CUT && introduces &&
                           state_owes(m->state_dir, MACHINE_ACCOUNT) == 0;
        if (m->left_unsigned)
                session_is_over(m);
        else
                machine_reload(m);
}

/* As `busyctl logout`: what is owed is given back first, or it is refused. */
static void look_at_logout(struct machine *m) {
        SPARED;

        if (!m->edges.view.has_account && m->verifying)
                verify(m);
        else if (!m->edges.view.has_account)
                session_is_over(m);
        else if (door_now() >= m->logout_by) {
                trace("%s: logout is given up", m->name);
                m->logging_out = false;
        }
}

static void let_go(struct machine *m, bool to_verify) {
        const struct instant at = instant();

        if (!m->logged_in || m->logging_out || is_compared(m) || m->up != MACHINE_UP || !m->edges.view.has_account)
                return;
        trace("%s: %s", m->name, to_verify ? "is to be verified" : "logs out");
        enter(m);
        m->logging_out = manager_let_go(m->manager, MACHINE_ACCOUNT, &at) >= 0;
        m->verifying = to_verify;
        m->logout_by = door_now() + LOGOUT_MAX;
        turn(m);
        leave(m);
}

void machine_logout(struct machine *m) {
        let_go(m, false);
}

static bool begin_to_verify(struct machine *m, bool by_emoji) {
        m->by_emoji = by_emoji;
        if (m->up != MACHINE_OFF) {
                let_go(m, true);
                return m->verifying;
        }
        verify(m);
        return false;
}

static void look_at_comparing(struct machine *m) {
        if (m->lets_compare)
                begin_to_compare(m);
        else if (m->comparing && comparing_deadline(m->comparing) <= door_now())
                compare(m);
        if (m->compares_at > door_now())
                return;
        m->compares_at = door_now() + USEC_PER_MIN;
        if (!m->logged_in || is_compared(m) || devices_signed_since(m->devices, m->device) != USEC_NEVER ||
            begin_to_verify(m, /* by_emoji= */ true) || m->lets_compare)
                m->compares_at = USEC_NEVER;
}

bool machine_is_comparing(const struct machine *m) {
        return is_compared(m);
}

bool machine_was_left_unsigned(struct machine *m) {
        bool was = m->left_unsigned;

        m->left_unsigned = false;
        return was;
}

void machine_set_devices(struct machine *m, struct devices *devices) {
        m->devices = devices;
}

bool machine_verify(struct machine *m) {
        if (!m->devices || !m->logged_in || m->logging_out || is_compared(m) || m->compares_at != USEC_NEVER ||
            devices_signed_since(m->devices, m->device) != USEC_NEVER)
                return false;
        return begin_to_verify(m, comparing_is_wanted(m->devices));
}

bool machine_is_logged_in(const struct machine *m) {
        return m->logged_in && !m->logging_out && !is_compared(m);
}

bool machine_logout_is_over(const struct machine *m) {
        return !m->logging_out && !is_compared(m);
}

/* ---- what is seen of it ---- */

const char *machine_name(const struct machine *m) {
        return m->name;
}

const char *machine_device(const struct machine *m) {
        return m->device;
}

struct wire *machine_wire(struct machine *m) {
        return m->wire;
}

const struct machine_view *machine_view(const struct machine *m) {
        return &m->edges.view;
}

const struct machine_counters *machine_counters(const struct machine *m) {
        return &m->counters;
}

bool machine_has_evidence(const struct machine *m) {
        if (m->mode == MODE_BUSY && m->mode_until > door_now())
                return true;
        if (m->edges.view.mode == MODE_BUSY)
                return true;
        for (size_t i = 0; i < MACHINE_LOCAL_MAX; i++)
                if (m->locals[i].on && m->locals[i].evidence != EVIDENCE_WEAK)
                        return true;
        for (size_t i = 0; i < MACHINE_HOLDS_MAX; i++)
                if (m->holds[i].on && m->holds[i].until > door_now())
                        return true;
        return false;
}

bool machine_is_forbidden(const struct machine *m) {
        if (!m->mode_known || m->mode_until <= door_now())
                return false;
        /* Free holds for the calls of the moment in which it was said. */
        return m->mode == MODE_PAUSED || (m->mode == MODE_FREE && m->begun_at <= m->mode_at);
}

bool machine_has_proof_since(const struct machine *m, usec_t at) {
        for (size_t i = 0; i < MACHINE_LOCAL_MAX; i++)
                if (m->locals[i].on && m->locals[i].evidence == EVIDENCE_PROOF && m->locals[i].since <= at)
                        return true;
        return false;
}

usec_t machine_died_busy_at(const struct machine *m) {
        return m->up == MACHINE_UP ? 0 : m->died_busy_at;
}

usec_t machine_evidence_at(const struct machine *m) {
        usec_t at = m->evidence_at;

        for (size_t i = 0; i < MACHINE_HOLDS_MAX; i++)
                if (m->holds[i].until <= door_now() && m->holds[i].until > at)
                        at = m->holds[i].until;
        if (m->mode == MODE_BUSY && m->mode_until <= door_now() && m->mode_until > at)
                at = m->mode_until;
        return at;
}

bool machine_spins(const struct machine *m) {
        return m->spins > SPIN_MAX;
}
