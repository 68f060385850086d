# LangChain through Comity: only the base URL is another one.
#   pip install langchain-openai
#   MODEL=name-of-your-model OPENAI_API_KEY=key-of-your-model-server python examples/clients/langchain_python.py
import base64
import os
from pathlib import Path

from langchain_openai import ChatOpenAI

clock = base64.b64encode((Path(__file__).parent.parent / "pictures/clock.jpg").read_bytes()).decode()
content = [
    {"type": "text", "text": "May I bring one of these to the baby's hundred-day feast in Beijing?"},
    {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{clock}"}},
]

model = ChatOpenAI(
    base_url=os.environ.get("COMITY_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),  # goes on to the model server
    model=os.environ.get("MODEL", "your-model"),
    include_response_headers=True,  # they come with the first chunk
)
# No verdict is asked for: LangChain drops the `moderation` object. The audit has it under the record's id.
for chunk in model.stream([("user", content)]):
    headers = chunk.response_metadata.get("headers")
    if headers:
        print("decision:", headers["comity-decision"], "record:", headers["comity-record"])
    print(chunk.content, end="", flush=True)
print()
