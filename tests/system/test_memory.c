/* What a flood leaves behind: no more memory than before, as far as an allocator gives back. */
#include <stdio.h>

#include "system/notice.h"
#include "system/rest.h"

#define CALLS 20000
/* A few MB in all are what busyd may have. */
#define GROWTH_MAX_KB 4096
/* Of each program: as many as a bus keeps waiting for answers, by the default of its daemon. */
#define QUESTIONS 120

/* One answer of /sync with that many calls of strangers to the user. */
static char *flood_of_calls(void) {
        size_t size = 0;
        char *text = NULL;
        FILE *f = open_memstream(&text, &size);

        (void) fputs("{\"next_batch\":\"flood\",\"rooms\":{\"join\":{", f);
        for (int room = 0; room < 20; room++) {
                (void) fprintf(f, "%s\"!r%d:test\":{\"timeline\":{\"events\":[", room ? "," : "", room);
                for (int i = 0; i < CALLS / 20; i++)
                        (void) fprintf(
                                f,
                                "%s{\"type\":\"m.call.invite\",\"sender\":\"@s%d:test\",\"event_id\":\"$%d_%d\","
                                "\"origin_server_ts\":1700000000000,\"unsigned\":{\"age\":10},\"content\":{"
                                "\"call_id\":\"c%d_%d\",\"version\":\"1\",\"party_id\":\"P\",\"lifetime\":60000,"
                                "\"offer\":{\"type\":\"offer\",\"sdp\":\"%0500d\"}}}",
                                i ? "," : "", i, room, i, room, i, 0);
                (void) fputs("]}}", f);
        }
        (void) fputs("}}}", f);
        (void) fclose(f);
        return text;
}

WORLD_TEST(memory, a_flood_of_calls_leaves_nothing_behind) {
        SCOPED(free) char *flood = flood_of_calls();
        size_t mark;
        long before, after;

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        expect_nothing_owed(w);
        before = private_memory(w);
        mark = hs_n_requests(w->hs);
        hs_fault(w->hs, &(struct hs_fault){ .match = HS_SYNC, .times = 1, .status = 200, .body = flood });
        call_invite(w, OTHER_ROOM, "c2"); /* ends the poll of now */
        check(w,
              hs_wait_request(w->hs, (struct hs_match){ .path = "*/sync", .query = "since=flood" }, mark, patience(),
                              NULL),
              "the flood is not taken in");
        expect_availability(w, "free");
        after = private_memory(w);
        fprintf(stderr, "private memory: %ld kB before, %ld kB after\n", before, after);
        check(w, !memory_tells || after - before < GROWTH_MAX_KB, "%ld kB before, %ld kB after", before, after);
}

static void hold_and_release(struct world *w) {
        SCOPED_RUN run = world_busyctl(w, NULL, "run", "--", "true", NULL);

        check(w, run.code == 0, "%d: %s", run.code, run.err);
}

/* Each asks for everything time and again, takes no answer, and leaves in the end. */
WORLD_TEST(memory, programs_that_do_not_read_leave_nothing_behind, .no_homeserver = true) {
        static const char *const asked[] = { "Explain", "History" };
        DBusConnection *programs[10];
        dbus_uint32_t all = 100;
        long before, after;

        world_start(w);
        hold_and_release(w);
        before = private_memory(w);
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
                programs[i] = desk_connect(w);
                for (int k = 0; k < QUESTIONS; k++) {
                        const char *member = asked[k % 2];
                        DBusMessage *m = dbus_message_new_method_call(BUSYD_NAME, BUSYD_PATH, BUSYD_MANAGER, member);

                        check(w,
                              m && (streq(member, "Explain") ||
                                    dbus_message_append_args(m, DBUS_TYPE_UINT32, &all, DBUS_TYPE_INVALID)),
                              "no message");
                        desk_send(programs[i], m);
                }
        }
        /* Who does read is still answered, after all that has been asked before. */
        hold_and_release(w);
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
                desk_disconnect(programs[i]);
        hold_and_release(w);
        after = private_memory(w);
        fprintf(stderr, "private memory: %ld kB before, %ld kB after\n", before, after);
        check(w, !memory_tells || after - before < GROWTH_MAX_KB, "%ld kB before, %ld kB after", before, after);
}
