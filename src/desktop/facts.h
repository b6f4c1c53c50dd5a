/* What this room is told once a turn, and what it may tell. */
#pragma once

#include "core/availability.h"
#include "core/base.h"

struct desktop_facts {
        bool known; /* else nothing is begun */
        bool busy;
        usec_t since_wall;
        const char *apps;   /* of the calls that count, one a line; "" if there is none or nobody knows */
        const char *reason; /* in a few words, as in the history; names nobody */
        enum mode mode;
        usec_t mode_until_wall; /* 0: stays */
        bool mode_until_calls_end;
        usec_t now_wall;
};

/* The user's word, said on the desktop. */
struct desktop_word {
        enum mode mode;
        usec_t duration;      /* 0: without an end */
        bool until_calls_end; /* MODE_FREE while a call goes on */
};
