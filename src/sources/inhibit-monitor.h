/* Source "other-inhibitors": programs that keep the session awake for a call, on desktops that do not tell. */
#pragma once

#include "sources/source.h"

extern const struct source_kind source_other_inhibitors;
