/* busyctl cure: sets up, and undoes, what takes back a busy that other clients of the user keep. The token stays here,
 * so that nobody has to copy it; the registration goes to whoever runs the homeserver. */
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
static int only_account(const char *folder, const char *what, char **ret) {
        char **names = NULL;
        int n = session_names(folder, &names), r = n;

        if (n == 1)
                r = (*ret = strdup(names[0])) ? 0 : -ENOMEM;
        else if (n == 0)
                complain("Nobody is logged in here; first: busyctl login");
        else if (n > 1)
                complain("There are several accounts; say which: busyctl cure %s NAME", what);
        session_names_free(names);
        return n == 1 || n < 0 ? r : -ECANCELED;
}

/* A second token would make the registration that the server may have by now useless. */
static bool may_replace(const char *folder, const char *name, bool force) {
        SCOPED(erase_and_free) char *token = NULL;
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

static void warn_of_configured(const char *name, const char *used) {
        SCOPED(config_free) struct config *config = NULL;

        if (config_load(&config, NULL, ignore_problem, NULL) >= 0 &&
            config_account(config, name)->appservice_token_file)
                complain("busyd.conf names another token for \"%s\"; it is used %s.", name, used);
}

/* busyd need not run, and if it does not, is not started for this. */
static void tell_busyd(void) {
        struct ctl quiet = { .when_absent = ABSENT_LEAVE, .quiet = true };

        (void) bus_sessions_changed(&quiet);
        bus_close(&quiet);
}

static enum exit_code print_registration(const char *folder, const char *name, bool force) {
        SCOPED(session_done) struct session s = { .user_id = NULL };
        SCOPED(registration_done) struct registration registration = { .user_id = NULL };
        int r = session_load(folder, name, &s);

        if (r == -EINVAL || r == -ENOENT) {
                complain("There is no account \"%s\" here; see: busyctl accounts", name);
                return CTL_FAILED;
        }
        if (r < 0) {
                sessions_complain(folder, name, r);
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
        warn_of_configured(name, "until appservice-token-file is gone");
        complain("The token is kept in %s/as-token-%s. The server's administrator still has to take up what was "
                 "printed; whether that is done says: busyctl doctor. To undo it here: busyctl cure remove %s",
                 folder, name, name);
        tell_busyd();
        return CTL_OK;
}

/* What cannot be read is removed all the same. */
static enum exit_code forget_cure(const char *folder, const char *name) {
        SCOPED(erase_and_free) char *token = NULL;
        int r = secret_load(folder, name, NULL, &token);

        if (r == 0 || r == -EINVAL) {
                complain("There is no cure of \"%s\" here; see: busyctl accounts", name);
                return CTL_FAILED;
        }
        r = secret_remove(folder, name);
        if (r < 0) {
                complain("Cannot remove %s/as-token-%s: %s", folder, name, strerror(-r));
                return CTL_FAILED;
        }
        complain("The token is gone. On the server its registration stays until the administrator takes it out of "
                 "app_service_config_files.");
        warn_of_configured(name, "still");
        tell_busyd();
        return CTL_OK;
}

enum exit_code verb_cure(struct ctl *c, const struct args *a) {
        SCOPED(free) char *folder = NULL, *only = NULL;
        const char *what = a->rest[0];
        int r;

        if (!streq(what, "print-registration") && !streq(what, "remove")) {
                complain("\"%s\" is nothing that cure can do; see: busyctl cure --help", what);
                return CTL_USAGE;
        }
        r = state_folder(&folder);
        if (r >= 0 && a->n_rest < 2)
                r = only_account(folder, what, &only);
        else if (r >= 0)
                r = sessions_name_of(folder, a->rest[1], &only);
        if (r == -ECANCELED)
                return CTL_FAILED;
        if (r < 0) {
                complain("Cannot find the accounts: %s", strerror(-r));
                return CTL_FAILED;
        }
        return streq(what, "remove") ? forget_cure(folder, only) : print_registration(folder, only, a->force);
}
