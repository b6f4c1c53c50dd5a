/* Reads busyd.conf, see config.h. inih splits lines into section, key and value; what it would cut short, in lines,
 * section names or at a NUL, is refused here instead. */
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/config.h"
#include "config/keys.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "util/path.h"

#define SYSTEM_FILE     "/etc/busyd/busyd.conf"
#define FILE_SIZE_MAX   1048576
#define INI_SECTION_MAX 48 /* bytes; inih cuts longer names of sections without a word */

/* Lists that one file has begun: a further line of the same key adds to it. */
#define LISTS_MAX (4 * CONFIG_SOURCES_MAX)

struct loader {
        struct config *config;
        config_problem_t problem;
        void *userdata;
        int n_problems;
        int error; /* out of memory */

        /* the file that is read */
        const char *path;
        const char *at, *end;
        unsigned line;

        /* the section of the line, by its name */
        char section[INI_SECTION_MAX + 2];
        bool section_known;
        enum section_kind kind;
        void *base; /* what its keys' offsets are in; NULL: its keys are skipped */

        const void *lists[LISTS_MAX][2]; /* base and key */
        size_t n_lists;
};

/* ---- problems ---- */

__attribute__((format(printf, 3, 4))) static void tell(struct loader *l, unsigned line, const char *format, ...) {
        char text[1024], sentence[PATH_MAX + 1100], clean[PATH_MAX + 1100];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (line > 0)
                (void) snprintf(sentence, sizeof(sentence), "%s:%u: %s", l->path, line, text);
        else
                (void) snprintf(sentence, sizeof(sentence), "%s: %s", l->path, text);
        l->n_problems++;
        if (l->problem)
                l->problem(text_printable(clean, sizeof(clean), sentence), l->userdata);
}

/* ---- sections ---- */

static void account_free_strings(struct account_config *a) {
        free((char *) a->settings.message);
        free(a->homeserver);
        free(a->user_id);
        free(a->ca_file);
        free(a->token_command);
        free(a->appservice_token_file);
}

static int account_init(struct account_config *a, const char *name) {
        *a = (struct account_config) {
                .enabled = true,
                .settings = {
                        .presence = PRESENCE_AUTO,
                        .message = strdup("In a call"),
                        .profile_call = true,
                        .poll_timeout = 10 * USEC_PER_MIN,
                        .poll_pause = 5 * USEC_PER_SEC,
                        .call_cap = 4 * USEC_PER_HOUR,
                },
        };
        (void) snprintf(a->name, sizeof(a->name), "%s", name);
        return a->settings.message ? 0 : -ENOMEM;
}

static void source_init(struct source_config *s, const char *name) {
        *s = (struct source_config){ .enabled = true };
        (void) snprintf(s->name, sizeof(s->name), "%s", name);
}

static void *open_account(struct loader *l, const char *name) {
        struct config *c = l->config;
        struct account_config *grown;

        for (size_t i = 0; i < c->n_accounts; i++)
                if (streq(c->accounts[i].name, name))
                        return &c->accounts[i];
        if (c->n_accounts == ACCOUNTS_MAX) {
                tell(l, l->line, "there are more than %d accounts, [%s] is ignored", ACCOUNTS_MAX, l->section);
                return NULL;
        }
        grown = reallocarray(c->accounts, c->n_accounts + 1, sizeof(*grown));
        if (!grown) {
                l->error = -ENOMEM;
                return NULL;
        }
        c->accounts = grown;
        l->error = account_init(&c->accounts[c->n_accounts], name);
        return &c->accounts[c->n_accounts++];
}

static bool source_is_known(const char *name) {
        for (size_t i = 0; source_names[i]; i++)
                if (streq(source_names[i], name))
                        return true;
        return false;
}

static void *unknown_source(struct loader *l, const char *name) {
        const char *guess = source_guess(name);

        if (guess)
                tell(l, l->line, "there is no source \"%s\", did you mean [source %s]? [%s] is ignored", name, guess,
                     l->section);
        else
                tell(l, l->line, "there is no source \"%s\" (\"busyctl sources\" lists them), [%s] is ignored", name,
                     l->section);
        return NULL;
}

/* Each known name once, so that there is room. */
static void *open_source(struct loader *l, const char *name) {
        struct config *c = l->config;

        if (!source_is_known(name))
                return unknown_source(l, name);
        for (size_t i = 0; i < c->n_sources; i++)
                if (streq(c->sources[i].name, name))
                        return &c->sources[i];
        source_init(&c->sources[c->n_sources], name);
        return &c->sources[c->n_sources++];
}

/* A section may also be called by its second word alone. */
static void *unknown_section(struct loader *l, const char *word) {
        const char *source = source_guess(word);
        enum section_kind guess;

        if (section_guess(word, &guess))
                tell(l, l->line, "there is no section [%s], did you mean %s? It is ignored", l->section,
                     section_title(guess));
        else if (source)
                tell(l, l->line, "there is no section [%s], did you mean [source %s]? It is ignored", l->section,
                     source);
        else
                tell(l, l->line, "there is no section [%s], only %s, %s and %s; it is ignored", l->section,
                     section_title(SECTION_BUSYD), section_title(SECTION_ACCOUNT), section_title(SECTION_SOURCE));
        return NULL;
}

/* What the keys of [word name] go into; NULL, and told, if that is no section. */
static void *open_section(struct loader *l) {
        size_t n = strcspn(l->section, " \t");
        const char *name = l->section + n + strspn(l->section + n, " \t");
        char word[INI_SECTION_MAX + 2];

        (void) snprintf(word, sizeof(word), "%.*s", (int) n, l->section);
        if (l->section[0] == '\0') {
                tell(l, l->line, "keys before the first section are ignored, did you mean to begin with [busyd]?");
                return NULL;
        }
        if (!section_find(word, n, &l->kind))
                return unknown_section(l, word);
        if (l->kind == SECTION_BUSYD) {
                if (name[0] == '\0')
                        return l->config;
                tell(l, l->line, "section [busyd] has no name, [%s] is ignored", l->section);
                return NULL;
        }
        if (!account_name_is_valid(name)) {
                tell(l, l->line,
                     "section [%s] should be %s, with a name of letters, digits, \"_\" and \"-\"; it is ignored",
                     l->section, section_title(l->kind));
                return NULL;
        }
        return l->kind == SECTION_ACCOUNT ? open_account(l, name) : open_source(l, name);
}

static void enter_section(struct loader *l, const char *section) {
        if (l->section_known && streq(l->section, section))
                return;
        l->section_known = true;
        (void) snprintf(l->section, sizeof(l->section), "%s", section);
        l->base = NULL;
        if (strlen(section) > INI_SECTION_MAX)
                tell(l, l->line, "the name of section [%s...] is longer than %d bytes, it is ignored", section,
                     INI_SECTION_MAX);
        else
                l->base = open_section(l);
}

/* ---- keys ---- */

static void unknown_key(struct loader *l, const char *name) {
        const struct key *guess = key_guess(l->kind, name);

        if (!guess)
                tell(l, l->line, "[%s] has no key \"%s\", it is ignored", l->section, name);
        else if (guess->section == l->kind)
                tell(l, l->line, "[%s] has no key \"%s\", did you mean \"%s\"? It is ignored", l->section, name,
                     guess->name);
        else
                tell(l, l->line, "[%s] has no key \"%s\", did you mean \"%s\" in %s? It is ignored", l->section, name,
                     guess->name, section_title(guess->section));
}

/* Whether this file has set the key already, so that a list goes on. */
static bool seen_before(struct loader *l, const struct key *key) {
        for (size_t i = 0; i < l->n_lists; i++)
                if (l->lists[i][0] == l->base && l->lists[i][1] == key)
                        return true;
        if (l->n_lists < ARRAY_SIZE(l->lists) && l->kind == SECTION_SOURCE) {
                l->lists[l->n_lists][0] = l->base;
                l->lists[l->n_lists++][1] = key;
        }
        return false;
}

static int on_key(void *userdata, const char *section, const char *name, const char *value) {
        struct loader *l = userdata;
        char wrong[128], expected[256], current[256];
        const struct key *key;
        int r;

        /* What failed once makes the whole fail; a section that opens after it is no sign of the contrary. */
        if (l->error == 0)
                enter_section(l, section);
        if (!l->base || l->error < 0)
                return 1;
        key = key_find(l->kind, name);
        if (!key) {
                unknown_key(l, name);
                return 1;
        }
        r = key_set(key, l->base, value, seen_before(l, key) && value[0] != '\0');
        if (r == -ENOMEM)
                l->error = r;
        else if (r < 0)
                tell(l, l->line, "[%s] %s = %s is not %s; %s stays in force", l->section, name,
                     key_wrong(key, value, wrong, sizeof(wrong)), key_expected(key, expected, sizeof(expected)),
                     key_current(key, l->base, current, sizeof(current)));
        return 1;
}

/* ---- files ---- */

/* inih takes [busyd] hint-delay = 1s for [busyd] and says nothing. */
static void look_behind_section(struct loader *l, const char *line) {
        const char *rest = line[0] == '[' ? strchr(line, ']') : NULL;

        if (rest && !strchr("\r\n;#", rest[1 + strspn(rest + 1, " \t")]))
                tell(l, l->line, "what stands behind \"]\" is ignored: each key has a line of its own");
}

/* Like fgets(), for inih, but a line that does not fit comes out empty. Indentation goes, as inih would take an
 * indented line for more of the value above. */
static char *next_line(char *str, int num, void *stream) {
        struct loader *l = stream;
        const char *line = l->at, *newline;
        size_t n;

        if (line == l->end || num < 2)
                return NULL;
        newline = memchr(line, '\n', (size_t) (l->end - line));
        l->at = newline ? newline + 1 : l->end;
        l->line++;
        while (line < l->at && (*line == ' ' || *line == '\t'))
                line++;
        n = (size_t) (l->at - line);
        if (n >= (size_t) num) {
                tell(l, l->line, "the line is longer than %d bytes, it is ignored", num - 2);
                n = 0;
        } else if (memchr(line, '\0', n)) {
                tell(l, l->line, "the line has a NUL byte, it is ignored");
                n = 0;
        }
        memcpy(str, line, n);
        str[n] = '\0';
        look_behind_section(l, str);
        return str;
}

static int parse_file(struct loader *l, const char *data, size_t size) {
        int r;

        l->at = data;
        l->end = data + size;
        if (size >= 3 && memcmp(data, "\357\273\277", 3) == 0) /* the mark of UTF-8 */
                l->at += 3;
        l->line = 0;
        l->section_known = false;
        l->n_lists = 0;
        r = ini_parse_stream(next_line, l, on_key, l);
        if (r > 0)
                tell(l, (unsigned) r,
                     "the line is no section, no \"key = value\" and no comment; it and any like it are ignored");
        return r < 0 ? -ENOMEM : l->error;
}

static int load_file(struct loader *l, const char *path, bool must_exist) {
        SCOPED(free) char *data = NULL;
        size_t size = 0;
        int r;

        l->path = path;
        r = file_read(path, FILE_SIZE_MAX, &data, &size);
        if ((r == -ENOENT || r == -ENOTDIR) && !must_exist && !file_exists(path))
                return 0;
        if (r == -ENXIO && file_is_null(path)) /* how systemd and others say "nothing" */
                return 0;
        if (r < 0) {
                tell(l, 0, "cannot be read: %s",
                     r == -ENXIO                         ? "it is no regular file"
                     : r == -ENOENT && file_exists(path) ? "it is a link to what is not there"
                                                         : strerrordesc_np(-r));
                return r;
        }
        return parse_file(l, data, size);
}

static int load_default_files(struct loader *l) {
        SCOPED(free) char *user_file = NULL;
        int r;

        r = load_file(l, SYSTEM_FILE, /* must_exist= */ false);
        if (r < 0)
                return r;
        r = path_config("busyd/busyd.conf", &user_file);
        if (r == -ENXIO) /* a user without a home has no file there */
                return 0;
        return r < 0 ? r : load_file(l, user_file, /* must_exist= */ false);
}

static int config_new(struct config **ret) {
        struct config *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        if (account_init(&c->account_defaults, "") < 0) {
                free(c);
                return -ENOMEM;
        }
        c->policy = (struct availability_policy) AVAILABILITY_POLICY_DEFAULT;
        c->log_level = LOG_INFO;
        c->hook_time_max = 30 * USEC_PER_SEC;
        source_init(&c->source_defaults, "");
        *ret = c;
        return 0;
}

int config_load(struct config **ret, const char *path, config_problem_t problem, void *userdata) {
        SCOPED(config_free) struct config *c = NULL;
        struct loader l = { .problem = problem, .userdata = userdata };
        int r = config_new(&c);

        if (r < 0)
                return r;
        l.config = c;
        r = path ? load_file(&l, path, /* must_exist= */ true) : load_default_files(&l);
        if (r < 0)
                return r;
        for (size_t i = 0; i < c->n_accounts; i++)
                c->accounts[i].settings.call_cap = c->account_defaults.settings.call_cap;
        *ret = TAKE(c);
        return l.n_problems;
}

struct config *config_free(struct config *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_accounts; i++)
                account_free_strings(&c->accounts[i]);
        free(c->accounts);
        for (size_t i = 0; i < c->n_sources; i++) {
                globs_free(c->sources[i].ignore);
                globs_free(c->sources[i].only);
                globs_free(c->sources[i].call_apps);
                globs_free(c->sources[i].reasons);
        }
        account_free_strings(&c->account_defaults);
        free(c->on_busy);
        free(c->on_free);
        free(c);
        return NULL;
}

bool account_config_needs_session(const struct account_config *a) {
        return !a->token_command && !a->homeserver && !a->user_id;
}

const struct account_config *config_account(const struct config *c, const char *name) {
        for (size_t i = 0; i < c->n_accounts; i++)
                if (streq(c->accounts[i].name, name))
                        return &c->accounts[i];
        return &c->account_defaults;
}

const struct source_config *config_source(const struct config *c, const char *name) {
        for (size_t i = 0; i < c->n_sources; i++)
                if (streq(c->sources[i].name, name))
                        return &c->sources[i];
        return &c->source_defaults;
}
