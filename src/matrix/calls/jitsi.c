/* Jitsi in video rooms: Element writes who is inside as io.element.video.member. Of a plain Jitsi widget nothing in
 * Matrix says who uses it; that is for local signals. */
#include "matrix/calls/member-state.h"
#include "json/json.h"

static const char *const video_types[] = { "io.element.video.member", NULL };

static bool has_device(const json_t *devices) {
        for (size_t i = 0; i < json_array_size(devices); i++)
                if (json_is_string(json_array_get(devices, i)))
                        return true;
        return false;
}

static bool read_video_member(const struct matrix_event *e, const struct observer_time *t, moment_t *ret_since,
                              moment_t *ret_until) {
        if (!has_device(json_member_array(e->content, "devices")))
                return false;
        *ret_since = event_moment(e, t);
        *ret_until = event_moment_of(e, t, json_member_int(e->content, "expires_ts", 0));
        return true;
}

static const struct own_state_kind video = {
        .family = &call_family_jitsi,
        .what = "video.member state written by you",
        .read = read_video_member,
};

static int jitsi_new(struct observer **ret, const struct observer_context *context) {
        return own_state_new(ret, context, &video);
}

const struct call_family call_family_jitsi = OWN_STATE_FAMILY("video", video_types, jitsi_new);
