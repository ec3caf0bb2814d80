import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRandom, type Random } from "@ccsp/e2e-kit/random.js";
import type { World } from "@ccsp/e2e-kit/world.js";
import { liveInput } from "@ccsp/fuzz/live-input.js";
import { heapsOf } from "@ccsp/fuzz/memory.js";
import { ROLES } from "@ccsp/identity";
import { eventually } from "@ccsp/testkit";
import { startHonest } from "../../src/live-honest.js";
import { type Answer, HostileConnection } from "../../src/live-hostile.js";

const INPUTS = Number(process.env["CCSP_FUZZ_INPUTS"] ?? 600);
const SEED = process.env["CCSP_SEED"] ?? randomUUID();
const CLIENTS = 6;
/** From the first fifth of the inputs to the end. */
const MOST_GROWTH_MB = 10;

const TOPICS = ["tasks", "queue", "executors", "usage", "alerts", "health", "log", "tail"];
/** The gateway closes with these for what it is sent (RFC 6455, docs/websocket.md). 1006: without a word. */
const RIGHT_CODES = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 4400, 4401, 4429]);
/** The fault is of the gateway, or of a service behind it. */
const WRONG_REASONS = new Set(["INTERNAL", "DEPENDENCY_UNAVAILABLE"]);

export const liveFuzz = (world: () => World): Mocha.Suite =>
  describe(`${INPUTS} hostile inputs to the WebSocket (CCSP_SEED=${SEED})`, function () {
    this.timeout(1_200_000);

    it("are answered or cut off, leave nothing behind, and an honest subscriber misses no event and no pong", async () => {
      const from = world().lines.length;
      const url = `${world().fleet.httpAddress.replace("http", "ws")}/ws`;
      const honest = await startHonest(url, await world().token("honest-live"), world().client("honest-live"));
      const tasks = world().client("fuzz-live-0");
      const taskIds = ["0", "x"];
      for (let at = 0; at < 3; at += 1) taskIds.push((await tasks.submit({ prompt: `fuzz ${at}` })).id);
      const tokens = [
        ...["", "x", "ccsp_x", "y".repeat(12_289), "a.b.c"],
        ...(await Promise.all(
          ["fuzz-live-0", "fuzz-live-1"].map((agent) => world().token(agent, { scopes: ["admin"] })),
        )),
        await world().token("fuzz-live-0", { scopes: ["tasks:read"] }),
        await world().token("fuzz-live-0", { ttlSeconds: 2 }),
      ];
      const cursors = ["0-0"];
      const told = new Map<string, number>();
      const wrong: string[] = [];
      const count = (what: string) => told.set(what, (told.get(what) ?? 0) + 1);
      const onAnswer = (answer: Answer) => {
        const { type, cursor, reason } = answer;
        count(reason === undefined ? type : `${type} ${reason}`);
        if (cursor !== undefined && cursor !== cursors.at(-1)) cursors[cursors.length % 200] = cursor;
        if (reason !== undefined && WRONG_REASONS.has(reason)) wrong.push(JSON.stringify(answer));
      };
      const onClose = (code: number) => {
        count(`closed ${code}`);
        if (!RIGHT_CODES.has(code)) wrong.push(`closed with ${code}`);
      };
      const words = {
        ids: ["1", "2", "3", "many-1", "x".repeat(64), "__proto__"],
        topics: TOPICS,
        agentIds: ["fuzz-live-0", "honest-live", "x"],
        ...{ taskIds, cursors, tokens },
      };

      const connect = async (random: Random, agent: string) => {
        const token = await world().token(agent, { scopes: random.pick([["admin"], ["admin"], ROLES.agent, []]) });
        const how = random.next();
        const headers: Record<string, string> =
          how < 0.8 ? { authorization: `Bearer ${token}` } : hostileHeaders(random);
        const connection = await HostileConnection.open(url, { headers, onAnswer, onClose }).catch((error: unknown) => {
          throw new Error(`no answer to a connection with ${JSON.stringify(headers).slice(0, 300)}`, { cause: error });
        });
        if (typeof connection !== "number") return { connection, token };
        count(`HTTP ${connection}`);
        if (connection >= 500) wrong.push(`${connection} for ${JSON.stringify(headers)}`);
        return undefined;
      };

      /** One connection, for some inputs. Resolves to how many it was sent. */
      const visit = async (random: Random, agent: string, most: number): Promise<number> => {
        const connected = await connect(random, agent);
        if (connected === undefined) return 1;
        const { connection, token } = connected;
        const mute = random.chance(0.05);
        if (mute) connection.mute();
        let sent = 0;
        let unfinished = false;
        while (sent < most && connection.open && !unfinished) {
          sent += 1;
          const input = liveInput(random, { ...words, tokens: [...tokens, token] });
          unfinished = input.unfinished;
          await connection.write(input.bytes);
          if (!mute && !unfinished && random.chance(0.5)) await connection.answered();
        }
        if (!mute && !unfinished) await connection.answered();
        connection.leave(random.pick(["end", "reset"]));
        return sent;
      };
      const send = async (inputs: number): Promise<void> => {
        let left = inputs;
        const work = async (client: number): Promise<void> => {
          const random = createRandom(`${SEED} ${client} ${inputs}`);
          while (left > 0) {
            const most = Math.min(left, random.between(1, 40));
            left -= most;
            left += most - (await visit(random, `fuzz-live-${client}`, most));
          }
        };
        await Promise.all(Array.from({ length: CLIENTS }, (_, client) => work(client)));
      };

      const beganMs = performance.now();
      const memory: (readonly [heap: number, resident: number])[] = [await memoryOf(world())];
      const early = Math.floor(INPUTS / 5);
      for (const inputs of [early, INPUTS - early]) {
        await send(inputs);
        await onlyHonestIsLeft(world());
        memory.push(await memoryOf(world()));
      }
      const seconds = ((performance.now() - beganMs) / 1_000).toFixed(0);
      const figures = await honest.stop();
      console.log(
        `${INPUTS} inputs in ${seconds} s`,
        Object.fromEntries([...told].toSorted(([a], [b]) => (a < b ? -1 : 1))),
        { honest: figures },
      );
      const steps = memory.map(([heap, resident]) => `${heap.toFixed(1)} (${resident.toFixed(0)})`);
      console.log(
        `heap of the gateway in MB, and what it has of the machine: before, at 20 %, after: ${steps.join(", ")}`,
      );
      const failures = world()
        .lines.slice(from)
        .filter((line) => line.includes("a handler failed"));
      assert.deepEqual([wrong.slice(0, 5), failures.slice(0, 3)], [[], []], `${wrong.length} answers were wrong`);
      assert.ok((told.get("subscribed") ?? 0) > INPUTS / 50, "hardly any subscription was accepted");
      assert.ok((told.get("closed 4400") ?? 0) > 0 && (told.get("closed 1009") ?? 0) > 0, "hardly any was cut off");
      assert.deepEqual(
        world()
          .fleet.processes()
          .filter(({ restarts }) => restarts > 0),
        [],
      );
      const [, [before] = [0], [after] = [0]] = memory;
      if (INPUTS >= 20_000) assert.ok(after - before < MOST_GROWTH_MB, `the heap has grown by ${after - before} MB`);
    });
  });

/** What the start of a connection may say that is wrong. */
function hostileHeaders(random: Random): Record<string, string> {
  const [name, value] = random.pick([
    ["x-nothing", "x"],
    ["x-nothing", "x"],
    ["authorization", "Bearer x"],
    ["authorization", "Basic eDp5"],
    ["authorization", `Bearer ${"x".repeat(12_000)}`],
    ["cookie", "ccsp_session=x; ccsp_session=y"],
    ["origin", "https://elsewhere.example"],
    ["origin", "null"],
    ["sec-websocket-extensions", "permessage-deflate; server_max_window_bits=99"],
    ["sec-websocket-extensions", ";;,="],
    ["content-length", "10"],
  ] as const);
  return { [name]: value };
}

/** MB in the gateway's heap after a collection, and MB that its process has. */
async function memoryOf(world: World): Promise<readonly [heap: number, resident: number]> {
  const gateway = gatewayOf(world);
  const heap = (await heapsOf(world)).get("gateway") ?? 0;
  const status = await readFile(`/proc/${gateway.process.pid}/status`, "utf8");
  return [heap / 1024 / 1024, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024];
}

/** Waits until the gateway has one connection and one subscription. */
async function onlyHonestIsLeft(world: World): Promise<void> {
  const { ports } = gatewayOf(world);
  await eventually(
    async () => {
      const text = await (await fetch(`http://127.0.0.1:${ports.ops}/metrics`)).text();
      const sum = (name: string) =>
        [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))].reduce(
          (total, [, n]) => total + Number(n),
          0,
        );
      assert.deepEqual([sum("ccsp_gateway_live_connections"), sum("ccsp_gateway_live_subscriptions")], [1, 1]);
    },
    { timeoutMs: 60_000, what: "the gateway to let go of what the hostile clients had" },
  );
}

const gatewayOf = ({ fleet }: World) => fleet.processes().find(({ name }) => name === "gateway") ?? assert.fail();
