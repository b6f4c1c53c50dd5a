/* The sources that are telephony services, see telephony.h: which calls go on, starting and stopping. */
#include "sources/telephony.h"

#include <errno.h>
#include <stdio.h>

#include "sources/services.h"

/* ---- the calls ---- */

static struct phone_call *find(struct phone *p, const char *path) {
        for (size_t i = 0; i < p->n_calls; i++)
                if (streq(p->calls[i].path, path))
                        return &p->calls[i];
        return NULL;
}

static void forget(struct phone *p, struct phone_call *c) {
        source_end(&p->bus.source, c->path);
        free(c->path);
        free(c->modem);
        *c = p->calls[--p->n_calls];
}

/* Calls that are over make room: some services list them until somebody deletes them. */
static bool make_room(struct phone *p) {
        for (size_t i = 0; i < p->n_calls; i++)
                if (!p->calls[i].goes_on) {
                        forget(p, &p->calls[i]);
                        return true;
                }
        return false;
}

static int add(struct phone *p, const char *path, const char *modem, struct phone_call **ret) {
        struct phone_call c = { 0 };

        if (p->n_calls >= PHONE_CALLS_MAX && !make_room(p))
                return -E2BIG;
        c = (struct phone_call){ .path = strdup(path), .modem = strdup(modem) };
        if (!c.path || !c.modem) {
                free(c.path);
                free(c.modem);
                return -ENOMEM;
        }
        *ret = &p->calls[p->n_calls++];
        **ret = c;
        return 0;
}

/* Who told of it first may not have said whose it is. */
static int set_modem(struct phone_call *c, const char *modem) {
        char *copy;

        if (!modem[0] || streq(c->modem, modem))
                return 0;
        copy = strdup(modem);
        if (!copy)
                return -ENOMEM;
        free(c->modem);
        c->modem = copy;
        return 0;
}

static struct phone_call *ensure(struct phone *p, const char *path, const char *modem) {
        struct phone_call *c = find(p, path);

        if ((c ? set_modem(c, modem) : add(p, path, modem, &c)) >= 0)
                return c;
        source_tell_bad(&p->bus.source, NULL, "there are more calls than are kept");
        return NULL;
}

void phone_belongs(struct phone *p, const char *path, const char *modem) {
        (void) ensure(p, path, modem);
}

/* It is the parent, or below it; a space ends a path among others. */
static bool is_in(const char *path, const char *parent) {
        size_t n = strlen(parent);

        return strncmp(path, parent, n) == 0 && strchr("/ ", path[n]);
}

/* A question's subject names one path, or two. */
static bool asks_about(const char *subject, const char *path) {
        const char *space = strchr(subject, ' ');

        return is_in(subject, path) || (space && is_in(space + 1, path));
}

void phone_gone(struct phone *p, const char *path) {
        struct phone_call *c = find(p, path);

        bus_service_drop(p->bus.service, asks_about, path);
        if (c)
                forget(p, c);
}

static void report(struct phone *p, const struct phone_call *c, enum call_phase phase) {
        if (phase == CALL_GONE)
                source_end(&p->bus.source, c->path);
        else
                source_report(&p->bus.source, &(struct call_report){
                                                      .id = c->path,
                                                      .app = p->service->app,
                                                      .what = p->service->what,
                                                      .phase = phase,
                                                      .evidence = EVIDENCE_PROOF,
                                                      .lasts = USEC_NEVER,
                                              });
}

void phone_seen(struct phone *p, const char *path, const char *modem, enum call_phase phase) {
        struct phone_call *c = ensure(p, path, modem);

        if (!c)
                return;
        c->goes_on = phase != CALL_GONE;
        report(p, c, phase);
}

void phone_calls_gone(struct phone *p, const char *modem) {
        for (size_t i = p->n_calls; i > 0; i--)
                if (streq(p->calls[i - 1].modem, modem) || is_in(p->calls[i - 1].path, modem))
                        forget(p, &p->calls[i - 1]);
}

void phone_modem_gone(struct phone *p, const char *modem) {
        bus_service_drop(p->bus.service, asks_about, modem);
        phone_calls_gone(p, modem);
}

/* ---- reading ---- */

const struct phone_state phone_words[] = {
        { "incoming", 0, CALL_RINGING_IN },    { "waiting", 0, CALL_RINGING_IN }, { "dialing", 0, CALL_RINGING_OUT },
        { "alerting", 0, CALL_RINGING_OUT },   { "active", 0, CALL_ACTIVE },      { "held", 0, CALL_HELD },
        { "response_and_hold", 0, CALL_HELD }, { "disconnected", 0, CALL_GONE },
};

static int find_phase(struct phone *p, sd_bus_message *m, const char *word, int64_t number, enum call_phase *ret) {
        const struct phone_service *s = p->service;

        for (size_t i = 0; i < s->n_states; i++) {
                const struct phone_state *state = &s->states[i];

                if (word ? state->word && streq(state->word, word) : !state->word && state->number == number) {
                        *ret = state->phase;
                        return 1;
                }
        }
        source_tell_bad(&p->bus.source, m, "a call is in a state that is not known");
        return 0;
}

int phone_read_state(struct phone *p, sd_bus_message *m, enum call_phase *ret) {
        const char *word = NULL;
        uint32_t natural;
        int32_t number;
        int r;

        if (sd_bus_message_verify_type(m, 'v', "s") > 0) {
                r = sd_bus_message_read(m, "v", "s", &word);
                return r < 0 ? r : find_phase(p, m, word, 0, ret);
        }
        if (sd_bus_message_verify_type(m, 'v', "i") > 0) {
                r = sd_bus_message_read(m, "v", "i", &number);
                return r < 0 ? r : find_phase(p, m, NULL, number, ret);
        }
        if (sd_bus_message_verify_type(m, 'v', "u") > 0) {
                r = sd_bus_message_read(m, "v", "u", &natural);
                return r < 0 ? r : find_phase(p, m, NULL, natural, ret);
        }
        return -EBADMSG;
}

/* One property: {sv} is entered. */
static int read_property(struct phone *p, sd_bus_message *m, enum call_phase *ret) {
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        if (streq(name, "State"))
                return phone_read_state(p, m, ret);
        r = sd_bus_message_skip(m, "v");
        return r < 0 ? r : 0;
}

/* As phone_read_state(), from a{sv}. */
static int read_properties(struct phone *p, sd_bus_message *m, enum call_phase *ret) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}"), k, known = 0;

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                k = read_property(p, m, ret);
                if (k < 0)
                        return k;
                known |= k;
                r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : known;
}

int phone_read_call(struct phone *p, sd_bus_message *m, const char *path, const char *modem) {
        enum call_phase phase;
        int r = read_properties(p, m, &phase);

        if (r > 0)
                phone_seen(p, path, modem, phase);
        return r;
}

int phone_read_list(struct phone *p, sd_bus_message *m, char kind, const char *contents, phone_read_t read,
                    const char *about) {
        char element[32];
        int r;

        (void) snprintf(element, sizeof(element), kind == 'e' ? "{%s}" : "(%s)", contents);
        r = sd_bus_message_enter_container(m, 'a', element);
        while (r >= 0 && (r = sd_bus_message_enter_container(m, kind, contents)) > 0) {
                r = read(p, m, about);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

const char *phone_read_path(struct phone *p, sd_bus_message *m, const char *problem) {
        const char *path;

        if (sd_bus_message_read(m, "o", &path) > 0)
                return path;
        source_tell_bad(&p->bus.source, m, problem);
        return NULL;
}

int phone_on_call_gone(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *path = phone_read_path(userdata, m, "a gone call cannot be read");

        if (path)
                phone_gone(userdata, path);
        return 0;
}

/* ---- the source ---- */

static int begin(void *s) {
        struct phone *p = phone_of(s);
        const struct phone_service *service = p->service;
        int r;

        for (const struct phone_signal *i = service->signals; i->rule; i++) {
                r = bus_service_match(p->bus.service, i->rule, i->callback);
                if (r < 0)
                        return r;
        }
        return bus_service_call(p->bus.service, service->root, service->list_interface, service->list_member, NULL,
                                service->on_list, "");
}

static void reset(void *s) {
        struct phone *p = phone_of(s);

        while (p->n_calls > 0)
                forget(p, &p->calls[p->n_calls - 1]);
}

static const struct bus_service_ops ops = { begin, reset, bus_source_changed };

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        const struct phone_service *service = kind->row;
        sd_bus *bus = kind->on_system_bus ? context->system_bus : context->user_bus;
        int r = bus_source_start(ret, sizeof(struct phone), kind, context, bus, service->name, service->title, &ops);

        if (r >= 0)
                phone_of(*ret)->service = service;
        return r;
}

#define PHONE_SOURCE(id, title, system, text)                                                                         \
        const struct source_kind source_##id = {                                                                      \
                .name = title,                                                                                        \
                .description = text,                                                                                  \
                .on_system_bus = system,                                                                              \
                .row = &phone_##id,                                                                                   \
                .start = start,                                                                                       \
                .stop = bus_source_stop,                                                                              \
                .run = bus_source_run,                                                                                \
        }

PHONE_SOURCE(modemmanager, "modemmanager", true, "calls of a modem, through ModemManager");
PHONE_SOURCE(ofono, "ofono", true, "calls of a modem, through oFono");
PHONE_SOURCE(pipewire_telephony, "pipewire-telephony", false, "calls of a Bluetooth phone, through PipeWire");
PHONE_SOURCE(bluez, "bluez", true, "calls of a Bluetooth phone, through BlueZ");
PHONE_SOURCE(gnome_calls, "gnome-calls", false, "calls in GNOME Calls");
