/* The sources `pipewire`, who holds the microphone, and `camera`, who sees through it. Without libpipewire at build
 * time both are off and say so. */
#pragma once

#include "sources/source.h"

extern const struct source_kind source_pipewire;
extern const struct source_kind source_camera;
