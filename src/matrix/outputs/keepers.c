#include "matrix/outputs/keepers.h"

#include "json/json.h"

/* A client polls every half minute, and servers note it every two; Dendrite itself lets a user go after five. */
#define SEEN_MAX (5 * USEC_PER_MIN)
/* busyd polls for ten minutes at a time, so that a server which notes anything has noted that. */
#define OWN_SEEN_MAX (20 * USEC_PER_MIN)

/* A server's clock that is ahead of what it says, or of ours, makes nobody older. */
static bool was_seen(const json_t *device, usec_t wall, usec_t within) {
        int64_t at = json_member_int(device, "last_seen_ts", 0),
                earliest = (int64_t) ((wall - within) / USEC_PER_MSEC);

        return at > 0 && at > earliest;
}

enum keepers keepers_judge(const struct matrix_reply *reply, const char *own_device,
                           bool (*is_machine)(void *userdata, const char *device_id), void *userdata) {
        const json_t *devices = reply->outcome == MATRIX_OK ? json_member_array(reply->body, "devices") : NULL;
        usec_t wall = matrix_reply_server_time(reply);
        bool notes = false, some = false;

        for (size_t i = 0; i < json_array_size(devices); i++) {
                const json_t *device = json_array_get(devices, i);
                const char *id = json_member_string(device, "device_id");

                if (!id)
                        continue;
                if (streq(id, own_device))
                        notes = was_seen(device, wall, OWN_SEEN_MAX);
                else if (was_seen(device, wall, SEEN_MAX) && !(is_machine && is_machine(userdata, id)))
                        some = true;
        }
        return some ? KEEPERS_SOME : notes ? KEEPERS_NONE : KEEPERS_UNKNOWN;
}
