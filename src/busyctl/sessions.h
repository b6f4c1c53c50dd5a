/* Which name is whose. */
#pragma once

#include "core/base.h"
#include "state/session.h"

/* A fresh name for the user's account: that of the session they have, else "default", else the local part.
 * -E2BIG: there are ACCOUNTS_MAX sessions. */
int sessions_name_for(const char *folder, const char *user_id, char **ret);

/* What people give where an account is meant: its name, or the Matrix ID of the user who is logged in; that of nobody
 * stays as it is. */
int sessions_name_of(const char *folder, const char *given, char **ret);

/* "me" at a homeserver, by its address or its server name, may be logged in here: 1 with their Matrix ID, else 0. */
int sessions_user_of(const char *folder, const char *local, const char *homeserver, char **ret);

/* session_lock(), waited for while busyd renews the tokens, for some seconds. Below 0: without it; there is nobody to
 * be kept out then, or somebody who hangs. For session_unlock(). */
int sessions_lock(const char *folder, const char *name);

/* After session_load() has failed: what lies there is of no use, so that a login takes its place and a logout that is
 * forced removes it. Not so what another moment may have. */
bool session_is_useless(int error);
/* Says that it cannot be used, why, and what to do. */
void sessions_complain(const char *folder, const char *name, int error);

/* Whether `user` ("@me:example.org", or "me") may be the session's; NULL may be anybody. */
bool session_may_be_of(const struct session *s, const char *user);
