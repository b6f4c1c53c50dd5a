/* One file of the state: a version and a list of entries, written whole. What an entry holds is state.c's business.
 * The file and each entry carry a checksum ("sum": 16 hexadecimal digits, over the other members in a form of their
 * own), so that of a damaged file every entry that is whole is used, and never a changed one. */
#pragma once

#include <jansson.h>

#include "core/base.h"

struct store_kind {
        const char *file; /* name within the folder */
        size_t entries_max;
        bool (*valid)(const json_t *entry);
        bool journal; /* of what is owed: never put aside because the disk cannot read it at the moment */
};

struct store_teller {
        void (*tell)(const char *sentence, void *userdata); /* NULL: nobody listens */
        void *userdata;
};

enum store_finding {
        STORE_MISSING, /* no file: a fresh start, or somebody removed it */
        STORE_OLD,     /* as 0.1.0 wrote it, without checksums: to be written anew */
        STORE_WHOLE,
        STORE_DAMAGED, /* not all of it could be read: kept aside, told, and to be written anew */
};

/* The entries that can be used, *ret an empty list if there are none. Whatever else is there is kept under another
 * name and told before anything can overwrite it; where it cannot be moved, that is told. `t` NULL: it is only looked
 * at, nothing is moved or told. Fails with
 * -ENOMEM, and for a journal that cannot be read at the moment with the reason. */
int store_load(const char *dir, const struct store_kind *kind, const struct store_teller *t, json_t **ret,
               enum store_finding *ret_finding);
/* On disk when it returns 0. */
int store_save(const char *dir, const struct store_kind *kind, const json_t *entries);
/* The same in two steps, of which the first takes no time: it survives the end of the process, after the second one
 * that of the machine as well. */
int store_put(const char *dir, const struct store_kind *kind, const json_t *entries);
int store_flush(const char *dir, const struct store_kind *kind);
