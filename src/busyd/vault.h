/* What accounts have in the keyring, as the tokens of their sessions: it is read when the account is taken up. While
 * the keyring is locked or away the account waits, and nobody is asked; the keyring tells when that has changed. */
#pragma once

#include <systemd/sd-bus.h>

#include "state/session.h"
#include "util/later.h"

struct control;
struct vault_wait;
struct keyring_job;
struct keyring_watch;

/* Embedded; set up with the first four members, and not moved once it was used. */
struct vault {
        const char *what; /* is there, for people: "its tokens are" */
        sd_bus *bus;      /* NULL: there is no keyring */
        void (*touched)(void *userdata);
        void *userdata;
        struct keyring_watch *watch; /* NULL: nobody has needed it yet */
        bool changed;                /* what it told */
        struct later again;
        usec_t wait;                                /* before that; 0: it was not in vain */
        struct keyring_job *removals[ACCOUNTS_MAX]; /* NULL: there is none */
        struct vault_wait *waits[ACCOUNTS_MAX];
        size_t n;
};

void vault_done(struct vault *v);

/* What the account has there under that id: borrowed until vault_forget(). -EAGAIN: the keyring is asked, or waited
 * for. */
int vault_look(struct vault *v, const char *name, const struct session *session, const char *id, const char **ret);
/* Of what was asked so: whether there was an answer, which has nothing. It may come yet. */
bool vault_is_in_vain(const struct vault *v, const char *name);
/* What was found is of no use: as if it were missing. */
void vault_refuse(struct vault *v, const char *name);
/* Puts the tokens into the session. -EAGAIN as above. */
int vault_get(struct vault *v, const char *name, struct session *session);
void vault_forget(struct vault *v, const char *name);
/* Removes an entry that is of no use any more, if the keyring is open; else it stays. As many at a time as there may
 * be accounts. */
void vault_remove(struct vault *v, const char *id);
/* All of which vault_get() was not asked since the last time. */
void vault_sweep(struct vault *v);
/* To be told of changes of the keyring by vault_run(). */
void vault_watch(struct vault *v);
/* Asks again what was in vain. */
void vault_retry(struct vault *v);

/* Once a turn; returns when to call again. `ret_news`: ask vault_get() again. `ret_changed`: the keyring may be open.
 */
usec_t vault_run(struct vault *v, usec_t now, bool *ret_news, bool *ret_changed);
/* Somebody has not been answered yet. */
bool vault_is_open(const struct vault *v);

bool vault_has(const struct vault *v, const char *name);
/* Shows the i-th that waits, which has no object of its own yet; returns its name, NULL: there is no such. */
const char *vault_publish(const struct vault *v, size_t i, struct control *control);
