"""A model server that plays a script, on a free port of this machine. It keeps what it was sent, byte for byte."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLOCK = "May I bring one of these to the baby's hundred-day feast in Beijing?"
CHOPSTICKS = "Dinner at a family home in Kyoto: can I park my chopsticks standing in the rice while I talk?"
PLAIN = "How do I fold a fitted sheet?"

# question -> what a careless model says, and what it says when it is asked to repair that (in a stream: how it goes on).
# The careless answers are such as the shipped answer model finds with room to spare; how many it finds at all is measured elsewhere.
SCRIPT = {
    CLOCK: (
        "Pick the largest clock, wrap it in red paper and hand it to the grandparents when you arrive.",
        "I would bring something else: in many Chinese families a clock is not given, because the words for it sound like attending someone's "
        "last rites. A small silver bracelet or baby clothes suit a hundred-day feast.",
    ),
    CHOPSTICKS: (
        "Take your time. Stick your chopsticks upright in the rice while you talk.",
        "Better lay the chopsticks on their rest, or across the side dish: standing in rice they recall an offering to the dead.",
    ),
    PLAIN: ("Tuck two corners into the other two, lay it flat, and fold it in thirds.", ""),
}
SAFE_START = "Take your time."

USAGE = {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33}


def text_of(message):
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content or ""


def answer(asked):
    """The script's answer: a model asked for JSON wraps it into an object."""
    messages = asked.get("messages", asked.get("input"))
    messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    question = next(question for question in SCRIPT if any(question in text_of(message) for message in messages))
    repairs = len(messages) > 1 and messages[-2]["role"] == "assistant"
    text = SCRIPT[question][1 if repairs else 0]
    return json.dumps({"advice": text}) if "response_format" in asked or "text" in asked else text


def completion(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "logprobs": None, "finish_reason": "stop"}
    # Spelled as no serialiser would: whoever models it anew gives himself away.
    head = '{ "id":"chatcmpl-1",  "object":"chat.completion", "created": 1767225600, "model":"scripted", "x_unknown": {"kept":[1,2.50]},'
    return f'{head} "choices":[{json.dumps(choice)}], "usage":{json.dumps(USAGE)} }}\n'.encode()


def events(text, usage):
    def event(choices, **more):
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": "scripted", "choices": choices, **more}
        return f"data: {json.dumps(chunk)}\n\n".encode()

    def delta(delta, finish=None):
        return event([{"index": 0, "delta": delta, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    for at in range(0, len(text), 7):
        yield delta({"content": text[at : at + 7]})
    yield delta({}, "stop")
    if usage:
        yield event([], usage=USAGE)
    yield b"data: [DONE]\n\n"


def message(text, status="completed"):
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}] if status == "completed" else []
    return {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content}


def response(text, status="completed"):
    """A response; until it is completed it has no output."""
    done = status == "completed"
    usage = {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 22, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 33}
    return {
        "id": "resp_1", "object": "response", "created_at": 1767225600.0, "status": status, "error": None, "incomplete_details": None, "instructions": None,
        "model": "scripted", "output": [message(text)] if done else [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "temperature": 1.0,
        "top_p": 1.0, "metadata": {}, "usage": usage if done else None,
    }


def response_body(text):
    return json.dumps(response(text), indent=1).encode() + b"\n"


def response_events(text):
    number = 0

    def event(kind, **more):
        nonlocal number
        written = json.dumps({"type": kind, "sequence_number": number, **more})
        number += 1
        return f"event: {kind}\ndata: {written}\n\n".encode()

    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": []}
    yield event("response.created", response=response(text, "in_progress"))
    yield event("response.in_progress", response=response(text, "in_progress"))
    yield event("response.output_item.added", output_index=0, item=message(text, "in_progress"))
    yield event("response.content_part.added", **place, part={**part, "text": ""})
    for at in range(0, len(text), 7):
        yield event("response.output_text.delta", **place, delta=text[at : at + 7], logprobs=[], obfuscation="xyz")
    yield event("response.output_text.done", **place, text=text, logprobs=[])
    yield event("response.content_part.done", **place, part={**part, "text": text})
    yield event("response.output_item.done", output_index=0, item=message(text))
    yield event("response.completed", response=response(text))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.keep(b"")
        body = b'{"object":"list",  "data":[{"id":"scripted","object":"model","created":1767225600,"owned_by":"nobody"}]}\n'
        self.whole(200 if self.path == "/v1/models" else 404, body)

    def do_POST(self):
        body = self.body()
        self.keep(body)
        asked = json.loads(body)
        if asked["model"] == "overworked":
            error = {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
            return self.whole(429, json.dumps({"error": error}).encode())
        text, responses = answer(asked), self.path.endswith("/responses")
        if not asked.get("stream"):
            return self.whole(200, response_body(text) if responses else completion(text))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("x-request-id", "req-scripted")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        usage = (asked.get("stream_options") or {}).get("include_usage")
        for event in response_events(text) if responses else events(text, usage):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def body(self):
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def keep(self, body):
        with self.server.seen_lock:
            self.server.seen.append((self.path, dict(self.headers.items()), body))

    def whole(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-request-id", "req-scripted")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class ModelServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.seen, self.seen_lock = [], threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def take(self):
        """What was sent since the last call: path, headers, body."""
        with self.seen_lock:
            seen, self.seen[:] = list(self.seen), []
        return seen
