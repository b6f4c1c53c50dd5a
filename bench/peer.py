"""The peer that busyd is measured against: what somebody would write in an evening with matrix-nio.

    peer.py FILE

FILE has the address of the homeserver, the user's id, the access token, and the file of its certificate or nothing, a
line each."""

import asyncio
import ssl
import sys

from nio import AsyncClient, AsyncClientConfig, CallAnswerEvent, CallHangupEvent

FILTER = {
    "presence": {"types": []},
    "account_data": {"types": []},
    "room": {
        "account_data": {"types": []},
        "ephemeral": {"types": []},
        "state": {"types": []},
        "timeline": {"types": ["m.call.*"]},
    },
}


async def main(path):
    with open(path, encoding="utf-8") as f:
        homeserver, user, token, certificate = f.read().split("\n")[:4]
    trust = ssl.create_default_context(cafile=certificate) if certificate else None
    client = AsyncClient(homeserver, user, ssl=trust, config=AsyncClientConfig(encryption_enabled=False))
    client.restore_login(user, "PEER", token)

    async def in_a_call(_room, _event):
        await client.set_presence("org.matrix.msc3026.busy", "In a call")

    async def free(_room, _event):
        await client.set_presence("offline")

    client.add_event_callback(in_a_call, CallAnswerEvent)
    client.add_event_callback(free, CallHangupEvent)
    await client.sync_forever(timeout=600000, sync_filter=FILTER, set_presence="offline")


asyncio.run(main(sys.argv[1]))
