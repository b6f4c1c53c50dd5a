/* The profile output: the field `m.call` says that the user is in a call. It is one value for all devices, has no
 * expiry, and nobody is told of changes. */
#include "matrix/outputs/profile.h"

#include <errno.h>

#include "matrix/outputs/output.h"
#include "util/clock.h"
#include "json/json.h"

/* What is owed from before is owed also where the server does not offer the field any more. */
static const char *field_of(const struct account *a) {
        const char *field = account_profile(a)->field;

        return field ? field : PROFILE_FIELD_UNSTABLE;
}

static bool usable(const struct account *a, const char **ret_why) {
        if (!account_settings(a)->profile_call)
                *ret_why = "switched off (profile-call = no)";
        else if (!account_profile(a)->field)
                *ret_why = "this server does not offer the profile field for calls";
        else
                return true;
        return false;
}

static void traits(const struct account *a, struct claim_traits *ret) {
        *ret = (struct claim_traits){ .withdrawn = "", .refresh_interval = USEC_NEVER };
}

/* The same for the whole call, also when busyd was restarted meanwhile: readers count from it. */
static void want(const struct account *a, const struct output_situation *s, struct claim_want *ret,
                 const char **ret_why) {
        *ret = (struct claim_want){ .state_claimed = true };
        if (s->owed)
                ret->value = s->owed->ours[s->owed->n_ours - 1];
        else
                (void) profile_joined(&ret->value, (int64_t) (clock_wall_now() / USEC_PER_SEC));
        *ret_why = NULL;
}

static bool fall_back(const struct account *a, struct claim_want *w) {
        return false;
}

static void refuse(struct output_result *result, const char *problem) {
        result->outcome = MATRIX_REFUSED;
        result->problem = problem;
}

/* A field that is set may be gone with the support for it: then there is nothing to be given back. */
static bool is_absent(const struct account *a, const struct output_result *result) {
        return result->outcome == MATRIX_NOT_FOUND ||
               (result->outcome == MATRIX_UNRECOGNIZED && !account_profile(a)->field);
}

static void translate_read(struct account *a, const struct matrix_reply *reply, struct output_result *result) {
        bool absent = is_absent(a, result);

        if (absent) {
                result->outcome = MATRIX_OK;
                result->problem = "";
        }
        if (result->outcome == MATRIX_OK &&
            profile_value(&result->value, absent ? NULL : reply->body, field_of(a)) < 0)
                refuse(result, "somebody else's value is too long to be put back after a call: left alone");
}

static void translate_write(struct account *a, const struct matrix_reply *reply, struct output_result *result) {
        if (!is_absent(a, result))
                return;
        result->outcome = MATRIX_OK;
        result->problem = "";
}

static int profile_read(struct account *a, output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        int r = output_request_new(&request, a, translate_read, done, userdata);

        if (r < 0)
                return r;
        r = matrix_profile_field_get(account_client(a), account_profile(a)->unstable, account_user_id(a), field_of(a),
                                     output_request_answered, request, output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

static int start_write(struct account *a, const struct claim_value *v, struct output_request *request) {
        SCOPED(json_decref) json_t *value = NULL;
        int r = 0;

        if (v->state[0])
                r = json_parse(v->state, strlen(v->state), &value);
        if (r < 0)
                return r;
        return matrix_profile_field_put(account_client(a), account_profile(a)->unstable, account_user_id(a),
                                        field_of(a), value, output_request_answered, request,
                                        output_request_http(request));
}

static int profile_write(struct account *a, const struct claim_value *v, output_done_t done, void *userdata,
                         struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        int r = output_request_new(&request, a, v->state[0] ? NULL : translate_write, done, userdata);

        if (r < 0)
                return r;
        r = start_write(a, v, request);
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

const struct output output_profile = {
        .name = "profile",
        .follows_calls = true,
        .usable = usable,
        .traits = traits,
        .want = want,
        .fall_back = fall_back,
        .read = profile_read,
        .write = profile_write,
};
