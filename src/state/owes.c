/* What the journal says to those who only look: without its lock, and whatever busyd is doing to it. */
#include <errno.h>

#include "json/json.h"
#include "state/state.h"
#include "util/file.h"

/* More than the largest journal: STATE_CLAIMS_MAX entries of a few kB. */
#define JOURNAL_SIZE_MAX ((size_t) 4 * 1024 * 1024)

int state_owes(const char *dir, const char *account) {
        SCOPED(free) char *path = path_join(dir, "claims.json"), *data = NULL;
        SCOPED(json_decref) json_t *file = NULL;
        const json_t *entries;
        size_t size;
        int r = path ? file_read(path, JOURNAL_SIZE_MAX, &data, &size) : -ENOMEM;

        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = json_parse(data, size, &file);
        if (r < 0)
                return r;
        entries = json_member_array(file, "entries");
        if (!entries)
                return -EBADMSG;
        for (size_t i = 0; i < json_array_size(entries); i++) {
                const char *of = json_member_string(json_array_get(entries, i), "account");

                if (of && streq(of, account))
                        return 1;
        }
        return 0;
}
