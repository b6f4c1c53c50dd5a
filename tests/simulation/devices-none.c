/* See devices.h: built without encryption. */
#include "comparing.h"

struct devices *devices_new(struct model *m, uint64_t seed, unsigned reset_percent) {
        return NULL;
}

struct devices *devices_free(struct devices *d) {
        return NULL;
}

void devices_verify(struct devices *d, const char *state_dir, const char *account, const char *device) {
}

void devices_log_out(struct devices *d, const char *state_dir, const char *account, const char *device) {
}

usec_t devices_unsigned_since(struct devices *d, const char *device) {
        return USEC_NEVER;
}

bool devices_never_signed(struct devices *d, const char *device) {
        return false;
}

usec_t devices_signed_since(struct devices *d, const char *device) {
        return USEC_NEVER;
}

void devices_before_call(struct devices *d, const char *room, bool alone) {
}

void devices_say(struct devices *d, const char *room, json_t *event) {
        json_decref(event);
}

usec_t devices_readable_at(struct devices *d, const char *room, const char *device) {
        return USEC_NEVER;
}

usec_t devices_read_since(struct devices *d, const char *room, const char *user, const char *device) {
        return 0;
}

usec_t devices_deadline(struct devices *d) {
        return USEC_NEVER;
}

void devices_run(struct devices *d) {
}

void devices_count_shown(struct devices *d) {
}

void devices_count_farewell(struct devices *d) {
}

struct devices_counters devices_counters(struct devices *d) {
        return (struct devices_counters){ 0 };
}

void devices_counters_add(struct devices_counters *to, const struct devices_counters *from) {
}

const char *devices_judge_request(struct devices *d, const char *method, const char *uri, const char *body) {
        return NULL;
}

const char *devices_judge(struct devices *d) {
        return NULL;
}

bool comparing_is_wanted(struct devices *d) {
        return false;
}

struct comparing *comparing_new(struct devices *d, const char *state_dir, const char *account, const char *device) {
        return NULL;
}

struct comparing *comparing_free(struct comparing *c) {
        return NULL;
}

usec_t comparing_deadline(const struct comparing *c) {
        return USEC_NEVER;
}

enum comparing_end comparing_run(struct comparing *c) {
        return COMPARING_GOES_ON;
}

bool comparing_introduces(const struct comparing *c) {
        return false;
}

void devices_count_compared(struct devices *d, enum comparing_end end) {
}
