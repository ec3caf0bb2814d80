import assert from "node:assert/strict";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { SessionProof } from "@ccsp/protos/ccsp/event/v1/event.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { lead } from "../src/state/leader.js";
import { openState } from "../src/state/state-store.js";

const log = pino({ level: "silent" });
const text = (json: unknown): string => {
  if (typeof json !== "string") throw new TypeError("not a text");
  return json;
};

describe("the monitor's state", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
  });
  after(async () => {
    await redis?.close();
    await server?.stop();
  });

  const event = (key: string) =>
    ({
      key,
      time: new Date(5),
      data: { $case: "sessionValid", value: { engine: key, account: "a", proof: "run", proofEnum: SessionProof.RUN } },
    }) as const;
  const told = async () =>
    (await redis.client.xrange(eventsKey(0), "-", "+")).map(([id, fields]) => decodeEvent(0, id, fields)?.id);

  it("changes once and tells once when two replicas decide the same, and the loser reads what won", async () => {
    const open = () => openState({ redis: redis.client, log, part: "part", parse: text });
    const [one, two] = [open(), open()];
    assert.equal(await one.get("x"), undefined);
    const outcomes = await Promise.all(
      [one, two].map((store, n) =>
        store.change({ name: "x", before: undefined, after: `by ${n}`, events: [event(`a${n}`), event(`b${n}`)] }),
      ),
    );
    const [won] = outcomes.filter((outcome) => typeof outcome === "object");
    assert.deepEqual(outcomes.filter((outcome) => outcome === "conflict").length, 1);
    assert.deepEqual(await two.get("x"), won);
    const by = won?.value.at(-1);
    assert.deepEqual(await told(), [`monitor:a${by}`, `monitor:b${by}`]);
    assert.equal(await one.change({ name: "x", before: won, after: undefined, events: [event("c")] }), "removed");
    assert.equal(await one.change({ name: "x", before: won, after: "again" }), "conflict");
    assert.deepEqual(await one.list(), []);
    assert.deepEqual((await told()).at(-1), "monitor:c");
  });

  it("leaves out an entry that cannot be read, logs it once, and keeps what was decided on the others", async () => {
    const logged: unknown[] = [];
    const errors = pino({ level: "error" }, { write: (line: string) => logged.push(JSON.parse(line).entry) });
    const store = openState({ redis: redis.client, log: errors, part: "faulty", parse: text });
    await store.change({ name: "good", before: undefined, after: "text" });
    await redis.client.hset("ccsp:monitor:{0}:faulty", "broken", 'r1 {"half', "newer", "r2 7");
    for (let looks = 0; looks < 2; looks += 1)
      assert.deepEqual(
        (await store.list()).map(({ name }) => name),
        ["good"],
      );
    assert.deepEqual(
      logged.map(String).toSorted((a, b) => a.localeCompare(b)),
      ["broken", "newer"],
    );
    assert.deepEqual(await store.names(), new Set(["good", "broken", "newer"]));
    await assert.rejects(store.get("newer"), /the entry "newer" of ccsp:monitor:\{0\}:faulty cannot be read/);
    assert.equal(await store.change({ name: "newer", before: undefined, after: "lost" }), "conflict");
    assert.deepEqual(await store.remove("newer"), { value: undefined });
    assert.deepEqual(await store.remove("good"), { value: "text" });
    assert.equal(await store.remove("good"), undefined);
    assert.deepEqual(await store.names(), new Set(["broken"]));
  });

  it("has its duties done by one replica, and by the next when the first stops or goes silent", async () => {
    const turns: string[] = [];
    const start = (instance: string, leaseMs: number) =>
      lead({
        redis: redis.client,
        instance,
        log,
        leaseMs,
        duties: [
          {
            name: "turn",
            everyMs: 5,
            turn: async () => {
              turns.push(instance);
            },
          },
        ],
      });
    // The lease of the first outlives any pause of this process.
    const one = start("one", 60_000);
    await eventually(() => assert.ok(one.leads));
    const two = start("two", 300);
    await eventually(() => assert.ok(turns.length > 20));
    assert.deepEqual(new Set(turns), new Set(["one"]));
    await one.close();
    const until = turns.length;
    await eventually(() => assert.ok(turns.length > until));
    assert.deepEqual(new Set(turns.slice(until)), new Set(["two"]));

    // A replica that goes silent: its lease stays in Redis until it ends.
    await redis.client.set("ccsp:monitor:{0}:leader", "gone");
    await eventually(() => assert.ok(!two.leads));
    await redis.client.pexpire("ccsp:monitor:{0}:leader", 600);
    await eventually(() => assert.ok(two.leads));
    await two.close();
    assert.equal(await redis.client.get("ccsp:monitor:{0}:leader"), null);
  });

  it("logs the first failure of a duty and its end, not each failure", async () => {
    const lines: string[] = [];
    let turns = 0;
    const leader = lead({
      redis: redis.client,
      instance: "one",
      log: pino({ base: null }, { write: (line) => void lines.push(line) }),
      duties: [
        {
          name: "turn",
          everyMs: 1,
          turn: async () => {
            turns += 1;
            if (turns <= 10) throw new Error(`failure ${turns}`);
          },
        },
      ],
    });
    await eventually(() => assert.ok(turns > 20));
    await leader.close();
    const told = lines.map((line) => JSON.parse(line)).filter(({ duty }) => duty === "turn");
    assert.deepEqual(
      told.map(({ level, err, msg }) => [level, err?.message, msg]),
      [
        [40, "failure 1", "a duty of the leader failed, trying again"],
        [30, undefined, "a duty of the leader succeeds again"],
      ],
    );
  });
});
