"""Requests and answers as bytes, and what the model server does with them in checks of both versions."""

import json
import time

from checks import same
from wire import COMPLETION, DELTA

PASS, GUARDED = b"/v1/embeddings", b"/v1/chat/completions"
PATHS = [("an endpoint that passes", PASS), ("a guarded endpoint", GUARDED)]
ASKED = b'{"model":"m","messages":[{"role":"user","content":"How do I fold a fitted sheet?"}]}'
VERDICT = b"Comity-Verdict: include\r\n"  # makes Comity read the answer while it enforces
PATIENT = 5  # seconds: how long the model server waits for the other side to close
LARGE = 24 << 20  # more than the buffers of all sockets on the way hold
CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


def request(line, *headers, body=b""):
    return b"".join([line, b" HTTP/1.1\r\nHost: h\r\n", *(header + b"\r\n" for header in headers), b"\r\n", body])


def post(path=GUARDED, body=ASKED, headers=b""):
    return b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s" % (path, len(body), headers, body)


def asked(size):
    """A chat request of some size."""
    return ASKED[:-1] + b',"x":"' + b"x" * (size - len(ASKED) - 7) + b'"}'


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def four_keys(response):
    same(sorted(json.loads(response.body)["error"]), ["code", "message", "param", "type"], "the error's keys")


def refused(client, statuses=range(400, 500)):
    """The client is told that it is at fault, and the connection, on which nobody knows where the next request begins, is closed."""
    response = client.response()
    assert response.status in statuses, f"refused with {response.status} {response.body!r}"
    assert client.closed(5), "the connection is closed"
    return response


def floods(call):
    """An answer without an end."""
    call.body()
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    event = DELTA % (b"x" * 16000)
    block = b"%x\r\n%s\r\n" % (len(event), event)
    while True:
        call.send(block)


def is_blocked(comity, upstream, before):
    """After three seconds the model server can write no more, and Comity has grown by little since it had `before` bytes."""
    call = upstream.next()
    time.sleep(3)
    sent = call.sent
    time.sleep(1)
    same(call.sent, sent, "bytes that the model server can send while nobody reads")
    grown = comity.memory() - before
    assert grown < 48 << 20, f"Comity grew by {grown >> 20} MiB, {sent >> 20} MiB were sent"


def sends_trailers(call):
    call.body()
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
    call.send(b"5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n")


def waits_for_the_end(call):
    assert call.closed(PATIENT), "the connection is closed"


def sends_half(call):
    call.body()
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", COMPLETION)
    waits_for_the_end(call)


def streams_on(call):
    call.body()
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", chunks(DELTA % b"Hi")[:-5])
    waits_for_the_end(call)


def body_then_silence(call):
    call.body()
    waits_for_the_end(call)
