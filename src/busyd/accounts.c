/* The Matrix accounts, see accounts.h, and the keepers of what is written on them. */
#include "busyd/accounts.h"

#include <errno.h>
#include <stdio.h>

#include "busyd/keeper.h"
#include "busyd/token.h"
#include "config/config.h"
#include "control/control.h"
#include "matrix/account.h"
#include "matrix/sync/sync.h"
#include "state/secret.h"
#include "state/state.h"
#include "util/clock.h"
#include "util/log.h"

#define OUTPUTS_MAX 4

/* A session that is gone or has changed: what is owed has so long. */
#define LEAVE_MAX (5 * USEC_PER_SEC)

/* A position is one flushed file: not after every answer. What lies between is seen again, and is the same. */
#define POSITION_STORE_INTERVAL USEC_PER_MIN
/* The same position again is written only to say that it is still good; it may be used for a day. */
#define POSITION_AGE_STEP USEC_PER_HOUR

/* A Matrix account that is taken care of, with what may be written on it. */
struct tenant {
        struct accounts *accounts;
        char name[ACCOUNT_NAME_MAX];
        char source[ACCOUNT_NAME_MAX + sizeof("matrix/")]; /* of its calls */
        struct session session;                            /* as it was when the account was made */
        char *ca_file;
        struct http *http; /* its own: ca-file differs by account */
        struct account_handler handler;
        struct account *account;
        struct keeper *keepers[OUTPUTS_MAX];
        size_t n_keepers;
        bool settled;
        bool was_online;
        const char *leaving; /* why it is let go once nothing is owed, or at `leave_by`; NULL: it stays */
        usec_t leave_by;
        usec_t position_stored_at;
        unsigned n_calls, n_announced; /* of the user on this account, as last seen; those of them that are */
};

/* An account whose token a command prints. */
struct token_wait {
        struct accounts *accounts;
        char name[ACCOUNT_NAME_MAX];
        struct token_command *command; /* NULL: it has ended */
        char *token;                   /* what it printed; NULL: nothing yet, or it failed */
        bool tell;                     /* it has just ended */
};

/* An account that the user logs out of: not taken up again before `until`. */
struct let_go {
        char name[ACCOUNT_NAME_MAX];
        usec_t until;
};

struct accounts {
        struct accounts_context context;
        const struct config *config;
        struct tenant *tenants[ACCOUNTS_MAX];
        size_t n_tenants;
        struct token_wait *token_waits[ACCOUNTS_MAX];
        size_t n_token_waits;
        struct let_go let_go[ACCOUNTS_MAX];
        size_t n_let_go;
        char gone[ACCOUNTS_MAX][ACCOUNT_NAME_MAX]; /* to be taken off the bus */
        size_t n_gone;
};

static void touch(const struct accounts *s) {
        s->context.touched(s->context.userdata);
}

/* ---- what an account tells ---- */

static struct keeper *keeper_of(struct tenant *t, const struct output *output) {
        for (size_t i = 0; i < t->n_keepers; i++)
                if (keeper_output(t->keepers[i]) == output)
                        return t->keepers[i];
        return NULL;
}

static void on_changed(void *userdata, struct account *a) {
        struct tenant *t = userdata;
        enum account_state state = account_state(a);
        bool online = state == ACCOUNT_ONLINE;

        /* Whatever it waits for: it has had its chance to tell of calls. */
        if (state != ACCOUNT_CONNECTING && state != ACCOUNT_SYNCING)
                t->settled = true;
        if (online && !t->was_online)
                for (size_t i = 0; i < t->n_keepers; i++)
                        keeper_online(t->keepers[i]);
        t->was_online = online;
        touch(t->accounts);
}

static void on_settled(void *userdata, struct account *a) {
        struct tenant *t = userdata;

        t->settled = true;
        touch(t->accounts);
}

static void on_presence_seen(void *userdata, struct account *a, const struct claim_value *v) {
        struct tenant *t = userdata;

        keeper_seen(keeper_of(t, &output_presence), v);
        touch(t->accounts);
}

static void on_presence_unsure(void *userdata, struct account *a) {
        struct tenant *t = userdata;

        keeper_unsure(keeper_of(t, &output_presence));
}

static void on_presence_erased(void *userdata, struct account *a) {
        struct tenant *t = userdata;

        keeper_erased(keeper_of(t, &output_presence));
        touch(t->accounts);
}

static void on_others_changed(void *userdata, struct account *a) {
        struct tenant *t = userdata;

        for (size_t i = 0; i < t->n_keepers; i++)
                keeper_others_changed(t->keepers[i]);
        touch(t->accounts);
}

static void store_position(struct tenant *t, const char *since) {
        usec_t now = clock_wall_now();
        struct state_account stored;
        const char *since_before;
        int r;

        if (state_get_account(t->accounts->context.state, t->name, &stored) < 0)
                return;
        since_before = stored.since;
        /* During a call the position before it stays: a restart then reads again how the call came about. */
        if (!since || !stored.since || call_table_count(t->accounts->context.calls, t->source) == 0)
                stored.since = since;
        if (stored.since && since_before && streq(stored.since, since_before) &&
            now - stored.since_at_wall < POSITION_AGE_STEP)
                return;
        stored.since_at_wall = now;
        stored.device_id = account_device_id(t->account);
        r = state_put_account(t->accounts->context.state, t->name, &stored);
        if (r < 0)
                log_warning(
                        "Account %s: the sync position cannot be stored: %s; a restart will look at all rooms again",
                        t->name, strerror(-r));
}

static void on_position(void *userdata, struct account *a, const char *since) {
        struct tenant *t = userdata;
        usec_t now = clock_now();

        if (since && t->position_stored_at > 0 && now < usec_add(t->position_stored_at, POSITION_STORE_INTERVAL))
                return;
        t->position_stored_at = now;
        store_position(t, since);
}

static void make_handler(struct tenant *t) {
        t->handler = (struct account_handler){
                .changed = on_changed,
                .settled = on_settled,
                .presence_seen = on_presence_seen,
                .presence_unsure = on_presence_unsure,
                .presence_erased = on_presence_erased,
                .others_changed = on_others_changed,
                .position = on_position,
                .userdata = t,
        };
}

/* ---- making and letting go ---- */

static struct tenant *tenant_free(struct tenant *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_keepers; i++)
                keeper_free(t->keepers[i]);
        account_free(t->account);
        http_free(t->http);
        session_done(&t->session);
        free(t->ca_file);
        free(t);
        return NULL;
}
CLEANUP(struct tenant, tenant_free);

static void on_keeper_changed(void *userdata) {
        touch(userdata);
}

static int make_keepers(struct tenant *t) {
        const struct keeper_handler handler = { .changed = on_keeper_changed, .userdata = t->accounts };

        for (const struct output *const *o = outputs; *o; o++) {
                int r;

                if (t->n_keepers >= OUTPUTS_MAX)
                        return -E2BIG;
                r = keeper_new(&t->keepers[t->n_keepers], t->account, *o, t->accounts->context.state, &handler);
                if (r < 0)
                        return r;
                t->n_keepers++;
        }
        return 0;
}

/* The stored position, if it is this device's and young enough. */
static const char *usable_position(struct tenant *t, struct state_account *stored) {
        usec_t now = clock_wall_now();

        if (state_get_account(t->accounts->context.state, t->name, stored) < 0 || !stored->since || !stored->device_id)
                return NULL;
        if (!streq(stored->device_id, t->session.device_id))
                return NULL;
        return stored->since_at_wall <= now && now - stored->since_at_wall < SYNC_GAP_MAX ? stored->since : NULL;
}

static int tenant_new(struct tenant **ret, struct accounts *s, const char *name, struct session *session) {
        const struct account_config *config = config_account(s->config, name);
        SCOPED(tenant_free) struct tenant *t = calloc(1, sizeof(*t));
        struct state_account stored;
        int r;

        if (!t)
                return -ENOMEM;
        t->accounts = s;
        (void) snprintf(t->name, sizeof(t->name), "%s", name);
        (void) snprintf(t->source, sizeof(t->source), "matrix/%s", name);
        t->session = *session;
        *session = (struct session){};
        if (config->ca_file && !(t->ca_file = strdup(config->ca_file)))
                return -ENOMEM;
        make_handler(t);
        r = http_new(&t->http, s->context.event, t->ca_file);
        if (r < 0)
                return r;
        r = account_new(&t->account, s->context.event, t->http, name, &t->session, &config->settings,
                        usable_position(t, &stored), s->context.sink, &t->handler);
        if (r < 0)
                return r;
        r = make_keepers(t);
        if (r < 0)
                return r;
        *ret = TAKE(t);
        return 0;
}

static bool same_text(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

static bool same_session(const struct session *a, const struct session *b) {
        return same_text(a->homeserver, b->homeserver) && same_text(a->user_id, b->user_id) &&
               same_text(a->device_id, b->device_id) && same_text(a->access_token, b->access_token);
}

static struct tenant **find_tenant(struct accounts *s, const char *name) {
        for (size_t i = 0; i < s->n_tenants; i++)
                if (streq(s->tenants[i]->name, name))
                        return &s->tenants[i];
        return NULL;
}

static void go(struct accounts *s, struct tenant **at, const char *why) {
        struct tenant *t = *at;

        log_info("Account %s: %s", t->name, why);
        *at = s->tenants[--s->n_tenants];
        s->context.sink->end(s->context.sink->userdata, t->source, NULL);
        if (s->n_gone < ACCOUNTS_MAX)
                (void) snprintf(s->gone[s->n_gone++], ACCOUNT_NAME_MAX, "%s", t->name);
        tenant_free(t);
}

static bool is_at_rest(const struct tenant *t) {
        for (size_t i = 0; i < t->n_keepers; i++)
                if (!keeper_is_at_rest(t->keepers[i]))
                        return false;
        return true;
}

/* Something would stay behind on the server. */
static bool owes(const struct tenant *t) {
        struct state_claim c;

        for (size_t i = 0; state_claim_at(t->accounts->context.state, i, &c) == 0; i++)
                if (streq(c.account, t->name))
                        return true;
        return false;
}

/* What is owed is given back first, while the session may still do so. */
static void dismiss(struct accounts *s, struct tenant **at, const char *why) {
        struct tenant *t = *at;

        if (is_at_rest(t)) {
                go(s, at, why);
                return;
        }
        if (t->leaving)
                return;
        log_info("Account %s: %s; giving back what is owed first", t->name, why);
        t->leaving = why;
        t->leave_by = usec_add(clock_now(), LEAVE_MAX);
}

static const char *session_problem(int error) {
        if (error == -EPERM)
                return "it belongs to somebody else or others may read it; it must be yours with mode 0600";
        if (error == -EBADMSG)
                return "it is broken; log in again with 'busyctl login'";
        return strerror(-error);
}

static int load_session(struct accounts *s, const char *name, struct session *ret) {
        int r = session_load(state_dir(s->context.state), name, ret);

        if (r < 0) {
                log_error("Account %s: %s/session-%s.json is not used: %s", name, state_dir(s->context.state), name,
                          session_problem(r));
                return r;
        }
        r = session_token_from_credentials(name, ret);
        if (r < 0) {
                log_error("Account %s: the credential busyd-%s.token is not used: %s; the account stays off", name,
                          name, strerror(-r));
                session_done(ret);
        }
        return r;
}

static struct let_go *find_let_go(struct accounts *s, const char *name) {
        for (size_t i = 0; i < s->n_let_go; i++)
                if (streq(s->let_go[i].name, name))
                        return &s->let_go[i];
        return NULL;
}

static struct token_wait *token_wait_free(struct token_wait *w) {
        if (!w)
                return NULL;
        token_command_free(w->command);
        secret_free(w->token);
        free(w);
        return NULL;
}

static void forget_tokens(struct accounts *s) {
        while (s->n_token_waits > 0)
                token_wait_free(s->token_waits[--s->n_token_waits]);
}

static void on_token(const char *token, const char *problem, void *userdata) {
        struct token_wait *w = userdata;

        if (token)
                w->token = strdup(token);
        else
                log_error("Account %s: token-command is of no use: %s; the account stays off until 'busyctl reload'",
                          w->name, problem);
        w->tell = true;
        touch(w->accounts);
}

static struct token_wait *find_wait(struct accounts *s, const char *name) {
        for (size_t i = 0; i < s->n_token_waits; i++)
                if (streq(s->token_waits[i]->name, name))
                        return s->token_waits[i];
        return NULL;
}

static int start_wait(struct accounts *s, const char *name, const char *command) {
        struct token_wait *w;
        int r;

        if (s->n_token_waits >= ACCOUNTS_MAX)
                return -E2BIG;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->accounts = s;
        (void) snprintf(w->name, sizeof(w->name), "%s", name);
        r = token_command_start(&w->command, s->context.event, command, on_token, w);
        if (r < 0) {
                token_wait_free(w);
                return r;
        }
        s->token_waits[s->n_token_waits++] = w;
        return 0;
}

/* Returns 1 with the command's token in the session, 0 if there is no command, -EAGAIN while it runs or after it
 * failed, which is told where it is noticed. */
static int token_from_command(struct accounts *s, const char *name, struct session *session) {
        const char *command = config_account(s->config, name)->token_command;
        struct token_wait *w;
        int r;

        if (!command || !*command)
                return 0;
        w = find_wait(s, name);
        if (!w) {
                r = start_wait(s, name, command);
                if (r < 0)
                        log_error("Account %s: token-command cannot be run: %s", name, strerror(-r));
                return -EAGAIN;
        }
        if (!w->token)
                return -EAGAIN;
        secret_free(session->access_token);
        session->access_token = strdup(w->token);
        return session->access_token ? 1 : -ENOMEM;
}

/* Without it the account goes on as if there were none. */
static char *load_secret(const struct accounts *s, const char *name, const char *file) {
        char *token = NULL;
        int r = secret_load(state_dir(s->context.state), name, file, &token);

        if (r < 0)
                log_error("Account %s: the token of the application service is not used: %s%s%s", name,
                          file ? file : "", file ? ": " : "", secret_problem(r));
        return token;
}

static void give_tokens(const struct accounts *s, struct tenant *t) {
        const struct account_config *config = config_account(s->config, t->name);
        SCOPED(secret_free)
        char *appservice = load_secret(s, t->name, config->appservice_token_file);
        int r = account_set_tokens(t->account, &(struct account_tokens){ .appservice = appservice });

        if (r < 0)
                log_error("Account %s: its further tokens are not used: %s", t->name, strerror(-r));
}

static void take_up(struct accounts *s, const char *name) {
        const struct account_config *config = config_account(s->config, name);
        SCOPED(session_done) struct session session = {};
        struct tenant **at = find_tenant(s, name), *t = NULL;
        int r, from_credentials;

        if (find_let_go(s, name))
                return;
        if (!config->enabled) {
                if (at)
                        dismiss(s, at, "switched off in the configuration");
                return;
        }
        from_credentials = load_session(s, name, &session);
        if (from_credentials < 0) {
                if (at)
                        dismiss(s, at, "its session is gone");
                return;
        }
        if (from_credentials == 0 && token_from_command(s, name, &session) < 0)
                return; /* what runs goes on; else it is taken up when the command has ended */
        if (at && same_session(&(*at)->session, &session) && same_text((*at)->ca_file, config->ca_file)) {
                (*at)->leaving = NULL;
                r = account_set_settings((*at)->account, &config->settings);
                if (r < 0)
                        log_warning("Account %s: the new settings are not used: %s", name, strerror(-r));
                give_tokens(s, *at);
                return;
        }
        if (at) {
                dismiss(s, at, "the session has changed, starting anew");
                at = find_tenant(s, name);
                if (at)
                        return; /* taken up when the old one is gone */
        }
        if (s->n_tenants >= ACCOUNTS_MAX) {
                log_error("Account %s: there are %d accounts already, which is the limit", name, ACCOUNTS_MAX);
                return;
        }
        r = tenant_new(&t, s, name, &session);
        if (r < 0) {
                log_error("Account %s cannot be used: %s", name, strerror(-r));
                return;
        }
        s->tenants[s->n_tenants++] = t;
        log_info("Account %s: %s", name, account_user_id(t->account));
        give_tokens(s, t);
        r = account_start(t->account);
        if (r < 0)
                log_error("Account %s cannot be started: %s", name, strerror(-r));
}

static bool is_among(char *const *names, int n, const char *name) {
        for (int i = 0; i < n; i++)
                if (streq(names[i], name))
                        return true;
        return false;
}

static int update(struct accounts *s) {
        char **names = NULL;
        int n = session_names(state_dir(s->context.state), &names);

        if (n < 0)
                return n;
        for (size_t i = s->n_tenants; i > 0; i--)
                if (!is_among(names, n, s->tenants[i - 1]->name))
                        dismiss(s, &s->tenants[i - 1], "logged out");
        for (int i = 0; i < n; i++)
                take_up(s, names[i]);
        session_names_free(names);
        touch(s);
        return 0;
}

/* Those whose time is over, or all of them. Returns whether there were any. */
static bool forget_let_go(struct accounts *s, bool all, usec_t now) {
        bool any = false;

        for (size_t i = s->n_let_go; i > 0; i--)
                if (all || s->let_go[i - 1].until <= now) {
                        s->let_go[i - 1] = s->let_go[--s->n_let_go];
                        any = true;
                }
        return any;
}

int accounts_update(struct accounts *s, const struct config *config, bool by_hand, usec_t now) {
        s->config = config;
        /* A new look at the sessions asks the commands again. */
        if (by_hand) {
                forget_tokens(s);
                (void) forget_let_go(s, /* all= */ true, now);
        }
        return update(s);
}

int accounts_let_go(struct accounts *s, const char *name, usec_t until) {
        struct tenant **at = find_tenant(s, name);
        struct let_go *l = find_let_go(s, name);

        if (!at)
                return -ENOENT;
        if (!l && s->n_let_go >= ACCOUNTS_MAX)
                return -E2BIG;
        if (!l)
                l = &s->let_go[s->n_let_go++];
        (void) snprintf(l->name, sizeof(l->name), "%s", name);
        l->until = until;
        (*at)->leaving = "logged out by hand";
        (*at)->leave_by = USEC_NEVER;
        touch(s);
        return 0;
}

int accounts_new(struct accounts **ret, const struct accounts_context *context) {
        struct accounts *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->context = *context;
        *ret = s;
        return 0;
}

struct accounts *accounts_free(struct accounts *s) {
        if (!s)
                return NULL;
        forget_tokens(s);
        while (s->n_tenants > 0)
                tenant_free(s->tenants[--s->n_tenants]);
        free(s);
        return NULL;
}

/* ---- running ---- */

bool accounts_are_settled(const struct accounts *s) {
        for (size_t i = 0; i < s->n_token_waits; i++)
                if (s->token_waits[i]->command)
                        return false;
        for (size_t i = 0; i < s->n_tenants; i++)
                if (!s->tenants[i]->settled)
                        return false;
        return true;
}

bool accounts_are_at_rest(const struct accounts *s) {
        for (size_t i = 0; i < s->n_tenants; i++)
                if (!is_at_rest(s->tenants[i]))
                        return false;
        return true;
}

/* Busy that stuck once will stick again: remembered, so that `presence = auto` knows. */
static void learn(struct tenant *t, struct keeper *k, struct state_account *stored) {
        if (stored->sticks || keeper_output(k) != &output_presence || !keeper_is_stuck(k))
                return;
        stored->sticks = true;
        if (state_put_account(t->accounts->context.state, t->name, stored) == 0)
                log_info("Account %s: remembering that busy sticks there while another client is online", t->name);
}

static void look_at_calls(struct tenant *t) {
        const struct call_table *calls = t->accounts->context.calls;
        unsigned n_calls = 0, n_announced = 0;

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c))
                if (streq(c->source, t->source) && call_phase_is_in_call(c->phase)) {
                        n_calls++;
                        n_announced += c->announced;
                }
        if (n_calls != t->n_calls || n_announced != t->n_announced)
                for (size_t i = 0; i < t->n_keepers; i++)
                        keeper_calls_changed(t->keepers[i], n_announced < t->n_announced);
        t->n_calls = n_calls;
        t->n_announced = n_announced;
}

static usec_t run_tenant(struct tenant *t, const struct accounts_wanted *wanted, usec_t now) {
        struct accounts *s = t->accounts;
        struct state_account stored = {};
        struct output_situation situation = {
                .now = now,
                .message = wanted->message,
        };
        usec_t wake_at = account_others_deadline(t->account);
        bool shared = false;

        (void) state_get_account(s->context.state, t->name, &stored);
        situation.sticks = stored.sticks;
        look_at_calls(t);
        account_expire_others(t->account, now);
        for (size_t i = 0; i < t->n_keepers; i++) {
                keeper_set_busy(t->keepers[i], wanted->busy && !t->leaving, &situation);
                wake_at = usec_min(wake_at, keeper_run(t->keepers[i], now));
                learn(t, t->keepers[i], &stored);
                shared = shared || keeper_is_shared(t->keepers[i]);
        }
        account_expect_others(t->account, shared);
        return wake_at;
}

static void take_tokens(struct accounts *s) {
        bool any = false;

        for (size_t i = 0; i < s->n_token_waits; i++)
                if (s->token_waits[i]->tell) {
                        s->token_waits[i]->tell = false;
                        s->token_waits[i]->command = token_command_free(s->token_waits[i]->command);
                        any = true;
                }
        if (any && update(s) < 0)
                log_error("The accounts cannot be looked at again");
}

usec_t accounts_run(struct accounts *s, const struct accounts_wanted *wanted, usec_t now) {
        usec_t wake_at = USEC_NEVER;
        bool gone = forget_let_go(s, /* all= */ false, now);

        for (size_t i = 0; i < s->n_token_waits; i++)
                if (s->token_waits[i]->command)
                        wake_at = usec_min(wake_at, token_command_run(s->token_waits[i]->command, now));
        take_tokens(s);
        for (size_t i = 0; i < s->n_let_go; i++)
                wake_at = usec_min(wake_at, s->let_go[i].until);
        /* What an earlier run owes may be a call's that still goes on: not before that is known. */
        for (size_t i = 0; i < s->n_tenants && wanted->settled; i++)
                wake_at = usec_min(wake_at, run_tenant(s->tenants[i], wanted, now));
        for (size_t i = s->n_tenants; i > 0; i--) {
                struct tenant *t = s->tenants[i - 1];

                if (!t->leaving)
                        continue;
                if (find_let_go(s, t->name) ? !owes(t) : is_at_rest(t) || now >= t->leave_by) {
                        go(s, &s->tenants[i - 1], t->leaving);
                        gone = true;
                } else
                        wake_at = usec_min(wake_at, t->leave_by);
        }
        /* There may be a new session under the old name. */
        if (gone && update(s) < 0)
                log_error("The accounts cannot be looked at again");
        return wake_at;
}

void accounts_retry_now(struct accounts *s, usec_t now) {
        for (size_t i = 0; i < s->n_tenants; i++)
                account_wake(s->tenants[i]->account, /* gap= */ false);
}

void accounts_wake(struct accounts *s, usec_t now) {
        for (size_t i = 0; i < s->n_tenants; i++)
                account_wake(s->tenants[i]->account, /* gap= */ true);
}

size_t accounts_n(const struct accounts *s) {
        return s->n_tenants;
}

/* ---- what the bus shows ---- */

static void publish_tenant(struct control *control, struct tenant *t, const struct instant *at) {
        struct control_output_view views[OUTPUTS_MAX];
        struct account *a = t->account;
        usec_t retry_at = account_retry_at(a);

        for (size_t i = 0; i < t->n_keepers; i++) {
                struct keeper_report report;

                keeper_report(t->keepers[i], &report);
                views[i] = (struct control_output_view){
                        .name = keeper_output(t->keepers[i])->name,
                        .claim = report.claim,
                        .shows = report.shows,
                        .restore = report.restore,
                        .note = report.note,
                };
        }
        if (control_set_account(control, &(struct control_account_view){
                                                 .name = t->name,
                                                 .user_id = account_user_id(a),
                                                 .homeserver = account_homeserver(a),
                                                 .server = account_server(a),
                                                 .state = account_state_to_string(account_state(a)),
                                                 .problem = account_problem(a),
                                                 .retry_at_wall = instant_to_wall(at, retry_at),
                                                 .outputs = views,
                                                 .n_outputs = t->n_keepers,
                                         }) < 0)
                log_debug("Account %s cannot be published", t->name);
}

void accounts_publish(struct accounts *s, struct control *control, const struct instant *at) {
        /* One that is gone may be there again. */
        for (; s->n_gone > 0; s->n_gone--)
                control_remove_account(control, s->gone[s->n_gone - 1]);
        for (size_t i = 0; i < s->n_tenants; i++)
                publish_tenant(control, s->tenants[i], at);
}
