/* Clients of others in a program of its own, which takes a line of JSON for each command and writes one when it is
 * done or has failed, {client, done|failed, value|why}. Like synapse.h, everything here fails the test by itself. */
#pragma once

#include "interop/desk.h"

struct driver;

/* `argv` as exec() takes it; what it says on standard error is shown where a test fails. */
struct driver *driver_start(struct desk *d, const char *const argv[]);
struct driver *driver_close(struct driver *v); /* returns NULL */

/* Carries out a command of a client with these arguments (taken; NULL: none), and waits until it is done. Returns what
 * came of it, "" if that is no text; the caller frees. */
char *driver_do(struct driver *v, const char *client, const char *command, json_t *arguments);
