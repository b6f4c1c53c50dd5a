/* What the files of busyctl share: the context of one run and the verbs. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

/* Exit codes, see busyctl(1). A function that returns one has told the user what is wrong, on stderr. */
enum exit_code {
        CTL_OK = 0,     /* is-busy: busy */
        CTL_FAILED = 1, /* is-busy: free */
        CTL_USAGE = 2,
        CTL_UNREACHABLE = 3,
};

/* Options and arguments, by whichever verb takes them. */
struct args {
        usec_t duration; /* 0: not given */
        const char *message, *app, *reason, *user, *homeserver, *with, *keep_in, *source, *recovery_key_file;
        unsigned n;
        bool until_call_ends, waybar, force, once, verbose, probe;
        bool password_stdin, token_stdin, access_token_stdin, emoji;
        char **rest; /* what is no option, NULL-terminated */
        int n_rest;
};

/* What a call does about a daemon that does not run. */
enum when_absent {
        ABSENT_START, /* has it started */
        ABSENT_WAIT,  /* waits for it if it is being started; one that its user has stopped stays so */
        ABSENT_LEAVE, /* fails at once */
};

struct ctl {
        bool json;
        sd_bus *bus; /* NULL until bus_open() */
        enum when_absent when_absent;
        bool quiet; /* failed calls are not told */
};

typedef enum exit_code (*verb_run_t)(struct ctl *c, const struct args *a);

/* show.c */
enum exit_code verb_status(struct ctl *c, const struct args *a);
enum exit_code verb_why(struct ctl *c, const struct args *a);
enum exit_code verb_history(struct ctl *c, const struct args *a);
enum exit_code verb_accounts(struct ctl *c, const struct args *a);
enum exit_code verb_sources(struct ctl *c, const struct args *a);
/* watch.c */
enum exit_code verb_watch(struct ctl *c, const struct args *a);
/* mode.c */
enum exit_code verb_busy(struct ctl *c, const struct args *a);
enum exit_code verb_free(struct ctl *c, const struct args *a);
enum exit_code verb_auto(struct ctl *c, const struct args *a);
enum exit_code verb_pause(struct ctl *c, const struct args *a);
enum exit_code verb_resume(struct ctl *c, const struct args *a);
enum exit_code verb_is_busy(struct ctl *c, const struct args *a);
enum exit_code verb_reload(struct ctl *c, const struct args *a);
/* ignore.c */
enum exit_code verb_ignore(struct ctl *c, const struct args *a);
enum exit_code verb_allow(struct ctl *c, const struct args *a);
/* run.c: the exit status of the command */
enum exit_code verb_run(struct ctl *c, const struct args *a);
/* doctor.c, cure.c */
enum exit_code verb_doctor(struct ctl *c, const struct args *a);
enum exit_code verb_cure(struct ctl *c, const struct args *a);
/* args.c */
enum exit_code verb_help(struct ctl *c, const struct args *a);
/* login.c, logout.c */
enum exit_code verb_login(struct ctl *c, const struct args *a);
enum exit_code verb_logout(struct ctl *c, const struct args *a);
/* verify.c */
enum exit_code verb_verify(struct ctl *c, const struct args *a);
