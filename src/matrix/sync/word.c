/* See word.h. Pure. */
#include "matrix/sync/word.h"

#include "util/log.h"

enum set_presence sync_word(const struct sync_word *w, const struct sync_options *options, bool held) {
        enum set_presence p = held ? options->while_held : options->while_idle;

        if (p != SET_PRESENCE_NONE || w->none == SYNC_NONE_TAKEN)
                return p;
        return held ? options->held_if_refused : options->idle_if_refused;
}

void sync_word_refused(struct sync_word *w, bool sent_along) {
        log_debug("The server insists on a word for set_presence");
        w->none = sent_along ? SYNC_NONE_OR_FILTER_REFUSED : SYNC_NONE_REFUSED;
}

void sync_word_filter_refused(struct sync_word *w) {
        if (w->none == SYNC_NONE_OR_FILTER_REFUSED)
                w->none = SYNC_NONE_TAKEN;
}

/* What a poll says is shown all the same, where others see that word. */
static bool is_none_shown(const struct sync_batch *b) {
        return b->own_presence && streq(b->presence, set_presence_to_string(SET_PRESENCE_NONE));
}

void sync_word_answered(struct sync_word *w, const struct sync_batch *b) {
        if (w->none == SYNC_NONE_OR_FILTER_REFUSED)
                w->none = SYNC_NONE_REFUSED;
        if (w->none == SYNC_NONE_REFUSED || !is_none_shown(b))
                return;
        log_debug("The server shows whatever word set_presence has");
        w->none = SYNC_NONE_REFUSED;
}
