#include "system/session_manager.h"

#define INHIBITOR SESSION_MANAGER ".Inhibitor"

static const char setup[] =
        "mock.AddMethod('" SESSION_MANAGER "', 'GetInhibitors', '', 'ao',\n"
        "        'ret = dbus.Array([p for p in objects if \"Inhibitor\" in p], signature=\"o\")')\n"
        "    mock.AddMethod('" SESSION_MANAGER "', 'Inhibit', 'susu', 'u', '''\n"
        "self.n_inhibitors = getattr(self, \"n_inhibitors\", 0) + 1\n"
        "path = \"" SESSION_MANAGER_PATH "/Inhibitor%d\" % self.n_inhibitors\n"
        "self.AddObject(path, \"" INHIBITOR "\", {}, [\n"
        "        (\"GetAppId\", \"\", \"s\", \"ret = %r\" % str(args[0])),\n"
        "        (\"GetReason\", \"\", \"s\", \"ret = %r\" % str(args[2])),\n"
        "        (\"GetFlags\", \"\", \"u\", \"ret = %d\" % int(args[3])),\n"
        "        (\"GetClientId\", \"\", \"o\", \"ret = \\\\\"/\\\\\"\")])\n"
        "self.EmitSignal(\"" SESSION_MANAGER "\", \"InhibitorAdded\", \"o\", [path])\n"
        "ret = dbus.UInt32(self.n_inhibitors)\n"
        "''')\n"
        "    mock.AddMethod('" SESSION_MANAGER "', 'Uninhibit', 'u', '', '''\n"
        "path = \"" SESSION_MANAGER_PATH "/Inhibitor%d\" % args[0]\n"
        "self.RemoveObject(path)\n"
        "self.EmitSignal(\"" SESSION_MANAGER "\", \"InhibitorRemoved\", \"o\", [path])\n"
        "''')\n";

struct mock *session_manager_new(struct world *w) {
        return mock_new(w, w->bus,
                        &(struct mock_options){ .name = SESSION_MANAGER,
                                                .path = SESSION_MANAGER_PATH,
                                                .interface = SESSION_MANAGER,
                                                .setup = setup });
}
