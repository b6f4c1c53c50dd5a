/* Lines by which users say what a reason means. */
#include <criterion/criterion.h>
#include <errno.h>

#include "util/reason-line.h"

static const struct row {
        const char *what, *line;
        int r;
        enum call_evidence evidence;
        const char *app, *text;
} rows[] = {
        { "1 whole", "proof zoom In a meeting", 0, EVIDENCE_PROOF, "zoom", "In a meeting" },
        { "2 patterns and many blanks", "weak  \t *a*   *b*", 0, EVIDENCE_WEAK, "*a*", "*b*" },
        { "3 strong", "strong a b", 0, EVIDENCE_STRONG, "a", "b" },
        { "4 no such grade", "perhaps a b", -EINVAL, 0, NULL, NULL },
        { "5 half a grade", "pro a b", -EINVAL, 0, NULL, NULL },
        { "6 no reason", "proof zoom", -EINVAL, 0, NULL, NULL },
        { "7 blanks for a reason", "proof zoom  ", -EINVAL, 0, NULL, NULL },
        { "8 only a grade", "proof", -EINVAL, 0, NULL, NULL },
        { "9 empty", "", -EINVAL, 0, NULL, NULL },
        { "10 blank first", " proof a b", -EINVAL, 0, NULL, NULL },
};

Test(reason_line, parse) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct reason_line l;

                cr_assert_eq(reason_line_parse(row->line, &l), row->r, "%s", row->what);
                if (row->r < 0)
                        continue;
                cr_assert_eq(l.evidence, row->evidence, "%s", row->what);
                cr_assert_str_eq(l.app, row->app, "%s", row->what);
                cr_assert_str_eq(l.text, row->text, "%s", row->what);
        }
}

Test(reason_line, names_that_are_too_long) {
        char line[REASON_APP_MAX + 32] = "proof ";
        struct reason_line l;

        memset(line + 6, 'a', REASON_APP_MAX);
        strcpy(line + 6 + REASON_APP_MAX, " b");
        cr_assert_eq(reason_line_parse(line, &l), -EINVAL);
        strcpy(line + 5 + REASON_APP_MAX, " b");
        cr_assert_eq(reason_line_parse(line, &l), 0);
}
