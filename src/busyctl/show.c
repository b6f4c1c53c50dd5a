/* The verbs that show something: from the documents of facts.h, for people or as JSON. */
#include <stdio.h>

#include "busyctl/bus.h"
#include "busyctl/encryption.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "json/json.h"

static const char *or_word(const char *text, const char *otherwise) {
        return text[0] != '\0' ? text : otherwise;
}

static void print_trouble(const char *indent, const char *text) {
        if (text[0] != '\0')
                print_wrapped(indent, STYLE_TROUBLE, "%s", text);
}

/* "busy since 14:03 (12min ago)" */
static void print_availability(const json_t *doc, int64_t now) {
        const char *availability = fact_text(doc, "availability");
        char when[WHEN_MAX];

        if (!fact_bool(doc, "settled")) {
                print_trouble("", "Not known yet: busyd has just started and is still looking around.");
                return;
        }
        print_styled(streq(availability, "busy") ? STYLE_BUSY : STYLE_FREE, availability);
        format_when(when, sizeof(when), fact_time(doc, "since"), now);
        printf("%s%s\n", when[0] ? " since " : "", when);
}

static const char *mode_end(char *buf, size_t size, const json_t *doc, int64_t now) {
        const char *mode = fact_text(doc, "mode");
        char when[WHEN_MAX];

        buf[0] = '\0';
        if (fact_bool(doc, "mode_until_calls_end"))
                return ", until the present calls have ended";
        if (fact_time(doc, "mode_until") > 0)
                (void) snprintf(buf, size, " until %s",
                                format_when(when, sizeof(when), fact_time(doc, "mode_until"), now));
        else if (streq(mode, "paused"))
                return "; nothing is written until: busyctl resume";
        else if (!streq(mode, "auto"))
                return " until: busyctl auto";
        return buf;
}

static void print_mode(const json_t *doc, int64_t now) {
        const char *message = fact_text(doc, "message");
        char end[WHEN_MAX + 16];

        print_wrapped("", STYLE_PLAIN, "Mode: %s%s", fact_text(doc, "mode"), mode_end(end, sizeof(end), doc, now));
        if (message[0] != '\0')
                print_wrapped("", STYLE_PLAIN, "Message: %s", message);
}

/* "  presence: held, shows "busy: In a call", puts back "online"" */
static void print_output(const char *name, const json_t *output) {
        const char *shows = fact_text(output, "shows"), *restore = fact_text(output, "restore");

        print_wrapped("  ", STYLE_PLAIN, "%s: %s%s%s%s%s", name, fact_text(output, "claim"),
                      shows[0] ? ", shows " : "", shows, restore[0] ? ", will put back " : "", restore);
        print_trouble("    ", fact_text(output, "note"));
}

/* "  calls in encrypted rooms are seen; 2 users withhold their keys" */
static void print_encryption(const json_t *account) {
        json_int_t withheld = json_integer_value(json_object_get(account, "keys_withheld"));
        struct encryption_words words;
        char more[64] = "";

        encryption_describe(fact_text(account, "encrypted_calls"), fact_text(account, "name"), &words);
        if (withheld > 0)
                (void) snprintf(more, sizeof(more), "; %lld user%s", (long long) withheld,
                                withheld == 1 ? " withholds the keys" : "s withhold their keys");
        if (words.what[0])
                print_wrapped("  ", words.is_trouble ? STYLE_TROUBLE : STYLE_PLAIN, "%s%s%s%s", words.what, more,
                              words.advice[0] ? "; " : "", words.advice);
}

static void print_account(const json_t *account, int64_t now) {
        const char *user = fact_text(account, "user_id"), *server = fact_text(account, "server");
        const char *state = fact_text(account, "state");
        const json_t *outputs = json_object_get(account, "outputs");
        char when[WHEN_MAX];

        format_when(when, sizeof(when), fact_time(account, "retry_at"), now);
        print_wrapped("", STYLE_PLAIN, "Account %s%s%s%s%s%s: %s%s%s", fact_text(account, "name"), user[0] ? " (" : "",
                      user, server[0] ? " on " : "", server, user[0] ? ")" : "", state,
                      when[0] ? ", next try at " : "", when);
        print_trouble("  ", fact_text(account, "problem"));
        for (size_t i = 0; i < json_array_size(outputs); i++)
                print_output(fact_text(json_array_get(outputs, i), "name"), json_array_get(outputs, i));
        print_encryption(account);
}

static void print_accounts(const json_t *accounts, int64_t now) {
        for (size_t i = 0; i < json_array_size(accounts); i++)
                print_account(json_array_get(accounts, i), now);
        if (json_array_size(accounts) == 0)
                print_wrapped("", STYLE_PLAIN, "No Matrix account; to add one: busyctl login");
}

/* "  Element (matrix/home): active call, proof, since 14:03 (12min ago)" */
static void print_evidence(const json_t *e, bool verbose, int64_t now) {
        const char *sign = fact_text(e, "sign");
        const char *app = fact_text(e, "app"), *what = fact_text(e, "what"), *why_not = fact_text(e, "why_not");
        char when[WHEN_MAX];

        format_when(when, sizeof(when), fact_time(e, "since"), now);
        print_wrapped("  ", STYLE_PLAIN, "%s (%s): %s, %s, %s%s%s", or_word(app, "unknown application"),
                      fact_text(e, "source"), or_word(what, "call"), fact_text(e, "phase"), fact_text(e, "evidence"),
                      when[0] ? ", since " : "", when);
        if (!fact_bool(e, "counts") && why_not[0] != '\0')
                print_wrapped("    ", STYLE_FAINT, "%s", why_not);
        if (verbose && sign[0] != '\0')
                print_wrapped("    ", STYLE_FAINT, "told by: %s", sign);
}

static void print_evidence_list(const char *title, const json_t *evidence, bool counts, bool verbose, int64_t now) {
        bool first = true;

        for (size_t i = 0; i < json_array_size(evidence); i++) {
                const json_t *e = json_array_get(evidence, i);

                if (fact_bool(e, "counts") != counts)
                        continue;
                if (first)
                        printf("%s:\n", title);
                first = false;
                print_evidence(e, verbose, now);
        }
}

static void print_calls(const json_t *calls, bool verbose, int64_t now) {
        print_evidence_list("Calls", calls, true, verbose, now);
        print_evidence_list("Not counted", calls, false, verbose, now);
}

static void print_status(const json_t *doc, bool verbose) {
        int64_t now = wall_seconds();

        print_availability(doc, now);
        print_mode(doc, now);
        print_trouble("", fact_text(doc, "problem"));
        print_calls(json_object_get(doc, "calls"), verbose, now);
        print_accounts(json_object_get(doc, "accounts"), now);
}

/* "  zoom: holds the microphone, for a call (known to use it for calls only), strong" */
static void print_stream(const json_t *stream, bool with_source) {
        const char *why = fact_text(stream, "why"), *evidence = fact_text(stream, "evidence");
        const json_t *names = json_object_get(stream, "names");
        char all[1024] = "";
        size_t n = 0;

        print_wrapped("  ", STYLE_PLAIN, "%s%s%s%s: %s%s%s%s%s%s", or_word(fact_text(stream, "app"), "nobody"),
                      with_source ? " (" : "", with_source ? fact_text(stream, "source") : "", with_source ? ")" : "",
                      fact_text(stream, "what"), why[0] ? " (" : "", why, why[0] ? ")" : "", evidence[0] ? ", " : "",
                      evidence);
        for (size_t i = 0; i < json_array_size(names) && n < sizeof(all); i++)
                n += (size_t) snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "",
                                       json_string_value(json_array_get(names, i)));
        if (all[0])
                print_wrapped("    ", STYLE_FAINT, "also called: %s", all);
}

/* Those of one source; NULL: of all, each with its source, below the title. */
static void print_streams(const json_t *streams, const char *source) {
        bool first = source == NULL;

        for (size_t i = 0; i < json_array_size(streams); i++) {
                const json_t *stream = json_array_get(streams, i);

                if (source && !streq(fact_text(stream, "source"), source))
                        continue;
                if (first)
                        printf("Looked at:\n");
                first = false;
                print_stream(stream, source == NULL);
        }
}

static void print_restore(const json_t *restore) {
        for (size_t i = 0; i < json_array_size(restore); i++) {
                const json_t *o = json_array_get(restore, i);
                char name[256];

                if (i == 0)
                        printf("On the accounts:\n");
                (void) snprintf(name, sizeof(name), "%s/%s", fact_text(o, "account"), fact_text(o, "output"));
                print_output(name, o);
        }
}

static void print_because(const json_t *doc) {
        const json_t *reasons = json_object_get(doc, "because");

        if (json_array_size(reasons) > 0)
                printf("%s because:\n", streq(fact_text(doc, "availability"), "busy") ? "Busy" : "Not busy");
        for (size_t i = 0; i < json_array_size(reasons); i++)
                print_wrapped("  ", STYLE_PLAIN, "%s", json_string_value(json_array_get(reasons, i)));
}

static void print_why(const json_t *doc, bool verbose) {
        const json_t *evidence = json_object_get(doc, "evidence");
        int64_t now = wall_seconds();

        print_availability(doc, now);
        print_mode(doc, now);
        print_because(doc);
        print_evidence_list("Because of", evidence, true, verbose, now);
        print_evidence_list("Not counted", evidence, false, verbose, now);
        if (json_array_size(evidence) == 0)
                printf("No call is known.\n");
        print_streams(json_object_get(doc, "streams"), NULL);
        print_restore(json_object_get(doc, "restore"));
}

static void print_effects(const json_t *effects) {
        for (size_t i = 0; i < json_array_size(effects); i++) {
                const json_t *effect = json_array_get(effects, i);

                print_wrapped("      ", json_is_true(json_object_get(effect, "ok")) ? STYLE_FAINT : STYLE_TROUBLE,
                              "%s: %s", fact_text(effect, "name"), fact_text(effect, "outcome"));
        }
}

static void print_history(const json_t *changes) {
        int64_t now = wall_seconds();

        for (size_t i = 0; i < json_array_size(changes); i++) {
                const json_t *change = json_array_get(changes, i);
                const char *availability = fact_text(change, "availability"), *reason = fact_text(change, "reason");
                char when[WHEN_MAX];

                print_lead("", streq(availability, "busy") ? STYLE_BUSY : STYLE_FREE, availability, "%s%s%s",
                           format_when(when, sizeof(when), fact_time(change, "at"), now), reason[0] ? "  " : "",
                           reason);
                print_effects(json_object_get(change, "effects"));
        }
        if (json_array_size(changes) == 0)
                printf("Nothing has changed yet.\n");
}

/* How wide a column of these has to be. */
static int width_of_names(const json_t *objects, const char *key) {
        size_t widest = 0;

        for (size_t i = 0; i < json_array_size(objects); i++) {
                size_t wide = text_width(fact_text(json_array_get(objects, i), key));

                widest = wide > widest ? wide : widest;
        }
        return (int) widest;
}

static void print_sources(const json_t *sources) {
        int width = width_of_names(sources, "name");

        for (size_t i = 0; i < json_array_size(sources); i++) {
                const json_t *source = json_array_get(sources, i);
                const char *detail = fact_text(source, "detail");
                json_int_t calls = json_integer_value(json_object_get(source, "calls"));
                char count[32] = "";

                if (calls > 0)
                        (void) snprintf(count, sizeof(count), ", %lld call%s", (long long) calls,
                                        calls == 1 ? "" : "s");
                print_wrapped("", STYLE_PLAIN, "%-*s %s%s%s%s", width, fact_text(source, "name"),
                              fact_text(source, "state"), detail[0] ? ": " : "", detail, count);
                print_streams(json_object_get(source, "streams"), fact_text(source, "name"));
        }
}

enum exit_code verb_status(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *doc = NULL;
        enum exit_code code = facts_status(c, &doc);

        if (code != CTL_OK)
                return code;
        if (c->json)
                print_json(doc);
        else
                print_status(doc, a->verbose);
        return CTL_OK;
}

enum exit_code verb_why(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *doc = NULL, *streams = NULL;
        enum exit_code code = facts_why(c, &doc);

        if (code == CTL_OK && a->verbose)
                code = facts_streams(c, &streams);
        if (code != CTL_OK)
                return code;
        if (streams)
                (void) json_object_set(doc, "streams", streams);
        if (c->json)
                print_json(doc);
        else
                print_why(doc, a->verbose);
        return CTL_OK;
}

enum exit_code verb_history(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *changes = NULL;
        enum exit_code code = facts_history(c, a->n, &changes);

        if (code != CTL_OK)
                return code;
        if (c->json)
                print_json(changes);
        else
                print_history(changes);
        return CTL_OK;
}

enum exit_code verb_accounts(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *doc = NULL;
        enum exit_code code = facts_status(c, &doc);

        if (code != CTL_OK)
                return code;
        if (c->json)
                print_json(json_object_get(doc, "accounts"));
        else
                print_accounts(json_object_get(doc, "accounts"), wall_seconds());
        return CTL_OK;
}

/* Each source gets its own, as "streams". */
static void hand_out(const json_t *streams, json_t *sources) {
        for (size_t i = 0; i < json_array_size(sources); i++) {
                json_t *source = json_array_get(sources, i), *own = json_array();

                for (size_t k = 0; k < json_array_size(streams); k++)
                        if (streq(fact_text(json_array_get(streams, k), "source"), fact_text(source, "name")))
                                (void) json_array_append(own, json_array_get(streams, k));
                (void) json_object_set_new(source, "streams", own);
        }
}

enum exit_code verb_sources(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *doc = NULL, *streams = NULL;
        enum exit_code code = facts_status(c, &doc);
        json_t *sources = json_object_get(doc, "sources");

        if (code == CTL_OK && a->verbose)
                code = facts_streams(c, &streams);
        if (code != CTL_OK)
                return code;
        if (streams)
                hand_out(streams, sources);
        if (c->json)
                print_json(sources);
        else
                print_sources(sources);
        return CTL_OK;
}
