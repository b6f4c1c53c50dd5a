/* See registration.h. */
#include "busyctl/registration.h"

#include <errno.h>
#include <sys/random.h>

#define RANDOM_BYTES 32

/* Returns 0 or a negative errno. */
static int random_hex(char *buf, size_t bytes) {
        unsigned char raw[RANDOM_BYTES];

        if (getrandom(raw, bytes, 0) != (ssize_t) bytes)
                return -EIO;
        for (size_t i = 0; i < bytes; i++)
                (void) snprintf(buf + 2 * i, 3, "%02x", raw[i]);
        explicit_bzero(raw, sizeof(raw));
        return 0;
}

/* In a quoted YAML string no other character has a meaning. */
static bool can_be_named(const char *user_id) {
        if (user_id[0] != '@' || !strchr(user_id, ':'))
                return false;
        for (const char *p = user_id; *p; p++)
                if (*p < ' ' || *p > '~')
                        return false;
        return true;
}

int registration_make(struct registration *ret, const char *user_id) {
        char suffix[9];
        int r;

        if (!can_be_named(user_id))
                return -EINVAL;
        *ret = (struct registration){ .user_id = user_id };
        r = random_hex(suffix, 4);
        if (r >= 0)
                r = random_hex(ret->as_token, RANDOM_BYTES);
        if (r >= 0)
                r = random_hex(ret->hs_token, RANDOM_BYTES);
        (void) snprintf(ret->name, sizeof(ret->name), "busyd-cure-%s", suffix);
        return r;
}

void registration_done(struct registration *r) {
        explicit_bzero(r, sizeof(*r));
}

/* Exactly this user: what means something in a pattern is escaped, and nothing may follow. */
static void write_pattern(const char *user_id, FILE *f) {
        for (const char *p = user_id; *p; p++) {
                if (strchr(".*+?()[]{}|^$\\", *p))
                        (void) fputc('\\', f);
                if (*p == '\'')
                        (void) fputc('\'', f);
                (void) fputc(*p, f);
        }
}

void registration_write(const struct registration *r, FILE *f) {
        (void) fprintf(
                f,
                "# Lets busyd act as the devices of %s, to take back a busy that they keep after a call.\n"
                "# As good as that user's password: only the homeserver may be able to read this file.\n"
                "# Synapse: name the file in app_service_config_files of homeserver.yaml (of every process) and\n"
                "# restart Synapse. busyd has its token already.\n"
                "id: '%s'\n"
                "url: null\n"
                "as_token: '%s'\n"
                "hs_token: '%s'\n"
                "sender_localpart: '%s'\n"
                "rate_limited: false\n"
                "namespaces:\n"
                "  users:\n"
                "    - exclusive: false\n"
                "      regex: '",
                r->user_id, r->name, r->as_token, r->hs_token, r->name);
        write_pattern(r->user_id, f);
        (void) fprintf(f, "$'\n"
                          "  aliases: []\n"
                          "  rooms: []\n");
}
