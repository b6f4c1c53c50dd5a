/* What "journalctl -x" says of busyd's messages: each has a text, each text a message, and what the texts name is
 * there. */
#include <stdio.h>
#include <sys/stat.h>

#include "system/harness.h"

#define IDS_MAX  32
#define ID_BYTES 33

struct ids {
        char ids[IDS_MAX][ID_BYTES];
        size_t n;
};

static bool is_hex(const char *s) {
        return strspn(s, "0123456789abcdef") == 32;
}

static bool has(const struct ids *ids, const char *id) {
        for (size_t i = 0; i < ids->n; i++)
                if (streq(ids->ids[i], id))
                        return true;
        return false;
}

/* What stands after each `mark`, if it is an id; none twice. */
static struct ids ids_after(const char *text, const char *mark) {
        struct ids ids = { .n = 0 };

        for (const char *at = text; (at = strstr(at, mark)); at++) {
                char id[ID_BYTES] = "";

                (void) snprintf(id, sizeof(id), "%s", at + strlen(mark));
                if (!is_hex(id))
                        continue;
                cr_assert_not(has(&ids, id), "%s twice", id);
                cr_assert_lt(ids.n, IDS_MAX);
                (void) snprintf(ids.ids[ids.n++], ID_BYTES, "%s", id);
        }
        return ids;
}

static char *source_text(const char *name) {
        char path[512];

        (void) snprintf(path, sizeof(path), SOURCE_FOLDER "/%s", name);
        return file_text(path);
}

WORLD_TEST(catalog, has_each_message_and_no_other, .no_homeserver = true) {
        SCOPED(free) char *header = source_text("src/util/log.h");
        SCOPED(free) char *catalog = source_text("systemd/busyd.catalog");
        const struct ids in_code = ids_after(header, " \""), in_catalog = ids_after(catalog, "\n-- ");

        cr_assert_gt(in_code.n, 2);
        for (size_t i = 0; i < in_code.n; i++)
                cr_expect(has(&in_catalog, in_code.ids[i]), "no text for %s", in_code.ids[i]);
        for (size_t i = 0; i < in_catalog.n; i++)
                cr_expect(has(&in_code, in_catalog.ids[i]), "no message has %s", in_catalog.ids[i]);
}

/* A message that nobody sends is none. */
WORLD_TEST(catalog, each_message_is_sent, .no_homeserver = true) {
        SCOPED(free) char *header = source_text("src/util/log.h");
        unsigned n = 0;

        for (const char *at = header; (at = strstr(at, "#define LOG_ID_")); at++) {
                char name[64], command[256];
                SCOPED_RUN grep = { 0 };

                (void) snprintf(name, sizeof(name), "%.*s", (int) strcspn(at + strlen("#define "), " "),
                                at + strlen("#define "));
                (void) snprintf(command, sizeof(command), "grep -rlw %s " SOURCE_FOLDER "/src --include=*.c", name);
                grep = world_run(w, NULL, (const char *const[]){ "sh", "-c", command, NULL });
                cr_expect_eq(grep.code, 0, "nobody sends %s", name);
                n++;
        }
        cr_assert_gt(n, 2);
}

/* As systemd reads it, from a folder of its own. */
WORLD_TEST(catalog, systemd_can_read_it, .no_homeserver = true) {
        SCOPED(free) char *catalog = source_text("systemd/busyd.catalog");
        const struct ids ids = ids_after(catalog, "\n-- ");
        char command[1024];
        SCOPED_RUN update = { 0 };

        (void) snprintf(command, sizeof(command),
                        "mkdir -p %s/root/usr/lib/systemd/catalog %s/root/var/lib/systemd/catalog && cp " SOURCE_FOLDER
                        "/systemd/busyd.catalog %s/root/usr/lib/systemd/catalog && "
                        "journalctl --root=%s/root --update-catalog",
                        w->dir, w->dir, w->dir, w->dir);
        update = world_run(w, NULL, (const char *const[]){ "sh", "-c", command, NULL });
        check(w, update.code == 0 && update.err[0] == '\0', "%d %s", update.code, update.err);
        for (size_t i = 0; i < ids.n; i++) {
                char root[256];
                SCOPED_RUN r = { 0 };

                (void) snprintf(root, sizeof(root), "--root=%s/root", w->dir);
                r = world_run(w, NULL,
                              (const char *const[]){ "journalctl", root, "--dump-catalog", ids.ids[i], NULL });
                check(w, r.code == 0 && strstr(r.out, "\nSubject: ") && strstr(r.out, "\nDefined-By: busyd\n"),
                      "%s: %d %s%s", ids.ids[i], r.code, r.out, r.err);
        }
}
