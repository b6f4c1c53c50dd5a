"""Starts the real Synapse of the running virtual environment: every argument is handed on.

Two things cannot be set in homeserver.yaml. How long Synapse keeps a busy device that shows no sign of life (60 minutes):
SYNAPSE_BUSY_TIMEOUT_MSEC shortens that one constant, so that a test can see the time pass instead of waiting for an hour.
And whether the database waits for the disk: here it does not, since no test outlives the machine, and on one whose disk is
busy answers would come too late for those that busyd waits for. The code that runs stays Synapse's own."""

import os
import sys

import synapse.handlers.presence as presence
from synapse.app.homeserver import main
from synapse.storage.engines.sqlite import Sqlite3Engine

if "SYNAPSE_BUSY_TIMEOUT_MSEC" in os.environ:
    if not hasattr(presence, "BUSY_ONLINE_TIMEOUT"):
        sys.exit("this Synapse has no BUSY_ONLINE_TIMEOUT to shorten")
    presence.BUSY_ONLINE_TIMEOUT = int(os.environ["SYNAPSE_BUSY_TIMEOUT_MSEC"])

on_new_connection = Sqlite3Engine.on_new_connection


def do_not_wait_for_the_disk(engine, connection):
    on_new_connection(engine, connection)
    connection.execute("PRAGMA synchronous = OFF")


Sqlite3Engine.on_new_connection = do_not_wait_for_the_disk

# Synapse reads sys.argv itself.
sys.exit(main())
