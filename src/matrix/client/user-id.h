/* Matrix IDs of users, as servers give them and as people type them. */
#pragma once

#include "core/base.h"

/* The specification's limit. */
#define USER_ID_MAX 255

/* "@me:example.org": of printable characters, without space. */
bool user_id_is_valid(const char *s);
/* Whether it is who was asked for: an ID, or only its local part; NULL: whoever it is. Servers fold the case of what
 * they are given. */
bool user_id_fits(const char *asked, const char *user_id);
