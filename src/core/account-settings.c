#include "core/account-settings.h"

bool account_name_is_valid(const char *name) {
        size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

        return n > 0 && n < ACCOUNT_NAME_MAX && name[n] == '\0';
}
