/* busyd.service as it is installed, under a real `systemd --user`: for programs that tests/manager/run starts. The
 * homeserver is the scripted one; the bus, the journal and the user are of the rig, and so is all that is left of the
 * harness of tests/system. */
#pragma once

#include "system/harness.h"

#define UNIT "busyd.service"

/* A stopped unit without drop-ins, a session on a homeserver, a journal that begins now. What w->busyd is about
 * (world_start() and the like) is systemd's here: not for these worlds. */
struct world *service_world_new(void);
void service_world_end(struct world *w);

#define SERVICE_TEST(suite, name, ...)                                                                                \
        static void suite##_##name##_in(struct world *w);                                                             \
        Test(suite, name, ##__VA_ARGS__) {                                                                            \
                struct world *w = service_world_new();                                                                \
                                                                                                                      \
                suite##_##name##_in(w);                                                                               \
                service_world_end(w);                                                                                 \
        }                                                                                                             \
        static void suite##_##name##_in(struct world *w)

/* A shell's command line; what it prints, errors too, without the last line end. The caller frees. */
char *service_shell(int *ret_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for what must succeed. */
void service_do(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lines for busyd.service that only this test has; systemd reads them at once. */
void service_drop_in(const char *text);
/* `systemctl --user start`, which must succeed, and the account online. */
void service_start_online(struct world *w);

/* As `systemctl show` tells it; the caller frees. */
char *service_property(const char *property);
/* Fails the test, with the unit's status and journal, if it never is that. */
void service_expect(struct world *w, const char *property, const char *value);
pid_t service_pid(void); /* 0: it does not run */
/* Until another process than this one is the unit's, and it is on the bus. */
void service_expect_another(struct world *w, pid_t before);

/* The unit's messages of this test, as `journalctl -o FORMAT` writes them; the caller frees. */
char *service_journal(const char *format);
/* Until it has this in one of its messages, or one of systemd's about it. */
void service_expect_journal(struct world *w, const char *part);
/* The user's bus is another one now. */
void service_reconnect(struct world *w);
