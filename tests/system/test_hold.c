/* Busy by hand: holds and modes, over the bus. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "system/harness.h"
#include "system/pace.h"

/* CONTROL_HOLDS_PER_PEER_MAX */
#define HOLDS_PER_PEER 32

static uint32_t hold(struct world *w, struct peer *peer) {
        const char *app = "tests", *reason = "trying";
        bool ok;
        SCOPED(free)
        char *cookie = peer_call(peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app,
                                 DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID);

        check(w, ok, "%s", cookie);
        return (uint32_t) strtoul(cookie, NULL, 10);
}

static char *release_answer(struct peer *peer, dbus_uint32_t cookie, bool *ret_ok) {
        return peer_call(peer, BUSYD_PATH, BUSYD_MANAGER, "Release", ret_ok, DBUS_TYPE_UINT32, &cookie,
                         DBUS_TYPE_INVALID);
}

static bool release(struct peer *peer, dbus_uint32_t cookie) {
        bool ok;

        free(release_answer(peer, cookie, &ok));
        return ok;
}

static bool is_error(const char *answer, const char *name) {
        size_t n = strlen(BUSYD_INTERFACE ".Error.");

        return strncmp(answer, BUSYD_INTERFACE ".Error.", n) == 0 && strncmp(answer + n, name, strlen(name)) == 0 &&
               answer[n + strlen(name)] == ':';
}

/* Names that are cut at a number of bytes end with a whole character: in the log, in `history`. */
WORLD_TEST(hold, a_long_name_in_another_script, .no_homeserver = true) {
        char name[4 * 127 + 1];
        SCOPED_RUN r = { 0 };
        SCOPED(free) char *log = NULL;

        for (size_t i = 0; i + 1 < sizeof(name); i += 4)
                memcpy(name + i, "\360\237\223\236", 5);
        world_config(w, "[busyd]\nend-grace = 0s\n");
        world_start(w);
        r = world_busyctl(w, NULL, "run", "--app", name, "--", BUSYCTL_PROGRAM, "is-busy", NULL);
        check(w, r.code == 0, "%d %s", r.code, r.err);
        expect_availability(w, "free");
        log = world_log(w);
        check(w, strstr(log, "\360\237\223\236)"), "not whole in the log");
        run_done(&r);
        r = world_busyctl(w, NULL, "history", NULL);
        check(w, r.code == 0 && strstr(r.out, "\360\237\223\236\n") && !strchr(r.out, '?'), "%s", r.out);
}

static void expect_no_such_hold(struct world *w, struct peer *peer, dbus_uint32_t cookie) {
        bool ok;
        SCOPED(free) char *answer = release_answer(peer, cookie, &ok);

        check(w, !ok && is_error(answer, "NoSuchHold"), "%s", answer);
}

WORLD_TEST(hold, makes_busy_until_released, .no_homeserver = true) {
        uint32_t cookie;

        world_start(w);
        cookie = hold(w, w->peer);
        cr_assert_neq(cookie, 0);
        expect_availability(w, "busy");
        cr_assert(release(w->peer, cookie));
        expect_availability(w, "free");
        expect_no_such_hold(w, w->peer, cookie);
}

WORLD_TEST(hold, ends_with_its_owner, .no_homeserver = true) {
        struct peer *owner;

        world_start(w);
        owner = peer_new(w->bus);
        hold(w, owner);
        expect_availability(w, "busy");
        peer_free(owner);
        expect_availability(w, "free");
}

WORLD_TEST(hold, is_nobody_elses, .no_homeserver = true) {
        struct peer *owner;
        uint32_t cookie;

        world_start(w);
        owner = peer_new(w->bus);
        cookie = hold(w, owner);
        expect_no_such_hold(w, w->peer, cookie);
        expect_availability(w, "busy");
        peer_free(owner);
}

/* As many as one peer may have; the next is refused by its name, and the one after a release is not. */
WORLD_TEST(hold, too_many_are_refused, .no_homeserver = true) {
        const char *app = "tests", *reason = "many";
        uint32_t last = 0;
        bool ok;

        world_start(w);
        for (unsigned i = 0; i < HOLDS_PER_PEER; i++)
                last = hold(w, w->peer);
        {
                SCOPED(free)
                char *answer = peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app,
                                         DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID);

                check(w, !ok && is_error(answer, "TooManyHolds"), "%s", answer);
        }
        expect_availability(w, "busy");
        cr_assert(release(w->peer, last));
        (void) hold(w, w->peer);
}

static char *set_mode(struct peer *peer, const char *mode, dbus_uint64_t duration, const char *message, bool *ret_ok) {
        return peer_call(peer, BUSYD_PATH, BUSYD_MANAGER, "SetMode", ret_ok, DBUS_TYPE_STRING, &mode, DBUS_TYPE_UINT64,
                         &duration, DBUS_TYPE_STRING, &message, DBUS_TYPE_INVALID);
}

/* Asked once, at once. */
static void check_availability(struct world *w, const char *value, const char *after) {
        SCOPED(free) char *is = peer_get(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability");

        check(w, is && streq(is, value), "%s right after %s", is, after);
}

/* Many times: what is decided later is mostly decided before the next question is read. */
WORLD_TEST(hold, is_in_force_when_it_is_answered, .no_homeserver = true) {
        world_start(w);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "true"), "not settled");
        for (unsigned i = 0; i < 100; i++) {
                uint32_t cookie = hold(w, w->peer);
                bool ok;

                check_availability(w, "busy", "Hold");
                cr_assert(release(w->peer, cookie));
                check_availability(w, "free", "Release");
                free(set_mode(w->peer, "busy", 0, "", &ok));
                check_availability(w, "busy", "SetMode");
                free(set_mode(w->peer, "auto", 0, "", &ok));
                check_availability(w, "free", "SetMode");
        }
}

static const struct mode_row {
        const char *what, *mode;
        dbus_uint64_t duration;
        const char *message;
        bool ok;
} mode_rows[] = {
        { "1 no such mode", "away", 0, "", false }, { "2 a message without busy", "free", 0, "x", false },
        { "3 busy", "busy", 0, "", true },          { "4 busy with a message", "busy", 0, "Lunch", true },
        { "5 paused", "paused", 0, "", true },      { "6 back to auto", "auto", 0, "", true },
};

WORLD_TEST(mode, arguments, .no_homeserver = true) {
        world_start(w);
        for (size_t i = 0; i < ARRAY_SIZE(mode_rows); i++) {
                const struct mode_row *row = &mode_rows[i];
                bool ok;
                SCOPED(free) char *answer = set_mode(w->peer, row->mode, row->duration, row->message, &ok);

                check(w, ok == row->ok, "%s: %s", row->what, answer);
                check(w, ok || strstr(answer, "org.busyd.Busyd1.Error.InvalidArgument"), "%s: %s", row->what, answer);
        }
}

WORLD_TEST(mode, busy_by_hand_is_written_and_given_back) {
        bool ok;

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        free(set_mode(w->peer, "busy", 0, "Lunch", &ok));
        cr_assert(ok);
        expect_presence(w, HS_BUSY, "Lunch");
        free(set_mode(w->peer, "auto", 0, "", &ok));
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}

/* In the same call: by hand, no more by hand, and by another configuration. */
WORLD_TEST(mode, other_words_are_shown_at_once) {
        bool ok;

        world_config(w, "[account " ACCOUNT "]\nmessage = On the phone\n");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, "On the phone");
        free(set_mode(w->peer, "busy", 0, "At the dentist", &ok));
        expect_presence(w, HS_BUSY, "At the dentist");
        free(set_mode(w->peer, "auto", 0, "", &ok));
        expect_presence(w, HS_BUSY, "On the phone");
        world_config(w, "[account " ACCOUNT "]\nmessage = Talking\n");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Reload", &ok, DBUS_TYPE_INVALID));
        expect_presence(w, HS_BUSY, "Talking");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

WORLD_TEST(mode, is_kept_over_a_restart, .no_homeserver = true) {
        bool ok;

        world_start(w);
        free(set_mode(w->peer, "busy", 0, "", &ok));
        expect_availability(w, "busy");
        cr_assert_eq(world_stop(w), 0);
        world_start(w);
        expect_availability(w, "busy");
}

WORLD_TEST(mode, paused_writes_nothing) {
        bool ok;

        world_start_online(w);
        free(set_mode(w->peer, "paused", 0, "", &ok));
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        cr_assert_eq(hs_count(w->hs, HS_PRESENCE_PUT, 0), 0);
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        cr_assert_eq(hs_count(w->hs, HS_PRESENCE_PUT, 0), 0);
}

/* The hold is another each time, the program is the same. */
WORLD_TEST(mode, free_holds_for_a_program_that_begins_anew, .no_homeserver = true) {
        char config[128];
        uint32_t cookie;
        bool ok;

        /* long enough for a hold to follow on another */
        (void) snprintf(config, sizeof(config),
                        "[busyd]\nend-grace = %1$" PRId64 "s\nhint-end-grace = %1$" PRId64 "s\n", paced(3000) / 1000);
        world_config(w, config);
        world_start(w);
        cookie = hold(w, w->peer);
        expect_availability(w, "busy");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "SetFreeUntilCallsEnd", &ok, DBUS_TYPE_INVALID));
        cr_assert(ok);
        check_availability(w, "free", "SetFreeUntilCallsEnd");
        cr_assert(release(w->peer, cookie));
        cookie = hold(w, w->peer);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Reload", &ok, DBUS_TYPE_INVALID));
        cr_assert(ok);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "ModeUntilCallsEnd", "true"), "free is over");
        check_availability(w, "free", "Reload");
        cr_assert(release(w->peer, cookie));
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Mode", "auto"), "free goes on");
        hold(w, w->peer);
        expect_availability(w, "busy");
}

WORLD_TEST(mode, free_during_a_call_gives_back) {
        bool ok;

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "SetFreeUntilCallsEnd", &ok, DBUS_TYPE_INVALID));
        cr_assert(ok);
        expect_presence(w, "offline", "");
        call_hangup(w, ROOM, "c1");
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Mode", "auto"), "the mode stays");
        call_starts(w, OTHER_ROOM, "c2");
        expect_presence(w, HS_BUSY, NULL);
}
