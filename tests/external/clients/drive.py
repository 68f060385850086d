"""What client libraries make of Comity: drive.py BINARY REPOSITORY [--node FOLDER] [--rust PROGRAM] [--only CLIENT]

Every client takes the same turns, in each of its ways, once in front of Comity and once in front of the model server itself. What it must get
stands here, once for all of them.
"""

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path

from comity import PATIENCE, Comity, closed_port, leave_when_told
from results import report
from model_server import CALLER, CHATTY, CHOPSTICKS, CLOCK, FINNISH, PLAIN, RICE, SAFE_START, SCRIPT, SLOW, STUMBLING, TALKER, VANISHING
from turns import as_chat

HERE = Path(__file__).resolve().parent
KEEP_ALIVE = "[limits]\nkeep_alive_seconds = 1\n"
DECLINED, VERDICT = {"comity-adjust": "CN/clock-as-gift;action=decline"}, {"comity-verdict": "include"}
NORM = "culture/CN/clock-as-gift"
TIME_LIMIT = 400  # seconds that a client's program may take
WHOLE, STREAMED = ("whole",), ("streamed",)

# What a client must get.
AS_DIRECTLY = "all that it gets from the model server itself"
REFUSED = "the text that Comity gives in the model's place"
ABSENT = "the error that it makes of a 502 of the model server"


@dataclass(frozen=True)
class Case:
    """A turn, and what must come of it."""

    group: str
    question: str
    gets: str  # one of the three above, else the text
    asks: int = 1  # how many requests reach the model server
    taught: bool = False  # whether the first of them has the note; without it, it is what the client sent, byte for byte
    model: str = "scripted"
    forms: tuple = WHOLE + STREAMED
    picture: bool = False
    tools: bool = False
    headers: dict = field(default_factory=dict)
    verdict: tuple = ()  # what is flagged on either side, or why nobody can say; nothing: there is no verdict

    def turn(self, way, url, name, picture):
        own = {"x-case": name, **self.headers}
        asked = {"model": self.model, "question": self.question, "picture": picture if self.picture else None, "tools": self.tools}
        return {"id": name, "way": way, "base_url": url, "headers": own, **asked}


CUT = f"{SAFE_START} {SCRIPT[CHOPSTICKS][1]}"  # what holds of the draft, and how it goes on
CASES = {
    "educated": Case("educated", RICE, AS_DIRECTLY, taught=True),
    "repaired": Case("repaired", CHOPSTICKS, SCRIPT[CHOPSTICKS][1], asks=2, taught=True, forms=WHOLE),
    "repaired, with a picture": Case("repaired", CLOCK, SCRIPT[CLOCK][1], asks=2, taught=True, picture=True),
    "repaired, tools at hand": Case("repaired", CHOPSTICKS, SCRIPT[CHOPSTICKS][1], asks=2, taught=True, forms=WHOLE, tools=True),
    "repaired in the middle": Case("repaired", CHOPSTICKS, CUT, asks=2, taught=True, forms=STREAMED),
    "repaired in the middle, tools at hand": Case("repaired", CHOPSTICKS, CUT, asks=2, taught=True, forms=STREAMED, tools=True),
    "declined": Case("declined", CLOCK, REFUSED, asks=0, picture=True, headers=DECLINED),
    "nothing at stake": Case("kept", PLAIN, AS_DIRECTLY),
    "comments and line ends": Case("comments", PLAIN, AS_DIRECTLY, model=CHATTY, forms=STREAMED),
    "comments and line ends, repaired": Case("comments", CHOPSTICKS, CUT, asks=2, taught=True, model=CHATTY, forms=STREAMED),
    "kept alive": Case("comments", RICE, SCRIPT[RICE][0], taught=True, model=SLOW, forms=STREAMED),
    "verdict": Case("verdict", CLOCK, SCRIPT[CLOCK][1], asks=2, taught=True, picture=True, headers=VERDICT, verdict=(NORM, NORM)),
    "verdict, nothing at stake": Case("verdict", PLAIN, AS_DIRECTLY, headers=VERDICT, verdict=("", "")),
    "verdict, declined": Case("verdict", CLOCK, REFUSED, asks=0, picture=True, headers=DECLINED | VERDICT, verdict=(NORM, "")),
    "verdict, nobody knows": Case("verdict", FINNISH, AS_DIRECTLY, headers={"comity-country": "JP"} | VERDICT, verdict=("language", "")),
    "too many requests": Case("failed", PLAIN, AS_DIRECTLY, model="overworked"),
    "a broken model server": Case("failed", PLAIN, AS_DIRECTLY, model="broken"),
    "a broken model server, taught": Case("failed", RICE, AS_DIRECTLY, taught=True, model="broken"),
    "an error in the middle": Case("failed", PLAIN, AS_DIRECTLY, model=STUMBLING, forms=STREAMED),
    "an error in the middle, taught": Case("failed", RICE, AS_DIRECTLY, taught=True, model=STUMBLING, forms=STREAMED),
    "a stream that breaks off": Case("failed", PLAIN, AS_DIRECTLY, model=VANISHING, forms=STREAMED),
    "a stream that breaks off, taught": Case("failed", RICE, AS_DIRECTLY, taught=True, model=VANISHING, forms=STREAMED),
    "nobody there": Case("absent", PLAIN, ABSENT, asks=0, model="unavailable"),
    "a tool called": Case("tools", PLAIN, AS_DIRECTLY, model=CALLER, tools=True),
    "a tool called, taught": Case("tools", RICE, AS_DIRECTLY, taught=True, model=CALLER, tools=True),
    "words and a tool called": Case("tools", RICE, AS_DIRECTLY, taught=True, model=TALKER, tools=True),
}


@dataclass(frozen=True)
class Way:
    """How a client asks."""

    name: str
    form: str = "whole"  # in which the answer comes
    parses: bool = False  # whether the answer has to be JSON
    tools: bool = True  # whether tools can go with the question
    keeps_verdict: bool = True  # whether the client hands on the verdict

    @property
    def short(self):
        return self.name.split(" ", 1)[1]

    def takes(self, case):
        # A refusal is no JSON, which is said in docs/verdict.md.
        return self.form in case.forms and not (self.parses and case.gets == REFUSED) and (self.tools or not case.tools)


@dataclass(frozen=True)
class Api:
    """A client, one of its APIs, and the ways in which it is asked."""

    client: str
    name: str
    ways: tuple


def ways(prefix, *named):
    return tuple(replace(way, name=f"{prefix} {way.name}") for way in named)


CHAT, RESPONSES = "chat completions", "responses"
ONCE = (Way("create"), Way("create streamed", "streamed"))
HELPERS = (Way("stream()", "streamed"), Way("parse()", parses=True))
PYTHON = (*ONCE, *HELPERS, Way("async create"), Way("async create streamed", "streamed"))
NODE = (*ONCE, *HELPERS)
INVOKED = (Way("invoke"), Way("ainvoke"), Way("with_structured_output", parses=True, tools=False))
LANGCHAIN = tuple(replace(way, keeps_verdict=False) for way in (*INVOKED, Way("stream", "streamed"), Way("astream", "streamed")))
AI_SDK = (Way("generateText"), Way("Output.object", parses=True, tools=False), Way("streamText", "streamed", keeps_verdict=False))
RUST = (Way("create"), Way("create_stream", "streamed"))
APIS = [
    Api("openai-python", CHAT, ways("chat", *PYTHON)),
    Api("openai-python", RESPONSES, ways("responses", *PYTHON)),
    Api("langchain-openai", CHAT, ways("chat", *LANGCHAIN)),
    Api("langchain-openai", RESPONSES, ways("responses", *LANGCHAIN)),
    Api("openai-node", CHAT, ways("chat", *NODE)),
    Api("openai-node", RESPONSES, ways("responses", *NODE)),
    Api("AI SDK", "@ai-sdk/openai-compatible", ways("compatible", *AI_SDK)),
    Api("AI SDK", "@ai-sdk/openai, chat completions", ways("chat", *AI_SDK)),
    Api("AI SDK", "@ai-sdk/openai, responses", ways("responses", *AI_SDK)),
    Api("async-openai", CHAT, ways("chat", *RUST)),
    Api("async-openai", RESPONSES, ways("responses", *RUST)),
]


class ModelServer:
    """The scripted model server as a program of its own; it ends with its standard input."""

    def __init__(self):
        command = [sys.executable, str(HERE.parent / "model_server.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def seen(self):
        """The bodies that it was sent since the last time, under the names of the turns that they belong to."""
        bodies = {}
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/seen", timeout=PATIENCE) as answer:
            for request in json.load(answer):
                headers = {name.lower(): value for name, value in request["headers"].items()}
                bodies.setdefault(headers.get("x-case"), []).append(request["body"])
        return bodies

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Bench:
    """The servers that the clients are in front of."""

    def __init__(self, binary, repository, folder):
        self.picture = str(repository / "examples/pictures/clock.jpg")
        self.holder, nobody = closed_port()
        self.servers = []
        try:
            self.model = self.started(ModelServer())
            self.guard = self.started(Comity(binary, repository, folder, "guard", self.model.url, more=KEEP_ALIVE))
            self.alone = self.started(Comity(binary, repository, folder, "alone", nobody))
            self.guard.wait()
            self.alone.wait()
            self.refusal = json.loads(self.bare("declined"))["choices"][0]["message"]["content"]
            assert any(line.startswith(b":") for line in self.bare("kept alive", stream=True).splitlines()), "a client that waits gets no comments"
        except BaseException:
            self.stop()
            raise

    def started(self, server):
        self.servers.append(server)
        return server

    def stop(self):
        for server in self.servers:
            server.stop()

    def bare(self, name, **more):
        """What Comity answers to a case without any client."""
        turn = CASES[name].turn("none", self.guard.url, "bare", self.picture)
        body = json.dumps({"model": turn["model"], "messages": as_chat(turn), **more})
        status, _, answer = self.guard.raw("POST", "/v1/chat/completions", body, turn["headers"])
        assert status == 200, answer
        return answer

    def turns(self, way):
        """Every turn of a way: in front of Comity, and, where that tells what must come of it, in front of the model server itself."""
        for name, case in CASES.items():
            if way.takes(case):
                guarded = self.alone.url if case.gets == ABSENT else self.guard.url
                yield case.turn(way.name, guarded, f"{way.name}: {name}", self.picture)
                if case.gets in (AS_DIRECTLY, ABSENT):
                    yield case.turn(way.name, self.model.url, f"{way.name}: {name}, directly", self.picture)


def talk(command, turns):
    """What a client's program makes of the turns, by their names; and its words beside that."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LANGCHAIN_", "LANGSMITH_", "COMITY_"))}
    environment = kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    asked = "".join(json.dumps(turn) + "\n" for turn in turns)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            subprocess.run(command, input=asked.encode(), stdout=output, stderr=errors, env=environment, timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            errors.write(b"It was stopped: the time was over.")
        output.seek(0)
        errors.seek(0)
        # A program that was stopped leaves half a line.
        lines = [json.loads(line) for line in output if line.startswith(b"{") and line.endswith(b"}\n")]
        return {got.pop("id"): got for got in lines}, errors.read().decode(errors="replace")


def flagged(side):
    """The norms that one side of a verdict flags, or why it could not be looked at."""
    if side["type"] == "error":
        return side["code"]
    results = side.get("results", [side])
    return ", ".join(name for result in results for name, is_flagged in result["categories"].items() if is_flagged)


class Judge:
    """Holds what a client got against what it must get."""

    def __init__(self, bench, got, seen):
        self.bench, self.got, self.seen = bench, got, seen

    def problems(self, way, name, case):
        got, expected = dict(self.got[f"{way.name}: {name}"]), dict(self.expected(way, name, case))
        return [*self.verdict(way, case, got), *self.answer(case, got, expected), *self.requests(way, name, case)]

    def expected(self, way, name, case):
        if case.gets in (AS_DIRECTLY, ABSENT):
            return self.got[f"{way.name}: {name}, directly"]
        return self.got[f"{way.name}: nothing at stake, directly"] | {"text": self.bench.refusal if case.gets == REFUSED else case.gets}

    def verdict(self, way, case, got):
        moderation = got.pop("moderation")
        expected = case.verdict if way.keeps_verdict else ()
        found = tuple(flagged(moderation[side]) for side in ("input", "output")) if moderation else ()
        return [f"the verdict says {found}, expected {expected}"] if found != expected else []

    def answer(self, case, got, expected):
        expected.pop("moderation", None)
        # What everything is compared with must itself be what the case is about.
        if bool(expected["error"]) != (case.group in ("failed", "absent")) or bool(expected["tools"]) != (case.group == "tools"):
            return [f"directly it is {expected}"]
        if case.gets == ABSENT:
            if "upstream_unavailable" not in json.dumps(got["error"]):
                return [f"it does not say that the model server is unavailable: {got['error']}"]
            for outcome in (got, expected):
                outcome["error"] = {name: outcome["error"][name] for name in ("type", "status", "code")}
        return [f"{key}: {got[key]!r}, expected {expected[key]!r}" for key in expected if got[key] != expected[key]]

    def requests(self, way, name, case):
        bodies = self.seen.get(f"{way.name}: {name}", [])
        if len(bodies) != case.asks:
            return [f"the model server was asked {len(bodies)} times, expected {case.asks}"]
        if case.taught:
            parts = [case.question, "Cultural note"]
            return [f"{part!r} is not in what the model server was asked" for part in parts if part not in bodies[0]]
        if bodies and bodies != self.seen[f"{way.name}: {name}, directly"]:
            return ["the model server did not get what the client sent"]
        return []


def result(api, judge):
    """A row's last cell, and whether all is as it must be. What is not is printed."""
    turns, failed = 0, {}
    for way in api.ways:
        unsaid = [turn["id"] for turn in judge.bench.turns(way) if turn["id"] not in judge.got]
        if unsaid:
            print(f"FAILED {api.client}, {way.name}: nothing was said about {len(unsaid)} turns, the first is {unsaid[0]!r}", flush=True)
            return "FAILED: it ended before its time", False
        for name, case in CASES.items():
            if way.takes(case):
                turns += 1
                problems = judge.problems(way, name, case)
                if problems:
                    failed[case.group] = failed.get(case.group, 0) + 1
                for problem in problems:
                    print(f"FAILED {api.client}, {way.name}: {name}: {problem}", flush=True)
    if failed:
        return f"FAILED of {turns} turns: " + ", ".join(f"{group} ({count})" for group, count in failed.items()), False
    groups = dict.fromkeys(case.group for case in CASES.values() if not case.verdict)
    keep = [way.short for way in api.ways if way.keeps_verdict]
    kept = "kept" if len(keep) == len(api.ways) else f"kept by {', '.join(keep)}" if keep else "ignored"
    return f"{turns} turns: {', '.join(groups)}; verdict {kept}", True


def clients(node, rust):
    """How each client is started and in which version; a client whose program is not there is left out."""
    python = {"openai-python": ("openai", "openai_python.py"), "langchain-openai": ("langchain-openai", "langchain_openai_client.py")}
    found = {client: ([sys.executable, str(HERE / program)], importlib.metadata.version(package)) for client, (package, program) in python.items()}
    for client, package, program in (("openai-node", "openai", "openai_node.mjs"), ("AI SDK", "ai", "ai_sdk.mjs")) if node else ():
        version = json.loads((node / "node_modules" / package / "package.json").read_text())["version"]
        found[client] = (["node", str(node / program)], version)
    if rust:
        version = re.search(r'^async-openai = .*version = "=([\d.]+)"', (HERE / "async_openai/Cargo.toml").read_text(), re.MULTILINE)[1]
        found["async-openai"] = ([str(rust)], version)
    return found


def run(bench, programs):
    rows, good = [], True
    for client, (command, version) in programs.items():
        apis = [api for api in APIS if api.client == client]
        bench.model.seen()
        got, beside = talk(command, [turn for api in apis for way in api.ways for turn in bench.turns(way)])
        judge = Judge(bench, got, bench.model.seen())
        results = [result(api, judge) for api in apis]
        rows += [f"| {client} {version} | {api.name}: {', '.join(way.short for way in api.ways)} | {said} |" for api, (said, _) in zip(apis, results)]
        if not all(fine for _, fine in results):
            good = False
            print(f"{client} wrote: {beside}", flush=True)
    report(*rows)
    return 0 if good else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("repository", type=Path)
    parser.add_argument("--node", type=Path, help="the folder with the Node clients and what they need")
    parser.add_argument("--rust", type=Path, help="the program of the Rust client")
    parser.add_argument("--only", help="one client")
    given = parser.parse_args()
    leave_when_told()
    programs = {client: started for client, started in clients(given.node, given.rust).items() if given.only in (None, client)}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(given.binary, given.repository, Path(folder))
        try:
            status = run(bench, programs)
        finally:
            bench.stop()
    sys.exit(status)
