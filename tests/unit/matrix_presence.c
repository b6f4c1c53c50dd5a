/* What the presence output makes of the server's words, and how much of a busy it wants to show. */
#include <criterion/criterion.h>
#include <errno.h>

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
        { "the word of our own polls", "none", "x", "offline", "x" },
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
        cr_assert_eq(presence_value(&v, "busy", text), -E2BIG);
        cr_assert_eq(presence_value(&v, state, ""), -E2BIG);
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
          { PRESENCE_AUTO, .takes_busy = true, .copies_busy = true, .others = OTHER_CLIENTS_NONE,
            .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "a server that copies, and another client",
          { PRESENCE_AUTO, .takes_busy = true, .copies_busy = true, .others = OTHER_CLIENTS_LIVE,
            .message = "In a call" },
          NULL,
          "In a call",
          true },
        { "the same, and the user wants it all the same",
          { PRESENCE_BUSY, .takes_busy = true, .copies_busy = true, .others = OTHER_CLIENTS_LIVE,
            .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "learned that it sticks, and another client",
          { PRESENCE_AUTO, .takes_busy = true, .sticks = true, .others = OTHER_CLIENTS_LIVE, .message = "In a call" },
          NULL,
          "In a call",
          true },
        { "learned that it sticks, nobody there now",
          { PRESENCE_AUTO, .takes_busy = true, .sticks = true, .others = OTHER_CLIENTS_NONE, .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "a server that copies, and nobody knows who is there",
          { PRESENCE_AUTO, .takes_busy = true, .copies_busy = true, .others = OTHER_CLIENTS_UNKNOWN,
            .message = "In a call" },
          NULL,
          "In a call",
          true },
        { "another client has come, and busy was chosen before",
          { PRESENCE_AUTO, .takes_busy = true, .copies_busy = true, .others = OTHER_CLIENTS_LIVE, .chosen = true,
            .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "another client, and a cure",
          { PRESENCE_AUTO, .takes_busy = true, .copies_busy = true, .others = OTHER_CLIENTS_LIVE, .cure = CURE_WORKS,
            .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "another client on a server that does not copy",
          { PRESENCE_AUTO, .takes_busy = true, .others = OTHER_CLIENTS_LIVE, .message = "In a call" },
          "busy",
          "In a call",
          false },
        { "no busy on this server",
          { PRESENCE_AUTO, .copies_busy = true, .others = OTHER_CLIENTS_LIVE, .message = "In a call" },
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
