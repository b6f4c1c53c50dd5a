/* The verbs that set what the daemon does, and is-busy. They print nothing. */
#include <jansson.h>

#include "busyctl/bus.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "json/json.h"
#include "util/clock.h"

static enum exit_code set_mode(struct ctl *c, const char *mode, usec_t duration, const char *message) {
        return bus_call(c, BUS_MANAGER, "SetMode", NULL, "sts", mode, duration, message ? message : "");
}

enum exit_code verb_busy(struct ctl *c, const struct args *a) {
        return set_mode(c, "busy", a->duration, a->message);
}

enum exit_code verb_free(struct ctl *c, const struct args *a) {
        if (!a->until_call_ends)
                return set_mode(c, "free", a->duration, NULL);
        if (a->duration > 0) {
                complain("Give one of --for, --until and --until-call-ends.");
                return CTL_USAGE;
        }
        return bus_call(c, BUS_MANAGER, "SetFreeUntilCallsEnd", NULL, NULL);
}

enum exit_code verb_auto(struct ctl *c, const struct args *a) {
        return set_mode(c, "auto", 0, NULL);
}

enum exit_code verb_pause(struct ctl *c, const struct args *a) {
        return set_mode(c, "paused", a->duration, NULL);
}

enum exit_code verb_resume(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *doc = NULL;
        enum exit_code code = facts_manager(c, &doc);

        if (code != CTL_OK)
                return code;
        /* A busy or free by hand is no pause: it stays. */
        return streq(fact_text(doc, "mode"), "paused") ? set_mode(c, "auto", 0, NULL) : CTL_OK;
}

/* busyd goes on without whoever has not told what goes on after ten seconds. */
#define SETTLE_MAX (15 * USEC_PER_SEC)

/* Before every source has been looked at "free" is not known to be true. Any failure is CTL_UNREACHABLE: CTL_FAILED
 * would say free. */
enum exit_code verb_is_busy(struct ctl *c, const struct args *a) {
        usec_t deadline = clock_now() + SETTLE_MAX;

        if (bus_open(c) != CTL_OK || bus_watch(c) < 0)
                return CTL_UNREACHABLE;
        for (;;) {
                SCOPED(json_decref) json_t *doc = NULL;

                if (facts_manager(c, &doc) != CTL_OK)
                        return CTL_UNREACHABLE;
                if (fact_bool(doc, "settled"))
                        return streq(fact_text(doc, "availability"), "busy") ? CTL_OK : CTL_FAILED;
                if (bus_wait(c, deadline) <= 0)
                        break;
        }
        complain("busyd does not know yet: not every source has told what goes on. See: busyctl status");
        return CTL_UNREACHABLE;
}

enum exit_code verb_reload(struct ctl *c, const struct args *a) {
        return bus_call(c, BUS_MANAGER, "Reload", NULL, NULL);
}
