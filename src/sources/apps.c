/* The shipped table, see apps.h. Users add to it with `call-apps` and `ignore`. */
#include "sources/apps.h"

#include <ctype.h>
#include <strings.h>

#include "util/text.h"

static const struct {
        const char *word;
        enum app_class class;
} apps[] = {
        /* telephones, meetings, voice chats */
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
        /* messengers */
        { "64Gram", APP_TALK },
        { "AyuGram", APP_TALK },
        { "Beeper", APP_TALK },
        { "bytedance-feishu", APP_TALK },
        { "dino", APP_TALK },
        { "im.dino.Dino", APP_TALK },
        { "Discord", APP_TALK },
        { "Element", APP_TALK },
        { "Feishu", APP_TALK },
        { "Ferdium", APP_TALK },
        { "fractal", APP_TALK },
        { "org.gnome.Fractal", APP_TALK },
        { "gajim", APP_TALK },
        { "org.gajim.Gajim", APP_TALK },
        { "Kotatogram", APP_TALK },
        { "Lark", APP_TALK },
        { "Legcord", APP_TALK },
        { "Mattermost", APP_TALK },
        { "Nextcloud Talk", APP_TALK },
        { "nheko", APP_TALK },
        { "qtox", APP_TALK },
        { "ringrtc", APP_TALK },
        { "Rocket.Chat", APP_TALK },
        { "Signal", APP_TALK },
        { "SimpleX", APP_TALK },
        { "Slack", APP_TALK },
        { "Telegram", APP_TALK },
        { "org.telegram", APP_TALK },
        { "Threema", APP_TALK },
        { "Vesktop", APP_TALK },
        { "Viber", APP_TALK },
        { "wechat", APP_TALK },
        { "WhatsApp", APP_TALK },
        { "Wire", APP_TALK },
        { "Zulip", APP_TALK },
        /* browsers where their streams do not name the engine: of WebKit never, of Chromium not through ALSA */
        { "brave", APP_TALK },
        { "chrome", APP_TALK },
        { "chromium", APP_TALK },
        { "epiphany", APP_TALK },
        { "org.gnome.Epiphany", APP_TALK },
        { "google-chrome", APP_TALK },
        { "msedge", APP_TALK },
        { "opera", APP_TALK },
        { "vivaldi", APP_TALK },
        { "WebKitGPUProcess", APP_TALK },
        { "WebKitWebProcess", APP_TALK },
        /* mixers and settings, which show a level */
        { "org.gnome.VolumeControl", APP_NEVER },
        { "org.PulseAudio.pavucontrol", APP_NEVER },
        { "pavucontrol", APP_NEVER },
        { "plasmashell", APP_NEVER },
        { "kcm_pulseaudio", APP_NEVER },
        { "systemsettings", APP_NEVER },
        { "gnome-control-center", APP_NEVER },
        { "org.gnome.Settings", APP_NEVER },
        { "pwvucontrol", APP_NEVER },
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
