/* The presence output alone, before a server that the test plays. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/outputs/output.h"
#include "matrix/server/traits.h"
#include "unit/http_door.h"

#define START USEC_PER_HOUR

struct listened {
        unsigned n_seen, n_looked, n_unsure, n_erased;
        struct claim_value seen, looked;
        const char *says; /* a claim does; NULL: none says anything */
};

static inline void on_seen(void *userdata, const struct claim_value *v, usec_t now) {
        struct listened *l = userdata;

        l->n_seen++;
        l->seen = *v;
}

static inline void on_looked(void *userdata, const struct claim_value *v, usec_t now) {
        struct listened *l = userdata;

        l->n_looked++;
        l->looked = *v;
}

static inline void on_unsure(void *userdata) {
        ((struct listened *) userdata)->n_unsure++;
}

static inline void on_erased(void *userdata) {
        ((struct listened *) userdata)->n_erased++;
}

static inline bool is_said(void *userdata, const struct claim_value *v) {
        const struct listened *l = userdata;

        return streq(v->text, l->says ?: "");
}

static inline void nothing(void *userdata) {
}

static struct fixture {
        struct probe_facts facts;
        struct account_settings settings;
        struct output_endpoint at;
        struct output *output;
        struct listened heard;
        enum matrix_outcome read; /* the last one */
} f;

static inline void make_output(void) {
        cr_assert_eq(output_presence.make(&f.output, &f.at), 0);
        f.output->listener = (struct output_listener){
                .seen = on_seen,
                .looked = on_looked,
                .unsure = on_unsure,
                .erased = on_erased,
                .is_said = is_said,
                .userdata = &f.heard,
        };
}

static inline void on_read(const struct output_result *result, void *userdata) {
        f.read = result->outcome;
}

static inline void on_written(const struct output_result *result, void *userdata) {
}

static inline void setup(void) {
        struct matrix_client *client;

        cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
        f = (struct fixture){ .settings = { .presence = PRESENCE_AUTO, .message = "In a call" } };
        f.facts.traits = server_traits_find("Synapse", "1.160.0");
        f.at = (struct output_endpoint){ .client = client,
                                         .user_id = "@me:test",
                                         .facts = &f.facts,
                                         .known = true,
                                         .settings = &f.settings,
                                         .doubt = nothing,
                                         .touched = nothing };
        make_output();
}

/* Where each device has a message of its own: that of ours. */
static inline const char *own_words(void) {
        static struct account_lessons l;

        memset(&l, 0, sizeof(l));
        output_presence.learned(f.output, &l);
        return l.words;
}

static inline void start_with_words(const char *words) {
        output_free(f.output);
        f.facts.traits = server_traits_find("Tuwunel", "1.9.0");
        (void) snprintf(f.at.learned.words, sizeof(f.at.learned.words), "%s", words);
        make_output();
        cr_assert_str_eq(own_words(), words);
}

static inline void teardown(void) {
        output_free(f.output);
        matrix_client_free(f.at.client);
        cr_assert_null(door_waiting(), "what is asked goes with the output");
}
