/* A recording stream of PulseAudio that parec cannot make: pulse_stream corked|meter DEVICE NAME. Runs until it is
 * killed. */
#include <pulse/pulseaudio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct request {
        pa_stream_flags_t flags;
        const char *device;
};

static void on_data(pa_stream *s, size_t n, void *userdata) {
        const void *data;

        while (pa_stream_readable_size(s) > 0 && pa_stream_peek(s, &data, &n) == 0 && n > 0)
                pa_stream_drop(s);
}

static void on_state(pa_context *c, void *userdata) {
        const struct request *r = userdata;
        /* As mixers ask for their meters. */
        const pa_sample_spec spec = { .format = PA_SAMPLE_FLOAT32LE, .rate = 25, .channels = 1 };
        const pa_buffer_attr attr = { .maxlength = (uint32_t) -1, .fragsize = sizeof(float) };
        pa_stream *s;

        if (pa_context_get_state(c) != PA_CONTEXT_READY)
                return;
        s = pa_stream_new(c, "stream", &spec, NULL);
        pa_stream_set_read_callback(s, on_data, NULL);
        if (pa_stream_connect_record(s, r->device, &attr, r->flags) < 0)
                fprintf(stderr, "pulse_stream: %s\n", pa_strerror(pa_context_errno(c)));
}

int main(int argc, char **argv) {
        pa_mainloop *loop = pa_mainloop_new();
        pa_proplist *properties = pa_proplist_new();
        struct request request;
        pa_context *c;
        int result = 1;

        if (argc != 4)
                return 2;
        request.flags = strcmp(argv[1], "corked") == 0 ? PA_STREAM_START_CORKED : PA_STREAM_PEAK_DETECT;
        request.device = argv[2];
        pa_proplist_sets(properties, PA_PROP_APPLICATION_PROCESS_BINARY, argv[3]);
        c = pa_context_new_with_proplist(pa_mainloop_get_api(loop), argv[3], properties);
        pa_context_set_state_callback(c, on_state, &request);
        if (pa_context_connect(c, NULL, PA_CONTEXT_NOAUTOSPAWN, NULL) < 0)
                return 1;
        pa_mainloop_run(loop, &result);
        return result;
}
