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
        const char *path = door_waiting()->url + strlen("http://localhost:1");
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
        door_answer_with(&reply);
}

Test(matrix_probe, a_server_is_known_by_any_of_its_signs) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(matrix_client_free) struct matrix_client *client = NULL;
                struct probe *probe;
                bool done = false;

                cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
                cr_assert_eq(probe_start(&probe, client, on_probed, &done), 0);
                for (unsigned n = 0; n < 16 && !done && door_waiting(); n++)
                        answer_one(&rows[i]);
                cr_assert(done, "%s: asks without end, or not at all", rows[i].what);
                cr_assert_not(failed, "%s", rows[i].what);
                cr_expect_str_eq(known.traits->name, rows[i].name, "%s", rows[i].what);
                cr_expect_eq(known.traits->copies_busy, rows[i].copies_busy, "%s", rows[i].what);
                cr_expect_str_eq(known.user_id, "@me:hs");
                probe_free(probe);
        }
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
                cr_expect_eq(known.traits->while_idle, SET_PRESENCE_NONE, "%s", rows[i].what);
                cr_expect_eq(known.traits->while_held, SET_PRESENCE_NONE, "%s", rows[i].what);
                probe_free(probe);
        }
}
