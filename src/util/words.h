/* A command line as words: quotes and backslashes mean what they mean to a shell, a word that begins with "~/" is in
 * the home folder, and nothing else is looked into. Whoever wants more names a shell as the program. */
#pragma once

#include "core/base.h"

#define WORDS_MAX 64

/* NULL-terminated; free with words_free(). -EINVAL: a quote is not closed, a backslash ends the line, or the first
 * word is neither a plain name nor an absolute path; -E2BIG beyond WORDS_MAX; -ENOMEM. `home` NULL: "~" is a letter
 * like any other. An empty line has no words. */
int words_parse(const char *line, const char *home, char ***ret);
char **words_free(char **words); /* NULL is fine; returns NULL */
static inline void words_free_scoped(char ***words) {
        words_free(*words);
}
