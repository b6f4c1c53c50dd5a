/* What callers may pass, and how they are told that they may not. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/availability.h"
#include "core/base.h"

#define CONTROL_ERROR_INVALID_ARGUMENT "org.busyd.Busyd1.Error.InvalidArgument"
#define CONTROL_ERROR_NO_CALL          "org.busyd.Busyd1.Error.NoCall"
#define CONTROL_ERROR_NO_SUCH_HOLD     "org.busyd.Busyd1.Error.NoSuchHold"
#define CONTROL_ERROR_TOO_MANY_HOLDS   "org.busyd.Busyd1.Error.TooManyHolds"
#define CONTROL_ERROR_NOT_IGNORED      "org.busyd.Busyd1.Error.NotIgnored"
#define CONTROL_ERROR_NO_SUCH_ACCOUNT  "org.busyd.Busyd1.Error.NoSuchAccount"
#define CONTROL_ERROR_CONFIG           "org.busyd.Busyd1.Error.Config"
#define CONTROL_ERROR_FAILED           "org.busyd.Busyd1.Error.Failed"

/* Each returns 0, or sets `error`, naming the argument and the limit, and returns a negative errno. */

/* One line of at most CONTROL_TEXT_MAX bytes without control characters. */
int check_text(const char *argument, const char *text, sd_bus_error *error);
/* The same, and not empty. */
int check_name(const char *argument, const char *text, sd_bus_error *error);
/* At most CONTROL_DURATION_MAX; 0 only if `may_be_0`. */
int check_duration(usec_t duration, bool may_be_0, sd_bus_error *error);
int check_mode(const char *text, enum mode *ret, sd_bus_error *error);
