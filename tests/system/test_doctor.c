/* busyctl doctor says what is set up and what to do, also where nothing works. */
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busyctl/trial.h"
#include "system/mock.h"

/* The text of a member of the first account; NULL there: of the whole. */
static char *member(struct world *w, const char *key, int code) {
        SCOPED_RUN run = world_busyctl(w, NULL, "--json", "doctor", NULL);
        json_t *doc = json_loads(run.out, 0, NULL), *account;
        char *text = NULL;

        check(w, doc && run.code == code, "%d: %s%s", run.code, run.out, run.err);
        account = json_array_get(json_object_get(doc, "accounts"), 0);
        if (json_object_get(account, key))
                text = json_dumps(json_object_get(account, key), JSON_ENCODE_ANY);
        json_decref(doc);
        return text;
}

static void says(struct world *w, const char *key, const char *value, int code) {
        SCOPED(free) char *text = member(w, key, code);

        check(w, text && streq(text, value), "%s is %s, not %s", key, text ? text : "missing", value);
}

static void says_in_words(struct world *w, const char *part) {
        SCOPED_RUN run = world_busyctl(w, NULL, "doctor", NULL);

        check(w, strstr(run.out, part), "not \"%s\": %s%s", part, run.out, run.err);
}

WORLD_TEST(doctor, alone) {
        world_start_online(w);
        says(w, "server", "\"Synapse 1.160.0\"", 0);
        says(w, "busy", "true", 0);
        says(w, "other_client", "false", 0);
        says(w, "would_stick", "false", 0);
        says(w, "cure", "\"none\"", 0);
}

WORLD_TEST(doctor, another_client_is_online) {
        hs_client_polls(w->hs, PHONE, "online");
        world_start_online(w);
        says(w, "other_client", "true", 0);
        says(w, "would_stick", "true", 0);
        says_in_words(w, "busyctl cure print-registration");
}

WORLD_TEST(doctor, the_token_is_not_known_to_the_server) {
        SCOPED_RUN run = world_busyctl(w, NULL, "cure", "print-registration", NULL);

        check(w, run.code == 0 && strstr(run.out, "sender_localpart"), "%d: %s", run.code, run.err);
        world_start_online(w);
        says(w, "cure", "\"refused\"", 1);
        says_in_words(w, "app_service_config_files");
}

WORLD_TEST(doctor, in_a_call_it_cannot_tell_who_is_online) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        says(w, "other_client", "null", 0);
}

WORLD_TEST(doctor, busyd_does_not_run) {
        says(w, "server", "\"Synapse 1.160.0\"", 1);
        says_in_words(w, "systemctl --user");
        says_in_words(w, "cannot be told now: busyd does not run");
}

static void does_not_say(struct world *w, const char *part) {
        SCOPED_RUN run = world_busyctl(w, NULL, "doctor", NULL);

        check(w, !strstr(run.out, part), "it says \"%s\": %s%s", part, run.out, run.err);
}

/* Each reason why it cannot tell who is online has its own advice. */
WORLD_TEST(doctor, an_account_that_is_switched_off) {
        world_config(w, "[account " ACCOUNT "]\nenabled = no\n");
        world_start(w);
        says(w, "other_client", "null", 0);
        says_in_words(w, "cannot be told now: the account is switched off");
        does_not_say(w, "busyd does not run");
        does_not_say(w, "look again after the call");
}

WORLD_TEST(doctor, an_account_that_is_not_taken_up_yet, .no_session = true) {
        world_start(w);
        world_session(w);
        says(w, "other_client", "null", 0);
        says_in_words(w, "cannot be told now: busyd is still taking the account up");
        does_not_say(w, "busyd does not run");
        does_not_say(w, "look again after the call");
}

WORLD_TEST(doctor, a_login_to_a_busyd_that_runs, .no_session = true) {
        SCOPED_RUN r = { 0 };

        world_start(w);
        r = world_busyctl(w, HS_PASSWORD "\n", "login", ACCOUNT, "--user", HS_USER, "--homeserver", hs_url(w->hs),
                          "--password-stdin", "--keep-in", "file", NULL);
        check(w, r.code == 0 && strstr(r.out, "answers") && !strstr(r.out, "does not run"), "%d %s%s", r.code, r.out,
              r.err);
}

WORLD_TEST(doctor, wrong_configuration) {
        world_config(w, "[account " ACCOUNT "]\npresense = auto\n");
        world_start_online(w);
        says(w, "busy", "true", 1);
        says_in_words(w, "presense");
}

WORLD_TEST(doctor, session_open_to_others) {
        world_start_online(w);
        cr_assert_eq(chmod(world_state_path(w, "session-" ACCOUNT ".json"), 0644), 0);
        says(w, "server", "null", 1);
        says_in_words(w, "0600");
}

WORLD_TEST(doctor, server_is_gone) {
        world_start_online(w);
        hs_stop(w->hs);
        says(w, "server", "null", 1);
}

WORLD_TEST(doctor, token_is_revoked) {
        world_start_online(w);
        hs_revoke(w->hs, DEVICE, false);
        says(w, "server", "null", 1);
        says_in_words(w, "busyctl login");
}

WORLD_TEST(doctor, nobody_is_logged_in, .no_session = true) {
        world_start(w);
        says_in_words(w, "busyctl login");
}

/* ---- one truth ---- */

/* The poll goes on as if nothing had happened; whoever looks finds out, and so does busyd. */
WORLD_TEST(doctor, an_ended_session_is_told_to_busyd) {
        SCOPED_RUN doctor = { 0 }, status = { 0 };

        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/whoami" },
                                            .status = 401,
                                            .body = "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"over\"}" });
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online yet");
        doctor = world_busyctl(w, NULL, "doctor", NULL);
        check(w, doctor.code == 1 && strstr(doctor.out, "busyctl login"), "%d %s", doctor.code, doctor.out);
        status = world_busyctl(w, NULL, "status", NULL);
        check(w, strstr(status.out, "signed-out"), "it says otherwise: %s", status.out);
}

/* Nothing is known but that it is refused. */
WORLD_TEST(doctor, a_refused_read_is_not_called_more_than_that) {
        SCOPED_RUN r = { 0 };

        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = { .method = "GET", .path = "*/presence/*" },
                                            .status = 403,
                                            .body = "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}" });
        r = world_busyctl(w, NULL, "doctor", NULL);
        check(w, strstr(r.out, "M_FORBIDDEN") && strstr(r.out, "may be switched off"), "%s", r.out);
}

/* A firewall's page is nobody's word of the server. */
WORLD_TEST(doctor, a_web_page_says_nothing_of_presence) {
        SCOPED_RUN r = { 0 };

        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = { .method = "GET", .path = "*/presence/*" },
                                            .status = 403,
                                            .body = "<html>Forbidden</html>",
                                            .content_type = "text/html" });
        r = world_busyctl(w, NULL, "doctor", NULL);
        check(w, !strstr(r.out, "switched off") && strstr(r.out, "web page"), "%s", r.out);
}

/* ---- local sources ---- */

/* On a busy machine busyd is on the bus before it knows what these are. */
static void start_without_sources(struct world *w) {
        static const char *const sources[] = { "pipewire", "jami", "modemmanager" };

        world_start(w);
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                expect_source(w, sources[i], "unavailable");
}

WORLD_TEST(doctor, says_whether_the_microphone_is_looked_at, .no_homeserver = true) {
        start_without_sources(w);
        says_in_words(w, "the microphone is not looked at: PipeWire is not running");
        says_in_words(w, "local sources are watched");
        world_config(w, "[source pipewire]\nenabled = no\n");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Reload", NULL, DBUS_TYPE_INVALID));
        says_in_words(w, "the microphone is not looked at: the source pipewire is off");
}

static size_t count(const char *text, const char *part) {
        size_t n = 0;

        for (; (text = strstr(text, part)); text++)
                n++;
        return n;
}

WORLD_TEST(doctor, blind_sources_are_one_line_unless_each_is_asked_for, .no_homeserver = true) {
        start_without_sources(w);
        {
                SCOPED_RUN run = world_busyctl(w, NULL, "doctor", NULL);
                const char *line = strstr(run.out, "blind are: ");

                check(w, count(run.out, "blind") == 1 && line, "%s", run.out);
                for (size_t i = 0; i < 2; i++) {
                        const char *name = i == 0 ? "jami" : "modemmanager";
                        const char *found = strstr(line, name);

                        check(w, found && found < strchr(line, '\n'), "%s is not in %s", name, run.out);
                }
        }
        {
                SCOPED_RUN run = world_busyctl(w, NULL, "doctor", "-v", NULL);

                check(w, strstr(run.out, "the source jami is blind: ") && count(run.out, "is blind: ") > 2, "%s",
                      run.out);
        }
}

/* ---- what one look at the account shows ---- */

static void room_is_encrypted(struct world *w, const char *room) {
        (void) hs_send(w->hs, room,
                       json_pack("{s:s, s:s, s:s, s:{s:s}}", "type", "m.room.encryption", "state_key", "", "sender",
                                 HS_USER, "content", "algorithm", "m.megolm.v1.aes-sha2"));
}

WORLD_TEST(doctor, says_where_calls_are_hidden_by_encryption) {
        hs_set_account_data(w->hs, "m.direct", json_pack("{s:[s]}", OTHER_USER, ROOM));
        room_is_encrypted(w, ROOM);
        room_is_encrypted(w, OTHER_ROOM);
        world_start_online(w);
        says(w, "encrypted_rooms", "2", 0);
        says(w, "encrypted_direct", "1", 0);
        says_in_words(w, "2 of its rooms are encrypted, 1 of them of two people");
}

WORLD_TEST(doctor, says_that_nothing_is_hidden) {
        world_start_online(w);
        says(w, "encrypted_rooms", "0", 0);
        says_in_words(w, "no room of the account is encrypted");
}

/* Which server it is nobody knows, so that it is asked with no word of the spec first: it refuses that. */
WORLD_TEST(doctor, asks_again_with_the_word_that_the_server_takes, .homeserver = { .kind = HS_UNKNOWN }) {
        room_is_encrypted(w, ROOM);
        world_start_online(w);
        says(w, "encrypted_rooms", "1", 0);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        says(w, "encrypted_rooms", "1", 0);
        expect_presence(w, "unavailable", "In a call");
}

WORLD_TEST(doctor, does_not_disturb_a_call) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        says(w, "encrypted_rooms", "0", 0);
        expect_presence(w, HS_BUSY, "In a call");
}

WORLD_TEST(doctor, names_the_other_machines) {
        struct world *other = world_new_beside(w);

        world_start_online(w);
        says(w, "machines", "[]", 0);
        world_start_online(other);
        check(w,
              hs_wait_answered(w->hs, (struct hs_match){ .method = "PUT", .path = "*/account_data/*" OTHER_DEVICE }, 0,
                               patience(), NULL),
              "the other machine tells nothing");
        says_in_words(w, "on another machine as well: " OTHER_DEVICE);
        world_end(other);
        /* What a machine that is gone has told stays. */
        hs_revoke(w->hs, OTHER_DEVICE, false);
        says(w, "machines", "[]", 0);
}

WORLD_TEST(doctor, says_when_a_call_was_last_heard_of) {
        world_start_online(w);
        says_in_words(w, "no call was heard of yet");
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        says_in_words(w, "the last call was heard of at ");
}

/* ---- trying it ---- */

/* Where nothing comes of it, it waits for that as long as it ever does, on the fastest machine. */
static char *probe(struct world *w, int code) {
        const char *const argv[] = { BUSYCTL_PROGRAM, "--json", "doctor", "--probe", NULL };
        int out = open(world_path(w, "probe.out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), status;
        pid_t pid = world_program(w, argv, out, "probe.err");
        SCOPED(free) char *told = NULL, *problem = NULL;
        json_t *doc, *value;
        char *text;

        close(out);
        status = process_wait(pid, patience() + 2 * (int64_t) (TRIAL_MAX / USEC_PER_MSEC));
        if (status == -1)
                process_kill(pid);
        told = file_text(world_path(w, "probe.out"));
        problem = file_text(world_path(w, "probe.err"));
        doc = json_loads(told, 0, NULL);
        check(w, doc && WIFEXITED(status) && WEXITSTATUS(status) == code, "%d: %s%s", status, told, problem);
        value = json_object_get(json_array_get(json_object_get(doc, "accounts"), 0), "probe");
        text = strdup(json_is_string(value) ? json_string_value(value) : "null");
        json_decref(doc);
        return text;
}

WORLD_TEST(doctor_probe, shows_and_is_given_back) {
        SCOPED(free) char *word = NULL;
        size_t mark;

        world_start_online(w);
        mark = hs_n_shown(w->hs);
        word = probe(w, 0);
        check(w, streq(word, "works"), "%s", word);
        check(w, hs_was_shown(w->hs, HS_BUSY, mark), "others never saw busy");
        expect_nothing_owed(w);
        expect_availability(w, "free");
}

/* What the person has set meanwhile is there afterwards. */
WORLD_TEST(doctor_probe, gives_back_the_message) {
        SCOPED_RUN run = { 0 };

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_config(w, "[busyd]\nend-grace = 0s\n[account " ACCOUNT "]\npresence = status\n");
        world_start_online(w);
        run = world_busyctl(w, NULL, "doctor", "--probe", NULL);
        check(w, run.code == 0 && strstr(run.out, "tried: online (\"Reading\") became online (\"In a call\")"),
              "%d %s%s", run.code, run.out, run.err);
        expect_presence(w, "online", "Reading");
}

/* The server says yes and does nothing. */
WORLD_TEST(doctor_probe, nothing_changes_for_others) {
        SCOPED(free) char *word = NULL;

        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = HS_PRESENCE_PUT, .status = 200, .body = "{}" });
        word = probe(w, 1);
        check(w, streq(word, "unchanged"), "%s", word);
}

/* What gives back is answered, and not done. */
WORLD_TEST(doctor_probe, says_what_has_not_come_back, .homeserver = { .kind = HS_TUWUNEL }) {
        SCOPED(free) char *word = NULL;

        world_start_online(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = { .method = "PUT", .path = "*/presence/*", .body = "offline" },
                                            .status = 200,
                                            .body = "{}" });
        hs_fault(w->hs, &(struct hs_fault){ .match = { .method = "PUT", .path = "*/presence/*", .body = "online" },
                                            .status = 200,
                                            .body = "{}" });
        word = probe(w, 1);
        check(w, streq(word, "kept"), "%s", word);
}

WORLD_TEST(doctor_probe, only_where_it_would_be_right) {
        SCOPED(free) char *paused = NULL, *stopped = NULL;
        size_t mark;

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        {
                SCOPED_RUN run = world_busyctl(w, NULL, "doctor", "--probe", NULL);

                check(w, strstr(run.out, "was not tried: you are busy"), "%s", run.out);
        }
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_availability(w, "free");
        {
                SCOPED_RUN run = world_busyctl(w, NULL, "pause", NULL);

                check(w, run.code == 0, "%s", run.err);
        }
        mark = hs_count(w->hs, HS_PRESENCE_PUT, 0);
        paused = probe(w, 0);
        check(w, streq(paused, "null") && hs_count(w->hs, HS_PRESENCE_PUT, 0) == mark, "tried in a pause: %s", paused);
        cr_assert_eq(world_stop(w), 0);
        stopped = probe(w, 1);
        check(w, streq(stopped, "null"), "%s", stopped);
}
