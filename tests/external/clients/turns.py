"""What the Python clients share: every line of the standard input is a turn to take, and every line of the standard output says what came of one."""

import asyncio
import base64
import inspect
import json
import sys
from pathlib import Path

# Strict, since the helpers that parse accept no other.
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
TOOL = {"name": "look_up", "description": "Looks up a custom.", "strict": True, "parameters": PARAMETERS}


def picture(turn):
    return "data:image/jpeg;base64," + base64.b64encode(Path(turn["picture"]).read_bytes()).decode()


def as_chat(turn):
    """The turn's messages as chat completions have them."""
    if not turn["picture"]:
        return [{"role": "user", "content": turn["question"]}]
    return [{"role": "user", "content": [{"type": "text", "text": turn["question"]}, {"type": "image_url", "image_url": {"url": picture(turn)}}]}]


def as_input(turn):
    """The turn's input as the Responses API has it."""
    if not turn["picture"]:
        return turn["question"]
    shown = {"type": "input_image", "detail": "auto", "image_url": picture(turn)}
    return [{"role": "user", "content": [{"type": "input_text", "text": turn["question"]}, shown]}]


def described(error):
    said = {name: getattr(error, name, None) for name in ("status_code", "code", "message")}
    return {"type": type(error).__name__, "status": said["status_code"], "code": said["code"], "message": said["message"] or str(error)}


def take(ways):
    """Takes every turn in its way. A way fills in `got` as it goes, so that what came before an error is told, too."""
    loop = asyncio.new_event_loop()  # one for all turns: clients keep connections in it
    for line in sys.stdin:
        turn = json.loads(line)
        got = {"id": turn["id"], "text": "", "finish": None, "tools": [], "moderation": None, "error": None}
        try:
            taken = ways[turn["way"]](turn, got)
            if inspect.isawaitable(taken):
                loop.run_until_complete(taken)
        except Exception as error:  # whatever a client raises is what it makes of the answer
            got["error"] = described(error)
        print(json.dumps(got), flush=True)
    loop.close()
