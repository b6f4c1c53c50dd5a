/* dbus/org.busyd.Busyd1.xml is what the daemon exports, no more and no less. */
#include <stdio.h>

#include "system/harness.h"
#include "unit/control_xml.h"

static const struct row {
        const char *path, *interface;
} rows[] = {
        { BUSYD_PATH, BUSYD_MANAGER },
        { ACCOUNT_PATH, BUSYD_ACCOUNT },
        { BUSYD_PATH "/call/1", BUSYD_CALL },
};

WORLD_TEST(contract, introspection_is_the_xml) {
        SCOPED(free) char *contract = file_text(SOURCE_FOLDER "/dbus/org.busyd.Busyd1.xml");

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(free)
                char *xml = peer_call(w->peer, rows[i].path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL,
                                      DBUS_TYPE_INVALID);
                struct xml_text is = { 0 }, should = { 0 };

                check(w, xml_put_interface(&is, xml, rows[i].interface), "%s is not there", rows[i].path);
                cr_assert(xml_put_interface(&should, contract, rows[i].interface));
                cr_assert_str_eq(is.text, should.text, "%s:\n%s\n%s", rows[i].interface, is.text, should.text);
        }
}
