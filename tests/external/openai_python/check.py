"""openai-python's own tests, and requests and answers that Comity changes: check.py BINARY REPOSITORY STEADY DESCRIPTION TESTS."""

import collections
import copy
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

from comity import PATIENCE, Comity, closed_port, leave_when_told
from results import report
from description import ANSWERS, ERRORS, EVENTS, REQUESTS, Description
from mock import Steady, Tap
from model_server import CHOPSTICKS, CLOCK, FINNISH, PLAIN, SCRIPT
from shapes import CHAT, RESPONSES, shapes

FEWEST = 6000  # of the tests that pass, and of the requests that they make of Comity
LONGEST = 1200  # seconds: the library's own tests, once
READY = 600  # seconds: the very first start embeds all norms
DECLINE = "CN/clock-as-gift;action=decline, JP/chopsticks-upright;action=decline"


@contextmanager
def comity(name, upstream, mode="enforce", more=""):
    server = Comity(BINARY, REPOSITORY, FOLDER, name, upstream, mode, more)
    try:
        server.wait()
        until_ready(server)
        yield server
    finally:
        server.stop()


def until_ready(server):
    """Waits until it knows all norms."""
    admin = re.search(r'"admin":"([^"]+)"', "".join(server.log))[1]
    until = time.monotonic() + READY
    while time.monotonic() < until:
        connection = http.client.HTTPConnection(admin, timeout=PATIENCE)
        connection.request("GET", "/readyz")
        ready = connection.getresponse().status == 200
        connection.close()
        if ready:
            return
        time.sleep(0.2)
    raise RuntimeError("comity is not ready:\n" + "".join(server.log))


# The library's own tests.


def own_tests(name, url):
    """test -> how it ended, and what was said about it."""
    report = FOLDER / f"{name}.xml"
    # No settings of the caller, for the library or for a proxy, and none of his for pytest.
    unwanted = re.compile(r"OPENAI_|PYTEST_|PYTHONDONTWRITEBYTECODE|.*_proxy$", re.IGNORECASE)
    environment = {name: value for name, value in os.environ.items() if not unwanted.match(name)}
    environment |= {"TEST_API_BASE_URL": url, "DEFER_PYDANTIC_BUILD": "false"}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-m", "pytest", "tests/api_resources", "-n", "2", "-q", "--tb=no", f"--junitxml={report}"]
    ran = subprocess.run(command, cwd=TESTS, env=environment, timeout=LONGEST, **quiet)
    assert ran.returncode in (0, 1), f"pytest ended with {ran.returncode}:\n{ran.stdout[-3000:]}"
    ended = {}
    for test in ElementTree.parse(report).iter("testcase"):
        marks = [(mark.tag, mark.get("message")) for mark in test if mark.tag in ("failure", "error", "skipped")]
        ended[f"{test.get('classname')}.{test.get('name')}"] = marks[0] if marks else ("passed", None)
    return ended


def counts(ended):
    found = collections.Counter(kind for kind, _ in ended.values())
    # What fails are endpoints and fields that came into the client after this description: Steady does not know them.
    names = (("passed", "passed"), ("failure", "failed (the description is older)"), ("error", "in error"), ("skipped", "skipped"))
    return ", ".join(f"{found[kind]} {name}" for kind, name in names if found[kind])


def tests_directly():
    DIRECTLY.update(own_tests("directly", STEADY.url))
    passed = sum(kind == "passed" for kind, _ in DIRECTLY.values())
    assert passed >= FEWEST, f"only {counts(DIRECTLY)}"
    row(TESTS_ROW, "directly", counts(DIRECTLY))


def tests_behind(mode):
    with comity(f"tests-{mode}", STEADY.url, mode) as server:
        ended = own_tests(mode, f"http://{server.address}")
    command = [BINARY, "audit", "report", "--audit", str(server.audit), "--by", "mode", "--format", "json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout)
    requests = sum(line["requests"] for line in report)
    assert requests >= FEWEST, f"Comity saw {requests} requests"
    other = [name for name in sorted(ended.keys() | DIRECTLY.keys()) if ended.get(name) != DIRECTLY.get(name)]
    told = "".join(f"\n{name}\n  directly {DIRECTLY.get(name)}\n  {mode} {ended.get(name)}" for name in other[:10])
    assert not other, f"{len(other)} tests end in another way:{told}"
    row(TESTS_ROW, f"behind Comity, {mode}", f"{counts(ended)}: the same, test by test")


# Requests that Comity edits.


def each_shape(check):
    """Runs a check with every shape; one that fails does not hide the others."""
    failed = []
    for name, path, body in SHAPES:
        TAP.take()  # a check that failed half-way has left what it was sent
        try:
            check(path, body)
        except Exception as error:
            failed.append(f"{name}: {error!r}")
    assert not failed, f"{len(failed)} of {len(SHAPES)}:\n" + "\n".join(failed)


def headers(body, more=()):
    return [("accept", "text/event-stream" if body.get("stream") else "application/json"), *more]


def post(server, path, body, more=()):
    status, found, answer = server.raw("POST", path, json.dumps(body), headers(body, more))
    assert status == 200, f"{status}: {answer[:500]!r}"
    return found, answer


def valid_request(path, body, checked):
    assert not checked.complaint, f"Steady says {checked.complaint} about {json.dumps(body)[:600]}"
    DESCRIPTION.require(REQUESTS[path], body)


def valid_as_it_is(path, body):
    sent = [("content-type", "application/json"), *headers(body)]
    valid_request(path, body, STEADY.ask("POST", path, json.dumps(body), sent))


def turns(body):
    """The conversation as a list, under the name that it has in the body."""
    if isinstance(body.get("input"), str):
        return "input", [{"type": "message", "role": "user", "content": body["input"]}]
    return next((key, body[key]) for key in ("messages", "input") if key in body)


def note_before_user(sent):
    """Takes Comity's note out of a body that it sent, and returns it."""
    key, conversation = turns(sent)
    newest = max(at for at, turn in enumerate(conversation) if turn.get("role") == "user")
    note = conversation.pop(newest - 1)
    sent[key] = conversation
    assert note["role"] in ("system", "developer"), f"the turn before the newest user message is the {note['role']}'s"
    return note["content"]


def note_in_user(sent):
    key, conversation = turns(sent)
    newest = [turn for turn in conversation if turn.get("role") == "user"][-1]
    if isinstance(newest["content"], str):
        newest["content"], gap, note = newest["content"].partition("\n\n")
    else:
        note = newest["content"].pop()["text"]
    sent[key] = conversation
    return note


def edited(server, take_out, path, body):
    found, _ = post(server, path, body)
    (_, sent, checked), *more = TAP.take()
    assert not more, f"there was another request: {more[0]}"
    valid_request(path, sent, checked)
    assert (found["comity-decision"], found["x-steady-request-valid"]) == ("rewrite", "true"), f"the answer's headers are {found}"
    left, expected = copy.deepcopy(sent), copy.deepcopy(body)
    note = take_out(left)
    assert note.startswith("Cultural note"), f"there is no note, but {note!r}"
    expected[turns(body)[0]] = turns(body)[1]
    assert left == expected, f"beside the note there is {json.dumps(left)[:600]}"


def requests_directly():
    each_shape(valid_as_it_is)
    row(f"{len(SHAPES)} requests about something at stake", "directly", "all valid for Steady and the API description")


def requests_edited(place, take_out):
    TAP.says = ()
    with comity(place, TAP.url, more=f'[note]\nplace = "{place}"\n') as server:
        each_shape(partial(edited, server, take_out))
    result = "all edited, nothing else in them changed, all valid for Steady and the API description"
    row(f"{len(SHAPES)} requests about something at stake", f"behind Comity, enforce, note.place = {place}", result)


# Answers that Comity changes or makes.


def documents(answer):
    text = answer.decode()
    if text.lstrip().startswith("{"):
        return [json.loads(text)]
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")]


def said(path, answer):
    """The text, and the verdict."""
    if path == CHAT:
        parts = [choice.get("message") or choice["delta"] for document in answer for choice in document["choices"]]
        text = "".join(part.get("content") or "" for part in parts)
        return text, next((document["moderation"] for document in answer if document.get("moderation")), None)
    response = answer[-1].get("response", answer[-1])
    text = "".join(part["text"] for item in response["output"] for part in item["content"])
    return text, response.get("moderation")


def valid_answer(server, path, body, more=()):
    """A valid answer with a verdict: its decision, its text, its verdict, the requests that it took."""
    found, answer = post(server, path, body, [("comity-verdict", "include"), *more])
    answer = documents(answer)
    for document in answer:
        DESCRIPTION.require((EVENTS if body.get("stream") else ANSWERS)[path], document)
    text, verdict = said(path, answer)
    assert verdict and verdict["input"] and verdict["output"], f"the verdict is {verdict}"
    asked = TAP.take()
    for _, sent, checked in asked:
        valid_request(path, sent, checked)
    return found["comity-decision"], text, verdict, len(asked)


def script_of(body):
    return SCRIPT[CLOCK if CLOCK in json.dumps(body) else CHOPSTICKS]


def repaired(server, path, body):
    draft, better = TAP.says = script_of(body)
    decision, text, _, asked = valid_answer(server, path, body)
    assert (decision, asked) == ("rewrite", 2) and better in text and draft not in text, f"{decision} after {asked} requests: {text!r}"


def corrected(server, path, body):
    draft, _ = script_of(body)
    TAP.says = (draft,)
    decision, text, _, asked = valid_answer(server, path, body)
    assert (decision, asked) == ("rewrite", 2) and len(text) > 40 and text != draft, f"{decision} after {asked} requests: {text!r}"


def declined(server, path, body):
    decision, text, _, asked = valid_answer(server, path, body, [("comity-adjust", DECLINE)])
    assert (decision, asked) == ("decline", 0) and len(text) > 40, f"{decision} after {asked} requests: {text!r}"


def plain_forms(question):
    for path, body in ((CHAT, {"messages": [{"role": "user", "content": question}]}), (RESPONSES, {"input": question})):
        for stream in (False, True):
            yield path, {"model": "gpt-5.2", **body, **({"stream": True} if stream else {})}


def answers(kind, check):
    with comity(kind, TAP.url) as server:
        each_shape(partial(check, server))
    row(f"{len(SHAPES)} answers that are {kind}, with their verdicts", "behind Comity, enforce", "all valid for the API description")


def verdicts():
    with comity("verdicts", TAP.url) as server:
        for question, kind in ((PLAIN, "a result"), (FINNISH, "an error")):
            TAP.says = SCRIPT[question][:1]
            for path, body in plain_forms(question):
                _, text, verdict, _ = valid_answer(server, path, body, [("comity-country", "JP")])
                assert text == TAP.says[0], f"the answer is {text!r}"
                assert (verdict["input"]["type"] == "error") == (kind == "an error"), f"the verdict on {question!r} is {verdict}"
    row("8 answers that are kept, with a clean verdict or none that is known", "behind Comity, enforce", "all valid for the API description")


def errors():
    body = {"model": "gpt-5.2", "messages": [{"role": "user", "content": PLAIN}]}
    holder, nobody = closed_port()
    with holder, comity("errors", TAP.url) as server, comity("down", nobody) as down:
        cases = (
            (400, "invalid_json", server, CHAT, b'{"messages":[', ()),
            (400, "missing_messages", server, CHAT, b'{"model":"gpt-5.2"}', ()),
            (400, "duplicate_key", server, RESPONSES, b'{"input":"a","input":"b"}', ()),
            (400, "unknown_country", server, CHAT, json.dumps(body), [("comity-country", "Atlantis")]),
            (400, "invalid_adjustment", server, CHAT, json.dumps(body), [("comity-adjust", "=")]),
            (415, "unsupported_encoding", server, RESPONSES, b"{}", [("content-encoding", "compress")]),
            (502, "upstream_unavailable", down, CHAT, json.dumps(body), ()),
        )
        for status, code, asked, path, sent, more in cases:
            found, _, answer = asked.raw("POST", path, sent, more)
            answer = json.loads(answer)
            DESCRIPTION.require(ERRORS, answer)
            assert (found, answer["error"]["code"]) == (status, code), f"expected {status} {code}, found {found} {answer}"
        assert not TAP.take(), "a request that is refused is not sent on"
    row(f"{len(cases)} errors of its own", "behind Comity, enforce", "all valid for the API description")


def row(what, how, result):
    ROWS.append(f"| {what} | {how} | {result} |")


CHECKS = {
    "openai-python's own tests, directly": tests_directly,
    "openai-python's own tests, behind Comity in shadow": partial(tests_behind, "shadow"),
    "openai-python's own tests, behind Comity": partial(tests_behind, "enforce"),
    "requests about something at stake, directly": requests_directly,
    "requests with the note before the user's message": partial(requests_edited, "before-user", note_before_user),
    "requests with the note in the user's message": partial(requests_edited, "in-user", note_in_user),
    "answers that are repaired": partial(answers, "repaired", repaired),
    "answers that are corrected": partial(answers, "corrected", corrected),
    "answers that are declined": partial(answers, "declined", declined),
    "answers that are kept": verdicts,
    "errors": errors,
}


def run():
    failed = 0
    for name, check in CHECKS.items():
        begun = time.monotonic()
        try:
            check()
        except Exception:  # a check that fails in whatever way must not hide the others
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
            row(name, "", "**failed**")
        else:
            print(f"ok     {name} ({time.monotonic() - begun:.0f} s)", flush=True)
    report(*ROWS)
    return 1 if failed else 0


if __name__ == "__main__":
    leave_when_told()
    BINARY, REPOSITORY, TESTS = sys.argv[1], Path(sys.argv[2]), sys.argv[5]
    DIRECTLY, ROWS = {}, []
    steady = subprocess.run([sys.argv[3], "--version"], check=True, capture_output=True, text=True, timeout=PATIENCE).stdout.split()[-1]
    TESTS_ROW = f"openai-python {version('openai')}, its own tests of the API's resources, with Steady {steady}"
    with tempfile.TemporaryDirectory() as folder:
        FOLDER = Path(folder)
        STEADY = Steady(sys.argv[3], sys.argv[4])
        try:
            TAP = Tap(STEADY)
            DESCRIPTION = Description(json.loads(STEADY.ask("GET", "/_x-steady/spec").body))
            SHAPES = list(shapes(REPOSITORY / "examples/pictures/clock.jpg"))
            status = run()
        finally:
            STEADY.stop()
    sys.exit(status)
