/* What no parser takes, although it is JSON in shape, made harmless before a parser sees it. */
#pragma once

#include "core/base.h"

/* One pass over the text, in time linear in its size; whatever it is, the result has no more than four times its size.
 * These are odd:
 *  1. a number or word within an array or an object that JSON does not know, an integer outside int64, a real of 1e308
 *     or more: becomes null;
 *  2. in a string, each byte that is no UTF-8 or a control character, a backslash that begins no escape, an escaped
 *     half of a surrogate pair, and in a name an escaped NUL: becomes U+FFFD;
 *  3. a value that lies deeper than JSON_DEPTH_MAX: becomes null;
 *  4. byte order marks at the front: left out.
 * Returns 0 if there is nothing odd, and then allocates nothing; 1: *ret is the text without what is odd, which the
 * caller frees; -ENOMEM. Whether brackets, commas and colons are where they belong is not looked at. */
int json_mend(const char *text, size_t size, char **ret, size_t *ret_size);
