/* See offer.h. */
#include "busyctl/offer.h"

#include <stdio.h>
#include <unistd.h>

#include "busyctl/facts.h"
#include "busyctl/prompt.h"
#include "busyctl/verify.h"

/* "e" and "y" as they were typed, and 'n' for all else. */
static char ask(const char *question) {
        SCOPED(erase_and_free) char *answer = NULL;
        char c = 'n';

        if (prompt(question, PROMPT_SHOWN, &answer) >= 0)
                c = (char) (answer[0] | 0x20);
        return c == 'e' || c == 'y' ? c : 'n';
}

#define QUESTION "See calls in your encrypted rooms, too? You verify this session for that, "

/* Calls in encrypted rooms are seen only by a session that the user has verified: asked of somebody who can, where
 * there are such rooms. Elsewhere what was examined says it. By the recovery key nothing can be lost; a session that
 * was to be verified by emoji is ended where nothing comes of it, and the login with it. */
enum exit_code offer_to_verify(struct ctl *c, const char *folder, const char *name, const json_t *examined) {
        const char *state = fact_text(examined, "encrypted_calls");
        const bool has_key = streq(state, "unverified");
        struct args args = { .n = 0 };
        enum exit_code code;
        char given;

        if (c->json || !isatty(STDIN_FILENO) || !(has_key || streq(state, "no-recovery")) ||
            json_integer_value(json_object_get(examined, "encrypted_rooms")) <= 0)
                return CTL_OK;
        given = ask(has_key ? QUESTION "with the recovery key of your account (y), or by comparing emoji with another "
                                       "session of yours, like your phone (e). [y/e/N] "
                            : QUESTION "by comparing emoji with another session of yours that is verified, like your "
                                       "phone. [y/N] ");
        args.emoji = given == (has_key ? 'e' : 'y');
        if (args.emoji || (has_key && given == 'y')) {
                code = verify_account(c, &args, folder, name);
                return args.emoji ? code : CTL_OK;
        }
        if (has_key)
                printf("Later: busyctl verify %s, or with another session at hand: busyctl verify %s --emoji\n", name,
                       name);
        else
                printf("Later: busyctl verify %s --emoji\n", name);
        return CTL_OK;
}
