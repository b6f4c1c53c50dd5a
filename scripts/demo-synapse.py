"""A real Synapse for scripts/demo, run by the Python of its virtual environment. Takes the orders that the scripted
homeserver takes, and tells what that tells (tests/homeserver/main.c): what a friend of the user sees."""

import json
import os
import pathlib
import signal
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/interop"))
import local_synapse  # noqa: E402

PASSWORD = "correct horse"
SECRET = "of this demo"


def say(*words):
    print(*words, flush=True)


class Session:
    """One login of one user."""

    def __init__(self, url, user, device):
        self.url, self.token = url, None
        answer = self.ask("POST", "login", {
            "type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": PASSWORD,
            "device_id": device})
        self.token, self.user = answer["access_token"], answer["user_id"]
        self.n = 0

    def ask(self, method, path, body=None, patience=60, **query):
        url = f"{self.url}/_matrix/client/v3/{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=patience) as answer:
            return json.load(answer)

    def send(self, room, kind, content):
        self.n += 1
        self.ask("PUT", f"rooms/{urllib.parse.quote(room)}/send/{kind}/{self.n}", content)

    def put_presence(self, state, message):
        self.ask("PUT", f"presence/{urllib.parse.quote(self.user)}/status",
                 {"presence": state, "status_msg": message})


def friend_syncs(friend, **query):
    return friend.ask("GET", "sync", patience=90, set_presence="offline",
                      filter=json.dumps({"room": {"rooms": []}}), **query)


def watch(friend, user, since):
    """Tells every change of what the friend is told of the user."""
    last = None
    while True:
        try:
            answer = friend_syncs(friend, since=since, timeout=60000)
        except (urllib.error.URLError, OSError):
            return
        since = answer["next_batch"]
        for event in answer.get("presence", {}).get("events", []):
            content = event["content"]
            now = content["presence"], content.get("status_msg") or ""
            if event["sender"] == user and now != last:
                say("presence", *now)
                last = now


def on_sigterm(number, frame):
    """Without it there would be no time to end Synapse."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one may go to the group and one to this process
    sys.exit()


def main():
    # scripts/demo gets what comes from the terminal as well, and ends this with SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_sigterm)
    port = local_synapse.free_port()
    url = f"http://127.0.0.1:{port}"
    with local_synapse.running(sys.executable, pathlib.Path(sys.argv[1]), port, "test", SECRET, sys.stderr,
                               patience=50):
        for name in ("me", "you"):
            local_synapse.register(sys.executable, url, SECRET, name, PASSWORD, sys.stderr)
        phone, friend = Session(url, "me", "PHONE"), Session(url, "you", "THEIRS")
        room = friend.ask("POST", "createRoom", {"invite": [phone.user], "preset": "private_chat"})["room_id"]
        phone.ask("POST", f"join/{urllib.parse.quote(room)}", {})
        # What a first sync leaves out because nobody is there is told as a change after it.
        since = friend_syncs(friend)["next_batch"]
        threading.Thread(target=watch, args=(friend, phone.user, since), daemon=True).start()
        say("ready", url)
        for line in sys.stdin:
            order, _, rest = line.rstrip("\n").partition(" ")
            if order == "event":
                event = json.loads(rest.partition(" ")[2])
                sender = phone if event["sender"] == "@me:test" else friend
                sender.send(room, event["type"], event["content"])
            elif order == "put":
                _, state, message = rest.split(" ", 2)
                phone.put_presence(state, message)
            elif order == "show":
                shown = friend.ask("GET", f"presence/{urllib.parse.quote(phone.user)}/status")
                say("shows", shown["presence"], shown.get("status_msg") or "")
            elif order == "quit":
                break


main()
