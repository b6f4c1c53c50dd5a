/* busyctl ignore and allow: applications whose calls do not count. */
#include <stdio.h>

#include "busyctl/bus.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "json/json.h"

static void print_ignored(const json_t *ignored) {
        for (size_t i = 0; i < json_array_size(ignored); i++) {
                const json_t *entry = json_array_get(ignored, i);
                const char *source = fact_text(entry, "source");

                print_wrapped("", STYLE_PLAIN, "%s: %s", fact_text(entry, "app"), source[0] ? source : "everywhere");
        }
        if (json_array_size(ignored) == 0)
                print_wrapped("", STYLE_PLAIN, "Nothing is ignored, but for what busyd.conf says.");
}

static enum exit_code list(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *ignored = NULL;
        enum exit_code code;

        c->when_absent = ABSENT_WAIT;
        if (a->once || a->source) {
                complain("Which application? busyctl ignore APP [--once] [--source NAME]");
                return CTL_USAGE;
        }
        code = facts_ignored(c, &ignored);
        if (code != CTL_OK)
                return code;
        if (c->json)
                print_json(ignored);
        else
                print_ignored(ignored);
        return CTL_OK;
}

enum exit_code verb_ignore(struct ctl *c, const struct args *a) {
        if (a->n_rest == 0)
                return list(c, a);
        if (c->json) {
                complain("busyctl ignore APP prints nothing that could be JSON.");
                return CTL_USAGE;
        }
        return bus_call(c, BUS_MANAGER, "Ignore", NULL, "ssb", a->rest[0], a->source ? a->source : "", (int) a->once);
}

enum exit_code verb_allow(struct ctl *c, const struct args *a) {
        return bus_call(c, BUS_MANAGER, "Allow", NULL, "ss", a->rest[0], a->source ? a->source : "");
}
