/* The log, see log.h. In the journal a message has fields and an id; anywhere else it is one line that begins with
 * its level. A terminal also gets the time, everything else that collects lines of a daemon adds its own. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The place in the code is the caller's, not the one in this file. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <systemd/sd-login.h>

#include "util/log.h"
#include "util/text.h"

#define LOG_TEXT_MAX   2048 /* bytes of a sentence; longer ones are cut */
#define LOG_FIELDS_MAX 16   /* fields of one message, of ours and given */

static const char *const level_names[] = {
        [LOG_EMERG] = "error",     [LOG_ALERT] = "error",   [LOG_CRIT] = "error", [LOG_ERR] = "error",
        [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info",  [LOG_DEBUG] = "debug",
};

static int max_level = LOG_INFO;

void log_set_max_level(int level) {
        max_level = level;
}

int log_max_level(void) {
        return max_level;
}

const char *log_level_to_string(int level) {
        return level >= LOG_EMERG && level <= LOG_DEBUG ? level_names[level] : "debug";
}

int log_level_from_string(const char *s, int *ret) {
        uint64_t number;

        if (parse_unsigned(s, LOG_EMERG, LOG_DEBUG, &number) == 0) {
                *ret = (int) number;
                return 0;
        }
        for (int level = LOG_ERR; level <= LOG_DEBUG; level++)
                if (streq(s, level_names[level])) {
                        *ret = level;
                        return 0;
                }
        return -EINVAL;
}

int log_set_max_level_from_string(const char *s) {
        return log_level_from_string(s, &max_level);
}

/* systemd says which device and inode its stream has, as a child may have stderr redirected. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;
        int end = 0;

        if (!stream || sscanf(stream, "%llu:%llu%n", &device, &inode, &end) != 2 || stream[end] != '\0') /* NOLINT */
                return false;
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

struct entry {
        struct iovec fields[LOG_FIELDS_MAX];
        int n;
};

static void entry_add(struct entry *e, const char *field) {
        if (e->n < LOG_FIELDS_MAX)
                e->fields[e->n++] = (struct iovec){ .iov_base = (void *) field, .iov_len = strlen(field) };
}

/* "USER_UNIT=busyd.service", or NULL. The journal looks up by itself whose a message is, but for the last words of a
 * process it comes too late: `journalctl --user -u busyd` would miss why busyd ended. */
static const char *own_unit(void) {
        static char field[160];
        SCOPED(free) char *unit = NULL;

        if (!field[0] && sd_pid_get_user_unit(0, &unit) >= 0)
                (void) snprintf(field, sizeof(field), "USER_UNIT=%s", unit);
        return field[0] ? field : NULL;
}

static int write_journal(int level, const char *id, const char *const *fields, const char *file, int line,
                         const char *func, const char *text) {
        char message[LOG_TEXT_MAX + sizeof("MESSAGE=")], priority[32], code_file[512], code_line[32], code_func[128],
                message_id[64];
        struct entry e = { .n = 0 };

        (void) snprintf(message, sizeof(message), "MESSAGE=%s", text);
        (void) snprintf(priority, sizeof(priority), "PRIORITY=%i", level);
        (void) snprintf(code_file, sizeof(code_file), "CODE_FILE=%s", file);
        (void) snprintf(code_line, sizeof(code_line), "CODE_LINE=%i", line);
        (void) snprintf(code_func, sizeof(code_func), "CODE_FUNC=%s", func);
        entry_add(&e, message);
        entry_add(&e, priority);
        entry_add(&e, code_file);
        entry_add(&e, code_line);
        entry_add(&e, code_func);
        if (id) {
                (void) snprintf(message_id, sizeof(message_id), "MESSAGE_ID=%s", id);
                entry_add(&e, message_id);
        }
        if (own_unit())
                entry_add(&e, own_unit());
        for (; fields && *fields; fields++)
                entry_add(&e, *fields);
        return sd_journal_sendv(e.fields, e.n);
}

static void write_stderr(int level, const char *text) {
        char line[LOG_TEXT_MAX + 64], stamp[16] = "";
        int n;

        if (isatty(STDERR_FILENO)) {
                time_t now = time(NULL);
                struct tm tm;

                if (localtime_r(&now, &tm))
                        (void) strftime(stamp, sizeof(stamp), "%H:%M:%S ", &tm);
        }
        n = snprintf(line, sizeof(line), "%s%s: %s\n", stamp, level_names[level], text);
        if (n > 0 && write(STDERR_FILENO, line, (size_t) n) < 0)
                return; /* nowhere is left to say it */
}

void log_write(int level, const char *id, const char *const *fields, const char *file, int line, const char *func,
               const char *format, ...) {
        char raw[LOG_TEXT_MAX], text[LOG_TEXT_MAX];
        int saved_errno = errno;
        va_list ap;

        level = level < LOG_EMERG ? LOG_EMERG : level > LOG_DEBUG ? LOG_DEBUG : level;
        va_start(ap, format);
        (void) vsnprintf(raw, sizeof(raw), format, ap);
        va_end(ap);
        (void) text_printable(text, sizeof(text), raw);

        if (!stderr_is_journal() || write_journal(level, id, fields, file, line, func, text) < 0)
                write_stderr(level, text);
        errno = saved_errno;
}
