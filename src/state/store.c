/* Files of the state, see store.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/store.h"
#include "util/file.h"
#include "json/json.h"

#define STORE_VERSION  1
#define STORE_SIZE_MAX 4194304

/* Broken files kept of one name; a further one takes the place of the last. */
#define STORE_ASIDE_MAX 8

struct teller {
        store_problem_t tell;
        void *userdata;
};

static void tell(const struct teller *t, const char *sentence) {
        if (t->tell)
                t->tell(sentence, t->userdata);
}

static void aside_name(const char *path, char name[static PATH_MAX]) {
        struct stat st;

        (void) snprintf(name, PATH_MAX, "%s.broken", path);
        for (unsigned i = 2; i <= STORE_ASIDE_MAX && lstat(name, &st) == 0; i++)
                (void) snprintf(name, PATH_MAX, "%s.broken-%u", path, i);
}

/* Moves the whole file away. */
static int put_aside(const char *path, const char *why, const struct teller *t) {
        char name[PATH_MAX], sentence[2 * PATH_MAX + 128];

        aside_name(path, name);
        if (rename(path, name) < 0)
                return -errno;
        (void) snprintf(sentence, sizeof(sentence), "%s %s; it is kept as %s, starting without it", path, why, name);
        tell(t, sentence);
        return 0;
}

/* Keeps the file under a second name: it will be written anew, without the entries that made no sense. */
static void keep_copy(const char *path, size_t n_dropped, const struct teller *t) {
        char name[PATH_MAX], sentence[2 * PATH_MAX + 128];

        aside_name(path, name);
        (void) unlink(name);
        if (link(path, name) < 0) /* a file system without links */
                (void) snprintf(sentence, sizeof(sentence), "%zu broken entries of %s are dropped", n_dropped, path);
        else
                (void) snprintf(sentence, sizeof(sentence), "%zu broken entries of %s are dropped; it is kept as %s",
                                n_dropped, path, name);
        tell(t, sentence);
}

/* The list in the file, or NULL and why there is none. */
static const json_t *find_entries(const json_t *file, const char **ret_why) {
        const json_t *entries = json_member_array(file, "entries");
        int64_t version = json_member_int(file, "version", 0);

        if (version > STORE_VERSION) {
                *ret_why = "was written by a newer busyd";
                return NULL;
        }
        if (version != STORE_VERSION || !entries) {
                *ret_why = "is broken";
                return NULL;
        }
        return entries;
}

/* Too many count from the front: what came last is what is known best. */
static int take_valid(const json_t *entries, const struct store_kind *kind, json_t **ret, size_t *ret_dropped) {
        SCOPED(json_decref) json_t *kept = json_array();
        size_t i;
        json_t *entry;

        json_array_foreach((json_t *) entries, i, entry) {
                if (kind->valid(entry) && json_array_append(kept, entry) < 0)
                        return -ENOMEM;
        }
        while (json_array_size(kept) > kind->entries_max)
                (void) json_array_remove(kept, 0);
        if (!kept)
                return -ENOMEM;
        *ret_dropped = json_array_size(entries) - json_array_size(kept);
        *ret = TAKE(kept);
        return 0;
}

/* 0: *ret is the file. 1: it was put aside. */
static int read_file(const char *path, const struct teller *t, json_t **ret) {
        SCOPED(free) char *data = NULL;
        size_t size = 0;
        int r = file_read(path, STORE_SIZE_MAX, &data, &size);

        if (r == 0)
                r = json_parse(data, size, ret);
        if (r == -EBADMSG || r == -EFBIG || r == -EISDIR) {
                r = put_aside(path, r == -EFBIG ? "is too large" : "is broken", t);
                return r < 0 ? r : 1;
        }
        return r;
}

int store_load(const char *dir, const struct store_kind *kind, store_problem_t problem, void *userdata, json_t **ret) {
        const struct teller t = { problem, userdata };
        SCOPED(free) char *path = path_join(dir, kind->file);
        SCOPED(json_decref) json_t *file = NULL, *kept = NULL;
        const json_t *entries = NULL;
        const char *why = "is broken";
        size_t n_dropped = 0;
        int r;

        if (!path)
                return -ENOMEM;
        r = read_file(path, &t, &file);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0) {
                entries = find_entries(file, &why);
                if (!entries)
                        r = put_aside(path, why, &t);
                if (r < 0)
                        return r;
        }
        r = take_valid(entries, kind, &kept, &n_dropped);
        if (r < 0)
                return r;
        if (n_dropped > 0) {
                keep_copy(path, n_dropped, &t);
                r = store_save(dir, kind, kept);
                if (r < 0)
                        return r;
        }
        *ret = TAKE(kept);
        return 0;
}

int store_save(const char *dir, const struct store_kind *kind, json_t *entries) {
        SCOPED(json_decref) json_t *file = json_pack("{si sO}", "version", STORE_VERSION, "entries", entries);
        SCOPED(free) char *path = path_join(dir, kind->file), *data = NULL;

        if (!file || !path)
                return -ENOMEM;
        data = json_dumps(file, JSON_INDENT(1));
        if (!data)
                return -ENOMEM;
        return file_write(path, data, strlen(data), 0600);
}
