/* A monitor sees what is nobody's business, and much of it: busyd keeps neither the texts nor the room they took. */
#include "system/notice.h"
#include "system/rest.h"

#include <stdio.h>

#define FLOOD       10000
#define IMAGE       ((size_t) 128 * 128 * 4)
#define LARGE_EVERY 100
#define LARGE_IMAGE ((size_t) 1024 * 1024 * 4)
/* A busyd that gets no time leaves them unread, and buses refuse a user who has more than some hundred megabytes of
 * that: by then it has to have come after them. */
#define UNREAD_MAX 500
#define RING_ID    2000000
/* What the allocator may keep for itself; a single one of the large images is more. */
#define GROWTH_MAX_KB 2048

/* Is this in any file of the world: log, state, configuration? */
static bool files_have(const struct world *w, const char *text) {
        char command[1024];

        snprintf(command, sizeof(command), "grep -rlF -- '%s' '%s' >&2", text, w->dir);
        return system(command) == 0;
}

/* Rings at last; when busyd tells, it has read all that went before. */
static void ring(struct world *w, DBusConnection *program, DBusConnection *server, uint32_t id) {
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, id);
        expect_phases(w, "ringing-in");
        notice_closed(server, id);
        expect_phases(w, "");
}

static void flood(struct world *w, DBusConnection *program, DBusConnection *server, int n) {
        for (int i = 1; i <= n; i++) {
                notice_send(
                        w, program, server,
                        &(struct notice){ .image = i % LARGE_EVERY == 0 ? LARGE_IMAGE : IMAGE,
                                          .hints = { "category", "im.received", "desktop-entry", "im.dino.Dino" } },
                        (uint32_t) i);
                if (i % UNREAD_MAX == 0)
                        ring(w, program, server, RING_ID + (uint32_t) i);
        }
}

WORLD_TEST(notifications_flood, ten_thousand_leave_nothing_behind, .no_homeserver = true) {
        DBusConnection *server = desk_start(w, ""), *program = desk_connect(w);
        long before, after;

        flood(w, program, server, 2 * LARGE_EVERY);
        ring(w, program, server, 1000001);
        before = private_memory(w);
        flood(w, program, server, FLOOD);
        ring(w, program, server, 1000002);
        after = private_memory(w);
        fprintf(stderr, "private memory: %ld KiB before, %ld KiB after\n", before, after);
        check(w, !memory_tells || after - before < GROWTH_MAX_KB, "grew from %ld to %ld KiB", before, after);
        desk_disconnect(program);
        desk_disconnect(server);
}

WORLD_TEST(notifications_flood, ten_thousand_calls_are_bounded, .no_homeserver = true) {
        DBusConnection *server = desk_start(w, ""), *program = desk_connect(w);
        long before, after;

        ring(w, program, server, 1000001);
        before = private_memory(w);
        for (uint32_t i = 1; i <= FLOOD; i++) {
                notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, i);
                peer_wait(w->peer, 0); /* the test's own queue, of what busyd tells */
        }
        expect_availability(w, "busy");
        desk_disconnect(program);
        expect_phases(w, "");
        after = private_memory(w);
        check(w, !memory_tells || after - before < GROWTH_MAX_KB, "grew from %ld to %ld KiB", before, after);
        desk_disconnect(server);
}

static void expect_nowhere(struct world *w, const char *text) {
        check(w, !files_have(w, text), "'%s' is in a file", text);
        check(w, !memory_tells || !memory_has(w, text), "'%s' is in busyd's memory", text);
}

WORLD_TEST(notifications_flood, texts_are_kept_nowhere, .no_homeserver = true) {
        static const char *const texts[] = { "Grandmother-is-calling-you", "Meet-me-at-the-harbour", "Say-yes-to-her",
                                             "What-the-hint-says" };
        DBusConnection *server = desk_start(w, ""), *program = desk_connect(w);
        struct notice n = {
                .app = "Dino",
                .summary = texts[0],
                .body = texts[1],
                .actions = { "accept", texts[2] },
                .hints = { "category", "call.incoming", "x-other", texts[3], "desktop-entry", "im.dino.Dino" },
        };

        for (uint32_t i = 1; i <= 20; i++)
                notice_send(w, program, server, &n, i);
        desk_disconnect(program);
        expect_phases(w, "");
        program = desk_connect(w);
        ring(w, program, server, 1000001);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                expect_nowhere(w, texts[i]);
        if (memory_tells)
                check(w, memory_has(w, "type='method_call',interface='org.freedesktop.Notifications'"),
                      "memory is not searched well");
        desk_disconnect(program);
        desk_disconnect(server);
}
