/* The shipped table, see apps.h. Users add to it with `call-apps` and `ignore`. Only what no shape tells is here: who
 * runs on an engine of browsers, as most messengers do, is known by that. */
#include "sources/apps.h"

#include <ctype.h>
#include <strings.h>

#include "util/text.h"

static const struct {
        const char *word;
        enum app_class class;
} apps[] = {
        /* telephones, meetings, voice chats: that a microphone is opened for calls alone shows in no stream of theirs,
         * unless in its role, which few set */
        { "baresip", APP_CALLS },
        { "CiscoCollabHost", APP_CALLS },
        { "gnome-calls", APP_CALLS },
        { "org.gnome.Calls", APP_CALLS },
        { "jami", APP_CALLS },
        { "net.jami.Jami", APP_CALLS },
        { "Jitsi Meet", APP_CALLS },
        { "linphone", APP_CALLS },
        { "Microsoft Teams", APP_CALLS },
        { "teams-for-linux", APP_CALLS },
        { "Mumble", APP_CALLS },
        { "info.mumble.Mumble", APP_CALLS },
        { "plasma-dialer", APP_CALLS },
        { "Skype", APP_CALLS },
        { "skypeforlinux", APP_CALLS },
        { "TeamSpeak", APP_CALLS },
        { "ts3client", APP_CALLS },
        { "twinkle", APP_CALLS },
        { "us.zoom", APP_CALLS },
        { "Webex", APP_CALLS },
        { "wemeetapp", APP_CALLS },
        { "zoiper", APP_CALLS },
        { "Zoom", APP_CALLS },
        /* messengers with sound of their own, which looks like that of a game: two-way, without a role or an engine */
        { "64Gram", APP_TALK },
        { "AyuGram", APP_TALK },
        { "bytedance-feishu", APP_TALK },
        { "dino", APP_TALK },
        { "im.dino.Dino", APP_TALK },
        { "Feishu", APP_TALK },
        { "fractal", APP_TALK },
        { "org.gnome.Fractal", APP_TALK },
        { "gajim", APP_TALK },
        { "org.gajim.Gajim", APP_TALK },
        { "Kotatogram", APP_TALK },
        { "Lark", APP_TALK },
        { "nheko", APP_TALK },
        { "qtox", APP_TALK },
        { "ringrtc", APP_TALK },
        { "SimpleX", APP_TALK },
        { "Telegram", APP_TALK },
        { "org.telegram", APP_TALK },
        { "Viber", APP_TALK },
        { "wechat", APP_TALK },
        /* Chromium through ALSA, where streams have no names and "ALSA plug-in [chrome]" is all that is said */
        { "brave", APP_TALK },
        { "chrome", APP_TALK },
        { "chromium", APP_TALK },
        { "google-chrome", APP_TALK },
        { "msedge", APP_TALK },
        { "opera", APP_TALK },
        { "vivaldi", APP_TALK },
        /* What follows records as calls do, some of it plays as well: nothing but the name says that it is none.
         * Mixers are not here: the streams of their levels say what they are. */
        /* filters */
        { "easyeffects", APP_NEVER },
        { "com.github.wwmm.easyeffects", APP_NEVER },
        { "noisetorch", APP_NEVER },
        /* recorders, studios, visualisers */
        { "ardour", APP_NEVER },
        { "arecord", APP_NEVER },
        { "audacity", APP_NEVER },
        { "bitwig", APP_NEVER },
        { "carla", APP_NEVER },
        { "cava", APP_NEVER },
        { "com.obsproject.Studio", APP_NEVER },
        { "gnome-sound-recorder", APP_NEVER },
        { "org.gnome.SoundRecorder", APP_NEVER },
        { "kooha", APP_NEVER },
        { "io.github.seadve.Kooha", APP_NEVER },
        { "obs", APP_NEVER },
        { "pacat", APP_NEVER },
        { "parec", APP_NEVER },
        { "parecord", APP_NEVER },
        { "pw-cat", APP_NEVER },
        { "pw-record", APP_NEVER },
        { "reaper", APP_NEVER },
        { "simplescreenrecorder", APP_NEVER },
        { "sox", APP_NEVER },
        /* cameras */
        { "cheese", APP_NEVER },
        { "org.gnome.Cheese", APP_NEVER },
        { "snapshot", APP_NEVER },
        { "org.gnome.Snapshot", APP_NEVER },
        { "kamoso", APP_NEVER },
        { "org.kde.kamoso", APP_NEVER },
        { "guvcview", APP_NEVER },
        /* speech */
        { "speech-dispatcher", APP_NEVER },
        { "nerd-dictation", APP_NEVER },
        /* its voice chat is a matter of taste */
        { "steam", APP_NEVER },
};

static bool begins_with_word(const char *name, const char *word) {
        size_t n = strlen(word);

        return strncasecmp(name, word, n) == 0 && !isalpha((unsigned char) name[n]);
}

enum app_class apps_class(const char *const *names) {
        enum app_class found = APP_UNKNOWN;

        for (; *names; names++)
                for (size_t i = 0; i < ARRAY_SIZE(apps); i++)
                        if (apps[i].class > found && begins_with_word(*names, apps[i].word))
                                found = apps[i].class;
        return found;
}

bool apps_match(const char *const *globs, const char *const *names) {
        for (; globs && *globs; globs++)
                for (const char *const *name = names; *name; name++)
                        if (glob_match(*globs, *name))
                                return true;
        return false;
}
