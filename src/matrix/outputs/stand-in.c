#include "matrix/outputs/stand-in.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/fnv1a.h"
#include "util/text.h"

#define DOTS "…"

/* With the length and the hash of the whole. */
#define END DOTS " (%zu bytes, %016" PRIx64 ")"

static uint64_t hash(const char *text) {
        return fnv1a_add(FNV1A_BEGIN, text, strlen(text));
}

static void name(char *ret, size_t size, const char *whole) {
        char end[64];
        size_t room = size - 1 - (size_t) snprintf(end, sizeof(end), END, strlen(whole), hash(whole));

        memcpy(ret, whole, room);
        ret[room] = '\0';
        (void) text_end_whole(ret);
        memcpy(ret + strlen(ret), end, strlen(end) + 1);
}

static const char *find_end(const char *value) {
        const char *end = NULL;

        for (const char *at = strstr(value, DOTS); at; at = strstr(at + 1, DOTS))
                end = at;
        return end;
}

void stand_in_done(struct stand_in *s) {
        free(s->whole);
        s->whole = NULL;
}

int stand_in_take(struct stand_in *s, char *ret, size_t size, const char *whole) {
        char *copy = strdup(whole);

        if (!copy)
                return -ENOMEM;
        free(s->whole);
        s->whole = copy;
        name(ret, size, copy);
        return 0;
}

/* It fills its room, but for a character that was cut. */
bool stand_in_is(const char *value, size_t size) {
        const char *end = find_end(value);
        char same[64];
        uint64_t h;
        size_t n;

        if (!end || strlen(value) + 4 < size || sscanf(end, DOTS " (%zu bytes, %16" SCNx64 ")", &n, &h) != 2 ||
            n < size)
                return false;
        (void) snprintf(same, sizeof(same), END, n, h);
        return streq(same, end);
}

const char *stand_in_whole(const struct stand_in *s, const char *value, size_t size) {
        char end[64];

        if (!stand_in_is(value, size))
                return value;
        if (!s->whole)
                return NULL;
        (void) snprintf(end, sizeof(end), END, strlen(s->whole), hash(s->whole));
        return streq(find_end(value), end) ? s->whole : NULL;
}

const char *stand_in_beginning(char *ret, size_t size, const char *value) {
        const char *end = find_end(value);

        (void) snprintf(ret, size, "%.*s" DOTS, end ? (int) (end - value) : 0, value);
        return ret;
}
