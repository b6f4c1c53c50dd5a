/* What holds on every kind of homeserver, whatever its rules are: the user's phone is online with a message of its own
 * ("Reading"), a call comes, and afterwards all is as if busyd did not exist. `shown` is the server's word for the
 * state of a user on a call. */
#pragma once

#include "system/harness.h"
#include "system/pace.h"

#define IN_CALL "In a call"
#define READING "Reading"

/* Writes in one minute, see claim.h; no test here takes longer. */
#define WRITES_MAX 4

#define HS_PRESENCE_GET                                                                                               \
        (struct hs_match) {                                                                                           \
                .method = "GET", .path = "*/presence/*"                                                               \
        }

/* busyd.conf as tests need it, with more lines for the account. */
#define KINDS_CONFIG(more) "[busyd]\nend-grace = 0s\nlog-level = debug\n[account " ACCOUNT "]\npoll-pause = 0s\n" more

/* When a state gets old on a server that has to show it, and when busyd writes it again: so far apart that it comes in
 * time on this machine. */
#define GETS_OLD_MSEC paced(5000)
void is_refreshed_before_it_gets_old(struct world *w);

void person_is_online(struct world *w);
void person_is_in_call(struct world *w, const char *shown);
/* What was there comes back, and nothing is owed any more. */
void call_ends(struct world *w);

void one_call(struct world *w, const char *shown);
void killed_and_the_call_is_over(struct world *w, const char *shown);
void killed_and_the_call_goes_on(struct world *w, const char *shown);
/* The server forgets what it had in memory; the phone finds it later than busyd does. */
void the_server_restarts(struct world *w, const char *shown);
/* The phone does not: then offline is what is right. */
void the_server_restarts_without_the_phone(struct world *w, const char *shown);
/* With one value for the user: the phone becomes online during the call, which shows at once; busyd's state comes
 * back, and at the end the user is online. */
void the_phone_overwrites_it(struct world *w);
/* ... and a person has the last word. */
void a_person_is_left_alone(struct world *w, const char *shown);
/* The server says that presence is switched off. */
void presence_is_disabled(struct world *w);
/* Nobody shares a room with the user, not even to look. */
void nobody_can_look(struct world *w);

/* busyd's own poll ends, and the next one is under way. */
void poll_starts_anew(struct world *w);

/* All polls of busyd so far have said this. */
void expect_polls(struct world *w, const char *set_presence);
void expect_few_writes(struct world *w);
/* No PUT of presence has contained this. */
void expect_never_written(struct world *w, const char *part);
/* Waits for the next write after *mark, which moves behind it. */
void expect_write(struct world *w, size_t *mark);
/* The server was never asked for what it does not take. */
void expect_no_refusals(struct world *w);
void expect_note(struct world *w, const char *part);
