/* Addresses without memory: none is taken for another kind than it is. */
#include <errno.h>

#include "matrix/client/client.h"
#include "matrix/client/oauth.h"
#include "scarce/scarce.h"

static const struct {
        const char *url;
        int homeserver, login;
} rows[] = {
        { "https://matrix.example.org", 0, 0 },
        { "https://matrix.example.org:8448/behind/a/proxy", 0, 0 },
        { "https://user:word@matrix.example.org", -EINVAL, -EPERM },
        { "https://matrix.example.org/?query", -EINVAL, 0 },
        { "http://127.0.0.1:8008", 0, 0 },
        { "http://matrix.example.org", -EPERM, -EPERM },
        { "matrix.example.org", -EINVAL, -EPERM },
        { "https://matrix example.org", -EINVAL, -EPERM },
};

static bool is_or_asks_for_memory(int r, int want, const struct scarce *s) {
        return r == want || (r == -ENOMEM && s->refused > 0);
}

Test(matrix_addresses_scarce, an_address_is_of_its_kind_or_there_is_no_memory) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                for (struct scarce s = scarce(); scarce_again(&s);) {
                        const char *problem;
                        int homeserver, login;

                        scarce_begin(&s);
                        homeserver = matrix_base_url_check(rows[i].url, &problem);
                        login = oauth_address_check(rows[i].url);
                        scarce_end(&s);
                        cr_assert(is_or_asks_for_memory(homeserver, rows[i].homeserver, &s), "%s: %d, %s", rows[i].url,
                                  homeserver, scarce_where(&s));
                        cr_assert(is_or_asks_for_memory(login, rows[i].login, &s), "%s: %d, %s", rows[i].url, login,
                                  scarce_where(&s));
                }
}
