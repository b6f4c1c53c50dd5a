/* What the presence output makes of the server's words, and how much of a busy it wants to show. */
#include <criterion/criterion.h>

#include "matrix/outputs/output.h"
#include "matrix/outputs/presence.h"

static const struct value_row {
        const char *what, *presence, *status_msg;
        const char *state, *text;
} values[] = {
        { "plain", "online", "hello", "online", "hello" },
        { "no message", "unavailable", NULL, "unavailable", "" },
        { "busy of Synapse", "org.matrix.msc3026.busy", "x", "busy", "x" },
        { "busy of Tuwunel", "busy", "x", "busy", "x" },
        { "never set", NULL, NULL, "offline", "" },
        { "Dendrite's empty word", "", "", "offline", "" },
        { "a word nobody knows", "dancing", "", "dancing", "" },
};

Test(matrix_presence, values) {
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                const struct value_row *row = &values[i];
                struct claim_value v;

                cr_assert_eq(presence_value(&v, row->presence, row->status_msg), 0, "%s", row->what);
                cr_assert_str_eq(v.state, row->state, "%s", row->what);
                cr_assert_str_eq(v.text, row->text, "%s", row->what);
        }
}

Test(matrix_presence, too_long_changes_nothing) {
        struct claim_value v = { .state = "online", .text = "before" };
        char text[CLAIM_TEXT_MAX + 1], state[CLAIM_STATE_MAX + 1];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        memset(state, 'x', sizeof(state) - 1);
        state[sizeof(state) - 1] = '\0';
        cr_assert_lt(presence_value(&v, "busy", text), 0);
        cr_assert_lt(presence_value(&v, state, ""), 0);
        cr_assert_str_eq(v.state, "online");
        cr_assert_str_eq(v.text, "before");
}

Test(matrix_presence, words_of_a_put) {
        const struct server_traits *synapse = server_traits_find("Synapse", "1.160.0");
        const struct server_traits *tuwunel = server_traits_find("Tuwunel", "1.9.0");

        cr_assert_str_eq(presence_word("busy", synapse), "org.matrix.msc3026.busy");
        cr_assert_str_eq(presence_word("busy", tuwunel), "busy");
        cr_assert_str_eq(presence_word("unavailable", synapse), "unavailable");
        cr_assert_str_eq(presence_word("", synapse), "offline");
}

static const struct want_row {
        const char *what;
        struct presence_facts facts;
        const char *state; /* NULL: not claimed */
        const char *text;
        bool explained;
} wants[] = {
        { "busy where nothing speaks against it",
          { PRESENCE_AUTO, .takes_busy = true, .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "a server that copies, and nobody there to copy to",
          { PRESENCE_AUTO, .takes_busy = true, .copies_busy = true, .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "a server that copies, and another client",
          { PRESENCE_AUTO, .takes_busy = true, .copies_busy = true, .live = true, .message = "In a call" },
          NULL,
          "In a call",
          true },
        { "the same, and the user wants it all the same",
          { PRESENCE_BUSY, .takes_busy = true, .copies_busy = true, .live = true, .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "learned that it sticks, and another client",
          { PRESENCE_AUTO, .takes_busy = true, .sticks = true, .live = true, .message = "In a call" },
          NULL,
          "In a call",
          true },
        { "learned that it sticks, nobody there now",
          { PRESENCE_AUTO, .takes_busy = true, .sticks = true, .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "another client on a server that does not copy",
          { PRESENCE_AUTO, .takes_busy = true, .live = true, .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "no busy on this server",
          { PRESENCE_AUTO, .copies_busy = true, .live = true, .message = "In a call" },
          "unavailable",
          "In a call",
          true },
        { "no busy, though wanted", { PRESENCE_BUSY, .message = "In a call" }, "unavailable", "In a call", true },
        { "message only", { PRESENCE_STATUS, .takes_busy = true, .message = "In a call" }, NULL, "In a call", true },
        { "the user's own message is kept",
          { PRESENCE_AUTO, .takes_busy = true, .message = "" },
          "busy",
          NULL,
          false },
        { "no message at all", { PRESENCE_AUTO, .takes_busy = true }, "busy", NULL, false },
        { "nothing is left to write", { PRESENCE_STATUS, .takes_busy = true, .message = "" }, NULL, NULL, true },
};

Test(matrix_presence, want) {
        for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
                const struct want_row *row = &wants[i];
                struct claim_want w;
                const char *why;

                presence_want(&row->facts, &w, &why);
                cr_assert_eq(w.state_claimed, row->state != NULL, "%s", row->what);
                cr_assert_str_eq(w.value.state, row->state ? row->state : "", "%s", row->what);
                cr_assert_eq(w.text_claimed, row->text != NULL, "%s", row->what);
                cr_assert_str_eq(w.value.text, row->text ? row->text : "", "%s", row->what);
                cr_assert_eq(why != NULL, row->explained, "%s", row->what);
        }
}

Test(matrix_presence, message_too_long_for_a_claim) {
        char text[CLAIM_TEXT_MAX + 1];
        struct claim_want w;
        const char *why;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        presence_want(&(struct presence_facts){ PRESENCE_AUTO, .takes_busy = true, .message = text }, &w, &why);
        cr_assert(w.state_claimed);
        cr_assert_not(w.text_claimed);
        cr_assert_not_null(why);
}

Test(matrix_presence, falls_back_step_by_step) {
        struct claim_want w = { .value = { "busy", "In a call" }, .state_claimed = true, .text_claimed = true };

        cr_assert(presence_fall_back(&w));
        cr_assert_str_eq(w.value.state, "unavailable");
        cr_assert_str_eq(w.value.text, "In a call");
        cr_assert(presence_fall_back(&w));
        cr_assert_not(w.state_claimed);
        cr_assert_str_eq(w.value.text, "In a call");
        cr_assert_not(presence_fall_back(&w));
}

Test(matrix_presence, nothing_less_without_a_message) {
        struct claim_want w = { .value = { "unavailable", "" }, .state_claimed = true };

        cr_assert_not(presence_fall_back(&w));
}

/* ---- is another client keeping presence alive? ---- */

#define AT(seconds) (1000 * USEC_PER_SEC + (seconds) *USEC_PER_SEC)

static const struct live_row {
        const char *what;
        struct {
                usec_t at;
                const char *state; /* NULL: no more */
                bool own;
        } seen[4];
        bool watching;
        usec_t asked_at;
        bool live;
} lives[] = {
        { "never looked", { { 0, NULL, false } }, true, AT(0), false },
        { "seen once, just now", { { AT(0), "online", false } }, false, AT(0), false },
        { "seen once, and watched since", { { AT(0), "online", false } }, true, AT(70), true },
        { "seen once, not watched since", { { AT(0), "online", false } }, false, AT(70), false },
        { "seen twice at a distance",
          { { AT(0), "online", false }, { AT(70), "online", false } },
          false,
          AT(80),
          true },
        { "seen twice, long ago", { { AT(0), "online", false }, { AT(70), "online", false } }, false, AT(200), false },
        { "a single PUT looks like this",
          { { AT(0), "online", false }, { AT(60), "online", false } },
          false,
          AT(61),
          false },
        { "gone for a moment (the limiter)",
          { { AT(0), "online", false }, { AT(60), "offline", false }, { AT(80), "online", false } },
          false,
          AT(81),
          true },
        { "gone for long and just back",
          { { AT(0), "online", false }, { AT(70), "offline", false }, { AT(300), "online", false } },
          false,
          AT(301),
          false },
        { "idle counts as alive", { { AT(0), "unavailable", false } }, true, AT(100), true },
        { "gone", { { AT(0), "online", false }, { AT(1), "offline", false } }, true, AT(100), false },
        { "our own claim tells nothing", { { AT(0), "busy", true }, { AT(70), "busy", true } }, true, AT(71), false },
};

Test(matrix_presence, live_up_to_a_moment_after_the_question) {
        cr_assert(presence_is_live(AT(0), AT(70) + 1, AT(70)));
}

Test(matrix_presence, live) {
        for (size_t i = 0; i < ARRAY_SIZE(lives); i++) {
                const struct live_row *row = &lives[i];
                struct presence_watch w = { 0 };
                usec_t first, last;

                for (size_t j = 0; j < ARRAY_SIZE(row->seen) && row->seen[j].state; j++) {
                        struct claim_value v;

                        cr_assert_eq(presence_value(&v, row->seen[j].state, NULL), 0);
                        presence_watch_seen(&w, &v, row->seen[j].own, row->seen[j].at);
                }
                presence_watch_live(&w, row->watching, row->asked_at, &first, &last);
                cr_assert_eq(presence_is_live(first, last, row->asked_at), row->live, "%s", row->what);
        }
}

Test(matrix_presence, a_write_makes_the_last_value_old) {
        struct claim_value v = { .state = "online" };
        struct presence_watch w = { 0 };

        presence_watch_seen(&w, &v, false, AT(0));
        cr_assert(w.shown_known);
        presence_watch_written(&w);
        cr_assert_not(w.shown_known);
}
