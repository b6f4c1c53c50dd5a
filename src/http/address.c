/* See address.h. */
#include "http/address.h"

#include <curl/curl.h>
#include <errno.h>

static int error_of(CURLUcode c) {
        return c == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

static int copy_part(CURLU *u, CURLUPart part, char **ret) {
        char *value = NULL;
        CURLUcode c = curl_url_get(u, part, &value, 0);

        if (c != CURLUE_OK)
                return error_of(c);
        *ret = strdup(value);
        curl_free(value);
        return *ret ? 0 : -ENOMEM;
}

static int find_part(CURLU *u, CURLUPart part, bool *ret) {
        char *value = NULL;
        CURLUcode c = curl_url_get(u, part, &value, 0);

        curl_free(value);
        if (c == CURLUE_OUT_OF_MEMORY)
                return -ENOMEM;
        *ret = *ret || c == CURLUE_OK;
        return 0;
}

static int read_parts(CURLU *u, struct http_address *a) {
        int r = copy_part(u, CURLUPART_SCHEME, &a->scheme);

        if (r == 0)
                r = copy_part(u, CURLUPART_HOST, &a->host);
        if (r == 0)
                r = find_part(u, CURLUPART_USER, &a->has_user);
        if (r == 0)
                r = find_part(u, CURLUPART_PASSWORD, &a->has_user);
        if (r == 0)
                r = find_part(u, CURLUPART_QUERY, &a->has_query);
        if (r == 0)
                r = find_part(u, CURLUPART_FRAGMENT, &a->has_fragment);
        return r;
}

int http_address_read(const char *url, struct http_address *ret) {
        SCOPED(http_address_done) struct http_address a = { .scheme = NULL };
        CURLU *u = curl_url();
        CURLUcode c;
        int r;

        if (!u)
                return -ENOMEM;
        c = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
        r = c == CURLUE_OK ? read_parts(u, &a) : error_of(c);
        curl_url_cleanup(u);
        if (r < 0)
                return r;
        *ret = a;
        a = (struct http_address){ .scheme = NULL };
        return 0;
}

void http_address_done(struct http_address *a) {
        free(a->scheme);
        free(a->host);
        *a = (struct http_address){ .scheme = NULL };
}
