/* The icon of the tray, drawn here: it looks the same whatever icons a theme has, and differs by shape as well as by
 * colour. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

enum tray_look {
        TRAY_LOOK_UNKNOWN, /* an empty ring, faint */
        TRAY_LOOK_FREE,    /* a ring */
        TRAY_LOOK_BUSY,    /* a disc with a bar */
        TRAY_LOOK_PAUSED,  /* a disc with two upright bars */
};

/* Appends a(iiay): in the sizes that trays have, each pixel as alpha, red, green, blue. */
int tray_icon_append(sd_bus_message *m, enum tray_look look);
