import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  type CcspClient,
  ConflictError,
  createCcspClient,
  TaskFailedError,
  TaskStateError,
  UnavailableError,
} from "../src/index.js";
import { type FakeGateway, type FakeGatewayOptions, startFakeGateway } from "../src/testing.js";

const EXAMPLE = fileURLToPath(new URL("testing-example.ts", import.meta.url));

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of stream) found.push(each);
  return found;
}

describe("the gateway in memory for the tests of agents", () => {
  const open: { close(): void }[] = [];
  const start = async (options?: FakeGatewayOptions): Promise<{ gateway: FakeGateway; client: CcspClient }> => {
    const gateway = await startFakeGateway(options);
    const client = createCcspClient({ target: gateway.target, token: "any", connectMs: 20_000 });
    open.push(client, gateway);
    return { gateway, client };
  };
  afterEach(() => {
    for (const each of open.splice(0)) each.close();
  });

  it("is used by the example of the README, which passes", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    assert.ok(readme.includes(`\`\`\`ts\n${(await readFile(EXAMPLE, "utf8")).trimEnd()}\n\`\`\``));
    const args = ["--import=tsx", "--conditions=ccsp-src", EXAMPLE];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env["PATH"] } });
    assert.match(stdout, /pass 2$/m);
  });

  it("runs a task at once, and stores it once for its request id", async () => {
    const { gateway, client } = await start();
    const run = client.run({ prompt: "hello", conversation: {} }, { requestId: "mine" });
    const types: string[] = [];
    for await (const event of run) types.push(event.type);
    assert.deepEqual(types, ["accepted", "started", "text", "ended"]);
    const { text, conversationId } = await run.result();
    assert.equal(text, "You said: hello");
    assert.notEqual(conversationId, "");
    const [task] = gateway.tasks;
    const again = await client.submit({ prompt: "hello", conversation: {} }, { requestId: "mine" });
    assert.equal(again.id, task?.id);
    await assert.rejects(client.submit({ prompt: "other" }, { requestId: "mine" }), ConflictError);
  });

  it("runs a task without an answer until the test ends it, across broken streams", async () => {
    const { gateway, client } = await start({ answer: () => undefined });
    const types: string[] = [];
    for await (const event of client.run({ prompt: "hello" })) {
      types.push(event.type);
      if (event.type !== "started") continue;
      gateway.dropStreams();
      for (const { id } of gateway.tasks) gateway.end(id, "late");
    }
    assert.deepEqual(types, ["accepted", "started", "text", "ended"]);
    const cancelled = await client.submit({ prompt: "hello" });
    await client.cancel(cancelled.id);
    assert.throws(() => gateway.end(cancelled.id, "again"), /ended before/);
  });

  it("ends a watch at once that begins behind the end of a task", async () => {
    const { client } = await start();
    const { id } = await client.submit({ prompt: "hello" });
    let last = 0;
    for await (const { sequence } of client.watch(id)) last = sequence;
    for await (const entry of client.watch(id, { afterSequence: last })) assert.fail(String(entry.sequence));
  });

  it("lists a failed task, and runs it again", async () => {
    const answers = [{ category: "TIMEOUT", message: "too slow" } as const, "at last"];
    const { client } = await start({ answer: async () => answers.shift() });
    await assert.rejects(client.run({ prompt: "hello", labels: { team: "a" } }).result(), TaskFailedError);
    const found = (team: string) => all(client.list({ states: ["FAILED"], labels: { team } }));
    const [task] = await found("a");
    assert.equal(task?.error?.message, "too slow");
    assert.deepEqual(await found("b"), []);
    await client.retry(task.id);
    const texts = (await all(client.watch(task.id))).map((entry) => (entry.type === "text" ? entry.text : ""));
    assert.equal(texts.join(""), "at last");
    await assert.rejects(client.retry(task.id), TaskStateError);
  });

  it("answers every method", async () => {
    const { gateway, client } = await start();
    const { id } = await client.submit({ prompt: "hello" });
    await client.schedules.put({ name: "nightly", cron: "* * * * *", task: { prompt: "hello" } });
    assert.deepEqual(
      gateway.schedules.map(({ name }) => name),
      ["nightly"],
    );
    const calls = [client.explain(id), client.estimate({ prompt: "a" }), client.trace(id), client.usage()];
    await Promise.all([...calls, client.forecast(), client.budgets(), client.capabilities(), client.schedules.list()]);
    await client.schedules.delete("nightly");
    assert.deepEqual((await client.submitMany([{ prompt: "a" }])).length, 1);
    assert.equal((await client.get(id)).result?.text, "You said: hello");
  });

  it("ends a task with some fields of a result, and the others are empty or not known", async () => {
    const { client } = await start({
      answer: () => ({ text: "x", usage: { outputTokens: 5 }, resources: { cpuTimeMs: 7 } }),
    });
    const { text, usage, resources, model, costUsd } = await client.run({ prompt: "hello" }).result();
    assert.deepEqual(usage, { inputTokens: 0, outputTokens: 5, cacheReadTokens: 0, cacheCreationTokens: 0 });
    assert.deepEqual(resources, { cpuTimeMs: 7, peakMemoryBytes: undefined });
    assert.deepEqual([text, model, costUsd], ["x", "", undefined]);
  });

  it("fails a task whose function fails, and refuses a call that the test wants refused", async () => {
    const { gateway, client } = await start({ answer: () => assert.fail("no answer for this prompt") });
    await assert.rejects(client.run({ prompt: "hello" }).result(), /failed: AssertionError.*no answer for this/);
    // It asks for a longer wait than the patience of the client, which gives up at once.
    gateway.refuse("OVERLOADED", { retryAfterMs: 90_000 });
    await assert.rejects(client.get("0-1"), UnavailableError);
  });
});
