import { createHmac } from "node:crypto";
import { createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskResult, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { unlessBrief } from "@ccsp/testkit";
import { ECHO } from "./echo.js";
import { median, medianRatio, oneByOne, quantile } from "./measure.js";
import { ENGINE, PROMPT } from "./ours.js";
import { SECRET, startEcho, startGateway, startQueue } from "./processes.js";
import { connectRaw } from "./raw-call.js";
import type { Report } from "./report.js";

// The figure is for an idle installation that has answered before, so the warm-up is long. Node compiles the code in
// use until some 1,500 tasks, and by then both sides are twice as fast.
const WARM_UP = unlessBrief(25);
const ROUNDS = unlessBrief(20);
const PER_ROUND = unlessBrief(60, 5);

/** Alternates tasks, one at a time through gateway, queue and an executor that answers at once, with bare echoes. */
export async function benchRoundtrip(url: string, { say, ratio }: Report): Promise<void> {
  const queue = await startQueue(url);
  const gateway = await startGateway(queue.address, url);
  const echo = await startEcho();
  const agent = createClient(AgentServiceService, gateway.address);
  const metadata = withToken();
  const toEcho = await connectRaw(echo.address, 1);
  const executor = startExecutor(queue.address);
  // The time of each step, in ms since the start of its task.
  const steps = { accepted: [0], leased: [0], ended: [0] };
  const run = async () => {
    const start = performance.now();
    let [accepted, ended] = [0, false];
    for await (const { message } of agent.runTask({ spec: TaskSpec.fromPartial({ prompt: PROMPT }) }, { metadata })) {
      if (message?.$case === "task") accepted = performance.now();
      ended = message?.$case === "event" && message.value.event?.$case === "taskEnded";
    }
    if (!ended) throw new Error("the stream ended before the task");
    steps.accepted.push(accepted - start);
    steps.leased.push(executor.leased() - start);
    steps.ended.push(performance.now() - start);
  };
  try {
    const echoes: number[] = [];
    const runs: number[] = [];
    const payload = Buffer.alloc(330, "x");
    for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
      const [echoed, ran] = [
        await oneByOne(PER_ROUND, () => toEcho.call(ECHO.path, payload)),
        await oneByOne(PER_ROUND, run),
      ];
      if (round < WARM_UP) {
        Object.assign(steps, { accepted: [], leased: [], ended: [] });
        continue;
      }
      echoes.push(median(echoed));
      runs.push(median(ran));
    }
    say(
      `echo: p50 ${median(echoes).toFixed(2)} ms; task: p50 ${median(runs).toFixed(2)}, p99 ${quantile(steps.ended, 0.99).toFixed(2)} ms`,
    );
    say(
      `p50 since the call: accepted ${median(steps.accepted).toFixed(2)} ms, leased ${median(steps.leased).toFixed(2)} ms, ended ${median(steps.ended).toFixed(2)} ms`,
    );
    ratio("roundtrip_vs_echo", medianRatio(runs, echoes));
  } finally {
    await executor.close();
    agent.close();
    toEcho.close();
    await gateway.close();
    await echo.close();
    await queue.close();
  }
}

/** Takes every lease and completes it at once, without a report. */
function startExecutor(address: string) {
  const client = createClient(QueueServiceService, address);
  const stop = new AbortController();
  const held = new Map<string, { taskId: string; fence: bigint }>();
  const result = TaskResult.fromPartial({ text: "done" });
  let leasedAt = 0;
  const sync = async () => {
    for (let sequence = 1n; !stop.signal.aborted; sequence += 1n) {
      const { leases } = await client.sync(
        {
          executorId: "ex-1",
          bootId: "boot-1",
          sequence,
          leases: [...held.values()],
          draining: false,
          engines: [{ engine: ENGINE, freeSlots: 4, version: "", account: "", slots: 4 }],
          maxWait: { seconds: 20n, nanos: 0 },
        },
        { timeoutMs: 30_000, signal: stop.signal },
      );
      for (const { taskId, fence } of leases) {
        leasedAt = performance.now();
        held.set(taskId, { taskId, fence });
        void client.complete({ taskId, fence, result }).finally(() => held.delete(taskId));
      }
    }
  };
  const running = sync().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    leased: () => leasedAt,
    async close() {
      stop.abort();
      await running;
      client.close();
    },
  };
}

function withToken() {
  const token = signToken({
    sub: "agent-0",
    aud: "ccsp",
    scope: "tasks:submit tasks:read",
    exp: Math.floor(Date.now() / 1000) + 3600,
  });
  return { authorization: `Bearer ${token}` };
}

function signToken(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}
