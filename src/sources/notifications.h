/* Source "notifications": calls that announce themselves on the desktop. */
#pragma once

#include "sources/source.h"

extern const struct source_kind source_notifications;
