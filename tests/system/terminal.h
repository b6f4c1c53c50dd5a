/* A program at a terminal of its own: UTF-8, 100 columns by 50 lines. */
#pragma once

#include "system/harness.h"

struct terminal;

/* Any program in the world's environment, found in PATH; `argv` is closed by NULL. */
struct terminal *terminal_start(struct world *w, const char *const *argv);
/* busyctl login at the world's homeserver. */
struct terminal *terminal_login(struct world *w, const char *user);
/* Waits until it has written this, after what was waited for before; returns all that it has written so far. The test
 * fails if that does not come. */
const char *terminal_expect(struct terminal *t, const char *part);
/* As if typed, without a line end. */
void terminal_type(struct terminal *t, const char *keys);
/* Waits for the end; returns the exit code, -1: ended by a signal or by the deadline. */
int terminal_end(struct terminal *t);
const char *terminal_text(const struct terminal *t); /* all that was written; lines end with "\r\n" */
struct terminal *terminal_free(struct terminal *t);  /* kills what still runs; NULL is fine; returns NULL */
CLEANUP(struct terminal, terminal_free);
