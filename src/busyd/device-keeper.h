/* Where the verified device of one account is kept, if its session is one: the file of state/crypto-store, and its
 * key. Its lock is held as long as the account is taken up, with or without a device: a session that is being verified
 * is used by nobody else. Without such a file there is nothing to decrypt with; how that comes is said in a word. One
 * that an earlier session has left behind is removed: nobody gives that device keys any more, and what it could read
 * is nobody's business.
 *
 * Where the configuration wants nothing read, a device that can be used is kept all the same, so that it is seen when
 * it harms others; what is wrong with one is then neither told nor mended, and holds up nothing. */
#pragma once

#include "matrix/encrypted.h"
#include "state/crypto-store.h"
#include "state/session.h"

struct vault;

struct device_keeper {
        const char *state_dir, *name; /* borrowed */
        struct crypto_store store;
        int lock;
        bool off;         /* the configuration wants nothing read */
        bool there;       /* a device, for this session */
        usec_t refused;   /* when what lies there all the same was written; 0: nothing does */
        const char *word; /* what the bus shows while there is none */
        struct encrypted_keeper doors;
};

/* `off`: the configuration wants nothing read. -EAGAIN: its key is in the keyring, which has yet to answer; -EBUSY:
 * somebody else is at it, as `busyctl verify`. Otherwise what is wrong with it is told, and it counts as none: 0. */
int device_keeper_open(struct device_keeper *k, const char *state_dir, const char *name, const struct session *session,
                       bool off, struct vault *vault);
void device_keeper_close(struct device_keeper *k);
static inline void device_keeper_close_scoped(struct device_keeper *k) {
        device_keeper_close(k);
}
/* NULL: none. `k` has to stay where it is from then on. */
const struct encrypted_keeper *device_keeper_doors(struct device_keeper *k);
/* What is stored cannot be used, see encrypted_new(): tells it, and it counts as none. False: the error is of another
 * kind. */
bool device_keeper_reject(struct device_keeper *k, int error);
/* What was found is what is there now. */
bool device_keeper_is_current(const struct device_keeper *k, bool off);
