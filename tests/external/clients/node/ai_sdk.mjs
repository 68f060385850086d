// The turns that it is given, taken with the AI SDK and two of its providers.

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, jsonSchema, streamText, tool as described } from "ai";
import { z } from "zod";
import { picture, take, tool } from "./turns.mjs";

const Advice = z.object({ advice: z.string() });

const openai = (turn) => createOpenAI({ baseURL: turn.base_url, apiKey: "sk-of-the-client" });
const compatible = (turn) =>
  createOpenAICompatible({ name: "comity", baseURL: turn.base_url, apiKey: "sk-of-the-client", supportsStructuredOutputs: true });

const providers = {
  compatible: (turn) => compatible(turn)(turn.model),
  chat: (turn) => openai(turn).chat(turn.model),
  responses: (turn) => openai(turn).responses(turn.model),
};

function asked(turn, model) {
  const shown = () => [{ type: "text", text: turn.question }, { type: "image", image: picture(turn) }];
  const inputSchema = jsonSchema(tool.parameters);
  const tools = turn.tools ? { tools: { [tool.name]: described({ description: tool.description, inputSchema }) } } : {};
  const messages = [{ role: "user", content: turn.picture ? shown() : turn.question }];
  return { model, messages, headers: turn.headers, maxRetries: 0, abortSignal: AbortSignal.timeout(60_000), ...tools };
}

function told(error) {
  if (!(error instanceof Error)) return { type: "an error part", status: null, code: null, message: JSON.stringify(error) };
  return { type: error.name, status: error.statusCode ?? null, code: error.data?.error?.code ?? null, message: error.message };
}

async function generate(turn, got, model) {
  const answer = await generateText(asked(turn, model));
  got.text = answer.text;
  got.finish = answer.finishReason;
  got.tools = answer.toolCalls.map((call) => [call.toolName, call.input]);
  got.moderation = answer.response.body?.moderation ?? null;
}

async function stream(turn, got, model) {
  // The errors are parts of the stream; without this they would be printed, too.
  const { fullStream } = streamText({ ...asked(turn, model), onError: () => {} });
  for await (const part of fullStream) {
    if (part.type === "text-delta") got.text += part.text;
    else if (part.type === "tool-call") got.tools.push([part.toolName, part.input]);
    else if (part.type === "finish") got.finish = part.finishReason;
    else if (part.type === "error") got.error = told(part.error);
  }
}

async function object(turn, got, model) {
  const answer = await generateText({ ...asked(turn, model), output: Output.object({ schema: Advice }) });
  got.text = answer.output.advice;
  got.finish = answer.finishReason;
  got.moderation = answer.response.body?.moderation ?? null;
}

const ways = {};
for (const [name, provider] of Object.entries(providers)) {
  for (const [way, taken] of Object.entries({ generateText: generate, streamText: stream, "Output.object": object })) {
    ways[`${name} ${way}`] = (turn, got) => taken(turn, got, provider(turn));
  }
}

await take(ways, told);
