"""HTTP/1.1 (RFC 9110, RFC 9112): requests that may be understood in two ways, or in none.

Each check gets a running Comity and the model server behind it.
"""

import gzip
import itertools

from checks import each, same
from messages import CHUNKED, PATHS, SMUGGLED, chunks, post, refused, request
from wire import Client, values

# Requests whose length two readers may understand in two ways: name, headers, body, and what the model server may get of it. Where that is None, the request
# has to be refused; else it may be.
LENGTHS = [
    ("chunked and content-length", [CHUNKED, b"Content-Length: 5"], b"0\r\n\r\n" + SMUGGLED, b""),
    ("content-length and chunked", [b"Content-Length: %d" % (len(SMUGGLED) + 5), CHUNKED], b"0\r\n\r\n" + SMUGGLED, b""),
    ("two lengths that differ", [b"Content-Length: 5", b"Content-Length: 6"], b"hello!", None),
    ("two lengths in one line", [b"Content-Length: 5, 6"], b"hello!", None),
    ("the same length twice", [b"Content-Length: 5", b"Content-Length: 5"], b"hello", b"hello"),
    ("the same length twice in one line", [b"Content-Length: 5, 5"], b"hello", b"hello"),
    ("a length with a plus", [b"Content-Length: +5"], b"hello", None),
    ("a length with a minus", [b"Content-Length: -5"], b"hello", None),
    ("a length in hexadecimal", [b"Content-Length: 0x5"], b"hello", None),
    ("a length with a letter", [b"Content-Length: 5a"], b"hello", None),
    ("a length with an underscore", [b"Content-Length: 1_0"], b"hello12345", None),
    ("a length in two parts", [b"Content-Length: 5 0"], b"hello", None),
    ("an empty length", [b"Content-Length: "], b"hello", None),
    ("a length beyond 64 bits", [b"Content-Length: 18446744073709551621"], b"hello", None),
    ("a length that connection names", [b"Content-Length: 5", b"Connection: close, content-length"], b"hello", b"hello"),
    ("a space before the colon of content-length", [b"Content-Length : 5"], b"hello", None),
    ("a space before the colon of transfer-encoding", [b"Transfer-Encoding : chunked", b"Content-Length: 5"], b"0\r\n\r\n", None),
    ("a vertical tab before chunked", [b"Transfer-Encoding: \x0bchunked", b"Content-Length: 5"], b"0\r\n\r\n", None),
    ("a folded transfer-encoding", [b"Transfer-Encoding:\r\n chunked"], chunks(b"hello"), b"hello"),
    ("chunked twice", [b"Transfer-Encoding: chunked, chunked"], chunks(b"hello"), None),
    ("chunked twice, in two lines", [CHUNKED, CHUNKED], chunks(b"hello"), None),
    ("chunked in capitals", [b"Transfer-Encoding: CHUNKED"], chunks(b"hello"), b"hello"),
    ("identity", [b"Transfer-Encoding: identity"], b"hello", None),
    ("identity and a length", [b"Transfer-Encoding: identity", b"Content-Length: 5"], b"hello", None),
    ("chunked before identity", [b"Transfer-Encoding: chunked, identity"], chunks(b"hello"), None),
    ("gzip before chunked", [b"Transfer-Encoding: gzip, chunked"], chunks(gzip.compress(b"hello")), b"hello"),
    ("a coding that nobody knows", [b"Transfer-Encoding: xchunked"], chunks(b"hello"), None),
    ("a chunk with an extension", [CHUNKED], b'5;name=value;x="y"\r\nhello\r\n0;last\r\n\r\n', b"hello"),
    ("a chunk's extension with a bare LF", [CHUNKED], b"5;x\nhello\r\n0\r\n\r\n", None),
    ("a chunk's size with leading zeros", [CHUNKED], b"0000005\r\nhello\r\n0\r\n\r\n", b"hello"),
    ("a chunk's size beyond 64 bits", [CHUNKED], b"10000000000000005\r\nhello\r\n0\r\n\r\n", None),
    ("a chunk's size with 0x", [CHUNKED], b"0x5\r\nhello\r\n0\r\n\r\n", None),
    ("a chunk's size with a plus", [CHUNKED], b"+5\r\nhello\r\n0\r\n\r\n", None),
    ("a chunk's size with a minus", [CHUNKED], b"-5\r\nhello\r\n0\r\n\r\n", None),
    ("a chunk's size that is none", [CHUNKED], b"hello\r\nhello\r\n0\r\n\r\n", None),
    ("an empty chunk's size", [CHUNKED], b"\r\nhello\r\n0\r\n\r\n", None),
    ("a chunk that is longer than it says", [CHUNKED], b"5\r\nhello!\r\n0\r\n\r\n", None),
    ("a bare LF behind a chunk's size", [CHUNKED], b"5\nhello\r\n0\r\n\r\n", None),
    ("a bare LF behind a chunk", [CHUNKED], b"5\r\nhello\n0\r\n\r\n", None),
    ("a bare CR behind a chunk's size", [CHUNKED], b"5\rhello\r\n0\r\n\r\n", None),
]


NUMBERS = itertools.count()


@each([(f"{name}, {where}", path, *row) for name, *row in LENGTHS for where, path in PATHS])
def check_lengths_are_read_in_one_way(comity, upstream, path, headers, body, allowed):
    path = b"%s?%d" % (path, next(NUMBERS))  # what came late of another check's refused request is not taken for this one's
    with Client(comity) as client:
        client.send(request(b"POST " + path, *headers, body=body))
        response = client.response()
        came = [call.received for call in upstream.seen if call.target == path.decode()]
        if response.status == 200 and allowed is not None:
            same(came, [allowed], "what the model server got")
        else:  # a body may also be well framed and no chat request: then the guard says so
            assert 400 <= response.status < 500 or response.status == 501, f"{response.status} {response.body!r}"
            same([body for body in came if body is not None], [], "whole bodies that the model server got")
            assert allowed is not None or client.closed(5), "the connection is closed"
    same([call.raw for call in upstream.seen if call.target == "/v1/smuggled"], [], "requests that stood in the body")


# Heads that are none.
HEADS = [
    ("no version", b"GET /v1/models\r\nHost: h\r\n\r\n"),
    ("a version that is none", b"GET /v1/models HTTP/9.9\r\nHost: h\r\n\r\n"),
    ("HTTP/1.2 in small letters", b"GET /v1/models http/1.1\r\nHost: h\r\n\r\n"),
    ("two words behind the path", b"GET /v1/models HTTP/1.1 x\r\nHost: h\r\n\r\n"),
    ("a space in the path", b"GET /v1/mod els HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("NUL in the path", b"GET /v1/mod\0els HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("a bare CR in the path", b"GET /v1/mod\rels HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("a method that is none", b"G(T /v1/models HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("a path that is none", b"GET v1/models HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("no request at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ("no host", b"GET /v1/models HTTP/1.1\r\n\r\n"),
    ("two hosts", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"),
    ("the same host twice", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"),
    ("a host that is none", b"GET /v1/models HTTP/1.1\r\nHost: h/x y\r\n\r\n"),
    ("NUL in a value", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"),
    ("NUL in a name", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nX\0Y: b\r\n\r\n"),
    ("a bare CR in a value", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"),
    ("a space before a colon", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nX : b\r\n\r\n"),
    ("a space in a name", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nX Y: b\r\n\r\n"),
    ("an empty name", b"GET /v1/models HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n"),
    ("a line without a colon", b"GET /v1/models HTTP/1.1\r\nHost: h\r\nX\r\n\r\n"),
    ("a space before the first header", b"GET /v1/models HTTP/1.1\r\n X: b\r\nHost: h\r\n\r\n"),
]


@each(HEADS)
def check_a_head_that_is_none_is_refused(comity, upstream, sent):
    with Client(comity) as client:
        client.send(sent)
        refused(client, [*range(400, 500), 501, 505])
    same([call.raw for call in upstream.seen if "/v1/mod" in call.target], [], "what the model server got")


# Heads that are unusual, and what the model server may get: path and value of the header x. A refusal is as good where it says so.
UNUSUAL = [
    ("an empty line before it", b"\r\nGET /v1/a HTTP/1.1\r\nHost: h\r\nX: b\r\n\r\n", "/v1/a", "b", False),
    ("an empty host", b"GET /v1/a HTTP/1.1\r\nHost:\r\nX: b\r\n\r\n", "/v1/a", "b", False),
    ("HTTP/1.0 without a host", b"GET /v1/a HTTP/1.0\r\nX: b\r\n\r\n", "/v1/a", "b", False),
    ("spaces and tabs around a value", b"GET /v1/a HTTP/1.1\r\nHost: h\r\nX:\t b \t\r\n\r\n", "/v1/a", "b", False),
    ("an empty value", b"GET /v1/a HTTP/1.1\r\nHost: h\r\nX:\r\n\r\n", "/v1/a", "", False),
    ("bytes beyond ASCII in a value", b"GET /v1/a HTTP/1.1\r\nHost: h\r\nX: \xc3\xa9\xff\r\n\r\n", "/v1/a", "\xc3\xa9\xff", False),
    ("bare LFs", b"GET /v1/a HTTP/1.1\nHost: h\nX: b\n\n", "/v1/a", "b", True),
    ("a folded value", b"GET /v1/a HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", "/v1/a", "a b", True),
    ("a query", b"GET /v1/a?b=%20&c=d%2Fe HTTP/1.1\r\nHost: h\r\nX: b\r\n\r\n", "/v1/a?b=%20&c=d%2Fe", "b", False),
    ("another method", b"BREW /v1/a HTTP/1.1\r\nHost: h\r\nX: b\r\n\r\n", "/v1/a", "b", False),
    ("a whole URL", b"GET http://elsewhere.invalid/v1/a HTTP/1.1\r\nHost: h\r\nX: b\r\n\r\n", "/v1/a", "b", False),
    ("a star", b"OPTIONS * HTTP/1.1\r\nHost: h\r\nX: b\r\n\r\n", "/v1/", "b", True),
    ("a path of 8000 bytes", b"GET /v1/" + b"a" * 7996 + b" HTTP/1.1\r\nHost: h\r\nX: b\r\n\r\n", "/v1/" + "a" * 7996, "b", False),
    ("a value of 32 KiB", b"GET /v1/a HTTP/1.1\r\nHost: h\r\nX: " + b"b" * 32768 + b"\r\n\r\n", "/v1/a", "b" * 32768, False),
    ("80 headers", b"GET /v1/a HTTP/1.1\r\nHost: h\r\n" + b"Y: z\r\n" * 80 + b"X: b\r\n\r\n", "/v1/a", "b", False),
]


@each(UNUSUAL)
def check_an_unusual_head_is_understood(comity, upstream, sent, target, value, may_refuse):
    with Client(comity) as client:
        client.send(sent)
        response = client.response()
    if may_refuse and response.status in (400, 405, 501):
        return same([call.raw for call in upstream.seen], [], "what the model server got")
    same(response.status, 200, "the status")
    # What an earlier check's client left behind may come late on a busy machine.
    (call,) = [call for call in upstream.seen if not call.target.startswith(("/v1/embeddings", "/v1/chat/completions", "/v1/mod"))]
    same((call.target, values(call.headers, "x")), (target, [value]), "what the model server got")


def check_a_guarded_endpoint_by_its_whole_url_is_guarded(comity, upstream):
    with Client(comity) as client:
        client.send(post(b"http://elsewhere.invalid/v1/chat/completions"))
        response = client.response()
    same((response.status, response.value("comity-decision")), (200, {"shadow": "shadow", "enforce": "pass"}[comity.mode]), "status and decision")
    same([call.target for call in upstream.seen], ["/v1/chat/completions"], "what the model server got")


def check_connect_is_refused(comity, upstream):
    with Client(comity) as client:
        client.send(b"CONNECT elsewhere.invalid:443 HTTP/1.1\r\nHost: elsewhere.invalid:443\r\n\r\n")
        response = client.response()
    assert response.status in (400, 403, 404, 405, 501), f"refused with {response.status} {response.body!r}"
    same([call.raw for call in upstream.seen], [], "what the model server got")


# Heads beyond any bound.
BEYOND = [
    ("a header of 1 MiB", b"GET /v1/a HTTP/1.1\r\nHost: h\r\nX: " + b"b" * (1 << 20) + b"\r\n\r\n", (431,)),
    ("10,000 headers", b"GET /v1/a HTTP/1.1\r\nHost: h\r\n" + b"Y: z\r\n" * 10_000 + b"\r\n", (431,)),
    ("a path of 100 KiB", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", (414,)),
]


@each(BEYOND)
def check_a_head_beyond_any_bound_is_refused_and_the_client_hears_it(comity, upstream, sent, statuses):
    with Client(comity) as client:
        try:
            client.send(sent)
        except ConnectionError:
            pass  # the answer may lie here all the same
        refused(client, statuses)
    same([call.raw for call in upstream.seen], [], "what the model server got")
