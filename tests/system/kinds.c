#include "system/kinds.h"

#include <inttypes.h>
#include <stdio.h>

void is_refreshed_before_it_gets_old(struct world *w) {
        char config[256];

        (void) snprintf(config, sizeof(config), KINDS_CONFIG("refresh-interval = %" PRId64 "s\n"),
                        GETS_OLD_MSEC * 3 / 5 / 1000);
        world_config(w, config);
}

void person_is_online(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", READING);
        world_start_online(w);
}

void person_is_in_call(struct world *w, const char *shown) {
        person_is_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, shown, IN_CALL);
        expect_claim(w, "held");
}

void call_ends(struct world *w) {
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "online", READING, 0), "it did not stay");
}

void one_call(struct world *w, const char *shown) {
        person_is_in_call(w, shown);
        call_ends(w);
        expect_few_writes(w);
}

void killed_and_the_call_is_over(struct world *w, const char *shown) {
        person_is_in_call(w, shown);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        check(w, hs_wait_presence(w->hs, shown, IN_CALL, 0), "nobody gave it back meanwhile");
        world_start(w);
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
}

void killed_and_the_call_goes_on(struct world *w, const char *shown) {
        person_is_in_call(w, shown);
        world_kill(w);
        world_start_online(w);
        expect_availability(w, "busy");
        expect_claim(w, "held");
        expect_presence(w, shown, IN_CALL);
        call_ends(w);
}

/* Until busyd has found it again. */
static void restart(struct world *w) {
        size_t mark;

        hs_stop(w->hs);
        mark = hs_n_requests(w->hs);
        cr_assert_eq(hs_start(w->hs, HS_LOSES), 0);
        check(w, hs_wait_answered(w->hs, HS_SYNC, mark, patience(), NULL), "busyd does not come back");
}

void the_server_restarts(struct world *w, const char *shown) {
        person_is_in_call(w, shown);
        restart(w);
        hs_client_polls(w->hs, PHONE, "online");
        expect_presence(w, shown, IN_CALL);
        expect_claim(w, "held");
        call_ends(w);
}

void the_server_restarts_without_the_phone(struct world *w, const char *shown) {
        person_is_in_call(w, shown);
        restart(w);
        expect_presence(w, shown, IN_CALL);
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", READING);
        expect_nothing_owed(w);
}

void the_phone_overwrites_it(struct world *w) {
        hs_client_polls(w->hs, PHONE, "unavailable");
        hs_person_sets(w->hs, PHONE, "unavailable", READING);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, "unavailable", IN_CALL);
        expect_claim(w, "held");
        hs_client_polls(w->hs, PHONE, "online");
        check(w, hs_wait_presence(w->hs, "online", IN_CALL, 0), "the last writer does not win");
        expect_presence(w, "unavailable", IN_CALL);
        expect_claim(w, "held");
        call_ends(w);
        expect_few_writes(w);
}

void a_person_is_left_alone(struct world *w, const char *shown) {
        person_is_in_call(w, shown);
        hs_person_sets(w->hs, PHONE, "online", "Do not disturb me");
        expect_claim(w, "yielded");
        hs_client_polls(w->hs, PHONE, "unavailable");
        hs_client_polls(w->hs, PHONE, "online");
        poll_starts_anew(w);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "online", "Do not disturb me", 0), "it was written over");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) == 1, "written again");
}

void presence_is_disabled(struct world *w) {
        size_t asked;

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "refused");
        expect_note(w, "switched off");
        expect_availability(w, "busy");
        asked = hs_count(w->hs, HS_PRESENCE_GET, 0);
        check(w, asked <= 2, "asked %zu times", asked);
        poll_starts_anew(w);
        call_starts(w, OTHER_ROOM, "c2");
        check(w, hs_wait_seen(w->hs, patience()), "not seen");
        call_hangup(w, ROOM, "c1");
        call_hangup(w, OTHER_ROOM, "c2");
        expect_availability(w, "free");
        expect_nothing_owed(w);
        check(w, hs_count(w->hs, HS_PRESENCE_GET, 0) == asked, "asked again");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) == 0, "written all the same");
}

void nobody_can_look(struct world *w) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        expect_note(w, "no room");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
        expect_few_writes(w);
}

void poll_starts_anew(struct world *w) {
        call_invite(w, OTHER_ROOM, "ring");
        check(w, hs_wait_seen(w->hs, patience()), "busyd does not poll on");
}

void expect_polls(struct world *w, const char *set_presence) {
        size_t all = hs_count(w->hs, HS_SYNC, 0), said;
        char query[64];

        snprintf(query, sizeof(query), "set_presence=%s", set_presence);
        said = hs_count(w->hs, (struct hs_match){ .path = "*/sync", .query = query }, 0);
        check(w, said == all, "%zu of %zu polls said %s", said, all, set_presence);
}

void expect_few_writes(struct world *w) {
        size_t n = hs_count(w->hs, HS_PRESENCE_PUT, 0);

        check(w, n <= WRITES_MAX, "%zu writes", n);
}

void expect_never_written(struct world *w, const char *part) {
        struct hs_match match = HS_PRESENCE_PUT;

        match.body = part;
        check(w, hs_count(w->hs, match, 0) == 0, "%s was written", part);
}

void expect_write(struct world *w, size_t *mark) {
        struct hs_request request;

        check(w, hs_wait_answered(w->hs, HS_PRESENCE_PUT, *mark, patience(), &request), "not written again");
        *mark = request.n + 1;
        hs_request_done(&request);
}

void expect_no_refusals(struct world *w) {
        SCOPED(free) char *requests = hs_requests_text(w->hs);

        check(w, !strstr(requests, "-> 400"), "something was refused");
}

void expect_note(struct world *w, const char *part) {
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Outputs", part), "nothing said of \"%s\"", part);
}
