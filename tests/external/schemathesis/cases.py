"""The requests: made once, by schemathesis out of the API description, as the bytes that are then sent every way."""

import json
from dataclasses import dataclass, replace

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.internal.conjecture import providers
from schemathesis.generation import GenerationMode

# Else Hypothesis also makes examples of what stands in the modules that it takes for ours, which hangs on where the packages are installed.
providers._get_local_constants = lambda: providers._local_constants

GUARDED = ("POST /chat/completions", "POST /completions", "POST /responses", "POST /responses?beta=true")
EACH, EACH_GUARDED = 3, 50  # examples of an operation, valid ones and as many invalid ones

# What differs from run to run without saying anything: an id that is only for schemathesis' own reports, and the border between the parts of a form.
ID, BOUNDARY = "x-schemathesis-testcaseid", b"border-between-two-parts-of-form"


@dataclass
class Request:
    """One request as it goes over the wire, and the case it comes from."""

    label: str
    case: schemathesis.Case
    prepared: requests.PreparedRequest
    valid: bool
    headers: list
    body: bytes

    @property
    def guarded(self):
        return self.label in GUARDED

    @property
    def target(self):
        return self.prepared.path_url

    @property
    def wants_verdict(self):
        """Whether the body asks for it, as the API has it."""
        try:
            return isinstance(json.loads(self.body)["moderation"], dict)
        except (ValueError, KeyError, TypeError):
            return False

    def __str__(self):
        head = "".join(f"{name}: {value}\n" for name, value in self.headers)
        return f"{self.prepared.method} {self.target}\n{head}\n{self.body!r}"


def requests_of(description):
    """All requests. The same description gives the same ones, in every run and on every machine."""
    made = []
    for found in schemathesis.openapi.from_path(description).get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases = examples(operation, mode, EACH_GUARDED if operation.label in GUARDED else EACH)
            made += [request(case, mode is GenerationMode.POSITIVE) for case in cases]
    # Every second one asks for no compression: both kinds of answer are to be seen.
    for number, one in enumerate(made):
        if number % 2:
            one.headers = [(name, "identity" if name == "accept-encoding" else value) for name, value in one.headers]
    return made + [streaming(one) for one in made if one.guarded and one.valid]


def examples(operation, mode, count):
    cases = []

    @settings(max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def collect(case):
        cases.append(case)

    collect()
    return cases


def request(case, valid):
    asked = case.as_transport_kwargs(base_url="http://mock.invalid")
    prepared = requests.Request(**asked).prepare()
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body
    kind = prepared.headers.get("content-type", "")
    if kind.startswith("multipart/form-data; boundary="):
        border = kind.partition("=")[2].encode()
        body = body.replace(border, BOUNDARY)
        prepared.headers["content-type"] = f"multipart/form-data; boundary={BOUNDARY.decode()}"
        prepared.headers["content-length"] = str(len(body))
    headers = [(name.lower(), value if isinstance(value, str) else value.decode("latin-1")) for name, value in prepared.headers.items()]
    headers = [("host", "mock.invalid")] + [(name, value) for name, value in headers if name not in (ID, "connection")]
    return Request(case.operation.label, case, prepared, valid, headers, body)


def streaming(one):
    """The same request, with its answer as a stream."""
    body = json.dumps({**json.loads(one.body), "stream": True}).encode()
    changed = {"accept": "text/event-stream", "content-length": str(len(body))}
    return replace(one, headers=[(name, changed.get(name, value)) for name, value in one.headers], body=body)
