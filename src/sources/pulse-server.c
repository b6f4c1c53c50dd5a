/* See pulse-server.h.
 *
 *   down        waits for the socket: nobody listens, or PipeWire does, whose streams pipewire.c sees from within
 *   connecting  until the server takes us, or refuses
 *   asking      who it is
 *   listing     changes are told from here on, and what there is already is asked for
 *   complete    all that was asked for the first time is answered
 *
 * From each of them to down when the connection breaks. libpulse's callbacks only note things: nothing is destroyed
 * from within one. A stream that records is known once it is known from what: a device of its own or what is heard. */
#ifdef WITH_PULSE

#include "sources/pulse-server.h"

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>
#include <unistd.h>

#include "pulse/library.h"
#include "pulse/loop.h"
#include "sources/owner.h"
#include "sources/pulse-facts.h"
#include "sources/reach.h"
#include "util/file.h"
#include "util/log.h"
#include "util/path.h"

/* A busyd that has no libpipewire sees PipeWire's streams here. */
#ifdef WITH_PIPEWIRE
#define PIPEWIRE_IS_SEEN true
#else
#define PIPEWIRE_IS_SEEN false
#endif

#define SOCKET_FOLDER "pulse"
#define SOCKET_NAME   "native"
#define PID_NAME      "pid" /* beside it, of whoever serves the user */
#define PID_MAX       32

enum direction { RECORDS, PLAYS, DIRECTIONS };

struct stream {
        struct pulse_stream stream; /* first, so that it is its stream */
        enum direction direction;
        uint32_t index;
        uint32_t device; /* that it records from */
        bool of_sink;    /* ... which is the monitor of an output */
        bool known;
        TAILQ_ENTRY(stream) entry;
};

struct pulse_server {
        void (*changed)(void *userdata);
        void *userdata;
        struct pulse_loop *loop;
        struct reach *reach;
        char *address;                  /* NULL: not known */
        char *pid_file;                 /* NULL: there is none where it is */
        const struct pulse_library *pa; /* NULL: not needed so far */
        pa_context *context;
        enum pulse_state state;
        char problem[128];
        bool lost;       /* the connection is; dealt with in run() */
        bool unwanted;   /* it is PipeWire's; likewise */
        bool takes_part; /* changes are told */
        size_t n_asked;  /* answers that are still to come */
        unsigned connections;
        bool playback_watched;
        bool limit_told;
        TAILQ_HEAD(streams, stream) streams;
        size_t n[DIRECTIONS];
};

static void touch(struct pulse_server *s) {
        s->changed(s->userdata);
}

/* ---- streams ---- */

static struct stream *find(const struct pulse_server *s, enum direction direction, uint32_t index) {
        struct stream *t;

        TAILQ_FOREACH(t, &s->streams, entry)
        if (t->direction == direction && t->index == index)
                return t;
        return NULL;
}

static void forget(struct pulse_server *s, struct stream *t) {
        TAILQ_REMOVE(&s->streams, t, entry);
        s->n[t->direction]--;
        facts_done(&t->stream.facts);
        free(t);
}

static void forget_all(struct pulse_server *s, enum direction direction) {
        struct stream *t = TAILQ_FIRST(&s->streams);

        while (t) {
                struct stream *next = TAILQ_NEXT(t, entry);

                if (t->direction == direction)
                        forget(s, t);
                t = next;
        }
}

static struct stream *get(struct pulse_server *s, enum direction direction, uint32_t index) {
        struct stream *t = find(s, direction, index);

        if (t)
                return t;
        if (s->n[direction] >= PULSE_STREAMS_MAX) {
                if (!s->limit_told)
                        log_warning("PulseAudio has more than %d streams; the rest is not looked at",
                                    PULSE_STREAMS_MAX);
                s->limit_told = true;
                return NULL;
        }
        t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;
        t->direction = direction;
        t->index = index;
        t->device = PA_INVALID_INDEX;
        /* Another server counts from zero again. */
        (void) snprintf(t->stream.id, sizeof(t->stream.id), "%c%u.%u", direction == RECORDS ? 'r' : 'p',
                        s->connections, index);
        TAILQ_INSERT_TAIL(&s->streams, t, entry);
        s->n[direction]++;
        return t;
}

/* Its facts have just been told, `r`: as well as they could be. */
static void take_facts(struct pulse_server *s, struct stream *t, bool corked, int r) {
        struct facts *f = &t->stream.facts;
        const char *pid = fact(f, FACT_APP_PID);

        if (r < 0)
                log_warning("Out of memory: a property of a stream of PulseAudio is lost");
        t->stream.running = !corked;
        t->stream.process = pid[0] ? owner_process(pid, fact(f, FACT_APP_BINARY)) : 0;
        if (pid[0] && !owner_is_user(pid))
                (void) facts_set(f, "application.process.id", NULL);
        (void) owner_identify(t->stream.app, sizeof(t->stream.app), t->stream.process, f, NULL);
        s->unwanted = s->unwanted || (PIPEWIRE_IS_SEEN && pulse_facts_are_pipewire(f));
        touch(s);
}

/* ---- asking ---- */

static void asked(struct pulse_server *s, pa_operation *o) {
        if (!o) {
                s->lost = true;
                touch(s);
                return;
        }
        s->n_asked++;
        s->pa->operation_unref(o);
}

static void answered(struct pulse_server *s) {
        s->n_asked--;
        if (s->n_asked > 0 || s->state == PULSE_COMPLETE || !s->takes_part)
                return;
        s->state = PULSE_COMPLETE;
        touch(s);
}

static void on_device(pa_context *c, const pa_source_info *i, int last, void *userdata) {
        struct pulse_server *s = userdata;
        struct stream *t;

        if (last) {
                answered(s);
                return;
        }
        TAILQ_FOREACH(t, &s->streams, entry) {
                if (t->direction != RECORDS || t->device != i->index)
                        continue;
                t->of_sink = i->monitor_of_sink != PA_INVALID_INDEX;
                t->known = true;
                if (t->of_sink && facts_set(&t->stream.facts, "stream.capture.sink", "true") < 0)
                        t->known = false;
        }
        touch(s);
}

static void on_capture(pa_context *c, const pa_source_output_info *i, int last, void *userdata) {
        struct pulse_server *s = userdata;
        struct stream *t;

        if (last) {
                answered(s);
                return;
        }
        t = get(s, RECORDS, i->index);
        if (!t)
                return;
        if (t->device != i->source) {
                t->device = i->source;
                t->known = t->of_sink = false;
                asked(s, s->pa->context_get_source_info_by_index(c, i->source, on_device, s));
        }
        facts_done(&t->stream.facts);
        take_facts(s, t, i->corked, pulse_facts_of_capture(&t->stream.facts, i, t->of_sink));
}

static void on_playback(pa_context *c, const pa_sink_input_info *i, int last, void *userdata) {
        struct pulse_server *s = userdata;
        struct stream *t;

        if (last) {
                answered(s);
                return;
        }
        t = s->playback_watched ? get(s, PLAYS, i->index) : NULL;
        if (!t)
                return;
        t->known = true;
        facts_done(&t->stream.facts);
        take_facts(s, t, i->corked, pulse_facts_of_playback(&t->stream.facts, i));
}

static void ask_for(struct pulse_server *s, enum direction direction, uint32_t index) {
        asked(s, direction == RECORDS ? s->pa->context_get_source_output_info(s->context, index, on_capture, s)
                                      : s->pa->context_get_sink_input_info(s->context, index, on_playback, s));
}

/* ---- what changes ---- */

static void on_change(pa_context *c, pa_subscription_event_type_t type, uint32_t index, void *userdata) {
        struct pulse_server *s = userdata;
        unsigned facility = type & PA_SUBSCRIPTION_EVENT_FACILITY_MASK;
        enum direction direction = facility == PA_SUBSCRIPTION_EVENT_SOURCE_OUTPUT ? RECORDS : PLAYS;
        struct stream *t;

        if (facility != PA_SUBSCRIPTION_EVENT_SOURCE_OUTPUT && facility != PA_SUBSCRIPTION_EVENT_SINK_INPUT)
                return;
        if ((type & PA_SUBSCRIPTION_EVENT_TYPE_MASK) != PA_SUBSCRIPTION_EVENT_REMOVE) {
                ask_for(s, direction, index);
                return;
        }
        t = find(s, direction, index);
        if (!t)
                return;
        forget(s, t);
        touch(s);
}

static void subscribe(struct pulse_server *s) {
        unsigned mask = PA_SUBSCRIPTION_MASK_SOURCE_OUTPUT;
        pa_operation *o;

        if (s->playback_watched)
                mask |= PA_SUBSCRIPTION_MASK_SINK_INPUT;
        o = s->pa->context_subscribe(s->context, (pa_subscription_mask_t) mask, NULL, NULL);
        if (o)
                s->pa->operation_unref(o);
        else
                s->lost = true;
}

void pulse_server_watch_playback(struct pulse_server *s, bool watch) {
        if (s->playback_watched == watch)
                return;
        s->playback_watched = watch;
        if (!watch)
                forget_all(s, PLAYS);
        if (!s->takes_part)
                return;
        subscribe(s);
        if (watch)
                asked(s, s->pa->context_get_sink_input_info_list(s->context, on_playback, s));
}

/* ---- the connection ---- */

static void on_server(pa_context *c, const pa_server_info *i, void *userdata) {
        struct pulse_server *s = userdata;

        if (!i) {
                s->lost = true;
                touch(s);
                return;
        }
        log_debug("PulseAudio's server: %s %s", i->server_name, i->server_version);
        reach_connected(s->reach);
        reach_works(s->reach);
        if (PIPEWIRE_IS_SEEN && pulse_name_is_pipewire(i->server_name)) {
                s->unwanted = true;
                touch(s);
                return;
        }
        s->takes_part = true;
        s->pa->context_set_subscribe_callback(c, on_change, s);
        subscribe(s);
        asked(s, s->pa->context_get_source_output_info_list(c, on_capture, s));
        if (s->playback_watched)
                asked(s, s->pa->context_get_sink_input_info_list(c, on_playback, s));
}

static void on_state(pa_context *c, void *userdata) {
        struct pulse_server *s = userdata;
        pa_operation *o;

        switch (s->pa->context_get_state(c)) {
        case PA_CONTEXT_READY:
                o = s->pa->context_get_server_info(c, on_server, s);
                s->lost = s->lost || !o;
                if (o)
                        s->pa->operation_unref(o);
                break;
        case PA_CONTEXT_FAILED:
        case PA_CONTEXT_TERMINATED:
                s->lost = true;
                break;
        case PA_CONTEXT_UNCONNECTED:
        case PA_CONTEXT_CONNECTING:
        case PA_CONTEXT_AUTHORIZING:
        case PA_CONTEXT_SETTING_NAME:
                return;
        }
        touch(s);
}

static void disconnect(struct pulse_server *s) {
        if (s->context) {
                s->pa->context_set_state_callback(s->context, NULL, NULL);
                s->pa->context_set_subscribe_callback(s->context, NULL, NULL);
                s->pa->context_disconnect(s->context);
                s->pa->context_unref(s->context);
        }
        s->context = NULL;
        s->lost = s->unwanted = s->takes_part = false;
        s->n_asked = 0;
        forget_all(s, RECORDS);
        forget_all(s, PLAYS);
}

static void go_down(struct pulse_server *s, const char *problem) {
        disconnect(s);
        s->state = PULSE_DOWN;
        (void) snprintf(s->problem, sizeof(s->problem), "%s", problem);
        touch(s);
}

static void handle_loss(struct pulse_server *s) {
        int error = s->context ? s->pa->context_errno(s->context) : PA_ERR_INTERNAL;
        bool was_there = s->state == PULSE_COMPLETE, is_absent = error == PA_ERR_CONNECTIONREFUSED;
        char problem[128];

        log_debug("PulseAudio: %s", s->pa->strerror(error));
        if (was_there || is_absent)
                (void) snprintf(problem, sizeof(problem), "PulseAudio is not running");
        else
                (void) snprintf(problem, sizeof(problem), "PulseAudio cannot be reached: %s", s->pa->strerror(error));
        if (was_there)
                reach_lost(s->reach);
        else
                reach_failed(s->reach, is_absent);
        go_down(s, problem);
}

static void handle_unwanted(struct pulse_server *s) {
        reach_wait(s->reach);
        go_down(s, "PipeWire carries the sound: that is for the source pipewire");
}

/* libpulse neither starts a server, nor waits for one, which it would do on a bus connection of its own. */
static int open_context(struct pulse_server *s) {
        s->context = s->pa->context_new(pulse_loop_api(s->loop), "busyd");
        if (!s->context)
                return -ENOMEM;
        s->connections++;
        s->pa->context_set_state_callback(s->context, on_state, s);
        return s->pa->context_connect(s->context, s->address, PA_CONTEXT_NOAUTOSPAWN, NULL) < 0 ? -EIO : 0;
}

static void stay_down(struct pulse_server *s, const char *problem) {
        reach_failed(s->reach, true);
        go_down(s, problem);
}

/* What /proc has of the process that serves the user; false: there is none. */
static bool server_process(const struct pulse_server *s, char *ret, size_t size, const char *what) {
        SCOPED(free) char *pid = NULL;

        if (!s->pid_file || file_read(s->pid_file, PID_MAX, &pid, NULL) < 0)
                return false;
        (void) snprintf(ret, size, "/proc/%ld%s", strtol(pid, NULL, 10), what);
        return access(ret, F_OK) == 0;
}

/* Behind a socket that systemd holds there may be nobody yet, whom a connection would start. And libpulse sets up much
 * before it finds nobody. */
static bool is_running(const struct pulse_server *s) {
        char process[64];

        if (access(strchr(s->address, ':') + 1, F_OK) < 0)
                return false;
        return !s->pid_file || server_process(s, process, sizeof(process), "");
}

/* Where its process says so already, nothing needs to be loaded to ask it. */
static bool is_pipewires(const struct pulse_server *s) {
        SCOPED(free) char *name = NULL;
        char path[64];

        return server_process(s, path, sizeof(path), "/comm") && file_read(path, PID_MAX, &name, NULL) == 0 &&
               pulse_process_is_pipewire(name);
}

static void connect_now(void *userdata) {
        struct pulse_server *s = userdata;

        if (s->context)
                return;
        reach_begin(s->reach);
        if (!is_running(s)) {
                stay_down(s, "PulseAudio is not running");
                return;
        }
        if (PIPEWIRE_IS_SEEN && is_pipewires(s)) {
                handle_unwanted(s);
                return;
        }
        s->pa = pulse_library();
        if (!s->pa) {
                stay_down(s, "PulseAudio is there, and libpulse is not installed");
                return;
        }
        s->lost = open_context(s) < 0 || s->lost;
        touch(s);
}

usec_t pulse_server_run(struct pulse_server *s, usec_t now) {
        usec_t at;

        if (s->lost)
                handle_loss(s);
        else if (s->unwanted)
                handle_unwanted(s);
        while (reach_run(s->reach, now, &at))
                connect_now(s);
        return at;
}

/* ---- where it is ---- */

/* The path of its socket, and of its process id where it is the user's; the caller frees. -EOPNOTSUPP: a server
 * elsewhere, -ENXIO: not known, -ENOMEM. PULSE_SERVER may have several, of which the first is taken, each with a
 * machine's id before it. */
static int find_socket(char **ret, char **ret_pid_file) {
        const char *server = getenv("PULSE_SERVER"), *dir = getenv("PULSE_RUNTIME_PATH");
        SCOPED(free) char *folder = NULL;

        if (server && server[0] == '{')
                server = strchr(server, '}') ? strchr(server, '}') + 1 : "";
        if (server && strncmp(server, "unix:", 5) == 0)
                server += 5;
        if (server && server[0]) {
                *ret = server[0] == '/' ? strndup(server, strcspn(server, " ")) : NULL;
                return *ret ? 0 : server[0] == '/' ? -ENOMEM : -EOPNOTSUPP;
        }
        if (!dir && !getenv("XDG_RUNTIME_DIR"))
                return -ENXIO;
        folder = dir ? strdup(dir) : path_join(getenv("XDG_RUNTIME_DIR"), SOCKET_FOLDER);
        *ret = folder ? path_join(folder, SOCKET_NAME) : NULL;
        *ret_pid_file = folder ? path_join(folder, PID_NAME) : NULL;
        return *ret && *ret_pid_file ? 0 : -ENOMEM;
}

static int open_server(struct pulse_server *s, sd_event *event) {
        SCOPED(free) char *path = NULL;
        int r = find_socket(&path, &s->pid_file);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                go_down(s, r == -EOPNOTSUPP ? "PULSE_SERVER names a server that is not on this machine"
                                            : "PulseAudio is not running");
        if (path && asprintf(&s->address, "unix:%s", path) < 0)
                return -ENOMEM;
        r = pulse_loop_new(&s->loop, event);
        return r < 0 ? r : reach_new(&s->reach, event, path, PID_NAME, connect_now, s);
}

int pulse_server_new(struct pulse_server **ret, sd_event *event, void (*changed)(void *userdata), void *userdata) {
        struct pulse_server *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        TAILQ_INIT(&s->streams);
        s->changed = changed;
        s->userdata = userdata;
        r = open_server(s, event);
        if (r < 0) {
                (void) pulse_server_free(s);
                return r;
        }
        if (s->address)
                connect_now(s);
        *ret = s;
        return 0;
}

struct pulse_server *pulse_server_free(struct pulse_server *s) {
        if (!s)
                return NULL;
        disconnect(s);
        reach_free(s->reach);
        pulse_loop_free(s->loop);
        free(s->address);
        free(s->pid_file);
        free(s);
        return NULL;
}

/* ---- for the source ---- */

enum pulse_state pulse_server_state(const struct pulse_server *s) {
        return s->state;
}

const char *pulse_server_problem(const struct pulse_server *s) {
        return s->problem;
}

struct pulse_stream *pulse_server_next(struct pulse_server *s, struct pulse_stream *previous) {
        struct stream *t = previous ? TAILQ_NEXT((struct stream *) previous, entry) : TAILQ_FIRST(&s->streams);

        while (t && !t->known)
                t = TAILQ_NEXT(t, entry);
        return t ? &t->stream : NULL;
}

#endif
