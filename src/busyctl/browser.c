/* xdg-open(1), started without a shell. Without a display it would start a browser in this terminal, and wait for it:
 * it is not asked then. */
#include "busyctl/browser.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static bool is_set(const char *value) {
        return value && *value;
}

bool browser_is_elsewhere(void) {
        return is_set(getenv("SSH_CONNECTION"));
}

/* In a session of its own: neither what ends us at this terminal ends it, nor does it write here, or gets what we have
 * open. Our caller may have blocked signals. */
static int start(const char *const *argv, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes) {
        sigset_t none;
        pid_t pid;

        (void) sigemptyset(&none);
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0) != 0)
                        return -1;
        if (posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1) != 0)
                return -1;
        if (posix_spawnattr_setsigmask(attributes, &none) != 0 ||
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID) != 0)
                return -1;
        return posix_spawnp(&pid, argv[0], actions, attributes, (char *const *) (uintptr_t) argv, environ);
}

bool browser_open(const char *address) {
        const char *const argv[] = { "xdg-open", address, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        bool opened;

        if (browser_is_elsewhere() || (!is_set(getenv("DISPLAY")) && !is_set(getenv("WAYLAND_DISPLAY"))))
                return false;
        if (posix_spawn_file_actions_init(&actions) != 0)
                return false;
        if (posix_spawnattr_init(&attributes) != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return false;
        }
        opened = start(argv, &actions, &attributes) == 0;
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return opened;
}
