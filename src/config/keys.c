/* The table of keys, see keys.h. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "config/config.h"
#include "config/keys.h"
#include "core/claim.h"
#include "util/log.h"
#include "util/reason-line.h"
#include "util/text.h"
#include "util/words.h"

#define BLANKS " \t"

/* A misspelt word may differ from what was meant in a third of its letters, a short one in two. */
#define GUESS_EDITS_MIN 2
/* Longer than every known word. */
#define WORD_MAX 64

#define VALUE_SHOWN_MAX 80 /* bytes of a wrong value in a sentence */

struct key_type {
        int (*set)(const struct key *key, void *field, const char *value, bool append);
        const char *(*expected)(const struct key *key, char *buf, size_t size);
        const char *(*current)(const struct key *key, const void *field, char *buf, size_t size);
        bool untold; /* a wrong value may be a secret: a command that has one among its words, or the token itself */
};

static const char *copy_text(char *buf, size_t size, const char *text) {
        (void) snprintf(buf, size, "%s", text);
        return buf;
}

/* ---- durations ---- */

static int set_duration(const struct key *key, void *field, const char *value, bool append) {
        usec_t t;
        int r = parse_duration(value, &t);

        if (r < 0)
                return r;
        if (t < key->min || t > key->max)
                return -ERANGE;
        *(usec_t *) field = t;
        return 0;
}

static const char *expected_duration(const struct key *key, char *buf, size_t size) {
        char min[64], max[64];

        (void) snprintf(buf, size, "a duration from %s to %s", format_duration(min, sizeof(min), key->min),
                        format_duration(max, sizeof(max), key->max));
        return buf;
}

static const char *current_duration(const struct key *key, const void *field, char *buf, size_t size) {
        return format_duration(buf, size, *(const usec_t *) field);
}

static const struct key_type type_duration = { set_duration, expected_duration, current_duration, false };

/* ---- yes or no ---- */

static int set_bool(const struct key *key, void *field, const char *value, bool append) {
        return parse_bool(value, field);
}

static const char *expected_bool(const struct key *key, char *buf, size_t size) {
        return copy_text(buf, size, "yes or no");
}

static const char *current_bool(const struct key *key, const void *field, char *buf, size_t size) {
        return copy_text(buf, size, *(const bool *) field ? "yes" : "no");
}

static const struct key_type type_bool = { set_bool, expected_bool, current_bool, false };

/* ---- one of a few words ---- */

static int find_word(const struct key *key, const char *value) {
        for (int i = 0; key->words[i]; i++)
                if (streq(key->words[i], value))
                        return i;
        return -EINVAL;
}

static int set_word(const struct key *key, void *field, const char *value, bool append) {
        int i = find_word(key, value);

        if (i < 0)
                return i;
        *(int *) field = i;
        return 0;
}

static int set_bool_word(const struct key *key, void *field, const char *value, bool append) {
        int i = find_word(key, value);

        if (i < 0)
                return i;
        *(bool *) field = i == 1;
        return 0;
}

static const char *expected_word(const struct key *key, char *buf, size_t size) {
        size_t n = 0;

        buf[0] = '\0';
        for (size_t i = 0; key->words[i] && n < size; i++) {
                const char *glue = i == 0 ? "" : key->words[i + 1] ? ", " : " or ";
                int r = snprintf(buf + n, size - n, "%s%s", glue, key->words[i]);

                n += r > 0 ? (size_t) r : 0;
        }
        return buf;
}

static const char *current_word(const struct key *key, const void *field, char *buf, size_t size) {
        return copy_text(buf, size, key->words[*(const int *) field]);
}

static const char *current_bool_word(const struct key *key, const void *field, char *buf, size_t size) {
        return copy_text(buf, size, key->words[*(const bool *) field ? 1 : 0]);
}

static const struct key_type type_word = { set_word, expected_word, current_word, false };
static const struct key_type type_bool_word = { set_bool_word, expected_word, current_bool_word, false };

static_assert(sizeof(enum ringing_policy) == sizeof(int), "set_word() stores an int");
static_assert(sizeof(enum presence_mode) == sizeof(int), "set_word() stores an int");
static_assert(sizeof(enum encrypted_calls) == sizeof(int), "set_word() stores an int");

/* ---- log levels ---- */

static int set_level(const struct key *key, void *field, const char *value, bool append) {
        return log_level_from_string(value, field);
}

static const char *expected_level(const struct key *key, char *buf, size_t size) {
        return copy_text(buf, size, "error, warning, notice, info or debug");
}

static const char *current_level(const struct key *key, const void *field, char *buf, size_t size) {
        return copy_text(buf, size, log_level_to_string(*(const int *) field));
}

static const struct key_type type_level = { set_level, expected_level, current_level, false };

/* ---- text ---- */

static int replace_text(char **field, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

static int set_message(const struct key *key, void *field, const char *value, bool append) {
        char clean[CLAIM_TEXT_MAX];

        if (!streq(text_printable(clean, sizeof(clean), value), value))
                return -EINVAL;
        return replace_text(field, value);
}

static const char *expected_message(const struct key *key, char *buf, size_t size) {
        return copy_text(buf, size, "text in UTF-8 without control characters");
}

static const char *current_text(const struct key *key, const void *field, char *buf, size_t size) {
        const char *text = *(char *const *) field;

        (void) snprintf(buf, size, "\"%s\"", text ? text : "");
        return buf;
}

/* Empty: back to none. */
static int set_path(const struct key *key, void *field, const char *value, bool append) {
        char **path = field;

        if (value[0] == '\0') {
                free(TAKE(*path));
                return 0;
        }
        return value[0] == '/' ? replace_text(path, value) : -EINVAL;
}

static const char *expected_path(const struct key *key, char *buf, size_t size) {
        return copy_text(buf, size, "an absolute path");
}

/* What of it is an address, and what one can be used for, who asks there finds out. */
static int set_homeserver(const struct key *key, void *field, const char *value, bool append) {
        char **homeserver = field;

        if (value[0] == '\0') {
                free(TAKE(*homeserver));
                return 0;
        }
        return value[strcspn(value, " \t@")] == '\0' ? replace_text(homeserver, value) : -EINVAL;
}

static const char *expected_homeserver(const struct key *key, char *buf, size_t size) {
        return copy_text(buf, size, "an address like https://matrix.example.org, or a server name like example.org");
}

static int set_user_id(const struct key *key, void *field, const char *value, bool append) {
        const char *colon = strchr(value, ':');
        char **user_id = field;

        if (value[0] == '\0') {
                free(TAKE(*user_id));
                return 0;
        }
        if (value[0] != '@' || !colon || colon == value + 1 || colon[1] == '\0' || value[strcspn(value, " \t")])
                return -EINVAL;
        return replace_text(user_id, value);
}

static const char *expected_user_id(const struct key *key, char *buf, size_t size) {
        return copy_text(buf, size, "a user id like @me:example.org");
}

static int set_command(const struct key *key, void *field, const char *value, bool append) {
        char **command = field;

        if (value[0] == '\0') {
                free(TAKE(*command));
                return 0;
        }
        return replace_text(command, value);
}

/* What a user runs to get a token is nobody's business. */
static const char *current_command(const struct key *key, const void *field, char *buf, size_t size) {
        return copy_text(buf, size, *(char *const *) field ? "the earlier command" : "none");
}

/* One that needs no shell. */
static int set_program(const struct key *key, void *field, const char *value, bool append) {
        SCOPED(words_free) char **words = NULL;
        int r = words_parse(value, "/", &words);

        return r < 0 ? r : set_command(key, field, words[0] ? value : "", append);
}

static const char *expected_program(const struct key *key, char *buf, size_t size) {
        (void) snprintf(buf, size, "a program (its name or absolute path) and at most %d words, with quotes closed",
                        WORDS_MAX - 1);
        return buf;
}

static const struct key_type type_message = { set_message, expected_message, current_text, false };
static const struct key_type type_path = { set_path, expected_path, current_text, false };
static const struct key_type type_token_path = { set_path, expected_path, current_text, true };
static const struct key_type type_homeserver = { set_homeserver, expected_homeserver, current_text, false };
static const struct key_type type_user_id = { set_user_id, expected_user_id, current_text, false };
static const struct key_type type_command = { set_command, expected_message, current_command, true };
static const struct key_type type_program = { set_program, expected_program, current_command, true };

/* ---- lists ---- */

static size_t globs_count(char *const *globs) {
        size_t n = 0;

        while (globs && globs[n])
                n++;
        return n;
}

void globs_free(char **globs) {
        for (size_t i = 0; globs && globs[i]; i++)
                free(globs[i]);
        free(globs);
}

static int globs_add(char **globs, const char *text, size_t length) {
        size_t n = globs_count(globs);

        if (n >= CONFIG_GLOBS_MAX)
                return -E2BIG;
        globs[n] = strndup(text, length);
        return globs[n] ? 0 : -ENOMEM;
}

/* Adds the words of `value` to `globs`, which has room for CONFIG_GLOBS_MAX. */
static int globs_add_words(char **globs, const char *value) {
        for (value += strspn(value, BLANKS); *value != '\0'; value += strspn(value, BLANKS)) {
                size_t n = strcspn(value, BLANKS);
                int r = globs_add(globs, value, n);

                if (r < 0)
                        return r;
                value += n;
        }
        return 0;
}

typedef int (*globs_adder_t)(char **globs, const char *value);

static int set_list(void *field, const char *value, bool append, globs_adder_t add) {
        char **globs = calloc(CONFIG_GLOBS_MAX + 1, sizeof(*globs)), ***list = field;
        int r = globs ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && append && *list && (*list)[i]; i++)
                r = globs_add(globs, (*list)[i], strlen((*list)[i]));
        if (r == 0)
                r = add(globs, value);
        if (r < 0) {
                globs_free(globs);
                return r;
        }
        globs_free(*list);
        *list = globs;
        return 0;
}

static int set_globs(const struct key *key, void *field, const char *value, bool append) {
        return set_list(field, value, append, globs_add_words);
}

static int add_reason(char **lines, const char *value) {
        struct reason_line l;

        if (value[0] == '\0')
                return 0;
        return reason_line_parse(value, &l) < 0 ? -EINVAL : globs_add(lines, value, strlen(value));
}

static int set_reasons(const struct key *key, void *field, const char *value, bool append) {
        return set_list(field, value, append, add_reason);
}

static const char *expected_reasons(const struct key *key, char *buf, size_t size) {
        (void) snprintf(buf, size, "\"weak|strong|proof PROGRAM REASON\", at most %d times", CONFIG_GLOBS_MAX);
        return buf;
}

static const char *expected_globs(const struct key *key, char *buf, size_t size) {
        (void) snprintf(buf, size, "a list of at most %d patterns", CONFIG_GLOBS_MAX);
        return buf;
}

static const char *current_globs(const struct key *key, const void *field, char *buf, size_t size) {
        size_t n = globs_count(*(char **const *) field);

        if (n == 0)
                return copy_text(buf, size, "an empty list");
        (void) snprintf(buf, size, "the list of %zu so far", n);
        return buf;
}

static const struct key_type type_globs = { set_globs, expected_globs, current_globs, false };
static const struct key_type type_reasons = { set_reasons, expected_reasons, current_globs, false };

/* ---- the table ---- */

static const char *const ringing_words[] = {
        [RINGING_NO] = "no", [RINGING_OUTGOING] = "outgoing", [RINGING_ALL] = "all", NULL
};
static const char *const weak_words[] = { "ignore", "count", NULL };
static const char *const presence_words[] = {
        [PRESENCE_AUTO] = "auto", [PRESENCE_BUSY] = "busy", [PRESENCE_STATUS] = "status", [PRESENCE_OFF] = "off", NULL
};

static const char *const encrypted_words[] = {
        [ENCRYPTED_CALLS_DM] = "dm", [ENCRYPTED_CALLS_OWN] = "own", [ENCRYPTED_CALLS_OFF] = "off", NULL
};

#define BUSYD(field)   offsetof(struct config, field)
#define ACCOUNT(field) offsetof(struct account_config, field)
#define SOURCE(field)  offsetof(struct source_config, field)

static const struct key keys[] = {
        { SECTION_BUSYD, "start-delay", &type_duration, BUSYD(policy.start_delay), 0, USEC_PER_HOUR, NULL },
        { SECTION_BUSYD, "hint-delay", &type_duration, BUSYD(policy.hint_delay), 0, USEC_PER_HOUR, NULL },
        { SECTION_BUSYD, "end-grace", &type_duration, BUSYD(policy.proof_grace), 0, USEC_PER_HOUR, NULL },
        { SECTION_BUSYD, "hint-end-grace", &type_duration, BUSYD(policy.hint_grace), 0, USEC_PER_HOUR, NULL },
        { SECTION_BUSYD, "ringing", &type_word, BUSYD(policy.ringing), 0, 0, ringing_words },
        { SECTION_BUSYD, "weak-evidence", &type_bool_word, BUSYD(policy.count_weak), 0, 0, weak_words },
        { SECTION_BUSYD, "log-level", &type_level, BUSYD(log_level), 0, 0, NULL },
        { SECTION_BUSYD, "on-busy", &type_program, BUSYD(on_busy), 0, 0, NULL },
        { SECTION_BUSYD, "on-free", &type_program, BUSYD(on_free), 0, 0, NULL },
        { SECTION_BUSYD, "hook-time-limit", &type_duration, BUSYD(hook_time_max), USEC_PER_SEC, USEC_PER_HOUR, NULL },
        { SECTION_BUSYD, "do-not-disturb", &type_bool, BUSYD(do_not_disturb), 0, 0, NULL },
        { SECTION_BUSYD, "pause-players", &type_bool, BUSYD(pause_players), 0, 0, NULL },
        { SECTION_BUSYD, "tray", &type_bool, BUSYD(tray), 0, 0, NULL },
        /* copied to every account once all is read */
        { SECTION_BUSYD, "call-cap", &type_duration, BUSYD(account_defaults.settings.call_cap), USEC_PER_MIN,
          168 * USEC_PER_HOUR, NULL },

        { SECTION_ACCOUNT, "enabled", &type_bool, ACCOUNT(enabled), 0, 0, NULL },
        { SECTION_ACCOUNT, "presence", &type_word, ACCOUNT(settings.presence), 0, 0, presence_words },
        { SECTION_ACCOUNT, "message", &type_message, ACCOUNT(settings.message), 0, 0, NULL },
        { SECTION_ACCOUNT, "profile-call", &type_bool, ACCOUNT(settings.profile_call), 0, 0, NULL },
        { SECTION_ACCOUNT, "encrypted-calls", &type_word, ACCOUNT(settings.encrypted_calls), 0, 0, encrypted_words },
        { SECTION_ACCOUNT, "homeserver", &type_homeserver, ACCOUNT(homeserver), 0, 0, NULL },
        { SECTION_ACCOUNT, "user-id", &type_user_id, ACCOUNT(user_id), 0, 0, NULL },
        { SECTION_ACCOUNT, "ca-file", &type_path, ACCOUNT(ca_file), 0, 0, NULL },
        { SECTION_ACCOUNT, "token-command", &type_command, ACCOUNT(token_command), 0, 0, NULL },
        { SECTION_ACCOUNT, "appservice-token-file", &type_token_path, ACCOUNT(appservice_token_file), 0, 0, NULL },
        { SECTION_ACCOUNT, "poll-timeout", &type_duration, ACCOUNT(settings.poll_timeout), 10 * USEC_PER_SEC,
          USEC_PER_HOUR, NULL },
        { SECTION_ACCOUNT, "poll-pause", &type_duration, ACCOUNT(settings.poll_pause), 0, USEC_PER_MIN, NULL },
        { SECTION_ACCOUNT, "refresh-interval", &type_duration, ACCOUNT(settings.refresh_interval), 0, USEC_PER_HOUR,
          NULL },

        { SECTION_SOURCE, "enabled", &type_bool, SOURCE(enabled), 0, 0, NULL },
        { SECTION_SOURCE, "ignore", &type_globs, SOURCE(ignore), 0, 0, NULL },
        { SECTION_SOURCE, "only", &type_globs, SOURCE(only), 0, 0, NULL },
        { SECTION_SOURCE, "call-apps", &type_globs, SOURCE(call_apps), 0, 0, NULL },
        { SECTION_SOURCE, "reasons", &type_reasons, SOURCE(reasons), 0, 0, NULL },
};

static const struct {
        const char *word, *title;
} sections[] = {
        [SECTION_BUSYD] = { "busyd", "[busyd]" },
        [SECTION_ACCOUNT] = { "account", "[account NAME]" },
        [SECTION_SOURCE] = { "source", "[source NAME]" },
};

const char *const source_names[] = {
        "notifications",
        "pipewire",
        "pulseaudio",
        "camera",
        "v4l2",
        "gnome-inhibitors",
        "plasma-inhibitors",
        "other-inhibitors",
        "modemmanager",
        "ofono",
        "pipewire-telephony",
        "bluez",
        "gnome-calls",
        "jami",
        "kdeconnect",
        NULL,
};
static_assert(ARRAY_SIZE(source_names) <= CONFIG_SOURCES_MAX, "each may have a section");

const struct key *key_find(enum section_kind section, const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (keys[i].section == section && streq(keys[i].name, name))
                        return &keys[i];
        return NULL;
}

/* ---- what was meant ---- */

static bool is_near(const char *meant, size_t edits) {
        size_t limit = strlen(meant) / 3;

        return edits <= (limit > GUESS_EDITS_MIN ? limit : GUESS_EDITS_MIN) && edits < strlen(meant);
}

/* In whatever case it is written, and with "_" for "-". */
static size_t edits_to(const char *word, const char *meant) {
        char plain[WORD_MAX + 1];
        size_t n = 0;

        for (; n < WORD_MAX && word[n] != '\0'; n++)
                plain[n] = word[n] == '_' ? '-' : (char) tolower((unsigned char) word[n]);
        plain[n] = '\0';
        return edit_distance(plain, meant);
}

const struct key *key_guess(enum section_kind section, const char *name) {
        const struct key *best = NULL;
        size_t best_rank = SIZE_MAX;

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                size_t edits = edits_to(name, keys[i].name);
                size_t rank = 2 * edits + (keys[i].section != section);

                if (is_near(keys[i].name, edits) && rank < best_rank) {
                        best = &keys[i];
                        best_rank = rank;
                }
        }
        return best;
}

const char *source_guess(const char *name) {
        const char *best = NULL;
        size_t best_edits = SIZE_MAX;

        for (size_t i = 0; source_names[i]; i++) {
                size_t edits = edits_to(name, source_names[i]);

                if (is_near(source_names[i], edits) && edits < best_edits) {
                        best = source_names[i];
                        best_edits = edits;
                }
        }
        return best;
}

const char *account_guess(char *const *names, const char *name) {
        const char *best = NULL;
        size_t best_edits = SIZE_MAX;

        for (; *names; names++) {
                size_t edits = edits_to(name, *names);

                if (is_near(*names, edits) && edits < best_edits) {
                        best = *names;
                        best_edits = edits;
                }
        }
        return best;
}

bool section_find(const char *word, size_t n, enum section_kind *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
                if (strlen(sections[i].word) == n && memcmp(sections[i].word, word, n) == 0) {
                        *ret = (enum section_kind) i;
                        return true;
                }
        return false;
}

bool section_guess(const char *word, enum section_kind *ret) {
        size_t best = SIZE_MAX;

        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                size_t edits = edits_to(word, sections[i].word);

                if (is_near(sections[i].word, edits) && edits < best) {
                        best = edits;
                        *ret = (enum section_kind) i;
                }
        }
        return best != SIZE_MAX;
}

const char *section_title(enum section_kind section) {
        return sections[section].title;
}

int key_set(const struct key *key, void *base, const char *value, bool append) {
        return key->type->set(key, (char *) base + key->offset, value, append);
}

/* Whatever the key is for: what stands before an "@" may be the name and the password of an address. */
static const char *without_user(char *buf, size_t size, const char *value) {
        const char *at = strrchr(value, '@');
        bool cut = at && at != value;

        (void) snprintf(buf, size, "\"%s%.*s\"", cut ? "..." : "", VALUE_SHOWN_MAX, cut ? at : value);
        return buf;
}

const char *key_wrong(const struct key *key, const char *value, char *buf, size_t size) {
        return key->type->untold && value[0] != '\0' ? copy_text(buf, size, "...") : without_user(buf, size, value);
}

const char *key_expected(const struct key *key, char *buf, size_t size) {
        return key->type->expected(key, buf, size);
}

const char *key_current(const struct key *key, const void *base, char *buf, size_t size) {
        return key->type->current(key, (const char *) base + key->offset, buf, size);
}
