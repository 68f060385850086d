"""What runs: the mock server, the tap that hears what Comity sends it, and Comity. Everything on free ports of this machine."""

import gzip
import http.client
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

from comity import PATIENCE, Comity

# One country is read in a second; its norms are in play in every request.
POLICIES = """
[policies]
dir = "{policies}"
country = "JP"
"""


@dataclass
class Answer:
    status: int
    headers: list
    body: bytes

    def header(self, name):
        return next((value for found, value in self.headers if found == name), None)

    @property
    def streams(self):
        return (self.header("content-type") or "").startswith("text/event-stream")

    @property
    def plain(self):
        return gzip.decompress(self.body) if self.header("content-encoding") == "gzip" else self.body


class Way:
    """One way to the mock server, over a connection that is kept for as long as the other side says that it may be."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=PATIENCE)

    def send(self, request, more=()):
        connection = self.connection
        try:
            connection.putrequest(request.prepared.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in [*request.headers, *more]:
                connection.putheader(name, value)
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            return Answer(response.status, [(name.lower(), value) for name, value in response.getheaders()], response.read())
        except Exception:
            connection.close()
            raise


class Mock:
    """The mock server. It takes no port 0: it is given one that was free a moment ago."""

    def __init__(self, binary, description):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            self.port = holder.getsockname()[1]
        command = [binary, "--host", "127.0.0.1", "--port", str(self.port), "--quiet", "--log-format", "ci", "--stream-interval", "1", description]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.ready, self.log = threading.Event(), []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.log.append(line.decode(errors="replace"))
            if "listening at" in self.log[-1]:
                self.ready.set()
        self.ready.set()

    def wait(self):
        if not self.ready.wait(PATIENCE) or self.process.poll() is not None:
            raise RuntimeError("the mock server did not start:\n" + "".join(self.log))

    def stop(self):
        self.process.kill()
        self.process.wait(10)


def comity(binary, repository, mode, upstream, folder):
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    for name in ("floor.toml", "phrases.toml", "JP.toml"):
        shutil.copy(repository / "policies" / name, policies)
    return Comity(binary, repository, folder, mode, f"http://127.0.0.1:{upstream}", mode, POLICIES.format(policies=policies))


class Tap:
    """Passes bytes on between Comity and the mock server, and keeps what Comity sent."""

    def __init__(self, upstream):
        self.upstream, self.heard, self.changed = upstream, {}, threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.upstream))
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, sink, keep):
        try:
            while data := source.recv(1 << 16):
                if keep:
                    with self.changed:
                        self.heard[source] = self.heard.get(source, b"") + data
                        self.changed.notify_all()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                end.close()

    def take(self, count):
        """The requests that were sent since the last call, at least so many: method, target, headers, body."""
        until = time.monotonic() + PATIENCE
        with self.changed:
            while len(found := self.parsed()) < count and time.monotonic() < until:
                self.changed.wait(1)
            self.heard.clear()
            return found

    def parsed(self):
        found = []
        for data in self.heard.values():
            while data and (one := parse(data)):
                found.append(one[0])
                data = one[1]
        return found


def parse(data):
    """One HTTP/1.1 request and what is behind it; none while it is not whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    method, target, _ = first.split(" ")
    named = dict(headers)
    if "chunked" in named.get("transfer-encoding", ""):
        body = b""
        while True:
            size, end, rest = rest.partition(b"\r\n")
            if not end or len(rest) < (size := int(size, 16)) + 2:
                return None
            body, rest = body + rest[:size], rest[size + 2 :]
            if size == 0:
                break
    else:
        length = int(named.get("content-length", 0))
        if len(rest) < length:
            return None
        body, rest = rest[:length], rest[length:]
    return (method, target, headers, body), rest
