/* The profile of a real Synapse, as another user reads it. */
#include <stdlib.h>

#include "interop/desk.h"
#include "interop/web.h"
#include "util/clock.h"

/* As a client of the user does it. */
static void client_writes(struct desk *d, json_t *value) {
        SCOPED(free) char *url = desk_field_url(d, d->phone);
        struct web_reply reply =
                web_request("PUT", url, device_token(d->phone), json_pack("{s:o}", PROFILE_CALL_FIELD, value), 30000);

        desk_check(d, reply.status == 200, "PUT %s: %ld", url, reply.status);
        json_decref(reply.body);
}

/* The claim is held and this is what others read. */
static int64_t in_call(struct desk *d) {
        int64_t at;

        desk_call_in(d, "call1");
        desk_expect_profile_claim(d, "held");
        at = desk_joined(d);
        desk_check(d, at > 0, "the peer reads nothing");
        return at;
}

static void call_ends(struct desk *d) {
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect_profile_claim(d, "free");
}

/* A membership as Element Call writes it. */
static void client_member(struct desk *d, const char *room, bool in) {
        SCOPED(free) char *url = NULL;
        struct web_reply reply;
        json_t *content = in ? json_pack("{s:s, s:s, s:s, s:I}", "application", "m.call", "call_id", "", "device_id",
                                         device_id(d->phone), "expires", INT64_C(14400000))
                             : json_object();

        cr_assert_geq(asprintf(&url,
                               "%s/_matrix/client/v3/rooms/%s/state/org.matrix.msc3401.call.member/_%s_%s_m.call",
                               device_base_url(d->phone), room, d->me, device_id(d->phone)),
                      0);
        reply = web_request("PUT", url, device_token(d->phone), content, 30000);
        desk_check(d, reply.status == 200, "PUT %s: %ld", url, reply.status);
        json_decref(reply.body);
}

DESK_TEST(profile, set_and_cleared, 0) {
        int64_t at = in_call(d), now = (int64_t) (clock_wall_now() / USEC_PER_SEC);

        desk_check(d, at <= now && now - at < 600, "joined at %lld, now %lld", (long long) at, (long long) now);
        call_ends(d);
        desk_check(d, desk_joined(d) == 0, "still in a call");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(profile, without_presence, .synapse.no_presence = true) {
        (void) in_call(d);
        call_ends(d);
        desk_check(d, desk_joined(d) == 0, "still in a call");
}

/* As Element does when the last of its own calls ends. */
DESK_TEST(profile, cleared_by_the_client_at_the_end_of_its_call, 0) {
        SCOPED(free) char *room = room_new(d->phone, d->other);
        int64_t at = in_call(d);

        client_writes(d, json_pack("{s:i}", "call_joined_ts", 7));
        client_member(d, room, true);
        desk_expect_calls(d, 2);
        client_writes(d, json_null());
        client_member(d, room, false);
        desk_expect_calls(d, 1);
        for (usec_t deadline = interop_deadline(); desk_joined(d) != at;) {
                desk_check(d, clock_now() < deadline, "not set again");
                peer_wait(d->world->peer, 1000);
        }
        call_ends(d);
        desk_check(d, desk_joined(d) == 0, "still in a call");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(profile, cleared_by_hand, 0) {
        (void) in_call(d);
        client_writes(d, json_null());
        call_ends(d);
        desk_check(d, desk_joined(d) == 0, "in a call");
}

DESK_TEST(profile, killed_and_healed, 0) {
        (void) in_call(d);
        world_kill(d->world);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_check(d, desk_joined(d) > 0, "nobody has cleared it");
        world_start_online(d->world);
        desk_expect_profile_claim(d, "free");
        desk_check(d, desk_joined(d) == 0, "not healed");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(profile, killed_while_the_call_goes_on, 0) {
        int64_t at = in_call(d);

        world_kill(d->world);
        world_start_online(d->world);
        desk_expect_profile_claim(d, "held");
        desk_check(d, desk_joined(d) == at, "the call has begun anew");
        call_ends(d);
        desk_check(d, desk_joined(d) == 0, "still in a call");
}
