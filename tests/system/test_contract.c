/* dbus/org.busyd.Busyd1.xml is what the daemon exports, no more and no less. */
#include <stdio.h>

#include "system/harness.h"

/* Lines of the contract and of the introspection, without comments, layout, and what D-Bus adds by itself, in the
 * order of the interfaces. */
static char *normal(const char *xml, const char *interface) {
        char open[128], *text = NULL, *out, *to;
        const char *from, *end;

        snprintf(open, sizeof(open), "<interface name=\"%s\">", interface);
        from = strstr(xml, open);
        if (!from)
                return strdup("");
        end = strstr(from, "</interface>");
        text = strndup(from, (size_t) (end - from));
        to = out = strdup(text);
        for (const char *p = text; *p; p++) {
                if (strncmp(p, "<!--", 4) == 0) {
                        p = strstr(p, "-->") + 2;
                        continue;
                }
                if (*p != ' ' && *p != '\n' && *p != '\t')
                        *to++ = *p;
        }
        *to = 0;
        free(text);
        return out;
}

static const struct row {
        const char *path, *interface;
} rows[] = {
        { BUSYD_PATH, BUSYD_MANAGER },
        { ACCOUNT_PATH, BUSYD_ACCOUNT },
};

WORLD_TEST(contract, introspection_is_the_xml) {
        SCOPED(free) char *contract = file_text(SOURCE_FOLDER "/dbus/org.busyd.Busyd1.xml");

        world_start_online(w);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(free)
                char *xml = peer_call(w->peer, rows[i].path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL,
                                      DBUS_TYPE_INVALID);
                SCOPED(free) char *is = normal(xml, rows[i].interface);
                SCOPED(free) char *should = normal(contract, rows[i].interface);

                cr_assert(strlen(should) > 0);
                cr_assert_str_eq(is, should, "%s:\n%s\n%s", rows[i].interface, is, should);
        }
}
