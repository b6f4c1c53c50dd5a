/* One death: busyd is killed at one system call of a short story and started again; then, once the server answers and
 * all calls are over, others see what was there before, or what a person has put there since, and nothing is owed.
 * Which death, the environment says; scripts/crash-search finds out which there are and goes through them.
 *
 *   CRASH_AT=KIND/CHAPTER          tells every call there is, in the file CRASH_LIST
 *   CRASH_AT=KIND/CHAPTER/STEP.CALL        killed before this call of this step
 *   CRASH_AT=KIND/CHAPTER/STEP.CALL+       ... right after it
 *   CRASH_AT=KIND/CHAPTER/STEP.CALL,CALL   ... and at a call of the start that follows
 *   CRASH_AT=KIND/CHAPTER!                 tells those, and each that reads an answer or connects
 *   CRASH_AT=KIND/CHAPTER/STEP.CALL!       not killed: this call fails, and the story goes on
 *
 * Several deaths, with spaces between, are gone through up to the first at which something is wrong; each is named
 * before it comes.
 *
 * Where the number of a step's calls is even, the calls of the story are over before busyd is back; else they end
 * later. */
#include "system/crash_page.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/session.h"
#include "system/hooks.h"
#include "system/mock.h"
#include "util/clock.h"
#ifdef WITH_E2EE
#include "json/json.h"
#include "system/dm.h"
#include "system/identity.h"
#endif

#define FIELD    "org.matrix.msc4426.call"
#define LOGIND   "org.freedesktop.login1"
#define RTC_TYPE "org.matrix.msc3401.call.member"
#define BEFORE   "Reading"
#define AFTER    "Lunch"

struct day {
        struct world *w, *beside; /* `beside` NULL: one machine */
        struct crash_page *page;
        const char *words; /* of the person, the last ones */
        struct private_bus *system;
        struct mock *logind;
        pid_t busyctl; /* 0: none runs */
        dbus_uint32_t cookie;
        bool logged_out;
        bool polls_count; /* the word of each client's poll is the user's state from then on, but over a busy */
        bool tells;       /* own presence, as it changes */
#ifdef WITH_E2EE
        struct dm dm;
        size_t uploads_from; /* requests before the keys that were made last */
#endif
        bool encrypted; /* with that */
};

struct step {
        const char *name;
        void (*play)(struct day *d);
};

static const char *const config = "[busyd]\n"
                                  "hint-delay = 0s\n"
                                  "end-grace = 0s\n"
                                  "hint-end-grace = 0s\n"
                                  "log-level = debug\n"
                                  "%s"
                                  "[account " ACCOUNT "]\n"
                                  "presence = busy\n"
                                  "poll-pause = 0s\n"
                                  "%s";

static void configure(struct day *d, const char *more, const char *more_for_account) {
        char text[1024];

        (void) snprintf(text, sizeof(text), config, more, more_for_account);
        world_config(d->w, text);
}

/* ---- while it lives ---- */

static bool is_dead(const struct day *d) {
        siginfo_t info = { 0 };

        return d->w->busyd <= 0 ||
               (waitid(P_PID, (id_t) d->w->busyd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0);
}

/* True once the property contains this; false once busyd is dead. */
static bool until(struct day *d, const char *path, const char *interface, const char *property, const char *part) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        while (!is_dead(d)) {
                SCOPED(free) char *text = peer_get(d->w->peer, path, interface, property);

                if (text && strstr(text, part))
                        return true;
                check(d->w, clock_now() < deadline, "%s is \"%s\", without \"%s\"", property, text ?: "(nothing)",
                      part);
                peer_wait(d->w->peer, 50);
        }
        return false;
}

static void until_claim(struct day *d, const char *phase) {
        char part[64];

        (void) snprintf(part, sizeof(part), "(\"presence\", \"%s\"", phase);
        (void) until(d, ACCOUNT_PATH, BUSYD_ACCOUNT, "Outputs", part);
}

static void until_state(struct day *d, const char *state) {
        (void) until(d, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", state);
}

static void until_seen(struct day *d) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        while (!is_dead(d) && !hs_wait_seen(d->w->hs, 50))
                check(d->w, clock_now() < deadline, "busyd does not poll on");
}

static void set_mode(struct day *d, const char *mode, const char *message) {
        dbus_uint64_t duration = 0;

        free(peer_call(d->w->peer, BUSYD_PATH, BUSYD_MANAGER, "SetMode", NULL, DBUS_TYPE_STRING, &mode,
                       DBUS_TYPE_UINT64, &duration, DBUS_TYPE_STRING, &message, DBUS_TYPE_INVALID));
}

static void wait_end(struct day *d) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        while (!is_dead(d)) {
                check(d->w, clock_now() < deadline, "busyd does not end");
                peer_wait(d->w->peer, 20);
        }
}

/* ---- steps ---- */

/* The next busyd is watched by the killer. */
static void watch(struct day *d, bool is) {
        SCOPED(free) char *wrapper = NULL;
        const char *list = getenv("CRASH_LIST");

        if (!is) {
                unsetenv("BUSYD_WRAPPER");
                return;
        }
        cr_assert_geq(asprintf(&wrapper, "env " KILLER_PAGE "=%s %s%s " KILLER_PROGRAM, world_path(d->w, "page"),
                               list ? KILLER_LOG "=" : "", list ?: ""),
                      0);
        setenv("BUSYD_WRAPPER", wrapper, 1);
}

static void starts(struct day *d) {
        watch(d, true);
        d->w->busyd = world_spawn(d->w);
        watch(d, false);
        if (!d->logged_out)
                until_state(d, "online");
        else
                (void) until(d, BUSYD_PATH, BUSYD_MANAGER, "Settled", "true");
}

static void call_comes(struct day *d) {
        call_starts(d->w, ROOM, "c1");
        until_claim(d, "held");
}

/* Until what the call would owe is on disk. */
static void call_rings(struct day *d) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        call_invite(d->w, ROOM, "c1");
        while (!is_dead(d) && !world_owes(d->w, /* kept_too= */ true)) {
                check(d->w, clock_now() < deadline, "nothing is put on disk ahead");
                peer_wait(d->w->peer, 20);
        }
}

static void call_is_answered(struct day *d) {
        call_answer(d->w, ROOM, "c1");
        until_claim(d, "held");
}

/* A new call would owe the new words. */
static void person_writes_while_it_rings(struct day *d) {
        hs_person_sets(d->w->hs, PHONE, "online", AFTER);
        d->words = AFTER;
        until_seen(d);
}

static void call_is_missed(struct day *d) {
        call_hangup(d->w, ROOM, "c1");
        until_seen(d);
}

static void call_is_over(struct day *d) {
        call_hangup(d->w, ROOM, "c1");
        until_claim(d, "free");
}

static void starts_in_the_call(struct day *d) {
        starts(d);
        until_claim(d, "held");
}

static void starts_after_the_call(struct day *d) {
        call_hangup(d->w, ROOM, "c1");
        starts(d);
        until_claim(d, "free");
}

static void membership(struct day *d, json_t *content) {
        hs_send(d->w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:o}", "type", RTC_TYPE, "sender", HS_USER, "state_key",
                          "_" HS_USER "_" PHONE "_m.call", "content", content));
}

static void joins(struct day *d) {
        membership(d, json_pack("{s:s,s:s,s:s,s:I}", "application", "m.call", "call_id", "", "device_id", PHONE,
                                "expires", INT64_C(14400000)));
        until_claim(d, "held");
}

static void leaves(struct day *d) {
        membership(d, json_object());
        until_claim(d, "free");
}

static void holds(struct day *d) {
        const char *app = "tests", *reason = "trying";
        SCOPED(free)
        char *answer = peer_call(d->w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", NULL, DBUS_TYPE_STRING, &app,
                                 DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID);

        d->cookie = answer ? (dbus_uint32_t) strtoul(answer, NULL, 10) : 0;
        until_claim(d, "held");
}

static void lets_go(struct day *d) {
        free(peer_call(d->w->peer, BUSYD_PATH, BUSYD_MANAGER, "Release", NULL, DBUS_TYPE_UINT32, &d->cookie,
                       DBUS_TYPE_INVALID));
        until_claim(d, "free");
}

static void busy_by_hand(struct day *d) {
        set_mode(d, "busy", "At the dentist");
        until_claim(d, "held");
}

static void auto_again(struct day *d) {
        set_mode(d, "auto", "");
        until_claim(d, "free");
}

/* Not while a poll is on its way: with one presence for the user that writes over what is written in the same moment.
 * The last one has been answered by our own busy, and the next one waits. */
static void person_writes(struct day *d) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        while (!is_dead(d) && !hs_wait_presence_seen(d->w->hs, 50))
                check(d->w, clock_now() < deadline, "busyd does not poll on");
        hs_person_sets(d->w->hs, PHONE, "online", AFTER);
        d->words = AFTER;
        if (d->tells)
                until_claim(d, "yielded");
}

static void other_words(struct day *d) {
        const struct hs_match written = { .method = "PUT", .path = "*/presence/*", .body = "Talking" };
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        configure(d, "", "message = Talking\n");
        kill(d->w->busyd, SIGHUP);
        while (!is_dead(d) && !hs_wait_answered(d->w->hs, written, 0, 50, NULL))
                check(d->w, clock_now() < deadline, "the other words are not written");
        until_claim(d, "held");
}

static void network_goes(struct day *d) {
        hs_stop(d->w->hs);
        call_hangup(d->w, ROOM, "c1");
        (void) until(d, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting");
}

static void network_is_back(struct day *d) {
        cr_assert_eq(hs_start(d->w->hs, HS_KEEPS), 0);
        until_claim(d, "free");
}

static void is_told_to_end(struct day *d) {
        kill(d->w->busyd, SIGTERM);
        wait_end(d);
}

static void tell_sleep(struct day *d, int about_to) {
        mock_call(d->logind, "/org/freedesktop/login1", "EmitSignal", "sssav", LOGIND ".Manager", "PrepareForSleep",
                  "b", 1, "b", about_to);
}

static void sleeps(struct day *d) {
        tell_sleep(d, 1);
        until_claim(d, "free");
}

static void wakes(struct day *d) {
        tell_sleep(d, 0);
        until_claim(d, "held");
}

/* busyctl may wait for busyd: it goes on beside. */
static void busyctl_begins(struct day *d, const char *const *argv) {
        d->busyctl = world_program(d->w, argv, -1, "busyctl.log");
}

static void busyctl_ends(struct day *d) {
        int status = d->busyctl > 0 ? process_wait(d->busyctl, patience() * 2) : 0;

        check(d->w, status != -1, "busyctl does not end");
        d->busyctl = 0;
}

static void logs_out(struct day *d) {
        busyctl_begins(d, (const char *const[]){ BUSYCTL_PROGRAM, "logout", ACCOUNT, NULL });
        busyctl_ends(d);
}

static void logs_in(struct day *d) {
        SCOPED(free) char *line = NULL;

        cr_assert_geq(asprintf(&line,
                               "echo '" HS_PASSWORD "' | " BUSYCTL_PROGRAM " login --homeserver %s --password-stdin"
                               " --user " HS_USER " " ACCOUNT,
                               hs_url(d->w->hs)),
                      0);
        busyctl_begins(d, (const char *const[]){ "sh", "-c", line, NULL });
        busyctl_ends(d);
        d->logged_out = false;
        until_state(d, "online");
}

static void token_ends(struct day *d) {
        hs_expire(d->w->hs, DEVICE);
        call_starts(d->w, ROOM, "c1");
        until_claim(d, "held");
}

/* ---- in an encrypted room ---- */

#ifdef WITH_E2EE

#define UPLOAD                                                                                                        \
        (struct hs_match) {                                                                                           \
                .method = "POST", .path = "*/keys/upload"                                                             \
        }

static void keys_come(struct day *d) {
        check(d->w, dm_give_keys(&d->dm), "there are no keys to begin with");
        until_seen(d);
}

static void encrypted_call_comes(struct day *d) {
        dm_invite(&d->dm, "c1");
        dm_answer(&d->dm, "c1");
        until_claim(d, "held");
}

/* So many of its keys that it makes new ones, which the next message makes it find out. */
static void keys_are_claimed(struct day *d) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        d->uploads_from = hs_n_requests(d->w->hs);
        for (int i = 0; i < 30; i++)
                json_decref(hs_claim(d->w->hs, DEVICE));
        check(d->w, dm_give_keys(&d->dm), "there are no keys to begin with");
        while (!is_dead(d) && !hs_wait_answered(d->w->hs, UPLOAD, d->uploads_from, 50, NULL))
                check(d->w, clock_now() < deadline, "no new keys");
        until_seen(d);
}

static void encrypted_call_is_over(struct day *d) {
        dm_hangup(&d->dm, "c1");
        until_claim(d, "free");
}

static void with_encryption(struct day *d) {
        load_recorded();
        dm_begin(&d->dm, d->w);
        dm_verify(&d->dm);
        d->encrypted = true;
}

/* Nothing that came was lost, and nobody has a key that somebody else has as well: the next call is seen. */
static void check_encryption(struct day *d) {
        SCOPED(json_decref) json_t *keys = NULL;

        check(d->w, peer_wait_has(d->w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "EncryptedCalls", "verified"),
              "not verified any more");
        dm_call(&d->dm, "c2");
        expect_claim(d->w, "held");
        dm_hangup(&d->dm, "c2");
        expect_nothing_owed(d->w);
        check(d->w, peer_wait_is(d->w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Unreadable", "0"),
              "something could not be read");
        keys = hs_keys(d->w->hs);
        check(d->w, json_integer_value(json_object_get(keys, "again")) == 0, "a key was given away twice");
        dm_end(&d->dm);
        drop_recorded();
}

/* While busyd is away: of what it has uploaded last, too, if that has arrived. */
static void others_claim_keys(struct day *d) {
        (void) hs_wait_answered(d->w->hs, UPLOAD, d->uploads_from, 300, NULL);
        for (int i = 0; i < 22; i++)
                json_decref(hs_claim(d->w->hs, DEVICE));
}

static void encrypted_calls_end(struct day *d) {
        if (d->dm.caller.room)
                dm_hangup(&d->dm, "c1");
}

#else

static void is_not_built(struct day *d) {
        cr_skip_test("built without a library that decrypts");
}
#define with_encryption        is_not_built
#define keys_come              is_not_built
#define encrypted_call_comes   is_not_built
#define keys_are_claimed       is_not_built
#define encrypted_call_is_over is_not_built
#define check_encryption       is_not_built
#define encrypted_calls_end    is_not_built
#define others_claim_keys      is_not_built

#endif

/* ---- chapters ---- */

#define STEPS_MAX 6

static void with_renewal(struct day *d);
static void without_session(struct day *d);
static void with_logind(struct day *d);
static void with_another_machine(struct day *d);
static void with_hooks(struct day *d);
static void killed_in_a_call(struct day *d);

static const struct chapter {
        const char *name;
        void (*prepare)(struct day *d); /* NULL: nothing more */
        struct step steps[STEPS_MAX];
} chapters[] = {
        { "call", NULL, { { "starts", starts }, { "call comes", call_comes }, { "call is over", call_is_over } } },
        { "ring",
          NULL,
          { { "starts", starts },
            { "call rings", call_rings },
            { "call is answered", call_is_answered },
            { "call is over", call_is_over } } },
        { "missed",
          NULL,
          { { "starts", starts },
            { "call rings", call_rings },
            { "person writes", person_writes_while_it_rings },
            { "call is missed", call_is_missed } } },
        { "words",
          NULL,
          { { "starts", starts },
            { "call rings", call_rings },
            { "person writes", person_writes_while_it_rings },
            { "call is answered", call_is_answered },
            { "call is over", call_is_over } } },
        { "rtc", NULL, { { "starts", starts }, { "joins", joins }, { "leaves", leaves } } },
        { "hold", NULL, { { "starts", starts }, { "holds", holds }, { "lets go", lets_go } } },
        { "hand", NULL, { { "starts", starts }, { "busy by hand", busy_by_hand }, { "auto again", auto_again } } },
        { "person",
          NULL,
          { { "starts", starts },
            { "call comes", call_comes },
            { "person writes", person_writes },
            { "call is over", call_is_over } } },
        { "network",
          NULL,
          { { "starts", starts },
            { "call comes", call_comes },
            { "network goes", network_goes },
            { "network is back", network_is_back } } },
        { "reload",
          NULL,
          { { "starts", starts },
            { "call comes", call_comes },
            { "other words", other_words },
            { "call is over", call_is_over } } },
        { "end", NULL, { { "starts", starts }, { "call comes", call_comes }, { "is told to end", is_told_to_end } } },
        { "sleep",
          with_logind,
          { { "starts", starts },
            { "call comes", call_comes },
            { "sleeps", sleeps },
            { "wakes", wakes },
            { "call is over", call_is_over } } },
        { "two",
          with_another_machine,
          { { "starts", starts }, { "call comes", call_comes }, { "call is over", call_is_over } } },
        { "login",
          without_session,
          { { "starts", starts }, { "logs in", logs_in }, { "call comes", call_comes }, { "logs out", logs_out } } },
        { "renewal",
          with_renewal,
          { { "starts", starts }, { "token ends", token_ends }, { "call is over", call_is_over } } },
        { "hooks",
          with_hooks,
          { { "starts", starts }, { "call comes", call_comes }, { "call is over", call_is_over } } },
        { "encrypted",
          with_encryption,
          { { "starts", starts },
            { "keys come", keys_come },
            { "call comes", encrypted_call_comes },
            { "keys are claimed", keys_are_claimed },
            { "call is over", encrypted_call_is_over } } },
        { "again", killed_in_a_call, { { "starts after the call", starts_after_the_call } } },
        { "on", killed_in_a_call, { { "starts in the call", starts_in_the_call }, { "call is over", call_is_over } } },
};

static void without_session(struct day *d) {
        SCOPED(free) char *path = strdup(world_state_path(d->w, "session-" ACCOUNT ".json"));

        cr_assert_eq(unlink(path), 0);
        d->logged_out = true;
}

static void with_renewal(struct day *d) {
        SCOPED(free) char *dir = strdup(world_state_path(d->w, "")), *refresh = NULL, *token = NULL;
        int64_t ends = 0;

        token = hs_login_renewable(d->w->hs, DEVICE, &refresh, &ends);
        cr_assert_eq(session_save(dir, ACCOUNT,
                                  &(struct session){ .homeserver = (char *) hs_url(d->w->hs),
                                                     .user_id = (char *) HS_USER,
                                                     .device_id = (char *) DEVICE,
                                                     .access_token = token,
                                                     .refresh_token = refresh,
                                                     .expires_at = (usec_t) ends * USEC_PER_MSEC }),
                     0);
}

static void with_logind(struct day *d) {
        d->system = world_system_bus(d->w);
        d->logind = mock_new(d->w, d->system,
                             &(struct mock_options){ .name = LOGIND,
                                                     .path = "/org/freedesktop/login1",
                                                     .interface = LOGIND ".Manager",
                                                     .setup = "mock.AddMethod('" LOGIND
                                                              ".Manager', 'Inhibit', 'ssss', 'h', '''\n"
                                                              "import os\n"
                                                              "fd = os.open('/dev/null', os.O_WRONLY)\n"
                                                              "ret = dbus.types.UnixFd(fd)\n"
                                                              "os.close(fd)\n"
                                                              "''')" });
}

static void with_another_machine(struct day *d) {
        d->beside = world_new_beside(d->w);
        world_start_online(d->beside);
}

static void with_hooks(struct day *d) {
        char text[512];

        (void) snprintf(text, sizeof(text),
                        "on-busy = sh -c 'echo busy >>%s/hooks'\non-free = sh -c 'echo free >>%s/hooks'\n", d->w->dir,
                        d->w->dir);
        configure(d, text, "");
}

static void killed_in_a_call(struct day *d) {
        world_start_online(d->w);
        call_starts(d->w, ROOM, "c1");
        expect_claim(d->w, "held");
        world_kill(d->w);
}

/* ---- what must be true in the end ---- */

static void all_calls_end(struct day *d) {
        if (d->encrypted)
                encrypted_calls_end(d);
        call_hangup(d->w, ROOM, "c1");
        membership(d, json_object());
}

/* No file was torn: all of them are written whole. */
static void check_files(struct day *d) {
        SCOPED(free) char *log = world_log(d->w);

        check(d->w, !strstr(log, "damaged") && !strstr(log, ".broken") && !strstr(log, "is missing"),
              "a file of its own was found torn");
}

static void check_hooks(struct day *d) {
        SCOPED(free) char *said = file_text(world_path(d->w, "hooks"));
        size_t n = strlen(said);

        check(d->w, n == 0 || (n >= 5 && streq(said + n - 5, "free\n")), "what on-busy has done is not undone: %s",
              said);
}

/* A session that is gone with something owed could never give it back. */
static void check_logged_out(struct day *d) {
        SCOPED(free) char *text = file_text(world_path(d->w, "busyctl.log"));

        check(d->w, !world_owes(d->w, false), "logged out, and something is owed: %s", text);
        expect_presence(d->w, "online", d->words);
}

static bool has_session(struct day *d) {
        return access(world_state_path(d->w, "session-" ACCOUNT ".json"), F_OK) == 0;
}

/* A real client polls again within 30 s. Where its word counts, that ends what a poll of busyd has put there which was
 * under way when all was given back, and was read by the server after that. */
static void phone_polls_again(struct day *d) {
        if (!d->polls_count)
                return;
        expect_nothing_owed(d->w);
        hs_client_polls(d->w->hs, PHONE, "online");
}

static void check_end(struct day *d) {
        struct world *w = d->w;

        if (!has_session(d)) {
                check_logged_out(d);
                return;
        }
        phone_polls_again(d);
        expect_presence(w, "online", d->words);
        expect_nothing_owed(w);
        if (d->beside)
                expect_nothing_owed(d->beside);
        check(w, hs_wait_presence(w->hs, "online", d->words, 0), "it did not stay");
        check(w, hs_wait_profile(w->hs, FIELD, false, patience()), "the profile says that a call goes on");
        check_files(d);
}

/* ---- the run ---- */

struct death {
        const struct chapter *chapter;
        unsigned step, call, again;
        bool after, wanted, refused;
};

static const struct kind_row {
        const char *name;
        enum hs_kind kind;
} kinds[] = {
        { "synapse", HS_SYNAPSE },           { "synapse-old", HS_SYNAPSE_OLD }, { "tuwunel", HS_TUWUNEL },
        { "continuwuity", HS_CONTINUWUITY }, { "dendrite", HS_DENDRITE },       { "unknown", HS_UNKNOWN },
};

static enum hs_kind find_kind(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (streq(kinds[i].name, name))
                        return kinds[i].kind;
        cr_assert_fail("there is no kind %s", name);
        return HS_UNKNOWN;
}

static const struct chapter *find_chapter(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(chapters); i++)
                if (streq(chapters[i].name, name))
                        return &chapters[i];
        cr_assert_fail("there is no chapter %s", name);
        return NULL;
}

static struct death parse(const char *text, enum hs_kind *ret_kind) {
        struct death at = { 0 };
        char kind[32], chapter[32], plus[2] = "";
        int n = sscanf(text, "%31[^/]/%31[^/!]/%u.%u%1[+],%u", kind, chapter, &at.step, &at.call, plus, &at.again);

        if (n == 4)
                (void) sscanf(text, "%*[^/]/%*[^/]/%*u.%*u,%u", &at.again);
        cr_assert_geq(n, 2, "%s is no death", text);
        at.chapter = find_chapter(chapter);
        at.after = *plus == '+';
        at.wanted = n >= 4;
        at.refused = strchr(text, '!') != NULL;
        *ret_kind = find_kind(kind);
        return at;
}

static struct crash_page *page_new(struct world *w, const struct death *at) {
        int fd = open(world_path(w, "page"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        struct crash_page *page;

        cr_assert_eq(ftruncate(fd, sizeof(*page)), 0);
        page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        cr_assert_neq(page, MAP_FAILED);
        close(fd);
        atomic_store(&page->at_step, at->step);
        atomic_store(&page->after, at->after);
        atomic_store(&page->refuse, at->refused);
        atomic_store(&page->at_call, at->wanted ? at->call : 0);
        return page;
}

/* It may end, where it finds no other way, but not break. No call fails any more: one of the checks to come would lose
 * it. Who does not answer is about to end, as its bus is gone. */
static void check_alive(struct day *d) {
        SCOPED(free) char *answer = NULL;

        atomic_store(&d->page->at_call, 0);
        if (!is_dead(d))
                answer = peer_get(d->w->peer, BUSYD_PATH, BUSYD_MANAGER, "Mode");
        if (answer)
                return;
        check(d->w, d->w->busyd <= 0 || WIFEXITED(process_wait(d->w->busyd, patience())), "it broke");
        d->w->busyd = 0;
}

static void play(struct day *d, const struct death *at) {
        const struct step *steps = at->chapter->steps;

        for (unsigned i = 0; i < STEPS_MAX && steps[i].name; i++) {
                atomic_store(&d->page->step, i + 1);
                steps[i].play(d);
                if (is_dead(d) || (at->wanted && !at->refused && at->step == i + 1))
                        break;
        }
        if (at->refused && at->wanted) {
                check_alive(d);
                return;
        }
        /* fewer calls than in the run that counted them: then here */
        world_kill(d->w);
}

/* A start that is killed in its turn. */
static void start_and_die(struct day *d, const struct death *at) {
        atomic_store(&d->page->at_step, STEPS_MAX + 1);
        atomic_store(&d->page->at_call, at->again);
        atomic_store(&d->page->after, 0);
        atomic_store(&d->page->killed, 0);
        atomic_store(&d->page->step, STEPS_MAX + 1);
        d->logged_out = !has_session(d);
        starts(d);
        world_kill(d->w);
        hooks_end(d->w);
}

static void come_back(struct day *d, const struct death *at) {
        bool over_before = at->call % 2 == 0;

        busyctl_ends(d);
        hooks_end(d->w);
        if (d->encrypted)
                others_claim_keys(d);
        (void) hs_start(d->w->hs, HS_KEEPS);
        if (over_before)
                all_calls_end(d);
        if (at->again > 0)
                start_and_die(d, at);
        if (d->w->busyd <= 0 && has_session(d))
                world_start_online(d->w);
        else if (d->w->busyd <= 0)
                world_start(d->w);
        if (!over_before)
                all_calls_end(d);
        set_mode(d, "auto", "");
}

static void die(const char *text) {
        enum hs_kind kind;
        struct death at = parse(text, &kind);
        struct day d = { .words = BEFORE, .polls_count = kind == HS_SYNAPSE_OLD, .tells = kind != HS_TUWUNEL };

        d.w = world_new(&(struct world_options){
                .homeserver = { .kind = kind,
                                .renewal = at.chapter->prepare == with_renewal ? HS_RENEWAL_SYNAPSE : HS_RENEWAL_NONE,
                                .token_msec = INT64_C(3600000) } });
        d.page = page_new(d.w, &at);
        hs_client_polls(d.w->hs, PHONE, "online");
        hs_person_sets(d.w->hs, PHONE, "online", BEFORE);
        if (at.chapter->prepare)
                at.chapter->prepare(&d);
        play(&d, &at);
        come_back(&d, &at);
        check_end(&d);
        if (d.encrypted)
                check_encryption(&d);
        if (at.chapter->prepare == with_hooks) {
                cr_assert_eq(world_stop(d.w), 0);
                check_hooks(&d);
        }
        if (d.beside)
                world_end(d.beside);
        mock_free(d.logind);
        private_bus_free(d.system);
        world_end(d.w);
        munmap(d.page, sizeof(*d.page));
}

Test(crash, death) {
        SCOPED(free) char *list = strdup(getenv("CRASH_AT") ?: "");
        char *rest = NULL;

        if (!list[0])
                cr_skip_test("scripts/crash-search runs it");
        for (char *at = strtok_r(list, " ", &rest); at; at = strtok_r(NULL, " ", &rest)) {
                fprintf(stderr, "death %s\n", at);
                die(at);
        }
}
