/* Asking at the terminal, and secrets from stdin. */
#pragma once

#include "core/base.h"
#include "state/secret.h"

enum prompt_echo {
        PROMPT_SHOWN,
        PROMPT_HIDDEN,
};

/* Asks on the controlling terminal, whatever stdin and stdout are. A signal that ends us finds the terminal as it was
 * before. -ENXIO: there is no terminal; -ECANCELED: end of input; -E2BIG. Free with erase_and_free. */
int prompt(const char *question, enum prompt_echo echo, char **ret);

/* The first line of stdin. -ECANCELED if it is empty; -E2BIG. */
int secret_from_stdin(char **ret);
/* The same of what has been opened, which is the caller's to close. */
int secret_from(int fd, char **ret);
