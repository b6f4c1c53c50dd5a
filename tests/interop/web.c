/* See web.h. */
#include "interop/web.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base.h"
#include "system/pace.h"

static struct curl_slist *headers_for(const char *token) {
        struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
        char *header = NULL;

        if (token) {
                cr_assert_geq(asprintf(&header, "Authorization: Bearer %s", token), 0);
                list = curl_slist_append(list, header);
                free(header);
        }
        return list;
}

struct web_reply web_request_text(const char *method, const char *url, const char *token, const char *body,
                                  long timeout_msec) {
        struct curl_slist *headers = headers_for(token);
        char *received = NULL;
        struct web_reply reply = { 0 };
        size_t size = 0;
        FILE *sink = open_memstream(&received, &size);
        CURL *curl = curl_easy_init();

        cr_assert(curl && sink);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) paced(timeout_msec));
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
        if (body)
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        if (curl_easy_perform(curl) == CURLE_OK)
                curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
        (void) fclose(sink);
        reply.body = json_loads(received, 0, NULL);
        curl_easy_cleanup(curl);
        curl_slist_free_all(headers);
        free(received);
        return reply;
}

struct web_reply web_request(const char *method, const char *url, const char *token, json_t *body, long timeout_msec) {
        SCOPED(free) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

        json_decref(body);
        return web_request_text(method, url, token, text, timeout_msec);
}
