/* What the daemon tells, as the documents that --json prints and that people's output is made from. Their keys are
 * described in busyctl(1) and only ever added to. Times are whole seconds since 1970, null where there is none.
 * The caller owns what is returned. */
#pragma once

#include <jansson.h>

#include "busyctl/busyctl.h"

/* {availability, since, mode, mode_until, mode_until_calls_end, message, settled, problem, version} */
enum exit_code facts_manager(struct ctl *c, json_t **ret);

/* The same with "accounts", "calls" and "sources". */
enum exit_code facts_status(struct ctl *c, json_t **ret);

/* The same as facts_manager with "evidence", "restore" and "because" (because.h). */
enum exit_code facts_why(struct ctl *c, json_t **ret);

/* [{source, id, app, what, why, evidence, names}]: what the sources have looked at; evidence "": it is no call. */
enum exit_code facts_streams(struct ctl *c, json_t **ret);

/* [{at, availability, reason}], the newest first. */
#define HISTORY_MAX 200 /* the daemon keeps no more */
/* The newest first, each with `effects`: what followed on this machine. */
enum exit_code facts_history(struct ctl *c, unsigned n, json_t **ret);

/* [{app, source}], what is ignored by the user's word; source "": every one. */
enum exit_code facts_ignored(struct ctl *c, json_t **ret);

/* The account of this name in what facts_status() gives; NULL: there is none, as in a NULL status. */
const json_t *facts_account(const json_t *status, const char *name);

/* The sources that look at the microphone, each at another sound server: one of them is enough. */
bool facts_is_microphone(const char *source);
/* Why none of them does, in what facts_status() gives; "" if one does. Returns buf. */
const char *facts_blind_microphone(const json_t *status, char *buf, size_t size);

/* Below, `object` may lack the member or be NULL. */
const char *fact_text(const json_t *object, const char *key); /* "" */
bool fact_bool(const json_t *object, const char *key);        /* false */
int64_t fact_time(const json_t *object, const char *key);     /* 0 */
