/* See account-view.h. */
#include "busyd/account-view.h"

#include "control/control.h"
#include "matrix/account.h"
#include "util/log.h"

void account_show(struct control *control, const char *name, struct account *a, const struct instant *at) {
        struct control_output_view views[OUTPUTS_MAX];
        struct driver_report report;
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
        if (control_set_account(control, &(struct control_account_view){
                                                 .name = name,
                                                 .user_id = account_user_id(a),
                                                 .homeserver = account_homeserver(a),
                                                 .server = account_server(a),
                                                 .state = connection_state_to_string(account_state(a)),
                                                 .problem = account_problem(a),
                                                 .retry_at_wall = instant_to_wall(at, account_retry_at(a)),
                                                 .outputs = views,
                                                 .n_outputs = n,
                                         }) < 0)
                log_debug("Account %s cannot be published", name);
}
