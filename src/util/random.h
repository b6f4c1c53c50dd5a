/* Random numbers for secrets. What only has to differ is drawn by its owner (clock.h). */
#pragma once

#include "core/base.h"

/* At most 256 bytes. -EIO. */
int random_secret(void *ret, size_t size);
