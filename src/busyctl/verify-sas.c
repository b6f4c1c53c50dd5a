/* busyctl verify --emoji: another session of the user, which their identity has signed, signs this one once the user
 * has seen that both show the same emoji; which is decided in matrix/crypto/sas.c.
 *
 * The other session can only know this one by keys that are on the server, so for these minutes there is a device that
 * nobody has signed. A process of its own keeps watch meanwhile: unless it is told that the signature is there, it
 * logs the session out, whatever has become of us. */
#ifdef WITH_E2EE
#include "busyctl/verify-sas.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "busyctl/logout.h"
#include "busyctl/print.h"
#include "busyctl/verifying.h"
#include "json/json.h"
#include "matrix/crypto/sas-emoji.h"
#include "matrix/crypto/sas.h"
#include "matrix/sync/events.h"
#include "util/random.h"

#define POLL_MAX   (30 * USEC_PER_SEC)
#define SIGNED_MAX (2 * USEC_PER_MIN) /* for the other session to put its signature on the server */
#define ANSWER_MAX 64
/* Clients pay no heed to a question of a device whose keys they do not have yet; nothing says when they do. */
#define KEYS_SPREAD (3 * USEC_PER_SEC)

struct comparing {
        struct verifying *v;
        struct sas *sas;
        char *since;      /* position of what is sent to this device */
        bool own_changed; /* the server says that something about the user's devices has changed */
        int tty;
        enum sas_phase told;
        int watch; /* the pipe of who keeps watch; -1: nobody */
        pid_t watcher;
};

/* ---- who keeps watch ---- */

__attribute__((noreturn)) static void keep_watch(const struct verifying *v, int pipe) {
        static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
        struct ctl c = { .when_absent = ABSENT_LEAVE, .quiet = true };
        char word;
        ssize_t n;

        for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
                (void) signal(ignored[i], SIG_IGN);
        homeserver_release_signals(v->server);
        (void) setsid();
        do
                n = read(pipe, &word, 1);
        while (n < 0 && errno == EINTR);
        _exit(n == 1 ? CTL_OK : logout_account(&c, v->folder, v->name, /* force= */ false));
}

/* It also holds the lock on the keys, so that nobody uses them before it has ended. */
static enum exit_code set_watch(struct comparing *c) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0) {
                complain("Cannot begin: %s", strerror(errno));
                return CTL_FAILED;
        }
        c->watcher = fork();
        if (c->watcher == 0) {
                (void) close(fds[1]);
                keep_watch(c->v, fds[0]);
        }
        (void) close(fds[0]);
        c->watch = fds[1];
        if (c->watcher > 0)
                return CTL_OK;
        complain("Cannot begin: %s", strerror(errno));
        return CTL_FAILED;
}

/* Whether the session lives on. */
static bool end_watch(struct comparing *c, bool is_signed) {
        int status = -1;

        if (c->watch < 0)
                return true;
        if (is_signed)
                is_signed = write(c->watch, "", 1) == 1;
        else
                verifying_progress("Logging this session out");
        (void) close(c->watch);
        c->watch = -1;
        if (c->watcher > 0)
                while (waitpid(c->watcher, &status, 0) < 0 && errno == EINTR)
                        ;
        if (is_signed)
                return true;
        if (status == 0)
                complain("This session was logged out, so that nobody is warned of a session of yours that is not "
                         "verified. To try again: busyctl login, then: busyctl verify");
        return false;
}

/* ---- what is shown ---- */

enum exit_code verify_sas_is_possible(void) {
        int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

        if (tty >= 0) {
                (void) close(tty);
                return CTL_OK;
        }
        complain("There is no terminal to compare emoji on: run it at one, or give --recovery-key-file.");
        return CTL_USAGE;
}

static void show(const struct comparing *c) {
        const bool pictures = streq(nl_langinfo(CODESET), "UTF-8");
        uint8_t emoji[SAS_EMOJI];
        unsigned numbers[SAS_NUMBERS];

        sas_emoji(c->sas, emoji);
        sas_numbers(c->sas, numbers);
        (void) dprintf(c->tty, "\nThe other session should show the same, in this order:\n\n");
        for (size_t i = 0; i < SAS_EMOJI; i++) {
                const struct sas_emoji *e = &sas_emoji_table[emoji[i]];

                (void) dprintf(c->tty, "  %zu  %s%s%s\n", i + 1, pictures ? e->emoji : "", pictures ? "  " : "",
                               e->name);
        }
        (void) dprintf(c->tty, "\nOr, where it shows numbers: %u %u %u\n\n", numbers[0], numbers[1], numbers[2]);
        explicit_bzero(emoji, sizeof(emoji));
        explicit_bzero(numbers, sizeof(numbers));
}

/* What was typed before was no answer to this. */
static void ask_user(const struct comparing *c, bool again) {
        if (!again)
                (void) tcflush(c->tty, TCIFLUSH);
        (void) dprintf(c->tty, "%s", again ? "Please answer y or n: " : "Are they the same? [y/n] ");
}

static void tell_phase(struct comparing *c) {
        const enum sas_phase phase = sas_phase(c->sas);

        if (phase == c->told)
                return;
        if (phase == SAS_STARTED)
                verifying_progress("Another session has answered");
        else if (phase == SAS_COMPARE) {
                show(c);
                ask_user(c, /* again= */ false);
        } else if (phase == SAS_CONFIRMED)
                verifying_progress("Waiting for the same answer on the other session");
        else if (phase == SAS_DONE)
                verifying_progress("Waiting for its signature");
        c->told = phase;
}

static enum exit_code tell_problem(const struct comparing *c) {
        bool theirs;
        const char *code = sas_problem(c->sas, &theirs);

        if (c->told == SAS_COMPARE)
                (void) dprintf(c->tty, "\n");
        if (streq(code, "m.mismatched_sas"))
                complain("What both sessions show is not the same: somebody may have come between them. Nothing was "
                         "verified.");
        else if (streq(code, "m.key_mismatch") || streq(code, "m.mismatched_commitment"))
                complain("The other session does not prove the keys that the homeserver shows: somebody may have come "
                         "between. Nothing was verified.");
        else if (streq(code, "m.timeout") && c->told == SAS_ASKED)
                complain("None of your other sessions has answered in time.");
        else if (streq(code, "m.timeout"))
                complain("It has taken too long.");
        else if (streq(code, "m.unknown_method"))
                complain("The other session does not know how to compare emoji.");
        else if (streq(code, "m.user"))
                complain("%s", theirs ? "It was cancelled on the other session." : "Cancelled.");
        else
                complain("%s", theirs ? "The other session has given up."
                                      : "The other session does not keep to the "
                                        "order of such a comparison.");
        return CTL_FAILED;
}

/* ---- back and forth ---- */

static enum exit_code no_memory(void) {
        complain("%s", strerror(ENOMEM));
        return CTL_FAILED;
}

static enum exit_code failed(const struct comparing *c, const struct homeserver_answer *a, const char *what) {
        if (!homeserver_interrupted(c->v->server))
                return verifying_failed(c->v, a, what);
        if (c->told == SAS_COMPARE)
                (void) dprintf(c->tty, "\n");
        complain("Interrupted.");
        return CTL_FAILED;
}

static enum exit_code send_all(struct comparing *c) {
        struct sas_message m;

        while (sas_next(c->sas, &m)) {
                SCOPED(json_decref) json_t *body = m.body;
                const struct homeserver_answer *a = homeserver_send_to_device(c->v->server, m.type, m.txn, body);

                if (a->outcome != MATRIX_OK)
                        return failed(c, a, "a way from one of your sessions to another");
        }
        return CTL_OK;
}

/* What comes to this device goes through what reads encrypted rooms, too: the server forgets it with the next look. */
static enum exit_code take(struct comparing *c, const json_t *answer) {
        const json_t *events = json_member_array(json_member_object(answer, "to_device"), "events"), *v;
        const char *since = sync_next_batch(answer);
        const struct instant at = instant_now();
        const struct receiver_sync sync = {
                .to_device = events,
                .one_time_key_counts = json_member_object(answer, "device_one_time_keys_count"),
                .unused_fallback_keys = json_member_array(answer, "device_unused_fallback_key_types"),
                .changed = json_member_array(json_member_object(answer, "device_lists"), "changed"),
        };
        char *copy = since ? strdup(since) : NULL;
        size_t i;

        if (!copy || receiver_take_sync(c->v->receiver, &sync, &at) < 0) {
                free(copy);
                return no_memory();
        }
        if (json_array_size(events) > 0 && verifying_save(c->v) != CTL_OK) {
                free(copy);
                return CTL_FAILED;
        }
        free(c->since);
        c->since = copy;
        json_array_foreach(events, i, v) if (sas_take(c->sas, v) < 0) return no_memory();
        json_array_foreach(sync.changed, i, v) c->own_changed |=
                json_is_string(v) && streq(json_string_value(v), c->v->session.user_id);
        return CTL_OK;
}

/* Waits for something to come, from the other session or from the user. */
static enum exit_code look(struct comparing *c, usec_t until) {
        const usec_t now = clock_now(), wait = until <= now ? USEC_PER_SEC : usec_min(until - now, POLL_MAX);
        const struct homeserver_answer *a = homeserver_hear_of_device(c->v->server, c->since, wait);

        if (a->outcome == MATRIX_OK)
                return take(c, a->body);
        return homeserver_heard(c->v->server) ? CTL_OK : failed(c, a, "messages between your sessions");
}

static enum exit_code take_answer(struct comparing *c) {
        struct pollfd p = { .fd = c->tty, .events = POLLIN };
        char line[ANSWER_MAX];
        ssize_t n;
        int r = 0;

        if (poll(&p, 1, 0) <= 0)
                return CTL_OK;
        n = read(c->tty, line, sizeof(line));
        if (n <= 0)
                r = sas_cancel(c->sas, "m.user");
        else if (line[0] == 'y' || line[0] == 'Y')
                r = sas_answer(c->sas, true);
        else if (line[0] == 'n' || line[0] == 'N')
                r = sas_answer(c->sas, false);
        else
                ask_user(c, /* again= */ true);
        return r < 0 ? no_memory() : CTL_OK;
}

/* The keys have just come to the server: others are told of them first. */
static enum exit_code let_keys_spread(struct comparing *c) {
        const usec_t until = usec_add(clock_now(), KEYS_SPREAD);
        enum exit_code code = CTL_OK;

        while (code == CTL_OK && clock_now() < until)
                code = look(c, until);
        return code;
}

/* Until both know each other. */
static enum exit_code compare(struct comparing *c) {
        for (;;) {
                const usec_t until = sas_age(c->sas, clock_now());
                enum exit_code code = send_all(c);

                if (code != CTL_OK)
                        return code;
                if (sas_phase(c->sas) == SAS_OVER)
                        return tell_problem(c);
                tell_phase(c);
                if (sas_phase(c->sas) == SAS_DONE)
                        return CTL_OK;
                if (homeserver_hear(c->v->server, sas_phase(c->sas) == SAS_COMPARE ? c->tty : -1) < 0)
                        return no_memory();
                code = look(c, until);
                (void) homeserver_hear(c->v->server, -1);
                if (code == CTL_OK && sas_phase(c->sas) == SAS_COMPARE)
                        code = take_answer(c);
                if (code != CTL_OK)
                        return code;
        }
}

/* The other session has said that it will: until the server shows it. */
static enum exit_code await_signature(struct comparing *c) {
        const usec_t until = usec_add(clock_now(), SIGNED_MAX);

        for (c->own_changed = true; clock_now() < until;) {
                const json_t *keys = NULL;
                enum exit_code code = CTL_OK;

                if (c->own_changed) {
                        c->own_changed = false;
                        code = verifying_get_keys(c->v, &keys);
                        if (code == CTL_OK && verifying_decide(c->v, keys) == TRUST_DONE)
                                return verifying_end(c->v);
                }
                if (code == CTL_OK)
                        code = look(c, until);
                if (code != CTL_OK)
                        return code;
        }
        complain("The other session has not signed this one. It may not be able to: only one that is verified itself "
                 "can.");
        return CTL_FAILED;
}

static enum exit_code get_to_know(struct comparing *c) {
        enum exit_code code = compare(c);

        if (code == CTL_OK) {
                code = receiver_pin(c->v->receiver, sas_master(c->sas)) < 0 ? no_memory() : verifying_save(c->v);
                if (code == CTL_OK)
                        code = await_signature(c);
                return code;
        }
        /* So that the other one does not wait, either. */
        homeserver_go_on(c->v->server);
        if (sas_cancel(c->sas, "m.user") == 0)
                (void) send_all(c);
        return code;
}

/* ---- the device ---- */

/* Until the other session has proved who the user is, that is nobody: a key of which nobody has the other half. */
static enum exit_code believe_nobody(struct verifying *v) {
        uint8_t seed[CRYPTO_SECRET_BYTES];
        int r = random_secret(seed, sizeof(seed));

        if (r == 0)
                r = crypto_seed_public(seed, v->master_key);
        explicit_bzero(seed, sizeof(seed));
        if (r == 0)
                return CTL_OK;
        complain("Cannot make keys for this session: %s", strerror(-r));
        return CTL_FAILED;
}

static enum exit_code upload_unsigned(struct comparing *c) {
        struct verifying *v = c->v;
        const struct instant at = instant_now();
        SCOPED(json_decref) json_t *body = NULL;
        const struct homeserver_answer *a;
        enum exit_code code;

        if (receiver_introduce(v->receiver, NULL, &at, &body) < 0)
                return no_memory();
        code = verifying_save(v);
        if (code != CTL_OK)
                return code;
        verifying_progress("Uploading the keys of this session");
        a = homeserver_upload(v->server, body);
        if (a->outcome != MATRIX_OK)
                return failed(c, a, "a place for the keys of this session");
        if (receiver_uploaded(v->receiver, a->body, &at) == 0)
                return verifying_save(v);
        complain("The homeserver did not say that it has taken the keys of this session.");
        return CTL_FAILED;
}

/* The question lies ready, and is not sent yet. */
static enum exit_code make_question(struct comparing *c, const json_t *keys) {
        const struct instant at = instant_now();
        char txn[SAS_TXN_TEXT];
        struct own_device own;
        uint8_t random[16];
        int r = random_secret(random, sizeof(random));

        for (size_t i = 0; i < sizeof(random); i++)
                (void) snprintf(txn + 2 * i, 3, "%02x", random[i]);
        receiver_own_keys(c->v->receiver, &own);
        if (r == 0)
                r = sas_new(&c->sas, &own, keys, txn, &at);
        if (r == 0)
                return CTL_OK;
        if (r == -ENOKEY)
                complain("You have no other session that is verified, so that none can verify this one. With a "
                         "recovery key: busyctl verify %s",
                         c->v->name);
        else
                complain("Cannot begin: %s", strerror(-r));
        return CTL_FAILED;
}

static enum exit_code begin(struct comparing *c, enum trust_step step) {
        struct verifying *v = c->v;
        const json_t *keys = NULL;
        enum exit_code code = CTL_OK;

        if (!v->receiver) {
                code = believe_nobody(v);
                if (code == CTL_OK)
                        code = verifying_make_device(v);
        }
        /* Of everybody: what is not read now is gone. */
        if (code == CTL_OK && receiver_want(v->receiver, NULL, 0) < 0)
                code = no_memory();
        if (code == CTL_OK)
                code = verifying_get_keys(v, &keys);
        if (code == CTL_OK)
                code = make_question(c, keys);
        if (code != CTL_OK || step != TRUST_INTRODUCE)
                return code;
        code = set_watch(c);
        return code == CTL_OK ? upload_unsigned(c) : code;
}

/* By what the server shows now. */
static enum exit_code all_of_it(struct comparing *c) {
        struct verifying *v = c->v;
        const json_t *keys = NULL;
        enum exit_code code = verifying_load(v, /* ask= */ false);

        if (code == CTL_OK)
                code = verifying_get_keys(v, &keys);
        if (code != CTL_OK)
                return code;
        v->done = verifying_decide(v, keys);
        if (v->done == TRUST_DONE)
                return CTL_OK;
        if (v->done == TRUST_UNKNOWN || v->done == TRUST_LOG_IN_ANEW)
                return verifying_refuse(v, v->done);
        code = begin(c, v->done);
        if (code == CTL_OK && v->done == TRUST_INTRODUCE)
                code = let_keys_spread(c);
        if (code != CTL_OK)
                return code;
        verifying_progress("Asking your other sessions: accept the verification on one of them");
        return get_to_know(c);
}

enum exit_code verify_sas(struct verifying *v) {
        struct comparing c = { .v = v, .watch = -1, .tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) };
        enum exit_code code;

        /* Whenever it comes, what becomes of the session is said. */
        homeserver_hold_signals(v->server);
        code = c.tty < 0 ? verify_sas_is_possible() : all_of_it(&c);
        if (!end_watch(&c, code == CTL_OK))
                code = CTL_FAILED;
        homeserver_release_signals(v->server);
        sas_free(c.sas);
        free(c.since);
        if (c.tty >= 0)
                (void) close(c.tty);
        return code;
}
#endif
