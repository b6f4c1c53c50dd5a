/* What befalls a machine in the middle of a call: its disk is full, its clock is set, it stands still, the server
 * never answers again when it is told to end, nothing can be waited for. Others see the right thing all the same, and
 * what is wrong is said. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/harness.h"
#include "system/pace.h"
#include "system/terminal.h"
#include "util/clock.h"

#define FIELD "org.matrix.msc4426.call"
#define RTC   "org.matrix.msc3401.call.member"

static void person_is_there(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
}

static void expect_busy(struct world *w) {
        expect_claim(w, "held");
        expect_presence(w, HS_BUSY, "In a call");
}

static void in_call(struct world *w) {
        person_is_there(w);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_busy(w);
}

static void expect_given_back(struct world *w) {
        expect_presence(w, "online", "Reading");
        check(w, hs_wait_profile(w->hs, FIELD, false, patience()), "the field is still set");
        expect_nothing_owed(w);
}

static void expect_said(struct world *w, const char *part) {
        SCOPED_RUN status = { 0 };

        check(w, peer_wait_has(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Problem", part), "Problem does not say \"%s\"",
              part);
        status = world_busyctl(w, NULL, "status", NULL);
        check(w, strstr(status.out, part), "status: %s%s", status.out, status.err);
}

/* ---- a full disk ---- */

#define DISK "size=64k"

/* The state is on a small file system of its own, in a name space of this test's own. Before anything is written. */
static void on_a_small_disk(struct world *w) {
        const char *dir = world_state_path(w, "");

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("state", dir, "tmpfs", 0, DISK ",mode=0700") < 0)
                cr_skip_test("no file system of its own can be had");
        world_session(w);
}

static void fill(struct world *w) {
        static const char block[4096];
        int fd = open(world_state_path(w, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_neq(lseek(fd, 0, SEEK_END), -1);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        check(w, errno == ENOSPC, "the disk is not full: %s", strerror(errno));
        close(fd);
}

static void make_room(struct world *w) {
        cr_assert_eq(unlink(world_state_path(w, "filler")), 0);
}

static void end_disk(struct world *w) {
        if (w->busyd > 0)
                cr_assert_eq(world_stop(w), 0);
        cr_assert_eq(umount2(world_state_path(w, ""), MNT_DETACH), 0);
}

/* What cannot be journalled is not written; once there is room it is, without being told. */
WORLD_TEST(misfortunes, on_a_full_disk_nothing_is_written_that_could_not_be_given_back) {
        on_a_small_disk(w);
        person_is_there(w);
        fill(w);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        expect_said(w, "nothing can be kept");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) == 0, "written without a journal");
        make_room(w);
        expect_busy(w);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Problem", ""), "the problem stays");
        call_hangup(w, ROOM, "c1");
        expect_given_back(w);
        end_disk(w);
}

static struct run log_in(struct world *w) {
        return world_busyctl(w, HS_PASSWORD "\n", "login", "--user", HS_USER, "--homeserver", hs_url(w->hs),
                             "--password-stdin", NULL);
}

/* Nobody is asked for anything. */
WORLD_TEST(misfortunes, nobody_is_logged_in_where_no_session_can_be_kept, .no_session = true) {
        SCOPED_RUN full = { 0 }, again = { 0 };

        on_a_small_disk(w);
        cr_assert_eq(unlink(world_state_path(w, "session-" ACCOUNT ".json")), 0);
        fill(w);
        full = log_in(w);
        check(w,
              full.code == 1 && strstr(full.err, "could not be written down") && strstr(full.err, "Make room there"),
              "%d: %s", full.code, full.err);
        check(w, hs_count(w->hs, (struct hs_match){ .path = "*" }, 0) == 0, "the server was asked");
        make_room(w);
        again = log_in(w);
        check(w, again.code == 0, "%d: %s", again.code, again.err);
        end_disk(w);
}

/* Of a home that is only to be read. */
WORLD_TEST(misfortunes, a_home_that_cannot_be_written_to_is_named, .no_session = true) {
        const char *above = world_path(w, "state");
        SCOPED_RUN refused = { 0 }, doctor = { 0 };

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("state", above, "tmpfs", MS_RDONLY, NULL) < 0)
                cr_skip_test("no file system of its own can be had");
        refused = log_in(w);
        check(w,
              refused.code == 1 && strstr(refused.err, "Read-only file system") &&
                      strstr(refused.err, "XDG_STATE_HOME"),
              "%d: %s", refused.code, refused.err);
        doctor = world_busyctl(w, NULL, "doctor", NULL);
        check(w, doctor.code == 1 && strstr(doctor.out, "cannot be made: Read-only file system"), "%d: %s",
              doctor.code, doctor.out);
        world_start(w);
        expect_said(w, "Read-only file system");
        cr_assert_eq(world_stop(w), 0);
        cr_assert_eq(umount2(world_path(w, "state"), MNT_DETACH), 0);
}

/* The disk is full by the time that the server has answered. */
WORLD_TEST(misfortunes, a_session_that_cannot_be_kept_does_not_stay_on_the_server, .no_session = true) {
        struct hs_match login = { .method = "POST", .path = "*/login" },
                        logout = { .method = "POST", .path = "*/logout" };
        SCOPED(terminal_free) struct terminal *t = NULL;

        on_a_small_disk(w);
        cr_assert_eq(unlink(world_state_path(w, "session-" ACCOUNT ".json")), 0);
        hs_fault(w->hs, &(struct hs_fault){ .match = login, .kind = HS_HOLD_AFTER });
        t = terminal_login(w, HS_USER);
        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        check(w, hs_wait_request(w->hs, login, 0, patience(), NULL), "%s", terminal_text(t));
        fill(w);
        hs_clear_faults(w->hs);
        terminal_expect(t, "Cannot store the session");
        check(w, terminal_end(t) == 1, "%s", terminal_text(t));
        check(w, hs_count(w->hs, logout, 0) == 1, "the session stays: %s", terminal_text(t));
        end_disk(w);
}

/* Others see it; that it has been done cannot be kept, and is said. */
static void expect_back_and_said(struct world *w) {
        SCOPED_RUN status = { 0 };

        expect_presence(w, "online", "Reading");
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Outputs", "cannot be crossed out"),
              "it is not said");
        status = world_busyctl(w, NULL, "status", NULL);
        check(w, strstr(status.out, "No space left on device"), "status: %s%s", status.out, status.err);
}

WORLD_TEST(misfortunes, what_stands_is_given_back_though_the_disk_is_full) {
        on_a_small_disk(w);
        in_call(w);
        fill(w);
        call_hangup(w, ROOM, "c1");
        expect_back_and_said(w);
        make_room(w);
        expect_given_back(w);
        end_disk(w);
}

/* It dies as well, and comes back on a disk that is still full. */
WORLD_TEST(misfortunes, what_was_owed_is_given_back_after_a_death_on_a_full_disk) {
        on_a_small_disk(w);
        in_call(w);
        fill(w);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_back_and_said(w);
        make_room(w);
        expect_given_back(w);
        end_disk(w);
}

/* ---- a clock that is set ---- */

#define DAY  INT64_C(86400)
#define YEAR (365 * DAY)

static void joins(struct world *w) {
        hs_send(w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:I}}", "type", RTC, "sender", HS_USER, "state_key",
                          "_" HS_USER "_" PHONE "_m.call", "content", "application", "m.call", "call_id", "",
                          "device_id", PHONE, "expires", INT64_C(14400000)));
}

static void leaves(struct world *w) {
        hs_send(w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:s,s:{}}", "type", RTC, "sender", HS_USER, "state_key",
                          "_" HS_USER "_" PHONE "_m.call", "content"));
}

/* Kept up by no state: it lasts as long as it says, from when it was sent. */
static void sticks(struct world *w, const char *slot) {
        json_t *content = json_pack("{s:s}", "msc4354_sticky_key", "k");

        if (slot)
                json_object_update_new(content,
                                       json_pack("{s:s,s:{s:s,s:s,s:s},s:{s:s},s:[],s:[]}", "slot_id", slot, "member",
                                                 "id", "k", "user_id", HS_USER, "device_id", PHONE, "application",
                                                 "type", "m.call", "rtc_transports", "versions"));
        hs_send(w->hs, OTHER_ROOM,
                json_pack("{s:s,s:s,s:o,s:{s:I}}", "type", "m.rtc.member", "sender", HS_USER, "content", content,
                          "msc4354_sticky", "duration_ms", INT64_C(3600000)));
}

static void joins_slot(struct world *w) {
        sticks(w, "m.call#ROOM");
}

static void leaves_slot(struct world *w) {
        sticks(w, NULL);
}

/* Each call has an id of its own, as in life. */
static unsigned n_calls;

static const char *call_id(void) {
        static char id[16];

        (void) snprintf(id, sizeof(id), "n%u", n_calls);
        return id;
}

static void takes(struct world *w) {
        n_calls++;
        call_starts(w, ROOM, call_id());
}

static void hangs_up(struct world *w) {
        call_hangup(w, ROOM, call_id());
}

static void by_hand_busy(struct world *w) {
        SCOPED_RUN run = world_busyctl(w, NULL, "busy", "--for", "2h", NULL);

        check(w, run.code == 0, "%s", run.err);
}

static void by_hand_auto(struct world *w) {
        by_hand(w, "auto");
}

static const struct reason_row {
        const char *what;
        void (*begins)(struct world *w), (*ends)(struct world *w);
} reasons[] = {
        { "a call of one to one", takes, hangs_up },
        { "a membership of a call", joins, leaves },
        { "a sticky membership", joins_slot, leaves_slot },
        { "by hand for two hours", by_hand_busy, by_hand_auto },
};

static const int64_t jumps[] = { 10 * YEAR, -YEAR, 3600, -3600, 0 };

/* Something happens that makes busyd look. */
static void event_beside(struct world *w) {
        hs_send(w->hs, "!beside:test",
                json_pack("{s:s,s:s,s:{s:s}}", "type", "m.call.hangup", "sender", OTHER_USER, "content", "call_id",
                          "x"));
        check(w, hs_wait_seen(w->hs, patience()), "it does not poll on");
}

/* Set there and back in the middle of it, and left so at its end. */
static void set_within(const struct reason_row *row) {
        struct world *w = world_new(NULL);
        int64_t *shift = world_shift_clocks(w, SHIFT_LIBRARY, "SHIFT_FILE");

        fprintf(stderr, "%s\n", row->what);
        person_is_there(w);
        world_start_online(w);
        row->begins(w);
        expect_claim(w, "held");
        for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
                size_t mark = hs_n_shown(w->hs);

                *shift = jumps[i];
                event_beside(w);
                check(w, hs_wait_presence(w->hs, HS_BUSY, NULL, 0), "given back at %+jd s", (intmax_t) jumps[i]);
                check(w, hs_n_shown(w->hs) == mark, "others saw something at %+jd s", (intmax_t) jumps[i]);
        }
        *shift = jumps[0];
        row->ends(w);
        expect_given_back(w);
        /* ... and the next one is noticed at once. */
        *shift = jumps[1];
        row->begins(w);
        expect_claim(w, "held");
        row->ends(w);
        expect_given_back(w);
        world_end(w);
}

Test(misfortunes, a_clock_that_is_set_changes_nothing_of_what_goes_on) {
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
                set_within(&reasons[i]);
}

/* Between the death and the start: the battery of the clock is empty, say. */
static void set_between(const struct reason_row *row, int64_t jump, bool ends_before) {
        struct world *w = world_new(NULL);
        int64_t *shift = world_shift_clocks(w, SHIFT_LIBRARY, "SHIFT_FILE");

        fprintf(stderr, "%s, %+jd s\n", row->what, (intmax_t) jump);
        person_is_there(w);
        world_start_online(w);
        row->begins(w);
        expect_claim(w, "held");
        world_kill(w);
        *shift = jump;
        if (ends_before)
                row->ends(w);
        world_start_online(w);
        if (!ends_before) {
                expect_claim(w, "held");
                expect_presence(w, HS_BUSY, NULL);
                row->ends(w);
        }
        expect_given_back(w);
        world_end(w);
}

Test(misfortunes, a_clock_that_is_set_between_two_starts_changes_nothing_of_what_is_owed) {
        for (size_t i = 0; i < 3; i++)
                for (size_t k = 0; k < 2; k++)
                        set_between(&reasons[i], jumps[k], i % 2 == k);
}

/* ---- a machine that stands still ---- */

static void stand_still(struct world *w) {
        usec_t until = clock_now() + 2 * USEC_PER_SEC;

        while (clock_now() < until)
                world_look_again(w);
}

/* Everything happens in the meantime: the call ends, the person writes, the server restarts and cuts the connections.
 */
WORLD_TEST(misfortunes, what_happened_while_it_stood_still_is_made_up_for) {
        in_call(w);
        world_signal(w, SIGSTOP);
        call_hangup(w, ROOM, "c1");
        hs_stop(w->hs);
        cr_assert_eq(hs_start(w->hs, HS_KEEPS), 0);
        stand_still(w);
        world_signal(w, SIGCONT);
        expect_given_back(w);
        call_starts(w, ROOM, "c2");
        expect_busy(w);
        call_hangup(w, ROOM, "c2");
        expect_given_back(w);
}

/* ---- told to end while the server never answers ---- */

/* The unit gives it 8 s. */
#define END_MAX (8 * USEC_PER_SEC)

static const struct silence_row {
        const char *what;
        enum hs_fault_kind kind;
} silences[] = {
        { "nothing comes", HS_HANG },
        { "it is done, and nobody says so", HS_HOLD_AFTER },
        { "it never comes to an end", HS_ENDLESS },
        { "cut", HS_DROP_BEFORE },
        { "done and cut", HS_DROP_AFTER },
};

static void told_to_end(const struct silence_row *row) {
        struct world *w = world_new(NULL);
        usec_t began;

        fprintf(stderr, "%s\n", row->what);
        in_call(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*" }, .kind = row->kind, .status = 200 });
        began = clock_now();
        check(w, world_stop(w) == 0, "it failed");
        check(w, clock_now() - began < END_MAX * (usec_t) (paced(1000)) / 1000, "it took too long");
        hs_clear_faults(w->hs);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_given_back(w);
        world_end(w);
}

Test(misfortunes, it_ends_in_time_though_the_server_never_answers) {
        for (size_t i = 0; i < ARRAY_SIZE(silences); i++)
                told_to_end(&silences[i]);
}

/* ---- nothing can be waited for ---- */

static void in_call_with_a_loop_that_may_break(struct world *w) {
        world_preload(BROKEN_LOOP_LIBRARY, "BROKEN_LOOP_FILE", world_path(w, "broken"));
        in_call(w);
}

/* Whatever wakes it: it is done, and the next wait fails. */
static void expect_failed_end(struct world *w) {
        SCOPED(free) char *log = NULL;
        int code;

        world_signal(w, SIGHUP);
        code = world_wait_end(w);
        log = world_log(w);
        check(w, code == 1 && strstr(log, "The event loop failed"), "busyd ended with %d", code);
}

WORLD_TEST(misfortunes, a_loop_that_fails_once_ends_busyd_which_gives_back) {
        in_call_with_a_loop_that_may_break(w);
        file_put(world_path(w, "broken"), "");
        expect_failed_end(w);
        expect_presence(w, "online", "Reading");
        check(w, !world_owes(w, /* kept_too= */ false), "something is owed");
}

WORLD_TEST(misfortunes, a_loop_that_fails_for_good_ends_busyd_in_time) {
        usec_t began;

        in_call_with_a_loop_that_may_break(w);
        began = clock_now();
        cr_assert_eq(mkdir(world_path(w, "broken"), 0700), 0);
        expect_failed_end(w);
        check(w, clock_now() - began < END_MAX * (usec_t) (paced(1000)) / 1000, "it took too long");
        cr_assert_eq(rmdir(world_path(w, "broken")), 0);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_given_back(w);
}
