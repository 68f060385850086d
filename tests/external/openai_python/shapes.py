"""Requests about something at stake, in the forms that the two guarded endpoints take: name, path, body."""

import base64

from model_server import CHOPSTICKS, CLOCK

CHAT, RESPONSES = "/chat/completions", "/responses"
# A file of one empty page has no need to be read by anybody here.
PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
SCHEMA = {"type": "object", "properties": {"advice": {"type": "string"}}, "required": ["advice"], "additionalProperties": False}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
ARGUMENTS = '{"city": "Kyoto"}'
PLACE = {"type": "approximate", "country": "DE", "city": "Bonn"}


def user(content=CHOPSTICKS, **more):
    return {"role": "user", "content": content, **more}


def chat_shapes(picture):
    text = {"type": "text", "text": CHOPSTICKS}
    shown = [{"type": "text", "text": CLOCK}, {"type": "image_url", "image_url": {"url": picture}}]
    function = {"name": "weather", "description": "The weather of a city", "parameters": PARAMETERS}
    tool = {"type": "function", "function": {**function, "strict": True}}
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "Rain."}
    old_result = {"role": "function", "name": "weather", "content": "Rain."}
    earlier = [user("What is the rainy season like?"), {"role": "assistant", "content": "Warm and wet."}]
    form = {"type": "json_schema", "json_schema": {"name": "advice", "strict": True, "schema": SCHEMA}}
    sound = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    many = {
        "temperature": 0.5, "top_p": 0.9, "seed": 7, "max_completion_tokens": 200, "stop": ["\n\n"], "user": "u-1", "metadata": {"tour": "9"},
        "frequency_penalty": 0.1, "presence_penalty": 0, "logit_bias": {"50256": -100}, "n": 1, "service_tier": "auto", "reasoning_effort": "low",
        "store": False,
    }
    return {
        "a string": {"messages": [user()]},
        "a named user": {"messages": [user(name="Ana")]},
        "one part": {"messages": [user([text])]},
        "two parts": {"messages": [user([{"type": "text", "text": "Good evening!"}, text])]},
        "text and picture": {"messages": [user(shown)]},
        "picture with detail, before the text": {"messages": [user([{"type": "image_url", "image_url": {"url": picture, "detail": "low"}}, shown[0]])]},
        "sound beside the text": {"messages": [user([text, sound])]},
        "a file beside the text": {"messages": [user([text, {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}])]},
        "system message": {"messages": [{"role": "system", "content": "Be brief."}, user()]},
        "system message in parts": {"messages": [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, user(shown)]},
        "developer message": {"messages": [{"role": "developer", "content": "Be brief."}, user()]},
        "developer message in parts": {"messages": [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, user(shown)]},
        "earlier turns": {"messages": [{"role": "system", "content": "Be brief."}, *earlier, user()]},
        "an earlier refusal": {"messages": [user("Hm?"), {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, user(shown)]},
        "two user messages": {"messages": [user("Good evening!"), user()]},
        "a system message behind": {"messages": [user(), {"role": "system", "content": "Be brief."}]},
        "tools": {"messages": [user()], "tools": [tool], "tool_choice": "auto", "parallel_tool_calls": False},
        "a custom tool": {"messages": [user()], "tools": [{"type": "custom", "custom": {"name": "notes", "format": {"type": "text"}}}]},
        "tool messages before": {"messages": [user("Rain in Kyoto?"), called, result, user()], "tools": [tool]},
        "tool messages behind": {"messages": [user(), called, result], "tools": [tool], "tool_choice": "none"},
        "tool messages behind a picture": {
            "messages": [user(shown), called, {**result, "content": [{"type": "text", "text": "Rain."}]}], "tools": [tool],
        },
        "two tool calls behind": {
            "messages": [user(), {**called, "tool_calls": [call, {**call, "id": "call_2"}]}, result, {**result, "tool_call_id": "call_2"}], "tools": [tool],
        },
        "a function of old": {
            "messages": [user(), {"role": "assistant", "content": None, "function_call": call["function"]}, old_result],
            "functions": [function], "function_call": "auto",
        },
        "an answer to begin with": {"messages": [user(), {"role": "assistant", "content": "Well,"}]},
        "an answer in JSON": {"messages": [user()], "response_format": form},
        "a search with a place": {
            "messages": [user(shown)], "web_search_options": {"user_location": {"type": "approximate", "approximate": {"country": "DE"}}},
        },
        "a prediction": {"messages": [user()], "prediction": {"type": "content", "content": "Of course."}},
        "many settings": {"messages": [user()], **many},
        "log probabilities": {"messages": [user(shown)], "logprobs": True, "top_logprobs": 2},
        "usage": {"messages": [user()], "stream_options": {"include_usage": True}, "stream": True},
        "a moderation of its own": {"messages": [user()], "moderation": {"model": "omni-moderation-latest"}},
    }


def response_shapes(picture):
    text = {"type": "input_text", "text": CHOPSTICKS}
    shown = [{"type": "input_text", "text": CLOCK}, {"type": "input_image", "detail": "auto", "image_url": picture}]
    tool = {"type": "function", "name": "weather", "description": "The weather of a city", "parameters": PARAMETERS, "strict": True}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": ARGUMENTS, "status": "completed"}
    result = {"type": "function_call_output", "call_id": "call_1", "output": "Rain."}
    said = {"type": "output_text", "text": "Warm and wet.", "annotations": [], "logprobs": []}
    answered = {"type": "message", "id": "msg_9", "role": "assistant", "status": "completed", "content": [said]}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Rain."}], "encrypted_content": "c2VjcmV0"}
    form = {"format": {"type": "json_schema", "name": "advice", "schema": SCHEMA, "strict": True}, "verbosity": "low"}
    many = {
        "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 200, "max_tool_calls": 3, "metadata": {"tour": "9"}, "store": False, "truncation": "auto",
        "service_tier": "auto", "safety_identifier": "u-1", "prompt_cache_key": "k", "reasoning": {"effort": "low", "summary": "auto"}, "top_logprobs": 2,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"], "parallel_tool_calls": False,
    }
    return {
        "a string": {"input": CHOPSTICKS},
        "a string with instructions": {"input": CHOPSTICKS, "instructions": "Be brief."},
        "a string behind a response": {"input": CHOPSTICKS, "previous_response_id": "resp_0"},
        "a string in a conversation": {"input": CHOPSTICKS, "conversation": "conv_1"},
        "a string with a prompt": {"input": CHOPSTICKS, "prompt": {"id": "pmpt_1", "version": "2", "variables": {"city": "Kyoto"}}},
        "a short item": {"input": [user()]},
        "an item": {"input": [user([text], type="message", status="completed")]},
        "an item in a conversation": {"input": [user([text])], "conversation": {"id": "conv_1"}},
        "text and picture": {"input": [user(shown)]},
        "text and picture with instructions": {"input": [user(shown)], "instructions": "Be brief."},
        "text and picture behind a response": {"input": [user(shown)], "previous_response_id": "resp_0"},
        "a file beside the text": {"input": [user([text, {"type": "input_file", "filename": "a.pdf", "file_data": PDF}])]},
        "system item": {"input": [{"role": "system", "content": "Be brief."}, user()]},
        "developer item": {"input": [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]}, user(shown)]},
        "earlier turns": {"input": [user("What is the rainy season like?"), answered, user(shown)]},
        "earlier turns, short": {"input": [user("What is the rainy season like?"), {"role": "assistant", "content": "Warm and wet."}, user()]},
        "an item by its id": {"input": [{"type": "item_reference", "id": "msg_9"}, user()]},
        "thoughts": {"input": [user("Rain in Kyoto?"), thought, answered, user()], "include": ["reasoning.encrypted_content"], "store": False},
        "tools": {"input": CHOPSTICKS, "tools": [tool], "tool_choice": "auto", "parallel_tool_calls": False},
        "tool items before": {"input": [user("Rain in Kyoto?"), call, result, user()], "tools": [tool]},
        "tool items behind": {"input": [user(shown), call, result], "tools": [tool]},
        "tool items behind, with thoughts": {
            "input": [user(), thought, call, {**result, "output": [{"type": "input_text", "text": "Rain."}]}], "tools": [tool],
        },
        "a custom tool": {
            "input": [
                user(),
                {"type": "custom_tool_call", "call_id": "call_1", "name": "notes", "input": "rice"},
                {"type": "custom_tool_call_output", "call_id": "call_1", "output": "-"},
            ],
            "tools": [{"type": "custom", "name": "notes", "format": {"type": "text"}}],
        },
        "a search with a place": {"input": [user(shown)], "tools": [{"type": "web_search", "user_location": PLACE, "search_context_size": "low"}]},
        "an answer in JSON": {"input": [user(shown)], "text": form},
        "many settings": {"input": CHOPSTICKS, **many},
        "for later": {"input": CHOPSTICKS, "background": True},
        "a moderation of its own": {"input": CHOPSTICKS, "moderation": {"model": "omni-moderation-latest"}},
    }


def shapes(picture):
    """All of them, whole and as streams."""
    data = "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()
    for path, of_path in ((CHAT, chat_shapes(data)), (RESPONSES, response_shapes(data))):
        for name, body in of_path.items():
            body = {"model": "gpt-5.2", **body}
            streams = [True] if "stream" in body else [False, True]
            for stream in streams:
                yield f"{path[1:]}: {name}{', as a stream' if stream else ''}", path, {**body, **({"stream": True} if stream else {})}
