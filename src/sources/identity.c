/* See identity.h. /proc/PID/exe is never asked: it cannot be read from within a user namespace. */
#include "sources/identity.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "util/file.h"
#include "util/text.h"

#define PROC_FILE_MAX 131072 /* command lines of browsers are long */
#define UNIT_SIZE     256    /* of a unit's name; longer ones name no application that anybody would list */

/* Programs that go by several names. */
static const struct {
        const char *name, *identity;
} aliases[] = {
        { "chrome", "google-chrome" },
        { "google-chrome-stable", "google-chrome" },
        { "google-chrome-beta", "google-chrome" },
        { "com.google.Chrome", "google-chrome" },
        { "chromium-browser", "chromium" },
        { "org.chromium.Chromium", "chromium" },
        { "msedge", "microsoft-edge" },
        { "microsoft-edge-stable", "microsoft-edge" },
        { "com.microsoft.Edge", "microsoft-edge" },
        { "brave", "brave-browser" },
        { "com.brave.Browser", "brave-browser" },
        { "vivaldi-stable", "vivaldi" },
        { "firefox-esr", "firefox" },
        { "org.mozilla.firefox", "firefox" },
        { "us.zoom.Zoom", "zoom" },
        { "com.discordapp.Discord", "discord" },
        { "org.signal.Signal", "signal-desktop" },
        { "signal", "signal-desktop" },
        { "com.slack.Slack", "slack" },
        { "com.skype.Client", "skypeforlinux" },
        { "com.github.IsmaelMartinez.teams_for_linux", "teams-for-linux" },
        { "im.riot.Riot", "element-desktop" },
        { "element", "element-desktop" },
        { "telegram-desktop", "org.telegram.desktop" },
        { "Telegram", "org.telegram.desktop" },
        { "dino", "im.dino.Dino" },
        { "gnome-calls", "org.gnome.Calls" },
        { "net.jami.Jami", "jami" },
        { "jami-gnome", "jami" },
        { "jami-qt", "jami" },
        { "com.belledonnecommunications.linphone", "linphone" },
        { "info.mumble.Mumble", "mumble" },
};

static const char *set(char *buf, size_t size, const char *text) {
        return text_printable(buf, size, text);
}

/* Such as org.telegram.desktop, which is not org.telegram's desktop entry. */
static bool is_identity(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
                if (strcasecmp(aliases[i].identity, name) == 0)
                        return true;
        return false;
}

static const char *canonical(char *buf, size_t size, const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
                if (strcasecmp(aliases[i].name, name) == 0)
                        return set(buf, size, aliases[i].identity);
        return set(buf, size, name);
}

static bool cut_suffix(char *text, const char *suffix) {
        size_t n = strlen(text), m = strlen(suffix);

        if (n <= m || !streq(text + n - m, suffix))
                return false;
        text[n - m] = '\0';
        return true;
}

const char *identity_of_name(char *buf, size_t size, const char *name) {
        const char *slash = strrchr(name, '/');
        char base[UNIT_SIZE];

        (void) snprintf(base, sizeof(base), "%s", slash && slash[1] ? slash + 1 : name);
        if (!is_identity(base))
                (void) cut_suffix(base, ".desktop");
        (void) cut_suffix(base, ".exe");
        (void) cut_suffix(base, ".bin");
        (void) cut_suffix(base, "-bin");
        return canonical(buf, size, base);
}

/* ---- control groups ---- */

static int hex_digit(char c) {
        static const char digits[] = "0123456789abcdef";
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int) (at - digits) : -1;
}

/* systemd writes "-" and others as \x2d. */
static void unescape(char *text) {
        char *to = text;

        for (const char *from = text; *from; from++) {
                int high = from[0] == '\\' && from[1] == 'x' ? hex_digit(from[2]) : -1;
                int low = high >= 0 ? hex_digit(from[3]) : -1;

                if (low >= 0) {
                        *to++ = (char) (high * 16 + low);
                        from += 3;
                } else
                        *to++ = *from;
        }
        *to = '\0';
}

/* A page that Chromium or a relative has installed as a program is "chrome-HASH-Default", where the hash has 32
 * letters from a to p: it is the browser's. */
static void cut_page(char *id) {
        for (char *dash = strchr(id, '-'); dash; dash = strchr(dash + 1, '-')) {
                size_t n = strspn(dash + 1, "abcdefghijklmnop");

                if (dash > id && n == 32 && (dash[1 + n] == '-' || dash[1 + n] == '\0')) {
                        *dash = '\0';
                        return;
                }
        }
}

/* "app-[LAUNCHER-]ID[-RANDOM].scope", "app-[LAUNCHER-]ID[@RANDOM].service", "dbus-:UNIQUE-ID@N.service"; "-" within
 * the parts is escaped. */
static const char *of_app_unit(char *buf, size_t size, char *unit) {
        char *at, *dash;

        if (cut_suffix(unit, ".scope")) {
                dash = strrchr(unit, '-');
                if (!dash || dash == strchr(unit, '-'))
                        return set(buf, size, "");
                *dash = '\0';
        } else if (cut_suffix(unit, ".service")) {
                at = strchr(unit, '@');
                if (at)
                        *at = '\0';
        } else
                return set(buf, size, "");
        dash = strrchr(unit, '-');
        unescape(dash + 1);
        cut_page(dash + 1);
        return identity_of_name(buf, size, dash + 1);
}

/* "snap.NAME.COMMAND..." */
static const char *of_snap_unit(char *buf, size_t size, char *unit) {
        char *name = unit + strlen("snap.");

        name[strcspn(name, ".")] = '\0';
        return identity_of_name(buf, size, name);
}

static const char *of_unit(char *buf, size_t size, char *unit) {
        if (strncmp(unit, "app-", 4) == 0 || strncmp(unit, "dbus-", 5) == 0)
                return of_app_unit(buf, size, unit);
        if (strncmp(unit, "snap.", 5) == 0)
                return of_snap_unit(buf, size, unit);
        return set(buf, size, "");
}

/* The innermost part that is an application's: programs may make groups of their own below it. */
static const char *of_path(char *buf, size_t size, const char *path, size_t length) {
        char unit[UNIT_SIZE];

        buf[0] = '\0';
        while (length > 0 && buf[0] == '\0') {
                size_t start = length;

                while (start > 0 && path[start - 1] != '/')
                        start--;
                (void) snprintf(unit, sizeof(unit), "%.*s", (int) (length - start), path + start);
                (void) of_unit(buf, size, unit);
                length = start > 0 ? start - 1 : 0;
        }
        return buf;
}

/* Programs that run others. */
static const char *const runtimes[] = { "electron",        "java", "node", "python", "wine", "WebKitGPUProcess",
                                        "WebKitWebProcess" };

bool program_is_runtime(const char *binary) {
        for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++) {
                const char *rest = binary + strlen(runtimes[i]);

                if (strncasecmp(binary, runtimes[i], strlen(runtimes[i])) == 0 && !isalpha((unsigned char) *rest))
                        return true;
        }
        return false;
}

const char *identity_of_cgroup(char *buf, size_t size, const char *cgroup) {
        buf[0] = '\0';
        /* "0::/user.slice/..."; with the old hierarchy one line per controller, of which systemd's has it as well. */
        for (const char *line = cgroup; *line && buf[0] == '\0';) {
                size_t n = strcspn(line, "\n");
                const char *path = memchr(line, '/', n);

                if (path)
                        (void) of_path(buf, size, path, n - (size_t) (path - line));
                line += n + (line[n] == '\n');
        }
        return buf;
}

/* ---- processes ---- */

static int read_proc(pid_t pid, const char *name, char **ret) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        return file_read(path, PROC_FILE_MAX, ret, NULL);
}

/* The name of the program as it was started; comm is cut short at 15 bytes and may be a thread's. */
static const char *of_program(char *buf, size_t size, pid_t pid) {
        SCOPED(free) char *comm = NULL, *cmdline = NULL;

        buf[0] = '\0';
        /* Chromium writes its own command line, with blanks in between. */
        if (read_proc(pid, "cmdline", &cmdline) >= 0 && cmdline[0]) {
                char *arguments = strstr(cmdline, " --");

                if (arguments)
                        *arguments = '\0';
                return identity_of_name(buf, size, cmdline);
        }
        if (read_proc(pid, "comm", &comm) < 0)
                return buf;
        comm[strcspn(comm, "\n")] = '\0';
        return identity_of_name(buf, size, comm);
}

static const char *of_control_group(char *buf, size_t size, pid_t pid) {
        SCOPED(free) char *cgroup = NULL;

        buf[0] = '\0';
        return read_proc(pid, "cgroup", &cgroup) >= 0 ? identity_of_cgroup(buf, size, cgroup) : buf;
}

const char *identity_of_pid(char *buf, size_t size, pid_t pid) {
        buf[0] = '\0';
        if (pid <= 0 || of_control_group(buf, size, pid)[0])
                return buf;
        return of_program(buf, size, pid);
}

pid_t parent_of_pid(pid_t pid) {
        SCOPED(free) char *stat = NULL;
        const char *end;

        if (read_proc(pid, "stat", &stat) < 0)
                return 0;
        /* "PID (NAME) STATE PARENT ...", and a name may have anything in it. */
        end = strrchr(stat, ')');
        return end && strlen(end) > 4 && !strchr("ZX", end[2]) ? (pid_t) strtol(end + 4, NULL, 10) : 0;
}

const char *identities_of_pid(char *buf, size_t size, pid_t pid) {
        size_t used = 0;

        buf[0] = '\0';
        for (int generation = 0; generation < 2 && pid > 0; generation++, pid = parent_of_pid(pid))
                for (int i = 0; i < 2; i++) {
                        char name[UNIT_SIZE] = "";
                        size_t n = strlen(i == 0 ? of_control_group(name, sizeof(name), pid)
                                                 : of_program(name, sizeof(name), pid));

                        if (n > 0 && !program_is_runtime(name) && used + n + 2 <= size)
                                used += (size_t) snprintf(buf + used, size - used, "%s\n", name);
                }
        return buf;
}

bool cgroup_is_sandbox(const char *cgroup) {
        return strstr(cgroup, "/app-flatpak-") || strstr(cgroup, "/snap.");
}

const char *identity_of_sandbox(char *buf, size_t size, pid_t pid) {
        SCOPED(free) char *cgroup = NULL;

        buf[0] = '\0';
        if (pid > 0 && read_proc(pid, "cgroup", &cgroup) >= 0 && cgroup_is_sandbox(cgroup))
                (void) identity_of_cgroup(buf, size, cgroup);
        return buf;
}
