/* Finding the homeserver: its address from a server name by .well-known, and whether it is one at all. */
#pragma once

#include "http/http.h"
#include "matrix/client/client.h"

struct matrix_find;

struct matrix_find_handler {
        /* For people: what is done, and where. */
        void (*step)(const char *what, const char *where, void *userdata);
        /* A client without a token, for the handler to free; or NULL, then `problem` says what to do. Called once, as
         * the last thing: may free the search. */
        void (*done)(struct matrix_client *client, const char *problem, void *userdata);
        void *userdata;
};

int matrix_find_new(struct matrix_find **ret, struct http *http, const struct matrix_find_handler *handler);
struct matrix_find *matrix_find_free(struct matrix_find *f); /* cancels */
CLEANUP(struct matrix_find, matrix_find_free);

/* `homeserver`: its URL or a server name, NULL: as in `user`, which is then "@me:example.org". Borrowed. May be done
 * from within. */
void matrix_find_begin(struct matrix_find *f, const char *homeserver, const char *user);
