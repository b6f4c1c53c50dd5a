/* A file of the state that was cut, flipped or thrown together: what is read of it is right, and all that is whole is
 * read. */
#include <errno.h>
#include <fcntl.h>

#include "json/json.h"
#include "state/store.h"
#include "util_temp.h"

#define FILE_NAME "things.json"

enum {
        ENTRIES = 5,
        FILE_MAX = 8192,
};

static bool is_thing(const json_t *entry) {
        return json_member_string(entry, "name") && json_member_object(entry, "prior");
}

static const struct store_kind kind = { FILE_NAME, 64, is_thing, .journal = false };

static json_t *things(void) {
        json_t *list = json_array();

        for (int i = 0; i < ENTRIES; i++) {
                char name[16];

                (void) snprintf(name, sizeof(name), "thing%d", i);
                json_array_append_new(list, json_pack("{ss s{ss ss} sb sI}", "name", name, "prior", "state", "online",
                                                      "text", "at \"my\" desk \303\244 \\ \n", "claimed", i % 2,
                                                      "since", (json_int_t) 1700000000000000 + i));
        }
        return list;
}

struct stage {
        struct temp_dir t;
        json_t *things;
        char text[FILE_MAX];
        size_t size;
};

static struct stage stage_open(void) {
        struct stage s = { .t = temp_dir(), .things = things() };
        char *text;

        cr_assert_eq(store_save(s.t.path, &kind, s.things), 0);
        cr_assert_eq(file_read(temp_path(&s.t, FILE_NAME), FILE_MAX, &text, &s.size), 0);
        memcpy(s.text, text, s.size);
        free(text);
        return s;
}

static void stage_close(struct stage *s) {
        json_decref(s->things);
        temp_dir_scoped(&s->t);
}

/* Thousands of times: nothing is flushed. */
static void put_as(const struct stage *s, const char *name, const char *text, size_t size) {
        int fd = open(temp_path(&s->t, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, text, size), (ssize_t) size);
        (void) close(fd);
}

static void put(const struct stage *s, const char *text, size_t size) {
        put_as(s, FILE_NAME, text, size);
}

/* How many are read. Each is one of ours, and they are in order. */
static size_t read_right(const struct stage *s, const char *what, size_t at) {
        SCOPED(json_decref) json_t *list = NULL;
        enum store_finding finding;
        size_t next = 0, i;
        json_t *entry;

        cr_assert_eq(store_load(s->t.path, &kind, NULL, &list, &finding), 0);
        json_array_foreach(list, i, entry) {
                while (next < ENTRIES && !json_equal(entry, json_array_get(s->things, next)))
                        next++;
                cr_assert_lt(next++, ENTRIES, "%s at %zu: a wrong value is read", what, at);
        }
        return json_array_size(list);
}

/* An entry ends its line. */
static size_t n_whole_before(const struct stage *s, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                n += s->text[i] == '}' &&
                     (strncmp(s->text + i + 1, ",\n", 2) == 0 || strncmp(s->text + i + 1, "\n]", 2) == 0);
        return n;
}

Test(store, cut_at_every_length) {
        struct stage s = stage_open();

        for (size_t size = 0; size < s.size; size++) {
                put(&s, s.text, size);
                cr_assert_geq(read_right(&s, "cut", size), n_whole_before(&s, size), "cut at %zu: one is lost", size);
        }
        stage_close(&s);
}

/* What comes first may be missing as well. */
Test(store, cut_from_the_front) {
        struct stage s = stage_open();

        for (size_t from = 1; from < s.size; from++) {
                put(&s, s.text + from, s.size - from);
                cr_assert_geq(read_right(&s, "cut from the front", from) + n_whole_before(&s, from + 1) + 1, ENTRIES,
                              "%zu: one is lost", from);
        }
        stage_close(&s);
}

Test(store, every_bit_flipped, .timeout = 120) {
        struct stage s = stage_open();

        for (size_t bit = 0; bit < 8 * s.size; bit++) {
                s.text[bit / 8] ^= (char) (1U << bit % 8);
                put(&s, s.text, s.size);
                cr_assert_geq(read_right(&s, "flipped", bit), ENTRIES - 1, "bit %zu: more than one is lost", bit);
                s.text[bit / 8] ^= (char) (1U << bit % 8);
        }
        stage_close(&s);
}

/* A block that was never written: zeroes. */
Test(store, blocks_of_zeroes) {
        struct stage s = stage_open();

        for (size_t from = 0; from < s.size; from++) {
                char text[FILE_MAX];
                size_t n = s.size - from < 64 ? s.size - from : 64;

                memcpy(text, s.text, s.size);
                memset(text + from, 0, n);
                put(&s, text, s.size);
                cr_assert_geq(read_right(&s, "zeroes", from), ENTRIES - 2, "%zu: more than two are lost", from);
        }
        stage_close(&s);
}

/* Two writes of which the second covered the first in part. */
Test(store, old_and_new_together) {
        struct stage s = stage_open();
        SCOPED(json_decref) json_t *fewer = json_array();
        SCOPED(free) char *text = NULL;
        size_t size;

        json_array_append(fewer, json_array_get(s.things, 1));
        cr_assert_eq(store_save(s.t.path, &kind, fewer), 0);
        cr_assert_eq(file_read(temp_path(&s.t, FILE_NAME), FILE_MAX, &text, &size), 0);
        memcpy(s.text, text, size);
        put(&s, s.text, s.size);
        (void) read_right(&s, "mixed", size);
        stage_close(&s);
}

Test(store, whole_file_stays_where_it_is) {
        struct stage s = stage_open();
        struct told told = { 0 };
        SCOPED(json_decref) json_t *list = NULL;
        enum store_finding finding;

        cr_assert_eq(store_load(s.t.path, &kind, &(struct store_teller){ told_add, &told }, &list, &finding), 0);
        cr_expect_eq(finding, STORE_WHOLE);
        cr_expect_eq(told.n, 0);
        cr_expect(json_equal(list, s.things));
        stage_close(&s);
}

Test(store, what_can_be_read_is_told) {
        struct stage s = stage_open();
        struct told told = { 0 };
        SCOPED(json_decref) json_t *list = NULL;
        enum store_finding finding;

        put(&s, s.text, s.size / 2);
        cr_assert_eq(store_load(s.t.path, &kind, &(struct store_teller){ told_add, &told }, &list, &finding), 0);
        cr_expect_eq(finding, STORE_DAMAGED);
        cr_expect_eq(told.n, 1);
        cr_expect(strstr(told.sentences[0], "is broken; 2 of its entries are whole and used; it is kept as"), "%s",
                  told.sentences[0]);
        cr_expect(temp_exists(&s.t, FILE_NAME ".broken"));
        cr_expect(temp_exists(&s.t, FILE_NAME), "gone before it is written anew");
        stage_close(&s);
}

/* Of before there were checksums. */
Test(store, files_of_0_1_0_are_read) {
        struct stage s = stage_open();
        SCOPED(json_decref) json_t *file = json_pack("{si sO}", "version", 1, "entries", s.things), *list = NULL;
        SCOPED(free) char *text = json_dumps(file, JSON_INDENT(1));
        enum store_finding finding;

        put(&s, text, strlen(text));
        cr_assert_eq(store_load(s.t.path, &kind, &(struct store_teller){ 0 }, &list, &finding), 0);
        cr_expect_eq(finding, STORE_OLD);
        cr_expect(json_equal(list, s.things));
        stage_close(&s);
}

/* What came last is what is known best. */
Test(store, of_too_many_the_first_are_left_out) {
        struct stage s = stage_open();
        const struct store_kind fewer = { FILE_NAME, ENTRIES - 2, is_thing, .journal = false };
        SCOPED(json_decref) json_t *list = NULL;
        enum store_finding finding;

        cr_assert_eq(store_load(s.t.path, &fewer, NULL, &list, &finding), 0);
        cr_expect_eq(finding, STORE_WHOLE);
        cr_assert_eq(json_array_size(list), ENTRIES - 2);
        cr_expect(json_equal(json_array_get(list, 0), json_array_get(s.things, 2)));
        stage_close(&s);
}

Test(store, an_entry_that_is_none_is_dropped_alone) {
        struct stage s = stage_open();
        SCOPED(json_decref) json_t *with = json_copy(s.things), *list = NULL;
        SCOPED(json_decref) json_t *file = json_pack("{si sO}", "version", 1, "entries", with);
        SCOPED(free) char *text = NULL;
        struct told told = { 0 };
        enum store_finding finding;

        json_array_append_new(with, json_integer(5));
        json_array_append_new(with, json_pack("{ss}", "name", "no thing"));
        text = json_dumps(file, 0);
        put(&s, text, strlen(text));
        cr_assert_eq(store_load(s.t.path, &kind, &(struct store_teller){ told_add, &told }, &list, &finding), 0);
        cr_expect_eq(finding, STORE_DAMAGED);
        cr_expect(json_equal(list, s.things));
        cr_assert_eq(told.n, 1);
        cr_expect(strstr(told.sentences[0], "2 broken entries of"), "%s", told.sentences[0]);
        stage_close(&s);
}

/* Its name is as long as names can be. */
Test(store, what_cannot_be_put_aside_is_told) {
        struct stage s = stage_open();
        SCOPED(json_decref) json_t *list = NULL;
        struct store_kind long_name = kind;
        struct told told = { 0 };
        enum store_finding finding;
        char name[251];

        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        long_name.file = name;
        put_as(&s, name, "{", 1);
        cr_assert_eq(store_load(s.t.path, &long_name, &(struct store_teller){ told_add, &told }, &list, &finding), 0);
        cr_expect_eq(finding, STORE_DAMAGED);
        cr_assert_eq(told.n, 1);
        cr_expect(strstr(told.sentences[0], "is broken; starting without it; it cannot be kept under another name"),
                  "%s", told.sentences[0]);
        cr_expect(temp_exists(&s.t, name));
        stage_close(&s);
}

/* Its entries may mean something else. */
Test(store, a_file_of_a_newer_busyd_is_left_alone) {
        struct stage s = stage_open();
        SCOPED(json_decref) json_t *list = NULL;
        struct told told = { 0 };
        enum store_finding finding;

        temp_write(&s.t, FILE_NAME, "{\"version\":99,\"entries\":[{\"name\":\"a\",\"prior\":{}}]}");
        cr_assert_eq(store_load(s.t.path, &kind, &(struct store_teller){ told_add, &told }, &list, &finding), 0);
        cr_expect_eq(json_array_size(list), 0);
        cr_assert_eq(told.n, 1);
        cr_expect(strstr(told.sentences[0], "was written by a newer busyd; starting without it"), "%s",
                  told.sentences[0]);
        stage_close(&s);
}
