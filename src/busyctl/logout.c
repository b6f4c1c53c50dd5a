/* busyctl logout: busyd lets go of the account, then the server hears of it, then the session is forgotten. */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "busyctl/bus.h"
#include "busyctl/let-go.h"
#include "busyctl/print.h"
#include "busyctl/sessions.h"
#include "config/config.h"
#include "matrix/client/api.h"
#include "matrix/machines/heard.h"
#include "state/secret.h"
#include "json/json.h"
#include "state/folder.h"

struct logout {
        sd_event *event;
        struct matrix_client *client;
        bool over; /* the server knows the session no more */
};

static void on_done(const struct matrix_reply *reply, void *userdata) {
        struct logout *l = userdata;

        l->over = reply->outcome == MATRIX_OK || reply->outcome == MATRIX_SIGNED_OUT;
        if (!l->over)
                complain("%s", reply->problem);
        (void) sd_event_exit(l->event, 0);
}

/* With or without it: other machines would only take longer to find out. */
static void on_entry_empty(const struct matrix_reply *reply, void *userdata) {
        struct logout *l = userdata;
        struct http_request *request;
        int r = matrix_logout_post(l->client, on_done, l, &request);

        if (r < 0)
                (void) sd_event_exit(l->event, r);
}

static int empty_entry(struct logout *l, const struct session *s) {
        SCOPED(free) char *type = NULL;
        SCOPED(json_decref) json_t *nothing = json_object();
        struct http_request *request;

        if (asprintf(&type, ENTRY_TYPE "%s", s->device_id) < 0 || !nothing)
                return -ENOMEM;
        return matrix_account_data_put(l->client, s->user_id, type, nothing, on_entry_empty, l, &request);
}

static void ignore_problem(const char *sentence, void *userdata) {
}

static int ask_server(struct logout *l, const struct session *s, const char *ca_file) {
        SCOPED(http_free) struct http *http = NULL;
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        int r = http_new(&http, l->event, ca_file);

        if (r >= 0)
                r = matrix_client_new(&client, http, s->homeserver, s->access_token);
        l->client = client;
        if (r >= 0)
                r = empty_entry(l, s);
        return r < 0 ? r : sd_event_loop(l->event);
}

static bool log_out(const char *name, const struct session *s) {
        SCOPED(config_free) struct config *config = NULL;
        struct logout l = { .over = false };
        int r = config_load(&config, NULL, ignore_problem, NULL);
        const char *ca_file = r >= 0 ? config_account(config, name)->ca_file : NULL;

        r = sd_event_new(&l.event);
        if (r >= 0)
                r = ask_server(&l, s, ca_file);
        if (r < 0)
                complain("Cannot log out: %s", strerror(-r));
        sd_event_unref(l.event);
        return l.over;
}

/* Without the server's word the session lives on: then so does the account, unless it is to be forgotten. */
static enum exit_code forget(struct ctl *c, const char *folder, const char *name, const struct session *s,
                             bool force) {
        enum exit_code code = let_go(c, folder, name, force);
        int r;

        if (code == CTL_OK && !log_out(name, s) && !force) {
                complain("The account is kept. To forget it here all the same: busyctl logout --force %s", name);
                code = CTL_FAILED;
        }
        if (code == CTL_OK) {
                r = session_remove(folder, name);
                if (r < 0) {
                        complain("Cannot remove the session from %s: %s", folder, strerror(-r));
                        code = CTL_FAILED;
                } else
                        (void) secret_remove(folder, name);
        }
        (void) bus_sessions_changed(c);
        return code;
}

enum exit_code verb_logout(struct ctl *c, const struct args *a) {
        const char *name = a->rest[0];
        SCOPED(free) char *folder = NULL;
        SCOPED(session_done) struct session s = { .user_id = NULL };
        int r = state_folder(&folder);

        if (r >= 0)
                r = session_load(folder, name, &s);
        if (r == -EINVAL || r == -ENOENT)
                complain("There is no account \"%s\" here; see: busyctl accounts", name);
        else if (r == -EBADMSG && a->force)
                return session_remove(folder, name) < 0 ? CTL_FAILED : CTL_OK;
        else if (r < 0)
                complain("Cannot read the session of \"%s\": %s", name, strerror(-r));
        else
                return forget(c, folder, name, &s, a->force);
        return CTL_FAILED;
}
