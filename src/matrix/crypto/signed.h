/* Signed JSON: which bytes are signed, and by whom. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* The object as it is signed, canonical JSON without `signatures` and `unsigned` (specification, appendices). What
 * canonical JSON cannot hold, reals and integers beyond 2^53, gives -EBADMSG. The caller frees with free(). */
int signed_json_bytes(const json_t *object, char **ret);

/* 0: the object is signed by the user's key `ed25519:NAME`, whose public key is `key`; NAME is a device's id, or the
 * public key itself for keys of an identity. -EBADMSG: it is not. */
int signed_json_check(const json_t *object, const char *user_id, const char *name, const char *key);

/* Adds a signature to the object, beside others. */
int signed_json_add(json_t *object, const char *user_id, const char *name, const char *signature);
