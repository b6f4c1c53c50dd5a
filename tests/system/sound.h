/* A sound server of the test's own, without hardware: PipeWire, WirePlumber and PipeWire's PulseAudio, with a
 * microphone "mic0", an output "out0" and a camera "cam0"; or PulseAudio itself, with the first two. */
#pragma once

#include "system/harness.h"

#define MIC    "mic0"
#define OUT    "out0"
#define CAMERA "cam0"

#define SOUND_PROGRAMS 3

struct sound {
        pid_t pids[SOUND_PROGRAMS];
};

/* Starts it and waits until the devices are there. */
struct sound sound_start(struct world *w);
/* PulseAudio itself. */
struct sound sound_start_pulseaudio(struct world *w);
/* PipeWire for pictures alone, as it runs beside PulseAudio. */
struct sound sound_start_pictures(struct world *w);
/* SIGKILL for all of it. */
void sound_kill(struct world *w, struct sound *s);

/* A PulseAudio client that records from `device`; its properties follow as "KEY=VALUE", closed by NULL. Kill it with
 * process_kill(). */
pid_t sound_record(struct world *w, const char *device, ...) __attribute__((sentinel));
/* One that plays silence to the output. */
pid_t sound_play(struct world *w, ...) __attribute__((sentinel));
/* The same as sound_record(), with what it records going to `out`. */
pid_t sound_record_to(struct world *w, int out, const char *device, const char *const *properties);

/* Until PipeWire has a stream that records and whose property `key` is `value`; `running`: and until it runs. What
 * busyd is told after that, it is told after what it is told of this stream. */
void sound_await_stream(struct world *w, const char *key, const char *value, bool running);

/* Runs a program to its end. Returns what it printed; the caller frees. */
char *sound_run(struct world *w, const char *const *argv);
/* Until it prints this. */
void sound_await(struct world *w, const char *part, const char *const *argv);

/* How often it became busy, and that one time it was for this program. */
void expect_busy_history(struct world *w, size_t times, const char *app);
