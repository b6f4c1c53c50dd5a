/* busyctl logout. What a running daemon owes on the account can be given back only with the session: so it lets go
 * of the account first, and the server hears of the logout last. */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "busyctl/bus.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "busyctl/sessions.h"
#include "config/config.h"
#include "matrix/client/api.h"
#include "matrix/machines/heard.h"
#include "state/secret.h"
#include "util/clock.h"
#include "json/json.h"

/* The daemon gives itself 5 s to put back what it owes. */
#define LET_GO_USEC (8 * USEC_PER_SEC)

static int on_change(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0;
}

static bool daemon_has(struct ctl *c, const char *name) {
        SCOPED(json_decref) json_t *doc = NULL;
        const json_t *accounts;

        if (facts_status(c, &doc) != CTL_OK)
                return false;
        accounts = json_object_get(doc, "accounts");
        for (size_t i = 0; i < json_array_size(accounts); i++)
                if (streq(fact_text(json_array_get(accounts, i), "name"), name))
                        return true;
        return false;
}

/* Has a running daemon give up the account, whose session file is gone, and waits for that. */
static void let_go(struct ctl *c, const char *name) {
        struct ctl quiet = { .no_start = true, .quiet = true };
        usec_t deadline = clock_now() + LET_GO_USEC;

        if (bus_open(&quiet) != CTL_OK)
                return;
        (void) sd_bus_add_match(quiet.bus, NULL, "type='signal',sender='" BUS_NAME "',path_namespace='" BUS_PATH "'",
                                on_change, NULL);
        if (bus_reload_if_running(&quiet) > 0)
                while (daemon_has(&quiet, name) && clock_now() < deadline) {
                        int r = sd_bus_process(quiet.bus, NULL);

                        if (r == 0)
                                r = sd_bus_wait(quiet.bus, USEC_PER_SEC);
                        if (r < 0)
                                break;
                }
        bus_close(&quiet);
}

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
        int r = session_remove(folder, name);

        if (r < 0) {
                complain("Cannot remove the session from %s: %s", folder, strerror(-r));
                return CTL_FAILED;
        }
        let_go(c, name);
        if (log_out(name, s) || force) {
                (void) secret_remove(folder, name);
                return CTL_OK;
        }
        r = session_save(folder, name, s);
        if (r < 0)
                complain("Cannot put the session back into %s: %s", folder, strerror(-r));
        else
                complain("The account is kept. To forget it here all the same: busyctl logout --force %s", name);
        (void) bus_reload_if_running(c);
        return CTL_FAILED;
}

enum exit_code verb_logout(struct ctl *c, const struct args *a) {
        const char *name = a->rest[0];
        SCOPED(free) char *folder = NULL;
        SCOPED(session_done) struct session s = { .user_id = NULL };
        int r = sessions_folder(&folder);

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
