import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type ClientHttp2Session, connect } from "node:http2";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { eventually } from "@ccsp/testkit";

const WATCHES = 200;
/**
 * The agent may have 32 MB unread. The gateway has each of these messages as text and as bytes, and as many again are on
 * their way from the queue. The rest is memory that the allocator keeps after 600 MB went through it. Without the bound
 * it was 1,700 MB.
 */
const MOST_GROWTH_MB = 500;
/** Without turns on the connection to the queue, no call had an answer within its 10 s until all 600 MB had come. */
const MOST_MS = 5_000;
/** On two idle cores, the 600 MB take some 10 s. */
const MEASURED_MS = 20_000;

describe("200 watches of a large answer that read nothing", function () {
  this.timeout(300_000);
  let world: World;
  const sessions: ClientHttp2Session[] = [];
  before(async () => {
    world = await startWorld({ engine: "scripted" });
  });
  after(async () => {
    for (const session of sessions) session.destroy();
    await world?.close();
  });

  it("fill neither the gateway's memory nor its connection to the queue: another agent is answered", async () => {
    const mallory = world.client("mallory");
    const { id } = await mallory.submit({ prompt: "[[flood:3MB]]" });
    let last = 0;
    for await (const { sequence } of mallory.watch(id)) last = sequence;
    const alice = world.client("alice");
    const waiting = await alice.submit({ prompt: "[[hang]]" });
    const authorization = `Bearer ${await world.token("mallory")}`;
    const before = await gatewayMb();

    // The last event has the whole answer.
    let begun = 0;
    for (let watch = 0; watch < WATCHES; watch += 1)
      readNothing(id, last - 1, authorization).on("response", () => begun++);
    const times: number[] = [];
    let most = 0;
    const ask = async () => {
      const start = performance.now();
      await alice.get(waiting.id);
      times.push(performance.now() - start);
      most = Math.max(most, (await gatewayMb()) - before);
    };
    let end = Number.POSITIVE_INFINITY;
    const asked = (async () => {
      while (performance.now() < end) await ask();
    })();
    const enough = eventually(() => assert.ok(begun >= 10, `${begun} watches have begun`), { timeoutMs: 120_000 });
    await Promise.race([enough, asked]);
    end = performance.now() + MEASURED_MS;
    await asked;
    const slowest = Math.max(...times);
    console.log(
      `the gateway grew by ${most} MB, and the slowest of ${times.length} calls took ${slowest.toFixed(0)} ms`,
    );
    assert.ok(most < MOST_GROWTH_MB, `the gateway has grown by ${most} MB`);
    assert.ok(slowest < MOST_MS, `a call took ${slowest.toFixed(0)} ms`);
  });

  /** Opens a watch on a connection of its own, and never opens its flow-control window again. */
  function readNothing(taskId: string, afterSequence: number, authorization: string) {
    const session = connect(`http://${world.fleet.gatewayAddress}`);
    sessions.push(session.on("error", () => undefined));
    const { path, requestSerialize } = AgentServiceService.watchTask;
    const message = requestSerialize({ taskId, afterSequence, untilNow: false });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ...headers, authorization }).on("error", () => undefined);
    return stream.end(Buffer.concat([prefix, message]));
  }

  async function gatewayMb(): Promise<number> {
    const gateway = world.fleet.processes().find(({ name }) => name === "gateway");
    const status = await readFile(`/proc/${gateway?.process.pid}/status`, "utf8");
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
  }
});
