/* Whether any client of the user is there to keep a presence up, where the server itself never takes one down. Pure.
 */
#pragma once

#include "matrix/client/client.h"

enum keepers {
        KEEPERS_UNKNOWN, /* the server does not say when devices were seen */
        KEEPERS_NONE,
        KEEPERS_SOME,
};

/* From the answer to GET /devices, whatever it is. Busyd's own device does not keep a presence up, and neither do
 * those of the user's other machines; `is_machine` NULL: there are none. */
enum keepers keepers_judge(const struct matrix_reply *reply, const char *own_device,
                           bool (*is_machine)(void *userdata, const char *device_id), void *userdata);
