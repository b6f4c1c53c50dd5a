/* Any bytes as files of the state: the first byte says which file, the rest is in it. What was taken must survive
 * being written and read again. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/session.h"
#include "state/state.h"
#include "util/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = { "claims.json",    "accounts.json", "mode.json",    "history.json",
                                     "session-a.json", "ignore.json",   "desktop.json", "effects.json" };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static size_t count_claims(const struct state *s) {
        struct state_claim c;
        size_t n = 0;

        while (state_claim_at(s, n, &c) == 0)
                n++;
        return n;
}

static size_t count_effects(const struct state *s) {
        struct state_effect e;
        size_t n = 0;

        while (state_effect_at(s, n, &e) == 0)
                n++;
        return n;
}

/* The journal of this machine takes one more entry, and loses it again, with whatever else is in it. */
static void look_at_desktop(struct state *s) {
        const char *kept;

        if (state_put_desktop(s, "quiet", "on") < 0 || !(kept = state_get_desktop(s, "quiet")) || !streq(kept, "on") ||
            state_remove_desktop(s, "quiet") < 0 || state_get_desktop(s, "quiet"))
                abort();
}

static void look_twice(const char *dir) {
        const struct state_change change = { .at_wall = 1, .busy = true, .reason = "a call" };
        const struct state_effect effect = { .at_wall = 1, .name = "on-busy", .outcome = "ended" };
        struct state_claim c;
        struct state *s;
        size_t n, n_effects;

        if (state_open(&s, dir, NULL, NULL) < 0)
                abort();
        look_at_desktop(s);
        n = count_claims(s);
        if (n > 0 && (state_claim_at(s, 0, &c) < 0 || state_put_claim(s, &c) < 0))
                abort();
        if (state_add_change(s, &change) < 0 || !state_change(s, 0) || state_add_effect(s, &effect) < 0)
                abort();
        n_effects = count_effects(s);
        state_free(s);
        if (state_open(&s, dir, NULL, NULL) < 0 || count_claims(s) != n || count_effects(s) != n_effects)
                abort();
        state_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        /* In memory: what is flushed there costs nothing. */
        char dir[] = "/dev/shm/busyd-fuzz-XXXXXX", path[128];
        struct session session = { 0 };

        if (size == 0 || !mkdtemp(dir))
                return 0;
        (void) snprintf(path, sizeof(path), "%s/%s", dir, files[data[0] % ARRAY_SIZE(files)]);
        if (file_write(path, data + 1, size - 1, 0600) < 0)
                abort();
        look_twice(dir);
        if (session_load(dir, "a", &session) == 0)
                session_done(&session);
        (void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        return 0;
}
