/* Tokens and passwords leave nothing behind in memory once they are of no use to busyd, and no core either. */
#include <stdio.h>
#include <stdlib.h>

#include "state/session.h"
#include "system/rest.h"

/* The caller frees. */
static char *token_of(struct world *w) {
        struct session session;
        char *token;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        token = strdup(session.access_token);
        session_done(&session);
        return token;
}

/* The allocator of a sanitizer keeps what is freed for a while, as it was, and its memory cannot be read whole. */
static void expect_in_memory(struct world *w, const char *secret) {
        check(w, !memory_tells || memory_has(w, secret), "it is not found where it must be");
}

static void expect_not_in_memory(struct world *w, const char *secret) {
        for (int64_t left = patience() / 50; memory_tells && memory_has(w, secret); left--) {
                check(w, left > 0, "it is still in memory");
                world_look_again(w);
        }
}

WORLD_TEST(secrets, a_token_is_not_in_memory_after_its_logout) {
        SCOPED(free) char *token = token_of(w);
        SCOPED_RUN run = { 0 };

        hs_client_polls(w->hs, PHONE, "online");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        expect_in_memory(w, token);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        run = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        check(w, run.code == 0, "%s", run.err);
        expect_not_in_memory(w, token);
}

/* The one of before, and what it was renewed with. */
WORLD_TEST(secrets, tokens_are_not_in_memory_after_others_came, .homeserver.renewal = HS_RENEWAL_SYNAPSE,
           .homeserver.token_msec = 3600000, .no_session = true) {
        SCOPED(free) char *access = NULL, *refresh = NULL, *dir = strdup(world_state_path(w, ""));
        int64_t ends = 0;
        struct session session = { .homeserver = (char *) hs_url(w->hs),
                                   .user_id = (char *) HS_USER,
                                   .device_id = (char *) DEVICE };

        access = hs_login_renewable(w->hs, DEVICE, &refresh, &ends);
        session.access_token = access;
        session.refresh_token = refresh;
        session.expires_at = (usec_t) ends * USEC_PER_MSEC;
        cr_assert_eq(session_save(dir, ACCOUNT, &session), 0);
        world_start_online(w);
        expect_in_memory(w, refresh);
        hs_expire(w->hs, DEVICE);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        check(w, hs_n_renewals(w->hs) > 0, "it was not renewed");
        expect_not_in_memory(w, access);
        expect_not_in_memory(w, refresh);
}

WORLD_TEST(secrets, there_is_no_core, .no_homeserver = true) {
        SCOPED(free) char *limits = NULL;
        const char *core;
        char path[64], soft[16];

        world_start(w);
        (void) snprintf(path, sizeof(path), "/proc/%d/limits", (int) w->busyd);
        limits = file_text(path);
        core = strstr(limits, "Max core file size");
        check(w, core && sscanf(core, "Max core file size %15s", soft) == 1 && streq(soft, "0"), "%s", limits);
}
