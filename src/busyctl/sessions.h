/* Where sessions are kept, and which name is whose. */
#pragma once

#include "core/base.h"
#include "state/session.h"

/* The daemon's state folder: $STATE_DIRECTORY if set; else of $XDG_STATE_HOME/busyd and $XDG_CONFIG_HOME/busyd (where
 * systemd before 254 puts the StateDirectory= of user units) the first that holds state; where there is none yet, the
 * one that the user's systemd would give to busyd.service, else the former. */
int sessions_folder(char **ret);

/* A fresh name for the user's account: that of the session they have, else "default", else the local part.
 * -E2BIG: there are ACCOUNTS_MAX sessions. */
int sessions_name_for(const char *folder, const char *user_id, char **ret);

/* Whether `user` ("@me:example.org", or "me") may be the session's; NULL may be anybody. */
bool session_may_be_of(const struct session *s, const char *user);
