/* What busyctl prints for people: words, no names of events; as wide as the terminal; in colour only there. */
#include <stdio.h>

#include "system/harness.h"

#define ESCAPE "\033["

/* On a terminal of so many columns, with `setting` before the command. The caller frees. */
static char *on_terminal(struct world *w, unsigned columns, const char *setting, const char *command) {
        char line[512];
        struct run r;

        (void) snprintf(line, sizeof(line), "stty cols %u; %s " BUSYCTL_PROGRAM " %s", columns, setting, command);
        r = world_run(w, NULL, (const char *const[]){ "script", "-qec", line, "/dev/null", NULL });
        free(r.err);
        check(w, r.code == 0 || r.code == 1, "%d: %s", r.code, r.out);
        return r.out;
}

static const char *const asked[] = { "status", "why", "history", "accounts", "sources", "ignore", "doctor" };

static void expect_words(struct world *w, const char *text, const char *asked_for) {
        static const char *const technical[] = { "{", "m.call", "rtc.member", "call.member", "call_joined_ts" };

        for (size_t i = 0; i < ARRAY_SIZE(technical); i++)
                check(w, !strstr(text, technical[i]), "%s says %s:\n%s", asked_for, technical[i], text);
}

/* Incoming and answered, a group call, a field of the profile that another client has set. */
static void be_in_calls(struct world *w) {
        hs_set_profile(w->hs, "org.matrix.msc4426.call", json_pack("{s:i}", "call_joined_ts", 7));
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        call_invite(w, OTHER_ROOM, "c2");
        hs_send(w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:I}}", "type", "org.matrix.msc3401.call.member", "sender",
                          HS_USER, "state_key", "_" HS_USER "_" PHONE "_m.call", "content", "application", "m.call",
                          "call_id", "", "device_id", PHONE, "expires", (json_int_t) 14400000));
        expect_availability(w, "busy");
        check(w, hs_wait_seen(w->hs, patience()), "not all is seen");
        expect_claim(w, "held");
}

WORLD_TEST(words, for_people) {
        be_in_calls(w);
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
                SCOPED_RUN r = world_busyctl(w, NULL, asked[i], NULL);

                check(w, r.code == 0, "%s: %d %s", asked[i], r.code, r.err);
                expect_words(w, r.out, asked[i]);
        }
        {
                SCOPED_RUN why = world_busyctl(w, NULL, "why", NULL);

                check(w, strstr(why.out, "you answered") && strstr(why.out, "you joined a group call"), "%s", why.out);
        }
}

WORLD_TEST(words, names_of_events_for_whoever_asks) {
        static const char *const verbs[] = { "status", "why" };

        be_in_calls(w);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                SCOPED_RUN r = world_busyctl(w, NULL, verbs[i], "-v", NULL);

                check(w, strstr(r.out, "m.call.") && strstr(r.out, "call.member state written by you"), "%s", r.out);
        }
}

/* A word that does not fit in a line stays whole; there is none so long here but paths. */
WORLD_TEST(words, lines_fit_the_terminal) {
        static const unsigned widths[] = { 40, 80 };

        be_in_calls(w);
        for (size_t k = 0; k < ARRAY_SIZE(widths); k++)
                for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
                        SCOPED(free) char *text = on_terminal(w, widths[k], "NO_COLOR=1", asked[i]);
                        char *rest = NULL;

                        for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
                                check(w, strlen(line) <= widths[k] || !strchr(line + strspn(line, " "), ' '),
                                      "%s, %u columns: %s", asked[i], widths[k], line);
                }
}

static void expect_fits(struct world *w, unsigned columns, const char *command) {
        SCOPED(free) char *text = on_terminal(w, columns, "", command);
        char *rest = NULL;

        for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
                check(w, strlen(line) <= columns, "%s: %s", command, line);
}

WORLD_TEST(words, help_fits_the_terminal, .no_homeserver = true) {
        static const char *const helps[] = { "help", "help busy", "help login", "help run", "help cure", "help free" };
        static const unsigned widths[] = { 60, 80 };

        for (size_t k = 0; k < ARRAY_SIZE(widths); k++)
                for (size_t i = 0; i < ARRAY_SIZE(helps); i++)
                        expect_fits(w, widths[k], helps[i]);
}

WORLD_TEST(words, what_is_refused_fits_the_terminal, .no_homeserver = true) {
#define REFUSED " || test $? = 2"
        static const char *const refused[] = {
                "frobnicate" REFUSED,
                "busy --for frobnicate-frobnicate" REFUSED,
                "busy --until frobnicate" REFUSED,
                "login --with frobnicate" REFUSED,
        };

        for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
                expect_fits(w, 40, refused[i]);
}

WORLD_TEST(words, colours_are_for_terminals, .no_homeserver = true) {
        SCOPED(free) char *colours = NULL, *plain = NULL, *dumb = NULL, *empty = NULL;
        SCOPED_RUN piped = { 0 };

        world_start(w);
        colours = on_terminal(w, 80, "TERM=xterm", "status");
        empty = on_terminal(w, 80, "TERM=xterm NO_COLOR=", "status");
        plain = on_terminal(w, 80, "TERM=xterm NO_COLOR=1", "status");
        dumb = on_terminal(w, 80, "TERM=dumb", "status");
        piped = world_busyctl(w, NULL, "status", NULL);
        check(w, strstr(colours, ESCAPE), "no colours: %s", colours);
        check(w, strstr(empty, ESCAPE), "an empty NO_COLOR says nothing: %s", empty);
        check(w, !strstr(plain, ESCAPE), "NO_COLOR: %s", plain);
        check(w, !strstr(dumb, ESCAPE), "a dumb terminal: %s", dumb);
        check(w, !strstr(piped.out, ESCAPE), "no terminal: %s", piped.out);
}
