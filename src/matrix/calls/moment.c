#include "matrix/calls/moment.h"

#include "json/json.h"

moment_t moment_add_msec(moment_t m, int64_t msec) {
        int64_t usec, sum;

        if (__builtin_mul_overflow(msec, (int64_t) USEC_PER_MSEC, &usec))
                return msec > 0 ? MOMENT_NEVER : INT64_MIN;
        if (__builtin_add_overflow(m, usec, &sum))
                return usec > 0 ? MOMENT_NEVER : INT64_MIN;
        return sum;
}

moment_t moment_add_usec(moment_t m, usec_t usec) {
        int64_t sum;

        if (usec > INT64_MAX || __builtin_add_overflow(m, (int64_t) usec, &sum))
                return MOMENT_NEVER;
        return sum;
}

moment_t event_moment(const struct matrix_event *e, const struct kind_time *t) {
        int64_t age = e->age;

        if (age < 0)
                age = e->origin_server_ts > 0 ? (int64_t) (t->wall / USEC_PER_MSEC) - e->origin_server_ts : 0;
        return moment_add_msec((moment_t) t->now, age > 0 ? -age : 0);
}

int64_t add_msec(int64_t a, int64_t b) {
        int64_t sum;

        if (__builtin_add_overflow(a, b, &sum))
                return b > 0 ? INT64_MAX : INT64_MIN;
        return sum;
}

static int64_t wall_msec(const struct kind_time *t) {
        return (int64_t) (t->wall / USEC_PER_MSEC);
}

int64_t event_sent_msec(const struct matrix_event *e, const struct kind_time *t) {
        if (e->origin_server_ts > 0)
                return e->origin_server_ts;
        return wall_msec(t) - (e->age > 0 ? e->age : 0);
}

moment_t event_moment_of(const struct matrix_event *e, const struct kind_time *t, int64_t msec) {
        int64_t server_now = e->age >= 0 ? add_msec(event_sent_msec(e, t), e->age) : wall_msec(t);
        int64_t ahead;

        if (__builtin_sub_overflow(msec, server_now, &ahead))
                ahead = msec > 0 ? INT64_MAX : INT64_MIN;
        return moment_add_msec((moment_t) t->now, ahead);
}

const char *event_departed(const struct matrix_event *e) {
        const char *membership;

        if (!e->state_key || !streq(e->type, "m.room.member"))
                return NULL;
        membership = json_member_string(e->content, "membership");
        return membership && !streq(membership, "join") ? e->state_key : NULL;
}

const char *event_redacted(const struct matrix_event *e) {
        return streq(e->type, "m.room.redaction") && !e->state_key ? e->redacts : NULL;
}

bool same_or_both_absent(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}
