// What the Node clients share: every line of the standard input is a turn to take, and every line of the standard output says what came of one.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export const tool = {
  name: "look_up",
  description: "Looks up a custom.",
  // Strict, since the helpers that parse accept no other.
  strict: true,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
};

export const picture = (turn) => `data:image/jpeg;base64,${readFileSync(turn.picture).toString("base64")}`;

// Takes every turn in its way. A way fills in `got` as it goes, so that what came before an error is told, too.
export async function take(ways, described) {
  for await (const line of createInterface({ input: process.stdin })) {
    const turn = JSON.parse(line);
    const got = { id: turn.id, text: "", finish: null, tools: [], moderation: null, error: null };
    try {
      await ways[turn.way](turn, got);
    } catch (error) {
      got.error = described(error);
    }
    console.log(JSON.stringify(got));
  }
}
