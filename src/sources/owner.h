/* Whose a stream is: the process behind it, and the application that is shown. */
#pragma once

#include <sys/types.h>

#include "sources/pipewire-rule.h"

/* Clients of PulseAudio tell their process id themselves, and out of a sandbox it means another process here: it is
 * taken if that process is named like the program. 0 if not. */
pid_t owner_process(const char *pid, const char *binary);

/* Whether it means a process of this user at all: out of a sandbox it is a small number, which the kernel has here. */
bool owner_is_user(const char *pid);

/* In a sandbox the control group is the program's own; else a stream of a program that says nothing of itself is that
 * of its process. `process` 0, `client` NULL: not known. Returns buf, "" if there is no name. */
const char *owner_identify(char *buf, size_t size, pid_t process, const struct facts *node,
                           const struct facts *client);
