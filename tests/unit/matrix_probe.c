/* Getting to know a server that is played by hand: by whatever sign it gives of what it is. */
#include <criterion/criterion.h>
#include <fnmatch.h>
#include <stdio.h>

#include "matrix/server/probe.h"
#include "unit/http_door.h"

#define NOW (3 * USEC_PER_HOUR)

#define NO_FLAGS "{\"versions\":[\"v1.11\"],\"unstable_features\":{\"org.matrix.e2e_cross_signing\":true}}"
#define BUSY_FLAG                                                                                                     \
        "{\"versions\":[\"v1.11\"],\"unstable_features\":{\"org.matrix.msc3026.busy_presence\":true,"                 \
        "\"org.matrix.simplified_msc3575\":true}}"
#define SYNAPSE_FLAGS(busy)                                                                                           \
        "{\"versions\":[\"v1.11\"],\"unstable_features\":{\"org.matrix.msc3026.busy_presence\":" busy                 \
        ",\"io.element.e2ee_forced.public\":false,\"io.element.e2ee_forced.private\":false,"                          \
        "\"io.element.e2ee_forced.trusted_private\":false}}"
#define NOT_THERE "{\"errcode\":\"M_UNRECOGNIZED\"}"
#define A_PAGE    "<html>All is well</html>"
#define NAMED(n)  "{\"server\":{\"name\":\"" n "\",\"version\":\"1.160.0\"}}"

struct script {
        const char *path; /* pattern */
        long status;
        const char *body, *header;
};

static const struct row {
        const char *what, *versions, *header; /* the Server header of every answer */
        struct script script[3];
        const char *name; /* of the traits */
        bool copies_busy;
} rows[] = {
        { "it says so where servers ask each other",
          NO_FLAGS,
          "nginx",
          { { "*/federation/v1/version", 200, NAMED("Synapse"), NULL } },
          "Synapse",
          true },
        { "its header says so", NO_FLAGS, "Synapse/1.160.0", {}, "Synapse", true },
        { "an old one's does", SYNAPSE_FLAGS("true"), "Synapse/1.80.0", {}, "Synapse", false },
        { "a proxy in front, with flags that only Synapse has",
          SYNAPSE_FLAGS("true"),
          "cloudflare",
          {},
          "Synapse",
          true },
        { "the same without busy", SYNAPSE_FLAGS("false"), "cloudflare", {}, "Synapse", true },
        { "a name that nobody knows is no obstacle",
          SYNAPSE_FLAGS("true"),
          NULL,
          { { "*/federation/v1/version", 200, NAMED("OurServer"), NULL } },
          "Synapse",
          true },
        { "Dendrite without federation",
          NO_FLAGS,
          NULL,
          { { "/_dendrite/monitor/up", 200, "", NULL } },
          "Dendrite",
          false },
        { "a page for every path is no sign", NO_FLAGS, NULL, { { "/_*", 200, A_PAGE, NULL } }, "unknown", false },
        { "an empty answer for every path is none either",
          NO_FLAGS,
          NULL,
          { { "/_*", 200, "", NULL } },
          "unknown",
          false },
        { "nor is one for what no server has",
          NO_FLAGS,
          NULL,
          { { "/_dendrite/*", 200, "", NULL } },
          "unknown",
          false },
        { "nor is one beside a page for what no server has",
          NO_FLAGS,
          NULL,
          { { "/_dendrite/*", 200, A_PAGE, NULL }, { "/_dendrite/monitor/up", 200, "", NULL } },
          "unknown",
          false },
        { "nor one for the paths of several servers",
          NO_FLAGS,
          NULL,
          { { "/_dendrite/monitor/up", 200, "", NULL }, { "/_tuwunel/*", 200, "", NULL } },
          "unknown",
          false },
        { "a site beside Dendrite that has a page for every other path",
          NO_FLAGS,
          NULL,
          { { "/_[!d]*", 200, A_PAGE, NULL }, { "/_dendrite/monitor/up", 200, "", NULL } },
          "Dendrite",
          false },
        { "an empty answer is none of a server that takes busy",
          BUSY_FLAG,
          NULL,
          { { "/_dendrite/monitor/up", 200, "", NULL } },
          "unknown",
          true },
        { "Tuwunel behind a proxy",
          BUSY_FLAG,
          "nginx",
          { { "/_tuwunel/server_version", 200, "{\"name\":\"Tuwunel\",\"version\":\"1.9.0\"}", NULL } },
          "Tuwunel",
          false },
        { "nothing but the flag: as the worst that has it", BUSY_FLAG, "nginx", {}, "unknown", true },
        { "nothing", NO_FLAGS, "nginx", {}, "unknown", false },
};

static struct probe_facts known;
static bool failed;

static void on_probed(const struct matrix_reply *failure, const struct probe_facts *facts, void *userdata) {
        failed = failure;
        if (facts)
                known = *facts;
        *(bool *) userdata = true;
}

static void answer_one(const struct row *row) {
        const char *path = door_requests[0]->url + strlen("http://localhost:1");
        struct http_reply reply = door_reply(404, NOT_THERE, NOW);

        if (strstr(path, "/client/versions"))
                reply = door_reply(200, row->versions, NOW);
        else if (strstr(path, "/whoami"))
                reply = door_reply(200, "{\"user_id\":\"@me:hs\",\"device_id\":\"D\"}", NOW);
        for (size_t i = 0; i < ARRAY_SIZE(row->script); i++)
                if (row->script[i].path && !strstr(path, "/_matrix/client") &&
                    fnmatch(row->script[i].path, path, 0) == 0)
                        reply = door_reply(row->script[i].status, row->script[i].body, NOW);
        reply.server = row->header;
        door_answer_first_with(&reply);
}

Test(matrix_probe, a_server_is_known_by_any_of_its_signs) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(matrix_client_free) struct matrix_client *client = NULL;
                struct probe *probe;
                bool done = false;

                cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
                cr_assert_eq(probe_start(&probe, client, on_probed, &done), 0);
                for (unsigned n = 0; n < 16 && !done && door_n > 0; n++)
                        answer_one(&rows[i]);
                cr_assert(done, "%s: asks without end, or not at all", rows[i].what);
                cr_assert_not(failed, "%s", rows[i].what);
                cr_expect_str_eq(known.traits->name, rows[i].name, "%s", rows[i].what);
                cr_expect_eq(known.traits->copies_busy, rows[i].copies_busy, "%s", rows[i].what);
                cr_expect_str_eq(known.user_id, "@me:hs");
                probe_free(probe);
        }
}

/* Something in between has answered the first time. */
Test(matrix_probe, an_empty_answer_that_does_not_come_again_is_no_sign) {
        static const struct row at_first = { .versions = NO_FLAGS,
                                             .script = { { "/_dendrite/monitor/up", 200, "", NULL } } },
                                later = { .versions = NO_FLAGS };
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        struct probe *probe;
        bool done = false, once = false;

        cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
        cr_assert_eq(probe_start(&probe, client, on_probed, &done), 0);
        for (unsigned n = 0; n < 16 && !done && door_n > 0; n++) {
                bool up = strstr(door_requests[0]->url, "/_dendrite/monitor/up");

                answer_one(once ? &later : &at_first);
                once = once || up;
        }
        cr_assert(done && once && !failed);
        cr_expect_str_eq(known.traits->name, "unknown");
        cr_expect_not(known.server_told, "what it is may be asked again");
        probe_free(probe);
}

/* What it is says nothing of what a word would do there. */
Test(matrix_probe, an_unknown_server_gets_no_word_that_could_lower_the_user) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(matrix_client_free) struct matrix_client *client = NULL;
                struct probe *probe;
                bool done = false;

                if (!streq(rows[i].name, "unknown"))
                        continue;
                cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
                cr_assert_eq(probe_start(&probe, client, on_probed, &done), 0);
                while (!done)
                        answer_one(&rows[i]);
                cr_expect_eq(known.traits->says.while_idle, SET_PRESENCE_NONE, "%s", rows[i].what);
                cr_expect_eq(known.traits->says.while_held, SET_PRESENCE_NONE, "%s", rows[i].what);
                probe_free(probe);
        }
}

/* ---- what is asked at the same time ---- */

static bool is_asked(const char *path) {
        for (size_t i = 0; i < door_n; i++)
                if (strstr(door_requests[i]->url, path))
                        return true;
        return false;
}

/* That one, whichever was first. */
static void answer_of(const char *path, long status, const char *body) {
        for (size_t i = 0; i < door_n; i++)
                if (strstr(door_requests[i]->url, path)) {
                        struct http_request *first = door_requests[0];

                        door_requests[0] = door_requests[i];
                        door_requests[i] = first;
                        door_answer_first(status, body, NOW);
                        return;
                }
        cr_assert_fail("%s is not asked", path);
}

static struct probe *begin(struct matrix_client **client, bool *done) {
        struct probe *probe;

        cr_assert_eq(matrix_client_new(client, NULL, "http://localhost:1", "s3cret"), 0);
        cr_assert_eq(probe_start(&probe, *client, on_probed, done), 0);
        return probe;
}

#define ME           "{\"user_id\":\"@me:hs\",\"device_id\":\"D\"}"
#define CAPABILITIES "{\"capabilities\":{\"m.profile_fields\":{\"enabled\":true}}}"

/* As many as an account keeps connections: more would have to be made for it, which takes longer. */
Test(matrix_probe, two_questions_are_asked_at_a_time) {
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        bool done = false;
        struct probe *probe = begin(&client, &done);

        cr_assert_eq(door_n, 2);
        cr_assert(is_asked("/client/versions") && is_asked("/whoami"));
        answer_of("/client/versions", 200, SYNAPSE_FLAGS("true"));
        answer_of("/whoami", 200, ME);
        cr_assert_eq(door_n, 2);
        cr_assert(is_asked("/federation/v1/version") && is_asked("/capabilities"));
        answer_of("/federation/v1/version", 200, NAMED("Synapse"));
        cr_assert_not(done, "what it can is not told yet");
        answer_of("/capabilities", 200, CAPABILITIES);
        cr_assert(done && !failed);
        probe_free(probe);
}

/* What is known of the profile rests on the versions, which may come last of all. */
Test(matrix_probe, the_order_of_the_answers_changes_nothing) {
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        bool done = false;
        struct probe *probe = begin(&client, &done);
        struct probe_facts before;

        answer_of("/client/versions", 200, "{\"versions\":[\"v1.16\"]}");
        answer_of("/federation/v1/version", 200, NAMED("Synapse"));
        answer_of("/whoami", 200, ME);
        answer_of("/capabilities", 200, CAPABILITIES);
        cr_assert(done && !failed);
        probe_free(probe);
        client = matrix_client_free(client);
        before = known;
        done = false;
        probe = begin(&client, &done);
        answer_of("/whoami", 200, ME);
        answer_of("/capabilities", 200, CAPABILITIES);
        answer_of("/client/versions", 200, "{\"versions\":[\"v1.16\"]}");
        answer_of("/federation/v1/version", 200, NAMED("Synapse"));
        cr_assert(done && !failed);
        probe_free(probe);
        cr_assert_eq(known.traits, before.traits);
        cr_assert(known.versions.profile_fields_stable);
        cr_assert_eq(memcmp(&known.profile, &before.profile, sizeof(before.profile)), 0);
        cr_assert_str_eq(known.device_id, "D");
}

static char told[256];

static void on_told(const struct matrix_reply *failure, const struct probe_facts *facts, void *userdata) {
        (void) snprintf(told, sizeof(told), "%s", failure ? failure->problem : "");
        *(bool *) userdata = true;
}

/* A page for every path: that no homeserver is there is what people need to know. */
Test(matrix_probe, where_nothing_is_right_the_first_question_tells_why) {
        for (unsigned order = 0; order < 2; order++) {
                SCOPED(matrix_client_free) struct matrix_client *client = NULL;
                struct probe *probe;
                bool done = false;

                cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
                cr_assert_eq(probe_start(&probe, client, on_told, &done), 0);
                if (order == 0)
                        answer_of("/whoami", 200, "{}");
                cr_assert_not(done);
                answer_of("/client/versions", 200, "{}");
                cr_assert(done);
                cr_assert_str_eq(told, "no Matrix homeserver answers there");
                probe_free(probe);
                cr_assert_eq(door_n, 0, "what is of no use any more goes on");
        }
}

Test(matrix_probe, a_failure_that_came_first_is_told_when_the_server_is_one) {
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        struct probe *probe;
        bool done = false;

        cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
        cr_assert_eq(probe_start(&probe, client, on_told, &done), 0);
        answer_of("/whoami", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"gone\"}");
        cr_assert_not(done);
        answer_of("/client/versions", 200, NO_FLAGS);
        cr_assert(done);
        cr_assert_not(streq(told, ""));
        probe_free(probe);
        cr_assert_eq(door_n, 0);
}
