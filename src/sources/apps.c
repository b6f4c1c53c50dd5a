/* The shipped lists, see apps.h. Users add to them with `call-apps` and `ignore`. */
#include "sources/apps.h"

#include "util/text.h"

const char *const apps_of_calls[] = {
        /* browsers; Chromium and its relatives call their capture streams "PRODUCT input" */
        "Firefox",
        "Firefox *",
        "firefox*",
        "org.mozilla.firefox",
        "librewolf",
        "LibreWolf",
        "Chromium input",
        "Google Chrome input",
        "Brave input",
        "Microsoft Edge input",
        "Vivaldi input",
        "Opera input",
        /* libwebrtc's own audio engine, in several programs */
        "WEBRTC VoiceEngine",
        /* messengers and meetings; those on Electron add " input" too */
        "Discord*",
        "Element*",
        "Jitsi Meet*",
        "Mattermost*",
        "Microsoft Teams*",
        "teams-for-linux*",
        "Rocket.Chat*",
        "Signal*",
        "Skype*",
        "Slack*",
        "Telegram*",
        "org.telegram.desktop",
        "Threema*",
        "Webex*",
        "CiscoCollabHost",
        "Wire*",
        "Zoom*",
        "us.zoom.*",
        "Zulip*",
        /* Matrix */
        "dino",
        "im.dino.Dino",
        "fractal",
        "nheko",
        /* telephones and conferences */
        "baresip",
        "gnome-calls",
        "org.gnome.Calls",
        "jami*",
        "net.jami.Jami",
        "linphone*",
        "Mumble",
        "info.mumble.Mumble",
        "plasma-dialer",
        "TeamSpeak*",
        "ts3client*",
        "twinkle",
        NULL,
};

const char *const apps_without_calls[] = {
        /* mixers and settings, which show a level */
        "org.gnome.VolumeControl",
        "org.PulseAudio.pavucontrol",
        "pavucontrol*",
        "plasmashell",
        "kcm_pulseaudio",
        "systemsettings*",
        "gnome-control-center",
        "org.gnome.Settings",
        "pwvucontrol",
        /* filters */
        "easyeffects",
        "com.github.wwmm.easyeffects",
        "noisetorch*",
        /* recorders, studios, visualisers */
        "ardour*",
        "arecord",
        "audacity",
        "bitwig*",
        "cava",
        "com.obsproject.Studio",
        "gnome-sound-recorder",
        "org.gnome.SoundRecorder",
        "kooha",
        "io.github.seadve.Kooha",
        "obs",
        "obs-studio",
        "pacat",
        "parec",
        "parecord",
        "pw-cat",
        "pw-record",
        "reaper",
        "simplescreenrecorder",
        "sox",
        /* speech */
        "speech-dispatcher*",
        "nerd-dictation",
        /* its voice chat is a matter of taste */
        "steam",
        NULL,
};

bool apps_match(const char *const *globs, const char *const *names) {
        for (; globs && *globs; globs++)
                for (const char *const *name = names; *name; name++)
                        if (glob_match(*globs, *name))
                                return true;
        return false;
}
