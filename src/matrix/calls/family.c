/* The families of call events that are looked at: one line each. */
#include "matrix/calls/family.h"

const struct call_family *const call_families[] = {
        &call_family_voip,  &call_family_rtc_member, &call_family_rtc_sticky,
        &call_family_jitsi, &call_family_rtc_notify, NULL,
};
