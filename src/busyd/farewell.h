/* Ends the session of an account on its server, where its device has stayed without the signature of its user too long
 * (encrypted_facts.harms): nothing else takes the device's keys away. Only once nothing is owed. Its session stays
 * here, so that the account shows as signed out until somebody logs in again. */
#pragma once

#include "core/base.h"

struct account;
struct http;
struct http_request;
struct matrix_client;
struct session;

/* Embedded; the first five members are its owner's, borrowed. */
struct farewell {
        const char *name;
        const struct session *session; /* with the tokens of now */
        struct account *account;
        void (*touched)(void *userdata);
        void *userdata;
        struct matrix_client *client;
        struct http_request *request; /* NULL: none is out */
        usec_t again_at;
        bool over;  /* the server says so */
        bool looks; /* ... and the account is to see it */
        bool asks;  /* ... and has begun to: online again, the session goes on */
        bool told;
        bool complained; /* of a server that has not ended it so far */
        bool helpless;   /* it never will, when we ask */
};
void farewell_done(struct farewell *f);

/* Once a turn; returns when to call again. `may`: it may begin, where it is due. */
usec_t farewell_run(struct farewell *f, struct http *http, bool may, usec_t now);

/* The session is being ended, or has been and the account has yet to find out: what is written now could come first,
 * and nobody could take it back. */
bool farewell_is_on(const struct farewell *f);
