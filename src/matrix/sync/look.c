#include "matrix/sync/look.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/client/api.h"
#include "matrix/sync/events.h"

struct look {
        struct http_request *request;
        char *me;
        look_done_t done;
        void *userdata;
};

static json_t *filter_new(const char *const *rooms, size_t n_rooms, const json_t *types) {
        json_t *list = json_array();

        for (size_t i = 0; i < n_rooms; i++)
                if (json_array_append_new(list, json_string(rooms[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return json_pack("{s:{s:[]}, s:{s:[]}, s:{s:o, s:{s:[]}, s:{s:[]}, s:{s:[]}, s:{s:b, s:O}}}", "presence",
                         "types", "account_data", "types", "room", "rooms", list, "account_data", "types", "ephemeral",
                         "types", "timeline", "types", "state", "lazy_load_members", 1, "types", types);
}

static void on_state(const struct matrix_reply *reply, void *userdata) {
        const struct instant at = { .now = reply->now, .wall = reply->wall };
        struct look *l = userdata;
        SCOPED(sync_batch_free) struct sync_batch *batch = NULL;
        struct room_events state;

        l->request = NULL;
        if (reply->outcome != MATRIX_OK || sync_batch_new(&batch, reply->body, l->me) < 0) {
                l->done(NULL, &at, l->userdata);
                return;
        }
        state = sync_batch_events(batch);
        l->done(&state, &at, l->userdata);
}

int look_start(struct look **ret, struct matrix_client *client, const char *me, const char *const *rooms,
               size_t n_rooms, const json_t *types, const char *set_presence, look_done_t done, void *userdata) {
        SCOPED(look_free) struct look *l = calloc(1, sizeof(*l));
        SCOPED(json_decref) json_t *filter = filter_new(rooms, n_rooms, types);
        int r;

        if (!l || !filter)
                return -ENOMEM;
        l->me = strdup(me);
        if (!l->me)
                return -ENOMEM;
        l->done = done;
        l->userdata = userdata;
        r = matrix_state_get(client, filter, set_presence, on_state, l, &l->request);
        if (r < 0)
                return r;
        *ret = TAKE(l);
        return 0;
}

struct look *look_free(struct look *l) {
        if (!l)
                return NULL;
        http_request_free(l->request);
        free(l->me);
        free(l);
        return NULL;
}
