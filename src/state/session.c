/* Sessions on disk, see session.h. Whatever held a token is wiped before it is freed. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "state/secret.h"
#include "state/session.h"
#include "util/file.h"
#include "json/json.h"

#define SESSION_VERSION 1
#define SESSION_PREFIX  "session-"
#define SESSION_SUFFIX  ".json"

#define SESSION_SIZE_MAX 65536

static void wipe_free_scoped(char **p) {
        if (*p)
                explicit_bzero(*p, strlen(*p));
        free(*p);
}

/* jansson keeps its own copy of the token. */
static void secret_json_scoped(json_t **p) {
        json_t *token = json_object_get(*p, "access_token");

        if (json_is_string(token))
                explicit_bzero((char *) json_string_value(token), json_string_length(token));
        json_decref(*p);
}

void session_done(struct session *s) {
        wipe_free_scoped(&s->access_token);
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
        SCOPED(wipe_free) char *data = NULL;
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
        SCOPED(wipe_free) char *data = NULL;
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

/* The account of a session's file. False: the file is something else. */
static bool name_of_file(const char *file, char name[static ACCOUNT_NAME_MAX]) {
        const size_t prefix = sizeof(SESSION_PREFIX) - 1, suffix = sizeof(SESSION_SUFFIX) - 1;
        size_t n = strlen(file);

        if (n <= prefix + suffix || n - prefix - suffix >= ACCOUNT_NAME_MAX ||
            strncmp(file, SESSION_PREFIX, prefix) != 0 || !streq(file + n - suffix, SESSION_SUFFIX))
                return false;
        memcpy(name, file + prefix, n - prefix - suffix);
        name[n - prefix - suffix] = '\0';
        return account_name_is_valid(name);
}

static int is_session_file(const struct dirent *e) {
        char name[ACCOUNT_NAME_MAX];

        return name_of_file(e->d_name, name);
}

/* By byte, so that the order is the same in every locale. */
static int compare_files(const struct dirent **a, const struct dirent **b) {
        char x[ACCOUNT_NAME_MAX] = "", y[ACCOUNT_NAME_MAX] = "";

        (void) name_of_file((*a)->d_name, x);
        (void) name_of_file((*b)->d_name, y);
        return strcmp(x, y);
}

static int copy_names(struct dirent **files, int n_files, char ***ret) {
        char **names = calloc(ACCOUNTS_MAX + 1, sizeof(*names));
        char name[ACCOUNT_NAME_MAX];
        int n = 0;

        if (!names)
                return -ENOMEM;
        for (; n < n_files && n < ACCOUNTS_MAX; n++) {
                (void) name_of_file(files[n]->d_name, name);
                names[n] = strdup(name);
                if (!names[n]) {
                        session_names_free(names);
                        return -ENOMEM;
                }
        }
        *ret = names;
        return n;
}

int session_names(const char *state_dir, char ***ret) {
        struct dirent **files = NULL;
        int n = scandir(state_dir, &files, is_session_file, compare_files), r;

        if (n < 0 && errno != ENOENT)
                return -errno;
        r = copy_names(files, n, ret);
        for (int i = 0; i < n; i++)
                free(files[i]);
        free(files);
        return r;
}

void session_names_free(char **names) {
        for (size_t i = 0; names && names[i]; i++)
                free(names[i]);
        free(names);
}

int session_token_from_credentials(const char *name, struct session *s) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        SCOPED(free) char *path = NULL;
        char *data = NULL, *token = NULL;
        size_t size = 0;
        int r;

        if (!account_name_is_valid(name))
                return -EINVAL;
        if (!dir)
                return 0;
        if (asprintf(&path, "%s/busyd-%s.token", dir, name) < 0)
                return -ENOMEM;
        r = file_read(path, TOKEN_MAX, &data, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r == -EFBIG ? -EBADMSG : r;
        r = secret_trim(data, size, &token);
        if (r == 0)
                token = strdup(token);
        explicit_bzero(data, size);
        free(data);
        if (r < 0)
                return r;
        if (!token)
                return -ENOMEM;
        wipe_free_scoped(&s->access_token);
        s->access_token = token;
        return 1;
}
