/* What this room is told once a turn. */
#pragma once

#include "core/base.h"

struct desktop_facts {
        bool known; /* else nothing is begun */
        bool busy;
        usec_t since_wall;
        const char *apps;   /* of the calls that count, one a line; "" if there is none or nobody knows */
        const char *reason; /* in a few words, as in the history; names nobody */
};
