/* busyctl login: the one command that needs no daemon. Secrets come from the terminal or from stdin, never from the
 * arguments, where others could read them. What is there already is replaced only after the new session works. */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "busyctl/bus.h"
#include "busyctl/print.h"
#include "busyctl/prompt.h"
#include "busyctl/sessions.h"
#include "config/config.h"
#include "matrix/client/login.h"
#include "state/folder.h"

struct login {
        const struct args *args;
        char *folder, *name, *user, *secret;
        struct session old, new; /* old.user_id NULL: none */
        sd_event *event;
};

static void login_done(struct login *l) {
        free(l->folder);
        free(l->name);
        free(l->user);
        token_free(l->secret);
        session_done(&l->old);
        session_done(&l->new);
        sd_event_unref(l->event);
}

static bool by_password(const struct args *a) {
        return !a->token_stdin && !a->access_token_stdin;
}

static enum exit_code check_args(const struct args *a) {
        const char *name = a->n_rest > 0 ? a->rest[0] : NULL;

        if (a->password_stdin + a->token_stdin + a->access_token_stdin > 1)
                complain("Give only one of --password-stdin, --token-stdin and --access-token-stdin.");
        else if (name && !account_name_is_valid(name))
                complain("\"%s\" cannot name an account: only letters, digits, - and _, at most %d.", name,
                         ACCOUNT_NAME_MAX - 1);
        else if (a->user && a->user[0] != '@' && !a->homeserver)
                complain("\"%s\" is no Matrix ID: write it as @me:example.org, or give --homeserver too.", a->user);
        else if (!a->user && !a->homeserver && !by_password(a))
                complain("Whose token is it? Give --user @me:example.org or --homeserver.");
        else
                return CTL_OK;
        return CTL_USAGE;
}

static enum exit_code asked_in_vain(int r, const char *what, const char *otherwise) {
        if (r == -ENXIO)
                complain("There is no terminal to ask for the %s on: give %s.", what, otherwise);
        else if (r == -ECANCELED)
                complain("No %s was given.", what);
        else
                complain("Cannot read the %s: %s", what, strerror(-r));
        return r == -ENXIO ? CTL_USAGE : CTL_FAILED;
}

static enum exit_code ask_user(struct login *l) {
        int r = 0;

        if (l->args->user)
                l->user = strdup(l->args->user);
        else if (by_password(l->args))
                r = prompt(l->args->homeserver ? "User name: " : "Matrix ID, like @me:example.org: ", PROMPT_SHOWN,
                           &l->user);
        if (r < 0)
                return asked_in_vain(r, "Matrix ID", "--user");
        if (l->user && l->user[0] != '@' && !l->args->homeserver) {
                complain("\"%s\" is no Matrix ID: it begins with @ and ends with the server, like @me:example.org.",
                         l->user);
                return CTL_FAILED;
        }
        return CTL_OK;
}

static enum exit_code ask_secret(struct login *l) {
        const struct args *a = l->args;
        bool typed = by_password(a) && !a->password_stdin;
        int r = typed ? prompt("Password: ", PROMPT_HIDDEN, &l->secret) : secret_from_stdin(&l->secret);

        return r < 0 ? asked_in_vain(r, by_password(a) ? "password" : "token", "--password-stdin") : CTL_OK;
}

static enum exit_code find_name(struct login *l, const char *user_id) {
        char *name = NULL;
        int r = sessions_name_for(l->folder, user_id, &name);

        if (r == -E2BIG)
                complain("There are %d accounts already; log one out first: busyctl logout NAME", ACCOUNTS_MAX);
        else if (r < 0)
                complain("Cannot read %s: %s", l->folder, strerror(-r));
        l->name = name;
        return r < 0 ? CTL_FAILED : CTL_OK;
}

/* What is to be replaced must be of the same user: the daemon may owe something to the other one. */
static enum exit_code check_old(const struct login *l, const char *user) {
        if (!l->old.user_id || session_may_be_of(&l->old, user))
                return CTL_OK;
        complain("The account \"%s\" is %s. Give another name, or log that out first: busyctl logout %s", l->name,
                 l->old.user_id, l->name);
        return CTL_FAILED;
}

static enum exit_code load_old(struct login *l) {
        struct session old = { .user_id = NULL };
        int r = session_load(l->folder, l->name, &old);

        l->old = old;
        if (r < 0 && r != -ENOENT && r != -EBADMSG) {
                complain("Cannot read the session of \"%s\" in %s: %s", l->name, l->folder, strerror(-r));
                return CTL_FAILED;
        }
        return check_old(l, l->user);
}

/* Folder, user, name and what is there already. The name may stay open until the server has said who we are. */
static enum exit_code prepare(struct login *l) {
        int r = state_folder(&l->folder);
        enum exit_code code;

        if (r < 0) {
                complain("Where is your home? HOME is not set.");
                return CTL_FAILED;
        }
        code = ask_user(l);
        if (code != CTL_OK)
                return code;
        if (l->args->n_rest > 0) {
                l->name = strdup(l->args->rest[0]);
                if (!l->name)
                        return CTL_FAILED;
        } else if (l->user && l->user[0] == '@') {
                code = find_name(l, l->user);
                if (code != CTL_OK)
                        return code;
        }
        return l->name ? load_old(l) : CTL_OK;
}

static void on_progress(const char *line, void *userdata) {
        (void) fprintf(stderr, "%s\n", line);
}

static void on_done(const struct session *s, const char *problem, void *userdata) {
        struct login *l = userdata;

        if (s)
                l->new = (struct session){
                        .homeserver = strdup(s->homeserver),
                        .user_id = strdup(s->user_id),
                        .device_id = strdup(s->device_id ? s->device_id : ""),
                        .access_token = strdup(s->access_token),
                };
        else
                complain("%s", problem);
        (void) sd_event_exit(l->event, 0);
}

static void ignore_problem(const char *sentence, void *userdata) {
}

/* On the event loop until it is through; l->new.user_id tells how it went. */
static int ask_server(struct login *l, const char *ca_file) {
        const struct args *a = l->args;
        struct matrix_login_options options = {
                .user = l->user,
                .homeserver = a->homeserver,
                .password = by_password(a) ? l->secret : NULL,
                .login_token = a->token_stdin ? l->secret : NULL,
                .access_token = a->access_token_stdin ? l->secret : NULL,
                .device_id = l->old.device_id && l->old.device_id[0] ? l->old.device_id : NULL,
        };
        SCOPED(http_free) struct http *http = NULL;
        SCOPED(matrix_login_free) struct matrix_login *login = NULL;
        int r = sd_event_new(&l->event);

        if (r >= 0)
                r = http_new(&http, l->event, ca_file);
        if (r >= 0)
                r = matrix_login_start(&login, l->event, http, &options, on_progress, on_done, l);
        return r < 0 ? r : sd_event_loop(l->event);
}

static enum exit_code log_in(struct login *l) {
        SCOPED(config_free) struct config *config = NULL;
        int r = config_load(&config, NULL, ignore_problem, NULL);

        r = ask_server(l, r >= 0 ? config_account(config, l->name ? l->name : "default")->ca_file : NULL);
        if (r < 0)
                complain("Cannot log in: %s", strerror(-r));
        return r >= 0 && l->new.user_id && l->new.access_token ? CTL_OK : CTL_FAILED;
}

static enum exit_code store(struct login *l) {
        enum exit_code code = CTL_OK;
        int r;

        if (!l->name)
                code = find_name(l, l->new.user_id);
        if (code == CTL_OK)
                code = check_old(l, l->new.user_id);
        if (code != CTL_OK)
                return code;
        r = session_save(l->folder, l->name, &l->new);
        if (r >= 0)
                return CTL_OK;
        complain("Cannot store the session in %s: %s", l->folder, strerror(-r));
        return CTL_FAILED;
}

static void report(const struct ctl *c, const struct login *l, enum exit_code taken_up) {
        if (c->json) {
                json_t *doc = json_pack("{s:s, s:s, s:s, s:s}", "name", l->name, "user_id", l->new.user_id,
                                        "device_id", l->new.device_id, "homeserver", l->new.homeserver);

                print_json(doc);
                json_decref(doc);
                return;
        }
        printf("Logged in as %s, device %s; the account is called \"%s\".\n", l->new.user_id, l->new.device_id,
               l->name);
        if (taken_up == CTL_UNREACHABLE)
                printf("busyd is not running. Start it with: systemctl --user enable --now busyd\n");
}

/* A Matrix ID is what people type; it says the server, and names the account. */
static enum exit_code take_user(struct args *a) {
        if (a->n_rest == 0 || a->rest[0][0] != '@')
                return CTL_OK;
        if (a->user && !streq(a->user, a->rest[0])) {
                complain("Who is it, \"%s\" or \"%s\"?", a->rest[0], a->user);
                return CTL_USAGE;
        }
        a->user = a->rest[0];
        a->rest++;
        a->n_rest--;
        return CTL_OK;
}

enum exit_code verb_login(struct ctl *c, const struct args *a) {
        struct args args = *a;
        struct login l = { .args = &args };
        enum exit_code code = take_user(&args);

        if (code == CTL_OK)
                code = check_args(&args);
        if (code == CTL_OK)
                code = prepare(&l);
        if (code == CTL_OK)
                code = ask_secret(&l);
        if (code == CTL_OK)
                code = log_in(&l);
        if (code == CTL_OK)
                code = store(&l);
        if (code == CTL_OK) {
                enum exit_code taken_up = bus_sessions_changed(c);

                report(c, &l, taken_up);
                code = taken_up == CTL_FAILED ? CTL_FAILED : CTL_OK;
        }
        login_done(&l);
        return code;
}
