/* The command line, see args.h. */
#include <errno.h>
#include <stdio.h>

#include "busyctl/args.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "util/text.h"

/* Above every character, so that they cannot be mistaken for a short option. */
enum {
        OPTION_VERSION = 256,
        OPTION_FOR,
        OPTION_UNTIL,
        OPTION_UNTIL_CALL_ENDS,
        OPTION_WAYBAR,
        OPTION_PROBE,
        OPTION_APP,
        OPTION_REASON,
        OPTION_USER,
        OPTION_HOMESERVER,
        OPTION_PASSWORD_STDIN,
        OPTION_TOKEN_STDIN,
        OPTION_ACCESS_TOKEN_STDIN,
        OPTION_WITH,
        OPTION_KEEP_IN,
        OPTION_FORCE,
        OPTION_ONCE,
        OPTION_SOURCE,
        OPTION_RECOVERY_KEY_FILE,
        OPTION_EMOJI,
};

#define GLOBAL_SHORTS "hj"
#define HISTORY_N     20
#define DURATION_MAX  (720 * USEC_PER_HOUR) /* as on the bus */
#define OPTIONS_MAX   16
#define SHORTS_MAX    16

/* A verb that is further away from what was typed is no likely slip. */
#define SLIP_MAX 2

static const struct option global_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "json", no_argument, NULL, 'j' },
        { "version", no_argument, NULL, OPTION_VERSION },
        { NULL, 0, NULL, 0 },
};

static const struct verb_option busy_options[] = {
        { { "for", required_argument, NULL, OPTION_FOR }, "D", "How long; without it until changed" },
        { { "until", required_argument, NULL, OPTION_UNTIL }, "T", "Until then, like 14:30 or \"2026-12-24 18:00\"" },
        { { "message", required_argument, NULL, 'm' }, "TEXT", "Shown instead of the configured message" },
        {},
};

static const struct verb_option free_options[] = {
        { { "for", required_argument, NULL, OPTION_FOR }, "D", "How long" },
        { { "until", required_argument, NULL, OPTION_UNTIL }, "T", "Until then, like 14:30 or \"2026-12-24 18:00\"" },
        { { "until-call-ends", no_argument, NULL, OPTION_UNTIL_CALL_ENDS },
          NULL,
          "Until the calls of now have ended" },
        {},
};

static const struct verb_option pause_options[] = {
        { { "for", required_argument, NULL, OPTION_FOR }, "D", "How long; without it until changed" },
        { { "until", required_argument, NULL, OPTION_UNTIL }, "T", "Until then, like 14:30 or \"2026-12-24 18:00\"" },
        {},
};

static const struct verb_option watch_options[] = {
        { { "waybar", no_argument, NULL, OPTION_WAYBAR }, NULL, "Lines for a custom module of waybar" },
        {},
};

static const struct verb_option doctor_options[] = {
        { { "verbose", no_argument, NULL, 'v' }, NULL, "A line for each source" },
        { { "probe", no_argument, NULL, OPTION_PROBE },
          NULL,
          "Also be busy for a moment, and see whether that shows and is given back" },
        {},
};

static const struct verb_option history_options[] = {
        { { "lines", required_argument, NULL, 'n' }, "N", "How many: 1 to 200, 20 if not given" },
        {},
};

static const struct verb_option run_options[] = {
        { { "app", required_argument, NULL, OPTION_APP },
          "NAME",
          "Shown as the application; else the name of the command" },
        { { "reason", required_argument, NULL, OPTION_REASON }, "TEXT", "Shown as what goes on" },
        {},
};

static const struct verb_option ignore_options[] = {
        { { "once", no_argument, NULL, OPTION_ONCE }, NULL, "Only the calls of now" },
        { { "source", required_argument, NULL, OPTION_SOURCE }, "NAME", "Only what this source tells of" },
        {},
};

static const struct verb_option allow_options[] = {
        { { "source", required_argument, NULL, OPTION_SOURCE }, "NAME", "Only where it was said of this source" },
        {},
};

static const struct verb_option login_options[] = {
        { { "user", required_argument, NULL, OPTION_USER }, "ID", "The Matrix ID, like @me:example.org" },
        { { "homeserver", required_argument, NULL, OPTION_HOMESERVER },
          "URL",
          "The address of the homeserver, where the server in the ID does not say it" },
        { { "with", required_argument, NULL, OPTION_WITH },
          "WAY",
          "Log in this way: device (a code for a browser anywhere), browser (here), password or sso" },
        { { "keep-in", required_argument, NULL, OPTION_KEEP_IN },
          "PLACE",
          "Keep the tokens there: keyring (the default where there is one) or file" },
        { { "password-stdin", no_argument, NULL, OPTION_PASSWORD_STDIN },
          NULL,
          "Read the password from standard input" },
        { { "token-stdin", no_argument, NULL, OPTION_TOKEN_STDIN },
          NULL,
          "Read a login token of single sign-on from there" },
        { { "access-token-stdin", no_argument, NULL, OPTION_ACCESS_TOKEN_STDIN },
          NULL,
          "Read the access token of a session from there" },
        {},
};

static const struct verb_option logout_options[] = {
        { { "force", no_argument, NULL, OPTION_FORCE }, NULL, "Forget it here, whatever stays behind" },
        {},
};

static const struct verb_option verify_options[] = {
        { { "recovery-key-file", required_argument, NULL, OPTION_RECOVERY_KEY_FILE },
          "FILE",
          "Read the recovery key or passphrase there: a file, or the number of an open file descriptor" },
        { { "emoji", no_argument, NULL, OPTION_EMOJI },
          NULL,
          "Without a recovery key: compare emoji with another session of yours" },
        {},
};

static const struct verb_option cure_options[] = {
        { { "force", no_argument, NULL, OPTION_FORCE }, NULL, "Make a new registration; the old one ends" },
        {},
};

static const struct verb_option sources_options[] = {
        { { "verbose", no_argument, NULL, 'v' }, NULL, "Also what each has looked at, and why it counts or not" },
        {},
};

static const struct verb_option why_options[] = {
        { { "verbose", no_argument, NULL, 'v' }, NULL, "Also by what it was told, and what was looked at" },
        {},
};

static const struct verb_option status_options[] = {
        { { "verbose", no_argument, NULL, 'v' }, NULL, "Also by what each call was told" },
        {},
};

const struct verb verbs[] = {
        { "status", "[-v]", "Show what busyd says of you and what each account shows (the default)", verb_status, "v",
          status_options, 0, 0, VERB_PRINTS },
        { "watch", "[--waybar]", "Print a line for every change", verb_watch, "", watch_options, 0, 0, VERB_PRINTS },
        { "why", "[-v]", "Show the evidence, and what comes back afterwards", verb_why, "v", why_options, 0, 0,
          VERB_PRINTS },
        { "history", "[-n N]", "Show the last changes, the newest first", verb_history, "n:", history_options, 0, 0,
          VERB_PRINTS },
        { "busy", "[--for D | --until T] [-m TEXT]", "Be busy, call or no call", verb_busy, "m:", busy_options, 0, 0,
          VERB_STARTS },
        { "free", "[--for D | --until T | --until-call-ends]", "Be free, also in a call", verb_free, "", free_options,
          0, 0, VERB_STARTS },
        { "auto", "", "Let the calls decide again", verb_auto, "", NULL, 0, 0, VERB_STARTS },
        { "pause", "[--for D | --until T]", "Go on watching, but write nothing anywhere", verb_pause, "",
          pause_options, 0, 0, VERB_STARTS },
        { "resume", "", "End a pause", verb_resume, "", NULL, 0, 0, VERB_STARTS },
        { "run", "[--app A] [--reason R] [--] CMD...", "Be busy while a command runs", verb_run, "+", run_options, 1,
          -1, VERB_STARTS },
        { "ignore", "[APP [--once] [--source NAME]]", "Do not count calls of an application; without one: list them",
          verb_ignore, "", ignore_options, 0, 1, VERB_PRINTS | VERB_STARTS },
        { "allow", "APP [--source NAME]", "Count them again", verb_allow, "", allow_options, 1, 1, VERB_STARTS },
        { "is-busy", "", "Tell by the exit code: 0 busy, 1 free", verb_is_busy, "", NULL, 0, 0, 0 },
        { "sources", "[-v]", "List where calls are looked for", verb_sources, "v", sources_options, 0, 0,
          VERB_PRINTS },
        { "accounts", "", "List the Matrix accounts", verb_accounts, "", NULL, 0, 0, VERB_PRINTS },
        { "login",
          "[@USER:SERVER | NAME] [--user ID] [--homeserver URL] [--with WAY] [--keep-in PLACE] [--password-stdin]",
          "Log in to a Matrix account", verb_login, "", login_options, 0, 1, VERB_PRINTS },
        { "logout", "NAME [--force]", "Log out of a Matrix account and forget it", verb_logout, "", logout_options, 1,
          1, 0 },
        { "verify", "[NAME] [--recovery-key-file FILE | --emoji]",
          "Verify the session, so that calls in encrypted rooms are seen", verb_verify, "", verify_options, 0, 1,
          VERB_PRINTS },
        { "doctor", "[-v] [--probe]", "Examine the set-up, and say what to do", verb_doctor, "v", doctor_options, 0, 0,
          VERB_PRINTS },
        { "cure", "print-registration|remove [NAME] [--force]",
          "Set up what takes back a busy that your other clients keep", verb_cure, "", cure_options, 1, 2, 0 },
        { "reload", "", "Read the configuration again", verb_reload, "", NULL, 0, 0, 0 },
        { "help", "[COMMAND]", "Show this, or what a command takes", verb_help, "", NULL, 0, 1, 0 },
        { .name = NULL },
};

const struct verb *verb_find(const char *name) {
        const char *nearest = NULL;
        size_t best = SLIP_MAX + 1;

        for (const struct verb *v = verbs; v->name; v++) {
                size_t distance = edit_distance(name, v->name);

                if (distance == 0)
                        return v;
                if (distance < best) {
                        best = distance;
                        nearest = v->name;
                }
        }
        if (nearest)
                complain("There is no command \"%s\"; did you mean \"%s\"?", name, nearest);
        else
                complain("There is no command \"%s\"; see busyctl help.", name);
        return NULL;
}

static void print_help(void) {
        print_wrapped("", STYLE_PLAIN, "Usage: busyctl [-j] [COMMAND] [OPTION...]");
        printf("\n");
        print_wrapped("", STYLE_PLAIN, "Ask and steer busyd, which tells others when you are on a call.");
        printf("\nCommands:\n");
        for (const struct verb *v = verbs; v->name; v++)
                print_wrapped("  ", STYLE_PLAIN, "%-9s %s", v->name, v->help);
        printf("\nOptions:\n");
        print_wrapped("  ", STYLE_PLAIN, "-h, --help     This help; after a command: its own");
        print_wrapped("  ", STYLE_PLAIN, "    --version  The version");
        print_wrapped("  ", STYLE_PLAIN, "-j, --json     Print JSON, where a command prints at all");
        printf("\n");
        print_wrapped("", STYLE_PLAIN, "A duration D is written as 90s, 25min or \"1h 30min\". More in busyctl(1).");
}

static void print_option(const struct verb_option *o) {
        int code = o->option.val;
        char shape[32], single[8] = "    ";

        if (code < OPTION_VERSION)
                (void) snprintf(single, sizeof(single), "-%c, ", code);
        (void) snprintf(shape, sizeof(shape), "%s--%s%s%s", single, o->option.name, o->arg ? " " : "",
                        o->arg ? o->arg : "");
        print_wrapped("  ", STYLE_PLAIN, "%-24s %s", shape, o->help);
}

static void print_verb_help(const struct verb *v) {
        print_wrapped("", STYLE_PLAIN, "Usage: busyctl %s%s%s%s", (v->flags & VERB_PRINTS) ? "[-j] " : "", v->name,
                      v->args[0] ? " " : "", v->args);
        print_wrapped("", STYLE_PLAIN, "\n%s.", v->help);
        for (const struct verb_option *o = v->options; o && o->help; o++) {
                if (o == v->options)
                        printf("\nOptions:\n");
                print_option(o);
        }
        printf("\nMore in busyctl(1).\n");
}

enum exit_code verb_help(struct ctl *c, const struct args *a) {
        const struct verb *v;

        if (a->n_rest == 0) {
                print_help();
                return CTL_OK;
        }
        v = verb_find(a->rest[0]);
        if (!v)
                return CTL_USAGE;
        print_verb_help(v);
        return CTL_OK;
}

static int set_duration(struct args *a, const char *s) {
        int r = parse_duration(s, &a->duration);

        /* Without an end is what no --for means. */
        if (r < 0 || a->duration == 0 || a->duration == USEC_NEVER) {
                complain("\"%s\" is no duration; write it as 90s, 25min or \"1h 30min\".", s);
                return -EINVAL;
        }
        if (a->duration > DURATION_MAX) {
                complain("\"%s\" is too long: at most 30d.", s);
                return -EINVAL;
        }
        return 0;
}

static int set_until(struct args *a, const char *s) {
        int64_t now = wall_seconds(), at;

        if (parse_moment(s, now, &at) < 0) {
                complain("\"%s\" is no time to come; write it as 14:30 or \"2026-12-24 18:00\".", s);
                return -EINVAL;
        }
        a->duration = (usec_t) (at - now) * USEC_PER_SEC;
        return 0;
}

/* The last one would win, which is not what somebody meant who gave both. */
static int set_end(struct args *a, int option, const char *value) {
        if (a->duration > 0) {
                complain("Give one of --for and --until, and that once.");
                return -EINVAL;
        }
        return option == OPTION_FOR ? set_duration(a, value) : set_until(a, value);
}

static int set_n(struct args *a, const char *s) {
        uint64_t n;

        if (parse_unsigned(s, 1, HISTORY_MAX, &n) < 0) {
                complain("\"%s\" is no number from 1 to %u.", s, HISTORY_MAX);
                return -EINVAL;
        }
        a->n = (unsigned) n;
        return 0;
}

/* An option of a verb; getopt_long has seen to it that the verb knows it. */
static int args_set(struct args *a, int option, const char *value) {
        switch (option) {
        case OPTION_FOR:
        case OPTION_UNTIL:
                return set_end(a, option, value);
        case 'n':
                return set_n(a, value);
        case 'm':
                a->message = value;
                return 0;
        case OPTION_UNTIL_CALL_ENDS:
                a->until_call_ends = true;
                return 0;
        case OPTION_WAYBAR:
                a->waybar = true;
                return 0;
        case OPTION_PROBE:
                a->probe = true;
                return 0;
        case OPTION_APP:
                a->app = value;
                return 0;
        case OPTION_REASON:
                a->reason = value;
                return 0;
        case OPTION_USER:
                a->user = value;
                return 0;
        case OPTION_HOMESERVER:
                a->homeserver = value;
                return 0;
        case OPTION_KEEP_IN:
                a->keep_in = value;
                return 0;
        case OPTION_WITH:
                a->with = value;
                return 0;
        case OPTION_PASSWORD_STDIN:
                a->password_stdin = true;
                return 0;
        case OPTION_TOKEN_STDIN:
                a->token_stdin = true;
                return 0;
        case OPTION_ACCESS_TOKEN_STDIN:
                a->access_token_stdin = true;
                return 0;
        case OPTION_FORCE:
                a->force = true;
                return 0;
        case OPTION_ONCE:
                a->once = true;
                return 0;
        case OPTION_SOURCE:
                a->source = value;
                return 0;
        case OPTION_RECOVERY_KEY_FILE:
                a->recovery_key_file = value;
                return 0;
        case OPTION_EMOJI:
                a->emoji = true;
                return 0;
        case 'v':
                a->verbose = true;
                return 0;
        default:
                return -EINVAL;
        }
}

/* Options that every place takes. Returns 1: taken, 0: not one of them, -1: over. */
static int global_set(struct ctl *c, const struct verb *v, int option, enum exit_code *ret_code) {
        switch (option) {
        case 'j':
                c->json = true;
                return 1;
        case 'h':
                if (v)
                        print_verb_help(v);
                else
                        print_help();
                *ret_code = CTL_OK;
                return -1;
        case OPTION_VERSION:
                printf("busyctl %s\n", BUSYD_VERSION);
                *ret_code = CTL_OK;
                return -1;
        case '?':
                *ret_code = CTL_USAGE; /* getopt_long has told what is wrong */
                return -1;
        default:
                return 0;
        }
}

int args_parse_global(struct ctl *c, int argc, char **argv, enum exit_code *ret_code) {
        int option;

        while ((option = getopt_long(argc, argv, "+" GLOBAL_SHORTS, global_options, NULL)) >= 0)
                if (global_set(c, NULL, option, ret_code) < 0)
                        return -1;
        return optind;
}

static bool rest_fits(const struct verb *v, const struct args *a) {
        if (a->n_rest < v->min_rest)
                complain("Something is missing: busyctl %s %s", v->name, v->args);
        else if (v->max_rest >= 0 && a->n_rest > v->max_rest)
                complain("\"%s\" is too much: busyctl %s%s%s", a->rest[v->max_rest], v->name, v->args[0] ? " " : "",
                         v->args);
        else
                return true;
        return false;
}

/* What is said here goes over the bus, which takes nothing else. */
static bool is_text(const char *word) {
        char shown[256];

        if (!word || text_is_utf8(word))
                return true;
        complain("\"%s\" is not in UTF-8: type it on a terminal that is.", text_printable(shown, sizeof(shown), word));
        return false;
}

/* A command and its arguments are the user's own affair. */
static bool rest_is_text(const struct verb *v, const struct args *a) {
        for (int i = 0; v->max_rest >= 0 && i < a->n_rest; i++)
                if (!is_text(a->rest[i]))
                        return false;
        return true;
}

static void options_join(const struct verb *v, struct option *options, char *shorts) {
        size_t n = 0;

        for (const struct verb_option *o = v->options; o && o->help && n < OPTIONS_MAX - ARRAY_SIZE(global_options);
             o++)
                options[n++] = o->option;
        memcpy(options + n, global_options, sizeof(global_options));
        (void) snprintf(shorts, SHORTS_MAX, "%s" GLOBAL_SHORTS, v->shorts);
}

int args_parse(struct ctl *c, const struct verb *v, int argc, char **argv, struct args *ret,
               enum exit_code *ret_code) {
        struct args a = { .n = HISTORY_N };
        struct option options[OPTIONS_MAX];
        char shorts[SHORTS_MAX], name[] = "busyctl";
        int option;

        options_join(v, options, shorts);
        argv[0] = name; /* what getopt_long begins its complaints with */
        optind = 0;     /* glibc: start anew */
        while ((option = getopt_long(argc, argv, shorts, options, NULL)) >= 0) {
                int r = global_set(c, v, option, ret_code);

                if (r < 0)
                        return 0;
                if (r == 0 && (!is_text(optarg) || args_set(&a, option, optarg) < 0)) {
                        *ret_code = CTL_USAGE;
                        return 0;
                }
        }
        a.rest = argv + optind;
        a.n_rest = argc - optind;
        *ret_code = CTL_USAGE;
        if (!rest_fits(v, &a) || !rest_is_text(v, &a))
                return 0;
        if (c->json && !(v->flags & VERB_PRINTS)) {
                complain("busyctl %s prints nothing that could be JSON.", v->name);
                return 0;
        }
        *ret = a;
        return 1;
}
