#!/usr/bin/env bash
# curl through Comity. Nothing to install.
#   MODEL=name-of-your-model OPENAI_API_KEY=key-of-your-model-server examples/clients/curl.sh
# It prints the answer's head, with `comity-decision`, and then the events as they come; the one before the last has the verdict.
set -euo pipefail

clock=$(base64 < "$(dirname -- "${BASH_SOURCE[0]}")/../pictures/clock.jpg" | tr -d '\n')

# The body comes through a pipe: with a picture in it, it is too long for a command line.
curl --silent --show-error --fail-with-body --include --no-buffer \
    "${COMITY_BASE_URL:-http://127.0.0.1:8080/v1}/chat/completions" \
    --header "authorization: Bearer ${OPENAI_API_KEY:-none}" \
    --header "content-type: application/json" \
    --header "comity-verdict: include" \
    --data-binary @- <<BODY
{
  "model": "${MODEL:-your-model}",
  "stream": true,
  "messages": [{ "role": "user", "content": [
    { "type": "text", "text": "May I bring one of these to the baby's hundred-day feast in Beijing?" },
    { "type": "image_url", "image_url": { "url": "data:image/jpeg;base64,$clock" } }
  ] }]
}
BODY
