/* The Secret Service (org.freedesktop.secrets: GNOME Keyring, KWallet, KeePassXC) on the user bus. A job stores, reads
 * or removes one item, found by its id, without a thread and without blocking. Nobody is asked for a password but
 * where that is said. The secret passes over the bus as it is ("plain"): the bus is the user's own, as the keyring is.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

/* A step that takes longer has failed. */
#define KEYRING_STEP_MAX (10 * USEC_PER_SEC)
/* What is larger was not stored by us. */
#define KEYRING_SECRET_MAX (64U << 10)

enum keyring_outcome {
        KEYRING_DONE,
        KEYRING_MISSING, /* it is open, and has no such item */
        KEYRING_LOCKED,
        KEYRING_DISMISSED, /* somebody was asked, and has said no */
        KEYRING_ABSENT,    /* nobody offers the service, or there is nothing in it to store in */
        KEYRING_FAILED,    /* it does not answer, or refuses */
};

struct keyring_answer {
        enum keyring_outcome outcome;
        const char *secret;  /* of a keyring_get() that is done; borrowed */
        const char *problem; /* for people, as in "the keyring is locked"; "" if it is done */
};

struct keyring_item {
        const char *id;    /* what it is found by */
        const char *label; /* what people see of it in their keyring; of keyring_put() */
        const char *secret;
};

enum keyring_may_ask { KEYRING_ASKS_NOBODY, KEYRING_MAY_ASK };

struct keyring_job;

/* Once, not from within the call that starts the job and not after keyring_job_free(), which may be called in it. */
typedef void (*keyring_done_t)(const struct keyring_answer *answer, void *userdata);

/* Strings are copied. Without a bus (NULL): -ENOTCONN. Where somebody may be asked, there is no end to how long that
 * takes. */
int keyring_get(struct keyring_job **ret, sd_bus *bus, const char *id, enum keyring_may_ask ask, keyring_done_t done,
                void *userdata);
/* Replaces what is there. */
int keyring_put(struct keyring_job **ret, sd_bus *bus, const struct keyring_item *item, enum keyring_may_ask ask,
                keyring_done_t done, void *userdata);
/* Whether keyring_put() would do; nothing is stored. */
int keyring_probe(struct keyring_job **ret, sd_bus *bus, enum keyring_may_ask ask, keyring_done_t done,
                  void *userdata);
int keyring_remove(struct keyring_job **ret, sd_bus *bus, const char *id, enum keyring_may_ask ask,
                   keyring_done_t done, void *userdata);
/* Ends it, and whom it still asks is asked no more; what has been sent may still be done. NULL is fine; returns NULL.
 */
struct keyring_job *keyring_job_free(struct keyring_job *j);
CLEANUP(struct keyring_job, keyring_job_free);

/* Tells when something in it may be open that was not: it has come, or was unlocked. */
struct keyring_watch;
int keyring_watch_new(struct keyring_watch **ret, sd_bus *bus, void (*changed)(void *userdata), void *userdata);
struct keyring_watch *keyring_watch_free(struct keyring_watch *w);
