#include "util/reason-line.h"

#include <errno.h>
#include <stdio.h>

#define BLANKS " \t"

static int find_evidence(const char *word, size_t n, enum call_evidence *ret) {
        static const enum call_evidence all[] = { EVIDENCE_WEAK, EVIDENCE_STRONG, EVIDENCE_PROOF };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                const char *name = call_evidence_to_string(all[i]);

                if (strlen(name) == n && strncmp(word, name, n) == 0) {
                        *ret = all[i];
                        return 0;
                }
        }
        return -EINVAL;
}

int reason_line_parse(const char *line, struct reason_line *ret) {
        size_t n = strcspn(line, BLANKS);
        struct reason_line l;

        if (find_evidence(line, n, &l.evidence) < 0)
                return -EINVAL;
        line += n;
        line += strspn(line, BLANKS);
        n = strcspn(line, BLANKS);
        if (n == 0 || n >= sizeof(l.app))
                return -EINVAL;
        (void) snprintf(l.app, sizeof(l.app), "%.*s", (int) n, line);
        line += n;
        l.text = line + strspn(line, BLANKS);
        if (l.text[0] == '\0')
                return -EINVAL;
        *ret = l;
        return 0;
}
