"""How much memory bodies take: memory.py BINARY. 32 clients send pictures of 15 MB, 20 MB as base64, at once.

It fails where the peak is over the bound of docs/benchmarks.md: what is taken at rest, and three times what bodies may take.
"""

import base64
import collections
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests/external"))

from comity import PATIENCE, Comity, leave_when_told  # noqa: E402

CLIENTS = 32
FACTOR = 3
QUESTION = "May I bring one of these to the baby's hundred-day feast in Beijing?"
ANSWER = {"role": "assistant", "content": "Tea would be better."}
COMPLETION = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": ANSWER, "finish_reason": "stop"}]})


class Handler(BaseHTTPRequestHandler):
    """Takes a body to its end and answers once all had time to send theirs."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        left = int(self.headers["content-length"])
        while left and (read := self.rfile.read(min(left, 1 << 20))):
            left -= len(read)
        time.sleep(3)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(COMPLETION)))
        self.end_headers()
        self.wfile.write(COMPLETION.encode())


class ModelServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 2 * CLIENTS


def request():
    picture = base64.b64encode(random.Random(1).randbytes(15_000_000)).decode()
    parts = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{picture}"}}]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()


def mebibytes(server, key):
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def measured(binary, mode, budget, upstream, body):
    """Whether the bound holds in this mode and with this much for bodies, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        server = Comity(binary, REPOSITORY, Path(folder), mode, upstream, mode, more=f"[limits]\nbodies_mib = {budget}\n")
        try:
            server.wait()
            until = time.monotonic() + PATIENCE
            while not any("every norm is embedded" in line for line in server.log) and time.monotonic() < until:
                time.sleep(0.1)
            rest, statuses = mebibytes(server, "VmRSS:"), collections.Counter()

            def ask():
                try:
                    statuses[server.raw("POST", "/v1/chat/completions", body)[0]] += 1
                except (OSError, http.client.HTTPException) as error:
                    statuses[type(error).__name__] += 1

            clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            peak = mebibytes(server, "VmHWM:")
        finally:
            server.stop()
    held = min(budget, CLIENTS * len(body) / 2**20)
    told = ", ".join(f"{count} got {status}" for status, count in sorted(statuses.items(), key=str))
    print(f"{mode}, bodies_mib = {budget}: {rest:.0f} MiB at rest, {peak:.0f} at its peak, {(peak - rest) / held:.2f} of what bodies took; {told}", flush=True)
    return peak <= rest + FACTOR * held and set(statuses) <= {200, 503}


if __name__ == "__main__":
    leave_when_told()
    model = ModelServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    url, body = f"http://127.0.0.1:{model.server_port}/v1", request()
    runs = [measured(sys.argv[1], mode, budget, url, body) for mode in ("enforce", "shadow") for budget in (1024, 256)]
    sys.exit(0 if all(runs) else 1)
