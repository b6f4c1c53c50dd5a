/* The set of Matrix accounts: see accounts.h. An account is in one of these states:
 *
 *   awaited    its token comes from a command that runs, or has failed; or from the keyring, which has yet to answer;
 *              or it has no session, and the server has yet to say whose its token is
 *   refused    its session, or its token, is not to be used; that is shown until the sessions are looked at again
 *   taken up   there is an account object
 *   leaving    ... that gives back what it owes and is let go then, or at `leave_by` at the latest
 *   let go     by a person's logout: not taken up again before `until`, though its session is still there */
#include "busyd/accounts-parts.h"

#include <errno.h>
#include <stdio.h>

#include "busyd/account-names.h"
#include "busyd/account-view.h"
#include "control/control.h"
#include "state/state.h"
#include "util/log.h"
#include "util/text.h"

/* A session that is gone or has changed: what is owed has so long. */
#define LEAVE_MAX (5 * USEC_PER_SEC)

/* Where something of ours was in the way, as memory that is used up, the sessions are looked at again. */
#define AGAIN_AFTER USEC_PER_MIN

static void touch(struct accounts *s) {
        s->context.touched(s->context.userdata);
}

/* ---- making and letting go ---- */

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
static void forget_logged_out(struct accounts *s, char *const *names) {
        struct state_claim c;
        char output[32];

        for (size_t g = 0; g < s->n_let_go; g++) {
                const char *name = s->let_go[g].name;
                size_t i = 0;

                if (find_member(s, name) || text_is_among(names, name))
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

const char *accounts_token_command(const struct accounts *s, const char *name) {
        const char *command = s->config ? config_account(s->config, name)->token_command : NULL;

        return command && *command ? command : NULL;
}

/* Returns 1 with the command's token in the session, 0 if there is no command, -EAGAIN while it runs or after it
 * failed, which is told where it is noticed. */
static int token_from_command(struct accounts *s, const char *name, struct session *session) {
        const char *command = accounts_token_command(s, name), *token;
        int r = command ? token_waits_get(&s->tokens, name, command, session, &token) : 0;

        if (!command || r < 0)
                return r;
        return session_set_token(session, token) < 0 ? -ENOMEM : 1;
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
}

static void forget_refused(struct accounts *s) {
        while (s->n_refused > 0)
                free(s->refused[--s->n_refused].why);
}

/* Takes `why` over. */
static void note_refused(struct accounts *s, const char *name, char *why) {
        struct refused *r = &s->refused[s->n_refused++];

        (void) snprintf(r->name, sizeof(r->name), "%s", name);
        r->why = why;
}

static bool is_refused(const struct accounts *s, const char *name) {
        for (size_t i = 0; i < s->n_refused; i++)
                if (streq(s->refused[i].name, name))
                        return true;
        return false;
}

/* What passes by itself is not shown, nor what its user logs out of. */
static void refuse(struct accounts *s, const char *name, int error, char *why, usec_t now) {
        struct member **at = find_member(s, name);

        if (lacks(s, error)) {
                free(why);
                return;
        }
        if (at)
                dismiss(s, at, "its session is gone", now);
        if (error == -ENOENT || find_let_go(s, name))
                free(why);
        else
                note_refused(s, name, why);
}

static void take_up(struct accounts *s, const char *name, usec_t now) {
        const struct account_config *config = config_account(s->config, name);
        SCOPED(session_done) struct session session = { .user_id = NULL };
        SCOPED(device_keeper_close) struct device_keeper device = { .lock = -1 };
        struct member **at = find_member(s, name);
        char *why = NULL;
        int from_credentials, r;
        bool aside, deaf = config->settings.encrypted_calls == ENCRYPTED_CALLS_OFF;

        if (!config->enabled) {
                if (at)
                        dismiss(s, at, "switched off in the configuration", now);
                return;
        }
        from_credentials = account_load_session(state_dir(s->context.state), s->config, name, &session, &why);
        if (from_credentials < 0) {
                refuse(s, name, from_credentials, why, now);
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
                member_update(*at, config, now);
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
        forget_logged_out(s, names);
        if (by_hand)
                (void) take_back(s, /* all= */ true, now);
        for (size_t i = s->n_let_go; i > 0; i--)
                if (!text_is_among(names, s->let_go[i - 1].name))
                        s->let_go[i - 1] = s->let_go[--s->n_let_go];
        for (size_t i = s->n_members; i > 0; i--)
                if (!text_is_among(names, s->members[i - 1]->name))
                        dismiss(s, &s->members[i - 1], "logged out", now);
        forget_refused(s);
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
        if (config)
                account_names_tell_missing(state_dir(s->context.state), config);
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
                const char *command = accounts_token_command(s, name);

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
                wake_at = usec_min(wake_at, member_run(s->members[i], wanted, at));
        for (size_t i = s->n_members; i > 0; i--)
                if (member_may_go(s->members[i - 1], now)) {
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

static void publish_refused(struct accounts *s, const struct refused *r, struct control *control) {
        if (find_member(s, r->name))
                return;
        note_published(s, r->name);
        if (control_set_account(control, &(struct control_account_view){
                                                 .name = r->name,
                                                 .user_id = "",
                                                 .homeserver = "",
                                                 .server = "",
                                                 .state = connection_state_to_string(CONNECTION_BROKEN),
                                                 .problem = r->why ? r->why : strerror(ENOMEM),
                                         }) < 0)
                log_debug("Account %s cannot be published", r->name);
}

void accounts_publish(struct accounts *s, struct control *control, const struct instant *at) {
        const char *waits;

        for (size_t i = 0; i < s->n_published; i++)
                if (!find_member(s, s->published[i]) && !vault_has(&s->vault, s->published[i]) &&
                    !vault_has(&s->keys, s->published[i]) && !outsiders_wait(&s->outsiders, s->published[i]) &&
                    !token_waits_wait(&s->tokens, s->published[i]) && !is_refused(s, s->published[i]))
                        control_remove_account(control, s->published[i]);
        s->n_published = 0;
        for (size_t i = 0; i < s->n_members; i++) {
                const struct member *m = s->members[i];

                note_published(s, m->name);
                account_show(control, m->name, m->account, token_waits_problem(&s->tokens, m->name), m->device.word,
                             at);
        }
        for (size_t i = 0; i < s->n_refused; i++)
                publish_refused(s, &s->refused[i], control);
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
        forget_refused(s);
        free(s);
        return NULL;
}
