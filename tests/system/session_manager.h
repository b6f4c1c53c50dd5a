/* GNOME's session manager, as far as programs that keep the session awake and those who look at them need it. */
#pragma once

#include "system/mock.h"

#define SESSION_MANAGER      "org.gnome.SessionManager"
#define SESSION_MANAGER_PATH "/org/gnome/SessionManager"

/* Inhibit ("susu") and Uninhibit ("u") list, unlist and tell. The first cookie is 1. */
struct mock *session_manager_new(struct world *w);
