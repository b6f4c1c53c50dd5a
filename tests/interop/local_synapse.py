"""A real Synapse on loopback, for the login tests (login/rig.py) and scripts/demo-synapse.py: what both configure, how it
starts and how it ends. Python's standard library only; Synapse is run by the Python that is named."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent / "scripts"))
from pace import pace  # noqa: E402

CONFIG = """
server_name: {server_name}
public_baseurl: http://127.0.0.1:{port}/
report_stats: false
pid_file: {folder}/synapse.pid
media_store_path: {folder}/media
log_config: {folder}/log.yaml
database: {{name: sqlite3, args: {{database: "{folder}/homeserver.db"}}}}
listeners: [{{type: http, port: {port}, bind_addresses: [127.0.0.1], resources: [{{names: [client, federation]}}]}}]
signing_key: ed25519 a_test AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
macaroon_secret_key: {secret}
form_secret: {secret}
registration_shared_secret: {secret}
trusted_key_servers: []
federation_domain_whitelist: []
bcrypt_rounds: 4
rc_login:
  address: {{per_second: 1000, burst_count: 1000}}
  account: {{per_second: 1000, burst_count: 1000}}
  failed_attempts: {{per_second: 1000, burst_count: 1000}}
# Calls and logins are what is shown, not the 10 s between two writes of presence.
rc_presence: {{per_user: {{per_second: 1000, burst_count: 1000}}}}
presence: {{enabled: true}}
experimental_features: {{msc3026_enabled: true}}
"""

LOG = """
version: 1
disable_existing_loggers: false
formatters: {{line: {{format: '%(asctime)s %(name)s %(levelname)s %(message)s'}}}}
handlers: {{file: {{class: logging.FileHandler, formatter: line, filename: {folder}/synapse.log}}}}
root: {{level: INFO, handlers: [file]}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def running(python, folder, port, server_name, secret, out, more="", patience=90):
    """A Synapse that ends with the block, whatever ends that. The block begins once Synapse says through its notify socket
    that it is ready, for which it has `patience`: seconds of an idle machine. `secret` must have no space where it is also
    a bearer token; `more` is added to the configuration; `out` takes what it prints."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"folder": folder, "port": port, "server_name": server_name, "secret": secret}
    (folder / "homeserver.yaml").write_text(CONFIG.format(**values) + more)
    (folder / "log.yaml").write_text(LOG.format(**values))
    notify = folder / "notify"
    notify.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(notify))
        ready.settimeout(patience * pace())
        process = subprocess.Popen(
            # setpriv: it also goes when this process is killed.
            ["setpriv", "--pdeathsig", "KILL", python, "-m", "synapse.app.homeserver", "-c", folder / "homeserver.yaml"],
            env={**os.environ, "NOTIFY_SOCKET": str(notify)}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            while b"READY=1" not in ready.recv(4096):
                pass
            yield process
        finally:
            process.terminate()
            process.wait()


def register(python, url, secret, user, password, out):
    subprocess.run([python, "-m", "synapse._scripts.register_new_matrix_user", "-u", user, "-p", password, "--no-admin",
                    "-k", secret, url], check=True, stdout=out)
