/* The keys of busyd.conf: which section has which, what a value may be and where it goes. */
#pragma once

#include "core/base.h"

enum section_kind {
        SECTION_BUSYD,
        SECTION_ACCOUNT,
        SECTION_SOURCE,
};

struct key_type;

struct key {
        enum section_kind section;
        const char *name;
        const struct key_type *type;
        size_t offset; /* in struct config, account_config or source_config */
        usec_t min, max;
        const char *const *words; /* NULL-terminated, by value */
};

const struct key *key_find(enum section_kind section, const char *name);
/* The key of any section that `name` may have been meant to be, this section's first; NULL: nothing is near. */
const struct key *key_guess(enum section_kind section, const char *name);
/* Sections by their first word, likewise. */
bool section_find(const char *word, size_t n, enum section_kind *ret);
bool section_guess(const char *word, enum section_kind *ret);
/* NULL-terminated: every [source NAME] there is. The room of the sources is not known here; a test compares. */
extern const char *const source_names[];
/* What the name of a source may have been meant to be; NULL: nothing is near. */
const char *source_guess(const char *name);
/* Which of these, closed by NULL, the name of an account may have been meant to be; NULL: nothing is near. */
const char *account_guess(char *const *names, const char *name);
/* "[busyd]", "[account NAME]" */
const char *section_title(enum section_kind section);

/* Sets the field in `base`; `append` adds to a list. -EINVAL, -ERANGE, -E2BIG: the value is wrong and the field
 * unchanged. */
int key_set(const struct key *key, void *base, const char *value, bool append);
/* What a wrong value is shown as, with nothing of a secret, what it should have been, and what the field is now; for
 * people. All return buf. */
const char *key_wrong(const struct key *key, const char *value, char *buf, size_t size);
const char *key_expected(const struct key *key, char *buf, size_t size);
const char *key_current(const struct key *key, const void *base, char *buf, size_t size);

void globs_free(char **globs);
