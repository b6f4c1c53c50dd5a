/* Sessions on disk, see session.h. Whatever held a token is wiped before it is freed. */
#include <errno.h>
#include <stdio.h>

#include "state/account-file.h"
#include "state/session.h"
#include "state/token.h"
#include "util/file.h"
#include "json/json.h"

#define SESSION_VERSION   1
#define CREDENTIAL_PREFIX "busyd-"
#define CREDENTIAL_SUFFIX ".token"
#define SESSION_PREFIX    "session-"
#define SESSION_SUFFIX    ".json"

#define SESSION_SIZE_MAX 65536
/* In seconds; the year 9999 is late enough for any token. */
#define SESSION_EXPIRES_MAX INT64_C(253402300799)

/* jansson keeps its own copy of the tokens. */
static void secret_json_scoped(json_t **p) {
        static const char *const secrets[] = { "access_token", "refresh_token" };

        for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
                json_t *token = json_object_get(*p, secrets[i]);

                if (json_is_string(token))
                        explicit_bzero((char *) json_string_value(token), json_string_length(token));
        }
        json_decref(*p);
}

void session_done(struct session *s) {
        erase_and_free(s->access_token);
        erase_and_free(s->refresh_token);
        free(s->homeserver);
        free(s->user_id);
        free(s->device_id);
        free(s->client_id);
        free(s->token_endpoint);
        free(s->revocation_endpoint);
        free(s->keyring_id);
        *s = (struct session){ 0 };
}

int session_set_tokens(struct session *s, const struct token_pair *pair) {
        char *access = strdup(pair->access_token), *refresh = strdup(pair->refresh_token);

        if (!access || !refresh) {
                erase_and_free(access);
                erase_and_free(refresh);
                return -ENOMEM;
        }
        erase_and_free(s->access_token);
        erase_and_free(s->refresh_token);
        s->access_token = access;
        s->refresh_token = refresh;
        s->expires_at = pair->expires_wall;
        return 0;
}

int session_set_token(struct session *s, const char *token) {
        char *access = strdup(token);

        if (!access)
                return -ENOMEM;
        erase_and_free(s->access_token);
        erase_and_free(s->refresh_token);
        s->access_token = access;
        s->refresh_token = NULL;
        s->expires_at = 0;
        free(s->keyring_id);
        s->keyring_id = NULL;
        return 0;
}

static int session_path(const char *state_dir, const char *name, char **ret) {
        return account_file_path(state_dir, SESSION_PREFIX, name, SESSION_SUFFIX, ret);
}

/* NULL stays NULL. */
static bool copied(char **ret, const char *s) {
        *ret = s ? strdup(s) : NULL;
        return !s || *ret;
}

int session_copy(struct session *ret, const struct session *s) {
        *ret = (struct session){ .expires_at = s->expires_at };
        if (copied(&ret->homeserver, s->homeserver) && copied(&ret->user_id, s->user_id) &&
            copied(&ret->device_id, s->device_id) && copied(&ret->access_token, s->access_token) &&
            copied(&ret->refresh_token, s->refresh_token) && copied(&ret->client_id, s->client_id) &&
            copied(&ret->token_endpoint, s->token_endpoint) &&
            copied(&ret->revocation_endpoint, s->revocation_endpoint) && copied(&ret->keyring_id, s->keyring_id))
                return 0;
        session_done(ret);
        return -ENOMEM;
}

static bool same_text(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

bool session_is_same(const struct session *a, const struct session *b) {
        bool elsewhere = a->keyring_id || b->keyring_id;

        return same_text(a->homeserver, b->homeserver) && same_text(a->user_id, b->user_id) &&
               same_text(a->device_id, b->device_id) && same_text(a->keyring_id, b->keyring_id) &&
               (elsewhere || same_text(a->access_token, b->access_token));
}

static bool there(const char *s) {
        return s && s[0] != '\0';
}

static usec_t expires_of(const json_t *o) {
        int64_t expires_at = json_member_int(o, "expires_at", 0);

        return expires_at > 0 && expires_at <= SESSION_EXPIRES_MAX ? (usec_t) expires_at * USEC_PER_SEC : 0;
}

/* Strings are borrowed from the document. */
static int session_parse(const json_t *o, struct session *ret) {
        const char *device_id = json_member_string(o, "device_id");
        struct session s = {
                .homeserver = (char *) json_member_string(o, "homeserver"),
                .user_id = (char *) json_member_string(o, "user_id"),
                .device_id = (char *) (device_id ? device_id : ""),
                .access_token = (char *) json_member_string(o, "access_token"),
                .refresh_token = (char *) json_member_string(o, "refresh_token"),
                .client_id = (char *) json_member_string(o, "client_id"),
                .token_endpoint = (char *) json_member_string(o, "token_endpoint"),
                .revocation_endpoint = (char *) json_member_string(o, "revocation_endpoint"),
                .keyring_id = (char *) json_member_string(o, "keyring_id"),
                .expires_at = expires_of(o),
        };

        if (json_member_int(o, "version", 0) != SESSION_VERSION)
                return -EBADMSG;
        if (there(s.keyring_id) && !s.access_token)
                s.access_token = (char *) "";
        else if (s.keyring_id && !there(s.keyring_id))
                return -EBADMSG;
        else if (!there(s.access_token))
                return -EBADMSG;
        if (!there(s.homeserver) || !there(s.user_id))
                return -EBADMSG;
        if (s.client_id && (!there(s.client_id) || !there(s.token_endpoint)))
                return -EBADMSG;
        return session_copy(ret, &s);
}

int session_load(const char *state_dir, const char *name, struct session *ret) {
        SCOPED(free) char *path = NULL;
        SCOPED(erase_and_free) char *data = NULL;
        SCOPED(secret_json) json_t *o = NULL;
        size_t size;
        int r;

        r = session_path(state_dir, name, &path);
        if (r < 0)
                return r;
        r = file_read_private(path, SESSION_SIZE_MAX, &data, &size);
        if (r < 0)
                return r == -EFBIG ? -EBADMSG : r;
        r = json_parse(data, size, &o);
        if (r < 0)
                return r;
        return session_parse(o, ret);
}

/* Asks for the size first: a buffer that grows would leave copies of the token behind. */
static int session_dump(const json_t *o, char **ret) {
        const size_t flags = JSON_INDENT(2) | JSON_SORT_KEYS;
        size_t size = json_dumpb(o, NULL, 0, flags);
        char *data;

        if (size == 0)
                return -ENOMEM;
        data = calloc(1, size + 2);
        if (!data)
                return -ENOMEM;
        if (json_dumpb(o, data, size, flags) != size) {
                erase_and_free(data);
                return -ENOMEM;
        }
        data[size] = '\n';
        *ret = data;
        return 0;
}

/* See json_pack_whole(). */
static int why_not_made(void) {
        return errno == ENOMEM ? -ENOMEM : -EINVAL;
}

/* What is not there is not written. Values are shared between documents, and wiped with the whole. */
static int add_tokens(json_t *o, const struct session *s) {
        SCOPED(json_decref)
        json_t *tokens =
                json_pack_whole("{ss ss*}", "access_token", s->access_token, "refresh_token", s->refresh_token);

        if (!tokens)
                return why_not_made();
        if (s->expires_at > 0 &&
            json_object_set_new(tokens, "expires_at", json_integer((json_int_t) (s->expires_at / USEC_PER_SEC))) < 0)
                return -ENOMEM;
        return json_object_update(o, tokens) < 0 ? -ENOMEM : 0;
}

const char *session_fault(int error) {
        switch (error) {
        case -EPERM:
                return "it is a link or no file, it belongs to somebody else, or others may read it";
        case -EBADMSG:
                return "it is broken";
        default:
                return strerror(-error);
        }
}

char *session_remedy(const char *state_dir, const char *name, int error) {
        char *remedy = NULL;
        int r;

        if (error == -ENOENT || error == -EBADMSG)
                r = asprintf(&remedy, "log in again: busyctl login %s", name);
        else
                r = asprintf(&remedy, "see that %s/" SESSION_PREFIX "%s" SESSION_SUFFIX " %s, then: busyctl reload",
                             state_dir, name,
                             error == -EPERM ? "is a file of yours, and no link, with mode 0600 (chmod 600)"
                                             : "can be read");
        return r < 0 ? NULL : remedy;
}

static int save(const char *state_dir, const char *name, const struct session *s, bool tokens) {
        SCOPED(free) char *path = NULL;
        SCOPED(erase_and_free) char *data = NULL;
        SCOPED(secret_json) json_t *o = NULL;
        int r;

        r = session_path(state_dir, name, &path);
        if (r < 0)
                return r;
        o = json_pack_whole("{si ss ss ss* ss* ss* ss* ss*}", "version", SESSION_VERSION, "homeserver", s->homeserver,
                            "user_id", s->user_id, "device_id", s->device_id, "client_id", s->client_id,
                            "token_endpoint", s->token_endpoint, "revocation_endpoint", s->revocation_endpoint,
                            "keyring_id", s->keyring_id);
        r = !o ? why_not_made() : tokens ? add_tokens(o, s) : 0;
        if (r < 0)
                return r;
        r = session_dump(o, &data);
        if (r < 0)
                return r;
        r = dir_make(state_dir);
        if (r < 0)
                return r;
        return file_write(path, data, strlen(data), 0600);
}

int session_save(const char *state_dir, const char *name, const struct session *s) {
        return save(state_dir, name, s, /* tokens= */ true);
}

int session_save_bare(const char *state_dir, const char *name, const struct session *s) {
        return s->keyring_id ? save(state_dir, name, s, /* tokens= */ false) : -EINVAL;
}

int session_secret_make(const struct session *s, char **ret) {
        SCOPED(secret_json) json_t *o = json_object();
        int r = o ? add_tokens(o, s) : -ENOMEM;

        return r < 0 ? r : session_dump(o, ret);
}

int session_secret_take(struct session *s, const char *secret) {
        SCOPED(secret_json) json_t *o = NULL;
        SCOPED(erase_and_free) char *access = NULL;
        SCOPED(erase_and_free) char *refresh = NULL;
        int r = json_parse(secret, strlen(secret), &o);

        if (r < 0)
                return r;
        if (!there(json_member_string(o, "access_token")))
                return -EBADMSG;
        if (!copied(&access, json_member_string(o, "access_token")) ||
            !copied(&refresh, json_member_string(o, "refresh_token")))
                return -ENOMEM;
        erase_and_free(s->access_token);
        erase_and_free(s->refresh_token);
        s->access_token = TAKE(access);
        s->refresh_token = TAKE(refresh);
        s->expires_at = expires_of(o);
        return 0;
}

int session_lock(const char *state_dir, const char *name) {
        return account_file_lock(state_dir, SESSION_PREFIX, name);
}

int session_lock_wait(const char *state_dir, const char *name, usec_t max) {
        return account_file_lock_wait(state_dir, SESSION_PREFIX, name, max);
}

void session_unlock(int lock) {
        file_unlock(lock);
}

int session_remove(const char *state_dir, const char *name) {
        SCOPED(free) char *path = NULL, *aside = NULL;
        int r = session_path(state_dir, name, &path);

        if (r >= 0)
                r = file_remove(path);
        return r == -EISDIR ? file_set_aside(path, /* keep= */ false, &aside) : r;
}

static int account_names(const char *dir, const char *prefix, const char *suffix, char ***ret) {
        char **names;
        int n_files = dir_names(dir, prefix, suffix, &names), n = 0;

        for (int i = 0; i < n_files; i++)
                if (n < ACCOUNTS_MAX && account_name_is_valid(names[i]))
                        names[n++] = names[i];
                else
                        free(names[i]);
        if (n_files < 0)
                return n_files;
        names[n] = NULL;
        *ret = names;
        return n;
}

int session_names(const char *state_dir, char ***ret) {
        return account_names(state_dir, SESSION_PREFIX, SESSION_SUFFIX, ret);
}

void session_names_free(char **names) {
        names_free(names);
}

/* ---- what the service manager gives ---- */

/* Below it nothing is found: no credentials. */
static const char *credentials_dir(void) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");

        return dir && *dir ? dir : "/nonexistent";
}

int session_credential_names(char ***ret) {
        return account_names(credentials_dir(), CREDENTIAL_PREFIX, CREDENTIAL_SUFFIX, ret);
}

bool session_has_credential(const char *name) {
        SCOPED(names_free) char **names = NULL;

        if (session_credential_names(&names) < 0)
                return false;
        for (char **n = names; *n; n++)
                if (streq(*n, name))
                        return true;
        return false;
}

int session_token_from_credentials(const char *name, struct session *s) {
        SCOPED(free) char *path = NULL;
        SCOPED(erase_and_free) char *token = NULL;
        int r;

        r = account_file_path(credentials_dir(), CREDENTIAL_PREFIX, name, CREDENTIAL_SUFFIX, &path);
        if (r < 0)
                return r;
        r = token_load(path, /* private= */ false, &token);
        if (r <= 0)
                return r;
        return session_set_token(s, token) < 0 ? -ENOMEM : 1;
}
