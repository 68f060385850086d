"""HTTP/1.1 (RFC 9110, RFC 9112): exchanges, from the request's head to the end of the answer, and what is broken off between.

Each check gets a running Comity and the model server behind it.
"""

import gzip
import json
import select
import socket
import threading
import time

from checks import each, only, same, soon
from messages import ASKED, CHUNKED, GUARDED, LARGE, PASS, PATHS, PATIENT, VERDICT, asked, chunks, four_keys, post, request
from messages import body_then_silence, floods, is_blocked, sends_half, sends_trailers, streams_on, waits_for_the_end
from wire import BODY_MIB, BODY_SECONDS, COMPLETION, DELTA, Client, values


@each(PATHS)
def check_headers_of_one_hop_are_not_passed_on(comity, upstream, path):
    def answers(call):
        call.body()
        call.whole(COMPLETION, headers=b"Connection: X-Two\r\nX-Two: 2\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Kept: 1\r\n")

    upstream.begin(answers)
    with Client(comity) as client:
        of_one_hop = b"Connection: X-One\r\nX-One: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\n"
        client.send(post(path, headers=of_one_hop + b"X-Kept: 1\r\n"))
        response = client.response()
    sent = [name for name, _ in upstream.seen[0].headers]
    for name in ("x-one", "keep-alive", "te", "proxy-authorization", "upgrade"):
        assert name not in sent, f"{name} came to the model server"
    for name in ("x-two", "keep-alive", "proxy-authenticate"):
        assert response.value(name) is None, f"{name} came to the client"
    same((values(upstream.seen[0].headers, "x-kept"), response.value("x-kept")), (["1"], "1"), "the header that is kept")


@each(PATHS)
def check_expect_is_answered_before_the_body_comes(comity, upstream, path):
    with Client(comity) as client:
        head, _, body = post(path, headers=b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
        client.send(head, b"\r\n\r\n")
        client.socket.settimeout(5)
        same(client.until(b"\r\n\r\n").split(b" ")[1], b"100", "the status")
        client.send(body)
        response = client.response()
    (call,) = upstream.seen
    same((response.status, call.received, values(call.headers, "expect")), (200, ASKED, []), "the answer and what the model server got")


@only("enforce")
def check_a_body_that_is_too_large_is_refused_before_it_comes(comity, upstream):
    for expect in (b"", b"Expect: 100-continue\r\n"):
        with Client(comity) as client:
            client.send(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%s\r\n" % (GUARDED, BODY_MIB + 1 << 20, expect))
            response = client.response()
            same((response.status, response.interim, json.loads(response.body)["error"]["code"]), (413, [], "request_too_large"), "the answer")
            four_keys(response)
            assert client.closed(5), "the connection is closed"
    same([call.raw for call in upstream.seen], [], "what the model server got")


def sends_on(client, bytes_left):
    """A client that looks at nothing before it has sent everything. Returns how many bytes it could not send."""
    block = b"x" * 65536
    try:
        while bytes_left > 0:
            client.send(block)
            bytes_left -= len(block)
    except ConnectionError:
        pass
    return bytes_left


@only("enforce")
def check_a_client_that_goes_on_sending_gets_to_read_413(comity, upstream):
    with Client(comity) as client:
        client.send(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (GUARDED, BODY_MIB + 1 << 20))
        left = sends_on(client, 8 << 20)
        same(client.response().status, 413, "the status")
    assert left <= 0, f"the connection was reset with {left} bytes to go: over a network the reset overtakes the answer"


@only("enforce")
def check_a_chunked_body_that_grows_too_large_is_refused(comity, upstream):
    with Client(comity) as client:
        client.send(request(b"POST " + GUARDED, CHUNKED))
        block = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            for _ in range(BODY_MIB * 16 + 16):
                client.send(block)
        except ConnectionError:
            pass
        same(client.response().status, 413, "the status")
    same([call.raw for call in upstream.seen], [], "what the model server got")


@each(PATHS)
def check_pipelined_requests_are_answered_in_order(comity, upstream, path):
    def answers(call):
        call.body()
        call.whole(b'{"target":"%s"}' % call.target.encode())

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(*(post(path + b"?%d" % number) for number in range(10)), b"GET /v1/last HTTP/1.1\r\nHost: h\r\n\r\n")
        told = [json.loads(client.response().body)["target"] for _ in range(11)]
    same(told, [f"{path.decode()}?{number}" for number in range(10)] + ["/v1/last"], "the answers")


def check_an_answer_to_head_has_no_body(comity, upstream):
    upstream.begin(lambda call: call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: b\r\n\r\n"))
    with Client(comity) as client:
        for _ in range(2):  # the second shows that nothing is left of the first
            client.send(request(b"HEAD /v1/models"))
            response = client.response("HEAD")
            same((response.status, response.value("content-length"), response.value("x-a")), (200, "1234", "b"), "the head")
    same([call.method for call in upstream.seen], ["HEAD"] * 2, "what the model server got")


@each([("204", b"204 No Content", b"X-A: b\r\n"), ("304", b"304 Not Modified", b'ETag: "x"\r\nContent-Length: 1234\r\nX-A: b\r\n')])
def check_an_answer_without_a_body_ends_with_its_head(comity, upstream, status, headers):
    upstream.begin(lambda call: call.send(b"HTTP/1.1 %s\r\n%s\r\n" % (status, headers)))
    with Client(comity) as client:
        for _ in range(2):
            client.send(request(b"GET /v1/models"))
            response = client.response()
            same((response.status, response.value("x-a"), response.value("transfer-encoding")), (int(status[:3]), "b", None), "the head")
        assert not (status[:3] == b"204" and response.value("content-length")), "204 has no length"


@each(PATHS)
def check_trailers_come_to_the_client(comity, upstream, path):
    upstream.begin(sends_trailers)
    with Client(comity) as client:
        client.send(post(path, headers=b"TE: trailers\r\nConnection: TE\r\n"))
        response = client.response()
    same((response.body, response.trailers), (b"hello", [("x-sum", "42")]), "the answer")


def check_trailers_come_to_the_model_server(comity, upstream):
    with Client(comity) as client:
        client.send(request(b"POST " + PASS, CHUNKED, b"Trailer: X-Sum", body=b"5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n"))
        same(client.response().status, 200, "the status")
    same((upstream.seen[0].received, upstream.seen[0].trailers), (b"hello", [("x-sum", "42")]), "what the model server got")


# Answers that are no HTTP, or could be read in two ways.
ANSWERS = [
    ("a folded header", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello"),
    ("a space before a colon", b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"),
    ("a space in a name", b"HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Length: 5\r\n\r\nhello"),
    ("NUL in a value", b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello"),
    ("a line without a colon", b"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 5\r\n\r\nhello"),
    ("two lengths that differ", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    ("a length with a plus", b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"),
    ("a status that is none", b"HTTP/1.1 2x0 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ("a version that is none", b"HTTP/7.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ("no HTTP", b"220 mail.example.org ESMTP\r\n\r\n"),
    ("a switch that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    ("a head of 1 MiB", b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20) + b"\r\nContent-Length: 5\r\n\r\nhello"),
    ("nothing", b""),
    ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le"),
]


@each([(f"{name}, {where}", path, sent) for name, sent in ANSWERS for where, path in PATHS])
def check_an_answer_that_is_no_http_becomes_502(comity, upstream, path, sent):
    def answers(call):
        call.body()
        try:
            call.send(sent)
        finally:
            call.close()

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(post(path))
        response = client.response()
        # A folded value may be unfolded as well.
        if response.status == 200 and response.value("x") == "a b":
            return
        same((response.status, json.loads(response.body)["error"]["code"]), (502, "upstream_unavailable"), "the answer")
        four_keys(response)
        upstream.begin()
        client.send(post(path))  # the client is not at fault: its connection goes on
        same(client.response().status, 200, "the next answer")


@each(PATHS)
def check_an_answer_with_chunks_and_a_length_is_framed_in_one_way(comity, upstream, path):
    def answers(call):
        call.body()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"hello"))
        call.close()

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(post(path))
        response = client.response()  # reading it fails where both lengths are there
    assert response.status == 502 or response.body == b"hello", f"{response.status} {response.body!r}"


@each([(f"{name}, {where}", path, sent) for where, path in PATHS for name, sent in [
    ("short of its length", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello"),
    ("without its last chunk", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ("within a chunk", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello"),
    ("with a chunk that is none", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n\r\n"),
]])
def check_an_answer_that_breaks_off_does_not_look_whole(comity, upstream, path, sent):
    def answers(call):
        call.body()
        call.send(sent)
        call.close()

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(post(path))
        response = client.response()
    if response.status == 502:
        return  # the model server was gone before anything of its answer was passed on
    assert not response.whole, "the answer looks whole"
    same((response.status, response.body), (200, b"hello"), "what came until then")


@only("enforce")
def check_a_whole_answer_that_breaks_off_while_it_is_read_is_an_error(comity, upstream):
    def answers(call):
        call.body()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", COMPLETION)
        call.close()

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%s\r\n%s" % (len(ASKED), VERDICT, ASKED))
        response = client.response()
    same((response.status, response.whole, json.loads(response.body)["error"]["code"]), (502, True, "upstream_unavailable"), "the answer")


# Bodies in every framing that HTTP/1.1 has: the same five bytes.
FRAMINGS = [
    ("a length", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
    ("chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"he", b"llo"), False),
    ("chunks with extensions", b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n', False),
    ("the connection's end", b"HTTP/1.1 200 OK\r\n\r\nhello", True),
    ("the connection's end, HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", True),
    ("a hint before it", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
    ("100 before it, unasked", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
    ("a status nobody knows", b"HTTP/1.1 299 \r\nContent-Length: 5\r\n\r\nhello", False),
]


@each([(f"{name}, {where}", path, *row) for name, *row in FRAMINGS for where, path in PATHS])
def check_an_answer_is_understood_in_every_framing(comity, upstream, path, sent, closes):
    def answers(call):
        call.body()
        call.send(sent)
        if closes:
            call.close()

    upstream.begin(answers)
    with Client(comity) as client:
        for _ in range(2):
            client.send(post(path))
            response = client.response()
            same((response.status // 100, response.whole, response.body), (2, True, b"hello"), "the answer")
            same(response.interim, [], "answers before the answer")
    with Client(comity) as client:  # to a client of HTTP/1.0 no chunks may be sent
        client.send(post(path).replace(b"HTTP/1.1", b"HTTP/1.0"))
        response = client.response()
        same((response.body, response.value("transfer-encoding")), (b"hello", None), "the answer to HTTP/1.0")
        assert client.closed(5), "the connection is closed"


@each([("a whole answer", b"", b"application/json", COMPLETION), ("a stream", b"", b"text/event-stream", DELTA % b"Hi" + b"data: [DONE]\n\n")])
def check_what_the_model_server_compressed_stays_as_it_is(comity, upstream, headers, kind, content):
    packed = gzip.compress(content, mtime=0)

    def answers(call):
        call.body()
        call.whole(packed, kind=kind, headers=b"Content-Encoding: gzip\r\n")

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(post(headers=headers))
        response = client.response()
    same((response.status, response.value("content-encoding"), response.body), (200, "gzip", packed), "the answer")


@only("enforce")
def check_a_compressed_answer_is_read_where_the_verdict_is_asked_for(comity, upstream):
    def answers(call):
        call.body()
        call.whole(gzip.compress(COMPLETION), headers=b'Content-Encoding: gzip\r\nETag: "x"\r\n')

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(post(headers=VERDICT))
        response = client.response()
    same((response.value("content-encoding"), response.value("etag")), (None, None), "what described the old bytes")
    content = json.loads(response.body)
    assert content.pop("moderation"), "the verdict is there"
    same(content, json.loads(COMPLETION), "the answer beside it")


@each([(f"{status.decode()}, {where}", path, status) for status in (b"301", b"302", b"303", b"307", b"308") for where, path in PATHS])
def check_a_redirect_passes_and_is_not_followed(comity, upstream, path, status):
    def answers(call):
        call.body()
        call.whole(b"elsewhere", status + b" Moved", headers=b"Location: http://127.0.0.1:1/v1/elsewhere\r\n")

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(post(path))
        response = client.response()
    same((response.status, response.value("location"), response.body), (int(status), "http://127.0.0.1:1/v1/elsewhere", b"elsewhere"), "the answer")
    same(len(upstream.seen), 1, "requests at the model server")


def stays(call):
    """Reads nothing more, and keeps the connection for as long as Comity does."""
    poll = select.poll()
    poll.register(call.socket, select.POLLRDHUP)
    poll.poll(1000)
    call.close()


def lingers(call):
    """Closes as RFC 9112, 9.6 says: the sending half first, the rest when the other side is done."""
    call.socket.shutdown(socket.SHUT_WR)
    call.closed(PATIENT)
    call.close()


def slams(call):
    """Closes at once, with unread bytes: that resets the connection."""
    call.close()


EARLY = [
    (f"{status.decode()}, the model server {name}, {where}", path, status, end)
    for status in (b"401 Unauthorized", b"413 Content Too Large")
    for name, end in (("reads no more", stays), ("closes", lingers), ("resets", slams))
    for where, path in PATHS
]


@each(EARLY)
def check_an_answer_before_the_whole_request_came_is_the_answer(comity, upstream, path, status, end):
    def answers(call):
        call.exactly(1)
        call.whole(b'{"error":"early"}', status, headers=b"Connection: close\r\n")
        end(call)

    upstream.begin(answers)
    body = asked(LARGE)
    with Client(comity) as client:
        sender = threading.Thread(target=sends_all, args=(client, post(path, body)), daemon=True)
        sender.start()
        response = client.response()
        # A reset may take the answer with it: then the client is told that it was lost.
        if not (end is slams and response.status == 502):
            same((response.status, response.body), (int(status[:3]), b'{"error":"early"}'), "the answer")
        sender.join(PATIENT * 2)
        assert not sender.is_alive(), "the client can send the rest, or hears that nobody reads it"


def sends_all(client, data):
    try:
        client.send(data)
    except OSError:
        pass


def check_a_connection_that_the_model_server_closed_is_not_used_again(comity, upstream):
    def answers(call):
        call.body()
        call.whole(COMPLETION)
        call.socket.shutdown(socket.SHUT_WR)
        assert call.closed(PATIENT), "Comity lets go of it"

    upstream.begin(answers)
    with Client(comity) as client:
        for _ in range(3):
            client.send(post())
            same(client.response().status, 200, "the status")
            assert upstream.next().done.wait(PATIENT), "Comity lets go of the connection"


def check_a_connection_to_the_model_server_is_used_again(comity, upstream):
    ports = set()

    def answers(call):
        ports.add(call.socket.getpeername())
        call.body()
        call.whole(COMPLETION)

    upstream.begin(answers)
    with Client(comity) as client:
        for _ in range(5):
            client.send(post())
            same(client.response().status, 200, "the status")
    same(len(ports), 1, "connections to the model server")


def check_close_is_heeded(comity, upstream):
    with Client(comity) as client:
        client.send(post(headers=b"Connection: close\r\n"))
        response = client.response()
        same((response.status, response.value("connection")), (200, "close"), "the answer")
        assert client.closed(5), "the connection is closed"


def check_websockets_pass(comity, upstream):
    def answers(call):
        call.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello")
        call.send(call.exactly(4)[::-1])
        call.close()

    upstream.begin(answers)
    with Client(comity) as client:
        client.send(request(b"GET /v1/realtime", b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket", b"Sec-WebSocket-Key: y"))
        response = client.start()
        same((response.status, response.value("upgrade").lower(), response.value("sec-websocket-accept")), (101, "websocket", "x"), "the head")
        client.send(b"abcd")
        same(client.exactly(9), b"hellodcba", "what passes")
        assert client.closed(5), "the end passes, too"


@each([*PATHS, ("a guarded endpoint, verdict asked for", GUARDED, VERDICT)])
def check_a_client_that_does_not_read_holds_the_model_server_back(comity, upstream, path, headers=b""):
    upstream.begin(floods)
    before = comity.memory()
    with Client(comity, receive_buffer=1 << 16) as client:
        client.send(post(path, headers=headers))
        is_blocked(comity, upstream, before)
        got = len(client.exactly(4 << 20))
        same(got, 4 << 20, "it goes on when the client reads")
    assert upstream.seen[0].done.wait(5), "the model server hears that the client is gone"


def check_a_model_server_that_does_not_read_holds_the_client_back(comity, upstream):
    upstream.begin(lambda call: call.done.wait(10))
    before = comity.memory()
    sent = [0]

    def sends():
        try:
            client.send(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (PASS, 1 << 30))
            while True:
                client.send(b"x" * 65536)
                sent[0] += 65536
        except (OSError, TimeoutError):
            pass

    with Client(comity) as client:
        sender = threading.Thread(target=sends, daemon=True)
        sender.start()
        call = upstream.next()
        time.sleep(3)
        so_far = sent[0]
        time.sleep(1)
        same(sent[0], so_far, "bytes that the client can send while nobody reads")
        grown = comity.memory() - before
        assert grown < 48 << 20, f"Comity grew by {grown >> 20} MiB"
        client.socket.shutdown(socket.SHUT_RDWR)
    call.done.set()
    sender.join(5)


# In which phase the client goes: what the model server does, what the client sent, whether the answer's head comes to it.
GONE = [
    ("while it sends its body, an endpoint that passes", waits_for_the_end, post(PASS)[:-5], False),
    ("while the model server thinks, an endpoint that passes", body_then_silence, post(PASS), False),
    ("while the model server thinks, a guarded endpoint", body_then_silence, post(), False),
    ("in the middle of a stream, an endpoint that passes", streams_on, post(PASS), True),
    ("in the middle of a stream, a guarded endpoint", streams_on, post(), True),
    ("in the middle of a stream, verdict asked for", streams_on, post(headers=VERDICT), True),
    ("in the middle of a whole answer, an endpoint that passes", sends_half, post(PASS), True),
    ("in the middle of a whole answer, a guarded endpoint", sends_half, post(), True),
    ("in the middle of a whole answer, verdict asked for", sends_half, post(headers=VERDICT), None),
]


@each(GONE)
def check_when_the_client_is_gone_the_model_server_hears_it_within_a_second(comity, upstream, script, sent, starts):
    upstream.begin(script)
    with Client(comity) as client:
        client.send(sent)
        call = upstream.next()
        if starts or (starts is None and comity.mode == "shadow"):
            same(client.start().status, 200, "the status")
        elif script is not waits_for_the_end:
            soon(lambda: call.received is not None, "the model server has the request")
    assert call.done.wait(1), "the model server's connection is closed"


@only("enforce")
def check_a_client_that_goes_while_it_sends_a_guarded_request_reaches_nobody(comity, upstream):
    with Client(comity) as client:
        client.send(post()[:-5])
    with Client(comity) as client:
        client.send(post(PASS))
        same(client.response().status, 200, "the next answer")
    same([call.target for call in upstream.seen], ["/v1/embeddings"], "what the model server got")


@only("shadow")
def check_a_client_that_goes_while_it_sends_a_guarded_request_is_gone(comity, upstream):
    upstream.begin(waits_for_the_end)
    with Client(comity) as client:
        client.send(post()[:-5])
        call = upstream.next()
    assert call.done.wait(1), "the model server's connection is closed"


# Clients that are slow on purpose: begun at the start, looked at in the end, so that nobody waits for them.
SLOW = {}


def begin(comity):
    SLOW[comity.mode] = time.monotonic(), {name: Client(comity) for name in ("half a head", "nothing", "half a body")}
    _, clients = SLOW[comity.mode]
    clients["half a head"].send(b"GET /v1/models HTTP/1.1\r\nHost: h\r\nX: ")
    if comity.mode == "enforce":  # in shadow nobody waits for the whole body
        clients["half a body"].send(post()[:-5])


@only("enforce")
def check_a_body_that_does_not_come_is_told_so(comity, upstream):
    began, clients = SLOW[comity.mode]
    client = clients["half a body"]
    client.socket.settimeout(max(1, began + BODY_SECONDS + 5 - time.monotonic()))
    response = client.response()
    found = (response.status, json.loads(response.body)["error"]["code"], response.value("x-should-retry"))
    same(found, (408, "request_timeout", "false"), "the answer")
    assert client.closed(5), "the connection is closed"


@each([("half a head", "half a head"), ("nothing", "nothing")])
def check_a_client_that_does_not_say_what_it_wants_is_not_waited_for(comity, upstream, said):
    began, clients = SLOW[comity.mode]
    assert clients[said].closed(max(1, began + 40 - time.monotonic())), "the connection is closed after 40 s"
