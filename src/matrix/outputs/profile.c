/* The profile output: the field `m.call` says that the user is in a call. It is one value for all devices, has no
 * expiry, and nobody is told of changes, so it knows nothing between requests.
 *
 *   lost  what an earlier run may have written is not known any more: a value of the shape that busyd writes reads as
 *         that one, until one is written or nothing is owed */
#include "matrix/outputs/profile.h"

#include <errno.h>

#include "matrix/outputs/output.h"
#include "matrix/outputs/stand-in.h"
#include "json/json.h"

/* In place of the time that was lost. */
#define LOST_JOINED 0

struct profile {
        struct output output;
        bool lost;
        struct stand_in longer; /* than a claim can hold: somebody else's value */
};

static struct profile *profile_of(struct output *o) {
        return (struct profile *) o;
}

static const struct profile_support *support(const struct output *o) {
        return &o->at->facts->profile;
}

/* What is owed from before is owed also where the server does not offer the field any more. */
static const char *field_of(const struct output *o) {
        return support(o)->field ? support(o)->field : PROFILE_FIELD_UNSTABLE;
}

static bool usable(const struct output *o, const char **ret_why) {
        if (!o->at->settings->profile_call)
                *ret_why = "switched off (profile-call = no)";
        else if (!support(o)->field)
                *ret_why = "this server does not offer the profile field for calls";
        else
                return true;
        return false;
}

static bool stands_in(const struct claim_value *v) {
        return stand_in_is(v->state, sizeof(v->state));
}

static void traits(const struct output *o, struct claim_traits *ret) {
        *ret = (struct claim_traits){ .withdrawn = "", .stands_in = stands_in, .refresh_interval = USEC_NEVER };
}

/* The same for the whole call, also when busyd was restarted meanwhile: readers count from it. */
static void want(struct output *o, const struct output_situation *s, struct claim_want *ret, const char **ret_why) {
        *ret = (struct claim_want){ .state_claimed = true };
        if (s->current)
                ret->value = s->current->value;
        else if (s->owed && !profile_of(o)->lost)
                ret->value = s->owed->ours[s->owed->n_ours - 1];
        else
                (void) profile_joined(&ret->value, (int64_t) (s->wall / USEC_PER_SEC));
        *ret_why = NULL;
}

static bool lost(struct output *o, struct claim_owed *ret) {
        *ret = (struct claim_owed){ .n_ours = 1, .order = 1, .state_claimed = true };
        return profile_joined(&ret->ours[0], LOST_JOINED) >= 0;
}

static void resumed(struct output *o, const struct claim_owed *owed) {
        struct claim_value v;

        profile_of(o)->lost =
                profile_joined(&v, LOST_JOINED) >= 0 && claim_value_equal(&owed->ours[owed->n_ours - 1], &v);
}

static void claim(struct output *o, const struct output_claim *c, usec_t now) {
        if (!c->owed)
                profile_of(o)->lost = false;
}

static bool fall_back(const struct output *o, struct claim_want *w) {
        return false;
}

/* A field that is set may be gone with the support for it: then there is nothing to be given back. */
static bool is_absent(const struct output *o, const struct output_result *result) {
        return result->outcome == MATRIX_NOT_FOUND || (result->outcome == MATRIX_UNRECOGNIZED && !support(o)->field);
}

static void translate_read(struct output *o, const struct matrix_reply *reply, struct output_result *result) {
        bool absent = is_absent(o, result);
        const json_t *value;
        int r;

        if (absent) {
                result->outcome = MATRIX_OK;
                result->problem = "";
        }
        if (result->outcome != MATRIX_OK)
                return;
        if (!absent && matrix_profile_field_parse(reply->body, field_of(o), &value) < 0) {
                result->outcome = MATRIX_UNSURE;
                result->problem = "the answer of the server says nothing of the profile field";
                return;
        }
        r = profile_value(&result->value, &profile_of(o)->longer, absent ? NULL : reply->body, field_of(o));
        if (r < 0) {
                result->outcome = MATRIX_UNSURE;
                result->problem = "there is no memory for the profile field";
        } else if (profile_of(o)->lost && profile_is_joined(&result->value))
                (void) profile_joined(&result->value, LOST_JOINED);
}

static void translate_write(struct output *o, const struct matrix_reply *reply, struct output_result *result) {
        if (!is_absent(o, result))
                return;
        result->outcome = MATRIX_OK;
        result->problem = "";
}

static int profile_read(struct output *o, output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        int r = output_request_new(&request, o, translate_read, done, userdata);

        if (r < 0)
                return r;
        r = matrix_profile_field_get(o->at->client, support(o)->unstable, o->at->user_id, field_of(o),
                                     output_request_answered, request, output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

/* In place of a value that only an earlier run had there is none. */
static int start_write(struct output *o, const struct claim_value *v, struct output_request *request) {
        const char *state = stand_in_whole(&profile_of(o)->longer, v->state, sizeof(v->state));
        SCOPED(json_decref) json_t *value = NULL;
        int r = 0;

        if (state && state[0])
                r = json_parse(state, strlen(state), &value);
        if (r < 0)
                return r;
        return matrix_profile_field_put(o->at->client, support(o)->unstable, o->at->user_id, field_of(o), value,
                                        output_request_answered, request, output_request_http(request));
}

static int profile_write(struct output *o, const struct claim_value *v, usec_t now, output_done_t done, void *userdata,
                         struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        int r = output_request_new(&request, o, v->state[0] ? NULL : translate_write, done, userdata);

        if (r < 0)
                return r;
        r = start_write(o, v, request);
        if (r < 0)
                return r;
        profile_of(o)->lost = false;
        *ret = TAKE(request);
        return 0;
}

/* ---- the object ---- */

static int make(struct output **ret, const struct output_endpoint *at) {
        struct profile *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        p->output = (struct output){ .kind = &output_profile, .at = at };
        *ret = &p->output;
        return 0;
}

static void profile_free(struct output *o) {
        stand_in_done(&profile_of(o)->longer);
        free(profile_of(o));
}

const struct output_kind output_profile = {
        .name = "profile",
        .words = profile_words,
        .follows_calls = true,
        .make = make,
        .free = profile_free,
        .usable = usable,
        .traits = traits,
        .want = want,
        .resumed = resumed,
        .claim = claim,
        .fall_back = fall_back,
        .lost = lost,
        .read = profile_read,
        .write = profile_write,
};
