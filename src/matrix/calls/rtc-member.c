/* Group calls: call.member state of MSC3401, in the three generations that rooms still hold. They are told apart by
 * what is in them; whose they are says the sender, never the state key. */
#include "matrix/calls/member-state.h"
#include "matrix/calls/names.h"
#include "json/json.h"

#define CALL_APPLICATION "m.call"
/* What readers take for a missing `expires`. */
#define EXPIRES_DEFAULT_MSEC INT64_C(14400000)
/* Clients renew after an hour at most. A change of intent is written with the first event's time but without the
 * renewals so far, and may look expired until the next one. */
#define RENEWAL_MSEC INT64_C(3900000)

/* First generation: absolute times of devices, in a list of calls. */
static int64_t device_expiry(const json_t *device) {
        if (!json_member_string(device, "device_id") || !json_member_string(device, "session_id") ||
            !json_member_array(device, "feeds"))
                return 0;
        return said_int(device, "expires_ts", 0);
}

static int64_t calls_expiry(const json_t *calls) {
        int64_t last = 0;

        for (size_t i = 0; i < json_array_size(calls); i++) {
                const json_t *devices = json_member_array(json_array_get(calls, i), "m.devices");

                for (size_t k = 0; k < json_array_size(devices); k++) {
                        int64_t at = device_expiry(json_array_get(devices, k));

                        last = at > last ? at : last;
                }
        }
        return last;
}

static bool is_call(const json_t *membership) {
        const char *application = json_member_string(membership, "application");

        return application && streq(application, CALL_APPLICATION);
}

static int64_t created(const json_t *membership, int64_t sent) {
        int64_t at = said_int(membership, "created_ts", 0);

        return at > 0 && at < sent ? at : sent;
}

/* Second generation: a list of memberships, with relative or absolute times. */
static int64_t memberships_expiry(const json_t *memberships, int64_t sent, int64_t *ret_begun) {
        int64_t last = 0, first = sent;

        for (size_t i = 0; i < json_array_size(memberships); i++) {
                const json_t *m = json_array_get(memberships, i);
                int64_t expires = said_int(m, "expires", 0), at = said_int(m, "expires_ts", 0);

                if (!is_call(m))
                        continue;
                if (expires > 0 && add_msec(created(m, sent), expires) > at)
                        at = add_msec(created(m, sent), expires);
                last = at > last ? at : last;
                first = created(m, sent) < first ? created(m, sent) : first;
        }
        *ret_begun = first;
        return last;
}

/* Third generation: one membership of one device. */
static int64_t session_expiry(const json_t *content, int64_t sent) {
        int64_t expires = said_int(content, "expires", EXPIRES_DEFAULT_MSEC);
        int64_t by_creation, by_renewal;

        if (expires <= 0)
                return 0;
        by_creation = add_msec(created(content, sent), expires);
        by_renewal = add_msec(sent, expires < RENEWAL_MSEC ? expires : RENEWAL_MSEC);
        return by_creation > by_renewal ? by_creation : by_renewal;
}

static bool read_member(const struct matrix_event *e, const struct kind_time *t, moment_t *ret_since,
                        moment_t *ret_until) {
        const json_t *calls = json_member_array(e->content, "m.calls");
        const json_t *memberships = json_member_array(e->content, "memberships");
        int64_t sent = event_sent_msec(e, t), begun = sent, expiry;

        if (calls)
                expiry = calls_expiry(calls);
        else if (memberships)
                expiry = memberships_expiry(memberships, sent, &begun);
        else if (is_call(e->content)) {
                expiry = session_expiry(e->content, sent);
                begun = created(e->content, sent);
        } else
                return false;

        *ret_since = event_moment_of(e, t, begun);
        *ret_until = event_moment_of(e, t, expiry);
        return true;
}

static const struct member_state_kind member = {
        .kind = &call_kind_rtc_member,
        .what = "you joined a group call",
        .sign = "call.member state written by you",
        .announced = true,
        .read = read_member,
};

static int rtc_member_new(struct kind_calls **ret, const struct kind_context *context) {
        return member_state_new(ret, context, &member);
}

const struct call_kind call_kind_rtc_member = MEMBER_STATE_KIND("rtc", names_call_member, rtc_member_new);
