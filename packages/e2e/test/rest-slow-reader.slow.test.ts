import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventually } from "@ccsp/testkit";

const READERS = 60;
const TEXT_BYTES = 4 * 1024 * 1024;
/**
 * Without the bound on one caller (32 MB of messages), 60 times 4 MB as message, as text and as bytes would be 720 MB.
 * 20 readers took 173 MB, and 60 took 187 MB.
 */
const MOST_GROWTH_MB = 300;

describe("Readers of event streams who read nothing", function () {
  this.timeout(180_000);
  let world: World;
  before(async () => {
    world = await startWorld({ engine: "scripted" });
  });
  after(() => world?.close());

  it("fill neither the gateway's memory nor its time, and the others get everything", async () => {
    const authorization = `Bearer ${await world.token("alice")}`;
    const mallory = `Bearer ${await world.token("mallory", { scopes: ["tasks:read-all", "prompts:read"] })}`;
    const client = world.client("alice");
    const { id } = await client.submit({ prompt: `[[flood:4MB]]` });
    await eventually(async () => assert.equal((await client.get(id)).state, "SUCCEEDED"), {
      timeoutMs: 60_000,
    });

    const before = await rssMb(world);
    const stalled: IncomingMessage[] = [];
    for (let reader = 0; reader < READERS; reader += 1) stalled.push(await open(id, mallory));
    let read = "";
    for await (const chunk of await open(id, authorization)) read += String(chunk);
    assert.match(read, /event: end\ndata: \{\}\n\n$/);
    assert.ok(read.length > TEXT_BYTES);
    const grown = (await rssMb(world)) - before;
    console.log(`${READERS} readers of ${read.length} bytes, who read nothing, took ${grown} MB`);
    assert.ok(grown < MOST_GROWTH_MB, `the gateway has grown by ${grown} MB`);
    for (const each of stalled) each.destroy();
  });

  const open = (id: string, authorization: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const url = `${world.fleet.httpAddress}/api/v2/tasks/${id}/events`;
      // An answer that nobody reads stays paused.
      const sent = request(url, { headers: { authorization }, agent: false }, resolve);
      sent.once("error", reject);
      sent.end();
    });
});

async function rssMb(world: World): Promise<number> {
  const gateway = world.fleet.processes().find(({ name }) => name === "gateway");
  const status = await readFile(`/proc/${gateway?.process.pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}
