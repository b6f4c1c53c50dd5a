/* Which server is which, and what the rest of the code relies on. */
#include <criterion/criterion.h>

#include "matrix/client/client.h"
#include "matrix/server/traits.h"

static const struct row {
        const char *what, *name, *version;
        const char *expect;
        bool per_device, copies_busy;
        const char *busy_wire;
        enum set_presence idle, held;
        bool refreshes;
} rows[] = {
        { "synapse of today", "Synapse", "1.160.0", "Synapse", true, true, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_UNAVAILABLE, false },
        { "synapse with a branch name", "Synapse", "1.99.0rc1 (b=develop,abc)", "Synapse", true, true,
          "org.matrix.msc3026.busy", SET_PRESENCE_OFFLINE, SET_PRESENCE_UNAVAILABLE, false },
        { "the first with devices", "Synapse", "1.93.0", "Synapse", true, true, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_UNAVAILABLE, false },
        { "the last before devices", "Synapse", "1.92.3", "Synapse", false, false, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_UNAVAILABLE, false },
        { "synapse that hides its version", "Synapse", NULL, "Synapse", true, true, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_UNAVAILABLE, false },
        { "synapse's Server header", "Synapse/1.160.0", NULL, "Synapse", true, true, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_UNAVAILABLE, false },
        { "an old one's Server header", "Synapse/1.80.0", NULL, "Synapse", false, false, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_UNAVAILABLE, false },
        { "dendrite", "Dendrite", "0.15.2", "Dendrite", false, false, "org.matrix.msc3026.busy", SET_PRESENCE_NONE,
          SET_PRESENCE_NONE, false },
        { "tuwunel", "Tuwunel", "1.9.0", "Tuwunel", true, false, "busy", SET_PRESENCE_OFFLINE, SET_PRESENCE_OFFLINE,
          true },
        { "continuwuity", "continuwuity", "0.5.0", "Continuwuity", false, false, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_OFFLINE, true },
        { "its parent", "conduwuit", "0.4.6", "Continuwuity", false, false, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_OFFLINE, true },
        { "its grandparent", "Conduit", "0.9.0", "Continuwuity", false, false, "org.matrix.msc3026.busy",
          SET_PRESENCE_OFFLINE, SET_PRESENCE_OFFLINE, true },
        { "a proxy", "nginx", NULL, "unknown", false, false, "org.matrix.msc3026.busy", SET_PRESENCE_NONE,
          SET_PRESENCE_NONE, true },
        { "a longer name", "SynapseX", "1.0.0", "unknown", false, false, "org.matrix.msc3026.busy", SET_PRESENCE_NONE,
          SET_PRESENCE_NONE, true },
        { "nothing", NULL, NULL, "unknown", false, false, "org.matrix.msc3026.busy", SET_PRESENCE_NONE,
          SET_PRESENCE_NONE, true },
        { "an empty name", "", "", "unknown", false, false, "org.matrix.msc3026.busy", SET_PRESENCE_NONE,
          SET_PRESENCE_NONE, true },
};

Test(matrix_traits, table) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                const struct server_traits *t = server_traits_find(row->name, row->version);

                cr_assert_str_eq(t->name, row->expect, "%s", row->what);
                cr_assert_eq(t->presence_per_device, row->per_device, "%s", row->what);
                cr_assert_eq(t->copies_busy, row->copies_busy, "%s", row->what);
                cr_assert_str_eq(t->busy_wire, row->busy_wire, "%s", row->what);
                cr_assert_eq(t->says.while_idle, row->idle, "%s", row->what);
                cr_assert_eq(t->says.while_held, row->held, "%s", row->what);
                cr_assert_eq(t->refresh_interval != USEC_NEVER, row->refreshes, "%s", row->what);
        }
}

/* Whatever the row: a busy that can stick has an end to tell of, and nothing depends on a poll that is not counted. */
Test(matrix_traits, rows_fit_together) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct server_traits *t = server_traits_find(rows[i].name, rows[i].version);

                cr_assert_eq(t->copies_busy, t->stuck_until != NULL, "%s", rows[i].what);
                cr_assert_not(set_presence_counts(t->says.while_idle), "%s", rows[i].what);
                cr_assert(!t->message_per_device || t->presence_per_device, "%s", rows[i].what);
                cr_assert(!t->sync_erases_busy || t->refresh_interval <= 4 * USEC_PER_MIN, "%s", rows[i].what);
                cr_assert(!t->sync_erases_busy || !t->pushes_own_presence, "%s", rows[i].what);
        }
}

/* Also where a word is said only to a server that insists on one. */
Test(matrix_traits, what_polls_bring_about_while_something_is_held) {
        cr_expect_str_eq(server_kept_as(server_traits_find("Synapse", "1.92.3")), "unavailable");
        cr_expect_str_eq(server_kept_as(server_traits_find("Dendrite", NULL)), "unavailable");
        cr_expect_null(server_kept_as(server_traits_find("continuwuity", NULL)));
        cr_expect_null(server_kept_as(server_traits_find(NULL, NULL)));
}

/* Where no word of the spec is said, a server may insist on one; of what says a refusal is about something else it is
 * not asked again. */
Test(matrix_traits, a_server_that_insists_gets_a_word_of_the_spec) {
        static const struct {
                enum set_presence said;
                long status;
                enum matrix_outcome outcome;
                bool refused;
        } answers[] = {
                { SET_PRESENCE_NONE, 400, MATRIX_REFUSED, true },
                { SET_PRESENCE_NONE, 400, MATRIX_NOT_MATRIX, true },
                { SET_PRESENCE_NONE, 400, MATRIX_BAD_FILTER, false },
                { SET_PRESENCE_NONE, 400, MATRIX_BAD_TOKEN_POS, false },
                { SET_PRESENCE_NONE, 403, MATRIX_REFUSED, false },
                { SET_PRESENCE_NONE, 200, MATRIX_OK, false },
                { SET_PRESENCE_OFFLINE, 400, MATRIX_REFUSED, false },
        };
        const struct set_presence_words *words = &server_traits_find("Dendrite", NULL)->says;

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                cr_expect_eq(set_presence_is_refused(answers[i].said,
                                                     &(struct matrix_reply){ .status = answers[i].status,
                                                                             .outcome = answers[i].outcome }),
                             answers[i].refused, "%zu", i);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct server_traits *t = server_traits_find(rows[i].name, rows[i].version);

                for (int held = 0; held < 2; held++) {
                        cr_expect_eq(set_presence_word(&t->says, held, false),
                                     held ? t->says.while_held : t->says.while_idle, "%s", rows[i].what);
                        cr_expect_neq(set_presence_word(&t->says, held, true), SET_PRESENCE_NONE, "%s", rows[i].what);
                }
        }
        cr_expect_eq(set_presence_word(words, false, true), SET_PRESENCE_UNAVAILABLE);
        words = &server_traits_find("Tuwunel", NULL)->says;
        cr_expect_eq(set_presence_word(words, true, true), SET_PRESENCE_OFFLINE, "a word of the spec stays");
}

Test(matrix_traits, words) {
        cr_assert_str_eq(set_presence_to_string(SET_PRESENCE_OFFLINE), "offline");
        cr_assert_str_eq(set_presence_to_string(SET_PRESENCE_UNAVAILABLE), "unavailable");
        cr_assert_str_eq(set_presence_to_string(SET_PRESENCE_ONLINE), "online");
        cr_assert_str_eq(set_presence_to_string(SET_PRESENCE_NONE), "none");
}
