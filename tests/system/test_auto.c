/* presence = auto, the default, on a server that copies busy to the user's other clients: beside a live one only the
 * message is shown, and busy where there is none. */
#include "system/kinds.h"

static void expect_message_alone(struct world *w) {
        expect_presence(w, "online", IN_CALL);
        expect_claim(w, "held");
        expect_note(w, "another of your clients is online");
}

WORLD_TEST(auto, beside_a_live_phone_only_the_message_is_shown) {
        size_t shown = hs_n_shown(w->hs);

        world_config(w, KINDS_CONFIG(""));
        person_is_online(w);
        call_starts(w, ROOM, "c1");
        expect_message_alone(w);
        call_ends(w);
        check(w, !hs_was_shown(w->hs, HS_BUSY, shown), "busy was shown, which the phone would have kept");
        expect_never_written(w, "busy\"");
}

WORLD_TEST(auto, without_any_other_client_it_is_busy) {
        world_config(w, KINDS_CONFIG(""));
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

/* A choice stands for its call: the words of the next one are right again. */
WORLD_TEST(auto, a_phone_that_comes_in_a_call_is_minded_in_the_next) {
        world_config(w, KINDS_CONFIG(""));
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, IN_CALL);
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", READING);
        poll_starts_anew(w);
        call_starts(w, ROOM, "c2");
        expect_message_alone(w);
        call_hangup(w, ROOM, "c2");
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
}
