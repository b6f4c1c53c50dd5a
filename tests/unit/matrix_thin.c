/* What is taken out of an answer of /sync while it comes in. */
#include <criterion/criterion.h>

#include "core/base.h"
#include "json/json.h"
#include "matrix/sync/thin.h"

#define ROOM(list) "{\"next_batch\":\"n\",\"rooms\":{\"join\":{\"!r:hs\":{" list "}}}}"

static const struct thin_row {
        const char *what, *text, *thin;
        size_t n_dropped;
} rows[] = {
        { "nothing of no concern",
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\",\"content\":{\"a\":[1,{}]}}],\"limited\":true}"),
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\",\"content\":{\"a\":[1,{}]}}],\"limited\":true}"),
          0 },
        { "the first, the last and one between",
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m.room.message\"}, {\"type\":\"m.call.invite\"},"
               "{\"content\":{\"type\":\"m.call.invite\"},\"type\":\"x\"} "
               ",{\"type\":\"m.call.hangup\"},{}],\"limited\":true}"),
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\"},{\"type\":\"m.call.hangup\"}],\"limited\":"
               "true}"),
          3 },
        { "all", ROOM("\"timeline\":{\"events\":[{\"type\":\"a\"},{\"type\":\"b\"}]}"),
          ROOM("\"timeline\":{\"events\":[]}"), 2 },
        { "state, in either place",
          ROOM("\"state\":{\"events\":[{\"type\":\"m.call.member\"},{\"type\":\"m.room.topic\"}]},\"state_after\":{"
               "\"events\":[{\"type\":\"m.room.topic\"},{\"type\":\"m.room.redaction\"}]}"),
          ROOM("\"state\":{\"events\":[{\"type\":\"m.call.member\"}]},\"state_after\":{\"events\":[{"
               "\"type\":\"m.room.redaction\"}]}"),
          2 },
        { "not in other lists",
          ROOM("\"ephemeral\":{\"events\":[{\"type\":\"m.typing\"}]},\"timeline\":{\"other\":[{\"type\":\"x\"}]},"
               "\"msc4354_sticky\":{\"events\":[{\"type\":\"x\"}]}"),
          ROOM("\"ephemeral\":{\"events\":[{\"type\":\"m.typing\"}]},\"timeline\":{\"other\":[{\"type\":\"x\"}]},"
               "\"msc4354_sticky\":{\"events\":[{\"type\":\"x\"}]}"),
          0 },
        { "not in other places",
          "{\"to_device\":{\"events\":[{\"type\":\"x\",\"timeline\":{\"events\":[{\"type\":\"x\"}]}}]},"
          "\"rooms\":{\"leave\":{\"!r:hs\":{\"timeline\":{\"events\":[{\"type\":\"x\"}]}}}}}",
          "{\"to_device\":{\"events\":[{\"type\":\"x\",\"timeline\":{\"events\":[{\"type\":\"x\"}]}}]},"
          "\"rooms\":{\"leave\":{\"!r:hs\":{\"timeline\":{\"events\":[{\"type\":\"x\"}]}}}}}",
          0 },
        { "brackets and quotes in strings",
          ROOM("\"timeline\":{\"events\":[{\"body\":\"}]\\\"},{\\\\\",\"type\":\"x\"},{\"body\":\"\\\\\",\"type\":"
               "\"m.call.invite\"}]}"),
          ROOM("\"timeline\":{\"events\":[{\"body\":\"\\\\\",\"type\":\"m.call.invite\"}]}"), 1 },
        { "written with escapes",
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m\\u002ecall.invite\"},{\"\\u0074ype\":\"m.call.invite\"}]}"),
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m\\u002ecall.invite\"},{\"\\u0074ype\":\"m.call.invite\"}]}"),
          0 },
        { "of two types one is of concern",
          ROOM("\"timeline\":{\"events\":[{\"type\":\"x\",\"type\":\"m.call.invite\"},{\"type\":\"m.call.invite\","
               "\"type\":\"x\"}]}"),
          ROOM("\"timeline\":{\"events\":[{\"type\":\"x\",\"type\":\"m.call.invite\"},{\"type\":\"m.call.invite\","
               "\"type\":\"x\"}]}"),
          0 },
        { "a type that is no string",
          ROOM("\"timeline\":{\"events\":[{\"type\":[\"m.call.invite\"]},{\"type\":1,\"a\":\"m.call.invite\"},{"
               "\"type\":{"
               "\"type\":\"m.call.invite\"}}]}"),
          ROOM("\"timeline\":{\"events\":[]}"), 3 },
        { "what is no event",
          ROOM("\"timeline\":{\"events\":[1,\"]\",{\"type\":\"m.call.invite\"},null,[{\"type\":\"m.call.invite\"}],[[]"
               "]]}"),
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\"}]}"), 0 },
        { "odd things beside it stay",
          ROOM("\"timeline\":{\"events\":[{\"n\":1e999,\"type\":\"x\"},{\"n\":1e999,\"type\":\"m.call.invite\"}],"
               "\"o\":1e999}"),
          ROOM("\"timeline\":{\"events\":[{\"n\":1e999,\"type\":\"m.call.invite\"}],\"o\":1e999}"), 1 },
        { "no comma", ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\"}{\"type\":\"m.call.hangup\"}]}"),
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\"}{\"type\":\"m.call.hangup\"}]}"), 0 },
        { "brackets that do not match", ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\"}}}"),
          ROOM("\"timeline\":{\"events\":[{\"type\":\"m.call.invite\"}}}"), 0 },
        { "more are closed than were opened", "}]}{\"rooms\":{\"join\":1}}", "}]}{\"rooms\":{\"join\":1}}", 0 },
        { "an error", "{\"errcode\":\"M_UNKNOWN\",\"error\":\"x\"}", "{\"errcode\":\"M_UNKNOWN\",\"error\":\"x\"}",
          0 },
};

/* In pieces of that size, as they come in: each behind what is left of those before it. */
static size_t take_out(struct sync_thin *t, const char *text, size_t piece, char *ret) {
        size_t size = strlen(text), n = 0;

        for (size_t at = 0; at < size; at += piece) {
                size_t more = size - at < piece ? size - at : piece;

                memcpy(ret + n, text + at, more);
                n = sync_thin(t, ret, n, n + more);
        }
        ret[n] = '\0';
        return n;
}

Test(matrix_thin, takes_out_what_is_of_no_concern) {
        SCOPED(json_decref) json_t *messages = json_pack("[ss]", "m.call.invite", "m.call.hangup");
        SCOPED(json_decref) json_t *state = json_pack("[ss]", "m.call.member", "m.room.redaction");

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                for (size_t piece = 1; piece <= strlen(rows[i].text); piece++) {
                        struct sync_thin t = { .types = { messages, state } };
                        char left[1024];

                        (void) take_out(&t, rows[i].text, piece, left);
                        cr_assert_str_eq(left, rows[i].thin, "%s, %zu bytes at a time", rows[i].what, piece);
                        cr_assert_eq(t.n_dropped, rows[i].n_dropped, "%s, %zu bytes at a time: %zu", rows[i].what,
                                     piece, t.n_dropped);
                }
}

Test(matrix_thin, holds_no_more_than_the_event_that_comes) {
        static const char head[] = "{\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"events\":[";
        static const char event[] = "{\"type\":\"m.room.message\",\"content\":{\"body\":\"hello\"}},";
        SCOPED(json_decref) json_t *messages = json_pack("[s]", "m.call.invite");
        struct sync_thin t = { .types = { messages } };
        char text[sizeof(head) + 2 * sizeof(event)];
        size_t n = take_out(&t, head, sizeof(head), text);

        for (unsigned i = 0; i < 10000; i++) {
                memcpy(text + n, event, strlen(event));
                n = sync_thin(&t, text, n, n + strlen(event));
                cr_assert_eq(n, strlen(head));
        }
        cr_assert_eq(t.n_dropped, 10000);
}
