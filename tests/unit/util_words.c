#include <criterion/criterion.h>
#include <errno.h>

#include "util/words.h"

/* The words with "|" between them. */
static void expect(const char *line, const char *all) {
        SCOPED(words_free) char **words = NULL;
        char text[512] = "";

        cr_assert_eq(words_parse(line, "/home/me", &words), 0, "%s", line);
        for (size_t i = 0; words[i]; i++) {
                if (i > 0)
                        strcat(text, "|");
                strcat(text, words[i]);
        }
        cr_assert_str_eq(text, all, "of: %s", line);
}

Test(words, are_separated_by_blanks) {
        expect("", "");
        expect("  \t ", "");
        expect("one", "one");
        expect(" one  two\tthree ", "one|two|three");
}

Test(words, quotes_mean_what_they_mean_to_a_shell) {
        expect("a 'b  c' d", "a|b  c|d");
        expect("a \"b  c\" d", "a|b  c|d");
        expect("a 'it'\\''s' \"it's\"", "a|it's|it's");
        expect("a b\\ c \\\\ \\\"", "a|b c|\\|\"");
        expect("a \"\\\"\\\\\\$\\`\\n\" '\\n'", "a|\"\\$`\\n|\\n");
        expect("a '' \"\"", "a||");
        expect("a b'c'\"d\"e", "a|bcde");
}

Test(words, nothing_else_is_looked_into) {
        expect("echo $HOME * `id` $(id) | cat >x & %h", "echo|$HOME|*|`id`|$(id)|||cat|>x|&|%h");
}

Test(words, a_tilde_at_the_front_is_the_home_folder) {
        expect("~/bin/x ~/y a~/z ~ '~/q' \\~/r", "/home/me/bin/x|/home/me/y|a~/z|~|~/q|~/r");
}

static int parsed(const char *line) {
        SCOPED(words_free) char **words = NULL;

        return words_parse(line, "/home/me", &words);
}

Test(words, what_is_no_command_is_refused) {
        cr_assert_eq(parsed("a 'b"), -EINVAL);
        cr_assert_eq(parsed("a \"b"), -EINVAL);
        cr_assert_eq(parsed("a \"b\\"), -EINVAL);
        cr_assert_eq(parsed("a b\\"), -EINVAL);
        cr_assert_eq(parsed("bin/x"), -EINVAL);
        cr_assert_eq(parsed("./x"), -EINVAL);
        cr_assert_eq(parsed("'' x"), -EINVAL);
        cr_assert_eq(parsed("~you/x"), -EINVAL);
}

Test(words, there_may_be_only_so_many) {
        char line[2 * WORDS_MAX + 3] = "";

        for (size_t i = 0; i < WORDS_MAX; i++)
                strcat(line, "a ");
        cr_assert_eq(parsed(line), 0);
        strcat(line, "a");
        cr_assert_eq(parsed(line), -E2BIG);
}
