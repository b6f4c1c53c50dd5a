/* Sessions on disk, see session.h. Whatever held a token is wiped before it is freed. */
#include <errno.h>
#include <stdio.h>

#include "state/session.h"
#include "state/token.h"
#include "util/file.h"
#include "json/json.h"

#define SESSION_VERSION 1
#define SESSION_PREFIX  "session-"
#define SESSION_SUFFIX  ".json"

#define SESSION_SIZE_MAX 65536

/* jansson keeps its own copy of the token. */
static void secret_json_scoped(json_t **p) {
        json_t *token = json_object_get(*p, "access_token");

        if (json_is_string(token))
                explicit_bzero((char *) json_string_value(token), json_string_length(token));
        json_decref(*p);
}

void session_done(struct session *s) {
        token_free(s->access_token);
        free(s->homeserver);
        free(s->user_id);
        free(s->device_id);
        *s = (struct session){ 0 };
}

static int session_path(const char *state_dir, const char *name, char **ret) {
        char *path;

        if (!account_name_is_valid(name))
                return -EINVAL;
        if (asprintf(&path, "%s/" SESSION_PREFIX "%s" SESSION_SUFFIX, state_dir, name) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static int session_parse(const json_t *o, struct session *ret) {
        const char *homeserver = json_member_string(o, "homeserver");
        const char *user_id = json_member_string(o, "user_id");
        const char *device_id = json_member_string(o, "device_id");
        const char *token = json_member_string(o, "access_token");
        struct session s;

        if (json_member_int(o, "version", 0) != SESSION_VERSION)
                return -EBADMSG;
        if (!homeserver || !user_id || !token || homeserver[0] == '\0' || user_id[0] == '\0' || token[0] == '\0')
                return -EBADMSG;
        s = (struct session){
                .homeserver = strdup(homeserver),
                .user_id = strdup(user_id),
                .device_id = strdup(device_id ? device_id : ""),
                .access_token = strdup(token),
        };
        if (!s.homeserver || !s.user_id || !s.device_id || !s.access_token) {
                session_done(&s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

int session_load(const char *state_dir, const char *name, struct session *ret) {
        SCOPED(free) char *path = NULL;
        SCOPED(token_free) char *data = NULL;
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
                explicit_bzero(data, size);
                free(data);
                return -ENOMEM;
        }
        data[size] = '\n';
        *ret = data;
        return 0;
}

int session_save(const char *state_dir, const char *name, const struct session *s) {
        SCOPED(free) char *path = NULL;
        SCOPED(token_free) char *data = NULL;
        SCOPED(secret_json) json_t *o = NULL;
        int r;

        r = session_path(state_dir, name, &path);
        if (r < 0)
                return r;
        o = json_pack("{si ss ss ss* ss}", "version", SESSION_VERSION, "homeserver", s->homeserver, "user_id",
                      s->user_id, "device_id", s->device_id, "access_token", s->access_token);
        if (!o)
                return -EINVAL;
        r = session_dump(o, &data);
        if (r < 0)
                return r;
        r = dir_make(state_dir);
        if (r < 0)
                return r;
        return file_write(path, data, strlen(data), 0600);
}

int session_remove(const char *state_dir, const char *name) {
        SCOPED(free) char *path = NULL;
        int r = session_path(state_dir, name, &path);

        return r < 0 ? r : file_remove(path);
}

int session_names(const char *state_dir, char ***ret) {
        char **names;
        int n_files = dir_names(state_dir, SESSION_PREFIX, SESSION_SUFFIX, &names), n = 0;

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

void session_names_free(char **names) {
        names_free(names);
}

int session_token_from_credentials(const char *name, struct session *s) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        SCOPED(free) char *path = NULL;
        char *token = NULL;
        int r;

        if (!account_name_is_valid(name))
                return -EINVAL;
        if (!dir)
                return 0;
        if (asprintf(&path, "%s/busyd-%s.token", dir, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = token_load(path, /* private= */ false, &token);
        if (r <= 0)
                return r;
        token_free(s->access_token);
        s->access_token = token;
        return 1;
}
