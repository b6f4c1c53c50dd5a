/* See peers.h. */
#include "sources/peers.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/identity.h"
#include "util/file.h"

#define PROCESSES_MAX 4096
#define SOCKETS_MAX   256
#define COMM_MAX      64
#define TABLE_MAX     (1U << 20)
/* A process is started by one that is started by one ... */
#define GENERATIONS_MAX  8
#define FIRST_LOOK_AGAIN (1 * USEC_PER_SEC)

/* What Gecko makes of "WebrtcCallThread" in the 15 bytes that a name may have, and what is left of it whole. */
static const char *const call_threads[] = { "WebrtcC~read", "WebrtcCallThread", "WebrtcCallThrea" };
/* "WebrtcWorker": works on what the microphone hears, for whatever that is. */
static const char other_thread[] = "WebrtcW";

enum threads {
        THREADS_UNNAMED, /* none of those: it may have other names for them */
        THREADS_NAMED,
        THREADS_OF_CALL,
};

struct processes {
        struct {
                pid_t pid, parent;
        } list[PROCESSES_MAX];
        size_t n;
};

struct sockets {
        unsigned long inodes[SOCKETS_MAX];
        size_t n;
};

/* ---- who was started by whom ---- */

static void list_processes(struct processes *p) {
        DIR *proc = opendir("/proc");
        const struct dirent *d;

        p->n = 0;
        while (proc && p->n < PROCESSES_MAX && (d = readdir(proc))) {
                char path[300];
                struct stat st;

                (void) snprintf(path, sizeof(path), "/proc/%s", d->d_name);
                if (!isdigit((unsigned char) d->d_name[0]) || stat(path, &st) < 0 || st.st_uid != geteuid())
                        continue;
                p->list[p->n].pid = (pid_t) strtol(d->d_name, NULL, 10);
                p->list[p->n].parent = parent_of_pid(p->list[p->n].pid);
                p->n++;
        }
        if (proc)
                closedir(proc);
}

static bool is_started_by(const struct processes *p, pid_t pid, pid_t ancestor) {
        for (size_t generation = 0; generation < GENERATIONS_MAX; generation++) {
                size_t i = 0;

                while (i < p->n && p->list[i].pid != pid)
                        i++;
                if (i == p->n)
                        return false;
                pid = p->list[i].parent;
                if (pid == ancestor)
                        return true;
        }
        return false;
}

/* ---- signs ---- */

/* UDP sockets without a peer of their own, in the network that the process sees. False: that cannot be read. */
static bool add_sockets(struct sockets *s, pid_t pid, const char *table) {
        SCOPED(free) char *text = NULL;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/net/%s", (int) pid, table);
        if (file_read(path, TABLE_MAX, &text, NULL) < 0)
                return false;
        for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n')) {
                char peer[64];
                unsigned long inode;

                if (sscanf(line, " %*[0-9]: %*[0-9A-F]:%*[0-9A-F] %63[0-9A-F:] %*x %*x:%*x %*x:%*x %*x %*u %*u %lu",
                           peer, &inode) == 2 &&
                    peer[strspn(peer, "0:")] == '\0' && s->n < SOCKETS_MAX)
                        s->inodes[s->n++] = inode;
        }
        return true;
}

static bool is_waiting(const struct sockets *s, const char *link) {
        unsigned long inode;

        if (sscanf(link, "socket:[%lu]", &inode) != 1)
                return false;
        for (size_t i = 0; i < s->n; i++)
                if (s->inodes[i] == inode)
                        return true;
        return false;
}

static enum peers look_at_sockets(pid_t pid, const struct sockets *s) {
        enum peers found = PEERS_NONE;
        const struct dirent *d;
        char path[64], link[64];
        DIR *files;

        (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
        files = opendir(path);
        if (!files)
                return parent_of_pid(pid) > 0 ? PEERS_UNKNOWN : PEERS_NONE;
        while (found == PEERS_NONE && (d = readdir(files))) {
                ssize_t n = readlinkat(dirfd(files), d->d_name, link, sizeof(link) - 1);

                if (n <= 0)
                        continue;
                link[n] = '\0';
                if (is_waiting(s, link))
                        found = PEERS_LIVE;
        }
        closedir(files);
        return found;
}

static enum threads thread_called(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(call_threads); i++)
                if (strncmp(name, call_threads[i], strlen(call_threads[i])) == 0)
                        return THREADS_OF_CALL;
        return strncmp(name, other_thread, strlen(other_thread)) == 0 ? THREADS_NAMED : THREADS_UNNAMED;
}

static enum threads look_at_threads(pid_t pid) {
        enum threads found = THREADS_UNNAMED;
        const struct dirent *d;
        char path[300];
        DIR *threads;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
        threads = opendir(path);
        while (threads && found != THREADS_OF_CALL && (d = readdir(threads))) {
                SCOPED(free) char *name = NULL;
                enum threads called;

                (void) snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", (int) pid, d->d_name);
                if (!isdigit((unsigned char) d->d_name[0]) || file_read(path, COMM_MAX, &name, NULL) < 0)
                        continue;
                called = thread_called(name);
                found = called > found ? called : found;
        }
        if (threads)
                closedir(threads);
        return found;
}

static enum threads threads_of_started(const struct processes *p, pid_t pid) {
        enum threads found = THREADS_UNNAMED;

        for (size_t i = 0; i < p->n && found != THREADS_OF_CALL; i++)
                if (is_started_by(p, p->list[i].pid, pid)) {
                        enum threads of_process = look_at_threads(p->list[i].pid);

                        found = of_process > found ? of_process : found;
                }
        return found;
}

static enum peers sockets_of_started(const struct processes *p, pid_t pid, const struct sockets *sockets) {
        enum peers found = PEERS_NONE;

        for (size_t i = 0; i < p->n && found != PEERS_LIVE; i++)
                if (is_started_by(p, p->list[i].pid, pid)) {
                        enum peers of_process = look_at_sockets(p->list[i].pid, sockets);

                        found = of_process == PEERS_NONE ? found : of_process;
                }
        return found;
}

static enum peers look_at_started(const struct processes *p, pid_t pid, const struct sockets *sockets) {
        if (p->n == PROCESSES_MAX)
                return PEERS_UNKNOWN;
        switch (threads_of_started(p, pid)) {
        case THREADS_OF_CALL:
                return PEERS_LIVE;
        case THREADS_NAMED:
                return PEERS_NONE;
        case THREADS_UNNAMED:
                break;
        }
        return sockets_of_started(p, pid, sockets);
}

enum peers peers_look(pid_t pid) {
        struct sockets sockets = { 0 };
        struct processes *p;
        enum peers found;

        if (pid <= 0 || !add_sockets(&sockets, pid, "udp"))
                return PEERS_UNKNOWN;
        (void) add_sockets(&sockets, pid, "udp6");
        p = malloc(sizeof(*p));
        if (!p)
                return PEERS_UNKNOWN;
        list_processes(p);
        found = look_at_started(p, pid, &sockets);
        free(p);
        return found;
}

/* ---- when to look ---- */

usec_t peers_run(struct peers_memory *m) {
        usec_t next = USEC_NEVER;

        for (size_t i = 0; i < PEERS_MAX; i++) {
                struct peers_entry *e = &m->entries[i];

                if (!e->seen)
                        *e = (struct peers_entry){ 0 };
                else if (e->peers != PEERS_LIVE)
                        next = usec_min(next, e->look_at);
                e->seen = false;
        }
        return next;
}

enum peers peers_of(struct peers_memory *m, const char *id, pid_t pid, usec_t now) {
        struct peers_entry *e = NULL;

        for (size_t i = 0; i < PEERS_MAX; i++) {
                if (streq(m->entries[i].id, id)) {
                        e = &m->entries[i];
                        break;
                }
                if (!e && !m->entries[i].id[0])
                        e = &m->entries[i];
        }
        if (!e)
                return PEERS_UNKNOWN;
        if (!e->id[0]) {
                *e = (struct peers_entry){ .since = now, .look_at = now, .peers = PEERS_NONE };
                (void) snprintf(e->id, sizeof(e->id), "%s", id);
        }
        e->seen = true;
        if (e->peers != PEERS_LIVE && now >= e->look_at) {
                e->peers = peers_look(pid);
                e->look_at = usec_add(now, now - e->since > FIRST_LOOK_AGAIN ? now - e->since : FIRST_LOOK_AGAIN);
        }
        return e->peers;
}
