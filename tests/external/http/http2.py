"""HTTP/2 with prior knowledge (RFC 9113): each check gets a running Comity and the model server behind it."""

import hashlib
import json
import socket
import threading

import frames as f
from checks import each, only, same, soon
from frames import END_HEADERS, END_STREAM, GET, PADDED, POST, Polite, Rude, block, frame, get, post, setting
from messages import ASKED, asked, body_then_silence, chunks, floods, is_blocked, sends_half, sends_trailers, streams_on, waits_for_the_end
from wire import BODY_MIB, COMPLETION, DELTA, Client, values

PASS, GUARDED = "/v1/embeddings", "/v1/chat/completions"
PATHS = [("an endpoint that passes", PASS), ("a guarded endpoint", GUARDED)]
LARGE = 20 << 20


ONLY = END_HEADERS | END_STREAM  # the flags of a request without a body


def begun(headers):
    """A header block that goes on."""
    return frame(f.HEADERS, END_STREAM, 1, block(headers))


def connection_error(*codes):
    """Which code a server gives is its own choice where it gives the one that always fits (7: PROTOCOL_ERROR)."""
    return {("closed", None), ("goaway", f.PROTOCOL_ERROR), *(("goaway", code) for code in codes)}


def stream_error(*codes):
    """An error of a stream may be taken for one of the connection (5.4.2)."""
    return connection_error(*codes) | {("reset", code) for code in codes}


MALFORMED = stream_error(f.PROTOCOL_ERROR) | {("answer", 400)}
PROTOCOL, SIZE, COMPRESSION = (connection_error(code) for code in (f.PROTOCOL_ERROR, f.FRAME_SIZE_ERROR, f.COMPRESSION_ERROR))
PINGS = frame(f.PING, 0, 0, b"12345678")

# Frames that break the rules, and how the server has to take them.
BROKEN = [
    ("DATA on no stream", frame(f.DATA, 0, 0, b"x"), PROTOCOL),
    ("HEADERS on no stream", frame(f.HEADERS, ONLY, 0, block(GET)), PROTOCOL),
    ("PRIORITY on no stream", frame(f.PRIORITY, 0, 0, bytes(5)), PROTOCOL),
    ("RST_STREAM on no stream", frame(f.RST_STREAM, 0, 0, bytes(4)), PROTOCOL),
    ("CONTINUATION on no stream", frame(f.CONTINUATION, END_HEADERS, 0, block(GET)), PROTOCOL),
    ("SETTINGS on a stream", frame(f.SETTINGS, 0, 1), PROTOCOL),
    ("PING on a stream", frame(f.PING, 0, 1, bytes(8)), PROTOCOL),
    ("GOAWAY on a stream", frame(f.GOAWAY, 0, 1, bytes(8)), PROTOCOL),
    ("PUSH_PROMISE of a client", frame(f.PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(GET)), PROTOCOL),
    ("a stream with an even number", get(2), PROTOCOL),
    ("a stream with a lower number", get(5) + get(3), connection_error(f.PROTOCOL_ERROR, f.STREAM_CLOSED)),
    ("DATA on a stream that is idle", frame(f.DATA, END_STREAM, 1, b"x"), connection_error(f.PROTOCOL_ERROR, f.STREAM_CLOSED)),
    ("RST_STREAM on a stream that is idle", frame(f.RST_STREAM, 0, 1, bytes(4)), PROTOCOL),
    ("WINDOW_UPDATE on a stream that is idle", frame(f.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), PROTOCOL),
    ("CONTINUATION without HEADERS", get(1) + frame(f.CONTINUATION, END_HEADERS, 1, b""), PROTOCOL),
    ("DATA behind the end of a request", get(1) + frame(f.DATA, END_STREAM, 1, b"x"), stream_error(f.STREAM_CLOSED)),
    ("HEADERS behind the end of a request", get(1) + get(1), stream_error(f.STREAM_CLOSED)),
    ("DATA longer than allowed", post(1) + frame(f.DATA, 0, 1, bytes(16385)), stream_error(f.FRAME_SIZE_ERROR)),
    ("HEADERS longer than allowed", get(1, *[(f"x{number}", "y" * 100) for number in range(220)]), SIZE),
    ("RST_STREAM of three bytes", post(1) + frame(f.RST_STREAM, 0, 1, bytes(3)), SIZE),
    ("PING of six bytes", frame(f.PING, 0, 0, bytes(6)), SIZE),
    ("WINDOW_UPDATE of three bytes", frame(f.WINDOW_UPDATE, 0, 0, bytes(3)), SIZE),
    ("SETTINGS of three bytes", frame(f.SETTINGS, 0, 0, bytes(3)), SIZE),
    ("SETTINGS that acknowledge and say more", frame(f.SETTINGS, f.ACK, 0, setting(1, 0)), SIZE),
    ("PRIORITY of four bytes", post(1) + frame(f.PRIORITY, 0, 1, bytes(4)), stream_error(f.FRAME_SIZE_ERROR)),
    ("ENABLE_PUSH 2", frame(f.SETTINGS, 0, 0, setting(2, 2)), PROTOCOL),
    ("INITIAL_WINDOW_SIZE beyond 31 bits", frame(f.SETTINGS, 0, 0, setting(4, 1 << 31)), connection_error(f.FLOW_CONTROL_ERROR)),
    ("MAX_FRAME_SIZE 16383", frame(f.SETTINGS, 0, 0, setting(5, 16383)), PROTOCOL),
    ("MAX_FRAME_SIZE of 25 bits", frame(f.SETTINGS, 0, 0, setting(5, 1 << 24)), PROTOCOL),
    ("WINDOW_UPDATE by nothing", frame(f.WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL),
    ("WINDOW_UPDATE by nothing on a stream", post(1) + frame(f.WINDOW_UPDATE, 0, 1, bytes(4)), stream_error(f.PROTOCOL_ERROR)),
    ("a window beyond 31 bits", frame(f.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), connection_error(f.FLOW_CONTROL_ERROR)),
    ("a stream's window beyond 31 bits", post(1) + frame(f.WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), stream_error(f.FLOW_CONTROL_ERROR)),
    ("DATA with more padding than bytes", post(1) + frame(f.DATA, PADDED, 1, b"\x06hello"), PROTOCOL),
    ("HEADERS with more padding than bytes", frame(f.HEADERS, PADDED | END_HEADERS, 1, b"\xff" + block(GET)), PROTOCOL),
    ("index 0 of the header table", frame(f.HEADERS, ONLY, 1, b"\x80"), COMPRESSION),
    ("an index beyond the header table", frame(f.HEADERS, ONLY, 1, b"\xfe"), COMPRESSION),
    ("a header table larger than allowed", frame(f.HEADERS, ONLY, 1, b"\x3f\xe1\xff\x03" + block(GET)), COMPRESSION),
    ("a Huffman code that is none", frame(f.HEADERS, ONLY, 1, b"\x00\x84\xff\xff\xff\xff\x01a"), COMPRESSION),
    ("a header block that breaks off", frame(f.HEADERS, ONLY, 1, block(GET)[:-3]), COMPRESSION),
    ("PING within a header block", begun(GET) + PINGS, PROTOCOL),
    ("another stream within a header block", begun(GET) + get(3), PROTOCOL),
    ("CONTINUATION on another stream", begun(GET) + frame(f.CONTINUATION, END_HEADERS, 3, b""), PROTOCOL),
]


@each(BROKEN)
def check_a_frame_that_breaks_the_rules_ends_the_stream_or_the_connection(comity, upstream, sent, expected):
    upstream.begin(body_then_silence)
    with Rude(comity) as client:
        client.send(sent)
        outcome = client.outcome()
    assert outcome in expected, f"found {outcome}, expected one of {expected}"


# Frames that are unusual, and allowed.
ALLOWED = [
    ("a frame of an unknown kind", frame(0x16, 0xFF, 0, b"x") + get(1)),
    ("flags that are not defined", frame(f.PING, 0xFE, 0, bytes(8)) + get(1)),
    ("a setting that is not defined", frame(f.SETTINGS, 0, 0, setting(0x99, 1)) + get(1)),
    ("a header table of no size", frame(f.SETTINGS, 0, 0, setting(1, 0)) + get(1)),
    ("PRIORITY on a stream that is idle", frame(f.PRIORITY, 0, 3, bytes(5)) + get(1)),
    ("PING that acknowledges nothing", frame(f.PING, f.ACK, 0, bytes(8)) + get(1)),
    ("GOAWAY behind a request", get(1) + frame(f.GOAWAY, 0, 0, bytes(8))),
    ("HEADERS with padding and a priority", frame(f.HEADERS, ONLY | PADDED | 0x20, 1, b"\x03" + bytes(5) + block(GET) + bytes(3))),
    ("HEADERS in pieces", begun(GET[:1]) + frame(f.CONTINUATION, 0, 1, block(GET[1:3])) + frame(f.CONTINUATION, END_HEADERS, 1, block(GET[3:]))),
    ("DATA with padding", post(1) + frame(f.DATA, PADDED | END_STREAM, 1, b"\x03hello" + bytes(3))),
    ("empty DATA", post(1) + frame(f.DATA, 0, 1) + frame(f.DATA, 0, 1, b"hello") + frame(f.DATA, END_STREAM, 1)),
    ("te: trailers", get(1, ("te", "trailers"))),
    ("no authority but a host", frame(f.HEADERS, ONLY, 1, block([GET[0], GET[1], GET[3], ("host", "h")]))),
]


@each(ALLOWED)
def check_an_unusual_frame_is_allowed(comity, upstream, sent):
    with Rude(comity) as client:
        client.send(sent)
        same(client.outcome(), ("answer", 200), "the outcome")
    (call,) = upstream.seen
    same(call.received, b"hello" if call.method == "POST" else b"", "what the model server got")


def without(name):
    return [header for header in GET if header[0] != name]


# Requests that are none: their headers.
REQUESTS = [
    ("a name in capitals", [*GET, ("X-A", "b")]),
    ("a space in a name", [*GET, ("x a", "b")]),
    ("a colon in a name", [*GET, ("x:a", "b")]),
    ("an empty name", [*GET, ("", "b")]),
    ("a line feed in a value", [*GET, ("x", "a\nb")]),
    ("a carriage return in a value", [*GET, ("x", "a\rb")]),
    ("NUL in a value", [*GET, ("x", "a\0b")]),
    ("a pseudo-header that is not defined", [*GET, (":x", "y")]),
    ("a status", [*GET, (":status", "200")]),
    ("a pseudo-header behind the others", [*GET[:3], ("x", "y"), GET[3]]),
    ("no method", without(":method")),
    ("no scheme", without(":scheme")),
    ("no path", without(":path")),
    ("an empty path", [*without(":path"), (":path", "")]),
    ("a path without a slash", [*without(":path"), (":path", "v1/models")]),
    ("two paths", [*GET, (":path", "/v1/other")]),
    ("two methods", [*GET, (":method", "GET")]),
    ("two schemes", [*GET, (":scheme", "http")]),
    ("a method that is none", [*without(":method"), (":method", "G T")]),
    ("a space in the path", [*without(":path"), (":path", "/v1/models HTTP/1.1")]),
    ("a line feed in the path", [*without(":path"), (":path", "/v1/models HTTP/1.1\r\nX: y")]),
    ("connection", [*GET, ("connection", "keep-alive")]),
    ("keep-alive", [*GET, ("keep-alive", "timeout=5")]),
    ("proxy-connection", [*GET, ("proxy-connection", "keep-alive")]),
    ("transfer-encoding", [*GET, ("transfer-encoding", "chunked")]),
    ("upgrade", [*GET, ("upgrade", "h2c")]),
    ("te that is more than trailers", [*GET, ("te", "trailers, deflate;q=0.5")]),
    ("two lengths that differ", [*GET, ("content-length", "0"), ("content-length", "5")]),
    ("a length that is none", [*GET, ("content-length", "+0")]),
]


@each(REQUESTS)
def check_a_request_that_is_none_is_refused(comity, upstream, headers):
    with Rude(comity) as client:
        client.send(frame(f.HEADERS, ONLY, 1, block(headers)))
        outcome = client.outcome()
    assert outcome in MALFORMED, f"found {outcome}, expected one of {MALFORMED}"
    same([call.raw for call in upstream.seen], [], "what the model server got")


# Bodies that do not end as they should.
HELLO, TRAILERS = frame(f.DATA, 0, 1, b"hello"), block([("x-sum", "42")])
BODIES = [
    ("shorter than its length", post(1, ("content-length", "6")) + frame(f.DATA, END_STREAM, 1, b"hello")),
    ("longer than its length", post(1, ("content-length", "4")) + frame(f.DATA, END_STREAM, 1, b"hello")),
    ("longer than its length, in two pieces", post(1, ("content-length", "6")) + HELLO + frame(f.DATA, END_STREAM, 1, b"hello")),
    ("none, with a length", frame(f.HEADERS, ONLY, 1, block([*POST, ("content-length", "5")]))),
    ("trailers that do not end it", post(1) + HELLO + frame(f.HEADERS, END_HEADERS, 1, TRAILERS)),
]


@each(BODIES)
def check_a_body_that_does_not_end_as_it_should_is_refused(comity, upstream, sent):
    with Rude(comity) as client:
        client.send(sent)
        outcome = client.outcome()
    assert outcome in MALFORMED, f"found {outcome}, expected one of {MALFORMED}"
    same([call.received for call in upstream.seen if call.received is not None], [], "whole bodies that the model server got")


def check_connect_is_refused(comity, upstream):
    with Rude(comity) as client:
        client.send(frame(f.HEADERS, ONLY, 1, block([(":method", "CONNECT"), (":authority", "elsewhere.invalid:443")])))
        outcome = client.outcome()
    assert outcome[0] == "reset" or outcome in [("answer", status) for status in (400, 403, 404, 405, 501)], f"found {outcome}"
    same([call.raw for call in upstream.seen], [], "what the model server got")


def check_a_preface_that_is_none_ends_the_connection(comity, upstream):
    with Rude(comity, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + frame(f.SETTINGS, 0, 0)) as client:
        assert client.wire.closed(5), "the connection is closed"


def check_settings_and_pings_are_acknowledged(comity, upstream):
    with Rude(comity) as client:
        client.send(PINGS)
        due = {(f.SETTINGS, f.ACK, b""), (f.PING, f.ACK, b"12345678")}
        for kind, flags, _, payload in client.frames():
            due.discard((kind, flags, payload))
            if not due:
                break
        assert not due, f"the server did not send {due}"


def check_data_come_as_the_windows_allow(comity, upstream):
    with Rude(comity, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(f.SETTINGS, 0, 0, setting(4, 1))) as client:
        client.send(get(1))
        data, came = b"", client.frames()

        def more(count):
            nonlocal data
            while len(data) < count:
                kind, _, _, payload = next(came)
                data += payload if kind == f.DATA else b""

        more(1)
        client.send(PINGS)
        while next(came)[3] != b"12345678":
            pass
        same(data, COMPLETION[:1], "with a window of one byte")
        client.send(frame(f.WINDOW_UPDATE, 0, 1, b"\0\0\0\5"))
        more(6)
        same(data, COMPLETION[:6], "with five bytes more")
        client.send(frame(f.SETTINGS, 0, 0, setting(4, 1000)))
        more(len(COMPLETION))
        same(data, COMPLETION, "with a window that is large enough")


@each(PATHS)
def check_a_request_is_answered(comity, upstream, path):
    with Polite(comity) as client:
        answer = client.ask("POST", path, ASKED, [("content-type", "application/json"), ("te", "trailers")])
    same((answer.status, answer.ended, bytes(answer.body)), (200, True, COMPLETION), "the answer")
    same((upstream.seen[0].target, upstream.seen[0].received), (path, ASKED), "what the model server got")
    for name in ("connection", "transfer-encoding", "keep-alive"):
        same(answer.value(name), None, f"{name}, which HTTP/2 does not have")


@each(PATHS)
def check_pieces_of_a_cookie_are_joined(comity, upstream, path):
    with Polite(comity) as client:
        client.ask("POST", path, ASKED, [("cookie", "a=1"), ("cookie", "b=2")])
    same(values(upstream.seen[0].headers, "cookie"), ["a=1; b=2"], "the cookies that the model server got (8.2.3)")


def check_events_come_one_by_one(comity, upstream):
    goes_on = threading.Semaphore(0)

    def answers(call):
        call.body()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            call.send(chunks(DELTA % b"%d" % number)[:-5])
            goes_on.acquire(timeout=10)
        call.send(b"0\r\n\r\n")

    upstream.begin(answers)
    with Polite(comity) as client:
        number = client.request("POST", GUARDED, ASKED)
        stream = client.streams[number]
        for count in range(1, 4):
            client.pump(lambda: stream.body.count(b"\n\n") >= count)
            same(stream.body.count(b"\n\n"), count, "events that came")
            goes_on.release()
        assert client.answer(number).ended, "the stream ends"


@each(PATHS)
def check_trailers_come_to_the_client(comity, upstream, path):
    upstream.begin(sends_trailers)
    with Polite(comity) as client:
        answer = client.ask("POST", path, ASKED, [("te", "trailers")])
    same((bytes(answer.body), answer.trailers), (b"hello", [("x-sum", "42")]), "the answer")


def check_trailers_come_to_the_model_server(comity, upstream):
    with Polite(comity) as client:
        same(client.ask("POST", PASS, b"hello", [("trailer", "x-sum")], [("x-sum", "42")]).status, 200, "the status")
    same((upstream.seen[0].received, upstream.seen[0].trailers), (b"hello", [("x-sum", "42")]), "what the model server got")


BODILESS = [
    ("HEAD", "HEAD", b"200 OK", b"Content-Length: 1234\r\n"),
    ("204", "GET", b"204 No Content", b""),
    ("304", "GET", b"304 Not Modified", b'ETag: "x"\r\n'),
]


@each(BODILESS)
def check_an_answer_without_a_body_ends_with_its_head(comity, upstream, method, status, headers):
    upstream.begin(lambda call: call.send(b"HTTP/1.1 %s\r\n%sX-A: b\r\n\r\n" % (status, headers)))
    with Polite(comity) as client:
        answer = client.ask(method, "/v1/models")
    same((answer.status, answer.ended, answer.body, answer.value("x-a")), (int(status[:3]), True, b"", "b"), "the answer")


@each([(f"{name}, {where}", path, sent) for where, path in PATHS for name, sent in [
    ("short of its length", b"Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello"),
    ("without its last chunk", b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
]])
def check_an_answer_that_breaks_off_does_not_look_whole(comity, upstream, path, sent):
    def answers(call):
        call.body()
        call.send(b"HTTP/1.1 200 OK\r\n", sent)
        call.close()

    upstream.begin(answers)
    with Polite(comity) as client:
        answer = client.ask("POST", path, ASKED)
        same((answer.status, answer.ended), (200, False), "the answer")
        assert b"hello".startswith(answer.body), f"what came until then: {answer.body!r}"  # a reset may overtake it
        assert answer.reset not in (None, f.NO_ERROR), "the stream is reset"
        upstream.begin()
        same(client.ask("POST", path, ASKED).status, 200, "the next stream's answer")


@each(PATHS)
def check_an_upload_of_20_mib_arrives(comity, upstream, path):
    body = asked(LARGE)
    with Polite(comity) as client:
        answer = client.ask("POST", path, body, [("content-type", "application/json")])
    came = hashlib.sha256(upstream.seen[0].received).digest()
    same((answer.status, came), (200, hashlib.sha256(body).digest()), "the status, and the hash of what the model server got")


@only("enforce")
def check_a_body_that_is_too_large_is_refused_before_it_comes(comity, upstream):
    with Polite(comity) as client:
        number = client.begin("POST", GUARDED, [("content-length", str(BODY_MIB + 1 << 20))])
        answer = client.answer(number)
        same((answer.status, json.loads(answer.body)["error"]["code"]), (413, "request_too_large"), "the answer")
        same(client.ask("POST", GUARDED, ASKED).status, 200, "the next stream's answer")


@each(PATHS)
def check_an_answer_before_the_whole_request_came_is_the_answer(comity, upstream, path):
    def answers(call):
        call.exactly(1)
        call.whole(b'{"error":"early"}', b"401 Unauthorized", headers=b"Connection: close\r\n")
        call.socket.shutdown(socket.SHUT_WR)
        call.closed(5)

    upstream.begin(answers)
    with Polite(comity) as client:
        number = client.begin("POST", path, [("content-type", "application/json")])
        client.write(number, asked(LARGE))
        answer = client.answer(number)
    same((answer.status, bytes(answer.body)), (401, b'{"error":"early"}'), "the answer")


@each(PATHS)
def check_100_streams_at_once_are_answered(comity, upstream, path):
    together = threading.Barrier(100)

    def answers(call):
        call.body()
        together.wait(20)  # breaks where fewer than all come
        call.whole(b'{"target":"%s"}' % call.target.encode())

    upstream.begin(answers)
    with Polite(comity) as client:
        numbers = {client.request("POST", f"{path}?{number}", ASKED): number for number in range(100)}
        for stream, number in numbers.items():
            same(json.loads(client.answer(stream).body), {"target": f"{path}?{number}"}, "the answer")


def check_a_stream_that_is_not_read_holds_no_other_back(comity, upstream):
    def answers(call):
        if call.target == GUARDED:
            floods(call)
        call.body()
        call.whole(b"x" * 200_000)

    upstream.begin(answers)
    with Polite(comity, reads=False) as client:
        client.h2.increment_flow_control_window(16 << 20)  # of the connection: the streams keep the 64 KiB that they begin with
        first = client.streams[client.request("POST", GUARDED, ASKED)]
        client.pump(lambda: len(first.body) == 65535)
        number = client.request("POST", PASS, ASKED)
        client.h2.increment_flow_control_window(1 << 20, number)
        client.flush()
        answer = client.answer(number)
        same((len(answer.body), len(first.body)), (200_000, 65535), "the bytes of both")


@each(PATHS)
def check_a_client_that_does_not_read_holds_the_model_server_back(comity, upstream, path):
    upstream.begin(floods)
    before = comity.memory()
    with Polite(comity, reads=False) as client:
        client.request("POST", path, ASKED)
        is_blocked(comity, upstream, before)
    assert upstream.seen[0].done.wait(5), "the model server hears that the client is gone"


ENDS = [("its stream is reset", lambda client, number: client.reset(number)), ("its connection is closed", lambda client, _: client.wire.close())]
PHASES = [
    ("while it sends its body, an endpoint that passes", waits_for_the_end, PASS, False),
    ("while the model server thinks, an endpoint that passes", body_then_silence, PASS, False),
    ("while the model server thinks, a guarded endpoint", body_then_silence, GUARDED, False),
    ("in the middle of a stream, an endpoint that passes", streams_on, PASS, True),
    ("in the middle of a stream, a guarded endpoint", streams_on, GUARDED, True),
    ("in the middle of a whole answer, an endpoint that passes", sends_half, PASS, True),
    ("in the middle of a whole answer, a guarded endpoint", sends_half, GUARDED, True),
]


@each([(f"{end}, {name}", *row, ends) for end, ends in ENDS for name, *row in PHASES])
def check_when_the_client_is_gone_the_model_server_hears_it_within_a_second(comity, upstream, script, path, starts, ends):
    upstream.begin(script)
    with Polite(comity) as client:
        number = client.begin("POST", path)
        client.write(number, ASKED, ends=script is not waits_for_the_end)
        call = upstream.next()
        if starts:
            client.pump(lambda: client.streams[number].body)
        elif script is not waits_for_the_end:
            soon(lambda: call.received is not None, "the model server has the request")
        ends(client, number)
        assert call.done.wait(1), "the model server's connection is closed"


# What a client may try in order to keep a server busy: many small frames, of which each asks for some work.
FLOODS = [
    ("1000 streams that are reset at once", b"".join(get(number) + frame(f.RST_STREAM, 0, number, b"\0\0\0\x08") for number in range(1, 2000, 2))),
    ("20,000 pings", PINGS * 20_000),
    ("20,000 settings", frame(f.SETTINGS, 0, 0, setting(4, 65535)) * 20_000),
    ("20,000 empty pieces of a body", post(1) + frame(f.DATA, 0, 1) * 20_000),
    ("20,000 empty pieces of a head", begun(GET) + frame(f.CONTINUATION, 0, 1) * 20_000),
    ("a head of 16 MiB", begun(GET) + frame(f.CONTINUATION, 0, 1, block([("x", "y" * 16000)])) * 1000),
    ("20,000 window updates", post(1) + frame(f.WINDOW_UPDATE, 0, 1, b"\0\0\0\1") * 20_000),
]


@each(FLOODS)
def check_a_flood_harms_nobody_else(comity, upstream, sent):
    goes_on = threading.Event()

    def answers(call):
        if call.target == GUARDED:
            call.body()
            goes_on.wait(20)
            call.whole(COMPLETION)
        else:
            call.closed(20)

    upstream.begin(answers)
    before = comity.memory()
    with Polite(comity) as other:
        number = other.request("POST", GUARDED, ASKED)
        upstream.next()
        with Rude(comity) as client:
            client.send(sent)
            goes_on.set()
            same(other.answer(number).status, 200, "the answer to a request that was under way")
            with Polite(comity) as new:
                same(new.ask("POST", GUARDED, ASKED).status, 200, "the answer to a new one")
            grown = comity.memory() - before
            assert grown < 48 << 20, f"Comity grew by {grown >> 20} MiB"
    soon(lambda: all(call.done.is_set() for call in upstream.seen), "the model server hears that the flood is over")


def check_a_head_of_one_mib_is_refused(comity, upstream):
    large = block([*GET, *[(f"x{number}", "y" * 1000) for number in range(1000)]])
    pieces = [large[at : at + 16384] for at in range(0, len(large), 16384)]
    with Rude(comity) as client:
        client.send(frame(f.HEADERS, END_STREAM, 1, pieces[0]), *(frame(f.CONTINUATION, 0, 1, piece) for piece in pieces[1:-1]))
        client.send(frame(f.CONTINUATION, END_HEADERS, 1, pieces[-1]))
        outcome = client.outcome()
    assert outcome[0] in ("reset", "goaway", "closed") or outcome == ("answer", 431), f"found {outcome}"
    same([call.raw for call in upstream.seen], [], "what the model server got")


def check_shutdown_lets_streams_finish_and_takes_no_new_ones(comity, upstream):
    """The last check: it ends the server."""
    goes_on = threading.Event()

    def answers(call):
        call.body()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", chunks(DELTA % b"a")[:-5])
        goes_on.wait(10)
        call.send(chunks(DELTA % b"b", b"data: [DONE]\n\n"))

    upstream.begin(answers)
    chat = [*POST[:3], (":path", GUARDED)]
    with Rude(comity) as new, Rude(comity) as idle, Client(comity) as old, Client(comity) as old_idle:
        new.send(frame(f.HEADERS, END_HEADERS, 1, block(chat)), frame(f.DATA, END_STREAM, 1, ASKED))
        idle.send(PINGS)
        old.send(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (GUARDED.encode(), len(ASKED), ASKED))
        response = old.start()
        came = new.until(f.DATA)
        idle.until(f.PING)
        comity.process.terminate()
        for client in (new, idle):
            same(int.from_bytes(client.until(f.GOAWAY)[4:8], "big"), f.NO_ERROR, "GOAWAY's code")
        assert old_idle.closed(5), "a connection without a request is closed"
        soon(lambda: refuses(comity), "new connections are refused")
        idle.until(f.PING)  # the server asks whether a request crossed its word
        assert idle.wire.closed(5), "a connection without a stream is closed"
        goes_on.set()
        expected = DELTA % b"a" + DELTA % b"b" + b"data: [DONE]\n\n"
        while len(came) < len(expected):
            came += new.until(f.DATA)
        old.rest(response)
        same((came, response.body, response.whole), (expected, expected, True), "both streams")
        same(comity.process.wait(15), 0, "the exit code")


def refuses(comity):
    try:
        Client(comity).close()
    except ConnectionRefusedError:
        return True
    return False
