"""HTTP/2 with prior knowledge: a client that plays by the rules (the h2 package), and one that sends whatever frames it is told to."""

import time
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings
import hpack

from wire import Broken, Client

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, CANCEL, COMPRESSION_ERROR = 0, 1, 3, 5, 6, 8, 9


@dataclass
class Stream:
    headers: list = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: list = field(default_factory=list)
    ended: bool = False
    reset: int = None  # the code that it was reset with

    @property
    def status(self):
        return int(self.value(":status") or 0)

    @property
    def over(self):
        return self.ended or self.reset is not None

    def value(self, name):
        return next((value for found, value in self.headers if found == name), None)


class Polite:
    """A connection that plays by the rules. Its windows are opened as data come, unless `reads` is false."""

    def __init__(self, comity, reads=True, **settings):
        self.wire = Client(comity)
        as_told = {"validate_outbound_headers": False, "normalize_outbound_headers": False}
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", **as_told)
        self.h2 = h2.connection.H2Connection(config)
        self.reads, self.streams, self.goaway, self.closed = reads, {}, None, False
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings({h2.settings.SettingCodes[name]: value for name, value in settings.items()})
        self.flush()

    def flush(self):
        self.wire.send(self.h2.data_to_send())

    def pump(self, until, seconds=30):
        """Takes in what comes until something holds."""
        limit = time.monotonic() + seconds
        while not until():
            left = limit - time.monotonic()
            if self.closed or left <= 0:
                raise Broken(f"closed: {self.closed}, goaway: {self.goaway}, streams: {self.streams}"[:600])
            self.wire.socket.settimeout(left)
            self.closed = not self.wire.more()
            data, self.wire.buffer = self.wire.buffer, b""
            for event in self.h2.receive_data(data):
                self.heard(event)
            if not self.closed:
                self.flush()

    def heard(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = (event.error_code, event.last_stream_id)
        elif stream is None:
            pass
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = event.headers
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.reads:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code

    def begin(self, method, path, headers=(), ends=False):
        """Sends a request's head."""
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = Stream()
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "h"), (":path", path)]
        self.h2.send_headers(number, [*pseudo, *headers], end_stream=ends)
        self.flush()
        return number

    def write(self, number, data, ends=True):
        """Sends a body within the windows that the server grants. False where the server ended the stream before its end."""
        stream, at = self.streams[number], 0
        while at < len(data):
            self.pump(lambda: stream.over or self.h2.local_flow_control_window(number) > 0)
            if stream.over:
                return False
            size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(data) - at)
            self.h2.send_data(number, data[at : at + size])
            self.flush()
            at += size
        if ends:
            self.h2.end_stream(number)
            self.flush()
        return True

    def request(self, method, path, body=None, headers=(), trailers=None):
        """Sends a request. Its stream is in `streams`."""
        number = self.begin(method, path, headers, ends=body is None)
        if body is not None and self.write(number, body, ends=trailers is None) and trailers is not None:
            self.h2.send_headers(number, trailers, end_stream=True)
            self.flush()
        return number

    def answer(self, number):
        stream = self.streams[number]
        self.pump(lambda: stream.over)
        return stream

    def ask(self, *request, **more):
        return self.answer(self.request(*request, **more))

    def reset(self, number, code=CANCEL):
        self.h2.reset_stream(number, code)
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def setting(identifier, value):
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def block(headers):
    """A header block that needs no state."""
    return hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*header) for header in headers])


GET = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/v1/models")]
POST = [(":method", "POST"), (":scheme", "http"), (":authority", "h"), (":path", "/v1/embeddings")]


def get(stream, *more):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, block([*GET, *more]))


def post(stream, *more):
    """The head of a request whose body is still to come."""
    return frame(HEADERS, END_HEADERS, stream, block([*POST, *more]))


class Rude:
    """A connection on which any bytes are sent after the preface."""

    def __init__(self, comity, preface=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)):
        self.wire = Client(comity)
        self.wire.send(preface)
        self.decoder = hpack.Decoder()

    def send(self, *frames):
        try:
            self.wire.send(*frames)
        except ConnectionError:
            pass  # what the server said before it closed is still read

    def frames(self, seconds=10):
        """Frames as they come, until the connection is closed: kind, flags, stream, payload."""
        limit = time.monotonic() + seconds
        while True:
            self.wire.socket.settimeout(max(0.01, limit - time.monotonic()))
            try:
                head = self.wire.exactly(9)
                payload = self.wire.exactly(int.from_bytes(head[:3], "big"))
            except Broken as end:
                if "nothing came" in str(end):
                    raise
                return
            yield head[3], head[4], int.from_bytes(head[5:], "big"), payload

    def until(self, wanted):
        """The payload of the next frame of some kind. Pings are answered."""
        for kind, flags, _, payload in self.frames():
            if kind == PING and not flags & ACK:
                self.send(frame(PING, ACK, 0, payload))
            if kind == wanted:
                return payload
        raise Broken(f"the connection was closed before a frame of kind {wanted} came")

    def outcome(self, stream=1):
        """How the server takes it: ('goaway', code), ('reset', code), ('answer', status), or ('closed', None)."""
        for kind, _, number, payload in self.frames():
            if kind == GOAWAY:
                return "goaway", int.from_bytes(payload[4:8], "big")
            if kind == RST_STREAM and number == stream:
                return "reset", int.from_bytes(payload[:4], "big")
            if kind == HEADERS and number == stream:
                return "answer", int(dict(self.decoder.decode(payload))[":status"])
        return "closed", None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()
