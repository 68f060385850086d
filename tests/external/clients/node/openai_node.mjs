// The turns that it is given, taken with openai-node.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { picture, take, tool } from "./turns.mjs";

const Advice = z.object({ advice: z.string() });

const client = (turn) => new OpenAI({ baseURL: turn.base_url, apiKey: "sk-of-the-client", maxRetries: 0, timeout: 60_000 });
const options = (turn) => ({ headers: turn.headers });

function chat(turn) {
  const shown = () => [{ type: "text", text: turn.question }, { type: "image_url", image_url: { url: picture(turn) } }];
  const tools = turn.tools ? { tools: [{ type: "function", function: tool }] } : {};
  return { model: turn.model, messages: [{ role: "user", content: turn.picture ? shown() : turn.question }], ...tools };
}

function responses(turn) {
  const shown = () => [{ type: "input_text", text: turn.question }, { type: "input_image", detail: "auto", image_url: picture(turn) }];
  const tools = turn.tools ? { tools: [{ type: "function", ...tool }] } : {};
  return { model: turn.model, input: turn.picture ? [{ role: "user", content: shown() }] : turn.question, ...tools };
}

function completion(got, answer) {
  const { message, finish_reason } = answer.choices[0];
  got.text = message.content ?? "";
  got.finish = finish_reason;
  got.tools = (message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]);
  got.moderation = answer.moderation ?? null;
}

function chunk(got, came) {
  got.moderation = came.moderation ?? got.moderation;
  for (const choice of came.choices) {
    got.text += choice.delta.content ?? "";
    got.finish = choice.finish_reason ?? got.finish;
    for (const call of choice.delta.tool_calls ?? []) {
      if (call.id) got.tools.push([call.function.name, ""]);
      got.tools[call.index][1] += call.function.arguments;
    }
  }
}

function response(got, answer) {
  got.text = answer.output_text;
  got.finish = answer.status;
  got.tools = answer.output.filter((item) => item.type === "function_call").map((item) => [item.name, item.arguments]);
  got.moderation = answer.moderation ?? null;
}

function event(got, came) {
  if (came.type === "response.output_text.delta") got.text += came.delta;
  else if (came.type === "error") got.error = { type: "an error event", status: null, code: came.code, message: came.message };
  else if (came.type === "response.completed") {
    // In a bare stream nobody has put the texts together.
    const said = came.response.output.flatMap((item) => item.content ?? []).map((part) => part.text);
    finish(got, response, { ...came.response, output_text: said.join("") });
  }
}

// What a stream ends with must say what was streamed.
function finish(got, read, answer) {
  const streamed = got.text;
  read(got, answer);
  assert.equal(got.text, streamed);
}

const ways = {
  "chat create": async (turn, got) => completion(got, await client(turn).chat.completions.create(chat(turn), options(turn))),
  "chat create streamed": async (turn, got) => {
    for await (const came of await client(turn).chat.completions.create({ ...chat(turn), stream: true }, options(turn))) chunk(got, came);
  },
  "chat stream()": async (turn, got) => {
    const stream = client(turn).chat.completions.stream(chat(turn), options(turn));
    stream.on("content", (delta) => (got.text += delta));
    finish(got, completion, await stream.finalChatCompletion());
  },
  "chat parse()": async (turn, got) => {
    const asked = { ...chat(turn), response_format: zodResponseFormat(Advice, "advice") };
    const answer = await client(turn).chat.completions.parse(asked, options(turn));
    completion(got, answer);
    got.text = answer.choices[0].message.parsed?.advice ?? got.text;
  },
  "responses create": async (turn, got) => response(got, await client(turn).responses.create(responses(turn), options(turn))),
  "responses create streamed": async (turn, got) => {
    for await (const came of await client(turn).responses.create({ ...responses(turn), stream: true }, options(turn))) event(got, came);
  },
  "responses stream()": async (turn, got) => {
    const stream = client(turn).responses.stream(responses(turn), options(turn));
    for await (const came of stream) event(got, came);
    finish(got, response, await stream.finalResponse());
  },
  "responses parse()": async (turn, got) => {
    const asked = { ...responses(turn), text: { format: zodTextFormat(Advice, "advice") } };
    const answer = await client(turn).responses.parse(asked, options(turn));
    response(got, answer);
    got.text = answer.output_parsed?.advice ?? got.text;
  },
};

await take(ways, (error) => ({
  type: error.constructor.name,
  status: error.status ?? null,
  code: error.code ?? null,
  message: error.message,
}));
