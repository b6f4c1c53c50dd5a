/* The set of accounts: who is taken up, and who is let go when. The accounts themselves are played by this file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "busyd/accounts.h"
#include "busyd/outsiders.h"
#include "busyd/token.h"
#include "config/config.h"
#include "control/control.h"
#include "http/http.h"
#include "matrix/account.h"
#include "matrix/client/api.h"
#include "matrix/client/oauth.h"
#include "state/crypto-store.h"
#include "state/state.h"
#include "util_temp.h"

#define NAME "home"

/* What the one account is like, and what became of it. */
static struct {
        bool at_rest, owes, owes_itself, settled, offline;
        bool asks; /* in its turn, and is answered before the next one */
        struct accounts_wanted wanted;
        struct account_situation situation;
        unsigned n_new, n_freed, n_retries, n_wakes;
        int error;                      /* of the next new one */
        struct account_lessons learned; /* as it was made with */
        char since[32];                 /* ... "": from nowhere */
        char user[32], device[32];
        struct account_handler handler;
        const struct token_keeper *keeper; /* borrowed */
        bool decrypts, harms, signed_out;
        matrix_done_t logout; /* of the request that is out */
        void *logout_userdata;
        unsigned n_logouts, n_revocations;
        int revocation; /* what comes of it at once */
        struct call_sink sink;
        struct call_table *calls;
        unsigned n_source_ends;
        char shown[512]; /* the last on the bus */
        unsigned n_shown, n_hidden;
        struct instant at;
        struct config *config;
        struct state *state;
        struct accounts *accounts;
        struct temp_dir dir;
} t;

/* ---- accounts ---- */

int account_new(struct account **ret, struct http *http, const struct account_options *options,
                const struct account_handler *handler) {
        int r = t.error;

        t.error = 0;
        if (r < 0)
                return r;
        t.n_new++;
        t.learned = options->learned;
        (void) snprintf(t.since, sizeof(t.since), "%s", options->since ? options->since : "");
        (void) snprintf(t.user, sizeof(t.user), "%s", options->user_id);
        (void) snprintf(t.device, sizeof(t.device), "%s", options->device_id);
        t.handler = *handler;
        t.keeper = options->keeper;
        t.decrypts = options->encrypted != NULL;
        *ret = (struct account *) &t;
        return 0;
}
struct account *account_free(struct account *a) {
        t.n_freed += a != NULL;
        return NULL;
}
usec_t account_run(struct account *a, const struct account_situation *s, usec_t now) {
        t.situation = *s;
        t.offline = t.offline || t.asks;
        return USEC_NEVER;
}
int account_set_settings(struct account *a, const struct account_settings *settings, usec_t now) {
        return 0;
}
int account_set_appservice(struct account *a, const char *token, usec_t now) {
        return 0;
}
void account_tokens_kept(struct account *a, int error) {
}

void account_set_token(struct account *a, const char *token) {
}
void account_wake(struct account *a, bool gap) {
        t.n_wakes++;
}
void account_retry_now(struct account *a) {
        t.n_retries++;
}
const char *account_user_id(const struct account *a) {
        return t.user;
}
const char *account_device_id(const struct account *a) {
        return t.device;
}
const char *account_homeserver(const struct account *a) {
        return "https://test";
}
const char *account_server(const struct account *a) {
        return "";
}
enum connection_state account_state(const struct account *a) {
        return t.signed_out ? CONNECTION_SIGNED_OUT : t.offline ? CONNECTION_WAITING : CONNECTION_ONLINE;
}
const char *account_problem(const struct account *a) {
        return "";
}
usec_t account_retry_at(const struct account *a) {
        return USEC_NEVER;
}
bool account_is_settled(const struct account *a) {
        return t.settled;
}
bool account_owes(const struct account *a) {
        return t.owes || t.owes_itself;
}
bool account_owes_itself(const struct account *a) {
        return t.owes_itself;
}
bool account_is_at_rest(const struct account *a) {
        return t.at_rest;
}
bool account_encrypted(const struct account *a, struct encrypted_facts *ret) {
        *ret = (struct encrypted_facts){ .state = ENCRYPTED_UNVERIFIED, .harms = t.harms };
        return true;
}
bool account_report(struct account *a, size_t i, struct driver_report *ret) {
        return false;
}
const char *connection_state_to_string(enum connection_state s) {
        return s == CONNECTION_BROKEN ? "broken" : "online";
}

/* ---- what else stands around it ---- */

int http_new(struct http **ret, sd_event *event, const char *ca_file) {
        return 0;
}
struct http *http_free(struct http *h) {
        return NULL;
}
struct http_request *http_request_free(struct http_request *r) {
        return NULL;
}
int matrix_client_new(struct matrix_client **ret, struct http *http, const char *base_url, const char *token) {
        *ret = (struct matrix_client *) &t;
        return 0;
}
struct matrix_client *matrix_client_free(struct matrix_client *c) {
        return NULL;
}
int matrix_logout_post(struct matrix_client *c, matrix_done_t done, void *userdata, struct http_request **ret) {
        t.logout = done;
        t.logout_userdata = userdata;
        t.n_logouts++;
        *ret = (struct http_request *) &t;
        return 0;
}
int oauth_revoke(struct http *http, const struct session *s, oauth_done_t done, void *userdata,
                 struct http_request **ret) {
        t.n_revocations++;
        return t.revocation;
}
int token_command_start(struct token_command **ret, sd_event *event, sd_bus *user_bus, const char *command,
                        token_done_t done, void *userdata) {
        return -ENOSYS;
}
usec_t token_command_run(struct token_command *c, usec_t now) {
        return USEC_NEVER;
}
struct token_command *token_command_free(struct token_command *c) {
        return NULL;
}
int outsiders_get(struct outsiders *o, const char *name, const struct account_config *config,
                  struct session *session) {
        return -EAGAIN;
}
void outsiders_sweep(struct outsiders *o) {
}
void outsiders_retry(struct outsiders *o) {
}
usec_t outsiders_run(struct outsiders *o, usec_t now, bool *ret_news) {
        *ret_news = false;
        return USEC_NEVER;
}
const char *outsiders_take_rejected(struct outsiders *o) {
        return NULL;
}
bool outsiders_are_open(const struct outsiders *o) {
        return false;
}
const char *outsiders_name(const struct outsiders *o, size_t i) {
        return NULL;
}
bool outsiders_wait(const struct outsiders *o, const char *name) {
        return false;
}
bool outsiders_publish(struct outsiders *o, size_t i, struct control *control, const struct instant *at) {
        return false;
}
void outsiders_done(struct outsiders *o) {
}
int control_set_account(struct control *c, const struct control_account_view *v) {
        t.n_shown++;
        (void) snprintf(t.shown, sizeof(t.shown), "%s is %s: %s", v->name, v->state, v->problem);
        return 0;
}
void control_remove_account(struct control *c, const char *name) {
        t.n_hidden++;
}

static void on_report(void *userdata, const struct call_report *r) {
        cr_assert_fail("nobody calls");
}
static void on_end(void *userdata, const char *source, const char *id) {
        t.n_source_ends += streq(source, "matrix/" NAME) && !id;
}
static void on_touched(void *userdata) {
}
static void ignore_problem(const char *sentence, void *userdata) {
}

static void log_in_user(const char *user_id, const char *device, const char *token) {
        const struct session session = { .homeserver = (char *) "https://test",
                                         .user_id = (char *) user_id,
                                         .device_id = (char *) device,
                                         .access_token = (char *) token };

        cr_assert_eq(session_save(t.dir.path, NAME, &session), 0);
}

static void log_in_as(const char *device, const char *token) {
        log_in_user("@me:test", device, token);
}

static void log_in(const char *token) {
        log_in_as("BUSYD", token);
}

/* What `busyctl verify` leaves of a device, as far as it is looked at here. */
static void keep_device_by(const char *device_id, const char *keyring_id) {
        SCOPED(crypto_store_done)
        struct crypto_store s = { .user_id = strdup("@me:test"),
                                  .device_id = strdup(device_id),
                                  .keyring_id = keyring_id ? strdup(keyring_id) : NULL,
                                  .receiver = json_object() };

        cr_assert_eq(crypto_store_new_key(&s), 0);
        cr_assert_eq(crypto_store_save(t.dir.path, NAME, &s), 0);
}

static void keep_device(const char *device_id) {
        keep_device_by(device_id, NULL);
}

static void update(void) {
        cr_assert_eq(accounts_update(t.accounts, t.config, /* by_hand= */ true, &t.at), 0);
}

static void run_at(usec_t now) {
        t.at.now = now;
        (void) accounts_run(t.accounts, &t.wanted, &t.at);
}

static void publish(void) {
        t.n_shown = t.n_hidden = 0;
        accounts_publish(t.accounts, NULL, &t.at);
}

static void make_accounts(void) {
        cr_assert_eq(accounts_new(&t.accounts, &(struct accounts_context){ .state = t.state,
                                                                           .sink = &t.sink,
                                                                           .calls = t.calls,
                                                                           .touched = on_touched }),
                     0);
        update();
}

static void setup(void) {
        cr_assert_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        t.dir = temp_dir();
        t.at = (struct instant){ .now = USEC_PER_HOUR, .wall = 1000000 * USEC_PER_HOUR };
        t.sink = (struct call_sink){ .report = on_report, .end = on_end };
        t.at_rest = t.wanted.settled = true;
        (void) setenv("XDG_CONFIG_HOME", t.dir.path, 1);
        cr_assert_geq(config_load(&t.config, NULL, ignore_problem, NULL), 0);
        cr_assert_eq(state_open(&t.state, t.dir.path, NULL, NULL), 0);
        cr_assert_eq(call_table_new(&t.calls), 0);
        log_in("one");
        make_accounts();
        cr_assert_eq(t.n_new, 1);
}

static void teardown(void) {
        accounts_free(t.accounts);
        call_table_free(t.calls);
        state_free(t.state);
        config_free(t.config);
        temp_dir_scoped(&t.dir);
}

TestSuite(accounts, .init = setup, .fini = teardown);

Test(accounts, one_that_owes_nothing_goes_with_its_session) {
        cr_assert_eq(session_remove(t.dir.path, NAME), 0);
        update();
        cr_assert(t.n_freed == 1 && t.n_source_ends == 1, "its calls stay");
}

Test(accounts, what_is_owed_is_given_back_before_an_account_goes_with_its_session) {
        t.at_rest = false;
        cr_assert_eq(session_remove(t.dir.path, NAME), 0);
        update();
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert_eq(t.n_freed, 0, "gone with what is owed");
        cr_assert_not(t.situation.busy);
        t.at_rest = true;
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert_eq(t.n_freed, 1);
}

Test(accounts, one_whose_session_is_refused_is_shown_with_what_helps) {
        const char *file = temp_path(&t.dir, "session-" NAME ".json");

        cr_assert_eq(chmod(file, 0644), 0);
        update();
        publish();
        cr_assert(t.n_freed == 1 && t.n_shown == 1 && t.n_hidden == 0, "%u %u", t.n_shown, t.n_hidden);
        cr_expect(strstr(t.shown, NAME " is broken: ") && strstr(t.shown, file) && strstr(t.shown, "0600"), "%s",
                  t.shown);
        cr_assert_eq(chmod(file, 0600), 0);
        update();
        publish();
        cr_assert(t.n_new == 2 && t.n_shown == 1 && t.n_hidden == 0, "%u %u", t.n_shown, t.n_hidden);
        cr_expect_str_eq(t.shown, NAME " is online: ");
        cr_assert_eq(chmod(file, 0644), 0);
        update();
        publish();
        cr_assert(t.n_shown == 1 && t.n_hidden == 0, "%u %u", t.n_shown, t.n_hidden);
        cr_assert_eq(session_remove(t.dir.path, NAME), 0);
        update();
        publish();
        cr_expect(t.n_shown == 0 && t.n_hidden == 1, "still there: %s", t.shown);
}

Test(accounts, one_that_could_not_be_made_for_want_of_memory_is_made_later) {
        t.error = -ENOMEM;
        log_in("two");
        update();
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert(t.n_freed == 1 && t.n_new == 1);
        run_at(t.at.now + USEC_PER_HOUR);
        cr_assert_eq(t.n_new, 2, "it is lost until somebody reloads");
}

/* A session that does not work any more keeps nobody waiting. */
Test(accounts, giving_back_without_a_session_has_a_bound) {
        t.at_rest = false;
        cr_assert_eq(session_remove(t.dir.path, NAME), 0);
        update();
        run_at(t.at.now + USEC_PER_HOUR);
        cr_assert_eq(t.n_freed, 1);
}

Test(accounts, a_new_session_is_taken_up_when_the_old_one_has_given_back) {
        t.at_rest = false;
        log_in("two");
        update();
        cr_assert(t.n_new == 1 && t.n_freed == 0, "two write at once");
        t.at_rest = true;
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert(t.n_freed == 1 && t.n_new == 2);
}

Test(accounts, a_logout_waits_for_what_is_owed_however_long_it_takes) {
        t.at_rest = false;
        t.owes_itself = true;
        cr_assert_eq(accounts_let_go(t.accounts, NAME, t.at.now + 3 * USEC_PER_HOUR), 0);
        run_at(t.at.now + 2 * USEC_PER_HOUR);
        cr_assert_eq(t.n_freed, 0);
        t.at_rest = true;
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert_eq(t.n_freed, 0, "at rest, as one that is signed out is, and owed all the same");
        t.owes_itself = false;
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert_eq(t.n_freed, 1);
        update();
        cr_assert_eq(t.n_new, 2, "a session that is still there was not logged out after all");
}

Test(accounts, nobody_is_let_go_who_is_not_there) {
        cr_assert_eq(accounts_let_go(t.accounts, "work", USEC_NEVER), -ENOENT);
}

Test(accounts, each_hears_of_a_wake_and_of_a_retry) {
        accounts_wake(t.accounts, /* gap= */ true);
        accounts_retry_now(t.accounts);
        cr_assert(t.n_wakes == 1 && t.n_retries == 1);
}

/* From there it is read again what goes on, and what has ended meanwhile. */
Test(accounts, where_a_user_was_before_the_next_session_begins) {
        t.handler.position(t.handler.userdata, "s1", t.at.now, t.at.wall);
        run_at(t.at.now + 1);
        log_in_as("ANOTHER", "two");
        update();
        cr_assert_eq(t.n_new, 2);
        cr_assert_str_eq(t.since, "s1");
        t.handler.learned(t.handler.userdata, &(struct account_lessons){ .words = "Lunch" });
        run_at(t.at.now + 1);
        log_in_as("A THIRD", "three");
        update();
        cr_assert_str_eq(t.since, "s1", "lost with the words of a device");
        log_in_user("@you:test", "ANOTHER", "four");
        update();
        cr_assert_eq(t.n_new, 4);
        cr_assert_str_eq(t.since, "", "somebody else's");
        (void) call_table_report(t.calls, &(struct call_report){ .source = "matrix/" NAME,
                                                                 .id = "c1",
                                                                 .app = "",
                                                                 .what = "",
                                                                 .phase = CALL_ACTIVE,
                                                                 .lasts = USEC_NEVER });
        t.handler.position(t.handler.userdata, "s2", t.at.now, t.at.wall);
        run_at(t.at.now + 1);
        log_in_user("@you:test", "ANOTHER", "five");
        update();
        cr_assert_str_eq(t.since, "s2", "where somebody else was stands for where this one was before the call");
}

/* The tokens of a session are renewed, and all that is kept of it is replaced. */
Test(accounts, where_a_user_was_is_stored_as_theirs_after_a_renewal) {
        struct state_account stored;
        struct token_pair pair;

        cr_assert_eq(t.keeper->begin(t.keeper->userdata, &pair), 0);
        pair = (struct token_pair){ .access_token = "two", .refresh_token = "" };
        cr_assert_eq(t.keeper->put(t.keeper->userdata, &pair), 0);
        t.keeper->end(t.keeper->userdata);
        t.handler.position(t.handler.userdata, "s1", t.at.now, t.at.wall);
        run_at(t.at.now + 1);
        cr_assert_eq(state_get_account(t.state, NAME, &stored), 0);
        cr_assert_str_eq(stored.since, "s1");
        cr_assert_str_eq(stored.user_id, "@me:test");
        cr_assert_str_eq(stored.device_id, "BUSYD");
}

/* Words are a device's. */
Test(accounts, what_one_has_learned_the_next_run_knows) {
        struct account_lessons l = { .sticks = true, .words = "Lunch" };
        static const struct {
                const char *device;
                const char *words;
        } runs[] = { { "BUSYD", "Lunch" }, { "ANOTHER", "" }, { "BUSYD", "Lunch" } };

        t.handler.learned(t.handler.userdata, &l);
        run_at(t.at.now + 1);
        for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
                log_in_as(runs[i].device, "one");
                t.accounts = accounts_free(t.accounts);
                state_free(t.state);
                cr_assert_eq(state_open(&t.state, t.dir.path, NULL, NULL), 0);
                make_accounts();
                cr_assert(t.learned.sticks);
                cr_assert_str_eq(t.learned.words, runs[i].words, "%zu", i);
        }
        t.handler.learned(t.handler.userdata, &(struct account_lessons){ .sticks = true });
        run_at(t.at.now + 1);
        t.accounts = accounts_free(t.accounts);
        make_accounts();
        cr_assert_str_empty(t.learned.words, "none are known as well");
}

Test(accounts, a_device_is_taken_up_once_it_is_there) {
        keep_device("BUSYD");
        update();
        cr_assert(t.n_new == 2 && t.decrypts);
        update();
        cr_assert_eq(t.n_new, 2, "nothing has changed");
}

/* The configuration as it is from now on. */
static void configure(const char *text) {
        SCOPED(free) char *folder = NULL, *path = NULL;
        FILE *f;

        cr_assert_geq(asprintf(&folder, "%s/busyd", t.dir.path), 0);
        cr_assert_geq(asprintf(&path, "%s/busyd.conf", folder), 0);
        cr_assert(mkdir(folder, 0700) == 0 || errno == EEXIST);
        f = fopen(path, "we");
        cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
        config_free(t.config);
        t.config = NULL;
        cr_assert_geq(config_load(&t.config, NULL, ignore_problem, NULL), 0);
}

#define NOTHING_READ "[account " NAME "]\nencrypted-calls = off\n"

/* Nothing is read, but what others see of it is looked at. */
Test(accounts, so_is_one_that_nothing_is_read_with_once_it_is_there) {
        configure(NOTHING_READ);
        update();
        cr_assert(t.n_new == 2 && !t.decrypts);
        keep_device("BUSYD");
        log_in("two");
        update();
        cr_assert(t.n_new == 3 && t.decrypts, "whether it harms others is not looked at");
        update();
        cr_assert_eq(t.n_new, 3, "nothing has changed");
}

Test(accounts, one_that_is_switched_off_is_not_shown_whatever_its_session_is_like) {
        cr_assert_eq(chmod(temp_path(&t.dir, "session-" NAME ".json"), 0644), 0);
        configure("[account " NAME "]\nenabled = no\n");
        update();
        publish();
        cr_expect_eq(t.n_shown, 0, "%s", t.shown);
}

/* There it is as if there were none, and kept for when something is to be read. */
Test(accounts, one_that_cannot_be_used_costs_nothing_where_nothing_is_read) {
        SCOPED(free) char *path = NULL;
        static const int errors[] = { -EBADMSG, -EKEYREJECTED, -ENOPKG, -EOPNOTSUPP };
        unsigned n = 1;

        configure(NOTHING_READ);
        keep_device("EARLIER");
        update();
        cr_assert(t.n_new == ++n && !t.decrypts && crypto_store_exists(t.dir.path, NAME));
        keep_device("BUSYD");
        for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
                t.accounts = accounts_free(t.accounts);
                t.error = errors[i];
                make_accounts();
                cr_assert(t.n_new == ++n && !t.decrypts && crypto_store_exists(t.dir.path, NAME), "%d", errors[i]);
                update();
                cr_assert_eq(t.n_new, n, "%d: started anew at each look", errors[i]);
        }
        cr_assert_geq(asprintf(&path, "%s/crypto-" NAME ".json", t.dir.path), 0);
        cr_assert_eq(truncate(path, 1), 0);
        t.accounts = accounts_free(t.accounts);
        make_accounts();
        cr_assert(t.n_new == ++n && !t.decrypts && crypto_store_exists(t.dir.path, NAME));
}

Test(accounts, a_keyring_that_does_not_open_holds_up_nothing_where_nothing_is_read) {
        keep_device_by("BUSYD", "item");
        update();
        cr_assert_eq(t.n_new, 1, "it is used while its device waits");
        configure(NOTHING_READ);
        update();
        cr_assert(t.n_new == 2 && !t.decrypts);
}

/* As `busyctl verify` has it, however long that takes, and busyd may have been started anew meanwhile: it would take
 * what the other session says to this one, and renew its tokens. Whether there is a device yet is all the same, and
 * whether anything is to be read. */
static void expect_left_alone_while_verified(bool has_device, const char *config) {
        int lock;

        t.accounts = accounts_free(t.accounts);
        t.n_new = 0;
        configure(config);
        if (has_device)
                keep_device("BUSYD");
        lock = crypto_store_lock(t.dir.path, NAME);
        cr_assert_geq(lock, 0);
        make_accounts();
        run_at(t.at.now + USEC_PER_HOUR);
        cr_assert_eq(t.n_new, 0, "it is used by two");
        crypto_store_unlock(lock);
        run_at(t.at.now + USEC_PER_HOUR);
        cr_assert_eq(t.n_new, 1, "it is lost until somebody reloads");
}

Test(accounts, a_session_that_is_being_verified_is_left_alone) {
        expect_left_alone_while_verified(true, "");
}

Test(accounts, so_is_one_without_a_device_yet) {
        expect_left_alone_while_verified(false, "");
}

Test(accounts, so_is_one_that_nothing_is_read_with) {
        expect_left_alone_while_verified(true, NOTHING_READ);
}

static void expect_locked(const char *when) {
        cr_assert_eq(crypto_store_lock(t.dir.path, NAME), -EBUSY, "%s: who verifies uses it beside busyd", when);
}

Test(accounts, nobody_verifies_a_session_that_is_in_use) {
        int lock;

        expect_locked("no device");
        keep_device("EARLIER");
        update();
        expect_locked("the device of an earlier one");
        configure(NOTHING_READ);
        update();
        expect_locked("nothing is read");
        cr_assert_eq(accounts_let_go(t.accounts, NAME, t.at.now + USEC_PER_HOUR), 0);
        run_at(t.at.now + USEC_PER_SEC);
        lock = crypto_store_lock(t.dir.path, NAME);
        cr_assert_geq(lock, 0, "it is let go of, and cannot be verified");
        crypto_store_unlock(lock);
}

/* Nobody can verify there, either. */
Test(accounts, where_there_can_be_no_lock_a_session_without_a_device_is_used_all_the_same) {
        SCOPED(free) char *path = NULL;

        t.accounts = accounts_free(t.accounts);
        cr_assert_geq(asprintf(&path, "%s/crypto-" NAME ".lock", t.dir.path), 0);
        cr_assert(unlink(path) == 0 || errno == ENOENT);
        cr_assert_eq(mkdir(path, 0700), 0);
        make_accounts();
        cr_assert_eq(t.n_new, 2);
        cr_assert_eq(rmdir(path), 0);
}

Test(accounts, the_device_of_an_earlier_session_is_removed_and_not_used) {
        keep_device("EARLIER");
        update();
        cr_assert_not(t.decrypts);
        cr_assert_not(crypto_store_exists(t.dir.path, NAME));
        cr_assert_eq(t.n_new, 2);
        update();
        cr_assert_eq(t.n_new, 2, "started anew at each look");
}

/* ---- a device that harms others ---- */

static void answer_logout(enum matrix_outcome outcome) {
        t.logout(&(struct matrix_reply){ .outcome = outcome, .problem = "no", .now = t.at.now }, t.logout_userdata);
}

Test(accounts, a_session_whose_device_harms_others_is_ended) {
        run_at(t.at.now);
        cr_assert_eq(t.n_logouts, 0);
        t.harms = true;
        run_at(t.at.now);
        run_at(t.at.now);
        cr_assert_eq(t.n_logouts, 1);
        answer_logout(MATRIX_OK);
        run_at(t.at.now);
        cr_assert_eq(t.n_wakes, 1, "it does not find out");
        t.signed_out = true;
        run_at(t.at.now + 24 * USEC_PER_HOUR);
        cr_assert(t.n_logouts == 1 && t.n_wakes == 1 && t.n_freed == 0);
}

/* Its token was renewed while it was being revoked: the server says yes to one that it does not know. */
Test(accounts, a_session_that_goes_on_all_the_same_is_ended_again) {
        t.harms = true;
        run_at(t.at.now);
        answer_logout(MATRIX_OK);
        run_at(t.at.now);
        run_at(t.at.now + 59 * USEC_PER_MIN);
        cr_assert_eq(t.n_logouts, 1);
        run_at(t.at.now + USEC_PER_MIN);
        cr_assert_eq(t.n_logouts, 2);
        answer_logout(MATRIX_OK);
        t.offline = true;
        run_at(t.at.now + 2 * USEC_PER_HOUR);
        t.offline = false;
        t.signed_out = true;
        run_at(t.at.now);
        run_at(t.at.now + 2 * USEC_PER_HOUR);
        cr_assert(t.n_logouts == 2 && t.n_wakes == 2);
}

/* How often within a day the login server was asked. */
static unsigned revocations(int result) {
        const struct session session = { .homeserver = (char *) "https://test",
                                         .user_id = (char *) "@me:test",
                                         .device_id = (char *) "BUSYD2",
                                         .access_token = (char *) "two",
                                         .client_id = (char *) "client",
                                         .token_endpoint = (char *) "https://login.test/token" };

        cr_assert_eq(session_save(t.dir.path, NAME, &session), 0);
        update();
        cr_assert_eq(t.n_new, 2);
        t.harms = true;
        t.revocation = result;
        for (int hour = 0; hour < 24; hour++)
                run_at(t.at.now + USEC_PER_HOUR);
        return t.n_revocations;
}

/* It names no address for it, or none that a token may be sent to: that stays so as long as the session. */
Test(accounts, where_nothing_ends_a_session_that_is_said_once) {
        cr_assert_eq(revocations(-EOPNOTSUPP), 1);
}

Test(accounts, where_a_session_must_not_be_ended_in_the_open_that_is_said_once) {
        cr_assert_eq(revocations(-EPERM), 1);
}

Test(accounts, a_session_that_is_not_ended_for_want_of_memory_is_ended_later) {
        cr_assert_eq(revocations(-ENOMEM), 24);
}

Test(accounts, it_is_not_ended_before_all_is_given_back) {
        t.harms = t.owes_itself = true;
        run_at(t.at.now);
        t.owes_itself = t.at_rest = false;
        run_at(t.at.now);
        t.at_rest = t.offline = true;
        run_at(t.at.now);
        cr_assert_eq(t.n_logouts, 0);
        t.offline = false;
        t.owes = true;
        run_at(t.at.now);
        cr_assert_eq(t.n_logouts, 0, "whether another machine has done it can only be seen with the session");
        t.owes = false;
        run_at(t.at.now);
        cr_assert_eq(t.n_logouts, 1);
}

/* What is written while it ends could come first, and nobody could take it back. */
Test(accounts, a_call_and_its_end_do_not_meet) {
        t.harms = t.wanted.busy = true;
        run_at(t.at.now);
        cr_assert(t.n_logouts == 0 && t.situation.busy);
        t.wanted.busy = false;
        run_at(t.at.now);
        cr_assert_eq(t.n_logouts, 1);
        t.wanted.busy = t.wanted.likely = true;
        run_at(t.at.now);
        cr_assert_not(t.situation.busy || t.situation.likely, "begun in a session that is being ended");
        answer_logout(MATRIX_RETRY);
        run_at(t.at.now);
        cr_assert(t.situation.busy && t.situation.likely, "not even where it goes on");
        t.wanted.busy = false;
        run_at(t.at.now + USEC_PER_HOUR);
        answer_logout(MATRIX_OK);
        t.wanted.busy = true;
        run_at(t.at.now);
        cr_assert_not(t.situation.busy, "before the account has found out");
        cr_assert(t.n_logouts == 2 && t.n_wakes == 1);
        t.offline = true;
        run_at(t.at.now);
        cr_assert_not(t.situation.busy);
        t.offline = false;
        run_at(t.at.now);
        cr_assert(t.situation.busy, "the session has turned out to go on");
}

/* Between two turns it may have asked and been answered. */
Test(accounts, calls_show_again_in_a_session_that_is_found_to_go_on_at_once) {
        t.harms = true;
        run_at(t.at.now);
        answer_logout(MATRIX_OK);
        t.wanted.busy = t.asks = true;
        run_at(t.at.now);
        cr_assert_not(t.situation.busy);
        t.asks = t.offline = false;
        run_at(t.at.now);
        cr_assert(t.situation.busy, "the session has turned out to go on");
}

/* They are about to verify it, or end it themselves. */
Test(accounts, it_is_not_ended_in_the_hands_of_whoever_had_it_let_go) {
        t.owes_itself = true;
        t.at_rest = false;
        cr_assert_eq(accounts_let_go(t.accounts, NAME, t.at.now + 3 * USEC_PER_HOUR), 0);
        run_at(t.at.now + USEC_PER_SEC);
        t.harms = t.at_rest = true;
        t.owes_itself = false;
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert(t.n_logouts == 0 && t.n_freed == 1);
        update();
        run_at(t.at.now + USEC_PER_SEC);
        cr_assert(t.n_new == 2 && t.n_logouts == 1, "nor does it stay when nobody has verified it");
}

Test(accounts, a_server_that_does_not_end_it_is_asked_again) {
        t.harms = true;
        run_at(t.at.now);
        answer_logout(MATRIX_RETRY);
        run_at(t.at.now + 59 * USEC_PER_MIN);
        cr_assert_eq(t.n_logouts, 1);
        run_at(t.at.now + USEC_PER_MIN);
        cr_assert_eq(t.n_logouts, 2);
        answer_logout(MATRIX_OK);
}
