/* busyctl cure: sets up what takes back a busy that other clients of the user keep. The token stays here, so that
 * nobody has to copy it; the registration goes to whoever runs the homeserver. */
#include <errno.h>
#include <stdio.h>

#include "busyctl/bus.h"
#include "busyctl/print.h"
#include "busyctl/registration.h"
#include "busyctl/sessions.h"
#include "config/config.h"
#include "state/secret.h"
#include "state/folder.h"

static void ignore_problem(const char *sentence, void *userdata) {
}

/* The account that is meant, where there is only one. The caller frees. */
static int only_account(const char *folder, char **ret) {
        char **names = NULL;
        int n = session_names(folder, &names), r = n;

        if (n == 1)
                r = (*ret = strdup(names[0])) ? 0 : -ENOMEM;
        else if (n == 0)
                complain("Nobody is logged in here; first: busyctl login");
        else if (n > 1)
                complain("There are several accounts; say which: busyctl cure print-registration NAME");
        session_names_free(names);
        return n == 1 || n < 0 ? r : -ECANCELED;
}

/* A second token would make the registration that the server may have by now useless. */
static bool may_replace(const char *folder, const char *name, bool force) {
        SCOPED(token_free) char *token = NULL;
        int r = force ? 0 : secret_load(folder, name, NULL, &token);

        if (r > 0)
                complain("A registration was printed for \"%s\" before, and would be of no use any more. To print a "
                         "new one all the same: busyctl cure --force print-registration %s",
                         name, name);
        else if (r < 0)
                complain("%s/as-token-%s cannot be used: %s. To replace it: busyctl cure --force print-registration "
                         "%s",
                         folder, name, secret_problem(r), name);
        return r == 0;
}

static void warn_of_configured(const char *name) {
        SCOPED(config_free) struct config *config = NULL;

        if (config_load(&config, NULL, ignore_problem, NULL) >= 0 &&
            config_account(config, name)->appservice_token_file)
                complain("busyd.conf names another token for \"%s\"; it is used until appservice-token-file is gone.",
                         name);
}

static enum exit_code print_registration(struct ctl *c, const char *folder, const char *name, bool force) {
        struct ctl quiet = { .when_absent = ABSENT_LEAVE, .quiet = true };
        SCOPED(session_done) struct session s = { .user_id = NULL };
        SCOPED(registration_done) struct registration registration = { .user_id = NULL };
        int r = session_load(folder, name, &s);

        if (r < 0) {
                complain("Cannot read the session of \"%s\": %s; see: busyctl accounts", name, strerror(-r));
                return CTL_FAILED;
        }
        if (!may_replace(folder, name, force))
                return CTL_FAILED;
        r = registration_make(&registration, s.user_id);
        if (r >= 0)
                r = secret_save(folder, name, registration.as_token);
        if (r < 0) {
                complain("Cannot make a registration for %s: %s", s.user_id, strerror(-r));
                return CTL_FAILED;
        }
        registration_write(&registration, stdout);
        warn_of_configured(name);
        complain("The token is kept in %s/as-token-%s. Whether the server takes it by now says: busyctl doctor",
                 folder, name);
        (void) bus_sessions_changed(&quiet);
        bus_close(&quiet);
        return CTL_OK;
}

enum exit_code verb_cure(struct ctl *c, const struct args *a) {
        SCOPED(free) char *folder = NULL, *only = NULL;
        int r;

        if (!streq(a->rest[0], "print-registration")) {
                complain("\"%s\" is nothing that cure can do; see: busyctl cure --help", a->rest[0]);
                return CTL_USAGE;
        }
        r = state_folder(&folder);
        if (r >= 0 && a->n_rest < 2)
                r = only_account(folder, &only);
        if (r == -ECANCELED)
                return CTL_FAILED;
        if (r < 0) {
                complain("Cannot find the accounts: %s", strerror(-r));
                return CTL_FAILED;
        }
        return print_registration(c, folder, only ? only : a->rest[1], a->force);
}
