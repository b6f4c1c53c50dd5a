/* What a process has used so far, as the kernel counts it. */
#pragma once

#include <sys/types.h>

#include "core/base.h"

struct usage {
        usec_t at;
        unsigned long long wakeups;   /* voluntary_ctxt_switches of all threads: each is a sleep that ended */
        unsigned long long preempted; /* nonvoluntary_ctxt_switches */
        unsigned threads;
        usec_t cpu; /* of all threads: sum_exec_runtime where the kernel tells it, else utime + stime */
        unsigned long long pss, private_clean, private_dirty, rss_peak; /* bytes */
};

struct usage usage_of(pid_t pid);
/* Rows about the time between the two, and about memory at its end. */
void usage_report(const char *part, const struct usage *from, const struct usage *to);
