/* See usage.h. */
#include "usage.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "figures.h"
#include "system/process.h"
#include "util/clock.h"

#define BYTES_PER_KB 1024

/* The number after "KEY:" in a file of lines; 0 if there is none. */
static unsigned long long number_in(const char *path, const char *key) {
        SCOPED(free) char *text = file_text(path);
        const char *at = text;
        size_t n = strlen(key);

        for (; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
                if (strncmp(at, key, n) == 0 && at[n] == ':')
                        return strtoull(at + n + 1, NULL, 10);
        return 0;
}

struct task {
        pid_t process, thread;
};

static const char *task_path(struct task t, const char *file) {
        static char path[96];

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", t.process, t.thread, file);
        return path;
}

/* Nanoseconds on a processor are the first number there. */
static usec_t cpu_by_schedstat(struct task t) {
        SCOPED(free) char *text = file_text(task_path(t, "schedstat"));

        return strtoull(text, NULL, 10) / 1000;
}

/* Behind the name in parentheses, utime and stime are the 12th and 13th. */
static usec_t cpu_by_stat(struct task t) {
        SCOPED(free) char *text = file_text(task_path(t, "stat"));
        const char *at = strrchr(text, ')');
        unsigned long long ticks[2] = { 0 };

        if (!at || sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &ticks[0], &ticks[1]) != 2)
                return 0;
        return (ticks[0] + ticks[1]) * USEC_PER_SEC / (unsigned long) sysconf(_SC_CLK_TCK);
}

static void add_task(struct usage *u, struct task t) {
        usec_t cpu = cpu_by_schedstat(t);

        u->wakeups += number_in(task_path(t, "status"), "voluntary_ctxt_switches");
        u->preempted += number_in(task_path(t, "status"), "nonvoluntary_ctxt_switches");
        u->cpu += cpu > 0 ? cpu : cpu_by_stat(t);
        u->threads++;
}

static void add_tasks(struct usage *u, pid_t pid) {
        char path[64];
        DIR *tasks;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", pid);
        tasks = opendir(path);
        if (!tasks)
                abort();
        for (struct dirent *e; (e = readdir(tasks));)
                if (e->d_name[0] != '.')
                        add_task(u, (struct task){ pid, (pid_t) strtol(e->d_name, NULL, 10) });
        closedir(tasks);
}

struct usage usage_of(pid_t pid) {
        struct usage u = { .at = clock_now() };
        char path[64];

        add_tasks(&u, pid);
        (void) snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
        u.pss = number_in(path, "Pss") * BYTES_PER_KB;
        u.private_clean = number_in(path, "Private_Clean") * BYTES_PER_KB;
        u.private_dirty = number_in(path, "Private_Dirty") * BYTES_PER_KB;
        (void) snprintf(path, sizeof(path), "/proc/%d/status", pid);
        u.rss_peak = number_in(path, "VmHWM") * BYTES_PER_KB;
        return u;
}

static double mib(unsigned long long bytes) {
        return (double) bytes / (1 << 20);
}

void usage_report(const char *part, const struct usage *from, const struct usage *to) {
        report(part, "sample length", (double) (to->at - from->at) / USEC_PER_MIN, "min", NULL);
        report(part, "wake-ups", (double) (to->wakeups - from->wakeups), "",
               "voluntary_ctxt_switches of all threads: sleeps that ended");
        report(part, "preempted", (double) (to->preempted - from->preempted), "", "nonvoluntary_ctxt_switches");
        report(part, "CPU time", (double) (to->cpu - from->cpu) / USEC_PER_MSEC, "ms", "of all threads, by schedstat");
        report(part, "threads", to->threads, "", NULL);
        report(part, "PSS", mib(to->pss), "MiB", "smaps_rollup");
        report(part, "private memory", mib(to->private_clean + to->private_dirty), "MiB", "clean and dirty");
        report(part, "private dirty memory", mib(to->private_dirty), "MiB", NULL);
        report(part, "peak resident memory", mib(to->rss_peak), "MiB", "VmHWM");
}
