/* Where state lives. Both programs ask here, so that both use the folder that the service uses. */
#pragma once

#include "core/base.h"

/* The first that applies:
 *  1. $STATE_DIRECTORY (the first of several), which the service manager sets;
 *  2. what the user's systemd would set for busyd.service: before version 254 $XDG_CONFIG_HOME/busyd, from then on
 *     $XDG_STATE_HOME/busyd, which becomes a link to the former if that alone is there;
 *  3. without such a unit, $XDG_STATE_HOME/busyd, or $XDG_CONFIG_HOME/busyd if state lies there alone.
 * Asks systemd over the user bus, which takes FOLDER_ASK_MAX at most; nothing is asked in the first case. The caller
 * frees. -ENXIO without a HOME. */
#define FOLDER_ASK_MAX (2 * USEC_PER_SEC)
int state_folder(char **ret);
