/* What PulseAudio says of a stream, in PipeWire's words, so that one rule judges both (pipewire-rule.h). Pure: as
 * PipeWire's own PulseAudio server translates for its clients. */
#pragma once

#include <pulse/introspect.h>
#include <sys/types.h>

#include "sources/pipewire-rule.h"

/* Fills `f`, which is empty, with what is said of a stream that records or plays. `of_sink`: it records from the
 * monitor of an output, and so what is heard. -ENOMEM. */
int pulse_facts_of_capture(struct facts *f, const pa_source_output_info *i, bool of_sink);
int pulse_facts_of_playback(struct facts *f, const pa_sink_input_info *i);

/* PipeWire speaks PulseAudio too, and says who it is: in the name of its program, in the server's, and in the
 * properties of its streams. */
bool pulse_process_is_pipewire(const char *process_name);
bool pulse_name_is_pipewire(const char *server_name); /* NULL: false */
bool pulse_facts_are_pipewire(const struct facts *f);
