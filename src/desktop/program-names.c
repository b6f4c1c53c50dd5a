#include "desktop/program-names.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* A letter of whatever script, or a digit. */
static bool is_of_word(char c) {
        return (unsigned char) c >= 0x80 || isalnum((unsigned char) c);
}

/* Such as "mpv.instance-12" and "firefox.instance_1_45"; a desktop entry may come with its ending. */
static bool is_addition(const char *dot) {
        return strncmp(dot, ".instance", strlen(".instance")) == 0 || streq(dot, ".desktop");
}

const char *program_name_of(char *buf, size_t size, const char *name) {
        const char *last = strrchr(name, '.'), *start = name;
        size_t n = last && last > name && is_addition(last) ? (size_t) (last - name) : strlen(name);

        for (const char *c = name; c + 1 < name + n; c++)
                if (*c == '.')
                        start = c + 1;
        (void) snprintf(buf, size, "%.*s", (int) (n - (size_t) (start - name)), start);
        return buf;
}

static bool has_words(const char *line, size_t wide, const char *words) {
        size_t n = strlen(words);

        for (size_t i = 0; i + n <= wide; i++)
                if (strncasecmp(line + i, words, n) == 0 && (i == 0 || !is_of_word(line[i - 1])) &&
                    (i + n == wide || !is_of_word(line[i + n])))
                        return true;
        return false;
}

bool program_is_among(const char *name, const char *apps) {
        for (const char *app = apps; name[0] != '\0' && *app != '\0';) {
                size_t wide = strcspn(app, "\n");

                if (has_words(app, wide, name))
                        return true;
                app += wide + (app[wide] == '\n');
        }
        return false;
}
