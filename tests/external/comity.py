"""A running Comity, for the suites in the folders beside this file."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading

PATIENCE = 120  # seconds: the longest that anything may take on a slow machine

SETTINGS = """
listen = "127.0.0.1:0"
mode = "{mode}"
[upstream]
url = "{upstream}"
connect_seconds = 5
first_byte_seconds = 60
[models]
turn_ms = 60000
piece_ms = 60000
[admin]
listen = "127.0.0.1:0"
[audit]
sqlite = "{audit}"
[log]
format = "json"
"""


class Comity:
    """A running `comity serve`, from its own binary, in a process of its own.

    Its settings and its audit lie in `folder`; `more` goes behind the settings.
    """

    def __init__(self, binary, repository, folder, name, upstream, mode="enforce", more=""):
        self.audit = folder / f"{name}.sqlite"
        settings = folder / f"{name}.toml"
        settings.write_text(SETTINGS.format(mode=mode, upstream=upstream, audit=self.audit) + more)
        command = [binary, "serve", "--config", str(settings), "--models", str(repository / "models")]
        # What the caller's environment says about a server must not reach this one; the choice of an engine may.
        kept = ("COMITY_BACKEND",)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COMITY_") or name in kept}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)
        self.address, self.log, self.ready = None, [], threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))
            found = re.search(r'"listen":"127\.0\.0\.1:(\d+)"', self.log[-1])
            if found:
                self.address = f"127.0.0.1:{found[1]}"
                self.ready.set()
        self.ready.set()

    def wait(self):
        if not self.ready.wait(PATIENCE) or self.address is None:
            raise RuntimeError("comity did not start:\n" + "".join(self.log))

    @property
    def url(self):
        return f"http://{self.address}/v1"

    def raw(self, method, path, body=None, headers=()):
        """A request without any client library: status, headers, bytes."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"content-type": "application/json", **dict(headers)})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(10)


def closed_port():
    """A port that nothing listens on. It stays bound, so that nobody else takes it."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, f"http://127.0.0.1:{holder.getsockname()[1]}/v1"


def leave_when_told():
    """Who is told to end leaves as by an exception: what was started is stopped. Being told once more changes nothing."""

    def leave(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(143)

    signal.signal(signal.SIGTERM, leave)
