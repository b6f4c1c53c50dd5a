/* See trial.h. The hold that makes busy is busyctl's own on the bus: however it ends, busyd takes it back. */
#include "busyctl/trial.h"

#include <stdio.h>

#include "busyctl/bus.h"
#include "busyctl/examine.h"
#include "busyctl/findings.h"
#include "busyctl/facts.h"
#include "json/json.h"
#include "util/clock.h"
#include "util/text.h"

struct trial {
        struct ctl *c;
        sd_event *event;
        const char *folder;
        const struct config *config;
        json_t *doc;
        json_t *before; /* by account, what others saw */
};

static const char *claim_of(const json_t *status, const char *account) {
        const json_t *accounts = json_member_array(status, "accounts"), *a, *output;
        size_t i, k;

        json_array_foreach(accounts, i, a) {
                if (!streq(fact_text(a, "name"), account) || !streq(fact_text(a, "state"), "online"))
                        continue;
                json_array_foreach(json_member_array(a, "outputs"), k, output) {
                        if (streq(fact_text(output, "name"), "presence"))
                                return fact_text(output, "claim");
                }
        }
        return "";
}

/* Something has become of busy, or nothing will. */
static bool has_begun(const char *claim) {
        return !streq(claim, "free") && !streq(claim, "entering");
}

static bool has_ended(const char *claim) {
        return !streq(claim, "held") && !streq(claim, "entering") && !streq(claim, "leaving");
}

static bool all(const struct trial *t, const json_t *status, bool (*is_so)(const char *claim)) {
        const json_t *account;
        size_t i;

        json_array_foreach(json_member_array(t->doc, "accounts"), i, account) {
                if (!is_so(claim_of(status, fact_text(account, "name"))))
                        return false;
        }
        return true;
}

/* Until it is so for every account, as `availability` says; returns how long that took, USEC_NEVER: it was never so.
 */
static usec_t wait_until(const struct trial *t, const char *availability, bool (*is_so)(const char *claim)) {
        usec_t start = clock_now();

        for (;;) {
                SCOPED(json_decref) json_t *status = NULL;

                if (facts_status(t->c, &status) != CTL_OK)
                        return USEC_NEVER;
                if (streq(fact_text(status, "availability"), availability) && all(t, status, is_so))
                        return clock_now() - start;
                if (bus_wait(t->c, usec_add(start, TRIAL_MAX)) <= 0)
                        return USEC_NEVER;
        }
}

static char *look(const struct trial *t, const char *account) {
        char *shown = NULL;

        return examine_presence(t->event, t->folder, account, config_account(t->config, account), &shown) < 0 ? NULL
                                                                                                              : shown;
}

static void look_before(struct trial *t) {
        const json_t *account;
        size_t i;

        json_array_foreach(json_member_array(t->doc, "accounts"), i, account) {
                SCOPED(free) char *shown = look(t, fact_text(account, "name"));

                if (shown)
                        (void) json_object_set_new(t->before, fact_text(account, "name"), json_string(shown));
        }
}

static void judge(json_t *account, const char *word, enum finding level, const char *advice, const char *sentence) {
        (void) json_object_set_new(account, "probe", json_string(word));
        finding_add(account, level, advice, "%s", sentence);
}

/* What others see while busy. */
static void judge_busy(const struct trial *t, json_t *account) {
        const char *name = fact_text(account, "name"), *before = json_member_string(t->before, name);
        SCOPED(free) char *shown = before ? look(t, name) : NULL;
        char text[512];

        if (!shown)
                finding_add(account, FINDING_NOTE, "see what is said of the server above",
                            "whether busy shows could not be tried here");
        else if (streq(shown, before))
                judge(account, "unchanged", FINDING_PROBLEM,
                      "busyctl why says what was written, and what the server made of it; see presence in "
                      "busyd.conf(5)",
                      "tried: nothing changed for others while busy");
        else {
                (void) snprintf(text, sizeof(text), "tried: %s became %s", before, shown);
                judge(account, "works", FINDING_OK, NULL, text);
        }
}

static void judge_free(const struct trial *t, json_t *account, usec_t took) {
        const char *name = fact_text(account, "name"), *before = json_member_string(t->before, name);
        SCOPED(free) char *shown = before ? look(t, name) : NULL;
        char span[64];

        if (!shown || !streq(fact_text(account, "probe"), "works"))
                return;
        if (took != USEC_NEVER && streq(shown, before))
                finding_add(account, FINDING_OK, NULL, "tried: that was given back within %s",
                            format_duration(span, sizeof(span), took - took % USEC_PER_MSEC));
        else
                judge(account, "kept", FINDING_PROBLEM,
                      "busyctl status says who holds it and what will end it; on Synapse: busyctl cure "
                      "print-registration",
                      "tried: what was there before has not come back");
}

static void hold_and_look(struct trial *t) {
        SCOPED(json_decref) json_t *cookie = NULL;
        json_t *account;
        usec_t took;
        size_t i;

        look_before(t);
        if (bus_watch(t->c) < 0 ||
            bus_call(t->c, BUS_MANAGER, "Hold", &cookie, "ss", "busyctl", "doctor tries it") != CTL_OK) {
                finding_add(t->doc, FINDING_PROBLEM, "systemctl --user restart busyd",
                            "it could not be tried: busyd takes no hold");
                return;
        }
        (void) wait_until(t, "busy", has_begun);
        json_array_foreach(json_object_get(t->doc, "accounts"), i, account) judge_busy(t, account);
        (void) bus_call(t->c, BUS_MANAGER, "Release", NULL, "u",
                        (uint32_t) json_integer_value(json_array_get(cookie, 0)));
        took = wait_until(t, "free", has_ended);
        json_array_foreach(json_object_get(t->doc, "accounts"), i, account) judge_free(t, account, took);
}

void try_busy(struct ctl *c, sd_event *event, const char *folder, const struct config *config, json_t *doc) {
        SCOPED(json_decref) json_t *status = NULL, *before = json_object();
        struct trial t = { .c = c, .event = event, .folder = folder, .config = config, .doc = doc, .before = before };

        if (!c->bus || facts_status(c, &status) != CTL_OK)
                finding_add(doc, FINDING_NOTE, "start busyd first", "whether busy shows could not be tried");
        else if (!streq(fact_text(status, "mode"), "auto"))
                finding_add(doc, FINDING_NOTE, "busyctl auto (after a pause: busyctl resume)",
                            "whether busy shows was not tried: the mode is %s", fact_text(status, "mode"));
        else if (!streq(fact_text(status, "availability"), "free"))
                finding_add(doc, FINDING_NOTE, "try again after the call",
                            "whether busy shows was not tried: you are busy");
        else
                hold_and_look(&t);
}
