/* What survives busyd, see state.h. The journals (claims, and what is to be put back on this machine) are changed by
 * making a new list, saving it, and only then putting it in the old one's place, so memory never is ahead of its file.
 * Each other list is in one of these states:
 *  1. clean: the file has it, and is on disk;
 *  2. dirty: changed since the file was written; state_run() writes it;
 *  3. unflushed: the file has it, and survives us, but not the machine; state_run() flushes it FLUSH_AFTER later. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "json/json.h"
#include "state/owed.h"
#include "state/state.h"
#include "state/store.h"
#include "util/file.h"
#include "util/later.h"
#include "util/text.h"

/* Accounts come and go by name; more than can be logged in, so that a position is not lost at once. */
#define STATE_ACCOUNTS_MAX 512

/* Bytes of a reason in the history. */
#define STATE_REASON_MAX 256

/* A flush can take long: what others see is on its way by then. */
#define FLUSH_AFTER (500 * USEC_PER_MSEC)
/* After a failure. */
#define WRITE_AGAIN_AFTER USEC_PER_MIN

enum concern {
        CONCERN_CLAIMS,
        CONCERN_ACCOUNTS,
        CONCERN_MODE,
        CONCERN_HISTORY,
        CONCERN_IGNORED,
        CONCERN_DESKTOP,
        CONCERN_EFFECTS,
        CONCERNS,
};

struct state {
        char *dir;
        int lock;
        json_t *lists[CONCERNS];
        bool dirty[CONCERNS], unflushed[CONCERNS];
        struct later write, flush; /* set while something is dirty, unflushed */
        char *unwritable;          /* sentences of state_problem(); NULL: all is well */
        char *journal_damaged;
        char *without_session;
        bool out_of_date;                               /* the journal has changed since the last was found */
        struct state_change changes[STATE_HISTORY_MAX]; /* the newest first; reasons are in the list */
        size_t n_changes;
};

/* ---- entries ---- */

/* JSON has no larger integer, and no clock of ours gets there. */
static json_int_t usec_to_json(usec_t t) {
        return t > INT64_MAX ? INT64_MAX : (json_int_t) t;
}

static bool has_usec(const json_t *entry, const char *key, usec_t *ret) {
        int64_t t = json_member_int(entry, key, -1);

        if (t < 0)
                return false;
        *ret = t == INT64_MAX ? USEC_NEVER : (usec_t) t;
        return true;
}

static bool has_bool(const json_t *entry, const char *key, bool *ret) {
        const json_t *v = json_object_get(entry, key);

        *ret = json_is_true(v);
        return json_is_boolean(v);
}

static bool claim_from_json(const json_t *entry, struct state_claim *ret) {
        struct state_claim c = { .account = json_member_string(entry, "account"),
                                 .output = json_member_string(entry, "output") };

        if (!c.account || !c.output || !account_name_is_valid(c.account) || c.output[0] == '\0' ||
            !has_usec(entry, "since_wall", &c.since_wall) || !owed_from_json(entry, &c.owed))
                return false;
        *ret = c;
        return true;
}

/* NULL: as with json_pack_whole(). */
static json_t *claim_to_json(const struct state_claim *c) {
        SCOPED(json_decref) json_t *entry = owed_to_json(&c->owed);

        if (json_object_set_new(entry, "account", json_string(c->account)) < 0 ||
            json_object_set_new(entry, "output", json_string(c->output)) < 0 ||
            json_object_set_new(entry, "since_wall", json_integer(usec_to_json(c->since_wall))) < 0)
                return NULL;
        return TAKE(entry);
}

static bool claim_is_valid(const json_t *entry) {
        struct state_claim c;

        return claim_from_json(entry, &c);
}

/* A member that may be missing, but must not be of another type. */
static bool is_optional_string(const json_t *entry, const char *key) {
        return !json_object_get(entry, key) || json_member_string(entry, key);
}

static bool account_from_json(const json_t *entry, struct state_account *ret) {
        struct state_account a = { .since = json_member_string(entry, "since"),
                                   .user_id = json_member_string(entry, "user_id"),
                                   .device_id = json_member_string(entry, "device_id"),
                                   .words = json_member_string(entry, "words") };
        const char *name = json_member_string(entry, "account");

        if (!name || !account_name_is_valid(name) || !is_optional_string(entry, "since") ||
            !is_optional_string(entry, "user_id") || !is_optional_string(entry, "device_id") ||
            !is_optional_string(entry, "words") || !has_usec(entry, "since_at_wall", &a.since_at_wall) ||
            !has_bool(entry, "sticks", &a.sticks))
                return false;
        *ret = a;
        return true;
}

static bool account_is_valid(const json_t *entry) {
        struct state_account a;

        return account_from_json(entry, &a);
}

static bool mode_from_json(const json_t *entry, struct state_mode *ret) {
        const char *mode = json_member_string(entry, "mode"), *message = json_member_string(entry, "message");
        struct state_mode m = { 0 };

        if (!mode || mode_from_string(mode, &m.mode) < 0 || !message || strlen(message) >= sizeof(m.message) ||
            !has_usec(entry, "until_wall", &m.until_wall) || !has_bool(entry, "until_calls_end", &m.until_calls_end))
                return false;
        (void) has_usec(entry, "said_wall", &m.said_wall);
        memcpy(m.message, message, strlen(message) + 1);
        *ret = m;
        return true;
}

static bool mode_is_valid(const json_t *entry) {
        struct state_mode m;

        return mode_from_json(entry, &m);
}

static bool change_from_json(const json_t *entry, struct state_change *ret) {
        struct state_change c = { .reason = json_member_string(entry, "reason") };

        if (!c.reason || !has_usec(entry, "at_wall", &c.at_wall) || !has_bool(entry, "busy", &c.busy))
                return false;
        *ret = c;
        return true;
}

static bool change_is_valid(const json_t *entry) {
        struct state_change c;

        return change_from_json(entry, &c);
}

static bool ignored_from_json(const json_t *entry, struct state_ignored *ret) {
        const struct state_ignored i = { .app = json_member_string(entry, "app"),
                                         .source = json_member_string(entry, "source") };

        if (!i.app || i.app[0] == '\0' || !i.source)
                return false;
        *ret = i;
        return true;
}

static bool ignored_is_valid(const json_t *entry) {
        struct state_ignored i;

        return ignored_from_json(entry, &i);
}

static bool desktop_is_valid(const json_t *entry) {
        const char *name = json_member_string(entry, "name");

        return name && name[0] != '\0' && json_member_string(entry, "value");
}

static bool effect_from_json(const json_t *entry, struct state_effect *ret) {
        struct state_effect e = { .name = json_member_string(entry, "name"),
                                  .outcome = json_member_string(entry, "outcome") };

        if (!e.name || !e.outcome || !has_usec(entry, "at_wall", &e.at_wall) || !has_bool(entry, "ok", &e.ok))
                return false;
        *ret = e;
        return true;
}

static bool effect_is_valid(const json_t *entry) {
        struct state_effect e;

        return effect_from_json(entry, &e);
}

static_assert(STATE_CLAIMS_MAX >= 4 * ACCOUNTS_MAX, "each account may owe what its outputs have written");
static_assert(STATE_ACCOUNTS_MAX > ACCOUNTS_MAX, "accounts come and go");

static const struct store_kind kinds[CONCERNS] = {
        [CONCERN_CLAIMS] = { "claims.json", STATE_CLAIMS_MAX, claim_is_valid, .journal = true },
        [CONCERN_ACCOUNTS] = { "accounts.json", STATE_ACCOUNTS_MAX, account_is_valid, .journal = false },
        [CONCERN_MODE] = { "mode.json", 1, mode_is_valid, .journal = false },
        [CONCERN_HISTORY] = { "history.json", STATE_HISTORY_MAX, change_is_valid, .journal = false },
        [CONCERN_IGNORED] = { "ignore.json", STATE_IGNORED_MAX, ignored_is_valid, .journal = false },
        [CONCERN_DESKTOP] = { "desktop.json", STATE_DESKTOP_MAX, desktop_is_valid, .journal = true },
        [CONCERN_EFFECTS] = { "effects.json", STATE_EFFECTS_MAX, effect_is_valid, .journal = false },
};

static bool is_journal(enum concern concern) {
        return kinds[concern].journal;
}

/* ---- lists ---- */

/* The entry of `account` (and `output`, unless NULL), or the size of the list. */
static size_t find_entry(const json_t *list, const char *account, const char *output) {
        size_t i;
        json_t *entry;

        json_array_foreach((json_t *) list, i, entry) {
                if (streq(json_member_string(entry, "account"), account) &&
                    (!output || streq(json_member_string(entry, "output"), output)))
                        return i;
        }
        return json_array_size(list);
}

static void note(char **sentence, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(char **sentence, const char *format, ...) {
        va_list args;

        free(*sentence);
        va_start(args, format);
        if (vasprintf(sentence, format, args) < 0)
                *sentence = NULL;
        va_end(args);
}

static void note_unwritable(struct state *s, int error) {
        note(&s->unwritable,
             "nothing can be kept in %s: %s; as what is owed would be forgotten, nothing new is written on your "
             "accounts",
             s->dir, strerror(-error));
}

/* Notes what came of a write. Where the folder is missing, why it is counts, and the next write may find it. */
static int written(struct state *s, int r) {
        int made = r == -ENOENT ? dir_make(s->dir) : 0;

        if (made < 0)
                r = made;
        if (r < 0)
                note_unwritable(s, r);
        else
                free(TAKE(s->unwritable));
        return r;
}

static void set_list(struct state *s, enum concern concern, json_t *list) {
        json_decref(s->lists[concern]);
        s->lists[concern] = json_incref(list);
}

static int put(struct state *s, enum concern concern) {
        int r = written(s, store_put(s->dir, &kinds[concern], s->lists[concern]));

        if (r < 0) {
                later_set(&s->write, WRITE_AGAIN_AFTER);
                return r;
        }
        s->dirty[concern] = false;
        s->unflushed[concern] = true;
        later_set(&s->flush, FLUSH_AFTER);
        return 0;
}

/* No file comes into being before the journal of claims: by the others it is known to be missing. */
static int put_claims(struct state *s) {
        return s->dirty[CONCERN_CLAIMS] ? put(s, CONCERN_CLAIMS) : 0;
}

/* Takes the list over: that of a journal once it is saved. */
static int commit(struct state *s, enum concern concern, json_t *list) {
        int r = 0;

        if (!list)
                return -ENOMEM;
        if (concern != CONCERN_CLAIMS && is_journal(concern))
                r = put_claims(s);
        if (r >= 0 && is_journal(concern))
                r = written(s, store_save(s->dir, &kinds[concern], list));
        if (r < 0)
                return r;
        s->dirty[concern] = !is_journal(concern);
        if (s->dirty[concern])
                later_set(&s->write, 0);
        s->out_of_date = s->out_of_date || concern == CONCERN_CLAIMS;
        set_list(s, concern, list);
        return 0;
}

static void write_dirty(struct state *s) {
        if (put_claims(s) < 0)
                return;
        for (size_t i = 0; i < CONCERNS; i++)
                if (s->dirty[i])
                        (void) put(s, i);
}

/* What cannot be flushed is written anew. A flush that succeeds shows of no folder that it can be written to. */
static void flush_one(struct state *s, enum concern concern) {
        int r = s->unflushed[concern] ? store_flush(s->dir, &kinds[concern]) : 0;

        if (r < 0) {
                (void) written(s, r);
                s->dirty[concern] = true;
                later_set(&s->write, WRITE_AGAIN_AFTER);
        }
        s->unflushed[concern] = false;
}

static void flush(struct state *s) {
        for (size_t i = 0; i < CONCERNS; i++)
                flush_one(s, i);
}

usec_t state_run(struct state *s, usec_t now) {
        if (later_run(&s->write, now))
                write_dirty(s);
        if (later_run(&s->flush, now))
                flush(s);
        return usec_min(later_at(&s->write, now), later_at(&s->flush, now));
}

/* Puts the entry at `i`; the size of the list appends. Takes the entry, NULL if it could not be made: see
 * json_pack_whole(). */
static int commit_entry(struct state *s, enum concern concern, size_t i, json_t *entry) {
        int r = entry ? 0 : errno == ENOMEM ? -ENOMEM : -EINVAL;
        SCOPED(json_decref) json_t *list = r == 0 ? json_copy_whole(s->lists[concern]) : NULL;

        if (r < 0)
                return r;
        if (i >= kinds[concern].entries_max) {
                json_decref(entry);
                return -E2BIG;
        }
        r = i < json_array_size(list) ? json_array_set_new(list, i, entry) : json_array_append_new(list, entry);
        return r < 0 ? -ENOMEM : commit(s, concern, list);
}

static int commit_removal(struct state *s, enum concern concern, size_t i) {
        SCOPED(json_decref) json_t *list = NULL;

        if (i >= json_array_size(s->lists[concern]))
                return 0;
        list = json_copy_whole(s->lists[concern]);
        return json_array_remove(list, i) < 0 ? -ENOMEM : commit(s, concern, list);
}

/* ---- opening ---- */

static void view_history(struct state *s) {
        const json_t *list = s->lists[CONCERN_HISTORY];
        size_t n = json_array_size(list);

        for (size_t i = 0; i < n; i++)
                (void) change_from_json(json_array_get(list, n - 1 - i), &s->changes[i]);
        s->n_changes = n;
}

/* A journal was there from the first start on, so it has been lost if other files tell of one, whatever state they are
 * in themselves. */
static bool is_journal_missing(const enum store_finding findings[static CONCERNS]) {
        bool started = false;

        for (size_t i = 0; i < CONCERNS; i++)
                started = started || findings[i] != STORE_MISSING;
        return started && findings[CONCERN_CLAIMS] == STORE_MISSING;
}

static void look_at_journal(struct state *s, const enum store_finding findings[static CONCERNS]) {
        bool damaged = findings[CONCERN_CLAIMS] == STORE_DAMAGED;

        if (damaged || is_journal_missing(findings))
                note(&s->journal_damaged,
                     "%s/%s %s: what busyd had written on your accounts before this start is taken back where its "
                     "words stand, but what was there before it is not all known any more",
                     s->dir, kinds[CONCERN_CLAIMS].file, damaged ? "was damaged" : "is missing");
}

static int load_all(struct state *s, const struct store_teller *t) {
        enum store_finding findings[CONCERNS];

        for (size_t i = 0; i < CONCERNS; i++) {
                int r = store_load(s->dir, &kinds[i], t, &s->lists[i], &findings[i]);

                if (r < 0)
                        return r;
                s->unflushed[i] = findings[i] == STORE_WHOLE && !is_journal(i);
                s->dirty[i] = findings[i] == STORE_OLD || findings[i] == STORE_DAMAGED ||
                              (findings[i] == STORE_MISSING && i == CONCERN_CLAIMS);
        }
        look_at_journal(s, findings);
        view_history(s);
        return 0;
}

/* Any file beside the lists is one as well. */
static bool is_relied_upon(const char *name) {
        for (size_t i = 0; i < CONCERNS; i++)
                if (streq(kinds[i].file, name))
                        return is_journal(i);
        return true;
}

/* The folder, as far as it can be had. */
static int open_dir(struct state *s) {
        int made = dir_make(s->dir), r = dir_check(s->dir);

        if (r < 0 && (r != -ENOENT || made == -ENOTDIR))
                return r == -ENOENT ? made : r;
        s->lock = r < 0 ? r : dir_lock(s->dir);
        if (s->lock == -EBUSY)
                return -EBUSY;
        r = r < 0 ? made : dir_check_writable(s->dir);
        if (r < 0)
                note_unwritable(s, r);
        return 0;
}

static int open_all(struct state *s, const char *dir, const struct store_teller *t) {
        int r;

        s->dir = strdup(dir);
        if (!s->dir)
                return -ENOMEM;
        r = open_dir(s);
        if (r < 0)
                return r;
        file_sweep(dir);
        /* What is in them is relied upon from now on, as where a token that was renewed has taken the place of one
         * that the server does not know any more. The rest has time until we are ready. */
        file_flush_all(dir, ".json", is_relied_upon);
        r = load_all(s, t);
        if (r < 0)
                return r;
        later_set(&s->flush, FLUSH_AFTER);
        write_dirty(s);
        for (size_t i = 0; i < CONCERNS; i++)
                if (is_journal(i))
                        flush_one(s, i);
        return 0;
}

int state_open(struct state **ret, const char *dir, void (*problem)(const char *sentence, void *userdata),
               void *userdata) {
        struct state *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->lock = -1;
        r = open_all(s, dir, &(struct store_teller){ problem, userdata });
        if (r < 0) {
                state_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct state *state_free(struct state *s) {
        if (!s)
                return NULL;
        write_dirty(s);
        flush(s);
        for (size_t i = 0; i < CONCERNS; i++)
                json_decref(s->lists[i]);
        dir_unlock(s->lock);
        free(s->unwritable);
        free(s->journal_damaged);
        free(s->without_session);
        free(s->dir);
        free(s);
        return NULL;
}

const char *state_dir(const struct state *s) {
        return s->dir;
}

/* What was given back and is kept for a write that may land late is not, but perhaps what was put there ahead. */
static bool is_owed(const struct claim_owed *o) {
        return !o->given_back || o->ahead;
}

static void note_without_session(struct state *s, const char *account, int error) {
        SCOPED(free) char *remedy = error == -ENOENT ? NULL : session_remedy(s->dir, account, error);

        if (error == -ENOENT)
                note(&s->without_session,
                     "what busyd has written on account %s is still there, and its session is gone: `busyctl login "
                     "%s` gives it back",
                     account, account);
        else
                note(&s->without_session,
                     "what busyd has written on account %s is still there, and its session cannot be used: %s",
                     account, remedy ? remedy : strerror(-error));
}

void state_look_again(struct state *s, bool (*needs_none)(void *userdata, const char *account), void *userdata) {
        struct state_claim c;

        free(TAKE(s->without_session));
        s->out_of_date = false;
        for (size_t i = 0; !s->without_session && state_claim_at(s, i, &c) == 0; i++) {
                SCOPED(session_done) struct session session = { 0 };
                int r = is_owed(&c.owed) ? session_load(s->dir, c.account, &session) : 0;

                if (r < 0 && !(r == -ENOENT && needs_none && needs_none(userdata, c.account)))
                        note_without_session(s, c.account, r);
        }
}

bool state_is_out_of_date(const struct state *s) {
        return s->without_session && s->out_of_date;
}

const char *state_problem(const struct state *s) {
        return s->unwritable        ? s->unwritable
               : s->without_session ? s->without_session
               : s->journal_damaged ? s->journal_damaged
                                    : "";
}

int state_owes(const char *dir, const char *account) {
        SCOPED(json_decref) json_t *claims = NULL;
        enum store_finding finding;
        struct state_claim c;
        json_t *entry;
        size_t i;
        int r = store_load(dir, &kinds[CONCERN_CLAIMS], NULL, &claims, &finding);

        if (r < 0)
                return r;
        json_array_foreach(claims, i, entry) {
                if (claim_from_json(entry, &c) && streq(c.account, account) && is_owed(&c.owed))
                        return 1;
        }
        return finding == STORE_DAMAGED ? -EBADMSG : 0;
}

/* ---- journal ---- */

int state_put_claim(struct state *s, const struct state_claim *c) {
        json_t *entry;

        if (!account_name_is_valid(c->account) || c->output[0] == '\0')
                return -EINVAL;
        entry = claim_to_json(c);
        return commit_entry(s, CONCERN_CLAIMS, find_entry(s->lists[CONCERN_CLAIMS], c->account, c->output), entry);
}

int state_remove_claim(struct state *s, const char *account, const char *output) {
        return commit_removal(s, CONCERN_CLAIMS, find_entry(s->lists[CONCERN_CLAIMS], account, output));
}

int state_get_claim(const struct state *s, const char *account, const char *output, struct state_claim *ret) {
        const json_t *list = s->lists[CONCERN_CLAIMS];

        if (claim_from_json(json_array_get(list, find_entry(list, account, output)), ret))
                return 0;
        return s->journal_damaged ? -ENODATA : -ENOENT;
}

int state_claim_at(const struct state *s, size_t i, struct state_claim *ret) {
        return claim_from_json(json_array_get(s->lists[CONCERN_CLAIMS], i), ret) ? 0 : -ENOENT;
}

/* ---- this machine ---- */

static size_t find_desktop(const struct state *s, const char *name) {
        size_t i;
        json_t *entry;

        json_array_foreach(s->lists[CONCERN_DESKTOP], i, entry) {
                if (streq(json_member_string(entry, "name"), name))
                        break;
        }
        return i;
}

int state_put_desktop(struct state *s, const char *name, const char *value) {
        return commit_entry(s, CONCERN_DESKTOP, find_desktop(s, name),
                            json_pack_whole("{ss ss}", "name", name, "value", value));
}

int state_remove_desktop(struct state *s, const char *name) {
        return commit_removal(s, CONCERN_DESKTOP, find_desktop(s, name));
}

const char *state_get_desktop(const struct state *s, const char *name) {
        return json_member_string(json_array_get(s->lists[CONCERN_DESKTOP], find_desktop(s, name)), "value");
}

/* ---- accounts ---- */

int state_get_account(const struct state *s, const char *account, struct state_account *ret) {
        const json_t *list = s->lists[CONCERN_ACCOUNTS];

        if (!account_from_json(json_array_get(list, find_entry(list, account, NULL)), ret))
                *ret = (struct state_account){ 0 };
        return 0;
}

int state_put_account(struct state *s, const char *account, const struct state_account *a) {
        json_t *entry;

        if (!account_name_is_valid(account))
                return -EINVAL;
        entry = json_pack_whole("{ss ss* ss* ss* sI sb ss*}", "account", account, "since", a->since, "user_id",
                                a->user_id, "device_id", a->device_id, "since_at_wall", usec_to_json(a->since_at_wall),
                                "sticks", a->sticks, "words", a->words);
        return commit_entry(s, CONCERN_ACCOUNTS, find_entry(s->lists[CONCERN_ACCOUNTS], account, NULL), entry);
}

/* ---- the user's word ---- */

int state_get_mode(const struct state *s, struct state_mode *ret) {
        if (!mode_from_json(json_array_get(s->lists[CONCERN_MODE], 0), ret))
                *ret = (struct state_mode){ .mode = MODE_AUTO, .until_wall = USEC_NEVER };
        return 0;
}

int state_put_mode(struct state *s, const struct state_mode *m) {
        return commit_entry(s, CONCERN_MODE, 0,
                            json_pack_whole("{ss sI sI sb ss}", "mode", mode_to_string(m->mode), "until_wall",
                                            usec_to_json(m->until_wall), "said_wall", usec_to_json(m->said_wall),
                                            "until_calls_end", m->until_calls_end, "message", m->message));
}

/* ---- ignored ---- */

static bool is_same_app(const json_t *entry, const char *app) {
        return strcasecmp(json_member_string(entry, "app"), app) == 0;
}

int state_add_ignored(struct state *s, const struct state_ignored *i) {
        size_t at;
        json_t *entry;
        int r;

        if (i->app[0] == '\0')
                return -EINVAL;
        json_array_foreach(s->lists[CONCERN_IGNORED], at, entry) {
                if (is_same_app(entry, i->app) && streq(json_member_string(entry, "source"), i->source))
                        return 0;
        }
        r = commit_entry(s, CONCERN_IGNORED, at, json_pack_whole("{ss ss}", "app", i->app, "source", i->source));
        return r < 0 ? r : 1;
}

int state_remove_ignored(struct state *s, const struct state_ignored *i) {
        SCOPED(json_decref) json_t *list = json_array();
        size_t at, n = json_array_size(s->lists[CONCERN_IGNORED]);
        json_t *entry;
        int r;

        json_array_foreach(s->lists[CONCERN_IGNORED], at, entry) {
                bool goes = is_same_app(entry, i->app) &&
                            (i->source[0] == '\0' || streq(json_member_string(entry, "source"), i->source));

                if (!goes && json_array_append(list, entry) < 0)
                        return -ENOMEM;
        }
        if (json_array_size(list) == n)
                return 0;
        n -= json_array_size(list);
        r = commit(s, CONCERN_IGNORED, list);
        return r < 0 ? r : (int) n;
}

int state_ignored_at(const struct state *s, size_t i, struct state_ignored *ret) {
        return ignored_from_json(json_array_get(s->lists[CONCERN_IGNORED], i), ret) ? 0 : -ENOENT;
}

/* ---- history ---- */

/* At the end of a list whose oldest entry makes room. Takes the entry; NULL: -ENOMEM. */
static int commit_newest(struct state *s, enum concern concern, json_t *entry) {
        SCOPED(json_decref) json_t *list = json_copy_whole(s->lists[concern]);

        if (json_array_append_new(list, entry) < 0)
                return -ENOMEM;
        if (json_array_size(list) > kinds[concern].entries_max)
                (void) json_array_remove(list, 0);
        return commit(s, concern, list);
}

int state_add_change(struct state *s, const struct state_change *c) {
        char reason[STATE_REASON_MAX];
        int r;

        (void) text_printable(reason, sizeof(reason), c->reason);
        r = commit_newest(
                s, CONCERN_HISTORY,
                json_pack_whole("{sI sb ss}", "at_wall", usec_to_json(c->at_wall), "busy", c->busy, "reason", reason));
        if (r == 0)
                view_history(s);
        return r;
}

const struct state_change *state_change(const struct state *s, size_t i) {
        return i < s->n_changes ? &s->changes[i] : NULL;
}

int state_add_effect(struct state *s, const struct state_effect *e) {
        char outcome[STATE_REASON_MAX];

        (void) text_printable(outcome, sizeof(outcome), e->outcome);
        return commit_newest(s, CONCERN_EFFECTS,
                             json_pack_whole("{sI ss sb ss}", "at_wall", usec_to_json(e->at_wall), "name", e->name,
                                             "ok", e->ok, "outcome", outcome));
}

int state_effect_at(const struct state *s, size_t i, struct state_effect *ret) {
        size_t n = json_array_size(s->lists[CONCERN_EFFECTS]);

        return i < n && effect_from_json(json_array_get(s->lists[CONCERN_EFFECTS], n - 1 - i), ret) ? 0 : -ENOENT;
}
