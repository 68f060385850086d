"""The turns that it is given, taken with openai-python."""

import openai
from pydantic import BaseModel

from turns import TOOL, as_chat, as_input, take


class Advice(BaseModel):
    advice: str


def settings(turn):
    return {"base_url": turn["base_url"], "api_key": "sk-of-the-client", "max_retries": 0, "timeout": 60}


def chat(turn):
    tools = {"tools": [{"type": "function", "function": TOOL}]} if turn["tools"] else {}
    return {"model": turn["model"], "messages": as_chat(turn), "extra_headers": turn["headers"], **tools}


def responses(turn):
    tools = {"tools": [{"type": "function", **TOOL}]} if turn["tools"] else {}
    return {"model": turn["model"], "input": as_input(turn), "extra_headers": turn["headers"], **tools}


def completion(got, answer):
    choice = answer.choices[0]
    got["text"], got["finish"] = choice.message.content or "", choice.finish_reason
    got["tools"] = [[call.function.name, call.function.arguments] for call in choice.message.tool_calls or []]
    got["moderation"] = answer.model_dump().get("moderation")


def chunk(got, came):
    got["moderation"] = came.model_dump().get("moderation") or got["moderation"]
    for choice in came.choices:
        got["text"] += choice.delta.content or ""
        got["finish"] = choice.finish_reason or got["finish"]
        for call in choice.delta.tool_calls or []:
            if call.id:
                got["tools"].append([call.function.name, ""])
            got["tools"][call.index][1] += call.function.arguments


def response(got, answer):
    got["text"], got["finish"] = answer.output_text, answer.status
    got["tools"] = [[item.name, item.arguments] for item in answer.output if item.type == "function_call"]
    got["moderation"] = answer.model_dump().get("moderation")


def event(got, came):
    if came.type == "response.output_text.delta":
        got["text"] += came.delta
    elif came.type == "error":
        got["error"] = {"type": "an error event", "status": None, "code": came.code, "message": came.message}
    elif came.type == "response.completed":
        finish(got, response, came.response)


def finish(got, read, answer):
    """What a stream ends with must say what was streamed."""
    streamed = got["text"]
    read(got, answer)
    assert got["text"] == streamed, f"streamed was {streamed!r}, and the end says {got['text']!r}"


def chat_create(turn, got):
    completion(got, openai.OpenAI(**settings(turn)).chat.completions.create(**chat(turn)))


def chat_streamed(turn, got):
    for came in openai.OpenAI(**settings(turn)).chat.completions.create(**chat(turn), stream=True):
        chunk(got, came)


def chat_stream(turn, got):
    with openai.OpenAI(**settings(turn)).chat.completions.stream(**chat(turn)) as stream:
        for came in stream:
            got["text"] += came.delta if came.type == "content.delta" else ""
        finish(got, completion, stream.get_final_completion())


def chat_parse(turn, got):
    answer = openai.OpenAI(**settings(turn)).chat.completions.parse(**chat(turn), response_format=Advice)
    completion(got, answer)
    parsed = answer.choices[0].message.parsed
    got["text"] = parsed.advice if parsed else got["text"]


async def chat_async(turn, got):
    async with openai.AsyncOpenAI(**settings(turn)) as client:
        completion(got, await client.chat.completions.create(**chat(turn)))


async def chat_async_streamed(turn, got):
    async with openai.AsyncOpenAI(**settings(turn)) as client:
        async for came in await client.chat.completions.create(**chat(turn), stream=True):
            chunk(got, came)


def responses_create(turn, got):
    response(got, openai.OpenAI(**settings(turn)).responses.create(**responses(turn)))


def responses_streamed(turn, got):
    for came in openai.OpenAI(**settings(turn)).responses.create(**responses(turn), stream=True):
        event(got, came)


def responses_stream(turn, got):
    with openai.OpenAI(**settings(turn)).responses.stream(**responses(turn)) as stream:
        for came in stream:
            event(got, came)
        finish(got, response, stream.get_final_response())


def responses_parse(turn, got):
    answer = openai.OpenAI(**settings(turn)).responses.parse(**responses(turn), text_format=Advice)
    response(got, answer)
    got["text"] = answer.output_parsed.advice if answer.output_parsed else got["text"]


async def responses_async(turn, got):
    async with openai.AsyncOpenAI(**settings(turn)) as client:
        response(got, await client.responses.create(**responses(turn)))


async def responses_async_streamed(turn, got):
    async with openai.AsyncOpenAI(**settings(turn)) as client:
        async for came in await client.responses.create(**responses(turn), stream=True):
            event(got, came)


take(
    {
        "chat create": chat_create,
        "chat create streamed": chat_streamed,
        "chat stream()": chat_stream,
        "chat parse()": chat_parse,
        "chat async create": chat_async,
        "chat async create streamed": chat_async_streamed,
        "responses create": responses_create,
        "responses create streamed": responses_streamed,
        "responses stream()": responses_stream,
        "responses parse()": responses_parse,
        "responses async create": responses_async,
        "responses async create streamed": responses_async_streamed,
    }
)
