/* What an answer of a homeserver means: HTTP status, errcode and body to an outcome (reference 7.3 and 1.4). Words of
 * the server are not repeated in a problem, apart from the errcode: they might hold anything. */
#include <errno.h>
#include <stdio.h>

#include "matrix/client/client.h"
#include "json/json.h"

#define ERRCODE_MAX 64

const char *matrix_outcome_to_string(enum matrix_outcome o) {
        static const char *const names[] = {
                [MATRIX_OK] = "ok",
                [MATRIX_RETRY] = "retry",
                [MATRIX_UNSURE] = "unsure",
                [MATRIX_REFUSED] = "refused",
                [MATRIX_NOT_FOUND] = "not-found",
                [MATRIX_UNRECOGNIZED] = "unrecognized",
                [MATRIX_BAD_TOKEN_POS] = "bad-position",
                [MATRIX_BAD_FILTER] = "bad-filter",
                [MATRIX_SIGNED_OUT] = "signed-out",
                [MATRIX_LOCKED] = "locked",
                [MATRIX_NOT_MATRIX] = "not-matrix",
        };

        return names[o];
}

/* Only what looks like one is taken for one. */
static const char *read_errcode(const json_t *body) {
        const char *s = json_member_string(body, "errcode");

        if (!s || !*s || strlen(s) > ERRCODE_MAX)
                return NULL;
        return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")] ? NULL : s;
}

/* Either may be missing, or of no use; where both are there, the larger one harms nobody. */
static usec_t read_retry_after(const struct http_reply *http, const json_t *body) {
        int64_t msec = json_member_int(body, "retry_after_ms", 0);
        usec_t said = 0;

        if (msec > 0)
                said = (uint64_t) msec > HTTP_RETRY_AFTER_MAX / USEC_PER_MSEC ? HTTP_RETRY_AFTER_MAX
                                                                              : (usec_t) msec * USEC_PER_MSEC;
        if (http->retry_after != USEC_NEVER && http->retry_after > said)
                said = http->retry_after;
        return said > 0 ? usec_min(said, HTTP_RETRY_AFTER_MAX) : USEC_NEVER;
}

/* ---- outcomes ---- */

static bool mentions(const json_t *body, const char *word) {
        const char *error = json_member_string(body, "error");

        return error && strcasestr(error, word);
}

static enum matrix_outcome sync_outcome(const struct matrix_reply *r) {
        if (streq(r->errcode, "M_UNKNOWN_POS") || mentions(r->body, "stream token") || mentions(r->body, "since"))
                return MATRIX_BAD_TOKEN_POS;
        if (streq(r->errcode, "M_INVALID_PARAM") && mentions(r->body, "filter"))
                return MATRIX_BAD_FILTER;
        return MATRIX_REFUSED;
}

static enum matrix_outcome client_error_outcome(const struct matrix_reply *r, bool sync) {
        if (r->status == 429)
                return MATRIX_RETRY;
        if (r->status == 408)
                return MATRIX_UNSURE;
        if (!r->errcode)
                return MATRIX_NOT_MATRIX;
        if (streq(r->errcode, "M_UNKNOWN_TOKEN"))
                return MATRIX_SIGNED_OUT;
        if (streq(r->errcode, "M_USER_LOCKED"))
                return MATRIX_LOCKED;
        if (streq(r->errcode, "M_LIMIT_EXCEEDED"))
                return MATRIX_RETRY;
        if (streq(r->errcode, "M_UNRECOGNIZED"))
                return MATRIX_UNRECOGNIZED;
        if (r->status == 404)
                return MATRIX_NOT_FOUND;
        return sync && r->status == 400 ? sync_outcome(r) : MATRIX_REFUSED;
}

static enum matrix_outcome read_outcome(const struct http_reply *http, const struct matrix_reply *r, bool sync) {
        if (http->error < 0)
                return http->sent ? MATRIX_UNSURE : MATRIX_RETRY;
        if (r->status >= 500)
                return MATRIX_UNSURE;
        if (r->status >= 400)
                return client_error_outcome(r, sync);
        if (r->status >= 200 && r->status < 300 && json_is_object(r->body))
                return MATRIX_OK;
        return MATRIX_NOT_MATRIX;
}

/* ---- words ---- */

static const char *not_matrix_problem(const struct matrix_reply *r) {
        if (r->status >= 300 && r->status < 400)
                return "the server redirects elsewhere, and busyd does not take a token there: give the address it"
                       " redirects to as the homeserver";
        if (r->raw[strspn(r->raw, " \t\r\n")] == '<')
                return "a web page came instead of an answer: check that the address is that of the homeserver, and"
                       " that no sign-in page of the network is in between";
        return "what answered is not a Matrix homeserver: check its address";
}

static const char *fixed_problem(const struct http_reply *http, const struct matrix_reply *r) {
        if (http->error < 0)
                return http->problem;
        if (r->outcome == MATRIX_OK)
                return "";
        if (r->outcome == MATRIX_NOT_MATRIX)
                return not_matrix_problem(r);
        if (r->outcome == MATRIX_SIGNED_OUT)
                return "the session has ended: run `busyctl login`";
        if (r->outcome == MATRIX_LOCKED)
                return "the account is locked: ask the homeserver's administrator";
        if (r->outcome == MATRIX_RETRY)
                return "the homeserver asks to wait";
        if (r->errcode && streq(r->errcode, "M_MISSING_TOKEN"))
                return "the access token did not reach the homeserver: a proxy in between may take it out";
        return NULL;
}

static const char *describe(const struct http_reply *http, const struct matrix_reply *r, char *text, size_t size) {
        const char *fixed = fixed_problem(http, r);

        if (fixed)
                return fixed;
        if (r->outcome == MATRIX_UNSURE)
                (void) snprintf(text, size, "the homeserver has a problem of its own (HTTP %ld)", r->status);
        else if (r->outcome == MATRIX_UNRECOGNIZED)
                (void) snprintf(text, size, "the homeserver does not know this request (HTTP %ld)", r->status);
        else
                (void) snprintf(text, size, "the homeserver refused: %s (HTTP %ld)", r->errcode, r->status);
        return text;
}

usec_t matrix_reply_server_time(const struct matrix_reply *reply) {
        return reply->date > 0 ? reply->date : reply->wall;
}

void matrix_reply_read(struct matrix_reply *ret, const struct http_reply *http, bool sync, char *text,
                       size_t text_size) {
        struct matrix_reply r = {
                .status = http->status,
                .raw = http->body ? http->body : "",
                .raw_size = http->size,
                .server = http->server,
                .date = http->date,
                .now = http->now,
                .wall = http->wall,
        };
        bool unread = http->error == 0 && json_parse(r.raw, r.raw_size, &r.body) == -ENOMEM;

        if (r.status < 200 || r.status >= 300)
                r.errcode = read_errcode(r.body);
        r.retry_after = read_retry_after(http, r.body);
        r.outcome = unread ? MATRIX_UNSURE : read_outcome(http, &r, sync);
        r.problem = unread ? "there is no memory for the answer" : describe(http, &r, text, text_size);
        *ret = r;
}
