/* The presence output where an application service may act for the user: how a busy that their other clients keep is
 * taken back from these. What is written on which device, cure.h decides. */
#include "matrix/outputs/presence-parts.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "util/log.h"

enum presence_cure presence_cure_state(const struct presence *p) {
        return !p->cure ? CURE_NONE : cure_works(p->cure) ? CURE_WORKS : CURE_FAILS;
}

struct curing {
        struct cure_plan plan;
        size_t next;
        bool planned;
        struct claim_value prior;
        char message[CLAIM_TEXT_MAX];
};

static bool device_is_gone(const struct matrix_reply *reply) {
        return reply->status == 400 && reply->errcode && strstr(reply->errcode, "M_UNKNOWN_DEVICE");
}

static int cure_more(struct output_request *request, struct output *o, const struct matrix_reply *reply, void *data) {
        struct curing *c = data;
        const struct output_endpoint *at = o->at;
        struct cure *cure = presence_of(o)->cure;
        char buf[CLAIM_TEXT_MAX];
        int r;

        if (!cure)
                return -ECANCELED;
        if (reply->outcome != MATRIX_OK && !(c->planned && device_is_gone(reply)))
                return 0;
        if (!c->planned)
                cure_plan(&c->plan, json_member_array(reply->body, "devices"),
                          &(struct cure_situation){ .own_device = at->facts->device_id,
                                                    .is_machine = at->is_machine,
                                                    .userdata = at->userdata,
                                                    .prior = &c->prior,
                                                    .wall = matrix_reply_server_time(reply) });
        c->planned = true;
        if (c->next == c->plan.n)
                return 0;
        r = cure_put(cure, &c->plan.targets[c->next++], presence_whole_message(presence_of(o), c->message, buf),
                     output_request_answered, request, output_request_http(request));
        return r < 0 ? r : 1;
}

/* Nothing is wrong with the account itself. */
static void translate_cure(struct output *o, const struct matrix_reply *reply, struct output_result *result) {
        if (reply->outcome != MATRIX_SIGNED_OUT && reply->outcome != MATRIX_REFUSED &&
            reply->outcome != MATRIX_NOT_FOUND && reply->outcome != MATRIX_UNRECOGNIZED)
                return;
        if (presence_of(o)->cure)
                cure_broke(presence_of(o)->cure);
        output_refuse(result, "the server refuses the cure; see \"busyctl doctor\"");
}

int presence_cure(struct output *o, const struct claim_value *v, const struct claim_value *prior, usec_t now,
                  output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        struct presence *p = presence_of(o);
        struct curing *c;
        int r = output_request_new(&request, o, translate_cure, done, userdata);

        if (r < 0)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        output_request_chain(request, cure_more, c);
        c->prior = *prior;
        (void) snprintf(c->message, sizeof(c->message), "%s", v->text);
        presence_sent(p, v->state, now);
        if (!p->cure)
                return -ECANCELED;
        r = cure_devices_get(p->cure, output_request_answered, request, output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

static void on_cure_checked(void *userdata) {
        struct presence *p = userdata;

        p->output.at->touched(p->output.at->userdata);
}

void presence_set_cure(struct presence *p) {
        const struct output_endpoint *at = p->output.at;
        int r;

        if (p->cure && at->appservice && cure_has_token(p->cure, at->appservice)) {
                cure_check(p->cure);
                return;
        }
        p->cure = cure_free(p->cure);
        if (!at->appservice)
                return;
        r = cure_new(&p->cure, at->http, matrix_client_base_url(at->client), at->user_id, at->appservice,
                     on_cure_checked, p);
        if (r < 0)
                log_error("The cure for %s cannot be used: %s", at->user_id, strerror(-r));
        else if (at->known)
                cure_check(p->cure);
}
