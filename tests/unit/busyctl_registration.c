/* The registration that lets busyd act as one user's devices: exactly that user, and fresh secrets each time. */
#include <criterion/criterion.h>
#include <errno.h>
#include <regex.h>

#include "busyctl/registration.c"

static const struct row {
        const char *what, *user_id;
        const char *pattern; /* NULL: none can be made */
        const char *other;   /* must not match */
} rows[] = {
        { "plain", "@me:example.org", "'@me:example\\.org$'", "@me:exampleXorg" },
        { "longer", "@me:example.org", "'@me:example\\.org$'", "@me:example.organic" },
        { "every character of today", "@a.b_c=d-e/f+g:h", "'@a\\.b_c=d-e/f\\+g:h$'", "@axb_c=d-e/f+g:h" },
        { "historical", "@it's(me):h", "'@it''s\\(me\\):h$'", "@it's:h" },
        { "an address", "@me:[::1]:8448", "'@me:\\[::1\\]:8448$'", "@me::" },
        { "no sigil", "me:example.org", NULL, NULL },
        { "no server", "@me", NULL, NULL },
        { "a line end", "@me\nid: x:h", NULL, NULL },
        { "not ASCII", "@m\303\244:h", NULL, NULL },
};

static char *written(const struct registration *r) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        cr_assert_not_null(f);
        registration_write(r, f);
        cr_assert_eq(fclose(f), 0);
        return text;
}

/* What the quotes of YAML hold. */
static void check_pattern(const struct row *row) {
        char pattern[256];
        size_t n = 0;
        regex_t regex;

        for (const char *p = row->pattern + 1; p[1]; p++) {
                pattern[n++] = *p;
                if (*p == '\'')
                        p++;
        }
        pattern[n] = '\0';
        cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0, "%s", row->what);
        cr_expect_eq(regexec(&regex, row->user_id, 0, NULL, 0), 0, "%s: not the user", row->what);
        cr_expect_neq(regexec(&regex, row->other, 0, NULL, 0), 0, "%s: another user", row->what);
        regfree(&regex);
}

Test(registration, names_exactly_the_user) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                SCOPED(registration_done) struct registration r = { .user_id = NULL };
                SCOPED(free) char *text = NULL;
                int error = registration_make(&r, row->user_id);

                cr_assert_eq(error, row->pattern ? 0 : -EINVAL, "%s: %d", row->what, error);
                if (!row->pattern)
                        continue;
                text = written(&r);
                cr_expect_not_null(strstr(text, row->pattern), "%s: %s", row->what, text);
                check_pattern(row);
        }
}

Test(registration, secrets_are_fresh_and_apart) {
        SCOPED(registration_done) struct registration a = { .user_id = NULL }, b = { .user_id = NULL };

        cr_assert_eq(registration_make(&a, "@me:h"), 0);
        cr_assert_eq(registration_make(&b, "@me:h"), 0);
        cr_expect_eq(strlen(a.as_token), 64UL);
        cr_expect_eq(strlen(a.hs_token), 64UL);
        cr_expect_str_neq(a.as_token, a.hs_token);
        cr_expect_str_neq(a.as_token, b.as_token);
        cr_expect_str_neq(a.name, b.name);
}
