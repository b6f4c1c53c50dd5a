/* See encryption.h. */
#include "busyctl/encryption.h"

#include <stdio.h>

#include "busyctl/findings.h"

static const struct {
        const char *state, *what;
        const char *before, *after; /* of the account's name in the advice; NULL: there is none */
        bool is_trouble;
        bool by_emoji; /* another session will do as well */
} states[] = {
        { .state = "off",
          .what = "calls in encrypted rooms are not looked for, as encrypted-calls in busyd.conf says" },
        { .state = "unsupported",
          .what = "calls in encrypted rooms are not seen: this busyd was built without encryption, or the library "
                  "that "
                  "decrypts is not installed" },
        { .state = "unverified",
          .what = "1:1 calls in encrypted rooms are not seen",
          .before = "verify the session: busyctl verify ",
          .after = "",
          .by_emoji = true },
        { .state = "no-recovery",
          .what = "1:1 calls in encrypted rooms are not seen, and your account has no recovery set up",
          .before = "set it up (in Element: All settings, Encryption, Recovery), then: busyctl verify ",
          .after = "",
          .by_emoji = true },
        { .state = "checking", .what = "whether the session is still verified is being asked" },
        { .state = "verified", .what = "calls in encrypted rooms are seen" },
        { .state = "unproven",
          .what = "calls in encrypted rooms: the session is signed by an identity that was not proved here to be "
                  "yours, as where another session has signed it and comparing emoji was broken off; calls that you "
                  "take on other devices are not seen there",
          .before = "with the recovery key: busyctl verify ",
          .after = "",
          .is_trouble = true,
          .by_emoji = true },
        { .state = "needs-verification",
          .what = "calls in encrypted rooms: needs verification, since you have reset your encryption or the "
                  "signature of this session is gone; clients of people who have verified you may warn of it, and "
                  "after a week the session is logged out",
          .before = "with the recovery key of now: busyctl verify ",
          .after = "",
          .is_trouble = true,
          .by_emoji = true },
        { .state = "lost",
          .what = "calls in encrypted rooms: the keys of this session are gone or not its own, and cannot be replaced",
          .before = "make it a new one: busyctl logout ",
          .after = ", then busyctl login and busyctl verify",
          .is_trouble = true },
};

void encryption_describe(const char *state, const char *name, struct encryption_words *ret) {
        *ret = (struct encryption_words){ .what = "" };
        for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
                if (!streq(states[i].state, state))
                        continue;
                ret->is_trouble = states[i].is_trouble;
                ret->what = states[i].what;
                if (states[i].before)
                        (void) snprintf(
                                ret->advice, sizeof(ret->advice), "%s%s%s%s%s%s", states[i].before, name,
                                states[i].after,
                                states[i].by_emoji ? ", or by another session that is verified: busyctl verify " : "",
                                states[i].by_emoji ? name : "", states[i].by_emoji ? " --emoji" : "");
        }
}

#define ELSEWHERE "make them on this machine, where they are seen at the microphone, or say so: busyctl busy"

/* "2 of its rooms are encrypted, 1 of them of two people" */
static void describe_rooms(const struct encryption_found *f, char *text, size_t size) {
        if (f->n_rooms < 0)
                (void) snprintf(text, size, "how many of its rooms are encrypted is not known: %s", f->problem);
        else
                (void) snprintf(text, size, "%lld of its rooms %s encrypted, %lld of them of two people",
                                (long long) f->n_rooms, f->n_rooms == 1 ? "is" : "are", (long long) f->n_direct);
}

static void find_counts(json_t *doc, const struct encryption_found *f) {
        if (f->n_withholding > 0)
                finding_add(doc, FINDING_NOTE,
                            "their clients may not know yet that this session is verified, or trust only people whom "
                            "they have verified",
                            "%lld user%s not give this session the keys of their messages: their calls are seen once "
                            "you answer",
                            (long long) f->n_withholding, f->n_withholding == 1 ? " does" : "s do");
        if (f->n_unreadable > 0)
                finding_add(
                        doc, FINDING_OK, NULL,
                        "%lld encrypted messages could not be read since busyd has started: they are older than this "
                        "session, or their keys are withheld",
                        (long long) f->n_unreadable);
}

void encryption_find(json_t *doc, const struct encryption_found *f) {
        const bool is_unverified = streq(f->state, "unverified"),
                   is_seen = streq(f->state, "verified") || streq(f->state, "checking");
        struct encryption_words words;
        char rooms[384], advice[sizeof(words.advice) + sizeof("; or " ELSEWHERE)];

        encryption_describe(is_unverified && f->no_recovery ? "no-recovery" : f->state, f->name, &words);
        describe_rooms(f, rooms, sizeof(rooms));
        if (f->n_rooms == 0 && !words.is_trouble)
                finding_add(doc, FINDING_OK, NULL, "no room of the account is encrypted: calls there can be seen");
        else if (is_seen)
                finding_add(doc, FINDING_OK, NULL, "%s: %s", words.what, rooms);
        else {
                (void) snprintf(advice, sizeof(advice), "%s%s%s", words.advice, words.advice[0] ? "; or " : "",
                                words.is_trouble ? "" : ELSEWHERE);
                finding_add(doc, words.is_trouble ? FINDING_PROBLEM : FINDING_NOTE,
                            words.is_trouble ? words.advice : advice, "%s, but for those of Element Call: %s",
                            words.what[0] ? words.what : "1:1 calls in encrypted rooms are not seen", rooms);
        }
        find_counts(doc, f);
}
