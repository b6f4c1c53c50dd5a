/* busyctl doctor says what is set up and what to do, also where nothing works. */
#include <jansson.h>
#include <sys/stat.h>

#include "system/harness.h"

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

WORLD_TEST(doctor, says_whether_the_microphone_is_looked_at, .no_homeserver = true) {
        world_start(w);
        says_in_words(w, "the microphone is not looked at: PipeWire is not running");
        says_in_words(w, "local sources are watched");
        world_config(w, "[source pipewire]\nenabled = no\n");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Reload", NULL, DBUS_TYPE_INVALID));
        says_in_words(w, "the microphone is not looked at: the source pipewire is off");
}
