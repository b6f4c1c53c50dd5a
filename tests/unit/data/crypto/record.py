#!/usr/bin/env python3
"""Makes recorded.json anew: what clients that nobody here wrote sent to a device like ours, and that device, in the
pickles of both libraries. No account of any server was ever made of these keys; the pickles are encrypted with the
bytes 0 to 31.

    python3 -m venv V && V/bin/pip install matrix-nio[e2e] && npm install matrix-js-sdk
    V/bin/python record.py FOLDER-OF-NODE_MODULES >recorded.json
"""
import ctypes
import json
import os
import subprocess
import sys

import vodozemac

ME, DEVICE = "@alice:example.org", "BUSYD"
KEY = bytes(range(32))
ROOMS = ["!one:example.org", "!two:example.org", "!three:example.org"]
TEXTS = [
    ["m.call.invite", {"call_id": "c1", "party_id": "p", "version": "1", "lifetime": 60000,
                       "offer": {"type": "offer", "sdp": "v=0 ünï \U0001f4de"}}],
    ["m.call.hangup", {"call_id": "c1", "party_id": "p", "version": "1", "reason": "user_hangup"}],
    ["m.room.message", {"msgtype": "m.text", "body": "x" * 200}],
]


class Libolm:
    """The account of the receiver, by libolm."""

    def __init__(self):
        self.lib = ctypes.CDLL("libolm.so.3")
        self.memory = ctypes.create_string_buffer(self.size("olm_account_size"))
        self.lib.olm_account.restype = ctypes.c_void_p
        self.account = ctypes.c_void_p(self.lib.olm_account(self.memory))
        random = os.urandom(self.size("olm_create_account_random_length", self.account))
        self.call("olm_create_account", self.account, random, ctypes.c_size_t(len(random)))

    def size(self, name, *args):
        function = getattr(self.lib, name)
        function.restype = ctypes.c_size_t
        return function(*args)

    def call(self, name, *args):
        result = self.size(name, *args)
        if result == self.size("olm_error"):
            raise RuntimeError(name)
        return result

    def text(self, name, *args, length=None):
        n = self.size(length or f"{name}_length", self.account)
        out = ctypes.create_string_buffer(n)
        self.call(name, self.account, *args, out, ctypes.c_size_t(n))
        return out.raw.decode()

    def generate(self, n):
        random = os.urandom(self.size("olm_account_generate_one_time_keys_random_length", self.account,
                                      ctypes.c_size_t(n)))
        self.call("olm_account_generate_one_time_keys", self.account, ctypes.c_size_t(n), random,
                  ctypes.c_size_t(len(random)))

    def sign(self, message):
        return self.text("olm_account_sign", message, ctypes.c_size_t(len(message)), length="olm_account_signature_length")

    def pickle(self):
        return self.text("olm_pickle_account", KEY, ctypes.c_size_t(len(KEY)), length="olm_pickle_account_length")


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def signed(account, value):
    return {**value, "signatures": {ME: {f"ed25519:{DEVICE}": account.sign(canonical(value))}}}


def by_js(folder, given):
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(["node", f"{here}/record.mjs"], cwd=folder, input=json.dumps(given), text=True, check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def by_nio(given):
    from nio.crypto import Olm, OlmDevice
    from nio.responses import KeysClaimResponse, KeysQueryResponse
    from nio.store import SqliteMemoryStore

    user, device = "@carol:example.org", "NIO"
    olm = Olm(user, device, SqliteMemoryStore(user, device))
    upload = olm.share_keys()
    query = {"failures": {}, "device_keys": {ME: {DEVICE: given["device_keys"]}, user: {device: upload["device_keys"]}}}
    olm.add_changed_users({ME})
    olm.handle_response(KeysQueryResponse.from_dict(query))
    for other in olm.device_store.active_user_devices(ME):
        olm.verify_device(other)
    claimed = {"failures": {}, "one_time_keys": {ME: {DEVICE: given["one_time_keys"]}}}
    olm.handle_response(KeysClaimResponse.from_dict(claimed, "!nio:example.org"))
    room_id = "!nio:example.org"
    _, sharing = olm.share_group_session(room_id, [ME])
    to_device = [{"type": "m.room.encrypted", "sender": user, "content": sharing["messages"][ME][DEVICE]}]
    olm.outbound_group_sessions[room_id].shared = True
    events = []
    for kind, content in TEXTS:
        encrypted = olm.group_encrypt(room_id, {"type": kind, "content": content})
        events.append({"type": "m.room.encrypted", "room_id": room_id, "sender": user, "event_id": f"$nio{len(events)}",
                       "origin_server_ts": 1700000001000 + len(events), "content": encrypted,
                       "plain": {"type": kind, "content": content}})
    return {"keys_query": query, "to_device": to_device, "events": events}


def main():
    account = Libolm()
    account.generate(4)
    keys = json.loads(account.text("olm_account_identity_keys"))
    device_keys = signed(account, {
        "user_id": ME, "device_id": DEVICE,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {f"{name}:{DEVICE}": keys[name] for name in ("curve25519", "ed25519")}})
    one_time = [{f"signed_curve25519:{key_id}": signed(account, {"key": key})}
                for key_id, key in json.loads(account.text("olm_account_one_time_keys"))["curve25519"].items()]
    account.call("olm_account_mark_keys_as_published", account.account)
    pickle = account.pickle()
    given = {"me": ME, "device_id": DEVICE, "device_keys": device_keys, "rooms": ROOMS, "texts": TEXTS}
    recorded = {
        "me": ME, "device_id": DEVICE, "device_keys": device_keys,
        "pickles": {"libolm": pickle, "vodozemac": vodozemac.Account.from_libolm_pickle(pickle, KEY).pickle(KEY)},
        "js": by_js(sys.argv[1], {**given, "one_time_keys": one_time[0]}),
        "nio": by_nio({**given, "one_time_keys": one_time[1]}),
    }
    json.dump(recorded, sys.stdout, indent=1, sort_keys=True, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
