/* What accounts have in the keyring. The keyring is played by this file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "busyd/vault.h"
#include "control/control.h"
#include "keyring/keyring.h"

#define JOBS_MAX (ACCOUNTS_MAX + 1)

struct keyring_job {
        char id[16];
        keyring_done_t done;
        void *userdata;
        bool under_way;
};

static struct keyring_job jobs[JOBS_MAX];
static size_t n_jobs;

static int start(struct keyring_job **ret, const char *id, keyring_done_t done, void *userdata) {
        cr_assert_lt(n_jobs, JOBS_MAX);
        *ret = &jobs[n_jobs++];
        **ret = (struct keyring_job){ .done = done, .userdata = userdata, .under_way = true };
        (void) snprintf((*ret)->id, sizeof((*ret)->id), "%s", id);
        return 0;
}

int keyring_get(struct keyring_job **ret, sd_bus *bus, const char *id, enum keyring_may_ask ask, keyring_done_t done,
                void *userdata) {
        return start(ret, id, done, userdata);
}

int keyring_remove(struct keyring_job **ret, sd_bus *bus, const char *id, enum keyring_may_ask ask,
                   keyring_done_t done, void *userdata) {
        cr_assert_eq(ask, KEYRING_ASKS_NOBODY);
        return start(ret, id, done, userdata);
}

struct keyring_job *keyring_job_free(struct keyring_job *j) {
        if (j)
                j->under_way = false;
        return NULL;
}

int keyring_watch_new(struct keyring_watch **ret, sd_bus *bus, void (*changed)(void *userdata), void *userdata) {
        return -ENOTCONN;
}

struct keyring_watch *keyring_watch_free(struct keyring_watch *w) {
        return NULL;
}

int control_set_account(struct control *c, const struct control_account_view *v) {
        return 0;
}

static void answer(size_t i, enum keyring_outcome outcome) {
        cr_assert(jobs[i].under_way, "%zu", i);
        jobs[i].done(&(struct keyring_answer){ .outcome = outcome, .problem = "no", .secret = "s3cret" },
                     jobs[i].userdata);
        cr_assert_not(jobs[i].under_way, "%zu is over", i);
}

static size_t n_under_way(void) {
        size_t n = 0;

        for (size_t i = 0; i < n_jobs; i++)
                n += jobs[i].under_way;
        return n;
}

static struct vault vault;

static void setup(void) {
        n_jobs = 0;
        vault = (struct vault){ .what = "its tokens are", .bus = (sd_bus *) &jobs };
}

static void teardown(void) {
        vault_done(&vault);
        cr_assert_eq(n_under_way(), 0, "what is asked goes with it");
}

TestSuite(busyd_vault, .init = setup, .fini = teardown);

/* Each account that was logged in anew has an entry of before. */
Test(busyd_vault, entries_are_removed_as_many_as_there_are) {
        vault_remove(&vault, "one");
        vault_remove(&vault, "two");
        vault_remove(&vault, "three");
        cr_assert_eq(n_jobs, 3, "%zu", n_jobs);
        cr_assert_str_eq(jobs[1].id, "two");
        answer(1, KEYRING_DONE);
        cr_assert_eq(n_under_way(), 2, "the others go on");
        answer(0, KEYRING_LOCKED);
        vault_remove(&vault, "four");
        cr_assert_str_eq(jobs[3].id, "four");
        cr_assert_eq(n_under_way(), 2);
}

/* No account has two. */
Test(busyd_vault, no_more_are_removed_at_a_time_than_there_are_accounts) {
        for (unsigned i = 0; i <= ACCOUNTS_MAX; i++)
                vault_remove(&vault, "one");
        cr_assert_eq(n_jobs, ACCOUNTS_MAX, "%zu", n_jobs);
        answer(7, KEYRING_DONE);
        vault_remove(&vault, "two");
        cr_assert_str_eq(jobs[ACCOUNTS_MAX].id, "two");
}

Test(busyd_vault, without_a_keyring_nothing_is_removed) {
        vault.bus = NULL;
        vault_remove(&vault, "one");
        cr_assert_eq(n_jobs, 0);
}

static void on_touched(void *userdata) {
}

static const struct session session = { .user_id = (char *) "@me:test", .homeserver = (char *) "https://test" };

static int look(void) {
        const char *secret = "";
        int r = vault_look(&vault, "home", &session, "one", &secret);

        cr_assert(r < 0 || streq(secret, "s3cret"));
        return r;
}

/* Whoever can do without it need not wait for longer than for an answer. */
Test(busyd_vault, an_entry_is_in_vain_once_the_keyring_has_said_so_until_it_is_asked_again) {
        vault.touched = on_touched;
        cr_assert_not(vault_is_in_vain(&vault, "home"));
        cr_assert(look() == -EAGAIN && !vault_is_in_vain(&vault, "home"));
        answer(0, KEYRING_LOCKED);
        cr_assert(look() == -EAGAIN && vault_is_in_vain(&vault, "home"));
        cr_assert_not(vault_is_in_vain(&vault, "work"));
        vault_retry(&vault);
        cr_assert_not(vault_is_in_vain(&vault, "home"), "it is asked");
        answer(1, KEYRING_DONE);
        cr_assert(look() == 0 && !vault_is_in_vain(&vault, "home"));
}
