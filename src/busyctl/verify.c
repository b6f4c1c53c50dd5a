/* busyctl verify: the user's identity signs this session's device, by the recovery key or passphrase of their secret
 * storage, so that it is given the keys of encrypted calls. Without either: verify-sas.c.
 *
 * The order is what keeps an unsigned device with keys from ever existing. All that can fail comes first: the storage
 * is opened and the identity proved. Then busyd lets go of the account, and the new device is on disk before its keys
 * leave in one request, signed. Whatever ends us in between leaves a file that the next run goes on with, or a device
 * that is whole. Of what the user types, and of what it opens, nothing is kept. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "busyctl/bus.h"
#include "busyctl/homeserver.h"
#include "busyctl/keep.h"
#include "busyctl/let-go.h"
#include "busyctl/print.h"
#include "busyctl/prompt.h"
#include "busyctl/sessions.h"
#include "busyctl/verify.h"
#include "config/config.h"
#include "json/json.h"
#include "state/folder.h"
#include "util/clock.h"
#include "util/text.h"

#ifdef WITH_E2EE
#include "busyctl/verify-sas.h"
#include "busyctl/verifying.h"
#include "matrix/crypto/secret-storage.h"
#include "matrix/crypto/trust.h"

#define MASTER        "m.cross_signing.master"
#define SELF_SIGNING  "m.cross_signing.self_signing"
#define KEY_TYPE      "m.secret_storage.key."
#define DEFAULT_KEY   "m.secret_storage.default_key"
#define TYPED_MAX     3 /* slips */
#define LOCK_WAIT_MAX (20 * USEC_PER_SEC)

#define NO_RECOVERY                                                                                                   \
        "Your account has no recovery set up, so there is nothing that this session could be verified by. In "        \
        "Element: "                                                                                                   \
        "All settings, Encryption, Recovery, set up; then again: busyctl verify"

#define OR_EMOJI ". Or, with another session of yours at hand that is verified: busyctl verify --emoji"

static void verifying_done(struct verifying *v) {
        explicit_bzero(&v->seeds, sizeof(v->seeds));
        session_done(&v->session);
        homeserver_free(v->server);
        free(v->key_id);
        json_decref(v->description);
        json_decref(v->master);
        json_decref(v->self_signing);
        receiver_free(v->receiver);
        crypto_store_done(&v->store);
        crypto_store_unlock(v->lock);
}

void verifying_progress(const char *line) {
        (void) fprintf(stderr, "%s\n", line);
}

/* ---- questions ---- */

enum exit_code verifying_failed(const struct verifying *v, const struct homeserver_answer *a, const char *what) {
        if (homeserver_interrupted(v->server) && v->args->emoji)
                complain("Interrupted.");
        else if (homeserver_interrupted(v->server))
                complain("Interrupted. To go on: busyctl verify %s", v->name);
        else if (a->outcome == MATRIX_SIGNED_OUT && v->session.refresh_token)
                complain("The access token has ended. busyd renews it: start it, wait a moment, and try again.");
        else if (a->outcome == MATRIX_UNRECOGNIZED || a->outcome == MATRIX_NOT_FOUND)
                complain("The homeserver has no %s (%s), so that no session on it can be verified.", what, a->problem);
        else
                complain("The homeserver was asked for %s: %s.", what, a->problem);
        return CTL_FAILED;
}

/* Account data; *ret NULL if there is none. */
static enum exit_code get_account_data(struct verifying *v, const char *type, json_t **ret) {
        const struct homeserver_answer *a = homeserver_account_data(v->server, type);

        *ret = NULL;
        if (a->outcome == MATRIX_NOT_FOUND)
                return CTL_OK;
        if (a->outcome != MATRIX_OK)
                return verifying_failed(v, a, "account data");
        *ret = json_incref(a->body);
        return CTL_OK;
}

enum exit_code verifying_get_keys(struct verifying *v, const json_t **ret) {
        const struct homeserver_answer *a = homeserver_keys(v->server);

        if (a->outcome != MATRIX_OK)
                return verifying_failed(v, a, "keys of devices");
        *ret = a->body;
        return CTL_OK;
}

/* ---- before anything is typed: what there is ---- */

/* What is kept may be of an earlier session, or of no use: then the server decides what can be done. Without the lock
 * it only says which keys are ours. */
enum exit_code verifying_load(struct verifying *v, bool ask) {
        const struct instant at = instant_now();
        const char *problem;
        int r;

        v->receiver = receiver_free(v->receiver);
        crypto_store_done(&v->store);
        r = keep_crypto_load(v->folder, v->name, ask, &v->store, &problem);
        if (r == -ENOKEY) {
                complain("The key to what is kept of encrypted rooms is in the keyring, and cannot be had: %s. "
                         "Unlock the keyring, then try again.",
                         problem);
                return CTL_FAILED;
        }
        v->have_store = r >= 0 && streq(v->store.user_id, v->session.user_id) &&
                        streq(v->store.device_id, v->session.device_id) &&
                        receiver_load(&v->receiver, v->store.receiver, v->store.key, &at) >= 0;
        if (!v->have_store)
                crypto_store_done(&v->store);
        return CTL_OK;
}

enum trust_step verifying_decide(const struct verifying *v, const json_t *keys) {
        struct own_device own;

        if (v->receiver)
                receiver_own_keys(v->receiver, &own);
        return trust_decide(v->receiver ? &own : NULL, v->session.user_id, v->session.device_id, keys);
}

enum exit_code verifying_refuse(const struct verifying *v, enum trust_step step) {
        if (step == TRUST_LOG_IN_ANEW)
                complain(
                        "The server has keys of this session, and they are not (or no more) here, so that what others "
                        "encrypt for it cannot be read. Log in as a new one: busyctl logout %s, then: busyctl login, "
                        "then: busyctl verify",
                        v->name);
        else
                complain("The homeserver does not tell of your own devices. Try again later.");
        return CTL_FAILED;
}

/* The storage, and whether it is of use at all. */
static enum exit_code look_at_storage(struct verifying *v) {
        SCOPED(json_decref) json_t *pointer = NULL;
        SCOPED(free) char *type = NULL;
        const char *id;
        enum exit_code code = get_account_data(v, DEFAULT_KEY, &pointer);

        if (code != CTL_OK)
                return code;
        id = trust_default_key(pointer);
        if (!id) {
                complain("%s%s", NO_RECOVERY, OR_EMOJI);
                return CTL_FAILED;
        }
        v->key_id = strdup(id);
        if (!v->key_id || asprintf(&type, KEY_TYPE "%s", id) < 0)
                return CTL_FAILED;
        code = get_account_data(v, type, &v->description);
        if (code == CTL_OK)
                code = get_account_data(v, MASTER, &v->master);
        if (code == CTL_OK)
                code = get_account_data(v, SELF_SIGNING, &v->self_signing);
        if (code == CTL_OK && (!v->description || !v->master || !v->self_signing)) {
                complain("%s%s", NO_RECOVERY, OR_EMOJI);
                code = CTL_FAILED;
        }
        return code;
}

/* CTL_OK with v->done TRUST_DONE: nothing is to be done. */
static enum exit_code look(struct verifying *v) {
        const json_t *keys = NULL;
        enum trust_step step;
        enum exit_code code;

        verifying_progress("Looking at what the homeserver knows of this session");
        code = verifying_load(v, isatty(STDIN_FILENO));
        if (code == CTL_OK)
                code = verifying_get_keys(v, &keys);
        if (code != CTL_OK)
                return code;
        step = verifying_decide(v, keys);
        v->done = step;
        if (step == TRUST_UNKNOWN || step == TRUST_LOG_IN_ANEW)
                return verifying_refuse(v, step);
        if (step == TRUST_DONE)
                return CTL_OK;
        if (!trust_has_identity(v->session.user_id, keys)) {
                complain("%s", NO_RECOVERY);
                return CTL_FAILED;
        }
        return v->args->emoji ? verify_sas_is_possible() : look_at_storage(v);
}

/* ---- the secret ---- */

static enum exit_code read_from(const char *place, char **ret) {
        uint64_t number;
        int fd = parse_unsigned(place, 0, INT32_MAX, &number) >= 0 ? dup((int) number)
                                                                   : open(place, O_RDONLY | O_CLOEXEC);
        int r = fd < 0 ? -errno : secret_from(fd, ret);

        if (fd >= 0)
                (void) close(fd);
        if (r == -ECANCELED)
                complain("There is no recovery key in what --recovery-key-file names.");
        else if (r < 0)
                complain("Cannot read the recovery key: %s", strerror(-r));
        return r < 0 ? CTL_FAILED : CTL_OK;
}

static enum exit_code ask_for_it(bool again, char **ret) {
        int r = prompt(again ? "Again, recovery key or passphrase: " : "Recovery key or passphrase: ", PROMPT_HIDDEN,
                       ret);

        if (r == -ENXIO)
                complain("There is no terminal to ask for the recovery key on: give --recovery-key-file.");
        else if (r == -ECANCELED)
                complain("No recovery key was given.");
        else if (r < 0)
                complain("Cannot read the recovery key: %s", strerror(-r));
        return r == -ENXIO ? CTL_USAGE : r < 0 ? CTL_FAILED : CTL_OK;
}

static void tell_wrong_key(const struct verifying *v, int error) {
        const bool passphrase = json_member_object(v->description, "passphrase") != NULL;

        if (error == -EOPNOTSUPP)
                complain("Your recovery is of a kind that this busyd does not know: %s.",
                         "set it up anew in a current client");
        else if (error == -EKEYREJECTED)
                complain("That is not the recovery key of this account as it is set up now%s.",
                         passphrase ? ", nor its passphrase" : "");
        else
                complain("That is no recovery key, or it was mistyped%s.",
                         passphrase ? "" : "; your recovery has no passphrase");
}

/* Both seeds, out of the storage that `input` opens. 0, or an errno as in secret-storage.h. */
static int open_storage(struct verifying *v, const char *input) {
        uint8_t key[CRYPTO_SECRET_BYTES];
        int r = secret_storage_unlock(v->description, input, key);

        if (r == 0)
                r = secret_storage_seed(v->master, MASTER, v->key_id, key, v->seeds.master);
        if (r == 0)
                r = secret_storage_seed(v->self_signing, SELF_SIGNING, v->key_id, key, v->seeds.self_signing);
        if (r == -ENOENT)
                complain(
                        "Your recovery does not hold the keys of your identity. In Element: All settings, Encryption, "
                        "Recovery, change it; then again: busyctl verify");
        else if (r < 0)
                tell_wrong_key(v, r);
        explicit_bzero(key, sizeof(key));
        return r;
}

static enum exit_code unlock(struct verifying *v) {
        const char *place = v->args->recovery_key_file;

        for (int i = 0; i < (place ? 1 : TYPED_MAX); i++) {
                SCOPED(erase_and_free) char *input = NULL;
                enum exit_code code = place ? read_from(place, &input) : ask_for_it(i > 0, &input);
                int r;

                if (code != CTL_OK)
                        return code;
                verifying_progress("Opening your secret storage");
                r = open_storage(v, input);
                if (r == 0)
                        return CTL_OK;
                if (r != -EBADMSG && r != -EKEYREJECTED)
                        break;
        }
        return CTL_FAILED;
}

static enum exit_code prove(struct verifying *v) {
        const json_t *keys = NULL;
        enum exit_code code;
        int r;

        verifying_progress("Comparing your identity with the one that the homeserver shows");
        code = verifying_get_keys(v, &keys);
        if (code != CTL_OK)
                return code;
        r = secret_storage_prove(keys, v->session.user_id, v->seeds.master, v->seeds.self_signing);
        if (r == 0)
                r = crypto_seed_public(v->seeds.master, v->master_key);
        if (r == 0)
                return CTL_OK;
        if (r == -EKEYREJECTED)
                complain(
                        "The homeserver shows another identity as yours than the one that your recovery holds. If you "
                        "have reset your encryption, set up recovery again in that client; if you have not, do not "
                        "trust this homeserver.");
        else
                complain("Cannot prove your identity: %s", strerror(-r));
        return CTL_FAILED;
}

/* ---- the device ---- */

static int keep_tokens(void *userdata, const struct token_pair *pair) {
        struct verifying *v = userdata;
        const char *problem = strerror(ENOMEM);
        int r = session_set_tokens(&v->session, pair);

        if (r >= 0)
                r = keep_save(v->folder, v->name, &v->session, &problem);
        if (r < 0)
                complain("The new tokens of the session cannot be stored: %s", problem);
        return r;
}

/* From here on nobody else is this device, nor takes messages that come for it, nor renews its tokens. */
static enum exit_code take(struct verifying *v) {
        enum exit_code code = let_go_for_now(v->ctl, v->name);

        if (code != CTL_OK)
                return code;
        v->lock = crypto_store_lock_wait(v->folder, v->name, LOCK_WAIT_MAX);
        if (v->lock >= 0) {
                homeserver_renew(v->server, keep_tokens, v);
                return CTL_OK;
        }
        complain("The keys of this session are in use by another program: %s. Is another busyctl verify running, or a "
                 "busyd that cannot be reached from here?",
                 strerror(-v->lock));
        return CTL_FAILED;
}

enum exit_code verifying_save(struct verifying *v) {
        json_t *stored;
        int r = receiver_store(v->receiver, v->store.key, &stored);

        if (r == 0) {
                json_decref(v->store.receiver);
                v->store.receiver = stored;
        }
        if (r == 0)
                r = crypto_store_save(v->folder, v->name, &v->store);
        if (r == 0) {
                receiver_saved(v->receiver);
                return CTL_OK;
        }
        complain("Cannot store the keys of this session in %s: %s. Try again: busyctl verify %s", v->folder,
                 strerror(-r), v->name);
        return CTL_FAILED;
}

enum exit_code verifying_end(struct verifying *v) {
        receiver_is_signed(v->receiver);
        return verifying_save(v);
}

enum exit_code verifying_make_device(struct verifying *v) {
        const struct instant at = instant_now();
        SCOPED(free) char *aside = NULL;
        const char *problem = strerror(ENOMEM);
        int r = crypto_store_set_aside(v->folder, v->name, &aside);

        if (r >= 0)
                (void) fprintf(stderr, "What was kept of another device is in %s now\n", aside);
        r = receiver_new(&v->receiver, v->session.user_id, v->session.device_id, v->master_key, &at);
        if (r == 0)
                r = keep_crypto_make(&v->session, isatty(STDIN_FILENO), &v->store, &problem);
        if (r == 0)
                return CTL_OK;
        complain("Cannot make keys for this session: %s", problem);
        return CTL_FAILED;
}

/* What goes to the server, signed, and is on disk before it does. The new pin first: a busyd that comes up before the
 * signature is there only says that it is missing. */
static enum exit_code sign(struct verifying *v, const struct instant *at, json_t **ret_body) {
        int r = receiver_pin(v->receiver, v->master_key);

        if (r == 0)
                r = v->done == TRUST_INTRODUCE ? receiver_introduce(v->receiver, v->seeds.self_signing, at, ret_body)
                                               : receiver_sign_again(v->receiver, v->seeds.self_signing, ret_body);
        if (r == 0)
                return verifying_save(v);
        complain("Cannot sign the keys of this session: %s", strerror(-r));
        return CTL_FAILED;
}

static enum exit_code introduce(struct verifying *v) {
        const struct instant at = instant_now();
        SCOPED(json_decref) json_t *body = NULL;
        const struct homeserver_answer *a;
        enum exit_code code = v->receiver ? CTL_OK : verifying_make_device(v);

        if (code == CTL_OK)
                code = sign(v, &at, &body);
        if (code != CTL_OK)
                return code;
        verifying_progress("Uploading the keys of this session, signed by you");
        a = homeserver_upload(v->server, body);
        if (a->outcome != MATRIX_OK)
                return verifying_failed(v, a, "a place for the keys of this session");
        if (receiver_uploaded(v->receiver, a->body, &at) == 0)
                return verifying_save(v);
        complain("The homeserver did not say that it has taken the keys of this session.");
        return CTL_FAILED;
}

static enum exit_code sign_again(struct verifying *v) {
        const struct instant at = instant_now();
        SCOPED(json_decref) json_t *body = NULL;
        const struct homeserver_answer *a;
        enum exit_code code = sign(v, &at, &body);

        if (code != CTL_OK)
                return code;
        verifying_progress("Signing the keys of this session again");
        a = homeserver_upload_signatures(v->server, body);
        if (a->outcome != MATRIX_OK)
                return verifying_failed(v, a, "a place for signatures");
        if (matrix_signatures_parse(a->body) == 0)
                return CTL_OK;
        complain("The homeserver did not take your signature of this session.");
        return CTL_FAILED;
}

/* What the server shows to others, and not what it has said. */
static enum exit_code check(struct verifying *v) {
        const json_t *keys = NULL;
        enum exit_code code = verifying_get_keys(v, &keys);
        enum trust_step step = code == CTL_OK ? verifying_decide(v, keys) : TRUST_UNKNOWN;

        if (step == TRUST_DONE)
                return verifying_end(v);
        if (code != CTL_OK)
                return code;
        complain(
                "The homeserver does not show this session as one that you have signed. Try again: busyctl verify %s. "
                "If that stays so, end the session rather than let others be warned of it: busyctl logout %s",
                v->name, v->name);
        return CTL_FAILED;
}

/* By what the server shows now: minutes may have passed. */
static enum exit_code change(struct verifying *v) {
        const json_t *keys = NULL;
        enum exit_code code;

        code = verifying_load(v, /* ask= */ false);
        if (code == CTL_OK && v->receiver && receiver_pin(v->receiver, v->master_key) < 0)
                return CTL_FAILED;
        if (code == CTL_OK)
                code = verifying_get_keys(v, &keys);
        if (code != CTL_OK)
                return code;
        v->done = verifying_decide(v, keys);
        switch (v->done) {
        case TRUST_INTRODUCE:
                code = introduce(v);
                break;
        case TRUST_SIGN:
                code = sign_again(v);
                break;
        case TRUST_DONE:
                return verifying_end(v);
        case TRUST_LOG_IN_ANEW:
        case TRUST_UNKNOWN:
                return verifying_refuse(v, v->done);
        }
        return code == CTL_OK ? check(v) : code;
}

/* ---- all of it ---- */

static void report(const struct ctl *c, const struct verifying *v, bool before) {
        if (c->json) {
                json_t *doc =
                        json_pack("{ss ss ss ss sb}", "name", v->name, "user_id", v->session.user_id, "device_id",
                                  v->session.device_id, "encrypted_calls", "verified", "was_before", before);

                print_json(doc);
                json_decref(doc);
                return;
        }
        if (before) {
                printf("This session (%s, device %s) is verified already.\n", v->session.user_id,
                       v->session.device_id);
                return;
        }
        if (v->off) {
                printf("This session (%s, device %s) is verified. All the same, busyd sees no calls in your "
                       "encrypted rooms: the configuration says encrypted-calls = off.\n",
                       v->session.user_id, v->session.device_id);
                return;
        }
        printf("This session (%s, device %s) is verified: busyd sees calls in your encrypted rooms from now on.\n",
               v->session.user_id, v->session.device_id);
        print_wrapped(
                "", STYLE_PLAIN,
                "It looks into encrypted messages only for whether they belong to a call, and forgets all others "
                "at once. It writes to no room and gives no keys away.%s To end it: busyctl logout %s",
                v->args->emoji ? "" : " What you typed is not kept.", v->name);
}

static enum exit_code run(struct verifying *v) {
        enum exit_code code = look(v);

        if (code == CTL_OK && v->done != TRUST_DONE) {
                if (!v->args->emoji)
                        code = unlock(v);
                if (code == CTL_OK && !v->args->emoji)
                        code = prove(v);
                if (code == CTL_OK) {
                        code = take(v);
                        if (code == CTL_OK)
                                code = v->args->emoji ? verify_sas(v) : change(v);
                        crypto_store_unlock(v->lock);
                        v->lock = -1;
                        (void) bus_sessions_changed(v->ctl);
                }
                if (code == CTL_OK)
                        report(v->ctl, v, /* before= */ false);
        } else if (code == CTL_OK) {
                /* A run that died at its end has had busyd let go of the account. */
                (void) bus_sessions_changed(v->ctl);
                report(v->ctl, v, /* before= */ true);
        }
        return code;
}

static void ignore_problem(const char *sentence, void *userdata) {
}

static enum exit_code load_session(struct verifying *v) {
        const char *problem = "";
        int r = keep_load(v->folder, v->name, isatty(STDIN_FILENO), &v->session, &problem);

        if (r == -EINVAL || r == -ENOENT)
                complain("Nobody has logged in to \"%s\" here, and only a session of busyd's own can be verified; "
                         "first: busyctl login. See: busyctl accounts",
                         v->name);
        else if (r == -ENOKEY)
                complain("The tokens of \"%s\" are in the keyring, and cannot be had: %s", v->name, problem);
        else if (r < 0)
                sessions_complain(v->folder, v->name, r);
        else if (!*v->session.device_id)
                complain(
                        "The session of \"%s\" is that of no device, so nothing can be encrypted for it. Log in with: "
                        "busyctl login",
                        v->name);
        else
                return CTL_OK;
        return CTL_FAILED;
}

enum exit_code verify_account(struct ctl *c, const struct args *a, const char *folder, const char *name) {
        struct verifying v = { .ctl = c, .args = a, .folder = folder, .name = name, .lock = -1 };
        SCOPED(config_free) struct config *config = NULL;
        const struct account_config *account = NULL;
        enum exit_code code;
        int r;

        /* No core of ours holds what is typed. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        json_wipe_what_is_freed();
        code = load_session(&v);
        if (code == CTL_OK) {
                if (config_load(&config, NULL, ignore_problem, NULL) >= 0)
                        account = config_account(config, name);
                v.off = account && account->settings.encrypted_calls == ENCRYPTED_CALLS_OFF;
                r = homeserver_new(&v.server, &v.session, account ? account->ca_file : NULL);
                if (r < 0) {
                        complain("Cannot ask the homeserver: %s", strerror(-r));
                        code = CTL_FAILED;
                }
        }
        if (code == CTL_OK)
                code = run(&v);
        verifying_done(&v);
        return code;
}

bool verify_is_built(void) {
        return true;
}

#else

enum exit_code verify_account(struct ctl *c, const struct args *a, const char *folder, const char *name) {
        complain("This busyd was built without encryption (WITH_E2EE), so that it sees no calls in encrypted rooms.");
        return CTL_FAILED;
}

bool verify_is_built(void) {
        return false;
}

#endif

enum exit_code verb_verify(struct ctl *c, const struct args *a) {
        SCOPED(free) char *folder = NULL;
        char **names = NULL;
        const char *name = a->n_rest > 0 ? a->rest[0] : NULL;
        enum exit_code code = CTL_FAILED;
        int r = state_folder(&folder), n = r < 0 ? r : session_names(folder, &names);

        if (a->emoji && a->recovery_key_file) {
                complain("Give one of --emoji and --recovery-key-file.");
                code = CTL_USAGE;
        } else if (n < 0)
                complain("Cannot find the accounts: %s", strerror(-n));
        else if (!name && n == 0)
                complain("Nobody is logged in here; first: busyctl login");
        else if (!name && n > 1)
                complain("There are several accounts; say which: busyctl verify NAME");
        else
                code = verify_account(c, a, folder, name ? name : names[0]);
        session_names_free(names);
        return code;
}
