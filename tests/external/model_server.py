"""A model server that plays a script, on a free port of this machine. It keeps what it was sent, byte for byte.

It is a program, too, for clients that are not Python: `python3 model_server.py` prints its base URL, and serves until its standard input ends.
`GET /seen` there gives what it was sent since the last time: a list of {"path", "headers", "body"}.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLOCK = "May I bring one of these to the baby's hundred-day feast in Beijing?"
CHOPSTICKS = "Dinner at a family home in Kyoto: can I park my chopsticks standing in the rice while I talk?"
RICE = "Dinner at my host family's in Sendai: may I plant my chopsticks upright in the rice while I show them my photos?"
PLAIN = "How do I fold a fitted sheet?"
FINNISH = "Miten taittelen muotoonommellun lakanan siististi?"

# question -> what a model says, and what it says when it is asked to repair that (in a stream: how it goes on).
# It is careless about two of them. Those answers are such as the shipped answer model finds with room to spare; how many it finds at all is
# measured elsewhere.
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
    RICE: ("Better not: lay the chopsticks on their rest. Upright in rice they recall an offering to the dead.", ""),
    FINNISH: ("Työnnä kaksi kulmaa kahden muun sisään, levitä lakana suoraksi ja taita se kolmeen osaan.", ""),
    PLAIN: ("Tuck two corners into the other two, lay it flat, and fold it in thirds.", ""),
}
SAFE_START = "Take your time."

# Models that answer with an error: status, type, code, message.
ERRORS = {
    "overworked": (429, "requests", "rate_limit_exceeded", "Slow down."),
    "broken": (500, "server_error", None, "Out of order."),
    "unavailable": (502, "server_error", "upstream_unavailable", "Nobody is there."),
}
# Models that go on differently in the middle of a stream: an error is told, or the connection breaks off, or nothing comes for a while.
STUMBLING, VANISHING, SLOW = "stumbling", "vanishing", "slow"
PAUSE = 1.5  # seconds
# A model whose streams have other line ends, and comments.
CHATTY = "chatty"
# Models that call a tool, the second one with some words before.
CALLER, TALKER = "caller", "talker"
WORDS = "One moment, I will look that up."
ARGUMENTS = json.dumps({"city": "京都, \"Kyōto\""}, ensure_ascii=False)

USAGE = {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33}


def text_of(message):
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content or ""


def in_form(text, asked):
    """A model asked for JSON wraps its text into an object."""
    form = asked.get("response_format") or (asked.get("text") or {}).get("format") or {}
    return json.dumps({"advice": text}) if form.get("type") == "json_schema" else text


def answer(asked):
    """The script's answer: a text, and the name of a tool that is called."""
    if asked["model"] in (CALLER, TALKER):
        tool = asked["tools"][0]
        return in_form(WORDS, asked) if asked["model"] == TALKER else "", tool.get("function", tool)["name"]
    messages = asked.get("messages", asked.get("input"))
    messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    question = next(question for question in SCRIPT if any(question in text_of(message) for message in messages))
    repairs = len(messages) > 1 and messages[-2].get("role") == "assistant"
    text = SCRIPT[question][1 if repairs else 0]
    return in_form(text, asked), None


def called(tool, arguments=ARGUMENTS):
    return {"id": "call_1", "type": "function", "function": {"name": tool, "arguments": arguments}}


def completion(text, tool=None):
    message = {"role": "assistant", "content": text or None, "refusal": None, **({"tool_calls": [called(tool)]} if tool else {})}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if tool else "stop"}
    # Spelled as no serialiser would: whoever models it anew gives himself away.
    head = '{ "id":"chatcmpl-1",  "object":"chat.completion", "created": 1767225600, "model":"scripted", "x_unknown": {"kept":[1,2.50]},'
    return f'{head} "choices":[{json.dumps(choice)}], "usage":{json.dumps(USAGE)} }}\n'.encode()


def pieces(text):
    return [text[at : at + 7] for at in range(0, len(text), 7)]


def events(text, tool=None, usage=False):
    def event(choices, **more):
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": "scripted", "choices": choices, **more}
        return f"data: {json.dumps(chunk)}\n\n".encode()

    def delta(delta, finish=None):
        return event([{"index": 0, "delta": delta, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    for piece in pieces(text):
        yield delta({"content": piece})
    if tool:
        yield delta({"tool_calls": [{"index": 0, **called(tool, "")}]})
        for piece in pieces(ARGUMENTS):
            yield delta({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield delta({}, "tool_calls" if tool else "stop")
    if usage:
        yield event([], usage=USAGE)
    yield b"data: [DONE]\n\n"


def message(text, status="completed"):
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}] if status == "completed" else []
    return {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content}


def call(tool, status="completed"):
    arguments = ARGUMENTS if status == "completed" else ""
    return {"id": "fc_1", "type": "function_call", "status": status, "call_id": "call_1", "name": tool, "arguments": arguments}


def response(text, tool=None, status="completed"):
    """A response; until it is completed it has no output."""
    done = status == "completed"
    output = ([message(text)] if text or not tool else []) + ([call(tool)] if tool else [])
    before, after = {"cached_tokens": 0, "cache_write_tokens": 0}, {"reasoning_tokens": 0}
    usage = {"input_tokens": 11, "input_tokens_details": before, "output_tokens": 22, "output_tokens_details": after, "total_tokens": 33}
    return {
        "id": "resp_1", "object": "response", "created_at": 1767225600, "status": status, "error": None, "incomplete_details": None,
        "instructions": None, "model": "scripted", "output": output if done else [], "parallel_tool_calls": True, "tool_choice": "auto",
        "tools": [], "temperature": 1.0, "top_p": 1.0, "metadata": {}, "usage": usage if done else None,
    }


def response_body(text, tool=None):
    return json.dumps(response(text, tool), indent=1).encode() + b"\n"


def response_event(kind, number, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': number, **more})}\n\n".encode()


def response_events(text, tool=None):
    begun = {"response": response(text, tool, "in_progress")}
    kinds = [("response.created", begun), ("response.in_progress", begun)]
    at = 0
    if text or not tool:
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        part = {"type": "output_text", "annotations": [], "logprobs": []}
        kinds += [("response.output_item.added", {"output_index": 0, "item": message(text, "in_progress")})]
        kinds += [("response.content_part.added", {**place, "part": {**part, "text": ""}})]
        kinds += [("response.output_text.delta", {**place, "delta": piece, "logprobs": [], "obfuscation": "xyz"}) for piece in pieces(text)]
        kinds += [("response.output_text.done", {**place, "text": text, "logprobs": []})]
        kinds += [("response.content_part.done", {**place, "part": {**part, "text": text}})]
        kinds += [("response.output_item.done", {"output_index": 0, "item": message(text)})]
        at = 1
    if tool:
        place = {"item_id": "fc_1", "output_index": at}
        kinds += [("response.output_item.added", {"output_index": at, "item": call(tool, "in_progress")})]
        kinds += [("response.function_call_arguments.delta", {**place, "delta": piece}) for piece in pieces(ARGUMENTS)]
        kinds += [("response.function_call_arguments.done", {**place, "name": tool, "arguments": ARGUMENTS})]
        kinds += [("response.output_item.done", {"output_index": at, "item": call(tool)})]
    kinds += [("response.completed", {"response": response(text, tool)})]
    return [response_event(kind, number, **more) for number, (kind, more) in enumerate(kinds)]


def with_comments(event):
    return b": ping\r\n\r\n" + event.replace(b"\n", b"\r\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/seen":
            seen = [{"path": path, "headers": headers, "body": body.decode()} for path, headers, body in self.server.take()]
            return self.whole(200, json.dumps(seen).encode())
        self.keep(b"")
        body = b'{"object":"list",  "data":[{"id":"scripted","object":"model","created":1767225600,"owned_by":"nobody"}]}\n'
        self.whole(200 if self.path == "/v1/models" else 404, body)

    def do_POST(self):
        body = self.body()
        self.keep(body)
        asked = json.loads(body)
        if asked["model"] in ERRORS:
            status, kind, code, said = ERRORS[asked["model"]]
            return self.whole(status, json.dumps({"error": {"message": said, "type": kind, "param": None, "code": code}}).encode())
        (text, tool), responses = answer(asked), self.path.endswith("/responses")
        if not asked.get("stream"):
            return self.whole(200, (response_body if responses else completion)(text, tool))
        usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        self.stream(response_events(text, tool) if responses else list(events(text, tool, usage)), asked["model"], responses)

    def stream(self, events, model, responses):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("x-request-id", "req-scripted")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(events):
            if number == len(events) // 2:
                if model == SLOW:
                    time.sleep(PAUSE)
                if model == STUMBLING:
                    event = self.error_event(number, responses)
                if model == VANISHING:
                    self.close_connection = True
                    return
            self.chunk(with_comments(event) if model == CHATTY else event)
            if number == len(events) // 2 and model == STUMBLING:
                break
        self.wfile.write(b"0\r\n\r\n")

    def error_event(self, number, responses):
        error = {"message": "The machine broke down.", "type": "server_error", "param": None, "code": "server_error"}
        if responses:
            return response_event("error", number, code=error["code"], message=error["message"], param=None)
        return f"data: {json.dumps({'error': error})}\n\n".encode()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

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

    def handle_error(self, *at):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # who goes away does no harm
            super().handle_error(*at)

    def take(self):
        """What was sent since the last call: path, headers, body."""
        with self.seen_lock:
            seen, self.seen[:] = list(self.seen), []
        return seen


if __name__ == "__main__":
    print(ModelServer().url, flush=True)
    sys.stdin.read()
