/* The sources that ask a service on a bus. */
#pragma once

#include "sources/source.h"

extern const struct source_kind source_gnome_inhibitors, source_plasma_inhibitors;
extern const struct source_kind source_modemmanager, source_ofono, source_pipewire_telephony, source_bluez,
        source_gnome_calls;
extern const struct source_kind source_jami, source_kdeconnect;
