/* State files that are gone, torn, or not files at all: what stands on the server is given back all the same, and what
 * is wrong is said. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "json/json.h"
#include "system/harness.h"

#define CLAIMS "claims.json"
#define FIELD  "org.matrix.msc4426.call"

static void person_is_there(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
}

static void in_call_as(struct world *w, const char *shown) {
        person_is_there(w);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        expect_presence(w, shown, "In a call");
        check(w, hs_wait_profile(w->hs, FIELD, true, patience()), "the field is not set");
}

static void in_call(struct world *w) {
        in_call_as(w, HS_BUSY);
}

static void expect_said(struct world *w, const char *part) {
        SCOPED_RUN status = { 0 };
        SCOPED_RUN doctor = { 0 };

        check(w, peer_wait_has(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Problem", part), "Problem does not say \"%s\"",
              part);
        status = world_busyctl(w, NULL, "status", NULL);
        check(w, strstr(status.out, part), "status: %s%s", status.out, status.err);
        doctor = world_busyctl(w, NULL, "doctor", NULL);
        check(w, strstr(doctor.out, part), "doctor: %s%s", doctor.out, doctor.err);
}

/* ---- the journal (A15) ---- */

/* In the middle of an entry. */
static void tear(const char *path) {
        struct stat st;

        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(truncate(path, st.st_size / 2), 0);
}

/* A letter of the words in it, so that the entry is still JSON, and wrong. */
static void flip_a_bit(const char *path) {
        SCOPED(free) char *text = file_text(path);
        char *words = strstr(text, "Reading");

        cr_assert_not_null(words);
        words[0] ^= 1;
        file_put(path, text);
}

static void is_gone(const char *path) {
        cr_assert_eq(unlink(path), 0);
}

/* The rest is empty, which is something else than gone. */
static void is_gone_and_the_rest_is_empty(const char *path) {
        static const char *const rest[] = { "accounts.json", "history.json", "mode.json" };

        is_gone(path);
        for (size_t i = 0; i < ARRAY_SIZE(rest); i++) {
                char beside[PATH_MAX];

                cr_assert_lt(snprintf(beside, sizeof(beside), "%.*s%s", (int) (strrchr(path, '/') + 1 - path), path,
                                      rest[i]),
                             (int) sizeof(beside));
                cr_assert(truncate(beside, 0) == 0 || errno == ENOENT);
        }
}

static const struct loss_row {
        const char *what;
        void (*spoil)(const char *path);
        const char *said;
} losses[] = {
        { "missing", is_gone, CLAIMS " is missing" },
        { "torn", tear, CLAIMS " was damaged" },
        { "flipped", flip_a_bit, CLAIMS " was damaged" },
};

/* Which calls go on, such a busyd does not know any more. */
static const struct loss_row all_lost = { "missing, the rest empty", is_gone_and_the_rest_is_empty,
                                          CLAIMS " is missing" };

/* On servers with one value for the user as on those with one for each device. */
static const struct kind_row {
        enum hs_kind kind;
        const char *in_call;
        const char *state, *words; /* afterwards: what was there before is known to the server alone, or to nobody */
} kinds[] = { { HS_SYNAPSE, HS_BUSY, "online", "" },
              { HS_TUWUNEL, "busy", "online", "Reading" },
              { HS_DENDRITE, "unavailable", "offline", "" } };

static struct world *lost_in_a_call(const struct loss_row *row, const struct kind_row *kind) {
        struct world *w = world_new(&(struct world_options){ .homeserver.kind = kind->kind });

        fprintf(stderr, "%s, others see %s\n", row->what, kind->in_call);
        in_call_as(w, kind->in_call);
        world_kill(w);
        row->spoil(world_state_path(w, CLAIMS));
        return w;
}

static void expect_nothing_of_ours(struct world *w, const struct kind_row *kind) {
        expect_presence(w, kind->state, kind->words);
        check(w, hs_wait_profile(w->hs, FIELD, false, patience()), "the field is still set");
        expect_nothing_owed(w);
}

static void taken_back(const struct loss_row *row, const struct kind_row *kind) {
        struct world *w = lost_in_a_call(row, kind);

        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_nothing_of_ours(w, kind);
        expect_said(w, row->said);
        world_end(w);
}

Test(state, what_stands_there_is_taken_back_whatever_became_of_the_journal) {
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
                taken_back(&all_lost, &kinds[k]);
        for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
                        taken_back(&losses[i], &kinds[k]);
}

static void held_on(const struct loss_row *row, const struct kind_row *kind) {
        struct world *w = lost_in_a_call(row, kind);
        SCOPED(json_decref) json_t *field = NULL;

        world_start_online(w);
        expect_claim(w, "held");
        expect_presence(w, kind->in_call, "In a call");
        field = hs_profile(w->hs, FIELD);
        check(w, json_integer_value(json_object_get(field, "call_joined_ts")) > 1000000000, "nobody joined in 1970");
        call_hangup(w, ROOM, "c1");
        expect_nothing_of_ours(w, kind);
        world_end(w);
}

Test(state, a_call_that_goes_on_is_followed_whatever_became_of_the_journal) {
        for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
                        held_on(&losses[i], &kinds[k]);
}

/* What is suspected is owed like anything else. */
WORLD_TEST(state, what_is_looked_for_outlasts_another_death) {
        in_call(w);
        world_kill(w);
        is_gone(world_state_path(w, CLAIMS));
        call_hangup(w, ROOM, "c1");
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/versions" }, .kind = HS_HANG });
        world_start(w);
        world_kill(w);
        hs_clear_faults(w->hs);
        world_start_online(w);
        expect_nothing_of_ours(w, &kinds[0]);
}

/* Nothing is written where nothing of ours stands. */
WORLD_TEST(state, without_a_journal_a_persons_words_stay) {
        in_call(w);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        world_kill(w);
        is_gone(world_state_path(w, CLAIMS));
        hs_person_sets(w->hs, PHONE, "online", "Lunch");
        world_start_online(w);
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "online", "Lunch", 0), "a person's words are gone");
}

/* ---- what is no file (A16) ---- */

static void make_fifo(const char *path) {
        cr_assert_eq(mkfifo(path, 0600), 0);
}

static void make_folder(const char *path) {
        cr_assert_eq(mkdir(path, 0700), 0);
}

static void make_loop(const char *path) {
        cr_assert_eq(symlink(path, path), 0);
}

static void make_socket(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        cr_assert_eq(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
}

static void one_call_beside(void (*make)(const char *path)) {
        static const char *const files[] = { CLAIMS,         "accounts.json", "mode.json",
                                             "history.json", "ignore.json",   "lock" };
        struct world *w = world_new(NULL);

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                make(world_state_path(w, files[i]));
        in_call(w);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
        world_end(w);
}

Test(state, starts_beside_what_is_no_file) {
        one_call_beside(make_fifo);
        one_call_beside(make_socket);
        one_call_beside(make_loop);
        one_call_beside(make_folder);
}

/* A session that is no file costs its account only. */
Test(state, starts_beside_a_session_that_is_no_file) {
        static void (*const make[])(const char *) = { make_fifo, make_socket, make_loop, make_folder };

        for (size_t i = 0; i < ARRAY_SIZE(make); i++) {
                struct world *w = world_new(NULL);

                make[i](world_state_path(w, "session-strange.json"));
                in_call(w);
                check(w, world_wait_log(w, "session-strange.json is not used"), "not told");
                world_end(w);
        }
}

/* The state folder alone, in a name space of this test's own. */
static void make_read_only(struct world *w) {
        const char *dir = world_state_path(w, "");

        if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
            mount(dir, dir, NULL, MS_BIND, NULL) == 0 &&
            mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0)
                return;
        if (geteuid() == 0 || chmod(dir, 0500) < 0)
                cr_skip_test("neither a file system of its own nor a folder without rights can be had");
}

static void make_writable(struct world *w) {
        if (umount2(world_state_path(w, ""), MNT_DETACH) < 0)
                cr_assert_eq(chmod(world_state_path(w, ""), 0700), 0);
}

WORLD_TEST(state, on_a_read_only_file_system_it_gives_back_what_it_can) {
        in_call(w);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        make_read_only(w);
        world_start_online(w);
        expect_presence(w, "online", "Reading");
        expect_said(w, "nothing can be kept");
        make_writable(w);
        expect_nothing_owed(w);
}

/* What cannot be journalled is not written; calls are seen all the same. */
WORLD_TEST(state, on_a_read_only_file_system_nothing_is_written_that_could_not_be_given_back) {
        make_read_only(w);
        person_is_there(w);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        expect_said(w, "nothing can be kept");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) == 0, "written without a journal");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        make_writable(w);
}

WORLD_TEST(state, what_is_owed_without_a_session_is_said_and_given_back_after_a_login) {
        in_call(w);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        cr_assert_eq(unlink(world_state_path(w, "session-" ACCOUNT ".json")), 0);
        world_start(w);
        expect_said(w, "busyctl login " ACCOUNT);
        world_session(w);
        world_signal(w, SIGHUP);
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}

/* The session goes in a call: busyd still has it, and gives back. */
WORLD_TEST(state, what_was_given_back_after_its_session_is_gone_is_not_said_to_be_there) {
        in_call(w);
        cr_assert_eq(unlink(world_state_path(w, "session-" ACCOUNT ".json")), 0);
        world_signal(w, SIGHUP);
        check(w, world_wait_log(w, "Account " ACCOUNT ": logged out; giving back"), "not given back");
        expect_presence(w, "online", "Reading");
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Problem", ""), "still said");
}

/* ---- what others see comes first (C7) ---- */

/* Waits until `part` has happened, and returns what was done until then, from `mark` on. */
static char *done_until(struct world *w, const char *part, size_t mark) {
        for (int64_t i = 0; i < patience(); i += 50) {
                SCOPED(free) char *order = file_text(world_path(w, "order"));
                char *found = strlen(order) > mark ? strstr(order + mark, part) : NULL;

                if (found) {
                        *found = '\0';
                        return strdup(order + mark);
                }
                world_look_again(w);
        }
        check(w, false, "\"%s\" did not happen", part);
        return NULL;
}

/* The journal, and the folder that it is in. */
static bool is_journals(const char *line) {
        return strstr(line, CLAIMS) || strcmp(strrchr(line, '/') ?: "", "/busyd") == 0;
}

static void check_only_the_journal(struct world *w, char *done) {
        unsigned n = 0;

        for (char *rest = NULL, *line = strtok_r(done, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                if (strncmp(line, "flush ", 6) != 0)
                        continue;
                check(w, is_journals(line), "before others see anything: %s", line);
                n++;
        }
        check(w, n > 0, "the journal was not flushed before the write");
}

static size_t order_length(struct world *w) {
        SCOPED(free) char *order = file_text(world_path(w, "order"));

        return strlen(order);
}

#define AND_ITS_FOLDER "\nflush "

WORLD_TEST(state, only_the_journal_is_flushed_before_what_others_see) {
        SCOPED(free) char *begin = NULL, *end = NULL, *later = NULL;
        size_t mark;

        world_preload(ORDER_LIBRARY, "ORDER_FILE", world_path(w, "order"));
        person_is_there(w);
        world_start_online(w);
        free(done_until(w, "accounts.json" AND_ITS_FOLDER, 0)); /* what a start has to keep is kept */
        mark = order_length(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        begin = done_until(w, "PUT /_matrix/client/v3/presence/", mark);
        check_only_the_journal(w, begin);
        later = done_until(w, "history.json" AND_ITS_FOLDER, mark);
        mark = order_length(w);
        call_hangup(w, ROOM, "c1");
        end = done_until(w, "PUT /_matrix/client/v3/presence/", mark);
        check(w, !strstr(end, "flush"), "before it is given back: %s", end);
        expect_nothing_owed(w);
}
