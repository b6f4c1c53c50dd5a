/* Which application something belongs to. One application should get one name from every source, so that hints of
 * several sources add up and lists in the configuration fit: the desktop entry's name where there is one, else the
 * program's. All return buf; "" if nothing is known. */
#pragma once

#include <sys/types.h>

#include "core/base.h"

/* From what an application calls itself: a path of a program, an application id, a desktop entry, a name. */
const char *identity_of_name(char *buf, size_t size, const char *name);

/* From the process: its control group, as systemd, Flatpak and Snap name them, else the program's name. Not for
 * process ids out of a sandbox. */
const char *identity_of_pid(char *buf, size_t size, pid_t pid);

/* From the text of /proc/PID/cgroup; "" if it names no application. */
const char *identity_of_cgroup(char *buf, size_t size, const char *cgroup);
