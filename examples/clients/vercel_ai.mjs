// The AI SDK of Vercel through Comity: only the base URL is another one.
//   npm install --no-save ai @ai-sdk/openai-compatible
//   MODEL=name-of-your-model OPENAI_API_KEY=key-of-your-model-server node examples/clients/vercel_ai.mjs
import { readFile } from "node:fs/promises";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const comity = createOpenAICompatible({
  name: "comity",
  baseURL: process.env.COMITY_BASE_URL ?? "http://127.0.0.1:8080/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none", // goes on to the model server
  headers: { "comity-verdict": "include" },
});
const clock = await readFile(new URL("../pictures/clock.jpg", import.meta.url));
const content = [
  { type: "text", text: "May I bring one of these to the baby's hundred-day feast in Beijing?" },
  // Read here rather than named by its URL: Comity looks at pictures that are in the request itself.
  { type: "file", data: clock, mediaType: "image/jpeg" },
];

const { fullStream, response } = streamText({
  model: comity(process.env.MODEL ?? "your-model"),
  messages: [{ role: "user", content }],
  includeRawChunks: true, // for the verdict, which the SDK's own parts leave out
});
for await (const part of fullStream) {
  if (part.type === "error") throw part.error;
  if (part.type === "text-delta") process.stdout.write(part.text);
  if (part.type !== "raw") continue;
  // In the last chunk. Its input is the question, its output the model's own answer.
  for (const [side, found] of Object.entries(part.rawValue.moderation ?? {})) {
    const norms = (found.results ?? []).flatMap(({ categories }) => Object.keys(categories).filter((norm) => categories[norm]));
    process.stdout.write(`\n${side}: ${found.code ?? (norms.join(", ") || "nothing")}`);
  }
}
console.log("\ndecision:", (await response).headers["comity-decision"]);
