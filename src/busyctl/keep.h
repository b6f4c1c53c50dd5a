/* Where the tokens of a session are kept: in its file, or in the keyring. Here somebody may be asked to unlock it, and
 * is waited for. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"
#include "state/crypto-store.h"
#include "state/session.h"

/* Whether a new session can be written down in the folder, by writing something of that size and removing it again. 0,
 * or a negative errno. */
int keep_try(const char *folder);

/* Whether a new session's tokens can be kept in the keyring. `ask`: somebody may be asked to unlock it. 0, or a
 * negative errno; then *ret_problem is for people, as in "the keyring is locked". */
int keep_probe(bool ask, const char **ret_problem);

/* session_load(), and what is in the keyring: -ENOKEY where that cannot be had, with all but the tokens in `ret` and
 * *ret_problem as above. */
int keep_load(const char *folder, const char *name, bool ask, struct session *ret, const char **ret_problem);
/* While somebody is asked: this loop runs, until one of its handlers has set `interrupted`. */
struct keep_patience {
        sd_event *event;
        const int *interrupted;
};
/* The tokens of `s` into its entry of the keyring. `patience` NULL: nobody is asked. -ENOKEY: it cannot be had, or
 * does not take them; -ECANCELED: who was asked has said no, or nothing; each with *ret_problem as above; -EINTR:
 * interrupted. */
int keep_put(const struct session *s, const struct keep_patience *patience, const char **ret_problem);
/* session_save(), in the keyring where `s` has an entry there; nobody is asked: -ENOKEY as above, and nothing has
 * changed. */
int keep_save(const char *folder, const char *name, const struct session *s, const char **ret_problem);
/* A name for an entry in the keyring, for session.keyring_id. */
int keep_new_entry(char **ret);
/* Removes the entry of the session, if there is one. Below 0: it is still there. */
int keep_forget(const struct session *s, const char **ret_problem);

/* ---- the keys for encrypted rooms ---- */

/* crypto_store_load(), and the key from the keyring: -ENOKEY and *ret_problem as above. */
int keep_crypto_load(const char *folder, const char *name, bool ask, struct crypto_store *ret,
                     const char **ret_problem);
/* A store of a new device, whose key is where the tokens of the session are; the receiver is the caller's to fill in
 * and to save. `ask`: somebody may be asked by the keyring. -ENOKEY as above. */
int keep_crypto_make(const struct session *s, bool ask, struct crypto_store *ret, const char **ret_problem);
/* keep_crypto_forget(), unless it is of that session's device. */
int keep_crypto_forget_other(const char *folder, const char *name, const struct session *s, const char **ret_problem);
/* Removes the file, and the entry of the keyring. Below 0: something is still there. 0 also if there was nothing. */
int keep_crypto_forget(const char *folder, const char *name, const char **ret_problem);
