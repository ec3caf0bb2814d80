import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";

/** Longer than a command waits for Redis, and much shorter than a start does. */
const LATE_MS = 30_000;
/** Longer than a caller waits for a silent Redis. */
const SILENT_MS = 3_500;

/** What each service sends when it reads something once in its start: parts of keys and of commands. */
const FIRST_READS = [
  /^hget.*meta.*format/i,
  /^hget.*meta.*shards/i,
  /^hgetall.*limits/i,
  /revo/i,
  /xinfo/i,
  /subscribe/i,
];

/** The services that use Redis. */
const NAMES = ["queue", "monitor", "notification", "gateway"];

describe("a fleet whose Redis is late", function () {
  this.timeout(180_000);
  let redis: RedisServer | undefined;
  let world: World | undefined;
  let link: Server | undefined;
  const sockets = new Set<Socket>();
  afterEach(async () => {
    await world?.close();
    for (const socket of sockets) socket.destroy();
    link?.close();
    await redis?.stop();
    [redis, world, link] = [undefined, undefined, undefined];
  });

  /** A fleet in which nothing is started again, so one service that ends makes the start fail. */
  const start = (port: number) =>
    startWorld({
      engine: "scripted",
      restart: false,
      redisUrl: `redis://127.0.0.1:${port}`,
      plain: true,
      consulUrl: "",
    });

  it("waits for it without an end of a service, each of which says so once", async () => {
    const port = await freePort();
    const starting = start(port);
    starting.catch(() => undefined);
    await sleep(LATE_MS);
    redis = await startRedis({ port });
    world = await starting;
    const entries = world.lines.map((line) => JSON.parse(line) as { service?: string; msg: string });
    const readyAt = (service: string) => entries.findIndex((each) => each.service === service && each.msg === "ready");
    assert.ok(readyAt("executor") > readyAt("queue"), "what is ready, the queue knows");
    for (const service of NAMES) {
      const said = entries.filter((each) => each.service === service && /redis (cannot|does not)/.test(each.msg));
      assert.equal(said.length, 1, `${service}: ${JSON.stringify(said)}`);
    }
    assert.equal((await collect(world.client("ann").run({ prompt: "hi" }))).ended.state, "SUCCEEDED");
  });

  it("waits for one that is silent at any first read of a start", async () => {
    const server = await startRedis();
    redis = server;
    const seen = new Set<number>();
    link = createServer((near) => {
      const far = connect(server.port, "127.0.0.1");
      near.on("data", (bytes: Buffer) => {
        const text = bytes
          .toString("latin1")
          .replaceAll(/[*$]\d+\r\n/g, "")
          .replaceAll("\r\n", " ");
        const at = FIRST_READS.findIndex((each, index) => !seen.has(index) && each.test(text));
        if (at >= 0) {
          seen.add(at);
          process.kill(server.pid, "SIGSTOP");
          setTimeout(() => process.kill(server.pid, "SIGCONT"), SILENT_MS);
        }
        far.write(bytes);
      });
      far.on("data", (bytes: Buffer) => near.write(bytes));
      for (const end of [near, far]) {
        sockets.add(end);
        end.on("error", () => undefined).on("close", () => [near, far].map((each) => each.destroy()));
      }
    });
    await new Promise<void>((resolve) => link?.listen(0, "127.0.0.1", resolve));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    world = await start((link.address() as AddressInfo).port);
    assert.deepEqual(seen, new Set(FIRST_READS.keys()));
  });
});
