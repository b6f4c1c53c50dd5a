/* Where the tokens of a session are kept: the door behind which its file is. Given from above, so that whoever renews
 * a token needs no disk. */
#pragma once

#include "core/base.h"

struct token_pair {
        const char *access_token;
        const char *refresh_token; /* "": nothing renews it */
        usec_t expires_wall;       /* of the access token, since 1970; 0: it does not end, or nobody knows when */
};

struct token_keeper {
        /* From here to end() nobody else renews or stores. 1: somebody has done so since we last looked, *ret is what
         * is there now, borrowed until the next call; 0: what we have is what is there. -EBUSY: somebody is at it;
         * -ENOENT: there is no session any more, or that of another device. With either there is nothing to end. */
        int (*begin)(void *userdata, struct token_pair *ret);
        /* Kept when it returns 0. -EINPROGRESS: that takes a while, and account_tokens_kept() tells the end of it;
         * another negative errno: what was there before stands. It tells people. */
        int (*put)(void *userdata, const struct token_pair *pair);
        void (*end)(void *userdata);
        /* Of a token that nothing renews: whoever has given it is asked once more, and answers by account_set_token().
         * Below 0: there is nobody to ask. NULL: never. */
        int (*fetch)(void *userdata);
        void *userdata;
};
