"""Starts the real Synapse of the running virtual environment: every argument is handed on.

One thing cannot be set in homeserver.yaml: how long Synapse keeps a busy device that shows no sign of life (60 minutes).
SYNAPSE_BUSY_TIMEOUT_MSEC shortens that one constant, so that a test can see the time pass instead of waiting for an hour;
the code that runs stays Synapse's own."""

import os
import sys

import synapse.handlers.presence as presence
from synapse.app.homeserver import main

if "SYNAPSE_BUSY_TIMEOUT_MSEC" in os.environ:
    if not hasattr(presence, "BUSY_ONLINE_TIMEOUT"):
        sys.exit("this Synapse has no BUSY_ONLINE_TIMEOUT to shorten")
    presence.BUSY_ONLINE_TIMEOUT = int(os.environ["SYNAPSE_BUSY_TIMEOUT_MSEC"])

# Synapse reads sys.argv itself.
sys.exit(main())
