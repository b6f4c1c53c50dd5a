/* The scripted homeserver itself: what the other tests rest on. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

#include "homeserver.h"
#include "presence.h"
#include "system/process.h"

struct answer {
        CURLcode error;
        long status;
        json_t *body;
        char *text;
        size_t size;
};

static size_t on_data(char *data, size_t size, size_t n, void *userdata) {
        struct answer *a = userdata;

        a->text = realloc(a->text, a->size + n + 1);
        memcpy(a->text + a->size, data, n);
        a->size += n;
        a->text[a->size] = 0;
        return a->size > (1U << 20) ? 0 : n;
}

static struct answer ask(struct hs *s, const char *token, const char *method, const char *path, const char *body) {
        CURL *curl = curl_easy_init();
        struct curl_slist *headers = NULL;
        struct answer a = { 0 };
        char text[512];

        snprintf(text, sizeof(text), "Authorization: Bearer %s", token ?: "");
        if (token)
                headers = curl_slist_append(headers, text);
        snprintf(text, sizeof(text), "%s%s", hs_url(s), path);
        curl_easy_setopt(curl, CURLOPT_URL, text);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        if (body)
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) patience());
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &a);
        a.error = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a.status);
        a.body = a.text && a.error == CURLE_OK ? json_loads(a.text, 0, NULL) : NULL;
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return a;
}

static void answer_done(struct answer *a) {
        free(a->text);
        json_decref(a->body);
}
#define SCOPED_ANSWER __attribute__((cleanup(answer_done))) struct answer

#define PRESENCE_PATH "/_matrix/client/v3/presence/%40me%3Atest/status"

static long put_presence(struct hs *s, const char *token, const char *presence, const char *message) {
        SCOPED_ANSWER a = { 0 };
        char body[256];

        snprintf(body, sizeof(body), "{\"presence\":\"%s\",\"status_msg\":\"%s\"}", presence, message);
        a = ask(s, token, "PUT", PRESENCE_PATH, body);
        return a.status;
}

static const char *member(const struct answer *a, const char *key) {
        return json_string_value(json_object_get(a->body, key)) ?: "";
}

Test(homeserver, logs_in) {
        SCOPED(hs_free) struct hs *s = NULL;
        SCOPED_ANSWER login = { 0 }, whoami = { 0 }, wrong = { 0 }, nobody = { 0 };

        cr_assert_eq(hs_new(&s, NULL), 0);
        login = ask(s, NULL, "POST", "/_matrix/client/v3/login",
                    "{\"type\":\"m.login.password\",\"identifier\":{\"type\":\"m.id.user\",\"user\":\"me\"},"
                    "\"password\":\"" HS_PASSWORD "\",\"device_id\":\"D\"}");
        cr_assert_eq(login.status, 200);
        whoami = ask(s, member(&login, "access_token"), "GET", "/_matrix/client/v3/account/whoami", NULL);
        cr_assert_str_eq(member(&whoami, "user_id"), HS_USER);
        cr_assert_str_eq(member(&whoami, "device_id"), "D");
        wrong = ask(s, NULL, "POST", "/_matrix/client/v3/login", "{\"type\":\"m.login.password\"}");
        cr_assert_eq(wrong.status, 403);
        nobody = ask(s, "tok_x", "GET", "/_matrix/client/v3/account/whoami", NULL);
        cr_assert_eq(nobody.status, 401);
}

Test(homeserver, long_poll_ends_with_an_event) {
        SCOPED(hs_free) struct hs *s = NULL;
        SCOPED(free) char *token = NULL;
        SCOPED_ANSWER first = { 0 }, second = { 0 };
        char path[256];

        cr_assert_eq(hs_new(&s, NULL), 0);
        token = hs_login(s, "D");
        first = ask(s, token, "GET", "/_matrix/client/v3/sync?set_presence=offline", NULL);
        cr_assert_eq(first.status, 200);
        hs_send(s, "!r:test", json_pack("{s:s,s:s,s:{}}", "type", "m.x", "sender", "@you:test", "content"));
        snprintf(path, sizeof(path), "/_matrix/client/v3/sync?set_presence=offline&timeout=600000&since=%s",
                 member(&first, "next_batch"));
        second = ask(s, token, "GET", path, NULL);
        cr_assert_eq(second.status, 200);
        cr_assert_not_null(strstr(second.text, "m.x"), "%s", second.text);
        cr_assert_not_null(strstr(second.text, "\"age\""));
}

Test(homeserver, filter_and_messages) {
        SCOPED(hs_free) struct hs *s = NULL;
        SCOPED(free) char *token = NULL;
        SCOPED_ANSWER sync = { 0 }, messages = { 0 };

        cr_assert_eq(hs_new(&s, NULL), 0);
        token = hs_login(s, "D");
        for (int i = 0; i < 5; i++)
                hs_send(s, "!r:test",
                        json_pack("{s:s,s:s,s:{s:i}}", "type", i % 2 ? "m.odd" : "m.even", "sender", "@you:test",
                                  "content", "i", i));
        sync = ask(s, token, "GET",
                   "/_matrix/client/v3/sync?set_presence=offline&filter=%7B%22room%22%3A%7B%22timeline%22%3A%7B%22"
                   "types%22%3A%5B%22m.even%22%5D%2C%22limit%22%3A1%7D%7D%7D",
                   NULL);
        cr_assert_null(strstr(sync.text, "m.odd"), "%s", sync.text);
        cr_assert_not_null(strstr(sync.text, "\"limited\":true"), "%s", sync.text);
        messages = ask(s, token, "GET", "/_matrix/client/v3/rooms/%21r%3Atest/messages?dir=b&limit=10&from=t4", NULL);
        cr_assert_eq(json_array_size(json_object_get(messages.body, "chunk")), 3, "%s", messages.text);
}

Test(homeserver, faults) {
        SCOPED(hs_free) struct hs *s = NULL;
        SCOPED(free) char *token = NULL;
        SCOPED_ANSWER html = { 0 }, cut = { 0 }, huge = { 0 }, back = { 0 };

        cr_assert_eq(hs_new(&s, NULL), 0);
        token = hs_login(s, "D");
        hs_fault(s, &(struct hs_fault){ .match = HS_SYNC, .times = 1, .status = 502, .body = "<html>" });
        hs_fault(s, &(struct hs_fault){ .match = HS_SYNC, .times = 1, .kind = HS_ENDLESS });
        hs_fault(s, &(struct hs_fault){ .match = HS_PRESENCE_PUT, .times = 1, .kind = HS_DROP_AFTER });
        html = ask(s, token, "GET", "/_matrix/client/v3/sync", NULL);
        cr_assert_eq(html.status, 502);
        huge = ask(s, token, "GET", "/_matrix/client/v3/sync", NULL);
        cr_assert_eq(huge.error, CURLE_WRITE_ERROR);
        cut = ask(s, token, "PUT", PRESENCE_PATH, "{\"presence\":\"" HS_BUSY "\"}");
        cr_assert_eq(cut.error, CURLE_GOT_NOTHING);
        cr_assert(hs_wait_presence(s, HS_BUSY, "", 0), "it was applied");
        hs_stop(s);
        back = ask(s, token, "GET", "/_matrix/client/versions", NULL);
        cr_assert_eq(back.error, CURLE_COULDNT_CONNECT);
        answer_done(&back);
        cr_assert_eq(hs_start(s, HS_KEEPS), 0);
        back = ask(s, token, "GET", "/_matrix/client/versions", NULL);
        cr_assert_eq(back.status, 200);
        cr_assert_eq(hs_count(s, HS_SYNC, 0), 2);
        cr_assert_not(hs_saw_token_in_url(s));
}

Test(homeserver, synapse_shows_the_highest_and_copies_busy) {
        SCOPED(hs_free) struct hs *s = NULL;
        SCOPED(free) char *token = NULL;

        cr_assert_eq(hs_new(&s, NULL), 0);
        token = hs_login(s, "D");
        hs_client_polls(s, "PHONE", "online");
        cr_assert(hs_wait_presence(s, "online", "", 0));
        cr_assert_eq(put_presence(s, token, HS_BUSY, "x"), 200);
        cr_assert(hs_wait_presence(s, HS_BUSY, "x", 0));
        cr_assert_eq(put_presence(s, token, "offline", ""), 200);
        cr_assert(hs_wait_presence(s, "online", "", 0), "nobody caught it");
        put_presence(s, token, HS_BUSY, "x");
        hs_client_polls(s, "PHONE", "online");
        put_presence(s, token, "offline", "");
        cr_assert(hs_wait_presence(s, HS_BUSY, "", 0), "the phone caught it");
        hs_person_sets(s, "PHONE", "online", NULL);
        cr_assert(hs_wait_presence(s, "online", "", 0));
}

static const struct kind_row {
        const char *what;
        enum hs_kind kind;
        const char *put;
        unsigned status;
        const char *shown;
} kind_rows[] = {
        { "1 Synapse takes the unstable name", HS_SYNAPSE, HS_BUSY, 200, HS_BUSY },
        { "2 Synapse refuses the short name", HS_SYNAPSE, "busy", 400, "online" },
        { "3 Tuwunel shows the short name", HS_TUWUNEL, "busy", 200, "busy" },
        { "4 Tuwunel ranks the unstable name lowest", HS_TUWUNEL, HS_BUSY, 200, "online" },
        { "5 Continuwuity stores any word", HS_CONTINUWUITY, "busy", 200, "busy" },
        { "6 Dendrite knows no busy", HS_DENDRITE, HS_BUSY, 400, "online" },
};

Test(homeserver, kinds) {
        for (size_t i = 0; i < ARRAY_SIZE(kind_rows); i++) {
                const struct kind_row *row = &kind_rows[i];
                struct presence_model m = { .kind = row->kind };
                const char *state, *message;

                presence_poll_begins(&m, "PHONE", "online", 1);
                cr_assert_eq(presence_put(&m, "D", row->put, "", 2), row->status, "%s", row->what);
                presence_shown(&m, 3, &state, &message);
                cr_assert_str_eq(state, row->shown, "%s: %s", row->what, state);
        }
}

/* One thing that happens, and what is shown right after it. */
struct turn {
        const char *what;
        int64_t at; /* s */
        const char *device, *polls, *puts, *message;
        bool restarts;
        const char *state, *text;
};

static void play(enum hs_kind kind, const struct turn *turns, size_t n) {
        struct presence_model m = { .kind = kind };

        for (size_t i = 0; i < n; i++) {
                const struct turn *t = &turns[i];
                const char *state, *text;

                if (t->polls)
                        presence_poll_begins(&m, t->device, t->polls, t->at * 1000);
                if (t->puts)
                        cr_assert_eq(presence_put(&m, t->device, t->puts, t->message, t->at * 1000), 200, "%s",
                                     t->what);
                if (t->restarts)
                        presence_restart(&m, t->at * 1000);
                presence_shown(&m, t->at * 1000, &state, &text);
                cr_assert_str_eq(state, t->state, "%s: %s", t->what, state);
                cr_assert_str_eq(text, t->text, "%s: %s", t->what, text);
        }
}

static const struct turn tuwunel_turns[] = {
        { "1 a poll writes", 1, "PHONE", .polls = "online", .state = "online", .text = "" },
        { "2 a message", 2, "PHONE", .puts = "online", .message = "p", .state = "online", .text = "p" },
        { "3 busy is the highest", 3, "D", .puts = "busy", .message = "d", .state = "busy", .text = "d" },
        { "4 a poll soon after changes nothing", 20, "PHONE", .polls = "online", .state = "busy", .text = "d" },
        { "5 a later one shows its device's message", 40, "PHONE", .polls = "online", .state = "busy", .text = "p" },
        { "6 alone it never gets old", 400, .state = "busy", .text = "p" },
        { "7 a poll finds it old", 401, "TABLET", .polls = "offline", .state = "unavailable", .text = "p" },
        { "8 busy again", 402, "D", .puts = "busy", .message = "d", .state = "busy", .text = "d" },
        { "9 the own poll takes it away", 403, "D", .polls = "offline", .state = "unavailable", .text = "d" },
        { "10 back to the phone's", 404, "D", .puts = "offline", .message = "", .state = "unavailable", .text = "p" },
        { "11 busy again", 405, "D", .puts = "busy", .message = "d", .state = "busy", .text = "d" },
        { "12 a restart keeps the message", 406, .restarts = true, .state = "offline", .text = "d" },
        { "13 a poll does too", 407, "PHONE", .polls = "online", .state = "online", .text = "d" },
        { "14 until one clears it", 408, "D", .puts = "offline", .message = "", .state = "online", .text = "" },
};

Test(homeserver, tuwunel) {
        play(HS_TUWUNEL, tuwunel_turns, ARRAY_SIZE(tuwunel_turns));
}

static const struct turn continuwuity_turns[] = {
        { "1 a poll writes", 1, "PHONE", .polls = "online", .state = "online", .text = "" },
        { "2 a PUT too", 2, "D", .puts = "unavailable", .message = "d", .state = "unavailable", .text = "d" },
        { "3 polls as offline do nothing", 3, "D", .polls = "offline", .state = "unavailable", .text = "d" },
        { "4 others leave the message", 4, "PHONE", .polls = "online", .state = "online", .text = "d" },
        { "5 online gets old", 304, .state = "unavailable", .text = "d" },
        { "6 and that too", 1804, .state = "offline", .text = "d" },
        { "7 any word", 1805, "D", .puts = HS_BUSY, .message = "x", .state = HS_BUSY, .text = "x" },
        { "8 never gets old", 9000, .state = HS_BUSY, .text = "x" },
        { "9 a restart keeps the message", 9001, .restarts = true, .state = "offline", .text = "x" },
};

Test(homeserver, continuwuity) {
        play(HS_CONTINUWUITY, continuwuity_turns, ARRAY_SIZE(continuwuity_turns));
}

static const struct turn dendrite_turns[] = {
        { "1 a poll writes", 1, "PHONE", .polls = "online", .state = "online", .text = "" },
        { "2 a lower one counts less", 10, "D", .polls = "unavailable", .state = "online", .text = "" },
        { "3 but not for long", 11, "D", .polls = "unavailable", .state = "unavailable", .text = "" },
        { "4 the phone again", 31, "PHONE", .polls = "online", .state = "online", .text = "" },
        { "5 a PUT", 32, "D", .puts = "unavailable", .message = "d", .state = "unavailable", .text = "d" },
        { "6 is left by polls that say the same", 61, "PHONE", .polls = "online", .state = "unavailable",
          .text = "d" },
        { "7 and by words of no meaning", 90, "D", .polls = "none", .state = "unavailable", .text = "d" },
        { "8 offline is heard", 91, "D", .polls = "offline", .state = "offline", .text = "d" },
        { "9 a restart changes nothing", 92, .restarts = true, .state = "offline", .text = "d" },
        { "10 without polls", 93, "PHONE", .polls = "online", .state = "online", .text = "d" },
        { "11 idle", 393, .state = "unavailable", .text = "d" },
};

Test(homeserver, dendrite) {
        play(HS_DENDRITE, dendrite_turns, ARRAY_SIZE(dendrite_turns));
}

Test(homeserver, limits_presence) {
        SCOPED(hs_free) struct hs *s = NULL;
        SCOPED(free) char *token = NULL;
        SCOPED_ANSWER a = { 0 };

        cr_assert_eq(hs_new(&s, &(struct hs_options){ .rc_presence_msec = 600000, .busy_off = true }), 0);
        token = hs_login(s, "D");
        cr_assert_eq(put_presence(s, token, HS_BUSY, ""), 400);
        a = ask(s, token, "PUT", PRESENCE_PATH, "{}");
        cr_assert_eq(a.status, 429, "a refused one has used up the turn");
        cr_assert(json_integer_value(json_object_get(a.body, "retry_after_ms")) > 0);
}

/* A test that rests on a fault which is not there would pass without having tried anything. */
Test(homeserver, takes_no_fault_in_silence_that_it_cannot_keep, .signal = SIGABRT) {
        SCOPED(hs_free) struct hs *s = NULL;

        cr_assert_eq(hs_new(&s, &(struct hs_options){ 0 }), 0);
        for (unsigned i = 0; i < HS_FAULTS_MAX; i++)
                hs_fault(s, &(struct hs_fault){ .match = HS_SYNC, .times = 1, .status = 500 });
        hs_fault(s, &(struct hs_fault){ .match = HS_SYNC, .times = 1, .status = 500 });
}
