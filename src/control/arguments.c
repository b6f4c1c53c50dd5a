/* Checks of D-Bus arguments (arguments.h). The bus library has checked types and UTF-8 before. */
#include "control/arguments.h"

#include "control/control.h"
#include "util/text.h"

int check_text(const char *argument, const char *text, sd_bus_error *error) {
        char printable[CONTROL_TEXT_MAX + 1];

        if (strlen(text) > CONTROL_TEXT_MAX)
                return sd_bus_error_setf(error, CONTROL_ERROR_INVALID_ARGUMENT,
                                         "%s has %zu bytes, at most %d are allowed", argument, strlen(text),
                                         CONTROL_TEXT_MAX);
        if (!streq(text_printable(printable, sizeof(printable), text), text))
                return sd_bus_error_setf(error, CONTROL_ERROR_INVALID_ARGUMENT,
                                         "%s has control characters, only one line of printable text is allowed",
                                         argument);
        return 0;
}

int check_name(const char *argument, const char *text, sd_bus_error *error) {
        if (text[0] == '\0')
                return sd_bus_error_setf(error, CONTROL_ERROR_INVALID_ARGUMENT, "%s is empty", argument);
        return check_text(argument, text, error);
}

int check_duration(usec_t duration, bool may_be_0, sd_bus_error *error) {
        if (duration == 0 && !may_be_0)
                return sd_bus_error_setf(error, CONTROL_ERROR_INVALID_ARGUMENT, "duration is 0, it must be longer");
        if (duration > CONTROL_DURATION_MAX)
                return sd_bus_error_setf(error, CONTROL_ERROR_INVALID_ARGUMENT,
                                         "duration is %llu microseconds, at most %llu (30 days) are allowed",
                                         (unsigned long long) duration, (unsigned long long) CONTROL_DURATION_MAX);
        return 0;
}

int check_mode(const char *text, enum mode *ret, sd_bus_error *error) {
        int r = mode_from_string(text, ret);

        /* Not repeated: it may be long, or ugly. */
        if (r < 0)
                return sd_bus_error_setf(error, CONTROL_ERROR_INVALID_ARGUMENT,
                                         "mode is unknown, it must be \"auto\", \"busy\", \"free\" or \"paused\"");
        return 0;
}
