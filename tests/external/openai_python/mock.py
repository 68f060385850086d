"""The mock server Steady, and a tap before it that keeps what Comity sends there and what Steady says about it."""

import http.client
import json
import re
import socket
import subprocess
import threading
from dataclasses import dataclass

from comity import PATIENCE
from model_server import Handler, ModelServer, completion, events, in_form, response_body, response_events

# How lists and objects are written into queries and forms: as the library's own script for the mock server says it.
FLAGS = [f"--validator-{place}-{kind}-format=brackets" for place in ("query", "form") for kind in ("array", "object")]
# Its log says in this form when it listens; and its streams need not take their time.
FLAGS += ["--quiet", "--log-format=ci", "--stream-interval=1"]


class Steady:
    """Steady takes no port 0. It is given one that was free a moment ago, and another one if somebody was faster."""

    def __init__(self, binary, description):
        for _ in range(5):
            with socket.socket() as holder:
                holder.bind(("127.0.0.1", 0))
                self.port = holder.getsockname()[1]
            command = [binary, "--host", "127.0.0.1", "--port", str(self.port), *FLAGS, description]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.log, self.told = [], threading.Event()
            threading.Thread(target=self.listen, daemon=True).start()
            if not self.told.wait(PATIENCE):
                self.stop()
                raise RuntimeError("Steady did not start:\n" + "".join(self.log))
            if self.process.poll() is None:
                return
        raise RuntimeError("Steady did not start:\n" + "".join(self.log))

    def listen(self):
        for line in self.process.stdout:
            self.log.append(line)
            if re.search(r"listening at http://127\.0\.0\.1:\d+", line):
                self.told.set()
        self.process.wait()
        self.told.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, headers=()):
        """One request to Steady itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Checked(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


@dataclass
class Checked:
    """What Steady answers to a request, and says about it."""

    status: int
    headers: dict
    body: bytes

    @property
    def complaint(self):
        """Nothing where it found the request valid. Of a message that no form allows it only says so, and calls the request valid all the same."""
        if self.status == 200 and self.headers.get("x-steady-request-valid") == "true" and self.headers.get("x-steady-error-count") == "0":
            return None
        return self.status, {name: value for name, value in self.headers.items() if name.startswith("x-steady-error-")}


class TapHandler(Handler):
    disable_nagle_algorithm = True

    def do_POST(self):
        body, tap = self.body(), self.server
        names = ("content-type", "accept")
        checked = tap.steady.ask("POST", self.path, body, [(name, self.headers[name]) for name in names if name in self.headers])
        with tap.seen_lock:
            tap.seen.append((self.path, json.loads(body), checked))
            asked_before = len(tap.seen) - 1
        if checked.complaint or not tap.says:
            return self.relay(checked)
        asked, responses = json.loads(body), self.path.endswith("/responses")
        text = in_form(tap.says[min(asked_before, len(tap.says) - 1)], asked)
        if asked.get("stream"):
            usage = bool((asked.get("stream_options") or {}).get("include_usage"))
            return self.stream(list(response_events(text) if responses else events(text, usage=usage)), None, responses)
        self.whole(200, (response_body if responses else completion)(text))

    def relay(self, checked):
        self.send_response(checked.status)
        for name, value in checked.headers.items():
            if name == "content-type" or name.startswith("x-steady-"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(checked.body)))
        self.end_headers()
        self.wfile.write(checked.body)


class Tap(ModelServer):
    """Has every request checked by Steady, and answers with Steady's answer; or, where there is something to say, with that.

    What is said is a text for the first request since the last `take`, and one for each behind it; the last one is said again.
    """

    def __init__(self, steady):
        self.steady, self.says = steady, ()
        super().__init__()
        self.RequestHandlerClass = TapHandler
        self.url = f"http://127.0.0.1:{self.server_port}"
