/* Each file of the state cut at each length, and with each byte changed, while something is owed: the real busyd
 * starts, gives back, and owes nothing. A sample; with BUSYD_TEST_ALL=1 each and every one, which takes half an hour.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/harness.h"

#define FIELD        "org.matrix.msc4426.call"
#define FILES_MAX    8
#define SESSION      "session-" ACCOUNT ".json"
#define SAMPLE       5
#define BITS_FLIPPED 0x41

struct spoilt {
        char name[NAME_MAX + 1];
        size_t size;
};

/* All that lies there but the lock, which is empty. */
static size_t files_of(struct world *w, struct spoilt files[static FILES_MAX]) {
        DIR *dir = opendir(world_state_path(w, ""));
        struct dirent *d;
        size_t n = 0;

        cr_assert_not_null(dir);
        while ((d = readdir(dir)) && n < FILES_MAX) {
                struct stat st;

                if (stat(world_state_path(w, d->d_name), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
                    strstr(d->d_name, ".broken"))
                        continue;
                (void) snprintf(files[n].name, sizeof(files[n].name), "%s", d->d_name);
                files[n++].size = (size_t) st.st_size;
        }
        closedir(dir);
        return n;
}

static void cut(const char *path, size_t at) {
        cr_assert_eq(truncate(path, (off_t) at), 0);
}

static void flip(const char *path, size_t at) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        char byte;

        cr_assert_eq(pread(fd, &byte, 1, (off_t) at), 1);
        byte ^= BITS_FLIPPED;
        cr_assert_eq(pwrite(fd, &byte, 1, (off_t) at), 1);
        close(fd);
}

/* Online, and in a call that others see; then it dies. */
static void dies_in_a_call(struct world *w, unsigned n) {
        char id[16];

        (void) snprintf(id, sizeof(id), "c%u", n);
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        call_starts(w, ROOM, id);
        expect_claim(w, "held");
        expect_presence(w, HS_BUSY, NULL);
        world_kill(w);
        call_hangup(w, ROOM, id);
}

/* The words of before are lost at most: where the journal is not readable, nobody knows them. */
static void expect_given_back(struct world *w) {
        SCOPED(free) char *state = NULL, *words = NULL;

        expect_presence(w, "online", NULL);
        expect_nothing_owed(w);
        check(w, hs_wait_profile(w->hs, FIELD, false, patience()), "the field is still set");
        hs_presence(w->hs, &state, &words);
        check(w, streq(words, "Reading") || streq(words, ""), "words of nobody: %s", words);
}

/* What is wrong with a session costs its account, until it is right again. */
static void comes_back(struct world *w, const char *name, const char *session) {
        if (!streq(name, SESSION)) {
                world_start_online(w);
                return;
        }
        world_start(w);
        file_put(world_state_path(w, SESSION), session);
        world_signal(w, SIGHUP);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "the account is not online");
}

/* `at` goes through all of [0, n) when all are wanted, else through a few that are evenly spread, the ends included.
 */
static size_t next(size_t at, size_t n) {
        size_t step = getenv("BUSYD_TEST_ALL") || n <= SAMPLE ? 1 : (n - 1) / (SAMPLE - 1);

        return at + step;
}

static void each_spoilt(void (*spoil)(const char *path, size_t at)) {
        struct world *w = world_new(NULL);
        SCOPED(free) char *session = file_text(world_state_path(w, SESSION));
        struct spoilt files[FILES_MAX];
        unsigned calls = 0;
        size_t n;

        hs_client_polls(w->hs, PHONE, "online");
        world_start_online(w);
        by_hand(w, "pause");
        by_hand(w, "auto");
        dies_in_a_call(w, calls++);
        n = files_of(w, files);
        check(w, n >= 4, "only %zu files", n);
        for (size_t i = 0; i < n; i++)
                for (size_t at = 0; at < files[i].size; at = next(at, files[i].size)) {
                        struct stat st;

                        fprintf(stderr, "%s at %zu\n", files[i].name, at);
                        /* It may have become shorter since. */
                        if (stat(world_state_path(w, files[i].name), &st) == 0 && (size_t) st.st_size > at)
                                spoil(world_state_path(w, files[i].name), at);
                        comes_back(w, files[i].name, session);
                        expect_given_back(w);
                        dies_in_a_call(w, calls++);
                }
        world_start_online(w);
        expect_given_back(w);
        world_end(w);
}

Test(state_files, are_cut_at_any_length_and_what_is_owed_is_given_back) {
        each_spoilt(cut);
}

Test(state_files, have_a_byte_changed_anywhere_and_what_is_owed_is_given_back) {
        each_spoilt(flip);
}
