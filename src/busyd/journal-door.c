/* See journal-door.h. */
#include "busyd/journal-door.h"

static int journal_get(void *userdata, const char *account, const char *output, struct claim_owed *ret) {
        const struct journal_door *d = userdata;
        struct state_claim stored;
        int r = state_get_claim(d->state, account, output, &stored);

        if (r >= 0)
                *ret = stored.owed;
        return r;
}

static int journal_put(void *userdata, const char *account, const char *output, const struct claim_owed *owed) {
        const struct journal_door *d = userdata;
        struct state_claim stored,
                entry = { .account = account, .output = output, .owed = *owed, .since_wall = d->wall };

        if (state_get_claim(d->state, account, output, &stored) >= 0)
                entry.since_wall = stored.since_wall;
        return state_put_claim(d->state, &entry);
}

static int journal_remove(void *userdata, const char *account, const char *output) {
        const struct journal_door *d = userdata;

        return state_remove_claim(d->state, account, output);
}

struct claim_journal journal_door_of(struct journal_door *d) {
        return (struct claim_journal){
                .get = journal_get, .put = journal_put, .remove = journal_remove, .userdata = d
        };
}
