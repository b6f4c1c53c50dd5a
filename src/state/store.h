/* One file of the state: a version and a list of entries, written whole. What an entry holds is state.c's business. */
#pragma once

#include <jansson.h>

#include "core/base.h"

struct store_kind {
        const char *file; /* name within the folder */
        size_t entries_max;
        bool (*valid)(const json_t *entry);
};

typedef void (*store_problem_t)(const char *sentence, void *userdata);

/* The file's valid entries, an empty list if there is no file. What is broken or of a newer busyd is kept aside under
 * another name before anything can overwrite it, and told. Negative errno: the file or its folder cannot be used. */
int store_load(const char *dir, const struct store_kind *kind, store_problem_t problem, void *userdata, json_t **ret);

/* On disk when it returns 0. */
int store_save(const char *dir, const struct store_kind *kind, json_t *entries);
