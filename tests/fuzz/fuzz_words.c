/* Words from configurations, command lines and the bus: durations, numbers, command lines, patterns, texts to be
 * shown. */
#include <errno.h>
#include <string.h>

#include "must.h"
#include "util/text.h"
#include "util/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void durations(const char *s) {
        usec_t once, again;
        char shown[64];

        if (parse_duration(s, &once) < 0)
                return;
        (void) format_duration(shown, sizeof(shown), once);
        must(parse_duration(shown, &again) == 0, "what is shown can be read");
        must(again <= once, "what is shown is rounded down");
}

static void commands(const char *s) {
        SCOPED(words_free) char **words = NULL;
        size_t n = 0;
        int k = words_parse(s, "/home/me", &words);

        if (k < 0) {
                must(k == -EINVAL || k == -E2BIG, "an error has a reason");
                return;
        }
        for (; words[n]; n++)
                must(strlen(words[n]) <= strlen(s) + strlen("/home/me"), "a word is part of the line");
        must(n <= WORDS_MAX, "words have a limit");
}

static void texts(const char *s) {
        char shown[64], again[64];

        (void) text_printable(shown, sizeof(shown), s);
        must(strlen(shown) < sizeof(shown), "a text fits");
        for (const char *p = shown; *p; p++)
                must((unsigned char) *p >= 32 && *p != 127, "no control characters are shown");
        must(streq(text_printable(again, sizeof(again), shown), shown), "what can be shown stays as it is");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *s = strndup((const char *) data, size), *half;
        uint64_t number;
        bool yes;

        must(s, "there is memory");
        durations(s);
        commands(s);
        texts(s);
        (void) parse_bool(s, &yes);
        if (parse_unsigned(s, 3, 9, &number) == 0)
                must(number >= 3 && number <= 9, "a number is within its limits");
        must(glob_match("*", s), "a star matches all");
        half = s + strlen(s) / 2;
        (void) glob_match(half, s);
        free(s);
        return 0;
}
