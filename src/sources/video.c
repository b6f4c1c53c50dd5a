/* See video.h. That a node is opened or closed is told by inotify, but not who did it, and devices are opened for a
 * moment all the time by whoever lists them. So a moment later the processes of the user are looked through for those
 * that have it open, by the names of their open files, which asks neither the device nor any file system. Nothing is
 * opened. What PipeWire has open is the camera source's business. */
#include "sources/video.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sources/base.h"
#include "sources/identity.h"
#include "sources/pipewire-rule.h"
#include "util/file.h"
#include "util/later.h"
#include "util/log.h"

#define NODES_MAX     64
#define OPENERS_MAX   32
#define NODE_NAME_MAX 32
#define UDEV_FILE_MAX (64U << 10)
#define COMM_SIZE     16
#define ID_SIZE       16
#define PREFIX        "video"
/* Longer than listing devices takes, shorter than the delay before hints count. */
#define SETTLE (1 * USEC_PER_SEC)

struct video_node {
        char name[NODE_NAME_MAX]; /* "": free */
        sd_event_source *watch;   /* NULL: it cannot be opened by the user either */
        bool camera;
};

struct opener {
        char id[ID_SIZE]; /* the process; "": free */
        char app[SOURCE_APP_MAX], comm[COMM_SIZE];
        bool seen, left_out;
};

struct video {
        struct source source; /* its lists are empty: programs here go by several names */
        struct app_lists lists;
        const struct video_places *places;
        sd_event_source *folder;
        struct video_node nodes[NODES_MAX];
        struct opener openers[OPENERS_MAX];
        struct later look;
        bool nodes_changed;
        struct app_names names; /* of the opener that was looked at or told last */
};

/* ---- nodes ---- */

static void look_soon(struct video *v) {
        if (!later_is_set(&v->look))
                later_set(&v->look, SETTLE);
        source_touch(&v->source);
}

static int on_node(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        look_soon(userdata);
        return 0;
}

static int on_folder(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        struct video *v = userdata;

        if (e->len == 0 || strncmp(e->name, PREFIX, strlen(PREFIX)) != 0)
                return 0;
        v->nodes_changed = true;
        look_soon(v);
        return 0;
}

/* Decoders and radios have nodes of the same name. Where udev says nothing it may be a camera. */
static bool is_camera(const struct video *v, const struct stat *st) {
        static const char key[] = "E:ID_V4L_CAPABILITIES=";
        SCOPED(free) char *text = NULL;
        const char *at, *end, *capture;
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/c%u:%u", v->places->udev, major(st->st_rdev), minor(st->st_rdev));
        if (file_read(path, UDEV_FILE_MAX, &text, NULL) < 0 || !(at = strstr(text, key)))
                return true;
        end = at + strcspn(at, "\n");
        capture = strstr(at, ":capture:");
        return capture && capture < end;
}

static void forget_node(struct video_node *n) {
        n->watch = sd_event_source_disable_unref(n->watch);
        n->name[0] = '\0';
}

static void add_node(struct video *v, const char *name) {
        struct video_node *n = v->nodes;
        struct stat st;
        char path[256];

        while (n < v->nodes + NODES_MAX && n->name[0])
                n++;
        (void) snprintf(path, sizeof(path), "%s/%s", v->places->nodes, name);
        if (n == v->nodes + NODES_MAX || strlen(name) >= sizeof(n->name) || stat(path, &st) < 0)
                return;
        *n = (struct video_node){ .camera = is_camera(v, &st) };
        (void) snprintf(n->name, sizeof(n->name), "%s", name);
        if (n->camera && sd_event_add_inotify(v->source.context.event, &n->watch, path,
                                              IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE, on_node, v) < 0)
                log_debug("%s cannot be watched", path);
}

static void list_nodes(struct video *v) {
        DIR *folder = opendir(v->places->nodes);
        const struct dirent *d;

        v->nodes_changed = false;
        for (size_t i = 0; i < NODES_MAX; i++)
                forget_node(&v->nodes[i]);
        while (folder && (d = readdir(folder)))
                if (strncmp(d->d_name, PREFIX, strlen(PREFIX)) == 0)
                        add_node(v, d->d_name);
        if (folder)
                closedir(folder);
}

static bool is_node(const struct video *v, const char *path) {
        size_t n = strlen(v->places->nodes);

        if (strncmp(path, v->places->nodes, n) != 0 || path[n] != '/')
                return false;
        for (size_t i = 0; i < NODES_MAX; i++)
                if (v->nodes[i].name[0] && v->nodes[i].camera && streq(v->nodes[i].name, path + n + 1))
                        return true;
        return false;
}

static bool has_cameras(const struct video *v) {
        for (size_t i = 0; i < NODES_MAX; i++)
                if (v->nodes[i].name[0] && v->nodes[i].camera)
                        return true;
        return false;
}

/* ---- who has one open ---- */

static void report(struct video *v, const struct opener *o, const struct app_names *names) {
        if (o->left_out)
                source_end(&v->source, o->id);
        else
                source_report(&v->source, &(struct call_report){ .id = o->id,
                                                                 .app = o->app,
                                                                 .names = names->list,
                                                                 .what = "has a camera open",
                                                                 .phase = CALL_ACTIVE,
                                                                 .evidence = EVIDENCE_WEAK,
                                                                 .lasts = USEC_NEVER,
                                                                 .device = true });
}

static void read_comm(char *ret, size_t size, pid_t pid) {
        SCOPED(free) char *comm = NULL;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/comm", (int) pid);
        ret[0] = '\0';
        if (file_read(path, COMM_SIZE, &comm, NULL) >= 0)
                (void) snprintf(ret, size, "%.*s", (int) strcspn(comm, "\n"), comm);
}

/* As of a stream: its control group is the program's own only in a sandbox. */
static void identify(struct opener *o, pid_t pid) {
        (void) identity_of_sandbox(o->app, sizeof(o->app), pid);
        if (o->app[0] == '\0' && o->comm[0] && !program_is_runtime(o->comm))
                (void) identity_of_name(o->app, sizeof(o->app), o->comm);
        if (o->app[0] == '\0')
                (void) identity_of_pid(o->app, sizeof(o->app), pid);
}

/* Borrowed from the opener, and until the next call. */
static const struct app_names *names_of(struct video *v, const struct opener *o) {
        v->names = (struct app_names){ 0 };
        app_names_add(&v->names, o->comm);
        app_names_add(&v->names, o->app);
        return &v->names;
}

static void see_opener(struct video *v, pid_t pid) {
        struct opener *o = NULL, *place = NULL;
        char id[ID_SIZE], comm[COMM_SIZE];
        const struct app_names *names;

        read_comm(comm, sizeof(comm), pid);
        if (streq(comm, "pipewire") || streq(comm, "wireplumber"))
                return;
        (void) snprintf(id, sizeof(id), "%d", (int) pid);
        for (size_t i = 0; i < OPENERS_MAX && !o; i++) {
                if (streq(v->openers[i].id, id))
                        o = &v->openers[i];
                else if (!v->openers[i].id[0] && !place)
                        place = &v->openers[i];
        }
        o = o ? o : place;
        if (!o)
                return;
        (void) snprintf(o->id, sizeof(o->id), "%s", id);
        (void) snprintf(o->comm, sizeof(o->comm), "%s", comm);
        identify(o, pid);
        o->seen = true;
        names = names_of(v, o);
        o->left_out = apps_are_left_out(names, &v->lists);
        report(v, o, names);
}

static bool has_node_open(const struct video *v, DIR *files) {
        const struct dirent *d;
        char path[256];

        while ((d = readdir(files))) {
                ssize_t n = readlinkat(dirfd(files), d->d_name, path, sizeof(path) - 1);

                if (n <= 0)
                        continue;
                path[n] = '\0';
                if (is_node(v, path))
                        return true;
        }
        return false;
}

/* Returns whether anybody but us could be looked at, or nobody else is there. */
static bool look_at_processes(struct video *v) {
        DIR *proc = opendir("/proc");
        size_t seen = 0, refused = 0;
        const struct dirent *d;

        while (proc && (d = readdir(proc))) {
                char path[300];
                struct stat st;
                DIR *files;

                (void) snprintf(path, sizeof(path), "/proc/%s", d->d_name);
                if (!isdigit((unsigned char) d->d_name[0]) || strtol(d->d_name, NULL, 10) == getpid() ||
                    stat(path, &st) < 0 || st.st_uid != geteuid())
                        continue;
                (void) snprintf(path, sizeof(path), "/proc/%s/fd", d->d_name);
                files = opendir(path);
                if (!files) {
                        refused += errno == EACCES;
                        continue;
                }
                seen++;
                if (has_node_open(v, files))
                        see_opener(v, (pid_t) strtol(d->d_name, NULL, 10));
                closedir(files);
        }
        if (proc)
                closedir(proc);
        return seen > 0 || refused == 0;
}

static void look(struct video *v) {
        bool can = true;

        if (v->nodes_changed)
                list_nodes(v);
        for (size_t i = 0; i < OPENERS_MAX; i++)
                v->openers[i].seen = false;
        if (has_cameras(v))
                can = look_at_processes(v);
        for (size_t i = 0; i < OPENERS_MAX; i++) {
                struct opener *o = &v->openers[i];

                if (!o->id[0] || o->seen)
                        continue;
                source_end(&v->source, o->id);
                o->id[0] = '\0';
        }
        if (can)
                source_set_state(&v->source, SOURCE_WATCHING, "");
        else
                source_set_state(&v->source, SOURCE_UNAVAILABLE,
                                 "what other programs have open cannot be seen from here");
}

/* ---- the source ---- */

static usec_t run(struct source *source, usec_t now) {
        struct video *v = (struct video *) source;

        if (later_run(&v->look, now))
                look(v);
        return later_at(&v->look, now);
}

static bool stream(struct source *source, size_t i, struct source_stream *ret) {
        struct video *v = (struct video *) source;

        for (size_t k = 0; k < OPENERS_MAX; k++) {
                const struct opener *o = &v->openers[k];
                const struct app_names *names;
                const char *why;

                if (!o->id[0] || i-- > 0)
                        continue;
                names = names_of(v, o);
                why = o->left_out ? apps_why_left_out(names, &v->lists) : NULL;
                *ret = (struct source_stream){
                        .id = o->id,
                        .app = o->app,
                        .names = names->list,
                        .what = o->left_out ? "belongs to a program that is left out" : "has a camera open",
                        .why = why ? why : "",
                        .counts = !o->left_out,
                        .evidence = EVIDENCE_WEAK,
                };
                return true;
        }
        return false;
}

static struct source *stop(struct source *source) {
        struct video *v = (struct video *) source;

        source_end(source, NULL);
        sd_event_source_disable_unref(v->folder);
        for (size_t i = 0; i < NODES_MAX; i++)
                forget_node(&v->nodes[i]);
        free(v);
        return NULL;
}

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        struct video *v = calloc(1, sizeof(*v));
        int r;

        if (!v)
                return -ENOMEM;
        source_init(&v->source, kind, context);
        v->lists = (struct app_lists){ context->ignore, context->only, context->call_apps };
        v->source.context.ignore = NULL;
        v->source.context.only = NULL;
        v->places = kind->row;
        r = sd_event_add_inotify(context->event, &v->folder, v->places->nodes,
                                 IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR, on_folder, v);
        if (r < 0) {
                free(v);
                return r;
        }
        list_nodes(v);
        if (has_cameras(v))
                later_set(&v->look, 0);
        else
                source_set_state(&v->source, SOURCE_WATCHING, "");
        source_touch(&v->source);
        *ret = &v->source;
        return 0;
}

static const struct video_places places = { .nodes = "/dev", .udev = "/run/udev/data" };

const struct source_kind source_video = {
        .name = "v4l2",
        .description = "programs that have a camera open past PipeWire",
        .row = &places,
        .start = start,
        .stop = stop,
        .run = run,
        .stream = stream,
};
