/* A real Synapse with a real OAuth 2.0 server in the part of its authentication service, or behind its single sign-on
 * (login/rig.py), the faults that are ordered there, and users who log in with a browser that they have. Like
 * synapse.h, everything here fails the test by itself. */
#pragma once

#include "interop/people.h"
#include "system/terminal.h"

struct login_rig {
        struct world *world; /* where it lives; also for a busyd */
        char *homeserver;
        char *provider;          /* without a slash at its end; NULL: there is none */
        struct synapse *synapse; /* its log can be read; it cannot be stopped */
        pid_t pid;
};

/* `kind` as rig.py has it; `options` are more arguments of it, closed by NULL. Waits until all is up. */
struct login_rig *login_rig_start(const char *kind, const char *const *options);
/* Ends it, then the world. */
struct login_rig *login_rig_free(struct login_rig *r);

/* busyctl login at a terminal; `account` NULL: of no name; `way` NULL: as it finds. */
struct terminal *login_rig_terminal(struct login_rig *r, struct world *w, const char *account, const char *user_id,
                                    const char *way);
/* The address that it shows, and the code; the caller frees. */
char *login_shown_address(struct world *w, struct terminal *t);
char *login_shown_code(struct world *w, struct terminal *t);
/* The user opens the address it shows, logs in as `user`, types the code if there is one, and says yes. `more`: one
 * more option of browser.py, or NULL. Returns what the last page says; the caller frees. */
char *login_browse(struct world *w, const char *address, const char *code, const char *user, const char *more);
/* All of it, by the device grant. */
void login_rig_log_in(struct login_rig *r, struct world *w, const char *account, const char *user);
/* Another client of this user, with a session of its own by the device grant. */
struct device *login_rig_device(struct login_rig *r, const char *user);

/* An order to the provider, see provider.mjs: "set" or "fault", with JSON. */
void login_rig_order(struct login_rig *r, const char *what, const char *json);

/* ---- its log ---- */

long login_rig_log_end(const struct login_rig *r);
/* How many lines after `from` contain this. */
unsigned login_rig_count(const struct login_rig *r, long from, const char *part);
/* Until there are so many. */
void login_rig_wait(struct login_rig *r, long from, const char *part, unsigned n);

#define RIG_RENEWED "POST /oauth2/token 200"
#define RIG_REFUSED "POST /oauth2/token 400"
#define RIG_FAULT   " fault "
