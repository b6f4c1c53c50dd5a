/* OAuth 2.0 as homeservers offer it: what a server says of itself, forms and answers. Answers are told apart by the
 * word `error` in the body, never by the status: servers differ in that (login reference 3). */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "http/http.h"
#include "state/session.h"
#include "state/token.h"

/* What busyd uses of auth_metadata. Each address is one that secrets may be sent to; NULL: not offered. */
struct oauth_server {
        char *issuer;
        char *authorization, *device_authorization, *token, *registration, *revocation;
};
/* -EBADMSG: no such document, or without what every login needs; -EPERM: an address in it is not https, nor on this
 * machine, or has a user in it. */
int oauth_server_parse(const json_t *body, struct oauth_server *ret);
void oauth_server_done(struct oauth_server *s);

/* Whether a secret may be sent there: https, or plain http to this machine, and no user in it. */
bool oauth_address_is_safe(const char *url);

struct oauth_reply {
        const json_t *body; /* an object, borrowed; NULL: none */
        bool granted;       /* a 2xx with an object: what was asked for */
        /* What the server has decided, a word of RFC 6749, 8628 and their like. NULL while not granted: it has decided
         * nothing, which may be tried again. Borrowed. */
        const char *error;
        const char *problem; /* for people, where nothing was decided; no secrets */
        bool sent;           /* false: it certainly never reached the server */
        usec_t wall;         /* of struct http_reply */
};
typedef void (*oauth_done_t)(const struct oauth_reply *reply, void *userdata);

struct oauth_field {
        const char *name, *value; /* a NULL value is left out; a NULL name ends the list */
};
/* Done and cancelled like http_start(). */
int oauth_post_form(struct http *http, const char *url, const struct oauth_field *fields, oauth_done_t done,
                    void *userdata, struct http_request **ret);
int oauth_post_json(struct http *http, const char *url, const json_t *json, oauth_done_t done, void *userdata,
                    struct http_request **ret);

/* From the answer of a token endpoint: access_token, refresh_token (unless it stays the old one) and expires_at
 * replace what `s` has. -EBADMSG: there is no token of use in it; `s` is as before. */
int oauth_tokens_take(const struct oauth_reply *reply, struct session *s);

/* Ends the session of that refresh token, or access token where there is none (RFC 7009). -EOPNOTSUPP: the server
 * offers no address for it; -EPERM: it is none that secrets may be sent to. */
int oauth_revoke(struct http *http, const struct session *s, oauth_done_t done, void *userdata,
                 struct http_request **ret);
