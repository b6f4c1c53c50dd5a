/* OAuth 2.0 as homeservers offer it: what a server says of itself, forms and answers. Answers are told apart by the
 * word `error` in the body, never by the status: servers differ in that (login reference 3). */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "http/http.h"
#include "state/session.h"

/* What busyd uses of auth_metadata. Each address is one that secrets may be sent to; NULL: not offered. */
struct oauth_server {
        char *issuer;
        char *authorization, *device_authorization, *token, *registration, *revocation;
        bool no_code; /* it says that it gives no authorisation codes, or none by a proof key that we can make */
};
/* -EBADMSG: no such document, or without what every login needs; -EPERM: an address in it is not https, nor on this
 * machine, or has a user in it. */
int oauth_server_parse(const json_t *body, struct oauth_server *ret);
void oauth_server_done(struct oauth_server *s);

/* Whether it can be asked for an authorisation code. */
bool oauth_has_code(const struct oauth_server *s);

/* 0 if a secret may be sent there: https, or plain http to this machine, and no user in it. Else -EPERM; -ENOMEM. */
int oauth_address_check(const char *url);
/* Such an address that can also be shown and opened: of printable characters, without space. */
bool oauth_address_is_plain(const char *url);
/* `s`, if it looks like one of the words that errors are told by, which may be repeated to people; else NULL. */
const char *oauth_word(const char *s);

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

/* The address with these in its query, besides what is there already; the caller frees. */
int oauth_address_with(const char *url, const struct oauth_field *query, char **ret);

/* What is said of an answer to `what`, where that is not tried again by itself: why, and what to do. Returns buf. */
const char *oauth_failure(const struct oauth_reply *reply, const char *what, char *buf, size_t size);

/* The path of the address on this machine that a browser comes back to, without the "/". */
#define OAUTH_REDIRECT_PATH "done"

#define OAUTH_DEVICE_GRANT "urn:ietf:params:oauth:grant-type:device_code"

/* Tells the server who we are, for every grant that it offers. `redirect`: where its browser will come back to, at any
 * port; NULL: nowhere. */
int oauth_register(struct http *http, const struct oauth_server *server, const char *redirect, oauth_done_t done,
                   void *userdata, struct http_request **ret);
/* client_id of the answer. -EBADMSG: it has none. */
int oauth_client_take(const struct oauth_reply *reply, struct session *s);
/* Some servers refuse a device id that exists, others share the device: so each login has one of its own, of 17
 * letters. */
int oauth_device_id(char *buf, size_t size);
/* What a session of that device may do: all. The caller frees; NULL: out of memory. */
char *oauth_scope(const char *device_id);

/* From the answer of a token endpoint: access_token, refresh_token (unless it stays the old one) and expires_at
 * replace what `s` has. -EBADMSG: there is no token of use in it; `s` is as before. */
int oauth_tokens_take(const struct oauth_reply *reply, struct session *s);

/* Ends the session of that refresh token, or access token where there is none (RFC 7009). -EOPNOTSUPP: the server
 * offers no address for it; -EPERM: it is none that secrets may be sent to. */
int oauth_revoke(struct http *http, const struct session *s, oauth_done_t done, void *userdata,
                 struct http_request **ret);
