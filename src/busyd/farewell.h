/* Ends the session of an account on its server, where its device has stayed without the signature of its user too long
 * (encrypted_facts.harms): nothing else takes the device's keys away. Only once nothing is owed. Its session stays
 * here, so that the account shows as signed out until somebody logs in again.
 *
 *   STANDS ──(server has ended it)──▶ ENDED ──(account was woken)──▶ CHECKED ──(it goes offline)──▶ DOUBTED
 *   CHECKED or DOUBTED ──(signed out)──▶ TOLD
 *   CHECKED or DOUBTED ──(online, an hour after it was ended)──▶ STANDS
 *   STANDS ──(its server has no way to end it)──▶ HELPLESS
 */
#pragma once

#include "core/base.h"

struct account;
struct http;
struct http_request;
struct matrix_client;
struct session;

/* Whether the session still stands, as far as is known. */
enum farewell_state {
        FAREWELL_STANDS,   /* or is being ended: `request` */
        FAREWELL_ENDED,    /* the server says so */
        FAREWELL_CHECKED,  /* ... and the account is to see it */
        FAREWELL_DOUBTED,  /* ... and has begun to: where it is online again, the session goes on */
        FAREWELL_TOLD,     /* ... and has seen it, which the user has been told; final */
        FAREWELL_HELPLESS, /* it will never end because we ask; final */
};

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
        enum farewell_state state;
        bool complained; /* of a server that has not ended it so far: once of each session */
};
void farewell_done(struct farewell *f);

/* Once a turn; returns when to call again. `may`: it may begin, where it is due. */
usec_t farewell_run(struct farewell *f, struct http *http, bool may, usec_t now);

/* The account has run in this turn: it may have begun to find out, and be through with that before the next one. */
void farewell_account_ran(struct farewell *f, usec_t now);

/* The session is being ended, or has been and the account has yet to find out: what is written now could come first,
 * and nobody could take it back. */
bool farewell_is_on(const struct farewell *f);
