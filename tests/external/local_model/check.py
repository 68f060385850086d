"""Comity before a real model: check.py BINARY REPOSITORY. The model server is that of examples/local-model.

What the model says is its own affair: at its size that is often nonsense. What is checked is that it is asked what it should be asked, that its
answers arrive, and that it is left in peace when nobody listens."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import openai

from comity import PATIENCE, Comity, leave_when_told
from results import failures, report
from model_server import CHOPSTICKS, PLAIN

INSTALLING = 600  # seconds: the longest that the first start may take, which fetches the model
ASKS = {"model": "smollm2-135m", "temperature": 0, "seed": 1}
SHORT = {**ASKS, "max_tokens": 32}
# An answer that goes on until the model's context is nearly full: `ignore_eos` has the model server go on after the answer's own end.
LONG = {**ASKS, "max_tokens": 3500, "extra_body": {"ignore_eos": True}}
NOTE = 50  # tokens that the note has at the very least
TAUGHT = ("educate", "rewrite")


class Model:
    """The model server, started as its recipe says, on a free port."""

    def __init__(self):
        command = [REPOSITORY / "examples/local-model/run.sh", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait(self):
        impatience = threading.Timer(INSTALLING, self.process.kill)
        impatience.start()
        try:
            found = (re.search(r"listens on (http://\S+)/v1", line) for line in self.process.stdout)
            listens = next((line for line in found if line), None)
        finally:
            impatience.cancel()
        if listens is None:
            raise RuntimeError("the model server did not start")
        self.origin = listens[1]

    @property
    def client(self):
        return openai.OpenAI(base_url=f"{self.origin}/v1", api_key="none", timeout=PATIENCE, max_retries=0)

    def slot(self):
        """What its one slot is at: `is_processing`, and how many tokens it holds, those of the question and those of the answer."""
        with urllib.request.urlopen(f"{self.origin}/slots", timeout=PATIENCE) as answer:
            return json.load(answer)[0]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def same(found, expected, what):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def asked(content):
    return [{"role": "user", "content": content}]


def guarded():
    return openai.OpenAI(base_url=GUARD.url, api_key="none", timeout=PATIENCE, max_retries=0)


def noted(raw):
    """The decision about an exchange, which the audit must agree with later."""
    DECISIONS[raw.headers["comity-record"]] = raw.headers["comity-decision"]
    return raw.headers["comity-decision"]


def tokens_of(messages):
    """How many tokens the model reads when it is asked directly."""
    return MODEL.client.chat.completions.create(messages=messages, **ASKS, max_tokens=1).usage.prompt_tokens


def whole(messages):
    """Asks through Comity: the decision, the answer, how many tokens the model read."""
    raw = guarded().chat.completions.with_raw_response.create(messages=messages, **SHORT)
    answer = raw.parse()
    assert answer.choices[0].finish_reason in ("stop", "length"), f"how it ends: {answer.choices[0].finish_reason}"
    return noted(raw), answer.choices[0].message.content, answer.usage.prompt_tokens


def streamed(messages):
    raw = guarded().chat.completions.with_raw_response.create(messages=messages, **SHORT, stream=True, stream_options={"include_usage": True})
    said, finishes, read = "", [], None
    for chunk in raw.parse():
        for choice in chunk.choices:
            said += choice.delta.content or ""
            finishes += [choice.finish_reason] if choice.finish_reason else []
        read = chunk.usage.prompt_tokens if chunk.usage else read
    assert finishes in (["stop"], ["length"]), f"how it ends: {finishes}"
    return noted(raw), said, read


def check_a_plain_question_reaches_the_model_as_it_is():
    direct = tokens_of(asked(PLAIN))
    for ask in (whole, streamed):
        decision, said, read = ask(asked(PLAIN))
        same((decision, read), ("pass", direct), f"{ask.__name__}: the decision, and what the model read")
        assert said.strip(), f"{ask.__name__}: there is an answer"


def check_a_question_with_a_norm_at_stake_reaches_the_model_with_the_note():
    direct = tokens_of(asked(CHOPSTICKS))
    for ask in (whole, streamed):
        decision, said, read = ask(asked(CHOPSTICKS))
        assert decision in TAUGHT, f"{ask.__name__}: the decision is {decision}"
        assert read > direct + NOTE, f"{ask.__name__}: the model read {read} tokens, {direct} without the note"
        assert said.strip(), f"{ask.__name__}: there is an answer"


def check_the_note_is_read_in_the_midst_of_a_conversation():
    before = [{"role": "system", "content": "Be brief."}, *asked("Hello."), {"role": "assistant", "content": "Hello. How can I help?"}]
    messages = before + asked(CHOPSTICKS)
    decision, _, read = whole(messages)
    direct = tokens_of(messages)
    assert decision in TAUGHT and read > direct + NOTE, f"{decision}: the model read {read} tokens, {direct} without the note"


def check_the_responses_of_a_real_server_are_guarded():
    asks = {"model": ASKS["model"], "temperature": 0, "max_output_tokens": 32}
    for question, decisions, more in ((PLAIN, ("pass",), 0), (CHOPSTICKS, TAUGHT, NOTE)):
        least = tokens_of(asked(question)) + more
        raw = guarded().responses.with_raw_response.create(input=question, **asks)
        events = guarded().responses.with_raw_response.create(input=question, stream=True, **asks)
        *_, last = events.parse()
        for head, answer in ((raw, raw.parse()), (events, last.response)):
            assert noted(head) in decisions, f"the decision about {question!r}"
            assert answer.output_text.strip() and answer.usage.input_tokens >= least, f"at least {least} tokens are read: {answer}"


def check_the_error_of_a_model_that_sees_nothing_passes():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": PLAIN}, picture]
    found = []
    for client in (MODEL.client, guarded()):
        try:
            client.chat.completions.create(messages=asked(content), **SHORT)
        except openai.APIStatusError as error:
            found.append((error.status_code, error.body))
            last = error.response
    same(len(found), 2, "errors")
    same(found[1], found[0], "what Comity says, and what the model server says")
    same(noted(last), "pass", "the decision")


def check_a_client_that_leaves_frees_the_model():
    for question in (PLAIN, CHOPSTICKS):
        raw = guarded().chat.completions.with_raw_response.create(messages=asked(question), **LONG, stream=True)
        stream = raw.parse()
        assert any(choice.delta.content for chunk in stream for choice in chunk.choices), "it begins to answer"
        stream.close()
        LEFT.append(raw.headers["comity-record"])
        noted(raw)
        slot, until = MODEL.slot(), time.monotonic() + PATIENCE
        while slot["is_processing"] and time.monotonic() < until:
            time.sleep(0.05)
            slot = MODEL.slot()
        held = slot["n_prompt_tokens"]
        assert not slot["is_processing"] and held < LONG["max_tokens"], f"the model goes on though nobody listens: {held} tokens"
        decision, said, _ = whole(asked(PLAIN))
        assert decision == "pass" and said.strip(), f"the next one is answered: {decision}, {said!r}"


def check_the_audit_knows_every_exchange():
    peaks = f"peak memory: model server {peak(MODEL)}, comity {peak(GUARD)}"
    same(GUARD.stop(), 0, "the exit code")
    print(peaks)
    with sqlite3.connect(f"{GUARD.audit.as_uri()}?mode=ro", uri=True) as audit:
        records = {row[0]: row[1:] for row in audit.execute("SELECT id, action, ended, mode, endpoint FROM records")}
    same({record: row[0] for record, row in records.items()}, DECISIONS, "the decisions, by record")
    same([records[record][1] for record in LEFT], ["client-gone"] * len(LEFT), "how those ended whose client left")
    same({row[2:] for row in records.values()}, {("enforce", "/v1/chat/completions"), ("enforce", "/v1/responses")}, "modes and endpoints")
    command = [BINARY, "audit", "report", "--audit", str(GUARD.audit), "--by", "norm", "--format", "json"]
    rows = {row["key"]: row for row in json.loads(subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout)}
    row = rows["JP/chopsticks-upright"]
    same(row["at_stake"], sum(decision in TAUGHT for decision in DECISIONS.values()), "how often the norm was at stake")


def check_ctrl_c_ends_the_model_server():
    stream = MODEL.client.chat.completions.create(messages=asked(PLAIN), **LONG, stream=True)  # a request that is under way does not hold it up
    next(iter(stream))
    MODEL.process.send_signal(signal.SIGINT)
    same(MODEL.process.wait(10), 0, "the exit code")


def peak(server):
    """The most memory that a process held, where the system tells."""
    try:
        return re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())[1] + " KiB"
    except OSError:
        return "unknown"


def run(checks):
    failed = failures(checks)
    pinned = dict(line.split("==") for line in (REPOSITORY / "examples/local-model/requirements.txt").read_text().split())
    what = f"SmolLM2-135M on llama.cpp (xllamacpp {pinned['xllamacpp']}), openai-python {openai.__version__}"
    report(f"| {what} | examples/local-model, enforce | {len(checks) - failed} of {len(checks)} checks passed |")
    return 1 if failed else 0


if __name__ == "__main__":
    BINARY, REPOSITORY = sys.argv[1], Path(sys.argv[2])
    DECISIONS, LEFT = {}, []
    CHECKS = [(name.removeprefix("check_").replace("_", " "), check) for name, check in list(globals().items()) if name.startswith("check_")]
    leave_when_told()
    with tempfile.TemporaryDirectory() as folder:
        MODEL, servers = Model(), []
        try:
            MODEL.wait()
            GUARD = Comity(BINARY, REPOSITORY, Path(folder), "guard", f"{MODEL.origin}/v1")
            servers.append(GUARD)
            GUARD.wait()
            status = run(CHECKS)
        finally:
            for server in (*servers, MODEL):
                server.stop()
    sys.exit(status)
