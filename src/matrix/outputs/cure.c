/* See cure.h. */
#include "matrix/outputs/cure.h"

#include <errno.h>
#include <stdio.h>

#include "matrix/client/api.h"
#include "matrix/outputs/presence.h"
#include "json/json.h"
#include "util/log.h"

struct cure {
        struct matrix_client *client;
        char *user_id, *token;
        struct http_request *check;
        bool works, told;
        void (*changed)(void *userdata);
        void *userdata;
};

int cure_new(struct cure **ret, struct http *http, const char *homeserver, const char *user_id, const char *token,
             void (*changed)(void *userdata), void *userdata) {
        SCOPED(cure_free) struct cure *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->changed = changed;
        c->userdata = userdata;
        c->user_id = strdup(user_id);
        c->token = strdup(token);
        if (!c->user_id || !c->token)
                return -ENOMEM;
        r = matrix_client_new(&c->client, http, homeserver, token);
        if (r < 0)
                return r;
        *ret = TAKE(c);
        return 0;
}

struct cure *cure_free(struct cure *c) {
        if (!c)
                return NULL;
        http_request_free(c->check);
        matrix_client_free(c->client);
        erase_and_free(c->token);
        free(c->user_id);
        free(c);
        return NULL;
}

bool cure_has_token(const struct cure *c, const char *token) {
        return streq(c->token, token);
}

bool cure_works(const struct cure *c) {
        return c->works;
}

void cure_broke(struct cure *c) {
        c->works = false;
}

const char *cure_problem(const struct matrix_reply *reply) {
        if (reply->outcome == MATRIX_SIGNED_OUT)
                return "it does not know the application service, or not with this token";
        return reply->problem;
}

static void on_checked(const struct matrix_reply *reply, void *userdata) {
        struct cure *c = userdata;

        c->check = NULL;
        c->works = reply->outcome == MATRIX_OK;
        if (!c->works && !c->told)
                log_warning("The server does not let the application service act for %s: %s; see \"busyctl doctor\"",
                            c->user_id, cure_problem(reply));
        c->told = !c->works;
        c->changed(c->userdata);
}

void cure_check(struct cure *c) {
        int r;

        if (c->works || c->check)
                return;
        r = cure_devices_get(c, on_checked, c, &c->check);
        if (r < 0)
                log_debug("The cure for %s cannot be tried: %s", c->user_id, strerror(-r));
}

int cure_devices_get(struct cure *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        return matrix_devices_get_as(c->client, c->user_id, done, userdata, ret);
}

int cure_put(struct cure *c, const struct cure_target *target, const char *message, matrix_done_t done, void *userdata,
             struct http_request **ret) {
        return matrix_presence_put_as(c->client, c->user_id, target->device, target->state, message, done, userdata,
                                      ret);
}

/* ---- the plan ---- */

static void add(struct cure_plan *p, const char *device, const char *state) {
        struct cure_target *t = &p->targets[p->n];

        if (snprintf(t->device, sizeof(t->device), "%s", device) >= (int) sizeof(t->device))
                return; /* no server names a device so */
        t->state = state;
        p->n++;
}

static int64_t last_seen(const json_t *device) {
        return json_member_int(device, "last_seen_ts", 0);
}

static int compare_last_seen(const void *a, const void *b) {
        int64_t x = last_seen(*(const json_t *const *) a), y = last_seen(*(const json_t *const *) b);

        return x < y ? 1 : x > y ? -1 : 0;
}

/* Offline for all would show the user so until each client polls again; unavailable might never end. */
static const char *state_of(const json_t *device, const struct claim_value *prior, usec_t wall) {
        int64_t seen = last_seen(device), now = (int64_t) (wall / USEC_PER_MSEC);
        bool alive = seen > 0 && now - seen < (int64_t) (CURE_DEVICE_ALIVE / USEC_PER_MSEC);

        return alive && !streq(prior->state, PRESENCE_STATE_OFFLINE) ? "online" : PRESENCE_STATE_OFFLINE;
}

static void add_others(struct cure_plan *p, const json_t **list, size_t n, const struct cure_situation *s) {
        for (size_t i = 0, taken = 0; i < n && taken < CURE_DEVICES_MAX; i++) {
                const char *id = json_member_string(list[i], "device_id");

                if (!id || !*id || streq(id, s->own_device))
                        continue;
                add(p, id,
                    s->is_machine && s->is_machine(s->userdata, id) ? PRESENCE_STATE_OFFLINE
                                                                    : state_of(list[i], s->prior, s->wall));
                taken++;
        }
}

void cure_plan(struct cure_plan *ret, const json_t *devices, const struct cure_situation *s) {
        size_t n = json_array_size(devices);
        const json_t **list = calloc(n + 1, sizeof(void *));

        ret->n = 0;
        if (*s->own_device)
                add(ret, s->own_device, PRESENCE_STATE_OFFLINE);
        for (size_t i = 0; list && i < n; i++)
                list[i] = json_array_get(devices, i);
        if (list) {
                qsort(list, n, sizeof(const json_t *), compare_last_seen);
                add_others(ret, list, n, s);
        }
        add(ret, "", PRESENCE_STATE_OFFLINE);
        free(list);
}
