/* The table of outputs, and what their requests share. */
#include "matrix/outputs/output.h"

#include <errno.h>

const struct output_kind *const outputs[] = { &output_presence, &output_profile, NULL };

struct output *output_free(struct output *o) {
        if (o)
                o->kind->free(o);
        return NULL;
}

struct output_request {
        struct output *output;
        struct http_request *http;
        output_translate_t translate;
        output_more_t more;
        void *data;
        bool has_effect;
        output_done_t done;
        void *userdata;
};

int output_request_new(struct output_request **ret, struct output *o, output_translate_t translate, output_done_t done,
                       void *userdata) {
        struct output_request *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *r = (struct output_request){ .output = o, .translate = translate, .done = done, .userdata = userdata };
        *ret = r;
        return 0;
}

void output_request_chain(struct output_request *r, output_more_t more, void *data) {
        r->more = more;
        r->data = data;
}

void output_request_has_effect(struct output_request *r) {
        r->has_effect = true;
}

struct http_request **output_request_http(struct output_request *r) {
        return &r->http;
}

void output_refuse(struct output_result *result, const char *problem) {
        result->outcome = MATRIX_REFUSED;
        result->problem = problem;
}

void output_request_answered(const struct matrix_reply *reply, void *userdata) {
        struct output_request *r = userdata;
        struct output_result result = {
                .outcome = reply->outcome,
                .retry_after = reply->retry_after,
                .now = reply->now,
                .problem = reply->problem ? reply->problem : "",
        };
        int more = 0;

        r->http = NULL;
        if (r->more)
                more = r->more(r, r->output, reply, r->data);
        if (more > 0)
                return;
        if (more < 0) {
                result.outcome = MATRIX_UNSURE;
                result.problem = strerror(-more);
        } else if (r->translate)
                r->translate(r->output, reply, &result);
        if (r->has_effect && result.outcome != MATRIX_OK)
                result.outcome = MATRIX_UNSURE;
        r->done(&result, r->userdata);
        free(r->data);
        free(r);
}

struct output_request *output_request_free(struct output_request *r) {
        if (!r)
                return NULL;
        http_request_free(r->http);
        free(r->data);
        free(r);
        return NULL;
}
