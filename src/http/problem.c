/* Failures of curl in words: what is the matter, and what the reader can do about it. */
#include <errno.h>
#include <stdio.h>

#include "http/problem.h"
#include "http/http.h"
#include "util/text.h"

static int describe_certificate(const struct http_failure *f, const char *detail, char *problem, size_t size) {
        if (strstr(detail, "expired"))
                (void) snprintf(problem, size,
                                "the certificate of %s has expired: its administrator must renew it"
                                " (or the clock of this machine is wrong)",
                                f->host);
        else if (strstr(detail, "not yet"))
                (void) snprintf(
                        problem, size,
                        "the certificate of %s is not valid yet: the clock of this machine is wrong, have it set"
                        " (timedatectl set-ntp true)",
                        f->host);
        else if (strstr(detail, "subject name"))
                (void) snprintf(problem, size,
                                "the certificate of %s belongs to another name: check the address of the homeserver",
                                f->host);
        else
                (void) snprintf(problem, size,
                                "the certificate of %s is not trusted: if it should be, set ca-file to the certificate"
                                " of its issuer (%s)",
                                f->host, detail);
        return -EKEYREJECTED;
}

static int describe_connect(const struct http_failure *f, char *problem, size_t size) {
        int error = f->os_error > 0 ? (int) f->os_error : ECONNREFUSED;

        (void) snprintf(problem, size, "cannot connect to %s: %s", f->host, strerror(error));
        return -error;
}

static int describe_ours(const struct http_failure *f, char *problem, size_t size) {
        if (f->error == -EMSGSIZE)
                (void) snprintf(problem, size, "the answer of %s is larger than the %zu kB that busyd takes", f->host,
                                f->body_max >> 10);
        else if (f->error == -EOVERFLOW)
                (void) snprintf(problem, size,
                                "the answer of %s begins with more than the %zu kB of headers that busyd takes",
                                f->host, (size_t) HTTP_HEADERS_MAX >> 10);
        else if (f->error == -ENETRESET)
                (void) snprintf(problem, size, "the network has changed before %s had answered", f->host);
        else
                (void) snprintf(problem, size, "the answer of %s could not be kept: %s", f->host, strerror(-f->error));
        return f->error;
}

static int describe_other(const struct http_failure *f, const char *detail, char *problem, size_t size) {
        (void) snprintf(problem, size, "the request to %s failed: %s", f->host, detail);
        return f->code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

/* curl has a hundred codes; those that call for different action are named. */
static int describe(const struct http_failure *f, const char *detail, char *problem, size_t size) {
        if (f->code == CURLE_COULDNT_RESOLVE_HOST || f->code == CURLE_COULDNT_RESOLVE_PROXY) {
                (void) snprintf(problem, size, "cannot find %s (%s): check its name and the network", f->host, detail);
                return -EHOSTUNREACH;
        }
        if (f->code == CURLE_COULDNT_CONNECT)
                return describe_connect(f, problem, size);
        if (f->code == CURLE_OPERATION_TIMEDOUT) {
                (void) snprintf(problem, size, "%s did not answer in time", f->host);
                return -ETIMEDOUT;
        }
        if (f->code == CURLE_PEER_FAILED_VERIFICATION)
                return describe_certificate(f, detail, problem, size);
        if (f->code == CURLE_SSL_CONNECT_ERROR) {
                (void) snprintf(problem, size, "no secure connection to %s: %s", f->host, detail);
                return -EPROTO;
        }
        if (f->code == CURLE_SSL_CACERT_BADFILE) {
                (void) snprintf(problem, size, "the certificates in %s cannot be read: check ca-file",
                                f->ca_file ? f->ca_file : "the system's store");
                return -ENOKEY;
        }
        if (f->code == CURLE_FILESIZE_EXCEEDED) {
                struct http_failure too_large = *f;

                too_large.error = -EMSGSIZE;
                return describe_ours(&too_large, problem, size);
        }
        if (f->code == CURLE_GOT_NOTHING || f->code == CURLE_RECV_ERROR || f->code == CURLE_SEND_ERROR ||
            f->code == CURLE_PARTIAL_FILE) {
                (void) snprintf(problem, size, "%s closed the connection before it had answered", f->host);
                return -ECONNRESET;
        }
        if (f->code == CURLE_TOO_MANY_REDIRECTS) {
                (void) snprintf(problem, size, "%s redirects without end", f->host);
                return -ELOOP;
        }
        return describe_other(f, detail, problem, size);
}

int http_failure_describe(const struct http_failure *f, char *problem, size_t size) {
        char detail[CURL_ERROR_SIZE];

        if (f->error < 0)
                return describe_ours(f, problem, size);
        (void) text_printable(detail, sizeof(detail), f->detail[0] ? f->detail : curl_easy_strerror(f->code));
        return describe(f, detail, problem, size);
}
