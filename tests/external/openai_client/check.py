"""What the real OpenAI client makes of Comity: check.py BINARY REPOSITORY."""

import asyncio
import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import openai
from pydantic import BaseModel, TypeAdapter

from results import failures, report
from comity import PATIENCE, Comity, closed_port, leave_when_told
from openai.types.responses import Response, ResponseStreamEvent
from model_server import CHOPSTICKS, CLOCK, PLAIN, SAFE_START, SCRIPT, ModelServer, completion, response_body


class Server(Comity):
    @property
    def settings(self):
        return {"base_url": self.url, "api_key": "sk-of-the-client", "timeout": PATIENCE, "max_retries": 0}

    @property
    def client(self):
        return openai.OpenAI(**self.settings)


def picture(question=CLOCK, file="clock.jpg"):
    data = base64.b64encode((REPOSITORY / "examples/pictures" / file).read_bytes()).decode()
    url = f"data:image/jpeg;base64,{data}"
    return [{"role": "user", "content": [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}]}]


def text(question):
    return [{"role": "user", "content": question}]


def same(found, expected, what):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def within(part, whole, what):
    assert part in whole, f"{what}: {part!r} is not in {whole!r}"


def four_keys(error):
    same(sorted(error), ["code", "message", "param", "type"], "the error's keys")


def check_an_answer_about_a_picture_is_repaired():
    MODEL.take()
    raw = GUARD.client.chat.completions.with_raw_response.create(model="scripted", messages=picture())
    choice = raw.parse().choices[0]
    same((choice.message.content, choice.finish_reason), (SCRIPT[CLOCK][1], "stop"), "the answer")
    same((raw.headers["comity-decision"], raw.headers["x-request-id"]), ("rewrite", "req-scripted"), "the headers")
    assert raw.headers["comity-record"] and raw.headers["comity-policy"], "the record and the policy are named"
    (_, headers, taught), (_, _, repair) = MODEL.take()
    within("Cultural note", json.loads(taught)["messages"][0]["content"], "the first request has the note")
    same(json.loads(taught)["messages"][1:], picture(), "the conversation is kept")
    same(json.loads(repair)["messages"][-2]["content"], SCRIPT[CLOCK][0], "the second request has the draft")
    same({name.lower(): value for name, value in headers.items()}["authorization"], "Bearer sk-of-the-client", "the client's key")


def check_where_nothing_is_at_stake_bytes_are_kept():
    MODEL.take()
    sent = b'{ "model":"scripted","x":1.50, "messages":[{"content":"%s","role":"user"}] }' % PLAIN.encode()
    status, headers, body = GUARD.raw("POST", "/v1/chat/completions", sent)
    same((status, headers["comity-decision"], body), (200, "pass", completion(SCRIPT[PLAIN][0])), "the answer")
    same([body for _, _, body in MODEL.take()], [sent], "what the model server got")


def check_a_plain_answer_is_read_by_the_client():
    answer = GUARD.client.chat.completions.create(model="scripted", messages=text(PLAIN))
    same((answer.choices[0].message.content, answer.usage.total_tokens), (SCRIPT[PLAIN][0], 33), "the answer")


def check_a_stream_is_cut_before_the_breach_and_goes_on_repaired():
    stream = GUARD.client.chat.completions.create(model="scripted", messages=text(CHOPSTICKS), stream=True)
    said, finishes = "", []
    for chunk in stream:
        for choice in chunk.choices:
            assert choice.delta is not None, "a choice has a delta"
            said += choice.delta.content or ""
            finishes += [choice.finish_reason] if choice.finish_reason else []
    assert said.startswith(SAFE_START), f"what holds is shown: {said!r}"
    assert "upright" not in said, f"the breach is not shown: {said!r}"
    within(SCRIPT[CHOPSTICKS][1], said, "the repair")
    same(finishes, ["stop"], "how it finishes")


def check_a_stream_about_a_picture_is_repaired():
    stream = GUARD.client.chat.completions.create(model="scripted", messages=picture(), stream=True)
    said = "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    same(said.strip(), SCRIPT[CLOCK][1], "the answer")


def check_a_stream_where_nothing_is_at_stake_is_kept_with_its_usage():
    stream = GUARD.client.chat.completions.create(
        model="scripted", messages=text(PLAIN), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    said = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    same((said, chunks[-1].usage.total_tokens), (SCRIPT[PLAIN][0], 33), "the answer and its usage")


def check_the_async_client_gets_the_same():
    async def both():
        async with openai.AsyncOpenAI(**GUARD.settings) as client:
            whole = client.chat.completions.create(model="scripted", messages=picture())
            stream = client.chat.completions.create(model="scripted", messages=text(CHOPSTICKS), stream=True)
            whole, stream = await asyncio.wait_for(asyncio.gather(whole, stream), PATIENCE)
            said = ""
            async for chunk in stream:
                said += "".join(choice.delta.content or "" for choice in chunk.choices)
            return whole.choices[0].message.content, said

    whole, said = asyncio.run(both())
    same(whole, SCRIPT[CLOCK][1], "the whole answer")
    within(SCRIPT[CHOPSTICKS][1], said, "the stream")


def check_the_stream_helper_does_not_raise():
    for messages, repaired in ((picture(), SCRIPT[CLOCK][1]), (text(CHOPSTICKS), SCRIPT[CHOPSTICKS][1])):
        with GUARD.client.chat.completions.stream(model="scripted", messages=messages) as stream:
            kinds = {event.type for event in stream}
            final = stream.get_final_completion()
        within("content.done", kinds, "the helper's events")
        within(repaired, final.choices[0].message.content, "the answer")
        same(final.choices[0].finish_reason, "stop", "how it finishes")


class Advice(BaseModel):
    advice: str


def check_parse_reads_a_repaired_answer():
    answer = GUARD.client.chat.completions.parse(model="scripted", messages=picture(), response_format=Advice)
    same(answer.choices[0].message.parsed, Advice(advice=SCRIPT[CLOCK][1]), "the parsed answer")


def check_the_verdict_is_read_by_the_client():
    asks = {"extra_headers": {"comity-verdict": "include"}}
    answer = GUARD.client.chat.completions.create(model="scripted", messages=picture(), **asks)
    moderation = answer.model_dump()["moderation"]
    for side in ("input", "output"):
        same(moderation[side]["type"], "moderation_results", f"{side}: its type")
        same(moderation[side]["results"][0]["categories"]["culture/CN/clock-as-gift"], True, f"{side}: the norm")
    plain = GUARD.client.chat.completions.create(model="scripted", messages=picture())
    same(plain.model_dump().get("moderation"), None, "without asking there is no verdict")


def check_the_verdict_of_a_stream_comes_before_its_end():
    asks = {"extra_headers": {"comity-verdict": "include"}}
    with GUARD.client.chat.completions.stream(model="scripted", messages=text(CHOPSTICKS), **asks) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        stream.get_final_completion()
    same(chunks[-1].choices, [], "the last chunk's choices")
    flagged = chunks[-1].model_dump()["moderation"]["output"]["results"][0]["categories"]
    same(flagged["culture/JP/chopsticks-upright"], True, "the norm")


def shown(question=CLOCK, file="clock.jpg"):
    """A question with a picture, as the Responses API has it."""
    content = picture(question, file)[0]["content"]
    return [{"role": "user", "content": [{"type": "input_text", "text": question}, {"type": "input_image", "detail": "auto", "image_url": content[1]["image_url"]["url"]}]}]


def check_a_response_about_a_picture_is_repaired():
    MODEL.take()
    raw = GUARD.client.responses.with_raw_response.create(model="scripted", input=shown())
    answer = raw.parse()
    same((answer.output_text, answer.status, answer.usage.total_tokens), (SCRIPT[CLOCK][1], "completed", 33), "the response")
    TypeAdapter(Response).validate_python(json.loads(raw.text))
    same(raw.headers["comity-decision"], "rewrite", "the decision")
    (_, _, taught), (_, _, repair) = MODEL.take()
    within("Cultural note", json.loads(taught)["input"][0]["content"], "the first request has the note")
    same(json.loads(taught)["input"][1:], shown(), "the input is kept")
    same((json.loads(repair)["input"][-2]["content"], json.loads(repair)["store"]), (SCRIPT[CLOCK][0], False), "the second request has the draft, and stores nothing")


def check_a_response_where_nothing_is_at_stake_keeps_its_bytes():
    MODEL.take()
    sent = b'{ "model":"scripted","x":1.50, "input":"%s" }' % PLAIN.encode()
    status, headers, body = GUARD.raw("POST", "/v1/responses", sent)
    same((status, headers["comity-decision"], body), (200, "pass", response_body(SCRIPT[PLAIN][0])), "the answer")
    same([body for _, _, body in MODEL.take()], [sent], "what the model server got")


def check_every_event_of_a_repaired_response_is_well_formed_and_says_the_same():
    for asked, start, repaired in ((CHOPSTICKS, SAFE_START, SCRIPT[CHOPSTICKS][1]), (shown(), "", SCRIPT[CLOCK][1]), (PLAIN, "", SCRIPT[PLAIN][0])):
        status, headers, body = GUARD.raw("POST", "/v1/responses", json.dumps({"model": "scripted", "stream": True, "input": asked}))
        same((status, headers["content-type"].split(";")[0]), (200, "text/event-stream"), "the head")
        said, copies = "", []
        for number, event in enumerate(body.decode().removesuffix("\n\n").split("\n\n")):
            name, data = event.split("\n")
            event = TypeAdapter(ResponseStreamEvent).validate_python(json.loads(data.removeprefix("data: ")))
            same((event.type, event.sequence_number), (name.removeprefix("event: "), number), "the event's name and number")
            if event.type == "response.output_text.delta":
                said += event.delta
            copies += [event.text] if event.type == "response.output_text.done" else []
            copies += [event.part.text] if event.type == "response.content_part.done" else []
            copies += [event.item.content[0].text] if event.type == "response.output_item.done" else []
            copies += [event.response.output_text] if event.type == "response.completed" else []
        assert said.startswith(start), f"what holds is shown: {said!r}"
        within(repaired, said, "the answer")
        same(copies, [said] * 4, "what the other events say")


def check_the_stream_helper_for_responses_gets_the_repaired_text():
    for asked, repaired in ((shown(), SCRIPT[CLOCK][1]), (CHOPSTICKS, SCRIPT[CHOPSTICKS][1])):
        with GUARD.client.responses.stream(model="scripted", input=asked) as stream:
            said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            final = stream.get_final_response()
        within(repaired, said, "the deltas")
        same(final.output_text, said, "the final response")


def check_a_repaired_response_is_parsed():
    answer = GUARD.client.responses.parse(model="scripted", input=shown(), text_format=Advice)
    same(answer.output_parsed, Advice(advice=SCRIPT[CLOCK][1]), "the parsed answer")


def check_the_verdict_of_a_response_has_the_api_form():
    asks = {"extra_headers": {"comity-verdict": "include"}}
    answer = GUARD.client.responses.create(model="scripted", input=shown(), **asks)
    *_, last = GUARD.client.responses.create(model="scripted", input=shown(), stream=True, **asks)
    for moderation in (answer.model_dump()["moderation"], last.response.model_dump()["moderation"]):
        for side in ("input", "output"):
            same((moderation[side]["type"], moderation[side]["categories"]["culture/CN/clock-as-gift"]), ("moderation_result", True), f"{side}: the norm")


def check_a_country_can_be_named():
    MODEL.take()
    asks = {"model": "scripted", "messages": text(CHOPSTICKS), "extra_headers": {"comity-country": "DE"}}
    raw = GUARD.client.chat.completions.with_raw_response.create(**asks)
    same((raw.headers["comity-decision"], raw.parse().choices[0].message.content), ("pass", SCRIPT[CHOPSTICKS][0]), "in Germany")
    ((_, headers, _),) = MODEL.take()
    assert not any(name.lower().startswith("comity-") for name in headers), f"Comity's own headers stay here: {headers}"


def check_broken_json_is_refused_in_openai_form():
    status, headers, body = GUARD.raw("POST", "/v1/chat/completions", b'{"model":"scripted","messages":[')
    error = json.loads(body)["error"]
    four_keys(error)
    same((status, error["type"], error["code"]), (400, "invalid_request_error", "invalid_json"), "the error")
    same(headers["content-type"], "application/json", "the content type")


def check_an_unknown_country_is_refused():
    try:
        GUARD.client.chat.completions.create(model="scripted", messages=text(PLAIN), extra_headers={"comity-country": "Atlantis"})
    except openai.BadRequestError as error:
        same((error.code, error.param), ("unknown_country", "comity-country"), "the error")
        four_keys(error.body)
    else:
        raise AssertionError("nothing was raised")


def check_the_model_servers_own_error_passes():
    try:
        GUARD.client.chat.completions.create(model="overworked", messages=text(PLAIN))
    except openai.RateLimitError as error:
        same((error.code, error.body["message"]), ("rate_limit_exceeded", "Slow down."), "the error")
    else:
        raise AssertionError("nothing was raised")


def check_a_model_server_that_is_down_is_said_to_be():
    for stream in (False, True):
        try:
            DOWN.client.chat.completions.create(model="scripted", messages=text(PLAIN), stream=stream)
        except openai.InternalServerError as error:
            same((error.status_code, error.code, error.type), (502, "upstream_unavailable", "server_error"), "the error")
            assert int(error.response.headers["retry-after"]) > 0, "it says when to try again"
            four_keys(error.body)
        else:
            raise AssertionError("nothing was raised")


def check_other_endpoints_pass_through():
    MODEL.take()
    raw = GUARD.client.models.with_raw_response.list()
    same([model.id for model in raw.parse()], ["scripted"], "the models")
    same(raw.headers["comity-decision"], "unguarded", "the decision")
    same([path for path, _, _ in MODEL.take()], ["/v1/models"], "what the model server got")


def check_shadow_leaves_the_bytes():
    MODEL.take()
    sent = json.dumps({"messages": picture(), "model": "scripted"}, indent=1).encode()
    status, headers, body = SHADOW.raw("POST", "/v1/chat/completions", sent, {"comity-verdict": "include"}.items())
    same((status, headers["comity-decision"], body), (200, "shadow", completion(SCRIPT[CLOCK][0])), "the answer")
    same([body for _, _, body in MODEL.take()], [sent], "what the model server got")
    stream = SHADOW.client.chat.completions.create(model="scripted", messages=text(CHOPSTICKS), stream=True)
    same("".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices), SCRIPT[CHOPSTICKS][0], "the stream")


def check_shutdown_is_clean_and_the_audit_tells_it_all():
    same([server.stop() for server in (SHADOW, GUARD)], [0, 0], "the exit codes")
    command = [BINARY, "audit", "report", "--audit", str(SHADOW.audit), "--by", "norm", "--format", "json"]
    rows = {row["key"]: row for row in json.loads(subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout)}
    within("CN/clock-as-gift", rows, "the norms of the shadow's audit")
    within("JP/chopsticks-upright", rows, "the norms of the shadow's audit")
    same([row["repaired"] for row in rows.values()], [0] * len(rows), "repairs in shadow")
    words = ("hundred-day", "chopsticks standing", "sk-of-the-client")
    logged = [line for server in (SHADOW, GUARD, DOWN) for line in server.log if any(word in line for word in words)]
    same(logged, [], "log lines with words of a conversation or a key")


def run(checks):
    failed = failures(checks)
    report(f"| openai-python {openai.__version__}, checks of Comity's own | in front of a scripted model server | {len(checks) - failed} of {len(checks)} checks passed |")
    return 1 if failed else 0


if __name__ == "__main__":
    BINARY, REPOSITORY = sys.argv[1], Path(sys.argv[2])
    CHECKS = [(name.removeprefix("check_").replace("_", " "), check) for name, check in list(globals().items()) if name.startswith("check_")]
    leave_when_told()
    with tempfile.TemporaryDirectory() as folder:
        MODEL, (HOLDER, NOBODY) = ModelServer(), closed_port()
        servers = []
        try:
            for name, upstream, mode in (("guard", MODEL.url, "enforce"), ("shadow", MODEL.url, "shadow"), ("down", NOBODY, "enforce")):
                servers.append(Server(BINARY, REPOSITORY, Path(folder), name, upstream, mode))
            GUARD, SHADOW, DOWN = servers
            for server in servers:
                server.wait()
            status = run(CHECKS)
        finally:
            for server in servers:
                server.stop()
    sys.exit(status)
