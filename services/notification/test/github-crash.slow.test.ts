import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublisher } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { AlertFiring } from "@ccsp/protos/ccsp/event/v1/event.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually, type IssueServerFault as Fault, type IssueServer, startIssueServer } from "@ccsp/testkit";
import { pino } from "pino";
import { type RunningNotification, startNotification } from "./start-notification.js";

const EVENTS = 1_000;
const KILLS = 6;
/** Requests that get no answer. */
const SILENT = 8;
const SEED = Number(process.env["CCSP_SEED"] ?? 20_260_131);

/** A generator of numbers from 0 to 1 with a seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe(`issues under faults and crashes (CCSP_SEED=${SEED})`, function () {
  this.timeout(400_000);
  let server: RedisServer;
  let redis: RedisConnection;
  let github: IssueServer;
  let dir: string;
  const running: RunningNotification[] = [];

  before(async () => {
    server = await startRedis({ appendOnly: true });
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
    github = await startIssueServer();
    dir = await mkdtemp(join(tmpdir(), "ccsp-issues-"));
    await writeFile(join(dir, "token"), "t0ken");
    const settings = { repository: "acme/ops", baseUrl: github.url, tokenFile: join(dir, "token"), throttle: false };
    const channels = [{ name: "issues", type: "github", concurrency: 16, ...settings }];
    await writeFile(join(dir, "channels.json"), JSON.stringify({ channels, network: { allow: ["127.0.0.1"] } }));
  });
  after(async () => {
    await Promise.all(running.map((service) => service.stop()));
    await github.close();
    await redis.close();
    await server.stop();
    await rm(dir, { recursive: true });
  });
  const start = async (instance: string): Promise<RunningNotification> => {
    const service = await startNotification({
      CCSP_REDIS_URL: server.url,
      CCSP_INSTANCE: instance,
      CCSP_NOTIFICATION_FILE: join(dir, "notifications.jsonl"),
      CCSP_NOTIFICATION_CHANNELS: join(dir, "channels.json"),
    });
    running.push(service);
    return service;
  };

  it("opens exactly one issue for each of 1,000 events, with two replicas that are killed at random", async () => {
    const random = numbers(SEED);
    const faults: readonly Fault[] = [
      "cut before",
      "cut after",
      { status: 502 },
      { status: 403, headers: { "retry-after": "1" }, message: "You have exceeded a secondary rate limit" },
      { status: 429, headers: { "retry-after": "1" } },
    ];
    // A request that gets no answer ends by its time limit only, so there are fewer of them.
    let silent = 0;
    github.script = () => {
      if (silent < SILENT && github.asked.length >= (silent + 1) * (EVENTS / (SILENT + 2))) {
        silent += 1;
        return "silent";
      }
      return random() < 0.04 ? faults[Math.floor(random() * faults.length)] : undefined;
    };
    const publisher = createPublisher(redis, "monitor");
    let replicas: RunningNotification[] = await Promise.all([start("one"), start("two")]);
    for (let at = 0; at < EVENTS; at++) {
      const value = AlertFiring.fromPartial({
        alertId: `a${at}`,
        rule: "r",
        severity: "critical",
        summary: `alert ${at}`,
      });
      await publisher.publish({ key: `alert/a${at}`, data: { $case: "alertFiring", value } });
    }
    let killed = 0;
    for (; killed < KILLS; killed++) {
      const reached = ((killed + 1) * EVENTS) / (KILLS + 2);
      await eventually(() => assert.ok(github.issues.length >= reached), { timeoutMs: 120_000 });
      const at = Math.floor(random() * 2);
      replicas[at]?.process.kill("SIGKILL");
      await replicas[at]?.process.exited;
      const fresh = await start(`replica-${killed}`);
      replicas = replicas.map((each, which) => (which === at ? fresh : each));
    }
    const client = replicas[0]?.client;
    assert.ok(client);
    await eventually(
      async () => {
        const { channels } = await client.listChannels({});
        assert.equal(channels.find(({ name }) => name === "issues")?.waiting, 0);
        // The events that a killed replica had read are in no channel until another one takes them over.
        assert.ok(github.issues.length >= EVENTS);
      },
      { timeoutMs: 200_000 },
    );
    const titles = github.issues.map(({ title }) => title).sort();
    const expected = Array.from({ length: EVENTS }, (_, at) => `r: alert ${at}`).sort();
    assert.deepEqual(titles, expected);
    assert.deepEqual([...github.comments.values()].flat(), []);
    assert.deepEqual(github.faults, []);
    assert.deepEqual([killed, silent], [KILLS, SILENT]);
  });
});
