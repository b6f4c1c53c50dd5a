/* busyctl login: the one command that needs no daemon. Secrets come from the terminal or from stdin, never from the
 * arguments, where others could read them. What is there already is replaced only after the new session works.
 * Whatever ends it before that leaves no session behind. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "busyctl/browser.h"
#include "busyctl/bus.h"
#include "busyctl/examine.h"
#include "busyctl/findings.h"
#include "busyctl/keep.h"
#include "busyctl/listener.h"
#include "busyctl/offer.h"
#include "busyctl/print.h"
#include "busyctl/prompt.h"
#include "busyctl/qr.h"
#include "busyctl/sessions.h"
#include "config/config.h"
#include "matrix/client/api.h"
#include "matrix/client/login.h"
#include "state/folder.h"
#include "state/state.h"
#include "util/clock.h"
#include "util/text.h"

#ifdef WITH_BROWSER_LOGIN
#define CAN_LISTEN true
#else
#define CAN_LISTEN false
#endif

struct login {
        const struct args *args;
        char *folder, *name, *user, *secret;
        struct session old, new; /* old.user_id NULL: none */
        bool json;
        bool in_keyring; /* the tokens are to be kept there */
        sd_event *event;
        sigset_t ending;  /* the signals that end us in good order while the server is asked */
        json_t *examined; /* what works on the account, NULL: not known */
        struct matrix_login *login;
        struct listener *listener; /* NULL: no browser is to come back to this machine */
        bool over;
        int interrupted;     /* the signal, 0: none */
        enum exit_code code; /* of what has failed */
};

static const struct {
        const char *name;
        enum matrix_login_way way;
} ways[] = {
        { "device", MATRIX_LOGIN_DEVICE },
        { "browser", MATRIX_LOGIN_BROWSER },
        { "password", MATRIX_LOGIN_PASSWORD },
        { "sso", MATRIX_LOGIN_SSO },
};

static void login_done(struct login *l) {
        free(l->folder);
        free(l->name);
        free(l->user);
        erase_and_free(l->secret);
        session_done(&l->old);
        session_done(&l->new);
        json_decref(l->examined);
        sd_event_unref(l->event);
}

static bool by_token(const struct args *a) {
        return a->token_stdin || a->access_token_stdin;
}

/* The way that was asked for by name; -EINVAL: there is none of that name. */
static int way_of(const struct args *a, enum matrix_login_way *ret) {
        *ret = MATRIX_LOGIN_ANY;
        for (size_t i = 0; a->with && i < ARRAY_SIZE(ways); i++)
                if (streq(a->with, ways[i].name))
                        *ret = ways[i].way;
        return a->with && *ret == MATRIX_LOGIN_ANY ? -EINVAL : 0;
}

/* Whoever leaves out a part of it, or pastes an address of it, means a Matrix ID all the same. */
static bool is_nearly_an_id(const char *text) {
        return text[0] == '@' ? text[1] == ':' || text[1] == '\0' : strpbrk(text, "@:") != NULL;
}

static void complain_of_name(const char *name) {
        complain("\"%s\" cannot name an account: only letters, digits, - and _, at most %d.", name,
                 ACCOUNT_NAME_NEW_MAX);
}

static enum exit_code check_args(const struct args *a) {
        const char *name = a->n_rest > 0 ? a->rest[0] : NULL;
        enum matrix_login_way way;

        if (a->password_stdin + a->token_stdin + a->access_token_stdin > 1)
                complain("Give only one of --password-stdin, --token-stdin and --access-token-stdin.");
        else if (way_of(a, &way) < 0)
                complain("\"%s\" is no way to log in: give --with device, browser, password or sso.", a->with);
        else if (a->with && way != MATRIX_LOGIN_PASSWORD && (a->password_stdin || by_token(a)))
                complain("A login in a browser reads no secret: leave out one of the two.");
        else if (a->keep_in && !streq(a->keep_in, "keyring") && !streq(a->keep_in, "file"))
                complain("\"%s\" is no place for the tokens: give --keep-in keyring or --keep-in file.", a->keep_in);
        else if ((name && is_nearly_an_id(name)) || (a->user && a->user[0] == '@' && is_nearly_an_id(a->user)))
                complain("\"%s\" is no Matrix ID: write it as @me:example.org.",
                         name && is_nearly_an_id(name) ? name : a->user);
        else if (name && !account_name_is_valid(name))
                complain_of_name(name);
        else if (a->user && a->user[0] != '@' && !a->homeserver)
                complain("\"%s\" is no Matrix ID: write it as @me:example.org, or give --homeserver too.", a->user);
        else if (!a->user && !a->homeserver && !name && by_token(a))
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

/* Of whose account the name was given: it is that user again. */
static bool is_again(const struct login *l) {
        return l->args->n_rest > 0 && !l->args->user && l->old.user_id;
}

static enum exit_code ask_user(struct login *l) {
        int r = 0;

        if (l->args->user)
                l->user = strdup(l->args->user);
        else if (is_again(l))
                l->user = strdup(l->old.user_id);
        else if (!l->args->homeserver || l->args->password_stdin)
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

/* What comes on stdin; a password that is typed is asked for once it is known that the server takes one. */
static enum exit_code read_secret(struct login *l) {
        const struct args *a = l->args;
        int r = a->password_stdin || by_token(a) ? secret_from_stdin(&l->secret) : 0;

        return r < 0 ? asked_in_vain(r, a->password_stdin ? "password" : "token", "--password-stdin") : CTL_OK;
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
        if (r < 0 && r != -ENOENT && !session_is_useless(r)) {
                sessions_complain(l->folder, l->name, r);
                return CTL_FAILED;
        }
        if (r == -ENOENT && strlen(l->name) > ACCOUNT_NAME_NEW_MAX) {
                complain_of_name(l->name);
                return CTL_USAGE;
        }
        return CTL_OK;
}

/* Who is logged in already and only said the first part of their Matrix ID is the same user again, on the same device.
 */
static void know_again(struct login *l) {
        char *user_id = NULL;

        if (!l->user || l->user[0] == '@' || !l->args->homeserver ||
            sessions_user_of(l->folder, l->user, l->args->homeserver, &user_id) <= 0)
                return;
        free(l->user);
        l->user = user_id;
}

/* Folder, user, name and what is there already. The name may stay open until the server has said who we are. */
static enum exit_code prepare(struct login *l) {
        int r = state_folder(&l->folder);
        enum exit_code code = CTL_OK;

        if (r < 0) {
                complain("Where is your home? HOME is not set.");
                return CTL_FAILED;
        }
        if (l->args->n_rest > 0) {
                l->name = strdup(l->args->rest[0]);
                code = l->name ? load_old(l) : CTL_FAILED;
        }
        if (code == CTL_OK)
                code = ask_user(l);
        if (code == CTL_OK && !l->name)
                know_again(l);
        if (code == CTL_OK && !l->name && l->user && l->user[0] == '@') {
                code = find_name(l, l->user);
                if (code == CTL_OK)
                        code = load_old(l);
        }
        return code == CTL_OK ? check_old(l, l->user) : code;
}

static void on_progress(const char *line, void *userdata) {
        (void) fprintf(stderr, "%s\n", line);
}

static enum exit_code refuse_keyring(const char *problem) {
        complain(
                "The tokens cannot be kept in the keyring: %s. To keep them in a file that only you can read: busyctl "
                "login --keep-in file",
                problem);
        return CTL_FAILED;
}

/* Before the server is asked for anything, and the user for a password: what it gives has to be put somewhere. */
static enum exit_code choose_place(struct login *l) {
        const char *wanted = l->args->keep_in, *problem;
        int r = keep_try(l->folder);

        if (r < 0) {
                complain("A session could not be written down in %s: %s. %s, then log in", l->folder, strerror(-r),
                         r == -ENOSPC || r == -EDQUOT
                                 ? "Make room there"
                                 : "See that this folder can be written to, or name another place "
                                   "by XDG_STATE_HOME");
                return CTL_FAILED;
        }
        if (wanted && streq(wanted, "file"))
                return CTL_OK;
        l->in_keyring = keep_probe(isatty(STDIN_FILENO), &problem) >= 0;
        if (l->in_keyring)
                return CTL_OK;
        if (wanted)
                return refuse_keyring(problem);
        (void) fprintf(stderr, "The tokens will be kept in a file that only you can read: %s\n", problem);
        return CTL_OK;
}

static int on_ask_password(bool ask_user, char **ret_user, char **ret_password, void *userdata) {
        struct login *l = userdata;
        sigset_t ours;
        int r;

        /* A signal ends us while this is typed, as everywhere else: there is nothing on the server yet. */
        (void) sigprocmask(SIG_UNBLOCK, &l->ending, &ours);
        r = ask_user ? prompt("User name: ", PROMPT_SHOWN, ret_user) : 0;

        if (r >= 0)
                r = prompt("Password: ", PROMPT_HIDDEN, ret_password);
        (void) sigprocmask(SIG_SETMASK, &ours, NULL);
        if (r < 0)
                l->code = asked_in_vain(r, "password", "--password-stdin");
        return r;
}

/* A line by itself, to be read while the rest is waited for. */
static void show_json(json_t *doc) {
        (void) json_dumpf(doc, stdout, JSON_COMPACT);
        (void) fputc('\n', stdout);
        (void) fflush(stdout);
        json_decref(doc);
}

static void on_show(const struct oauth_code *code, void *userdata) {
        const struct login *l = userdata;
        const char *address = code->complete ? code->complete : code->address;
        char lasts[64];

        if (l->json) {
                show_json(json_pack("{s:s, s:s*, s:s, s:I}", "verification_uri", code->address,
                                    "verification_uri_complete", code->complete, "user_code", code->code, "expires_in",
                                    (json_int_t) (code->lasts / USEC_PER_SEC)));
                return;
        }
        (void) fprintf(stderr, "\nOpen this address in a browser, on this machine or any other:\n\n    %s\n\n",
                       address);
        qr_print(stderr, address);
        (void) fprintf(stderr, "%s\n\n    %s\n\n",
                       code->complete ? "It shows this code:" : "and give it this code:", code->code);
        (void) fprintf(stderr, "Waiting until you have said yes there. The code is good for %s; Ctrl-C ends this.\n",
                       format_duration(lasts, sizeof(lasts), code->lasts));
}

/* ---- a browser on this machine ---- */

static enum listener_page on_asked(listener_value_t value, void *request, void *userdata) {
        struct login *l = userdata;

        switch (l->over ? TRIP_STRANGE : matrix_login_returned(l->login, value, request)) {
        case TRIP_BACK:
                return LISTENER_DONE;
        case TRIP_REFUSED:
                return LISTENER_REFUSED;
        case TRIP_STRANGE:
                break;
        }
        return LISTENER_NOT_FOUND;
}

static void on_answered(void *userdata) {
        struct login *l = userdata;

        if (!l->over)
                matrix_login_go_on(l->login);
}

static void on_overrun(void *userdata) {
        struct login *l = userdata;

        if (!l->over)
                matrix_login_deafened(l->login, "something on this machine sends requests to busyctl that are not the "
                                                "browser's: find out what it is, then try again");
}

static int on_listen(const char *path, char **ret_origin, void *userdata) {
        const struct listener_handler handler = { on_asked, on_answered, on_overrun, userdata };
        struct login *l = userdata;
        int r = listener_new(&l->listener, l->event, path, &handler);

        if (r < 0)
                return r;
        *ret_origin = strdup(listener_origin(l->listener));
        return *ret_origin ? 0 : -ENOMEM;
}

static void on_open(const char *address, usec_t lasts, void *userdata) {
        const struct login *l = userdata;
        const char *port = strrchr(listener_origin(l->listener), ':') + 1;
        char time[64];

        if (l->json) {
                show_json(json_pack("{s:s, s:I}", "authorization_uri", address, "expires_in",
                                    (json_int_t) (lasts / USEC_PER_SEC)));
                return;
        }
        (void) fprintf(stderr, "\nOpen this address in a browser on this machine:\n\n    %s\n\n", address);
        if (browser_is_elsewhere())
                (void) fprintf(stderr,
                               "Over ssh, the browser of the other machine gets here once that has run:\n\n"
                               "    ssh -L %s:127.0.0.1:%s THIS-MACHINE\n\n"
                               "Without it, try --with device or --with password.\n\n",
                               port, port);
        else if (browser_open(address))
                (void) fprintf(stderr, "Your browser has been asked to open it.\n");
        (void) fprintf(stderr, "Waiting until you have logged in there, for %s at most; Ctrl-C ends this.\n",
                       format_duration(time, sizeof(time), lasts));
}

/* ---- the end ---- */

static void on_done(const struct session *s, const char *problem, void *userdata) {
        struct login *l = userdata;

        l->over = true;
        if (s && session_copy(&l->new, s) >= 0)
                return;
        if (l->code == CTL_OK)
                complain("%s", s ? strerror(ENOMEM) : problem);
        if (l->code == CTL_OK)
                l->code = CTL_FAILED;
}

/* What the server has given by then is ended there first; a second one ends us at once. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        struct login *l = userdata;

        if (l->interrupted) {
                (void) sd_event_exit(l->event, 0);
                l->over = true;
                return 0;
        }
        l->interrupted = (int) si->ssi_signo;
        if (!l->over)
                matrix_login_interrupt(l->login);
        return 0;
}

static void ignore_problem(const char *sentence, void *userdata) {
}

static int watch_signals(struct login *l) {
        static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
        int r = 0;

        (void) sigemptyset(&l->ending);
        for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
                (void) sigaddset(&l->ending, ending[i]);
        if (sigprocmask(SIG_BLOCK, &l->ending, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(ending) && r >= 0; i++)
                r = sd_event_add_signal(l->event, NULL, ending[i], on_signal, l);
        return r;
}

static int run_until_over(struct login *l) {
        int r = 0;

        while (!l->over && r >= 0) {
                usec_t now = clock_now(), next = matrix_login_run(l->login, now);

                if (!l->over)
                        r = sd_event_run(l->event, next == USEC_NEVER ? UINT64_MAX : next - usec_min(next, now));
        }
        return r;
}

/* By OAuth a login is a device of its own, as servers like it best. But where one is there already that has caught a
 * busy, nobody but the same device can release it, not even once its session is over. */
static const char *device_again(const struct login *l) {
        const char *id = l->old.device_id;

        if (!id || !*id || (l->old.client_id && state_owes(l->folder, l->name) <= 0))
                return NULL;
        return id;
}

/* On the event loop until it is through; l->code and l->new tell how it went. */
static int ask_server(struct login *l, const char *ca_file) {
        const struct args *a = l->args;
        struct matrix_login_options options = {
                .user = l->user,
                .homeserver = is_again(l) && !a->homeserver ? l->old.homeserver : a->homeserver,
                .password = a->password_stdin ? l->secret : NULL,
                .login_token = a->token_stdin ? l->secret : NULL,
                .access_token = a->access_token_stdin ? l->secret : NULL,
                .device_id = device_again(l),
        };
        const struct matrix_login_handler handler = {
                .progress = on_progress,
                .ask_password = on_ask_password,
                .show = on_show,
                .listen = CAN_LISTEN ? on_listen : NULL,
                .open = on_open,
                .done = on_done,
                .userdata = l,
        };
        SCOPED(http_free) struct http *http = NULL;
        int r = sd_event_new(&l->event);

        (void) way_of(a, &options.way);
        if (r >= 0)
                r = http_new(&http, l->event, ca_file);
        if (r >= 0)
                r = watch_signals(l);
        if (r >= 0)
                r = matrix_login_start(&l->login, l->event, http, &options, &handler);
        if (r >= 0)
                r = run_until_over(l);
        l->listener = listener_free(l->listener);
        l->login = matrix_login_free(l->login);
        return r;
}

static enum exit_code log_in(struct login *l) {
        SCOPED(config_free) struct config *config = NULL;
        int r = config_load(&config, NULL, ignore_problem, NULL);

        r = ask_server(l, r >= 0 ? config_account(config, l->name ? l->name : "default")->ca_file : NULL);
        if (r < 0)
                complain("Cannot log in: %s", strerror(-r));
        if (l->code != CTL_OK)
                return l->code;
        return r >= 0 && l->new.user_id && l->new.access_token ? CTL_OK : CTL_FAILED;
}

/* busyd may have renewed its tokens while the user was in the browser: those of now end it. */
static void load_replaced(struct login *l) {
        struct session now = { .user_id = NULL };
        const char *problem;
        int r = keep_load(l->folder, l->name, /* ask= */ false, &now, &problem);

        if (r < 0 && r != -ENOKEY)
                return;
        session_done(&l->old);
        l->old = now;
}

static void on_revoked(const struct oauth_reply *reply, void *userdata) {
        struct login *l = userdata;

        l->over = true;
}

static void on_logged_out(const struct matrix_reply *reply, void *userdata) {
        struct login *l = userdata;

        l->over = true;
}

/* Of one that nobody has any more the server may think what it likes. */
static void end_session(struct login *l, const struct session *s) {
        SCOPED(http_free) struct http *http = NULL;
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        SCOPED(config_free) struct config *config = NULL;
        struct http_request *request;
        sd_event *event = NULL;
        int r = config_load(&config, NULL, ignore_problem, NULL);

        l->over = false;
        if (r >= 0)
                r = sd_event_new(&event);
        if (r >= 0)
                r = http_new(&http, event, config_account(config, l->name ? l->name : "default")->ca_file);
        if (r >= 0 && s->client_id)
                r = oauth_revoke(http, s, on_revoked, l, &request);
        else if (r >= 0)
                r = matrix_client_new(&client, http, s->homeserver, s->access_token);
        if (r >= 0 && client)
                r = matrix_logout_post(client, on_logged_out, l, &request);
        while (r >= 0 && !l->over)
                r = sd_event_run(event, UINT64_MAX);
        client = matrix_client_free(client);
        http = http_free(http);
        sd_event_unref(event);
}

/* By OAuth each login is a device of its own, if it can be: the one that is replaced would stay behind, for others to
 * wonder at. */
static void end_replaced(struct login *l) {
        if (!l->old.client_id || !*l->old.access_token || streq(l->old.device_id, l->new.device_id))
                return;
        on_progress("Ending the session of before", l);
        end_session(l, &l->old);
}

/* ... also with the new one: one that was there before is the user's. */
static void end_new(struct login *l) {
        if (l->args->access_token_stdin)
                return;
        on_progress("Ending the new session, as it cannot be kept", l);
        end_session(l, &l->new);
}

/* Whoever says no there, or has asked for the keyring by its name, does not find the tokens in a file. Elsewhere one
 * that has gone since it was looked at is told of, and a file used. */
static enum exit_code put_in_keyring(struct login *l) {
        const struct keep_patience patience = { l->event, &l->interrupted };
        const char *problem;
        int r = keep_new_entry(&l->new.keyring_id);

        if (r < 0) {
                complain("Cannot name an entry in the keyring: %s", strerror(-r));
                return CTL_FAILED;
        }
        r = keep_put(&l->new, isatty(STDIN_FILENO) ? &patience : NULL, &problem);
        if (r >= 0)
                return CTL_OK;
        if (r == -EINTR)
                complain("interrupted; nothing has been kept");
        else if (r != -ENOKEY || l->args->keep_in)
                return refuse_keyring(problem);
        else {
                complain("The tokens cannot be kept in the keyring any more: %s. They are in a file that only you can "
                         "read until busyd can move them",
                         problem);
                l->in_keyring = false;
                return CTL_OK;
        }
        return CTL_FAILED;
}

static int save(const struct login *l) {
        return l->in_keyring ? session_save_bare(l->folder, l->name, &l->new)
                             : session_save(l->folder, l->name, &l->new);
}

/* The lock is nothing to hold while somebody is asked. */
static enum exit_code store(struct login *l) {
        enum exit_code code = CTL_OK;
        int r, lock;

        if (!l->name)
                code = find_name(l, l->new.user_id);
        if (code == CTL_OK)
                code = check_old(l, l->new.user_id);
        if (code == CTL_OK && l->in_keyring)
                code = put_in_keyring(l);
        if (code != CTL_OK)
                return code;
        lock = sessions_lock(l->folder, l->name);
        load_replaced(l);
        r = save(l);
        /* A folder cannot be replaced. */
        if (r == -EISDIR && session_remove(l->folder, l->name) >= 0)
                r = save(l);
        session_unlock(lock);
        if (r >= 0)
                return CTL_OK;
        complain("Cannot store the session in %s: %s", l->folder, strerror(-r));
        (void) keep_forget(&l->new, &(const char *){ NULL });
        return CTL_FAILED;
}

/* What the account is good for; the login stands, whatever comes of it. */
static void examine(struct login *l, bool running) {
        SCOPED(config_free) struct config *config = NULL;
        sd_event *event = NULL;

        on_progress("Looking at what works with this account", l);
        if (config_load(&config, NULL, ignore_problem, NULL) >= 0 && sd_event_new(&event) >= 0)
                l->examined =
                        examine_account(event, l->folder, l->name, config_account(config, l->name), running, NULL);
        sd_event_unref(event);
}

static void report(const struct ctl *c, const struct login *l, enum exit_code taken_up) {
        if (c->json) {
                json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kept_in", l->in_keyring ? "keyring" : "file",
                                        "name", l->name, "user_id", l->new.user_id, "device_id", l->new.device_id,
                                        "homeserver", l->new.homeserver);

                (void) json_object_set_new(doc, "account", l->examined ? json_incref(l->examined) : json_null());
                print_json(doc);
                json_decref(doc);
                return;
        }
        printf("Logged in as %s, device %s; the account is called \"%s\".\n", l->new.user_id, l->new.device_id,
               l->name);
        if (l->in_keyring)
                printf("Its tokens are in your keyring.\n");
        findings_print(l->examined);
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
        struct login l = { .args = &args, .json = c->json };
        enum exit_code code = take_user(&args);

        (void) sigemptyset(&l.ending);
        if (code == CTL_OK)
                code = check_args(&args);
        if (code == CTL_OK)
                code = prepare(&l);
        if (code == CTL_OK)
                code = choose_place(&l);
        if (code == CTL_OK)
                code = read_secret(&l);
        if (code == CTL_OK)
                code = log_in(&l);
        if (code == CTL_OK) {
                code = store(&l);
                if (code != CTL_OK)
                        end_new(&l);
        }
        /* What is stored stays: from here on a signal only ends us. */
        (void) sigprocmask(SIG_UNBLOCK, &l.ending, NULL);
        if (code == CTL_OK) {
                enum exit_code taken_up = bus_sessions_changed(c);

                end_replaced(&l);
                (void) keep_forget(&l.old, &(const char *){ NULL });
                (void) keep_crypto_forget_other(l.folder, l.name, &l.new, &(const char *){ NULL });
                examine(&l, taken_up != CTL_UNREACHABLE);
                report(c, &l, taken_up);
                code = offer_to_verify(c, l.folder, l.name, l.examined);
                if (taken_up == CTL_FAILED)
                        code = CTL_FAILED;
        }
        login_done(&l);
        return code;
}
