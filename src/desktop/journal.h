/* Where this room writes down what is to be put back on this machine before it changes it: the door behind which the
 * state folder is. Given from above, so that nobody here needs a disk. */
#pragma once

#include "core/base.h"

struct desktop_journal {
        /* What an earlier run wrote under this name; NULL: nothing. Borrowed until the next change. */
        const char *(*get)(void *userdata, const char *name);
        /* On disk when it returns 0; else a negative errno, and what was there before stands. `value` NULL: nothing is
         * to be put back any more. */
        int (*put)(void *userdata, const char *name, const char *value);
        void *userdata;
};
