/* The model as a whole: requests on their way through it, sessions, and what else happens in its world. */
#include "model.h"

#include <errno.h>
#include <stdio.h>

#include "internal.h"

void model_changed(struct model *m) {
        m->version++;
}

int64_t model_wall(const struct model *m, int64_t now) {
        return now + m->wall_offset;
}

const struct hs_options *model_options(const struct model *m) {
        return &m->options;
}

const char *model_server_header(const struct model *m) {
        static const char *const names[] = {
                [HS_SYNAPSE] = "Synapse/1.160.0",   [HS_SYNAPSE_OLD] = "Synapse/1.92.3", [HS_TUWUNEL] = "tuwunel",
                [HS_CONTINUWUITY] = "continuwuity", [HS_DENDRITE] = "dendrite",          [HS_UNKNOWN] = "nginx",
        };

        return names[m->options.hidden ? HS_UNKNOWN : m->options.kind];
}

void model_set_url(struct model *m, const char *url) {
        (void) snprintf(m->url, sizeof(m->url), "%s", url);
}

uint64_t model_version(const struct model *m) {
        return m->version;
}

/* ---- requests ---- */

static int unhex(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if ((c | 32) >= 'a' && (c | 32) <= 'f')
                return (c | 32) - 'a' + 10;
        return -1;
}

/* In place. */
static void percent_decode(char *s) {
        char *to = s;

        for (; *s; s++)
                if (s[0] == '%' && unhex(s[1]) >= 0 && unhex(s[2]) >= 0) {
                        *to++ = (char) (unhex(s[1]) << 4 | unhex(s[2]));
                        s += 2;
                } else {
                        *to++ = *s;
                }
        *to = 0;
}

static void split_path(struct exchange *e) {
        SCOPED(free) char *copy = strdup(e->path);
        char *rest = NULL;

        for (char *p = strtok_r(copy, "/", &rest); p && e->n_segments < ARRAY_SIZE(e->segments);
             p = strtok_r(NULL, "/", &rest)) {
                percent_decode(p);
                e->segments[e->n_segments++] = strdup(p);
        }
}

char *exchange_value(const struct exchange *e, const char *key) {
        size_t n = strlen(key);

        for (const char *p = e->raw_query; *p; p += strcspn(p, "&"), p += *p == '&') {
                char *value;

                if (strncmp(p, key, n) != 0 || p[n] != '=')
                        continue;
                value = strndup(p + n + 1, strcspn(p + n + 1, "&"));
                percent_decode(value);
                return value;
        }
        return NULL;
}

struct exchange *exchange_begin(struct model *m, const struct model_request *r, int64_t now) {
        struct exchange *e = calloc(1, sizeof(*e));
        const char *question = strchr(r->uri, '?');

        e->m = m;
        e->now = now;
        e->has_token = r->token;
        e->session = r->token ? tokens_session(m, r->token, &e->token_ends) : NULL;
        e->appservice = r->token && *m->appservice && streq(r->token, m->appservice);
        if (e->session) {
                e->session->seen = model_wall(m, now);
                (void) snprintf(e->device, sizeof(e->device), "%s", e->session->device);
        }
        e->method = strdup(r->method);
        e->path = question ? strndup(r->uri, (size_t) (question - r->uri)) : strdup(r->uri);
        split_path(e);
        percent_decode(e->path);
        e->raw_query = strdup(question ? question + 1 : "");
        e->query = strdup(e->raw_query);
        percent_decode(e->query);
        e->text = r->body ? strdup(r->body) : NULL;
        e->body = r->body ? json_loads(r->body, 0, NULL) : NULL;
        return e;
}

void exchange_run(struct exchange *e, int64_t now) {
        e->now = now;
        exchange_route(e);
}

bool exchange_look(struct exchange *e, int64_t now) {
        e->now = now;
        if (e->waiting) {
                model_check_presence(e->m, now);
                sync_look(e);
        }
        return !e->waiting;
}

int64_t exchange_deadline(const struct exchange *e, int64_t now) {
        int64_t wake = model_deadline(e->m, now);

        return wake >= 0 && wake < e->until ? wake : e->until;
}

unsigned exchange_status(const struct exchange *e) {
        return e->status;
}

const json_t *exchange_answer(const struct exchange *e) {
        return e->answer;
}

const char *exchange_path(const struct exchange *e) {
        return e->path;
}

const char *exchange_query(const struct exchange *e) {
        return e->query;
}

const char *exchange_device(const struct exchange *e) {
        return e->device;
}

struct exchange *exchange_free(struct exchange *e, int64_t now) {
        if (!e)
                return NULL;
        if (e->counts) {
                presence_poll_ends(&e->m->presence, e->device, now);
                model_check_presence(e->m, now);
        }
        for (size_t i = 0; i < e->n_segments; i++)
                free(e->segments[i]);
        free(e->method);
        free(e->path);
        free(e->query);
        free(e->raw_query);
        free(e->text);
        json_decref(e->body);
        json_decref(e->filter);
        json_decref(e->answer);
        free(e);
        return NULL;
}

/* ---- sessions ---- */

static struct model_session *free_slot(struct model *m) {
        if (m->n_sessions < MODEL_SESSIONS_MAX)
                return &m->sessions[m->n_sessions++];
        for (size_t i = 0; i < m->n_sessions; i++)
                if (m->sessions[i].revoked)
                        return &m->sessions[i];
        return &m->sessions[0];
}

struct model_session *model_session_new(struct model *m, const char *device) {
        struct model_session *n = free_slot(m);

        *n = (struct model_session){ 0 };
        m->serial++;
        (void) snprintf(n->token, sizeof(n->token), "tok_%u_%lld", m->serial, (long long) m->wall_offset);
        if (device)
                (void) snprintf(n->device, sizeof(n->device), "%s", device);
        else
                (void) snprintf(n->device, sizeof(n->device), "DEVICE%u", m->serial);
        return n;
}

const char *model_login(struct model *m, const char *device) {
        return model_session_new(m, device)->token;
}

static void set_revoked(struct model *m, const char *device, bool revoked, bool soft) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (streq(m->sessions[i].device, device)) {
                        m->sessions[i].revoked = revoked;
                        m->sessions[i].soft = soft;
                }
        model_changed(m);
}

void model_revoke(struct model *m, const char *device, bool soft_logout) {
        set_revoked(m, device, true, soft_logout);
}

void model_revoke_token(struct model *m, const char *token) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (streq(m->sessions[i].token, token))
                        m->sessions[i].revoked = true;
        model_changed(m);
}

void model_unrevoke(struct model *m, const char *device) {
        set_revoked(m, device, false, false);
}

void model_set_appservice(struct model *m, const char *token) {
        (void) snprintf(m->appservice, sizeof(m->appservice), "%s", token ?: "");
}

/* ---- rooms ---- */

static size_t room_get(struct model *m, const char *id) {
        size_t i = 0;

        while (i < m->n_rooms && !streq(m->rooms[i].id, id))
                i++;
        if (i == MODEL_ROOMS_MAX)
                return 0;
        if (i == m->n_rooms) {
                (void) snprintf(m->rooms[i].id, sizeof(m->rooms[i].id), "%s", id);
                m->n_rooms++;
        }
        return i;
}

const char *model_send(struct model *m, const char *room, json_t *event, int64_t now) {
        struct model_event *e;
        char id[32];

        if (m->n_events == m->n_events_allocated) {
                m->n_events_allocated = m->n_events_allocated > 0 ? 2 * m->n_events_allocated : 64;
                m->events = reallocarray(m->events, m->n_events_allocated, sizeof(*m->events));
        }
        (void) snprintf(id, sizeof(id), "$event%u", ++m->serial);
        if (!json_object_get(event, "event_id"))
                json_object_set_new(event, "event_id", json_string(id));
        if (!json_object_get(event, "origin_server_ts"))
                json_object_set_new(event, "origin_server_ts", json_integer(model_wall(m, now)));
        e = &m->events[m->n_events++];
        *e = (struct model_event){ .room = room_get(m, room),
                                   .event = event,
                                   .position = ++m->position,
                                   .arrived = now,
                                   .type = json_string_value(json_object_get(event, "type")) ?: "",
                                   .key = json_string_value(json_object_get(event, "state_key")) };
        m->rooms[e->room].left = false;
        m->told_at = e->position;
        model_changed(m);
        return json_string_value(json_object_get(event, "event_id"));
}

void model_leave(struct model *m, const char *room, int64_t now) {
        struct model_room *r = &m->rooms[room_get(m, room)];

        r->left = true;
        r->left_at = ++m->position;
        model_changed(m);
}

static bool is_outdated(const struct model *m, size_t i) {
        const struct model_event *e = &m->events[i];

        if (!e->key)
                return true;
        for (size_t n = i + 1; n < m->n_events; n++)
                if (m->events[n].key && m->events[n].room == e->room && streq(m->events[n].type, e->type) &&
                    streq(m->events[n].key, e->key))
                        return true;
        return false;
}

void model_trim(struct model *m, size_t keep) {
        size_t n = 0;

        for (size_t i = 0; i < m->n_events; i++)
                if (i + keep < m->n_events && is_outdated(m, i))
                        json_decref(m->events[i].event);
                else
                        m->events[n++] = m->events[i];
        m->n_events = n;
}

bool model_is_seen(const struct model *m) {
        return m->polled && m->polled_from >= m->told_at;
}

bool model_presence_is_seen(const struct model *m) {
        return model_is_seen(m) && (!m->polled_presence || m->polled_from >= m->presence_position);
}

/* ---- presence ---- */

bool model_presence_is_told(const struct model *m) {
        return !m->options.alone || (m->options.kind != HS_TUWUNEL && m->options.kind != HS_CONTINUWUITY);
}

void model_check_presence(struct model *m, int64_t now) {
        const char *state, *message;

        presence_shown(&m->presence, now, &state, &message);
        if (streq(state, m->shown_state) && streq(message, m->shown_message))
                return;
        free(m->shown_state);
        free(m->shown_message);
        m->shown_state = strdup(state);
        m->shown_message = strdup(message);
        m->presence_position = ++m->position;
        model_changed(m);
        if (m->on_shown)
                m->on_shown(m->on_shown_userdata, m->shown_state, m->shown_message);
}

int64_t model_deadline(const struct model *m, int64_t now) {
        return presence_deadline(&m->presence, now);
}

void model_run(struct model *m, int64_t now) {
        model_check_presence(m, now);
}

void model_person_sets(struct model *m, const char *device, const char *presence, const char *message, int64_t now) {
        presence_put(&m->presence, device, presence, message, now);
        model_check_presence(m, now);
}

/* Whoever polls has logged in before. */
static void note_seen(struct model *m, const char *device, int64_t now) {
        bool known = false;

        for (size_t i = 0; i < m->n_sessions; i++)
                if (streq(m->sessions[i].device, device)) {
                        m->sessions[i].seen = model_wall(m, now);
                        known = true;
                }
        if (!known)
                model_session_new(m, device)->seen = model_wall(m, now);
}

void model_client_polls(struct model *m, const char *device, const char *presence, int64_t now) {
        note_seen(m, device, now);
        presence_poll_ends(&m->presence, device, now);
        if (presence)
                presence_poll_begins(&m->presence, device, presence, now);
        model_check_presence(m, now);
}

void model_shown(const struct model *m, const char **ret_state, const char **ret_message) {
        *ret_state = m->shown_state;
        *ret_message = m->shown_message;
}

void model_on_shown(struct model *m, void (*shown)(void *userdata, const char *state, const char *message),
                    void *userdata) {
        m->on_shown = shown;
        m->on_shown_userdata = userdata;
}

void model_other_sets(struct model *m, const char *user, const char *presence, const char *message) {
        json_decref(m->other_presence);
        m->other_presence = sync_presence_event(user, presence, message ?: "", 1000);
        m->other_position = ++m->position;
        model_changed(m);
}

void model_set_presence_off(struct model *m, bool off) {
        m->presence.off = off;
}

/* ---- profile and account data ---- */

const json_t *model_profile(const struct model *m, const char *field) {
        return json_object_get(m->profile, field);
}

void model_set_profile(struct model *m, const char *field, json_t *value) {
        if (value)
                json_object_set_new(m->profile, field, value);
        else
                json_object_del(m->profile, field);
        model_changed(m);
}

const json_t *model_account_data(const struct model *m, const char *type) {
        return json_object_get(m->account_data, type);
}

void model_set_account_data(struct model *m, const char *type, json_t *content) {
        json_object_set_new(m->account_data, type, content);
        m->told_at = ++m->position;
        json_object_set_new(m->account_data_positions, type, json_integer(m->told_at));
        model_changed(m);
}

/* ---- the object ---- */

void model_restart(struct model *m, int64_t now) {
        m->epoch++;
        m->polled = false;
        m->polled_from = 0;
        m->first_filter += json_array_size(m->filters);
        json_array_clear(m->filters);
        presence_restart(&m->presence, now);
        model_check_presence(m, now);
}

int model_new(struct model **ret, const struct hs_options *options, int64_t now, int64_t wall) {
        SCOPED(model_free) struct model *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        m->options = options ? *options : (struct hs_options){ 0 };
        m->wall_offset = wall - now;
        m->presence = (struct presence_model){ .kind = m->options.kind,
                                               .busy_off = m->options.busy_off,
                                               .off = m->options.presence_off,
                                               .drop_after = m->options.device_drop_msec,
                                               .idle_after = m->options.idle_msec,
                                               .away_after = m->options.away_msec,
                                               .fresh_for = m->options.fresh_msec,
                                               .quiet_for = m->options.quiet_msec };
        m->position = 1;
        m->presence_turn = INT64_MIN / 2;
        m->shown_state = strdup("offline");
        m->shown_message = strdup("");
        m->account_data = json_object();
        m->account_data_positions = json_object();
        m->filters = json_array();
        m->profile = json_object();
        if (model_keys_new(m) < 0)
                return -ENOMEM;
        *ret = TAKE(m);
        return 0;
}

struct model *model_free(struct model *m) {
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n_events; i++)
                json_decref(m->events[i].event);
        free(m->events);
        json_decref(m->account_data);
        json_decref(m->account_data_positions);
        json_decref(m->filters);
        json_decref(m->profile);
        model_keys_done(m);
        json_decref(m->other_presence);
        free(m->shown_state);
        free(m->shown_message);
        free(m);
        return NULL;
}
