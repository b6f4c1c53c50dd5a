/* What the bus shows, made anew from what is; control sends only what changed. */
#include "busyd/internal.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

static void publish_manager(struct manager *m) {
        const struct availability *a = &m->availability;

        control_set_manager(m->control, &(struct control_manager_view){
                                                .settled = m->verdict.settled,
                                                .busy = m->verdict.busy,
                                                .since_wall = clock_to_wall(m->verdict.since),
                                                .mode = a->mode,
                                                .mode_until_wall = clock_to_wall(a->mode_until),
                                                .mode_until_calls_end = a->until_calls_end,
                                                .message = m->message,
                                                .problem = "",
                                        });
}

static void publish_tenant(struct manager *m, struct tenant *t) {
        struct control_output_view views[OUTPUTS_MAX];
        struct account *a = t->account;
        usec_t retry_at = account_retry_at(a);

        for (size_t i = 0; i < t->n_keepers; i++) {
                struct keeper_report report;

                keeper_report(t->keepers[i], &report);
                views[i] = (struct control_output_view){
                        .name = keeper_output(t->keepers[i])->name,
                        .claim = report.claim,
                        .shows = report.shows,
                        .restore = report.restore,
                        .note = report.note,
                };
        }
        if (control_set_account(m->control, &(struct control_account_view){
                                                    .name = t->name,
                                                    .user_id = account_user_id(a),
                                                    .homeserver = account_homeserver(a),
                                                    .server = account_server(a),
                                                    .state = account_state_to_string(account_state(a)),
                                                    .problem = account_problem(a),
                                                    .retry_at_wall = clock_to_wall(retry_at),
                                                    .outputs = views,
                                                    .n_outputs = t->n_keepers,
                                            }) < 0)
                log_debug("Account %s cannot be published", t->name);
}

static void publish_source(struct manager *m, const struct source_view *v) {
        if (control_set_source(m->control,
                               &(struct control_source_view){
                                       .name = v->name,
                                       .state = source_state_to_string(v->state),
                                       .detail = v->detail,
                                       .n_calls = (unsigned) call_table_count(call_book_calls(m->book), v->name),
                               }) < 0)
                log_debug("Source %s cannot be published", v->name);
}

static void publish_sources(struct manager *m) {
        struct source_view v;

        for (size_t i = 0; m->sources && source_set_view(m->sources, i, &v); i++)
                publish_source(m, &v);
}

void publish(struct manager *m, usec_t now) {
        publish_manager(m);
        call_book_publish(m->book, m->control, &m->availability, now);
        for (size_t i = 0; i < m->n_tenants; i++)
                publish_tenant(m, m->tenants[i]);
        publish_sources(m);
}

void publish_tenant_gone(struct manager *m, const char *name) {
        control_remove_account(m->control, name);
}
