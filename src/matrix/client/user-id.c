#include "matrix/client/user-id.h"

#include <strings.h>

bool user_id_is_valid(const char *s) {
        size_t n = strlen(s);

        if (s[0] != '@' || n > USER_ID_MAX || !strchr(s, ':'))
                return false;
        for (; *s; s++)
                if ((unsigned char) *s <= ' ' || *s == 0x7f)
                        return false;
        return true;
}

bool user_id_fits(const char *asked, const char *user_id) {
        size_t n;

        if (!asked)
                return true;
        if (asked[0] == '@')
                return strcasecmp(asked, user_id) == 0;
        n = strlen(asked);
        return strncasecmp(asked, user_id + 1, n) == 0 && user_id[1 + n] == ':';
}
