/* One account of the set that is taken up: what it is made of, and how it runs. See accounts.c for its states. */
#include "busyd/accounts-parts.h"

#include <errno.h>
#include <stdio.h>

#include "busyd/account-names.h"
#include "state/state.h"
#include "util/clock.h"
#include "util/log.h"

/* ---- what an account tells ---- */

static void on_touched(void *userdata) {
        const struct member *m = userdata;

        m->accounts->context.touched(m->accounts->context.userdata);
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

/* ---- making one ---- */

struct member *member_free(struct member *m) {
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

/* The server does not take what it has printed: a password manager may have a newer one. */
static int fetch_token(void *userdata) {
        struct member *m = userdata;
        const char *command = accounts_token_command(m->accounts, m->name);

        return command ? token_waits_again(&m->accounts->tokens, m->name, command) : -ENOENT;
}

static int make_account(struct member *m, const struct account_config *config, usec_t now) {
        const struct account_whose whose = { .user_id = m->session.user_id, .device_id = m->session.device_id };
        const char *since = account_memory_load(&m->memory, &whose, m->accounts->door.wall);
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

static void init_keeper(struct member *m, bool aside) {
        struct accounts *s = m->accounts;

        session_keeper_init(&m->keeper, state_dir(s->context.state), m->name, &m->session);
        m->keeper.fetch = accounts_token_command(s, m->name) ? fetch_token : NULL;
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

/* Without it the account goes on as if there were none. */
static void give_appservice(struct member *m, usec_t now) {
        const struct accounts *s = m->accounts;
        SCOPED(erase_and_free) char *token = account_load_appservice(state_dir(s->context.state), s->config, m->name);
        int r = account_set_appservice(m->account, token, now);

        if (r < 0)
                log_error("Account %s: the token of the application service is not used: %s", m->name, strerror(-r));
}

int member_new(struct member **ret, struct accounts *s, const char *name, struct session *session,
               struct device_keeper *device, bool aside, usec_t now) {
        const struct account_config *config = config_account(s->config, name);
        SCOPED(member_free) struct member *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->accounts = s;
        (void) snprintf(m->name, sizeof(m->name), "%s", name);
        (void) snprintf(m->source, sizeof(m->source), "matrix/%s", name);
        m->session = *session;
        *session = (struct session){ .user_id = NULL };
        m->memory = (struct account_memory){ .state = s->context.state, .name = m->name };
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
        give_appservice(m, now);
        *ret = TAKE(m);
        return 0;
}

void member_update(struct member *m, const struct account_config *config, usec_t now) {
        int r = account_set_settings(m->account, &config->settings, now);

        if (r < 0)
                log_warning("Account %s: the new settings are not used: %s", m->name, strerror(-r));
        give_appservice(m, now);
        /* The session is back, or never went. */
        if (m->leaving && m->leave_by != USEC_NEVER)
                m->leaving = NULL;
}

/* ---- running ---- */

static void count_calls(const struct member *m, struct account_situation *ret) {
        const struct call_table *calls = m->accounts->context.calls;

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c))
                if (streq(c->source, m->source) && call_phase_is_in_call(c->phase)) {
                        ret->n_calls++;
                        ret->n_announced += c->announced;
                }
}

/* Not in a call, nor where somebody had it let go, who is about to do something with the session. */
static usec_t say_farewell(struct member *m, const struct accounts_wanted *wanted, usec_t now) {
        return farewell_run(&m->farewell, m->http, /* may= */ !wanted->busy && !m->leaving, now);
}

usec_t member_run(struct member *m, const struct accounts_wanted *wanted, const struct instant *at) {
        struct account_situation situation = {
                .acts = wanted->settled,
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
        wake_at = usec_min(keeper_at, say_farewell(m, wanted, at->now));
        if (!m->leaving && !farewell_is_on(&m->farewell)) {
                situation.busy = wanted->busy;
                situation.likely = wanted->likely;
        }
        wake_at = usec_min(wake_at, account_run(m->account, &situation, at->now));
        farewell_account_ran(&m->farewell, at->now);
        account_memory_store(&m->memory,
                             &(struct account_whose){ .user_id = account_user_id(m->account),
                                                      .device_id = account_device_id(m->account) },
                             call_table_count(m->accounts->context.calls, m->source) > 0, at->now, at->wall);
        if (m->leaving)
                wake_at = usec_min(wake_at, m->leave_by);
        return wake_at;
}

bool member_may_go(const struct member *m, usec_t now) {
        if (!m->leaving)
                return false;
        if (m->leave_by == USEC_NEVER)
                return !account_owes_itself(m->account) && account_is_at_rest(m->account);
        return now >= m->leave_by || account_is_at_rest(m->account);
}
