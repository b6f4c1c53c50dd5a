/* What calls are made of goes by several names: the one of the specification, and that of each draft that clients and
 * servers still write. They stand here and nowhere else; a new one is one more word in a list of names.c. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* ---- types of events: NULL-terminated lists ---- */

extern const char *const names_call_member[];  /* state: a member of a group call, MSC3401 and after */
extern const char *const names_video_member[]; /* state: who is in a video room */
extern const char *const names_rtc_member[];   /* sticky: a member of a group call, MSC4143 */
extern const char *const names_rtc_slot[];     /* state: where such a call may take place, MSC4143 */
extern const char *const names_notification[]; /* it rings, MSC4075; the last ones are those of its first text */
extern const char *const names_decline[];      /* MSC4310 */
extern const char *const names_joining[];      /* what a client writes when it joins: both kinds of members */
extern const char *const names_ringing[];      /* notifications and declines */
extern const char *const names_voip[];         /* legacy calls; those that say nothing else prove the call alive */

/* ---- members of objects ---- */

extern const char *const names_sticky[];           /* of an event, and of a room in /sync: MSC4354 */
extern const char *const names_sticky_key[];       /* of content */
extern const char *const names_sticky_remaining[]; /* of `unsigned`: ms left at response time */
extern const char *const names_state_after[];      /* of a room in /sync: MSC4222 */

bool name_is_one_of(const char *name, const char *const *names);

/* The first of these members that is of that type; else NULL or `otherwise`. As json_member_*(), but that a whole
 * number may be written as a real: clients whose language knows no integers write 3000000.0. */
const char *named_string(const json_t *object, const char *const *names);
const json_t *named_object(const json_t *object, const char *const *names);
int64_t named_int(const json_t *object, const char *const *names, int64_t otherwise);
int64_t said_int(const json_t *object, const char *name, int64_t otherwise);
