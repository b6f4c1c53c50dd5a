/* Jitsi in video rooms: Element writes who is inside as io.element.video.member. Of a plain Jitsi widget nothing in
 * Matrix says who uses it; that is for local signals. */
#include "matrix/calls/member-state.h"
#include "matrix/calls/names.h"
#include "json/json.h"

static bool has_device(const json_t *devices) {
        for (size_t i = 0; i < json_array_size(devices); i++)
                if (json_is_string(json_array_get(devices, i)))
                        return true;
        return false;
}

static bool read_video_member(const struct matrix_event *e, const struct kind_time *t, moment_t *ret_since,
                              moment_t *ret_until) {
        if (!has_device(json_member_array(e->content, "devices")))
                return false;
        *ret_since = event_moment(e, t);
        *ret_until = event_moment_of(e, t, said_int(e->content, "expires_ts", 0));
        return true;
}

static const struct member_state_kind video = {
        .kind = &call_kind_jitsi,
        .what = "you are in a video room",
        .sign = "video.member state written by you",
        .read = read_video_member,
};

static int jitsi_new(struct kind_calls **ret, const struct kind_context *context) {
        return member_state_new(ret, context, &video);
}

const struct call_kind call_kind_jitsi = MEMBER_STATE_KIND("video", names_video_member, jitsi_new);
