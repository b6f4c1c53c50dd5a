/* What is used of libpipewire, which is loaded once a socket of PipeWire is there. What its headers define inline
 * calls the library through its objects alone. */
#pragma once

#include <pipewire/impl.h>
#include <pipewire/pipewire.h>

#define PIPEWIRE_FUNCTIONS(USE)                                                                                       \
        USE(context_connect)                                                                                          \
        USE(context_destroy)                                                                                          \
        USE(context_load_module)                                                                                      \
        USE(context_new)                                                                                              \
        USE(core_disconnect)                                                                                          \
        USE(deinit)                                                                                                   \
        USE(init)                                                                                                     \
        USE(loop_destroy)                                                                                             \
        USE(loop_new)                                                                                                 \
        USE(properties_new)                                                                                           \
        USE(proxy_add_object_listener)                                                                                \
        USE(proxy_destroy)

struct pipewire_library {
#define PIPEWIRE_MEMBER(name) typeof(pw_##name) *name;
        PIPEWIRE_FUNCTIONS(PIPEWIRE_MEMBER)
#undef PIPEWIRE_MEMBER
};

/* Loads it the first time. NULL: it is not installed. */
const struct pipewire_library *pipewire_library(void);
