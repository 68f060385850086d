"""The same requests directly and through Comity: check.py BINARY REPOSITORY MOCK DESCRIPTION."""

import collections
import hashlib
import importlib.metadata
import json
import os
import re
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path

from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks as conformance

from cases import requests_of
from comity import leave_when_told
from results import report
from servers import Mock, Tap, Way, comity

# Those of one connection, and those that are Comity's own. `content-length` is looked at apart.
NOT_COMPARED = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "date", "server-timing", "content-length"}
# What Comity asks the model server for is its own affair where it reads the answer.
CODING = {"content-encoding", "vary"}
# schemathesis' checks of an answer; its other ones send requests of their own.
CHECKS = [
    not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_headers_conformance,
    conformance.response_schema_conformance,
    conformance.negative_data_rejection,
    conformance.positive_data_acceptance,
]


class Wrong(Exception):
    pass


def same(found, expected, what):
    if found != expected:
        found, expected = repr(found), repr(expected)
        at = max(0, len(os.path.commonprefix([found, expected])) - 40)
        raise Wrong(f"{what}, from character {at} on: found {found[at : at + 400]}, expected {expected[at : at + 400]}")


def compared(headers, left_out=()):
    """Headers that have to be the same. The order of different names says nothing, and neither do spaces around a value."""
    left_out = {*NOT_COMPARED, *left_out}
    kept = [(name, value.strip(" \t")) for name, value in headers if name not in left_out and not name.startswith("comity-")]
    return sorted(kept, key=lambda header: header[0])


def answer_headers(answer, direct, left_out=()):
    own = () if direct.header("x-request-id") else ("x-request-id",)
    return compared(answer.headers, (*left_out, *own))


def failures(request, answer):
    """What schemathesis has against an answer."""
    headers = collections.defaultdict(list)
    for name, value in answer.headers:
        headers[name].append(value)
    response = Response(answer.status, headers, answer.plain, request.prepared, 0.0, False)
    try:
        request.case.validate_response(response, checks=CHECKS)
    except FailureGroup as group:
        return {type(failure).__name__ for failure in group.exceptions}
    except Exception as error:  # of some answers the description itself is at fault
        return {type(error).__name__}
    return set()


def sent_on(request, heard, same_body, left_out=()):
    """Holds what came to the mock server against what was sent."""
    same(len(heard), 1, "the number of requests that the mock server got")
    (method, target, headers, body), = heard
    same((method, target), (request.prepared.method, request.target), "the request that the mock server got")
    same(compared(headers, ("host", *left_out)), compared(request.headers, ("host", *left_out)), "the headers that the mock server got")
    if same_body:
        same(body, request.body, "the body that the mock server got")


def byte_for_byte(request, direct, answer):
    same(answer.status, direct.status, "the status")
    same(answer_headers(answer, direct), answer_headers(direct, direct), "the headers")
    same(answer.header("content-length"), direct.header("content-length"), "the content-length")
    same(answer.body, direct.body, "the body")


def passed(request, direct, answer, heard):
    """Nothing was looked at, or nobody may notice that it was."""
    sent_on(request, heard, same_body=True)
    if any(ord(character) < 32 for _, value in direct.headers for character in value.replace("\t", "")):
        # The mock quotes the client's control characters in a header, which no header may hold.
        same((answer.status, json.loads(answer.body)["error"]["code"]), (502, "upstream_unavailable"), "the answer")
        return "answered with 502 where the mock sends no valid HTTP"
    byte_for_byte(request, direct, answer)
    return "the same"


def enforced(request, direct, answer, heard, wants_verdict=False):
    """The same answer, with the verdict where it was asked for, or a refusal as it is documented."""
    decision = answer.header("comity-decision")
    if decision == "none":
        refused(request, direct, answer, heard)
        return "refused by the mock, too" if direct.status >= 400 else "refused by Comity alone"
    if decision not in ("pass", "observe", "educate", "shadow"):
        raise Wrong(f"the mock server says nothing that has to be repaired, and the decision is {decision}")
    same(answer.status, direct.status, "the status")
    same(answer_headers(answer, direct, CODING), answer_headers(direct, direct, CODING), "the headers")
    if direct.status == 200 and decision != "shadow" and (wants_verdict or request.wants_verdict):
        (found, verdict), (expected, _) = taken_apart(answer), taken_apart(direct)
        same(found, expected, "the answer beside its verdict")
        # A stream of responses carries it in an event that the mock does not send.
        if not verdict and not (direct.streams and "/responses" in request.target):
            raise Wrong("there is no verdict")
    else:
        same(answer.plain, direct.plain, "the body")
    sent_on(request, heard, same_body=decision != "educate", left_out=("accept-encoding",))
    return "the same"


def taken_apart(answer):
    """An answer's content, and the verdict in it. Events that the verdict stands behind may be numbered anew."""
    if not answer.streams:
        content = json.loads(answer.plain)
        return content, content.pop("moderation", None)
    kept, verdict = [], None
    for line in answer.plain.decode().splitlines():
        if line.startswith("data: {"):
            event = json.loads(line.removeprefix("data: "))
            event.pop("sequence_number", None)
            said = event.pop("moderation", None)
            verdict = verdict or said
            kept += [] if said and event["choices"] == [] else [event]
    return kept, verdict


def refused(request, direct, answer, heard):
    same(heard, [], "what the mock server got of a refused request")
    same(answer.header("content-type"), "application/json", "the type of a refusal")
    error = json.loads(answer.body)
    same((sorted(error), sorted(error["error"])), (["error"], ["code", "message", "param", "type"]), "the keys of a refusal")
    same(error["error"]["type"], "invalid_request_error", "the type of the error")
    if error["error"]["code"] not in DOCUMENTED.get(answer.status, ()):
        raise Wrong(f"{answer.status} {error['error']['code']!r} is not among the errors in docs/verdict.md")
    if request.valid or direct.status >= 400:
        same(failures(request, answer) - failures(request, direct), set(), f"new failures of schemathesis by {answer.body!r}")


def documented(repository):
    """Status -> codes, from the table of errors, those of requests that are at fault."""
    table = (repository / "docs/verdict.md").read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (4\d\d) \| (.*) \|$", table, re.MULTILINE)
    return {int(status): re.findall(r"`(\w+)`", codes) for status, codes in rows}


def compare(name, request, direct, way, tap, judge, more=()):
    """Sends one request through Comity. Returns what became of it, or what is wrong."""
    try:
        answer = way.send(request, more)
        forwarded = answer.header("comity-decision") != "none" or answer.status >= 500
        found = judge(request, direct, answer, tap.take(1 if forwarded else 0))
        if found == "the same":
            same(failures(request, answer) - failures(request, direct), set(), "new failures of schemathesis")
        return found, None
    except Exception as error:  # one request that fails in whatever way must not hide the others
        tap.take(0)
        why = str(error) if isinstance(error, Wrong) else traceback.format_exc()
        return "FAILED", f"FAILED {name}: {request.label}\n{why}\n{request}\n"


def row(how, counts, total):
    shown = ", ".join(f"{count} {what}" for what, count in sorted(counts.items(), key=lambda item: (item[0] != "the same", item[0])))
    return f"| schemathesis {importlib.metadata.version('schemathesis')}, OpenAI's API description | {how} | {total} cases: {shown} |"


def run(requests, mock, ways):
    """All requests, all ways. Returns how many failed, and the rows of the table."""
    direct_way = Way(f"127.0.0.1:{mock.port}")
    plain = collections.Counter()
    counts = collections.defaultdict(collections.Counter)
    told = 0
    for request in requests:
        direct = direct_way.send(request)
        plain["streams" if direct.streams else "answered" if direct.status < 400 else "refused"] += 1
        for how, mode, judge, more in plans(request):
            became, why = compare(how, request, direct, *ways[mode], judge, more)
            counts[how][became] += 1
            if why and (told := told + 1) <= 20:
                print(why, flush=True)
    print(f"directly: {dict(plain)}")
    return sum(count["FAILED"] for count in counts.values()), [row(how, count, count.total()) for how, count in counts.items()]


def plans(request):
    """The ways through Comity that a request takes: how, in which mode, who judges the answer, headers beside the request's own."""
    yield "behind Comity, shadow", "shadow", passed, ()
    if not request.guarded:
        yield "behind Comity, enforce: endpoints that pass", "enforce", passed, ()
        return
    yield "behind Comity, enforce: guarded endpoints", "enforce", enforced, ()
    yield "behind Comity, enforce: the same, verdict asked for", "enforce", partial(enforced, wants_verdict=True), [("comity-verdict", "include")]


def main(folder):
    requests = requests_of(DESCRIPTION)
    digest = hashlib.sha256("\n".join(map(str, requests)).encode()).hexdigest()
    print(f"{len(requests)} requests, sha256 {digest[:16]}", flush=True)
    servers = [Mock(MOCK, DESCRIPTION)]
    try:
        servers[0].wait()
        taps = {mode: Tap(servers[0].port) for mode in ("shadow", "enforce")}
        for mode, tap in taps.items():
            servers.append(comity(BINARY, REPOSITORY, mode, tap.port, folder))
        for server in servers:
            server.wait()
        ways = {mode: (Way(server.address), taps[mode]) for mode, server in zip(taps, servers[1:])}
        failed, rows = run(requests, servers[0], ways)
    finally:
        codes = [server.stop() for server in servers]
    if codes[1:] != [0, 0] or any("panicked" in line for server in servers[1:] for line in server.log):
        failed += 1
        print(f"FAILED Comity ended with {codes[1:]}\n" + "".join(line for server in servers[1:] for line in server.log[-20:]))
    report(*rows)
    return 1 if failed else 0


if __name__ == "__main__":
    BINARY, REPOSITORY, MOCK, DESCRIPTION = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    DOCUMENTED = documented(REPOSITORY)
    leave_when_told()
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
