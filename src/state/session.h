/* The session of an account: whose it is and the secrets that act for it. Kept in one 0600 file per account,
 * or given from outside. */
#pragma once

#include "core/account-settings.h"
#include "core/base.h"
#include "core/token-keeper.h"

struct session {
        char *homeserver; /* base URL */
        char *user_id;
        char *device_id;
        char *access_token;
        char *refresh_token; /* NULL: there is nothing to renew the access token with */
        usec_t expires_at;   /* end of the access token, wall clock since 1970; 0: it lasts, or nobody knows */
        /* Of a session by OAuth 2.0: it is renewed and ended there, by that client. client_id NULL: one of the Matrix
         * API's own login, and so are the others; revocation_endpoint may be NULL by itself. */
        char *client_id, *token_endpoint, *revocation_endpoint;
        /* The tokens are in the keyring, in the item of this id; NULL: here in the file. Where the file has them as
         * well, those are the newer ones: the keyring could not take them. */
        char *keyring_id;
};

void session_done(struct session *s); /* frees the strings, the tokens after wiping them; leaves zeroes */
/* All of it; -ENOMEM leaves *ret zeroed. */
int session_copy(struct session *ret, const struct session *s);
/* The same login: also after its tokens were renewed where the keyring has them. */
bool session_is_same(const struct session *a, const struct session *b);
static inline void session_done_scoped(struct session *s) {
        session_done(s);
}

/* Loads STATE/session-NAME.json; *ret is overwritten, the first four are never NULL (device_id may be "", and
 * access_token where the tokens are in the keyring). -ENOENT:
 * not logged in; -EPERM: a link, not ours, or open to others; -EBADMSG: broken, too large or of a newer busyd;
 * -EINVAL: no such name can be. Of what an OAuth session needs all is there, or -EBADMSG. */
int session_load(const char *state_dir, const char *name, struct session *ret);
/* Makes the folder if it is missing, and takes the place of whatever stands there; a folder is put aside, and so it is
 * by session_remove(). -EINVAL: a bad name, or something other than device_id is missing. */
int session_save(const char *state_dir, const char *name, const struct session *s);
/* The same without the tokens, which are in the keyring. */
int session_save_bare(const char *state_dir, const char *name, const struct session *s);
int session_remove(const char *state_dir, const char *name);
/* What people read of an error of session_load(): what is wrong, as "it is broken", and what to do about it, with the
 * file or the account named. The latter is to be freed; NULL: out of memory. */
const char *session_fault(int error);
char *session_remedy(const char *state_dir, const char *name, int error);

/* Whoever changes a session, or renews its token, holds this lock, and loads the session again once it has it:
 * somebody else may have renewed the token, or logged in anew, meanwhile. Held for the time of one request at most.
 * -EBUSY: somebody has it; another negative errno: it cannot be had here. */
int session_lock(const char *state_dir, const char *name);
int session_lock_wait(const char *state_dir, const char *name, usec_t max); /* see file_lock_wait() */
void session_unlock(int lock);                                              /* below 0: nothing to do */

/* A token from outside: it is renewed there, if at all. -ENOMEM: the session is unchanged. */
int session_set_token(struct session *s, const char *token);
/* The same with a pair that a renewal has brought. */
int session_set_tokens(struct session *s, const struct token_pair *pair);

/* If the service manager gives us $CREDENTIALS_DIRECTORY/busyd-NAME.token, replaces the session's access token by it
 * (one line, surrounding space does not count) and returns 1; whose token and which device's it is, the server tells.
 * 0: there is none, the session is unchanged. -EBADMSG: it is empty, too long or not a token; or another negative
 * errno; then the session is unchanged, and using its old token is not what the user meant. */
int session_token_from_credentials(const char *name, struct session *s);

/* Whether the service manager gives us one; whether it is good is another thing. */
bool session_has_credential(const char *name);
/* Of which accounts it does; as session_names(). */
int session_credential_names(char ***ret);

/* What people see of a session in their keyring; of the user id. */
#define KEYRING_LABEL "busyd: %s"
/* The tokens as the keyring has them, in one text, for erase_and_free(). */
int session_secret_make(const struct session *s, char **ret);
/* -EBADMSG: that is none; the session is unchanged then, and with -ENOMEM. */
int session_secret_take(struct session *s, const char *secret);

/* The names of all accounts that have a session file, sorted; at most ACCOUNTS_MAX. Free with
 * session_names_free. Returns how many, or a negative errno. */
int session_names(const char *state_dir, char ***ret);
void session_names_free(char **names);
