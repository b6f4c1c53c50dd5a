/* Letting go of an account, see let-go.h. What is owed can be given back only with the session: so busyd lets go
 * first, and its word that it has is that the account's object is gone from the bus. */
#include "busyctl/let-go.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "busyctl/bus.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "json/json.h"
#include "state/state.h"
#include "util/clock.h"

/* A server may ask to wait a minute and more, and what was under way when a connection broke is watched for one. */
#define LET_GO_MAX (3 * USEC_PER_MIN)
/* busyd gives itself 5 s at its own end. */
#define FORCED_MAX (6 * USEC_PER_SEC)

/* Why waiting is of no use; NULL: it is. */
static const char *hopeless(const json_t *account) {
        static const char *const states[] = { "signed-out", "locked", "broken" };
        const json_t *outputs = json_object_get(account, "outputs");

        for (size_t i = 0; i < ARRAY_SIZE(states); i++)
                if (streq(fact_text(account, "state"), states[i]))
                        return fact_text(account, "problem");
        for (size_t i = 0; i < json_array_size(outputs); i++) {
                const json_t *output = json_array_get(outputs, i);

                if (streq(fact_text(output, "claim"), "stuck"))
                        return fact_text(output, "note");
        }
        return NULL;
}

static void append(char *line, size_t size, const char *text) {
        size_t n = strlen(line);

        (void) snprintf(line + n, size - n, "%s", text);
}

static void describe(const json_t *account, char *line, size_t size) {
        const json_t *outputs = json_object_get(account, "outputs");
        int64_t retry_at = fact_time(account, "retry_at");
        const char *between = "busyd gives back first: ";
        char when[WHEN_MAX];

        line[0] = '\0';
        for (size_t i = 0; i < json_array_size(outputs); i++) {
                const json_t *output = json_array_get(outputs, i);
                const char *note = fact_text(output, "note");

                if (streq(fact_text(output, "claim"), "free") || streq(fact_text(output, "claim"), "off"))
                        continue;
                append(line, size, between);
                append(line, size, fact_text(output, "name"));
                append(line, size, " (");
                append(line, size, note[0] ? note : fact_text(output, "claim"));
                append(line, size, ")");
                between = ", ";
        }
        if (line[0] == '\0')
                append(line, size, "busyd gives back first what it owes");
        if (fact_text(account, "problem")[0]) {
                append(line, size, "; ");
                append(line, size, fact_text(account, "problem"));
        }
        if (retry_at > 0) {
                append(line, size, "; next try at ");
                append(line, size, format_when(when, sizeof(when), retry_at, wall_seconds()));
        }
}

/* Only ends the wait: what has been begun is undone then. */
static void on_interrupt(int signal) {
}

/* Until busyd has let go. Returns CTL_OK, CTL_FAILED with `why` filled in, or CTL_UNREACHABLE if it has ended. */
static enum exit_code await(struct ctl *c, const char *name, bool force, char *why, size_t size) {
        usec_t deadline = clock_now() + (force ? FORCED_MAX : LET_GO_MAX);
        char told[512] = "";

        for (;;) {
                SCOPED(json_decref) json_t *doc = NULL;
                enum exit_code code = facts_status(c, &doc);
                const json_t *account = facts_account(doc, name);
                const char *useless = account && !force ? hopeless(account) : NULL;
                char line[512];
                int r;

                if (code != CTL_OK)
                        return CTL_UNREACHABLE;
                if (!account)
                        return CTL_OK;
                describe(account, line, sizeof(line));
                if (!useless && !streq(line, told))
                        (void) fprintf(stderr, "%s\n", line);
                (void) snprintf(told, sizeof(told), "%s", line);
                (void) snprintf(why, size, "%s", useless && useless[0] ? useless : "it is not through yet");
                r = useless ? 0 : bus_wait(c, deadline);
                if (r == -EINTR)
                        (void) snprintf(why, size, "interrupted");
                if (r <= 0)
                        return CTL_FAILED;
        }
}

/* Nobody is there to give back: what the journal says is owed would stay. */
static enum exit_code ask_journal(const char *folder, const char *name, bool force, const char *who,
                                  const char *what_to_do) {
        int r = force ? 0 : state_owes(folder, name);

        if (r == 0)
                return CTL_OK;
        if (r > 0)
                complain("busyd has still to give back what it has written on \"%s\", and %s. %s", name, who,
                         what_to_do);
        else
                complain("Whether busyd has still to give back something on \"%s\" cannot be read from its journal "
                         "(%s), and %s. %s",
                         name, strerror(-r), who, what_to_do);
        complain("To log out all the same, and leave it there: busyctl logout --force %s", name);
        return CTL_FAILED;
}

/* CTL_OK: LetGo was understood; then await(). */
static enum exit_code begin(struct ctl *c, const char *name) {
        /* Before the call: what follows it may come at once. */
        if (bus_watch(c) < 0)
                return CTL_FAILED;
        return bus_call(c, BUS_MANAGER, "LetGo", NULL, "s", name);
}

static enum exit_code ask_daemon(struct ctl *c, const char *folder, const char *name, bool force) {
        const struct sigaction ends_wait = { .sa_handler = on_interrupt };
        char why[512] = "";
        enum exit_code code = begin(c, name);

        if (code == CTL_UNREACHABLE)
                return ask_journal(folder, name, force, "is not running",
                                   "Start it, and it does so: systemctl --user start busyd");
        if (code != CTL_OK)
                return ask_journal(folder, name, force, "does not use that account", "See: busyctl status");
        (void) sigaction(SIGINT, &ends_wait, NULL);
        (void) sigaction(SIGTERM, &ends_wait, NULL);
        code = await(c, name, force, why, sizeof(why));
        if (code == CTL_UNREACHABLE)
                return ask_journal(folder, name, force, "has just ended",
                                   "Start it, and it does so: systemctl --user start busyd");
        if (code == CTL_FAILED && !force) {
                complain("Not logged out: busyd cannot give back what it has written on \"%s\": %s", name, why);
                complain("Try again later. To log out all the same, and leave it there: busyctl logout --force %s",
                         name);
        }
        return code;
}

enum exit_code let_go(struct ctl *c, const char *folder, const char *name, bool force) {
        struct ctl quiet = { .when_absent = ABSENT_LEAVE, .quiet = true };
        enum exit_code code = bus_open(&quiet);

        if (code == CTL_OK)
                code = ask_daemon(&quiet, folder, name, force);
        else
                code = ask_journal(folder, name, force, "there is no user bus to reach it on",
                                   "Log out from within your session.");
        bus_close(&quiet);
        return force ? CTL_OK : code;
}

enum exit_code let_go_for_now(struct ctl *c, const char *name) {
        struct ctl quiet = { .when_absent = ABSENT_LEAVE, .quiet = true };
        char why[512] = "";
        enum exit_code code = bus_open(&quiet);

        /* Where it does not run, or does not know the account, nobody uses the session. */
        if (code == CTL_OK)
                code = begin(&quiet, name);
        code = code == CTL_OK ? await(&quiet, name, /* force= */ false, why, sizeof(why)) : CTL_OK;
        bus_close(&quiet);
        if (code == CTL_FAILED)
                complain("busyd cannot let go of \"%s\" just now: %s. Try again later.", name, why);
        return code == CTL_UNREACHABLE ? CTL_OK : code;
}
