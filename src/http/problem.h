/* What went wrong with a request, as an errno and as a sentence for people. */
#pragma once

#include <curl/curl.h>

#include "core/base.h"

#define HTTP_PROBLEM_MAX 512

struct http_failure {
        CURLcode code;
        const char *host;
        const char *detail;  /* curl's own words, may be empty */
        const char *ca_file; /* or NULL */
        long os_error;       /* of connect(), or 0 */
        int error;           /* found by busyd itself, or 0 */
        size_t body_max;
};

/* Writes the sentence and returns the negative errno. */
int http_failure_describe(const struct http_failure *f, char *problem, size_t size);
