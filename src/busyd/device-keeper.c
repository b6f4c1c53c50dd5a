/* See device-keeper.h. */
#include "busyd/device-keeper.h"

#include <errno.h>

#include "busyd/vault.h"
#include "util/log.h"

#define WORD_OFF         "off"
#define WORD_UNSUPPORTED "unsupported"
#define WORD_NONE        "unverified"
#define WORD_LOST        "lost"

#define ADVICE "log out, log in and verify again to see calls in encrypted rooms"

static void drop(struct device_keeper *k, const char *word) {
        crypto_store_done(&k->store);
        k->there = false;
        k->word = word;
}

static void set_aside(struct device_keeper *k, const char *why) {
        SCOPED(free) char *name = NULL;
        int r = crypto_store_set_aside(k->state_dir, k->name, &name);

        if (r < 0)
                log_error("Account %s: %s/crypto-%s.json is not used: %s; " ADVICE, k->name, k->state_dir, k->name,
                          why);
        else
                log_error("Account %s: %s/crypto-%s.json is not used: %s; it is kept as %s; " ADVICE, k->name,
                          k->state_dir, k->name, why, name);
        drop(k, WORD_LOST);
}

/* The entry of the keyring is of no use without it, and no harm if it stays. */
static void clear_up(struct device_keeper *k, struct vault *vault) {
        int r = crypto_store_remove(k->state_dir, k->name);

        if (r < 0)
                log_error("Account %s: %s/crypto-%s.json is of an earlier session (device %s) and is not used, and "
                          "cannot be removed: %s",
                          k->name, k->state_dir, k->name, k->store.device_id, strerror(-r));
        else
                log_info("Account %s: the keys of encrypted rooms here were of an earlier session (device %s), and "
                         "are removed; to see calls there, run 'busyctl verify %s'",
                         k->name, k->store.device_id, k->name);
        if (r >= 0 && k->store.keyring_id)
                vault_remove(vault, k->store.keyring_id);
        drop(k, WORD_NONE);
}

static bool is_device_of(const struct device_keeper *k, const struct session *session) {
        return streq(k->store.user_id, session->user_id) && streq(k->store.device_id, session->device_id);
}

static int get_key(struct device_keeper *k, const struct session *session, struct vault *vault) {
        const char *key;
        int r;

        if (k->store.has_key)
                return 0;
        r = vault_look(vault, k->name, session, k->store.keyring_id, &key);
        if (r >= 0 && crypto_store_take_key(&k->store, key) < 0) {
                vault_refuse(vault, k->name);
                r = -EAGAIN;
        }
        return r;
}

/* Without what is told of one that is of no use, and without waiting for a keyring that says that it has nothing. */
static int load_quietly(struct device_keeper *k, const struct session *session, struct vault *vault) {
        int r = crypto_store_load(k->state_dir, k->name, &k->store);

        if (r >= 0 && !is_device_of(k, session))
                r = -ENOENT;
        if (r >= 0)
                r = get_key(k, session, vault);
        if (r == -ENOMEM || (r == -EAGAIN && !vault_is_in_vain(vault, k->name)))
                return r;
        k->there = r >= 0;
        if (r < 0)
                drop(k, WORD_OFF);
        return 0;
}

static int load(struct device_keeper *k, const struct session *session, struct vault *vault) {
        int r = crypto_store_load(k->state_dir, k->name, &k->store);

        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                set_aside(k, r == -EBADMSG ? "it is broken, or of a newer busyd"
                             : r == -EPERM ? "it must be yours with mode 0600"
                                           : strerror(-r));
                return 0;
        }
        if (!is_device_of(k, session)) {
                clear_up(k, vault);
                return 0;
        }
        r = get_key(k, session, vault);
        k->there = r >= 0;
        return r;
}

/* What could not be moved away is looked at again once it is another one. */
static void note_refused(struct device_keeper *k) {
        k->refused = k->there ? 0 : crypto_store_written(k->state_dir, k->name);
}

/* Where there can be no lock, whoever wants to verify has none, either, and only a device needs it. */
static int lock(struct device_keeper *k) {
        k->lock = crypto_store_lock(k->state_dir, k->name);
        if (k->lock >= 0 || (k->lock != -EBUSY && (k->off || !crypto_store_exists(k->state_dir, k->name))))
                return 0;
        log_info("Account %s: its keys of encrypted rooms are in use elsewhere (%s); waiting", k->name,
                 strerror(-k->lock));
        return -EBUSY;
}

int device_keeper_open(struct device_keeper *k, const char *state_dir, const char *name, const struct session *session,
                       bool off, struct vault *vault) {
        int r;

        *k = (struct device_keeper){
                .state_dir = state_dir, .name = name, .lock = -1, .off = off, .word = off ? WORD_OFF : WORD_NONE
        };
        r = lock(k);
        if (r < 0 || !crypto_store_exists(state_dir, name))
                return r;
        if (!off)
                r = load(k, session, vault);
        else if (k->lock >= 0)
                r = load_quietly(k, session, vault);
        if (r < 0)
                device_keeper_close(k);
        else
                note_refused(k);
        return r;
}

void device_keeper_close(struct device_keeper *k) {
        drop(k, WORD_NONE);
        crypto_store_unlock(k->lock);
        k->lock = -1;
}

static int put(void *userdata, const json_t *receiver) {
        struct device_keeper *k = userdata;

        json_decref(k->store.receiver);
        k->store.receiver = json_incref((json_t *) receiver);
        return crypto_store_save(k->state_dir, k->name, &k->store);
}

const struct encrypted_keeper *device_keeper_doors(struct device_keeper *k) {
        k->doors = (struct encrypted_keeper){
                .stored = k->store.receiver, .key = k->store.key, .put = put, .userdata = k
        };
        return k->there ? &k->doors : NULL;
}

bool device_keeper_reject(struct device_keeper *k, int error) {
        const bool is_of_no_use =
                error == -EOPNOTSUPP || error == -ENOPKG || error == -EBADMSG || error == -EKEYREJECTED;

        if (!k->there)
                return false;
        if (k->off && is_of_no_use)
                drop(k, WORD_OFF);
        else if (error == -EOPNOTSUPP)
                drop(k, WORD_UNSUPPORTED);
        else if (error == -ENOPKG) {
                log_error("Account %s: calls in encrypted rooms are not seen: the library that decrypts is not "
                          "installed; install it and start busyd anew",
                          k->name);
                drop(k, WORD_UNSUPPORTED);
        } else if (error == -EBADMSG)
                set_aside(k, "it is broken, or was made with another library than this busyd was built with");
        else if (error == -EKEYREJECTED)
                set_aside(k, "its key is another one");
        else
                return false;
        note_refused(k);
        return true;
}

bool device_keeper_is_current(const struct device_keeper *k, bool off) {
        if (k->off != off)
                return false;
        if (streq(k->word, WORD_UNSUPPORTED))
                return true;
        return k->there ? crypto_store_exists(k->state_dir, k->name)
                        : k->refused == crypto_store_written(k->state_dir, k->name);
}
