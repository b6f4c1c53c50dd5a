/* See because.h. */
#include "busyctl/because.h"

#include <stdarg.h>
#include <stdio.h>

#include "busyctl/encryption.h"
#include "busyctl/facts.h"
#include "json/json.h"

__attribute__((format(printf, 2, 3))) static void say(json_t *reasons, const char *format, ...) {
        char text[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) json_array_append_new(reasons, json_string(text));
}

static size_t count_calls(const json_t *status, bool counts) {
        const json_t *call;
        size_t i, n = 0;

        json_array_foreach(json_member_array(status, "calls"), i, call) n += fact_bool(call, "counts") == counts;
        return n;
}

static void say_busy(json_t *reasons, const json_t *status) {
        size_t n = count_calls(status, true);

        if (n > 0)
                say(reasons, n == 1 ? "a call counts" : "%zu calls count", n);
        else
                say(reasons,
                    "the last call has just ended: busy lasts for a moment longer (end-grace or hint-end-grace in "
                    "busyd.conf)");
}

static void say_no_call(json_t *reasons, const json_t *status) {
        size_t n = count_calls(status, false);

        if (n > 0)
                say(reasons, n == 1 ? "what is known does not count" : "none of the %zu that are known counts", n);
        else
                say(reasons, "no source tells of a call");
}

/* What could have told of one and cannot. */
static void say_blind_sources(json_t *reasons, const json_t *status) {
        const json_t *source;
        char names[512] = "", blind[512];
        size_t i, n = 0;

        if (*facts_blind_microphone(status, blind, sizeof(blind)))
                say(reasons, "nobody looks at the microphone: %s", blind);
        json_array_foreach(json_member_array(status, "sources"), i, source) {
                const char *name = fact_text(source, "name"), *state = fact_text(source, "state");

                if (streq(state, "watching") || facts_is_microphone(name))
                        continue;
                if (n < sizeof(names))
                        n += (size_t) snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", name);
        }
        if (names[0])
                say(reasons, "not watched, as busyctl sources explains: %s", names);
}

static void say_deaf_accounts(json_t *reasons, const json_t *status) {
        const json_t *accounts = json_member_array(status, "accounts"), *account;
        size_t i;

        json_array_foreach(accounts, i, account) {
                const char *problem = fact_text(account, "problem");

                if (!streq(fact_text(account, "state"), "online"))
                        say(reasons, "calls on account %s are not heard of, it is %s%s%s", fact_text(account, "name"),
                            fact_text(account, "state"), problem[0] ? ": " : "", problem);
        }
        json_array_foreach(accounts, i, account) {
                struct encryption_words words;

                encryption_describe(fact_text(account, "encrypted_calls"), fact_text(account, "name"), &words);
                if (words.what[0] && !streq(fact_text(account, "encrypted_calls"), "verified"))
                        say(reasons, "%s%s%s", words.what, words.advice[0] ? "; " : "", words.advice);
        }
        if (json_array_size(accounts) == 0)
                say(reasons, "no Matrix account is set up, so that no call on another device is heard of");
}

static void say_ignored(json_t *reasons, const json_t *ignored) {
        const json_t *entry;
        char apps[512] = "";
        size_t i, n = 0;

        json_array_foreach(ignored, i, entry) {
                if (n < sizeof(apps))
                        n += (size_t) snprintf(apps + n, sizeof(apps) - n, "%s%s", n ? ", " : "",
                                               fact_text(entry, "app"));
        }
        if (apps[0])
                say(reasons, "calls of %s are ignored by your word: busyctl allow", apps);
}

static void say_free(json_t *reasons, const json_t *status, const json_t *ignored) {
        say_no_call(reasons, status);
        say_ignored(reasons, ignored);
        say_blind_sources(reasons, status);
        say_deaf_accounts(reasons, status);
}

json_t *because(const json_t *status, const json_t *ignored) {
        json_t *reasons = json_array();
        const char *availability = fact_text(status, "availability"), *mode = fact_text(status, "mode");

        if (!reasons || !fact_bool(status, "settled"))
                return reasons;
        if (streq(mode, availability))
                say(reasons, "you have said so: busyctl auto lets the calls decide again");
        else if (streq(availability, "busy"))
                say_busy(reasons, status);
        else
                say_free(reasons, status, ignored);
        if (streq(mode, "paused"))
                say(reasons, "it is told to nobody: you have paused, until busyctl resume");
        return reasons;
}
