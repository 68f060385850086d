"""What the recipes of examples/ do: check.py BINARY REPOSITORY CLIENTS, where CLIENTS is a copy of examples/clients below its packages."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import openai

from comity import PATIENCE, Comity, leave_when_told
from results import failures, report
from model_server import CLOCK, PLAIN, SCRIPT, ModelServer

NORM = "culture/CN/clock-as-gift"
# what runs it (None: it runs itself), what has to be there for it, whether the client lets one see the verdict
CLIENTS = {
    "openai_python.py": (sys.executable, None, True),
    "langchain_python.py": (sys.executable, None, False),
    "openai_node.mjs": ("node", "npm", True),
    "vercel_ai.mjs": ("node", "npm", True),
    "curl.sh": (None, "curl", True),
}
TOURISM = ("tourism/comity.toml",)
UPSTREAMS = ("vllm.toml", "llama-cpp.toml", "azure.toml")


def same(found, expected, what):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def within(part, whole, what):
    assert part in whole, f"{what}: {part!r} is not in {whole!r}"


def said(events):
    """What the events of a stream say, written out as they came."""
    chunks = [json.loads(line.removeprefix("data: ")) for line in events.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def client_shows_the_repaired_answer_and_the_decision(name):
    runner, _, verdict = CLIENTS[name]
    environment = {**os.environ, "COMITY_BASE_URL": GUARD.url, "MODEL": "scripted", "OPENAI_API_KEY": "sk-of-the-client"}
    MODEL.take()
    command = [runner, COPIES / name] if runner else [COPIES / name]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    same((ran.returncode, ran.stderr), (0, ""), "how it ends")
    shown = said(ran.stdout) or ran.stdout
    within(SCRIPT[CLOCK][1], shown, "the repaired answer")
    assert SCRIPT[CLOCK][0] not in shown, f"the draft is not shown: {shown!r}"
    assert re.search(r"decision: rewrite\b", ran.stdout), f"the decision: {ran.stdout!r}"
    assert (NORM in ran.stdout) == verdict, f"the verdict: {ran.stdout!r}"
    (_, headers, asked), _ = MODEL.take()
    asked = json.loads(asked)
    picture = base64.b64encode((REPOSITORY / "examples/pictures/clock.jpg").read_bytes()).decode()
    same(asked["stream"], True, "it asks for a stream")
    assert f"data:image/jpeg;base64,{picture}" in json.dumps(asked["messages"]), "the picture is in the request"
    same({name.lower(): value for name, value in headers.items()}["authorization"], "Bearer sk-of-the-client", "the client's key")


@contextmanager
def served(file, *more):
    """Comity with a file as it is, but for its ports and where the audit lies: its address."""
    audit = FOLDER / f"{file.parent.name}-{file.name}.sqlite"
    command = [BINARY, "serve", "--config", file, "--models", REPOSITORY / "models", "--audit", audit, *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMITY_") or name == "COMITY_BACKEND"}
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        env=environment, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )
    impatience = threading.Timer(PATIENCE, process.kill)
    impatience.start()
    try:
        log = []
        for line in process.stderr:
            log.append(line)
            if "comity is ready" in line:
                break
        else:
            raise AssertionError("comity did not start:\n" + "".join(log))
        yield re.search(r"listen=(127\.0\.0\.1:\d+)", log[-1])[1]
        process.terminate()
        process.stderr.read()  # what it still writes: a full pipe would hold it up
        same(process.wait(PATIENCE), 0, "the exit code")
    finally:
        impatience.cancel()
        process.kill()
        process.wait()


def settings_are_accepted(name):
    """No model server is needed for that."""
    with served(REPOSITORY / "examples/upstreams" / name):
        pass


def each_agency_has_its_country(name):
    """The question names no place: whose key it comes with tells."""
    asked = [{"role": "system", "content": PLAIN}, {"role": "user", "content": "Dinner at a family home: can I park my chopsticks standing in the rice while I talk?"}]
    with served(REPOSITORY / "examples" / name, "--upstream", MODEL.url) as address:
        def asks(key):
            client = openai.OpenAI(base_url=f"http://{address}/v1", api_key=key, timeout=PATIENCE, max_retries=0)
            MODEL.take()
            raw = client.chat.completions.with_raw_response.create(model="scripted", messages=asked)
            assert key not in str(MODEL.take()), "the key stays here"
            return raw.headers["comity-decision"], raw.parse().moderation is not None

        assert asks("ck-to-try-kyoto")[0] in ("educate", "rewrite"), "in Japan something is at stake"
        same(asks("ck-to-try-tours"), ("pass", True), "nowhere in particular nothing is, and the verdict says so")
        same(asks("ck-to-try-lima"), ("shadow", False), "one agency looks on")
        try:
            asks("sk-of-somebody")
        except openai.AuthenticationError as error:
            same(error.code, "invalid_api_key", "the error")
        else:
            raise AssertionError("whoever has no key is served")


def behind(name):
    """A Comity with the settings of a file, but for the model server's host: the scripted one plays it."""
    text = (REPOSITORY / "examples/upstreams" / name).read_text()
    path = re.search(r'^url = "https?://[^/"]+([^"]*)"$', text, re.MULTILINE)[1]
    return Comity(BINARY, REPOSITORY, FOLDER, name, MODEL.url.removesuffix("/v1") + path, more=text[text.index("[note]") :])


def settings_put_the_note_where_they_say(name):
    server = behind(name)
    try:
        server.wait()
        MODEL.take()
        client = openai.OpenAI(base_url=server.url, api_key="sk-of-the-client", timeout=PATIENCE, max_retries=0)
        before = [{"role": role, "content": "Hello."} for role in ("system", "user", "assistant")]
        question = {"role": "user", "content": CLOCK}
        client.chat.completions.create(model="scripted", messages=[*before, question])
        messages = json.loads(MODEL.take()[0][2])["messages"]
        same(messages[:3], before, "the conversation")
        if name == "azure.toml":
            same(([message["role"] for message in messages[3:]], messages[-1]), (["system", "user"], question), "a message stands before it")
            within("Cultural note", messages[3]["content"], "the note")
            azure_gets_what_it_knows(server, client)
        else:
            same([message["role"] for message in messages[3:]], ["user"], "no system message stands behind the first message")
            assert messages[3]["content"].startswith(f"{CLOCK}\n\nCultural note"), f"the note is in the user's: {messages[3]['content']!r}"
    finally:
        server.stop()


def azure_gets_what_it_knows(server, client):
    endpoint = {"azure_endpoint": f"http://{server.address}", "api_version": "2024-10-21"}
    azure = openai.AzureOpenAI(**endpoint, api_key="key-of-azure", timeout=PATIENCE, max_retries=0)
    longer = client.with_options(base_url=f"http://{server.address}/openai/v1")
    for asks, path, key in (
        (client, "/openai/v1/chat/completions", ("authorization", "Bearer sk-of-the-client")),
        (longer, "/openai/v1/chat/completions", ("authorization", "Bearer sk-of-the-client")),
        (azure, "/openai/deployments/scripted/chat/completions?api-version=2024-10-21", ("api-key", "key-of-azure")),
    ):
        MODEL.take()
        raw = asks.chat.completions.with_raw_response.create(model="scripted", messages=[{"role": "user", "content": CLOCK}])
        assert raw.headers["comity-decision"] in ("educate", "rewrite"), f"it is guarded: {raw.headers['comity-decision']}"
        (found, headers, _), *_ = MODEL.take()
        same(found, path, "the path")
        within(key, {(name.lower(), value) for name, value in headers.items()}, "the key")


def failed_for(check, names):
    """Runs a check for each recipe."""
    return failures((f"{name}: {check.__name__.replace('_', ' ')}", partial(check, name)) for name in names)


def named(names):
    """The clients with their versions, as the result table has them."""
    pinned = json.loads((Path(__file__).parent / "package.json").read_text())["dependencies"]
    words = {
        "openai_python.py": f"openai-python {openai.__version__}",
        "langchain_python.py": f"langchain-openai {version('langchain-openai')}",
        "openai_node.mjs": f"openai-node {pinned['openai']}",
        "vercel_ai.mjs": f"Vercel AI SDK {pinned['ai']}",
        "curl.sh": "curl",
    }
    return ", ".join(words[name] for name in names)


if __name__ == "__main__":
    BINARY, REPOSITORY, COPIES = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    leave_when_told()
    names = [name for name, (_, needs, _) in CLIENTS.items() if needs is None or shutil.which(needs)]
    for name, (_, needs, _) in CLIENTS.items():
        if name not in names:
            print(f"skipped: {name}, since {needs} is not installed")
    for folder, recipes in (("clients", CLIENTS), ("upstreams", UPSTREAMS)):
        same({file.name for file in (REPOSITORY / "examples" / folder).iterdir() if file.is_file()}, set(recipes), f"the recipes in examples/{folder}")
    with tempfile.TemporaryDirectory() as folder:
        FOLDER, MODEL = Path(folder), ModelServer()
        GUARD = Comity(BINARY, REPOSITORY, FOLDER, "guard", MODEL.url)
        try:
            GUARD.wait()
            failed = failed_for(client_shows_the_repaired_answer_and_the_decision, names)
        finally:
            GUARD.stop()
        failed += failed_for(settings_are_accepted, UPSTREAMS) + failed_for(settings_put_the_note_where_they_say, UPSTREAMS)
        failed += failed_for(each_agency_has_its_country, TOURISM)
    checks = len(names) + 2 * len(UPSTREAMS) + len(TOURISM)
    what = f"{named(names)}; settings for vLLM, llama.cpp, Azure OpenAI; tenants of a tourism assistant"
    report(f"| {what} | recipes of examples/, enforce, scripted model server | {checks - failed} of {checks} checks passed |")
    sys.exit(1 if failed else 0)
