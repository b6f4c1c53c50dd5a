/* Clients that nobody here wrote: matrix-js-sdk in a headless Chromium, each in a page of its own, driven through
 * browser/driver.mjs. Like synapse.h, everything here fails the test by itself. */
#pragma once

#include "interop/desk.h"

struct browser;

/* BUSYD_BROWSER_MODULES names the folder where scripts/setup has put what it runs. */
struct browser *browser_start(struct desk *d);
struct browser *browser_close(struct browser *b); /* NULL is fine; returns NULL */
/* It dies in the middle of whatever it does: nobody says goodbye to the server. Returns NULL. */
struct browser *browser_kill(struct browser *b);

/* A new client called so signs in as that user (who must be there), in a new device, and has synced. It appears
 * offline. */
void browser_log_in(struct browser *b, const char *client, const char *user);
/* ... and can read and write what is encrypted. */
void browser_log_in_encrypting(struct browser *b, const char *client, const char *user);
/* The user verifies it by their recovery key. */
void browser_verify(struct browser *b, const char *client, const char *recovery_key);
/* A new room of its user alone; the caller frees. */
char *browser_new_room(struct browser *b, const char *client, bool encrypted);

/* The client reports that. */
void browser_expect(struct browser *b, const char *client, const char *event, const char *value);

/* ---- 1:1 calls with sound; each change of their state is the event "call" ---- */

void browser_place_call(struct browser *b, const char *client, const char *room);
void browser_answer(struct browser *b, const char *client);
void browser_reject(struct browser *b, const char *client);
void browser_hang_up(struct browser *b, const char *client);

/* ---- MatrixRTC ---- */

struct rtc_options {
        bool sticky;           /* sticky events instead of state events */
        bool keys;             /* exchanges keys for the media, which encrypted rooms have */
        unsigned expires_msec; /* of the membership if nothing renews it; 0: the client's own choice */
        bool delayed;          /* the server must have promised to end the membership if the client dies */
};

/* Until the server tells the client that it takes part; `options` may be NULL. */
void browser_join(struct browser *b, const char *client, const char *room, const struct rtc_options *options);
void browser_leave(struct browser *b, const char *client, const char *room);

/* The same by Element Call, embedded as other clients embed it. */
void browser_join_element_call(struct browser *b, const char *client, const char *room);
void browser_leave_element_call(struct browser *b, const char *client, const char *room);
