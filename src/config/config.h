/* busyd.conf: ini to struct (design, section 8). */
#pragma once

#include "core/account-settings.h"
#include "core/availability.h"
#include "core/base.h"

#define CONFIG_SOURCES_MAX 32
#define CONFIG_GLOBS_MAX   64 /* of one list */

struct account_config {
        char name[ACCOUNT_NAME_MAX];
        bool enabled;
        struct account_settings settings; /* strings owned by the config */
        char *homeserver, *user_id;       /* of an account without a session; NULL: not told */
        char *ca_file;                    /* NULL: the system's */
        char *token_command;              /* NULL: none */
        char *appservice_token_file;      /* NULL: the one that busyctl keeps */
};

struct source_config {
        char name[ACCOUNT_NAME_MAX];
        bool enabled;
        char **ignore, **only; /* NULL-terminated globs of applications; NULL or [0] NULL: empty */
        char **call_apps;      /* likewise: count as call programs */
        char **reasons;        /* lines as of util/reason-line.h, likewise */
};

struct config {
        struct availability_policy policy;
        int log_level;
        char *on_busy, *on_free; /* commands as of util/words.h; NULL: none */
        usec_t hook_time_max;
        bool do_not_disturb, pause_players, tray;
        struct account_config *accounts;
        size_t n_accounts; /* at most ACCOUNTS_MAX */
        struct source_config sources[CONFIG_SOURCES_MAX];
        size_t n_sources;
        struct account_config account_defaults; /* of an account without a section */
        struct source_config source_defaults;
};

/* A sentence naming file, line, section, key and value, and what stays in force. */
typedef void (*config_problem_t)(const char *sentence, void *userdata);

/* Reads /etc/busyd/busyd.conf, then $XDG_CONFIG_HOME/busyd/busyd.conf over it; `path`, if not NULL, is read instead of
 * both and must exist. A missing file is fine, a wrong value is told and its default stays. Returns the number of
 * problems told, or a negative errno (unreadable file, told as well; out of memory): then there is no config. */
int config_load(struct config **ret, const char *path, config_problem_t problem, void *userdata);
struct config *config_free(struct config *c);
CLEANUP(struct config, config_free);

/* It says nothing of where a token comes from or is good: there is such an account if somebody has logged in. */
bool account_config_needs_session(const struct account_config *a);

/* The section of that name, or the defaults. Never NULL. */
const struct account_config *config_account(const struct config *c, const char *name);
const struct source_config *config_source(const struct config *c, const char *name);
