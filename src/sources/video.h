/* Cameras that programs open by themselves, past PipeWire: who has a device node open. */
#pragma once

#include "sources/source.h"

/* Where things are. For tests, which have no cameras. */
struct video_places {
        const char *nodes; /* /dev */
        const char *udev;  /* what udev knows of a device with a number: /run/udev/data */
};

extern const struct source_kind source_video;
