/* A native client of PipeWire that sees through a camera, or hears a microphone, or both:
 * camera_stream CAMERA|"" MICROPHONE|"". Runs until it is killed. */
#include <pipewire/pipewire.h>
#include <spa/param/audio/format-utils.h>
#include <spa/param/video/format-utils.h>

static void on_process(void *userdata) {
        struct pw_stream **s = userdata;
        struct pw_buffer *b = pw_stream_dequeue_buffer(*s);

        if (b)
                pw_stream_queue_buffer(*s, b);
}

static const struct pw_stream_events events = { PW_VERSION_STREAM_EVENTS, .process = on_process };

static const struct spa_pod *audio_format(struct spa_pod_builder *b) {
        return spa_format_audio_raw_build(
                b, SPA_PARAM_EnumFormat,
                &SPA_AUDIO_INFO_RAW_INIT(.format = SPA_AUDIO_FORMAT_F32, .channels = 1, .rate = 48000));
}

static const struct spa_pod *video_format(struct spa_pod_builder *b) {
        return spa_pod_builder_add_object(
                b, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat, SPA_FORMAT_mediaType,
                SPA_POD_Id(SPA_MEDIA_TYPE_video), SPA_FORMAT_mediaSubtype, SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw),
                SPA_FORMAT_VIDEO_format,
                SPA_POD_CHOICE_ENUM_Id(3, SPA_VIDEO_FORMAT_RGB, SPA_VIDEO_FORMAT_RGB, SPA_VIDEO_FORMAT_UYVY),
                SPA_FORMAT_VIDEO_size,
                SPA_POD_CHOICE_RANGE_Rectangle(&SPA_RECTANGLE(320, 240), &SPA_RECTANGLE(1, 1),
                                               &SPA_RECTANGLE(4096, 4096)),
                SPA_FORMAT_VIDEO_framerate,
                SPA_POD_CHOICE_RANGE_Fraction(&SPA_FRACTION(25, 1), &SPA_FRACTION(0, 1), &SPA_FRACTION(1000, 1)));
}

static void connect_stream(struct pw_main_loop *loop, struct pw_stream **s, const char *type, const char *target) {
        uint8_t buffer[1024];
        struct spa_pod_builder b = SPA_POD_BUILDER_INIT(buffer, sizeof(buffer));
        bool video = strcmp(type, "Video") == 0;
        const struct spa_pod *format = video ? video_format(&b) : audio_format(&b);

        *s = pw_stream_new_simple(pw_main_loop_get_loop(loop), "stream",
                                  pw_properties_new(PW_KEY_MEDIA_TYPE, type, PW_KEY_MEDIA_CATEGORY, "Capture",
                                                    PW_KEY_TARGET_OBJECT, target, NULL),
                                  &events, s);
        pw_stream_connect(*s, PW_DIRECTION_INPUT, PW_ID_ANY, PW_STREAM_FLAG_AUTOCONNECT | PW_STREAM_FLAG_MAP_BUFFERS,
                          &format, 1);
}

int main(int argc, char **argv) {
        struct pw_stream *video, *audio;
        struct pw_main_loop *loop;

        if (argc != 3)
                return 2;
        pw_init(NULL, NULL);
        loop = pw_main_loop_new(NULL);
        if (argv[1][0])
                connect_stream(loop, &video, "Video", argv[1]);
        if (argv[2][0])
                connect_stream(loop, &audio, "Audio", argv[2]);
        return pw_main_loop_run(loop);
}
