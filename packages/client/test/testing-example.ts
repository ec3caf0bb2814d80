import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type CcspClient, createCcspClient, QueueFullError, TaskFailedError } from "@ccsp/client";
import { type FakeGateway, startFakeGateway } from "@ccsp/client/testing";

/** The agent. It asks for a shorter text if the model cannot read the whole one. */
async function summarise(client: CcspClient, text: string): Promise<string> {
  const ask = async (part: string) => (await client.run({ prompt: `Summarise: ${part}` }).result()).text;
  try {
    return await ask(text);
  } catch (error) {
    if (!(error instanceof TaskFailedError) || error.category !== "CONTEXT_OVERFLOW") throw error;
    return ask(text.slice(0, 100));
  }
}

let gateway: FakeGateway;
let client: CcspClient;
beforeEach(async () => {
  const answer = ({ prompt }: { prompt: string }) =>
    prompt.length < 200 ? "A short text." : ({ category: "CONTEXT_OVERFLOW" } as const);
  gateway = await startFakeGateway({ answer });
  client = createCcspClient({ target: gateway.target, token: "any" });
});
afterEach(() => {
  client.close();
  gateway.close();
});

await test("cuts a long text", async () => {
  assert.equal(await summarise(client, "long ".repeat(100)), "A short text.");
  assert.equal(gateway.tasks.length, 2);
});

await test("reports a full queue", async () => {
  gateway.refuse("QUEUE_FULL", { retryAfterMs: 2_000 });
  await assert.rejects(summarise(client, "text"), (error) => {
    assert.ok(error instanceof QueueFullError);
    assert.equal(error.retryAfterMs, 2_000);
    return true;
  });
});
