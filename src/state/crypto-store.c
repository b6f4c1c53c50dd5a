/* See crypto-store.h. {version, user_id, device_id, key (hexadecimal) or keyring_id, receiver}. */
#include "state/crypto-store.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "json/json.h"
#include "state/account-file.h"
#include "util/file.h"
#include "util/random.h"

#define VERSION  1
#define PREFIX   "crypto-"
#define FILE_MAX (16U << 20)
#define KEY_TEXT ((size_t) 2 * CRYPTO_STORE_KEY)

void crypto_store_done(struct crypto_store *s) {
        free(s->user_id);
        free(s->device_id);
        free(s->keyring_id);
        json_decref(s->receiver);
        explicit_bzero(s->key, sizeof(s->key));
        *s = (struct crypto_store){ 0 };
}

static int path_of(const char *state_dir, const char *name, char **ret) {
        return account_file_path(state_dir, PREFIX, name, ".json", ret);
}

/* ---- the key ---- */

int crypto_store_new_key(struct crypto_store *s) {
        int r = random_secret(s->key, sizeof(s->key));

        s->has_key = r >= 0;
        return r;
}

int crypto_store_key_text(const struct crypto_store *s, char **ret) {
        char *text = s->has_key ? malloc(KEY_TEXT + 1) : NULL;

        if (!text)
                return s->has_key ? -ENOMEM : -EINVAL;
        for (size_t i = 0; i < sizeof(s->key); i++)
                (void) snprintf(text + 2 * i, 3, "%02x", s->key[i]);
        *ret = text;
        return 0;
}

static int digit_of(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int crypto_store_take_key(struct crypto_store *s, const char *text) {
        uint8_t key[CRYPTO_STORE_KEY];
        bool whole = strlen(text) == KEY_TEXT;

        for (size_t i = 0; whole && i < sizeof(key); i++) {
                int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

                whole = high >= 0 && low >= 0;
                key[i] = (uint8_t) (whole ? high << 4 | low : 0);
        }
        if (whole) {
                memcpy(s->key, key, sizeof(key));
                s->has_key = true;
        }
        explicit_bzero(key, sizeof(key));
        return whole ? 0 : -EBADMSG;
}

/* ---- reading ---- */

/* jansson keeps its own copy of the key. */
static void json_with_key_scoped(json_t **p) {
        const json_t *key = json_object_get(*p, "key");

        if (json_is_string(key))
                explicit_bzero((char *) json_string_value(key), json_string_length(key));
        json_decref(*p);
}

static bool there(const char *s) {
        return s && *s;
}

static int parse(const json_t *o, struct crypto_store *ret) {
        const char *user_id = json_member_string(o, "user_id"), *device_id = json_member_string(o, "device_id");
        const char *keyring_id = json_member_string(o, "keyring_id"), *key = json_member_string(o, "key");
        const json_t *receiver = json_member_object(o, "receiver");
        SCOPED(crypto_store_done) struct crypto_store s = { 0 };

        if (json_member_int(o, "version", 0) != VERSION || !there(user_id) || !there(device_id) || !receiver)
                return -EBADMSG;
        if (there(keyring_id) ? key != NULL : !key || crypto_store_take_key(&s, key) < 0)
                return -EBADMSG;
        s.user_id = strdup(user_id);
        s.device_id = strdup(device_id);
        s.keyring_id = there(keyring_id) ? strdup(keyring_id) : NULL;
        if (!s.user_id || !s.device_id || (there(keyring_id) && !s.keyring_id))
                return -ENOMEM;
        s.receiver = json_incref((json_t *) receiver);
        *ret = s;
        s = (struct crypto_store){ 0 };
        return 0;
}

int crypto_store_load(const char *state_dir, const char *name, struct crypto_store *ret) {
        SCOPED(free) char *path = NULL;
        SCOPED(erase_and_free) char *data = NULL;
        SCOPED(json_with_key) json_t *o = NULL;
        size_t size;
        int r = path_of(state_dir, name, &path);

        *ret = (struct crypto_store){ 0 };
        if (r >= 0)
                r = file_read_private(path, FILE_MAX, &data, &size);
        if (r >= 0)
                r = json_parse(data, size, &o);
        if (r < 0)
                return r == -EFBIG ? -EBADMSG : r;
        return parse(o, ret);
}

bool crypto_store_exists(const char *state_dir, const char *name) {
        SCOPED(free) char *path = NULL;

        return path_of(state_dir, name, &path) >= 0 && file_exists(path);
}

usec_t crypto_store_written(const char *state_dir, const char *name) {
        SCOPED(free) char *path = NULL;
        struct stat st;

        if (path_of(state_dir, name, &path) < 0 || lstat(path, &st) < 0)
                return 0;
        return (usec_t) st.st_mtim.tv_sec * USEC_PER_SEC + (usec_t) st.st_mtim.tv_nsec / 1000;
}

/* ---- writing ---- */

/* Asks for the size first: a buffer that grows would leave copies of the key behind. */
static int dump(const json_t *o, char **ret, size_t *ret_size) {
        const size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
        size_t size = json_dumpb(o, NULL, 0, flags);
        char *data = size > 0 ? calloc(1, size + 2) : NULL;

        if (!data)
                return -ENOMEM;
        if (json_dumpb(o, data, size, flags) != size) {
                erase_and_free(data);
                return -ENOMEM;
        }
        data[size] = '\n';
        *ret = data;
        *ret_size = size + 1;
        return 0;
}

int crypto_store_save(const char *state_dir, const char *name, const struct crypto_store *s) {
        SCOPED(free) char *path = NULL;
        SCOPED(erase_and_free) char *data = NULL, *key = NULL;
        SCOPED(json_with_key) json_t *o = NULL;
        size_t size;
        int r = path_of(state_dir, name, &path);

        if (r < 0)
                return r;
        if (!there(s->user_id) || !there(s->device_id) || !s->receiver || !s->has_key)
                return -EINVAL;
        r = s->keyring_id ? 0 : crypto_store_key_text(s, &key);
        if (r < 0)
                return r;
        o = json_pack_whole("{si ss ss ss* ss* sO}", "version", VERSION, "user_id", s->user_id, "device_id",
                            s->device_id, "keyring_id", s->keyring_id, "key", key, "receiver", s->receiver);
        r = o ? dump(o, &data, &size) : -ENOMEM;
        if (r >= 0)
                r = dir_make(state_dir);
        return r < 0 ? r : file_write(path, data, size, 0600);
}

int crypto_store_remove(const char *state_dir, const char *name) {
        SCOPED(free) char *path = NULL;
        int r = path_of(state_dir, name, &path);

        return r < 0 ? r : file_remove(path);
}

int crypto_store_set_aside(const char *state_dir, const char *name, char **ret) {
        SCOPED(free) char *path = NULL;
        int r = path_of(state_dir, name, &path);

        return r < 0 ? r : file_set_aside(path, /* keep= */ false, ret);
}

/* ---- the lock ---- */

int crypto_store_lock(const char *state_dir, const char *name) {
        return account_file_lock(state_dir, PREFIX, name);
}

int crypto_store_lock_wait(const char *state_dir, const char *name, usec_t max) {
        return account_file_lock_wait(state_dir, PREFIX, name, max);
}

void crypto_store_unlock(int lock) {
        file_unlock(lock);
}
