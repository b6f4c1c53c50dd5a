/* See words.h. Pure. */
#include "matrix/sync/words.h"

#include "core/claim-limits.h"
#include "util/log.h"

/* So many turns in a row, and one more in each of these times, as the writes of a claim in a fight. */
#define TURNS_MAX   CLAIM_WRITES_PER_MINUTE_MAX
#define TURNS_EVERY (USEC_PER_MIN / TURNS_MAX)

/* By then the other client is another one, or gone. */
#define FIGHT_FORGOTTEN_AFTER USEC_PER_HOUR

/* What refused may have been a proxy in a bad minute, and an asking more costs a server that insists nothing. */
#define REFUSAL_FORGOTTEN_AFTER     USEC_PER_MIN
#define REFUSAL_FORGOTTEN_AFTER_MAX USEC_PER_HOUR

void sync_words_init(struct sync_words *w) {
        *w = (struct sync_words){ .none_spans = { .first = REFUSAL_FORGOTTEN_AFTER,
                                                  .cap = REFUSAL_FORGOTTEN_AFTER_MAX } };
}

enum set_presence sync_words_pick(const struct sync_words *w, const struct set_presence_words *says, bool held) {
        enum set_presence p = set_presence_word(says, held, /* insists= */ w->none != SYNC_NONE_TAKEN);

        if (w->fights_until[p] == 0)
                return p;
        if (held)
                return sync_words_pick(w, says, /* held= */ false);
        return w->fights_until[SET_PRESENCE_OFFLINE] > 0 ? p : SET_PRESENCE_OFFLINE;
}

bool sync_words_are_minded(const struct sync_words *w) {
        return !w->none_answered;
}

void sync_words_refused(struct sync_words *w, bool sent_along, usec_t now) {
        bool minded = sync_words_are_minded(w);

        w->none_answered = false;
        if (!minded)
                return;
        log_debug("The server insists on a word for set_presence");
        w->none = sent_along ? SYNC_NONE_OR_FILTER_REFUSED : SYNC_NONE_REFUSED;
        w->none_until = usec_add(now, backoff_next(&w->none_spans, BACKOFF_WHOLE));
}

void sync_words_filter_refused(struct sync_words *w) {
        if (w->none == SYNC_NONE_OR_FILTER_REFUSED)
                w->none = SYNC_NONE_TAKEN;
}

void sync_words_taken(struct sync_words *w, enum set_presence said) {
        if (said == SET_PRESENCE_NONE) {
                w->none_answered = true;
                backoff_reset(&w->none_spans);
        }
        if (w->none == SYNC_NONE_OR_FILTER_REFUSED)
                w->none = SYNC_NONE_REFUSED;
}

static void see_none(struct sync_words *w) {
        w->none_until = USEC_NEVER;
        if (w->none == SYNC_NONE_REFUSED)
                return;
        log_debug("The server shows whatever word set_presence has");
        w->none = SYNC_NONE_REFUSED;
}

static bool are_turns_too_many(struct sync_words *w, usec_t now) {
        w->n_turns -= (unsigned) usec_min(w->n_turns, (now - w->turn_at) / TURNS_EVERY);
        w->turn_at = now;
        return ++w->n_turns > TURNS_MAX;
}

void sync_words_seen(struct sync_words *w, enum set_presence said, const char *shown, usec_t now) {
        const char *word = set_presence_to_string(said);
        bool ours = streq(shown, word), turn = ours && w->shows_another;

        w->shows_another = !ours;
        if (said == SET_PRESENCE_NONE) {
                if (ours)
                        see_none(w);
        } else if (turn && w->fights_until[said] == 0 && are_turns_too_many(w, now)) {
                log_debug("The word %s fights with another client of the user's", word);
                w->fights_until[said] = usec_add(now, FIGHT_FORGOTTEN_AFTER);
                w->n_turns = 0;
        }
}

void sync_words_age(struct sync_words *w, usec_t now) {
        if (now >= w->none_until)
                w->none = SYNC_NONE_TAKEN;
        for (size_t i = 0; i < ARRAY_SIZE(w->fights_until); i++)
                if (now >= w->fights_until[i])
                        w->fights_until[i] = 0;
}
