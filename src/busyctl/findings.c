/* See findings.h. */
#include "busyctl/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "json/json.h"

static const char *const finding_words[] = {
        [FINDING_OK] = "ok", [FINDING_NOTE] = "note", [FINDING_PROBLEM] = "problem"
};

const char *finding_word(enum finding level) {
        return finding_words[level];
}

enum finding finding_level(const char *word) {
        for (size_t i = 0; i < ARRAY_SIZE(finding_words); i++)
                if (streq(finding_words[i], word))
                        return (enum finding) i;
        return FINDING_OK;
}

void finding_add(json_t *doc, enum finding level, const char *advice, const char *format, ...) {
        char what[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(what, sizeof(what), format, ap);
        va_end(ap);
        (void) json_array_append_new(
                json_object_get(doc, "findings"),
                json_pack("{s:s, s:s, s:s?}", "level", finding_words[level], "what", what, "advice", advice));
}

void findings_print(const json_t *object) {
        const json_t *findings = json_member_array(object, "findings"), *finding;
        size_t i;

        json_array_foreach(findings, i, finding) {
                const char *level = fact_text(finding, "level"), *advice = fact_text(finding, "advice");

                print_lead("  ",
                           streq(level, "problem") ? STYLE_TROUBLE
                           : streq(level, "ok")    ? STYLE_FREE
                                                   : STYLE_FAINT,
                           level, "%*s%s", (int) (7 - strlen(level)), "", fact_text(finding, "what"));
                if (*advice)
                        print_wrapped("           ", STYLE_PLAIN, "-> %s", advice);
        }
}
