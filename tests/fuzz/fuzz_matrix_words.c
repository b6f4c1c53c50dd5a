/* Legacy calls by their words: each pair of bytes is one event of few people, few clients and few calls, in any order
 * the fuzzer likes. */
#include "kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {
        "m.call.invite", "m.call.answer",    "m.call.select_answer", "m.call.reject",
        "m.call.hangup", "m.call.negotiate", "m.room.member",        "m.call.asserted_identity",
};
static const char *const people[] = { ME, "@x:hs", "@y:hs", ME };
static const char *const parties[] = { NULL, "A", "B", "C" };

/* type 3 bits, sender 2, party 2, version 1; call 1, named party 2, invitee 2, age 3 */
static json_t *event_new(uint8_t a, uint8_t b) {
        const char *party = parties[a >> 5 & 3], *named = parties[b >> 1 & 3];
        json_t *content = json_pack("{s:s, s:i}", "call_id", b & 1 ? "one" : "two", "lifetime", 60000);
        json_t *event = json_pack("{s:s, s:s, s:o, s:{s:i}}", "type", types[a & 7], "sender", people[a >> 3 & 3],
                                  "content", content, "unsigned", "age", 1 << (4 * (b >> 5)));

        if (party)
                json_object_set_new(content, "party_id", json_string(party));
        json_object_set_new(content, "version", a >> 7 ? json_string("1") : json_integer(0));
        if (named)
                json_object_set_new(content, "selected_party_id", json_string(named));
        if (b >> 3 & 3)
                json_object_set_new(content, "invitee", json_string(people[(b >> 3 & 3) - 1]));
        if ((a & 7) == 6) {
                json_object_set_new(event, "state_key", json_string(people[a >> 3 & 3]));
                json_object_set_new(content, "membership", json_string("leave"));
        }
        return event;
}

static void say(struct kinds *o, json_t *event) {
        SCOPED(json_decref)
        json_t *root = json_pack("{s:s, s:{s:{s:{s:{s:[o]}}}}}", "next_batch", "s", "rooms", "join", ROOM, "timeline",
                                 "events", event);
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;

        must(root && sync_batch_new(&b, root, ME) == 0, "it is an answer");
        kinds_feed(o, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct kinds o;

        kinds_open(&o);
        for (size_t i = 0; i + 1 < size && i < 64; i += 2)
                say(&o, event_new(data[i], data[i + 1]));
        must(o.n_calls <= 2, "there were two calls at most");
        if (size % 2) {
                say(&o, json_pack("{s:s, s:s, s:s, s:{s:s}}", "type", "m.room.member", "sender", ME, "state_key", ME,
                                  "content", "membership", "leave"));
                must(o.n_calls == 0, "outside the room there is no call");
        }
        kinds_end(&o);
        kinds_close(&o);
        return 0;
}
