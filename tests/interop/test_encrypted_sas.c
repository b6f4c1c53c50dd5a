/* busyctl verify --emoji with a phone that nobody here wrote: both show the same, the phone signs the session, and
 * however it ends otherwise no session stays behind that others would be warned of. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "interop/scene.h"
#include "state/crypto-store.h"
#include "system/terminal.h"

/* The process is the command itself, as "pid" says. */
static struct terminal *begin_to_compare(struct scene *s) {
        struct world *w = s->desk->world;
        SCOPED(free) char *command = NULL;
        struct terminal *t;

        free(driver_do(s->js, "phone", "listen", NULL));
        cr_assert_geq(asprintf(&command, "echo $$ >%s; exec " BUSYCTL_PROGRAM " verify --emoji", world_path(w, "pid")),
                      0);
        t = terminal_start(w, (const char *const[]){ "sh", "-c", command, NULL });
        terminal_expect(t, "accept the verification");
        return t;
}

/* Both show the same. */
static void expect_same_shown(struct scene *s, struct terminal *t, bool phone_starts) {
        SCOPED(free)
        char *shown = driver_do(s->js, "phone", "compare", json_pack("{sb}", "starts", phone_starts));
        char *numbers = strstr(shown, "; "), *rest = NULL;
        size_t n = 0;

        cr_assert(numbers, "%s", shown);
        *numbers = '\0';
        for (char *name = strtok_r(shown, ",", &rest); name; name = strtok_r(NULL, ",", &rest), n++)
                terminal_expect(t, name + (*name == ' '));
        cr_assert_eq(n, 7);
        terminal_expect(t, numbers + 2);
        terminal_expect(t, "Are they the same?");
}

static void expect_code(struct scene *s, struct terminal *t, int code) {
        desk_check(s->desk, terminal_end(t) == code, "%s", terminal_text(t));
}

static void expect_outcome(struct scene *s, const char *command, const char *word, const char *wanted) {
        SCOPED(free) char *outcome = driver_do(s->js, "phone", command, word ? json_pack("{ss}", "word", word) : NULL);

        desk_check(s->desk, strstr(outcome, wanted), "%s", outcome);
}

static void compare_and_agree(struct scene *s, bool phone_starts) {
        SCOPED(terminal_free) struct terminal *t = begin_to_compare(s);

        expect_same_shown(s, t, phone_starts);
        terminal_type(t, "y\n");
        expect_outcome(s, "answer", "same", "verified");
        terminal_expect(t, "is verified");
        expect_code(s, t, 0);
        scene_expect_state(s, "verified");
        scene_expect_believed(s, "peer", "signed");
        scene_expect_believed(s, "phone", "signed");
}

static void expect_a_call_is_seen(struct scene *s) {
        scene_call_begins(s, "c1");
        desk_expect(s->desk, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        scene_call_ends(s, "peer", "c1");
        desk_expect(s->desk, "offline", "before");
}

DESK_TEST(encrypted_sas, comparing_emoji_with_the_phone_verifies_the_session,
          .synapse = { .no_presence_limit = true }) {
        struct scene s = scene_begin(d);

        scene_expect_believed(&s, "peer", "absent");
        compare_and_agree(&s, false);
        expect_a_call_is_seen(&s);
        scene_end(&s);
}

/* The session is gone, here and there; and there is a new one, as a user makes it. Who keeps watch has the lock. */
static void expect_logged_out(struct scene *s) {
        struct world *w = s->desk->world;
        SCOPED(free) char *folder = strdup(world_state_path(w, "."));
        int lock = crypto_store_lock_wait(folder, ACCOUNT, (usec_t) patience() * USEC_PER_MSEC);

        desk_check(s->desk, lock >= 0, "the session is still in use");
        crypto_store_unlock(lock);
        desk_check(s->desk, !crypto_store_exists(folder, ACCOUNT), "the keys are still there");
        scene_expect_believed(s, "peer", "absent");
        desk_log_in(s->desk);
        free(s->device);
        s->device = device_find(s->desk->phone, "busyd");
        scene_expect_state(s, "unverified");
}

static void end_refused(struct scene *s, struct terminal *t, const char *words) {
        terminal_expect(t, words);
        terminal_expect(t, "was logged out");
        expect_code(s, t, 1);
        expect_logged_out(s);
}

static pid_t pid_of(struct scene *s) {
        SCOPED(free) char *text = file_text(world_path(s->desk->world, "pid"));

        return (pid_t) atol(text);
}

DESK_TEST(encrypted_sas, however_else_it_ends_no_unsigned_session_stays) {
        struct scene s = scene_begin(d);
        struct terminal *t = begin_to_compare(&s);

        free(driver_do(s.js, "phone", "decline", NULL));
        end_refused(&s, t, "cancelled on the other session");
        terminal_free(t);

        t = begin_to_compare(&s);
        expect_same_shown(&s, t, false);
        scene_expect_believed(&s, "peer", "unsigned");
        terminal_type(t, "n\n");
        expect_outcome(&s, "outcome", NULL, "cancel");
        end_refused(&s, t, "is not the same");
        terminal_free(t);

        t = begin_to_compare(&s);
        expect_same_shown(&s, t, false);
        terminal_type(t, "y\n");
        expect_outcome(&s, "answer", "different", "cancel");
        end_refused(&s, t, "is not the same");
        terminal_free(t);

        t = begin_to_compare(&s);
        expect_same_shown(&s, t, false);
        terminal_type(t, "\x03");
        expect_outcome(&s, "outcome", NULL, "cancel");
        end_refused(&s, t, "Interrupted");
        terminal_free(t);

        /* Killed, so that nothing more is said. */
        t = begin_to_compare(&s);
        expect_same_shown(&s, t, false);
        cr_assert_eq(kill(pid_of(&s), SIGKILL), 0);
        expect_logged_out(&s);
        terminal_free(t);

        /* The terminal is closed. */
        t = begin_to_compare(&s);
        free(driver_do(s.js, "phone", "awaitQuestion", NULL));
        terminal_free(t);
        expect_logged_out(&s);

        /* After all of that it works; both may begin at once. */
        compare_and_agree(&s, true);
        scene_end(&s);
}
