# openai-python through Comity: only the base URL is another one.
#   pip install openai
#   MODEL=name-of-your-model OPENAI_API_KEY=key-of-your-model-server python examples/clients/openai_python.py
import base64
import os
from pathlib import Path

from openai import OpenAI

clock = base64.b64encode((Path(__file__).parent.parent / "pictures/clock.jpg").read_bytes()).decode()
content = [
    {"type": "text", "text": "May I bring one of these to the baby's hundred-day feast in Beijing?"},
    {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{clock}"}},
]

client = OpenAI(
    base_url=os.environ.get("COMITY_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),  # goes on to the model server
    default_headers={"comity-verdict": "include"},
)
# `with_raw_response` gives the headers; without it, `create` gives the stream itself.
response = client.chat.completions.with_raw_response.create(
    model=os.environ.get("MODEL", "your-model"), messages=[{"role": "user", "content": content}], stream=True
)
print("decision:", response.headers["comity-decision"])
for chunk in response.parse():
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
    if chunk.moderation:  # in the last chunk, which has no choices
        for side, found in chunk.moderation.model_dump().items():  # input: the question; output: the model's own answer
            norms = [norm for result in found.get("results", []) for norm, flagged in result["categories"].items() if flagged]
            print(f"\n{side}:", found.get("code") or ", ".join(norms) or "nothing", end="")
print()
