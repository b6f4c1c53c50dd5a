/* What survives busyd: claims that are owed, sync positions, what was learned, the mode, the history. Files are
 * written whole, versioned and with checksums; of a broken one what can be read is used, it is kept aside as
 * NAME.broken and said once. */
#pragma once

#include "core/availability.h"
#include "core/base.h"
#include "core/claim.h"
#include "state/session.h"

#define STATE_CLAIMS_MAX  512 /* an output each, of all accounts at once */
#define STATE_HISTORY_MAX 200
#define STATE_IGNORED_MAX 64
#define STATE_DESKTOP_MAX 16
#define STATE_EFFECTS_MAX 200

struct state;

/* Makes the folder (0700), locks it and reads what is there. -EPERM: the folder is not ours, or others may write
 * there; -ENOTDIR: it is none; -EBUSY: another busyd has it open; -ENOMEM. Whatever else does not work, as a folder
 * that cannot be written to or something else in the place of a file, is gone on without. `problem` (may be NULL) gets
 * a sentence for each file that was put aside or lost entries, and for what state_problem() says. */
int state_open(struct state **ret, const char *dir, void (*problem)(const char *sentence, void *userdata),
               void *userdata);
/* Writes what is left. NULL is fine; returns NULL. */
struct state *state_free(struct state *s);
CLEANUP(struct state, state_free);
const char *state_dir(const struct state *s);

/* Writes what was changed, all but the journal, which never waits; flushes it a while later, when what others see is
 * on its way. Once a turn, after what makes requests. What fails is tried again. Returns when to run next. */
usec_t state_run(struct state *s, usec_t now);

/* "", or one sentence for people about what is wrong with the folder, with the journal as it was found, or with what
 * is owed on an account without a session. Borrowed until the next call that takes `s`. */
const char *state_problem(const struct state *s);
/* Says which accounts have no session any more; at the start, and when sessions may have come or gone. `needs_none`:
 * which need none; NULL: all do. */
void state_look_again(struct state *s, bool (*needs_none)(void *userdata, const char *account), void *userdata);
/* What was said then may be over: the journal has changed since. */
bool state_is_out_of_date(const struct state *s);

/* ---- journal: what is owed, by account and output ---- */

struct state_claim {
        const char *account, *output;
        struct claim_owed owed;
        usec_t since_wall;
};
/* On disk when it returns 0; when it fails, what was there before stands, in memory too. -E2BIG beyond
 * STATE_CLAIMS_MAX. */
int state_put_claim(struct state *s, const struct state_claim *c);
int state_remove_claim(struct state *s, const char *account, const char *output);
/* If there is none -ENOENT, or -ENODATA where the journal was found missing or damaged: there may have been one.
 * Strings borrowed until the next change. */
int state_get_claim(const struct state *s, const char *account, const char *output, struct state_claim *ret);
/* To look at all of them: `i` from 0 until -ENOENT. */
int state_claim_at(const struct state *s, size_t i, struct state_claim *ret);

/* For programs beside busyd: whether something is owed on the account as the journal in `dir` has it now. What was
 * given back and is kept for a write that may land late is not: busyd ends with it, too. Of what was put there ahead
 * only a running busyd knows whether it was written, so it counts. Takes no lock, changes nothing. 1: yes, 0: no;
 * -EBADMSG: not as far as the journal can be read; or another negative errno. */
int state_owes(const char *dir, const char *account);

/* ---- journal of this machine: what is to be put back there, by names and in words of src/desktop ---- */

/* As state_put_claim() and state_remove_claim(); -EINVAL: not UTF-8. */
int state_put_desktop(struct state *s, const char *name, const char *value);
int state_remove_desktop(struct state *s, const char *name);
/* NULL: nothing. Borrowed until the next change. */
const char *state_get_desktop(const struct state *s, const char *name);

/* ---- accounts ---- */

struct state_account {
        const char *since;   /* sync position, NULL: none */
        const char *user_id; /* whose it is; NULL: an earlier busyd stored it, and it is of no use to another device */
        const char *device_id; /* position and words were stored by this device */
        usec_t since_at_wall;
        bool sticks;       /* busy was seen to stick on this account (a failed verify after leaving) */
        const char *words; /* of the device alone, see account_lessons; NULL: none */
};
/* Missing: zeroes and returns 0. */
int state_get_account(const struct state *s, const char *account, struct state_account *ret);
int state_put_account(struct state *s, const char *account, const struct state_account *a);

/* ---- the user's word ---- */

struct state_mode {
        enum mode mode;
        usec_t until_wall; /* USEC_NEVER: stays */
        usec_t said_wall;  /* 0: an older busyd has not told */
        bool until_calls_end;
        char message[CLAIM_TEXT_MAX]; /* "" : none */
};
int state_get_mode(const struct state *s, struct state_mode *ret); /* missing: auto */
int state_put_mode(struct state *s, const struct state_mode *m);

/* ---- what the user does not want to count, besides what the configuration says ---- */

struct state_ignored {
        const char *app;    /* a glob; not empty */
        const char *source; /* "": of every source */
};
/* Returns 1, or 0 if it is there already; -E2BIG beyond STATE_IGNORED_MAX. Applications are compared without regard
 * to case, as globs are. */
int state_add_ignored(struct state *s, const struct state_ignored *i);
/* Without a `source` of whichever. Returns how many there were. */
int state_remove_ignored(struct state *s, const struct state_ignored *i);
/* To look at all of them: `i` from 0 until -ENOENT. Strings borrowed until the next change. */
int state_ignored_at(const struct state *s, size_t i, struct state_ignored *ret);

/* ---- history: changes of availability, the newest last ---- */

struct state_change {
        usec_t at_wall;
        bool busy;
        const char *reason; /* evidence in words; names nobody */
};
int state_add_change(struct state *s, const struct state_change *c);
/* `i` 0 is the newest; NULL beyond the oldest. Borrowed until the next change. */
const struct state_change *state_change(const struct state *s, size_t i);

/* ---- what followed on this machine, beside the history so that it takes no room there; the newest last ---- */

struct state_effect {
        usec_t at_wall;
        const char *name; /* of what was done, as a key of the configuration: "on-busy" */
        bool ok;
        const char *outcome; /* in words */
};
int state_add_effect(struct state *s, const struct state_effect *e);
/* `i` 0 is the newest; -ENOENT beyond the oldest. Strings borrowed until the next change. */
int state_effect_at(const struct state *s, size_t i, struct state_effect *ret);
