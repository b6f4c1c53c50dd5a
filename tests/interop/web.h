/* One HTTP request, waited for: what tests need of libcurl. */
#pragma once

#include <jansson.h>

struct web_reply {
        long status;  /* 0: no answer */
        json_t *body; /* NULL: none, or not JSON; the caller drops it */
};

/* `token` and `body` (taken) may be NULL. The deadline counts the machine's pace (system/pace.h). */
struct web_reply web_request(const char *method, const char *url, const char *token, json_t *body, long timeout_msec);
/* The same with a body that jansson could not hold; NULL: none. */
struct web_reply web_request_text(const char *method, const char *url, const char *token, const char *body,
                                  long timeout_msec);
