#include "system/sound.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32
#define LOG           "sound.log"
#define OUTPUT        "sound.out"

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show(struct world *w) {
        SCOPED(free) char *log = file_text(world_path(w, "%s", LOG));

        fprintf(stderr, "---- %s/%s\n%s----\n", w->dir, LOG, log);
}

static void await_socket(struct world *w, const char *name) {
        int64_t until = now_msec() + patience();
        struct stat st;

        while (stat(world_path(w, "runtime/%s", name), &st) < 0) {
                if (now_msec() >= until)
                        show(w);
                check(w, now_msec() < until, "no socket %s", name);
                world_look_again(w);
        }
}

static pid_t start(struct world *w, const char *program) {
        return world_program(w, (const char *const[]){ program, NULL }, -1, LOG);
}

static bool run(struct world *w, const char *const *argv) {
        pid_t pid = world_program(w, argv, -1, OUTPUT);
        int status = process_wait(pid, patience());

        if (status == -1)
                process_kill(pid);
        return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

char *sound_run(struct world *w, const char *const *argv) {
        unlink(world_path(w, OUTPUT));
        if (!run(w, argv))
                show(w);
        return file_text(world_path(w, OUTPUT));
}

static void make_node(struct world *w, const char *factory, const char *properties) {
        check(w, run(w, (const char *const[]){ "pw-cli", "create-node", factory, properties, NULL }), "no node: %s",
              properties);
}

void sound_await(struct world *w, const char *part, const char *const *argv) {
        int64_t until = now_msec() + patience();

        for (;;) {
                SCOPED(free) char *text = sound_run(w, argv);

                if (strstr(text, part))
                        return;
                if (now_msec() >= until)
                        show(w);
                check(w, now_msec() < until, "%s never told of %s: %s", argv[0], part, text);
                world_look_again(w);
        }
}

static const char *text_of(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key)) ?: "";
}

/* In what pw-dump prints. */
static bool has_stream(const json_t *objects, const char *key, const char *value, bool running) {
        const json_t *object;
        size_t i;

        json_array_foreach((json_t *) objects, i, object) {
                const json_t *info = json_object_get(object, "info"), *properties = json_object_get(info, "props");

                if (strstr(text_of(properties, "media.class"), "/Input/") && streq(text_of(properties, key), value) &&
                    (!running || streq(text_of(info, "state"), "running")))
                        return true;
        }
        return false;
}

void sound_await_stream(struct world *w, const char *key, const char *value, bool running) {
        int64_t until = now_msec() + patience();
        bool found = false;

        while (!found) {
                SCOPED(free) char *text = sound_run(w, (const char *const[]){ "pw-dump", NULL });
                json_t *objects = json_loads(text, 0, NULL);

                found = has_stream(objects, key, value, running);
                json_decref(objects);
                if (!found && now_msec() >= until)
                        show(w);
                check(w, found || now_msec() < until, "no stream with %s = %s%s", key, value, running ? " runs" : "");
                if (!found)
                        world_look_again(w);
        }
}

/* Clients of PulseAudio see them: all programs of the rig work. */
static void await_devices(struct world *w) {
        static const char *const list[] = { "pactl", "list", "short", "sources", NULL };

        sound_await(w, MIC, list);
        sound_await(w, OUT ".monitor", list);
}

static void forget_sockets(struct world *w) {
        unlink(world_path(w, "runtime/pipewire-0"));
        unlink(world_path(w, "runtime/pulse/native"));
}

struct sound sound_start(struct world *w) {
        struct sound s = { 0 };

        s.pids[0] = start(w, "pipewire");
        await_socket(w, "pipewire-0");
        s.pids[1] = start(w, "wireplumber");
        s.pids[2] = start(w, "pipewire-pulse");
        await_socket(w, "pulse/native");
        make_node(w, "adapter",
                  "{ factory.name=support.null-audio-sink node.name=" MIC
                  " media.class=Audio/Source/Virtual object.linger=true audio.position=[MONO] }");
        make_node(w, "adapter",
                  "{ factory.name=support.null-audio-sink node.name=" OUT
                  " media.class=Audio/Sink object.linger=true audio.position=[FL FR] }");
        make_node(w, "spa-node-factory",
                  "{ factory.name=videotestsrc library.name=videotestsrc/libspa-videotestsrc node.name=" CAMERA
                  " media.class=Video/Source media.role=Camera object.linger=true }");
        await_devices(w);
        return s;
}

struct sound sound_start_pulseaudio(struct world *w) {
        struct sound s = { 0 };

        s.pids[0] = world_program(w,
                                  (const char *const[]){ "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1",
                                                         "-L", "module-native-protocol-unix", "-L",
                                                         "module-null-source source_name=" MIC, "-L",
                                                         "module-null-sink sink_name=" OUT, NULL },
                                  -1, LOG);
        await_socket(w, "pulse/native");
        await_devices(w);
        return s;
}

struct sound sound_start_pictures(struct world *w) {
        struct sound s = { 0 };

        s.pids[0] = start(w, "pipewire");
        await_socket(w, "pipewire-0");
        return s;
}

void sound_kill(struct world *w, struct sound *s) {
        for (size_t i = SOUND_PROGRAMS; i-- > 0;)
                process_kill(s->pids[i]);
        *s = (struct sound){ 0 };
        forget_sockets(w);
}

static pid_t start_stream(struct world *w, int out, const char *const *command, const char *const *properties) {
        const char *argv[ARGUMENTS_MAX] = { 0 };
        char texts[ARGUMENTS_MAX][128];
        size_t n = 0;

        for (; command[n]; n++)
                argv[n] = command[n];
        for (; *properties && n + 1 < ARGUMENTS_MAX; properties++, n++) {
                snprintf(texts[n], sizeof(texts[n]), "--property=%s", *properties);
                argv[n] = texts[n];
        }
        return world_program(w, argv, out, LOG);
}

pid_t sound_record_to(struct world *w, int out, const char *device, const char *const *properties) {
        return start_stream(w, out, (const char *const[]){ "parec", "--latency-msec=20", "-d", device, NULL },
                            properties);
}

static void take_properties(const char **ret, va_list arguments) {
        size_t n = 0;

        while (n + 1 < ARGUMENTS_MAX && (ret[n] = va_arg(arguments, const char *)))
                n++;
        ret[n] = NULL;
}

pid_t sound_record(struct world *w, const char *device, ...) {
        const char *properties[ARGUMENTS_MAX];
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        va_list arguments;
        pid_t pid;

        va_start(arguments, device);
        take_properties(properties, arguments);
        va_end(arguments);
        pid = sound_record_to(w, null, device, properties);
        close(null);
        return pid;
}

pid_t sound_play(struct world *w, ...) {
        static const char *const command[] = { "pacat", "--playback", "--raw", "-d", OUT, "/dev/zero", NULL };
        const char *properties[ARGUMENTS_MAX];
        va_list arguments;

        va_start(arguments, w);
        take_properties(properties, arguments);
        va_end(arguments);
        return start_stream(w, -1, command, properties);
}

static size_t count(const char *text, const char *part) {
        size_t n = 0;

        for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
                n++;
        return n;
}

void expect_busy_history(struct world *w, size_t times, const char *app) {
        dbus_uint32_t all = 100;
        SCOPED(free)
        char *history = peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "History", NULL, DBUS_TYPE_UINT32, &all,
                                  DBUS_TYPE_INVALID);

        check(w, count(history, "\"busy\"") == times, "busy not %zu times: %s", times, history);
        check(w, strstr(history, app), "not for %s: %s", app, history);
}
