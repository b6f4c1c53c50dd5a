/* busyctl logout: busyd lets go of the account, then the server hears of it, then the session is forgotten. A token
 * that has ended is renewed first; from there on nobody else may touch the session. */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "busyctl/bus.h"
#include "busyctl/facts.h"
#include "busyctl/keep.h"
#include "busyctl/let-go.h"
#include "busyctl/logout.h"
#include "busyctl/print.h"
#include "busyctl/sessions.h"
#include "config/config.h"
#include "matrix/client/api.h"
#include "matrix/client/oauth.h"
#include "matrix/client/renew.h"
#include "matrix/machines/heard.h"
#include "matrix/outputs/presence.h"
#include "state/secret.h"
#include "json/json.h"
#include "state/folder.h"

struct logout {
        const char *folder, *name;
        struct session *session;
        sd_event *event;
        struct http *http;
        struct matrix_client *client;
        struct renewing *renewing;
        bool renewed;
        bool over;    /* the server knows the session no more */
        bool is_busy; /* still, by what others see */
};

static void finish(struct logout *l, bool over, const char *problem) {
        l->over = over;
        if (!over)
                complain("%s", problem);
        (void) sd_event_exit(l->event, 0);
}

/* ---- the end of the session ---- */

static void on_ended(const struct matrix_reply *reply, void *userdata) {
        finish(userdata, reply->outcome == MATRIX_OK || reply->outcome == MATRIX_SIGNED_OUT, reply->problem);
}

/* Some servers say that they do not know it, which is as good (RFC 7009 has them say yes). */
static void on_revoked(const struct oauth_reply *reply, void *userdata) {
        bool over = reply->granted || (reply->error && streq(reply->error, "invalid_grant"));

        finish(userdata, over, reply->problem[0] ? reply->problem : "The login server did not end the session");
}

static int end_session(struct logout *l) {
        struct http_request *request;

        if (!l->session->client_id)
                return matrix_logout_post(l->client, on_ended, l, &request);
        return oauth_revoke(l->http, l->session, on_revoked, l, &request);
}

static int empty_entry(struct logout *l);

static void on_renewed(const struct renew_answer *answer, void *userdata) {
        struct logout *l = userdata;
        struct session *s = l->session;
        const char *problem = strerror(ENOMEM);
        int r;

        if (answer->outcome != RENEW_DONE) {
                finish(l, answer->outcome == RENEW_REFUSED, answer->problem);
                return;
        }
        r = session_set_tokens(s, &answer->pair);
        if (r >= 0)
                r = keep_save(l->folder, l->name, s, &problem);
        if (r < 0)
                complain("The new tokens of the session cannot be stored: %s", problem);
        r = matrix_client_set_token(l->client, s->access_token);
        if (r >= 0)
                r = empty_entry(l);
        if (r < 0)
                finish(l, false, strerror(-r));
}

static int renew(struct logout *l) {
        const struct renew_place place = { .homeserver = l->session->homeserver,
                                           .token_endpoint = l->session->token_endpoint,
                                           .client_id = l->session->client_id };

        l->renewed = true;
        return renew_start(&l->renewing, l->http, &place, l->session->refresh_token, on_renewed, l);
}

/* With or without it: other machines would only take longer to find out. */
static void on_entry_empty(const struct matrix_reply *reply, void *userdata) {
        struct logout *l = userdata;
        bool ended = reply->outcome == MATRIX_SIGNED_OUT && l->session->refresh_token && !l->renewed;
        int r = ended ? renew(l) : end_session(l);

        if (r == -EOPNOTSUPP)
                finish(l, false, "The server offers no way to end the session: it ends when nobody renews it");
        else if (r < 0)
                finish(l, false, strerror(-r));
}

/* Once the session is over nobody here can look any more. */
static void on_presence(const struct matrix_reply *reply, void *userdata) {
        struct logout *l = userdata;
        struct claim_value shown;
        int r;

        if (reply->outcome == MATRIX_OK && presence_value(&shown, json_member_string(reply->body, "presence"),
                                                          json_member_string(reply->body, "status_msg")) >= 0)
                l->is_busy = streq(shown.state, PRESENCE_STATE_BUSY);
        r = empty_entry(l);
        if (r < 0)
                finish(l, false, strerror(-r));
}

static int look_at_presence(struct logout *l) {
        struct http_request *request;

        return matrix_presence_get(l->client, l->session->user_id, on_presence, l, &request);
}

static int empty_entry(struct logout *l) {
        SCOPED(free) char *type = NULL;
        SCOPED(json_decref) json_t *nothing = json_object();
        struct http_request *request;

        if (asprintf(&type, ENTRY_TYPE "%s", l->session->device_id) < 0 || !nothing)
                return -ENOMEM;
        return matrix_account_data_put(l->client, l->session->user_id, type, nothing, on_entry_empty, l, &request);
}

static void ignore_problem(const char *sentence, void *userdata) {
}

static int ask_server(struct logout *l, const char *ca_file) {
        SCOPED(http_free) struct http *http = NULL;
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        int r = http_new(&http, l->event, ca_file);

        if (r >= 0)
                r = matrix_client_new(&client, http, l->session->homeserver, l->session->access_token);
        l->http = http;
        l->client = client;
        if (r >= 0)
                r = look_at_presence(l);
        if (r >= 0)
                r = sd_event_loop(l->event);
        l->renewing = renewing_free(l->renewing);
        return r;
}

static bool log_out(const char *folder, const char *name, struct session *s) {
        SCOPED(config_free) struct config *config = NULL;
        struct logout l = { .folder = folder, .name = name, .session = s };
        int r = config_load(&config, NULL, ignore_problem, NULL);
        const char *ca_file = r >= 0 ? config_account(config, name)->ca_file : NULL;

        r = sd_event_new(&l.event);
        if (r >= 0)
                r = ask_server(&l, ca_file);
        if (r < 0)
                complain("Cannot log out: %s", strerror(-r));
        sd_event_unref(l.event);
        if (l.over && l.is_busy)
                complain("Others still see %s as busy: another session of yours holds that. It goes when that client "
                         "is closed, or at once when you choose another status there.",
                         s->user_id);
        return l.over;
}

/* What busyd has renewed before it let go is what counts. Without a lock there is nobody to be kept out. */
static int take_session(const char *folder, const char *name, struct session *s) {
        struct session now = { .user_id = NULL };
        const char *problem;
        int lock = sessions_lock(folder, name);

        if (keep_load(folder, name, /* ask= */ false, &now, &problem) < 0) {
                session_done(&now);
                return lock;
        }
        session_done(s);
        *s = now;
        return lock;
}

static void forget_secrets(const char *folder, const char *name, const struct session *s) {
        const char *problem;

        (void) secret_remove(folder, name);
        if (keep_forget(s, &problem) < 0)
                complain("The entry \"" KEYRING_LABEL "\" stays in the keyring: %s", s->user_id, problem);
        /* After the device itself: nobody gives it keys any more. */
        if (keep_crypto_forget(folder, name, &problem) < 0)
                complain("The keys for encrypted rooms of %s are still here: %s", s->user_id, problem);
}

static bool has_token(const struct session *s) {
        return s->access_token && *s->access_token;
}

/* Without the server's word the session lives on: then so does the account, unless it is to be forgotten. */
static enum exit_code forget(struct ctl *c, const char *folder, const char *name, struct session *s, bool force) {
        enum exit_code code = let_go(c, folder, name, force);
        int lock = code == CTL_OK ? take_session(folder, name, s) : -1, r;

        if (code == CTL_OK && !(has_token(s) && log_out(folder, name, s)) && !force) {
                complain("The account is kept. To forget it here all the same: busyctl logout --force %s", name);
                code = CTL_FAILED;
        }
        if (code == CTL_OK) {
                r = session_remove(folder, name);
                if (r < 0) {
                        complain("Cannot remove the session from %s: %s", folder, strerror(-r));
                        code = CTL_FAILED;
                } else
                        forget_secrets(folder, name, s);
        }
        session_unlock(lock);
        (void) bus_sessions_changed(c);
        return code;
}

/* Nothing in it can be used to log out. */
static enum exit_code forget_useless(struct ctl *c, const char *folder, const char *name, int error, bool force) {
        int r;

        if (!force) {
                sessions_complain(folder, name, error);
                complain("To forget it here all the same: busyctl logout --force %s", name);
                return CTL_FAILED;
        }
        r = session_remove(folder, name);
        if (r < 0) {
                complain("Cannot remove the session from %s: %s", folder, strerror(-r));
                return CTL_FAILED;
        }
        (void) bus_sessions_changed(c);
        return CTL_OK;
}

/* busyd has such an account, though there is no session. */
static bool is_from_elsewhere(const char *name) {
        struct ctl quiet = { .when_absent = ABSENT_LEAVE, .quiet = true };
        SCOPED(json_decref) json_t *status = NULL;
        bool found =
                bus_open(&quiet) == CTL_OK && facts_status(&quiet, &status) == CTL_OK && facts_account(status, name);

        bus_close(&quiet);
        return found;
}

enum exit_code logout_account(struct ctl *c, const char *folder, const char *name, bool force) {
        SCOPED(session_done) struct session s = { .user_id = NULL };
        const char *problem = "";
        int r = keep_load(folder, name, isatty(STDIN_FILENO), &s, &problem);

        if (r == -ENOENT && is_from_elsewhere(name))
                complain("Nobody has logged in to \"%s\" here: its token is a credential of the unit or comes from "
                         "token-command. Take that away, then: busyctl reload",
                         name);
        else if (r == -EINVAL || r == -ENOENT)
                complain("There is no account \"%s\" here; see: busyctl accounts", name);
        else if (r == -ENOKEY && !force)
                complain("The tokens of \"%s\" are in the keyring, and cannot be had: %s. To forget it here all the "
                         "same: "
                         "busyctl logout --force %s",
                         name, problem, name);
        else if (r != -ENOKEY && session_is_useless(r))
                return forget_useless(c, folder, name, r, force);
        else if (r < 0 && r != -ENOKEY)
                sessions_complain(folder, name, r);
        else
                return forget(c, folder, name, &s, force);
        return CTL_FAILED;
}

enum exit_code verb_logout(struct ctl *c, const struct args *a) {
        SCOPED(free) char *folder = NULL, *name = NULL;
        int r = state_folder(&folder);

        if (r >= 0)
                r = sessions_name_of(folder, a->rest[0], &name);
        if (name)
                return logout_account(c, folder, name, a->force);
        complain("Cannot find the accounts: %s", strerror(-r));
        return CTL_FAILED;
}
