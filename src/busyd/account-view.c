/* See account-view.h. */
#include "busyd/account-view.h"

#include <stdio.h>

#include "control/control.h"
#include "matrix/account.h"
#include "state/session.h"
#include "util/log.h"

static const char *const encrypted_words[ENCRYPTED_STATES] = {
        [ENCRYPTED_CHECKING] = "checking", [ENCRYPTED_VERIFIED] = "verified",
        [ENCRYPTED_UNPROVEN] = "unproven", [ENCRYPTED_UNVERIFIED] = "needs-verification",
        [ENCRYPTED_LOST] = "lost",         [ENCRYPTED_OFF] = "off",
};

/* Where no login has given the token, none helps. */
static const char *describe_problem(const char *name, const struct account *a, const char *command_problem, char *buf,
                                    size_t size) {
        if (account_state(a) != CONNECTION_SIGNED_OUT)
                return account_problem(a);
        if (session_has_credential(name))
                (void) snprintf(buf, size,
                                "the server does not take the token of the credential busyd-%s.token: put another one "
                                "there, then: systemctl --user restart busyd",
                                name);
        else if (command_problem)
                (void) snprintf(buf, size, "%s: mend that, then: busyctl reload", command_problem);
        else
                return account_problem(a);
        return buf;
}

void account_show(struct control *control, const char *name, struct account *a, const char *command_problem,
                  const char *encrypted, const struct instant *at) {
        char problem[512];
        struct control_output_view views[OUTPUTS_MAX];
        struct driver_report report;
        struct encrypted_facts facts = { .n_unreadable = 0 };
        size_t n = 0;

        while (n < OUTPUTS_MAX && account_report(a, n, &report)) {
                views[n] = (struct control_output_view){
                        .name = report.output,
                        .claim = report.claim,
                        .shows = report.shows,
                        .restore = report.restore,
                        .note = report.note,
                };
                n++;
        }
        if (account_encrypted(a, &facts))
                encrypted = encrypted_words[facts.state];
        if (control_set_account(
                    control, &(struct control_account_view){
                                     .name = name,
                                     .user_id = account_user_id(a),
                                     .homeserver = account_homeserver(a),
                                     .server = account_server(a),
                                     .state = connection_state_to_string(account_state(a)),
                                     .problem = describe_problem(name, a, command_problem, problem, sizeof(problem)),
                                     .retry_at_wall = instant_to_wall(at, account_retry_at(a)),
                                     .encrypted_calls = encrypted,
                                     .n_withholding = (unsigned) facts.n_withholding,
                                     .n_unreadable = (unsigned) facts.n_unreadable,
                                     .outputs = views,
                                     .n_outputs = n,
                             }) < 0)
                log_debug("Account %s cannot be published", name);
}
