/* The source `pulseaudio`: who holds the microphone where the sound goes through PulseAudio itself. Without libpulse
 * at build time it is off and says so. */
#pragma once

#include "sources/source.h"

extern const struct source_kind source_pulseaudio;
