/* See account-names.h. */
#include "busyd/account-names.h"

#include <errno.h>
#include <stdio.h>

#include "config/config.h"
#include "config/keys.h"
#include "state/secret.h"
#include "state/session.h"
#include "util/log.h"
#include "util/text.h"

bool account_needs_no_session(const struct config *config, const char *name) {
        const struct account_config *a = config_account(config, name);

        return session_has_credential(name) || (a->token_command && (a->homeserver || a->user_id));
}

/* The list ends behind the nth. */
static int add_name(char **names, int n, const char *name) {
        if (n >= ACCOUNTS_MAX || text_is_among(names, name))
                return n;
        names[n] = strdup(name);
        return names[n] ? n + 1 : -ENOMEM;
}

static int add_names(char **names, int n, char **more) {
        for (; *more && n >= 0; more++)
                n = add_name(names, n, *more);
        return n;
}

/* As below; takes each name over as long as there is room. */
static int collect(const char *state_dir, const struct config *config, char **names) {
        char **found;
        int n = session_names(state_dir, &found), r;

        if (n < 0)
                return n;
        n = add_names(names, 0, found);
        session_names_free(found);
        r = n >= 0 ? session_credential_names(&found) : n;
        if (r < 0)
                return r;
        n = add_names(names, n, found);
        session_names_free(found);
        for (size_t i = 0; config && n >= 0 && i < config->n_accounts; i++)
                if (account_needs_no_session(config, config->accounts[i].name))
                        n = add_name(names, n, config->accounts[i].name);
        return n;
}

int account_names(const char *state_dir, const struct config *config, char ***ret) {
        char **names = calloc(ACCOUNTS_MAX + 1, sizeof(*names));
        int n;

        if (!names)
                return -ENOMEM;
        n = collect(state_dir, config, names);
        if (n < 0)
                session_names_free(names);
        else
                *ret = names;
        return n;
}

void account_names_tell_missing(const char *state_dir, const struct config *config) {
        char **names = NULL;

        if (account_names(state_dir, config, &names) < 0)
                return;
        for (size_t i = 0; i < config->n_accounts; i++) {
                const char *name = config->accounts[i].name, *guess = account_guess(names, name);

                if (account_config_needs_session(&config->accounts[i]) && !text_is_among(names, name))
                        log_full(LOG_NOTICE, NULL, NULL,
                                 "No account is called \"%s\"%s%s%s [account %s] is without effect", name,
                                 guess ? ", did you mean \"" : ":", guess ? guess : "", guess ? "\"?" : "", name);
        }
        session_names_free(names);
}

char *account_load_appservice(const char *dir, const struct config *config, const char *name) {
        const char *file = config_account(config, name)->appservice_token_file;
        char *token = NULL;
        int r = secret_load(dir, name, file, &token);

        if (r < 0)
                log_error("Account %s: the token of the application service is not used: %s%s%s", name,
                          file ? file : "", file ? ": " : "", secret_problem(r));
        return token;
}

/* Of a session, NULL if out of memory. */
static char *describe_session(const char *dir, const char *name, int error) {
        SCOPED(free) char *remedy = session_remedy(dir, name, error);
        char *why = NULL;

        if (!remedy ||
            asprintf(&why, "%s/session-%s.json is not used: %s; %s", dir, name, session_fault(error), remedy) < 0)
                return NULL;
        return why;
}

static char *describe_credential(const char *name, int error) {
        char *why = NULL;

        if (asprintf(&why, "the credential busyd-%s.token is not used: %s; the account stays off", name,
                     strerror(-error)) < 0)
                return NULL;
        return why;
}

static int refuse(const char *name, int error, char *why, char **ret_why) {
        log_error("Account %s: %s", name, why ? why : strerror(-error));
        *ret_why = why;
        return error;
}

int account_load_session(const char *dir, const struct config *config, const char *name, struct session *ret,
                         char **ret_why) {
        int r = session_load(dir, name, ret);

        if (r == -ENOENT && account_needs_no_session(config, name))
                *ret = (struct session){ .user_id = NULL };
        else if (r < 0)
                return refuse(name, r, describe_session(dir, name, r), ret_why);
        r = session_token_from_credentials(name, ret);
        if (r < 0) {
                session_done(ret);
                return refuse(name, r, describe_credential(name, r), ret_why);
        }
        return r;
}
