/* Two accounts at once, each on a homeserver of its own: "home", and "work", whose server has one presence for each
 * user, does not know busy, and goes away in the middle of a call. What is written and given back on one has nothing
 * to do with the other. */
#include <stdio.h>

#include "system/session_manager.h"

#define HOME ACCOUNT
#define WORK "work"

#define HOME_MESSAGE "In a call"
#define WORK_MESSAGE "In a meeting"
#define HOME_PRIOR   "Reading"
#define WORK_PRIOR   "At the bench"

#define WORK_PATH BUSYD_PATH "/account/" WORK

static const char *const config = "[busyd]\n"
                                  "end-grace = 0s\n"
                                  "log-level = debug\n"
                                  "[account " HOME "]\n"
                                  "message = " HOME_MESSAGE "\n"
                                  "presence = busy\n"
                                  "poll-pause = 0s\n"
                                  "[account " WORK "]\n"
                                  "message = " WORK_MESSAGE "\n"
                                  "poll-pause = 0s\n";

static void expect_work_state(struct world *w, const char *state) {
        check(w, peer_wait_is(w->peer, WORK_PATH, BUSYD_ACCOUNT, "State", state), WORK " is not %s", state);
}

/* Starts busyd with both. Returns the world as it is seen from work: the same, but for its homeserver, which is the
 * caller's to free. */
static struct world start_both(struct world *w) {
        struct world at_work = *w;

        cr_assert_eq(hs_new(&at_work.hs, &(struct hs_options){ .kind = HS_CONTINUWUITY }), 0);
        world_session_at(w, WORK, at_work.hs);
        world_config(w, config);
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", HOME_PRIOR);
        hs_person_sets(at_work.hs, PHONE, "online", WORK_PRIOR);
        world_start_online(w);
        expect_work_state(w, "online");
        at_work.busyd = w->busyd;
        return at_work;
}

static void expect_both_busy(struct world *home, struct world *work) {
        expect_presence(home, HS_BUSY, HOME_MESSAGE);
        expect_presence(work, "unavailable", WORK_MESSAGE);
        expect_claim_of(home, HOME, "held");
        expect_claim_of(work, WORK, "held");
}

static void expect_home_back(struct world *home) {
        expect_presence(home, "online", HOME_PRIOR);
        expect_claim_of(home, HOME, "free");
}

static void expect_both_back(struct world *home, struct world *work) {
        expect_home_back(home);
        expect_presence(work, "online", WORK_PRIOR);
        expect_claim_of(work, WORK, "free");
        expect_nothing_owed(home);
}

/* What busyctl accounts says of one, "state" or "problem". The caller frees. */
static char *shown(struct world *w, const char *account, const char *key) {
        SCOPED_RUN r = world_busyctl(w, NULL, "--json", "accounts", NULL);
        json_t *accounts = json_loads(r.out, 0, NULL), *a;
        char *value = NULL;
        size_t i;

        check(w, json_array_size(accounts) == 2, "not both: %d %s%s", r.code, r.out, r.err);
        json_array_foreach(accounts, i, a) if (streq(json_string_value(json_object_get(a, "name")), account)) value =
                strdup(json_string_value(json_object_get(a, key)) ?: "");
        json_decref(accounts);
        check(w, value, "%s is not shown", account);
        return value;
}

static void check_shown_state(struct world *w, const char *account, const char *state) {
        SCOPED(free) char *is = shown(w, account, "state");

        check(w, streq(is, state), "busyctl shows %s %s, not %s", account, is, state);
}

WORLD_TEST(accounts, each_gives_back_its_own) {
        struct world work = start_both(w);
        SCOPED_RUN text = { 0 };

        call_starts(w, ROOM, "c1");
        expect_both_busy(w, &work);
        text = world_busyctl(w, NULL, "accounts", NULL);
        check(w, strstr(text.out, HOME " (" HS_USER " on Synapse") && strstr(text.out, WORK " (" HS_USER " on Contin"),
              "not both: %s", text.out);
        check(w, strstr(text.out, HOME_PRIOR) && strstr(text.out, WORK_PRIOR), "not what comes back: %s", text.out);
        call_hangup(w, ROOM, "c1");
        expect_both_back(w, &work);
        hs_free(work.hs);
}

/* Back before the call ends: it is busy throughout, and the other account does not notice. */
WORLD_TEST(accounts, one_server_is_gone_for_a_while) {
        struct world work = start_both(w);
        size_t mark;

        call_starts(w, ROOM, "c1");
        expect_both_busy(w, &work);
        mark = hs_n_requests(w->hs);
        hs_stop(work.hs);
        expect_work_state(w, "waiting");
        check_shown_state(w, HOME, "online");
        check_shown_state(w, WORK, "waiting");
        cr_assert_eq(hs_start(work.hs, HS_KEEPS), 0);
        expect_work_state(w, "online");
        expect_both_busy(w, &work);
        check_shown_state(w, WORK, "online");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, mark) == 0, HOME " was written again");
        call_hangup(w, ROOM, "c1");
        expect_both_back(w, &work);
        hs_free(work.hs);
}

/* Back only after the call: what is owed there waits, and nowhere else. */
WORLD_TEST(accounts, one_server_is_gone_when_the_call_ends) {
        struct world work = start_both(w);
        SCOPED(free) char *journal = NULL;

        call_starts(w, ROOM, "c1");
        expect_both_busy(w, &work);
        hs_stop(work.hs);
        expect_work_state(w, "waiting");
        call_hangup(w, ROOM, "c1");
        expect_home_back(w);
        journal = file_text(world_state_path(w, "claims.json"));
        check(w, strstr(journal, WORK_PRIOR), "forgotten: %s", journal);
        cr_assert_eq(hs_start(work.hs, HS_KEEPS), 0);
        expect_both_back(w, &work);
        hs_free(work.hs);
}

/* The call is one of the server that goes, and ends while that is away. */
WORLD_TEST(accounts, the_server_of_the_call_is_gone_when_it_ends) {
        struct world work = start_both(w);

        call_starts(&work, ROOM, "c1");
        expect_both_busy(w, &work);
        hs_stop(work.hs);
        expect_work_state(w, "waiting");
        expect_presence(w, HS_BUSY, HOME_MESSAGE);
        call_hangup(&work, ROOM, "c1");
        cr_assert_eq(hs_start(work.hs, HS_KEEPS), 0);
        expect_both_back(w, &work);
        hs_free(work.hs);
}

/* ---- reload (design 8) ---- */

/* Writes a letter for each time that it is asked for the list, as at the start of the source. */
static struct mock *counting_session_manager(struct world *w) {
        char setup[1024];

        (void) snprintf(setup, sizeof(setup),
                        "mock.AddMethod('" SESSION_MANAGER "', 'GetInhibitors', '', 'ao', "
                        "'open(\"%s\", \"a\").write(\"x\"); ret = dbus.Array([], signature=\"o\")')",
                        world_path(w, "asked"));
        return mock_new(w, w->bus,
                        &(struct mock_options){ .name = SESSION_MANAGER,
                                                .path = SESSION_MANAGER_PATH,
                                                .interface = SESSION_MANAGER,
                                                .setup = setup });
}

static size_t times_asked(struct world *w) {
        SCOPED(free) char *asked = file_text(world_path(w, "asked"));

        return strlen(asked);
}

static void reload_with(struct world *w, const char *more) {
        SCOPED(free) char *text = NULL;
        SCOPED_RUN r = { 0 };

        cr_assert_geq(asprintf(&text, "%s%s", config, more), 0);
        world_config(w, text);
        r = world_busyctl(w, NULL, "reload", NULL);
        check(w, r.code == 0, "%s", r.err);
}

WORLD_TEST(accounts, a_reload_touches_only_the_accounts_and_sources_whose_section_has_changed) {
        struct mock *manager = counting_session_manager(w);
        struct world work = start_both(w);
        size_t mark, work_mark, asked;

        expect_source(w, "gnome-inhibitors", "watching");
        asked = times_asked(w);
        check(w, asked > 0, "nobody counts");
        call_starts(w, ROOM, "c1");
        expect_both_busy(w, &work);
        /* What others see of it comes back with the poll, which is then made anew: behind the end of a call that never
         * was, all that is past. */
        call_hangup(w, ROOM, "c2");
        check(w, hs_wait_seen(w->hs, patience()), HOME " has not taken in what others see");
        mark = hs_n_requests(w->hs);
        work_mark = hs_n_requests(work.hs);

        /* an account: it follows at once, and nothing else moves */
        reload_with(w, "message = In a workshop\n");
        expect_presence(&work, "unavailable", "In a workshop");
        check(w, hs_wait_answered(w->hs, (struct hs_match){ .path = "*/capabilities" }, mark, patience(), NULL),
              "what the server is has not been asked");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, mark) == 0, HOME " was written again");
        check(w, hs_count(w->hs, HS_SYNC, mark) == 0, HOME " gave up its poll");
        check(w, times_asked(w) == asked, "the source was started anew");

        /* a source: it begins anew, and no account moves */
        mark = hs_n_requests(w->hs);
        reload_with(w, "message = In a workshop\n[source gnome-inhibitors]\nignore = nobody\n");
        check(w, hs_wait_answered(w->hs, (struct hs_match){ .path = "*/capabilities" }, mark, patience(), NULL),
              "what the server is has not been asked");
        for (int64_t i = 0; i < patience() && times_asked(w) == asked; i += 50)
                world_look_again(w);
        check(w, times_asked(w) > asked, "the source was not started anew");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, mark) == 0, HOME " was written again");
        check(w, hs_count(w->hs, HS_SYNC, mark) == 0, HOME " gave up its poll");
        check(w, hs_count(work.hs, HS_PRESENCE_PUT, work_mark) == 1, WORK " was written again");

        call_hangup(w, ROOM, "c1");
        expect_both_back(w, &work);
        hs_free(work.hs);
        mock_free(manager);
}

/* ---- many ---- */

#define MANY 100

static void name_of(char name[static 16], size_t i) {
        if (i == 0)
                strcpy(name, HOME);
        else
                snprintf(name, 16, "account%zu", i);
}

static void expect_each(const struct world *w, struct hs *const *servers, const char *state, const char *message) {
        for (size_t i = 0; i < MANY; i++) {
                struct world at = *w;

                at.hs = servers[i];
                expect_presence(&at, state, message);
        }
}

/* Each has something owed at the same time, and all of it fits into the journal. Beside the phone, which is online,
 * only words are shown. */
WORLD_TEST(accounts, a_hundred_are_busy_and_get_back_what_was_theirs, .no_session = true, .no_homeserver = true) {
        SCOPED_RUN told = { 0 }, told_auto = { 0 };
        struct hs *servers[MANY];

        world_config(w, "[busyd]\nend-grace = 0s\n");
        for (size_t i = 0; i < MANY; i++) {
                char name[16];

                cr_assert_eq(hs_new(&servers[i], &(struct hs_options){ 0 }), 0);
                name_of(name, i);
                world_session_at(w, name, servers[i]);
                hs_client_polls(servers[i], PHONE, "online");
                hs_person_sets(servers[i], PHONE, "online", HOME_PRIOR);
        }
        world_start(w);
        for (size_t i = 0; i < MANY; i++) {
                char name[16], path[64];

                name_of(name, i);
                snprintf(path, sizeof(path), BUSYD_PATH "/account/%s", name);
                check(w, peer_wait_is(w->peer, path, BUSYD_ACCOUNT, "State", "online"), "%s is not online", path);
        }
        told = world_busyctl(w, NULL, "busy", "-m", "At the dentist", NULL);
        check(w, told.code == 0, "busy: %s", told.err);
        expect_each(w, servers, "online", "At the dentist");
        told_auto = world_busyctl(w, NULL, "auto", NULL);
        check(w, told_auto.code == 0, "auto: %s", told_auto.err);
        expect_each(w, servers, "online", HOME_PRIOR);
        expect_nothing_owed(w);
        cr_assert_eq(world_stop(w), 0);
        for (size_t i = 0; i < MANY; i++)
                hs_free(servers[i]);
}
