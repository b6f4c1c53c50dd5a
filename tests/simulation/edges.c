/* See edges.h. */
#include "edges.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

#include "busyd/token.h"
#include "sources/identity.h"
#include "sources/source.h"
#include "torture.h"

struct edges *edges;

#define COPY(to, from) (void) snprintf(to, sizeof(to), "%s", (from) ? (from) : "")

/* ---- the bus object ---- */

struct control {
        struct edges *e;
};

int control_new(struct control **ret, sd_bus *bus, uint32_t last_cookie, const struct control_ops *ops) {
        SPARED;

        *ret = calloc(1, sizeof(**ret));
        (*ret)->e = edges;
        return 0;
}

struct control *control_free(struct control *c) {
        free(c);
        return NULL;
}

int control_publish(struct control *c) {
        return 0;
}

void control_hold_ended(struct control *c, uint32_t cookie) {
        c->e->hold_ended(c->e->userdata, cookie);
}

void control_set_manager(struct control *c, const struct control_manager_view *v) {
        c->e->view.settled = v->settled;
        c->e->view.busy = v->busy;
        c->e->view.mode = v->mode;
}

int control_set_account(struct control *c, const struct control_account_view *v) {
        struct machine_view *view = &c->e->view;

        view->has_account = true;
        COPY(view->account_state, v->state);
        view->over = streq(v->state, "signed-out") || streq(v->state, "broken") ||
                     (view->over && !streq(v->state, "syncing") && !streq(v->state, "online"));
        COPY(view->problem, v->problem);
        COPY(view->encrypted, v->encrypted_calls);
        view->n_outputs = 0;
        for (size_t i = 0; i < v->n_outputs && i < MACHINE_OUTPUTS; i++) {
                struct machine_output *o = &view->outputs[view->n_outputs++];

                COPY(o->name, v->outputs[i].name);
                COPY(o->claim, v->outputs[i].claim);
                COPY(o->shows, v->outputs[i].shows);
                COPY(o->restore, v->outputs[i].restore);
                COPY(o->note, v->outputs[i].note);
        }
        return 0;
}

void control_remove_account(struct control *c, const char *name) {
        c->e->view.has_account = c->e->view.over = false;
        c->e->view.account_state[0] = '\0';
        c->e->view.n_outputs = 0;
}

int control_set_call(struct control *c, const struct control_call_view *v) {
        return 0;
}

void control_remove_call(struct control *c, uint64_t serial) {
}

int control_set_source(struct control *c, const struct control_source_view *v) {
        return 0;
}

/* ---- logind ---- */

struct logind {
        struct edges *e;
};

int logind_new(struct logind **ret, sd_bus *bus, const struct logind_handler *handler) {
        SPARED;

        *ret = calloc(1, sizeof(**ret));
        (*ret)->e = edges;
        return 0;
}

struct logind *logind_free(struct logind *l) {
        free(l);
        return NULL;
}

void logind_let_sleep(struct logind *l) {
        l->e->let_sleep = true;
}

bool logind_is_settled(const struct logind *l) {
        return true;
}

/* ---- sources: those of the microphone and of the telephone ---- */

static int source_begin(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        return -EOPNOTSUPP;
}

static const struct source_kind microphone = { .name = "pipewire", .description = "streams", .start = source_begin };
static const struct source_kind telephone = { .name = "modemmanager",
                                              .description = "telephone",
                                              .start = source_begin };
const struct source_kind *const source_kinds[] = { &microphone, &telephone, NULL };

struct source_set {
        struct edges *e;
        struct source_set_handler handler;
        bool enabled[EDGE_SOURCES], begins[EDGE_SOURCES];
};

int source_set_new(struct source_set **ret, sd_event *event, sd_bus *user_bus,
                   const struct source_set_handler *handler) {
        SPARED;

        *ret = calloc(1, sizeof(**ret));
        (*ret)->e = edges;
        (*ret)->handler = *handler;
        edges->sources = *ret;
        return 0;
}

struct source_set *source_set_free(struct source_set *s) {
        if (s)
                s->e->sources = NULL;
        free(s);
        return NULL;
}

int source_set_configure(struct source_set *s, const char *name, const struct source_settings *settings) {
        for (size_t i = 0; i < EDGE_SOURCES; i++)
                if (streq(source_kinds[i]->name, name)) {
                        if (s->enabled[i] == settings->enabled)
                                return 0;
                        s->enabled[i] = s->begins[i] = settings->enabled;
                        s->handler.touched(s->handler.userdata);
                        return 1;
                }
        return -ENOENT;
}

void source_set_set_system_bus(struct source_set *s, sd_bus *bus, const char *problem) {
}

void source_set_set_away(struct source_set *s, bool away) {
        if (s->e->away == away)
                return;
        s->e->away = away;
        for (size_t i = 0; i < EDGE_SOURCES; i++) {
                if (away)
                        s->handler.sink->end(s->handler.sink->userdata, source_kinds[i]->name, NULL);
                s->begins[i] = !away && s->enabled[i];
        }
        s->handler.touched(s->handler.userdata);
}

usec_t source_set_run(struct source_set *s, usec_t now) {
        for (size_t i = 0; i < EDGE_SOURCES; i++)
                if (s->begins[i]) {
                        s->begins[i] = false;
                        s->e->source_begins(s->e->userdata, i);
                }
        return USEC_NEVER;
}

bool source_set_is_settled(const struct source_set *s) {
        for (size_t i = 0; i < EDGE_SOURCES; i++)
                if (s->begins[i])
                        return false;
        return true;
}

bool source_set_view(const struct source_set *s, size_t i, struct source_view *ret) {
        if (i >= EDGE_SOURCES)
                return false;
        *ret = (struct source_view){ .name = source_kinds[i]->name,
                                     .state = !s->enabled[i] ? SOURCE_OFF
                                              : s->e->away   ? SOURCE_UNAVAILABLE
                                              : s->begins[i] ? SOURCE_STARTING
                                                             : SOURCE_WATCHING,
                                     .detail = "" };
        return true;
}

bool source_set_stream(const struct source_set *s, size_t source, size_t i, struct source_stream *ret) {
        return false;
}

void edge_end(struct edges *e, size_t i, const char *id) {
        struct source_set *s = e->sources;

        if (!s || e->away || !s->enabled[i] || s->begins[i])
                return;
        s->handler.sink->end(s->handler.sink->userdata, source_kinds[i]->name, id);
        s->handler.touched(s->handler.userdata);
}

void edge_report(struct edges *e, size_t i, const struct call_report *r) {
        struct source_set *s = e->sources;
        struct call_report named = *r;

        if (r->phase == CALL_GONE) {
                edge_end(e, i, r->id);
                return;
        }
        if (!s || e->away || !s->enabled[i] || s->begins[i])
                return;
        named.source = source_kinds[i]->name;
        s->handler.sink->report(s->handler.sink->userdata, &named);
        s->handler.touched(s->handler.userdata);
}

const char *source_state_to_string(enum source_state s) {
        static const char *const names[] = { [SOURCE_OFF] = "off",
                                             [SOURCE_STARTING] = "starting",
                                             [SOURCE_WATCHING] = "watching",
                                             [SOURCE_UNAVAILABLE] = "unavailable" };

        return names[s];
}

/* ---- the processes of others: not here ---- */

const char *identities_of_pid(char *buf, size_t size, pid_t pid) {
        buf[0] = '\0';
        return buf;
}

/* ---- tokens that commands print: not here ---- */

int token_command_start(struct token_command **ret, sd_event *event, sd_bus *user_bus, const char *command,
                        token_done_t done, void *userdata) {
        return -EOPNOTSUPP;
}

usec_t token_command_run(struct token_command *t, usec_t now) {
        return USEC_NEVER;
}

struct token_command *token_command_free(struct token_command *t) {
        return NULL;
}
