/* What is used of libpulse, which is loaded once a server of PulseAudio is there: it brings twenty libraries along. */
#pragma once

#include <pulse/pulseaudio.h>

#define PULSE_FUNCTIONS(USE)                                                                                          \
        USE(context_connect)                                                                                          \
        USE(context_disconnect)                                                                                       \
        USE(context_errno)                                                                                            \
        USE(context_get_server_info)                                                                                  \
        USE(context_get_sink_input_info)                                                                              \
        USE(context_get_sink_input_info_list)                                                                         \
        USE(context_get_source_info_by_index)                                                                         \
        USE(context_get_source_output_info)                                                                           \
        USE(context_get_source_output_info_list)                                                                      \
        USE(context_get_state)                                                                                        \
        USE(context_new)                                                                                              \
        USE(context_set_state_callback)                                                                               \
        USE(context_set_subscribe_callback)                                                                           \
        USE(context_subscribe)                                                                                        \
        USE(context_unref)                                                                                            \
        USE(operation_unref)                                                                                          \
        USE(proplist_gets)                                                                                            \
        USE(proplist_iterate)                                                                                         \
        USE(strerror)

struct pulse_library {
#define PULSE_MEMBER(name) typeof(pa_##name) *name;
        PULSE_FUNCTIONS(PULSE_MEMBER)
#undef PULSE_MEMBER
};

/* Loads it the first time. NULL: it is not installed. */
const struct pulse_library *pulse_library(void);
