#include "sources/reasons.h"

#include "util/reason-line.h"
#include "util/text.h"

/* Firefox and WebKit give no reason that is a call's, and Firefox translates its own: nothing to match. */
static const struct reason table[] = {
        { "im.dino.Dino", "Ongoing call", EVIDENCE_PROOF, "call in Dino" },
        { "org.gnome.Calls", "call active", EVIDENCE_PROOF, "call in GNOME Calls" },
        { "jami", "In a call", EVIDENCE_PROOF, "call in Jami" },
        { "*telegram*", "Video call is active", EVIDENCE_PROOF, "call in Telegram" },
        { "*linphone*", "Inhibit asked for video stream", EVIDENCE_STRONG, "video call in Linphone" },
        /* Electron's own reason is the program's name; this program only gives it during calls. */
        { "teams-for-linux", "teams-for-linux", EVIDENCE_STRONG, "call in Teams" },
        { "teams-for-linux", "Electron", EVIDENCE_STRONG, "call in Teams" },
        /* Chromium and all that is built on it. Also file transfers, remote desktops and streams. */
        { "*", "WebRTC has active PeerConnections", EVIDENCE_WEAK, "live WebRTC connection" },
};

static bool fits(const char *app_pattern, const char *text_pattern, const char *app, const char *text) {
        return glob_match(text_pattern, text) && (!app || glob_match(app_pattern, app));
}

static bool find_line(const char *const *lines, const char *app, const char *text, enum call_evidence *ret) {
        struct reason_line l;

        for (; lines && *lines; lines++)
                if (reason_line_parse(*lines, &l) >= 0 && fits(l.app, l.text, app, text)) {
                        *ret = l.evidence;
                        return true;
                }
        return false;
}

bool reason_find(const char *const *lines, const char *app, const char *text, enum call_evidence *ret_evidence,
                 const char **ret_what) {
        if (find_line(lines, app, text, ret_evidence)) {
                *ret_what = "a reason from the configuration";
                return true;
        }
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (fits(table[i].app, table[i].text, app, text)) {
                        *ret_evidence = table[i].evidence;
                        *ret_what = table[i].what;
                        return true;
                }
        return false;
}
