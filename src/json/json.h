/* Reading JSON from outside: wrong types, missing members and odd values are ordinary input. */
#pragma once

#include <jansson.h>

#include "core/base.h"

static inline void json_decref_scoped(json_t **p) {
        json_decref(*p);
}

/* The member, if it is of that type; else NULL (or `otherwise`). A string with a NUL in it is none. Borrowed from
 * `object`, which may be NULL or no object. */
const char *json_member_string(const json_t *object, const char *key);
const json_t *json_member_object(const json_t *object, const char *key);
const json_t *json_member_array(const json_t *object, const char *key);
int64_t json_member_int(const json_t *object, const char *key, int64_t otherwise);
bool json_member_bool(const json_t *object, const char *key, bool otherwise);

/* Whether a text could not be parsed for want of memory, with errno 0 before. Not each time does jansson say so. */
bool json_is_out_of_memory(const json_error_t *error);

/* A new array or object with the same members, all of them, or NULL. json_copy() leaves out what there is no memory
 * for. */
json_t *json_copy_whole(const json_t *v);

/* As json_pack(), and all of it or NULL: that leaves out an optional text ("s*") also where there is no memory for it.
 * errno is ENOMEM then, or EINVAL where a text is missing or no UTF-8. */
json_t *json_pack_whole(const char *format, ...);

/* As json_dumps(), and all of it or NULL: that writes on where there is no memory for the name of a member. */
char *json_dumps_whole(const json_t *v, size_t flags);

/* Arrays and objects within one another. Matrix's own reach about ten. */
#define JSON_DEPTH_MAX 128

/* From now on what jansson frees is wiped first: tokens are in what is parsed and written. Once, at the start of a
 * program, before anything else here. */
void json_wipe_what_is_freed(void);

/* Parses bytes from outside: any top-level value, the last of members of the same name. What is odd in them (mend.h)
 * is read as null or as U+FFFD and costs nothing else, so no string or name holds a NUL. Returns -EBADMSG if it is not
 * JSON, -ENOMEM. */
int json_parse(const char *data, size_t size, json_t **ret);
