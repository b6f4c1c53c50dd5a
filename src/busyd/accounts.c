/* The set of Matrix accounts: see accounts.h. An account is in one of these states:
 *
 *   awaited    its token comes from a command that runs, or has failed; or from the keyring, which has yet to answer;
 *              or it has no session, and the server has yet to say whose its token is
 *   taken up   there is an account object
 *   leaving    ... that gives back what it owes and is let go then, or at `leave_by` at the latest
 *   let go     by a person's logout: not taken up again before `until`, though its session is still there */
#include "busyd/accounts.h"

#include <errno.h>
#include <stdio.h>

#include "busyd/account-memory.h"
#include "busyd/account-names.h"
#include "busyd/account-view.h"
#include "busyd/device-keeper.h"
#include "busyd/farewell.h"
#include "busyd/journal-door.h"
#include "busyd/outsiders.h"
#include "busyd/session-keeper.h"
#include "busyd/token-waits.h"
#include "busyd/vault.h"
#include "config/config.h"
#include "control/control.h"
#include "http/http.h"
#include "matrix/account.h"
#include "state/token.h"
#include "state/state.h"
#include "util/clock.h"
#include "util/log.h"

/* A session that is gone or has changed: what is owed has so long. */
#define LEAVE_MAX (5 * USEC_PER_SEC)

/* Where something of ours was in the way, as memory that is used up, the sessions are looked at again. */
#define AGAIN_AFTER USEC_PER_MIN

struct member {
        struct accounts *accounts;
        char name[ACCOUNT_NAME_MAX];
        char source[ACCOUNT_NAME_MAX + sizeof("matrix/")]; /* of its calls */
        struct session session;                            /* as it is on disk, or from outside */
        struct session_keeper keeper;
        struct token_keeper doors; /* of the keeper */
        struct device_keeper device;
        char *ca_file;
        struct http *http; /* its own: ca-file differs by account */
        struct account *account;

        const char *leaving; /* why; NULL: it stays */
        usec_t leave_by;     /* USEC_NEVER: however long it takes */

        struct account_memory memory;
        struct farewell farewell;
};

struct let_go {
        char name[ACCOUNT_NAME_MAX];
        usec_t until;
};

struct accounts {
        struct accounts_context context;
        struct journal_door door;
        struct claim_journal journal; /* through it */
        const struct config *config;  /* of the last update; NULL: there was none yet */
        struct member *members[ACCOUNTS_MAX];
        size_t n_members;
        struct token_waits tokens;
        struct vault vault;
        struct vault keys; /* to what is stored of encrypted rooms */
        struct outsiders outsiders;
        struct let_go let_go[ACCOUNTS_MAX];
        size_t n_let_go;
        bool lacks;      /* something was in the way of ours that passes, as memory that is used up */
        usec_t again_at; /* then the sessions are looked at again; USEC_NEVER: not by themselves */
        char published[ACCOUNTS_MAX][ACCOUNT_NAME_MAX];
        size_t n_published;
};

static void touch(struct accounts *s) {
        s->context.touched(s->context.userdata);
}

/* ---- what an account tells ---- */

static void on_touched(void *userdata) {
        const struct member *m = userdata;

        touch(m->accounts);
}

static void on_position(void *userdata, const char *since, usec_t now, usec_t wall) {
        struct member *m = userdata;

        account_memory_position(&m->memory, since);
}

static void on_learned(void *userdata, const struct account_lessons *l) {
        struct member *m = userdata;

        account_memory_learned(&m->memory, l);
}

static uint32_t draw(void *userdata) {
        const struct member *m = userdata;
        const struct accounts_context *c = &m->accounts->context;

        return c->random ? c->random(c->userdata) : random_u32();
}

/* ---- making and letting go ---- */

static struct member *member_free(struct member *m) {
        if (!m)
                return NULL;
        farewell_done(&m->farewell);
        account_free(m->account);
        device_keeper_close(&m->device);
        http_free(m->http);
        session_keeper_done(&m->keeper);
        session_done(&m->session);
        free(m->ca_file);
        account_memory_done(&m->memory);
        free(m);
        return NULL;
}
CLEANUP(struct member, member_free);

static const char *token_command_of(const struct accounts *s, const char *name) {
        const char *command = s->config ? config_account(s->config, name)->token_command : NULL;

        return command && *command ? command : NULL;
}

/* The server does not take what it has printed: a password manager may have a newer one. */
static int fetch_token(void *userdata) {
        struct member *m = userdata;
        const char *command = token_command_of(m->accounts, m->name);

        return command ? token_waits_again(&m->accounts->tokens, m->name, command) : -ENOENT;
}

static int make_account(struct member *m, const struct account_config *config, usec_t now) {
        const char *since = account_memory_load(&m->memory, m->session.device_id, m->accounts->door.wall);
        const struct account_handler handler = {
                .touched = on_touched, .position = on_position, .learned = on_learned, .userdata = m
        };

        return account_new(&m->account, m->http,
                           &(struct account_options){ .name = m->name,
                                                      .homeserver = m->session.homeserver,
                                                      .user_id = m->session.user_id,
                                                      .device_id = m->session.device_id,
                                                      .tokens = { .access_token = m->session.access_token,
                                                                  .refresh_token = m->session.refresh_token,
                                                                  .expires_wall = m->session.expires_at },
                                                      .token_endpoint = m->session.token_endpoint,
                                                      .client_id = m->session.client_id,
                                                      .keeper = &m->doors,
                                                      .since = since,
                                                      .learned = m->memory.learned,
                                                      .settings = &config->settings,
                                                      .sink = m->accounts->context.sink,
                                                      .journal = &m->accounts->journal,
                                                      .random = draw,
                                                      .encrypted = device_keeper_doors(&m->device),
                                                      .at = { .now = now, .wall = m->accounts->door.wall } },
                           &handler);
}

/* `aside`: the keyring has not got the tokens yet. */
static void init_keeper(struct member *m, bool aside) {
        struct accounts *s = m->accounts;

        session_keeper_init(&m->keeper, state_dir(s->context.state), m->name, &m->session);
        m->keeper.fetch = token_command_of(s, m->name) ? fetch_token : NULL;
        m->keeper.touched = on_touched;
        m->keeper.userdata = m;
        if (m->session.keyring_id) {
                m->keeper.bus = s->context.user_bus;
                m->keeper.aside = aside;
                session_keeper_retry(&m->keeper);
                vault_watch(&s->vault);
        }
        m->doors = session_keeper_doors(&m->keeper);
}

/* Takes session and device over. */
static int member_new(struct member **ret, struct accounts *s, const char *name, struct session *session,
                      struct device_keeper *device, bool aside, usec_t now) {
        const struct account_config *config = config_account(s->config, name);
        SCOPED(member_free) struct member *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->accounts = s;
        (void) snprintf(m->name, sizeof(m->name), "%s", name);
        (void) snprintf(m->source, sizeof(m->source), "matrix/%s", name);
        m->memory = (struct account_memory){ .state = s->context.state, .name = m->name };
        m->session = *session;
        *session = (struct session){ .user_id = NULL };
        m->device = *device;
        m->device.name = m->name;
        *device = (struct device_keeper){ .lock = -1 };
        init_keeper(m, aside);
        if (config->ca_file && !(m->ca_file = strdup(config->ca_file)))
                return -ENOMEM;
        r = http_new(&m->http, s->context.event, m->ca_file);
        if (r < 0)
                return r;
        r = make_account(m, config, now);
        if (r < 0 && device_keeper_reject(&m->device, r))
                r = make_account(m, config, now);
        if (r < 0)
                return r;
        m->farewell = (struct farewell){
                .name = m->name, .session = &m->session, .account = m->account, .touched = on_touched, .userdata = m
        };
        *ret = TAKE(m);
        return 0;
}

static struct member **find_member(struct accounts *s, const char *name) {
        for (size_t i = 0; i < s->n_members; i++)
                if (streq(s->members[i]->name, name))
                        return &s->members[i];
        return NULL;
}

static void let_go(struct accounts *s, struct member **at, const char *why) {
        struct member *m = *at;
        const struct call_sink *sink = s->context.sink;

        log_info("Account %s: %s", m->name, why);
        *at = s->members[--s->n_members];
        sink->end(sink->userdata, m->source, NULL);
        member_free(m);
}

/* What is owed is given back first, while the session may still do so. */
static void dismiss(struct accounts *s, struct member **at, const char *why, usec_t now) {
        struct member *m = *at;

        if (account_is_at_rest(m->account)) {
                let_go(s, at, why);
                return;
        }
        if (m->leaving && m->leave_by != USEC_NEVER)
                return;
        log_info("Account %s: %s; giving back what is owed first", m->name, why);
        m->leaving = why;
        m->leave_by = usec_add(now, LEAVE_MAX);
}

static bool is_among(char *const *names, int n, const char *name) {
        for (int i = 0; i < n; i++)
                if (streq(names[i], name))
                        return true;
        return false;
}

static struct let_go *find_let_go(struct accounts *s, const char *name) {
        for (size_t i = 0; i < s->n_let_go; i++)
                if (streq(s->let_go[i].name, name))
                        return &s->let_go[i];
        return NULL;
}

int accounts_let_go(struct accounts *s, const char *name, usec_t until) {
        struct member **at = find_member(s, name);
        struct let_go *g = find_let_go(s, name);

        if (!at && !g)
                return -ENOENT;
        if (!g) {
                if (s->n_let_go == ACCOUNTS_MAX)
                        return -E2BIG;
                g = &s->let_go[s->n_let_go++];
                (void) snprintf(g->name, sizeof(g->name), "%s", name);
        }
        g->until = until;
        if (at && !(*at)->leaving) {
                log_info("Account %s: giving back what is owed, to log out", name);
                (*at)->leaving = "logged out";
                (*at)->leave_by = USEC_NEVER;
        }
        touch(s);
        return 0;
}

/* Whoever was let go and has no session any more is logged out. What the journal still has of it, another machine of
 * the user puts back. */
static void forget_logged_out(struct accounts *s, char *const *names, int n) {
        struct state_claim c;
        char output[32];

        for (size_t g = 0; g < s->n_let_go; g++) {
                const char *name = s->let_go[g].name;
                size_t i = 0;

                if (find_member(s, name) || is_among(names, n, name))
                        continue;
                while (state_claim_at(s->context.state, i, &c) == 0) {
                        (void) snprintf(output, sizeof(output), "%s", c.output);
                        if (!streq(c.account, name) || state_remove_claim(s->context.state, name, output) < 0)
                                i++;
                }
        }
}

/* Who was let go and still has a session was not logged out after all. Returns whether there is any. */
static bool take_back(struct accounts *s, bool all, usec_t now) {
        bool any = false;

        for (size_t i = s->n_let_go; i > 0; i--) {
                struct let_go *g = &s->let_go[i - 1];
                struct member **at = find_member(s, g->name);

                if (!all && now < g->until)
                        continue;
                if (at && (*at)->leave_by == USEC_NEVER)
                        (*at)->leaving = NULL;
                *g = s->let_go[--s->n_let_go];
                any = true;
        }
        return any;
}

/* ---- sessions ---- */

static bool same_text(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

/* ---- tokens that commands print ---- */

/* Returns 1 with the command's token in the session, 0 if there is no command, -EAGAIN while it runs or after it
 * failed, which is told where it is noticed. */
static int token_from_command(struct accounts *s, const char *name, struct session *session) {
        const char *command = token_command_of(s, name), *token;
        int r = command ? token_waits_get(&s->tokens, name, command, session, &token) : 0;

        if (!command || r < 0)
                return r;
        return session_set_token(session, token) < 0 ? -ENOMEM : 1;
}

/* Without it the account goes on as if there were none. */
static void give_appservice(const struct accounts *s, struct member *m, usec_t now) {
        SCOPED(token_free) char *token = account_load_appservice(state_dir(s->context.state), s->config, m->name);
        int r = account_set_appservice(m->account, token, now);

        if (r < 0)
                log_error("Account %s: the token of the application service is not used: %s", m->name, strerror(-r));
}

/* ---- making them fit ---- */

/* What another moment may have, and says nothing of the session. Returns whether the error is of that kind. */
static bool lacks(struct accounts *s, int error) {
        if (error != -ENOMEM && error != -EMFILE && error != -ENFILE)
                return false;
        s->lacks = true;
        return true;
}

static void take_up_new(struct accounts *s, const char *name, struct session *session, struct device_keeper *device,
                        bool aside, usec_t now) {
        struct member *m = NULL;
        int r;

        if (s->n_members >= ACCOUNTS_MAX) {
                log_error("Account %s: there are %d accounts already, which is the limit", name, ACCOUNTS_MAX);
                return;
        }
        r = member_new(&m, s, name, session, device, aside, now);
        if (r < 0) {
                (void) lacks(s, r);
                log_error("Account %s cannot be used: %s", name, strerror(-r));
                return;
        }
        s->members[s->n_members++] = m;
        log_info("Account %s: %s", name, account_user_id(m->account));
        give_appservice(s, m, now);
}

static void update_settings(struct accounts *s, struct member *m, const struct account_config *config, usec_t now) {
        int r = account_set_settings(m->account, &config->settings, now);

        if (r < 0)
                log_warning("Account %s: the new settings are not used: %s", m->name, strerror(-r));
        give_appservice(s, m, now);
        /* The session is back, or never went. */
        if (m->leaving && m->leave_by != USEC_NEVER)
                m->leaving = NULL;
}

static void take_up(struct accounts *s, const char *name, usec_t now) {
        const struct account_config *config = config_account(s->config, name);
        SCOPED(session_done) struct session session = { .user_id = NULL };
        SCOPED(device_keeper_close) struct device_keeper device = { .lock = -1 };
        struct member **at = find_member(s, name);
        int from_credentials, r;
        bool aside, deaf = config->settings.encrypted_calls == ENCRYPTED_CALLS_OFF;

        if (!config->enabled) {
                if (at)
                        dismiss(s, at, "switched off in the configuration", now);
                return;
        }
        from_credentials = account_load_session(state_dir(s->context.state), s->config, name, &session);
        if (from_credentials < 0) {
                if (!lacks(s, from_credentials) && at)
                        dismiss(s, at, "its session is gone", now);
                return;
        }
        if (!at && find_let_go(s, name))
                return;
        if (from_credentials == 0 && token_from_command(s, name, &session) < 0)
                return; /* what runs goes on; else it is taken up when the command has ended */
        if (!session.user_id && outsiders_get(&s->outsiders, name, config, &session) < 0)
                return; /* likewise, when the server has answered */
        if (at && session_is_same(&(*at)->session, &session) && same_text((*at)->ca_file, config->ca_file) &&
            device_keeper_is_current(&(*at)->device, deaf)) {
                update_settings(s, *at, config, now);
                return;
        }
        if (at) {
                dismiss(s, at, "the session has changed, starting anew", now);
                if (find_member(s, name))
                        return; /* taken up when the old one is gone */
        }
        r = device_keeper_open(&device, state_dir(s->context.state), name, &session, deaf, &s->keys);
        if (r < 0) {
                s->lacks |= r != -EAGAIN;
                return;
        }
        aside = *session.access_token != '\0';
        if (!aside && vault_get(&s->vault, name, &session) < 0)
                return; /* taken up when the keyring has answered */
        take_up_new(s, name, &session, &device, aside, now);
        vault_forget(&s->vault, name);
        vault_forget(&s->keys, name);
}

static int look_at_sessions(struct accounts *s, bool by_hand, usec_t now) {
        char **names = NULL;
        int n = account_names(state_dir(s->context.state), s->config, &names);

        s->lacks = false;
        s->again_at = USEC_NEVER;
        if (n < 0) {
                s->again_at = lacks(s, n) ? usec_add(now, AGAIN_AFTER) : USEC_NEVER;
                return n;
        }
        forget_logged_out(s, names, n);
        if (by_hand)
                (void) take_back(s, /* all= */ true, now);
        for (size_t i = s->n_let_go; i > 0; i--)
                if (!is_among(names, n, s->let_go[i - 1].name))
                        s->let_go[i - 1] = s->let_go[--s->n_let_go];
        for (size_t i = s->n_members; i > 0; i--)
                if (!is_among(names, n, s->members[i - 1]->name))
                        dismiss(s, &s->members[i - 1], "logged out", now);
        for (int i = 0; i < n; i++)
                take_up(s, names[i], now);
        if (s->lacks)
                s->again_at = usec_add(now, AGAIN_AFTER);
        token_waits_sweep(&s->tokens);
        vault_sweep(&s->vault);
        vault_sweep(&s->keys);
        outsiders_sweep(&s->outsiders);
        session_names_free(names);
        touch(s);
        return 0;
}

int accounts_update(struct accounts *s, const struct config *config, bool by_hand, const struct instant *at) {
        usec_t now = at->now;

        s->config = config;
        s->door.wall = at->wall;
        if (by_hand) {
                token_waits_forget(&s->tokens);
                vault_retry(&s->vault);
                vault_retry(&s->keys);
                outsiders_retry(&s->outsiders);
        }
        return look_at_sessions(s, by_hand, now);
}

/* ---- running ---- */

void accounts_retry_now(struct accounts *s) {
        outsiders_retry(&s->outsiders);
        for (size_t i = 0; i < s->n_members; i++)
                account_retry_now(s->members[i]->account);
}

void accounts_wake(struct accounts *s, bool gap) {
        outsiders_retry(&s->outsiders);
        for (size_t i = 0; i < s->n_members; i++)
                account_wake(s->members[i]->account, gap);
}

bool accounts_are_settled(const struct accounts *s) {
        if (token_waits_are_open(&s->tokens) || vault_is_open(&s->vault) || vault_is_open(&s->keys) ||
            outsiders_are_open(&s->outsiders))
                return false;
        for (size_t i = 0; i < s->n_members; i++)
                if (!account_is_settled(s->members[i]->account))
                        return false;
        return true;
}

bool accounts_are_at_rest(const struct accounts *s) {
        for (size_t i = 0; i < s->n_members; i++)
                if (!account_is_at_rest(s->members[i]->account))
                        return false;
        return true;
}

size_t accounts_n(const struct accounts *s) {
        return s->n_members;
}

/* Returns whether an account may be taken up by what a command has printed. */
static bool take_tokens(struct accounts *s) {
        const char *name, *token;
        bool again, any = false;

        while (token_waits_take(&s->tokens, &name, &token, &again)) {
                struct member **at = find_member(s, name);

                any = any || !again || !at;
                if (!again || !at)
                        continue;
                if (token && session_set_token(&(*at)->session, token) < 0)
                        token = NULL;
                account_set_token((*at)->account, token);
        }
        return any;
}

static void count_calls(const struct member *m, struct account_situation *ret) {
        const struct call_table *calls = m->accounts->context.calls;

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c))
                if (streq(c->source, m->source) && call_phase_is_in_call(c->phase)) {
                        ret->n_calls++;
                        ret->n_announced += c->announced;
                }
}

static usec_t run_member(struct member *m, const struct accounts_wanted *wanted, const struct instant *at) {
        struct account_situation situation = {
                .acts = wanted->settled,
                .busy = wanted->busy && !m->leaving,
                .likely = wanted->likely && !m->leaving,
                .goes = wanted->goes || m->leaving,
                .message = wanted->message,
                .wall = at->wall,
        };
        usec_t wake_at, keeper_at;
        bool kept;
        int error;

        count_calls(m, &situation);
        keeper_at = session_keeper_run(&m->keeper, at->now, &kept, &error);
        if (kept)
                account_tokens_kept(m->account, error);
        wake_at = usec_min(keeper_at, farewell_run(&m->farewell, m->http, at->now));
        wake_at = usec_min(wake_at, account_run(m->account, &situation, at->now));
        account_memory_store(&m->memory, account_device_id(m->account),
                             call_table_count(m->accounts->context.calls, m->source) > 0, at->now, at->wall);
        if (m->leaving)
                wake_at = usec_min(wake_at, m->leave_by);
        return wake_at;
}

/* A logout waits until everything was given back; a session that is gone waits for nothing that cannot be done. */
static bool may_go(const struct member *m, usec_t now) {
        if (!m->leaving)
                return false;
        if (m->leave_by == USEC_NEVER)
                return !account_owes_itself(m->account) && account_is_at_rest(m->account);
        return now >= m->leave_by || account_is_at_rest(m->account);
}

/* Returns whether an account may be taken up by what the keyring has answered. */
static bool run_vault(struct accounts *s, usec_t now, usec_t *wake_at) {
        bool news, key_news, changed, unused;

        *wake_at = usec_min(*wake_at, vault_run(&s->vault, now, &news, &changed));
        *wake_at = usec_min(*wake_at, vault_run(&s->keys, now, &key_news, &unused));
        for (size_t i = 0; changed && i < s->n_members; i++)
                session_keeper_retry(&s->members[i]->keeper);
        return news || key_news;
}

/* The same of what the servers have answered. Whoever has given a token that is of no use is asked once more: it may
 * have come long before the network. */
static bool run_outsiders(struct accounts *s, usec_t now, usec_t *wake_at) {
        const char *name;
        bool news;

        *wake_at = usec_min(*wake_at, outsiders_run(&s->outsiders, now, &news));
        while ((name = outsiders_take_rejected(&s->outsiders))) {
                const char *command = token_command_of(s, name);

                if (command)
                        (void) token_waits_again(&s->tokens, name, command);
        }
        return news;
}

usec_t accounts_run(struct accounts *s, const struct accounts_wanted *wanted, const struct instant *at) {
        usec_t wake_at = USEC_NEVER, now = at->now;
        bool look;

        s->door.wall = at->wall;
        wake_at = token_waits_run(&s->tokens, now);
        look = take_tokens(s);
        look = run_vault(s, now, &wake_at) || look;
        look = run_outsiders(s, now, &wake_at) || look;
        look = take_back(s, /* all= */ false, now) || look || now >= s->again_at;
        if (look && s->config && look_at_sessions(s, /* by_hand= */ false, now) < 0)
                log_error("The accounts cannot be looked at again");
        look = false;
        for (size_t i = 0; i < s->n_members; i++)
                wake_at = usec_min(wake_at, run_member(s->members[i], wanted, at));
        for (size_t i = s->n_members; i > 0; i--)
                if (may_go(s->members[i - 1], now)) {
                        let_go(s, &s->members[i - 1], s->members[i - 1]->leaving);
                        look = true;
                }
        /* There may be a new session under the old name. */
        if (look && look_at_sessions(s, /* by_hand= */ false, now) < 0)
                log_error("The accounts cannot be looked at again");
        for (size_t i = 0; i < s->n_let_go; i++)
                wake_at = usec_min(wake_at, s->let_go[i].until);
        return usec_min(wake_at, s->again_at);
}

/* ---- what the bus shows ---- */

static void note_published(struct accounts *s, const char *name) {
        if (s->n_published < ACCOUNTS_MAX)
                (void) snprintf(s->published[s->n_published++], ACCOUNT_NAME_MAX, "%s", name);
}

void accounts_publish(struct accounts *s, struct control *control, const struct instant *at) {
        const char *waits;

        for (size_t i = 0; i < s->n_published; i++)
                if (!find_member(s, s->published[i]) && !vault_has(&s->vault, s->published[i]) &&
                    !vault_has(&s->keys, s->published[i]) && !outsiders_wait(&s->outsiders, s->published[i]) &&
                    !token_waits_wait(&s->tokens, s->published[i]))
                        control_remove_account(control, s->published[i]);
        s->n_published = 0;
        for (size_t i = 0; i < s->n_members; i++) {
                const struct member *m = s->members[i];

                note_published(s, m->name);
                account_show(control, m->name, m->account, token_waits_problem(&s->tokens, m->name), m->device.word,
                             at);
        }
        for (size_t i = 0; (waits = token_waits_name(&s->tokens, i)); i++)
                if (!find_member(s, waits) && token_waits_publish(&s->tokens, i, control))
                        note_published(s, waits);
        for (size_t i = 0; (waits = vault_publish(&s->vault, i, control)); i++)
                note_published(s, waits);
        for (size_t i = 0; (waits = vault_publish(&s->keys, i, control)); i++)
                note_published(s, waits);
        for (size_t i = 0; (waits = outsiders_name(&s->outsiders, i)); i++)
                if (!find_member(s, waits) && outsiders_publish(&s->outsiders, i, control, at))
                        note_published(s, waits);
}

/* ---- the object ---- */

int accounts_new(struct accounts **ret, const struct accounts_context *context) {
        struct accounts *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->again_at = USEC_NEVER;
        s->context = *context;
        s->tokens = (struct token_waits){ .event = context->event,
                                          .user_bus = context->user_bus,
                                          .touched = context->touched,
                                          .userdata = context->userdata };
        s->vault = (struct vault){ .what = "its tokens are",
                                   .bus = context->user_bus,
                                   .touched = context->touched,
                                   .userdata = context->userdata };
        s->keys = s->vault;
        s->keys.what = "the key to what it has of encrypted rooms is";
        s->outsiders = (struct outsiders){ .event = context->event,
                                           .touched = context->touched,
                                           .userdata = context->userdata };
        s->door.state = context->state;
        s->journal = journal_door_of(&s->door);
        *ret = s;
        return 0;
}

struct accounts *accounts_free(struct accounts *s) {
        if (!s)
                return NULL;
        token_waits_forget(&s->tokens);
        while (s->n_members > 0)
                member_free(s->members[--s->n_members]);
        vault_done(&s->vault);
        vault_done(&s->keys);
        outsiders_done(&s->outsiders);
        free(s);
        return NULL;
}
