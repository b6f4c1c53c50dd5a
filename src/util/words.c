#include "util/words.h"

#include <errno.h>
#include <stdio.h>

#define BLANKS " \t\r\n"

struct reader {
        const char *at;
        char *to; /* the word so far; as long as the line at most */
};

char **words_free(char **words) {
        for (size_t i = 0; words && words[i]; i++)
                free(words[i]);
        free(words);
        return NULL;
}

static bool is_blank(char c) {
        return strchr(BLANKS, c); /* the end of the line too */
}

/* What follows the opening quote, up to the closing one. */
static int read_quoted(struct reader *r, char quote) {
        for (; *r->at != quote; r->at++) {
                if (quote == '"' && *r->at == '\\' && r->at[1] != '\0' && strchr("\"\\$`", r->at[1]))
                        r->at++;
                if (*r->at == '\0')
                        return -EINVAL;
                *r->to++ = *r->at;
        }
        r->at++;
        return 0;
}

static int read_word(struct reader *r) {
        while (!is_blank(*r->at)) {
                char c = *r->at++;

                if (c == '\'' || c == '"') {
                        if (read_quoted(r, c) < 0)
                                return -EINVAL;
                        continue;
                }
                if (c == '\\') {
                        if (*r->at == '\0')
                                return -EINVAL;
                        c = *r->at++;
                }
                *r->to++ = c;
        }
        *r->to = '\0';
        return 0;
}

static int add_word(char **words, size_t n, const char *home, char *word) {
        if (n >= WORDS_MAX)
                return -E2BIG;
        if (!home)
                words[n] = strdup(word);
        else if (asprintf(&words[n], "%s%s", home, word) < 0)
                words[n] = NULL;
        return words[n] ? 0 : -ENOMEM;
}

/* A path that depends on where busyd was started is a mistake. */
static bool is_program(const char *word, bool in_home) {
        return word[0] == '/' || in_home || (word[0] != '\0' && !strchr(word, '/'));
}

int words_parse(const char *line, const char *home, char ***ret) {
        SCOPED(words_free) char **words = calloc(WORDS_MAX + 1, sizeof(*words));
        SCOPED(free) char *word = malloc(strlen(line) + 1);
        struct reader r = { .at = line + strspn(line, BLANKS) };

        if (!words || !word)
                return -ENOMEM;
        for (size_t n = 0; *r.at != '\0'; n++) {
                bool in_home = home && strncmp(r.at, "~/", 2) == 0;
                int error;

                r.at += in_home ? 1 : 0;
                r.to = word;
                error = read_word(&r);
                if (error == 0 && n == 0 && !is_program(word, in_home))
                        error = -EINVAL;
                if (error == 0)
                        error = add_word(words, n, in_home ? home : NULL, word);
                if (error < 0)
                        return error;
                r.at += strspn(r.at, BLANKS);
        }
        *ret = TAKE(words);
        return 0;
}
