/* One sentence for people, fields for machines. Goes to the journal when stderr is the journal, else to stderr.
 * Never a token, a message body, a whole reply, or who the other party of a call is. */
#pragma once

#include <syslog.h>

#include "core/base.h"

/* Messages others may match on; NULL for the rest. Each has a text in systemd/busyd.catalog, which may name its
 * fields. */
#define LOG_ID_BUSY_CHANGED   "6f1d2c0a5b7e4e0f8c5a3b9d1e2f4a60" /* BUSYD_AVAILABILITY, BUSYD_SOURCE if it is known */
#define LOG_ID_CLAIM_CHANGED  "b0a4d6f1c2e34c5d9a7b8e6f50123c47" /* BUSYD_ACCOUNT */
#define LOG_ID_CLAIM_STUCK    "3c52b1f9e0a74f0d8a1c6d7b9e24f583" /* likewise BUSYD_ACCOUNT */
#define LOG_ID_ACCOUNT_FAILED "4e9c1b7ad0f8468f8f0c6d2a9b3e5d18" /* likewise */
#define LOG_ID_CONFIG_WRONG   "a81f7d3b52c94e6f9d0b4c8e1a6f2753"

/* Highest level that is printed; LOG_INFO at start. */
void log_set_max_level(int level);
int log_max_level(void);
/* "error", "warning", "notice", "info", "debug" or 0-7. Returns -EINVAL, and changes nothing, for anything else. */
int log_set_max_level_from_string(const char *s);
int log_level_from_string(const char *s, int *ret); /* -EINVAL */
const char *log_level_to_string(int level);         /* what is above "error" reads "error" */

/* Use the macros. `fields` are "NAME=value" strings, NULL-terminated, names in upper case with BUSYD_ in front;
 * may be NULL. */
void log_write(int level, const char *id, const char *const *fields, const char *file, int line, const char *func,
               const char *format, ...) __attribute__((format(printf, 7, 8)));

#define log_full(level, id, fields, ...)                                                                              \
        do {                                                                                                          \
                if ((level) <= log_max_level())                                                                       \
                        log_write(level, id, fields, __FILE__, __LINE__, __func__, __VA_ARGS__);                      \
        } while (0)
#define log_error(...)   log_full(LOG_ERR, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_info(...)    log_full(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_debug(...)   log_full(LOG_DEBUG, NULL, NULL, __VA_ARGS__)
