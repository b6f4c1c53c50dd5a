/* dbus-broker as a private bus. Its launcher needs systemd; the broker alone needs a controller that gives it a socket
 * and a policy, which is the test. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

/* Listens on `path`. Returns the pid, -1 if it did not start. It ends when the controller is closed. */
pid_t broker_start(const char *path, sd_bus **ret_controller);
