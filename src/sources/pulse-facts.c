/* See pulse-facts.h. */
#ifdef WITH_PULSE

#include "sources/pulse-facts.h"

#include <pulse/def.h>
#include <pulse/proplist.h>

#include "pulse/library.h"

/* What is said of a stream in either direction. */
struct stream_info {
        const char *class;
        uint32_t client;
        int corked;
        const pa_proplist *props;
};

static int set_true_if(struct facts *f, const char *key, bool is) {
        return is ? facts_set(f, key, "true") : 0;
}

static int set_role(struct facts *f, const char *role) {
        return role && streq(role, "phone") ? facts_set(f, "media.role", "Communication") : 0;
}

static int set_props(struct facts *f, const pa_proplist *props) {
        const struct pulse_library *pa = pulse_library(); /* loaded: they are its properties */
        void *state = NULL;
        const char *key;

        while (pa && props && (key = pa->proplist_iterate(props, &state))) {
                const char *value = pa->proplist_gets(props, key); /* NULL: not a text */
                int r = 0;

                if (streq(key, PA_PROP_MEDIA_ROLE))
                        r = set_role(f, value);
                else if (value)
                        r = facts_set(f, key, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_all(struct facts *f, const struct stream_info *i) {
        int r = set_props(f, i->props);

        if (r >= 0)
                r = facts_set(f, "media.class", i->class);
        if (r >= 0)
                r = set_true_if(f, "pulse.corked", i->corked);
        if (r >= 0) /* a module's: PulseAudio's own loops and filters have no client */
                r = set_true_if(f, "node.virtual", i->client == PA_INVALID_INDEX);
        return r;
}

int pulse_facts_of_capture(struct facts *f, const pa_source_output_info *i, bool of_sink) {
        int r = set_all(f, &(struct stream_info){ "Stream/Input/Audio", i->client, i->corked, i->proplist });

        /* There is no property for meters: they ask for peaks in place of sound. */
        if (r >= 0)
                r = set_true_if(f, "stream.monitor", i->resample_method && streq(i->resample_method, "peaks"));
        if (r >= 0)
                r = set_true_if(f, "stream.capture.sink", of_sink);
        return r;
}

int pulse_facts_of_playback(struct facts *f, const pa_sink_input_info *i) {
        return set_all(f, &(struct stream_info){ "Stream/Output/Audio", i->client, i->corked, i->proplist });
}

bool pulse_process_is_pipewire(const char *process_name) {
        return strncmp(process_name, "pipewire", strlen("pipewire")) == 0;
}

bool pulse_name_is_pipewire(const char *server_name) {
        return server_name && strstr(server_name, "PipeWire");
}

bool pulse_facts_are_pipewire(const struct facts *f) {
        return fact(f, FACT_SERIAL)[0] != '\0';
}

#endif
