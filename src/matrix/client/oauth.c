/* Requests to an OAuth 2.0 server, and what its answers mean. */
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#include "http/address.h"
#include "json/json.h"
#include "matrix/client/oauth.h"

#define REQUEST_TIMEOUT  (30 * USEC_PER_SEC)
#define ANSWER_MAX       (64U << 10)
#define ERROR_MAX        64
#define DEVICE_ID_RANDOM 12
/* Where the client is at home: servers demand an address, and refuse what is no public one (login reference 3). Nobody
 * opens it but a user who wants to know what asks for a session. */
#define CLIENT_URI BUSYD_HOMEPAGE
#define SCOPE      "urn:matrix:client:api:* urn:matrix:client:device:"
/* Nobody keeps a token longer without renewing it; more would only be a slip of a server. */
#define EXPIRES_IN_MAX ((int64_t) 3650 * 24 * 3600)

/* Lives as long as the http request that carries it. */
struct pending {
        oauth_done_t done;
        void *userdata;
};

static const char *word(const json_t *body, const char *key) {
        const char *s = json_member_string(body, key);

        return s && *s ? s : NULL;
}

/* ---- addresses ---- */

int oauth_address_check(const char *url) {
        SCOPED(http_address_done) struct http_address a = { .scheme = NULL };
        int r = http_address_read(url, &a);

        if (r < 0)
                return r == -ENOMEM ? r : -EPERM;
        if (a.has_user)
                return -EPERM;
        return streq(a.scheme, "https") || (streq(a.scheme, "http") && http_host_is_loopback(a.host)) ? 0 : -EPERM;
}

bool oauth_address_is_plain(const char *url) {
        return oauth_address_check(url) == 0 && strspn(url, "!#$%&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                            "[]_abcdefghijklmnopqrstuvwxyz~") == strlen(url);
}

/* "name=value", for libcurl to encode what follows the first "=". */
static int append(CURLU *u, const struct oauth_field *field) {
        SCOPED(free) char *text = NULL;

        if (asprintf(&text, "%s=%s", field->name, field->value) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return curl_url_set(u, CURLUPART_QUERY, text, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK ? 0 : -ENOMEM;
}

int oauth_address_with(const char *url, const struct oauth_field *query, char **ret) {
        CURLU *u = curl_url();
        char *address = NULL;
        int r = u ? 0 : -ENOMEM;

        if (u && curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
                r = -EINVAL;
        for (; r >= 0 && query->name; query++)
                r = append(u, query);
        if (r >= 0 && curl_url_get(u, CURLUPART_URL, &address, 0) != CURLUE_OK)
                r = -ENOMEM;
        if (r >= 0) {
                *ret = strdup(address);
                r = *ret ? 0 : -ENOMEM;
        }
        curl_free(address);
        curl_url_cleanup(u);
        return r;
}

static int take_address(const json_t *body, const char *key, char **ret) {
        const char *url = json_member_string(body, key);
        int r;

        if (!url)
                return 0;
        r = oauth_address_check(url);
        if (r < 0)
                return r;
        *ret = strdup(url);
        return *ret ? 0 : -ENOMEM;
}

void oauth_server_done(struct oauth_server *s) {
        free(s->issuer);
        free(s->authorization);
        free(s->device_authorization);
        free(s->token);
        free(s->registration);
        free(s->revocation);
        *s = (struct oauth_server){};
}

/* What is not listed at all is as the standard says: there. */
static bool lists(const json_t *body, const char *key, const char *word) {
        const json_t *list = json_object_get(body, key), *item;
        size_t i;

        if (!json_is_array(list))
                return true;
        json_array_foreach(list, i,
                           item) if (json_is_string(item) && streq(json_string_value(item), word)) return true;
        return false;
}

bool oauth_has_code(const struct oauth_server *s) {
        return s->authorization && !s->no_code;
}

int oauth_server_parse(const json_t *body, struct oauth_server *ret) {
        struct oauth_server s = { .no_code = !lists(body, "grant_types_supported", "authorization_code") ||
                                             !lists(body, "response_types_supported", "code") ||
                                             !lists(body, "code_challenge_methods_supported", "S256") };
        const struct {
                const char *key;
                char **to;
        } addresses[] = {
                { "issuer", &s.issuer },
                { "authorization_endpoint", &s.authorization },
                { "device_authorization_endpoint", &s.device_authorization },
                { "token_endpoint", &s.token },
                { "registration_endpoint", &s.registration },
                { "revocation_endpoint", &s.revocation },
        };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(addresses) && r >= 0; i++)
                r = take_address(body, addresses[i].key, addresses[i].to);
        if (r >= 0 && (!s.token || !s.registration))
                r = -EBADMSG;
        if (r < 0)
                oauth_server_done(&s);
        else
                *ret = s;
        return r;
}

/* ---- answers ---- */

const char *oauth_word(const char *s) {
        if (!s || !*s || strlen(s) > ERROR_MAX)
                return NULL;
        return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] ? NULL : s;
}

/* Of what is not an answer of OAuth at all. */
static const char *describe(const struct http_reply *http, int parsed, char *text, size_t size) {
        if (http->error < 0)
                return http->problem;
        if (parsed == -ENOMEM)
                return "there is no memory for the answer";
        if (http->status >= 500)
                (void) snprintf(text, size, "the login server has a problem of its own (HTTP %ld)", http->status);
        else if (http->status == 429)
                (void) snprintf(text, size, "the login server asks to wait");
        else
                (void) snprintf(text, size, "what answered is no login server (HTTP %ld)", http->status);
        return text;
}

static void on_http_done(const struct http_reply *http, void *userdata) {
        const struct pending *p = userdata;
        SCOPED(json_decref) json_t *body = NULL;
        struct oauth_reply reply = { .sent = http->sent, .wall = http->wall };
        int r = http->error < 0 ? http->error : json_parse(http->body, http->size, &body);
        char text[128];

        if (r >= 0 && json_is_object(body))
                reply.body = body;
        reply.granted = http->error >= 0 && reply.body && http->status >= 200 && http->status < 300;
        /* What a revocation says is nothing: an empty body. */
        if (http->error >= 0 && http->status >= 200 && http->status < 300 && http->size == 0)
                reply.granted = true;
        if (reply.body && !reply.granted)
                reply.error = oauth_word(json_member_string(body, "error"));
        reply.problem = reply.granted || reply.error ? "" : describe(http, r, text, sizeof(text));
        p->done(&reply, p->userdata);
}

const char *oauth_failure(const struct oauth_reply *reply, const char *what, char *buf, size_t size) {
        if (reply->error)
                (void) snprintf(buf, size,
                                "%s was refused by the login server (%s): try another way to log in, as with --with "
                                "password",
                                what, reply->error);
        else
                (void) snprintf(buf, size, "%s: %s; try again later", what,
                                reply->problem[0] ? reply->problem : "the login server's answer makes no sense");
        return buf;
}

/* ---- requests ---- */

static int post(struct http *http, const char *url, const char *content_type, const char *body, oauth_done_t done,
                void *userdata, struct http_request **ret) {
        struct pending *p;
        int r = oauth_address_check(url);

        if (r < 0)
                return r;
        p = malloc(sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (struct pending){ .done = done, .userdata = userdata };
        r = http_start(http,
                       &(struct http_call){
                               .method = "POST",
                               .url = url,
                               .body = body,
                               .content_type = content_type,
                               .timeout = REQUEST_TIMEOUT,
                               .body_max = ANSWER_MAX,
                               .release = free,
                       },
                       on_http_done, p, ret);
        if (r < 0)
                free(p);
        return r;
}

static int encode_form(const struct oauth_field *fields, char **ret) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        for (bool first = true; fields->name; fields++) {
                char *value = fields->value ? curl_easy_escape(NULL, fields->value, 0) : NULL;

                if (!value && fields->value)
                        (void) fputc('\0', f); /* out of memory: found below */
                if (!value)
                        continue;
                (void) fprintf(f, "%s%s=%s", first ? "" : "&", fields->name, value);
                explicit_bzero(value, strlen(value));
                curl_free(value);
                first = false;
        }
        if (fclose(f) != 0 || !text || strlen(text) != size) {
                erase_and_free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

int oauth_post_form(struct http *http, const char *url, const struct oauth_field *fields, oauth_done_t done,
                    void *userdata, struct http_request **ret) {
        SCOPED(erase_and_free) char *body = NULL;
        int r = encode_form(fields, &body);

        return r < 0 ? r : post(http, url, "application/x-www-form-urlencoded", body, done, userdata, ret);
}

int oauth_post_json(struct http *http, const char *url, const json_t *json, oauth_done_t done, void *userdata,
                    struct http_request **ret) {
        SCOPED(free) char *body = json_dumps_whole(json, JSON_COMPACT);

        return body ? post(http, url, NULL, body, done, userdata, ret) : -ENOMEM;
}

int oauth_revoke(struct http *http, const struct session *s, oauth_done_t done, void *userdata,
                 struct http_request **ret) {
        /* No hint of what kind it is: one that does not fit makes some servers do nothing (login reference 5). */
        const struct oauth_field fields[] = {
                { "token", s->refresh_token ? s->refresh_token : s->access_token },
                { "client_id", s->client_id },
                {},
        };

        if (!s->revocation_endpoint)
                return -EOPNOTSUPP;
        return oauth_post_form(http, s->revocation_endpoint, fields, done, userdata, ret);
}

/* ---- the client ---- */

/* The redirect without its port, which differs each time: servers take any (RFC 8252, 7.3). */
static const char *redirect_of(const char *redirect) {
        return redirect && strncmp(redirect, "http://[::1]", strlen("http://[::1]")) == 0
                       ? "http://[::1]/" OAUTH_REDIRECT_PATH
                       : "http://127.0.0.1/" OAUTH_REDIRECT_PATH;
}

/* The same for every way of a server, so that one that knows clients by it finds the one it knows. It is not told of a
 * grant that it does not have: some refuse that. */
static json_t *client_metadata(const struct oauth_server *server, const char *redirect) {
        json_t *grants = json_pack("[ss]", "authorization_code", "refresh_token");

        if (server->device_authorization)
                (void) json_array_append_new(grants, json_string(OAUTH_DEVICE_GRANT));
        return json_pack("{ss ss ss ss so s[s] s[s]}", "client_name", "busyd", "client_uri", CLIENT_URI,
                         "application_type", "native", "token_endpoint_auth_method", "none", "grant_types", grants,
                         "response_types", "code", "redirect_uris", redirect_of(redirect));
}

int oauth_register(struct http *http, const struct oauth_server *server, const char *redirect, oauth_done_t done,
                   void *userdata, struct http_request **ret) {
        SCOPED(json_decref) json_t *body = client_metadata(server, redirect);

        return body ? oauth_post_json(http, server->registration, body, done, userdata, ret) : -ENOMEM;
}

int oauth_client_take(const struct oauth_reply *reply, struct session *s) {
        const char *client_id = reply->granted ? word(reply->body, "client_id") : NULL;

        if (!client_id)
                return -EBADMSG;
        s->client_id = strdup(client_id);
        return s->client_id ? 0 : -ENOMEM;
}

char *oauth_scope(const char *device_id) {
        char *scope;

        return asprintf(&scope, "%s%s", SCOPE, device_id) < 0 ? NULL : scope;
}

int oauth_device_id(char *buf, size_t size) {
        static const char letters[32] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        unsigned char random[DEVICE_ID_RANDOM];

        assert(size > strlen("BUSYD") + sizeof(random));
        if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
                return -EIO;
        (void) snprintf(buf, size, "BUSYD");
        for (size_t i = 0; i < sizeof(random); i++)
                buf[strlen("BUSYD") + i] = letters[random[i] & 31];
        buf[strlen("BUSYD") + sizeof(random)] = '\0';
        return 0;
}

/* ---- tokens ---- */

int oauth_tokens_take(const struct oauth_reply *reply, struct session *s) {
        const char *access = word(reply->body, "access_token"), *refresh = word(reply->body, "refresh_token");
        const char *type = word(reply->body, "token_type");
        int64_t expires_in = json_member_int(reply->body, "expires_in", 0);
        SCOPED(erase_and_free) char *new_access = NULL;
        SCOPED(erase_and_free) char *new_refresh = NULL;

        if (!reply->granted || !access || (type && strcasecmp(type, "Bearer") != 0))
                return -EBADMSG;
        new_access = strdup(access);
        new_refresh = refresh ? strdup(refresh) : NULL;
        if (!new_access || (refresh && !new_refresh))
                return -ENOMEM;
        erase_and_free(s->access_token);
        s->access_token = TAKE(new_access);
        if (new_refresh) {
                erase_and_free(s->refresh_token);
                s->refresh_token = TAKE(new_refresh);
        }
        s->expires_at = 0;
        if (expires_in > 0 && expires_in <= EXPIRES_IN_MAX)
                s->expires_at = reply->wall + (usec_t) expires_in * USEC_PER_SEC;
        return 0;
}
