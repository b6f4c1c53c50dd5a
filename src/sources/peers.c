/* See peers.h. */
#include "sources/peers.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"

#define PROCESSES_MAX 4096
#define SOCKETS_MAX   256
#define STAT_MAX      4096
#define COMM_MAX      64
#define TABLE_MAX     (1U << 20)
/* A process is started by one that is started by one ... */
#define GENERATIONS_MAX  8
#define FIRST_LOOK_AGAIN (1 * USEC_PER_SEC)

/* What Gecko makes of "WebrtcCallThread" in the 15 bytes that a name may have, and what is left of it whole. */
static const char *const call_threads[] = { "WebrtcC~read", "WebrtcCallThread", "WebrtcCallThrea" };

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

static pid_t parent_of(pid_t pid) {
        SCOPED(free) char *stat = NULL;
        char path[64];
        const char *end;

        (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        if (file_read(path, STAT_MAX, &stat, NULL) < 0)
                return 0;
        /* "PID (NAME) STATE PARENT ...", and a name may have anything in it. */
        end = strrchr(stat, ')');
        return end && strlen(end) > 4 ? (pid_t) strtol(end + 4, NULL, 10) : 0;
}

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
                p->list[p->n].parent = parent_of(p->list[p->n].pid);
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
                return PEERS_UNKNOWN;
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

static bool is_call_thread(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(call_threads); i++)
                if (strncmp(name, call_threads[i], strlen(call_threads[i])) == 0)
                        return true;
        return false;
}

static bool has_call_thread(pid_t pid) {
        const struct dirent *d;
        char path[300];
        bool found = false;
        DIR *threads;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
        threads = opendir(path);
        while (threads && !found && (d = readdir(threads))) {
                SCOPED(free) char *name = NULL;

                (void) snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", (int) pid, d->d_name);
                found = isdigit((unsigned char) d->d_name[0]) && file_read(path, COMM_MAX, &name, NULL) >= 0 &&
                        is_call_thread(name);
        }
        if (threads)
                closedir(threads);
        return found;
}

static enum peers look_at_started(const struct processes *p, pid_t pid, const struct sockets *sockets) {
        enum peers found = p->n == PROCESSES_MAX ? PEERS_UNKNOWN : PEERS_NONE;

        for (size_t i = 0; i < p->n; i++) {
                enum peers of_process;

                if (!is_started_by(p, p->list[i].pid, pid))
                        continue;
                of_process = has_call_thread(p->list[i].pid) ? PEERS_LIVE : look_at_sockets(p->list[i].pid, sockets);
                if (of_process == PEERS_LIVE)
                        return PEERS_LIVE;
                if (of_process == PEERS_UNKNOWN)
                        found = PEERS_UNKNOWN;
        }
        return found;
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
                else if (e->peers == PEERS_NONE)
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
        if (e->peers == PEERS_NONE && now >= e->look_at) {
                e->peers = peers_look(pid);
                e->look_at = usec_add(now, now - e->since > FIRST_LOOK_AGAIN ? now - e->since : FIRST_LOOK_AGAIN);
        }
        return e->peers;
}
