"""The turns that it is given, taken with LangChain's ChatOpenAI."""

from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from turns import TOOL, as_chat, take


class Advice(BaseModel):
    advice: str


def model(turn, responses=False):
    return ChatOpenAI(
        model=turn["model"],
        base_url=turn["base_url"],
        api_key="sk-of-the-client",
        max_retries=0,
        timeout=60,
        default_headers=turn["headers"],
        use_responses_api=responses,
    )


def bound(turn, responses=False):
    return model(turn, responses).bind_tools([{"type": "function", "function": TOOL}]) if turn["tools"] else model(turn, responses)


def message(got, answer):
    got["text"] = answer.text
    got["finish"] = answer.response_metadata.get("finish_reason") or answer.response_metadata.get("status")
    got["tools"] = [[call["name"], call["args"]] for call in answer.tool_calls]
    got["moderation"] = answer.response_metadata.get("moderation")


def invoke(turn, got, responses=False):
    message(got, bound(turn, responses).invoke(as_chat(turn)))


def stream(turn, got, responses=False):
    whole = None
    for chunk in bound(turn, responses).stream(as_chat(turn)):
        whole = chunk if whole is None else whole + chunk
        message(got, whole)


async def ainvoke(turn, got, responses=False):
    message(got, await bound(turn, responses).ainvoke(as_chat(turn)))


async def astream(turn, got, responses=False):
    whole = None
    async for chunk in bound(turn, responses).astream(as_chat(turn)):
        whole = chunk if whole is None else whole + chunk
        message(got, whole)


def structured(turn, got, responses=False):
    got["text"] = model(turn, responses).with_structured_output(Advice).invoke(as_chat(turn)).advice


WAYS = {"invoke": invoke, "stream": stream, "ainvoke": ainvoke, "astream": astream, "with_structured_output": structured}
responses = {f"responses {name}": lambda turn, got, way=way: way(turn, got, responses=True) for name, way in WAYS.items()}
take({f"chat {name}": way for name, way in WAYS.items()} | responses)
