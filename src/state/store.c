/* Files of the state, see store.h. A file is one JSON text, and each entry in it stands on a line and begins with its
 * checksum: so entries are found again where the text as a whole is none any more. */
#include "state/store.h"

#include <errno.h>
#include <stdio.h>

#include "core/fnv1a.h"
#include "json/json.h"
#include "util/file.h"
#include "util/path.h"

/* 1: as 0.1.0 wrote it, without checksums. */
#define STORE_VERSION  2
#define STORE_SIZE_MAX 4194304

/* How an entry begins, and the most that one can need: its longest strings, with every byte of them escaped. */
#define ENTRY_MARK     "{\"sum\":\""
#define ENTRY_SIZE_MAX 65536
/* So often is an entry looked for in a damaged file. */
#define ENTRY_TRIES_MAX 4096

#define SUM_SIZE 17

/* ---- checksums ---- */

static int add_to_sum(const char *bytes, size_t n, void *userdata) {
        uint64_t *sum = userdata;

        *sum = fnv1a_add(*sum, bytes, n);
        return 0;
}

static int sum_of(const json_t *object, char ret[static SUM_SIZE]) {
        SCOPED(json_decref) json_t *rest = json_copy_whole(object);
        uint64_t sum = FNV1A_BEGIN;

        if (!rest)
                return -ENOMEM;
        (void) json_object_del(rest, "sum");
        if (json_dump_callback(rest, add_to_sum, &sum, JSON_COMPACT | JSON_SORT_KEYS) < 0)
                return -ENOMEM;
        (void) snprintf(ret, SUM_SIZE, "%016llx", (unsigned long long) sum);
        return 0;
}

/* 1: it has; 0: it has not, or none; -ENOMEM. */
static int has_right_sum(const json_t *object) {
        const char *said = json_member_string(object, "sum");
        char sum[SUM_SIZE];

        if (!said)
                return 0;
        return sum_of(object, sum) < 0 ? -ENOMEM : streq(said, sum);
}

/* A new object with the checksum in front, of one without. NULL if out of memory, also of less than all: unlike
 * json_object_update_missing(). */
static json_t *with_sum(const json_t *object) {
        SCOPED(json_decref) json_t *summed = json_object();
        char sum[SUM_SIZE];

        if (sum_of(object, sum) < 0 || json_object_set_new(summed, "sum", json_string(sum)) < 0 ||
            json_object_update(summed, (json_t *) object) < 0)
                return NULL;
        return TAKE(summed);
}

/* ---- reading ---- */

/* Appends the entry without its checksum, if it makes sense. Returns how many are lost, 0 or 1, or -ENOMEM. */
static int take_entry(json_t *list, const json_t *entry, const struct store_kind *kind) {
        SCOPED(json_decref) json_t *bare = NULL;

        if (!json_is_object(entry))
                return 1;
        bare = json_copy_whole(entry);
        if (!bare)
                return -ENOMEM;
        (void) json_object_del(bare, "sum");
        if (!kind->valid(bare))
                return 1;
        return json_array_append(list, bare) < 0 ? -ENOMEM : 0;
}

/* Every entry that is whole, wherever in the text it stands. */
static int find_entries(const char *text, size_t size, const struct store_kind *kind, json_t *list) {
        const char *at = text, *end = text + size;

        for (unsigned i = 0; i < ENTRY_TRIES_MAX; i++) {
                SCOPED(json_decref) json_t *entry = NULL;
                json_error_t where;
                size_t rest;
                int right;

                at = memmem(at, (size_t) (end - at), ENTRY_MARK, strlen(ENTRY_MARK));
                if (!at)
                        break;
                rest = (size_t) (end - at);
                errno = 0;
                entry = json_loadb(at, rest < ENTRY_SIZE_MAX ? rest : ENTRY_SIZE_MAX, JSON_DISABLE_EOF_CHECK, &where);
                if (!entry && json_is_out_of_memory(&where))
                        return -ENOMEM;
                right = entry ? has_right_sum(entry) : 0;
                if (right == 0) {
                        at += strlen(ENTRY_MARK);
                        continue;
                }
                if (right < 0 || take_entry(list, entry, kind) < 0)
                        return -ENOMEM;
                at += where.position;
        }
        return 0;
}

/* What a file is found to be. */
struct found {
        enum store_finding finding;
        const char *why; /* of a damaged one: what is wrong with it */
        size_t n_lost;   /* entries that make no sense in a file that is whole otherwise */
};

static int read_entries(const json_t *file, const struct store_kind *kind, json_t *list, struct found *f) {
        const json_t *entries = json_member_array(file, "entries");
        json_t *entry;
        size_t i;

        json_array_foreach((json_t *) entries, i, entry) {
                int lost = take_entry(list, entry, kind);

                if (lost < 0)
                        return lost;
                f->n_lost += (size_t) lost;
        }
        if (f->n_lost > 0)
                f->finding = STORE_DAMAGED;
        return 0;
}

static int read_text(const char *text, size_t size, const struct store_kind *kind, json_t *list, struct found *f) {
        SCOPED(json_decref) json_t *file = NULL;
        int64_t version;
        int right;

        if (json_parse(text, size, &file) == -ENOMEM)
                return -ENOMEM;
        right = has_right_sum(file);
        if (right < 0)
                return right;
        version = json_member_int(file, "version", 0);
        *f = (struct found){ .finding = STORE_WHOLE };
        /* A newer busyd need not have checksums like ours, but it has some. */
        if (version > STORE_VERSION && (right || !json_object_get(file, "sum"))) {
                *f = (struct found){ STORE_DAMAGED, "was written by a newer busyd", 0 };
                return 0;
        }
        if (version == STORE_VERSION && json_member_array(file, "entries") && right)
                return read_entries(file, kind, list, f);
        if (version == 1 && json_member_array(file, "entries") && !json_object_get(file, "sum")) {
                f->finding = STORE_OLD;
                return read_entries(file, kind, list, f);
        }
        *f = (struct found){ STORE_DAMAGED, "is broken", 0 };
        return find_entries(text, size, kind, list);
}

/* Whether that error is about what lies there, and not about how things are at the moment. */
static bool is_of_the_file(int r) {
        return r == -EFBIG || r == -EPERM || r == -EISDIR || r == -ENXIO || r == -ELOOP;
}

static int read_file(const char *path, const struct store_kind *kind, json_t *list, struct found *f) {
        SCOPED(free) char *data = NULL;
        size_t size = 0;
        int r = file_read_own(path, STORE_SIZE_MAX, &data, &size);

        if (r == 0)
                r = read_text(data, size, kind, list, f);
        else if (r == -ENOENT) {
                *f = (struct found){ .finding = STORE_MISSING };
                r = 0;
        } else if (r != -ENOMEM && (!kind->journal || is_of_the_file(r))) {
                *f = (struct found){ .finding = STORE_DAMAGED };
                f->why = r == -EFBIG   ? "is too large"
                         : r == -EPERM ? "is not a file that is yours and that nobody else may write"
                                       : strerror(-r);
                r = 0;
        }
        /* Too many count from the front: what came last is what is known best. */
        while (r == 0 && json_array_size(list) > kind->entries_max)
                (void) json_array_remove(list, 0);
        return r;
}

/* ---- what is wrong is kept and told ---- */

static void tell_damage(const char *path, const struct found *f, size_t n_read, const struct store_teller *t) {
        SCOPED(free) char *name = NULL, *what = NULL, *sentence = NULL;
        /* With entries that are used it must not be missing for a moment. */
        int r = file_set_aside(path, /* keep= */ n_read > 0 || f->n_lost > 0, &name);
        int n;

        if (f->n_lost > 0)
                n = asprintf(&what, "%zu broken entries of %s are dropped", f->n_lost, path);
        else if (n_read > 0)
                n = asprintf(&what, "%s %s; %zu of its entries are whole and used", path, f->why, n_read);
        else
                n = asprintf(&what, "%s %s; starting without it", path, f->why);
        if (n < 0)
                what = NULL;
        if (what && r == 0)
                n = asprintf(&sentence, "%s; it is kept as %s", what, name);
        else if (what)
                n = asprintf(&sentence, "%s; it cannot be kept under another name: %s", what, strerror(-r));
        if (n < 0)
                sentence = NULL;
        if (t->tell)
                t->tell(sentence ? sentence : "a file of the state is broken", t->userdata);
}

int store_load(const char *dir, const struct store_kind *kind, const struct store_teller *t, json_t **ret,
               enum store_finding *ret_finding) {
        SCOPED(free) char *path = path_join(dir, kind->file);
        SCOPED(json_decref) json_t *list = json_array();
        struct found f = {};
        int r;

        if (!path || !list)
                return -ENOMEM;
        r = read_file(path, kind, list, &f);
        if (r < 0)
                return r;
        if (t && f.finding == STORE_DAMAGED)
                tell_damage(path, &f, json_array_size(list), t);
        *ret = TAKE(list);
        *ret_finding = f.finding;
        return 0;
}

/* ---- writing ---- */

static json_t *sum_entries(const json_t *entries) {
        SCOPED(json_decref) json_t *summed = json_array();
        json_t *entry;
        size_t i;

        json_array_foreach((json_t *) entries, i, entry) {
                if (json_array_append_new(summed, with_sum(entry)) < 0)
                        return NULL;
        }
        return TAKE(summed);
}

static int put_entries(FILE *f, const json_t *entries) {
        json_t *entry;
        size_t i;

        json_array_foreach((json_t *) entries, i, entry) {
                (void) fputs(i > 0 ? ",\n" : "\n", f);
                if (json_dumpf(entry, f, JSON_COMPACT) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* The text of the whole file; NULL if out of memory. */
static char *text_of(const json_t *entries, size_t *ret_size) {
        SCOPED(json_decref)
        json_t *file = json_pack("{si so}", "version", STORE_VERSION, "entries", sum_entries(entries));
        char sum[SUM_SIZE], *text = NULL;
        FILE *f;
        int r;

        if (!file || sum_of(file, sum) < 0)
                return NULL;
        f = open_memstream(&text, ret_size);
        if (!f)
                return NULL;
        (void) fprintf(f, "{\"version\":%d,\"sum\":\"%s\",\"entries\":[", STORE_VERSION, sum);
        r = put_entries(f, json_object_get(file, "entries"));
        if (fputs("\n]}\n", f) < 0 || ferror(f))
                r = -ENOMEM;
        if (fclose(f) == 0 && r == 0)
                return text;
        free(text);
        return NULL;
}

static int save(const char *dir, const struct store_kind *kind, const json_t *entries,
                int (*write)(const char *path, const void *data, size_t size, unsigned mode)) {
        SCOPED(free) char *path = path_join(dir, kind->file), *text = NULL;
        size_t size = 0;

        if (!path)
                return -ENOMEM;
        text = text_of(entries, &size);
        return text ? write(path, text, size, 0600) : -ENOMEM;
}

int store_save(const char *dir, const struct store_kind *kind, const json_t *entries) {
        return save(dir, kind, entries, file_write);
}

int store_put(const char *dir, const struct store_kind *kind, const json_t *entries) {
        return save(dir, kind, entries, file_write_unflushed);
}

int store_flush(const char *dir, const struct store_kind *kind) {
        SCOPED(free) char *path = path_join(dir, kind->file);

        return path ? file_flush(path) : -ENOMEM;
}
