"""What the API description says about bodies: requests, answers, events, errors."""

import json

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

REQUESTS = {"/chat/completions": "CreateChatCompletionRequest", "/responses": "CreateResponse"}
ANSWERS = {"/chat/completions": "CreateChatCompletionResponse", "/responses": "Response"}
EVENTS = {"/chat/completions": "CreateChatCompletionStreamResponse", "/responses": "ResponseStreamEvent"}
ERRORS = "ErrorResponse"


def with_null(schema):
    """`nullable` is a word of older descriptions, of which some is left in this one."""
    if isinstance(schema, list):
        return [with_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: with_null(part) for name, part in schema.items()}
    return {"anyOf": [parts, {"type": "null"}]} if schema.get("nullable") is True else parts


class Description:
    def __init__(self, document):
        schemas = with_null(document["components"]["schemas"])
        # Until a response is completed it has no usage: null in the description's own examples, which its schema does not allow.
        schemas["ResponseUsage"] = {"anyOf": [schemas["ResponseUsage"], {"type": "null"}]}
        names = (*REQUESTS.values(), *ANSWERS.values(), *EVENTS.values(), ERRORS)
        self.validators = {name: Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}) for name in names}

    def require(self, name, document):
        error = best_match(self.validators[name].iter_errors(document))
        if error:
            raise AssertionError(f"no valid {name} at {error.json_path}: {error.message[:300]}, in {json.dumps(document)[:600]}")
