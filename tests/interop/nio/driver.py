#!/usr/bin/env python3
"""Clients that nobody here wrote: matrix-nio with vodozemac, which brings no keys of its device with what it sends and
knows no identities. Each line of standard input is a command, each line of standard output says that one is done, or has
failed, as in ../browser/driver.mjs. What nio lacks, an identity in secret storage as a person's first client sets it up,
is made here. Ends with its standard input.

    python driver.py FOLDER-FOR-ITS-KEYS
"""
import asyncio
import base64
import hashlib
import hmac
import json
import os
import sys

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from nio import AsyncClient, AsyncClientConfig, BadEvent, DummyEvent, UnknownBadEvent

# The test's own patience is shorter or about as long: it says then what it waited for.
PATIENCE = 120

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def b64(data):
    return base64.b64encode(data).decode().rstrip("=")


def canonical(value):
    value = {k: v for k, v in value.items() if k not in ("signatures", "unsigned")}
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


class Key:
    def __init__(self):
        self.seed = os.urandom(32)
        self.key = eddsa.import_private_key(self.seed)
        self.public = b64(self.key.public_key().export_key(format="raw"))

    def sign(self, user_id, value):
        signature = b64(eddsa.new(self.key, "rfc8032").sign(canonical(value)))
        value.setdefault("signatures", {}).setdefault(user_id, {})[f"ed25519:{self.public}"] = signature

    def published(self, user_id, usage):
        return {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{self.public}": self.public}}


def sealed(storage_key, name, plaintext):
    keys = HKDF(storage_key, 64, b"\0" * 32, SHA256, 1, name.encode())
    iv = bytearray(os.urandom(16))
    iv[8] &= 0x7f
    iv = bytes(iv)
    ciphertext = AES.new(keys[:32], AES.MODE_CTR, nonce=b"", initial_value=iv).encrypt(plaintext)
    mac = hmac.new(keys[32:], ciphertext, hashlib.sha256).digest()
    return {"iv": base64.b64encode(iv).decode(), "ciphertext": base64.b64encode(ciphertext).decode(),
            "mac": base64.b64encode(mac).decode()}


def recovery_key(storage_key):
    data = b"\x8b\x01" + storage_key
    parity = 0
    for byte in data:
        parity ^= byte
    number, text = int.from_bytes(data + bytes([parity]), "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return " ".join(text[i:i + 4] for i in range(0, len(text), 4))


def is_signed(keys, signing):
    """By the identity of its owner, as the server shows it."""
    for name, public in ((signing or {}).get("keys") or {}).items():
        text = keys.get("signatures", {}).get(keys["user_id"], {}).get(name)
        key = eddsa.import_public_key(base64.b64decode(public + "=="))
        try:
            eddsa.new(key, "rfc8032").verify(canonical(keys), base64.b64decode((text or "") + "=="))
            return True
        except ValueError:
            continue
    return False


class Client:
    def __init__(self, folder):
        self.folder = folder
        self.nio = None
        self.only_signed = False

    async def request(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.nio.access_token}"}
        async with self.nio.client_session.request(method, f"{self.url}/_matrix/client/v3/{path}", json=body,
                                                   headers=headers) as answer:
            return answer.status, await answer.json()

    async def expect(self, method, path, body=None):
        status, answer = await self.request(method, path, body)
        if status != 200:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    async def login(self, url, user, password):
        os.makedirs(self.folder, exist_ok=True)
        self.url, self.password = url, password
        self.nio = AsyncClient(url, user, store_path=self.folder,
                               config=AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True))
        answer = await self.nio.login(password, device_name="a client by nio")
        self.user_id = answer.user_id
        if self.nio.should_upload_keys:
            await self.nio.keys_upload()
        await self.nio.sync(timeout=0, full_state=True, set_presence="offline")
        self.loop = asyncio.create_task(self.nio.sync_forever(timeout=20000, set_presence="offline"))
        return answer.device_id

    async def setUpRecovery(self):
        """An identity, which signs this device, in a secret storage. Again: another identity."""
        me = self.user_id
        master, signing, others = Key(), Key(), Key()
        body = {"master_key": master.published(me, "master"), "self_signing_key": signing.published(me, "self_signing"),
                "user_signing_key": others.published(me, "user_signing")}
        master.sign(me, body["self_signing_key"])
        master.sign(me, body["user_signing_key"])
        status, answer = await self.request("POST", "keys/device_signing/upload", body)
        if status == 401:
            body["auth"] = {"type": "m.login.password", "session": answer["session"], "password": self.password,
                            "identifier": {"type": "m.id.user", "user": me}}
            await self.expect("POST", "keys/device_signing/upload", body)
        self.signing = signing
        await self.signDevice(self.nio.device_id)
        storage_key, name = os.urandom(32), b64(os.urandom(8)).replace("/", "-")
        described = sealed(storage_key, "", b"\0" * 32)
        data = {f"m.secret_storage.key.{name}": {"algorithm": "m.secret_storage.v1.aes-hmac-sha2",
                                                 "iv": described["iv"], "mac": described["mac"]},
                "m.secret_storage.default_key": {"key": name}}
        for secret, key in (("master", master), ("self_signing", signing), ("user_signing", others)):
            secret = f"m.cross_signing.{secret}"
            data[secret] = {"encrypted": {name: sealed(storage_key, secret, b64(key.seed).encode())}}
        for kind, content in data.items():
            await self.expect("PUT", f"user/{me}/account_data/{kind}", content)
        return recovery_key(storage_key)

    async def signDevice(self, device):
        answer = await self.expect("POST", "keys/query", {"device_keys": {self.user_id: []}})
        keys = answer["device_keys"][self.user_id][device]
        keys.pop("unsigned", None)
        self.signing.sign(self.user_id, keys)
        answer = await self.expect("POST", "keys/signatures/upload", {self.user_id: {device: keys}})
        if answer.get("failures"):
            raise RuntimeError(str(answer))

    async def createRoom(self, invite, name=None):
        encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        answer = await self.nio.room_create(is_direct=True, name=name, invite=[invite], initial_state=[encryption])
        return answer.room_id

    async def joinRoom(self, room):
        await self.nio.join(room)
        await self.seen(room, 2)

    async def synced(self):
        """The next answer to this client's poll has been worked on."""
        await asyncio.wait_for(self.nio.synced.wait(), PATIENCE)

    async def seen(self, room, members):
        """Until this client knows of so many in the room, and that it is encrypted."""
        while room not in self.nio.rooms or self.nio.rooms[room].member_count < members or \
                not self.nio.rooms[room].encrypted:
            await self.synced()

    def has(self, user, device):
        return user in self.nio.device_store.users and device in self.nio.device_store[user]

    async def knows(self, user, device):
        """Until this client has the keys of that device."""
        while not self.has(user, device):
            self.nio.olm.users_for_key_query.add(user)
            await self.nio.keys_query()
            if not self.has(user, device):
                await self.synced()

    async def newKey(self, room):
        """The next event comes by a new key."""
        self.nio.invalidate_outbound_session(room)

    async def trustOnlySigned(self):
        """From now on room keys go only to devices that their owners have signed, as nio's own users decide it by hand."""
        self.only_signed = True

    async def judge(self, users):
        answer = await self.expect("POST", "keys/query", {"device_keys": {user: [] for user in users}})
        for user in users:
            for device in self.nio.device_store.active_user_devices(user):
                keys = answer["device_keys"].get(user, {}).get(device.id)
                if device.id == self.nio.device_id:
                    continue
                if keys and is_signed(keys, answer.get("self_signing_keys", {}).get(user)):
                    self.nio.unblacklist_device(device)
                    self.nio.verify_device(device)
                else:
                    self.nio.unverify_device(device)
                    self.nio.blacklist_device(device)

    async def send(self, room, type, content):
        await self.seen(room, 2)
        if self.only_signed:
            await self.judge(list(self.nio.rooms[room].users))
        answer = await self.nio.room_send(room, type, content, ignore_unverified_devices=not self.only_signed)
        return answer.event_id

    async def claim(self, user, device, n):
        """Takes that many keys of a device, as so many others would who begin to write to it. Says of which kind the last
        one is."""
        wanted, key = {"one_time_keys": {user: {device: "signed_curve25519"}}}, None
        for i in range(n):
            answer = await self.expect("POST", "keys/claim", wanted)
            key = next(iter(answer["one_time_keys"].get(user, {}).get(device, {}).values()), None)
            if not key:
                raise RuntimeError(f"no key after {i}")
        return "fallback" if key.get("fallback") else "one-time"

    async def listenForDummy(self):
        """From now on it takes down the empty message of a device that begins anew with it. nio misses a `sender_device` in
        it, of which the specification knows nothing, and calls it bad; it goes on with the new session all the same."""
        self.dummy = asyncio.Event()

        def look(event):
            if event.source.get("type") == "m.dummy":
                self.dummy.set()

        self.nio.add_to_device_callback(look, (DummyEvent, BadEvent, UnknownBadEvent))

    async def awaitDummy(self):
        await asyncio.wait_for(self.dummy.wait(), PATIENCE)

    async def logout(self):
        self.loop.cancel()
        await self.nio.logout()

    async def devices(self):
        return json.dumps(sorted(d["device_id"] for d in (await self.expect("GET", "devices"))["devices"]))


def tell(line):
    print(json.dumps(line), flush=True)


async def carry_out(clients, line):
    given = json.loads(line)
    name, command = given.pop("client"), given.pop("do")
    client = clients.setdefault(name, Client(os.path.join(sys.argv[1], name)))
    try:
        tell({"client": name, "done": command, "value": await getattr(client, command)(**given)})
    except Exception as error:  # whatever it is, the test has to know
        tell({"client": name, "failed": command, "why": repr(error)})


async def main():
    reader, clients, running = asyncio.StreamReader(), {}, set()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        task = asyncio.create_task(carry_out(clients, line))
        running.add(task)
        task.add_done_callback(running.discard)
    os._exit(0)


asyncio.run(main())
