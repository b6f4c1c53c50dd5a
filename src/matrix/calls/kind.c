/* The kinds of calls that are looked at: one line each. */
#include "matrix/calls/kind.h"

const struct call_kind *const call_kinds[] = {
        &call_kind_voip, &call_kind_rtc_member, &call_kind_rtc_sticky, &call_kind_jitsi, &call_kind_rtc_notify, NULL,
};

void kind_lacks_memory(const struct kind_context *context) {
        if (context->lacks)
                *context->lacks = true;
}

void kind_is_full(const struct kind_context *context, bool *told, const char *what) {
        if (*told || !context->full)
                return;
        *told = true;
        *context->full = what;
}
