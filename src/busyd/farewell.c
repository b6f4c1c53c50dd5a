/* See farewell.h. */
#include "busyd/farewell.h"

#include <errno.h>

#include "http/http.h"
#include "matrix/account.h"
#include "matrix/client/api.h"
#include "matrix/client/oauth.h"
#include "util/log.h"

#define AGAIN_AFTER USEC_PER_HOUR

void farewell_done(struct farewell *f) {
        http_request_free(f->request);
        matrix_client_free(f->client);
        *f = (struct farewell){ .name = NULL };
}

/* What comes again each hour is the same. */
static void complain(struct farewell *f, const char *problem) {
        log_full(f->complained ? LOG_DEBUG : LOG_WARNING, NULL, NULL,
                 "Account %s: this session is not verified, and cannot be logged out yet: %s; trying again every hour",
                 f->name, problem);
        f->complained = true;
}

static void finish(struct farewell *f, bool over, const char *problem) {
        f->request = NULL;
        f->client = matrix_client_free(f->client);
        if (over)
                f->state = FAREWELL_ENDED;
        else
                complain(f, problem);
        f->touched(f->userdata);
}

static void on_ended(const struct matrix_reply *reply, void *userdata) {
        finish(userdata, reply->outcome == MATRIX_OK, reply->problem);
}

static void on_revoked(const struct oauth_reply *reply, void *userdata) {
        finish(userdata, reply->granted, reply->problem[0] ? reply->problem : "the login server does not end it");
}

static int ask(struct farewell *f, struct http *http) {
        const struct session *s = f->session;
        int r;

        if (s->client_id)
                return oauth_revoke(http, s, on_revoked, f, &f->request);
        r = matrix_client_new(&f->client, http, s->homeserver, s->access_token);
        return r < 0 ? r : matrix_logout_post(f->client, on_ended, f, &f->request);
}

/* What another machine puts back is owed as well: that it has can only be seen with the session. */
static bool is_due(const struct farewell *f) {
        struct encrypted_facts facts;

        return !f->request && account_encrypted(f->account, &facts) && facts.harms &&
               account_state(f->account) == CONNECTION_ONLINE && !account_owes(f->account) &&
               account_is_at_rest(f->account);
}

/* The addresses of the login server are those of when the session began. */
static void give_up(struct farewell *f) {
        f->state = FAREWELL_HELPLESS;
        log_error(
                "Account %s: this session (%s) was not verified in time, which keeps people who have verified you "
                "from writing to you, and its login server offers no way to log it out: run 'busyctl verify', or end "
                "it on the account page of your provider",
                f->name, f->session->device_id);
}

static void tell(struct farewell *f) {
        f->state = FAREWELL_TOLD;
        log_error("Account %s: this session was not verified in time, which kept people who have verified you from "
                  "writing to you, and is logged out: run 'busyctl login' and 'busyctl verify'",
                  f->name);
}

/* The account finds out by itself that it is signed out, but for what it waits for. If it does not, the session goes
 * on: a token that was renewed meanwhile is one that the server does not know, and of these, too, it says that they
 * are revoked. */
static void check(struct farewell *f, usec_t now) {
        if (f->state == FAREWELL_ENDED) {
                account_wake(f->account, /* gap= */ false);
                f->state = FAREWELL_CHECKED;
        }
        if (account_state(f->account) == CONNECTION_SIGNED_OUT)
                tell(f);
        else if (account_state(f->account) != CONNECTION_ONLINE)
                f->state = FAREWELL_DOUBTED;
        else if (now >= f->again_at)
                f->state = FAREWELL_STANDS;
}

static bool is_to_be_seen(const struct farewell *f) {
        return f->state == FAREWELL_ENDED || f->state == FAREWELL_CHECKED || f->state == FAREWELL_DOUBTED;
}

bool farewell_is_on(const struct farewell *f) {
        bool goes_on = f->state == FAREWELL_DOUBTED && account_state(f->account) == CONNECTION_ONLINE;

        return f->request || (is_to_be_seen(f) && !goes_on);
}

void farewell_account_ran(struct farewell *f, usec_t now) {
        if (f->state == FAREWELL_CHECKED)
                check(f, now);
}

usec_t farewell_run(struct farewell *f, struct http *http, bool may, usec_t now) {
        int r;

        if (is_to_be_seen(f))
                check(f, now);
        if (is_to_be_seen(f))
                return now >= f->again_at ? USEC_NEVER : f->again_at;
        if (!may || f->state != FAREWELL_STANDS || !is_due(f))
                return USEC_NEVER;
        if (now < f->again_at)
                return f->again_at;
        f->again_at = usec_add(now, AGAIN_AFTER);
        r = ask(f, http);
        if (r >= 0)
                return USEC_NEVER;
        f->client = matrix_client_free(f->client);
        if (r == -EOPNOTSUPP || r == -EPERM) {
                give_up(f);
                return USEC_NEVER;
        }
        complain(f, strerror(-r));
        return f->again_at;
}
