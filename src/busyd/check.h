/* busyd --check: reads the configuration as busyd would, and says what is wrong with it. */
#pragma once

/* `path` NULL: the usual files. Returns an exit status: 0, EX_DATAERR with mistakes that busyd would pass over,
 * EX_CONFIG where it would not start. */
int check_config(const char *path);
