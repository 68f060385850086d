// openai-node through Comity: only the base URL is another one.
//   npm install --no-save openai
//   MODEL=name-of-your-model OPENAI_API_KEY=key-of-your-model-server node examples/clients/openai_node.mjs
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const clock = await readFile(new URL("../pictures/clock.jpg", import.meta.url), "base64");
const content = [
  { type: "text", text: "May I bring one of these to the baby's hundred-day feast in Beijing?" },
  { type: "image_url", image_url: { url: `data:image/jpeg;base64,${clock}` } },
];

const client = new OpenAI({
  baseURL: process.env.COMITY_BASE_URL ?? "http://127.0.0.1:8080/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none", // goes on to the model server
  defaultHeaders: { "comity-verdict": "include" },
});
// `withResponse` gives the headers; without it, `create` gives the stream itself.
const { data: stream, response } = await client.chat.completions
  .create({ model: process.env.MODEL ?? "your-model", messages: [{ role: "user", content }], stream: true })
  .withResponse();
console.log("decision:", response.headers.get("comity-decision"));
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
  // In the last chunk, which has no choices. Its input is the question, its output the model's own answer.
  for (const [side, found] of Object.entries(chunk.moderation ?? {})) {
    const norms = (found.results ?? []).flatMap(({ categories }) => Object.keys(categories).filter((norm) => categories[norm]));
    process.stdout.write(`\n${side}: ${found.code ?? (norms.join(", ") || "nothing")}`);
  }
}
console.log();
