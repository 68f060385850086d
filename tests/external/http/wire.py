"""Raw sockets on both sides of Comity: a client that says what it likes, and a model server that is scripted byte by byte."""

import queue
import re
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field

from comity import Comity

PATIENCE = 30  # seconds: the longest that anything here may take on a slow machine
BODY_MIB = 32  # limits.body_mib
BODY_SECONDS = 15  # limits.body_seconds

SETTINGS = """
[policies]
dir = "{policies}"
[limits]
body_mib = {body_mib}
body_seconds = {body_seconds}
drain_seconds = 20
"""


class Server(Comity):
    """A running Comity. Norms are of no interest here: those of one country are read in a second."""

    def __init__(self, binary, repository, folder, mode, upstream):
        policies = folder / "policies"
        policies.mkdir(exist_ok=True)
        for name in ("floor.toml", "phrases.toml", "JP.toml"):
            shutil.copy(repository / "policies" / name, policies)
        self.mode = mode
        settings = SETTINGS.format(policies=policies, body_mib=BODY_MIB, body_seconds=BODY_SECONDS)
        super().__init__(binary, repository, folder, mode, upstream, mode, settings)

    def wait(self):
        """Until it serves and its memory grows by requests alone."""
        super().wait()
        until = time.monotonic() + 240
        while not any("every norm is embedded" in line for line in self.log):
            if time.monotonic() > until:
                raise RuntimeError("the norms are not embedded")
            time.sleep(0.05)

    def memory(self):
        """Bytes that are resident."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) << 10


class Broken(Exception):
    """The other side broke off, or is silent for too long."""


class Wire:
    """A connection whose bytes are read as they come."""

    def __init__(self, connection):
        self.socket, self.buffer = connection, b""
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, *data):
        self.socket.sendall(b"".join(data))

    def more(self):
        """Reads what there is. False where the other side is done."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            return False
        except TimeoutError as silence:
            raise Broken(f"nothing came for {self.socket.gettimeout()} s; so far: {self.buffer[:200]!r}") from silence
        self.buffer += data
        return bool(data)

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise Broken(f"closed after {self.buffer[:200]!r}")
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def until(self, end):
        while end not in self.buffer:
            if not self.more():
                raise Broken(f"closed after {self.buffer[:200]!r}")
        taken, _, self.buffer = self.buffer.partition(end)
        return taken

    def closed(self, seconds):
        """Whether the other side closes within so many seconds. What it still sends is thrown away."""
        until = time.monotonic() + seconds
        try:
            while (left := until - time.monotonic()) > 0:
                self.socket.settimeout(left)
                if not self.socket.recv(1 << 16):
                    return True
        except ConnectionError:
            return True
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# What a header line and the first lines may look like (RFC 9110, 5.5 and 5.6.2; RFC 9112, 3 and 4).
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.1")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) [^\r\n\x00]*")


def head(raw, first):
    """The first line and the headers of a message, held to the grammar to the letter."""
    line, *fields = raw.split(b"\r\n")
    start, headers = first.fullmatch(line), []
    if not start:
        raise ValueError(f"not a first line: {line!r}")
    for field_line in fields:
        found = FIELD.fullmatch(field_line)
        if not found:
            raise ValueError(f"not a header: {field_line!r}")
        headers.append((found[1].decode().lower(), found[2].decode("latin-1").strip(" \t")))
    framing = {name: value for name, value in headers if name in ("content-length", "transfer-encoding")}
    if len([name for name, _ in headers if name in framing]) > 1:
        raise ValueError(f"lengths that can be read in two ways: {raw!r}")
    if not re.fullmatch(r"\d+", framing.get("content-length", "0")) or framing.get("transfer-encoding", "chunked") != "chunked":
        raise ValueError(f"a length that is none: {raw!r}")
    return start, headers


def values(headers, name):
    return [value for found, value in headers if found == name]


def chunked(wire, data, trailers):
    """Reads a chunked body to its end, held to the grammar to the letter, without extensions."""
    while True:
        size = wire.until(b"\r\n")
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
            raise ValueError(f"not a chunk's size: {size!r}")
        if int(size, 16) == 0:
            break
        data += wire.exactly(int(size, 16))
        if wire.exactly(2) != b"\r\n":
            raise ValueError("a chunk does not end where it says")
    while line := wire.until(b"\r\n"):
        name, _, value = line.partition(b":")
        trailers.append((name.decode().lower(), value.decode().strip()))


@dataclass
class Response:
    status: int
    headers: list
    body: bytes = b""
    whole: bool = False  # whether the body came to its end as the head said
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)

    def value(self, name):
        return next(iter(values(self.headers, name)), None)


class Client(Wire):
    """A client's connection to Comity."""

    def __init__(self, comity, receive_buffer=None):
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        host, port = comity.address.split(":")
        connection.connect((host, int(port)))
        super().__init__(connection)

    def start(self, method="GET"):
        """An answer's head; those with a status of 1xx before it are kept."""
        interim = []
        while True:
            start, headers = head(self.until(b"\r\n\r\n"), STATUS_LINE)
            status = int(start[1])
            if status >= 200 or status == 101:
                return Response(status, headers, interim=interim, whole=method == "HEAD" or status in (101, 204, 304))
            interim.append(status)

    def response(self, method="GET"):
        response = self.start(method)
        if not response.whole:
            self.rest(response)
        return response

    def rest(self, response):
        data = bytearray()
        try:
            if response.value("transfer-encoding"):
                chunked(self, data, response.trailers)
            elif (length := response.value("content-length")) is not None:
                while len(data) < int(length):
                    data += self.exactly(min(len(self.buffer) or 1, int(length) - len(data)))
            else:
                while self.more():
                    pass
                data, self.buffer = self.buffer, b""
            response.whole = True
        except Broken:
            pass
        response.body = bytes(data)


class Call(Wire):
    """A request as the model server gets it. The head is read; the body is not, until it is asked for."""

    def __init__(self, wire, raw):
        self.socket, self.buffer, self.wire = wire.socket, wire.buffer, wire
        self.raw = raw
        start, self.headers = head(raw, REQUEST_LINE)
        self.method, self.target = start[1].decode(), start[2].decode("latin-1")
        if len(values(self.headers, "host")) != 1:
            raise ValueError(f"not one host: {raw!r}")
        self.received, self.trailers, self.done = None, [], threading.Event()
        self.sent = 0

    def body(self):
        data = bytearray()
        if values(self.headers, "transfer-encoding"):
            chunked(self, data, self.trailers)
        else:
            data += self.exactly(int(next(iter(values(self.headers, "content-length")), 0)))
        self.received = bytes(data)
        return self.received

    def send(self, *data):
        super().send(*data)
        self.sent += sum(map(len, data))

    def whole(self, body, status=b"200 OK", kind=b"application/json", headers=b""):
        self.send(b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, kind, len(body), headers, body))


COMPLETION = (
    b'{ "id":"chatcmpl-1",  "object":"chat.completion", "created": 1767225600, "model":"scripted", "choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Tuck two corners in."},"finish_reason":"stop"}] }\n'
)
DELTA = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'


def completes(call):
    """What the model server does unless a check says otherwise."""
    call.body()
    call.whole(COMPLETION)


class Upstream:
    """The model server. `script` answers a request; after it, the connection is kept."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = "http://127.0.0.1:%d/v1" % self.listener.getsockname()[1]
        self.begin()
        threading.Thread(target=self.accept, daemon=True).start()

    def begin(self, script=completes):
        """Forgets what was before."""
        self.script, self.calls, self.seen, self.wrong = script, queue.Queue(), [], []

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(Wire(connection),), daemon=True).start()

    def serve(self, wire):
        wire.socket.settimeout(None)  # idle between requests for as long as Comity likes
        try:
            while True:
                call = Call(wire, wire.until(b"\r\n\r\n"))
                call.socket.settimeout(PATIENCE)
                self.seen.append(call)
                self.calls.put(call)
                try:
                    self.script(call)
                finally:
                    call.done.set()
                wire.buffer = call.buffer
                wire.socket.settimeout(None)
        except (ValueError, AssertionError) as error:
            self.wrong.append(str(error))
        except (Broken, OSError):
            pass
        finally:
            wire.close()

    def next(self, seconds=PATIENCE):
        """The next request that comes."""
        try:
            return self.calls.get(timeout=seconds)
        except queue.Empty:
            raise Broken(f"the model server got no request within {seconds} s") from None
