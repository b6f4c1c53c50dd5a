#include "matrix/calls/names.h"

#include "json/json.h"

#define CALL_MEMBER "m.call.member", "org.matrix.msc3401.call.member"
#define RTC_MEMBER  "m.rtc.member", "org.matrix.msc4143.rtc.member"
#define NOTIFICATION                                                                                                  \
        "m.rtc.notification", "org.matrix.msc4075.rtc.notification", "m.call.notify", "org.matrix.msc4075.call.notify"
#define DECLINE "m.rtc.decline", "org.matrix.msc4310.rtc.decline"

const char *const names_call_member[] = { CALL_MEMBER, NULL };
const char *const names_video_member[] = { "io.element.video.member", NULL };
const char *const names_rtc_member[] = { RTC_MEMBER, NULL };
const char *const names_rtc_slot[] = { "m.rtc.slot", "org.matrix.msc4143.rtc.slot", NULL };
const char *const names_notification[] = { NOTIFICATION, NULL };
const char *const names_decline[] = { DECLINE, NULL };
const char *const names_joining[] = { CALL_MEMBER, RTC_MEMBER, NULL };
const char *const names_ringing[] = { NOTIFICATION, DECLINE, NULL };
const char *const names_voip[] = {
        "m.call.invite",
        "m.call.answer",
        "m.call.select_answer",
        "m.call.reject",
        "m.call.hangup",
        "m.call.negotiate",
        "m.call.sdp_stream_metadata_changed",
        "org.matrix.call.sdp_stream_metadata_changed",
        "m.call.asserted_identity",
        "org.matrix.call.asserted_identity",
        "m.call.replaces",
        NULL,
};

const char *const names_sticky[] = { "sticky", "msc4354_sticky", NULL };
const char *const names_sticky_key[] = { "sticky_key", "msc4354_sticky_key", NULL };
const char *const names_sticky_remaining[] = {
        "sticky_duration_remaining_ms",         "sticky_duration_ttl_ms", /* of an earlier text */
        "msc4354_sticky_duration_remaining_ms", "msc4354_sticky_duration_ttl_ms", NULL,
};
const char *const names_state_after[] = { "state_after", "org.matrix.msc4222.state_after", NULL };

bool name_is_one_of(const char *name, const char *const *names) {
        for (; *names; names++)
                if (streq(name, *names))
                        return true;
        return false;
}

const char *named_string(const json_t *object, const char *const *names) {
        const char *s = NULL;

        for (; *names && !s; names++)
                s = json_member_string(object, *names);
        return s;
}

const json_t *named_object(const json_t *object, const char *const *names) {
        const json_t *o = NULL;

        for (; *names && !o; names++)
                o = json_member_object(object, *names);
        return o;
}

/* Reals up to here are exact, so that what looks whole is. */
#define WHOLE_MAX 9007199254740992.0

static bool is_whole(double d) {
        return d >= -WHOLE_MAX && d <= WHOLE_MAX && (double) (int64_t) d == d;
}

int64_t named_int(const json_t *object, const char *const *names, int64_t otherwise) {
        for (; *names; names++) {
                const json_t *v = json_object_get(object, *names);

                if (json_is_integer(v))
                        return json_integer_value(v);
                if (json_is_real(v) && is_whole(json_real_value(v)))
                        return (int64_t) json_real_value(v);
        }
        return otherwise;
}

int64_t said_int(const json_t *object, const char *name, int64_t otherwise) {
        return named_int(object, (const char *const[]){ name, NULL }, otherwise);
}
