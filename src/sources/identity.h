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

/* Everything that the program of this process may go by, one a line: its control group, the program's name, and both
 * of the process that has started it, as a browser does its helpers. No runtimes. */
const char *identities_of_pid(char *buf, size_t size, pid_t pid);

/* Whether that text is of a Flatpak's or a Snap's process. */
bool cgroup_is_sandbox(const char *cgroup);

/* The same for processes of Flatpak and Snap only, whose control groups are the program's own; "" for others, whose
 * control group is that of whoever started them. */
const char *identity_of_sandbox(char *buf, size_t size, pid_t pid);

/* Such as "electron32" or "python3": many programs go by it. */
bool program_is_runtime(const char *binary);

/* Of whoever has started it; 0: it has ended, if only its parent has not asked how. */
pid_t parent_of_pid(pid_t pid);

/* From the text of /proc/PID/cgroup; "" if it names no application. */
const char *identity_of_cgroup(char *buf, size_t size, const char *cgroup);
